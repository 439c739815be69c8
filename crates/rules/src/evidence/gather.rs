//! Gathers the evidence of the alerts of a turn.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use bellwether_model::{ALERT_NAME, Labels, METRIC_NAME, Matcher, TimeRange};
use bellwether_promql::ast::Expr;
use bellwether_promql::{CancelToken, Engine, MatrixSeries, QueryRequest, QueryValue};
use bellwether_storage::{Clock, EvidenceKey, ExemplarSeries, LabelQuery, MetricStore};

use super::document::{
    AlertPart, ComparisonPart, EntityPart, Evidence, ExemplarPart, LinePart, MovedValue, MoverPart,
    NeighbourPart, Number, OperandPart, RulePart, TargetPart, VERSION, label_map,
};
use super::entities;
use super::inputs::{Inputs, inputs};
use super::movers::{Moved, Part, rank};
use super::split::{Whole, split, whole};
use super::{FiredAlert, FiredTurn, Testimony, evidence_key};

/// How far back graphs go, ms.
const SPAN_MS: i64 = 3_600_000;
/// The distance of their points, ms. Derived: 240 points, one for two pixels of a narrow graph.
const STEP_MS: i64 = 15_000;
/// The distance of points that are averaged, ms.
const COARSE_STEP_MS: i64 = 300_000;
/// How far back changes are looked for, ms: an alert that waited for longer is compared with that.
const LOOK_BACK_MS_MAX: i64 = 6 * SPAN_MS;
/// How long one query may take, ms, and all of a turn.
const QUERY_MS_MAX: i64 = 5_000;
const TURN_TIME_MAX: Duration = Duration::from_secs(30);
/// Series of an alert that are drawn, and others beside them.
const OWN_LINES_MAX: usize = 6;
const OTHER_LINES_MAX: usize = 6;
/// Series behind a rule that are looked at.
const SERIES_MAX: usize = 20_000;
/// Labels that an operand is split by; those with the fewest values first.
const SPLITS_MAX: usize = 8;
/// Values of a label by which an operand is split.
const SPLIT_VALUES_MAX: usize = 500;
/// Movers that are told, and their values.
const MOVERS_MAX: usize = 6;
const MOVED_VALUES_MAX: usize = 6;
/// Below this score the change is spread as everything was before. Chosen.
const SCORE_MIN: f64 = 0.1;
const EXEMPLARS_MAX: usize = 10;
/// How old exemplars may be, ms.
const EXEMPLAR_SPAN_MS: i64 = 15 * 60_000;
const NEIGHBOURS_MAX: usize = 20;
const TARGETS_MAX: usize = 10;

/// Labels that say what an alert is about. Two alerts that share one are about the same thing.
const ENTITY_LABELS: [&str; 18] = [
    "instance",
    "host",
    "node",
    "pod",
    "container",
    "deployment",
    "service",
    "service_name",
    "provider",
    "model",
    "tool",
    "pool",
    "queue",
    "database",
    "device",
    "mountpoint",
    "namespace",
    "job",
];

/// What evidence is gathered from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) store: &'a dyn MetricStore,
    pub(super) engine: &'a Engine,
    pub(super) testimony: &'a Testimony,
    /// Whether queries are left out: too much waits.
    pub(super) is_late: bool,
    pub(super) clock: &'a dyn Clock,
    pub(super) cancel: &'a CancelToken,
}

/// A range query's series, or nothing where it failed.
type Answer = Rc<Vec<MatrixSeries>>;

/// What the alerts of a turn share.
struct Gathering<'a> {
    sources: Sources<'a>,
    turn: &'a FiredTurn,
    began: Instant,
    inputs: Inputs,
    /// The series behind the operands.
    series: Vec<Labels>,
    /// Answers by query and whether they are coarse.
    answers: RefCell<BTreeMap<(String, bool), Answer>>,
    exemplars: OnceCell<Vec<ExemplarSeries>>,
    gaps: RefCell<BTreeSet<String>>,
}

/// The documents of the alerts of a turn.
pub(super) fn gather(sources: Sources<'_>, turn: &FiredTurn) -> Vec<(EvidenceKey, Evidence)> {
    let gathering = Gathering::new(sources, turn);
    turn.alerts
        .iter()
        .map(|alert| {
            let key = evidence_key(&alert.labels, alert.fired_at_ms);
            (key, gathering.evidence(alert, key))
        })
        .collect()
}

