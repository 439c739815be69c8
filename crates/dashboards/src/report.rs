//! What an import could not carry over, and how much of each panel is what it was.
//!
//! ## Invariants
//! A panel is `same` only where nothing of it is lost or approximated. Findings name the thing and say why.

use crate::form::{record, words};

record! {
    /// What became of an imported dashboard.
    Report => {
        /// How many panels show what they showed.
        same: u32 = 0,
        /// How many show nearly the same.
        approximate: u32 = 0,
        /// How many do not show what they showed.
        lost: u32 = 0,
        /// Panel by panel, in their order.
        panels: Vec<PanelReport> = Vec::new(),
        /// What is about the dashboard as a whole, its variables among it.
        findings: Vec<Finding> = Vec::new(),
    }
}

record! {
    /// What became of a panel.
    PanelReport => {
        /// Its number in the imported dashboard.
        id: u32 = 0,
        /// Its title.
        title: String = String::new(),
        /// The title of its row; empty: none.
        row: String = String::new(),
        /// What it was: the name of the plugin.
        plugin: String = String::new(),
        /// How much of it is what it was.
        verdict: Verdict = Verdict::Same,
        /// What is not.
        findings: Vec<Finding> = Vec::new(),
    }
}

words! {
    /// How much of a panel is what it was.
    Verdict => {
        /// All that matters.
        Same = "same",
        /// It shows nearly the same.
        Approximate = "approximate",
        /// It does not show what it showed.
        Lost = "lost",
    }
}

record! {
    /// Something that was not carried over as it was.
    Finding => {
        /// What, such as `query B`, `transformation heatmap`, `variable pod`.
        what: String = String::new(),
        /// Why, and what there is in its place.
        why: String = String::new(),
        /// What that means.
        severity: Severity = Severity::Lost,
    }
}

words! {
    /// What it means that something was not carried over.
    Severity => {
        /// Something is missing that was shown.
        Lost = "lost",
        /// Something else is in its place that shows nearly the same.
        Approximated = "approximated",
        /// It looks different, and says the same.
        Cosmetic = "cosmetic",
    }
}

impl PanelReport {
    /// Gives the verdict that follows from the findings.
    pub(crate) fn judge(&mut self) {
        let has = |severity| self.findings.iter().any(|it| it.severity == severity);
        self.verdict = if has(Severity::Lost) {
            Verdict::Lost
        } else if has(Severity::Approximated) {
            Verdict::Approximate
        } else {
            Verdict::Same
        };
    }
}

impl Report {
    /// Counts the verdicts.
    pub(crate) fn count(&mut self) {
        let count = |verdict| {
            let of = self.panels.iter().filter(|it| it.verdict == verdict);
            u32::try_from(of.count()).unwrap_or(u32::MAX)
        };
        (self.same, self.approximate, self.lost) = (
            count(Verdict::Same),
            count(Verdict::Approximate),
            count(Verdict::Lost),
        );
    }
}
