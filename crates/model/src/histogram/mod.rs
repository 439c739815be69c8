//! Native histograms: sparse buckets whose bounds grow exponentially, or are given.
//!
//! ## Model
//! A [`FloatHistogram`] holds its bucket counts as absolute floats: the form that queries compute
//! with. An [`IntHistogram`] holds integers, each bucket as the difference to the one before: the
//! form that instrumented programs send and that compresses best. [`Histogram`] is either.
//! Buckets stand in *spans*: a gap and a run of consecutive buckets.
//!
//! ## Invariants
//! The sum of span lengths equals the number of buckets. Custom bounds stand only with schema
//! [`CUSTOM_BUCKETS_SCHEMA`], which has no zero bucket and no negative buckets.
//! [`FloatHistogram::validate`] and [`IntHistogram::validate`] check what comes from outside.
//!
//! ## Limits
//! Exponential schemas are -4 to 8; bucket bounds are `2^(index * 2^-schema)`, upper bound inclusive.
//!
//! ## See also
//! <https://prometheus.io/docs/specs/native_histograms/>.

mod arithmetic;
mod bounds;
mod buckets;
mod counter_reset;
mod kahan;
mod layout;
mod text;
mod trim;

pub use arithmetic::{Combined, IncompatibleSchemas};
pub use buckets::{Bucket, Buckets};
pub use kahan::{KahanHistogram, kahan_add};

/// The schema number of a histogram whose bounds are given.
pub const CUSTOM_BUCKETS_SCHEMA: i32 = -53;
/// The coarsest exponential schema: each bound is 65,536 times the one before.
pub const EXPONENTIAL_SCHEMA_MIN: i32 = -4;
/// The finest exponential schema: 256 buckets for each power of two.
pub const EXPONENTIAL_SCHEMA_MAX: i32 = 8;

/// A run of consecutive buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// For the first span the index of its first bucket, for others the gap to the span before.
    pub offset: i32,
    /// How many buckets.
    pub length: u32,
}

/// What is known of a counter reset between a histogram and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CounterReset {
    /// Nothing: compare the two.
    #[default]
    Unknown,
    /// There was one.
    Reset,
    /// There was none.
    NotReset,
    /// A gauge histogram, for which the question has no sense.
    Gauge,
}

/// A native histogram with absolute float counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FloatHistogram {
    /// Whether the counters started again.
    pub counter_reset: CounterReset,
    /// -4 to 8, or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Observations with an absolute value up to this one are in the zero bucket.
    pub zero_threshold: f64,
    /// Count in the zero bucket.
    pub zero_count: f64,
    /// Count of all observations.
    pub count: f64,
    /// Sum of all observations. [`crate::STALE_NAN`] marks a stale series.
    pub sum: f64,
    /// Runs of the positive buckets.
    pub positive_spans: Vec<Span>,
    /// Runs of the negative buckets.
    pub negative_spans: Vec<Span>,
    /// Absolute counts of the positive buckets.
    pub positive_buckets: Vec<f64>,
    /// Absolute counts of the negative buckets.
    pub negative_buckets: Vec<f64>,
    /// Upper bounds, ascending, +Inf left out, for [`CUSTOM_BUCKETS_SCHEMA`] only.
    pub custom_values: Vec<f64>,
}

/// A native histogram with integer counts, each bucket as the difference to the one before.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IntHistogram {
    /// Whether the counters started again.
    pub counter_reset: CounterReset,
    /// -4 to 8, or [`CUSTOM_BUCKETS_SCHEMA`].
    pub schema: i32,
    /// Observations with an absolute value up to this one are in the zero bucket.
    pub zero_threshold: f64,
    /// Count in the zero bucket.
    pub zero_count: u64,
    /// Count of all observations.
    pub count: u64,
    /// Sum of all observations. [`crate::STALE_NAN`] marks a stale series.
    pub sum: f64,
    /// Runs of the positive buckets.
    pub positive_spans: Vec<Span>,
    /// Runs of the negative buckets.
    pub negative_spans: Vec<Span>,
    /// The first positive bucket's count, then differences.
    pub positive_deltas: Vec<i64>,
    /// The first negative bucket's count, then differences.
    pub negative_deltas: Vec<i64>,
    /// Upper bounds, ascending, +Inf left out, for [`CUSTOM_BUCKETS_SCHEMA`] only.
    pub custom_values: Vec<f64>,
}

