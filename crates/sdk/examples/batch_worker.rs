//! A batch without any server: a pool that sizes itself, a promise, events in a file, a summary.
//!
//! `cargo run -p bellwether-sdk --example batch_worker [-- --seconds N]`
//!
//! Pages are read, each of which takes some milliseconds; one in a hundred fails the first time. What to
//! look at: `telemetry/events.jsonl` (`pool_scaled` says why workers were started; TELEMETRY_FILE names
//! another file), and the summary in the end. It ends when all pages are read, at ctrl-c, or after so
//! many seconds, in each case with what was begun.
#![expect(clippy::print_stdout, reason = "a command line tool talks")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bellwether_sdk::objective::{ServiceObjective, Targets};
use bellwether_sdk::pool::{Autoscale, Failure, Pool, PoolSettings, Priority, Retries, scale};
use bellwether_sdk::{FileSettings, Level, SERIES_MAX_DEFAULT, Telemetry};
use serde_json::json;

use support::Answer;

/// What became of the batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    /// Pages that were read.
    pub(crate) done: u64,
    /// Pages that were given up, or not begun.
    pub(crate) failed: u64,
    /// The most workers that there were.
    pub(crate) workers_max: usize,
    /// How long a page took, p95 in ms, where there were enough to tell.
    pub(crate) p95_ms: Option<f64>,
}

/// A page to be read.
#[derive(Debug)]
struct Page {
    number: u64,
    attempts: AtomicU32,
    took: tokio::sync::mpsc::UnboundedSender<(Duration, bool)>,
}

/// Reads a page; one in a hundred fails at first.
async fn read(page: Arc<Page>) -> Result<u64, Failure> {
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_millis(2 + page.number * 7 % 5)).await;
    let is_first = page.attempts.fetch_add(1, Ordering::Relaxed) == 0;
    let is_success = !is_first || page.number % 100 != 13;
    // Who listens may have gone: then nobody wants to know.
    let _told = page.took.send((begun.elapsed(), is_success));
    match is_success {
        true => Ok(page.number),
        false => Err(Failure::retry("the page was torn")),
    }
}

/// Reads so many pages, at most for so long.
pub(crate) async fn run(pages: u64, after: Option<Duration>, events: &Path) -> Answer<Summary> {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    telemetry.add_file(FileSettings::new(events))?;
    let targets = Targets {
        p95: Some(Duration::from_millis(50)),
        success_ratio: Some(0.95),
    };
    let promise = ServiceObjective::new("pages", targets, &telemetry)?;
    let settings = PoolSettings {
        workers_max: 32,
        retries: Retries {
            pause_min: Duration::from_millis(10),
            ..Retries::up_to(5)
        },
        ..PoolSettings::new("pages")
    };
    let pool = Pool::start(settings, &telemetry, read)?;
    pool.autoscale(Autoscale {
        interval: Duration::from_millis(100),
        ..Autoscale::new(scale::Policy::predictive(1, 32))
    })?;
    let (took, mut taken) = tokio::sync::mpsc::unbounded_channel();
    let keeping = promise.clone();
    let recording = tokio::spawn(async move {
        while let Some((time, is_success)) = taken.recv().await {
            keeping.record(time, is_success);
        }
    });
    telemetry.emit("batch_begun", json!({ "pages": pages }), Level::Info);
    let mut handles = Vec::new();
    let mut workers_max = 0;
    {
        let submitting = async {
            for number in 0..pages {
                let page = Page {
                    number,
                    attempts: AtomicU32::new(0),
                    took: took.clone(),
                };
                handles.push(pool.submit(page, Priority::Normal).await?);
                workers_max = pool.status().workers.max(workers_max);
            }
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        };
        tokio::select! {
            submitted = submitting => submitted?,
            ended = support::end(after) => ended?,
        }
    }
    pool.drain(Duration::from_secs(60)).await;
    let mut done = 0;
    for handle in handles {
        done += u64::from(handle.await.is_ok());
    }
    drop((took, pool));
    recording.await?;
    let status = promise.status();
    let summary = Summary {
        done,
        failed: pages - done,
        workers_max,
        p95_ms: status.and_then(|status| status.latency_ms),
    };
    let event = json!({ "done": done, "failed": summary.failed, "workers_max": workers_max });
    telemetry.emit("batch_ended", event, Level::Info);
    telemetry.flush(Duration::from_secs(5))?;
    Ok(summary)
}

#[tokio::main]
async fn main() -> Answer {
    let events = std::env::var_os("TELEMETRY_FILE");
    let events = events.unwrap_or_else(|| "telemetry/events.jsonl".into());
    let summary = run(20_000, support::seconds()?, Path::new(&events)).await?;
    println!("{summary:#?}");
    Ok(())
}
