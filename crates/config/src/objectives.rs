//! Objectives by themselves, for commands that have no configuration beside them, and as a whole.
//!
//! ## Model
//! [`load_objectives`] reads files of objectives, of any form, into their settings; documents of one
//! file may name those of another. [`short_form`] writes settings in our own form.
//!
//! ## Invariants
//! Names are unique within a service. What a composite names is there, and no composite is a part of
//! itself. Every query is PromQL that gives what is wanted of it.

mod short_form;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bellwether_model::time::DurationText;
use bellwether_probe::watch::ProbeSettings;
use bellwether_rules::objective::{Indicator, ObjectiveSettings};
use bellwether_slo::period::Period;

pub use self::short_form::short_form;

use crate::config::{LoadOptions, errors_of, origin_of, read_file};
use crate::glob::glob;
use crate::problem::{ConfigErrors, Problem, Problems};
use crate::sections::objectives::documents::{ObjectiveSource, decode_sources};
use crate::sections::objectives::period::PERIOD_MS;
use crate::sections::objectives::short::{OBJECTIVE, decode_objective};
use crate::sections::objectives::{Found, Reading};
use crate::view::{View, node_text};
use crate::yaml::{Node, NodeValue, shortened};

/// What documents of other programs mean where they do not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectiveOptions {
    /// What an objective of Sloth is kept over, ms.
    pub period_ms: i64,
    /// How often events are counted, ms.
    pub interval_ms: i64,
}

impl Default for ObjectiveOptions {
    /// 30 days, as Sloth has it, and a minute.
    fn default() -> Self {
        Self {
            period_ms: PERIOD_MS,
            interval_ms: 60_000,
        }
    }
}

/// What a successful load of files of objectives gives.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LoadedObjectives {
    /// The objectives, in the order of the files.
    pub objectives: Vec<ObjectiveSettings>,
    /// The files.
    pub files: Vec<PathBuf>,
    /// What is worth knowing: what could not be kept, first of all.
    pub warnings: Vec<Problem>,
}

/// Loads files of objectives. Paths are those of files, not globs: [`crate::glob()`] resolves them.
///
/// # Errors
/// Every reason why one of the files cannot be used.
pub fn load_objectives(
    paths: &[PathBuf],
    options: &ObjectiveOptions,
) -> Result<LoadedObjectives, ConfigErrors> {
    let mut problems = Problems::default();
    let mut sources = Vec::new();
    for path in paths {
        match read_file(path) {
            Ok(source) => {
                sources.extend(ObjectiveSource::read(
                    &source,
                    origin_of(path),
                    &mut problems,
                ));
            }
            Err(problem) => problems.push(problem),
        }
    }
    finished(&sources, paths.to_vec(), options, problems)
}

/// The same for a text that is already here; `name` is what its objectives and errors call it.
///
/// # Errors
/// Every reason why it cannot be used.
pub fn load_objectives_text(
    source: &str,
    name: &Path,
    options: &ObjectiveOptions,
) -> Result<LoadedObjectives, ConfigErrors> {
    let mut problems = Problems::default();
    let source = ObjectiveSource::read(source, origin_of(name), &mut problems);
    let sources: Vec<ObjectiveSource> = source.into_iter().collect();
    finished(&sources, vec![name.to_path_buf()], options, problems)
}

fn finished(
    sources: &[ObjectiveSource],
    files: Vec<PathBuf>,
    options: &ObjectiveOptions,
    mut problems: Problems,
) -> Result<LoadedObjectives, ConfigErrors> {
    let found = decode_sources(sources, &Reading::new(options), &mut problems);
    let objectives = checked(found, &mut problems);
    if !problems.errors.is_empty() {
        return Err(errors_of(problems));
    }
    Ok(LoadedObjectives {
        objectives,
        files,
        warnings: problems.warnings,
    })
}

/// The objectives of a configuration: those of its list `slos`, and of the files that it names. A path
/// that names none is no error, as for rules, but is told.
pub(crate) fn read_objectives(
    root: &View<'_>,
    probes: &[ProbeSettings],
    options: &LoadOptions<'_>,
    problems: &mut Problems,
) -> LoadedObjectives {
    let reading = Reading::new(&ObjectiveOptions::default());
    let mut loaded = LoadedObjectives::default();
    let mut found = Vec::new();
    let mut sources = Vec::new();
    for item in root.items("slos") {
        if let NodeValue::Mapping(_) = &item.value {
            let view = View::new(Some(item), &OBJECTIVE, root.origin);
            warn_of_unknown_probe(&view, probes, problems);
            found.extend(decode_objective(&view, &reading, problems));
        } else if !options.leave_named_files {
            for file in files_of(root, item, problems) {
                // Two patterns may name the same file, whose objectives exist once.
                if loaded.files.contains(&file) {
                    continue;
                }
                match read_file(&file) {
                    Ok(source) => {
                        sources.extend(ObjectiveSource::read(&source, origin_of(&file), problems));
                        loaded.files.push(file);
                    }
                    Err(problem) => {
                        let message = format!("{:?} {}", problem.file, problem.message);
                        problems.error(&root.origin.file, item.position, &item.path, message);
                    }
                }
            }
        }
    }
    found.extend(decode_sources(&sources, &reading, problems));
    loaded.objectives = checked(found, problems);
    loaded
}

