//! What `bellwether check notifications` says of an `alertmanager.yml`.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};

use super::{missing, plural, problems_json, write_problems};
use crate::notifications::{NotificationConfig, load_alertmanager};
use crate::problem::Problem;

/// How much there is of notifications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotificationCounts {
    /// Receivers.
    pub receivers: usize,
    /// Integrations of all receivers.
    pub integrations: usize,
    /// Routes, the root included.
    pub routes: usize,
    /// Rules of inhibition.
    pub inhibit_rules: usize,
    /// Named time intervals.
    pub time_intervals: usize,
    /// Files with templates.
    pub templates: usize,
}

impl NotificationCounts {
    pub(super) fn to_json(self) -> Value {
        json!({
            "receivers": self.receivers,
            "integrations": self.integrations,
            "routes": self.routes,
            "inhibit_rules": self.inhibit_rules,
            "time_intervals": self.time_intervals,
            "templates": self.templates,
        })
    }
}

impl fmt::Display for NotificationCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} with {}, {}, {}, {}, {}",
            plural(self.receivers, "receiver"),
            plural(self.integrations, "integration"),
            plural(self.routes, "route"),
            plural(self.inhibit_rules, "inhibit rule"),
            plural(self.time_intervals, "time interval"),
            plural(self.templates, "template file"),
        )
    }
}

pub(super) fn counts_of(config: &NotificationConfig) -> NotificationCounts {
    NotificationCounts {
        receivers: config.receivers.len(),
        integrations: config
            .receivers
            .iter()
            .map(|receiver| receiver.integrations.len())
            .sum(),
        routes: config.plan.routes.routes().len(),
        inhibit_rules: config.plan.inhibit_rules.len(),
        time_intervals: config.plan.time_intervals.len(),
        templates: config.templates.len(),
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationsReport {
    /// The file.
    pub file: String,
    /// What must be mended.
    pub errors: Vec<Problem>,
    /// What is worth knowing.
    pub warnings: Vec<Problem>,
    /// What there is; none where the file cannot be used at all.
    pub counts: Option<NotificationCounts>,
}

impl NotificationsReport {
    /// Whether the server would take the file and everything it needs is there.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.errors.is_empty()
    }

    /// The report as JSON, for scripts.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "file": self.file,
            "ok": self.is_ok(),
            "errors": problems_json(&self.errors),
            "warnings": problems_json(&self.warnings),
            "notifications": self.counts.map(NotificationCounts::to_json),
        })
    }
}

/// The report for people: a line for each error and warning, and a last one that sums up.
impl fmt::Display for NotificationsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_problems(f, &self.errors, &self.warnings)?;
        let warnings = plural(self.warnings.len(), "warning");
        match &self.counts {
            Some(counts) if self.is_ok() => {
                write!(f, "{}: valid; {counts}, {warnings}", self.file)
            }
            _ => write!(
                f,
                "{}: not valid; {}, {warnings}",
                self.file,
                plural(self.errors.len(), "error"),
            ),
        }
    }
}

/// Checks an `alertmanager.yml` and the templates that it names. Files with secrets that are not
/// there are told, but no error: they are often on another machine.
#[must_use]
pub fn check_notifications(path: &Path) -> NotificationsReport {
    let file = path.display().to_string();
    match load_alertmanager(path) {
        Ok(mut loaded) => NotificationsReport {
            file,
            errors: Vec::new(),
            counts: Some(counts_of(&loaded.config)),
            warnings: {
                loaded.warnings.extend(missing(&loaded.files));
                loaded.warnings
            },
        },
        Err(errors) => NotificationsReport {
            file,
            errors: errors.errors,
            warnings: Vec::new(),
            counts: None,
        },
    }
}
