//! What has happened and is not durable yet.

use std::collections::{BTreeMap, VecDeque};

use bellwether_storage::{StateChange, StateStore, StorageError, Timeline, TimelineRow};

use crate::delivery::Effects;
use crate::machine::LOG;

/// Rows that may wait for a timeline that takes none. Derived: about 100 MiB.
pub const ROWS_MAX: usize = 100_000;

/// Changes of state, the last one of each entry only, and rows.
#[derive(Debug, Default)]
pub(super) struct Unkept {
    changes: BTreeMap<&'static str, BTreeMap<Vec<u8>, StateChange>>,
    rows: VecDeque<TimelineRow>,
    /// Rows that were lost since somebody was told.
    lost: usize,
}

impl Unkept {
    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.rows.is_empty() && self.lost == 0
    }

    pub(super) fn has_rows(&self) -> bool {
        !self.rows.is_empty()
    }

    pub(super) fn add(&mut self, effects: Effects) {
        for (area, change) in effects.changes {
            let (StateChange::Put { key, .. } | StateChange::Remove { key }) = &change;
            let key = key.clone();
            self.changes.entry(area).or_default().insert(key, change);
        }
        self.rows.extend(effects.rows);
        self.bound();
    }

    /// Adds what has happened after all that is here.
    pub(super) fn add_newer(&mut self, newer: Self) {
        for (area, changes) in newer.changes {
            self.changes.entry(area).or_default().extend(changes);
        }
        self.rows.extend(newer.rows);
        self.lost += newer.lost;
        self.bound();
    }

    fn bound(&mut self) {
        let more = self.rows.len().saturating_sub(ROWS_MAX);
        self.rows.drain(..more);
        self.lost += more;
    }

    /// Hands the rows to a timeline, as far as it takes them.
    pub(super) fn write_rows(&mut self, timeline: &dyn Timeline) {
        if self.lost > 0 {
            tracing::error!(
                rows = self.lost,
                "rows of the timeline are lost: it takes none"
            );
            self.lost = 0;
        }
        if self.rows.is_empty() {
            return;
        }
        match timeline.append(self.rows.make_contiguous()) {
            Ok(()) => self.rows.clear(),
            Err(error) => {
                tracing::error!(%error, rows = self.rows.len(), "rows of the timeline wait");
            }
        }
    }

    /// Hands the changes to a store, what was notified first: where the process dies in between, the
    /// rest can be learned again.
    pub(super) fn write_changes(&mut self, store: &dyn StateStore) -> Result<(), StorageError> {
        let mut areas: Vec<&'static str> = self.changes.keys().copied().collect();
        areas.sort_by_key(|area| *area != LOG);
        for area in areas {
            let changes = self.changes.get(area).into_iter().flatten();
            let changes: Vec<StateChange> = changes.map(|(_, change)| change.clone()).collect();
            store.change(area, &changes)?;
            self.changes.remove(area);
        }
        Ok(())
    }
}
