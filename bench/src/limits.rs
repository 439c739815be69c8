//! Two million new series against a memory ceiling.

use std::path::Path;

use anyhow::Result;

use crate::data::{self, INTERVAL_MS};
use crate::peer::{Kind, Server, now_ms};
use crate::report::Table;

const CEILING_BYTES: f64 = 512.0 * 1024.0 * 1024.0;

/// 10,000 old series, then `count` new ones, with `storage.memory_limit: 512MiB`. The peers have no
/// such setting and are left out.
pub(crate) async fn run(folder: &Path, count: usize) -> Result<Table> {
    let config = "scrape_configs: []\nstorage: { memory_limit: 512MiB }\n";
    let server = Server::start(Kind::Bellwether, folder, config).await?;
    let begin_ms = now_ms() / INTERVAL_MS * INTERVAL_MS - 10 * INTERVAL_MS;
    let mut old = data::series(10_000, 6);
    for body in data::requests(&mut old, begin_ms, 2_000) {
        server.write(body).await?;
    }
    let (mut taken, mut refused, mut status, mut text) = (0u64, 0u64, String::new(), String::new());
    let mut peak = 0.0f64;
    for round in 0..count.div_ceil(100_000) {
        let mut fresh = data::series_of_generation(100_000, 7, round);
        for body in data::requests(&mut fresh, begin_ms + INTERVAL_MS, 2_000) {
            let answer = server.send(body).await?;
            if answer.0 == 204 || answer.0 == 200 {
                taken += 2_000;
            } else {
                refused += 2_000;
                (status, text) = (answer.0.to_string(), answer.1);
            }
        }
        peak = peak.max(server.usage()?.rss_bytes);
    }
    for body in data::requests(&mut old, begin_ms + 2 * INTERVAL_MS, 2_000) {
        server.write(body).await?;
    }
    let usage = server.usage()?;
    let query = [("query", "count({job=\"kubernetes-pods\",generation=\"\"})")];
    let url = format!("{}/api/v1/query", server.url);
    let answer: serde_json::Value = server
        .client
        .get(url)
        .query(&query)
        .send()
        .await?
        .json()
        .await?;
    let answering = answer["data"]["result"][0]["value"][1]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    server.stop().await?;
    let mut table = Table::new(
        &format!("{count} new series with a memory limit of 512 MiB"),
        &[
            "taken",
            "in refused requests",
            "peak RSS, MiB",
            "to the limit",
            "old series that answer",
            "the refusal",
        ],
    );
    table.row([
        taken.to_string(),
        refused.to_string(),
        format!("{:.0}", usage.rss_peak_bytes.max(peak) / 1048576.0),
        format!("{:.2} ×", usage.rss_peak_bytes.max(peak) / CEILING_BYTES),
        format!("{answering} of 10000"),
        format!("{status} {}", text.trim().replace('|', "/")),
    ]);
    Ok(table)
}
