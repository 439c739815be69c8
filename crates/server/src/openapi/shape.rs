//! What bodies of JSON look like: a small part of JSON Schema, as constants.

use crate::json::JsonWriter;

/// A value of JSON.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A text.
    Text,
    /// This text.
    Word(&'static str),
    /// A number of seconds since 1970, with milliseconds behind the point.
    Time,
    /// As [`Shape::Time`], or a text of RFC 3339.
    AnyTime,
    /// A number.
    Number,
    /// true or false.
    Boolean,
    /// This, or nothing.
    OrNull(&'static Shape),
    /// Nothing.
    Null,
    /// An object of names and texts.
    Labels,
    /// An object of which nothing is said.
    Object,
    /// A list.
    List(&'static Shape),
    /// One of these texts.
    Words(&'static [&'static str]),
    /// One of these.
    AnyOf(&'static [Shape]),
    /// A list of just these, in order.
    Tuple(&'static [Shape]),
    /// An object of names that nobody knows before, and such values.
    Map(&'static Shape),
    /// An object: its keys, their values, whether they are always there. It has no others.
    Fields(&'static [(&'static str, Shape, Presence)]),
    /// Something that is described in words.
    Described(&'static str),
}

/// Whether a key of an object is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Always.
    Always,
    /// Where there is something to say.
    Maybe,
}

use Presence::{Always, Maybe};

/// The body of an answer that holds such data.
macro_rules! answer {
    ($data:expr) => {
        $crate::openapi::Shape::Fields(&[
            (
                "status",
                $crate::openapi::Shape::Word("success"),
                $crate::openapi::shape::Presence::Always,
            ),
            ("data", $data, $crate::openapi::shape::Presence::Always),
        ])
    };
}
pub(crate) use answer;

/// A number; nothing where JSON has none for it.
pub(crate) const NUMBER_OR_NULL: Shape = Shape::OrNull(&Shape::Number);
/// A text, or nothing.
pub(crate) const TEXT_OR_NULL: Shape = Shape::OrNull(&Shape::Text);
/// A time, or nothing.
pub(crate) const TIME_OR_NULL: Shape = Shape::OrNull(&Shape::Time);
/// A list of texts.
pub(crate) const TEXTS: Shape = Shape::List(&Shape::Text);

/// What every request that fails is answered with.
pub(super) static ERROR: Shape = Shape::Fields(&[
    ("status", Shape::Word("error"), Always),
    ("errorType", Shape::Text, Always),
    ("error", Shape::Text, Always),
]);

const SUCCESS: Shape = Shape::Word("success");

/// `/api/bellwether/v1/timeline`
pub(super) static TIMELINE: Shape = Shape::Fields(&[
    ("status", SUCCESS, Always),
    (
        "data",
        Shape::Fields(&[("rows", Shape::List(&TIMELINE_ROW), Always)]),
        Always,
    ),
]);

pub(super) static TIMELINE_ROW: Shape = Shape::Fields(&[
    // What the row is known by, here and in the stream of changes.
    ("id", Shape::Text, Always),
    ("time", Shape::Time, Always),
    ("kind", Shape::Text, Always),
    ("fingerprint", Shape::Text, Always),
    ("labels", Shape::Labels, Always),
    ("cause", Shape::Text, Maybe),
    ("receiver", Shape::Text, Maybe),
    ("group", Shape::Text, Maybe),
    ("detail", Shape::Object, Maybe),
]);

/// `/api/bellwether/v1/acknowledgements`
pub(super) static ACKNOWLEDGEMENTS: Shape = Shape::Fields(&[
    ("status", SUCCESS, Always),
    (
        "data",
        Shape::Fields(&[("acknowledgements", Shape::List(&ACKNOWLEDGEMENT), Always)]),
        Always,
    ),
]);

static ACKNOWLEDGEMENT: Shape = Shape::Fields(&[
    ("fingerprint", Shape::Text, Always),
    ("labels", Shape::Labels, Always),
    ("by", Shape::Text, Always),
    ("comment", Shape::Text, Always),
    ("time", Shape::Time, Always),
    ("until", Shape::Time, Maybe),
]);

/// What somebody says who is on an alert.
pub(super) static ACKNOWLEDGE: Shape = Shape::Fields(&[
    ("fingerprint", Shape::Text, Always),
    ("by", Shape::Text, Always),
    ("comment", Shape::Text, Maybe),
    ("until", Shape::AnyTime, Maybe),
]);

/// The answer to a change of rules.
pub(super) static RULES_TAKEN: Shape = Shape::Fields(&[
    ("status", SUCCESS, Always),
    ("data", Shape::Null, Always),
    ("errorType", Shape::Text, Always),
    ("error", Shape::Text, Always),
]);

impl Shape {
    /// Writes it as JSON Schema.
    pub(crate) fn write(&self, json: &mut JsonWriter) {
        json.object_begin();
        match self {
            Self::Text => {
                json.key("type").string("string");
            }
            Self::Word(word) => {
                json.key("const").string(word);
            }
            Self::Time => {
                json.key("type").string("number");
                json.key("description")
                    .string("Seconds since 1970, with milliseconds behind the point.");
            }
            Self::AnyTime => {
                json.key("type").array_begin();
                json.string("number").string("string").array_end();
                json.key("description")
                    .string("Seconds since 1970, or a time of RFC 3339.");
            }
            Self::Number => {
                json.key("type").string("number");
            }
            Self::Boolean => {
                json.key("type").string("boolean");
            }
            Self::OrNull(of) => {
                json.key("anyOf").array_begin();
                of.write(json);
                Self::Null.write(json);
                json.array_end();
            }
            Self::Null => {
                json.key("type").string("null");
            }
            Self::Labels => {
                json.key("type").string("object");
                json.key("additionalProperties");
                Self::Text.write(json);
            }
            Self::Object => {
                json.key("type").string("object");
            }
            Self::List(of) => {
                json.key("type").string("array");
                json.key("items");
                of.write(json);
            }
            Self::Words(words) => {
                json.key("type").string("string");
                json.key("enum").strings(*words);
            }
            Self::AnyOf(shapes) => {
                json.key("anyOf").array_begin();
                shapes.iter().for_each(|shape| shape.write(json));
                json.array_end();
            }
            Self::Tuple(shapes) => {
                json.key("type").string("array");
                json.key("prefixItems").array_begin();
                shapes.iter().for_each(|shape| shape.write(json));
                json.array_end();
                json.key("items").boolean(false);
                json.key("minItems").unsigned(shapes.len() as u64);
                json.key("maxItems").unsigned(shapes.len() as u64);
            }
            Self::Map(of) => {
                json.key("type").string("object");
                json.key("additionalProperties");
                of.write(json);
            }
            Self::Fields(fields) => {
                json.key("type").string("object");
                json.key("properties").object_begin();
                for (name, shape, _) in *fields {
                    json.key(name);
                    shape.write(json);
                }
                json.object_end();
                json.key("required").array_begin();
                for (name, ..) in fields.iter().filter(|(.., is)| *is == Always) {
                    json.string(name);
                }
                json.array_end();
                json.key("additionalProperties").boolean(false);
            }
            Self::Described(text) => {
                json.key("description").string(text);
            }
        }
        json.object_end();
    }
}

#[cfg(test)]
impl Shape {
    /// How a value differs from the shape; nothing where it does not.
    pub(crate) fn difference(&self, value: &serde_json::Value) -> Option<String> {
        let found = |is: bool| (!is).then(|| format!("{value}: want {self:?}"));
        match self {
            Self::Text => found(value.is_string()),
            Self::Word(word) => found(value == word),
            Self::Time | Self::Number => found(value.is_number()),
            Self::Boolean => found(value.is_boolean()),
            Self::OrNull(_) if value.is_null() => None,
            Self::OrNull(of) => of.difference(value),
            Self::AnyTime => found(value.is_number() || value.is_string()),
            Self::Null => found(value.is_null()),
            Self::Object => found(value.is_object()),
            Self::Described(_) => None,
            Self::Words(words) => found(words.iter().any(|word| value == word)),
            Self::AnyOf(shapes) => {
                let differences: Vec<String> = shapes
                    .iter()
                    .map_while(|shape| shape.difference(value))
                    .collect();
                (differences.len() == shapes.len()).then(|| differences.join("; or "))
            }
            Self::Tuple(shapes) => match value.as_array() {
                Some(items) if items.len() == shapes.len() => shapes
                    .iter()
                    .zip(items)
                    .find_map(|(shape, item)| shape.difference(item)),
                _ => found(false),
            },
            Self::Map(of) => match value.as_object() {
                Some(entries) => entries.iter().find_map(|(key, value)| {
                    of.difference(value).map(|text| format!("{key}: {text}"))
                }),
                None => found(false),
            },
            Self::Labels => match value.as_object() {
                Some(labels) => found(labels.values().all(serde_json::Value::is_string)),
                None => found(false),
            },
            Self::List(of) => match value.as_array() {
                Some(items) => items.iter().find_map(|item| of.difference(item)),
                None => found(false),
            },
            Self::Fields(fields) => {
                let Some(object) = value.as_object() else {
                    return found(false);
                };
                let unknown = object
                    .keys()
                    .find(|key| fields.iter().all(|(name, ..)| name != key));
                if let Some(key) = unknown {
                    return Some(format!("{key}: is not described"));
                }
                fields
                    .iter()
                    .find_map(|(name, shape, presence)| match object.get(*name) {
                        Some(value) => shape.difference(value).map(|d| format!("{name}: {d}")),
                        None if *presence == Always => Some(format!("{name}: is missing")),
                        None => None,
                    })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_held_against_shapes() {
        let point = Shape::Tuple(&[Shape::Time, Shape::Text]);
        let either = Shape::AnyOf(&[
            Shape::Fields(&[("a", Shape::Word("x"), Always)]),
            Shape::Map(&Shape::Number),
        ]);
        for (shape, value, fits) in [
            (point, json!([1, "2"]), true),
            (point, json!([1]), false),
            (point, json!([1, 2]), false),
            (either, json!({ "a": "x" }), true),
            (either, json!({ "b": 1, "c": 2 }), true),
            (either, json!({ "a": "y" }), false),
            (Shape::Words(&["up", "down"]), json!("down"), true),
            (Shape::Words(&["up", "down"]), json!("left"), false),
        ] {
            let difference = shape.difference(&value);
            assert_eq!(difference.is_none(), fits, "{value} {difference:?}");
        }
    }

    #[test]
    fn shapes_become_json_schema() {
        let check = |shape: Shape, want: serde_json::Value| {
            let mut json = JsonWriter::default();
            shape.write(&mut json);
            let got: serde_json::Value = serde_json::from_slice(&json.into_bytes()).unwrap();
            assert_eq!(got, want);
        };
        check(
            Shape::Tuple(&[Shape::Number, Shape::Boolean]),
            json!({ "type": "array", "prefixItems": [{ "type": "number" }, { "type": "boolean" }],
                    "items": false, "minItems": 2, "maxItems": 2 }),
        );
        check(
            Shape::Map(&Shape::AnyOf(&[Shape::Null, Shape::Words(&["a"])])),
            json!({ "type": "object", "additionalProperties":
                    { "anyOf": [{ "type": "null" }, { "type": "string", "enum": ["a"] }] } }),
        );
    }
}
