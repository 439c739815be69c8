//! Documents of Pyrra: the resource `ServiceLevelObjective`.
//!
//! ## Model
//! An objective has a name and a namespace, which is who promises. Labels and annotations that begin
//! with `pyrra.dev/` belong to its series and alerts, the others to the resource.
//!
//! ## Invariants
//! Alerts get the severities that Pyrra gives them by itself. A latency of a classic histogram is a
//! ratio of good events, since its two selectors may differ in more than the bucket.
//!
//! ## See also
//! Pyrra's API `pyrra.dev/v1alpha1`.

use bellwether_promql::ast::Expr;
use bellwether_rules::objective::counts::{counted, duration_text};
use bellwether_rules::objective::{
    AlertOptions, Counting, Indicator, ObjectiveAlerts, ObjectiveSettings,
};
use bellwether_slo::period::Period;

use super::indicator::threshold;
use super::query::{of_today, selecting};
use super::share::percent;
use super::short::is_reserved;
use super::{Found, Reading, add_label, or};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::shortened;

/// What the names of labels and annotations begin with that are passed on.
const PREFIX: &str = "pyrra.dev/";
/// The namespace of resources that name none.
const NAMESPACE: &str = "default";
/// What may stand behind `indicator`.
const INDICATORS: [&str; 4] = ["ratio", "latency", "latencyNative", "bool_gauge"];

pub(super) static PYRRA: Section = Section {
    name: "ServiceLevelObjective",
    doc: "An objective as a resource of Kubernetes.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version of the resource."),
        Field::new("kind", Kind::Text, "", "ServiceLevelObjective."),
        Field::required("metadata", Kind::Raw, "Its name and labels."),
        Field::required("spec", Kind::Section(&SPEC), "The objective."),
        Field::new("status", Kind::Raw, "", "What became of it."),
    ],
    includes: &[],
    check: None,
};

/// What is read of `metadata`; Kubernetes writes more.
static METADATA: Section = Section {
    name: "metadata of a resource",
    doc: "Its name and labels.",
    fields: &[
        Field::required("name", Kind::Text, "Its name."),
        Field::new("namespace", Kind::Text, "", "Whose it is."),
        Field::new("labels", Kind::Labels, "", "Labels."),
        Field::new("annotations", Kind::Labels, "", "Texts."),
    ],
    includes: &[],
    check: None,
};

static SPEC: Section = Section {
    name: "spec of a ServiceLevelObjective",
    doc: "An objective.",
    fields: &[
        Field::new("description", Kind::Text, "", "What it is."),
        Field::required("target", Kind::Text, "Percent of good events."),
        Field::required("window", Kind::Duration, "What it is kept over."),
        Field::required("indicator", Kind::Section(&INDICATOR), "What counts."),
        Field::new("alerting", Kind::Section(&ALERTING), "", ALERTING.doc),
        Field::new(
            "performanceOverAccuracy",
            Kind::Bool,
            "",
            "Guess long windows.",
        )
        .inert("has no effect: long windows are sums of exact counts, and cheap"),
        Field::new("partial_response_strategy", Kind::Text, "", "For Thanos.")
            .inert("is for Thanos: here all series are in one store"),
        Field::new("ruleOutput", Kind::Raw, "", "Labels of resources.")
            .inert("has no effect: there are no resources of rules here"),
    ],
    includes: &[],
    check: None,
};

static INDICATOR: Section = Section {
    name: "indicator of Pyrra",
    doc: "What counts.",
    fields: &[
        Field::new("ratio", Kind::Section(&RATIO), "", RATIO.doc),
        Field::new("latency", Kind::Section(&LATENCY), "", LATENCY.doc),
        Field::new("latencyNative", Kind::Section(&NATIVE), "", NATIVE.doc),
        Field::new("bool_gauge", Kind::Section(&BOOL_GAUGE), "", BOOL_GAUGE.doc),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if view.at_most_one(problems, &INDICATORS) && view.set_among(&INDICATORS).is_empty() {
            let all = INDICATORS.join(", ");
            view.error(problems, format!("says not what counts: want one of {all}"));
        }
    }),
};

const GROUPING: Field = Field::new(
    "grouping",
    Kind::List(&Kind::LabelName),
    "",
    "Labels with a budget for each value.",
);

static RATIO: Section = Section {
    name: "ratio of Pyrra",
    doc: "Errors of all events.",
    fields: &[
        Field::required("errors", Kind::Section(&METRIC), "The bad ones."),
        Field::required("total", Kind::Section(&METRIC), "All of them."),
        GROUPING,
    ],
    includes: &[],
    check: None,
};

static LATENCY: Section = Section {
    name: "latency of Pyrra",
    doc: "A bucket of a classic histogram.",
    fields: &[
        Field::required("success", Kind::Section(&METRIC), "The good ones."),
        Field::required("total", Kind::Section(&METRIC), "All of them."),
        GROUPING,
    ],
    includes: &[],
    check: None,
};

