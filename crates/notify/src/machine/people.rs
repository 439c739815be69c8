//! What people do and want to see: silences, acknowledgements, alerts and groups as they are.

use std::collections::BTreeSet;
use std::sync::Arc;

use bellwether_model::{Alert, AlertFingerprint, Labels};
use bellwether_storage::{StateChange, TimelineKind};

use super::{ACKNOWLEDGEMENTS, GroupView, Machine, SILENCES, Suppression};
use crate::acknowledge::Acknowledgement;
use crate::group::in_order;
use crate::inhibit::{Inhibition, Inhibitor};
use crate::plan::Plan;
use crate::record::Record;
use crate::silence::{Silence, SilenceError, SilenceRequest};

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

    /// Gives a new machine silences as they are, and what inhibits.
    pub(crate) fn furnish(
        &mut self,
        silences: impl IntoIterator<Item = Silence>,
        inhibitor: Inhibitor,
        now_ms: i64,
    ) {
        for silence in silences {
            self.silences.insert(silence, now_ms);
        }
        self.inhibitor = inhibitor;
    }

    fn write_silences(&mut self, changed: impl IntoIterator<Item = Silence>, now_ms: i64) {
        let changed: Vec<Silence> = changed.into_iter().collect();
        for silence in &changed {
            self.effects.changes.push((
                SILENCES,
                StateChange::Put {
                    key: silence.id.clone().into_bytes(),
                    value: silence.to_bytes(),
                },
            ));
            self.share_silence(silence);
        }
        self.refresh_covered(&changed, now_ms);
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
        self.share_acknowledgement(&ack);
        let cause = match ack.comment.as_str() {
            "" => format!("by {}", ack.by),
            comment => format!("by {}: {comment}", ack.by),
        };
        self.note(&ack.labels, TimelineKind::Acknowledged, cause, ack.time_ms);
        self.put_acknowledgement(ack);
        true
    }

    /// Takes an acknowledgement back. Says whether there was one.
    pub fn unacknowledge(&mut self, fingerprint: AlertFingerprint, by: &str, now_ms: i64) -> bool {
        self.drop_acknowledgement(fingerprint, &format!("by {by}"), now_ms)
    }

    pub(super) fn put_acknowledgement(&mut self, ack: Acknowledgement) {
        let fingerprint = AlertFingerprint::of(&ack.labels);
        self.take_acknowledgement(fingerprint);
        if let Some(until_ms) = ack.until_ms {
            self.acknowledgement_ends.insert((until_ms, fingerprint));
        }
        self.acknowledgements.insert(fingerprint, ack);
    }

    pub(super) fn take_acknowledgement(
        &mut self,
        fingerprint: AlertFingerprint,
    ) -> Option<Acknowledgement> {
        let ack = self.acknowledgements.remove(&fingerprint)?;
        if let Some(until_ms) = ack.until_ms {
            self.acknowledgement_ends.remove(&(until_ms, fingerprint));
        }
        Some(ack)
    }

    /// Ends an acknowledgement, if there is one, and says why.
    pub(super) fn drop_acknowledgement(
        &mut self,
        fingerprint: AlertFingerprint,
        cause: &str,
        now_ms: i64,
    ) -> bool {
        let Some(ack) = self.take_acknowledgement(fingerprint) else {
            return false;
        };
        self.remove_state(ACKNOWLEDGEMENTS, fingerprint);
        self.share_unacknowledged(fingerprint, now_ms);
        let kind = TimelineKind::Unacknowledged;
        self.note(&ack.labels, kind, cause.to_owned(), now_ms);
        true
    }

    pub(super) fn end_acknowledgements(&mut self, now_ms: i64) {
        while let Some(&(until_ms, fingerprint)) = self.acknowledgement_ends.first() {
            if until_ms > now_ms {
                break;
            }
            self.acknowledgement_ends.pop_first();
            self.drop_acknowledgement(fingerprint, "its time is over", now_ms);
        }
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
        self.alerts.values().map(|held| &held.alert)
    }

    /// An alert by its fingerprint.
    #[must_use]
    pub fn alert(&self, fingerprint: AlertFingerprint) -> Option<&Alert> {
        self.alerts.get(&fingerprint).map(|held| &held.alert)
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
        let routes = self.plan.routes.matching(labels).into_iter();
        let mut muted: BTreeSet<String> = routes
            .filter_map(|index| self.plan.routes.get(index))
            .flat_map(|route| self.plan.muted_by(route, now_ms))
            .collect();
        let inhibition = self.inhibitor.inhibited_by(labels, now_ms);
        if let Some(Inhibition::Maintenance(reason)) = &inhibition {
            muted.insert(format!("maintenance: {reason}"));
        }
        let inhibitor = inhibition.and_then(|it| it.alert());
        Suppression {
            silenced_by: silences.into_iter().map(|s| s.id.clone()).collect(),
            inhibited_by: inhibitor.into_iter().collect(),
            muted_by: muted.into_iter().collect(),
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
                    route_labels: route.labels.clone(),
                    muted_by: self.plan.muted_by(route, now_ms),
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
}
