//! Strings in quotes, as Go writes and reads them: the messages and the canonical form of
//! Prometheus are full of them.

use std::fmt;

/// A string between double quotes, with everything escaped that does not print.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quoted<'a>(&'a str);

/// `"text"`, with escapes.
pub(crate) fn quoted(text: &str) -> Quoted<'_> {
    Quoted(text)
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            write_escaped(f, c, '"')?;
        }
        f.write_str("\"")
    }
}

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

/// Bytes between double quotes, those that are not UTF-8 as `\xff`.
pub(crate) fn quoted_bytes(bytes: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        let valid = quoted(chunk.valid()).to_string();
        out.push_str(
            valid
                .strip_prefix('"')
                .and_then(|v| v.strip_suffix('"'))
                .unwrap_or(""),
        );
        for byte in chunk.invalid() {
            // Writing into a String cannot fail.
            let _infallible = fmt::Write::write_fmt(&mut out, format_args!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

/// A character between single quotes; `None` (the end of the input) prints as the replacement
/// character.
pub(crate) struct QuotedChar(pub(crate) Option<char>);

impl fmt::Display for QuotedChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("'")?;
        write_escaped(f, self.0.unwrap_or('\u{fffd}'), '\'')?;
        f.write_str("'")
    }
}

fn write_escaped(f: &mut fmt::Formatter<'_>, c: char, quote: char) -> fmt::Result {
    use fmt::Write as _;
    match c {
        '\u{7}' => f.write_str("\\a"),
        '\u{8}' => f.write_str("\\b"),
        '\u{c}' => f.write_str("\\f"),
        '\n' => f.write_str("\\n"),
        '\r' => f.write_str("\\r"),
        '\t' => f.write_str("\\t"),
        '\u{b}' => f.write_str("\\v"),
        '\\' => f.write_str("\\\\"),
        c if c == quote => write!(f, "\\{c}"),
        c if prints(c) => f.write_char(c),
        c if u32::from(c) < 0x80 => write!(f, "\\x{:02x}", u32::from(c)),
        c if u32::from(c) < 0x1_0000 => write!(f, "\\u{:04x}", u32::from(c)),
        c => write!(f, "\\U{:08x}", u32::from(c)),
    }
}

/// Letters, marks, numbers, punctuation, symbols and the plain space.
fn prints(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // The standard library escapes in `str::escape_debug` what does not print, but also a mark at
    // the start of a string: hence the letter before it.
    let mut buffer = ['a', c].iter().collect::<String>();
    buffer.shrink_to_fit();
    buffer.escape_debug().nth(1) != Some('\\')
}

/// Why a quoted string cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidSyntax;

/// Takes quotes and escapes away. Bytes that escapes make and that are not UTF-8 become the
/// replacement character, since labels and strings here are UTF-8.
pub(crate) fn unquoted(text: &str) -> Result<String, InvalidSyntax> {
    let bytes = unquoted_bytes(text)?;
    Ok(match String::from_utf8(bytes) {
        Ok(string) => string,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// Takes quotes and escapes away.
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
        '"' | '\'' if inner.contains('\n') => Err(InvalidSyntax),
        '"' | '\'' if !inner.contains(['\\', quote]) => Ok(inner.into()),
        '"' | '\'' => unescaped(inner, quote),
        _ => Err(InvalidSyntax),
    }
}

fn unescaped(inner: &str, quote: char) -> Result<Vec<u8>, InvalidSyntax> {
    let mut out = Vec::with_capacity(inner.len());
    let push = |out: &mut Vec<u8>, c: char| {
        let mut buffer = [0; 4];
        out.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
    };
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        if c == quote {
            return Err(InvalidSyntax);
        }
        if c != '\\' {
            push(&mut out, c);
            continue;
        }
        let escape = chars.next().ok_or(InvalidSyntax)?;
        let mut digits = |first: Option<char>, count: usize, radix: u32| {
            let mut value = match first {
                Some(c) => c.to_digit(radix).ok_or(InvalidSyntax)?,
                None => 0,
            };
            for _ in usize::from(first.is_some())..count {
                let digit = chars.next().and_then(|c| c.to_digit(radix));
                value =
                    value.checked_mul(radix).ok_or(InvalidSyntax)? + digit.ok_or(InvalidSyntax)?;
            }
            Ok(value)
        };
        match escape {
            'a' => out.push(7),
            'b' => out.push(8),
            'f' => out.push(12),
            'n' => out.push(b'\n'),
            'r' => out.push(b'\r'),
            't' => out.push(b'\t'),
            'v' => out.push(11),
            '\\' => out.push(b'\\'),
            '0'..='7' => {
                let value = digits(Some(escape), 3, 8)?;
                out.push(u8::try_from(value).map_err(|_| InvalidSyntax)?);
            }
            'x' => out.push(u8::try_from(digits(None, 2, 16)?).map_err(|_| InvalidSyntax)?),
            'u' => push(
                &mut out,
                char::from_u32(digits(None, 4, 16)?).ok_or(InvalidSyntax)?,
            ),
            'U' => push(
                &mut out,
                char::from_u32(digits(None, 8, 16)?).ok_or(InvalidSyntax)?,
            ),
            c if c == quote => push(&mut out, c),
            _ => return Err(InvalidSyntax),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_written() {
        let check = |text: &str, want: &str| assert_eq!(quoted(text).to_string(), want);
        check("a\"b\\c\n", r#""a\"b\\c\n""#);
        check("größe 日本 e\u{301}", "\"größe 日本 e\u{301}\"");
        check(
            "\u{0}\u{7f}\u{200b}\u{e0001}",
            r#""\x00\x7f\u200b\U000e0001""#,
        );
        assert_eq!(quoted_bytes(b"a\xc5z\"\xc3\xa4"), r#""a\xc5z\"ä""#);
        assert_eq!(QuotedChar(Some('\'')).to_string(), r"'\''");
        assert_eq!(QuotedChar(None).to_string(), "'\u{fffd}'");
    }

    #[test]
    fn escapes_are_read() {
        let check = |text: &str, want: &str| assert_eq!(unquoted(text).as_deref(), Ok(want));
        check(r#""a\"b""#, "a\"b");
        check(r"'a\'b'", "a'b");
        check(r"`a\'b`", r"a\'b");
        check(r#""\x41\101\u00e4\U0001F600\n""#, "AAä😀\n");
        check(r#""\xc3\xa4""#, "ä");
        check(r#""\xff""#, "\u{fffd}");
        for text in [
            r#""a"#,
            r#""\q""#,
            r#""\u12""#,
            "'a'b'",
            r#""\400""#,
            "",
            "x",
            r#""\"#,
        ] {
            assert_eq!(unquoted(text), Err(InvalidSyntax), "{text}");
        }
    }
}
