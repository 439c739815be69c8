//! What makes a value safe for a place.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use super::attributes::{self, Content};
use super::transition::is_space;
use super::{script, style, tags};
use crate::bounded::Bounded;
use crate::builtins::html_escaped;
use crate::format;
use crate::json::{JsonError, write_json};
use crate::url::{hex, write_query_escaped};
use crate::value::{SafeKind, Value};

/// One step in making a value safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escaper {
    /// For text.
    Html,
    /// For the value of an attribute in quotes.
    Attribute,
    /// For the value of an attribute without quotes.
    NoSpace,
    /// For the text of a `textarea` or `title`.
    RcData,
    /// For the name of a tag or attribute.
    Name,
    /// For a comment: nothing is left.
    Comment,
    /// Lets only URLs through whose scheme does no harm.
    UrlFilter,
    /// For a URL, whose escapes are kept.
    UrlNormalizer,
    /// For a part of a query.
    Url,
    SrcSet,
    JsValue,
    JsString,
    JsTemplate,
    JsRegexp,
    CssString,
    /// Lets only harmless values through.
    CssValue,
    /// The function `html` at the end of a pipeline, which does the work of some of these.
    PredefinedHtml,
    /// The function `urlquery` at the end of a pipeline.
    PredefinedUrlQuery,
}

/// What stands in place of a value that is not safe: a word that can be searched for.
const UNSAFE: &str = "ZgotmplZ";

/// Writes a value that goes through escapers.
pub(crate) fn write_escaped(out: &mut Bounded, escapers: &[Escaper], value: &Value) -> fmt::Result {
    let Some((first, rest)) = escapers.split_first() else {
        return format::write_output(out, value);
    };
    let bytes_max = out.bytes_left();
    let mut text = match first {
        Escaper::JsValue => js_value(value, bytes_max)?,
        first => {
            let (text, kind) = text_of(value, bytes_max)?;
            match first.apply(&text, kind) {
                Cow::Borrowed(text) if rest.is_empty() => return out.write_str(text),
                text => text.into_owned(),
            }
        }
    };
    for escaper in rest {
        text = escaper.apply(&text, None).into_owned();
    }
    out.write_str(&text)
}

/// A value as text, and where the text is known to be safe.
fn text_of(
    value: &Value,
    bytes_max: usize,
) -> Result<(Cow<'_, str>, Option<SafeKind>), fmt::Error> {
    Ok(match value {
        Value::String(text) => (Cow::Borrowed(&**text), None),
        Value::Safe(safe) => (Cow::Borrowed(&*safe.text), Some(safe.kind)),
        Value::Nil => (Cow::Borrowed(""), None),
        value => {
            let mut out = Bounded::new(bytes_max);
            format::write_plain(&mut out, value)?;
            (Cow::Owned(out.into_text()), None)
        }
    })
}

impl Escaper {
    fn apply(self, text: &str, kind: Option<SafeKind>) -> Cow<'_, str> {
        let is = |safe: SafeKind| kind == Some(safe);
        match self {
            Self::Html if is(SafeKind::Html) => Cow::Borrowed(text),
            Self::Html => replaced(text, html),
            Self::RcData if is(SafeKind::Html) => replaced(text, html_kept),
            Self::RcData => replaced(text, html),
            Self::Attribute if is(SafeKind::Html) => {
                Cow::Owned(replaced(&tags::stripped(text), html_kept).into_owned())
            }
            Self::Attribute => replaced(text, html),
            Self::NoSpace if is(SafeKind::Html) => {
                Cow::Owned(replaced(&tags::stripped(text), no_space_kept).into_owned())
            }
            Self::NoSpace if text.is_empty() => Cow::Borrowed(UNSAFE),
            Self::NoSpace => replaced(text, no_space),
            Self::Name if is(SafeKind::HtmlAttribute) => Cow::Borrowed(text),
            Self::Name => name(text),
            Self::Comment => Cow::Borrowed(""),
            Self::UrlFilter if is(SafeKind::Url) || is_safe_url(text) => Cow::Borrowed(text),
            Self::UrlFilter => Cow::Owned(format!("#{UNSAFE}")),
            Self::UrlNormalizer => url(text, true),
            Self::Url => url(text, is(SafeKind::Url)),
            Self::SrcSet if is(SafeKind::SrcSet) => Cow::Borrowed(text),
            Self::SrcSet if is(SafeKind::Url) => {
                // A comma would begin another image.
                Cow::Owned(url(text, true).replace(',', "%2c"))
            }
            Self::SrcSet => Cow::Owned(images(text)),
            Self::JsValue => {
                Cow::Owned(js_value(&Value::from(text), usize::MAX).unwrap_or_default())
            }
            Self::JsString if is(SafeKind::JsString) => replaced(text, js_string_kept),
            Self::JsString => replaced(text, js_string),
            Self::JsTemplate if is(SafeKind::JsString) => replaced(text, js_template_kept),
            Self::JsTemplate => replaced(text, js_template),
            Self::JsRegexp => match replaced(text, js_regexp) {
                // Two slashes would be a comment.
                text if text.is_empty() => Cow::Borrowed("(?:)"),
                text => text,
            },
            Self::CssString => css_string(text),
            Self::CssValue if is(SafeKind::Css) => Cow::Borrowed(text),
            Self::CssValue => css_value(text),
            Self::PredefinedHtml => {
                let mut out = String::with_capacity(text.len());
                // Writing into a string cannot fail.
                let _infallible = html_escaped(&mut out, text);
                Cow::Owned(out)
            }
            Self::PredefinedUrlQuery => {
                let mut out = String::with_capacity(text.len());
                let _infallible = write_query_escaped(&mut out, text);
                Cow::Owned(out)
            }
        }
    }
}

