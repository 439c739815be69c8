//! Numbers of alerts and notifications among the metrics of the server, under the names that an
//! Alertmanager has for them.

use std::collections::BTreeMap;

use bellwether_notify::{Runner, SilenceState};
use bellwether_telemetry::Registry;

/// Adds the numbers of a runner's machine.
pub(crate) fn register(registry: &Registry, runner: &Runner) {
    let runner = runner.clone();
    registry.add_collector(move |sink| {
        let (alerts, silences, groups, counts) = runner.look(|machine, now_ms| {
            let mut alerts = [0u64; 2];
            for alert in machine.alerts().filter(|alert| !alert.is_resolved(now_ms)) {
                let suppressed = machine.suppression(&alert.labels, now_ms);
                let held =
                    !suppressed.silenced_by.is_empty() || !suppressed.inhibited_by.is_empty();
                alerts[usize::from(held)] += 1;
            }
            let mut silences: BTreeMap<&'static str, u64> = [
                SilenceState::Active,
                SilenceState::Pending,
                SilenceState::Expired,
            ]
            .map(|state| (state.as_str(), 0))
            .into();
            for silence in machine.silences() {
                *silences.entry(silence.state(now_ms).as_str()).or_default() += 1;
            }
            (
                alerts,
                silences,
                machine.group_count(),
                machine.counts().clone(),
            )
        });
        for (state, count) in ["active", "suppressed"].into_iter().zip(alerts) {
            sink.gauge(
                "alertmanager_alerts",
                "Alerts that fire, by whether something holds their notifications back.",
                &[("state", state)],
                count as f64,
            );
        }
        for (state, count) in silences {
            sink.gauge(
                "alertmanager_silences",
                "Silences, by where they stand.",
                &[("state", state)],
                count as f64,
            );
        }
        sink.gauge(
            "alertmanager_dispatcher_aggregation_groups",
            "Groups of alerts.",
            &[],
            groups as f64,
        );
        for ((receiver, integration), counts) in counts {
            let labels = [
                ("receiver_name", receiver.as_str()),
                ("integration", integration.as_str()),
            ];
            sink.counter(
                "alertmanager_notifications_total",
                "Notifications that were begun.",
                &labels,
                counts.begun as f64,
            );
            sink.counter(
                "alertmanager_notifications_failed_total",
                "Notifications that were given up.",
                &labels,
                counts.given_up as f64,
            );
            sink.counter(
                "alertmanager_notification_requests_failed_total",
                "Attempts at notifications that failed.",
                &labels,
                counts.failed_attempts as f64,
            );
        }
    });
}
