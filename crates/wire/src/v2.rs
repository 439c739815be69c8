//! Remote write 2.0: `io.prometheus.write.v2.Request`.
//!
//! ## Model
//! Strings stand once, in a table at the start; series refer to them by number. Symbol 0 is the
//! empty string. Samples and histograms may say when their counter started, and each series
//! carries its metadata.

use std::sync::Arc;

use bellwether_codec::protobuf::{Cursor, ProtobufError, Writer};
use bellwether_model::{Exemplar, Labels, Metadata};
use rustc_hash::FxHashMap;

use crate::WireError;
use crate::histogram::{self, TimedHistogram};
use crate::v1::type_number;

/// The metadata of a series, as references.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MetadataRefs {
    /// The number of the type.
    pub metric_type: u64,
    /// The symbol of the help text.
    pub help: u32,
    /// The symbol of the unit.
    pub unit: u32,
}

/// An exemplar whose labels are references.
#[derive(Debug, Clone, PartialEq)]
pub struct ExemplarRefs {
    /// Symbols: name, value, name, value …
    pub labels: Vec<u32>,
    /// The measured value.
    pub value: f64,
    /// When, in milliseconds; 0: not said.
    pub timestamp_ms: i64,
}

/// What the parts of one `TimeSeries` are handed to.
pub trait SeriesSink {
    /// A float sample; `start_ms` 0 means unknown.
    ///
    /// # Errors
    /// Where the receiver takes no more.
    fn float(&mut self, time_ms: i64, start_ms: i64, value: f64) -> Result<(), WireError>;

    /// A histogram sample.
    ///
    /// # Errors
    /// Where the receiver takes no more.
    fn histogram(&mut self, histogram: TimedHistogram) -> Result<(), WireError>;

    /// An exemplar.
    ///
    /// # Errors
    /// Where the receiver takes no more.
    fn exemplar(&mut self, exemplar: ExemplarRefs) -> Result<(), WireError>;
}

/// Reads one `TimeSeries`: puts the references of its labels into `labels` (which is emptied
/// first), hands samples to `sink`, and gives back the references of its metadata.
///
/// # Errors
/// Where the bytes are no such message, or `sink` takes no more.
#[inline]
pub fn decode_series(
    message: &[u8],
    labels: &mut Vec<u32>,
    sink: &mut impl SeriesSink,
) -> Result<MetadataRefs, WireError> {
    labels.clear();
    let mut metadata = MetadataRefs::default();
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => cursor.varints_of(field, |reference| labels.push(narrow(reference)))?,
            2 => {
                let (time_ms, start_ms, value) = decode_sample(cursor.bytes_of(field)?)?;
                sink.float(time_ms, start_ms, value)?;
            }
            3 => sink.histogram(histogram::decode(cursor.bytes_of(field)?)?)?,
            4 => sink.exemplar(decode_exemplar(cursor.bytes_of(field)?)?)?,
            5 => metadata = decode_metadata(cursor.bytes_of(field)?)?,
            _ => cursor.skip(field)?,
        }
    }
    Ok(metadata)
}

/// References above 2³² - 1 point behind any table: they stay out of range.
fn narrow(reference: u64) -> u32 {
    u32::try_from(reference).unwrap_or(u32::MAX)
}

fn decode_sample(message: &[u8]) -> Result<(i64, i64, f64), ProtobufError> {
    let (mut time_ms, mut start_ms, mut value) = (0, 0, 0.0);
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => value = cursor.double_of(field)?,
            2 => time_ms = cursor.varint_of(field)? as i64,
            3 => start_ms = cursor.varint_of(field)? as i64,
            _ => cursor.skip(field)?,
        }
    }
    Ok((time_ms, start_ms, value))
}