/// A native histogram as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub enum Histogram {
    /// Integer counts.
    Int(IntHistogram),
    /// Float counts.
    Float(FloatHistogram),
}

/// Why a histogram from outside is not one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HistogramError {
    /// The schema number means nothing.
    #[error("schema {0} is not one of -4 to 8 or -53 (custom buckets)")]
    Schema(i32),
    /// Spans and buckets disagree.
    #[error("{side} spans need {needed} buckets, have {have}")]
    BucketCount {
        /// `positive` or `negative`.
        side: &'static str,
        /// Sum of the span lengths.
        needed: usize,
        /// Number of buckets.
        have: usize,
    },
    /// A span other than the first goes backwards.
    #[error("{side} span {index} has the negative offset {offset}")]
    SpanOffset {
        /// `positive` or `negative`.
        side: &'static str,
        /// Which span, from 0.
        index: usize,
        /// Its offset.
        offset: i32,
    },
    /// A bucket holds less than nothing.
    #[error("{side} bucket {index} has the negative count {count}")]
    NegativeCount {
        /// `positive`, `negative`, `zero` or `total`.
        side: &'static str,
        /// Which bucket, from 0.
        index: usize,
        /// Its count.
        count: f64,
    },
    /// The buckets hold more than there were observations.
    #[error("buckets hold {buckets} observations, count says {count}")]
    CountMismatch {
        /// Sum over all buckets.
        buckets: f64,
        /// The count of the histogram.
        count: f64,
    },
    /// A custom bound is out of order, not finite, or stands where none may.
    #[error("custom bounds: {0}")]
    CustomValues(&'static str),
    /// Custom buckets together with a zero bucket or negative buckets.
    #[error("custom buckets have no {0}")]
    CustomWith(&'static str),
}

impl IntHistogram {
    /// The same histogram with absolute float counts.
    #[must_use]
    pub fn to_float(&self) -> FloatHistogram {
        FloatHistogram {
            counter_reset: self.counter_reset,
            schema: self.schema,
            zero_threshold: self.zero_threshold,
            zero_count: self.zero_count as f64,
            count: self.count as f64,
            sum: self.sum,
            positive_spans: self.positive_spans.clone(),
            negative_spans: self.negative_spans.clone(),
            positive_buckets: absolute(&self.positive_deltas),
            negative_buckets: absolute(&self.negative_deltas),
            custom_values: self.custom_values.clone(),
        }
    }

    /// Checks what [`IntHistogram`] promises.
    ///
    /// # Errors
    /// Names the first thing that does not hold.
    pub fn validate(&self) -> Result<(), HistogramError> {
        let float = self.to_float();
        float.validate()?;
        let buckets = float.zero_count
            + float.positive_buckets.iter().sum::<f64>()
            + float.negative_buckets.iter().sum::<f64>();
        if buckets > float.count {
            return Err(HistogramError::CountMismatch {
                buckets,
                count: float.count,
            });
        }
        Ok(())
    }
}

impl FloatHistogram {
    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let spans = self.positive_spans.len() + self.negative_spans.len();
        let numbers =
            self.positive_buckets.len() + self.negative_buckets.len() + self.custom_values.len();
        size_of::<Self>() + spans * size_of::<Span>() + numbers * size_of::<f64>()
    }

    /// Checks what [`FloatHistogram`] promises. The total is not compared with the buckets: floats
    /// that were scaled or added up differ from it in their last digits, and senders of gauge
    /// histograms need not keep it at all.
    ///
    /// # Errors
    /// Names the first thing that does not hold.
    pub fn validate(&self) -> Result<(), HistogramError> {
        let custom = self.schema == CUSTOM_BUCKETS_SCHEMA;
        if !custom && !(EXPONENTIAL_SCHEMA_MIN..=EXPONENTIAL_SCHEMA_MAX).contains(&self.schema) {
            return Err(HistogramError::Schema(self.schema));
        }
        validate_side("positive", &self.positive_spans, &self.positive_buckets)?;
        validate_side("negative", &self.negative_spans, &self.negative_buckets)?;
        if self.zero_count < 0.0 {
            return Err(HistogramError::NegativeCount {
                side: "zero",
                index: 0,
                count: self.zero_count,
            });
        }
        if custom {
            validate_custom(self)?;
        } else if !self.custom_values.is_empty() {
            return Err(HistogramError::CustomValues("stand only with schema -53"));
        }
        if self.count < 0.0 {
            return Err(HistogramError::NegativeCount {
                side: "total",
                index: 0,
                count: self.count,
            });
        }
        Ok(())
    }
}

