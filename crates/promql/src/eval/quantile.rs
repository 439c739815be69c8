//! Quantiles of samples, of classic histograms and of native ones.

use std::cmp::Ordering;

use bellwether_model::{FloatHistogram, is_stale_nan};

use crate::Annotation;
use crate::annotations::Annotations;
use crate::ast::PosRange;

/// Ascending, NaN first.
pub(crate) fn nan_first(a: &f64, b: &f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (a, b) => b.cmp(&a),
    }
}

/// The quantile of values in any order, which are reordered. NaN where there is none, or where the
/// quantile is NaN; infinite where it is outside of 0 to 1.
pub(crate) fn quantile(q: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let rank = q * (values.len() - 1) as f64;
    let lower = rank.floor() as usize;
    if values.len() > 32 {
        let (_, &mut low, above) = values.select_nth_unstable_by(lower, nan_first);
        let high = above.iter().copied().min_by(nan_first).unwrap_or(low);
        return between(rank, low, high);
    }
    values.sort_unstable_by(nan_first);
    sorted_quantile(q, values.len(), |position| values[position])
}

/// [`quantile`] of `count` values that are sorted, NaN first; `at` gives the one at a position.
pub(crate) fn sorted_quantile(q: f64, count: usize, at: impl Fn(usize) -> f64) -> f64 {
    if count == 0 || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let rank = q * (count - 1) as f64;
    let lower = rank.floor() as usize;
    between(rank, at(lower), at((lower + 1).min(count - 1)))
}

fn between(rank: f64, low: f64, high: f64) -> f64 {
    let weight = rank - rank.floor();
    low * (1.0 - weight) + high * weight
}

/// A bucket of a classic histogram: upper bound, and count of all observations up to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ClassicBucket {
    pub(crate) upper: f64,
    pub(crate) count: f64,
}

/// What was done to buckets whose counts did not rise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Forced {
    pub(crate) min_bucket: f64,
    pub(crate) max_bucket: f64,
    pub(crate) max_diff: f64,
}

/// Relative differences below this are taken for rounding errors.
const SMALL_DELTA: f64 = 1e-12;

fn almost_equal(a: f64, b: f64) -> bool {
    if is_stale_nan(a) || is_stale_nan(b) {
        return is_stale_nan(a) && is_stale_nan(b);
    }
    if a.is_nan() && b.is_nan() || a == b {
        return true;
    }
    let sum = a.abs() + b.abs();
    let difference = (a - b).abs();
    if a == 0.0 || b == 0.0 || sum < f64::MIN_POSITIVE {
        return difference < SMALL_DELTA * f64::MIN_POSITIVE;
    }
    difference / sum.min(f64::MAX) < SMALL_DELTA
}

/// Adds up buckets with the same bound. They are sorted.
fn coalesce(buckets: &mut Vec<ClassicBucket>) {
    buckets.dedup_by(|later, earlier| {
        let same = later.upper == earlier.upper;
        if same {
            earlier.count += later.count;
        }
        same
    });
}

/// Makes counts rise: small differences are rounding errors, falls are lifted.
fn make_monotonic(buckets: &mut [ClassicBucket]) -> Option<Forced> {
    let mut forced: Option<Forced> = None;
    let (first, others) = buckets.split_first_mut()?;
    let mut previous = first.count;
    for bucket in others {
        let current = bucket.count;
        if current == previous {
            continue;
        }
        if almost_equal(previous, current) {
            bucket.count = previous;
            continue;
        }
        if current < previous {
            bucket.count = previous;
            let seen = forced.get_or_insert(Forced {
                min_bucket: f64::INFINITY,
                max_bucket: f64::NEG_INFINITY,
                max_diff: 0.0,
            });
            seen.min_bucket = seen.min_bucket.min(bucket.upper);
            seen.max_bucket = seen.max_bucket.max(bucket.upper);
            seen.max_diff = seen.max_diff.max(previous - current);
            continue;
        }
        previous = current;
    }
    forced
}

