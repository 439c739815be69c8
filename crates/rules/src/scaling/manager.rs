//! All scalers: applies settings, takes turns, answers how they are.
//!
//! ## Model
//! [`Scalers::apply`] makes the running scalers those of the configuration; [`Scalers::run`] takes their
//! turns, each on a blocking thread, until [`Scalers::stop`]. [`Scalers::turn`] takes one at a time of the
//! caller's: for tests and for whoever goes through the past.
//!
//! ## Invariants
//! Turns of a scaler never overlap. One that passes while the one before runs is left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bellwether_promql::{CancelToken, Engine};
use bellwether_storage::{Clock, MetricStore, StateStore, StorageError, Timeline};
use bellwether_telemetry::{Counter, Registry};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::keeper::Keeper;
use super::record::Kept;
use super::scaler::RunningScaler;
use super::settings::ScalerSettings;
use super::status::ScalerStatus;
use crate::error::RulesError;

/// What scalers work with.
#[derive(Debug)]
pub struct ScalersParts {
    /// Where signals are and decisions go.
    pub store: Arc<dyn MetricStore>,
    /// What answers queries.
    pub engine: Arc<Engine>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Keeps what was learnt over restarts; `None`: nothing is.
    pub state: Option<Arc<dyn StateStore>>,
    /// Takes changes; `None`: nobody does.
    pub timeline: Option<Arc<dyn Timeline>>,
    /// Takes own numbers.
    pub registry: Registry,
}

/// Runs scalers. Clones are handles to the same.
#[derive(Debug, Clone)]
pub struct Scalers(Arc<Inner>);

/// What scalers share.
#[derive(Debug)]
pub(super) struct World {
    pub(super) store: Arc<dyn MetricStore>,
    pub(super) engine: Arc<Engine>,
    pub(super) timeline: Option<Arc<dyn Timeline>>,
    pub(super) keeper: Option<Keeper>,
    pub(super) metrics: Metrics,
}

/// Decisions by scaler and reason.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    decisions: Mutex<FxHashMap<(String, &'static str), Arc<Counter>>>,
}

impl Metrics {
    pub(super) fn decided(&self, scaler: &str, reason: &'static str) {
        let mut decisions = self.decisions.lock();
        let counter = decisions
            .entry((scaler.to_owned(), reason))
            .or_insert_with(|| {
                self.registry.counter(
                    "bellwether_scaler_decisions_total",
                    "Decisions on numbers of workers, by what settled them.",
                    &[("scaler", scaler), ("reason", reason)],
                )
            });
        counter.increment();
    }
}

#[derive(Debug)]
struct Inner {
    world: World,
    clock: Arc<dyn Clock>,
    scalers: Mutex<BTreeMap<String, Arc<RunningScaler>>>,
    /// What was found at the start, until settings are applied for the first time.
    kept: Mutex<Option<BTreeMap<String, Kept>>>,
    /// Told when other scalers run.
    applied: Notify,
    stopped: CancellationToken,
    cancel: CancelToken,
}

impl Scalers {
    /// No scalers yet.
    ///
    /// # Errors
    /// Where what is kept cannot be read.
    pub fn new(parts: ScalersParts) -> Result<Self, StorageError> {
        let (keeper, kept) = match parts.state {
            None => (None, BTreeMap::new()),
            Some(state) => {
                let (keeper, kept) = Keeper::open(state)?;
                (Some(keeper), kept)
            }
        };
        Ok(Self(Arc::new(Inner {
            world: World {
                store: parts.store,
                engine: parts.engine,
                timeline: parts.timeline,
                keeper,
                metrics: Metrics {
                    registry: parts.registry,
                    decisions: Mutex::default(),
                },
            },
            clock: parts.clock,
            scalers: Mutex::default(),
            kept: Mutex::new(Some(kept)),
            applied: Notify::new(),
            stopped: CancellationToken::new(),
            cancel: CancelToken::default(),
        })))
    }

