//! The best linear guess under the covariance that the series itself shows, known as kriging.
//!
//! The covariance is a sum of kernels, each with a part that is not negative: noise, levels that are
//! forgotten after a while (exponentials), and seasons that fade. Parts are fitted to the robust
//! variogram of N. Cressie and D. M. Hawkins, "Robust estimation of the variogram", 1980. What follows
//! is ordinary kriging (G. Matheron, "Principles of geostatistics", 1963): the weights of some past
//! values with the least expected square of the error, of sum 1, so that no mean need be known.
//! How far each past value still tells of the future is thus learnt from all distances at once, not
//! from the few horizons that fit into a backtest. Values far from the guess are drawn towards it.

use std::f64::consts::PI;

use super::{Model, Past, direct};
use crate::linear::{cholesky, dot};

/// Steps after which levels are forgotten, by a factor of e.
const FADES: [f64; 11] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1500.0,
];
/// How sharp seasons are (Mackay's periodic kernel), and after how many cycles they are forgotten.
const SEASONS: [(f64, f64); 4] = [(0.3, 3.0), (0.3, 30.0), (1.0, 3.0), (1.0, 30.0)];
/// Distances of the variogram are within this part of the past.
const DISTANCE_PART: f64 = 0.6;
/// Distances beside those of whole cycles, and cycles.
const ASIDE: [isize; 7] = [-18, -6, -2, 0, 2, 6, 18];
const CYCLES_MAX: usize = 7;
/// How many independent pairs of values say all about a distance.
const PAIRS_MAX: f64 = 200.0;
const ROUNDS: usize = 200;
/// Past values that are looked at: the last ones, so many steps ago, and those about where the target was in the cycles before.
const RECENT: [usize; 24] = [
    1, 2, 3, 4, 6, 8, 11, 15, 20, 27, 36, 48, 64, 85, 113, 150, 200, 270, 360, 480, 640, 850, 1130,
    1500,
];
const AROUND: [isize; 5] = [-6, -2, 0, 2, 6];
/// Keeps equal values apart, as a part of the variance.
const NUGGET: f64 = 1e-6;
/// Fewer values than this show no covariance.
const COUNT_MIN: usize = 48;
/// Values are this many mean distances from the guess at most, and how often that is done. Measured on the first ten
/// days of ServeGen: 1.5 to 3 are as good as none there; the days after are 0.01 to 0.03 better.
const REACH: f64 = 2.0;
const REWEIGHTED: usize = 3;
/// A season whose boundaries make this many horizons or fewer is cut exactly at them.
const BOUNDARIES_MAX: usize = 8;

/// Weights of past values at some horizons; between them they are interpolated.
#[derive(Debug)]
pub(super) struct Kriging {
    recent: usize,
    /// Each season with the number of its cycles that are looked at.
    seasons: Vec<(usize, usize)>,
    anchors: Vec<(usize, Vec<f32>)>,
    lookback: usize,
}

impl Kriging {
    pub(super) fn fit(past: Past<'_>, seasons: &[usize], horizon: usize) -> Option<Self> {
        let count = past.values.len();
        if count < COUNT_MIN {
            return None;
        }
        let kernel = Kernel::fit(past, seasons)?;
        let cycles = |season: &usize| (count / season).saturating_sub(1).min(CYCLES_MAX);
        let mut model = Self {
            recent: RECENT.iter().filter(|lag| **lag <= count / 2).count(),
            seasons: seasons
                .iter()
                .map(|season| (*season, cycles(season)))
                .collect(),
            anchors: Vec::new(),
            lookback: 1,
        };
        let mut anchors = direct::anchors(horizon);
        for season in seasons
            .iter()
            .filter(|season| horizon / **season <= BOUNDARIES_MAX)
        {
            let boundaries = (1..=horizon / season).flat_map(|at| [at * season, at * season + 1]);
            anchors.extend(boundaries.filter(|boundary| *boundary <= horizon));
        }
        anchors.sort_unstable();
        anchors.dedup();
        for horizon in anchors {
            let mut lags = Vec::new();
            model.lags(horizon, count, &mut lags);
            model.lookback = lags.iter().copied().fold(model.lookback, usize::max);
            let weights = kernel.weights(&lags, horizon)?;
            model.anchors.push((horizon, weights));
        }
        Some(model)
    }

