//! Exponential smoothing of level, damped trend and several seasons, with the last error carried on
//! (Taylor, Journal of the Operational Research Society 54, 2003).

use super::descent::{minimise, within};
use super::{Model, Past, adjusted};

/// More seasons are not smoothed.
const SEASONS_MAX: usize = 2;
const EVALUATIONS: usize = 160;
const DAMPING: f64 = 0.95;

/// Level, damped trend and seasons.
#[derive(Debug, Clone)]
pub(super) struct HoltWinters {
    alpha: f64,
    beta: f64,
    gamma: [f64; SEASONS_MAX],
    carry: f64,
    level: f64,
    trend: f64,
    patterns: Vec<Vec<f64>>,
    step: usize,
    error: f64,
}

impl HoltWinters {
    pub(super) fn fit(past: Past<'_>, seasons: &[usize]) -> Option<Self> {
        let seasons = &seasons[..seasons.len().min(SEASONS_MAX)];
        let (mut patterns, left) = adjusted::decompose(past, seasons, past.values.len())?;
        for pattern in &mut patterns {
            let season = pattern.len();
            pattern.rotate_right(past.values.len() % season);
        }
        let first = left.len().min(seasons[0]);
        let level = left[..first].iter().sum::<f64>() / first as f64;
        let start = |free: &[f64; 5]| Self {
            alpha: within(1.0, free[0]),
            beta: within(0.5, free[1]),
            gamma: [within(0.6, free[2]), within(0.6, free[3])],
            carry: within(1.0, free[4]),
            level,
            trend: 0.0,
            patterns: patterns.clone(),
            step: 0,
            error: 0.0,
        };
        let best = minimise([-2.0, -4.0, -2.0, -2.0, 0.0], 1.5, EVALUATIONS, |free| {
            start(free).run(past)
        });
        let mut model = start(&best);
        model.run(past).is_finite().then_some(model)
    }

    fn run(&mut self, past: Past<'_>) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (value, present) in past.values.iter().zip(past.present) {
            let error = self.step(*value, *present);
            if *present {
                sum += error.abs();
                count += 1.0;
            }
        }
        sum / f64::max(count, 1.0)
    }

    fn step(&mut self, value: f64, present: bool) -> f64 {
        self.trend *= DAMPING;
        self.level += self.trend;
        let base = self.level + self.seasonal(self.step);
        let carried = self.carry * self.error;
        let error = value - base - carried;
        if present {
            self.level += self.alpha * error;
            self.trend += self.alpha * self.beta * error;
            for (pattern, gamma) in self.patterns.iter_mut().zip(self.gamma) {
                let at = self.step % pattern.len();
                pattern[at] += gamma * error;
            }
            self.error = value - base;
        } else {
            self.error = carried;
        }
        self.step += 1;
        error
    }

    fn seasonal(&self, step: usize) -> f64 {
        let of = |pattern: &Vec<f64>| pattern[step % pattern.len()];
        self.patterns.iter().map(of).sum()
    }
}

impl Model for HoltWinters {
    fn update(&mut self, past: &[f64], present: bool) {
        if let Some(&value) = past.last() {
            self.step(value, present);
        }
    }

    fn lookback_update(&self) -> usize {
        1
    }

    fn lookback(&self) -> usize {
        1
    }

    fn forecast(&self, _: &[f64], out: &mut [f64]) {
        let (mut level, mut trend, mut error) = (self.level, self.trend, self.error);
        for (out, step) in out.iter_mut().zip(self.step..) {
            trend *= DAMPING;
            level += trend;
            error *= self.carry;
            *out = level + error + self.seasonal(step);
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
            + self
                .patterns
                .iter()
                .map(|pattern| pattern.len() * 8)
                .sum::<usize>()
    }
}
