//! Carries out deliveries with the integrations of the settings.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bellwether_model::short;
use bellwether_outbound::settings::{Auth, HttpClientSettings, SecretSource};
use bellwether_outbound::{Client, lazy_client};
use bellwether_storage::Clock;
use parking_lot::Mutex;
use url::Url;

use super::settings::{IntegrationSettings, NotifySettings, ReceiverKind};
use super::templates::{Rendering, Templates};
use super::{
    discord, email, incidentio, jira, mattermost, opsgenie, pagerduty, pushover, rocketchat, slack,
    teams, telegram, victorops, webex, webhook, wechat,
};
use crate::delivery::Delivery;
use crate::runner::{AttemptError, BoxFuture, Deliver};

/// A request has so long at least, even where the deadline is nearer: the runner ends it then.
const TIMEOUT_MIN: Duration = Duration::from_secs(1);

/// Why senders cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// A file of templates cannot be read as such.
    #[error("{file}: {reason}")]
    Template {
        /// Its path.
        file: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// An integration cannot work.
    #[error("receiver {receiver:?}: {kind}_configs[{index}]: {reason}")]
    Integration {
        /// The receiver.
        receiver: String,
        /// The kind of integration.
        kind: &'static str,
        /// Its position among those of its kind.
        index: usize,
        /// What is wrong.
        reason: String,
    },
    /// A text is no template, or does not fit the data.
    #[error("{reason}")]
    Text {
        /// What is wrong, and where.
        reason: String,
    },
}

/// Sends notifications as the settings say.
#[derive(Debug)]
pub struct Senders {
    clock: Arc<dyn Clock>,
    current: ArcSwap<Integrations>,
    memory: Arc<Memory>,
    endpoints: Arc<Endpoints>,
}

/// What is kept between attempts, also when the settings change. Lost at a restart.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Held for moments only.
    pub(super) slack: Mutex<slack::Threads>,
    /// Held for moments only.
    pub(super) wechat: Mutex<wechat::Tokens>,
}

/// Addresses that no setting says.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) pagerduty_v1: &'static str,
    pub(super) pushover: &'static str,
}

impl Endpoints {
    const PUBLIC: Self = Self {
        pagerduty_v1: "https://events.pagerduty.com/generic/2010-04-15/create_event.json",
        pushover: "https://api.pushover.net/1/messages.json",
    };
}

#[derive(Debug)]
struct Integrations {
    templates: Templates,
    receivers: HashMap<String, Vec<Integration>>,
}

#[derive(Debug)]
struct Integration {
    settings: IntegrationSettings,
    /// None for e-mail.
    client: Option<Client>,
    /// The credentials of the client that stand in the settings.
    hidden: Vec<String>,
}

impl Senders {
    /// Senders for the receivers of the settings. `clock` is what `now` of templates says, and what
    /// deadlines are held against. Files of secrets and certificates are read by the attempts that
    /// need them.
    ///
    /// # Errors
    /// Where a file of templates is none, or an integration lacks what it needs.
    pub fn new(settings: NotifySettings, clock: Arc<dyn Clock>) -> Result<Self, ReceiverError> {
        Self::with_endpoints(settings, clock, Endpoints::PUBLIC)
    }

    pub(super) fn with_endpoints(
        settings: NotifySettings,
        clock: Arc<dyn Clock>,
        endpoints: Endpoints,
    ) -> Result<Self, ReceiverError> {
        let integrations = Integrations::new(settings, Arc::clone(&clock))?;
        Ok(Self {
            clock,
            current: ArcSwap::from_pointee(integrations),
            memory: Arc::default(),
            endpoints: Arc::new(endpoints),
        })
    }

    /// What will fail whenever it is used: texts that are no templates, and kinds that cannot be sent.
    /// Such settings are taken all the same, as Alertmanager does: what else there is goes on
    /// working.
    #[must_use]
    pub fn faults(&self) -> Vec<ReceiverError> {
        self.current.load().faults()
    }

    /// What an integration would send: its texts by the settings that they stand in, those left out
    /// that are empty. Of a webhook without a payload of its own that is the whole document. Nothing
    /// is sent, and no secret is read.
    ///
    /// # Errors
    /// Where the settings have no such integration, or a text cannot be executed.
    pub fn rehearse(&self, delivery: &Delivery) -> Result<Vec<(String, String)>, AttemptError> {
        let integrations = self.current.load_full();
        let integration = integrations.find(delivery)?;
        let templates = &integrations.templates;
        let call = Call {
            delivery,
            templates,
            rendering: templates.rendering(delivery, &delivery.alerts),
            client: None,
            hidden: &[],
            memory: &self.memory,
            endpoints: &self.endpoints,
            left: Duration::ZERO,
        };
        let mut texts = Vec::new();
        if let ReceiverKind::Webhook(it) = &integration.settings.kind
            && it.payload.is_none()
        {
            let document = webhook::default_document(it, &call)?;
            texts.push(("body".to_owned(), document));
        }
        for (setting, text) in integration.settings.kind.texts() {
            let text = match setting.as_str() {
                "html" => call.rendering.html(&setting, text)?,
                _ => call.text(&setting, text)?,
            };
            if !text.is_empty() {
                texts.push((setting, text));
            }
        }
        Ok(texts)
    }

