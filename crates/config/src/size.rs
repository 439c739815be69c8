//! Sizes with units: `512MB`, `2GiB`.

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a size: want a number with a unit B, KB, MB, GB, TB, PB or EB (powers of 1024; KiB and so on mean the same), such as 512MB"
)]
pub struct SizeError {
    /// The text as given.
    pub text: String,
}

/// Reads a size in bytes. Units are powers of 1024, with and without `i`, as in Prometheus; parts
/// can be joined (`1GB512MB`) and have decimals (`1.5GiB`); `0` needs no unit.
///
/// # Errors
/// Where the text is anything else, or more than 2⁶³ bytes.
pub fn parse_size(text: &str) -> Result<u64, SizeError> {
    let fail = || SizeError {
        text: text.to_owned(),
    };
    if text == "0" {
        return Ok(0);
    }
    let mut rest = text;
    let mut total: f64 = 0.0;
    if rest.is_empty() {
        return Err(fail());
    }
    while !rest.is_empty() {
        let digits = rest
            .bytes()
            .take_while(|b| b.is_ascii_digit() || *b == b'.')
            .count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let number: f64 = number.parse().map_err(|_| fail())?;
        total += number * unit_bytes(unit).ok_or_else(fail)?;
        rest = tail;
    }
    // 2^63, the bound of Prometheus' own type.
    if total >= 9_223_372_036_854_775_808.0 {
        return Err(fail());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above to lie in 0..2^63"
    )]
    Ok(total as u64)
}

fn unit_bytes(unit: &str) -> Option<f64> {
    let power = match unit {
        "B" => 0,
        "KB" | "KiB" | "kB" => 1,
        "MB" | "MiB" => 2,
        "GB" | "GiB" => 3,
        "TB" | "TiB" => 4,
        "PB" | "PiB" => 5,
        "EB" | "EiB" => 6,
        _ => return None,
    };
    Some(1024_f64.powi(power))
}

/// A size as people write it: the largest unit that it is a whole number of.
#[must_use]
pub fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut rest = bytes;
    let mut unit = 0;
    while rest > 0 && rest.is_multiple_of(1024) && unit + 1 < UNITS.len() {
        rest /= 1024;
        unit += 1;
    }
    format!("{rest}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        let check = |text: &str, want: u64| assert_eq!(parse_size(text), Ok(want), "{text}");
        check("0", 0);
        check("15MB", 15 << 20);
        check("15MiB", 15 << 20);
        check("1.5GiB", 3 << 29);
        check("1GB512MB", (1 << 30) + (512 << 20));
        check("10B", 10);
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for text in [
            "", "100", "MB", "-1MB", "1 MB", "1XB", "16EB", "1.2.3MB", "nanMB",
        ] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_written() {
        assert_eq!(size_text(0), "0B");
        assert_eq!(size_text(15 << 20), "15MiB");
        assert_eq!(size_text((15 << 20) + 1), "15728641B");
    }
}
