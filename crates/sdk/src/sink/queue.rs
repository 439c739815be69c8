//! Lines on their way to a writer.
//!
//! ## Model
//! Whoever emits appends a line to a buffer in memory; one writer takes the whole buffer and says when
//! it is written.
//!
//! ## Limits
//! The buffer has a size. What does not fit is lost and counted; nobody who emits ever waits for a disk.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::Counter;

/// A writer that has nothing to do sleeps; one that has been woken lets so many bytes gather before it
/// writes, or so much time pass.
const GATHER_BYTES: usize = 64 << 10;
const GATHER_TIME: Duration = Duration::from_millis(5);

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// The writer waits on it.
    more: Condvar,
    /// Those who flush wait on it.
    written: Condvar,
    bytes_max: usize,
    lost: Counter,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Lines that were ever taken.
    taken_count: u64,
    /// Those that are written.
    written_count: u64,
    /// How many wait for lines to be written.
    flushing_count: usize,
    is_writer_asleep: bool,
    is_closed: bool,
    /// Why lines are not written.
    trouble: Option<String>,
}

/// Why not everything is where it belongs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{waiting_count} events wait, {lost_count} are lost: {reason}")]
pub struct FlushError {
    /// How many wait.
    pub waiting_count: u64,
    /// How many were lost or refused since the last time that this was said: they are counted, and do not
    /// come back.
    pub lost_count: u64,
    /// Why.
    pub reason: String,
}

/// What a writer gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Lines were put into its buffer; they are so many, counted from the beginning.
    Lines { until_count: u64, is_flush: bool },
    /// Nothing came for a while.
    Nothing,
    /// Nothing will come any more.
    Closed,
}

impl Queue {
    pub(crate) fn new(bytes_max: usize, lost: Counter) -> Self {
        Self {
            state: Mutex::default(),
            more: Condvar::new(),
            written: Condvar::new(),
            bytes_max,
            lost,
        }
    }

    /// Takes a whole line, with its end.
    pub(crate) fn put(&self, line: &[u8]) {
        let mut state = self.state.lock();
        if state.is_closed || state.lines.len() + line.len() > self.bytes_max {
            drop(state);
            self.lost.increment();
            return;
        }
        state.lines.extend_from_slice(line);
        state.taken_count += 1;
        let is_asleep = state.is_writer_asleep;
        drop(state);
        if is_asleep {
            self.more.notify_one();
        }
    }

    /// Waits for lines, and puts them into the empty `buffer`.
    pub(crate) fn take(&self, buffer: &mut Vec<u8>, patience: Duration) -> Taken {
        let mut state = self.state.lock();
        if state.lines.is_empty() && !state.is_closed {
            state.is_writer_asleep = true;
            self.more.wait_for(&mut state, patience);
            state.is_writer_asleep = false;
        }
        let deadline = Instant::now() + GATHER_TIME;
        while !state.lines.is_empty()
            && state.lines.len() < GATHER_BYTES
            && state.flushing_count == 0
            && !state.is_closed
        {
            if self.more.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        if state.lines.is_empty() {
            return match state.is_closed {
                true => Taken::Closed,
                false => Taken::Nothing,
            };
        }
        std::mem::swap(&mut state.lines, buffer);
        Taken::Lines {
            until_count: state.taken_count,
            is_flush: state.flushing_count > 0,
        }
    }

    /// Says how many lines are written, counted from the beginning.
    pub(crate) fn written(&self, until_count: u64) {
        let mut state = self.state.lock();
        state.written_count = until_count;
        state.trouble = None;
        drop(state);
        self.written.notify_all();
    }

    /// Says why lines cannot be written now.
    pub(crate) fn trouble(&self, reason: String) {
        self.state.lock().trouble = Some(reason);
    }

    /// Waits until everything that was put before is written.
    pub(crate) fn flush(&self, patience: Duration) -> Result<(), FlushError> {
        let deadline = Instant::now() + patience;
        let mut state = self.state.lock();
        let wanted = state.taken_count;
        state.flushing_count += 1;
        self.more.notify_one();
        while state.written_count < wanted {
            if self.written.wait_until(&mut state, deadline).timed_out() {
                break;
            }
        }
        state.flushing_count -= 1;
        let waiting_count = wanted.saturating_sub(state.written_count);
        if waiting_count == 0 {
            return Ok(());
        }
        let reason = state.trouble.clone();
        Err(FlushError {
            waiting_count,
            lost_count: 0,
            reason: reason.unwrap_or_else(|| "the writer is not that far".to_owned()),
        })
    }

    /// Takes no more lines; the writer ends when it has written those that are there.
    pub(crate) fn close(&self) {
        self.state.lock().is_closed = true;
        self.more.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    /// Waits, unless it is closed meanwhile.
    pub(crate) fn pause(&self, time: Duration) {
        let deadline = Instant::now() + time;
        let mut state = self.state.lock();
        while !state.is_closed {
            if self.more.wait_until(&mut state, deadline).timed_out() {
                return;
            }
        }
    }
}
