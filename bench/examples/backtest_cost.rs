//! What a backtest costs, on data that another process has written:
//! `cargo run --release -p bellwether-bench --example backtest_cost -- write DIR DAYS`, then
//! `-- run DIR DAYS`. 10,000 series at 15 s; 50 recording and 50 alerting rules over 100 series each.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and stops where it cannot go on"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use bellwether_model::{Labels, METRIC_NAME};
use bellwether_rules::backtest::{BacktestSettings, backtest};
use bellwether_rules::{GroupSettings, RuleKind, RuleSettings, Surroundings};
use bellwether_storage::{
    Clock, ManualClock, MetricStore, RealDisk, SeriesRef, Source, WriteBatch,
};
use bellwether_tsdb::EngineSettings;

const STEP_MS: i64 = 15_000;
const START_MS: i64 = 1_699_920_000_000;
const DAY_MS: i64 = 86_400_000;

fn open(folder: &Path, clock: &Arc<ManualClock>) -> Arc<dyn MetricStore> {
    let settings = EngineSettings {
        retention_ms: 0,
        memory_limit_bytes: 1 << 30,
        ..EngineSettings::default()
    };
    let clock = Arc::<ManualClock>::clone(clock) as Arc<dyn Clock>;
    bellwether_tsdb::Engine::open(Arc::new(RealDisk), folder, clock, settings).unwrap()
}

fn write(folder: &Path, days: i64) {
    let clock = Arc::new(ManualClock::new(START_MS));
    let store = open(folder, &clock);
    let source = Source::new("bench");
    let mut series: Vec<SeriesRef> = Vec::new();
    for metric in 0..100 {
        for instance in 0..100 {
            let labels = Labels::from_pairs([
                (METRIC_NAME, format!("metric_{metric}_total")),
                ("job", format!("job{}", instance % 5)),
                ("instance", format!("10.0.{metric}.{instance}:9100")),
            ]);
            series.push(store.register(&source, None, &labels).unwrap());
        }
    }
    let steps = days * DAY_MS / STEP_MS;
    let mut values = vec![0.0; series.len()];
    let mut state = 1u64;
    let mut batch = WriteBatch::default();
    for step in 0..steps {
        let now_ms = START_MS + step * STEP_MS;
        clock.set(now_ms);
        batch.clear();
        for (one, value) in series.iter().zip(&mut values) {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // A request or some each second, and a rush now and then.
            let rush = if step % 2_000 < 40 { 400 } else { 30 };
            *value += ((state >> 33) % rush) as f64;
            batch.push(*one, now_ms, *value);
        }
        store.write(&source, &batch).unwrap();
        if step % 5_760 == 5_759 {
            store.compact().unwrap();
            println!("day {}", step / 5_760 + 1);
        }
    }
}

fn rule(index: usize) -> RuleSettings {
    let metric = format!("metric_{index}_total");
    let (kind, expr) = if index.is_multiple_of(2) {
        let name = format!("job:metric_{index}:rate5m");
        let expr = format!("sum by (job) (rate({metric}[5m]))");
        (RuleKind::Record { name }, expr)
    } else {
        let kind = RuleKind::Alert {
            name: format!("Alert{index}"),
            for_ms: 120_000,
            keep_firing_for_ms: 0,
            annotations: vec![("summary".into(), "{{ $value }}".into())],
        };
        let expr = if index % 4 == 1 {
            format!("job:metric_{}:rate5m > 100", index - 1)
        } else {
            format!("rate({metric}[5m]) > 8")
        };
        (kind, expr)
    };
    RuleSettings {
        kind,
        expr,
        labels: vec![("severity".into(), "page".into())],
        line: 1,
    }
}

fn run(folder: &Path, days: i64) {
    let end_ms = START_MS + days * DAY_MS - 1;
    let clock = Arc::new(ManualClock::new(end_ms));
    let store = open(folder, &clock);
    let groups: Vec<GroupSettings> = (0..5)
        .map(|group| GroupSettings {
            file: PathBuf::from("bench.yml"),
            name: format!("group{group}"),
            interval_ms: STEP_MS,
            query_offset_ms: None,
            limit: 0,
            labels: Vec::new(),
            rules: (group * 20..group * 20 + 20).map(rule).collect(),
        })
        .collect();
    let settings = BacktestSettings::new(START_MS, end_ms);
    let begun = Instant::now();
    let histories = backtest(store, &groups, &Surroundings::default(), &settings).unwrap();
    let took = begun.elapsed();
    let episodes: usize = histories.iter().map(|history| history.episodes.len()).sum();
    let samples: u64 = histories.iter().map(|history| history.sample_count).sum();
    let failed: u64 = histories.iter().map(|history| history.failed_turns).sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("");
    println!(
        "100 rules over {days} days: {took:.1?}, {peak}; {samples} samples recorded, {episodes} episodes, {failed} turns failed"
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, folder, days] = arguments.as_slice() else {
        println!("usage: backtest_cost write|run DIR DAYS");
        return;
    };
    let days = days.parse().unwrap();
    match what.as_str() {
        "write" => write(Path::new(folder), days),
        _ => run(Path::new(folder), days),
    }
}
