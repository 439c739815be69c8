//! The log as it goes from replica to replica over HTTP, for leases that hold no data.
//!
//! ## Model
//! The holder of the lease has the log in memory; the others ask it again and again for what is new
//! ([`LOG_PATH`]), and send it what people said to them. Each keeps a copy, with which it goes on
//! when it leads. What is here survives a restart in the state of every replica.
//!
//! ## Invariants
//! What the holder writes is there when every replica that has asked within `ALIVE` has it, or
//! `COPY_TIME` has passed: a replica that takes over knows of all that was told.
//!
//! ## Limits
//! `FOLLOWERS_MAX` replicas, `PAGE_BYTES` of entries an answer.
//!
//! ## Failure
//! A replica that has not asked for `ALIVE` is not waited for. If then the holder dies and that one
//! takes over, it tells again what it does not know of.
//!
//! ## Format
//! `docs/format/replica-log.md`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bellwether_outbound::{Client, Request, StatusCode};
use bellwether_storage::Clock;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;
use url::Url;

use self::copy::Copy;
use super::entry::{Area, Entry, put_entries};
use super::lease::ReplicaError;
use super::shared_log::{LOG_PAUSE, Page, Position, SharedLog};
use crate::runner::BoxFuture;

mod answer;
mod copy;
mod wire;

pub use self::wire::{PeerAnswer, PeerRequest};

/// Where a server answers with [`PeerLog::answer`].
pub const LOG_PATH: &str = "/api/bellwether/v1/replica/log";
/// A replica that has asked within this time is waited for. Chosen: some of its requests.
const ALIVE: Duration = Duration::from_secs(5);
/// No replica is waited for longer. Chosen: a notification may be so late.
const COPY_TIME: Duration = Duration::from_secs(2);
/// No more replicas are waited for.
const FOLLOWERS_MAX: usize = 64;
/// Entries of one answer, in bytes.
const PAGE_BYTES: usize = 8 << 20;

/// How long a request may take.
const REQUEST_TIME: Duration = Duration::from_secs(5);
/// An answer has at most one entry more than a page.
const BODY_BYTES_MAX: u64 = 64 << 20;

/// See the module's page. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PeerLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
    client: Client,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    /// Told when an entry comes, when a replica has copied, and when roles change.
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    role: Role,
    /// The greatest token that is known.
    token: u64,
    copy: Copy,
    /// Other replicas: when each asked last, and how far it has copied.
    followers: BTreeMap<String, (Instant, u64)>,
}

#[derive(Debug, Default)]
enum Role {
    #[default]
    Alone,
    Leads,
    Follows(Url),
}

impl PeerLog {
    /// A log for the replica that is called `name`, which asks others with a client.
    #[must_use]
    pub fn new(name: &str, client: Client, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner: Arc::new(Inner {
                name: name.to_owned(),
                client,
                clock,
                state: Mutex::default(),
                changed: watch::Sender::new(()),
            }),
        }
    }
}

impl SharedLog for PeerLog {
    fn append(&self, entries: Vec<Entry>) -> BoxFuture<Result<(), ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.append(entries).await })
    }

    fn read_since(&self, position: Position) -> BoxFuture<Result<Page, ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.read(position).await })
    }

    fn lead(&self, token: u64, _by: &str) -> BoxFuture<Result<(), ReplicaError>> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.lead(token) })
    }

    fn follow(&self, holder: &str) {
        let mut state = self.inner.state.lock();
        state.role = match holder.parse() {
            Ok(url) => Role::Follows(url),
            Err(_) => Role::Alone,
        };
        drop(state);
        self.inner.changed.send_replace(());
    }

    fn wait(&self, position: Position) -> BoxFuture<()> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move { inner.wait(position).await })
    }
}

/// Whom to ask.
enum Whom {
    Us,
    Holder(Url),
}

impl Inner {
    fn whom(&self) -> Result<Whom, ReplicaError> {
        match &self.state.lock().role {
            Role::Leads => Ok(Whom::Us),
            Role::Follows(url) => Ok(Whom::Holder(url.clone())),
            Role::Alone => Err(ReplicaError::Unavailable(
                "no replica has the lease, so nobody has the log".to_owned(),
            )),
        }
    }

    fn lead(&self, token: u64) -> Result<(), ReplicaError> {
        let mut state = self.state.lock();
        if token < state.token {
            let known = state.token;
            return Err(ReplicaError::Fenced { token, known });
        }
        state.role = Role::Leads;
        if state.copy.epoch() != token {
            state.token = token;
            state.copy.renumber(token);
            state.followers.clear();
        }
        drop(state);
        self.changed.send_replace(());
        Ok(())
    }

    async fn append(&self, entries: Vec<Entry>) -> Result<(), ReplicaError> {
        match self.whom()? {
            Whom::Us => {
                let sequence = self.take(entries)?;
                self.wait_for_copies(sequence).await;
                Ok(())
            }
            Whom::Holder(url) => self.send(&url, entries).await,
        }
    }

