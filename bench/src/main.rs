//! Bellwether beside its peers, in one run, on the same data: CPU seconds, bytes and ratios.
//!
//! ## Model
//! Each suite starts the servers one after the other on free ports with empty data folders, gives
//! them the same work and reads their CPU time and memory from `/proc`. Wall time is used only for
//! the latency of queries, where the servers take turns.
//!
//! ## See also
//! `bench/README.md` for what each suite does and how to read its table.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks"
)]

mod data;
mod ingest;
mod latency;
mod limits;
mod memory;
mod peer;
mod query;
mod report;
mod restart;
mod rules;
mod scrape;
mod sdk;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Parser;

/// Bellwether beside its peers.
#[derive(Debug, Parser)]
struct Arguments {
    /// Suites to run, separated by commas: ingest, memory, query, scrape, rules, latency, restart, limits, sdk.
    #[arg(
        long,
        default_value = "ingest,memory,query,scrape,rules,latency,restart,limits,sdk",
        value_delimiter = ','
    )]
    only: Vec<String>,
    /// Servers to run, separated by commas.
    #[arg(
        long,
        default_value = "bellwether,victoriametrics,prometheus",
        value_delimiter = ','
    )]
    servers: Vec<String>,
    /// Hours of data in the ingest suite (the query suite takes four times as many).
    #[arg(long, default_value_t = 6.0)]
    hours: f64,
    /// Active series in the ingest suite (memory takes five times as many).
    #[arg(long, default_value_t = 20_000)]
    series: usize,
    /// Minutes that the scrape suite runs.
    #[arg(long, default_value_t = 10.0)]
    scrape_minutes: f64,
    /// Minutes that the rules suite runs with rules.
    #[arg(long, default_value_t = 5.0)]
    rules_minutes: f64,
    /// Faults of the latency suite.
    #[arg(long, default_value_t = 1_000)]
    faults: usize,
    /// Where data folders go; a temporary folder if not given.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Writes the tables as Markdown to this file too.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Puts the summary into this README, in the place of the one that is there.
    #[arg(long)]
    readme: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    // Only the first call in a process takes effect. Needed where the HTTP client is built together
    // with crates that choose the provider themselves.
    drop(rustls::crypto::ring::default_provider().install_default());
    let servers = arguments
        .servers
        .iter()
        .map(|name| peer::Kind::parse(name))
        .collect::<Result<Vec<_>>>()?;
    let scratch = match &arguments.dir {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let mut report = report::Report::default();
    for suite in &arguments.only {
        eprintln!("== {suite}");
        let folder = scratch.path().join(suite);
        let table = runtime.block_on(async {
            match suite.as_str() {
                "ingest" => ingest::run(&servers, &folder, arguments.series, arguments.hours).await,
                "memory" => memory::run(&servers, &folder, arguments.series * 5).await,
                "query" => query::run(&servers, &folder, arguments.hours * 4.0).await,
                "scrape" => scrape::run(&servers, &folder, arguments.scrape_minutes).await,
                "rules" => rules::run(&servers, &folder, arguments.rules_minutes).await,
                "latency" => latency::run(&servers, &folder, arguments.faults).await,
                "restart" => restart::run(&servers, &folder, arguments.series * 5).await,
                "sdk" => sdk::run(),
                "limits" => limits::run(&folder, arguments.series * 100).await,
                other => bail!("there is no suite {other:?}: want ingest, memory, query, scrape, rules, latency, restart, limits, sdk"),
            }
        })?;
        println!("{table}");
        report.add(table);
    }
    println!("### Summary\n\n{}", report.summary());
    if let Some(file) = &arguments.out {
        std::fs::write(
            file,
            format!("{report}\n### Summary\n\n{}", report.summary()),
        )?;
    }
    if let Some(readme) = &arguments.readme {
        report.write_into(readme)?;
    }
    let failures: Vec<&String> = report.failures().collect();
    if !failures.is_empty() {
        bail!("answers differ from those of the peers: {failures:#?}");
    }
    Ok(())
}
