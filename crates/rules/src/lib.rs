//! Rules: what is computed again and again, and what of it is an alert.
//!
//! ## Model
//! An [`AlertingState`] holds the alerts of one rule. Each evaluation hands it what the expression
//! gave, and gets back what is different now. Whoever evaluates keeps the state where it survives and
//! sends the alerts that [`AlertingState::to_send`] names.
//!
//! ## Invariants
//! No I/O and no clock: the server, tests of rules and backtests drive the same code with times of
//! their own.
//!
//! ## See also
//! `docs/adr/0004-alerting.md`.

mod alerting;
pub mod record;
mod settings;

pub use alerting::{
    ActiveAlert, AdvanceError, AlertState, AlertingRule, AlertingState, Candidate, Transition,
};
pub use settings::{GroupSettings, RuleKind, RuleSettings};
