//! Time and memory of ten thousand series.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bellwether_forecast::forecast::Options;
use bellwether_forecast::tracker::Tracker;

const STEP_MS: i64 = 600_000;
const SERIES: u64 = 10_000;
/// Series that are really made; the rest costs as much.
const SAMPLE: u64 = 200;
const DAYS: i64 = 14;

/// A day, a week, noise: the same for the same numbers.
fn value(series: u64, at: i64) -> f64 {
    let mut noise = series.wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (at as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
    noise = (noise ^ (noise >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let noise = (noise >> 11) as f64 / (1u64 << 53) as f64 - 0.5;
    let day = (at as f64 / 144.0 * std::f64::consts::TAU + series as f64).sin();
    let weekend = if at / 144 % 7 > 4 { 0.7 } else { 1.0 };
    100.0 * weekend * (1.5 + day) + 30.0 * noise
}

/// Prints what it takes.
pub(crate) fn run() -> Result<()> {
    let mut trackers = Vec::new();
    let (mut hurrying, mut beginning, mut choosing) =
        (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let mut bytes = 0;
    for series in 0..SAMPLE {
        let options = Options {
            horizon_steps: 144,
            ..Options::default()
        };
        let mut tracker = Tracker::new(options, STEP_MS)?.with_phase(series);
        for at in 0..DAYS * 144 {
            tracker.push(at * STEP_MS, value(series, at));
        }
        let started = Instant::now();
        tracker.choose_provisionally();
        hurrying += started.elapsed();
        let started = Instant::now();
        tracker.choose();
        beginning += started.elapsed();
        let started = Instant::now();
        tracker.choose();
        choosing += started.elapsed();
        bytes = bytes.max(tracker.bytes());
        trackers.push(tracker);
    }
    let model = trackers[0].forecast(144).context("no forecast")?.model;
    let started = Instant::now();
    let mut pushes = 0;
    for cell in 0..6 {
        for minute in 0..10 {
            for (series, tracker) in (0..).zip(&mut trackers) {
                let at = DAYS * 144 + cell;
                tracker.push(at * STEP_MS + minute * 60_000, value(series, at));
                pushes += 1;
            }
        }
    }
    let pushing = started.elapsed();
    let started = Instant::now();
    let mut sum = 0.0;
    for tracker in &trackers {
        sum += tracker.forecast(144).context("no forecast")?.mean[0];
    }
    let asking = started.elapsed();
    let each = |spent: Duration, of: u64| spent.as_secs_f64() * 1e6 / of as f64;
    let (push, ask, choose) = (
        each(pushing, pushes),
        each(asking, SAMPLE),
        each(choosing, SAMPLE),
    );
    println!(
        "{SAMPLE} series of {DAYS} days in steps of ten minutes, 144 steps ahead (first: {model}; {sum:.0})"
    );
    println!(
        "provisional choice {:.1} ms, first choice after it {:.1} ms",
        each(hurrying, SAMPLE) / 1000.0,
        each(beginning, SAMPLE) / 1000.0
    );
    println!(
        "choice {:.1} ms, forecast {ask:.0} µs, value {push:.2} µs, state at most {bytes} bytes",
        choose / 1000.0
    );
    let minute = SERIES as f64 * (ask + push) / 60e6;
    let chosen = SERIES as f64 * choose / (72.0 * 600e6);
    println!(
        "{SERIES} series, each forecast once a minute: {:.3} of a core, of it choices twice a day {chosen:.3}; {:.0} MiB",
        minute + chosen,
        SERIES as f64 * bytes as f64 / (1 << 20) as f64
    );
    Ok(())
}
