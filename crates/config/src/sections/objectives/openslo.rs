//! Documents of OpenSLO v1 of the kind `SLO`.
//!
//! ## Model
//! An SLO has an indicator and several objectives, each of which becomes one of ours; or each
//! objective has an indicator of its own, and a composite joins them. Names of several are
//! `name-` and what the objective is called, or its number from 0.
//!
//! ## Invariants
//! A time slice is an interval.
//!
//! ## See also
//! The OpenSLO specification, "SLO" and "Objectives".

use bellwether_model::time::parse_duration;
use bellwether_rules::objective::{
    AlertOptions, Composition, Indicator, ObjectiveAlerts, ObjectiveSettings, Slices,
};

use super::documents::Resources;
use super::openslo_alerts::{POLICY, decode_alerts, missing};
use super::openslo_metrics::{OP, SLI, VALUE, decode_sli};
use super::openslo_window::{TIME_WINDOW, decode_window};
use super::share::percent;
use super::{Found, Reading, imported_labels, or, put};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;
use crate::yaml::shortened;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;
const SHARE: Kind = Kind::Float { min: 0.0, max: 1.0 };
/// Ways to count.
pub(super) const METHODS: Kind = Kind::OneOf(&["Occurrences", "Timeslices", "RatioTimeslices"]);

pub(super) static SLO: Section = Section {
    name: "SLO of OpenSLO",
    doc: "Objectives over an indicator.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version."),
        Field::new("kind", Kind::Text, "", "SLO."),
        Field::required("metadata", Kind::Section(&METADATA), METADATA.doc),
        Field::required("spec", Kind::Section(&SPEC), "The objectives."),
    ],
    includes: &[],
    check: None,
};

pub(super) static METADATA: Section = Section {
    name: "metadata of OpenSLO",
    doc: "Its name and labels.",
    fields: &[
        Field::new("name", Kind::Text, "", "Its name."),
        Field::new("displayName", Kind::Text, "", "Its name for people."),
        Field::new("labels", Kind::Map(&Kind::Raw), "", "Labels."),
        Field::new("annotations", Kind::Labels, "", "Texts."),
    ],
    includes: &[],
    check: None,
};

pub(super) static SERVICE: Section = Section {
    name: "Service of OpenSLO",
    doc: "Who promises.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version."),
        Field::new("kind", Kind::Text, "", "Service."),
        Field::required("metadata", Kind::Section(&METADATA), METADATA.doc),
        Field::new("spec", Kind::Raw, "", "What it is."),
    ],
    includes: &[],
    check: None,
};

static SPEC: Section = Section {
    name: "spec of an SLO",
    doc: "Objectives over an indicator.",
    fields: &[
        Field::new("description", Kind::Text, "", "What it is."),
        Field::required("service", Kind::Text, "Who promises."),
        Field::new("indicator", Kind::Section(&SLI), "", SLI.doc),
        Field::new("indicatorRef", Kind::Text, "", "The name of an SLI."),
        Field::new(
            "timeWindow",
            Kind::Sections(&TIME_WINDOW),
            "",
            "What it is kept over.",
        ),
        Field::required("budgetingMethod", METHODS, "How events are counted."),
        Field::required("objectives", Kind::Sections(&OBJECTIVE), "The objectives."),
        Field::new(
            "alertPolicies",
            Kind::List(&Kind::SectionOrText(&POLICY)),
            "",
            "Who is told of what.",
        ),
    ],
    includes: &[],
    check: None,
};

static OBJECTIVE: Section = Section {
    name: "objective of OpenSLO",
    doc: "A share of good events.",
    fields: &[
        Field::new("displayName", Kind::Text, "", "Its name for people."),
        Field::new("op", OP, "", "How a metric is compared."),
        Field::new("value", VALUE, "", "What it is compared with."),
        Field::new("target", Kind::Text, "", "The share."),
        Field::new("targetPercent", Kind::Text, "", "The share in percent."),
        Field::new(
            "timeSliceTarget",
            SHARE,
            "",
            "The share that makes a slice good.",
        ),
        Field::new("timeSliceWindow", Kind::Text, "", "How long a slice is."),
        Field::new("indicator", Kind::Section(&SLI), "", SLI.doc),
        Field::new("indicatorRef", Kind::Text, "", "The name of an SLI."),
        Field::new(
            "compositeWeight",
            Kind::Float {
                min: 0.0,
                max: f64::MAX,
            },
            "",
            "How much it counts.",
        ),
    ],
    includes: &[],
    check: None,
};

