//! Several replicas, one notification: who of them notifies, and what the others know of it.
//!
//! ## Model
//! Replicas run the same rules and hold the same alerts. The holder of a [`Lease`] notifies; what was
//! notified, silences and acknowledgements go through a [`SharedLog`]. A [`Replica`] runs beside a
//! [`Runner`]: it takes and renews the lease, reads the log, and tells the runner until when it
//! may send.
//!
//! ## Invariants
//! A replica sends only what it has written into the log as intended, under a token that the log
//! knows no greater one of, and only until a fifth of the lease is left, by a clock that nobody sets.
//! It leads only after it has read the whole log, which refuses smaller tokens by then: what another
//! told is not told again. Twice comes only what was under way when its replica died or lost the lease.
//!
//! ## Limits
//! Another replica leads after at most the time of the lease and a fifth of it. Replicas must give
//! their alerts the same labels: an external label that tells them apart makes them others.
//!
//! ## Failure
//! Where the lease cannot be renewed, or the log not be written, nothing is sent; it is tried again
//! all the time. A holder that cannot read the log gives the lease up. What people say while the log
//! cannot be reached counts on their replica at once, and is told the others later.
//!
//! ## See also
//! `docs/adr/0004-alerting.md`, `docs/format/replica-log.md`.

mod entry;
mod file;
mod kubernetes;
mod lease;
mod outbox;
mod peers;
mod place;
mod postgres;
mod settings;
mod shared_log;

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use self::entry::last_of_each;
use crate::runner::Runner;

pub use self::entry::{Area, Entry, put_entries, read_entries};
pub use self::file::{FileLease, FileLog, SharedFolder};
pub use self::kubernetes::{KubernetesAccess, KubernetesLease};
pub use self::lease::{Lease, LeaseState, ReplicaError};
pub(crate) use self::outbox::Outbox;
pub use self::peers::{LOG_PATH, PeerAnswer, PeerLog, PeerRequest};
pub use self::place::{Place, PlaceParts};
pub use self::postgres::{Postgres, PostgresLease, PostgresLog};
pub use self::settings::{LeaseSettings, ReplicaSettings, TTL_MS, TTL_MS_MIN};
pub use self::shared_log::{LOG_PAUSE, Page, Position, SharedLog};

/// So many attempts to read the log are made before the lease is given up.
const TAKE_OVERS_MAX: u32 = 5;
/// How long the end may take when it is to stop.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What a replica is made of.
#[derive(Debug)]
pub struct ReplicaParts {
    /// Sends; one of [`Runner::replicated`].
    pub runner: Runner,
    /// Says who leads.
    pub lease: Arc<dyn Lease>,
    /// How this replica is called.
    pub name: String,
    /// How long the lease lasts, ms.
    pub ttl_ms: i64,
}

/// What is to be known of a replica.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplicaStatus {
    /// How it is called.
    pub name: String,
    /// The token under which it leads.
    pub leading: Option<u64>,
    /// Who leads, as the lease says; empty: nobody, or not known.
    pub holder: String,
    /// The token of that one.
    pub token: u64,
    /// Entries that the others do not know yet.
    pub unshared: usize,
    /// How often it began to lead, since its start.
    pub terms: u64,
    /// How often the lease could not be used, since its start.
    pub lease_errors: u64,
    /// How often the log could not be used, since its start.
    pub log_errors: u64,
    /// Why the lease cannot be used now.
    pub lease_error: Option<String>,
    /// Why the log cannot be used now.
    pub log_error: Option<String>,
}

/// See the module's page. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Replica {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    runner: Runner,
    lease: Arc<dyn Lease>,
    name: String,
    ttl: Duration,
    status: Mutex<ReplicaStatus>,
    stop: watch::Sender<bool>,
}

/// A replica that has the lease and does not lead yet.
#[derive(Debug, Default)]
struct TakeOver {
    token: u64,
    is_announced: bool,
    position: Position,
    /// What the log says something about.
    said: BTreeSet<(Area, Vec<u8>)>,
    attempts: u32,
}

impl Replica {
    /// A replica that does nothing until [`Replica::run`] is awaited.
    #[must_use]
    pub fn new(parts: ReplicaParts) -> Self {
        let ttl_ms = parts.ttl_ms.max(TTL_MS_MIN);
        Self {
            shared: Arc::new(Shared {
                status: Mutex::new(ReplicaStatus {
                    name: parts.name.clone(),
                    ..ReplicaStatus::default()
                }),
                runner: parts.runner,
                lease: parts.lease,
                name: parts.name,
                ttl: Duration::from_millis(u64::try_from(ttl_ms).unwrap_or(0)),
                stop: watch::Sender::new(false),
            }),
        }
    }

