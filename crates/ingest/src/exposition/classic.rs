//! Native histograms of one series as the buckets of a classic histogram.
//!
//! ## Invariants
//! Cumulative counts never fall from one bound to the next. All exponential histograms of a series
//! have the same bounds, those of the coarsest among them, because a bound that comes and goes
//! would look like a counter that starts again. Custom buckets keep exactly their own bounds: they
//! are a classic histogram already.
//!
//! ## Limits
//! Two things of a native histogram are lost: buckets finer than the bounds, and on which side of a
//! negative bound an observation stands that equals it.

use bellwether_model::histogram::EXPONENTIAL_SCHEMA_MIN;
use bellwether_model::{FloatHistogram, is_stale_nan};
use bellwether_storage::Samples;

/// Bounds that the exponential histograms of a series share at most. Chosen: what client libraries
/// let one native histogram have. The coarsest schema may need more and may have them.
const BOUNDS_MAX: usize = 160;

/// The samples of one `_bucket` series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BucketSeries {
    /// The value of `le`.
    pub(super) bound: f64,
    /// Times in ms and cumulative counts, ascending in time.
    pub(super) points: Vec<(i64, f64)>,
}

/// The histograms among samples, without staleness markers, with their times in ms.
pub(super) fn histograms(samples: &Samples) -> impl Iterator<Item = (i64, &FloatHistogram)> {
    samples
        .histogram_positions
        .iter()
        .zip(&samples.histograms)
        .filter_map(|(position, histogram)| {
            let time_ms = samples.times_ms.get(usize::try_from(*position).ok()?)?;
            (!is_stale_nan(histogram.sum)).then_some((*time_ms, &**histogram))
        })
}

/// The `_bucket` series of a series' histograms, ascending in `le`, `+Inf` included.
pub(super) fn bucket_series(samples: &Samples) -> Vec<BucketSeries> {
    let mut all: Vec<(i64, FloatHistogram)> = histograms(samples)
        .map(|(time_ms, histogram)| (time_ms, histogram.clone()))
        .collect();
    let shared = shared_bounds(&mut all);
    let mut series: Vec<BucketSeries> = Vec::new();
    for (time_ms, histogram) in &all {
        let bounds = if histogram.uses_custom_buckets() {
            &histogram.custom_values
        } else {
            &shared
        };
        let mut buckets = histogram.ascending().peekable();
        let mut cumulative = 0.0;
        for bound in bounds {
            while let Some(bucket) = buckets.next_if(|bucket| bucket.upper <= *bound) {
                cumulative += bucket.count;
            }
            push(&mut series, *bound, *time_ms, cumulative);
        }
        push(&mut series, f64::INFINITY, *time_ms, histogram.count);
    }
    series
}

fn push(series: &mut Vec<BucketSeries>, bound: f64, time_ms: i64, count: f64) {
    let place = match series.binary_search_by(|series| series.bound.total_cmp(&bound)) {
        Ok(place) => place,
        Err(place) => {
            let points = Vec::new();
            series.insert(place, BucketSeries { bound, points });
            place
        }
    };
    if let Some(series) = series.get_mut(place) {
        series.points.push((time_ms, count));
    }
}

