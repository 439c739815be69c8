//! What is to be predicted: series of queries, and which stage makes a path of requests slow.

use std::collections::BTreeMap;

use bellwether_forecast::bottleneck::StageKind;
use bellwether_forecast::exhaustion::Towards;
use bellwether_forecast::shift::Direction;
use bellwether_model::short;
use bellwether_model::time::parse_duration;
use bellwether_promql::Features;
use bellwether_rules::objective::counts::duration_text;
use bellwether_rules::prediction::settings::{
    HISTORY_STEPS, HORIZON_STEPS_MAX, Horizon, JOBS_MAX, JobSettings, LimitAt, LimitSettings,
    PathSettings, PredictionSettings, SERIES_MAX, SERIES_WITH_PARTS_MAX, StageSettings,
};

use super::relabel::is_label_name;
use crate::config::LoadOptions;
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::global::GlobalSettings;
use crate::view::{View, node_text};
use crate::yaml::shortened;

/// Characters of a name. Chosen.
const NAME_BYTES_MAX: usize = 100;
/// Times between turns, ms.
const INTERVAL_MS: (i64, i64) = (1_000, 86_400_000);
/// Steps of a path: those that are compared, and those that stand for both times together.
const PATH_STEPS_MIN: i64 = 3;
const PATH_STEPS_MAX: i64 = 10_000;
/// Labels that the series of predictions have already.
const RESERVED_LABELS: [&str; 6] = [
    "__name__", "forecast", "horizon", "quantile", "path", "stage",
];
const BESIDE_PATH: &str = "stands beside path: want it beside a query";
const HORIZONS: [(&str, i64); 2] = [("1h", 3_600_000), ("24h", 86_400_000)];
const QUANTILES: [f64; 3] = [0.1, 0.5, 0.9];
const NUMBER: Kind = Kind::Float {
    min: -1e18,
    max: 1e18,
};

pub(crate) static FORECAST: Section = Section {
    name: "forecast",
    doc: "Series that are foreseen and judged, or a path of requests whose bottleneck is told; exactly one of `query` and `path`.",
    fields: &[
        Field::required(
            "name",
            Kind::Text,
            "Its name, unique among forecasts: at most 100 letters, digits, _, - and .",
        ),
        Field::new(
            "query",
            Kind::Text,
            "",
            "PromQL that gives an instant vector; rate counters first.",
        ),
        Field::new(
            "parts",
            Kind::Text,
            "",
            "PromQL that answers with what the series are the sums of, each with their labels and its own, such as one a client: what those do has a share in the forecast. At most 64 a series are followed.",
        ),
        Field::new(
            "interval",
            Kind::Duration,
            "1m",
            "Time from one turn to the next, 1s to 1d.",
        ),
        Field::new(
            "step",
            Kind::Duration,
            "10m",
            "What forecasts are made of: means of so long a time; at least the interval.",
        ),
        Field::new(
            "history",
            Kind::Duration,
            "14d",
            "How much of the past is learnt from.",
        ),
        Field::new(
            "horizon",
            Kind::List(&Kind::Duration),
            "",
            "How far to look ahead; [1h, 24h] where absent, [] for no forecasts.",
        ),
        Field::new(
            "quantiles",
            Kind::List(&Kind::Float { min: 0.0, max: 1.0 }),
            "",
            "Levels that values stay below with that probability; [0.1, 0.5, 0.9] where absent.",
        ),
        Field::new(
            "non_negative",
            Kind::Bool,
            "false",
            "Values below 0 make no sense.",
        ),
        Field::new(
            "anomaly",
            Kind::Bool,
            "false",
            "Give each sample an anomaly score.",
        ),
        Field::new(
            "degrades",
            Kind::OneOf(&["rising", "falling", "any"]),
            "",
            "Which way a lasting move of the level is a degradation; nobody looks where absent.",
        ),
        Field::new("limit", Kind::Section(&LIMIT), "", LIMIT.doc),
        Field::new(
            "series_max",
            Kind::Integer {
                min: 1,
                max: SERIES_MAX as i64,
            },
            "10000",
            "Series that are followed at most; with `parts` 500.",
        ),
        Field::new("path", Kind::Section(&PATH), "", PATH.doc),
        Field::new("labels", Kind::Labels, "", "Further labels of its series."),
    ],
    includes: &[],
    check: Some(check_forecast),
};

