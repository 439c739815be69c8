//! A group of rules: evaluated together and in order.
//!
//! ## Model
//! [`Group::evaluate`] is one turn: each rule's query is answered, its alerts move on and are sent,
//! its samples are stored. The server, tests of rules and others call it with times of their own.
//!
//! ## Invariants
//! A rule sees what the rules before it have written at the same turn. Samples are written together
//! as far as that allows, and rules that read nothing of one another are evaluated side by side where
//! cores are free. What a turn changed of alerts is kept in one change, after the samples.
//! A rule that fails changes nothing and stops no other one.

mod handover;
mod side_by_side;

use std::sync::Arc;
use std::time::Instant;

use bellwether_model::Labels;
use bellwether_promql::CancelToken;
use bellwether_storage::{Source, TimelineKind, TimelineRow};
use parking_lot::Mutex;
use rustc_hash::{FxHashMap, FxHashSet};

use self::side_by_side::Helpers;
use crate::alerting::Transition;
use crate::dependencies::Reads;
use crate::error::{EvaluationError, RulesError};
use crate::evidence::{FiredRule, FiredTurn};
use crate::keeper::{Change, RuleIdentity};
use crate::metrics::{GroupCounts, GroupNumbers};
use crate::output::Part;
use crate::pending::{Pending, write_markers};
use crate::rule::{Given, Rule, Turn, merged_labels};
use crate::schedule::Turns;
use crate::settings::{GroupSettings, RuleSettings};
use crate::snapshot::{GroupSnapshot, RuleHealth};
use crate::world::{Externals, Surroundings, World};

/// See the module's page.
#[derive(Debug)]
pub struct Group {
    settings: GroupSettings,
    /// File and name, as own metrics have them.
    key: String,
    world: Arc<World>,
    externals: Arc<Externals>,
    pub(crate) turns: Turns,
    source: Source,
    counts: GroupCounts,
    /// Held for a whole turn.
    core: Mutex<Core>,
    /// What others see; a turn replaces it at its end.
    snapshot: Mutex<Arc<GroupSnapshot>>,
}

#[derive(Debug)]
struct Core {
    rules: Vec<Rule>,
    /// What each rule reads of those before it.
    reads: Vec<Reads>,
    /// Series of rules that a reload has removed: they end with the next turn.
    ended: Vec<Labels>,
    restore: Restore,
    seconds: f64,
    last_evaluation_ms: Option<i64>,
    sample_count: u64,
}

/// What the evaluation of a rule gave.
#[derive(Debug)]
struct Evaluated {
    part: Part,
    given: Given,
    result: Result<(), EvaluationError>,
}

/// What has to be done before the alerts' times are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Restore {
    /// Nothing.
    Done,
    /// They go on where they were when groups were evaluated last.
    Kept { beat_ms: i64 },
    /// They are looked for in series, after so many turns.
    Series { turns_left: u8 },
}

impl Group {
    /// A group without state, whose alerts are new.
    ///
    /// # Errors
    /// The first rule that cannot be evaluated.
    pub fn new(
        settings: GroupSettings,
        world: &Arc<World>,
        surroundings: &Surroundings,
    ) -> Result<Self, RulesError> {
        Self::with(settings, world, &Externals::new(surroundings.clone()))
    }

    pub(crate) fn with(
        settings: GroupSettings,
        world: &Arc<World>,
        externals: &Arc<Externals>,
    ) -> Result<Self, RulesError> {
        if settings.interval_ms <= 0 {
            return Err(RulesError::Interval {
                file: settings.file,
                group: settings.name,
                interval_ms: settings.interval_ms,
            });
        }
        let key = format!("{};{}", settings.file.display(), settings.name);
        let mut rules: Vec<Rule> = Vec::with_capacity(settings.rules.len());
        let mut reads = Vec::with_capacity(settings.rules.len());
        let mut before: Vec<&RuleSettings> = Vec::new();
        let mut ordinals: FxHashMap<RuleIdentity, usize> = FxHashMap::default();
        for rule in &settings.rules {
            let labels = merged_labels(&settings, rule);
            let first = RuleIdentity::new(&key, rule.name(), &labels, 0);
            let ordinal = ordinals.entry(first).or_default();
            let identity = RuleIdentity::new(&key, rule.name(), &labels, *ordinal);
            *ordinal += 1;
            let made = Rule::new(&settings, rule, identity, world, externals)?;
            let asks = made.asks_queries();
            reads.push(Reads::of(made.query.expr(), asks, &before));
            before.push(rule);
            rules.push(made);
        }
        let core = Core {
            rules,
            reads,
            ended: Vec::new(),
            restore: Restore::Done,
            seconds: 0.0,
            last_evaluation_ms: None,
            sample_count: 0,
        };
        let group = Self {
            turns: Turns::new(&key, settings.interval_ms),
            source: Source::new(&format!("rules:{}", settings.name)),
            snapshot: Mutex::new(Arc::new(core.snapshot(&settings, externals))),
            key,
            world: Arc::clone(world),
            externals: Arc::clone(externals),
            counts: GroupCounts::default(),
            core: Mutex::new(core),
            settings,
        };
        Ok(group)
    }