static NATIVE: Section = Section {
    name: "latencyNative of Pyrra",
    doc: "A threshold of native histograms.",
    fields: &[
        Field::required("latency", Kind::Duration, "The longest that is good."),
        Field::required("total", Kind::Section(&METRIC), "The histograms."),
        GROUPING,
    ],
    includes: &[],
    check: None,
};

static BOOL_GAUGE: Section = Section {
    name: "bool_gauge of Pyrra",
    doc: "Samples that are 0 or 1.",
    fields: &[
        Field::required("metric", Kind::Text, "A selector."),
        GROUPING,
    ],
    includes: &[],
    check: None,
};

static METRIC: Section = Section {
    name: "metric of Pyrra",
    doc: "A selector.",
    fields: &[Field::required("metric", Kind::Text, "The selector.")],
    includes: &[],
    check: None,
};

static ALERTING: Section = Section {
    name: "alerting of Pyrra",
    doc: "Who is told.",
    fields: &[
        Field::new("disabled", Kind::Bool, "false", "No alerts of burn rates."),
        Field::new("burnrates", Kind::Bool, "true", "Alerts of burn rates."),
        Field::new("absent", Kind::Bool, "true", "Alerts of missing series."),
        Field::new("name", Kind::Text, "ErrorBudgetBurn", "The alertname."),
        Field::new("absentName", Kind::Text, "", "That of missing series.").inert(
            "has no effect: the alerts of measurement have names of their own; route by the labels slo and slo_alert",
        ),
        Field::new("severities", Kind::Section(&SEVERITIES), "", SEVERITIES.doc),
    ],
    includes: &[],
    check: None,
};

static SEVERITIES: Section = Section {
    name: "severities of Pyrra",
    doc: "The label severity of alerts.",
    fields: &[
        Field::new("fastBurn", Kind::Text, "", "Of the fastest."),
        Field::new("mediumBurn", Kind::Text, "", "Of the second."),
        Field::new("slowBurn", Kind::Text, "", "Of the third."),
        Field::new("longTermBurn", Kind::Text, "", "Of the slowest."),
        Field::new("absent", Kind::Text, "", "Of missing series."),
    ],
    includes: &[],
    check: None,
};

/// The objective of a resource.
pub(super) fn decode_pyrra(
    view: &View<'_>,
    reading: &Reading,
    problems: &mut Problems,
) -> Option<Found> {
    let metadata = View::new(view.node_of("metadata"), &METADATA, view.origin);
    let spec = view.section("spec");
    let name = metadata.text("name");
    if name.is_empty() {
        metadata.error(problems, "name is missing: want a text");
    }
    let target = percent(spec.text("target")).filter(|target| *target >= 0.01);
    if target.is_none() {
        let text = shortened(spec.text("target"));
        let message =
            format!("{text:?} given: want percent from 1 and below 100, such as \"99.9\"");
        spec.error_at(problems, "target", message);
    }
    let interval_ms = reading.options.interval_ms;
    let indicators = spec.section("indicator");
    let kind = *indicators.set_among(&INDICATORS).first()?;
    let indicator_view = indicators.section(kind);
    let renamed = group_labels(&indicator_view, problems);
    let indicator = decode_indicator(kind, &indicator_view, interval_ms, problems)
        .map(|indicator| with_labels(indicator, &renamed, interval_ms));
    let settings = ObjectiveSettings {
        file: view.origin.file.clone().into(),
        line: view.position().line,
        name: name.to_owned(),
        service: or(metadata.text("namespace"), NAMESPACE).to_owned(),
        description: spec.text("description").to_owned(),
        target: target?,
        period: Period::Rolling {
            span_ms: spec.duration_ms("window"),
        },
        time_zone: "UTC".to_owned(),
        indicator: indicator?,
        slices: None,
        group_by: renamed.iter().map(|(_, own)| own.clone()).collect(),
        spent_by: Vec::new(),
        entity: None,
        labels: passed_on(&metadata, problems),
        interval_ms,
        alerts: decode_alerting(&spec.section("alerting"), &metadata, reading, problems),
    };
    Some(Found::at(settings, view))
}

/// Labels of the resource that its series have, too.
fn passed_on(metadata: &View<'_>, problems: &mut Problems) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    for (name, node) in metadata.entries("labels") {
        if let Some(name) = name.strip_prefix(PREFIX) {
            add_label(&mut labels, name, node_text(node), |message| {
                let file = &metadata.origin.file;
                problems.warning(file, node.position, &node.path, message);
            });
        }
    }
    labels
}

/// Labels of groups, each with the name that it has here. Those that say here whose promise it is
/// begin with `exported_`, as labels do in Prometheus that a target and a scrape both have.
fn group_labels(view: &View<'_>, problems: &mut Problems) -> Vec<(String, String)> {
    let mut labels = Vec::new();
    for item in view.items("grouping") {
        let label = node_text(item);
        let mut own = label.clone();
        if is_reserved(&label) {
            own = format!("exported_{label}");
            let message = format!("is kept as label {own:?}: {label:?} is who promises");
            problems.warning(&view.origin.file, item.position, &item.path, message);
        }
        labels.push((label, own));
    }
    labels
}

