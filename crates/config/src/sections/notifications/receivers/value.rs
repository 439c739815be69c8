//! Values that a configuration leaves to whoever gets them.

use std::collections::BTreeMap;

use bellwether_notify::receivers::settings::TemplatedValue;

use crate::values::{parse_bool, parse_integer};
use crate::view::View;
use crate::yaml::{Node, NodeValue};

/// A value as YAML 1.1 has it: what is not in quotes may be a number, a truth value or nothing.
pub(super) fn decode_value(node: &Node) -> TemplatedValue {
    match &node.value {
        _ if node.is_null() => TemplatedValue::Null,
        NodeValue::List(items) => TemplatedValue::List(items.iter().map(decode_value).collect()),
        NodeValue::Mapping(entries) => TemplatedValue::Map(
            entries
                .iter()
                .map(|entry| (entry.key.to_string(), decode_value(&entry.value)))
                .collect(),
        ),
        NodeValue::Scalar(scalar) if scalar.is_plain => plain(&scalar.text),
        NodeValue::Scalar(scalar) => TemplatedValue::Text(scalar.text.to_string()),
    }
}

fn plain(text: &str) -> TemplatedValue {
    if let Some(flag) = parse_bool(text) {
        return TemplatedValue::Bool(flag);
    }
    if let Some(number) = parse_integer(text) {
        return TemplatedValue::Integer(number);
    }
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.contains(|c: char| c.is_ascii_digit());
    match text.replace('_', "").parse::<f64>() {
        Ok(number) if is_number && number.is_finite() => TemplatedValue::Float(number),
        _ => TemplatedValue::Text(text.to_owned()),
    }
}

/// The values of a mapping by their keys.
pub(super) fn decode_values(view: &View<'_>, key: &str) -> BTreeMap<String, TemplatedValue> {
    view.entries(key)
        .map(|(key, node)| (key.to_owned(), decode_value(node)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use TemplatedValue::{Bool, Float, Integer, List, Map, Null, Text};

    #[test]
    fn values_have_their_types() {
        let source = "{a: 1, b: '1', c: 1.5, d: yes, e: , f: [x, ~], g: {h: -0x10}, i: .inf, j: 1.2.3, k: 1e3, l: infinity}";
        let document = crate::yaml::read(source).unwrap();
        let want = [
            ("a", Integer(1)),
            ("b", Text("1".into())),
            ("c", Float(1.5)),
            ("d", Bool(true)),
            ("e", Null),
            ("f", List(vec![Text("x".into()), Null])),
            ("g", Map([("h".to_owned(), Integer(-16))].into())),
            ("i", Text(".inf".into())),
            ("j", Text("1.2.3".into())),
            ("k", Float(1000.0)),
            ("l", Text("infinity".into())),
        ];
        let want = want.map(|(key, value)| (key.to_owned(), value)).into();
        assert_eq!(decode_value(&document.root), Map(want));
    }
}
