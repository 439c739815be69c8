//! The machine that decides who is told of what, and when.
//!
//! ## Model
//! Alerts are *received*, find their routes, and wait there in groups. When a group is *due*, what is
//! inhibited, muted or silenced is left out, the notification log says whether the receiver knows
//! the rest already, and what it does not know becomes a [`Delivery`] for each integration of the
//! receiver. Whoever drives the machine carries it out and tells the [`Outcome`].
//!
//! ## Invariants
//! No I/O and no clock: times come in, and come out as [`Machine::wake_at`]. The same calls give the
//! same answers, which is what tests of routes, backtests and simulations rest on.
//! What must be kept comes out as [`Effects`], to be made durable before deliveries are carried out.
//! A resolved alert stays in its group until every integration has been told, or needs not be.
//!
//! ## Failure
//! A delivery that failed leaves its group as it is; the group is due again an interval later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bellwether_model::{Alert, AlertFingerprint, Labels};
use bellwether_storage::{StateChange, StateStore, StorageError, TimelineKind, TimelineRow};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::acknowledge::Acknowledgement;
use crate::group::{Group, GroupId, in_order};
use crate::inhibit::{InhibitRule, Inhibitor};
use crate::interval::TimeInterval;
use crate::notification_log::{LogKey, NotificationLog, Notified, Reason, reason};
use crate::record::Record;
use crate::route::{Route, RouteTree};
use crate::silence::{Silence, SilenceError, SilenceRequest, Silences};

/// Areas of the state store.
const ALERTS: &str = "notify.alerts";
const SILENCES: &str = "notify.silences";
const LOG: &str = "notify.log";
const ACKNOWLEDGEMENTS: &str = "notify.acknowledgements";

/// A delivery may take so long even where its group's interval is shorter.
const DELIVERY_MS_MIN: i64 = 10_000;
/// Ended silences are kept so long, for people who ask what was silenced.
const SILENCE_RETENTION_MS: i64 = 120 * 3_600_000;
/// Between two looks for what is of no use any more.
const TIDY_MS: i64 = 15 * 60_000;

/// How an integration of a receiver is to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Integration {
    /// What it is, such as `webhook`.
    pub kind: String,
    /// Whether it is told that alerts have ended.
    pub send_resolved: bool,
}

/// All that the configuration says.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Where alerts go.
    pub routes: RouteTree,
    /// Which alerts inhibit which.
    pub inhibit_rules: Vec<InhibitRule>,
    /// Named times; a name holds where one of its intervals does.
    pub time_intervals: BTreeMap<String, Vec<TimeInterval>>,
    /// Integrations by receiver.
    pub receivers: BTreeMap<String, Vec<Integration>>,
}

/// A delivery's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryId(pub u64);

/// A notification to be sent.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// What its outcome is told by.
    pub id: DeliveryId,
    /// What the receiver knows the group by.
    pub group_key: String,
    /// The labels that the group's alerts have in common by the route's wish.
    pub group_labels: Labels,
    /// Labels of the route for templates.
    pub route_labels: Vec<(String, String)>,
    /// The receiver.
    pub receiver: String,
    /// The integration's position in the receiver.
    pub integration: usize,
    /// The alerts, in order; those that fire have no end.
    pub alerts: Vec<Alert>,
    /// Why it is sent.
    pub reason: Reason,
    /// When it became due, ms.
    pub time_ms: i64,
    /// When trying has to stop, ms.
    pub deadline_ms: i64,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it; its answer, in short.
    Delivered(String),
    /// It was given up; the last error.
    Failed(String),
}

/// What must be made durable.
#[derive(Debug, Default)]
pub struct Effects {
    /// Changes of state, by area, in order.
    pub changes: Vec<(&'static str, StateChange)>,
    /// Rows of the timeline, in order.
    pub rows: Vec<TimelineRow>,
}

/// Why an alert is not notified now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suppression {
    /// Ids of silences that cover it.
    pub silenced_by: Vec<String>,
    /// Alerts that inhibit it.
    pub inhibited_by: Vec<AlertFingerprint>,
}

