//! The objectives of a server: how all of them stand, each minute.
//!
//! ## Model
//! [`Objectives::apply`] takes those of the configuration; [`Objectives::turn`] looks at all of them,
//! writes what it found as series, and keeps it for whoever asks. Their rules are ordinary groups of
//! the manager's ([`super::rules::group`]).
//!
//! ## Limits
//! An objective reads its counts of a whole period in each turn: 43,200 samples of 30 days, under a
//! millisecond.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::{Labels, METRIC_NAME};
use bellwether_promql::{CancelToken, Engine};
use bellwether_storage::{Clock, MetricStore, SeriesWriter, Source};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::backfill::{backfill, forget, last_revision, revision};
use super::lasts::PAST_MS;
use super::precision::latency_error;
use super::rules;
use super::settings::ObjectiveSettings;
use super::status::{ObjectiveStatus, statuses};

/// How often objectives are looked at. Chosen: their counts come each minute.
const TURN: Duration = Duration::from_secs(60);

/// An objective and how its budgets stand.
#[derive(Debug, Clone)]
pub struct ObjectiveReport {
    /// What is promised.
    pub settings: Arc<ObjectiveSettings>,
    /// Each budget; none: nothing was measured ever, or they were not counted yet.
    pub statuses: Vec<ObjectiveStatus>,
    /// See [`latency_error`].
    pub latency_error: Option<f64>,
    /// Why they could not be looked at.
    pub problem: Option<String>,
}

/// What objectives work with.
#[derive(Debug)]
pub struct ObjectivesParts {
    /// Where counts are, and where what is found goes.
    pub store: Arc<dyn MetricStore>,
    /// Counts the past of objectives that are new.
    pub engine: Arc<Engine>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// See the module's page. Clones are handles to the same.
#[derive(Debug, Clone)]
pub struct Objectives(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn MetricStore>,
    engine: Arc<Engine>,
    /// Those whose past is known, with the queries that counted it.
    known: Mutex<BTreeMap<String, [String; 2]>>,
    cancel: CancelToken,
    clock: Arc<dyn Clock>,
    settings: Mutex<Arc<[ObjectiveSettings]>>,
    /// As the last turn found them, in the order of the settings. Locked before those.
    reports: Mutex<Arc<[ObjectiveReport]>>,
    /// Held for a turn.
    writer: Mutex<SeriesWriter>,
    stopped: CancellationToken,
}

impl Objectives {
    /// None yet.
    #[must_use]
    pub fn new(parts: ObjectivesParts) -> Self {
        Self(Arc::new(Inner {
            store: parts.store,
            engine: parts.engine,
            known: Mutex::default(),
            cancel: CancelToken::default(),
            clock: parts.clock,
            settings: Mutex::new(Arc::from([])),
            reports: Mutex::new(Arc::from([])),
            writer: Mutex::new(SeriesWriter::new(Source::new("objectives"))),
            stopped: CancellationToken::new(),
        }))
    }

    /// Takes the objectives of a configuration. What was found of those that are gone is forgotten, and
    /// their series end with the next turn; new ones stand without budgets until then.
    pub fn apply(&self, settings: Vec<ObjectiveSettings>) {
        let mut reports = self.0.reports.lock();
        *reports = settings
            .iter()
            .map(|one| known_or_new(&reports, one))
            .collect();
        *self.0.settings.lock() = settings.into();
    }

    /// What is promised now.
    #[must_use]
    pub fn settings(&self) -> Arc<[ObjectiveSettings]> {
        Arc::clone(&self.0.settings.lock())
    }

    /// How they stood at the last turn.
    #[must_use]
    pub fn reports(&self) -> Arc<[ObjectiveReport]> {
        Arc::clone(&self.0.reports.lock())
    }

    /// Takes a turn each minute until it is told to stop.
    pub async fn run(&self) {
        let mut ticks = tokio::time::interval(TURN);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.0.stopped.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let this = self.clone();
            let turn = tokio::task::spawn_blocking(move || this.turn(this.0.clock.now_ms()));
            if let Err(error) = turn.await {
                tracing::error!(%error, "a turn of objectives ended");
            }
        }
    }

    /// Begins to stop: no more turns.
    pub fn stop(&self) {
        self.0.stopped.cancel();
        self.0.cancel.cancel();
    }

    /// Looks at all of them, as of `now_ms`.
    pub fn turn(&self, now_ms: i64) {
        let mut writer = self.0.writer.lock();
        let all = self.settings();
        self.learn(&all, now_ms);
        let reports: Arc<[ObjectiveReport]> = all
            .iter()
            .map(|settings| self.report(settings, &all, now_ms))
            .collect();
        let mut samples: Vec<(Labels, f64)> = reports.iter().flat_map(samples).collect();
        let known = self.0.known.lock();
        samples.extend(all.iter().filter_map(|settings| {
            let queries = known.get(&settings.id())?;
            Some((labels_of(settings, rules::REVISION), revision(queries)))
        }));
        drop(known);
        if let Err(error) = writer.write(self.0.store.as_ref(), now_ms, samples) {
            tracing::warn!(%error, "what is left of budgets was not stored");
        }
        let mut told = self.0.reports.lock();
        let now = self.settings();
        *told = match Arc::ptr_eq(&now, &all) {
            true => reports,
            // Other ones were taken meanwhile.
            false => now.iter().map(|one| known_or_new(&reports, one)).collect(),
        };
    }

