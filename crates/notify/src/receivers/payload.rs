//! Values of the settings with the templates in them executed, as JSON.
//!
//! ## Model
//! What a text prints is read as YAML, so that `{{ .Alerts | toJson }}` becomes a list and
//! `{{ len .Alerts }}` a number; where that gives a text, or is no YAML, the text stays as printed.
//!
//! ## Limits
//! Lists and maps nest up to [`DEPTH_MAX`]. What is not JSON and has more than
//! [`YAML_BYTES_MAX`] is a text. Aliases, merges and tags of YAML are not followed: such a text stays
//! one.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

use super::settings::TemplatedValue;
use super::templates::Rendering;
use crate::runner::AttemptError;

/// Deepest nesting. Chosen: far above any message.
const DEPTH_MAX: usize = 64;
/// Longest text that is tried as YAML. Chosen: large documents come from `toJson`, which needs none.
const YAML_BYTES_MAX: usize = 64 << 10;

/// A value with its templates executed.
pub(super) fn rendered(
    setting: &str,
    value: &TemplatedValue,
    rendering: &Rendering<'_>,
) -> Result<Value, AttemptError> {
    rendered_below(setting, value, rendering, 0)
}

/// The same for a map.
pub(super) fn rendered_map(
    setting: &str,
    map: &BTreeMap<String, TemplatedValue>,
    rendering: &Rendering<'_>,
) -> Result<BTreeMap<String, Value>, AttemptError> {
    let entries = map.iter().map(|(key, value)| {
        let setting = format!("{setting}.{key}");
        Ok((key.clone(), rendered(&setting, value, rendering)?))
    });
    entries.collect()
}

fn rendered_below(
    setting: &str,
    value: &TemplatedValue,
    rendering: &Rendering<'_>,
    depth: usize,
) -> Result<Value, AttemptError> {
    if depth > DEPTH_MAX {
        return Err(AttemptError::refused(format!(
            "{setting}: lists and maps are nested deeper than {DEPTH_MAX}"
        )));
    }
    Ok(match value {
        TemplatedValue::Null => Value::Null,
        TemplatedValue::Bool(value) => Value::Bool(*value),
        TemplatedValue::Integer(value) => Value::Number((*value).into()),
        TemplatedValue::Float(value) => Number::from_f64(*value).map_or(Value::Null, Value::Number),
        TemplatedValue::Text(text) => read(rendering.text(setting, text)?),
        TemplatedValue::List(items) => {
            let items = items
                .iter()
                .map(|item| rendered_below(setting, item, rendering, depth + 1));
            Value::Array(items.collect::<Result<_, _>>()?)
        }
        TemplatedValue::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key = rendering.text(setting, key)?;
                let value = rendered_below(setting, value, rendering, depth + 1)?;
                map.insert(key, value);
            }
            Value::Object(map)
        }
    })
}

/// What a text means.
fn read(text: String) -> Value {
    if text.trim_start().starts_with(['{', '['])
        && let Ok(value) = serde_json::from_str(&text)
    {
        return value;
    }
    match yaml(&text) {
        Some(Value::String(_)) | None => Value::String(text),
        Some(value) => value,
    }
}

/// A list or map whose end has not come yet.
enum Open {
    List(Vec<Value>),
    /// With the key that waits for its value; what is no text is no key.
    Map(Map<String, Value>, Option<Option<String>>),
}

/// The first document of a text; none where it is not YAML, or none that is followed here.
fn yaml(text: &str) -> Option<Value> {
    if text.len() > YAML_BYTES_MAX {
        return None;
    }
    let mut open: Vec<Open> = Vec::new();
    let mut whole = None;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.ok()?;
        let value = match event {
            Event::Scalar(_, _, _, Some(_)) => return None,
            Event::Scalar(text, style, _, _) => {
                if style == ScalarStyle::Plain {
                    scalar(&text)?
                } else {
                    Value::String(text.into_owned())
                }
            }
            Event::SequenceStart(_, None) => {
                open.push(Open::List(Vec::new()));
                (open.len() <= DEPTH_MAX).then_some(())?;
                continue;
            }
            Event::MappingStart(_, None) => {
                open.push(Open::Map(Map::new(), None));
                (open.len() <= DEPTH_MAX).then_some(())?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop()? {
                Open::List(items) => Value::Array(items),
                Open::Map(map, _) => Value::Object(map),
            },
            Event::DocumentEnd => break,
            Event::SequenceStart(..) | Event::MappingStart(..) | Event::Alias(_) => return None,
            _ => continue,
        };
        match open.last_mut() {
            None => whole = Some(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(_, waiting @ None)) => {
                *waiting = Some(match value {
                    Value::String(key) if key == "<<" => return None,
                    Value::String(key) => Some(key),
                    _ => None,
                });
            }
            Some(Open::Map(map, waiting)) => {
                if let Some(Some(key)) = waiting.take() {
                    map.insert(key, value);
                }
            }
        }
    }
    // An empty text is nothing.
    Some(whole.unwrap_or(Value::Null))
}

