//! Inhibition: alerts that make others not worth a notification.
//!
//! ## Model
//! A rule has a source side and a target side. A firing alert that matches the source side inhibits
//! those that match the target side and have the same values of the rule's `equal` labels, absent
//! ones counting as empty. Firing sources are kept by rule and by those values.
//!
//! An alert about an entity is also inhibited by one about what explains that entity, and while somebody works on it
//! ([`Circumstances`]). What was explained stays so for [`AFTER_CAUSE_MS`] after its cause is over.
//!
//! ## Invariants
//! An alert that matches both sides is inhibited only by one that does not: or it would inhibit
//! itself.

use std::collections::BTreeMap;

use bellwether_model::{Alert, AlertFingerprint, Labels, Matcher};
use rustc_hash::FxHashMap;

use crate::circumstances::{Circumstances, ENTITY_LABEL};

/// What depends on a cause is looked at after it, and its alert ends later still: for so long after the cause is
/// over nobody is told of what it explained. Chosen: a probe and an evaluation of rules, of a minute each.
pub(crate) const AFTER_CAUSE_MS: i64 = 120_000;

/// A rule as it is written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InhibitRule {
    /// What it is called, or empty.
    pub name: String,
    /// What alerts that inhibit satisfy.
    pub source_matchers: Vec<Matcher>,
    /// What alerts that are inhibited satisfy.
    pub target_matchers: Vec<Matcher>,
    /// Labels whose values must be the same on both sides.
    pub equal: Vec<String>,
}

impl InhibitRule {
    fn key(&self, labels: &Labels) -> Vec<String> {
        let value = |name: &String| labels.get(name).unwrap_or("").to_owned();
        self.equal.iter().map(value).collect()
    }
}

fn satisfies(labels: &Labels, matchers: &[Matcher]) -> bool {
    matchers
        .iter()
        .all(|matcher| matcher.matches_labels(labels))
}

/// A source alert.
#[derive(Debug, Clone)]
struct Held {
    ends_ms: Option<i64>,
    /// Whether it matches the target side, too.
    is_target: bool,
}

impl Held {
    fn fires(&self, now_ms: i64) -> bool {
        self.ends_ms.is_none_or(|ends_ms| ends_ms > now_ms)
    }
}

/// The sources of one rule with the same values of its labels.
type Sources = BTreeMap<AlertFingerprint, Held>;

/// All rules with their sources.
#[derive(Debug, Default)]
pub(crate) struct Inhibitor {
    rules: Vec<(InhibitRule, FxHashMap<Vec<String>, Sources>)>,
    /// Alerts about entities, by entity.
    by_entity: BTreeMap<String, Sources>,
    circumstances: Circumstances,
    /// Alerts that a cause explained when they were looked at last.
    explained: FxHashMap<AlertFingerprint, Explained>,
}

/// That a cause explains an alert, or did until lately.
#[derive(Debug)]
struct Explained {
    by: Inhibition,
    /// The cause is over, and this holds until then.
    until_ms: Option<i64>,
}

/// Why an alert is inhibited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inhibition {
    /// By an alert that fires, and a rule at this position.
    Rule(AlertFingerprint, usize),
    /// By an alert that fires about the entity that explains its own.
    Cause(AlertFingerprint, String),
    /// This is being worked on.
    Maintenance(String),
}

impl Inhibition {
    /// The alert that inhibits, where one does.
    pub(crate) fn alert(&self) -> Option<AlertFingerprint> {
        match self {
            Self::Rule(alert, _) | Self::Cause(alert, _) => Some(*alert),
            Self::Maintenance(_) => None,
        }
    }
}

impl Inhibitor {
    pub(crate) fn new(rules: &[InhibitRule]) -> Self {
        let mut inhibitor = Self::default();
        inhibitor.set_rules(rules);
        inhibitor
    }

    /// Takes other rules, without any sources: all alerts are to be noted anew.
    pub(crate) fn set_rules(&mut self, rules: &[InhibitRule]) {
        let rules = rules.iter().cloned();
        self.rules = rules.map(|rule| (rule, FxHashMap::default())).collect();
    }

    /// What is known of the things that alerts are about.
    pub(crate) fn circumstances(&self) -> &Circumstances {
        &self.circumstances
    }

    pub(crate) fn set_circumstances(&mut self, circumstances: Circumstances) {
        self.circumstances = circumstances;
    }

    /// Takes an alert in, new or changed.
    pub(crate) fn note(&mut self, alert: &Alert) {
        if let Some(entity) = alert.labels.get(ENTITY_LABEL) {
            let held = Held {
                ends_ms: alert.ends_ms,
                is_target: false,
            };
            let of_entity = self.by_entity.entry(entity.to_owned()).or_default();
            of_entity.insert(alert.fingerprint(), held);
        }
        for (rule, sources) in &mut self.rules {
            if satisfies(&alert.labels, &rule.source_matchers) {
                let held = Held {
                    ends_ms: alert.ends_ms,
                    is_target: satisfies(&alert.labels, &rule.target_matchers),
                };
                let key = rule.key(&alert.labels);
                sources
                    .entry(key)
                    .or_default()
                    .insert(alert.fingerprint(), held);
            }
        }
    }

