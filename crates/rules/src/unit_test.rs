//! Unit tests of rules, in the format of `promtool test rules`.
//!
//! ## Model
//! A [`RuleTest`] has series, which are there sample by sample as time goes on; groups are evaluated
//! at equal distances by the code that a server runs; and alerts and queries are compared with what is
//! expected at some of these times.
//!
//! ## Invariants
//! A test that passes passes with promtool, and the other way round, with these differences: NaN is
//! equal to NaN, and a query may hold more than 10,000 samples.
//!
//! ## See also
//! <https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/>.

mod compare;
mod load;
mod objectives;

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::time::DurationText;
use bellwether_model::{ALERT_NAME, Labels, Value};
use bellwether_promql::promqltest::parse_series;
use bellwether_promql::{
    CancelToken, Engine, EngineOptions, Features, QueryRequest, QueryValue, VectorSample,
};
use bellwether_storage::{ManualClock, MemoryStore, MetricStore};

use crate::alerting::AlertState;
use crate::error::RulesError;
use crate::group::Group;
use crate::objective::ObjectiveSettings;
use crate::settings::GroupSettings;
use crate::snapshot::{GroupSnapshot, RuleHealth};
use crate::world::{Surroundings, World};

use compare::{ShownAlert, ShownSample, ShownValue, difference};
use load::Inputs;

/// What all tests of a file share.
#[derive(Debug, Clone)]
pub struct TestSettings {
    /// Time between two evaluations of all groups, ms; above 0.
    pub evaluation_interval_ms: i64,
    /// Names of groups in the order in which they are evaluated; others come first, in their own.
    pub group_eval_order: Vec<String>,
    /// Whether floats that are neighbours are equal.
    pub fuzzy_compare: bool,
    /// Parts of the language that are switched on.
    pub features: Features,
    /// How a failure shows what is different.
    pub style: FailureStyle,
    /// Objectives that tests may ask for. Their groups are among those that tests are run with.
    pub objectives: Vec<ObjectiveSettings>,
}

/// How a failure shows what is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FailureStyle {
    /// All that was expected, and all that came.
    #[default]
    Whole,
    /// Only lines that differ, with `-` and `+` in front.
    Difference,
}

/// One test.
#[derive(Debug, Clone, Default)]
pub struct RuleTest {
    /// Its name; may be empty.
    pub name: String,
    /// Time between two samples of the series, ms; above 0.
    pub interval_ms: i64,
    /// When it begins, ms.
    pub start_ms: i64,
    /// Series and their values, in the notation of promqltest.
    pub input_series: Vec<(String, String)>,
    /// What is expected of alerts.
    pub alert_tests: Vec<AlertTest>,
    /// What is expected of queries.
    pub query_tests: Vec<QueryTest>,
    /// What is expected of objectives.
    pub objective_tests: Vec<ObjectiveTest>,
    /// `$externalLabels`.
    pub external_labels: Labels,
    /// `$externalURL`.
    pub external_url: String,
}

/// Which alerts of a name fire at a time.
#[derive(Debug, Clone, Default)]
pub struct AlertTest {
    /// When, ms after the start.
    pub eval_time_ms: i64,
    /// The name.
    pub alertname: String,
    /// Labels, without the name, and annotations of each.
    pub expected: Vec<(Labels, Labels)>,
}

/// What a query gives at a time.
#[derive(Debug, Clone, Default)]
pub struct QueryTest {
    /// The query.
    pub expr: String,
    /// When, ms after the start.
    pub eval_time_ms: i64,
    /// What it gives, in any order.
    pub expected: Vec<ExpectedSample>,
}

/// How a budget stands at a time. What is not said may be anything.
#[derive(Debug, Clone, Default)]
pub struct ObjectiveTest {
    /// When, ms after the start.
    pub eval_time_ms: i64,
    /// The objective, as `service/name`, or its name where no other has it.
    pub objective: String,
    /// Which of its budgets, where it has several: values of `group_by`.
    pub labels: Labels,
    /// The verdict, as the API has it.
    pub verdict: Option<String>,
    /// What is left, as a part of the budget.
    pub budget_left: Option<f64>,
    /// Events of the period, all and bad ones.
    pub events: Option<f64>,
    /// See [`ObjectiveTest::events`].
    pub bad_events: Option<f64>,
}

