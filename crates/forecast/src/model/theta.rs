//! The Theta method as exponential smoothing with drift (Assimakopoulos and Nikolopoulos, International
//! Journal of Forecasting 16, 2000; Hyndman and Billah, same 19, 2003), its two parameters optimised.

use super::{Model, Past};

/// Parts of the slope that may go on: none, as of old (theta = 2), more (theta = 4).
const PARTS: [f64; 3] = [0.0, 0.5, 0.75];
const ALPHAS: usize = 24;

/// Level and a part of the slope.
#[derive(Debug)]
pub(super) struct Theta {
    alpha: f64,
    drift: f64,
    level: f64,
}

impl Theta {
    /// Slope, smoothing and level of the last `window` values, or of all.
    pub(super) fn fit(past: Past<'_>, window: Option<usize>) -> Option<Self> {
        let count = past.values.len();
        let from = count - window.unwrap_or(count).min(count);
        let values = &past.values[from..];
        let present = &past.present[from..];
        let slope = slope(values);
        let mut best: Option<(f64, Self)> = None;
        for part in PARTS {
            for at in 1..=ALPHAS {
                let mut model = Self {
                    alpha: (at as f64 / ALPHAS as f64).powi(2),
                    drift: part * slope,
                    level: *values.first()?,
                };
                let mut sum = 0.0;
                for (value, present) in values.iter().zip(present) {
                    let before = model.level + model.drift;
                    model.step(*value, *present);
                    if *present {
                        sum += (value - before).abs();
                    }
                }
                if sum.is_finite() && best.as_ref().is_none_or(|(least, _)| sum < *least) {
                    best = Some((sum, model));
                }
            }
        }
        best.map(|(_, model)| model)
    }

    fn step(&mut self, value: f64, present: bool) {
        self.level += self.drift;
        if present {
            self.level += self.alpha * (value - self.level);
        }
    }
}

/// Slope of the straight line of least squares.
fn slope(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = values.iter().map(|value| value / count).sum::<f64>();
    let (mut over, mut under) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        let x = at as f64 - middle;
        over += x * (value - mean);
        under += x * x;
    }
    if under > 0.0 { over / under } else { 0.0 }
}

impl Model for Theta {
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
        for (at, out) in out.iter_mut().enumerate() {
            *out = self.level + self.drift * (at + 1) as f64;
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}