    /// How many steps before the end the values are that are looked at for a target so far ahead; as
    /// many for each target.
    fn lags(&self, horizon: usize, count: usize, lags: &mut Vec<usize>) {
        lags.clear();
        lags.extend(&RECENT[..self.recent]);
        for &(season, cycles) in &self.seasons {
            let first = horizon.div_ceil(season);
            for cycle in first..first + cycles {
                let lag = (cycle * season - horizon + 1) as isize;
                lags.extend(AROUND.map(|aside| (lag + aside).clamp(1, count as isize) as usize));
            }
        }
    }
}

impl Model for Kriging {
    fn lookback(&self) -> usize {
        let longest = self.seasons.iter().map(|season| season.0).max();
        self.lookback + longest.unwrap_or(0)
    }

    fn forecast(&self, past: &[f64], out: &mut [f64]) {
        let count = past.len();
        let (mut lags, mut terms) = (Vec::new(), Vec::new());
        let mut next = 0;
        for (at, out) in out.iter_mut().enumerate() {
            let horizon = at + 1;
            while next + 1 < self.anchors.len() && self.anchors[next].0 < horizon {
                next += 1;
            }
            let (to, right) = &self.anchors[next];
            let (from, left) = &self.anchors[next.saturating_sub(1)];
            let share = if to > from {
                (horizon.min(*to) - from) as f64 / (to - from) as f64
            } else {
                1.0
            };
            self.lags(horizon, count, &mut lags);
            terms.clear();
            terms.extend(
                lags.iter()
                    .zip(left.iter().zip(right))
                    .map(|(lag, (left, right))| {
                        let (left, right) = (f64::from(*left), f64::from(*right));
                        (past[count - lag.min(&count)], left + share * (right - left))
                    }),
            );
            *out = robust(&terms);
        }
    }

    fn bytes(&self) -> usize {
        let of = |weights: &Vec<f32>| weights.len() * size_of::<f32>() + 32;
        let anchors = self.anchors.iter().map(|anchor| of(&anchor.1));
        size_of::<Self>() + anchors.sum::<usize>()
    }
}

/// The weighted sum of values, of which those far from it count as if they were nearer (P. J. Huber, "Robust
/// estimation of a location parameter", 1964): a burst a day ago is no reason for one today.
fn robust(terms: &[(f64, f64)]) -> f64 {
    let size: f64 = terms.iter().map(|(_, weight)| weight.abs()).sum();
    let mut centre: f64 = terms.iter().map(|(value, weight)| value * weight).sum();
    for _ in 0..REWEIGHTED {
        let apart = terms
            .iter()
            .map(|(value, weight)| (value - centre).abs() * weight.abs());
        let reach = REACH * apart.sum::<f64>() / size;
        if !reach.is_finite() {
            break;
        }
        let near = |value: f64| value.clamp(centre - reach, centre + reach);
        centre = terms
            .iter()
            .map(|(value, weight)| near(*value) * weight)
            .sum();
    }
    centre
}

/// A covariance by distance, as the parts of the kernels.
#[derive(Debug)]
struct Kernel {
    /// By distance in steps, as far as was asked for.
    table: Vec<f64>,
}

impl Kernel {
    fn fit(past: Past<'_>, seasons: &[usize]) -> Option<Self> {
        let distances = distances(past.values.len(), seasons);
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        let width = 1 + FADES.len() + SEASONS.len() * seasons.len();
        for distance in distances {
            let Some((half_square, pairs)) = variogram(past, distance) else {
                continue;
            };
            let sure = pairs.min(PAIRS_MAX).sqrt() / half_square;
            let apart = shapes(distance as f64, seasons).map(|shape| sure * (1.0 - shape));
            rows.extend(apart);
            targets.push(sure * half_square);
        }
        let parts = not_negative(&rows, &targets, width);
        let reach = past.values.len() * 2 + 4096;
        let table: Vec<f64> = (0..reach)
            .map(|distance| {
                let shapes = shapes(distance as f64, seasons);
                shapes.zip(&parts).map(|(shape, part)| shape * part).sum()
            })
            .collect();
        (table[0] > 0.0 && table[0].is_finite()).then_some(Self { table })
    }

