//! Workers that do jobs, as many as there is work for.
//!
//! ## Model
//! A [`Pool`] has a handler, a bounded queue with priorities, and workers: tasks of tokio that take one
//! job after another. [`Pool::resize`] changes how many there are; a worker that is too many ends when
//! its job has ended.
//!
//! ```
//! use bellwether_sdk::pool::{Failure, Pool, PoolSettings, Priority};
//! use bellwether_sdk::{SERIES_MAX_DEFAULT, Telemetry};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
//! let pool = Pool::start(PoolSettings::new("squares"), &telemetry, |number: std::sync::Arc<u64>| async move {
//!     number.checked_mul(*number).ok_or_else(|| Failure::give_up("too large"))
//! })?;
//! let job = pool.submit(7, Priority::Normal).await?;
//! assert_eq!(job.await, Ok(49));
//! pool.drain(std::time::Duration::from_secs(1)).await;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Invariants
//! A job that was taken ends once: with a result, or with the reason why there is none. It runs again
//! only where its handler says that this is worth it, and as often as [`Retries`] allow. No job is
//! dropped because a pool grows or shrinks, and none because another one panics.
//!
//! ## Limits
//! The queue holds [`PoolSettings::queue_max`] jobs; those that wait for another attempt are beside it,
//! at most as many as the budget of retries allows.

mod autoscale;
mod job;
mod metrics;
mod queue;
mod retry;
mod worker;

use std::fmt::{self, Debug};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::time::Instant;

use self::job::Job;
use self::metrics::Metrics;
use self::queue::Lines;
use self::retry::Budget;
use crate::{Settings, Telemetry};

pub use autoscale::Autoscale;
pub use bellwether_scale as scale;
pub use job::{Failure, JobError, JobHandle};
pub use queue::Priority;
pub use retry::Retries;

/// Workers of a pool, at most. Chosen.
const WORKERS_MAX: usize = 100_000;

/// What happens to a job for which the queue has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenFull {
    /// Whoever submits it waits.
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

/// Why a job was not taken. The job itself comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError<J> {
    /// The queue has no room.
    #[error("the queue is full")]
    Full(J),
    /// The pool takes no more jobs.
    #[error("the pool has ended")]
    Ended(J),
}

/// What became of a pool that was drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Jobs that were still waiting or running when the time was over; they ended with
    /// [`JobError::Ended`] or [`JobError::Cancelled`].
    pub left_count: usize,
}

/// What a pool does just now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PoolStatus {
    /// Workers that there are, those that are about to end included.
    pub workers: usize,
    /// Workers that there should be.
    pub target: usize,
    /// Jobs that run.
    pub running: usize,
    /// Jobs that wait.
    pub waiting: usize,
    /// How long the oldest of them waits.
    pub oldest_wait: Duration,
}

/// See the module's page. Cheap to clone; clones are the same pool. Dropping the last one ends it: jobs
/// that wait end with [`JobError::Ended`].
pub struct Pool<J, O>(Arc<Owner<J, O>>);

impl<J, O> Clone for Pool<J, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<J, O> Debug for Pool<J, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("name", &self.0.0.settings.name)
            .field("status", &self.0.0.status())
            .finish()
    }
}

/// Ends the pool when nobody has it any more; workers hold only what is in it.
struct Owner<J, O>(Arc<Shared<J, O>>);

impl<J, O> Drop for Owner<J, O> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// What workers and submitters share.
pub(crate) struct Shared<J, O> {
    settings: PoolSettings,
    metrics: Metrics,
    lines: Mutex<Lines<Job<J, O>>>,
    /// One permit for each place in the queue that is free.
    room: Arc<Semaphore>,
    /// Idle workers wait on it.
    more: Notify,
    target: AtomicUsize,
    /// Workers that there are. Changed with care: see [`Shared::leave`].
    workers: AtomicUsize,
    running: AtomicUsize,
    /// Jobs that were taken and have not ended, wherever they are.
    unended: AtomicUsize,
    budget: Mutex<Budget>,
    is_closed: AtomicBool,
    /// Set when what runs is to be dropped.
    is_over: AtomicBool,
    over: Notify,
    /// The manager waits on it.
    wake: Notify,
    /// Told whenever a job ends while nobody may submit more.
    ended: Notify,
    /// Jobs that were ever taken.
    taken_count: AtomicU64,
    /// Attempts that have ended, and how long they took together.
    run_count: AtomicU64,
    busy_ns: AtomicU64,
    /// What was decided last of the number of workers.
    decision: Mutex<Option<bellwether_scale::Decision>>,
}

