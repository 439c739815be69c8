//! What objectives would have cost: how their budgets went, and who would have been told.

use std::process::ExitCode;

use anyhow::{Context, Result};
use bellwether_model::Labels;
use bellwether_model::time::{DurationText, parse_duration};
use bellwether_rules::objective::rules::percent;
use bellwether_rules::objective::status::offset_ms;
use bellwether_rules::objective::{Indicator, ObjectiveSettings};
use bellwether_slo::burn::Urgency;
use bellwether_slo::objective::{Objective, Targets};
use bellwether_slo::report::{Backtest, PageSpan, backtest};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Cost, Measured, share, title};
use crate::arguments::Output;
use crate::backtest::table;
use crate::time_argument::time_text;

/// One budget under one target.
#[derive(Debug)]
pub(super) struct Run<'a> {
    settings: &'a ObjectiveSettings,
    group: &'a Labels,
    pub(super) target: f64,
    pub(super) found: Backtest,
}

/// Tells of all of them.
pub(super) fn run(flags: &Cost, measured: &[Measured], range: (i64, i64)) -> Result<ExitCode> {
    let runs = costs(flags, measured, range)?;
    match flags.output {
        Output::Text => print!("{}", text(&runs)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&json(&runs, range))?),
    }
    Ok(ExitCode::SUCCESS)
}

/// Each budget under its own target and each other one.
pub(super) fn costs<'a>(
    flags: &Cost,
    measured: &'a [Measured],
    range: (i64, i64),
) -> Result<Vec<Run<'a>>> {
    let step_ms = parse_duration(&flags.step).context("--step")?;
    let others = flags
        .target
        .iter()
        .map(|text| share(text))
        .collect::<Result<Vec<f64>>>()?;
    let mut runs = Vec::new();
    for one in measured {
        // Money and tokens have a limit, and no target to be changed; composites are not walked over.
        if matches!(
            one.settings.indicator,
            Indicator::Spend { .. } | Indicator::Composite { .. }
        ) {
            eprintln!(
                "{} is left out: it has no budget of events",
                one.settings.id()
            );
            continue;
        }
        let zone = TimeZone::get(&one.settings.time_zone).unwrap_or(TimeZone::UTC);
        let rules = one.settings.evidence_rules();
        for (group, ledger) in &one.budgets {
            for target in std::iter::once(&one.settings.target).chain(&others) {
                let promise = Objective {
                    targets: Targets::constant(*target)?,
                    period: one.settings.period,
                };
                let offset = |time_ms: i64| offset_ms(&zone, time_ms);
                let found = backtest(ledger, &promise, &rules, range, step_ms, offset)?;
                runs.push(Run {
                    settings: &one.settings,
                    group,
                    target: *target,
                    found,
                });
            }
        }
    }
    Ok(runs)
}

impl Run<'_> {
    /// How often somebody would have been paged.
    pub(super) fn pages(&self) -> usize {
        self.told(Urgency::Page).count()
    }

    fn told(&self, urgency: Urgency) -> impl Iterator<Item = &PageSpan> {
        self.found
            .pages
            .iter()
            .filter(move |page| page.evidence.rule.burn.urgency == urgency)
    }

    /// What was left of the budget at the end and at its lowest, as parts of it.
    fn left(&self) -> (Option<f64>, Option<f64>) {
        let left = |point: &bellwether_slo::report::Point| Some(1.0 - point.spending.burn()?);
        let path = &self.found.path;
        let lowest = path.iter().filter_map(left).min_by(f64::total_cmp);
        (path.last().and_then(left), lowest)
    }
}

fn part(share: Option<f64>) -> String {
    share.map_or_else(|| "unknown".to_owned(), |it| format!("{:.0} %", it * 100.0))
}

fn text(runs: &[Run<'_>]) -> String {
    let header = [
        "OBJECTIVE",
        "TARGET",
        "LEFT AT THE END",
        "AT ITS LOWEST",
        "OVER BUDGET",
        "PAGES",
        "TICKETS",
    ];
    let mut lines = vec![header.map(str::to_owned).to_vec()];
    for run in runs {
        let (end, lowest) = run.left();
        let over_ms = i64::try_from(run.found.over_budget_ms).unwrap_or(i64::MAX);
        lines.push(vec![
            title(run.settings, run.group),
            percent(run.target),
            part(end),
            part(lowest),
            DurationText(over_ms).to_string(),
            run.pages().to_string(),
            run.told(Urgency::Ticket).count().to_string(),
        ]);
    }
    let mut told = table(&lines);
    for run in runs {
        let name = title(run.settings, run.group);
        for page in run.told(Urgency::Page) {
            told.push_str(&format!(
                "\n{} {name} at {}: {}\n",
                time_text(page.from_ms),
                percent(run.target),
                page.evidence
                    .sentence(run.settings.period.span_ms(), page.left.unwrap_or(1.0))
            ));
        }
    }
    told
}

fn json(runs: &[Run<'_>], range: (i64, i64)) -> Value {
    let runs: Vec<Value> = runs
        .iter()
        .map(|run| {
            let (end, lowest) = run.left();
            let pages: Vec<Value> = run
                .found
                .pages
                .iter()
                .map(|page| {
                    json!({
                        "from": time_text(page.from_ms),
                        "to": time_text(page.until_ms),
                        "urgency": match page.evidence.rule.burn.urgency {
                            Urgency::Page => "page",
                            Urgency::Ticket => "ticket",
                        },
                        "bad": page.evidence.counts.bad,
                        "total": page.evidence.counts.total,
                        "burn_rate": page.evidence.burn,
                        "chance": page.evidence.chance,
                        "left": page.left,
                    })
                })
                .collect();
            json!({
                "objective": run.settings.id(),
                "labels": run.group.iter().collect::<std::collections::BTreeMap<_, _>>(),
                "target": run.target,
                "left": end,
                "left_lowest": lowest,
                "over_budget_seconds": run.found.over_budget_ms as f64 / 1_000.0,
                "alerts": pages,
            })
        })
        .collect();
    json!({ "from": time_text(range.0), "to": time_text(range.1), "objectives": runs })
}
