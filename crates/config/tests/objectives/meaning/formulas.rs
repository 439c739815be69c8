//! The shares of bad events that documents mean, as the programs that they are for compute them.

use bellwether_config::yaml::{Node, NodeValue};

/// What a document means by the rules of its program.
#[derive(Debug)]
pub(super) struct Formula {
    /// The share of bad events of an hour, for each group.
    pub(super) expr: String,
    /// What the series of the formula must show that it does not say itself.
    pub(super) shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shape {
    Plain,
    /// Native histograms.
    Native,
    /// Gauges of 0 and 1.
    Bool,
    /// Gauges around a number.
    Around(f64),
}

pub(super) fn formulas_of(document: &Node, all: &[Node]) -> Vec<Formula> {
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
