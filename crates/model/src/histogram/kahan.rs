//! Sums that do not lose small terms beside great ones (Kahan's algorithm in Neumaier's form).

use super::arithmetic::{self, Combined, IncompatibleSchemas};
use super::{CounterReset, FloatHistogram};

/// Adds `term` to the running `(sum, compensation)`. The result of a summation is their sum.
#[inline]
#[must_use]
pub fn kahan_add(term: f64, sum: f64, compensation: f64) -> (f64, f64) {
    let total = sum + term;
    let compensation = if total.is_infinite() {
        0.0
    } else if sum.abs() >= term.abs() {
        compensation + ((sum - total) + term)
    } else {
        compensation + ((term - total) + sum)
    };
    (total, compensation)
}

/// A sum of histograms with a compensation for each number in it.
#[derive(Debug, Clone)]
pub struct KahanHistogram {
    sum: FloatHistogram,
    /// Has the buckets of `sum`.
    compensation: FloatHistogram,
}

impl KahanHistogram {
    /// About how many bytes of memory it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.sum.memory_bytes() + self.compensation.memory_bytes()
    }

    /// The sum of one histogram.
    #[must_use]
    pub fn new(first: FloatHistogram) -> Self {
        let compensation = FloatHistogram {
            counter_reset: CounterReset::Unknown,
            zero_count: 0.0,
            count: 0.0,
            sum: 0.0,
            positive_buckets: vec![0.0; first.positive_buckets.len()],
            negative_buckets: vec![0.0; first.negative_buckets.len()],
            ..first.clone()
        };
        Self {
            sum: first,
            compensation,
        }
    }

    /// Adds a histogram.
    ///
    /// # Errors
    /// Where one has custom buckets and the other has not. The sum is as before then.
    pub fn add(&mut self, other: &FloatHistogram) -> Result<Combined, IncompatibleSchemas> {
        arithmetic::combine(&mut self.sum, other, 1.0, Some(&mut self.compensation))
    }

    /// Multiplies everything by a factor.
    pub fn mul(&mut self, factor: f64) {
        self.sum.mul(factor);
        self.compensation.mul(factor);
    }

    /// Divides everything by a number.
    pub fn div(&mut self, divisor: f64) {
        self.sum.div(divisor);
        self.compensation.div(divisor);
    }

    /// Whether any number of the sum is infinite.
    #[must_use]
    pub fn has_overflow(&self) -> bool {
        self.sum.has_overflow()
    }

    /// The sum with its compensation.
    #[must_use]
    pub fn finish(mut self) -> FloatHistogram {
        self.sum.zero_count += self.compensation.zero_count;
        self.sum.count += self.compensation.count;
        self.sum.sum += self.compensation.sum;
        for (sum, rest) in [
            (
                &mut self.sum.positive_buckets,
                &self.compensation.positive_buckets,
            ),
            (
                &mut self.sum.negative_buckets,
                &self.compensation.negative_buckets,
            ),
        ] {
            for (sum, rest) in sum.iter_mut().zip(rest) {
                *sum += rest;
            }
        }
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_terms_survive_great_ones() {
        let (mut sum, mut compensation) = (0.0, 0.0);
        for term in [1.0, 1e100, 1.0, -1e100] {
            (sum, compensation) = kahan_add(term, sum, compensation);
        }
        assert_eq!(sum + compensation, 2.0);
        assert_eq!(kahan_add(f64::MAX, f64::MAX, 0.0), (f64::INFINITY, 0.0));
    }
}
