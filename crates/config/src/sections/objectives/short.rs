//! Objectives in our own form.

use bellwether_health::{EntityId, EntityKind};
use bellwether_model::METRIC_NAME;
use bellwether_rules::objective::{Indicator, ObjectiveSettings, Slices};

use super::alerts::{ALERTS, KINDS, decode_alerts};
use super::indicator::{INDICATOR, decode_indicator};
use super::period::{CALENDAR, check_period, decode_period, zone_of};
use super::share::parse_objective;
use super::{Found, Reading};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::shortened;

/// What stands for the share of [`Indicator::Spend`], which has none.
pub(crate) const NO_TARGET: f64 = 0.5;
/// The shortest interval: chosen, the shortest at which rules are evaluated sensibly.
const INTERVAL_MIN_MS: i64 = 1_000;
/// The longest: chosen, a day, which is the longest slice of time that we have seen.
const INTERVAL_MAX_MS: i64 = 86_400_000;
/// Labels that say which series it is.
const RESERVED_LABELS: [&str; 5] = [METRIC_NAME, "slo", "service", "entity", "window"];

pub(crate) static OBJECTIVE_FILE: Section = Section {
    name: "file of objectives",
    doc: "What `slos` may name: objectives in this form, or documents of OpenSLO, Sloth and Pyrra.",
    fields: &[Field::new(
        "slos",
        Kind::Sections(&OBJECTIVE),
        "",
        "The objectives.",
    )],
    includes: &[],
    check: None,
};

pub(crate) static OBJECTIVE: Section = Section {
    name: "objective",
    doc: "A promise of a service: a share of good events over a period.",
    fields: &[
        Field::required(
            "name",
            Kind::Text,
            "Its name, unique for its service: the label `slo`.",
        ),
        Field::required("service", Kind::Text, "Who promises: the label `service`."),
        Field::new("description", Kind::Text, "", "What it is, for people."),
        Field::new(
            "objective",
            Kind::Text,
            "",
            "The share of events that must be good, such as 99.5%, 99.5 or 0.995. Required but for indicator.spend.",
        ),
        Field::new(
            "window",
            Kind::Duration,
            "",
            "It is kept over the last so long; 30d where calendar is absent, too.",
        ),
        Field::new(
            "calendar",
            Kind::SectionOrText(&CALENDAR),
            "",
            "It is kept over periods of the calendar: day, week, month, quarter, year.",
        ),
        Field::new(
            "time_zone",
            Kind::Text,
            "UTC",
            "The time zone of the calendar, such as Europe/Berlin.",
        ),
        Field::new(
            "interval",
            Kind::Duration,
            "1m",
            "How often events are counted, from 1s to 1d.",
        ),
        Field::required("indicator", Kind::Section(&INDICATOR), INDICATOR.doc),
        Field::new("slices", Kind::Section(&SLICES), "", SLICES.doc),
        Field::new(
            "group_by",
            Kind::List(&Kind::LabelName),
            "",
            "Labels of which each combination of values has a budget of its own.",
        ),
        Field::new(
            "spent_by",
            Kind::List(&Kind::LabelName),
            "",
            "Labels by whose values it is said who spent a budget.",
        ),
        Field::new(
            "entity",
            Kind::Text,
            "",
            "The entity whose promise it is, kind/name.",
        ),
        Field::new(
            "labels",
            Kind::Labels,
            "",
            "Labels of all its series and alerts.",
        ),
        Field::new("alerts", Kind::Section(&ALERTS), "", ALERTS.doc),
    ],
    includes: &[],
    check: Some(check_objective),
};

static SLICES: Section = Section {
    name: "slices of an objective",
    doc: "Slices of time, each as long as the interval, count in place of events: quiet hours as much as busy ones. Set exactly one.",
    fields: &[
        Field::new(
            "good_from",
            Kind::Float { min: 0.0, max: 1.0 },
            "",
            "A slice is good where this share of its events is, or more.",
        ),
        Field::new(
            "ratio",
            Kind::Bool,
            "",
            "A slice counts with its share of bad events.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let ratio = view.is_set("ratio") && view.bool("ratio");
        if ratio == view.is_set("good_from") {
            view.error(problems, "want exactly one of good_from and ratio: true");
        }
    }),
};

