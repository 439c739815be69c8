//! Mathematics of change: has the level of a metric shifted, are objectives met.
//!
//! Pure: values in, values out. No clock, no I/O, no randomness; times are parameters. The same
//! input gives the same output, bit for bit, on one machine.

pub mod binomial;
mod choice;
pub mod forecast;
pub mod grid;
mod history;
mod interval;
mod linear;
mod model;
mod normal;
pub mod objective;
mod seasons;
mod series;
pub mod shift;
pub mod tracker;
pub mod window;
