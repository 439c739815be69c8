//! Answering remote read: stored samples for another Prometheus.
//!
//! ## Model
//! [`RemoteReader::answer`] takes the body of a `ReadRequest` and gives back an [`Answer`]: one
//! body with all samples, or [`Frames`] that are computed one series at a time while they are sent.
//! Which one it is, the client decides by what it accepts first.
//!
//! ## Invariants
//! Series of a streamed answer come sorted by labels. External labels, which the store does not
//! have, are added to every series, and matchers on them are met.
//!
//! ## Limits
//! [`Settings`]: samples in an answer that is held in memory, bytes of a frame.

mod bits;
mod chunks;

use std::collections::VecDeque;
use std::sync::Arc;

use bellwether_codec::crc32c;
use bellwether_codec::protobuf::{Writer, put_varint};
use bellwether_model::{Labels, MatchOp, Matcher, TimeRange};
use bellwether_storage::{
    ErrorKind, MetricStore, Samples, Selection, SelectionHints, SeriesHandle, StorageError,
};
use bellwether_wire::read::{ResponseType, decode_request, encode_chunked};
use bellwether_wire::{WireError, histogram, snappy, v1};
use parking_lot::RwLock;

/// What limits an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Bytes of a request after decompression. Default 32 MiB.
    pub body_bytes_max: usize,
    /// Samples in an answer that is not streamed. Default 50 million, as in Prometheus. 0: no
    /// limit.
    pub samples_max: usize,
    /// Bytes of a frame, about. Default 1 MiB, as in Prometheus.
    pub frame_bytes_max: usize,
    /// Labels that are added to every series.
    pub external_labels: Labels,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_bytes_max: 32 << 20,
            samples_max: 50_000_000,
            frame_bytes_max: 1 << 20,
            external_labels: Labels::empty(),
        }
    }
}

/// Why a request cannot be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The body is not a request.
    #[error("remote read request: {0}")]
    Request(#[from] WireError),
    /// The client accepts no form of answer that we know.
    #[error("none of the accepted response types is known: want SAMPLES or STREAMED_XOR_CHUNKS")]
    ResponseType,
    /// The answer would hold too many samples.
    #[error("exceeded sample limit ({limit})")]
    TooManySamples {
        /// How many are allowed.
        limit: usize,
    },
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ReadError {
    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Storage(error) => error.kind(),
            _ => ErrorKind::Invalid,
        }
    }
}

/// What is sent back.
#[derive(Debug)]
pub enum Answer {
    /// `Content-Type: application/x-protobuf`, `Content-Encoding: snappy`.
    Samples(Vec<u8>),
    /// `Content-Type: application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse`.
    Frames(Frames),
}

impl Answer {
    /// The headers that belong to the answer.
    #[must_use]
    pub fn headers(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Samples(_) => &[
                ("content-type", "application/x-protobuf"),
                ("content-encoding", "snappy"),
            ],
            Self::Frames(_) => &[(
                "content-type",
                "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse",
            )],
        }
    }
}

/// Answers requests of any number of clients at the same time.
#[derive(Debug)]
pub struct RemoteReader {
    store: Arc<dyn MetricStore>,
    /// Replaced as a whole when the configuration is loaded again.
    settings: RwLock<Arc<Settings>>,
}

impl RemoteReader {
    /// A reader of `store`.
    #[must_use]
    pub fn new(store: Arc<dyn MetricStore>, settings: Settings) -> Self {
        Self {
            store,
            settings: RwLock::new(Arc::new(settings)),
        }
    }

    /// Takes other settings from the next request on.
    pub fn apply(&self, settings: Settings) {
        *self.settings.write() = Arc::new(settings);
    }

    /// Answers a request; `body` is as it came, one snappy block.
    ///
    /// # Errors
    /// [`ReadError`] says whose fault it is by its kind.
    pub fn answer(&self, body: &[u8]) -> Result<Answer, ReadError> {
        let settings = Arc::clone(&self.settings.read());
        let mut buffer = Vec::new();
        let message = snappy::decode(body, settings.body_bytes_max, &mut buffer)?;
        let request = decode_request(message)?;
        let streamed = match request.accepted.iter().flatten().next() {
            Some(ResponseType::StreamedXorChunks) => true,
            Some(ResponseType::Samples) => false,
            None if request.accepted.is_empty() => false,
            None => return Err(ReadError::ResponseType),
        };
        let mut queries = VecDeque::new();
        for query in request.queries {
            let matchers: Vec<Matcher> = query
                .matchers
                .into_iter()
                .map(|matcher| without_external(matcher, &settings.external_labels))
                .collect();
            let range = TimeRange::new(query.start_ms, query.end_ms);
            let hints = SelectionHints::default();
            let mut series = self.store.select(&Selection {
                matchers: &matchers,
                range,
                hints,
            })?;
            series.sort_by(|a, b| a.labels().cmp(b.labels()));
            queries.push_back(OpenQuery {
                range,
                series: series.into(),
            });
        }
        if streamed {
            return Ok(Answer::Frames(Frames {
                queries,
                query_index: 0,
                settings,
                ready: VecDeque::new(),
                samples: Samples::default(),
            }));
        }
        samples_body(queries, &settings).map(Answer::Samples)
    }
}

