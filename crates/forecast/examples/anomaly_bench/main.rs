//! The anomaly score on labelled series, and what it costs.
//!
//! - `anomaly_bench nab FOLDER [OUT]`: all series of a checkout of `numenta/NAB`, one pass each, with the
//!   defaults. Prints the three scores of the benchmark, alarms a series-day, VUS-PR; writes result
//!   files for the benchmark's own scorer to OUT (`run.py --score --optimize --normalize`).
//! - `anomaly_bench peers FOLDER NAME…`: the same figures of detectors whose results lie in `results/NAME`
//!   of the checkout.
//! - `anomaly_bench cost`: time of a sample and memory of a series.
#![expect(clippy::print_stdout, reason = "a measurement prints")]

mod nab;
mod vus;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use bellwether_forecast::anomaly::{Detector, Options, THRESHOLD, Verdict};
use nab::{PROFILES, Series};

/// Rows by which labels grow at most, for VUS-PR: TSB-AD's default, twice 100.
const BUFFER_MAX: usize = 200;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["nab", folder] => ours(Path::new(folder), None),
        ["nab", folder, out] => ours(Path::new(folder), Some(Path::new(out))),
        ["peers", folder, ref names @ ..] => peers(Path::new(folder), names),
        ["cost"] => cost(),
        _ => bail!("usage: anomaly_bench nab FOLDER [OUT] | peers FOLDER NAME… | cost"),
    }
}

fn ours(folder: &Path, out: Option<&Path>) -> Result<()> {
    let all = nab::read(folder)?;
    let verdicts: Vec<Vec<Verdict>> = all.iter().map(judge).collect();
    let scores: Vec<Vec<f64>> = verdicts
        .iter()
        .map(|verdicts| verdicts.iter().map(|verdict| verdict.score).collect())
        .collect();
    println!("| detector | profile | score | threshold | found | false |");
    println!("|---|---|---|---|---|---|");
    table("ours", &all, &scores);
    halves(&all, &scores);
    alarms(&all, &verdicts);
    if let Some(out) = out {
        for (series, scores) in all.iter().zip(&scores) {
            write_results(out, series, scores)?;
        }
    }
    Ok(())
}

fn judge(series: &Series) -> Vec<Verdict> {
    let mut detector = Detector::new(Options::default());
    let samples = series.times_ms.iter().zip(&series.values);
    samples
        .map(|(&time_ms, &value)| detector.push(time_ms, value))
        .collect()
}

fn pairs<'a>(all: &'a [Series], scores: &'a [Vec<f64>]) -> Vec<(&'a Series, &'a [f64])> {
    all.iter().zip(scores.iter().map(Vec::as_slice)).collect()
}

fn table(name: &str, all: &[Series], scores: &[Vec<f64>]) {
    let pairs = pairs(all, scores);
    for profile in &PROFILES {
        let best = nab::score(&pairs, profile, None);
        println!(
            "| {name} | {} | {:.2} | {:.4} | {} of {} | {} |",
            profile.name, best.score, best.threshold, best.found, best.windows, best.false_alarms
        );
    }
    // Rows that the benchmark does not score are left out, as are series without labels.
    let volumes: Vec<f64> = pairs
        .iter()
        .filter_map(|(series, scores)| {
            let from = series.probation();
            let windows = series.windows.iter().filter(|window| window.0 > from);
            let ranges: Vec<_> = windows.map(|w| (w.0 - from, w.1 - from)).collect();
            vus::vus_pr(&scores[from..], &ranges, BUFFER_MAX)
        })
        .collect();
    let mean = volumes.iter().sum::<f64>() / volumes.len().max(1) as f64;
    println!(
        "\n{name}: VUS-PR {mean:.3}, the mean of {} series.",
        volumes.len()
    );
}

/// The half on which constants may have been chosen, and the other, at the product's threshold.
fn halves(all: &[Series], scores: &[Vec<f64>]) {
    let above = Some(THRESHOLD.next_up());
    for (name, held_out) in [("first half", false), ("second half", true)] {
        let half = pairs(all, scores).into_iter();
        let half: Vec<_> = half.filter(|pair| pair.0.held_out() == held_out).collect();
        let outcome = nab::score(&half, &PROFILES[0], above);
        println!(
            "{name}, {} series, standard profile at the product's threshold: {:.2}, {} of {}, {} false.",
            half.len(),
            outcome.score,
            outcome.found,
            outcome.windows,
            outcome.false_alarms
        );
    }
    let all = nab::score(&pairs(all, scores), &PROFILES[0], above);
    println!(
        "all, standard profile at the product's threshold: {:.2}, {} of {}, {} false.",
        all.score, all.found, all.windows, all.false_alarms
    );
}

