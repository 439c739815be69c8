//! Cutting a histogram off at a number, and the estimates of count and sum that this needs.

use super::{Bucket, FloatHistogram};

impl FloatHistogram {
    /// Keeps only observations up to `limit` (`upper`), or from it on. The count of the bucket
    /// that `limit` falls into is estimated, as is the sum of what stays. Nothing changes where
    /// nothing is cut off.
    pub fn trim(&mut self, limit: f64, upper: bool) {
        let custom = self.uses_custom_buckets();
        let mut kept = Kept::default();
        let positive: Vec<Bucket> = self.positive().collect();
        let negative: Vec<Bucket> = self.negative().collect();
        let has_positive = positive.iter().any(|bucket| bucket.count != 0.0);
        let has_negative = negative.iter().any(|bucket| bucket.count != 0.0);
        for (buckets, counts, is_positive) in [
            (positive, &mut self.positive_buckets, true),
            (negative, &mut self.negative_buckets, false),
        ] {
            for (bucket, count) in buckets.iter().zip(counts.iter_mut()) {
                if bucket.count != 0.0 {
                    *count = kept.side_bucket(bucket, limit, upper, is_positive, custom);
                }
            }
        }
        if self.zero_count > 0.0 {
            let (count, midpoint) = trimmed_zero(
                &self.zero_bucket(),
                limit,
                upper,
                has_negative,
                has_positive,
            );
            kept.changed |= self.zero_count != count;
            self.zero_count = count;
            kept.sum += midpoint * count;
            kept.count += count;
        }
        if kept.changed {
            self.count = kept.count;
            self.sum = kept.sum;
            self.compact();
        }
    }
}

#[derive(Default)]
struct Kept {
    count: f64,
    sum: f64,
    changed: bool,
}

impl Kept {
    /// Counts what stays of a bucket, and gives it back.
    fn side_bucket(
        &mut self,
        bucket: &Bucket,
        limit: f64,
        upper: bool,
        positive: bool,
        custom: bool,
    ) -> f64 {
        let whole = if upper {
            bucket.upper <= limit
        } else {
            bucket.lower >= limit
        };
        let partly = if upper {
            bucket.lower < limit
        } else {
            bucket.upper > limit
        };
        let (count, middle) = if whole {
            (
                bucket.count,
                midpoint(bucket.lower, bucket.upper, positive, custom),
            )
        } else if partly {
            trimmed_bucket(bucket, limit, upper, positive, custom)
        } else {
            (0.0, 0.0)
        };
        self.changed |= count != bucket.count || !(whole || partly);
        self.count += count;
        self.sum += middle * count;
        count
    }
}

fn trimmed_bucket(
    bucket: &Bucket,
    limit: f64,
    upper: bool,
    positive: bool,
    custom: bool,
) -> (f64, f64) {
    if bucket.lower == f64::NEG_INFINITY || bucket.upper == f64::INFINITY {
        return trimmed_endless(bucket, limit, upper);
    }
    let below = if limit <= bucket.lower {
        0.0
    } else if limit >= bucket.upper {
        bucket.count
    } else {
        bucket.count * bucket.fraction_below(limit, custom)
    };
    if upper {
        (below, midpoint(bucket.lower, limit, positive, custom))
    } else {
        (
            bucket.count - below,
            midpoint(limit, bucket.upper, positive, custom),
        )
    }
}

/// What stays of a bucket that has no lower or no upper end: there is nothing to interpolate
/// between, except from 0 where the first bucket is positive.
fn trimmed_endless(bucket: &Bucket, limit: f64, upper: bool) -> (f64, f64) {
    let finite = |x: f64| if x.is_infinite() { 0.0 } else { x };
    if bucket.lower == f64::NEG_INFINITY {
        if upper {
            if limit >= bucket.upper {
                return (bucket.count, 0.0);
            }
            if limit > 0.0 && bucket.upper > 0.0 && bucket.upper != f64::INFINITY {
                return (bucket.count * limit / bucket.upper, limit / 2.0);
            }
            if bucket.upper <= 0.0 {
                return (bucket.count, limit);
            }
            return (0.0, finite(bucket.upper));
        }
        if limit <= bucket.lower {
            return (bucket.count, 0.0);
        }
        if limit >= 0.0 && bucket.upper > limit && bucket.upper != f64::INFINITY {
            return (
                bucket.count * (1.0 - limit / bucket.upper),
                (limit + bucket.upper) / 2.0,
            );
        }
        return (0.0, finite(bucket.upper));
    }
    if !upper && limit >= bucket.lower {
        return (bucket.count, limit);
    }
    (0.0, finite(bucket.lower))
}

fn trimmed_zero(
    zero: &Bucket,
    limit: f64,
    upper: bool,
    has_negative: bool,
    has_positive: bool,
) -> (f64, f64) {
    let low = if has_positive && !has_negative {
        0.0
    } else {
        zero.lower
    };
    let high = if has_negative && !has_positive {
        0.0
    } else {
        zero.upper
    };
    let whole = (zero.count, (low + high) / 2.0);
    let nothing = (0.0, 0.0);
    if limit <= low {
        return if upper { nothing } else { whole };
    }
    if limit >= high {
        return if upper { whole } else { nothing };
    }
    if upper {
        (
            zero.count * ((limit - low) / (high - low)),
            (low + limit) / 2.0,
        )
    } else {
        (
            zero.count * ((high - limit) / (high - low)),
            (limit + high) / 2.0,
        )
    }
}

/// Where the observations between two bounds are taken to be.
fn midpoint(lower: f64, upper: f64, positive: bool, linear: bool) -> f64 {
    match (lower.is_infinite(), upper.is_infinite()) {
        (true, true) => 0.0,
        (true, false) if upper > 0.0 => upper / 2.0,
        (true, false) => upper,
        (false, true) => lower,
        (false, false) if linear => (lower + upper) / 2.0,
        (false, false) => {
            let mean = (lower * upper).abs().sqrt();
            if positive { mean } else { -mean }
        }
    }
}
