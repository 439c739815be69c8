//! The test language of Prometheus: load series, evaluate queries, expect results.
//!
//! ## Model
//! A script is a sequence of commands: `load`, `clear`, `eval`. [`run_script`] runs one against a
//! [`QueryEngine`] over stores that a [`Backend`] makes, and counts evaluations that gave what was
//! expected. An instant evaluation is run several times, as Prometheus runs it: as it stands; with
//! `@` on all selectors at other evaluation times; and as the middle step of a range query.
//!
//! ## Invariants
//! Nothing is skipped: what cannot be understood counts as a failure with its line. Floats are
//! equal within a relative error of 10⁻⁶; histograms are compared bucket by bucket.
//!
//! ## See also
//! <https://github.com/prometheus/prometheus/blob/main/promql/promqltest/README.md>.

mod compare;
mod load;
mod run;
mod script;
mod series;

use std::fmt;
use std::sync::Arc;

use bellwether_storage::{MemoryStore, MetricStore, StorageError};

pub use run::run_script;
pub use series::{SequenceValue, SeriesDescription, parse_series};

use crate::{EngineOptions, Features, QueryError, QueryOutcome};

/// Something that evaluates queries.
pub trait QueryEngine {
    /// Evaluates a query at one time (milliseconds).
    ///
    /// # Errors
    /// Where the query has no answer.
    fn instant(
        &self,
        store: &dyn MetricStore,
        query: &str,
        time_ms: i64,
    ) -> Result<QueryOutcome, QueryError>;

    /// Evaluates a query from `start_ms` to `end_ms` each `step_ms`.
    ///
    /// # Errors
    /// Where the query has no answer.
    fn range(
        &self,
        store: &dyn MetricStore,
        query: &str,
        start_ms: i64,
        end_ms: i64,
        step_ms: i64,
    ) -> Result<QueryOutcome, QueryError>;
}

/// Makes the stores that a script loads its series into.
pub trait Backend {
    /// An empty store. The one before is not used any more.
    ///
    /// # Errors
    /// Where it cannot be made.
    fn open(&mut self) -> Result<Arc<dyn MetricStore>, StorageError>;
}

/// Stores in memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct InMemory;

impl Backend for InMemory {
    fn open(&mut self) -> Result<Arc<dyn MetricStore>, StorageError> {
        Ok(Arc::new(MemoryStore::new()))
    }
}

impl<F> Backend for F
where
    F: FnMut() -> Result<Arc<dyn MetricStore>, StorageError>,
{
    fn open(&mut self) -> Result<Arc<dyn MetricStore>, StorageError> {
        self()
    }
}

/// The settings with which Prometheus runs its own scripts: experimental parts of the language on,
/// 5 minutes of lookback, 100 seconds, 10,000 samples.
#[must_use]
pub fn engine_options() -> EngineOptions {
    EngineOptions {
        timeout_ms: 100_000,
        samples_max: 10_000,
        features: Features {
            per_step_stats: false,
            type_and_unit_labels: false,
            ..Features::all()
        },
        ..EngineOptions::default()
    }
}

/// One evaluation that did not give what was expected, or a line that means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The line of the command, from 1.
    pub line: usize,
    /// The query, where it is one.
    pub query: String,
    /// What was expected and what came.
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.query.is_empty() {
            write!(f, "line {}: {}", self.line, self.message)
        } else {
            write!(f, "line {}: {}: {}", self.line, self.query, self.message)
        }
    }
}

/// How a script went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Evaluations that gave what was expected.
    pub passed: usize,
    /// Evaluations that did not, and lines that mean nothing.
    pub failed: usize,
    /// Each of the failed, in order of the script.
    pub failures: Vec<Failure>,
}

impl Report {
    /// Adds the counts and failures of another script.
    pub fn merge(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.failures.extend(other.failures);
    }

    fn fail(&mut self, line: usize, query: &str, message: String) {
        self.failed += 1;
        self.failures.push(Failure {
            line,
            query: query.to_owned(),
            message,
        });
    }
}

/// `2214 passed, 0 failed`
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests;
