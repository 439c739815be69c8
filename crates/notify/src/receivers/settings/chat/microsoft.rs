//! Microsoft Teams, by its retired connectors and by workflows.

use crate::receivers::settings::{HttpClientSettings, SecretSource};

/// `msteams_configs`: connectors of Office 365.
#[derive(Debug, Clone, PartialEq)]
pub struct MsTeamsSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `webhook_url`, `webhook_url_file`. Required.
    pub webhook_url: Option<SecretSource>,
    /// A template. Default `{{ template "msteams.default.title" . }}`.
    pub title: String,
    /// A template. Default `{{ template "msteams.default.summary" . }}`.
    pub summary: String,
    /// A template. Default `{{ template "msteams.default.text" . }}`.
    pub text: String,
}

impl Default for MsTeamsSettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            webhook_url: None,
            title: r#"{{ template "msteams.default.title" . }}"#.to_owned(),
            summary: r#"{{ template "msteams.default.summary" . }}"#.to_owned(),
            text: r#"{{ template "msteams.default.text" . }}"#.to_owned(),
        }
    }
}

/// `msteamsv2_configs`: flows, which take adaptive cards.
#[derive(Debug, Clone, PartialEq)]
pub struct MsTeamsV2Settings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `webhook_url`, `webhook_url_file`. Required.
    pub webhook_url: Option<SecretSource>,
    /// A template. Default `{{ template "msteamsv2.default.title" . }}`.
    pub title: String,
    /// A template. Default `{{ template "msteamsv2.default.text" . }}`.
    pub text: String,
}

impl Default for MsTeamsV2Settings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            webhook_url: None,
            title: r#"{{ template "msteamsv2.default.title" . }}"#.to_owned(),
            text: r#"{{ template "msteamsv2.default.text" . }}"#.to_owned(),
        }
    }
}
