//! `test scaling`: what policies make of loads, against what they shall.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use bellwether_config::{
    Config, ScalingPolicy, ScalingTest, TestedLoad, TestedPolicy, load_scaling_tests,
};
use bellwether_model::short;
use bellwether_model::time::DurationText;
use clap::Args;

use crate::arguments::Output;
use crate::junit::{self, Case, Suite};
use crate::scaling_replay::{Replayed, Stage, end_of, read_trace, replay, stretches};

/// Flags of `test scaling`.
#[derive(Debug, Args)]
pub(crate) struct TestScaling {
    /// Files of cases.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The configuration with the scalers that cases name.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write the results as a JUnit file.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// How to print the answer.
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
}

/// Runs the cases; exit code 1 where one fails.
pub(crate) fn run(flags: &TestScaling) -> Result<ExitCode> {
    let mut suites = Vec::new();
    for file in &flags.files {
        let tests = load_scaling_tests(file)?;
        let config = flags.config.as_ref().or(tests.config.as_ref());
        let config = config
            .map(|path| policies(path))
            .transpose()?
            .unwrap_or_default();
        let name = file.display().to_string();
        let mut cases = Vec::new();
        for test in &tests.tests {
            let policy = match &test.policy {
                TestedPolicy::Own(policy) => policy,
                TestedPolicy::Scaler(scaler) => {
                    let found = config.iter().find(|(known, _)| known == scaler);
                    &found
                        .with_context(|| {
                            format!(
                                "{name}:{}: there is no scaler {:?}",
                                test.line,
                                short(scaler)
                            )
                        })?
                        .1
                }
            };
            let failures = failures(test, policy)?.into_iter();
            cases.push(Case {
                name: test.name.clone(),
                failures: failures
                    .map(|failure| format!("{name}:{}: {}: {failure}", test.line, test.name))
                    .collect(),
            });
        }
        suites.push(Suite { name, cases });
    }
    if let Some(path) = &flags.junit {
        junit::write(path, &suites)?;
    }
    tell(&suites, flags.output)
}

