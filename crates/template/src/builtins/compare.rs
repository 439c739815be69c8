//! Comparisons, with Go's rules on what compares with what.

use std::cmp::Ordering;

use crate::arguments::Arguments;
use crate::value::Value;

/// What a value is to a comparison.
#[derive(Debug, PartialEq)]
enum Basic<'a> {
    Bool(bool),
    /// Durations and months are integers too.
    Int(i64),
    Float(f64),
    String(&'a str),
    Other,
}

/// Numbers underneath of objects count as numbers.
fn with_basic<T>(value: &Value, use_it: impl FnOnce(Basic<'_>) -> T) -> T {
    let underlying = value.underlying();
    use_it(match underlying.as_ref() {
        Value::Bool(value) => Basic::Bool(*value),
        Value::Int(value) => Basic::Int(*value),
        Value::Duration(duration) => Basic::Int(duration.0),
        Value::Float(value) => Basic::Float(*value),
        Value::String(text) => Basic::String(text),
        Value::Safe(safe) => Basic::String(&safe.text),
        _ => Basic::Other,
    })
}

const INCOMPATIBLE: &str = "incompatible types for comparison";
const INVALID: &str = "invalid type for comparison";

/// Whether two values are equal, where Go can say.
fn equal(left: &Value, right: &Value) -> Result<bool, String> {
    with_basic(left, |a| {
        with_basic(right, |b| match (a, b) {
            (Basic::Bool(a), Basic::Bool(b)) => Ok(a == b),
            (Basic::Int(a), Basic::Int(b)) => Ok(a == b),
            (Basic::Float(a), Basic::Float(b)) => Ok(a == b),
            (Basic::String(a), Basic::String(b)) => Ok(a == b),
            (Basic::Other, Basic::Other) => equal_others(left, right),
            // Nothing equals nothing else.
            _ if matches!((left, right), (Value::Nil, _) | (_, Value::Nil)) => Ok(false),
            _ => Err(INCOMPATIBLE.to_owned()),
        })
    })
}

fn equal_others(left: &Value, right: &Value) -> Result<bool, String> {
    match (left, right) {
        (Value::Nil, Value::Nil) => Ok(true),
        (Value::Nil, _) | (_, Value::Nil) => Ok(false),
        (Value::Time(a), Value::Time(b)) => Ok(a == b),
        (Value::Object(a), Value::Object(b))
            if a.underlying().is_none() && b.underlying().is_none() =>
        {
            Ok(std::sync::Arc::ptr_eq(a, b))
        }
        (Value::Time(_) | Value::Object(_), Value::Time(_) | Value::Object(_))
            if left.type_name() != right.type_name() =>
        {
            Err(INCOMPATIBLE.to_owned())
        }
        (left, _) => Err(format!("non-comparable type {}", left.type_name())),
    }
}

fn ordering(left: &Value, right: &Value) -> Result<Option<Ordering>, String> {
    with_basic(left, |a| {
        with_basic(right, |b| match (a, b) {
            (Basic::Int(a), Basic::Int(b)) => Ok(Some(a.cmp(&b))),
            (Basic::Float(a), Basic::Float(b)) => Ok(a.partial_cmp(&b)),
            (Basic::String(a), Basic::String(b)) => Ok(Some(a.cmp(b))),
            (Basic::Other, _) | (_, Basic::Other) | (Basic::Bool(_), Basic::Bool(_)) => {
                Err(INVALID.to_owned())
            }
            _ => Err(INCOMPATIBLE.to_owned()),
        })
    })
}

/// Whether the first equals any of the others.
pub(super) fn eq(arguments: &Arguments<'_>) -> Result<Value, String> {
    let others = arguments.rest(1);
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        if equal(arguments.value(0), other)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

pub(super) fn ne(arguments: &Arguments<'_>) -> Result<Value, String> {
    Ok(Value::Bool(!equal(arguments.value(0), arguments.value(1))?))
}

pub(super) fn lt(arguments: &Arguments<'_>) -> Result<Value, String> {
    let order = ordering(arguments.value(0), arguments.value(1))?;
    Ok(Value::Bool(order == Some(Ordering::Less)))
}

pub(super) fn le(arguments: &Arguments<'_>) -> Result<Value, String> {
    let order = ordering(arguments.value(0), arguments.value(1))?;
    Ok(Value::Bool(matches!(
        order,
        Some(Ordering::Less | Ordering::Equal)
    )))
}

/// Not less and not equal, so that NaN is greater than anything: as in Go.
pub(super) fn gt(arguments: &Arguments<'_>) -> Result<Value, String> {
    let order = ordering(arguments.value(0), arguments.value(1))?;
    Ok(Value::Bool(!matches!(
        order,
        Some(Ordering::Less | Ordering::Equal)
    )))
}

/// Not less, see [`gt`].
pub(super) fn ge(arguments: &Arguments<'_>) -> Result<Value, String> {
    let order = ordering(arguments.value(0), arguments.value(1))?;
    Ok(Value::Bool(order != Some(Ordering::Less)))
}
