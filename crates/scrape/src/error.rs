//! Why a scrape, a target or a discovery failed.

use bellwether_model::short;
use bellwether_outbound::OutboundError;
use bellwether_storage::{ErrorKind, StorageError};

use crate::exposition::ExpositionError;

/// Why a scrape failed. The text is shown on the targets page as the target's last error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScrapeError {
    /// The body is not what its format says.
    #[error(transparent)]
    Exposition(#[from] ExpositionError),
    /// The target could not be asked.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// The target answered with another status than 200.
    #[error("server returned HTTP status {status}")]
    Status {
        /// Code and, where there is one, its usual name.
        status: String,
    },
    /// The body is longer than the job allows.
    #[error("body size limit exceeded: the answer has more than {limit} bytes")]
    BodySize {
        /// The limit.
        limit: u64,
    },
    /// More samples than the job allows.
    #[error("sample limit exceeded: {samples} samples, limit {limit}")]
    SampleLimit {
        /// How many samples there were after relabelling.
        samples: u64,
        /// The limit.
        limit: u64,
    },
    /// A native histogram that cannot be made coarse enough.
    #[error(
        "histogram bucket limit exceeded: series {series} has {buckets} buckets, limit {limit}"
    )]
    BucketLimit {
        /// The series.
        series: String,
        /// Its buckets at the coarsest resolution.
        buckets: usize,
        /// The limit.
        limit: u64,
    },
    /// A series with too many labels, or with one that is too long.
    #[error("label limit exceeded: series {series}: {what} is {found}, limit {limit}")]
    LabelLimit {
        /// The series.
        series: String,
        /// What is too much: `number of labels`, `length of name x`, `length of value of x`.
        what: String,
        /// How much it is.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// More targets than the job allows.
    #[error("target limit exceeded: {targets} targets, limit {limit}")]
    TargetLimit {
        /// Targets of the job after relabelling.
        targets: u64,
        /// The limit.
        limit: u64,
    },
    /// The relabelled series has no name.
    #[error("series {series} has no metric name after relabelling")]
    NoName {
        /// The series as scraped.
        series: String,
    },
    /// A name that the job's validation scheme does not take.
    #[error("series {series}: {name:?} is not a valid name under the legacy validation scheme")]
    InvalidName {
        /// The series.
        series: String,
        /// The name of a label or metric.
        name: String,
    },
    /// The scrape took longer than its timeout.
    #[error("scrape took longer than its timeout of {timeout_ms} ms")]
    Timeout {
        /// The timeout.
        timeout_ms: i64,
    },
    /// The store did not take the samples.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The worker that parses and writes ended.
    #[error("the worker of the scrape ended: {0}")]
    Worker(String),
    /// A target inside of the process failed.
    #[error("{0}")]
    Source(String),
}

impl ScrapeError {
    /// What the error means for a caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Exposition(_) | Self::NoName { .. } | Self::InvalidName { .. } => {
                ErrorKind::Invalid
            }
            Self::BodySize { .. }
            | Self::SampleLimit { .. }
            | Self::BucketLimit { .. }
            | Self::LabelLimit { .. }
            | Self::TargetLimit { .. } => ErrorKind::Limit,
            Self::Status { .. } | Self::Source(_) => ErrorKind::Unavailable,
            Self::Timeout { .. } => ErrorKind::Timeout,
            Self::Outbound(error) => error.kind(),
            Self::Storage(error) => error.kind(),
            Self::Worker(_) => ErrorKind::Internal,
        }
    }
}

/// Why labels do not make a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// Relabelling left no `__address__`.
    #[error("target has no __address__")]
    NoAddress,
    /// The address holds a path or is no host.
    #[error("{:?} is not a valid address: want host or host:port", short(address))]
    Address {
        /// `__address__`.
        address: String,
    },
    /// An internal label that must hold a duration above 0 does not.
    #[error("{label} is {:?}: want a duration above 0, such as 15s", short(value))]
    Duration {
        /// The label.
        label: &'static str,
        /// Its value.
        value: String,
    },
    /// The timeout is above the interval.
    #[error(
        "scrape timeout {} is greater than the scrape interval {}",
        short(timeout),
        short(interval)
    )]
    TimeoutAboveInterval {
        /// `__scrape_timeout__`.
        timeout: String,
        /// `__scrape_interval__`.
        interval: String,
    },
    /// An internal label that must hold a boolean does not.
    #[error("{label} is {:?}: want true or false", short(value))]
    Boolean {
        /// The label.
        label: &'static str,
        /// Its value.
        value: String,
    },
    /// Scheme, address, path and parameters do not make a URL.
    #[error("{:?} is not a URL: {reason}", short(text))]
    Url {
        /// What was tried.
        text: String,
        /// What the URL parser says.
        reason: String,
    },
}

impl TargetError {
    /// What the error means for a caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}
