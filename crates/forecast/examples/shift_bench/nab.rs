//! The labelled series of NAB.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};

use crate::tally::Series;

/// Which half of the series: settings were chosen by the first alone.
pub(crate) fn held_out(name: &str) -> bool {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    hash >> 63 == 1
}

/// Reads all series below `root`, in the order of their names.
pub(crate) fn read(root: &Path) -> Result<Vec<Series>> {
    let windows: serde_json::Value =
        serde_json::from_slice(&std::fs::read(root.join("windows.json")).context("windows.json")?)?;
    let windows = windows.as_object().context("windows.json is no object")?;
    let mut all = Vec::new();
    for (name, spans) in windows {
        let Ok(file) = std::fs::File::open(root.join(format!("{name}.gz"))) else {
            continue;
        };
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text)?;
        let mut rows = Vec::new();
        for line in text.lines().skip(1).filter(|line| !line.is_empty()) {
            let (time, value) = line.split_once(',').context("a row without a comma")?;
            rows.push((time_ms(time)?, value.parse::<f64>()?));
        }
        rows.sort_by_key(|row| row.0);
        let mut steps: Vec<i64> = rows.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
        steps.sort_unstable();
        let mut spanned = Vec::new();
        for span in spans.as_array().context("spans")? {
            let end = |at: usize| time_ms(span[at].as_str().unwrap_or_default());
            let (start, stop) = (end(0)?, end(1)?);
            let first = rows.partition_point(|row| row.0 < start);
            let last = rows.partition_point(|row| row.0 <= stop);
            spanned.push((first, last.saturating_sub(1)));
        }
        all.push(Series {
            name: name.clone(),
            // NAB's probation.
            from: (rows.len() * 15 / 100).min(750),
            interval_ms: u32::try_from(steps[steps.len() / 2])?,
            counts_false: true,
            times_ms: rows.iter().map(|row| row.0).collect(),
            values: rows.iter().map(|row| row.1).collect(),
            windows: spanned,
        });
    }
    Ok(all)
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
