//! Texts made safe for other languages, by hand: pages do it by themselves.

use std::fmt::{self, Write};

use crate::arguments::Arguments;
use crate::format;
use crate::quote::prints;
use crate::url;
use crate::value::Value;

/// What the arguments print one after the other.
pub(super) fn text(arguments: &Arguments<'_>) -> Result<String, String> {
    if let [Value::String(text)] = arguments.values() {
        return Ok((**text).to_owned());
    }
    let printable: Vec<Value> = arguments
        .values()
        .iter()
        .map(|value| match value {
            Value::Nil => Value::from("<no value>"),
            value => value.clone(),
        })
        .collect();
    arguments.build(|out| format::print(out, &printable))
}

pub(super) fn html(arguments: &Arguments<'_>) -> Result<Value, String> {
    let text = text(arguments)?;
    Ok(arguments.build(|out| html_escaped(out, &text))?.into())
}

pub(super) fn js(arguments: &Arguments<'_>) -> Result<Value, String> {
    let text = text(arguments)?;
    Ok(arguments.build(|out| js_escaped(out, &text))?.into())
}

pub(super) fn urlquery(arguments: &Arguments<'_>) -> Result<Value, String> {
    let text = text(arguments)?;
    Ok(arguments
        .build(|out| url::write_query_escaped(out, &text))?
        .into())
}

/// Writes a text so that HTML shows it as it is.
pub(crate) fn html_escaped(out: &mut impl Write, text: &str) -> fmt::Result {
    for c in text.chars() {
        match c {
            '\0' => out.write_char('\u{fffd}')?,
            '"' => out.write_str("&#34;")?,
            '\'' => out.write_str("&#39;")?,
            '&' => out.write_str("&amp;")?,
            '<' => out.write_str("&lt;")?,
            '>' => out.write_str("&gt;")?,
            c => out.write_char(c)?,
        }
    }
    Ok(())
}

/// Writes a text so that it can stand between the quotes of a JavaScript string.
fn js_escaped(out: &mut impl Write, text: &str) -> fmt::Result {
    for c in text.chars() {
        match c {
            '\\' => out.write_str("\\\\")?,
            '\'' => out.write_str("\\'")?,
            '"' => out.write_str("\\\"")?,
            '<' | '>' | '&' | '=' | '\0'..='\u{1f}' => {
                write!(out, "\\u{:04X}", u32::from(c))?;
            }
            c if c.is_ascii() || prints(c) => out.write_char(c)?,
            c => write!(out, "\\u{:04X}", u32::from(c))?,
        }
    }
    Ok(())
}
