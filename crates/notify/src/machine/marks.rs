//! What the timeline says of alerts: when they fire, end, are silenced, inhibited and muted.
//!
//! ## Model
//! Of each alert the machine remembers what was written last, across restarts, and writes what is
//! different. A row is a fact of that moment: who silences it, and by which rule it is inhibited,
//! stand in its cause. Firing and Resolved are written here and nowhere else.

use std::collections::BTreeSet;

use bellwether_model::{Alert, AlertFingerprint, Labels};
use bellwether_storage::{TimelineKind, TimelineRow};

use super::Machine;
use crate::circumstances::{Circumstances, ENTITY_LABEL, PROBE_LABEL};
use crate::inhibit::Inhibition;
use crate::silence::Silence;

/// What was last written into the timeline of an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    pub(crate) firing: bool,
    pub(crate) silenced: bool,
    pub(crate) inhibited: bool,
    /// Receivers that time intervals keep from being told.
    pub(crate) muted: BTreeSet<String>,
}

/// An alert and what was written of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) alert: Alert,
    pub(crate) marks: Marks,
}

impl Held {
    pub(super) fn new(alert: Alert) -> Self {
        Self {
            alert,
            marks: Marks::default(),
        }
    }
}

impl Machine {
    pub(super) fn refresh_all(
        &mut self,
        alerts: impl IntoIterator<Item = AlertFingerprint>,
        now_ms: i64,
    ) {
        for fingerprint in alerts {
            self.refresh(fingerprint, now_ms);
        }
    }

    /// The same for alerts that silences cover.
    pub(super) fn refresh_covered(&mut self, silences: &[Silence], now_ms: i64) {
        if silences.is_empty() {
            return;
        }
        let covered: Vec<AlertFingerprint> = self
            .alerts
            .iter()
            .filter(|(_, held)| silences.iter().any(|s| s.covers(&held.alert.labels)))
            .map(|(fingerprint, _)| *fingerprint)
            .collect();
        self.refresh_all(covered, now_ms);
    }

    /// What is known of the things that alerts are about.
    pub(crate) fn circumstances(&self) -> &Circumstances {
        self.inhibitor.circumstances()
    }

    /// Takes what is known of the things that alerts are about, in place of what was known.
    pub fn set_circumstances(&mut self, circumstances: Circumstances, now_ms: i64) {
        if *self.inhibitor.circumstances() == circumstances {
            return;
        }
        self.inhibitor.set_circumstances(circumstances);
        let is_about = |labels: &Labels| {
            [ENTITY_LABEL, PROBE_LABEL]
                .iter()
                .any(|it| labels.get(it).is_some())
        };
        let about: Vec<AlertFingerprint> = self
            .alerts
            .iter()
            .filter(|(_, held)| is_about(&held.alert.labels))
            .map(|(fingerprint, _)| *fingerprint)
            .collect();
        self.refresh_all(about, now_ms);
    }

    fn inhibition_text(&self, inhibition: &Inhibition) -> String {
        match inhibition {
            Inhibition::Rule(by, rule) => {
                let name = match self.inhibitor.rule(*rule).map(|rule| rule.name.as_str()) {
                    Some("") | None => (rule + 1).to_string(),
                    Some(name) => name.to_owned(),
                };
                format!("rule {name}: alert {by} fires")
            }
            Inhibition::Cause(by, entity) => {
                format!("it is explained by {entity}, of which alert {by} fires")
            }
            Inhibition::Maintenance(reason) => format!("maintenance: {reason}"),
        }
    }

    /// Writes into the timeline what is different about an alert now. Says whether it is silenced or
    /// inhibited.
    pub(super) fn refresh(&mut self, fingerprint: AlertFingerprint, now_ms: i64) -> bool {
        let Some(held) = self.alerts.get(&fingerprint) else {
            return false;
        };
        let alert = &held.alert;
        self.inhibitor.look_at(fingerprint, &alert.labels, now_ms);
        let silences = self.silences.covering(&alert.labels, now_ms);
        let inhibitor = self.inhibitor.inhibited_by(&alert.labels, now_ms);
        let now = Marks {
            firing: !alert.is_resolved(now_ms),
            silenced: !silences.is_empty(),
            inhibited: inhibitor.is_some(),
            muted: BTreeSet::new(),
        };
        let suppressed = now.silenced || now.inhibited;
        let before = &held.marks;
        if (before.firing, before.silenced, before.inhibited)
            == (now.firing, now.silenced, now.inhibited)
        {
            return suppressed;
        }
        let mut rows: Vec<(TimelineKind, String)> = Vec::new();
        match (before.firing, now.firing) {
            (false, true) => {
                let cause = format!("since {}", time_text(alert.starts_ms));
                rows.push((TimelineKind::Firing, cause));
            }
            (true, false) => {
                let ended_ms = alert.ends_ms.unwrap_or(now_ms);
                let cause = if alert.times_out {
                    format!("nobody spoke of it until {}", time_text(ended_ms))
                } else {
                    format!("ended at {}", time_text(ended_ms))
                };
                rows.push((TimelineKind::Resolved, cause));
            }
            _ => {}
        }
        match (before.silenced, silences.first()) {
            (false, Some(silence)) => {
                let Silence {
                    id,
                    created_by,
                    comment,
                    ..
                } = silence;
                let cause = format!("silence {id} by {created_by}: {comment}");
                rows.push((TimelineKind::Silenced, cause));
            }
            (true, None) => rows.push((TimelineKind::Unsilenced, String::new())),
            _ => {}
        }
        match (before.inhibited, inhibitor) {
            (false, Some(inhibition)) => {
                let cause = self.inhibition_text(&inhibition);
                rows.push((TimelineKind::Inhibited, cause));
            }
            (true, None) => rows.push((TimelineKind::Uninhibited, String::new())),
            _ => {}
        }
        let labels = alert.labels.clone();
        if let Some(held) = self.alerts.get_mut(&fingerprint) {
            let muted = std::mem::take(&mut held.marks.muted);
            held.marks = Marks { muted, ..now };
        }
        self.unkept.insert(fingerprint);
        for (kind, cause) in rows {
            self.note(&labels, kind, cause, now_ms);
        }
        suppressed
    }

    /// Writes into the timeline that time intervals keep a receiver from being told, or do no more.
    pub(super) fn mark_muted(
        &mut self,
        fingerprint: AlertFingerprint,
        receiver: &str,
        group: &str,
        muted_by: &[String],
        now_ms: i64,
    ) {
        let Some(held) = self.alerts.get_mut(&fingerprint) else {
            return;
        };
        let muted = &mut held.marks.muted;
        let (kind, cause) = match (muted.contains(receiver), muted_by) {
            (false, [_, ..]) => {
                muted.insert(receiver.to_owned());
                let cause = format!("time interval {}", muted_by.join(", "));
                (TimelineKind::Muted, cause)
            }
            (true, []) => {
                muted.remove(receiver);
                (TimelineKind::Unmuted, String::new())
            }
            _ => return,
        };
        let labels = held.alert.labels.clone();
        self.unkept.insert(fingerprint);
        self.effects.rows.push(TimelineRow {
            time_ms: now_ms,
            kind,
            labels,
            cause,
            receiver: receiver.to_owned(),
            group: group.to_owned(),
            detail: String::new(),
        });
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

/// A time for people.
fn time_text(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms)
        .map_or_else(|_| format!("{time_ms} ms"), |time| time.to_string())
}
