//! What `bellwether check config` says of a file, without a running server.
//!
//! ## Model
//! A [`CheckReport`] has errors (the server would not take the file, or a file it needs is missing
//! or wrong) and warnings (settings without effect, discoveries that are not carried out, old
//! names). It looks at target files and at secret files, which a load does not. [`check_rules`] and
//! [`check_notifications`] do the same for files that stand by themselves.

mod notifications;
mod rules;

use std::fmt;
use std::path::{Path, PathBuf};

use bellwether_promql::Features;
use bellwether_scrape::settings::{Discovery, ScrapeSettings};
use serde_json::{Value, json};

pub use self::notifications::{NotificationCounts, NotificationsReport, check_notifications};
pub use self::rules::{RuleLints, RulesReport, check_rules, check_rules_text};

use self::notifications::counts_of;
use crate::config::{LoadOptions, Loaded, load, origin_of, read_file};
use crate::glob::glob;
use crate::problem::{NamedFile, Problem, Problems};
use crate::rules::duplicate_rules;
use crate::sections::discovery::TARGET_GROUP;
use crate::validate::validate;
use crate::yaml::{self, Entry, Node, NodePath, NodeValue, Position};

/// What a check depends on besides the files.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckOptions<'a> {
    /// As for a load.
    pub load: LoadOptions<'a>,
    /// Features of PromQL that queries of rules may use.
    pub features: Features,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckReport {
    /// The file.
    pub file: String,
    /// What must be mended.
    pub errors: Vec<Problem>,
    /// What is worth knowing.
    pub warnings: Vec<Problem>,
    /// Scrape jobs.
    pub job_count: usize,
    /// Rule files that were looked at.
    pub rule_file_count: usize,
    /// Rules in them.
    pub rule_count: usize,
    /// Objectives.
    pub objective_count: usize,
    /// Receivers of remote write.
    pub remote_write_count: usize,
    /// Modules of the configuration; those that are built in do not count.
    pub probe_module_count: usize,
    /// Probes.
    pub probe_count: usize,
    /// Maintenance windows.
    pub maintenance_count: usize,
    /// Dashboards.
    pub dashboard_count: usize,
    /// Scalers.
    pub scaler_count: usize,
    /// Forecasts.
    pub forecast_count: usize,
    /// What there is of notifications, where the configuration has them.
    pub notifications: Option<NotificationCounts>,
}

impl CheckReport {
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
            "scrape_jobs": self.job_count,
            "rule_files": self.rule_file_count,
            "rules": self.rule_count,
            "objectives": self.objective_count,
            "remote_writes": self.remote_write_count,
            "probe_modules": self.probe_module_count,
            "probes": self.probe_count,
            "maintenance": self.maintenance_count,
            "dashboards": self.dashboard_count,
            "scalers": self.scaler_count,
            "forecasts": self.forecast_count,
            "notifications": self.notifications.map(NotificationCounts::to_json),
        })
    }
}

fn problems_json(problems: &[Problem]) -> Vec<Value> {
    problems
        .iter()
        .map(|problem| {
            json!({
                "file": problem.file,
                "line": problem.position.line,
                "column": problem.position.column,
                "path": problem.path,
                "message": problem.message,
            })
        })
        .collect()
}

/// Writes a line for each error and warning.
fn write_problems(
    f: &mut fmt::Formatter<'_>,
    errors: &[Problem],
    warnings: &[Problem],
) -> fmt::Result {
    for error in errors {
        writeln!(f, "error: {error}")?;
    }
    for warning in warnings {
        writeln!(f, "warning: {warning}")?;
    }
    Ok(())
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// The report for people: a line for each error and warning, and a last one that sums up.
impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_problems(f, &self.errors, &self.warnings)?;
        if self.is_ok() {
            write!(
                f,
                "{}: valid; {}, {} in {}, {}, ",
                self.file,
                plural(self.job_count, "scrape job"),
                plural(self.rule_count, "rule"),
                plural(self.rule_file_count, "rule file"),
                plural(self.remote_write_count, "remote write"),
            )?;
            for (count, what) in [
                (self.objective_count, "objective"),
                (self.probe_module_count, "probe module"),
                (self.probe_count, "probe"),
                (self.maintenance_count, "maintenance window"),
                (self.dashboard_count, "dashboard"),
                (self.scaler_count, "scaler"),
                (self.forecast_count, "forecast"),
            ] {
                if count > 0 {
                    write!(f, "{}, ", plural(count, what))?;
                }
            }
            if let Some(counts) = &self.notifications {
                write!(f, "{counts}, ")?;
            }
            write!(f, "{}", plural(self.warnings.len(), "warning"))
        } else {
            write!(
                f,
                "{}: not valid; {}, {}",
                self.file,
                plural(self.errors.len(), "error"),
                plural(self.warnings.len(), "warning"),
            )
        }
    }
}

