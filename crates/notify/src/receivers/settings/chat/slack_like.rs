//! Mattermost and Rocket.Chat, whose messages have the form of Slack's.

use url::Url;

use super::TextField;
use crate::receivers::settings::{HttpClientSettings, SecretSource};

/// `mattermost_configs`. All texts are templates. The fields of [`MattermostAttachment`] stand in the
/// configuration beside the others and make the first attachment.
#[derive(Debug, Clone, PartialEq)]
pub struct MattermostSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `webhook_url`, `webhook_url_file`. Required.
    pub webhook_url: Option<SecretSource>,
    /// Where to; empty: where the webhook belongs.
    pub channel: String,
    /// Default `{{ template "mattermost.default.username" . }}`.
    pub username: String,
    /// The fields `fallback`, `color`, `pretext`, `text`, `author_name`, `author_link`,
    /// `author_icon`, `title`, `title_link`, `fields`, `thumb_url`, `footer`, `footer_icon` and
    /// `image_url` of the integration itself. Default: templates `mattermost.default.*` for
    /// `fallback`, `color`, `text`, `title` and `title_link`.
    pub attachment: MattermostAttachment,
    /// Empty: none.
    pub icon_url: String,
    /// Empty: none.
    pub icon_emoji: String,
    /// `attachments`: where there are any, these are sent instead of `attachment`, whose `text` then
    /// stands above them.
    pub attachments: Vec<MattermostAttachment>,
    /// `type`; empty: an ordinary message.
    pub kind: String,
    /// `props.card`: what stands beside the message when it is opened; empty: nothing.
    pub card: String,
    /// `priority`
    pub priority: Option<MattermostPriority>,
}

impl Default for MattermostSettings {
    fn default() -> Self {
        let template = |name: &str| format!(r#"{{{{ template "mattermost.default.{name}" . }}}}"#);
        Self {
            http: HttpClientSettings::default(),
            webhook_url: None,
            channel: String::new(),
            username: template("username"),
            attachment: MattermostAttachment {
                fallback: template("fallback"),
                color: template("color"),
                text: template("text"),
                title: template("title"),
                title_link: template("titlelink"),
                ..MattermostAttachment::default()
            },
            icon_url: String::new(),
            icon_emoji: String::new(),
            attachments: Vec::new(),
            kind: String::new(),
            card: String::new(),
            priority: None,
        }
    }
}

/// A box below a message. All texts are templates.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "as Mattermost names them")]
pub struct MattermostAttachment {
    pub fallback: String,
    pub color: String,
    pub pretext: String,
    pub text: String,
    pub author_name: String,
    pub author_link: String,
    pub author_icon: String,
    pub title: String,
    pub title_link: String,
    pub fields: Vec<TextField>,
    pub thumb_url: String,
    pub footer: String,
    pub footer_icon: String,
    pub image_url: String,
}

/// How urgent a message is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MattermostPriority {
    /// `standard`, `important` or `urgent`. A template; empty: no priority is sent.
    pub priority: String,
    /// Whether people are asked to acknowledge it.
    pub requested_ack: bool,
    /// Whether it rings until they do.
    pub persistent_notifications: bool,
}

/// `rocketchat_configs`. Texts are templates.
#[derive(Debug, Clone, PartialEq)]
pub struct RocketChatSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `api_url`. None: `https://open.rocket.chat/`.
    pub api_url: Option<Url>,
    /// `token_id`, `token_id_file`. Required.
    pub token_id: Option<SecretSource>,
    /// `token`, `token_file`. Required.
    pub token: Option<SecretSource>,
    /// Where to, such as `#alerts` or `@joe`.
    pub channel: String,
    /// Default `{{ if eq .Status "firing" }}red{{ else }}green{{ end }}`.
    pub color: String,
    /// Default `{{ template "rocketchat.default.title" . }}`.
    pub title: String,
    /// Default `{{ template "rocketchat.default.titlelink" . }}`.
    pub title_link: String,
    /// Default `{{ template "rocketchat.default.text" . }}`.
    pub text: String,
    /// Titled texts.
    pub fields: Vec<TextField>,
    /// Whether fields that say nothing are short.
    pub short_fields: bool,
    /// Default `{{ template "rocketchat.default.emoji" . }}`.
    pub emoji: String,
    /// Default `{{ template "rocketchat.default.iconurl" . }}`.
    pub icon_url: String,
    /// Empty: none.
    pub image_url: String,
    /// Empty: none.
    pub thumb_url: String,
    /// Read, without effect, as in Alertmanager.
    pub link_names: bool,
    /// Buttons.
    pub actions: Vec<RocketChatAction>,
}

impl Default for RocketChatSettings {
    fn default() -> Self {
        let template = |name: &str| format!(r#"{{{{ template "rocketchat.default.{name}" . }}}}"#);
        Self {
            http: HttpClientSettings::default(),
            api_url: None,
            token_id: None,
            token: None,
            channel: String::new(),
            color: r#"{{ if eq .Status "firing" }}red{{ else }}green{{ end }}"#.to_owned(),
            title: template("title"),
            title_link: template("titlelink"),
            text: template("text"),
            fields: Vec::new(),
            short_fields: false,
            emoji: template("emoji"),
            icon_url: template("iconurl"),
            image_url: String::new(),
            thumb_url: String::new(),
            link_names: false,
            actions: Vec::new(),
        }
    }
}

/// A button of Rocket.Chat. `kind` is `type` in the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "as Rocket.Chat names them")]
pub struct RocketChatAction {
    pub kind: String,
    pub text: String,
    pub url: String,
    pub image_url: String,
    pub is_webview: bool,
    pub webview_height_ratio: String,
    pub msg: String,
    pub msg_in_chat_window: bool,
    pub msg_processing_type: String,
}
