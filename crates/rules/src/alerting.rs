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
//! restart, since every time is part of the state.

use std::collections::BTreeMap;

use bellwether_model::{Alert, Labels, METRIC_NAME, ShortLabels};
use bellwether_storage::TimelineKind;

/// A resolved alert is remembered for so long, ms: its end is said again to whoever has not heard it.
const RESOLVED_RETENTION_MS: i64 = 15 * 60_000;

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

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// The condition holds, not yet for long enough.
    Pending,
    /// It fires.
    Firing,
    /// It fired, and does no more.
    Resolved,
}

impl AlertState {
    /// The word for it in the API and in series.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Firing => "firing",
            Self::Resolved => "inactive",
        }
    }
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

/// An alert of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct ActiveAlert {
    /// See [`Candidate`].
    pub annotations: Labels,
    /// The value at the last evaluation at which the condition held.
    pub value: f64,
    /// Where it stands.
    pub state: AlertState,
    /// Since when the condition holds, ms.
    pub active_at_ms: i64,
    /// When it began to fire, ms.
    pub fired_at_ms: Option<i64>,
    /// Since when it fires without its condition, ms.
    pub keep_firing_since_ms: Option<i64>,
    /// When it ended, ms.
    pub resolved_at_ms: Option<i64>,
    /// When it was last sent, ms.
    pub last_sent_ms: Option<i64>,
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
}

impl AlertingState {
    /// The state with these alerts, as it was kept.
    pub fn from_alerts(alerts: impl IntoIterator<Item = (Labels, ActiveAlert)>) -> Self {
        Self {
            alerts: alerts.into_iter().collect(),
        }
    }

    /// All alerts, resolved ones that are remembered included, by their labels.
    pub fn alerts(&self) -> impl Iterator<Item = (&Labels, &ActiveAlert)> {
        self.alerts.iter()
    }

    /// An alert by its labels.
    #[must_use]
    pub fn get(&self, labels: &Labels) -> Option<&ActiveAlert> {
        self.alerts.get(labels)
    }

    /// The worst state of any alert; `None`: there is none that is pending or fires.
    #[must_use]
    pub fn worst(&self) -> Option<AlertState> {
        let live = self.alerts.values().map(|alert| alert.state);
        live.filter(|state| *state != AlertState::Resolved).max()
    }

    /// Takes in what an evaluation at `now_ms` gave. Gives what is different, in the order of the
    /// alerts' labels.
    ///
    /// # Errors
    /// Where two candidates are the same alert: nothing changes. Where there are too many: all are
    /// forgotten, as in Prometheus.
    pub fn advance(
        &mut self,
        rule: AlertingRule,
        candidates: Vec<Candidate>,
        now_ms: i64,
    ) -> Result<Vec<Transition>, AdvanceError> {
        let mut found: BTreeMap<Labels, Candidate> = BTreeMap::new();
        for candidate in candidates {
            let labels = candidate.labels.clone();
            if found.insert(labels.clone(), candidate).is_some() {
                return Err(AdvanceError::Duplicate { labels });
            }
        }
        let mut transitions = Vec::new();
        for (labels, candidate) in &found {
            self.note(labels, candidate, now_ms, &mut transitions);
        }
        let mut live = 0;
        self.alerts.retain(|labels, alert| {
            let holds = found.contains_key(labels);
            let keep = alert.step(rule, holds, now_ms, |kind, cause| {
                transitions.push(Transition {
                    labels: labels.clone(),
                    kind,
                    cause,
                });
            });
            live += usize::from(keep && alert.state != AlertState::Resolved);
            keep
        });
        if rule.limit > 0 && live > rule.limit {
            self.alerts.clear();
            return Err(AdvanceError::Limit {
                limit: rule.limit,
                count: live,
            });
        }
        transitions.sort_by(|a, b| a.labels.cmp(&b.labels));
        Ok(transitions)
    }

