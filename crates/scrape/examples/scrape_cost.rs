//! What a scraped sample costs: parse, cache and batch, into a store that does nothing with it.
//!
//! ```text
//! cargo run --release -p bellwether-scrape --example scrape_cost
//! ```
#![expect(
    clippy::print_stdout,
    reason = "an example that prints what it measured"
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Instant;

use bellwether_scrape::exposition::Format;
use bellwether_scrape::measure::Target;

const SERIES: usize = 1000;
const ROUNDS: usize = 2000;

fn body(round: usize) -> Vec<u8> {
    let mut text = String::new();
    for family in 0..SERIES / 10 {
        let name = format!("app_requests_duration_seconds_total_{family}");
        let _infallible = writeln!(
            text,
            "# HELP {name} How long requests took.\n# TYPE {name} counter"
        );
        for series in 0..10 {
            let value = (family * 7919 + series * 104_729 + round * 13) as f64 / 64.0;
            let _infallible = writeln!(
                text,
                "{name}{{method=\"GET\",path=\"/api/v1/things/{series}\",status=\"200\",region=\"eu-1\"}} {value}"
            );
        }
    }
    text.into_bytes()
}

fn main() {
    let bodies: Vec<Vec<u8>> = (0..8).map(body).collect();
    let mut target = Target::new();
    println!("body of {} bytes, {SERIES} series", bodies[0].len());
    let first = Instant::now();
    black_box(target.take(&bodies[0], Format::PrometheusText, 0));
    println!(
        "first scrape: {:.0} ns a sample",
        first.elapsed().as_nanos() as f64 / SERIES as f64
    );
    let steady = Instant::now();
    for round in 0..ROUNDS {
        let body = &bodies[round % bodies.len()];
        black_box(target.take(body, Format::PrometheusText, 15_000 * (round as i64 + 1)));
    }
    let samples = (ROUNDS * SERIES) as f64;
    println!(
        "steady: {:.1} ns a sample",
        steady.elapsed().as_nanos() as f64 / samples
    );
}
