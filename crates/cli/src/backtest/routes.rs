//! Which notifications the episodes of alerts would have been, by the machine that the server runs.
//!
//! ## Model
//! Begins and ends of firing are handed to a [`Machine`] at their times, in order; between them it is
//! woken when it wants to be. Receivers take every notification at once.
//!
//! ## Limits
//! What people did is not repeated: there are no silences and no acknowledgements.
//! [`NOTIFICATIONS_MAX`] notifications are told of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Result, bail};
use bellwether_model::{Alert, AlertFingerprint, Labels};
use bellwether_notify::external::dress_labels;
use bellwether_notify::{Delivery, Machine, Outcome, Plan, Reason};
use bellwether_rules::backtest::RuleHistory;
use bellwether_storage::{TimelineKind, TimelineRow};

use crate::routes_file::RoutesFile;

/// More are an error of the routes. Chosen: one each second for a fortnight.
const NOTIFICATIONS_MAX: usize = 1_000_000;

/// What would have been sent, and what not.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// In the order of time.
    pub(super) notifications: Vec<Notification>,
    /// In the order of their begin.
    pub(super) suppressions: Vec<Suppression>,
}

/// A notification that would have been sent.
#[derive(Debug, PartialEq)]
pub(super) struct Notification {
    pub(super) time_ms: i64,
    pub(super) receiver: String,
    /// Such as `webhook[0]`.
    pub(super) integration: String,
    pub(super) reason: Reason,
    pub(super) group_labels: Labels,
    pub(super) firing: usize,
    pub(super) resolved: usize,
    /// The rules whose alerts it holds: positions of their histories.
    pub(super) rules: BTreeSet<usize>,
}

/// A time in which an alert was kept from its receivers, or from one of them.
#[derive(Debug, PartialEq)]
pub(super) struct Suppression {
    pub(super) kind: TimelineKind,
    pub(super) labels: Labels,
    /// Why.
    pub(super) cause: String,
    /// Which receiver, where it is one of them.
    pub(super) receiver: String,
    pub(super) from_ms: i64,
    /// `None`: it still was at the end.
    pub(super) to_ms: Option<i64>,
}

/// An alert begins to fire or ends.
#[derive(Debug)]
struct Event {
    time_ms: i64,
    labels: Labels,
    starts_ms: i64,
    is_end: bool,
}

/// Replays what fired up to a time through the routes of a file.
///
/// # Errors
/// Where that gives more notifications than anybody can look at.
pub(super) fn replay(histories: &[RuleHistory], file: &RoutesFile, to_ms: i64) -> Result<Replay> {
    let mut rules: BTreeMap<AlertFingerprint, BTreeSet<usize>> = BTreeMap::new();
    let events = events(histories, file, &mut rules);
    let plan = Arc::new(file.notifications.plan.clone());
    let mut player = Player {
        machine: Machine::new(Arc::clone(&plan), 1),
        plan,
        rules,
        replay: Replay::default(),
        open: BTreeMap::new(),
        firing: BTreeMap::new(),
    };
    let mut events = events.into_iter().peekable();
    loop {
        let wake_ms = player.machine.wake_at();
        let event_ms = events.peek().map(|event| event.time_ms);
        match (wake_ms, event_ms) {
            // A turn of a group is not held up by the evaluation that begins at the same moment.
            (Some(wake_ms), _) if wake_ms <= event_ms.unwrap_or(to_ms).min(to_ms) => {
                player.turn(wake_ms)?;
            }
            (_, Some(event_ms)) if event_ms <= to_ms => {
                let mut now = Vec::new();
                while let Some(event) = events.next_if(|event| event.time_ms == event_ms) {
                    now.extend(player.alert(event));
                }
                player.machine.receive(now, event_ms);
                player.note_rows();
            }
            _ => return Ok(player.replay),
        }
    }
}

/// Begins and ends in the order of time; at one time, ends come first.
fn events(
    histories: &[RuleHistory],
    file: &RoutesFile,
    rules: &mut BTreeMap<AlertFingerprint, BTreeSet<usize>>,
) -> Vec<Event> {
    let mut events = Vec::new();
    for (index, history) in histories.iter().enumerate() {
        for episode in &history.episodes {
            let Some(starts_ms) = episode.fired_at_ms else {
                continue;
            };
            let dressed = dress_labels(&episode.labels, &file.external_labels, &file.relabel);
            let Some(labels) = dressed else {
                continue;
            };
            rules
                .entry(AlertFingerprint::of(&labels))
                .or_default()
                .insert(index);
            let event = |time_ms, is_end| Event {
                time_ms,
                labels: labels.clone(),
                starts_ms,
                is_end,
            };
            events.push(event(starts_ms, false));
            events.extend(episode.ended_at_ms.map(|ended_ms| event(ended_ms, true)));
        }
    }
    events.sort_by_key(|event| (event.time_ms, !event.is_end));
    events
}

