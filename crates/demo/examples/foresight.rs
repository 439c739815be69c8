//! Runs of the demo on virtual time: what is foreseen of a staged degradation before its alert fires, and how far ahead.
//!
//! `cargo run --release -p bellwether-demo --example foresight [RUNS SEED [HOURS]]`
//!
//! Each run is a history of the demo of its own, of HOURS (12) at some time of a week, in which nothing goes wrong. The last
//! three hours of it are watched by the demo's own configuration (`foresight.yml`, `rules.yml`): rules, objectives,
//! predictions and the scaler take their turns over the store, as in the server. What they foresee in that time is false.
//! Then provider `polaris` degrades over a quarter of an hour (`provider_degrading`), an hour later the disk fills
//! (`disk_filling`), and an hour after that all load grows by 60 % over 20 minutes.

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bellwether_config::{LoadOptions, Loaded, Origin, RuleOptions, load_rules_text, load_text};
use bellwether_demo::{FORESIGHT, HistoryOptions, RULES, Staged, backfill};
use bellwether_model::{Labels, Value};
use bellwether_promql::{CancelToken, Engine, EngineOptions, QueryRequest, QueryValue};
use bellwether_rules::objective::{Objectives, ObjectivesParts};
use bellwether_rules::prediction::settings::LimitAt;
use bellwether_rules::prediction::status::{PredictionStatus, SeriesStatus};
use bellwether_rules::prediction::{Predictions, PredictionsParts};
use bellwether_rules::scaling::{Scalers, ScalersParts};
use bellwether_rules::{AlertState, Group, Surroundings, World};
use bellwether_storage::{ManualClock, MemoryStore, MetricStore};
use bellwether_telemetry::Registry;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const TURN_MS: i64 = 15_000;
/// A Monday, 00:00 UTC.
const MONDAY_MS: i64 = 1_789_948_800_000;
/// How long it is watched before anything is wrong.
const QUIET_MS: i64 = 3 * HOUR_MS;
/// What is staged, after the beginning: from, to.
const DEGRADING: (i64, i64) = (0, 20 * MINUTE_MS);
const FILLING: (i64, i64) = (HOUR_MS, HOUR_MS + 14 * MINUTE_MS);
const LOADED: (i64, i64) = (2 * HOUR_MS, 2 * HOUR_MS + 40 * MINUTE_MS);
const LOAD_RAMP_MS: i64 = 20 * MINUTE_MS;
/// Over how long the load's level is taken.
const LEVEL_MS: i64 = 5 * MINUTE_MS;
/// `start_up` of the scaler in `foresight.yml`.
const STARTUP_MS: i64 = 30_000;
/// A limit that is expected to be reached within this is foreseen: as far as the forecasts look ahead.
const SOON_MS: i64 = 10 * MINUTE_MS;

/// Ways in which something is foreseen.
const SIGNALS: [&str; 4] = [
    "anomaly alarm",
    "degraded",
    "forecast at the limit",
    "limit soon",
];

/// A thing that goes wrong, with the job that should foresee it and the alert that tells it.
struct Trouble {
    name: &'static str,
    /// Jobs of `foresight.yml`.
    jobs: &'static [&'static str],
    /// Text in the labels of the series that is hit.
    series: &'static str,
    alert: &'static str,
    span: (i64, i64),
}

const TROUBLES: [Trouble; 2] = [
    Trouble {
        name: "provider_degrading",
        jobs: &["provider-seconds", "answers-slow"],
        series: "polaris",
        alert: "ModelAnswersSlow",
        span: DEGRADING,
    },
    Trouble {
        name: "disk_filling",
        jobs: &["disk"],
        series: "",
        alert: "DiskAlmostFull",
        span: FILLING,
    },
];

/// Times are milliseconds after the beginning.
#[derive(Debug, Default, Clone)]
struct Told {
    /// When each signal was on: begin and end of each time.
    signals: [Vec<(i64, i64)>; 4],
    alert: Option<i64>,
}

