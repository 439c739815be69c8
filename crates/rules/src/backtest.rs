//! Rules over stored history: which alerts there would have been, and when.
//!
//! ## Model
//! History is gone through in pieces of a few hours. In each, every rule's query is answered at all its
//! turns at once; a recording rule's result goes into an overlay of the store, which later
//! rules read; the alerts of an alerting rule move on turn by turn, by the code that the server runs.
//! Rules are taken in the order in which they read one another, those that do not, in parallel.
//!
//! ## Invariants
//! Nothing is written to the store. A query that fails at some turns fails at these only.
//!
//! ## Limits
//! A rule that reads what itself, or a rule that reads it, writes sees that up to the piece before.
//! Annotations are not made, and templates of labels that ask queries see the store at their turn.
//! A query's `start()`, `end()`, `step()` and `range()` are those of a piece.

mod order;
mod overlay;
mod run;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bellwether_model::Labels;
use bellwether_promql::{CancelToken, Engine, EngineOptions, Features, MemoryBudget};
use bellwether_storage::{ManualClock, MetricStore};
use parking_lot::Mutex;

use crate::error::RulesError;
use crate::settings::GroupSettings;
use crate::world::{Externals, Surroundings, World};

use order::{Flow, Order};
use overlay::Overlay;
use run::RuleRun;

/// How long a piece of history is, ms. Chosen: windows of minutes that are read twice cost little, and
/// the results of a thousand series stay within some megabytes.
const PIECE_MS: i64 = 6 * 3_600_000;
/// Samples that a query may hold; one that would hold more is answered in smaller pieces. Chosen: 128
/// MiB for each thread.
const SAMPLES_MAX: u64 = 8_000_000;

/// What is gone through.
#[derive(Debug, Clone)]
pub struct BacktestSettings {
    /// The first time, ms.
    pub from_ms: i64,
    /// The last time, ms; included.
    pub to_ms: i64,
    /// Threads that answer queries; 0: as many as there are cores.
    pub threads: usize,
    /// Parts of the language that are switched on.
    pub features: Features,
    /// Ends it before its time, with an error.
    pub cancel: CancelToken,
    /// Samples that a query may hold; one that would hold more is answered in smaller pieces.
    pub samples_max: u64,
    /// What queries may hold together, with others of a server.
    pub memory: MemoryBudget,
    /// Episodes that one rule may have; where one has more, there is no answer.
    pub episodes_max: usize,
}

impl BacktestSettings {
    /// All cores and no more parts of the language; nobody else is on the machine.
    #[must_use]
    pub fn new(from_ms: i64, to_ms: i64) -> Self {
        Self {
            from_ms,
            to_ms,
            threads: 0,
            features: Features::default(),
            cancel: CancelToken::default(),
            samples_max: SAMPLES_MAX,
            memory: MemoryBudget::default(),
            episodes_max: usize::MAX,
        }
    }

    /// How often rules of these groups would be evaluated.
    #[must_use]
    pub fn evaluation_count(&self, groups: &[GroupSettings]) -> u64 {
        let span_ms = self
            .to_ms
            .saturating_sub(self.from_ms)
            .max(0)
            .unsigned_abs();
        groups.iter().fold(0, |count: u64, group| {
            let turns = span_ms / group.interval_ms.max(1).unsigned_abs() + 1;
            count.saturating_add(turns.saturating_mul(group.rules.len() as u64))
        })
    }
}

/// What became of one rule.
#[derive(Debug, Clone)]
pub struct RuleHistory {
    /// Its file.
    pub file: PathBuf,
    /// Its group.
    pub group: String,
    /// Its name.
    pub rule: String,
    /// Whether it is an alerting rule.
    pub is_alert: bool,
    /// Turns at which it was evaluated.
    pub turns: u64,
    /// Turns at which it failed.
    pub failed_turns: u64,
    /// Why, at the first of them; empty where there was none.
    pub first_error: String,
    /// Samples that it gave, where it is a recording rule.
    pub sample_count: u64,
    /// The episodes of its alerts, by their begin.
    pub episodes: Vec<Episode>,
}

