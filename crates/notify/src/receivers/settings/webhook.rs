//! A JSON document for whoever listens.

use super::{HttpClientSettings, SecretSource, TemplatedValue};

/// `webhook_configs`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WebhookSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `url`, `url_file`: where to. A template. Required.
    pub url: Option<SecretSource>,
    /// Most alerts in a message; further ones are counted only. 0: all.
    pub max_alerts: u64,
    /// How long a request may take, ms. None: until the delivery's deadline.
    pub timeout_ms: Option<u64>,
    /// Sent instead of the usual document: texts are templates, and what they print is read as YAML,
    /// so that it can be a number, a list or a map.
    pub payload: Option<TemplatedValue>,
}
