//! Stages growths in the demo's request path, one or two at a time, and asks the demo's own configuration which stage it is.
//!
//! `cargo run --release -p bellwether-demo --example bottleneck [SINGLES DOUBLES SEED]`
//!
//! Each case is a history of the demo of its own, at some time of a week: 130 minutes as usual, then one of its stages
//! grows over three minutes so that a request has 20 to 100 % more work, or waits. A quarter of an hour after the beginning
//! the path `request` of `foresight.yml` takes its turn over the store, as the server's prediction service does.
//!
//! `load` and `workers` are both the stage `queue`. Cases in which the queue was to grow and did not are drawn again; so
//! are doubles of the same stage.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bellwether_config::{LoadOptions, Origin, load_text};
use bellwether_demo::{FORESIGHT, HistoryOptions, Staged, backfill};
use bellwether_model::Value;
use bellwether_promql::{Engine, EngineOptions, QueryRequest, QueryValue};
use bellwether_rules::prediction::settings::{PathSettings, PredictionSettings};
use bellwether_rules::prediction::status::PredictionStatus;
use bellwether_rules::prediction::{Predictions, PredictionsParts};
use bellwether_storage::{ManualClock, MemoryStore};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const MINUTE_MS: i64 = 60_000;
/// A Monday, 00:00 UTC.
const MONDAY_MS: i64 = 1_789_948_800_000;
const BEFORE_MS: i64 = 130 * MINUTE_MS;
const RAMP_MS: i64 = 3 * MINUTE_MS;
const ASKED_AFTER_MS: i64 = 15 * MINUTE_MS;
/// What may grow; the first two are the queue.
const NAMES: [&str; 8] = [
    "load", "workers", "meridian", "polaris", "search", "database", "code", "browser",
];
/// A mean call of a tool takes no longer than this: its time-out is at 15 s.
const TOOL_SECONDS_MAX: f64 = 6.0;
const WORKERS_MAX: f64 = 80.0;

/// How the path was in the 20 minutes before.
struct Usual {
    busy: f64,
    /// Seconds of work of a request.
    work: f64,
    wait: f64,
    /// By stage: seconds of a call, calls of a request.
    stages: BTreeMap<String, (f64, f64)>,
}

struct Case {
    names: Vec<&'static str>,
    ranking: Vec<String>,
    text: String,
}

fn main() -> Result<()> {
    let arguments: Vec<u64> = std::env::args()
        .skip(1)
        .map(|it| it.parse())
        .collect::<std::result::Result<_, _>>()?;
    let given = |at: usize, otherwise: u64| arguments.get(at).copied().unwrap_or(otherwise);
    let (singles, doubles, seed) = (given(0, 100), given(1, 100), given(2, 1_000_000));
    let path = path()?;
    let (mut single_cases, mut drawn_again) = (Vec::new(), 0);
    let (mut double_cases, mut number) = (Vec::new(), seed);
    // Two threads: cases are independent.
    while single_cases.len() < singles as usize || double_cases.len() < doubles as usize {
        let is_double = single_cases.len() >= singles as usize;
        let found: Vec<Result<Option<Case>>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|at| {
                    scope.spawn({
                        let path = &path;
                        move || case(path, number + at, is_double)
                    })
                })
                .collect();
            threads
                .into_iter()
                .filter_map(|it| it.join().ok())
                .collect()
        });
        number += 2;
        let (cases, wanted) = match is_double {
            true => (&mut double_cases, doubles as usize),
            false => (&mut single_cases, singles as usize),
        };
        for one in found {
            match one? {
                Some(case) if cases.len() < wanted => cases.push(case),
                Some(_) => {}
                None => drawn_again += 1,
            }
        }
    }
    print(&single_cases, &double_cases, drawn_again);
    Ok(())
}

fn path() -> Result<PathSettings> {
    let origin = Origin {
        file: "foresight.yml".to_owned(),
        folder: PathBuf::new(),
    };
    let loaded = load_text(FORESIGHT, &origin, &LoadOptions::default())?;
    let mut paths = loaded
        .config
        .forecasts
        .into_iter()
        .filter_map(|it| match it {
            PredictionSettings::Path(path) => Some(path),
            PredictionSettings::Job(_) => None,
        });
    Ok(paths.next().ok_or("the demo has no path")?)
}