    fn note(
        &mut self,
        labels: &Labels,
        candidate: &Candidate,
        now_ms: i64,
        transitions: &mut Vec<Transition>,
    ) {
        if let Some(known) = self.alerts.get_mut(labels)
            && known.state != AlertState::Resolved
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
        let fresh = ActiveAlert {
            annotations: candidate.annotations.clone(),
            value: candidate.value,
            state: AlertState::Pending,
            active_at_ms: now_ms,
            fired_at_ms: None,
            keep_firing_since_ms: None,
            resolved_at_ms: None,
            last_sent_ms: None,
        };
        self.alerts.insert(labels.clone(), fresh);
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
        let valid_ms = resend_ms.max(interval_ms).saturating_mul(4);
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

    /// The series `ALERTS` and `ALERTS_FOR_STATE` of all that is pending or fires: labels and value.
    #[must_use]
    pub fn series(&self) -> Vec<(Labels, f64)> {
        let mut series = Vec::new();
        for (labels, alert) in &self.alerts {
            if alert.state == AlertState::Resolved {
                continue;
            }
            let mut builder = labels.to_builder();
            builder.set(METRIC_NAME, "ALERTS");
            builder.set("alertstate", alert.state.as_str());
            series.push((builder.build(), 1.0));
            builder.set(METRIC_NAME, "ALERTS_FOR_STATE");
            builder.remove("alertstate");
            series.push((builder.build(), (alert.active_at_ms / 1_000) as f64));
        }
        series
    }
}

impl ActiveAlert {
    /// Moves on to another time. Gives whether the alert is remembered.
    fn step(
        &mut self,
        rule: AlertingRule,
        holds: bool,
        now_ms: i64,
        mut tell: impl FnMut(TimelineKind, String),
    ) -> bool {
        if holds {
            self.keep_firing_since_ms = None;
        } else if !self.fires_on(rule, now_ms) {
            return self.end(now_ms, tell);
        }
        if self.state == AlertState::Pending
            && now_ms.saturating_sub(self.active_at_ms) >= rule.for_ms
        {
            self.state = AlertState::Firing;
            self.fired_at_ms = Some(now_ms);
            tell(TimelineKind::Firing, format!("value {}", self.value));
        }
        true
    }

    /// Whether it fires though its condition is gone.
    fn fires_on(&mut self, rule: AlertingRule, now_ms: i64) -> bool {
        if self.state != AlertState::Firing || rule.keep_firing_for_ms <= 0 {
            return false;
        }
        let since_ms = *self.keep_firing_since_ms.get_or_insert(now_ms);
        now_ms.saturating_sub(since_ms) < rule.keep_firing_for_ms
    }

    fn end(&mut self, now_ms: i64, mut tell: impl FnMut(TimelineKind, String)) -> bool {
        match self.state {
            AlertState::Pending => {
                tell(TimelineKind::Dropped, "the condition is gone".to_owned());
                return false;
            }
            AlertState::Firing => {
                self.state = AlertState::Resolved;
                self.resolved_at_ms = Some(now_ms);
                tell(TimelineKind::Resolved, "the condition is gone".to_owned());
            }
            AlertState::Resolved => {}
        }
        self.resolved_at_ms
            .is_none_or(|at| now_ms.saturating_sub(at) <= RESOLVED_RETENTION_MS)
    }