    /// Counts the past of what is new.
    fn learn(&self, all: &[ObjectiveSettings], now_ms: i64) {
        let mut known = self.0.known.lock();
        known.retain(|id, _| all.iter().any(|it| it.id() == *id));
        for objective in all {
            let id = objective.id();
            let Some(queries) = rules::count_queries(objective) else {
                continue;
            };
            let before = known.get(&id);
            if before == Some(&queries) {
                continue;
            }
            // A calendar's period is no longer than its span and a few days; and how long a budget
            // lasts is learnt from more than a short one.
            let past_ms = (objective.period.span_ms() / 28 * 31).max(PAST_MS);
            let range = (now_ms.saturating_sub(past_ms), now_ms);
            let (store, engine) = (self.0.store.as_ref(), &self.0.engine);
            // What the old queries counted is of another objective.
            let forgotten = last_revision(store, objective, range).and_then(|last| {
                let is_other = last.is_some_and(|last| last != revision(&queries));
                if is_other {
                    forget(store, objective, now_ms)?;
                }
                Ok(())
            });
            if let Err(error) = forgotten {
                tracing::warn!(objective = id, %error, "counts of its old queries were not deleted");
                continue;
            }
            match backfill(store, engine, objective, range, &self.0.cancel) {
                Ok(written) => {
                    if written > 0 {
                        tracing::info!(objective = id, written, "counted the past");
                    }
                    known.insert(id, queries);
                }
                // The next turn tries again.
                Err(error) => {
                    tracing::warn!(objective = id, %error, "the past was not counted");
                }
            }
        }
    }

    fn report(
        &self,
        settings: &ObjectiveSettings,
        all: &[ObjectiveSettings],
        now_ms: i64,
    ) -> ObjectiveReport {
        let found = statuses(self.0.store.as_ref(), settings, all, now_ms);
        let (statuses, problem) = match found {
            Ok(statuses) => (statuses, None),
            Err(error) => {
                tracing::warn!(objective = settings.id(), %error, "an objective was not looked at");
                (Vec::new(), Some(error.to_string()))
            }
        };
        ObjectiveReport {
            settings: Arc::new(settings.clone()),
            statuses,
            latency_error: self.latency_error(settings, now_ms),
            problem,
        }
    }

    fn latency_error(&self, settings: &ObjectiveSettings, now_ms: i64) -> Option<f64> {
        let (store, engine) = (self.0.store.as_ref(), &self.0.engine);
        latency_error(store, engine, settings, now_ms, &self.0.cancel).unwrap_or_else(|error| {
            tracing::warn!(objective = settings.id(), %error, "the buckets of a latency objective were not looked at");
            None
        })
    }
}

/// What was found of an objective, or that nothing was yet.
fn known_or_new(reports: &[ObjectiveReport], settings: &ObjectiveSettings) -> ObjectiveReport {
    let known = reports.iter().find(|it| *it.settings == *settings);
    known.cloned().unwrap_or_else(|| ObjectiveReport {
        settings: Arc::new(settings.clone()),
        statuses: Vec::new(),
        latency_error: None,
        problem: None,
    })
}

/// The labels of a series that an objective has one of.
fn labels_of(settings: &ObjectiveSettings, metric: &str) -> Labels {
    let name = (METRIC_NAME.to_owned(), metric.to_owned());
    Labels::from_pairs(rules::series_labels(settings).into_iter().chain([name]))
}

/// What a report is as series.
fn samples(report: &ObjectiveReport) -> Vec<(Labels, f64)> {
    let settings = &report.settings;
    let mut samples = Vec::new();
    if let Some(error) = report.latency_error {
        samples.push((labels_of(settings, "slo:latency_error"), error));
    }
    for status in &report.statuses {
        let labels = |metric: &str, quantile: Option<&str>| {
            let mut builder = status.group.to_builder();
            for (name, value) in rules::series_labels(settings) {
                builder.set(&name, &value);
            }
            builder.set(METRIC_NAME, metric);
            if let Some(quantile) = quantile {
                builder.set("quantile", quantile);
            }
            builder.build()
        };
        samples.push((labels(rules::TARGET, None), settings.target));
        samples.push((labels("slo:measured", None), 1.0 - status.unmeasured));
        if let Some(left) = status.left {
            samples.push((labels("slo:budget_left", None), left));
        }
        if let Some(lasts) = &status.lasts {
            for (quantile, hours) in [
                ("0.1", lasts.low_hours),
                ("0.5", lasts.median_hours),
                ("0.9", lasts.high_hours),
            ] {
                let labels = labels("slo:budget_hours_left", Some(quantile));
                samples.push((labels, hours.unwrap_or(f64::INFINITY)));
            }
        }
    }
    samples
}