fn check_objective(view: &View<'_>, problems: &mut Problems) {
    let spends = view.section("indicator").is_set("spend");
    match (spends, view.text("objective")) {
        (true, "") => {}
        (true, _) => {
            let message = "is set together with indicator.spend: its limit is the objective";
            view.error_at(problems, "objective", message);
        }
        (false, "") => view.error(
            problems,
            "objective is missing: want a share of good events such as 99.5%",
        ),
        (false, text) => {
            if let Err(message) = parse_objective(text) {
                view.error_at(problems, "objective", message);
            }
        }
    }
    let interval_ms = view.duration_ms("interval");
    if !(INTERVAL_MIN_MS..=INTERVAL_MAX_MS).contains(&interval_ms) {
        let text = shortened(view.text("interval"));
        view.error_at(problems, "interval", format!("{text} given: want 1s to 1d"));
    }
    check_period(view, problems);
    check_labels(view, problems);
    check_spenders(view, problems);
    let entity = view.text("entity");
    if !entity.is_empty() && EntityId::parse(entity).is_none() {
        let kinds = EntityKind::ALL.map(EntityKind::as_str).join(", ");
        let entity = shortened(entity);
        let message = format!("{entity:?} given: want kind/name with one of the kinds {kinds}");
        view.error_at(problems, "entity", message);
    }
}

/// Whether a label may not be chosen.
pub(super) fn is_reserved(label: &str) -> bool {
    RESERVED_LABELS.contains(&label)
}

/// Counts that are made for each value of a label by itself are others than those of all together: ten
/// pods have ten slices a minute, and the newest of all backups is not that of each.
fn check_spenders(view: &View<'_>, problems: &mut Problems) {
    let indicator = view.section("indicator");
    let what = match view.section("slices").node {
        Some(_) => "slices",
        None if indicator.section("freshness").node.is_some() => "freshness",
        None => return,
    };
    if !view.items("spent_by").is_empty() {
        let message = format!(
            "cannot be with {what}, which would count each of its values by itself: want group_by, or none"
        );
        view.error_at(problems, "spent_by", message);
    }
}

fn check_labels(view: &View<'_>, problems: &mut Problems) {
    let reserved = RESERVED_LABELS.join(", ");
    let mut refuse = |node: &crate::yaml::Node, label: &str| {
        let message = format!("{label:?} is set by what it measures: want none of {reserved}");
        problems.error(&view.origin.file, node.position, &node.path, message);
    };
    for (label, node) in view.entries("labels") {
        if is_reserved(label) {
            refuse(node, label);
        }
    }
    for key in ["group_by", "spent_by"] {
        for item in view.items(key) {
            let label = node_text(item);
            if is_reserved(&label) {
                refuse(item, &label);
            }
        }
    }
}

/// Decodes an objective. None where something was reported as wrong.
pub(crate) fn decode_objective(
    view: &View<'_>,
    reading: &Reading,
    problems: &mut Problems,
) -> Option<Found> {
    if problems.has_errors_under(&view.origin.file, &view.path()) {
        return None;
    }
    let interval_ms = view.duration_ms("interval");
    let alerts = view.section("alerts");
    reading.check_templates(&alerts, alerts.text("name"), problems);
    for kind in KINDS {
        reading.check_templates(&alerts.section(kind), alerts.text("name"), problems);
    }
    let indicator = decode_indicator(&view.section("indicator"), interval_ms, problems)?;
    let target = match indicator {
        Indicator::Spend { .. } => NO_TARGET,
        _ => parse_objective(view.text("objective")).ok()?,
    };
    let settings = ObjectiveSettings {
        file: view.origin.file.clone().into(),
        line: view.position().line,
        name: view.text("name").to_owned(),
        service: view.text("service").to_owned(),
        description: view.text("description").to_owned(),
        target,
        period: decode_period(view),
        time_zone: zone_of(view, "time_zone"),
        indicator,
        slices: decode_slices(&view.section("slices")),
        group_by: view.texts("group_by"),
        spent_by: view.texts("spent_by"),
        entity: view.optional_text("entity"),
        labels: view.text_map("labels"),
        interval_ms,
        alerts: decode_alerts(&alerts),
    };
    Some(Found::at(settings, view))
}

fn decode_slices(view: &View<'_>) -> Option<Slices> {
    view.node?;
    Some(if view.is_set("good_from") {
        Slices::Good {
            from: view.float("good_from"),
        }
    } else {
        Slices::Ratio
    })
}