fn decode_exemplar(message: &[u8]) -> Result<ExemplarRefs, ProtobufError> {
    let mut exemplar = ExemplarRefs {
        labels: Vec::new(),
        value: 0.0,
        timestamp_ms: 0,
    };
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => cursor.varints_of(field, |reference| exemplar.labels.push(narrow(reference)))?,
            2 => exemplar.value = cursor.double_of(field)?,
            3 => exemplar.timestamp_ms = cursor.varint_of(field)? as i64,
            _ => cursor.skip(field)?,
        }
    }
    Ok(exemplar)
}

fn decode_metadata(message: &[u8]) -> Result<MetadataRefs, ProtobufError> {
    let mut metadata = MetadataRefs::default();
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => metadata.metric_type = cursor.varint_of(field)?,
            3 => metadata.help = narrow(cursor.varint_of(field)?),
            4 => metadata.unit = narrow(cursor.varint_of(field)?),
            _ => cursor.skip(field)?,
        }
    }
    Ok(metadata)
}

/// Collects series and their symbols into a `Request`.
#[derive(Debug, Default)]
pub struct RequestBuilder {
    numbers: FxHashMap<Arc<str>, u32>,
    symbols: Vec<Arc<str>>,
    series: Vec<u8>,
}

impl RequestBuilder {
    /// An empty request.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn symbol(&mut self, text: &str) -> u32 {
        if self.symbols.is_empty() {
            let empty: Arc<str> = Arc::from("");
            self.symbols.push(Arc::clone(&empty));
            self.numbers.insert(empty, 0);
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.symbols.len() as u32;
        let text: Arc<str> = Arc::from(text);
        self.symbols.push(Arc::clone(&text));
        self.numbers.insert(text, number);
        number
    }

    fn label_refs(&mut self, labels: &Labels) -> Vec<u32> {
        let mut refs = Vec::with_capacity(24);
        for (name, value) in labels {
            refs.push(self.symbol(name));
            refs.push(self.symbol(value));
        }
        refs
    }

    /// Adds a series. Floats are `(time, start or 0, value)`.
    pub fn add_series(
        &mut self,
        labels: &Labels,
        floats: &[(i64, i64, f64)],
        histograms: &[TimedHistogram],
        exemplars: &[Exemplar],
        metadata: &Metadata,
    ) {
        let refs = self.label_refs(labels);
        let exemplar_refs: Vec<Vec<u32>> = exemplars
            .iter()
            .map(|exemplar| self.label_refs(&exemplar.labels))
            .collect();
        let (help, unit) = (self.symbol(&metadata.help), self.symbol(&metadata.unit));
        Writer::new(&mut self.series).message(5, |writer| {
            writer.packed_varints(1, refs.iter().map(|reference| u64::from(*reference)));
            for (time_ms, start_ms, value) in floats {
                writer.message(2, |writer| {
                    writer.double(1, *value);
                    writer.int64(2, *time_ms);
                    writer.int64(3, *start_ms);
                });
            }
            for timed in histograms {
                writer.message(3, |writer| {
                    histogram::encode(writer, timed.time_ms, timed.start_ms, &timed.histogram);
                });
            }
            for (exemplar, refs) in exemplars.iter().zip(&exemplar_refs) {
                writer.message(4, |writer| {
                    writer.packed_varints(1, refs.iter().map(|reference| u64::from(*reference)));
                    writer.double(2, exemplar.value);
                    writer.int64(3, exemplar.timestamp_ms);
                });
            }
            writer.message(5, |writer| {
                writer.varint(1, type_number(metadata.metric_type));
                writer.varint(3, u64::from(help));
                writer.varint(4, u64::from(unit));
            });
        });
    }

    /// Appends the finished request to `out` and empties the builder, which keeps its memory.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        let mut writer = Writer::new(out);
        for symbol in &self.symbols {
            writer.bytes_always(4, symbol.as_bytes());
        }
        out.extend_from_slice(&self.series);
        self.numbers.clear();
        self.symbols.clear();
        self.series.clear();
    }
}