/// Checks a configuration file and the files it names.
#[must_use]
pub fn check(path: &Path, options: &CheckOptions<'_>) -> CheckReport {
    let load = LoadOptions {
        promql: options.features,
        ..options.load
    };
    let (mut report, loaded) = loaded_report(path, &load);
    if let Some(loaded) = loaded {
        check_named(path, &loaded, &mut report);
        report
            .warnings
            .extend(duplicate_rules(&loaded.config.rule_groups));
    }
    report
}

/// Checks a configuration file, and of the files it names only those that belong to it
/// (`scrape_config_files`): the others may be on another machine.
#[must_use]
pub fn check_syntax(path: &Path, options: &CheckOptions<'_>) -> CheckReport {
    let load = LoadOptions {
        leave_named_files: true,
        ..options.load
    };
    loaded_report(path, &load).0
}

fn loaded_report(path: &Path, options: &LoadOptions<'_>) -> (CheckReport, Option<Loaded>) {
    let mut report = CheckReport {
        file: path.display().to_string(),
        errors: Vec::new(),
        warnings: Vec::new(),
        job_count: 0,
        rule_file_count: 0,
        rule_count: 0,
        objective_count: 0,
        remote_write_count: 0,
        probe_module_count: 0,
        probe_count: 0,
        maintenance_count: 0,
        dashboard_count: 0,
        scaler_count: 0,
        forecast_count: 0,
        notifications: None,
    };
    let loaded = match load(path, options) {
        Err(errors) => {
            report.errors = errors.errors;
            None
        }
        Ok(loaded) => {
            report.warnings.clone_from(&loaded.warnings);
            report.job_count = loaded.config.scrape.len();
            report.remote_write_count = loaded.config.remote_write.len();
            report.objective_count = loaded.config.objectives.len();
            report.probe_module_count = loaded.config.probe_modules.configured_count();
            report.probe_count = loaded.config.probes.len();
            report.maintenance_count = loaded.config.maintenance.len();
            report.dashboard_count = loaded.config.dashboards.len();
            report.scaler_count = loaded.config.scaling.len();
            report.forecast_count = loaded.config.forecasts.len();
            report.rule_file_count = loaded.rule_files.len();
            let groups = &loaded.config.rule_groups;
            report.rule_count = groups.iter().map(|group| group.rules.len()).sum();
            report.notifications = loaded.config.notifications.as_ref().map(counts_of);
            check_static_targets(&loaded, &mut report);
            Some(loaded)
        }
    };
    (report, loaded)
}

/// Relabels the targets that stand in the configuration: a server drops one that comes out wrong,
/// and says so only on the targets page.
fn check_static_targets(loaded: &Loaded, report: &mut CheckReport) {
    for job in &loaded.config.scrape {
        let Some(place) = loaded.job_places.get(&job.job_name) else {
            continue;
        };
        for (address, error) in bellwether_scrape::static_target_errors(job) {
            let address = bellwether_model::short(&address);
            report.errors.push(Problem {
                file: place.file.clone(),
                position: place.position,
                path: format!("{}.static_configs", place.path),
                message: format!("target {address:?} after relabelling: {error}"),
            });
        }
    }
}