impl Suppression {
    /// Whether anything suppresses it.
    #[must_use]
    pub fn is_some(&self) -> bool {
        !(self.silenced_by.is_empty() && self.inhibited_by.is_empty())
    }
}

/// A group as people see it.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// Its labels.
    pub labels: Labels,
    /// What receivers know it by.
    pub key: String,
    /// Its receiver.
    pub receiver: String,
    /// Names of the time intervals that mute it now.
    pub muted_by: Vec<String>,
    /// Its alerts, in order.
    pub alerts: Vec<Alert>,
    /// When it is due, ms.
    pub due_ms: i64,
}

/// A flush whose deliveries are under way.
#[derive(Debug)]
struct Flight {
    group: GroupId,
    waiting: usize,
    failed: bool,
    /// Alerts that had ended when it began, and their revisions.
    resolved: Vec<(AlertFingerprint, u64)>,
}

/// What is to be logged when a delivery has succeeded.
#[derive(Debug)]
struct Pending {
    flight: u64,
    key: LogKey,
    group_labels: Labels,
    notified: Notified,
    alerts: Vec<Labels>,
    reason: Reason,
}

/// What was last written into the timeline of an alert.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Marks {
    silenced: bool,
    inhibited: bool,
    resolved: bool,
}

/// See the module's page.
#[derive(Debug)]
pub struct Machine {
    plan: Arc<Plan>,
    /// The fencing token under which notifications are logged.
    token: u64,
    alerts: BTreeMap<AlertFingerprint, Alert>,
    groups: BTreeMap<GroupId, Group>,
    by_labels: FxHashMap<(usize, Labels), GroupId>,
    queue: BTreeSet<(i64, GroupId)>,
    flights: BTreeMap<u64, Flight>,
    pending: BTreeMap<DeliveryId, Pending>,
    in_flight: FxHashSet<LogKey>,
    silences: Silences,
    inhibitor: Inhibitor,
    log: NotificationLog,
    acknowledgements: BTreeMap<AlertFingerprint, Acknowledgement>,
    marks: FxHashMap<AlertFingerprint, Marks>,
    effects: Effects,
    next_id: u64,
    tidied_ms: i64,
    /// When a silence begins or ends next.
    silence_change_ms: Option<i64>,
}

impl Machine {
    /// A machine that knows nothing yet.
    #[must_use]
    pub fn new(plan: Arc<Plan>, token: u64) -> Self {
        Self {
            inhibitor: Inhibitor::new(&plan.inhibit_rules),
            plan,
            token,
            alerts: BTreeMap::new(),
            groups: BTreeMap::new(),
            by_labels: FxHashMap::default(),
            queue: BTreeSet::new(),
            flights: BTreeMap::new(),
            pending: BTreeMap::new(),
            in_flight: FxHashSet::default(),
            silences: Silences::default(),
            log: NotificationLog::default(),
            acknowledgements: BTreeMap::new(),
            marks: FxHashMap::default(),
            effects: Effects::default(),
            next_id: 1,
            tidied_ms: i64::MIN,
            silence_change_ms: None,
        }
    }

