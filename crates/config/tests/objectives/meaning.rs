//! Whether objectives of other programs mean here what they mean there.
//!
//! ## Model
//! Of each document, a formula is made as the program that it is for documents it: the share of bad
//! events of an hour. Series are made up for everything that the formula selects, and the rules that we
//! generate for the objective run on them for two hours. Then the formula and our counts of the last
//! hour are compared.
//!
//! ## Invariants
//! The formula comes from the document itself, not from what we have read of it. Counters rest in the
//! first scrape interval of the hour, since `rate` does not see what happens there and our counts do:
//! with that, nothing is left to extrapolate, and both are equal to [`TOLERANCE`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bellwether_config::yaml::{self, Node, NodeValue};
use bellwether_config::{LoadedObjectives, ObjectiveOptions, load_objectives};
use bellwether_model::{METRIC_NAME, MatchOp, Matcher, Value};
use bellwether_promql::ast::{Expr, VectorSelector};
use bellwether_promql::{Engine, EngineOptions, Features, QueryRequest, QueryValue, parse};
use bellwether_rules::objective::{Indicator, ObjectiveSettings, rules};
use bellwether_rules::unit_test::{FailureStyle, QueryTest, RuleTest, TestSettings};

/// Shares that differ by less are equal: they are sums of doubles in another order.
pub(crate) const TOLERANCE: f64 = 1e-9;

const SCRAPE_MS: i64 = 15_000;
const END_MS: i64 = 7_200_000;
/// The first scrape after the beginning of the last hour.
const RESTING_INDEX: usize = 241;
const SAMPLES: usize = 481;

/// What came of a file.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Objectives whose meaning was compared.
    pub(crate) compared: Vec<Comparison>,
    /// Objectives that only join others.
    pub(crate) composites: usize,
    /// What was read.
    pub(crate) loaded: LoadedObjectives,
}

/// An objective's share of bad events by their formula and by our rules, for each group.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Which.
    pub(crate) id: String,
    /// The largest difference.
    pub(crate) difference: f64,
    /// The largest share.
    pub(crate) share: f64,
    /// How many groups have a share.
    pub(crate) groups: usize,
}

/// Reads a file and compares each of its objectives.
///
/// # Errors
/// Says what could not be read, or compared.
pub(crate) fn compare_file(path: &Path) -> Result<Outcome, String> {
    let loaded = load_objectives(&[path.to_path_buf()], &ObjectiveOptions::default())
        .map_err(|errors| errors.to_string())?;
    let source = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
    let documents = yaml::read_all(&source).map_err(|errors| format!("{errors:?}"))?;
    let mut formulas = Vec::new();
    for document in &documents {
        formulas.extend(formulas_of(document, &documents));
    }
    let mut compared = Vec::new();
    let mut composites = 0;
    let mut formulas = formulas.into_iter();
    for objective in &loaded.objectives {
        if matches!(objective.indicator, Indicator::Composite { .. }) {
            composites += 1;
            continue;
        }
        let formula = formulas
            .next()
            .ok_or_else(|| format!("{}: no formula", objective.id()))?;
        let found = compare(objective, &loaded.objectives, &formula)
            .map_err(|error| format!("{}: {error}\n{}", objective.id(), formula.expr))?;
        compared.push(found);
    }
    match formulas.next() {
        Some(left) => Err(format!("no objective was read of {}", left.expr)),
        None => Ok(Outcome {
            compared,
            composites,
            loaded,
        }),
    }
}

/// What a document means by the rules of its program.
#[derive(Debug)]
struct Formula {
    /// The share of bad events of an hour, for each group.
    expr: String,
    /// What the series of the formula must show that it does not say itself.
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Plain,
    /// Native histograms.
    Native,
    /// Gauges of 0 and 1.
    Bool,
    /// Gauges around a number.
    Around(f64),
}

fn formulas_of(document: &Node, all: &[Node]) -> Vec<Formula> {
    let version = text(document, "apiVersion");
    let kind = text(document, "kind");
    if !text(document, "version").is_empty() {
        return each(document, "slos", sloth);
    }
    match kind.as_str() {
        "PrometheusServiceLevel" => each(document, "spec.slos", sloth),
        "ServiceLevelObjective" => vec![pyrra(document)],
        "SLO" if version == "openslo/v1alpha" => each(document, "spec.objectives", alpha),
        "SLO" => each(document, "spec.objectives", |objective| {
            openslo(document, objective, all)
        }),
        _ => Vec::new(),
    }
}

