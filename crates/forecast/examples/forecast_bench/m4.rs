//! The M4 competition: hourly and weekly series, and its score.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bellwether_forecast::forecast::{Options, Series, forecast};

const HOUR_MS: i64 = 3_600_000;

/// A frequency of the competition: its season is that of the score, the seasons are those we look at.
struct Period {
    name: &'static str,
    season: usize,
    seasons: &'static [usize],
    horizon: usize,
    step_ms: i64,
}

const PERIODS: [Period; 2] = [
    Period {
        name: "Hourly",
        season: 24,
        seasons: &[24, 168],
        horizon: 48,
        step_ms: HOUR_MS,
    },
    Period {
        name: "Weekly",
        season: 1,
        seasons: &[52],
        horizon: 13,
        step_ms: 168 * HOUR_MS,
    },
];

/// sMAPE in percent and MASE, mean over the series.
#[derive(Debug, Default, Clone, Copy)]
struct Score {
    smape: f64,
    mase: f64,
}

impl Score {
    fn add(&mut self, case: &Case, forecast: &[f64], season: usize, cases: usize) {
        self.smape += smape(&case.test, forecast) / cases as f64;
        self.mase += mase(&case.train, &case.test, forecast, season) / cases as f64;
    }

    fn row(self, name: &str, reference: Score, more: &str) {
        let owa = 0.5 * (self.smape / reference.smape + self.mase / reference.mase);
        println!(
            "| {name} | {:.3} | {:.3} | {owa:.3} | {more} |",
            self.smape, self.mase
        );
    }
}

/// Prints the table.
pub(crate) fn run(folder: &Path, held_out: bool) -> Result<()> {
    for period in &PERIODS {
        let cases = read(folder, period, held_out)?;
        println!(
            "\n# M4 {}, {} series, {} ahead\n",
            period.name,
            cases.len(),
            period.horizon
        );
        println!(
            "| method | sMAPE | MASE | OWA | 80 % interval covers, ms a series |\n|---|---|---|---|---|"
        );
        let (mut reference, mut naive, mut ours) =
            (Score::default(), Score::default(), Score::default());
        let started = Instant::now();
        let half = cases.len().div_ceil(2);
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let halves: Vec<_> = cases
                .chunks(half)
                .map(|part| {
                    scope.spawn(|| {
                        part.iter()
                            .map(|case| answer(case, period))
                            .collect::<Result<Vec<_>>>()
                    })
                })
                .collect();
            halves
                .into_iter()
                .map(|half| half.join().expect("no panic"))
                .collect::<Result<Vec<_>>>()
        })?
        .into_iter()
        .flatten()
        .collect();
        let elapsed = started.elapsed();
        let mut covered = 0.0;
        for (case, answer) in cases.iter().zip(&answers) {
            reference.add(
                case,
                &naive2(&case.train, period.season, period.horizon),
                period.season,
                cases.len(),
            );
            let cycle = &case.train[case.train.len() - period.season..];
            let repeated: Vec<f64> = cycle.iter().copied().cycle().take(period.horizon).collect();
            naive.add(case, &repeated, period.season, cases.len());
            ours.add(case, &answer.mean, period.season, cases.len());
            covered += answer.covered / cases.len() as f64;
        }
        let spent: Duration = answers.iter().map(|answer| answer.spent).sum();
        reference.row("naive 2", reference, "");
        naive.row("seasonal naive", reference, "");
        let more = format!(
            "{covered:.3}, {:.1} ({elapsed:.1?} in all)",
            spent.as_secs_f64() * 1000.0 / cases.len() as f64
        );
        ours.row("ours", reference, &more);
    }
    Ok(())
}

struct Answer {
    mean: Vec<f64>,
    covered: f64,
    spent: Duration,
}

fn answer(case: &Case, period: &Period) -> Result<Answer> {
    let options = Options {
        horizon_steps: period.horizon,
        seasons: Some(period.seasons.to_vec()),
        quantiles: vec![0.1, 0.9],
        non_negative: false,
    };
    let series = Series {
        step_ms: period.step_ms,
        start_ms: 0,
        values: &case.train,
    };
    let started = Instant::now();
    let next = forecast(series, &options).with_context(|| case.name.clone())?;
    let spent = started.elapsed();
    let (low, high) = (&next.quantiles[0].1, &next.quantiles[1].1);
    let inside = case
        .test
        .iter()
        .zip(low.iter().zip(high))
        .filter(|(y, (low, high))| *low <= *y && *y <= *high);
    Ok(Answer {
        covered: inside.count() as f64 / period.horizon as f64,
        mean: next.mean,
        spent,
    })
}

