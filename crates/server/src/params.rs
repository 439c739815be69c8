//! Parameters of a request: the query string, and the form of a POST.
//!
//! ## Model
//! [`Params`] holds pairs in the order in which they came. A value in the form of the body comes
//! before one in the query string, as `FormValue` has it in Go.
//!
//! ## Limits
//! Times are milliseconds. [`TIME_MIN_MS`] and [`TIME_MAX_MS`] are the bounds that Prometheus'
//! clients send for "all of time".

use std::borrow::Cow;

use bellwether_model::time::parse_duration;
use bellwether_model::{TimeRange, short};

use crate::envelope::ApiError;

/// The time that stands for "since ever", in ms.
pub(crate) const TIME_MIN_MS: i64 = i64::MIN / 1000 * 1000 + 62_135_596_801_000;
/// The time that stands for "for ever", in ms.
pub(crate) const TIME_MAX_MS: i64 = i64::MAX / 1000 * 1000 - 62_135_596_801_000 + 999;
const TIME_MIN_TEXT: &str = "-292273086-05-16T16:47:06Z";
const TIME_MAX_TEXT: &str = "292277025-08-18T07:12:54.999999999Z";

/// Parameters of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    pairs: Vec<(String, String)>,
}

impl Params {
    /// Reads the form of the body, if there is one, then the query string.
    pub(crate) fn parse(query: Option<&str>, form: Option<&[u8]>) -> Self {
        let read = |bytes: &[u8]| -> Vec<(String, String)> {
            url::form_urlencoded::parse(bytes)
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect()
        };
        let mut pairs = form.map(read).unwrap_or_default();
        pairs.extend(
            query
                .map(|query| read(query.as_bytes()))
                .unwrap_or_default(),
        );
        Self { pairs }
    }

    /// The first value, or the empty string.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.pairs
            .iter()
            .find(|(n, _)| n == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// All values.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        self.pairs
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether the parameter is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(n, _)| n == name)
    }

    /// A limit; 0 means none.
    pub(crate) fn limit(&self) -> Result<usize, ApiError> {
        let text = self.get("limit");
        if text.is_empty() {
            return Ok(0);
        }
        match text.parse::<i64>() {
            Ok(limit) => usize::try_from(limit)
                .map_err(|_| ApiError::invalid_parameter("limit", "limit must be non-negative")),
            Err(error) => Err(ApiError::invalid_parameter(
                "limit",
                format_args!("{:?}: {error}", short(text)),
            )),
        }
    }

    /// A time that may be missing, in ms.
    pub(crate) fn time_or(&self, name: &str, default_ms: i64) -> Result<i64, ApiError> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(default_ms);
        }
        parse_time(text).map_err(|reason| {
            let reason = format!("invalid time value for '{name}': {reason}");
            ApiError::invalid_parameter(name, reason)
        })
    }

    /// A time that must be there, in ms.
    pub(crate) fn time(&self, name: &str) -> Result<i64, ApiError> {
        parse_time(self.get(name)).map_err(|reason| ApiError::invalid_parameter(name, reason))
    }

    /// The range from `start` to `end`; all of time where they are missing.
    pub(crate) fn range(&self) -> Result<TimeRange, ApiError> {
        Ok(TimeRange::new(
            self.time_or("start", TIME_MIN_MS)?,
            self.time_or("end", TIME_MAX_MS)?,
        ))
    }

    /// A duration that may be missing, in ms.
    pub(crate) fn duration(&self, name: &str) -> Result<Option<i64>, ApiError> {
        let text = self.get(name);
        if text.is_empty() {
            return Ok(None);
        }
        parse_duration_ms(text)
            .map(Some)
            .map_err(|reason| ApiError::invalid_parameter(name, reason))
    }

    /// A flag in the words that Go takes.
    pub(crate) fn boolean(&self, name: &str, default: bool) -> Result<bool, ApiError> {
        match self.get(name) {
            "" => Ok(default),
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
            other => Err(ApiError::invalid_parameter(
                name,
                format_args!(
                    "unable to parse boolean: {:?} is none of true, false, 1, 0",
                    short(other)
                ),
            )),
        }
    }
}

/// Reads seconds, whole or with a fraction, or an RFC 3339 time. In ms.
pub(crate) fn parse_time(text: &str) -> Result<i64, String> {
    let fail = || format!("cannot parse {:?} to a valid timestamp", short(text));
    if let Ok(seconds) = text.parse::<f64>() {
        let ms = (seconds * 1000.0).round();
        // Beyond that a float no longer holds whole milliseconds, and NaN is no time.
        if !(ms.abs() <= i64::MAX as f64 / 2.0 || seconds.is_finite()) {
            return Err(fail());
        }
        return Ok((ms as i64).clamp(TIME_MIN_MS, TIME_MAX_MS));
    }
    match text {
        TIME_MIN_TEXT => return Ok(TIME_MIN_MS),
        TIME_MAX_TEXT => return Ok(TIME_MAX_MS),
        _ => {}
    }
    // A `+` that was not escaped arrives as a space.
    let text: Cow<'_, str> = if text.contains(' ') {
        Cow::Owned(text.replace(' ', "+"))
    } else {
        Cow::Borrowed(text)
    };
    text.parse::<jiff::Timestamp>()
        .map(|time| time.as_millisecond())
        .map_err(|_| fail())
}

/// Reads seconds, whole or with a fraction, or a duration such as `1h30m`. In ms.
pub(crate) fn parse_duration_ms(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse::<f64>() {
        let nanoseconds = seconds * 1e9;
        if !nanoseconds.is_finite() || nanoseconds.abs() > i64::MAX as f64 {
            return Err(format!(
                "cannot parse {:?} to a valid duration. It overflows int64",
                short(text)
            ));
        }
        return Ok((nanoseconds / 1e6) as i64);
    }
    parse_duration(text).map_err(|_| format!("cannot parse {:?} to a valid duration", short(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_in_three_forms() {
        let check = |text: &str, want: i64| assert_eq!(parse_time(text), Ok(want), "{text}");
        check("1435781451.781", 1_435_781_451_781);
        check("1435781451", 1_435_781_451_000);
        check("-1.5", -1_500);
        check("2015-07-01T20:10:51.781Z", 1_435_781_451_781);
        check("2015-07-01T22:10:51.781+02:00", 1_435_781_451_781);
        check("2015-07-01T22:10:51.781 02:00", 1_435_781_451_781);
        check(TIME_MIN_TEXT, TIME_MIN_MS);
        check(TIME_MAX_TEXT, TIME_MAX_MS);
        for text in ["", "30s", "abc", "2015-07-01", "NaN"] {
            assert!(parse_time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_come_in_two_forms() {
        let check = |text: &str, want: i64| assert_eq!(parse_duration_ms(text), Ok(want), "{text}");
        check("15", 15_000);
        check("0.5", 500);
        check("1h30m", 5_400_000);
        check("-1", -1_000);
        for text in ["", "x", "1e300", "inf"] {
            assert!(parse_duration_ms(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_body_comes_before_the_query_string() {
        let params = Params::parse(Some("a=1&b=2&m%5B%5D=x"), Some(b"a=3&m[]=y+z"));
        assert_eq!(params.get("a"), "3");
        assert_eq!(params.get("b"), "2");
        assert_eq!(params.get("c"), "");
        assert_eq!(params.all("m[]").collect::<Vec<_>>(), ["y z", "x"]);
    }
}
