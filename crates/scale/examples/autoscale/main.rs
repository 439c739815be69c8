//! Replays traces of AI services through scaling policies, and compares ours with the others.
//!
//! `cargo run --release -p bellwether-scale --example autoscale -- DATA BASELINE` where DATA is the folder
//! of traces and BASELINE the `baseline-shared.json` that `testkit/autoscale/sim.py` has written. It
//! first checks that the simulator gives the figures of BASELINE for all its traces and policies, digit
//! for digit; then it prints what `Policy::predictive` gives beside the in-flight rule of the Horizontal
//! Pod Autoscaler, and fails if the objective of ADR 0006 is missed anywhere.
//!
//! With `--robustness` it does the second part for other seeds, days, models, cuts and start-up times,
//! and counts.

mod reference;
mod report;
mod traces;
mod twister;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

fn main() -> Result<()> {
    let mut is_robustness = false;
    let mut paths = Vec::new();
    for argument in std::env::args().skip(1) {
        if argument == "--robustness" {
            is_robustness = true;
        } else {
            paths.push(PathBuf::from(argument));
        }
    }
    let data = paths
        .first()
        .context("usage: autoscale DATA BASELINE [--robustness]")?;
    if is_robustness {
        return report::robustness(data);
    }
    let baseline = paths
        .get(1)
        .context("usage: autoscale DATA BASELINE [--robustness]")?;
    let text = std::fs::read_to_string(baseline)
        .with_context(|| format!("read {}", baseline.display()))?;
    let expected = serde_json::from_str(&text).context("the baseline is no JSON")?;
    let traces = traces::six(data)?;
    report::reproduce(&traces, &expected)?;
    let missed = report::compare(&traces)?;
    ensure!(missed == 0, "{missed} traces miss the objective");
    Ok(())
}
