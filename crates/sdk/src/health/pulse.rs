//! Whether the runtime still runs what it is given.
//!
//! ## Model
//! A thread outside of the runtime gives it a tiny task, a *beat*, four times a second, and looks
//! whether the one before was run. Tasks from outside wait in the queue that all workers share: a beat
//! is late when every worker is busy, not when one of them is.
//!
//! ## Limits
//! Time is counted in looks of the thread: a process that was stopped, or a machine that slept, is not
//! taken for one that is stuck.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;

/// Time between two looks. Chosen: 40 lags in ten seconds, and a thread that nobody notices.
pub(super) const LOOK: Duration = Duration::from_millis(250);
/// Lags that are remembered: those of ten seconds.
const LAGS_MAX: usize = 40;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Pulse(Mutex<Beats>);

#[derive(Debug, Default)]
struct Beats {
    /// When the beat that did not yet run was given.
    given: Option<Instant>,
    /// Looks that found it not run.
    missed: u32,
    /// Of the last beats.
    lags: VecDeque<Duration>,
}

impl Pulse {
    /// How long the runtime ran nothing: 0 where the last look found all well.
    pub(super) fn stuck_for(&self) -> Duration {
        LOOK * self.0.lock().missed
    }

    /// The longest that a beat waited lately; `None` where there was none.
    pub(super) fn lag_max(&self) -> Option<Duration> {
        let beats = self.0.lock();
        let waiting = (beats.missed > 0).then(|| LOOK * beats.missed);
        beats.lags.iter().copied().chain(waiting).max()
    }

    /// Looks, and gives the next beat where the last one ran.
    fn look(self: &Arc<Self>, give: impl FnOnce(Beat)) {
        let mut beats = self.0.lock();
        if beats.given.is_some() {
            beats.missed = beats.missed.saturating_add(1);
            return;
        }
        let given = Instant::now();
        beats.given = Some(given);
        drop(beats);
        give(Beat {
            pulse: Arc::clone(self),
            given,
        });
    }
}

/// What the runtime is given. Being dropped is being run: a runtime that ends is not stuck.
#[derive(Debug)]
struct Beat {
    pulse: Arc<Pulse>,
    given: Instant,
}

impl Drop for Beat {
    fn drop(&mut self) {
        let lag = self.given.elapsed();
        let mut beats = self.pulse.0.lock();
        beats.given = None;
        beats.missed = 0;
        if beats.lags.len() == LAGS_MAX {
            beats.lags.pop_front();
        }
        beats.lags.push_back(lag);
    }
}

/// The thread, until it is dropped.
#[derive(Debug)]
pub(super) struct PulseThread {
    ending: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl PulseThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// Where there is none to be had.
    pub(super) fn start(pulse: Arc<Pulse>, runtime: Handle) -> std::io::Result<Self> {
        let ending = Arc::new((Mutex::new(false), Condvar::new()));
        let end = Arc::clone(&ending);
        let thread = std::thread::Builder::new()
            .name("bellwether-pulse".to_owned())
            .spawn(move || {
                let (is_ending, wakes) = &*end;
                let mut is_ending = is_ending.lock();
                while !*is_ending {
                    pulse.look(|beat| {
                        runtime.spawn(async move { drop(beat) });
                    });
                    wakes.wait_for(&mut is_ending, LOOK);
                }
            })?;
        Ok(Self {
            ending,
            thread: Some(thread),
        })
    }
}

impl Drop for PulseThread {
    fn drop(&mut self) {
        let (is_ending, wakes) = &*self.ending;
        *is_ending.lock() = true;
        wakes.notify_all();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches the runtime panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_that_runs_nothing_is_stuck_until_it_does() {
        let pulse = Arc::new(Pulse::default());
        assert_eq!(pulse.lag_max(), None);
        let mut waiting = None;
        pulse.look(|beat| waiting = Some(beat));
        assert_eq!(pulse.stuck_for(), Duration::ZERO);
        for _ in 0..8 {
            pulse.look(|_| unreachable!("one waits already"));
        }
        assert_eq!(pulse.stuck_for(), Duration::from_secs(2));
        assert_eq!(pulse.lag_max(), Some(Duration::from_secs(2)));
        drop(waiting);
        assert_eq!(pulse.stuck_for(), Duration::ZERO);
        for _ in 0..100 {
            pulse.look(drop);
        }
        assert_eq!(pulse.0.lock().lags.len(), LAGS_MAX);
    }

    #[test]
    fn the_thread_ends_with_its_guard_and_outlives_the_runtime() {
        let pulse = Arc::new(Pulse::default());
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap();
        let thread = PulseThread::start(Arc::clone(&pulse), runtime.handle().clone()).unwrap();
        drop(runtime);
        drop(thread);
        assert_eq!(Arc::strong_count(&pulse), 1);
        assert_eq!(pulse.stuck_for(), Duration::ZERO);
    }
}
