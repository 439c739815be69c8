//! Slack.

use url::Url;

use super::TextField;
use crate::receivers::settings::{HttpClientSettings, SecretSource};

/// `slack_configs`. All texts but those of `mrkdwn_in` are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `api_url`, `api_url_file`: an incoming webhook. One of this and `app_token` is required.
    pub api_url: Option<SecretSource>,
    /// `app_token`, `app_token_file`: a bot's token. Where it is set, `app_url` is asked with it, and
    /// `api_url` is not used.
    pub app_token: Option<SecretSource>,
    /// `app_url`. None: `https://slack.com/api/chat.postMessage`.
    pub app_url: Option<Url>,
    /// Where to; empty: where the webhook belongs.
    pub channel: String,
    /// Default `{{ template "slack.default.username" . }}`.
    pub username: String,
    /// Default `{{ template "slack.default.color" . }}`.
    pub color: String,
    /// Default `{{ template "slack.default.title" . }}`.
    pub title: String,
    /// Default `{{ template "slack.default.titlelink" . }}`.
    pub title_link: String,
    /// Default `{{ template "slack.default.pretext" . }}`.
    pub pretext: String,
    /// Default `{{ template "slack.default.text" . }}`.
    pub text: String,
    /// The message above the attachment; empty: none.
    pub message_text: String,
    /// Titled texts.
    pub fields: Vec<TextField>,
    /// Whether fields that say nothing are short.
    pub short_fields: bool,
    /// Default `{{ template "slack.default.footer" . }}`.
    pub footer: String,
    /// Default `{{ template "slack.default.fallback" . }}`.
    pub fallback: String,
    /// Default `{{ template "slack.default.callbackid" . }}`.
    pub callback_id: String,
    /// Default `{{ template "slack.default.iconemoji" . }}`.
    pub icon_emoji: String,
    /// Default `{{ template "slack.default.iconurl" . }}`.
    pub icon_url: String,
    /// Empty: none.
    pub image_url: String,
    /// Empty: none.
    pub thumb_url: String,
    /// Whether names and channels become links.
    pub link_names: bool,
    /// Which texts are read as Slack's Markdown. Empty: `fallback`, `pretext` and `text`.
    pub mrkdwn_in: Vec<String>,
    /// Buttons.
    pub actions: Vec<SlackAction>,
    /// Whether a group's first message is changed rather than a new one sent. Only with a URL that
    /// ends with `chat.postMessage`. After a restart the next one is new.
    pub update_message: bool,
    /// How long a request may take, ms. None: until the delivery's deadline.
    pub timeout_ms: Option<u64>,
}

impl Default for SlackSettings {
    fn default() -> Self {
        let template = |name: &str| format!(r#"{{{{ template "slack.default.{name}" . }}}}"#);
        Self {
            http: HttpClientSettings::default(),
            api_url: None,
            app_token: None,
            app_url: None,
            channel: String::new(),
            username: template("username"),
            color: template("color"),
            title: template("title"),
            title_link: template("titlelink"),
            pretext: template("pretext"),
            text: template("text"),
            message_text: String::new(),
            fields: Vec::new(),
            short_fields: false,
            footer: template("footer"),
            fallback: template("fallback"),
            callback_id: template("callbackid"),
            icon_emoji: template("iconemoji"),
            icon_url: template("iconurl"),
            image_url: String::new(),
            thumb_url: String::new(),
            link_names: false,
            mrkdwn_in: Vec::new(),
            actions: Vec::new(),
            update_message: false,
            timeout_ms: None,
        }
    }
}

/// A button. All are templates. Either `url` or `name` is set; with `url`, the fields after it are
/// not used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlackAction {
    /// `type`. Required.
    pub kind: String,
    /// Required.
    pub text: String,
    /// Where the button leads.
    pub url: String,
    /// `default`, `primary` or `danger`.
    pub style: String,
    /// What the app behind the message knows the button by.
    pub name: String,
    /// What that app is told.
    pub value: String,
    /// `confirm`: a question before.
    pub confirm: Option<SlackConfirmation>,
}

/// A question before something is done. All are templates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SlackConfirmation {
    /// Required.
    pub text: String,
    /// `title`
    pub title: String,
    /// `ok_text`
    pub ok_text: String,
    /// `dismiss_text`
    pub dismiss_text: String,
}
