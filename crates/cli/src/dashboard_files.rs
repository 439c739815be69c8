//! `dashboards`: files of dashboards, ours and Grafana's, without a server.
//!
//! `import` says what a dashboard of Grafana comes to and what of it is lost; `check` says what is wrong with files.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use bellwether_config::{DashboardFile, glob, load_dashboards};
use bellwether_dashboards::report::{Finding, Report, Verdict};
use bellwether_dashboards::{report_json, to_json, to_yaml};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::arguments::Output;

/// What to do with files of dashboards.
#[derive(Debug, Subcommand)]
pub(crate) enum DashboardFiles {
    /// Write dashboards of Grafana in our form; what could not be carried over is told.
    Import(ImportFlags),
    /// Tell what is wrong with files of dashboards.
    Check(CheckFlags),
}

/// Flags of `dashboards import`.
#[derive(Debug, Args)]
pub(crate) struct ImportFlags {
    /// Files: JSON of Grafana or ours, YAML of ours; the last part of a path may be a glob.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// In which notation they are written.
    #[arg(long, value_enum, default_value = "yaml")]
    output: Notation,
    /// Tell panel by panel what is not what it was, in place of the dashboards.
    #[arg(long)]
    report: bool,
}

/// A notation of dashboards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Notation {
    /// As code.
    Yaml,
    /// As the API has them.
    Json,
}

/// Flags of `dashboards check`.
#[derive(Debug, Args)]
pub(crate) struct CheckFlags {
    /// Files; the last part of a path may be a glob.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Does what a command says.
pub(crate) fn run(command: &DashboardFiles) -> Result<ExitCode> {
    match command {
        DashboardFiles::Import(flags) => import(flags),
        DashboardFiles::Check(flags) => check(flags),
    }
}

fn files_of(patterns: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for pattern in patterns {
        let found = glob(pattern)
            .with_context(|| format!("cannot list the files of {}", pattern.display()))?;
        if found.is_empty() {
            bail!("no file matches {}", pattern.display());
        }
        files.extend(found);
    }
    Ok(files)
}

fn import(flags: &ImportFlags) -> Result<ExitCode> {
    let mut is_all = true;
    let mut found = Vec::new();
    // Each by itself: two exports of one dashboard have one uid.
    for file in files_of(&flags.files)? {
        match load_dashboards(std::slice::from_ref(&file)) {
            Ok(loaded) => found.extend(loaded.dashboards),
            Err(errors) => {
                eprintln!("{errors}");
                is_all = false;
            }
        }
    }
    match (flags.output, flags.report) {
        (Notation::Json, report) => {
            let each: Vec<Value> = found.iter().map(|of| as_json(of, report)).collect();
            println!("{:#}", Value::from(each));
        }
        (Notation::Yaml, true) => found.iter().for_each(|of| print!("{}", report_text(of))),
        (Notation::Yaml, false) => {
            for (index, of) in found.iter().enumerate() {
                if index > 0 {
                    println!("---");
                }
                print!("{}", to_yaml(&of.imported.dashboard));
                let report = &of.imported.report;
                if report.approximate + report.lost > 0 || !report.findings.is_empty() {
                    eprintln!(
                        "{}: {}; --report tells which",
                        of.file.display(),
                        counts(report)
                    );
                }
            }
        }
    }
    Ok(if is_all {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn as_json(of: &DashboardFile, only_report: bool) -> Value {
    let imported = &of.imported;
    let mut value = json!({
        "file": of.file.display().to_string(),
        "uid": imported.dashboard.uid,
        "title": imported.dashboard.title,
        "report": report_json(&imported.report),
    });
    if !only_report && let Some(object) = value.as_object_mut() {
        object.insert("dashboard".to_owned(), to_json(&imported.dashboard));
    }
    value
}

fn counts(report: &Report) -> String {
    format!(
        "{} panels are the same, {} nearly, {} lost; {} other findings",
        report.same,
        report.approximate,
        report.lost,
        report.findings.len()
    )
}

/// A report for people: what is not the same, panel by panel.
fn report_text(of: &DashboardFile) -> String {
    let report = &of.imported.report;
    let title = &of.imported.dashboard.title;
    let mut text = format!("{}: {title:?}: {}\n", of.file.display(), counts(report));
    let tell = |text: &mut String, finding: &Finding| {
        let severity = finding.severity.as_str();
        text.push_str(&format!(
            "    {severity}: {}: {}\n",
            finding.what, finding.why
        ));
    };
    if !report.findings.is_empty() {
        text.push_str("  the dashboard\n");
        report
            .findings
            .iter()
            .for_each(|finding| tell(&mut text, finding));
    }
    for panel in &report.panels {
        if panel.verdict == Verdict::Same && panel.findings.is_empty() {
            continue;
        }
        let verdict = panel.verdict.as_str();
        let row = if panel.row.is_empty() {
            String::new()
        } else {
            format!(" in {:?}", panel.row)
        };
        text.push_str(&format!(
            "  panel {} {:?}{row} ({}): {verdict}\n",
            panel.id, panel.title, panel.plugin
        ));
        panel
            .findings
            .iter()
            .for_each(|finding| tell(&mut text, finding));
    }
    text
}

fn check(flags: &CheckFlags) -> Result<ExitCode> {
    let loaded = load_dashboards(&files_of(&flags.files)?);
    let (errors, warnings, count) = match &loaded {
        Ok(loaded) => (&[][..], loaded.warnings.as_slice(), loaded.dashboards.len()),
        Err(errors) => (errors.errors.as_slice(), &[][..], 0),
    };
    match flags.output {
        Output::Text => {
            for error in errors {
                println!("error: {error}");
            }
            for warning in warnings {
                println!("warning: {warning}");
            }
            if errors.is_empty() {
                println!("{count} dashboards are in order");
            }
        }
        Output::Json => {
            let each = |problems: &[bellwether_config::Problem]| -> Vec<Value> {
                let each = problems.iter().map(|it| {
                    json!({ "file": it.file, "line": it.position.line, "column": it.position.column, "path": it.path, "message": it.message })
                });
                each.collect()
            };
            let value = json!({ "ok": errors.is_empty(), "dashboards": count, "errors": each(errors), "warnings": each(warnings) });
            println!("{value:#}");
        }
    }
    Ok(if errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}