/// The indicator whose series have labels by their own names, too.
fn with_labels(indicator: Indicator, labels: &[(String, String)], interval_ms: i64) -> Indicator {
    if labels.iter().all(|(label, own)| label == own) {
        return indicator;
    }
    let window = duration_text(interval_ms);
    let (counting, part, total) = match indicator {
        Indicator::Ratio {
            counting,
            part,
            total,
        } => (counting, part, total),
        Indicator::Latency {
            histogram,
            threshold,
            ..
        } => {
            let grown = format!("increase({histogram}[{window}] anchored)");
            let count = format!("histogram_count({grown})");
            // Without observations the fraction is no number.
            let good = format!("(histogram_fraction(0, {threshold}, {grown}) >= 0) * {count}");
            (Counting::Good, good, count)
        }
        Indicator::Samples { of } => (
            Counting::Good,
            format!("sum_over_time({of}[{window}])"),
            format!("count_over_time({of}[{window}])"),
        ),
        other => return other,
    };
    let named = |query: String| {
        let renamed = labels.iter().filter(|(label, own)| label != own);
        let query = renamed.fold(query, |query, (label, own)| {
            format!("label_replace({query}, \"{own}\", \"$1\", \"{label}\", \"(.*)\")")
        });
        counted(&query, interval_ms).unwrap_or(query)
    };
    Indicator::Ratio {
        counting,
        part: named(part),
        total: named(total),
    }
}

fn decode_indicator(
    kind: &str,
    view: &View<'_>,
    interval_ms: i64,
    problems: &mut Problems,
) -> Option<Indicator> {
    let ratio = |counting, part: &str, problems: &mut Problems| {
        let part = count(&view.section(part), interval_ms, problems);
        let total = count(&view.section("total"), interval_ms, problems);
        Some(Indicator::Ratio {
            counting,
            part: part?,
            total: total?,
        })
    };
    match kind {
        "ratio" => ratio(Counting::Bad, "errors", problems),
        "latency" => {
            let success = view.section("success");
            let (_, selector) = selecting(&success, "metric", problems)?;
            if selector.matchers.iter().all(|matcher| matcher.name != "le") {
                let message = "names no bucket: want a matcher of le, such as le=\"0.5\"";
                success.error_at(problems, "metric", message);
                return None;
            }
            ratio(Counting::Good, "success", problems)
        }
        "latencyNative" => Some(Indicator::Latency {
            histogram: selecting(&view.section("total"), "metric", problems)?.0,
            threshold: threshold(view.text("latency"))?,
            is_classic: false,
        }),
        _ => Some(Indicator::Samples {
            of: selecting(view, "metric", problems)?.0,
        }),
    }
}

/// A selector of counters as a query that counts.
fn count(view: &View<'_>, interval_ms: i64, problems: &mut Problems) -> Option<String> {
    let (_, selector) = selecting(view, "metric", problems)?;
    let text = of_today(&Expr::Vector(Box::new(selector)).to_string(), interval_ms);
    counted(&text, interval_ms)
        .map_err(|error| view.error_at(problems, "metric", error.to_string()))
        .ok()
}

fn decode_alerting(
    view: &View<'_>,
    metadata: &View<'_>,
    reading: &Reading,
    problems: &mut Problems,
) -> ObjectiveAlerts {
    let severities = view.section("severities");
    for (key, kept) in [("mediumBurn", "fastBurn"), ("longTermBurn", "slowBurn")] {
        if severities.is_set(key) && severities.text(key) != severities.text(kept) {
            let message = format!(
                "has no effect: alerts of both speeds are of one kind here, with the severity of {kept}"
            );
            severities.warn_at(problems, key, message);
        }
    }
    let options = |is_on: bool, key: &str, severity: &str| {
        is_on.then(|| AlertOptions {
            labels: vec![(
                "severity".to_owned(),
                or(severities.text(key), severity).to_owned(),
            )],
            annotations: Vec::new(),
        })
    };
    let burns = !view.bool("disabled") && view.bool("burnrates");
    let mut annotations = Vec::new();
    for (name, node) in metadata.entries("annotations") {
        if let Some(name) = name.strip_prefix(PREFIX) {
            reading.check_template(node, metadata, view.text("name"), problems);
            annotations.push((name.to_owned(), node_text(node)));
        }
    }
    ObjectiveAlerts {
        name: view.text("name").to_owned(),
        page: options(burns, "fastBurn", "critical"),
        ticket: options(burns, "slowBurn", "warning"),
        measurement: options(view.bool("absent"), "absent", "critical"),
        labels: Vec::new(),
        annotations,
    }
}
