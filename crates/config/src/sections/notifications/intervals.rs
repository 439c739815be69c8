//! Named times, in which notifications are muted or may be sent.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::short;
use bellwether_notify::{Span, TimeInterval};
use jiff::tz::TimeZone;

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::Node;

pub(super) static NAMED_INTERVAL: Section = Section {
    name: "time_interval",
    doc: "A name for times; it holds where one of its intervals does.",
    fields: &[
        Field::required("name", Kind::Text, "Its name, unique in the file."),
        Field::new(
            "time_intervals",
            Kind::Sections(&INTERVAL),
            "",
            "The times.",
        ),
    ],
    includes: &[],
    check: None,
};

static INTERVAL: Section = Section {
    name: "time_intervals entry",
    doc: "Times that satisfy everything that is written. A list is satisfied by one of its items.",
    fields: &[
        Field::new("times", Kind::Sections(&TIMES), "", "Times of the day."),
        Field::new(
            "weekdays",
            Kind::List(&Kind::Text),
            "",
            "Days of the week: `saturday`, `monday:friday`.",
        ),
        Field::new(
            "days_of_month",
            Kind::List(&Kind::Text),
            "",
            "Days of the month: `1`, `10:20`, `-3:-1` for the last three.",
        ),
        Field::new(
            "months",
            Kind::List(&Kind::Text),
            "",
            "Months: `december`, `1:3`, `may:august`.",
        ),
        Field::new(
            "years",
            Kind::List(&Kind::Text),
            "",
            "Years: `2026`, `2026:2028`.",
        ),
        Field::new(
            "location",
            Kind::Text,
            "",
            "The time zone that all of that is read in, such as `Europe/Berlin`; `Local` is that of the machine, UTC where absent.",
        ),
    ],
    includes: &[],
    check: None,
};

static TIMES: Section = Section {
    name: "time range",
    doc: "A range of a day.",
    fields: &[
        Field::required("start_time", Kind::Text, "`HH:MM`, included."),
        Field::required(
            "end_time",
            Kind::Text,
            "`HH:MM`, not included; `24:00` is the end of the day.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let mut read = |key: &'static str| match minute(view.text(key)) {
            Some(minute) => Some(minute),
            None => {
                let message = format!(
                    "{:?} is not a time of day: want HH:MM from 00:00 to 24:00",
                    short(view.text(key))
                );
                view.error_at(problems, key, message);
                None
            }
        };
        let start = read("start_time");
        let end = read("end_time");
        if let (Some(start), Some(end)) = (start, end)
            && start >= end
        {
            view.error_at(
                problems,
                "end_time",
                format!(
                    "{} is not after {}: for a range over midnight want two ranges",
                    view.text("end_time"),
                    view.text("start_time")
                ),
            );
        }
    }),
};

/// Minutes since midnight.
fn minute(text: &str) -> Option<i32> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<i32>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let is_time = (hour < 24 && minute < 60) || (hour == 24 && minute == 0);
    is_time.then_some(hour * 60 + minute)
}

const WEEKDAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Decodes the intervals of a list, with names that are new.
pub(super) fn decode_intervals(
    views: &[View<'_>],
    names: &mut BTreeSet<String>,
    intervals: &mut BTreeMap<String, Vec<TimeInterval>>,
    problems: &mut Problems,
) {
    for view in views {
        let name = view.text("name");
        if !name.is_empty() && !names.insert(name.to_owned()) {
            view.error_at(
                problems,
                "name",
                format!(
                    "{:?} is the name of another time interval: names must be unique",
                    short(name)
                ),
            );
        }
        let decoded: Vec<TimeInterval> = view
            .sections("time_intervals")
            .iter()
            .map(|interval| decode_interval(interval, problems))
            .collect();
        intervals.insert(name.to_owned(), decoded);
    }
}

fn decode_interval(view: &View<'_>, problems: &mut Problems) -> TimeInterval {
    let mut spans = |key: &str, read: fn(&str) -> Result<Span, String>| {
        let mut found = Vec::new();
        for item in view.items(key) {
            match read(&node_text(item).to_lowercase()) {
                Ok(span) => found.push(span),
                Err(message) => {
                    problems.error(&view.origin.file, item.position, &item.path, message);
                }
            }
        }
        found
    };
    TimeInterval {
        weekdays: spans("weekdays", weekdays),
        days_of_month: spans("days_of_month", days_of_month),
        months: spans("months", months),
        years: spans("years", years),
        minutes: view
            .sections("times")
            .iter()
            .filter_map(|times| {
                Some(Span {
                    begin: minute(times.text("start_time"))?,
                    end: minute(times.text("end_time"))?,
                })
            })
            .collect(),
        zone: view
            .node_of("location")
            .map_or(TimeZone::UTC, |node| decode_zone(view, node, problems)),
    }
}

fn decode_zone(view: &View<'_>, node: &Node, problems: &mut Problems) -> TimeZone {
    let name = node_text(node);
    if matches!(name.as_str(), "" | "UTC") {
        return TimeZone::UTC;
    }
    if name == "Local" {
        return TimeZone::system();
    }
    TimeZone::get(&name).unwrap_or_else(|_| {
        let message = format!(
            "{:?} is not a time zone: want a name of the IANA database such as Europe/Berlin, or Local",
            short(&name)
        );
        problems.error(&view.origin.file, node.position, &node.path, message);
        TimeZone::UTC
    })
}

/// Both ends of `a:b`, or of `a` alone.
fn ends(text: &str, want: &str, read: impl Fn(&str) -> Option<i32>) -> Result<Span, String> {
    let (begin, end) = text.split_once(':').unwrap_or((text, text));
    match (read(begin), read(end)) {
        (Some(begin), Some(end)) => Ok(Span { begin, end }),
        _ => Err(format!("{:?} given: want {want}", short(text))),
    }
}

fn in_order(text: &str, span: Span) -> Result<Span, String> {
    if span.begin > span.end {
        return Err(format!(
            "{:?} ends before it begins: want the earlier one first",
            short(text)
        ));
    }
    Ok(span)
}

/// The place of a name in a list.
fn place(names: &[&str], name: &str) -> Option<i32> {
    names
        .iter()
        .position(|known| *known == name)
        .and_then(|place| i32::try_from(place).ok())
}

fn weekdays(text: &str) -> Result<Span, String> {
    let want = "a day from sunday to saturday, or two as in monday:friday";
    in_order(text, ends(text, want, |name| place(&WEEKDAYS, name))?)
}

fn days_of_month(text: &str) -> Result<Span, String> {
    let want = "days from 1 to 31, or from -1 to -31 counted from the end of the month, as in 10:20 or -3:-1";
    let day = |text: &str| {
        let day: i32 = text.parse().ok()?;
        ((1..=31).contains(&day) || (-31..=-1).contains(&day)).then_some(day)
    };
    let span = ends(text, want, day)?;
    if span.begin < 0 && span.end > 0 {
        return Err(format!(
            "{:?} begins at the end of the month and ends at its beginning: want {want}",
            short(text)
        ));
    }
    // The shortest month has 28 days.
    let at = |day: i32| if day < 0 { 28 + day } else { day };
    if at(span.begin) > at(span.end) {
        return Err(format!(
            "{:?} ends before it begins in every month: want {want}",
            short(text)
        ));
    }
    Ok(span)
}

fn months(text: &str) -> Result<Span, String> {
    let want = "a month by name or number, or two as in may:august";
    let month = |text: &str| {
        place(&MONTHS, text)
            .map(|place| place + 1)
            .or_else(|| text.parse().ok())
    };
    in_order(text, ends(text, want, month)?)
}

fn years(text: &str) -> Result<Span, String> {
    let want = "a year, or two as in 2026:2028";
    in_order(text, ends(text, want, |text| text.parse().ok())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read() {
        let check =
            |read: fn(&str) -> Result<Span, String>, text: &str, want: Option<(i32, i32)>| {
                let got = read(text).ok().map(|span| (span.begin, span.end));
                assert_eq!(got, want, "{text}");
            };
        check(weekdays, "sunday", Some((0, 0)));
        check(weekdays, "monday:friday", Some((1, 5)));
        check(weekdays, "friday:monday", None);
        check(weekdays, "mon", None);
        check(weekdays, "1", None);
        check(weekdays, "monday:tuesday:friday", None);
        check(days_of_month, "1", Some((1, 1)));
        check(days_of_month, "-3:-1", Some((-3, -1)));
        check(days_of_month, "10:-1", Some((10, -1)));
        check(days_of_month, "1:31", Some((1, 31)));
        for text in ["0", "32", "-32", "-1:1", "-1:-3", "29:-1", "20:10", "", "a"] {
            check(days_of_month, text, None);
        }
        check(months, "december", Some((12, 12)));
        check(months, "1:march", Some((1, 3)));
        check(months, "may:1", None);
        check(months, "smarch", None);
        check(years, "2026", Some((2026, 2026)));
        check(years, "2026:2028", Some((2026, 2028)));
        check(years, "2028:2026", None);
        check(years, "99999999999", None);
    }

    #[test]
    fn times_of_day_are_read() {
        for (text, want) in [
            ("00:00", Some(0)),
            ("09:30", Some(570)),
            ("23:59", Some(1439)),
            ("24:00", Some(1440)),
            ("24:01", None),
            ("9:30", None),
            ("09:60", None),
            ("0930", None),
            ("+9:30", None),
        ] {
            assert_eq!(minute(text), want, "{text}");
        }
    }
}
