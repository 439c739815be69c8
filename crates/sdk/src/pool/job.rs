//! A job on its way, and what whoever submitted it holds.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Priority;
use super::harmless::harmless;

/// Why a job has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    /// The handler said so, at its last attempt.
    #[error("the job failed: {0}")]
    Failed(String),
    /// The handler panicked.
    #[error("the job panicked: {0}")]
    Panicked(String),
    /// It ran longer than it may.
    #[error("the job ran longer than {0:?}")]
    TimedOut(std::time::Duration),
    /// Nobody wants it any more.
    #[error("the job was cancelled")]
    Cancelled,
    /// The queue was full and something newer, at least as urgent, came.
    #[error("the job was shed: the queue was full")]
    Shed,
    /// The pool ended before its turn came.
    #[error("the pool has ended")]
    Ended,
}

impl JobError {
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Panicked(_) => "panicked",
            Self::TimedOut(_) => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Shed => "shed",
            Self::Ended => "ended",
        }
    }
}

/// Why a handler could not do a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Why.
    pub reason: String,
    /// Whether the same may work later.
    pub is_worth_a_retry: bool,
}

impl Failure {
    /// One that may work later.
    pub fn retry(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
            is_worth_a_retry: true,
        }
    }

    /// One that will not.
    pub fn give_up(reason: impl fmt::Display) -> Self {
        Self {
            reason: reason.to_string(),
            is_worth_a_retry: false,
        }
    }
}

/// Takes the result of a job to whoever waits for it.
pub(super) type Reply<O> = oneshot::Sender<Result<O, JobError>>;

/// A job that waits or runs.
#[derive(Debug)]
pub(super) struct Job<J, O> {
    pub(super) body: Body<J>,
    pub(super) priority: Priority,
    pub(super) queued: Instant,
    /// Attempts so far.
    pub(super) attempt_count: u32,
    /// `None`: nobody waits for the result.
    pub(super) reply: Option<Reply<O>>,
}

/// What is to be done. It is shared when its first attempt begins: the worker that gives the memory back
/// is mostly the one that took it.
#[derive(Debug)]
pub(super) enum Body<J> {
    New(J),
    Tried(Arc<J>),
}

impl<J> Body<J> {
    /// What the handler gets.
    pub(super) fn share(self) -> Arc<J> {
        match self {
            Self::New(job) => Arc::new(job),
            Self::Tried(job) => job,
        }
    }
}

/// A job that was not taken yet.
#[derive(Debug)]
pub(super) struct NewJob<J, O> {
    pub(super) job: J,
    pub(super) priority: Priority,
    pub(super) reply: Option<Reply<O>>,
    pub(super) queued: Instant,
}

impl<J, O> NewJob<J, O> {
    pub(super) fn new(job: J, priority: Priority, reply: Option<Reply<O>>) -> Self {
        Self {
            job,
            priority,
            reply,
            queued: Instant::now(),
        }
    }

    pub(super) fn into_job(self) -> Job<J, O> {
        Job {
            body: Body::New(self.job),
            priority: self.priority,
            queued: self.queued,
            attempt_count: 0,
            reply: self.reply,
        }
    }
}

impl<J, O> Job<J, O> {
    /// Whether somebody waited for the result and does not any more.
    pub(super) fn is_cancelled(&self) -> bool {
        self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    pub(super) fn answer(self, result: Result<O, JobError>) {
        let Self { body, reply, .. } = self;
        answer(reply, result);
        harmless(|| drop(body));
    }
}

/// Tells a result to whoever waits for it.
pub(super) fn answer<O>(reply: Option<Reply<O>>, result: Result<O, JobError>) {
    harmless(|| match reply {
        // Where it was cancelled in the last moment nobody wants to know.
        Some(reply) => drop(reply.send(result)),
        None => drop(result),
    });
}

/// Waits for the result of a job. Dropped before, the job is cancelled: it does not begin, or is dropped
/// at the place where it waits.
#[derive(Debug)]
#[must_use = "a job whose handle is dropped is cancelled"]
pub struct JobHandle<O>(pub(super) oneshot::Receiver<Result<O, JobError>>);

impl<O> Future for JobHandle<O> {
    type Output = Result<O, JobError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = std::task::ready!(Pin::new(&mut self.0).poll(context));
        Poll::Ready(result.unwrap_or(Err(JobError::Ended)))
    }
}
