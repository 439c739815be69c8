//! Times and durations as Prometheus writes them. Times are milliseconds since the Unix epoch.

use std::fmt;

use crate::short;

/// A range of time in milliseconds; **both** ends are part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TimeRange {
    /// The first millisecond.
    pub start_ms: i64,
    /// The last millisecond.
    pub end_ms: i64,
}

impl TimeRange {
    /// All of time.
    pub const ALL: Self = Self {
        start_ms: i64::MIN,
        end_ms: i64::MAX,
    };

    /// The range from `start_ms` to `end_ms`, both included. Empty where the end is before the
    /// start.
    #[must_use]
    pub const fn new(start_ms: i64, end_ms: i64) -> Self {
        Self { start_ms, end_ms }
    }

    /// Whether a time is in the range.
    #[must_use]
    pub const fn contains(&self, time_ms: i64) -> bool {
        self.start_ms <= time_ms && time_ms <= self.end_ms
    }

    /// Whether two ranges share a millisecond.
    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.start_ms <= other.end_ms && other.start_ms <= self.end_ms
    }

    /// Whether no time is in the range.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.end_ms < self.start_ms
    }
}

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{:?} is not a duration: want numbers with units y, w, d, h, m, s, ms in that order, such as 1h30m",
    short(text)
)]
pub struct DurationError {
    /// The text as given.
    pub text: String,
}

const UNITS: [(&str, i64); 7] = [
    ("y", 365 * 86_400_000),
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1_000),
    ("ms", 1),
];

/// Reads a duration such as `1h30m`, in milliseconds. Each unit at most once, the largest first;
/// `0` needs no unit. At most about 292 years (the bound of Prometheus, 2⁶³ nanoseconds).
///
/// # Errors
/// Where the text is anything else.
pub fn parse_duration(text: &str) -> Result<i64, DurationError> {
    let fail = || DurationError {
        text: text.to_owned(),
    };
    if text == "0" {
        return Ok(0);
    }
    if text.is_empty() {
        return Err(fail());
    }
    let mut rest = text;
    let mut next_unit = 0;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, tail) = tail.split_at(letters);
        let number: i64 = number.parse().map_err(|_| fail())?;
        let index = UNITS
            .iter()
            .position(|(name, _)| *name == unit)
            .ok_or_else(fail)?;
        if index < next_unit {
            return Err(fail());
        }
        total = number
            .checked_mul(UNITS[index].1)
            .and_then(|ms| total.checked_add(ms))
            .filter(|ms| *ms <= i64::MAX / 1_000_000)
            .ok_or_else(fail)?;
        next_unit = index + 1;
        rest = tail;
    }
    Ok(total)
}

/// A duration in milliseconds, written as Prometheus does: `1h30m`, `0s`, `-5m`. Weeks and years
/// are used only where the duration is a whole number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationText(pub i64);

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        let mut rest = self.0.unsigned_abs();
        for (index, (unit, unit_ms)) in UNITS.iter().enumerate() {
            let unit_ms = unit_ms.unsigned_abs();
            let must_be_exact = index < 2;
            if must_be_exact && !rest.is_multiple_of(unit_ms) {
                continue;
            }
            let count = rest / unit_ms;
            if count > 0 {
                write!(f, "{count}{unit}")?;
                rest -= count * unit_ms;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let check =
            |text: &str, want_ms: i64| assert_eq!(parse_duration(text), Ok(want_ms), "{text}");
        check("0", 0);
        check("0s", 0);
        check("1ms", 1);
        check("1h30m", 5_400_000);
        check(
            "1y2w3d4h5m6s7ms",
            31_536_000_000 + 1_209_600_000 + 273_906_007,
        );
        check("300s", 300_000);
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "",
            "1",
            "1x",
            "m",
            "1m1h",
            "1m1m",
            "-1m",
            "1.5h",
            " 1m",
            "300y",
            "9223372036854775808s",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_written_as_prometheus_does() {
        let check = |ms: i64, want: &str| assert_eq!(DurationText(ms).to_string(), want);
        check(0, "0s");
        check(5_400_000, "1h30m");
        check(7 * 86_400_000, "1w");
        check(8 * 86_400_000, "8d");
        check(365 * 86_400_000, "1y");
        check(1_500, "1s500ms");
        check(-300_000, "-5m");
    }
}
