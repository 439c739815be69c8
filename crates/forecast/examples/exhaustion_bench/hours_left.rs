//! "Hours left" of real series, next to straight lines.
//!
//! A case is a series up to an origin, a limit that follows from what was before the origin alone,
//! and the time at which the series really reached it. Where it ended before that, the case is
//! censored: it counts in the coverage, by the part of the range that lies beyond the end.

use std::path::Path;

use anyhow::Result;
use bellwether_forecast::exhaustion::{Kind, Options, Towards, Tuning, exhaustion_tuned};
use bellwether_forecast::series::Series;

use crate::data::{self, MODELS, Regular};
use crate::random::Random;

/// Hours that the limit is away by the mean pace of all that was before.
const SPEND_HOURS: [f64; 6] = [1.0, 3.0, 6.0, 12.0, 24.0, 48.0];
const LINES_HOURS: [f64; 3] = [1.0, 6.0, 24.0];

/// Histories of errors for each kind and rate.
const ERROR_SEEDS: u64 = 6;

/// Which thirds of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Origins in the second third, and nothing is known of the last.
    Middle,
    Last,
}

struct Case {
    name: String,
    nominal: f64,
    truth: Option<f64>,
    /// How long the series goes on, hours.
    seen: f64,
    median: f64,
    quantiles: Vec<(f64, f64)>,
    lines: Vec<f64>,
}

const FAMILIES: [&str; 7] = [
    "error budget",
    "client quota",
    "disk, filling",
    "disk, cleaned nightly",
    "backlog",
    "gauge, limit seen before",
    "gauge, limit beyond",
];

pub(crate) fn run(root: &Path, part: Part, tuning: &Tuning, verbose: bool) -> Result<()> {
    println!("| cases | n | known | in range, known | in range | below | above | ours: h | relative | best line: h | which | ratio | ratio, relative | each line's median error, h (1 h, 6 h, 24 h; anchored 1, 6, 24) |");
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut all = Vec::new();
    for (number, family) in FAMILIES.iter().enumerate() {
        if tuning.families >> number & 1 == 0 {
            all.push(Vec::new());
            continue;
        }
        let cases = family_cases(root, number, part, tuning)?;
        row(family, &cases.iter().collect::<Vec<_>>());
        all.push(cases);
    }
    row("all", &all.iter().flatten().collect::<Vec<_>>());
    for kind in ["steady", "wandering", "incidents"] {
        row(kind, &all[0].iter().filter(|case| case.name.contains(kind)).collect::<Vec<_>>());
    }
    if verbose {
        for (family, cases) in FAMILIES.iter().zip(&all) {
            let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
            names.dedup();
            for name in names {
                row(&format!("{family}: {name}"), &cases.iter().filter(|case| case.name == name).collect::<Vec<_>>());
            }
            for nominal in SPEND_HOURS {
                row(&format!("{family}: {nominal} h"), &cases.iter().filter(|case| case.nominal == nominal).collect::<Vec<_>>());
            }
        }
    }
    Ok(())
}

