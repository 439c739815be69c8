//! Mathematics of change: has the level of a metric shifted.
//!
//! Pure: values in, values out. No clock, no I/O, no randomness; times are parameters. The same
//! input gives the same output, bit for bit, on one machine.

pub mod binomial;
pub mod bottleneck;
pub mod exhaustion;
mod normal;
pub mod objective;
pub mod series;
pub mod shift;
pub mod tracker;
