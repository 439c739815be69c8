//! What counts, in documents of OpenSLO.
//!
//! ## Model
//! An SLI is a ratio of two metrics, a ratio that is measured as such (`raw`), or a metric with a
//! threshold, of which each series is an event in each interval. A metric is a query to a source, which
//! is asked of this server: sources of other kinds are told, and what is no PromQL is refused.
//!
//! ## Invariants
//! What is said to be a counter counts what it grows in an interval, wherever it stands in a query; what
//! is said to be none counts as it is.

use bellwether_model::short;
use bellwether_rules::objective::counts::counted;
use bellwether_rules::objective::{Counting, Indicator};

use super::documents::Resources;
use super::openslo::METADATA;
use super::query::{bare_selector, measured, metric_name, of_counters, of_today};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::shortened;

const ANY_NUMBER: Kind = Kind::Float {
    min: f64::MIN,
    max: f64::MAX,
};

pub(super) static SLI: Section = Section {
    name: "SLI of OpenSLO",
    doc: "What counts.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version."),
        Field::new("kind", Kind::Text, "", "SLI."),
        Field::new("metadata", Kind::Section(&METADATA), "", METADATA.doc),
        Field::required("spec", Kind::Section(&SLI_SPEC), "What counts."),
    ],
    includes: &[],
    check: None,
};

static SLI_SPEC: Section = Section {
    name: "spec of an SLI",
    doc: "What counts.",
    fields: &[
        Field::new("description", Kind::Text, "", "What it is."),
        Field::new("thresholdMetric", Kind::Section(&METRIC), "", METRIC.doc),
        Field::new("ratioMetric", Kind::Section(&RATIO), "", RATIO.doc),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let keys = ["thresholdMetric", "ratioMetric"];
        if view.at_most_one(problems, &keys) && view.set_among(&keys).is_empty() {
            let message = "says not what counts: want thresholdMetric or ratioMetric";
            view.error(problems, message);
        }
    }),
};

static RATIO: Section = Section {
    name: "ratioMetric of OpenSLO",
    doc: "A ratio of two metrics, or one that is measured.",
    fields: &[
        Field::new("counter", Kind::Bool, "", "Whether they only grow."),
        Field::new("good", Kind::Section(&METRIC), "", METRIC.doc),
        Field::new("bad", Kind::Section(&METRIC), "", METRIC.doc),
        Field::new("total", Kind::Section(&METRIC), "", METRIC.doc),
        Field::new("raw", Kind::Section(&METRIC), "", METRIC.doc),
        Field::new(
            "rawType",
            Kind::OneOf(&["success", "failure"]),
            "",
            "What raw is the share of.",
        ),
    ],
    includes: &[],
    check: Some(check_ratio),
};

static METRIC: Section = Section {
    name: "metric of OpenSLO",
    doc: "A query to a source.",
    fields: &[Field::required(
        "metricSource",
        Kind::Section(&SOURCE),
        "The source.",
    )],
    includes: &[],
    check: None,
};

static SOURCE: Section = Section {
    name: "metricSource of OpenSLO",
    doc: "A query to a source.",
    fields: &[
        Field::new("metricSourceRef", Kind::Text, "", "A DataSource."),
        Field::new("type", Kind::Text, "", "The kind of the source."),
        Field::required("spec", Kind::Raw, "The query."),
    ],
    includes: &[],
    check: None,
};

/// What is read of `spec`, which may hold anything.
static QUERY: Section = Section {
    name: "spec of a metricSource",
    doc: "A query.",
    fields: &[
        Field::new("query", Kind::Text, "", "The query."),
        Field::new("promql", Kind::Text, "", "The query."),
    ],
    includes: &[],
    check: None,
};

pub(super) static DATA_SOURCE: Section = Section {
    name: "DataSource of OpenSLO",
    doc: "Where metrics are.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version."),
        Field::new("kind", Kind::Text, "", "DataSource."),
        Field::required("metadata", Kind::Section(&METADATA), METADATA.doc),
        Field::required("spec", Kind::Section(&DATA_SOURCE_SPEC), "Where."),
    ],
    includes: &[],
    check: None,
};