/// A probe that is misspelt is never measured.
fn warn_of_unknown_probe(view: &View<'_>, probes: &[ProbeSettings], problems: &mut Problems) {
    let availability = view.section("indicator").section("availability");
    let name = availability.text("probe");
    if !name.is_empty() && probes.iter().all(|probe| probe.name != name) {
        let message = format!("{:?} is the name of no probe", shortened(name));
        availability.warn_at(problems, "probe", message);
    }
}

/// The files that an item of `slos` names.
fn files_of(root: &View<'_>, item: &Node, problems: &mut Problems) -> Vec<PathBuf> {
    let pattern = root.origin.join(&node_text(item));
    let shown = pattern.display().to_string();
    let mut files = match glob(&pattern) {
        Ok(files) => files,
        Err(error) => {
            let message = format!("{shown:?} cannot be looked up: {error}");
            problems.error(&root.origin.file, item.position, &item.path, message);
            return Vec::new();
        }
    };
    files.retain(|file| *file != pattern || file.try_exists().unwrap_or(true));
    if files.is_empty() {
        let message = format!("no file matches {shown:?}");
        problems.warning(&root.origin.file, item.position, &item.path, message);
    }
    files
}

/// The settings of objectives, checked against each other.
fn checked(found: Vec<Found>, problems: &mut Problems) -> Vec<ObjectiveSettings> {
    let mut by_id: HashMap<String, usize> = HashMap::new();
    for (index, objective) in found.iter().enumerate() {
        check_alone(objective, problems);
        if let Some(first) = by_id.insert(objective.settings.id(), index) {
            let first = &found[first];
            let message = format!(
                "{:?} is the name of another objective of service {:?}, at {}:{}: names must be unique",
                shortened(&objective.settings.name),
                shortened(&objective.settings.service),
                first.file,
                first.position.line
            );
            let path = objective.path.key("name");
            problems.error(&objective.file, objective.position, &path, message);
        }
    }
    // What each objective is made of; empty for all that are no composites.
    let parts: Vec<Vec<usize>> = found
        .iter()
        .map(|objective| parts_of(objective, &found, &by_id, problems))
        .collect();
    for (index, objective) in found.iter().enumerate() {
        if is_part_of_itself(index, &parts) {
            let message = format!(
                "{:?} is a part of itself: want composites of other objectives",
                shortened(&objective.settings.name)
            );
            let path = objective.path.key("indicator");
            problems.error(&objective.file, objective.position, &path, message);
        }
    }
    found
        .into_iter()
        .map(|objective| objective.settings)
        .collect()
}

/// What holds for objectives of any form.
fn check_alone(objective: &Found, problems: &mut Problems) {
    let settings = &objective.settings;
    let mut refuse = |key: &str, message: String| {
        let path = objective.path.key(key);
        problems.error(&objective.file, objective.position, &path, message);
    };
    for (key, text) in [("name", &settings.name), ("service", &settings.service)] {
        if text.contains('/') {
            let text = shortened(text);
            refuse(
                key,
                format!("{text:?} has a /, which parts the service from the name"),
            );
        }
    }
    if let Period::Rolling { span_ms } = settings.period
        && span_ms < settings.interval_ms
    {
        let [span, interval] = [span_ms, settings.interval_ms].map(DurationText);
        refuse(
            "window",
            format!("{span} given: want at least the interval of {interval}"),
        );
    }
}

fn parts_of(
    objective: &Found,
    all: &[Found],
    by_id: &HashMap<String, usize>,
    problems: &mut Problems,
) -> Vec<usize> {
    let Indicator::Composite { parts, .. } = &objective.settings.indicator else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (name, _) in parts {
        let id = match name.contains('/') {
            true => name.clone(),
            false => format!("{}/{name}", objective.settings.service),
        };
        let problem = match by_id.get(&id) {
            None => "is the name of no objective: want one of this service, or service/name",
            Some(part) if matches!(all[*part].settings.indicator, Indicator::Spend { .. }) => {
                "spends an amount, and has no share of good events to join with others"
            }
            Some(part) => {
                found.push(*part);
                continue;
            }
        };
        let name = shortened(name);
        let path = objective.path.key("indicator");
        let message = format!("{name:?} {problem}");
        problems.error(&objective.file, objective.position, &path, message);
    }
    found
}

/// Whether a way along parts leads from an objective back to it.
fn is_part_of_itself(index: usize, parts: &[Vec<usize>]) -> bool {
    let mut is_seen = vec![false; parts.len()];
    let mut waiting = parts[index].clone();
    while let Some(part) = waiting.pop() {
        if part == index {
            return true;
        }
        if !std::mem::replace(&mut is_seen[part], true) {
            waiting.extend(&parts[part]);
        }
    }
    false
}

#[cfg(test)]
mod tests;
