//! Rule files by themselves, for commands that have no configuration beside them.
//!
//! ## Model
//! [`load_rules`] reads files into the settings of their groups. [`duplicate_rules`] and
//! [`alerts_without_runbook`] say what is allowed and yet mostly not meant.
//!
//! ## Invariants
//! What is loaded can be evaluated: queries parse, and so do the templates of labels and
//! annotations.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use bellwether_model::{Labels, ShortLabels, short};
use bellwether_promql::Features;
use bellwether_rules::{GroupSettings, RuleKind, RuleSettings};
use bellwether_scrape::settings::NameValidation;

use crate::config::{errors_of, origin_of, read_file};
use crate::problem::{ConfigErrors, Problem, Problems};
use crate::sections::rule_documents::RuleDocuments;
use crate::sections::rules::RuleDecoder;
use crate::validate::UnknownKeys;
use crate::view::Origin;
use crate::yaml::Position;

/// What the reading of rule files depends on besides the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleOptions {
    /// Features of PromQL that queries may use.
    pub features: Features,
    /// Time between two evaluations of groups that say nothing, ms.
    pub interval_ms: i64,
    /// Which names of metrics and labels are allowed.
    pub names: NameValidation,
    /// Take keys that no rule has, and forget them.
    pub ignore_unknown_keys: bool,
}

impl Default for RuleOptions {
    /// The defaults of a configuration that says nothing.
    fn default() -> Self {
        Self {
            features: Features::default(),
            interval_ms: 60_000,
            names: NameValidation::Utf8,
            ignore_unknown_keys: false,
        }
    }
}

/// What a successful load of rule files gives.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadedRules {
    /// The groups, in the order of the files.
    pub groups: Vec<GroupSettings>,
    /// The files.
    pub files: Vec<PathBuf>,
    /// What is worth knowing.
    pub warnings: Vec<Problem>,
}

impl LoadedRules {
    /// How many rules there are.
    #[must_use]
    pub fn rule_count(&self) -> usize {
        self.groups.iter().map(|group| group.rules.len()).sum()
    }
}

/// Loads rule files. Paths are those of files, not globs: [`crate::glob()`] resolves them.
///
/// # Errors
/// Every reason why one of the files cannot be used.
pub fn load_rules(paths: &[PathBuf], options: &RuleOptions) -> Result<LoadedRules, ConfigErrors> {
    let mut problems = Problems::default();
    let mut loaded = LoadedRules::default();
    let decoder = RuleDecoder::new(options);
    for path in paths {
        match read_file(path) {
            Ok(source) => {
                let groups = read_groups(&source, path, &decoder, options, &mut problems);
                loaded.groups.extend(groups);
                loaded.files.push(path.clone());
            }
            Err(problem) => problems.push(problem),
        }
    }
    finished(loaded, problems)
}

/// The same for a text that is already here; `name` is what its groups and errors call it.
///
/// # Errors
/// Every reason why it cannot be used.
pub fn load_rules_text(
    source: &str,
    name: &Path,
    options: &RuleOptions,
) -> Result<LoadedRules, ConfigErrors> {
    let mut problems = Problems::default();
    let decoder = RuleDecoder::new(options);
    let loaded = LoadedRules {
        groups: read_groups(source, name, &decoder, options, &mut problems),
        files: vec![name.to_path_buf()],
        warnings: Vec::new(),
    };
    finished(loaded, problems)
}

fn finished(mut loaded: LoadedRules, problems: Problems) -> Result<LoadedRules, ConfigErrors> {
    if !problems.errors.is_empty() {
        return Err(errors_of(problems));
    }
    loaded.warnings = problems.warnings;
    Ok(loaded)
}

/// The groups of one file.
pub(crate) fn read_groups(
    source: &str,
    path: &Path,
    decoder: &RuleDecoder<'_>,
    options: &RuleOptions,
    problems: &mut Problems,
) -> Vec<GroupSettings> {
    let origin: Origin = origin_of(path);
    let unknown = if options.ignore_unknown_keys {
        UnknownKeys::Ignore
    } else {
        UnknownKeys::Refuse
    };
    let documents = match RuleDocuments::read(source, &origin, problems) {
        Ok(documents) => documents,
        Err(errors) => {
            for error in errors {
                problems.error(&origin.file, error.position, &error.path, error.message);
            }
            return Vec::new();
        }
    };
    let groups = documents.groups(&origin, unknown, problems);
    decoder.groups(&groups, path, problems)
}

/// Rules that write the same series, or alerts that cannot be told apart: one warning for each that
/// an earlier one equals in name and labels.
#[must_use]
pub fn duplicate_rules(groups: &[GroupSettings]) -> Vec<Problem> {
    let mut seen: HashMap<(&str, Labels), (&Path, usize)> = HashMap::new();
    let mut found = Vec::new();
    for group in groups {
        for rule in &group.rules {
            let labels = all_labels(group, rule);
            let place = (group.file.as_path(), rule.line);
            if let Some((file, line)) = seen.get(&(rule.name(), labels.clone())) {
                let labels = if labels.is_empty() {
                    "without labels".to_owned()
                } else {
                    format!("with labels {}", ShortLabels(&labels))
                };
                found.push(about(
                    group,
                    rule,
                    format!(
                        "rule {:?} {labels} is there already, at {}:{line}: what they give may get mixed up",
                        short(rule.name()),
                        file.display()
                    ),
                ));
            } else {
                seen.insert((rule.name(), labels), place);
            }
        }
    }
    found
}

/// Alerts that do not say what to do: one warning for each without an annotation that names a
/// runbook.
#[must_use]
pub fn alerts_without_runbook(groups: &[GroupSettings]) -> Vec<Problem> {
    const NAMES: [&str; 2] = ["runbook_url", "runbook"];
    let mut found = Vec::new();
    for group in groups {
        for rule in &group.rules {
            if let RuleKind::Alert { annotations, .. } = &rule.kind
                && !annotations
                    .iter()
                    .any(|(name, text)| NAMES.contains(&name.as_str()) && !text.is_empty())
            {
                let message = format!(
                    "alert {:?} has no annotation runbook_url: whoever gets it does not learn what to do",
                    short(rule.name())
                );
                found.push(about(group, rule, message));
            }
        }
    }
    found
}

/// The labels that are known before evaluation; those of the rule come before those of its group.
fn all_labels(group: &GroupSettings, rule: &RuleSettings) -> Labels {
    let mut all: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in group.labels.iter().chain(&rule.labels) {
        all.insert(name, value);
    }
    Labels::from_pairs(all)
}

fn about(group: &GroupSettings, rule: &RuleSettings, message: String) -> Problem {
    Problem {
        file: group.file.display().to_string(),
        position: Position {
            line: rule.line,
            column: 1,
        },
        path: format!("group {:?}", short(&group.name)),
        message,
    }
}

#[cfg(test)]
mod tests;