    fn of(&self, distance: usize) -> f64 {
        self.table.get(distance).copied().unwrap_or(0.0)
    }

    /// The weights of values so many steps before the end, for the step `horizon` after it.
    fn weights(&self, lags: &[usize], horizon: usize) -> Option<Vec<f32>> {
        let width = lags.len();
        let mut gram = vec![0.0; width * width];
        for (row, a) in lags.iter().enumerate() {
            for (column, b) in lags[..=row].iter().enumerate() {
                gram[row * width + column] = self.of(a.abs_diff(*b));
            }
            gram[row * width + row] += NUGGET * self.of(0);
        }
        let mut weights: Vec<f64> = lags.iter().map(|lag| self.of(lag + horizon - 1)).collect();
        let mut ones = vec![1.0; width];
        cholesky(&mut gram.clone(), &mut weights, width)?;
        cholesky(&mut gram, &mut ones, width)?;
        let missing = (1.0 - weights.iter().sum::<f64>()) / ones.iter().sum::<f64>();
        let each = weights.iter().zip(&ones);
        Some(
            each.map(|(weight, one)| (weight + missing * one) as f32)
                .collect(),
        )
    }
}

/// All kernels at a distance, each 1 at 0.
fn shapes(distance: f64, seasons: &[usize]) -> impl Iterator<Item = f64> + '_ {
    let noise = f64::from(u8::from(distance == 0.0));
    let fades = FADES.iter().map(move |steps| (-distance / steps).exp());
    let seasonal = seasons.iter().flat_map(move |&season| {
        let season = season as f64;
        let sine = (PI * distance / season).sin();
        SEASONS.iter().map(move |(sharpness, cycles)| {
            (-2.0 * (sine / sharpness).powi(2) - distance / (season * cycles)).exp()
        })
    });
    std::iter::once(noise).chain(fades).chain(seasonal)
}

/// Distances at which the variogram is looked at.
fn distances(count: usize, seasons: &[usize]) -> Vec<usize> {
    let most = (count as f64 * DISTANCE_PART) as usize;
    let mut distances: Vec<usize> = (1..=12).collect();
    let mut distance = 13.0;
    while distance < most as f64 {
        distances.push(distance as usize);
        distance *= 1.17;
    }
    for season in seasons {
        for cycle in 1..=CYCLES_MAX {
            let around = ASIDE.map(|aside| (cycle * season).saturating_add_signed(aside));
            distances.extend(around);
            distances.push(cycle * season - season / 2);
        }
    }
    distances.retain(|distance| (1..=most).contains(distance));
    distances.sort_unstable();
    distances.dedup();
    distances
}

/// Half the mean square of differences over a distance, whatever a few of them are, and how many
/// independent ones it is from. `None` if it is 0, or nothing is known.
fn variogram(past: Past<'_>, distance: usize) -> Option<(f64, f64)> {
    let (mut sum, mut pairs) = (0.0, 0.0);
    let values = past.values.iter().zip(&past.values[distance..]);
    let present = past.present.iter().zip(&past.present[distance..]);
    for ((a, b), (known_a, known_b)) in values.zip(present) {
        if *known_a && *known_b {
            sum += (a - b).abs().sqrt();
            pairs += 1.0;
        }
    }
    let half_square = (sum / pairs).powi(4) / (0.457 + 0.494 / pairs) / 2.0;
    let usable = half_square > 0.0 && half_square.is_finite();
    usable.then_some((half_square, pairs / distance as f64))
}