impl<'a> Gathering<'a> {
    fn new(sources: Sources<'a>, turn: &'a FiredTurn) -> Self {
        let mut gathering = Self {
            sources,
            turn,
            began: Instant::now(),
            inputs: inputs(turn.rule.query.expr()),
            series: Vec::new(),
            answers: RefCell::default(),
            exemplars: OnceCell::new(),
            gaps: RefCell::default(),
        };
        if gathering.inputs.is_cut {
            gathering.gap("the rule compares more than is shown".to_owned());
        }
        gathering.series = gathering.find_series();
        gathering
    }

    fn gap(&self, text: String) {
        self.gaps.borrow_mut().insert(text);
    }

    fn matcher_sets(&self) -> Vec<Vec<Matcher>> {
        let operands = self.inputs.operands.iter();
        let selectors = operands.flat_map(|operand| operand.selectors());
        let mut sets: Vec<Vec<Matcher>> = Vec::new();
        for selector in selectors {
            if !sets.contains(&selector.matchers) {
                sets.push(selector.matchers.clone());
            }
        }
        sets
    }

    fn find_series(&self) -> Vec<Labels> {
        let matcher_sets = self.matcher_sets();
        // No list would mean every series.
        if matcher_sets.is_empty() || self.is_over() {
            return Vec::new();
        }
        let range = TimeRange::new(self.turn.query_ms - SPAN_MS, self.turn.query_ms);
        let found = self.sources.store.series(&LabelQuery {
            matcher_sets: &matcher_sets,
            range,
            limit: SERIES_MAX,
        });
        match found {
            Ok(series) => {
                if series.len() >= SERIES_MAX {
                    self.gap(format!(
                        "only {SERIES_MAX} of the series behind the rule were looked at"
                    ));
                }
                series
            }
            Err(error) => {
                self.gap(format!(
                    "the series behind the rule cannot be read: {error}"
                ));
                Vec::new()
            }
        }
    }

    /// Whether a series is what an alert is about: they agree in all labels that both have.
    fn is_own(&self, series: &Labels, alert: &Labels) -> bool {
        series.iter().all(|(name, value)| {
            self.is_added(name) || alert.get(name).is_none_or(|own| own == value)
        })
    }

    /// Whether a label of an alert says nothing of its series.
    fn is_added(&self, name: &str) -> bool {
        name == METRIC_NAME || name == ALERT_NAME || self.turn.rule.labels.get(name).is_some()
    }

    /// A query over the time of the graphs, or the coarse one over the time of changes.
    fn ask(&self, expr: &Expr, is_coarse: bool) -> Answer {
        let text = expr.to_string();
        let key = (text, is_coarse);
        if let Some(known) = self.answers.borrow().get(&key) {
            return Rc::clone(known);
        }
        let answer: Answer = Rc::new(self.range(&key.0, is_coarse));
        self.answers.borrow_mut().insert(key, Rc::clone(&answer));
        answer
    }

    /// Whether there is no time for more; the document says so.
    fn is_over(&self) -> bool {
        if self.sources.is_late {
            self.gap("too many alerts fired at once: what takes queries was left out".to_owned());
            return true;
        }
        let is_over = self.began.elapsed() > TURN_TIME_MAX || self.sources.cancel.is_cancelled();
        if is_over {
            self.gap("gathering took too long; the rest was left out".to_owned());
        }
        is_over
    }

