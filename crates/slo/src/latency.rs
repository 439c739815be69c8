//! How many observations were fast enough, from the buckets of a histogram.
//!
//! ## Model
//! A histogram knows how many observations lie in each bucket, not where. Where the threshold is a
//! bound the count of those up to it is exact. Where it is not, those of one bucket may lie on either
//! side: [`Within`] has the least, the most and a guess between them.
//!
//! ## Invariants
//! `low <= guess <= high <= total`; all finite, 0 or more. Buckets that are none are left out and counted
//! in `refused`.

/// How to guess where in a bucket observations are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// Evenly: classic buckets, and native ones with custom bounds.
    Linear,
    /// Evenly on the scale of logarithms: native buckets with exponential bounds. Buckets that hold
    /// 0 are taken evenly.
    Exponential,
}

/// A bucket: `count` observations above `lower`, up to and with `upper`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// Lower bound, excluded; may be -Inf.
    pub lower: f64,
    /// Upper bound, included; may be +Inf.
    pub upper: f64,
    /// How many.
    pub count: f64,
}

/// How many observations were up to the threshold.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Within {
    /// No fewer.
    pub low: f64,
    /// A guess.
    pub guess: f64,
    /// No more.
    pub high: f64,
    /// Of so many.
    pub total: f64,
    /// Buckets that were none: bounds that are no numbers or out of order, negative counts.
    pub refused: usize,
}

impl Within {
    /// Whether the threshold was a bound, or nothing lay in the bucket around it.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.low >= self.high
    }

    /// How far the share of fast ones may be off, in either direction: 0 if it is exact.
    #[must_use]
    pub fn error_share(&self) -> f64 {
        if self.total > 0.0 {
            (self.high - self.guess).max(self.guess - self.low) / self.total
        } else {
            0.0
        }
    }
}

/// How many observations were up to `threshold`, from buckets in any order that do not overlap.
///
/// Bounds are compared exactly, but for rounding in the last digits: bounds of exponential buckets
/// are computed, and 0.25 must be found to be one.
#[must_use]
pub fn within(buckets: impl IntoIterator<Item = Bucket>, threshold: f64, spread: Spread) -> Within {
    let mut within = Within::default();
    for bucket in buckets {
        let Bucket {
            lower,
            upper,
            count,
        } = bucket;
        let is_one = lower <= upper && count.is_finite() && count >= 0.0;
        if !is_one {
            within.refused += 1;
            continue;
        }
        within.total += count;
        if upper <= threshold || is_near(upper, threshold) {
            within.low += count;
            within.guess += count;
            within.high += count;
        } else if lower < threshold && !is_near(lower, threshold) {
            within.guess += count * part_below(lower, upper, threshold, spread);
            within.high += count;
        }
    }
    within.guess = within.guess.clamp(within.low, within.high.max(within.low));
    within
}

/// The same from classic buckets: upper bounds and counts of all observations up to them, as `le`
/// has them, in any order. Without a bucket for +Inf nothing is known of what is above the last.
///
/// A count below that of a lower bound is none, and its bucket refused.
#[must_use]
pub fn within_classic(cumulative: &[(f64, f64)], threshold: f64) -> Within {
    let mut sorted = cumulative.to_vec();
    sorted.retain(|(upper, count)| !upper.is_nan() && count.is_finite() && *count >= 0.0);
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut refused = cumulative.len() - sorted.len();
    // Latencies: nothing is below 0, unless a bound says so.
    let mut lower = sorted.first().map_or(0.0, |first| {
        if first.0 > 0.0 {
            0.0
        } else {
            f64::NEG_INFINITY
        }
    });
    let mut below = 0.0;
    let mut buckets = Vec::with_capacity(sorted.len());
    for (upper, upto) in sorted {
        if upto < below {
            refused += 1;
            continue;
        }
        buckets.push(Bucket {
            lower,
            upper,
            count: upto - below,
        });
        (lower, below) = (upper, upto);
    }
    let mut within = within(buckets, threshold, Spread::Linear);
    within.refused += refused;
    within
}

