//! `check config`: what is wrong with a file, without a server.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use bellwether_config::{CheckOptions, check};

use crate::arguments::Output;

/// Checks a configuration; exit code 1 where the server would not take it.
pub(crate) fn config(file: &Path, output: Output) -> Result<ExitCode> {
    if !file.is_file() {
        bail!("{}: there is no such file", file.display());
    }
    let report = check(file, &CheckOptions::default());
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
