//! The buckets of a native histogram with their bounds, in ascending order.
//!
//! ## Model
//! Exponential buckets are open at the end that is nearer to zero and closed at the other; the zero
//! bucket is closed at both. Custom buckets are open below and closed above, but that the last one
//! reaches +Inf and the first one -Inf.

use bellwether_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use bellwether_model::{FloatHistogram, Span};

/// One bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bucket {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    pub(crate) lower_inclusive: bool,
    pub(crate) upper_inclusive: bool,
    pub(crate) count: f64,
}

/// Calls `visit` for the negative buckets from the lowest, then the zero bucket, then the positive.
pub(crate) fn for_each_bucket(histogram: &FloatHistogram, mut visit: impl FnMut(Bucket)) {
    let negative = indexed(&histogram.negative_spans, &histogram.negative_buckets);
    for (index, count) in negative.into_iter().rev() {
        visit(Bucket {
            lower: -exponential_bound(index, histogram.schema),
            upper: -exponential_bound(index - 1, histogram.schema),
            lower_inclusive: true,
            upper_inclusive: false,
            count,
        });
    }
    if histogram.zero_count > 0.0 {
        visit(Bucket {
            lower: -histogram.zero_threshold,
            upper: histogram.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: histogram.zero_count,
        });
    }
    for (index, count) in indexed(&histogram.positive_spans, &histogram.positive_buckets) {
        let (lower, upper) = if histogram.schema == CUSTOM_BUCKETS_SCHEMA {
            (
                custom_bound(index - 1, histogram),
                custom_bound(index, histogram),
            )
        } else {
            let schema = histogram.schema;
            (
                exponential_bound(index - 1, schema),
                exponential_bound(index, schema),
            )
        };
        visit(Bucket {
            lower,
            upper,
            lower_inclusive: false,
            upper_inclusive: true,
            count,
        });
    }
}

/// Each bucket's index with its count.
fn indexed(spans: &[Span], buckets: &[f64]) -> Vec<(i32, f64)> {
    let mut found = Vec::with_capacity(buckets.len());
    let mut counts = buckets.iter();
    let mut index = 0i32;
    for span in spans {
        index = index.wrapping_add(span.offset);
        for _ in 0..span.length {
            let Some(count) = counts.next() else {
                return found;
            };
            found.push((index, *count));
            index = index.wrapping_add(1);
        }
    }
    found
}

fn custom_bound(index: i32, histogram: &FloatHistogram) -> f64 {
    match usize::try_from(index) {
        Err(_) => f64::NEG_INFINITY,
        Ok(index) => histogram
            .custom_values
            .get(index)
            .copied()
            .unwrap_or(f64::INFINITY),
    }
}

/// Upper bound of an exponential bucket: `2^(index × 2^-schema)`.
fn exponential_bound(index: i32, schema: i32) -> f64 {
    if schema <= 0 {
        let exponent = i64::from(index) << schema.unsigned_abs().min(8);
        return power_of_two(exponent);
    }
    let per_power = 1i64 << schema.min(8);
    let whole = i64::from(index).div_euclid(per_power);
    let part = i64::from(index).rem_euclid(per_power);
    let fraction = (part as f64 / per_power as f64).exp2();
    // Bounds past the largest float are that float, so that +Inf is left to the last bucket.
    if whole >= 1024 || (whole == 1023 && fraction > 1.999_999_999) {
        return f64::MAX;
    }
    fraction * power_of_two(whole)
}

fn power_of_two(exponent: i64) -> f64 {
    if exponent >= 1025 {
        return f64::INFINITY;
    }
    if exponent == 1024 {
        return f64::MAX;
    }
    (exponent.max(-1100) as f64).exp2()
}