/// The objectives of a document.
pub(super) fn decode_slo(
    view: &View<'_>,
    reading: &Reading,
    resources: &Resources<'_>,
    problems: &mut Problems,
) -> Vec<Found> {
    let (metadata, spec) = (view.section("metadata"), view.section("spec"));
    if metadata.text("name").is_empty() {
        metadata.error_at(problems, "name", "is missing: want a text");
    }
    let keys = ["indicator", "indicatorRef"];
    spec.at_most_one(problems, &keys);
    let objectives = spec.sections("objectives");
    let is_composite = spec.set_among(&keys).is_empty();
    let Some((period, time_zone)) = decode_window(&spec, problems) else {
        return Vec::new();
    };
    let service = resources.get("Service", spec.text("service"));
    let mut labels = service.map_or_else(Vec::new, |service| {
        imported_labels(&service.section("metadata"), "labels", problems)
    });
    for (name, value) in imported_labels(&metadata, "labels", problems) {
        put(&mut labels, &name, &value);
    }
    let alerts = decode_alerts(&spec, &metadata, reading, resources, problems);
    let names = names(metadata.text("name"), &objectives, is_composite);
    let mut found = Vec::new();
    for (objective, name) in objectives.iter().zip(names) {
        let Some((slices, interval_ms)) = decode_method(&spec, objective, reading, problems) else {
            continue;
        };
        let holder = if is_composite { objective } else { &spec };
        let Some(sli) = indicator_of(holder, resources, problems) else {
            continue;
        };
        let indicator = decode_sli(&sli, objective, interval_ms, resources, problems);
        let target = decode_target(objective, problems);
        let (Some(indicator), Some(target)) = (indicator, target) else {
            continue;
        };
        let settings = ObjectiveSettings {
            file: view.origin.file.clone().into(),
            line: objective.position().line,
            name,
            service: spec.text("service").to_owned(),
            description: description(&metadata, &spec, &sli, objective, objectives.len() > 1),
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
            alerts: if is_composite {
                of_part()
            } else {
                alerts.clone()
            },
        };
        found.push(Found::at(settings, objective));
    }
    if is_composite && found.len() == objectives.len() {
        found.extend(composite(&spec, &metadata, &found, alerts, problems));
    }
    found
}

/// A part of a composite is told of by the composite, but where it is not measured.
fn of_part() -> ObjectiveAlerts {
    ObjectiveAlerts {
        page: None,
        ticket: None,
        measurement: Some(AlertOptions::default()),
        ..ObjectiveAlerts::default()
    }
}

/// A name for each objective.
pub(super) fn names(name: &str, objectives: &[View<'_>], is_composite: bool) -> Vec<String> {
    if objectives.len() == 1 && !is_composite {
        return vec![name.to_owned()];
    }
    let called: Vec<String> = objectives
        .iter()
        .map(|objective| slug(objective.text("displayName")))
        .collect();
    let is_known =
        |called: &str, all: &[String]| all.iter().filter(|it| *it == called).count() == 1;
    called
        .iter()
        .enumerate()
        .map(
            |(index, it)| match !it.is_empty() && is_known(it, &called) {
                true => format!("{name}-{it}"),
                false => format!("{name}-{index}"),
            },
        )
        .collect()
}

/// A text as part of a name: small letters and digits, joined by dashes.
fn slug(text: &str) -> String {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let words: Vec<String> = words
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    words.join("-")
}

fn description(
    metadata: &View<'_>,
    spec: &View<'_>,
    sli: &View<'_>,
    objective: &View<'_>,
    is_one_of_many: bool,
) -> String {
    let own = if is_one_of_many {
        objective.text("displayName")
    } else {
        ""
    };
    let about = or(
        spec.text("description"),
        sli.section("spec").text("description"),
    );
    let texts = [metadata.text("displayName"), own, about];
    let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
    texts.join(": ")
}

/// The SLI of an SLO or of an objective.
fn indicator_of<'a>(
    view: &View<'a>,
    resources: &Resources<'a>,
    problems: &mut Problems,
) -> Option<View<'a>> {
    let name = view.text("indicatorRef");
    if !name.is_empty() {
        let found = resources.get("SLI", name);
        if found.is_none() {
            view.error_at(problems, "indicatorRef", missing("SLI", name));
        }
        return found;
    }
    let found = view.optional_section("indicator");
    if found.is_none() {
        view.error(
            problems,
            "says not what counts: want indicator or indicatorRef",
        );
    }
    found
}

