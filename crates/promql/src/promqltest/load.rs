//! Writing the series of a script into a store.

use std::collections::BTreeMap;

use bellwether_model::histogram::CUSTOM_BUCKETS_SCHEMA;
use bellwether_model::{FloatHistogram, Histogram, Labels, METRIC_NAME, Span};
use bellwether_storage::{MetricStore, Source, WriteBatch};

use super::script::{Load, LoadedSeries};
use crate::parser::parse_number;

/// The label of a classic bucket's upper bound.
const BUCKET_LABEL: &str = "le";

/// The sum of two histograms.
pub(super) fn add(a: &FloatHistogram, b: &FloatHistogram) -> Result<FloatHistogram, String> {
    let mut sum = a.clone();
    sum.add(b).map_err(|error| error.to_string())?;
    Ok(sum)
}

/// The difference of two histograms.
pub(super) fn subtract(a: &FloatHistogram, b: &FloatHistogram) -> Result<FloatHistogram, String> {
    let mut difference = a.clone();
    difference.sub(b).map_err(|error| error.to_string())?;
    Ok(difference)
}

/// Writes the series of a `load` command.
pub(super) fn write(store: &dyn MetricStore, load: &Load) -> Result<(), String> {
    let source = Source::new("promqltest");
    let mut batch = WriteBatch::default();
    // Of a series that stands there twice the last one counts.
    let series: BTreeMap<&Labels, &LoadedSeries> = load
        .series
        .iter()
        .map(|series| (&series.description.labels, series))
        .collect();
    for (labels, series) in &series {
        let reference = store
            .register(&source, None, labels)
            .map_err(|error| format!("{labels}: {error}"))?;
        for (time_ms, start_ms, value) in points(load, series) {
            match &value.histogram {
                Some(histogram) => batch.histograms.push((
                    reference,
                    time_ms,
                    start_ms,
                    Histogram::Float(histogram.as_ref().clone()),
                )),
                None => batch.push_with_start(reference, time_ms, start_ms, value.value),
            }
        }
    }
    if load.with_nhcb {
        for (labels, by_time) in native_histograms(load, &series)? {
            let reference = store
                .register(&source, None, &labels)
                .map_err(|error| format!("{labels}: {error}"))?;
            for (time_ms, classic) in by_time {
                let histogram = classic
                    .convert()
                    .map_err(|why| format!("{labels}: {why}"))?;
                let histogram = Histogram::Float(histogram);
                batch.histograms.push((reference, time_ms, 0, histogram));
            }
        }
    }
    let outcome = store
        .write(&source, &batch)
        .map_err(|error| error.to_string())?;
    match outcome.rejections.first() {
        None => Ok(()),
        Some(first) => Err(format!(
            "the store refused {} samples, the first at {} ms: {:?}",
            outcome.rejected_count, first.time_ms, first.reason
        )),
    }
}

/// Time, start and value of each sample of a series.
fn points<'l>(
    load: &'l Load,
    series: &'l LoadedSeries,
) -> impl Iterator<Item = (i64, i64, &'l super::SequenceValue)> {
    let values = series.description.values.iter().enumerate();
    values.filter_map(move |(index, value)| {
        let time_ms = load.interval_ms.saturating_mul(index as i64);
        let start_ms = match series.starts_ms.get(index) {
            Some(Some(start_ms)) => time_ms + start_ms,
            _ => 0,
        };
        (!value.is_omitted).then_some((time_ms, start_ms, value))
    })
}

/// What is known of a classic histogram at one time.
#[derive(Default)]
struct Classic {
    /// Bound and cumulative count.
    buckets: Vec<(f64, f64)>,
    count: Option<f64>,
    sum: f64,
}

impl Classic {
    fn convert(mut self) -> Result<FloatHistogram, String> {
        self.buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let count = self
            .count
            .or(self.buckets.last().map(|(_, count)| *count))
            .unwrap_or(0.0);
        if self
            .buckets
            .last()
            .is_none_or(|(bound, _)| *bound != f64::INFINITY)
        {
            self.buckets.push((f64::INFINITY, count));
        }
        let mut histogram = FloatHistogram {
            schema: CUSTOM_BUCKETS_SCHEMA,
            count,
            sum: self.sum,
            ..FloatHistogram::default()
        };
        let mut before = 0.0;
        for (bound, cumulative) in &self.buckets {
            if *cumulative < before {
                return Err(format!("count is not cumulative: {cumulative} < {before}"));
            }
            let (index, in_bucket) = (histogram.custom_values.len(), cumulative - before);
            before = *cumulative;
            if *bound != f64::INFINITY {
                histogram.custom_values.push(*bound);
            }
            push_bucket(&mut histogram, index, in_bucket);
        }
        if count.to_bits() != before.to_bits() && !(count.is_nan() && before.is_nan()) {
            return Err(format!("count mismatch: {count} is not {before}"));
        }
        Ok(histogram)
    }
}

/// Appends a bucket unless it is empty.
fn push_bucket(histogram: &mut FloatHistogram, index: usize, count: f64) {
    if count == 0.0 {
        return;
    }
    let spans = &mut histogram.positive_spans;
    let end: i32 = spans.iter().map(|s| s.offset + s.length as i32).sum();
    let gap = index as i32 - end;
    match spans.last_mut() {
        Some(last) if gap == 0 => last.length += 1,
        _ => spans.push(Span {
            offset: gap,
            length: 1,
        }),
    }
    histogram.positive_buckets.push(count);
}

type ByTime = BTreeMap<i64, Classic>;

/// The classic histograms of a `load`, by the labels of the native ones.
fn native_histograms(
    load: &Load,
    series: &BTreeMap<&Labels, &LoadedSeries>,
) -> Result<BTreeMap<Labels, ByTime>, String> {
    let mut found: BTreeMap<Labels, ByTime> = BTreeMap::new();
    for (labels, series) in series {
        let metric = labels.metric_name();
        let suffix = ["_bucket", "_count", "_sum"]
            .into_iter()
            .find(|suffix| metric.ends_with(suffix));
        let Some((suffix, base)) = suffix.and_then(|s| Some((s, metric.strip_suffix(s)?))) else {
            continue;
        };
        let mut bound = f64::NAN;
        if suffix == "_bucket" {
            let text = labels
                .get(BUCKET_LABEL)
                .ok_or_else(|| format!("expected bucket label in metric {labels}"))?;
            let unsigned = text.strip_prefix('-').unwrap_or(text);
            let sign = if unsigned.len() < text.len() {
                -1.0
            } else {
                1.0
            };
            bound = match parse_number(unsigned.strip_prefix('+').unwrap_or(unsigned)) {
                Ok(number) if !number.is_nan() => sign * number,
                _ => continue,
            };
        }
        let mut builder = labels.to_builder();
        builder.set(METRIC_NAME, base).remove(BUCKET_LABEL);
        let by_time = found.entry(builder.build()).or_default();
        for (time_ms, _, value) in points(load, series) {
            if value.histogram.is_some() {
                continue;
            }
            let classic = by_time.entry(time_ms).or_default();
            match suffix {
                "_bucket" => {
                    // Of two buckets with equal bounds, such as "1" and "1.0", the first counts.
                    let known = |(known, _): &(f64, f64)| known.total_cmp(&bound).is_eq();
                    if !classic.buckets.iter().any(known) {
                        classic.buckets.push((bound, value.value));
                    }
                }
                "_count" => classic.count = Some(value.value),
                _ => classic.sum = value.value,
            }
        }
    }
    Ok(found)
}