/// The quantile of a classic histogram, by linear interpolation. The buckets are sorted by bound;
/// they are changed.
pub(crate) fn classic_quantile(q: f64, buckets: &mut Vec<ClassicBucket>) -> (f64, Option<Forced>) {
    if q.is_nan() {
        return (f64::NAN, None);
    }
    if q < 0.0 {
        return (f64::NEG_INFINITY, None);
    }
    if q > 1.0 {
        return (f64::INFINITY, None);
    }
    if buckets
        .last()
        .is_none_or(|last| last.upper != f64::INFINITY)
    {
        return (f64::NAN, None);
    }
    coalesce(buckets);
    let forced = make_monotonic(buckets);
    let last = buckets.len() - 1;
    let observations = buckets[last].count;
    if last == 0 || observations == 0.0 {
        return (f64::NAN, forced);
    }
    let mut rank = q * observations;
    // A NaN rank belongs to the last bucket: no count reaches it.
    let found = buckets[..last].partition_point(|bucket| {
        !matches!(
            bucket.count.partial_cmp(&rank),
            Some(Ordering::Greater | Ordering::Equal)
        )
    });
    if found == last {
        return (buckets[last - 1].upper, forced);
    }
    if found == 0 && buckets[0].upper <= 0.0 {
        return (buckets[0].upper, forced);
    }
    let end = buckets[found].upper;
    let mut count = buckets[found].count;
    let mut start = 0.0;
    if found > 0 {
        start = buckets[found - 1].upper;
        count -= buckets[found - 1].count;
        rank -= buckets[found - 1].count;
    }
    (start + (end - start) * (rank / count), forced)
}

/// The share of the observations of a classic histogram between two bounds.
pub(crate) fn classic_fraction(lower: f64, upper: f64, buckets: &mut Vec<ClassicBucket>) -> f64 {
    if buckets
        .last()
        .is_none_or(|last| last.upper != f64::INFINITY)
    {
        return f64::NAN;
    }
    coalesce(buckets);
    let count = buckets.last().map_or(0.0, |last| last.count);
    if count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let mut low_end = if buckets[0].upper <= 0.0 {
        f64::NEG_INFINITY
    } else {
        0.0
    };
    let mut rank = 0.0;
    let mut ranks = Ranks::default();
    for bucket in buckets.iter() {
        let interpolate = |value: f64| {
            if low_end == f64::NEG_INFINITY {
                bucket.count
            } else {
                rank + (bucket.count - rank) * (value - low_end) / (bucket.upper - low_end)
            }
        };
        if ranks.visit((lower, upper), (low_end, bucket.upper), rank, interpolate) {
            break;
        }
        rank = bucket.count;
        low_end = bucket.upper;
    }
    let (low, high) = ranks.capped(count);
    (high - low) / count
}

/// How many observations lie below each of two bounds, as far as it is known.
#[derive(Debug, Default)]
struct Ranks {
    low: Option<f64>,
    high: Option<f64>,
}

impl Ranks {
    /// Looks at a bucket from `start` to `end` that begins at `rank`. Whether both ranks are known.
    fn visit(
        &mut self,
        (lower, upper): (f64, f64),
        (start, end): (f64, f64),
        rank: f64,
        interpolate: impl Fn(f64) -> f64,
    ) -> bool {
        for (bound, found) in [(lower, &mut self.low), (upper, &mut self.high)] {
            if found.is_some() {
                continue;
            }
            if start >= bound {
                *found = Some(rank);
            } else if end > bound {
                *found = Some(interpolate(bound));
            }
        }
        self.low.is_some() && self.high.is_some()
    }

    fn capped(&self, count: f64) -> (f64, f64) {
        let cap = |rank: Option<f64>| match rank {
            Some(rank) if rank > count => count,
            Some(rank) => rank,
            None => count,
        };
        (cap(self.low), cap(self.high))
    }
}

