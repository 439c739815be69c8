//! What must survive a restart beside samples, on disk: state of alerts and of notifications, the
//! timeline of what happened to them, and the evidence of why.
//!
//! ## Model
//! [`Journal`] is a folder with three kinds of files of checksummed records: one with changes of
//! entries, which is rewritten when most of it is dead, and for each day one of timeline rows and
//! one of evidence.
//!
//! ## Invariants
//! A call that returned survives the death of the process; half of a call never shows. Entries and
//! rows are not kept in memory: what there is to know is read when somebody asks.
//!
//! ## Limits
//! State is read whole at the start and when it is rewritten: some hundred thousand entries. A
//! question about the timeline reads the days it asks for, and gives [`ROWS_MAX`] rows at most; one
//! about evidence reads the day of it.
//!
//! ## Failure
//! Damage is left out, logged and counted once. After a failed sync of the timeline it takes nothing
//! more until the next start; state goes on in a new file.
//!
//! ## Format
//! `docs/format/journal.md`.

mod day_files;
mod evidence;
mod files;
mod state;
mod timeline;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bellwether_model::TimeRange;
use bellwether_storage::{
    Disk, EvidenceKey, EvidenceStore, RecentRows, StateChange, StateEntries, StateStore,
    StorageError, Tail, Timeline, TimelineQuery, TimelineRow,
};
use parking_lot::Mutex;

use crate::day_files::{Damage, DayFiles};
use crate::state::StateFile;

pub use crate::timeline::ROWS_MAX;

/// When what was written is made to survive a power cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before each call returns.
    Always,
    /// When [`Journal::sync`] is called.
    OnCall,
}

/// See the module's page. One process at a time may have a folder open: who opens it has locked the
/// data folder.
#[derive(Debug)]
pub struct Journal {
    policy: SyncPolicy,
    state: Mutex<StateFile>,
    timeline: Mutex<DayFiles>,
    /// The rows of the timeline that were appended last.
    recent: Mutex<RecentRows>,
    evidence: Mutex<DayFiles>,
    /// Places where what was read made no sense.
    damaged: AtomicU64,
}

impl Journal {
    /// Opens the journal in a folder, which is made where it is not there.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        policy: SyncPolicy,
    ) -> Result<Self, StorageError> {
        let sizes = (state::REWRITE_BYTES_MIN, evidence::DAY_BYTES_MAX);
        Self::open_with(disk, folder, policy, sizes)
    }

    /// The same with a file of state that is rewritten from another size on, and other bytes of evidence
    /// a day.
    fn open_with(
        disk: Arc<dyn Disk>,
        folder: &Path,
        policy: SyncPolicy,
        (rewrite_bytes_min, evidence_day_bytes_max): (u64, u64),
    ) -> Result<Self, StorageError> {
        disk.create_folder(folder)
            .map_err(|e| StorageError::io("create", folder, e))?;
        let (state, damaged) = StateFile::open(Arc::clone(&disk), folder, rewrite_bytes_min)?;
        let timeline = DayFiles::open(Arc::clone(&disk), folder, timeline::KIND, u64::MAX)?;
        let evidence = DayFiles::open(disk, folder, evidence::KIND, evidence_day_bytes_max)?;
        Ok(Self {
            policy,
            state: Mutex::new(state),
            timeline: Mutex::new(timeline),
            recent: Mutex::default(),
            evidence: Mutex::new(evidence),
            damaged: AtomicU64::new(damaged),
        })
    }

    /// Makes what was written survive a power cut.
    ///
    /// # Errors
    /// Where the disk fails. Nothing is taken any more then.
    pub fn sync(&self) -> Result<(), StorageError> {
        self.state.lock().sync()?;
        self.timeline.lock().sync()?;
        self.evidence.lock().sync()
    }

    /// Removes days of the timeline and of evidence that ended before a time.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn retire(&self, before_ms: i64) -> Result<(), StorageError> {
        self.timeline.lock().retire(before_ms)?;
        self.evidence.lock().retire(before_ms)
    }

    /// How many places were damaged in what was read since the start.
    #[must_use]
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Counts damaged places of days, each once.
    fn count_days(&self, files: &Mutex<DayFiles>, damaged: &Damage) {
        if !damaged.is_empty() {
            self.count_damage(files.lock().new_damage(damaged));
        }
    }

    fn count_damage(&self, places: u64) {
        self.damaged.fetch_add(places, Ordering::Relaxed);
    }
}

impl StateStore for Journal {
    fn entries(&self, area: &str) -> Result<StateEntries, StorageError> {
        let (entries, damaged) = self.state.lock().entries(area)?;
        self.count_damage(damaged);
        Ok(entries)
    }

    fn change(&self, area: &str, changes: &[StateChange]) -> Result<(), StorageError> {
        let mut state = self.state.lock();
        state.change(area, changes)?;
        if self.policy == SyncPolicy::Always {
            state.sync()?;
        }
        Ok(())
    }
}

impl Timeline for Journal {
    fn append(&self, rows: &[TimelineRow]) -> Result<(), StorageError> {
        let mut timeline = self.timeline.lock();
        timeline::append(&mut timeline, rows)?;
        if self.policy == SyncPolicy::Always {
            timeline.sync()?;
        }
        // Under the lock of the files, so that both have one order.
        self.recent.lock().add(rows);
        Ok(())
    }

    fn tail(&self, after: u64) -> Option<Tail> {
        Some(self.recent.lock().after(after))
    }

    fn query(&self, query: &TimelineQuery<'_>) -> Result<Vec<TimelineRow>, StorageError> {
        // The files to read are named under the lock and read without it: questions about long
        // times must not hold up what is happening now.
        let days = self.timeline.lock().days(query.range);
        let (rows, damaged) = timeline::query(&days, query)?;
        self.count_days(&self.timeline, &damaged);
        Ok(rows)
    }
}

impl EvidenceStore for Journal {
    fn put(&self, documents: &[(EvidenceKey, Vec<u8>)]) -> Result<(), StorageError> {
        let mut files = self.evidence.lock();
        evidence::append(&mut files, documents)?;
        if self.policy == SyncPolicy::Always {
            files.sync()?;
        }
        Ok(())
    }

    fn get(&self, key: EvidenceKey) -> Result<Option<Vec<u8>>, StorageError> {
        let at = TimeRange::new(key.fired_ms, key.fired_ms);
        let days = self.evidence.lock().days(Some(at));
        let (document, damaged) = evidence::get(&days, key)?;
        self.count_days(&self.evidence, &damaged);
        Ok(document)
    }

    fn keys(&self, range: TimeRange, limit: usize) -> Result<Vec<EvidenceKey>, StorageError> {
        let days = self.evidence.lock().days(Some(range));
        let (keys, damaged) = evidence::keys(&days, range, limit)?;
        self.count_days(&self.evidence, &damaged);
        Ok(keys)
    }
}

#[cfg(test)]
mod tests;
