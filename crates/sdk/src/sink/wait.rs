//! Waiting that has an end.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, MutexGuard};

use crate::FlushError;

/// How often a thread that is to end is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Until when somebody waits; `None`: the clock does not count that far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    pub(crate) fn after(patience: Duration) -> Self {
        Self(Instant::now().checked_add(patience))
    }

    /// Waits to be woken; gives whether it is over instead.
    pub(crate) fn wait<T>(self, woken: &Condvar, state: &mut MutexGuard<'_, T>) -> bool {
        match self.0 {
            Some(deadline) => woken.wait_until(state, deadline).timed_out(),
            None => {
                woken.wait(state);
                false
            }
        }
    }

    fn is_over(self) -> bool {
        self.0.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// Ends the thread that carries `what` out of a queue, within some time: what hangs is left behind. `flush` waits for what
/// is in the queue, and when that is closed the thread ends.
pub(crate) fn end(
    thread: JoinHandle<()>,
    patience: Duration,
    what: &str,
    flush: impl FnOnce(Duration) -> Result<(), FlushError>,
    close: impl FnOnce(),
) {
    if is_current(&thread) {
        // Whoever held the queue last was the thread itself: it does not wait for itself.
        close();
        return;
    }
    let begun = Instant::now();
    let flushed = flush(patience);
    close();
    if let Err(error) = flushed {
        tracing::error!(%error, what, "not all is there at the end");
    }
    let left = patience.saturating_sub(begun.elapsed());
    if join_within(thread, left) == Joined::Panicked {
        tracing::error!(what, "a thread of telemetry panicked");
    }
}

/// What never arrives, so that somebody who flushes hears of it once.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    count: u64,
    told_count: u64,
    /// Why the last ones were lost.
    reason: String,
}

impl Losses {
    pub(crate) fn add(&mut self, count: u64, reason: &str) {
        self.count += count;
        reason.clone_into(&mut self.reason);
    }

    /// What somebody remembers who begins to flush: others that flush at the same time are told of the same losses.
    pub(crate) fn told_count(&self) -> u64 {
        self.told_count
    }

    /// How many were lost since that, which are told now.
    pub(crate) fn tell_since(&mut self, told_count: u64) -> u64 {
        self.told_count = self.count;
        self.count - told_count
    }

    pub(crate) fn reason(&self) -> &str {
        &self.reason
    }
}

/// What became of a thread.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Joined {
    Ended,
    Panicked,
    /// It goes on, and nobody waits for it any more.
    LeftBehind,
}

/// Waits until a thread ends, at most so long. A thread does not wait for itself.
pub(crate) fn join_within(thread: JoinHandle<()>, patience: Duration) -> Joined {
    let deadline = Deadline::after(patience);
    while !thread.is_finished() {
        if deadline.is_over() || is_current(&thread) {
            return Joined::LeftBehind;
        }
        thread::sleep(LOOK);
    }
    match thread.join() {
        Ok(()) => Joined::Ended,
        Err(_) => Joined::Panicked,
    }
}

fn is_current(thread: &JoinHandle<()>) -> bool {
    thread.thread().id() == thread::current().id()
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn nobody_waits_for_ever() {
        let (go, told) = mpsc::channel::<()>();
        let hanging = thread::spawn(move || assert!(told.recv().is_err()));
        let joined = join_within(hanging, Duration::from_millis(20));
        assert_eq!(joined, Joined::LeftBehind);
        drop(go);
        let ending = thread::spawn(|| {});
        assert_eq!(join_within(ending, Duration::MAX), Joined::Ended);
    }
}
