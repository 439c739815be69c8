//! `check config`: what is wrong with a file, without a server.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use bellwether_config::{CheckOptions, CheckReport, check, check_syntax};

use crate::arguments::Output;

/// Checks a configuration and the files it names; exit code 1 where something must be mended.
pub(crate) fn config(file: &Path, output: Output) -> Result<ExitCode> {
    exists(file)?;
    print(&check(file, &CheckOptions::default()), output)
}

/// Checks a configuration alone; exit code 1 where the server would not take it.
pub(crate) fn syntax(file: &Path, output: Output) -> Result<ExitCode> {
    exists(file)?;
    print(&check_syntax(file, &CheckOptions::default()), output)
}

fn exists(file: &Path) -> Result<()> {
    if !file.is_file() {
        bail!("{}: there is no such file", file.display());
    }
    Ok(())
}

fn print(report: &CheckReport, output: Output) -> Result<ExitCode> {
    match output {
        Output::Text => println!("{}", report.to_string().trim_end()),
        Output::Json => println!("{}", serde_json::to_string_pretty(&report.to_json())?),
    }
    Ok(if report.is_ok() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
