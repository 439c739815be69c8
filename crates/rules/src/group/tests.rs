use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use bellwether_model::{FloatHistogram, METRIC_NAME, STALE_NAN};
use bellwether_storage::{
    ErrorKind, ManualClock, MemoryStateStore, MemoryStore, MemoryTimeline, MetricStore,
    RejectionReason, SeriesKey, SeriesRef, StateStore, StorageError, StoreLayer, Timeline,
    TimelineQuery, WriteBatch, WriteOutcome,
};

use super::*;
use crate::keeper::{Keeper, Kept};
use crate::metrics::RuleMetrics;
use crate::snapshot::RuleSnapshot;
use crate::testing::{Sent, alerting, engine, group, labels, recording, series, up};
use crate::world::RuleOptions;

/// A store that counts writes, and forgets or fails when told to.
#[derive(Debug, Default)]
struct Moody {
    inner: Arc<MemoryStore>,
    writes: AtomicUsize,
    fails: AtomicBool,
    /// References of other ages mean nothing.
    age: AtomicU64,
}

const AGE: u64 = 1_000_000;

impl StoreLayer for Moody {
    fn inner(&self) -> &dyn MetricStore {
        self.inner.as_ref()
    }

    fn register(
        &self,
        source: &Source,
        key: Option<SeriesKey>,
        labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        if labels.get("job") == Some("refused") {
            return Err(StorageError::Invalid("no such job".to_owned()));
        }
        let series = self.inner.register(source, key, labels)?;
        let age = self.age.load(Ordering::SeqCst);
        Ok(SeriesRef(series.0 + age * AGE))
    }

    fn write(&self, source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        if self.fails.load(Ordering::SeqCst) {
            return Err(StorageError::Unavailable("no room".to_owned()));
        }
        let (mut known, mut outcome) = (WriteBatch::default(), WriteOutcome::default());
        let age = self.age.load(Ordering::SeqCst);
        let floats = batch.series.iter().zip(&batch.times_ms).zip(&batch.values);
        for ((series, time_ms), value) in floats {
            if series.0 / AGE == age {
                known.push(SeriesRef(series.0 % AGE), *time_ms, *value);
            } else {
                outcome.reject(*series, *time_ms, RejectionReason::UnknownSeries);
            }
        }
        for (series, time_ms, start_ms, histogram) in &batch.histograms {
            let sample = (
                SeriesRef(series.0 % AGE),
                *time_ms,
                *start_ms,
                histogram.clone(),
            );
            known.histograms.push(sample);
        }
        let mut inner = self.inner.write(source, &known)?;
        for rejection in &mut inner.rejections {
            rejection.series.0 += age * AGE;
        }
        outcome.rejections.append(&mut inner.rejections);
        Ok(outcome)
    }
}

/// A world with everything in memory.
struct Fixture {
    store: Arc<MemoryStore>,
    moody: Arc<Moody>,
    sent: Arc<Sent>,
    state: Arc<MemoryStateStore>,
    timeline: Arc<MemoryTimeline>,
    clock: Arc<ManualClock>,
    world: Arc<World>,
    kept: Kept,
}

impl Fixture {
    fn new() -> Self {
        Self::with(Arc::default(), Arc::default())
    }

    /// The same after a restart.
    fn restarted(&self) -> Self {
        Self::with(Arc::clone(&self.store), Arc::clone(&self.state))
    }

    fn with(store: Arc<MemoryStore>, state: Arc<MemoryStateStore>) -> Self {
        let moody = Arc::new(Moody {
            inner: Arc::clone(&store),
            ..Moody::default()
        });
        let (sent, timeline) = (
            Arc::new(Sent::default()),
            Arc::new(MemoryTimeline::default()),
        );
        let clock = Arc::new(ManualClock::new(0));
        let (keeper, kept) = Keeper::open(Arc::clone(&state) as Arc<dyn StateStore>).unwrap();
        let world = Arc::new(World {
            store: Arc::clone(&moody) as Arc<dyn MetricStore>,
            engine: engine(),
            clock: Arc::<ManualClock>::clone(&clock),
            sink: Some(Arc::<Sent>::clone(&sent)),
            evidence: None,
            timeline: Some(Arc::<MemoryTimeline>::clone(&timeline)),
            keeper: Some(keeper),
            metrics: RuleMetrics::unseen(),
            options: RuleOptions::default(),
            workers: None,
        });
        Self {
            store,
            moody,
            sent,
            state,
            timeline,
            clock,
            world,
            kept,
        }
    }

