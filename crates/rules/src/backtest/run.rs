//! One rule over history.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::{ALERT_NAME, Labels, METRIC_NAME, STALE_NAN, Value};
use bellwether_promql::ast::Expr;
use bellwether_promql::{
    CancelToken, MatrixSeries, QueryError, QueryRequest, QueryValue, VectorSample,
};
use bellwether_storage::{Samples, Source, TimelineKind};
use rustc_hash::{FxHashMap, FxHashSet};

use super::order::{Flow, Selected, Writing};
use super::overlay::Overlay;
use super::{Episode, RuleHistory};
use crate::alerting::{AlertState, Transition, alerts_series, for_state_series};
use crate::error::{EvaluationError, RulesError};
use crate::keeper::RuleIdentity;
use crate::rule::{Rule, Turn, Work, recorded_labels};
use crate::schedule::Turns;
use crate::settings::{GroupSettings, RuleSettings};
use crate::world::{Externals, World};

/// What is looked back for where nothing is said, ms.
const LOOKBACK_MS: i64 = 300_000;

/// A rule on its way through history.
#[derive(Debug)]
pub(super) struct RuleRun {
    rule: Rule,
    interval_ms: i64,
    limit: usize,
    offset_ms: i64,
    source: Source,
    /// The next turn.
    next_ms: i64,
    history: RuleHistory,
    /// Where the open episode of an alert is.
    open: FxHashMap<Labels, usize>,
    /// Recorded series, and when they were written last.
    last_written: FxHashMap<Labels, i64>,
    /// `ALERTS` of the last turn, to end them.
    last_alerts: BTreeMap<Labels, ()>,
}

impl RuleRun {
    pub(super) fn new(
        group: &GroupSettings,
        settings: &RuleSettings,
        world: &World,
        externals: &Externals,
        from_ms: i64,
    ) -> Result<Self, RulesError> {
        if group.interval_ms <= 0 {
            return Err(RulesError::Interval {
                file: group.file.clone(),
                group: group.name.clone(),
                interval_ms: group.interval_ms,
            });
        }
        let key = format!("{};{}", group.file.display(), group.name);
        let identity = RuleIdentity::new(&key, settings.name(), &[], 0);
        let rule = Rule::new(group, settings, identity, world, externals)?;
        let turns = Turns::new(&key, group.interval_ms);
        Ok(Self {
            history: RuleHistory {
                file: group.file.clone(),
                group: group.name.clone(),
                rule: settings.name().to_owned(),
                is_alert: settings.is_alert(),
                turns: 0,
                failed_turns: 0,
                first_error: String::new(),
                sample_count: 0,
                episodes: Vec::new(),
            },
            rule,
            interval_ms: group.interval_ms,
            limit: group.limit,
            offset_ms: group
                .query_offset_ms
                .unwrap_or(externals.given.query_offset_ms),
            source: Source::new("backtest"),
            next_ms: turns.after(from_ms.saturating_sub(1)),
            open: FxHashMap::default(),
            last_written: FxHashMap::default(),
            last_alerts: BTreeMap::new(),
        })
    }

    /// What became of it so far.
    pub(super) fn history(&self) -> &RuleHistory {
        &self.history
    }

    /// What it reads and writes.
    pub(super) fn flow(&self) -> Flow {
        let selectors = self.rule.query.expr().selectors();
        let reads = selectors.iter().map(|selector| {
            let of = |label: &str| {
                let matchers = selector.matchers.iter();
                matchers.filter(|m| m.name == label).cloned().collect()
            };
            Selected {
                names: of(METRIC_NAME),
                alert_names: of(ALERT_NAME),
            }
        });
        let name = self.history.rule.clone();
        Flow {
            reads: reads.collect(),
            writes: if self.history.is_alert {
                Writing::Alerts(name)
            } else {
                Writing::Metric(name)
            },
        }
    }

    /// How far its query reaches back, ms; `None`: nobody knows.
    pub(super) fn reach_ms(&self) -> Option<i64> {
        let reach_ms = reach_ms(self.rule.query.expr())?;
        // Templates that ask queries see what the last turns have written.
        Some(reach_ms.saturating_add(self.offset_ms.max(0)))
    }

