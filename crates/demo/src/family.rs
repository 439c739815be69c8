//! Metric families as they are shown to a scraper.

use bellwether_model::{IntHistogram, MetricType};

/// A family with all its points at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// Name as in Prometheus text: a counter's ends in `_total`.
    pub name: &'static str,
    /// A sentence for people.
    pub help: &'static str,
    /// Counter, gauge, histogram or info.
    pub metric_type: MetricType,
    /// One for each set of labels; sets differ.
    pub points: Vec<Point>,
}

/// A value with its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Names differ; values are not empty.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: PointValue,
}

/// What a point holds.
#[derive(Debug, Clone, PartialEq)]
pub enum PointValue {
    /// A counter or a gauge.
    Number(f64),
    /// A histogram.
    Histogram(Box<HistogramPoint>),
}

/// A histogram with classic buckets, and native ones where the daemon keeps them.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramPoint {
    /// Upper bounds, ascending, +Inf left out.
    pub bounds: &'static [f64],
    /// Not cumulative; one more than `bounds`.
    pub counts: Vec<u64>,
    /// Sum of all observations.
    pub sum: f64,
    /// The same observations in exponential buckets.
    pub native: Option<IntHistogram>,
    /// The newest example of each bucket; empty where none are kept.
    pub exemplars: Vec<Option<PointExemplar>>,
}

/// An observation that explains a bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PointExemplar {
    /// The request's trace; written as 32 hexadecimal digits.
    pub trace_id: u128,
    /// What was observed.
    pub value: f64,
    /// When, in milliseconds since the epoch.
    pub time_ms: i64,
}
