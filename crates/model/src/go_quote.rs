//! Strings and characters in quotes, as Go writes and reads them: messages of Prometheus, its queries,
//! templates and the keys of groups are full of them.
//!
//! ## Model
//! Here is what all of them share: which characters print, how others are escaped, what an escape
//! stands for. Which quotes there are, and what may stand between them, is each language's own.

use std::fmt::{self, Write as _};
use std::str::Chars;

/// A string between double quotes, with everything escaped that does not print.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a> {
    text: &'a str,
    ascii: bool,
}

/// `"text"`, with escapes.
#[must_use]
pub fn quoted(text: &str) -> Quoted<'_> {
    Quoted { text, ascii: false }
}

/// `"text"`, with everything escaped that is not ASCII.
#[must_use]
pub fn quoted_ascii(text: &str) -> Quoted<'_> {
    Quoted { text, ascii: true }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write_all_escaped(f, self.text, self.ascii)?;
        f.write_char('"')
    }
}

/// Bytes between double quotes, those that are not UTF-8 as `\xff`.
#[derive(Debug, Clone, Copy)]
pub struct QuotedBytes<'a>(pub &'a [u8]);

impl fmt::Display for QuotedBytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.utf8_chunks() {
            write_all_escaped(f, chunk.valid(), false)?;
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_char('"')
    }
}

/// A character between single quotes.
#[derive(Debug, Clone, Copy)]
pub struct QuotedChar {
    /// The character.
    pub c: char,
    /// Whether it is escaped where it is not ASCII.
    pub ascii: bool,
}

impl fmt::Display for QuotedChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        write_escaped(f, self.c, '\'', self.ascii)?;
        f.write_char('\'')
    }
}

fn write_all_escaped(f: &mut fmt::Formatter<'_>, text: &str, ascii: bool) -> fmt::Result {
    text.chars()
        .try_for_each(|c| write_escaped(f, c, '"', ascii))
}

fn write_escaped(f: &mut fmt::Formatter<'_>, c: char, quote: char, ascii: bool) -> fmt::Result {
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
        c if prints(c) && (c.is_ascii() || !ascii) => f.write_char(c),
        c if u32::from(c) < 0x80 => write!(f, "\\x{:02x}", u32::from(c)),
        c if u32::from(c) < 0x1_0000 => write!(f, "\\u{:04x}", u32::from(c)),
        c => write!(f, "\\U{:08x}", u32::from(c)),
    }
}

/// Whether a character shows as itself: letters, marks, numbers, punctuation, symbols and the plain
/// space do.
#[must_use]
pub fn prints(c: char) -> bool {
    if c.is_ascii() {
        return !c.is_ascii_control();
    }
    // The standard library escapes in `str::escape_debug` what does not print, but also a mark at
    // the start of a string: hence the letter before it.
    let mut buffer = [b'a', 0, 0, 0, 0];
    let length = c.encode_utf8(&mut buffer[1..]).len();
    let text = std::str::from_utf8(&buffer[..=length]).unwrap_or("");
    text.escape_debug().nth(1) != Some('\\')
}

/// Why a quoted text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSyntax;

/// What one character or escape stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unescaped {
    /// A character.
    Char(char),
    /// A byte, which need not be UTF-8.
    Byte(u8),
}

/// Takes escapes out of what stands between quotes.
///
/// # Errors
/// Where an escape is none, or a quote or the end of a line stands there without one.
pub fn unescaped(inner: &str, quote: char) -> Result<Vec<u8>, InvalidSyntax> {
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(unit) = next_unescaped(&mut rest, quote)? {
        match unit {
            Unescaped::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Unescaped::Byte(byte) => out.push(byte),
        }
    }
    Ok(out)
}

/// Takes the next character or escape; `None` at the end.
///
/// # Errors
/// As [`unescaped`].
pub fn next_unescaped(
    rest: &mut Chars<'_>,
    quote: char,
) -> Result<Option<Unescaped>, InvalidSyntax> {
    let Some(c) = rest.next() else {
        return Ok(None);
    };
    if c == quote || c == '\n' {
        return Err(InvalidSyntax);
    }
    if c != '\\' {
        return Ok(Some(Unescaped::Char(c)));
    }
    let escape = rest.next().ok_or(InvalidSyntax)?;
    let mut digits = |first: u32, count: usize, radix: u32| {
        (0..count).try_fold(first, |value, _| {
            let digit = rest.next().and_then(|c| c.to_digit(radix));
            digit.map(|digit| value.wrapping_mul(radix) + digit)
        })
    };
    Ok(Some(match escape {
        'a' => Unescaped::Char('\u{7}'),
        'b' => Unescaped::Char('\u{8}'),
        'f' => Unescaped::Char('\u{c}'),
        'n' => Unescaped::Char('\n'),
        'r' => Unescaped::Char('\r'),
        't' => Unescaped::Char('\t'),
        'v' => Unescaped::Char('\u{b}'),
        '\\' => Unescaped::Char('\\'),
        c if c == quote => Unescaped::Char(c),
        'x' => Unescaped::Byte(byte(digits(0, 2, 16))?),
        '0'..='7' => Unescaped::Byte(byte(digits(u32::from(escape) - u32::from('0'), 2, 8))?),
        'u' => Unescaped::Char(character(digits(0, 4, 16))?),
        'U' => Unescaped::Char(character(digits(0, 8, 16))?),
        _ => return Err(InvalidSyntax),
    }))
}

fn byte(number: Option<u32>) -> Result<u8, InvalidSyntax> {
    let number = number.ok_or(InvalidSyntax)?;
    u8::try_from(number).map_err(|_| InvalidSyntax)
}

fn character(number: Option<u32>) -> Result<char, InvalidSyntax> {
    number.and_then(char::from_u32).ok_or(InvalidSyntax)
}

/// Bytes as text; what is not UTF-8 becomes the replacement character.
#[must_use]
pub fn lossy(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_go_does() {
        let check = |text: &str, want: &str| assert_eq!(quoted(text).to_string(), want);
        check("a\"b\\c\n", r#""a\"b\\c\n""#);
        check("größe 日本 e\u{301}", "\"größe 日本 e\u{301}\"");
        check("\u{7}\t\u{0}\u{7f}\u{200b}", r#""\a\t\x00\x7f\u200b""#);
        check("é\u{a0}\u{feff}\u{e0001}", r#""é\u00a0\ufeff\U000e0001""#);
        assert_eq!(quoted_ascii("é😀").to_string(), r#""\u00e9\U0001f600""#);
        let bytes = QuotedBytes(b"a\xc5z\"\xc3\xa4");
        assert_eq!(bytes.to_string(), r#""a\xc5z\"ä""#);
        let quote = QuotedChar {
            c: '\'',
            ascii: false,
        };
        assert_eq!(quote.to_string(), r"'\''");
    }

    #[test]
    fn escapes_are_read_as_go_does() {
        let check = |inner: &str, want: Option<&[u8]>| {
            assert_eq!(unescaped(inner, '"').ok().as_deref(), want, "{inner}");
        };
        check(r#"a\"b\t'"#, Some(b"a\"b\t'"));
        check(r"\x41\101\u00e4\U0001F600", Some("AAä😀".as_bytes()));
        check(r"\xc3\xa4\xff", Some(b"\xc3\xa4\xff"));
        for inner in [
            r"\q", r"\u12", r"\400", r"\ud800", r"\x4", "\\", "a\"b", "a\nb", r"\'",
        ] {
            check(inner, None);
        }
        assert_eq!(lossy(vec![b'a', 0xff]), "a\u{fffd}");
    }
}
