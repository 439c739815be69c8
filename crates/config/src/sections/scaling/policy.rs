//! How a pool is scaled: the policy of a scaler, and files that hold one.

use bellwether_model::short;
use bellwether_scale::{Backlog, Policy, Prediction, Rule, ScaleError, StepLimit};

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;

/// More is no count of workers.
const WORKERS: Kind = Kind::Integer {
    min: 0,
    max: 1_000_000,
};
const SOME_WORKERS: Kind = Kind::Integer {
    min: 1,
    max: 1_000_000,
};
const SHARE: Kind = Kind::Float { min: 0.0, max: 1.0 };
/// No scaler decides more or less often. Chosen.
const INTERVAL_MS: std::ops::RangeInclusive<i64> = 1_000..=3_600_000;

/// What stands among the settings of a scaler, and alone in a policy file.
pub(crate) static POLICY: Section = Section {
    name: "scaling policy",
    doc: "How many workers are wanted, and how fast that is followed. What is absent and has no default here is as the policy has it.",
    fields: &[
        Field::new(
            "policy",
            Kind::OneOf(&["predictive", "proportional"]),
            "predictive",
            "Where the rest comes from. predictive: the load at now and start-up with head-room for its bursts, and the backlog. proportional: the arithmetic and the defaults of the Horizontal Pod Autoscaler, for rules that are named.",
        ),
        Field::new(
            "min",
            WORKERS,
            "1",
            "The fewest workers. 0 allows none at all while the pool rests, and then only.",
        ),
        Field::required("max", SOME_WORKERS, "The most workers."),
        Field::new(
            "interval",
            Kind::Duration,
            "15s",
            "Time between two decisions, 1s to 1h.",
        ),
        Field::new(
            "start_up",
            Kind::Duration,
            "60s",
            "From a decision to the first request of a new worker.",
        ),
        Field::new(
            "slots_per_worker",
            SOME_WORKERS,
            "1",
            "Requests that one worker serves at a time.",
        ),
        Field::new(
            "rules",
            Kind::Sections(&RULE),
            "",
            "The rules; the largest number counts.",
        ),
        Field::new(
            "tolerance",
            SHARE,
            "",
            "Rules on ratios are content with one that is as near to 1.",
        ),
        Field::new(
            "stale_after",
            Kind::Duration,
            "60s",
            "A signal that is older is not there.",
        ),
        Field::new(
            "hold_for",
            Kind::Duration,
            "",
            "How long the last decision stands while no rule can say anything; for ever where absent. Wants floor.",
        ),
        Field::new(
            "floor",
            SOME_WORKERS,
            "",
            "How many workers there are after hold_for, whatever there were before.",
        ),
        Field::new(
            "down_hold",
            Kind::Duration,
            "",
            "Workers are taken away down to the most that was wanted in this time, and not before it was seen whole.",
        ),
        Field::new(
            "down_dead_band",
            SHARE,
            "",
            "Workers are not taken away for less than this share of them.",
        ),
        Field::new(
            "step_up",
            Kind::Section(&STEP),
            "",
            "The most that is added at a time.",
        ),
        Field::new(
            "step_down",
            Kind::Section(&STEP),
            "",
            "The most that is taken away at a time.",
        ),
        Field::new(
            "idle_after",
            Kind::Duration,
            "5m",
            "How long a pool rests before its last worker goes, where min is 0.",
        ),
        Field::new(
            "budget_low",
            SHARE,
            "",
            "At this share of the error budget or less there is no limit on the way up, and no way down.",
        ),
        Field::new(
            "allow_queue_only",
            Kind::Bool,
            "false",
            "Take rules that see only what waits, which oscillate.",
        ),
    ],
    includes: &[],
    check: Some(check_policy),
};

