//! Scalers: who says how many workers a pool shall have, from what, and to whom.

pub(crate) mod policy;
mod targets;

use std::collections::BTreeMap;

use bellwether_model::short;
use bellwether_outbound::settings::{HttpClientSettings, SecretSource};
use bellwether_promql::Features;
use bellwether_rules::scaling::{ScalerSettings, SignalName, pool_queries};

use self::policy::{POLICY, decode_policy};
use self::targets::{TARGETS, decode_targets};
use super::relabel::is_label_name;
use crate::config::LoadOptions;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::global::GlobalSettings;
use crate::view::View;
use crate::yaml::shortened;

/// Characters of names of scalers and metrics. Chosen.
pub(crate) const NAME_BYTES_MAX: usize = 100;
/// Labels that series of scalers have already.
const RESERVED_LABELS: [&str; 6] = ["__name__", "scaler", "signal", "state", "rule", "reason"];

/// A scaler as a configuration has it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalerConfig {
    /// What decides.
    pub settings: ScalerSettings,
    /// Who is told by a request, where somebody is.
    pub webhook: Option<ScalingWebhook>,
}

/// Who is told of a scaler's decisions by a request.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingWebhook {
    /// Where to.
    pub url: SecretSource,
    /// How.
    pub http: HttpClientSettings,
    /// How long a request may take, ms.
    pub timeout_ms: i64,
}

pub(crate) static SCALER: Section = Section {
    name: "scaler",
    doc: "How many workers a pool shall have: from which signals, by which policy, and who follows. The signals are those of a `pool` of the SDK, or queries in PromQL, or both.",
    fields: &[
        Field::required(
            "name",
            Kind::Text,
            "Its name, unique among scalers: at most 100 letters, digits, _, - and .",
        ),
        Field::new(
            "labels",
            Kind::Labels,
            "",
            "Further labels of its series and of its rows in the timeline.",
        ),
        Field::new(
            "pool",
            Kind::Text,
            "",
            "A pool of services that use the SDK: its usual series are the signals that `signals` does not name.",
        ),
        Field::new("signals", Kind::Section(&SIGNALS), "", SIGNALS.doc),
        Field::new(
            "dry_run",
            Kind::Bool,
            "false",
            "Decide, show and keep; nobody who follows is told.",
        ),
        Field::new("targets", Kind::Section(&TARGETS), "", TARGETS.doc),
    ],
    includes: &[&POLICY],
    check: Some(check_scaler),
};

/// A signal's query.
const fn query(key: &'static str, doc: &'static str) -> Field {
    Field::new(key, Kind::Text, "", doc)
}

static SIGNALS: Section = Section {
    name: "scaler.signals",
    doc: "Queries in PromQL, each of which gives one number. One that gives nothing is a signal that is not there, never a zero.",
    fields: &[
        query(
            "in_flight",
            "Work that runs or waits, where nobody tells the two apart.",
        ),
        query("busy", "Slots in use, over the pool."),
        query("waiting", "Requests that wait for a slot."),
        query(
            "offered_load",
            "Seconds of service that arrive in a second: requests a second times their service time.",
        ),
        query(
            "service_time",
            "Mean time for which a request holds a slot, in seconds.",
        ),
        query(
            "latency_p95",
            "The 95th percentile of the latency, in seconds.",
        ),
        query(
            "tokens_per_second",
            "Tokens that the pool makes in a second.",
        ),
        query(
            "gpu_cache_use",
            "The mean share of the GPUs' memory for keys and values that is in use, 0 to 1.",
        ),
        query(
            "budget_left",
            "The share of the error budget that is left, at most 1; below 0 where too much is spent.",
        ),
        query(
            "workers",
            "Workers that the pool is set to; what was decided last where absent.",
        ),
        query(
            "ready",
            "Workers that take requests; those decided a start-up ago where absent.",
        ),
        query(
            "silent",
            "How many of those who report are silent: while it is above 0 no worker is taken away.",
        ),
        query(
            "instances",
            "Processes that share the workers, for pools of the SDK.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["in_flight", "busy"]);
    }),
};

fn check_scaler(view: &View<'_>, problems: &mut Problems) {
    check_name(view, "name", problems);
    if !view.is_set("pool") && !view.is_set("signals") {
        view.error(
            problems,
            "says not what is seen of the pool: want pool, signals or both",
        );
    }
    let has_work_outside = ["in_flight", "waiting", "offered_load"]
        .iter()
        .any(|key| view.section("signals").is_set(key));
    if view.integer("min") == 0 && view.is_set("pool") && !has_work_outside {
        view.warn_at(
            problems,
            "min",
            "0 with the signals of a pool: without workers its processes may report nothing, and then nothing wakes it but a signal from outside, such as signals.waiting of a queue",
        );
    }
    if view.section("targets").bool("sdk") && !view.is_set("pool") {
        let has_instances = view.section("signals").is_set("instances");
        if !has_instances {
            view.warn_at(
                problems,
                "targets",
                "sdk without pool and signals.instances: every process that follows gets all workers",
            );
        }
    }
}

/// A name that can stand in a path.
fn check_name(view: &View<'_>, key: &str, problems: &mut Problems) {
    let name = view.text(key);
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if !is_name {
        let message = format!(
            "{:?} given: want at most {NAME_BYTES_MAX} letters, digits, _, - and .",
            shortened(name)
        );
        view.error_at(problems, key, message);
    }
}

