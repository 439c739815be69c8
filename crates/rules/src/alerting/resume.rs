//! Going on after a time in which nothing was evaluated.
//!
//! ## Model
//! What counts for `for` and `keep_firing_for` is time in which the rule was evaluated: the times of
//! alerts move ahead by the rest. After a restart, samples are collected anew before conditions can
//! hold: for a while the absence of a condition says nothing ([`Settling`]), so that what fires goes
//! on, as it does for a receiver that hears nothing of a server that restarts.

use bellwether_model::time::DurationText;
use bellwether_storage::TimelineKind;

use super::{AlertState, AlertingRule, AlertingState, Settling, Transition};

/// What is known about a time in which nothing was evaluated; all in ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resume {
    /// The last evaluation before it.
    pub evaluated_ms: i64,
    /// The first evaluation after it.
    pub now_ms: i64,
    /// What lies between evaluations as a rule.
    pub interval_ms: i64,
    /// After a longer time a pending alert begins anew.
    pub tolerance_ms: i64,
    /// After a longer time than this, an alert whose `for` is at least this fires after this at the
    /// earliest: what happened in between is not known.
    pub grace_ms: i64,
    /// How long the absence of a condition says nothing.
    pub settle_ms: i64,
}

impl Resume {
    /// How long nothing was evaluated.
    #[must_use]
    pub fn down_ms(&self) -> i64 {
        let apart_ms = self.now_ms.saturating_sub(self.evaluated_ms);
        apart_ms.saturating_sub(self.interval_ms).max(0)
    }
}

impl AlertingState {
    /// Goes on after a time in which nothing was evaluated; before the first evaluation after it.
    /// Alerts that are forgotten are appended to `transitions`.
    pub fn resume(
        &mut self,
        rule: AlertingRule,
        resume: &Resume,
        transitions: &mut Vec<Transition>,
    ) {
        let down_ms = resume.down_ms();
        let settling = Settling {
            since_ms: resume.now_ms,
            until_ms: resume.now_ms.saturating_add(resume.settle_ms),
        };
        let changed = &mut self.changed;
        self.alerts.retain(|labels, alert| {
            match alert.state {
                AlertState::Resolved => return true,
                AlertState::Pending if down_ms > resume.tolerance_ms => {
                    transitions.push(Transition {
                        labels: labels.clone(),
                        kind: TimelineKind::Dropped,
                        cause: format!("nothing was evaluated for {}", DurationText(down_ms)),
                    });
                    changed.insert(labels.clone());
                    return false;
                }
                AlertState::Pending => {
                    alert.active_at_ms = alert.active_at_ms.saturating_add(down_ms);
                    if down_ms > resume.grace_ms && rule.for_ms >= resume.grace_ms {
                        let fires_at_ms = resume.now_ms.saturating_add(resume.grace_ms);
                        let earliest_ms = fires_at_ms.saturating_sub(rule.for_ms);
                        alert.active_at_ms = alert.active_at_ms.max(earliest_ms);
                    }
                }
                AlertState::Firing => {
                    if let Some(since_ms) = &mut alert.keep_firing_since_ms {
                        *since_ms = since_ms.saturating_add(down_ms);
                    }
                }
            }
            alert.settling = Some(settling);
            if down_ms > 0 {
                changed.insert(labels.clone());
            }
            true
        });
    }
}
