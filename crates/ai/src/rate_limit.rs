//! What a provider still allows, as the headers of its answers say.
//!
//! ## Model
//! OpenAI and those like it: `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`, where a reset is a
//! time such as `6m0s` or `20ms`. Anthropic: `anthropic-ratelimit-{requests,tokens,input-tokens,
//! output-tokens}-{limit,remaining,reset}`, where a reset is a moment in RFC 3339.
//!
//! ## Failure
//! A header that is absent or makes no sense is left out: providers send what they like.

/// One thing that is limited.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// What: `requests`, `tokens`, `input-tokens`, `output-tokens`.
    pub kind: &'static str,
    /// How much there is in a window.
    pub limit: Option<f64>,
    /// How much is left.
    pub remaining: Option<f64>,
    /// Time until all of it is there again, s.
    pub reset_seconds: Option<f64>,
}

/// Kinds of limits, with whether only Anthropic has them.
const KINDS: [(&str, bool); 4] = [
    ("requests", false),
    ("tokens", false),
    ("input-tokens", true),
    ("output-tokens", true),
];

/// The limits that headers tell of. `header` looks one up by its name in small letters.
pub fn rate_limits<'h>(
    header: impl Fn(&str) -> Option<&'h str>,
    now_ms: i64,
) -> impl Iterator<Item = RateLimit> {
    let limits = KINDS.map(|(kind, is_anthropic)| {
        let number = |text: &str| {
            let number = text.trim().parse::<f64>().ok()?;
            (number.is_finite() && number >= 0.0).then_some(number)
        };
        let openai = |what: &str| {
            let name = format!("x-ratelimit-{what}-{kind}");
            header(&name).filter(|_| !is_anthropic)
        };
        let anthropic = |what: &str| header(&format!("anthropic-ratelimit-{kind}-{what}"));
        let either = |what| openai(what).or_else(|| anthropic(what)).and_then(number);
        let moment = || {
            let time_ms = rfc_3339_ms(anthropic("reset")?)?;
            Some(time_ms.saturating_sub(now_ms).max(0) as f64 / 1_000.0)
        };
        RateLimit {
            kind,
            limit: either("limit"),
            remaining: either("remaining"),
            reset_seconds: openai("reset").and_then(duration_seconds).or_else(moment),
        }
    });
    let says = |limit: &RateLimit| {
        limit.limit.is_some() || limit.remaining.is_some() || limit.reset_seconds.is_some()
    };
    limits.into_iter().filter(says)
}

/// A time such as `1h2m3.5s`, or plain seconds.
fn duration_seconds(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    if let Ok(seconds) = rest.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0).then_some(seconds);
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let letters = tail.find(|c: char| c.is_ascii_digit());
        let (unit, tail) = tail.split_at_checked(letters.unwrap_or(tail.len()))?;
        let unit_seconds = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            "us" | "µs" => 1e-6,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * unit_seconds;
        rest = tail;
    }
    (!text.trim().is_empty()).then_some(total)
}

/// A moment such as `2026-11-29T06:21:47Z` or `…47.5+01:00`, ms since 1970.
fn rfc_3339_ms(text: &str) -> Option<i64> {
    let text = text.trim();
    let number = |from: usize, len: usize| {
        let digits = text.get(from..from + len)?;
        let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
        are_digits.then(|| digits.parse::<i64>().ok()).flatten()
    };
    let marks = [(4, "-"), (7, "-"), (13, ":"), (16, ":")];
    if marks
        .iter()
        .any(|(at, mark)| text.get(*at..at + 1) != Some(mark))
    {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    let is_time = hour < 24 && minute < 60 && second <= 60;
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || !is_time {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut milliseconds = 0.0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|c: char| !c.is_ascii_digit())?;
        let (digits, tail) = fraction.split_at_checked(end)?;
        milliseconds = format!("0.{digits}").parse::<f64>().ok()? * 1_000.0;
        rest = tail;
    }
    let offset_minutes = match rest {
        "Z" | "z" => 0,
        _ => {
            let at = text.len().checked_sub(6)?;
            let sign = match text.get(at..at + 1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            sign * (number(at + 1, 2)? * 60 + number(at + 4, 2)?)
        }
    };
    let days = days_of(year, month, day);
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset_minutes * 60;
    Some(seconds * 1_000 + milliseconds as i64)
}

/// Days since 1970: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(headers: &[(&str, &'static str)]) -> Vec<RateLimit> {
        let find = |name: &str| {
            let mut headers = headers.iter();
            headers.find(|(it, _)| *it == name).map(|(_, value)| *value)
        };
        rate_limits(find, 1_795_933_307_000).collect()
    }

    #[test]
    fn both_styles_are_read() {
        let openai = read(&[
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "6m0.5s"),
            ("x-ratelimit-remaining-tokens", "many"),
        ]);
        let requests = RateLimit {
            kind: "requests",
            limit: Some(60.0),
            remaining: Some(59.0),
            reset_seconds: Some(360.5),
        };
        assert_eq!(openai, [requests]);
        let anthropic = read(&[
            ("anthropic-ratelimit-output-tokens-limit", "8000"),
            ("anthropic-ratelimit-output-tokens-remaining", "7000"),
            (
                "anthropic-ratelimit-output-tokens-reset",
                "2026-11-29T07:22:07+01:00",
            ),
        ]);
        let tokens = RateLimit {
            kind: "output-tokens",
            limit: Some(8_000.0),
            remaining: Some(7_000.0),
            reset_seconds: Some(20.0),
        };
        assert_eq!(anthropic, [tokens]);
        assert_eq!(read(&[]), []);
    }

    #[test]
    fn times_are_read() {
        for (text, want) in [
            ("1s", Some(1.0)),
            ("20ms", Some(0.02)),
            ("1h2m3.5s", Some(3_723.5)),
            ("12", Some(12.0)),
            ("", None),
            ("-1", None),
            ("s", None),
            ("5 parsecs", None),
            ("1.2.3s", None),
        ] {
            assert_eq!(duration_seconds(text), want, "{text}");
        }
        for (text, want) in [
            ("1970-01-01T00:00:01.5Z", Some(1_500)),
            ("2000-02-29T12:00:00-02:30", Some(951_834_600_000)),
            ("2026-13-01T00:00:00Z", None),
            ("2026-11-29 06:21:47", None),
            ("é026-11-29T06:21:47Z", None),
        ] {
            assert_eq!(rfc_3339_ms(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn odd_texts_are_no_trouble(text in "\\PC{0,40}") {
            let (duration, moment) = (duration_seconds(&text), rfc_3339_ms(&text));
            prop_assert!(duration.is_none_or(|seconds| seconds >= 0.0));
            prop_assert!(moment.is_none_or(|ms| ms.abs() < 400_000_000_000_000));
        }

        #[test]
        fn moments_are_read_back(time_ms in 0i64..250_000_000_000_000) {
            let text = jiff::Timestamp::from_millisecond(time_ms).unwrap().to_string();
            let read = rfc_3339_ms(&text).unwrap();
            // Thousandths are no floats.
            prop_assert!((read - time_ms).abs() <= 1, "{} {}", read, time_ms);
        }
    }
}
