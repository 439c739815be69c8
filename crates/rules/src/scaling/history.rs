//! A scaler over stored history: what it would have decided, beside what there was.
//!
//! ## Model
//! The queries are answered at each turn of the past. The scaler's own decisions stand for the workers
//! that there would have been: those a start-up ago were ready. Load is what arrived, or what was in
//! flight where nothing says what arrived: that the pool would have served it otherwise is not in the
//! record.
//!
//! ## Invariants
//! Nothing is written.

use std::sync::Arc;

use bellwether_promql::{CancelToken, Engine};
use bellwether_scale::{Decision, Scaler};
use bellwether_storage::MetricStore;

use super::looks::{Known, Looks};
use super::scaler::Starting;
use super::settings::{ScalerSettings, SignalName};
use crate::error::RulesError;

/// One turn of the past.
#[derive(Debug, Clone)]
pub struct PastTurn {
    /// When, ms.
    pub time_ms: i64,
    /// What would have been decided; `None`: nothing was seen yet.
    pub decision: Option<Decision>,
    /// Workers that would have been ready.
    pub ready: u32,
    /// Workers that the pool was set to, where that was recorded.
    pub ran: Option<u32>,
    /// Workers that were ready, where that was recorded.
    pub ran_ready: Option<u32>,
    /// The load in slots, where it was recorded.
    pub load: Option<f64>,
}

/// Goes through history from `from_ms` to `to_ms`, both included.
///
/// # Errors
/// What is wrong with the settings; and where it is cancelled.
pub fn past_turns(
    store: &Arc<dyn MetricStore>,
    engine: &Engine,
    settings: &ScalerSettings,
    (from_ms, to_ms): (i64, i64),
    cancel: &CancelToken,
) -> Result<Vec<PastTurn>, RulesError> {
    let looks = Looks::of(settings, engine)?;
    let policy = settings.policy.clone();
    let mut scaler = Scaler::new(policy).map_err(|source| RulesError::Policy {
        scaler: settings.name.clone(),
        source: Box::new(source),
    })?;
    let (mut starting, mut turns) = (Starting::default(), Vec::new());
    let mut last: Option<u32> = None;
    let mut time_ms = from_ms;
    while time_ms <= to_ms {
        let seen = looks.ask(store, engine, time_ms, cancel);
        if cancel.is_cancelled() {
            return Err(RulesError::Cancelled);
        }
        let count = |name| {
            let value = seen.value(name).filter(|it| (0.0..1e9).contains(it));
            value.map(|it| it.round() as u32)
        };
        let (ran, ran_ready) = (count(SignalName::Workers), count(SignalName::Ready));
        let is_seen = looks.has_load(&seen);
        let mut decision = None;
        let mut ready = 0;
        if is_seen || last.is_some() {
            // It begins with as many as there were.
            let set = last.or(ran).unwrap_or(settings.policy.workers_min.max(1));
            if last.is_none() {
                starting.push(i64::MIN, set, settings.start_up_ms);
            }
            ready = starting
                .started(time_ms, settings.start_up_ms)
                .unwrap_or(set);
            let known = Known {
                workers: Some(set),
                started: Some(ready),
            };
            let mut signals = looks.signals(settings, &seen, known, time_ms);
            (signals.workers_target, signals.workers_ready) = (set, ready);
            let decided = scaler.decide(&signals);
            last = Some(decided.workers);
            starting.push(time_ms, decided.workers, settings.start_up_ms);
            decision = Some(decided);
        }
        turns.push(PastTurn {
            time_ms,
            decision,
            ready,
            ran,
            ran_ready,
            load: looks.load(&seen),
        });
        time_ms = time_ms.saturating_add(settings.interval_ms.max(1));
    }
    Ok(turns)
}
