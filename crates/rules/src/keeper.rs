//! Keeps the alerts of rules where a restart finds them again.
//!
//! ## Model
//! An entry for each alert, under the identity of its rule and its labels; and the *beat*: until when
//! groups were evaluated. Evaluations are at known times, so that the beat says for each group when
//! its last one was.
//!
//! ## Invariants
//! An alert is written when its state or its times change, a group's alerts in one change. The beat
//! is written now and then, and only while there are alerts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bellwether_codec::varint::{Reader, put_signed};
use bellwether_model::Labels;
use bellwether_storage::{StateChange, StateStore, StorageError};
use xxhash_rust::xxh3::xxh3_128;

use crate::alerting::ActiveAlert;
use crate::record;

/// The area of the state store.
const AREA: &str = "rules.alerts";
/// The first byte of an alert's key.
const ALERT: u8 = b'a';
/// The key of the beat.
const BEAT: &[u8] = b"beat";
/// How old the beat may be, ms: so much of a pending time is lost where the machine dies. Chosen:
/// short beside any `for`, and two small records a second would not be.
const BEAT_EVERY_MS: i64 = 5_000;

/// What a rule is, apart from where it stands in its group and what it computes: a changed or moved
/// rule keeps its alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RuleIdentity([u8; 16]);

impl RuleIdentity {
    /// The identity of the `ordinal`th rule of a group with that name and those labels.
    pub(crate) fn new(
        group: &str,
        name: &str,
        labels: &[(String, String)],
        ordinal: usize,
    ) -> Self {
        let mut bytes = Vec::new();
        let texts = labels.iter().flat_map(|(name, value)| [name, value]);
        for text in [group, name].into_iter().chain(texts.map(String::as_str)) {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(&(ordinal as u64).to_le_bytes());
        Self(xxh3_128(&bytes).to_le_bytes())
    }

    fn key(self, labels: &Labels) -> Vec<u8> {
        let mut key = vec![ALERT];
        key.extend_from_slice(&self.0);
        key.extend_from_slice(labels.as_bytes());
        key
    }
}

/// A changed alert of a rule; `None` where it is gone.
pub(crate) type Change = (RuleIdentity, Labels, Option<ActiveAlert>);

/// What was found at the start.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Until when groups were evaluated, ms; `None`: nothing was ever kept.
    pub(crate) beat_ms: Option<i64>,
    alerts: BTreeMap<RuleIdentity, Vec<(Labels, ActiveAlert)>>,
}

impl Kept {
    /// The alerts of a rule, once.
    pub(crate) fn take(&mut self, rule: RuleIdentity) -> Vec<(Labels, ActiveAlert)> {
        self.alerts.remove(&rule).unwrap_or_default()
    }
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Keeper {
    store: Arc<dyn StateStore>,
    /// The time of the last beat.
    beat_ms: AtomicI64,
}

impl Keeper {
    /// Reads what is kept.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(crate) fn open(store: Arc<dyn StateStore>) -> Result<(Self, Kept), StorageError> {
        let mut kept = Kept::default();
        let mut damaged = Vec::new();
        for (key, value) in store.entries(AREA)? {
            if key == BEAT {
                kept.beat_ms = Reader::new(&value).signed().ok();
                continue;
            }
            let identity = match key.split_first() {
                Some((&ALERT, rest)) => rest.first_chunk::<16>().copied(),
                _ => None,
            };
            match (identity, record::from_bytes(&value)) {
                (Some(identity), Ok(alert)) => {
                    let alerts = kept.alerts.entry(RuleIdentity(identity));
                    alerts.or_default().push(alert);
                }
                (_, result) => {
                    let error = result.err().map(|error| error.to_string());
                    tracing::warn!(error, "a kept alert is damaged and forgotten");
                    damaged.push(StateChange::Remove { key });
                }
            }
        }
        if !damaged.is_empty() {
            store.change(AREA, &damaged)?;
        }
        let keeper = Self {
            store,
            beat_ms: AtomicI64::new(i64::MIN),
        };
        Ok((keeper, kept))
    }

