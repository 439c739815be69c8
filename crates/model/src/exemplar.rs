//! An example that explains a sample: mostly a trace id.

use crate::Labels;

/// A measured value with labels of its own, mostly `trace_id`, attached to a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Exemplar {
    /// Labels of the exemplar, not of its series.
    pub labels: Labels,
    /// The measured value.
    pub value: f64,
    /// When it was measured, in milliseconds since the epoch.
    pub timestamp_ms: i64,
}