fn family_cases(root: &Path, family: usize, part: Part, tuning: &Tuning) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    let rates = [
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
    let gauges = [
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
    match family {
        0 => {
            for model in MODELS {
                let requests = data::servegen(root, model)?;
                for errors in ["steady", "wandering", "incidents"] {
                    for scale in [1.0, 1.0 / 300.0] {
                        for seed in 0..ERROR_SEEDS {
                            let series = with_errors(&requests, errors, scale, seed);
                            spend_cases(&series, part, 6.0, tuning, &mut cases);
                        }
                    }
                }
            }
        }
        1 => {
            for model in MODELS {
                for client in data::clients(root, model)? {
                    spend_cases(&client, part, 12.0, tuning, &mut cases);
                }
            }
        }
        2 => {
            for name in rates {
                let rate = data::nab(root, name)?;
                disk_cases(&rate, part, false, tuning, &mut cases);
            }
        }
        3 => {
            for name in rates {
                let rate = data::nab(root, name)?;
                disk_cases(&rate, part, true, tuning, &mut cases);
            }
        }
        4 => {
            for name in rates {
                let rate = data::nab(root, name)?;
                gauge_cases(&backlog(&rate), part, 0.97, tuning, &mut cases);
            }
        }
        _ => {
            let share = if family == 5 { 0.97 } else { 1.0 };
            for name in gauges {
                gauge_cases(&data::nab(root, name)?, part, share, tuning, &mut cases);
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
    Regular { name: rate.name.clone(), step_ms: rate.step_ms, values }
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

fn spend_cases(series: &Regular, part: Part, every_hours: f64, tuning: &Tuning, cases: &mut Vec<Case>) {
    let hour = 3.6e6 / series.step_ms as f64;
    let truth = bridged(&series.values);
    let (begin, end) = range(truth.len(), part);
    for nominal in SPEND_HOURS {
        let mut origin = begin;
        while origin + (1.5 * nominal * hour) as usize <= end {
            let mean = truth[..origin].iter().sum::<f64>() / origin as f64;
            let left = mean * nominal * hour;
            if left > 0.0 {
                let mut path = vec![0.0];
                for value in &truth[..end] {
                    path.push(path[path.len() - 1] + value);
                }
                let seen = &path[origin..];
                let time = passage(&seen.iter().map(|value| value - seen[0]).collect::<Vec<_>>(), left);
                cases.push(ask(series, &path, origin, origin, nominal, Kind::Spend { left }, time, left, tuning));
            }
            origin += (every_hours * hour) as usize;
        }
    }
}

fn disk_cases(rate: &Regular, part: Part, cleaned: bool, tuning: &Tuning, cases: &mut Vec<Case>) {
    let hour = 3.6e6 / rate.step_ms as f64;
    let day = (24.0 * hour) as usize;
    let mut random = Random::new(rate.values.len() as u64);
    let mut level = 0.0;
    let mut since = 0.0;
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
    let series = Regular { name: rate.name.clone(), step_ms: rate.step_ms, values: levels.clone() };
    let (begin, end) = range(levels.len(), part);
    // Cleaned disks fill slowly: days rather than hours.
    let factor = if cleaned { 3.0 } else { 1.0 };
    let every = every(begin, end, hour);
    for nominal in SPEND_HOURS {
        let mut origin = begin;
        while origin + (1.5 * nominal * factor * hour) as usize <= end {
            let pace = levels[origin] / (origin + 1) as f64;
            let distance = pace * nominal * factor * hour;
            let limit = levels[origin] + distance;
            let seen: Vec<f64> = levels[origin..end].iter().map(|value| value - levels[origin]).collect();
            let time = passage(&seen, distance);
            let kind = Kind::Gauge { limit, towards: Towards::Rising };
            cases.push(ask(&series, &levels[..end], origin, origin + 1, nominal, kind, time, distance, tuning));
            origin += every;
        }
    }
}

/// The limit is a quantile of what was before, or beyond all of it by half of its range.
fn gauge_cases(series: &Regular, part: Part, share: f64, tuning: &Tuning, cases: &mut Vec<Case>) {
    let hour = 3.6e6 / series.step_ms as f64;
    let levels = bridged(&series.values);
    let (begin, end) = range(levels.len(), part);
    let every = every(begin, end, hour);
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
        let distance = limit - levels[origin];
        if distance > 0.0 {
            let seen: Vec<f64> = levels[origin..end].iter().map(|value| value - levels[origin]).collect();
            let time = passage(&seen, distance);
            let kind = Kind::Gauge { limit, towards: Towards::Rising };
            cases.push(ask(series, &levels[..end], origin, origin + 1, 0.0, kind, time, distance, tuning));
        }
        origin += every;
    }
}

/// Steps until a movement reaches a distance, within a step by a straight line.
fn passage(movement: &[f64], distance: f64) -> Option<f64> {
    let at = movement.iter().position(|way| *way >= distance)?;
    let before = movement[at.saturating_sub(1)];
    let width = movement[at] - before;
    let part = if width > 0.0 { (distance - before) / width } else { 1.0 };
    Some(at as f64 - 1.0 + part)
}

/// `path` is the movement, known up to `origin`; the series' values up to `known` are told.
fn ask(
    series: &Regular,
    path: &[f64],
    origin: usize,
    known: usize,
    nominal: f64,
    kind: Kind,
    time: Option<f64>,
    distance: f64,
    tuning: &Tuning,
) -> Case {
    let hours = series.step_ms as f64 / 3.6e6;
    let options = Options {
        quantiles: (1..50).map(|number| number as f64 / 50.0).collect(),
        ..Options::default()
    };
    let told = Series { step_ms: series.step_ms, start_ms: 0, values: &series.values[..known] };
    let answer = exhaustion_tuned(told, kind, &options, tuning).ok();
    let left = |time: Option<i64>| time.map_or(f64::INFINITY, |ms| ms as f64 / 3.6e6);
    let lines = [false, true].into_iter().flat_map(|anchored| {
        LINES_HOURS.map(|window| {
            let count = ((window / hours) as usize).max(2);
            let from = (origin + 1).saturating_sub(count + 1);
            line(&path[from..=origin], distance, anchored) * hours
        })
    });
    Case {
        name: series.name.clone(),
        nominal,
        truth: time.map(|steps| steps * hours),
        seen: (path.len() - 1 - origin) as f64 * hours,
        median: answer.as_ref().map_or(f64::NAN, |answer| left(answer.median_ms)),
        quantiles: answer.map_or(Vec::new(), |answer| {
            answer.quantiles.iter().map(|(share, time)| (*share, left(*time))).collect()
        }),
        lines: lines.collect(),
    }
}

/// Steps until a straight line through values reaches the last of them and `distance`; as
/// `predict_linear`, or anchored at the last value.
fn line(values: &[f64], distance: f64, anchored: bool) -> f64 {
    let count = values.len() as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / count;
    let (mut above, mut below) = (0.0, 0.0);
    for (at, value) in values.iter().enumerate() {
        above += (at as f64 - middle) * (value - mean);
        below += (at as f64 - middle).powi(2);
    }
    let slope = above / below;
    let last = values[values.len() - 1];
    let level = if anchored { last } else { mean + slope * middle };
    let way = last + distance - level;
    if way <= 0.0 {
        0.0
    } else if slope > 0.0 {
        way / slope
    } else {
        f64::INFINITY
    }
}

fn row(name: &str, cases: &[&Case]) {
    if cases.is_empty() {
        return;
    }
    let known: Vec<&&Case> = cases.iter().filter(|case| case.truth.is_some()).collect();
    let (mut below, mut above) = (0.0, 0.0);
    let mut inside_known = 0.0;
    for case in cases {
        let share_at = |time: f64| share_before(&case.quantiles, time);
        match case.truth {
            Some(truth) => {
                let (low, high) = (at(&case.quantiles, 0.1), at(&case.quantiles, 0.9));
                if truth < low { below += 1.0 } else if truth > high { above += 1.0 } else { inside_known += 1.0 }
            }
            None => {
                let passed = share_at(case.seen);
                let rest = (1.0 - passed).max(1e-9);
                below += (0.1 - passed).max(0.0) / rest;
                above += 0.1f64.min(rest) / rest;
            }
        }
    }
    let n = cases.len() as f64;
    let error = |estimate: &dyn Fn(&Case) -> f64, relative: bool| {
        let errors = known.iter().map(|case| {
            let truth = case.truth.unwrap_or(0.0);
            let apart = (estimate(case) - truth).abs();
            if relative { apart / truth.max(1e-9) } else { apart }
        });
        median(errors.collect())
    };
    let ours = [false, true].map(|relative| error(&|case| case.median, relative));
    let count = 2 * LINES_HOURS.len();
    let lines: Vec<[f64; 2]> = (0..count)
        .map(|line| [false, true].map(|relative| error(&|case| case.lines[line], relative)))
        .collect();
    let best = (0..count).min_by(|a, b| lines[*a][0].total_cmp(&lines[*b][0])).unwrap_or(0);
    let best_relative = lines.iter().map(|line| line[1]).fold(f64::INFINITY, f64::min);
    let each: Vec<String> = lines.iter().map(|line| format!("{:.2}", line[0])).collect();
    println!(
        "| {name} | {} | {} | {:.3} | {:.3} | {:.3} | {:.3} | {:.2} | {:.3} | {:.2} | {} | {:.3} | {:.3} | {} |",
        cases.len(),
        known.len(),
        inside_known / known.len().max(1) as f64,
        1.0 - (below + above) / n,
        below / n,
        above / n,
        ours[0],
        ours[1],
        lines[best][0],
        ["1 h", "6 h", "24 h", "1 h anchored", "6 h anchored", "24 h anchored"][best],
        ours[0] / lines[best][0],
        ours[1] / best_relative,
        each.join(" "),
    );
}

fn at(quantiles: &[(f64, f64)], share: f64) -> f64 {
    quantiles.iter().find(|it| (it.0 - share).abs() < 1e-9).map_or(f64::NAN, |it| it.1)
}

/// The probability that it has happened by a time.
fn share_before(quantiles: &[(f64, f64)], time: f64) -> f64 {
    let passed = quantiles.iter().filter(|it| it.1 <= time).map(|it| it.0);
    passed.fold(0.0, f64::max)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
