//! Forecasts of the last third of a series, from many origins.

use super::{Effort, unscale};
use crate::history::History;
use crate::model::{Past, Spec};

/// The part of the series that is forecast, at most.
const PART: usize = 3;
/// How many horizons of it are enough.
const HORIZONS: usize = 3;
/// Origins, about.
const ORIGINS: usize = 24;
/// … and where it has to be quick.
const ORIGINS_FEW: usize = 8;
/// How much errors count as parts of the value rather than as they are.
const RELATIVE: f64 = 0.5;

/// One value that is forecast, from one origin.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) step: usize,
    pub(super) value: f64,
    /// How much its error counts: 0 if it was not measured. Each step counts as much, all together 1.
    pub(super) weight: f64,
}

/// What one candidate said of the targets.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) spec: Spec,
    pub(super) forecasts: Vec<f64>,
}

/// Origins and targets.
#[derive(Debug)]
pub(super) struct Backtest {
    horizon: usize,
    count: usize,
    /// Values that candidates are fitted on.
    first: usize,
    origins: Vec<usize>,
    pub(super) targets: Vec<Target>,
}

impl Backtest {
    /// `None` if nothing can be tested.
    pub(super) fn new(
        history: &History,
        seasons: &[usize],
        horizon: usize,
        effort: Effort,
    ) -> Option<Self> {
        let count = history.len();
        let longest = seasons
            .iter()
            .copied()
            .filter(|season| 3 * season <= count)
            .max();
        let wanted = (HORIZONS * horizon).max(longest.unwrap_or(0) + horizon);
        let span = wanted.min(count / PART);
        let first = count - span;
        let wanted = match effort {
            Effort::Full => ORIGINS,
            Effort::Provisional => ORIGINS_FEW,
        };
        let stride = (span / wanted).max(1);
        let origins: Vec<usize> = (first..count).step_by(stride).collect();
        let mean = history
            .values
            .iter()
            .map(|value| value.abs() / count as f64)
            .sum::<f64>();
        let mean = mean.max(f64::MIN_POSITIVE);
        let mut targets = Vec::new();
        let mut of_step = vec![0.0; horizon + 1];
        for &origin in &origins {
            for (at, step) in (origin..count).zip(1..=horizon) {
                let value = history.values[at];
                let weight = if history.present[at] {
                    (1.0 - RELATIVE) + RELATIVE * mean / value.abs().max(0.05 * mean)
                } else {
                    0.0
                };
                of_step[step] += weight;
                targets.push(Target {
                    step,
                    value,
                    weight,
                });
            }
        }
        let steps = of_step.iter().filter(|weight| **weight > 0.0).count() as f64;
        for target in targets.iter_mut().filter(|target| target.weight > 0.0) {
            target.weight /= of_step[target.step] * steps;
        }
        (steps > 0.0).then_some(Self {
            horizon,
            count,
            first,
            origins,
            targets,
        })
    }

    /// How many values are forecast.
    pub(super) fn span(&self) -> usize {
        self.count - self.first
    }

    /// Seasons of which two cycles are there to be fitted on.
    pub(super) fn usable(&self, seasons: &[usize]) -> Vec<usize> {
        let fits = |season: &usize| 2 * season <= self.first;
        seasons.iter().copied().filter(fits).collect()
    }

    /// What a candidate would have said; `None` if it cannot be fitted, or says what is no number.
    pub(super) fn run(&self, spec: Spec, past: Past<'_>) -> Option<Trial> {
        let mut model = spec.fit(past.until(self.first))?;
        let mut forecasts = Vec::with_capacity(self.targets.len());
        let mut at = self.first;
        for &origin in &self.origins {
            while at < origin {
                model.update(&past.values[..=at], past.present[at]);
                at += 1;
            }
            let from = forecasts.len();
            forecasts.resize(from + self.horizon.min(self.count - origin), 0.0);
            model.forecast(&past.values[..origin], &mut forecasts[from..]);
            unscale(spec.log, &mut forecasts[from..]);
        }
        let sound = forecasts.iter().all(|value| value.is_finite());
        sound.then_some(Trial { spec, forecasts })
    }
}
