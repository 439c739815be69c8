//! OTLP histograms as native histograms, and sums of them.

use std::collections::BTreeMap;

use bellwether_model::histogram::{
    CUSTOM_BUCKETS_SCHEMA, EXPONENTIAL_SCHEMA_MAX, EXPONENTIAL_SCHEMA_MIN,
};
use bellwether_model::{CounterReset, IntHistogram, STALE_NAN, Span};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::{ExponentialHistogramDataPoint, HistogramDataPoint};

/// The zero threshold where the sender gives none: what its SDK means by zero.
const ZERO_THRESHOLD: f64 = 1e-128;
/// Gaps of at most so many empty buckets are filled: a new span costs more.
const GAP_FILLED_MAX: i64 = 2;

/// Counts by index, without empty buckets.
type Counts = BTreeMap<i64, i64>;

/// Lays counts out as spans and differences.
fn layout(counts: &Counts) -> (Vec<Span>, Vec<i64>) {
    let (mut spans, mut deltas) = (Vec::<Span>::new(), Vec::new());
    let (mut next, mut previous) = (0i64, 0i64);
    for (&index, &count) in counts {
        let gap = index - next;
        match spans.last_mut() {
            Some(span) if gap <= GAP_FILLED_MAX => {
                for _ in 0..gap {
                    deltas.push(-previous);
                    previous = 0;
                }
                span.length += gap as u32 + 1;
            }
            _ => spans.push(Span {
                offset: i32::try_from(gap).unwrap_or(i32::MAX),
                length: 1,
            }),
        }
        deltas.push(count - previous);
        previous = count;
        next = index + 1;
    }
    (spans, deltas)
}

/// Reads counts by index from spans and differences.
fn counts_of(spans: &[Span], deltas: &[i64]) -> Counts {
    let mut counts = Counts::new();
    let (mut index, mut count) = (0i64, 0i64);
    let mut deltas = deltas.iter();
    for span in spans {
        index += i64::from(span.offset);
        for _ in 0..span.length {
            let Some(delta) = deltas.next() else {
                return counts;
            };
            count += delta;
            if count != 0 {
                counts.insert(index, count);
            }
            index += 1;
        }
    }
    counts
}

/// Merges buckets so that bounds grow `2^by` times as fast.
fn coarsen(counts: Counts, by: i32) -> Counts {
    if by == 0 {
        return counts;
    }
    let mut coarse = Counts::new();
    for (index, count) in counts {
        // Bucket `i` is `(base^(i-1), base^i]`: rounding up keeps a bucket below its new bound.
        let index = ((index - 1) >> by.min(62)) + 1;
        *coarse.entry(index).or_default() += count;
    }
    coarse
}

/// OTLP counts bucket 0 from 1 upwards, Prometheus up to 1: one apart.
fn exponential_counts(buckets: Option<&Buckets>) -> Counts {
    let Some(buckets) = buckets else {
        return Counts::new();
    };
    let offset = i64::from(buckets.offset) + 1;
    let counts = buckets.bucket_counts.iter().enumerate();
    counts
        .filter(|(_, count)| **count > 0)
        .map(|(index, count)| {
            (
                offset + index as i64,
                i64::try_from(*count).unwrap_or(i64::MAX),
            )
        })
        .collect()
}

/// An exponential histogram as a native one, made coarser where its scale is finer than 8.
pub(super) fn from_exponential(
    point: &ExponentialHistogramDataPoint,
    counter_reset: CounterReset,
    stale: bool,
) -> Result<IntHistogram, String> {
    if point.scale < EXPONENTIAL_SCHEMA_MIN {
        return Err(format!(
            "cannot convert exponential to native histogram: scale must be >= \
             {EXPONENTIAL_SCHEMA_MIN}, was {}",
            point.scale
        ));
    }
    if stale {
        return Ok(IntHistogram {
            sum: STALE_NAN,
            ..IntHistogram::default()
        });
    }
    let schema = point.scale.min(EXPONENTIAL_SCHEMA_MAX);
    let side = |buckets| layout(&coarsen(exponential_counts(buckets), point.scale - schema));
    let (positive_spans, positive_deltas) = side(point.positive.as_ref());
    let (negative_spans, negative_deltas) = side(point.negative.as_ref());
    let given = point.zero_threshold;
    Ok(IntHistogram {
        counter_reset,
        schema,
        zero_threshold: if given > 0.0 { given } else { ZERO_THRESHOLD },
        zero_count: point.zero_count,
        count: point.count,
        sum: point.sum.unwrap_or(0.0),
        positive_spans,
        negative_spans,
        positive_deltas,
        negative_deltas,
        custom_values: Vec::new(),
    })
}

