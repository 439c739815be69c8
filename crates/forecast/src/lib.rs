//! Mathematics of change: has a level shifted, what comes next, what is unlike all before, when does
//! something run out, and which stage of a path is to blame.
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
