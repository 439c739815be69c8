//! Elements, parts and lengths of lists, maps and texts.

use std::borrow::Cow;

use crate::arguments::Arguments;
use crate::value::Value;

/// The element of the first argument at the others, one after the other: `index x 1 "a"` is
/// `x[1]["a"]`.
pub(super) fn index(arguments: &Arguments<'_>) -> Result<Value, String> {
    let mut item = Cow::Borrowed(arguments.value(0));
    if matches!(*item, Value::Nil) {
        return Err("index of untyped nil".to_owned());
    }
    for index in arguments.rest(1) {
        let element = element(&item, index)?;
        item = Cow::Owned(element);
    }
    Ok(item.into_owned())
}

fn element(item: &Value, index: &Value) -> Result<Value, String> {
    match item.underlying().as_ref() {
        Value::List(list) => {
            let at = position(index, list.len())?;
            let value = list.values().get(at);
            value.cloned().ok_or_else(|| out_of_range(at))
        }
        Value::String(text) => byte(text, index),
        Value::Safe(safe) => byte(&safe.text, index),
        Value::Map(map) => match index.as_str() {
            Some(name) => Ok(map.get(name).unwrap_or_else(|| map.zero())),
            None if matches!(index, Value::Nil) => {
                Err("value is nil; should be of type string".to_owned())
            }
            None => Err(format!(
                "value has type {}; should be string",
                index.type_name()
            )),
        },
        Value::Nil => Err("index of nil pointer".to_owned()),
        _ => Err(format!("can't index item of type {}", item.type_name())),
    }
}

fn byte(text: &str, index: &Value) -> Result<Value, String> {
    let at = position(index, text.len())?;
    let byte = text.as_bytes().get(at);
    byte.map(|byte| Value::Int(i64::from(*byte)))
        .ok_or_else(|| out_of_range(at))
}

fn out_of_range(at: impl std::fmt::Display) -> String {
    format!("index out of range: {at}")
}

/// An index from 0 to the length, both included.
fn position(index: &Value, length: usize) -> Result<usize, String> {
    match index.underlying().as_ref() {
        Value::Int(index) => usize::try_from(*index)
            .ok()
            .filter(|index| *index <= length)
            .ok_or_else(|| out_of_range(index)),
        Value::Nil => Err("cannot index slice/array with nil".to_owned()),
        _ => Err(format!(
            "cannot index slice/array with type {}",
            index.type_name()
        )),
    }
}

/// The part of the first argument between the others: `slice x 1 2` is `x[1:2]`.
pub(super) fn slice(arguments: &Arguments<'_>) -> Result<Value, String> {
    let item = arguments.value(0);
    let bounds = arguments.rest(1);
    if matches!(item, Value::Nil) {
        return Err("slice of untyped nil".to_owned());
    }
    if bounds.len() > 3 {
        return Err(format!("too many slice indexes: {}", bounds.len()));
    }
    let underlying = item.underlying();
    let length = match underlying.as_ref() {
        Value::List(list) => list.len(),
        value => match value.as_str() {
            Some(_) if bounds.len() == 3 => {
                return Err("cannot 3-index slice a string".to_owned());
            }
            Some(text) => text.len(),
            None => return Err(format!("can't slice item of type {}", item.type_name())),
        },
    };
    let mut range = [0, length, length];
    for (bound, given) in range.iter_mut().zip(bounds) {
        *bound = position(given, length)?;
    }
    let [start, end, capacity] = range;
    if start > end {
        return Err(format!("invalid slice index: {start} > {end}"));
    }
    if end > capacity {
        return Err(format!("invalid slice index: {end} > {capacity}"));
    }
    Ok(match underlying.as_ref() {
        Value::List(list) => list.part(start, end).into(),
        value => {
            // Bytes of a character that is cut in half become the replacement character.
            let bytes = value.as_str().unwrap_or("").as_bytes();
            let part = bytes.get(start..end).unwrap_or_default();
            Value::from(&*String::from_utf8_lossy(part))
        }
    })
}

/// How many elements there are, or bytes in a text.
pub(super) fn len(arguments: &Arguments<'_>) -> Result<Value, String> {
    let item = arguments.value(0);
    let length = match item.underlying().as_ref() {
        Value::List(list) => list.len(),
        Value::Map(map) => map.len(),
        Value::String(text) => text.len(),
        Value::Safe(safe) => safe.text.len(),
        Value::Nil => return Err("len of nil pointer".to_owned()),
        _ => return Err(format!("len of type {}", item.type_name())),
    };
    Ok(Value::Int(length as i64))
}