    fn group(&self, settings: GroupSettings) -> Group {
        let surroundings = Surroundings {
            external_labels: labels(&[("region", "eu")]),
            external_url: "http://mon".to_owned(),
            query_offset_ms: 0,
        };
        Group::new(settings, &self.world, &surroundings).unwrap()
    }

    fn at(&self, group: &Group, seconds: i64) {
        self.clock.set(seconds * 1_000);
        group.evaluate(seconds * 1_000, &CancelToken::default());
    }

    fn series(&self, metric: &str) -> Vec<String> {
        series(self.store.as_ref(), metric)
    }

    /// The rows of the timeline, oldest first.
    fn rows(&self) -> Vec<String> {
        let mut rows = self.timeline.query(&TimelineQuery::default()).unwrap();
        rows.reverse();
        let texts = rows.iter().map(|row| {
            let job = row.labels.get("job").unwrap_or("");
            format!(
                "{} {} {job}: {}",
                row.time_ms / 1_000,
                row.kind.as_str(),
                row.cause
            )
        });
        texts.collect()
    }

    fn kept_count(&self) -> usize {
        self.state.entries("rules.alerts").unwrap().len()
    }
}

fn rule(group: &Group, index: usize) -> RuleSnapshot {
    group.snapshot().rules[index].clone()
}

