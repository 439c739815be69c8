//! The notification log: what each receiver was told last of each group, and so whether it has to be
//! told again.
//!
//! ## Model
//! An entry belongs to a group and one integration of a receiver. It holds the alerts that were
//! firing and resolved in the last notification that the receiver took.
//!
//! ## Invariants
//! Entries carry the fencing token of the replica that notified; one with a smaller token than what
//! is known is refused, so that a leader that was replaced cannot overwrite its successor's.

use std::collections::{BTreeMap, BTreeSet};

/// Whom an entry is about: the group's key, the receiver, the integration's name in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LogKey {
    pub(crate) group: String,
    pub(crate) receiver: String,
    pub(crate) integration: String,
}

impl LogKey {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        format!("{}\0{}\0{}", self.group, self.receiver, self.integration).into_bytes()
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (rest, integration) = text.rsplit_once('\0')?;
        let (group, receiver) = rest.rsplit_once('\0')?;
        Some(Self {
            group: group.to_owned(),
            receiver: receiver.to_owned(),
            integration: integration.to_owned(),
        })
    }

    /// The receiver and its integration, as the timeline names them.
    pub(crate) fn receiver_text(&self) -> String {
        format!("{}/{}", self.receiver, self.integration)
    }
}

/// What a receiver was told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Notified {
    /// When it took the notification.
    pub(crate) time_ms: i64,
    /// When the entry is of no use any more.
    pub(crate) expires_ms: i64,
    /// The fencing token of who notified.
    pub(crate) token: u64,
    /// Fingerprints of alerts that were firing.
    pub(crate) firing: BTreeSet<u64>,
    /// Fingerprints of alerts that had ended.
    pub(crate) resolved: BTreeSet<u64>,
}

/// Why a receiver is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It has not heard of the group, or heard that all was over.
    First,
    /// There are alerts in the group that it has not heard of.
    NewAlerts,
    /// Alerts have ended that it has not heard the end of.
    NewResolved,
    /// All alerts have ended.
    AllResolved,
    /// Nothing has changed for long.
    Repeat,
}

impl Reason {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first notification",
            Self::NewAlerts => "new alerts added",
            Self::NewResolved => "some alerts resolved",
            Self::AllResolved => "all alerts resolved",
            Self::Repeat => "repeat interval elapsed",
        }
    }
}

/// Whether there is something to tell, and why.
pub(crate) fn reason(
    known: Option<&Notified>,
    firing: &BTreeSet<u64>,
    resolved: &BTreeSet<u64>,
    send_resolved: bool,
    repeat_ms: i64,
    now_ms: i64,
) -> Option<Reason> {
    let Some(known) = known else {
        return (!firing.is_empty()).then_some(Reason::First);
    };
    if !firing.is_subset(&known.firing) {
        return Some(if known.firing.is_empty() {
            Reason::First
        } else {
            Reason::NewAlerts
        });
    }
    if firing.is_empty() {
        // Told even where ends are not sent: the log must know that nothing fires any more.
        return (!known.firing.is_empty()).then_some(Reason::AllResolved);
    }
    if send_resolved && !resolved.is_subset(&known.resolved) {
        return Some(Reason::NewResolved);
    }
    (known.time_ms < now_ms.saturating_sub(repeat_ms)).then_some(Reason::Repeat)
}

/// All entries.
#[derive(Debug, Default)]
pub(crate) struct NotificationLog {
    entries: BTreeMap<LogKey, Notified>,
}

impl NotificationLog {
    pub(crate) fn get(&self, key: &LogKey) -> Option<&Notified> {
        self.entries.get(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&LogKey, &Notified)> {
        self.entries.iter()
    }

    /// Sets an entry. Says whether it was taken.
    pub(crate) fn set(&mut self, key: LogKey, notified: Notified) -> bool {
        if self
            .entries
            .get(&key)
            .is_some_and(|known| known.token > notified.token)
        {
            return false;
        }
        self.entries.insert(key, notified);
        true
    }

    /// Forgets entries that are of no use any more. Gives their keys.
    pub(crate) fn forget_expired(&mut self, now_ms: i64) -> Vec<LogKey> {
        let gone: Vec<LogKey> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.expires_ms <= now_ms)
            .map(|(key, _)| key.clone())
            .collect();
        for key in &gone {
            self.entries.remove(key);
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(list: &[u64]) -> BTreeSet<u64> {
        list.iter().copied().collect()
    }

    #[test]
    fn receivers_are_told_what_they_do_not_know() {
        let known = |firing: &[u64], resolved: &[u64]| Notified {
            time_ms: 1_000,
            firing: set(firing),
            resolved: set(resolved),
            ..Notified::default()
        };
        let ask = |known: Option<&Notified>, firing: &[u64], resolved: &[u64], send, now| {
            reason(known, &set(firing), &set(resolved), send, 500, now)
        };
        assert_eq!(ask(None, &[1], &[], true, 0), Some(Reason::First));
        // Nobody is told the end of what nobody was told the beginning of.
        assert_eq!(ask(None, &[], &[1], true, 0), None);
        let one = known(&[1], &[]);
        assert_eq!(
            ask(Some(&one), &[1, 2], &[], true, 1_000),
            Some(Reason::NewAlerts)
        );
        assert_eq!(
            ask(Some(&one), &[], &[1], false, 1_000),
            Some(Reason::AllResolved)
        );
        assert_eq!(ask(Some(&one), &[1], &[], true, 1_500), None);
        assert_eq!(
            ask(Some(&one), &[1], &[], true, 1_501),
            Some(Reason::Repeat)
        );
        let two = known(&[1, 2], &[]);
        assert_eq!(
            ask(Some(&two), &[1], &[2], true, 1_000),
            Some(Reason::NewResolved)
        );
        assert_eq!(ask(Some(&two), &[1], &[2], false, 1_000), None);
        let over = known(&[], &[1]);
        assert_eq!(
            ask(Some(&over), &[2], &[], true, 1_000),
            Some(Reason::First)
        );
        assert_eq!(ask(Some(&over), &[], &[1], true, 9_000), None);
    }

    #[test]
    fn a_leader_that_was_replaced_changes_nothing() {
        let mut log = NotificationLog::default();
        let key = LogKey {
            group: "{}:{a=\"b\"}".to_owned(),
            receiver: "team".to_owned(),
            integration: "webhook[3]".to_owned(),
        };
        assert_eq!(LogKey::from_bytes(&key.to_bytes()), Some(key.clone()));
        let with = |token| Notified {
            token,
            ..Notified::default()
        };
        assert!(log.set(key.clone(), with(2)));
        assert!(!log.set(key.clone(), with(1)));
        assert_eq!(log.get(&key).unwrap().token, 2);
        assert_eq!(log.forget_expired(0), [key]);
    }
}
