//! Numbers for people, as the functions of Prometheus write them.

use std::borrow::Cow;

use bellwether_model::number::General;

use crate::bounded::Bounded;
use crate::format;
use crate::number::parse_float;
use crate::time::Time;
use crate::value::Value;

/// A number, or the number that a text is.
///
/// # Errors
/// Where it is neither.
pub(super) fn to_float(value: &Value) -> Result<f64, String> {
    match value.underlying().as_ref() {
        Value::Float(value) => Ok(*value),
        Value::Int(value) => Ok(*value as f64),
        Value::String(text) => parse_float(text),
        Value::Safe(safe) => parse_float(&safe.text),
        Value::Duration(duration) => Ok(duration.as_seconds()),
        other => {
            let name = match other {
                Value::Nil => Cow::Borrowed("<nil>"),
                other => other.type_name(),
            };
            Err(format!("can't convert {name} to float"))
        }
    }
}

/// At most four digits.
fn four_digits(number: f64) -> String {
    let mut out = Bounded::new(100);
    // Four digits and an exponent always fit.
    let _fits = format::printf(&mut out, "%.4g", &[Value::Float(number)]);
    out.into_text()
}

const LARGE: [&str; 8] = ["k", "M", "G", "T", "P", "E", "Z", "Y"];
const LARGE_BINARY: [&str; 8] = ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"];
const SMALL: [&str; 8] = ["m", "u", "n", "p", "f", "a", "z", "y"];

/// Divides by a base as long as the number is not below it, and says how often.
fn scaled_down(mut number: f64, base: f64, prefixes: [&'static str; 8]) -> (f64, &'static str) {
    let mut prefix = "";
    for next in prefixes {
        if number.abs() < base {
            break;
        }
        prefix = next;
        number /= base;
    }
    (number, prefix)
}

fn scaled_up(mut number: f64) -> (f64, &'static str) {
    let mut prefix = "";
    for next in SMALL {
        if number.abs() >= 1.0 {
            break;
        }
        prefix = next;
        number *= 1000.0;
    }
    (number, prefix)
}

/// `1.235M`, `120m`
pub(super) fn humanize(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return four_digits(number);
    }
    let (number, prefix) = if number.abs() >= 1.0 {
        scaled_down(number, 1000.0, LARGE)
    } else {
        scaled_up(number)
    };
    format!("{}{prefix}", four_digits(number))
}

/// `1.177Mi`
pub(super) fn humanize_1024(number: f64) -> String {
    if number.abs() <= 1.0 || !number.is_finite() {
        return four_digits(number);
    }
    let (number, prefix) = scaled_down(number, 1024.0, LARGE_BINARY);
    format!("{}{prefix}", four_digits(number))
}

/// `12.35%`
pub(super) fn humanize_percentage(number: f64) -> String {
    format!("{}%", four_digits(number * 100.0))
}

/// Seconds as `1d 2h 3m 4s`, `1.234s`, `100ms`.
pub(super) fn humanize_duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return four_digits(seconds);
    }
    if seconds == 0.0 {
        return format!("{}s", four_digits(seconds));
    }
    if seconds.abs() < 1.0 {
        let (number, prefix) = scaled_up(seconds);
        return format!("{}{prefix}s", four_digits(number));
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let magnitude = seconds.abs();
    // The cast saturates.
    let whole = magnitude as i64;
    let (s, m, h, d) = (
        whole % 60,
        whole / 60 % 60,
        whole / 3_600 % 24,
        whole / 86_400,
    );
    match (d, h, m) {
        (0, 0, 0) => format!("{sign}{}s", four_digits(magnitude)),
        (0, 0, _) => format!("{sign}{m}m {s}s"),
        (0, _, _) => format!("{sign}{h}h {m}m {s}s"),
        _ => format!("{sign}{d}d {h}h {m}m {s}s"),
    }
}

/// Seconds since 1970 as a time: `2015-06-23 13:19:44.128 +0000 UTC`.
///
/// # Errors
/// Where the time is too far away.
pub(super) fn humanize_timestamp(seconds: f64) -> Result<String, String> {
    if !seconds.is_finite() {
        return Ok(four_digits(seconds));
    }
    Ok(to_time(seconds)?.to_string())
}

/// Seconds since 1970 as a time, in milliseconds.
///
/// # Errors
/// Where the time is too far away, or no time at all.
pub(super) fn to_time(seconds: f64) -> Result<Time, String> {
    // 2⁶³, the first that Go's nanoseconds cannot hold.
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    if !seconds.is_finite() {
        return Err("value is NaN or Inf".to_owned());
    }
    let ns = seconds * 1e9;
    if !(-BOUND..=BOUND).contains(&ns) {
        return Err(format!(
            "{} cannot be represented as a nanoseconds timestamp since it overflows int64",
            General(seconds)
        ));
    }
    // Rounded towards zero twice: to nanoseconds by the cast, then to milliseconds.
    Ok(Time::from_unix_ms(ns as i64 / 1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let check = |seconds: f64, want: &str| assert_eq!(humanize_duration(seconds), want);
        check(0.0, "0s");
        check(60.0, "1m 0s");
        check(3600.0, "1h 0m 0s");
        check(86400.0 + 3600.0, "1d 1h 0m 0s");
        check(
            -(86400.0 * 2.0 + 3600.0 * 3.0 + 60.0 * 4.0 + 5.0),
            "-2d 3h 4m 5s",
        );
        check(899.99, "14m 59s");
        check(0.1, "100ms");
        check(0.0001, "100us");
        check(0.12345, "123.5ms");
        check(1.2345, "1.234s");
        check(12.345, "12.35s");
        check(-1.0, "-1s");
        check(f64::INFINITY, "+Inf");
    }

    #[test]
    fn numbers() {
        assert_eq!(humanize(1_234_567.0), "1.235M");
        assert_eq!(humanize(0.12), "120m");
        assert_eq!(humanize(i64::MAX as f64), "9.223E");
        assert_eq!(humanize(-1.0), "-1");
        assert_eq!(humanize(1e30), "1e+06Y");
        assert_eq!(humanize_1024(1_234_567.0), "1.177Mi");
        assert_eq!(humanize_1024(i64::MAX as f64), "8Ei");
        assert_eq!(humanize_1024(0.12), "0.12");
        assert_eq!(humanize_percentage(-0.22222), "-22.22%");
        assert_eq!(humanize_percentage(1_234_567.0), "1.235e+08%");
        assert_eq!(
            humanize_timestamp(9_223_372_036.0).unwrap(),
            "2262-04-11 23:47:16 +0000 UTC"
        );
        assert_eq!(
            humanize_timestamp(i64::MIN as f64).unwrap_err(),
            "-9.223372036854776e+18 cannot be represented as a nanoseconds timestamp since it overflows int64"
        );
    }
}
