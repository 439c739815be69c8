//! Time intervals: when notifications are muted, or may be sent at all.
//!
//! ## Model
//! A [`TimeInterval`] holds at a time where each of its parts does: time of day, day of the week,
//! day of the month, month, year, read in its zone. A part with several ranges holds where one of
//! them does, a part with none always. A named interval is a list of these, of which one must hold.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// Both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first.
    pub begin: i32,
    /// The last.
    pub end: i32,
}

impl Span {
    fn contains(self, number: i32) -> bool {
        (self.begin..=self.end).contains(&number)
    }
}

/// One description of times.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeInterval {
    /// Minutes since midnight; the end is not included (1440 is the end of the day).
    pub minutes: Vec<Span>,
    /// Days of the week, Sunday is 0.
    pub weekdays: Vec<Span>,
    /// Days of the month from 1; below zero: from its end, -1 is the last.
    pub days_of_month: Vec<Span>,
    /// Months from 1.
    pub months: Vec<Span>,
    /// Years.
    pub years: Vec<Span>,
    /// The zone in which all of that is read.
    pub zone: TimeZone,
}

impl Default for TimeInterval {
    fn default() -> Self {
        Self {
            minutes: Vec::new(),
            weekdays: Vec::new(),
            days_of_month: Vec::new(),
            months: Vec::new(),
            years: Vec::new(),
            zone: TimeZone::UTC,
        }
    }
}

impl TimeInterval {
    /// Whether a time lies in it.
    #[must_use]
    pub fn contains(&self, time_ms: i64) -> bool {
        let Ok(timestamp) = Timestamp::from_millisecond(time_ms) else {
            return false;
        };
        let time = timestamp.to_zoned(self.zone.clone());
        let minute = i32::from(time.hour()) * 60 + i32::from(time.minute());
        let holds = |spans: &[Span], number: i32| {
            spans.is_empty() || spans.iter().any(|span| span.contains(number))
        };
        let minutes = &self.minutes;
        (minutes.is_empty() || minutes.iter().any(|s| s.begin <= minute && minute < s.end))
            && holds(&self.weekdays, weekday(&time))
            && self.holds_on_day(&time)
            && holds(&self.months, i32::from(time.month()))
            && holds(&self.years, i32::from(time.year()))
    }

    fn holds_on_day(&self, time: &Zoned) -> bool {
        let last = i32::from(time.days_in_month());
        let day = i32::from(time.day());
        // A span that reaches beyond the month's ends is cut to the month.
        let place = |day: i32| if day < 0 { last + 1 + day } else { day };
        self.days_of_month.is_empty()
            || self.days_of_month.iter().any(|span| {
                let (begin, end) = (place(span.begin), place(span.end));
                begin <= last && end >= 1 && begin.max(1) <= day && day <= end.min(last)
            })
    }
}

fn weekday(time: &Zoned) -> i32 {
    match time.weekday() {
        Weekday::Sunday => 0,
        day => i32::from(day.to_monday_one_offset()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn span(begin: i32, end: i32) -> Vec<Span> {
        vec![Span { begin, end }]
    }

    #[test]
    fn parts_hold_together() {
        let office = TimeInterval {
            minutes: span(9 * 60, 17 * 60),
            weekdays: span(1, 5),
            ..TimeInterval::default()
        };
        // 2026-11-27 is a Friday.
        assert!(office.contains(at("2026-11-27T09:00:00Z")));
        assert!(office.contains(at("2026-11-27T16:59:59Z")));
        assert!(!office.contains(at("2026-11-27T17:00:00Z")));
        assert!(!office.contains(at("2026-11-28T10:00:00Z")));
        assert!(TimeInterval::default().contains(0));
    }

    #[test]
    fn days_count_from_both_ends_of_the_month() {
        let last_week = TimeInterval {
            days_of_month: span(-7, -1),
            ..TimeInterval::default()
        };
        assert!(last_week.contains(at("2026-02-22T00:00:00Z")));
        assert!(!last_week.contains(at("2026-02-21T23:59:00Z")));
        let to_31 = TimeInterval {
            days_of_month: span(29, 31),
            ..TimeInterval::default()
        };
        assert!(!to_31.contains(at("2026-02-28T00:00:00Z")));
        assert!(to_31.contains(at("2026-04-30T00:00:00Z")));
    }

    #[test]
    fn zones_move_the_day() {
        let sunday = TimeInterval {
            weekdays: span(0, 0),
            zone: TimeZone::get("Australia/Sydney").unwrap(),
            ..TimeInterval::default()
        };
        assert!(sunday.contains(at("2026-11-28T14:00:00Z")));
        assert!(!sunday.contains(at("2026-11-28T12:00:00Z")));
    }
}
