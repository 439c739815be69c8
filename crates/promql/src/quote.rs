//! Strings in quotes, as Go writes and PromQL reads them: the messages and the canonical form of
//! Prometheus are full of them.

use std::fmt;

pub(crate) use bellwether_model::go_quote::{InvalidSyntax, QuotedBytes, quoted};
use bellwether_model::go_quote::{lossy, unescaped};

/// A string between double quotes as an error shows it: cut where it is long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuotedShort<'a>(&'a str);

/// `"text"`, with escapes, or the beginning of a long one and `… (N bytes)`.
pub(crate) fn quoted_short(text: &str) -> QuotedShort<'_> {
    QuotedShort(text)
}

impl fmt::Display for QuotedShort<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, bytes) = bellwether_model::short(self.0).parts();
        write!(f, "{}", quoted(start))?;
        match bytes {
            Some(bytes) => write!(f, "… ({bytes} bytes)"),
            None => Ok(()),
        }
    }
}

/// A character between single quotes; `None` (the end of the input) prints as the replacement
/// character.
pub(crate) struct QuotedChar(pub(crate) Option<char>);

impl fmt::Display for QuotedChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = bellwether_model::go_quote::QuotedChar {
            c: self.0.unwrap_or('\u{fffd}'),
            ascii: false,
        };
        fmt::Display::fmt(&quoted, f)
    }
}

/// Takes quotes and escapes away. Bytes that escapes make and that are not UTF-8 become the
/// replacement character, since labels and strings here are UTF-8.
pub(crate) fn unquoted(text: &str) -> Result<String, InvalidSyntax> {
    unquoted_bytes(text).map(lossy)
}

/// Takes quotes and escapes away. Strings may stand between single quotes, too, and back quotes keep
/// everything as it is.
pub(crate) fn unquoted_bytes(text: &str) -> Result<Vec<u8>, InvalidSyntax> {
    let mut chars = text.chars();
    let (Some(quote), Some(last)) = (chars.next(), chars.next_back()) else {
        return Err(InvalidSyntax);
    };
    if quote != last {
        return Err(InvalidSyntax);
    }
    let inner = chars.as_str();
    match quote {
        '`' if inner.contains('`') => Err(InvalidSyntax),
        '`' => Ok(inner.into()),
        '"' | '\'' => unescaped(inner, quote),
        _ => Err(InvalidSyntax),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_between_three_kinds_of_quotes() {
        let check = |text: &str, want: &str| assert_eq!(unquoted(text).as_deref(), Ok(want));
        check(r#""a\"b""#, "a\"b");
        check(r"'a\'b'", "a'b");
        check(r"`a\'b`", r"a\'b");
        check(r#""\xff""#, "\u{fffd}");
        for text in [r#""a"#, "'a'b'", "", "x", r#""\"#, "`a`b`"] {
            assert_eq!(unquoted(text), Err(InvalidSyntax), "{text}");
        }
        assert_eq!(QuotedChar(Some('\'')).to_string(), r"'\''");
        assert_eq!(QuotedChar(None).to_string(), "'\u{fffd}'");
    }
}
