//! What a group takes over from the one before it: from before a restart, or a reload.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bellwether_model::Labels;
use bellwether_storage::TimelineRow;
use rustc_hash::FxHashMap;

use super::{Core, Group, Restore};
use crate::alerting::{AlertingState, Resume, valid_for_ms};
use crate::keeper::{Kept, RuleIdentity};
use crate::metrics::GroupCounts;
use crate::pending::write_markers;
use crate::restore;
use crate::rule::{Rule, link_evidence};

impl Group {
    /// Takes over alerts that were kept. To be called once, before the first turn. What fires is sent
    /// at once, so that nobody takes it for ended.
    pub(crate) fn restore(&self, kept: &mut Kept) {
        let mut core = self.core.lock();
        core.restore = match kept.beat_ms {
            Some(beat_ms) => Restore::Kept { beat_ms },
            None => Restore::Series { turns_left: 2 },
        };
        let is_restored = core.restore.is_whole();
        let now_ms = self.world.clock.now_ms();
        let resend_ms = self.world.options.resend_delay_ms;
        let mut sent = Vec::new();
        for rule in &mut core.rules {
            let identity = rule.identity;
            let Some(alert) = rule.alert_mut() else {
                continue;
            };
            alert.is_restored = is_restored;
            let alerts = kept.take(identity).into_iter().map(|(labels, mut alert)| {
                if alert.is_live() {
                    alert.last_sent_ms = None;
                }
                (labels, alert)
            });
            alert.state = AlertingState::from_alerts(alerts);
            let mut alerts = alert.send_at_start(now_ms, resend_ms, self.settings.interval_ms);
            link_evidence(&mut alerts, &self.world, &self.externals);
            sent.append(&mut alerts);
        }
        *self.snapshot.lock() = Arc::new(core.snapshot(&self.settings, &self.externals));
        drop(core);
        if let Some(sink) = self.world.sink.as_ref().filter(|_| !sent.is_empty()) {
            sink.send(sent);
        }
    }

    /// Moves the times of kept alerts ahead; at the first turn.
    pub(super) fn resume(&self, core: &mut Core, time_ms: i64, rows: &mut Vec<TimelineRow>) {
        let Restore::Kept { beat_ms } = core.restore else {
            return;
        };
        core.restore = Restore::Done;
        let options = &self.world.options;
        let interval_ms = self.settings.interval_ms;
        let mut resume = Resume {
            evaluated_ms: self.turns.before(beat_ms),
            now_ms: time_ms,
            interval_ms,
            tolerance_ms: options.outage_tolerance_ms,
            grace_ms: options.grace_period_ms,
            settle_ms: 0,
        };
        // Samples from before a short outage are still seen; after a long one queries need about as
        // long to see all that they look back at.
        resume.settle_ms = resume
            .down_ms()
            .saturating_add(interval_ms)
            .min(valid_for_ms(options.resend_delay_ms, interval_ms));
        for rule in &mut core.rules {
            let mut transitions = Vec::new();
            if let Some(alert) = rule.alert_mut() {
                alert.state.resume(alert.rule, &resume, &mut transitions);
            }
            self.note_transitions(rule, &transitions, time_ms, rows);
        }
    }

    /// Looks for the times of alerts in series; after the second turn.
    pub(super) fn restore_from_series(&self, core: &mut Core, time_ms: i64) {
        let Restore::Series { turns_left } = core.restore else {
            return;
        };
        if turns_left > 1 {
            core.restore = Restore::Series {
                turns_left: turns_left - 1,
            };
            return;
        }
        core.restore = Restore::Done;
        for rule in &mut core.rules {
            let store = self.world.store.as_ref();
            let restored = restore::from_series(rule, store, &self.world.options, time_ms);
            if let Err(error) = restored {
                let rule = rule.info.kind.name();
                tracing::error!(rule, %error, "the times of alerts cannot be restored");
            }
            if let Some(alert) = rule.alert_mut() {
                alert.is_restored = true;
            }
        }
    }

    /// Goes on where a group of the same file and name has stopped. Rules are the same by their names
    /// and labels; of several that are alike, the first goes on with the first.
    pub(crate) fn take_over(&self, old: &Self) {
        let mut core = self.core.lock();
        let mut from = old.core.lock();
        let from = &mut *from;
        core.restore = from.restore;
        core.ended = std::mem::take(&mut from.ended);
        core.last_evaluation_ms = from.last_evaluation_ms;
        core.seconds = from.seconds;
        let is_restored = core.restore.is_whole();
        let mut by_identity: FxHashMap<RuleIdentity, &mut Rule> = FxHashMap::default();
        for rule in &mut from.rules {
            by_identity.insert(rule.identity, rule);
        }
        for rule in &mut core.rules {
            let found = by_identity.get_mut(&rule.identity);
            if let Some(alert) = rule.alert_mut() {
                alert.is_restored = is_restored;
                if let Some(known) = found.as_ref().and_then(|old| old.alert()) {
                    alert.is_restored = known.is_restored;
                }
            }
            let Some(old) = found else {
                continue;
            };
            rule.output = std::mem::take(&mut old.output);
            if rule.info == old.info {
                rule.status = old.status.clone();
            }
            if let (Some(new), Some(old)) = (rule.alert_mut(), old.alert_mut()) {
                new.state.take_over(&mut old.state);
            }
        }
        for (to, from) in [
            (&self.counts.iterations, &old.counts.iterations),
            (&self.counts.missed, &old.counts.missed),
            (&self.counts.evaluations, &old.counts.evaluations),
            (&self.counts.failures, &old.counts.failures),
        ] {
            GroupCounts::add(to, from.load(Ordering::Relaxed));
        }
        core.ended.extend(old.retire_rules(from));
        *self.snapshot.lock() = Arc::new(core.snapshot(&self.settings, &self.externals));
    }

    /// Ends the group: its alerts are forgotten. Gives the series that it wrote, which end when no
    /// other group has gone on with them.
    pub(crate) fn retire(&self) -> Vec<Labels> {
        let mut core = self.core.lock();
        let mut ended = self.retire_rules(&mut core);
        ended.append(&mut core.ended);
        ended
    }

    fn retire_rules(&self, core: &mut Core) -> Vec<Labels> {
        let now_ms = self.world.clock.now_ms();
        let mut ended = Vec::new();
        let mut rows = Vec::new();
        for rule in &mut core.rules {
            ended.extend(std::mem::take(&mut rule.output).series().cloned());
            let mut transitions = Vec::new();
            if let Some(alert) = rule.alert_mut() {
                alert.state.forget_all("the rule is gone", &mut transitions);
            }
            self.note_transitions(rule, &transitions, now_ms, &mut rows);
        }
        self.keep(core, now_ms);
        self.tell(rows);
        ended
    }

    /// The labels of all series that it writes.
    pub(crate) fn series(&self, mut each: impl FnMut(&Labels)) {
        let core = self.core.lock();
        for rule in &core.rules {
            rule.output.series().for_each(&mut each);
        }
    }

    /// Ends series that this group wrote.
    pub(crate) fn write_markers(&self, series: &[Labels], now_ms: i64) {
        let time_ms = now_ms.saturating_sub(self.query_offset_ms());
        let store = self.world.store.as_ref();
        if let Err(error) = write_markers(store, &self.source, series, time_ms) {
            tracing::warn!(%error, "series of a removed group cannot be ended");
        }
    }
}
