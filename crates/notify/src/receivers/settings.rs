//! What receivers are told, and how: one type a kind of integration.
//!
//! ## Model
//! A [`ReceiverSettings`] is a name with [`IntegrationSettings`]; each holds a [`ReceiverKind`]. The
//! fields are named as in Alertmanager's configuration. What stands there under `global` is merged
//! in before: an integration is complete by itself.
//!
//! ## Invariants
//! Plain values: nothing here reads a file, a clock or the environment. Texts that may be templates
//! are `String`s, not parsed yet; an empty text stays empty. `Default` gives Alertmanager's defaults;
//! what has none and has to be given is an `Option` or an empty text there, and
//! [`ReceiverKind::check`] asks for it.

mod chat;
mod email;
mod paging;
mod required;
mod texts;
mod ticket;
mod topic;
mod webhook;

use std::collections::BTreeMap;

use url::Url;

pub use bellwether_outbound::settings::{HttpClientSettings, Secret, SecretSource, TextSource};
pub use chat::{
    DiscordSettings, MattermostAttachment, MattermostPriority, MattermostSettings, MsTeamsSettings,
    MsTeamsV2Settings, RocketChatAction, RocketChatSettings, SlackAction, SlackConfirmation,
    SlackSettings, TelegramParseMode, TelegramSettings, TextField, WebexSettings,
    WechatMessageType, WechatSettings,
};
pub use email::{EmailSettings, EmailThreading, Smarthost};
pub use paging::{
    IncidentIoSettings, OpsgenieResponder, OpsgenieSettings, PagerDutyImage, PagerDutyLink,
    PagerDutySettings, PushoverFormat, PushoverSettings, VictorOpsSettings,
};
pub use ticket::{JiraApi, JiraField, JiraSettings};
pub use topic::{SigV4Settings, SnsSettings, SnsTarget};
pub use webhook::WebhookSettings;

/// All that senders need.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifySettings {
    /// The receivers, their names unique.
    pub receivers: Vec<ReceiverSettings>,
    /// Where people reach the server: `.ExternalURL` of templates.
    pub external_url: Url,
    /// People's own templates, in the order in which they are read; later definitions go first.
    pub templates: Vec<TemplateFile>,
}

/// A file of templates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFile {
    /// What errors call it: its path.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// Somebody who is told.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ReceiverSettings {
    /// The name that routes use.
    pub name: String,
    /// The ways in which it is told, in the order in which deliveries count them.
    pub integrations: Vec<IntegrationSettings>,
}

/// One way in which a receiver is told.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegrationSettings {
    /// Whether it is told that alerts have ended; where nothing is said,
    /// [`ReceiverKind::sends_resolved_by_default`].
    pub send_resolved: bool,
    /// What it is.
    pub kind: ReceiverKind,
}

/// What an integration is.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is named as its settings are")]
pub enum ReceiverKind {
    Webhook(Box<WebhookSettings>),
    Email(Box<EmailSettings>),
    PagerDuty(Box<PagerDutySettings>),
    Opsgenie(Box<OpsgenieSettings>),
    Wechat(Box<WechatSettings>),
    Slack(Box<SlackSettings>),
    VictorOps(Box<VictorOpsSettings>),
    Pushover(Box<PushoverSettings>),
    Sns(Box<SnsSettings>),
    Telegram(Box<TelegramSettings>),
    Discord(Box<DiscordSettings>),
    Webex(Box<WebexSettings>),
    MsTeams(Box<MsTeamsSettings>),
    MsTeamsV2(Box<MsTeamsV2Settings>),
    Jira(Box<JiraSettings>),
    IncidentIo(Box<IncidentIoSettings>),
    RocketChat(Box<RocketChatSettings>),
    Mattermost(Box<MattermostSettings>),
}

impl ReceiverKind {
    /// Every kind's name, in the order in which Alertmanager numbers a receiver's integrations. The
    /// key of the configuration is the name with `_configs` after it.
    pub const NAMES: [&'static str; 18] = [
        "webhook",
        "email",
        "pagerduty",
        "opsgenie",
        "wechat",
        "slack",
        "victorops",
        "pushover",
        "sns",
        "telegram",
        "discord",
        "webex",
        "msteams",
        "msteamsv2",
        "jira",
        "incidentio",
        "rocketchat",
        "mattermost",
    ];

    /// Its name: one of [`Self::NAMES`].
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Email(_) => "email",
            Self::PagerDuty(_) => "pagerduty",
            Self::Opsgenie(_) => "opsgenie",
            Self::Wechat(_) => "wechat",
            Self::Slack(_) => "slack",
            Self::VictorOps(_) => "victorops",
            Self::Pushover(_) => "pushover",
            Self::Sns(_) => "sns",
            Self::Telegram(_) => "telegram",
            Self::Discord(_) => "discord",
            Self::Webex(_) => "webex",
            Self::MsTeams(_) => "msteams",
            Self::MsTeamsV2(_) => "msteamsv2",
            Self::Jira(_) => "jira",
            Self::IncidentIo(_) => "incidentio",
            Self::RocketChat(_) => "rocketchat",
            Self::Mattermost(_) => "mattermost",
        }
    }

    /// Whether it is told that alerts have ended where the configuration does not say.
    #[must_use]
    pub fn sends_resolved_by_default(&self) -> bool {
        !matches!(
            self,
            Self::Email(_) | Self::Slack(_) | Self::Wechat(_) | Self::RocketChat(_)
        )
    }

    /// Why nothing can be sent to it, if so.
    #[must_use]
    pub fn unsendable(&self) -> Option<&'static str> {
        matches!(self, Self::Sns(_)).then_some(
            "sns is understood but cannot be sent: there is no client for Amazon's API here; \
             use a webhook that an AWS Lambda or API Gateway answers",
        )
    }

    /// The HTTP client's settings; none for e-mail.
    #[must_use]
    pub fn http(&self) -> Option<&HttpClientSettings> {
        Some(match self {
            Self::Webhook(it) => &it.http,
            Self::Email(_) => return None,
            Self::PagerDuty(it) => &it.http,
            Self::Opsgenie(it) => &it.http,
            Self::Wechat(it) => &it.http,
            Self::Slack(it) => &it.http,
            Self::VictorOps(it) => &it.http,
            Self::Pushover(it) => &it.http,
            Self::Sns(it) => &it.http,
            Self::Telegram(it) => &it.http,
            Self::Discord(it) => &it.http,
            Self::Webex(it) => &it.http,
            Self::MsTeams(it) => &it.http,
            Self::MsTeamsV2(it) => &it.http,
            Self::Jira(it) => &it.http,
            Self::IncidentIo(it) => &it.http,
            Self::RocketChat(it) => &it.http,
            Self::Mattermost(it) => &it.http,
        })
    }
}

/// A value as YAML has it, whose texts, those of keys included, are templates.
#[derive(Debug, Clone, PartialEq)]
pub enum TemplatedValue {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number without a point.
    Integer(i64),
    /// Any other number; finite.
    Float(f64),
    /// A text: a template.
    Text(String),
    /// A list.
    List(Vec<TemplatedValue>),
    /// A map. Keys that are no texts are left out, as Alertmanager does.
    Map(BTreeMap<String, TemplatedValue>),
}
