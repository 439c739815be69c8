//! Integers and texts.

use std::fmt::{self, Write as _};

use super::{Spec, repeat};
use crate::bounded::Bounded;
use crate::quote::{QuotedChar, fits_back_quotes, prints, quoted, quoted_ascii};

/// Writes an integer; `false` where there is no such verb for integers.
pub(super) fn write_int(out: &mut Bounded, spec: &Spec, number: i64) -> Result<bool, fmt::Error> {
    match spec.verb {
        'v' | 'd' => write_digits(out, spec, number, &number.unsigned_abs().to_string(), "")?,
        'b' => {
            let digits = format!("{:b}", number.unsigned_abs());
            write_digits(
                out,
                spec,
                number,
                &digits,
                if spec.sharp { "0b" } else { "" },
            )?;
        }
        'o' | 'O' => {
            let digits = format!("{:o}", number.unsigned_abs());
            let prefix = match spec.verb {
                'O' => "0o",
                _ if spec.sharp && !digits.starts_with('0') => "0",
                _ => "",
            };
            write_digits(out, spec, number, &digits, prefix)?;
        }
        'x' | 'X' => {
            let mut digits = format!("{:x}", number.unsigned_abs());
            let mut prefix = if spec.sharp { "0x" } else { "" };
            if spec.verb == 'X' {
                digits.make_ascii_uppercase();
                prefix = if spec.sharp { "0X" } else { "" };
            }
            write_digits(out, spec, number, &digits, prefix)?;
        }
        'c' => spec.pad(out, character(number).encode_utf8(&mut [0; 4]))?,
        'q' => {
            let c = QuotedChar {
                c: character(number),
                ascii: spec.plus,
            };
            spec.pad(out, &c.to_string())?;
        }
        'U' => {
            let width = spec.precision.unwrap_or(4).max(4);
            let mut text = format!("{number:X}");
            if text.len() < width {
                text.insert_str(0, &"0".repeat(width - text.len()));
            }
            text.insert_str(0, "U+");
            let c = character(number);
            if spec.sharp && i64::from(u32::from(c)) == number && prints(c) {
                text.push_str(&format!(" '{c}'"));
            }
            let blank = Spec {
                zero: false,
                ..spec.clone()
            };
            blank.pad(out, &text)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// The character of a number; the replacement character where there is none.
fn character(number: i64) -> char {
    u32::try_from(number)
        .ok()
        .and_then(char::from_u32)
        .unwrap_or('\u{fffd}')
}

fn write_digits(
    out: &mut Bounded,
    spec: &Spec,
    number: i64,
    digits: &str,
    prefix: &str,
) -> fmt::Result {
    let sign = match number {
        ..0 => "-",
        _ if spec.plus => "+",
        _ if spec.space => " ",
        _ => "",
    };
    let blank = Spec {
        zero: false,
        ..spec.clone()
    };
    // Nothing at all is left of a zero that no digit is asked for.
    if spec.precision == Some(0) && number == 0 {
        return blank.pad(out, "");
    }
    let digits_min = match (spec.precision, spec.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if spec.zero && !spec.minus => width.saturating_sub(sign.len()),
        _ => 0,
    };
    let zeros = digits_min.saturating_sub(digits.len());
    let length = sign.len() + prefix.len() + zeros + digits.len();
    let padding = spec.width.unwrap_or(0).saturating_sub(length);
    if !spec.minus {
        repeat(out, ' ', padding)?;
    }
    out.write_str(sign)?;
    out.write_str(prefix)?;
    repeat(out, '0', zeros)?;
    out.write_str(digits)?;
    if spec.minus {
        repeat(out, ' ', padding)?;
    }
    Ok(())
}

/// Writes a text with a verb of texts.
pub(super) fn write_text(out: &mut Bounded, spec: &Spec, text: &str) -> fmt::Result {
    let cut = match spec.precision {
        Some(precision) if !matches!(spec.verb, 'x' | 'X') => text
            .char_indices()
            .nth(precision)
            .and_then(|(at, _)| text.get(..at))
            .unwrap_or(text),
        _ => text,
    };
    match spec.verb {
        'q' => write_quoted(out, spec, cut),
        'v' if spec.go_syntax => write_quoted(out, spec, cut),
        'x' | 'X' => write_hex(out, spec, text.as_bytes()),
        _ => spec.pad(out, cut),
    }
}

fn write_quoted(out: &mut Bounded, spec: &Spec, text: &str) -> fmt::Result {
    if spec.sharp && fits_back_quotes(text) {
        return spec.pad(out, &format!("`{text}`"));
    }
    let quoted = if spec.plus {
        quoted_ascii(text)
    } else {
        quoted(text)
    };
    spec.pad(out, &quoted.to_string())
}

/// Two digits a byte; with a space between them where that flag is set.
fn write_hex(out: &mut Bounded, spec: &Spec, bytes: &[u8]) -> fmt::Result {
    let upper = spec.verb == 'X';
    let bytes = bytes
        .get(..spec.precision.unwrap_or(bytes.len()))
        .unwrap_or(bytes);
    let prefix = match (spec.sharp, upper) {
        (false, _) => "",
        (true, false) => "0x",
        (true, true) => "0X",
    };
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        if spec.space && index > 0 {
            text.push(' ');
        }
        if index == 0 || spec.space {
            text.push_str(prefix);
        }
        // Writing into a string cannot fail.
        let _infallible = match upper {
            true => write!(text, "{byte:02X}"),
            false => write!(text, "{byte:02x}"),
        };
    }
    spec.pad(out, &text)
}
