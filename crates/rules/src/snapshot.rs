//! How groups are, for the API and the page.

use std::path::PathBuf;
use std::sync::Arc;

use bellwether_model::Labels;

use crate::alerting::AlertState;
use crate::settings::RuleKind;

/// A group as its last evaluation has left it.
#[derive(Debug, Clone)]
pub struct GroupSnapshot {
    /// Its file.
    pub file: PathBuf,
    /// Its name.
    pub name: String,
    /// Time between two evaluations, ms.
    pub interval_ms: i64,
    /// Alerts or series that one rule may give; 0: no bound.
    pub limit: usize,
    /// How far in the past the rules are evaluated, ms.
    pub query_offset_ms: i64,
    /// When the last evaluation began, ms; `None`: there was none.
    pub last_evaluation_ms: Option<i64>,
    /// How long it took.
    pub evaluation_seconds: f64,
    /// Samples that it gave.
    pub sample_count: u64,
    /// Its rules, in order.
    pub rules: Vec<RuleSnapshot>,
}

/// Whether a rule can be evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RuleHealth {
    /// It was not evaluated yet.
    #[default]
    Unknown,
    /// The last evaluation went well.
    Ok,
    /// The last evaluation failed.
    Err,
}

impl RuleHealth {
    /// The word for it in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ok => "ok",
            Self::Err => "err",
        }
    }
}

/// What of a rule stays the same between reloads.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleInfo {
    /// What it makes, with its name.
    pub kind: RuleKind,
    /// Its query in canonical form.
    pub query: String,
    /// The labels that it adds, those of the group included; templates as they are written.
    pub labels: Labels,
    /// Where it begins in its file, counted from 1.
    pub line: usize,
}

/// A rule as its last evaluation has left it.
#[derive(Debug, Clone)]
pub struct RuleSnapshot {
    /// What does not change.
    pub info: Arc<RuleInfo>,
    /// Whether it can be evaluated.
    pub health: RuleHealth,
    /// Why its last evaluation failed; empty where it did not.
    pub last_error: String,
    /// When its last evaluation began, ms; `None`: there was none.
    pub last_evaluation_ms: Option<i64>,
    /// How long that took.
    pub evaluation_seconds: f64,
    /// Its alerts that are pending or fire; none where it is a recording rule.
    pub alerts: Vec<AlertSnapshot>,
}

impl RuleSnapshot {
    /// The worst state of any alert; `None` where there is none.
    #[must_use]
    pub fn worst(&self) -> Option<AlertState> {
        self.alerts.iter().map(|alert| alert.state).max()
    }
}

/// An alert that is pending or fires.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertSnapshot {
    /// Its labels.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// Where it stands.
    pub state: AlertState,
    /// Since when it is active, ms.
    pub active_at_ms: i64,
    /// Since when it fires without its condition, ms.
    pub keep_firing_since_ms: Option<i64>,
    /// The value at the last evaluation at which the condition held.
    pub value: f64,
}