static STEP: Section = Section {
    name: "scaling step",
    doc: "The larger of the two numbers, counted from the workers of the last period.",
    fields: &[
        Field::new(
            "share",
            Kind::Float { min: 0.0, max: 1e6 },
            "0",
            "A share of the workers; 1 doubles them.",
        ),
        Field::new("workers", SOME_WORKERS, "1", "Workers."),
        Field::new(
            "period",
            Kind::Duration,
            "15s",
            "The time for which the bound holds.",
        ),
    ],
    includes: &[],
    check: None,
};

const RULES: [&str; 8] = [
    "predicted",
    "backlog",
    "in_flight",
    "utilisation",
    "queue",
    "latency",
    "tokens",
    "gpu_cache",
];

static RULE: Section = Section {
    name: "scaling rule",
    doc: "Exactly one of these.",
    fields: &[
        Field::new(
            "predicted",
            Kind::Section(&PREDICTED),
            "",
            "The load when a worker that is decided now counts, with head-room for bursts. Needs offered_load, in_flight, or busy and waiting.",
        ),
        Field::new(
            "backlog",
            Kind::Section(&BACKLOG),
            "",
            "The load, and what a new worker would still find waiting. Needs busy or in_flight, waiting, service_time.",
        ),
        Field::new(
            "in_flight",
            Kind::Section(&SHARE_OF_SLOTS),
            "",
            "Work that runs or waits over the slots of a worker. Needs in_flight, or busy and waiting.",
        ),
        Field::new(
            "utilisation",
            Kind::Section(&SHARE_OF_SLOTS),
            "",
            "Busy slots over those of ready workers; it cannot see beyond full. Needs busy.",
        ),
        Field::new(
            "queue",
            Kind::Section(&QUEUE),
            "",
            "What waits. Refused where it is the only kind of rule. Needs waiting.",
        ),
        Field::new(
            "latency",
            Kind::Section(&LATENCY),
            "",
            "Latency against a target; at most doubles. Needs latency_p95, and busy or in_flight.",
        ),
        Field::new(
            "tokens",
            Kind::Section(&TOKENS),
            "",
            "Tokens a second over those of a worker. Needs tokens_per_second.",
        ),
        Field::new(
            "gpu_cache",
            Kind::Section(&SHARE_OF_CACHE),
            "",
            "Use of the GPUs' memory for keys and values; it cannot see beyond full. Needs gpu_cache_use.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let written: Vec<&str> = RULES
            .into_iter()
            .filter(|key| view.is_written(key))
            .collect();
        if written.len() != 1 {
            let given = match written.is_empty() {
                true => "is no rule".to_owned(),
                false => format!("{} are set", written.join(" and ")),
            };
            let names = RULES.join(", ");
            view.error(problems, format!("{given}: want exactly one of {names}"));
        }
    }),
};

static PREDICTED: Section = Section {
    name: "scaling rule predicted",
    doc: "See ADR 0006 for what the numbers mean and how they were found.",
    fields: &[
        Field::new(
            "step",
            Kind::Duration,
            "15s",
            "Load is remembered in steps of this length.",
        ),
        Field::new(
            "level",
            Kind::Duration,
            "1m",
            "Time constant of the level of the load.",
        ),
        Field::new(
            "history",
            Kind::Duration,
            "2h",
            "How far back peaks over the level are remembered.",
        ),
        Field::new(
            "quantile",
            SHARE,
            "0.95",
            "Which quantile of the peaks is planned for.",
        ),
        Field::new(
            "staffing",
            Kind::Float {
                min: 0.0,
                max: 100.0,
            },
            "2.95",
            "The head-room where nothing is remembered, in square roots of the load.",
        ),
        Field::new(
            "wait_objective",
            Kind::Duration,
            "2s",
            "The wait that requests may have.",
        ),
    ],
    includes: &[],
    check: None,
};

static BACKLOG: Section = Section {
    name: "scaling rule backlog",
    doc: "Work that ready and starting workers finish in time is not counted, nor what waits for the first time.",
    fields: &[Field::new(
        "drain",
        Kind::Duration,
        "10s",
        "In which time new workers shall finish what is left.",
    )],
    includes: &[],
    check: None,
};

