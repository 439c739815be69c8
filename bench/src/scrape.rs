//! The cost of scraping, and whether it keeps time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::extract::{Path as UrlPath, State};

use crate::data::{self, Series};
use crate::peer::{Kind, Server};
use crate::report::{Table, ratio};

/// Targets, with a thousand series each.
const TARGETS: usize = 200;

type Targets = Arc<Vec<tokio::sync::Mutex<Vec<Series>>>>;

/// What one server used and missed.
struct Row {
    kind: Kind,
    cpu_seconds: f64,
    missed: i64,
    jitter_ms: i64,
}

/// 200 targets × 1,000 series at 15 s for some minutes; all servers at the same time, each with
/// targets of its own.
pub(crate) async fn run(kinds: &[Kind], folder: &Path, minutes: f64) -> Result<Table> {
    let runs = kinds.iter().map(|&kind| run_one(kind, folder, minutes));
    let rows = futures::future::try_join_all(runs).await?;
    let mut table = Table::new(
        &format!("Scraping: {TARGETS} targets × 1,000 series at 15 s for {minutes} min"),
        &[
            "server",
            "CPU s",
            "to ours",
            "scrapes missed",
            "jitter p99, ms",
        ],
    );
    let ours = rows
        .iter()
        .find(|row| row.kind == Kind::Bellwether)
        .map_or(0.0, |row| row.cpu_seconds);
    if let Some(peer) = rows.iter().find(|row| row.kind == Kind::Prometheus) {
        let what =
            format!("Scraping {TARGETS} targets × 1,000 series, CPU seconds in {minutes} min");
        table.headline(&what, ours, peer.cpu_seconds, peer.kind.name());
    }
    for row in rows {
        table.row([
            row.kind.name().to_owned(),
            format!("{:.1}", row.cpu_seconds),
            ratio(row.cpu_seconds, ours),
            row.missed.to_string(),
            row.jitter_ms.to_string(),
        ]);
    }
    table.note(
        "Jitter is how far the time between two scrapes of a target is from 15 s. The servers ran \
         at the same time, each with targets of its own.",
    );
    Ok(table)
}

async fn run_one(kind: Kind, folder: &Path, minutes: f64) -> Result<Row> {
    let targets: Targets = Arc::new(
        data::targets(TARGETS, 4)
            .into_iter()
            .map(tokio::sync::Mutex::new)
            .collect(),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = axum::Router::new()
        .route("/metrics/{target}", axum::routing::get(expose))
        .with_state(targets);
    let exposer = tokio::spawn(async move { axum::serve(listener, router).await });
    let config = config(&address.to_string());
    let server = Server::start(kind, folder, &config).await?;
    // The first round makes the series; what counts is the steady state.
    tokio::time::sleep(Duration::from_secs(45)).await;
    let before = server.usage()?;
    tokio::time::sleep(Duration::from_secs_f64(minutes * 60.0)).await;
    let cpu_seconds = server.usage()?.cpu_seconds - before.cpu_seconds;
    let (missed, jitter_ms) = punctuality(&server, minutes).await?;
    eprintln!(
        "{}: {cpu_seconds:.1} CPU s, {missed} missed, p99 {jitter_ms} ms",
        kind.name()
    );
    server.stop().await?;
    exposer.abort();
    Ok(Row {
        kind,
        cpu_seconds,
        missed,
        jitter_ms,
    })
}

async fn expose(State(targets): State<Targets>, UrlPath(target): UrlPath<usize>) -> String {
    match targets.get(target) {
        Some(series) => data::exposition(&mut series.lock().await),
        None => String::new(),
    }
}

fn config(address: &str) -> String {
    let mut config = "global: { scrape_interval: 15s, scrape_timeout: 10s }\nscrape_configs:\n\
                      - job_name: bench\n  static_configs:\n"
        .to_owned();
    for target in 0..TARGETS {
        config.push_str(&format!(
            "  - targets: ['{address}']\n    labels: {{ __metrics_path__: /metrics/{target}, \
             instance: 'target-{target}' }}\n"
        ));
    }
    config
}

/// Scrapes that are missing or failed, and the 99th percentile of the distance of the gaps between
/// scrapes from 15 s, in ms, by the stored times of `up`.
async fn punctuality(server: &Server, minutes: f64) -> Result<(i64, i64)> {
    let url = format!("{}/api/v1/query", server.url);
    let range = format!("up{{job=\"bench\"}}[{}s]", (minutes * 60.0) as i64);
    let answer: serde_json::Value = server
        .client
        .get(url)
        .query(&[("query", range.as_str())])
        .send()
        .await?
        .json()
        .await?;
    let series = answer["data"]["result"]
        .as_array()
        .context("no result for up")?;
    let expected = (minutes * 4.0) as i64 - 1;
    let (mut missed, mut gaps) = (
        (TARGETS as i64 - series.len() as i64) * expected,
        Vec::new(),
    );
    for one in series {
        let points = one["values"].as_array().context("up has no values")?;
        let up = points
            .iter()
            .filter(|point| point[1].as_str() == Some("1"))
            .count() as i64;
        missed += (expected - up).max(0);
        let times: Vec<i64> = points
            .iter()
            .filter_map(|point| point[0].as_f64())
            .map(|seconds| (seconds * 1_000.0).round() as i64)
            .collect();
        gaps.extend(
            times
                .windows(2)
                .map(|pair| (pair[1] - pair[0] - 15_000).abs()),
        );
    }
    gaps.sort_unstable();
    let p99 = gaps.get(gaps.len() * 99 / 100).copied().unwrap_or(-1);
    Ok((missed, p99))
}
