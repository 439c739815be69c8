//! Reads all documents of OpenSLO, Sloth and Pyrra below folders, and says whether they mean here what
//! they mean there: `cargo run --release -p bellwether-config --example objective_meaning -- DIR…`.
//!
//! Ends with 1 where one differs, or is refused for another reason than those that we know.

#![expect(clippy::print_stdout, reason = "what it prints is what it is for")]

use std::path::Path;
use std::process::ExitCode;

#[path = "../tests/objectives/meaning/mod.rs"]
mod meaning;

use meaning::{TOLERANCE, compare_file, files_below};

/// Why files are refused that cannot be used without programs that only Sloth has.
const KNOWN_REFUSALS: [&str; 2] = [
    // A plugin of Sloth makes the queries.
    "does not run here: want the queries that it makes",
    // A function of MetricsQL.
    "unknown function with name \"histogram_share\"",
];

fn main() -> ExitCode {
    let mut is_right = true;
    let (mut files, mut objectives, mut refused, mut warnings) = (0, 0, 0, 0);
    let mut worst: f64 = 0.0;
    for folder in std::env::args().skip(1) {
        let found = match files_below(Path::new(&folder)) {
            Ok(found) => found,
            Err(error) => {
                println!("{error}");
                return ExitCode::from(2);
            }
        };
        for file in found {
            files += 1;
            let name = file.display();
            match compare_file(&file) {
                Ok(outcome) => {
                    for warning in &outcome.loaded.warnings {
                        println!("warning: {warning}");
                    }
                    warnings += outcome.loaded.warnings.len();
                    objectives += outcome.compared.len() + outcome.composites;
                    for one in outcome.compared {
                        let (id, share) = (&one.id, one.share);
                        let (difference, groups) = (one.difference, one.groups);
                        println!(
                            "{name}: {id}: {share:.6} bad at most, {groups} group(s), differs by {difference:.1e}"
                        );
                        worst = worst.max(difference);
                        is_right &= difference <= TOLERANCE;
                    }
                }
                Err(error) if KNOWN_REFUSALS.iter().any(|known| error.contains(known)) => {
                    refused += 1;
                    println!("{name}: refused, as it must be: {error}");
                }
                Err(error) => {
                    is_right = false;
                    println!("{name}: WRONG: {error}");
                }
            }
        }
    }
    println!(
        "{files} files, {refused} of them refused for what we cannot run; {objectives} objectives; {warnings} warnings; largest difference {worst:.1e}"
    );
    if is_right && files > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
