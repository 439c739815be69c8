//! Documents of OpenSLO v1alpha of the kind `SLO`, as Sloth reads them.
//!
//! ## Model
//! Each objective has queries of its own, or a threshold for the indicator of the SLO; each becomes
//! one of ours, named as those of v1.

use bellwether_rules::objective::{Counting, ObjectiveAlerts, ObjectiveSettings};
use bellwether_slo::period::{Period, Unit};

use super::openslo::{METADATA, METHODS, decode_method, decode_target, names};
use super::openslo_metrics::{Asked, AskedRatio, Bound, OP, VALUE, is_promql, threshold_indicator};
use super::openslo_window::{CALENDAR, calendar_period};
use super::period::{PERIOD_MS, zone_of};
use super::{Found, Reading, imported_labels};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;
use crate::yaml::shortened;

const DAY_MS: i64 = 86_400_000;
const UNITS: Kind = Kind::OneOfAnyCase(&[
    "Second", "Minute", "Hour", "Day", "Week", "Month", "Quarter", "Year",
]);

pub(super) static SLO: Section = Section {
    name: "SLO of OpenSLO v1alpha",
    doc: "Objectives.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version."),
        Field::new("kind", Kind::Text, "", "SLO."),
        Field::required("metadata", Kind::Section(&METADATA), METADATA.doc),
        Field::required("spec", Kind::Section(&SPEC), "The objectives."),
    ],
    includes: &[],
    check: None,
};

static SPEC: Section = Section {
    name: "spec of an SLO of v1alpha",
    doc: "Objectives.",
    fields: &[
        Field::new("description", Kind::Text, "", "What it is."),
        Field::required("service", Kind::Text, "Who promises."),
        Field::new("indicator", Kind::Section(&INDICATOR), "", INDICATOR.doc),
        Field::new("timeWindows", Kind::Sections(&WINDOW), "", WINDOW.doc),
        Field::required("budgetingMethod", METHODS, "How events are counted."),
        Field::required("objectives", Kind::Sections(&OBJECTIVE), "The objectives."),
    ],
    includes: &[],
    check: None,
};

static INDICATOR: Section = Section {
    name: "indicator of v1alpha",
    doc: "What thresholds are for.",
    fields: &[Field::required(
        "thresholdMetric",
        Kind::Section(&QUERY),
        "The query.",
    )],
    includes: &[],
    check: None,
};

static WINDOW: Section = Section {
    name: "timeWindow of v1alpha",
    doc: "What an objective is kept over.",
    fields: &[
        Field::required("unit", UNITS, "What it is made of."),
        Field::required("count", Kind::Integer { min: 1, max: 400 }, "How many."),
        Field::new("isRolling", Kind::Bool, "", "Whether it ends now."),
        Field::new("calendar", Kind::Section(&CALENDAR), "", CALENDAR.doc),
    ],
    includes: &[],
    check: None,
};

static OBJECTIVE: Section = Section {
    name: "objective of v1alpha",
    doc: "A share of good events.",
    fields: &[
        Field::new("displayName", Kind::Text, "", "Its name for people."),
        Field::new("op", OP, "", "How the indicator is compared."),
        Field::new("value", VALUE, "", "What it is compared with."),
        Field::new("target", Kind::Text, "", "The share."),
        Field::new("targetPercent", Kind::Text, "", "The share in percent."),
        Field::new(
            "timeSliceTarget",
            Kind::Float { min: 0.0, max: 1.0 },
            "",
            "Good slices.",
        ),
        Field::new("timeSliceWindow", Kind::Text, "", "How long a slice is."),
        Field::new("ratioMetrics", Kind::Section(&RATIO), "", RATIO.doc),
    ],
    includes: &[],
    check: None,
};

static RATIO: Section = Section {
    name: "ratioMetrics of v1alpha",
    doc: "Good or bad, and all events.",
    fields: &[
        Field::new("counter", Kind::Bool, "", "Whether they only grow."),
        Field::new("incremental", Kind::Bool, "", "Whether they only grow."),
        Field::new("good", Kind::Section(&QUERY), "", "The good ones."),
        Field::new("bad", Kind::Section(&QUERY), "", "The bad ones."),
        Field::required("total", Kind::Section(&QUERY), "All of them."),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let keys = ["good", "bad"];
        if view.at_most_one(problems, &keys) && view.set_among(&keys).is_empty() {
            view.error(problems, "good or bad is missing: want one of the two");
        }
        view.at_most_one(problems, &["counter", "incremental"]);
    }),
};

static QUERY: Section = Section {
    name: "query of v1alpha",
    doc: "A query to a source.",
    fields: &[
        Field::new("source", Kind::Text, "", "The kind of the source."),
        Field::new("queryType", Kind::Text, "", "The language."),
        Field::required("query", Kind::Text, "The query."),
        Field::new("metadata", Kind::Raw, "", "More for the source.")
            .inert("has no effect: only the query is asked"),
    ],
    includes: &[],
    check: None,
};

