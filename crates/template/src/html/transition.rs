//! How text changes the context, outside of scripts and styles.

use super::attributes;
use super::context::{Attribute, Context, Delimiter, Element, State, UrlPart};
use super::{entities, script, style};
use crate::quote::quoted;

/// A context and how many bytes of the text led to it, or why the page makes no sense.
pub(super) type Step = Result<(Context, usize), String>;

/// One step from the beginning of a text that is not in the value of an attribute, or that is the
/// decoded value of one.
pub(super) fn step(context: Context, text: &[u8]) -> Step {
    match context.state {
        State::Text => html_text(context, text),
        State::Tag => tag(context, text),
        State::AttributeName => {
            let end = attribute_name(text)?;
            let state = if end == text.len() {
                State::AttributeName
            } else {
                State::AfterName
            };
            Ok((Context { state, ..context }, end))
        }
        State::AfterName => after_name(context, text),
        State::BeforeValue => before_value(context, text),
        State::HtmlComment => Ok(match find(text, b"-->") {
            Some(at) => (Context::default(), at + 3),
            None => (context, text.len()),
        }),
        State::RcData => Ok(match special_end(context, text) {
            Some(at) => (Context::default(), at),
            None => (context, text.len()),
        }),
        State::AttributeValue | State::Dead => Ok((context, text.len())),
        State::Url | State::SrcSet => Ok((url(context, text), text.len())),
        State::Js
        | State::JsDoubleQuoted
        | State::JsSingleQuoted
        | State::JsTemplate
        | State::JsRegexp
        | State::JsBlockComment
        | State::JsLineComment
        | State::JsHtmlOpenComment
        | State::JsHtmlCloseComment => script::step(context, text),
        State::Css
        | State::CssDoubleQuoted
        | State::CssSingleQuoted
        | State::CssDoubleQuotedUrl
        | State::CssSingleQuotedUrl
        | State::CssUrl
        | State::CssBlockComment
        | State::CssLineComment => style::step(context, text),
    }
}

/// One step from the beginning of any text. `special_end` is what [`special_end`] says about it.
pub(super) fn step_anywhere(context: Context, text: &[u8], special_end: Option<usize>) -> Step {
    if context.delimiter == Delimiter::None {
        return match special_end {
            // `</script>`: all before it has been read.
            Some(0) => Ok((Context::default(), 0)),
            Some(end) => step(context, text.get(..end).unwrap_or(text)),
            None => step(context, text),
        };
    }
    let end = value_end(context.delimiter, text);
    let value = text.get(..end.unwrap_or(text.len())).unwrap_or(text);
    if context.delimiter == Delimiter::SpaceOrTagEnd
        && let Some(bad) = value.iter().find(|b| b"\"'<=`".contains(b))
    {
        return Err(format!(
            "{} in unquoted attr: {}",
            quoted(&char::from(*bad).to_string()),
            shown(value)
        ));
    }
    let Some(end) = end else {
        return inside_value(context, value).map(|context| (context, text.len()));
    };
    // Where a script is no script, its content is not read as one.
    let no_script = context.state == State::AttributeValue
        && context.element == Element::Script
        && context.attribute == Attribute::ScriptType
        && !script::is_script_type(&String::from_utf8_lossy(value));
    let element = match no_script {
        true => Element::Other,
        false => context.element,
    };
    let quote = usize::from(context.delimiter != Delimiter::SpaceOrTagEnd);
    let after = Context {
        element,
        ..Context::of(State::Tag)
    };
    Ok((after, end + quote))
}

/// Where the value of an attribute ends.
pub(super) fn value_end(delimiter: Delimiter, text: &[u8]) -> Option<usize> {
    text.iter().position(|byte| match delimiter {
        Delimiter::None => false,
        Delimiter::DoubleQuote => *byte == b'"',
        Delimiter::SingleQuote => *byte == b'\'',
        Delimiter::SpaceOrTagEnd => is_space(*byte) || *byte == b'>',
    })
}

/// The context behind text within the value of an attribute, whose entities are read first.
fn inside_value(mut context: Context, value: &[u8]) -> Result<Context, String> {
    let value = String::from_utf8_lossy(value);
    let decoded = entities::decoded(&value);
    let mut rest = decoded.as_bytes();
    while !rest.is_empty() {
        let (next, read) = step(context, rest)?;
        // A step that reads nothing changes the state, and no state does so twice in a row.
        rest = rest.get(read..).unwrap_or_default();
        context = next;
    }
    Ok(context)
}

fn html_text(context: Context, text: &[u8]) -> Step {
    let mut from = 0;
    loop {
        let rest = text.get(from..).unwrap_or_default();
        let Some(found) = rest.iter().position(|b| *b == b'<') else {
            return Ok((context, text.len()));
        };
        let mut at = from + found;
        if text.get(at..).is_some_and(|rest| rest.starts_with(b"<!--")) {
            return Ok((Context::of(State::HtmlComment), at + 4));
        }
        at += 1;
        let closes = text.get(at) == Some(&b'/');
        at += usize::from(closes);
        let name = tag_name(text.get(at..).unwrap_or_default());
        if name > 0 {
            let element = match text.get(at..at + name) {
                Some(name) if !closes => Element::named(name),
                _ => Element::Other,
            };
            let context = Context {
                element,
                ..Context::of(State::Tag)
            };
            return Ok((context, at + name));
        }
        from = at;
    }
}

