//! What `bellwether check rules` says of rule files.

use std::fmt;
use std::path::{Path, PathBuf};

use bellwether_rules::RuleSettings;
use serde_json::{Value, json};

use super::{plural, problems_json, write_problems};
use crate::problem::{ConfigErrors, Problem};
use crate::rules::{
    LoadedRules, RuleOptions, alerts_without_runbook, duplicate_rules, load_rules, load_rules_text,
};

/// What is looked for beyond what must be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleLints {
    /// Rules that are there twice.
    pub duplicate_rules: bool,
    /// Alerts that name no runbook.
    pub missing_runbook: bool,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RulesReport {
    /// Files that were looked at.
    pub file_count: usize,
    /// Groups in those that are right.
    pub group_count: usize,
    /// Alerting rules in them.
    pub alert_count: usize,
    /// Recording rules in them.
    pub record_count: usize,
    /// What must be mended.
    pub errors: Vec<Problem>,
    /// What the lints found.
    pub lints: Vec<Problem>,
    /// What else is worth knowing.
    pub warnings: Vec<Problem>,
}

impl RulesReport {
    /// Whether a server would take the files.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.errors.is_empty()
    }

    /// The report as JSON, for scripts.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "ok": self.is_ok(),
            "errors": problems_json(&self.errors),
            "lints": problems_json(&self.lints),
            "warnings": problems_json(&self.warnings),
            "files": self.file_count,
            "groups": self.group_count,
            "rules": self.alert_count + self.record_count,
            "alerting_rules": self.alert_count,
            "recording_rules": self.record_count,
        })
    }

    fn add(&mut self, loaded: Result<LoadedRules, ConfigErrors>, lints: RuleLints) {
        self.file_count += 1;
        let loaded = match loaded {
            Ok(loaded) => loaded,
            Err(errors) => {
                self.errors.extend(errors.errors);
                return;
            }
        };
        let rules = || loaded.groups.iter().flat_map(|group| &group.rules);
        let alert_count = rules().filter(|rule| RuleSettings::is_alert(rule)).count();
        self.group_count += loaded.groups.len();
        self.alert_count += alert_count;
        self.record_count += rules().count() - alert_count;
        // One file at a time: rules of several files may go to several servers.
        if lints.duplicate_rules {
            self.lints.extend(duplicate_rules(&loaded.groups));
        }
        if lints.missing_runbook {
            self.lints.extend(alerts_without_runbook(&loaded.groups));
        }
        self.warnings.extend(loaded.warnings);
    }
}

/// The report for people: a line for each error, lint and warning, and a last one that sums up.
impl fmt::Display for RulesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_problems(f, &self.errors, &self.warnings)?;
        for lint in &self.lints {
            writeln!(f, "lint: {lint}")?;
        }
        write!(f, "{}: ", plural(self.file_count, "rule file"))?;
        if self.is_ok() {
            write!(
                f,
                "valid; {} with {} and {}",
                plural(self.group_count, "group"),
                plural(self.alert_count, "alerting rule"),
                plural(self.record_count, "recording rule"),
            )?;
        } else {
            write!(f, "not valid; {}", plural(self.errors.len(), "error"))?;
        }
        write!(
            f,
            ", {}, {}",
            plural(self.lints.len(), "lint"),
            plural(self.warnings.len(), "warning")
        )
    }
}

/// Checks rule files.
#[must_use]
pub fn check_rules(files: &[PathBuf], options: &RuleOptions, lints: RuleLints) -> RulesReport {
    let mut report = RulesReport::default();
    for file in files {
        report.add(load_rules(std::slice::from_ref(file), options), lints);
    }
    report
}

/// Checks a text that is already here; `name` is what errors call it.
#[must_use]
pub fn check_rules_text(
    source: &str,
    name: &Path,
    options: &RuleOptions,
    lints: RuleLints,
) -> RulesReport {
    let mut report = RulesReport::default();
    report.add(load_rules_text(source, name, options), lints);
    report
}
