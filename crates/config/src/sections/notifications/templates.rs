//! Files with templates of notifications.

use bellwether_notify::receivers::settings::TemplateFile;
use bellwether_template::functions::alertmanager;
use bellwether_template::{Mode, TemplateError, TemplateSet, Time};

use crate::config::read_file;
use crate::glob::glob;
use crate::problem::Problems;
use crate::view::{View, node_text};
use crate::yaml::{NodePath, Position};

/// Reads and parses the files that `templates` names. A pattern may name none; that is told.
pub(super) fn read_templates(view: &View<'_>, problems: &mut Problems) -> Vec<TemplateFile> {
    let functions = alertmanager::library(|| Time::from_unix_ms(0));
    let mut set = TemplateSet::new(Mode::Text);
    let mut templates = Vec::new();
    for item in view.items("templates") {
        let pattern = view.origin.join(&node_text(item));
        let shown = pattern.display().to_string();
        let mut files = match glob(&pattern) {
            Ok(files) => files,
            Err(error) => {
                let message = format!("{shown:?} cannot be looked up: {error}");
                problems.error(&view.origin.file, item.position, &item.path, message);
                continue;
            }
        };
        files.retain(|file| *file != pattern || file.try_exists().unwrap_or(true));
        if files.is_empty() {
            problems.warning(
                &view.origin.file,
                item.position,
                &item.path,
                format!("no file matches {shown:?}"),
            );
        }
        for file in files {
            let text = match read_file(&file) {
                Ok(text) => text,
                Err(problem) => {
                    problems.push(problem);
                    continue;
                }
            };
            let name = file.display().to_string();
            if let Err(error) = set.parse(&name, &text, &functions) {
                note(&name, &error, problems);
            }
            templates.push(TemplateFile { name, text });
        }
    }
    templates
}

fn note(file: &str, error: &TemplateError, problems: &mut Problems) {
    let place = error.position();
    let position = place.map_or(Position::default(), |at| Position {
        line: usize::try_from(at.line).unwrap_or(0),
        column: usize::try_from(at.column).unwrap_or(0) + 1,
    });
    let message = match error {
        TemplateError::Parse { reason, .. } => format!("not a template: {reason}"),
        other => other.to_string(),
    };
    problems.error(file, position, &NodePath::default(), message);
}
