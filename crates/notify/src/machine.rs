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

mod bounds;
mod marks;
mod people;
mod replica;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bellwether_model::{Alert, AlertFingerprint, Labels};
use bellwether_storage::{StateChange, StateStore, StorageError, TimelineKind, TimelineRow};
use rustc_hash::{FxHashMap, FxHashSet};

pub use self::bounds::{ALERT_BYTES_MAX, ALERTS_BYTES_MAX, ALERTS_MAX, PAIRS_MAX, too_large};
use self::bounds::{Bounds, text_bytes};
pub(crate) use self::marks::{Held, Marks};
pub(crate) use self::replica::Intent;
use crate::acknowledge::Acknowledgement;
use crate::delivery::{Delivery, DeliveryId, Effects, Outcome};
use crate::group::{Group, GroupId};
use crate::inhibit::Inhibitor;
use crate::notification_log::{LogKey, NotificationLog, Notified, Reason, reason};
use crate::plan::{Integration, Plan};
use crate::record::Record;
use crate::route::Route;
use crate::silence::{Silence, Silences};

/// Areas of the state store.
const ALERTS: &str = "notify.alerts";
const SILENCES: &str = "notify.silences";
pub(crate) const LOG: &str = "notify.log";
const ACKNOWLEDGEMENTS: &str = "notify.acknowledgements";
const INTENTS: &str = "notify.intents";

/// A delivery may take so long even where its group's interval is shorter.
const DELIVERY_MS_MIN: i64 = 10_000;
/// Ended silences are kept so long, for people who ask what was silenced.
const SILENCE_RETENTION_MS: i64 = 120 * 3_600_000;
/// Between two looks for what is of no use any more.
const TIDY_MS: i64 = 15 * 60_000;

/// Why an alert is not notified now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Suppression {
    /// Ids of silences that cover it.
    pub silenced_by: Vec<String>,
    /// Alerts that inhibit it.
    pub inhibited_by: Vec<AlertFingerprint>,
    /// Names of the time intervals that mute its routes.
    pub muted_by: Vec<String>,
}

impl Suppression {
    /// Whether anything suppresses it.
    #[must_use]
    pub fn is_some(&self) -> bool {
        !(self.silenced_by.is_empty() && self.inhibited_by.is_empty() && self.muted_by.is_empty())
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
    /// Labels of its route.
    pub route_labels: Vec<(String, String)>,
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
    /// A delivery was left to another replica.
    withdrawn: bool,
    /// Alerts that had ended when it began, and their revisions.
    resolved: Vec<(AlertFingerprint, u64)>,
}

/// What is to be logged when a delivery has succeeded.
#[derive(Debug)]
struct Pending {
    flight: u64,
    key: LogKey,
    group_labels: Labels,
    /// Its times are set when the receiver has taken it.
    notified: Notified,
    repeat_ms: i64,
    alerts: Vec<Labels>,
    reason: Reason,
}

/// What became of the notifications of one integration, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NotificationCounts {
    /// Begun.
    pub begun: u64,
    /// Taken by the receiver.
    pub delivered: u64,
    /// Given up.
    pub given_up: u64,
    /// Attempts that failed, those included after which another followed.
    pub failed_attempts: u64,
}

/// Counts by receiver and integration.
pub type CountsByIntegration = BTreeMap<(String, String), NotificationCounts>;

/// See the module's page.
#[derive(Debug)]
pub struct Machine {
    plan: Arc<Plan>,
    /// The fencing token under which notifications are logged.
    token: u64,
    /// Whether what it notifies, and what people say, is shared with other replicas.
    shares: bool,
    /// Whether it notifies; otherwise another replica does.
    leads: bool,
    /// Notifications that other replicas, or we before a restart, may have sent: what they intended
    /// and did not tell the end of.
    intents: BTreeMap<LogKey, Intent>,
    alerts: BTreeMap<AlertFingerprint, Held>,
    /// Bytes of text of `alerts`.
    text_bytes: usize,
    bounds: Bounds,
    /// Alerts that are not kept as they are now.
    unkept: FxHashSet<AlertFingerprint>,
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
    /// When acknowledgements end.
    acknowledgement_ends: BTreeSet<(i64, AlertFingerprint)>,
    effects: Effects,
    counts: CountsByIntegration,
    next_id: u64,
    tidied_ms: i64,
}

