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
//! dropped because a pool grows or shrinks, and none because another one panics, be it as its job or its
//! result is dropped. A worker that ends before its time is replaced.
//!
//! ## Limits
//! A job of 10 µs costs about a microsecond of CPU time beside itself, since workers and submitters that
//! sleep are woken rarely (`cargo run --release -p bellwether-sdk --example pool_cost`). The queue holds [`PoolSettings::queue_max`] jobs; those that wait for another attempt are beside it,
//! at most as many as the budget of retries allows.

mod autoscale;
mod follow;
mod harmless;
mod job;
mod metrics;
mod queue;
mod retry;
mod settings;
mod state;
mod worker;

use std::fmt::{self, Debug};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use self::job::{Job, NewJob, Reply};
use self::metrics::Metrics;
use self::retry::Budget;
use self::settings::check;
use self::state::{PATIENCE, Promised, Queued, State};
use crate::Telemetry;

pub use autoscale::Autoscale;
pub use bellwether_scale as scale;
pub use follow::{Follow, FollowError};
pub use job::{Failure, JobError, JobHandle};
pub use queue::Priority;
pub use retry::Retries;
pub use settings::{PoolSettings, PoolSettingsError, WhenFull};

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
    state: Mutex<State<Job<J, O>, Place<J, O>>>,
    /// Idle workers wait on it.
    more: Notify,
    budget: Mutex<Budget>,
    /// Set when what runs is to be dropped.
    is_over: AtomicBool,
    over: Notify,
    /// The manager waits on it.
    wake: Notify,
    /// Told when the last job has ended while nobody may submit more.
    ended: Notify,
    /// What was decided last of the number of workers.
    decision: Mutex<Option<bellwether_scale::Decision>>,
}

/// A place in the queue that was promised; free again when it is dropped.
struct Place<J, O>(Option<Arc<Shared<J, O>>>);

impl<J, O> Place<J, O> {
    /// It is taken now.
    fn keep(mut self) {
        self.0 = None;
    }
}

impl<J, O> Drop for Place<J, O> {
    fn drop(&mut self) {
        if let Some(shared) = self.0.take() {
            let promised = shared.state.lock().free_places(1);
            shared.tell(promised);
        }
    }
}

/// What became of a job that was offered.
enum Offered<J, O> {
    Taken,
    Ended(NewJob<J, O>),
    Full(NewJob<J, O>),
    /// There will be a place for it.
    Waits(NewJob<J, O>, oneshot::Receiver<Place<J, O>>),
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
            state: Mutex::new(State::new(settings.queue_max)),
            more: Notify::new(),
            budget: Mutex::new(Budget::new(settings.retries)),
            is_over: AtomicBool::new(false),
            over: Notify::new(),
            wake: Notify::new(),
            ended: Notify::new(),
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
        let (reply, handle) = oneshot::channel();
        let shared = &self.0.0;
        match shared.offer(NewJob::new(job, priority, Some(reply)), false) {
            Offered::Taken => Ok(JobHandle(handle)),
            Offered::Full(job) | Offered::Waits(job, _) => {
                shared.without_room(job).map(|()| JobHandle(handle))
            }
            Offered::Ended(job) => Err(SubmitError::Ended(job.job)),
        }
    }

    async fn put(
        &self,
        job: J,
        priority: Priority,
        reply: Option<Reply<O>>,
    ) -> Result<(), SubmitError<J>> {
        let shared = &self.0.0;
        let may_wait = shared.settings.when_full == WhenFull::Wait;
        let (job, promise) = match shared.offer(NewJob::new(job, priority, reply), may_wait) {
            Offered::Taken => return Ok(()),
            Offered::Ended(job) => return Err(SubmitError::Ended(job.job)),
            Offered::Full(job) => return shared.without_room(job),
            Offered::Waits(job, promise) => (job, promise),
        };
        match shared.wait_for(promise).await {
            Some(place) => {
                place.keep();
                shared.queue(job)
            }
            None => Err(SubmitError::Ended(job.job)),
        }
    }

    /// Changes how many workers there are, within the bounds of the settings; gives how many there will
    /// be: none where the pool has ended. Workers that are too many end with their job.
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
                if shared.state.lock().unended == 0 {
                    return;
                }
                ended.await;
            }
        };
        let in_time = tokio::time::timeout(patience, all_ended).await.is_ok();
        let left_count = if in_time {
            0
        } else {
            shared.state.lock().unended
        };
        shared.end();
        Drained { left_count }
    }
}

impl<J, O> Shared<J, O> {
    fn resize(&self, workers: usize) -> usize {
        let (min, max) = (self.settings.workers_min, self.settings.workers_max);
        let mut state = self.state.lock();
        let target = match self.is_over.load(Ordering::SeqCst) {
            // A pool that has ended wants no workers.
            true => 0,
            false => workers.clamp(min, max),
        };
        let before = std::mem::replace(&mut state.target, target);
        drop(state);
        self.metrics.resized(before, target);
        // The manager starts those that are missing, and the idle look whether they are too many.
        self.more.notify_waiters();
        worker::wake_manager(self);
        target
    }

