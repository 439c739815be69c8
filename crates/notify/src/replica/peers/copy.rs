//! A copy of the log in memory: the last word about each place, in the order in which they came.

use std::collections::BTreeMap;

use crate::replica::entry::{Area, Entry};
use crate::replica::shared_log::{Page, Position};

/// Between two looks for what has expired.
const PRUNE_MS: i64 = 15 * 60_000;

/// See the module's page.
#[derive(Debug, Default)]
pub(super) struct Copy {
    epoch: u64,
    entries: BTreeMap<u64, Entry>,
    sequences: BTreeMap<(Area, Vec<u8>), u64>,
    last: u64,
    pruned_ms: i64,
}

impl Copy {
    /// Begins an epoch of our own with all that is here.
    pub(super) fn renumber(&mut self, epoch: u64) {
        let entries = std::mem::take(&mut self.entries);
        self.sequences.clear();
        self.epoch = epoch;
        self.last = 0;
        for entry in entries.into_values() {
            self.put(entry);
        }
    }

    fn put(&mut self, entry: Entry) {
        self.last += 1;
        if let Some(old) = self.sequences.insert(entry.place(), self.last) {
            self.entries.remove(&old);
        }
        self.entries.insert(self.last, entry);
    }

    /// Adds entries. Gives the sequence of the last.
    pub(super) fn append(&mut self, entries: Vec<Entry>, now_ms: i64) -> u64 {
        for entry in entries {
            self.put(entry);
        }
        if now_ms >= self.pruned_ms.saturating_add(PRUNE_MS) {
            self.pruned_ms = now_ms;
            self.prune(now_ms);
        }
        self.last
    }

    fn prune(&mut self, now_ms: i64) {
        let sequences = &mut self.sequences;
        self.entries.retain(|_, entry| {
            let holds = entry.expires_ms > now_ms;
            if !holds {
                sequences.remove(&entry.place());
            }
            holds
        });
    }

    /// Adds what another replica has. A new epoch begins with all that there is.
    pub(super) fn follow(&mut self, page: &Page, now_ms: i64) {
        if page.position.epoch != self.epoch {
            *self = Self {
                epoch: page.position.epoch,
                ..Self::default()
            };
        }
        self.append(page.entries.clone(), now_ms);
    }

    pub(super) fn epoch(&self) -> u64 {
        self.epoch
    }

    pub(super) fn has_more(&self, position: Position) -> bool {
        position.epoch != self.epoch || position.sequence < self.last
    }

    /// Entries behind a position; all of them where it is of another epoch.
    pub(super) fn page(&self, position: Position, bytes_max: usize) -> Page {
        let from = if position.epoch == self.epoch {
            position.sequence
        } else {
            0
        };
        let mut page = Page {
            position: Position {
                epoch: self.epoch,
                sequence: self.last,
            },
            ..Page::default()
        };
        let mut bytes = 0;
        for (sequence, entry) in self.entries.range(from.saturating_add(1)..) {
            bytes += entry.key.len() + entry.value.len() + entry.by.len() + 32;
            page.entries.push(entry.clone());
            if bytes >= bytes_max && *sequence < self.last {
                page.position.sequence = *sequence;
                page.more = true;
                break;
            }
        }
        page
    }
}