/// A text with some characters written differently.
fn replaced(text: &str, replacement: impl Fn(char) -> Option<&'static str>) -> Cow<'_, str> {
    let Some(first) = text.find(|c| replacement(c).is_some()) else {
        return Cow::Borrowed(text);
    };
    let (before, rest) = text.split_at(first);
    let mut out = String::with_capacity(text.len() + text.len() / 8 + 8);
    out.push_str(before);
    for c in rest.chars() {
        match replacement(c) {
            Some(text) => out.push_str(text),
            None => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn html(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        c => html_kept(c),
    }
}

/// Like [`html`], for text whose references are to stay.
fn html_kept(c: char) -> Option<&'static str> {
    Some(match c {
        '\0' => "\u{fffd}",
        '"' => "&#34;",
        '\'' => "&#39;",
        '+' => "&#43;",
        '<' => "&lt;",
        '>' => "&gt;",
        _ => return None,
    })
}

fn no_space(c: char) -> Option<&'static str> {
    match c {
        '&' => Some("&amp;"),
        c => no_space_kept(c),
    }
}

fn no_space_kept(c: char) -> Option<&'static str> {
    Some(match c {
        '\0' => "&#xfffd;",
        '\t' => "&#9;",
        '\n' => "&#10;",
        '\u{b}' => "&#11;",
        '\u{c}' => "&#12;",
        '\r' => "&#13;",
        ' ' => "&#32;",
        '=' => "&#61;",
        '`' => "&#96;",
        c => return html_kept(c),
    })
}

fn js_string(c: char) -> Option<&'static str> {
    match c {
        '\\' => Some("\\\\"),
        c => js_string_kept(c),
    }
}

/// Like [`js_string`], for text whose escapes are to stay.
fn js_string_kept(c: char) -> Option<&'static str> {
    Some(match c {
        '\0' => "\\u0000",
        '\t' => "\\t",
        '\n' => "\\n",
        '\u{b}' => "\\u000b",
        '\u{c}' => "\\f",
        '\r' => "\\r",
        '"' => "\\u0022",
        '`' => "\\u0060",
        '&' => "\\u0026",
        '\'' => "\\u0027",
        '+' => "\\u002b",
        '/' => "\\/",
        '<' => "\\u003c",
        '>' => "\\u003e",
        '\u{2028}' => "\\u2028",
        '\u{2029}' => "\\u2029",
        _ => return None,
    })
}

fn js_template(c: char) -> Option<&'static str> {
    match c {
        '\\' => Some("\\\\"),
        c => js_template_kept(c),
    }
}

fn js_template_kept(c: char) -> Option<&'static str> {
    match c {
        '$' => Some("\\u0024"),
        '{' => Some("\\u007b"),
        '}' => Some("\\u007d"),
        c => js_string_kept(c),
    }
}

fn js_regexp(c: char) -> Option<&'static str> {
    Some(match c {
        '`' => return None,
        '$' => "\\$",
        '(' => "\\(",
        ')' => "\\)",
        '*' => "\\*",
        '-' => "\\-",
        '.' => "\\.",
        '?' => "\\?",
        '[' => "\\[",
        '\\' => "\\\\",
        ']' => "\\]",
        '^' => "\\^",
        '{' => "\\{",
        '|' => "\\|",
        '}' => "\\}",
        c => return js_string_kept(c),
    })
}

/// A value as an expression of JavaScript.
fn js_value(value: &Value, bytes_max: usize) -> Result<String, fmt::Error> {
    match value {
        Value::Safe(safe) if safe.kind == SafeKind::Js => return Ok((*safe.text).to_owned()),
        Value::Safe(safe) if safe.kind == SafeKind::JsString => {
            return Ok(format!("\"{}\"", safe.text));
        }
        _ => {}
    }
    // What prints in a way of its own is a text to scripts; a time has a JSON of its own.
    let text = match value {
        Value::Duration(duration) => Some(duration.to_string()),
        Value::Object(object) => object.text(),
        _ => None,
    };
    let mut out = Bounded::new(bytes_max);
    match write_json(&mut out, &text.map_or_else(|| value.clone(), Value::from)) {
        Ok(()) => {}
        Err(JsonError::TooLong) => return Err(fmt::Error),
        // The space keeps a slash before it from beginning another comment.
        Err(error) => return Ok(format!(" /* {error} */null ")),
    }
    let json = out.into_text();
    // Numbers and words must not run into what stands beside them.
    let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| script::is_word(*byte));
    let bytes = json.as_bytes();
    if is_word(bytes.first()) || is_word(bytes.last()) {
        return Ok(format!(" {json} "));
    }
    Ok(json)
}

