//! Measures how long a day of history takes: the simulation alone, and with a store.
//!
//! `cargo run --release -p bellwether-demo --example measure_backfill`

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::time::Instant;

use bellwether_demo::{DemoState, Format, HistoryOptions, Simulation, backfill, render};
use bellwether_storage::{Clock as _, MemoryStore, SystemClock};

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = field.and_then(|field| field.split_ascii_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn main() -> Result<(), bellwether_demo::DemoError> {
    let options = HistoryOptions::default();
    let now_ms = SystemClock.now_ms();
    let begin = Instant::now();
    let mut simulation = Simulation::new(options.seed, now_ms - options.span_ms);
    let every = std::env::args()
        .nth(1)
        .and_then(|minutes| minutes.parse::<i64>().ok());
    for step in 1..=options.span_ms / options.step_ms {
        simulation.advance_to(simulation.start_ms() + step * options.step_ms);
        if every.is_some_and(|minutes| step % (minutes * 4) == 0) {
            let s = DemoState::of(&simulation);
            let faults: Vec<&str> = s.faults.iter().map(|fault| fault.name).collect();
            let ok: Vec<f64> = s.requests.iter().map(|r| r.ok).collect();
            let bad: Vec<f64> = s
                .requests
                .iter()
                .map(|r| r.error + r.rejected + r.abandoned)
                .collect();
            let providers: Vec<String> = s
                .providers
                .iter()
                .map(|p| {
                    format!(
                        "{} e{:.2} s{:.1} r{:.2} t{:.2} {:?}",
                        p.state,
                        p.error_ratio,
                        p.slowness,
                        p.requests_left_ratio,
                        p.tokens_left_ratio,
                        p.models
                            .iter()
                            .map(|m| m.calls_in_flight)
                            .collect::<Vec<_>>()
                    )
                })
                .collect();
            println!(
                "{:>5} min queue {:?} busy {}/{} want {} ok {ok:?} bad {bad:?} conns {} ${:.0} {providers:?} {faults:?}",
                step / 4,
                s.queue.depth.iter().map(|d| d.waiting).collect::<Vec<_>>(),
                s.workers.busy,
                s.workers.busy + s.workers.idle,
                s.workers.desired,
                s.connections,
                s.cost_dollars
            );
        }
    }
    println!(
        "simulation alone: {:.2} s, peak {:.0} MiB",
        begin.elapsed().as_secs_f64(),
        resident_mib()
    );
    for format in [Format::Text, Format::OpenMetrics, Format::Protobuf] {
        let begin = Instant::now();
        let body = render(&simulation.families(), format);
        println!(
            "{format:?}: {} bytes in {:.1} ms",
            body.len(),
            begin.elapsed().as_secs_f64() * 1e3
        );
    }
    let store = MemoryStore::new();
    let begin = Instant::now();
    let history = backfill(&store, now_ms, &options)?;
    println!(
        "with the reference store: {:.2} s, {} series, {} samples, peak {:.0} MiB",
        begin.elapsed().as_secs_f64(),
        history.series_count,
        history.sample_count,
        resident_mib()
    );
    Ok(())
}