/// Alarms that persist, at the product's threshold.
fn alarms(all: &[Series], verdicts: &[Vec<Verdict>]) {
    let (mut days, mut count, mut within, mut found, mut windows, mut onsets) =
        (0.0, 0, 0, 0, 0, 0);
    for (series, verdicts) in all.iter().zip(verdicts) {
        days += series.days();
        let mut first = BTreeMap::new();
        for at in series.probation().max(1)..verdicts.len() {
            onsets += usize::from(verdicts[at].score > THRESHOLD);
            if verdicts[at].alarm && !verdicts[at - 1].alarm {
                count += 1;
                let window = series.windows.iter().position(|w| w.0 <= at && at <= w.1);
                if let Some(window) = window {
                    within += 1;
                    first.entry(window).or_insert(at);
                }
            }
        }
        found += first.len();
        windows += series.windows.len();
    }
    println!(
        "{days:.0} series-days: {count} alarms, {:.4} a day, {within} of them within windows, {found} of \
         {windows} windows; {onsets} scores above the threshold, {:.4} a day.",
        f64::from(count) / days,
        onsets as f64 / days
    );
}

fn write_results(out: &Path, series: &Series, scores: &[f64]) -> Result<()> {
    let (folder, file) = series
        .name
        .split_once('/')
        .context("a series without a folder")?;
    let path = out.join(folder).join(format!("{}_{file}", nab::RESULTS));
    std::fs::create_dir_all(out.join(folder)).with_context(|| path.display().to_string())?;
    let mut text = String::from("timestamp,value,anomaly_score,label\n");
    for (at, score) in scores.iter().enumerate() {
        let inside = series
            .windows
            .iter()
            .any(|window| window.0 <= at && at <= window.1);
        let (stamp, value) = (&series.stamps[at], series.values[at]);
        writeln!(text, "{stamp},{value},{score},{}", u8::from(inside))?;
    }
    std::fs::write(&path, text).with_context(|| path.display().to_string())
}

fn peers(folder: &Path, names: &[&str]) -> Result<()> {
    let all = nab::read(folder)?;
    println!("| detector | profile | score | threshold | found | false |");
    println!("|---|---|---|---|---|---|");
    for name in names {
        let mut scores = Vec::new();
        for series in &all {
            let (group, file) = series
                .name
                .split_once('/')
                .context("a series without a folder")?;
            let path = folder.join(format!("results/{name}/{group}/{name}_{file}"));
            let text =
                std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let rows = text.lines().skip(1).map(|line| {
                let score = line.split(',').nth(2).context("a row without a score")?;
                score.parse::<f64>().context("a score")
            });
            scores.push(rows.collect::<Result<Vec<f64>>>()?);
        }
        table(name, &all, &scores);
    }
    Ok(())
}

/// Series of noise with a day, a sample each 15 seconds: past the learning, and full of history.
fn cost() -> Result<()> {
    const SAMPLES: i64 = 8192;
    let mut state = 1u64;
    let mut detector = Detector::new(Options {
        step_ms: Some(15_000),
    });
    let mut anomalous = 0;
    let mut start = Instant::now();
    for at in 0..2 * SAMPLES {
        if at == SAMPLES {
            start = Instant::now();
        }
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let noise = (state >> 40) as f64 / (1u64 << 24) as f64;
        let day = (at as f64 / 5760.0 * std::f64::consts::TAU).sin();
        let verdict = detector.push(at * 15_000, 100.0 + 20.0 * day + 10.0 * noise);
        anomalous += usize::from(verdict.score > THRESHOLD);
    }
    let each = start.elapsed() / u32::try_from(SAMPLES)?;
    let share = each.as_secs_f64() * 10_000.0 / 15.0;
    println!("A sample costs {each:?}; 10,000 series each 15 s take {share:.4} of a core.");
    println!(
        "A series takes {} bytes ({anomalous} scores above the threshold).",
        detector.bytes()
    );
    Ok(())
}