    /// Keeps changes: all or, where it fails, none.
    pub(crate) fn keep(&self, changes: &[Change]) -> Result<(), StorageError> {
        if changes.is_empty() {
            return Ok(());
        }
        let changes: Vec<StateChange> = changes
            .iter()
            .map(|(rule, labels, alert)| {
                let key = rule.key(labels);
                match alert {
                    Some(alert) => StateChange::Put {
                        key,
                        value: record::to_bytes(labels, alert),
                    },
                    None => StateChange::Remove { key },
                }
            })
            .collect();
        self.store.change(AREA, &changes)
    }

    /// Says that groups are evaluated until `now_ms`. Written if the last one that was is old enough.
    pub(crate) fn beat(&self, now_ms: i64) {
        let last_ms = self.beat_ms.load(Ordering::Relaxed);
        if (last_ms..last_ms.saturating_add(BEAT_EVERY_MS)).contains(&now_ms) {
            return;
        }
        self.beat_now(now_ms);
    }

    /// [`Keeper::beat`], in any case.
    pub(crate) fn beat_now(&self, now_ms: i64) {
        self.beat_ms.store(now_ms, Ordering::Relaxed);
        let mut value = Vec::new();
        put_signed(&mut value, now_ms);
        let beat = StateChange::Put {
            key: BEAT.to_vec(),
            value,
        };
        if let Err(error) = self.store.change(AREA, &[beat]) {
            tracing::warn!(%error, "the state of rules cannot be kept");
        }
    }

    /// Forgets alerts of rules that there are no more.
    pub(crate) fn forget(&self, kept: Kept) {
        let gone: Vec<Change> = kept
            .alerts
            .into_iter()
            .flat_map(|(rule, alerts)| {
                let labels = alerts.into_iter().map(|(labels, _)| labels);
                labels.map(move |labels| (rule, labels, None))
            })
            .collect();
        if let Err(error) = self.keep(&gone) {
            tracing::warn!(%error, "alerts of rules that are gone cannot be forgotten");
        }
    }
}

#[cfg(test)]
mod tests {
    use bellwether_storage::MemoryStateStore;

    use super::*;

    fn alert(value: f64) -> (Labels, ActiveAlert) {
        let labels = Labels::from_pairs([("alertname", "Slow"), ("host", "a")]);
        (labels, ActiveAlert::pending(Labels::empty(), value, 7))
    }

    fn identity(name: &str, ordinal: usize) -> RuleIdentity {
        let labels = [("severity".to_owned(), "page".to_owned())];
        RuleIdentity::new("f.yml;g", name, &labels, ordinal)
    }

    #[test]
    fn alerts_and_beat_are_found_again() {
        let store = Arc::new(MemoryStateStore::default());
        let open = || Keeper::open(Arc::clone(&store) as Arc<dyn StateStore>).unwrap();
        let (keeper, kept) = open();
        assert_eq!(kept.beat_ms, None);
        let ids = [
            identity("Slow", 0),
            identity("Slow", 1),
            identity("Down", 0),
        ];
        let (labels, state) = alert(1.0);
        let changes = ids.map(|id| (id, labels.clone(), Some(state.clone())));
        keeper.keep(&changes).unwrap();
        keeper.keep(&[(ids[1], labels.clone(), None)]).unwrap();
        keeper.beat(100_000);
        keeper.beat(104_999);

        let (keeper, mut kept) = open();
        assert_eq!(kept.beat_ms, Some(100_000));
        assert_eq!(kept.take(ids[0]), [(labels.clone(), state)]);
        assert!(kept.take(ids[0]).is_empty() && kept.take(ids[1]).is_empty());
        // What nobody has taken belongs to a rule that is gone.
        keeper.forget(kept);
        keeper.beat(105_000);
        let (_, mut kept) = open();
        assert!(kept.take(ids[2]).is_empty());
        assert_eq!((kept.take(ids[0]).len(), kept.beat_ms), (1, Some(105_000)));
    }

    #[test]
    fn damaged_entries_are_left_out_and_removed() {
        let store = Arc::new(MemoryStateStore::default());
        let put = |key: &[u8]| StateChange::Put {
            key: key.to_vec(),
            value: b"x".to_vec(),
        };
        store
            .change(AREA, &[put(b"a"), put(b"a0123456789abcdef"), put(b"z")])
            .unwrap();
        Keeper::open(Arc::clone(&store) as Arc<dyn StateStore>).unwrap();
        assert!(store.entries(AREA).unwrap().is_empty());
    }
}
