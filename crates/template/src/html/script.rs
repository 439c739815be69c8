//! How text changes the context in JavaScript.

use super::context::{Context, Slash, State};
use super::transition::{Step, find, shown};

pub(super) fn step(context: Context, text: &[u8]) -> Step {
    match context.state {
        State::JsTemplate => template_literal(context, text),
        State::JsDoubleQuoted | State::JsSingleQuoted | State::JsRegexp => literal(context, text),
        State::JsBlockComment => Ok(match find(text, b"*/") {
            Some(at) => {
                let state = State::Js;
                (Context { state, ..context }, at + 2)
            }
            None => (context, text.len()),
        }),
        State::JsLineComment | State::JsHtmlOpenComment | State::JsHtmlCloseComment => {
            Ok(match line_end(text) {
                // The end of the line is no part of the comment.
                Some(at) => {
                    let state = State::Js;
                    (Context { state, ..context }, at)
                }
                None => (context, text.len()),
            })
        }
        _ => code(context, text),
    }
}

fn line_end(text: &[u8]) -> Option<usize> {
    let ends = [
        &b"\n"[..],
        b"\r",
        "\u{2028}".as_bytes(),
        "\u{2029}".as_bytes(),
    ];
    ends.iter().filter_map(|end| find(text, end)).min()
}

fn code(context: Context, text: &[u8]) -> Step {
    let Some(at) = text.iter().position(|b| b"\"'`/{}<-#".contains(b)) else {
        let slash = slash_after(text, context.slash);
        return Ok((Context { slash, ..context }, text.len()));
    };
    let rest = text.get(at..).unwrap_or_default();
    let before = Context {
        slash: slash_after(text.get(..at).unwrap_or_default(), context.slash),
        ..context
    };
    let in_literal = |state: State| Context {
        state,
        slash: Slash::Regexp,
        ..before
    };
    let in_comment = |state: State| Context { state, ..before };
    let (after, read) = match rest {
        [b'"', ..] => (in_literal(State::JsDoubleQuoted), 1),
        [b'\'', ..] => (in_literal(State::JsSingleQuoted), 1),
        [b'`', ..] => (in_literal(State::JsTemplate), 1),
        [b'/', b'/', ..] => (in_comment(State::JsLineComment), 2),
        [b'/', b'*', ..] => (in_comment(State::JsBlockComment), 2),
        [b'/', ..] => match before.slash {
            Slash::Regexp => (in_comment(State::JsRegexp), 1),
            Slash::Division => (
                Context {
                    slash: Slash::Regexp,
                    ..before
                },
                1,
            ),
            Slash::Unknown => {
                return Err(format!(
                    "'/' could start a division or regexp: {}",
                    shown(rest)
                ));
            }
        },
        // What HTML hides scripts with comments out to the end of the line.
        [b'<', b'!', b'-', b'-', ..] => (in_comment(State::JsHtmlOpenComment), 4),
        [b'-', b'-', b'>', ..] => (in_comment(State::JsHtmlCloseComment), 3),
        [b'#', b'!', ..] => (in_comment(State::JsLineComment), 2),
        [brace @ (b'{' | b'}'), ..] => (braced(before, *brace)?, 1),
        [b'-', ..] => {
            let run = rest.iter().take_while(|b| **b == b'-').count();
            // Of more than two, the last two may begin a comment.
            let read = match rest.get(run) {
                Some(b'>') => run.saturating_sub(2).max(1),
                _ => run,
            };
            let slash = slash_after(text.get(..at + read).unwrap_or(text), context.slash);
            (Context { slash, ..before }, read)
        }
        [byte, ..] => {
            let slash = slash_after(&[*byte], before.slash);
            (Context { slash, ..before }, 1)
        }
        [] => (before, 0),
    };
    Ok((after, at + read))
}

/// Braces are counted in the expressions of template literals, which one of them ends.
fn braced(context: Context, brace: u8) -> Result<Context, String> {
    let context = Context {
        slash: Slash::Regexp,
        ..context
    };
    if context.braces.is_empty() {
        return Ok(context);
    }
    if brace == b'{' {
        let braces = context.braces.opened();
        let braces = braces.ok_or("more than 255 braces are open in a template literal")?;
        return Ok(Context { braces, ..context });
    }
    let (braces, ends) = context.braces.closed();
    let state = if ends { State::JsTemplate } else { State::Js };
    Ok(Context {
        state,
        braces,
        ..context
    })
}

fn template_literal(context: Context, text: &[u8]) -> Step {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => {
                at += 1;
                if at == text.len() {
                    return Err(unfinished("JS string", text));
                }
            }
            b'$' if text.get(at + 1) == Some(&b'{') => {
                let braces = context.braces.literal();
                let braces = braces.ok_or("template literals nest more than 4 deep")?;
                let inside = Context {
                    state: State::Js,
                    slash: Slash::Regexp,
                    braces,
                    ..context
                };
                return Ok((inside, at + 2));
            }
            b'`' => return Ok((behind_literal(context), at + 1)),
            _ => {}
        }
        at += 1;
    }
    Ok((context, text.len()))
}

