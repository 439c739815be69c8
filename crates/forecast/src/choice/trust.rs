//! The first steps where the last value is to be trusted: on from it, as the series went on from this time of other days.
//!
//! Loads of many users rise and fall smoothly, until one of them runs a job. While nothing jumps, and again where a jump has
//! just ended, the last value says where the level is better than any mean of the past does. Both are told by ranks: how
//! rough the last values are, and how far the last one is below the median of those before, among all such of the past.
//! A value far below all that other days had at this time is no end of a jump, and not trusted.

use crate::history::History;

/// The share that this has in a forecast at the calmest, and after the deepest fall. Measured on ServeGen: 0 to 0.5 and
/// 0.45 to 0.6 are within 0.002 of each other in the mean of six cells.
const CALM_SHARE: f64 = 0.2;
const FALL_SHARE: f64 = 0.6;
/// Falls of so many in all places are falls.
const FALLS: f64 = 0.2;
/// It is said of so much of a season: an hour of a day.
const REACH: usize = 20;
/// Changes that say how rough the last values are.
const ROUGH: usize = 6;
/// Values whose median says what a fall is.
const BEFORE: usize = 12;
/// A value this part below the least of other days is no end of a jump.
const BELOW_MAX: f64 = 0.2;
/// Cycles that say how the series goes on, at most.
const CYCLES: usize = 14;
/// Values on each side of one in a median that is smooth.
const SMOOTH: usize = 3;
/// Parts that ranks are told apart in.
const RANKS: usize = 32;

/// What is remembered of a series for it.
#[derive(Debug)]
pub(super) struct Trust {
    season: usize,
    roughness: Ranks,
    rise: Ranks,
}

/// A distribution, as values in the middle of equal parts of it, ascending.
#[derive(Debug)]
struct Ranks([f32; RANKS]);

impl Trust {
    /// With the shortest of the seasons that is not too short; `None` where there is none, or too little is known of it.
    pub(super) fn new(history: &History, seasons: &[usize]) -> Option<Self> {
        let season = *seasons.iter().find(|season| **season >= REACH)?;
        let values = &history.values;
        if values.len() <= 2 * season + SMOOTH {
            return None;
        }
        let ends = || (BEFORE..=values.len()).map(|end| &values[..end]);
        Some(Self {
            season,
            roughness: Ranks::of(ends().map(roughness).collect()),
            rise: Ranks::of(ends().map(rise).collect()),
        })
    }

    /// What the first steps are, in the unit of the history, and the share of it in the forecast.
    pub(super) fn forecast(&self, history: &History) -> Option<(Vec<f64>, f64)> {
        let values = &history.values;
        // A guess is no value.
        let last = *values
            .last()
            .filter(|_| history.present.last() == Some(&true))?;
        let cycles = ((values.len() - 1).saturating_sub(SMOOTH) / self.season).min(CYCLES);
        if cycles == 0 {
            return None;
        }
        let from = |cycle: usize| values.len() - 1 - cycle * self.season;
        let before: Vec<f64> = (1..=cycles).map(|it| smooth(values, from(it))).collect();
        let least = before.iter().copied().fold(f64::INFINITY, f64::min);
        let calm = CALM_SHARE * (1.0 - self.roughness.of_value(roughness(values)));
        let fall = match last >= least - BELOW_MAX * least.abs() {
            true => FALL_SHARE * (1.0 - self.rise.of_value(rise(values)) / FALLS).max(0.0),
            false => 0.0,
        };
        let share = calm.max(fall);
        if share <= 0.0 {
            return None;
        }
        let mut changes = vec![0.0; cycles];
        let steps = (1..=self.season / REACH).map(|step| {
            for (at, change) in changes.iter_mut().enumerate() {
                *change = smooth(values, from(at + 1) + step) - before[at];
            }
            last + median(&mut changes)
        });
        Some((steps.collect(), share))
    }
}

impl Ranks {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let mut ranks = [0.0; RANKS];
        for (at, rank) in ranks.iter_mut().enumerate() {
            *rank = values[(2 * at + 1) * values.len() / (2 * RANKS)] as f32;
        }
        Self(ranks)
    }

    /// The part of the distribution that is less.
    fn of_value(&self, value: f64) -> f64 {
        let less = self.0.partition_point(|rank| *rank < value as f32);
        less as f64 / RANKS as f64
    }
}

/// The mean size of the last changes, as part of the values around them.
fn roughness(values: &[f64]) -> f64 {
    let last = &values[values.len().saturating_sub(ROUGH + 1)..];
    let changes: f64 = last.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
    part_of(changes, last)
}

