//! Times as they are written on the command line.

use anyhow::{Context as _, Result, bail};
use bellwether_model::short;
use bellwether_model::time::parse_duration;
use jiff::Timestamp;

/// A time: RFC 3339 or seconds since 1970. In ms.
///
/// # Errors
/// Names the flag, the text and what is wanted.
pub(crate) fn time_ms(flag: &str, text: &str) -> Result<i64> {
    parse(text).with_context(|| wrong_time(flag, text))
}

/// A time, or how long before `end_ms` it is. In ms.
///
/// # Errors
/// Names the flag, the text and what is wanted.
pub(crate) fn time_before_ms(flag: &str, text: &str, end_ms: i64) -> Result<i64> {
    match (parse(text), parse_duration(text)) {
        (Some(time_ms), _) => Ok(time_ms),
        (None, Ok(before_ms)) => Ok(end_ms.saturating_sub(before_ms)),
        (None, Err(_)) => bail!("{}, or a duration", wrong_time(flag, text)),
    }
}

/// A time for people.
pub(crate) fn time_text(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| ms.to_string(), |time| time.to_string())
}

fn wrong_time(flag: &str, text: &str) -> String {
    format!(
        "{flag} {:?} is not a time: want RFC 3339 such as 2026-11-27T10:00:00Z, or seconds since 1970",
        short(text)
    )
}

fn parse(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = seconds * 1_000.0;
        return (ms.abs() < 1e17).then_some(ms as i64);
    }
    let timestamp: Timestamp = text.parse().ok()?;
    Some(timestamp.as_millisecond())
}
