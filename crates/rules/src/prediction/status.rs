//! How predictions are: what the API tells.

use std::sync::Arc;

use bellwether_forecast::anomaly::Verdict;
use bellwether_forecast::bottleneck::Bottleneck;
use bellwether_forecast::shift::Shift;
use bellwether_model::Labels;

use super::settings::{JobSettings, PathSettings, PredictionSettings};

/// What is expected after one horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// Which of the job's horizons.
    pub horizon: usize,
    /// What is expected, on average over the step in which that time lies.
    pub mean: f64,
    /// For each level of the job the value that is not passed with that probability.
    pub quantiles: Vec<f64>,
}

/// When the limit is reached. Times are milliseconds from the turn on; `None`: not within the horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeLeft {
    /// The limit.
    pub limit: f64,
    /// As likely sooner as later.
    pub median_ms: Option<i64>,
    /// For each level of the job.
    pub quantiles_ms: Vec<Option<i64>>,
    /// How likely it is reached within the horizon.
    pub probability: f64,
    /// How far was looked, in milliseconds.
    pub horizon_ms: i64,
    /// Movement towards the limit an hour, of late.
    pub pace_per_hour: f64,
}

/// A series that is followed.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesStatus {
    /// Its labels, without the name.
    pub labels: Labels,
    /// Time and value of the last sample.
    pub last: Option<(i64, f64)>,
    /// The models and how much they count; `None`: none was chosen yet.
    pub model: Option<Arc<str>>,
    /// Whether those are of a few only, with wider intervals, until the turn of a full choice comes.
    pub is_provisional: bool,
    /// A forecast for each horizon that there is one for.
    pub expected: Vec<Expected>,
    /// What the detector says of the last sample; `None`: there is no detector, or it learns.
    pub anomaly: Option<Verdict>,
    /// The lasting move of its level that is on.
    pub shift: Option<Shift>,
    /// When the limit is reached.
    pub left: Option<TimeLeft>,
}

/// A job.
#[derive(Debug, Clone)]
pub struct JobStatus {
    /// What it is to do.
    pub settings: Arc<JobSettings>,
    /// The last turn.
    pub turned_at_ms: Option<i64>,
    /// How much of the history is learnt, 0 to 1.
    pub learnt: f64,
    /// Series that are followed.
    pub series_count: usize,
    /// Those of them whose models are provisional.
    pub provisional_count: usize,
    /// Series that are not, since there are too many.
    pub refused_count: usize,
    /// What is wrong.
    pub problem: Option<String>,
    /// Those that were asked for: alarms first, then what runs out first.
    pub series: Vec<SeriesStatus>,
}

/// A path.
#[derive(Debug, Clone)]
pub struct PathStatus {
    /// What it is to do.
    pub settings: Arc<PathSettings>,
    /// The last turn.
    pub turned_at_ms: Option<i64>,
    /// What explains its growth; `None`: too little is known.
    pub bottleneck: Option<Bottleneck>,
    /// What is wrong.
    pub problem: Option<String>,
}

/// A job or a path.
#[derive(Debug, Clone)]
pub enum PredictionStatus {
    /// Series that are followed.
    Job(JobStatus),
    /// A path.
    Path(PathStatus),
}

impl PredictionStatus {
    /// What it is to do.
    #[must_use]
    pub fn settings(&self) -> PredictionSettings {
        match self {
            Self::Job(job) => PredictionSettings::Job((*job.settings).clone()),
            Self::Path(path) => PredictionSettings::Path((*path.settings).clone()),
        }
    }
}
