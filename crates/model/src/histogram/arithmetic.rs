//! Adding, subtracting and scaling histograms.
//!
//! ## Model
//! [`combine`] is the one operation behind addition, subtraction and compensated sums: it brings
//! both histograms to the same zero bucket and the same schema and then adds bucket by bucket.

use super::buckets::indexed;
use super::kahan::kahan_add;
use super::layout::to_spans;
use super::{CounterReset, FloatHistogram, Span, bounds};

/// What was noteworthy when two histograms were put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Combined {
    /// One was reset and the other was not.
    pub counter_reset_collision: bool,
    /// Custom bounds differed; the result has those that both had.
    pub bounds_reconciled: bool,
}

/// Exponential and custom buckets cannot be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("histograms with exponential and custom buckets cannot be combined")]
pub struct IncompatibleSchemas;

/// A bucket with its compensation.
type Cell = (i32, f64, f64);

impl FloatHistogram {
    /// Adds `other`. The result has the coarser schema and the wider zero bucket of both.
    ///
    /// # Errors
    /// Where only one has custom buckets; the histogram is as before then.
    pub fn add(&mut self, other: &Self) -> Result<Combined, IncompatibleSchemas> {
        combine(self, other, 1.0, None)
    }

    /// Subtracts `other`, as [`FloatHistogram::add`] adds it.
    ///
    /// # Errors
    /// Where only one has custom buckets; the histogram is as before then.
    pub fn sub(&mut self, other: &Self) -> Result<Combined, IncompatibleSchemas> {
        combine(self, other, -1.0, None)
    }

    /// Multiplies all counts and the sum. A negative factor makes it a gauge.
    pub fn mul(&mut self, factor: f64) {
        self.zero_count *= factor;
        self.count *= factor;
        self.sum *= factor;
        for count in &mut self.positive_buckets {
            *count *= factor;
        }
        for count in &mut self.negative_buckets {
            *count *= factor;
        }
        if factor < 0.0 {
            self.counter_reset = CounterReset::Gauge;
        }
    }

    /// Divides all counts and the sum. Dividing by 0 leaves no buckets; a negative divisor makes
    /// it a gauge.
    pub fn div(&mut self, divisor: f64) {
        self.zero_count /= divisor;
        self.count /= divisor;
        self.sum /= divisor;
        if divisor == 0.0 {
            self.positive_buckets.clear();
            self.negative_buckets.clear();
            self.positive_spans.clear();
            self.negative_spans.clear();
            return;
        }
        for count in &mut self.positive_buckets {
            *count /= divisor;
        }
        for count in &mut self.negative_buckets {
            *count /= divisor;
        }
        if divisor < 0.0 {
            self.counter_reset = CounterReset::Gauge;
        }
    }

    /// The count of a zero bucket widened to `threshold`, and the threshold that it really gets: a
    /// bucket that holds something is taken in whole.
    pub(super) fn zero_count_for(&self, threshold: f64) -> (f64, f64) {
        let (sum, rest, threshold) = self.widened_zero(threshold, None);
        (sum + rest, threshold)
    }

    fn widened_zero(
        &self,
        mut threshold: f64,
        compensation: Option<&FloatHistogram>,
    ) -> (f64, f64, f64) {
        let start_rest = compensation.map_or(0.0, |c| c.zero_count);
        if threshold <= self.zero_threshold {
            return (self.zero_count, start_rest, self.zero_threshold);
        }
        'widen: loop {
            let (mut sum, mut rest) = (self.zero_count, start_rest);
            for (position, bucket) in self.positive().enumerate() {
                if bucket.lower >= threshold {
                    break;
                }
                (sum, rest) = kahan_add(bucket.count, sum, rest);
                if let Some(c) = compensation.and_then(|c| c.positive_buckets.get(position)) {
                    (sum, rest) = kahan_add(*c, sum, rest);
                }
                if bucket.upper > threshold {
                    if bucket.count != 0.0 {
                        threshold = bucket.upper;
                    }
                    break;
                }
            }
            for (position, bucket) in self.negative().enumerate() {
                if bucket.upper <= -threshold {
                    break;
                }
                (sum, rest) = kahan_add(bucket.count, sum, rest);
                if let Some(c) = compensation.and_then(|c| c.negative_buckets.get(position)) {
                    (sum, rest) = kahan_add(*c, sum, rest);
                }
                if bucket.lower < -threshold {
                    if bucket.count != 0.0 {
                        threshold = -bucket.lower;
                        continue 'widen;
                    }
                    break;
                }
            }
            return (sum, rest, threshold);
        }
    }
}