#[test]
fn recording_rules_write_series_and_end_them() {
    let fixture = Fixture::new();
    let mut settings = group(
        "g",
        vec![
            recording("job:up", "up", &[("level", "job"), ("gone", "")]),
            recording("all:up", "sum(job:up)", &[]),
            recording("answer", "42", &[]),
        ],
    );
    settings.labels = vec![
        ("level".into(), "group".into()),
        ("team".into(), "x".into()),
    ];
    let group = fixture.group(settings);
    up(&fixture.store, 10, &[("a", 1.0), ("b", 3.0)]);
    fixture.at(&group, 10);
    up(&fixture.store, 20, &[("a", 2.0), ("b", STALE_NAN)]);
    fixture.at(&group, 20);
    fixture.at(&group, 30);
    assert_eq!(
        fixture.series("job:up"),
        [
            r#"{job="a", level="job", team="x"} 10:1 20:2 30:2"#,
            r#"{job="b", level="job", team="x"} 10:3 20:stale"#,
        ]
    );
    // A rule sees what those before it have written at the same turn.
    assert_eq!(
        fixture.series("all:up"),
        [r#"{level="group", team="x"} 10:4 20:2 30:2"#]
    );
    assert_eq!(
        fixture.series("answer"),
        [r#"{level="group", team="x"} 10:42 20:42 30:42"#]
    );
    let snapshot = group.snapshot();
    assert_eq!(snapshot.last_evaluation_ms, Some(30_000));
    assert_eq!(snapshot.sample_count, 3);
    assert!(
        snapshot
            .rules
            .iter()
            .all(|rule| rule.health == RuleHealth::Ok)
    );
    assert_eq!(snapshot.rules[1].info.query, "sum(job:up)");
}

#[test]
fn rules_that_do_not_read_one_another_are_written_together() {
    let fixture = Fixture::new();
    up(&fixture.store, 10, &[("a", 1.0)]);
    let rules = |second: &str| {
        vec![
            recording("a", "up", &[]),
            recording("b", second, &[]),
            recording("c", "up", &[]),
        ]
    };
    for (second, writes) in [
        ("up + 1", 1),
        ("a + 1", 2),
        (r#"{job="a", __name__!="z"}"#, 2),
    ] {
        let group = fixture.group(group("g", rules(second)));
        let before = fixture.moody.writes.load(Ordering::SeqCst);
        fixture.at(&group, 10);
        let count = fixture.moody.writes.load(Ordering::SeqCst) - before;
        assert_eq!(count, writes, "{second}");
    }
}

#[test]
fn side_by_side_gives_what_one_after_another_gives() {
    let told = |workers: Option<usize>| {
        let mut fixture = Fixture::new();
        let world = Arc::get_mut(&mut fixture.world).unwrap();
        world.workers = workers.map(|count| Arc::new(tokio::sync::Semaphore::new(count)));
        let mut rules = Vec::new();
        for number in 0..40 {
            rules.push(recording(
                &format!("r{number}"),
                &format!("up + {number}"),
                &[],
            ));
            let before = number / 3;
            rules.push(recording(
                &format!("s{number}"),
                &format!("sum(r{before})"),
                &[],
            ));
            rules.push(alerting(
                &format!("A{number}"),
                &format!("r{number} > {before}"),
                number,
            ));
        }
        let group = fixture.group(group("g", rules));
        for turn in 1..5 {
            up(
                &fixture.store,
                turn * 10,
                &[("a", turn as f64), ("b", -1.0)],
            );
            group.core.lock().seconds = 1.0;
            fixture.at(&group, turn * 10);
        }
        let mut told = fixture.sent.take();
        told.sort_unstable();
        let mut rows = fixture.rows();
        rows.sort_unstable();
        for number in 0..40 {
            told.extend(fixture.series(&format!("r{number}")));
            told.extend(fixture.series(&format!("s{number}")));
        }
        told.extend(fixture.series("ALERTS"));
        (told, rows, group.snapshot().sample_count)
    };
    let want = told(None);
    assert!(want.0.len() > 200 && want.1.len() > 40, "{want:?}");
    assert_eq!(told(Some(3)), want);
}

#[test]
fn query_offset_moves_queries_and_samples() {
    let fixture = Fixture::new();
    let mut settings = group(
        "g",
        vec![recording("r", "up", &[]), alerting("Up", "up", 0)],
    );
    settings.query_offset_ms = Some(5_000);
    let group = fixture.group(settings);
    up(&fixture.store, 10, &[("a", 1.0)]);
    up(&fixture.store, 17, &[("a", 2.0)]);
    fixture.at(&group, 20);
    assert_eq!(fixture.series("r"), [r#"{job="a"} 15:1"#]);
    // The alert itself lives at the time of the turn.
    assert_eq!(fixture.sent.take(), ["Up 20-260 a has 1"]);
    assert_eq!(group.snapshot().query_offset_ms, 5_000);
    assert_eq!(
        fixture.series("ALERTS_FOR_STATE")[0].split(' ').next_back(),
        Some("15:20")
    );
}

#[test]
fn native_histograms_are_recorded() {
    let fixture = Fixture::new();
    let histogram = FloatHistogram {
        count: 3.0,
        zero_count: 3.0,
        ..FloatHistogram::default()
    };
    let name = labels(&[(METRIC_NAME, "h")]);
    fixture.store.insert_histogram(&name, 10_000, 0, histogram);
    let group = fixture.group(group("g", vec![recording("r", "h", &[])]));
    fixture.at(&group, 10);
    fixture.store.insert(&name, 20_000, STALE_NAN);
    fixture.at(&group, 20);
    assert_eq!(fixture.series("r"), ["{} 10:3 20:stale"]);
}

#[test]
fn failures_are_told_and_change_nothing() {
    let fixture = Fixture::new();
    up(&fixture.store, 10, &[("a", 1.0), ("b", 1.0)]);
    let mut settings = group(
        "g",
        vec![
            recording("same", "up", &[("job", "x")]),
            recording("string", "\"text\"", &[]),
            recording("wrong", "up * on() up", &[]),
            recording("many", "up", &[]),
            recording("few", "sum(up)", &[]),
            recording("few", "2 * sum(up)", &[]),
            recording(
                "refused",
                "label_replace(up, \"job\", \"refused\", \"job\", \"a\")",
                &[],
            ),
        ],
    );
    settings.limit = 2;
    let group = fixture.group(settings);
    fixture.at(&group, 10);
    let errors: Vec<String> = group
        .snapshot()
        .rules
        .iter()
        .map(|r| r.last_error.clone())
        .collect();
    assert_eq!(
        errors[0],
        "vector contains metrics with the same labelset after applying rule labels: \
         {__name__=\"same\", job=\"x\"}"
    );
    assert_eq!(
        errors[1],
        "rule result is not a vector or scalar: it is a string"
    );
    assert!(errors[2].contains("many-to-many"), "{}", errors[2]);
    assert_eq!((errors[3].as_str(), errors[4].as_str()), ("", ""));
    assert_eq!(
        errors[5],
        "1 samples were not stored, the first of {__name__=\"few\"}: another rule or sender gave it \
         another value at that time"
    );
    assert!(errors[6].starts_with("1 samples were not stored, the first of {__name__=\"refused\""));
    assert!(errors[6].ends_with("no such job"), "{}", errors[6]);
    assert_eq!(fixture.series("few"), ["{} 10:2"]);
    assert!(fixture.series("same").is_empty());
    up(&fixture.store, 20, &[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    fixture.at(&group, 20);
    assert_eq!(
        rule(&group, 3).last_error,
        "exceeded limit of 2 with 3 series"
    );
    assert_eq!(rule(&group, 3).health, RuleHealth::Err);
    // What was there before does not end because an evaluation failed.
    assert_eq!(
        fixture.series("many"),
        [r#"{job="a"} 10:1"#, r#"{job="b"} 10:1"#]
    );
    up(
        &fixture.store,
        30,
        &[("a", 5.0), ("b", STALE_NAN), ("c", STALE_NAN)],
    );
    fixture.at(&group, 30);
    assert_eq!(
        fixture.series("many"),
        [r#"{job="a"} 10:1 30:5"#, r#"{job="b"} 10:1 30:stale"#]
    );
    assert_eq!(rule(&group, 3).last_error, "");
    // Two elements that became one are fine as soon as they are one.
    assert_eq!(fixture.series("same"), [r#"{job="x"} 30:5"#]);
}

#[test]
fn a_store_that_fails_is_told_and_markers_wait_for_it() {
    let fixture = Fixture::new();
    let group = fixture.group(group("g", vec![recording("r", "up", &[])]));
    up(&fixture.store, 10, &[("a", 1.0), ("b", 1.0)]);
    fixture.at(&group, 10);
    fixture.moody.fails.store(true, Ordering::SeqCst);
    up(&fixture.store, 20, &[("a", STALE_NAN), ("c", 1.0)]);
    fixture.at(&group, 20);
    assert!(rule(&group, 0).last_error.contains("no room"));
    up(&fixture.store, 25, &[("c", STALE_NAN)]);
    fixture.moody.fails.store(false, Ordering::SeqCst);
    fixture.at(&group, 30);
    // `c` was never stored, and does not end.
    assert_eq!(
        fixture.series("r"),
        [r#"{job="a"} 10:1 30:stale"#, r#"{job="b"} 10:1 30:1"#]
    );
}

#[test]
fn series_that_the_store_has_let_go_of_are_registered_again() {
    let fixture = Fixture::new();
    let group = fixture.group(group(
        "g",
        vec![recording("r", "up", &[]), alerting("Up", "up", 0)],
    ));
    up(&fixture.store, 10, &[("a", 1.0), ("b", 1.0)]);
    fixture.at(&group, 10);
    fixture.moody.age.store(1, Ordering::SeqCst);
    up(&fixture.store, 20, &[("a", 2.0), ("b", STALE_NAN)]);
    fixture.at(&group, 20);
    assert_eq!(
        fixture.series("r"),
        [r#"{job="a"} 10:1 20:2"#, r#"{job="b"} 10:1 20:stale"#]
    );
    assert_eq!(rule(&group, 0).last_error, "");
    let writes = fixture.moody.writes.load(Ordering::SeqCst);
    fixture.at(&group, 30);
    assert_eq!(fixture.moody.writes.load(Ordering::SeqCst), writes + 1);
}

#[test]
fn alerts_are_sent_told_and_written() {
    let fixture = Fixture::new();
    let group = fixture.group(group("g", vec![alerting("Up", "up > 0", 20_000)]));
    up(&fixture.store, 10, &[("a", 1.0), ("b", 1.0)]);
    fixture.at(&group, 10);
    assert!(fixture.sent.take().is_empty());
    assert_eq!(rule(&group, 0).worst(), Some(crate::AlertState::Pending));
    up(&fixture.store, 20, &[("a", 7.0), ("b", 0.0)]);
    fixture.at(&group, 20);
    fixture.at(&group, 30);
    assert_eq!(fixture.sent.take(), ["Up 30-270 a has 7"]);
    up(&fixture.store, 40, &[("a", 0.0)]);
    fixture.at(&group, 40);
    assert_eq!(fixture.sent.take(), ["Up 30-40 a has 7"]);
    let alert = r#"alertname="Up", alertstate="#;
    let rest = |job| format!(r#"job="{job}", severity="page"}}"#);
    assert_eq!(
        fixture.series("ALERTS"),
        [
            format!(r#"{{{alert}"firing", {} 30:1 40:stale"#, rest("a")),
            format!(r#"{{{alert}"pending", {} 10:1 20:1 30:stale"#, rest("a")),
            format!(r#"{{{alert}"pending", {} 10:1 20:stale"#, rest("b")),
        ]
    );
    assert_eq!(
        fixture.series("ALERTS_FOR_STATE")[0],
        r#"{alertname="Up", job="a", severity="page"} 10:10 20:10 30:10 40:stale"#
    );
    assert_eq!(
        fixture.rows(),
        [
            "10 pending a: value 1; rule Up of group g in rules.yml",
            "10 pending b: value 1; rule Up of group g in rules.yml",
            "20 dropped b: the condition is gone; rule Up of group g in rules.yml",
        ]
    );
    assert!(rule(&group, 0).alerts.is_empty());
}

#[test]
fn an_alert_without_for_was_never_pending_for_anybody() {
    let fixture = Fixture::new();
    let group = fixture.group(group("g", vec![alerting("Up", "up", 0)]));
    up(&fixture.store, 10, &[("a", 1.0)]);
    fixture.at(&group, 10);
    assert!(fixture.rows().is_empty());
    assert_eq!(fixture.sent.take(), ["Up 10-250 a has 1"]);
}

#[test]
fn templates_see_the_moment() {
    let fixture = Fixture::new();
    let mut settings = alerting("Up", "up", 0);
    if let crate::RuleKind::Alert { annotations, .. } = &mut settings.kind {
        annotations[0].1 = "{{ $labels.job }}/{{ $externalLabels.region }}/{{ $externalURL }}/\
                            {{ with query \"other\" }}{{ . | first | value }}{{ end }}/{{ now }}"
            .to_owned();
    }
    settings.labels = vec![("value".into(), "{{ $value }}".into())];
    let group = fixture.group(group("g", vec![settings]));
    for seconds in [10, 20] {
        up(&fixture.store, seconds, &[("a", 1.0)]);
        let other = labels(&[(METRIC_NAME, "other")]);
        fixture
            .store
            .insert(&other, seconds * 1_000, seconds as f64);
        fixture.at(&group, seconds);
        let alerts = rule(&group, 0).alerts;
        assert_eq!(
            alerts[0].labels,
            labels(&[("alertname", "Up"), ("job", "a"), ("value", "1")])
        );
        assert_eq!(
            alerts[0].annotations.get("summary"),
            Some(format!("a/eu/http://mon/{seconds}/{seconds}").as_str())
        );
    }
    // A label that follows the value makes another alert of it.
    up(&fixture.store, 30, &[("a", 2.0)]);
    fixture.at(&group, 30);
    let values: Vec<_> = rule(&group, 0)
        .alerts
        .iter()
        .map(|a| a.labels.get("value").map(str::to_owned))
        .collect();
    assert_eq!(values, [Some("2".to_owned())]);
}

#[test]
fn annotations_follow_the_value() {
    let fixture = Fixture::new();
    let group = fixture.group(group("g", vec![alerting("Up", "up", 0)]));
    for (seconds, value) in [(10, 1.0), (20, 1.0), (30, 2.0), (40, 1.0)] {
        up(&fixture.store, seconds, &[("a", value)]);
        fixture.at(&group, seconds);
        let alerts = rule(&group, 0).alerts;
        let summary = alerts[0].annotations.get("summary").map(str::to_owned);
        assert_eq!(summary, Some(format!("a has {value}")));
    }
}

#[test]
fn only_changes_are_kept_and_a_restart_goes_on() {
    let mut fixture = Fixture::new();
    let settings = group(
        "g",
        vec![
            alerting("Up", "up > 0", 60_000),
            alerting("Now", "up > 0", 0),
        ],
    );
    let first = fixture.group(settings.clone());
    let mut nothing = Kept::default();
    nothing.beat_ms = Some(0);
    first.restore(&mut nothing);
    for seconds in [10, 20, 30] {
        up(&fixture.store, seconds, &[("a", 1.0)]);
        fixture.at(&first, seconds);
    }
    // Two alerts and the beat.
    assert_eq!(fixture.kept_count(), 3);
    fixture.sent.take();
    // Nothing is evaluated for about ten minutes: a minute of `for` goes on at its 20 s.
    fixture = fixture.restarted();
    fixture.clock.set(595_000);
    let second = fixture.group(settings.clone());
    second.restore(&mut fixture.kept);
    // What fires is sent at once.
    assert_eq!(fixture.sent.take(), ["Now 10-835 a has 1"]);
    // Nothing has been scraped yet, which is no end.
    fixture.at(&second, 600);
    assert_eq!(rule(&second, 1).worst(), Some(crate::AlertState::Firing));
    for seconds in [610, 620, 630] {
        up(&fixture.store, seconds, &[("a", 1.0)]);
        fixture.at(&second, seconds);
        assert_eq!(
            rule(&second, 0).worst(),
            Some(crate::AlertState::Pending),
            "{seconds}"
        );
    }
    let turns = (64..70).map(|turn| turn * 10);
    let mut fired = None;
    for seconds in turns {
        up(&fixture.store, seconds, &[("a", 1.0)]);
        fixture.at(&second, seconds);
        if fired.is_none() && rule(&second, 0).worst() == Some(crate::AlertState::Firing) {
            fired = Some(seconds);
        }
    }
    // 20 s were spent before, the last turn before the beat at 30 included.
    assert!(matches!(fired, Some(640..=660)), "{fired:?}");
}

#[test]
fn the_state_that_cannot_be_kept_is_kept_later() {
    #[derive(Debug, Default)]
    struct Full(MemoryStateStore, AtomicBool);
    impl StateStore for Full {
        fn entries(&self, area: &str) -> Result<bellwether_storage::StateEntries, StorageError> {
            self.0.entries(area)
        }
        fn change(
            &self,
            area: &str,
            changes: &[bellwether_storage::StateChange],
        ) -> Result<(), StorageError> {
            if self.1.load(Ordering::SeqCst) {
                return Err(StorageError::Unavailable("full".to_owned()));
            }
            self.0.change(area, changes)
        }
    }
    let full = Arc::new(Full::default());
    let mut fixture = Fixture::new();
    let (keeper, _) = Keeper::open(Arc::<Full>::clone(&full)).unwrap();
    Arc::get_mut(&mut fixture.world).unwrap().keeper = Some(keeper);
    let group = fixture.group(group("g", vec![alerting("Up", "up", 60_000)]));
    full.1.store(true, Ordering::SeqCst);
    up(&fixture.store, 10, &[("a", 1.0)]);
    fixture.at(&group, 10);
    full.1.store(false, Ordering::SeqCst);
    assert!(full.entries("rules.alerts").unwrap().is_empty());
    fixture.at(&group, 20);
    assert_eq!(full.entries("rules.alerts").unwrap().len(), 2);
    assert_eq!(
        ErrorKind::Unavailable,
        StorageError::Unavailable(String::new()).kind()
    );
}

#[test]
fn times_are_restored_from_series_of_prometheus() {
    // Alerts as Prometheus left them at 1000 s; the first turns are at 1300 and 1310.
    let since = |fixture: &Fixture, job: &str, seconds: i64| {
        let alert = labels(&[
            (METRIC_NAME, "ALERTS_FOR_STATE"),
            ("alertname", "Up"),
            ("job", job),
            ("severity", "page"),
        ]);
        fixture.store.insert(&alert, 1_000_000, seconds as f64);
    };
    // Hold of the rule, since when the alert was active, and from when on it is after the restart.
    for (hold, active, want) in [
        // It fired.
        (900, 100, 100),
        // More than the grace period is left: moved by the outage.
        (3_600, 900, 900 + 310),
        // Less is left: the grace period is waited for.
        (3_600, -2_500, 1_310 + 600 - 3_600),
        // A short `for` begins anew.
        (300, 900, 1_300),
    ] {
        let fixture = Fixture::new();
        since(&fixture, "a", active);
        let group = fixture.group(group("g", vec![alerting("Up", "up", hold * 1_000)]));
        group.restore(&mut Kept::default());
        up(&fixture.store, 1_299, &[("a", 1.0), ("b", 1.0)]);
        fixture.at(&group, 1_300);
        // Nothing is written before the times are known.
        assert_eq!(fixture.series("ALERTS_FOR_STATE").len(), 1);
        fixture.at(&group, 1_310);
        let found: Vec<i64> = rule(&group, 0)
            .alerts
            .iter()
            .map(|a| a.active_at_ms / 1_000)
            .collect();
        assert_eq!(found, [want, 1_300], "{hold} {active}");
        fixture.at(&group, 1_320);
        assert_eq!(fixture.series("ALERTS_FOR_STATE").len(), 2);
    }
}

#[test]
fn a_reload_keeps_the_state_of_rules_that_stay() {
    let fixture = Fixture::new();
    let old = fixture.group(group(
        "g",
        vec![
            recording("gone", "up", &[]),
            alerting("Gone", "up", 60_000),
            alerting("Up", "up", 20_000),
            recording("stays", "up", &[]),
        ],
    ));
    up(&fixture.store, 10, &[("a", 1.0)]);
    fixture.at(&old, 10);
    fixture.at(&old, 20);
    assert_eq!(fixture.kept_count(), 3);
    let new = fixture.group(group(
        "g",
        vec![
            recording("stays", "up * 2", &[]),
            alerting("Up", "up + 1", 20_000),
            recording("Gone", "up", &[("severity", "page")]),
        ],
    ));
    new.take_over(&old);
    assert_eq!(new.snapshot().last_evaluation_ms, Some(20_000));
    fixture.at(&new, 30);
    assert_eq!(fixture.sent.take(), ["Up 30-270 a has 2"]);
    assert_eq!(fixture.series("gone"), [r#"{job="a"} 10:1 20:1 30:stale"#]);
    assert_eq!(fixture.series("stays"), [r#"{job="a"} 10:1 20:1 30:2"#]);
    assert_eq!(
        fixture.series("ALERTS_FOR_STATE"),
        [
            r#"{alertname="Gone", job="a", severity="page"} 10:10 20:10 30:stale"#,
            r#"{alertname="Up", job="a", severity="page"} 10:10 20:10 30:10"#,
        ]
    );
    assert_eq!(fixture.kept_count(), 2);
    assert!(
        fixture
            .rows()
            .last()
            .unwrap()
            .starts_with("20 dropped a: the rule is gone; rule Gone"),
        "{:?}",
        fixture.rows()
    );
    // Counts go on.
    let snapshot = new.snapshot();
    let counts = new.numbers(&snapshot).counts;
    assert_eq!(counts.iterations.load(Ordering::SeqCst), 3);
    assert_eq!(counts.evaluations.load(Ordering::SeqCst), 11);
}

#[test]
fn rules_that_are_alike_keep_their_order() {
    let fixture = Fixture::new();
    let settings = |first: &str, second: &str| {
        group(
            "g",
            vec![
                alerting("Up", first, 60_000),
                alerting("Up", second, 60_000),
            ],
        )
    };
    up(&fixture.store, 10, &[("a", 1.0), ("b", 2.0)]);
    let old = fixture.group(settings("up == 1", "up == 2"));
    fixture.at(&old, 10);
    let new = fixture.group(settings("up == 1 or up == 3", "up == 2"));
    new.take_over(&old);
    fixture.at(&new, 20);
    for (index, job) in [(0, "a"), (1, "b")] {
        let alerts = rule(&new, index).alerts;
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts[0].labels.get("job"), Some(job));
        assert_eq!(alerts[0].active_at_ms, 10_000);
    }
}

#[test]
fn what_cannot_be_evaluated_is_refused_with_its_place() {
    let fixture = Fixture::new();
    let refused = |settings: GroupSettings| {
        let surroundings = Surroundings::default();
        Group::new(settings, &fixture.world, &surroundings)
            .unwrap_err()
            .to_string()
    };
    let mut wrong = recording("r", "sum(", &[]);
    wrong.line = 7;
    let text = refused(group("g", vec![wrong]));
    assert!(
        text.starts_with("rules.yml:7: group \"g\", rule \"r\": "),
        "{text}"
    );
    let mut wrong = alerting("A", "up", 0);
    wrong.labels = vec![("severity".into(), "{{ nothing }}".into())];
    let text = refused(group("g", vec![wrong]));
    assert!(
        text.starts_with("rules.yml:1: group \"g\", rule \"A\": label \"severity\": template: "),
        "{text}"
    );
    let mut wrong = group("g", Vec::new());
    wrong.interval_ms = 0;
    assert_eq!(
        refused(wrong),
        "rules.yml: group \"g\": the interval 0 ms is not above 0"
    );
}

#[test]
fn a_cancelled_turn_leaves_the_rest_out() {
    let fixture = Fixture::new();
    let group = fixture.group(group("g", vec![recording("r", "1", &[])]));
    let cancel = CancelToken::default();
    cancel.cancel();
    group.evaluate(10_000, &cancel);
    assert!(fixture.series("r").is_empty());
    assert_eq!(rule(&group, 0).health, RuleHealth::Unknown);
}
