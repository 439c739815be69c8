//! Floats.

use std::fmt;

use bellwether_model::number::General;

use super::Spec;
use crate::bounded::Bounded;

/// A float as `%v` has it: the fewest digits that read back the same.
pub(crate) fn general(number: f64) -> General {
    General(number)
}

/// Writes a float; `false` where there is no such verb for floats.
pub(super) fn write_float(out: &mut Bounded, spec: &Spec, number: f64) -> Result<bool, fmt::Error> {
    let precision = spec.precision;
    let digits = match spec.verb {
        'v' | 'g' | 'G' => match precision {
            None => general(number).to_string(),
            Some(precision) => significant(number, precision),
        },
        'e' | 'E' => exponent(number, precision.unwrap_or(6)),
        'f' | 'F' => plain(number, precision.unwrap_or(6)),
        _ => return Ok(false),
    };
    let mut digits = if number.is_finite() {
        digits
    } else {
        general(number).to_string()
    };
    if matches!(spec.verb, 'E' | 'G') {
        digits = digits.replace('e', "E");
    }
    let (sign, magnitude) = match digits.strip_prefix(['-', '+']) {
        Some(magnitude) if digits.starts_with('-') => ("-", magnitude),
        Some(magnitude) => ("+", magnitude),
        None if spec.plus => ("+", digits.as_str()),
        None if spec.space => (" ", digits.as_str()),
        None => ("", digits.as_str()),
    };
    if spec.zero && !spec.minus && number.is_finite() {
        // Zeros stand between the sign and the digits.
        let width = spec.width.unwrap_or(0).saturating_sub(sign.len());
        fmt::Write::write_str(out, sign)?;
        let padded = Spec {
            width: Some(width),
            ..spec.clone()
        };
        padded.pad(out, magnitude)?;
        return Ok(true);
    }
    let blank = Spec {
        zero: false,
        ..spec.clone()
    };
    blank.pad(out, &format!("{sign}{magnitude}"))?;
    Ok(true)
}

/// Most digits that are worked out: a float has no more than these that are not zero, and the
/// standard library refuses to write more than 2¹⁶.
const DIGITS_MAX: usize = 1_100;

/// `%.3f`
fn plain(number: f64, precision: usize) -> String {
    let mut text = format!("{number:.*}", precision.min(DIGITS_MAX));
    text.extend(std::iter::repeat_n(
        '0',
        precision.saturating_sub(DIGITS_MAX),
    ));
    text
}

/// `%.3e`: the exponent has a sign and at least two digits.
fn exponent(number: f64, precision: usize) -> String {
    let text = format!("{number:.*e}", precision.min(DIGITS_MAX));
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let more = "0".repeat(precision.saturating_sub(DIGITS_MAX));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}{more}e{sign}{digits:0>2}")
}

/// `%.3g`: at most so many digits, without zeros at the end, and an exponent where it is below -4 or
/// not below the number of digits.
pub(super) fn significant(number: f64, precision: usize) -> String {
    let precision = precision.clamp(1, DIGITS_MAX);
    let scientific = format!("{number:.*e}", precision - 1);
    let Some((mantissa, power)) = scientific.split_once('e') else {
        return scientific;
    };
    let power: i64 = power.parse().unwrap_or(0);
    if power < -4 || power >= precision as i64 {
        let (sign, power) = if power < 0 {
            ('-', -power)
        } else {
            ('+', power)
        };
        return format!("{}e{sign}{power:02}", without_zeros(mantissa));
    }
    let decimals = usize::try_from(precision as i64 - 1 - power).unwrap_or(0);
    without_zeros(&format!("{number:.decimals$}")).to_owned()
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}
