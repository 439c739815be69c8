//! Drives the machine: keeps what must be kept, carries deliveries out, tries again.
//!
//! ## Model
//! A [`Runner`] owns a [`Machine`] behind a lock. One task waits for the next turn; each delivery has
//! a task of its own that tries until the receiver takes it, refuses it for good, or the deadline
//! has come.
//!
//! ## Invariants
//! Effects are durable before a delivery begins, and its outcome before the group's next turn. A slow
//! receiver holds up nobody else. What a receiver may have taken though it did not say so is tried
//! again: told twice rather than never.
//!
//! ## Failure
//! Where the store fails nothing is sent: what cannot be remembered would be repeated after a
//! restart. It is tried again with the next turn.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bellwether_storage::{Clock, StateStore, StorageError, Timeline};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use crate::delivery::{Delivery, Effects, Outcome};
use crate::machine::Machine;

/// The first pause after an attempt that failed; later ones are half as long again each time.
const PAUSE_MS_MIN: u64 = 500;
/// No pause is longer.
const PAUSE_MS_MAX: u64 = 60_000;
/// How long to wait before the store is tried again, ms.
const STORE_PAUSE_MS: i64 = 1_000;

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

/// See the module's page. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Runner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    machine: Mutex<Machine>,
    /// Effects that are not durable yet, oldest first. Held for moments only, also with the machine.
    unkept: Mutex<Effects>,
    /// Held while effects are written, so that they reach the store in the order in which they
    /// happened.
    keeping: Mutex<()>,
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
        Self {
            shared: Arc::new(Shared {
                machine: Mutex::new(parts.machine),
                unkept: Mutex::default(),
                keeping: Mutex::default(),
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

    /// Sends what is due until [`Runner::stop`] is called. Deliveries that are under way then are
    /// given up; they are due again after the next start.
    pub async fn run(&self) {
        let mut stop = self.shared.stop.subscribe();
        while !*stop.borrow_and_update() {
            let shared = Arc::clone(&self.shared);
            // The store blocks.
            let turn = tokio::task::spawn_blocking(move || shared.turn()).await;
            let Ok((deliveries, wait_ms)) = turn else {
                tracing::error!("a turn of notifications panicked");
                continue;
            };
            for delivery in deliveries {
                tokio::spawn(Arc::clone(&self.shared).carry_out(Arc::new(delivery)));
            }
            let pause = async {
                match wait_ms {
                    Some(ms) => {
                        let ms = u64::try_from(ms).unwrap_or(0);
                        tokio::time::sleep(Duration::from_millis(ms)).await;
                    }
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = pause => {}
                () = self.shared.changed.notified() => {}
                _ = stop.changed() => {}
            }
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
        let mut unkept = self.unkept.lock();
        unkept.changes.append(&mut effects.changes);
        unkept.rows.append(&mut effects.rows);
    }

    /// Makes all effects so far durable.
    fn keep(&self) -> Result<(), StorageError> {
        let _one = self.keeping.lock();
        let mut effects = std::mem::take(&mut *self.unkept.lock());
        let kept = self.write(&mut effects);
        if kept.is_err() {
            let mut unkept = self.unkept.lock();
            effects.changes.append(&mut unkept.changes);
            effects.rows.append(&mut unkept.rows);
            *unkept = effects;
        }
        kept
    }

    /// Writes effects and takes away what was written.
    fn write(&self, effects: &mut Effects) -> Result<(), StorageError> {
        while let Some((area, _)) = effects.changes.first() {
            let area = *area;
            let same = effects
                .changes
                .iter()
                .take_while(|(other, _)| *other == area);
            let count = same.count();
            let changes: Vec<_> = effects.changes[..count]
                .iter()
                .map(|(_, change)| change.clone())
                .collect();
            self.state.change(area, &changes)?;
            effects.changes.drain(..count);
        }
        if !effects.rows.is_empty() {
            self.timeline.append(&effects.rows)?;
            effects.rows.clear();
        }
        Ok(())
    }

    /// What is to be sent now, and how long it is until the next turn.
    fn turn(&self) -> (Vec<Delivery>, Option<i64>) {
        // What was not kept before comes first: without it nothing new is sent.
        if let Err(error) = self.keep() {
            tracing::error!(%error, "state of notifications cannot be kept; nothing is sent");
            return (Vec::new(), Some(STORE_PAUSE_MS));
        }
        let now_ms = self.clock.now_ms();
        let (deliveries, wake_at) = {
            let mut machine = self.machine.lock();
            let deliveries = machine.due(now_ms);
            self.collect(&mut machine);
            (deliveries, machine.wake_at())
        };
        if let Err(error) = self.keep() {
            tracing::error!(%error, "state of notifications cannot be kept; nothing is sent");
            let outcome = Outcome::Failed(format!("not sent: {error}"));
            let mut machine = self.machine.lock();
            for delivery in &deliveries {
                machine.delivered(delivery.id, &outcome, now_ms);
            }
            self.collect(&mut machine);
            return (Vec::new(), Some(STORE_PAUSE_MS));
        }
        (
            deliveries,
            wake_at.map(|at| at.saturating_sub(now_ms).max(0)),
        )
    }

    /// Tries until the delivery is taken, refused, or too late.
    async fn carry_out(self: Arc<Self>, delivery: Arc<Delivery>) {
        let mut stop = self.stop.subscribe();
        let mut pause_ms = PAUSE_MS_MIN;
        let outcome = loop {
            let left_ms = delivery.deadline_ms.saturating_sub(self.clock.now_ms());
            let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or(0));
            let attempt = tokio::time::timeout(left, self.deliver.attempt(Arc::clone(&delivery)));
            let result = tokio::select! {
                result = attempt => result,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let error = match result {
                Ok(Ok(answer)) => break Outcome::Delivered(answer),
                Ok(Err(error)) => error,
                Err(_) => break Outcome::Failed("no answer before the deadline".to_owned()),
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
            let id = delivery.id;
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
        let id = delivery.id;
        self.tell(move |machine, now_ms| machine.delivered(id, &outcome, now_ms))
            .await;
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
