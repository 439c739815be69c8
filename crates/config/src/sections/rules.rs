//! Rule files: groups of recording and alerting rules.

use std::collections::HashSet;
use std::path::Path;

use bellwether_model::utf8_name::{is_legacy_label_name, is_legacy_metric_name};
use bellwether_model::{METRIC_NAME, short};
use bellwether_rules::{GroupSettings, RuleKind, RuleSettings};
use bellwether_scrape::settings::NameValidation;
use bellwether_template::functions::prometheus::{self, RULE_VARIABLES};
use bellwether_template::{Functions, Mode, TemplateSet};

use crate::problem::Problems;
use crate::rules::RuleOptions;
use crate::schema::{Field, Kind, Section};
use crate::view::View;
use crate::yaml::Node;

pub(crate) static RULE_FILE: Section = Section {
    name: "rule file",
    doc: "Groups of rules.",
    fields: &[Field::new(
        "groups",
        Kind::Sections(&GROUP),
        "",
        "The groups.",
    )],
    includes: &[],
    check: Some(|view, problems| check_group_names(&view.sections("groups"), problems)),
};

pub(crate) static GROUP: Section = Section {
    name: "rule group",
    doc: "Rules that are evaluated together, in order.",
    fields: &[
        Field::required("name", Kind::Text, "Its name, unique in the file."),
        Field::new(
            "interval",
            Kind::Duration,
            "",
            "Time between two evaluations; global.evaluation_interval where absent.",
        ),
        Field::new(
            "query_offset",
            Kind::Duration,
            "",
            "How far in the past the rules are evaluated; global.rule_query_offset where absent.",
        ),
        Field::new(
            "limit",
            Kind::Integer {
                min: 0,
                max: i64::MAX,
            },
            "0",
            "Most alerts or series of a rule; 0: no limit.",
        ),
        Field::new(
            "labels",
            Kind::Labels,
            "",
            "Labels of everything the rules make.",
        ),
        Field::new("rules", Kind::Sections(&RULE), "", "The rules."),
    ],
    includes: &[],
    check: Some(|view, problems| check_labels(view, "labels", problems)),
};

static RULE: Section = Section {
    name: "rule",
    doc: "A recording rule (`record`) or an alerting rule (`alert`).",
    fields: &[
        Field::new(
            "record",
            Kind::Text,
            "",
            "Name of the series that the result is written to.",
        ),
        Field::new("alert", Kind::Text, "", "Name of the alert."),
        Field::required("expr", Kind::Text, "The query."),
        Field::new(
            "for",
            Kind::Duration,
            "",
            "How long the query must give a result before the alert fires.",
        ),
        Field::new(
            "keep_firing_for",
            Kind::Duration,
            "",
            "How long the alert goes on after it.",
        ),
        Field::new("labels", Kind::Labels, "", "Labels that are added."),
        Field::new("annotations", Kind::Labels, "", "Texts for people."),
    ],
    includes: &[],
    check: Some(check_rule),
};

fn check_rule(view: &View<'_>, problems: &mut Problems) {
    match view.set_among(&["record", "alert"]).as_slice() {
        [] => view.error(problems, "record or alert is missing: want one of the two"),
        [_, _] => view.error_at(
            problems,
            "alert",
            "is set together with record: keep one of the two",
        ),
        ["record"] => {
            let name = view.text("record");
            if name.contains(['{', '}']) {
                view.error_at(
                    problems,
                    "record",
                    format!(
                        "{:?} is not the name of a series: labels go under labels",
                        short(name)
                    ),
                );
            }
            // A duration of 0 is as good as none, and so is an empty mapping.
            let durations = ["for", "keep_firing_for"]
                .into_iter()
                .filter(|key| view.duration_ms(key) != 0);
            let annotations = view.entries("annotations").next().map(|_| "annotations");
            for key in durations.chain(annotations) {
                view.error_at(
                    problems,
                    key,
                    "is set in a recording rule: only alerts have it",
                );
            }
        }
        _ => {}
    }
    check_labels(view, "labels", problems);
}

fn check_labels(view: &View<'_>, key: &str, problems: &mut Problems) {
    for (name, node) in view.entries(key) {
        if name == METRIC_NAME {
            problems.error(
                &view.origin.file,
                node.position,
                &node.path,
                "__name__ is not a label that a rule can set: use record",
            );
        }
    }
}

