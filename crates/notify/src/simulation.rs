//! Alerts that somebody makes to see where they would go, and what keeps them apart from real ones.
//!
//! ## Model
//! A simulated alert has the label [`SIMULATED`]. It goes through a machine of its own
//! ([`Machine::rehearsal`]), which has the routes of the real one and knows what is silenced and what
//! fires there. So simulated alerts share no group with real ones, suppress none, count nowhere,
//! and are gone with that machine.
//!
//! ## Invariants
//! What is really sent says that it is simulated wherever people look, and receivers that put
//! notifications together by the group's key do not put it to those of real alerts.

use std::sync::Arc;

use bellwether_model::{ALERT_NAME, Labels};
use bellwether_storage::TimelineRow;

use crate::delivery::Delivery;
use crate::inhibit::Inhibitor;
use crate::machine::Machine;

/// The label of simulated alerts; its value is `true`.
pub const SIMULATED: &str = "simulated";
/// What stands before texts of simulated alerts.
pub const SIMULATED_MARK: &str = "[SIMULATED] ";
/// Annotations that receivers' texts are made of.
const MARKED_ANNOTATIONS: [&str; 4] = ["summary", "title", "description", "message"];

/// Labels of an alert with the one that says that it is simulated.
#[must_use]
pub fn simulated_labels(labels: &Labels) -> Labels {
    labels.to_builder().set(SIMULATED, "true").build()
}

impl Delivery {
    /// The same, marked as simulated: names, texts and the group's key.
    #[must_use]
    pub fn marked_as_simulated(mut self) -> Self {
        self.group_key = marked_key(&self.group_key);
        self.group_labels = marked(&self.group_labels, &[ALERT_NAME]);
        for alert in &mut self.alerts {
            alert.labels = marked(&alert.labels, &[ALERT_NAME]);
            alert.annotations = marked(&alert.annotations, &MARKED_ANNOTATIONS);
            let has_text = MARKED_ANNOTATIONS
                .iter()
                .any(|name| alert.annotations.get(name).is_some());
            if !has_text {
                let name = alert.labels.get(ALERT_NAME).unwrap_or(SIMULATED_MARK);
                let name = name.to_owned();
                let mut annotations = alert.annotations.to_builder();
                alert.annotations = annotations.set("summary", &name).build();
            }
        }
        self
    }
}

/// A row of a rehearsal as it stands in the timeline of real alerts.
#[must_use]
pub fn simulated_row(row: &TimelineRow) -> TimelineRow {
    let group = match row.group.as_str() {
        "" => String::new(),
        key => marked_key(key),
    };
    TimelineRow {
        labels: simulated_labels(&row.labels),
        group,
        ..row.clone()
    }
}

fn marked_key(key: &str) -> String {
    format!("{SIMULATED}/{key}")
}

fn marked(labels: &Labels, names: &[&str]) -> Labels {
    let mut builder = labels.to_builder();
    for name in names {
        if let Some(text) = labels.get(name) {
            builder.set(name, &format!("{SIMULATED_MARK}{text}"));
        }
    }
    builder.build()
}

impl Machine {
    /// A machine with the routes of this one, its silences, and its firing alerts as what inhibits.
    /// It holds no alerts and has told nobody anything. What happens to this one later it does not
    /// learn of; alerts that fire now inhibit for ever.
    #[must_use]
    pub fn rehearsal(&self, now_ms: i64) -> Self {
        let mut rehearsal = Self::new(Arc::clone(self.plan()), 1);
        let silences: Vec<_> = self
            .silences()
            .filter(|silence| silence.ends_ms > now_ms)
            .cloned()
            .collect();
        let firing = self.alerts().filter(|alert| !alert.is_resolved(now_ms));
        let mut inhibitor = Inhibitor::new(&self.plan().inhibit_rules);
        inhibitor.set_circumstances(self.circumstances().clone());
        for alert in firing {
            let mut alert = alert.clone();
            alert.ends_ms = None;
            inhibitor.note(&alert);
        }
        rehearsal.furnish(silences, inhibitor, now_ms);
        rehearsal
    }
}

