//! What predictions cost: ten thousand series with two weeks of history, forecast each minute and
//! scored each fifteen seconds, through the service, over an hour of virtual time; and before that, how long it takes
//! after a start until each series has a forecast, when a turn has its budget of a quarter of a minute of CPU.
//!
//! `cargo run --release -p bellwether-rules --example prediction_cost [-- SERIES]`
//!
//! The store answers from a function and keeps nothing: what a store costs is not in the figures; the
//! queries, the models, the labels and the batches are.
#![expect(clippy::print_stdout, reason = "it prints its figures")]

mod made;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use anyhow::{Context as _, Result};
use bellwether_promql::{Engine, EngineOptions};
use bellwether_rules::prediction::settings::{Horizon, JobSettings, PredictionSettings};
use bellwether_rules::prediction::status::PredictionStatus;
use bellwether_rules::prediction::{Predictions, PredictionsParts};
use bellwether_storage::{Clock, ManualClock};
use made::Made;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// Some midnight.
const NOW_MS: i64 = 1_773_100_800_000;
/// Turns after which a start has failed.
const TURNS_MAX: i64 = 60;
/// How long the measured time is, s.
const SECONDS: i64 = 3_600;

fn main() -> Result<()> {
    let series = std::env::args()
        .nth(1)
        .map_or(Ok(10_000), |text| text.parse())?;
    let store = Arc::new(Made::new(series));
    let predictions = Predictions::new(PredictionsParts {
        store: Arc::<Made>::clone(&store),
        engine: Arc::new(Engine::new(EngineOptions {
            threads: 1,
            samples_max: 0,
            timeout_ms: 0,
            ..EngineOptions::default()
        })),
        clock: Arc::new(ManualClock::new(NOW_MS)),
    });
    let forecast = job(
        "forecast",
        MINUTE_MS,
        &[("1h", 60 * MINUTE_MS), ("24h", DAY_MS)],
    );
    let score = JobSettings {
        has_anomaly: true,
        ..job("score", 15_000, &[])
    };
    let settings = [forecast, score].map(PredictionSettings::Job);
    predictions.apply(settings.to_vec())?;
    speak(series, &settings)?;
    for name in ["forecast", "score"] {
        let (cpu, wall) = (cpu_seconds()?, Instant::now());
        predictions.turn(name, NOW_MS);
        println!(
            "{name}: {series} series learnt and chosen for in {:.1} s of CPU ({:.1} s), {} MiB resident",
            cpu_seconds()? - cpu,
            wall.elapsed().as_secs_f64(),
            resident_mib()?
        );
    }
    let before = store.written.load(Ordering::Relaxed);
    let mut spent = [0.0; 2];
    for second in 1..=SECONDS {
        for (at, (name, every)) in [("forecast", 60), ("score", 15)].into_iter().enumerate() {
            if second % every == 0 {
                let cpu = cpu_seconds()?;
                predictions.turn(name, NOW_MS + second * 1_000);
                spent[at] += cpu_seconds()? - cpu;
            }
        }
    }
    let share = |spent: f64| spent / SECONDS as f64;
    println!(
        "an hour of {series} series: forecasts {:.4} of a core, scores {:.4}, together {:.4}; {} MiB resident; {} samples written",
        share(spent[0]),
        share(spent[1]),
        share(spent[0] + spent[1]),
        resident_mib()?,
        store.written.load(Ordering::Relaxed) - before
    );
    for status in predictions.statuses(None, 1) {
        if let PredictionStatus::Job(job) = status {
            let one = job.series.first().context("a job without series")?;
            let model = one.model.as_deref().unwrap_or("none");
            println!(
                "{}: {} series, the first by {model}",
                job.settings.name, job.series_count
            );
        }
    }
    Ok(())
}

/// A clock that stands while the process does not run: a turn's budget is then one of CPU.
#[derive(Debug)]
struct CpuClock;

impl Clock for CpuClock {
    fn now_ms(&self) -> i64 {
        cpu_seconds().map_or(0, |seconds| (seconds * 1_000.0) as i64)
    }
}

/// How many turns of a minute it takes from a start until each series speaks, with a budget.
fn speak(series: u64, settings: &[PredictionSettings]) -> Result<()> {
    let predictions = Predictions::new(PredictionsParts {
        store: Arc::new(Made::new(series)),
        engine: Arc::new(Engine::new(EngineOptions {
            threads: 1,
            samples_max: 0,
            timeout_ms: 0,
            ..EngineOptions::default()
        })),
        clock: Arc::new(CpuClock),
    });
    predictions.apply(settings[..1].to_vec())?;
    let before = cpu_seconds()?;
    for turn in 0..TURNS_MAX {
        predictions.turn_in_budget("forecast", NOW_MS + turn * MINUTE_MS);
        let statuses = predictions.statuses(Some("forecast"), usize::MAX);
        let Some(PredictionStatus::Job(job)) = statuses.first() else {
            continue;
        };
        let said = job.series.iter().filter(|one| !one.expected.is_empty());
        let said = said.count() as u64;
        println!(
            "turn {turn}: {said} of {series} series speak, {} of them provisionally; {:.1} s of CPU",
            job.provisional_count,
            cpu_seconds()? - before
        );
        if said == series {
            break;
        }
    }
    Ok(())
}

fn job(name: &str, interval_ms: i64, horizons: &[(&str, i64)]) -> JobSettings {
    let horizons = horizons.iter().map(|(text, ms)| Horizon {
        text: (*text).to_owned(),
        ms: *ms,
    });
    JobSettings {
        name: name.to_owned(),
        query: "load".to_owned(),
        parts: None,
        interval_ms,
        step_ms: 10 * MINUTE_MS,
        history_ms: 14 * DAY_MS,
        horizons: horizons.collect(),
        quantiles: vec![0.1, 0.5, 0.9],
        is_non_negative: true,
        has_anomaly: false,
        degrades: None,
        limit: None,
        series_max: 10_000,
        labels: Vec::new(),
    }
}

/// CPU time of the process so far.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/schedstat")?;
    let nanoseconds: f64 = stat.split(' ').next().context("empty schedstat")?.parse()?;
    Ok(nanoseconds / 1e9)
}

fn resident_mib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.context("no VmRSS")?.parse::<u64>()? / 1_024)
}