fn each(document: &Node, path: &str, of: impl Fn(&Node) -> Formula) -> Vec<Formula> {
    match at(document, path).map(|node| &node.value) {
        Some(NodeValue::List(items)) => items.iter().map(of).collect(),
        _ => Vec::new(),
    }
}

/// Sloth: bad by all events, or a share that is measured; `{{.window}}` is an hour.
fn sloth(slo: &Node) -> Formula {
    let query = |key: &str, other: &str| {
        let snake = text(slo, &format!("sli.{key}"));
        let query = if snake.is_empty() {
            text(slo, &format!("sli.{other}"))
        } else {
            snake
        };
        query.replace("{{.window}}", "1h")
    };
    let raw = query("raw.error_ratio_query", "raw.errorRatioQuery");
    let expr = if raw.is_empty() {
        let error = query("events.error_query", "events.errorQuery");
        let total = query("events.total_query", "events.totalQuery");
        format!("({error}) / ({total})")
    } else {
        raw
    };
    Formula {
        expr,
        shape: Shape::Plain,
    }
}

/// OpenSLO v1alpha, as Sloth computes it: one less good by all events.
fn alpha(objective: &Node) -> Formula {
    let query = |key: &str| {
        text(objective, &format!("ratioMetrics.{key}.query")).replace("{{.window}}", "1h")
    };
    Formula {
        expr: format!("1 - (({}) / ({}))", query("good"), query("total")),
        shape: Shape::Plain,
    }
}

/// Pyrra: errors by all requests, for each combination of the labels of `grouping`.
fn pyrra(document: &Node) -> Formula {
    let kind = ["ratio", "latency", "latencyNative", "bool_gauge"]
        .into_iter()
        .find(|kind| at(document, &format!("spec.indicator.{kind}")).is_some())
        .unwrap_or_default();
    let get = |key: &str| text(document, &format!("spec.indicator.{kind}.{key}"));
    let by = match at(document, &format!("spec.indicator.{kind}.grouping")).map(|node| &node.value)
    {
        Some(NodeValue::List(labels)) => {
            let labels: Vec<String> = labels.iter().map(scalar).collect();
            format!("sum by ({})", labels.join(","))
        }
        _ => "sum".to_owned(),
    };
    let rate = |metric: &str| format!("{by} (rate({metric}[1h]))");
    let total = rate(&get("total.metric"));
    let (expr, shape) = match kind {
        "ratio" => (
            format!("{} / {total}", rate(&get("errors.metric"))),
            Shape::Plain,
        ),
        "latency" => (
            format!("({total} - {}) / {total}", rate(&get("success.metric"))),
            Shape::Plain,
        ),
        "latencyNative" => {
            let seconds = get("latency");
            let seconds = match seconds.strip_suffix("ms") {
                Some(ms) => ms.parse::<f64>().unwrap_or(0.0) / 1_000.0,
                None => seconds.trim_end_matches('s').parse().unwrap_or(0.0),
            };
            (
                format!("1 - histogram_fraction(0, {seconds}, {total})"),
                Shape::Native,
            )
        }
        _ => {
            let metric = get("metric");
            let all = format!("{by} (count_over_time({metric}[1h]))");
            (
                format!("({all} - {by} (sum_over_time({metric}[1h]))) / {all}"),
                Shape::Bool,
            )
        }
    };
    Formula { expr, shape }
}

