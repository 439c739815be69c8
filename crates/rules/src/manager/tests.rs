use bellwether_storage::{MemoryStateStore, MemoryStore, MemoryTimeline};
use bellwether_telemetry::Format;
use tokio::time::Instant;

use super::*;
use crate::settings::RuleSettings;
use crate::snapshot::RuleHealth;
use crate::testing::{Sent, alerting, engine, group, recording, series, up};

/// A wall clock that goes as tokio's time does, which tests pause.
#[derive(Debug)]
struct TokioClock {
    begun: Instant,
    from_ms: i64,
}

impl Clock for TokioClock {
    fn now_ms(&self) -> i64 {
        self.from_ms + i64::try_from(self.begun.elapsed().as_millis()).unwrap()
    }
}

struct Fixture {
    store: Arc<MemoryStore>,
    state: Arc<MemoryStateStore>,
    sent: Arc<Sent>,
    clock: Arc<TokioClock>,
    registry: Registry,
    manager: Manager,
}

impl Fixture {
    fn new(from_ms: i64) -> Self {
        Self::with(from_ms, Arc::default(), Arc::default())
    }

    fn with(from_ms: i64, store: Arc<MemoryStore>, state: Arc<MemoryStateStore>) -> Self {
        let clock = Arc::new(TokioClock {
            begun: Instant::now(),
            from_ms,
        });
        let (sent, registry) = (Arc::new(Sent::default()), Registry::new());
        let manager = Manager::new(ManagerParts {
            store: Arc::<MemoryStore>::clone(&store),
            engine: engine(),
            clock: Arc::<TokioClock>::clone(&clock),
            sink: Arc::<Sent>::clone(&sent),
            state: Arc::<MemoryStateStore>::clone(&state),
            evidence: None,
            timeline: Arc::new(MemoryTimeline::default()),
            registry: registry.clone(),
            options: RuleOptions::default(),
        })
        .unwrap();
        Self {
            store,
            state,
            sent,
            clock,
            registry,
            manager,
        }
    }

    async fn apply(&self, groups: Vec<GroupSettings>) {
        let surroundings = Surroundings::default();
        self.manager.apply(groups, surroundings).await.unwrap();
    }

