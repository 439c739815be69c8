//! What a file of objectives may be, told by its content.
//!
//! ## Model
//! A document is our own (`slos` at its root), Sloth's (`version` at its root), or a resource with
//! `apiVersion` and `kind`: of OpenSLO, Sloth or Pyrra, alone or in a list. Resources of OpenSLO name
//! each other, across documents and files; what was read is [`Resources`].
//!
//! ## Invariants
//! Resources of other kinds are passed over, as `helm template` gives them; a file in which there is
//! nothing else is told.

use std::collections::HashMap;

use super::openslo_alerts::{CONDITION, POLICY, TARGET};
use super::openslo_metrics::{DATA_SOURCE, SLI};
use super::pyrra::{PYRRA, decode_pyrra};
use super::short::{OBJECTIVE_FILE, decode_objective};
use super::sloth::{SLOTH, SLOTH_RESOURCE, decode_sloth};
use super::{Found, Reading, openslo, openslo_alpha};
use crate::problem::Problems;
use crate::schema::Section;
use crate::validate::validate;
use crate::view::{Origin, View};
use crate::yaml::{self, Node, NodePath, NodeValue, shortened};

/// The documents of a file.
#[derive(Debug)]
pub(crate) struct ObjectiveSource {
    origin: Origin,
    roots: Vec<Node>,
}

impl ObjectiveSource {
    /// Reads them. None where the text is no YAML, which is noted.
    pub(crate) fn read(source: &str, origin: Origin, problems: &mut Problems) -> Option<Self> {
        match yaml::read_all(source) {
            Ok(roots) => Some(Self { origin, roots }),
            Err(errors) => {
                for error in errors {
                    problems.error(&origin.file, error.position, &error.path, error.message);
                }
                None
            }
        }
    }
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Own,
    Sloth,
    SlothResource,
    Pyrra,
    OpenSlo,
    OpenSloAlpha,
    /// What others name, by its kind.
    Named(&'static str),
    /// Windows of Sloth's alerts.
    Windows,
    Other,
}

/// A document, checked against the table of its form.
struct Document<'a> {
    form: Form,
    view: View<'a>,
}

/// What documents of OpenSLO name: views by kind and name.
#[derive(Default)]
pub(super) struct Resources<'a>(HashMap<(&'static str, &'a str), View<'a>>);

impl<'a> Resources<'a> {
    /// The resource of this kind and name.
    pub(super) fn get(&self, kind: &'static str, name: &str) -> Option<View<'a>> {
        self.0.get(&(kind, name)).copied()
    }
}

/// The objectives of all sources.
pub(crate) fn decode_sources(
    sources: &[ObjectiveSource],
    reading: &Reading,
    problems: &mut Problems,
) -> Vec<Found> {
    let mut documents = Vec::new();
    for source in sources {
        documents.extend(documents_of(source, problems));
    }
    let resources = resources_of(&documents, problems);
    let mut found = Vec::new();
    for Document { form, view } in &documents {
        match form {
            Form::Own => {
                for view in view.sections("slos") {
                    found.extend(decode_objective(&view, reading, problems));
                }
            }
            Form::Sloth => found.extend(decode_sloth(view, reading, problems)),
            Form::SlothResource => {
                found.extend(decode_sloth(&view.section("spec"), reading, problems));
            }
            Form::Pyrra => found.extend(decode_pyrra(view, reading, problems)),
            Form::OpenSlo => {
                found.extend(openslo::decode_slo(view, reading, &resources, problems));
            }
            Form::OpenSloAlpha => found.extend(openslo_alpha::decode_slo(view, reading, problems)),
            Form::Named(_) | Form::Windows | Form::Other => {}
        }
    }
    found
}

/// The documents of a source that have a form of ours, are checked and are right.
fn documents_of<'a>(source: &'a ObjectiveSource, problems: &mut Problems) -> Vec<Document<'a>> {
    let origin = &source.origin;
    let mut nodes = Vec::new();
    for root in &source.roots {
        flatten(root, &mut nodes);
    }
    let mut documents = Vec::new();
    let mut has_form = false;
    for node in nodes {
        let form = form_of(node);
        has_form |= form != Form::Other;
        let warn = |problems: &mut Problems, message: &str| {
            problems.warning(&origin.file, node.position, &node.path, message);
        };
        let table: &'static Section = match form {
            Form::Own => &OBJECTIVE_FILE,
            Form::Sloth => &SLOTH,
            Form::SlothResource => &SLOTH_RESOURCE,
            Form::Pyrra => &PYRRA,
            Form::OpenSlo => &openslo::SLO,
            Form::OpenSloAlpha => &openslo_alpha::SLO,
            Form::Named("SLI") => &SLI,
            Form::Named("DataSource") => &DATA_SOURCE,
            Form::Named("AlertPolicy") => &POLICY,
            Form::Named("AlertCondition") => &CONDITION,
            Form::Named("AlertNotificationTarget") => &TARGET,
            Form::Named(_) => &openslo::SERVICE,
            Form::Windows => {
                warn(
                    problems,
                    "has no effect: pages and tickets have windows of their own here",
                );
                continue;
            }
            Form::Other => {
                if !is_resource(node) {
                    let message = format!(
                        "{} given: want slos, or a document of OpenSLO, Sloth or Pyrra",
                        node.describe()
                    );
                    problems.error(&origin.file, node.position, &node.path, message);
                    has_form = true;
                }
                continue;
            }
        };
        let errors_before = problems.errors.len();
        validate(node, table, origin, problems);
        if problems.errors.len() == errors_before {
            let view = View::new(Some(node), table, origin);
            documents.push(Document { form, view });
        }
    }
    if !has_form && !source.roots.iter().all(Node::is_null) {
        let message = "holds no document of OpenSLO, Sloth or Pyrra: there are no objectives in it";
        let position = source
            .roots
            .first()
            .map(|root| root.position)
            .unwrap_or_default();
        problems.warning(&origin.file, position, &NodePath::default(), message);
    }
    documents
}