    /// Puts entries into our own copy while we lead. Gives the sequence of the last.
    fn take(&self, entries: Vec<Entry>) -> Result<u64, ReplicaError> {
        let mut state = self.state.lock();
        let known = state.token;
        let stale = |entry: &&Entry| entry.token > 0 && entry.token < known;
        if let Some(entry) = entries.iter().find(stale) {
            let token = entry.token;
            return Err(ReplicaError::Fenced { token, known });
        }
        let now_ms = self.clock.now_ms();
        let sequence = state.copy.append(entries, now_ms);
        drop(state);
        self.changed.send_replace(());
        Ok(sequence)
    }

    /// Waits until the other replicas have what we wrote.
    async fn wait_for_copies(&self, sequence: u64) {
        let mut changed = self.changed.subscribe();
        let all = async {
            loop {
                changed.mark_unchanged();
                let lag = {
                    let state = self.state.lock();
                    let mut followers = state.followers.values();
                    followers.any(|(asked, copied)| asked.elapsed() < ALIVE && *copied < sequence)
                };
                if !lag || changed.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(COPY_TIME, all).await.is_err() {
            tracing::warn!("a replica does not copy the log; it is not waited for");
        }
    }

    async fn read(&self, position: Position) -> Result<Page, ReplicaError> {
        let url = match self.whom()? {
            Whom::Us => return Ok(self.state.lock().copy.page(position, PAGE_BYTES)),
            Whom::Holder(url) => url,
        };
        let (status, body) = self.get(&url, position, false).await?;
        if status != StatusCode::OK {
            return Err(unexpected(&url, status, &body));
        }
        let page = wire::read_page(&body)
            .map_err(|error| ReplicaError::unavailable(format_args!("log of {url}"), error))?;
        let mut state = self.state.lock();
        // Who leads by now has the log.
        if matches!(&state.role, Role::Follows(_)) {
            state.token = state.token.max(page.position.epoch);
            state.copy.follow(&page, self.clock.now_ms());
        }
        Ok(page)
    }

    async fn wait(&self, position: Position) {
        let mut changed = self.changed.subscribe();
        match self.whom() {
            Ok(Whom::Holder(url)) => {
                // It answers when there is something, at the latest after a second.
                let (Ok((status, _)) | Err(status)) = self
                    .get(&url, position, true)
                    .await
                    .map_err(|_| StatusCode::SERVICE_UNAVAILABLE);
                if !status.is_success() {
                    tokio::time::sleep(LOG_PAUSE).await;
                }
            }
            Ok(Whom::Us) if self.state.lock().copy.has_more(position) => {}
            Ok(Whom::Us) | Err(_) => {
                drop(tokio::time::timeout(LOG_PAUSE, changed.changed()).await);
            }
        }
    }

    async fn get(
        &self,
        holder: &Url,
        position: Position,
        wait: bool,
    ) -> Result<(StatusCode, Vec<u8>), ReplicaError> {
        let mut url = self.log_of(holder);
        url.query_pairs_mut()
            .append_pair("epoch", &position.epoch.to_string())
            .append_pair("after", &position.sequence.to_string())
            .append_pair("wait", if wait { "1" } else { "0" })
            .append_pair("by", &self.name);
        self.ask(Request::get(url)).await
    }

    /// Sends entries to the holder of the lease.
    async fn send(&self, holder: &Url, entries: Vec<Entry>) -> Result<(), ReplicaError> {
        let token = entries.iter().map(|entry| entry.token).max().unwrap_or(0);
        let body = put_entries(&entries);
        let mut request = Request::post(self.log_of(holder), body.into());
        let binary = bellwether_outbound::header::HeaderValue::from_static(wire::CONTENT_TYPE);
        let name = bellwether_outbound::header::CONTENT_TYPE;
        request.headers.insert(name, binary);
        let (status, body) = self.ask(request).await?;
        match status {
            StatusCode::NO_CONTENT => Ok(()),
            StatusCode::CONFLICT => Err(ReplicaError::Fenced {
                token,
                known: String::from_utf8_lossy(&body).trim().parse().unwrap_or(0),
            }),
            status => Err(unexpected(holder, status, &body)),
        }
    }

    async fn ask(&self, mut request: Request) -> Result<(StatusCode, Vec<u8>), ReplicaError> {
        let failed = |error| ReplicaError::unavailable("replica", error);
        request.timeout = Some(REQUEST_TIME);
        let response = self.client.send(request).await.map_err(failed)?;
        let status = response.status();
        let mut body = Vec::new();
        let read = response.read_body(BODY_BYTES_MAX, &mut body).await;
        read.map_err(failed)?;
        Ok((status, body))
    }

    fn log_of(&self, holder: &Url) -> Url {
        let mut url = holder.clone();
        let path = format!("{}{LOG_PATH}", holder.path().trim_end_matches('/'));
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        url
    }
}

fn unexpected(url: &Url, status: StatusCode, body: &[u8]) -> ReplicaError {
    let text = String::from_utf8_lossy(body);
    let status = status.as_u16();
    ReplicaError::Unavailable(format!(
        "replica {url} answered {status}: {}",
        bellwether_model::short(text.trim())
    ))
}

/// Whether an entry may come from another replica.
fn may_be_sent(entry: &Entry) -> bool {
    entry.area != Area::Term && (entry.token > 0) == entry.area.needs_lease()
}

#[cfg(test)]
mod tests;
