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

/// Past values so many steps apart, the first of them `lag` steps ago, each with the same weight.
#[derive(Debug, Clone, Copy)]
struct Span {
    lag: usize,
    apart: usize,
    count: usize,
    weight: f64,
}

impl Span {
    fn one(lag: usize, weight: f64) -> Self {
        Self {
            lag,
            apart: 1,
            count: 1,
            weight,
        }
    }

    /// The mean of `count` values.
    fn mean(lag: usize, apart: usize, count: usize) -> Self {
        Self {
            lag,
            apart,
            count,
            weight: 1.0 / count as f64,
        }
    }

    /// How long ago the last one is.
    fn last(self) -> usize {
        self.lag + self.apart * (self.count - 1)
    }

    fn of(self, before: &[f64], centre: f64) -> f64 {
        let from = before.len() - self.last();
        let values = &before[from..=before.len() - self.lag];
        let sum: f64 = if self.apart == 1 {
            values.iter().sum()
        } else {
            values.iter().step_by(self.apart).sum()
        };
        self.weight * (sum - centre * self.count as f64)
    }
}

/// A sum over past values.
type Feature = Vec<Span>;

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
        let lookback = features.iter().flatten().map(|span| span.last()).max()?;
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

    fn feature(&self, spans: &Feature, before: &[f64]) -> f64 {
        let centre = if self.differences { 0.0 } else { self.centre };
        spans.iter().map(|span| span.of(before, centre)).sum()
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
    let mut features: Vec<Feature> = alone
        .into_iter()
        .map(|lag| vec![Span::one(lag, 1.0)])
        .collect();
    for season in seasons {
        let cycles = (lag_max / season).min(CYCLES_MAX);
        if cycles >= 2 {
            features.push(vec![Span::mean(*season, *season, cycles)]);
        }
    }
    let widths: &[usize] = if seasons.is_empty() { &[12] } else { seasons };
    features.extend(
        widths
            .iter()
            .filter(|width| (2..=lag_max).contains(*width))
            .map(|width| vec![Span::mean(1, 1, *width)]),
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
    let change = |lag: usize| vec![Span::one(lag, 1.0), Span::one(lag + 1, -1.0)];
    let mut features: Vec<Feature> = alone.into_iter().map(change).collect();
    for width in seasons
        .iter()
        .copied()
        .chain(seasons.is_empty().then_some(12))
    {
        if width <= lag_max {
            let gap = vec![Span::mean(1, 1, width), Span::one(1, -1.0)];
            features.push(gap);
        }
    }
    features
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
                .map(|spans| spans.len() * size_of::<Span>() + 32)
                .sum::<usize>()
    }
}
