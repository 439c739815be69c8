//! What a rule file may be: groups, or manifests of Kubernetes with groups in them.
//!
//! ## Model
//! A manifest is told by `apiVersion` or `kind` at its top. Those of the kind `PrometheusRule`, as the
//! Prometheus operator takes them, hold groups under `spec`; they may stand in a list
//! (`kubectl get prometheusrules -o yaml`) or among other documents and kinds
//! (`helm template`), which are passed over.
//!
//! ## Invariants
//! A file of groups has one document, as in Prometheus; a file of manifests has any number. Names of
//! groups are unique in a file, whatever it is.

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::rules::{GROUP, RULE_FILE, check_group_names};
use crate::validate::{UnknownKeys, validate_with};
use crate::view::{Origin, View};
use crate::yaml::{self, Node, NodePath, NodeValue, YamlError};

/// A manifest whose groups are read.
static MANIFEST: Section = Section {
    name: "PrometheusRule",
    doc: "Groups of rules as a resource of Kubernetes.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version of the resource."),
        Field::new("kind", Kind::Text, "", "PrometheusRule."),
        Field::new("metadata", Kind::Raw, "", "Its name and labels."),
        Field::new("spec", Kind::Section(&SPEC), "", "The groups."),
        Field::new("status", Kind::Raw, "", "What became of it."),
    ],
    includes: &[],
    check: None,
};

static SPEC: Section = Section {
    name: "spec of a PrometheusRule",
    doc: "Groups of rules.",
    fields: &[Field::new(
        "groups",
        Kind::Sections(&MANIFEST_GROUP),
        "",
        "The groups.",
    )],
    includes: &[],
    check: None,
};

static MANIFEST_GROUP: Section = Section {
    name: "rule group",
    doc: "Rules that are evaluated together, in order.",
    fields: &[Field::new(
        "partial_response_strategy",
        Kind::OneOfAnyCase(&["", "abort", "warn"]),
        "",
        "What Thanos does where a store does not answer.",
    )
    .inert("is for Thanos: here all series are in one store")],
    includes: &[&GROUP],
    check: None,
};

/// The documents of a rule file.
pub(crate) enum RuleDocuments {
    /// Groups.
    Groups(Node),
    /// Manifests, those of other kinds included.
    Manifests(Vec<Node>),
}

impl RuleDocuments {
    /// Reads them.
    pub(crate) fn read(
        source: &str,
        origin: &Origin,
        problems: &mut Problems,
    ) -> Result<Self, Vec<YamlError>> {
        let first = yaml::read(source)?;
        let Some(position) = first.second_document else {
            return Ok(if is_manifest(&first.root) {
                Self::Manifests(vec![first.root])
            } else {
                Self::Groups(first.root)
            });
        };
        // Files of manifests often begin with an empty document.
        if first.root.is_null() || is_manifest(&first.root) {
            let documents = yaml::read_all(source)?;
            if documents.iter().any(is_manifest) {
                return Ok(Self::Manifests(documents));
            }
        }
        problems.warning(
            &origin.file,
            position,
            &NodePath::default(),
            "a second document begins here; only the first is read",
        );
        Ok(Self::Groups(first.root))
    }

    /// Checks the documents and gives the groups in them.
    pub(crate) fn groups<'a>(
        &'a self,
        origin: &'a Origin,
        unknown: UnknownKeys,
        problems: &mut Problems,
    ) -> Vec<View<'a>> {
        match self {
            Self::Groups(root) => {
                if !root.is_null() {
                    validate_with(root, &RULE_FILE, origin, unknown, problems);
                }
                View::new(Some(root), &RULE_FILE, origin).sections("groups")
            }
            Self::Manifests(documents) => manifest_groups(documents, origin, unknown, problems),
        }
    }
}

fn manifest_groups<'a>(
    documents: &'a [Node],
    origin: &'a Origin,
    unknown: UnknownKeys,
    problems: &mut Problems,
) -> Vec<View<'a>> {
    let mut resources = Vec::new();
    for document in documents.iter().filter(|document| !document.is_null()) {
        if !is_manifest(document) {
            let message = format!(
                "{} given: want a manifest with apiVersion and kind, as the others of this file",
                document.describe()
            );
            problems.error(&origin.file, document.position, &document.path, message);
        }
        match (kind_of(document), document.get("items")) {
            (Some("List" | "PrometheusRuleList"), Some(items)) => {
                if let NodeValue::List(items) = &items.value {
                    resources.extend(items);
                }
            }
            _ => resources.push(document),
        }
    }
    let is_rule = |node: &&Node| kind_of(node) == Some("PrometheusRule");
    let mut groups = Vec::new();
    let mut has_rule = false;
    for resource in resources.into_iter().filter(is_rule) {
        has_rule = true;
        validate_with(resource, &MANIFEST, origin, unknown, problems);
        let view = View::new(Some(resource), &MANIFEST, origin);
        groups.extend(view.section("spec").sections("groups"));
    }
    if let (false, Some(first)) = (has_rule, documents.first()) {
        let message = "holds manifests, but no PrometheusRule: there are no rules in it";
        problems.warning(&origin.file, first.position, &NodePath::default(), message);
    }
    check_group_names(&groups, problems);
    groups
}

fn is_manifest(node: &Node) -> bool {
    node.get("apiVersion").is_some() || node.get("kind").is_some()
}

fn kind_of(node: &Node) -> Option<&str> {
    match &node.get("kind")?.value {
        NodeValue::Scalar(scalar) => Some(&scalar.text),
        _ => None,
    }
}
