//! The value of a sample, and the marker that says a series has ended.

use std::sync::Arc;

use crate::FloatHistogram;

/// A NaN with these bits marks the end of a series ("stale"). Prometheus wire value.
pub const STALE_NAN: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Whether a value is the staleness marker. Any other NaN is an ordinary value.
#[must_use]
#[inline]
pub fn is_stale_nan(value: f64) -> bool {
    value.to_bits() == STALE_NAN.to_bits()
}

/// What a sample holds: a float or a native histogram.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A float.
    Float(f64),
    /// A native histogram. Stale when its `sum` is [`STALE_NAN`].
    Histogram(Arc<FloatHistogram>),
}
