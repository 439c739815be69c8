//! The layouts in which Go writes times: each part is written as the reference time
//! `Mon Jan 2 15:04:05 MST 2006` has it.

use std::fmt::Write as _;

use super::Time;
use super::calendar::Civil;

/// A part of a layout that stands for a part of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    LongMonth,
    ShortMonth,
    Month,
    ZeroMonth,
    LongWeekday,
    ShortWeekday,
    Day,
    SpaceDay,
    ZeroDay,
    SpaceYearDay,
    ZeroYearDay,
    Hour,
    Hour12,
    ZeroHour12,
    Minute,
    ZeroMinute,
    Second,
    ZeroSecond,
    LongYear,
    Year,
    UpperAmPm,
    LowerAmPm,
    /// The abbreviation of the zone.
    ZoneName,
    Offset(OffsetStyle),
    /// Digits of a fraction of a second, after a point or comma.
    Fraction {
        separator: char,
        digits: usize,
        /// Whether zeros at the end, and with them the point, are left out.
        trims: bool,
    },
}

/// How the distance from UTC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetStyle {
    /// Whether UTC is `Z`.
    pub(super) z: bool,
    pub(super) colons: bool,
    pub(super) digits: OffsetDigits,
}

/// How much of the distance from UTC is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OffsetDigits {
    Hours,
    Minutes,
    Seconds,
}

const fn offset(z: bool, colons: bool, digits: OffsetDigits) -> Part {
    Part::Offset(OffsetStyle { z, colons, digits })
}

/// Parts that begin with a letter or digit, longer ones before their beginnings.
const PARTS: [(&str, Part); 33] = [
    ("January", Part::LongMonth),
    ("Jan", Part::ShortMonth),
    ("Monday", Part::LongWeekday),
    ("Mon", Part::ShortWeekday),
    ("MST", Part::ZoneName),
    ("2006", Part::LongYear),
    ("01", Part::ZeroMonth),
    ("002", Part::ZeroYearDay),
    ("02", Part::ZeroDay),
    ("03", Part::ZeroHour12),
    ("04", Part::ZeroMinute),
    ("05", Part::ZeroSecond),
    ("06", Part::Year),
    ("15", Part::Hour),
    ("1", Part::Month),
    ("2", Part::Day),
    ("__2", Part::SpaceYearDay),
    ("_2", Part::SpaceDay),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
    ("PM", Part::UpperAmPm),
    ("pm", Part::LowerAmPm),
    ("-07:00:00", offset(false, true, OffsetDigits::Seconds)),
    ("-070000", offset(false, false, OffsetDigits::Seconds)),
    ("-07:00", offset(false, true, OffsetDigits::Minutes)),
    ("-0700", offset(false, false, OffsetDigits::Minutes)),
    ("-07", offset(false, false, OffsetDigits::Hours)),
    ("Z07:00:00", offset(true, true, OffsetDigits::Seconds)),
    ("Z070000", offset(true, false, OffsetDigits::Seconds)),
    ("Z07:00", offset(true, true, OffsetDigits::Minutes)),
    ("Z0700", offset(true, false, OffsetDigits::Minutes)),
    ("Z07", offset(true, false, OffsetDigits::Hours)),
];

/// The first part of a layout: the text before it, it, and the text behind it.
pub(super) fn next_part(layout: &str) -> Option<(&str, Part, &str)> {
    for (start, c) in layout.char_indices() {
        let (before, rest) = layout.split_at(start);
        match c {
            'J' | 'M' | '0'..='6' | 'P' | 'p' | '-' | 'Z' | '_' => {}
            '.' | ',' => match fraction(c, rest) {
                Some((part, behind)) => return Some((before, part, behind)),
                None => continue,
            },
            _ => continue,
        }
        if let Some(behind) = rest.strip_prefix("_2006") {
            // The underscore is text.
            let before = layout.get(..start + 1).unwrap_or(before);
            return Some((before, Part::LongYear, behind));
        }
        for (text, part) in PARTS {
            let Some(behind) = rest.strip_prefix(text) else {
                continue;
            };
            let ends_word = !behind.starts_with(|c: char| c.is_ascii_lowercase());
            match part {
                // `Month` and `Janet` are words, not parts.
                Part::ShortMonth | Part::ShortWeekday if !ends_word => {}
                _ => return Some((before, part, behind)),
            }
        }
    }
    None
}

/// `.000` or `.999`, which no digit may follow.
fn fraction(separator: char, rest: &str) -> Option<(Part, &str)> {
    let digits = rest.strip_prefix(separator)?;
    let digit = digits.chars().next().filter(|c| matches!(c, '0' | '9'))?;
    let behind = digits.trim_start_matches(digit);
    if behind.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let part = Part::Fraction {
        separator,
        digits: digits.len() - behind.len(),
        trims: digit == '9',
    };
    Some((part, behind))
}