/// Notes groups of one file that have the name of an earlier one.
pub(crate) fn check_group_names(groups: &[View<'_>], problems: &mut Problems) {
    let mut seen = HashSet::new();
    for group in groups {
        let name = group.text("name");
        if !name.is_empty() && !seen.insert(name) {
            group.error_at(
                problems,
                "name",
                format!(
                    "{:?} is the name of another group of this file: names must be unique",
                    short(name)
                ),
            );
        }
    }
}

/// Decodes the groups of rule files. Made once for many files.
pub(crate) struct RuleDecoder<'a> {
    options: &'a RuleOptions,
    functions: Functions,
}

impl<'a> RuleDecoder<'a> {
    pub(crate) fn new(options: &'a RuleOptions) -> Self {
        Self {
            options,
            functions: prometheus::library(""),
        }
    }

    /// The groups of a file, with their queries, names and templates checked.
    pub(crate) fn groups(
        &self,
        views: &[View<'_>],
        file: &Path,
        problems: &mut Problems,
    ) -> Vec<GroupSettings> {
        views
            .iter()
            .map(|group| self.group(group, file, problems))
            .collect()
    }

    /// One group.
    pub(crate) fn group(
        &self,
        view: &View<'_>,
        file: &Path,
        problems: &mut Problems,
    ) -> GroupSettings {
        self.check_names(view, "labels", problems);
        let own_interval_ms = view.duration_ms("interval");
        GroupSettings {
            file: file.to_path_buf(),
            name: view.text("name").to_owned(),
            interval_ms: if own_interval_ms == 0 {
                self.options.interval_ms
            } else {
                own_interval_ms
            },
            query_offset_ms: view
                .is_set("query_offset")
                .then(|| view.duration_ms("query_offset")),
            limit: view.length("limit"),
            labels: view.text_map("labels"),
            rules: view
                .sections("rules")
                .iter()
                .map(|rule| self.rule(rule, problems))
                .collect(),
        }
    }

    fn rule(&self, view: &View<'_>, problems: &mut Problems) -> RuleSettings {
        let expr = view.text("expr");
        if !expr.is_empty()
            && let Err(error) = bellwether_promql::parse(expr, &self.options.features)
        {
            view.error_at(problems, "expr", format!("not a PromQL query: {error}"));
        }
        self.check_names(view, "labels", problems);
        self.check_names(view, "annotations", problems);
        let record = view.text("record");
        let kind = if record.is_empty() {
            let name = view.text("alert");
            check_templates(view, name, &self.functions, problems);
            RuleKind::Alert {
                name: name.to_owned(),
                for_ms: view.duration_ms("for"),
                keep_firing_for_ms: view.duration_ms("keep_firing_for"),
                annotations: view.text_map("annotations"),
            }
        } else {
            self.check_metric_name(view, record, problems);
            RuleKind::Record {
                name: record.to_owned(),
            }
        };
        RuleSettings {
            kind,
            expr: expr.to_owned(),
            labels: view.text_map("labels"),
            line: view.position().line,
        }
    }

    fn check_metric_name(&self, view: &View<'_>, name: &str, problems: &mut Problems) {
        if self.options.names == NameValidation::Legacy && !is_legacy_metric_name(name) {
            view.error_at(
                problems,
                "record",
                format!(
                    "{:?} is not the name of a metric under metric_name_validation_scheme legacy: \
                     want letters, digits, _ and :, no digit first",
                    short(name)
                ),
            );
        }
    }

    fn check_names(&self, view: &View<'_>, key: &str, problems: &mut Problems) {
        if self.options.names != NameValidation::Legacy {
            return;
        }
        for (name, node) in view.entries(key) {
            if !name.is_empty() && !is_legacy_label_name(name) {
                let message = format!(
                    "{:?} is not the name of a label under metric_name_validation_scheme legacy: \
                     want letters, digits and _, no digit first",
                    short(name)
                );
                problems.error(&view.origin.file, node.position, &node.path, message);
            }
        }
    }
}

/// Notes the labels and annotations of an alert that are no templates.
pub(crate) fn check_templates(
    view: &View<'_>,
    alert: &str,
    functions: &Functions,
    problems: &mut Problems,
) {
    for (_, node) in view.entries("labels").chain(view.entries("annotations")) {
        check_template(node, view, alert, functions, problems);
    }
}

/// Notes a text that is no template.
pub(crate) fn check_template(
    node: &Node,
    view: &View<'_>,
    alert: &str,
    functions: &Functions,
    problems: &mut Problems,
) {
    let text = crate::view::node_text(node);
    if !text.contains("{{") {
        return;
    }
    let mut set = TemplateSet::new(Mode::Text);
    let name = format!("__alert_{}", short(alert));
    if let Err(error) = set.parse_with(&name, &text, &RULE_VARIABLES, functions) {
        problems.error(
            &view.origin.file,
            node.position,
            &node.path,
            error.to_string(),
        );
    }
}
