//! Time to exhaustion on real series, and the bottleneck of simulated request paths.
#![expect(clippy::print_stdout, reason = "a measurement prints")]

mod cases;
mod cost;
mod data;
mod hours_left;
mod line;
mod path;
mod random;
mod staged;

use std::path::Path;

use anyhow::{Context, Result};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |word: &str| arguments.iter().any(|argument| argument == word);
    match arguments.first().map(String::as_str) {
        Some("hours-left") => {
            let root = arguments.get(1).context("the folder of shared data")?;
            let part = if has("middle") {
                cases::Part::Middle
            } else {
                cases::Part::Last
            };
            hours_left::run(Path::new(root), part, has("verbose"))
        }
        Some("bottleneck") => {
            let seed = arguments
                .get(1)
                .and_then(|word| word.parse().ok())
                .unwrap_or(0);
            staged::run(200, seed, has("verbose"));
            Ok(())
        }
        Some("cost") => {
            cost::run();
            Ok(())
        }
        _ => anyhow::bail!("hours-left FOLDER [middle], bottleneck, or cost"),
    }
}
