//! What `bellwether check config` says of a file, without a running server.
//!
//! ## Model
//! A [`CheckReport`] has errors (the server would not take the file, or a file it needs is missing
//! or wrong) and warnings (settings without effect, discoveries that are not carried out, old
//! names). It looks at rule files with their queries, at target files and at secret files, which
//! a load does not.

use std::fmt;
use std::path::{Path, PathBuf};

use bellwether_promql::Features;
use bellwether_scrape::settings::{Discovery, ScrapeSettings};
use serde_json::{Value, json};

use crate::config::{LoadOptions, Loaded, load, origin_of, parse, read_file};
use crate::glob::glob;
use crate::problem::{Problem, Problems};
use crate::sections::discovery::TARGET_GROUP;
use crate::sections::rules::{RULE_FILE, check_queries};
use crate::validate::validate;
use crate::view::View;
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
    /// Receivers of remote write.
    pub remote_write_count: usize,
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
        let problems = |problems: &[Problem]| -> Vec<Value> {
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
        };
        json!({
            "file": self.file,
            "ok": self.is_ok(),
            "errors": problems(&self.errors),
            "warnings": problems(&self.warnings),
            "scrape_jobs": self.job_count,
            "rule_files": self.rule_file_count,
            "rules": self.rule_count,
            "remote_writes": self.remote_write_count,
        })
    }
}

/// The report for people: a line for each error and warning, and a last one that sums up.
impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for error in &self.errors {
            writeln!(f, "error: {error}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        let plural = |count: usize, word: &str| {
            format!("{count} {word}{}", if count == 1 { "" } else { "s" })
        };
        if self.is_ok() {
            write!(
                f,
                "{}: valid; {}, {} in {}, {}, {}",
                self.file,
                plural(self.job_count, "scrape job"),
                plural(self.rule_count, "rule"),
                plural(self.rule_file_count, "rule file"),
                plural(self.remote_write_count, "remote write"),
                plural(self.warnings.len(), "warning"),
            )
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
    let (mut report, loaded) = loaded_report(path, options);
    if let Some(loaded) = loaded {
        check_named(path, &loaded, options, &mut report);
    }
    report
}

/// Checks a configuration file, and of the files it names only those that belong to it
/// (`scrape_config_files`): the others may be on another machine.
#[must_use]
pub fn check_syntax(path: &Path, options: &CheckOptions<'_>) -> CheckReport {
    loaded_report(path, options).0
}

fn loaded_report(path: &Path, options: &CheckOptions<'_>) -> (CheckReport, Option<Loaded>) {
    let mut report = CheckReport {
        file: path.display().to_string(),
        errors: Vec::new(),
        warnings: Vec::new(),
        job_count: 0,
        rule_file_count: 0,
        rule_count: 0,
        remote_write_count: 0,
    };
    let loaded = match load(path, &options.load) {
        Err(errors) => {
            report.errors = errors.errors;
            None
        }
        Ok(loaded) => {
            report.warnings.clone_from(&loaded.warnings);
            report.job_count = loaded.config.scrape.len();
            report.remote_write_count = loaded.config.remote_write.len();
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

fn check_named(path: &Path, loaded: &Loaded, options: &CheckOptions<'_>, report: &mut CheckReport) {
    let mut problems = Problems {
        warnings: loaded.warnings.clone(),
        ..Problems::default()
    };
    for named in &loaded.files {
        if let Err(error) = std::fs::File::open(&named.path) {
            let mut problem = named.origin.clone();
            problem.message = format!(
                "{:?} cannot be read: {error}",
                named.path.display().to_string()
            );
            problems.errors.push(problem);
        }
    }
    check_rule_files(path, loaded, options, report, &mut problems);
    for job in &loaded.config.scrape {
        check_target_files(path, job, &mut problems);
    }
    report.errors.extend(problems.errors);
    report.warnings = problems.warnings;
}

fn check_rule_files(
    path: &Path,
    loaded: &Loaded,
    options: &CheckOptions<'_>,
    report: &mut CheckReport,
    problems: &mut Problems,
) {
    let main = path.display().to_string();
    let root = yaml::read(&loaded.source_text).ok();
    let items: &[Node] = match root.as_ref().and_then(|d| d.root.get("rule_files")) {
        Some(Node {
            value: NodeValue::List(items),
            ..
        }) => items,
        _ => &[],
    };
    for (pattern, item) in loaded.config.rule_files.iter().zip(items) {
        let shown = pattern.display().to_string();
        let files = match glob(pattern) {
            Ok(files) => files,
            Err(error) => {
                let message = format!("{shown:?} cannot be looked up: {error}");
                problems.error(&main, item.position, &item.path, message);
                continue;
            }
        };
        if files.is_empty() {
            problems.warning(
                &main,
                item.position,
                &item.path,
                format!("no file matches {shown:?}"),
            );
        }
        for file in files {
            match read_file(&file) {
                Ok(source) => {
                    report.rule_file_count += 1;
                    report.rule_count +=
                        check_rule_file(&file, &source, &options.features, problems);
                }
                Err(problem) => problems.error(
                    &main,
                    item.position,
                    &item.path,
                    format!("{:?} {}", problem.file, problem.message),
                ),
            }
        }
    }
}

fn check_rule_file(
    file: &Path,
    source: &str,
    features: &Features,
    problems: &mut Problems,
) -> usize {
    let origin = origin_of(file);
    match parse(source, &origin, &RULE_FILE, problems) {
        Some(root) => {
            let view = View::new(Some(&root), &RULE_FILE, &origin);
            check_queries(&view, features, problems)
        }
        None => 0,
    }
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
