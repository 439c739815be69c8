//! `anomaly`: how anomalous each sample of a file is, seen from those before it.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use bellwether_forecast::anomaly::{Detector, Options, Part, THRESHOLD, Verdict};
use clap::Args;
use serde_json::{Value, json};

use crate::forecast::{RowOutput, print_whole};
use crate::plot::{Line, Plot, Strip};
use crate::series_file::SeriesFile;

/// Flags of `anomaly`.
#[derive(Debug, Args)]
pub(crate) struct AnomalyFlags {
    /// A CSV file with the columns timestamp,value; `-` is standard input, `.gz` is unpacked.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Also say what was expected, what is usual, and what is unusual about the sample.
    #[arg(long)]
    explain: bool,
    /// Also draw a picture, as SVG.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "csv")]
    output: RowOutput,
}

/// A sample with what is said of it.
struct Row {
    time: String,
    time_ms: i64,
    value: f64,
    verdict: Verdict,
}

/// Judges each sample in the order of the file, and tells.
pub(crate) fn run(flags: &AnomalyFlags) -> Result<ExitCode> {
    let file = SeriesFile::read(&flags.input)?;
    let mut detector = Detector::new(Options::default());
    let samples = file.samples.iter();
    let rows: Vec<Row> = samples
        .map(|&(time_ms, value)| Row {
            time: file.style.text(time_ms),
            time_ms,
            value,
            verdict: detector.push(time_ms, value),
        })
        .collect();
    if let Some(path) = &flags.plot {
        let picture = picture(&rows).svg();
        std::fs::write(path, picture)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    match flags.output {
        RowOutput::Csv => print_whole(&csv(&rows, flags.explain))?,
        RowOutput::Json => {
            let document = serde_json::to_string_pretty(&document(&rows, flags.explain))?;
            print_whole(&format!("{document}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn csv(rows: &[Row], explain: bool) -> String {
    let mut out = String::from("timestamp,value,score,alarm");
    if explain {
        out.push_str(",expected,low,high,once_in,what");
    }
    out.push('\n');
    for row in rows {
        let alarm = u8::from(row.verdict.alarm);
        let value = cell(row.value);
        write!(out, "{},{value},{},{alarm}", row.time, row.verdict.score).ok();
        if explain {
            let why = &row.verdict.explanation;
            for number in [why.expected, why.low, why.high, why.once_in] {
                write!(out, ",{}", cell(number)).ok();
            }
            write!(out, ",{}", what(row)).ok();
        }
        out.push('\n');
    }
    out
}

/// A number; nothing where there is none.
fn cell(number: f64) -> String {
    if number.is_nan() {
        String::new()
    } else {
        number.to_string()
    }
}

/// What is unusual: also of samples whose score is low, since they follow an anomalous one.
fn what(row: &Row) -> String {
    match row.verdict.explanation.part {
        Part::Nothing => String::new(),
        part => part.to_string(),
    }
}

fn document(rows: &[Row], explain: bool) -> Value {
    let rows = rows.iter().map(|row| {
        let mut one = json!({
            "timestamp": row.time,
            "value": row.value,
            "score": row.verdict.score,
            "alarm": row.verdict.alarm,
        });
        if explain {
            let why = &row.verdict.explanation;
            one["explanation"] = json!({
                "expected": why.expected, "low": why.low, "high": why.high,
                "onceIn": why.once_in, "what": what(row),
            });
        }
        one
    });
    json!({ "threshold": THRESHOLD, "samples": rows.collect::<Vec<_>>() })
}

fn picture(rows: &[Row]) -> Plot {
    let seconds = |row: &Row| row.time_ms as f64 / 1_000.0;
    let mut marks: Vec<(f64, f64)> = Vec::new();
    let mut was_on = false;
    for row in rows {
        let is_on = row.verdict.alarm;
        match marks.last_mut() {
            Some(mark) if is_on && was_on => mark.1 = seconds(row),
            _ if is_on => marks.push((seconds(row), seconds(row))),
            _ => {}
        }
        was_on = is_on;
    }
    Plot {
        title: format!("{} samples, {} alarms", rows.len(), marks.len()),
        x_name: "UTC".to_owned(),
        x_is_time: true,
        y_is_free: true,
        lines: vec![Line {
            name: "value".to_owned(),
            points: rows.iter().map(|row| (seconds(row), row.value)).collect(),
            is_stepped: false,
        }],
        strip: Some(Strip {
            name: "score".to_owned(),
            points: rows
                .iter()
                .map(|row| (seconds(row), row.verdict.score))
                .collect(),
            threshold: THRESHOLD,
        }),
        marks,
        mark_name: "alarm".to_owned(),
        ..Plot::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: i64) -> Vec<Row> {
        let mut detector = Detector::new(Options::default());
        let value = |at: i64| {
            if at < 300 {
                (at * 7919 % 97) as f64 / 97.0
            } else {
                40.0
            }
        };
        let samples = (0..count).map(|at| (at * 60_000, value(at)));
        samples
            .map(|(time_ms, value)| Row {
                time: (time_ms / 1_000).to_string(),
                time_ms,
                value,
                verdict: detector.push(time_ms, value),
            })
            .collect()
    }

    #[test]
    fn a_step_is_an_alarm_in_rows_document_and_picture() {
        let rows = rows(310);
        let csv = csv(&rows, false);
        assert!(
            csv.starts_with("timestamp,value,score,alarm\n0,0,0,0\n"),
            "{csv}"
        );
        assert!(
            csv.lines().last().is_some_and(|line| line.ends_with(",1")),
            "{csv}"
        );
        assert_eq!(document(&rows, true)["samples"][309]["alarm"], true);
        let plot = picture(&rows);
        assert_eq!(plot.marks.len(), 1);
        assert!(plot.svg().contains("score"));
    }

    #[test]
    fn explanations_are_empty_while_it_learns() {
        let text = csv(&rows(3), true);
        assert_eq!(text.lines().nth(1), Some("0,0,0,0,,,,,"));
    }
}
