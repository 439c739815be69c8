//! A group: alerts of one route that are notified together.

use std::collections::BTreeMap;

use bellwether_model::{Alert, AlertFingerprint, Labels};

/// A group's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupId(pub(crate) u64);

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Group {
    /// The route's place in the tree.
    pub(crate) route: usize,
    pub(crate) labels: Labels,
    /// When it has its next turn, ms.
    pub(crate) due_ms: i64,
    /// At its last turn there was something to tell that is left to another replica.
    pub(crate) withheld: bool,
    /// Alerts with the number of their last change.
    alerts: BTreeMap<AlertFingerprint, (Alert, u64)>,
    revision: u64,
}

impl Group {
    pub(crate) fn new(route: usize, labels: Labels, due_ms: i64) -> Self {
        Self {
            route,
            labels,
            due_ms,
            withheld: false,
            alerts: BTreeMap::new(),
            revision: 0,
        }
    }

    pub(crate) fn put(&mut self, alert: Alert) {
        self.revision += 1;
        self.alerts
            .insert(alert.fingerprint(), (alert, self.revision));
    }

    pub(crate) fn holds(&self, fingerprint: AlertFingerprint) -> bool {
        self.alerts.contains_key(&fingerprint)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.alerts.is_empty()
    }

    pub(crate) fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values().map(|(alert, _)| alert)
    }

    /// The alerts as they are now, in order, and which of them have ended. Those that fire have no
    /// end, so that they do not end on their way to the receiver.
    pub(crate) fn snapshot(&self, now_ms: i64) -> (Vec<Alert>, Vec<(AlertFingerprint, u64)>) {
        let mut resolved = Vec::new();
        let mut alerts = Vec::with_capacity(self.alerts.len());
        for (fingerprint, (alert, revision)) in &self.alerts {
            let mut alert = alert.clone();
            if alert.is_resolved(now_ms) {
                resolved.push((*fingerprint, *revision));
            } else {
                alert.ends_ms = None;
            }
            alerts.push(alert);
        }
        (in_order(alerts), resolved)
    }

    /// Removes an alert unless it has changed since. Says whether it is gone.
    pub(crate) fn remove_unchanged(
        &mut self,
        fingerprint: AlertFingerprint,
        revision: u64,
    ) -> bool {
        let unchanged = self
            .alerts
            .get(&fingerprint)
            .is_some_and(|(_, known)| *known == revision);
        unchanged && self.alerts.remove(&fingerprint).is_some()
    }
}

/// Sorts alerts as receivers get them: by job, instance, then all labels.
pub(crate) fn in_order(mut alerts: Vec<Alert>) -> Vec<Alert> {
    fn key(alert: &Alert) -> (&str, &str, &Labels) {
        let value = |name| alert.labels.get(name).unwrap_or("");
        (value("job"), value("instance"), &alert.labels)
    }
    alerts.sort_by(|a, b| key(a).cmp(&key(b)));
    alerts
}