static DATA_SOURCE_SPEC: Section = Section {
    name: "spec of a DataSource",
    doc: "Where metrics are.",
    fields: &[
        Field::new("description", Kind::Text, "", "What it is."),
        Field::new("type", Kind::Text, "", "Its kind."),
        Field::new("connectionDetails", Kind::Raw, "", "How to reach it.")
            .inert("has no effect: the series of this server are asked"),
    ],
    includes: &[],
    check: None,
};

fn check_ratio(view: &View<'_>, problems: &mut Problems) {
    let parts = view.set_among(&["good", "bad", "raw"]);
    let is_right = match (parts.as_slice(), view.is_set("total")) {
        (["raw"], false) => view.is_set("rawType"),
        (["good" | "bad"], true) => !view.is_set("rawType"),
        _ => false,
    };
    if !is_right {
        let message = "want good and total, bad and total, or raw and rawType, and nothing else";
        view.error(problems, message);
    }
}

/// A query, and where it stands.
pub(super) struct Asked<'a> {
    /// The section.
    pub(super) view: View<'a>,
    /// Its key.
    pub(super) key: &'static str,
}

impl Asked<'_> {
    fn text(&self, interval_ms: i64) -> String {
        of_today(self.view.text(self.key), interval_ms)
    }

    fn error(&self, problems: &mut Problems, message: String) {
        self.view.error_at(problems, self.key, message);
    }
}

/// The parts of a ratio.
pub(super) struct AskedRatio<'a> {
    /// Whether both only grow, where that is said.
    pub(super) is_counter: Option<bool>,
    /// Which ones `part` counts.
    pub(super) counting: Counting,
    /// The good or the bad ones.
    pub(super) part: Asked<'a>,
    /// All of them.
    pub(super) total: Asked<'a>,
}

impl AskedRatio<'_> {
    pub(super) fn indicator(&self, interval_ms: i64, problems: &mut Problems) -> Option<Indicator> {
        let part = self.count(&self.part, interval_ms, problems);
        let total = self.count(&self.total, interval_ms, problems);
        Some(Indicator::Ratio {
            counting: self.counting,
            part: part?,
            total: total?,
        })
    }

    fn count(
        &self,
        asked: &Asked<'_>,
        interval_ms: i64,
        problems: &mut Problems,
    ) -> Option<String> {
        let mut text = asked.text(interval_ms);
        match (self.is_counter, bare_selector(&text)) {
            (Some(true), _) => text = of_counters(&text, interval_ms),
            (Some(false), Some(_)) => text = format!("sum({text})"),
            (None, Some(selector)) => {
                const ENDS: [&str; 4] = ["_total", "_count", "_sum", "_bucket"];
                let name = metric_name(&selector);
                if !ENDS.iter().any(|end| name.ends_with(end)) {
                    let message = "is taken for a counter, since the ratioMetric has no counter: want counter: true or counter: false";
                    asked.view.warn_at(problems, asked.key, message);
                }
            }
            (Some(false) | None, None) => {}
        }
        counted(&text, interval_ms)
            .map_err(|error| asked.error(problems, error.to_string()))
            .ok()
    }
}

/// What the series of a query are compared with.
pub(super) struct Bound {
    /// `lte`, `gte`, `lt` or `gt`.
    pub(super) op: &'static str,
    /// The number.
    pub(super) value: f64,
}

/// The conditions of an objective, as fields of its table.
pub(super) const OP: Kind = Kind::OneOf(&["lte", "gte", "lt", "gt"]);
pub(super) const VALUE: Kind = ANY_NUMBER;

impl Bound {
    /// That of an objective; none where it has none, which is told.
    pub(super) fn of(view: &View<'_>, problems: &mut Problems) -> Option<Self> {
        const OPS: [(&str, &str); 4] = [("lte", "<="), ("gte", ">="), ("lt", "<"), ("gt", ">")];
        if !view.is_set("op") || !view.is_set("value") {
            let message = "op and value are missing: a thresholdMetric is compared with them";
            view.error(problems, message);
            return None;
        }
        let (_, op) = OPS.iter().find(|(name, _)| *name == view.text("op"))?;
        Some(Self {
            op,
            value: view.float("value"),
        })
    }
}

