//! Values as JSON, the way Go's `encoding/json` writes them.

use std::fmt::{self, Write as _};

use crate::bounded::Bounded;
use crate::value::Value;

/// Why a value has no JSON.
#[derive(Debug)]
pub(crate) enum JsonError {
    /// JSON has no NaN and no infinity.
    Unsupported(f64),
    /// The text would be longer than allowed.
    TooLong,
}

impl From<fmt::Error> for JsonError {
    fn from(_: fmt::Error) -> Self {
        Self::TooLong
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported(value) => {
                let value = crate::format::general(*value);
                write!(f, "json: unsupported value: {value}")
            }
            Self::TooLong => f.write_str("json: the text is too long"),
        }
    }
}

/// Writes a value.
pub(crate) fn write_json(out: &mut Bounded, value: &Value) -> Result<(), JsonError> {
    match value {
        Value::Nil => out.write_str("null")?,
        Value::Bool(value) => write!(out, "{value}")?,
        Value::Int(value) => write!(out, "{value}")?,
        Value::Float(value) => write_float(out, *value)?,
        Value::String(text) => write_string(out, text)?,
        Value::Safe(safe) => write_string(out, &safe.text)?,
        Value::List(list) => {
            out.write_char('[')?;
            for (index, element) in list.values().iter().enumerate() {
                out.write_str(if index == 0 { "" } else { "," })?;
                write_json(out, element)?;
            }
            out.write_char(']')?;
        }
        Value::Map(map) => {
            out.write_char('{')?;
            for (index, (name, element)) in map.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { "," })?;
                write_string(out, &name)?;
                out.write_char(':')?;
                write_json(out, &element)?;
            }
            out.write_char('}')?;
        }
        Value::Time(time) => {
            write_string(out, &time.format("2006-01-02T15:04:05.999999999Z07:00"))?;
        }
        Value::Duration(duration) => write!(out, "{}", duration.0)?,
        Value::Object(object) => match object.underlying() {
            Some(value) => write_json(out, &value)?,
            None => {
                out.write_char('{')?;
                for (index, (name, element)) in object.json_fields().iter().enumerate() {
                    out.write_str(if index == 0 { "" } else { "," })?;
                    write_string(out, name)?;
                    out.write_char(':')?;
                    write_json(out, element)?;
                }
                out.write_char('}')?;
            }
        },
    }
    Ok(())
}

fn write_float(out: &mut Bounded, value: f64) -> Result<(), JsonError> {
    if !value.is_finite() {
        return Err(JsonError::Unsupported(value));
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-6..1e21).contains(&magnitude) {
        write!(out, "{value}")?;
        return Ok(());
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((mantissa, power)) if !power.starts_with('-') => write!(out, "{mantissa}e+{power}")?,
        _ => out.write_str(&text)?,
    }
    Ok(())
}

/// Characters that mean something in HTML are escaped too, so that JSON can stand in a script.
fn write_string(out: &mut Bounded, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\u{8}' => out.write_str("\\b")?,
            '\u{c}' => out.write_str("\\f")?,
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                write!(out, "\\u{:04x}", u32::from(c))?;
            }
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{List, Map};

    #[test]
    fn values_are_written_as_go_does() {
        let check = |value: Value, want: &str| {
            let mut out = Bounded::new(1000);
            write_json(&mut out, &value).unwrap();
            assert_eq!(out.as_str(), want);
        };
        check(Value::Nil, "null");
        check(
            "<a>\u{2028}\u{1}\t\"".into(),
            r#""\u003ca\u003e\u2028\u0001\t\"""#,
        );
        check(Value::Float(1e21), "1e+21");
        check(Value::Float(1e-7), "1e-7");
        check(Value::Float(1.5), "1.5");
        check(Value::Float(100_000_000.0), "100000000");
        check(
            List::new(vec![Value::Int(1), Value::Nil]).unwrap().into(),
            "[1,null]",
        );
        check(
            Map::of_strings([("b", "1"), ("a", "2")]).into(),
            r#"{"a":"2","b":"1"}"#,
        );
        check(crate::Time::ZERO.into(), "\"0001-01-01T00:00:00Z\"");
        check(crate::DurationNs(5).into(), "5");
        let mut out = Bounded::new(1000);
        let error = write_json(&mut out, &Value::Float(f64::NAN)).unwrap_err();
        assert_eq!(error.to_string(), "json: unsupported value: NaN");
    }
}