    /// A machine that knows what was kept. Gives also how many entries could not be read.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn restore(
        plan: Arc<Plan>,
        token: u64,
        store: &dyn StateStore,
        now_ms: i64,
    ) -> Result<(Self, usize), StorageError> {
        let mut machine = Self::new(plan, token);
        let mut unreadable = 0;
        for bytes in store.entries(SILENCES)?.into_values() {
            match Silence::from_bytes(&bytes) {
                Ok(silence) => machine.silences.insert(silence),
                Err(_) => unreadable += 1,
            }
        }
        for (key, bytes) in store.entries(LOG)? {
            match (LogKey::from_bytes(&key), Notified::from_bytes(&bytes)) {
                (Some(key), Ok(notified)) => {
                    machine.log.set(key, notified);
                }
                _ => unreadable += 1,
            }
        }
        for bytes in store.entries(ACKNOWLEDGEMENTS)?.into_values() {
            match Acknowledgement::from_bytes(&bytes) {
                Ok(ack) => {
                    let fingerprint = AlertFingerprint::of(&ack.labels);
                    machine.acknowledgements.insert(fingerprint, ack);
                }
                Err(_) => unreadable += 1,
            }
        }
        let mut alerts = Vec::new();
        for bytes in store.entries(ALERTS)?.into_values() {
            match Alert::from_bytes(&bytes) {
                Ok(alert) => alerts.push(alert),
                Err(_) => unreadable += 1,
            }
        }
        for alert in alerts {
            let mark = Marks {
                silenced: !machine.silences.covering(&alert.labels, now_ms).is_empty(),
                ..Marks::default()
            };
            machine.marks.insert(alert.fingerprint(), mark);
            machine.take_in(alert, now_ms);
        }
        machine.silence_change_ms = machine.silences.next_change(now_ms);
        // What is known already is no news, and need not be written again.
        machine.effects = Effects::default();
        Ok((machine, unreadable))
    }

    /// What has to be made durable since the last call.
    pub fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    /// The token under which notifications are logged from now on.
    pub fn set_token(&mut self, token: u64) {
        self.token = token;
    }

    /// Takes alerts in: new ones, changes of known ones, ends.
    pub fn receive(&mut self, alerts: impl IntoIterator<Item = Alert>, now_ms: i64) {
        let mut received = Vec::new();
        for alert in alerts {
            received.push(alert.fingerprint());
            self.take_in(alert, now_ms);
        }
        for fingerprint in received {
            self.mark(fingerprint, now_ms);
        }
    }

    fn take_in(&mut self, alert: Alert, now_ms: i64) {
        let fingerprint = alert.fingerprint();
        let alert = match self.alerts.get(&fingerprint) {
            Some(known) => merged(known, alert, now_ms),
            None => alert,
        };
        self.inhibitor.note(&alert);
        self.effects.changes.push((
            ALERTS,
            StateChange::Put {
                key: fingerprint.0.to_be_bytes().to_vec(),
                value: alert.to_bytes(),
            },
        ));
        let plan = Arc::clone(&self.plan);
        for index in plan.routes.matching(&alert.labels) {
            if let Some(route) = plan.routes.get(index) {
                self.put_into_group(index, route, &alert, now_ms);
            }
        }
        self.alerts.insert(fingerprint, alert);
    }

    fn put_into_group(&mut self, index: usize, route: &Route, alert: &Alert, now_ms: i64) {
        let labels = route.group_labels(&alert.labels);
        let id = match self.by_labels.get(&(index, labels.clone())) {
            Some(id) => *id,
            None => {
                let id = GroupId(self.fresh_id());
                // One that has waited elsewhere, as before a restart, waits no more.
                let is_old = alert.starts_ms.saturating_add(route.group_wait_ms) < now_ms;
                let wait_ms = if is_old { 0 } else { route.group_wait_ms };
                let group = Group::new(index, labels.clone(), now_ms.saturating_add(wait_ms));
                self.queue.insert((group.due_ms, id));
                self.by_labels.insert((index, labels), id);
                self.groups.insert(id, group);
                id
            }
        };
        if let Some(group) = self.groups.get_mut(&id) {
            group.put(alert.clone());
        }
    }

    fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// When [`Machine::due`] has to be called next, ms; `None`: not before something is received.
    #[must_use]
    pub fn wake_at(&self) -> Option<i64> {
        let group = self.queue.first().map(|(due_ms, _)| *due_ms);
        match (group, self.silence_change_ms) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// What is to be sent now.
    pub fn due(&mut self, now_ms: i64) -> Vec<Delivery> {
        if self.silence_change_ms.is_some_and(|at| at <= now_ms) {
            self.silence_change_ms = self.silences.next_change(now_ms);
            self.mark_all(now_ms);
        }
        let mut deliveries = Vec::new();
        while let Some(&(due_ms, id)) = self.queue.first() {
            if due_ms > now_ms {
                break;
            }
            self.queue.pop_first();
            self.flush(id, now_ms, &mut deliveries);
        }
        if now_ms >= self.tidied_ms.saturating_add(TIDY_MS) {
            self.tidied_ms = now_ms;
            self.tidy(now_ms);
        }
        deliveries
    }

    fn flush(&mut self, id: GroupId, now_ms: i64, deliveries: &mut Vec<Delivery>) {
        let plan = Arc::clone(&self.plan);
        let Some(group) = self.groups.get_mut(&id) else {
            return;
        };
        let Some(route) = plan.routes.get(group.route) else {
            return;
        };
        group.due_ms = now_ms.saturating_add(route.group_interval_ms.max(1));
        let group_labels = group.labels.clone();
        let (mut alerts, resolved) = group.snapshot(now_ms);
        let group_key = route.group_key(&group_labels);
        for (fingerprint, _) in &resolved {
            self.mark(*fingerprint, now_ms);
        }
        let muted = !muted_by(&plan, route, now_ms).is_empty();
        alerts.retain(|alert| {
            !muted
                && self.inhibitor.inhibited_by(&alert.labels, now_ms).is_none()
                && self.silences.covering(&alert.labels, now_ms).is_empty()
        });
        let mut flight = Flight {
            group: id,
            waiting: 0,
            failed: false,
            resolved,
        };
        let flight_id = self.fresh_id();
        if !alerts.is_empty() {
            let integrations = plan.receivers.get(&route.receiver);
            for (position, integration) in integrations.into_iter().flatten().enumerate() {
                let key = LogKey {
                    group: group_key.clone(),
                    receiver: route.receiver.clone(),
                    integration: position,
                };
                if self.in_flight.contains(&key) {
                    // The same was under way when the configuration was read again.
                    flight.failed = true;
                    continue;
                }
                let Some(reason) = self.reason_for(&key, integration, route, &alerts, now_ms)
                else {
                    continue;
                };
                let (firing, ended) = sides(&alerts);
                let notified = Notified {
                    time_ms: now_ms,
                    expires_ms: now_ms.saturating_add(route.repeat_interval_ms.saturating_mul(2)),
                    token: self.token,
                    firing,
                    resolved: ended,
                };
                if !integration.send_resolved && notified.firing.is_empty() {
                    // Nothing is sent, but the log must know that nothing fires any more.
                    self.write_log(key, notified);
                    continue;
                }
                let sent: Vec<Alert> = alerts
                    .iter()
                    .filter(|alert| integration.send_resolved || alert.ends_ms.is_none())
                    .cloned()
                    .collect();
                let delivery_id = DeliveryId(self.fresh_id());
                self.effects.rows.push(TimelineRow {
                    time_ms: now_ms,
                    kind: TimelineKind::Notifying,
                    labels: group_labels.clone(),
                    cause: reason.as_str().to_owned(),
                    receiver: format!("{}/{}[{position}]", route.receiver, integration.kind),
                    group: group_key.clone(),
                    detail: String::new(),
                });
                self.in_flight.insert(key.clone());
                self.pending.insert(
                    delivery_id,
                    Pending {
                        flight: flight_id,
                        key,
                        group_labels: group_labels.clone(),
                        notified,
                        alerts: sent.iter().map(|alert| alert.labels.clone()).collect(),
                        reason,
                    },
                );
                deliveries.push(Delivery {
                    id: delivery_id,
                    group_key: group_key.clone(),
                    group_labels: group_labels.clone(),
                    route_labels: route.labels.clone(),
                    receiver: route.receiver.clone(),
                    integration: position,
                    alerts: sent,
                    reason,
                    time_ms: now_ms,
                    deadline_ms: now_ms
                        .saturating_add(route.group_interval_ms.max(DELIVERY_MS_MIN)),
                });
                flight.waiting += 1;
            }
        }
        if flight.waiting == 0 {
            self.land(&flight, now_ms);
        } else {
            self.flights.insert(flight_id, flight);
        }
    }

    fn reason_for(
        &self,
        key: &LogKey,
        integration: &Integration,
        route: &Route,
        alerts: &[Alert],
        now_ms: i64,
    ) -> Option<Reason> {
        let (firing, resolved) = sides(alerts);
        let reason = reason(
            self.log.get(key),
            &firing,
            &resolved,
            integration.send_resolved,
            route.repeat_interval_ms,
            now_ms,
        )?;
        let acknowledged = |alert: &Alert| {
            alert.ends_ms.is_some()
                || self
                    .acknowledgements
                    .get(&alert.fingerprint())
                    .is_some_and(|ack| ack.holds(now_ms))
        };
        (reason != Reason::Repeat || !alerts.iter().all(acknowledged)).then_some(reason)
    }

    fn write_log(&mut self, key: LogKey, notified: Notified) {
        let change = StateChange::Put {
            key: key.to_bytes(),
            value: notified.to_bytes(),
        };
        if self.log.set(key, notified) {
            self.effects.changes.push((LOG, change));
        }
    }

    /// An attempt failed and another will follow.
    pub fn attempt_failed(&mut self, id: DeliveryId, error: &str, now_ms: i64) {
        if let Some(pending) = self.pending.get(&id) {
            let row = self.row_of(pending, TimelineKind::NotifyFailed, error, now_ms);
            self.effects.rows.push(row);
        }
    }

    fn row_of(
        &self,
        pending: &Pending,
        kind: TimelineKind,
        cause: &str,
        now_ms: i64,
    ) -> TimelineRow {
        let LogKey {
            group,
            receiver,
            integration,
        } = &pending.key;
        let integrations = self.plan.receivers.get(receiver);
        let what = integrations
            .and_then(|list| list.get(*integration))
            .map_or("gone", |integration| integration.kind.as_str());
        TimelineRow {
            time_ms: now_ms,
            kind,
            labels: pending.group_labels.clone(),
            cause: cause.to_owned(),
            receiver: format!("{receiver}/{what}[{integration}]"),
            group: group.clone(),
            detail: String::new(),
        }
    }

    /// Tells what became of a delivery. One that is not known is ignored.
    pub fn delivered(&mut self, id: DeliveryId, outcome: &Outcome, now_ms: i64) {
        let Some(pending) = self.pending.remove(&id) else {
            return;
        };
        self.in_flight.remove(&pending.key);
        let failed = match outcome {
            Outcome::Delivered(answer) => {
                let cause = format!("{}; {answer}", pending.reason.as_str());
                let row = self.row_of(&pending, TimelineKind::Notified, &cause, now_ms);
                for labels in &pending.alerts {
                    self.effects.rows.push(TimelineRow {
                        labels: labels.clone(),
                        ..row.clone()
                    });
                }
                self.write_log(pending.key, pending.notified);
                false
            }
            Outcome::Failed(error) => {
                let row = self.row_of(&pending, TimelineKind::NotifyFailed, error, now_ms);
                self.effects.rows.push(row);
                true
            }
        };
        let Some(flight) = self.flights.get_mut(&pending.flight) else {
            return;
        };
        flight.waiting -= 1;
        flight.failed |= failed;
        if flight.waiting == 0
            && let Some(flight) = self.flights.remove(&pending.flight)
        {
            self.land(&flight, now_ms);
        }
    }

    /// A flush is over: what has ended and was told leaves, and the group waits for its next turn.
    fn land(&mut self, flight: &Flight, now_ms: i64) {
        let Some(group) = self.groups.get_mut(&flight.group) else {
            return;
        };
        let mut left = Vec::new();
        if !flight.failed {
            for &(fingerprint, revision) in &flight.resolved {
                if group.remove_unchanged(fingerprint, revision) {
                    left.push(fingerprint);
                }
            }
        }
        if group.is_empty() {
            let (route, labels) = (group.route, group.labels.clone());
            self.groups.remove(&flight.group);
            self.by_labels.remove(&(route, labels));
        } else {
            self.queue.insert((group.due_ms.max(now_ms), flight.group));
        }
        for fingerprint in left {
            self.forget_ended(fingerprint, now_ms);
        }
    }

    /// Forgets an alert that has ended and is in no group any more.
    fn forget_ended(&mut self, fingerprint: AlertFingerprint, now_ms: i64) {
        let Some(alert) = self.alerts.get(&fingerprint) else {
            return;
        };
        let in_a_group = self
            .plan
            .routes
            .matching(&alert.labels)
            .into_iter()
            .any(|index| {
                let labels = self
                    .plan
                    .routes
                    .get(index)
                    .map(|r| r.group_labels(&alert.labels));
                labels
                    .and_then(|labels| self.by_labels.get(&(index, labels)))
                    .and_then(|id| self.groups.get(id))
                    .is_some_and(|group| group.holds(fingerprint))
            });
        if !alert.is_resolved(now_ms) || in_a_group {
            return;
        }
        let labels = alert.labels.clone();
        self.mark(fingerprint, now_ms);
        self.alerts.remove(&fingerprint);
        self.marks.remove(&fingerprint);
        self.inhibitor.forget(&labels);
        self.remove_state(ALERTS, fingerprint);
        if self.acknowledgements.remove(&fingerprint).is_some() {
            self.remove_state(ACKNOWLEDGEMENTS, fingerprint);
        }
    }

    fn remove_state(&mut self, area: &'static str, fingerprint: AlertFingerprint) {
        let key = fingerprint.0.to_be_bytes().to_vec();
        self.effects
            .changes
            .push((area, StateChange::Remove { key }));
    }

    fn tidy(&mut self, now_ms: i64) {
        for id in self
            .silences
            .forget_ended(now_ms.saturating_sub(SILENCE_RETENTION_MS))
        {
            let key = id.into_bytes();
            self.effects
                .changes
                .push((SILENCES, StateChange::Remove { key }));
        }
        for key in self.log.forget_expired(now_ms) {
            let key = key.to_bytes();
            self.effects
                .changes
                .push((LOG, StateChange::Remove { key }));
        }
        // Alerts that no route takes are in no group, and end nevertheless.
        let ended: Vec<AlertFingerprint> = self
            .alerts
            .iter()
            .filter(|(_, alert)| alert.is_resolved(now_ms))
            .map(|(fingerprint, _)| *fingerprint)
            .collect();
        for fingerprint in ended {
            self.forget_ended(fingerprint, now_ms);
        }
    }
}