fn stage_of(name: &str) -> &str {
    match name {
        "load" | "workers" => "queue",
        other => other,
    }
}

/// Fractions of a seed.
fn draw(seed: u64, what: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ what.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 30)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z = (z ^ (z >> 27)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

/// One case; `None`: the queue was to grow and did not, or both growths are of one stage.
fn case(path: &PathSettings, seed: u64, is_double: bool) -> Result<Option<Case>> {
    let name = |what| NAMES[(draw(seed, what) * NAMES.len() as f64) as usize];
    let mut names = vec![name(1)];
    if is_double {
        names.push(name(2));
        if stage_of(names[0]) == stage_of(names[1]) {
            return Ok(None);
        }
    }
    let begin_ms = MONDAY_MS + (draw(seed, 3) * 7.0 * 1_440.0) as i64 * MINUTE_MS;
    let end_ms = begin_ms + ASKED_AFTER_MS;
    let options = HistoryOptions {
        seed,
        span_ms: BEFORE_MS,
        native_histograms: false,
        has_recurring_faults: false,
        ..HistoryOptions::default()
    };
    // What is usual decides how much is staged.
    let before = Asked::new(begin_ms, &options)?;
    let usual = before.usual(path, begin_ms)?;
    let mut staged = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let part = 0.2 + 0.8 * draw(seed, 4 + at as u64);
        let factor = factor(name, part, &usual);
        staged.push(Staged::growth(
            name,
            factor,
            (begin_ms, end_ms + MINUTE_MS),
            RAMP_MS,
        )?);
    }
    let options = HistoryOptions {
        span_ms: BEFORE_MS + ASKED_AFTER_MS,
        staged,
        ..options
    };
    let asked = Asked::new(end_ms, &options)?;
    let after = asked.usual(path, end_ms)?;
    let is_queue = names.iter().any(|name| stage_of(name) == "queue");
    if is_queue && after.wait - usual.wait < 0.15 * usual.work {
        return Ok(None);
    }
    let (ranking, text) = asked.ranking(path, end_ms)?;
    let hour = (begin_ms - MONDAY_MS) / 3_600_000;
    let text = format!(
        "seed {seed} day {} {:02} h: busy {:.0} to {:.0}, wait {:.1} to {:.1} s, work {:.1} s\n{text}",
        hour / 24,
        hour % 24,
        usual.busy,
        after.busy,
        usual.wait,
        after.wait,
        usual.work
    );
    Ok(Some(Case {
        names,
        ranking,
        text,
    }))
}

/// By which factor something grows, so that a request has `part` more work, or waits.
fn factor(name: &str, part: f64, usual: &Usual) -> f64 {
    match name {
        // A tenth to a half more than all workers can do.
        "load" => WORKERS_MAX * (1.05 + 0.45 * part) / usual.busy,
        "workers" => WORKERS_MAX / (usual.busy * (0.95 - 0.35 * part)),
        _ => {
            let (seconds, calls) = usual.stages.get(name).copied().unwrap_or((1.0, 1.0));
            let wanted = seconds + part * usual.work / calls;
            match name {
                "meridian" | "polaris" => wanted / seconds,
                _ => wanted.min(TOOL_SECONDS_MAX).max(seconds * 1.5) / seconds,
            }
        }
    }
}

/// A store with a history, and what asks it.
struct Asked {
    store: Arc<MemoryStore>,
    engine: Arc<Engine>,
}

impl Asked {
    fn new(now_ms: i64, options: &HistoryOptions) -> Result<Self> {
        let store = Arc::new(MemoryStore::new());
        backfill(store.as_ref(), now_ms, options)?;
        let options = EngineOptions {
            threads: 1,
            ..EngineOptions::default()
        };
        Ok(Self {
            store,
            engine: Arc::new(Engine::new(options)),
        })
    }

