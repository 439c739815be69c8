//! Records on their way to the receiver.
//!
//! ## Model
//! Whoever emits appends an encoded record to the last *chunk* of its signal; the thread takes whole
//! chunks, each of which becomes a request.
//!
//! ## Limits
//! Chunks of a signal take at most so many bytes, those included that are being sent. What does not fit
//! is lost and counted; nobody who emits waits.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::{Counter, FlushError};

/// Bytes from which on a chunk is sent without waiting for more. Chosen: receivers take at least 4 MiB.
const CHUNK_BYTES: usize = 512 << 10;

/// What can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Logs,
    Traces,
    Metrics,
}

impl Signal {
    pub(super) const QUEUED: [Self; 2] = [Self::Logs, Self::Traces];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Logs => "logs",
            Self::Traces => "traces",
            Self::Metrics => "metrics",
        }
    }
}

/// Records of one signal, encoded.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u64,
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    /// The thread waits on it.
    pub(super) more: Notify,
    /// Those who flush wait on it.
    flushed: Condvar,
    bytes_max: usize,
    /// Of logs and of traces.
    lost: [Counter; 2],
}

#[derive(Debug, Default)]
struct State {
    /// Of logs and of traces.
    lines: [Line; 2],
    /// How often somebody wanted everything to be sent, and how often that was done.
    flush_count: u64,
    flushed_count: u64,
    is_closed: bool,
    /// Why something is not sent.
    trouble: Option<String>,
}

#[derive(Debug, Default)]
struct Line {
    chunks: VecDeque<Chunk>,
    /// Of all chunks, the one that is being sent included.
    bytes: usize,
}

/// What the thread is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Somebody waits until everything is sent; to be given back to [`Queue::flushed`].
    pub(super) flush: Option<u64>,
    pub(super) is_closed: bool,
}

impl Queue {
    pub(super) fn new(bytes_max: usize, lost: [Counter; 2]) -> Self {
        Self {
            state: Mutex::default(),
            more: Notify::new(),
            flushed: Condvar::new(),
            bytes_max,
            lost,
        }
    }

    /// Takes a record of logs or traces.
    pub(super) fn put(&self, signal: Signal, record: &[u8]) {
        let mut state = self.state.lock();
        let is_closed = state.is_closed;
        let line = &mut state.lines[signal as usize % 2];
        if is_closed || line.bytes + record.len() > self.bytes_max {
            drop(state);
            self.lost[signal as usize % 2].increment();
            return;
        }
        line.bytes += record.len();
        if line
            .chunks
            .back()
            .is_none_or(|it| it.bytes.len() >= CHUNK_BYTES)
        {
            line.chunks.push_back(Chunk::default());
        }
        let Some(chunk) = line.chunks.back_mut() else {
            return;
        };
        chunk.bytes.extend_from_slice(record);
        chunk.count += 1;
        let is_full = chunk.bytes.len() >= CHUNK_BYTES;
        drop(state);
        if is_full {
            self.more.notify_one();
        }
    }

    /// The oldest chunk. Its bytes count until [`Queue::done`] says that it is gone.
    pub(super) fn take(&self, signal: Signal) -> Option<Chunk> {
        self.state.lock().lines[signal as usize % 2]
            .chunks
            .pop_front()
    }

    /// A chunk was sent, or is given up.
    pub(super) fn done(&self, signal: Signal, chunk: &Chunk) {
        let line = &mut self.state.lock().lines[signal as usize % 2];
        line.bytes = line.bytes.saturating_sub(chunk.bytes.len());
    }

    /// A chunk is to be sent later.
    pub(super) fn put_back(&self, signal: Signal, chunk: Chunk) {
        self.state.lock().lines[signal as usize % 2]
            .chunks
            .push_front(chunk);
    }

    pub(super) fn trouble(&self, reason: Option<String>) {
        self.state.lock().trouble = reason;
    }

    pub(super) fn wanted(&self) -> Wanted {
        let state = self.state.lock();
        let is_flush = state.flushed_count < state.flush_count;
        Wanted {
            flush: is_flush.then_some(state.flush_count),
            is_closed: state.is_closed,
        }
    }

    /// Everything is sent that was there when so many had asked for it.
    pub(super) fn flushed(&self, flush_count: u64) {
        let mut state = self.state.lock();
        state.flushed_count = state.flushed_count.max(flush_count);
        drop(state);
        self.flushed.notify_all();
    }

    /// Waits until everything that was put before is sent, numbers included.
    pub(super) fn flush(&self, patience: Duration) -> Result<(), FlushError> {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        state.flush_count += 1;
        let wanted = state.flush_count;
        self.more.notify_one();
        while state.flushed_count < wanted {
            if self.flushed.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        if state.flushed_count >= wanted {
            return Ok(());
        }
        let counts = state.lines.iter().flat_map(|line| &line.chunks);
        let reason = state.trouble.clone();
        Err(FlushError {
            waiting_count: counts.map(|chunk| chunk.count).sum(),
            reason: reason.unwrap_or_else(|| "the receiver does not answer".to_owned()),
        })
    }

    /// Takes no more records; the thread ends.
    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.more.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_lost_and_what_is_being_sent_counts() {
        let telemetry = crate::Telemetry::new(10);
        let lost = telemetry.counter("lost", "");
        let queue = Queue::new(10, [lost.clone(), Counter::OFF]);
        queue.put(Signal::Logs, b"12345");
        queue.put(Signal::Logs, b"6789");
        let chunk = queue.take(Signal::Logs).unwrap();
        assert_eq!(
            (chunk.bytes.as_slice(), chunk.count),
            (b"123456789".as_slice(), 2)
        );
        queue.put(Signal::Logs, b"ab");
        assert_eq!(lost.get(), 1);
        queue.put_back(Signal::Logs, chunk);
        let chunk = queue.take(Signal::Logs).unwrap();
        queue.done(Signal::Logs, &chunk);
        queue.put(Signal::Logs, b"0123456789");
        assert_eq!(lost.get(), 1);
        let error = queue.flush(Duration::ZERO).unwrap_err();
        assert_eq!(error.waiting_count, 1);
        assert_eq!(queue.wanted().flush, Some(1));
        queue.flushed(1);
        assert_eq!(queue.wanted().flush, None);
        queue.close();
        queue.put(Signal::Traces, b"late");
        assert_eq!(queue.take(Signal::Traces), None);
    }

    #[test]
    fn chunks_are_cut_between_records() {
        let queue = Queue::new(usize::MAX, [Counter::OFF, Counter::OFF]);
        let record = vec![7; CHUNK_BYTES / 3 + 1];
        for _ in 0..4 {
            queue.put(Signal::Traces, &record);
        }
        let counts = std::iter::from_fn(|| queue.take(Signal::Traces)).map(|it| it.count);
        assert_eq!(counts.collect::<Vec<u64>>(), [3, 1]);
    }
}