/// The hint of a combination, and whether the two contradict each other.
fn combined_reset(a: CounterReset, b: CounterReset) -> (CounterReset, bool) {
    use CounterReset::{Gauge, Unknown};
    match (a, b) {
        _ if a == b => (a, false),
        (Gauge, _) | (_, Gauge) => (Gauge, false),
        (Unknown, _) | (_, Unknown) => (Unknown, false),
        _ => (Unknown, true),
    }
}

/// Brings the zero buckets to the same threshold. Gives back the zero count of `other` there.
fn reconcile_zero(
    histogram: &mut FloatHistogram,
    other: &FloatHistogram,
    mut compensation: Option<&mut FloatHistogram>,
) -> f64 {
    let (mut other_count, mut other_threshold) = (other.zero_count, other.zero_threshold);
    // Each round widens one of the two to a bound of the other; bounds only grow, and a NaN
    // threshold ends it at once.
    while other_threshold != histogram.zero_threshold {
        if histogram.zero_threshold > other_threshold {
            (other_count, other_threshold) = other.zero_count_for(histogram.zero_threshold);
        } else if other_threshold > histogram.zero_threshold {
            let (sum, rest, threshold) =
                histogram.widened_zero(other_threshold, compensation.as_deref());
            histogram.zero_count = sum;
            histogram.zero_threshold = threshold;
            match compensation.as_deref_mut() {
                Some(c) => {
                    c.zero_count = rest;
                    c.zero_threshold = threshold;
                }
                None => histogram.zero_count += rest,
            }
            drop_inside_zero(histogram, compensation.as_deref_mut());
        } else {
            break;
        }
    }
    other_count
}

fn drop_inside_zero(histogram: &mut FloatHistogram, compensation: Option<&mut FloatHistogram>) {
    let threshold = histogram.zero_threshold;
    let positive = histogram
        .positive()
        .take_while(|bucket| bucket.lower < threshold)
        .count();
    let negative = histogram
        .negative()
        .take_while(|bucket| bucket.upper > -threshold)
        .count();
    cut_front(
        &mut histogram.positive_spans,
        &mut histogram.positive_buckets,
        positive,
    );
    cut_front(
        &mut histogram.negative_spans,
        &mut histogram.negative_buckets,
        negative,
    );
    if let Some(c) = compensation {
        c.positive_buckets.drain(..positive);
        c.negative_buckets.drain(..negative);
        c.positive_spans.clone_from(&histogram.positive_spans);
        c.negative_spans.clone_from(&histogram.negative_spans);
    }
}

/// Removes the first `count` buckets.
fn cut_front(spans: &mut Vec<Span>, counts: &mut Vec<f64>, count: usize) {
    if count == 0 {
        return;
    }
    let indices: Vec<i32> = indexed(spans, counts).map(|(i, _)| i).skip(count).collect();
    counts.drain(..count);
    to_spans(indices.into_iter(), spans);
}