    fn range(&self, text: &str, is_coarse: bool) -> Vec<MatrixSeries> {
        if self.is_over() {
            return Vec::new();
        }
        let end_ms = self.turn.query_ms;
        let (span_ms, step_ms) = if is_coarse {
            let begun = self
                .turn
                .alerts
                .iter()
                .map(|alert| alert.active_at_ms)
                .min();
            let waited_ms = end_ms.saturating_sub(begun.unwrap_or(end_ms)).max(0);
            let span_ms = (SPAN_MS + waited_ms).min(LOOK_BACK_MS_MAX);
            (span_ms - span_ms % COARSE_STEP_MS, COARSE_STEP_MS)
        } else {
            (SPAN_MS, STEP_MS)
        };
        let request = QueryRequest {
            timeout_ms: Some(QUERY_MS_MAX),
            cancel: self.sources.cancel.clone(),
            ..QueryRequest::default()
        };
        let store = self.sources.store;
        let outcome =
            self.sources
                .engine
                .range(store, text, end_ms - span_ms, end_ms, step_ms, &request);
        match outcome {
            Ok(outcome) => match outcome.value {
                QueryValue::Matrix(series) => series,
                _ => Vec::new(),
            },
            // A split whose sides do not match is no answer to anything.
            Err(_) if is_coarse => Vec::new(),
            Err(error) => {
                self.gap(format!("{text}: {error}"));
                Vec::new()
            }
        }
    }

    fn evidence(&self, alert: &FiredAlert, key: EvidenceKey) -> Evidence {
        let began = Instant::now();
        let rule = &self.turn.rule;
        let operands = self.inputs.operands.iter();
        let operands = operands.map(|o| self.operand(o, alert)).collect();
        let comparisons = self.inputs.comparisons.iter();
        let comparisons = comparisons
            .map(|(left, operator, right)| ComparisonPart {
                left: *left,
                operator: operator.as_str().to_owned(),
                right: *right,
            })
            .collect();
        let movers = self.movers(alert);
        let exemplars = self.exemplars(alert);
        let targets = self.targets(alert);
        let neighbours = self.neighbours(alert);
        let entities = self.entities(alert);
        Evidence {
            version: VERSION,
            id: key.to_string(),
            alert: AlertPart {
                labels: label_map(&alert.labels),
                annotations: label_map(&alert.annotations),
                value: Number(alert.value),
                active_at: alert.active_at_ms,
                fired_at: alert.fired_at_ms,
            },
            rule: RulePart {
                name: rule.name.clone(),
                group: rule.group.clone(),
                file: rule.file.display().to_string(),
                line: rule.line,
                query: rule.query.text().to_owned(),
                for_seconds: rule.for_ms as f64 / 1e3,
            },
            gathered_at: self.sources.clock.now_ms(),
            gathered_in_seconds: began.elapsed().as_secs_f64(),
            operands,
            comparisons,
            movers,
            exemplars,
            neighbours,
            targets,
            entities,
            gaps: self.gaps.borrow().iter().cloned().collect(),
        }
    }

    fn operand(&self, expr: &Expr, alert: &FiredAlert) -> OperandPart {
        let query = expr.to_string();
        let answer = self.ask(expr, false);
        let constant = is_constant(expr)
            .then(|| answer.first()?.samples.values.last().copied().map(Number))
            .flatten();
        if constant.is_some() {
            return OperandPart {
                query,
                constant,
                lines: Vec::new(),
                left_out: 0,
            };
        }
        let (mut own, mut others): (Vec<&MatrixSeries>, Vec<&MatrixSeries>) = answer
            .iter()
            .partition(|series| self.is_own(&series.labels, &alert.labels));
        for lines in [&mut own, &mut others] {
            lines.sort_by(|a, b| last(b).total_cmp(&last(a)));
        }
        let count = own.len() + others.len();
        own.truncate(OWN_LINES_MAX);
        others.truncate(OTHER_LINES_MAX);
        let line = |series: &MatrixSeries, is_own| LinePart {
            labels: label_map(&series.labels),
            is_own,
            points: points(series),
        };
        let lines: Vec<LinePart> = own
            .into_iter()
            .map(|series| line(series, true))
            .chain(others.into_iter().map(|series| line(series, false)))
            .collect();
        OperandPart {
            query,
            constant,
            left_out: count - lines.len(),
            lines,
        }
    }

    /// Labels that tell the series behind the operands of an alert apart, and that it does not have.
    fn split_labels(&self, alert: &FiredAlert) -> Vec<String> {
        let mut values: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let own = self.series.iter();
        for series in own.filter(|series| self.is_own(series, &alert.labels)) {
            for (name, value) in series {
                let known = values.entry(name).or_default();
                if known.len() <= SPLIT_VALUES_MAX {
                    known.insert(value);
                }
            }
        }
        let tells = |name: &str, count: usize| {
            (2..=SPLIT_VALUES_MAX).contains(&count)
                && ![METRIC_NAME, "le", "quantile"].contains(&name)
                && (alert.labels.get(name).is_none() || self.is_added(name))
        };
        let mut labels: Vec<(usize, &str)> = values
            .into_iter()
            .map(|(name, values)| (values.len(), name))
            .filter(|(count, name)| tells(name, *count))
            .collect();
        labels.sort_unstable();
        let names = labels.into_iter().take(SPLITS_MAX);
        names.map(|(_, name)| name.to_owned()).collect()
    }

