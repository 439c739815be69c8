//! Runs PromQL test scripts: `cargo run -p bellwether-promql --example promql_scripts -- FILE…`.
#![expect(clippy::print_stdout, reason = "the report is what the program is for")]

use bellwether_promql::Engine;
use bellwether_promql::promqltest::{InMemory, engine_options, run_script};

fn main() -> std::io::Result<()> {
    let (mut passed, mut failed) = (0, 0);
    for path in std::env::args().skip(1) {
        let text = std::fs::read_to_string(&path)?;
        let report = run_script(&text, &Engine::new(engine_options()), &mut InMemory);
        passed += report.passed;
        failed += report.failed;
        println!("{path}: {} passed, {} failed", report.passed, report.failed);
        for failure in &report.failures {
            println!("  {failure}");
        }
    }
    println!("{passed} passed, {failed} failed");
    Ok(())
}
