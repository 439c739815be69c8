//! What must survive a restart beside samples: a small map of keys to bytes.
//!
//! ## Model
//! An *area* is a map of its own: the alerts of rules, silences, the notification log. Values are
//! bytes whose form the area's owner decides. There are at most some hundred thousand entries, so
//! that all are read at the start and kept by their owner; the store is only written to after that.

use std::collections::BTreeMap;
use std::fmt::Debug;

use parking_lot::Mutex;

use crate::StorageError;

/// One change of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateChange {
    /// Sets an entry.
    Put {
        /// Its key.
        key: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// Removes an entry; one that is not there is fine.
    Remove {
        /// Its key.
        key: Vec<u8>,
    },
}

/// The entries of an area, by key.
pub type StateEntries = BTreeMap<Vec<u8>, Vec<u8>>;

/// A durable map of keys to bytes, in areas.
pub trait StateStore: Send + Sync + Debug {
    /// All entries of an area, by key.
    ///
    /// # Errors
    /// Where they cannot be read at all; entries that are damaged are left out and counted.
    fn entries(&self, area: &str) -> Result<StateEntries, StorageError>;

    /// Changes entries of an area: all of them or, where it fails, none. What returned survives the
    /// death of the process.
    ///
    /// # Errors
    /// Where the disk fails. After a failed sync nothing is taken until the next start.
    fn change(&self, area: &str, changes: &[StateChange]) -> Result<(), StorageError>;
}

/// The slow, obvious [`StateStore`], for tests and for machines that run over history.
#[derive(Debug, Default)]
pub struct MemoryStateStore {
    /// Entries by area.
    areas: Mutex<BTreeMap<String, StateEntries>>,
}

impl StateStore for MemoryStateStore {
    fn entries(&self, area: &str) -> Result<StateEntries, StorageError> {
        Ok(self.areas.lock().get(area).cloned().unwrap_or_default())
    }

    fn change(&self, area: &str, changes: &[StateChange]) -> Result<(), StorageError> {
        let mut areas = self.areas.lock();
        let entries = areas.entry(area.to_owned()).or_default();
        for change in changes {
            match change {
                StateChange::Put { key, value } => {
                    entries.insert(key.clone(), value.clone());
                }
                StateChange::Remove { key } => {
                    entries.remove(key);
                }
            }
        }
        Ok(())
    }
}
