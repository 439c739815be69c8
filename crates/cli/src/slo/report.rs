//! How objectives were kept, period by period: as text, as JSON, as a page for each service.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Context, Result};
use bellwether_model::Labels;
use bellwether_rules::objective::rules::percent;
use bellwether_rules::objective::status::offset_ms;
use bellwether_rules::objective::{Composition, Indicator, ObjectiveSettings};
use bellwether_server::paper::{document, escape};
use bellwether_slo::budget::CountsError;
use bellwether_slo::ledger::Ledger;
use bellwether_slo::period::{Calendar, Period, Unit};
use bellwether_slo::report::{PeriodReport, ReportError, compliance};
use bellwether_slo::spending::Spending;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{By, Measured, Report, title, write};
use crate::arguments::Output;
use crate::backtest::table;
use crate::time_argument::time_text;

const STYLE: &str = include_str!("report.css");

/// One budget with its periods, oldest first.
#[derive(Debug)]
struct Kept<'a> {
    measured: &'a Measured,
    settings: &'a ObjectiveSettings,
    group: Labels,
    zone: TimeZone,
    rows: Vec<PeriodReport>,
}

/// Tells of all of them.
pub(super) fn run(flags: &Report, measured: &[Measured], range: (i64, i64)) -> Result<ExitCode> {
    let kept = kept(flags.by, measured, range)?;
    if kept.is_empty() {
        eprintln!(
            "nothing was measured from {} to {}: no series of these objectives is in the store that --data names",
            time_text(range.0),
            time_text(range.1)
        );
    }
    if let Some(folder) = &flags.html {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let mut services: BTreeMap<&str, Vec<&Kept<'_>>> = BTreeMap::new();
        for one in &kept {
            services.entry(&one.settings.service).or_default().push(one);
        }
        for (service, kept) in services {
            let path = folder.join(format!("{}.html", file_name(service)));
            write(&path, &page(service, &kept, flags.by, range))?;
        }
    }
    match flags.output {
        Output::Text => print!("{}", text(&kept, flags.by)),
        Output::Json => println!("{}", serde_json::to_string_pretty(&json(&kept, range))?),
    }
    let is_kept =
        |row: &PeriodReport| row.spending.problem.is_none() && row.spending.is_met() != Some(false);
    let is_kept = |one: &Kept<'_>| one.rows.iter().all(is_kept);
    Ok(if kept.iter().all(is_kept) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

/// What programs are told.
#[cfg(test)]
pub(super) fn as_json(flags: &Report, measured: &[Measured], range: (i64, i64)) -> Result<Value> {
    Ok(json(&kept(flags.by, measured, range)?, range))
}

/// Each budget with its periods.
fn kept<'a>(by: By, measured: &'a [Measured], range: (i64, i64)) -> Result<Vec<Kept<'a>>> {
    let mut kept = Vec::new();
    for one in measured {
        let zone = TimeZone::get(&one.settings.time_zone).unwrap_or(TimeZone::UTC);
        let offset = |time_ms: i64| offset_ms(&zone, time_ms);
        let budgets = budgets(one, by.calendar(), range, &offset)?;
        let budgets = budgets.into_iter().map(|(group, mut rows)| {
            if let (Indicator::Spend { limit, .. }, Some(ledger)) =
                (&one.settings.indicator, one.budgets.get(&group))
            {
                let nominal = limit_of(*limit, &one.settings, by);
                for row in &mut rows {
                    spend(row, ledger, by, nominal, offset);
                }
            }
            (group, rows)
        });
        kept.extend(budgets.map(|(group, rows)| Kept {
            measured: one,
            settings: &one.settings,
            group,
            zone: zone.clone(),
            rows,
        }));
    }
    Ok(kept)
}

/// The periods of each budget; by the clocks of whoever asks, be it a part of another.
fn budgets(
    one: &Measured,
    calendar: Calendar,
    range: (i64, i64),
    offset: &dyn Fn(i64) -> i64,
) -> Result<Vec<(Labels, Vec<PeriodReport>)>, ReportError> {
    let Indicator::Composite { how, .. } = one.settings.indicator else {
        let rows = one.budgets.iter().map(|(group, ledger)| {
            let rows = compliance(ledger, &one.targets, calendar, range, offset)?;
            Ok((group.clone(), rows))
        });
        return rows.collect();
    };
    let mut parts = Vec::new();
    for (part, weight) in &one.parts {
        let rows = budgets(part, calendar, range, offset)?;
        parts.extend(rows.into_iter().map(|(_, rows)| (rows, *weight)));
    }
    let mut rows = joined(how, &parts);
    for row in &mut rows {
        row.target = one.targets.at(row.until_ms);
        row.spending.allowed = row.spending.total * (1.0 - row.target);
    }
    Ok(match rows.is_empty() {
        true => Vec::new(),
        false => vec![(Labels::empty(), rows)],
    })
}

