//! Numbers as metrics of OTLP.

use super::queue::CHUNK_BYTES;
use super::record::{nanoseconds, put_text_attribute};
use crate::buckets::{SCHEMA, ZERO_THRESHOLD};
use crate::histogram::{Exemplar, HistogramSnapshot};
use crate::{FamilySnapshot, Kind, Value, wire};

/// Buckets of an exponential histogram on either side; coarser ones are made of what has more. Chosen:
/// twice what OpenTelemetry's SDKs keep.
const BUCKETS_MAX: i64 = 320;
const CUMULATIVE: u64 = 2;
/// Series of a family that are never taken apart. Chosen: histograms take some 6 KiB at most.
const SERIES_TOGETHER: usize = 50;

/// When numbers began and when they were read, ns since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) begin_ns: i64,
    pub(super) now_ns: i64,
}

/// All families as fields of `ScopeMetrics`, for requests of bounded size, each with how many series it
/// has. A family that has many series is in several of them.
pub(super) fn requests(families: &[FamilySnapshot], times: Times) -> Vec<(Vec<u8>, u64)> {
    let mut requests = Vec::new();
    let (mut out, mut count) = (Vec::new(), 0);
    for family in families {
        // Both kinds of histograms may be in a family only if its settings changed: they do not.
        let is_native = family.series.iter().any(|(_, value)| is_native(value));
        for series in family.series.chunks(SERIES_TOGETHER) {
            wire::put_message(&mut out, 2, |metric| {
                put_metric(metric, family, series, times, is_native);
            });
            count += series.len() as u64;
            if out.len() >= CHUNK_BYTES {
                requests.push((std::mem::take(&mut out), std::mem::take(&mut count)));
            }
        }
    }
    if count > 0 {
        requests.push((out, count));
    }
    requests
}

fn is_native(value: &Value) -> bool {
    matches!(value, Value::Histogram(histogram) if histogram.is_native)
}

fn put_metric(
    out: &mut Vec<u8>,
    family: &FamilySnapshot,
    series: &[(Vec<(String, String)>, Value)],
    times: Times,
    is_native: bool,
) {
    // `_total` is how Prometheus writes counters.
    let name = match family.kind {
        Kind::Counter => family.name.strip_suffix("_total").unwrap_or(&family.name),
        Kind::Gauge | Kind::Histogram => &family.name,
    };
    wire::put_bytes(out, 1, name.as_bytes());
    wire::put_bytes(out, 2, family.help.as_bytes());
    let unit = match name.rsplit_once('_') {
        Some((_, "seconds")) => "s",
        Some((_, "bytes")) => "By",
        Some((_, "ratio")) => "1",
        _ => "",
    };
    wire::put_bytes(out, 3, unit.as_bytes());
    let field = match family.kind {
        Kind::Gauge => 5,
        Kind::Counter => 7,
        Kind::Histogram if is_native => 10,
        Kind::Histogram => 9,
    };
    wire::put_message(out, field, |data| {
        for (labels, value) in series {
            wire::put_message(data, 1, |point| match value {
                Value::Histogram(histogram) if is_native => {
                    put_exponential(point, labels, histogram, times);
                }
                Value::Histogram(histogram) => put_classic(point, labels, histogram, times),
                number => put_number(point, labels, number, times, family.kind),
            });
        }
        if family.kind != Kind::Gauge {
            wire::put_varint(data, 2, CUMULATIVE);
        }
        if family.kind == Kind::Counter {
            wire::put_varint(data, 3, 1);
        }
    });
}

fn put_times(out: &mut Vec<u8>, times: Times) {
    wire::put_fixed64(out, 2, nanoseconds(times.begin_ns));
    wire::put_fixed64(out, 3, nanoseconds(times.now_ns));
}

fn put_labels(out: &mut Vec<u8>, field: u32, labels: &[(String, String)]) {
    // In Prometheus an empty label is none.
    for (name, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
        put_text_attribute(out, field, name, value);
    }
}

fn put_number(
    out: &mut Vec<u8>,
    labels: &[(String, String)],
    value: &Value,
    times: Times,
    kind: Kind,
) {
    if kind == Kind::Counter {
        put_times(out, times);
    } else {
        wire::put_fixed64(out, 3, nanoseconds(times.now_ns));
    }
    match value {
        // A signed number of that width; counters do not come near its end.
        Value::Count(count) => wire::put_fixed64(out, 6, *count),
        number => wire::put_double(out, 4, number.as_f64()),
    }
    put_labels(out, 7, labels);
}

