//! The machine as one of several replicas: what it leaves to another, and what they share.
//!
//! ## Model
//! A machine that [`Machine::share`]s gives what others must know as entries, and takes theirs
//! ([`Machine::apply_shared`]). While another replica leads, groups take their turns as ever, and
//! what they would tell is withheld; when this one leads ([`Machine::lead`]) they are due at once, and
//! the notification log, which all share, says what the receivers know already.
//!
//! ## Invariants
//! The later word in the shared log counts, whatever the replicas' clocks say. What was learned of
//! others is not told them again. An alert whose end another replica has told after the last word that
//! we had of it has ended, until its sender says otherwise.

use std::sync::Arc;

use bellwether_model::AlertFingerprint;
use bellwether_storage::{StateChange, TimelineKind, TimelineRow};

use super::{ACKNOWLEDGEMENTS, INTENTS, LOG, Machine, SILENCE_RETENTION_MS, SILENCES};
use crate::acknowledge::Acknowledgement;
use crate::delivery::{DeliveryId, Outcome};
use crate::group::GroupId;
use crate::notification_log::{LogKey, Notified, Reason};
use crate::record::Record;
use crate::replica::{Area, Entry};
use crate::silence::Silence;

/// That something was removed is told for so long to replicas that were away. Chosen: as long as a
/// silence is remembered after its end.
const REMOVED_MS: i64 = SILENCE_RETENTION_MS;

/// A notification that a replica began to send and did not tell the end of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Intent {
    /// The replica.
    pub(crate) by: String,
    /// What the receiver knows if it took it; its token is that of the replica.
    pub(crate) notified: Notified,
}

impl Machine {
    /// From now on this is one of several replicas. Another leads until [`Machine::lead`] is called.
    pub fn share(&mut self) {
        self.shares = true;
        self.leads = false;
    }

    /// Leads with a fencing token, or leaves it to others. What was withheld is due at once.
    pub fn lead(&mut self, token: Option<u64>, now_ms: i64) {
        if self.leads == token.is_some() && token.is_none_or(|token| token == self.token) {
            return;
        }
        self.leads = token.is_some();
        let Some(token) = token else { return };
        self.token = token;
        let withheld: Vec<GroupId> = self
            .groups
            .iter()
            .filter(|(_, group)| group.withheld)
            .map(|(id, _)| *id)
            .collect();
        for id in withheld {
            if let Some(group) = self.groups.get_mut(&id) {
                group.withheld = false;
                // One whose deliveries are under way is not in the queue.
                if self.queue.remove(&(group.due_ms, id)) {
                    group.due_ms = now_ms;
                    self.queue.insert((now_ms, id));
                }
            }
        }
    }

    /// Tells that a delivery was given up because its token is held no more: whoever leads sends it,
    /// we included.
    pub(crate) fn withdrawn(&mut self, id: DeliveryId, outcome: &Outcome, now_ms: i64) {
        if let Some(pending) = self.pending.get(&id) {
            if pending.notified.token == self.token {
                self.leads = false;
            }
            if let Some(flight) = self.flights.get_mut(&pending.flight) {
                flight.withdrawn = true;
            }
        }
        self.delivered(id, outcome, now_ms);
    }

