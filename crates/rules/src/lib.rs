//! Rules: what is computed again and again, and what of it is an alert.
//!
//! ## Model
//! A [`Group`] evaluates its rules, one turn at a time: recording rules write series, the alerts of
//! alerting rules move on ([`AlertingState`]) and are sent. A [`Manager`] runs groups at their turns,
//! keeps the state of alerts over restarts, and tells how all of them are.
//!
//! ## Invariants
//! The states of alerts know no I/O and no clock; groups take their times as parameters. So the server
//! and tests of rules drive the same code.
//!
//! ## See also
//! `docs/adr/0004-alerting.md`.

mod alerting;
pub mod backtest;
mod dependencies;
pub mod differences;
mod error;
pub mod evidence;
mod group;
mod keeper;
mod link;
mod manager;
mod metrics;
pub mod objective;
mod output;
mod pending;
pub mod prediction;
pub mod record;
mod restore;
mod rule;
pub mod scaling;
mod schedule;
mod settings;
pub mod simulate;
mod snapshot;
#[cfg(test)]
mod testing;
mod texts;
pub mod unit_test;
mod world;

pub use alerting::{
    ActiveAlert, AdvanceError, AlertState, AlertingRule, AlertingState, Candidate, Resume,
    Settling, Transition, alerts_series, for_state_series,
};
pub use error::{EvaluationError, RulePlace, RulesError};
pub use group::Group;
pub use manager::{Manager, ManagerParts};
pub use settings::{GroupSettings, RuleKind, RuleSettings};
pub use snapshot::{AlertSnapshot, GroupSnapshot, RuleHealth, RuleInfo, RuleSnapshot};
pub use world::{AlertSink, RuleOptions, Surroundings, World};