impl Machine {
    /// A machine that knows nothing yet.
    #[must_use]
    pub fn new(plan: Arc<Plan>, token: u64) -> Self {
        Self {
            inhibitor: Inhibitor::new(&plan.inhibit_rules),
            plan,
            token,
            shares: false,
            leads: true,
            intents: BTreeMap::new(),
            alerts: BTreeMap::new(),
            text_bytes: 0,
            bounds: Bounds::default(),
            unkept: FxHashSet::default(),
            groups: BTreeMap::new(),
            by_labels: FxHashMap::default(),
            queue: BTreeSet::new(),
            flights: BTreeMap::new(),
            pending: BTreeMap::new(),
            in_flight: FxHashSet::default(),
            silences: Silences::default(),
            log: NotificationLog::default(),
            acknowledgements: BTreeMap::new(),
            acknowledgement_ends: BTreeSet::new(),
            effects: Effects::default(),
            counts: CountsByIntegration::new(),
            next_id: 1,
            tidied_ms: i64::MIN,
        }
    }

    /// A machine that knows what was kept. Gives also how many entries could not be read. Its token
    /// is `token` or the greatest that was kept: a server that is none of several replicas any more
    /// goes on after them.
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
                Ok(silence) => machine.silences.insert(silence, now_ms),
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
        for (key, bytes) in store.entries(INTENTS)? {
            match (LogKey::from_bytes(&key), Intent::from_bytes(&bytes)) {
                (Some(key), Ok(intent)) => {
                    machine.intents.insert(key, intent);
                }
                _ => unreadable += 1,
            }
        }
        for bytes in store.entries(ACKNOWLEDGEMENTS)?.into_values() {
            match Acknowledgement::from_bytes(&bytes) {
                Ok(ack) => machine.put_acknowledgement(ack),
                Err(_) => unreadable += 1,
            }
        }
        for bytes in store.entries(ALERTS)?.into_values() {
            match Held::from_bytes(&bytes) {
                Ok(held) => machine.take_back(held, now_ms),
                Err(_) => unreadable += 1,
            }
        }
        machine.token = token.max(machine.token_known());
        let restored: Vec<AlertFingerprint> = machine.alerts.keys().copied().collect();
        machine.refresh_all(restored, now_ms);
        Ok((machine, unreadable))
    }

    /// Takes an alert in that was kept. One that fired by the last word about it has not ended
    /// because we were away: its sender gets as long as it had then to say so again.
    fn take_back(&mut self, mut held: Held, now_ms: i64) {
        let alert = &mut held.alert;
        if let Some(ends_ms) = alert.ends_ms
            && ends_ms > alert.updated_ms
        {
            let valid_ms = ends_ms.saturating_sub(alert.updated_ms);
            let until_ms = now_ms.saturating_add(valid_ms);
            if until_ms > ends_ms {
                alert.ends_ms = Some(until_ms);
                alert.times_out = true;
            }
        }
        self.inhibitor.note(&held.alert);
        self.put_into_groups(&held.alert, now_ms);
        self.text_bytes += text_bytes(&held.alert);
        self.alerts.insert(held.alert.fingerprint(), held);
    }

    /// What has to be made durable since the last call.
    pub fn take_effects(&mut self) -> Effects {
        for fingerprint in std::mem::take(&mut self.unkept) {
            if let Some(held) = self.alerts.get(&fingerprint) {
                self.effects.changes.push((
                    ALERTS,
                    StateChange::Put {
                        key: fingerprint.0.to_be_bytes().to_vec(),
                        value: held.to_bytes(),
                    },
                ));
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// What became of notifications, since the start.
    #[must_use]
    pub fn counts(&self) -> &CountsByIntegration {
        &self.counts
    }

    /// How many groups there are.
    #[must_use]
    pub fn group_count(&self) -> usize {
        self.groups.len()
    }

    fn count(&mut self, key: &LogKey) -> &mut NotificationCounts {
        let place = (key.receiver.clone(), key.integration.clone());
        self.counts.entry(place).or_default()
    }

    /// Takes alerts in: new ones, changes of known ones, ends.
    pub fn receive(&mut self, alerts: impl IntoIterator<Item = Alert>, now_ms: i64) {
        let mut received = Vec::new();
        for alert in alerts {
            received.push(alert.fingerprint());
            self.take_in(alert, now_ms);
        }
        self.refresh_all(received, now_ms);
    }

    fn take_in(&mut self, news: Alert, now_ms: i64) {
        let fingerprint = news.fingerprint();
        let known = self.alerts.get(&fingerprint);
        let alert = match known {
            Some(known) => merged(&known.alert, news, now_ms),
            None => news,
        };
        let is_news = known.is_none_or(|known| differs(&known.alert, &alert, now_ms));
        let is_another = known.is_some_and(|known| {
            let ended = known.alert.ends_ms.filter(|ends_ms| *ends_ms <= now_ms);
            ended.is_some_and(|ends_ms| alert.starts_ms >= ends_ms)
        });
        if is_another {
            self.drop_acknowledgement(fingerprint, "the alert fires anew", now_ms);
        }
        if is_news {
            // That its sender has said the same again is not worth a write.
            self.unkept.insert(fingerprint);
        }
        self.inhibitor.note(&alert);
        self.put_into_groups(&alert, now_ms);
        self.text_bytes += text_bytes(&alert);
        match self.alerts.get_mut(&fingerprint) {
            Some(held) => {
                self.text_bytes -= text_bytes(&held.alert);
                held.alert = alert;
            }
            None => {
                self.alerts.insert(fingerprint, Held::new(alert));
            }
        }
    }

    fn put_into_groups(&mut self, alert: &Alert, now_ms: i64) {
        let plan = Arc::clone(&self.plan);
        for index in plan.routes.matching(&alert.labels) {
            if let Some(route) = plan.routes.get(index) {
                self.put_into_group(index, route, alert, now_ms);
            }
        }
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
        let acknowledgement = self.acknowledgement_ends.first().map(|(at, _)| *at);
        let silence = self.silences.next_change();
        [group, acknowledgement, silence]
            .into_iter()
            .flatten()
            .min()
    }

    /// What is to be sent now.
    pub fn due(&mut self, now_ms: i64) -> Vec<Delivery> {
        let changed = self.silences.advance(now_ms);
        self.refresh_covered(&changed, now_ms);
        self.end_acknowledgements(now_ms);
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
        let muted_by = plan.muted_by(route, now_ms);
        alerts.retain(|alert| {
            let fingerprint = alert.fingerprint();
            let suppressed = self.refresh(fingerprint, now_ms);
            self.mark_muted(fingerprint, &route.receiver, &group_key, &muted_by, now_ms);
            muted_by.is_empty() && !suppressed
        });
        let mut flight = Flight {
            group: id,
            waiting: 0,
            failed: false,
            withdrawn: false,
            resolved,
        };
        let flight_id = self.fresh_id();
        let integrations = plan.receivers.get(&route.receiver).map(Vec::as_slice);
        let integrations = integrations.filter(|_| !alerts.is_empty());
        for (position, integration) in integrations.unwrap_or_default().iter().enumerate() {
            let key = LogKey {
                group: group_key.clone(),
                receiver: route.receiver.clone(),
                integration: plan.integration_name(&route.receiver, position),
            };
            if self.in_flight.contains(&key) {
                // The same was under way when the configuration was read again.
                flight.failed = true;
                continue;
            }
            let Some(reason) = self.reason_for(&key, integration, route, &alerts, now_ms) else {
                continue;
            };
            if !self.leads {
                // Another replica tells it; what has ended stays until the log says that it did.
                flight.failed = true;
                continue;
            }
            let (firing, ended) = sides(&alerts);
            let notified = Notified {
                time_ms: now_ms,
                expires_ms: now_ms.saturating_add(route.repeat_interval_ms.saturating_mul(2)),
                token: self.token,
                firing,
                resolved: ended,
            };
            if self.is_fenced(&key, &group_labels, now_ms) {
                flight.failed = true;
                continue;
            }
            if !integration.send_resolved && notified.firing.is_empty() {
                // Nothing is sent, but the log must know that nothing fires any more.
                self.settle_intent(&key, now_ms);
                self.write_log(key, notified);
                continue;
            }
            let sent: Vec<Alert> = alerts
                .iter()
                .filter(|alert| integration.send_resolved || alert.ends_ms.is_none())
                .cloned()
                .collect();
            let delivery_id = DeliveryId(self.fresh_id());
            let pending = Pending {
                flight: flight_id,
                key: key.clone(),
                group_labels: group_labels.clone(),
                notified,
                repeat_ms: route.repeat_interval_ms,
                alerts: sent.iter().map(|alert| alert.labels.clone()).collect(),
                reason,
            };
            let cause = self.begin_delivery(&key, &pending.notified, reason);
            let row = pending.row(TimelineKind::Notifying, &cause, now_ms);
            self.effects.rows.push(row);
            self.count(&key).begun += 1;
            self.in_flight.insert(key);
            self.pending.insert(delivery_id, pending);
            deliveries.push(Delivery {
                id: delivery_id,
                group_key: group_key.clone(),
                group_labels: group_labels.clone(),
                route_labels: route.labels.clone(),
                receiver: route.receiver.clone(),
                integration: position,
                kind: integration.kind.clone(),
                alerts: sent,
                reason,
                time_ms: now_ms,
                deadline_ms: now_ms.saturating_add(route.group_interval_ms.max(DELIVERY_MS_MIN)),
                token: self.token,
            });
            flight.waiting += 1;
        }
        if flight.waiting == 0 {
            self.land(&flight, now_ms);
        } else {
            self.flights.insert(flight_id, flight);
        }
    }

    /// Whether another replica has taken over and told the receiver since: then we are not the one
    /// who tells it.
    fn is_fenced(&mut self, key: &LogKey, group_labels: &Labels, now_ms: i64) -> bool {
        let Some(known) = self.log.get(key).map(|known| known.token) else {
            return false;
        };
        if known <= self.token {
            return false;
        }
        let cause = format!(
            "not sent: the holder of lease token {known} notifies; ours is {}",
            self.token
        );
        self.effects.rows.push(TimelineRow {
            time_ms: now_ms,
            kind: TimelineKind::NotifyFailed,
            labels: group_labels.clone(),
            cause,
            receiver: key.receiver_text(),
            group: key.group.clone(),
            detail: String::new(),
        });
        true
    }

    fn reason_for(
        &mut self,
        key: &LogKey,
        integration: &Integration,
        route: &Route,
        alerts: &[Alert],
        now_ms: i64,
    ) -> Option<Reason> {
        let (firing, resolved) = sides(alerts);
        let known = self.log.get(key);
        let ask = |known: Option<&Notified>| {
            reason(
                known,
                &firing,
                &resolved,
                integration.send_resolved,
                route.repeat_interval_ms,
                now_ms,
            )
        };
        // What was begun and has no end may have been told, or not: both must be right afterwards.
        let begun = self.intents.get(key).map(|intent| &intent.notified);
        let reason = ask(known).or_else(|| begun.and_then(|begun| ask(Some(begun))))?;
        let acknowledged = |alert: &Alert| {
            alert.ends_ms.is_some()
                || self
                    .acknowledgements
                    .get(&alert.fingerprint())
                    .is_some_and(|ack| ack.holds(now_ms))
        };
        if reason != Reason::Repeat || !alerts.iter().all(acknowledged) {
            return Some(reason);
        }
        // What the receiver knows must not be forgotten while nobody repeats it.
        let repeat_ms = route.repeat_interval_ms;
        if let Some(known) = known
            && self.leads
            && known.expires_ms < now_ms.saturating_add(repeat_ms)
        {
            let mut known = known.clone();
            known.expires_ms = now_ms.saturating_add(repeat_ms.saturating_mul(2));
            self.write_log(key.clone(), known);
        }
        None
    }

    fn write_log(&mut self, key: LogKey, notified: Notified) {
        let change = StateChange::Put {
            key: key.to_bytes(),
            value: notified.to_bytes(),
        };
        let shared = notified.clone();
        if self.log.set(key.clone(), notified) {
            self.effects.changes.push((LOG, change));
            self.share_notified(&key, &shared);
        }
    }

    /// An attempt failed and another will follow.
    pub fn attempt_failed(&mut self, id: DeliveryId, error: &str, now_ms: i64) {
        if let Some(pending) = self.pending.get(&id) {
            let row = pending.row(TimelineKind::NotifyFailed, error, now_ms);
            let key = pending.key.clone();
            self.count(&key).failed_attempts += 1;
            self.effects.rows.push(row);
        }
    }

    /// Tells what became of a delivery. One that is not known is ignored.
    pub fn delivered(&mut self, id: DeliveryId, outcome: &Outcome, now_ms: i64) {
        let Some(mut pending) = self.pending.remove(&id) else {
            return;
        };
        self.in_flight.remove(&pending.key);
        self.end_delivery(&pending.key, pending.notified.token, now_ms);
        let counts = self.count(&pending.key);
        let failed = match outcome {
            Outcome::Delivered(answer) => {
                counts.delivered += 1;
                let cause = format!("{}; {answer}", pending.reason.as_str());
                let row = pending.row(TimelineKind::Notified, &cause, now_ms);
                for labels in &pending.alerts {
                    self.effects.rows.push(TimelineRow {
                        labels: labels.clone(),
                        ..row.clone()
                    });
                }
                let lasts_ms = pending.repeat_ms.saturating_mul(2);
                pending.notified.time_ms = now_ms;
                pending.notified.expires_ms = now_ms.saturating_add(lasts_ms);
                self.write_log(pending.key, pending.notified);
                false
            }
            Outcome::Failed(error) => {
                counts.given_up += 1;
                counts.failed_attempts += 1;
                let row = pending.row(TimelineKind::NotifyFailed, error, now_ms);
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
        group.withheld = flight.failed && !self.leads;
        if flight.withdrawn && self.leads {
            group.due_ms = now_ms;
        }
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
        let Some(held) = self.alerts.get(&fingerprint) else {
            return;
        };
        let (plan, labels) = (Arc::clone(&self.plan), held.alert.labels.clone());
        let in_a_group = plan.routes.matching(&labels).into_iter().any(|index| {
            plan.routes
                .get(index)
                .and_then(|route| self.by_labels.get(&(index, route.group_labels(&labels))))
                .and_then(|id| self.groups.get(id))
                .is_some_and(|group| group.holds(fingerprint))
        });
        if !held.alert.is_resolved(now_ms) || in_a_group {
            return;
        }
        self.refresh(fingerprint, now_ms);
        if let Some(held) = self.alerts.remove(&fingerprint) {
            self.text_bytes -= text_bytes(&held.alert);
        }
        self.unkept.remove(&fingerprint);
        self.inhibitor.forget(&labels);
        self.remove_state(ALERTS, fingerprint);
        if self.take_acknowledgement(fingerprint).is_some() {
            self.remove_state(ACKNOWLEDGEMENTS, fingerprint);
            self.share_unacknowledged(fingerprint, now_ms);
        }
    }

    fn remove_state(&mut self, area: &'static str, fingerprint: AlertFingerprint) {
        let key = fingerprint.0.to_be_bytes().to_vec();
        self.effects
            .changes
            .push((area, StateChange::Remove { key }));
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
        self.inhibitor.set_rules(&plan.inhibit_rules);
        for held in self.alerts.values() {
            self.inhibitor.note(&held.alert);
        }
        for alert in in_groups.into_values() {
            self.put_into_groups(&alert, now_ms);
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
        let all: Vec<AlertFingerprint> = self.alerts.keys().copied().collect();
        self.refresh_all(all, now_ms);
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
        self.forget_intents(now_ms);
        // Alerts that no route takes are in no group, and end nevertheless.
        let ended: Vec<AlertFingerprint> = self
            .alerts
            .iter()
            .filter(|(_, held)| held.alert.is_resolved(now_ms))
            .map(|(fingerprint, _)| *fingerprint)
            .collect();
        for fingerprint in ended {
            self.forget_ended(fingerprint, now_ms);
        }
    }
}

impl Pending {
    fn row(&self, kind: TimelineKind, cause: &str, now_ms: i64) -> TimelineRow {
        TimelineRow {
            time_ms: now_ms,
            kind,
            labels: self.group_labels.clone(),
            cause: cause.to_owned(),
            receiver: self.key.receiver_text(),
            group: self.key.group.clone(),
            detail: String::new(),
        }
    }
}

/// Whether there is more to know of an alert than that its sender is alive.
fn differs(known: &Alert, now: &Alert, now_ms: i64) -> bool {
    known.starts_ms != now.starts_ms
        || known.annotations != now.annotations
        || known.generator_url != now.generator_url
        || known.times_out != now.times_out
        || known.is_resolved(now_ms) != now.is_resolved(now_ms)
        || known.ends_ms.is_none() != now.ends_ms.is_none()
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
