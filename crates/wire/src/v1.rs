//! Remote write 1.0: `prometheus.WriteRequest`.
//!
//! ## Model
//! A request is a list of `TimeSeries` (field 1) and of `MetricMetadata` (field 3). Each series
//! carries its labels as strings. [`decode_series`] gives the raw bytes of the labels as one slice,
//! which is what a receiver hashes to find the series again without reading a single label.

use bellwether_codec::protobuf::{Cursor, Field, ProtobufError, WireType, Writer};
use bellwether_model::{Exemplar, Labels, Metadata, MetricType};

use crate::WireError;
use crate::histogram::{self, TimedHistogram};

/// What the parts of one `TimeSeries` are handed to.
pub trait SeriesSink {
    /// A float sample.
    ///
    /// # Errors
    /// Where the receiver takes no more.
    fn float(&mut self, time_ms: i64, value: f64) -> Result<(), WireError>;

    /// A histogram sample.
    ///
    /// # Errors
    /// Where the receiver takes no more.
    fn histogram(&mut self, histogram: TimedHistogram) -> Result<(), WireError>;

    /// An exemplar.
    ///
    /// # Errors
    /// Where the receiver takes no more.
    fn exemplar(&mut self, exemplar: Exemplar) -> Result<(), WireError>;
}

/// The bytes of the label fields of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelBytes {
    /// They stand together, as all known senders write them: from offset to offset of the body.
    Together {
        /// The first byte.
        start: usize,
        /// Behind the last byte.
        end: usize,
    },
    /// Other fields stand between them.
    Scattered,
}

const LABEL_KEY: u8 = 0x0a;
const SAMPLE_KEY: u8 = 0x12;
const VALUE_KEY: u8 = 0x09;
const TIME_KEY: u8 = 0x10;

/// Reads one `TimeSeries` that begins at `offset` of its body: gives the place of its labels and
/// hands everything else to `sink`, in the order in which it stands there.
///
/// # Errors
/// Where the bytes are no such message, or `sink` takes no more.
#[inline]
pub fn decode_series(
    message: &[u8],
    offset: usize,
    sink: &mut impl SeriesSink,
) -> Result<LabelBytes, WireError> {
    let mut cursor = Cursor::new(message);
    while cursor.peek() == Some(LABEL_KEY) {
        // The key is one byte: pass it as a varint, then the label.
        cursor.varint()?;
        cursor.bytes()?;
    }
    let mut place = LabelBytes::Together {
        start: offset,
        end: offset + cursor.position(),
    };
    while cursor.peek() == Some(SAMPLE_KEY) {
        cursor.varint()?;
        let (time_ms, value) = decode_sample(cursor.bytes()?)?;
        sink.float(time_ms, value)?;
    }
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => {
                cursor.bytes_of(field)?;
                place = LabelBytes::Scattered;
            }
            2 => {
                let (time_ms, value) = decode_sample(cursor.bytes_of(field)?)?;
                sink.float(time_ms, value)?;
            }
            3 => sink.exemplar(decode_exemplar(cursor.bytes_of(field)?)?)?,
            4 => sink.histogram(histogram::decode(cursor.bytes_of(field)?)?)?,
            _ => cursor.skip(field)?,
        }
    }
    Ok(place)
}

#[inline]
fn decode_sample(message: &[u8]) -> Result<(i64, f64), ProtobufError> {
    // Nearly every sample is a value, then a time of six bytes.
    if let [VALUE_KEY, a, b, c, d, e, f, g, h, TIME_KEY, rest @ ..] = message {
        let mut cursor = Cursor::new(rest);
        let time_ms = cursor.varint()? as i64;
        if cursor.is_done() {
            let bits = u64::from_le_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            return Ok((time_ms, f64::from_bits(bits)));
        }
    }
    let (mut time_ms, mut value) = (0, 0.0);
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => value = cursor.double_of(field)?,
            2 => time_ms = cursor.varint_of(field)? as i64,
            _ => cursor.skip(field)?,
        }
    }
    Ok((time_ms, value))
}

/// The name and value of a `Label`, as bytes.
///
/// # Errors
/// Where the bytes are no such message.
pub fn decode_label(message: &[u8]) -> Result<(&[u8], &[u8]), ProtobufError> {
    let mut cursor = Cursor::new(message);
    let (mut name, mut value) = (&b""[..], &b""[..]);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => name = cursor.bytes_of(field)?,
            2 => value = cursor.bytes_of(field)?,
            _ => cursor.skip(field)?,
        }
    }
    Ok((name, value))
}

/// Hands each label of a `TimeSeries` to `each`, as bytes, in the order in which they stand there.
///
/// # Errors
/// Where the bytes are no such message.
pub fn decode_labels<'a>(
    series: &'a [u8],
    mut each: impl FnMut(&'a [u8], &'a [u8]),
) -> Result<(), ProtobufError> {
    let mut cursor = Cursor::new(series);
    while let Some(field) = cursor.field()? {
        if field.number == 1 {
            let (name, value) = decode_label(cursor.bytes_of(field)?)?;
            each(name, value);
        } else {
            cursor.skip(field)?;
        }
    }
    Ok(())
}

