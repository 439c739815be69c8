//! Policies by themselves, and cases for them: files for `bellwether backtest scaling` and
//! `bellwether test scaling`.

use std::path::{Path, PathBuf};

use crate::config::{errors_of, origin_of, parse, read_file};
use crate::problem::{ConfigErrors, Problems};
use crate::schema::{Field, Kind, Section};
use crate::sections::scaling::policy::{POLICY, ScalingPolicy, decode_policy};
use crate::view::View;

const COUNT: Kind = Kind::Integer {
    min: 0,
    max: i64::MAX,
};
const WORKERS: Kind = Kind::Integer {
    min: 0,
    max: 1_000_000,
};
const AMOUNT: Kind = Kind::Float {
    min: 0.0,
    max: 1e15,
};

pub(crate) static SCALING_TESTS: Section = Section {
    name: "scaling test file",
    doc: "Cases for `bellwether test scaling`.",
    fields: &[
        Field::new(
            "config",
            Kind::Path,
            "",
            "The configuration with the scalers that cases name. The flag `--config` goes before it.",
        ),
        Field::new("tests", Kind::Sections(&CASE), "", "The cases."),
    ],
    includes: &[],
    check: None,
};

static CASE: Section = Section {
    name: "scaling test",
    doc: "A load, a policy, and what is to come of it. The load is a `trace` or a list of `load`; the policy stands here or is that of a `scaler`.",
    fields: &[
        Field::required("name", Kind::Text, "What the case is called."),
        Field::new(
            "scaler",
            Kind::Text,
            "",
            "A scaler of the configuration, whose policy it is.",
        ),
        Field::new("policy", Kind::Section(&POLICY), "", "The policy."),
        Field::new(
            "trace",
            Kind::Path,
            "",
            "A file of CSV with a request a line: arrival and service time in seconds.",
        ),
        Field::new(
            "load",
            Kind::Sections(&LOAD),
            "",
            "Requests at equal distances, one stretch after the other.",
        ),
        Field::new(
            "workers_start",
            WORKERS,
            "",
            "Workers that are ready at the beginning; the fewest of the policy, and one at least, where absent.",
        ),
        Field::new(
            "wait_objective",
            Kind::Duration,
            "2s",
            "A request that waits longer violates the objective.",
        ),
        Field::new(
            "outages",
            Kind::Sections(&OUTAGE),
            "",
            "Times in which no signal is there.",
        ),
        Field::new("expect", Kind::Section(&EXPECT), "", EXPECT.doc),
    ],
    includes: &[],
    check: Some(|view, problems| {
        for [one, other] in [["scaler", "policy"], ["trace", "load"]] {
            let keys = [one, other];
            if view.at_most_one(problems, &keys) && view.set_among(&keys).is_empty() {
                view.error(
                    problems,
                    format!("neither {one} nor {other} is set: want one of the two"),
                );
            }
        }
    }),
};

static LOAD: Section = Section {
    name: "scaling test load",
    doc: "Requests at equal distances.",
    fields: &[
        Field::required("for", Kind::Duration, "How long."),
        Field::required("rate", AMOUNT, "Requests a second; 0: none."),
        Field::new(
            "service",
            Kind::Duration,
            "1s",
            "How long each holds a slot.",
        ),
    ],
    includes: &[],
    check: None,
};

static OUTAGE: Section = Section {
    name: "scaling test outage",
    doc: "A time without signals.",
    fields: &[
        Field::required("from", Kind::Duration, "Since the beginning."),
        Field::required("for", Kind::Duration, "How long."),
    ],
    includes: &[],
    check: None,
};