/// The periods of a composite, from those of its parts: shares, in place of events.
fn joined(how: Composition, parts: &[(Vec<PeriodReport>, f64)]) -> Vec<PeriodReport> {
    let Some((first, _)) = parts.first() else {
        return Vec::new();
    };
    let mut joined = first.clone();
    for (at, row) in joined.iter_mut().enumerate() {
        let rows = parts
            .iter()
            .filter_map(|(rows, weight)| Some((rows.get(at)?, *weight)));
        let shares: Vec<(Option<f64>, f64)> = rows
            .clone()
            .map(|(row, weight)| (row.spending.ratio(), weight))
            .collect();
        let good = how.joined(&shares);
        let rows = rows.map(|(row, _)| row.spending);
        row.spending = Spending {
            spent: good.map_or(0.0, |good| 1.0 - good),
            total: f64::from(u8::from(good.is_some())),
            unmeasured_ms: rows.clone().map(|it| it.unmeasured_ms).max().unwrap_or(0),
            problem: rows.clone().find_map(|it| it.problem),
            ..row.spending
        };
    }
    joined
}

/// The limit of a whole period of the report: that of the objective, or in proportion where its own period
/// is longer or shorter. Months are as long as one another.
fn limit_of(limit: f64, settings: &ObjectiveSettings, by: By) -> f64 {
    limit * Period::Calendar(by.calendar()).span_ms() as f64 / settings.period.span_ms() as f64
}

/// What was spent of a limit; of a period that the range cuts, of its part.
fn spend(row: &mut PeriodReport, ledger: &Ledger, by: By, limit: f64, offset: impl Fn(i64) -> i64) {
    let (begin_ms, end_ms) = by.calendar().period_at(row.until_ms, offset);
    let part = (row.until_ms - row.after_ms) as f64 / (end_ms - begin_ms).max(1) as f64;
    let (spent, pace) = ledger.sums(row.after_ms, row.until_ms);
    let spending = &mut row.spending;
    spending.spent = spent;
    spending.allowed = limit * part.min(1.0);
    // Where there is no pace, nothing was measured.
    spending.total = if pace > 0.0 { spending.allowed } else { 0.0 };
    // More than the pace allows is no contradiction.
    if let Some(CountsError::MoreThanTotal { .. }) = spending.problem {
        spending.problem = None;
    }
}

impl By {
    fn calendar(self) -> Calendar {
        Calendar::of(match self {
            Self::Day => Unit::Day,
            Self::Week => Unit::Week,
            Self::Month => Unit::Month,
            Self::Quarter => Unit::Quarter,
            Self::Year => Unit::Year,
        })
    }

    /// What a period is called by the clocks of a place.
    fn name(self, row: &PeriodReport, zone: &TimeZone) -> String {
        let Ok(time) = Timestamp::from_millisecond(row.after_ms) else {
            return row.after_ms.to_string();
        };
        let date = zone.to_datetime(time).date();
        match self {
            Self::Day | Self::Week => date.to_string(),
            Self::Month => format!("{:04}-{:02}", date.year(), date.month()),
            Self::Quarter => format!("{:04} Q{}", date.year(), (date.month() + 2) / 3),
            Self::Year => format!("{:04}", date.year()),
        }
    }
}

/// Good events, budget spent, and what else there is to say of a period.
fn cells(one: &Kept<'_>, row: &PeriodReport) -> [String; 4] {
    let spending = &row.spending;
    let is_spend = matches!(one.settings.indicator, Indicator::Spend { .. });
    let good = match spending.ratio() {
        None => "no events".to_owned(),
        Some(_) if is_spend => format!("{:.2} of {:.2}", spending.spent, spending.allowed),
        Some(ratio) => match one.measured.latency_error {
            // As far as the buckets of the last hour tell.
            Some(error) if error > 0.0 => {
                format!("{} ±{:.2} %", percent(floor(ratio)), error * 100.0)
            }
            _ => percent(floor(ratio)),
        },
    };
    let spent = spending
        .burn()
        .map_or_else(String::new, |burn| format!("{:.0} %", burn * 100.0));
    let unmeasured = match spending.unmeasured_share() {
        share if share < 0.0005 => String::new(),
        share => format!("{:.1} %", share * 100.0),
    };
    let verdict = match (spending.problem, spending.is_met()) {
        (Some(problem), _) => problem.to_string(),
        (None, Some(true)) => "kept".to_owned(),
        (None, Some(false)) => "missed".to_owned(),
        (None, None) => "unknown".to_owned(),
    };
    [good, spent, unmeasured, verdict]
}

/// So that 0.99999 is not told as all of them.
fn floor(ratio: f64) -> f64 {
    (ratio * 1e6).floor() / 1e6
}