static SHARE_OF_SLOTS: Section = Section {
    name: "scaling rule on slots",
    doc: "Slots against a share of them.",
    fields: &[Field::new(
        "share",
        SHARE,
        "0.7",
        "The share of slots that shall be busy.",
    )],
    includes: &[],
    check: None,
};

static SHARE_OF_CACHE: Section = Section {
    name: "scaling rule gpu_cache",
    doc: "Memory against a share of it.",
    fields: &[Field::new(
        "share",
        SHARE,
        "0.7",
        "The share that shall be in use.",
    )],
    includes: &[],
    check: None,
};

static QUEUE: Section = Section {
    name: "scaling rule queue",
    doc: "What waits against what may.",
    fields: &[Field::required(
        "waiting_per_worker",
        Kind::Float { min: 0.0, max: 1e9 },
        "Requests that may wait for each worker.",
    )],
    includes: &[],
    check: None,
};

static LATENCY: Section = Section {
    name: "scaling rule latency",
    doc: "The 95th percentile against a target.",
    fields: &[Field::required("target", Kind::Duration, "The target.")],
    includes: &[],
    check: None,
};

static TOKENS: Section = Section {
    name: "scaling rule tokens",
    doc: "Tokens against what a worker makes.",
    fields: &[Field::required(
        "per_worker",
        Kind::Float { min: 0.0, max: 1e9 },
        "Tokens a second that one worker shall make.",
    )],
    includes: &[],
    check: None,
};

fn check_policy(view: &View<'_>, problems: &mut Problems) {
    let interval_ms = view.duration_ms("interval");
    if !INTERVAL_MS.contains(&interval_ms) {
        let text = short(view.text("interval"));
        view.error_at(problems, "interval", format!("{text} given: want 1s to 1h"));
    }
    for (key, other) in [("hold_for", "floor"), ("floor", "hold_for")] {
        if view.is_set(key) && !view.is_set(other) {
            view.error_at(
                problems,
                key,
                format!("stands without {other}: want both or none"),
            );
        }
    }
    if view.text("policy") == "proportional" && !view.is_set("rules") {
        let message = "proportional has no rules of its own: want some";
        view.error_at(problems, "rules", message);
    }
}

/// A policy with what it is applied to.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingPolicy {
    /// The policy.
    pub policy: Policy,
    /// Requests that one worker serves at a time.
    pub slots_per_worker: u32,
    /// From a decision to the first request of a new worker, ms.
    pub start_up_ms: i64,
    /// Time between two decisions, ms.
    pub interval_ms: i64,
}

/// Decodes a policy; `None` where it makes no sense, which is told.
pub(crate) fn decode_policy(view: &View<'_>, problems: &mut Problems) -> Option<ScalingPolicy> {
    let (min, max) = (count(view, "min"), count(view, "max"));
    let rules: Vec<Rule> = view
        .sections("rules")
        .iter()
        .filter_map(decode_rule)
        .collect();
    let mut policy = match view.text("policy") {
        "proportional" => Policy::proportional(min, max, rules),
        _ => {
            let mut policy = Policy::predictive(min, max);
            if view.is_set("rules") {
                policy.rules = rules;
            }
            policy
        }
    };
    policy.interval_ms = view.duration_ms("interval");
    policy.stale_after_ms = view.duration_ms("stale_after");
    policy.idle_ms = view.duration_ms("idle_after");
    policy.allow_queue_only = view.bool("allow_queue_only");
    let set = |key: &str| view.is_set(key);
    if set("tolerance") {
        policy.tolerance = view.float("tolerance");
    }
    if set("down_hold") {
        policy.down_hold_ms = view.duration_ms("down_hold");
    }
    if set("down_dead_band") {
        policy.down_dead_band = view.float("down_dead_band");
    }
    if set("hold_for") {
        policy.hold_ms = Some(view.duration_ms("hold_for"));
        policy.floor = count(view, "floor");
    }
    if set("budget_low") {
        policy.budget_low = Some(view.float("budget_low"));
    }
    policy.step_up = step(view, "step_up").or(policy.step_up);
    policy.step_down = step(view, "step_down").or(policy.step_down);
    if let Err(error) = policy.validate() {
        tell(view, &error, problems);
        return None;
    }
    Some(ScalingPolicy {
        policy,
        slots_per_worker: count(view, "slots_per_worker"),
        start_up_ms: view.duration_ms("start_up"),
        interval_ms: view.duration_ms("interval"),
    })
}