static EXPECT: Section = Section {
    name: "scaling test expectation",
    doc: "Bounds, their ends included; what is absent does not matter.",
    fields: &[
        Field::new(
            "violation_seconds_max",
            AMOUNT,
            "",
            "Seconds in which somebody has waited for too long.",
        ),
        Field::new(
            "late_requests_max",
            COUNT,
            "",
            "Requests that waited for too long.",
        ),
        Field::new(
            "worker_seconds_max",
            AMOUNT,
            "",
            "Seconds of workers that are paid for.",
        ),
        Field::new(
            "reversals_max",
            COUNT,
            "",
            "Changes against the one before, ten minutes or less after it.",
        ),
        Field::new("changes_max", COUNT, "", "Changes."),
        Field::new("workers_min", WORKERS, "", "Never fewer than this."),
        Field::new("workers_max", WORKERS, "", "Never more than this."),
        Field::new(
            "at",
            Kind::Sections(&EXPECT_AT),
            "",
            "Bounds at some times.",
        ),
    ],
    includes: &[],
    check: None,
};

static EXPECT_AT: Section = Section {
    name: "scaling test expectation at a time",
    doc: "How many workers there shall be then.",
    fields: &[
        Field::required("time", Kind::Duration, "Since the beginning."),
        Field::new("workers_min", WORKERS, "0", "At least."),
        Field::new("workers_max", WORKERS, "1000000", "At most."),
    ],
    includes: &[],
    check: None,
};

/// A file of cases.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingTests {
    /// The configuration with the scalers, joined with the file's folder.
    pub config: Option<PathBuf>,
    /// The cases.
    pub tests: Vec<ScalingTest>,
}

/// A case.
#[derive(Debug, Clone, PartialEq)]
pub struct ScalingTest {
    /// What it is called.
    pub name: String,
    /// Where it begins in its file.
    pub line: usize,
    /// The policy.
    pub policy: TestedPolicy,
    /// The requests.
    pub load: TestedLoad,
    /// Workers at the beginning; `None`: as the policy has it.
    pub workers_start: Option<u32>,
    /// The longest wait that is allowed, ms.
    pub wait_objective_ms: i64,
    /// Times without signals: from and to in ms since the beginning, the end not included.
    pub outages_ms: Vec<(i64, i64)>,
    /// What is to come of it.
    pub expect: ScalingExpectation,
}

/// Whose policy a case tests.
#[derive(Debug, Clone, PartialEq)]
pub enum TestedPolicy {
    /// That of a scaler of the configuration.
    Scaler(String),
    /// One of its own.
    Own(Box<ScalingPolicy>),
}

/// What comes.
#[derive(Debug, Clone, PartialEq)]
pub enum TestedLoad {
    /// A file of requests.
    Trace(PathBuf),
    /// Stretches: how long in ms, requests a second, service time in ms.
    Stretches(Vec<(i64, f64, i64)>),
}

/// Bounds; `None`: no matter.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScalingExpectation {
    /// Seconds in which somebody has waited for too long.
    pub violation_seconds_max: Option<f64>,
    /// Requests that waited for too long.
    pub late_requests_max: Option<u64>,
    /// Seconds of workers.
    pub worker_seconds_max: Option<f64>,
    /// Changes against the one before.
    pub reversals_max: Option<u64>,
    /// Changes.
    pub changes_max: Option<u64>,
    /// Fewest workers.
    pub workers_min: Option<u32>,
    /// Most workers.
    pub workers_max: Option<u32>,
    /// At a time in ms: fewest and most workers.
    pub at: Vec<(i64, u32, u32)>,
}

/// Loads a file of cases.
///
/// # Errors
/// Every reason why it cannot be used.
pub fn load_scaling_tests(path: &Path) -> Result<ScalingTests, ConfigErrors> {
    load(path, &SCALING_TESTS, |view, problems| {
        let tests = view.sections("tests");
        let tests = tests.iter().filter_map(|view| decode_case(view, problems));
        Some(ScalingTests {
            tests: tests.collect(),
            config: view.path_of("config"),
        })
    })
}

/// Loads a file that holds a policy: the settings of a scaler that are one.
///
/// # Errors
/// Every reason why it cannot be used.
pub fn load_scaling_policy(path: &Path) -> Result<ScalingPolicy, ConfigErrors> {
    load(path, &POLICY, decode_policy)
}