    /// Makes what other settings need, for [`Senders::replace`]. Nothing changes yet.
    ///
    /// # Errors
    /// As [`Senders::new`].
    pub fn prepare(&self, settings: NotifySettings) -> Result<PreparedSettings, ReceiverError> {
        let integrations = Integrations::new(settings, Arc::clone(&self.clock))?;
        Ok(PreparedSettings(Arc::new(integrations)))
    }

    /// Replaces the settings; attempts that are under way end with the old ones.
    pub fn replace(&self, prepared: PreparedSettings) {
        self.current.store(prepared.0);
    }
}

/// Settings that can be used.
#[derive(Debug)]
pub struct PreparedSettings(Arc<Integrations>);

impl Deliver for Senders {
    fn attempt(&self, delivery: Arc<Delivery>) -> BoxFuture<Result<String, AttemptError>> {
        let integrations = self.current.load_full();
        let memory = Arc::clone(&self.memory);
        let endpoints = Arc::clone(&self.endpoints);
        let left_ms = delivery.deadline_ms.saturating_sub(self.clock.now_ms());
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0)).max(TIMEOUT_MIN);
        Box::pin(async move {
            let integration = integrations.find(&delivery)?;
            let call = Call {
                delivery: &delivery,
                templates: &integrations.templates,
                rendering: integrations
                    .templates
                    .rendering(&delivery, &delivery.alerts),
                client: integration.client.as_ref(),
                hidden: &integration.hidden,
                memory: &memory,
                endpoints: &endpoints,
                left,
            };
            let attempt = Box::pin(integration.send(&call));
            match tokio::time::timeout(left, attempt).await {
                Ok(result) => result,
                Err(_) => Err(AttemptError::again(format!("no end within {left:?}"))),
            }
        })
    }
}

impl Integrations {
    fn new(settings: NotifySettings, clock: Arc<dyn Clock>) -> Result<Self, ReceiverError> {
        let templates = Templates::new(&settings.external_url, &settings.templates, clock)?;
        let mut receivers = HashMap::with_capacity(settings.receivers.len());
        for receiver in settings.receivers {
            let mut integrations: Vec<Integration> =
                Vec::with_capacity(receiver.integrations.len());
            for settings in receiver.integrations {
                let kind = settings.kind.name();
                let client = settings.kind.check().and_then(|()| client(&settings.kind));
                let client = client.map_err(|reason| {
                    let same = |other: &&Integration| other.settings.kind.name() == kind;
                    ReceiverError::Integration {
                        receiver: receiver.name.clone(),
                        kind,
                        index: integrations.iter().filter(same).count(),
                        reason,
                    }
                })?;
                let hidden = settings.kind.http().map(credentials).unwrap_or_default();
                integrations.push(Integration {
                    settings,
                    client,
                    hidden,
                });
            }
            receivers.insert(receiver.name, integrations);
        }
        Ok(Self {
            templates,
            receivers,
        })
    }

    fn faults(&self) -> Vec<ReceiverError> {
        let mut faults = Vec::new();
        let mut receivers: Vec<_> = self.receivers.iter().collect();
        receivers.sort_unstable_by_key(|(name, _)| *name);
        for (receiver, integrations) in receivers {
            let mut counts: HashMap<&'static str, usize> = HashMap::new();
            for integration in integrations {
                let kind = &integration.settings.kind;
                let index = counts.entry(kind.name()).or_default();
                let fault = |reason| ReceiverError::Integration {
                    receiver: receiver.clone(),
                    kind: kind.name(),
                    index: *index,
                    reason,
                };
                faults.extend(kind.unsendable().map(|reason| fault(reason.to_owned())));
                for (setting, text) in kind.texts() {
                    if let Some(reason) = self.templates.fault(text) {
                        faults.push(fault(format!("{setting}: {reason}")));
                    }
                }
                *index += 1;
            }
        }
        faults
    }

    fn find(&self, delivery: &Delivery) -> Result<&Integration, AttemptError> {
        let receiver = self.receivers.get(&delivery.receiver);
        let integration = receiver.and_then(|list| list.get(delivery.integration));
        integration.ok_or_else(|| {
            let name = short(&delivery.receiver);
            AttemptError::refused(match receiver {
                None => format!("receiver {name:?} is not in the configuration any more"),
                Some(list) => format!(
                    "receiver {name:?} has {} integrations, and this is for number {}",
                    list.len(),
                    delivery.integration + 1
                ),
            })
        })
    }
}