/// Least squares with no solution below 0, one unknown after the other.
fn not_negative(rows: &[f64], targets: &[f64], width: usize) -> Vec<f64> {
    let mut gram = vec![0.0; width * width];
    let mut moment = vec![0.0; width];
    for (row, target) in rows.chunks_exact(width).zip(targets) {
        for (at, value) in row.iter().enumerate() {
            moment[at] += value * target;
            let line = &mut gram[at * width..(at + 1) * width];
            line.iter_mut()
                .zip(row)
                .for_each(|(cell, other)| *cell += value * other);
        }
    }
    let mut solution = vec![0.0; width];
    for _ in 0..ROUNDS {
        for at in 0..width {
            let line = &gram[at * width..(at + 1) * width];
            if line[at] > 0.0 {
                let rest = moment[at] - dot(line, &solution);
                solution[at] = f64::max(0.0, solution[at] + rest / line[at]);
            }
        }
    }
    solution
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(at: u64) -> f64 {
        (at.wrapping_mul(at).wrapping_mul(7919) % 1009) as f64 / 1009.0 - 0.5
    }

    fn forecast(values: &[f64], seasons: &[usize], horizon: usize) -> Vec<f64> {
        let present = vec![true; values.len()];
        let past = Past {
            values,
            present: &present,
        };
        let model = Kriging::fit(past, seasons, horizon).expect("long enough");
        let mut out = vec![0.0; horizon];
        model.forecast(values, &mut out);
        out
    }

    #[test]
    fn noise_is_averaged_and_a_level_far_away_is_kept() {
        let values: Vec<f64> = (0..600).map(|at| 1e6 + noise(at)).collect();
        for said in forecast(&values, &[], 9) {
            assert!((said - 1e6).abs() < 0.2, "{said}");
        }
    }

    #[test]
    fn a_walk_stays_where_it_is() {
        let mut level = 0.0;
        let values: Vec<f64> = (0..900)
            .map(|at| {
                level += noise(at);
                level
            })
            .collect();
        let last = values[899];
        for said in forecast(&values, &[], 6) {
            assert!((said - last).abs() < 1.5, "{said} after {last}");
        }
    }

    #[test]
    fn a_season_comes_again() {
        let season = |at: u64| (at as f64 / 24.0 * std::f64::consts::TAU).sin();
        let values: Vec<f64> = (0..480).map(|at| season(at) + 0.2 * noise(at)).collect();
        for (said, at) in forecast(&values, &[24], 48).iter().zip(480..) {
            assert!((said - season(at)).abs() < 0.25, "{at}: {said}");
        }
    }

    #[test]
    fn one_wild_value_moves_a_guess_little() {
        let values: Vec<f64> = (0..600).map(|at| 10.0 + noise(at)).collect();
        let mut wild = values.clone();
        wild[599 - 24] = 1e3;
        let (plain, said) = (forecast(&values, &[25], 3), forecast(&wild, &[25], 3));
        assert!((said[0] - plain[0]).abs() < 10.0, "{said:?} {plain:?}");
        // Equal weights: the mean, or near to it where one is far away.
        assert!((robust(&[(1.0, 0.5), (3.0, 0.5)]) - 2.0).abs() < 1e-12);
        let ten: Vec<(f64, f64)> = (0..10).map(|at| (f64::from(at / 9 * 100), 0.1)).collect();
        assert!(robust(&ten) < 5.0, "{}", robust(&ten));
        assert_eq!(robust(&[(f64::MAX, 0.5), (-f64::MAX, 0.5)]), 0.0);
    }

    #[test]
    fn what_shows_no_covariance_is_refused() {
        let present = [true; 64];
        for (values, seasons) in [(vec![3.0; 64], &[][..]), (vec![1.0; 20], &[7])] {
            let past = Past {
                values: &values,
                present: &present[..values.len()],
            };
            assert!(Kriging::fit(past, seasons, 4).is_none());
        }
    }

    #[test]
    fn parts_are_not_negative() {
        // The second unknown would be −1.
        let rows = [1.0, 1.0, 1.0, 2.0, 1.0, 3.0];
        let found = not_negative(&rows, &[2.0, 1.0, 0.0], 2);
        assert_eq!(found[1], 0.0);
        assert!((found[0] - 1.0).abs() < 1e-6, "{found:?}");
    }
}