fn validate_side(
    side: &'static str,
    spans: &[Span],
    buckets: &[f64],
) -> Result<(), HistogramError> {
    let mut needed = 0usize;
    for (index, span) in spans.iter().enumerate() {
        if index > 0 && span.offset < 0 {
            return Err(HistogramError::SpanOffset {
                side,
                index,
                offset: span.offset,
            });
        }
        needed = needed.saturating_add(span.length as usize);
    }
    if needed != buckets.len() {
        return Err(HistogramError::BucketCount {
            side,
            needed,
            have: buckets.len(),
        });
    }
    match buckets.iter().position(|&count| count < 0.0) {
        Some(index) => Err(HistogramError::NegativeCount {
            side,
            index,
            count: buckets[index],
        }),
        None => Ok(()),
    }
}

fn validate_custom(histogram: &FloatHistogram) -> Result<(), HistogramError> {
    if !histogram.negative_spans.is_empty() || !histogram.negative_buckets.is_empty() {
        return Err(HistogramError::CustomWith("negative buckets"));
    }
    if histogram.zero_count != 0.0 || histogram.zero_threshold != 0.0 {
        return Err(HistogramError::CustomWith("zero bucket"));
    }
    let mut previous = f64::NEG_INFINITY;
    for &bound in &histogram.custom_values {
        if bound.is_nan() || bound <= previous {
            return Err(HistogramError::CustomValues(
                "must be numbers in ascending order",
            ));
        }
        previous = bound;
    }
    if previous == f64::INFINITY {
        return Err(HistogramError::CustomValues(
            "+Inf is implied and must be left out",
        ));
    }
    let buckets_max = histogram.custom_values.len() as i64 + 1;
    let end: i64 = histogram
        .positive_spans
        .iter()
        .map(|span| i64::from(span.offset) + i64::from(span.length))
        .sum();
    if end > buckets_max
        || histogram
            .positive_spans
            .first()
            .is_some_and(|s| s.offset < 0)
    {
        return Err(HistogramError::CustomValues("too few for the buckets"));
    }
    Ok(())
}

fn absolute(deltas: &[i64]) -> Vec<f64> {
    let mut count = 0i64;
    deltas
        .iter()
        .map(|delta| {
            count = count.wrapping_add(*delta);
            count as f64
        })
        .collect()
}

impl Histogram {
    /// The form that queries compute with.
    #[must_use]
    pub fn to_float(&self) -> FloatHistogram {
        match self {
            Self::Int(histogram) => histogram.to_float(),
            Self::Float(histogram) => histogram.clone(),
        }
    }

    /// Whether this is the staleness marker.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        crate::is_stale_nan(match self {
            Self::Int(histogram) => histogram.sum,
            Self::Float(histogram) => histogram.sum,
        })
    }

    /// Checks a histogram from outside.
    ///
    /// # Errors
    /// Names the first thing that does not hold.
    pub fn validate(&self) -> Result<(), HistogramError> {
        match self {
            Self::Int(histogram) => histogram.validate(),
            Self::Float(histogram) => histogram.validate(),
        }
    }
}
