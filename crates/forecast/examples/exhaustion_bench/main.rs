//! Time to exhaustion on real series, and the bottleneck of simulated request paths.
#![expect(clippy::print_stdout, reason = "a measurement prints")]
#![allow(missing_docs)]

mod data;
mod hours_left;
mod path;
mod random;
mod staged;

use std::path::Path;

use anyhow::{Context, Result};
use bellwether_forecast::exhaustion::Tuning;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    match arguments.first().map(String::as_str) {
        Some("hours-left") => {
            let root = arguments.get(1).context("the folder of shared data")?;
            let part = if has("middle") { hours_left::Part::Middle } else { hours_left::Part::Last };
            let mut tuning = Tuning::default();
            for argument in &arguments {
                if let Some((key, value)) = argument.split_once('=') {
                    let value: f64 = value.parse()?;
                    match key {
                        "rounds" => tuning.rounds = value as usize,
                        "rate" => tuning.rate = value,
                        "prior" => tuning.prior_weight = value,
                        "sp" => tuning.spread_prior = value,
                        "sw" => tuning.spread_weight = value,
                        "gs" => tuning.gamma_spend = value,
                        "gl" => tuning.gamma_level = value,
                        "families" => tuning.families = value as u32,
                        "only" => tuning.only = Some(value as usize),
                        "fit" => tuning.fit_origins = value as usize,
                        "recency" => tuning.recency = value,
                        _ => anyhow::bail!("{key}"),
                    }
                }
            }
            hours_left::run(Path::new(root), part, &tuning, has("verbose"))
        }
        Some("bottleneck") => {
            let seed = arguments.get(1).and_then(|word| word.parse().ok()).unwrap_or(0);
            staged::run(200, seed, has("verbose"));
            Ok(())
        }
        _ => anyhow::bail!("hours-left FOLDER [middle], bottleneck, or cost"),
    }
}
