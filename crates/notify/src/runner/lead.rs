//! The runner as one of several replicas: whether it may send, and what it tells the others.
//!
//! ## Invariants
//! A delivery belongs to the lease token under which it became due, and is sent only while that is
//! held. Before its first attempt the shared log says that it is intended; after the last one, what
//! became of it. Where the log cannot be written nothing is sent.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{Runner, Shared};
use crate::delivery::{Delivery, Outcome};
use crate::machine::Machine;
use crate::replica::{Entry, Outbox, ReplicaError, SharedLog};

/// How long to wait before the shared log is tried again.
const LOG_PAUSE: Duration = Duration::from_secs(1);

/// Whether this replica leads.
#[derive(Debug)]
pub(super) struct Lead {
    pub(super) outbox: Outbox,
    /// The token, and until when it counts.
    term: Mutex<Option<(u64, Instant)>>,
}

impl Lead {
    pub(super) fn new(outbox: Outbox) -> Self {
        Self {
            outbox,
            term: Mutex::new(None),
        }
    }

    /// The token that is held now.
    pub(super) fn token(&self) -> Option<u64> {
        let term = *self.term.lock();
        term.filter(|(_, until)| Instant::now() < *until)
            .map(|(token, _)| token)
    }
}

impl Runner {
    /// Lets it send until a time with a token of the lease; `None`: no more from now on. Nothing
    /// where it is not one of several replicas.
    pub fn set_leading(&self, term: Option<(u64, Instant)>) {
        let Some(lead) = &self.shared.lead else {
            return;
        };
        let before = std::mem::replace(&mut *lead.term.lock(), term);
        if before.map(|(token, _)| token) != term.map(|(token, _)| token) {
            self.shared.changed.notify_one();
        }
    }

    /// The token under which it sends now.
    #[must_use]
    pub fn leading(&self) -> Option<u64> {
        self.shared.lead.as_ref()?.token()
    }

    pub(crate) fn outbox(&self) -> Option<&Outbox> {
        self.shared.lead.as_ref().map(|lead| &lead.outbox)
    }

    pub(crate) fn shared_log(&self) -> Option<Arc<dyn SharedLog>> {
        self.outbox().map(|outbox| Arc::clone(outbox.log()))
    }

    /// Takes what other replicas have said and makes it durable here. What they do not know yet of
    /// ours counts more.
    pub(crate) async fn apply_shared(&self, mut entries: Vec<Entry>) {
        let Some(outbox) = self.outbox() else { return };
        entries.retain(|entry| !outbox.holds(entry));
        if entries.is_empty() {
            return;
        }
        self.shared
            .tell(move |machine: &mut Machine, now_ms| {
                let unreadable = machine.apply_shared(&entries, now_ms);
                if unreadable > 0 {
                    tracing::error!(unreadable, "entries of the shared log make no sense");
                }
            })
            .await;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    /// Whether a delivery may be tried now.
    pub(super) fn may_send(&self, delivery: &Delivery) -> bool {
        match &self.lead {
            None => true,
            Some(lead) => lead.token() == Some(delivery.token),
        }
    }

    /// Makes the shared log say what is about to be sent. Says whether it may be; `None`: the runner
    /// stops before that is known.
    pub(super) async fn intend(&self, due: &[Delivery]) -> Option<bool> {
        let Some(lead) = &self.lead else {
            return Some(true);
        };
        let mut stop = self.stop.subscribe();
        loop {
            if !due.iter().any(|delivery| self.may_send(delivery)) {
                return Some(false);
            }
            match lead.outbox.flush().await {
                Ok(()) => return Some(true),
                Err(error) if error.retry() => {
                    tracing::error!(
                        %error, held_back = due.len(),
                        "the shared log cannot be written; notifications wait for it"
                    );
                }
                Err(error) => {
                    self.refused(lead, &error);
                    return Some(false);
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOG_PAUSE) => {}
                _ = stop.wait_for(|stop| *stop) => return None,
            }
        }
    }

    /// Another leads already, or the log is set up wrongly: either way we do not.
    fn refused(&self, lead: &Lead, error: &ReplicaError) {
        tracing::error!(%error, "the shared log refuses what we notify; we stop");
        *lead.term.lock() = None;
    }

    /// Tells the others what has happened. What cannot be told now is told later.
    pub(super) async fn tell_others(&self) {
        let Some(lead) = &self.lead else { return };
        match lead.outbox.flush().await {
            Ok(()) => {}
            Err(error) if error.retry() => {
                tracing::error!(%error, "the shared log cannot be written; tried again");
            }
            Err(error) => self.refused(lead, &error),
        }
    }

    /// Gives a delivery up because another replica is to send it.
    pub(super) async fn withdraw(self: &Arc<Self>, delivery: &Delivery) {
        let token = delivery.token;
        let text = match self.lead.as_ref().and_then(Lead::token) {
            Some(now) => format!("not sent: lease token {token} is held no more, but {now}"),
            None => format!("not sent: lease token {token} is held no more"),
        };
        let (id, outcome) = (delivery.id, Outcome::Failed(text));
        self.tell(move |machine, now_ms| {
            // What fails while another leads is due at once when we lead again.
            machine.withdrawn(id, &outcome, now_ms);
        })
        .await;
        self.tell_others().await;
        self.changed.notify_one();
    }
}
