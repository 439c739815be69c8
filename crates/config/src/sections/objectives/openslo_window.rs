//! What an objective of OpenSLO is kept over.
//!
//! ## Invariants
//! What the specification leaves to whoever reads it: a rolling month is 30 days, a quarter 90, a year
//! 365.

use bellwether_model::time::parse_duration;
use bellwether_slo::period::{Calendar, Period, Unit};

use super::period::{PERIOD_MS, check_zone, parse_civil, zone_of};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;
use crate::yaml::shortened;

const DAY_MS: i64 = 86_400_000;

pub(super) static TIME_WINDOW: Section = Section {
    name: "timeWindow of OpenSLO",
    doc: "What an objective is kept over.",
    fields: &[
        Field::required("duration", Kind::Text, "How long."),
        Field::new("isRolling", Kind::Bool, "", "Whether it ends now."),
        Field::new("calendar", Kind::Section(&CALENDAR), "", CALENDAR.doc),
    ],
    includes: &[],
    check: None,
};

pub(super) static CALENDAR: Section = Section {
    name: "calendar of OpenSLO",
    doc: "Where periods begin.",
    fields: &[
        Field::required("startTime", Kind::Text, "When one begins."),
        Field::new("timeZone", Kind::Text, "", "By whose clocks."),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let text = view.text("startTime");
        if parse_civil(text).is_none() {
            let text = shortened(text);
            let message =
                format!("{text:?} is not a date and time: want one such as 2026-01-01 12:00:00");
            view.error_at(problems, "startTime", message);
        }
        check_zone(view, "timeZone", problems);
    }),
};

/// What an SLO is kept over, and by whose clocks.
pub(super) fn decode_window(spec: &View<'_>, problems: &mut Problems) -> Option<(Period, String)> {
    let windows = spec.sections("timeWindow");
    let window = match windows.as_slice() {
        [] => {
            spec.warn_at(problems, "timeWindow", "is missing: the last 30d are taken");
            return Some((Period::Rolling { span_ms: PERIOD_MS }, "UTC".to_owned()));
        }
        [window] => window,
        [_, second, ..] => {
            second.error(problems, "is the second window: want one");
            return None;
        }
    };
    let calendar = window.section("calendar");
    let is_rolling = match window.is_set("isRolling") {
        true => window.bool("isRolling"),
        false => calendar.node.is_none(),
    };
    if is_rolling {
        if calendar.node.is_some() {
            window.warn_at(problems, "calendar", "has no effect: isRolling is true");
        }
        return Some((rolling(window, problems)?, "UTC".to_owned()));
    }
    let (count, letter) = shorthand(window, problems)?;
    let unit = match letter {
        'd' => Unit::Day,
        'w' => Unit::Week,
        'M' => Unit::Month,
        'Q' => Unit::Quarter,
        'Y' | 'y' => Unit::Year,
        'm' if count <= 12 => {
            let message = format!(
                "{count}m is minutes by the specification, which no calendar has: taken for {count}M, months, as an example of OpenSLO means it"
            );
            window.warn_at(problems, "duration", message);
            Unit::Month
        }
        _ => {
            let text = shortened(window.text("duration"));
            let message = format!(
                "{text:?} given: want days, weeks, months, quarters or years of the calendar, such as 1M"
            );
            window.error_at(problems, "duration", message);
            return None;
        }
    };
    Some((
        calendar_period(unit, count, &calendar),
        zone_of(&calendar, "timeZone"),
    ))
}

/// Periods of `count` units that begin where a section says it.
pub(super) fn calendar_period(unit: Unit, count: u32, calendar: &View<'_>) -> Period {
    let mut period = Calendar::of(unit);
    period.count = count;
    if let Some(start) = parse_civil(calendar.text("startTime")) {
        period.anchor = start;
    }
    Period::Calendar(period)
}

/// A number and the letter of its unit.
fn shorthand(view: &View<'_>, problems: &mut Problems) -> Option<(u32, char)> {
    let text = view.text("duration");
    let read = || {
        let letter = text.chars().next_back()?;
        let count: u32 = text.strip_suffix(letter)?.parse().ok()?;
        (1..=400).contains(&count).then_some((count, letter))
    };
    let found = read();
    if found.is_none() {
        let text = shortened(text);
        let message =
            format!("{text:?} given: want a number from 1 to 400 and one of m, h, d, w, M, Q, Y");
        view.error_at(problems, "duration", message);
    }
    found
}

fn rolling(view: &View<'_>, problems: &mut Problems) -> Option<Period> {
    let text = view.text("duration");
    if let Ok(span_ms) = parse_duration(text)
        && span_ms > 0
    {
        return Some(Period::Rolling { span_ms });
    }
    let (count, letter) = shorthand(view, problems)?;
    let days = match letter {
        'M' => 30,
        'Q' => 90,
        'Y' => 365,
        _ => {
            let text = shortened(text);
            let message = format!("{text:?} given: want one of the units m, h, d, w, M, Q, Y");
            view.error_at(problems, "duration", message);
            return None;
        }
    } * i64::from(count);
    if letter != 'Y' {
        let message = format!("{count}{letter} that roll are taken for {days}d");
        view.warn_at(problems, "duration", message);
    }
    Some(Period::Rolling {
        span_ms: days * DAY_MS,
    })
}