/// A matcher that asks for an external label by its value matches all series that do not have the
/// label themselves.
fn without_external(matcher: Matcher, external: &Labels) -> Matcher {
    if matcher.op == MatchOp::Equal && external.get(&matcher.name) == Some(&matcher.value) {
        return Matcher::equal(matcher.name, "");
    }
    matcher
}

/// The labels of a series together with the external ones; those of the series win.
fn with_external(labels: &Labels, external: &Labels) -> Labels {
    if external.is_empty() {
        return labels.clone();
    }
    let mut builder = external.to_builder();
    for (name, value) in labels {
        builder.set(name, value);
    }
    builder.build()
}

#[derive(Debug)]
struct OpenQuery {
    range: TimeRange,
    series: VecDeque<Box<dyn SeriesHandle>>,
}

fn samples_body(queries: VecDeque<OpenQuery>, settings: &Settings) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    for query in queries {
        let mut count = 0;
        let mut result = Vec::new();
        let mut samples = Samples::default();
        for series in query.series {
            samples.clear();
            series.read(query.range, &mut samples)?;
            count += samples.len();
            if settings.samples_max > 0 && count > settings.samples_max {
                return Err(ReadError::TooManySamples {
                    limit: settings.samples_max,
                });
            }
            if samples.is_empty() {
                continue;
            }
            let labels = with_external(series.labels(), &settings.external_labels);
            Writer::new(&mut result).message(1, |writer| {
                v1::encode_labels(writer, 1, &labels);
                for (position, &time_ms) in samples.times_ms.iter().enumerate() {
                    match samples.histogram_at(position) {
                        Some(found) => writer.message(4, |writer| {
                            histogram::encode_float(writer, time_ms, 0, found);
                        }),
                        None => v1::encode_sample(writer, 2, time_ms, samples.values[position]),
                    }
                }
            });
        }
        Writer::new(&mut body).bytes_always(1, &result);
    }
    Ok(snappy::encode(&body)?)
}

/// Frames of a streamed answer, computed when they are asked for: a length as varint, the CRC-32C
/// of the message in big-endian order, the message. One series a frame; large ones take several.
#[derive(Debug)]
pub struct Frames {
    queries: VecDeque<OpenQuery>,
    query_index: usize,
    settings: Arc<Settings>,
    ready: VecDeque<Vec<u8>>,
    samples: Samples,
}

impl Frames {
    /// Computes the frames of the next series with samples; `false` at the end.
    fn advance(&mut self) -> Result<bool, StorageError> {
        while let Some(query) = self.queries.front_mut() {
            let Some(series) = query.series.pop_front() else {
                self.queries.pop_front();
                self.query_index += 1;
                continue;
            };
            self.samples.clear();
            series.read(query.range, &mut self.samples)?;
            if self.samples.is_empty() {
                continue;
            }
            let labels = with_external(series.labels(), &self.settings.external_labels);
            let room = self
                .settings
                .frame_bytes_max
                .saturating_sub(labels.as_bytes().len());
            let mut part = Vec::new();
            let mut part_bytes = 0;
            for chunk in chunks::encode(&self.samples) {
                part_bytes += chunk.data.len() + 24;
                part.push(chunk);
                if part_bytes >= room {
                    self.ready
                        .push_back(frame(self.query_index, &labels, &part));
                    part.clear();
                    part_bytes = 0;
                }
            }
            if !part.is_empty() {
                self.ready
                    .push_back(frame(self.query_index, &labels, &part));
            }
            return Ok(true);
        }
        Ok(false)
    }
}

impl Iterator for Frames {
    type Item = Result<Vec<u8>, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(frame) = self.ready.pop_front() {
                return Some(Ok(frame));
            }
            match self.advance() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.queries.clear();
                    return Some(Err(error));
                }
            }
        }
    }
}

fn frame(query_index: usize, labels: &Labels, chunks: &[bellwether_wire::read::Chunk]) -> Vec<u8> {
    let mut message = Vec::new();
    encode_chunked(query_index, labels, chunks, &mut message);
    let mut out = Vec::with_capacity(message.len() + 14);
    put_varint(&mut out, message.len() as u64);
    out.extend_from_slice(&crc32c::checksum(&message).to_be_bytes());
    out.extend_from_slice(&message);
    out
}

#[cfg(test)]
mod tests;