    /// Takes part until [`Replica::stop`] is called; then gives the lease up. To be stopped after the
    /// runner has ended, so that nobody leads while something is under way.
    pub async fn run(&self) {
        let shared = &self.shared;
        let mut stop = shared.stop.subscribe();
        tokio::select! {
            ((), ()) = async { tokio::join!(shared.keep_lease(), shared.keep_log()) } => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        shared.runner.set_leading(None);
        if let Some(outbox) = shared.runner.outbox()
            && let Err(error) = bounded(STOP_GRACE, "the shared log", outbox.flush()).await
        {
            tracing::error!(%error, unshared = outbox.len(), "other replicas do not know all");
        }
        if let Err(error) = bounded(STOP_GRACE, "the lease", shared.lease.release()).await {
            tracing::error!(%error, "the lease cannot be given up; it ends by itself");
        }
    }

    /// Ends [`Replica::run`].
    pub fn stop(&self) {
        self.shared.stop.send_replace(true);
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> ReplicaStatus {
        let mut status = self.shared.status.lock().clone();
        status.leading = self.shared.runner.leading();
        status.unshared = self.shared.runner.outbox().map_or(0, Outbox::len);
        status
    }
}

/// Does something in bounded time.
async fn bounded<T>(
    time: Duration,
    what: &str,
    work: impl Future<Output = Result<T, ReplicaError>>,
) -> Result<T, ReplicaError> {
    match tokio::time::timeout(time, work).await {
        Ok(done) => done,
        Err(_) => {
            let text = format!("{what} gave no answer within {} ms", time.as_millis());
            Err(ReplicaError::Unavailable(text))
        }
    }
}

impl Shared {
    /// Takes and renews the lease, for ever.
    async fn keep_lease(&self) {
        let mut leads: Option<u64> = None;
        let mut take_over = TakeOver::default();
        let mut token_floor = 0;
        loop {
            let asked = Instant::now();
            let known = self.runner.look(|machine, _| machine.token_known());
            let acquired = self.lease.acquire(known.max(token_floor));
            let state = bounded(self.ttl / 3, "the lease", acquired).await;
            self.note_lease(&state);
            let mut pause = self.ttl / 10;
            match state {
                Ok(LeaseState::Held { token }) => {
                    if leads != Some(token) {
                        leads = None;
                        self.runner.set_leading(None);
                        if take_over.token != token {
                            take_over = TakeOver {
                                token,
                                ..TakeOver::default()
                            };
                        }
                        match self.take_over(&mut take_over).await {
                            Ok(()) => leads = Some(token),
                            Err(error) => {
                                if let ReplicaError::Fenced { known, .. } = error {
                                    token_floor = known;
                                }
                                pause = self.put_off(&mut take_over, &error).await;
                            }
                        }
                    }
                    if leads == Some(token) {
                        // Counted from before it was asked for, a fifth for what is slow.
                        let until = asked + self.ttl * 4 / 5;
                        self.runner.set_leading(Some((token, until)));
                        pause = self.ttl / 3;
                    }
                }
                Ok(LeaseState::Elsewhere { holder, token }) => {
                    if leads.take().is_some() {
                        tracing::warn!(%holder, token, "another replica has the lease");
                    }
                    take_over = TakeOver::default();
                    token_floor = token_floor.max(token);
                    self.runner.set_leading(None);
                    if let Some(log) = self.runner.shared_log() {
                        log.follow(&holder);
                    }
                }
                // What is held goes on until its time.
                Err(error) => tracing::error!(%error, "the lease cannot be renewed or taken"),
            }
            tokio::time::sleep_until(asked + pause).await;
        }
    }

    fn note_lease(&self, state: &Result<LeaseState, ReplicaError>) {
        let mut status = self.status.lock();
        status.lease_error = state.as_ref().err().map(ToString::to_string);
        status.lease_errors += u64::from(state.is_err());
        match state {
            Ok(LeaseState::Held { token }) => {
                status.holder.clone_from(&self.name);
                status.token = *token;
            }
            Ok(LeaseState::Elsewhere { holder, token }) => {
                status.holder.clone_from(holder);
                status.token = *token;
            }
            Err(_) => {}
        }
    }

    fn note_log(&self, error: Option<String>) {
        let mut status = self.status.lock();
        status.log_errors += u64::from(error.is_some());
        status.log_error = error;
    }

    /// Learns what the replicas before have done. What was learned is not learned again where it
    /// fails in between.
    async fn take_over(&self, take_over: &mut TakeOver) -> Result<(), ReplicaError> {
        let Some(log) = self.runner.shared_log() else {
            return Ok(());
        };
        take_over.attempts += 1;
        let end = Instant::now() + self.ttl / 3;
        let left = || end.saturating_duration_since(Instant::now());
        let token = take_over.token;
        if !take_over.is_announced {
            bounded(left(), "the shared log", log.lead(token, &self.name)).await?;
            take_over.is_announced = true;
        }
        let TakeOver { position, said, .. } = take_over;
        bounded(left(), "the shared log", self.read(position, Some(said))).await?;
        self.offer(said, Some(token));
        if let Some(outbox) = self.runner.outbox() {
            bounded(left(), "the shared log", outbox.flush()).await?;
        }
        self.status.lock().terms += 1;
        tracing::info!(token, "this replica notifies from now on");
        Ok(())
    }

    /// Waits before the next attempt to lead; after some, lets another try. Gives how long to wait.
    async fn put_off(&self, take_over: &mut TakeOver, error: &ReplicaError) -> Duration {
        tracing::error!(%error, "the lease is held, but the shared log cannot be used");
        self.note_log(Some(error.to_string()));
        if error.retry() && take_over.attempts < TAKE_OVERS_MAX {
            return self.ttl / 10;
        }
        *take_over = TakeOver::default();
        if let Err(error) = bounded(self.ttl / 3, "the lease", self.lease.release()).await {
            tracing::error!(%error, "the lease cannot be given up; it ends by itself");
        }
        // Longer than the others wait.
        self.ttl / 2
    }

    /// Reads from a position to the end, and learns what stands there.
    async fn read(
        &self,
        position: &mut Position,
        mut said: Option<&mut BTreeSet<(Area, Vec<u8>)>>,
    ) -> Result<(), ReplicaError> {
        let (Some(log), Some(outbox)) = (self.runner.shared_log(), self.runner.outbox()) else {
            return Ok(());
        };
        loop {
            // What we write meanwhile would be newer than what is read.
            let _paused = outbox.pause().await;
            let page = log.read_since(*position).await?;
            if let Some(said) = &mut said {
                said.extend(page.entries.iter().map(Entry::place));
            }
            self.runner.apply_shared(last_of_each(page.entries)).await;
            *position = page.position;
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Puts into the log what this replica knows and the log says nothing of, as on the first start
    /// with replicas: what people said, and what was notified where we lead.
    fn offer(&self, said: &BTreeSet<(Area, Vec<u8>)>, token: Option<u64>) {
        let Some(outbox) = self.runner.outbox() else {
            return;
        };
        let mut entries = self
            .runner
            .look(|machine, now_ms| machine.shared_entries(now_ms));
        entries.retain(|entry| {
            let may = token.is_some() || !entry.area.needs_lease();
            may && !said.contains(&entry.place())
        });
        for entry in entries.iter_mut().filter(|entry| entry.area.needs_lease()) {
            entry.token = token.unwrap_or(0);
        }
        outbox.add(entries);
    }

    /// Reads and writes the log, for ever.
    async fn keep_log(&self) {
        let mut position = Position::default();
        let mut said = Some(BTreeSet::new());
        loop {
            let mut result = self.read(&mut position, said.as_mut()).await;
            if result.is_ok() {
                if let Some(said) = said.take() {
                    self.offer(&said, None);
                }
                if let Some(outbox) = self.runner.outbox() {
                    result = outbox.flush().await;
                }
            }
            let error = match result {
                Err(ReplicaError::Fenced { token, known }) => {
                    tracing::warn!(
                        token,
                        known,
                        "another replica leads; what we told late is dropped"
                    );
                    None
                }
                Err(error) => {
                    tracing::error!(%error, "the shared log cannot be used; tried again");
                    Some(error.to_string())
                }
                Ok(()) => None,
            };
            let failed = error.is_some();
            self.note_log(error);
            match self.runner.shared_log() {
                Some(log) if !failed => log.wait(position).await,
                _ => tokio::time::sleep(LOG_PAUSE).await,
            }
        }
    }
}

#[cfg(test)]
mod test_server;
#[cfg(test)]
mod tests;
