//! What a query gives back.

use bellwether_model::{Labels, Value};
use bellwether_storage::Samples;

use crate::{Annotations, HeldMemory};

/// One element of an instant vector.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSample {
    /// Labels of the element.
    pub labels: Labels,
    /// The time, in milliseconds.
    pub time_ms: i64,
    /// The value.
    pub value: Value,
}

/// One series of a range vector or of the answer to a range query.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixSeries {
    /// Labels of the series.
    pub labels: Labels,
    /// Its samples, ascending in time.
    pub samples: Samples,
}

/// The value of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum QueryValue {
    /// A single number.
    Scalar {
        /// The time of the query, in milliseconds.
        time_ms: i64,
        /// The number.
        value: f64,
    },
    /// A string.
    String {
        /// The time of the query, in milliseconds.
        time_ms: i64,
        /// The string.
        value: String,
    },
    /// An instant vector, in the order in which the query leaves it.
    Vector(Vec<VectorSample>),
    /// A range vector, or the answer to a range query, sorted by labels.
    Matrix(Vec<MatrixSeries>),
}

impl QueryValue {
    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Scalar { .. } => size_of::<Self>(),
            Self::String { value, .. } => value.len(),
            Self::Vector(samples) => samples
                .iter()
                .map(|one| {
                    let histogram = match &one.value {
                        Value::Float(_) => 0,
                        Value::Histogram(histogram) => histogram.memory_bytes(),
                    };
                    size_of::<VectorSample>() + one.labels.as_bytes().len() + histogram
                })
                .sum(),
            Self::Matrix(series) => series
                .iter()
                .map(|one| {
                    let labels = one.labels.as_bytes().len();
                    size_of::<MatrixSeries>() + labels + one.samples.memory_bytes()
                })
                .sum(),
        }
    }

    /// The name that the HTTP API gives to the type.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Scalar { .. } => "scalar",
            Self::String { .. } => "string",
            Self::Vector(_) => "vector",
            Self::Matrix(_) => "matrix",
        }
    }
}

/// What a query cost. Times are in seconds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct QueryStats {
    /// Samples that the query has looked at, over all steps.
    pub samples_total: u64,
    /// Most samples held at once.
    pub samples_peak: u64,
    /// Most bytes held at once, as far as they are counted.
    pub memory_peak_bytes: u64,
    /// Samples looked at for each step (time in milliseconds, count), where asked for.
    pub samples_per_step: Option<Vec<(i64, u64)>>,
    /// Series selected.
    pub series_selected: u64,
    /// Time from the text to the plan, with the selection of series.
    pub prepare_seconds: f64,
    /// Time of the evaluation itself.
    pub eval_seconds: f64,
    /// Time of ordering the result.
    pub sort_seconds: f64,
    /// All of it.
    pub total_seconds: f64,
}

/// The answer to a query.
#[derive(Debug, Clone)]
pub struct QueryOutcome {
    /// The value.
    pub value: QueryValue,
    /// What is noteworthy about it.
    pub annotations: Annotations,
    /// What it cost.
    pub stats: QueryStats,
    /// Keeps the answer counted among what queries hold.
    pub memory: HeldMemory,
}
