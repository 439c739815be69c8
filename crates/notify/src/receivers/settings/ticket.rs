//! Trackers of issues.

use std::collections::BTreeMap;

use url::Url;

use super::{HttpClientSettings, TemplatedValue};

/// `jira_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct JiraSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `api_url`: the base of the API, such as `https://company.atlassian.net/rest/api/3`. Required.
    pub api_url: Option<Url>,
    /// `api_type`. Default `auto`.
    pub api: JiraApi,
    /// The project's key. A template. Required.
    pub project: String,
    /// Default `{{ template "jira.default.summary" . }}`.
    pub summary: JiraField,
    /// Default `{{ template "jira.default.description" . }}`. Version 3 of the API takes documents
    /// (ADF): a text that is none becomes a paragraph.
    pub description: JiraField,
    /// Labels of the issue. Templates.
    pub labels: Vec<String>,
    /// A template. Default `{{ template "jira.default.priority" . }}`.
    pub priority: String,
    /// A template. Required.
    pub issue_type: String,
    /// The transition that opens a resolved issue again. A template. Empty: none.
    pub reopen_transition: String,
    /// The transition that resolves an issue. A template. Empty: none.
    pub resolve_transition: String,
    /// Issues that were resolved so are left alone. A template. Empty: none.
    pub wont_fix_resolution: String,
    /// How long ago an issue may have been resolved to be opened again, ms; 0: however long.
    pub reopen_duration_ms: u64,
    /// Further fields of the issue, by name.
    pub fields: BTreeMap<String, TemplatedValue>,
}

impl Default for JiraSettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            api_url: None,
            api: JiraApi::Auto,
            project: String::new(),
            summary: JiraField::new(r#"{{ template "jira.default.summary" . }}"#),
            description: JiraField::new(r#"{{ template "jira.default.description" . }}"#),
            labels: Vec::new(),
            priority: r#"{{ template "jira.default.priority" . }}"#.to_owned(),
            issue_type: String::new(),
            reopen_transition: String::new(),
            resolve_transition: String::new(),
            wont_fix_resolution: String::new(),
            reopen_duration_ms: 0,
            fields: BTreeMap::new(),
        }
    }
}

/// Which of Jira's products answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JiraApi {
    /// `auto`: the cloud if the host is below `atlassian.net`.
    Auto,
    /// `cloud`
    Cloud,
    /// `datacenter`
    Datacenter,
}

/// A text of an issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JiraField {
    /// A template.
    pub template: String,
    /// `enable_update`: whether it is written again when the issue is there already. Default true.
    pub enable_update: bool,
}

impl JiraField {
    /// A text that is kept up to date.
    #[must_use]
    pub fn new(template: &str) -> Self {
        Self {
            template: template.to_owned(),
            enable_update: true,
        }
    }
}