/// How long the name of a tag is: letters and digits, and single colons and minuses within.
fn tag_name(text: &[u8]) -> usize {
    if !text.first().is_some_and(u8::is_ascii_alphabetic) {
        return 0;
    }
    let mut length = 1;
    while let Some(byte) = text.get(length) {
        let joins = matches!(byte, b':' | b'-')
            && text.get(length + 1).is_some_and(u8::is_ascii_alphanumeric);
        length += match (byte.is_ascii_alphanumeric(), joins) {
            (true, _) => 1,
            (false, true) => 2,
            (false, false) => break,
        };
    }
    length
}

fn tag(context: Context, text: &[u8]) -> Step {
    let start = space(text);
    let Some(first) = text.get(start) else {
        return Ok((context, text.len()));
    };
    if *first == b'>' {
        let inside = Context {
            element: context.element,
            ..Context::of(context.element.content())
        };
        return Ok((inside, start + 1));
    }
    let rest = text.get(start..).unwrap_or_default();
    let length = attribute_name(rest)?;
    if length == 0 {
        return Err(format!(
            "expected space, attr name, or end of tag, but got {}",
            shown(rest)
        ));
    }
    let name = String::from_utf8_lossy(rest.get(..length).unwrap_or_default()).to_lowercase();
    let attribute = if context.element == Element::Script && name == "type" {
        Attribute::ScriptType
    } else {
        attributes::content(&name).attribute()
    };
    let state = if start + length == text.len() {
        State::AttributeName
    } else {
        State::AfterName
    };
    let context = Context {
        element: context.element,
        attribute,
        ..Context::of(state)
    };
    Ok((context, start + length))
}

/// How long the name of an attribute is.
fn attribute_name(text: &[u8]) -> Result<usize, String> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'=' | b'>' => return Ok(at),
            byte if is_space(*byte) => return Ok(at),
            b'\'' | b'"' | b'<' => {
                return Err(format!(
                    "{} in attribute name: {}",
                    quoted(&char::from(*byte).to_string()),
                    shown(text)
                ));
            }
            _ => {}
        }
    }
    Ok(text.len())
}

fn after_name(context: Context, text: &[u8]) -> Step {
    let start = space(text);
    Ok(match text.get(start) {
        None => (context, text.len()),
        Some(b'=') => {
            let state = State::BeforeValue;
            (Context { state, ..context }, start + 1)
        }
        // An attribute without a value, or the end of the tag.
        Some(_) => {
            let state = State::Tag;
            (Context { state, ..context }, start)
        }
    })
}

fn before_value(context: Context, text: &[u8]) -> Step {
    let start = space(text);
    let (delimiter, quote) = match text.get(start) {
        None => return Ok((context, text.len())),
        Some(b'\'') => (Delimiter::SingleQuote, 1),
        Some(b'"') => (Delimiter::DoubleQuote, 1),
        Some(_) => (Delimiter::SpaceOrTagEnd, 0),
    };
    let inside = Context {
        state: context.attribute.start(),
        delimiter,
        ..context
    };
    Ok((inside, start + quote))
}

/// Text of a URL moves on from its start, and to its query.
pub(super) fn url(context: Context, text: &[u8]) -> Context {
    let url_part = if text.iter().any(|b| matches!(b, b'#' | b'?')) {
        UrlPart::QueryOrFragment
    } else if context.url_part == UrlPart::None && space(text) < text.len() {
        UrlPart::BeforeQuery
    } else {
        context.url_part
    };
    Context {
        url_part,
        ..context
    }
}

/// Where the element ends whose content is no HTML; `None` where the text is in no such element.
pub(super) fn special_end(context: Context, text: &[u8]) -> Option<usize> {
    let name = context.element.name().as_bytes();
    if name.is_empty() || context.state.is_in_tag() {
        return None;
    }
    let mut from = 0;
    loop {
        let at = from + find(text.get(from..)?, b"</")?;
        let rest = text.get(at + 2..)?;
        let is_name = rest
            .get(..name.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(name));
        if is_name
            && rest
                .get(name.len())
                .is_some_and(|b| b"> \t\n\x0c/".contains(b))
        {
            return Some(at);
        }
        from = at + 2;
    }
}

pub(super) fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|window| window == what)
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r')
}

/// How many spaces a text begins with.
pub(super) fn space(text: &[u8]) -> usize {
    text.iter().take_while(|byte| is_space(**byte)).count()
}

/// The beginning of a text in quotes, for messages.
pub(super) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let head: String = text.chars().take(32).collect();
    quoted(&head).to_string()
}