pub(super) fn decode_target(view: &View<'_>, problems: &mut Problems) -> Option<f64> {
    let keys = ["target", "targetPercent"];
    let &[key] = view.set_among(&keys).as_slice() else {
        view.error(problems, "want one of target and targetPercent");
        return None;
    };
    let text = view.text(key);
    let share = match key {
        "target" => text.parse().ok(),
        _ => percent(text),
    };
    let share = share.filter(|share: &f64| *share > 0.0 && *share < 1.0);
    if share.is_none() {
        let end = if key == "target" { 1 } else { 100 };
        let text = shortened(text);
        view.error_at(
            problems,
            key,
            format!("{text:?} given: want a number above 0 and below {end}"),
        );
    }
    share
}

/// How events are counted, and in what intervals.
pub(super) fn decode_method(
    spec: &View<'_>,
    objective: &View<'_>,
    reading: &Reading,
    problems: &mut Problems,
) -> Option<(Option<Slices>, i64)> {
    let method = spec.text("budgetingMethod");
    let keys = ["timeSliceTarget", "timeSliceWindow"];
    if method == "Occurrences" {
        for key in objective.set_among(&keys) {
            let message = "has no effect: budgetingMethod is Occurrences";
            objective.warn_at(problems, key, message);
        }
        return Some((None, reading.options.interval_ms));
    }
    let text = objective.text("timeSliceWindow");
    let minutes = text.parse::<i64>().ok();
    let interval_ms = minutes
        .and_then(|minutes| minutes.checked_mul(MINUTE_MS))
        .or_else(|| parse_duration(text).ok())
        .filter(|ms| (1_000..=DAY_MS).contains(ms));
    if interval_ms.is_none() {
        let text = shortened(text);
        let message = format!("{text:?} given: want a time slice from 1s to 1d, such as 1m");
        objective.error_at(problems, "timeSliceWindow", message);
    }
    let slices = match method {
        "Timeslices" if !objective.is_set("timeSliceTarget") => {
            let message = "timeSliceTarget is missing: want the share that makes a slice good";
            objective.error(problems, message);
            return None;
        }
        "Timeslices" => Slices::Good {
            from: objective.float("timeSliceTarget"),
        },
        _ => Slices::Ratio,
    };
    Some((Some(slices), interval_ms?))
}

/// The objective that joins others.
fn composite(
    spec: &View<'_>,
    metadata: &View<'_>,
    parts: &[Found],
    alerts: ObjectiveAlerts,
    problems: &mut Problems,
) -> Option<Found> {
    let views = spec.sections("objectives");
    let weights: Vec<f64> = views
        .iter()
        .map(|view| {
            if view.is_set("compositeWeight") {
                view.float("compositeWeight")
            } else {
                1.0
            }
        })
        .collect();
    if let Some(view) = views
        .iter()
        .zip(&weights)
        .find(|(_, weight)| **weight <= 0.0)
    {
        view.0.error_at(
            problems,
            "compositeWeight",
            "0 given: want a number above 0",
        );
        return None;
    }
    let targets = || parts.iter().map(|part| part.settings.target);
    let first = &parts.first()?.settings;
    let is_weighted = weights.iter().any(|weight| weight != &1.0);
    let (how, target) = if is_weighted {
        let sum: f64 = weights.iter().sum();
        let of: f64 = targets()
            .zip(&weights)
            .map(|(target, weight)| target * weight)
            .sum();
        (Composition::Weighted, of / sum)
    } else if matches!(first.slices, Some(Slices::Good { .. })) {
        (Composition::Worst, targets().fold(1.0, f64::min))
    } else {
        (Composition::Series, targets().product())
    };
    let said = match how {
        Composition::Series => "a request needs all of them",
        Composition::Worst => "the worst of them counts",
        Composition::Weighted => "weights are those of a mean",
    };
    let target = (target * 1e12).round() / 1e12;
    if !(target > 0.0 && target < 1.0) {
        let message = format!("joined, they promise {target}: want a share above 0 and below 1");
        spec.error_at(problems, "objectives", message);
        return None;
    }
    let message = format!(
        "a composite has no target of its own by the specification: {}% is taken, where {said}",
        (target * 1e14).round() / 1e12
    );
    spec.warn_at(problems, "objectives", message);
    let names = parts.iter().map(|part| part.settings.name.clone());
    let settings = ObjectiveSettings {
        name: metadata.text("name").to_owned(),
        line: spec.position().line,
        description: [metadata.text("displayName"), spec.text("description")]
            .into_iter()
            .filter(|text| !text.is_empty())
            .collect::<Vec<_>>()
            .join(": "),
        target,
        indicator: Indicator::Composite {
            parts: names.zip(weights).collect(),
            how,
        },
        slices: None,
        alerts,
        ..first.clone()
    };
    Some(Found::at(settings, spec))
}
