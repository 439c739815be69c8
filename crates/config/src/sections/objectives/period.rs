//! What an objective is kept over, as the short form says it.

use bellwether_slo::period::{Calendar, Civil, Period, Unit};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;
use crate::yaml::shortened;

/// What documents that say nothing mean, ms.
pub(crate) const PERIOD_MS: i64 = 30 * 86_400_000;
/// Most units in one period of the calendar: chosen, a century of quarters.
const COUNT_MAX: u32 = 400;

/// Units by name.
pub(crate) const UNITS: [(&str, Unit); 5] = [
    ("day", Unit::Day),
    ("week", Unit::Week),
    ("month", Unit::Month),
    ("quarter", Unit::Quarter),
    ("year", Unit::Year),
];
const UNIT: Kind = Kind::OneOf(&["day", "week", "month", "quarter", "year"]);

pub(super) static CALENDAR: Section = Section {
    name: "calendar of an objective",
    doc: "Periods of the calendar. A unit by itself may stand in its place.",
    fields: &[
        Field::required("unit", UNIT, "What a period is made of."),
        Field::new(
            "count",
            Kind::Integer {
                min: 1,
                max: COUNT_MAX as i64,
            },
            "1",
            "How many of them make a period.",
        ),
        Field::new(
            "start",
            Kind::Text,
            "",
            "When one of the periods begins, by the clocks of time_zone, such as 2026-01-01T12:00:00. Weeks begin on Mondays where absent, all else on the first of January.",
        ),
    ],
    includes: &[],
    check: Some(check_start),
};

fn check_start(view: &View<'_>, problems: &mut Problems) {
    let text = view.text("start");
    if !text.is_empty() && parse_civil(text).is_none() {
        let text = shortened(text);
        let message = format!(
            "{text:?} is not a date and time without a zone: want one such as 2026-01-01T12:00:00"
        );
        view.error_at(problems, "start", message);
    }
}

/// Checks the fields `window`, `calendar` and `time_zone` of an objective.
pub(super) fn check_period(view: &View<'_>, problems: &mut Problems) {
    view.at_most_one(problems, &["window", "calendar"]);
    if view.optional_section("calendar").is_none() {
        let unit = view.text("calendar");
        if !unit.is_empty() && unit_of(unit).is_none() {
            let names = UNITS.map(|(name, _)| name).join(", ");
            let unit = shortened(unit);
            view.error_at(
                problems,
                "calendar",
                format!("{unit:?} given: want one of {names}"),
            );
        }
    }
    check_zone(view, "time_zone", problems);
}

/// Notes an error where the text behind `key` is not the name of a time zone.
pub(super) fn check_zone(view: &View<'_>, key: &str, problems: &mut Problems) {
    let zone = view.text(key);
    if !zone.is_empty() && TimeZone::get(zone).is_err() {
        let zone = shortened(zone);
        let message = format!(
            "{zone:?} is not in the time-zone database: want a name such as Europe/Berlin or UTC"
        );
        view.error_at(problems, key, message);
    }
}

pub(super) fn decode_period(view: &View<'_>) -> Period {
    if let Some(calendar) = view.optional_section("calendar") {
        let mut period = Calendar::of(unit_of(calendar.text("unit")).unwrap_or(Unit::Month));
        period.count = u32::try_from(calendar.integer("count")).unwrap_or(1);
        if let Some(start) = parse_civil(calendar.text("start")) {
            period.anchor = start;
        }
        return Period::Calendar(period);
    }
    match unit_of(view.text("calendar")) {
        Some(unit) => Period::Calendar(Calendar::of(unit)),
        None if view.is_set("window") => Period::Rolling {
            span_ms: view.duration_ms("window"),
        },
        None => Period::Rolling { span_ms: PERIOD_MS },
    }
}

fn unit_of(name: &str) -> Option<Unit> {
    UNITS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, unit)| *unit)
}

/// A date and time of the day without a zone.
pub(super) fn parse_civil(text: &str) -> Option<Civil> {
    let time: DateTime = text.trim().parse().ok()?;
    let seconds =
        (i64::from(time.hour()) * 60 + i64::from(time.minute())) * 60 + i64::from(time.second());
    let ms = seconds * 1_000 + i64::from(time.millisecond());
    Some(Civil {
        year: i32::from(time.year()),
        month: u8::try_from(time.month()).ok()?,
        day: u8::try_from(time.day()).ok()?,
        ms_of_day: u32::try_from(ms).ok()?,
    })
}

/// The same as text.
pub(crate) fn civil_text(civil: Civil) -> String {
    let (seconds, ms) = (civil.ms_of_day / 1_000, civil.ms_of_day % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let year = match civil.year {
        year @ 0..=9_999 => format!("{year:04}"),
        year => format!(
            "{}{:06}",
            if year < 0 { '-' } else { '+' },
            year.unsigned_abs()
        ),
    };
    let fraction = match ms {
        0 => String::new(),
        ms => format!(".{ms:03}"),
    };
    format!(
        "{year}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}{fraction}",
        civil.month, civil.day
    )
}

/// The name of the time zone of objectives that name none.
pub(super) fn zone_of(view: &View<'_>, key: &str) -> String {
    match view.text(key) {
        "" => "UTC".to_owned(),
        zone => zone.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_of_clocks_are_read() {
        let noon = Civil {
            year: 2022,
            month: 1,
            day: 1,
            ms_of_day: 43_200_000,
        };
        for text in [
            "2022-01-01T12:00:00",
            "2022-01-01 12:00:00",
            "2022-01-01T12:00",
        ] {
            assert_eq!(parse_civil(text), Some(noon), "{text}");
        }
        assert_eq!(
            parse_civil("2022-01-01").map(|time| time.ms_of_day),
            Some(0)
        );
        for text in ["", "12:00", "2022-13-01", "yesterday"] {
            assert_eq!(parse_civil(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn times_are_written_as_they_are_read(
            year in -9_999_i32..=9_999,
            month in 1_u8..=12,
            day in 1_u8..=28,
            ms_of_day in 0_u32..86_400_000,
        ) {
            let civil = Civil { year, month, day, ms_of_day };
            prop_assert_eq!(parse_civil(&civil_text(civil)), Some(civil));
        }
    }
}
