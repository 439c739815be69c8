//! For how long a budget lasts.
//!
//! ## Model
//! Bad events spend a budget, and all events earn it: a step moves it towards its end by
//! `bad - share * events`, and back where that is negative. The sum of these movements is foreseen as a
//! gauge ([`bellwether_forecast::exhaustion`]) whose limit is what is left now.
//!
//! Out of a window that rolls, old steps leave and take with them what they spent and earned. When is
//! known, so that it is not foreseen but reckoned with: for each of a few *looks* ahead, what leaves up
//! to there moves the limit in a straight line. A time counts from the first look that finds it.
//!
//! ## Invariants
//! - What is spent as fast as it is earned, or slower, never ends.
//! - An amount with a limit earns nothing: its share is 0.
//!
//! ## Limits
//! Between two looks the line is not quite what leaves; looks lie a factor of 2 to 4 apart.

use bellwether_forecast::exhaustion::{self, Kind, Towards};
use bellwether_forecast::series::Series;
use bellwether_slo::ledger::Ledger;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// The past that says for how long a budget lasts, and in what steps it is looked at.
pub(super) const PAST_MS: i64 = 14 * DAY_MS;
const STEP_MS: i64 = 600_000;
/// How far is looked, beside the horizon itself.
const LOOKS_MS: [i64; 4] = [6 * HOUR_MS, DAY_MS, 3 * DAY_MS, 7 * DAY_MS];
const QUANTILES: [f64; 3] = [0.1, 0.5, 0.9];

/// For how long a budget lasts, hours from now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lasts {
    /// In nine of ten cases longer than this; `None`: beyond the horizon.
    pub low_hours: Option<f64>,
    /// As likely shorter as longer.
    pub median_hours: Option<f64>,
    /// In one of ten cases longer than this.
    pub high_hours: Option<f64>,
    /// How likely nothing is left before the horizon.
    pub probability: f64,
    /// How far was looked: to the end of the period of a calendar, else as long as a period is.
    pub horizon_hours: f64,
    /// Whether the budget is whole again at the horizon, as at the end of a calendar's period.
    pub is_renewed: bool,
}

/// What is asked.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) ledger: &'a Ledger,
    /// The part of events that may be bad; 0 for an amount with a limit.
    pub(super) share: f64,
    /// What is left, in bad events or as an amount.
    pub(super) left: f64,
    pub(super) now_ms: i64,
    pub(super) horizon_ms: i64,
    /// How long the window is if it rolls.
    pub(super) rolling_ms: Option<i64>,
}

impl Question<'_> {
    /// `None`: too little is known.
    pub(super) fn lasts(&self) -> Option<Lasts> {
        let levels = self.levels();
        let mut times_ms = [None; QUANTILES.len()];
        let mut probability: f64 = 0.0;
        let mut before_ms = 0;
        for until_ms in self.looks() {
            let leaving = self.leaving(until_ms) * STEP_MS as f64 / until_ms as f64;
            let found = self.look(&levels, leaving, until_ms)?;
            for (time_ms, (_, given_ms)) in times_ms.iter_mut().zip(&found.quantiles) {
                // Up to the look before it there was something left.
                *time_ms = time_ms.or(given_ms.map(|it| it.max(before_ms)));
            }
            probability = probability.max(found.probability_within_horizon);
            if times_ms.iter().all(Option::is_some) {
                break;
            }
            before_ms = until_ms;
        }
        let hours = |ms: i64| ms as f64 / HOUR_MS as f64;
        let [low, median, high] = times_ms.map(|it| it.map(hours));
        Some(Lasts {
            low_hours: low,
            median_hours: median,
            high_hours: high,
            probability,
            horizon_hours: hours(self.horizon_ms),
            is_renewed: self.rolling_ms.is_none(),
        })
    }

    /// How far to look, ascending, to the horizon at last.
    fn looks(&self) -> Vec<i64> {
        let mut looks = vec![self.horizon_ms.max(1)];
        // Where nothing leaves, one look sees all.
        if self.rolling_ms.is_some() {
            looks.extend(LOOKS_MS.iter().filter(|it| **it <= self.horizon_ms / 2));
            looks.sort_unstable();
        }
        looks
    }

    /// When the limit is reached that what leaves takes back by so much a step.
    fn look(
        &self,
        levels: &[f64],
        leaving: f64,
        horizon_ms: i64,
    ) -> Option<exhaustion::Exhaustion> {
        let values: Vec<f64> = levels
            .iter()
            .enumerate()
            .map(|(at, level)| level - leaving * at as f64)
            .collect();
        let last = values.iter().rfind(|it| it.is_finite())?;
        let series = Series {
            step_ms: STEP_MS,
            start_ms: self.now_ms - STEP_MS * (values.len() as i64 - 1),
            values: &values,
        };
        let kind = Kind::Gauge {
            limit: last + self.left.max(0.0),
            towards: Towards::Rising,
        };
        let options = exhaustion::Options {
            horizon_ms,
            quantiles: QUANTILES.to_vec(),
            ..exhaustion::Options::default()
        };
        exhaustion::exhaustion(series, kind, &options).ok()
    }

    /// The sum of movements up to the end of each step of the last days; NaN where nothing was
    /// measured.
    fn levels(&self) -> Vec<f64> {
        let Some((first_ms, _)) = self.ledger.extent_ms() else {
            return Vec::new();
        };
        let mut levels = Vec::new();
        let mut level = 0.0;
        for back in (0..PAST_MS / STEP_MS).rev() {
            let until_ms = self.now_ms.saturating_sub(back * STEP_MS);
            let after_ms = until_ms.saturating_sub(STEP_MS);
            if until_ms <= first_ms {
                continue;
            }
            level += self.moved(after_ms, until_ms);
            let is_measured =
                self.ledger.tally(after_ms, until_ms).unmeasured_ms < STEP_MS.unsigned_abs();
            levels.push(if is_measured { level } else { f64::NAN });
        }
        levels
    }

    /// What leaves the window in the next `ahead_ms` gives so much back.
    fn leaving(&self, ahead_ms: i64) -> f64 {
        self.rolling_ms.map_or(0.0, |span_ms| {
            let from_ms = self.now_ms.saturating_sub(span_ms);
            self.moved(from_ms, from_ms.saturating_add(ahead_ms).min(self.now_ms))
        })
    }

    fn moved(&self, after_ms: i64, until_ms: i64) -> f64 {
        let (bad, events) = self.ledger.sums(after_ms, until_ms);
        bad - self.share * events
    }
}