/// A histogram with given bounds as a native one with custom buckets.
pub(super) fn from_explicit(
    point: &HistogramDataPoint,
    counter_reset: CounterReset,
    stale: bool,
) -> IntHistogram {
    if stale {
        return IntHistogram {
            sum: STALE_NAN,
            ..IntHistogram::default()
        };
    }
    let counts = point.bucket_counts.iter().enumerate();
    let counts: Counts = counts
        .filter(|(_, count)| **count > 0)
        .map(|(index, count)| (index as i64, i64::try_from(*count).unwrap_or(i64::MAX)))
        .collect();
    let (positive_spans, positive_deltas) = layout(&counts);
    let mut custom_values = point.explicit_bounds.clone();
    if custom_values.last() == Some(&f64::INFINITY) {
        custom_values.pop();
    }
    IntHistogram {
        counter_reset,
        schema: CUSTOM_BUCKETS_SCHEMA,
        count: point.count,
        sum: point.sum.unwrap_or(0.0),
        positive_spans,
        positive_deltas,
        custom_values,
        ..IntHistogram::default()
    }
}

/// The sum of two histograms, at the coarser of their resolutions. `None` where their custom
/// bounds differ, since then there is no sum.
pub(super) fn add(a: &IntHistogram, b: &IntHistogram) -> Option<IntHistogram> {
    let custom = a.schema == CUSTOM_BUCKETS_SCHEMA;
    let same_kind = custom == (b.schema == CUSTOM_BUCKETS_SCHEMA);
    if !same_kind || a.custom_values != b.custom_values {
        return None;
    }
    let schema = a.schema.min(b.schema);
    let side = |a_side: (&[Span], &[i64]), b_side: (&[Span], &[i64])| {
        let mut counts = coarsen(counts_of(a_side.0, a_side.1), a.schema - schema);
        for (index, count) in coarsen(counts_of(b_side.0, b_side.1), b.schema - schema) {
            let sum = counts.entry(index).or_default();
            *sum = sum.saturating_add(count);
        }
        layout(&counts)
    };
    let (positive_spans, positive_deltas) = side(
        (&a.positive_spans, &a.positive_deltas),
        (&b.positive_spans, &b.positive_deltas),
    );
    let (negative_spans, negative_deltas) = side(
        (&a.negative_spans, &a.negative_deltas),
        (&b.negative_spans, &b.negative_deltas),
    );
    Some(IntHistogram {
        counter_reset: CounterReset::Unknown,
        schema,
        zero_threshold: a.zero_threshold.max(b.zero_threshold),
        zero_count: a.zero_count.saturating_add(b.zero_count),
        count: a.count.saturating_add(b.count),
        sum: a.sum + b.sum,
        positive_spans,
        negative_spans,
        positive_deltas,
        negative_deltas,
        custom_values: a.custom_values.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exponential(scale: i32, offset: i32, bucket_counts: &[u64]) -> IntHistogram {
        let point = ExponentialHistogramDataPoint {
            count: bucket_counts.iter().sum(),
            scale,
            positive: Some(Buckets {
                offset,
                bucket_counts: bucket_counts.to_vec(),
            }),
            ..ExponentialHistogramDataPoint::default()
        };
        from_exponential(&point, CounterReset::Unknown, false).unwrap()
    }

    #[test]
    fn buckets_shift_by_one_and_gaps_make_spans() {
        let native = exponential(0, -1, &[4, 0, 0, 6, 0, 0, 0, 1]);
        assert_eq!(
            native.positive_spans,
            [
                Span {
                    offset: 0,
                    length: 4
                },
                Span {
                    offset: 3,
                    length: 1
                }
            ]
        );
        assert_eq!(native.positive_deltas, [4, -4, 0, 6, -5]);
        assert_eq!(native.validate(), Ok(()));
    }

    #[test]
    fn fine_scales_become_coarser() {
        // At scale 9 two buckets fall into one of schema 8: 0 and 1 of OTLP are (1, b²].
        let native = exponential(9, 0, &[1, 2, 4]);
        assert_eq!(native.schema, 8);
        assert_eq!(
            native.positive_spans,
            [Span {
                offset: 1,
                length: 2
            }]
        );
        assert_eq!(native.positive_deltas, [3, 1]);
        let point = ExponentialHistogramDataPoint {
            scale: -5,
            ..Default::default()
        };
        assert!(from_exponential(&point, CounterReset::Unknown, false).is_err());
        assert_eq!(exponential(100, i32::MIN, &[1]).validate(), Ok(()));
    }

    #[test]
    fn given_bounds_become_custom_buckets() {
        let point = HistogramDataPoint {
            count: 7,
            sum: Some(3.5),
            bucket_counts: vec![0, 3, 0, 4],
            explicit_bounds: vec![1.0, 2.0, 5.0],
            ..HistogramDataPoint::default()
        };
        let native = from_explicit(&point, CounterReset::Unknown, false);
        assert_eq!(
            native.positive_spans,
            [Span {
                offset: 1,
                length: 3
            }]
        );
        assert_eq!(native.positive_deltas, [3, -3, 4]);
        assert_eq!(native.validate(), Ok(()));
        let sum = add(&native, &native).unwrap();
        assert_eq!(
            (sum.count, sum.sum, &sum.positive_deltas[..]),
            (14, 7.0, &[6, -6, 8][..])
        );
    }

    #[test]
    fn sums_take_the_coarser_scale() {
        let sum = add(&exponential(1, 0, &[1, 1]), &exponential(0, 0, &[5])).unwrap();
        assert_eq!((sum.schema, sum.count), (0, 7));
        assert_eq!(sum.positive_deltas, [7]);
    }
}