    /// Whether it notifies.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.leads
    }

    /// The greatest fencing token that anything was notified with.
    #[must_use]
    pub fn token_known(&self) -> u64 {
        let intents = self.intents.values().map(|intent| intent.notified.token);
        let log = self.log.iter().map(|(_, notified)| notified.token);
        intents.chain(log).max().unwrap_or(0)
    }

    fn tell(&mut self, area: Area, key: Vec<u8>, value: Vec<u8>, token: u64, expires_ms: i64) {
        if self.shares {
            self.effects.shared.push(Entry {
                area,
                key,
                value,
                token,
                by: String::new(),
                expires_ms,
            });
        }
    }

    pub(super) fn share_notified(&mut self, key: &LogKey, notified: &Notified) {
        let (token, expires_ms) = (notified.token, notified.expires_ms);
        let value = notified.to_bytes();
        self.tell(Area::Notified, key.to_bytes(), value, token, expires_ms);
    }

    pub(super) fn share_silence(&mut self, silence: &Silence) {
        let expires_ms = silence.ends_ms.saturating_add(SILENCE_RETENTION_MS);
        let key = silence.id.clone().into_bytes();
        self.tell(Area::Silence, key, silence.to_bytes(), 0, expires_ms);
    }

    pub(super) fn share_acknowledgement(&mut self, ack: &Acknowledgement) {
        let key = key_of(AlertFingerprint::of(&ack.labels));
        let expires_ms = ack.until_ms.unwrap_or(i64::MAX);
        self.tell(Area::Acknowledgement, key, ack.to_bytes(), 0, expires_ms);
    }

    pub(super) fn share_unacknowledged(&mut self, fingerprint: AlertFingerprint, now_ms: i64) {
        let (key, until_ms) = (key_of(fingerprint), now_ms.saturating_add(REMOVED_MS));
        self.tell(Area::Acknowledgement, key, Vec::new(), 0, until_ms);
    }

    /// Notes that a notification is about to be sent. Gives why it is, for the timeline.
    pub(super) fn begin_delivery(
        &mut self,
        key: &LogKey,
        notified: &Notified,
        reason: Reason,
    ) -> String {
        let mut cause = reason.as_str().to_owned();
        let begun = self.intents.remove(key);
        let was_begun = begun.is_some();
        if let Some(Intent { by, notified }) = begun {
            let token = notified.token;
            let who = match by.as_str() {
                "" => "this replica".to_owned(),
                by => format!("replica {by}"),
            };
            cause.push_str(&format!(
                "; it may come twice: {who}, which held lease token {token}, died or lost the lease \
                 while notifying"
            ));
        }
        let bytes = key.to_bytes();
        if !self.shares {
            if was_begun {
                let change = StateChange::Remove { key: bytes };
                self.effects.changes.push((INTENTS, change));
            }
            return cause;
        }
        let intent = Intent {
            by: String::new(),
            notified: notified.clone(),
        };
        self.put_state(INTENTS, bytes.clone(), intent.to_bytes());
        let (token, expires_ms) = (notified.token, notified.expires_ms);
        let value = notified.to_bytes();
        self.tell(Area::Intent, bytes, value, token, expires_ms);
        cause
    }

    /// Notes that a notification has an end, whichever.
    pub(super) fn end_delivery(&mut self, key: &LogKey, token: u64, now_ms: i64) {
        if self.shares {
            self.end_intent(key, token, now_ms);
        }
    }

    fn end_intent(&mut self, key: &LogKey, token: u64, now_ms: i64) {
        let key = key.to_bytes();
        let change = StateChange::Remove { key: key.clone() };
        self.effects.changes.push((INTENTS, change));
        let until_ms = now_ms.saturating_add(REMOVED_MS);
        self.tell(Area::Intent, key, Vec::new(), token, until_ms);
    }

    /// Forgets what another replica began, where nothing has to be sent to make it right.
    pub(super) fn settle_intent(&mut self, key: &LogKey, now_ms: i64) {
        if self.intents.remove(key).is_some() {
            self.end_intent(key, self.token, now_ms);
        }
    }

    pub(super) fn forget_intents(&mut self, now_ms: i64) {
        let effects = &mut self.effects;
        self.intents.retain(|key, intent| {
            let holds = intent.notified.expires_ms > now_ms;
            if !holds {
                let key = key.to_bytes();
                effects.changes.push((INTENTS, StateChange::Remove { key }));
            }
            holds
        });
    }

    fn put_state(&mut self, area: &'static str, key: Vec<u8>, value: Vec<u8>) {
        let put = StateChange::Put { key, value };
        self.effects.changes.push((area, put));
    }

    /// All that other replicas must know, as it is now.
    #[must_use]
    pub fn shared_entries(&self, now_ms: i64) -> Vec<Entry> {
        let mut all = Self::new(Arc::clone(&self.plan), self.token);
        all.shares = true;
        for silence in self.silences.iter() {
            all.share_silence(silence);
        }
        for ack in self.acknowledgements.values() {
            all.share_acknowledgement(ack);
        }
        for (key, notified) in self.log.iter() {
            all.share_notified(key, notified);
        }
        let mut entries = all.effects.shared;
        entries.retain(|entry| entry.expires_ms > now_ms);
        entries
    }

    /// Takes what other replicas have said, in the order of the log. Gives how many entries could not
    /// be read.
    pub fn apply_shared(&mut self, entries: &[Entry], now_ms: i64) -> usize {
        let mut unreadable = 0;
        for entry in entries {
            let applied = match entry.area {
                Area::Term => Some(()),
                Area::Intent => self.apply_intent(entry),
                Area::Notified => self.apply_notified(entry, now_ms),
                Area::Silence => self.apply_silence(entry, now_ms),
                Area::Acknowledgement => self.apply_acknowledgement(entry, now_ms),
            };
            unreadable += usize::from(applied.is_none());
        }
        unreadable
    }

    /// Whether only we can have written it: what we know is newer than what the log says.
    fn is_own(&self, entry: &Entry) -> bool {
        self.leads && entry.token == self.token
    }

    fn apply_intent(&mut self, entry: &Entry) -> Option<()> {
        let key = LogKey::from_bytes(&entry.key)?;
        if self.is_own(entry) {
            return Some(());
        }
        let bytes = entry.key.clone();
        if entry.value.is_empty() {
            if self.intents.remove(&key).is_some() {
                let change = StateChange::Remove { key: bytes };
                self.effects.changes.push((INTENTS, change));
            }
            return Some(());
        }
        let intent = Intent {
            by: entry.by.clone(),
            notified: Notified::from_bytes(&entry.value).ok()?,
        };
        if self.intents.get(&key) != Some(&intent) {
            self.put_state(INTENTS, bytes, intent.to_bytes());
            self.intents.insert(key, intent);
        }
        Some(())
    }

    fn apply_notified(&mut self, entry: &Entry, now_ms: i64) -> Option<()> {
        let key = LogKey::from_bytes(&entry.key)?;
        let notified = Notified::from_bytes(&entry.value).ok()?;
        let is_older = self
            .log
            .get(&key)
            .is_some_and(|known| known.token > notified.token);
        if is_older || self.is_own(entry) || notified.expires_ms <= now_ms {
            return Some(());
        }
        self.believe_ends(&notified, now_ms);
        let known = self.log.get(&key);
        if known == Some(&notified) {
            return Some(());
        }
        // Later words that only keep an entry from being forgotten are no notifications.
        let is_news = known.is_none_or(|known| known.time_ms != notified.time_ms);
        if is_news {
            let told = notified.firing.iter().chain(&notified.resolved);
            let alerts = told.filter_map(|id| self.alerts.get(&AlertFingerprint(*id)));
            let (by, token) = (&entry.by, entry.token);
            let rows: Vec<TimelineRow> = alerts
                .map(|held| TimelineRow {
                    time_ms: notified.time_ms,
                    kind: TimelineKind::Notified,
                    labels: held.alert.labels.clone(),
                    cause: format!("by replica {by}, lease token {token}"),
                    receiver: key.receiver_text(),
                    group: key.group.clone(),
                    detail: String::new(),
                })
                .collect();
            self.effects.rows.extend(rows);
        }
        if self.log.set(key, notified) {
            self.put_state(LOG, entry.key.clone(), entry.value.clone());
        }
        Some(())
    }

    /// Ends alerts whose end was told after the last word that we had of them: while we were away, or
    /// before our own rules saw it. Where we lead before their senders speak, they would be told as if
    /// they had begun anew.
    fn believe_ends(&mut self, notified: &Notified, now_ms: i64) {
        for fingerprint in notified.resolved.iter().copied().map(AlertFingerprint) {
            let Some(held) = self.alerts.get_mut(&fingerprint) else {
                continue;
            };
            let alert = &mut held.alert;
            let is_newer = alert.starts_ms.max(alert.updated_ms) >= notified.time_ms;
            if is_newer || alert.is_resolved(now_ms) {
                continue;
            }
            alert.ends_ms = Some(notified.time_ms.min(now_ms));
            let alert = alert.clone();
            self.unkept.insert(fingerprint);
            self.inhibitor.note(&alert);
            self.put_into_groups(&alert, now_ms);
            self.refresh(fingerprint, now_ms);
        }
    }

    fn apply_silence(&mut self, entry: &Entry, now_ms: i64) -> Option<()> {
        let silence = Silence::from_bytes(&entry.value).ok()?;
        let known = self.silences.get(&silence.id).cloned();
        let is_forgotten = silence.ends_ms < now_ms.saturating_sub(SILENCE_RETENTION_MS);
        if known.as_ref() == Some(&silence) || (known.is_none() && is_forgotten) {
            return Some(());
        }
        self.put_state(SILENCES, entry.key.clone(), entry.value.clone());
        self.silences.insert(silence.clone(), now_ms);
        let changed: Vec<Silence> = known.into_iter().chain([silence]).collect();
        self.refresh_covered(&changed, now_ms);
        Some(())
    }

    fn apply_acknowledgement(&mut self, entry: &Entry, now_ms: i64) -> Option<()> {
        let fingerprint =
            AlertFingerprint(u64::from_be_bytes(entry.key.as_slice().try_into().ok()?));
        if entry.value.is_empty() {
            if let Some(ack) = self.take_acknowledgement(fingerprint) {
                self.remove_state(ACKNOWLEDGEMENTS, fingerprint);
                let cause = format!("on replica {}", entry.by);
                self.note(&ack.labels, TimelineKind::Unacknowledged, cause, now_ms);
            }
            return Some(());
        }
        let ack = Acknowledgement::from_bytes(&entry.value).ok()?;
        let is_known = self.acknowledgements.get(&fingerprint) == Some(&ack);
        if is_known || !ack.holds(now_ms) {
            return Some(());
        }
        self.put_state(ACKNOWLEDGEMENTS, entry.key.clone(), entry.value.clone());
        let cause = format!("by {} on replica {}", ack.by, entry.by);
        self.note(&ack.labels, TimelineKind::Acknowledged, cause, ack.time_ms);
        self.put_acknowledgement(ack);
        Some(())
    }
}

fn key_of(fingerprint: AlertFingerprint) -> Vec<u8> {
    fingerprint.0.to_be_bytes().to_vec()
}

#[cfg(test)]
mod tests;
