//! Values in order.

use std::sync::Arc;

use super::{Element, TooDeep, Value, depth_around};

/// A list of values. Clones share it.
#[derive(Debug, Clone)]
pub struct List {
    values: Arc<[Value]>,
    element: Element,
    depth: u16,
}

impl List {
    /// A list of anything.
    ///
    /// # Errors
    /// Where the values nest too deep.
    pub fn new(values: Vec<Value>) -> Result<Self, TooDeep> {
        Ok(Self {
            depth: depth_around(values.iter())?,
            values: values.into(),
            element: Element::Any,
        })
    }

    /// A list of strings.
    #[must_use]
    pub fn of_strings<T: Into<Arc<str>>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self {
            values: texts
                .into_iter()
                .map(|text| Value::String(text.into()))
                .collect(),
            element: Element::String,
            depth: 1,
        }
    }

    /// A list of objects.
    #[must_use]
    pub fn of_objects(objects: impl IntoIterator<Item = Arc<dyn super::Object>>) -> Self {
        Self {
            values: objects.into_iter().map(Value::Object).collect(),
            element: Element::Any,
            depth: 1,
        }
    }

    /// The part from `start` (included) to `end` (excluded); empty where there is none.
    pub(crate) fn part(&self, start: usize, end: usize) -> Self {
        Self {
            values: self.values.get(start..end).unwrap_or_default().into(),
            ..*self
        }
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What they are.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    pub(super) fn depth(&self) -> u16 {
        self.depth
    }
}
