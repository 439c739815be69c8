//! What a configuration says of rules.
//!
//! ## Model
//! A [`GroupSettings`] is one group of one file with its [`RuleSettings`] in order. Defaults of the
//! configuration are filled in; expressions and templates are text still, checked by whoever decodes
//! the file and again when a group is made.

use std::path::PathBuf;

/// One group of rules, which are evaluated together and in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSettings {
    /// The file that it is in, as the configuration names it. A file and a name are one group.
    pub file: PathBuf,
    /// Its name, unique in its file.
    pub name: String,
    /// Time between two evaluations, ms; the configuration's default is filled in.
    pub interval_ms: i64,
    /// How far in the past the rules are evaluated, ms; `None`: as the manager says for all.
    pub query_offset_ms: Option<i64>,
    /// Alerts or series that one rule may give; 0: no bound.
    pub limit: usize,
    /// Labels of everything that the rules give; those of a rule come before them.
    pub labels: Vec<(String, String)>,
    /// The rules.
    pub rules: Vec<RuleSettings>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleSettings {
    /// What it makes.
    pub kind: RuleKind,
    /// Its query, as it is written.
    pub expr: String,
    /// Labels that it adds; templates where it is an alert.
    pub labels: Vec<(String, String)>,
    /// Where it begins in its file, counted from 1.
    pub line: usize,
}

/// What a rule makes of the result of its query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleKind {
    /// Series.
    Record {
        /// The name of their metric.
        name: String,
    },
    /// Alerts.
    Alert {
        /// Their `alertname`.
        name: String,
        /// How long the query must give an element before its alert fires, ms.
        for_ms: i64,
        /// How long an alert fires on when its element is gone, ms.
        keep_firing_for_ms: i64,
        /// Texts for people; templates.
        annotations: Vec<(String, String)>,
    },
}

impl RuleSettings {
    /// The name of the alert or of the metric.
    #[must_use]
    pub fn name(&self) -> &str {
        self.kind.name()
    }

    /// Whether it makes alerts.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        self.kind.is_alert()
    }
}

impl RuleKind {
    /// The name of the alert or of the metric.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Record { name } | Self::Alert { name, .. } => name,
        }
    }

    /// Whether it is alerts.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        matches!(self, Self::Alert { .. })
    }
}
