//! Keeps the state of scalers where a restart finds it again.
//!
//! ## Model
//! An entry for each scaler, under its name. It is written when the number of workers changes, and
//! else now and then: what is lost where the machine dies is a minute of what was learnt.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_storage::{StateChange, StateStore, StorageError};

use super::record::{self, Kept};

/// The area of the state store.
const AREA: &str = "rules.scalers";

/// See the module's page.
#[derive(Debug)]
pub(super) struct Keeper(Arc<dyn StateStore>);

impl Keeper {
    /// Reads what is kept; what is damaged is told, removed and left out.
    ///
    /// # Errors
    /// Where it cannot be read at all.
    pub(super) fn open(
        store: Arc<dyn StateStore>,
    ) -> Result<(Self, BTreeMap<String, Kept>), StorageError> {
        let (mut kept, mut damaged) = (BTreeMap::new(), Vec::new());
        for (key, value) in store.entries(AREA)? {
            let name = String::from_utf8(key.clone()).ok();
            match (name, record::from_bytes(&value)) {
                (Some(name), Ok(state)) => {
                    kept.insert(name, state);
                }
                (name, result) => {
                    let error = result.err().map(|error| error.to_string());
                    tracing::warn!(
                        name,
                        error,
                        "the kept state of a scaler is damaged and forgotten"
                    );
                    damaged.push(StateChange::Remove { key });
                }
            }
        }
        if !damaged.is_empty() {
            store.change(AREA, &damaged)?;
        }
        Ok((Self(store), kept))
    }

    pub(super) fn keep(&self, name: &str, kept: &Kept) {
        self.change(&[StateChange::Put {
            key: name.as_bytes().to_vec(),
            value: record::to_bytes(kept),
        }]);
    }

    pub(super) fn forget<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let gone = names.into_iter().map(|name| StateChange::Remove {
            key: name.as_bytes().to_vec(),
        });
        self.change(&gone.collect::<Vec<_>>());
    }

    fn change(&self, changes: &[StateChange]) {
        if changes.is_empty() {
            return;
        }
        if let Err(error) = self.0.change(AREA, changes) {
            tracing::warn!(%error, "the state of scalers cannot be kept");
        }
    }
}