/// An element that a query gives.
#[derive(Debug, Clone, Default)]
pub struct ExpectedSample {
    /// Its labels, as a selector is written; empty: none.
    pub labels: String,
    /// Its value, where it is a float.
    pub value: f64,
    /// Its value in the notation of promqltest, where it is a histogram; else empty.
    pub histogram: String,
}

/// How a test went.
#[derive(Debug, Default)]
pub struct TestOutcome {
    /// What was not as expected; none: it passed.
    pub failures: Vec<String>,
    /// The store as the test has left it, with its last time.
    pub store: Option<(Arc<dyn MetricStore>, i64)>,
}

impl RuleTest {
    /// When it ends, ms after the start.
    #[must_use]
    pub fn length_ms(&self) -> i64 {
        let alerts = self.alert_tests.iter().map(|test| test.eval_time_ms);
        let queries = self.query_tests.iter().map(|test| test.eval_time_ms);
        let objectives = self.objective_tests.iter().map(|test| test.eval_time_ms);
        let all = alerts.chain(queries).chain(objectives);
        all.max().unwrap_or(0).max(0)
    }

    /// Runs the test with these groups.
    #[must_use]
    pub fn run(&self, groups: &[GroupSettings], settings: &TestSettings) -> TestOutcome {
        let mut failures = Vec::new();
        let store = match Run::new(self, groups, settings) {
            Ok(mut run) => {
                run.go(&mut failures);
                let store = Arc::<MemoryStore>::clone(&run.store);
                let end_ms = self.start_ms.saturating_add(self.length_ms());
                Some((store as Arc<dyn MetricStore>, end_ms))
            }
            Err(failure) => {
                failures.push(failure);
                None
            }
        };
        TestOutcome { failures, store }
    }
}

/// A test that runs.
struct Run<'a> {
    test: &'a RuleTest,
    settings: &'a TestSettings,
    store: Arc<MemoryStore>,
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    inputs: Inputs,
    groups: Vec<Group>,
}

impl<'a> Run<'a> {
    fn new(
        test: &'a RuleTest,
        groups: &[GroupSettings],
        settings: &'a TestSettings,
    ) -> Result<Self, String> {
        for alert in &test.alert_tests {
            if alert.alertname.is_empty() {
                let name = match test.name.as_str() {
                    "" => String::new(),
                    name => format!(" (in TestGroup {name})"),
                };
                return Err(format!(
                    "an item under alert_rule_test misses required attribute alertname at \
                     eval_time {}{name}",
                    DurationText(alert.eval_time_ms)
                ));
            }
        }
        let inputs = Inputs::parse(&test.input_series, test.start_ms, test.interval_ms)?;
        let store = Arc::new(MemoryStore::new());
        let engine = Arc::new(Engine::new(EngineOptions {
            features: settings.features,
            subquery_step_ms: settings.evaluation_interval_ms,
            threads: 1,
            ..EngineOptions::default()
        }));
        let clock = Arc::new(ManualClock::new(test.start_ms));
        let world = World::closed(
            Arc::<MemoryStore>::clone(&store),
            Arc::clone(&engine),
            Arc::<ManualClock>::clone(&clock),
        );
        let surroundings = Surroundings {
            external_labels: test.external_labels.clone(),
            external_url: test.external_url.clone(),
            query_offset_ms: 0,
        };
        let groups = groups
            .iter()
            .map(|group| Group::new(group.clone(), &world, &surroundings));
        let mut groups = groups
            .collect::<Result<Vec<Group>, RulesError>>()
            .map_err(|error| error.to_string())?;
        let order = |name: &str| {
            let mut named = settings.group_eval_order.iter();
            named.position(|other| other == name).unwrap_or(0)
        };
        groups.sort_by_key(|group| order(&group.settings().name));
        Ok(Self {
            test,
            settings,
            store,
            engine,
            clock,
            inputs,
            groups,
        })
    }

