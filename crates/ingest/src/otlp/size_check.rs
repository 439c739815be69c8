//! Counts the messages of a request before it is decoded.
//!
//! ## Limits
//! An empty message takes two bytes on the wire and over a hundred in memory; a request is refused
//! when it holds more messages than the receiver takes, or nests deeper than any sender does.

use bellwether_codec::protobuf::{Cursor, ProtobufError, WireType};

/// Nesting of values. The decoder stops at 100 by itself.
const DEPTH_MAX: usize = 90;

/// Kinds of messages, as far as they hold others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Request,
    ResourceMetrics,
    Resource,
    ScopeMetrics,
    Scope,
    Metric,
    Numbers,
    Histograms,
    Exponentials,
    Summaries,
    Number,
    Histogram,
    Exponential,
    Summary,
    Exemplar,
    KeyValue,
    AnyValue,
    Array,
    KeyValues,
    Leaf,
}

impl Node {
    fn child(self, field: u32) -> Option<Self> {
        Some(match (self, field) {
            (Self::Request, 1) => Self::ResourceMetrics,
            (Self::ResourceMetrics, 1) => Self::Resource,
            (Self::ResourceMetrics, 2) => Self::ScopeMetrics,
            (Self::ScopeMetrics, 1) => Self::Scope,
            (Self::ScopeMetrics, 2) => Self::Metric,
            (Self::Metric, 5 | 7) => Self::Numbers,
            (Self::Metric, 9) => Self::Histograms,
            (Self::Metric, 10) => Self::Exponentials,
            (Self::Metric, 11) => Self::Summaries,
            (Self::Numbers, 1) => Self::Number,
            (Self::Histograms, 1) => Self::Histogram,
            (Self::Exponentials, 1) => Self::Exponential,
            (Self::Summaries, 1) => Self::Summary,
            (Self::Number, 5) | (Self::Histogram, 8) | (Self::Exponential, 11) => Self::Exemplar,
            (Self::Summary, 6) => Self::Leaf,
            (Self::Resource, 1)
            | (Self::Scope, 3)
            | (Self::Metric, 12)
            | (Self::Number | Self::Summary | Self::Exemplar, 7)
            | (Self::Histogram, 9)
            | (Self::Exponential | Self::KeyValues, 1) => Self::KeyValue,
            (Self::Resource, 3) | (Self::KeyValue, 4) => Self::Leaf,
            (Self::KeyValue, 2) | (Self::Array, 1) => Self::AnyValue,
            (Self::AnyValue, 5) => Self::Array,
            (Self::AnyValue, 6) => Self::KeyValues,
            _ => return None,
        })
    }
}

/// Counts the messages of a request: `None` where there are more than `limit`, or they nest too
/// deep.
pub(super) fn count(message: &[u8], limit: u64) -> Result<Option<u64>, ProtobufError> {
    let mut seen = 0;
    let fits = walk(message, Node::Request, 0, limit, &mut seen)?;
    Ok(fits.then_some(seen))
}

fn walk(
    message: &[u8],
    node: Node,
    depth: usize,
    limit: u64,
    seen: &mut u64,
) -> Result<bool, ProtobufError> {
    if depth > DEPTH_MAX {
        return Ok(false);
    }
    let mut cursor = Cursor::new(message);
    while let Some(field) = cursor.field()? {
        let child = node
            .child(field.number)
            .filter(|_| field.wire_type == WireType::Bytes);
        let Some(child) = child else {
            cursor.skip(field)?;
            continue;
        };
        *seen += 1;
        if *seen > limit || !walk(cursor.bytes()?, child, depth + 1, limit, seen)? {
            return Ok(false);
        }
    }
    Ok(true)
}
