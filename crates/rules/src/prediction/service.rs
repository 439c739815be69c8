//! All predictions: applies settings, takes turns, answers how they are.
//!
//! ## Invariants
//! Turns of one prediction never overlap; one that is due while the one before runs is left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use bellwether_promql::{CancelToken, Engine};
use bellwether_storage::{Clock, MetricStore};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::job::Job;
use super::look::Asker;
use super::path::Path;
use super::settings::PredictionSettings;
use super::status::PredictionStatus;
use crate::error::RulesError;
use crate::schedule::Turns;

/// Where nothing is due, nothing is looked at for so long, ms.
const IDLE_MS: i64 = 60_000;

/// What predictions work with.
#[derive(Debug)]
pub struct PredictionsParts {
    /// Where series are, and what is said of them goes.
    pub store: Arc<dyn MetricStore>,
    /// What answers queries.
    pub engine: Arc<Engine>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// Runs predictions. Clones are handles to the same.
#[derive(Debug, Clone)]
pub struct Predictions(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: PredictionsParts,
    running: Mutex<BTreeMap<String, Arc<Running>>>,
    /// Told when others run.
    applied: Notify,
    stopped: CancellationToken,
    cancel: CancelToken,
}

#[derive(Debug)]
struct Running {
    settings: PredictionSettings,
    turns: Turns,
    due_ms: AtomicI64,
    is_busy: AtomicBool,
    worker: Worker,
}

#[derive(Debug)]
enum Worker {
    Job(Box<Job>),
    Path(Box<Path>),
}

impl Predictions {
    /// None yet.
    #[must_use]
    pub fn new(parts: PredictionsParts) -> Self {
        Self(Arc::new(Inner {
            parts,
            running: Mutex::default(),
            applied: Notify::new(),
            stopped: CancellationToken::new(),
            cancel: CancelToken::default(),
        }))
    }

    /// Makes the running predictions those of `settings`. One that did not change goes on; one that
    /// changed learns anew; the series of those that are gone end. Waits for turns that run.
    ///
    /// # Errors
    /// The first that is wrong; nothing is changed then.
    pub fn apply(&self, settings: Vec<PredictionSettings>) -> Result<(), RulesError> {
        let inner = &self.0;
        let now_ms = inner.parts.clock.now_ms();
        let before = inner.running.lock().clone();
        let mut after = BTreeMap::new();
        for settings in settings {
            let name = settings.name().to_owned();
            let running = match before.get(&name) {
                Some(same) if same.settings == settings => Arc::clone(same),
                _ => Arc::new(Running::new(settings, inner.asker(), now_ms)?),
            };
            if after.insert(name.clone(), running).is_some() {
                return Err(RulesError::DuplicateForecast { forecast: name });
            }
        }
        *inner.running.lock() = after.clone();
        for (name, old) in &before {
            if after.get(name).is_none_or(|new| !Arc::ptr_eq(new, old)) {
                match &old.worker {
                    Worker::Job(job) => job.end(inner.asker(), now_ms),
                    Worker::Path(path) => path.end(inner.asker(), now_ms),
                }
            }
        }
        inner.applied.notify_one();
        Ok(())
    }

    /// Takes all turns until it is told to stop.
    pub async fn run(&self) {
        let inner = &self.0;
        let mut turns = JoinSet::new();
        loop {
            let now_ms = inner.parts.clock.now_ms();
            let running = inner.running.lock().clone();
            let mut next_ms = now_ms.saturating_add(IDLE_MS);
            for one in running.into_values() {
                // Also where the clock was set back.
                let after_ms = one.turns.after(now_ms);
                let mut due_ms = one.due_ms.load(Ordering::Relaxed).min(after_ms);
                if due_ms <= now_ms {
                    let this = Arc::clone(inner);
                    let turn = Arc::clone(&one);
                    let turn_ms = one.turns.before(now_ms);
                    turns.spawn_blocking(move || turn.take_if_free(&this, turn_ms));
                    due_ms = after_ms;
                }
                one.due_ms.store(due_ms, Ordering::Relaxed);
                next_ms = next_ms.min(due_ms);
            }
            let wait_ms = next_ms.saturating_sub(now_ms).clamp(1, IDLE_MS);
            tokio::select! {
                biased;
                () = inner.stopped.cancelled() => break,
                () = inner.applied.notified() => {}
                Some(ended) = turns.join_next() => log_panic(ended),
                () = tokio::time::sleep(Duration::from_millis(wait_ms.unsigned_abs())) => {}
            }
        }
        while let Some(ended) = turns.join_next().await {
            log_panic(ended);
        }
    }

    /// Takes the turn of one at a time, without a budget; whether there is one of that name.
    pub fn turn(&self, name: &str, time_ms: i64) -> bool {
        self.turn_by(name, time_ms, None)
    }

    /// Takes the turn of one at a time, with the budget that it has by the service's clock; whether there is one of
    /// that name.
    pub fn turn_in_budget(&self, name: &str, time_ms: i64) -> bool {
        self.turn_by(name, time_ms, Some(self.0.parts.clock.as_ref()))
    }

    fn turn_by(&self, name: &str, time_ms: i64, clock: Option<&dyn Clock>) -> bool {
        let running = self.0.running.lock().get(name).cloned();
        let Some(running) = running else {
            return false;
        };
        running.take(&self.0, time_ms, clock);
        true
    }

    /// Begins to stop: no more turns, and what runs is broken off.
    pub fn stop(&self) {
        self.0.stopped.cancel();
        self.0.cancel.cancel();
    }

    /// How all of them are, by name, or one, with so many series each. Waits a moment for turns that run.
    #[must_use]
    pub fn statuses(&self, name: Option<&str>, series_max: usize) -> Vec<PredictionStatus> {
        let running = self.0.running.lock().clone();
        let wanted = running
            .into_iter()
            .filter(|(own, _)| name.is_none_or(|name| name == own));
        let statuses = wanted.map(|(_, one)| match &one.worker {
            Worker::Job(job) => PredictionStatus::Job(job.status(series_max)),
            Worker::Path(path) => PredictionStatus::Path(path.status()),
        });
        statuses.collect()
    }
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a turn of a forecast ended");
    }
}

impl Inner {
    fn asker(&self) -> Asker<'_> {
        Asker {
            store: self.parts.store.as_ref(),
            engine: &self.parts.engine,
            cancel: &self.cancel,
        }
    }
}

impl Running {
    fn new(
        settings: PredictionSettings,
        asker: Asker<'_>,
        now_ms: i64,
    ) -> Result<Self, RulesError> {
        Ok(Self {
            turns: Turns::new(settings.name(), settings.interval_ms()),
            due_ms: AtomicI64::new(now_ms),
            is_busy: AtomicBool::new(false),
            worker: match &settings {
                PredictionSettings::Job(job) => Worker::Job(Box::new(Job::new(job, asker)?)),
                PredictionSettings::Path(path) => Worker::Path(Box::new(Path::new(path, asker)?)),
            },
            settings,
        })
    }

    fn take_if_free(&self, inner: &Inner, time_ms: i64) {
        if !self.is_busy.swap(true, Ordering::Acquire) {
            self.take(inner, time_ms, Some(inner.parts.clock.as_ref()));
            self.is_busy.store(false, Ordering::Release);
        }
    }

    fn take(&self, inner: &Inner, time_ms: i64, clock: Option<&dyn Clock>) {
        match &self.worker {
            Worker::Job(job) => job.turn(inner.asker(), time_ms, clock),
            Worker::Path(path) => path.turn(inner.asker(), time_ms),
        }
    }
}
