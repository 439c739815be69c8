//! Takes out of a stream of scores what the scores before it explain.

/// How many scores back are looked at. Measured on NAB's first half: two or fewer leave structure
/// that raises false alarms, four gain nothing.
const ORDER: usize = 3;
/// About how many scores the estimates remember.
const MEMORY: f64 = 1024.0;
/// The estimates begin as if so many independent scores had been seen.
const PRIOR: f64 = 10.0;
/// Residuals are kept within this many deviations.
pub(super) const RESIDUAL_MAX: f64 = 8.0;
/// The least deviation of residuals, so that a steady series does not divide by zero.
const DEVIATION_MIN: f64 = 0.02;

/// An autoregression, estimated from exponentially weighted sums (Levinson and Durbin).
#[derive(Debug, Clone)]
pub(super) struct Whitener {
    /// The last scores, the newest first: for the forecast.
    recent: [f64; ORDER],
    /// The last scores that were learnt from.
    learnt: [f64; ORDER],
    products: [f64; ORDER + 1],
    weight: f64,
    coefficients: [f64; ORDER],
    deviation: f64,
}

impl Whitener {
    pub(super) fn new() -> Self {
        Self {
            recent: [0.0; ORDER],
            learnt: [0.0; ORDER],
            products: [0.0; ORDER + 1],
            weight: 0.0,
            coefficients: [0.0; ORDER],
            deviation: 1.0,
        }
    }

    /// What is new in `score`, in deviations.
    pub(super) fn residual(&mut self, score: f64) -> f64 {
        let expected: f64 = self
            .coefficients
            .iter()
            .zip(&self.recent)
            .map(|(c, z)| c * z)
            .sum();
        self.recent.rotate_right(1);
        self.recent[0] = score;
        ((score - expected) / self.deviation).clamp(-RESIDUAL_MAX, RESIDUAL_MAX)
    }

    /// Learns from a score; the coefficients change with the next [`Self::fit`].
    pub(super) fn learn(&mut self, score: f64) {
        let keep = 1.0 - 1.0 / MEMORY;
        self.weight = self.weight * keep + 1.0;
        self.products[0] = self.products[0] * keep + score * score;
        for (product, earlier) in self.products[1..].iter_mut().zip(&self.learnt) {
            *product = *product * keep + score * earlier;
        }
        self.learnt.rotate_right(1);
        self.learnt[0] = score;
    }

    pub(super) fn fit(&mut self) {
        let mut coefficients = [0.0; ORDER];
        let mut error = self.products[0] + PRIOR;
        for at in 0..ORDER {
            let explained: f64 = (0..at)
                .map(|i| coefficients[i] * self.products[at - i])
                .sum();
            let reflection = ((self.products[at + 1] - explained) / error).clamp(-0.99, 0.99);
            let before = coefficients;
            for i in 0..at {
                coefficients[i] = before[i] - reflection * before[at - 1 - i];
            }
            coefficients[at] = reflection;
            error *= 1.0 - reflection * reflection;
        }
        self.coefficients = coefficients;
        self.deviation = (error / (self.weight + PRIOR)).sqrt().max(DEVIATION_MIN);
    }

    /// The scores before now, the newest first, in terms of a reference that has changed.
    pub(super) fn restart(&mut self, newest_first: impl Iterator<Item = f64>) {
        for (at, score) in newest_first.take(ORDER).enumerate() {
            self.recent[at] = score;
            self.learnt[at] = score;
        }
    }

    /// How many samples are worth one independent one: 1 for white noise.
    pub(super) fn inflation(&self) -> f64 {
        let rest = (1.0 - self.coefficients.iter().sum::<f64>()).max(0.02);
        (self.deviation / rest).powi(2).max(1.0)
    }
}
