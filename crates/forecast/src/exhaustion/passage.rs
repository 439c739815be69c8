//! First passages of a limit: the futures that earlier errors make of the present forecast.

use super::blend::{self, Ahead, Blend};
use super::past::Past;

/// Most earlier moments that are asked, and as many as do for a first look.
const ORIGINS_MAX: usize = 128;
const ORIGINS_FEW: usize = 32;
/// Moments of the future lie a step apart, and by this part of their distance where that is more.
const CELL_GROWTH: f64 = 0.04;

/// What experiments vary.
#[derive(Debug, Clone, Copy)]
pub struct Tuning {
    pub rounds: usize,
    pub rate: f64,
    pub prior_weight: f64,
    pub spread_prior: f64,
    pub spread_weight: f64,
    pub gamma_spend: f64,
    pub gamma_level: f64,
    pub recency: f64,
    pub families: u32,
    pub only: Option<usize>,
    pub fit_origins: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            rounds: 40,
            rate: 1.0,
            prior_weight: 2.0,
            spread_prior: 0.4,
            spread_weight: 1.0,
            gamma_spend: -0.3,
            gamma_level: 0.25,
            recency: 0.0,
            families: 255,
            only: None,
            fit_origins: 64,
        }
    }
}

/// Possible times to the limit.
#[derive(Debug, Clone)]
pub(super) struct Futures {
    /// In steps, ascending; infinite where the limit is not reached within the horizon.
    pub(super) times: Vec<f64>,
    pub(super) weights: Vec<f64>,
}

impl Futures {
    pub(super) fn new(past: &Past, distance: f64, horizon: usize, tuning: &Tuning) -> Self {
        let now = past.now();
        let first = past.first_origin().min(now.saturating_sub(2)).max(1);
        let room = now - first;
        let asked = Asked {
            past,
            distance,
            cells: cells(past, horizon),
            first,
            tuning,
        };
        let count = blend::experts(past, now).len();
        let mut weights = vec![1.0 / count as f64; count];
        // The time for which the blend is fitted is the one that it foresees.
        let mut reach = (room / 4).clamp(1, past.day.max(1));
        let mut times = Vec::new();
        for origins in [ORIGINS_FEW, ORIGINS_FEW, ORIGINS_MAX] {
            if !times.is_empty() {
                weights = fitted(past, first, reach, tuning);
            }
            times = asked.times(&weights, reach, origins);
            let median = times[times.len() / 2].min(horizon as f64);
            reach = (median as usize).clamp(1, (room / 2).max(1));
        }
        let median = times[times.len() / 2].min(horizon as f64);
        let independent = (room - reach) as f64 / median.max(1.0) + 1.0;
        let mut futures = Self {
            weights: vec![1.0; times.len()],
            times,
        };
        futures.widen(independent, horizon as f64, tuning);
        futures
    }

    /// The time by which a share of the futures has reached the limit.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let total: f64 = self.weights.iter().sum();
        let mut sum = 0.0;
        let mut before: Option<(f64, f64)> = None;
        for (time, weight) in self.times.iter().zip(&self.weights) {
            let middle = (sum + 0.5 * weight) / total;
            sum += weight;
            if middle >= share {
                return match before {
                    Some((at, earlier)) if time.is_finite() => {
                        earlier + (time - earlier) * (share - at) / (middle - at).max(1e-12)
                    }
                    _ => *time,
                };
            }
            before = Some((middle, *time));
        }
        before.map_or(f64::INFINITY, |(_, time)| time)
    }

    pub(super) fn within(&self) -> f64 {
        let total: f64 = self.weights.iter().sum();
        let finite = self.times.iter().zip(&self.weights);
        finite
            .filter(|(time, _)| time.is_finite())
            .map(|(_, weight)| weight)
            .sum::<f64>()
            / total
    }

    /// Few independent errors say little of how large errors are.
    fn widen(&mut self, independent: f64, horizon: f64, tuning: &Tuning) {
        let middle = self.quantile(0.5);
        let (low, high) = (self.quantile(0.1), self.quantile(0.9));
        if !(middle.is_finite() && low > 0.0) {
            return;
        }
        let high = if high.is_finite() {
            high
        } else {
            middle * middle / low
        };
        let spread = (high / low).ln() / 2.563;
        if spread <= 0.0 {
            return;
        }
        let known = independent * spread * spread;
        let believed = tuning.spread_weight * tuning.spread_prior * tuning.spread_prior;
        let wanted = ((known + believed) / (independent + tuning.spread_weight)).sqrt();
        let factor = (wanted / spread).max(1.0);
        for time in &mut self.times {
            if time.is_finite() && *time > 0.0 {
                *time = middle * (*time / middle).powf(factor);
                if *time > horizon {
                    *time = f64::INFINITY;
                }
            }
        }
    }
}

/// What is asked, whatever the blend.
struct Asked<'a> {
    past: &'a Past,
    distance: f64,
    cells: Vec<Ahead>,
    first: usize,
    tuning: &'a Tuning,
}

