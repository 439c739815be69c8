//! The gate and the chores of this repository, in Rust so that they run the same everywhere.
//!
//! ## Model
//! `cargo xtask test` is the whole gate, on a laptop as in CI: tools, format, lints, tests of every
//! layer, documents, tidy, a short run of the fuzz targets. The other commands are its parts, or
//! chores that are not in the gate (`bench`, long `fuzz`, `conformance`).
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks"
)]

mod blackbox_files;
mod configs;
mod deny;
mod grafana;
mod openapi;
mod public_api;
mod rule_files;
mod rule_tests;
mod shell;
mod tidy;
mod tools;
mod ui;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::shell::{Step, cargo, root};

const USAGE: &str = "\
usage: cargo xtask <command>

  test                    the whole gate: what CI runs
  ci                      the same
  check                   format, lints, tidy, ui/openapi.json and documents only
  tidy                    layer edges, links in pages, house rules
  ui [--write]            types, lints and unit tests of the web UI, or its types of the API anew
  blackbox                tests of the real binary over HTTP, with real peers and a browser
  fuzz [--seconds N]      every fuzz target for N seconds (default 10)
  public-api [--write]    the SDK's public API against crates/sdk/public-api.txt, or that file anew
  openapi [--write]       the HTTP API against ui/openapi.json, or that file anew
  bench [-- ARGS]         side by side with the peers; see bench/README.md
  conformance --upstream DIR | --compliance DIR | --configs DIR | --rules DIR | --blackbox DIR |
              --slos DIR | --dashboards DIR | --grafana DIR [--show WHAT [COUNT]]
                          test suites of prometheus/prometheus or prometheus/compliance, the
                          Prometheus configurations or rule files of public projects, the files of
                          prometheus/blackbox_exporter, or the objectives of OpenSLO, Sloth and
                          Pyrra, or dashboards of Grafana, from checkouts outside of this repository;
                          --grafana compares them with Grafana's own packages in DIR/node_modules;
                          BELLWETHER_BIN names a binary that is there already, but for --compliance
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let (command, rest) = arguments
        .split_first()
        .map_or(("", arguments), |(c, r)| (c.as_str(), r));
    match command {
        "test" | "ci" => gate(),
        "check" => check(),
        "tidy" => tidy::run(&root()?),
        "ui" => match rest {
            [] => ui::run(false),
            [what] if what == "--write" => ui::run(true),
            _ => bail!("ui takes nothing, or --write"),
        },
        "blackbox" => blackbox(),
        "fuzz" => fuzz("release", option(rest, "--seconds")?.unwrap_or("10")),
        "public-api" => match rest {
            [] => public_api::run(false),
            [what] if what == "--write" => public_api::run(true),
            _ => bail!("public-api takes nothing, or --write"),
        },
        "openapi" => match rest {
            [] => openapi::run(false),
            [what] if what == "--write" => openapi::run(true),
            _ => bail!("openapi takes nothing, or --write"),
        },
        "bench" => bench(rest),
        "conformance" => match rest {
            [what, folder] if what == "--upstream" => conformance(folder),
            [what, folder] if what == "--compliance" => compliance(folder),
            [what, folder] if what == "--configs" => {
                configs::run(std::path::Path::new(folder), &given_or_built()?)
            }
            [what, folder] if what == "--rules" => {
                rule_files::run(std::path::Path::new(folder), &given_or_built()?)
            }
            [what, folder] if what == "--blackbox" => {
                blackbox_files::run(std::path::Path::new(folder), &given_or_built()?)
            }
            [what, folder] if what == "--slos" => objectives(folder),
            [what, folder] if what == "--dashboards" => dashboards(folder),
            [what, folder, more @ ..] if what == "--grafana" => grafana::run(folder, more),
            _ => bail!(
                "conformance needs --upstream DIR, --compliance DIR, --configs DIR, --rules DIR, \
                 --blackbox DIR, --slos DIR, --dashboards DIR or --grafana DIR"
            ),
        },
        "" | "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("there is no command {other:?}\n\n{USAGE}"),
    }
}

/// The seed of property tests in the gate, which judges a change and not the luck of the day. `cargo test`
/// outside of it takes another one each time.
const SEED: &str = "20261130";

/// The whole gate. Steps run in the order in which they find most mistakes soonest.
fn gate() -> Result<()> {
    tools::install()?;
    check()?;
    ui::run(false)?;
    cargo(&["test", "--workspace", "--exclude", "bellwether-blackbox"])
        .env("PROPTEST_RNG_SEED", SEED)
        .step("unit, property, crash")?;
    // What services may switch on.
    cargo(&[
        "clippy",
        "-p",
        "bellwether-sdk",
        "--all-features",
        "--all-targets",
        "--quiet",
    ])
    .args(["--", "-D", "warnings"])
    .step("lints of the SDK's features")?;
    cargo(&["test", "-p", "bellwether-sdk", "--all-features", "--quiet"])
        .env("PROPTEST_RNG_SEED", SEED)
        .step("the SDK's features")?;
    public_api::run(false)?;
    // Unoptimised here: the build is there already, and overflow checks are on.
    fuzz("dev", "2")?;
    blackbox()
}