/// OpenSLO v1: events, slices of time that are good or bad, or the mean of slices.
fn openslo(document: &Node, objective: &Node, all: &[Node]) -> Formula {
    let named = text(document, "spec.indicatorRef");
    let inline = at(objective, "indicator.spec").or_else(|| at(document, "spec.indicator.spec"));
    let referred = all
        .iter()
        .find(|other| text(other, "kind") == "SLI" && text(other, "metadata.name") == named)
        .and_then(|sli| at(sli, "spec"));
    let Some(sli) = inline.or(referred) else {
        return Formula {
            expr: String::new(),
            shape: Shape::Plain,
        };
    };
    let query = |key: &str| text(sli, &format!("{key}.metricSource.spec.query"));
    let threshold = query("thresholdMetric");
    if !threshold.is_empty() {
        let value: f64 = text(objective, "value").parse().unwrap_or(0.0);
        let op = match text(objective, "op").as_str() {
            "lt" => "<",
            "lte" => "<=",
            "gt" => ">",
            _ => ">=",
        };
        let good = format!("sum(sum_over_time((({threshold}) {op} bool {value})[1h:1m]))");
        let all = format!("sum(count_over_time(({threshold})[1h:1m]))");
        return Formula {
            expr: format!("1 - {good} / {all}"),
            shape: Shape::Around(value),
        };
    }
    let raw = query("ratioMetric.raw");
    if !raw.is_empty() {
        let mean = format!("avg_over_time(({raw})[1h:1m])");
        let is_good = text(sli, "ratioMetric.rawType") == "success";
        return Formula {
            expr: if is_good { format!("1 - {mean}") } else { mean },
            shape: Shape::Plain,
        };
    }
    let is_gauge = text(sli, "ratioMetric.counter") == "false";
    let window = |window: &str, kind: &str, metric: &str| {
        if is_gauge {
            format!("sum(sum_over_time(({metric})[{window}:1m]))")
        } else if metric.contains("rate(") {
            metric
                .replace("$window", window)
                .replace("{{.window}}", window)
        } else {
            format!("sum(increase({metric}[{window}]{kind}))")
        }
    };
    let (total, part, is_bad) = (
        query("ratioMetric.total"),
        query("ratioMetric.bad"),
        !query("ratioMetric.bad").is_empty(),
    );
    let part = if is_bad {
        part
    } else {
        query("ratioMetric.good")
    };
    let bad_share = |span: &str, kind: &str| {
        let share = format!(
            "({}) / ({})",
            window(span, kind, &part),
            window(span, kind, &total)
        );
        if is_bad {
            share
        } else {
            format!("1 - {share}")
        }
    };
    let slice = match text(objective, "timeSliceWindow") {
        minutes if minutes.parse::<u32>().is_ok() => format!("{minutes}m"),
        window => window,
    };
    let expr = match text(document, "spec.budgetingMethod").as_str() {
        "Occurrences" => bad_share("1h", ""),
        "Timeslices" => {
            let allowed = 1.0
                - text(objective, "timeSliceTarget")
                    .parse::<f64>()
                    .unwrap_or(1.0);
            let bad = bad_share(&slice, " anchored");
            format!("avg_over_time((({bad}) > bool {allowed:.9})[1h:{slice}])")
        }
        _ => format!(
            "avg_over_time(({})[1h:{slice}])",
            bad_share(&slice, " anchored")
        ),
    };
    Formula {
        expr,
        shape: Shape::Plain,
    }
}

fn at<'a>(node: &'a Node, path: &str) -> Option<&'a Node> {
    path.split('.').try_fold(node, |node, key| node.get(key))
}

fn text(node: &Node, path: &str) -> String {
    at(node, path).map(scalar).unwrap_or_default()
}

fn scalar(node: &Node) -> String {
    match &node.value {
        NodeValue::Scalar(scalar) if !node.is_null() => scalar.text.to_string(),
        _ => String::new(),
    }
}

