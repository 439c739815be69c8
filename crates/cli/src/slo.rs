//! `slo`: objectives as files, over stored history, as reports.
//!
//! ## Model
//! `report` says how objectives were kept, period by period. `backtest` says what they would have cost,
//! with their own targets or another one: budget, pages, tickets. Both count the series themselves
//! ([`bellwether_rules::objective::past`]), so that it does not matter since when there are rules. A
//! report holds each period against the targets of its time, as far as they are stored.
//! `import` writes files of Sloth, Pyrra and OpenSLO in our short form.

mod cost;
mod report;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bellwether_config::{ObjectiveOptions, glob, load_objectives, short_form};
use bellwether_model::Labels;
use bellwether_promql::{CancelToken, Engine, EngineOptions, Features};
use bellwether_rules::objective::past::ledgers;
use bellwether_rules::objective::precision::latency_error;
use bellwether_rules::objective::targets::targets;
use bellwether_rules::objective::{Indicator, ObjectiveSettings};
use bellwether_slo::ledger::Ledger;
use bellwether_slo::objective::Targets;
use bellwether_storage::{Clock, MetricStore, SystemClock};
use clap::{Args, Subcommand, ValueEnum};

use crate::arguments::Output;
use crate::backtest::open;
use crate::time_argument::{time_before_ms, time_ms};

/// Commands of `slo`.
#[derive(Debug, Subcommand)]
pub(crate) enum Slo {
    /// Tell how objectives were kept over stored history, period by period.
    Report(Report),
    /// Tell what objectives, or another target, would have cost over stored history.
    Backtest(Cost),
    /// Write objectives of Sloth, Pyrra and OpenSLO in our form.
    Import(Import),
}