fn check() -> Result<()> {
    cargo(&["fmt", "--all", "--check"]).step("format")?;
    tidy::run(&root()?)?;
    cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ])
    .step("lints")?;
    openapi::run(false)?;
    cargo(&["doc", "--workspace", "--no-deps", "--quiet"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .step("documents of the crates")
}

/// Tests of the release binary from outside: HTTP, real peers, real clients, a browser.
fn blackbox() -> Result<()> {
    tools::install()?;
    cargo(&["build", "--release", "--package", "bellwether"]).step("release build")?;
    cargo(&[
        "test",
        "--package",
        "bellwether-blackbox",
        "--no-fail-fast",
        "--",
        "--test-threads=2",
    ])
    .env("RUST_BACKTRACE", "0")
    .env(
        "BELLWETHER_BIN",
        shell::target_dir()?.join("release/bellwether"),
    )
    .env("PYTHON", tools::python()?)
    .env("PYTHON_MCP_1", tools::python_mcp_1()?)
    .env("NODE_PATH", tools::node_modules()?)
    .step("black box, interop, browser")
}

fn fuzz(profile: &str, seconds: &str) -> Result<()> {
    let run = [
        "run",
        "--profile",
        profile,
        "--package",
        "bellwether-fuzz",
        "--",
    ];
    cargo(&run)
        .args(["--seconds", seconds])
        .step("fuzz targets")
}

fn bench(rest: &[String]) -> Result<()> {
    tools::install()?;
    cargo(&["build", "--release", "--package", "bellwether"]).step("release build")?;
    let rest: Vec<&str> = rest
        .iter()
        .map(String::as_str)
        .filter(|a| *a != "--")
        .collect();
    let mut command = vec!["run", "--release", "--package", "bellwether-bench", "--"];
    command.extend(rest);
    cargo(&command)
        .env(
            "BELLWETHER_BIN",
            shell::target_dir()?.join("release/bellwether"),
        )
        .step("benchmarks")
}

/// Upstream's own PromQL scripts and unit tests of rules, run by our binary from a checkout that is not
/// ours.
fn conformance(upstream: &str) -> Result<()> {
    let folder = std::path::Path::new(upstream).join("promql/promqltest/testdata");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .with_context(|| format!("{} is not a checkout of prometheus", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "test")
    });
    files.sort();
    let binary = given_or_built()?;
    let mut step = Step::new(&binary);
    step.args(["test", "promql"]);
    step.args(files);
    step.step("promqltest scripts of upstream")?;
    rule_tests::run(std::path::Path::new(upstream), &binary)
}

/// Documents of OpenSLO, Sloth and Pyrra, and whether they mean here what they mean there.
fn objectives(folder: &str) -> Result<()> {
    let folder = std::path::absolute(folder)?;
    let mut step = cargo(&["run", "--release", "--package", "bellwether-config"]);
    step.args(["--example", "objective_meaning", "--"]);
    step.args([folder]);
    step.step("meaning of objectives of other programs")
}

/// Dashboards of Grafana, and how many of their panels show here what they showed there.
fn dashboards(folder: &str) -> Result<()> {
    let folder = std::path::absolute(folder)?;
    let mut step = cargo(&["run", "--release", "--package", "bellwether-dashboards"]);
    step.args(["--example", "dashboard_conformance", "--"]);
    step.args([folder]);
    step.step("dashboards of Grafana")
}

/// The binary that `BELLWETHER_BIN` names, or a fresh one.
fn given_or_built() -> Result<std::path::PathBuf> {
    if let Some(binary) = std::env::var_os("BELLWETHER_BIN") {
        return Ok(binary.into());
    }
    tools::install()?;
    cargo(&["build", "--release", "--package", "bellwether"]).step("release build")?;
    Ok(shell::target_dir()?.join("release/bellwether"))
}

/// The queries of prometheus/compliance on our binary and on Debian's Prometheus.
fn compliance(folder: &str) -> Result<()> {
    tools::install()?;
    cargo(&["build", "--release", "--package", "bellwether"]).step("release build")?;
    let queries = std::path::Path::new(folder).join("promql/promql-test-queries.yml");
    let mut step = Step::new(tools::python()?);
    step.args([root()?.join("tests/clients/compliance.py")]);
    step.args([shell::target_dir()?.join("release/bellwether"), queries]);
    step.step("queries of prometheus/compliance")
}

fn option<'a>(arguments: &'a [String], name: &str) -> Result<Option<&'a str>> {
    match arguments.iter().position(|argument| argument == name) {
        None => Ok(None),
        Some(at) => match arguments.get(at + 1) {
            Some(value) => Ok(Some(value)),
            None => bail!("{name} needs a value"),
        },
    }
}
