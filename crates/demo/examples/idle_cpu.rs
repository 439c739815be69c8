//! Measures what the live daemon costs while nobody looks at it but a scraper every 15 seconds.
//!
//! `cargo run --release -p bellwether-demo --example idle_cpu -- 60` (seconds)

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use std::sync::Arc;
use std::time::Duration;

use bellwether_demo::{Demo, DemoError, DemoOptions};
use bellwether_storage::SystemClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Processor time of this process, in ticks of 10 ms.
fn ticks() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
    let field = |index: usize| fields.get(index).and_then(|it| it.parse::<u64>().ok());
    field(11).unwrap_or(0) + field(12).unwrap_or(0)
}

async fn scrape(address: std::net::SocketAddr) -> std::io::Result<usize> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                  encoding=delimited";
    let request = format!(
        "GET /metrics HTTP/1.1\r\nHost: demo\r\nAccept: {accept}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(64 << 20).read_to_end(&mut answer).await
}

#[tokio::main]
async fn main() -> Result<(), DemoError> {
    let seconds = std::env::args().nth(1).and_then(|it| it.parse().ok());
    let seconds: u64 = seconds.unwrap_or(60);
    let options = DemoOptions {
        worker_count: 40,
        ..DemoOptions::default()
    };
    let daemon = Demo::start(&options, Arc::new(SystemClock)).await?;
    let begun = ticks();
    let mut bytes = 0;
    for second in 1..=seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if second % 15 == 0 {
            bytes = scrape(daemon.scrape_address).await.unwrap_or(0);
        }
    }
    let used_s = (ticks() - begun) as f64 / 100.0;
    let state = daemon.state();
    println!(
        "{:.2} % of a core over {seconds} s; {} workers, {} busy; a scrape has {bytes} bytes",
        used_s / seconds as f64 * 100.0,
        state.workers.count,
        state.workers.busy,
    );
    daemon.shutdown().await;
    Ok(())
}
