//! What time it is, for what leaves the process.

use std::fmt::Debug;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Send + Sync + Debug {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> i64;

    /// Nanoseconds since 1970, as exactly as the clock knows them.
    fn now_ns(&self) -> i64 {
        self.now_ms().saturating_mul(1_000_000)
    }
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> i64 {
        self.now_ns().div_euclid(1_000_000)
    }

    fn now_ns(&self) -> i64 {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place of this crate that reads the wall clock"
        )]
        let now = SystemTime::now();
        match now.duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
        }
    }
}

/// Appends a time as RFC 3339 with milliseconds, in UTC: `2026-11-29T06:21:47.123Z`. Times outside of the
/// years 0 to 9999 are cut to them.
pub(crate) fn put_time(out: &mut Vec<u8>, time_ms: i64) {
    let time_ms = time_ms.clamp(-62_167_219_200_000, 253_402_300_799_999);
    let (days, of_day) = (
        time_ms.div_euclid(86_400_000),
        time_ms.rem_euclid(86_400_000),
    );
    let (year, month, day) = civil(days);
    let seconds = of_day / 1_000;
    put_digits(out, year, 4);
    for (mark, number) in [(b'-', month), (b'-', day), (b'T', seconds / 3_600)] {
        out.push(mark);
        put_digits(out, number, 2);
    }
    for number in [seconds / 60 % 60, seconds % 60] {
        out.push(b':');
        put_digits(out, number, 2);
    }
    out.push(b'.');
    put_digits(out, of_day % 1_000, 3);
    out.push(b'Z');
}

/// Reads what [`put_time`] writes; `None`: it is something else.
pub(crate) fn read_time(text: &[u8]) -> Option<i64> {
    let number = |begin: usize, digits: usize| {
        let text = text.get(begin..begin + digits)?;
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
        text.iter()
            .try_fold(0, |number, byte| Some(number * 10 + digit(byte)?))
    };
    for (place, mark) in [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
    ] {
        if text.get(place) != Some(&mark) {
            return None;
        }
    }
    let (month, day) = (number(5, 2)?, number(8, 2)?);
    let is_date = (1..=12).contains(&month) && (1..=31).contains(&day);
    let year = number(0, 4).filter(|_| is_date)?;
    let days = days_of(year, month, day);
    let seconds = (number(11, 2)? * 60 + number(14, 2)?) * 60 + number(17, 2)?;
    (text.get(23) == Some(&b'Z')).then_some(())?;
    Some(days * 86_400_000 + seconds * 1_000 + number(20, 3)?)
}

/// Days since 1970 of a date in the Gregorian calendar: Howard Hinnant, as in [`civil`], `days_from_civil`.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn put_digits(out: &mut Vec<u8>, number: i64, digits: u32) {
    for digit in (0..digits).rev() {
        out.push(b'0' + (number / 10_i64.pow(digit) % 10) as u8);
    }
}

/// Year, month and day of a day since 1970, in the Gregorian calendar. Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years that begin in March, so that the leap day is the last: in eras of 400 years.
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let is_next_year = month >= 10;
    let month = if is_next_year { month - 9 } else { month + 3 };
    (
        year_of_era + era * 400 + i64::from(is_next_year),
        month,
        day,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_people_read_them() {
        for (time_ms, want) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_795_933_307_123, "2026-11-29T06:21:47.123Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
        ] {
            let mut out = Vec::new();
            put_time(&mut out, time_ms);
            assert_eq!(String::from_utf8_lossy(&out), want);
            let in_range = time_ms.clamp(-62_167_219_200_000, 253_402_300_799_999);
            assert_eq!(read_time(&out), Some(in_range));
        }
        for wrong in [
            "",
            "2026-13-01T00:00:00.000Z",
            "2026-11-29T06:21:47.12",
            "2026-11-29 06:21:47.123Z",
        ] {
            assert_eq!(read_time(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
