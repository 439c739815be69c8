//! Scaling policies: signals of a pool of workers in, a worker count and its reasons out.
//!
//! ## Model
//! A [`Policy`] is what a user chose: [`Rule`]s that each turn [`Signals`] into a number of workers, of
//! which the largest counts, and how far that is followed up and down. A [`Scaler`] is a policy at
//! work: it learns the load from what it is shown, and gives [`Decision`]s, each with its [`Reason`],
//! what each rule wanted and what was seen. [`simulation`] runs a policy on a recorded trace, [`fluid`]
//! estimates what one would have meant where only levels were recorded.
//!
//! ```text
//! Signals ─▶ usable? ─▶ rules (largest) ─▶ way down held ─▶ idle ─▶ steps ─▶ bounds ─▶ Decision
//! ```
//!
//! ## Invariants
//! - Pure: no I/O, no clock, no randomness, no thread. Time comes in with the signals, so that
//!   decisions can be replayed and tested.
//! - Signals that are absent, stale or no numbers are never read as zero, and never take a worker away.
//! - Nothing is carried out here. A dry run is a caller that records decisions and does nothing.
//!
//! ## See also
//! ADR 0006 (`docs/adr/0006-scaling-policy.md`) has the numbers, and what was tried and lost.

mod decision;
mod demand;
mod error;
pub mod fluid;
mod policy;
mod rule;
mod scaler;
mod signals;
pub mod simulation;
mod snapshot;
mod want;
mod window;

pub use decision::{Decision, Reason, RuleName, Want};
pub use error::{ErrorKind, ScaleError};
pub use policy::{Policy, StepLimit};
pub use rule::{Backlog, Prediction, Rule};
pub use scaler::Scaler;
pub use signals::{Fault, Measured, Signal, Signals, Unusable};
pub use snapshot::Snapshot;
