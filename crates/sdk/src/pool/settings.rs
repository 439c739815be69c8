//! How a pool works.

use std::time::Duration;

use super::Retries;
use crate::Settings;

/// Workers of a pool, at most. Chosen.
const WORKERS_MAX: usize = 100_000;
/// Jobs that may wait, at most. Chosen.
const QUEUE_MAX: usize = 1 << 30;

/// What happens to a job for which the queue has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Whoever submits it waits: until half of the queue is free, so that one wake serves many, or at
    /// most a millisecond longer than it must.
    Wait,
    /// It is refused.
    Reject,
    /// The oldest of the least urgent jobs makes room for it; refused where all are more urgent.
    ShedOldest,
}

/// How a pool works.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolSettings {
    /// Its name, the label `pool` of its numbers.
    pub name: String,
    /// Workers at the beginning.
    pub workers: usize,
    /// The fewest workers.
    pub workers_min: usize,
    /// The most workers.
    pub workers_max: usize,
    /// Jobs that may wait.
    pub queue_max: usize,
    /// What happens to more.
    pub when_full: WhenFull,
    /// How long an attempt may take; `None`: as long as it likes.
    pub timeout: Option<Duration>,
    /// How often a job that failed is tried again.
    pub retries: Retries,
}

impl PoolSettings {
    /// One worker, 1 to 16; 1,000 jobs that may wait, and whoever has more waits; no time-out; no
    /// retries.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            workers: 1,
            workers_min: 1,
            workers_max: 16,
            queue_max: 1_000,
            when_full: WhenFull::Wait,
            timeout: None,
            retries: Retries::none(),
        }
    }

    /// The same with the bounds that the environment gives, and as many workers as the lower one.
    #[must_use]
    pub fn of(name: impl Into<String>, settings: &Settings) -> Self {
        Self {
            workers: settings.workers_min,
            workers_min: settings.workers_min,
            workers_max: settings.workers_max,
            ..Self::new(name)
        }
    }
}

/// Why there is no pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pool {pool}: {setting} is {value}: want {allowed}")]
pub struct PoolSettingsError {
    /// The pool.
    pub pool: String,
    /// The setting.
    pub setting: &'static str,
    /// What it says.
    pub value: String,
    /// What it may say.
    pub allowed: &'static str,
}

pub(super) fn check(settings: &PoolSettings) -> Result<(), PoolSettingsError> {
    let wrong = |setting, value: usize, allowed| {
        Err(PoolSettingsError {
            pool: settings.name.clone(),
            setting,
            value: value.to_string(),
            allowed,
        })
    };
    let (min, max) = (settings.workers_min, settings.workers_max);
    if max == 0 || max > WORKERS_MAX {
        return wrong("workers_max", max, "1 to 100000");
    }
    if min > max {
        return wrong("workers_min", min, "at most workers_max");
    }
    if !(min..=max).contains(&settings.workers) {
        return wrong("workers", settings.workers, "workers_min to workers_max");
    }
    if settings.queue_max == 0 || settings.queue_max > QUEUE_MAX {
        return wrong("queue_max", settings.queue_max, "1 to 1073741824");
    }
    Ok(())
}
