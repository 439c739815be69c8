//! What is to be predicted.

use bellwether_forecast::bottleneck::StageKind;
use bellwether_forecast::exhaustion::Towards;
use bellwether_forecast::forecast::HORIZON_MAX;
use bellwether_forecast::shift::Direction;

/// Series that one job may follow, unless its settings say less. Chosen: with 14 days of history about
/// 1 GiB.
pub const SERIES_MAX: usize = 10_000;
/// The same where their parts are followed too. Chosen: with all places for parts taken about 500 MiB.
pub const SERIES_WITH_PARTS_MAX: usize = 500;
/// Steps of the furthest horizon: those of a forecast, less the open one and those that may be missing.
pub const HORIZON_STEPS_MAX: i64 = HORIZON_MAX as i64 - 4;
/// Steps of the history that a forecast remembers: what its tracker does.
pub const HISTORY_STEPS: i64 = 2_016;
/// Jobs of a configuration, paths included.
pub const JOBS_MAX: usize = 200;

/// How far ahead to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Horizon {
    /// As it stands in the configuration: the label `horizon`.
    pub text: String,
    /// The same in milliseconds, more than 0.
    pub ms: i64,
}

/// Where a limit lies.
#[derive(Debug, Clone, PartialEq)]
pub enum LimitAt {
    /// The same for all series.
    Value(f64),
    /// The answer of a query: of the element with the same labels, or of the only one where it has none.
    Query(String),
}

/// What runs out.
#[derive(Debug, Clone, PartialEq)]
pub struct LimitSettings {
    /// The limit.
    pub at: LimitAt,
    /// On which side of the values it lies.
    pub towards: Towards,
    /// Answers with the Unix time in seconds at which the quota is whole again, with labels as those of a limit.
    pub reset: Option<String>,
}

/// What is to be said of the series of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSettings {
    /// Its name, unique among jobs and paths.
    pub name: String,
    /// PromQL that answers with an instant vector.
    pub query: String,
    /// PromQL that answers with what those series are the sums of: an element is a part of the series whose labels it
    /// has. `None`: nobody knows.
    pub parts: Option<String>,
    /// Time between turns in milliseconds, more than 0.
    pub interval_ms: i64,
    /// Steps of the models in milliseconds, at least the interval.
    pub step_ms: i64,
    /// How much of the past to learn from, in milliseconds.
    pub history_ms: i64,
    /// How far to look ahead; none: no forecasts.
    pub horizons: Vec<Horizon>,
    /// Levels of the forecasts' and exhaustions' quantiles, each above 0 and below 1.
    pub quantiles: Vec<f64>,
    /// Whether values below 0 make no sense.
    pub is_non_negative: bool,
    /// Whether each sample gets an anomaly score.
    pub has_anomaly: bool,
    /// Which way a lasting move of the level is bad; `None`: nobody looks.
    pub degrades: Option<Direction>,
    /// What runs out, if anything does.
    pub limit: Option<LimitSettings>,
    /// Series that are followed at most.
    pub series_max: usize,
    /// Further labels of the series that are written.
    pub labels: Vec<(String, String)>,
}

/// A stage of a request path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageSettings {
    /// Its name, unique in the path.
    pub name: String,
    /// Whether requests wait or work in it.
    pub kind: StageKind,
    /// Answers with mean seconds of a call: one element.
    pub seconds: String,
    /// Answers with calls a request; one where empty.
    pub calls: String,
}

/// A request path whose bottleneck is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathSettings {
    /// Its name, unique among jobs and paths.
    pub name: String,
    /// Time between turns in milliseconds, more than 0.
    pub interval_ms: i64,
    /// Time between the values that are compared, in milliseconds.
    pub step_ms: i64,
    /// What is *now*, in milliseconds: at least three steps.
    pub after_ms: i64,
    /// What it is compared with, the time before that, in milliseconds.
    pub before_ms: i64,
    /// Answers with mean seconds of a whole request.
    pub whole: String,
    /// Answers with requests a second.
    pub arrivals: String,
    /// Answers with the number of workers; empty where nobody knows it.
    pub workers: String,
    /// The stages.
    pub stages: Vec<StageSettings>,
    /// Further labels of the series that are written.
    pub labels: Vec<(String, String)>,
}

/// An item of the section `forecasts`.
#[derive(Debug, Clone, PartialEq)]
pub enum PredictionSettings {
    /// Series to follow.
    Job(JobSettings),
    /// A path to compare.
    Path(PathSettings),
}

impl PredictionSettings {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Job(job) => &job.name,
            Self::Path(path) => &path.name,
        }
    }

    /// Time between turns in milliseconds.
    #[must_use]
    pub fn interval_ms(&self) -> i64 {
        match self {
            Self::Job(job) => job.interval_ms,
            Self::Path(path) => path.interval_ms,
        }
    }
}
