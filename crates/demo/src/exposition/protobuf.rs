//! `io.prometheus.client.MetricFamily` messages, each behind its length.
//!
//! ## See also
//! <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>.

use bellwether_codec::protobuf::{Writer, put_varint, zigzag_encode};
use bellwether_model::{IntHistogram, MetricType};

use crate::family::{Family, HistogramPoint, Point, PointExemplar, PointValue};

pub(super) fn delimited(families: &[Family]) -> Vec<u8> {
    let mut out = Vec::with_capacity(128 << 10);
    let mut message = Vec::new();
    for family in families {
        message.clear();
        write_family(&mut Writer::new(&mut message), family);
        put_varint(&mut out, message.len() as u64);
        out.extend_from_slice(&message);
    }
    out
}

fn write_family(w: &mut Writer<'_>, family: &Family) {
    w.bytes(1, family.name.as_bytes());
    w.bytes(2, family.help.as_bytes());
    let number = match family.metric_type {
        MetricType::Counter => 0,
        MetricType::Histogram => 4,
        // The format has no info; a gauge is what clients send for it.
        _ => 1,
    };
    w.varint_always(3, number);
    for point in &family.points {
        w.message(4, |w| write_point(w, family.metric_type, point));
    }
}

fn write_point(w: &mut Writer<'_>, metric_type: MetricType, point: &Point) {
    for (name, value) in &point.labels {
        write_label(w, name, value);
    }
    match &point.value {
        PointValue::Number(value) => {
            let field = if metric_type == MetricType::Counter {
                3
            } else {
                2
            };
            w.message(field, |w| w.double_always(1, *value));
        }
        PointValue::Histogram(histogram) => w.message(7, |w| write_histogram(w, histogram)),
    }
}

fn write_label(w: &mut Writer<'_>, name: &str, value: &str) {
    w.message(1, |w| {
        w.bytes(1, name.as_bytes());
        w.bytes(2, value.as_bytes());
    });
}

fn write_histogram(w: &mut Writer<'_>, histogram: &HistogramPoint) {
    w.varint_always(1, histogram.counts.iter().sum());
    w.double_always(2, histogram.sum);
    let mut cumulative = 0;
    for (index, count) in histogram.counts.iter().enumerate() {
        cumulative += count;
        let bound = histogram
            .bounds
            .get(index)
            .copied()
            .unwrap_or(f64::INFINITY);
        let exemplar = histogram.exemplars.get(index).copied().flatten();
        w.message(3, |w| {
            w.varint_always(1, cumulative);
            w.double_always(2, bound);
            if let Some(exemplar) = exemplar {
                w.message(3, |w| write_exemplar(w, exemplar));
            }
        });
    }
    if let Some(native) = &histogram.native {
        write_native(w, native);
        // Scrapers that keep only the native histogram look for exemplars here.
        for exemplar in histogram.exemplars.iter().flatten() {
            w.message(16, |w| write_exemplar(w, *exemplar));
        }
    }
}

fn write_native(w: &mut Writer<'_>, native: &IntHistogram) {
    w.sint64(5, i64::from(native.schema));
    w.double(6, native.zero_threshold);
    w.varint(7, native.zero_count);
    for span in &native.positive_spans {
        w.message(12, |w| {
            w.sint64(1, i64::from(span.offset));
            w.varint(2, u64::from(span.length));
        });
    }
    w.packed_varints(
        13,
        native
            .positive_deltas
            .iter()
            .map(|delta| zigzag_encode(*delta)),
    );
}

fn write_exemplar(w: &mut Writer<'_>, exemplar: PointExemplar) {
    write_label(w, "trace_id", &format!("{:032x}", exemplar.trace_id));
    w.double_always(2, exemplar.value);
    w.message(3, |w| {
        w.int64(1, exemplar.time_ms.div_euclid(1_000));
        w.int64(2, exemplar.time_ms.rem_euclid(1_000) * 1_000_000);
    });
}