/// The quantile of a native histogram: exponential interpolation in exponential buckets, linear in
/// custom ones and in the zero bucket.
pub(crate) fn native_quantile(
    q: f64,
    histogram: &FloatHistogram,
    name: &str,
    range: PosRange,
    notes: &mut Annotations,
) -> f64 {
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    if histogram.count == 0.0 || q.is_nan() {
        return f64::NAN;
    }
    let custom = histogram.uses_custom_buckets();
    // NaN observations are in the count but in no bucket: counting must begin from below then.
    let forward = histogram.sum.is_nan() || q < 0.5;
    let (mut buckets, mut rank) = if forward {
        (histogram.ascending(), q * histogram.count)
    } else {
        (histogram.descending(), (1.0 - q) * histogram.count)
    };
    let mut bucket = bellwether_model::histogram::Bucket::default();
    let mut count = 0.0;
    for next in buckets.by_ref() {
        bucket = next;
        if bucket.count == 0.0 {
            continue;
        }
        count += bucket.count;
        if count >= rank {
            break;
        }
    }
    if custom {
        if bucket.lower == f64::NEG_INFINITY {
            if bucket.upper <= 0.0 {
                return bucket.upper;
            }
            bucket.lower = 0.0;
        } else if bucket.upper == f64::INFINITY {
            return bucket.lower;
        }
    } else if bucket.lower < 0.0 && bucket.upper > 0.0 {
        one_sided_zero(histogram, &mut bucket);
    }
    count = if count > histogram.count {
        histogram.count
    } else {
        count
    };
    if count < rank {
        if histogram.sum.is_nan() {
            notes.add(Annotation::quantile_nan_result(name, range));
            return f64::NAN;
        }
        return bucket.upper;
    }
    rank = if forward {
        rank - (count - bucket.count)
    } else {
        count - rank
    };
    let share = rank / bucket.count;
    if histogram.sum.is_nan() {
        let rest: f64 = buckets.map(|bucket| bucket.count).sum();
        if count + rest < histogram.count {
            notes.add(Annotation::quantile_nan_skew(name, range));
        }
    }
    if custom || (bucket.lower <= 0.0 && bucket.upper >= 0.0) {
        return bucket.lower + (bucket.upper - bucket.lower) * share;
    }
    let log_lower = bucket.lower.abs().log2();
    let log_upper = bucket.upper.abs().log2();
    if bucket.lower > 0.0 {
        (log_lower + (log_upper - log_lower) * share).exp2()
    } else {
        -(log_upper + (log_lower - log_upper) * (1.0 - share)).exp2()
    }
}

/// A zero bucket reaches only to the side on which there are other buckets, where that is one.
fn one_sided_zero(histogram: &FloatHistogram, bucket: &mut bellwether_model::histogram::Bucket) {
    match (
        histogram.negative_buckets.is_empty(),
        histogram.positive_buckets.is_empty(),
    ) {
        (true, false) => bucket.lower = 0.0,
        (false, true) => bucket.upper = 0.0,
        _ => {}
    }
}

/// The share of the observations of a native histogram between two bounds.
pub(crate) fn native_fraction(
    lower: f64,
    upper: f64,
    histogram: &FloatHistogram,
    name: &str,
    range: PosRange,
    notes: &mut Annotations,
) -> f64 {
    if histogram.count == 0.0 || lower.is_nan() || upper.is_nan() {
        return f64::NAN;
    }
    if lower >= upper {
        return 0.0;
    }
    let custom = histogram.uses_custom_buckets();
    let mut buckets = histogram.ascending();
    let (mut rank, mut count) = (0.0, 0.0);
    let mut ranks = Ranks::default();
    for mut bucket in buckets.by_ref() {
        count += bucket.count;
        let zero = bucket.lower <= 0.0 && bucket.upper >= 0.0;
        if zero {
            one_sided_zero(histogram, &mut bucket);
        }
        let interpolate = |value: f64| {
            let linear = custom || zero;
            if linear && bucket.lower == f64::NEG_INFINITY {
                bucket.count
            } else {
                rank + bucket.count * bucket.fraction_below(value, linear)
            }
        };
        let known = ranks.visit(
            (lower, upper),
            (bucket.lower, bucket.upper),
            rank,
            interpolate,
        );
        if known {
            break;
        }
        rank += bucket.count;
    }
    if histogram.sum.is_nan() {
        count += buckets.map(|bucket| bucket.count).sum::<f64>();
        if count < histogram.count {
            notes.add(Annotation::fraction_nans(name, range));
        }
    } else {
        count = histogram.count;
    }
    let (low, high) = ranks.capped(count);
    (high - low) / histogram.count
}