/// The series of a query, each an event in each interval, that are good within a bound.
pub(super) fn threshold_indicator(
    asked: &Asked<'_>,
    bound: &Bound,
    interval_ms: i64,
    problems: &mut Problems,
) -> Option<Indicator> {
    let query = match measured(&asked.text(interval_ms), interval_ms) {
        Ok(query) => query,
        Err(message) => {
            asked.error(problems, message);
            return None;
        }
    };
    let compared = match bare_selector(&query) {
        Some(_) => query.clone(),
        None => format!("({query})"),
    };
    let Bound { op, value } = bound;
    Some(Indicator::Ratio {
        counting: Counting::Good,
        part: counted(&format!("sum({compared} {op} bool {value})"), interval_ms).ok()?,
        total: counted(&format!("count({query})"), interval_ms).ok()?,
    })
}

/// The indicator of an SLI for one objective. None where something was reported as wrong.
pub(super) fn decode_sli(
    view: &View<'_>,
    objective: &View<'_>,
    interval_ms: i64,
    resources: &Resources<'_>,
    problems: &mut Problems,
) -> Option<Indicator> {
    let spec = view.section("spec");
    if let Some(metric) = spec.optional_section("thresholdMetric") {
        let bound = Bound::of(objective, problems);
        let asked = query_of(&metric, resources, problems)?;
        return threshold_indicator(&asked, &bound?, interval_ms, problems);
    }
    for key in ["op", "value"] {
        if objective.is_set(key) {
            objective.warn_at(problems, key, "has no effect beside a ratioMetric");
        }
    }
    let ratio = spec.optional_section("ratioMetric")?;
    if let Some(raw) = ratio.optional_section("raw") {
        let asked = query_of(&raw, resources, problems)?;
        let query = measured(&asked.text(interval_ms), interval_ms).and_then(|query| {
            match ratio.text("rawType") {
                "success" => measured(&format!("1 - ({query})"), interval_ms),
                _ => Ok(query),
            }
        });
        return match query {
            Ok(bad) => Some(Indicator::Share { bad }),
            Err(message) => {
                asked.error(problems, message);
                None
            }
        };
    }
    let (key, counting) = match ratio.is_set("bad") {
        true => ("bad", Counting::Bad),
        false => ("good", Counting::Good),
    };
    let part = query_of(&ratio.section(key), resources, problems);
    let total = query_of(&ratio.section("total"), resources, problems);
    let asked = AskedRatio {
        is_counter: ratio.is_set("counter").then(|| ratio.bool("counter")),
        counting,
        part: part?,
        total: total?,
    };
    asked.indicator(interval_ms, problems)
}

/// The query of a metric.
fn query_of<'a>(
    metric: &View<'a>,
    resources: &Resources<'_>,
    problems: &mut Problems,
) -> Option<Asked<'a>> {
    let source = metric.section("metricSource");
    let mut kind = source.text("type");
    let named = source.text("metricSourceRef");
    if !named.is_empty() {
        match resources.get("DataSource", named) {
            Some(found) if kind.is_empty() => kind = found.section("spec").text("type"),
            Some(_) => {}
            None => {
                let named = shortened(named);
                let message = format!(
                    "no DataSource {named:?} was read: the series of this server are asked"
                );
                source.warn_at(problems, "metricSourceRef", message);
            }
        }
    }
    if !is_promql(kind) {
        let message = format!(
            "{:?} is another kind of source: the query is taken for PromQL, and asked of this server",
            short(kind)
        );
        source.warn_at(problems, "type", message);
    }
    let spec = View::new(source.node_of("spec"), &QUERY, source.origin);
    let keys = spec.set_among(&["query", "promql"]);
    let &[key] = keys.as_slice() else {
        source.error_at(problems, "spec", "want one query, as query or promql");
        return None;
    };
    for (other, node) in source.entries("spec") {
        if other != key && !(other == "queryType" && node_text(node).eq_ignore_ascii_case("promql"))
        {
            let message = "has no effect: only the query is asked";
            problems.warning(&spec.origin.file, node.position, &node.path, message);
        }
    }
    Some(Asked { view: spec, key })
}

/// Whether queries to a kind of source are PromQL, or may be.
pub(super) fn is_promql(kind: &str) -> bool {
    const KINDS: [&str; 7] = [
        "",
        "any",
        "thanos",
        "mimir",
        "cortex",
        "victoriametrics",
        "bellwether",
    ];
    let kind = kind.to_ascii_lowercase();
    KINDS.contains(&kind.as_str()) || kind.contains("prom")
}