    fn movers(&self, alert: &FiredAlert) -> Vec<MoverPart> {
        let labels = self.split_labels(alert);
        let mut movers: Vec<MoverPart> = Vec::new();
        for (operand, expr) in self.inputs.operands.iter().enumerate() {
            for label in &labels {
                let Some(moved) = self.moved(expr, label, alert) else {
                    continue;
                };
                if moved.score < SCORE_MIN {
                    continue;
                }
                let left_out = moved.parts.len().saturating_sub(MOVED_VALUES_MAX);
                let values = moved.parts.into_iter().take(MOVED_VALUES_MAX);
                movers.push(MoverPart {
                    operand,
                    label: label.clone(),
                    adds_up: moved.adds_up,
                    score: moved.score,
                    values: values
                        .map(|(part, share)| MovedValue {
                            value: part.value,
                            before: part.shown_before.map(Number),
                            now: part.shown_now.map(Number),
                            share,
                        })
                        .collect(),
                    left_out,
                });
            }
        }
        movers.sort_by(|a, b| b.score.total_cmp(&a.score));
        movers.truncate(MOVERS_MAX);
        movers
    }

    /// How an operand moved, split by a label.
    fn moved(&self, expr: &Expr, label: &str, alert: &FiredAlert) -> Option<Moved> {
        let shown = self.levels(&split(expr, label)?, Some(label), alert);
        let part = |value: &String, shown: Levels, before: f64, now: f64| Part {
            value: value.clone(),
            shown_before: shown.before,
            shown_now: shown.now,
            before,
            now,
        };
        let nothing = Levels::default();
        match whole(expr) {
            Whole::Sum => {
                let parts: Vec<Part> = shown
                    .iter()
                    .map(|(value, levels)| part(value, *levels, levels.before(), levels.now()))
                    .collect();
                let total = sums(&parts);
                rank(parts, total, true)
            }
            Whole::Ratio {
                numerator,
                denominator,
            } => {
                let numerators = self.levels(&split(numerator, label)?, Some(label), alert);
                let all = self.levels(denominator, None, alert);
                let all = all.get("").copied().unwrap_or(nothing);
                let over = |level: Option<f64>, all: f64| level.map(|level| zero_or(level / all));
                let parts: Vec<Part> = numerators
                    .iter()
                    .map(|(value, levels)| {
                        let part_of_whole = Levels {
                            before: over(levels.before, all.before()),
                            now: over(levels.now, all.now()),
                        };
                        // Where the denominator has no such label, a value has no ratio of its own.
                        let shown = shown.get(value).copied().unwrap_or(if shown.is_empty() {
                            part_of_whole
                        } else {
                            nothing
                        });
                        part(value, shown, part_of_whole.before(), part_of_whole.now())
                    })
                    .collect();
                let total = sums(&parts);
                rank(parts, total, true)
            }
            Whole::Other => {
                let all = self.levels(expr, None, alert);
                let all = all.get("").copied()?;
                let (before, now) = (all.before?, all.now?);
                // A value that is new is measured by what was usual, one that is gone does not count.
                let parts = shown.iter().filter_map(|(value, levels)| {
                    let now = levels.now?;
                    Some(part(value, *levels, levels.before.unwrap_or(before), now))
                });
                rank(parts.collect(), (before, now), false)
            }
        }
    }

    /// The levels of an alert's part of an expression by the values of a label; all under `""` where
    /// there is none.
    fn levels(
        &self,
        expr: &Expr,
        label: Option<&str>,
        alert: &FiredAlert,
    ) -> BTreeMap<String, Levels> {
        let answer = self.ask(expr, true);
        let mut found: BTreeMap<String, Levels> = BTreeMap::new();
        let own = answer.iter();
        for series in own.filter(|series| self.is_own(&series.labels, &alert.labels)) {
            let value = label.and_then(|label| series.labels.get(label));
            let levels = Levels::of(series, alert.active_at_ms, self.turn.query_ms);
            let known = found.entry(value.unwrap_or_default().to_owned());
            known.or_default().add(levels);
        }
        found
    }