fn decode_exemplar(message: &[u8]) -> Result<Exemplar, WireError> {
    let mut cursor = Cursor::new(message);
    let mut exemplar = Exemplar {
        labels: Labels::empty(),
        value: 0.0,
        timestamp_ms: 0,
    };
    let mut pairs = Vec::new();
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => {
                let (name, value) = decode_label(cursor.bytes_of(field)?)?;
                let not_utf8 = |_| ProtobufError::NotUtf8 { number: 1 };
                let name = std::str::from_utf8(name).map_err(not_utf8)?;
                pairs.push((name, std::str::from_utf8(value).map_err(not_utf8)?));
            }
            2 => exemplar.value = cursor.double_of(field)?,
            3 => exemplar.timestamp_ms = cursor.varint_of(field)? as i64,
            _ => cursor.skip(field)?,
        }
    }
    exemplar.labels = Labels::from_pairs(pairs);
    Ok(exemplar)
}

/// Reads a `MetricMetadata`: the name of the family and what is known of it.
///
/// # Errors
/// Where the bytes are no such message.
pub fn decode_metadata(message: &[u8]) -> Result<(&str, Metadata), ProtobufError> {
    let mut cursor = Cursor::new(message);
    let (mut family, mut metadata) = ("", Metadata::default());
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => metadata.metric_type = type_from_number(cursor.varint_of(field)?),
            2 => family = cursor.string_of(field)?,
            4 => cursor.string_of(field)?.clone_into(&mut metadata.help),
            5 => cursor.string_of(field)?.clone_into(&mut metadata.unit),
            _ => cursor.skip(field)?,
        }
    }
    Ok((family, metadata))
}

/// The type for its number, which is the same in both versions.
#[must_use]
pub fn type_from_number(number: u64) -> MetricType {
    match number {
        1 => MetricType::Counter,
        2 => MetricType::Gauge,
        3 => MetricType::Histogram,
        4 => MetricType::GaugeHistogram,
        5 => MetricType::Summary,
        6 => MetricType::Info,
        7 => MetricType::StateSet,
        _ => MetricType::Unknown,
    }
}

/// The number of a type, which is the same in both versions.
#[must_use]
pub fn type_number(metric_type: MetricType) -> u64 {
    match metric_type {
        MetricType::Unknown => 0,
        MetricType::Counter => 1,
        MetricType::Gauge => 2,
        MetricType::Histogram => 3,
        MetricType::GaugeHistogram => 4,
        MetricType::Summary => 5,
        MetricType::Info => 6,
        MetricType::StateSet => 7,
    }
}

/// A part of a `WriteRequest`.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// A `TimeSeries` and the offset of its first byte in the body.
    Series(&'a [u8], usize),
    /// A `MetricMetadata`.
    Metadata(&'a [u8]),
}

/// The next part of a `WriteRequest`, or `None` at its end.
///
/// # Errors
/// Where the bytes are no such message.
#[inline]
pub fn next_part<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Part<'a>>, ProtobufError> {
    while let Some(field) = cursor.field()? {
        match field {
            Field {
                number: 1,
                wire_type: WireType::Bytes,
            } => {
                let series = cursor.bytes()?;
                return Ok(Some(Part::Series(series, cursor.position() - series.len())));
            }
            Field {
                number: 3,
                wire_type: WireType::Bytes,
            } => {
                return Ok(Some(Part::Metadata(cursor.bytes()?)));
            }
            Field { number: 1 | 3, .. } => {
                cursor.bytes_of(field)?;
            }
            _ => cursor.skip(field)?,
        }
    }
    Ok(None)
}

/// Writes labels as repeated `Label` messages of a field.
pub fn encode_labels(writer: &mut Writer<'_>, number: u32, labels: &Labels) {
    for (name, value) in labels {
        writer.message(number, |writer| {
            writer.bytes(1, name.as_bytes());
            writer.bytes(2, value.as_bytes());
        });
    }
}

/// Writes a `Sample` as a field of a series.
pub fn encode_sample(writer: &mut Writer<'_>, number: u32, time_ms: i64, value: f64) {
    writer.message(number, |writer| {
        writer.double(1, value);
        writer.int64(2, time_ms);
    });
}

/// Writes an `Exemplar` as a field of a series.
pub fn encode_exemplar(writer: &mut Writer<'_>, number: u32, exemplar: &Exemplar) {
    writer.message(number, |writer| {
        encode_labels(writer, 1, &exemplar.labels);
        writer.double(2, exemplar.value);
        writer.int64(3, exemplar.timestamp_ms);
    });
}

/// Appends a `MetricMetadata` to a request.
pub fn encode_metadata(request: &mut Vec<u8>, family: &str, metadata: &Metadata) {
    Writer::new(request).message(3, |writer| {
        writer.varint(1, type_number(metadata.metric_type));
        writer.bytes(2, family.as_bytes());
        writer.bytes(4, metadata.help.as_bytes());
        writer.bytes(5, metadata.unit.as_bytes());
    });
}

/// Appends a `TimeSeries` to a request.
pub fn encode_series(
    request: &mut Vec<u8>,
    labels: &Labels,
    floats: &[(i64, f64)],
    histograms: &[TimedHistogram],
    exemplars: &[Exemplar],
) {
    Writer::new(request).message(1, |writer| {
        encode_labels(writer, 1, labels);
        for (time_ms, value) in floats {
            encode_sample(writer, 2, *time_ms, *value);
        }
        for exemplar in exemplars {
            encode_exemplar(writer, 3, exemplar);
        }
        for timed in histograms {
            // Version 1.0 has no start timestamps.
            writer.message(4, |w| {
                histogram::encode(w, timed.time_ms, 0, &timed.histogram)
            });
        }
    });
}
