//! Records on their way to the receiver.
//!
//! ## Model
//! Whoever emits appends an encoded record to the last *chunk* of its signal; the thread takes whole
//! chunks, each of which becomes a request.
//!
//! A chunk takes records for ten seconds at most: what is given up for its age is as old as its first record
//! says, give or take these.
//!
//! ## Limits
//! Chunks of a signal take at most so many bytes, those included that are being sent. What does not fit
//! is lost and counted; nobody who emits waits.

use std::collections::VecDeque;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::sink::wait::{Deadline, Losses};
use crate::{Counter, FlushError};

/// Bytes from which on a chunk is sent without waiting for more. Chosen: receivers take at least 4 MiB.
pub(super) const CHUNK_BYTES: usize = 512 << 10;
/// How long a chunk takes records. Chosen: of an outage of minutes some dozen chunks wait.
const CHUNK_AGE: Duration = Duration::from_secs(10);

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) count: u64,
    /// When its first record came.
    began: Instant,
    /// Whether it takes no more.
    is_whole: bool,
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
    /// How many wait for that now: who has gone wants nothing any more.
    flushing_count: usize,
    is_closed: bool,
    /// Why something is not sent.
    trouble: Option<String>,
    losses: Losses,
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
            state.losses.add(1, "too many wait to be sent");
            drop(state);
            self.lost[signal as usize % 2].increment();
            return;
        }
        line.bytes += record.len();
        if line
            .chunks
            .back()
            .is_none_or(|it| it.is_whole || it.bytes.len() >= CHUNK_BYTES)
        {
            line.chunks.push_back(Chunk {
                bytes: Vec::new(),
                count: 0,
                began: Instant::now(),
                is_whole: false,
            });
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

    /// Takes out what came too long ago, oldest first; the bytes of that do not count any more.
    pub(super) fn take_old(&self, signal: Signal, now: Instant, age_max: Duration) -> Vec<Chunk> {
        let line = &mut self.state.lock().lines[signal as usize % 2];
        let is_old = |chunk: &&Chunk| now.duration_since(chunk.began) >= age_max;
        let count = line.chunks.iter().take_while(is_old).count();
        let old: Vec<Chunk> = line.chunks.drain(..count).collect();
        let bytes: usize = old.iter().map(|chunk| chunk.bytes.len()).sum();
        line.bytes = line.bytes.saturating_sub(bytes);
        old
    }

    pub(super) fn is_empty(&self, signal: Signal) -> bool {
        let state = self.state.lock();
        state.lines[signal as usize % 2].chunks.is_empty()
    }

    /// So many records will never arrive, which whoever flushes is told.
    pub(super) fn lose(&self, count: u64, reason: &str) {
        self.state.lock().losses.add(count, reason);
    }

    pub(super) fn trouble(&self, reason: Option<String>) {
        self.state.lock().trouble = reason;
    }

    pub(super) fn wanted(&self, now: Instant) -> Wanted {
        let mut state = self.state.lock();
        for line in &mut state.lines {
            if let Some(last) = line.chunks.back_mut() {
                last.is_whole |= now.duration_since(last.began) >= CHUNK_AGE;
            }
        }
        let is_flush = state.flushing_count > 0 && state.flushed_count < state.flush_count;
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
        let deadline = Deadline::after(patience);
        let mut state = self.state.lock();
        state.flush_count += 1;
        state.flushing_count += 1;
        let wanted = state.flush_count;
        let told_count = state.losses.told_count();
        self.more.notify_one();
        while state.flushed_count < wanted && !deadline.wait(&self.flushed, &mut state) {}
        state.flushing_count -= 1;
        let is_flushed = state.flushed_count >= wanted;
        let lost_count = state.losses.tell_since(told_count);
        if is_flushed && lost_count == 0 {
            return Ok(());
        }
        let waiting = state.lines.iter().flat_map(|line| &line.chunks);
        let reason = match (is_flushed, &state.trouble) {
            (true, _) => state.losses.reason().to_owned(),
            (false, Some(trouble)) => trouble.clone(),
            (false, None) => "the receiver does not answer".to_owned(),
        };
        Err(FlushError {
            waiting_count: match is_flushed {
                true => 0,
                false => waiting.map(|chunk| chunk.count).sum(),
            },
            lost_count,
            reason,
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
        assert_eq!((error.waiting_count, error.lost_count), (1, 1));
        let error = queue.flush(Duration::ZERO).unwrap_err();
        assert_eq!((error.waiting_count, error.lost_count), (1, 0));
        queue.close();
        queue.put(Signal::Traces, b"late");
        assert_eq!(queue.take(Signal::Traces), None);
    }

    #[test]
    fn who_flushes_wants_something_until_its_patience_ends() {
        let queue = Queue::new(10, [Counter::OFF, Counter::OFF]);
        let now = Instant::now();
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| queue.flush(Duration::MAX));
            let wanted = loop {
                if let Some(flush) = queue.wanted(now).flush {
                    break flush;
                }
                std::thread::yield_now();
            };
            queue.lose(2, "the receiver answers 400");
            queue.flushed(wanted);
            let error = flush.join().unwrap().unwrap_err();
            assert_eq!((error.waiting_count, error.lost_count), (0, 2));
            assert_eq!(error.reason, "the receiver answers 400");
        });
        assert_eq!(queue.flush(Duration::ZERO).unwrap_err().lost_count, 0);
        assert_eq!(queue.wanted(now).flush, None, "nobody waits any more");
    }

    #[test]
    fn chunks_are_as_old_as_their_records() {
        let queue = Queue::new(100, [Counter::OFF, Counter::OFF]);
        queue.put(Signal::Logs, b"old");
        let begun = Instant::now();
        let (soon, later) = (begun + CHUNK_AGE / 2, begun + CHUNK_AGE);
        assert!(!queue.wanted(soon).is_closed);
        queue.put(Signal::Logs, b"older");
        assert!(!queue.wanted(later).is_closed);
        queue.put(Signal::Logs, b"new");
        let old = queue.take_old(Signal::Logs, later, CHUNK_AGE / 2 * 3);
        assert_eq!(old, []);
        let mut old = queue.take_old(Signal::Logs, later, CHUNK_AGE);
        assert_eq!(old.remove(0).bytes, b"oldolder");
        let counts = std::iter::from_fn(|| queue.take(Signal::Logs)).map(|it| it.count);
        assert_eq!(counts.collect::<Vec<u64>>(), [1]);
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