    /// Waits until every group has had so many turns.
    async fn turns(&self, count: u64) {
        loop {
            let text = self.registry.render(Format::Prometheus);
            let mut turns = text
                .lines()
                .filter(|line| line.starts_with("prometheus_rule_group_iterations_total{"))
                .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
            if turns.all(|turns| turns >= count) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// The times of a metric's samples in ms, one series after the other.
    fn samples(&self, metric: &str) -> Vec<String> {
        series(self.store.as_ref(), metric)
    }
}

fn one(name: &str, rule: RuleSettings) -> GroupSettings {
    group(name, vec![rule])
}

#[tokio::test(start_paused = true)]
async fn turns_are_aligned_and_go_on_over_reloads() {
    let fixture = Fixture::new(1_000_003);
    let groups = |factor: &str| {
        vec![
            one("same", recording("a", "time()", &[])),
            one("changed", recording("b", factor, &[])),
        ]
    };
    fixture.apply(groups("1")).await;
    assert_eq!(
        fixture.manager.groups()[0].rules[0].health,
        RuleHealth::Unknown
    );
    fixture.turns(3).await;
    let same = Arc::clone(&fixture.manager.groups()[1]);
    assert_eq!(
        (same.name.as_str(), same.rules[0].health),
        ("same", RuleHealth::Ok)
    );
    // Only lines of the file have moved in one of them.
    let mut again = groups("2");
    again[0].rules[0].line = 99;
    fixture.apply(again).await;
    fixture.turns(6).await;
    fixture.manager.stop().await;
    for (metric, name) in [("a", "same"), ("b", "changed")] {
        let lines = fixture.samples(metric);
        assert_eq!(lines.len(), 1);
        let turns = crate::schedule::Turns::new(&format!("rules.yml;{name}"), 10_000);
        let first_ms = turns.after(1_000_003);
        let times: Vec<i64> = lines[0]
            .split(' ')
            .skip(1)
            .map(|sample| sample.split(':').next().unwrap().parse().unwrap())
            .collect();
        let want: Vec<i64> = (0..times.len() as i64)
            .map(|turn| (first_ms + turn * 10_000) / 1_000)
            .collect();
        assert!(times.len() >= 6, "{lines:?}");
        assert_eq!(times, want, "{metric}");
    }
    assert!(fixture.samples("b")[0].contains(":1 ") && fixture.samples("b")[0].ends_with(":2"));
    assert!(fixture.manager.groups().is_empty());
    let text = fixture.registry.render(Format::Prometheus);
    assert!(
        text.contains("prometheus_rule_evaluation_duration_seconds_count 1"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn own_numbers_have_the_names_of_prometheus() {
    let fixture = Fixture::new(0);
    let rules = vec![
        recording("a", "1", &[]),
        recording("b", "up * on() up", &[]),
    ];
    fixture.apply(vec![group("g", rules)]).await;
    up(&fixture.store, 1, &[("a", 1.0), ("b", 1.0)]);
    fixture.turns(2).await;
    fixture
        .manager
        .apply(Vec::new(), Surroundings::default())
        .await
        .unwrap();
    let text = fixture.registry.render(Format::Prometheus);
    assert!(!text.contains("rule_group="), "{text}");
    fixture
        .apply(vec![one("g", recording("a", "1", &[]))])
        .await;
    fixture.turns(1).await;
    let text = fixture.registry.render(Format::Prometheus);
    for line in [
        "prometheus_rule_group_iterations_missed_total{rule_group=\"rules.yml;g\"} 0",
        "prometheus_rule_evaluation_failures_total{rule_group=\"rules.yml;g\"} 0",
        "prometheus_rule_group_interval_seconds{rule_group=\"rules.yml;g\"} 10",
        "prometheus_rule_group_last_evaluation_samples{rule_group=\"rules.yml;g\"} 1",
        "prometheus_rule_group_rules{rule_group=\"rules.yml;g\"} 1",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    for name in [
        "prometheus_rule_evaluations_total",
        "prometheus_rule_group_last_duration_seconds",
        "prometheus_rule_group_last_evaluation_timestamp_seconds",
        "prometheus_rule_group_last_rule_duration_sum_seconds",
    ] {
        assert!(text.contains(&format!("# TYPE {name}")), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn series_of_a_removed_group_end_unless_another_goes_on() {
    let fixture = Fixture::new(0);
    let groups = vec![
        group(
            "old",
            vec![recording("a", "1", &[]), recording("b", "1", &[])],
        ),
        one("stays", recording("c", "1", &[])),
    ];
    fixture.apply(groups.clone()).await;
    fixture.turns(2).await;
    // `a` goes on under another name of the group.
    let renamed = one("new", recording("a", "2", &[]));
    fixture.apply(vec![renamed, groups[1].clone()]).await;
    fixture.turns(4).await;
    let ends = |metric: &str| fixture.samples(metric)[0].ends_with("stale");
    assert!(
        !fixture.samples("a")[0].contains("stale"),
        "{:?}",
        fixture.samples("a")
    );
    assert!(ends("b") && !ends("c"));
    fixture.manager.stop().await;
    // Stopping is no end: the next start goes on.
    assert!(!ends("a") && !ends("c"));
}

#[tokio::test(start_paused = true)]
async fn alerts_go_on_after_a_restart() {
    let groups = vec![
        one("g", alerting("Up", "up > 0", 0)),
        one("h", alerting("Up", "up > 0", 0)),
    ];
    let fixture = Fixture::new(0);
    up(&fixture.store, 1, &[("a", 1.0)]);
    fixture.apply(groups.clone()).await;
    fixture.turns(4).await;
    assert!(!fixture.sent.take().is_empty());
    fixture.manager.stop().await;
    let stopped_ms = fixture.clock.now_ms();
    assert_eq!(fixture.state.entries("rules.alerts").unwrap().len(), 3);

    // Later, without a sample that could hold the condition, and without one of the groups.
    let restarted = Fixture::with(stopped_ms + 600_000, fixture.store, fixture.state);
    restarted.apply(vec![groups[0].clone()]).await;
    assert_eq!(restarted.sent.take().len(), 1);
    assert_eq!(restarted.state.entries("rules.alerts").unwrap().len(), 2);
    restarted.turns(3).await;
    let rule = restarted.manager.groups()[0].rules[0].clone();
    assert_eq!(rule.worst(), Some(crate::AlertState::Firing));
    // Removing the rule forgets its alerts.
    restarted.apply(Vec::new()).await;
    assert_eq!(restarted.state.entries("rules.alerts").unwrap().len(), 1);
    restarted.manager.stop().await;
    restarted.apply(groups).await;
    assert!(restarted.manager.groups().is_empty());
}

#[tokio::test(start_paused = true)]
async fn wrong_settings_change_nothing() {
    let fixture = Fixture::new(0);
    fixture
        .apply(vec![one("g", recording("a", "1", &[]))])
        .await;
    for (groups, want) in [
        (
            vec![one("g", recording("a", "sum(", &[]))],
            "rules.yml:1: group \"g\", rule \"a\"",
        ),
        (
            vec![
                one("h", recording("a", "1", &[])),
                one("h", recording("b", "1", &[])),
            ],
            "rules.yml: group \"h\" is there twice",
        ),
    ] {
        let applied = fixture.manager.apply(groups, Surroundings::default()).await;
        let text = applied.unwrap_err().to_string();
        assert!(text.starts_with(want), "{text}");
        assert_eq!(fixture.manager.groups()[0].rules[0].info.query, "1");
    }
    fixture.turns(1).await;
    assert_eq!(fixture.samples("a").len(), 1);
    fixture.manager.stop().await;
}
