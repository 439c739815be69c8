//! One rule as it is evaluated.

use std::cell::OnceCell;
use std::sync::Arc;

use bellwether_model::{Alert, Labels, LabelsBuilder, METRIC_NAME, Value};
use bellwether_promql::{CancelToken, Prepared, VectorSample};
use bellwether_storage::{Source, TimelineKind};
use bellwether_template::Functions;
use bellwether_template::functions::prometheus::RuleData;
use rustc_hash::FxHashMap;

use crate::alerting::{
    AlertState, AlertingRule, AlertingState, Candidate, Transition, alert_labels, alerts_series,
    for_state_series,
};
use crate::error::{EvaluationError, RulePlace, RulesError};
use crate::evidence::{EVIDENCE_ANNOTATION, FiredAlert, evidence_key};
use crate::keeper::RuleIdentity;
use crate::link::table_link;
use crate::output::{Aspect, Output, Part};
use crate::settings::{GroupSettings, RuleKind, RuleSettings};
use crate::snapshot::{AlertSnapshot, RuleHealth, RuleInfo, RuleSnapshot};
use crate::texts::{Dependence, Texts};
use crate::world::{Externals, World, functions_at, template_value};

/// An evaluation of a group.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) world: &'a World,
    pub(crate) externals: &'a Externals,
    pub(crate) source: &'a Source,
    pub(crate) cancel: &'a CancelToken,
    /// The time of the evaluation.
    pub(crate) time_ms: i64,
    /// The time of queries and samples.
    pub(crate) query_ms: i64,
    pub(crate) interval_ms: i64,
    pub(crate) limit: usize,
}

/// What an evaluation gave beside samples.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) transitions: Vec<Transition>,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) sample_count: u64,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) info: Arc<RuleInfo>,
    pub(crate) identity: RuleIdentity,
    pub(crate) query: Prepared,
    pub(crate) work: Work,
    pub(crate) output: Output,
    pub(crate) status: RuleStatus,
}

/// How the last evaluation went.
#[derive(Debug, Clone, Default)]
pub(crate) struct RuleStatus {
    pub(crate) health: RuleHealth,
    pub(crate) last_error: String,
    pub(crate) last_evaluation_ms: Option<i64>,
    pub(crate) seconds: f64,
}

#[derive(Debug)]
pub(crate) enum Work {
    Record {
        name: String,
        labels: Vec<(String, String)>,
    },
    Alert(Box<AlertWork>),
}

/// The part of an alerting rule.
#[derive(Debug)]
pub(crate) struct AlertWork {
    pub(crate) name: String,
    pub(crate) rule: AlertingRule,
    labels: (Texts, Dependence),
    annotations: (Texts, Dependence),
    /// What was made of the elements of the last result.
    rendered: FxHashMap<Labels, Rendered>,
    round: u64,
    pub(crate) state: AlertingState,
    /// Whether the state is whole: series are written from then on only.
    pub(crate) is_restored: bool,
    generator_url: String,
}

#[derive(Debug, Default)]
struct Rendered {
    labels: Labels,
    annotations: Labels,
    /// The value that they were made with; `None` where it was a histogram.
    value_bits: Option<u64>,
    round: u64,
}

/// The labels that a rule adds: those of its group first, so that its own go over them. By name.
pub(crate) fn merged_labels(group: &GroupSettings, rule: &RuleSettings) -> Vec<(String, String)> {
    let mut merged = std::collections::BTreeMap::new();
    for (name, value) in group.labels.iter().chain(&rule.labels) {
        merged.insert(name.clone(), value.clone());
    }
    merged.into_iter().collect()
}

