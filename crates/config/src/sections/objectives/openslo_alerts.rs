//! Who is told of what, in documents of OpenSLO.
//!
//! ## Model
//! A policy has a condition and targets. The severity of the condition says whether it is a page or a
//! ticket, and is its label `severity`; the names of the targets are its label `notification_target`, by
//! which routes can find it.
//!
//! ## Invariants
//! An SLO without policies has all alerts, as our own form has. Thresholds of single windows are not
//! kept, which is told: pages and tickets look at several windows, and want evidence.

use bellwether_rules::objective::{AlertOptions, ObjectiveAlerts};

use super::documents::Resources;
use super::openslo::METADATA;
use super::{Reading, or, put};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::{NodeValue, shortened};

/// Severities of which somebody is woken up.
const PAGES: [&str; 12] = [
    "page",
    "critical",
    "crit",
    "emergency",
    "urgent",
    "high",
    "sev0",
    "sev1",
    "sev-0",
    "sev-1",
    "p0",
    "p1",
];

pub(super) static POLICY: Section = Section {
    name: "AlertPolicy of OpenSLO",
    doc: "Who is told of what.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version."),
        Field::new("kind", Kind::Text, "", "AlertPolicy."),
        Field::new("metadata", Kind::Section(&METADATA), "", METADATA.doc),
        Field::new("spec", Kind::Section(&POLICY_SPEC), "", "The policy."),
        Field::new("alertPolicyRef", Kind::Text, "", "The name of another."),
    ],
    includes: &[],
    check: None,
};

static POLICY_SPEC: Section = Section {
    name: "spec of an AlertPolicy",
    doc: "Who is told of what.",
    fields: &[
        Field::new("description", Kind::Text, "", "What it is."),
        Field::new("alertWhenNoData", Kind::Bool, "true", "Missing data."),
        Field::new("alertWhenResolved", Kind::Bool, "false", "The end."),
        Field::new("alertWhenBreaching", Kind::Bool, "true", "The condition."),
        Field::new("conditions", Kind::Sections(&CONDITION), "", "When."),
        Field::new("notificationTargets", Kind::Sections(&TARGET), "", "Whom."),
    ],
    includes: &[],
    check: None,
};

pub(super) static CONDITION: Section = Section {
    name: "AlertCondition of OpenSLO",
    doc: "When somebody is told.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version."),
        Field::new("kind", Kind::Text, "", "AlertCondition."),
        Field::new("metadata", Kind::Section(&METADATA), "", METADATA.doc),
        Field::new("spec", Kind::Section(&CONDITION_SPEC), "", "The condition."),
        Field::new("conditionRef", Kind::Text, "", "The name of another."),
    ],
    includes: &[],
    check: None,
};

static CONDITION_SPEC: Section = Section {
    name: "spec of an AlertCondition",
    doc: "When somebody is told.",
    fields: &[
        Field::new("description", Kind::Text, "", "What it is."),
        Field::required("severity", Kind::Text, "How urgent it is."),
        Field::required("condition", Kind::Raw, "A burn rate over a window.")
            .inert("is not kept: pages and tickets look at burn rates over several windows, and want evidence"),
    ],
    includes: &[],
    check: None,
};

pub(super) static TARGET: Section = Section {
    name: "AlertNotificationTarget of OpenSLO",
    doc: "Who is told.",
    fields: &[
        Field::new("apiVersion", Kind::Text, "", "The version."),
        Field::new("kind", Kind::Text, "", "AlertNotificationTarget."),
        Field::new("metadata", Kind::Section(&METADATA), "", METADATA.doc),
        Field::new("spec", Kind::Section(&TARGET_SPEC), "", "The target."),
        Field::new("targetRef", Kind::Text, "", "The name of another."),
    ],
    includes: &[],
    check: None,
};

static TARGET_SPEC: Section = Section {
    name: "spec of an AlertNotificationTarget",
    doc: "Who is told.",
    fields: &[
        Field::new("target", Kind::Text, "", "How."),
        Field::new("description", Kind::Text, "", "Who."),
    ],
    includes: &[],
    check: None,
};