fn compare(
    objective: &ObjectiveSettings,
    all: &[ObjectiveSettings],
    formula: &Formula,
) -> Result<Comparison, String> {
    let expr = parse(&formula.expr, &Features::default()).map_err(|error| error.to_string())?;
    let group_by: Vec<String> = objective
        .group_by
        .iter()
        .map(|label| label.strip_prefix("exported_").unwrap_or(label).to_owned())
        .collect();
    let series = series_of(&expr, &group_by, formula.shape)?;
    let test = RuleTest {
        interval_ms: SCRAPE_MS,
        input_series: series,
        query_tests: vec![QueryTest {
            expr: "vector(1)".to_owned(),
            eval_time_ms: END_MS,
            expected: Vec::new(),
        }],
        ..RuleTest::default()
    };
    let settings = TestSettings {
        evaluation_interval_ms: objective.interval_ms,
        group_eval_order: Vec::new(),
        fuzzy_compare: true,
        features: Features::default(),
        style: FailureStyle::Whole,
        objectives: Vec::new(),
    };
    let outcome = test.run(&[rules::group(objective, all)], &settings);
    let Some((store, _)) = outcome.store else {
        return Err(outcome.failures.join("\n"));
    };
    if let Some(failure) = outcome
        .failures
        .iter()
        .find(|failure| failure.contains("err: "))
    {
        return Err(failure.clone());
    }
    let engine = Engine::new(EngineOptions::default());
    let ask = |query: &str| {
        let outcome = engine
            .instant(store.as_ref(), query, END_MS, &QueryRequest::default())
            .map_err(|error| format!("{query}: {error}"))?;
        let QueryValue::Vector(samples) = outcome.value else {
            return Err(format!("{query}: gives no vector"));
        };
        let mut shares = BTreeMap::new();
        for sample in samples {
            let group: Vec<String> = objective
                .group_by
                .iter()
                .map(|label| {
                    // Of a label that says here who promises, our name is another.
                    let theirs = label.strip_prefix("exported_").unwrap_or(label);
                    let found = sample.labels.get(label).or(sample.labels.get(theirs));
                    found.unwrap_or("").to_owned()
                })
                .collect();
            let Value::Float(value) = sample.value else {
                return Err(format!("{query}: gives histograms"));
            };
            shares.insert(group, value);
        }
        Ok(shares)
    };
    let theirs = ask(&formula.expr)?;
    let labels = format!(
        "{{slo={:?},service={:?}}}",
        objective.name, objective.service
    );
    let by = format!("sum by ({})", objective.group_by.join(","));
    let ours = ask(&format!(
        "{by} (sum_over_time(slo:bad_events{labels}[1h])) / {by} (sum_over_time(slo:events{labels}[1h]))"
    ))?;
    if theirs.is_empty() {
        return Err("the formula gives nothing on the series that were made for it".to_owned());
    }
    let mut difference: f64 = 0.0;
    for (group, share) in &theirs {
        let Some(own) = ours.get(group) else {
            return Err(format!(
                "no share of our own for {group:?}, and {share} by the formula"
            ));
        };
        difference = difference.max((own - share).abs());
        if own.is_nan() || share.is_nan() {
            return Err(format!("{group:?}: {own} is not {share}"));
        }
    }
    // Groups without bad series have a share of 0 here, and none by a formula that divides vectors.
    if let Some((group, own)) = ours
        .iter()
        .find(|(group, own)| !theirs.contains_key(*group) && **own != 0.0)
    {
        return Err(format!(
            "no share by the formula for {group:?}, and {own} of our own"
        ));
    }
    Ok(Comparison {
        id: objective.id(),
        difference,
        share: theirs.values().copied().fold(0.0, f64::max),
        groups: theirs.len(),
    })
}

/// How series of a metric behave.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Behaviour {
    Counter,
    Gauge,
}

/// Series for all selectors of an expression, in the notation of tests.
fn series_of(
    expr: &Expr,
    group_by: &[String],
    shape: Shape,
) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    selectors(expr, Behaviour::Gauge, &mut found);
    // Buckets and counts of a histogram belong together.
    let mut families: BTreeMap<String, Vec<(VectorSelector, Behaviour)>> = BTreeMap::new();
    for (selector, behaviour) in found {
        let name = metric_of(&selector).ok_or("a selector without a name")?;
        families
            .entry(family_of(&name).to_owned())
            .or_default()
            .push((selector, behaviour));
    }
    let mut series = Vec::new();
    for (family, members) in &families {
        let own = family_series(family, members, group_by, shape);
        for (selector, _) in members {
            let is_there = own.iter().any(|(labels, _)| is_selected(selector, labels));
            if !is_there {
                return Err(format!("no series was made up for {:?}", selector.matchers));
            }
        }
        series.extend(
            own.into_iter()
                .map(|(labels, values)| (notation(&labels), values)),
        );
    }
    Ok(series)
}

type Labels = BTreeMap<String, String>;

