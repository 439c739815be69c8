//! Native histograms as messages: the same fields in remote write 1.0, 2.0 and remote read.

use bellwether_codec::protobuf::{Cursor, Writer, zigzag_decode};
use bellwether_model::{CounterReset, FloatHistogram, Histogram, IntHistogram, Span};

use crate::WireError;

/// A histogram with the time of its sample.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedHistogram {
    /// When, in milliseconds.
    pub time_ms: i64,
    /// When the counters started, in milliseconds; 0: unknown.
    pub start_ms: i64,
    /// The histogram, not validated.
    pub histogram: Histogram,
}

#[derive(Default)]
struct Side {
    spans: Vec<Span>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

/// Reads a `Histogram` message. It is a float histogram when its count is one, as in Prometheus.
/// A decoded histogram takes at most 8 times the bytes of its message.
///
/// # Errors
/// Where the bytes are no such message. Whether they are a sound histogram is not checked here.
pub fn decode(message: &[u8]) -> Result<TimedHistogram, WireError> {
    let mut cursor = Cursor::new(message);
    let (mut count_int, mut zero_int) = (0u64, 0u64);
    let (mut count_float, mut zero_float) = (None, 0.0);
    let (mut sum, mut zero_threshold, mut schema, mut reset) = (0.0, 0.0, 0i32, 0u64);
    let (mut time_ms, mut start_ms) = (0i64, 0i64);
    let mut custom_values = Vec::new();
    let (mut negative, mut positive) = (Side::default(), Side::default());
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => (count_int, count_float) = (cursor.varint_of(field)?, None),
            2 => count_float = Some(cursor.double_of(field)?),
            3 => sum = cursor.double_of(field)?,
            4 => schema = zigzag_decode(cursor.varint_of(field)?) as i32,
            5 => zero_threshold = cursor.double_of(field)?,
            6 => zero_int = cursor.varint_of(field)?,
            7 => zero_float = cursor.double_of(field)?,
            8 => negative.spans.push(decode_span(cursor.bytes_of(field)?)?),
            9 => cursor.varints_of(field, |value| negative.deltas.push(zigzag_decode(value)))?,
            10 => cursor.doubles_of(field, &mut negative.counts)?,
            11 => positive.spans.push(decode_span(cursor.bytes_of(field)?)?),
            12 => cursor.varints_of(field, |value| positive.deltas.push(zigzag_decode(value)))?,
            13 => cursor.doubles_of(field, &mut positive.counts)?,
            14 => reset = cursor.varint_of(field)?,
            15 => time_ms = cursor.varint_of(field)? as i64,
            16 => cursor.doubles_of(field, &mut custom_values)?,
            17 => start_ms = cursor.varint_of(field)? as i64,
            _ => cursor.skip(field)?,
        }
    }
    let counter_reset = match reset {
        1 => CounterReset::Reset,
        2 => CounterReset::NotReset,
        3 => CounterReset::Gauge,
        _ => CounterReset::Unknown,
    };
    let histogram = match count_float {
        Some(count) => Histogram::Float(FloatHistogram {
            counter_reset,
            schema,
            zero_threshold,
            zero_count: zero_float,
            count,
            sum,
            positive_spans: positive.spans,
            negative_spans: negative.spans,
            positive_buckets: positive.counts,
            negative_buckets: negative.counts,
            custom_values,
        }),
        None => Histogram::Int(IntHistogram {
            counter_reset,
            schema,
            zero_threshold,
            zero_count: zero_int,
            count: count_int,
            sum,
            positive_spans: positive.spans,
            negative_spans: negative.spans,
            positive_deltas: positive.deltas,
            negative_deltas: negative.deltas,
            custom_values,
        }),
    };
    Ok(TimedHistogram {
        time_ms,
        start_ms,
        histogram,
    })
}

fn decode_span(message: &[u8]) -> Result<Span, WireError> {
    let mut cursor = Cursor::new(message);
    let mut span = Span::default();
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => span.offset = zigzag_decode(cursor.varint_of(field)?) as i32,
            2 => span.length = cursor.varint_of(field)? as u32,
            _ => cursor.skip(field)?,
        }
    }
    Ok(span)
}

