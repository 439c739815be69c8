//! Mathematics of change: has the level of a metric shifted.
//!
//! Pure: values in, values out. No clock, no I/O, no randomness; times are parameters. The same
//! input gives the same output, bit for bit, on one machine.

pub mod anomaly;
pub mod bottleneck;
mod choice;
pub mod exhaustion;
pub mod forecast;
pub mod grid;
mod history;
mod interval;
mod linear;
mod model;
mod normal;
mod seasons;
pub mod series;
pub mod shift;
pub mod tracker;
