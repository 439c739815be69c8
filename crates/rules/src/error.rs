//! What can be wrong with rules.

use std::path::PathBuf;

use bellwether_model::{Labels, ShortLabels, short};
use bellwether_promql::{ParseError, QueryError};
use bellwether_scale::ScaleError;
use bellwether_storage::{ErrorKind, RejectionReason, StorageError};
use bellwether_template::TemplateError;

use crate::alerting::AdvanceError;

/// Why groups cannot be made of settings.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// Two groups of a file have one name.
    #[error("{}: group {:?} is there twice: names must be unique in a file", file.display(), short(group))]
    DuplicateGroup {
        /// The file.
        file: PathBuf,
        /// The name.
        group: String,
    },
    /// An interval is no time.
    #[error("{}: group {:?}: the interval {interval_ms} ms is not above 0", file.display(), short(group))]
    Interval {
        /// The file.
        file: PathBuf,
        /// The group.
        group: String,
        /// The interval.
        interval_ms: i64,
    },
    /// The expression of a rule is no query.
    #[error("{place}: {source}")]
    Query {
        /// Where.
        place: Box<RulePlace>,
        /// What is wrong.
        source: Box<ParseError>,
    },
    /// A label or annotation is no template.
    #[error("{place}: {what} {:?}: {source}", short(name))]
    Template {
        /// Where.
        place: Box<RulePlace>,
        /// `label` or `annotation`.
        what: &'static str,
        /// Its name.
        name: String,
        /// What is wrong.
        source: Box<TemplateError>,
    },
    /// Two scalers have one name.
    #[error("scaler {:?} is there twice: names must be unique", short(scaler))]
    DuplicateScaler {
        /// The name.
        scaler: String,
    },
    /// The expression of a signal is no query.
    #[error("scaler {:?}: signals.{signal}: {source}", short(scaler))]
    Signal {
        /// The scaler.
        scaler: String,
        /// The signal.
        signal: &'static str,
        /// What is wrong.
        source: Box<ParseError>,
    },
    /// A policy makes no sense.
    #[error("scaler {:?}: {source}", short(scaler))]
    Policy {
        /// The scaler.
        scaler: String,
        /// What is wrong.
        source: Box<ScaleError>,
    },
    /// A query of a forecast is none.
    #[error("forecast {:?}: {key}: {source}", short(forecast))]
    Forecast {
        /// Its name.
        forecast: String,
        /// Which of its settings.
        key: &'static str,
        /// What is wrong.
        source: Box<ParseError>,
    },
    /// Two forecasts have one name.
    #[error("forecast {:?} is there twice: names must be unique", short(forecast))]
    DuplicateForecast {
        /// The name.
        forecast: String,
    },
    /// A rule has more episodes than may be told.
    #[error(
        "group {:?}, rule {:?}: more than {episodes_max} episodes: take a shorter time, or a rule that flaps less",
        short(group),
        short(rule)
    )]
    Episodes {
        /// The group.
        group: String,
        /// The rule.
        rule: String,
        /// How many one may have.
        episodes_max: usize,
    },
    /// It was ended before its time.
    #[error("the evaluation took too long, or was cancelled")]
    Cancelled,
    /// The thread that worked on it ended.
    #[error("the worker of the rules ended: {0}")]
    Worker(String),
}

impl RulesError {
    /// What it means for a caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Worker(_) => ErrorKind::Internal,
            Self::Cancelled => ErrorKind::Timeout,
            Self::Episodes { .. } => ErrorKind::Limit,
            _ => ErrorKind::Invalid,
        }
    }
}

/// Where a rule is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulePlace {
    /// Its file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
    /// Its group.
    pub group: String,
    /// Its name.
    pub rule: String,
}

impl std::fmt::Display for RulePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}:{}: group {:?}, rule {:?}",
            self.file.display(),
            self.line,
            short(&self.group),
            short(&self.rule)
        )
    }
}

/// Why an evaluation of a rule failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The query has no answer.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The query gives a string or windows.
    #[error("rule result is not a vector or scalar: it is a {0}")]
    NotVector(&'static str),
    /// The alerts are none.
    #[error(transparent)]
    Alerts(#[from] AdvanceError),
    /// Two elements became the same series.
    #[error(
        "vector contains metrics with the same labelset after applying rule labels: {}",
        ShortLabels(labels)
    )]
    Duplicate {
        /// Their labels.
        labels: Labels,
    },
    /// There are too many series.
    #[error("exceeded limit of {limit} with {count} series")]
    Limit {
        /// What the group allows.
        limit: usize,
        /// How many there would be.
        count: usize,
    },
    /// The store failed.
    #[error("the result could not be stored: {0}")]
    Store(#[from] StorageError),
    /// The store did not take some samples.
    #[error(
        "{count} samples were not stored, the first of {}: {reason}",
        ShortLabels(labels)
    )]
    Refused {
        /// How many.
        count: u64,
        /// The series of the first.
        labels: Labels,
        /// Why.
        reason: String,
    },
}

/// Why the store did not take a sample, in words.
pub(crate) fn reason_text(reason: RejectionReason) -> String {
    match reason {
        RejectionReason::DuplicateTimestamp => {
            "another rule or sender gave it another value at that time".to_owned()
        }
        RejectionReason::TooOld => "older than what is kept".to_owned(),
        RejectionReason::TooFarInFuture => "too far in the future".to_owned(),
        RejectionReason::InvalidHistogram => "not a valid histogram".to_owned(),
        other => format!("{other:?}"),
    }
}