    /// The exemplars of the series behind the operands of all alerts.
    fn found_exemplars(&self) -> &[ExemplarSeries] {
        self.exemplars.get_or_init(|| {
            let matcher_sets = self.matcher_sets();
            if matcher_sets.is_empty() || self.is_over() {
                return Vec::new();
            }
            let end_ms = self.turn.query_ms;
            let found = self.sources.store.exemplars(&LabelQuery {
                matcher_sets: &matcher_sets,
                range: TimeRange::new(end_ms - EXEMPLAR_SPAN_MS, end_ms),
                limit: SERIES_MAX,
            });
            found.unwrap_or_else(|error| {
                self.gap(format!("exemplars cannot be read: {error}"));
                Vec::new()
            })
        })
    }

    fn exemplars(&self, alert: &FiredAlert) -> Vec<ExemplarPart> {
        let found = self.found_exemplars();
        let mut exemplars = Vec::new();
        for series in found {
            if !self.is_own(&series.labels, &alert.labels) {
                continue;
            }
            exemplars.extend(series.exemplars.iter().map(|exemplar| (series, exemplar)));
        }
        exemplars.sort_by(|(_, a), (_, b)| {
            let by_value = b.value.total_cmp(&a.value);
            by_value.then(b.timestamp_ms.cmp(&a.timestamp_ms))
        });
        // Classic buckets keep the same example in several series.
        let mut seen: BTreeSet<(i64, &Labels)> = BTreeSet::new();
        exemplars.retain(|(_, exemplar)| seen.insert((exemplar.timestamp_ms, &exemplar.labels)));
        let exemplars = exemplars.into_iter().take(EXEMPLARS_MAX);
        exemplars
            .map(|(series, exemplar)| ExemplarPart {
                series: label_map(&series.labels),
                labels: label_map(&exemplar.labels),
                value: Number(exemplar.value),
                time: exemplar.timestamp_ms,
            })
            .collect()
    }

    fn targets(&self, alert: &FiredAlert) -> Vec<TargetPart> {
        let own = self.series.iter();
        let pairs: BTreeSet<(&str, &str)> = own
            .filter(|series| self.is_own(series, &alert.labels))
            .chain(std::iter::once(&alert.labels))
            .filter_map(|labels| Some((labels.get("job")?, labels.get("instance")?)))
            .collect();
        if pairs.len() > TARGETS_MAX {
            let count = pairs.len();
            self.gap(format!(
                "{TARGETS_MAX} of {count} targets behind the rule are shown"
            ));
        }
        let pairs = pairs.into_iter().take(TARGETS_MAX);
        pairs
            .map(|(job, instance)| self.target(job, instance))
            .collect()
    }

    fn target(&self, job: &str, instance: &str) -> TargetPart {
        let quoted = |text: &str| {
            text.replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n")
        };
        let query = format!(
            "up{{job=\"{}\",instance=\"{}\"}}",
            quoted(job),
            quoted(instance)
        );
        let up = self.range(&query, false);
        let up = up.first().map(points).unwrap_or_default();
        let by_series = match up.last() {
            Some((_, Number(value))) if *value > 0.0 => "up",
            Some(_) => "down",
            None => "unknown",
        };
        let known = self.sources.testimony.targets.iter().find(|target| {
            let label = |name| target.labels.get(name);
            label("job") == Some(job) && label("instance") == Some(instance)
        });
        let (job, instance) = (job.to_owned(), instance.to_owned());
        match known {
            Some(target) => TargetPart {
                job,
                instance,
                url: target.url.clone(),
                health: target.health.to_owned(),
                last_error: target.last_error.clone(),
                last_scrape: target.last_scrape_ms,
                last_scrape_seconds: target.last_scrape_seconds,
                up,
            },
            None => TargetPart {
                job,
                instance,
                url: String::new(),
                health: by_series.to_owned(),
                last_error: String::new(),
                last_scrape: None,
                last_scrape_seconds: 0.0,
                up,
            },
        }
    }

