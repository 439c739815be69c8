//! "Hours left" of real series, next to straight lines.
//!
//! A case is a series up to an origin, a limit that follows from what was before the origin alone,
//! and the time at which the series really reached it. Where it ended before that, the case is
//! censored: it counts in the coverage, by the part of the range that lies beyond the end.

use std::path::Path;

use anyhow::Result;

use crate::cases::{self, Case, FAMILIES, NOMINAL_HOURS, Part};
use crate::line;

pub(crate) fn run(root: &Path, part: Part, verbose: bool) -> Result<()> {
    println!(
        "| cases | n | known | in range, known | in range | below | above | ours: h | relative | best line: h | which | ratio | ratio, relative | each line's median error, h (1 h, 6 h, 24 h; anchored 1, 6, 24) |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut all = Vec::new();
    for (number, family) in FAMILIES.iter().enumerate() {
        let cases = cases::of_family(root, number, part)?;
        row(family, &cases.iter().collect::<Vec<_>>());
        all.push(cases);
    }
    row("all", &all.iter().flatten().collect::<Vec<_>>());
    let only = |name: &str, cases: &[Case], takes: &dyn Fn(&Case) -> bool| {
        row(
            name,
            &cases.iter().filter(|case| takes(case)).collect::<Vec<_>>(),
        );
    };
    for kind in ["steady", "wandering", "incidents"] {
        only(kind, &all[0], &|case| case.name.contains(kind));
    }
    if verbose {
        for (family, cases) in FAMILIES.iter().zip(&all) {
            let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
            names.dedup();
            for name in names {
                only(&format!("{family}: {name}"), cases, &|case| {
                    case.name == name
                });
            }
            for nominal in NOMINAL_HOURS {
                only(&format!("{family}: {nominal} h"), cases, &|case| {
                    case.nominal == nominal
                });
            }
        }
    }
    Ok(())
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
                if truth < low {
                    below += 1.0
                } else if truth > high {
                    above += 1.0
                } else {
                    inside_known += 1.0
                }
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
            if relative {
                apart / truth.max(1e-9)
            } else {
                apart
            }
        });
        median(errors.collect())
    };
    let ours = [false, true].map(|relative| error(&|case| case.median, relative));
    let count = line::NAMES.len();
    let lines: Vec<[f64; 2]> = (0..count)
        .map(|line| [false, true].map(|relative| error(&|case| case.lines[line], relative)))
        .collect();
    let best = (0..count)
        .min_by(|a, b| lines[*a][0].total_cmp(&lines[*b][0]))
        .unwrap_or(0);
    let best_relative = lines
        .iter()
        .map(|line| line[1])
        .fold(f64::INFINITY, f64::min);
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
        line::NAMES[best],
        ours[0] / lines[best][0],
        ours[1] / best_relative,
        each.join(" "),
    );
}

fn at(quantiles: &[(f64, f64)], share: f64) -> f64 {
    quantiles
        .iter()
        .find(|it| (it.0 - share).abs() < 1e-9)
        .map_or(f64::NAN, |it| it.1)
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