static LIMIT: Section = Section {
    name: "forecast.limit",
    doc: "What the series must not reach: the time until it does is foreseen. Exactly one of `value` and `query`.",
    fields: &[
        Field::new("value", NUMBER, "", "The limit of all series."),
        Field::new(
            "query",
            Kind::Text,
            "",
            "PromQL that gives the limit of the series with the same labels, or one for all.",
        ),
        Field::new(
            "towards",
            Kind::OneOf(&["rising", "falling"]),
            "rising",
            "Whether values rise or fall towards it.",
        ),
        Field::new(
            "reset",
            Kind::Text,
            "",
            "PromQL that gives the Unix time in seconds at which a quota is whole again.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        if view.is_set("value") == view.is_set("query") {
            view.error(problems, "want exactly one of value and query");
        }
    }),
};

static PATH: Section = Section {
    name: "forecast.path",
    doc: "A path of requests: of its stages, which one explains that it is slower than before. Queries in PromQL, each of which gives one series.",
    fields: &[
        Field::required("seconds", Kind::Text, "Mean seconds of a whole request."),
        Field::required("arrivals", Kind::Text, "Requests a second."),
        Field::new(
            "workers",
            Kind::Text,
            "",
            "How many workers there are; not looked at where absent.",
        ),
        Field::new(
            "step",
            Kind::Duration,
            "1m",
            "Time between the values that are compared.",
        ),
        Field::new(
            "after",
            Kind::Duration,
            "30m",
            "What is now: at least three steps.",
        ),
        Field::new(
            "before",
            Kind::Duration,
            "6h",
            "What it is compared with: the time before that.",
        ),
        Field::required(
            "stages",
            Kind::Sections(&STAGE),
            "The stages, in any order.",
        ),
    ],
    includes: &[],
    check: Some(check_path),
};

static STAGE: Section = Section {
    name: "forecast.path.stages",
    doc: "A stage of a request path.",
    fields: &[
        Field::required("stage", Kind::Text, "Its name, unique in the path."),
        Field::new(
            "kind",
            Kind::OneOf(&["work", "wait"]),
            "work",
            "Whether a request holds a worker in it, or waits for one.",
        ),
        Field::required("seconds", Kind::Text, "Mean seconds of a call."),
        Field::new(
            "calls",
            Kind::Text,
            "",
            "Calls a request; one where absent.",
        ),
    ],
    includes: &[],
    check: None,
};

