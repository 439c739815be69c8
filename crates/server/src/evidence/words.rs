//! Numbers and times as people read them.

use jiff::Timestamp;

/// What a value is a number of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Plain,
    Seconds,
    Bytes,
    /// 1 is the whole.
    Share,
    /// 100 is the whole.
    Percent,
}

impl Unit {
    /// What the names in an expression let guess; `greatest` is the greatest of its values.
    pub(super) fn of(query: &str, greatest: f64) -> Self {
        let has = |part: &str| query.contains(part);
        let is_ratio = has(" / ");
        if has("* 100") || has("100 *") {
            return Self::Percent;
        }
        if is_ratio && !(has("_sum") && has("_count")) {
            return if greatest <= 1.5 {
                Self::Share
            } else {
                Self::Plain
            };
        }
        let counts = has("_total") || (has("_count") && !is_ratio);
        if has("_seconds") && !counts {
            Self::Seconds
        } else if has("_bytes") {
            Self::Bytes
        } else {
            Self::Plain
        }
    }

    /// A value with its unit, in three digits.
    pub(super) fn show(self, value: f64) -> String {
        if value.is_nan() {
            return "no value".to_owned();
        }
        if value.is_infinite() {
            return if value > 0.0 { "∞" } else { "−∞" }.to_owned();
        }
        match self {
            Self::Plain => scaled(value, 1_000.0, &["", " k", " M", " G", " T", " P"]),
            Self::Bytes => scaled(
                value,
                1_024.0,
                &[" B", " KiB", " MiB", " GiB", " TiB", " PiB"],
            ),
            Self::Share => format!("{} %", digits(value * 100.0)),
            Self::Percent => format!("{} %", digits(value)),
            Self::Seconds => seconds(value),
        }
    }
}

/// A time in the unit that fits it.
pub(super) fn seconds(value: f64) -> String {
    let size = value.abs();
    let (factor, unit) = match size {
        0.0 => (1.0, "s"),
        s if s < 1e-3 => (1e6, "µs"),
        s if s < 1.0 => (1e3, "ms"),
        s if s < 60.0 || (s < 120.0 && s % 60.0 > 0.0) => (1.0, "s"),
        s if s < 7_200.0 => (1.0 / 60.0, "min"),
        s if s < 172_800.0 => (1.0 / 3_600.0, "h"),
        _ => (1.0 / 86_400.0, "d"),
    };
    format!("{} {unit}", digits(value * factor))
}

fn scaled(value: f64, base: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter().peekable();
    let mut unit = units.next().copied().unwrap_or_default();
    while value.abs() >= base && units.peek().is_some() {
        value /= base;
        unit = units.next().copied().unwrap_or_default();
    }
    format!("{}{unit}", digits(value))
}

/// A number in three digits, without zeros behind the point.
fn digits(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        s if s == 0.0 || s >= 100.0 => 0,
        s if s >= 10.0 => 1,
        s if s >= 1.0 => 2,
        s if s >= 1e-6 => (2 - s.log10().floor() as i32).clamp(0, 8) as usize,
        _ => return format!("{value:.2e}"),
    };
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    text.replace('-', "−")
}

/// A day and a time of day, UTC.
pub(super) fn moment(time_ms: i64) -> String {
    formatted(time_ms, "%Y-%m-%d %H:%M:%S UTC")
}

/// A time of day, UTC.
pub(super) fn clock(time_ms: i64) -> String {
    formatted(time_ms, "%H:%M:%S")
}

/// Hours and minutes, UTC.
pub(super) fn minutes(time_ms: i64) -> String {
    formatted(time_ms, "%H:%M")
}

fn formatted(time_ms: i64, format: &str) -> String {
    match Timestamp::from_millisecond(time_ms) {
        Ok(time) => time.strftime(format).to_string(),
        Err(_) => time_ms.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_three_digits_and_their_unit() {
        for (unit, value, want) in [
            (Unit::Plain, 0.0, "0"),
            (Unit::Plain, 1234.5, "1.23 k"),
            (Unit::Plain, -12.345, "−12.3"),
            (Unit::Plain, 0.012345, "0.0123"),
            (Unit::Bytes, 1536.0, "1.5 KiB"),
            (Unit::Share, 0.056, "5.6 %"),
            (Unit::Percent, 91.26, "91.3 %"),
            (Unit::Seconds, 0.25, "250 ms"),
            (Unit::Seconds, 4.0, "4 s"),
            (Unit::Seconds, 5400.0, "90 min"),
            (Unit::Seconds, 60.0, "1 min"),
            (Unit::Plain, f64::NAN, "no value"),
            (Unit::Plain, f64::INFINITY, "∞"),
        ] {
            assert_eq!(unit.show(value), want, "{unit:?} {value}");
        }
    }

    #[test]
    fn units_are_guessed_from_names() {
        for (query, greatest, want) in [
            (
                "histogram_quantile(0.95, sum by (le) (rate(x_seconds_bucket[5m])))",
                4.0,
                Unit::Seconds,
            ),
            (
                "rate(x_seconds_sum[5m]) / rate(x_seconds_count[5m])",
                4.0,
                Unit::Seconds,
            ),
            (
                "sum(rate(errors_total[5m])) / sum(rate(requests_total[5m]))",
                0.5,
                Unit::Share,
            ),
            ("rate(process_cpu_seconds_total[5m])", 1.0, Unit::Plain),
            ("node_filesystem_avail_bytes", 1e9, Unit::Bytes),
            ("100 * a / b", 93.0, Unit::Percent),
            ("up", 1.0, Unit::Plain),
        ] {
            assert_eq!(Unit::of(query, greatest), want, "{query}");
        }
    }
}