/// The objectives of a document.
pub(super) fn decode_slo(
    view: &View<'_>,
    reading: &Reading,
    problems: &mut Problems,
) -> Vec<Found> {
    let (metadata, spec) = (view.section("metadata"), view.section("spec"));
    if metadata.text("name").is_empty() {
        metadata.error_at(problems, "name", "is missing: want a text");
    }
    let Some((period, time_zone)) = decode_window(&spec, problems) else {
        return Vec::new();
    };
    let objectives = spec.sections("objectives");
    let names = names(metadata.text("name"), &objectives, false);
    let labels = imported_labels(&metadata, "labels", problems);
    let mut alerts = ObjectiveAlerts::default();
    reading.check_templates(&metadata, &alerts.name, problems);
    alerts.annotations = metadata.text_map("annotations");
    let mut found = Vec::new();
    for (objective, name) in objectives.iter().zip(names) {
        let method = decode_method(&spec, objective, reading, problems);
        let target = decode_target(objective, problems);
        let Some((slices, interval_ms)) = method else {
            continue;
        };
        let indicator = decode_queries(&spec, objective, interval_ms, problems);
        let (Some(indicator), Some(target)) = (indicator, target) else {
            continue;
        };
        let own = if objectives.len() > 1 {
            objective.text("displayName")
        } else {
            ""
        };
        let texts = [metadata.text("displayName"), own, spec.text("description")];
        let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        let settings = ObjectiveSettings {
            file: view.origin.file.clone().into(),
            line: objective.position().line,
            name,
            service: spec.text("service").to_owned(),
            description: texts.join(": "),
            target,
            period,
            time_zone: time_zone.clone(),
            indicator,
            slices,
            group_by: Vec::new(),
            spent_by: Vec::new(),
            entity: None,
            labels: labels.clone(),
            interval_ms,
            alerts: alerts.clone(),
        };
        found.push(Found::at(settings, objective));
    }
    found
}

fn decode_queries(
    spec: &View<'_>,
    objective: &View<'_>,
    interval_ms: i64,
    problems: &mut Problems,
) -> Option<bellwether_rules::objective::Indicator> {
    let Some(ratio) = objective.optional_section("ratioMetrics") else {
        let Some(indicator) = spec.optional_section("indicator") else {
            objective.error(problems, "says not what counts: want ratioMetrics");
            return None;
        };
        let asked = asked(&indicator.section("thresholdMetric"), problems);
        let bound = Bound::of(objective, problems)?;
        return threshold_indicator(&asked, &bound, interval_ms, problems);
    };
    for key in objective.set_among(&["op", "value"]) {
        objective.warn_at(problems, key, "has no effect beside ratioMetrics");
    }
    let (key, counting) = match ratio.is_set("bad") {
        true => ("bad", Counting::Bad),
        false => ("good", Counting::Good),
    };
    let told = ratio.set_among(&["counter", "incremental"]);
    let ratio = AskedRatio {
        is_counter: told.first().map(|key| ratio.bool(key)),
        counting,
        part: asked(&ratio.section(key), problems),
        total: asked(&ratio.section("total"), problems),
    };
    ratio.indicator(interval_ms, problems)
}

fn asked<'a>(view: &View<'a>, problems: &mut Problems) -> Asked<'a> {
    for key in ["source", "queryType"] {
        let kind = view.text(key);
        if !is_promql(kind) && kind != "sloth" {
            let kind = shortened(kind);
            let message = format!(
                "{kind:?} is of another kind: the query is taken for PromQL, and asked of this server"
            );
            view.warn_at(problems, key, message);
        }
    }
    Asked {
        view: *view,
        key: "query",
    }
}

fn decode_window(spec: &View<'_>, problems: &mut Problems) -> Option<(Period, String)> {
    let windows = spec.sections("timeWindows");
    let window = match windows.as_slice() {
        [] => {
            spec.warn_at(
                problems,
                "timeWindows",
                "is missing: the last 30d are taken",
            );
            return Some((Period::Rolling { span_ms: PERIOD_MS }, "UTC".to_owned()));
        }
        [window] => window,
        [_, second, ..] => {
            second.error(problems, "is the second window: want one");
            return None;
        }
    };
    let calendar = window.section("calendar");
    let unit = window.text("unit").to_ascii_lowercase();
    let count = u32::try_from(window.integer("count")).unwrap_or(1);
    let is_rolling = match window.is_set("isRolling") {
        true => window.bool("isRolling"),
        false => calendar.node.is_none(),
    };
    if is_rolling {
        let unit_ms = match unit.as_str() {
            "second" => 1_000,
            "minute" => 60_000,
            "hour" => 3_600_000,
            "day" => DAY_MS,
            "week" => 7 * DAY_MS,
            "month" => 30 * DAY_MS,
            "quarter" => 90 * DAY_MS,
            _ => 365 * DAY_MS,
        };
        if matches!(unit.as_str(), "month" | "quarter") {
            let days = unit_ms / DAY_MS;
            window.warn_at(
                problems,
                "unit",
                format!("a {unit} that rolls is taken for {days}d"),
            );
        }
        let span_ms = unit_ms * i64::from(count);
        return Some((Period::Rolling { span_ms }, "UTC".to_owned()));
    }
    let unit = match unit.as_str() {
        "day" => Unit::Day,
        "week" => Unit::Week,
        "month" => Unit::Month,
        "quarter" => Unit::Quarter,
        "year" => Unit::Year,
        _ => {
            let message = "want days, weeks, months, quarters or years of the calendar";
            window.error_at(problems, "unit", message);
            return None;
        }
    };
    Some((
        calendar_period(unit, count, &calendar),
        zone_of(&calendar, "timeZone"),
    ))
}
