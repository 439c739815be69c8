//! Evidence: what was to be seen at the moment at which an alert fired, frozen.
//!
//! ## Model
//! A group hands what has fired to a [`Collector`] ([`FiredTurn`]), which works beside it: it answers
//! the operands of the rule's comparisons over the last hour, splits them by the labels that the rule
//! aggregates away to find what moved, and asks a [`Witness`] for what no query tells. The result is
//! an [`Evidence`], a document that is kept as long as the timeline and never changes.
//!
//! ## Invariants
//! An alert is never held up: what comes too fast is left out and counted. What could not be gathered
//! is said in the document. The link of a firing ([`evidence_key`]) is known before it is gathered.
//!
//! ## Limits
//! [`ALERTS_PER_TURN_MAX`] documents a turn of a rule, [`TURNS_WAITING_MAX`] turns that wait, and the
//! bounds in `gather`: a document is some tens of kilobytes before compression.
//!
//! ## See also
//! `docs/user/evidence.md`; for what moved, Bhagwan et al., "Adtributor: Revenue Debugging in
//! Advertising Systems", NSDI 2014.

mod collector;
mod document;
mod entities;
mod gather;
mod inputs;
mod movers;
mod split;
#[cfg(test)]
mod tests;

use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;

use bellwether_model::{AlertFingerprint, Labels};
use bellwether_promql::Prepared;
use bellwether_storage::EvidenceKey;

pub(crate) use movers::{Moved, Part, rank, rank_shares};
pub(crate) use split::{Whole, split, whole};

pub use collector::{ALERTS_PER_TURN_MAX, Collector, CollectorParts, TURNS_WAITING_MAX};
pub use document::{
    AlertPart, ComparisonPart, EntityPart, Evidence, ExemplarPart, LabelMap, LinePart, MovedValue,
    MoverPart, NeighbourPart, Number, OperandPart, RulePart, TargetPart, VERSION,
};

/// The annotation that holds the link to an alert's evidence, where the rule has none of that name.
pub const EVIDENCE_ANNOTATION: &str = "evidence";

/// Under which the evidence of an alert is kept that has fired.
#[must_use]
pub fn evidence_key(labels: &Labels, fired_ms: i64) -> EvidenceKey {
    EvidenceKey {
        fired_ms,
        fingerprint: AlertFingerprint::of(labels),
    }
}

/// What a rule was when its alerts fired.
#[derive(Debug, Clone)]
pub struct FiredRule {
    /// The rule's name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// The file of the group.
    pub file: PathBuf,
    /// Where it begins in the file, counted from 1.
    pub line: usize,
    /// Its expression.
    pub query: Prepared,
    /// Labels that the rule adds: no series has them.
    pub labels: Labels,
    /// How long the condition must hold, ms.
    pub for_ms: i64,
}

/// An alert that fires from now on.
#[derive(Debug, Clone)]
pub struct FiredAlert {
    /// Its labels.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// The value of the rule's result.
    pub value: f64,
    /// Since when the condition holds, ms.
    pub active_at_ms: i64,
    /// When it fired, ms.
    pub fired_at_ms: i64,
}

/// The alerts of a rule that fired at the same turn.
#[derive(Debug, Clone)]
pub struct FiredTurn {
    /// Their rule.
    pub rule: Arc<FiredRule>,
    /// The time of the rule's query, ms.
    pub query_ms: i64,
    /// The alerts.
    pub alerts: Vec<FiredAlert>,
}

/// Takes what has fired.
pub trait EvidenceSink: Send + Sync + Debug {
    /// Takes alerts that fire from now on. Waits for nothing.
    fn fired(&self, turn: FiredTurn);
}

/// An alert that fires beside another.
#[derive(Debug, Clone, PartialEq)]
pub struct FiringAlert {
    /// Its labels.
    pub labels: Labels,
    /// Its annotation `summary`, or nothing.
    pub summary: String,
    /// Since when, ms.
    pub starts_ms: i64,
}

/// How a scraped target is.
#[derive(Debug, Clone, PartialEq)]
pub struct WitnessedTarget {
    /// Its labels.
    pub labels: Labels,
    /// Where it is scraped.
    pub url: String,
    /// `up`, `down` or `unknown`.
    pub health: &'static str,
    /// Why the last scrape failed; empty: it did not.
    pub last_error: String,
    /// When it was scraped last, ms.
    pub last_scrape_ms: Option<i64>,
    /// How long that took, seconds.
    pub last_scrape_seconds: f64,
}

/// How a thing that has health is: a provider, a database, a daemon.
#[derive(Debug, Clone, PartialEq)]
pub struct WitnessedEntity {
    /// Such as `provider/openai`.
    pub entity: String,
    /// `up`, `degraded`, `down` or `unknown`.
    pub state: &'static str,
    /// Why, or nothing.
    pub reason: String,
    /// Since when, ms.
    pub since_ms: i64,
    /// What it depends on.
    pub depends_on: Vec<String>,
    /// What explains its state.
    pub caused_by: Vec<String>,
    /// Labels that its series have; those of each source.
    pub selectors: Vec<Vec<(String, String)>>,
}

/// Knows what no query tells.
pub trait Witness: Send + Sync + Debug {
    /// All alerts that fire now.
    fn firing(&self) -> Vec<FiringAlert>;

    /// All targets that are scraped.
    fn targets(&self) -> Vec<WitnessedTarget>;

    /// All entities.
    fn entities(&self) -> Vec<WitnessedEntity> {
        Vec::new()
    }
}

/// What a [`Witness`] said when alerts fired.
#[derive(Debug, Default)]
pub(crate) struct Testimony {
    pub(crate) time_ms: i64,
    pub(crate) firing: Vec<FiringAlert>,
    pub(crate) targets: Vec<WitnessedTarget>,
    pub(crate) entities: Vec<WitnessedEntity>,
}