fn put_classic(
    out: &mut Vec<u8>,
    labels: &[(String, String)],
    histogram: &HistogramSnapshot,
    times: Times,
) {
    put_times(out, times);
    wire::put_fixed64(out, 4, histogram.count);
    wire::put_double(out, 5, histogram.sum);
    let bounded: u64 = histogram.classic.iter().map(|(_, count)| count).sum();
    wire::put_message(out, 6, |counts| {
        for (_, count) in &histogram.classic {
            counts.extend_from_slice(&count.to_le_bytes());
        }
        let beyond = histogram.count.saturating_sub(bounded);
        counts.extend_from_slice(&beyond.to_le_bytes());
    });
    wire::put_message(out, 7, |bounds| {
        for (bound, _) in &histogram.classic {
            bounds.extend_from_slice(&bound.to_le_bytes());
        }
    });
    put_exemplars(out, 8, &histogram.exemplars);
    put_labels(out, 9, labels);
}

fn put_exponential(
    out: &mut Vec<u8>,
    labels: &[(String, String)],
    histogram: &HistogramSnapshot,
    times: Times,
) {
    put_labels(out, 1, labels);
    put_times(out, times);
    wire::put_fixed64(out, 4, histogram.count);
    wire::put_double(out, 5, histogram.sum);
    let shift = coarser(&histogram.positive).max(coarser(&histogram.negative));
    wire::put_signed(out, 6, i64::from(SCHEMA) - i64::from(shift));
    wire::put_fixed64(out, 7, histogram.zero_count);
    for (field, buckets) in [(8, &histogram.positive), (9, &histogram.negative)] {
        wire::put_message(out, field, |out| put_buckets(out, buckets, shift));
    }
    put_exemplars(out, 11, &histogram.exemplars);
    wire::put_double(out, 14, ZERO_THRESHOLD);
}

/// The index of a bucket in OTLP, whose buckets have the number of their lower bound.
fn index_of(index: i32, shift: u32) -> i64 {
    i64::from(index - 1) >> shift
}

/// How many times buckets must be made twice as wide.
fn coarser(buckets: &[(i32, u64)]) -> u32 {
    let (Some((first, _)), Some((last, _))) = (buckets.first(), buckets.last()) else {
        return 0;
    };
    let is_enough = |shift: &u32| index_of(*last, *shift) - index_of(*first, *shift) < BUCKETS_MAX;
    (0..32).find(is_enough).unwrap_or(31)
}

/// Buckets side by side from the first one on, those without values included.
fn put_buckets(out: &mut Vec<u8>, buckets: &[(i32, u64)], shift: u32) {
    let Some((first, _)) = buckets.first() else {
        return;
    };
    let mut next = index_of(*first, shift);
    wire::put_signed(out, 1, next);
    wire::put_message(out, 2, |counts| {
        let same = |a: &(i32, u64), b: &(i32, u64)| index_of(a.0, shift) == index_of(b.0, shift);
        for merged in buckets.chunk_by(same) {
            let index = merged
                .first()
                .map_or(next, |(index, _)| index_of(*index, shift));
            for _ in next..index {
                wire::put_raw_varint(counts, 0);
            }
            wire::put_raw_varint(counts, merged.iter().map(|(_, count)| count).sum());
            next = index + 1;
        }
    });
}

fn put_exemplars(out: &mut Vec<u8>, field: u32, exemplars: &[Exemplar]) {
    for exemplar in exemplars {
        wire::put_message(out, field, |out| {
            let time_ns = exemplar.time_ms.saturating_mul(1_000_000);
            wire::put_fixed64(out, 2, nanoseconds(time_ns));
            wire::put_double(out, 3, exemplar.value);
            wire::put_bytes(out, 5, &exemplar.trace_id.to_be_bytes());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Buckets, Telemetry};

    #[test]
    fn requests_have_a_bounded_size_and_every_series_once() {
        let telemetry = Telemetry::new(10_000);
        let family = telemetry.histogram_family("wait_seconds", "", ["n"], Buckets::Native);
        for number in 0..5_000 {
            let series = family.with([&number.to_string()]);
            (0..20).for_each(|power| series.observe(2f64.powi(power)));
        }
        let times = Times {
            begin_ns: 0,
            now_ns: 1,
        };
        let requests = requests(&telemetry.snapshot(), times);
        assert!(requests.len() > 1);
        let sizes = requests.iter().map(|(bytes, _)| bytes.len());
        assert!(sizes.max() < Some(CHUNK_BYTES * 2));
        // Those of the limit and of the family itself.
        let counts = requests.iter().map(|(_, count)| count);
        assert_eq!(counts.sum::<u64>(), 5_001);
    }
}
