//! The traces of `testkit/autoscale`: real ones read from gzip CSV, and those of ServeGen rebuilt from
//! rates per client and window.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use bellwether_scale::simulation::Request;
use flate2::read::GzDecoder;

use crate::twister::Twister;

/// A request as traces hold it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    pub(crate) at: f64,
    pub(crate) context: u32,
    pub(crate) generated: u32,
}

impl Row {
    /// Prefill of 8,000 tokens a second, decode of 50 a second and slot.
    pub(crate) fn service_seconds(&self) -> f64 {
        0.05 + f64::from(self.context) / 8000.0 + f64::from(self.generated) * 0.02
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.at.total_cmp(&other.at))
            .then_with(|| self.context.cmp(&other.context))
            .then_with(|| self.generated.cmp(&other.generated))
    }
}

/// A named trace.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) name: String,
    pub(crate) rows: Vec<Row>,
}

impl Trace {
    fn new(name: impl Into<String>, rows: Vec<Row>) -> Self {
        Self {
            name: name.into(),
            rows,
        }
    }
}

pub(crate) fn requests(rows: &[Row]) -> Vec<Request> {
    (rows.iter())
        .map(|row| Request {
            arrival_seconds: row.at,
            service_seconds: row.service_seconds(),
        })
        .collect()
}

fn csv(path: &Path) -> Result<Vec<Vec<String>>> {
    let file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let lines = BufReader::new(GzDecoder::new(file)).lines();
    (lines.skip(1))
        .map(|line| Ok(line?.trim_end().split(',').map(str::to_owned).collect()))
        .collect()
}

/// A recorded trace, each request `copies` times, the copies up to 5 s later.
pub(crate) fn recorded(path: &Path, copies: u32, seed: u32) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for cells in csv(path)? {
        rows.push(Row {
            at: cells[0].parse()?,
            context: cells[1].parse()?,
            generated: cells[2].parse()?,
        });
    }
    let start = rows.first().context("a trace without requests")?.at;
    let mut random = Twister::new(seed);
    let mut out = Vec::new();
    for row in rows {
        for copy in 0..copies {
            let jitter = if copy > 0 {
                random.uniform() * 5.0
            } else {
                0.0
            };
            out.push(Row {
                at: row.at - start + jitter,
                ..row
            });
        }
    }
    out.sort_by(Row::order);
    Ok(out)
}

/// What ServeGen knows about a client in ten minutes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    start: i64,
    rate: f64,
    variation: f64,
}

pub(crate) fn windows(path: &Path) -> Result<Vec<Window>> {
    (csv(path)?.iter())
        .map(|cells| {
            Ok(Window {
                start: cells[1].parse()?,
                rate: cells[2].parse()?,
                variation: cells[3].parse()?,
            })
        })
        .collect()
}

/// Arrivals of the days `from` to `to`: for each client and window a gamma renewal process with its
/// rate, scaled to 6 requests a second over all, and its variation, with sizes drawn from `sizes`.
pub(crate) fn rebuilt(all: &[Window], from: i64, to: i64, sizes: &[Row], seed: u32) -> Vec<Row> {
    let (from, to) = (from * 86400, to * 86400);
    let windows: Vec<_> = (all.iter())
        .filter(|window| from <= window.start && window.start < to)
        .collect();
    let mut sum = 0.0;
    for window in &windows {
        sum += window.rate * 600.0;
    }
    let factor = 6.0 * (to - from) as f64 / sum;
    let mut random = Twister::new(seed);
    let mut rows = Vec::new();
    for window in windows {
        let mean = 1.0 / (window.rate * factor);
        let variation = window.variation.clamp(0.3, 8.0);
        let shape = 1.0 / (variation * variation);
        let mut at = random.uniform() * mean;
        while at < 600.0 {
            let size = sizes[random.index(sizes.len() as u32)];
            rows.push(Row {
                at: (window.start - from) as f64 + at,
                ..size
            });
            at += random.gamma(shape, mean / shape);
        }
    }
    rows.sort_by(Row::order);
    rows
}