/// Silences, acknowledgements, and what people want to see.
impl Machine {
    /// Makes or changes a silence. Gives its id, which is `fresh_id` where it is a new one.
    ///
    /// # Errors
    /// Where it makes no sense, or is to change one that is not known.
    pub fn set_silence(
        &mut self,
        request: SilenceRequest,
        fresh_id: String,
        now_ms: i64,
    ) -> Result<String, SilenceError> {
        let changed = self.silences.set(request, fresh_id, now_ms)?;
        let id = changed.last().map_or_else(String::new, |s| s.id.clone());
        self.write_silences(changed, now_ms);
        Ok(id)
    }

    /// Ends a silence now; one that has ended is fine.
    ///
    /// # Errors
    /// Where it is not known.
    pub fn expire_silence(&mut self, id: &str, now_ms: i64) -> Result<(), SilenceError> {
        let changed = self.silences.expire(id, now_ms)?;
        self.write_silences(changed, now_ms);
        Ok(())
    }

    fn write_silences(&mut self, changed: impl IntoIterator<Item = Silence>, now_ms: i64) {
        for silence in changed {
            self.effects.changes.push((
                SILENCES,
                StateChange::Put {
                    key: silence.id.clone().into_bytes(),
                    value: silence.to_bytes(),
                },
            ));
        }
        self.silence_change_ms = self.silences.next_change(now_ms);
        self.mark_all(now_ms);
    }

