//! `cargo xtask conformance --dashboards DIR`: imports every `*.json` below a folder and tells what became of its panels.
//!
//! A panel counts as the same only where the report says so and a second look agrees: every query that was shown is
//! there and is PromQL with its variables replaced, unit and transformations are those of the file, and what was
//! imported is read again as what it is.
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bellwether_dashboards::report::{Severity, Verdict};
use bellwether_dashboards::{
    Imported, Panel, PanelKind, import_json, query_problem, read_json, to_json,
};
use serde_json::Value;

/// Panels that must be the same, of a hundred.
const WANTED_PERCENT: usize = 90;

fn files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else if path.extension().is_some_and(|it| it == "json") {
            found.push(path);
        }
    }
    Ok(())
}

/// All panels of a file, by number.
fn originals(value: &Value) -> Vec<&Value> {
    let value = value
        .get("dashboard")
        .filter(|it| it.is_object())
        .unwrap_or(value);
    let mut all = Vec::new();
    let mut waiting: Vec<&Value> = vec![value];
    while let Some(of) = waiting.pop() {
        for key in ["panels", "rows"] {
            for item in of.get(key).and_then(Value::as_array).into_iter().flatten() {
                all.push(item);
                waiting.push(item);
            }
        }
    }
    all
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Why a panel that is called the same is not; `None`: it is.
fn difference(panel: &Panel, original: &Value, imported: &Imported) -> Option<String> {
    for query in &panel.queries {
        if let Err(reason) = query_problem(&query.expr, &imported.dashboard.variables) {
            return Some(reason);
        }
    }
    if matches!(panel.kind, PanelKind::Text | PanelKind::AlertList) {
        return None;
    }
    if panel.kind == PanelKind::Unsupported {
        return Some("is not shown".to_owned());
    }
    let targets = original.get("targets").and_then(Value::as_array);
    let shown = targets.into_iter().flatten().filter(|target| {
        let is_hidden = target
            .get("hide")
            .and_then(Value::as_bool)
            .unwrap_or_default();
        !is_hidden && !text(target, "/expr").trim().is_empty()
    });
    let shown: Vec<&str> = shown.map(|target| text(target, "/expr")).collect();
    let here: Vec<&str> = panel
        .queries
        .iter()
        .filter(|it| !it.hidden)
        .map(|it| it.expr.as_str())
        .collect();
    let is_shared = targets
        .into_iter()
        .flatten()
        .any(|it| it.get("panelId").is_some());
    if shown != here && !is_shared {
        return Some(format!("{} queries of {}", here.len(), shown.len()));
    }
    let units = [
        "/fieldConfig/defaults/unit",
        "/yaxes/0/format",
        "/format",
        "/options/fieldOptions/defaults/unit",
    ];
    let is_old = original.get("yaxes").is_some() || text(original, "/type") == "singlestat";
    let unit = units
        .iter()
        .map(|it| text(original, it))
        .filter(|it| !it.is_empty());
    let unit = if is_old {
        unit.fold(None, |_, unit| Some(unit))
    } else {
        unit.take(1).next()
    };
    let here = panel.field.unit.as_deref().unwrap_or_default();
    let has_affixes =
        !text(original, "/postfix").is_empty() || !text(original, "/prefix").is_empty();
    if let Some(unit) = unit
        && unit != here
        && !has_affixes
        && panel.kind != PanelKind::Table
        && panel.kind != PanelKind::Heatmap
    {
        return Some(format!("unit {here:?} of {unit:?}"));
    }
    let steps = original.get("transformations").and_then(Value::as_array);
    let steps = steps.into_iter().flatten().filter(|step| {
        !step
            .get("disabled")
            .and_then(Value::as_bool)
            .unwrap_or_default()
    });
    let steps = steps.count();
    if panel.transformations.len() < steps {
        return Some(format!(
            "{} transformations of {steps}",
            panel.transformations.len()
        ));
    }
    None
}

fn main() -> ExitCode {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let mut paths = Vec::new();
    for folder in &folders {
        if let Err(error) = files(Path::new(folder), &mut paths) {
            println!("{folder}: {error}");
            return ExitCode::from(2);
        }
    }
    paths.sort();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let (mut all, mut all_same, mut all_near, mut untrue) = (0, 0, 0, 0);
    println!(
        "{:<44} {:>6} {:>6} {:>6} {:>6}  {:>5}",
        "dashboard", "panels", "same", "approx", "lost", "same%"
    );
    for path in &paths {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Ok(bytes) = fs::read(path) else { continue };
        let imported = match import_json(&bytes) {
            Ok(imported) => imported,
            Err(problems) => {
                println!(
                    "{name}: {}",
                    problems
                        .first()
                        .map(ToString::to_string)
                        .unwrap_or_default()
                );
                continue;
            }
        };
        if !imported.is_foreign {
            continue;
        }
        let again = read_json(to_json(&imported.dashboard).to_string().as_bytes());
        match again {
            Ok(again) if again == imported.dashboard => {}
            Ok(_) => {
                println!("{name}: reads as something else than what was imported");
                untrue += 1;
            }
            Err(problems) => {
                untrue += 1;
                println!("{name}: cannot be saved:");
                problems.iter().take(5).for_each(|it| println!("  {it}"));
            }
        }
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let originals = originals(&value);
        let (mut same, mut near, mut lost) = (0, 0, 0);
        let panels = imported.dashboard.rows.iter().flat_map(|row| &row.panels);
        for (panel, report) in panels.zip(&imported.report.panels) {
            for finding in &report.findings {
                if finding.severity != Severity::Cosmetic {
                    let why: String = finding.why.chars().take(100).collect();
                    *reasons
                        .entry(format!("{:?} {}: {why}", finding.severity, finding.what))
                        .or_default() += 1;
                }
            }
            let original = originals.iter().find(|it| {
                let id = it.get("id").and_then(Value::as_u64);
                id == Some(u64::from(panel.id)) && text(it, "/title") == panel.title
            });
            let why = match (report.verdict, original) {
                (Verdict::Same, Some(original)) => difference(panel, original, &imported),
                _ => None,
            };
            if let Some(why) = &why {
                println!(
                    "{name}: panel {} {:?} is called the same: {why}",
                    panel.id, panel.title
                );
                untrue += 1;
            }
            match report.verdict {
                Verdict::Same if why.is_none() => same += 1,
                Verdict::Approximate => near += 1,
                _ => lost += 1,
            }
        }
        let count = same + near + lost;
        for finding in &imported.report.findings {
            if finding.severity != Severity::Cosmetic {
                *reasons
                    .entry(format!(
                        "dashboard {:?} {}: {}",
                        finding.severity, finding.what, finding.why
                    ))
                    .or_default() += 1;
            }
        }
        println!(
            "{name:<44} {count:>6} {same:>6} {near:>6} {lost:>6}  {:>4.1}%",
            100.0 * same as f64 / count.max(1) as f64
        );
        all += count;
        all_same += same;
        all_near += near;
    }
    let lost = all - all_same - all_near;
    println!(
        "{:<44} {all:>6} {all_same:>6} {all_near:>6} {lost:>6}  {:>4.1}%",
        format!("{} dashboards", paths.len()),
        100.0 * all_same as f64 / all.max(1) as f64
    );
    if std::env::var_os("REASONS").is_some() {
        let mut reasons: Vec<_> = reasons.into_iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        for (reason, count) in reasons {
            println!("{count:>5}  {reason}");
        }
    }
    let is_good = untrue == 0 && all_same * 100 >= all * WANTED_PERCENT && all > 0;
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
