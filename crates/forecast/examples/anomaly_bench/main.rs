#![allow(clippy::print_stdout, missing_docs)]
mod nab;
mod vus;
use anyhow::{Context, Result};
use bellwether_forecast::anomaly::{Detector, Options, Verdict};
use std::io::Write;
use std::path::Path;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().context("folder")?;
    let all = nab::read(Path::new(folder))?;
    let start = std::time::Instant::now();
    let mut n = 0;
    let verdicts: Vec<Vec<Verdict>> = all.iter().map(|series| {
        let mut detector = Detector::new(Options::default());
        n += series.values.len();
        series.times_ms.iter().zip(&series.values).map(|(&t, &v)| detector.push(t, v)).collect()
    }).collect();
    println!("{:?} {:?} a sample", start.elapsed(), start.elapsed() / n as u32);
    let scores: Vec<Vec<f64>> = verdicts.iter().map(|v| v.iter().map(|v| v.score).collect()).collect();
    let pairs: Vec<(&nab::Series, &[f64])> = all.iter().zip(&scores).map(|(s, v)| (s, v.as_slice())).collect();
    for profile in &nab::PROFILES {
        println!("{} {:?} at .5 {:?}", profile.name, nab::score(&pairs, profile, None), nab::score(&pairs, profile, Some(0.500001)));
    }
    let (mut alarms, mut inside, mut days) = (0, 0, 0.0);
    let mut covered = 0;
    for (s, v) in all.iter().zip(&verdicts) {
        days += s.days();
        let mut windows = std::collections::BTreeSet::new();
        for at in s.probation().max(1)..v.len() {
            if v[at].alarm && !v[at - 1].alarm {
                alarms += 1;
                if let Some(w) = s.windows.iter().position(|w| w.0 <= at && at <= w.1) { inside += 1; windows.insert(w); }
            }
        }
        covered += windows.len();
    }
    println!("alarms {alarms} inside {inside} windows {covered} days {days} a day {}", alarms as f64 / days);
    if let Some(out) = arguments.get(1) {
        let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
        for v in verdicts.iter().flatten() {
            for (s, l) in v.dump { file.write_all(&(s as f32).to_le_bytes())?; file.write_all(&(l as f32).to_le_bytes())?; }
        }
    }
    Ok(())
}
