//! Why the demo cannot run.

use bellwether_sdk::FileSinkError;
use bellwether_sdk::health::HealthError;
use bellwether_sdk::pool::PoolSettingsError;
use bellwether_sdk::pool::scale::ScaleError;
use bellwether_storage::{ErrorKind, StorageError};

/// Why the demo cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The store took no history.
    #[error("write the demo's history: {0}")]
    Storage(#[from] StorageError),
    /// The store refused a part of the history.
    #[error("{rejected} of {all} samples of the demo's history were refused, the first: {reason}")]
    Rejected {
        /// How many were refused.
        rejected: u64,
        /// How many there are.
        all: u64,
        /// Why the first was.
        reason: String,
    },
    /// The history has no sample in it.
    #[error(
        "a history of {span_ms} ms in steps of {step_ms} ms holds nothing: both must be above 0"
    )]
    EmptyHistory {
        /// How far back it should go.
        span_ms: i64,
        /// From sample to sample.
        step_ms: i64,
    },
    /// The pool or its policy makes no sense.
    #[error("the demo's pool: {0}")]
    Pool(String),
    /// The daemon's health checks make no sense.
    #[error("the demo's health checks: {0}")]
    Health(#[from] HealthError),
    /// The file of events cannot be written.
    #[error("the demo's events: {0}")]
    Events(#[from] FileSinkError),
    /// The daemon cannot listen.
    #[error("listen on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

impl DemoError {
    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Storage(error) => error.kind(),
            Self::Rejected { .. } => ErrorKind::Conflict,
            Self::EmptyHistory { .. } => ErrorKind::Invalid,
            Self::Pool(_) | Self::Health(_) => ErrorKind::Internal,
            Self::Listen { .. } | Self::Events(_) => ErrorKind::Unavailable,
        }
    }
}

impl From<ScaleError> for DemoError {
    fn from(error: ScaleError) -> Self {
        Self::Pool(error.to_string())
    }
}

impl From<PoolSettingsError> for DemoError {
    fn from(error: PoolSettingsError) -> Self {
        Self::Pool(error.to_string())
    }
}