    /// Takes a job if there is a place for it.
    fn offer(self: &Arc<Self>, job: NewJob<J, O>, may_wait: bool) -> Offered<J, O> {
        let mut state = self.state.lock();
        // Looked at with the lock held: whoever closes empties the queue after this.
        if state.is_closed {
            return Offered::Ended(job);
        }
        if !state.take_place() {
            if !may_wait {
                return Offered::Full(job);
            }
            let (promise, place) = oneshot::channel();
            state.wait(promise);
            return Offered::Waits(job, place);
        }
        let is_to_be_woken = state.put_new(job.priority, Queued::with_place(job.into_job()));
        drop(state);
        self.metrics.taken();
        self.wake_worker(is_to_be_woken);
        Offered::Taken
    }

    /// The place that was promised; `None`: the pool has ended.
    async fn wait_for(
        self: &Arc<Self>,
        mut promise: oneshot::Receiver<Place<J, O>>,
    ) -> Option<Place<J, O>> {
        if let Ok(place) = tokio::time::timeout(PATIENCE, &mut promise).await {
            return place.ok();
        }
        let promised = self.state.lock().hurry();
        self.tell(promised);
        promise.await.ok()
    }

    /// Tells those who wait of the places that are theirs.
    fn tell(self: &Arc<Self>, mut promised: Promised<Place<J, O>>) {
        while !promised.is_empty() {
            let mut refused_count = 0;
            for promise in promised {
                if let Err(place) = promise.send(Place(Some(Arc::clone(self)))) {
                    // Whoever wanted it is gone. Not by dropping it, which would come back here.
                    place.keep();
                    refused_count += 1;
                }
            }
            if refused_count == 0 {
                return;
            }
            promised = self.state.lock().free_places(refused_count);
        }
    }

    /// Puts a job into a place that was taken for it.
    fn queue(&self, job: NewJob<J, O>) -> Result<(), SubmitError<J>> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(SubmitError::Ended(job.job));
        }
        let is_to_be_woken = state.put_new(job.priority, Queued::with_place(job.into_job()));
        drop(state);
        self.metrics.taken();
        self.wake_worker(is_to_be_woken);
        Ok(())
    }

    fn wake_worker(&self, is_to_be_woken: bool) {
        if is_to_be_woken {
            self.more.notify_one();
        }
    }

    /// Does what is to be done where the queue is full and nobody waits.
    fn without_room(&self, job: NewJob<J, O>) -> Result<(), SubmitError<J>> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Err(SubmitError::Ended(job.job));
        }
        let shed = match self.settings.when_full {
            WhenFull::ShedOldest => state.shed(job.priority),
            WhenFull::Wait | WhenFull::Reject => None,
        };
        let Some(shed) = shed else {
            drop(state);
            self.metrics.refused();
            return Err(SubmitError::Full(job.job));
        };
        let is_to_be_woken = state.put_new(job.priority, Queued::instead_of(&shed, job.into_job()));
        drop(state);
        self.metrics.taken();
        self.wake_worker(is_to_be_woken);
        self.finish(shed.job, Err(JobError::Shed));
        Ok(())
    }

    /// Ends a job that no worker has.
    fn finish(&self, job: Job<J, O>, result: Result<O, JobError>) {
        self.metrics.ended(result.as_ref().err());
        // Told first: whoever waits for the last job to end is to find its result there.
        job.answer(result);
        let is_last = self.state.lock().end();
        if is_last {
            self.ended.notify_waiters();
        }
    }

    fn status(&self) -> PoolStatus {
        let state = self.state.lock();
        let oldest = state.lines.oldest().map(|it| it.job.queued).min();
        PoolStatus {
            workers: state.workers,
            target: state.target,
            running: state.running,
            waiting: state.lines.len(),
            oldest_wait: oldest.map_or(Duration::ZERO, |queued| queued.elapsed()),
        }
    }

    /// Takes no more jobs.
    fn close(&self) {
        let waiters = self.state.lock().close();
        // Without the lock: this wakes whoever waits.
        drop(waiters);
    }

    /// Ends everything that waits or runs.
    fn end(&self) {
        self.close();
        self.is_over.store(true, Ordering::SeqCst);
        self.state.lock().target = 0;
        loop {
            let Some(job) = self.state.lock().lines.pop() else {
                break;
            };
            self.finish(job.job, Err(JobError::Ended));
        }
        self.over.notify_waiters();
        self.more.notify_waiters();
        worker::wake_manager(self);
    }
}

#[cfg(test)]
mod tests;