    /// Makes the running scalers those of `settings`. One that did not change goes on undisturbed; one
    /// that changed goes on from what was decided and learnt; what is kept of those that are gone is
    /// forgotten, and their series end. Waits for turns that run: to be called on a blocking thread.
    ///
    /// # Errors
    /// The first scaler that is wrong; nothing is changed then.
    pub fn apply(&self, settings: Vec<ScalerSettings>) -> Result<(), RulesError> {
        let inner = &self.0;
        let mut kept = inner.kept.lock();
        let before = inner.scalers.lock().clone();
        let mut after = BTreeMap::new();
        for settings in settings {
            let name = settings.name.clone();
            let scaler = match before.get(&name) {
                Some(same) if *same.settings == settings => Arc::clone(same),
                changed => {
                    let found = kept.as_ref().and_then(|kept| kept.get(&name).cloned());
                    let known = changed.map(|scaler| scaler.kept()).or(found);
                    Arc::new(RunningScaler::new(settings, &inner.world, known)?)
                }
            };
            if after.insert(name.clone(), scaler).is_some() {
                return Err(RulesError::DuplicateScaler { scaler: name });
            }
        }
        let found = kept.take().unwrap_or_default();
        drop(kept);
        *inner.scalers.lock() = after.clone();
        let now_ms = inner.clock.now_ms();
        for (name, scaler) in &before {
            if after.get(name).is_none_or(|it| !Arc::ptr_eq(it, scaler)) {
                scaler.end(&inner.world, now_ms);
            }
        }
        if let Some(keeper) = &inner.world.keeper {
            let names = before.keys().chain(found.keys()).map(String::as_str);
            keeper.forget(names.filter(|name| !after.contains_key(*name)));
        }
        inner.applied.notify_one();
        Ok(())
    }

    /// Takes the turns of all scalers until it is told to stop.
    pub async fn run(&self) {
        let inner = &self.0;
        let mut due: FxHashMap<String, (Arc<RunningScaler>, i64)> = FxHashMap::default();
        let mut running = tokio::task::JoinSet::new();
        loop {
            let now_ms = inner.clock.now_ms();
            let scalers = inner.scalers.lock().clone();
            due.retain(|name, (known, _)| {
                scalers.get(name).is_some_and(|it| Arc::ptr_eq(it, known))
            });
            for (name, scaler) in scalers {
                let turns = scaler.turns;
                let (_, due_ms) = due
                    .entry(name)
                    .or_insert_with(|| (Arc::clone(&scaler), turns.after(now_ms)));
                // Also where the clock was set back.
                if *due_ms > turns.after(now_ms) {
                    *due_ms = turns.after(now_ms);
                }
                if *due_ms > now_ms {
                    continue;
                }
                let turn_ms = turns.before(now_ms);
                *due_ms = turns.after(now_ms);
                let inner = Arc::clone(inner);
                running.spawn_blocking(move || {
                    scaler.turn_if_free(&inner.world, turn_ms, &inner.cancel);
                });
            }
            let next_ms = due.values().map(|(_, due_ms)| *due_ms).min();
            let wait_ms = next_ms.map_or(IDLE_MS, |next_ms| next_ms.saturating_sub(now_ms));
            let wait = Duration::from_millis(wait_ms.clamp(1, IDLE_MS).unsigned_abs());
            tokio::select! {
                biased;
                () = inner.stopped.cancelled() => break,
                () = inner.applied.notified() => {}
                Some(ended) = running.join_next() => if let Err(error) = ended {
                    tracing::error!(%error, "a turn of a scaler ended");
                },
                () = tokio::time::sleep(wait) => {}
            }
        }
        while let Some(ended) = running.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a turn of a scaler ended");
            }
        }
    }

    /// Takes a turn of one scaler at a time, which must not go back. Gives how it is then; `None`: there
    /// is no such scaler.
    #[must_use]
    pub fn turn(&self, name: &str, time_ms: i64) -> Option<Arc<ScalerStatus>> {
        let scaler = self.scaler(name)?;
        scaler.turn(&self.0.world, time_ms, &self.0.cancel);
        Some(scaler.status())
    }

    /// Begins to stop: no more turns, and queries that run are broken off. What was learnt is kept.
    /// Waits for turns that run: to be called on a blocking thread.
    pub fn stop(&self) {
        self.0.stopped.cancel();
        self.0.cancel.cancel();
        let scalers = self.0.scalers.lock().clone();
        if let Some(keeper) = &self.0.world.keeper {
            scalers.values().for_each(|scaler| scaler.keep(keeper));
        }
    }

    /// All scalers, by name.
    #[must_use]
    pub fn statuses(&self) -> Vec<Arc<ScalerStatus>> {
        let scalers = self.0.scalers.lock().clone();
        scalers.values().map(|scaler| scaler.status()).collect()
    }

    /// One scaler.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<Arc<ScalerStatus>> {
        Some(self.scaler(name)?.status())
    }

    /// Tells of each change of one scaler's number of workers.
    #[must_use]
    pub fn changes(&self, name: &str) -> Option<watch::Receiver<u64>> {
        Some(self.scaler(name)?.changes())
    }

    fn scaler(&self, name: &str) -> Option<Arc<RunningScaler>> {
        self.0.scalers.lock().get(name).cloned()
    }
}

/// Where nothing is due, nothing is looked at for so long, ms.
const IDLE_MS: i64 = 60_000;