    /// Goes through the turns of a piece of history, both ends included.
    pub(super) fn go(
        &mut self,
        world: &World,
        externals: &Externals,
        overlay: &Overlay,
        (start_ms, end_ms): (i64, i64),
        cancel: &CancelToken,
    ) {
        let first_ms = self.next_ms.max(start_ms);
        if first_ms > end_ms {
            return;
        }
        let count = (end_ms - first_ms) / self.interval_ms + 1;
        let mut spans = vec![(first_ms, count)];
        while let Some((first_ms, count)) = spans.pop() {
            if cancel.is_cancelled() {
                return;
            }
            let found = self.query(world, first_ms, count, cancel);
            match found.and_then(|series| self.checked(series)) {
                Ok(series) => self.take(world, externals, overlay, (first_ms, count), series),
                Err(_) if count > 1 => {
                    // Some of the turns may be fine, and those that hold too much are fine one by one.
                    let half = count / 2;
                    spans.push((first_ms + half * self.interval_ms, count - half));
                    spans.push((first_ms, half));
                }
                Err(error) => self.fail(&error),
            }
        }
        self.next_ms = first_ms + count * self.interval_ms;
        if let Some(alert) = self.rule.alert_mut() {
            // Nobody keeps them.
            drop(alert.state.take_changes());
        }
    }

    fn fail(&mut self, error: &EvaluationError) {
        self.history.turns += 1;
        self.history.failed_turns += 1;
        if self.history.first_error.is_empty() {
            self.history.first_error = error.to_string();
        }
    }

