//! What an objective is kept over: the last 30 days, or the month of the calendar.
//!
//! ## Model
//! A [`Period`] is rolling, and ends now, or stands in the calendar of some place. The place comes in
//! as a function from UTC to the offset of its clocks, so that this crate knows no time zones.
//!
//! ## Invariants
//! Periods are ranges `(after, until]` of milliseconds: a counter that is read at midnight shows what
//! happened before. Those of a calendar are adjacent: no time is in two of them, none in none.
//!
//! ## Limits
//! Years -9,999 to 9,999; outside of them times are taken for the nearest inside.
//!
//! ## See also
//! H. Hinnant, "chrono-compatible low-level date algorithms", for days and civil dates.

/// A day in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

/// What an objective is kept over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// The last `span_ms` milliseconds.
    Rolling {
        /// How long: 1 or more.
        span_ms: i64,
    },
    /// Days, weeks, months, quarters or years.
    Calendar(Calendar),
}

/// A unit of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// From midnight to midnight, unless the anchor says otherwise.
    Day,
    /// Seven days.
    Week,
    /// A month.
    Month,
    /// Three months.
    Quarter,
    /// Twelve months.
    Year,
}

/// Periods of a calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    /// What they are made of.
    pub unit: Unit,
    /// How many of it: 1 to 1,000, kept within.
    pub count: u32,
    /// When one of them begins, by the clocks of the place.
    pub anchor: Civil,
}

/// A date and the time of the day, by the clocks of some place. Days beyond the end of their month
/// are taken for the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// The year.
    pub year: i32,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// Milliseconds since midnight.
    pub ms_of_day: u32,
}

impl Calendar {
    /// One unit at a time, as people count: weeks from Monday, all else from the first of January.
    #[must_use]
    pub const fn of(unit: Unit) -> Self {
        // 1 January 2001 was a Monday.
        let anchor = Civil {
            year: 2001,
            month: 1,
            day: 1,
            ms_of_day: 0,
        };
        Self {
            unit,
            count: 1,
            anchor,
        }
    }

    /// The period `(after, until]` that holds `time_ms`.
    ///
    /// `offset_ms` says what clocks of the place show beyond UTC at a time of UTC; `|_| 0` is UTC. A
    /// beginning that clocks skip is when they skip it; one that they show twice is the first.
    #[must_use]
    pub fn period_at(&self, time_ms: i64, offset_ms: impl Fn(i64) -> i64) -> (i64, i64) {
        // The first millisecond after midnight is the new day's; midnight is the old one's.
        let inside_ms = time_ms.clamp(TIME_MIN_MS, TIME_MAX_MS) - 1;
        let local_ms = inside_ms.saturating_add(bounded(offset_ms(inside_ms)));
        let mut at = self.index_near(local_ms);
        // Clocks that are set back show a beginning again: at most a step or two is missing.
        while self.begin_ms(at, &offset_ms) > inside_ms {
            at -= 1;
        }
        while self.begin_ms(at + 1, &offset_ms) <= inside_ms {
            at += 1;
        }
        (
            self.begin_ms(at, &offset_ms),
            self.begin_ms(at + 1, &offset_ms),
        )
    }

    /// A number of the period that holds a local time, off by one at most.
    fn index_near(&self, local_ms: i64) -> i64 {
        let count = i64::from(self.count.clamp(1, 1_000));
        let day = local_ms.div_euclid(DAY_MS);
        match self.months() {
            None => {
                let anchor_ms = self.anchor.local_ms();
                (local_ms - anchor_ms).div_euclid(self.days() * count * DAY_MS)
            }
            Some(months) => {
                let (year, month, _) = civil_of(day);
                (months_of(year, month) - self.anchor.months()).div_euclid(months * count)
            }
        }
    }

    /// When period `at` begins, in UTC.
    fn begin_ms(&self, at: i64, offset_ms: &impl Fn(i64) -> i64) -> i64 {
        let count = i64::from(self.count.clamp(1, 1_000));
        let local_ms = match self.months() {
            None => self.anchor.local_ms() + at * self.days() * count * DAY_MS,
            Some(months) => {
                let month = self.anchor.months() + at * months * count;
                let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
                let day = i64::from(self.anchor.day).clamp(1, days_of_month(year, month));
                days_of(year, month, day) * DAY_MS + self.anchor.ms_of_day()
            }
        };
        // The offset before the change, and the one after it: the first time that shows as wanted;
        // where none does, the moment of the change lies between the two.
        let before = bounded(offset_ms(local_ms - DAY_MS));
        let after = bounded(offset_ms(local_ms + DAY_MS));
        let early_ms = local_ms - before.max(after);
        let late_ms = local_ms - before.min(after);
        for utc_ms in [early_ms, late_ms] {
            if utc_ms + bounded(offset_ms(utc_ms)) == local_ms {
                return utc_ms;
            }
        }
        first_where(early_ms, late_ms, |utc_ms| {
            utc_ms + bounded(offset_ms(utc_ms)) >= local_ms
        })
    }

