//! Waiting that has an end.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, MutexGuard};

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

pub(crate) fn is_current(thread: &JoinHandle<()>) -> bool {
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
