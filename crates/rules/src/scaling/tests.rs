//! Scalers over the reference store: what is seen, decided, told and kept.

use bellwether_model::{Labels, METRIC_NAME, Matcher};
use bellwether_promql::{Engine, EngineOptions};
use bellwether_scale::simulation::{self, Observation, Outcome, Pool, Request};
use bellwether_scale::{Policy, Rule, Scaler};
use bellwether_storage::{
    ManualClock, MemoryStateStore, MemoryStore, MemoryTimeline, MetricStore, StateStore, Timeline,
    TimelineKind, TimelineQuery,
};
use bellwether_telemetry::Registry;

use super::*;

use std::sync::Arc;

const START_MS: i64 = 1_795_787_700_000;
const STEP_MS: i64 = 15_000;

/// A server's scalers with all that they stand on.
struct Rig {
    store: Arc<MemoryStore>,
    state: Arc<MemoryStateStore>,
    timeline: Arc<MemoryTimeline>,
    scalers: Scalers,
}

impl Rig {
    fn new(settings: Vec<ScalerSettings>) -> Self {
        let store = Arc::new(MemoryStore::default());
        let state = Arc::new(MemoryStateStore::default());
        let timeline = Arc::new(MemoryTimeline::default());
        let scalers = scalers(&store, &state, &timeline);
        scalers.apply(settings).unwrap();
        Self {
            store,
            state,
            timeline,
            scalers,
        }
    }

    /// The same after a restart.
    fn restarted(self, settings: Vec<ScalerSettings>) -> Self {
        self.scalers.stop();
        let scalers = scalers(&self.store, &self.state, &self.timeline);
        scalers.apply(settings).unwrap();
        Self { scalers, ..self }
    }

    fn put(&self, name: &str, time_ms: i64, value: f64) {
        let labels = Labels::from_pairs([(METRIC_NAME, name)]);
        self.store.insert(&labels, time_ms, value);
    }

    fn turn(&self, time_ms: i64) -> Arc<ScalerStatus> {
        self.scalers.turn("s", time_ms).unwrap()
    }

    fn workers(&self, time_ms: i64) -> Option<u32> {
        Some(self.turn(time_ms).decided.as_ref()?.workers)
    }

    /// The value of a series at a time.
    fn stored(&self, query: &str, time_ms: i64) -> Option<f64> {
        let engine = Engine::new(EngineOptions::default());
        let request = bellwether_promql::QueryRequest::default();
        let outcome = engine
            .instant(self.store.as_ref(), query, time_ms, &request)
            .unwrap();
        match outcome.value {
            bellwether_promql::QueryValue::Vector(samples) => {
                let sample = samples.first()?;
                match &sample.value {
                    bellwether_model::Value::Float(value) => Some(*value),
                    bellwether_model::Value::Histogram(_) => None,
                }
            }
            _ => None,
        }
    }

    fn rows(&self) -> Vec<(u32, String)> {
        let query = TimelineQuery {
            kinds: &[TimelineKind::Scaled],
            matchers: &[Matcher::equal("scaler", "s")],
            ..TimelineQuery::default()
        };
        let rows = self.timeline.query(&query).unwrap();
        rows.into_iter()
            .map(|row| {
                let detail: serde_json::Value = serde_json::from_str(&row.detail).unwrap();
                (detail["to"].as_u64().unwrap() as u32, row.cause)
            })
            .collect()
    }
}

fn scalers(
    store: &Arc<MemoryStore>,
    state: &Arc<MemoryStateStore>,
    timeline: &Arc<MemoryTimeline>,
) -> Scalers {
    Scalers::new(ScalersParts {
        store: Arc::clone(store) as Arc<dyn MetricStore>,
        engine: Arc::new(Engine::new(EngineOptions::default())),
        clock: Arc::new(ManualClock::new(START_MS)),
        state: Some(Arc::clone(state) as Arc<dyn StateStore>),
        timeline: Some(Arc::clone(timeline) as Arc<dyn Timeline>),
        registry: Registry::new(),
    })
    .unwrap()
}