/// Adds `sign * other` to `histogram`, with compensated sums where there is a compensation.
pub(super) fn combine(
    histogram: &mut FloatHistogram,
    other: &FloatHistogram,
    sign: f64,
    mut compensation: Option<&mut FloatHistogram>,
) -> Result<Combined, IncompatibleSchemas> {
    if histogram.uses_custom_buckets() != other.uses_custom_buckets() {
        return Err(IncompatibleSchemas);
    }
    let (hint, counter_reset_collision) =
        combined_reset(histogram.counter_reset, other.counter_reset);
    histogram.counter_reset = hint;
    let mut outcome = Combined {
        counter_reset_collision,
        bounds_reconciled: false,
    };
    let other_zero = if histogram.uses_custom_buckets() {
        0.0
    } else {
        reconcile_zero(histogram, other, compensation.as_deref_mut())
    };
    match compensation.as_deref_mut() {
        Some(c) => {
            (histogram.zero_count, c.zero_count) =
                kahan_add(sign * other_zero, histogram.zero_count, c.zero_count);
            (histogram.count, c.count) = kahan_add(sign * other.count, histogram.count, c.count);
            (histogram.sum, c.sum) = kahan_add(sign * other.sum, histogram.sum, c.sum);
        }
        None => {
            histogram.zero_count += sign * other_zero;
            histogram.count += sign * other.count;
            histogram.sum += sign * other.sum;
        }
    }
    if histogram.uses_custom_buckets() && histogram.custom_values != other.custom_values {
        outcome.bounds_reconciled = true;
        combine_custom(histogram, other, sign, compensation);
        return Ok(outcome);
    }
    let schema = histogram.schema.min(other.schema);
    let threshold = histogram.zero_threshold;
    let custom = histogram.uses_custom_buckets();
    let sides = [
        (
            &mut histogram.positive_spans,
            &mut histogram.positive_buckets,
            &other.positive_spans,
            &other.positive_buckets,
        ),
        (
            &mut histogram.negative_spans,
            &mut histogram.negative_buckets,
            &other.negative_spans,
            &other.negative_buckets,
        ),
    ];
    let (mut c_positive, mut c_negative) = match compensation.as_deref_mut() {
        Some(c) => (Some(&mut c.positive_buckets), Some(&mut c.negative_buckets)),
        None => (None, None),
    };
    let c_sides = [c_positive.take(), c_negative.take()];
    for ((spans, counts, other_spans, other_counts), c) in sides.into_iter().zip(c_sides) {
        let same_layout = histogram.schema == other.schema
            && spans == other_spans
            && threshold == other.zero_threshold;
        if same_layout {
            add_same_layout(counts, other_counts, sign, c);
            continue;
        }
        let mine = cells(
            spans,
            counts,
            c.as_deref().map(Vec::as_slice),
            histogram.schema,
            schema,
        );
        let mut theirs = cells(other_spans, other_counts, None, other.schema, schema);
        if !custom {
            // What lies inside of the zero bucket has been counted there.
            let inside = theirs
                .iter()
                .take_while(|cell| bounds::exponential(cell.0, schema) <= threshold)
                .count();
            theirs.drain(..inside);
        }
        let merged = merge(&mine, &theirs, sign, c.is_some());
        to_spans(merged.iter().map(|cell| cell.0), spans);
        counts.clear();
        counts.extend(merged.iter().map(|cell| cell.1));
        if let Some(c) = c {
            c.clear();
            c.extend(merged.iter().map(|cell| cell.2));
        }
    }
    histogram.schema = schema;
    if let Some(c) = compensation {
        c.schema = schema;
        c.zero_threshold = histogram.zero_threshold;
        c.positive_spans.clone_from(&histogram.positive_spans);
        c.negative_spans.clone_from(&histogram.negative_spans);
    }
    Ok(outcome)
}

fn add_same_layout(counts: &mut [f64], other: &[f64], sign: f64, c: Option<&mut Vec<f64>>) {
    match c {
        Some(c) => {
            for ((count, c), term) in counts.iter_mut().zip(c).zip(other) {
                (*count, *c) = kahan_add(sign * term, *count, *c);
            }
        }
        None => {
            for (count, term) in counts.iter_mut().zip(other) {
                *count += sign * term;
            }
        }
    }
}