#[derive(Debug, Default)]
struct Run {
    seed: u64,
    begin_ms: i64,
    told: [Told; 2],
    /// Hours left of each budget at the beginning, and at the end of the degradation.
    budgets: Vec<(String, [String; 2])>,
    /// Busy and waiting, workers wanted; once a turn of the load's growth.
    load: Vec<(i64, f64, f64)>,
    /// Alerts that fired in the quiet time.
    quiet_alerts: Vec<String>,
    cpu_note: f64,
}

fn main() -> Result<()> {
    let arguments: Vec<u64> = std::env::args()
        .skip(1)
        .map(|it| it.parse())
        .collect::<std::result::Result<_, _>>()?;
    let given = |at: usize, otherwise: u64| arguments.get(at).copied().unwrap_or(otherwise);
    let (count, first_seed, hours) = (given(0, 20), given(1, 2_000_000), given(2, 12));
    let next = AtomicU64::new(0);
    let runs: Vec<Result<Vec<Run>>> = std::thread::scope(|scope| {
        let work = || {
            let mut runs = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= count {
                    return Ok(runs);
                }
                runs.push(run(first_seed + at, hours as i64 * HOUR_MS)?);
            }
        };
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads
            .into_iter()
            .filter_map(|it| it.join().ok())
            .collect()
    });
    let mut all: Vec<Run> = Vec::new();
    for part in runs {
        all.extend(part?);
    }
    all.sort_by_key(|run| run.seed);
    print(&all);
    Ok(())
}