impl Rule {
    pub(crate) fn new(
        group: &GroupSettings,
        settings: &RuleSettings,
        identity: RuleIdentity,
        world: &World,
        externals: &Externals,
    ) -> Result<Self, RulesError> {
        let place = || {
            Box::new(RulePlace {
                file: group.file.clone(),
                line: settings.line,
                group: group.name.clone(),
                rule: settings.name().to_owned(),
            })
        };
        let query = world
            .engine
            .prepare(&settings.expr)
            .map_err(|source| RulesError::Query {
                place: place(),
                source: Box::new(source),
            })?;
        let labels = merged_labels(group, settings);
        let text = query.expr().to_string();
        let info = Arc::new(RuleInfo {
            kind: settings.kind.clone(),
            labels: Labels::from_pairs(labels.iter().map(|(n, v)| (n, v))),
            line: settings.line,
            query: text,
        });
        let work = match &settings.kind {
            RuleKind::Record { name } => Work::Record {
                name: name.clone(),
                labels,
            },
            RuleKind::Alert {
                name,
                for_ms,
                keep_firing_for_ms,
                annotations,
            } => {
                let parse = |what, pairs: &[(String, String)]| {
                    Texts::parse(name, pairs, &externals.library).map_err(|(name, source)| {
                        RulesError::Template {
                            place: place(),
                            what,
                            name,
                            source: Box::new(source),
                        }
                    })
                };
                let link = table_link(&info.query);
                Work::Alert(Box::new(AlertWork {
                    name: name.clone(),
                    rule: AlertingRule {
                        for_ms: *for_ms,
                        keep_firing_for_ms: *keep_firing_for_ms,
                        limit: group.limit,
                    },
                    labels: parse("label", &labels)?,
                    annotations: parse("annotation", annotations)?,
                    rendered: FxHashMap::default(),
                    round: 0,
                    state: AlertingState::default(),
                    is_restored: true,
                    generator_url: format!("{}{link}", externals.url),
                }))
            }
        };
        Ok(Self {
            info,
            identity,
            query,
            work,
            output: Output::default(),
            status: RuleStatus::default(),
        })
    }

    /// Whether the templates of the rule may ask queries.
    pub(crate) fn asks_queries(&self) -> bool {
        match &self.work {
            Work::Record { .. } => false,
            Work::Alert(alert) => alert.labels.1.is_of_moment || alert.annotations.1.is_of_moment,
        }
    }

    pub(crate) fn alert(&self) -> Option<&AlertWork> {
        match &self.work {
            Work::Record { .. } => None,
            Work::Alert(alert) => Some(alert),
        }
    }

    pub(crate) fn alert_mut(&mut self) -> Option<&mut AlertWork> {
        match &mut self.work {
            Work::Record { .. } => None,
            Work::Alert(alert) => Some(alert),
        }
    }

    /// Evaluates the rule. Its samples go to `part`; they count once the output is told.
    pub(crate) fn evaluate(
        &mut self,
        turn: &Turn<'_>,
        part: &mut Part,
        given: &mut Given,
    ) -> Result<(), EvaluationError> {
        let found = turn.world.query(&self.query, turn.query_ms, turn.cancel)?;
        self.output.begin();
        match &mut self.work {
            Work::Record { name, labels } => {
                record(name, labels, found, turn, &mut self.output, part)?;
            }
            Work::Alert(alert) => {
                alert.take(found, turn, given)?;
                alert.write(turn, &mut self.output, part);
            }
        }
        given.sample_count = part.batch.sample_count() as u64;
        self.output.push_markers(turn.query_ms, part);
        Ok(())
    }

    pub(crate) fn snapshot(&self) -> RuleSnapshot {
        let alerts = self.alert().map(|alert| {
            let live = alert.state.live();
            live.map(|(labels, alert)| AlertSnapshot {
                labels: labels.clone(),
                annotations: alert.annotations.clone(),
                state: alert.state,
                active_at_ms: alert.active_at_ms,
                keep_firing_since_ms: alert.keep_firing_since_ms,
                value: alert.value,
            })
        });
        RuleSnapshot {
            info: Arc::clone(&self.info),
            health: self.status.health,
            last_error: self.status.last_error.clone(),
            last_evaluation_ms: self.status.last_evaluation_ms,
            evaluation_seconds: self.status.seconds,
            alerts: alerts.into_iter().flatten().collect(),
        }
    }
}