    fn go(&mut self, failures: &mut Vec<String>) {
        let interval_ms = self.settings.evaluation_interval_ms.max(1);
        let length_ms = self.test.length_ms();
        let mut alert_tests: Vec<&AlertTest> = self.test.alert_tests.iter().collect();
        alert_tests.sort_by_key(|test| test.eval_time_ms);
        let mut due = alert_tests.into_iter().peekable();
        let mut since_ms: i64 = 0;
        while since_ms <= length_ms {
            let time_ms = self.test.start_ms.saturating_add(since_ms);
            self.inputs.load_until(time_ms, &self.store);
            let snapshots = self.evaluate(time_ms);
            let broken = self.broken(&snapshots, time_ms);
            if !broken.is_empty() {
                failures.extend(broken);
                return;
            }
            // An alert is tested at the last evaluation at or before its time.
            let next_ms = since_ms.saturating_add(interval_ms);
            while let Some(test) = due.next_if(|test| test.eval_time_ms < next_ms) {
                failures.extend(self.check_alerts(test, &snapshots));
            }
            if next_ms <= since_ms {
                break;
            }
            since_ms = next_ms;
        }
        for test in &self.test.query_tests {
            failures.extend(self.check_query(test));
        }
        for test in &self.test.objective_tests {
            failures.extend(self.check_objective(test));
        }
    }

    fn evaluate(&self, time_ms: i64) -> Vec<Arc<GroupSnapshot>> {
        self.clock.set(time_ms);
        let evaluated = self.groups.iter().map(|group| {
            group.evaluate(time_ms, &CancelToken::default());
            group.snapshot()
        });
        evaluated.collect()
    }

    /// Rules that could not be evaluated.
    fn broken(&self, snapshots: &[Arc<GroupSnapshot>], time_ms: i64) -> Vec<String> {
        let rules = snapshots.iter().flat_map(|group| &group.rules);
        rules
            .filter(|rule| rule.health == RuleHealth::Err)
            .map(|rule| {
                format!(
                    "    rule: {}, time: {}, err: {}",
                    rule.info.kind.name(),
                    DurationText(time_ms),
                    rule.last_error
                )
            })
            .collect()
    }

    fn check_alerts(&self, test: &AlertTest, snapshots: &[Arc<GroupSnapshot>]) -> Option<String> {
        let rules = snapshots.iter().flat_map(|group| &group.rules);
        let of_name = rules
            .filter(|rule| rule.info.kind.is_alert() && rule.info.kind.name() == test.alertname);
        let firing = of_name
            .flat_map(|rule| &rule.alerts)
            .filter(|alert| alert.state == AlertState::Firing);
        let mut got: Vec<ShownAlert> = firing
            .map(|alert| ShownAlert(alert.labels.clone(), alert.annotations.clone()))
            .collect();
        let mut expected: Vec<ShownAlert> = test
            .expected
            .iter()
            .map(|(labels, annotations)| {
                let mut builder = labels.to_builder();
                builder.set(ALERT_NAME, &test.alertname);
                ShownAlert(builder.build(), annotations.clone())
            })
            .collect();
        got.sort();
        expected.sort();
        if got == expected {
            return None;
        }
        let name = match self.test.name.as_str() {
            "" => String::new(),
            name => format!("    name: {name},\n"),
        };
        Some(format!(
            "{name}    alertname: {}, time: {}, \n{}",
            test.alertname,
            DurationText(test.eval_time_ms),
            difference(&expected, &got, self.settings.style)
        ))
    }

    fn check_query(&self, test: &QueryTest) -> Option<String> {
        let head = format!(
            "    expr: {:?}, time: {},",
            test.expr,
            DurationText(test.eval_time_ms)
        );
        let mut got = match self.query(test) {
            Ok(samples) => samples,
            Err(error) => return Some(format!("{head} err: {error}")),
        };
        let expected: Result<Vec<ShownSample>, String> =
            test.expected.iter().map(expected_sample).collect();
        let mut expected = match expected {
            Ok(expected) => expected,
            Err(error) => return Some(format!("{head} err: {error}")),
        };
        got.sort_by(|a, b| a.labels.cmp(&b.labels));
        expected.sort_by(|a, b| a.labels.cmp(&b.labels));
        let is_fuzzy = self.settings.fuzzy_compare;
        let same = got.len() == expected.len()
            && expected
                .iter()
                .zip(&got)
                .all(|(a, b)| a.is_like(b, is_fuzzy));
        (!same).then(|| {
            format!(
                "{head}\n{}",
                difference(&expected, &got, self.settings.style)
            )
        })
    }