fn literal(context: Context, text: &[u8]) -> Step {
    let end = match context.state {
        State::JsDoubleQuoted => b'"',
        State::JsSingleQuoted => b'\'',
        _ => b'/',
    };
    let is_regexp = context.state == State::JsRegexp;
    let mut in_set = false;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'\\' => {
                at += 1;
                if at == text.len() {
                    return Err(unfinished("JS string", text));
                }
            }
            b'[' if is_regexp => in_set = true,
            b']' if is_regexp => in_set = false,
            byte if *byte == end && !in_set => return Ok((behind_literal(context), at + 1)),
            _ => {}
        }
        at += 1;
    }
    if in_set {
        return Err(format!("unfinished JS regexp charset: {}", shown(text)));
    }
    Ok((context, text.len()))
}

fn behind_literal(context: Context) -> Context {
    Context {
        state: State::Js,
        slash: Slash::Division,
        ..context
    }
}

pub(super) fn unfinished(what: &str, text: &[u8]) -> String {
    format!("unfinished escape sequence in {what}: {}", shown(text))
}

/// Words behind which a regular expression can stand.
const BEFORE_REGEXP: [&str; 14] = [
    "break",
    "case",
    "continue",
    "delete",
    "do",
    "else",
    "finally",
    "in",
    "instanceof",
    "return",
    "throw",
    "try",
    "typeof",
    "void",
];

/// What a slash would mean behind a text without strings, comments and regular expressions.
pub(super) fn slash_after(text: &[u8], before: Slash) -> Slash {
    let text = trim_end(text);
    let Some((last, rest)) = text.split_last() else {
        return before;
    };
    let is_operand = match last {
        // `++` and `--` end an operand, one sign does not.
        b'+' | b'-' => {
            let count = text.iter().rev().take_while(|b| *b == last).count();
            count % 2 == 0
        }
        b'.' => rest.last().is_some_and(u8::is_ascii_digit),
        b',' | b'<' | b'>' | b'=' | b'*' | b'%' | b'&' | b'|' | b'^' | b'?' | b'!' | b'~'
        | b'(' | b'[' | b':' | b';' | b'{' | b'}' => false,
        _ => {
            let word = text.iter().rev().take_while(|b| is_word(**b)).count();
            let word = text.get(text.len() - word..).unwrap_or_default();
            !BEFORE_REGEXP.iter().any(|known| known.as_bytes() == word)
        }
    };
    if is_operand {
        Slash::Division
    } else {
        Slash::Regexp
    }
}

fn trim_end(text: &[u8]) -> &[u8] {
    let mut text = text;
    loop {
        let shorter = text
            .strip_suffix("\u{2028}".as_bytes())
            .or_else(|| text.strip_suffix("\u{2029}".as_bytes()))
            .or(match text {
                [shorter @ .., b' ' | b'\t' | b'\n' | b'\x0c' | b'\r'] => Some(shorter),
                _ => None,
            });
        match shorter {
            Some(shorter) => text = shorter,
            None => return text,
        }
    }
}

/// Whether a byte can be part of a name or number.
pub(super) fn is_word(byte: u8) -> bool {
    byte == b'$' || byte == b'_' || byte.is_ascii_alphanumeric()
}

/// Whether a script of this type is run or read as JSON.
pub(super) fn is_script_type(mime: &str) -> bool {
    let mime = mime.split(';').next().unwrap_or("").trim().to_lowercase();
    match mime.split_once('/') {
        Some(("application", kind)) => matches!(
            kind,
            "ecmascript" | "javascript" | "json" | "ld+json" | "x-ecmascript" | "x-javascript"
        ),
        Some(("text", kind)) => matches!(
            kind,
            "ecmascript"
                | "javascript"
                | "javascript1.0"
                | "javascript1.1"
                | "javascript1.2"
                | "javascript1.3"
                | "javascript1.4"
                | "javascript1.5"
                | "jscript"
                | "livescript"
                | "x-ecmascript"
                | "x-javascript"
        ),
        _ => mime == "module",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_told_apart() {
        let check = |text: &str, want: Slash| {
            assert_eq!(slash_after(text.as_bytes(), Slash::Unknown), want, "{text}");
        };
        for text in [
            ";",
            "{",
            "}",
            "x =",
            "return",
            "return ",
            "case",
            "(",
            "[",
            "a,",
            "a ?",
            "!",
            "x + ",
            "x - --",
            "---",
            "x *",
            "~",
            "0.",
            "in\u{2028}",
        ] {
            let want = match text {
                "x - --" | "0." => Slash::Division,
                _ => Slash::Regexp,
            };
            check(text, want);
        }
        for text in [
            "x", "x.y", "a)", "a]", "x++", "x--", "42", "\"", "returns", "x ",
        ] {
            check(text, Slash::Division);
        }
        check("", Slash::Unknown);
    }
}