fn check_forecast(view: &View<'_>, problems: &mut Problems) {
    let name = view.text("name");
    let is_name = (1..=NAME_BYTES_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if !is_name {
        let message = format!(
            "{:?} given: want at most {NAME_BYTES_MAX} letters, digits, _, - and .",
            shortened(name)
        );
        view.error_at(problems, "name", message);
    }
    if view.is_set("query") == view.is_written("path") {
        view.error(problems, "want exactly one of query and path");
    }
    let interval_ms = view.duration_ms("interval");
    if !(INTERVAL_MS.0..=INTERVAL_MS.1).contains(&interval_ms) {
        let message = format!("{} given: want 1s to 1d", shortened(view.text("interval")));
        view.error_at(problems, "interval", message);
    }
    if view.is_written("path") {
        for key in ["parts", "horizon", "quantiles", "degrades", "limit"] {
            if view.is_written(key) {
                view.error_at(problems, key, BESIDE_PATH);
            }
        }
        // The effective form has all defaults.
        for key in ["step", "history", "non_negative", "anomaly", "series_max"] {
            let usual = FORECAST.fields.iter().find(|field| field.key == key);
            if usual.is_some_and(|field| view.text(key) != field.default) {
                view.error_at(problems, key, BESIDE_PATH);
            }
        }
        return;
    }
    let step_ms = view.duration_ms("step");
    if step_ms < interval_ms {
        let step = shortened(view.text("step"));
        view.error_at(
            problems,
            "step",
            format!("{step} given: want at least the interval"),
        );
        return;
    }
    let steps = view.duration_ms("history") / step_ms.max(1);
    if !(1..=1_000_000).contains(&steps) {
        let history = shortened(view.text("history"));
        view.error_at(
            problems,
            "history",
            format!("{history} given: want 1 to 1000000 steps"),
        );
    }
    let has_horizon = !view.is_written("horizon") || !view.items("horizon").is_empty();
    let is_tracked = has_horizon || view.is_written("limit");
    if is_tracked && view.is_written("history") && steps > HISTORY_STEPS {
        let longest = duration_text(step_ms.saturating_mul(HISTORY_STEPS));
        // In whole minutes.
        let step = view.duration_ms("history") / (HISTORY_STEPS * 60_000) * 60_000;
        let step = match step.saturating_mul(HISTORY_STEPS) < view.duration_ms("history") {
            true => duration_text(step + 60_000),
            false => duration_text(step),
        };
        let history = shortened(view.text("history"));
        let message = format!(
            "{history} are {steps} steps: the last {HISTORY_STEPS} count; want at most {longest}, or a step of at least {step}"
        );
        view.warn_at(problems, "history", message);
    }
    if view.is_set("parts") {
        if !has_horizon {
            view.error_at(
                problems,
                "parts",
                "given without a horizon: want one, parts are for forecasts",
            );
        }
        // The effective form has all defaults.
        let series_max = view.length("series_max");
        if (SERIES_WITH_PARTS_MAX + 1..SERIES_MAX).contains(&series_max) {
            let message =
                format!("{series_max} given: want at most {SERIES_WITH_PARTS_MAX} with parts");
            view.error_at(problems, "series_max", message);
        }
    }
    for item in view.items("horizon") {
        let text = node_text(item);
        let steps = parse_duration(&text).unwrap_or(0) / step_ms.max(1);
        if !(1..=HORIZON_STEPS_MAX).contains(&steps) {
            let given = shortened(&text);
            let message = format!("{given} given: want 1 to {HORIZON_STEPS_MAX} steps");
            problems.error(&view.origin.file, item.position, &item.path, message);
        }
    }
    for item in view.items("quantiles") {
        let text = node_text(item);
        if !text
            .parse::<f64>()
            .is_ok_and(|level| level > 0.0 && level < 1.0)
        {
            let message = format!("{} given: want above 0 and below 1", shortened(&text));
            problems.error(&view.origin.file, item.position, &item.path, message);
        }
    }
    if view.is_written("quantiles") && view.items("quantiles").is_empty() {
        view.error_at(problems, "quantiles", "none given: want at least one");
    }
    let says =
        has_horizon || view.bool("anomaly") || view.is_set("degrades") || view.is_written("limit");
    if !says {
        view.error(
            problems,
            "says nothing: want horizon, anomaly, degrades or limit",
        );
    }
}

fn check_path(view: &View<'_>, problems: &mut Problems) {
    let step_ms = view.duration_ms("step");
    if step_ms < 1 {
        view.error_at(problems, "step", "0 given: want more");
        return;
    }
    for key in ["after", "before"] {
        let steps = view.duration_ms(key) / step_ms;
        if !(PATH_STEPS_MIN..=PATH_STEPS_MAX).contains(&steps) {
            let given = shortened(view.text(key));
            let message = format!("{given} given: want {PATH_STEPS_MIN} to {PATH_STEPS_MAX} steps");
            view.error_at(problems, key, message);
        }
    }
    let mut seen = BTreeMap::new();
    for stage in view.sections("stages") {
        let name = stage.text("stage");
        if let Some(line) = seen.insert(name, stage.position().line) {
            let message = format!("{:?} is already the stage at line {line}", short(name));
            stage.error_at(problems, "stage", message);
        }
    }
}

/// Decodes the list. Forecasts that are wrong are told and left out.
pub(crate) fn decode_forecasts(
    root: &View<'_>,
    global: &GlobalSettings,
    options: &LoadOptions<'_>,
    problems: &mut Problems,
) -> Vec<PredictionSettings> {
    let views = root.sections("forecasts");
    if let Some(view) = views.get(JOBS_MAX) {
        view.error(
            problems,
            format!("{} forecasts: want at most {JOBS_MAX}", views.len()),
        );
    }
    let mut seen = BTreeMap::new();
    for view in &views {
        let (name, line) = (view.text("name"), view.position().line);
        if let Some(line) = seen.insert(name, line).filter(|_| !name.is_empty()) {
            let message = format!("{:?} is already the forecast at line {line}", short(name));
            view.error_at(problems, "name", message);
        }
    }
    let mut forecasts = Vec::new();
    for view in &views {
        if !problems.has_errors_under(&view.origin.file, &view.path()) {
            forecasts.push(decode_forecast(view, global, options.promql, problems));
        }
    }
    forecasts
}

fn decode_forecast(
    view: &View<'_>,
    global: &GlobalSettings,
    features: Features,
    problems: &mut Problems,
) -> PredictionSettings {
    let labels = decode_labels(view, global, problems);
    let (name, interval_ms) = (view.text("name").to_owned(), view.duration_ms("interval"));
    if let Some(path) = view.optional_section("path") {
        return PredictionSettings::Path(PathSettings {
            name,
            interval_ms,
            step_ms: path.duration_ms("step"),
            after_ms: path.duration_ms("after"),
            before_ms: path.duration_ms("before"),
            whole: query(&path, "seconds", features, problems),
            arrivals: query(&path, "arrivals", features, problems),
            workers: query(&path, "workers", features, problems),
            stages: path
                .sections("stages")
                .iter()
                .map(|stage| StageSettings {
                    name: stage.text("stage").to_owned(),
                    kind: match stage.text("kind") {
                        "wait" => StageKind::Wait,
                        _ => StageKind::Work,
                    },
                    seconds: query(stage, "seconds", features, problems),
                    calls: query(stage, "calls", features, problems),
                })
                .collect(),
            labels,
        });
    }
    let limit = view.optional_section("limit").map(|limit| LimitSettings {
        at: match limit.is_set("value") {
            true => LimitAt::Value(limit.float("value")),
            false => LimitAt::Query(query(&limit, "query", features, problems)),
        },
        towards: match limit.text("towards") {
            "falling" => Towards::Falling,
            _ => Towards::Rising,
        },
        reset: Some(query(&limit, "reset", features, problems)).filter(|text| !text.is_empty()),
    });
    let parts = Some(query(view, "parts", features, problems)).filter(|text| !text.is_empty());
    let series_max = match parts {
        Some(_) => view.length("series_max").min(SERIES_WITH_PARTS_MAX),
        None => view.length("series_max"),
    };
    PredictionSettings::Job(JobSettings {
        name,
        query: query(view, "query", features, problems),
        parts,
        interval_ms,
        step_ms: view.duration_ms("step"),
        history_ms: view.duration_ms("history"),
        horizons: horizons(view),
        quantiles: quantiles(view),
        is_non_negative: view.bool("non_negative"),
        has_anomaly: view.bool("anomaly"),
        degrades: match view.text("degrades") {
            "rising" => Some(Direction::Up),
            "falling" => Some(Direction::Down),
            "any" => Some(Direction::Both),
            _ => None,
        },
        limit,
        series_max,
        labels,
    })
}

fn horizons(view: &View<'_>) -> Vec<Horizon> {
    if !view.is_written("horizon") {
        let usual = HORIZONS.into_iter();
        return usual
            .map(|(text, ms)| Horizon {
                text: text.to_owned(),
                ms,
            })
            .collect();
    }
    let written = view.texts("horizon").into_iter();
    written
        .filter_map(|text| {
            let ms = parse_duration(&text).ok()?;
            Some(Horizon { text, ms })
        })
        .collect()
}

fn quantiles(view: &View<'_>) -> Vec<f64> {
    if !view.is_written("quantiles") {
        return QUANTILES.to_vec();
    }
    let texts = view.texts("quantiles");
    texts.iter().filter_map(|text| text.parse().ok()).collect()
}

/// The text of a query, which is told where it is none; empty where it is absent.
fn query(
    view: &View<'_>,
    key: &'static str,
    features: Features,
    problems: &mut Problems,
) -> String {
    let text = view.text(key);
    if !text.is_empty()
        && let Err(error) = bellwether_promql::parse(text, &features)
    {
        view.error_at(problems, key, error.to_string());
    }
    text.to_owned()
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
