//! Numbers and durations as PromQL writes them, with the messages of Prometheus.

use bellwether_model::time::parse_duration;

use crate::quote::quoted_short;

/// Reads a number: decimal, hexadecimal (`0x1f`, `0x1p-2`), octal (`017`, `0o17`), binary
/// (`0b11`), with underscores between digits, `Inf` and `NaN` in any case.
pub(crate) fn parse_number(text: &str) -> Result<f64, String> {
    if let Some(integer) = parse_integer(text) {
        return Ok(integer as f64);
    }
    parse_float(text).map_err(|reason| {
        format!(
            "error parsing number: strconv.ParseFloat: parsing {}: {reason}",
            quoted_short(text)
        )
    })
}

/// An integer in the syntax of Go, or `None`.
fn parse_integer(text: &str) -> Option<i64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = unsigned.to_ascii_lowercase();
    let (radix, digits) = if let Some(digits) = lower.strip_prefix("0x") {
        (16, digits)
    } else if let Some(digits) = lower.strip_prefix("0b") {
        (2, digits)
    } else if let Some(digits) = lower.strip_prefix("0o") {
        (8, digits)
    } else if lower.len() > 1
        && let Some(digits) = lower.strip_prefix('0')
    {
        (8, digits)
    } else {
        (10, lower.as_str())
    };
    let with_prefix = radix != 10;
    let digits = without_underscores(digits, with_prefix)?;
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(&digits, radix).ok()?;
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

/// Takes underscores out where each stands between digits, or after a prefix.
fn without_underscores(digits: &str, after_prefix: bool) -> Option<String> {
    let mut out = String::with_capacity(digits.len());
    let mut after_digit = after_prefix;
    for c in digits.chars() {
        if c == '_' {
            if !after_digit {
                return None;
            }
            after_digit = false;
        } else {
            after_digit = c.is_ascii_alphanumeric();
            out.push(c);
        }
    }
    (after_digit || out.is_empty() || !digits.ends_with('_')).then_some(out)
}

fn parse_float(text: &str) -> Result<f64, &'static str> {
    const SYNTAX: &str = "invalid syntax";
    let lower = text.to_ascii_lowercase();
    let unsigned = lower.trim_start_matches(['+', '-']);
    if lower.len() > unsigned.len() + 1 {
        return Err(SYNTAX);
    }
    let sign = if lower.starts_with('-') { -1.0 } else { 1.0 };
    match unsigned {
        "inf" | "infinity" => return Ok(sign * f64::INFINITY),
        "nan" => return Ok(f64::NAN),
        _ => {}
    }
    let value = match unsigned.strip_prefix("0x") {
        Some(digits) => parse_hex_float(digits).ok_or(SYNTAX)?,
        None => {
            if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
                return Err(SYNTAX);
            }
            let digits = without_underscores(unsigned, false).ok_or(SYNTAX)?;
            digits.parse::<f64>().map_err(|_| SYNTAX)?
        }
    };
    if value.is_infinite() {
        return Err("value out of range");
    }
    Ok(sign * value)
}

/// `1f.8p-3` without the prefix; the exponent must be there.
fn parse_hex_float(digits: &str) -> Option<f64> {
    let digits = without_underscores(digits, true)?;
    let (mantissa, exponent) = digits.split_once('p')?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0f64;
    for c in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(c.to_digit(16)?);
    }
    let scale = exponent.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    Some(value * 2f64.powi(scale))
}

/// Reads a duration such as `1h30m` in milliseconds.
pub(crate) fn parse_duration_text(text: &str) -> Result<i64, String> {
    parse_duration(text).map_err(|_| why_no_duration(text))
}

fn why_no_duration(text: &str) -> String {
    const UNITS: [&str; 7] = ["y", "w", "d", "h", "m", "s", "ms"];
    if text.is_empty() {
        return "empty duration string".to_owned();
    }
    let mut rest = text;
    let mut next_unit = 0;
    while !rest.is_empty() {
        let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let after = tail.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '.');
        let unit = tail.strip_suffix(after).unwrap_or(tail);
        if tail.len() == rest.len() || unit.is_empty() {
            return format!("not a valid duration string: {}", quoted_short(text));
        }
        match UNITS.iter().position(|known| *known == unit) {
            None => {
                return format!(
                    "unknown unit {} in duration {}",
                    quoted_short(unit),
                    quoted_short(text)
                );
            }
            Some(index) if index < next_unit => {
                return format!("not a valid duration string: {}", quoted_short(text));
            }
            Some(index) => next_unit = index + 1,
        }
        rest = after;
    }
    // All units stand in order: only the size of the numbers can be wrong.
    "duration out of range".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_go_reads_them() {
        let check = |text: &str, want: f64| {
            let got = parse_number(text);
            assert!(
                got.as_ref()
                    .is_ok_and(|got| got.to_bits() == want.to_bits()),
                "{text}: {got:?}"
            );
        };
        check("1", 1.0);
        check("0x10", 16.0);
        check("0X_1F", 31.0);
        check("017", 15.0);
        check("0o17", 15.0);
        check("0b101", 5.0);
        check("08", 8.0);
        check("0", 0.0);
        check("1_000", 1000.0);
        check("1_000.5", 1000.5);
        check("1e3", 1000.0);
        check("1E-3", 0.001);
        check(".5", 0.5);
        check("5.", 5.0);
        check("0x1p-2", 0.25);
        check("0x1.8p1", 3.0);
        check("+Inf", f64::INFINITY);
        check("-inf", f64::NEG_INFINITY);
        check("9223372036854775808", 9_223_372_036_854_775_808.0);
        assert!(parse_number("nAn").is_ok_and(f64::is_nan));
    }

    #[test]
    fn what_is_no_number_says_why() {
        for text in ["", "1__0", "0x", "0x1.8", "1e", "e5", "--1", "1_", "_1"] {
            assert_eq!(
                parse_number(text),
                Err(format!(
                    "error parsing number: strconv.ParseFloat: parsing \"{text}\": invalid syntax"
                )),
                "{text}"
            );
        }
        assert_eq!(
            parse_number("1e999"),
            Err(
                "error parsing number: strconv.ParseFloat: parsing \"1e999\": value out of range"
                    .to_owned()
            )
        );
    }

    #[test]
    fn durations_say_what_is_wrong() {
        assert_eq!(parse_duration_text("1h30m"), Ok(5_400_000));
        assert_eq!(
            parse_duration_text("1m1h"),
            Err("not a valid duration string: \"1m1h\"".to_owned())
        );
        assert_eq!(
            parse_duration_text("999999999y"),
            Err("duration out of range".to_owned())
        );
        assert_eq!(
            parse_duration_text("5hs"),
            Err("unknown unit \"hs\" in duration \"5hs\"".to_owned())
        );
    }
}
