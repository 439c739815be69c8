//! Relabelling rules.

use std::sync::LazyLock;

use bellwether_model::relabel::{Action, Rule};
use bellwether_model::utf8_name::is_legacy_label_name;
use bellwether_scrape::settings::NameValidation;
use regex::Regex;

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;
use crate::yaml::shortened;

const ACTIONS: [(&str, Action); 11] = [
    ("replace", Action::Replace),
    ("keep", Action::Keep),
    ("drop", Action::Drop),
    ("keepequal", Action::KeepEqual),
    ("dropequal", Action::DropEqual),
    ("hashmod", Action::HashMod),
    ("labelmap", Action::LabelMap),
    ("labeldrop", Action::LabelDrop),
    ("labelkeep", Action::LabelKeep),
    ("lowercase", Action::Lowercase),
    ("uppercase", Action::Uppercase),
];

const ACTION_NAMES: &[&str] = &[
    "replace",
    "keep",
    "drop",
    "keepequal",
    "dropequal",
    "hashmod",
    "labelmap",
    "labeldrop",
    "labelkeep",
    "lowercase",
    "uppercase",
];

const SEPARATOR: &str = ";";
const REPLACEMENT: &str = "$1";

pub(crate) static RELABEL: Section = Section {
    name: "relabel_config",
    doc: "A rule that rewrites, keeps or drops a set of labels. Rules run in order.",
    fields: &[
        Field::new(
            "source_labels",
            Kind::List(&Kind::LabelName),
            "",
            "Labels whose values are joined and matched.",
        ),
        Field::new(
            "separator",
            Kind::Text,
            SEPARATOR,
            "What stands between the joined values.",
        ),
        Field::new(
            "regex",
            Kind::Regex,
            "(.*)",
            "What the joined values, or the label names, must match as a whole.",
        ),
        Field::new(
            "modulus",
            Kind::Integer {
                min: 0,
                max: i64::MAX,
            },
            "0",
            "What the hash is divided by (hashmod).",
        ),
        Field::new(
            "target_label",
            Kind::Text,
            "",
            "The label that is written; may hold $1 (replace).",
        ),
        Field::new(
            "replacement",
            Kind::Text,
            REPLACEMENT,
            "What is written; may hold $1.",
        ),
        Field::new(
            "action",
            Kind::OneOfAnyCase(ACTION_NAMES),
            "replace",
            "What the rule does.",
        ),
    ],
    includes: &[],
    check: None,
};

/// What a legacy target label with variables in it may look like.
static LEGACY_TEMPLATE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$").expect("the pattern is constant")
});

/// Whether a label name is taken under a scheme.
pub(crate) fn is_label_name(name: &str, names: NameValidation) -> bool {
    match names {
        NameValidation::Utf8 => !name.is_empty(),
        NameValidation::Legacy => is_legacy_label_name(name),
    }
}

fn is_label_template(text: &str, names: NameValidation) -> bool {
    match names {
        NameValidation::Utf8 => !text.is_empty(),
        NameValidation::Legacy => LEGACY_TEMPLATE.is_match(text),
    }
}

/// Decodes the list of rules at a key; rules that make no sense are reported and left out.
pub(crate) fn decode_rules(
    view: &View<'_>,
    key: &str,
    names: NameValidation,
    problems: &mut Problems,
) -> Vec<Rule> {
    view.sections(key)
        .iter()
        .filter_map(|rule| decode_rule(rule, names, problems))
        .collect()
}

fn decode_rule(view: &View<'_>, names: NameValidation, problems: &mut Problems) -> Option<Rule> {
    let action_name = view.text("action").to_ascii_lowercase();
    let action = ACTIONS
        .iter()
        .find(|(name, _)| *name == action_name)
        .map(|(_, action)| *action)?;
    // A key with nothing behind it means the empty text here, not the default.
    let text = |key: &str| {
        if view.is_written(key) && view.node_of(key).is_none() {
            ""
        } else {
            view.text(key)
        }
    };
    let regex_text = text("regex");
    let rule = Rule {
        source_labels: view.texts("source_labels"),
        separator: text("separator").to_owned(),
        regex_text: regex_text.to_owned(),
        regex: Rule::compile(regex_text).ok()?,
        modulus: view.count("modulus"),
        target_label: view.text("target_label").to_owned(),
        replacement: text("replacement").to_owned(),
        action,
    };
    match fault(&rule, view, names, &action_name) {
        None => Some(rule),
        Some((key, message)) => {
            view.error_at(problems, key, message);
            None
        }
    }
}

/// The first thing that is wrong with a rule, and the key it concerns.
fn fault(
    rule: &Rule,
    view: &View<'_>,
    names: NameValidation,
    action_name: &str,
) -> Option<(&'static str, String)> {
    use Action::{
        DropEqual, HashMod, KeepEqual, LabelDrop, LabelKeep, LabelMap, Lowercase, Replace,
        Uppercase,
    };
    let action = rule.action;
    let target = &rule.target_label;
    let has_target = matches!(
        action,
        Replace | HashMod | Lowercase | Uppercase | KeepEqual | DropEqual
    );
    let is_bare = matches!(action, Lowercase | Uppercase | KeepEqual | DropEqual);
    if action == HashMod && rule.modulus == 0 {
        return Some((
            "modulus",
            "action hashmod needs a modulus of at least 1".to_owned(),
        ));
    }
    if has_target && target.is_empty() {
        return Some((
            "target_label",
            format!("action {action_name} needs a target_label"),
        ));
    }
    let is_template = action == Replace && target.contains('$');
    let target_is_right = if is_template {
        is_label_template(target, names)
    } else {
        is_label_name(target, names)
    };
    if has_target && !target_is_right {
        return Some((
            "target_label",
            format!(
                "{:?} is not a label name that action {action_name} can write",
                shortened(target)
            ),
        ));
    }
    if is_bare && rule.replacement != REPLACEMENT {
        return Some((
            "replacement",
            format!("action {action_name} takes no replacement"),
        ));
    }
    if action == LabelMap && !is_label_template(&rule.replacement, names) {
        return Some((
            "replacement",
            format!(
                "{:?} is not a label name that action labelmap can write",
                shortened(&rule.replacement)
            ),
        ));
    }
    let others = |key: &'static str, is_other: bool| is_other.then_some(key);
    let unwanted = match action {
        DropEqual | KeepEqual => others("regex", view.is_written("regex"))
            .or(others("modulus", rule.modulus != 0))
            .or(others("separator", rule.separator != SEPARATOR)),
        LabelDrop | LabelKeep => others("source_labels", view.node_of("source_labels").is_some())
            .or(others("target_label", !target.is_empty()))
            .or(others("modulus", rule.modulus != 0))
            .or(others("separator", rule.separator != SEPARATOR))
            .or(others("replacement", rule.replacement != REPLACEMENT)),
        _ => None,
    };
    unwanted.map(|key| {
        let wanted = if matches!(action, DropEqual | KeepEqual) {
            "source_labels and target_label"
        } else {
            "regex"
        };
        (key, format!("action {action_name} takes only {wanted}"))
    })
}
