//! `test rules`: unit tests of rules, as promtool runs them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use bellwether_config::{RuleOptions, RuleTests, glob, load_rule_tests, load_rules};
use bellwether_promql::Features;
use bellwether_rules::GroupSettings;
use bellwether_rules::objective::rules::group;
use bellwether_rules::unit_test::{FailureStyle, RuleTest, TestSettings, dump, unknown_groups};
use clap::Args;

use crate::arguments::Output;
use crate::check::Language;
use crate::junit::{self, Case, Suite};

/// Flags of `test rules`.
#[derive(Debug, Args)]
pub(crate) struct TestRules {
    /// Files of tests, in the format of promtool.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Run only tests whose name matches; may be given several times.
    #[arg(long, value_name = "REGEX")]
    run: Vec<String>,
    /// Print when tests begin and end, and all series at the end of each.
    #[arg(long)]
    debug: bool,
    /// Show only what is different.
    #[arg(long)]
    diff: bool,
    /// Write the results as a JUnit file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Take keys in rule files that no rule has. A server refuses them.
    #[arg(long)]
    ignore_unknown_fields: bool,
    #[command(flatten)]
    language: Language,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Runs tests and tells how they went; exit code 1 where one failed.
pub(crate) fn run(flags: &TestRules) -> Result<ExitCode> {
    let chosen = Chosen::new(&flags.run)?;
    let features = flags.language.features();
    let mut suites = Vec::with_capacity(flags.files.len());
    for file in &flags.files {
        let suite = Suite {
            name: file.display().to_string(),
            cases: run_file(file, flags, &chosen, features),
        };
        if flags.output == Output::Text {
            print_suite(&suite);
        }
        suites.push(suite);
    }
    if let Some(path) = &flags.junit {
        junit::write(path, &suites)?;
    }
    let cases = || suites.iter().flat_map(|suite| &suite.cases);
    let count = cases().count();
    let failed = cases().filter(|case| !case.failures.is_empty()).count();
    match flags.output {
        Output::Text => println!("{} passed, {failed} failed", count - failed),
        Output::Json => {
            let files: Vec<serde_json::Value> = suites.iter().map(suite_json).collect();
            let answer = serde_json::json!({
                "passed": count - failed, "failed": failed, "files": files,
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

/// Which tests are run.
struct Chosen(Vec<bellwether_model::Regexp>);

impl Chosen {
    fn new(patterns: &[String]) -> Result<Self> {
        let compiled = patterns.iter().map(|pattern| {
            // Anywhere in the name.
            bellwether_model::Regexp::anchored(&format!("(?s:.*)(?:{pattern})(?s:.*)"))
                .with_context(|| format!("--run {pattern:?} is not a regular expression"))
        });
        Ok(Self(compiled.collect::<Result<_>>()?))
    }

    fn takes(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.is_match(name))
    }
}

/// Runs the tests of a file. One that cannot be used is a failed case of its own.
fn run_file(file: &Path, flags: &TestRules, chosen: &Chosen, features: Features) -> Vec<Case> {
    let broken = |error: &anyhow::Error| {
        vec![Case {
            name: "unknown".to_owned(),
            failures: vec![crate::told(error)],
        }]
    };
    let tests = match load_rule_tests(file) {
        Ok(tests) => tests,
        Err(error) => return broken(&error.into()),
    };
    let rule_files = match rule_files(&tests) {
        Ok(files) => files,
        Err(error) => return broken(&error),
    };
    let objectives = match tests.slo_files.as_slice() {
        [] => Vec::new(),
        files => match crate::slo::read(files) {
            Ok(objectives) => objectives,
            Err(error) => return broken(&error),
        },
    };
    let settings = TestSettings {
        objectives,
        evaluation_interval_ms: tests.evaluation_interval_ms,
        group_eval_order: tests.group_eval_order.clone(),
        fuzzy_compare: tests.fuzzy_compare,
        features,
        style: if flags.diff {
            FailureStyle::Difference
        } else {
            FailureStyle::Whole
        },
    };
    let options = RuleOptions {
        features,
        interval_ms: tests.evaluation_interval_ms,
        ignore_unknown_keys: flags.ignore_unknown_fields,
        ..RuleOptions::default()
    };
    let groups = match load_rules(&rule_files, &options) {
        Ok(loaded) => {
            let all = &settings.objectives;
            let theirs = all.iter().map(|objective| group(objective, all));
            Ok(loaded.groups.into_iter().chain(theirs).collect())
        }
        Err(error) => Err(error.to_string()),
    };
    let groups: Result<Vec<GroupSettings>, String> = groups;
    if let Ok(groups) = &groups {
        for name in unknown_groups(&tests.group_eval_order, groups) {
            eprintln!("  WARNING: group_eval_order names {name}, and no rule file has it");
        }
    }
    let tests = tests.tests.iter().enumerate();
    let chosen = tests.filter(|(_, test)| chosen.takes(&test.name));
    chosen
        .map(|(index, test)| {
            let name = match test.name.as_str() {
                "" => format!("unnamed#{index}"),
                name => name.to_owned(),
            };
            // Rules that cannot be used fail each test that would use them.
            let failures = match &groups {
                Ok(groups) => run_test(&name, test, groups, &settings, flags.debug),
                Err(error) => vec![error.clone()],
            };
            Case { name, failures }
        })
        .collect()
}

fn run_test(
    name: &str,
    test: &RuleTest,
    groups: &[GroupSettings],
    settings: &TestSettings,
    is_debug: bool,
) -> Vec<String> {
    if is_debug {
        eprintln!("DEBUG: Starting test {name}");
    }
    let begun = std::time::Instant::now();
    let outcome = test.run(groups, settings);
    if is_debug {
        if let Some((store, end_ms)) = &outcome.store {
            match dump(store.as_ref(), *end_ms) {
                Ok(text) => eprintln!(
                    "DEBUG: Dump of all data (input_series and rules) at {end_ms} ms:\n{text}"
                ),
                Err(error) => eprintln!("DEBUG: Failed to read the data: {error}"),
            }
        }
        eprintln!("DEBUG: Test {name} finished, took {:?}", begun.elapsed());
    }
    outcome.failures
}

/// The rule files that a file of tests names.
fn rule_files(tests: &RuleTests) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for pattern in &tests.rule_files {
        let found = glob(pattern)
            .with_context(|| format!("cannot list the files of {}", pattern.display()))?;
        if found.is_empty() {
            eprintln!("  WARNING: no file match pattern {}", pattern.display());
        }
        files.extend(found);
    }
    Ok(files)
}

fn print_suite(suite: &Suite) {
    println!("{}", suite.name);
    let failed = suite.cases.iter().any(|case| !case.failures.is_empty());
    if failed {
        println!("  FAILED:");
        for failure in suite.cases.iter().flat_map(|case| &case.failures) {
            println!("{failure}\n");
        }
    } else {
        println!("  SUCCESS\n");
    }
}

fn suite_json(suite: &Suite) -> serde_json::Value {
    let cases: Vec<serde_json::Value> = suite
        .cases
        .iter()
        .map(|case| serde_json::json!({ "name": case.name, "failures": case.failures }))
        .collect();
    serde_json::json!({ "file": suite.name, "tests": cases })
}

#[cfg(test)]
mod tests;
