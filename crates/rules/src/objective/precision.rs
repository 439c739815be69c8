//! How far the counts of a latency objective can be trusted.
//!
//! ## Model
//! A histogram knows how many observations lie in a bucket, not where. Where the threshold is a bound, the
//! count of those up to it is exact. Where it is not, those of one bucket may lie on either side, and are
//! shared out as `histogram_fraction` does it: by distance in a classic bucket, by logarithm in an exponential
//! one. All of them may be on one side, which bounds the error.

use bellwether_model::Value;
use bellwether_model::histogram::Bucket;
use bellwether_promql::{CancelToken, Engine, QueryError, QueryRequest, QueryValue};
use bellwether_storage::MetricStore;

use super::rules::bucket_query;
use super::settings::{Indicator, ObjectiveSettings};

/// The error is that of the buckets of so long. Chosen: short enough to cost nothing each minute, long
/// enough for the buckets of a quiet service.
const WINDOW_MS: i64 = 3_600_000;

/// How far the share of slow events of the last hour may be off, in either direction; 0 where it is exact,
/// `None` for what is no latency objective and where nothing was observed.
///
/// # Errors
/// Where the histogram cannot be read.
pub fn latency_error(
    store: &dyn MetricStore,
    engine: &Engine,
    objective: &ObjectiveSettings,
    now_ms: i64,
    cancel: &CancelToken,
) -> Result<Option<f64>, QueryError> {
    let Indicator::Latency { threshold, .. } = objective.indicator else {
        return Ok(None);
    };
    let Some(query) = bucket_query(objective, WINDOW_MS) else {
        return Ok(None);
    };
    let request = QueryRequest {
        cancel: cancel.clone(),
        ..QueryRequest::default()
    };
    let QueryValue::Vector(found) = engine.instant(store, &query, now_ms, &request)?.value else {
        return Ok(None);
    };
    let mut classic: Vec<(f64, f64)> = Vec::new();
    for sample in &found {
        match &sample.value {
            Value::Histogram(histogram) => {
                let is_linear = histogram.uses_custom_buckets();
                return Ok(error_share(histogram.ascending(), threshold, is_linear));
            }
            Value::Float(count) => {
                let bound = sample.labels.get("le").and_then(|le| le.parse().ok());
                classic.extend(bound.map(|bound: f64| (bound, *count)));
            }
        }
    }
    Ok(error_share(buckets(classic), threshold, true))
}

/// Classic buckets, of upper bounds and counts of all observations up to them.
fn buckets(mut upto: Vec<(f64, f64)>) -> impl Iterator<Item = Bucket> {
    upto.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Durations: nothing is below 0, unless a bound says so.
    let lowest = match upto.first() {
        Some(first) if first.0 <= 0.0 => f64::NEG_INFINITY,
        _ => 0.0,
    };
    let mut below = (lowest, 0.0);
    upto.into_iter().map(move |(upper, upto)| {
        let (lower, counted) = std::mem::replace(&mut below, (upper, upto));
        Bucket {
            lower,
            upper,
            count: (upto - counted).max(0.0),
            ..Bucket::default()
        }
    })
}

fn error_share(
    buckets: impl Iterator<Item = Bucket>,
    threshold: f64,
    is_linear: bool,
) -> Option<f64> {
    let (mut unsure, mut total) = (0.0, 0.0);
    for bucket in buckets {
        total += bucket.count;
        let is_within = bucket.lower < threshold
            && threshold < bucket.upper
            && !is_near(bucket.lower, threshold)
            && !is_near(bucket.upper, threshold);
        if is_within {
            let below = if bucket.lower.is_finite() && bucket.upper.is_finite() {
                // The bucket around 0 has no logarithms.
                let is_linear = is_linear || bucket.lower <= 0.0;
                bucket.fraction_below(threshold, is_linear)
            } else {
                // One without an end is not shared out: what is in it counts as slow.
                0.0
            };
            unsure += bucket.count * below.max(1.0 - below).clamp(0.0, 1.0);
        }
    }
    (total > 0.0).then(|| unsure / total)
}

/// Equal but for the rounding of a power of two: 0.25 must be found to be a bound.
fn is_near(a: f64, b: f64) -> bool {
    a.is_finite() && b.is_finite() && (a - b).abs() <= 4.0 * f64::EPSILON * a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classic(threshold: f64) -> Option<f64> {
        let upto = [
            (1.0, 95.0),
            (0.1, 50.0),
            (0.25, 80.0),
            (f64::INFINITY, 100.0),
        ];
        error_share(buckets(upto.to_vec()), threshold, true)
    }

    #[test]
    fn a_bound_is_exact_and_what_lies_between_is_not() {
        assert_eq!(classic(0.25), Some(0.0));
        // 15 of 100 lie between 0.25 and 1, a third of it below 0.5.
        assert!(classic(0.5).is_some_and(|it| (it - 0.1).abs() < 1e-9));
        // Above the last bound all that is known is that they are slower.
        assert_eq!(classic(3.0), Some(0.05));
        assert_eq!(error_share(buckets(Vec::new()), 1.0, true), None);
    }

    #[test]
    fn exponential_buckets_are_cut_by_logarithms() {
        let bucket = |lower, upper| Bucket {
            lower,
            upper,
            count: 10.0,
            ..Bucket::default()
        };
        let cut = error_share([bucket(1.0, 4.0)].into_iter(), 2.0, false);
        assert!(cut.is_some_and(|it| (it - 0.5).abs() < 1e-9), "{cut:?}");
        // A bound with the rounding of a power is the bound.
        let bound = bucket(0.125, 0.25 * (1.0 + f64::EPSILON));
        assert_eq!(error_share([bound].into_iter(), 0.25, false), Some(0.0));
    }
}