/// A scaler `s` whose signals are series of their names.
fn settings(policy: Policy, signals: &[SignalName]) -> ScalerSettings {
    ScalerSettings {
        name: "s".to_owned(),
        labels: vec![("team".to_owned(), "a".to_owned())],
        interval_ms: STEP_MS,
        policy,
        slots_per_worker: 8,
        start_up_ms: 60_000,
        signals: signals
            .iter()
            .map(|name| (*name, name.as_str().to_owned()))
            .collect(),
        is_dry_run: false,
        targets: ScalerTargets::default(),
    }
}

fn in_flight() -> Policy {
    Policy {
        step_up: None,
        down_hold_ms: 0,
        ..Policy::proportional(1, 50, vec![Rule::InFlight { share: 0.5 }])
    }
}

#[test]
fn a_decision_is_kept_in_every_place() {
    let own = settings(in_flight(), &[SignalName::InFlight]);
    let rig = Rig::new(vec![own.clone()]);
    rig.put("in_flight", START_MS, 30.0);
    let status = rig.turn(START_MS);
    let decided = status.decided.as_ref().unwrap();
    assert_eq!((decided.workers, decided.number), (8, 1));
    rig.put("in_flight", START_MS + STEP_MS, 60.0);
    assert_eq!(rig.workers(START_MS + STEP_MS), Some(15));
    let now_ms = START_MS + STEP_MS;
    for (query, want) in [
        (
            r#"bellwether_scaler_desired_workers{scaler="s",team="a"}"#,
            15.0,
        ),
        (
            r#"bellwether_scaler_wanted_workers{rule="in_flight"}"#,
            15.0,
        ),
        (r#"bellwether_scaler_signal{signal="in_flight"}"#, 60.0),
        (r#"bellwether_scaler_workers{state="set"}"#, 8.0),
        (r#"bellwether_scaler_decision_reason{reason="rule"}"#, 1.0),
    ] {
        assert_eq!(rig.stored(query, now_ms), Some(want), "{query}");
    }
    // Another reason ends the series of the one before.
    assert_eq!(
        rig.stored(
            r#"bellwether_scaler_decision_reason{reason="steady"}"#,
            now_ms
        ),
        None
    );
    let rows = rig.rows();
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [15, 8]);
    assert!(rows[0].1.starts_with("15 workers (set to 8"), "{rows:?}");
    let changes = &rig.scalers.status("s").unwrap().changes;
    assert_eq!((changes.len(), changes[0].from, changes[0].to), (1, 8, 15));

    // After a restart the number stands before there was a turn, and through an outage.
    let rig = rig.restarted(vec![own]);
    let status = rig.scalers.status("s").unwrap();
    let decided = status.decided.as_ref().unwrap();
    assert_eq!((decided.workers, decided.number), (15, 2));
    assert_eq!(rig.workers(START_MS + 600_000), Some(15));
}

#[test]
fn who_has_seen_nothing_says_nothing() {
    let rig = Rig::new(vec![settings(in_flight(), &[SignalName::InFlight])]);
    for turn in 0..100 {
        assert_eq!(rig.workers(START_MS + turn * STEP_MS), None);
    }
    assert!(rig.rows().is_empty());
    let seen_ms = START_MS + 100 * STEP_MS;
    rig.put("in_flight", seen_ms, 100.0);
    // As many as are wanted at once: a first decision that climbs would take away what runs.
    assert_eq!(rig.workers(seen_ms), Some(25));
}

#[test]
fn what_runs_is_held_where_it_is_seen() {
    let signals = [SignalName::InFlight, SignalName::Workers];
    let rig = Rig::new(vec![settings(in_flight(), &signals)]);
    rig.put("workers", START_MS, 12.0);
    assert_eq!(rig.workers(START_MS), Some(12));
}

#[test]
fn a_floor_holds_where_nothing_was_ever_seen() {
    let mut policy = in_flight();
    (policy.hold_ms, policy.floor) = (Some(60_000), 4);
    let rig = Rig::new(vec![settings(policy, &[SignalName::InFlight])]);
    let workers: Vec<_> = (0..6)
        .map(|turn| rig.workers(START_MS + turn * STEP_MS))
        .collect();
    assert_eq!(workers, [None, None, None, None, Some(4), Some(4)]);
}

#[test]
fn old_samples_and_wrong_results_are_no_signals() {
    let own = settings(in_flight(), &[SignalName::InFlight]);
    let rig = Rig::new(vec![own.clone()]);
    rig.put("in_flight", START_MS, 30.0);
    assert_eq!(rig.workers(START_MS + 60_000), None, "a minute old");
    rig.put("in_flight", START_MS + 75_000, 30.0);
    assert_eq!(rig.workers(START_MS + 75_000), Some(8));
    let two = Labels::from_pairs([(METRIC_NAME, "in_flight"), ("pod", "b")]);
    rig.store.insert(&two, START_MS + 90_000, 3.0);
    rig.put("in_flight", START_MS + 90_000, 1.0);
    let status = rig.turn(START_MS + 90_000);
    assert_eq!(status.decided.as_ref().unwrap().workers, 8);
    let problem = &status.problems[0];
    assert_eq!(problem.signal, SignalName::InFlight);
    assert_eq!(
        problem.text,
        "gives 2 elements: want one, such as sum() of them gives"
    );
    let mut wrong = own;
    wrong.signals[0].1 = "sum(".to_owned();
    let error = rig.scalers.apply(vec![wrong]).unwrap_err().to_string();
    assert!(
        error.starts_with("scaler \"s\": signals.in_flight: "),
        "{error}"
    );
}

#[test]
fn silence_of_some_takes_no_worker_away() {
    let signals = [SignalName::InFlight, SignalName::Silent];
    let rig = Rig::new(vec![settings(in_flight(), &signals)]);
    let put = |turn: i64, in_flight: f64, silent: Option<f64>| {
        let time_ms = START_MS + turn * STEP_MS;
        rig.put("in_flight", time_ms, in_flight);
        if let Some(silent) = silent {
            rig.put("silent", time_ms, silent);
        }
        rig.workers(time_ms)
    };
    assert_eq!(put(0, 40.0, None), Some(10));
    assert_eq!(put(1, 20.0, Some(1.0)), Some(10));
    assert_eq!(put(2, 20.0, Some(0.0)), Some(5));
}

/// `slo:budget_left` falls below 0 where more is spent than there was.
#[test]
fn an_overspent_budget_is_a_low_one() {
    let signals = [SignalName::InFlight, SignalName::BudgetLeft];
    let policy = Policy {
        budget_low: Some(0.1),
        ..in_flight()
    };
    let rig = Rig::new(vec![settings(policy, &signals)]);
    let put = |turn: i64, in_flight: f64, left: f64| {
        let time_ms = START_MS + turn * STEP_MS;
        rig.put("in_flight", time_ms, in_flight);
        rig.put("budget_left", time_ms, left);
        rig.workers(time_ms)
    };
    assert_eq!(put(0, 40.0, 0.5), Some(10));
    assert_eq!(put(1, 20.0, -0.5), Some(10));
    let reason = r#"bellwether_scaler_decision_reason{reason="budget_low"}"#;
    assert_eq!(rig.stored(reason, START_MS + STEP_MS), Some(1.0));
    assert_eq!(put(2, 20.0, 0.5), Some(5));
}

#[test]
fn a_configured_count_that_is_gone_takes_no_worker_away() {
    let signals = [SignalName::InFlight, SignalName::Ready];
    let rig = Rig::new(vec![settings(in_flight(), &signals)]);
    rig.put("in_flight", START_MS, 40.0);
    rig.put("ready", START_MS, 10.0);
    assert_eq!(rig.workers(START_MS), Some(10));
    rig.put("in_flight", START_MS + 90_000, 8.0);
    let status = rig.turn(START_MS + 90_000);
    let decided = status.decided.as_ref().unwrap();
    assert_eq!(decided.workers, 10);
    let reason = decided.decision.as_ref().unwrap().reason.to_string();
    assert_eq!(reason, "none is taken away, ready workers: not measured");
}

#[test]
fn workers_count_as_ready_a_start_up_after_they_were_decided() {
    let policy = Policy {
        step_up: None,
        ..Policy::proportional(1, 50, vec![Rule::Utilisation { share: 0.5 }])
    };
    let rig = Rig::new(vec![settings(policy, &[SignalName::Busy])]);
    let mut ready = Vec::new();
    for turn in 0..7 {
        let time_ms = START_MS + turn * STEP_MS;
        rig.put("busy", time_ms, if turn == 0 { 16.0 } else { 32.0 });
        let status = rig.turn(time_ms);
        let decision = status.decided.clone().unwrap().decision.unwrap();
        ready.push((decision.signals.workers_ready, decision.workers));
    }
    // From turn 1 on there shall be eight, of which four are new for a minute.
    assert_eq!(
        ready,
        [(4, 4), (4, 8), (4, 8), (4, 8), (4, 8), (8, 8), (8, 8)]
    );
}

#[test]
fn each_process_gets_its_part() {
    let signals = [SignalName::InFlight, SignalName::Instances];
    let rig = Rig::new(vec![settings(in_flight(), &signals)]);
    rig.put("in_flight", START_MS, 40.0);
    rig.put("instances", START_MS, 3.0);
    let each = |status: Arc<ScalerStatus>| status.decided.as_ref().unwrap().workers_each;
    assert_eq!(each(rig.turn(START_MS)), Some(4));
    // As long as the number stands, so does the part.
    rig.put("in_flight", START_MS + 75_000, 40.0);
    assert_eq!(each(rig.turn(START_MS + 75_000)), Some(4));

    // Five share what three had: those that wait are told, and nothing was scaled.
    let changes = rig.scalers.changes("s").unwrap();
    let later_ms = START_MS + 90_000;
    rig.put("in_flight", later_ms, 40.0);
    rig.put("instances", later_ms, 5.0);
    let status = rig.turn(later_ms);
    assert_eq!(
        (each(Arc::clone(&status)), status.changes.len()),
        (Some(2), 0)
    );
    assert!(changes.has_changed().unwrap());
    rig.put("in_flight", later_ms + 15_000, 40.0);
    rig.put("instances", later_ms + 15_000, 3.0);
    assert_eq!(each(rig.turn(later_ms + 15_000)), Some(4));

    // Also over a restart, before a turn and after one that sees nobody.
    let own = settings(in_flight(), &signals);
    let rig = rig.restarted(vec![own.clone()]);
    assert_eq!(each(rig.scalers.status("s").unwrap()), Some(4));
    assert_eq!(each(rig.turn(START_MS + 600_000)), Some(4));
    // And at a reload, unless nobody is counted any more.
    let mut other = own;
    other.policy.workers_max = 40;
    rig.scalers.apply(vec![other.clone()]).unwrap();
    assert_eq!(each(rig.scalers.status("s").unwrap()), Some(4));
    other.signals.pop();
    rig.scalers.apply(vec![other]).unwrap();
    assert_eq!(each(rig.scalers.status("s").unwrap()), None);
}

#[test]
fn another_configuration_goes_on_where_the_one_before_was() {
    let own = settings(in_flight(), &[SignalName::InFlight]);
    let rig = Rig::new(vec![own.clone()]);
    let changes = rig.scalers.changes("s").unwrap();
    rig.put("in_flight", START_MS, 100.0);
    assert_eq!(rig.workers(START_MS), Some(25));
    assert!(changes.has_changed().unwrap());
    let mut other = own.clone();
    other.policy.workers_max = 20;
    rig.scalers.apply(vec![other.clone()]).unwrap();
    assert!(changes.has_changed().is_err(), "its scaler is gone");
    let workers = |rig: &Rig| {
        rig.scalers
            .status("s")
            .unwrap()
            .decided
            .clone()
            .unwrap()
            .workers
    };
    assert_eq!(workers(&rig), 25, "until the first turn");
    let changes = rig.scalers.changes("s").unwrap();
    let status = rig.turn(START_MS + STEP_MS);
    let decided = status.decided.as_ref().unwrap();
    assert_eq!((decided.workers, decided.number), (20, 2));
    assert!(changes.has_changed().unwrap(), "who follows is told");
    let rows = rig.rows();
    assert_eq!(rows.iter().map(|row| row.0).collect::<Vec<_>>(), [20, 25]);
    assert!(rows[0].1.contains("the upper bound"), "{rows:?}");
    let twice = rig.scalers.apply(vec![own.clone(), own.clone()]);
    assert_eq!(
        twice.unwrap_err().to_string(),
        "scaler \"s\" is there twice: names must be unique"
    );
    rig.scalers.apply(Vec::new()).unwrap();
    assert!(rig.scalers.status("s").is_none());
    assert!(rig.state.entries("rules.scalers").unwrap().is_empty());
    let rig = rig.restarted(vec![own]);
    assert!(rig.scalers.status("s").unwrap().decided.is_none());
}

#[test]
fn a_clock_that_was_set_back_stops_no_scaler() {
    let own = settings(in_flight(), &[SignalName::InFlight]);
    let rig = Rig::new(vec![own.clone()]);
    let day_ms = 86_400_000;
    rig.put("in_flight", START_MS + day_ms, 30.0);
    assert_eq!(rig.workers(START_MS + day_ms), Some(8));
    let rig = rig.restarted(vec![own]);
    rig.put("in_flight", START_MS, 60.0);
    assert_eq!(rig.workers(START_MS), Some(15));
    let mut starting = scaler::Starting::default();
    for at_ms in [90_000, 5_000, 10_000, 15_000] {
        starting.push(at_ms, 7, 1_000);
    }
    starting.push(16_000, 9, 1_000);
    assert_eq!(starting.started(16_500, 1_000), Some(7));
    assert_eq!(starting.started(17_000, 1_000), Some(9));
}

#[test]
fn queries_of_pools_are_queries() {
    let engine = Engine::new(EngineOptions::default());
    let queries = pool_queries("agents");
    assert_eq!(queries.len(), 8);
    for (name, query) in queries {
        assert!(engine.prepare(&query).is_ok(), "{}: {query}", name.as_str());
    }
}

// ---- The whole path against the policy alone.

const POOL: Pool = Pool {
    slots_per_worker: 8,
    startup_seconds: 60.0,
    interval_seconds: 15.0,
    wait_objective_seconds: 2.0,
    workers_start: 2,
    service_seconds_start: 3.0,
};

/// What the simulator shows, as series.
const SEEN: [SignalName; 6] = [
    SignalName::Busy,
    SignalName::Waiting,
    SignalName::OfferedLoad,
    SignalName::ServiceTime,
    SignalName::Workers,
    SignalName::Ready,
];

/// Numbers that look random, the same at each run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// An hour of requests in waves and bursts.
fn requests(seed: u64) -> Vec<Request> {
    let mut noise = Noise(seed);
    let (mut at, mut requests) = (0.0_f64, Vec::new());
    while at < 3_600.0 {
        let wave = 3.0 + 2.0 * (at / 300.0).sin();
        let rate = if at % 700.0 < 40.0 { wave * 5.0 } else { wave };
        at += -(1.0 - noise.next()).ln() / rate;
        requests.push(Request {
            arrival_seconds: at,
            service_seconds: 0.5 + 6.0 * noise.next(),
        });
    }
    requests
}

fn time_of(seen: &Observation) -> i64 {
    START_MS + (seen.now_seconds * 1_000.0).round() as i64
}

fn values(seen: &Observation) -> [f64; 6] {
    [
        f64::from(seen.busy),
        f64::from(seen.waiting),
        seen.offered,
        seen.service_seconds,
        f64::from(seen.target),
        f64::from(seen.ready),
    ]
}

/// Runs the requests with what goes by series, queries and the status. `is_told` says of a time and a
/// signal whether it is written.
fn replay(
    requests: &[Request],
    policy: &Policy,
    is_told: &mut dyn FnMut(i64, usize) -> bool,
) -> (Outcome, Vec<u32>) {
    let rig = Rig::new(vec![settings(policy.clone(), &SEEN)]);
    let mut decisions = Vec::new();
    let outcome = simulation::run(requests, &POOL, &mut |seen| {
        let time_ms = time_of(seen);
        for (at, (name, value)) in SEEN.iter().zip(values(seen)).enumerate() {
            if is_told(time_ms, at) {
                rig.put(name.as_str(), time_ms, value);
            }
        }
        let workers = rig.workers(time_ms).unwrap_or(seen.target);
        decisions.push(workers);
        workers
    });
    (outcome, decisions)
}

#[test]
fn the_whole_path_decides_as_the_policy_alone_does() {
    let policy = Policy::predictive(1, 100);
    for seed in 1..=3 {
        let requests = requests(seed);
        let (through, decisions) = replay(&requests, &policy, &mut |_, _| true);
        let mut scaler = Scaler::new(policy.clone()).unwrap();
        let mut alone = Vec::new();
        let outcome = simulation::run(&requests, &POOL, &mut |seen| {
            let mut signals = seen.signals(&POOL);
            signals.time_ms = time_of(seen);
            for measured in [
                &mut signals.busy,
                &mut signals.waiting,
                &mut signals.offered,
                &mut signals.service_seconds,
            ] {
                measured.as_mut().unwrap().at_ms = signals.time_ms;
            }
            let workers = scaler.decide(&signals).workers;
            alone.push(workers);
            workers
        });
        assert_eq!(decisions, alone, "seed {seed}");
        assert_eq!(through, outcome);
        assert!(outcome.change_count > 3, "{outcome:?}");
    }
}

#[test]
fn no_outage_takes_a_worker_away() {
    let policy = Policy::predictive(1, 100);
    let mut noise = Noise(99);
    let mut count = 0;
    for seed in 10..20 {
        // Ten outages an hour: of all signals or of some, for a minute and a half to five minutes.
        let outages: Vec<(i64, i64, u32)> = (0..10)
            .map(|i| {
                let from_ms = START_MS + i * 360_000 + (noise.next() * 60_000.0) as i64;
                let mask = match i % 2 {
                    0 => 0b11_1111,
                    // Without what waits the backlog is not to be seen, whatever else is.
                    _ => 0b10 | (noise.next() * 63.0) as u32,
                };
                (
                    from_ms,
                    from_ms + 90_000 + (noise.next() * 200_000.0) as i64,
                    mask,
                )
            })
            .collect();
        count += outages.len();
        let during = |time_ms: i64| {
            let mut outages = outages.iter();
            // Until the last sample from before it is too old there is no outage to be seen.
            outages.find(|(from_ms, to_ms, _)| (from_ms + 60_000..*to_ms).contains(&time_ms))
        };
        let mut is_told = |time_ms: i64, at: usize| {
            let mut outages = outages.iter();
            let outage = outages.find(|(from_ms, to_ms, _)| (*from_ms..*to_ms).contains(&time_ms));
            outage.is_none_or(|(_, _, mask)| mask & (1 << at) == 0)
        };
        let (_, decisions) = replay(&requests(seed), &policy, &mut is_told);
        for (i, pair) in decisions.windows(2).enumerate() {
            // The decisions are at 15 s, 30 s …
            let time_ms = START_MS + (i as i64 + 2) * STEP_MS;
            if during(time_ms).is_some() {
                assert!(pair[1] >= pair[0], "{time_ms}: {pair:?}");
            }
            assert!(pair[1] > 0);
        }
    }
    assert_eq!(count, 100);
}
