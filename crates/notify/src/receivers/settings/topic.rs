//! Amazon SNS: read, so that configurations are taken as they are, but not sent.

use std::collections::BTreeMap;

use super::{HttpClientSettings, Secret};

/// `sns_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct SnsSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `api_url`. A template. Empty: that of the region.
    pub api_url: String,
    /// `sigv4`
    pub sigv4: SigV4Settings,
    /// `topic_arn`, `phone_number` or `target_arn`. A template. Required.
    pub target: Option<SnsTarget>,
    /// A template. Default `{{ template "sns.default.subject" . }}`.
    pub subject: String,
    /// A template. Default `{{ template "sns.default.message" . }}`.
    pub message: String,
    /// Attributes of the message. Keys and values are templates.
    pub attributes: BTreeMap<String, String>,
    /// `use_aws_http_client`
    pub use_aws_http_client: bool,
}

impl Default for SnsSettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            api_url: String::new(),
            sigv4: SigV4Settings::default(),
            target: None,
            subject: r#"{{ template "sns.default.subject" . }}"#.to_owned(),
            message: r#"{{ template "sns.default.message" . }}"#.to_owned(),
            attributes: BTreeMap::new(),
            use_aws_http_client: false,
        }
    }
}

/// To whom SNS hands on. Each is a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnsTarget {
    /// `topic_arn`
    Topic(String),
    /// `phone_number`
    Phone(String),
    /// `target_arn`
    Target(String),
}

/// How requests to Amazon are signed. An empty text is one that is not set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SigV4Settings {
    /// `region`
    pub region: String,
    /// `access_key`
    pub access_key: String,
    /// `secret_key`
    pub secret_key: Option<Secret>,
    /// `profile`
    pub profile: String,
    /// `role_arn`
    pub role_arn: String,
    /// `external_id`
    pub external_id: String,
    /// `use_fips_sts_endpoint`
    pub use_fips_sts_endpoint: bool,
    /// `service_name`
    pub service_name: String,
}
