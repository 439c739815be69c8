//! `test promql`: scripts in the language of promqltest.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use bellwether_promql::Engine;
use bellwether_promql::promqltest::{Backend, InMemory, Report, engine_options, run_script};
use bellwether_storage::{ManualClock, MetricStore, RealDisk, StorageError};
use bellwether_tsdb::EngineSettings;

use crate::arguments::Output;

/// Runs scripts and tells how they went; exit code 1 where one failed.
pub(crate) fn run(files: &[PathBuf], embedded: bool, output: Output) -> Result<ExitCode> {
    let engine = Engine::new(engine_options());
    let scratch = tempfile::tempdir()?;
    let mut total = Report::default();
    let mut by_file = Vec::new();
    for file in files {
        let script = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read {}", file.display()))?;
        let report = if embedded {
            run_script(&script, &engine, &mut Embedded::new(scratch.path()))
        } else {
            run_script(&script, &engine, &mut InMemory)
        };
        if output == Output::Text {
            for failure in &report.failures {
                println!("{}: {failure}", file.display());
            }
        }
        let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        by_file.push(serde_json::json!({
            "file": file.display().to_string(), "passed": report.passed, "failed": report.failed,
            "failures": failures,
        }));
        total.merge(report);
    }
    match output {
        Output::Text => println!("{total}"),
        Output::Json => println!(
            "{}",
            serde_json::to_string_pretty(&serde_json::json!({
                "passed": total.passed, "failed": total.failed, "files": by_file,
            }))?
        ),
    }
    if total.passed + total.failed == 0 {
        bail!("the files hold no evaluation");
    }
    Ok(if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Makes embedded engines in folders of their own.
struct Embedded<'a> {
    scratch: &'a Path,
    count: usize,
}

impl<'a> Embedded<'a> {
    fn new(scratch: &'a Path) -> Self {
        Self { scratch, count: 0 }
    }
}

impl Backend for Embedded<'_> {
    fn open(&mut self) -> Result<Arc<dyn MetricStore>, StorageError> {
        self.count += 1;
        let folder = tempfile::tempdir_in(self.scratch)
            .map_err(|source| StorageError::Io {
                operation: "make a folder in",
                path: self.scratch.display().to_string(),
                source,
            })?
            .keep();
        // Scripts begin at the epoch: a clock that stands there keeps retention away from them.
        let clock = Arc::new(ManualClock::new(0));
        let settings = EngineSettings {
            future_max_ms: 0,
            ..EngineSettings::default()
        };
        let engine = bellwether_tsdb::Engine::open(Arc::new(RealDisk), &folder, clock, settings)?;
        Ok(engine)
    }
}
