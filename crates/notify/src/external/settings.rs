//! What the configuration says of other Alertmanagers.

use bellwether_model::Labels;
use bellwether_model::relabel::Rule;
use bellwether_outbound::settings::HttpClientSettings;
use tokio::sync::watch;

/// How Alertmanagers are reached that are reached in the same way.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertmanagerSettings {
    /// Scheme of the URL, `http` or `https`. Default `http`.
    pub scheme: String,
    /// Path before the API's own.
    pub path_prefix: String,
    /// Time after which a request fails, ms. Default 10 s.
    pub timeout_ms: i64,
    /// The HTTP client.
    pub http: HttpClientSettings,
    /// Rules for the Alertmanagers that were found, in order.
    pub relabel: Vec<Rule>,
    /// Rules for alerts that are sent to these, after those for all.
    pub alert_relabel: Vec<Rule>,
}

impl Default for AlertmanagerSettings {
    fn default() -> Self {
        Self {
            scheme: "http".to_owned(),
            path_prefix: String::new(),
            timeout_ms: 10_000,
            http: HttpClientSettings::default(),
            relabel: Vec::new(),
            alert_relabel: Vec::new(),
        }
    }
}

/// Alertmanagers that are reached in the same way, and where they are.
#[derive(Debug, Clone)]
pub struct AlertmanagerSet {
    /// How they are reached.
    pub settings: AlertmanagerSettings,
    /// What discovery finds: labels of each target before relabelling, with `__address__`. Where its
    /// sender is gone, the last list stays.
    pub found: watch::Receiver<Vec<Labels>>,
}

impl AlertmanagerSet {
    /// Whether another one is this one: what runs can go on.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.settings == other.settings && self.found.same_channel(&other.found)
    }
}

/// Everything that the section `alerting` says, and the labels of this server.
#[derive(Debug, Clone, Default)]
pub struct ExternalSettings {
    /// `global.external_labels`.
    pub external_labels: Labels,
    /// Rules for all alerts, in order.
    pub alert_relabel: Vec<Rule>,
    /// The Alertmanagers.
    pub sets: Vec<AlertmanagerSet>,
}

/// What flags say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExternalOptions {
    /// Alerts that may wait for one Alertmanager; the oldest give way to new ones. Prometheus'
    /// `--alertmanager.notification-queue-capacity`. Default 10,000.
    pub queue_alerts_max: usize,
    /// Alerts of one request. Prometheus' `--alertmanager.notification-batch-size`. Default 256.
    pub batch_alerts_max: usize,
    /// How long what waits may still be sent when the server stops or an Alertmanager is gone, ms; 0:
    /// not at all, Prometheus' `--no-alertmanager.drain-notification-queue-on-shutdown`. Default 10 s:
    /// chosen, a third of what Kubernetes gives a process to end.
    pub drain_ms_max: u64,
}

impl Default for ExternalOptions {
    fn default() -> Self {
        Self {
            queue_alerts_max: 10_000,
            batch_alerts_max: 256,
            drain_ms_max: 10_000,
        }
    }
}