/// A series of the competition.
struct Case {
    name: String,
    train: Vec<f64>,
    test: Vec<f64>,
}

/// The series of `period`. With `held_out`, the competition's own test is left alone: the last values
/// of the training part are the test.
fn read(folder: &Path, period: &Period, held_out: bool) -> Result<Vec<Case>> {
    let train = rows(&folder.join(format!("Train/{}-train.csv", period.name)))?;
    let test: HashMap<String, Vec<f64>> =
        rows(&folder.join(format!("Test/{}-test.csv", period.name)))?
            .into_iter()
            .collect();
    let mut cases = Vec::new();
    for (name, mut train) in train {
        let test = if held_out {
            train.split_off(train.len() - period.horizon)
        } else {
            test.get(&name).context("no test")?.clone()
        };
        cases.push(Case { name, train, test });
    }
    Ok(cases)
}

fn rows(path: &Path) -> Result<Vec<(String, Vec<f64>)>> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let mut rows = Vec::new();
    for line in text.lines().skip(1) {
        let mut cells = line.split(',').map(|cell| cell.trim_matches('"'));
        let name = cells.next().context("no name")?.to_owned();
        let values: Result<Vec<f64>, _> = cells
            .take_while(|cell| !cell.is_empty() && *cell != "NA")
            .map(str::parse)
            .collect();
        rows.push((name, values?));
    }
    Ok(rows)
}

fn smape(test: &[f64], forecast: &[f64]) -> f64 {
    let each = |(y, f): (&f64, &f64)| 200.0 * (y - f).abs() / (y.abs() + f.abs());
    test.iter().zip(forecast).map(each).sum::<f64>() / test.len() as f64
}

fn mase(train: &[f64], test: &[f64], forecast: &[f64], season: usize) -> f64 {
    let scale = train
        .windows(season + 1)
        .map(|w| (w[season] - w[0]).abs())
        .sum::<f64>()
        / (train.len() - season) as f64;
    let error = test
        .iter()
        .zip(forecast)
        .map(|(y, f)| (y - f).abs())
        .sum::<f64>();
    error / test.len() as f64 / scale
}

/// The reference of the competition: last value, after a multiplicative season where a test finds one.
fn naive2(train: &[f64], season: usize, horizon: usize) -> Vec<f64> {
    let count = train.len();
    let last = train[count - 1];
    if season == 1 || count < 3 * season || !is_seasonal(train, season) {
        return vec![last; horizon];
    }
    // Classical decomposition: ratio to a centred moving mean, averaged by phase.
    let half = season / 2;
    let mut sums = vec![(0.0, 0.0); season];
    for at in half..count - half {
        let mut trend: f64 = train[at - half + 1..at + half].iter().sum();
        trend += 0.5 * (train[at - half] + train[at + half]);
        let slot = &mut sums[at % season];
        slot.0 += train[at] / (trend / season as f64);
        slot.1 += 1.0;
    }
    let figure: Vec<f64> = sums.iter().map(|(sum, n)| sum / n).collect();
    let mean = figure.iter().sum::<f64>() / season as f64;
    let index = |at: usize| figure[at % season] / mean;
    (0..horizon)
        .map(|h| last / index(count - 1) * index(count + h))
        .collect()
}

fn is_seasonal(train: &[f64], season: usize) -> bool {
    let n = train.len() as f64;
    let mean = train.iter().sum::<f64>() / n;
    let at = |lag: usize| {
        train[lag..]
            .iter()
            .zip(train)
            .map(|(a, b)| (a - mean) * (b - mean))
            .sum::<f64>()
    };
    let zero = at(0);
    let squares: f64 = (1..season).map(|lag| (at(lag) / zero).powi(2)).sum();
    (at(season) / zero).abs() > 1.645 / n.sqrt() * (1.0 + 2.0 * squares).sqrt()
}