fn tell(suites: &[Suite], output: Output) -> Result<ExitCode> {
    let cases = || suites.iter().flat_map(|suite| &suite.cases);
    let count = cases().count();
    let failed = cases().filter(|case| !case.failures.is_empty()).count();
    if count == 0 {
        bail!("the files hold no test");
    }
    match output {
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
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The policies of a configuration's scalers, by name.
pub(crate) fn policies(path: &Path) -> Result<Vec<(String, ScalingPolicy)>> {
    let loaded =
        Config::load(path).with_context(|| format!("{} cannot be used", path.display()))?;
    let scalers = loaded.config.scaling.into_iter().map(|it| it.settings);
    Ok(scalers
        .map(|settings| {
            let policy = ScalingPolicy {
                policy: settings.policy,
                slots_per_worker: settings.slots_per_worker,
                start_up_ms: settings.start_up_ms,
                interval_ms: settings.interval_ms,
            };
            (settings.name, policy)
        })
        .collect())
}

/// What is not as a case wants it.
fn failures(test: &ScalingTest, policy: &ScalingPolicy) -> Result<Vec<String>> {
    let (requests, end_seconds) = match &test.load {
        TestedLoad::Trace(path) => {
            let requests = read_trace(path)?;
            let at = test.expect.at.iter().map(|(time_ms, _, _)| *time_ms).max();
            let last_at = at.unwrap_or(0) as f64 / 1_000.0;
            let end = end_of(&requests).max(last_at);
            (requests, end)
        }
        TestedLoad::Stretches(load) => stretches(load).with_context(|| test.name.clone())?,
    };
    check_times(test, end_seconds).with_context(|| test.name.clone())?;
    let stage = Stage {
        workers_start: test.workers_start,
        wait_objective_seconds: test.wait_objective_ms as f64 / 1_000.0,
        outages_ms: &test.outages_ms,
        end_seconds,
    };
    let replayed = replay(policy, &requests, &stage).with_context(|| test.name.clone())?;
    let (outcome, expect) = (&replayed.outcome, &test.expect);
    let mut found = Vec::new();
    for (what, value, most) in [
        (
            "seconds of violation",
            outcome.violated_seconds as f64,
            expect.violation_seconds_max,
        ),
        (
            "late requests",
            outcome.late_count as f64,
            expect.late_requests_max.map(|it| it as f64),
        ),
        (
            "worker seconds",
            outcome.worker_seconds,
            expect.worker_seconds_max,
        ),
        (
            "reversals",
            f64::from(outcome.thrash_count),
            expect.reversals_max.map(|it| it as f64),
        ),
        (
            "changes",
            f64::from(outcome.change_count),
            expect.changes_max.map(|it| it as f64),
        ),
    ] {
        if let Some(most) = most.filter(|most| value > *most) {
            found.push(format!("{value} {what}, want at most {most}"));
        }
    }
    found.extend(bounds(&replayed, test));
    Ok(found)
}

/// Refuses times beyond the end: nothing would be tested there.
fn check_times(test: &ScalingTest, end_seconds: f64) -> Result<()> {
    let end_ms = (end_seconds * 1_000.0).ceil() as i64;
    let outages = test.outages_ms.iter();
    let outages = outages.map(|(_, to_ms)| ("the end of an outage", *to_ms));
    let at = test.expect.at.iter();
    let at = at.map(|(time_ms, _, _)| ("expect.at", *time_ms));
    if let Some((what, time_ms)) = outages.chain(at).find(|(_, time_ms)| *time_ms > end_ms) {
        bail!(
            "{what} is at {}, after the end at {}: want a time before it, or a further load, such as {{for: 1h, rate: 0}}",
            DurationText(time_ms),
            DurationText(end_ms)
        );
    }
    Ok(())
}

/// Bounds on the number of workers that do not hold: the first decision of each.
fn bounds(replayed: &Replayed, test: &ScalingTest) -> Vec<String> {
    let expect = &test.expect;
    let (least, most) = (
        expect.workers_min.unwrap_or(0),
        expect.workers_max.unwrap_or(u32::MAX),
    );
    let shown = |time_ms: i64| DurationText(time_ms).to_string();
    let outside = replayed
        .decisions
        .iter()
        .find(|decision| !(least..=most).contains(&decision.workers));
    let mut found: Vec<String> = outside
        .map(|decision| {
            let at = shown(decision.time_ms());
            format!("at {at}: {decision}; want {least} to {most}")
        })
        .into_iter()
        .collect();
    for (time_ms, least, most) in &expect.at {
        let before = replayed.decisions.iter();
        let last = before.take_while(|it| it.time_ms() <= *time_ms).last();
        let workers = last.map_or(replayed.workers_start, |it| it.workers);
        if !(*least..=*most).contains(&workers) {
            let why = last.map_or_else(|| workers.to_string(), ToString::to_string);
            let at = shown(*time_ms);
            found.push(format!("at {at}: {why}; want {least} to {most}"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        flags: TestScaling,
    }

    const CASES: &str = "
config: c.yml
tests:
- name: flood
  policy: {max: 20, slots_per_worker: 8}
  load: [{for: 5m, rate: 2, service: 3s}, {for: 20m, rate: 20, service: 3s}, {for: 40m, rate: 2, service: 3s}]
  workers_start: 2
  expect:
    workers_max: 20
    reversals_max: 0
    at: [{time: 10m, workers_min: 8}, {time: 60m, workers_max: 6}]
- name: blind
  scaler: agents
  load: [{for: 30m, rate: 10, service: 3s}]
  workers_start: 6
  outages: [{from: 5m, for: 20m}]
  expect: {workers_min: 5}
- name: wrong
  scaler: agents
  load: [{for: 5m, rate: 10, service: 3s}]
  expect: {worker_seconds_max: 1, at: [{time: 1s, workers_min: 7}]}
";

    #[test]
    fn cases_pass_and_fail() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let config = "scaling: [{name: agents, pool: agents, max: 20, slots_per_worker: 8}]";
        std::fs::write(path("c.yml"), config).unwrap();
        std::fs::write(path("t.yml"), CASES).unwrap();
        let (file, junit) = (
            path("t.yml").display().to_string(),
            path("j.xml").display().to_string(),
        );
        let line = ["x", &file, "--junit", &junit];
        let flags = Line::try_parse_from(line).unwrap().flags;
        assert_eq!(run(&flags).unwrap(), ExitCode::FAILURE);
        let told = std::fs::read_to_string(&junit).unwrap();
        assert!(told.contains("failures=\"1\""), "{told}");
        let tests = load_scaling_tests(&path("t.yml")).unwrap();
        let known = policies(&path("c.yml")).unwrap();
        let failures = failures(&tests.tests[2], &known[0].1).unwrap();
        assert_eq!(failures.len(), 2, "{failures:?}");
        assert!(
            failures[0].ends_with("worker seconds, want at most 1"),
            "{failures:?}"
        );
        assert_eq!(failures[1], "at 1s: 1; want 7 to 1000000");
    }

    /// What is said of one case.
    fn judged(case: &str) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.yml");
        std::fs::write(folder.path().join("r.csv"), "0,1\n1,1\n").unwrap();
        std::fs::write(&file, format!("tests: [{{name: a, {case}}}]\n")).unwrap();
        let tests = load_scaling_tests(&file)?;
        let TestedPolicy::Own(policy) = &tests.tests[0].policy else {
            bail!("the policy is elsewhere")
        };
        failures(&tests.tests[0], policy)
    }

    #[test]
    fn loads_are_replayed_to_their_end_and_no_further() {
        let policy = "policy: {max: 9, min: 0, slots_per_worker: 8, rules: [{in_flight: {}}]}";
        let load = "load: [{for: 1m, rate: 8}, {for: 60m, rate: 0}]";
        let case = |more: &str| judged(&format!("{policy}, {load}, {more}"));
        let found = case("expect: {at: [{time: 60m, workers_max: 0}]}").unwrap();
        assert_eq!(found, Vec::<String>::new(), "the pool has come to rest");
        assert_eq!(case("expect: {workers_min: 1}").unwrap().len(), 1);
        for (more, want) in [
            (
                "expect: {at: [{time: 75m}]}",
                "expect.at is at 1h15m, after the end at 1h1m",
            ),
            (
                "outages: [{from: 60m, for: 5m}]",
                "the end of an outage is at 1h5m, after",
            ),
        ] {
            let error = format!("{:#}", case(more).unwrap_err());
            assert!(error.contains(want), "{error}");
        }
        // A trace is followed by silence until the last time that is asked for.
        let trace = |workers: u32| {
            let at = format!("expect: {{at: [{{time: 60m, workers_min: {workers}}}]}}");
            judged(&format!("{policy}, trace: r.csv, {at}")).unwrap()
        };
        assert_eq!(trace(0), Vec::<String>::new());
        assert_eq!(trace(1).len(), 1);
    }
}