fn selectors(expr: &Expr, behaviour: Behaviour, found: &mut Vec<(VectorSelector, Behaviour)>) {
    match expr {
        Expr::Vector(selector) => found.push(((**selector).clone(), behaviour)),
        Expr::Matrix(matrix) => found.push((matrix.selector.clone(), behaviour)),
        Expr::Call(call) => {
            let behaviour = match call.function.name {
                "rate" | "increase" => Behaviour::Counter,
                _ => Behaviour::Gauge,
            };
            for arg in &call.args {
                selectors(arg, behaviour, found);
            }
        }
        other => {
            for child in other.children() {
                selectors(child, behaviour, found);
            }
        }
    }
}

fn metric_of(selector: &VectorSelector) -> Option<String> {
    let mut names = selector
        .matchers
        .iter()
        .filter(|matcher| matcher.name == METRIC_NAME);
    names.next().map(|matcher| matcher.value.clone())
}

fn family_of(name: &str) -> &str {
    let ends = ["_bucket", "_count"];
    ends.iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name)
}

fn is_selected(selector: &VectorSelector, labels: &Labels) -> bool {
    selector
        .matchers
        .iter()
        .all(|matcher| matcher.matches(labels.get(&matcher.name).map_or("", String::as_str)))
}

fn notation(labels: &Labels) -> String {
    let name = labels.get(METRIC_NAME).cloned().unwrap_or_default();
    let rest: Vec<String> = labels
        .iter()
        .filter(|(label, value)| *label != METRIC_NAME && !value.is_empty())
        .map(|(label, value)| format!("{label}={value:?}"))
        .collect();
    format!("{name}{{{}}}", rest.join(","))
}

fn family_series(
    family: &str,
    members: &[(VectorSelector, Behaviour)],
    group_by: &[String],
    shape: Shape,
) -> Vec<(Labels, String)> {
    let mut matchers: BTreeMap<&str, Vec<&Matcher>> = BTreeMap::new();
    for label in group_by {
        matchers.entry(label).or_default();
    }
    let mut bounds = BTreeSet::new();
    let mut names = BTreeSet::new();
    for matcher in members.iter().flat_map(|(selector, _)| &selector.matchers) {
        match matcher.name.as_str() {
            METRIC_NAME => {
                names.insert(matcher.value.clone());
            }
            "le" => {
                bounds.insert(matcher.value.clone());
            }
            label => matchers.entry(label).or_default().push(matcher),
        }
    }
    let mut combinations: Vec<Labels> = vec![Labels::new()];
    for (label, of) in &matchers {
        let values = values_of(of);
        combinations = combinations
            .iter()
            .flat_map(|labels| {
                values.iter().map(|value| {
                    let mut labels = labels.clone();
                    labels.insert((*label).to_owned(), value.clone());
                    labels
                })
            })
            .take(400)
            .collect();
    }
    let is_counter = members
        .iter()
        .any(|(_, behaviour)| *behaviour == Behaviour::Counter);
    let mut series = Vec::new();
    for (index, labels) in combinations.iter().enumerate() {
        let seed = index * 7 + family.len();
        for name in &names {
            let mut labels = labels.clone();
            labels.insert(METRIC_NAME.to_owned(), name.clone());
            if name.ends_with("_bucket") && !bounds.is_empty() {
                let bounds = bounds.iter().map(String::as_str).chain(["+Inf"]);
                for (step, bound) in bounds.enumerate() {
                    labels.insert("le".to_owned(), bound.to_owned());
                    // Of all, which the last bound has, the others have their part.
                    let part = (bound != "+Inf").then_some(step);
                    series.push((labels.clone(), counter(seed, part)));
                }
            } else {
                let values = match shape {
                    Shape::Native => native(seed),
                    Shape::Bool => gauge(|at| f64::from((at * 7 + seed) % 11 != 0)),
                    Shape::Around(value) => {
                        gauge(|at| ((at * 13 + seed) % 97) as f64 / 97.0 * 2.0 * value)
                    }
                    Shape::Plain if is_counter => {
                        // Errors are a part of all, where they are a metric of their own.
                        let part = is_part(name).then_some(0);
                        counter(seed, part)
                    }
                    Shape::Plain => gauge(|at| ((at * 13 + seed) % 97) as f64 / 97.0),
                };
                series.push((labels, values));
            }
        }
    }
    series
}

