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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn surprise_is_the_tail_of_the_distribution() {
        let mut counts = Counts::new();
        // Mean 1 and variance 1/2, less than Poisson: taken for Poisson.
        (0..4000).for_each(|at| counts.learn([0.0, 1.0, 1.0, 2.0][at % 4]));
        // 1 - e^-1, 1 - 2 e^-1, and the tail from 5 on, at a mean of 1.
        for (value, chance) in [(1.0, 0.632), (2.0, 0.264), (5.0, 3.66e-3), (10.0, 1.11e-7)] {
            let wanted = -f64::log10(chance);
            let got = counts.surprise(value).expect("counts");
            assert!(
                (got - wanted).abs() < 0.01,
                "{value}: {got}, wanted {wanted}"
            );
        }
        assert_eq!(counts.surprise(0.0), Some(0.0));
    }

    #[test]
    fn bursts_make_bursts_likely() {
        let (mut even, mut bursts) = (Counts::new(), Counts::new());
        for at in 0..1000 {
            even.learn(f64::from(at % 10 == 0));
            bursts.learn(if at % 100 == 0 { 10.0 } else { 0.0 });
        }
        let (even, bursts) = (even.surprise(10.0), bursts.surprise(10.0));
        assert!(even.expect("counts") > 10.0 && bursts.expect("counts") < 3.0);
    }

    #[test]
    fn other_series_are_no_counts() {
        for value in [0.5, -1.0, f64::MAX] {
            let mut counts = Counts::new();
            counts.learn(1.0);
            counts.learn(value);
            assert_eq!(counts.surprise(3.0), None, "{value}");
        }
        let mut counts = Counts::new();
        counts.learn(2.0);
        assert_eq!(counts.surprise(0.5), None);
        assert!(
            counts
                .surprise(1e300)
                .is_some_and(|surprise| surprise > 30.0)
        );
    }
}