/// A side as cells, in schema `to`.
fn cells(
    spans: &[Span],
    counts: &[f64],
    compensation: Option<&[f64]>,
    from: i32,
    to: i32,
) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::with_capacity(counts.len());
    for (position, (index, count)) in indexed(spans, counts).enumerate() {
        let rest = compensation
            .and_then(|c| c.get(position))
            .copied()
            .unwrap_or(0.0);
        let index = if bounds::is_exponential(to) {
            bounds::coarser_index(index, from, to)
        } else {
            index
        };
        match cells.last_mut() {
            Some(last) if last.0 == index => {
                (last.1, last.2) = kahan_add(count, last.1, last.2);
                (last.1, last.2) = kahan_add(rest, last.1, last.2);
            }
            _ => cells.push((index, count, rest)),
        }
    }
    if compensation.is_none() {
        for cell in &mut cells {
            cell.1 += cell.2;
            cell.2 = 0.0;
        }
    }
    cells
}

fn merge(a: &[Cell], b: &[Cell], sign: f64, compensated: bool) -> Vec<Cell> {
    let mut merged = Vec::with_capacity(a.len().max(b.len()));
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    loop {
        match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.0 == y.0 => {
                let (count, rest) = if compensated {
                    kahan_add(sign * y.1, x.1, x.2)
                } else {
                    (x.1 + sign * y.1, 0.0)
                };
                merged.push((x.0, count, rest));
                a.next();
                b.next();
            }
            (Some(x), Some(y)) if x.0 < y.0 => {
                merged.push(**x);
                a.next();
            }
            (Some(x), None) => {
                merged.push(**x);
                a.next();
            }
            (_, Some(y)) => {
                merged.push((y.0, sign * y.1, 0.0));
                b.next();
            }
            (None, None) => return merged,
        }
    }
}

/// The bounds that both have.
fn intersection(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut shared = Vec::with_capacity(a.len().min(b.len()));
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        if x == y {
            shared.push(*x);
            i += 1;
            j += 1;
        } else if x < y {
            i += 1;
        } else {
            j += 1;
        }
    }
    shared
}

