use proptest::prelude::*;

use super::*;
use crate::recorder::CellValue;

/// A Tuesday, 09:00 UTC.
const START_MS: i64 = 1_790_067_600_000;
const MINUTE_MS: i64 = 60_000;

fn simulation(seed: u64) -> Simulation {
    Simulation::new(seed, START_MS).unwrap()
}

/// Every number of a simulation with the name and labels that it is shown under.
fn numbers(simulation: &Simulation) -> Vec<(String, f64)> {
    let mut numbers = Vec::new();
    let recorder = simulation.recorder();
    for cell in recorder.cells() {
        let name = format!("{}{:?}", recorder.spec(cell.family).name, cell.labels);
        match &cell.value {
            CellValue::Number(number) => numbers.push((name, *number)),
            CellValue::Histogram(histogram) => {
                for (bucket, count) in histogram.counts.iter().enumerate() {
                    numbers.push((format!("{name} bucket {bucket}"), *count as f64));
                }
                numbers.push((format!("{name} sum"), histogram.sum));
            }
        }
    }
    numbers
}

/// The sum over all cells of a family with these labels; of histograms how many observations there were.
fn number(simulation: &Simulation, wanted: &str, labels: &[(&str, &str)]) -> f64 {
    let recorder = simulation.recorder();
    let has = |of: &[(&'static str, String)], (name, value): &(&str, &str)| {
        of.iter().any(|(n, v)| n == name && v == value)
    };
    let cells = recorder.cells().iter().filter(|cell| {
        let is_wanted = recorder.spec(cell.family).name == wanted;
        is_wanted && labels.iter().all(|label| has(&cell.labels, label))
    });
    cells
        .map(|cell| match &cell.value {
            CellValue::Number(number) => *number,
            CellValue::Histogram(histogram) => histogram.counts.iter().sum::<u64>() as f64,
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
        let mut once = simulation(seed);
        once.advance_to(end_ms);
        let mut often = simulation(seed);
        for look in looks {
            often.advance_to(START_MS + look);
        }
        often.advance_to(end_ms);
        prop_assert_eq!(numbers(&once), numbers(&often));
    }
}

#[test]
fn another_seed_is_another_history() {
    let run = |seed| {
        let mut simulation = simulation(seed);
        simulation.advance_to(START_MS + 5 * MINUTE_MS);
        numbers(&simulation)
    };
    assert_ne!(run(1), run(2));
}

#[test]
fn time_does_not_run_backwards() {
    let mut simulation = simulation(1);
    simulation.advance_to(START_MS + MINUTE_MS);
    let before = numbers(&simulation);
    simulation.advance_to(START_MS - MINUTE_MS);
    assert_eq!(simulation.now_ms(), START_MS + MINUTE_MS);
    assert_eq!(numbers(&simulation), before);
}

#[test]
fn the_books_balance() {
    let mut simulation = simulation(42);
    for minute in 1..=70 {
        simulation.advance_to(START_MS + minute * MINUTE_MS);
        let ended = number(&simulation, "demo_requests_total", &[]);
        let in_flight = number(&simulation, "demo_requests_in_flight", &[]);
        let all = simulation.request_count as f64;
        assert_eq!(ended + in_flight, all, "minute {minute}");
        let waiting = number(&simulation, "worker_pool_tasks_waiting", &[]);
        let running = number(&simulation, "worker_pool_tasks_running", &[]);
        assert_eq!(waiting + running, in_flight, "minute {minute}");
        assert!(waiting <= QUEUE_CAPACITY as f64);
        let workers = number(&simulation, "worker_pool_workers", &[]);
        assert!(running <= workers && workers <= f64::from(pool::WORKERS_MAX));
        for state in ["health_state", "health_probe_state"] {
            let (sets, all) = (number(&simulation, state, &[]), numbers(&simulation));
            let cells = all
                .iter()
                .filter(|(name, _)| name.starts_with(&format!("{state}[")));
            assert_eq!(sets * 4.0, cells.count() as f64, "one state of four");
        }
        let calls: u32 = simulation.calls_in_flight.iter().sum();
        let tools: u32 = simulation.tools_in_flight.iter().sum();
        let at_work = f64::from(calls + tools);
        assert!(at_work <= running, "a worker does one thing at a time");
    }
    for workload in Workload::ALL {
        let labels = [("workload", workload.name()), ("outcome", "ok")];
        let ok = number(&simulation, "demo_requests_total", &labels);
        assert!(ok > 100.0, "{ok} of {workload:?}");
    }
    assert!(number(&simulation, "gen_ai_client_cost_dollars_total", &[]) > 1.0);
}

#[test]
fn counters_never_go_down() {
    let mut simulation = simulation(42);
    let mut before: std::collections::HashMap<String, f64> = std::collections::HashMap::new();
    for step in 1..=160 {
        simulation.advance_to(START_MS + step * 15_000);
        let counted = |name: &str| name.contains("_total[") || name.contains(" bucket ");
        for (name, value) in numbers(&simulation) {
            let last = before.insert(name.clone(), value).unwrap_or(0.0);
            assert!(
                value >= last || !counted(&name),
                "{name} went from {last} to {value}"
            );
        }
    }
}

/// What changes until a minute of the simulation.
fn increase(
    simulation: &mut Simulation,
    to_minute: i64,
    name: &str,
    labels: &[(&str, &str)],
) -> f64 {
    let before = number(simulation, name, labels);
    simulation.advance_to(START_MS + to_minute * MINUTE_MS);
    number(simulation, name, labels) - before
}

/// Whether a probe is in a state.
fn is_in(simulation: &Simulation, probe: &str, state: &str) -> bool {
    let labels = [("probe", probe), ("state", state)];
    number(simulation, "health_probe_state", &labels) == 1.0
}

const CALLS: &str = "gen_ai_client_operation_duration_seconds";

#[test]
fn a_slow_provider_shows_in_its_latency_and_its_health() {
    let mut simulation = simulation(42);
    let slow_share = |simulation: &mut Simulation, to_minute| {
        let model = [("gen_ai_request_model", "meridian-large")];
        let sum = |simulation: &Simulation| {
            let name = "gen_ai_client_operation_time_per_output_chunk_seconds";
            let all = numbers(simulation);
            let is_wanted = |it: &&(String, f64)| {
                it.0.starts_with(name) && it.0.contains("meridian-large") && it.0.ends_with("sum")
            };
            all.iter().find(is_wanted).map_or(0.0, |it| it.1)
        };
        let before = sum(simulation);
        let name = "gen_ai_client_operation_time_per_output_chunk_seconds";
        let chunks = increase(simulation, to_minute, name, &model);
        (sum(simulation) - before) / chunks
    };
    slow_share(&mut simulation, 1);
    let usual_s = slow_share(&mut simulation, 3);
    slow_share(&mut simulation, 5);
    let slow_s = slow_share(&mut simulation, 6);
    assert!(slow_s > 2.0 * usual_s, "{slow_s} against {usual_s}");
    assert!(is_in(&simulation, "provider/meridian", "degraded"));
    assert!(is_in(&simulation, "provider/polaris", "up"));
    assert_eq!(
        number(&simulation, "health_state", &[("state", "degraded")]),
        1.0
    );
}

#[test]
fn a_provider_that_is_down_is_seen_and_fallen_back_from_and_comes_back() {
    let mut simulation = simulation(42);
    simulation.advance_to(START_MS + 6 * MINUTE_MS);
    let mut was_down = 0;
    let mut refused = 0.0;
    for second in 0..8 * 60 {
        simulation.advance_to(START_MS + 6 * MINUTE_MS + second * 1_000);
        was_down += u32::from(is_in(&simulation, "provider/polaris", "down"));
        refused = number(&simulation, CALLS, &[("error_type", "overloaded")]);
    }
    assert!((20..420).contains(&was_down), "down for {was_down} s");
    assert!(refused > 50.0, "{refused} calls were refused");
    let fallbacks = number(
        &simulation,
        "demo_llm_fallbacks_total",
        &[("provider", "polaris")],
    );
    assert!(fallbacks > 20.0, "{fallbacks} fallbacks");
    assert!(is_in(&simulation, "provider/polaris", "up"), "it came back");
}

#[test]
fn a_failing_tool_and_an_exhausted_quota_show_as_errors() {
    let mut simulation = simulation(42);
    simulation.advance_to(START_MS + 19 * MINUTE_MS);
    let failed = [("error_type", "tool")];
    let tools = "gen_ai_execute_tool_duration_seconds";
    let faulty = increase(&mut simulation, 24, tools, &failed);
    simulation.advance_to(START_MS + 30 * MINUTE_MS);
    let usual = increase(&mut simulation, 34, tools, &failed);
    assert!(faulty > 4.0 * usual, "{faulty} failures against {usual}");
    let limited = [("error_type", "rate_limited")];
    simulation.advance_to(START_MS + 37 * MINUTE_MS);
    let exhausted = increase(&mut simulation, 42, CALLS, &limited);
    assert!(exhausted > 50.0, "{exhausted} refused");
    let labels = [("gen_ai_request_model", "polaris-pro"), ("kind", "tokens")];
    let limit = number(&simulation, "gen_ai_client_rate_limit_limit", &labels);
    assert!(limit < 400_000.0, "{limit} of 950,000 tokens a minute");
}

#[test]
fn a_burst_fills_the_queue_and_the_pool_follows() {
    let mut simulation = simulation(42);
    simulation.advance_to(START_MS + 49 * MINUTE_MS);
    let (mut deepest, mut largest) = (0.0_f64, 0);
    for second in 0..360 {
        simulation.advance_to(START_MS + 49 * MINUTE_MS + second * 1_000);
        deepest = deepest.max(number(&simulation, "worker_pool_tasks_waiting", &[]));
        largest = largest.max(simulation.pool.workers);
    }
    assert!(deepest > 5.0, "at most {deepest} waited");
    assert!(largest > 40, "at most {largest} workers");
}

/// As the live daemon has it: the test of the same name of `live/calls.rs`.
#[test]
fn the_last_attempt_is_not_repeated() {
    let mut simulation = simulation(42);
    simulation.quotas = QUOTAS.map(|quotas| quotas.map(Quota::used_up));
    simulation.advance_to(START_MS + 2 * MINUTE_MS);
    let no_arrival = |Reverse((_, _, event)): &Queued| !matches!(event, Event::Arrive { .. });
    simulation.events.retain(no_arrival);
    simulation.advance_to(START_MS + 10 * MINUTE_MS);
    assert_eq!(number(&simulation, "demo_requests_in_flight", &[]), 0.0);
    let failed = number(&simulation, "demo_requests_total", &[("outcome", "error")]);
    assert!(failed > 20.0, "{failed} requests");
    assert_eq!(number(&simulation, CALLS, &[]), 4.0 * failed);
    let retries = number(&simulation, "demo_llm_retries_total", &[]);
    assert_eq!(retries, 3.0 * failed);
    let of = |provider| {
        number(
            &simulation,
            "demo_llm_fallbacks_total",
            &[("provider", provider)],
        )
    };
    assert_eq!(
        [of("meridian"), of("polaris")],
        [failed, failed],
        "there, and back again"
    );
}
