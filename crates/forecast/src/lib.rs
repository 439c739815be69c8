//! Mathematics of change: has the level of a metric shifted, and are objectives met.
//!
//! Pure: slices and values in, values out. No clock, no I/O, no randomness.

mod normal;
pub mod shift;