impl<J, O> Pool<J, O>
where
    J: Send + Sync + 'static,
    O: Send + 'static,
{
    /// Starts the workers. To be called in a runtime of tokio.
    ///
    /// # Errors
    /// The first setting that makes no sense.
    pub fn start<H, F>(
        settings: PoolSettings,
        telemetry: &Telemetry,
        handler: H,
    ) -> Result<Self, PoolSettingsError>
    where
        H: Fn(Arc<J>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<O, Failure>> + Send + 'static,
    {
        check(&settings)?;
        let shared = Arc::new(Shared {
            metrics: Metrics::new(telemetry, &settings.name),
            lines: Mutex::default(),
            room: Arc::new(Semaphore::new(settings.queue_max)),
            more: Notify::new(),
            target: AtomicUsize::new(0),
            workers: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            unended: AtomicUsize::new(0),
            budget: Mutex::new(Budget::new(settings.retries)),
            is_closed: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            over: Notify::new(),
            wake: Notify::new(),
            ended: Notify::new(),
            taken_count: AtomicU64::new(0),
            run_count: AtomicU64::new(0),
            busy_ns: AtomicU64::new(0),
            decision: Mutex::new(None),
            settings,
        });
        worker::manage(&shared, Arc::new(handler));
        let pool = Self(Arc::new(Owner(shared)));
        pool.resize(pool.0.0.settings.workers);
        Ok(pool)
    }

    /// Submits a job and waits for room where the settings say so.
    ///
    /// # Errors
    /// Where the queue is full and nobody is to wait, or the pool has ended. The job comes back.
    pub async fn submit(&self, job: J, priority: Priority) -> Result<JobHandle<O>, SubmitError<J>> {
        let (reply, handle) = oneshot::channel();
        self.put(job, priority, Some(reply)).await?;
        Ok(JobHandle(handle))
    }

    /// The same for a job whose result nobody waits for; it cannot be cancelled.
    ///
    /// # Errors
    /// As [`Pool::submit`].
    pub async fn submit_detached(&self, job: J, priority: Priority) -> Result<(), SubmitError<J>> {
        self.put(job, priority, None).await
    }

    /// Submits a job without waiting, whatever the settings say.
    ///
    /// # Errors
    /// As [`Pool::submit`].
    pub fn try_submit(&self, job: J, priority: Priority) -> Result<JobHandle<O>, SubmitError<J>> {
        let shared = &self.0.0;
        let (reply, handle) = oneshot::channel();
        match shared.room.try_acquire() {
            Ok(permit) => {
                permit.forget();
                shared.queue(job, priority, Some(reply))?;
            }
            Err(_) => shared.without_room(job, priority, Some(reply))?,
        }
        Ok(JobHandle(handle))
    }

    async fn put(
        &self,
        job: J,
        priority: Priority,
        reply: Option<oneshot::Sender<Result<O, JobError>>>,
    ) -> Result<(), SubmitError<J>> {
        let shared = &self.0.0;
        if let Ok(permit) = shared.room.try_acquire() {
            permit.forget();
            return shared.queue(job, priority, reply);
        }
        if shared.settings.when_full != WhenFull::Wait {
            return shared.without_room(job, priority, reply);
        }
        match shared.room.acquire().await {
            Ok(permit) => {
                permit.forget();
                shared.queue(job, priority, reply)
            }
            // Closed with the pool.
            Err(_) => Err(SubmitError::Ended(job)),
        }
    }

    /// Changes how many workers there are, within the bounds of the settings; gives how many there will
    /// be. Workers that are too many end with their job.
    pub fn resize(&self, workers: usize) -> usize {
        self.0.0.resize(workers)
    }

    /// What it does just now.
    #[must_use]
    pub fn status(&self) -> PoolStatus {
        self.0.0.status()
    }

    /// Takes no more jobs and waits until all have ended, at most so long; what is left then is
    /// cancelled.
    pub async fn drain(&self, patience: Duration) -> Drained {
        let shared = &self.0.0;
        shared.close();
        let all_ended = async {
            loop {
                let ended = shared.ended.notified();
                tokio::pin!(ended);
                ended.as_mut().enable();
                if shared.left_count() == 0 {
                    return;
                }
                ended.await;
            }
        };
        let in_time = tokio::time::timeout(patience, all_ended).await.is_ok();
        let left_count = if in_time { 0 } else { shared.left_count() };
        shared.end();
        Drained { left_count }
    }
}

impl<J, O> Shared<J, O> {
    fn resize(&self, workers: usize) -> usize {
        let (min, max) = (self.settings.workers_min, self.settings.workers_max);
        let target = workers.clamp(min, max);
        let before = self.target.swap(target, Ordering::SeqCst);
        self.metrics.resized(before, target);
        // The manager starts those that are missing, and the idle look whether they are too many.
        self.more.notify_waiters();
        worker::wake_manager(self);
        target
    }

    /// Puts a job into a place that was taken for it.
    fn queue(
        &self,
        job: J,
        priority: Priority,
        reply: Option<oneshot::Sender<Result<O, JobError>>>,
    ) -> Result<(), SubmitError<J>> {
        let mut lines = self.lines.lock();
        // Looked at with the lock held: whoever closes empties the queue after this.
        if self.is_closed.load(Ordering::SeqCst) {
            drop(lines);
            self.room.add_permits(1);
            return Err(SubmitError::Ended(job));
        }
        let job = Job {
            job: Arc::new(job),
            priority,
            queued: Instant::now(),
            attempt_count: 0,
            reply,
        };
        self.unended.fetch_add(1, Ordering::SeqCst);
        self.taken_count.fetch_add(1, Ordering::Relaxed);
        lines.push(priority, job);
        drop(lines);
        self.more.notify_one();
        Ok(())
    }

    /// Does what is to be done where the queue is full and nobody waits.
    fn without_room(
        &self,
        job: J,
        priority: Priority,
        reply: Option<oneshot::Sender<Result<O, JobError>>>,
    ) -> Result<(), SubmitError<J>> {
        if self.is_closed.load(Ordering::SeqCst) {
            return Err(SubmitError::Ended(job));
        }
        let shed = match self.settings.when_full {
            WhenFull::ShedOldest => self.lines.lock().pop_least(priority),
            WhenFull::Wait | WhenFull::Reject => None,
        };
        let Some(shed) = shed else {
            self.metrics.refused();
            return Err(SubmitError::Full(job));
        };
        self.finish(shed, Err(JobError::Shed));
        // The place of the one that was shed is now this one's.
        self.queue(job, priority, reply)
    }

    /// Ends a job.
    fn finish(&self, job: Job<J, O>, result: Result<O, JobError>) {
        self.metrics.ended(result.as_ref().err());
        // Told first: whoever waits for the last job to end is to find its result there.
        job.answer(result);
        self.unended.fetch_sub(1, Ordering::SeqCst);
        if self.is_closed.load(Ordering::SeqCst) {
            self.ended.notify_waiters();
        }
    }

    fn left_count(&self) -> usize {
        self.unended.load(Ordering::SeqCst)
    }

    fn status(&self) -> PoolStatus {
        let lines = self.lines.lock();
        let oldest = lines.oldest().map(|job| job.queued).min();
        PoolStatus {
            workers: self.workers.load(Ordering::SeqCst),
            target: self.target.load(Ordering::SeqCst),
            running: self.running.load(Ordering::SeqCst),
            waiting: lines.len(),
            oldest_wait: oldest.map_or(Duration::ZERO, |queued| queued.elapsed()),
        }
    }

    /// Takes no more jobs.
    fn close(&self) {
        let lines = self.lines.lock();
        self.is_closed.store(true, Ordering::SeqCst);
        drop(lines);
        self.room.close();
    }

    /// Ends everything that waits or runs.
    fn end(&self) {
        self.close();
        self.is_over.store(true, Ordering::SeqCst);
        loop {
            let Some(job) = self.lines.lock().pop() else {
                break;
            };
            self.finish(job, Err(JobError::Ended));
        }
        self.over.notify_waiters();
        self.more.notify_waiters();
        worker::wake_manager(self);
    }
}

fn check(settings: &PoolSettings) -> Result<(), PoolSettingsError> {
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
    if settings.queue_max == 0 || settings.queue_max > Semaphore::MAX_PERMITS {
        return wrong("queue_max", settings.queue_max, "at least 1");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
