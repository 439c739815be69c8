//! From text to a time, by a layout.

use super::calendar::{MONTHS, WEEKDAYS, days_before, month_days};
use super::layout::{OffsetDigits, OffsetStyle, Part, next_part};
use super::{Time, Zone};
use crate::quote::quoted;

/// Why a text is not a time of a layout, in the words of Go.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("parsing time {} as {}: {}", quoted(.text), quoted(.layout), .reason)]
pub struct TimeParseError {
    /// The text as given.
    pub text: String,
    /// The layout as given.
    pub layout: String,
    /// Which part does not fit.
    pub reason: String,
}

/// What the parts of a text have said so far.
#[derive(Default)]
struct Found {
    year: Option<i64>,
    month: Option<i64>,
    day: Option<i64>,
    year_day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    afternoon: Option<bool>,
    zone: Option<Zone>,
}

/// The text does not begin with the part.
struct Mismatch;

type Taken<'a, T> = Result<(T, &'a str), Mismatch>;

pub(super) fn parse(layout: &str, text: &str) -> Result<Time, TimeParseError> {
    let fail = |reason: String| TimeParseError {
        text: text.to_owned(),
        layout: layout.to_owned(),
        reason,
    };
    let mut found = Found::default();
    let (mut layout_rest, mut rest) = (layout, text);
    loop {
        let next = next_part(layout_rest);
        let before = next.map_or(layout_rest, |(before, _, _)| before);
        rest = skip(rest, before).map_err(|_| {
            fail(format!(
                "cannot parse {} as {}",
                quoted(rest),
                quoted(before)
            ))
        })?;
        let Some((before, part, behind)) = next else {
            if !rest.is_empty() {
                return Err(fail(format!("extra text: {}", quoted(rest))));
            }
            break;
        };
        let element = layout_rest
            .get(before.len()..layout_rest.len() - behind.len())
            .unwrap_or("");
        let unread = rest;
        rest = found.take(part, behind, unread).map_err(|_| {
            fail(format!(
                "cannot parse {} as {}",
                quoted(unread),
                quoted(element)
            ))
        })?;
        if let Some(what) = found.out_of_range() {
            return Err(fail(format!("{what} out of range")));
        }
        layout_rest = behind;
    }
    found
        .time()
        .map_err(|what| fail(format!("{what} out of range")))
}

/// What follows text of the layout: space there is any amount of space here.
fn skip<'a>(mut text: &'a str, before: &str) -> Result<&'a str, Mismatch> {
    for c in before.chars() {
        if c == ' ' {
            if !text.is_empty() && !text.starts_with(' ') {
                return Err(Mismatch);
            }
            text = text.trim_start_matches(' ');
        } else {
            text = text.strip_prefix(c).ok_or(Mismatch)?;
        }
    }
    Ok(text)
}

