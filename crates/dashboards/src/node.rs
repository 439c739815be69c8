//! A tree of texts, lists and mappings that knows where it stands: what YAML and JSON have in common.
//!
//! ## Limits
//! Texts are read from bounded sources only: JSON has at most [`JSON_BYTES_MAX`] bytes and serde_json's 128 levels;
//! YAML is bounded by whoever parses it.

use std::fmt::Write as _;

use serde_json::Value;

/// Most bytes of a text of JSON. Chosen: five times the largest dashboard that we have seen.
pub const JSON_BYTES_MAX: usize = 8 << 20;

/// A place in a file. Line and column count from 1; 0 where nothing is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: NodeValue,
    /// Where it begins.
    pub place: Place,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// A text, or what stands without quotes: a number, a truth value, nothing.
    Scalar {
        /// The text, without quotes.
        text: String,
        /// Whether it stood without quotes.
        is_plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file; keys are unique.
    Mapping(Vec<(String, Node)>),
}

impl Node {
    /// A node at no place.
    #[must_use]
    pub fn new(value: NodeValue) -> Self {
        Self {
            value,
            place: Place::default(),
        }
    }

    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(NodeValue::Scalar {
            text: text.into(),
            is_plain: false,
        })
    }

    /// A number or truth value.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(NodeValue::Scalar {
            text: text.into(),
            is_plain: true,
        })
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, NodeValue::Scalar { text, is_plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value of a key, where this is a mapping that has it with something in it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            NodeValue::Mapping(entries) => entries
                .iter()
                .find(|(known, value)| known == key && !value.is_null())
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// What it is, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            _ if self.is_null() => "nothing".to_owned(),
            NodeValue::Scalar { text, .. } => format!("{:?}", bellwether_model::short(text)),
            NodeValue::List(_) => "a list".to_owned(),
            NodeValue::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// A tree of JSON. Its depth is bounded by whoever parsed it.
    #[must_use]
    pub fn of_json(value: &Value) -> Self {
        match value {
            Value::Null => Self::plain("null"),
            Value::Bool(is) => Self::plain(is.to_string()),
            Value::Number(number) => Self::plain(number.to_string()),
            Value::String(text) => Self::text(text),
            Value::Array(items) => {
                Self::new(NodeValue::List(items.iter().map(Self::of_json).collect()))
            }
            Value::Object(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), Self::of_json(value)));
                Self::new(NodeValue::Mapping(entries.collect()))
            }
        }
    }

    /// The same as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.value {
            NodeValue::Scalar {
                text,
                is_plain: true,
            } => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.clone())),
            NodeValue::Scalar { text, .. } => Value::String(text.clone()),
            NodeValue::List(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            NodeValue::Mapping(entries) => {
                let entries = entries
                    .iter()
                    .map(|(key, value)| (key.clone(), value.to_json()));
                Value::Object(entries.collect())
            }
        }
    }

    /// The same as YAML, each entry on a line of its own but short lists of scalars.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        match &self.value {
            NodeValue::Mapping(entries) if !entries.is_empty() => {
                write_mapping(&mut out, entries, 0)
            }
            NodeValue::List(items) if !items.is_empty() => write_list(&mut out, items, 0),
            _ => {
                write_flow(&mut out, self);
                out.push('\n');
            }
        }
        out
    }
}

/// Characters of a list or mapping of scalars that stands on one line. Chosen.
const FLOW_CHARS_MAX: usize = 90;

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn write_mapping(out: &mut String, entries: &[(String, Node)], depth: usize) {
    for (index, (key, value)) in entries.iter().enumerate() {
        // The first entry of an item stands behind its dash.
        if index > 0 || !out.ends_with("- ") {
            indent(out, depth);
        }
        write_text(out, key);
        out.push(':');
        write_below(out, value, depth + 1);
    }
}

fn write_list(out: &mut String, items: &[Node], depth: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 || !out.ends_with("- ") {
            indent(out, depth);
        }
        out.push_str("- ");
        match &item.value {
            _ if as_flow(item).is_some() => write_flow_line(out, item),
            NodeValue::Mapping(entries) if !entries.is_empty() => {
                write_mapping(out, entries, depth + 1);
            }
            NodeValue::List(items) if !items.is_empty() => write_list(out, items, depth + 1),
            _ => write_scalar_line(out, item, depth + 1),
        }
    }
}

