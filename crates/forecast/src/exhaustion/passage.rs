//! First passages of a limit: the futures that earlier errors make of the present forecast.

use super::blend::{self, Ahead, Blend};
use super::fit;
use super::past::Past;
use super::survival::Survival;

/// Most earlier moments that are asked, and as many as do for a first look.
const ORIGINS_MAX: usize = 128;
const ORIGINS_FEW: usize = 32;
/// Moments of the future lie a step apart, and by this part of their distance where that is more.
const CELL_GROWTH: f64 = 0.04;

/// What came is so many times what was foreseen, at most: nothing times it is nothing.
const RATIO_MAX: f64 = 1e12;

/// Windows over which a movement may be one that never was, hours; how many times as long the past must be; by which
/// factor it is beyond the largest before; and how many futures it is worth for each earlier moment. Chosen.
const RUN_AWAY_HOURS: [usize; 3] = [1, 6, 24];
const RUN_AWAY_PAST: usize = 4;
const RUN_AWAY_FACTOR: f64 = 1.5;
const RUN_AWAY: usize = 3;

/// How much farther apart the times are laid, as the square of a factor, for one independent moment.
/// Measured on the middle thirds (ADR 0013): 2 covers 73 %, 4 75 %, 8 79 % of what 80 % should.
const SPREAD: f64 = 8.0;

/// How many earlier moments were asked, and when the limit is reached by what came after them.
pub(super) fn foreseen(past: &Past, distance: f64, horizon: usize) -> (usize, Survival) {
    let now = past.now();
    let first = past.first_origin().min(now.saturating_sub(2)).max(1);
    let room = now - first;
    let asked = Asked {
        past,
        distance,
        cells: cells(past, horizon),
        first,
    };
    let count = blend::experts(past, now).len();
    let equal = vec![1.0 / count as f64; count];
    // The blend is fitted for the time that it foresees itself.
    let mut reach = (room / 4).clamp(1, past.day.max(1));
    let mut times = asked.times(&equal, reach, ORIGINS_FEW);
    let mut median = 0.0;
    for origins in [ORIGINS_FEW, ORIGINS_MAX] {
        median = Survival::new(times).quantile(0.5).min(horizon as f64);
        reach = (median as usize).clamp(1, (room / 2).max(1));
        times = asked.times(&fit::weights(past, first, reach), reach, origins);
    }
    let origins = times.len();
    times.extend(run_away(past, distance, horizon, RUN_AWAY * origins));
    let mut survival = Survival::new(times);
    // Moments less than a passage apart have much of what came after in common.
    let independent = (room - reach) as f64 / median.max(1.0) + 1.0;
    survival.widen((1.0 + SPREAD / independent).sqrt());
    (origins, survival)
}

/// What is asked, whatever the blend.
struct Asked<'a> {
    past: &'a Past,
    distance: f64,
    cells: Vec<Ahead>,
    first: usize,
}

impl Asked<'_> {
    /// Times to the limit by the errors of a blend from earlier moments on.
    fn times(&self, weights: &[f64], reach: usize, origins: usize) -> Vec<(f64, bool)> {
        let past = self.past;
        let now = past.now();
        let blend = blend::blended(past, now, weights);
        let present: Vec<f64> = self
            .cells
            .iter()
            .map(|cell| blend.ahead(past, now, *cell))
            .collect();
        spread(self.first, now - reach, origins)
            .map(|origin| {
                let blend = blend::blended(past, origin, weights);
                self.time(origin, &blend, &present)
            })
            .collect()
    }

    /// When the limit is reached if the errors after `origin` come again, or up to when it is not.
    fn time(&self, origin: usize, blend: &Blend, present: &[f64]) -> (f64, bool) {
        let known = self.past.now() - origin;
        let (mut before_steps, mut before) = (0, 0.0);
        // The last error that is known, and after how many steps.
        let none = if self.past.is_spend { 1.0 } else { 0.0 };
        let (mut error, mut error_steps) = (none, 1);
        for (cell, &foreseen) in self.cells.iter().zip(present) {
            if cell.steps <= known {
                error = self.error(origin, blend, before_steps, *cell);
                error_steps = cell.steps;
            }
            let way = if self.past.is_spend {
                foreseen.max(0.0) * error
            } else {
                foreseen + error
            };
            if way >= self.distance {
                let part = if way > before {
                    ((self.distance - before) / (way - before)).clamp(0.0, 1.0)
                } else {
                    1.0
                };
                let width = (cell.steps - before_steps) as f64;
                return (before_steps as f64 + width * part, true);
            }
            before = way;
            before_steps = cell.steps;
        }
        // What is spent adds up, so that the error held is good to the end; a level comes and goes.
        let watched = if self.past.is_spend {
            before_steps
        } else {
            error_steps
        };
        (watched as f64, false)
    }

    /// How wrong the blend was: of what is spent as a ratio, of a level as a
    /// distance, by the farthest of its way since the moment before.
    fn error(&self, origin: usize, blend: &Blend, before: usize, cell: Ahead) -> f64 {
        let past = self.past;
        let then = blend.ahead(past, origin, cell);
        if past.is_spend {
            let way = past.between(origin, origin + cell.steps);
            return if then > 0.0 {
                (way / then).min(RATIO_MAX)
            } else {
                1.0
            };
        }
        let ways = (before + 1..=cell.steps).map(|ahead| past.between(origin, origin + ahead));
        ways.fold(f64::NEG_INFINITY, f64::max) - then
    }
}

/// Straight lines to the limit, about `count`, where the series has moved as it never did before: of that no
/// earlier error tells.
fn run_away(past: &Past, distance: f64, horizon: usize, count: usize) -> Vec<(f64, bool)> {
    let now = past.now();
    let mut times = Vec::new();
    for hours in RUN_AWAY_HOURS {
        let back = hours * past.hour;
        if now < RUN_AWAY_PAST * back {
            continue;
        }
        let moved = past.between(now - back, now);
        let ways = (back..=now - back).map(|at| past.between(at - back, at));
        let most = ways.fold(0.0, f64::max);
        if moved <= RUN_AWAY_FACTOR * most || moved <= 0.0 {
            continue;
        }
        // As it went over all of that time, and over the last part of it.
        for back in [back, (back / 4).max(1)] {
            let pace = past.between(now - back, now) / back as f64;
            let steps = distance / pace;
            let is_reached = pace > 0.0 && steps <= horizon as f64;
            times.push(if is_reached {
                (steps, true)
            } else {
                (horizon as f64, false)
            });
        }
    }
    let each = count / times.len().max(1);
    times
        .iter()
        .flat_map(|time| std::iter::repeat_n(*time, each))
        .collect()
}

/// At most `most` moments from `first` to `last`, evenly.
pub(super) fn spread(first: usize, last: usize, most: usize) -> impl Iterator<Item = usize> {
    let width = last.saturating_sub(first);
    let count = (width + 1).min(most);
    (0..count).map(move |number| first + number * width / (count - 1).max(1))
}

/// Moments up to the horizon.
fn cells(past: &Past, horizon: usize) -> Vec<Ahead> {
    let mut cells = Vec::new();
    let mut at = 0;
    while at < horizon {
        at = (at + ((at as f64 * CELL_GROWTH) as usize).max(1)).min(horizon);
        cells.push(Ahead::new(at, past));
    }
    cells
}
