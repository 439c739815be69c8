//! Rule files whose groups are changed one at a time, as programs do that edit rules.
//!
//! ## Model
//! A [`RuleNamespace`] is a rule file as a list of [`WrittenGroup`]s: the groups as somebody wrote
//! them, so that `5m` stays `5m` and what is a default stays unsaid. What is evaluated is read from
//! [`RuleNamespace::to_yaml`] by [`crate::load_rules_text`].
//!
//! ## Invariants
//! A group that was read by [`WrittenGroup::read`] can be evaluated. What is written reads back as
//! the same groups. Comments are not kept.

use std::path::Path;
use std::sync::Arc;

use crate::config::{errors_of, origin_of, parse, read_file};
use crate::effective::plain_yaml;
use crate::problem::{ConfigErrors, Problems};
use crate::rules::RuleOptions;
use crate::sections::rules::{GROUP, RULE_FILE, RuleDecoder};
use crate::view::View;
use crate::yaml::{Entry, Node, NodePath, NodeValue, Position};

/// A group of rules as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenGroup {
    name: String,
    node: Node,
}

impl WrittenGroup {
    /// Reads a group that stands by itself: a mapping of `name`, `rules` and the rest. `origin` is
    /// what errors call the text.
    ///
    /// # Errors
    /// Every reason why it cannot be used, as for a group of a rule file; a second document too,
    /// which whoever sent it does not want to lose.
    pub fn read(source: &str, origin: &Path, options: &RuleOptions) -> Result<Self, ConfigErrors> {
        let mut problems = Problems::default();
        let called = origin_of(origin);
        let root = parse(source, &called, &GROUP, &mut problems);
        problems.errors.append(&mut problems.warnings);
        if let Some(root) = &root {
            if root.is_null() {
                let (at, path) = (root.position, NodePath::default());
                let message = "nothing is here: want a group of rules with name and rules";
                problems.error(&called.file, at, &path, message);
            }
            let view = View::new(Some(root), &GROUP, &called);
            RuleDecoder::new(options).group(&view, origin, &mut problems);
        }
        match root.map(Self::of) {
            Some(group) if problems.errors.is_empty() => Ok(group),
            _ => Err(errors_of(problems)),
        }
    }

    fn of(node: Node) -> Self {
        let name = match node.get("name").map(|name| &name.value) {
            Some(NodeValue::Scalar(scalar)) => scalar.text.to_string(),
            _ => String::new(),
        };
        Self { name, node }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The group by itself.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        plain_yaml(&self.node)
    }
}

/// A rule file whose groups are changed one at a time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RuleNamespace {
    groups: Vec<WrittenGroup>,
}

impl RuleNamespace {
    /// Reads a rule file. That its rules can be evaluated is for [`crate::load_rules_text`] to say.
    ///
    /// # Errors
    /// Every reason why it is no rule file.
    pub fn read(source: &str, origin: &Path) -> Result<Self, ConfigErrors> {
        let mut problems = Problems::default();
        let called = origin_of(origin);
        let root = parse(source, &called, &RULE_FILE, &mut problems);
        let Some(root) = root.filter(|_| problems.errors.is_empty()) else {
            return Err(errors_of(problems));
        };
        let groups = match root.get("groups").map(|groups| &groups.value) {
            Some(NodeValue::List(groups)) => groups.iter().cloned().map(WrittenGroup::of).collect(),
            _ => Vec::new(),
        };
        Ok(Self { groups })
    }

    /// The same for a file.
    ///
    /// # Errors
    /// Every reason why it cannot be read, or is no rule file.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let source = read_file(path).map_err(|problem| ConfigErrors {
            errors: vec![problem],
            is_unreadable: true,
        })?;
        Self::read(&source, path)
    }

    /// The groups, in order.
    #[must_use]
    pub fn groups(&self) -> &[WrittenGroup] {
        &self.groups
    }

    /// A group.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&WrittenGroup> {
        self.groups.iter().find(|group| group.name == name)
    }

    /// Puts a group in the place of the one of its name, or at the end.
    pub fn set(&mut self, group: WrittenGroup) {
        match self.groups.iter_mut().find(|old| old.name == group.name) {
            Some(old) => *old = group,
            None => self.groups.push(group),
        }
    }

    /// Takes a group out; whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.groups.len();
        self.groups.retain(|group| group.name != name);
        self.groups.len() < before
    }

    /// The rule file.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        plain_yaml(&mapping([("groups", self.list())]))
    }

    fn list(&self) -> Node {
        let groups = self.groups.iter().map(|group| group.node.clone()).collect();
        node(NodeValue::List(groups))
    }
}

/// Several namespaces as one mapping of their names to their groups.
#[must_use]
pub fn namespaces_yaml<'a>(
    namespaces: impl IntoIterator<Item = (&'a str, &'a RuleNamespace)>,
) -> String {
    let namespaces = namespaces.into_iter();
    plain_yaml(&mapping(namespaces.map(|(name, of)| (name, of.list()))))
}

fn mapping<'a>(entries: impl IntoIterator<Item = (&'a str, Node)>) -> Node {
    let entry = |(key, value)| Entry {
        key: Arc::from(key),
        position: Position::default(),
        value,
    };
    node(NodeValue::Mapping(entries.into_iter().map(entry).collect()))
}

fn node(value: NodeValue) -> Node {
    Node {
        value,
        position: Position::default(),
        path: NodePath::default(),
    }
}

#[cfg(test)]
mod tests;
