//! `kill -9` with a full head, then the way back: time until ready, memory on the way, samples.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::data::{self, INTERVAL_MS};
use crate::peer::{EMPTY_CONFIG, Kind, Server, now_ms};
use crate::report::Table;

/// `count` series for 2 h every 15 s, killed without a warning, started again.
pub(crate) async fn run(kinds: &[Kind], folder: &Path, count: usize) -> Result<Table> {
    let steps = 2 * 3_600_000 / INTERVAL_MS;
    let begin_ms = (now_ms() - steps * INTERVAL_MS) / INTERVAL_MS * INTERVAL_MS;
    let mut table = Table::new(
        &format!("Restart after kill -9 with a head of {count} series × 2 h"),
        &[
            "server",
            "ready after, s",
            "peak RSS before, MiB",
            "peak RSS of the restart, MiB",
            "samples lost",
        ],
    );
    for &kind in kinds {
        let server = Server::start(kind, folder, EMPTY_CONFIG).await?;
        let mut series = data::series(count, 5);
        for step in 0..steps {
            for body in data::requests(&mut series, begin_ms + step * INTERVAL_MS, 2_000) {
                server.write(body).await?;
            }
        }
        let before = server.usage()?;
        let data = server.data.clone();
        server.kill().await?;
        let begun = Instant::now();
        let server = Server::restart(kind, data, EMPTY_CONFIG).await?;
        let ready = begun.elapsed().as_secs_f64();
        let after = server.usage()?;
        let stored = stored_samples(&server).await?;
        let lost = steps as f64 * count as f64 - stored;
        server.stop().await?;
        table.row([
            kind.name().to_owned(),
            format!("{ready:.2}"),
            format!("{:.0}", before.rss_peak_bytes / 1048576.0),
            format!("{:.0}", after.rss_peak_bytes / 1048576.0),
            format!("{lost}"),
        ]);
        eprintln!("{}: {:?}", kind.name(), table.rows.last());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    table
        .note("VictoriaMetrics holds the last seconds in memory only: what it loses is by design.");
    Ok(table)
}

/// Samples of all series, counted metric by metric so that no query holds too many at once.
async fn stored_samples(server: &Server) -> Result<f64> {
    let names: serde_json::Value = server
        .client
        .get(format!("{}/api/v1/label/__name__/values", server.url))
        .send()
        .await?
        .json()
        .await?;
    let mut total = 0.0;
    for name in names["data"].as_array().context("no metric names")? {
        let name = name.as_str().context("a name is no text")?;
        let query = format!("sum(count_over_time({name}[3h]))");
        let url = format!("{}/api/v1/query", server.url);
        let answer: serde_json::Value = server
            .client
            .get(url)
            .query(&[("query", query.as_str())])
            .send()
            .await?
            .json()
            .await?;
        let value = answer["data"]["result"][0]["value"][1].as_str();
        total += value.map_or(Ok(0.0), str::parse::<f64>)?;
    }
    Ok(total)
}
