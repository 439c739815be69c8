//! Making native histograms coarser, and native ones of classic ones.
//!
//! ## Model
//! A step down in schema merges two neighbouring buckets into one. [`limit_schema`] goes down to a
//! given schema, [`limit_buckets`] as far as it must for a number of buckets. [`Classic`] collects
//! the buckets of a classic histogram and turns them into one with custom buckets.

use std::ops::AddAssign;

use bellwether_model::histogram::{
    CUSTOM_BUCKETS_SCHEMA, EXPONENTIAL_SCHEMA_MAX, EXPONENTIAL_SCHEMA_MIN,
};
use bellwether_model::{CounterReset, FloatHistogram, Histogram, IntHistogram, Span};

/// The finest schema whose buckets grow by at least `factor`.
#[must_use]
pub fn schema_for_factor(factor: f64) -> i32 {
    if factor.is_nan() || factor <= 1.0 {
        return EXPONENTIAL_SCHEMA_MAX;
    }
    let schema = (-factor.log2().log2()).floor();
    (schema as i32).clamp(EXPONENTIAL_SCHEMA_MIN, EXPONENTIAL_SCHEMA_MAX)
}

/// Makes a histogram coarser until its schema is at most `schema_max`. One with custom buckets
/// stays as it is.
pub fn limit_schema(histogram: &mut Histogram, schema_max: i32) {
    let schema = match histogram {
        Histogram::Int(histogram) => histogram.schema,
        Histogram::Float(histogram) => histogram.schema,
    };
    if schema > schema_max && (EXPONENTIAL_SCHEMA_MIN..=EXPONENTIAL_SCHEMA_MAX).contains(&schema) {
        reduce(histogram, schema_max.max(EXPONENTIAL_SCHEMA_MIN));
    }
}

/// Makes a histogram coarser until it has at most `buckets_max` buckets.
///
/// # Errors
/// The number of buckets where that cannot be reached.
pub fn limit_buckets(histogram: &mut Histogram, buckets_max: u64) -> Result<(), usize> {
    loop {
        let (schema, buckets) = match histogram {
            Histogram::Int(h) => (h.schema, h.positive_deltas.len() + h.negative_deltas.len()),
            Histogram::Float(h) => (
                h.schema,
                h.positive_buckets.len() + h.negative_buckets.len(),
            ),
        };
        if buckets as u64 <= buckets_max {
            return Ok(());
        }
        if schema <= EXPONENTIAL_SCHEMA_MIN || schema > EXPONENTIAL_SCHEMA_MAX {
            return Err(buckets);
        }
        reduce(histogram, schema - 1);
    }
}

fn reduce(histogram: &mut Histogram, schema: i32) {
    match histogram {
        Histogram::Int(h) => {
            let steps = h.schema - schema;
            let positive = merge(&h.positive_spans, &undelta(&h.positive_deltas), steps);
            let negative = merge(&h.negative_spans, &undelta(&h.negative_deltas), steps);
            let (spans, counts) = dense(&positive);
            (h.positive_spans, h.positive_deltas) = (spans, delta(&counts));
            let (spans, counts) = dense(&negative);
            (h.negative_spans, h.negative_deltas) = (spans, delta(&counts));
            h.schema = schema;
        }
        Histogram::Float(h) => {
            let steps = h.schema - schema;
            let positive = merge(&h.positive_spans, &h.positive_buckets, steps);
            let negative = merge(&h.negative_spans, &h.negative_buckets, steps);
            (h.positive_spans, h.positive_buckets) = dense(&positive);
            (h.negative_spans, h.negative_buckets) = dense(&negative);
            h.schema = schema;
        }
    }
}

/// Removes empty buckets, so that no store pays for them.
pub(super) fn compact(histogram: &mut Histogram) {
    let schema = match histogram {
        Histogram::Int(h) => h.schema,
        Histogram::Float(h) => h.schema,
    };
    reduce(histogram, schema);
}

