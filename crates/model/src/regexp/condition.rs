//! Conditions on a text: patterns of which nobody asks the groups, and of which few need an
//! automaton.

use super::parse::{ANY, Node, Parsed};
use super::{Regexp, RegexpError, parse_pattern};

/// Memory that `(a|b)(c|d)` may be multiplied out to: about 300 short strings, chosen as in
/// Prometheus. A plain list of choices has no limit.
const PRODUCT_BYTES_MAX: usize = 16 << 10;

/// What a pattern comes down to.
#[derive(Debug)]
pub(crate) enum Condition {
    /// One of these strings, sorted for binary search: by far the most frequent.
    OneOf(Vec<String>),
    /// `.*`
    Anything,
    /// `.+`
    NotEmpty,
    /// `literal.*`
    Prefix(String),
    /// What needs an automaton.
    Regexp(Regexp),
}

impl Condition {
    /// As [`Regexp::anchored`], without an automaton where none is needed.
    pub(crate) fn compile(pattern: &str) -> Result<Self, RegexpError> {
        let parsed = parse_pattern(pattern)?;
        match Self::without_automaton(&parsed) {
            Some(condition) => Ok(condition),
            None => Regexp::build(pattern, parsed).map(Self::Regexp),
        }
    }

    fn without_automaton(parsed: &Parsed) -> Option<Self> {
        let node = &parsed.node;
        let mut budget = PRODUCT_BYTES_MAX;
        if let Some(mut literals) = literals(node, &mut budget) {
            literals.sort_unstable();
            literals.dedup();
            return Some(Self::OneOf(literals));
        }
        if let Some(min) = any_from(node) {
            return Some(match min {
                0 => Self::Anything,
                _ => Self::NotEmpty,
            });
        }
        match node {
            Node::Concat(parts) => match parts.as_slice() {
                [Node::Literal { text, fold: false }, last] if any_from(last) == Some(0) => {
                    Some(Self::Prefix(text.clone()))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether the pattern matches the whole text.
    pub(crate) fn matches(&self, text: &str) -> bool {
        match self {
            Self::OneOf(literals) => match literals.as_slice() {
                [one] => one == text,
                many => many.binary_search_by(|l| l.as_str().cmp(text)).is_ok(),
            },
            Self::Anything => true,
            Self::NotEmpty => !text.is_empty(),
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
            Self::Regexp(regexp) => regexp.is_match(text),
        }
    }
}

/// The least length where a pattern is any text of at least 0 or 1 characters.
fn any_from(node: &Node) -> Option<u32> {
    match node {
        Node::Group { inner, .. } => any_from(inner),
        Node::Repeat {
            inner,
            min: min @ 0..=1,
            max: None,
            ..
        } if matches!(&**inner, Node::Leaf(text) if text == ANY) => Some(*min),
        _ => None,
    }
}

/// All strings that a pattern matches, or `None` where they are many. `budget` is how many bytes
/// products may still take.
fn literals(node: &Node, budget: &mut usize) -> Option<Vec<String>> {
    match node {
        Node::Literal { text, fold: false } => Some(vec![text.clone()]),
        Node::Literal { fold: true, .. } | Node::Leaf(_) => None,
        Node::Group { inner, .. } => literals(inner, budget),
        Node::Repeat {
            inner,
            min: 0,
            max: Some(1),
            ..
        } => {
            let mut found = literals(inner, budget)?;
            found.push(String::new());
            Some(found)
        }
        Node::Repeat { .. } => None,
        Node::Alternate(choices) => {
            let mut found = Vec::with_capacity(choices.len());
            for choice in choices {
                found.append(&mut literals(choice, budget)?);
            }
            Some(found)
        }
        Node::Concat(parts) => {
            let mut found = vec![String::new()];
            for part in parts {
                let tails = literals(part, budget)?;
                found = product(found, &tails, budget)?;
            }
            Some(found)
        }
    }
}

/// Each of the heads with each of the tails.
fn product(heads: Vec<String>, tails: &[String], budget: &mut usize) -> Option<Vec<String>> {
    if let ([head], [tail]) = (heads.as_slice(), tails) {
        return Some(vec![format!("{head}{tail}")]);
    }
    let bytes = |list: &[String]| -> usize { list.iter().map(String::len).sum() };
    let total = heads.len() * tails.len() * size_of::<String>()
        + bytes(&heads) * tails.len()
        + bytes(tails) * heads.len();
    *budget = budget.checked_sub(total)?;
    let joined = heads
        .iter()
        .flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}")));
    Some(joined.collect())
}