impl Asked<'_> {
    /// Times to the limit, ascending, by the errors of a blend from earlier moments on.
    fn times(&self, weights: &[f64], reach: usize, origins: usize) -> Vec<f64> {
        let past = self.past;
        let now = past.now();
        let present = blend::blended(past, now, weights);
        let present: Vec<f64> = self
            .cells
            .iter()
            .map(|cell| present.ahead(past, now, *cell))
            .collect();
        let mut times: Vec<f64> = spread(self.first, now - reach, origins)
            .map(|origin| {
                let blend = blend::blended(past, origin, weights);
                self.future(origin, &blend, &present)
            })
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }

    /// The time to the limit if the errors after `origin` come again.
    fn future(&self, origin: usize, blend: &Blend, present: &[f64]) -> f64 {
        let (past, distance, tuning) = (self.past, self.distance, self.tuning);
        let known = past.now() - origin;
        let mut begin = 0;
        let (mut before_steps, mut before) = (0.0, 0.0);
        // The last error that is known, and after how many steps.
        let mut error: Option<(f64, f64)> = None;
        for (cell, foreseen) in self.cells.iter().zip(present) {
            let steps = cell.steps as f64;
            let is_error = if cell.steps <= known {
                // The farthest of the way within the cell.
                let from = begin.max(1).min(cell.steps);
                let way = match past.is_spend {
                    true => past.between(origin, origin + cell.steps),
                    false => (from..=cell.steps)
                        .map(|ahead| past.between(origin, origin + ahead))
                        .fold(f64::NEG_INFINITY, f64::max),
                };
                let then = blend.ahead(past, origin, *cell);
                let value = match past.is_spend {
                    // In proportion, as a logarithm.
                    true if then > 0.0 => (way.max(1e-3 * then) / then).ln(),
                    true => 0.0,
                    false => way - then,
                };
                error = Some((value, steps));
                value
            } else {
                match error {
                    None => 0.0,
                    Some((value, at)) => {
                        let power = match past.is_spend {
                            true => tuning.gamma_spend,
                            false => tuning.gamma_level,
                        };
                        value * (steps / at).powf(power)
                    }
                }
            };
            let way = match past.is_spend {
                true => foreseen.max(0.0) * is_error.exp(),
                false => foreseen + is_error,
            };
            if way >= distance {
                let part = if way > before {
                    (distance - before) / (way - before)
                } else {
                    1.0
                };
                return before_steps + (steps - before_steps) * part.clamp(0.0, 1.0);
            }
            before = way;
            before_steps = steps;
            begin = cell.steps + 1;
        }
        f64::INFINITY
    }
}

/// The weights of the experts with which the blend would have been least wrong.
fn fitted(past: &Past, first: usize, reach: usize, tuning: &Tuning) -> Vec<f64> {
    let count = blend::experts(past, past.now()).len();
    let mut weights = vec![1.0 / count as f64; count];
    let origins: Vec<usize> = spread(first, past.now() - reach, tuning.fit_origins).collect();
    let mut steps = vec![reach.div_ceil(3), (2 * reach).div_ceil(3), reach];
    steps.dedup();
    let aheads: Vec<Ahead> = steps.iter().map(|steps| Ahead::new(*steps, past)).collect();
    let mut rows: Vec<f64> = Vec::with_capacity(origins.len() * aheads.len() * count);
    let mut truths = Vec::with_capacity(origins.len() * aheads.len());
    for &origin in &origins {
        let experts = blend::experts(past, origin);
        for ahead in &aheads {
            truths.push(past.between(origin, origin + ahead.steps));
            rows.extend(
                experts
                    .iter()
                    .map(|expert| expert.ahead(past, origin, *ahead)),
            );
        }
    }
    // Of a level errors count in units of how it moves.
    let unit = truths.iter().map(|truth| truth.abs()).sum::<f64>() / truths.len().max(1) as f64;
    if let Some(only) = tuning.only
        && only < count
    {
        weights.fill(0.0);
        weights[only] = 1.0;
        return weights;
    }
    if unit <= 0.0 || truths.is_empty() {
        return weights;
    }
    let mut gradient = vec![0.0; count];
    for round in 0..tuning.rounds {
        gradient.fill(0.0);
        for (row, truth) in rows.chunks_exact(count).zip(&truths) {
            let foreseen: f64 = row
                .iter()
                .zip(&weights)
                .map(|(value, weight)| value * weight)
                .sum();
            let slope = if past.is_spend {
                let sum = foreseen + truth + 0.02 * unit;
                (foreseen - truth).signum() * 2.0 * (truth + 0.01 * unit) / (sum * sum)
            } else {
                ((foreseen - truth) / unit).clamp(-1.0, 1.0) / unit
            };
            for (part, value) in gradient.iter_mut().zip(row) {
                *part += slope * value;
            }
        }
        let rate = tuning.rate / (1.0 + round as f64 / 10.0) / truths.len() as f64;
        let mut sum = 0.0;
        for (weight, part) in weights.iter_mut().zip(&gradient) {
            *weight *= (-(rate * part)).clamp(-2.0, 2.0).exp();
            sum += *weight;
        }
        for weight in &mut weights {
            *weight /= sum;
        }
    }
    let independent = (past.now() - reach - first) as f64 / reach as f64 + 1.0;
    let trust = independent / (independent + tuning.prior_weight);
    for weight in &mut weights {
        *weight = trust * *weight + (1.0 - trust) / count as f64;
    }
    weights
}

/// At most `most` moments from `first` to `last`, evenly.
fn spread(first: usize, last: usize, most: usize) -> impl Iterator<Item = usize> {
    let width = last.saturating_sub(first);
    let count = (width + 1).min(most);
    (0..count).map(move |number| first + number * width / (count - 1).max(1))
}

/// Moments up to the horizon.
fn cells(past: &Past, horizon: usize) -> Vec<Ahead> {
    let mut cells = Vec::new();
    let mut at = 0;
    while at < horizon {
        at += ((at as f64 * CELL_GROWTH) as usize).max(1);
        cells.push(Ahead::new(at.min(horizon), past));
    }
    cells
}
