//! Durations and sizes as people write them: `1.5s`, `20GiB`.

use std::time::Duration;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Milliseconds of each unit.
const DURATIONS: [(&str, f64); 5] = [
    ("ms", 1.0),
    ("s", 1_000.0),
    ("m", 60_000.0),
    ("h", 3_600_000.0),
    ("d", 86_400_000.0),
];
/// Bytes of each unit.
const SIZES: [(&str, f64); 9] = [
    ("B", 1.0),
    ("kB", 1e3),
    ("MB", 1e6),
    ("GB", 1e9),
    ("TB", 1e12),
    ("KiB", 1024.0),
    ("MiB", 1_048_576.0),
    ("GiB", 1_073_741_824.0),
    ("TiB", 1_099_511_627_776.0),
];
/// What a duration may be at most: 1000 years. Chosen: nothing above is meant.
const DURATION_MS_MAX: f64 = 1_000.0 * 365.0 * 86_400_000.0;

/// The number and the factor of its unit; nothing where it is not exactly that.
fn split(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let end = text.find(|it: char| !it.is_ascii_digit() && it != '.')?;
    let (number, unit) = text.split_at_checked(end)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    let number: f64 = number.parse().ok()?;
    Some(number * factor)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let ms = split(text, &DURATIONS)?;
    (ms <= DURATION_MS_MAX).then(|| Duration::from_secs_f64(ms / 1_000.0))
}

fn parse_bytes(text: &str) -> Option<u64> {
    let bytes = split(text, &SIZES)?;
    // 2^53: up to there each byte counts.
    (bytes <= 9_007_199_254_740_992.0).then_some(bytes as u64)
}

pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || {
        D::Error::custom(format!(
            "{text:?}: want a duration such as 500ms, 15s, 2m, 1h"
        ))
    };
    parse_duration(&text).ok_or_else(wrong)
}

pub(super) fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

pub(super) fn optional_bytes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || D::Error::custom(format!("{text:?}: want a size such as 500MB, 20GiB"));
    parse_bytes(&text).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units() {
        for (text, want_ms) in [
            ("500ms", Some(500)),
            ("1.5s", Some(1_500)),
            ("2 m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("15", None),
            ("s", None),
            ("-1s", None),
            ("1.2.3s", None),
            ("1e9d", None),
            ("999999999999d", None),
            ("15S", None),
            ("", None),
        ] {
            let want = want_ms.map(Duration::from_millis);
            assert_eq!(parse_duration(text), want, "{text}");
        }
        for (text, want) in [
            ("20GiB", Some(20 << 30)),
            ("1.5kB", Some(1_500)),
            ("0B", Some(0)),
            ("99999TiB", None),
            ("5", None),
        ] {
            assert_eq!(parse_bytes(text), want, "{text}");
        }
    }
}