/// The buckets that are not empty, with their indexes `steps` schemas down, merged.
fn merge<T>(spans: &[Span], counts: &[T], steps: i32) -> Vec<(i32, T)>
where
    T: Copy + AddAssign + PartialEq + Default,
{
    let mut merged: Vec<(i32, T)> = Vec::with_capacity(counts.len());
    let mut counts = counts.iter();
    let mut index = 0i32;
    for span in spans {
        index = index.saturating_add(span.offset);
        for _ in 0..span.length {
            let Some(&count) = counts.next() else {
                return merged;
            };
            // Bucket i of schema s lies in bucket ceil(i / 2) of schema s - 1.
            let target = if steps == 0 {
                index
            } else {
                (index.saturating_sub(1) >> steps.min(31)).saturating_add(1)
            };
            index = index.saturating_add(1);
            if count == T::default() {
                continue;
            }
            match merged.last_mut() {
                Some((last, sum)) if *last == target => *sum += count,
                _ => merged.push((target, count)),
            }
        }
    }
    merged
}

fn dense<T: Copy>(buckets: &[(i32, T)]) -> (Vec<Span>, Vec<T>) {
    let mut spans: Vec<Span> = Vec::new();
    let mut counts = Vec::with_capacity(buckets.len());
    let mut next = 0i32;
    for &(index, count) in buckets {
        match spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => spans.push(Span {
                offset: index.saturating_sub(next),
                length: 1,
            }),
        }
        next = index.saturating_add(1);
        counts.push(count);
    }
    (spans, counts)
}

fn undelta(deltas: &[i64]) -> Vec<i64> {
    let mut count = 0i64;
    deltas
        .iter()
        .map(|delta| {
            count = count.wrapping_add(*delta);
            count
        })
        .collect()
}

fn delta(counts: &[i64]) -> Vec<i64> {
    let mut previous = 0i64;
    counts
        .iter()
        .map(|count| {
            let delta = count.wrapping_sub(previous);
            previous = *count;
            delta
        })
        .collect()
}

/// The parts of a classic histogram.
#[derive(Debug, Default)]
pub(super) struct Classic {
    /// Upper bound and cumulative count, ascending in bound.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

impl Classic {
    pub(super) fn clear(&mut self) {
        self.buckets.clear();
        self.count = None;
        self.sum = 0.0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.buckets.is_empty() && self.count.is_none()
    }

    /// Adds a bucket. One whose bound is there already is ignored.
    pub(super) fn bucket(&mut self, upper_bound: f64, cumulative_count: f64) {
        let at = self
            .buckets
            .partition_point(|(bound, _)| *bound < upper_bound);
        if self
            .buckets
            .get(at)
            .is_none_or(|(bound, _)| *bound != upper_bound)
        {
            self.buckets.insert(at, (upper_bound, cumulative_count));
        }
    }

    pub(super) fn count(&mut self, count: f64) {
        self.count = Some(count);
    }

    pub(super) fn sum(&mut self, sum: f64) {
        self.sum = sum;
    }

