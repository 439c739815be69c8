//! Rules of inhibition.

use bellwether_notify::InhibitRule;

use super::matchers::{MatcherKeys, decode_matchers};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};

pub(super) static INHIBIT_RULE: Section = Section {
    name: "inhibit_rule",
    doc: "Alerts that match the source side keep those that match the target side from being sent.",
    fields: &[
        Field::new("name", Kind::Text, "", "What the rule is called."),
        Field::new(
            "source_matchers",
            Kind::List(&Kind::Text),
            "",
            "What alerts that inhibit satisfy.",
        ),
        Field::new(
            "source_match",
            Kind::Map(&Kind::Text),
            "",
            "Labels and values of alerts that inhibit.",
        )
        .deprecated("use source_matchers"),
        Field::new(
            "source_match_re",
            Kind::Map(&Kind::Text),
            "",
            "Labels and patterns of alerts that inhibit.",
        )
        .deprecated("use source_matchers"),
        Field::new(
            "target_matchers",
            Kind::List(&Kind::Text),
            "",
            "What alerts that are inhibited satisfy.",
        ),
        Field::new(
            "target_match",
            Kind::Map(&Kind::Text),
            "",
            "Labels and values of alerts that are inhibited.",
        )
        .deprecated("use target_matchers"),
        Field::new(
            "target_match_re",
            Kind::Map(&Kind::Text),
            "",
            "Labels and patterns of alerts that are inhibited.",
        )
        .deprecated("use target_matchers"),
        Field::new(
            "equal",
            Kind::List(&Kind::Text),
            "",
            "Labels whose values must be the same on both sides.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        for item in view.items("equal") {
            if node_text(item).is_empty() {
                problems.error(
                    &view.origin.file,
                    item.position,
                    &item.path,
                    "\"\" is not a label name: want a text that is not empty",
                );
            }
        }
    }),
};

const SOURCE: MatcherKeys = MatcherKeys {
    equal: "source_match",
    regex: "source_match_re",
    matchers: "source_matchers",
};
const TARGET: MatcherKeys = MatcherKeys {
    equal: "target_match",
    regex: "target_match_re",
    matchers: "target_matchers",
};

pub(super) fn decode_inhibit_rule(view: &View<'_>, problems: &mut Problems) -> InhibitRule {
    InhibitRule {
        name: view.text("name").to_owned(),
        source_matchers: decode_matchers(view, &SOURCE, problems),
        target_matchers: decode_matchers(view, &TARGET, problems),
        equal: view.texts("equal"),
    }
}
