//! The way of alerts through a machine, with times that are only thought.

use std::collections::{BTreeMap, BTreeSet};

use bellwether_model::{Alert, AlertFingerprint};
use bellwether_notify::receivers::Senders;
use bellwether_notify::{Machine, Outcome};
use bellwether_server::SimulationStep;

use super::step_of;
use super::steps::Budget;

/// Turns of groups, should they not end.
const TURNS_MAX: usize = 100_000;
/// What receivers answer.
pub(super) const NOT_SENT: &str = "simulated, not sent";

/// Something that becomes of an alert.
#[derive(Debug)]
pub(super) struct Event {
    time_ms: i64,
    kind: Happening,
    alert: Alert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Ends,
    Waits,
    Fires,
}

impl Event {
    /// What becomes of an alert from the time when its condition holds.
    pub(super) fn life(
        alert: &Alert,
        active_ms: i64,
        fires_ms: Option<i64>,
        ends_ms: Option<i64>,
    ) -> Vec<Self> {
        let event = |time_ms, kind| Self {
            time_ms,
            kind,
            alert: alert.clone(),
        };
        let mut events = Vec::new();
        if fires_ms != Some(active_ms) {
            events.push(event(active_ms, Happening::Waits));
        }
        if let Some(fires_ms) = fires_ms {
            events.push(event(fires_ms, Happening::Fires));
            if let Some(ends_ms) = ends_ms {
                events.push(event(ends_ms, Happening::Ends));
            }
        }
        for event in &mut events {
            event.alert.starts_ms = fires_ms.unwrap_or(active_ms);
            event.alert.updated_ms = event.time_ms;
            event.alert.ends_ms = (event.kind == Happening::Ends).then_some(event.time_ms);
        }
        events
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Projected {
    pub(super) steps: Vec<SimulationStep>,
    /// When somebody was first told of an alert, ms.
    pub(super) told: BTreeMap<AlertFingerprint, i64>,
}

/// Sends alerts through a machine up to a time, or to the end of all of them.
pub(super) fn project(
    machine: Machine,
    mut events: Vec<Event>,
    until_ms: Option<i64>,
    senders: &Senders,
) -> Projected {
    events.sort_by_key(|event| (event.time_ms, event.kind));
    let mut projector = Projector {
        machine,
        senders,
        projected: Projected::default(),
        budget: Budget::default(),
        groups: BTreeSet::new(),
    };
    let mut events = events.into_iter().peekable();
    let until_ms = until_ms.unwrap_or(i64::MAX);
    for _ in 0..TURNS_MAX {
        let event_ms = events.peek().map(|event| event.time_ms);
        let wake_ms = projector.machine.wake_at();
        match (wake_ms, event_ms) {
            (Some(wake_ms), Some(event_ms)) if wake_ms <= event_ms && wake_ms <= until_ms => {
                projector.turn(wake_ms);
            }
            (_, Some(event_ms)) if event_ms <= until_ms => {
                let mut now = Vec::new();
                while let Some(event) = events.next_if(|event| event.time_ms == event_ms) {
                    now.push(event);
                }
                projector.receive(now, event_ms);
            }
            // Without alerts the machine wakes for ends of silences only.
            (Some(wake_ms), _) if wake_ms <= until_ms && projector.machine.group_count() > 0 => {
                projector.turn(wake_ms);
            }
            _ => break,
        }
    }
    projector.projected
}

struct Projector<'a> {
    machine: Machine,
    senders: &'a Senders,
    projected: Projected,
    budget: Budget,
    /// Keys and receivers of groups that were told of.
    groups: BTreeSet<(String, String)>,
}

impl Projector<'_> {
    fn receive(&mut self, events: Vec<Event>, now_ms: i64) {
        let (waiting, rest): (Vec<Event>, Vec<Event>) = events
            .into_iter()
            .partition(|event| event.kind == Happening::Waits);
        for event in waiting {
            self.push(SimulationStep {
                time_ms: now_ms,
                kind: "pending",
                labels: event.alert.labels,
                text: "the rule waits".to_owned(),
                receiver: String::new(),
                texts: Vec::new(),
            });
        }
        let alerts: Vec<Alert> = rest.into_iter().map(|event| event.alert).collect();
        self.machine.receive(alerts, now_ms);
        self.take_rows(&[]);
        for step in grouped(&self.machine, &mut self.groups, now_ms) {
            self.push(step);
        }
    }

    fn turn(&mut self, now_ms: i64) {
        let deliveries = self.machine.due(now_ms);
        for delivery in deliveries {
            let (outcome, texts) = match self.senders.rehearse(&delivery) {
                Ok(texts) => {
                    for alert in &delivery.alerts {
                        let told = &mut self.projected.told;
                        told.entry(alert.fingerprint()).or_insert(now_ms);
                    }
                    (Outcome::Delivered(NOT_SENT.to_owned()), texts)
                }
                Err(error) => (Outcome::Failed(error.text), Vec::new()),
            };
            self.machine.delivered(delivery.id, &outcome, now_ms);
            self.take_rows(&texts);
        }
        self.take_rows(&[]);
        let keys: BTreeSet<(String, String)> = keys(&self.machine, now_ms);
        self.groups.retain(|group| keys.contains(group));
    }

    /// Makes steps of the rows so far; one for all alerts of a notification.
    fn take_rows(&mut self, texts: &[(String, String)]) {
        let mut last: Option<(String, String)> = None;
        for row in self.machine.take_effects().rows {
            let place = (row.receiver.clone(), row.group.clone());
            let is_notified = row.kind == bellwether_storage::TimelineKind::Notified;
            if is_notified && last.as_ref() == Some(&place) {
                continue;
            }
            last = is_notified.then_some(place);
            if let Some(step) = step_of(&row, || texts.to_vec()) {
                self.push(step);
            }
        }
    }

    fn push(&mut self, step: SimulationStep) {
        self.budget.push(&mut self.projected.steps, step);
    }
}

fn keys(machine: &Machine, now_ms: i64) -> BTreeSet<(String, String)> {
    let groups = machine.groups(now_ms).into_iter();
    groups.map(|group| (group.key, group.receiver)).collect()
}

/// A step for each group that was not there before.
pub(super) fn grouped(
    machine: &Machine,
    known: &mut BTreeSet<(String, String)>,
    now_ms: i64,
) -> Vec<SimulationStep> {
    let mut steps = Vec::new();
    for group in machine.groups(now_ms) {
        if !known.insert((group.key, group.receiver.clone())) {
            continue;
        }
        let wait_ms = group.due_ms.saturating_sub(now_ms).max(0);
        let wait = bellwether_model::time::DurationText(wait_ms);
        steps.push(SimulationStep {
            time_ms: now_ms,
            kind: "grouped",
            labels: group.labels,
            text: format!("the group has its turn in {wait}"),
            receiver: group.receiver,
            texts: Vec::new(),
        });
    }
    steps
}
