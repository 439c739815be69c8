//! What keeps a query from taking too long or too much.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::memory::Member;
use crate::{CancelToken, EngineOptions, QueryError, QueryRequest};

const EVALUATION: &str = "expression evaluation";
const EXECUTION: &str = "query execution";

/// The limits of one query, and how near it is to them. Shared between its threads.
#[derive(Debug)]
pub(crate) struct Limits {
    deadline: Option<Instant>,
    cancel: CancelToken,
    samples_max: u64,
    /// What it holds in bytes.
    pub(crate) memory: Member,
    samples: AtomicU64,
    peak: AtomicU64,
    /// Samples looked at over all steps.
    looked_at: AtomicU64,
}

impl Limits {
    pub(crate) fn new(options: &EngineOptions, request: &QueryRequest, now: Instant) -> Self {
        let asked = request.timeout_ms.filter(|ms| *ms > 0);
        let own = Some(options.timeout_ms).filter(|ms| *ms > 0);
        let timeout_ms = match (asked, own) {
            (Some(asked), Some(own)) => Some(asked.min(own)),
            (asked, own) => asked.or(own),
        };
        Self {
            deadline: timeout_ms.and_then(|ms| now.checked_add(Duration::from_millis(ms as u64))),
            cancel: request.cancel.clone(),
            samples_max: match options.samples_max {
                0 => u64::MAX,
                max => max,
            },
            memory: options.memory.enter(),
            samples: AtomicU64::new(0),
            peak: AtomicU64::new(0),
            looked_at: AtomicU64::new(0),
        }
    }

    /// Fails where the query was cancelled, was told to stop, or has run out of time.
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        if self.cancel.is_cancelled() {
            return Err(QueryError::Cancelled(EVALUATION));
        }
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            return Err(QueryError::Timeout(EVALUATION));
        }
        self.memory.check()
    }

    /// Counts samples that are held from now on.
    pub(crate) fn hold(&self, samples: u64) -> Result<(), QueryError> {
        let held = self.samples.fetch_add(samples, Ordering::Relaxed) + samples;
        self.peak.fetch_max(held, Ordering::Relaxed);
        self.judge(held)
    }

    /// Fails where `samples` more than are held now would be too many, without holding them.
    pub(crate) fn peek(&self, samples: u64) -> Result<(), QueryError> {
        let held = self.samples.load(Ordering::Relaxed).saturating_add(samples);
        self.peak.fetch_max(held, Ordering::Relaxed);
        self.judge(held)
    }

    fn judge(&self, held: u64) -> Result<(), QueryError> {
        if held > self.samples_max {
            return Err(QueryError::TooManySamples(EXECUTION));
        }
        Ok(())
    }

    /// Samples that are no longer held.
    pub(crate) fn release(&self, samples: u64) {
        // Saturating: an estimate must never wrap around and fail a sound query.
        let _previous = self
            .samples
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |held| {
                Some(held.saturating_sub(samples))
            });
    }

    /// Counts samples that were looked at.
    pub(crate) fn count(&self, samples: u64) {
        self.looked_at.fetch_add(samples, Ordering::Relaxed);
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn looked_at(&self) -> u64 {
        self.looked_at.load(Ordering::Relaxed)
    }
}