/// Writes the result of a recording rule.
fn record(
    name: &str,
    labels: &[(String, String)],
    found: Vec<VectorSample>,
    turn: &Turn<'_>,
    output: &mut Output,
    part: &mut Part,
) -> Result<(), EvaluationError> {
    let count = found.len();
    if turn.limit > 0 && count > turn.limit {
        let limit = turn.limit;
        return Err(EvaluationError::Limit { limit, count });
    }
    let target = (turn.world.store.as_ref(), turn.source);
    for sample in found {
        let make = || recorded_labels(&sample.labels, name, labels);
        let value = (turn.query_ms, sample.value);
        output.push(&sample.labels, Aspect::Recorded, make, target, value, part);
    }
    match output.duplicate() {
        None => Ok(()),
        Some(labels) => {
            output.abandon();
            part.batch.clear();
            Err(EvaluationError::Duplicate { labels })
        }
    }
}

/// The labels of a recorded series: those of the element, the rule's over them, its name.
pub(crate) fn recorded_labels(element: &Labels, name: &str, labels: &[(String, String)]) -> Labels {
    let mut builder = element.to_builder();
    builder.set(METRIC_NAME, name);
    for (label, value) in labels {
        builder.set(label, value);
    }
    builder.build()
}

impl AlertWork {
    /// Takes in the elements that the query gave.
    fn take(
        &mut self,
        found: Vec<VectorSample>,
        turn: &Turn<'_>,
        given: &mut Given,
    ) -> Result<(), EvaluationError> {
        let candidates = self.candidates(found, turn);
        let transitions = &mut given.transitions;
        self.state
            .advance(self.rule, candidates, turn.time_ms, transitions)?;
        if turn.world.sink.is_some() {
            let resend_ms = turn.world.options.resend_delay_ms;
            let url = &self.generator_url;
            given.alerts = self
                .state
                .to_send(turn.time_ms, resend_ms, turn.interval_ms, url);
            link_evidence(&mut given.alerts, turn.world, turn.externals);
        }
        Ok(())
    }

    /// Those of the alerts that fire since this turn.
    pub(crate) fn fired(&self, transitions: &[Transition]) -> Vec<FiredAlert> {
        let firing = transitions
            .iter()
            .filter(|transition| transition.kind == TimelineKind::Firing);
        firing
            .filter_map(|transition| {
                let alert = self.state.get(&transition.labels)?;
                Some(FiredAlert {
                    labels: transition.labels.clone(),
                    annotations: alert.annotations.clone(),
                    value: alert.value,
                    active_at_ms: alert.active_at_ms,
                    fired_at_ms: alert.fired_at_ms?,
                })
            })
            .collect()
    }

    /// What has to be sent of alerts that were kept, before the first evaluation.
    pub(crate) fn send_at_start(
        &mut self,
        now_ms: i64,
        resend_ms: i64,
        interval_ms: i64,
    ) -> Vec<Alert> {
        let url = &self.generator_url;
        self.state.to_send(now_ms, resend_ms, interval_ms, url)
    }

    /// Whether its labels may be others though the elements are the same.
    pub(crate) fn labels_follow_values(&self) -> bool {
        !self.labels.1.is_plain
    }

    /// When a state changes though the elements stay the same, ms; `i64::MAX`: never.
    pub(crate) fn next_change_ms(&self) -> i64 {
        let changes = self
            .state
            .live()
            .filter_map(|(_, alert)| match alert.state {
                AlertState::Pending => Some(alert.active_at_ms.saturating_add(self.rule.for_ms)),
                _ => {
                    let since_ms = alert.keep_firing_since_ms?;
                    Some(since_ms.saturating_add(self.rule.keep_firing_for_ms))
                }
            });
        changes.min().unwrap_or(i64::MAX)
    }

