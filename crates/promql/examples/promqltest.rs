//! Runs scripts in the PromQL test language: `cargo run --example promqltest -- FILES…`.
//!
//! Prints each failure and then `N passed, N failed`; the exit code is 1 where something failed.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::process::ExitCode;

use bellwether_promql::Engine;
use bellwether_promql::promqltest::{InMemory, Report, engine_options, run_script};

fn main() -> ExitCode {
    let engine = Engine::new(engine_options());
    let mut total = Report::default();
    for path in std::env::args().skip(1) {
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => {
                eprintln!("{path}: {error}");
                return ExitCode::from(2);
            }
        };
        let report = run_script(&text, &engine, &mut InMemory);
        for failure in &report.failures {
            println!("{path}: {failure}");
        }
        println!("{path}: {report}");
        total.merge(report);
    }
    println!("{total}");
    if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