    /// Remembers whether a cause explains an alert that is looked at: see [`AFTER_CAUSE_MS`].
    pub(crate) fn look_at(&mut self, fingerprint: AlertFingerprint, labels: &Labels, now_ms: i64) {
        if let Some(by) = self.inhibited_by_cause(labels, now_ms) {
            let explained = Explained { by, until_ms: None };
            self.explained.insert(fingerprint, explained);
            return;
        }
        if let Some(explained) = self.explained.get_mut(&fingerprint) {
            let until_ms = *explained
                .until_ms
                .get_or_insert(now_ms.saturating_add(AFTER_CAUSE_MS));
            if until_ms <= now_ms {
                self.explained.remove(&fingerprint);
            }
        }
    }

    /// Forgets an alert.
    pub(crate) fn forget(&mut self, labels: &Labels) {
        let fingerprint = AlertFingerprint::of(labels);
        self.explained.remove(&fingerprint);
        if let Some(entity) = labels.get(ENTITY_LABEL)
            && let Some(held) = self.by_entity.get_mut(entity)
            && held.remove(&fingerprint).is_some()
            && held.is_empty()
        {
            self.by_entity.remove(entity);
        }
        for (rule, sources) in &mut self.rules {
            let key = rule.key(labels);
            if let Some(held) = sources.get_mut(&key)
                && held.remove(&fingerprint).is_some()
                && held.is_empty()
            {
                sources.remove(&key);
            }
        }
    }

    /// Why an alert with these labels is inhibited now, where it is.
    pub(crate) fn inhibited_by(&self, labels: &Labels, now_ms: i64) -> Option<Inhibition> {
        if let Some(reason) = self.circumstances.maintenance(labels) {
            return Some(Inhibition::Maintenance(reason.to_owned()));
        }
        self.inhibited_by_cause(labels, now_ms)
            .or_else(|| self.explained_lately(labels, now_ms))
            .or_else(|| self.inhibited_by_rule(labels, now_ms))
    }

    fn explained_lately(&self, labels: &Labels, now_ms: i64) -> Option<Inhibition> {
        if self.explained.is_empty() {
            return None;
        }
        let explained = self.explained.get(&AlertFingerprint::of(labels))?;
        let holds = explained.until_ms.is_none_or(|until_ms| now_ms < until_ms);
        holds.then(|| explained.by.clone())
    }

    fn inhibited_by_cause(&self, labels: &Labels, now_ms: i64) -> Option<Inhibition> {
        let mut causes = self.circumstances.causes(labels).iter();
        causes.find_map(|cause| {
            let mut sources = self.by_entity.get(cause)?.iter();
            let (alert, _) = sources.find(|(_, source)| source.fires(now_ms))?;
            Some(Inhibition::Cause(*alert, cause.clone()))
        })
    }

    fn inhibited_by_rule(&self, labels: &Labels, now_ms: i64) -> Option<Inhibition> {
        let mut rules = self.rules.iter().enumerate();
        rules.find_map(|(at, (rule, sources))| {
            if !satisfies(labels, &rule.target_matchers) {
                return None;
            }
            let both = satisfies(labels, &rule.source_matchers);
            let mut held = sources.get(&rule.key(labels))?.iter();
            let (alert, _) =
                held.find(|(_, source)| source.fires(now_ms) && !(both && source.is_target))?;
            Some(Inhibition::Rule(*alert, at))
        })
    }