    /// The native histogram, with integer counts where all counts are integers.
    ///
    /// # Errors
    /// Says what is wrong with the parts.
    pub(super) fn convert(&mut self, gauge: bool) -> Result<Histogram, &'static str> {
        let count = match (self.count, self.buckets.last()) {
            (Some(count), _) => count,
            (None, Some((_, count))) => *count,
            (None, None) => return Err("a histogram has neither buckets nor a count"),
        };
        if self
            .buckets
            .last()
            .is_none_or(|(bound, _)| *bound != f64::INFINITY)
        {
            self.buckets.push((f64::INFINITY, count));
        }
        if self.buckets.iter().any(|(bound, _)| bound.is_nan()) {
            return Err("a bucket of a histogram has the bound NaN");
        }
        let mut previous = 0.0;
        let mut counts = Vec::with_capacity(self.buckets.len());
        for (_, cumulative) in &self.buckets {
            if cumulative.is_nan() || *cumulative < previous {
                return Err("the bucket counts of a histogram are not cumulative");
            }
            counts.push(cumulative - previous);
            previous = *cumulative;
        }
        if previous != count {
            return Err("the count of a histogram is not that of its last bucket");
        }
        let custom_values = self.buckets[..self.buckets.len() - 1].iter();
        let custom_values: Vec<f64> = custom_values.map(|(bound, _)| *bound).collect();
        let buckets: Vec<(i32, f64)> = counts
            .iter()
            .zip(0i32..)
            .filter(|(count, _)| **count != 0.0)
            .map(|(count, index)| (index, *count))
            .collect();
        let (positive_spans, counts) = dense(&buckets);
        let counter_reset = if gauge {
            CounterReset::Gauge
        } else {
            CounterReset::Unknown
        };
        // Above 2⁵³ a float does not hold every integer, and 2⁶³ would not fit.
        let integers = self
            .buckets
            .iter()
            .all(|(_, c)| c.fract() == 0.0 && *c < 9.0e15);
        Ok(if integers {
            let counts: Vec<i64> = counts.iter().map(|count| *count as i64).collect();
            Histogram::Int(IntHistogram {
                counter_reset,
                schema: CUSTOM_BUCKETS_SCHEMA,
                count: count as u64,
                sum: self.sum,
                positive_spans,
                positive_deltas: delta(&counts),
                custom_values,
                ..IntHistogram::default()
            })
        } else {
            Histogram::Float(FloatHistogram {
                counter_reset,
                schema: CUSTOM_BUCKETS_SCHEMA,
                count,
                sum: self.sum,
                positive_spans,
                positive_buckets: counts,
                custom_values,
                ..FloatHistogram::default()
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(offset: i32, length: u32) -> Span {
        Span { offset, length }
    }

    #[test]
    fn coarser_buckets_hold_the_same_observations() {
        let mut histogram = Histogram::Int(IntHistogram {
            schema: 1,
            count: 15,
            positive_spans: vec![span(0, 4), span(2, 1)],
            // Counts 1 2 3 4 and, at index 6, 5.
            positive_deltas: vec![1, 1, 1, 1, 1],
            ..IntHistogram::default()
        });
        limit_schema(&mut histogram, 0);
        // Index 0 stays; 1 and 2 merge into 1, 3 into 2, 6 into 3.
        let Histogram::Int(h) = &histogram else {
            panic!("stays an integer histogram")
        };
        assert_eq!(h.schema, 0);
        assert_eq!(h.positive_spans, [span(0, 4)]);
        assert_eq!(undelta(&h.positive_deltas), [1, 5, 4, 5]);
        assert_eq!(histogram.validate(), Ok(()));
        assert_eq!(limit_buckets(&mut histogram, 2), Ok(()));
        assert_eq!(limit_buckets(&mut histogram, 0), Err(2));
    }

    #[test]
    fn factors_choose_schemas() {
        assert_eq!(schema_for_factor(0.0), 8);
        assert_eq!(schema_for_factor(1.1), 2);
        assert_eq!(schema_for_factor(2.0), 0);
        assert_eq!(schema_for_factor(65536.0), -4);
        assert_eq!(schema_for_factor(1e30), -4);
    }

    #[test]
    fn classic_buckets_become_custom_ones() {
        let mut classic = Classic::default();
        classic.bucket(2.0, 3.0);
        classic.bucket(1.0, 1.0);
        classic.bucket(5.0, 3.0);
        classic.bucket(f64::INFINITY, 7.0);
        classic.count(7.0);
        classic.sum(20.5);
        let histogram = classic.convert(false).unwrap();
        assert_eq!(histogram.validate(), Ok(()));
        let float = histogram.to_float();
        assert_eq!(float.custom_values, [1.0, 2.0, 5.0]);
        assert_eq!(float.positive_spans, [span(0, 2), span(1, 1)]);
        assert_eq!(float.positive_buckets, [1.0, 2.0, 4.0]);
        classic.count(8.0);
        assert!(classic.convert(false).is_err());
    }
}