/// A part of the name of a tag or attribute that changes nothing about its meaning.
fn name(text: &str) -> Cow<'_, str> {
    let lower = text.to_lowercase();
    let harmless = !lower.is_empty()
        && attributes::content(&lower) == Content::Plain
        && lower.bytes().all(|b| b.is_ascii_alphanumeric());
    if harmless {
        Cow::Owned(lower)
    } else {
        Cow::Borrowed(UNSAFE)
    }
}

/// Whether a URL is relative or has a scheme that asks before it does anything.
fn is_safe_url(text: &str) -> bool {
    match text.split_once(':') {
        Some((scheme, _)) if !scheme.contains('/') => ["http", "https", "mailto"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known)),
        _ => true,
    }
}

/// A URL with escapes for what may not stand in one (`keeps`), or a part of a query.
fn url(text: &str, keeps: bool) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let stays = |at: usize, byte: u8| match byte {
        b'!' | b'#' | b'$' | b'&' | b'*' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?'
        | b'@' | b'[' | b']' => keeps,
        b'-' | b'.' | b'_' | b'~' => true,
        b'%' => {
            let digit = |at: usize| bytes.get(at).is_some_and(|b| hex(*b).is_some());
            keeps && digit(at + 1) && digit(at + 2)
        }
        byte => byte.is_ascii_alphanumeric(),
    };
    if bytes.iter().enumerate().all(|(at, byte)| stays(at, *byte)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (at, byte) in bytes.iter().enumerate() {
        if stays(at, *byte) {
            out.push(char::from(*byte));
        } else {
            // Writing into a string cannot fail.
            let _infallible = write!(out, "%{byte:02x}");
        }
    }
    Cow::Owned(out)
}

/// URLs of images with their sizes, and commas between them.
fn images(text: &str) -> String {
    let images: Vec<Cow<'_, str>> = text.split(',').map(image).collect();
    images.join(",")
}

fn image(text: &str) -> Cow<'_, str> {
    let space = |c: char| c.is_ascii() && is_space(c as u8);
    let trimmed = text.trim_start_matches(space);
    let before = text.len() - trimmed.len();
    let (address, sizes) = match trimmed.find(space) {
        Some(end) => trimmed.split_at(end),
        None => (trimmed, ""),
    };
    let harmless = sizes.chars().all(|c| space(c) || c.is_ascii_alphanumeric());
    if !is_safe_url(address) || !harmless {
        return Cow::Owned(format!("#{UNSAFE}"));
    }
    let before = text.get(..before).unwrap_or("");
    Cow::Owned(format!("{before}{}{sizes}", url(address, true)))
}

/// A text that can stand in a string of CSS.
fn css_string(text: &str) -> Cow<'_, str> {
    let escape = |c: char| {
        matches!(
            c,
            '\0' | '\t'
                | '\n'
                | '\u{c}'
                | '\r'
                | '"'
                | '&'
                | '\''
                | '('
                | ')'
                | '+'
                | '/'
                | ':'
                | ';'
                | '<'
                | '>'
                | '\\'
                | '{'
                | '}'
        )
    };
    if !text.contains(escape) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\\' {
            out.push_str("\\\\");
        } else if escape(c) {
            // Writing into a string cannot fail.
            let _infallible = write!(out, "\\{:x}", u32::from(c));
            // A space ends the digits where they would go on.
            let runs_on = chars.peek().is_none_or(|next| {
                next.is_ascii_hexdigit() || next.is_ascii() && is_space(*next as u8)
            });
            if runs_on {
                out.push(' ');
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// A value of CSS that ends no declaration and runs nothing: a size, a color, a word.
fn css_value(text: &str) -> Cow<'_, str> {
    let decoded = style::decoded(text.as_bytes());
    let mut word = Vec::new();
    for (at, byte) in decoded.iter().enumerate() {
        match byte {
            0 | b'"' | b'\'' | b'(' | b')' | b'/' | b';' | b'@' | b'[' | b'\\' | b']' | b'`'
            | b'{' | b'}' | b'<' | b'>' => return Cow::Borrowed(UNSAFE),
            // Two of them are part of a comment of HTML.
            b'-' if at > 0 && decoded.get(at - 1) == Some(&b'-') => return Cow::Borrowed(UNSAFE),
            byte if byte.is_ascii() && style::is_name(*byte) && *byte != b'-' => {
                word.push(byte.to_ascii_lowercase());
            }
            _ => {}
        }
    }
    let word = String::from_utf8_lossy(&word);
    if word.contains("expression") || word.contains("mozbinding") {
        return Cow::Borrowed(UNSAFE);
    }
    match String::from_utf8(decoded) {
        Ok(decoded) if decoded == text => Cow::Borrowed(text),
        Ok(decoded) => Cow::Owned(decoded),
        Err(_) => Cow::Borrowed(UNSAFE),
    }
}