/// Decodes the list. Scalers that are wrong are told and left out.
pub(crate) fn decode_scaling(
    root: &View<'_>,
    global: &GlobalSettings,
    options: &LoadOptions<'_>,
    problems: &mut Problems,
) -> Vec<ScalerConfig> {
    let views = root.sections("scaling");
    check_unique(&views, problems);
    let mut scalers = Vec::new();
    let has_grpc = root.section("server").is_set("otlp_grpc_listen");
    for view in &views {
        let targets = view.section("targets");
        if targets.is_set("keda") && !has_grpc {
            targets.warn_at(
                problems,
                "keda",
                "KEDA asks on the port of OTLP over gRPC, which is closed: want server.otlp_grpc_listen, or its flag",
            );
        }
        if !problems.has_errors_under(&view.origin.file, &view.path()) {
            scalers.extend(decode_scaler(view, global, options.promql, problems));
        }
    }
    scalers
}

/// Names of scalers, metrics and ScaledObjects must be unique: each says who is meant.
fn check_unique(views: &[View<'_>], problems: &mut Problems) {
    let mut seen = BTreeMap::new();
    for view in views {
        let targets = view.section("targets");
        let (keda, metric) = (targets.section("keda"), targets.section("external_metric"));
        for (view, key, what) in [
            (*view, "name", "the scaler"),
            (keda, "name", "the ScaledObject of the scaler"),
            (metric, "name", "the metric of the scaler"),
        ] {
            let name = view.text(key);
            let line = view.position().line;
            let namespace = match what {
                "the ScaledObject of the scaler" => view.text("namespace"),
                _ => "",
            };
            let place = (what, namespace, name);
            if let Some(line) = seen.insert(place, line).filter(|_| !name.is_empty()) {
                let message = format!("{:?} is already {what} at line {line}", short(name));
                view.error_at(problems, key, message);
            }
        }
    }
}

fn decode_scaler(
    view: &View<'_>,
    global: &GlobalSettings,
    features: Features,
    problems: &mut Problems,
) -> Option<ScalerConfig> {
    let (settings, webhook) = decode_targets(&view.section("targets"));
    let errors_before = problems.errors.len();
    let labels = decode_labels(view, global, problems);
    let signals = decode_signals(view, features, problems);
    let decoded = decode_policy(view, problems)?;
    for (i, rule) in decoded.policy.rules.iter().enumerate() {
        let has = |name: &SignalName| signals.iter().any(|(known, _)| known == name);
        for wanted in SignalName::needed_by(rule) {
            if !wanted.iter().any(has) {
                let words: Vec<&str> = wanted.iter().map(|name| name.as_str()).collect();
                let message = format!(
                    "rule {} ({}) needs the signal {}: without it no worker is ever taken away",
                    i + 1,
                    rule.name().as_str(),
                    words.join(" or ")
                );
                view.error_at(problems, "signals", message);
            }
        }
    }
    (problems.errors.len() == errors_before).then(|| ScalerConfig {
        settings: ScalerSettings {
            name: view.text("name").to_owned(),
            labels,
            interval_ms: decoded.interval_ms,
            policy: decoded.policy,
            slots_per_worker: decoded.slots_per_worker,
            start_up_ms: decoded.start_up_ms,
            signals,
            is_dry_run: view.bool("dry_run"),
            targets: settings,
        },
        webhook,
    })
}

/// The queries of the pool, and over them those that are written.
fn decode_signals(
    view: &View<'_>,
    features: Features,
    problems: &mut Problems,
) -> Vec<(SignalName, String)> {
    let own = view.section("signals");
    let mut signals: Vec<(SignalName, String)> = Vec::new();
    for name in SignalName::ALL {
        let text = own.text(name.as_str());
        if text.is_empty() {
            continue;
        }
        if let Err(error) = bellwether_promql::parse(text, &features) {
            own.error_at(problems, name.as_str(), error.to_string());
        }
        signals.push((name, text.to_owned()));
    }
    if view.is_set("pool") {
        let is_written = |name: SignalName| signals.iter().any(|(known, _)| *known == name);
        // What runs and what waits are told apart in a pool, or by whoever writes otherwise.
        let has_in_flight = is_written(SignalName::InFlight);
        let usual = pool_queries(view.text("pool")).into_iter();
        let usual: Vec<_> = usual
            .filter(|(name, _)| !is_written(*name))
            .filter(|(name, _)| !(has_in_flight && *name == SignalName::Busy))
            .collect();
        signals.extend(usual);
    }
    signals
}

fn decode_labels(
    view: &View<'_>,
    global: &GlobalSettings,
    problems: &mut Problems,
) -> Vec<(String, String)> {
    for (name, node) in view.entries("labels") {
        let shown = shortened(name);
        let message = if RESERVED_LABELS.contains(&name) || name.starts_with("__") {
            let reserved = RESERVED_LABELS.join(", ");
            format!("label {shown:?} is taken: want none of {reserved} and of what begins with __")
        } else if !is_label_name(name, global.name_validation) {
            format!(
                "{shown:?} is not a label name: want [a-zA-Z_][a-zA-Z0-9_]*, or the utf8 validation scheme"
            )
        } else {
            continue;
        };
        problems.error(&view.origin.file, node.position, &node.path, message);
    }
    view.text_map("labels")
}