/// Where objectives and their history are.
#[derive(Debug, Args)]
pub(crate) struct Source {
    /// Files with objectives, ours or of OpenSLO, Sloth, Pyrra, and patterns of such; may be given several times.
    #[arg(long = "slos", value_name = "FILE", required = true)]
    slos: Vec<PathBuf>,
    /// Only objectives of this service; may be given several times.
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// The folder with the data of a server that does not run, or a snapshot of one that does.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// RFC 3339, seconds since the epoch, or how long before the end, such as 90d.
    #[arg(long, value_name = "TIME", default_value = "90d")]
    from: String,
    /// RFC 3339 or seconds since the epoch; now if not given.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

/// Flags of `slo report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    source: Source,
    /// How long the periods of the report are.
    #[arg(long, value_enum, default_value = "month")]
    by: By,
    /// Also write a page of HTML for each service into this folder.
    #[arg(long, value_name = "DIR")]
    html: Option<PathBuf>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Flags of `slo backtest`.
#[derive(Debug, Args)]
pub(crate) struct Cost {
    #[command(flatten)]
    source: Source,
    /// Another target beside their own, such as 99.5%; may be given several times.
    #[arg(long, value_name = "PERCENT")]
    target: Vec<String>,
    /// Time between two looks.
    #[arg(long, value_name = "DURATION", default_value = "5m")]
    step: String,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Flags of `slo import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Files, and patterns of such.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Periods of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// Days.
    Day,
    /// Weeks, from Monday.
    Week,
    /// Months.
    Month,
    /// Quarters of a year.
    Quarter,
    /// Years.
    Year,
}

/// An objective with the counts of its budgets.
#[derive(Debug)]
struct Measured {
    settings: ObjectiveSettings,
    targets: Targets,
    /// None of a composite.
    budgets: BTreeMap<Labels, Ledger>,
    /// Of a composite: its parts, which may be composites, each with its weight.
    parts: Vec<(Measured, f64)>,
    /// See [`latency_error`], at the end of the range.
    latency_error: Option<f64>,
}

/// Does what a command says.
pub(crate) fn run(command: &Slo) -> Result<ExitCode> {
    match command {
        Slo::Report(flags) => {
            let (measured, range) = flags.source.measured()?;
            report::run(flags, &measured, range)
        }
        Slo::Backtest(flags) => {
            let (measured, range) = flags.source.measured()?;
            cost::run(flags, &measured, range)
        }
        Slo::Import(flags) => {
            let objectives = read(&flags.files)?;
            print!("{}", short_form(&objectives));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The objectives of the files that patterns name. What could not be kept is told.
pub(crate) fn read(patterns: &[PathBuf]) -> Result<Vec<ObjectiveSettings>> {
    let mut files = Vec::new();
    for pattern in patterns {
        let found = glob(pattern)
            .with_context(|| format!("cannot list the files of {}", pattern.display()))?;
        if found.is_empty() {
            bail!("no file matches {}", pattern.display());
        }
        files.extend(found);
    }
    let loaded = load_objectives(&files, &ObjectiveOptions::default())?;
    for warning in &loaded.warnings {
        eprintln!("{warning}");
    }
    Ok(loaded.objectives)
}

impl Source {
    /// All objectives that are asked for, with their history, and the range.
    fn measured(&self) -> Result<(Vec<Measured>, (i64, i64))> {
        let to_ms = match &self.to {
            Some(text) => time_ms("--to", text)?,
            None => SystemClock.now_ms(),
        };
        let from_ms = time_before_ms("--from", &self.from, to_ms)?;
        if from_ms >= to_ms {
            bail!("--from is not before --to");
        }
        let all = read(&self.slos)?;
        let is_wanted = |service| self.service.is_empty() || self.service.contains(service);
        if !all.iter().any(|it| is_wanted(&it.service)) {
            bail!("no objective to tell of");
        }
        let store = open(&self.data, to_ms)?;
        let meter = Meter::new(&store, (from_ms, to_ms));
        let wanted = all.iter().filter(|it| is_wanted(&it.service));
        let measured = wanted
            .map(|it| meter.measure(it, &all))
            .collect::<Result<Vec<Measured>>>()?;
        Ok((measured, (from_ms, to_ms)))
    }
}

/// Counts what is stored.
struct Meter<'a> {
    store: &'a dyn MetricStore,
    engine: Engine,
    cancel: CancelToken,
    range: (i64, i64),
}

impl<'a> Meter<'a> {
    fn new(store: &'a Arc<dyn MetricStore>, range: (i64, i64)) -> Self {
        Self {
            store: store.as_ref(),
            engine: Engine::new(EngineOptions {
                features: Features::default(),
                ..EngineOptions::default()
            }),
            cancel: CancelToken::default(),
            range,
        }
    }

    /// An objective with its history. `all` are those that composites may name.
    fn measure(&self, settings: &ObjectiveSettings, all: &[ObjectiveSettings]) -> Result<Measured> {
        let (from_ms, to_ms) = self.range;
        // Periods and windows that begin before the range are whole.
        let range = (from_ms.saturating_sub(settings.period.span_ms()), to_ms);
        let mut measured = Measured {
            settings: settings.clone(),
            targets: targets(self.store, settings, range)?,
            budgets: BTreeMap::new(),
            parts: Vec::new(),
            latency_error: latency_error(self.store, &self.engine, settings, to_ms, &self.cancel)?,
        };
        let count = |settings: &ObjectiveSettings| {
            ledgers(self.store, &self.engine, settings, range, &self.cancel)
        };
        let Indicator::Composite { parts, .. } = &settings.indicator else {
            measured.budgets = count(settings)?;
            return Ok(measured);
        };
        for (name, weight) in parts {
            let Some(part) = settings.part(name, all) else {
                continue;
            };
            let part = ObjectiveSettings {
                group_by: Vec::new(),
                ..part.clone()
            };
            measured.parts.push((self.measure(&part, all)?, *weight));
        }
        Ok(measured)
    }
}

/// `service/name{model="a"}`
fn title(settings: &ObjectiveSettings, group: &Labels) -> String {
    if group.is_empty() {
        settings.id()
    } else {
        format!("{}{group}", settings.id())
    }
}

/// A share from `99.5%`, `99.5` or `0.995`.
fn share(text: &str) -> Result<f64> {
    let given = text.trim().trim_end_matches('%').trim();
    let value: f64 = given
        .parse()
        .with_context(|| format!("--target {text:?} is not a number: want one such as 99.5%"))?;
    let share = if text.contains('%') || value > 1.0 {
        value / 100.0
    } else {
        value
    };
    // 99.9 % is 0.999, whatever a division by a hundred makes of it.
    let share = (share * 1e12).round() / 1e12;
    if !(share > 0.0 && share < 1.0) {
        bail!("--target {text:?}: want more than 0% and less than 100%");
    }
    Ok(share)
}

/// Writes a page of a report.
fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests;
