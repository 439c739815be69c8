//! The functions `forecast_over_time` and `anomaly_score`.
//!
//! ## Model
//! The samples of a window become cells at regular times: as long as the median distance of the
//! samples, and where there would be too many of them as long as a round part of a day, so that its
//! hours keep their places. For a forecast such a cell is no longer than half the way to the time that is
//! asked for, as far as samples allow: rather the beginning of the window is left away. The last cell ends
//! with the last sample. A cell is the mean of its samples, or missing, and stands for its middle; between
//! the middles of two cells a forecast is on the line from one to the other. Counters are the user's
//! business: `rate` them in a subquery.
//!
//! ## Limits
//! - A forecast learns from [`FORECAST_CELLS`] cells and looks at most [`AHEAD_CELLS`] ahead, an anomaly
//!   score from [`SCORE_CELLS`]: about a millisecond a window (measured: ADR 0015).
//! - Where there is not enough for an answer there is none.

use std::ops::RangeInclusive;

use bellwether_forecast::anomaly::{Detector, Options as DetectorOptions};
use bellwether_forecast::forecast::{Options, Series, forecast};
use bellwether_forecast::grid;

const FORECAST_CELLS: i64 = 128;
const AHEAD_CELLS: i64 = 32;
const SCORE_CELLS: i64 = 512;

/// What is expected `ahead_seconds` after `time_ms`, or what is not passed with the probability
/// `level` where that is a number. Samples are in order of their times.
pub(crate) fn forecast_over_time(
    times: &[i64],
    values: &[f64],
    time_ms: i64,
    ahead_seconds: f64,
    level: f64,
) -> Option<f64> {
    let wanted_ms = time_ms as f64 + ahead_seconds * 1_000.0;
    let ahead_ms = wanted_ms - *times.last()? as f64;
    let part_ms = |part: f64| (ahead_ms / part).ceil().clamp(1.0, 1e15) as i64;
    // One less: the way begins in the middle of the last cell.
    let step_ms = part_ms(AHEAD_CELLS as f64 - 1.0)..=part_ms(2.0);
    let cells = Cells::new(times, values, FORECAST_CELLS, step_ms)?;
    let ahead = ((wanted_ms - cells.end_ms() as f64) / cells.step_ms as f64).max(0.0);
    let options = Options {
        horizon_steps: ahead.ceil().max(1.0) as usize,
        quantiles: [level]
            .into_iter()
            .filter(|level| !level.is_nan())
            .collect(),
        ..Options::default()
    };
    let series = Series {
        step_ms: cells.step_ms,
        start_ms: cells.start_ms,
        values: &cells.values,
    };
    let next = forecast(series, &options).ok()?;
    let asked = next
        .quantiles
        .first()
        .map_or(&next.mean, |(_, values)| values);
    let first = *asked.first()?;
    let last = *cells.values.last()?;
    let at = |step: usize| match step.checked_sub(1) {
        Some(step) => asked.get(step).copied(),
        None if !last.is_finite() => Some(first),
        // As far from what is expected as one step later.
        None => Some(last + (first - *next.mean.first()?)),
    };
    let share = ahead.fract();
    let (before, after) = (at(ahead as usize)?, at(ahead.ceil() as usize)?);
    // Not the difference: it may be too large.
    Some(before * (1.0 - share) + after * share)
}

/// How anomalous the last sample is, seen from those before it in the window; 0 while there are too
/// few to judge.
pub(crate) fn anomaly_score(times: &[i64], values: &[f64]) -> f64 {
    let Some(cells) = Cells::new(times, values, SCORE_CELLS, 1..=i64::MAX) else {
        return 0.0;
    };
    let mut detector = Detector::new(DetectorOptions {
        step_ms: Some(cells.step_ms),
    });
    let mut score = 0.0;
    for (at, value) in (0..).zip(&cells.values) {
        score = detector
            .push(cells.start_ms + at * cells.step_ms, *value)
            .score;
    }
    score
}

