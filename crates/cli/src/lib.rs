//! The `bellwether` binary: flags, wiring, signals, exit codes.
//!
//! ## Model
//! Each command is a module. Exit codes: 0, 1 (the answer is no), 2 (could not run),
//! 3 (lints, where they are to be fatal).
//!
//! All of it is a library, since a binary is not compiled before all that it needs is, and a library beside it is.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks"
)]

mod acknowledge;
mod alert_metrics;
mod alerting;
mod allocator;
mod anomaly;
mod arguments;
mod backtest;
mod check;
mod dashboard_files;
mod dashboard_folder;
mod dashboards;
mod demo;
mod external_alertmanagers;
mod forecast;
mod junit;
mod logging;
mod objectives;
mod plot;
mod predictions;
mod probe;
mod probing;
mod remote;
mod replicas;
mod routes_file;
mod rule_editor;
mod rule_folder;
mod scaling;
mod scaling_replay;
mod series_file;
mod serve;
mod simulate;
mod simulations;
mod slo;
mod test_promql;
mod test_routes;
mod test_rules;
mod test_scaling;
mod time_argument;
mod timeline;
mod transitions;
mod whole_file;
mod wiring;
mod witness;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use crate::arguments::{Arguments, Command, Test, as_serve_understands};

/// Takes no lock between threads, and returns freed memory to the system (see
/// [`allocator::return_memory_at_once`]): what a server with a memory ceiling needs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The program: does what its arguments say and gives the exit code.
#[must_use]
pub fn run_program() -> ExitCode {
    allocator::return_memory_at_once();
    let arguments = Arguments::parse_from(as_serve_understands(std::env::args().collect()));
    match run(arguments.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("bellwether: {}", told(&error));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let done = |result: Result<()>| result.map(|()| ExitCode::SUCCESS);
    match command {
        Command::Serve(serve) => done(serve::run(&serve)),
        Command::Demo(demo) => done(demo::run(&demo)),
        Command::Check(check) => check::run(&check),
        Command::Test(Test::Rules(rules)) => test_rules::run(&rules),
        Command::Test(Test::Routes(routes)) => test_routes::run(&routes),
        Command::Test(Test::Scaling(scaling)) => test_scaling::run(&scaling),
        Command::Test(Test::Promql {
            files,
            embedded,
            output,
        }) => test_promql::run(&files, embedded, output),
        Command::Backtest(backtest) => backtest::run(&backtest),
        Command::Forecast(flags) => forecast::run(&flags),
        Command::Anomaly(flags) => anomaly::run(&flags),
        Command::Dashboards(command) => dashboard_files::run(&command),
        Command::Slo(slo) => slo::run(&slo),
        Command::Simulate(simulate) => client_runtime()?.block_on(simulate::run(&simulate)),
        Command::Probe(flags) => client_runtime()?.block_on(probe::run(&flags)),
        Command::Query(query) => done(client_runtime()?.block_on(remote::query(query))),
        Command::Status(remote) => done(client_runtime()?.block_on(remote::status(remote))),
        Command::Timeline(flags) => client_runtime()?.block_on(timeline::run(flags)),
        Command::Acknowledge(flags) => client_runtime()?.block_on(acknowledge::run(flags)),
        Command::Export(export) => done(client_runtime()?.block_on(remote::export(export))),
        Command::Import(import) => done(client_runtime()?.block_on(remote::import(import))),
    }
}

/// An error with its causes, outermost first; a cause that a text before it tells already is not
/// told twice.
fn told(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// A small runtime for commands that only wait for a server.
fn client_runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once() {
        let cause = || std::io::Error::other("disk on fire");
        let error = anyhow::Error::new(cause()).context("cannot open x");
        assert_eq!(told(&error), "cannot open x: disk on fire");
        let error = anyhow::Error::new(cause()).context("cannot open x: disk on fire");
        assert_eq!(told(&error), "cannot open x: disk on fire");
    }
}
