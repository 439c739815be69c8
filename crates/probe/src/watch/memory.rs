//! What of probes is kept over restarts: their states and since when.

use std::collections::BTreeMap;

use bellwether_health::HealthState;
use bellwether_storage::{StateChange, StateStore, StorageError};
use serde_json::{Value, json};

use crate::CanarySpent;

/// The area of the state store; a key is a probe's name, a value an object in JSON.
const AREA: &str = "probes";
/// The same; a key is the name of an account.
const CANARIES: &str = "probe-canaries";

/// How a probe was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remembered {
    pub(super) state: HealthState,
    pub(super) since_ms: i64,
    pub(super) reason: String,
}

/// All probes that are known. What cannot be read is left out: it would be unknown otherwise.
pub(super) fn read(store: &dyn StateStore) -> Result<BTreeMap<String, Remembered>, StorageError> {
    let entries = store.entries(AREA)?;
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let value: Value = serde_json::from_slice(&value).ok()?;
        let remembered = Remembered {
            state: HealthState::parse(value.get("state")?.as_str()?)?,
            since_ms: value.get("since_ms")?.as_i64()?,
            reason: value.get("reason")?.as_str()?.to_owned(),
        };
        Some((String::from_utf8(key).ok()?, remembered))
    };
    Ok(entries.into_iter().filter_map(read).collect())
}

/// Keeps how a probe is.
pub(super) fn remember(
    store: &dyn StateStore,
    probe: &str,
    remembered: &Remembered,
) -> Result<(), StorageError> {
    let value = json!({
        "state": remembered.state.as_str(),
        "since_ms": remembered.since_ms,
        "reason": remembered.reason,
    });
    let change = StateChange::Put {
        key: probe.as_bytes().to_vec(),
        value: value.to_string().into_bytes(),
    };
    store.change(AREA, &[change])
}

/// Forgets a probe.
pub(super) fn forget(store: &dyn StateStore, probe: &str) {
    let change = StateChange::Remove {
        key: probe.as_bytes().to_vec(),
    };
    if let Err(error) = store.change(AREA, &[change]) {
        tracing::warn!(probe, "a probe that is gone is not forgotten: {error}");
    }
}

/// What canaries have spent. What cannot be read counts as nothing.
pub(super) fn read_canaries(store: &dyn StateStore) -> Result<Vec<CanarySpent>, StorageError> {
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let value: Value = serde_json::from_slice(&value).ok()?;
        Some(CanarySpent {
            account: String::from_utf8(key).ok()?,
            day: value.get("day")?.as_i64()?,
            dollars: value.get("dollars")?.as_f64()?,
            tokens: value.get("tokens")?.as_u64()?,
            calls: value.get("calls")?.as_u64()?,
        })
    };
    let entries = store.entries(CANARIES)?;
    Ok(entries.into_iter().filter_map(read).collect())
}

/// Keeps what canaries have spent.
pub(super) fn remember_canaries(
    store: &dyn StateStore,
    spent: &[CanarySpent],
) -> Result<(), StorageError> {
    let change = |one: &CanarySpent| StateChange::Put {
        key: one.account.as_bytes().to_vec(),
        value: json!({
            "day": one.day,
            "dollars": one.dollars,
            "tokens": one.tokens,
            "calls": one.calls,
        })
        .to_string()
        .into_bytes(),
    };
    let changes: Vec<StateChange> = spent.iter().map(change).collect();
    store.change(CANARIES, &changes)
}

#[cfg(test)]
mod tests {
    use bellwether_storage::MemoryStateStore;

    use super::*;

    #[test]
    fn states_are_read_back_and_damage_is_left_out() {
        let store = MemoryStateStore::default();
        let down = Remembered {
            state: HealthState::Down,
            since_ms: 7,
            reason: "refused".to_owned(),
        };
        remember(&store, "db", &down).unwrap();
        remember(&store, "gone", &down).unwrap();
        forget(&store, "gone");
        let damaged = StateChange::Put {
            key: b"web".to_vec(),
            value: b"{\"state\":\"mad\"".to_vec(),
        };
        store.change(AREA, &[damaged]).unwrap();
        assert_eq!(
            read(&store).unwrap(),
            BTreeMap::from([("db".to_owned(), down)])
        );
    }

    #[test]
    fn spent_money_is_read_back() {
        let store = MemoryStateStore::default();
        let spent = [CanarySpent {
            account: "openai".to_owned(),
            day: 20_000,
            dollars: 0.25,
            tokens: 1_234,
            calls: 5,
        }];
        remember_canaries(&store, &spent).unwrap();
        assert_eq!(read_canaries(&store).unwrap(), spent);
    }
}
