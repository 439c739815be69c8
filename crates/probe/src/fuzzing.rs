//! What fuzz targets reach of our own parsers. Not for use.

use crate::module::LlmApi;
use crate::sse::EventReader;
use crate::{command, llm, mcp, redis};

/// Reads a stream of events in pieces, and each event as what a provider or an MCP server sends. Gives the
/// number of events.
#[must_use]
pub fn events(stream: &[u8], piece_bytes: usize) -> usize {
    let mut reader = EventReader::default();
    let mut events = Vec::new();
    for piece in stream.chunks(piece_bytes.max(1)) {
        if reader.push(piece, &mut events).is_err() {
            break;
        }
    }
    for event in &events {
        mcp::read_message(event.data.as_bytes());
    }
    llm::read_events(LlmApi::OpenAi, &events);
    llm::read_events(LlmApi::Anthropic, &events);
    events.len()
}

/// Reads an answer of Redis, and the output of a plugin. Gives the number of values.
#[must_use]
pub fn answers(bytes: &[u8]) -> usize {
    redis::read_answers(bytes) + command::perfdata(&String::from_utf8_lossy(bytes)).len()
}
