//! How values print: Go's `fmt` with the verbs that it has for these types.
//!
//! ## Model
//! [`print`] and [`println`] put values one after the other, [`printf`] fills them into a text. All
//! end in [`write_value`], which knows a verb and its flags ([`Spec`]). A verb that does not fit
//! prints a remark such as `%!d(string=hi)` and is no error, as in Go.
//!
//! ## Failure
//! Only where the output would be longer than allowed.

mod float;
mod printf;
mod scalar;

use std::fmt::{self, Write as _};

use crate::bounded::Bounded;
use crate::value::{Object, Value};

pub(crate) use float::general;
pub(crate) use printf::printf;

/// Widths and precisions beyond this are refused, as in Go.
const WIDTH_MAX: usize = 1_000_000;

/// A verb with its flags.
#[derive(Debug, Clone, Default)]
struct Spec {
    verb: char,
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    /// Of objects, the names of the fields too: `%+v`.
    names: bool,
    /// As a Go program would have it: `%#v`.
    go_syntax: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

impl Spec {
    fn plain() -> Self {
        Self {
            verb: 'v',
            ..Self::default()
        }
    }

    /// A text padded to the width, in characters.
    fn pad(&self, out: &mut Bounded, text: &str) -> fmt::Result {
        let length = text.chars().count();
        let padding = self.width.unwrap_or(0).saturating_sub(length);
        if self.minus {
            out.write_str(text)?;
            return repeat(out, ' ', padding);
        }
        repeat(out, if self.zero { '0' } else { ' ' }, padding)?;
        out.write_str(text)
    }
}

fn repeat(out: &mut Bounded, c: char, count: usize) -> fmt::Result {
    for _ in 0..count {
        out.write_char(c)?;
    }
    Ok(())
}

/// Values one after the other, with a space between two that are no strings.
pub(crate) fn print(out: &mut Bounded, values: &[Value]) -> fmt::Result {
    let mut after_string = true;
    for value in values {
        let is_string = value.underlying().as_str().is_some();
        if !is_string && !after_string {
            out.write_char(' ')?;
        }
        write_plain(out, value)?;
        after_string = is_string;
    }
    Ok(())
}

/// Values with spaces between them, and a line end.
pub(crate) fn println(out: &mut Bounded, values: &[Value]) -> fmt::Result {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.write_char(' ')?;
        }
        write_plain(out, value)?;
    }
    out.write_char('\n')
}

/// A value as `%v` has it.
pub(crate) fn write_plain(out: &mut Bounded, value: &Value) -> fmt::Result {
    match value {
        Value::String(text) => out.write_str(text),
        Value::Safe(safe) => out.write_str(&safe.text),
        Value::Int(number) => write!(out, "{number}"),
        Value::Float(number) => write!(out, "{}", general(*number)),
        Value::Bool(value) => write!(out, "{value}"),
        _ => write_value(out, &Spec::plain(), value),
    }
}

/// What an action prints: as `%v`, but for what is not there.
pub(crate) fn write_output(out: &mut Bounded, value: &Value) -> fmt::Result {
    match value {
        Value::Nil => out.write_str("<no value>"),
        value => write_plain(out, value),
    }
}

fn write_value(out: &mut Bounded, spec: &Spec, value: &Value) -> fmt::Result {
    if spec.verb == 'T' {
        let name = match value {
            Value::Nil => "<nil>".into(),
            value => value.type_name(),
        };
        return Spec {
            verb: 's',
            ..spec.clone()
        }
        .pad(out, &name);
    }
    let takes_text = matches!(spec.verb, 'v' | 's' | 'x' | 'X' | 'q');
    match value {
        Value::Nil if spec.verb == 'v' => spec.pad(out, "<nil>"),
        Value::Nil => write!(out, "%!{}(<nil>)", spec.verb),
        Value::Bool(value) if matches!(spec.verb, 'v' | 't') => {
            spec.pad(out, if *value { "true" } else { "false" })
        }
        Value::Int(number) => match scalar::write_int(out, spec, *number)? {
            true => Ok(()),
            false => bad_verb(out, spec, value),
        },
        Value::Float(number) => match float::write_float(out, spec, *number)? {
            true => Ok(()),
            false => bad_verb(out, spec, value),
        },
        Value::String(_) | Value::Safe(_) if takes_text => {
            scalar::write_text(out, spec, value.as_str().unwrap_or(""))
        }
        Value::List(list) => {
            let (open, separator, close) = match spec.go_syntax {
                true => {
                    out.write_str(&value.type_name())?;
                    ("{", ", ", "}")
                }
                false => ("[", " ", "]"),
            };
            out.write_str(open)?;
            for (index, element) in list.values().iter().enumerate() {
                out.write_str(if index == 0 { "" } else { separator })?;
                write_element(out, spec, element)?;
            }
            out.write_str(close)
        }
        Value::Map(map) => {
            let (open, separator, close) = match spec.go_syntax {
                true => {
                    out.write_str(&value.type_name())?;
                    ("{", ", ", "}")
                }
                false => ("map[", " ", "]"),
            };
            out.write_str(open)?;
            for (index, (name, element)) in map.iter().enumerate() {
                out.write_str(if index == 0 { "" } else { separator })?;
                write_value(out, spec, &Value::String(name))?;
                out.write_char(':')?;
                write_element(out, spec, &element)?;
            }
            out.write_str(close)
        }
        Value::Time(time) if takes_text => scalar::write_text(out, spec, &time.to_string()),
        Value::Duration(duration) if takes_text && !spec.go_syntax => {
            scalar::write_text(out, spec, &duration.to_string())
        }
        Value::Duration(duration) => match scalar::write_int(out, spec, duration.0)? {
            true => Ok(()),
            false => bad_verb(out, spec, value),
        },
        Value::Object(object) => write_object(out, spec, object.as_ref()),
        value => bad_verb(out, spec, value),
    }
}

/// An element that is not there has no type that a verb could miss.
fn write_element(out: &mut Bounded, spec: &Spec, element: &Value) -> fmt::Result {
    match element {
        Value::Nil => out.write_str("<nil>"),
        element => write_value(out, spec, element),
    }
}

fn write_object(out: &mut Bounded, spec: &Spec, object: &dyn Object) -> fmt::Result {
    let takes_text = matches!(spec.verb, 'v' | 's' | 'x' | 'X' | 'q') && !spec.go_syntax;
    if takes_text && let Some(text) = object.text() {
        return scalar::write_text(out, spec, &text);
    }
    if let Some(value) = object.underlying() {
        return write_value(out, spec, &value);
    }
    let names = spec.names || spec.go_syntax;
    if spec.go_syntax {
        out.write_str(object.type_name())?;
    }
    out.write_char('{')?;
    for (index, (name, value)) in object.fields().iter().enumerate() {
        if index > 0 {
            out.write_str(if spec.go_syntax { ", " } else { " " })?;
        }
        if names {
            write!(out, "{name}:")?;
        }
        write_element(out, spec, value)?;
    }
    out.write_char('}')
}

/// `%!d(string=hi)`: a verb that the type does not have.
fn bad_verb(out: &mut Bounded, spec: &Spec, value: &Value) -> fmt::Result {
    write!(out, "%!{}({}=", spec.verb, value.type_name())?;
    let plain = Spec {
        verb: 'v',
        ..spec.clone()
    };
    write_value(out, &plain, value)?;
    out.write_char(')')
}

#[cfg(test)]
mod tests;