    fn entities(&self, alert: &FiredAlert) -> Vec<EntityPart> {
        let known = &self.sources.testimony.entities;
        let (parts, count) = entities::of_alert(&alert.labels, known);
        if parts.len() < count {
            self.gap(format!("{} of {count} entities are shown", parts.len()));
        }
        parts
    }

    fn neighbours(&self, alert: &FiredAlert) -> Vec<NeighbourPart> {
        let mut found: Vec<NeighbourPart> = Vec::new();
        for other in &self.sources.testimony.firing {
            // The alert itself has some labels more for others.
            let is_itself = alert
                .labels
                .iter()
                .all(|(name, value)| other.labels.get(name) == Some(value));
            if is_itself {
                continue;
            }
            let shared: Vec<String> = ENTITY_LABELS
                .into_iter()
                .filter(|name| {
                    let value = alert.labels.get(name);
                    value.is_some() && other.labels.get(name) == value
                })
                .map(str::to_owned)
                .collect();
            if !shared.is_empty() {
                found.push(NeighbourPart {
                    labels: label_map(&other.labels),
                    summary: other.summary.clone(),
                    starts_at: other.starts_ms,
                    shared,
                });
            }
        }
        found.sort_by(|a, b| {
            let by_shared = b.shared.len().cmp(&a.shared.len());
            by_shared.then(b.starts_at.cmp(&a.starts_at))
        });
        if found.len() > NEIGHBOURS_MAX {
            let count = found.len();
            self.gap(format!(
                "{NEIGHBOURS_MAX} of {count} other alerts are shown"
            ));
        }
        found.truncate(NEIGHBOURS_MAX);
        found
    }
}

/// A series before an alert's condition held, and now.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Levels {
    before: Option<f64>,
    now: Option<f64>,
}

impl Levels {
    /// The average over the hour before `active_at_ms`, and the value at `now_ms`.
    fn of(series: &MatrixSeries, active_at_ms: i64, now_ms: i64) -> Self {
        let first_ms = now_ms.saturating_sub(LOOK_BACK_MS_MAX);
        let end_ms = active_at_ms.max(first_ms.saturating_add(SPAN_MS));
        let hour = end_ms.saturating_sub(SPAN_MS)..end_ms;
        let (mut sum, mut count, mut now) = (0.0, 0u32, None);
        for (time_ms, value) in series.samples.times_ms.iter().zip(&series.samples.values) {
            if !value.is_finite() {
                continue;
            }
            if *time_ms == now_ms {
                now = Some(*value);
            } else if hour.contains(time_ms) {
                sum += value;
                count += 1;
            }
        }
        Self {
            before: (count > 0).then(|| sum / f64::from(count)),
            now,
        }
    }

    fn add(&mut self, other: Self) {
        let sum = |a: Option<f64>, b: Option<f64>| match (a, b) {
            (Some(a), Some(b)) => Some(a + b),
            (a, b) => a.or(b),
        };
        self.before = sum(self.before, other.before);
        self.now = sum(self.now, other.now);
    }

    fn before(self) -> f64 {
        self.before.unwrap_or(0.0)
    }

    fn now(self) -> f64 {
        self.now.unwrap_or(0.0)
    }
}

fn sums(parts: &[Part]) -> (f64, f64) {
    let before = parts.iter().map(|part| part.before).sum();
    (before, parts.iter().map(|part| part.now).sum())
}

fn zero_or(value: f64) -> f64 {
    if value.is_finite() { value } else { 0.0 }
}

/// Whether an expression has the same value at all times.
fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) => true,
        Expr::Paren(_) | Expr::Unary(_) | Expr::Binary(_) => {
            expr.children().into_iter().all(is_constant)
        }
        _ => false,
    }
}

fn last(series: &MatrixSeries) -> f64 {
    series
        .samples
        .values
        .last()
        .copied()
        .unwrap_or(f64::NEG_INFINITY)
}

fn points(series: &MatrixSeries) -> Vec<(i64, Number)> {
    let samples = &series.samples;
    let points = samples.times_ms.iter().zip(&samples.values);
    points
        .map(|(time_ms, value)| (*time_ms, Number(*value)))
        .collect()
}