/// Tells what is wrong with a policy by the keys and values that are written.
fn tell(view: &View<'_>, error: &ScaleError, problems: &mut Problems) {
    let ScaleError::Setting {
        field,
        value,
        allowed,
    } = error
    else {
        return view.error_at(problems, "rules", error.to_string());
    };
    let allowed = allowed.replace("workers_", "").replace("step_ms", "step");
    let (place, key) = field.rsplit_once('.').unwrap_or(("", field));
    let key = match key.strip_suffix("_ms").unwrap_or(key) {
        "workers_min" => "min",
        "workers_max" => "max",
        "idle" => "idle_after",
        "hold" => "hold_for",
        key => key,
    };
    let index = place
        .strip_prefix("rules[")
        .and_then(|it| it.strip_suffix(']'));
    let at = match (index, place) {
        (Some(index), _) => {
            let rules = view.sections("rules");
            let rule = index
                .parse()
                .ok()
                .and_then(|i: usize| rules.get(i).copied());
            rule.and_then(|rule| {
                let name = RULES.into_iter().find(|name| rule.is_written(name))?;
                Some(rule.section(name))
            })
        }
        (None, "") => Some(*view),
        (None, step) => view.optional_section(step),
    };
    let Some(at) = at.filter(|at| at.section.field(key).is_some()) else {
        return view.error(problems, error.to_string());
    };
    let written = match at.text(key) {
        "" => value,
        text => text,
    };
    at.error_at(
        problems,
        key,
        format!("{} given: want {allowed}", short(written)),
    );
}

fn count(view: &View<'_>, key: &str) -> u32 {
    u32::try_from(view.integer(key)).unwrap_or(0)
}

fn step(view: &View<'_>, key: &str) -> Option<StepLimit> {
    view.optional_section(key).map(|view| StepLimit {
        share: view.float("share"),
        workers: count(&view, "workers"),
        period_ms: view.duration_ms("period"),
    })
}

fn decode_rule(view: &View<'_>) -> Option<Rule> {
    let key = RULES.into_iter().find(|key| view.is_written(key))?;
    let own = view.section(key);
    Some(match key {
        "predicted" => Rule::Predicted(Prediction {
            step_ms: own.duration_ms("step"),
            level_ms: own.duration_ms("level"),
            history_ms: own.duration_ms("history"),
            quantile: own.float("quantile"),
            staffing: own.float("staffing"),
            wait_objective_ms: own.duration_ms("wait_objective"),
            ..Prediction::default()
        }),
        "backlog" => Rule::Backlog(Backlog {
            drain_ms: own.duration_ms("drain"),
        }),
        "in_flight" => Rule::InFlight {
            share: own.float("share"),
        },
        "utilisation" => Rule::Utilisation {
            share: own.float("share"),
        },
        "queue" => Rule::Queue {
            waiting_per_worker: own.float("waiting_per_worker"),
        },
        "latency" => Rule::Latency {
            target_ms: own.duration_ms("target") as f64,
        },
        "tokens" => Rule::Tokens {
            per_worker: own.float("per_worker"),
        },
        _ => Rule::GpuCache {
            share: own.float("share"),
        },
    })
}
