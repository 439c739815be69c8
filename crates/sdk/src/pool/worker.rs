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

use super::job::{Body, Job, Reply, answer};
use super::state::{Next, Ran};
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
            while shared.state.lock().join() {
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

async fn work<J, O, H, F>(shared: Arc<Shared<J, O>>, handler: Arc<H>)
where
    J: Send + Sync + 'static,
    O: Send + 'static,
    H: Fn(Arc<J>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<O, Failure>> + Send + 'static,
{
    let mut ran = None;
    let mut now = Instant::now();
    loop {
        match shared.next(ran.take()) {
            Next::Do(job) => {
                let ended = attend(&shared, &*handler, job, &mut now).await;
                ran = Some(ended);
            }
            Next::Leave => return,
            Next::Sleep => {
                shared.sleep().await;
                now = Instant::now();
            }
        }
        // Jobs that never wait would keep the runtime's other tasks from running.
        let is_pause = !tokio::task::coop::has_budget_remaining();
        tokio::task::consume_budget().await;
        if is_pause {
            now = Instant::now();
        }
    }
}

impl<J, O> Shared<J, O> {
    /// Notes what a worker did and gives it what it does next.
    fn next(self: &Arc<Self>, ran: Option<Ran>) -> Next<Job<J, O>> {
        let mut state = self.state.lock();
        let is_last = ran.is_some_and(|ran| state.ran(ran));
        let turn = state.next();
        drop(state);
        self.wake_worker(turn.is_to_be_woken);
        self.tell(turn.promised);
        if is_last {
            self.ended.notify_waiters();
        }
        turn.next
    }

    /// Waits until there may be something to do.
    async fn sleep(&self) {
        // Made before the state is looked at: told to all that there were by then, it is told too.
        let more = self.more.notified();
        {
            let mut state = self.state.lock();
            if self.is_over.load(Ordering::SeqCst) {
                // A pool that has ended wants no workers.
                state.target = 0;
            }
            if !state.sleep() {
                return;
            }
        }
        more.await;
        self.state.lock().awake();
    }
}

/// Makes one attempt of a job, which begins at `now` and ends at what that is afterwards.
async fn attend<J, O, H, F>(
    shared: &Arc<Shared<J, O>>,
    handler: &H,
    job: Job<J, O>,
    now: &mut Instant,
) -> Ran
where
    J: Send + Sync + 'static,
    O: Send + 'static,
    H: Fn(Arc<J>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<O, Failure>> + Send + 'static,
{
    let waited = now.duration_since(job.queued);
    shared.metrics.began(job.priority, waited);
    if job.is_cancelled() {
        shared.metrics.ended(Some(&JobError::Cancelled));
        job.answer(Err(JobError::Cancelled));
        return Ran {
            time: None,
            is_end: true,
        };
    }
    let attempt_count = job.attempt_count + 1;
    let (body, mut reply) = (job.body.share(), job.reply);
    let result = attempt(shared, handler, &body, &mut reply, *now).await;
    let began = std::mem::replace(now, Instant::now());
    let time = now.duration_since(began);
    shared.metrics.ran(time);
    if attempt_count == 1 && shared.settings.retries.attempts_max > 1 {
        shared.budget.lock().add();
    }
    let mut ran = Ran {
        time: Some(time),
        is_end: true,
    };
    let result = match result {
        Ok(answer) => Ok(answer),
        Err(Ended::Because(error)) => Err(error),
        Err(Ended::Failed(failure)) => {
            let may_again = failure.is_worth_a_retry
                && !shared.is_over.load(Ordering::SeqCst)
                && shared.budget.lock().take(attempt_count);
            if may_again {
                let body = Body::Tried(body);
                try_again(
                    shared,
                    Job {
                        body,
                        reply,
                        attempt_count,
                        ..job
                    },
                );
                ran.is_end = false;
                return ran;
            }
            Err(JobError::Failed(failure.reason))
        }
    };
    shared.metrics.ended(result.as_ref().err());
    drop_safely(body);
    // Told before it is counted: whoever waits for the last job to end is to find its result there.
    answer(reply, result);
    ran
}

/// Puts a job back into the queue after a pause.
fn try_again<J, O>(shared: &Arc<Shared<J, O>>, mut job: Job<J, O>)
where
    J: Send + Sync + 'static,
    O: Send + 'static,
{
    shared.metrics.retried();
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
        let mut state = shared.state.lock();
        if shared.is_over.load(Ordering::SeqCst) {
            drop(state);
            return shared.finish(job, Err(JobError::Ended));
        }
        let is_to_be_woken = state.put_again(job.priority, job);
        drop(state);
        shared.wake_worker(is_to_be_woken);
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
    job: &Arc<J>,
    reply: &mut Option<Reply<O>>,
    began: Instant,
) -> Result<O, Ended>
where
    H: Fn(Arc<J>) -> F,
    F: Future<Output = Result<O, Failure>>,
{
    // Made before it is looked whether the pool is over: what comes between is not missed. Most jobs are
    // never asked for it: they end before they wait.
    let mut over = pin!(shared.over.notified());
    if shared.is_over.load(Ordering::SeqCst) {
        return Err(Ended::Because(JobError::Ended));
    }
    let made = catch_unwind(AssertUnwindSafe(|| handler(Arc::clone(job))));
    let running = match made {
        Ok(future) => future,
        Err(panic) => return Err(Ended::Because(panicked(&*panic))),
    };
    let mut running = pin!(Some(running));
    let mut deadline = pin!(None);
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
        if let Some(reply) = reply
            && reply.poll_closed(context).is_ready()
        {
            return Poll::Ready(Err(Ended::Because(JobError::Cancelled)));
        }
        if over.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(Ended::Because(JobError::Ended)));
        }
        let Some(timeout) = shared.settings.timeout else {
            return Poll::Pending;
        };
        if deadline.is_none() {
            deadline.set(Some(tokio::time::sleep_until(began + timeout)));
        }
        if let Some(deadline) = deadline.as_mut().as_pin_mut()
            && Future::poll(deadline, context).is_ready()
        {
            return Poll::Ready(Err(Ended::Because(JobError::TimedOut(timeout))));
        }
        Poll::Pending
    })
    .await;
    // What the handler holds may panic as it is dropped; the job has its result by then.
    let dropped = catch_unwind(AssertUnwindSafe(|| running.set(None)));
    note_panic(dropped);
    result
}

/// A job that panics as it is dropped takes no worker with it.
fn drop_safely<J>(job: Arc<J>) {
    note_panic(catch_unwind(AssertUnwindSafe(|| drop(job))));
}

fn note_panic(dropped: std::thread::Result<()>) {
    if let Err(panic) = dropped {
        tracing::error!(error = %panicked(&*panic), "what a job held panicked as it was dropped");
    }
}

fn panicked(panic: &(dyn Any + Send)) -> JobError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    JobError::Panicked(text.unwrap_or_else(|| "no text".to_owned()))
}
