//! What the holder of the lease answers the other replicas.

use std::sync::Arc;

use tokio::time::Instant;

use super::wire::{PeerAnswer, PeerRequest};
use super::{ALIVE, FOLLOWERS_MAX, Inner, LOG_PAUSE, PAGE_BYTES, PeerLog, Role, may_be_sent};
use crate::replica::entry::read_entries;
use crate::replica::lease::ReplicaError;
use crate::replica::shared_log::Position;
use crate::runner::BoxFuture;

impl PeerLog {
    /// Answers another replica. For a server, at [`super::LOG_PATH`], to replicas only: whoever may
    /// ask may set silences. The body of a request is to be bounded; 64 MiB hold any that we send.
    #[must_use]
    pub fn answer(&self, request: PeerRequest) -> BoxFuture<PeerAnswer> {
        let inner = Arc::clone(&self.inner);
        Box::pin(async move {
            match request {
                PeerRequest::Read { position, wait, by } => inner.tell(position, wait, by).await,
                PeerRequest::Append { body } => inner.take_from_peer(&body).await,
            }
        })
    }
}

fn not_leading() -> PeerAnswer {
    PeerAnswer::text(503, "this replica does not have the lease")
}

impl Inner {
    fn leads(&self) -> bool {
        matches!(self.state.lock().role, Role::Leads)
    }

    async fn tell(&self, position: Position, wait: bool, by: String) -> PeerAnswer {
        let mut changed = self.changed.subscribe();
        if !self.leads() {
            return not_leading();
        }
        self.note_follower(by, position);
        if !wait {
            return PeerAnswer::page(&self.state.lock().copy.page(position, PAGE_BYTES));
        }
        let news = async {
            loop {
                changed.mark_unchanged();
                let has_more = self.state.lock().copy.has_more(position);
                if has_more || !self.leads() || changed.changed().await.is_err() {
                    return;
                }
            }
        };
        drop(tokio::time::timeout(LOG_PAUSE, news).await);
        PeerAnswer::text(204, "")
    }

    fn note_follower(&self, by: String, position: Position) {
        let mut state = self.state.lock();
        let copied = if position.epoch == state.copy.epoch() {
            position.sequence
        } else {
            0
        };
        state
            .followers
            .retain(|_, (asked, _)| asked.elapsed() < ALIVE);
        if state.followers.len() < FOLLOWERS_MAX || state.followers.contains_key(&by) {
            state.followers.insert(by, (Instant::now(), copied));
        }
        drop(state);
        self.changed.send_replace(());
    }

    async fn take_from_peer(&self, body: &[u8]) -> PeerAnswer {
        if !self.leads() {
            return not_leading();
        }
        let entries = match read_entries(body) {
            Ok(entries) => entries,
            Err(error) => return PeerAnswer::text(400, error.to_string()),
        };
        if !entries.iter().all(may_be_sent) {
            return PeerAnswer::text(400, "an entry that replicas do not send one another");
        }
        match self.take(entries) {
            Ok(_) => PeerAnswer::text(204, ""),
            Err(ReplicaError::Fenced { known, .. }) => PeerAnswer::text(409, known.to_string()),
            Err(error) => PeerAnswer::text(503, error.to_string()),
        }
    }
}