/// An error for each file that cannot be read.
fn missing(files: &[NamedFile]) -> Vec<Problem> {
    let mut found = Vec::new();
    for named in files {
        if let Err(error) = std::fs::File::open(&named.path) {
            let mut problem = named.origin.clone();
            problem.message = format!(
                "{:?} cannot be read: {error}",
                named.path.display().to_string()
            );
            found.push(problem);
        }
    }
    found
}

fn check_named(path: &Path, loaded: &Loaded, report: &mut CheckReport) {
    let mut problems = Problems {
        warnings: loaded.warnings.clone(),
        ..Problems::default()
    };
    problems.errors.extend(missing(&loaded.files));
    for job in &loaded.config.scrape {
        check_target_files(path, job, &mut problems);
    }
    report.errors.extend(problems.errors);
    report.warnings = problems.warnings;
}

/// Checks the files of file discovery that are there; one that is missing may appear later.
fn check_target_files(path: &Path, job: &ScrapeSettings, problems: &mut Problems) {
    let patterns = job
        .discovery
        .iter()
        .filter_map(|discovery| match discovery {
            Discovery::File { files, .. } => Some(files),
            _ => None,
        });
    for pattern in patterns.flatten() {
        let main = path.display().to_string();
        let note = |problems: &mut Problems, message: String| {
            let root = NodePath::default();
            problems.warning(&main, Position::default(), &root, message);
        };
        let files: Vec<PathBuf> = match glob(Path::new(pattern)) {
            Ok(files) => files,
            Err(error) => {
                note(
                    problems,
                    format!(
                        "target files {pattern:?} of job {:?} cannot be looked up: {error}",
                        job.job_name
                    ),
                );
                continue;
            }
        };
        for file in files {
            match read_file(&file) {
                Ok(source) => check_target_file(&file, &source, problems),
                Err(problem) => {
                    note(
                        problems,
                        format!(
                            "target file {:?} of job {:?} {}",
                            problem.file, job.job_name, problem.message
                        ),
                    );
                }
            }
        }
    }
}

fn check_target_file(file: &Path, source: &str, problems: &mut Problems) {
    let origin = origin_of(file);
    let is_json = file
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    let start = Position { line: 1, column: 1 };
    let root = if is_json {
        match serde_json::from_str::<Value>(source) {
            Ok(value) => node_of_json(&value, NodePath::default()),
            Err(error) => {
                let position = Position {
                    line: error.line(),
                    column: error.column(),
                };
                problems.error(
                    &origin.file,
                    position,
                    &NodePath::default(),
                    format!("not valid JSON: {error}"),
                );
                return;
            }
        }
    } else {
        match yaml::read(source) {
            Ok(document) => document.root,
            Err(errors) => {
                for error in errors {
                    problems.error(&origin.file, error.position, &error.path, error.message);
                }
                return;
            }
        }
    };
    match &root.value {
        _ if root.is_null() => {}
        NodeValue::List(groups) => {
            for group in groups {
                validate(group, &TARGET_GROUP, &origin, problems);
            }
        }
        _ => problems.error(
            &origin.file,
            start,
            &NodePath::default(),
            format!("{} given: want a list of target groups", root.describe()),
        ),
    }
}

/// JSON as a tree; numbers and truth values become texts, which the table judges.
fn node_of_json(value: &Value, path: NodePath) -> Node {
    let value = match value {
        Value::Null => Node::plain("").value,
        Value::Bool(flag) => Node::plain(flag.to_string()).value,
        Value::Number(number) => Node::plain(number.to_string()).value,
        Value::String(text) => Node::text(text.as_str()).value,
        Value::Array(items) => NodeValue::List(
            items
                .iter()
                .enumerate()
                .map(|(index, item)| node_of_json(item, path.index(index)))
                .collect(),
        ),
        Value::Object(entries) => NodeValue::Mapping(
            entries
                .iter()
                .map(|(key, value)| Entry {
                    key: key.as_str().into(),
                    position: Position::default(),
                    value: node_of_json(value, path.key(key.as_str())),
                })
                .collect(),
        ),
    };
    Node {
        value,
        position: Position::default(),
        path,
    }
}
