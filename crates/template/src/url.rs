//! Percent-encoding of URLs, as Go's `net/url` has it for queries.

use std::fmt::{self, Write};

use crate::quote::quoted;

/// Writes a text so that it can stand in the query of a URL: a space becomes a plus.
pub(crate) fn write_query_escaped(out: &mut impl Write, text: &str) -> fmt::Result {
    for byte in text.bytes() {
        match byte {
            b' ' => out.write_char('+')?,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.write_char(char::from(byte))?;
            }
            byte => write!(out, "%{byte:02X}")?,
        }
    }
    Ok(())
}

/// The text as it can stand in the query of a URL.
pub(crate) fn query_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    // Writing into a string cannot fail.
    let _infallible = write_query_escaped(&mut out, text);
    out
}

/// The text that was written into a query. Bytes that are not UTF-8 become the replacement
/// character.
///
/// # Errors
/// In the words of Go: `invalid URL escape "%zz"`.
pub(crate) fn query_unescaped(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = match (first, behind) {
            (b'%', [high, low, behind @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                bytes.push(hex(*high).unwrap_or(0) << 4 | hex(*low).unwrap_or(0));
                behind
            }
            (b'%', _) => {
                let escape = rest.get(..3).unwrap_or(rest);
                return Err(format!(
                    "invalid URL escape {}",
                    quoted(&String::from_utf8_lossy(escape))
                ));
            }
            (b'+', behind) => {
                bytes.push(b' ');
                behind
            }
            (byte, behind) => {
                bytes.push(*byte);
                behind
            }
        };
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_escaped_as_go_does() {
        assert_eq!(query_escaped("a b/é~+"), "a+b%2F%C3%A9~%2B");
        assert_eq!(query_unescaped("a+b%2f%C3%A9"), Ok("a b/é".to_owned()));
        assert_eq!(
            query_unescaped("a%zzb"),
            Err("invalid URL escape \"%zz\"".to_owned())
        );
        assert_eq!(
            query_unescaped("a%2"),
            Err("invalid URL escape \"%2\"".to_owned())
        );
    }
}
