//! What it costs to look after many probes, each once a second:
//! `cargo run --release -p bellwether-sdk --example health_cost [PROBES] [SECONDS]`. Prints the share
//! of a core that the whole process took, by the kernel's count.
#![expect(
    clippy::print_stdout,
    reason = "an example that tells what it measured"
)]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bellwether_sdk::health::{HealthRegistry, HealthState, Outcome, ProbeSettings};
use bellwether_sdk::{Settings, Telemetry};

/// The kernel counts hundredths of a second for programs.
const TICKS_PER_SECOND: f64 = 100.0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|it| it.parse::<u64>());
    let probes = numbers.next().transpose()?.unwrap_or(1_000);
    let seconds = numbers.next().transpose()?.unwrap_or(20);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure(probes, seconds))
}

async fn measure(probes: u64, seconds: u64) -> Result<(), Box<dyn Error>> {
    let settings = Settings {
        probe_interval: Duration::from_secs(1),
        ..Settings::default()
    };
    // Four states of each probe.
    let telemetry = Telemetry::new(4 * probes as usize);
    let checks = Arc::new(AtomicU64::new(0));
    let mut builder = HealthRegistry::builder(&settings).telemetry(&telemetry);
    for number in 0..probes {
        let checks = Arc::clone(&checks);
        builder = builder.probe(ProbeSettings::new(format!("probe-{number}")), move || {
            checks.fetch_add(1, Ordering::Relaxed);
            async {
                // As if somebody had been asked.
                tokio::time::sleep(Duration::from_millis(5)).await;
                Outcome::up()
            }
        });
    }
    let health = builder.start()?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (begun, checks_begun, cpu_begun) = (
        Instant::now(),
        checks.load(Ordering::Relaxed),
        cpu_seconds()?,
    );
    for _ in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // More often than anybody asks.
        let _answer = health.respond("/readyz");
    }
    let elapsed = begun.elapsed().as_secs_f64();
    let cpu = cpu_seconds()? - cpu_begun;
    let done = checks.load(Ordering::Relaxed) - checks_begun;
    let up = health
        .report()
        .probes
        .iter()
        .filter(|it| it.state == HealthState::Up)
        .count();
    println!(
        "{probes} probes, {up} up, {:.0} checks/s for {elapsed:.1} s: {:.2} % of a core, {:.1} µs a check",
        done as f64 / elapsed,
        cpu / elapsed * 100.0,
        cpu / done as f64 * 1e6,
    );
    Ok(())
}

/// User and system time of the process so far.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // The name, in parentheses, may have spaces; after it the state is the third field.
    let (_, rest) = stat.rsplit_once(')').ok_or("no name in /proc/self/stat")?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let field = |number: usize| {
        fields
            .get(number - 3)
            .copied()
            .unwrap_or_default()
            .parse::<f64>()
    };
    Ok((field(14)? + field(15)?) / TICKS_PER_SECOND)
}
