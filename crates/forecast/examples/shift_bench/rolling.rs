//! The plain rolling mean: short window against the deviation of a long one.

use std::collections::VecDeque;

/// Statistic of the plain detector: how many deviations of the long window the mean of the short
/// one lies beside the mean of the long one. `None` until the long window is full.
#[derive(Debug, Clone)]
pub(crate) struct Rolling {
    short: usize,
    long: usize,
    /// Whether the long window ends where the short one begins.
    apart: bool,
    window: VecDeque<f64>,
    short_sum: f64,
    long_sum: f64,
    long_squares: f64,
    origin: f64,
    pushed: u64,
}

impl Rolling {
    pub(crate) fn new(short: usize, long: usize, apart: bool) -> Self {
        Self {
            short,
            long,
            apart,
            window: VecDeque::new(),
            short_sum: 0.0,
            long_sum: 0.0,
            long_squares: 0.0,
            origin: 0.0,
            pushed: 0,
        }
    }

    pub(crate) fn push(&mut self, value: f64) -> Option<f64> {
        let gap = if self.apart { self.short } else { 0 };
        let len = self.long + gap;
        self.window.push_back(value);
        self.pushed += 1;
        let left = if self.window.len() > len { self.window.pop_front() } else { None };
        if self.window.len() < len {
            return None;
        }
        let (Some(left), false) = (left, self.pushed.is_multiple_of(512)) else {
            // Sums are carried on, and made anew now and then against rounding.
            let o = self.window[len - 1];
            self.origin = o;
            self.short_sum = self.window.iter().rev().take(self.short).map(|x| x - o).sum();
            self.long_sum = self.window.iter().take(self.long).map(|x| x - o).sum();
            self.long_squares = self.window.iter().take(self.long).map(|x| (x - o).powi(2)).sum();
            return Some(self.statistic());
        };
        let o = self.origin;
        self.short_sum += value - self.window[len - 1 - self.short];
        let (enters, leaves) = (self.window[self.long - 1] - o, left - o);
        self.long_sum += enters - leaves;
        self.long_squares += enters * enters - leaves * leaves;
        Some(self.statistic())
    }

    fn statistic(&self) -> f64 {
        let n = self.long as f64;
        let mean = self.long_sum / n;
        let deviation = (self.long_squares / n - mean * mean).max(0.0).sqrt();
        let apart = self.short_sum / self.short as f64 - mean;
        let floor = 1e-9 * (mean.abs() + self.origin.abs() + 1e-300);
        if apart.abs() <= floor {
            return 0.0;
        }
        apart / deviation.max(floor)
    }
}
