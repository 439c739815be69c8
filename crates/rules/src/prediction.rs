//! Prediction jobs: forecasts, anomaly scores and times to exhaustion of the series of a query, and
//! which stage of a request path makes it slow.
//!
//! ## Model
//! A *job* asks its query at each interval. For each series of the answer it keeps a
//! [`Tracker`](bellwether_forecast::tracker::Tracker) and a
//! [`Detector`](bellwether_forecast::anomaly::Detector), and writes what they say as series. What they
//! know is learnt from stored history when a job starts, so that nothing but the history must survive a
//! restart. A *path* compares the stages of a request now with what they were before.
//! [`Predictions`] runs them all.
//!
//! ## Invariants
//! - A turn looks first and chooses models after that, within its budget: a quarter of the interval.
//!   What there is no time for waits for the next turn.
//! - History and present go through the same code, in the order of time.
//!
//! ## Limits
//! - A job follows at most [`settings::SERIES_MAX`] series, those that are there when it begins first; the
//!   others are counted, and told.
//! - History is read at most two million points at a time, and less after a failure; what a
//!   turn has no time to learn of it waits for the next one.
//! - A series that is away for an hour is forgotten, and begins anew when it comes back.
//!
//! ## See also
//! ADR 0015; the mathematics is that of `bellwether-forecast` (ADR 0010, 0011, 0013).

mod followed;
mod job;
mod look;
mod path;
mod service;
pub mod settings;
pub mod status;

#[cfg(test)]
mod tests;

pub use service::{Predictions, PredictionsParts};