/// A document, or those in it where it is a list of resources.
fn flatten<'a>(node: &'a Node, found: &mut Vec<&'a Node>) {
    if node.is_null() {
        return;
    }
    match (
        text_of(node, "kind"),
        node.get("items").map(|items| &items.value),
    ) {
        (kind, Some(NodeValue::List(items))) if kind.ends_with("List") => {
            found.extend(items.iter().filter(|item| !item.is_null()));
        }
        _ => found.push(node),
    }
}

fn form_of(node: &Node) -> Form {
    const NAMED: [&str; 6] = [
        "SLI",
        "DataSource",
        "AlertPolicy",
        "AlertCondition",
        "AlertNotificationTarget",
        "Service",
    ];
    let (version, kind) = (text_of(node, "apiVersion"), text_of(node, "kind"));
    match (version, kind) {
        ("", "") if node.get("version").is_some() => Form::Sloth,
        ("", "") if node.get("slos").is_some() => Form::Own,
        ("openslo/v1", "SLO") => Form::OpenSlo,
        ("openslo/v1alpha", "SLO") => Form::OpenSloAlpha,
        ("openslo/v1" | "openslo/v1alpha", kind) => NAMED
            .iter()
            .find(|named| **named == kind)
            .map_or(Form::Other, |named| Form::Named(named)),
        (_, "PrometheusServiceLevel") if version.starts_with("sloth.slok.dev/") => {
            Form::SlothResource
        }
        (_, "AlertWindows") if version.starts_with("sloth.slok.dev/") => Form::Windows,
        (_, "ServiceLevelObjective") if version.starts_with("pyrra.dev/") => Form::Pyrra,
        _ => Form::Other,
    }
}

fn is_resource(node: &Node) -> bool {
    node.get("apiVersion").is_some() && node.get("kind").is_some()
}

fn text_of<'a>(node: &'a Node, key: &str) -> &'a str {
    match node.get(key).map(|value| &value.value) {
        Some(NodeValue::Scalar(scalar)) => &scalar.text,
        _ => "",
    }
}

/// What documents may name. Names are unique for their kind.
fn resources_of<'a>(documents: &[Document<'a>], problems: &mut Problems) -> Resources<'a> {
    let mut resources = Resources::default();
    for Document { form, view } in documents {
        let Form::Named(kind) = form else { continue };
        let metadata = view.section("metadata");
        let name = match metadata.node_of("name").map(|name| &name.value) {
            Some(NodeValue::Scalar(scalar)) => &*scalar.text,
            _ => "",
        };
        if name.is_empty() {
            metadata.error_at(problems, "name", "is missing: want a text");
        } else if resources.0.insert((kind, name), *view).is_some() {
            let name = shortened(name);
            let message = format!("{name:?} is the name of another {kind}: names must be unique");
            metadata.error_at(problems, "name", message);
        }
    }
    resources
}
