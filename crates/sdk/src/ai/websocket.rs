//! One session over a WebSocket.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Families;

/// The code of a session that ended without one, as RFC 6455, section 7.1.5, has it.
const ABNORMAL: u16 = 1_006;

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the other side.
    Received,
    /// To the other side.
    Sent,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Sent => "sent",
        }
    }
}

/// A session that is open. Dropped without a code, it counts as ended abnormally.
#[derive(Debug)]
pub struct WebSocketSession {
    families: Arc<Families>,
    began: Instant,
    is_over: bool,
}

impl WebSocketSession {
    pub(super) fn begin(families: &Arc<Families>) -> Self {
        families.sessions.add(1.0);
        Self {
            families: Arc::clone(families),
            began: Instant::now(),
            is_over: false,
        }
    }

    /// A message of so many bytes.
    pub fn message(&self, direction: Direction, bytes: usize) {
        let label = [direction.as_str()];
        self.families.messages.with(label).increment();
        self.families.message_bytes.with(label).add(bytes as u64);
    }

    /// Time from a ping to its pong.
    pub fn round_trip(&self, time: Duration) {
        self.families.round_trips.observe_duration(time);
    }

    /// Ends it with a close code, as RFC 6455, section 7.4, has them.
    pub fn close(mut self, code: u16) {
        self.end(code);
    }

    fn end(&mut self, code: u16) {
        self.is_over = true;
        self.families.sessions.add(-1.0);
        let code = code.to_string();
        let durations = self.families.session_durations.with([&code]);
        durations.observe_duration(self.began.elapsed());
    }
}

impl Drop for WebSocketSession {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(ABNORMAL);
        }
    }
}