/// How far the last value is above the median of the last ones, as part of the values around it.
fn rise(values: &[f64]) -> f64 {
    let last = &values[values.len().saturating_sub(BEFORE)..];
    let mut sorted = [0.0; BEFORE];
    let sorted = &mut sorted[..last.len()];
    sorted.copy_from_slice(last);
    let above = last[last.len() - 1] - median(sorted);
    part_of(above * last.len() as f64, last)
}

fn part_of(sum: f64, values: &[f64]) -> f64 {
    let size: f64 = values.iter().map(|value| value.abs()).sum();
    if size > 0.0 { sum / size } else { 0.0 }
}

/// The median of a value and those around it.
fn smooth(values: &[f64], at: usize) -> f64 {
    let mut around = [0.0; 2 * SMOOTH + 1];
    let from = at.saturating_sub(SMOOTH);
    let to = (at + SMOOTH + 1).min(values.len());
    let around = &mut around[..to - from];
    around.copy_from_slice(&values[from..to]);
    median(around)
}

/// The median of some values, at least one.
fn median(values: &mut [f64]) -> f64 {
    let (middle, is_odd) = (values.len() / 2, values.len() % 2 == 1);
    let (below, &mut above, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if is_odd {
        return above;
    }
    let below = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (below + above) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEASON: usize = 40;

    fn history(values: &[f64]) -> History {
        History::new(values, Some(SEASON)).unwrap()
    }

    fn trust(values: &[f64]) -> Trust {
        Trust::new(&history(values), &[4, SEASON]).unwrap()
    }

    /// The first steps in the unit of the values, and the share.
    fn said(trust: &Trust, values: &[f64]) -> (Vec<f64>, f64) {
        let history = history(values);
        let (steps, share) = trust.forecast(&history).unwrap_or_default();
        let steps = steps.iter().map(|step| step * history.unit);
        (steps.collect(), share)
    }

    /// Five days and a half, each higher than the one before, falling by 3 a step in the second half.
    fn days() -> Vec<f64> {
        let value = |at: usize| {
            let (day, step) = (at / SEASON, at % SEASON);
            100.0 + 10.0 * day as f64 + 3.0 * step.min(SEASON - step) as f64
        };
        (0..5 * SEASON + 25).map(value).collect()
    }

    #[test]
    fn it_goes_on_from_the_last_value_as_other_days_did() {
        let values = days();
        let (steps, share) = said(&trust(&values), &values);
        let last = values.last().unwrap();
        assert_eq!(steps.len(), 2);
        for (step, value) in steps.iter().enumerate() {
            let want = last - 3.0 * (step + 1) as f64;
            assert!((value - want).abs() < 1e-9, "{step}: {value} {want}");
        }
        assert!(share > 0.0, "{share}");
    }

    #[test]
    fn a_jump_is_not_trusted_and_its_end_is() {
        let (quiet, mut values) = (days(), days());
        let trust = trust(&quiet);
        let end = values.len() - 1;
        for (at, value) in values.iter_mut().enumerate().skip(end - 9) {
            *value += if at % 2 == 0 { 90.0 } else { 60.0 };
        }
        assert_eq!(said(&trust, &values), (Vec::new(), 0.0));
        values[end] = quiet[end];
        let (steps, share) = said(&trust, &values);
        assert_eq!(share, FALL_SHARE);
        assert!((steps[0] - (quiet[end] - 3.0)).abs() < 1e-9, "{steps:?}");
        // Less than there ever was at this time is no end of anything.
        values[end] = 60.0;
        assert_eq!(said(&trust, &values).1, 0.0);
    }

    #[test]
    fn a_guess_in_the_place_of_a_value_is_not_trusted() {
        let mut values = days();
        let trust = trust(&values);
        assert!(said(&trust, &values).1 > 0.0);
        values.pop();
        let mut history = history(&values);
        history.push(f64::NAN, Some(SEASON));
        assert_eq!(trust.forecast(&history), None);
    }

    #[test]
    fn what_is_too_short_is_left_alone() {
        let values = days();
        assert!(Trust::new(&history(&values), &[]).is_none());
        assert!(Trust::new(&history(&values), &[REACH - 1]).is_none());
        let short = history(&values[..2 * SEASON]);
        assert!(Trust::new(&short, &[SEASON]).is_none());
        let flat = [0.0; 200];
        assert_eq!(said(&trust(&flat), &flat), (vec![0.0; 2], FALL_SHARE));
    }
}
