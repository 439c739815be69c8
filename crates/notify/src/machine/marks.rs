//! What the timeline says of alerts: when they fire, end, are silenced and inhibited.
//!
//! ## Model
//! Of each alert the machine remembers what was written last, and writes what is different. A row is
//! a fact of that moment: who silences it, and by which rule it is inhibited, stand in its cause.

use bellwether_model::{AlertFingerprint, Labels};
use bellwether_storage::{TimelineKind, TimelineRow};

use super::Machine;
use crate::silence::Silence;

/// What was last written into the timeline of an alert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Marks {
    pub(super) silenced: bool,
    pub(super) inhibited: bool,
    pub(super) resolved: bool,
}

impl Machine {
    pub(super) fn mark_all(&mut self, now_ms: i64) {
        let all: Vec<AlertFingerprint> = self.alerts.keys().copied().collect();
        for fingerprint in all {
            self.mark(fingerprint, now_ms);
        }
    }

    /// Writes into the timeline what is different about an alert now.
    pub(super) fn mark(&mut self, fingerprint: AlertFingerprint, now_ms: i64) {
        let Some(alert) = self.alerts.get(&fingerprint) else {
            return;
        };
        let labels = alert.labels.clone();
        let (starts_ms, ends_ms) = (alert.starts_ms, alert.ends_ms);
        let resolved = alert.is_resolved(now_ms);
        let before = self.marks.get(&fingerprint).copied();
        let silence = self
            .silences
            .covering(&labels, now_ms)
            .first()
            .map(|silence| {
                let Silence {
                    id,
                    created_by,
                    comment,
                    ..
                } = silence;
                format!("silence {id} by {created_by}: {comment}")
            });
        let inhibited = self
            .inhibitor
            .inhibited_by(&labels, now_ms)
            .map(|(by, rule)| {
                let name = self
                    .inhibitor
                    .rule(rule)
                    .map_or("", |rule| rule.name.as_str());
                let name = if name.is_empty() {
                    format!("{}", rule + 1)
                } else {
                    name.to_owned()
                };
                format!("rule {name}: alert {by} fires")
            });
        let now = Marks {
            silenced: silence.is_some(),
            inhibited: inhibited.is_some(),
            resolved,
        };
        if before == Some(now) {
            return;
        }
        self.marks.insert(fingerprint, now);
        let fired_before = before.is_some_and(|before| !before.resolved);
        if !resolved && !fired_before {
            let cause = format!("since {starts_ms}");
            self.note(&labels, TimelineKind::Firing, cause, now_ms);
        }
        if resolved && fired_before {
            let cause = format!("ended at {}", ends_ms.unwrap_or(now_ms));
            self.note(&labels, TimelineKind::Resolved, cause, now_ms);
        }
        let before = before.unwrap_or_default();
        match (before.silenced, silence) {
            (false, Some(cause)) => self.note(&labels, TimelineKind::Silenced, cause, now_ms),
            (true, None) => self.note(&labels, TimelineKind::Unsilenced, String::new(), now_ms),
            _ => {}
        }
        match (before.inhibited, inhibited) {
            (false, Some(cause)) => self.note(&labels, TimelineKind::Inhibited, cause, now_ms),
            (true, None) => self.note(&labels, TimelineKind::Uninhibited, String::new(), now_ms),
            _ => {}
        }
    }

    pub(super) fn note(
        &mut self,
        labels: &Labels,
        kind: TimelineKind,
        cause: String,
        time_ms: i64,
    ) {
        self.effects.rows.push(TimelineRow {
            time_ms,
            kind,
            labels: labels.clone(),
            cause,
            receiver: String::new(),
            group: String::new(),
            detail: String::new(),
        });
    }
}
