//! Drives the machine: keeps what must be kept, carries deliveries out, tries again.
//!
//! ## Model
//! A [`Runner`] owns a [`Machine`] behind a lock. One task waits for the next turn; each delivery has
//! a task of its own that tries until the receiver takes it, refuses it for good, or the deadline
//! has come.
//!
//! ## Invariants
//! State is durable before a delivery begins, and its outcome before the group's next turn. A slow
//! receiver holds up nobody else. What a receiver may have taken though it did not say so is tried
//! again: told twice rather than never. Every delivery has an outcome, a panic included.
//!
//! One of several replicas ([`Runner::replicated`]) sends only while it holds the lease, which is looked
//! at before every attempt, and only what the shared log says is intended.
//!
//! ## Failure
//! Where state cannot be kept nothing is sent: what cannot be remembered would be repeated after a
//! restart. It is tried again every second, and then sent at once. Rows of the timeline that cannot
//! be kept hold up nothing; [`ROWS_MAX`] wait, older ones are lost and counted.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bellwether_storage::{Clock, StateStore, StorageError, Timeline};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use self::lead::Lead;
use self::unkept::Unkept;
use crate::delivery::{Delivery, Outcome};
use crate::machine::Machine;
use crate::replica::{Outbox, SharedLog};

pub use self::unkept::ROWS_MAX;

mod lead;
mod unkept;

/// The first pause after an attempt that failed; later ones are half as long again each time.
const PAUSE_MS_MIN: u64 = 500;
/// No pause is longer.
const PAUSE_MS_MAX: u64 = 60_000;
/// How long to wait before the store is tried again, ms.
const STORE_PAUSE_MS: i64 = 1_000;
/// How long to wait after a turn that panicked.
const PANIC_PAUSE: Duration = Duration::from_secs(1);
/// How long attempts that are under way may go on when the runner is to stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptError {
    /// What the receiver said, or what kept it from being asked.
    pub text: String,
    /// Whether another attempt may help.
    pub retry: bool,
}

/// A boxed future.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Sends notifications.
pub trait Deliver: Send + Sync + Debug {
    /// Makes one attempt. Gives the receiver's answer in short.
    fn attempt(&self, delivery: Arc<Delivery>) -> BoxFuture<Result<String, AttemptError>>;
}

/// For machines that tell nobody.
#[derive(Debug, Clone, Copy)]
pub struct NoReceivers;

impl Deliver for NoReceivers {
    fn attempt(&self, delivery: Arc<Delivery>) -> BoxFuture<Result<String, AttemptError>> {
        let text = format!("receiver {:?} does not exist", delivery.receiver);
        Box::pin(async move { Err(AttemptError { text, retry: false }) })
    }
}

/// See the module's page. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    machine: Mutex<Machine>,
    /// What is not durable yet. Held for moments only, also with the machine.
    unkept: Mutex<Unkept>,
    /// Held while effects are written, so that they reach the store in the order in which they
    /// happened.
    keeping: Mutex<()>,
    /// Deliveries that wait until state can be kept.
    held_back: Mutex<Vec<Delivery>>,
    /// There where this is one of several replicas.
    lead: Option<Lead>,
    state: Arc<dyn StateStore>,
    timeline: Arc<dyn Timeline>,
    clock: Arc<dyn Clock>,
    deliver: Arc<dyn Deliver>,
    /// Told when there may be an earlier turn.
    changed: Notify,
    stop: watch::Sender<bool>,
}

/// What a runner is made of.
#[derive(Debug)]
pub struct RunnerParts {
    /// Decides.
    pub machine: Machine,
    /// Keeps the machine's state.
    pub state: Arc<dyn StateStore>,
    /// Keeps what happened.
    pub timeline: Arc<dyn Timeline>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Sends.
    pub deliver: Arc<dyn Deliver>,
}

impl Runner {
    /// A runner that does nothing until [`Runner::run`] is awaited.
    #[must_use]
    pub fn new(parts: RunnerParts) -> Self {
        Self::build(parts, None)
    }

    /// The same for one of several replicas, called `name`, that share a log. It sends while a
    /// [`crate::replica::Replica`] says that it may.
    #[must_use]
    pub fn replicated(mut parts: RunnerParts, log: Arc<dyn SharedLog>, name: &str) -> Self {
        parts.machine.share();
        let outbox = Outbox::new(log, name.to_owned());
        Self::build(parts, Some(Lead::new(outbox)))
    }

