//! Percent-encoding of URLs, as Go's `net/url` has it for queries.

use std::fmt::{self, Write};

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

/// The value of a hexadecimal digit.
pub(crate) fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