const CONVERSATION: &str = "azure-llm-2023/conv.first40min.csv.gz";
const CODE: &str = "azure-llm-2023/code.first40min.csv.gz";
const MOONCAKE: &str = "mooncake-fast25/conversation.first40min.csv.gz";

fn clients(data: &Path, model: &str) -> Result<Vec<Window>> {
    windows(&data.join(format!("servegen/{model}.clients10min.csv.gz")))
}

/// The traces of `testkit/autoscale`.
pub(crate) fn six(data: &Path) -> Result<Vec<Trace>> {
    let sizes = recorded(&data.join(CONVERSATION), 1, 7)?;
    let small = rebuilt(&clients(data, "m-small")?, 7, 9, &sizes, 1);
    let large = rebuilt(&clients(data, "m-large")?, 7, 9, &sizes, 1);
    let fourfold = recorded(&data.join(CONVERSATION), 4, 7)?;
    Ok(vec![
        Trace::new("azure-conv", sizes),
        Trace::new("azure-conv-x4", fourfold),
        Trace::new("azure-code-x8", recorded(&data.join(CODE), 8, 7)?),
        Trace::new("mooncake-conv", recorded(&data.join(MOONCAKE), 1, 7)?),
        Trace::new("servegen-m-small-2d", small),
        Trace::new("servegen-m-large-2d", large),
    ])
}

/// Traces with their start-up times that the settings were not chosen by: the six with other start-up
/// times, other numbers of copies, other seeds and days, a model more, and halves of the recorded ones.
pub(crate) fn others(data: &Path) -> Result<Vec<(Trace, f64)>> {
    let mut all = Vec::new();
    for startup_seconds in [30.0, 120.0] {
        let six = six(data)?;
        all.extend(six.into_iter().map(|trace| (trace, startup_seconds)));
    }
    for (path, name, copies, seed) in [
        (CONVERSATION, "azure-conv", 2, 21),
        (CONVERSATION, "azure-conv", 4, 22),
        (CONVERSATION, "azure-conv", 16, 23),
        (CODE, "azure-code", 4, 24),
        (CODE, "azure-code", 8, 25),
        (CODE, "azure-code", 8, 26),
        (CODE, "azure-code", 16, 27),
        (MOONCAKE, "mooncake-conv", 2, 28),
        (MOONCAKE, "mooncake-conv", 4, 29),
    ] {
        let rows = recorded(&data.join(path), copies, seed)?;
        for (half, from, to) in [("a", 0.0, 1200.0), ("b", 1200.0, 2400.0)] {
            all.push((
                Trace::new(format!("{name}-x{copies}-{half}"), cut(&rows, from, to)),
                60.0,
            ));
        }
        all.push((Trace::new(format!("{name}-x{copies}-s{seed}"), rows), 60.0));
    }
    let sizes = recorded(&data.join(CONVERSATION), 1, 7)?;
    for model in ["m-small", "m-large", "m-mid"] {
        let windows = clients(data, model)?;
        for (from, seed) in [(0, 1), (2, 2), (4, 3), (7, 2), (7, 3), (7, 4), (7, 5)] {
            let rows = rebuilt(&windows, from, from + 2, &sizes, seed);
            let name = format!("{model}-d{from}-s{seed}");
            all.push((Trace::new(name, rows), 60.0));
        }
    }
    Ok(all)
}

/// The part of a trace from one time to another, beginning with its first request.
fn cut(rows: &[Row], from: f64, to: f64) -> Vec<Row> {
    let part: Vec<_> = (rows.iter())
        .filter(|row| from <= row.at && row.at < to)
        .collect();
    let start = part.first().map_or(0.0, |row| row.at);
    (part.into_iter())
        .map(|row| Row {
            at: row.at - start,
            ..*row
        })
        .collect()
}
