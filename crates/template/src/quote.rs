//! Strings and characters in quotes, as Go writes and reads them.

use std::fmt::{self, Write as _};

/// A string between double quotes, with everything escaped that does not print.
pub(crate) struct Quoted<'a> {
    text: &'a str,
    ascii: bool,
}

/// `"text"`, with escapes.
pub(crate) fn quoted(text: &str) -> Quoted<'_> {
    Quoted { text, ascii: false }
}

/// `"text"`, with everything escaped that is not ASCII.
pub(crate) fn quoted_ascii(text: &str) -> Quoted<'_> {
    Quoted { text, ascii: true }
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.text.chars() {
            write_escaped(f, c, '"', self.ascii)?;
        }
        f.write_char('"')
    }
}

/// A character between single quotes.
pub(crate) struct QuotedChar {
    pub(crate) c: char,
    pub(crate) ascii: bool,
}

impl fmt::Display for QuotedChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        write_escaped(f, self.c, '\'', self.ascii)?;
        f.write_char('\'')
    }
}

/// A character as messages name it: `U+003D '='`.
pub(crate) struct CodePoint(pub(crate) char);

impl fmt::Display for CodePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "U+{:04X}", u32::from(self.0))?;
        if prints(self.0) {
            write!(f, " '{}'", self.0)?;
        }
        Ok(())
    }
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

/// Letters, marks, numbers, punctuation, symbols and the plain space.
pub(crate) fn prints(c: char) -> bool {
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

/// Whether a string can stand between back quotes on one line.
pub(crate) fn fits_back_quotes(text: &str) -> bool {
    text.chars()
        .all(|c| c == '\t' || !(c.is_ascii_control() || c == '`' || c == '\u{feff}'))
}

/// Why a quoted text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidSyntax;

/// Takes quotes (`"` or back quotes) and escapes away. Bytes that escapes make and that are not
/// UTF-8 become the replacement character.
pub(crate) fn unquoted(literal: &str) -> Result<String, InvalidSyntax> {
    let mut chars = literal.chars();
    let (Some(quote), Some(last)) = (chars.next(), chars.next_back()) else {
        return Err(InvalidSyntax);
    };
    let inner = chars.as_str();
    match (quote, last) {
        ('`', '`') => Ok(inner.replace('\r', "")),
        ('"', '"') if !inner.contains('\\') => Ok(inner.to_owned()),
        ('"', '"') => {
            let mut bytes = Vec::with_capacity(inner.len());
            let mut rest = inner.chars();
            while let Some(unit) = next_unit(&mut rest, '"')? {
                unit.append_to(&mut bytes);
            }
            Ok(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            })
        }
        _ => Err(InvalidSyntax),
    }
}

/// The number of a character literal such as `'a'` or `'\n'`.
pub(crate) fn unquoted_char(literal: &str) -> Result<i64, InvalidSyntax> {
    let inner = literal
        .strip_prefix('\'')
        .and_then(|inner| inner.strip_suffix('\''))
        .ok_or(InvalidSyntax)?;
    let mut rest = inner.chars();
    let unit = next_unit(&mut rest, '\'')?.ok_or(InvalidSyntax)?;
    if !rest.as_str().is_empty() {
        return Err(InvalidSyntax);
    }
    Ok(match unit {
        Unit::Char(c) => i64::from(u32::from(c)),
        Unit::Byte(byte) => i64::from(byte),
    })
}

/// What one character or escape stands for.
enum Unit {
    Char(char),
    Byte(u8),
}

impl Unit {
    fn append_to(&self, out: &mut Vec<u8>) {
        match self {
            Self::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Self::Byte(byte) => out.push(*byte),
        }
    }
}

fn next_unit(rest: &mut std::str::Chars<'_>, quote: char) -> Result<Option<Unit>, InvalidSyntax> {
    let Some(c) = rest.next() else {
        return Ok(None);
    };
    if c == quote || c == '\n' {
        return Err(InvalidSyntax);
    }
    if c != '\\' {
        return Ok(Some(Unit::Char(c)));
    }
    let escape = rest.next().ok_or(InvalidSyntax)?;
    let mut digits = |first: u32, count: usize, radix: u32| {
        (0..count).try_fold(first, |value, _| {
            let digit = rest.next().and_then(|c| c.to_digit(radix));
            digit.map(|digit| value.wrapping_mul(radix) + digit)
        })
    };
    let unit = match escape {
        'a' => Unit::Char('\u{7}'),
        'b' => Unit::Char('\u{8}'),
        'f' => Unit::Char('\u{c}'),
        'n' => Unit::Char('\n'),
        'r' => Unit::Char('\r'),
        't' => Unit::Char('\t'),
        'v' => Unit::Char('\u{b}'),
        '\\' => Unit::Char('\\'),
        c if c == quote => Unit::Char(c),
        'x' => Unit::Byte(byte(digits(0, 2, 16))?),
        '0'..='7' => Unit::Byte(byte(digits(u32::from(escape) - u32::from('0'), 2, 8))?),
        'u' => Unit::Char(character(digits(0, 4, 16))?),
        'U' => Unit::Char(character(digits(0, 8, 16))?),
        _ => return Err(InvalidSyntax),
    };
    Ok(Some(unit))
}

fn byte(number: Option<u32>) -> Result<u8, InvalidSyntax> {
    let number = number.ok_or(InvalidSyntax)?;
    u8::try_from(number).map_err(|_| InvalidSyntax)
}

fn character(number: Option<u32>) -> Result<char, InvalidSyntax> {
    number.and_then(char::from_u32).ok_or(InvalidSyntax)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_as_go_does() {
        let check = |text: &str, want: &str| assert_eq!(quoted(text).to_string(), want);
        check("a\"b\\c", r#""a\"b\\c""#);
        check("\u{7}\n\t\u{0}\u{7f}", r#""\a\n\t\x00\x7f""#);
        check("é\u{a0}\u{feff}😀\u{301}", "\"é\\u00a0\\ufeff😀\u{301}\"");
        assert_eq!(quoted_ascii("é😀").to_string(), r#""\u00e9\U0001f600""#);
    }

    #[test]
    fn literals_are_read_as_go_does() {
        let check = |literal: &str, want: Option<&str>| {
            assert_eq!(unquoted(literal).ok().as_deref(), want, "{literal}");
        };
        check(r#""a\tb""#, Some("a\tb"));
        check(r#""\x41\101\u00e9\U0001f600""#, Some("AAé😀"));
        check(r#""\xc3\xa9\xff""#, Some("é\u{fffd}"));
        check("`a\\n\r`", Some("a\\n"));
        check(r#""\'""#, None);
        check(r#""\q""#, None);
        check(r#""\x4""#, None);
        check(r#""\400""#, None);
        check(r#""\ud800""#, None);
        check("\"", None);
        check("", None);
        let char = |literal: &str| unquoted_char(literal).ok();
        assert_eq!(char("'a'"), Some(97));
        assert_eq!(char(r"'\''"), Some(39));
        assert_eq!(char(r"'\xff'"), Some(255));
        assert_eq!(char("'é'"), Some(233));
        assert_eq!(char("''"), None);
        assert_eq!(char("'ab'"), None);
    }
}