/// Equal but for the rounding of a power of two.
fn is_near(a: f64, b: f64) -> bool {
    a.is_finite() && b.is_finite() && (a - b).abs() <= 4.0 * f64::EPSILON * a.abs().max(b.abs())
}

/// Which part of a bucket lies below a threshold within it. A bucket without end is not cut: what
/// is in it counts as slow.
fn part_below(lower: f64, upper: f64, threshold: f64, spread: Spread) -> f64 {
    if !(lower.is_finite() && upper.is_finite() && upper > lower) {
        return 0.0;
    }
    let part = if spread == Spread::Exponential && lower > 0.0 {
        (threshold / lower).ln() / (upper / lower).ln()
    } else {
        (threshold - lower) / (upper - lower)
    };
    if part.is_nan() {
        return 0.0;
    }
    part.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_threshold_that_is_a_bound_is_exact() {
        let classic = [
            (0.1, 50.0),
            (0.25, 80.0),
            (1.0, 95.0),
            (f64::INFINITY, 100.0),
        ];
        let within = within_classic(&classic, 0.25);
        assert!(within.is_exact());
        assert_eq!(
            (within.guess, within.total, within.error_share()),
            (80.0, 100.0, 0.0)
        );
    }

    #[test]
    fn one_that_is_not_has_its_error() {
        let classic = [
            (1.0, 95.0),
            (0.1, 50.0),
            (0.25, 80.0),
            (f64::INFINITY, 100.0),
        ];
        let within = within_classic(&classic, 0.5);
        assert_eq!((within.low, within.high), (80.0, 95.0));
        assert!((within.guess - 85.0).abs() < 1e-9);
        assert!((within.error_share() - 0.1).abs() < 1e-9);
        // Above the last bound all that is known is that they are slower.
        let within = within_classic(&classic, 3.0);
        assert_eq!((within.low, within.guess, within.high), (95.0, 95.0, 100.0));
    }

    #[test]
    fn exponential_buckets_are_cut_by_logarithms() {
        let bucket = Bucket {
            lower: 1.0,
            upper: 4.0,
            count: 10.0,
        };
        let guess = |spread| within([bucket], 2.0, spread).guess;
        assert!((guess(Spread::Exponential) - 5.0).abs() < 1e-9);
        assert!((guess(Spread::Linear) - 10.0 / 3.0).abs() < 1e-9);
        // A bound with the rounding of a power is the bound.
        let bucket = Bucket {
            upper: 0.25 * (1.0 + f64::EPSILON),
            lower: 0.125,
            count: 3.0,
        };
        assert!(within([bucket], 0.25, Spread::Exponential).is_exact());
    }

    #[test]
    fn buckets_that_are_none_are_counted() {
        let classic = [
            (0.1, 50.0),
            (0.25, 40.0),
            (f64::NAN, 3.0),
            (1.0, -1.0),
            (2.0, 60.0),
        ];
        let within = within_classic(&classic, 0.25);
        assert_eq!((within.refused, within.total), (3, 60.0));
        assert_eq!(within_classic(&[], 1.0), Within::default());
        assert_eq!(within_classic(&[(1.0, 5.0)], f64::NAN).low, 0.0);
    }

    proptest! {
        #[test]
        fn the_truth_lies_between(
            values in prop::collection::vec(0.001..100.0f64, 1..200),
            threshold in 0.001..120.0f64,
            schema in -2..5i32,
        ) {
            let factor = 2f64.powf(2f64.powi(-schema));
            let index = |value: f64| (value.ln() / factor.ln()).ceil() as i32;
            let mut buckets = std::collections::BTreeMap::new();
            for &value in &values {
                *buckets.entry(index(value)).or_insert(0.0) += 1.0;
            }
            let buckets = buckets.into_iter().map(|(index, count)| Bucket {
                lower: factor.powi(index - 1),
                upper: factor.powi(index),
                count,
            });
            let within = within(buckets, threshold, Spread::Exponential);
            let truth = values.iter().filter(|&&value| value <= threshold).count() as f64;
            prop_assert!(within.low <= truth && truth <= within.high, "{:?} {}", within, truth);
            prop_assert!(within.low <= within.guess && within.guess <= within.high);
            prop_assert_eq!(within.total, values.len() as f64);
        }
    }
}