fn run(seed: u64, history_ms: i64) -> Result<Run> {
    let begin_ms = MONDAY_MS
        + history_ms
        + (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as i64 % 10_080 * MINUTE_MS;
    let end_ms = begin_ms + LOADED.1;
    let fault =
        |name, span: (i64, i64)| Staged::fault(name, (begin_ms + span.0, begin_ms + span.1));
    let loaded = (begin_ms + LOADED.0, end_ms + MINUTE_MS);
    let options = HistoryOptions {
        seed,
        span_ms: history_ms + LOADED.1,
        native_histograms: false,
        has_recurring_faults: false,
        staged: vec![
            fault("provider_degrading", DEGRADING)?,
            fault("disk_filling", FILLING)?,
            Staged::growth("load", 1.6, loaded, LOAD_RAMP_MS)?,
        ],
        ..HistoryOptions::default()
    };
    let store = Arc::new(MemoryStore::new());
    backfill(store.as_ref(), end_ms, &options)?;
    let services = Services::new(&store, begin_ms - QUIET_MS)?;
    let mut run = Run {
        seed,
        begin_ms,
        ..Run::default()
    };
    let began = std::time::Instant::now();
    let mut time_ms = begin_ms - QUIET_MS;
    while time_ms <= end_ms {
        services.turn(time_ms);
        services.look(&mut run, time_ms)?;
        time_ms += TURN_MS;
    }
    run.cpu_note = began.elapsed().as_secs_f64();
    Ok(run)
}

/// The services of a server, which take their turns when they are told to.
struct Services {
    store: Arc<MemoryStore>,
    engine: Arc<Engine>,
    clock: Arc<ManualClock>,
    groups: Vec<Group>,
    objectives: Objectives,
    predictions: Predictions,
    jobs: Vec<(String, i64)>,
    scalers: Scalers,
}

impl Services {
    fn new(store: &Arc<MemoryStore>, now_ms: i64) -> Result<Self> {
        let loaded = config()?;
        let rules = load_rules_text(RULES, Path::new("rules.yml"), &RuleOptions::default())?;
        let options = EngineOptions {
            threads: 1,
            ..EngineOptions::default()
        };
        let engine = Arc::new(Engine::new(options));
        let clock = Arc::new(ManualClock::new(now_ms));
        let shared: Arc<dyn MetricStore> = Arc::clone(store) as _;
        let world = World::closed(
            Arc::clone(&shared),
            Arc::clone(&engine),
            Arc::clone(&clock) as _,
        );
        let around = Surroundings::default();
        let all = rules.groups.into_iter().chain(loaded.config.rule_groups);
        let groups: std::result::Result<Vec<Group>, _> =
            all.map(|it| Group::new(it, &world, &around)).collect();
        let objectives = Objectives::new(ObjectivesParts {
            store: Arc::clone(&shared),
            engine: Arc::clone(&engine),
            clock: Arc::clone(&clock) as _,
        });
        objectives.apply(loaded.config.objectives);
        let predictions = Predictions::new(PredictionsParts {
            store: Arc::clone(&shared),
            engine: Arc::clone(&engine),
            clock: Arc::clone(&clock) as _,
        });
        let jobs = loaded.config.forecasts.iter();
        let jobs = jobs
            .map(|it| (it.name().to_owned(), it.interval_ms()))
            .collect();
        predictions.apply(loaded.config.forecasts)?;
        let scalers = Scalers::new(ScalersParts {
            store: shared,
            engine: Arc::clone(&engine),
            clock: Arc::clone(&clock) as _,
            state: None,
            timeline: None,
            registry: Registry::new(),
        })?;
        scalers.apply(
            loaded
                .config
                .scaling
                .into_iter()
                .map(|it| it.settings)
                .collect(),
        )?;
        Ok(Self {
            store: Arc::clone(store),
            engine,
            clock,
            groups: groups?,
            objectives,
            predictions,
            jobs,
            scalers,
        })
    }

    fn turn(&self, time_ms: i64) {
        self.clock.set(time_ms);
        let is_due = |interval_ms: i64| time_ms.rem_euclid(interval_ms) < TURN_MS;
        for group in self
            .groups
            .iter()
            .filter(|it| is_due(it.settings().interval_ms))
        {
            group.evaluate(time_ms, &CancelToken::default());
        }
        if is_due(MINUTE_MS) {
            self.objectives.turn(time_ms);
        }
        for (name, _) in self.jobs.iter().filter(|it| is_due(it.1)) {
            self.predictions.turn(name, time_ms);
        }
        drop(self.scalers.turn("requests", time_ms));
    }

    /// Notes what they say.
    fn look(&self, run: &mut Run, time_ms: i64) -> Result<()> {
        let at_ms = time_ms - run.begin_ms;
        for (trouble, told) in TROUBLES.iter().zip(&mut run.told) {
            // Each trouble has its own time; what comes later is another story.
            if at_ms > trouble.span.1 + 10 * MINUTE_MS {
                continue;
            }
            let mut on = [false; 4];
            for name in trouble.jobs {
                let now = self.on(name, if at_ms < 0 { "" } else { trouble.series });
                on = std::array::from_fn(|at| on[at] || now[at]);
            }
            for (spans, on) in told.signals.iter_mut().zip(on) {
                match spans.last_mut() {
                    Some(last) if on && last.1 >= at_ms - TURN_MS => last.1 = at_ms,
                    _ if on => spans.push((at_ms, at_ms)),
                    _ => {}
                }
            }
            if at_ms >= trouble.span.0 && told.alert.is_none() && self.fires(trouble.alert) {
                told.alert = Some(at_ms);
            }
        }
        if at_ms < 0 {
            for labels in self.firing() {
                let alert = labels.to_string();
                if !run.quiet_alerts.contains(&alert) {
                    run.quiet_alerts.push(alert);
                }
            }
        }
        let when = [0, DEGRADING.1];
        if let Some(which) = when
            .iter()
            .position(|it| (*it..*it + TURN_MS).contains(&at_ms))
        {
            self.note_budgets(run, which);
        }
        if at_ms >= LOADED.0 - 5 * MINUTE_MS {
            let wanted = self
                .scalers
                .status("requests")
                .and_then(|it| Some(it.decided.as_ref()?.workers));
            let load = self.value(
                "sum(worker_pool_tasks_running) + sum(worker_pool_tasks_waiting)",
                time_ms,
            )?;
            run.load.push((at_ms, load, f64::from(wanted.unwrap_or(0))));
        }
        Ok(())
    }

    /// Which of [`SIGNALS`] are on for any series of a job in whose labels a text is; all that have no labels
    /// of their own are meant, too.
    fn on(&self, job: &str, series: &str) -> [bool; 4] {
        let Some(PredictionStatus::Job(job)) = self.predictions.statuses(Some(job), 20).pop()
        else {
            return [false; 4];
        };
        let limit = match job.settings.limit.as_ref().map(|it| &it.at) {
            Some(LimitAt::Value(value)) => Some(*value),
            _ => None,
        };
        let is_one = job.series.len() == 1;
        let of_it = |one: &&SeriesStatus| is_one || one.labels.to_string().contains(series);
        job.series.iter().filter(of_it).fold([false; 4], |on, one| {
            let now = signals(one, limit);
            std::array::from_fn(|at| on[at] || now[at])
        })
    }

    /// The labels of what fires.
    fn firing(&self) -> Vec<Labels> {
        let mut firing = Vec::new();
        for group in &self.groups {
            for rule in &group.snapshot().rules {
                let alerts = rule.alerts.iter();
                let alerts = alerts.filter(|it| it.state == AlertState::Firing);
                firing.extend(alerts.map(|it| it.labels.clone()));
            }
        }
        firing
    }

    fn fires(&self, alert: &str) -> bool {
        let mut firing = self.firing().into_iter();
        firing.any(|labels| labels.get("alertname") == Some(alert))
    }

    fn note_budgets(&self, run: &mut Run, which: usize) {
        for report in self.objectives.reports().iter() {
            for status in &report.statuses {
                let name = format!("{} {}", status.id, status.group);
                let hours =
                    |hours: Option<f64>| hours.map_or("more".to_owned(), |it| format!("{it:.1}"));
                let left = status
                    .left
                    .map_or("?".to_owned(), |it| format!("{:.0} %", it * 100.0));
                let left = format!(
                    "{:.0} of {:.0} spent, {left} left",
                    status.counts.bad, status.allowed
                );
                let text = match &status.lasts {
                    None => left,
                    Some(lasts) => format!(
                        "{left}, {} h ({} to {})",
                        hours(lasts.median_hours),
                        hours(lasts.low_hours),
                        hours(lasts.high_hours)
                    ),
                };
                match run.budgets.iter_mut().find(|it| it.0 == name) {
                    Some(known) => known.1[which] = text,
                    None => {
                        let mut texts = [String::new(), String::new()];
                        texts[which] = text;
                        run.budgets.push((name, texts));
                    }
                }
            }
        }
    }

    fn value(&self, query: &str, time_ms: i64) -> Result<f64> {
        let outcome = self.engine.instant(
            self.store.as_ref(),
            query,
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
}

fn config() -> Result<Loaded> {
    let origin = Origin {
        file: "foresight.yml".to_owned(),
        folder: PathBuf::new(),
    };
    Ok(load_text(FORESIGHT, &origin, &LoadOptions::default())?)
}

/// Which of [`SIGNALS`] are on.
fn signals(one: &SeriesStatus, limit: Option<f64>) -> [bool; 4] {
    let is_expected = one
        .expected
        .iter()
        .any(|it| limit.is_some_and(|limit| it.mean >= limit));
    let is_soon = one
        .left
        .as_ref()
        .is_some_and(|it| it.median_ms.is_some_and(|ms| ms <= SOON_MS));
    [
        one.anomaly.is_some_and(|it| it.alarm),
        one.shift.is_some(),
        is_expected,
        is_soon,
    ]
}

fn minutes(ms: i64) -> String {
    format!("{:.1}", ms as f64 / MINUTE_MS as f64)
}

/// The first time that a signal comes on after the beginning of a trouble. One that was on already foresees nothing.
fn first(told: &Told, signal: usize, trouble: &Trouble) -> Option<i64> {
    let begins = told.signals[signal].iter().map(|span| span.0);
    begins.filter(|begin| *begin >= trouble.span.0).min()
}

fn print(runs: &[Run]) {
    for (at, trouble) in TROUBLES.iter().enumerate() {
        println!(
            "## {}: minutes after its beginning; alert {}\n",
            trouble.name, trouble.alert
        );
        println!(
            "| seed | day, hour | {} | alert | lead |",
            SIGNALS.join(" | ")
        );
        println!("|---|---|{}---|---|", "---|".repeat(SIGNALS.len()));
        let mut leads: Vec<Vec<i64>> = vec![Vec::new(); SIGNALS.len() + 1];
        for run in runs {
            let told = &run.told[at];
            let firsts: Vec<Option<i64>> = (0..SIGNALS.len())
                .map(|signal| first(told, signal, trouble))
                .collect();
            let since =
                |ms: Option<i64>| ms.map_or("-".to_owned(), |ms| minutes(ms - trouble.span.0));
            let earliest = firsts.iter().flatten().min().copied();
            if let Some(alert) = told.alert {
                for (list, at_ms) in leads
                    .iter_mut()
                    .zip(firsts.iter().copied().chain([earliest]))
                {
                    list.extend(
                        at_ms
                            .filter(|at_ms| *at_ms < alert)
                            .map(|at_ms| alert - at_ms),
                    );
                }
            }
            let lead = earliest
                .zip(told.alert)
                .map_or("-".to_owned(), |(first, alert)| minutes(alert - first));
            let hour = (run.begin_ms - MONDAY_MS) / HOUR_MS;
            let cells: Vec<String> = firsts.iter().map(|it| since(*it)).collect();
            println!(
                "| {} | {} {:02} | {} | {} | {lead} |",
                run.seed,
                hour / 24,
                hour % 24,
                cells.join(" | "),
                since(told.alert)
            );
        }
        let alerts = runs
            .iter()
            .filter(|run| run.told[at].alert.is_some())
            .count();
        println!(
            "\nThe alert fired in {alerts} of {} runs. Before it:\n",
            runs.len()
        );
        println!(
            "| signal | said before | median lead, min | worst lead, min | times on in the quiet hours, all runs | quiet hours |"
        );
        println!("|---|---|---|---|---|---|");
        for (signal, mut leads) in leads.into_iter().enumerate() {
            leads.sort_unstable();
            let name = SIGNALS.get(signal).copied().unwrap_or("any");
            let mut falses = 0;
            for run in runs {
                let quiet =
                    |spans: &Vec<(i64, i64)>| spans.iter().filter(|span| span.0 < 0).count();
                falses += match run.told[at].signals.get(signal) {
                    Some(spans) => quiet(spans),
                    None => run.told[at].signals.iter().map(quiet).sum(),
                };
            }
            let text = |ms: Option<&i64>| ms.map_or("-".to_owned(), |ms| minutes(*ms));
            println!(
                "| {name} | {} of {alerts} | {} | {} | {falses} | {} |",
                leads.len(),
                text(leads.get(leads.len() / 2)),
                text(leads.first()),
                runs.len() as i64 * QUIET_MS / HOUR_MS
            );
        }
        println!();
    }
    print_load(runs);
    if let Some(run) = runs.first() {
        println!(
            "\n## Budgets of seed {}: left, hours left (80 % range); as provider_degrading begins and as it ends\n",
            run.seed
        );
        for (name, [before, after]) in &run.budgets {
            println!("- {name}: {before}; then {after}");
        }
    }
    let quiet: Vec<String> = runs
        .iter()
        .filter(|run| !run.quiet_alerts.is_empty())
        .map(|run| format!("{}: {:?}", run.seed, run.quiet_alerts))
        .collect();
    println!("\nAlerts in the quiet hours: {quiet:?}");
    let seconds: f64 = runs.iter().map(|run| run.cpu_note).sum();
    println!(
        "Turns took {:.1} s a run.",
        seconds / runs.len().max(1) as f64
    );
}

/// A turn while the load grows.
#[derive(Clone, Copy)]
struct Turn {
    at_ms: i64,
    load: f64,
    /// Its mean over five minutes around: single requests are no growth.
    level: f64,
    /// Workers that are ready: decided a start-up ago.
    ready: f64,
    /// The same of a rule that follows the load, with as many worker-seconds in all.
    reactive: f64,
}

fn mean_load(run: &Run, from: i64, to: i64) -> f64 {
    let within = run.load.iter().filter(|it| (from..to).contains(&it.0));
    let values: Vec<f64> = within.map(|it| it.1).collect();
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The turns from the growth on.
fn growing(run: &Run) -> Vec<Turn> {
    let ago = |at_ms: i64| {
        let mut turns = run.load.iter().rev();
        turns.find(|it| it.0 <= at_ms - STARTUP_MS)
    };
    let turns: Vec<(i64, f64, f64, f64)> = run
        .load
        .iter()
        .filter(|it| it.0 >= LOADED.0)
        .filter_map(|it| {
            let then = ago(it.0)?;
            Some((it.0, it.1, then.2, then.1))
        })
        .collect();
    let sum = |value: fn(&(i64, f64, f64, f64)) -> f64| turns.iter().map(value).sum::<f64>();
    let share = sum(|it| it.2) / sum(|it| it.3).max(1.0);
    turns
        .iter()
        .map(|&(at_ms, load, ready, load_then)| Turn {
            at_ms,
            load,
            level: mean_load(run, at_ms - LEVEL_MS / 2, at_ms + LEVEL_MS / 2),
            ready,
            reactive: (share * load_then).round(),
        })
        .collect()
}

/// How far the scaler is ahead of the load while that grows.
fn print_load(runs: &[Run]) {
    println!(
        "## Load grows by 60 % over 20 min: workers that are ready, {} s after they were decided\n",
        STARTUP_MS / 1000
    );
    println!(
        "Beside it a rule that has so many times the load, with as many worker-seconds in all.\n"
    );
    println!(
        "| seed | load before, after | workers a unit of load | lead at a quarter, a half, three quarters of the growth, min | turns short of workers, most missing | of the rule beside |"
    );
    println!("|---|---|---|---|---|---|");
    let mut all = Vec::new();
    let (mut short, mut short_reactive, mut turns_all) = (0, 0, 0);
    for run in runs {
        let before = mean_load(run, LOADED.0 - 5 * MINUTE_MS, LOADED.0);
        let after = mean_load(run, LOADED.0 + LOAD_RAMP_MS, LOADED.1);
        let turns = growing(run);
        let leads: Vec<String> = [0.25, 0.5, 0.75]
            .iter()
            .map(|part| {
                let level = before + part * (after - before);
                let reached = |value: fn(&Turn) -> f64| {
                    turns
                        .iter()
                        .find(|it| value(it) >= level)
                        .map(|it| it.at_ms)
                };
                match (reached(|it| it.level), reached(|it| it.ready)) {
                    (Some(load), Some(ready)) => {
                        all.push(load - ready);
                        minutes(load - ready)
                    }
                    _ => "-".to_owned(),
                }
            })
            .collect();
        let missing = |value: fn(&Turn) -> f64| {
            let missing = turns.iter().map(|it| it.load - value(it));
            let missing: Vec<f64> = missing.filter(|it| *it > 0.0).collect();
            let most = missing.iter().copied().fold(0.0, f64::max);
            (
                missing.len(),
                format!("{} of {}, {most:.0}", missing.len(), turns.len()),
            )
        };
        let (ours, reactive) = (missing(|it| it.ready), missing(|it| it.reactive));
        short += ours.0;
        short_reactive += reactive.0;
        turns_all += turns.len();
        let sum = |value: fn(&Turn) -> f64| turns.iter().map(value).sum::<f64>();
        println!(
            "| {} | {before:.0}, {after:.0} | {:.2} | {} | {} | {} |",
            run.seed,
            sum(|it| it.ready) / sum(|it| it.load).max(1.0),
            leads.join(", "),
            ours.1,
            reactive.1
        );
    }
    all.sort_unstable();
    let text = |ms: Option<&i64>| ms.map_or("-".to_owned(), |ms| minutes(*ms));
    println!(
        "\nLead of ready workers: median {} min, worst {} min. Turns short: {short} of {turns_all}, of the rule beside {short_reactive}.",
        text(all.get(all.len() / 2)),
        text(all.first())
    );
}
