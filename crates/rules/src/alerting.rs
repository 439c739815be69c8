//! The alerts of one rule, from pending to firing to resolved.
//!
//! ## Model
//! Each element of an expression's result is a [`Candidate`]. One that is new is *pending* until the
//! rule's `for` has passed, then *firing*. A firing one whose candidate is gone fires on for
//! `keep_firing_for` and is *resolved* then; it is remembered for a while, so that its end can be said
//! more than once.
//!
//! ## Invariants
//! The states, times and errors are those of Prometheus. What differs: nothing is forgotten by a
//! restart, since every time is part of the state ([`AlertingState::resume`]).
//!
//! Whoever keeps the state asks [`AlertingState::take_changes`] what is different: an evaluation that
//! finds what the one before it found changes nothing that is worth keeping.

mod active;
mod resume;

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::{ALERT_NAME, Alert, Labels, METRIC_NAME, ShortLabels};
use bellwether_storage::TimelineKind;

pub use active::{ActiveAlert, AlertState, Settling};
pub use resume::Resume;

/// The series that say in which state alerts are.
pub(crate) const ALERTS: &str = "ALERTS";
/// The series that say since when alerts are active.
pub(crate) const ALERTS_FOR_STATE: &str = "ALERTS_FOR_STATE";
/// The label of [`ALERTS`] that holds the state.
pub(crate) const ALERT_STATE: &str = "alertstate";

/// What a rule says of time, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AlertingRule {
    /// How long the condition must hold before an alert fires.
    pub for_ms: i64,
    /// How long an alert fires on when the condition has gone.
    pub keep_firing_for_ms: i64,
    /// Alerts that there may be; 0: no bound.
    pub limit: usize,
}

/// One element of the expression's result, with labels and annotations as the rule makes them of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The alert's labels, `alertname` included.
    pub labels: Labels,
    /// Texts for people.
    pub annotations: Labels,
    /// The element's value.
    pub value: f64,
}

/// A change of an alert's state.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The alert.
    pub labels: Labels,
    /// What it is now.
    pub kind: TimelineKind,
    /// Why, for people.
    pub cause: String,
}

/// Why an evaluation did not count.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdvanceError {
    /// Two elements became the same alert.
    #[error(
        "vector contains metrics with the same labelset after applying alert labels: {}",
        ShortLabels(labels)
    )]
    Duplicate {
        /// Their labels.
        labels: Labels,
    },
    /// There are too many alerts.
    #[error("exceeded limit of {limit} with {count} alerts")]
    Limit {
        /// What the group allows.
        limit: usize,
        /// How many there would be.
        count: usize,
    },
}

/// All alerts of a rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AlertingState {
    alerts: BTreeMap<Labels, ActiveAlert>,
    /// Alerts that are different from what [`AlertingState::take_changes`] gave of them.
    changed: BTreeSet<Labels>,
    /// Alerts that [`AlertingState::take_changes`] has given and not said to be gone.
    kept: BTreeSet<Labels>,
}

impl AlertingState {
    /// The state with these alerts, as it was kept.
    pub fn from_alerts(alerts: impl IntoIterator<Item = (Labels, ActiveAlert)>) -> Self {
        let alerts: BTreeMap<Labels, ActiveAlert> = alerts.into_iter().collect();
        Self {
            kept: alerts.keys().cloned().collect(),
            alerts,
            changed: BTreeSet::new(),
        }
    }

    /// All alerts, resolved ones that are remembered included, by their labels.
    pub fn alerts(&self) -> impl Iterator<Item = (&Labels, &ActiveAlert)> {
        self.alerts.iter()
    }

    /// The alerts that are pending or fire, by their labels.
    pub fn live(&self) -> impl Iterator<Item = (&Labels, &ActiveAlert)> {
        self.alerts().filter(|(_, alert)| alert.is_live())
    }

    /// An alert by its labels.
    #[must_use]
    pub fn get(&self, labels: &Labels) -> Option<&ActiveAlert> {
        self.alerts.get(labels)
    }