    /// The alerts that the elements are. Texts are expanded where they may have changed.
    pub(crate) fn candidates(
        &mut self,
        found: Vec<VectorSample>,
        turn: &Turn<'_>,
    ) -> Vec<Candidate> {
        self.round += 1;
        let round = self.round;
        let functions = OnceCell::new();
        let functions = || {
            functions
                .get_or_init(|| functions_at(turn.world, turn.externals, turn.time_ms, turn.cancel))
        };
        let count = found.len();
        let mut candidates = Vec::with_capacity(count);
        for sample in found {
            let (value, value_bits) = match &sample.value {
                Value::Float(value) => (*value, Some(value.to_bits())),
                Value::Histogram(_) => (0.0, None),
            };
            let known = self.rendered.get(&sample.labels);
            let same_value =
                value_bits.is_some() && known.is_some_and(|known| known.value_bits == value_bits);
            let stays = |dependence: Dependence| {
                known.is_some() && (dependence.is_plain || same_value && !dependence.is_of_moment)
            };
            let labels_stay = stays(self.labels.1);
            let made = if labels_stay && stays(self.annotations.1) {
                None
            } else {
                let kept_labels = known.filter(|_| labels_stay).map(|k| k.labels.clone());
                let data = bellwether_template::Value::object(RuleData {
                    labels: sample.labels.clone(),
                    external_labels: turn.externals.given.external_labels.clone(),
                    external_url: Arc::clone(&turn.externals.url),
                    value: template_value(&sample.value),
                });
                Some(render(
                    (&self.labels.0, &self.annotations.0),
                    &sample.labels,
                    &self.name,
                    kept_labels,
                    (&data, functions()),
                ))
            };
            let rendered = self.rendered.entry(sample.labels).or_default();
            if let Some((labels, annotations)) = made {
                rendered.labels = labels;
                rendered.annotations = annotations;
            }
            rendered.value_bits = value_bits;
            rendered.round = round;
            candidates.push(Candidate {
                labels: rendered.labels.clone(),
                annotations: rendered.annotations.clone(),
                value,
            });
        }
        if self.rendered.len() > count {
            self.rendered.retain(|_, rendered| rendered.round == round);
        }
        candidates
    }

    /// Writes the series of the alerts.
    fn write(&self, turn: &Turn<'_>, output: &mut Output, part: &mut Part) {
        if !self.is_restored {
            return;
        }
        let target = (turn.world.store.as_ref(), turn.source);
        for (labels, alert) in self.state.live() {
            let aspect = match alert.state {
                AlertState::Firing => Aspect::Firing,
                _ => Aspect::Pending,
            };
            let one = (turn.query_ms, Value::Float(1.0));
            let make = || alerts_series(labels, alert.state);
            output.push(labels, aspect, make, target, one, part);
            let since = alert.active_at_ms.div_euclid(1_000) as f64;
            let since = (turn.query_ms, Value::Float(since));
            let make = || for_state_series(labels);
            output.push(labels, Aspect::ForState, make, target, since, part);
        }
    }

    /// Labels of the rule that are no templates: what all its alerts have.
    pub(crate) fn fixed_labels(info: &RuleInfo) -> LabelsBuilder {
        let mut builder = LabelsBuilder::default();
        for (name, value) in info.labels.iter().filter(|(_, v)| !v.contains("{{")) {
            builder.set(name, value);
        }
        builder
    }
}

/// Says where the evidence of alerts is, but where the rule itself does.
pub(crate) fn link_evidence(alerts: &mut [Alert], world: &World, externals: &Externals) {
    if world.evidence.is_none() {
        return;
    }
    for alert in alerts {
        if alert.annotations.get(EVIDENCE_ANNOTATION).is_none() {
            let key = evidence_key(&alert.labels, alert.starts_ms);
            let link = format!("{}/evidence/{key}", externals.url);
            let mut annotations = alert.annotations.to_builder();
            alert.annotations = annotations.set(EVIDENCE_ANNOTATION, &link).build();
        }
    }
}

fn render(
    (labels, annotations): (&Texts, &Texts),
    element: &Labels,
    name: &str,
    kept_labels: Option<Labels>,
    (data, functions): (&bellwether_template::Value, &Functions),
) -> (Labels, Labels) {
    let labels = kept_labels.unwrap_or_else(|| {
        let expanded: Vec<_> = labels.expand(data, functions).collect();
        let pairs = expanded.iter().map(|(name, value)| (*name, value.as_ref()));
        alert_labels(element, pairs, name)
    });
    let annotations = Labels::from_pairs(annotations.expand(data, functions));
    (labels, annotations)
}
