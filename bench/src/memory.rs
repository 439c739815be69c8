//! Memory over an empty server, per active series.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::data::{self, INTERVAL_MS};
use crate::peer::{EMPTY_CONFIG, Kind, Server, now_ms};
use crate::report::{Table, ratio};

/// `count` series for 30 min, every 15 s.
pub(crate) async fn run(kinds: &[Kind], folder: &Path, count: usize) -> Result<Table> {
    let steps = 30 * 60_000 / INTERVAL_MS;
    let begin_ms = (now_ms() - steps * INTERVAL_MS) / INTERVAL_MS * INTERVAL_MS;
    let mut rows = Vec::new();
    for &kind in kinds {
        let server = Server::start(kind, folder, EMPTY_CONFIG).await?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        let empty = server.usage()?;
        let mut series = data::series(count, 2);
        for step in 0..steps {
            for body in data::requests(&mut series, begin_ms + step * INTERVAL_MS, 2_000) {
                server.write(body).await?;
            }
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let settled = server.usage()?;
        server.stop().await?;
        let per_series = |bytes: f64| (bytes - empty.rss_bytes) / count as f64;
        rows.push((
            kind,
            per_series(settled.rss_bytes),
            per_series(settled.rss_peak_bytes),
        ));
        eprintln!("{}: {:?}", kind.name(), rows.last());
    }
    let mut table = Table::new(
        &format!("Memory over an empty server: {count} series × 30 min"),
        &[
            "server",
            "KiB / series, settled",
            "to ours",
            "KiB / series, peak",
            "to ours",
        ],
    );
    let ours = rows.iter().find(|(kind, _, _)| *kind == Kind::Bellwether);
    let (settled_ours, peak_ours) = ours.map_or((0.0, 0.0), |(_, settled, peak)| (*settled, *peak));
    for (kind, settled, peak) in &rows {
        table.row([
            kind.name().to_owned(),
            format!("{:.2}", settled / 1024.0),
            ratio(*settled, settled_ours),
            format!("{:.2}", peak / 1024.0),
            ratio(*peak, peak_ours),
        ]);
    }
    if let Some((peer, settled, peak)) = rows
        .iter()
        .find(|(kind, _, _)| *kind == Kind::VictoriaMetrics)
    {
        let kib = 1024.0;
        let what = "Memory over empty, KiB an active series, settled";
        table.headline(what, settled_ours / kib, settled / kib, peer.name());
        let what = "Memory over empty, KiB an active series, at its peak";
        table.headline(what, peak_ours / kib, peak / kib, peer.name());
    }
    Ok(table)
}