const DAY_MS: i64 = 86_400_000;
/// Parts of a day, ms.
const ROUND_MS: [i64; 22] = [
    1_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 180_000, 300_000, 600_000, 720_000,
    900_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 14_400_000, 21_600_000,
    28_800_000, 43_200_000, DAY_MS,
];

/// The next part of a day, or whole days.
fn round_up(step_ms: i64) -> i64 {
    let part = ROUND_MS.iter().find(|part| **part >= step_ms).copied();
    let days = || step_ms.saturating_add(DAY_MS - 1) / DAY_MS * DAY_MS;
    part.unwrap_or_else(days)
}

/// The last part of a day that is not longer, or whole days; itself where there is none.
fn round_down(step_ms: i64) -> i64 {
    let part = ROUND_MS.iter().rfind(|part| **part <= step_ms).copied();
    part.map_or(step_ms, |part| part.max(step_ms / DAY_MS * DAY_MS))
}

/// A window at regular times.
#[derive(Debug)]
struct Cells {
    step_ms: i64,
    /// The middle of the first.
    start_ms: i64,
    values: Vec<f64>,
}

impl Cells {
    /// At most `count_max` cells, the last ones of the window, of a length within `step_ms` where the
    /// samples allow; `None` of fewer than two times.
    fn new(
        times: &[i64],
        values: &[f64],
        count_max: i64,
        step_ms: RangeInclusive<i64>,
    ) -> Option<Self> {
        let (first_ms, last_ms) = (*times.first()?, *times.last()?);
        let mut steps: Vec<i64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let middle = steps.len() / 2;
        if steps.is_empty() {
            return None;
        }
        let usual_ms = *steps.select_nth_unstable(middle).1;
        let span_ms = last_ms.saturating_sub(first_ms);
        let usual_ms = usual_ms.max(1);
        let least_ms = usual_ms.max(*step_ms.start());
        let step_ms = if span_ms / usual_ms < count_max && least_ms == usual_ms {
            usual_ms
        } else {
            let whole_ms = round_up((span_ms / (count_max - 1) + 1).max(least_ms));
            whole_ms.min(round_down(*step_ms.end()).max(least_ms))
        };
        // A sample stands for the time around it.
        let half_ms = usual_ms / 2;
        let count = ((span_ms.saturating_add(half_ms)) / step_ms + 1).min(count_max);
        let edge_ms = last_ms - (step_ms * count - half_ms.max(1));
        let from = times.partition_point(|time_ms| *time_ms < edge_ms);
        let each = times.iter().copied().zip(values.iter().copied());
        let samples: Vec<grid::Sample> = each.skip(from).collect();
        Some(Self {
            step_ms,
            start_ms: edge_ms + step_ms / 2,
            values: grid::means(&samples, edge_ms, step_ms, usize::try_from(count).ok()?),
        })
    }