    pub(crate) fn rule(&self, position: usize) -> Option<&InhibitRule> {
        self.rules.get(position).map(|(rule, _)| rule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(pairs: &[(&str, &str)], ends_ms: Option<i64>) -> Alert {
        Alert {
            labels: Labels::from_pairs(pairs.iter().copied()),
            annotations: Labels::empty(),
            starts_ms: 0,
            ends_ms,
            times_out: false,
            updated_ms: 0,
            generator_url: String::new(),
        }
    }

    fn rule(source: (&str, &str), target: (&str, &str), equal: &[&str]) -> InhibitRule {
        InhibitRule {
            name: String::new(),
            source_matchers: vec![Matcher::equal(source.0, source.1)],
            target_matchers: vec![Matcher::equal(target.0, target.1)],
            equal: equal.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn a_firing_source_inhibits_its_equals() {
        let mut inhibitor =
            Inhibitor::new(&[rule(("sev", "critical"), ("sev", "warning"), &["host"])]);
        inhibitor.note(&alert(&[("sev", "critical"), ("host", "a")], Some(100)));
        let warning = |host: &str| Labels::from_pairs([("sev", "warning"), ("host", host)]);
        let by = |inhibitor: &Inhibitor, host: &str, now| {
            inhibitor.inhibited_by(&warning(host), now).is_some()
        };
        assert!(by(&inhibitor, "a", 50));
        assert!(!by(&inhibitor, "b", 50));
        assert!(!by(&inhibitor, "a", 100));
        // A second source takes over where the first has ended.
        let second = alert(&[("sev", "critical"), ("host", "a"), ("n", "2")], None);
        inhibitor.note(&second);
        assert!(by(&inhibitor, "a", 100));
        inhibitor.forget(&second.labels);
        assert!(!by(&inhibitor, "a", 100));
    }

    #[test]
    fn absent_labels_are_equal_to_empty_ones() {
        let mut inhibitor = Inhibitor::new(&[rule(("a", "1"), ("b", "1"), &["host"])]);
        inhibitor.note(&alert(&[("a", "1")], None));
        let target = Labels::from_pairs([("b", "1")]);
        assert!(inhibitor.inhibited_by(&target, 0).is_some());
    }

    #[test]
    fn alerts_on_both_sides_inhibit_each_other_not() {
        let mut inhibitor = Inhibitor::new(&[rule(("a", "1"), ("b", "1"), &[])]);
        let both = alert(&[("a", "1"), ("b", "1"), ("n", "1")], None);
        inhibitor.note(&both);
        assert!(inhibitor.inhibited_by(&both.labels, 0).is_none());
        let other = Labels::from_pairs([("a", "1"), ("b", "1"), ("n", "2")]);
        assert!(inhibitor.inhibited_by(&other, 0).is_none());
        // One that is a target only is inhibited by it; a pure source inhibits both.
        assert!(
            inhibitor
                .inhibited_by(&Labels::from_pairs([("b", "1")]), 0)
                .is_some()
        );
        inhibitor.note(&alert(&[("a", "1")], None));
        assert!(inhibitor.inhibited_by(&other, 0).is_some());
    }

    #[test]
    fn what_explains_an_entity_inhibits_and_so_does_maintenance() {
        let mut inhibitor = Inhibitor::new(&[]);
        let about = |entity: &str| {
            alert(
                &[
                    ("entity", entity),
                    ("job", "probes"),
                    ("probe", entity.split_at(3).0),
                ],
                Some(100),
            )
        };
        let (database, daemon) = (about("database/pg"), about("daemon/chat"));
        inhibitor.note(&database);
        inhibitor.note(&daemon);
        let by = |inhibitor: &Inhibitor, now_ms| inhibitor.inhibited_by(&daemon.labels, now_ms);
        assert_eq!(by(&inhibitor, 50), None);
        let mut circumstances = Circumstances {
            causes: BTreeMap::from([("daemon/chat".to_owned(), vec!["database/pg".to_owned()])]),
            ..Circumstances::default()
        };
        inhibitor.set_circumstances(circumstances.clone());
        let want = Inhibition::Cause(database.fingerprint(), "database/pg".to_owned());
        assert_eq!(by(&inhibitor, 50), Some(want));
        assert_eq!(inhibitor.inhibited_by(&database.labels, 50), None);
        // The cause's own alert is over: somebody has to be told of what is left, …
        assert_eq!(by(&inhibitor, 100), None);
        // … but not before it could be looked at.
        let fingerprint = daemon.fingerprint();
        inhibitor.look_at(fingerprint, &daemon.labels, 50);
        inhibitor.look_at(fingerprint, &daemon.labels, 110);
        assert!(by(&inhibitor, 110 + AFTER_CAUSE_MS - 1).is_some());
        assert_eq!(by(&inhibitor, 110 + AFTER_CAUSE_MS), None);
        inhibitor.look_at(fingerprint, &daemon.labels, 110 + AFTER_CAUSE_MS);
        assert!(inhibitor.explained.is_empty());
        inhibitor.forget(&database.labels);
        assert_eq!(by(&inhibitor, 50), None);
        let work = |key: &str| BTreeMap::from([(key.to_owned(), "new disks".to_owned())]);
        circumstances.probes_in_maintenance = work("dae");
        inhibitor.set_circumstances(circumstances.clone());
        let want = Some(Inhibition::Maintenance("new disks".to_owned()));
        assert_eq!(by(&inhibitor, 50), want);
        // The check of the same name inside of a service is another thing.
        let other = Labels::from_pairs([("job", "agent"), ("probe", "dae")]);
        assert_eq!(inhibitor.inhibited_by(&other, 50), None);
        circumstances.probes_in_maintenance.clear();
        circumstances.entities_in_maintenance = work("daemon/chat");
        inhibitor.set_circumstances(circumstances);
        assert_eq!(by(&inhibitor, 50), want);
    }
}
