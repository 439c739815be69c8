//! Measures how long a day of history takes with the reference store.
//!
//! `cargo run --release -p bellwether-demo --example measure_backfill`

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::time::Instant;

use bellwether_demo::{HistoryOptions, backfill};
use bellwether_storage::{Clock as _, MemoryStore, SystemClock};

fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = field.and_then(|field| field.split_ascii_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn main() -> Result<(), bellwether_demo::DemoError> {
    let store = MemoryStore::new();
    let begin = Instant::now();
    let history = backfill(&store, SystemClock.now_ms(), &HistoryOptions::default())?;
    println!(
        "{:.2} s, {} series, {} samples, {} workers at the end, peak {:.0} MiB",
        begin.elapsed().as_secs_f64(),
        history.series_count,
        history.sample_count,
        history.worker_count,
        peak_mib()
    );
    Ok(())
}
