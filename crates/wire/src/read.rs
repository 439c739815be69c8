//! Remote read: `prometheus.ReadRequest`, and the two forms of its answer.

use bellwether_codec::protobuf::{Cursor, Writer};
use bellwether_model::{Labels, MatchOp, Matcher};

use crate::WireError;
use crate::v1::encode_labels;

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseType {
    /// One `ReadResponse` with all samples.
    Samples,
    /// Frames of `ChunkedReadResponse` with encoded chunks.
    StreamedXorChunks,
}

/// One question.
#[derive(Debug, Clone)]
pub struct Query {
    /// First millisecond wanted.
    pub start_ms: i64,
    /// Last millisecond wanted.
    pub end_ms: i64,
    /// All must hold.
    pub matchers: Vec<Matcher>,
}

/// Several questions and the forms of answer that the client understands.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The questions.
    pub queries: Vec<Query>,
    /// Forms in the order of preference, those that we do not know left out as `None`.
    pub accepted: Vec<Option<ResponseType>>,
}

/// Queries in one request. Chosen: Prometheus sends one.
const QUERIES_MAX: usize = 1_000;
/// Matchers in one query. Chosen.
const MATCHERS_MAX: usize = 1_000;

/// Reads a `ReadRequest`.
///
/// # Errors
/// Where the bytes are no such message, a matcher's pattern is no regular expression, or there
/// are more queries or matchers than anybody needs.
pub fn decode_request(message: &[u8]) -> Result<ReadRequest, WireError> {
    let mut request = ReadRequest {
        queries: Vec::new(),
        accepted: Vec::new(),
    };
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => {
                if request.queries.len() >= QUERIES_MAX {
                    return Err(WireError::TooMany {
                        limit: QUERIES_MAX as u64,
                    });
                }
                request.queries.push(decode_query(cursor.bytes_of(field)?)?);
            }
            2 => cursor.varints_of(field, |number| {
                // Two are known; a handful is enough to negotiate.
                if request.accepted.len() < 16 {
                    request.accepted.push(match number {
                        0 => Some(ResponseType::Samples),
                        1 => Some(ResponseType::StreamedXorChunks),
                        _ => None,
                    });
                }
            })?,
            _ => cursor.skip(field)?,
        }
    }
    Ok(request)
}

fn decode_query(message: &[u8]) -> Result<Query, WireError> {
    let mut query = Query {
        start_ms: 0,
        end_ms: 0,
        matchers: Vec::new(),
    };
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => query.start_ms = cursor.varint_of(field)? as i64,
            2 => query.end_ms = cursor.varint_of(field)? as i64,
            3 => {
                if query.matchers.len() >= MATCHERS_MAX {
                    return Err(WireError::TooMany {
                        limit: MATCHERS_MAX as u64,
                    });
                }
                query
                    .matchers
                    .push(decode_matcher(cursor.bytes_of(field)?)?);
            }
            // Hints (4) only save work that the store does not do per query function.
            _ => cursor.skip(field)?,
        }
    }
    Ok(query)
}

fn decode_matcher(message: &[u8]) -> Result<Matcher, WireError> {
    let (mut op, mut name, mut value) = (MatchOp::Equal, "", "");
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        match field.number {
            1 => {
                op = match cursor.varint_of(field)? {
                    0 => MatchOp::Equal,
                    1 => MatchOp::NotEqual,
                    2 => MatchOp::Regex,
                    3 => MatchOp::NotRegex,
                    other => {
                        let text = format!("matcher type {other} is not one of 0 to 3");
                        return Err(WireError::Matcher(text));
                    }
                };
            }
            2 => name = cursor.string_of(field)?,
            3 => value = cursor.string_of(field)?,
            _ => cursor.skip(field)?,
        }
    }
    Matcher::new(name, op, value).map_err(|e| WireError::Matcher(e.to_string()))
}

/// Appends a `ReadRequest`: for clients and tests.
pub fn encode_request(request: &ReadRequest, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    for query in &request.queries {
        writer.message(1, |writer| {
            writer.int64(1, query.start_ms);
            writer.int64(2, query.end_ms);
            for matcher in &query.matchers {
                writer.message(3, |writer| {
                    writer.varint(
                        1,
                        match matcher.op {
                            MatchOp::Equal => 0,
                            MatchOp::NotEqual => 1,
                            MatchOp::Regex => 2,
                            MatchOp::NotRegex => 3,
                        },
                    );
                    writer.bytes(2, matcher.name.as_bytes());
                    writer.bytes(3, matcher.value.as_bytes());
                });
            }
        });
    }
    let accepted = request
        .accepted
        .iter()
        .flatten()
        .map(|accepted| match accepted {
            ResponseType::Samples => 0,
            ResponseType::StreamedXorChunks => 1,
        });
    writer.packed_varints(2, accepted);
}

/// The encodings of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkEncoding {
    /// Floats.
    Xor = 1,
    /// Histograms with integer counts.
    Histogram = 2,
    /// Histograms with float counts.
    FloatHistogram = 3,
}

/// Some samples of one series, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// Time of the first sample.
    pub min_time_ms: i64,
    /// Time of the last sample.
    pub max_time_ms: i64,
    /// How they are encoded.
    pub encoding: ChunkEncoding,
    /// The bytes.
    pub data: Vec<u8>,
}

/// Appends a `ChunkedReadResponse` with chunks of one series.
pub fn encode_chunked(query_index: usize, labels: &Labels, chunks: &[Chunk], out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.message(1, |writer| {
        encode_labels(writer, 1, labels);
        for chunk in chunks {
            writer.message(2, |writer| {
                writer.int64(1, chunk.min_time_ms);
                writer.int64(2, chunk.max_time_ms);
                writer.varint(3, chunk.encoding as u64);
                writer.bytes(4, &chunk.data);
            });
        }
    });
    writer.varint(2, query_index as u64);
}