impl Found {
    /// Takes a part from the beginning of the text, and gives back what follows.
    fn take<'a>(&mut self, part: Part, behind: &str, text: &'a str) -> Result<&'a str, Mismatch> {
        let rest = match part {
            Part::LongYear => set(&mut self.year, digits(text, 4, 4)?),
            Part::Year => {
                let (year, rest) = digits(text, 2, 2)?;
                self.year = Some(year + if year >= 69 { 1_900 } else { 2_000 });
                rest
            }
            Part::LongMonth => set(&mut self.month, name(text, &MONTHS, usize::MAX)?),
            Part::ShortMonth => set(&mut self.month, name(text, &MONTHS, 3)?),
            Part::Month => set(&mut self.month, digits(text, 1, 2)?),
            Part::ZeroMonth => set(&mut self.month, digits(text, 2, 2)?),
            // Days of the week are read, and not compared with the date.
            Part::LongWeekday => name(text, &WEEKDAYS, usize::MAX)?.1,
            Part::ShortWeekday => name(text, &WEEKDAYS, 3)?.1,
            Part::SpaceDay | Part::Day | Part::ZeroDay => {
                let text = match part {
                    Part::SpaceDay => text.strip_prefix(' ').unwrap_or(text),
                    _ => text,
                };
                let least = if part == Part::ZeroDay { 2 } else { 1 };
                set(&mut self.day, digits(text, least, 2)?)
            }
            Part::SpaceYearDay => {
                let text = text.trim_start_matches(' ');
                set(&mut self.year_day, digits(text, 1, 3)?)
            }
            Part::ZeroYearDay => set(&mut self.year_day, digits(text, 3, 3)?),
            Part::Hour => put(&mut self.hour, digits(text, 1, 2)?),
            Part::Hour12 => put(&mut self.hour, digits(text, 1, 2)?),
            Part::ZeroHour12 => put(&mut self.hour, digits(text, 2, 2)?),
            Part::Minute => put(&mut self.minute, digits(text, 1, 2)?),
            Part::ZeroMinute => put(&mut self.minute, digits(text, 2, 2)?),
            Part::Second | Part::ZeroSecond => {
                let least = if part == Part::ZeroSecond { 2 } else { 1 };
                let rest = put(&mut self.second, digits(text, least, 2)?);
                // A fraction may follow even where the layout has none.
                match next_part(behind) {
                    Some(("", Part::Fraction { .. }, _)) => rest,
                    _ => match fraction(rest) {
                        Some(taken) => put(&mut self.nanos, taken),
                        None => rest,
                    },
                }
            }
            Part::UpperAmPm | Part::LowerAmPm => {
                let words = match part {
                    Part::UpperAmPm => ["AM", "PM"],
                    _ => ["am", "pm"],
                };
                let (index, rest) = words
                    .iter()
                    .enumerate()
                    .find_map(|(index, word)| Some((index, text.strip_prefix(word)?)))
                    .ok_or(Mismatch)?;
                self.afternoon = Some(index == 1);
                rest
            }
            Part::Fraction { digits, trims, .. } => match fraction(text) {
                Some(_) if !trims && !fraction_has(text, digits) => return Err(Mismatch),
                Some(taken) => put(&mut self.nanos, taken),
                None if trims => text,
                None => return Err(Mismatch),
            },
            Part::Offset(style) => {
                let (zone, rest) = offset(text, style)?;
                self.zone = Some(zone);
                rest
            }
            Part::ZoneName => {
                let (zone, rest) = zone_name(text)?;
                // An offset says more than a name.
                self.zone.get_or_insert(zone);
                rest
            }
        };
        Ok(rest)
    }

    fn out_of_range(&self) -> Option<&'static str> {
        let bad = |value: Option<i64>, range: std::ops::RangeInclusive<i64>| {
            value.is_some_and(|value| !range.contains(&value))
        };
        if bad(self.month, 1..=12) {
            return Some("month");
        }
        if bad(Some(self.hour), 0..=23) || self.afternoon.is_some() && self.hour > 12 {
            return Some("hour");
        }
        if bad(Some(self.minute), 0..=59) {
            return Some("minute");
        }
        bad(Some(self.second), 0..=59).then_some("second")
    }

    fn time(self) -> Result<Time, &'static str> {
        let year = self.year.unwrap_or(0);
        let days = match self.year_day {
            Some(year_day) => {
                let length = days_before(year + 1, 1, 1) - days_before(year, 1, 1);
                if !(1..=length).contains(&year_day) {
                    return Err("day-of-year");
                }
                days_before(year, 1, year_day)
            }
            None => {
                let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
                if !(1..=month_days(year, month)).contains(&day) {
                    return Err("day");
                }
                days_before(year, month, day)
            }
        };
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let zone = self.zone.unwrap_or(Zone::Utc);
        let local_s = days * 86_400 + hour * 3_600 + self.minute * 60 + self.second;
        let unix_s = local_s - i64::from(zone.info(local_s).offset_s);
        let unix_ns = i128::from(unix_s) * 1_000_000_000 + i128::from(self.nanos);
        Ok(Time::from_unix_ns(unix_ns).with_zone(zone))
    }
}