    fn query(&self, test: &QueryTest) -> Result<Vec<ShownSample>, String> {
        let time_ms = self.test.start_ms.saturating_add(test.eval_time_ms);
        let request = QueryRequest::default();
        let outcome = self
            .engine
            .instant(self.store.as_ref(), &test.expr, time_ms, &request)
            .map_err(|error| error.to_string())?;
        let samples = match outcome.value {
            QueryValue::Vector(samples) => samples,
            QueryValue::Scalar { time_ms, value } => vec![VectorSample {
                labels: Labels::empty(),
                time_ms,
                value: Value::Float(value),
            }],
            _ => return Err("rule result is not a vector or scalar".to_owned()),
        };
        let shown = samples.into_iter().map(|sample| ShownSample {
            labels: sample.labels,
            value: match sample.value {
                Value::Float(value) => ShownValue::Float(value),
                Value::Histogram(histogram) => ShownValue::Histogram(histogram.test_expression()),
            },
        });
        Ok(shown.collect())
    }
}

fn expected_sample(expected: &ExpectedSample) -> Result<ShownSample, String> {
    let fail = |error: String| format!("labels {:?}: {error}", expected.labels);
    let labels = match expected.labels.as_str() {
        "" => Labels::empty(),
        text => {
            let series = parse_series(text).map_err(|error| fail(error.to_string()))?;
            series.labels
        }
    };
    let value = if expected.histogram.is_empty() {
        ShownValue::Float(expected.value)
    } else {
        let text = format!("{{}} {}", expected.histogram);
        let series = parse_series(&text).map_err(|error| fail(error.to_string()))?;
        match series.values.as_slice() {
            [one] => match &one.histogram {
                Some(histogram) => ShownValue::Histogram(histogram.test_expression()),
                None => return Err(fail(format!("expected histogram, got {}", one.value))),
            },
            values => return Err(fail(format!("expected 1 value, got {}", values.len()))),
        }
    };
    Ok(ShownSample { labels, value })
}

/// All series of a store until a time, as `--debug` shows them: labels and samples.
///
/// # Errors
/// Where the query that reads them fails.
pub fn dump(store: &dyn MetricStore, end_ms: i64) -> Result<String, String> {
    let engine = Engine::new(EngineOptions::default());
    // Queries have windows of whole seconds; the first second of the past belongs to it.
    let window_s = end_ms.max(0) / 1_000 + 1;
    let query = format!("{{__name__=~\".+\"}}[{window_s}s]");
    let outcome = engine
        .instant(store, &query, end_ms, &QueryRequest::default())
        .map_err(|error| error.to_string())?;
    let QueryValue::Matrix(series) = outcome.value else {
        return Ok(String::new());
    };
    let mut text = String::new();
    for one in series {
        let mut line = format!("{} =>", one.labels);
        let samples = one.samples.times_ms.iter().zip(&one.samples.values);
        for (index, (time_ms, value)) in samples.enumerate() {
            line.push_str(&match one.samples.histogram_at(index) {
                Some(histogram) => format!("\n{} @[{time_ms}]", histogram.test_expression()),
                None => format!("\n{value} @[{time_ms}]"),
            });
        }
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

/// Groups by name, for messages about an order that names none.
#[must_use]
pub fn unknown_groups<'a>(order: &'a [String], groups: &[GroupSettings]) -> Vec<&'a str> {
    let known: BTreeMap<&str, ()> = groups.iter().map(|g| (g.name.as_str(), ())).collect();
    let order = order.iter().map(String::as_str);
    order.filter(|name| !known.contains_key(name)).collect()
}

#[cfg(test)]
mod tests;