/// The HTTP client of an integration, with what its own settings say of credentials.
fn client(kind: &ReceiverKind) -> Result<Option<Client>, String> {
    let client = |settings: &HttpClientSettings| {
        lazy_client(settings).map_err(|error| format!("http_config: {error}"))
    };
    kind.http().map(client).transpose()
}

/// What a client's settings hold that an answer must not show.
fn credentials(settings: &HttpClientSettings) -> Vec<String> {
    let source = match &settings.auth {
        Some(Auth::Basic { password, .. }) => password.as_ref(),
        Some(Auth::Header { credentials, .. }) => credentials.as_ref(),
        Some(Auth::OAuth2(_)) | None => None,
    };
    match source {
        Some(SecretSource::Inline(secret)) => vec![secret.expose().to_owned()],
        Some(SecretSource::File(_)) | None => Vec::new(),
    }
}

impl Integration {
    async fn send(&self, call: &Call<'_>) -> Result<String, AttemptError> {
        match &self.settings.kind {
            ReceiverKind::Webhook(it) => webhook::send(it, call).await,
            ReceiverKind::Email(it) => email::send(it, call).await,
            ReceiverKind::PagerDuty(it) => pagerduty::send(it, call).await,
            ReceiverKind::Opsgenie(it) => opsgenie::send(it, call).await,
            ReceiverKind::Wechat(it) => wechat::send(it, call).await,
            ReceiverKind::Slack(it) => slack::send(it, call).await,
            ReceiverKind::VictorOps(it) => victorops::send(it, call).await,
            ReceiverKind::Pushover(it) => pushover::send(it, call).await,
            kind @ ReceiverKind::Sns(_) => {
                Err(AttemptError::refused(kind.unsendable().unwrap_or("")))
            }
            ReceiverKind::Telegram(it) => telegram::send(it, call).await,
            ReceiverKind::Discord(it) => discord::send(it, call).await,
            ReceiverKind::Webex(it) => webex::send(it, call).await,
            ReceiverKind::MsTeams(it) => teams::send_card(it, call).await,
            ReceiverKind::MsTeamsV2(it) => teams::send_adaptive_card(it, call).await,
            ReceiverKind::Jira(it) => jira::send(it, call).await,
            ReceiverKind::IncidentIo(it) => incidentio::send(it, call).await,
            ReceiverKind::RocketChat(it) => rocketchat::send(it, call).await,
            ReceiverKind::Mattermost(it) => mattermost::send(it, call).await,
        }
    }
}

/// One attempt.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) delivery: &'a Delivery,
    pub(super) templates: &'a Templates,
    /// What texts are executed with, about all alerts.
    pub(super) rendering: Rendering<'a>,
    client: Option<&'a Client>,
    hidden: &'a [String],
    pub(super) memory: &'a Memory,
    pub(super) endpoints: &'a Endpoints,
    /// Until the deadline.
    left: Duration,
}

impl Call<'_> {
    /// Sends a request.
    pub(super) async fn send(
        &self,
        outgoing: super::http::Outgoing,
    ) -> Result<super::http::Answer, AttemptError> {
        self.send_within(outgoing, None).await
    }

    /// Sends a request that may take as long as the setting says.
    pub(super) async fn send_within(
        &self,
        mut outgoing: super::http::Outgoing,
        timeout_ms: Option<u64>,
    ) -> Result<super::http::Answer, AttemptError> {
        let Some(client) = self.client else {
            return Err(AttemptError::refused("there is no HTTP client for it"));
        };
        for credentials in self.hidden {
            outgoing = outgoing.hiding(credentials);
        }
        let timeout = timeout_ms.map_or(self.left, Duration::from_millis);
        outgoing.send(client, timeout.min(self.left)).await
    }

    /// What a text prints.
    pub(super) fn text(&self, setting: &str, text: &str) -> Result<String, AttemptError> {
        self.rendering.text(setting, text)
    }

    /// The key that services know the group by: no service takes the group's own, which may be long.
    pub(super) fn hashed_key(&self) -> String {
        hashed(&self.delivery.group_key)
    }

    /// The URL that a service has where no setting says another.
    pub(super) fn default_url(
        setting: &str,
        set: Option<&Url>,
        default: &str,
    ) -> Result<Url, AttemptError> {
        match set {
            Some(url) => Ok(url.clone()),
            None => super::http::url(setting, default),
        }
    }
}

/// The secret of a setting that [`ReceiverKind::check`] has seen.
pub(super) async fn required(
    setting: &str,
    source: Option<&super::settings::SecretSource>,
) -> Result<String, AttemptError> {
    match source {
        Some(source) => super::source::secret(setting, source).await,
        None => Err(AttemptError::refused(format!("{setting} is missing"))),
    }
}

/// SHA-256 in hexadecimal digits.
pub(super) fn hashed(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    let digits = digest.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}
