//! What is to be written into the shared log and is not there yet.
//!
//! ## Invariants
//! One call at a time writes, everything that waits at once, so that the log has the words about a
//! place in the order in which they were said. Of two about the same place only the later waits.
//! Where a greater token is known, what only the holder of the lease may say is dropped: whoever
//! leads has decided anew. What people said is written by any replica.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::entry::{Area, Entry};
use super::lease::ReplicaError;
use super::shared_log::SharedLog;

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Outbox {
    log: Arc<dyn SharedLog>,
    by: String,
    /// Held for moments only, also with the machine.
    waiting: Mutex<Waiting>,
    /// Held while entries are written.
    writing: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Entries by their place, each with the number under which it came.
    entries: BTreeMap<(Area, Vec<u8>), (u64, Entry)>,
    next_number: u64,
}

impl Outbox {
    pub(crate) fn new(log: Arc<dyn SharedLog>, by: String) -> Self {
        Self {
            log,
            by,
            waiting: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        }
    }

    pub(crate) fn log(&self) -> &Arc<dyn SharedLog> {
        &self.log
    }

    pub(crate) fn add(&self, entries: Vec<Entry>) {
        let mut waiting = self.waiting.lock();
        for mut entry in entries {
            entry.by.clone_from(&self.by);
            waiting.next_number += 1;
            let number = waiting.next_number;
            waiting.entries.insert(entry.place(), (number, entry));
        }
    }

    /// Whether there is a word about a place that others do not know yet.
    pub(crate) fn holds(&self, entry: &Entry) -> bool {
        self.waiting.lock().entries.contains_key(&entry.place())
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.lock().entries.len()
    }

    /// Writes what waits: what people said, then what the holder of the lease says. Where it is given
    /// up in between, all waits on.
    ///
    /// # Errors
    /// Where the log cannot be written: then all waits on. Where it refuses the token: then what
    /// needs one is dropped.
    pub(crate) async fn flush(&self) -> Result<(), ReplicaError> {
        let _one = self.writing.lock().await;
        let said = self.write(false).await;
        let led = self.write(true).await;
        said.and(led)
    }

    /// While the answer is held nothing is written: what is read from the log then is not older than
    /// what we wrote.
    pub(crate) async fn pause(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    async fn write(&self, needs_lease: bool) -> Result<(), ReplicaError> {
        let mut numbers = Vec::new();
        let mut entries = Vec::new();
        for (number, entry) in self.waiting.lock().entries.values() {
            if entry.area.needs_lease() == needs_lease {
                numbers.push(*number);
                entries.push(entry.clone());
            }
        }
        if entries.is_empty() {
            return Ok(());
        }
        let places: Vec<_> = entries.iter().map(Entry::place).collect();
        let written = self.log.append(entries).await;
        if matches!(&written, Err(error) if error.retry()) {
            return written;
        }
        let mut waiting = self.waiting.lock();
        for (place, number) in places.into_iter().zip(numbers) {
            // A later word waits on.
            if waiting
                .entries
                .get(&place)
                .is_some_and(|(n, _)| *n == number)
            {
                waiting.entries.remove(&place);
            }
        }
        written
    }
}
