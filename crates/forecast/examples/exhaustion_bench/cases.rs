//! The cases: series up to an origin, with limits that follow from what was before it alone.

use std::path::Path;

use anyhow::Result;
use bellwether_forecast::exhaustion::{Kind, Options, Towards, exhaustion};
use bellwether_forecast::series::Series;

use crate::data::{self, MODELS, Regular};
use crate::line;
use crate::random::Random;

/// Hours that the limit is away by the mean pace of all that was before.
pub(crate) const NOMINAL_HOURS: [f64; 6] = [1.0, 3.0, 6.0, 12.0, 24.0, 48.0];
/// Histories of errors for each kind and rate.
const ERROR_SEEDS: u64 = 6;

pub(crate) const FAMILIES: [&str; 7] = [
    "error budget",
    "client quota",
    "disk, filling",
    "disk, cleaned nightly",
    "backlog",
    "gauge, limit seen before",
    "gauge, limit beyond",
];

/// Rates that are never negative.
const RATES: [&str; 12] = [
    "realAWSCloudwatch/ec2_disk_write_bytes_c0d644",
    "realAWSCloudwatch/ec2_network_in_257a54",
    "realAWSCloudwatch/iio_us-east-1_i-a2eb1cd9_NetworkIn",
    "realAWSCloudwatch/elb_request_count_8c0756",
    "realKnownCause/nyc_taxi",
    "realAWSCloudwatch/rds_cpu_utilization_cc0c53",
    "realAWSCloudwatch/ec2_cpu_utilization_5f5533",
    "realAWSCloudwatch/ec2_cpu_utilization_ac20cd",
    "realAWSCloudwatch/ec2_cpu_utilization_24ae8d",
    "realAWSCloudwatch/ec2_cpu_utilization_53ea38",
    "realAWSCloudwatch/ec2_cpu_utilization_77c1ca",
    "realAWSCloudwatch/ec2_cpu_utilization_c6585a",
];
/// Levels that come and go.
const GAUGES: [&str; 9] = [
    "realKnownCause/machine_temperature_system_failure",
    "realKnownCause/ambient_temperature_system_failure",
    "realKnownCause/cpu_utilization_asg_misconfiguration",
    "realAWSCloudwatch/rds_cpu_utilization_cc0c53",
    "realAWSCloudwatch/ec2_cpu_utilization_5f5533",
    "realAWSCloudwatch/ec2_cpu_utilization_ac20cd",
    "realAWSCloudwatch/grok_asg_anomaly",
    "realAWSCloudwatch/elb_request_count_8c0756",
    "realKnownCause/nyc_taxi",
];

/// Which thirds of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Origins in the second third, and nothing is known of the last.
    Middle,
    /// Origins in the last third.
    Last,
}

/// A question with its answers. Times are hours after the origin.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) nominal: f64,
    /// `None`: the series ended before.
    pub(crate) truth: Option<f64>,
    /// How long the series goes on.
    pub(crate) seen: f64,
    pub(crate) median: f64,
    pub(crate) quantiles: Vec<(f64, f64)>,
    /// Of each straight line.
    pub(crate) lines: Vec<f64>,
}

/// All cases of a family.
pub(crate) fn of_family(root: &Path, family: usize, part: Part) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    match family {
        0 => {
            for model in MODELS {
                let requests = data::servegen(root, model)?;
                for errors in ["steady", "wandering", "incidents"] {
                    for scale in [1.0, 1.0 / 300.0] {
                        for seed in 0..ERROR_SEEDS {
                            let series = with_errors(&requests, errors, scale, seed);
                            spend_cases(&series, part, 6.0, &mut cases);
                        }
                    }
                }
            }
        }
        1 => {
            for model in MODELS {
                for client in data::clients(root, model)? {
                    spend_cases(&client, part, 12.0, &mut cases);
                }
            }
        }
        2 => {
            for name in RATES {
                let rate = data::nab(root, name)?;
                disk_cases(&rate, part, false, &mut cases);
            }
        }
        3 => {
            for name in RATES {
                let rate = data::nab(root, name)?;
                disk_cases(&rate, part, true, &mut cases);
            }
        }
        4 => {
            for name in RATES {
                let rate = data::nab(root, name)?;
                gauge_cases(&backlog(&rate), part, 0.97, &mut cases);
            }
        }
        _ => {
            let share = if family == 5 { 0.97 } else { 1.0 };
            for name in GAUGES {
                gauge_cases(&data::nab(root, name)?, part, share, &mut cases);
            }
        }
    }
    Ok(cases)
}