    /// What the configuration says of it.
    #[must_use]
    pub fn settings(&self) -> &GroupSettings {
        &self.settings
    }

    pub(crate) fn externals(&self) -> &Externals {
        &self.externals
    }

    /// How it is, after its last turn.
    #[must_use]
    pub fn snapshot(&self) -> Arc<GroupSnapshot> {
        Arc::clone(&self.snapshot.lock())
    }

    /// Whether a group with these settings would be the same. Where rules stand in their file does
    /// not count.
    pub(crate) fn is_like(&self, settings: &GroupSettings, externals: &Externals) -> bool {
        let without_lines = |settings: &GroupSettings| {
            let mut settings = settings.clone();
            settings.rules.iter_mut().for_each(|rule| rule.line = 0);
            settings
        };
        self.externals.given == externals.given
            && without_lines(&self.settings) == without_lines(settings)
    }

    /// Counts turns that were missed.
    pub(crate) fn count_missed(&self, missed: u64) {
        GroupCounts::add(&self.counts.missed, missed);
        GroupCounts::add(&self.counts.iterations, missed);
    }

    /// Its own numbers.
    pub(crate) fn numbers<'a>(&'a self, snapshot: &GroupSnapshot) -> GroupNumbers<'a> {
        GroupNumbers {
            key: &self.key,
            counts: &self.counts,
            interval_ms: self.settings.interval_ms,
            rules: self.settings.rules.len(),
            samples: snapshot.sample_count,
            last_evaluation_ms: snapshot.last_evaluation_ms,
            seconds: snapshot.evaluation_seconds,
            rule_seconds_sum: snapshot.rules.iter().map(|r| r.evaluation_seconds).sum(),
        }
    }

    fn query_offset_ms(&self) -> i64 {
        query_offset_ms(&self.settings, &self.externals)
    }

    /// Evaluates all rules at a time. Where `cancel` says so, the rest is left out.
    pub fn evaluate(&self, time_ms: i64, cancel: &CancelToken) {
        let began = Instant::now();
        let now_ms = self.world.clock.now_ms();
        GroupCounts::add(&self.counts.iterations, 1);
        let mut core = self.core.lock();
        let core = &mut *core;
        let mut rows = Vec::new();
        self.resume(core, time_ms, &mut rows);
        let turn = Turn {
            world: &self.world,
            externals: &self.externals,
            source: &self.source,
            cancel,
            time_ms,
            query_ms: time_ms.saturating_sub(self.query_offset_ms()),
            interval_ms: self.settings.interval_ms,
            limit: self.settings.limit,
        };
        let mut pending = Pending::default();
        core.sample_count = 0;
        let workers = self.world.workers.as_deref();
        let helpers = Helpers::of(workers, core.seconds);
        let mut begin = 0;
        while begin < core.rules.len() && !cancel.is_cancelled() {
            let stretch = side_by_side::stretch(&core.reads, begin);
            let reads = core.reads.get(stretch.clone()).unwrap_or_default();
            if reads.iter().any(|reads| pending.is_wanted_by(reads)) {
                self.store(&mut core.rules, &mut pending);
            }
            let rules = core.rules.get_mut(stretch.clone()).unwrap_or_default();
            side_by_side::each(
                rules,
                &helpers,
                |rule| self.evaluate_rule(rule, &turn),
                |index, rule, evaluated| {
                    if let Some(evaluated) = evaluated {
                        let place = (begin + index, &mut pending);
                        core.sample_count += self.take(rule, &turn, evaluated, place, &mut rows);
                    }
                },
            );
            begin = stretch.end;
        }
        drop(helpers);
        self.store(&mut core.rules, &mut pending);
        self.end_series(core, turn.query_ms);
        self.keep(core, now_ms);
        self.tell(rows);
        self.restore_from_series(core, time_ms);
        core.last_evaluation_ms = Some(now_ms);
        core.seconds = began.elapsed().as_secs_f64();
        self.world.metrics.group_seconds.observe(core.seconds);
        *self.snapshot.lock() = Arc::new(core.snapshot(&self.settings, &self.externals));
    }

    /// Evaluates one rule; nothing where the turn was called off before.
    fn evaluate_rule(&self, rule: &mut Rule, turn: &Turn<'_>) -> Option<Evaluated> {
        if turn.cancel.is_cancelled() {
            return None;
        }
        let began = Instant::now();
        GroupCounts::add(&self.counts.evaluations, 1);
        rule.status.last_evaluation_ms = Some(self.world.clock.now_ms());
        let mut evaluated = Evaluated {
            part: Part::default(),
            given: Given::default(),
            result: Ok(()),
        };
        evaluated.result = rule.evaluate(turn, &mut evaluated.part, &mut evaluated.given);
        rule.status.seconds = began.elapsed().as_secs_f64();
        self.world.metrics.rule_seconds.observe(rule.status.seconds);
        Some(evaluated)
    }

    /// Takes what the evaluation of a rule gave. Gives how many samples it had.
    fn take(
        &self,
        rule: &mut Rule,
        turn: &Turn<'_>,
        evaluated: Evaluated,
        (index, pending): (usize, &mut Pending),
        rows: &mut Vec<TimelineRow>,
    ) -> u64 {
        let Evaluated {
            mut part,
            given,
            result,
        } = evaluated;
        self.note_transitions(rule, &given.transitions, turn.time_ms, rows);
        match result {
            Ok(()) => {
                rule.status.health = RuleHealth::Ok;
                rule.status.last_error.clear();
                pending.add(index, &mut part);
                let sink = self.world.sink.as_ref();
                if let Some(sink) = sink.filter(|_| !given.alerts.is_empty()) {
                    sink.send(given.alerts);
                }
                self.note_fired(rule, &given.transitions, turn);
                if let Some((count, labels, error)) = part.refused {
                    let reason = error.to_string();
                    let error = EvaluationError::Refused {
                        count,
                        labels,
                        reason,
                    };
                    self.fail(rule, &error);
                }
            }
            Err(error) => {
                GroupCounts::add(&self.counts.failures, 1);
                self.fail(rule, &error);
            }
        }
        given.sample_count
    }

    /// Hands what has fired to whoever gathers evidence; after those who notify have it.
    fn note_fired(&self, rule: &Rule, transitions: &[Transition], turn: &Turn<'_>) {
        let (Some(sink), Some(alert)) = (&self.world.evidence, rule.alert()) else {
            return;
        };
        let alerts = alert.fired(transitions);
        if alerts.is_empty() {
            return;
        }
        sink.fired(FiredTurn {
            rule: Arc::new(FiredRule {
                name: rule.info.kind.name().to_owned(),
                group: self.settings.name.clone(),
                file: self.settings.file.clone(),
                line: rule.info.line,
                query: rule.query.clone(),
                labels: rule.info.labels.clone(),
                for_ms: alert.rule.for_ms,
            }),
            query_ms: turn.query_ms,
            alerts,
        });
    }

    fn fail(&self, rule: &mut Rule, error: &EvaluationError) {
        rule.status.health = RuleHealth::Err;
        rule.status.last_error = error.to_string();
        let place = rule.info.line;
        let file = self.settings.file.display();
        let group = self.settings.name.as_str();
        tracing::warn!(%file, group, line = place, %error, "the evaluation of a rule failed");
    }

    fn store(&self, rules: &mut [Rule], pending: &mut Pending) {
        let store = self.world.store.as_ref();
        for (index, error) in pending.store(store, &self.source, rules) {
            if let Some(rule) = rules.get_mut(index) {
                if matches!(error, EvaluationError::Store(_)) {
                    GroupCounts::add(&self.counts.failures, 1);
                }
                self.fail(rule, &error);
            }
        }
    }

    /// Ends series of rules that are gone.
    fn end_series(&self, core: &mut Core, time_ms: i64) {
        if core.ended.is_empty() {
            return;
        }
        let store = self.world.store.as_ref();
        match write_markers(store, &self.source, &core.ended, time_ms) {
            Ok(()) => core.ended.clear(),
            Err(error) => tracing::warn!(%error, "series of removed rules cannot be ended"),
        }
    }

    /// Notes what the timeline tells of pending alerts; whoever notifies tells of those that fire.
    fn note_transitions(
        &self,
        rule: &Rule,
        transitions: &[Transition],
        time_ms: i64,
        rows: &mut Vec<TimelineRow>,
    ) {
        let fires = |transition: &&Transition| transition.kind == TimelineKind::Firing;
        let firing: FxHashSet<&Labels> = transitions
            .iter()
            .filter(fires)
            .map(|t| &t.labels)
            .collect();
        for transition in transitions {
            let is_told = match transition.kind {
                TimelineKind::Dropped => true,
                // One that fires at once was never pending for anybody.
                TimelineKind::Pending => !firing.contains(&transition.labels),
                _ => false,
            };
            if is_told {
                let (name, group) = (rule.info.kind.name(), &self.settings.name);
                let file = self.settings.file.display();
                rows.push(TimelineRow {
                    time_ms,
                    kind: transition.kind,
                    labels: transition.labels.clone(),
                    cause: format!(
                        "{}; rule {name} of group {group} in {file}",
                        transition.cause
                    ),
                    receiver: String::new(),
                    group: String::new(),
                    detail: String::new(),
                });
            }
        }
    }

    fn tell(&self, rows: Vec<TimelineRow>) {
        if let Some(timeline) = self.world.timeline.as_ref().filter(|_| !rows.is_empty())
            && let Err(error) = timeline.append(&rows)
        {
            tracing::warn!(%error, "the timeline does not take what happened to alerts");
        }
    }

    /// Keeps what has changed of alerts, and that there was a turn.
    fn keep(&self, core: &mut Core, now_ms: i64) {
        let mut changes: Vec<Change> = Vec::new();
        let mut has_alerts = false;
        for rule in &mut core.rules {
            let identity = rule.identity;
            if let Some(alert) = rule.alert_mut() {
                let changed = alert.state.take_changes().into_iter();
                changes.extend(changed.map(|(labels, state)| (identity, labels, state)));
                has_alerts |= alert.state.live().next().is_some();
            }
        }
        let Some(keeper) = &self.world.keeper else {
            return;
        };
        if let Err(error) = keeper.keep(&changes) {
            tracing::warn!(%error, "the state of alerts cannot be kept");
            for rule in &mut core.rules {
                let identity = rule.identity;
                if let Some(alert) = rule.alert_mut() {
                    let own = changes.iter().filter(|(rule, ..)| *rule == identity);
                    alert
                        .state
                        .give_back(own.map(|(_, labels, _)| labels.clone()));
                }
            }
        }
        if has_alerts {
            keeper.beat(now_ms);
        }
    }
}

impl Restore {
    /// Whether series may be written: they would overwrite what is to be restored from them.
    fn is_whole(self) -> bool {
        !matches!(self, Self::Series { .. })
    }
}

impl Core {
    fn snapshot(&self, settings: &GroupSettings, externals: &Externals) -> GroupSnapshot {
        GroupSnapshot {
            file: settings.file.clone(),
            name: settings.name.clone(),
            interval_ms: settings.interval_ms,
            limit: settings.limit,
            query_offset_ms: query_offset_ms(settings, externals),
            last_evaluation_ms: self.last_evaluation_ms,
            evaluation_seconds: self.seconds,
            sample_count: self.sample_count,
            rules: self.rules.iter().map(Rule::snapshot).collect(),
        }
    }
}

fn query_offset_ms(settings: &GroupSettings, externals: &Externals) -> i64 {
    settings
        .query_offset_ms
        .unwrap_or(externals.given.query_offset_ms)
}

#[cfg(test)]
mod tests;
