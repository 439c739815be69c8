//! An autoregression on the last steps and on what was a season ago, one step ahead, again and again.

use super::{Model, Past};
use crate::linear::Rows;

/// Measured on the training parts of M4 Hourly: 1e-5 to 3e-4 are as good, 1e-2 is much worse.
const RIDGE: f64 = 1e-4;
/// Lags beyond this part of the past leave too few rows.
const LAG_PART_MAX: f64 = 0.45;
/// Cycles whose mean is one feature.
const CYCLES_MAX: usize = 7;
/// Forecasts stay within so many ranges of the past beyond it.
const RANGES_BEYOND: f64 = 0.5;
/// A row counts half after this part of the past.
const HALF_LIFE: f64 = 0.5;

/// A sum of past values: how long ago, with which weight.
type Feature = Vec<(usize, f64)>;

/// A regression on lags.
#[derive(Debug)]
pub(super) struct Regression {
    features: Vec<Feature>,
    coefficients: Vec<f64>,
    /// Differences are forecast, not values.
    differences: bool,
    centre: f64,
    bounds: (f64, f64),
    lookback: usize,
}

impl Regression {
    pub(super) fn fit(past: Past<'_>, seasons: &[usize], differences: bool) -> Option<Self> {
        let count = past.values.len();
        let lag_max = (count as f64 * LAG_PART_MAX) as usize;
        let features = if differences {
            differenced(seasons, lag_max)
        } else {
            levels(seasons, lag_max)
        };
        let lookback = features.iter().flatten().map(|(lag, _)| *lag).max()?;
        let centre = past.values.iter().map(|value| value / count as f64).sum();
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in past.values {
            low = low.min(*value);
            high = high.max(*value);
        }
        let beyond = (high - low) * RANGES_BEYOND;
        let mut model = Self {
            features,
            coefficients: Vec::new(),
            differences,
            centre,
            bounds: (low - beyond, high + beyond),
            lookback,
        };
        let mut rows = Rows::new(model.features.len() + 1);
        for at in lookback..count {
            if !past.present[at] {
                continue;
            }
            let before = &past.values[..at];
            let target = past.values[at] - model.base(before);
            let age = (count - at) as f64 / (count as f64 * HALF_LIFE);
            rows.add(target, (-age).exp2(), |row| {
                row.extend(
                    model
                        .features
                        .iter()
                        .map(|lags| model.feature(lags, before)),
                );
                row.push(1.0);
            });
        }
        model.coefficients = rows.fit(RIDGE, model.features.len())?;
        Some(model)
    }

    fn base(&self, before: &[f64]) -> f64 {
        if self.differences {
            before[before.len() - 1]
        } else {
            self.centre
        }
    }

    fn feature(&self, lags: &Feature, before: &[f64]) -> f64 {
        let count = before.len();
        let centre = if self.differences { 0.0 } else { self.centre };
        lags.iter()
            .map(|(lag, weight)| weight * (before[count - lag] - centre))
            .sum()
    }
}

/// Features for a regression of values.
fn levels(seasons: &[usize], lag_max: usize) -> Vec<Feature> {
    let mut alone: Vec<usize> = (1..=if seasons.is_empty() { 6 } else { 4 }).collect();
    for (at, &season) in seasons.iter().enumerate() {
        alone.extend(season.saturating_sub(2)..=season + 2);
        if at == 0 {
            alone.extend(2 * season - 1..=2 * season + 1);
        }
    }
    alone.retain(|lag| (1..=lag_max).contains(lag));
    alone.sort_unstable();
    alone.dedup();
    let mut features: Vec<Feature> = alone.into_iter().map(|lag| vec![(lag, 1.0)]).collect();
    for season in seasons {
        let cycles = (lag_max / season).min(CYCLES_MAX);
        if cycles >= 2 {
            features.push(mean_of((1..=cycles).map(|cycle| cycle * season)));
        }
    }
    let widths: &[usize] = if seasons.is_empty() { &[12] } else { seasons };
    features.extend(
        widths
            .iter()
            .filter(|width| (2..=lag_max).contains(*width))
            .map(|width| mean_of(1..=*width)),
    );
    features
}

/// Features for a regression of differences, with the gap to the mean of the last season.
fn differenced(seasons: &[usize], lag_max: usize) -> Vec<Feature> {
    let mut alone: Vec<usize> = vec![1, 2, 3];
    for season in seasons {
        alone.extend([season - 1, *season, season + 1, season * 2]);
    }
    alone.retain(|lag| *lag < lag_max);
    alone.sort_unstable();
    alone.dedup();
    let change = |lag: usize| vec![(lag, 1.0), (lag + 1, -1.0)];
    let mut features: Vec<Feature> = alone.into_iter().map(change).collect();
    for width in seasons
        .iter()
        .copied()
        .chain(seasons.is_empty().then_some(12))
    {
        if width <= lag_max {
            let mut gap = mean_of(1..=width);
            gap[0].1 -= 1.0;
            features.push(gap);
        }
    }
    features
}

fn mean_of(lags: impl Iterator<Item = usize>) -> Feature {
    let lags: Vec<usize> = lags.collect();
    let weight = 1.0 / lags.len() as f64;
    lags.into_iter().map(|lag| (lag, weight)).collect()
}

impl Model for Regression {
    fn lookback(&self) -> usize {
        self.lookback
    }

    fn forecast(&self, past: &[f64], out: &mut [f64]) {
        let mut path = past[past.len().saturating_sub(self.lookback)..].to_vec();
        path.reserve(out.len());
        for out in out {
            let mut next = self.base(&path);
            for (lags, coefficient) in self.features.iter().zip(&self.coefficients) {
                next += coefficient * self.feature(lags, &path);
            }
            next += self.coefficients[self.features.len()];
            *out = next.clamp(self.bounds.0, self.bounds.1);
            path.push(*out);
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self
                .features
                .iter()
                .map(|lags| lags.len() * 16 + 32)
                .sum::<usize>()
    }
}