    /// The middle of the last.
    fn end_ms(&self) -> i64 {
        let after = i64::try_from(self.values.len()).unwrap_or(i64::MAX) - 1;
        self.start_ms
            .saturating_add(after.saturating_mul(self.step_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_long_as_samples_are_apart_and_end_with_the_last() {
        let times = [0, 60_000, 120_010, 300_000];
        let cells = Cells::new(&times, &[1.0, 2.0, 3.0, 6.0], 100, 1..=i64::MAX).unwrap();
        assert_eq!((cells.step_ms, cells.values.len()), (60_010, 6));
        assert_eq!(cells.values[5], 6.0);
        assert_eq!(cells.values[0], 1.0);
        assert!(cells.values[3].is_nan() && cells.values[4].is_nan());
    }

    #[test]
    fn more_samples_than_cells_are_averaged() {
        let times: Vec<i64> = (0..10_000).map(|at| at * 1_000).collect();
        let values: Vec<f64> = times.iter().map(|time| *time as f64).collect();
        let cells = Cells::new(&times, &values, 100, 1..=i64::MAX).unwrap();
        // 101 s would do.
        assert_eq!((cells.step_ms, cells.values.len()), (120_000, 84));
        assert!(cells.values.iter().all(|value| value.is_finite()));
        let longer = Cells::new(&times, &values, 100, 2_000_000..=i64::MAX).unwrap();
        assert_eq!((longer.step_ms, longer.values.len()), (3_600_000, 3));
        let shorter = Cells::new(&times, &values, 100, 1..=50_000).unwrap();
        assert_eq!((shorter.step_ms, shorter.values.len()), (30_000, 100));
        // Of 30 values the last is at 9999 s.
        assert_eq!(shorter.values[99], 9_984_500.0);
        assert_eq!(shorter.end_ms(), 9_984_500);
    }

    #[test]
    fn a_day_is_seen_in_a_week_of_minutes() {
        let times: Vec<i64> = (0..7 * 1_440).map(|at| at * 60_000).collect();
        let day = |time_ms: i64| {
            let turn = (time_ms % DAY_MS) as f64 / DAY_MS as f64;
            100.0 + 50.0 * (turn * std::f64::consts::TAU).sin()
        };
        let values: Vec<f64> = times.iter().map(|time_ms| day(*time_ms)).collect();
        let last_ms = 7 * DAY_MS - 60_000;
        for hours in [2, 6, 12] {
            let ahead = f64::from(hours) * 3_600.0;
            let next = forecast_over_time(&times, &values, last_ms, ahead, f64::NAN);
            let truth = day(last_ms + i64::from(hours) * 3_600_000);
            assert!(
                (next.unwrap() - truth).abs() < 10.0,
                "{hours}: {next:?} {truth}"
            );
        }
    }

    #[test]
    fn nothing_and_nonsense_have_no_answer_and_do_not_panic() {
        let far = [i64::MIN / 4, 0, i64::MAX / 4];
        for times in [&[][..], &[5][..], &[5, 5, 5][..], &far[..]] {
            let values = vec![f64::NAN; times.len()];
            assert_eq!(
                forecast_over_time(times, &values, 0, 3_600.0, f64::NAN),
                None
            );
            assert_eq!(anomaly_score(times, &values), 0.0);
        }
        let times: Vec<i64> = (0..50).map(|at| at * 60_000).collect();
        let huge: Vec<f64> = (0..50)
            .map(|at| if at % 2 == 0 { 1e308 } else { -1e308 })
            .collect();
        for ahead in [1e-9, 1e9, 1e300] {
            let next = forecast_over_time(&times, &huge, 3_000_000, ahead, 0.9);
            assert!(
                next.is_none_or(|next| next.is_finite()),
                "{ahead}: {next:?}"
            );
        }
    }

    #[test]
    fn the_step_counts_from_the_time_of_the_evaluation() {
        // One a minute; the evaluation is two minutes after the last sample.
        let times: Vec<i64> = (0..200).map(|at| at * 60_000).collect();
        let values: Vec<f64> = (0..200).map(f64::from).collect();
        for seconds in [30.0, 90.0, 180.0, 1_800.0] {
            let next = forecast_over_time(&times, &values, 201 * 60_000, seconds, f64::NAN);
            let grown = next.unwrap() - 201.0;
            let truth = seconds / 60.0;
            assert!(
                (grown - truth).abs() < 0.05 * truth,
                "{seconds}: {grown} {truth}"
            );
        }
    }

    #[test]
    fn a_long_window_tells_times_near_and_far_apart() {
        // One an hour.
        let times: Vec<i64> = (0..=7 * 1_440).map(|at| at * 60_000).collect();
        let values: Vec<f64> = times.iter().map(|time| *time as f64 / 3.6e6).collect();
        for minutes in [1.0, 10.0, 60.0, 120.0, 1_440.0] {
            let grown = |level| {
                let ahead = minutes * 60.0;
                forecast_over_time(&times, &values, 7 * DAY_MS, ahead, level).unwrap() - 168.0
            };
            let truth = minutes / 60.0;
            for level in [f64::NAN, 0.5] {
                assert!(
                    (grown(level) - truth).abs() < 0.05 * truth,
                    "{minutes}: {} {truth}",
                    grown(level)
                );
            }
        }
    }
}
