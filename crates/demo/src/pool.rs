//! The worker pool: its policy, and the pool of the history, which works as the SDK's pool does.
//!
//! ## Model
//! A worker serves one request from beginning to end. Every five seconds a policy of `bellwether-scale` sees what
//! came, runs and waits, and says how many workers there shall be: the same policy, at the same pace, in the history
//! and in the live daemon. Workers that are too many end when their request has ended.

use bellwether_sdk::pool::scale::{
    Backlog, Decision, Measured, Policy, Prediction, Rule, ScaleError, Scaler, Signals,
};

/// Chosen.
pub(crate) const WORKERS_MIN: u32 = 8;
/// Chosen: a slow provider must make the queue grow, or there is no story.
pub(crate) const WORKERS_MAX: u32 = 80;
/// Requests that may wait.
pub(crate) const QUEUE_CAPACITY: usize = 400;
/// How long a request waits until whoever sent it gives up.
pub(crate) const PATIENCE_US: u64 = 45_000_000;
/// A queue in which a request waits for longer is not well. Chosen: before anybody gives up.
pub(crate) const QUEUE_PATIENCE_US: u64 = 20_000_000;
/// How often the size is looked at.
pub(crate) const SCALE_EVERY_US: u64 = 5_000_000;
/// How long workers stay that are not needed. Chosen, shorter than the policy's own twelve minutes: somebody
/// watches the demo for minutes and is to see it shrink.
const DOWN_HOLD_MS: i64 = 120_000;

/// Peaks that are remembered. Chosen: with the policy's own two hours a single burst would keep the pool large for
/// as long as anybody watches.
const PEAKS_MS: i64 = 600_000;

/// The policy of both pools.
pub(crate) fn policy() -> Policy {
    let prediction = Prediction {
        history_ms: PEAKS_MS,
        // Chosen: a demo may let somebody wait for a moment.
        quantile: 0.9,
        staffing: 1.5,
        ..Prediction::default()
    };
    Policy {
        rules: vec![
            Rule::Predicted(prediction),
            Rule::Backlog(Backlog::default()),
        ],
        down_hold_ms: DOWN_HOLD_MS,
        ..Policy::predictive(WORKERS_MIN, WORKERS_MAX)
    }
}

/// The history's pool.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    /// Workers that there are.
    pub(crate) workers: u32,
    /// Those that serve a request.
    pub(crate) busy: u32,
    /// Workers that there should be.
    pub(crate) target: u32,
    /// Workers that can be had.
    there: u32,
    scaler: Scaler,
    seen: Seen,
}

/// What was counted since the last decision.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    at_us: u64,
    arrived: u32,
    ended: u32,
    run_us: u64,
    /// Mean time of a run, s; `None`: none has ended yet.
    service_seconds: Option<f64>,
}

impl Pool {
    /// The fewest workers, all of them idle.
    ///
    /// # Errors
    /// Where the policy makes no sense.
    pub(crate) fn new() -> Result<Self, ScaleError> {
        Ok(Self {
            workers: WORKERS_MIN,
            busy: 0,
            target: WORKERS_MIN,
            there: WORKERS_MAX,
            scaler: Scaler::new(policy())?,
            seen: Seen::default(),
        })
    }

    /// A request was taken into the queue.
    pub(crate) fn arrived(&mut self) {
        self.seen.arrived += 1;
    }

    /// Takes an idle worker, if there is one.
    pub(crate) fn take(&mut self) -> bool {
        let is_free = self.busy < self.workers;
        self.busy += u32::from(is_free);
        is_free
    }

    /// Gives a worker back that was busy for so long. It ends where there are too many.
    pub(crate) fn release(&mut self, run_us: u64) {
        self.busy -= 1;
        self.seen.ended += 1;
        self.seen.run_us += run_us;
        self.shrink();
    }

    /// Looks at the size; what was decided is done at once, as far as workers are idle and no more than `there` can
    /// be had.
    pub(crate) fn scale(&mut self, waiting: usize, there: u32, now_us: u64) -> Decision {
        let seen = &mut self.seen;
        let time_ms = (now_us / 1_000) as i64;
        let measured = |value: f64| Measured {
            value,
            at_ms: time_ms,
        };
        if seen.ended > 0 {
            seen.service_seconds = Some(seen.run_us as f64 / 1e6 / f64::from(seen.ended));
        }
        let elapsed_s = (now_us.saturating_sub(seen.at_us) as f64 / 1e6).max(1e-6);
        let arrivals = f64::from(seen.arrived);
        let offered = |service: f64| measured(arrivals * service / elapsed_s);
        let mut signals = Signals::at(time_ms, self.target, self.workers, 1);
        signals.busy = Some(measured(f64::from(self.busy)));
        signals.waiting = Some(measured(waiting as f64));
        signals.service_seconds = seen.service_seconds.map(measured);
        signals.offered = seen.service_seconds.map(offered);
        self.seen = Seen {
            at_us: now_us,
            service_seconds: seen.service_seconds,
            ..Seen::default()
        };
        let decision = self.scaler.decide(&signals);
        self.target = decision.workers;
        self.there = there;
        self.workers = self.workers.max(self.target.min(there));
        self.shrink();
        decision
    }

    /// Idle workers go where there are too many.
    fn shrink(&mut self) {
        self.workers = self.workers.min(self.target.min(self.there).max(self.busy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_grows_under_load_and_shrinks_when_it_is_over() {
        let mut pool = Pool::new().unwrap();
        let mut now_us = 0;
        let mut step = |pool: &mut Pool, arrivals: u32, waiting: usize| {
            now_us += SCALE_EVERY_US;
            (0..arrivals).for_each(|_| pool.arrived());
            // What is there works at once, and runs for 10 s.
            let ended = pool.busy / 2;
            (0..ended).for_each(|_| pool.release(10_000_000));
            while pool.busy < arrivals * 2 && pool.take() {}
            pool.scale(waiting, WORKERS_MAX, now_us)
        };
        for _ in 0..24 {
            step(&mut pool, 15, 0);
        }
        let large = pool.target;
        assert!((30..=WORKERS_MAX).contains(&large), "{large}");
        let mut held = 0;
        for _ in 0..120 {
            let decision = step(&mut pool, 1, 0);
            held += u32::from(decision.reason.name() == "not_down_yet");
        }
        assert!(held > 20, "{held} decisions held");
        assert!(pool.target < large / 2, "{} of {large}", pool.target);
        assert_eq!(pool.workers, pool.target);
    }
}
