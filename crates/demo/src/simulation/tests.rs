use proptest::prelude::*;

use super::*;
use crate::family::PointValue;
use crate::state::DemoState;

/// A Tuesday, 09:00 UTC.
const START_MS: i64 = 1_790_067_600_000;
const MINUTE_MS: i64 = 60_000;

/// Every number of a simulation with the name and labels that it is shown under.
fn numbers(simulation: &Simulation) -> Vec<(String, f64)> {
    let mut numbers = Vec::new();
    for family in simulation.families() {
        for point in family.points {
            let name = format!("{}{:?}", family.name, point.labels);
            match point.value {
                PointValue::Number(number) => numbers.push((name, number)),
                PointValue::Histogram(histogram) => {
                    for (bucket, count) in histogram.counts.iter().enumerate() {
                        numbers.push((format!("{name} bucket {bucket}"), *count as f64));
                    }
                    numbers.push((format!("{name} sum"), histogram.sum));
                }
            }
        }
    }
    numbers
}

fn number(simulation: &Simulation, wanted: &str, label: (&str, &str)) -> f64 {
    let families = simulation.families();
    let family = families
        .iter()
        .find(|family| family.name == wanted)
        .expect(wanted);
    let is_wanted = |labels: &[(&'static str, String)]| {
        labels
            .iter()
            .any(|(name, value)| (*name, value.as_str()) == label)
    };
    let points = family
        .points
        .iter()
        .filter(|point| is_wanted(&point.labels));
    points
        .map(|point| match &point.value {
            PointValue::Number(number) => *number,
            PointValue::Histogram(histogram) => histogram.sum,
        })
        .sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn how_often_somebody_looks_changes_nothing(
        seed: u64,
        mut looks in prop::collection::vec(0..12 * MINUTE_MS, 1..40),
    ) {
        looks.sort_unstable();
        let end_ms = START_MS + 12 * MINUTE_MS;
        let mut once = Simulation::new(seed, START_MS);
        once.advance_to(end_ms);
        let mut often = Simulation::new(seed, START_MS);
        for look in looks {
            often.advance_to(START_MS + look);
        }
        often.advance_to(end_ms);
        prop_assert_eq!(numbers(&once), numbers(&often));
        prop_assert_eq!(DemoState::of(&once), DemoState::of(&often));
    }
}

#[test]
fn another_seed_is_another_history() {
    let run = |seed| {
        let mut simulation = Simulation::new(seed, START_MS);
        simulation.advance_to(START_MS + 5 * MINUTE_MS);
        numbers(&simulation)
    };
    assert_ne!(run(1), run(2));
}

#[test]
fn time_does_not_run_backwards() {
    let mut simulation = Simulation::new(1, START_MS);
    simulation.advance_to(START_MS + MINUTE_MS);
    let before = numbers(&simulation);
    simulation.advance_to(START_MS - MINUTE_MS);
    assert_eq!(simulation.now_ms(), START_MS + MINUTE_MS);
    assert_eq!(numbers(&simulation), before);
}

#[test]
fn the_books_balance() {
    let mut simulation = Simulation::new(42, START_MS);
    for minute in 1..=70 {
        simulation.advance_to(START_MS + minute * MINUTE_MS);
        let state = DemoState::of(&simulation);
        let ended: f64 = state
            .requests
            .iter()
            .map(|r| r.ok + r.error + r.rejected + r.abandoned)
            .sum();
        let in_flight = (simulation.requests.len() - simulation.free.len()) as f64;
        assert_eq!(
            ended + in_flight,
            simulation.request_count as f64,
            "minute {minute}"
        );
        let waiting: usize = state.queue.depth.iter().map(|depth| depth.waiting).sum();
        assert_eq!(
            waiting + state.workers.busy as usize,
            in_flight as usize,
            "minute {minute}"
        );
        assert!(waiting <= QUEUE_CAPACITY);
        assert!(state.workers.busy + state.workers.idle <= pool::WORKERS_MAX);
        for provider in &state.providers {
            for left in [provider.requests_left_ratio, provider.tokens_left_ratio] {
                assert!((0.0..=1.0).contains(&left), "minute {minute}: {provider:?}");
            }
        }
        let calls: u32 = simulation.calls_in_flight.iter().sum();
        let tools: u32 = simulation.tools_in_flight.iter().sum();
        assert!(
            calls + tools <= state.workers.busy,
            "a worker does one thing at a time"
        );
    }
    let state = DemoState::of(&simulation);
    assert!(
        state.requests.iter().all(|requests| requests.ok > 100.0),
        "{state:?}"
    );
    assert!(state.cost_dollars > 1.0);
}

#[test]
fn counters_never_go_down() {
    let mut simulation = Simulation::new(42, START_MS);
    let mut before: std::collections::HashMap<String, f64> = std::collections::HashMap::new();
    for step in 1..=160 {
        simulation.advance_to(START_MS + step * 15_000);
        let is_gauge = |name: &str| {
            simulation.families().iter().any(|family| {
                name.starts_with(&format!("{}[", family.name))
                    && !matches!(
                        family.metric_type,
                        bellwether_model::MetricType::Counter
                            | bellwether_model::MetricType::Histogram
                    )
            })
        };
        for (name, value) in numbers(&simulation) {
            let last = before.insert(name.clone(), value).unwrap_or(0.0);
            assert!(
                value >= last || is_gauge(&name),
                "{name} went from {last} to {value}"
            );
        }
    }
}

/// What changes between two minutes of the simulation.
fn increase(simulation: &mut Simulation, to_minute: i64, name: &str, label: (&str, &str)) -> f64 {
    let before = number(simulation, name, label);
    simulation.advance_to(START_MS + to_minute * MINUTE_MS);
    number(simulation, name, label) - before
}

#[test]
fn a_slow_provider_shows_in_its_latency_and_its_health() {
    let mut simulation = Simulation::new(42, START_MS);
    let mut seconds_per_call = |to_minute| {
        let model = ("gen_ai_request_model", "meridian-large");
        let name = "gen_ai_server_time_per_output_token_seconds";
        let calls_name = "demo_llm_calls_total";
        let calls_before = number(&simulation, calls_name, ("model", "meridian-large"));
        let seconds = increase(&mut simulation, to_minute, name, model);
        let calls = number(&simulation, calls_name, ("model", "meridian-large")) - calls_before;
        seconds / calls
    };
    seconds_per_call(1);
    let usual_s = seconds_per_call(3);
    seconds_per_call(6);
    let slow_s = seconds_per_call(8);
    assert!(slow_s > 2.0 * usual_s, "{slow_s} against {usual_s}");
    assert_eq!(
        number(
            &simulation,
            "demo_provider_healthy",
            ("provider", "meridian")
        ),
        0.0
    );
    assert_eq!(
        number(
            &simulation,
            "demo_provider_healthy",
            ("provider", "polaris")
        ),
        1.0
    );
    let state = DemoState::of(&simulation);
    assert_eq!(state.faults.len(), 1, "{:?}", state.faults);
    assert_eq!(
        (state.faults[0].name, state.providers[0].state),
        ("provider_slow", "degraded")
    );
}

#[test]
fn a_failing_tool_and_an_exhausted_quota_show_as_errors() {
    let mut simulation = Simulation::new(42, START_MS);
    simulation.advance_to(START_MS + 19 * MINUTE_MS);
    let failed = ("error_type", "tool_error");
    let faulty = increase(&mut simulation, 24, "demo_tool_calls_total", failed);
    simulation.advance_to(START_MS + 30 * MINUTE_MS);
    let usual = increase(&mut simulation, 34, "demo_tool_calls_total", failed);
    assert!(faulty > 4.0 * usual, "{faulty} failures against {usual}");
    let limited = ("error_type", "rate_limited");
    let before = number(&simulation, "demo_llm_calls_total", limited);
    simulation.advance_to(START_MS + 37 * MINUTE_MS);
    let exhausted = increase(&mut simulation, 42, "demo_llm_calls_total", limited);
    assert!(
        exhausted > 50.0 && exhausted > before,
        "{exhausted} refused, {before} before"
    );
    assert!(
        number(
            &simulation,
            "demo_rate_limit_remaining",
            ("provider", "polaris")
        ) < 60_000.0
    );
    assert!(
        number(
            &simulation,
            "demo_llm_fallbacks_total",
            ("provider", "polaris")
        ) > 10.0
    );
}

#[test]
fn a_burst_fills_the_queue_and_the_pool_follows() {
    let mut simulation = Simulation::new(42, START_MS);
    simulation.advance_to(START_MS + 49 * MINUTE_MS);
    let mut deepest = 0;
    let mut largest = 0;
    for second in 0..360 {
        simulation.advance_to(START_MS + 49 * MINUTE_MS + second * 1_000);
        deepest = deepest.max(Workload::ALL.iter().map(|w| simulation.waiting(*w)).sum());
        largest = largest.max(simulation.pool.size());
    }
    assert!(deepest > 5, "at most {deepest} waited");
    assert!(largest > 40, "at most {largest} workers");
}
