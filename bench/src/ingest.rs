//! Ingest by remote write 1.0 and what it leaves on disk.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;

use crate::data::{self, INTERVAL_MS};
use crate::peer::{EMPTY_CONFIG, FolderSizes, FolderWatch, Kind, Server, now_ms};
use crate::report::{Table, ratio};

/// Samples in one request.
const BATCH: usize = 2_000;

struct Row {
    kind: Kind,
    cpu_per_million: f64,
    settled_per_million: f64,
    bytes_per_sample: f64,
    folder: FolderSizes,
}

/// `count` series for `hours`, every 15 s, one sample a series a request.
pub(crate) async fn run(kinds: &[Kind], folder: &Path, count: usize, hours: f64) -> Result<Table> {
    let steps = (hours * 3_600_000.0) as i64 / INTERVAL_MS;
    let begin_ms = (now_ms() - steps * INTERVAL_MS) / INTERVAL_MS * INTERVAL_MS;
    let samples = steps as f64 * count as f64;
    let mut rows = Vec::new();
    for &kind in kinds {
        let server = Server::start(kind, folder, EMPTY_CONFIG).await?;
        let before = server.usage()?;
        let mut series = data::series(count, 1);
        let watch = FolderWatch::start(server.data.clone());
        for step in 0..steps {
            for body in data::requests(&mut series, begin_ms + step * INTERVAL_MS, BATCH) {
                server.write(body).await?;
            }
            watch.steps.store(step + 1, Ordering::Relaxed);
        }
        let after = server.usage()?;
        let cpu = after.cpu_seconds - before.cpu_seconds;
        // Merging goes on for a while after the last request; it is work for these samples too.
        server.compact().await?;
        tokio::time::sleep(Duration::from_secs(15)).await;
        let settled = server.usage()?;
        let data = server.data.clone();
        let bytes = match kind {
            Kind::Prometheus => prometheus_block_bytes_per_sample(&data)?,
            Kind::VictoriaMetrics | Kind::Bellwether => server.disk_bytes() as f64 / samples,
        };
        let folder = watch.finish((2.0 * bytes * samples) as u64);
        server.stop().await?;
        eprintln!(
            "{}: {cpu:.1} CPU s while writing, {:.1} more to settle, {bytes:.2} B/sample",
            kind.name(),
            settled.cpu_seconds - after.cpu_seconds
        );
        rows.push(Row {
            kind,
            cpu_per_million: cpu / (samples / 1e6),
            settled_per_million: (settled.cpu_seconds - before.cpu_seconds) / (samples / 1e6),
            bytes_per_sample: bytes,
            folder,
        });
    }
    let mut table = Table::new(
        &format!(
            "Ingest: remote write 1.0, {count} series × {hours} h at 15 s, {samples:.0} samples"
        ),
        &[
            "server",
            "CPU s / million samples",
            "to ours",
            "merging included",
            "B / sample, compacted",
            "to ours",
            "folder at most",
            "above twice the compacted size at a stretch",
        ],
    );
    let ours = row_of(&rows, Kind::Bellwether);
    let (cpu, bytes) = ours.map_or((0.0, 0.0), |row| {
        (row.cpu_per_million, row.bytes_per_sample)
    });
    for row in &rows {
        table.row([
            row.kind.name().to_owned(),
            format!("{:.3}", row.cpu_per_million),
            ratio(row.cpu_per_million, cpu),
            format!("{:.3}", row.settled_per_million),
            format!("{:.3}", row.bytes_per_sample),
            ratio(row.bytes_per_sample, bytes),
            ratio(row.folder.bytes_max as f64, row.bytes_per_sample * samples),
            format!(
                "{:.1} s, {:.1} min of data",
                row.folder.above.as_secs_f64(),
                (row.folder.above_steps * INTERVAL_MS) as f64 / 60_000.0
            ),
        ]);
    }
    if let (Some(ours), Some(peer)) = (ours, row_of(&rows, Kind::VictoriaMetrics)) {
        let what = "Ingest by remote write, CPU seconds a million samples";
        let name = peer.kind.name();
        table.headline(what, ours.cpu_per_million, peer.cpu_per_million, name);
        let what = "Disk after compaction, index included, bytes a sample";
        table.headline(what, ours.bytes_per_sample, peer.bytes_per_sample, name);
    }
    table.note("Prometheus' bytes are those of its finished blocks; its log comes on top.");
    Ok(table)
}

fn row_of(rows: &[Row], kind: Kind) -> Option<&Row> {
    rows.iter().find(|row| row.kind == kind)
}

/// Bytes of finished blocks by the samples their meta files name.
fn prometheus_block_bytes_per_sample(data: &Path) -> Result<f64> {
    let (mut bytes, mut samples) = (0u64, 0u64);
    for entry in std::fs::read_dir(data)? {
        let path = entry?.path();
        let Ok(text) = std::fs::read_to_string(path.join("meta.json")) else {
            continue;
        };
        let meta: serde_json::Value = serde_json::from_str(&text)?;
        samples += meta["stats"]["numSamples"].as_u64().unwrap_or(0);
        bytes += crate::peer::folder_bytes(&path);
    }
    Ok(if samples == 0 {
        f64::NAN
    } else {
        bytes as f64 / samples as f64
    })
}
