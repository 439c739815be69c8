//! What a worker does, and who starts workers.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use tokio::time::Instant;

use super::harmless::{harmless, panicked};
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
    let manager = Manager(Arc::clone(shared));
    tokio::spawn(async move {
        let Manager(shared) = &manager;
        loop {
            let wake = shared.wake.notified();
            let mut wake = pin!(wake);
            wake.as_mut().enable();
            while shared.state.lock().join() {
                tokio::spawn(work(Arc::clone(shared), Arc::clone(&handler)));
            }
            let status = shared.status();
            if shared.is_over.load(Ordering::SeqCst) && status.workers == 0 {
                return;
            }
            shared.metrics.show(&status);
            // Nobody waits for the picture: what wakes it is a change of size or the end.
            drop(tokio::time::timeout(SHOW, wake).await);
        }
    });
}

/// Shows how the pool is, to the end of it or of the runtime.
struct Manager<J, O>(Arc<Shared<J, O>>);

impl<J, O> Drop for Manager<J, O> {
    fn drop(&mut self) {
        self.0.metrics.show_nothing();
    }
}

/// A worker, which is to be missed when it dies: by a panic that nobody caught, or with its runtime.
struct Worker<J, O> {
    shared: Arc<Shared<J, O>>,
    /// What it has yet to tell.
    ran: Option<Ran>,
    has_left: bool,
}

impl<J, O> Drop for Worker<J, O> {
    fn drop(&mut self) {
        let shared = &self.shared;
        if !self.has_left {
            let (is_last, is_to_be_woken) = shared.state.lock().died(self.ran.take());
            shared.wake_worker(is_to_be_woken);
            if is_last {
                shared.ended.notify_waiters();
            }
        }
        // It starts another one where one is missing, and waits for the last of them.
        wake_manager(shared);
    }
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
    let mut worker = Worker {
        shared,
        ran: None,
        has_left: false,
    };
    let mut now = Instant::now();
    loop {
        match worker.shared.next(worker.ran.take()) {
            Next::Do(job) => {
                // So it is where the worker dies of it.
                worker.ran = Some(Ran {
                    time: None,
                    is_end: true,
                });
                let ran = attend(&worker.shared, &*handler, job, &mut now).await;
                worker.ran = Some(ran);
            }
            Next::Leave => {
                worker.has_left = true;
                return;
            }
            Next::Sleep => {
                worker.shared.sleep().await;
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
        if !self.state.lock().sleep() {
            return;
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
    harmless(|| drop(body));
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
        Err(panic) => return Err(Ended::Because(panicked(panic))),
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
            Err(panic) => return Poll::Ready(Err(Ended::Because(panicked(panic)))),
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
            // Nobody sees the end of what no clock can show.
            let end = began.checked_add(timeout);
            deadline.set(end.map(tokio::time::sleep_until));
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
    harmless(|| running.set(None));
    result
}
