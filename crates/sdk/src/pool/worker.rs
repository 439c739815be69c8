//! What a worker does, and who starts workers.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::job::Job;
use super::{Failure, JobError, Shared};

/// How often the numbers of a pool are brought up to date.
const SHOW: Duration = Duration::from_secs(1);

/// Starts the task that starts workers where some are missing, and shows how the pool is.
pub(super) fn manage<J, O, H, F>(shared: &Arc<Shared<J, O>>, handler: Arc<H>)
where
    J: Send + Sync + 'static,
    O: Send + 'static,
    H: Fn(Arc<J>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<O, Failure>> + Send + 'static,
{
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        loop {
            let wake = shared.wake.notified();
            let mut wake = pin!(wake);
            wake.as_mut().enable();
            if shared.is_over.load(Ordering::SeqCst) {
                return;
            }
            while shared.join() {
                tokio::spawn(work(Arc::clone(&shared), Arc::clone(&handler)));
            }
            shared.metrics.show(&shared.status());
            // Nobody waits for the picture: what wakes it is a change of size or the end.
            drop(tokio::time::timeout(SHOW, wake).await);
        }
    });
}

/// Lets the manager look.
pub(super) fn wake_manager<J, O>(shared: &Shared<J, O>) {
    shared.wake.notify_waiters();
}

impl<J, O> Shared<J, O> {
    /// Counts one more worker, unless there are enough.
    fn join(&self) -> bool {
        let more = |workers| (workers < self.target.load(Ordering::SeqCst)).then_some(workers + 1);
        let joined = self
            .workers
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, more);
        joined.is_ok()
    }

    /// Counts one worker less, unless there are not too many.
    fn leave(&self) -> bool {
        let less = |workers: usize| {
            let is_superfluous = workers > self.target.load(Ordering::SeqCst);
            is_superfluous.then(|| workers.saturating_sub(1))
        };
        let left = self
            .workers
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        left.is_ok()
    }

    /// The next job; its place in the queue is free again.
    fn take(&self) -> Option<Job<J, O>> {
        let mut lines = self.lines.lock();
        let job = lines.pop()?;
        self.running.fetch_add(1, Ordering::SeqCst);
        drop(lines);
        if job.attempt_count == 0 {
            self.room.add_permits(1);
        }
        Some(job)
    }
}

