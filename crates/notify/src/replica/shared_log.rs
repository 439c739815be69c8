//! The shared log: what one replica must know of the others.
//!
//! ## Model
//! A [`SharedLog`] takes [`Entry`]s in one order for all replicas, and gives those behind a
//! [`Position`]. It keeps the last word about each place at least until that expires.
//!
//! ## Invariants
//! Entries of one call are there all together or not at all. What has a smaller token than the
//! greatest that the log knows is refused, the whole call with it.

use std::fmt::Debug;
use std::time::Duration;

use super::entry::Entry;
use super::lease::ReplicaError;
use crate::runner::BoxFuture;

/// How often a log is read that does not tell of news. Chosen: a silence holds everywhere a second
/// later.
pub const LOG_PAUSE: Duration = Duration::from_secs(1);

/// How far a replica has read. The default stands before everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Sequences of different epochs have nothing to do with one another.
    pub epoch: u64,
    /// Everything up to here was read.
    pub sequence: u64,
}

/// A part of the log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Entries, in their order.
    pub entries: Vec<Entry>,
    /// Where the next page begins.
    pub position: Position,
    /// Whether there is more to be read at once.
    pub more: bool,
}

/// See the module's page.
pub trait SharedLog: Send + Sync + Debug {
    /// Appends entries. They outlive this process when it returns.
    fn append(&self, entries: Vec<Entry>) -> BoxFuture<Result<(), ReplicaError>>;

    /// Entries behind a position.
    fn read_since(&self, position: Position) -> BoxFuture<Result<Page, ReplicaError>>;

    /// Says that this replica leads from now on: the log refuses smaller tokens when it returns.
    fn lead(&self, token: u64, by: &str) -> BoxFuture<Result<(), ReplicaError>>;

    /// Says that another replica leads, as the lease calls it; empty: nobody.
    fn follow(&self, holder: &str);

    /// Waits until there may be something behind a position: a second, where the log does not tell.
    /// Everything up to the position was made durable here.
    fn wait(&self, _position: Position) -> BoxFuture<()> {
        Box::pin(tokio::time::sleep(LOG_PAUSE))
    }
}