/// What an unquoted text means, as Go's reader of YAML 1.1 has it. None: a number that JSON has not.
fn scalar(text: &str) -> Option<Value> {
    Some(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Value::Bool(true)
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Value::Bool(false)
        }
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF"
        | "-.inf" | "-.Inf" | "-.INF" => return None,
        _ if text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.')) => {
            match number(&text.replace('_', "")) {
                Some(number) => Value::Number(number),
                None => Value::String(text.to_owned()),
            }
        }
        _ => Value::String(text.to_owned()),
    })
}

fn number(text: &str) -> Option<Number> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let (radix, digits_of_radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    let is_digits = digits_of_radix.chars().all(|c| c.is_digit(radix));
    if is_digits && let Ok(value) = u64::from_str_radix(digits_of_radix, radix) {
        if !is_negative {
            return Some(value.into());
        }
        if let Some(value) = 0_i64.checked_sub_unsigned(value) {
            return Some(value.into());
        }
    }
    is_float(digits)
        .then(|| text.trim_start_matches('+').parse().ok())
        .flatten()
        .and_then(Number::from_f64)
}

/// Digits, perhaps with a point in front of the last ones, perhaps with an exponent that has a sign.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or(("", mantissa));
    let is_exponent = |text: &str| {
        text.strip_prefix(['+', '-'])
            .is_some_and(|rest| !rest.is_empty() && digits(rest))
    };
    digits(whole) && digits(fraction) && !fraction.is_empty() && exponent.is_none_or(is_exponent)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_printed_is_read_as_yaml() {
        let check = |text: &str, want: Value| {
            assert_eq!(read(text.to_owned()), want, "{text:?}");
        };
        check("", Value::Null);
        check("~", Value::Null);
        check("some text", json!("some text"));
        check("\"quoted\"", json!("\"quoted\""));
        check("yes", json!(true));
        check("Off", json!(false));
        check("12", json!(12));
        check("-12", json!(-12));
        check("1_000", json!(1000));
        check("0x1f", json!(31));
        check("010", json!(8));
        check("089", json!(89.0));
        check(
            "18446744073709551615",
            json!(18_446_744_073_709_551_615_u64),
        );
        check("-9223372036854775808", json!(i64::MIN));
        check("1.5", json!(1.5));
        check(".5", json!(0.5));
        check("1e3", json!("1e3"));
        check("1e+3", json!(1000.0));
        check("1.", json!("1."));
        check(".inf", json!(".inf"));
        check("1.2.3", json!("1.2.3"));
        check("-", json!([null]));
        check("2024-01-01", json!("2024-01-01"));
        check("a: b", json!({"a": "b"}));
        check("value:", json!({"value": null}));
        check("1: x\na: \"1\"\ntrue: z", json!({"a": "1"}));
        check("- a\n- [1, {b: c}]", json!(["a", [1, {"b": "c"}]]));
        check("{\"a\":[\"x:\",\"1\"]}", json!({"a": ["x:", "1"]}));
        check("{not json", json!("{not json"));
        // Neither followed nor refused.
        check("a: &x 1\nb: *x", json!("a: &x 1\nb: *x"));
        check("!!str 1", json!("!!str 1"));
        check("<<: {a: 1}", json!("<<: {a: 1}"));
        let deep = "[".repeat(DEPTH_MAX + 1) + &"]".repeat(DEPTH_MAX + 1) + " #";
        check(&deep, json!(deep));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_stays(text in r#"[-a-z0-9:{}\[\],&*!|>'"%@#~ \n\t._+]{0,80}"#) {
            // What is a text stays as it is; nothing panics.
            if let Value::String(read) = read(text.clone()) {
                assert_eq!(read, text);
            }
        }
    }
}