/// One time that an alert was active.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The alert.
    pub labels: Labels,
    /// When it became pending, ms.
    pub active_at_ms: i64,
    /// When it began to fire, ms; `None`: it never did.
    pub fired_at_ms: Option<i64>,
    /// When it ended, or was dropped, ms; `None`: it was still active at the end.
    pub ended_at_ms: Option<i64>,
    /// The value when it began to fire, or to be pending where it never fired.
    pub value: f64,
}

impl Episode {
    /// How long it fired, where one that was active still is taken as ended at `to_ms`; `None`: it did not fire.
    #[must_use]
    pub fn firing_ms(&self, to_ms: i64) -> Option<i64> {
        let fired_ms = self.fired_at_ms?;
        let end_ms = self.ended_at_ms.unwrap_or(to_ms);
        Some(end_ms.saturating_sub(fired_ms).max(0))
    }
}

/// Goes through history with groups of rules. Gives what became of each rule, in their order.
///
/// # Errors
/// The first rule that cannot be evaluated at all; one that has too many episodes; and where it is cancelled.
pub fn backtest(
    store: Arc<dyn MetricStore>,
    groups: &[GroupSettings],
    surroundings: &Surroundings,
    settings: &BacktestSettings,
) -> Result<Vec<RuleHistory>, RulesError> {
    let engine = Arc::new(Engine::new(EngineOptions {
        samples_max: settings.samples_max,
        memory: settings.memory.clone(),
        features: settings.features,
        threads: 1,
        timeout_ms: 0,
        ..EngineOptions::default()
    }));
    let overlay = Arc::new(Overlay::new(store, groups, settings.from_ms));
    let world = World::closed(
        Arc::<Overlay>::clone(&overlay),
        engine,
        Arc::new(ManualClock::new(settings.to_ms)),
    );
    let externals = Externals::new(surroundings.clone());
    let mut runs = Vec::new();
    for group in groups {
        for rule in &group.rules {
            let run = RuleRun::new(group, rule, &world, &externals, settings.from_ms)?;
            runs.push(Mutex::new(run));
        }
    }
    let flows: Vec<Flow> = runs.iter().map(|run| run.lock().flow()).collect();
    overlay.set_reads_alerts(flows.iter().any(Flow::reads_alerts));
    let order = Order::of(&flows);
    overlay.set_reach(runs.iter().map(|run| run.lock().reach_ms()));
    let threads = match settings.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let mut start_ms = settings.from_ms;
    while start_ms <= settings.to_ms {
        let end_ms = start_ms.saturating_add(PIECE_MS - 1).min(settings.to_ms);
        for level in order.levels() {
            in_parallel(level, threads, |index| {
                if let Some(run) = runs.get(index) {
                    let span = (start_ms, end_ms);
                    run.lock()
                        .go(&world, &externals, &overlay, span, &settings.cancel);
                }
            });
            let too_many = level.iter().find_map(|index| {
                let run = runs.get(*index)?.lock();
                let history = run.history();
                let is_over = history.episodes.len() > settings.episodes_max;
                is_over.then(|| RulesError::Episodes {
                    group: history.group.clone(),
                    rule: history.rule.clone(),
                    episodes_max: settings.episodes_max,
                })
            });
            if let Some(error) = too_many {
                return Err(error);
            }
            if settings.cancel.is_cancelled() {
                return Err(RulesError::Cancelled);
            }
        }
        overlay.trim(end_ms);
        let Some(next_ms) = end_ms.checked_add(1) else {
            break;
        };
        start_ms = next_ms;
    }
    Ok(runs
        .into_iter()
        .map(|run| run.into_inner().into_history())
        .collect())
}

/// Does some work for each item, on so many threads.
fn in_parallel(items: &[usize], threads: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let worker = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(*item);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(worker);
        }
        worker();
    });
}

#[cfg(test)]
mod tests;
