//! A regression for each horizon of its own: how far do levels and seasons pull away from the last value.

use super::{Model, Past};
use crate::linear::Rows;

/// Pulls to the last value. It is small where a rule holds over the whole past.
const RIDGE: f64 = 0.02;
/// Cycles whose mean is one feature.
const CYCLES_MAX: usize = 5;
/// Origins that are learnt from, at most, for each horizon.
const ORIGINS_MAX: usize = 600;
const HALF_LIFE: f64 = 0.5;

/// Coefficients at some horizons; between them they are interpolated.
#[derive(Debug)]
pub(super) struct Direct {
    seasons: Vec<usize>,
    widths: Vec<usize>,
    anchors: Vec<(usize, Vec<f64>)>,
    lookback: usize,
}

/// Horizons that are fitted: each about a third farther.
pub(super) fn anchors(horizon: usize) -> Vec<usize> {
    let mut anchors = vec![1];
    while let Some(&last) = anchors.last()
        && last < horizon
    {
        anchors.push((last + last / 3 + 1).min(horizon));
    }
    anchors
}

impl Direct {
    pub(super) fn fit(past: Past<'_>, seasons: &[usize], horizon: usize) -> Option<Self> {
        let count = past.values.len();
        let mut widths = vec![3, 8];
        widths.extend(seasons);
        if seasons.is_empty() {
            widths.push(21);
        }
        let mut model = Self {
            lookback: 0,
            seasons: seasons.to_vec(),
            widths,
            anchors: Vec::new(),
        };
        let sums = sums(past.values);
        for horizon in anchors(horizon.clamp(1, count)) {
            let lookback = model.lookback_at(horizon);
            if lookback + horizon >= count {
                return None;
            }
            let origins = count - horizon - lookback;
            let stride = origins.div_ceil(ORIGINS_MAX).max(1);
            let mut rows = Rows::new(model.features());
            for origin in (lookback..=count - horizon).rev().step_by(stride) {
                let target = origin + horizon - 1;
                if !(past.present[target] && past.present[origin - 1]) {
                    continue;
                }
                let last = past.values[origin - 1];
                let age = (count - target) as f64 / (count as f64 * HALF_LIFE);
                rows.add(past.values[target] - last, (-age).exp2(), |row| {
                    model.fill(row, &past.values[..origin], &sums, horizon);
                });
            }
            let coefficients = rows.fit(RIDGE, model.features())?;
            model.lookback = model.lookback.max(lookback);
            model.anchors.push((horizon, coefficients));
        }
        Some(model)
    }

    fn features(&self) -> usize {
        self.widths.len() + 4 * self.seasons.len()
    }

    /// How many values a forecast that far ahead looks at.
    fn lookback_at(&self, horizon: usize) -> usize {
        let seasonal = self.seasons.iter().map(|season| {
            let first = horizon.div_ceil(*season) * season;
            first + season
        });
        let widths = self.widths.iter().copied();
        widths.chain(seasonal).max().unwrap_or(1)
    }

    /// Appends the features: everything as the distance from the last value.
    fn fill(&self, row: &mut Vec<f64>, past: &[f64], sums: &[f64], horizon: usize) {
        let count = past.len();
        let last = past[count - 1];
        for width in &self.widths {
            row.push((sums[count] - sums[count - width]) / *width as f64 - last);
        }
        for &season in &self.seasons {
            // Where the target was in the cycles before, and where the last value was.
            let first = horizon.div_ceil(season) * season;
            let (mut target, mut change, mut cycles) = (0.0, 0.0, 0.0);
            for cycle in 0..CYCLES_MAX {
                let back = first + cycle * season;
                if back + 1 > count {
                    break;
                }
                let then = past[count - 1 + horizon - back];
                let from = past[count - 1 - back];
                target += then;
                change += then - from;
                cycles += 1.0;
                if cycle == 0 {
                    row.push(then - last);
                    row.push(then - from);
                }
            }
            row.push(target / cycles - last);
            row.push(change / cycles);
        }
    }
}

/// Sums of the values before each.
fn sums(values: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums = Vec::with_capacity(values.len() + 1);
    sums.push(0.0);
    for value in values {
        sum += value;
        sums.push(sum);
    }
    sums
}

impl Model for Direct {
    fn lookback(&self) -> usize {
        let most = self.seasons.iter().max().unwrap_or(&0);
        self.lookback + most * (CYCLES_MAX - 1)
    }

    fn forecast(&self, past: &[f64], out: &mut [f64]) {
        let past = &past[past.len().saturating_sub(self.lookback())..];
        let last = past[past.len() - 1];
        let sums = sums(past);
        let mut row = Vec::with_capacity(self.features());
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
            row.clear();
            self.fill(&mut row, past, &sums, horizon.min(*to));
            let mut sum = last;
            for (feature, (left, right)) in row.iter().zip(left.iter().zip(right)) {
                sum += feature * (left + share * (right - left));
            }
            *out = sum;
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self
                .anchors
                .iter()
                .map(|(_, each)| each.len() * 8 + 32)
                .sum::<usize>()
    }
}
