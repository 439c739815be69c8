//! `test routes`: where alerts go, without a server.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use bellwether_config::{NotificationConfig, RouteTest, load_route_tests};
use bellwether_model::{Labels, MatchOp, short};
use bellwether_notify::{RouteSettings, RouteTree, TakenRoute, parse_matcher, taken_routes};
use clap::Args;

use crate::arguments::Output;
use crate::junit::{self, Case, Suite};
use crate::routes_file::RoutesFile;

/// Flags of `test routes`.
#[derive(Debug, Args)]
pub(crate) struct TestRoutes {
    /// Either labels of one alert, NAME=VALUE each, or files of cases.
    #[arg(value_name = "NAME=VALUE|FILE")]
    items: Vec<String>,
    /// An alertmanager.yml, or a configuration with notifications.
    #[arg(long, alias = "config.file", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Receivers that the alert must have, in the order of the tree; exit code 1 where it has others.
    #[arg(
        long = "verify.receivers",
        value_name = "NAME,…",
        value_delimiter = ','
    )]
    verify_receivers: Option<Vec<String>>,
    /// Print the routing tree, and which of its routes the alert takes.
    #[arg(long)]
    tree: bool,
    /// Write the results of cases as a JUnit file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Tells where alerts go; exit code 1 where they do not go where they should.
pub(crate) fn run(flags: &TestRoutes) -> Result<ExitCode> {
    let (labels, files): (Vec<&String>, Vec<&String>) =
        flags.items.iter().partition(|item| is_label(item));
    if !files.is_empty() {
        if !labels.is_empty() || flags.tree || flags.verify_receivers.is_some() {
            bail!(
                "files of cases stand beside labels or flags for one alert: want one or the other"
            );
        }
        return run_files(flags, &files);
    }
    if flags.junit.is_some() {
        bail!("--junit is for files of cases, and there are none");
    }
    let Some(config) = &flags.config else {
        bail!(
            "--config is missing: want an alertmanager.yml, or a configuration with notifications"
        );
    };
    let config = RoutesFile::read(config)?.notifications;
    one_alert(flags, &config, &labels_of(&labels)?)
}

/// A file that is there is a file, whatever its name.
fn is_label(item: &str) -> bool {
    item.contains('=') && !Path::new(item).is_file()
}

fn labels_of(items: &[&String]) -> Result<Labels> {
    let mut pairs = Vec::new();
    for item in items {
        let matcher = parse_matcher(item)?;
        if matcher.op != MatchOp::Equal {
            bail!("{:?} is not a label: want name=value", short(item));
        }
        pairs.push((matcher.name, matcher.value));
    }
    Ok(Labels::from_pairs(pairs))
}