/// Adds custom buckets with other bounds: both are first brought to the bounds they share.
fn combine_custom(
    histogram: &mut FloatHistogram,
    other: &FloatHistogram,
    sign: f64,
    compensation: Option<&mut FloatHistogram>,
) {
    let shared = intersection(&histogram.custom_values, &other.custom_values);
    let mut targets = vec![(0.0, 0.0); shared.len() + 1];
    let mut spread = |source: &FloatHistogram, rest: Option<&[f64]>, sign: f64| {
        for (position, (index, count)) in
            indexed(&source.positive_spans, &source.positive_buckets).enumerate()
        {
            let target = usize::try_from(index)
                .ok()
                .and_then(|index| source.custom_values.get(index))
                .map_or(shared.len(), |bound| {
                    shared.partition_point(|candidate| candidate < bound)
                });
            let (sum, c) = targets[target];
            targets[target] = kahan_add(sign * count, sum, c);
            if let Some(rest) = rest.and_then(|rest| rest.get(position)) {
                let (sum, c) = targets[target];
                targets[target] = kahan_add(*rest, sum, c);
            }
        }
    };
    let rest = compensation
        .as_deref()
        .map(|c| c.positive_buckets.as_slice());
    spread(histogram, rest, 1.0);
    spread(other, None, sign);
    let kept: Vec<(i32, f64, f64)> = targets
        .iter()
        .enumerate()
        .filter(|(_, (sum, c))| *sum != 0.0 || *c != 0.0)
        .map(|(index, &(sum, c))| (i32::try_from(index).unwrap_or(i32::MAX), sum, c))
        .collect();
    to_spans(
        kept.iter().map(|cell| cell.0),
        &mut histogram.positive_spans,
    );
    histogram.positive_buckets = kept.iter().map(|cell| cell.1).collect();
    histogram.custom_values.clone_from(&shared);
    if let Some(c) = compensation {
        c.positive_spans.clone_from(&histogram.positive_spans);
        c.positive_buckets = kept.iter().map(|cell| cell.2).collect();
        c.custom_values = shared;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::CUSTOM_BUCKETS_SCHEMA;

    fn exponential(schema: i32, offset: i32, counts: &[f64]) -> FloatHistogram {
        FloatHistogram {
            schema,
            count: counts.iter().sum(),
            positive_spans: vec![Span {
                offset,
                length: counts.len() as u32,
            }],
            positive_buckets: counts.to_vec(),
            ..FloatHistogram::default()
        }
    }

    fn custom(bounds: &[f64], counts: &[f64]) -> FloatHistogram {
        FloatHistogram {
            custom_values: bounds.to_vec(),
            ..exponential(CUSTOM_BUCKETS_SCHEMA, 0, counts)
        }
    }

    #[test]
    fn adds_across_gaps_and_schemas() {
        let mut sum = exponential(0, 1, &[1.0, 2.0]);
        sum.add(&exponential(0, 4, &[5.0])).unwrap();
        assert_eq!(sum.positive_buckets, [1.0, 2.0, 5.0]);
        assert_eq!(sum.positive_spans.len(), 2);
        assert_eq!(sum.count, 8.0);

        let mut sum = exponential(1, 1, &[1.0, 1.0, 1.0, 1.0]);
        sum.add(&exponential(0, 1, &[10.0, 20.0])).unwrap();
        assert_eq!(sum.schema, 0);
        assert_eq!(sum.positive_buckets, [12.0, 22.0]);
    }

    #[test]
    fn a_wider_zero_bucket_takes_buckets_in() {
        let mut sum = exponential(0, 0, &[1.0, 2.0, 3.0]);
        let mut other = exponential(0, 2, &[7.0]);
        other.zero_threshold = 1.5;
        other.zero_count = 1.0;
        sum.add(&other).unwrap();
        // The bucket (1, 2] is not empty, so that the threshold grows to 2.
        assert_eq!(sum.zero_threshold, 2.0);
        assert_eq!(sum.zero_count, 4.0);
        assert_eq!(sum.positive_buckets, [10.0]);
        assert_eq!(
            sum.positive_spans,
            [Span {
                offset: 2,
                length: 1
            }]
        );
    }

    #[test]
    fn custom_bounds_are_reconciled() {
        let mut sum = custom(&[1.0, 2.0, 4.0], &[1.0, 2.0, 3.0, 4.0]);
        let outcome = sum.add(&custom(&[1.0, 4.0], &[10.0, 20.0, 30.0])).unwrap();
        assert!(outcome.bounds_reconciled);
        assert_eq!(sum.custom_values, [1.0, 4.0]);
        assert_eq!(sum.positive_buckets, [11.0, 25.0, 34.0]);
        assert_eq!(
            sum.add(&exponential(0, 0, &[1.0])),
            Err(IncompatibleSchemas)
        );
    }

    #[test]
    fn compensated_sums_of_histograms_keep_small_counts() {
        let mut sum = crate::histogram::KahanHistogram::new(exponential(0, 1, &[1.0]));
        for counts in [[1e100], [1.0], [-1e100]] {
            sum.add(&exponential(0, 1, &counts)).unwrap();
        }
        let sum = sum.finish();
        assert_eq!(sum.positive_buckets, [2.0]);
        assert_eq!(sum.count, 2.0);
    }

    #[test]
    fn hints_collide_only_where_they_contradict() {
        use CounterReset::{Gauge, NotReset, Reset, Unknown};
        assert_eq!(combined_reset(Reset, NotReset), (Unknown, true));
        assert_eq!(combined_reset(Reset, Gauge), (Gauge, false));
        assert_eq!(combined_reset(Unknown, NotReset), (Unknown, false));
        assert_eq!(combined_reset(Reset, Reset), (Reset, false));
    }
}
