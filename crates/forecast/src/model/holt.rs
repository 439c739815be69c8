//! Level and damped trend, each smoothed exponentially (Gardner and McKenzie, Management Science 31, 1985).

use super::descent::{minimise, within};
use super::{Model, Past};

const EVALUATIONS: usize = 120;

/// Level and damped trend.
#[derive(Debug, Clone)]
pub(super) struct Holt {
    alpha: f64,
    beta: f64,
    damping: f64,
    level: f64,
    trend: f64,
}

impl Holt {
    pub(super) fn fit(past: Past<'_>) -> Option<Self> {
        let first = *past.values.first()?;
        let start = |free: &[f64; 3]| Self {
            alpha: within(1.0, free[0]),
            beta: within(1.0, free[1]),
            damping: 0.8 + within(0.19, free[2]),
            level: first,
            trend: 0.0,
        };
        let best = minimise([0.0, -2.0, 1.0], 1.5, EVALUATIONS, |free| {
            start(free).run(past)
        });
        let mut model = start(&best);
        model.run(past).is_finite().then_some(model)
    }

    /// Goes through the past; the mean size of the errors one step ahead.
    fn run(&mut self, past: Past<'_>) -> f64 {
        let (mut sum, mut count) = (0.0, 0.0);
        for (value, present) in past.values.iter().zip(past.present) {
            if let Some(error) = self.step(*value, *present) {
                sum += error.abs();
                count += 1.0;
            }
        }
        sum / f64::max(count, 1.0)
    }

    fn step(&mut self, value: f64, present: bool) -> Option<f64> {
        self.trend *= self.damping;
        self.level += self.trend;
        if !present {
            return None;
        }
        let error = value - self.level;
        self.level += self.alpha * error;
        self.trend += self.alpha * self.beta * error;
        Some(error)
    }
}

impl Model for Holt {
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
        let (mut level, mut trend) = (self.level, self.trend);
        for out in out {
            trend *= self.damping;
            level += trend;
            *out = level;
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}
