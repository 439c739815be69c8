//! How text changes the context in CSS.

use super::context::{Context, State};
use super::script::unfinished;
use super::transition::{Step, find, is_space, space, url};

pub(super) fn step(context: Context, text: &[u8]) -> Step {
    match context.state {
        State::Css => Ok(rules(context, text)),
        State::CssBlockComment => Ok(match find(text, b"*/") {
            Some(at) => {
                let state = State::Css;
                (Context { state, ..context }, at + 2)
            }
            None => (context, text.len()),
        }),
        State::CssLineComment => {
            let end = text.iter().position(|b| b"\n\x0c\r".contains(b));
            Ok(match end {
                Some(at) => {
                    let state = State::Css;
                    (Context { state, ..context }, at)
                }
                None => (context, text.len()),
            })
        }
        _ => string(context, text),
    }
}

/// All strings are taken for URLs, since most are.
fn rules(context: Context, text: &[u8]) -> (Context, usize) {
    let within = |state: State| Context { state, ..context };
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'"' => return (within(State::CssDoubleQuoted), at + 1),
            b'\'' => return (within(State::CssSingleQuoted), at + 1),
            b'/' => match text.get(at + 1) {
                Some(b'/') => return (within(State::CssLineComment), at + 2),
                Some(b'*') => return (within(State::CssBlockComment), at + 2),
                _ => {}
            },
            b'(' if ends_with_url(text.get(..at).unwrap_or_default()) => {
                let rest = text.get(at + 1..).unwrap_or_default();
                let start = at + 1 + space(rest);
                return match text.get(start) {
                    Some(b'"') => (within(State::CssDoubleQuotedUrl), start + 1),
                    Some(b'\'') => (within(State::CssSingleQuotedUrl), start + 1),
                    _ => (within(State::CssUrl), start),
                };
            }
            _ => {}
        }
    }
    (context, text.len())
}

/// Whether a text ends with the word `url`.
fn ends_with_url(text: &[u8]) -> bool {
    let text = text.trim_ascii_end();
    let Some(start) = text.len().checked_sub(3) else {
        return false;
    };
    let (before, word) = text.split_at(start);
    word.eq_ignore_ascii_case(b"url") && !before.last().is_some_and(|b| is_name(*b))
}

/// Whether a byte can be part of a name: also all that is not ASCII.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || !byte.is_ascii()
}

fn string(context: Context, text: &[u8]) -> Step {
    let ends = |byte: u8| match context.state {
        State::CssDoubleQuoted | State::CssDoubleQuotedUrl => byte == b'"',
        State::CssSingleQuoted | State::CssSingleQuotedUrl => byte == b'\'',
        _ => byte == b')' || is_space(byte),
    };
    let mut inside = context;
    let mut from = 0;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if *byte == b'\\' {
            at += 1;
            if at == text.len() {
                return Err(unfinished("CSS string", text));
            }
            // What was escaped may begin the query of the URL.
            inside = url(inside, &decoded(text.get(..=at).unwrap_or_default()));
            from = at + 1;
        } else if ends(*byte) {
            let state = State::Css;
            return Ok((Context { state, ..inside }, at + 1));
        }
        at += 1;
    }
    let inside = url(inside, &decoded(text.get(from..).unwrap_or_default()));
    Ok((inside, text.len()))
}

/// A text without the escapes of CSS.
pub(super) fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        if *first != b'\\' {
            out.push(*first);
            rest = behind;
            continue;
        }
        let digits = behind
            .iter()
            .take(6)
            .take_while(|b| b.is_ascii_hexdigit())
            .count();
        if digits == 0 {
            // The character itself, of which the next pass takes the bytes behind the first.
            out.extend(behind.first());
            rest = behind.get(1..).unwrap_or_default();
            continue;
        }
        let code = behind.iter().take(digits).fold(0u32, |code, digit| {
            code << 4 | u32::from(crate::url::hex(*digit).unwrap_or(0))
        });
        let c = char::from_u32(code).unwrap_or('\u{fffd}');
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        // One space ends the digits.
        rest = behind.get(digits..).unwrap_or_default();
        rest = match rest {
            [b'\r', b'\n', rest @ ..] => rest,
            [first, rest @ ..] if is_space(*first) => rest,
            rest => rest,
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read() {
        let check = |text: &str, want: &str| {
            assert_eq!(String::from_utf8(decoded(text.as_bytes())).unwrap(), want);
        };
        check("foo", "foo");
        check(r"foo\\bar", r"foo\bar");
        check(r"\A B", "\nB");
        check(r"\64 ef\E9x", "def\u{e9}x");
        check(r"\ffffff1", "\u{fffd}1");
        check(r"\é", "é");
        check("\\", "");
        assert!(ends_with_url(b"background: URL "));
        assert!(!ends_with_url(b"curl"));
        assert!(!ends_with_url(b"rl"));
    }
}
