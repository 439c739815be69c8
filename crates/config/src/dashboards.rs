//! Dashboards as files: YAML in our form, or JSON, ours or Grafana's.
//!
//! ## Model
//! [`load_dashboards`] reads files for commands that have no configuration beside them, [`load_dashboard_text`] a text. A
//! file of YAML may hold several documents. What ends in `.json` is JSON; a dashboard of Grafana among them is imported, and a
//! warning says how many of its panels are not what they were.
//!
//! ## Invariants
//! What is loaded can be shown: every query is PromQL, once variables are replaced. A uid is there once.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bellwether_dashboards::form::Style;
use bellwether_dashboards::node::{Node, NodeValue, Place};
use bellwether_dashboards::report::{Severity, Verdict};
use bellwether_dashboards::{Dashboard, Imported, import_json, own, read_node};

use crate::config::{LoadOptions, errors_of, read_file};
use crate::glob::glob;
use crate::problem::{ConfigErrors, Problem, Problems};
use crate::view::{View, node_text};
use crate::yaml::{self, Position};

/// Most dashboards of a configuration. Chosen.
const DASHBOARDS_MAX: usize = 5_000;

/// A dashboard and the file that it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct DashboardFile {
    /// The dashboard, and what could not be carried over where it was one of Grafana.
    pub imported: Imported,
    /// The file.
    pub file: PathBuf,
}

/// What a successful load of files of dashboards gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadedDashboards {
    /// The dashboards, in the order of the files.
    pub dashboards: Vec<DashboardFile>,
    /// The files.
    pub files: Vec<PathBuf>,
    /// What is worth knowing.
    pub warnings: Vec<Problem>,
}

/// Loads files of dashboards. Paths are those of files, not globs: [`crate::glob()`] resolves them.
///
/// # Errors
/// Every reason why one of the files cannot be used.
pub fn load_dashboards(paths: &[PathBuf]) -> Result<LoadedDashboards, ConfigErrors> {
    let mut problems = Problems::default();
    let mut loaded = LoadedDashboards::default();
    for path in paths {
        match read_file(path) {
            Ok(source) => {
                loaded
                    .dashboards
                    .extend(read_text(&source, path, &mut problems));
                loaded.files.push(path.clone());
            }
            Err(problem) => problems.push(problem),
        }
    }
    check_uids(&loaded.dashboards, &mut problems);
    if !problems.errors.is_empty() {
        return Err(errors_of(problems));
    }
    loaded.warnings = problems.warnings;
    Ok(loaded)
}

/// Loads the one dashboard of a text that is already here; `name` is what errors call it, and says whether it is JSON.
///
/// # Errors
/// Every reason why it cannot be used.
pub fn load_dashboard_text(source: &str, name: &Path) -> Result<Imported, ConfigErrors> {
    let mut problems = Problems::default();
    let mut found = read_text(source, name, &mut problems);
    if found.len() > 1 {
        let text = format!("{} dashboards given: want one", found.len());
        problems.push(problem(name, Place::default(), String::new(), text));
    }
    match found.pop() {
        Some(one) if problems.errors.is_empty() => Ok(one.imported),
        _ => Err(errors_of(problems)),
    }
}

/// The dashboards of the files that a configuration names. A path that names none is no error, as for rules, but is told.
pub(crate) fn read_dashboards(
    root: &View<'_>,
    options: &LoadOptions<'_>,
    problems: &mut Problems,
) -> LoadedDashboards {
    let mut loaded = LoadedDashboards::default();
    if options.leave_named_files {
        return loaded;
    }
    for item in root.items("dashboards") {
        let pattern = root.origin.join(&node_text(item));
        let shown = pattern.display().to_string();
        let mut files = match glob(&pattern) {
            Ok(files) => files,
            Err(error) => {
                let message = format!("{shown:?} cannot be looked up: {error}");
                problems.error(&root.origin.file, item.position, &item.path, message);
                continue;
            }
        };
        files.retain(|file| *file != pattern || file.try_exists().unwrap_or(true));
        if files.is_empty() {
            let message = format!("no file matches {shown:?}");
            problems.warning(&root.origin.file, item.position, &item.path, message);
        }
        for file in files {
            // Two patterns may name the same file, whose dashboards exist once.
            if loaded.files.contains(&file) {
                continue;
            }
            match read_file(&file) {
                Ok(source) => {
                    loaded
                        .dashboards
                        .extend(read_text(&source, &file, problems));
                    loaded.files.push(file);
                }
                Err(problem) => {
                    let message = format!("{:?} {}", problem.file, problem.message);
                    problems.error(&root.origin.file, item.position, &item.path, message);
                }
            }
            if loaded.dashboards.len() > DASHBOARDS_MAX {
                let message = format!("more than {DASHBOARDS_MAX} dashboards are named");
                problems.error(&root.origin.file, item.position, &item.path, message);
                return loaded;
            }
        }
    }
    check_uids(&loaded.dashboards, problems);
    loaded
}

