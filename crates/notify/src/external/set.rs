//! Alertmanagers that are reached in the same way.
//!
//! ## Model
//! A [`Set`] follows what discovery finds and keeps a line to each Alertmanager. A line whose
//! Alertmanager is still there goes on; one whose Alertmanager is gone sends what it has and ends.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use bellwether_model::{Alert, Labels};
use bellwether_outbound::Client;
use bellwether_outbound::settings::redacted_url;
use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use url::Url;

use super::dress::dress;
use super::endpoint::{ALERTMANAGERS_MAX, Endpoint, endpoint};
use super::line::Line;
use super::metrics::Metrics;
use super::settings::{AlertmanagerSet, ExternalOptions};

/// What sets share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) options: ExternalOptions,
    pub(super) metrics: Metrics,
    /// The tasks of lines and sets. Those of lines that are gone may go on for a while.
    pub(super) tasks: Mutex<JoinSet<()>>,
}

impl Shared {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        let mut tasks = self.tasks.lock();
        while let Some(ended) = tasks.try_join_next() {
            log_end(ended);
        }
        tasks.spawn(task)
    }

    /// Until when what is closed now may send.
    fn drain_until(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.options.drain_ms_max)
    }
}

/// Says if a task has panicked.
pub(super) fn log_end(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a task that sends alerts to an Alertmanager panicked");
    }
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Set {
    given: AlertmanagerSet,
    client: Client,
    state: Mutex<State>,
}

/// Held for moments.
#[derive(Debug, Default)]
struct State {
    lines: BTreeMap<Url, Arc<Line>>,
    /// Those that relabelling dropped, as they may be shown.
    dropped: Vec<String>,
    /// What follows discovery.
    follower: Option<AbortHandle>,
    is_closed: bool,
}

impl Set {
    /// Starts to follow what is found. Must be called on a tokio runtime.
    pub(super) fn start(given: AlertmanagerSet, client: Client, shared: &Arc<Shared>) -> Arc<Self> {
        let set = Arc::new(Self {
            given,
            client,
            state: Mutex::default(),
        });
        let mut found = set.given.found.clone();
        let list = found.borrow_and_update().clone();
        set.sync(&list, shared);
        let (following, shared_then) = (Arc::clone(&set), Arc::downgrade(shared));
        let follower = shared.spawn(async move {
            while found.changed().await.is_ok() {
                let Some(shared) = Weak::upgrade(&shared_then) else {
                    return;
                };
                let list = found.borrow_and_update().clone();
                following.sync(&list, &shared);
            }
        });
        set.state.lock().follower = Some(follower);
        set
    }

    pub(super) fn is_like(&self, given: &AlertmanagerSet) -> bool {
        self.given.is_like(given)
    }

    /// Makes the lines agree with what was found.
    fn sync(&self, found: &[Labels], shared: &Shared) {
        let (active, dropped) = self.endpoints(found);
        let mut state = self.state.lock();
        if state.is_closed {
            return;
        }
        let until = shared.drain_until();
        state.lines.retain(|url, line| {
            let stays = active.contains_key(url);
            if !stays {
                line.close(until);
            }
            stays
        });
        for (url, shown) in active {
            state.lines.entry(url).or_insert_with_key(|url| {
                let numbers = shared.metrics.of(&shown);
                let line = Arc::new(Line::new(
                    url.clone(),
                    shown,
                    self.client.clone(),
                    self.given.settings.timeout_ms,
                    &shared.options,
                    numbers,
                ));
                shared.spawn(Arc::clone(&line).run());
                line
            });
        }
        state.dropped = dropped;
    }

    /// The URLs of Alertmanagers with how they may be shown, and those that relabelling dropped.
    fn endpoints(&self, found: &[Labels]) -> (BTreeMap<Url, String>, Vec<String>) {
        let mut active = BTreeMap::new();
        let mut dropped = Vec::new();
        for labels in found {
            if active.len() + dropped.len() >= ALERTMANAGERS_MAX {
                tracing::warn!(
                    found = found.len(),
                    max = ALERTMANAGERS_MAX,
                    "discovery found more Alertmanagers than one set may have: the rest gets nothing"
                );
                break;
            }
            match endpoint(&self.given.settings, labels) {
                Ok(Endpoint::Active(url)) => {
                    let shown = redacted_url(&url);
                    active.insert(url, shown);
                }
                Ok(Endpoint::Dropped(url)) => dropped.push(redacted_url(&url)),
                Err(error) => tracing::warn!(%error, "what discovery found is no Alertmanager"),
            }
        }
        (active, dropped)
    }

    /// Queues alerts, which have their labels for all sets, for each Alertmanager.
    pub(super) fn send(&self, alerts: &[Arc<Alert>]) {
        let rules = &self.given.settings.alert_relabel;
        let alerts = if rules.is_empty() {
            Cow::Borrowed(alerts)
        } else {
            let relabelled = alerts.iter().filter_map(|alert| {
                let alert = Alert::clone(alert);
                dress(alert, &Labels::empty(), rules).map(Arc::new)
            });
            Cow::Owned(relabelled.collect())
        };
        if alerts.is_empty() {
            return;
        }
        for line in self.state.lock().lines.values() {
            line.push(&alerts);
        }
    }

    /// Appends the URLs of Alertmanagers that are told, and of those that were dropped.
    pub(super) fn list(&self, active: &mut Vec<String>, dropped: &mut Vec<String>) {
        let state = self.state.lock();
        active.extend(state.lines.values().map(|line| line.shown().to_owned()));
        dropped.extend(state.dropped.iter().cloned());
    }

    /// Follows nothing more; lines send what they have.
    pub(super) fn close(&self, shared: &Shared) {
        let mut state = self.state.lock();
        state.is_closed = true;
        if let Some(follower) = state.follower.take() {
            follower.abort();
        }
        let until = shared.drain_until();
        for line in std::mem::take(&mut state.lines).into_values() {
            line.close(until);
        }
    }
}
