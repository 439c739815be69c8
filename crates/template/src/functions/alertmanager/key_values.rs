//! Labels and annotations, and what can be done with them.

use std::sync::Arc;

use crate::arguments::Arguments;
use crate::functions::{Param, Signature};
use crate::value::{List, Map, Object, Value};

const NONE: Signature = Signature::of(&[]);

/// Names with values: a map with methods.
#[derive(Debug, Clone)]
pub struct KeyValues(Map);

impl KeyValues {
    /// From pairs; of two with one name the last one stays.
    #[must_use]
    pub fn new<N: Into<Arc<str>>, V: Into<Arc<str>>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self(Map::of_strings(pairs))
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<str>> {
        match self.0.get(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    /// All names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (Arc<str>, Arc<str>)> + '_ {
        self.0.iter().filter_map(|(name, value)| match value {
            Value::String(text) => Some((name, text)),
            _ => None,
        })
    }

    /// By name, but for the name of the alert, which goes first.
    fn sorted(&self) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = self
            .iter()
            .map(|(name, value)| Pair { name, value })
            .collect();
        pairs.sort_by_key(|pair| &*pair.name != "alertname");
        pairs
    }

    /// What all have in common.
    pub(super) fn common<'a>(mut all: impl Iterator<Item = &'a Self>) -> Self {
        let Some(first) = all.next() else {
            return Self::new::<Arc<str>, Arc<str>>([]);
        };
        let mut common: Vec<(Arc<str>, Arc<str>)> = first.iter().collect();
        for other in all {
            common.retain(|(name, value)| other.get(name).as_ref() == Some(value));
        }
        Self::new(common)
    }
}

impl Object for KeyValues {
    fn type_name(&self) -> &str {
        "template.KV"
    }

    fn method(&self, name: &str) -> Option<Signature> {
        match name {
            "Names" | "SortedPairs" | "String" | "Values" => Some(NONE),
            "Remove" => Some(const { Signature::of(&[Param::Strings]) }),
            _ => None,
        }
    }

    fn call(&self, name: &str, arguments: &Arguments<'_>) -> Result<Value, String> {
        Ok(match name {
            "Names" => Value::object(Pairs(self.sorted()).names()),
            "Values" => Value::object(Pairs(self.sorted()).values()),
            "SortedPairs" => Value::object(Pairs(self.sorted())),
            "String" => Pairs(self.sorted()).joined().into(),
            _ => {
                let removed = arguments.list(0);
                let removed = removed.as_ref().map_or(&[][..], List::values);
                let keeps = |name: &str| !removed.iter().any(|value| value.as_str() == Some(name));
                Value::object(Self::new(self.iter().filter(|(name, _)| keeps(name))))
            }
        })
    }

    fn underlying(&self) -> Option<Value> {
        Some(self.0.clone().into())
    }

    fn text(&self) -> Option<String> {
        Some(Pairs(self.sorted()).joined())
    }
}

/// A name with its value.
#[derive(Debug, Clone)]
struct Pair {
    name: Arc<str>,
    value: Arc<str>,
}

impl Object for Pair {
    fn type_name(&self) -> &str {
        "template.Pair"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Name", Value::String(Arc::clone(&self.name))),
            ("Value", Value::String(Arc::clone(&self.value))),
        ]
    }
}

/// Names with their values, in order.
#[derive(Debug)]
struct Pairs(Vec<Pair>);

impl Pairs {
    fn names(&self) -> Strings {
        Strings(List::of_strings(
            self.0.iter().map(|pair| Arc::clone(&pair.name)),
        ))
    }

    fn values(&self) -> Strings {
        Strings(List::of_strings(
            self.0.iter().map(|pair| Arc::clone(&pair.value)),
        ))
    }

    /// `a=1, b=2`
    fn joined(&self) -> String {
        let pairs: Vec<String> = self
            .0
            .iter()
            .map(|pair| format!("{}={}", pair.name, pair.value))
            .collect();
        pairs.join(", ")
    }
}

impl Object for Pairs {
    fn type_name(&self) -> &str {
        "template.Pairs"
    }

    fn method(&self, name: &str) -> Option<Signature> {
        matches!(name, "Names" | "Values" | "String").then_some(NONE)
    }

    fn call(&self, name: &str, _arguments: &Arguments<'_>) -> Result<Value, String> {
        Ok(match name {
            "Names" => Value::object(self.names()),
            "Values" => Value::object(self.values()),
            _ => self.joined().into(),
        })
    }

    fn underlying(&self) -> Option<Value> {
        let pairs = self.0.iter().cloned();
        Some(List::of_objects(pairs.map(|pair| Arc::new(pair) as Arc<dyn Object>)).into())
    }

    fn text(&self) -> Option<String> {
        Some(self.joined())
    }
}

/// Texts in order.
#[derive(Debug)]
struct Strings(List);

impl Object for Strings {
    fn type_name(&self) -> &str {
        "template.Strings"
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "Join").then_some(const { Signature::of(&[Param::String]) })
    }

    fn call(&self, _name: &str, arguments: &Arguments<'_>) -> Result<Value, String> {
        let separator = arguments.string(0);
        let text = arguments.build(|out| {
            for (index, value) in self.0.values().iter().enumerate() {
                let separator = if index == 0 { "" } else { separator };
                std::fmt::Write::write_str(out, separator)?;
                std::fmt::Write::write_str(out, value.as_str().unwrap_or(""))?;
            }
            Ok(())
        })?;
        Ok(text.into())
    }

    fn underlying(&self) -> Option<Value> {
        Some(self.0.clone().into())
    }
}
