//! YAML as a tree of nodes that know where they stand.
//!
//! ## Model
//! A [`Node`] is a scalar, a list or a mapping, with its position in the file and its path from
//! the root. Scalars keep the text as written and whether it was quoted; what the text *means*
//! (a number, a duration, a secret) is decided by the table that the node is checked against.
//! That is how Prometheus reads it too: `job_name: 1` is the name `1`.
//!
//! ## Invariants
//! Aliases and merge keys (`<<`) are already expanded. Keys are unique; a merged key never wins
//! over one that is written in the mapping itself. Only the first document of a file is read, but
//! by [`read_all`].
//!
//! ## Limits
//! [`SOURCE_BYTES_MAX`], [`DEPTH_MAX`], [`NODES_MAX`] and [`KEY_BYTES_MAX`] bound what a file can
//! cost, aliases of aliases included. All are chosen: ten times the largest configuration that we
//! have seen (20,000 targets, some 60,000 nodes).
//!
//! ## Failure
//! A file that is not YAML gives one [`YamlError`], since nothing after it can be trusted; keys
//! that are there twice give one each.

mod reader;

use std::fmt;
use std::sync::Arc;

pub use reader::{
    DEPTH_MAX, Document, KEY_BYTES_MAX, NODES_MAX, SOURCE_BYTES_MAX, YamlError, read, read_all,
};

/// A place in a file. Line and column count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// The way from the root of a file to a node: `scrape_configs[0].job_name`. Empty for the root.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct NodePath(Option<Arc<PathPart>>);

#[derive(PartialEq, Eq)]
struct PathPart {
    parent: NodePath,
    step: Step,
}

#[derive(PartialEq, Eq)]
enum Step {
    Key(Arc<str>),
    Index(usize),
}

impl NodePath {
    /// The path of a value in this mapping.
    #[must_use]
    pub fn key(&self, key: impl Into<Arc<str>>) -> Self {
        self.step(Step::Key(key.into()))
    }

    /// The path of an item of this list.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    fn step(&self, step: Step) -> Self {
        Self(Some(Arc::new(PathPart {
            parent: self.clone(),
            step,
        })))
    }
}

impl fmt::Display for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(part) = &self.0 else { return Ok(()) };
        part.parent.fmt(f)?;
        let is_first = part.parent.0.is_none();
        match &part.step {
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) if is_plain_key(key) => {
                write!(f, "{}{key}", if is_first { "" } else { "." })
            }
            Step::Key(key) => write!(f, "[{key:?}]"),
        }
    }
}

impl fmt::Debug for NodePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn is_plain_key(key: &str) -> bool {
    !key.is_empty()
        && key
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// A scalar as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar {
    /// Its text, without quotes.
    pub text: Arc<str>,
    /// Whether it stands without quotes, so that `5` may be a number.
    pub is_plain: bool,
    /// What was written, where that is `!!binary` and not UTF-8; the text only resembles it then.
    pub bytes: Option<Arc<[u8]>>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeValue {
    /// A text, number, truth value or nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Mapping(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// Where the key stands.
    pub position: Position,
    /// The value.
    pub value: Node,
}

/// A node of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub value: NodeValue,
    /// Where it begins.
    pub position: Position,
    /// The way to it.
    pub path: NodePath,
}

impl Node {
    fn new(value: NodeValue, position: Position) -> Self {
        Self {
            value,
            position,
            path: NodePath::default(),
        }
    }

    /// An unquoted scalar, for values that are filled in.
    #[must_use]
    pub fn plain(text: impl Into<Arc<str>>) -> Self {
        Self::new(
            NodeValue::Scalar(Scalar {
                text: text.into(),
                is_plain: true,
                bytes: None,
            }),
            Position::default(),
        )
    }

    /// A quoted scalar, for values that are filled in.
    #[must_use]
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::new(
            NodeValue::Scalar(Scalar {
                text: text.into(),
                is_plain: false,
                bytes: None,
            }),
            Position::default(),
        )
    }

    /// Whether nothing was written: an empty value, `null` or `~`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.value, NodeValue::Scalar(scalar)
            if scalar.is_plain && matches!(&*scalar.text, "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value of a key, where this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            NodeValue::Mapping(entries) => entries
                .iter()
                .find(|entry| &*entry.key == key)
                .map(|entry| &entry.value),
            _ => None,
        }
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        match &mut self.value {
            NodeValue::Mapping(entries) => entries
                .iter_mut()
                .find(|entry| &*entry.key == key)
                .map(|entry| &mut entry.value),
            _ => None,
        }
    }

    /// Sets a key of a mapping; does nothing where this is none.
    pub fn set(&mut self, key: &str, value: Self) {
        let NodeValue::Mapping(entries) = &mut self.value else {
            return;
        };
        match entries.iter_mut().find(|entry| &*entry.key == key) {
            Some(entry) => entry.value = value,
            None => entries.push(Entry {
                key: Arc::from(key),
                position: Position::default(),
                value,
            }),
        }
    }

    /// What the node is, for people: `a list`, `a mapping`, `"abc"`, `nothing`.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.value {
            _ if self.is_null() => "nothing".to_owned(),
            NodeValue::Scalar(Scalar {
                bytes: Some(bytes), ..
            }) => format!("{:?}", Hex(bytes)),
            NodeValue::Scalar(scalar) => format!("{:?}", shortened(&scalar.text)),
            NodeValue::List(_) => "a list".to_owned(),
            NodeValue::Mapping(_) => "a mapping".to_owned(),
        }
    }

    fn assign_paths(&mut self, path: NodePath) {
        match &mut self.value {
            NodeValue::Scalar(_) => {}
            NodeValue::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    item.assign_paths(path.index(index));
                }
            }
            NodeValue::Mapping(entries) => {
                for entry in entries {
                    entry.value.assign_paths(path.key(Arc::clone(&entry.key)));
                }
            }
        }
        self.path = path;
    }
}

/// A text short enough for a message.
#[must_use]
pub fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 120;
    if text.chars().count() <= CHARS_MAX {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(CHARS_MAX).collect();
    short.push('…');
    short
}

struct Hex<'a>(&'a [u8]);

impl fmt::Debug for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for byte in self.0.iter().take(32) {
            write!(f, "\\x{byte:02x}")?;
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_know_their_place() {
        let tree = read("a:\n  - b: 1\n    'c.d': [x, y]\n").unwrap().root;
        let NodeValue::List(items) = &tree.get("a").unwrap().value else {
            panic!("not a list")
        };
        let c = items[0].get("c.d").unwrap();
        assert_eq!(c.path.to_string(), "a[0][\"c.d\"]");
        assert_eq!(
            c.position,
            Position {
                line: 3,
                column: 12
            }
        );
        let b = items[0].get("b").unwrap();
        assert_eq!(b.path.to_string(), "a[0].b");
        assert_eq!(b.position, Position { line: 2, column: 8 });
    }

    #[test]
    fn quotes_decide_what_is_null() {
        let tree = read("a:\nb: ''\nc: ~\nd: null\ne: \"null\"\n")
            .unwrap()
            .root;
        let nulls: Vec<bool> = ["a", "b", "c", "d", "e"]
            .iter()
            .map(|key| tree.get(key).unwrap().is_null())
            .collect();
        assert_eq!(nulls, [true, false, true, true, false]);
    }
}
