//! Typed access to one section of a file, with the defaults of its table.
//!
//! ## Invariants
//! A value that is absent, or that was already reported as wrong, reads as its default, so that
//! the decoders never fail and every problem of a file is found in one pass.

use std::path::{Path, PathBuf};

use bellwether_model::time::parse_duration;
use bellwether_outbound::settings::{Secret, SecretSource};
use url::Url;

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::size::parse_size;
use crate::values::{parse_bool, parse_go_duration, parse_integer, parse_url};
use crate::yaml::{Node, NodePath, NodeValue, Position};

/// The file that a node came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Its name in messages.
    pub file: String,
    /// The folder that relative paths in it start from.
    pub folder: PathBuf,
}

impl Origin {
    /// A path of the file: joined with its folder unless it is absolute; empty stays empty.
    #[must_use]
    pub fn join(&self, path: &str) -> PathBuf {
        if path.is_empty() || Path::new(path).is_absolute() {
            return PathBuf::from(path);
        }
        self.folder.join(path)
    }
}

/// One section of a file, or its absence.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The mapping; none where the section is absent or empty.
    pub node: Option<&'a Node>,
    /// Its table.
    pub section: &'static Section,
    /// The file.
    pub origin: &'a Origin,
}

impl<'a> View<'a> {
    /// A view of a node through a table.
    #[must_use]
    pub fn new(node: Option<&'a Node>, section: &'static Section, origin: &'a Origin) -> Self {
        Self {
            node: node.filter(|node| matches!(node.value, NodeValue::Mapping(_))),
            section,
            origin,
        }
    }

