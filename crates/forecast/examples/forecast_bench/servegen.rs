//! Rates of a real service of language models, with its gaps.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};
use bellwether_forecast::forecast::Options;
use bellwether_forecast::tracker::Tracker;

const STEP_MS: i64 = 600_000;
const DAY: usize = 144;
const HORIZONS: [usize; 2] = [6, DAY];
/// Origins an hour apart.
const ORIGIN_EVERY: usize = 6;

/// Errors and hits at all steps up to a horizon.
#[derive(Default, Clone)]
struct Tally {
    error: f64,
    count: f64,
    covered: f64,
}

impl Tally {
    fn add(&mut self, value: f64, forecast: f64, covered: bool) {
        self.error += (value - forecast).abs();
        self.count += 1.0;
        self.covered += f64::from(u8::from(covered));
    }
}

/// The origins that are judged.
#[derive(Clone, Copy)]
pub(crate) enum Judged {
    LastThird,
    /// The last third is left away, and the last third of the rest takes its place.
    HeldOut,
    /// From a cell on.
    From(usize),
}

/// Prints the table. Errors are averaged over all pairs of origin and step that each naive method has something to
/// say of, and divided by the mean change from day to day before.
pub(crate) fn run(folder: &Path, judged: Judged) -> Result<()> {
    println!(
        "| series | ahead | last value | day ago | week ago | ours | of the best naive | 80 % interval covers |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for name in ["m-small", "m-mid", "m-large"] {
        let mut values = read(&folder.join(format!("{name}.rate10min.csv.gz")))?;
        let clients = folder.join(format!("{name}.clients10min.csv.gz"));
        let parts = read_parts(&clients, values.len())?;
        if let Judged::HeldOut = judged {
            values.truncate(values.len() * 2 / 3);
        }
        let first = match judged {
            Judged::From(cell) => cell,
            Judged::LastThird | Judged::HeldOut => values.len() * 2 / 3,
        };
        score(name, &values, &[], first)?;
        score(&format!("{name} of its clients"), &values, &parts, first)?;
    }
    Ok(())
}

/// The rows of a series, forecast from `parts` too where there are some, and judged from a cell on.
fn score(name: &str, values: &[f64], parts: &[Vec<f64>], first: usize) -> Result<()> {
    let changes: Vec<f64> = (DAY..first)
        .map(|at| (values[at] - values[at - DAY]).abs())
        .filter(|change| change.is_finite())
        .collect();
    let scale = changes.iter().sum::<f64>() / changes.len() as f64;
    // Last value, day ago, week ago, ours; at each horizon.
    let mut tallies = vec![vec![Tally::default(); 4]; HORIZONS.len()];
    let options = Options {
        horizon_steps: DAY,
        quantiles: vec![0.1, 0.9],
        non_negative: true,
        ..Options::default()
    };
    let mut tracker = Tracker::new(options, STEP_MS)?;
    if !parts.is_empty() {
        tracker = tracker.with_parts();
    }
    for at in 0..values.len() {
        // A value closes the cell before.
        tracker.push(at as i64 * STEP_MS, values[at]);
        for (part, of) in parts.iter().enumerate() {
            tracker.push_part(part, at as i64 * STEP_MS, of[at]);
        }
        if tracker.is_due() && at > DAY {
            tracker.choose();
        }
        if at < first || at % ORIGIN_EVERY != 0 || !values[at].is_finite() {
            continue;
        }
        let next = tracker.forecast(DAY).context("no forecast")?;
        let last = (0..at)
            .rev()
            .map(|back| values[back])
            .find(|value| value.is_finite())
            .unwrap_or(f64::NAN);
        for step in 0..DAY.min(values.len() - at) {
            let value = values[at + step];
            let ago = |steps: usize| {
                (at + step)
                    .checked_sub(steps)
                    .map_or(f64::NAN, |then| values[then])
            };
            let said = [last, ago(DAY), ago(7 * DAY), next.mean[step]];
            // All are judged by the same values: those that each of them says something of.
            if !value.is_finite() || said.iter().any(|said| !said.is_finite()) {
                continue;
            }
            let inside = next.quantiles[0].1[step] <= value && value <= next.quantiles[1].1[step];
            for (tallies, horizon) in tallies.iter_mut().zip(HORIZONS) {
                if step < horizon {
                    for (tally, said) in tallies.iter_mut().zip(said) {
                        tally.add(value, said, inside);
                    }
                }
            }
        }
    }
    for (tallies, horizon) in tallies.iter().zip(HORIZONS) {
        let mase: Vec<f64> = tallies
            .iter()
            .map(|tally| tally.error / tally.count / scale)
            .collect();
        let best = mase[..3].iter().copied().fold(f64::INFINITY, f64::min);
        println!(
            "| {name} | {} h | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} | {:.3} |",
            horizon / 6,
            mase[0],
            mase[1],
            mase[2],
            mase[3],
            mase[3] / best,
            tallies[3].covered / tallies[3].count
        );
    }
    Ok(())
}

/// Rates of the clients there are, each as long as the sum; 0 where a client has no row.
fn read_parts(path: &Path, count: usize) -> Result<Vec<Vec<f64>>> {
    let mut parts = BTreeMap::new();
    for line in text(path)?.lines().skip(1) {
        let mut cells = line.split(',');
        let client: u32 = cells.next().context("a row without a client")?.parse()?;
        let start_s: usize = cells.next().context("a row without a time")?.parse()?;
        let rate: f64 = cells.next().context("a row without a rate")?.parse()?;
        let of = parts.entry(client).or_insert_with(|| vec![0.0; count]);
        *of.get_mut(start_s * 1_000 / STEP_MS as usize)
            .with_context(|| format!("client {client} at {start_s} s is after the sum"))? = rate;
    }
    Ok(parts.into_values().collect())
}

fn text(path: &Path) -> Result<String> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
    Ok(text)
}

/// Rates in the order of time; a zero is a gap of the collection.
fn read(path: &Path) -> Result<Vec<f64>> {
    let rate = |line: &str| -> Result<f64> {
        let rate: f64 = line
            .split(',')
            .nth(1)
            .context("a row without a rate")?
            .parse()?;
        Ok(if rate > 0.0 { rate } else { f64::NAN })
    };
    text(path)?.lines().skip(1).map(rate).collect()
}