    fn build(parts: RunnerParts, lead: Option<Lead>) -> Self {
        Self {
            shared: Arc::new(Shared {
                machine: Mutex::new(parts.machine),
                unkept: Mutex::default(),
                keeping: Mutex::default(),
                held_back: Mutex::default(),
                lead,
                state: parts.state,
                timeline: parts.timeline,
                clock: parts.clock,
                deliver: parts.deliver,
                changed: Notify::new(),
                stop: watch::Sender::new(false),
            }),
        }
    }

    /// Does something with the machine at the present time and makes durable what follows from it.
    ///
    /// # Errors
    /// Where that cannot be made durable. The machine has changed all the same, and it is tried again.
    pub fn with<T>(&self, work: impl FnOnce(&mut Machine, i64) -> T) -> Result<T, StorageError> {
        let done = {
            let mut machine = self.shared.machine.lock();
            let done = work(&mut machine, self.shared.clock.now_ms());
            self.shared.collect(&mut machine);
            done
        };
        let kept = self.shared.keep();
        self.shared.changed.notify_one();
        kept.map(|()| done)
    }

    /// Looks at the machine at the present time.
    pub fn look<T>(&self, look: impl FnOnce(&Machine, i64) -> T) -> T {
        look(&self.shared.machine.lock(), self.shared.clock.now_ms())
    }

    /// Sends what is due until [`Runner::stop`] is called. Attempts that are under way then may end;
    /// what is given up is due again after the next start.
    pub async fn run(&self) {
        let mut stop = self.shared.stop.subscribe();
        let mut deliveries = JoinSet::new();
        while !*stop.borrow_and_update() {
            let shared = Arc::clone(&self.shared);
            // The store blocks.
            let turn = tokio::task::spawn_blocking(move || shared.turn()).await;
            let wait = match turn {
                Ok((due, wait_ms)) => {
                    if !due.is_empty() {
                        deliveries.spawn(Arc::clone(&self.shared).carry_out_all(due));
                    }
                    wait_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
                }
                Err(error) => {
                    tracing::error!(%error, "a turn of notifications panicked");
                    Some(PANIC_PAUSE)
                }
            };
            let pause = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    () = self.shared.changed.notified() => break,
                    _ = stop.changed() => break,
                    Some(_) = deliveries.join_next() => {}
                }
            }
        }
        while deliveries.join_next().await.is_some() {}
        let shared = Arc::clone(&self.shared);
        match tokio::task::spawn_blocking(move || shared.keep()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "state of notifications is not kept"),
            Err(error) => tracing::error!(%error, "keeping the state of notifications panicked"),
        }
    }

    /// Ends [`Runner::run`].
    pub fn stop(&self) {
        self.shared.stop.send_replace(true);
    }
}

impl Shared {
    /// Takes the machine's effects, in order. Called with the machine locked.
    fn collect(&self, machine: &mut Machine) {
        let mut effects = machine.take_effects();
        if let Some(lead) = &self.lead {
            lead.outbox.add(std::mem::take(&mut effects.shared));
        }
        self.unkept.lock().add(effects);
    }

    /// Makes all effects so far durable. Rows that cannot be kept wait and are no error.
    fn keep(&self) -> Result<(), StorageError> {
        let _one = self.keeping.lock();
        let mut unkept = std::mem::take(&mut *self.unkept.lock());
        unkept.write_rows(&*self.timeline);
        let kept = unkept.write_changes(&*self.state);
        if !unkept.is_empty() {
            let newer = std::mem::take(&mut *self.unkept.lock());
            unkept.add_newer(newer);
            *self.unkept.lock() = unkept;
        }
        kept
    }

    /// What is to be sent now, and how long it is until the next turn.
    fn turn(&self) -> (Vec<Delivery>, Option<i64>) {
        // What was not kept before comes first: without it nothing new is sent.
        if let Err(error) = self.keep() {
            tracing::error!(%error, "state of notifications cannot be kept; nothing is sent");
            return (Vec::new(), Some(STORE_PAUSE_MS));
        }
        let now_ms = self.clock.now_ms();
        let mut deliveries = std::mem::take(&mut *self.held_back.lock());
        let wake_at = {
            let mut machine = self.machine.lock();
            if let Some(lead) = &self.lead {
                machine.lead(lead.token(), now_ms);
            }
            deliveries.extend(machine.due(now_ms));
            self.collect(&mut machine);
            machine.wake_at()
        };
        if let Err(error) = self.keep() {
            tracing::error!(
                %error, held_back = deliveries.len(),
                "state of notifications cannot be kept; they are sent when it can"
            );
            self.held_back.lock().append(&mut deliveries);
            return (Vec::new(), Some(STORE_PAUSE_MS));
        }
        let rows_wait = self.unkept.lock().has_rows().then_some(STORE_PAUSE_MS);
        let wait = wake_at.map(|at| at.saturating_sub(now_ms).max(0));
        let wait = match (wait, rows_wait) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        (deliveries, wait)
    }

