//! What templates compute with.
//!
//! ## Model
//! A [`Value`] is one of a few plain types, or an [`Object`] for what has fields and methods.
//! Values are cheap to clone: strings, lists and maps are shared and never change.
//!
//! ## Invariants
//! Lists and maps nest at most [`VALUE_DEPTH_MAX`] deep: templates can build them in loops, and
//! printing and dropping go down into them.

mod list;
mod map;
mod object;

use std::borrow::Cow;
use std::sync::Arc;

pub use list::List;
pub use map::Map;
pub use object::Object;

use crate::limits::VALUE_DEPTH_MAX;
use crate::time::{DurationNs, Time};

/// A value of a template.
#[derive(Debug, Clone, Default)]
pub enum Value {
    /// Nothing: a key that is not there, or `nil`.
    #[default]
    Nil,
    /// `true` or `false`.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float.
    Float(f64),
    /// Text.
    String(Arc<str>),
    /// Text that is known to be safe at some place of a page.
    Safe(Safe),
    /// Values in order.
    List(List),
    /// Values by name.
    Map(Map),
    /// A point in time, with its zone.
    Time(Time),
    /// A length of time.
    Duration(DurationNs),
    /// A thing with fields and methods.
    Object(Arc<dyn Object>),
}

/// Text that goes into a page as it is, at places of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Safe {
    /// Where it is safe.
    pub kind: SafeKind,
    /// The text.
    pub text: Arc<str>,
}

/// Where in a page a text is safe. Whoever makes one vouches for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SafeKind {
    /// As HTML.
    Html,
    /// As an attribute of a tag: ` dir="ltr"`.
    HtmlAttribute,
    /// As a URL or a part of one.
    Url,
    /// As the value of a `srcset`.
    SrcSet,
    /// As CSS.
    Css,
    /// As a JavaScript expression.
    Js,
    /// Between the quotes of a JavaScript string.
    JsString,
}

/// What the elements of a list or map are, as far as templates can tell: a key that is not in a map
/// of strings gives an empty string where `missingkey=zero` is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Anything.
    Any,
    /// Strings only.
    String,
}

/// Lists or maps nest deeper than [`VALUE_DEPTH_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("lists and maps nest more than {VALUE_DEPTH_MAX} deep")]
pub struct TooDeep;

impl Value {
    /// A text.
    #[must_use]
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// A text that is safe as HTML.
    #[must_use]
    pub fn safe_html(text: impl Into<Arc<str>>) -> Self {
        Self::Safe(Safe {
            kind: SafeKind::Html,
            text: text.into(),
        })
    }

    /// A text that is safe as a URL.
    #[must_use]
    pub fn safe_url(text: impl Into<Arc<str>>) -> Self {
        Self::Safe(Safe {
            kind: SafeKind::Url,
            text: text.into(),
        })
    }

    /// An object.
    #[must_use]
    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Arc::new(object))
    }

    /// Whether `if` takes the value for true: it is not zero and not empty.
    #[must_use]
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::Safe(safe) => !safe.text.is_empty(),
            Self::List(list) => !list.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Time(_) => true,
            Self::Duration(duration) => duration.0 != 0,
            Self::Object(object) => object.underlying().is_none_or(|value| value.is_true()),
        }
    }

    /// The type as Go calls it, for messages.
    #[must_use]
    pub fn type_name(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self {
            Self::Nil => "nil",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::String(_) => "string",
            Self::Safe(safe) => match safe.kind {
                SafeKind::Html => "template.HTML",
                SafeKind::HtmlAttribute => "template.HTMLAttr",
                SafeKind::Url => "template.URL",
                SafeKind::SrcSet => "template.Srcset",
                SafeKind::Css => "template.CSS",
                SafeKind::Js => "template.JS",
                SafeKind::JsString => "template.JSStr",
            },
            Self::List(list) => match list.element() {
                Element::Any => "[]interface {}",
                Element::String => "[]string",
            },
            Self::Map(map) => match map.element() {
                Element::Any => "map[string]interface {}",
                Element::String => "map[string]string",
            },
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
            Self::Object(object) => return Cow::Owned(object.type_name().to_owned()),
        })
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Safe(safe) => Some(&safe.text),
            _ => None,
        }
    }

    /// What an object is apart from its methods; the value itself where it is no object.
    #[must_use]
    pub fn underlying(&self) -> Cow<'_, Self> {
        match self {
            Self::Object(object) => match object.underlying() {
                Some(value) => Cow::Owned(value),
                None => Cow::Borrowed(self),
            },
            _ => Cow::Borrowed(self),
        }
    }

    /// How deep lists and maps nest in it.
    pub(crate) fn depth(&self) -> u16 {
        match self {
            Self::List(list) => list.depth(),
            Self::Map(map) => map.depth(),
            _ => 0,
        }
    }

    /// What handling it costs in steps, by its size.
    pub(crate) fn cost(&self) -> u64 {
        let size = match self {
            Self::String(text) => text.len() / 256,
            Self::Safe(safe) => safe.text.len() / 256,
            Self::List(list) => list.len() / 2,
            Self::Map(map) => map.len() / 2,
            // How much work it was to make is not known.
            Self::Object(_) => 4,
            _ => 0,
        };
        size as u64
    }
}

/// The depth of a list or map of these values.
fn depth_around<'a>(values: impl Iterator<Item = &'a Value>) -> Result<u16, TooDeep> {
    let depth = values.map(Value::depth).max().unwrap_or(0) + 1;
    if depth > VALUE_DEPTH_MAX {
        return Err(TooDeep);
    }
    Ok(depth)
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::String(text)
    }
}

impl From<List> for Value {
    fn from(list: List) -> Self {
        Self::List(list)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl From<Time> for Value {
    fn from(time: Time) -> Self {
        Self::Time(time)
    }
}

impl From<DurationNs> for Value {
    fn from(duration: DurationNs) -> Self {
        Self::Duration(duration)
    }
}

impl From<&bellwether_model::Labels> for Value {
    fn from(labels: &bellwether_model::Labels) -> Self {
        Self::Map(Map::of_labels(labels))
    }
}
