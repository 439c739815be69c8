//! Rule files: groups of recording and alerting rules.

use bellwether_model::METRIC_NAME;

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;

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
    check: Some(|view, problems| {
        let groups = view.sections("groups");
        for (index, group) in groups.iter().enumerate() {
            let name = group.text("name");
            if groups
                .iter()
                .take(index)
                .any(|earlier| earlier.text("name") == name)
            {
                group.error_at(
                    problems,
                    "name",
                    format!(
                        "{name:?} is the name of another group of this file: names must be unique"
                    ),
                );
            }
        }
    }),
};

static GROUP: Section = Section {
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
                    format!("{name:?} is not the name of a series: labels go under labels"),
                );
            }
            for key in view.set_among(&["for", "keep_firing_for", "annotations"]) {
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

/// Reports queries of a rule file that are not PromQL, and counts the rules.
pub(crate) fn check_queries(
    file: &View<'_>,
    features: &bellwether_promql::Features,
    problems: &mut Problems,
) -> usize {
    let mut rule_count = 0;
    for group in file.sections("groups") {
        for rule in group.sections("rules") {
            rule_count += 1;
            let query = rule.text("expr");
            if query.is_empty() {
                continue;
            }
            if let Err(error) = bellwether_promql::parse(query, features) {
                rule.error_at(problems, "expr", format!("not a PromQL query: {error}"));
            }
        }
    }
    rule_count
}
