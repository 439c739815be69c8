//! What of entities is kept over restarts: their states and since when.

use bellwether_health::{Entity, EntityId, HealthState};
use bellwether_storage::{StateChange, StateStore, StorageError};
use serde_json::{Value, json};

/// The area of the state store; a key is `kind/name`, a value an object in JSON.
const AREA: &str = "entities";

/// How entities were. What cannot be read is left out: it would be new otherwise.
pub(crate) fn read(
    store: &dyn StateStore,
) -> Result<Vec<(EntityId, HealthState, i64)>, StorageError> {
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let value: Value = serde_json::from_slice(&value).ok()?;
        Some((
            EntityId::parse(std::str::from_utf8(&key).ok()?)?,
            HealthState::parse(value.get("state")?.as_str()?)?,
            value.get("since_ms")?.as_i64()?,
        ))
    };
    Ok(store.entries(AREA)?.into_iter().filter_map(read).collect())
}

/// Keeps how these are, and forgets those.
pub(crate) fn remember(
    store: &dyn StateStore,
    changed: &[&Entity],
    gone: &[EntityId],
) -> Result<(), StorageError> {
    let mut changes = Vec::with_capacity(changed.len() + gone.len());
    // That nobody knows how something is, is no state to go on with after a restart.
    let known = changed.iter().filter(|it| it.state != HealthState::Unknown);
    for entity in known {
        let value = json!({ "state": entity.state.as_str(), "since_ms": entity.since_ms });
        changes.push(StateChange::Put {
            key: entity.id.to_string().into_bytes(),
            value: value.to_string().into_bytes(),
        });
    }
    for id in gone {
        changes.push(StateChange::Remove {
            key: id.to_string().into_bytes(),
        });
    }
    match changes.is_empty() {
        true => Ok(()),
        false => store.change(AREA, &changes),
    }
}
