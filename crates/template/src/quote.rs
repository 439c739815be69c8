//! Strings and characters in quotes, as templates read and messages write them.

use std::fmt;

use bellwether_model::go_quote::{InvalidSyntax, Unescaped, lossy, next_unescaped, unescaped};
pub(crate) use bellwether_model::go_quote::{QuotedChar, prints, quoted, quoted_ascii};

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

/// Whether a string can stand between back quotes on one line.
pub(crate) fn fits_back_quotes(text: &str) -> bool {
    text.chars()
        .all(|c| c == '\t' || !(c.is_ascii_control() || c == '`' || c == '\u{feff}'))
}

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
        ('"', '"') => unescaped(inner, '"').map(lossy),
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
    let unit = next_unescaped(&mut rest, '\'')?.ok_or(InvalidSyntax)?;
    if !rest.as_str().is_empty() {
        return Err(InvalidSyntax);
    }
    Ok(match unit {
        Unescaped::Char(c) => i64::from(u32::from(c)),
        Unescaped::Byte(byte) => i64::from(byte),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
