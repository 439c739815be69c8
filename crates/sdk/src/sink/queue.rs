//! Lines on their way to a writer.
//!
//! ## Model
//! Whoever emits appends a line to a buffer in memory; one writer takes the whole buffer and says when
//! it is settled: where it is to be, or lost.
//!
//! ## Limits
//! The buffer has a size, which includes what is being written. What does not fit is lost and counted;
//! nobody who emits ever waits for a disk.

use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::wait::{Deadline, Losses};
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
    settled: Condvar,
    bytes_max: usize,
    lost: Counter,
}

#[derive(Debug, Default)]
struct State {
    lines: Vec<u8>,
    /// Bytes that are being written.
    writing_bytes: usize,
    /// Lines that were ever taken.
    taken_count: u64,
    /// Those that are where they are to be, or lost.
    settled_count: u64,
    losses: Losses,
    /// How many wait for lines to be settled.
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
    /// Somebody waits until those that are written are synced.
    Flush,
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
            settled: Condvar::new(),
            bytes_max,
            lost,
        }
    }

    /// Takes a whole line, with its end.
    pub(crate) fn put(&self, line: &[u8]) {
        let mut state = self.state.lock();
        let bytes = state.lines.len() + state.writing_bytes;
        if state.is_closed || bytes + line.len() > self.bytes_max {
            state.losses.add(1, "too many wait to be written");
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
        state.writing_bytes = 0;
        if state.lines.is_empty() && !state.is_closed && !state.is_flush_due() {
            state.is_writer_asleep = true;
            self.more.wait_for(&mut state, patience);
            state.is_writer_asleep = false;
        }
        let deadline = Deadline::after(GATHER_TIME);
        while !state.lines.is_empty()
            && state.lines.len() < GATHER_BYTES
            && state.flushing_count == 0
            && !state.is_closed
        {
            if deadline.wait(&self.more, &mut state) {
                break;
            }
        }
        if state.lines.is_empty() {
            return match (state.is_closed, state.is_flush_due()) {
                (true, _) => Taken::Closed,
                (false, true) => Taken::Flush,
                (false, false) => Taken::Nothing,
            };
        }
        state.writing_bytes = state.lines.len();
        std::mem::swap(&mut state.lines, buffer);
        Taken::Lines {
            until_count: state.taken_count,
            is_flush: state.flushing_count > 0,
        }
    }

    /// Says how many lines are settled, counted from the beginning.
    pub(crate) fn settled(&self, until_count: u64) {
        let mut state = self.state.lock();
        state.settled_count = until_count;
        state.trouble = None;
        drop(state);
        self.settled.notify_all();
    }

    /// So many lines that were written are lost, which whoever flushes is told.
    pub(crate) fn lose(&self, count: u64, reason: &str) {
        self.state.lock().losses.add(count, reason);
        self.lost.add(count);
    }

    /// Says why lines cannot be written now.
    pub(crate) fn trouble(&self, reason: String) {
        self.state.lock().trouble = Some(reason);
    }

    /// Waits until everything that was put before is settled.
    pub(crate) fn flush(&self, patience: Duration) -> Result<(), FlushError> {
        let deadline = Deadline::after(patience);
        let mut state = self.state.lock();
        let wanted = state.taken_count;
        let told_count = state.losses.told_count();
        state.flushing_count += 1;
        self.more.notify_one();
        while state.settled_count < wanted && !deadline.wait(&self.settled, &mut state) {}
        state.flushing_count -= 1;
        let waiting_count = wanted.saturating_sub(state.settled_count);
        let lost_count = state.losses.tell_since(told_count);
        if waiting_count == 0 && lost_count == 0 {
            return Ok(());
        }
        let reason = match (waiting_count, &state.trouble) {
            (0, _) => state.losses.reason().to_owned(),
            (_, Some(trouble)) => trouble.clone(),
            (_, None) => "the writer is not that far".to_owned(),
        };
        Err(FlushError {
            waiting_count,
            lost_count,
            reason,
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
        let deadline = Deadline::after(time);
        let mut state = self.state.lock();
        while !state.is_closed && !deadline.wait(&self.more, &mut state) {}
    }
}

impl State {
    /// Whether somebody waits for lines that the writer has.
    fn is_flush_due(&self) -> bool {
        self.flushing_count > 0 && self.settled_count < self.taken_count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_written_counts_and_what_is_lost_is_told_once() {
        let telemetry = crate::Telemetry::new(10);
        let lost = telemetry.counter("lost", "");
        let queue = Queue::new(10, lost.clone());
        queue.put(b"12345\n");
        let mut lines = Vec::new();
        let taken = queue.take(&mut lines, Duration::ZERO);
        let want = Taken::Lines {
            until_count: 1,
            is_flush: false,
        };
        assert_eq!((taken, lines.len()), (want, 6));
        queue.put(b"67890\n");
        assert_eq!(lost.get(), 1);
        lines.clear();
        assert_eq!(queue.take(&mut lines, Duration::ZERO), Taken::Nothing);
        queue.put(b"67890\n");
        assert_eq!(lost.get(), 1);
        // A sync fails, which takes a line that was written.
        queue.lose(1, "no sync");
        queue.settled(1);
        let error = queue.flush(Duration::ZERO).unwrap_err();
        assert_eq!((error.waiting_count, error.lost_count), (1, 2));
        queue.settled(2);
        assert_eq!(queue.flush(Duration::MAX), Ok(()));
        assert_eq!(lost.get(), 2);
    }

    #[test]
    fn who_flushes_waits_for_what_is_written_to_be_synced() {
        let queue = Queue::new(10, Counter::OFF);
        queue.put(b"1\n");
        let mut lines = Vec::new();
        let taken = queue.take(&mut lines, Duration::ZERO);
        assert_ne!(taken, Taken::Nothing);
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| queue.flush(Duration::MAX));
            while queue.take(&mut lines, Duration::ZERO) != Taken::Flush {
                std::thread::yield_now();
            }
            assert!(!flush.is_finished());
            queue.settled(1);
            assert_eq!(flush.join().unwrap(), Ok(()));
        });
        assert_eq!(queue.take(&mut lines, Duration::ZERO), Taken::Nothing);
    }
}