    /// A silence by its id.
    #[must_use]
    pub fn silence(&self, id: &str) -> Option<&Silence> {
        self.silences.get(id)
    }

    /// All silences, by id.
    pub fn silences(&self) -> impl Iterator<Item = &Silence> {
        self.silences.iter()
    }

    /// Acknowledges an alert. Says whether it is known.
    pub fn acknowledge(&mut self, ack: Acknowledgement) -> bool {
        let fingerprint = AlertFingerprint::of(&ack.labels);
        if !self.alerts.contains_key(&fingerprint) {
            return false;
        }
        self.effects.changes.push((
            ACKNOWLEDGEMENTS,
            StateChange::Put {
                key: fingerprint.0.to_be_bytes().to_vec(),
                value: ack.to_bytes(),
            },
        ));
        let cause = match ack.comment.as_str() {
            "" => format!("by {}", ack.by),
            comment => format!("by {}: {comment}", ack.by),
        };
        self.note(&ack.labels, TimelineKind::Acknowledged, cause, ack.time_ms);
        self.acknowledgements.insert(fingerprint, ack);
        true
    }

    /// Takes an acknowledgement back. Says whether there was one.
    pub fn unacknowledge(&mut self, fingerprint: AlertFingerprint, by: &str, now_ms: i64) -> bool {
        let Some(ack) = self.acknowledgements.remove(&fingerprint) else {
            return false;
        };
        self.remove_state(ACKNOWLEDGEMENTS, fingerprint);
        let cause = format!("by {by}");
        self.note(&ack.labels, TimelineKind::Unacknowledged, cause, now_ms);
        true
    }

