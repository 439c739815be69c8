//! Conditions on labels, in the old notation and the new one.

use bellwether_model::utf8_name::is_legacy_label_name;
use bellwether_model::{MatchOp, Matcher, short};
use bellwether_notify::parse_matchers;

use crate::problem::Problems;
use crate::view::{View, node_text};
use crate::yaml::{Node, shortened};

/// The keys that conditions stand under.
pub(super) struct MatcherKeys {
    /// Names and values that must be equal.
    pub(super) equal: &'static str,
    /// Names and patterns.
    pub(super) regex: &'static str,
    /// Matchers as texts.
    pub(super) matchers: &'static str,
}

/// Decodes what stands under three keys into one list.
pub(super) fn decode_matchers(
    view: &View<'_>,
    keys: &MatcherKeys,
    problems: &mut Problems,
) -> Vec<Matcher> {
    let mut matchers = Vec::new();
    for (key, op) in [(keys.equal, MatchOp::Equal), (keys.regex, MatchOp::Regex)] {
        for (name, node) in view.entries(key) {
            match old_matcher(name, op, node) {
                Ok(matcher) => matchers.push(matcher),
                Err(message) => {
                    problems.error(&view.origin.file, node.position, &node.path, message);
                }
            }
        }
    }
    for item in view.items(keys.matchers) {
        match parse_matchers(&node_text(item)) {
            Ok(parsed) => matchers.extend(parsed),
            Err(error) => problems.error(
                &view.origin.file,
                item.position,
                &item.path,
                error.to_string(),
            ),
        }
    }
    matchers
}

/// The old notation takes plain names only.
fn old_matcher(name: &str, op: MatchOp, node: &Node) -> Result<Matcher, String> {
    if !is_legacy_label_name(name) {
        return Err(format!(
            "{:?} is not a plain label name: want letters, digits and _, no digit first; other \
             names can stand in matchers",
            short(name)
        ));
    }
    if op == MatchOp::Regex && node.is_null() {
        return Err("is empty: want a regular expression".to_owned());
    }
    let text = node_text(node);
    Matcher::new(name, op, &*text).map_err(|error| {
        let reason = error.reason;
        format!(
            "{:?} is not a regular expression: {reason}",
            shortened(&text)
        )
    })
}
