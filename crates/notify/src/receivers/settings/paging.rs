//! Services that wake people.

use std::collections::BTreeMap;

use url::Url;

use super::{HttpClientSettings, SecretSource, TemplatedValue, TextSource};

/// `pagerduty_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct PagerDutySettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `routing_key`, `routing_key_file`: the key of an integration of Events API v2. A template. One
    /// of this and `service_key` is required; with both, `service_key` decides the API.
    pub routing_key: Option<SecretSource>,
    /// `service_key`, `service_key_file`: the key of an integration of the older Events API v1. A
    /// template.
    pub service_key: Option<SecretSource>,
    /// `url`. None: `https://events.pagerduty.com/v2/enqueue`. Events API v1 has a URL of its own.
    pub url: Option<Url>,
    /// A template. Default `{{ template "pagerduty.default.client" . }}`.
    pub client: String,
    /// A template. Default `{{ template "pagerduty.default.clientURL" . }}`.
    pub client_url: String,
    /// A template. Default `{{ template "pagerduty.default.description" .}}`.
    pub description: String,
    /// Details. `firing`, `resolved`, `num_firing` and `num_resolved` are there by default; those of
    /// the configuration replace them by key ([`Self::default_details`]).
    pub details: BTreeMap<String, TemplatedValue>,
    /// Images.
    pub images: Vec<PagerDutyImage>,
    /// Links.
    pub links: Vec<PagerDutyLink>,
    /// A template. Empty: what `client` says.
    pub source: String,
    /// A template. Empty: `error`.
    pub severity: String,
    /// A template.
    pub class: String,
    /// A template.
    pub component: String,
    /// A template.
    pub group: String,
    /// How long a request may take, ms. None: until the delivery's deadline.
    pub timeout_ms: Option<u64>,
}

impl PagerDutySettings {
    /// The details that are sent where the configuration has none of that name.
    #[must_use]
    pub fn default_details() -> BTreeMap<String, TemplatedValue> {
        [
            ("firing", "{{ .Alerts.Firing | toJson }}"),
            ("resolved", "{{ .Alerts.Resolved | toJson }}"),
            ("num_firing", "{{ .Alerts.Firing | len }}"),
            ("num_resolved", "{{ .Alerts.Resolved | len }}"),
        ]
        .into_iter()
        .map(|(name, text)| (name.to_owned(), TemplatedValue::Text(text.to_owned())))
        .collect()
    }
}

impl Default for PagerDutySettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            routing_key: None,
            service_key: None,
            url: None,
            client: r#"{{ template "pagerduty.default.client" . }}"#.to_owned(),
            client_url: r#"{{ template "pagerduty.default.clientURL" . }}"#.to_owned(),
            description: r#"{{ template "pagerduty.default.description" .}}"#.to_owned(),
            details: Self::default_details(),
            images: Vec::new(),
            links: Vec::new(),
            source: String::new(),
            severity: String::new(),
            class: String::new(),
            component: String::new(),
            group: String::new(),
            timeout_ms: None,
        }
    }
}

/// An image of an incident. All are templates; without `src` it is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "as PagerDuty names them")]
pub struct PagerDutyImage {
    pub src: String,
    pub alt: String,
    pub href: String,
}

/// A link of an incident. Both are templates; without `href` it is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "as PagerDuty names them")]
pub struct PagerDutyLink {
    pub href: String,
    pub text: String,
}

/// `opsgenie_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct OpsgenieSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `api_key`, `api_key_file`. A template. Required.
    pub api_key: Option<SecretSource>,
    /// `api_url`. None: `https://api.opsgenie.com/`.
    pub api_url: Option<Url>,
    /// A template. Default `{{ template "opsgenie.default.message" . }}`.
    pub message: String,
    /// A template. Default `{{ template "opsgenie.default.description" . }}`.
    pub description: String,
    /// A template. Default `{{ template "opsgenie.default.source" . }}`.
    pub source: String,
    /// Details beside the labels that all alerts share. Values are templates.
    pub details: BTreeMap<String, String>,
    /// A template.
    pub entity: String,
    /// Who is responsible.
    pub responders: Vec<OpsgenieResponder>,
    /// Separated by commas. A template.
    pub actions: String,
    /// Separated by commas. A template.
    pub tags: String,
    /// A template.
    pub note: String,
    /// `P1` to `P5`. A template.
    pub priority: String,
    /// Whether to update message and description of an alert that is there.
    pub update_alerts: bool,
}

impl Default for OpsgenieSettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            api_key: None,
            api_url: None,
            message: r#"{{ template "opsgenie.default.message" . }}"#.to_owned(),
            description: r#"{{ template "opsgenie.default.description" . }}"#.to_owned(),
            source: r#"{{ template "opsgenie.default.source" . }}"#.to_owned(),
            details: BTreeMap::new(),
            entity: String::new(),
            responders: Vec::new(),
            actions: String::new(),
            tags: String::new(),
            note: String::new(),
            priority: String::new(),
            update_alerts: false,
        }
    }
}

