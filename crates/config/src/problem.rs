//! What is wrong, or worth knowing, about a configuration: with file, place, path and remedy.

use std::fmt;
use std::path::PathBuf;

use bellwether_storage::ErrorKind;

use crate::yaml::{NodePath, Position};

/// One thing that is wrong, or worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// Where in it; line 0 where the whole file is meant.
    pub position: Position,
    /// The setting, such as `scrape_configs[0].job_name`; empty for the whole file.
    pub path: String,
    /// What is wrong, the value given, and what is allowed.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.position.line > 0 {
            write!(f, ":{}:{}", self.position.line, self.position.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A file that a setting names, for `check config` to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedFile {
    /// The file, joined with the configuration's folder.
    pub path: PathBuf,
    /// The setting that names it; `message` is empty.
    pub origin: Problem,
}

/// Collects problems of one load, in the order they are found.
#[derive(Debug, Default)]
pub struct Problems {
    /// What makes the configuration unusable.
    pub errors: Vec<Problem>,
    /// What does not.
    pub warnings: Vec<Problem>,
    /// Files that must be there for the configuration to work.
    pub files: Vec<NamedFile>,
}

/// Most errors of one file that are reported: enough to see what is wrong, and a bound on what a
/// hostile file costs.
const ERRORS_MAX: usize = 1000;

impl Problems {
    /// Notes an error.
    pub fn error(
        &mut self,
        file: &str,
        position: Position,
        path: &NodePath,
        message: impl Into<String>,
    ) {
        if self.errors.len() < ERRORS_MAX {
            note(
                &mut self.errors,
                problem(file, position, path, message.into()),
            );
        }
    }

    /// Notes an error that is complete.
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(problem);
        }
    }

    /// Whether an error was noted at a path or below it.
    #[must_use]
    pub fn has_errors_under(&self, file: &str, path: &NodePath) -> bool {
        let prefix = path.to_string();
        self.errors.iter().any(|error| {
            error.file == file
                && error.path.strip_prefix(&prefix).is_some_and(|rest| {
                    rest.is_empty() || prefix.is_empty() || rest.starts_with(['.', '['])
                })
        })
    }

    /// Notes something worth knowing.
    pub fn warning(
        &mut self,
        file: &str,
        position: Position,
        path: &NodePath,
        message: impl Into<String>,
    ) {
        if self.warnings.len() < ERRORS_MAX {
            note(
                &mut self.warnings,
                problem(file, position, path, message.into()),
            );
        }
    }
}

/// What several objectives or jobs share is wrong, or worth knowing, once.
fn note(problems: &mut Vec<Problem>, problem: Problem) {
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

fn problem(file: &str, position: Position, path: &NodePath, message: String) -> Problem {
    Problem {
        file: file.to_owned(),
        position,
        path: path.to_string(),
        message,
    }
}

/// Why a configuration was not taken. Prints one line for each error.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub struct ConfigErrors {
    /// The errors, in the order of the file; at least one.
    pub errors: Vec<Problem>,
    /// Whether the file could not be read at all.
    pub is_unreadable: bool,
}

impl ConfigErrors {
    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        if self.is_unreadable {
            ErrorKind::Unavailable
        } else {
            ErrorKind::Invalid
        }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}