    /// The worst state of any alert; `None`: there is none that is pending or fires.
    #[must_use]
    pub fn worst(&self) -> Option<AlertState> {
        self.live().map(|(_, alert)| alert.state).max()
    }

    /// The alerts that have changed since this was asked last: as they are now, `None` where they are
    /// gone. Values and times of sending do not count: they are found again.
    pub fn take_changes(&mut self) -> Vec<(Labels, Option<ActiveAlert>)> {
        let mut changes = Vec::with_capacity(self.changed.len());
        for labels in std::mem::take(&mut self.changed) {
            let alert = self.alerts.get(&labels).cloned();
            let counts = match &alert {
                Some(_) => {
                    self.kept.insert(labels.clone());
                    true
                }
                // Those that came and went since are nobody's concern.
                None => self.kept.remove(&labels),
            };
            if counts {
                changes.push((labels, alert));
            }
        }
        changes
    }

    /// Says that changes that were taken could not be kept: they are given again.
    pub fn give_back(&mut self, changed: impl IntoIterator<Item = Labels>) {
        for labels in changed {
            self.kept.insert(labels.clone());
            self.changed.insert(labels);
        }
    }

    /// Takes in what an evaluation at `now_ms` gave. What is different is appended to `transitions`,
    /// in the order of the alerts' labels.
    ///
    /// # Errors
    /// Where two candidates are the same alert: nothing changes. Where there are too many: all are
    /// forgotten, as in Prometheus, which are transitions, too.
    pub fn advance(
        &mut self,
        rule: AlertingRule,
        mut candidates: Vec<Candidate>,
        now_ms: i64,
        transitions: &mut Vec<Transition>,
    ) -> Result<(), AdvanceError> {
        candidates.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        if let Some([first, _]) = candidates
            .windows(2)
            .find(|pair| matches!(pair, [a, b] if a.labels == b.labels))
        {
            return Err(AdvanceError::Duplicate {
                labels: first.labels.clone(),
            });
        }
        let begun = transitions.len();
        for candidate in &candidates {
            self.note(candidate, now_ms, transitions);
        }
        // Both are in the order of the labels, and each candidate is among the alerts by now.
        let mut holding = candidates.iter().peekable();
        let mut live_count = 0;
        let changed = &mut self.changed;
        self.alerts.retain(|labels, alert| {
            let holds = holding.next_if(|next| next.labels == *labels).is_some();
            let before = alert.lasting();
            let keep = alert.step(rule, holds, now_ms, |kind, cause| {
                transitions.push(Transition {
                    labels: labels.clone(),
                    kind,
                    cause,
                });
            });
            if !keep || alert.lasting() != before {
                changed.insert(labels.clone());
            }
            live_count += usize::from(keep && alert.is_live());
            keep
        });
        let limit = rule.limit;
        let result = if limit > 0 && live_count > limit {
            // Those that are new were never told of.
            transitions.truncate(begun);
            self.alerts.retain(|_, alert| alert.active_at_ms != now_ms);
            self.forget_all(&format!("exceeded limit of {limit} alerts"), transitions);
            Err(AdvanceError::Limit {
                limit,
                count: live_count,
            })
        } else {
            Ok(())
        };
        if let Some(own) = transitions.get_mut(begun..) {
            own.sort_by(|a, b| a.labels.cmp(&b.labels));
        }
        result
    }

    /// Forgets all alerts. Those that are pending are dropped, those that fire end.
    pub fn forget_all(&mut self, cause: &str, transitions: &mut Vec<Transition>) {
        for (labels, alert) in std::mem::take(&mut self.alerts) {
            let kind = match alert.state {
                AlertState::Pending => Some(TimelineKind::Dropped),
                AlertState::Firing => Some(TimelineKind::Resolved),
                AlertState::Resolved => None,
            };
            transitions.extend(kind.map(|kind| Transition {
                labels: labels.clone(),
                kind,
                cause: cause.to_owned(),
            }));
            self.changed.insert(labels);
        }
    }