#[derive(Debug)]
struct Player {
    machine: Machine,
    plan: Arc<Plan>,
    rules: BTreeMap<AlertFingerprint, BTreeSet<usize>>,
    replay: Replay,
    /// Suppressions that have not ended: their positions.
    open: BTreeMap<(&'static str, Labels, String), usize>,
    /// How many rules say that an alert fires: it ends when the last of them says so.
    firing: BTreeMap<AlertFingerprint, usize>,
}

impl Player {
    fn alert(&mut self, event: Event) -> Option<Alert> {
        let count = self
            .firing
            .entry(AlertFingerprint::of(&event.labels))
            .or_default();
        if event.is_end {
            *count = count.saturating_sub(1);
            if *count > 0 {
                return None;
            }
        } else {
            *count += 1;
        }
        Some(Alert {
            labels: event.labels,
            annotations: Labels::empty(),
            starts_ms: event.starts_ms,
            ends_ms: event.is_end.then_some(event.time_ms),
            times_out: false,
            updated_ms: event.time_ms,
            generator_url: String::new(),
        })
    }

    fn turn(&mut self, now_ms: i64) -> Result<()> {
        for delivery in self.machine.due(now_ms) {
            let outcome = Outcome::Delivered(String::new());
            self.machine.delivered(delivery.id, &outcome, now_ms);
            if self.replay.notifications.len() >= NOTIFICATIONS_MAX {
                bail!(
                    "the routes give more than {NOTIFICATIONS_MAX} notifications until {}: want \
                     longer intervals, or less of history",
                    crate::time_argument::time_text(now_ms)
                );
            }
            let notification = self.notification(&delivery);
            self.replay.notifications.push(notification);
        }
        self.note_rows();
        Ok(())
    }

    fn notification(&self, delivery: &Delivery) -> Notification {
        let alerts = delivery.alerts.iter();
        let firing = alerts.clone().filter(|alert| alert.ends_ms.is_none());
        let firing = firing.count();
        let rules = alerts.filter_map(|alert| self.rules.get(&alert.fingerprint()));
        Notification {
            time_ms: delivery.time_ms,
            receiver: delivery.receiver.clone(),
            integration: self
                .plan
                .integration_name(&delivery.receiver, delivery.integration),
            reason: delivery.reason,
            group_labels: delivery.group_labels.clone(),
            firing,
            resolved: delivery.alerts.len() - firing,
            rules: rules.flatten().copied().collect(),
        }
    }

    /// Takes out of the timeline what was inhibited and muted.
    fn note_rows(&mut self) {
        for row in self.machine.take_effects().rows {
            match row.kind {
                // One that fires again while it is inhibited has no row of its own.
                TimelineKind::Firing | TimelineKind::Inhibited => self.begin_inhibited(row),
                TimelineKind::Muted => {
                    let cause = row.cause.clone();
                    self.begin(TimelineKind::Muted, row, cause);
                }
                // What has ended is kept from nobody.
                TimelineKind::Uninhibited | TimelineKind::Resolved => {
                    self.end(TimelineKind::Inhibited, &row);
                }
                TimelineKind::Unmuted => self.end(TimelineKind::Muted, &row),
                _ => {}
            }
        }
    }

    fn begin_inhibited(&mut self, row: TimelineRow) {
        let by = self.machine.suppression(&row.labels, row.time_ms);
        let source = by.inhibited_by.first();
        if let Some(source) = source.and_then(|source| self.machine.alert(*source)) {
            let cause = format!("{} fires", source.labels);
            self.begin(TimelineKind::Inhibited, row, cause);
        }
    }

    fn begin(&mut self, kind: TimelineKind, row: TimelineRow, cause: String) {
        let key = (kind.as_str(), row.labels.clone(), row.receiver.clone());
        if self.open.contains_key(&key) {
            return;
        }
        self.open.insert(key, self.replay.suppressions.len());
        self.replay.suppressions.push(Suppression {
            kind,
            labels: row.labels,
            cause,
            receiver: row.receiver,
            from_ms: row.time_ms,
            to_ms: None,
        });
    }