/// Somebody responsible. All are templates; one of the first three has to be set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OpsgenieResponder {
    /// `id`
    pub id: String,
    /// `name`
    pub name: String,
    /// `username`
    pub username: String,
    /// `type`: `team`, `teams`, `user`, `escalation` or `schedule`, in lower case where it is no
    /// template. `teams` stands for several teams, whose names are separated by commas.
    pub kind: String,
}

/// `pushover_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct PushoverSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `user_key`, `user_key_file`. A template. Required.
    pub user_key: Option<SecretSource>,
    /// `token`, `token_file`. A template. Required.
    pub token: Option<SecretSource>,
    /// A template. Default `{{ template "pushover.default.title" . }}`.
    pub title: String,
    /// A template. Default `{{ template "pushover.default.message" . }}`.
    pub message: String,
    /// A template. Default `{{ template "pushover.default.url" . }}`.
    pub url: String,
    /// A template.
    pub url_title: String,
    /// A template.
    pub device: String,
    /// A template.
    pub sound: String,
    /// -2 to 2. A template. Default: emergency (2) while firing, else 0.
    pub priority: String,
    /// How often Pushover repeats an emergency, ms. Default a minute.
    pub retry_ms: u64,
    /// How long Pushover repeats it, ms. Default an hour.
    pub expire_ms: u64,
    /// How long it is shown, ms; 0, the default: for ever.
    pub ttl_ms: u64,
    /// `html`, `monospace`. Default plain.
    pub format: PushoverFormat,
}

impl Default for PushoverSettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            user_key: None,
            token: None,
            title: r#"{{ template "pushover.default.title" . }}"#.to_owned(),
            message: r#"{{ template "pushover.default.message" . }}"#.to_owned(),
            url: r#"{{ template "pushover.default.url" . }}"#.to_owned(),
            url_title: String::new(),
            device: String::new(),
            sound: String::new(),
            priority: r#"{{ if eq .Status "firing" }}2{{ else }}0{{ end }}"#.to_owned(),
            retry_ms: 60_000,
            expire_ms: 3_600_000,
            ttl_ms: 0,
            format: PushoverFormat::Plain,
        }
    }
}

/// How Pushover reads a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PushoverFormat {
    /// As it is.
    Plain,
    /// `html: true`; then the message is made as HTML, its values escaped.
    Html,
    /// `monospace: true`
    Monospace,
}

/// `victorops_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct VictorOpsSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `api_key`, `api_key_file`. Required.
    pub api_key: Option<SecretSource>,
    /// `api_url`. None: `https://alert.victorops.com/integrations/generic/20131114/alert/`.
    pub api_url: Option<Url>,
    /// A template. Required.
    pub routing_key: String,
    /// A template. Default `CRITICAL`.
    pub message_type: String,
    /// A template. Default `{{ template "victorops.default.state_message" . }}`.
    pub state_message: String,
    /// A template. Default `{{ template "victorops.default.entity_display_name" . }}`.
    pub entity_display_name: String,
    /// A template. Default `{{ template "victorops.default.monitoring_tool" . }}`.
    pub monitoring_tool: String,
    /// Further fields; values are templates. The names of the other fields of a message
    /// ([`Self::RESERVED_FIELDS`]) are not allowed.
    pub custom_fields: BTreeMap<String, String>,
}

impl VictorOpsSettings {
    /// Names that custom fields cannot have.
    pub const RESERVED_FIELDS: [&'static str; 7] = [
        "routing_key",
        "message_type",
        "state_message",
        "entity_display_name",
        "monitoring_tool",
        "entity_id",
        "entity_state",
    ];
}

impl Default for VictorOpsSettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            api_key: None,
            api_url: None,
            routing_key: String::new(),
            message_type: "CRITICAL".to_owned(),
            state_message: r#"{{ template "victorops.default.state_message" . }}"#.to_owned(),
            entity_display_name: r#"{{ template "victorops.default.entity_display_name" . }}"#
                .to_owned(),
            monitoring_tool: r#"{{ template "victorops.default.monitoring_tool" . }}"#.to_owned(),
            custom_fields: BTreeMap::new(),
        }
    }
}

/// `incidentio_configs`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IncidentIoSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `url`, `url_file`. Required.
    pub url: Option<TextSource>,
    /// `alert_source_token`, `alert_source_token_file`. Required unless `http` has credentials.
    pub alert_source_token: Option<SecretSource>,
    /// Most alerts in a message; further ones are counted only. 0: all.
    pub max_alerts: u64,
    /// How long a request may take, ms. None: until the delivery's deadline.
    pub timeout_ms: Option<u64>,
}