/// Whether a metric counts some of the events of another.
fn is_part(name: &str) -> bool {
    ["error", "fail", "bad", "good"]
        .iter()
        .any(|word| name.contains(word))
}

/// Values of a label of which some satisfy its matchers, and some do not.
fn values_of(matchers: &[&Matcher]) -> Vec<String> {
    const COMMON: [&str; 14] = [
        "",
        "200",
        "404",
        "429",
        "500",
        "503",
        "a",
        "b",
        "GET",
        "POST",
        "LIST",
        "/api/v1/query",
        "/api/v1/query_range",
        "query",
    ];
    let mut known: Vec<String> = Vec::new();
    for matcher in matchers {
        match (matcher.op, matcher.literals()) {
            (_, Some(literals)) => known.extend(literals.iter().cloned()),
            (MatchOp::Equal | MatchOp::NotEqual, None) => known.push(matcher.value.clone()),
            (_, None) => {
                for part in matcher.value.trim_matches(['(', ')']).split('|') {
                    known.push(part.replace(".*", "x").replace(".+", "x").replace('.', "0"));
                }
            }
        }
    }
    known.extend(COMMON.map(str::to_owned));
    let mut chosen: Vec<String> = Vec::new();
    // Two values of each of the ways in which the matchers can be satisfied.
    let mut ways: BTreeMap<Vec<bool>, usize> = BTreeMap::new();
    for value in known {
        let way: Vec<bool> = matchers
            .iter()
            .map(|matcher| matcher.matches(&value))
            .collect();
        let taken = ways.entry(way).or_default();
        if *taken < 2 && !chosen.contains(&value) {
            *taken += 1;
            chosen.push(value);
        }
    }
    chosen
}

/// A counter that rests where the hour begins, and is reset in it. `part`: one that counts some of
/// what another of the same seed counts.
fn counter(seed: usize, part: Option<usize>) -> String {
    let reset_at = 300 + seed % 50;
    let mut value: u64 = 1_000;
    gauge(|at| {
        if at == reset_at {
            value = 0;
        }
        if at != RESTING_INDEX {
            let all = (4 + seed % 5 + at * (seed + 1) % 3) as u64;
            value += match part {
                None => all,
                Some(step) => (1 + step as u64).min(all) - u64::from(at % 5 == 0),
            };
        }
        value as f64
    })
}

fn gauge(mut value: impl FnMut(usize) -> f64) -> String {
    let values: Vec<String> = (0..SAMPLES).map(|at| value(at).to_string()).collect();
    values.join(" ")
}

/// Native histograms that grow, each bucket at its own pace.
fn native(seed: usize) -> String {
    let mut buckets = [5_u64; 6];
    let values: Vec<String> = (0..SAMPLES)
        .map(|at| {
            if at != RESTING_INDEX {
                for (index, bucket) in buckets.iter_mut().enumerate() {
                    *bucket += ((seed + index * at) % 4) as u64;
                }
            }
            let count: u64 = buckets.iter().sum();
            let shown = buckets.map(|bucket| bucket.to_string()).join(" ");
            format!("{{{{schema:0 sum:{count} count:{count} offset:-4 buckets:[{shown}]}}}}")
        })
        .collect();
    values.join(" ")
}

/// The files below a folder that hold documents of a tool, by their content.
///
/// # Errors
/// Where the folder cannot be read.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let mut waiting = vec![folder.to_path_buf()];
    let mut files = Vec::new();
    while let Some(folder) = waiting.pop() {
        let entries =
            std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path
                .extension()
                .is_some_and(|end| end == "yml" || end == "yaml")
            {
                let source = std::fs::read_to_string(&path).unwrap_or_default();
                let words = [
                    "openslo/v1",
                    "prometheus/v1",
                    "sloth.slok.dev/",
                    "pyrra.dev/v1alpha1",
                ];
                let is_definition = source.contains("kind: CustomResourceDefinition");
                let is_made = source.contains("kind: PrometheusRule");
                if words.iter().any(|word| source.contains(word)) && !is_definition && !is_made {
                    files.push(path);
                }
            }
        }
    }
    files.sort();
    Ok(files)
}
