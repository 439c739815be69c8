//! All sets of Alertmanagers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use bellwether_model::relabel::Rule;
use bellwether_model::{Alert, Labels};
use bellwether_outbound::OutboundError;
use bellwether_storage::ErrorKind;
use bellwether_telemetry::Registry;
use parking_lot::Mutex;

use super::dress::dress;
use super::metrics::Metrics;
use super::set::{Set, Shared, log_end};
use super::settings::{ExternalOptions, ExternalSettings};

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("alerting.alertmanagers[{position}]: {reason}")]
pub struct ExternalError {
    /// Which of the sets, from 0.
    pub position: usize,
    /// What is wrong with its client.
    pub reason: OutboundError,
}

impl ExternalError {
    /// What it means for a caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.reason.kind()
    }
}

/// Sends alerts to other Alertmanagers. Clones are handles to the same queues.
#[derive(Debug, Clone)]
pub struct Manager(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    state: ArcSwap<State>,
    /// Held while settings are applied.
    applying: Mutex<()>,
    is_stopped: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    external_labels: Labels,
    alert_relabel: Vec<Rule>,
    sets: Vec<Arc<Set>>,
}

impl Manager {
    /// A manager without Alertmanagers. Own numbers go to `registry`, under the names that
    /// Prometheus' have.
    #[must_use]
    pub fn new(options: ExternalOptions, registry: &Registry) -> Self {
        let manager = Self(Arc::new(Inner {
            shared: Arc::new(Shared {
                options,
                metrics: Metrics::default(),
                tasks: Mutex::default(),
            }),
            state: ArcSwap::default(),
            applying: Mutex::default(),
            is_stopped: AtomicBool::new(false),
        }));
        let weak = Arc::downgrade(&manager.0);
        registry.add_collector(move |sink| {
            let Some(inner) = weak.upgrade() else {
                return;
            };
            sink.gauge(
                "prometheus_notifications_alertmanagers_discovered",
                "Other Alertmanagers that alerts are sent to.",
                &[],
                Self(Arc::clone(&inner)).active().len() as f64,
            );
            sink.gauge(
                "prometheus_notifications_queue_capacity",
                "Alerts that may wait for one other Alertmanager.",
                &[],
                inner.shared.options.queue_alerts_max as f64,
            );
            inner.shared.metrics.pour(sink);
        });
        manager
    }

    /// Makes the Alertmanagers those of `settings`. A set that did not change, with the same channel,
    /// goes on undisturbed with its queues, wherever it stands now; one that is gone sends what it
    /// has. Must be called on a tokio runtime; does nothing after [`Manager::stop`].
    ///
    /// # Errors
    /// The first set whose HTTP client can never be made; nothing is changed then. Certificates that
    /// cannot be read may come: until then requests fail and say so.
    pub fn apply(&self, settings: ExternalSettings) -> Result<(), ExternalError> {
        let _one_at_a_time = self.0.applying.lock();
        if self.0.is_stopped.load(Ordering::Acquire) {
            return Ok(());
        }
        let before = self.0.state.load_full();
        let mut old: Vec<Option<&Arc<Set>>> = before.sets.iter().map(Some).collect();
        let mut wanted = Vec::with_capacity(settings.sets.len());
        for (position, given) in settings.sets.into_iter().enumerate() {
            let same = old
                .iter_mut()
                .find(|set| set.is_some_and(|set| set.is_like(&given)));
            wanted.push(match same.and_then(Option::take) {
                Some(set) => Ok(Arc::clone(set)),
                None => {
                    let client = bellwether_outbound::lazy_client(&given.settings.http)
                        .map_err(|reason| ExternalError { position, reason })?;
                    Err((given, client))
                }
            });
        }
        let start = |(given, client)| Set::start(given, client, &self.0.shared);
        let sets = wanted
            .into_iter()
            .map(|set| set.unwrap_or_else(start))
            .collect();
        self.0.state.store(Arc::new(State {
            external_labels: settings.external_labels,
            alert_relabel: settings.alert_relabel,
            sets,
        }));
        for set in old.into_iter().flatten() {
            set.close(&self.0.shared);
        }
        Ok(())
    }

    /// Queues alerts for every Alertmanager, with the labels under which others know them. Waits for
    /// nothing; may be called from any thread.
    pub fn send(&self, alerts: Vec<Alert>) {
        let state = self.0.state.load();
        if state.sets.is_empty() {
            return;
        }
        let dressed = alerts
            .into_iter()
            .filter_map(|alert| dress(alert, &state.external_labels, &state.alert_relabel));
        let alerts: Vec<Arc<Alert>> = dressed.map(Arc::new).collect();
        if alerts.is_empty() {
            return;
        }
        for set in &state.sets {
            set.send(&alerts);
        }
    }

    /// URLs of the Alertmanagers that alerts are sent to, passwords hidden.
    #[must_use]
    pub fn active(&self) -> Vec<String> {
        self.lists().0
    }

    /// URLs of the Alertmanagers that relabelling dropped, passwords hidden.
    #[must_use]
    pub fn dropped(&self) -> Vec<String> {
        self.lists().1
    }

    /// The numbers of an Alertmanager, which go on while they are held.
    #[cfg(test)]
    pub(super) fn numbers(&self, url: &str) -> Arc<super::metrics::Numbers> {
        self.0.shared.metrics.of(url)
    }

    fn lists(&self) -> (Vec<String>, Vec<String>) {
        let (mut active, mut dropped) = (Vec::new(), Vec::new());
        for set in &self.0.state.load().sets {
            set.list(&mut active, &mut dropped);
        }
        (active, dropped)
    }

    /// Takes no more alerts, and waits until what is queued is sent or [`ExternalOptions`] say that
    /// it took long enough.
    pub async fn stop(&self) {
        let state = {
            let _after_applies = self.0.applying.lock();
            self.0.is_stopped.store(true, Ordering::Release);
            self.0.state.swap(Arc::default())
        };
        for set in &state.sets {
            set.close(&self.0.shared);
        }
        let mut tasks = std::mem::take(&mut *self.0.shared.tasks.lock());
        while let Some(ended) = tasks.join_next().await {
            log_end(ended);
        }
    }
}