    fn days(&self) -> i64 {
        match self.unit {
            Unit::Week => 7,
            _ => 1,
        }
    }

    fn months(&self) -> Option<i64> {
        match self.unit {
            Unit::Day | Unit::Week => None,
            Unit::Month => Some(1),
            Unit::Quarter => Some(3),
            Unit::Year => Some(12),
        }
    }
}

impl Period {
    /// The period `(after, until]` to look at at `time_ms`: the last span, or the period of the
    /// calendar that holds it, as a whole. See [`Calendar::period_at`] for `offset_ms`.
    #[must_use]
    pub fn at(&self, time_ms: i64, offset_ms: impl Fn(i64) -> i64) -> (i64, i64) {
        match self {
            Self::Rolling { span_ms } => (time_ms.saturating_sub((*span_ms).max(1)), time_ms),
            Self::Calendar(calendar) => calendar.period_at(time_ms, offset_ms),
        }
    }

    /// About how long it is: months are 30 days, as the tables of burn rates take them.
    #[must_use]
    pub fn span_ms(&self) -> i64 {
        match self {
            Self::Rolling { span_ms } => (*span_ms).max(1),
            Self::Calendar(calendar) => {
                let days = calendar.months().map_or(calendar.days(), |it| it * 30);
                days * i64::from(calendar.count.clamp(1, 1_000)) * DAY_MS
            }
        }
    }
}

impl Civil {
    fn months(&self) -> i64 {
        months_of(i64::from(self.year), i64::from(self.month))
    }

    fn ms_of_day(&self) -> i64 {
        i64::from(self.ms_of_day).min(DAY_MS - 1)
    }

    fn local_ms(&self) -> i64 {
        let (year, month) = (
            i64::from(self.year).clamp(-9_999, 9_999),
            i64::from(self.month).clamp(1, 12),
        );
        let day = i64::from(self.day).clamp(1, days_of_month(year, month));
        days_of(year, month, day) * DAY_MS + self.ms_of_day()
    }
}

/// 1 January -9,999 and 31 December 9,999.
const TIME_MIN_MS: i64 = -377_705_116_800_000;
const TIME_MAX_MS: i64 = 253_402_214_400_000;

/// Offsets of more than a day are none.
fn bounded(offset_ms: i64) -> i64 {
    offset_ms.clamp(-DAY_MS, DAY_MS)
}