    fn end(&mut self, kind: TimelineKind, row: &TimelineRow) {
        let key = (kind.as_str(), row.labels.clone(), row.receiver.clone());
        let found = self.open.remove(&key);
        let suppression = found.and_then(|at| self.replay.suppressions.get_mut(at));
        if let Some(suppression) = suppression {
            suppression.to_ms = Some(row.time_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use bellwether_rules::backtest::Episode;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn file(yaml: &str) -> RoutesFile {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("am.yml");
        std::fs::write(&path, yaml).unwrap();
        RoutesFile::read(&path).unwrap()
    }

    /// A rule whose alerts have a host and fire in these minutes.
    fn history(name: &str, times: &[(&str, i64, Option<i64>)]) -> RuleHistory {
        let episodes = times.iter().map(|(host, from, to)| Episode {
            labels: Labels::from_pairs([("alertname", name), ("host", host)]),
            active_at_ms: from * MINUTE,
            fired_at_ms: Some(from * MINUTE),
            ended_at_ms: to.map(|to| to * MINUTE),
            value: 1.0,
        });
        RuleHistory {
            file: "r.yml".into(),
            group: "g".to_owned(),
            rule: name.to_owned(),
            is_alert: true,
            turns: 0,
            failed_turns: 0,
            first_error: String::new(),
            sample_count: 0,
            episodes: episodes.collect(),
        }
    }

    fn told(replay: &Replay) -> Vec<String> {
        let line = |n: &Notification| {
            format!(
                "{} {} {}: {}+{}",
                n.time_ms / MINUTE,
                n.receiver,
                n.reason.as_str(),
                n.firing,
                n.resolved
            )
        };
        replay.notifications.iter().map(line).collect()
    }

    const ROUTES: &str = "
route:
  receiver: team
  group_wait: 1m
  group_interval: 5m
  repeat_interval: 1h
  group_by: [alertname]
  routes: [{matchers: [alertname=Night], mute_time_intervals: [early], receiver: night}]
receivers:
  - name: team
    webhook_configs: [{url: 'http://localhost:1/'}]
  - name: night
    webhook_configs: [{url: 'http://localhost:1/'}, {url: 'http://localhost:2/', send_resolved: false}]
inhibit_rules:
  - {source_matchers: [alertname=Node], target_matchers: [alertname=Disk], equal: [host]}
time_intervals:
  - {name: early, time_intervals: [{times: [{start_time: '00:00', end_time: '00:30'}]}]}
";

    #[test]
    fn notifications_are_those_of_the_routes() {
        let histories = [history(
            "Slow",
            &[("a", 10, Some(90)), ("b", 12, Some(20)), ("a", 200, None)],
        )];
        let replay = replay(&histories, &file(ROUTES), 210 * MINUTE).unwrap();
        assert_eq!(
            told(&replay),
            [
                "11 team first notification: 1+0",
                "16 team new alerts added: 2+0",
                "21 team some alerts resolved: 1+1",
                "86 team repeat interval elapsed: 1+0",
                "91 team all alerts resolved: 0+1",
                "201 team first notification: 1+0",
            ]
        );
        assert!(replay.suppressions.is_empty());
        let first = &replay.notifications[0];
        assert_eq!(first.integration, "webhook[0]");
        assert_eq!(first.rules, BTreeSet::from([0]));
        assert_eq!(first.group_labels.get("alertname"), Some("Slow"));
    }

    #[test]
    fn what_is_inhibited_and_muted_is_told_of() {
        let histories = [
            history("Node", &[("a", 5, Some(40))]),
            history(
                "Disk",
                &[("a", 6, Some(8)), ("a", 9, Some(60)), ("b", 6, None)],
            ),
            history("Night", &[("a", 10, Some(50))]),
        ];
        let replay = replay(&histories, &file(ROUTES), 70 * MINUTE).unwrap();
        let disk = |n: &&Notification| n.rules.contains(&1);
        let disk: Vec<i64> = replay
            .notifications
            .iter()
            .filter(disk)
            .map(|n| n.time_ms / MINUTE)
            .collect();
        // Of b first; of a when what inhibits it has ended, and when it has itself.
        assert_eq!(disk, [7, 42, 62]);
        let suppressions: Vec<String> = replay
            .suppressions
            .iter()
            .map(|s| {
                let (from, to) = (s.from_ms / MINUTE, s.to_ms.map(|ms| ms / MINUTE));
                format!("{} {from} {to:?} {}", s.kind.as_str(), s.cause)
            })
            .collect();
        let source = "{alertname=\"Node\", host=\"a\"} fires";
        assert_eq!(
            suppressions,
            [
                format!("inhibited 6 Some(8) {source}"),
                format!("inhibited 9 Some(42) {source}"),
                "muted 11 Some(31) time interval early".to_owned(),
            ]
        );
        let night: Vec<(i64, &str)> = replay
            .notifications
            .iter()
            .filter(|n| n.receiver == "night")
            .map(|n| (n.time_ms / MINUTE, n.integration.as_str()))
            .collect();
        assert_eq!(
            night,
            [(31, "webhook[0]"), (31, "webhook[1]"), (51, "webhook[0]")]
        );
    }

    #[test]
    fn an_alert_of_two_rules_ends_with_the_later() {
        let mut twice = history("Slow", &[("a", 10, Some(20))]);
        twice.episodes[0].active_at_ms = 0;
        let histories = [twice, history("Slow", &[("a", 10, Some(60))])];
        let replay = replay(&histories, &file(ROUTES), 70 * MINUTE).unwrap();
        assert_eq!(
            told(&replay),
            [
                "11 team first notification: 1+0",
                "61 team all alerts resolved: 0+1"
            ]
        );
        assert_eq!(replay.notifications[0].rules.len(), 2);
    }

    #[test]
    fn a_month_of_thousands_of_episodes_is_replayed() {
        let times: Vec<(String, i64, Option<i64>)> = (0..2_000_i64)
            .map(|at| (format!("h{}", at % 100), at * 20, Some(at * 20 + 45)))
            .collect();
        let times: Vec<_> = times.iter().map(|(h, f, t)| (h.as_str(), *f, *t)).collect();
        let replay = replay(&[history("Slow", &times)], &file(ROUTES), 43_200 * MINUTE).unwrap();
        assert!(replay.notifications.len() > 2_000);
    }
}
