//! Things that happened.

use std::cell::RefCell;
use std::fmt;

use serde_json::Value;

use crate::clock::put_time;

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For whoever looks for a fault.
    Debug,
    /// As it should be.
    Info,
    /// Somebody should look at it some time.
    Warning,
    /// Something failed.
    Error,
}

impl Level {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Something that happened in a service.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// When, ms since 1970.
    pub time_ms: i64,
    /// How much it matters.
    pub level: Level,
    /// Its name, the same for all events of its kind: `provider_failed`.
    pub name: &'a str,
    /// Everything else.
    pub payload: &'a Value,
    /// The request in which it happened: 0 where there is none.
    pub trace_id: u128,
    /// The span in which it happened: 0 where there is none.
    pub span_id: u64,
}

thread_local! {
    /// Lines are made in it, so that nothing is allocated for each.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What a line may leave of its thread's buffer. Chosen: rare giants are given back.
const LINE_BYTES_KEPT: usize = 64 << 10;

impl Event<'_> {
    /// Hands out the event as a line of JSON, with its end.
    pub(crate) fn with_json_line(&self, take: impl FnOnce(&[u8])) {
        LINE.with(|line| {
            let Ok(mut line) = line.try_borrow_mut() else {
                // Whoever takes a line emits events: those are left out.
                return;
            };
            line.clear();
            self.put_json(&mut line);
            line.push(b'\n');
            take(&line);
            line.shrink_to(LINE_BYTES_KEPT);
        });
    }

    fn put_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":\"");
        put_time(out, self.time_ms);
        out.extend_from_slice(b"\",\"level\":\"");
        out.extend_from_slice(self.level.as_str().as_bytes());
        out.extend_from_slice(b"\",\"event\":");
        put(out, self.name);
        if self.trace_id != 0 {
            out.extend_from_slice(b",\"trace_id\":\"");
            put_hex(out, &self.trace_id.to_be_bytes());
            out.push(b'"');
        }
        if self.span_id != 0 {
            out.extend_from_slice(b",\"span_id\":\"");
            put_hex(out, &self.span_id.to_be_bytes());
            out.push(b'"');
        }
        if !self.payload.is_null() {
            out.extend_from_slice(b",\"payload\":");
            put(out, self.payload);
        }
        out.push(b'}');
    }
}

fn put(out: &mut Vec<u8>, value: &(impl serde::Serialize + ?Sized)) {
    let begin = out.len();
    if serde_json::to_writer(&mut *out, value).is_err() {
        // Writing to memory does not fail, and texts and values have no keys that are no texts.
        out.truncate(begin);
        out.extend_from_slice(b"null");
    }
}

fn put_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            out.push(if half < 10 {
                b'0' + half
            } else {
                b'a' + half - 10
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_is_json_that_says_everything() {
        let payload = json!({"provider": "meridian\n", "tokens": 3});
        let event = Event {
            time_ms: 1_795_933_307_123,
            level: Level::Warning,
            name: "provider \"failed\"",
            payload: &payload,
            trace_id: 0xab,
            span_id: 0xc,
        };
        let mut line = Vec::new();
        event.with_json_line(|bytes| line = bytes.to_vec());
        assert_eq!(line.pop(), Some(b'\n'));
        assert!(!line.contains(&b'\n'));
        let read: Value = serde_json::from_slice(&line).unwrap();
        let want = json!({
            "time": "2026-11-29T06:21:47.123Z", "level": "warning", "event": "provider \"failed\"",
            "trace_id": "000000000000000000000000000000ab", "span_id": "000000000000000c",
            "payload": payload,
        });
        assert_eq!(read, want);
    }
}