fn text(kept: &[Kept<'_>], by: By) -> String {
    let header = [
        "OBJECTIVE",
        "TARGET",
        "PERIOD",
        "GOOD",
        "BUDGET SPENT",
        "UNMEASURED",
        "VERDICT",
    ];
    let mut lines = vec![header.map(str::to_owned).to_vec()];
    for one in kept {
        for row in &one.rows {
            let mut line = vec![
                title(one.settings, &one.group),
                target_text(one.settings, row.target),
                by.name(row, &one.zone),
            ];
            line.extend(cells(one, row));
            lines.push(line);
        }
    }
    table(&lines)
}

fn target_text(settings: &ObjectiveSettings, target: f64) -> String {
    match settings.indicator {
        Indicator::Spend { limit, .. } => format!("limit {limit}"),
        _ => percent(target),
    }
}

fn json(kept: &[Kept<'_>], range: (i64, i64)) -> Value {
    let objectives: Vec<Value> = kept
        .iter()
        .map(|one| {
            let limit = match one.settings.indicator {
                Indicator::Spend { limit, .. } => Some(limit),
                _ => None,
            };
            let periods: Vec<Value> = one
                .rows
                .iter()
                .map(|row| {
                    let spending = &row.spending;
                    let of_events = |it: f64| limit.is_none().then_some(it);
                    json!({
                        "target": of_events(row.target),
                        "from": time_text(row.after_ms),
                        "to": time_text(row.until_ms),
                        "total": of_events(spending.total),
                        "bad": spending.spent,
                        "allowed": spending.allowed,
                        "good_ratio": spending.ratio().and_then(of_events),
                        "budget_spent": spending.burn(),
                        "unmeasured_share": spending.unmeasured_share(),
                        "kept": spending.is_met(),
                        "problem": spending.problem.map(|it| it.to_string()),
                    })
                })
                .collect();
            json!({
                "objective": one.settings.id(),
                "labels": one.group.iter().collect::<BTreeMap<_, _>>(),
                "target": limit.is_none().then_some(one.settings.target),
                "limit": limit,
                "latency_error": one.measured.latency_error,
                "periods": periods,
            })
        })
        .collect();
    json!({ "from": time_text(range.0), "to": time_text(range.1), "objectives": objectives })
}

/// A page for people who do not look at dashboards.
fn page(service: &str, kept: &[&Kept<'_>], by: By, range: (i64, i64)) -> String {
    let mut body = String::new();
    // Writing to a text cannot fail.
    write!(
        body,
        "<main class=\"wide\"><h1>{}</h1><p>How its objectives were kept from {} to {}.</p>",
        escape(service),
        time_text(range.0),
        time_text(range.1)
    )
    .ok();
    for one in kept {
        write!(
            body,
            "<section><h2>{}</h2><p>{}{}</p><div class=\"scroll\"><table><thead><tr><th>Period</th><th>Good</th>\
             <th>Budget spent</th><th class=\"bar\"></th><th>Unmeasured</th><th></th></tr></thead><tbody>",
            escape(&title(one.settings, &one.group)),
            escape(&target_text(one.settings, one.settings.target)),
            match one.settings.description.as_str() {
                "" => String::new(),
                text => format!(": {}", escape(text)),
            }
        )
        .ok();
        for row in &one.rows {
            let [good, spent, unmeasured, verdict] = cells(one, row);
            // What was promised then, where that is another target than now.
            let promised = match one.settings.indicator {
                Indicator::Spend { .. } => String::new(),
                _ if row.target == one.settings.target => String::new(),
                _ => format!(", {} promised", percent(row.target)),
            };
            let burn = row.spending.burn().unwrap_or(0.0);
            write!(
                body,
                "<tr><td>{}{}</td><td>{}</td><td>{}</td><td class=\"bar\"><svg class=\"spent {}\" viewBox=\"0 0 100 8\" \
                 preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{} of the budget\"><rect width=\"{:.1}\" height=\"8\"/></svg></td>\
                 <td>{}</td><td class=\"{}\">{}</td></tr>",
                by.name(row, &one.zone),
                promised,
                good,
                spent,
                if burn > 1.0 { "over" } else { "within" },
                spent,
                (burn * 100.0).clamp(0.0, 100.0),
                unmeasured,
                if verdict == "missed" { "missed" } else { "" },
                escape(&verdict)
            )
            .ok();
        }
        body.push_str("</tbody></table></div></section>");
    }
    body.push_str("</main>");
    document(&format!("Objectives of {service}"), STYLE, &body)
}

/// A name that every file system takes.
fn file_name(service: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = service
        .chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect();
    if name.starts_with('.') || name.is_empty() {
        format!("_{name}")
    } else {
        name
    }
}