    /// The value of a query whose rates are taken over the last ten minutes.
    fn value(&self, query: &str, time_ms: i64) -> Result<f64> {
        let query = query.replace("[1m]", "[10m]");
        let outcome = self.engine.instant(
            self.store.as_ref(),
            &query,
            time_ms,
            &QueryRequest::default(),
        )?;
        Ok(match outcome.value {
            QueryValue::Vector(found) => match found.first().map(|it| &it.value) {
                Some(Value::Float(value)) => *value,
                _ => f64::NAN,
            },
            _ => f64::NAN,
        })
    }

    fn usual(&self, path: &PathSettings, time_ms: i64) -> Result<Usual> {
        let mut stages = BTreeMap::new();
        let mut wait = 0.0;
        for stage in &path.stages {
            let seconds = self.value(&stage.seconds, time_ms)?;
            if stage.calls.is_empty() {
                wait = seconds;
                continue;
            }
            stages.insert(
                stage.name.clone(),
                (seconds, self.value(&stage.calls, time_ms)?),
            );
        }
        let busy = "sum(avg_over_time(worker_pool_tasks_running[10m]))";
        Ok(Usual {
            busy: self.value(busy, time_ms)?,
            work: self.value(&path.whole, time_ms)? - wait,
            wait,
            stages,
        })
    }

    /// The path's stages, the one that explains most first.
    fn ranking(&self, path: &PathSettings, time_ms: i64) -> Result<(Vec<String>, String)> {
        let predictions = Predictions::new(PredictionsParts {
            store: Arc::clone(&self.store) as _,
            engine: Arc::clone(&self.engine),
            clock: Arc::new(ManualClock::new(time_ms)),
        });
        predictions.apply(vec![PredictionSettings::Path(path.clone())])?;
        predictions.turn(&path.name, time_ms);
        let Some(PredictionStatus::Path(status)) = predictions.statuses(None, 1).pop() else {
            return Err("no path".into());
        };
        let found = status
            .bottleneck
            .ok_or_else(|| status.problem.unwrap_or_default())?;
        let ranking = found
            .causes
            .iter()
            .map(|cause| cause.name.clone())
            .collect();
        let causes = found.causes.iter().take(4);
        let text: Vec<String> = causes
            .map(|cause| {
                format!(
                    "    {cause} (own {:.2}, induced {:.2})",
                    cause.own_seconds, cause.induced_seconds
                )
            })
            .collect();
        Ok((ranking, text.join("\n")))
    }
}

fn is_right(case: &Case) -> bool {
    let first = &case.ranking[..case.names.len().min(case.ranking.len())];
    case.names
        .iter()
        .all(|name| first.iter().any(|it| it == stage_of(name)))
}

fn print(singles: &[Case], doubles: &[Case], drawn_again: usize) {
    let share = |cases: &[Case]| {
        let right = cases.iter().filter(|case| is_right(case)).count();
        format!(
            "{right} of {} ({:.1} %)",
            cases.len(),
            100.0 * right as f64 / cases.len().max(1) as f64
        )
    };
    let stages = [
        "queue", "meridian", "polaris", "search", "database", "code", "browser",
    ];
    println!("| staged | cases | first: {} |", stages.join(" | "));
    println!("|---|---|{}", "---|".repeat(stages.len()));
    for name in NAMES {
        let of_it: Vec<&Case> = singles
            .iter()
            .filter(|case| case.names[0] == name)
            .collect();
        let firsts = stages.map(|stage| {
            let first = |case: &&&Case| case.ranking.first().is_some_and(|it| it == stage);
            of_it.iter().filter(first).count().to_string()
        });
        println!("| {name} | {} | {} |", of_it.len(), firsts.join(" | "));
    }
    println!("\nsingles, right first: {}", share(singles));
    println!("doubles, both among the first two: {}", share(doubles));
    println!("drawn again: {drawn_again}\n");
    for case in singles.iter().chain(doubles).filter(|case| !is_right(case)) {
        println!(
            "wrong: {:?}: {:?}\n  {}",
            case.names,
            &case.ranking[..case.names.len()],
            case.text
        );
    }
}
