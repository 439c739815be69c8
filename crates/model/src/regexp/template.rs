//! Replacement templates.

use std::fmt;
use std::sync::LazyLock;

use super::Captures;

/// What a reference may be called: letters and digits of any script, and `_`.
static NAME: LazyLock<regex::Regex> =
    LazyLock::new(|| regex::Regex::new(r"\A[\p{L}\p{Nd}_]+").expect("the pattern is valid"));

pub(super) fn expand(
    captures: &Captures<'_>,
    template: &str,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.write_str(before)?;
        if let Some(after) = after.strip_prefix('$') {
            out.write_char('$')?;
            rest = after;
        } else if let Some((name, after)) = reference(after) {
            out.write_str(value(captures, name).unwrap_or(""))?;
            rest = after;
        } else {
            out.write_char('$')?;
            rest = after;
        }
    }
    out.write_str(rest)
}

/// The name at the start of `text`, bare or in braces, and what follows it.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (is_braced, inner) = match text.strip_prefix('{') {
        Some(inner) => (true, inner),
        None => (false, text),
    };
    let name = NAME.find(inner)?.as_str();
    let after = inner.strip_prefix(name)?;
    if is_braced {
        Some((name, after.strip_prefix('}')?))
    } else {
        Some((name, after))
    }
}

/// Numbers have no leading zeros: `$01` is a name, and no group has it.
fn value<'c>(captures: &'c Captures<'_>, name: &str) -> Option<&'c str> {
    let is_number =
        name.bytes().all(|b| b.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
    if is_number {
        captures.get(name.parse().ok()?)
    } else {
        captures.named(name)
    }
}
