//! Objectives: our own form, and documents of OpenSLO, Sloth and Pyrra.
//!
//! ## Model
//! Every form is read into [`ObjectiveSettings`] by tables of its own: [`short`] is ours,
//! [`documents`] tells the others apart.
//!
//! ## Invariants
//! What a document says and an objective cannot keep is an error or a warning with its place.

mod alerts;
pub(crate) mod documents;
pub(crate) mod indicator;
mod openslo;
mod openslo_alerts;
mod openslo_alpha;
mod openslo_metrics;
mod openslo_window;
pub(crate) mod period;
mod pyrra;
pub(crate) mod query;
pub(crate) mod share;
pub(crate) mod short;
mod sloth;

use bellwether_model::utf8_name::is_legacy_label_name;
use bellwether_rules::objective::ObjectiveSettings;
use bellwether_template::Functions;
use bellwether_template::functions::prometheus;

use self::short::is_reserved;
use crate::objectives::ObjectiveOptions;
use crate::problem::Problems;
use crate::sections::rules::{check_template, check_templates};
use crate::view::{View, node_text};
use crate::yaml::{Node, NodePath, NodeValue, Position, shortened};

pub(crate) use self::alerts::KINDS as ALERT_KINDS;

/// An objective, and where it stands.
#[derive(Debug)]
pub(crate) struct Found {
    /// The objective.
    pub(crate) settings: ObjectiveSettings,
    /// The file, as messages call it.
    pub(crate) file: String,
    /// Where it begins.
    pub(crate) position: Position,
    /// The way there.
    pub(crate) path: NodePath,
}

impl Found {
    fn at(settings: ObjectiveSettings, view: &View<'_>) -> Self {
        Self {
            settings,
            file: view.origin.file.clone(),
            position: view.position(),
            path: view.path(),
        }
    }
}

/// What reading depends on besides the documents. Made once for many of them.
pub(crate) struct Reading {
    options: ObjectiveOptions,
    functions: Functions,
}

impl Reading {
    pub(crate) fn new(options: &ObjectiveOptions) -> Self {
        Self {
            options: *options,
            functions: prometheus::library(""),
        }
    }

    /// Notes the labels and annotations of a section that are no templates.
    fn check_templates(&self, view: &View<'_>, alert: &str, problems: &mut Problems) {
        check_templates(view, alert, &self.functions, problems);
    }

    /// The same for one text.
    fn check_template(&self, node: &Node, view: &View<'_>, alert: &str, problems: &mut Problems) {
        check_template(node, view, alert, &self.functions, problems);
    }
}

/// The labels behind `key` of a document of another program: lists are joined by commas, characters
/// that stand in no name of a label become `_`, and those that we set ourselves are left out, which is
/// told.
fn imported_labels(view: &View<'_>, key: &str, problems: &mut Problems) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String)> = Vec::new();
    for (name, node) in view.entries(key) {
        let value = match &node.value {
            NodeValue::List(items) => items.iter().map(node_text).collect::<Vec<_>>().join(","),
            _ => node_text(node),
        };
        add_label(&mut labels, name, value, |message| {
            problems.warning(&view.origin.file, node.position, &node.path, message);
        });
    }
    labels
}

fn add_label(
    labels: &mut Vec<(String, String)>,
    name: &str,
    value: String,
    mut warn: impl FnMut(String),
) {
    let plain = plain_label(name);
    if plain.is_empty() || is_reserved(&plain) {
        let name = shortened(name);
        warn(format!(
            "is left out: {name:?} is a label that the rules of objectives set"
        ));
        return;
    }
    if plain != name {
        warn(format!(
            "is kept as label {plain:?}, which is one that a query can name without quotes"
        ));
    }
    put(labels, &plain, &value);
}

/// Sets a label.
fn put(labels: &mut Vec<(String, String)>, name: &str, value: &str) {
    match labels.iter_mut().find(|(known, _)| known == name) {
        Some((_, known)) => value.clone_into(known),
        None => labels.push((name.to_owned(), value.to_owned())),
    }
}

/// A name of a label that needs no quotes.
fn plain_label(name: &str) -> String {
    if is_legacy_label_name(name) {
        return name.to_owned();
    }
    let mut plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    if plain.starts_with(|c: char| c.is_ascii_digit()) {
        plain.insert(0, '_');
    }
    plain
}

/// What stands for a text that is missing.
fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}
