//! Numbers as protobuf: `io.prometheus.client.MetricFamily`, each behind its length.
//!
//! ## See also
//! <https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto>

use super::{Kind, Value};
use crate::buckets::{SCHEMA, ZERO_THRESHOLD};
use crate::histogram::{Exemplar, HistogramSnapshot};
use crate::wire;

/// A family that is being written.
#[derive(Debug)]
pub(crate) struct FamilyMessage {
    kind: Kind,
    message: Vec<u8>,
}

impl FamilyMessage {
    pub(crate) fn new(name: &str, help: &str, kind: Kind) -> Self {
        let mut message = Vec::new();
        wire::put_bytes(&mut message, 1, name.as_bytes());
        wire::put_bytes(&mut message, 2, help.as_bytes());
        let number = match kind {
            Kind::Counter => 0,
            Kind::Gauge => 1,
            Kind::Histogram => 4,
        };
        wire::put_varint(&mut message, 3, number);
        Self { kind, message }
    }

    pub(crate) fn series(&mut self, labels: &[(&str, &str)], value: &Value) {
        let kind = self.kind;
        wire::put_message(&mut self.message, 4, |metric| {
            for (name, value) in labels {
                wire::put_message(metric, 1, |pair| {
                    wire::put_bytes(pair, 1, name.as_bytes());
                    wire::put_bytes(pair, 2, value.as_bytes());
                });
            }
            match value {
                Value::Histogram(histogram) => {
                    wire::put_message(metric, 7, |out| put_histogram(out, histogram));
                }
                number => {
                    let field = if kind == Kind::Counter { 3 } else { 2 };
                    wire::put_message(metric, field, |out| {
                        wire::put_double(out, 1, number.as_f64());
                    });
                }
            }
        });
    }

    /// Appends the message behind its length.
    pub(crate) fn finish(self, out: &mut Vec<u8>) {
        wire::put_raw_varint(out, self.message.len() as u64);
        out.extend_from_slice(&self.message);
    }
}

fn put_histogram(out: &mut Vec<u8>, histogram: &HistogramSnapshot) {
    wire::put_varint(out, 1, histogram.count);
    wire::put_double(out, 2, histogram.sum);
    let mut exemplars = histogram.exemplars.iter().copied().peekable();
    let mut total = 0;
    for (bound, count) in &histogram.classic {
        total += count;
        let mut in_bucket = None;
        if !histogram.is_native {
            while let Some(exemplar) = exemplars.next_if(|it| it.value <= *bound) {
                in_bucket = Some(exemplar);
            }
        }
        wire::put_message(out, 3, |bucket| {
            wire::put_varint(bucket, 1, total);
            wire::put_double(bucket, 2, *bound);
            if let Some(exemplar) = in_bucket {
                wire::put_message(bucket, 3, |out| put_exemplar(out, exemplar));
            }
        });
    }
    if !histogram.is_native {
        return;
    }
    wire::put_signed(out, 5, i64::from(SCHEMA));
    wire::put_double(out, 6, ZERO_THRESHOLD);
    wire::put_varint(out, 7, histogram.zero_count);
    put_buckets(out, (9, 10), &histogram.negative);
    put_buckets(out, (12, 13), &histogram.positive);
    if histogram.positive.is_empty() && histogram.negative.is_empty() {
        // An empty span says that the histogram is native.
        wire::put_message(out, 12, |span| {
            wire::put_signed(span, 1, 0);
            wire::put_varint(span, 2, 0);
        });
    }
    for exemplar in exemplars {
        wire::put_message(out, 16, |out| put_exemplar(out, exemplar));
    }
}

/// Spans of buckets side by side, and counts as differences.
fn put_buckets(out: &mut Vec<u8>, (spans, deltas): (u32, u32), buckets: &[(i32, u64)]) {
    let mut end = 0;
    for run in buckets.chunk_by(|a, b| a.0 + 1 == b.0) {
        let Some((first, _)) = run.first() else {
            continue;
        };
        wire::put_message(out, spans, |span| {
            wire::put_signed(span, 1, i64::from(first - end));
            wire::put_varint(span, 2, run.len() as u64);
        });
        end = first + run.len() as i32;
    }
    let mut last = 0;
    wire::put_message(out, deltas, |packed| {
        for (_, count) in buckets {
            let count = *count as i64;
            wire::put_raw_signed(packed, count - last);
            last = count;
        }
    });
}

fn put_exemplar(out: &mut Vec<u8>, exemplar: Exemplar) {
    wire::put_message(out, 1, |pair| {
        wire::put_bytes(pair, 1, b"trace_id");
        wire::put_bytes(pair, 2, format!("{:032x}", exemplar.trace_id).as_bytes());
    });
    wire::put_double(out, 2, exemplar.value);
    wire::put_message(out, 3, |time| {
        wire::put_varint(time, 1, exemplar.time_ms.div_euclid(1_000) as u64);
        wire::put_varint(
            time,
            2,
            exemplar.time_ms.rem_euclid(1_000) as u64 * 1_000_000,
        );
    });
}
