//! Values by name.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::Labels;

use super::{Element, TooDeep, Value, depth_around};

/// A map from names to values, in the order of the names. Clones share it.
#[derive(Debug, Clone)]
pub struct Map {
    entries: Entries,
    depth: u16,
}

#[derive(Debug, Clone)]
enum Entries {
    /// Labels as they are everywhere else: rules make one for each alert, and most are read once.
    Labels(Labels),
    /// Sorted by name.
    Strings(Arc<[(Arc<str>, Arc<str>)]>),
    Any(Arc<BTreeMap<Arc<str>, Value>>),
}

impl Map {
    /// A map to anything. Of two values of one name the last one stays.
    ///
    /// # Errors
    /// Where the values nest too deep.
    pub fn new<N: Into<Arc<str>>>(
        entries: impl IntoIterator<Item = (N, Value)>,
    ) -> Result<Self, TooDeep> {
        let entries: BTreeMap<Arc<str>, Value> = entries
            .into_iter()
            .map(|(name, value)| (name.into(), value))
            .collect();
        Ok(Self {
            depth: depth_around(entries.values())?,
            entries: Entries::Any(Arc::new(entries)),
        })
    }

    /// A map to strings. Of two values of one name the last one stays.
    #[must_use]
    pub fn of_strings<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        entries: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let entries: BTreeMap<Arc<str>, Arc<str>> = entries
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self {
            entries: Entries::Strings(entries.into_iter().collect()),
            depth: 1,
        }
    }

    /// Labels, which are shared with the caller.
    #[must_use]
    pub fn of_labels(labels: &Labels) -> Self {
        Self {
            entries: Entries::Labels(labels.clone()),
            depth: 1,
        }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Value> {
        match &self.entries {
            Entries::Labels(labels) => labels.get(name).map(Value::from),
            Entries::Strings(entries) => {
                let found = entries.binary_search_by(|(known, _)| (**known).cmp(name));
                let (_, value) = entries.get(found.ok()?)?;
                Some(Value::String(Arc::clone(value)))
            }
            Entries::Any(entries) => entries.get(name).cloned(),
        }
    }

    /// What stands for a name that is not there, where `missingkey=zero` is set.
    pub(crate) fn zero(&self) -> Value {
        match self.element() {
            Element::String => Value::from(""),
            Element::Any => Value::Nil,
        }
    }

    /// All names and values, by name.
    pub fn iter(&self) -> Box<dyn Iterator<Item = (Arc<str>, Value)> + '_> {
        match &self.entries {
            Entries::Labels(labels) => Box::new(
                labels
                    .iter()
                    .map(|(name, value)| (Arc::from(name), Value::from(value))),
            ),
            Entries::Strings(entries) => Box::new(
                entries
                    .iter()
                    .map(|(name, value)| (Arc::clone(name), Value::String(Arc::clone(value)))),
            ),
            Entries::Any(entries) => Box::new(
                entries
                    .iter()
                    .map(|(name, value)| (Arc::clone(name), value.clone())),
            ),
        }
    }

    /// How many names there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.entries {
            Entries::Labels(labels) => labels.len(),
            Entries::Strings(entries) => entries.len(),
            Entries::Any(entries) => entries.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the values are.
    #[must_use]
    pub fn element(&self) -> Element {
        match &self.entries {
            Entries::Any(_) => Element::Any,
            Entries::Labels(_) | Entries::Strings(_) => Element::String,
        }
    }

    pub(super) fn depth(&self) -> u16 {
        self.depth
    }
}
