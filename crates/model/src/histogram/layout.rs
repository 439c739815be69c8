//! One side of a histogram as a list of indexed counts, and its way back to spans.

use super::buckets::indexed;
use super::{FloatHistogram, Span, bounds};

/// Spans for counts whose indices are strictly ascending. Runs that touch become one span.
pub(super) fn to_spans(indices: impl Iterator<Item = i32>, spans: &mut Vec<Span>) {
    spans.clear();
    let mut next = 0i32;
    for index in indices {
        match spans.last_mut() {
            Some(last) if index == next => last.length += 1,
            _ => spans.push(Span {
                offset: index.wrapping_sub(next),
                length: 1,
            }),
        }
        next = index.wrapping_add(1);
    }
}

/// Writes a list of indexed counts as spans and buckets.
pub(super) fn store(pairs: &[(i32, f64)], spans: &mut Vec<Span>, counts: &mut Vec<f64>) {
    to_spans(pairs.iter().map(|pair| pair.0), spans);
    counts.clear();
    counts.extend(pairs.iter().map(|pair| pair.1));
}

/// Drops empty buckets and joins spans that touch.
fn compact_side(spans: &mut Vec<Span>, counts: &mut Vec<f64>) {
    let canonical = counts.iter().all(|&count| count != 0.0)
        && spans.iter().all(|span| span.length > 0)
        && spans.iter().skip(1).all(|span| span.offset > 0);
    if canonical {
        return;
    }
    let pairs: Vec<(i32, f64)> = indexed(spans, counts)
        .filter(|&(_, count)| count != 0.0)
        .collect();
    store(&pairs, spans, counts);
}

/// A side in a coarser schema.
fn coarser(spans: &[Span], counts: &[f64], from: i32, to: i32) -> Vec<(i32, f64)> {
    let mut pairs: Vec<(i32, f64)> = Vec::with_capacity(counts.len());
    for (index, count) in indexed(spans, counts) {
        let target = bounds::coarser_index(index, from, to);
        match pairs.last_mut() {
            Some(last) if last.0 == target => last.1 += count,
            _ => pairs.push((target, count)),
        }
    }
    pairs
}

impl FloatHistogram {
    /// Drops empty buckets and joins spans that touch: the form in which equal histograms have
    /// equal fields.
    pub fn compact(&mut self) {
        compact_side(&mut self.positive_spans, &mut self.positive_buckets);
        compact_side(&mut self.negative_spans, &mut self.negative_buckets);
    }

    /// Merges buckets so that the histogram has a coarser schema. Nothing happens where `schema`
    /// is not coarser, or where the buckets are custom ones.
    pub fn reduce_resolution(&mut self, schema: i32) {
        if self.uses_custom_buckets() || schema >= self.schema {
            return;
        }
        let positive = coarser(
            &self.positive_spans,
            &self.positive_buckets,
            self.schema,
            schema,
        );
        store(
            &positive,
            &mut self.positive_spans,
            &mut self.positive_buckets,
        );
        let negative = coarser(
            &self.negative_spans,
            &self.negative_buckets,
            self.schema,
            schema,
        );
        store(
            &negative,
            &mut self.negative_spans,
            &mut self.negative_buckets,
        );
        self.schema = schema;
    }

    /// Whether any number in it is infinite.
    #[must_use]
    pub fn has_overflow(&self) -> bool {
        self.zero_count.is_infinite()
            || self.count.is_infinite()
            || self.sum.is_infinite()
            || self.positive_buckets.iter().any(|c| c.is_infinite())
            || self.negative_buckets.iter().any(|c| c.is_infinite())
            || self.custom_values.iter().any(|c| c.is_infinite())
    }

    /// Equality of all fields but the counter reset, floats to the bit, so that NaN equals the same
    /// NaN. Both should be compacted.
    #[must_use]
    pub fn equals(&self, other: &Self) -> bool {
        let same = |a: &[f64], b: &[f64]| {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits())
        };
        let spans = |a: &[Span], b: &[Span]| {
            let used = |spans: &[Span]| {
                let mut pending = 0i32;
                let mut kept = Vec::with_capacity(spans.len());
                for span in spans {
                    if span.length == 0 {
                        pending = pending.wrapping_add(span.offset);
                    } else {
                        kept.push((span.offset.wrapping_add(pending), span.length));
                        pending = 0;
                    }
                }
                kept
            };
            a == b || used(a) == used(b)
        };
        self.schema == other.schema
            && self.count.to_bits() == other.count.to_bits()
            && self.sum.to_bits() == other.sum.to_bits()
            && self.zero_threshold == other.zero_threshold
            && self.zero_count.to_bits() == other.zero_count.to_bits()
            && (!self.uses_custom_buckets() || self.custom_values == other.custom_values)
            && spans(&self.negative_spans, &other.negative_spans)
            && same(&self.negative_buckets, &other.negative_buckets)
            && spans(&self.positive_spans, &other.positive_spans)
            && same(&self.positive_buckets, &other.positive_buckets)
    }
}
