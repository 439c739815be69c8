//! Times in which something is worked on: those of the configuration, and those that people begin.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_storage::{StateChange, StateStore, StorageError};
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::settings::MaintenanceSettings;

/// The area of the state store; a key is a number in decimal digits, a value an object in JSON.
const AREA: &str = "maintenance";
/// Windows that people may have begun at once. Chosen: more are a mistake of a script.
const OWN_MAX: usize = 10_000;

/// All times of maintenance.
#[derive(Debug)]
pub struct Maintenance {
    store: Arc<dyn StateStore>,
    windows: Mutex<Windows>,
}

#[derive(Debug, Default)]
struct Windows {
    configured: Vec<MaintenanceSettings>,
    /// Begun by people, by number.
    own: BTreeMap<u64, MaintenanceSettings>,
}

/// Why a time of maintenance is not kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// Too many.
    #[error("there are {OWN_MAX} times of maintenance already: remove some first")]
    TooMany,
    /// The disk.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Maintenance {
    pub(super) fn read(store: Arc<dyn StateStore>) -> Result<Self, StorageError> {
        let entries = store.entries(AREA)?;
        let read = |(key, value): (Vec<u8>, Vec<u8>)| {
            let number = String::from_utf8(key).ok()?.parse().ok()?;
            Some((number, decode(&value)?))
        };
        let own = entries.into_iter().filter_map(read).collect();
        Ok(Self {
            store,
            windows: Mutex::new(Windows {
                configured: Vec::new(),
                own,
            }),
        })
    }

    pub(super) fn set_configured(&self, windows: Vec<MaintenanceSettings>) {
        self.windows.lock().configured = windows;
    }

    /// What is worked on of a probe at this time.
    #[must_use]
    pub fn of(&self, probe: &str, now_ms: i64) -> Option<String> {
        let windows = self.windows.lock();
        let mut all = windows.configured.iter().chain(windows.own.values());
        let found = all.find(|it| it.covers(probe, now_ms))?;
        Some(found.reason.clone())
    }

    /// All that are not over; a number stands with those that people began.
    #[must_use]
    pub fn windows(&self, now_ms: i64) -> Vec<(Option<u64>, MaintenanceSettings)> {
        let windows = self.windows.lock();
        let configured = windows.configured.iter().map(|it| (None, it.clone()));
        let own = windows
            .own
            .iter()
            .map(|(number, it)| (Some(*number), it.clone()));
        let is_ahead =
            |it: &(_, MaintenanceSettings)| it.1.every_ms.is_some() || it.1.end_ms > now_ms;
        configured.chain(own).filter(is_ahead).collect()
    }

    /// Begins one, or plans it. Gives its number. Those that are over are forgotten.
    ///
    /// # Errors
    /// Where there are too many, or it cannot be kept.
    pub fn add(&self, window: MaintenanceSettings, now_ms: i64) -> Result<u64, MaintenanceError> {
        let mut windows = self.windows.lock();
        let over = windows
            .own
            .iter()
            .filter(|(_, it)| it.every_ms.is_none() && it.end_ms <= now_ms);
        let over: Vec<u64> = over.map(|(number, _)| *number).collect();
        if windows.own.len() - over.len() >= OWN_MAX {
            return Err(MaintenanceError::TooMany);
        }
        let last = windows
            .own
            .last_key_value()
            .map_or(0, |(number, _)| *number);
        let number = last + 1;
        let mut changes: Vec<StateChange> = over
            .iter()
            .map(|number| StateChange::Remove { key: key(*number) })
            .collect();
        changes.push(StateChange::Put {
            key: key(number),
            value: encode(&window),
        });
        self.store.change(AREA, &changes)?;
        for number in over {
            windows.own.remove(&number);
        }
        windows.own.insert(number, window);
        Ok(number)
    }

    /// Ends one that somebody began. Gives whether there was one.
    ///
    /// # Errors
    /// Where that cannot be kept.
    pub fn remove(&self, number: u64) -> Result<bool, StorageError> {
        let mut windows = self.windows.lock();
        if !windows.own.contains_key(&number) {
            return Ok(false);
        }
        self.store
            .change(AREA, &[StateChange::Remove { key: key(number) }])?;
        windows.own.remove(&number);
        Ok(true)
    }
}

fn key(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn encode(window: &MaintenanceSettings) -> Vec<u8> {
    let value = json!({
        "reason": window.reason,
        "probes": window.probes,
        "start_ms": window.start_ms,
        "end_ms": window.end_ms,
        "every_ms": window.every_ms,
    });
    value.to_string().into_bytes()
}

fn decode(bytes: &[u8]) -> Option<MaintenanceSettings> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let probes = value.get("probes")?.as_array()?.iter();
    Some(MaintenanceSettings {
        reason: value.get("reason")?.as_str()?.to_owned(),
        probes: probes
            .map(|it| it.as_str().map(str::to_owned))
            .collect::<Option<_>>()?,
        start_ms: value.get("start_ms")?.as_i64()?,
        end_ms: value.get("end_ms")?.as_i64()?,
        every_ms: value.get("every_ms")?.as_i64(),
    })
}

#[cfg(test)]
mod tests {
    use bellwether_storage::MemoryStateStore;

    use super::*;

    #[test]
    fn windows_of_people_survive_and_old_ones_are_forgotten() {
        let store = Arc::new(MemoryStateStore::default());
        let window = |start_ms| MaintenanceSettings {
            reason: "upgrade".to_owned(),
            probes: vec!["db*".to_owned()],
            start_ms,
            end_ms: start_ms + 100,
            every_ms: None,
        };
        let first = Maintenance::read(Arc::clone(&store) as _).unwrap();
        assert_eq!(first.add(window(0), 50).unwrap(), 1);
        assert_eq!(first.of("db1", 50).as_deref(), Some("upgrade"));
        assert_eq!(first.of("web", 50), None);
        assert_eq!(first.add(window(1_000), 500).unwrap(), 2);
        let again = Maintenance::read(store as _).unwrap();
        assert_eq!(again.windows(500), [(Some(2), window(1_000))]);
        assert!(again.remove(2).unwrap());
        assert!(!again.remove(2).unwrap());
        assert!(again.windows(500).is_empty());
    }
}
