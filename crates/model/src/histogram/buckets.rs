//! Reading a histogram bucket by bucket.

use super::{CUSTOM_BUCKETS_SCHEMA, FloatHistogram, Span, bounds};

/// One bucket: its bounds, its count, and its index in the schema.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bucket {
    /// Lower bound.
    pub lower: f64,
    /// Upper bound.
    pub upper: f64,
    /// Whether a value equal to [`Bucket::lower`] is counted here.
    pub lower_inclusive: bool,
    /// Whether a value equal to [`Bucket::upper`] is counted here.
    pub upper_inclusive: bool,
    /// Observations.
    pub count: f64,
    /// Index in the schema.
    pub index: i32,
}

impl Bucket {
    /// Which part of the bucket lies below `value`, 0 to 1 for a value inside: by distance
    /// (`linear`), or by the logarithm, as fits exponential buckets.
    #[must_use]
    pub fn fraction_below(&self, value: f64, linear: bool) -> f64 {
        if linear {
            return (value - self.lower) / (self.upper - self.lower);
        }
        let log_lower = self.lower.abs().log2();
        let log_upper = self.upper.abs().log2();
        let log_value = value.abs().log2();
        if value > 0.0 {
            (log_value - log_lower) / (log_upper - log_lower)
        } else {
            1.0 - (log_value - log_upper) / (log_lower - log_upper)
        }
    }
}

/// The indices and counts of one side, ascending in index, empty buckets included.
pub(super) fn indexed<'a>(
    spans: &'a [Span],
    counts: &'a [f64],
) -> impl Iterator<Item = (i32, f64)> + 'a {
    let mut next = 0i32;
    let indices = spans.iter().flat_map(move |span| {
        let start = next.wrapping_add(span.offset);
        next = start.wrapping_add_unsigned(span.length);
        (0..span.length).map(move |i| start.wrapping_add_unsigned(i))
    });
    indices.zip(counts.iter().copied())
}

/// Buckets in ascending or descending order of their bounds.
pub type Buckets = std::vec::IntoIter<Bucket>;

impl FloatHistogram {
    /// Whether the bounds are given rather than computed.
    #[must_use]
    pub fn uses_custom_buckets(&self) -> bool {
        self.schema == CUSTOM_BUCKETS_SCHEMA
    }

    fn positive_bucket(&self, index: i32, count: f64) -> Bucket {
        let upper = bounds::upper(index, self.schema, &self.custom_values);
        let lower = bounds::upper(index.saturating_sub(1), self.schema, &self.custom_values);
        let custom = self.uses_custom_buckets();
        Bucket {
            lower,
            upper,
            lower_inclusive: if custom { index == 0 } else { lower < 0.0 },
            upper_inclusive: custom || upper > 0.0,
            count,
            index,
        }
    }

    fn negative_bucket(&self, index: i32, count: f64) -> Bucket {
        let lower = -bounds::upper(index, self.schema, &[]);
        let upper = -bounds::upper(index.saturating_sub(1), self.schema, &[]);
        Bucket {
            lower,
            upper,
            lower_inclusive: lower < 0.0,
            upper_inclusive: upper > 0.0,
            count,
            index,
        }
    }

    /// The positive buckets, ascending, empty ones included.
    pub fn positive(&self) -> impl Iterator<Item = Bucket> + '_ {
        indexed(&self.positive_spans, &self.positive_buckets)
            .map(|(index, count)| self.positive_bucket(index, count))
    }

    /// The negative buckets, from zero outwards (descending bounds), empty ones included.
    pub fn negative(&self) -> impl Iterator<Item = Bucket> + '_ {
        indexed(&self.negative_spans, &self.negative_buckets)
            .map(|(index, count)| self.negative_bucket(index, count))
    }

    /// The zero bucket, empty or not.
    #[must_use]
    pub fn zero_bucket(&self) -> Bucket {
        Bucket {
            lower: -self.zero_threshold,
            upper: self.zero_threshold,
            lower_inclusive: true,
            upper_inclusive: true,
            count: self.zero_count,
            index: 0,
        }
    }

    /// All buckets in ascending order of their bounds: negative, zero (where it holds something),
    /// positive. Buckets that reach into the zero bucket are cut off at its threshold.
    #[must_use]
    pub fn ascending(&self) -> Buckets {
        self.all().into_iter()
    }

    /// [`FloatHistogram::ascending`] backwards.
    #[must_use]
    pub fn descending(&self) -> Buckets {
        let mut all = self.all();
        all.reverse();
        all.into_iter()
    }

    fn all(&self) -> Vec<Bucket> {
        let count = self.negative_buckets.len() + self.positive_buckets.len() + 1;
        let mut all = Vec::with_capacity(count);
        let threshold = self.zero_threshold;
        all.extend(self.negative().map(|mut bucket| {
            if bucket.upper < 0.0 && bucket.upper > -threshold {
                bucket.upper = -threshold;
            }
            bucket
        }));
        all.reverse();
        if self.zero_count > 0.0 {
            all.push(self.zero_bucket());
        }
        all.extend(self.positive().map(|mut bucket| {
            if bucket.lower > 0.0 && bucket.lower < threshold {
                bucket.lower = threshold;
            }
            bucket
        }));
        all
    }
}