fn one_alert(flags: &TestRoutes, config: &NotificationConfig, labels: &Labels) -> Result<ExitCode> {
    let taken = taken_routes(&config.plan, labels, None);
    let receivers: Vec<&str> = taken.iter().map(|route| route.receiver.as_str()).collect();
    let is_right = flags
        .verify_receivers
        .as_ref()
        .is_none_or(|want| receivers == *want);
    match flags.output {
        Output::Text => {
            if flags.tree {
                print!(
                    "{}",
                    tree_text(&config.root_route, &config.plan.routes, &taken)
                );
            }
            println!("{}", receivers.join(","));
        }
        Output::Json => {
            let routes: Vec<serde_json::Value> = taken
                .iter()
                .map(|taken| {
                    let id = config.plan.routes.get(taken.route).map(|route| &route.id);
                    serde_json::json!({ "receiver": taken.receiver, "route": id })
                })
                .collect();
            let answer = serde_json::json!({ "ok": is_right, "routes": routes });
            println!("{}", serde_json::to_string_pretty(&answer)?);
        }
    }
    if let Some(want) = flags.verify_receivers.as_ref().filter(|_| !is_right) {
        eprintln!(
            "the alert goes to {}, not to {}",
            receivers.join(","),
            want.join(",")
        );
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The tree, a line for each route: `>` before those on the way of the alert, `taken` behind those
/// at its end.
fn tree_text(root: &RouteSettings, tree: &RouteTree, taken: &[TakenRoute]) -> String {
    let mut text = String::new();
    let mut index = 0;
    push_route(&mut text, root, tree, taken, &mut index, 0);
    text
}

/// Writes a route and those below it. `index` is its place in the tree, and afterwards that of the
/// route after them.
fn push_route(
    text: &mut String,
    settings: &RouteSettings,
    tree: &RouteTree,
    taken: &[TakenRoute],
    index: &mut usize,
    depth: usize,
) {
    let own = *index;
    *index += 1;
    let mut below = String::new();
    for child in &settings.routes {
        push_route(&mut below, child, tree, taken, index, depth + 1);
    }
    let is_end = taken.iter().any(|taken| taken.route == own);
    let is_on_the_way = taken
        .iter()
        .any(|taken| (own..*index).contains(&taken.route));
    let Some(route) = tree.get(own) else { return };
    text.push_str(if is_on_the_way { "> " } else { "  " });
    text.push_str(&"  ".repeat(depth));
    let matchers: Vec<String> = route.matchers.iter().map(ToString::to_string).collect();
    if matchers.is_empty() {
        text.push_str("every alert");
    } else {
        text.push_str(&matchers.join(", "));
    }
    text.push_str("  receiver: ");
    text.push_str(&route.receiver);
    if route.goes_on {
        text.push_str("  continue: true");
    }
    if is_end {
        text.push_str("  (taken)");
    }
    text.push('\n');
    text.push_str(&below);
}

fn run_files(flags: &TestRoutes, files: &[&String]) -> Result<ExitCode> {
    let mut suites = Vec::new();
    for file in files {
        let tests = load_route_tests(Path::new(file))?;
        let Some(config) = flags.config.as_ref().or(tests.config.as_ref()) else {
            bail!("{file}: has no config: name the configuration there or with --config");
        };
        let config = RoutesFile::read(config)?.notifications;
        suites.push(Suite {
            name: (*file).clone(),
            cases: tests
                .tests
                .iter()
                .map(|test| Case {
                    name: test.name.clone(),
                    failures: failures(test, &config)
                        .into_iter()
                        .map(|failure| format!("{file}:{}: {failure}", test.line))
                        .collect(),
                })
                .collect(),
        });
    }
    if let Some(path) = &flags.junit {
        junit::write(path, &suites)?;
    }
    let cases = || suites.iter().flat_map(|suite| &suite.cases);
    let count = cases().count();
    let failed = cases().filter(|case| !case.failures.is_empty()).count();
    if count == 0 {
        bail!("the files hold no test");
    }
    match flags.output {
        Output::Text => {
            for failure in cases().flat_map(|case| &case.failures) {
                println!("{failure}");
            }
            println!("{} passed, {failed} failed", count - failed);
        }
        Output::Json => {
            let tests: Vec<serde_json::Value> = cases()
                .map(|case| serde_json::json!({ "name": case.name, "failures": case.failures }))
                .collect();
            let answer = serde_json::json!({
                "passed": count - failed, "failed": failed, "tests": tests,
            });
            println!("{}", serde_json::to_string_pretty(&answer)?);
        }
    }
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What is not as a case wants it.
fn failures(test: &RouteTest, config: &NotificationConfig) -> Vec<String> {
    let taken = taken_routes(&config.plan, &test.labels, test.at_ms);
    let mut found = Vec::new();
    if let Some(want) = &test.receivers {
        let mut got: Vec<&str> = taken.iter().map(|route| route.receiver.as_str()).collect();
        got.sort_unstable();
        if got != *want {
            found.push(format!(
                "{}: goes to [{}], not to [{}]",
                test.name,
                got.join(", "),
                want.join(", ")
            ));
        }
    }
    if let Some(want) = test.muted {
        for route in taken
            .iter()
            .filter(|route| route.muted_by.is_empty() == want)
        {
            found.push(if want {
                format!(
                    "{}: receiver {} is not muted then",
                    test.name, route.receiver
                )
            } else {
                format!(
                    "{}: receiver {} is muted then by {}",
                    test.name,
                    route.receiver,
                    route.muted_by.join(", ")
                )
            });
        }
    }
    found
}

#[cfg(test)]
mod tests;