    fn needs_sending(&self, now_ms: i64, resend_ms: i64) -> bool {
        match (self.state, self.last_sent_ms) {
            (AlertState::Pending, _) => false,
            (_, None) => true,
            (_, Some(sent)) => {
                self.resolved_at_ms.is_some_and(|at| at > sent)
                    || sent.saturating_add(resend_ms) < now_ms
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn labels(host: &str) -> Labels {
        Labels::from_pairs([("alertname", "Slow"), ("host", host)])
    }

    fn candidate(host: &str, value: f64) -> Candidate {
        Candidate {
            labels: labels(host),
            annotations: Labels::from_pairs([("summary", format!("{value} s"))]),
            value,
        }
    }

    fn rule(for_minutes: i64, keep_minutes: i64) -> AlertingRule {
        AlertingRule {
            for_ms: for_minutes * MINUTE,
            keep_firing_for_ms: keep_minutes * MINUTE,
            limit: 0,
        }
    }

    /// Evaluates at a minute with the hosts at which the condition holds; gives what changed.
    fn at(
        state: &mut AlertingState,
        rule: AlertingRule,
        minute: i64,
        hosts: &[&str],
    ) -> Vec<String> {
        let candidates = hosts.iter().map(|host| candidate(host, minute as f64));
        let changes = state
            .advance(rule, candidates.collect(), minute * MINUTE)
            .unwrap();
        changes
            .iter()
            .map(|c| format!("{} {}", c.labels.get("host").unwrap(), c.kind.as_str()))
            .collect()
    }

    #[test]
    fn an_alert_fires_when_its_condition_has_held_for_long_enough() {
        let (mut state, rule) = (AlertingState::default(), rule(5, 0));
        assert_eq!(at(&mut state, rule, 0, &["a"]), ["a pending"]);
        assert_eq!(state.worst(), Some(AlertState::Pending));
        assert!(at(&mut state, rule, 4, &["a"]).is_empty());
        assert_eq!(
            at(&mut state, rule, 5, &["a", "b"]),
            ["a firing", "b pending"]
        );
        assert_eq!(at(&mut state, rule, 6, &["a"]), ["b dropped"]);
        assert_eq!(at(&mut state, rule, 7, &[]), ["a resolved"]);
        assert_eq!(state.worst(), None);
        // Its end is remembered for a quarter of an hour.
        assert!(at(&mut state, rule, 22, &[]).is_empty());
        assert_eq!(state.alerts().count(), 1);
        assert!(at(&mut state, rule, 23, &[]).is_empty());
        assert_eq!(state.alerts().count(), 0);
    }

    #[test]
    fn without_for_it_fires_at_once() {
        let mut state = AlertingState::default();
        assert_eq!(
            at(&mut state, rule(0, 0), 0, &["a"]),
            ["a pending", "a firing"]
        );
    }

    #[test]
    fn it_fires_on_over_gaps() {
        let (mut state, rule) = (AlertingState::default(), rule(0, 10));
        at(&mut state, rule, 0, &["a"]);
        assert!(at(&mut state, rule, 1, &[]).is_empty());
        assert!(at(&mut state, rule, 10, &[]).is_empty());
        // The condition is back: the gap is forgotten.
        assert!(at(&mut state, rule, 10, &["a"]).is_empty());
        assert!(at(&mut state, rule, 11, &[]).is_empty());
        assert!(at(&mut state, rule, 20, &[]).is_empty());
        assert_eq!(at(&mut state, rule, 21, &[]), ["a resolved"]);
        // A new episode begins with a new pending time.
        assert_eq!(at(&mut state, rule, 22, &["a"]), ["a pending", "a firing"]);
        assert_eq!(state.get(&labels("a")).unwrap().active_at_ms, 22 * MINUTE);
    }

    #[test]
    fn alerts_are_sent_when_they_change_and_now_and_then() {
        let (mut state, rule) = (AlertingState::default(), rule(1, 0));
        let sent = |state: &mut AlertingState, minute: i64| -> Vec<(i64, i64)> {
            let sent = state.to_send(minute * MINUTE, MINUTE, 15_000, "http://x");
            sent.iter()
                .map(|a| (a.starts_ms / MINUTE, a.ends_ms.unwrap() / MINUTE))
                .collect()
        };
        at(&mut state, rule, 0, &["a"]);
        assert!(sent(&mut state, 0).is_empty());
        at(&mut state, rule, 1, &["a"]);
        // Valid for four times the delay.
        assert_eq!(sent(&mut state, 1), [(1, 5)]);
        assert!(sent(&mut state, 2).is_empty());
        assert_eq!(sent(&mut state, 3), [(1, 7)]);
        at(&mut state, rule, 4, &[]);
        assert_eq!(sent(&mut state, 4), [(1, 4)]);
        // The end is said again.
        assert!(sent(&mut state, 5).is_empty());
        assert_eq!(sent(&mut state, 6), [(1, 4)]);
    }

    #[test]
    fn series_tell_the_state_and_since_when() {
        let mut state = AlertingState::default();
        at(&mut state, rule(5, 0), 1, &["a"]);
        let texts: Vec<String> = state
            .series()
            .iter()
            .map(|(labels, value)| format!("{labels} {value}"))
            .collect();
        assert_eq!(
            texts,
            [
                r#"{__name__="ALERTS", alertname="Slow", alertstate="pending", host="a"} 1"#,
                r#"{__name__="ALERTS_FOR_STATE", alertname="Slow", host="a"} 60"#,
            ]
        );
    }

    #[test]
    fn too_many_and_the_same_are_errors() {
        let mut state = AlertingState::default();
        let limited = AlertingRule {
            limit: 1,
            ..rule(0, 0)
        };
        let two = vec![candidate("a", 1.0), candidate("b", 1.0)];
        let error = state.advance(limited, two, 0).unwrap_err();
        assert_eq!(error.to_string(), "exceeded limit of 1 with 2 alerts");
        assert_eq!(state.alerts().count(), 0);
        let same = vec![candidate("a", 1.0), candidate("a", 2.0)];
        let error = state.advance(rule(0, 0), same, 0).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("vector contains metrics with the same labelset")
        );
    }
}