#[cfg(test)]
mod tests {
    use bellwether_model::{Alert, Matcher};

    use super::*;
    use crate::{InhibitRule, Integration, Plan, Reason, RouteSettings, RouteTree, SilenceRequest};

    const MINUTE: i64 = 60_000;

    fn alert(pairs: &[(&str, &str)], starts_ms: i64) -> Alert {
        Alert {
            labels: Labels::from_pairs(pairs.iter().copied()),
            annotations: Labels::from_pairs([("summary", "slow"), ("runbook", "r")]),
            starts_ms,
            ends_ms: None,
            times_out: false,
            updated_ms: starts_ms,
            generator_url: String::new(),
        }
    }

    fn machine() -> Machine {
        let plan = Plan {
            routes: RouteTree::new(&RouteSettings {
                receiver: Some("team".to_owned()),
                ..RouteSettings::default()
            }),
            inhibit_rules: vec![InhibitRule {
                source_matchers: vec![Matcher::equal("alertname", "Node")],
                target_matchers: vec![Matcher::equal("alertname", "Disk")],
                ..InhibitRule::default()
            }],
            time_intervals: Default::default(),
            receivers: [(
                "team".to_owned(),
                vec![Integration {
                    kind: "webhook".to_owned(),
                    send_resolved: true,
                }],
            )]
            .into(),
        };
        Machine::new(Arc::new(plan), 1)
    }

    #[test]
    fn a_rehearsal_knows_what_is_real_and_changes_nothing_of_it() {
        let mut real = machine();
        real.receive([alert(&[("alertname", "Node")], 0)], 0);
        let silence = SilenceRequest {
            id: String::new(),
            matchers: vec![Matcher::equal("alertname", "Slow")],
            starts_ms: None,
            ends_ms: 90 * MINUTE,
            created_by: "ada".to_owned(),
            comment: "why".to_owned(),
        };
        real.set_silence(silence, "id".to_owned(), 0).unwrap();
        let mut rehearsal = real.rehearsal(MINUTE);
        let simulated: Vec<Alert> = ["Disk", "Slow", "Node"]
            .map(|name| alert(&[("alertname", name), (SIMULATED, "true")], MINUTE))
            .into();
        rehearsal.receive(simulated, MINUTE);
        assert_eq!(real.group_count(), 1);
        let deliveries = rehearsal.due(2 * MINUTE);
        let [delivery] = deliveries.as_slice() else {
            panic!("{deliveries:?}")
        };
        // Disk is inhibited by what is real, Slow is silenced.
        assert_eq!(delivery.alerts.len(), 1);
        assert_eq!(delivery.alerts[0].labels.get("alertname"), Some("Node"));
        assert_eq!(delivery.reason, Reason::First);
        let of_real = real.due(2 * MINUTE);
        assert_eq!(of_real[0].alerts.len(), 1);
        assert_eq!(of_real[0].alerts[0].labels.get(SIMULATED), None);
        let marked = delivery.clone().marked_as_simulated();
        assert_eq!(
            marked.group_key,
            format!("simulated/{}", of_real[0].group_key)
        );
        let alert = &marked.alerts[0];
        assert_eq!(alert.labels.get("alertname"), Some("[SIMULATED] Node"));
        assert_eq!(alert.annotations.get("summary"), Some("[SIMULATED] slow"));
        assert_eq!(alert.annotations.get("runbook"), Some("r"));
    }

    #[test]
    fn what_has_no_text_gets_one() {
        let mut real = machine().rehearsal(0);
        let mut bare = alert(&[("alertname", "Bare")], 0);
        bare.annotations = Labels::empty();
        real.receive([bare], 0);
        let delivery = real.due(MINUTE).remove(0).marked_as_simulated();
        let text = delivery.alerts[0].annotations.get("summary");
        assert_eq!(text, Some("[SIMULATED] Bare"));
    }
}
