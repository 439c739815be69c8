//! Shares of good events, as people write them.

use crate::yaml::shortened;

/// The least share that may be written without saying whether it is one or percent.
const PLAIN_MIN: f64 = 0.5;

/// An objective: `99.5%`, `99.5` or `0.995`. What could be meant in two ways wants its percent sign.
pub(super) fn parse_objective(text: &str) -> Result<f64, String> {
    let shown = shortened(text);
    let refuse = |why: &str| {
        Err(format!(
            "{shown:?} {why}: want a share of good events above 0% and below 100%, such as 99.5%, 99.5 or 0.995"
        ))
    };
    let trimmed = text.trim();
    let (number, is_percent) = match trimmed.strip_suffix('%') {
        Some(number) => (number.trim_end(), true),
        None => (trimmed, false),
    };
    let Some(value) = decimal(number) else {
        return refuse("is no share");
    };
    if is_percent || (PLAIN_MIN * 100.0..100.0).contains(&value) {
        return percent(number).map_or_else(|| refuse("is out of range"), Ok);
    }
    if (PLAIN_MIN..1.0).contains(&value) {
        return Ok(value);
    }
    if value > 0.0 && value < 100.0 {
        return refuse("may be meant as a share or in percent, so that it wants a percent sign");
    }
    refuse("is out of range")
}

/// A number of percent, above 0 and below 100, as a share.
pub(super) fn percent(number: &str) -> Option<f64> {
    decimal(number)?;
    // The digits are shifted, not divided: 99.9 is 0.999, the number nearest to it.
    let shifted = match number.split_once(['e', 'E']) {
        Some((digits, exponent)) => {
            format!("{digits}e{}", exponent.parse::<i32>().ok()?.checked_sub(2)?)
        }
        None => format!("{number}e-2"),
    };
    decimal(&shifted).filter(|share| *share > 0.0 && *share < 1.0)
}

/// A number as YAML writes it.
fn decimal(text: &str) -> Option<f64> {
    let is_number = text
        .bytes()
        .all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'-' | b'+'));
    text.parse()
        .ok()
        .filter(|value: &f64| is_number && value.is_finite())
}

/// A share above 0 and below 1 as [`parse_objective`] reads it, to the last bit.
pub(crate) fn objective_text(share: f64) -> String {
    let text = format!("{share:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    // Digits before the point of the number of percent.
    let whole = exponent + 3;
    let shown = match usize::try_from(whole) {
        Ok(whole) if whole > 0 => {
            let padded = format!("{digits:0<whole$}");
            let (before, after) = padded.split_at(whole.min(padded.len()));
            match after {
                "" => before.to_owned(),
                after => format!("{before}.{after}"),
            }
        }
        _ => format!(
            "0.{}{digits}",
            "0".repeat(usize::try_from(-whole).unwrap_or(0))
        ),
    };
    format!("{shown}%")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn shares_are_read() {
        let cases = [
            ("99.5%", 0.995),
            ("99.5 %", 0.995),
            ("99.5", 0.995),
            ("99.9", 0.999),
            ("99.99", 0.9999),
            ("0.995", 0.995),
            ("50", 0.5),
            ("0.5", 0.5),
            ("5%", 0.05),
            ("0.1%", 0.001),
            ("9.99e1", 0.999),
        ];
        for (text, want) in cases {
            assert_eq!(parse_objective(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_may_be_meant_in_two_ways_is_refused() {
        for text in ["1", "0.4", "1.5", "49.9", "0.01"] {
            let error = parse_objective(text).expect_err(text);
            assert!(error.contains("wants a percent sign"), "{text}: {error}");
        }
        for text in [
            "0", "100", "100%", "0%", "-1", "", "abc", "inf", "NaN", "1e999", "99,5",
        ] {
            let error = parse_objective(text).expect_err(text);
            assert!(
                error.contains("such as 99.5%, 99.5 or 0.995"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn shares_are_written_in_percent() {
        let cases = [
            (0.999, "99.9%"),
            (0.9995, "99.95%"),
            (0.5, "50%"),
            (0.9, "90%"),
            (0.05, "5%"),
            (0.001, "0.1%"),
            (0.000_12, "0.012%"),
        ];
        for (share, want) in cases {
            assert_eq!(objective_text(share), want);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(share in 1e-9_f64..1.0) {
            prop_assert_eq!(parse_objective(&objective_text(share)), Ok(share));
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,12}") {
            if let Ok(share) = parse_objective(&text) {
                prop_assert!(share > 0.0 && share < 1.0);
            }
        }
    }
}
