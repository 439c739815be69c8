//! An object of JSON that knows which of its keys somebody has looked at, so that what is left is a finding.

use std::cell::RefCell;
use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::report::{Finding, Severity};

/// See the module's page. Of what is no object nothing is there.
#[derive(Debug)]
pub(super) struct Object<'a> {
    entries: Option<&'a Map<String, Value>>,
    seen: RefCell<HashSet<&'a str>>,
}

impl<'a> Object<'a> {
    pub(super) fn of(value: Option<&'a Value>) -> Self {
        Self {
            entries: value.and_then(Value::as_object),
            seen: RefCell::default(),
        }
    }

    /// A value that is not null.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let (key, value) = self.entries?.get_key_value(key)?;
        self.seen.borrow_mut().insert(key);
        Some(value).filter(|value| !value.is_null())
    }

    /// A text; numbers are texts too.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.get(key).and_then(text_of)
    }

    /// The same, empty where it is missing.
    pub(super) fn string(&self, key: &str) -> String {
        self.text(key).unwrap_or_default()
    }

    /// The same as one of some words; `None` where it is missing or another.
    pub(super) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, it)| *it)
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        match self.get(key)? {
            Value::Bool(is) => Some(*is),
            Value::String(text) => text.parse().ok(),
            Value::Number(number) => number.as_f64().map(|number| number != 0.0),
            _ => None,
        }
    }

    pub(super) fn is(&self, key: &str) -> bool {
        self.flag(key).unwrap_or_default()
    }

    /// A finite number; texts are read as numbers, as old dashboards have them.
    pub(super) fn number(&self, key: &str) -> Option<f64> {
        self.get(key).and_then(number_of)
    }

    /// A whole number, at least 0.
    pub(super) fn count(&self, key: &str) -> Option<u32> {
        self.number(key).and_then(count_of)
    }

    pub(super) fn list(&self, key: &str) -> &'a [Value] {
        self.get(key)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    pub(super) fn texts(&self, key: &str) -> Vec<String> {
        self.list(key).iter().filter_map(text_of).collect()
    }

    pub(super) fn object(&self, key: &str) -> Self {
        Self::of(self.get(key))
    }

    /// All keys and values; they count as seen.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> + use<'a> {
        let entries = self.entries;
        self.seen
            .borrow_mut()
            .extend(entries.into_iter().flatten().map(|(key, _)| key.as_str()));
        entries
            .into_iter()
            .flatten()
            .map(|(key, value)| (key.as_str(), value))
    }

    /// Keys that make no difference here.
    pub(super) fn skip(&self, keys: &[&str]) {
        for key in keys {
            let _seen = self.get(key);
        }
    }

    /// Keys that nobody has looked at and that say something.
    pub(super) fn rest(&self) -> Vec<&'a str> {
        let seen = self.seen.borrow();
        let entries = self.entries.into_iter().flatten();
        entries
            .filter(|(key, value)| !seen.contains(key.as_str()) && !is_blank(value))
            .map(|(key, _)| key.as_str())
            .collect()
    }
}

/// A text; numbers and truth values are texts too.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        _ => None,
    }
}

pub(super) fn number_of(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be within bounds"
)]
pub(super) fn count_of(number: f64) -> Option<u32> {
    (number >= 0.0 && number <= f64::from(u32::MAX)).then_some(number as u32)
}

/// Whether a value says nothing.
pub(super) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.values().all(is_blank),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Most findings of one panel or dashboard.
const FINDINGS_MAX: usize = 200;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Finding>);

impl Findings {
    fn note(&mut self, severity: Severity, what: impl Into<String>, why: impl Into<String>) {
        let finding = Finding {
            what: shortened(&what.into()),
            why: shortened(&why.into()),
            severity,
        };
        if self.0.len() < FINDINGS_MAX && !self.0.contains(&finding) {
            self.0.push(finding);
        }
    }

    pub(super) fn lost(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.note(Severity::Lost, what, why);
    }

    pub(super) fn approximated(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.note(Severity::Approximated, what, why);
    }

    pub(super) fn cosmetic(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.note(Severity::Cosmetic, what, why);
    }

    /// What nobody has looked at is not known here.
    pub(super) fn unknown(&mut self, of: &str, object: &Object<'_>) {
        for key in object.rest() {
            self.approximated(format!("{of}.{key}"), "is not known here and was left out");
        }
    }
}

fn shortened(text: &str) -> String {
    bellwether_model::short_to(text, 400).to_string()
}