/// Writes the fields of a `Histogram` message.
pub fn encode(writer: &mut Writer<'_>, time_ms: i64, start_ms: i64, histogram: &Histogram) {
    match histogram {
        Histogram::Int(histogram) => encode_int(writer, time_ms, start_ms, histogram),
        Histogram::Float(histogram) => encode_float(writer, time_ms, start_ms, histogram),
    }
}

/// Writes the fields of a `Histogram` message with integer counts.
pub fn encode_int(writer: &mut Writer<'_>, time_ms: i64, start_ms: i64, h: &IntHistogram) {
    writer.varint_always(1, h.count);
    writer.double(3, h.sum);
    writer.sint64(4, i64::from(h.schema));
    writer.double(5, h.zero_threshold);
    writer.varint_always(6, h.zero_count);
    encode_spans(writer, 8, &h.negative_spans);
    writer.packed_varints(9, h.negative_deltas.iter().map(|d| zigzag(*d)));
    encode_spans(writer, 11, &h.positive_spans);
    writer.packed_varints(12, h.positive_deltas.iter().map(|d| zigzag(*d)));
    encode_tail(writer, h.counter_reset, time_ms, start_ms, &h.custom_values);
}

/// Writes the fields of a `Histogram` message with float counts.
pub fn encode_float(writer: &mut Writer<'_>, time_ms: i64, start_ms: i64, h: &FloatHistogram) {
    writer.double_always(2, h.count);
    writer.double(3, h.sum);
    writer.sint64(4, i64::from(h.schema));
    writer.double(5, h.zero_threshold);
    writer.double_always(7, h.zero_count);
    encode_spans(writer, 8, &h.negative_spans);
    writer.packed_doubles(10, &h.negative_buckets);
    encode_spans(writer, 11, &h.positive_spans);
    writer.packed_doubles(13, &h.positive_buckets);
    encode_tail(writer, h.counter_reset, time_ms, start_ms, &h.custom_values);
}

fn zigzag(delta: i64) -> u64 {
    bellwether_codec::protobuf::zigzag_encode(delta)
}

fn encode_spans(writer: &mut Writer<'_>, number: u32, spans: &[Span]) {
    for span in spans {
        writer.message(number, |writer| {
            writer.sint64(1, i64::from(span.offset));
            writer.varint(2, u64::from(span.length));
        });
    }
}

fn encode_tail(
    writer: &mut Writer<'_>,
    reset: CounterReset,
    time_ms: i64,
    start_ms: i64,
    custom_values: &[f64],
) {
    writer.varint(
        14,
        match reset {
            CounterReset::Unknown => 0,
            CounterReset::Reset => 1,
            CounterReset::NotReset => 2,
            CounterReset::Gauge => 3,
        },
    );
    writer.int64(15, time_ms);
    writer.packed_doubles(16, custom_values);
    writer.int64(17, start_ms);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(histogram: Histogram) {
        let mut out = Vec::new();
        encode(&mut Writer::new(&mut out), -5, 7, &histogram);
        let want = TimedHistogram {
            time_ms: -5,
            start_ms: 7,
            histogram,
        };
        assert_eq!(decode(&out).unwrap(), want);
    }

    #[test]
    fn histograms_come_back() {
        let int = IntHistogram {
            counter_reset: CounterReset::NotReset,
            schema: -4,
            zero_threshold: 1e-128,
            zero_count: 3,
            count: 40,
            sum: -1.5,
            positive_spans: vec![
                Span {
                    offset: -3,
                    length: 2,
                },
                Span {
                    offset: 5,
                    length: 1,
                },
            ],
            negative_spans: vec![Span {
                offset: 0,
                length: 1,
            }],
            positive_deltas: vec![10, -5, 0],
            negative_deltas: vec![20],
            custom_values: vec![],
        };
        round_trip(Histogram::Float(int.to_float()));
        round_trip(Histogram::Int(int));
        round_trip(Histogram::Int(IntHistogram::default()));
        round_trip(Histogram::Float(FloatHistogram {
            schema: -53,
            count: 0.0,
            custom_values: vec![0.1, 1.0],
            counter_reset: CounterReset::Gauge,
            ..FloatHistogram::default()
        }));
    }

    proptest::proptest! {
        #[test]
        fn random_bytes_never_panic(
            bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        ) {
            let _any_answer = decode(&bytes);
        }
    }
}