pub(super) fn format(time: &Time, layout: &str) -> String {
    let info = time.zone.info(time.seconds);
    let civil = Civil::of(time.seconds + i64::from(info.offset_s));
    let mut out = String::with_capacity(layout.len() + 10);
    let mut rest = layout;
    while let Some((before, part, behind)) = next_part(rest) {
        out.push_str(before);
        // Writing into a string cannot fail.
        let _infallible = match part {
            Part::ZoneName if info.abbreviation.is_empty() => {
                write_offset(&mut out, info.offset_s, NO_NAME)
            }
            Part::ZoneName => out.write_str(&info.abbreviation),
            Part::Offset(style) => write_offset(&mut out, info.offset_s, style),
            Part::Fraction {
                separator,
                digits,
                trims,
            } => write_fraction(&mut out, time.nanos, separator, digits, trims),
            part => write_part(&mut out, &civil, part),
        };
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// How a zone without a name prints.
const NO_NAME: OffsetStyle = OffsetStyle {
    z: false,
    colons: false,
    digits: OffsetDigits::Minutes,
};

fn write_part(out: &mut String, civil: &Civil, part: Part) -> std::fmt::Result {
    let hour12 = match civil.hour % 12 {
        0 => 12,
        hour => hour,
    };
    let short = |name: &str| name.get(..3).unwrap_or(name).to_owned();
    match part {
        Part::LongMonth => out.write_str(civil.month_name()),
        Part::ShortMonth => out.write_str(&short(civil.month_name())),
        Part::Month => write!(out, "{}", civil.month),
        Part::ZeroMonth => write!(out, "{:02}", civil.month),
        Part::LongWeekday => out.write_str(civil.weekday_name()),
        Part::ShortWeekday => out.write_str(&short(civil.weekday_name())),
        Part::Day => write!(out, "{}", civil.day),
        Part::SpaceDay => write!(out, "{:2}", civil.day),
        Part::ZeroDay => write!(out, "{:02}", civil.day),
        Part::SpaceYearDay => write!(out, "{:3}", civil.year_day),
        Part::ZeroYearDay => write!(out, "{:03}", civil.year_day),
        Part::Hour => write!(out, "{:02}", civil.hour),
        Part::Hour12 => write!(out, "{hour12}"),
        Part::ZeroHour12 => write!(out, "{hour12:02}"),
        Part::Minute => write!(out, "{}", civil.minute),
        Part::ZeroMinute => write!(out, "{:02}", civil.minute),
        Part::Second => write!(out, "{}", civil.second),
        Part::ZeroSecond => write!(out, "{:02}", civil.second),
        Part::LongYear if civil.year < 0 => write!(out, "-{:04}", civil.year.abs()),
        Part::LongYear => write!(out, "{:04}", civil.year),
        Part::Year => write!(out, "{:02}", civil.year.rem_euclid(100)),
        Part::UpperAmPm => out.write_str(if civil.hour < 12 { "AM" } else { "PM" }),
        Part::LowerAmPm => out.write_str(if civil.hour < 12 { "am" } else { "pm" }),
        Part::ZoneName | Part::Offset(_) | Part::Fraction { .. } => Ok(()),
    }
}

fn write_offset(out: &mut String, offset_s: i32, style: OffsetStyle) -> std::fmt::Result {
    if style.z && offset_s == 0 {
        return out.write_str("Z");
    }
    let sign = if offset_s < 0 { '-' } else { '+' };
    let seconds = offset_s.unsigned_abs();
    let colon = if style.colons { ":" } else { "" };
    write!(out, "{sign}{:02}", seconds / 3_600)?;
    if style.digits >= OffsetDigits::Minutes {
        write!(out, "{colon}{:02}", seconds / 60 % 60)?;
    }
    if style.digits >= OffsetDigits::Seconds {
        write!(out, "{colon}{:02}", seconds % 60)?;
    }
    Ok(())
}

fn write_fraction(
    out: &mut String,
    nanos: u32,
    separator: char,
    digits: usize,
    trims: bool,
) -> std::fmt::Result {
    let text = format!("{nanos:09}");
    let text = text.get(..digits).unwrap_or(&text);
    if trims {
        return match text.trim_end_matches('0') {
            "" => Ok(()),
            text => write!(out, "{separator}{text}"),
        };
    }
    write!(out, "{separator}{text}")?;
    // A layout may ask for more digits than a nanosecond has.
    out.extend(std::iter::repeat_n('0', digits - text.len()));
    Ok(())
}
