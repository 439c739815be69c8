//! Numbers as text, the way Prometheus and its clients write and read them.

use std::fmt;

/// A float as the HTTP API writes it: the fewest digits that read back the same, no exponent;
/// `NaN`, `+Inf`, `-Inf`. (`strconv.FormatFloat(v, 'f', -1, 64)` in Go.)
#[derive(Debug, Clone, Copy)]
pub struct Plain(pub f64);

impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match special(self.0) {
            Some(word) => f.write_str(word),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A float as the exposition formats and PromQL write it: with an exponent of at least two digits
/// where that is below -4 or from 6 on. (`strconv.FormatFloat(v, 'g', -1, 64)` in Go: `1e+06`.)
#[derive(Debug, Clone, Copy)]
pub struct General(pub f64);

impl fmt::Display for General {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(word) = special(self.0) {
            return f.write_str(word);
        }
        let magnitude = self.0.abs();
        if magnitude == 0.0 || (1e-4..1e6).contains(&magnitude) {
            return write!(f, "{}", self.0);
        }
        let scientific = format!("{:e}", self.0);
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        write!(f, "{mantissa}e{sign}{digits:0>2}")
    }
}

/// A float as the value of `le` and `quantile`: [`General`], always with a point or an exponent, so
/// that a bound has one spelling and a series one identity.
#[derive(Debug, Clone, Copy)]
pub struct Bound(pub f64);

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = General(self.0).to_string();
        f.write_str(&text)?;
        if self.0.is_finite() && !text.contains(['.', 'e']) {
            f.write_str(".0")?;
        }
        Ok(())
    }
}

fn special(value: f64) -> Option<&'static str> {
    if value.is_nan() {
        Some("NaN")
    } else if value == f64::INFINITY {
        Some("+Inf")
    } else if value == f64::NEG_INFINITY {
        Some("-Inf")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_as_go_writes_them() {
        assert_eq!(Plain(1e21).to_string(), "1000000000000000000000");
        assert_eq!(Plain(0.1).to_string(), "0.1");
        assert_eq!(Plain(-0.0).to_string(), "-0");
        assert_eq!(Plain(f64::INFINITY).to_string(), "+Inf");
        assert_eq!(General(1e6).to_string(), "1e+06");
        assert_eq!(General(1e21).to_string(), "1e+21");
        assert_eq!(General(1e-5).to_string(), "1e-05");
        assert_eq!(General(123_456_789.0).to_string(), "1.23456789e+08");
        assert_eq!(General(100_000.0).to_string(), "100000");
        assert_eq!(General(-0.0001).to_string(), "-0.0001");
        assert_eq!(General(1.5e-107).to_string(), "1.5e-107");
    }

    #[test]
    fn bounds_are_never_whole_numbers() {
        assert_eq!(Bound(1.0).to_string(), "1.0");
        assert_eq!(Bound(-0.25).to_string(), "-0.25");
        assert_eq!(Bound(1e6).to_string(), "1e+06");
        assert_eq!(Bound(f64::INFINITY).to_string(), "+Inf");
    }
}
