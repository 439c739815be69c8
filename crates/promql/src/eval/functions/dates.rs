//! Parts of dates, in UTC.

/// What of a date is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    DaysInMonth,
    Hour,
    Minute,
    Month,
    Year,
}

impl DatePart {
    pub(crate) fn find(name: &str) -> Option<Self> {
        Some(match name {
            "day_of_month" => Self::DayOfMonth,
            "day_of_week" => Self::DayOfWeek,
            "day_of_year" => Self::DayOfYear,
            "days_in_month" => Self::DaysInMonth,
            "hour" => Self::Hour,
            "minute" => Self::Minute,
            "month" => Self::Month,
            "year" => Self::Year,
            _ => return None,
        })
    }

    /// The part of a time in seconds since the Unix epoch.
    pub(crate) fn of(self, seconds: i64) -> f64 {
        let days = seconds.div_euclid(86_400);
        let second = seconds.rem_euclid(86_400);
        let part = match self {
            Self::Hour => second / 3600,
            Self::Minute => second / 60 % 60,
            // The epoch was a Thursday.
            Self::DayOfWeek => (days.rem_euclid(7) + 4) % 7,
            Self::DayOfMonth => civil(days).2,
            Self::Month => civil(days).1,
            Self::Year => civil(days).0,
            Self::DayOfYear => {
                let (year, ..) = civil(days);
                days - days_before(year) + 1
            }
            Self::DaysInMonth => {
                let (year, month, _) = civil(days);
                match month {
                    2 if is_leap(year) => 29,
                    2 => 28,
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                }
            }
        };
        part as f64
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from the epoch to the first of January.
fn days_before(year: i64) -> i64 {
    let before = year - 1;
    365 * before + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400) - 719_162
}

/// Year, month and day of a number of days since the epoch, counted in eras of 400 years that
/// begin on the first of March (a well-known closed form).
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        // 2024-02-29T13:45:10Z, a Thursday.
        let check =
            |part: DatePart, want: f64| assert_eq!(part.of(1_709_214_310), want, "{part:?}");
        check(DatePart::Year, 2024.0);
        check(DatePart::Month, 2.0);
        check(DatePart::DayOfMonth, 29.0);
        check(DatePart::DayOfYear, 60.0);
        check(DatePart::DayOfWeek, 4.0);
        check(DatePart::DaysInMonth, 29.0);
        check(DatePart::Hour, 13.0);
        check(DatePart::Minute, 45.0);
        assert_eq!(DatePart::DayOfYear.of(-1), 365.0);
        assert_eq!(DatePart::Year.of(-1), 1969.0);
        assert_eq!(DatePart::DayOfWeek.of(-1), 3.0);
    }
}