/// Errors of requests: one in a thousand; or a share that wanders; or fewer, with incidents.
fn with_errors(requests: &Regular, kind: &str, scale: f64, seed: u64) -> Regular {
    let size = if scale < 1.0 { "small" } else { "large" };
    let name = format!("{} {kind} {size}", requests.name);
    let hash = name.bytes().fold(seed, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let mut random = Random::new(hash);
    let filled = bridged(&requests.values);
    let (mut wander, mut incident_left, mut incident) = (0.0, 0.0, 0.0);
    let mut values = Vec::new();
    for (requests, known) in filled.iter().zip(&requests.values) {
        // A step is ten minutes: wandering forgets in six hours, incidents come each 36 hours.
        wander = 0.9726 * wander + 0.1394 * random.normal();
        incident_left -= 1.0;
        if incident_left <= 0.0 && random.fraction() < 1.0 / 216.0 {
            incident_left = (4.0 * random.spread(0.8)).ceil();
            incident = random.between(0.01, 0.05);
        }
        let share = match kind {
            "steady" => 0.001,
            "wandering" => 0.001 * f64::exp(wander),
            _ if incident_left > 0.0 => incident,
            _ => 0.0005,
        };
        let errors = random.poisson(requests * scale * share);
        values.push(if known.is_finite() { errors } else { f64::NAN });
    }
    Regular {
        name,
        step_ms: requests.step_ms,
        values,
    }
}

/// What waits where a rate comes in and its mean and a tenth goes out.
fn backlog(rate: &Regular) -> Regular {
    let filled = bridged(&rate.values);
    let mean = filled.iter().take(filled.len() / 3).sum::<f64>() / (filled.len() / 3) as f64;
    let mut waiting = 0.0;
    let values = filled
        .iter()
        .map(|rate| {
            waiting = f64::max(0.0, waiting + rate - 1.1 * mean);
            waiting
        })
        .collect();
    Regular {
        name: rate.name.clone(),
        step_ms: rate.step_ms,
        values,
    }
}

fn bridged(values: &[f64]) -> Vec<f64> {
    let mut all = values.to_vec();
    let mut last = None;
    for at in 0..all.len() {
        if !all[at].is_finite() {
            continue;
        }
        if let Some(before) = last {
            let from: f64 = all[before];
            for gap in before + 1..at {
                all[gap] = from + (all[at] - from) * (gap - before) as f64 / (at - before) as f64;
            }
        } else {
            for gap in 0..at {
                all[gap] = all[at];
            }
        }
        last = Some(at);
    }
    let end = last.map_or(0.0, |at| all[at]);
    all[last.map_or(0, |at| at + 1)..].fill(end);
    all
}

/// Where origins lie, and where the known part ends.
fn range(len: usize, part: Part) -> (usize, usize) {
    match part {
        Part::Middle => (len / 3, len * 2 / 3),
        Part::Last => (len * 2 / 3, len),
    }
}

/// Steps between origins: six hours, and more where a series is long, so that none counts for many.
fn every(begin: usize, end: usize, hour: f64) -> usize {
    ((6.0 * hour) as usize).max((end - begin) / 20)
}

fn spend_cases(series: &Regular, part: Part, every_hours: f64, cases: &mut Vec<Case>) {
    let hour = 3.6e6 / series.step_ms as f64;
    let truth = bridged(&series.values);
    let (begin, end) = range(truth.len(), part);
    let mut path = vec![0.0];
    for value in &truth[..end] {
        path.push(path[path.len() - 1] + value);
    }
    for nominal in NOMINAL_HOURS {
        let mut origin = begin;
        while origin + (1.5 * nominal * hour) as usize <= end {
            let left = path[origin] / origin as f64 * nominal * hour;
            if left > 0.0 {
                cases.push(ask(
                    series,
                    &path,
                    origin,
                    nominal,
                    Kind::Spend { left },
                    left,
                ));
            }
            origin += (every_hours * hour) as usize;
        }
    }
}

fn disk_cases(rate: &Regular, part: Part, cleaned: bool, cases: &mut Vec<Case>) {
    let hour = 3.6e6 / rate.step_ms as f64;
    let day = (24.0 * hour) as usize;
    let mut random = Random::new(rate.values.len() as u64);
    let (mut level, mut since) = (0.0, 0.0);
    let mut levels = Vec::new();
    for (at, value) in bridged(&rate.values).iter().enumerate() {
        level += value.max(0.0);
        since += value.max(0.0);
        if cleaned && at % day == day / 8 {
            level -= since * random.between(0.5, 0.9);
            since = 0.0;
        }
        levels.push(level);
    }
    let (begin, end) = range(levels.len(), part);
    let series = Regular {
        name: rate.name.clone(),
        step_ms: rate.step_ms,
        values: levels,
    };
    let levels = &series.values[..end];
    // Cleaned disks fill slowly: days rather than hours.
    let factor = if cleaned { 3.0 } else { 1.0 };
    for nominal in NOMINAL_HOURS {
        let mut origin = begin;
        while origin + (1.5 * nominal * factor * hour) as usize <= end {
            let pace = levels[origin] / (origin + 1) as f64;
            let distance = pace * nominal * factor * hour;
            cases.push(ask_gauge(
                &series,
                levels,
                origin,
                nominal,
                levels[origin] + distance,
            ));
            origin += every(begin, end, hour);
        }
    }
}

/// The limit is a quantile of what was before, or a little beyond all of it.
fn gauge_cases(series: &Regular, part: Part, share: f64, cases: &mut Vec<Case>) {
    let hour = 3.6e6 / series.step_ms as f64;
    let levels = bridged(&series.values);
    let (begin, end) = range(levels.len(), part);
    let mut origin = begin;
    while origin + (24.0 * hour) as usize <= end {
        let mut sorted = levels[..=origin].to_vec();
        sorted.sort_by(f64::total_cmp);
        let limit = if share < 1.0 {
            sorted[(share * sorted.len() as f64) as usize]
        } else {
            let (low, high) = (sorted[sorted.len() / 50], sorted[sorted.len() - 1]);
            high + 0.02 * (high - low)
        };
        if limit > levels[origin] {
            cases.push(ask_gauge(series, &levels[..end], origin, 0.0, limit));
        }
        origin += every(begin, end, hour);
    }
}

fn ask_gauge(series: &Regular, levels: &[f64], origin: usize, nominal: f64, limit: f64) -> Case {
    let kind = Kind::Gauge {
        limit,
        towards: Towards::Rising,
    };
    ask(
        series,
        levels,
        origin,
        nominal,
        kind,
        limit - levels[origin],
    )
}

/// `path` is the movement as far as it may be known; the series is told up to `origin`.
fn ask(
    series: &Regular,
    path: &[f64],
    origin: usize,
    nominal: f64,
    kind: Kind,
    distance: f64,
) -> Case {
    let hours = series.step_ms as f64 / 3.6e6;
    let options = Options {
        quantiles: (1..50).map(|number| f64::from(number) / 50.0).collect(),
        ..Options::default()
    };
    // The movement of what is spent begins a step before the first value.
    let told = match kind {
        Kind::Spend { .. } => origin,
        Kind::Gauge { .. } => origin + 1,
    };
    let told = Series {
        step_ms: series.step_ms,
        start_ms: 0,
        values: &series.values[..told],
    };
    let answer = exhaustion(told, kind, &options).ok();
    let left = |time: Option<i64>| time.map_or(f64::INFINITY, |ms| ms as f64 / 3.6e6);
    Case {
        name: series.name.clone(),
        nominal,
        truth: passage(&path[origin..], distance).map(|steps| steps * hours),
        seen: (path.len() - 1 - origin) as f64 * hours,
        median: answer
            .as_ref()
            .map_or(f64::NAN, |answer| left(answer.median_ms)),
        lines: line::all(&path[..=origin], distance, hours),
        quantiles: answer.map_or(Vec::new(), |answer| {
            let times = answer.quantiles.iter();
            times.map(|(share, time)| (*share, left(*time))).collect()
        }),
    }
}

/// Steps until a movement has gone so far beyond its beginning, within a step by a straight line.
fn passage(path: &[f64], distance: f64) -> Option<f64> {
    let limit = path[0] + distance;
    let at = path.iter().position(|way| *way >= limit)?;
    let before = path[at.saturating_sub(1)];
    let width = path[at] - before;
    let part = if width > 0.0 {
        (limit - before) / width
    } else {
        1.0
    };
    Some(at as f64 - 1.0 + part)
}