    fn field(&self, key: &str) -> Option<&'static Field> {
        let field = self.section.field(key);
        debug_assert!(field.is_some(), "{} has no field {key}", self.section.name);
        field
    }

    /// The node of a key, where something is written there.
    #[must_use]
    pub fn node_of(&self, key: &str) -> Option<&'a Node> {
        self.node
            .and_then(|node| node.get(key))
            .filter(|node| !node.is_null())
    }

    /// Whether the key is there, even with nothing as its value.
    #[must_use]
    pub fn is_written(&self, key: &str) -> bool {
        self.node.and_then(|node| node.get(key)).is_some()
    }

    /// Whether something that is not empty is written.
    #[must_use]
    pub fn is_set(&self, key: &str) -> bool {
        self.node_of(key).is_some_and(|node| match &node.value {
            NodeValue::Scalar(scalar) => !scalar.text.is_empty(),
            NodeValue::List(items) => !items.is_empty(),
            NodeValue::Mapping(_) => true,
        })
    }

    /// Those of the keys that are set.
    #[must_use]
    pub fn set_among(&self, keys: &[&'static str]) -> Vec<&'static str> {
        keys.iter()
            .copied()
            .filter(|key| self.is_set(key))
            .collect()
    }

    /// Where the section begins, or nothing where it is absent.
    #[must_use]
    pub fn position(&self) -> Position {
        self.node.map(|node| node.position).unwrap_or_default()
    }

    /// The way to the section.
    #[must_use]
    pub fn path(&self) -> NodePath {
        self.node.map(|node| node.path.clone()).unwrap_or_default()
    }

    /// Notes an error at the section.
    pub fn error(&self, problems: &mut Problems, message: impl Into<String>) {
        problems.error(&self.origin.file, self.position(), &self.path(), message);
    }

    /// Notes an error at a key, or at the section where the key is absent.
    pub fn error_at(&self, problems: &mut Problems, key: &str, message: impl Into<String>) {
        match self.node.and_then(|node| node.get(key)) {
            Some(node) => {
                problems.error(&self.origin.file, node.position, &node.path, message);
            }
            None => problems.error(
                &self.origin.file,
                self.position(),
                &self.path().key(key),
                message,
            ),
        }
    }

    /// Notes something worth knowing at a key, or at the section where the key is absent.
    pub fn warn_at(&self, problems: &mut Problems, key: &str, message: impl Into<String>) {
        let node = self.node.and_then(|node| node.get(key));
        let position = node.map_or_else(|| self.position(), |node| node.position);
        let path = self.path().key(key);
        problems.warning(&self.origin.file, position, &path, message);
    }

    /// Notes an error where more than one of the keys is set.
    pub fn at_most_one(&self, problems: &mut Problems, keys: &[&'static str]) -> bool {
        let set = self.set_among(keys);
        if set.len() > 1 {
            self.error_at(
                problems,
                set[1],
                format!(
                    "{} are set: at most one of {} may be",
                    set.join(" and "),
                    keys.join(", ")
                ),
            );
            return false;
        }
        true
    }

    /// The text of a scalar; the default where none is written.
    #[must_use]
    pub fn text(&self, key: &str) -> &'a str {
        match self.node_of(key).map(|node| &node.value) {
            Some(NodeValue::Scalar(scalar)) => &scalar.text,
            _ => self.field(key).map_or("", |field| field.default),
        }
    }

    /// The same; none where it is empty.
    #[must_use]
    pub fn optional_text(&self, key: &str) -> Option<String> {
        Some(self.text(key))
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    }

    fn parsed<T>(&self, key: &str, parse: impl Fn(&str) -> Option<T>) -> Option<T> {
        parse(self.text(key)).or_else(|| parse(self.field(key)?.default))
    }

    /// A truth value; `false` where there is not even a default.
    #[must_use]
    pub fn bool(&self, key: &str) -> bool {
        self.parsed(key, parse_bool).unwrap_or(false)
    }

    /// A whole number; 0 where there is not even a default.
    #[must_use]
    pub fn integer(&self, key: &str) -> i64 {
        self.parsed(key, parse_integer).unwrap_or(0)
    }

    /// A whole number that cannot be negative.
    #[must_use]
    pub fn count(&self, key: &str) -> u64 {
        u64::try_from(self.integer(key)).unwrap_or(0)
    }

    /// The same as an index or length.
    #[must_use]
    pub fn length(&self, key: &str) -> usize {
        usize::try_from(self.integer(key)).unwrap_or(0)
    }

    /// A number; 0 where there is not even a default.
    #[must_use]
    pub fn float(&self, key: &str) -> f64 {
        self.parsed(key, |text| text.replace('_', "").parse().ok())
            .unwrap_or(0.0)
    }

    /// A duration in milliseconds; 0 where there is not even a default.
    #[must_use]
    pub fn duration_ms(&self, key: &str) -> i64 {
        self.parsed(key, |text| parse_duration(text).ok())
            .unwrap_or(0)
    }

    /// A duration in the notation of Go in milliseconds; 0 where there is not even a default.
    #[must_use]
    pub fn go_duration_ms(&self, key: &str) -> i64 {
        self.parsed(key, |text| parse_go_duration(text).ok())
            .unwrap_or(0)
    }

    /// A size in bytes; 0 where there is not even a default.
    #[must_use]
    pub fn size_bytes(&self, key: &str) -> u64 {
        self.parsed(key, |text| parse_size(text).ok()).unwrap_or(0)
    }

    /// A URL, where one is written.
    #[must_use]
    pub fn url(&self, key: &str) -> Option<Url> {
        let schemes = match self.field(key)?.kind {
            Kind::Url(schemes) | Kind::SecretUrl(schemes) => schemes,
            _ => &[],
        };
        self.parsed(key, |text| parse_url(text, schemes).ok())
    }

    /// The bytes of a scalar; none where nothing is written.
    #[must_use]
    pub fn bytes(&self, key: &str) -> Vec<u8> {
        match self.node_of(key).map(|node| &node.value) {
            Some(NodeValue::Scalar(scalar)) => match &scalar.bytes {
                Some(bytes) => bytes.to_vec(),
                None => scalar.text.as_bytes().to_vec(),
            },
            _ => Vec::new(),
        }
    }

    /// A path joined with the file's folder, where one is written.
    #[must_use]
    pub fn path_of(&self, key: &str) -> Option<PathBuf> {
        self.optional_text(key).map(|path| self.origin.join(&path))
    }

    /// A secret, where one is written.
    #[must_use]
    pub fn secret(&self, key: &str) -> Option<Secret> {
        self.optional_text(key).map(Secret::new)
    }

    /// A secret that stands in the file or in another one.
    #[must_use]
    pub fn secret_source(&self, inline_key: &str, file_key: &str) -> Option<SecretSource> {
        self.secret(inline_key)
            .map(SecretSource::Inline)
            .or_else(|| self.path_of(file_key).map(SecretSource::File))
    }

    /// The items of a list; none where it is absent.
    #[must_use]
    pub fn items(&self, key: &str) -> &'a [Node] {
        match self.node_of(key).map(|node| &node.value) {
            Some(NodeValue::List(items)) => items,
            _ => &[],
        }
    }

    /// The texts of a list.
    #[must_use]
    pub fn texts(&self, key: &str) -> Vec<String> {
        self.items(key).iter().map(node_text).collect()
    }

    /// The keys and texts of a mapping, in the order of the file.
    #[must_use]
    pub fn text_map(&self, key: &str) -> Vec<(String, String)> {
        self.entries(key)
            .map(|(key, node)| (key.to_owned(), node_text(node)))
            .collect()
    }

    /// The keys and nodes of a mapping, in the order of the file.
    pub fn entries(&self, key: &str) -> impl Iterator<Item = (&'a str, &'a Node)> + use<'a> {
        let entries = match self.node_of(key).map(|node| &node.value) {
            Some(NodeValue::Mapping(entries)) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|entry| (&*entry.key, &entry.value))
    }

    /// The sections of a mapping, by name, in the order of the file; values that are something else
    /// are left out.
    #[must_use]
    pub fn named_sections(&self, key: &str) -> Vec<(&'a str, Self)> {
        let section = self.section(key).section;
        self.entries(key)
            .map(|(name, node)| (name, Self::new(Some(node), section, self.origin)))
            .filter(|(_, view)| view.node.is_some())
            .collect()
    }

    /// A section below this one; all defaults where it is absent.
    #[must_use]
    pub fn section(&self, key: &str) -> Self {
        let section = match self.field(key).map(|field| field.kind) {
            Some(
                Kind::Section(section)
                | Kind::SectionOrText(section)
                | Kind::Sections(section)
                | Kind::SectionMap(section)
                | Kind::SectionMapOrText(section),
            ) => section,
            Some(Kind::List(Kind::SectionOrText(section))) => *section,
            _ => self.section,
        };
        Self::new(self.node_of(key), section, self.origin)
    }

    /// The same, where it is there.
    #[must_use]
    pub fn optional_section(&self, key: &str) -> Option<Self> {
        Some(self.section(key)).filter(|view| view.node.is_some())
    }

    /// The sections of a list; items that are something else are left out.
    #[must_use]
    pub fn sections(&self, key: &str) -> Vec<Self> {
        let section = self.section(key).section;
        self.items(key)
            .iter()
            .filter(|item| matches!(item.value, NodeValue::Mapping(_)))
            .map(|item| Self::new(Some(item), section, self.origin))
            .collect()
    }
}

/// The text of a scalar; empty for anything else and for nothing.
#[must_use]
pub(crate) fn node_text(node: &Node) -> String {
    match &node.value {
        NodeValue::Scalar(scalar) if !node.is_null() => scalar.text.to_string(),
        _ => String::new(),
    }
}