/// A uid that is there twice names two dashboards, of which one would never be seen.
fn check_uids(dashboards: &[DashboardFile], problems: &mut Problems) {
    let mut seen: HashMap<&str, &Path> = HashMap::new();
    for dashboard in dashboards {
        let uid = dashboard.imported.dashboard.uid.as_str();
        if let Some(first) = seen.insert(uid, &dashboard.file) {
            let text = format!(
                "{uid:?} is the uid of another dashboard, in {}",
                first.display()
            );
            problems.push(problem(
                &dashboard.file,
                Place::default(),
                "uid".to_owned(),
                text,
            ));
        }
    }
}

fn problem(file: &Path, place: Place, path: String, message: String) -> Problem {
    Problem {
        file: file.display().to_string(),
        position: Position {
            line: place.line,
            column: place.column,
        },
        path,
        message,
    }
}

fn read_text(source: &str, path: &Path, problems: &mut Problems) -> Vec<DashboardFile> {
    let is_json = path.extension().is_some_and(|ending| ending == "json");
    let read = if is_json {
        import_json(source.as_bytes()).map(|imported| vec![imported])
    } else {
        read_yaml(source)
    };
    let file = |imported| DashboardFile {
        imported,
        file: path.to_path_buf(),
    };
    match read {
        Ok(found) => {
            for imported in &found {
                warn_of_losses(imported, path, problems);
            }
            found.into_iter().map(file).collect()
        }
        Err(errors) => {
            for error in errors {
                problems.push(problem(path, error.place, error.path, error.message));
            }
            Vec::new()
        }
    }
}

fn read_yaml(source: &str) -> Result<Vec<Imported>, Vec<bellwether_dashboards::Problem>> {
    let documents = yaml::read_all(source).map_err(|errors| {
        errors
            .into_iter()
            .map(|error| bellwether_dashboards::Problem {
                place: place(error.position),
                path: error.path.to_string(),
                message: error.message,
            })
            .collect::<Vec<_>>()
    })?;
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    for document in &documents {
        // An empty document is what stands behind a `---` at the end.
        if document.is_null() && documents.len() > 1 {
            continue;
        }
        match read_node(&node(document), Style::Yaml) {
            Ok(dashboard) => found.push(own(dashboard)),
            Err(problems) => wrong.extend(problems),
        }
    }
    if wrong.is_empty() {
        Ok(found)
    } else {
        Err(wrong)
    }
}

/// Reads one dashboard in our form of YAML.
///
/// # Errors
/// Everything that is wrong with it.
pub fn dashboard_of_yaml(source: &str) -> Result<Dashboard, Vec<bellwether_dashboards::Problem>> {
    let mut found = read_yaml(source)?;
    match (found.len(), found.pop()) {
        (1, Some(one)) => Ok(one.dashboard),
        (count, _) => Err(vec![bellwether_dashboards::Problem {
            place: Place::default(),
            path: String::new(),
            message: format!("{count} dashboards given: want one"),
        }]),
    }
}

/// What a dashboard of Grafana has lost is worth knowing at every start.
fn warn_of_losses(imported: &Imported, path: &Path, problems: &mut Problems) {
    let report = &imported.report;
    let above = report
        .findings
        .iter()
        .filter(|it| it.severity == Severity::Lost);
    let above = above.count();
    let changed = report
        .panels
        .iter()
        .filter(|it| it.verdict != Verdict::Same);
    let changed = changed.count();
    if !imported.is_foreign || (changed == 0 && above == 0) {
        return;
    }
    let text = format!(
        "is a dashboard of Grafana of which {changed} of {} panels and {above} other things are not what they were: \
         `bellwether dashboards import --report {}` tells which",
        report.panels.len(),
        path.display()
    );
    problems
        .warnings
        .push(problem(path, Place::default(), String::new(), text));
}

fn place(position: Position) -> Place {
    Place {
        line: position.line,
        column: position.column,
    }
}

/// A tree of YAML as the tree that dashboards are read from. Depth and size are bounded by who parsed it.
fn node(of: &yaml::Node) -> Node {
    let value = match &of.value {
        yaml::NodeValue::Scalar(scalar) => NodeValue::Scalar {
            text: scalar.text.to_string(),
            is_plain: scalar.is_plain,
        },
        yaml::NodeValue::List(items) => NodeValue::List(items.iter().map(node).collect()),
        yaml::NodeValue::Mapping(entries) => NodeValue::Mapping(
            entries
                .iter()
                .map(|entry| (entry.key.to_string(), node(&entry.value)))
                .collect(),
        ),
    };
    Node {
        value,
        place: place(of.position),
    }
}

#[cfg(test)]
mod tests;
