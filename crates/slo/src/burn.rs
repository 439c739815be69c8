//! The standard alerts on burn rates: pairs of windows, and how fast the budget may burn in them.
//!
//! ## Model
//! A budget that burns at rate 1 is just used up at the end of its period. An alert wants a rate over
//! a long window, so that it matters, and over a short one, so that it is still going on. A rule
//! *consumes* a share of the period's budget before it can fire at its rate:
//! `burn = consumed · period / long`.
//!
//! ## See also
//! B. Beyer et al., "The Site Reliability Workbook", 2018, chapter 5, table 5-8: 2 % in an hour, 5 %
//! in six hours, 10 % in three days, and the 10 % in a day that tools have added.

use crate::budget::Counts;
use crate::period::DAY_MS;

/// An hour in milliseconds.
pub const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// The period that the standard rates are made for.
pub const PERIOD_MS: i64 = 30 * DAY_MS;

/// How soon somebody must look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Now.
    Page,
    /// In working hours.
    Ticket,
}

/// An alert on a pair of windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurnRule {
    /// How soon somebody must look.
    pub urgency: Urgency,
    /// The window in which the budget burnt.
    pub long_ms: i64,
    /// The window that shows that it still does.
    pub short_ms: i64,
    /// Both must burn faster than this.
    pub burn: f64,
}

impl BurnRule {
    /// Whether the budget burns too fast in both windows. False where one is silent, as the
    /// comparison with 0 / 0 is in PromQL.
    #[must_use]
    pub fn is_burning(&self, target: f64, long: Counts, short: Counts) -> bool {
        let is_fast = |counts: Counts| counts.burn(target).is_some_and(|burn| burn > self.burn);
        is_fast(long) && is_fast(short)
    }

    /// The share of the budget of `period_ms` that is gone when the rule fires at its own rate.
    #[must_use]
    pub fn consumed(&self, period_ms: i64) -> f64 {
        self.burn * self.long_ms as f64 / period_ms.max(1) as f64
    }
}

/// Share of the budget, long window and short window of the standard rules.
const STANDARD: [(Urgency, f64, i64, i64); 4] = [
    (Urgency::Page, 0.02, HOUR_MS, 5 * MINUTE_MS),
    (Urgency::Page, 0.05, 6 * HOUR_MS, 30 * MINUTE_MS),
    (Urgency::Ticket, 0.10, DAY_MS, 2 * HOUR_MS),
    (Urgency::Ticket, 0.10, 3 * DAY_MS, 6 * HOUR_MS),
];

/// The standard rules for a period, with the windows of 30 days and rates in proportion to the
/// period: 14.4, 6, 3 and 1 at 30 days. So do the workbook and Sloth.
///
/// Periods of less than ten days give tickets that fire at a rate of less than 1, and long ones
/// rates that a loose target never reaches: see [`standard_scaled`].
#[must_use]
pub fn standard(period_ms: i64) -> [BurnRule; 4] {
    STANDARD.map(|(urgency, consumed, long_ms, short_ms)| BurnRule {
        urgency,
        long_ms,
        short_ms,
        burn: consumed * period_ms.max(1) as f64 / long_ms as f64,
    })
}

/// The standard rules for a period, with the rates of 30 days and windows in proportion to the
/// period, whole minutes and one at least. So does Pyrra, from 28 days.
#[must_use]
pub fn standard_scaled(period_ms: i64) -> [BurnRule; 4] {
    let scaled = |window_ms: i64| {
        let part = period_ms.max(1) as f64 / PERIOD_MS as f64;
        let minutes = (window_ms as f64 * part / MINUTE_MS as f64).round();
        // At most 3 days in 30 of a period that itself fits.
        (minutes.max(1.0) as i64).saturating_mul(MINUTE_MS)
    };
    standard(PERIOD_MS).map(|rule| BurnRule {
        long_ms: scaled(rule.long_ms),
        short_ms: scaled(rule.short_ms),
        ..rule
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_30_days_are_the_known_ones() {
        let rates = |rules: [BurnRule; 4]| rules.map(|rule| (rule.burn * 1000.0).round() / 1000.0);
        assert_eq!(rates(standard(PERIOD_MS)), [14.4, 6.0, 3.0, 1.0]);
        // As Sloth has them for 28 days.
        assert_eq!(rates(standard(28 * DAY_MS)), [13.44, 5.6, 2.8, 0.933]);
        let scaled = standard_scaled(15 * DAY_MS);
        assert_eq!(rates(scaled), [14.4, 6.0, 3.0, 1.0]);
        assert_eq!(
            (scaled[0].long_ms, scaled[0].short_ms),
            (30 * MINUTE_MS, 3 * MINUTE_MS)
        );
        assert!((scaled[1].consumed(15 * DAY_MS) - 0.05).abs() < 1e-9);
    }

    #[test]
    fn both_windows_must_burn_and_silence_does_not() {
        let [fast, ..] = standard(PERIOD_MS);
        let counts = |bad, total| Counts::of_bad(bad, total).expect("counts");
        assert!(fast.is_burning(0.999, counts(2.0, 100.0), counts(1.0, 10.0)));
        assert!(!fast.is_burning(0.999, counts(2.0, 100.0), counts(0.0, 10.0)));
        assert!(!fast.is_burning(0.999, counts(2.0, 100.0), Counts::default()));
        // At the rate itself it does not fire yet.
        assert!(!fast.is_burning(0.99, counts(14.4, 100.0), counts(14.4, 100.0)));
    }

    #[test]
    fn odd_periods_break_nothing() {
        for period_ms in [i64::MIN, -1, 0, 1, i64::MAX] {
            for rule in standard(period_ms)
                .into_iter()
                .chain(standard_scaled(period_ms))
            {
                assert!(rule.burn > 0.0 && rule.long_ms > 0 && rule.short_ms > 0);
            }
        }
    }
}