async fn work<J, O, H, F>(shared: Arc<Shared<J, O>>, handler: Arc<H>)
where
    J: Send + Sync + 'static,
    O: Send + 'static,
    H: Fn(Arc<J>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<O, Failure>> + Send + 'static,
{
    loop {
        if shared.leave() {
            return;
        }
        let more = shared.more.notified();
        let mut more = pin!(more);
        // Registered before the queue is looked at: what comes between is not missed.
        more.as_mut().enable();
        let Some(job) = shared.take() else {
            if shared.is_over.load(Ordering::SeqCst) {
                shared.workers.fetch_sub(1, Ordering::SeqCst);
                return;
            }
            // Another look at the size: it may have changed before this was registered.
            if shared.workers.load(Ordering::SeqCst) <= shared.target.load(Ordering::SeqCst) {
                more.await;
            }
            continue;
        };
        attend(&shared, &*handler, job).await;
        // Jobs that never wait would keep the runtime's other tasks from running.
        tokio::task::consume_budget().await;
    }
}

/// Makes one attempt of a job.
async fn attend<J, O, H, F>(shared: &Arc<Shared<J, O>>, handler: &H, mut job: Job<J, O>)
where
    J: Send + Sync + 'static,
    O: Send + 'static,
    H: Fn(Arc<J>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<O, Failure>> + Send + 'static,
{
    let began = Instant::now();
    shared
        .metrics
        .began(job.priority, began.duration_since(job.queued));
    let result = if job.is_cancelled() {
        Err(Ended::Because(JobError::Cancelled))
    } else {
        job.attempt_count += 1;
        let result = attempt(shared, handler, &mut job).await;
        let time = began.elapsed();
        shared.metrics.ran(time);
        shared.run_count.fetch_add(1, Ordering::Relaxed);
        let time_ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        shared.busy_ns.fetch_add(time_ns, Ordering::Relaxed);
        result
    };
    if job.attempt_count == 1 {
        shared.budget.lock().add();
    }
    let result = match result {
        Ok(answer) => Ok(answer),
        Err(Ended::Because(error)) => Err(error),
        Err(Ended::Failed(failure)) => {
            let may_again = failure.is_worth_a_retry
                && !shared.is_over.load(Ordering::SeqCst)
                && shared.budget.lock().take(job.attempt_count);
            if may_again {
                return try_again(shared, job);
            }
            Err(JobError::Failed(failure.reason))
        }
    };
    shared.running.fetch_sub(1, Ordering::SeqCst);
    shared.finish(job, result);
}

/// Puts a job back into the queue after a pause.
fn try_again<J, O>(shared: &Arc<Shared<J, O>>, mut job: Job<J, O>)
where
    J: Send + Sync + 'static,
    O: Send + 'static,
{
    shared.metrics.retried();
    shared.running.fetch_sub(1, Ordering::SeqCst);
    let shared = Arc::clone(shared);
    let pause = shared.settings.retries.pause(job.attempt_count);
    tokio::spawn(async move {
        {
            let over = shared.over.notified();
            let mut over = pin!(over);
            over.as_mut().enable();
            if !shared.is_over.load(Ordering::SeqCst) {
                drop(tokio::time::timeout(pause, over).await);
            }
        }
        job.queued = Instant::now();
        let mut lines = shared.lines.lock();
        if shared.is_over.load(Ordering::SeqCst) {
            drop(lines);
            return shared.finish(job, Err(JobError::Ended));
        }
        let priority = job.priority;
        lines.push(priority, job);
        drop(lines);
        shared.more.notify_one();
    });
}

/// Why an attempt gave nothing.
enum Ended {
    Failed(Failure),
    Because(JobError),
}

async fn attempt<J, O, H, F>(
    shared: &Shared<J, O>,
    handler: &H,
    job: &mut Job<J, O>,
) -> Result<O, Ended>
where
    H: Fn(Arc<J>) -> F,
    F: Future<Output = Result<O, Failure>>,
{
    let over = shared.over.notified();
    let mut over = pin!(over);
    over.as_mut().enable();
    if shared.is_over.load(Ordering::SeqCst) {
        return Err(Ended::Because(JobError::Ended));
    }
    let made = catch_unwind(AssertUnwindSafe(|| handler(Arc::clone(&job.job))));
    let running = match made {
        Ok(future) => future,
        Err(panic) => return Err(Ended::Because(panicked(&*panic))),
    };
    let mut running = pin!(Some(running));
    let mut deadline = pin!(shared.settings.timeout.map(tokio::time::sleep));
    let mut reply = job.reply.take();
    let result = std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let running = running.as_mut().as_pin_mut();
            running.map_or(Poll::Pending, |running| running.poll(context))
        }));
        match polled {
            Ok(Poll::Ready(Ok(answer))) => return Poll::Ready(Ok(answer)),
            Ok(Poll::Ready(Err(failure))) => return Poll::Ready(Err(Ended::Failed(failure))),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Err(Ended::Because(panicked(&*panic)))),
        }
        // Only what waits can be ended: that is where its future may be dropped.
        if let Some(reply) = &mut reply
            && reply.poll_closed(context).is_ready()
        {
            return Poll::Ready(Err(Ended::Because(JobError::Cancelled)));
        }
        if over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Ended::Because(JobError::Ended)));
        }
        if let Some(deadline) = deadline.as_mut().as_pin_mut()
            && Future::poll(deadline, context).is_ready()
        {
            let timeout = shared.settings.timeout.unwrap_or_default();
            return Poll::Ready(Err(Ended::Because(JobError::TimedOut(timeout))));
        }
        Poll::Pending
    })
    .await;
    job.reply = reply;
    // What the handler holds may panic as it is dropped; the job has its result by then.
    let dropped = catch_unwind(AssertUnwindSafe(|| running.set(None)));
    if let Err(panic) = dropped {
        tracing::error!(error = %panicked(&*panic), "what a job held panicked as it was dropped");
    }
    result
}

fn panicked(panic: &(dyn Any + Send)) -> JobError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    JobError::Panicked(text.unwrap_or_else(|| "no text".to_owned()))
}