    fn query(
        &self,
        world: &World,
        first_ms: i64,
        count: i64,
        cancel: &CancelToken,
    ) -> Result<Vec<MatrixSeries>, EvaluationError> {
        let start_ms = first_ms.saturating_sub(self.offset_ms);
        let end_ms = start_ms.saturating_add((count - 1) * self.interval_ms);
        let outcome = world.engine.range_prepared(
            world.store.as_ref(),
            &self.rule.query,
            (start_ms, end_ms),
            self.interval_ms,
            &QueryRequest {
                cancel: cancel.clone(),
                ..QueryRequest::default()
            },
        );
        match outcome {
            Ok(outcome) => match outcome.value {
                QueryValue::Matrix(series) => Ok(series),
                other => Err(EvaluationError::NotVector(other.type_name())),
            },
            Err(QueryError::Invalid(_)) => Err(EvaluationError::NotVector("string or windows")),
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses what a recording rule cannot write at any one turn; at several turns together it may be
    /// refused too early.
    fn checked(&self, found: Vec<MatrixSeries>) -> Result<Vec<MatrixSeries>, EvaluationError> {
        let Work::Record { name, labels } = &self.rule.work else {
            return Ok(found);
        };
        if self.limit > 0 && found.len() > self.limit {
            return Err(EvaluationError::Limit {
                limit: self.limit,
                count: found.len(),
            });
        }
        let mut seen = FxHashSet::default();
        for one in &found {
            let labels = recorded_labels(&one.labels, name, labels);
            if !seen.insert(labels.clone()) {
                return Err(EvaluationError::Duplicate { labels });
            }
        }
        Ok(found)
    }

    fn take(
        &mut self,
        world: &World,
        externals: &Externals,
        overlay: &Overlay,
        (first_ms, count): (i64, i64),
        series: Vec<MatrixSeries>,
    ) {
        self.history.turns += count.unsigned_abs();
        if self.history.is_alert {
            self.step_alerts(world, externals, overlay, (first_ms, count), &series);
        } else {
            self.record(overlay, (first_ms, count), series);
        }
    }

    /// Writes the result of a recording rule, with markers where series are interrupted.
    fn record(
        &mut self,
        overlay: &Overlay,
        (first_ms, count): (i64, i64),
        found: Vec<MatrixSeries>,
    ) {
        let Work::Record { name, labels } = &self.rule.work else {
            return;
        };
        let made: Vec<(Labels, Samples)> = found
            .into_iter()
            .map(|one| (recorded_labels(&one.labels, name, labels), one.samples))
            .collect();
        let start_ms = first_ms.saturating_sub(self.offset_ms);
        let end_ms = start_ms.saturating_add(count * self.interval_ms);
        let interval_ms = self.interval_ms;
        for (labels, samples) in &made {
            let mut last_ms = self.last_written.get(labels).copied();
            self.history.sample_count += samples.len() as u64;
            overlay.append(labels, |out| {
                for position in 0..samples.len() {
                    let (Some(time_ms), Some(value)) =
                        (samples.times_ms.get(position), samples.values.get(position))
                    else {
                        continue;
                    };
                    let gap_ms = last_ms.map(|last| last.saturating_add(interval_ms));
                    if let Some(gap_ms) = gap_ms.filter(|gap| *gap < *time_ms)
                        && out.times_ms.last().is_none_or(|last| *last < gap_ms)
                    {
                        out.push_float(gap_ms, STALE_NAN);
                    }
                    match samples.histogram_at(position) {
                        Some(histogram) => out.push_histogram(*time_ms, Arc::clone(histogram)),
                        None => out.push_float(*time_ms, *value),
                    }
                    last_ms = Some(*time_ms);
                }
            });
            if let Some(last_ms) = last_ms {
                self.last_written.insert(labels.clone(), last_ms);
            }
        }
        // Series whose last sample is not of the last turn end after it.
        self.last_written.retain(|labels, last_ms| {
            let gap_ms = last_ms.saturating_add(interval_ms);
            let is_ended = gap_ms < end_ms;
            if is_ended {
                overlay.append(labels, |out| {
                    if out.times_ms.last().is_none_or(|last| *last < gap_ms) {
                        out.push_float(gap_ms, STALE_NAN);
                    }
                });
            }
            !is_ended
        });
    }

    /// Moves the alerts on, turn by turn. A turn with the same elements as the one before, at which no
    /// time of an alert is reached, changes nothing and is left out.
    fn step_alerts(
        &mut self,
        world: &World,
        externals: &Externals,
        overlay: &Overlay,
        (first_ms, count): (i64, i64),
        series: &[MatrixSeries],
    ) {
        let cancel = CancelToken::default();
        let mut cursors = vec![0usize; series.len()];
        let mut present: Vec<usize> = Vec::new();
        let mut before: Option<Vec<usize>> = None;
        let mut next_change_ms = i64::MIN;
        let mut transitions: Vec<Transition> = Vec::new();
        let writes = overlay.reads_alerts();
        for turn in 0..count {
            let time_ms = first_ms + turn * self.interval_ms;
            let query_ms = time_ms.saturating_sub(self.offset_ms);
            present.clear();
            for (index, (one, cursor)) in series.iter().zip(&mut cursors).enumerate() {
                if one.samples.times_ms.get(*cursor) == Some(&query_ms) {
                    present.push(index);
                    *cursor += 1;
                }
            }
            let Some(alert) = self.rule.alert_mut() else {
                return;
            };
            let is_same = before.as_ref() == Some(&present) && !alert.labels_follow_values();
            if !(is_same && time_ms < next_change_ms) {
                let found = present.iter().filter_map(|index| {
                    let (one, cursor) = (series.get(*index)?, cursors.get(*index)?);
                    sample_at(one, cursor.checked_sub(1)?, query_ms)
                });
                let turn = Turn {
                    world,
                    externals,
                    source: &self.source,
                    cancel: &cancel,
                    time_ms,
                    query_ms,
                    interval_ms: self.interval_ms,
                    limit: self.limit,
                };
                let candidates = alert.candidates(found.collect(), &turn);
                let rule = alert.rule;
                let advanced = alert
                    .state
                    .advance(rule, candidates, time_ms, &mut transitions);
                let values: FxHashMap<Labels, f64> = alert
                    .state
                    .live()
                    .map(|(labels, alert)| (labels.clone(), alert.value))
                    .collect();
                next_change_ms = alert.next_change_ms();
                before = advanced.is_ok().then(|| present.clone());
                if let Err(error) = advanced {
                    self.history.turns -= 1;
                    self.fail(&error.into());
                }
                self.note(&mut transitions, &values, time_ms);
            }
            if writes {
                self.write_alerts(overlay, query_ms);
            }
        }
    }

    fn note(
        &mut self,
        transitions: &mut Vec<Transition>,
        values: &FxHashMap<Labels, f64>,
        time_ms: i64,
    ) {
        for transition in transitions.drain(..) {
            let value = values.get(&transition.labels).copied().unwrap_or(f64::NAN);
            match transition.kind {
                TimelineKind::Pending => {
                    self.open
                        .insert(transition.labels.clone(), self.history.episodes.len());
                    self.history.episodes.push(Episode {
                        labels: transition.labels,
                        active_at_ms: time_ms,
                        fired_at_ms: None,
                        ended_at_ms: None,
                        value,
                    });
                }
                kind => {
                    let found = match kind {
                        TimelineKind::Firing => self.open.get(&transition.labels).copied(),
                        _ => self.open.remove(&transition.labels),
                    };
                    let episode = found.and_then(|index| self.history.episodes.get_mut(index));
                    match (episode, kind) {
                        (Some(episode), TimelineKind::Firing) => {
                            episode.fired_at_ms = Some(time_ms);
                            episode.value = value;
                        }
                        (Some(episode), _) => episode.ended_at_ms = Some(time_ms),
                        (None, _) => {}
                    }
                }
            }
        }
    }

    /// Writes `ALERTS` and `ALERTS_FOR_STATE`, for rules that read them.
    fn write_alerts(&mut self, overlay: &Overlay, time_ms: i64) {
        let mut now = BTreeMap::new();
        let live = self.rule.alert().into_iter().flat_map(|a| a.state.live());
        for (labels, alert) in live {
            let since = alert.active_at_ms.div_euclid(1_000) as f64;
            let state = match alert.state {
                AlertState::Firing => AlertState::Firing,
                _ => AlertState::Pending,
            };
            for (series, value) in [
                (alerts_series(labels, state), 1.0),
                (for_state_series(labels), since),
            ] {
                overlay.append(&series, |out| out.push_float(time_ms, value));
                now.insert(series, ());
            }
        }
        for (series, ()) in std::mem::take(&mut self.last_alerts) {
            if !now.contains_key(&series) {
                overlay.append(&series, |out| out.push_float(time_ms, STALE_NAN));
            }
        }
        self.last_alerts = now;
    }

    pub(super) fn into_history(self) -> RuleHistory {
        self.history
    }
}

fn sample_at(series: &MatrixSeries, position: usize, time_ms: i64) -> Option<VectorSample> {
    let value = match series.samples.histogram_at(position) {
        Some(histogram) => Value::Histogram(Arc::clone(histogram)),
        None => Value::Float(*series.samples.values.get(position)?),
    };
    Some(VectorSample {
        labels: series.labels.clone(),
        time_ms,
        value,
    })
}

/// How far an expression reaches back, ms; `None`: it depends.
fn reach_ms(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Vector(selector) => {
            let is_fixed = selector.at.is_none() && selector.offset_expr.is_none();
            is_fixed.then(|| LOOKBACK_MS.saturating_add(selector.offset_ms.max(0)))
        }
        Expr::Matrix(matrix) => {
            let selector = &matrix.selector;
            let is_fixed = selector.at.is_none()
                && selector.offset_expr.is_none()
                && matrix.window_expr.is_none();
            let reach = LOOKBACK_MS.saturating_add(selector.offset_ms.max(0));
            is_fixed.then(|| reach.saturating_add(matrix.window_ms))
        }
        Expr::Subquery(subquery) => {
            let is_fixed = subquery.at.is_none()
                && subquery.offset_expr.is_none()
                && subquery.window_expr.is_none();
            let own = subquery.window_ms.saturating_add(subquery.offset_ms.max(0));
            let inner = reach_ms(&subquery.expr)?;
            is_fixed.then(|| own.saturating_add(inner))
        }
        other => {
            let mut reach = 0;
            for child in other.children() {
                reach = reach_ms(child)?.max(reach);
            }
            Some(reach)
        }
    }
}
