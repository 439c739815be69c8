//! Days of the Gregorian calendar, extended to all times.

/// The names of the months.
pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// The names of the days of a week.
pub(super) const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

const DAY_S: i64 = 86_400;

/// A time of some zone, in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// From 1 to 12.
    pub(super) month: i64,
    /// From 1.
    pub(super) day: i64,
    /// From 1.
    pub(super) year_day: i64,
    /// From 0, which is Sunday.
    pub(super) weekday: i64,
    pub(super) hour: i64,
    pub(super) minute: i64,
    pub(super) second: i64,
}

impl Civil {
    /// The parts of seconds since the start of 1970 in their zone.
    pub(super) fn of(local_s: i64) -> Self {
        let days = local_s.div_euclid(DAY_S);
        let second = local_s.rem_euclid(DAY_S);
        let (year, month, day) = date_of(days);
        Self {
            year,
            month,
            day,
            year_day: days - days_before(year, 1, 1) + 1,
            weekday: (days + 4).rem_euclid(7),
            hour: second / 3_600,
            minute: second / 60 % 60,
            second: second % 60,
        }
    }

    pub(super) fn month_name(&self) -> &'static str {
        usize::try_from(self.month - 1)
            .ok()
            .and_then(|index| MONTHS.get(index))
            .unwrap_or(&"")
    }

    pub(super) fn weekday_name(&self) -> &'static str {
        usize::try_from(self.weekday)
            .ok()
            .and_then(|index| WEEKDAYS.get(index))
            .unwrap_or(&"")
    }
}

/// Days from 1970 to a date. Months and days may be out of their ranges and carry over.
///
/// The year is taken to begin in March, so that the day that leap years have more is the last; then
/// the days before a month are a linear function (<https://howardhinnant.github.io/date_algorithms.html>).
pub(super) fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let months = year * 12 + month - 1;
    let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468 + day - 1
}

/// The date of a day, counted from 1970.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// How many days a month has.
pub(super) fn month_days(year: i64, month: i64) -> i64 {
    days_before(year, month + 1, 1) - days_before(year, month, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_dates_are_inverse() {
        for days in (-1_000_000..1_000_000).step_by(37) {
            let (year, month, day) = date_of(days);
            assert_eq!(days_before(year, month, day), days, "{year}-{month}-{day}");
            assert!((1..=12).contains(&month) && (1..=month_days(year, month)).contains(&day));
        }
        assert_eq!(date_of(0), (1970, 1, 1));
        assert_eq!(date_of(-719_162), (1, 1, 1));
        assert_eq!(date_of(11_016), (2000, 2, 29));
        assert_eq!(month_days(1900, 2), 28);
        assert_eq!(days_before(2024, 14, 1), days_before(2025, 2, 1));
        assert_eq!(Civil::of(0).weekday_name(), "Thursday");
        assert_eq!(Civil::of(-1).month_name(), "December");
    }
}