fn load<T>(
    path: &Path,
    section: &'static Section,
    decode: impl FnOnce(&View<'_>, &mut Problems) -> Option<T>,
) -> Result<T, ConfigErrors> {
    let source = read_file(path).map_err(|problem| ConfigErrors {
        errors: vec![problem],
        is_unreadable: true,
    })?;
    let origin = origin_of(path);
    let mut problems = Problems::default();
    let mut decoded = None;
    if let Some(root) = parse(&source, &origin, section, &mut problems)
        && problems.errors.is_empty()
    {
        let view = View::new(Some(&root), section, &origin);
        // An empty file has no mapping that could miss anything.
        if view.node.is_none() {
            view.error(&mut problems, format!("is empty: want a {}", section.name));
        } else {
            decoded = decode(&view, &mut problems);
        }
    }
    match decoded {
        Some(decoded) if problems.errors.is_empty() => Ok(decoded),
        _ => Err(errors_of(problems)),
    }
}

fn count(view: &View<'_>, key: &str) -> Option<u32> {
    let value = view.is_set(key).then(|| view.integer(key))?;
    u32::try_from(value).ok()
}

fn decode_case(view: &View<'_>, problems: &mut Problems) -> Option<ScalingTest> {
    let policy = match view.optional_text("scaler") {
        Some(name) => TestedPolicy::Scaler(name),
        None => TestedPolicy::Own(Box::new(decode_policy(&view.section("policy"), problems)?)),
    };
    let stretches = view.sections("load");
    let stretches = stretches.iter().map(|view| {
        (
            view.duration_ms("for"),
            view.float("rate"),
            view.duration_ms("service"),
        )
    });
    let load = match view.path_of("trace") {
        Some(path) => TestedLoad::Trace(path),
        None => TestedLoad::Stretches(stretches.collect()),
    };
    let outages = view.sections("outages");
    let outages = outages.iter().map(|view| {
        let from_ms = view.duration_ms("from");
        (from_ms, from_ms.saturating_add(view.duration_ms("for")))
    });
    Some(ScalingTest {
        name: view.text("name").to_owned(),
        line: view.position().line,
        policy,
        load,
        workers_start: count(view, "workers_start"),
        wait_objective_ms: view.duration_ms("wait_objective"),
        outages_ms: outages.collect(),
        expect: decode_expectation(&view.section("expect")),
    })
}

fn decode_expectation(view: &View<'_>) -> ScalingExpectation {
    let amount = |key: &str| view.is_set(key).then(|| view.float(key));
    let number = |key: &str| view.is_set(key).then(|| view.count(key));
    let at = view.sections("at");
    let at = at.iter().map(|view| {
        let bound = |key: &str| u32::try_from(view.integer(key)).unwrap_or(u32::MAX);
        (
            view.duration_ms("time"),
            bound("workers_min"),
            bound("workers_max"),
        )
    });
    ScalingExpectation {
        violation_seconds_max: amount("violation_seconds_max"),
        late_requests_max: number("late_requests_max"),
        worker_seconds_max: amount("worker_seconds_max"),
        reversals_max: number("reversals_max"),
        changes_max: number("changes_max"),
        workers_min: count(view, "workers_min"),
        workers_max: count(view, "workers_max"),
        at: at.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.yml");
        std::fs::write(&file, source).unwrap();
        (folder, file)
    }

    fn text(folder: &tempfile::TempDir, errors: &ConfigErrors) -> String {
        let prefix = format!("{}/", folder.path().display());
        errors.to_string().replace(&prefix, "")
    }

    #[test]
    fn cases_are_read() {
        let (folder, file) = written(
            "config: c.yml
tests:
- name: flood
  scaler: agents
  trace: r.csv
  outages: [{from: 5m, for: 1m}]
  expect: {violation_seconds_max: 3, workers_max: 9, at: [{time: 2m, workers_min: 4}]}
- name: calm
  policy: {max: 8, slots_per_worker: 4, rules: [{in_flight: {}}]}
  load: [{for: 10m, rate: 2.5, service: 3s}]
  workers_start: 3
",
        );
        let loaded = load_scaling_tests(&file).unwrap();
        assert_eq!(loaded.config, Some(folder.path().join("c.yml")));
        let [flood, calm] = loaded.tests.as_slice() else {
            panic!("{:?}", loaded.tests)
        };
        assert_eq!(flood.policy, TestedPolicy::Scaler("agents".to_owned()));
        assert_eq!(flood.load, TestedLoad::Trace(folder.path().join("r.csv")));
        assert_eq!(flood.outages_ms, [(300_000, 360_000)]);
        assert_eq!(flood.expect.at, [(120_000, 4, 1_000_000)]);
        assert_eq!(flood.expect.reversals_max, None);
        let TestedPolicy::Own(policy) = &calm.policy else {
            panic!("{:?}", calm.policy)
        };
        assert_eq!((policy.slots_per_worker, policy.policy.workers_max), (4, 8));
        assert_eq!(
            calm.load,
            TestedLoad::Stretches(vec![(600_000, 2.5, 3_000)])
        );
        assert_eq!(calm.workers_start, Some(3));
    }

    #[test]
    fn wrong_cases_are_refused() {
        for (source, want) in [
            (
                "tests: [{name: a, scaler: b}]",
                "t.yml:1:9: tests[0]: neither trace nor load is set",
            ),
            (
                "tests: [{name: a, scaler: b, policy: {max: 1}, trace: c}]",
                "scaler and policy are set",
            ),
            (
                "tests: [{name: a, policy: {min: 3, max: 2}, trace: c}]",
                "t.yml:1:33: tests[0].policy.min: 3 given: want at most max",
            ),
            ("tests: [{name: a, scalar: b}]", "did you mean scaler?"),
        ] {
            let (folder, file) = written(source);
            let error = text(&folder, &load_scaling_tests(&file).unwrap_err());
            assert!(error.contains(want), "{error}");
        }
    }

    #[test]
    fn policies_stand_alone() {
        let (_folder, file) = written("max: 20\nhold_for: 30m\nfloor: 3\n");
        let loaded = load_scaling_policy(&file).unwrap();
        let mut want = bellwether_scale::Policy::predictive(1, 20);
        (want.hold_ms, want.floor) = (Some(1_800_000), 3);
        assert_eq!(loaded.policy, want);
        assert_eq!((loaded.start_up_ms, loaded.interval_ms), (60_000, 15_000));
        for (source, want) in [
            ("min: 1\n", "max"),
            ("max: 3\nfloor: 2\n", "stands without hold_for"),
            ("max: 3\ninterval: 1ms\n", "want 1s to 1h"),
            (
                "max: 3\nrules: [{queue: {waiting_per_worker: 2}}]\n",
                "oscillates",
            ),
            ("max: 3\nrules: [{}]\n", "is no rule"),
            (
                "max: 3\nrules: [{latency: {target: 2s}, queue: {waiting_per_worker: 1}}]\n",
                "queue and latency are set",
            ),
            ("max: 3\npolicy: proportional\n", "has no rules of its own"),
            (
                "max: 3\nrules: [{tokens: {per_worker: 0}}]\n",
                "t.yml:2:31: rules[0].tokens.per_worker: 0 given: want a finite number above 0",
            ),
            (
                "max: 3\nrules: [{in_flight: {}}, {predicted: {step: 1s, history: 2h}}]\n",
                "t.yml:2:58: rules[1].predicted.history: 2h given: want at most 4096 times step",
            ),
            (
                "max: 3\ndown_hold: 8d\n",
                "t.yml:2:12: down_hold: 8d given: want 0 to 7 days",
            ),
            (
                "max: 3\nstep_up: {period: 0s}\n",
                "t.yml:2:19: step_up.period: 0s given: want 1 ms to 7 days",
            ),
            (
                "max: 3\nmin: 2\nhold_for: 5m\nfloor: 1\n",
                "t.yml:4:8: floor: 1 given: want at least 1, and min to max",
            ),
            ("", "is empty"),
        ] {
            let (folder, file) = written(source);
            let error = text(&folder, &load_scaling_policy(&file).unwrap_err());
            assert!(error.contains(want), "{source}: {error}");
        }
    }
}
