//! What evaluating rules costs: `cargo run --release -p bellwether-bench --example rules_cost`.
//!
//! 10,000 rules in 500 groups over 100,000 series at 15 s, on the embedded engine: half of the rules
//! record the rate of 50 series, half are alerts over such rates or over what was recorded, of which
//! one in a hundred fires.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and stops where it cannot go on"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellwether_model::{Labels, METRIC_NAME};
use bellwether_promql::{CancelToken, Engine, EngineOptions};
use bellwether_rules::{Group, GroupSettings, RuleKind, RuleSettings, Surroundings, World};
use bellwether_storage::{
    Clock, ManualClock, MetricStore, RealDisk, SeriesRef, Source, WriteBatch,
};
use bellwether_tsdb::EngineSettings;

const METRICS: usize = 2_000;
const INSTANCES: usize = 50;
const GROUPS: usize = 500;
const STEP_MS: i64 = 15_000;
const START_MS: i64 = 1_700_000_000_000;

fn rule(index: usize) -> RuleSettings {
    let metric = format!("metric_{}_total", index % METRICS);
    let recorded = format!("job:metric_{index}:rate5m");
    let alert = |expr: String| {
        let kind = RuleKind::Alert {
            name: format!("Alert{index}"),
            for_ms: 60_000,
            keep_firing_for_ms: 0,
            annotations: vec![(
                "summary".into(),
                "{{ $labels.instance }} of {{ $labels.job }} is at {{ $value | humanize }}".into(),
            )],
        };
        (kind, expr)
    };
    let (kind, expr) = match index % 4 {
        0 | 2 => (
            RuleKind::Record { name: recorded },
            format!("sum by (job) (rate({metric}[5m]))"),
        ),
        1 => alert(format!("job:metric_{}:rate5m > 1e12", index - 1)),
        _ if index % 100 == 3 => alert(format!("rate({metric}[5m]) > 0")),
        _ => alert(format!("rate({metric}[5m]) > 1e12")),
    };
    RuleSettings {
        kind,
        expr,
        labels: vec![("severity".into(), "page".into())],
        line: 1,
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(START_MS));
    let store = bellwether_tsdb::Engine::open(
        Arc::new(RealDisk),
        folder.path(),
        Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>,
        EngineSettings::default(),
    )
    .unwrap();
    let store: Arc<dyn MetricStore> = store;
    let source = Source::new("bench");
    let mut series: Vec<SeriesRef> = Vec::new();
    for metric in 0..METRICS {
        for instance in 0..INSTANCES {
            let labels = Labels::from_pairs([
                (METRIC_NAME, format!("metric_{metric}_total")),
                ("job", format!("job{}", instance % 5)),
                ("instance", format!("10.0.{metric}.{instance}:9100")),
                ("region", "eu-1".to_owned()),
            ]);
            series.push(store.register(&source, None, &labels).unwrap());
        }
    }
    let mut now_ms = START_MS;
    let step = |now_ms: &mut i64| {
        *now_ms += STEP_MS;
        clock.set(*now_ms);
        let mut batch = WriteBatch::default();
        for (index, one) in series.iter().enumerate() {
            let value = (*now_ms - START_MS) as f64 * (1 + index % 7) as f64;
            batch.push(*one, *now_ms, value);
        }
        store.write(&source, &batch).unwrap();
    };
    for _ in 0..30 {
        step(&mut now_ms);
    }
    let engine = Arc::new(Engine::new(EngineOptions {
        threads: 1,
        ..EngineOptions::default()
    }));
    let world = World::closed(
        Arc::clone(&store),
        engine,
        Arc::<ManualClock>::clone(&clock),
    );
    let groups: Vec<Group> = (0..GROUPS)
        .map(|group| {
            let settings = GroupSettings {
                file: PathBuf::from("bench.yml"),
                name: format!("group{group}"),
                interval_ms: STEP_MS,
                query_offset_ms: None,
                limit: 0,
                labels: Vec::new(),
                rules: (group * 20..group * 20 + 20).map(rule).collect(),
            };
            Group::new(settings, &world, &Surroundings::default()).unwrap()
        })
        .collect();
    let rounds = 10;
    let mut total = Duration::ZERO;
    for round in 0..=rounds {
        step(&mut now_ms);
        let begun = Instant::now();
        for group in &groups {
            group.evaluate(now_ms, &CancelToken::default());
        }
        let took = begun.elapsed();
        println!("turn {round}: {took:.2?}");
        // The first one registers all series.
        if round > 0 {
            total += took;
        }
    }
    let failed: usize = groups
        .iter()
        .flat_map(|group| group.snapshot().rules.clone())
        .filter(|rule| !rule.last_error.is_empty())
        .count();
    let each = total / rounds;
    println!(
        "10,000 rules: {each:.2?} a turn, {:.1?} a rule, {:.2} of a core at 15 s; {failed} failed",
        each / 10_000,
        each.as_secs_f64() / 15.0
    );
}