/// Where `is_reached` first holds, between where it doesn't and where it does.
fn first_where(mut low: i64, mut high: i64, is_reached: impl Fn(i64) -> bool) -> i64 {
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_reached(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    high
}

fn months_of(year: i64, month: i64) -> i64 {
    year.clamp(-9_999, 9_999) * 12 + month.clamp(1, 12) - 1
}

fn days_of_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date of the Gregorian calendar.
fn days_of(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The year, month and day of so many days since 1970.
fn civil_of(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let day_of_era = day.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR_MS: i64 = 3_600_000;

    fn utc(year: i64, month: i64, day: i64) -> i64 {
        days_of(year, month, day) * DAY_MS
    }

    /// New York in 2024: summer from 10 March 07:00 to 3 November 06:00 UTC.
    fn new_york(utc_ms: i64) -> i64 {
        let is_summer =
            utc(2024, 3, 10) + 7 * HOUR_MS <= utc_ms && utc_ms < utc(2024, 11, 3) + 6 * HOUR_MS;
        if is_summer {
            -4 * HOUR_MS
        } else {
            -5 * HOUR_MS
        }
    }

    #[test]
    fn units_begin_where_people_think() {
        let at = utc(2024, 2, 14) + 5 * HOUR_MS;
        let period = |unit| Calendar::of(unit).period_at(at, |_| 0);
        assert_eq!(period(Unit::Day), (utc(2024, 2, 14), utc(2024, 2, 15)));
        assert_eq!(period(Unit::Week), (utc(2024, 2, 12), utc(2024, 2, 19)));
        assert_eq!(period(Unit::Month), (utc(2024, 2, 1), utc(2024, 3, 1)));
        assert_eq!(period(Unit::Quarter), (utc(2024, 1, 1), utc(2024, 4, 1)));
        assert_eq!(period(Unit::Year), (utc(2024, 1, 1), utc(2025, 1, 1)));
    }

    #[test]
    fn midnight_belongs_to_the_day_before() {
        let midnight = utc(2024, 2, 1);
        let month = Calendar::of(Unit::Month);
        assert_eq!(month.period_at(midnight, |_| 0).1, midnight);
        assert_eq!(month.period_at(midnight + 1, |_| 0).0, midnight);
    }

    #[test]
    fn clocks_that_change_make_days_of_23_and_25_hours() {
        let day = Calendar::of(Unit::Day);
        let hours = |at: i64| {
            let (after_ms, until_ms) = day.period_at(at, new_york);
            (until_ms - after_ms) / HOUR_MS
        };
        assert_eq!(hours(utc(2024, 3, 10) + 12 * HOUR_MS), 23);
        assert_eq!(hours(utc(2024, 11, 3) + 12 * HOUR_MS), 25);
        assert_eq!(hours(utc(2024, 7, 1) + 12 * HOUR_MS), 24);
        let month = Calendar::of(Unit::Month).period_at(utc(2024, 3, 20), new_york);
        assert_eq!(
            month,
            (utc(2024, 3, 1) + 5 * HOUR_MS, utc(2024, 4, 1) + 4 * HOUR_MS)
        );
        // 02:30 is skipped in March: that day begins when the clocks jump.
        let anchor = Civil {
            year: 2024,
            month: 1,
            day: 1,
            ms_of_day: 9_000_000,
        };
        let skipped =
            Calendar { anchor, ..day }.period_at(utc(2024, 3, 10) + 8 * HOUR_MS, new_york);
        assert_eq!(skipped.0, utc(2024, 3, 10) + 7 * HOUR_MS);
    }

    #[test]
    fn anchors_and_counts_are_kept() {
        let anchor = Civil {
            year: 2024,
            month: 1,
            day: 31,
            ms_of_day: 0,
        };
        let calendar = Calendar {
            unit: Unit::Month,
            count: 1,
            anchor,
        };
        // The 31st of February is its last day.
        assert_eq!(
            calendar.period_at(utc(2024, 2, 10), |_| 0),
            (utc(2024, 1, 31), utc(2024, 2, 29))
        );
        let calendar = Calendar {
            unit: Unit::Week,
            count: 2,
            anchor,
        };
        assert_eq!(
            calendar.period_at(utc(2024, 1, 20), |_| 0),
            (utc(2024, 1, 17), utc(2024, 1, 31))
        );
        assert_eq!(Period::Rolling { span_ms: 10 }.at(100, |_| 0), (90, 100));
        assert_eq!(Period::Calendar(calendar).span_ms(), 14 * DAY_MS);
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for day in -4_371_900..2_932_800 {
            let (year, month, date) = civil_of(day);
            if day % 977 == 0 || date == 1 || date >= 28 {
                assert_eq!(days_of(year, month, date), day);
            }
        }
        assert_eq!((days_of(1970, 1, 1), days_of(2000, 3, 1)), (0, 11_017));
        assert_eq!(days_of(-9_999, 1, 1) * DAY_MS, TIME_MIN_MS);
        assert_eq!(days_of(9_999, 12, 31) * DAY_MS, TIME_MAX_MS);
    }

    proptest! {
        #[test]
        fn periods_hold_their_time_and_are_adjacent(
            time_ms in any::<i64>(),
            unit in prop::sample::select(vec![Unit::Day, Unit::Week, Unit::Month, Unit::Quarter, Unit::Year]),
            count in any::<u32>(),
            year in any::<i32>(), month in any::<u8>(), day in any::<u8>(), ms_of_day in any::<u32>(),
            offset in any::<i64>(),
        ) {
            let calendar = Calendar { unit, count, anchor: Civil { year, month, day, ms_of_day } };
            let (after_ms, until_ms) = calendar.period_at(time_ms, |_| offset);
            let inside_ms = time_ms.clamp(TIME_MIN_MS, TIME_MAX_MS);
            prop_assert!(after_ms < inside_ms && inside_ms <= until_ms);
            let next = calendar.period_at(until_ms + 1, |_| offset);
            prop_assert!(until_ms >= TIME_MAX_MS || next.0 == until_ms, "{:?} {:?}", until_ms, next);
        }
    }
}