/// Brings the exponential histograms to one schema in which they have few enough bounds, and gives
/// these bounds, ascending. Bounds below buckets count too: without them, a gap between buckets
/// would look like part of the one above.
fn shared_bounds(all: &mut [(i64, FloatHistogram)]) -> Vec<f64> {
    let mut exponential: Vec<&mut FloatHistogram> = all
        .iter_mut()
        .map(|(_, histogram)| histogram)
        .filter(|histogram| !histogram.uses_custom_buckets())
        .collect();
    let Some(mut schema) = exponential.iter().map(|histogram| histogram.schema).min() else {
        return Vec::new();
    };
    loop {
        for histogram in &mut exponential {
            histogram.reduce_resolution(schema);
        }
        let mut bounds: Vec<f64> = exponential
            .iter()
            .flat_map(|histogram| histogram.ascending())
            .filter(|bucket| bucket.count != 0.0)
            // A sum turns -0 into 0, which is the same bound.
            .flat_map(|bucket| [bucket.lower + 0.0, bucket.upper + 0.0])
            .filter(|bound| bound.is_finite())
            .collect();
        bounds.sort_by(f64::total_cmp);
        bounds.dedup();
        if bounds.len() <= BOUNDS_MAX || schema <= EXPONENTIAL_SCHEMA_MIN {
            return bounds;
        }
        schema -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bellwether_model::histogram::CUSTOM_BUCKETS_SCHEMA;
    use bellwether_model::{STALE_NAN, Span};

    use super::*;

    fn span(offset: i32, length: u32) -> Vec<Span> {
        vec![Span { offset, length }]
    }

    fn converted(histograms: Vec<FloatHistogram>) -> Vec<(f64, Vec<(i64, f64)>)> {
        let mut samples = Samples::default();
        for (time_ms, histogram) in (1..).zip(histograms) {
            samples.push_histogram(time_ms, Arc::new(histogram));
        }
        bucket_series(&samples)
            .into_iter()
            .map(|series| (series.bound, series.points))
            .collect()
    }

    #[test]
    fn exponential_histograms_share_the_bounds_of_the_coarsest() {
        let fine = FloatHistogram {
            schema: 1,
            count: 9.0,
            sum: 12.0,
            zero_threshold: 0.125,
            zero_count: 2.0,
            positive_spans: span(1, 2),
            positive_buckets: vec![1.0, 3.0],
            negative_spans: span(0, 1),
            negative_buckets: vec![3.0],
            ..FloatHistogram::default()
        };
        let coarse = FloatHistogram {
            schema: 0,
            count: 14.0,
            sum: 70.0,
            zero_threshold: 0.125,
            zero_count: 2.0,
            positive_spans: vec![
                Span {
                    offset: 1,
                    length: 1,
                },
                Span {
                    offset: 2,
                    length: 1,
                },
            ],
            positive_buckets: vec![5.0, 4.0],
            negative_spans: span(0, 1),
            negative_buckets: vec![3.0],
            ..FloatHistogram::default()
        };
        assert_eq!(
            converted(vec![fine, coarse]),
            [
                (-1.0, vec![(1, 0.0), (2, 0.0)]),
                (-0.5, vec![(1, 3.0), (2, 3.0)]),
                (-0.125, vec![(1, 3.0), (2, 3.0)]),
                (0.125, vec![(1, 5.0), (2, 5.0)]),
                (1.0, vec![(1, 5.0), (2, 5.0)]),
                (2.0, vec![(1, 9.0), (2, 10.0)]),
                (8.0, vec![(1, 9.0), (2, 10.0)]),
                (16.0, vec![(1, 9.0), (2, 14.0)]),
                (f64::INFINITY, vec![(1, 9.0), (2, 14.0)]),
            ]
        );
    }

    #[test]
    fn custom_buckets_keep_their_own_bounds() {
        let custom = |custom_values: &[f64], counts: &[f64]| FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count: counts.iter().sum(),
            sum: 1.0,
            positive_spans: span(0, counts.len() as u32),
            positive_buckets: counts.to_vec(),
            custom_values: custom_values.to_vec(),
            ..FloatHistogram::default()
        };
        let stale = FloatHistogram {
            sum: STALE_NAN,
            ..FloatHistogram::default()
        };
        assert_eq!(
            converted(vec![
                custom(&[0.5, 5.0], &[1.0, 2.0, 4.0]),
                stale,
                custom(&[0.5, 2.5], &[2.0, 2.0, 4.0]),
            ]),
            [
                (0.5, vec![(1, 1.0), (3, 2.0)]),
                (2.5, vec![(3, 4.0)]),
                (5.0, vec![(1, 3.0)]),
                (f64::INFINITY, vec![(1, 7.0), (3, 8.0)]),
            ]
        );
    }

    #[test]
    fn too_many_bounds_make_the_buckets_coarser() {
        let wide = FloatHistogram {
            schema: 8,
            count: 1_000.0,
            positive_spans: span(0, 1_000),
            positive_buckets: vec![1.0; 1_000],
            ..FloatHistogram::default()
        };
        let series = converted(vec![wide]);
        // 1,000 buckets of schema 8 are 126 of schema 5.
        assert_eq!(series.len(), 128);
        assert!(series.windows(2).all(|pair| pair[0].1 <= pair[1].1));
        assert_eq!(series.last().unwrap().1, [(1, 1_000.0)]);
    }

    #[test]
    fn an_empty_histogram_has_the_last_bucket() {
        let empty = FloatHistogram::default();
        assert_eq!(converted(vec![empty]), [(f64::INFINITY, vec![(1, 0.0)])]);
    }
}
