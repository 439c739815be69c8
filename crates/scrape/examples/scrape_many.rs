//! What scraping many targets costs, and how late scrapes begin: a server of metrics in one process,
//! a manager with an in-memory store that forgets in another.
//!
//! ```text
//! cargo run --release -p bellwether-scrape --example scrape_many -- serve 127.0.0.1:9700
//! cargo run --release -p bellwether-scrape --example scrape_many -- scrape 127.0.0.1:9700 60
//! ```
#![expect(
    clippy::print_stdout,
    reason = "an example that prints what it measured"
)]

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellwether_model::Labels;
use bellwether_scrape::Manager;
use bellwether_scrape::settings::{Discovery, ScrapeSettings, TargetGroup};
use bellwether_storage::{NowhereStore, SystemClock};
use bellwether_telemetry::{Format, Registry};

const TARGETS: usize = 200;
const SERIES: usize = 1000;

fn body(round: u64) -> String {
    let mut text = String::new();
    for family in 0..SERIES / 10 {
        let name = format!("app_requests_duration_seconds_total_{family}");
        let _infallible = writeln!(
            text,
            "# HELP {name} How long they took.\n# TYPE {name} counter"
        );
        for series in 0..10 {
            let value = (family * 7919 + series * 104_729) as u64 + round;
            let _infallible = writeln!(
                text,
                "{name}{{method=\"GET\",path=\"/api/v1/things/{series}\",status=\"200\"}} {value}"
            );
        }
    }
    text
}

async fn serve(address: &str) -> std::io::Result<()> {
    let started = Instant::now();
    let app = axum::Router::new().fallback(move || async move {
        let headers = [(
            axum::http::header::CONTENT_TYPE,
            "text/plain; version=0.0.4",
        )];
        (headers, body(started.elapsed().as_secs()))
    });
    axum::serve(tokio::net::TcpListener::bind(address).await?, app).await
}

/// CPU time of this process in seconds, from fields 14 and 15 of `/proc/self/stat`.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or("")
        .split_whitespace()
        .collect();
    let ticks = |index: usize| {
        fields
            .get(index)
            .and_then(|f| f.parse::<f64>().ok())
            .unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

async fn scrape(address: &str, seconds: u64) {
    let registry = Registry::new();
    let manager = Manager::new(
        Arc::new(NowhereStore::default()),
        Arc::new(SystemClock),
        &registry,
    );
    let mut settings = ScrapeSettings::new("many");
    settings.interval_ms = 15_000;
    let groups = (0..TARGETS).map(|index| TargetGroup {
        targets: vec![address.to_owned()],
        labels: Labels::from_pairs([
            ("__metrics_path__", format!("/{index}")),
            ("target", index.to_string()),
        ]),
    });
    settings.discovery = vec![Discovery::Static(groups.collect())];
    if let Err(error) = manager.apply(vec![settings]).await {
        println!("{error}");
        return;
    }
    let before = cpu_seconds();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let used = cpu_seconds() - before;
    let scraped = registry.render(Format::Prometheus);
    for line in scraped.lines().filter(|line| {
        line.starts_with("bellwether_scrape_lateness")
            || line.starts_with("bellwether_scrape_s")
            || line.starts_with("bellwether_scrape_targets")
            || line.starts_with("bellwether_scrape_missed")
    }) {
        println!("{line}");
    }
    println!(
        "{used:.2} s of CPU in {seconds} s: {:.2} %",
        used / seconds as f64 * 100.0
    );
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["serve", address] => serve(address).await?,
        ["scrape", address, seconds] => scrape(address, seconds.parse().unwrap_or(60)).await,
        _ => println!("want: serve ADDRESS | scrape ADDRESS SECONDS"),
    }
    Ok(())
}
