//! Objectives: what a service promises, and the rules that follow from it.
//!
//! ## Model
//! An [`ObjectiveSettings`] is one promise: a share of good events over a period. Its [`Indicator`]
//! says what counts as an event and as a bad one, in PromQL that gives numbers for one interval.
//! [`rules::group`] makes an ordinary group of rules of it: two series that count, burn rates of
//! several windows, and alerts. [`status`] reads the counts of the whole period and says what is left.
//!
//! ## Invariants
//! - What was not measured is neither good nor bad: it has no sample of `slo:events`. Idle time has
//!   samples of 0.
//! - Everything after the two counts is the same for all kinds of indicators.
//!
//! ## See also
//! ADR 0012 for the evidence that a page needs, `docs/user/objectives.md`.

mod backfill;
pub mod counts;
mod lasts;
pub mod past;
pub mod precision;
pub mod rules;
mod service;
mod settings;
pub mod status;
mod stored;
pub mod targets;

pub use service::{ObjectiveReport, Objectives, ObjectivesParts};
pub use settings::{
    AlertOptions, Composition, Counting, Indicator, ObjectiveAlerts, ObjectiveSettings, Slices,
};

#[cfg(test)]
mod brute_force;
#[cfg(test)]
mod tests;