    /// The acknowledgement of an alert, if it holds.
    #[must_use]
    pub fn acknowledgement(
        &self,
        fingerprint: AlertFingerprint,
        now_ms: i64,
    ) -> Option<&Acknowledgement> {
        self.acknowledgements
            .get(&fingerprint)
            .filter(|ack| ack.holds(now_ms))
    }

    /// All alerts that are known, ended ones included until they are forgotten.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alerts.values()
    }

    /// An alert by its fingerprint.
    #[must_use]
    pub fn alert(&self, fingerprint: AlertFingerprint) -> Option<&Alert> {
        self.alerts.get(&fingerprint)
    }

    /// Receivers of an alert with these labels, sorted, none twice.
    #[must_use]
    pub fn receivers_of(&self, labels: &Labels) -> Vec<&str> {
        let routes = self.plan.routes.matching(labels);
        let names: BTreeSet<&str> = routes
            .into_iter()
            .filter_map(|index| self.plan.routes.get(index))
            .map(|route| route.receiver.as_str())
            .collect();
        names.into_iter().collect()
    }

    /// What suppresses an alert with these labels now.
    #[must_use]
    pub fn suppression(&self, labels: &Labels, now_ms: i64) -> Suppression {
        let silences = self.silences.covering(labels, now_ms);
        Suppression {
            silenced_by: silences.into_iter().map(|s| s.id.clone()).collect(),
            inhibited_by: self
                .inhibitor
                .inhibited_by(labels, now_ms)
                .map(|(fingerprint, _)| fingerprint)
                .into_iter()
                .collect(),
        }
    }

    /// All groups, by their labels and receivers.
    #[must_use]
    pub fn groups(&self, now_ms: i64) -> Vec<GroupView> {
        let mut views: Vec<GroupView> = self
            .groups
            .values()
            .filter_map(|group| {
                let route = self.plan.routes.get(group.route)?;
                Some(GroupView {
                    labels: group.labels.clone(),
                    key: route.group_key(&group.labels),
                    receiver: route.receiver.clone(),
                    muted_by: muted_by(&self.plan, route, now_ms),
                    alerts: in_order(group.alerts().cloned().collect()),
                    due_ms: group.due_ms,
                })
            })
            .collect();
        views.sort_by(|a, b| (&a.labels, &a.receiver).cmp(&(&b.labels, &b.receiver)));
        views
    }

    /// What the configuration says.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Goes on with another configuration. Groups are made anew; one that is the same as before
    /// keeps its turn. What is under way stays so.
    pub fn set_plan(&mut self, plan: Arc<Plan>, now_ms: i64) {
        let old = std::mem::replace(&mut self.plan, Arc::clone(&plan));
        let turns: FxHashMap<(String, Labels), i64> = self
            .groups
            .values()
            .filter_map(|group| {
                let route = old.routes.get(group.route)?;
                Some(((route.id.clone(), group.labels.clone()), group.due_ms))
            })
            .collect();
        let mut in_groups: BTreeMap<AlertFingerprint, Alert> = BTreeMap::new();
        for group in self.groups.values() {
            in_groups.extend(
                group
                    .alerts()
                    .map(|alert| (alert.fingerprint(), alert.clone())),
            );
        }
        self.groups.clear();
        self.by_labels.clear();
        self.queue.clear();
        self.flights.clear();
        self.inhibitor = Inhibitor::new(&plan.inhibit_rules);
        for alert in self.alerts.values() {
            self.inhibitor.note(alert);
        }
        for alert in in_groups.into_values() {
            for index in plan.routes.matching(&alert.labels) {
                if let Some(route) = plan.routes.get(index) {
                    self.put_into_group(index, route, &alert, now_ms);
                }
            }
        }
        self.queue.clear();
        for (id, group) in &mut self.groups {
            if let Some(route) = plan.routes.get(group.route)
                && let Some(turn) = turns.get(&(route.id.clone(), group.labels.clone()))
            {
                group.due_ms = *turn;
            }
            self.queue.insert((group.due_ms, *id));
        }
        self.mark_all(now_ms);
    }

    fn mark_all(&mut self, now_ms: i64) {
        let all: Vec<AlertFingerprint> = self.alerts.keys().copied().collect();
        for fingerprint in all {
            self.mark(fingerprint, now_ms);
        }
    }

    /// Writes into the timeline what is different about an alert now.
    fn mark(&mut self, fingerprint: AlertFingerprint, now_ms: i64) {
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

    fn note(&mut self, labels: &Labels, kind: TimelineKind, cause: String, time_ms: i64) {
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

/// Fingerprints of the alerts that fire and of those that have ended.
fn sides(alerts: &[Alert]) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let (mut firing, mut resolved) = (BTreeSet::new(), BTreeSet::new());
    for alert in alerts {
        let side = if alert.ends_ms.is_none() {
            &mut firing
        } else {
            &mut resolved
        };
        side.insert(alert.fingerprint().0);
    }
    (firing, resolved)
}

/// Names of the time intervals that keep a route from sending now.
fn muted_by(plan: &Plan, route: &Route, now_ms: i64) -> Vec<String> {
    let holds = |name: &String| {
        let intervals = plan.time_intervals.get(name);
        intervals.is_some_and(|list| list.iter().any(|interval| interval.contains(now_ms)))
    };
    let active = &route.active_time_intervals;
    if !active.is_empty() && !active.iter().any(holds) {
        return active.clone();
    }
    route
        .mute_time_intervals
        .iter()
        .filter(|name| holds(name))
        .cloned()
        .collect()
}

/// What is known of an alert after news of it. Where the two overlap in time they are one: it began
/// with the earlier, and the later word about its end counts, unless that is only a time-out.
fn merged(known: &Alert, news: Alert, now_ms: i64) -> Alert {
    let ends = |alert: &Alert| alert.ends_ms.unwrap_or(i64::MAX);
    let inside = |time_ms: i64| known.starts_ms < time_ms && time_ms < ends(known);
    if !(inside(ends(&news)) || inside(news.starts_ms)) {
        return news;
    }
    let (older, mut younger) = if news.updated_ms < known.updated_ms {
        (news, known.clone())
    } else {
        (known.clone(), news)
    };
    younger.starts_ms = younger.starts_ms.min(older.starts_ms);
    let older_counts = if younger.is_resolved(now_ms) {
        older.is_resolved(now_ms)
    } else {
        !older.times_out
    };
    if older_counts && ends(&older) > ends(&younger) {
        younger.ends_ms = older.ends_ms;
        younger.times_out = older.times_out;
    }
    younger
}

#[cfg(test)]
mod tests;