    /// Takes over all alerts of the same rule, as it was before a reload.
    pub fn take_over(&mut self, from: &mut Self) {
        self.alerts.append(&mut from.alerts);
        self.changed.append(&mut from.changed);
        self.kept.append(&mut from.kept);
    }

    /// Changes the times since when alerts are active; for the restoration from series.
    pub(crate) fn set_active_at(
        &mut self,
        mut active_at: impl FnMut(&Labels, &ActiveAlert) -> Option<i64>,
    ) {
        for (labels, alert) in &mut self.alerts {
            if let Some(active_at_ms) = active_at(labels, alert) {
                alert.active_at_ms = active_at_ms;
                self.changed.insert(labels.clone());
            }
        }
    }

    fn note(&mut self, candidate: &Candidate, now_ms: i64, transitions: &mut Vec<Transition>) {
        let labels = &candidate.labels;
        if let Some(known) = self.alerts.get_mut(labels)
            && known.is_live()
        {
            known.value = candidate.value;
            known.annotations = candidate.annotations.clone();
            return;
        }
        transitions.push(Transition {
            labels: labels.clone(),
            kind: TimelineKind::Pending,
            cause: format!("value {}", candidate.value),
        });
        let fresh = ActiveAlert::pending(candidate.annotations.clone(), candidate.value, now_ms);
        self.alerts.insert(labels.clone(), fresh);
        self.changed.insert(labels.clone());
    }

    /// The alerts that have to be sent at a time, as whoever notifies takes them: those that have just
    /// ended, and those that were not sent for `resend_ms`. They count as sent. Their end is far
    /// enough ahead to outlive three sendings that fail; `interval_ms` is that of the group.
    pub fn to_send(
        &mut self,
        now_ms: i64,
        resend_ms: i64,
        interval_ms: i64,
        generator_url: &str,
    ) -> Vec<Alert> {
        let valid_ms = valid_for_ms(resend_ms, interval_ms);
        let mut sent = Vec::new();
        for (labels, alert) in &mut self.alerts {
            if !alert.needs_sending(now_ms, resend_ms) {
                continue;
            }
            alert.last_sent_ms = Some(now_ms);
            sent.push(Alert {
                labels: labels.clone(),
                annotations: alert.annotations.clone(),
                starts_ms: alert.fired_at_ms.unwrap_or(alert.active_at_ms),
                ends_ms: Some(
                    alert
                        .resolved_at_ms
                        .unwrap_or_else(|| now_ms.saturating_add(valid_ms)),
                ),
                times_out: false,
                updated_ms: now_ms,
                generator_url: generator_url.to_owned(),
            });
        }
        sent
    }
}

/// How long a receiver takes an alert for firing that it hears no more of.
pub(crate) fn valid_for_ms(resend_ms: i64, interval_ms: i64) -> i64 {
    resend_ms.max(interval_ms).saturating_mul(4)
}

/// The labels of an alert's series `ALERTS`, whose value is 1.
#[must_use]
pub fn alerts_series(alert: &Labels, state: AlertState) -> Labels {
    let mut builder = alert.to_builder();
    builder.set(METRIC_NAME, ALERTS);
    builder.set(ALERT_STATE, state.as_str());
    builder.build()
}

/// The labels of an alert's series `ALERTS_FOR_STATE`, whose value is since when it is active, in
/// seconds.
#[must_use]
pub fn for_state_series(alert: &Labels) -> Labels {
    let mut builder = alert.to_builder();
    builder.set(METRIC_NAME, ALERTS_FOR_STATE);
    builder.build()
}

/// The labels of an alert: those of the element without its name, those of the rule, its own name.
pub(crate) fn alert_labels<'a>(
    element: &Labels,
    rule: impl Iterator<Item = (&'a str, &'a str)>,
    name: &str,
) -> Labels {
    let mut builder = element.to_builder();
    builder.remove(METRIC_NAME);
    for (label, value) in rule {
        builder.set(label, value);
    }
    builder.set(ALERT_NAME, name);
    builder.build()
}

#[cfg(test)]
mod tests;