fn set<'a>(to: &mut Option<i64>, (value, rest): (i64, &'a str)) -> &'a str {
    *to = Some(value);
    rest
}

fn put<'a>(to: &mut i64, (value, rest): (i64, &'a str)) -> &'a str {
    *to = value;
    rest
}

/// As many digits as there are, up to `most`; at least `least`.
fn digits(text: &str, least: usize, most: usize) -> Taken<'_, i64> {
    let count = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (digits, rest) = text.split_at(count);
    if count < least {
        return Err(Mismatch);
    }
    Ok((digits.parse().map_err(|_| Mismatch)?, rest))
}

/// One of the names, or of their first letters, in any case. Counted from 1.
fn name<'a>(text: &'a str, names: &[&str], letters: usize) -> Taken<'a, i64> {
    for (number, name) in (1..).zip(names) {
        let name = name.get(..letters).unwrap_or(name);
        if let (Some(head), Some(rest)) = (text.get(..name.len()), text.get(name.len()..))
            && head.eq_ignore_ascii_case(name)
        {
            return Ok((number, rest));
        }
    }
    Err(Mismatch)
}

/// A point or comma and digits, as nanoseconds.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let digits = text.strip_prefix(['.', ','])?;
    let count = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = digits.split_at(count);
    if digits.is_empty() {
        return None;
    }
    let nanos = format!("{:0<9}", digits.get(..9).unwrap_or(digits));
    Some((nanos.parse().ok()?, rest))
}

/// Whether exactly so many digits stand behind the point.
fn fraction_has(text: &str, count: usize) -> bool {
    let digits = text.get(1..).unwrap_or("");
    digits.bytes().take_while(u8::is_ascii_digit).count() == count
}

fn offset(text: &str, style: OffsetStyle) -> Taken<'_, Zone> {
    if let Some(rest) = text.strip_prefix('Z').filter(|_| style.z) {
        return Ok((Zone::Utc, rest));
    }
    let (east, mut rest) = match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return Err(Mismatch),
    };
    let mut part = |wanted: bool, max: i64, first: bool| {
        if !wanted {
            return Ok(0);
        }
        if style.colons && !first {
            rest = rest.strip_prefix(':').ok_or(Mismatch)?;
        }
        let (value, behind) = digits(rest, 2, 2)?;
        rest = behind;
        if value > max {
            Err(Mismatch)
        } else {
            Ok(value)
        }
    };
    let hours = part(true, 24, true)?;
    let minutes = part(style.digits >= OffsetDigits::Minutes, 60, false)?;
    let seconds = part(style.digits >= OffsetDigits::Seconds, 60, false)?;
    let offset_s = i32::try_from(east * (hours * 3_600 + minutes * 60 + seconds));
    let offset_s = offset_s.map_err(|_| Mismatch)?;
    let zone = if offset_s == 0 {
        Zone::Utc
    } else {
        Zone::fixed("", offset_s)
    };
    Ok((zone, rest))
}

/// An abbreviation of three or four capital letters. Only UTC is known; others are kept as a name,
/// with no distance from UTC, as Go does with those that it does not know.
fn zone_name(text: &str) -> Taken<'_, Zone> {
    let letters = text
        .bytes()
        .take(5)
        .take_while(u8::is_ascii_uppercase)
        .count();
    let (name, rest) = text.split_at(letters);
    match letters {
        3 if name == "UTC" => Ok((Zone::Utc, rest)),
        3 => Ok((Zone::fixed(name, 0), rest)),
        4 if name.ends_with('T') || name == "WITA" => Ok((Zone::fixed(name, 0), rest)),
        _ => Err(Mismatch),
    }
}
