//! Whether a counter histogram started again.

use super::buckets::indexed;
use super::{CounterReset, FloatHistogram, Span, bounds};

impl FloatHistogram {
    /// Whether this histogram cannot have grown out of `previous`: any count is smaller, the schema
    /// is finer, or the zero bucket is narrower. A hint other than unknown or gauge decides alone.
    #[must_use]
    pub fn detect_reset(&self, previous: &Self) -> bool {
        match self.counter_reset {
            CounterReset::Reset => return true,
            CounterReset::NotReset => return false,
            CounterReset::Unknown | CounterReset::Gauge => {}
        }
        self.shrank_since(previous)
    }

    /// What a store says of this sample when it gives it back: `previous` is the sample just before
    /// it in the series, where that is a histogram and not a staleness marker. A gauge stays one, a
    /// reset that the sender has noted stays noted, and one that has only grown since is no reset.
    /// All else is unknown: as in Prometheus, whoever reads on from `previous` finds the reset
    /// itself, and who does not must not be told of one between samples that it has not seen.
    #[must_use]
    pub fn hint_after(&self, previous: Option<&Self>) -> CounterReset {
        match (self.counter_reset, previous) {
            (CounterReset::Gauge, _) => CounterReset::Gauge,
            (CounterReset::Reset, _) => CounterReset::Reset,
            (_, Some(previous))
                if previous.counter_reset != CounterReset::Gauge
                    && !self.shrank_since(previous) =>
            {
                CounterReset::NotReset
            }
            _ => CounterReset::Unknown,
        }
    }

    fn shrank_since(&self, previous: &Self) -> bool {
        if self.count < previous.count {
            return true;
        }
        if self.uses_custom_buckets() != previous.uses_custom_buckets() {
            return true;
        }
        if self.uses_custom_buckets() && self.custom_values != previous.custom_values {
            return self.custom_buckets_shrank(previous);
        }
        if self.schema > previous.schema || self.zero_threshold < previous.zero_threshold {
            return true;
        }
        let (previous_zero, threshold) = previous.zero_count_for(self.zero_threshold);
        if threshold != self.zero_threshold || self.zero_count < previous_zero {
            return true;
        }
        let side_shrank = |spans: &[Span], counts: &[f64], old: &[Span], old_counts: &[f64]| {
            if self.schema == previous.schema
                && spans == old
                && self.zero_threshold == previous.zero_threshold
            {
                return counts.iter().zip(old_counts).any(|(now, then)| now < then);
            }
            let now = self.outside_zero(spans, counts, self.schema);
            let then = self.outside_zero(old, old_counts, previous.schema);
            shrank(&now, &then)
        };
        side_shrank(
            &self.positive_spans,
            &self.positive_buckets,
            &previous.positive_spans,
            &previous.positive_buckets,
        ) || side_shrank(
            &self.negative_spans,
            &self.negative_buckets,
            &previous.negative_spans,
            &previous.negative_buckets,
        )
    }

    /// A side in the schema of this histogram, without the buckets inside of its zero bucket.
    fn outside_zero(&self, spans: &[Span], counts: &[f64], schema: i32) -> Vec<(i32, f64)> {
        let mut pairs: Vec<(i32, f64)> = Vec::with_capacity(counts.len());
        let exponential = bounds::is_exponential(self.schema);
        for (index, count) in indexed(spans, counts) {
            let index = if exponential {
                bounds::coarser_index(index, schema, self.schema)
            } else {
                index
            };
            let inside = exponential
                && self.zero_threshold > 0.0
                && pairs.is_empty()
                && bounds::exponential(index, self.schema) <= self.zero_threshold;
            if inside {
                continue;
            }
            match pairs.last_mut() {
                Some(last) if last.0 == index => last.1 += count,
                _ => pairs.push((index, count)),
            }
        }
        pairs
    }

    /// Whether any of the counts up to a bound that both have is smaller than before.
    fn custom_buckets_shrank(&self, previous: &Self) -> bool {
        let shared = self
            .custom_values
            .iter()
            .copied()
            .filter(|bound| previous.custom_values.contains(bound))
            .chain([f64::INFINITY]);
        let mut lower = f64::NEG_INFINITY;
        for upper in shared {
            let within = |histogram: &Self| -> f64 {
                histogram
                    .positive()
                    .filter(|bucket| bucket.upper > lower && bucket.upper <= upper)
                    .map(|bucket| bucket.count)
                    .sum()
            };
            if within(self) < within(previous) {
                return true;
            }
            lower = upper;
        }
        false
    }
}

/// Whether any bucket of `then` holds more than the same bucket of `now`.
fn shrank(now: &[(i32, f64)], then: &[(i32, f64)]) -> bool {
    let mut now = now.iter().peekable();
    for &(index, count) in then {
        while now.peek().is_some_and(|bucket| bucket.0 < index) {
            now.next();
        }
        let current = match now.peek() {
            Some(bucket) if bucket.0 == index => bucket.1,
            _ if count == 0.0 => continue,
            _ => return true,
        };
        if current < count {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(schema: i32, offset: i32, counts: &[f64]) -> FloatHistogram {
        FloatHistogram {
            schema,
            count: 1000.0,
            positive_spans: vec![Span {
                offset,
                length: counts.len() as u32,
            }],
            positive_buckets: counts.to_vec(),
            ..FloatHistogram::default()
        }
    }

    #[test]
    fn growth_is_no_reset_and_shrinking_is() {
        let old = histogram(1, 1, &[1.0, 2.0, 0.0]);
        assert!(!histogram(1, 1, &[1.0, 2.0]).detect_reset(&old));
        assert!(!histogram(1, 0, &[5.0, 1.0, 2.0]).detect_reset(&old));
        assert!(histogram(1, 1, &[1.0, 1.0]).detect_reset(&old));
        assert!(histogram(1, 2, &[2.0]).detect_reset(&old));
        // A coarser schema holds the sums of what were two buckets.
        assert!(!histogram(0, 1, &[3.0]).detect_reset(&old));
        assert!(histogram(0, 1, &[2.0]).detect_reset(&old));
        assert!(histogram(2, 1, &[9.0]).detect_reset(&old));
    }

    #[test]
    fn hints_decide() {
        let old = histogram(0, 1, &[5.0]);
        let mut new = histogram(0, 1, &[1.0]);
        new.counter_reset = CounterReset::NotReset;
        assert!(!new.detect_reset(&old));
        new.positive_buckets[0] = 9.0;
        new.counter_reset = CounterReset::Reset;
        assert!(new.detect_reset(&old));
    }
}