/// Writes what stands behind a key.
fn write_below(out: &mut String, value: &Node, depth: usize) {
    match &value.value {
        _ if as_flow(value).is_some() => {
            out.push(' ');
            write_flow_line(out, value);
        }
        NodeValue::Mapping(entries) if !entries.is_empty() => {
            out.push('\n');
            write_mapping(out, entries, depth);
        }
        NodeValue::List(items) if !items.is_empty() => {
            out.push('\n');
            write_list(out, items, depth);
        }
        _ => {
            out.push(' ');
            write_scalar_line(out, value, depth);
        }
    }
}

/// A list or mapping that fits on one line.
fn as_flow(node: &Node) -> Option<String> {
    let is_flat = match &node.value {
        NodeValue::Scalar { .. } => false,
        NodeValue::List(items) => items
            .iter()
            .all(|item| matches!(item.value, NodeValue::Scalar { .. })),
        NodeValue::Mapping(entries) => {
            entries.len() <= 5
                && entries
                    .iter()
                    .all(|(_, value)| matches!(value.value, NodeValue::Scalar { .. }))
        }
    };
    if !is_flat {
        return None;
    }
    let mut out = String::new();
    write_flow(&mut out, node);
    (out.chars().count() <= FLOW_CHARS_MAX && !out.contains('\n')).then_some(out)
}

fn write_flow_line(out: &mut String, node: &Node) {
    if let Some(text) = as_flow(node) {
        out.push_str(&text);
    }
    out.push('\n');
}

fn write_flow(out: &mut String, node: &Node) {
    match &node.value {
        NodeValue::Scalar {
            text,
            is_plain: true,
        } => out.push_str(text),
        NodeValue::Scalar { text, .. } => write_text(out, text),
        NodeValue::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_flow(out, item);
            }
            out.push(']');
        }
        NodeValue::Mapping(entries) => {
            out.push('{');
            for (index, (key, value)) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { " " });
                write_text(out, key);
                out.push_str(": ");
                write_flow(out, value);
            }
            out.push_str(if entries.is_empty() { "}" } else { " }" });
        }
    }
}

fn write_scalar_line(out: &mut String, node: &Node, depth: usize) {
    match &node.value {
        NodeValue::Scalar {
            text,
            is_plain: false,
        } if is_block(text) => {
            out.push_str(if text.ends_with('\n') { "|\n" } else { "|-\n" });
            for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
                if !line.is_empty() {
                    indent(out, depth);
                    out.push_str(line);
                }
                out.push('\n');
            }
        }
        _ => {
            write_flow(out, node);
            out.push('\n');
        }
    }
}

/// Whether a text reads as itself from a block: several lines, none of which begins or ends with what is lost.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && body.starts_with(|c: char| !c.is_whitespace())
        && body.ends_with(|c: char| !c.is_whitespace())
        && body
            .chars()
            .all(|c| c == '\n' || (is_printable(c) && c != '\u{85}'))
        && body
            .split('\n')
            .all(|line| !line.ends_with([' ', '\t']) && !line.starts_with('\t'))
}

fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{10000}'..='\u{10ffff}')
}

/// A text with quotes where it needs them.
fn write_text(out: &mut String, text: &str) {
    if is_bare(text) {
        out.push_str(text);
    } else if text.chars().all(is_printable) {
        out.push('\'');
        out.push_str(&text.replace('\'', "''"));
        out.push('\'');
    } else {
        out.push('"');
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                c if is_printable(c) => out.push(c),
                c => {
                    // Writing into a String cannot fail.
                    let _infallible = write!(out, "\\U{:08X}", u32::from(c));
                }
            }
        }
        out.push('"');
    }
}

/// Whether a text reads as itself without quotes, in every place and version of YAML.
fn is_bare(text: &str) -> bool {
    const WORDS: [&str; 10] = [
        "y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan",
    ];
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !text.ends_with(' ')
        && text.bytes().all(|b| {
            b.is_ascii_alphanumeric()
                || matches!(b, b'_' | b'-' | b'.' | b'/' | b' ' | b'(' | b')' | b'+')
        })
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}
