//! Lengths of time.

use std::fmt;

/// A length of time in nanoseconds. At most 292 years either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DurationNs(pub i64);

impl DurationNs {
    /// Seconds as a duration; beyond its bounds the longest there is, and zero for NaN.
    #[must_use]
    pub fn from_seconds(seconds: f64) -> Self {
        // The cast saturates.
        Self((seconds * 1e9) as i64)
    }

    /// The duration in seconds.
    #[must_use]
    pub fn as_seconds(self) -> f64 {
        self.in_units(1_000_000_000)
    }

    pub(super) fn saturating(ns: i128) -> Self {
        Self(ns.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }

    /// Whole units and the fraction apart, since a sum of 63 bits would lose digits as a float.
    pub(super) fn in_units(self, unit_ns: i64) -> f64 {
        (self.0 / unit_ns) as f64 + (self.0 % unit_ns) as f64 / unit_ns as f64
    }

    /// Rounded towards zero to a multiple.
    pub(super) fn truncate(self, multiple: Self) -> Self {
        match multiple.0 {
            ..=0 => self,
            multiple => Self(self.0 - self.0 % multiple),
        }
    }

    /// Rounded to the nearest multiple, halves away from zero.
    pub(super) fn round(self, multiple: Self) -> Self {
        if multiple.0 <= 0 {
            return self;
        }
        let (ns, multiple) = (i128::from(self.0), i128::from(multiple.0));
        let rest = ns % multiple;
        let down = ns - rest;
        Self::saturating(if rest.abs() * 2 < multiple {
            down
        } else {
            down + multiple * ns.signum()
        })
    }
}

/// As Go prints durations: `1h2m3.5s`, `1.5ms`, `0s`.
impl fmt::Display for DurationNs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.0.unsigned_abs();
        if ns == 0 {
            return f.write_str("0s");
        }
        if self.0 < 0 {
            f.write_str("-")?;
        }
        if ns < 1_000_000_000 {
            let (unit, unit_ns) = match ns {
                0..1_000 => ("ns", 1),
                1_000..1_000_000 => ("µs", 1_000),
                _ => ("ms", 1_000_000),
            };
            write_decimal(f, ns, unit_ns)?;
            return f.write_str(unit);
        }
        let minutes = ns / 60_000_000_000;
        if minutes >= 60 {
            write!(f, "{}h", minutes / 60)?;
        }
        if minutes > 0 {
            write!(f, "{}m", minutes % 60)?;
        }
        write_decimal(f, ns % 60_000_000_000, 1_000_000_000)?;
        f.write_str("s")
    }
}

/// A number of units with the digits behind the point that it needs.
fn write_decimal(f: &mut fmt::Formatter<'_>, ns: u64, unit_ns: u64) -> fmt::Result {
    write!(f, "{}", ns / unit_ns)?;
    let fraction = ns % unit_ns;
    if fraction == 0 {
        return Ok(());
    }
    let width = unit_ns.ilog10() as usize;
    let digits = format!("{fraction:0width$}");
    write!(f, ".{}", digits.trim_end_matches('0'))
}
