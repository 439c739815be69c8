//! Rooms where people talk.

mod microsoft;
mod slack;
mod slack_like;

use url::Url;

use super::{HttpClientSettings, SecretSource, TextSource};

pub use microsoft::{MsTeamsSettings, MsTeamsV2Settings};
pub use slack::{SlackAction, SlackConfirmation, SlackSettings};
pub use slack_like::{
    MattermostAttachment, MattermostPriority, MattermostSettings, RocketChatAction,
    RocketChatSettings,
};

/// A titled text in a message of Slack, Mattermost or Rocket.Chat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TextField {
    /// A template. Required.
    pub title: String,
    /// A template. Required.
    pub value: String,
    /// Whether others may stand beside it. None: `short_fields` of the integration decides, where
    /// there is such.
    pub short: Option<bool>,
}

/// `discord_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscordSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `webhook_url`, `webhook_url_file`. Required.
    pub webhook_url: Option<SecretSource>,
    /// A template. What stands above the box; empty by default.
    pub content: String,
    /// A template. Default `{{ template "discord.default.title" . }}`.
    pub title: String,
    /// A template. Default `{{ template "discord.default.message" . }}`.
    pub message: String,
    /// Whom it comes from. Empty: what Discord has set.
    pub username: String,
    /// The picture beside it. Empty: what Discord has set.
    pub avatar_url: String,
}

impl Default for DiscordSettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            webhook_url: None,
            content: String::new(),
            title: r#"{{ template "discord.default.title" . }}"#.to_owned(),
            message: r#"{{ template "discord.default.message" . }}"#.to_owned(),
            username: String::new(),
            avatar_url: String::new(),
        }
    }
}

/// `telegram_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct TelegramSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `api_url`. None: `https://api.telegram.org`.
    pub api_url: Option<Url>,
    /// `bot_token`, `bot_token_file`. Required.
    pub bot_token: Option<SecretSource>,
    /// `chat_id`, `chat_id_file`: a number, which is negative for groups. Required.
    pub chat_id: Option<TextSource>,
    /// `message_thread_id`: the topic of a group; 0: none.
    pub message_thread_id: i64,
    /// A template. Default `{{ template "telegram.default.message" . }}`.
    pub message: String,
    /// Whether nobody's phone rings.
    pub disable_notifications: bool,
    /// `parse_mode`. Default `HTML`.
    pub parse_mode: TelegramParseMode,
}

impl Default for TelegramSettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            api_url: None,
            bot_token: None,
            chat_id: None,
            message_thread_id: 0,
            message: r#"{{ template "telegram.default.message" . }}"#.to_owned(),
            disable_notifications: false,
            parse_mode: TelegramParseMode::Html,
        }
    }
}

/// How Telegram reads a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TelegramParseMode {
    /// Empty: as it is.
    Plain,
    /// `Markdown`
    Markdown,
    /// `MarkdownV2`
    MarkdownV2,
    /// `HTML`; then the message is made as HTML, its values escaped.
    Html,
}

impl TelegramParseMode {
    /// Every mode with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("", Self::Plain),
        ("Markdown", Self::Markdown),
        ("MarkdownV2", Self::MarkdownV2),
        ("HTML", Self::Html),
    ];

    /// Its name in the configuration.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "",
            Self::Markdown => "Markdown",
            Self::MarkdownV2 => "MarkdownV2",
            Self::Html => "HTML",
        }
    }
}

/// `webex_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct WebexSettings {
    /// The HTTP client; its `authorization` is required.
    pub http: HttpClientSettings,
    /// `api_url`. None: `https://webexapis.com/v1/messages`.
    pub api_url: Option<Url>,
    /// A template, in Markdown. Default `{{ template "webex.default.message" . }}`.
    pub message: String,
    /// A template. Required.
    pub room_id: String,
}

impl Default for WebexSettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            api_url: None,
            message: r#"{{ template "webex.default.message" . }}"#.to_owned(),
            room_id: String::new(),
        }
    }
}

/// `wechat_configs`.
#[derive(Debug, Clone, PartialEq)]
pub struct WechatSettings {
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// `api_secret`, `api_secret_file`. A template. Required.
    pub api_secret: Option<SecretSource>,
    /// `corp_id`. A template. Required.
    pub corp_id: String,
    /// `api_url`. None: `https://qyapi.weixin.qq.com/cgi-bin/`.
    pub api_url: Option<Url>,
    /// A template. Default `{{ template "wechat.default.message" . }}`.
    pub message: String,
    /// `message_type`. Default `text`.
    pub message_type: WechatMessageType,
    /// A template. Default `{{ template "wechat.default.to_user" . }}`.
    pub to_user: String,
    /// A template. Default `{{ template "wechat.default.to_party" . }}`.
    pub to_party: String,
    /// A template. Default `{{ template "wechat.default.to_tag" . }}`.
    pub to_tag: String,
    /// A template. Default `{{ template "wechat.default.agent_id" . }}`.
    pub agent_id: String,
}

impl Default for WechatSettings {
    fn default() -> Self {
        Self {
            http: HttpClientSettings::default(),
            api_secret: None,
            corp_id: String::new(),
            api_url: None,
            message: r#"{{ template "wechat.default.message" . }}"#.to_owned(),
            message_type: WechatMessageType::Text,
            to_user: r#"{{ template "wechat.default.to_user" . }}"#.to_owned(),
            to_party: r#"{{ template "wechat.default.to_party" . }}"#.to_owned(),
            to_tag: r#"{{ template "wechat.default.to_tag" . }}"#.to_owned(),
            agent_id: r#"{{ template "wechat.default.agent_id" . }}"#.to_owned(),
        }
    }
}

/// How WeChat reads a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WechatMessageType {
    /// `text`
    Text,
    /// `markdown`
    Markdown,
}
