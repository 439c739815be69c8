//! Real series of the folder of shared data.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};

/// A series at regular times; missing values are NaN.
#[derive(Debug, Clone)]
pub(crate) struct Regular {
    pub(crate) name: String,
    pub(crate) step_ms: i64,
    pub(crate) values: Vec<f64>,
}

pub(crate) const MODELS: [&str; 3] = ["m-small", "m-mid", "m-large"];
const WINDOW_S: usize = 600;

/// Requests of each ten minutes of a model; gaps of the collection are NaN.
pub(crate) fn servegen(root: &Path, model: &str) -> Result<Regular> {
    let text = text_of(&root.join(format!("servegen/{model}.rate10min.csv.gz")))?;
    let mut values = Vec::new();
    for line in text.lines().skip(1) {
        let rate: f64 = line.split(',').nth(1).context("a rate")?.parse()?;
        values.push(if rate > 0.0 {
            rate * WINDOW_S as f64
        } else {
            f64::NAN
        });
    }
    Ok(Regular {
        name: model.to_owned(),
        step_ms: 600_000,
        values,
    })
}

/// The same of each client that is seen in nine windows of ten at least; those where the whole
/// model is missing are NaN, the others 0.
pub(crate) fn clients(root: &Path, model: &str) -> Result<Vec<Regular>> {
    let total = servegen(root, model)?;
    let text = text_of(&root.join(format!("servegen/{model}.clients10min.csv.gz")))?;
    let mut all: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut cells = line.split(',');
        let client = cells.next().context("a client")?.to_owned();
        let at = cells.next().context("a window")?.parse::<usize>()? / WINDOW_S;
        let rate: f64 = cells.next().context("a rate")?.parse()?;
        let empty = || total.values.iter().map(|value| value * 0.0).collect();
        let values: &mut Vec<f64> = all.entry(client).or_insert_with(empty);
        if let Some(value) = values.get_mut(at) {
            *value = rate * WINDOW_S as f64;
        }
    }
    let steady = all.into_iter().filter(|(_, values)| {
        values.iter().filter(|value| **value > 0.0).count() * 10 >= values.len() * 9
    });
    Ok(steady
        .map(|(client, values)| Regular {
            name: format!("{model}/{client}"),
            step_ms: total.step_ms,
            values,
        })
        .collect())
}

/// A series of NAB, laid on a grid of its usual step; what lies between is the last value before.
pub(crate) fn nab(root: &Path, name: &str) -> Result<Regular> {
    let text = text_of(&root.join(format!("nab/{name}.csv.gz")))?;
    let mut rows = Vec::new();
    for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
        let (time, value) = line.split_once(',').context("a row without a comma")?;
        rows.push((time_ms(time)?, value.parse::<f64>()?));
    }
    rows.sort_by_key(|row| row.0);
    let mut steps: Vec<i64> = rows.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    steps.sort_unstable();
    let step_ms = steps[steps.len() / 2].max(1000);
    let (start, end) = (rows[0].0, rows[rows.len() - 1].0);
    let mut values = vec![f64::NAN; usize::try_from((end - start) / step_ms)? + 1];
    for (time, value) in rows {
        values[usize::try_from((time - start) / step_ms)?] = value;
    }
    Ok(Regular {
        name: name.rsplit('/').next().unwrap_or(name).to_owned(),
        step_ms,
        values,
    })
}

fn text_of(path: &Path) -> Result<String> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
    Ok(text)
}

/// `2014-02-26 13:45:00` with an optional fraction, as milliseconds of an era of its own.
fn time_ms(text: &str) -> Result<i64> {
    let numbers: Vec<i64> = text
        .split(['-', ' ', ':', '.'])
        .map(str::parse)
        .collect::<Result<_, _>>()
        .with_context(|| format!("time {text:?}"))?;
    let [year, month, day, hour, minute, second, ..] = numbers[..] else {
        anyhow::bail!("time {text:?}");
    };
    // Days since 0000-03-01: years begin in March, so that a leap day is the last.
    let (y, m) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    Ok((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000)
}