    /// Makes one attempt in a task of its own, so that a panic in it is a failed attempt. `None`: the
    /// runner stops before it has ended.
    async fn attempt(
        &self,
        delivery: &Arc<Delivery>,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<Result<String, AttemptError>> {
        let left_ms = delivery.deadline_ms.saturating_sub(self.clock.now_ms());
        let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
        let attempt = self.deliver.attempt(Arc::clone(delivery));
        let mut task = JoinSet::new();
        task.spawn(tokio::time::timeout(left, attempt));
        let in_time = tokio::select! {
            biased;
            result = task.join_next() => Some(result),
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let result = match in_time {
            Some(result) => result,
            None => tokio::time::timeout(STOP_GRACE, task.join_next())
                .await
                .ok()?,
        };
        let failed = |text: &str| {
            Err(AttemptError {
                text: text.to_owned(),
                retry: false,
            })
        };
        Some(match result? {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => failed("no answer before the deadline"),
            Err(error) => {
                tracing::error!(receiver = %delivery.receiver, %error, "an attempt panicked");
                failed("the attempt panicked; see the log")
            }
        })
    }

    /// Carries deliveries out side by side, once other replicas can know of them.
    async fn carry_out_all(self: Arc<Self>, due: Vec<Delivery>) {
        let Some(may_send) = self.intend(&due).await else {
            return;
        };
        let mut deliveries = JoinSet::new();
        for delivery in due {
            if may_send {
                deliveries.spawn(Arc::clone(&self).carry_out(Arc::new(delivery)));
            } else {
                self.withdraw(&delivery).await;
            }
        }
        while deliveries.join_next().await.is_some() {}
    }

    /// Tries until the delivery is taken, refused, or too late.
    async fn carry_out(self: Arc<Self>, delivery: Arc<Delivery>) {
        let mut stop = self.stop.subscribe();
        let mut pause_ms = PAUSE_MS_MIN;
        let id = delivery.id;
        let outcome = loop {
            if !self.may_send(&delivery) {
                return self.withdraw(&delivery).await;
            }
            let error = match self.attempt(&delivery, &mut stop).await {
                Some(Ok(answer)) => break Outcome::Delivered(answer),
                Some(Err(error)) => error,
                None => return,
            };
            let is_late =
                self.clock.now_ms().saturating_add(pause_ms as i64) >= delivery.deadline_ms;
            if !error.retry || is_late {
                break Outcome::Failed(error.text);
            }
            tracing::warn!(
                receiver = %delivery.receiver, group = %delivery.group_key, error = %error.text,
                "notification failed and will be tried again"
            );
            self.tell(move |machine, now_ms| machine.attempt_failed(id, &error.text, now_ms))
                .await;
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(pause_ms)) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            pause_ms = (pause_ms * 3 / 2).min(PAUSE_MS_MAX);
        };
        if let Outcome::Failed(error) = &outcome {
            tracing::error!(
                receiver = %delivery.receiver, group = %delivery.group_key, %error,
                "notification was given up"
            );
        }
        self.tell(move |machine, now_ms| machine.delivered(id, &outcome, now_ms))
            .await;
        self.tell_others().await;
        self.changed.notify_one();
    }

    /// Tells the machine something and makes durable what follows from it.
    async fn tell(self: &Arc<Self>, what: impl FnOnce(&mut Machine, i64) + Send + 'static) {
        let shared = Arc::clone(self);
        let told = tokio::task::spawn_blocking(move || {
            {
                let mut machine = shared.machine.lock();
                what(&mut machine, shared.clock.now_ms());
                shared.collect(&mut machine);
            }
            shared.keep()
        });
        match told.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "state of notifications cannot be kept; tried again");
            }
            Err(_) => tracing::error!("keeping the state of notifications panicked"),
        }
    }
}

#[cfg(test)]
mod tests;
