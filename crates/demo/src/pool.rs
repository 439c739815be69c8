//! The worker pool: its size follows the work that is in flight.
//!
//! ## Model
//! A worker serves one request from beginning to end. Every 15 s the pool compares its size with
//! what running and waiting requests need at 75 % utilisation. It grows at once (new workers need
//! 20 s to start) and shrinks slowly, to the highest need of the last five minutes.

use std::collections::VecDeque;

/// Chosen.
pub(crate) const WORKERS_MIN: u32 = 8;
/// Chosen: a slow provider must make the queue grow, or there is no story.
pub(crate) const WORKERS_MAX: u32 = 80;
/// How often the size is looked at.
pub(crate) const SCALE_EVERY_US: u64 = 15_000_000;
/// How long a worker needs to start.
pub(crate) const START_US: u64 = 20_000_000;
const UTILISATION_WANTED: f64 = 0.75;
const NEEDS_KEPT: usize = 20;

/// Counts of workers, and how long they were busy.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    pub(crate) idle: u32,
    pub(crate) busy: u32,
    pub(crate) starting: u32,
    pub(crate) desired: u32,
    needs: VecDeque<u32>,
    /// Worker-microseconds, up to `updated_us`.
    busy_us: u64,
    alive_us: u64,
    updated_us: u64,
}

/// What the pool decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scaling {
    /// Start so many workers.
    Up(u32),
    /// So many idle workers were let go.
    Down(u32),
    /// Leave it as it is.
    Keep,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self {
            idle: WORKERS_MIN,
            busy: 0,
            starting: 0,
            desired: WORKERS_MIN,
            needs: VecDeque::new(),
            busy_us: 0,
            alive_us: 0,
            updated_us: 0,
        }
    }

    /// Workers that run or could run.
    pub(crate) fn size(&self) -> u32 {
        self.idle + self.busy
    }

    /// Seconds that workers were busy and alive, up to a time not before the last change.
    pub(crate) fn seconds(&self, now_us: u64) -> (f64, f64) {
        let elapsed_us = now_us.saturating_sub(self.updated_us);
        let busy_us = self.busy_us + elapsed_us * u64::from(self.busy);
        let alive_us = self.alive_us + elapsed_us * u64::from(self.size());
        (busy_us as f64 / 1e6, alive_us as f64 / 1e6)
    }

    fn settle(&mut self, now_us: u64) {
        let elapsed_us = now_us.saturating_sub(self.updated_us);
        self.busy_us += elapsed_us * u64::from(self.busy);
        self.alive_us += elapsed_us * u64::from(self.size());
        self.updated_us = now_us;
    }

    /// Takes an idle worker, if there is one.
    pub(crate) fn take(&mut self, now_us: u64) -> bool {
        if self.idle == 0 {
            return false;
        }
        self.settle(now_us);
        self.idle -= 1;
        self.busy += 1;
        true
    }

    /// Gives a worker back.
    pub(crate) fn release(&mut self, now_us: u64) {
        self.settle(now_us);
        self.busy -= 1;
        self.idle += 1;
    }

    /// A worker has started.
    pub(crate) fn started(&mut self, now_us: u64) {
        self.settle(now_us);
        self.starting -= 1;
        self.idle += 1;
    }

    /// Compares the size with the need, and lets idle workers go where there are too many.
    pub(crate) fn scale(&mut self, waiting: usize, now_us: u64) -> Scaling {
        let in_flight = f64::from(self.busy) + waiting as f64;
        let need = (in_flight / UTILISATION_WANTED).ceil() as u32;
        let need = need.clamp(WORKERS_MIN, WORKERS_MAX);
        self.needs.push_back(need);
        if self.needs.len() > NEEDS_KEPT {
            self.needs.pop_front();
        }
        let coming = self.size() + self.starting;
        let highest = self.needs.iter().copied().max().unwrap_or(need);
        self.desired = need.max(highest.min(coming));
        if self.desired > coming {
            let count = (self.desired - coming).min(coming);
            self.starting += count;
            return Scaling::Up(count);
        }
        let count = (coming - self.desired).min(self.idle).min(1 + coming / 10);
        if count == 0 {
            return Scaling::Keep;
        }
        self.settle(now_us);
        self.idle -= count;
        Scaling::Down(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_grows_at_once_and_shrinks_after_five_minutes() {
        let mut pool = Pool::new();
        for _ in 0..8 {
            assert!(pool.take(0));
        }
        assert!(!pool.take(0), "all are busy");
        assert_eq!(pool.scale(16, 0), Scaling::Up(8), "at most doubled");
        for _ in 0..8 {
            pool.started(START_US);
        }
        assert_eq!((pool.size(), pool.idle), (16, 8));
        assert_eq!(pool.seconds(START_US), (160.0, 160.0));
        for _ in 0..8 {
            pool.release(START_US);
        }
        let decisions: Vec<Scaling> = (0..30).map(|i| pool.scale(0, START_US + i)).collect();
        assert!(
            decisions[..19].iter().all(|d| *d == Scaling::Keep),
            "{decisions:?}"
        );
        assert!(decisions[19..].contains(&Scaling::Down(2)), "{decisions:?}");
        assert_eq!(pool.size(), WORKERS_MIN);
    }
}