/// The alerts of an SLO; `metadata` is its own.
pub(super) fn decode_alerts(
    spec: &View<'_>,
    metadata: &View<'_>,
    reading: &Reading,
    resources: &Resources<'_>,
    problems: &mut Problems,
) -> ObjectiveAlerts {
    let mut alerts = ObjectiveAlerts::default();
    reading.check_templates(metadata, &alerts.name, problems);
    alerts.annotations = metadata.text_map("annotations");
    let policies = policies(spec, resources, problems);
    if policies.is_empty() {
        return alerts;
    }
    (alerts.page, alerts.ticket, alerts.measurement) = (None, None, None);
    for policy in &policies {
        decode_policy(policy, &mut alerts, resources, problems);
    }
    alerts
}

/// The policies of an SLO: inline, behind `alertPolicyRef`, or just named.
fn policies<'a>(
    spec: &View<'a>,
    resources: &Resources<'a>,
    problems: &mut Problems,
) -> Vec<View<'a>> {
    let mut found = Vec::new();
    for item in spec.items("alertPolicies") {
        let view = View::new(Some(item), &POLICY, spec.origin);
        let name = match &item.value {
            NodeValue::Scalar(_) => node_text(item),
            _ => view.text("alertPolicyRef").to_owned(),
        };
        if name.is_empty() {
            found.push(view);
            continue;
        }
        match resources.get("AlertPolicy", &name) {
            Some(policy) => found.push(policy),
            None => {
                let message = missing("AlertPolicy", &name);
                problems.error(&spec.origin.file, item.position, &item.path, message);
            }
        }
    }
    found
}

pub(super) fn missing(kind: &str, name: &str) -> String {
    let name = shortened(name);
    format!("no {kind} {name:?} was read: want it in the same files")
}

/// What is named behind `key`, or stands here itself.
fn resolved<'a>(
    view: View<'a>,
    key: &str,
    kind: &'static str,
    resources: &Resources<'a>,
    problems: &mut Problems,
) -> Option<View<'a>> {
    let name = view.text(key);
    if name.is_empty() {
        return Some(view);
    }
    let found = resources.get(kind, name);
    if found.is_none() {
        view.error_at(problems, key, missing(kind, name));
    }
    found
}

fn decode_policy(
    policy: &View<'_>,
    alerts: &mut ObjectiveAlerts,
    resources: &Resources<'_>,
    problems: &mut Problems,
) {
    let spec = policy.section("spec");
    if spec.bool("alertWhenResolved") {
        let message = "has no effect: receivers say for themselves whether they are told of the end (send_resolved)";
        spec.warn_at(problems, "alertWhenResolved", message);
    }
    let mut targets: Vec<&str> = Vec::new();
    for target in spec.sections("notificationTargets") {
        let named = target.text("targetRef");
        if let Some(target) = resolved(
            target,
            "targetRef",
            "AlertNotificationTarget",
            resources,
            problems,
        ) {
            let own = target.section("metadata").text("name");
            targets.push(or(named, or(own, target.section("spec").text("target"))));
        }
    }
    let mut options = AlertOptions::default();
    if !targets.is_empty() {
        put(
            &mut options.labels,
            "notification_target",
            &targets.join(","),
        );
    }
    let metadata = policy.section("metadata");
    let about = or(
        spec.text("description"),
        or(metadata.text("displayName"), metadata.text("name")),
    );
    if !about.is_empty() {
        // Texts of other programs are no templates.
        let about = about.replace("{{", "{{ \"{{\" }}");
        options.annotations.push(("alert_policy".to_owned(), about));
    }
    if spec.bool("alertWhenNoData") {
        alerts.measurement = Some(options.clone());
    }
    for condition in spec.sections("conditions") {
        let Some(condition) = resolved(
            condition,
            "conditionRef",
            "AlertCondition",
            resources,
            problems,
        ) else {
            continue;
        };
        if !spec.bool("alertWhenBreaching") {
            continue;
        }
        let severity = condition.section("spec").text("severity");
        let mut options = options.clone();
        put(&mut options.labels, "severity", severity);
        let is_page = PAGES.contains(&severity.to_ascii_lowercase().as_str());
        let slot = if is_page {
            &mut alerts.page
        } else {
            &mut alerts.ticket
        };
        if slot.is_some() {
            let kind = if is_page { "pages" } else { "tickets" };
            let message =
                format!("takes the place of another condition whose alerts are {kind}, too");
            condition.warn_at(problems, "spec", message);
        }
        *slot = Some(options);
    }
}
