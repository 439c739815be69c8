//! How rare a small count is.

/// Series of a larger mean are not treated as counts: their gaps say enough.
const MEAN_MAX: f64 = 64.0;
/// About how many values are remembered.
const MEMORY: f64 = 8000.0;
/// Terms of the tail that are summed up.
const TERMS_MAX: usize = 4096;

/// Mean and variance of a series of which all values so far are whole and not negative.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    whole: bool,
    count: f64,
    mean: f64,
    variance: f64,
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            whole: true,
            count: 0.0,
            mean: 0.0,
            variance: 0.0,
        }
    }

    pub(super) fn learn(&mut self, value: f64) {
        self.whole &= value >= 0.0 && value.fract() == 0.0;
        if !self.whole {
            return;
        }
        self.count = (self.count + 1.0).min(MEMORY);
        let away = value - self.mean;
        self.mean += away / self.count;
        self.variance += (away * (value - self.mean) - self.variance) / self.count;
    }

    /// `-log10` of the chance of so many or more in a negative binomial distribution of the mean and variance
    /// seen (Poisson if the variance is no larger), with half an event more than was seen; `None`
    /// if these are no small counts.
    pub(super) fn surprise(&self, value: f64) -> Option<f64> {
        if !self.whole || self.count == 0.0 || self.mean > MEAN_MAX {
            return None;
        }
        if value.fract() != 0.0 || value < 0.0 {
            return None;
        }
        if value == 0.0 {
            return Some(0.0);
        }
        let mean = self.mean + 0.5 / (self.count + 1.0);
        // Size of the negative binomial; a huge one is Poisson.
        let excess = (self.variance - mean).max(1e-9 * mean);
        let size = mean * mean / excess;
        let ratio = mean / (size + mean);
        let ln_first = -size * (mean / size).ln_1p();
        // Logarithms up to the value, then a sum of terms that begins with 1.
        if value > TERMS_MAX as f64 {
            return Some(f64::from(f32::MAX.log10()));
        }
        let value = value as usize;
        let ln_term: f64 = (0..value)
            .map(|k| ((k as f64 + size) / (k as f64 + 1.0) * ratio).ln())
            .sum::<f64>()
            + ln_first;
        let (mut sum, mut term) = (1.0, 1.0);
        for k in value..value + TERMS_MAX {
            term *= (k as f64 + size) / (k as f64 + 1.0) * ratio;
            sum += term;
            if term < 1e-6 * sum {
                break;
            }
        }
        Some((-(ln_term + sum.ln()) / std::f64::consts::LN_10).max(0.0))
    }
}
