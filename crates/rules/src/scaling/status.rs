//! How a scaler is, for those who follow and those who look.

use std::sync::Arc;

use bellwether_scale::Decision;

use super::settings::{ScalerSettings, SignalName};

/// Changes that are held for those who look. Chosen: some hours of a restless pool.
pub const CHANGES_MAX: usize = 200;

/// A scaler as its last turn has left it.
#[derive(Debug, Clone)]
pub struct ScalerStatus {
    /// What the configuration says of it.
    pub settings: Arc<ScalerSettings>,
    /// When its last turn was, ms; `None`: there was none.
    pub turned_at_ms: Option<i64>,
    /// What was decided last; `None`: nothing, since nothing was seen yet.
    pub decided: Option<Decided>,
    /// Signals whose queries failed at the last turn.
    pub problems: Vec<SignalProblem>,
    /// The newest changes, newest first.
    pub changes: Vec<Change>,
}

/// What was decided.
#[derive(Debug, Clone)]
pub struct Decided {
    /// How often the number of workers has changed, over restarts too as far as is known: whoever
    /// follows tells by it whether he knows the number.
    pub number: u64,
    /// How many workers there shall be.
    pub workers: u32,
    /// How many each process shall have, where it is known how many share them.
    pub workers_each: Option<u32>,
    /// When it was decided, ms.
    pub time_ms: i64,
    /// Why; `None`: it was decided before a restart, and no turn was since.
    pub decision: Option<Decision>,
}

/// A decision that changed the number of workers.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// When, ms.
    pub time_ms: i64,
    /// How many there were to be before.
    pub from: u32,
    /// How many there shall be.
    pub to: u32,
    /// A word for what settled it.
    pub reason: &'static str,
    /// The whole decision in a sentence.
    pub text: String,
}

/// Why a signal is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalProblem {
    /// Which.
    pub signal: SignalName,
    /// What is wrong with its query.
    pub text: String,
}
