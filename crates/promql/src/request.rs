//! What an engine is told: once, when it is made, and with each query.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Features, MemoryBudget};

/// Settings of an engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// A query is given up after this time, in milliseconds. 0: no limit.
    pub timeout_ms: i64,
    /// Most samples that a query may hold at once. 0: no limit.
    pub samples_max: u64,
    /// What queries may hold, each and all together.
    pub memory: MemoryBudget,
    /// How far an instant selector looks back for a sample, in milliseconds, the far end excluded.
    pub lookback_ms: i64,
    /// Experimental parts of the language.
    pub features: Features,
    /// Threads that one query may use. 0: as many as there are cores.
    pub threads: usize,
    /// The step of subqueries that name none, in milliseconds (Prometheus takes the global
    /// evaluation interval).
    pub subquery_step_ms: i64,
}

/// 2 minutes, 50 million samples, no memory limits, 5 minutes of lookback, no experimental features,
/// all cores, subquery steps of 1 minute: the defaults of Prometheus where it has them.
impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            timeout_ms: 120_000,
            samples_max: 50_000_000,
            memory: MemoryBudget::default(),
            lookback_ms: 300_000,
            features: Features::default(),
            threads: 0,
            subquery_step_ms: 60_000,
        }
    }
}

/// A flag with which a query is stopped from elsewhere. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct CancelToken {
    cancelled: Arc<AtomicBool>,
}

impl CancelToken {
    /// Asks the query to stop. It does so at the next check, within milliseconds.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether somebody has asked.
    #[must_use]
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// What one query may say beside its text and times.
#[derive(Debug, Clone, Default)]
pub struct QueryRequest {
    /// Lookback in milliseconds instead of the engine's.
    pub lookback_ms: Option<i64>,
    /// Time limit in milliseconds; the engine's own still holds.
    pub timeout_ms: Option<i64>,
    /// Stops the query.
    pub cancel: CancelToken,
    /// Whether statistics for each step are wanted (only with that feature).
    pub stats: bool,
}
