use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bellwether_forecast::bottleneck::StageKind;
use bellwether_forecast::exhaustion::Towards;
use bellwether_forecast::shift::Direction;
use bellwether_model::{Labels, METRIC_NAME, Matcher, TimeRange, is_stale_nan};
use bellwether_promql::{CancelToken, Engine, EngineOptions};
use bellwether_storage::{
    Clock, ManualClock, MemoryStore, MetricStore, Samples, Selection, SelectionHints,
};

use super::job::Job;
use super::look::Asker;
use super::settings::{
    Horizon, JobSettings, LimitAt, LimitSettings, PathSettings, PredictionSettings, StageSettings,
};
use super::status::{JobStatus, PredictionStatus};
use super::{Predictions, PredictionsParts};

const MINUTE_MS: i64 = 60_000;
const TURN_MS: i64 = 10 * MINUTE_MS;
const DAY_MS: i64 = 86_400_000;
/// A midnight.
const NOW_MS: i64 = 1_773_100_800_000;

fn job(name: &str) -> JobSettings {
    JobSettings {
        name: name.to_owned(),
        query: "load".to_owned(),
        parts: None,
        interval_ms: TURN_MS,
        step_ms: TURN_MS,
        history_ms: 3 * DAY_MS,
        horizons: vec![Horizon {
            text: "1h".to_owned(),
            ms: 3_600_000,
        }],
        quantiles: vec![0.1, 0.9],
        is_non_negative: true,
        has_anomaly: true,
        degrades: None,
        limit: None,
        series_max: 10,
        labels: vec![("team".to_owned(), "chat".to_owned())],
    }
}

fn noise(at: i64) -> f64 {
    (at.rem_euclid(1009) * 7919 % 97) as f64 / 97.0 - 0.5
}

/// A day's wave around 100, of one pool.
fn load(at_ms: i64) -> f64 {
    let turn = (at_ms.rem_euclid(DAY_MS)) as f64 / DAY_MS as f64;
    100.0 + 50.0 * (turn * std::f64::consts::TAU).sin() + 4.0 * noise(at_ms / TURN_MS)
}

/// Values each ten minutes from three days before now to `end_ms`.
fn store(name: &str, pools: &[&str], end_ms: i64, value: impl Fn(i64) -> f64) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    for pool in pools {
        let labels = Labels::from_pairs([(METRIC_NAME, name), ("pool", pool)]);
        let mut at_ms = NOW_MS - 3 * DAY_MS;
        while at_ms <= end_ms {
            store.insert(&labels, at_ms, value(at_ms));
            at_ms += TURN_MS;
        }
    }
    store
}

fn predictions(store: &Arc<MemoryStore>, settings: Vec<PredictionSettings>) -> Predictions {
    predictions_with(store, settings, EngineOptions::default())
}

fn predictions_with(
    store: &Arc<MemoryStore>,
    settings: Vec<PredictionSettings>,
    options: EngineOptions,
) -> Predictions {
    let predictions = Predictions::new(PredictionsParts {
        store: Arc::clone(store) as Arc<dyn MetricStore>,
        engine: Arc::new(Engine::new(EngineOptions {
            threads: 1,
            ..options
        })),
        clock: Arc::new(ManualClock::new(NOW_MS)),
    });
    predictions.apply(settings).expect("settings are right");
    predictions
}

fn job_status(predictions: &Predictions, name: &str) -> JobStatus {
    match predictions.statuses(Some(name), 100).pop() {
        Some(PredictionStatus::Job(job)) => job,
        other => panic!("no job: {other:?}"),
    }
}

/// Series of that name with their last sample, as text.
fn written(store: &MemoryStore, name: &str) -> Vec<(String, f64)> {
    let matchers = [Matcher::equal(METRIC_NAME, name)];
    let range = TimeRange::new(0, i64::MAX - 1);
    let selection = Selection {
        matchers: &matchers,
        range,
        hints: SelectionHints::default(),
    };
    let selected = store.select(&selection).expect("it is in memory");
    let mut found: Vec<(String, f64)> = selected
        .iter()
        .map(|series| {
            let mut samples = Samples::default();
            series.read(range, &mut samples).expect("it is in memory");
            let last = samples.values.last().copied().unwrap_or(0.0);
            (series.labels().without_name().to_string(), last)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn the_past_is_learnt_and_the_next_hour_foreseen() {
    let store = store("load", &["a"], NOW_MS, load);
    let predictions = predictions(&store, vec![PredictionSettings::Job(job("pool"))]);
    assert!(predictions.turn("pool", NOW_MS));
    // Models are chosen after the first look, and speak at the next.
    store.insert(
        &Labels::from_pairs([(METRIC_NAME, "load"), ("pool", "a")]),
        NOW_MS + TURN_MS,
        load(NOW_MS + TURN_MS),
    );
    assert!(predictions.turn("pool", NOW_MS + TURN_MS));
    let status = job_status(&predictions, "pool");
    assert_eq!((status.series_count, status.learnt), (1, 1.0));
    let one = &status.series[0];
    let truth = load(NOW_MS + TURN_MS + 3_600_000);
    let expected = &one.expected[0];
    assert!(
        (expected.mean - truth).abs() < 12.0,
        "{} {truth}",
        expected.mean
    );
    assert!(expected.quantiles[0] < expected.quantiles[1]);
    assert!(one.anomaly.is_some_and(|verdict| !verdict.alarm));
    let forecasts = written(&store, "bellwether_forecast");
    let labels: Vec<&str> = forecasts
        .iter()
        .map(|(labels, _)| labels.as_str())
        .collect();
    assert_eq!(
        labels,
        [
            r#"{forecast="pool", horizon="1h", pool="a", quantile="0.1", team="chat"}"#,
            r#"{forecast="pool", horizon="1h", pool="a", quantile="0.9", team="chat"}"#
        ]
    );
    assert_eq!(forecasts[1].1, expected.quantiles[1]);
    assert_eq!(written(&store, "bellwether_anomaly_alarm")[0].1, 0.0);
}

/// Load of two pools: one of clients who differ, one of a client alone.
fn clients(end_ms: i64) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let mut at_ms = NOW_MS - 3 * DAY_MS;
    while at_ms <= end_ms {
        let turn = at_ms / TURN_MS;
        let job = if turn % 9 == 0 { 60.0 } else { 5.0 };
        // One that comes late, and was nothing before.
        let late = (at_ms > NOW_MS - DAY_MS).then(|| 20.0 + 15.0 * noise(turn / 4));
        let values = [
            ("a", "people", Some(load(at_ms))),
            ("a", "job", Some(job)),
            ("a", "late", late),
            ("b", "only", Some(load(at_ms + DAY_MS / 3))),
        ];
        for (pool, client, value) in values {
            let labels = [(METRIC_NAME, "load"), ("client", client), ("pool", pool)];
            if let Some(value) = value {
                store.insert(&Labels::from_pairs(labels), at_ms, value);
            }
        }
        at_ms += TURN_MS;
    }
    store
}

#[test]
fn parts_have_a_share_in_the_forecast_of_the_series_that_they_make() {
    let store = clients(NOW_MS + TURN_MS);
    let sum = |name: &str, parts: Option<&str>| {
        PredictionSettings::Job(JobSettings {
            query: "sum by (pool) (load)".to_owned(),
            parts: parts.map(str::to_owned),
            has_anomaly: false,
            ..job(name)
        })
    };
    let all = vec![
        sum("alone", None),
        sum("parts", Some("load")),
        // Of no series: they have not its labels.
        sum("others", Some("sum by (client) (load)")),
        sum(
            "wrong",
            Some("label_replace(load, \"client\", \"x\", \"\", \"\")"),
        ),
    ];
    let predictions = predictions(&store, all);
    let told = |name: &str| {
        for time_ms in [NOW_MS, NOW_MS + TURN_MS] {
            assert!(predictions.turn(name, time_ms));
        }
        let status = job_status(&predictions, name);
        let mut series: Vec<(String, String, f64)> = status
            .series
            .iter()
            .map(|one| {
                let pool = one.labels.get("pool").unwrap_or_default().to_owned();
                let model = one.model.as_deref().unwrap_or_default().to_owned();
                (pool, model, one.expected[0].mean)
            })
            .collect();
        series.sort_by(|a, b| a.0.cmp(&b.0));
        series
    };
    let (alone, parts, others) = (told("alone"), told("parts"), told("others"));
    assert!(
        parts[0].1.contains("; with") && parts[0].1.ends_with("parts"),
        "{parts:?}"
    );
    assert_ne!(parts[0].2, alone[0].2);
    // What a client makes alone is no sum of parts.
    assert_eq!(parts[1], alone[1]);
    assert_eq!(others, alone);

    predictions.turn("wrong", NOW_MS);
    let problem = job_status(&predictions, "wrong")
        .problem
        .unwrap_or_default();
    assert!(problem.starts_with("parts: "), "{problem}");
}

#[test]
fn history_that_was_missed_is_read_and_turns_do_not_go_back() {
    let end_ms = NOW_MS + DAY_MS;
    let store = store("load", &["a"], end_ms, load);
    let predictions = predictions(&store, vec![PredictionSettings::Job(job("pool"))]);
    assert!(predictions.turn("pool", NOW_MS));
    assert!(predictions.turn("pool", end_ms));
    let status = job_status(&predictions, "pool");
    assert_eq!(status.series[0].last.map(|last| last.0), Some(end_ms));
    assert!(predictions.turn("pool", NOW_MS + TURN_MS));
    assert_eq!(job_status(&predictions, "pool").turned_at_ms, Some(end_ms));
    assert!(!predictions.turn("none", NOW_MS));
}

#[test]
fn forecasts_speak_of_their_time_and_end_when_there_are_no_numbers() {
    let value = |at_ms: i64| match at_ms > NOW_MS {
        true => f64::NAN,
        false => 10_000.0 + 10.0 * ((at_ms - NOW_MS) / TURN_MS) as f64,
    };
    let store = store("load", &["a"], NOW_MS + DAY_MS, value);
    let settings = JobSettings {
        limit: Some(LimitSettings {
            at: LimitAt::Value(11_000.0),
            towards: Towards::Rising,
            reset: None,
        }),
        ..job("pool")
    };
    let predictions = predictions(&store, vec![PredictionSettings::Job(settings)]);
    for turn in 0..=3 {
        predictions.turn("pool", NOW_MS + turn * TURN_MS);
        let one = &job_status(&predictions, "pool").series[0];
        if (1..3).contains(&turn) {
            let truth = 10_000.0 + 10.0 * (turn + 6) as f64;
            let mean = one.expected[0].mean;
            assert!((mean - truth).abs() < 5.0, "{turn}: {mean} {truth}");
            assert!(one.left.is_some(), "{turn}");
        }
        let is_said = turn < 3;
        assert!(
            is_said || one.expected.is_empty() && one.left.is_none(),
            "{one:?}"
        );
        for name in [
            "bellwether_forecast",
            "bellwether_time_to_exhaustion_seconds",
        ] {
            let all = written(&store, name);
            // The limit is looked at after the first turn is written.
            let is_early = turn == 0 && name != "bellwether_forecast";
            assert_eq!(all.len(), if is_early { 0 } else { 2 }, "{turn} {name}");
            assert!(
                all.iter().all(|(_, value)| is_stale_nan(*value) != is_said),
                "{turn} {name}"
            );
        }
    }
}

#[test]
fn a_jump_is_an_alarm_and_a_degradation_with_their_reasons() {
    let jump_ms = NOW_MS - 5 * TURN_MS;
    let value =
        |at_ms: i64| 10.0 + noise(at_ms / TURN_MS) + if at_ms < jump_ms { 0.0 } else { 30.0 };
    let store = store("load", &["a"], NOW_MS, value);
    let settings = JobSettings {
        horizons: Vec::new(),
        degrades: Some(Direction::Up),
        ..job("pool")
    };
    let predictions = predictions(&store, vec![PredictionSettings::Job(settings)]);
    predictions.turn("pool", NOW_MS);
    let status = job_status(&predictions, "pool");
    let one = &status.series[0];
    let verdict = one.anomaly.expect("it has learnt");
    assert!(
        verdict.alarm && verdict.explanation.outside > 20.0,
        "{verdict:?}"
    );
    let shift = one.shift.expect("it has moved");
    assert_eq!(shift.began_ms, jump_ms);
    assert!(one.expected.is_empty() && one.model.is_none());
    assert_eq!(written(&store, "bellwether_degraded")[0].1, 1.0);
    assert_eq!(written(&store, "bellwether_anomaly_alarm")[0].1, 1.0);
}

#[test]
fn a_limit_of_a_query_runs_out() {
    // Ten an hour and a little more or less, 100 are left.
    let value = |at_ms: i64| (at_ms - NOW_MS) as f64 / 360_000.0 + 0.5 * noise(at_ms / TURN_MS);
    let store = store("load", &["a"], NOW_MS, value);
    let limit = Labels::from_pairs([(METRIC_NAME, "quota"), ("pool", "a")]);
    store.insert(&limit, NOW_MS, 100.0);
    let settings = JobSettings {
        horizons: Vec::new(),
        has_anomaly: false,
        limit: Some(LimitSettings {
            at: LimitAt::Query("quota".to_owned()),
            towards: Towards::Rising,
            reset: None,
        }),
        ..job("disk")
    };
    let predictions = predictions(&store, vec![PredictionSettings::Job(settings)]);
    predictions.turn("disk", NOW_MS);
    let status = job_status(&predictions, "disk");
    let left = status.series[0].left.as_ref().expect("it moves");
    let median_ms = left.median_ms.expect("within 30 days");
    assert!((median_ms - 36_000_000).abs() < 3_600_000, "{left:?}");
    assert_eq!(left.limit, 100.0);
    // With the next value it is reached.
    let load = Labels::from_pairs([(METRIC_NAME, "load"), ("pool", "a")]);
    store.insert(&load, NOW_MS + TURN_MS, 200.0);
    store.insert(&limit, NOW_MS + TURN_MS, 100.0);
    predictions.turn("disk", NOW_MS + TURN_MS);
    let seconds = written(&store, "bellwether_time_to_exhaustion_seconds");
    assert_eq!(seconds.len(), 2);
    assert!(
        seconds.iter().all(|(_, seconds)| *seconds == 0.0),
        "{seconds:?}"
    );
}

#[test]
fn too_many_series_are_told_and_vanished_ones_forgotten() {
    let store = store("load", &["a", "b", "c"], NOW_MS, |_| 1.0);
    let settings = JobSettings {
        series_max: 2,
        has_anomaly: false,
        ..job("pool")
    };
    let predictions = predictions(&store, vec![PredictionSettings::Job(settings)]);
    predictions.turn("pool", NOW_MS);
    let status = job_status(&predictions, "pool");
    assert_eq!((status.series_count, status.refused_count), (2, 1));
    assert_eq!(
        status.problem.as_deref(),
        Some("3 series: the first 2 are followed (series_max)")
    );
    predictions.turn("pool", NOW_MS + 2 * 3_600_000);
    let status = job_status(&predictions, "pool");
    assert_eq!((status.series_count, status.refused_count), (0, 0));
    assert!(
        written(&store, "bellwether_forecast")
            .iter()
            .all(|(_, value)| is_stale_nan(*value))
    );
}

#[test]
fn other_settings_begin_anew_and_end_what_was() {
    let store = store("load", &["a"], NOW_MS, load);
    let settings = |query: &str| {
        PredictionSettings::Job(JobSettings {
            query: query.to_owned(),
            horizons: Vec::new(),
            ..job("pool")
        })
    };
    let predictions = predictions(&store, vec![settings("load")]);
    predictions.turn("pool", NOW_MS);
    predictions.apply(vec![settings("load")]).unwrap();
    assert_eq!(job_status(&predictions, "pool").series_count, 1);
    predictions.apply(vec![settings("load * 2")]).unwrap();
    assert_eq!(job_status(&predictions, "pool").series_count, 0);
    let error = predictions
        .apply(vec![settings("load"), settings("load")])
        .unwrap_err();
    assert!(error.to_string().contains("is there twice"), "{error}");
    let error = predictions.apply(vec![settings("load(")]).unwrap_err();
    assert!(
        error.to_string().starts_with("forecast \"pool\": query: "),
        "{error}"
    );
}

#[test]
fn the_stage_that_grew_has_the_share() {
    let store = Arc::new(MemoryStore::new());
    let insert = |name: &str, at_ms: i64, value: f64| {
        store.insert(&Labels::from_pairs([(METRIC_NAME, name)]), at_ms, value);
    };
    for minute in -400..=0 {
        let at_ms = NOW_MS + minute * MINUTE_MS;
        let provider = 2.0 + 0.1 * noise(minute) + if minute > -30 { 1.5 } else { 0.0 };
        let tool = 0.5 + 0.05 * noise(minute + 300);
        insert("provider", at_ms, provider);
        insert("tool", at_ms, tool);
        insert("whole", at_ms, provider + tool);
        insert("arrivals", at_ms, 5.0);
    }
    let stage = |name: &str| StageSettings {
        name: name.to_owned(),
        kind: StageKind::Work,
        seconds: name.to_owned(),
        calls: String::new(),
    };
    let path = PathSettings {
        name: "answer".to_owned(),
        interval_ms: MINUTE_MS,
        step_ms: MINUTE_MS,
        after_ms: 20 * MINUTE_MS,
        before_ms: 300 * MINUTE_MS,
        whole: "whole".to_owned(),
        arrivals: "arrivals".to_owned(),
        workers: String::new(),
        stages: vec![stage("tool"), stage("provider")],
        labels: Vec::new(),
    };
    let predictions = predictions(&store, vec![PredictionSettings::Path(path)]);
    predictions.turn("answer", NOW_MS);
    let shares = written(&store, "bellwether_bottleneck_share");
    assert_eq!(shares[0].0, r#"{path="answer", stage="provider"}"#);
    assert!(shares[0].1 > 0.9 && shares[1].1 < 0.1, "{shares:?}");
}

#[tokio::test]
async fn turns_are_taken_until_it_stops() {
    let store = store("load", &["a"], NOW_MS, load);
    let settings = JobSettings {
        horizons: Vec::new(),
        ..job("pool")
    };
    let predictions = predictions(&store, vec![PredictionSettings::Job(settings)]);
    let runner = tokio::spawn({
        let predictions = predictions.clone();
        async move { predictions.run().await }
    });
    while job_status(&predictions, "pool").turned_at_ms.is_none() {
        tokio::task::yield_now().await;
    }
    predictions.stop();
    runner.await.expect("it ends by itself");
}

#[test]
fn labels_of_the_source_that_ours_have_too_are_kept_beside_them() {
    let store = Arc::new(MemoryStore::new());
    for quantile in ["0.5", "0.9"] {
        for turn in -300..=0 {
            let labels = Labels::from_pairs([
                (METRIC_NAME, "load"),
                ("exported_team", "search"),
                ("forecast", "old"),
                ("quantile", quantile),
                ("team", "web"),
            ]);
            store.insert(&labels, NOW_MS + turn * TURN_MS, load(turn * TURN_MS));
        }
    }
    let predictions = predictions(&store, vec![PredictionSettings::Job(job("pool"))]);
    predictions.turn("pool", NOW_MS);
    let of = |quantile: &str| {
        format!(
            r#"{{exported_exported_team="web", exported_forecast="old", exported_quantile="{quantile}", exported_team="search", forecast="pool", team="chat"}}"#
        )
    };
    let scores = written(&store, "bellwether_anomaly_score");
    let labels: Vec<&String> = scores.iter().map(|(labels, _)| labels).collect();
    assert_eq!(labels, [&of("0.5"), &of("0.9")]);
}

#[test]
fn series_that_differ_in_their_names_only_are_refused() {
    let store = store("load", &["a", "b"], NOW_MS, load);
    for turn in -300..=0 {
        let labels = Labels::from_pairs([(METRIC_NAME, "fill"), ("pool", "b")]);
        store.insert(&labels, NOW_MS + turn * TURN_MS, 1.0);
    }
    let settings = JobSettings {
        query: r#"{__name__=~"load|fill"}"#.to_owned(),
        ..job("pool")
    };
    let predictions = predictions(&store, vec![PredictionSettings::Job(settings)]);
    predictions.turn("pool", NOW_MS);
    let status = job_status(&predictions, "pool");
    assert_eq!(status.series_count, 0);
    let problem = status.problem.expect("two series are one");
    assert!(
        problem.starts_with("vector cannot contain metrics with the same labelset: ")
            && problem.contains("fill")
            && problem.contains("load")
            && problem.contains(r#"both have {pool="b"}"#),
        "{problem}"
    );
}

#[test]
fn history_that_is_too_much_at_once_is_read_in_parts() {
    let store = store("load", &["a"], NOW_MS, load);
    let options = EngineOptions {
        samples_max: 100,
        ..EngineOptions::default()
    };
    let settings = vec![PredictionSettings::Job(job("pool"))];
    let predictions = predictions_with(&store, settings, options);
    predictions.turn("pool", NOW_MS);
    let status = job_status(&predictions, "pool");
    assert_eq!((status.series_count, status.learnt), (1, 1.0));
    assert_eq!(status.problem, None);
    assert_eq!(written(&store, "bellwether_anomaly_score").len(), 1);
}

#[test]
fn a_moment_of_history_that_cannot_be_read_does_not_stop_the_present() {
    let store = store("load", &["a"], NOW_MS, load);
    // At one time there are two to one.
    for twin in ["x", "y"] {
        let labels = Labels::from_pairs([(METRIC_NAME, "factor"), ("pool", "a"), ("twin", twin)]);
        let mut at_ms = NOW_MS - 3 * DAY_MS;
        while at_ms <= NOW_MS {
            if twin == "x" || at_ms == NOW_MS - DAY_MS {
                store.insert(&labels, at_ms, 1.0);
            }
            at_ms += TURN_MS;
        }
    }
    let settings = JobSettings {
        query: "load * on(pool) factor".to_owned(),
        ..job("pool")
    };
    let predictions = predictions(&store, vec![PredictionSettings::Job(settings)]);
    predictions.turn("pool", NOW_MS);
    let status = job_status(&predictions, "pool");
    assert_eq!(status.series[0].last.map(|last| last.0), Some(NOW_MS));
    let problem = status.problem.expect("one step is missing");
    let begins = format!(
        "1 step of history could not be read, the last at {}: ",
        (NOW_MS - DAY_MS) / 1_000
    );
    assert!(problem.starts_with(&begins), "{problem}");
    assert_eq!(written(&store, "bellwether_anomaly_score").len(), 1);
}

/// A clock that goes on whenever somebody looks at it.
#[derive(Debug)]
struct Ticking {
    now_ms: AtomicI64,
    tick_ms: i64,
}

impl Clock for Ticking {
    fn now_ms(&self) -> i64 {
        self.now_ms.fetch_add(self.tick_ms, Ordering::Relaxed)
    }
}

#[test]
fn a_turn_learns_within_its_budget_and_what_is_caught_up_speaks() {
    let pools = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let store = store("load", &pools, NOW_MS + DAY_MS, load);
    let engine = Engine::new(EngineOptions::default());
    let cancel = CancelToken::default();
    let asker = Asker {
        store: store.as_ref(),
        engine: &engine,
        cancel: &cancel,
    };
    let job = Job::new(&job("pool"), asker).expect("settings are right");
    // The budget is 150 s.
    let clock = Ticking {
        now_ms: AtomicI64::new(0),
        tick_ms: 20_000,
    };
    let mut before = 0;
    let mut shares = Vec::new();
    for turn in 0.. {
        job.turn(asker, NOW_MS + turn * TURN_MS, Some(&clock));
        let status = job.status(100);
        shares.push(status.learnt);
        let spoken = |name| {
            let all = written(&store, name);
            all.iter()
                .filter(|(_, value)| !is_stale_nan(*value))
                .count()
        };
        let scores = spoken("bellwether_anomaly_score");
        assert_eq!(spoken("bellwether_forecast"), 2 * scores);
        assert!(scores > before, "{scores} {before}");
        assert!(turn > 0 || scores < pools.len(), "{scores}");
        before = scores;
        if scores == pools.len() {
            break;
        }
    }
    assert!(
        shares.windows(2).all(|pair| pair[0] < pair[1]),
        "{shares:?}"
    );
    assert_eq!(shares.last(), Some(&1.0));
    // What was said until now was provisional, for most; with time enough it is not any more.
    let status = job.status(100);
    let provisional = |status: &JobStatus| {
        let each = status.series.iter();
        let said = each.filter(|one| one.is_provisional);
        let named = said.filter(|one| {
            let model = one.model.as_deref();
            model.is_some_and(|model| model.starts_with("provisional: "))
        });
        (named.count(), status.provisional_count)
    };
    let (named, count) = provisional(&status);
    assert!(count > 0 && named == count, "{named} {count}");
    let later_ms = NOW_MS + (shares.len() as i64) * TURN_MS;
    job.turn(asker, later_ms, None);
    job.turn(asker, later_ms + TURN_MS, None);
    assert_eq!(provisional(&job.status(100)), (0, 0));
}

#[test]
fn series_that_ended_take_no_places_of_those_that_live() {
    let store = store("load", &["a", "b"], NOW_MS - 2 * DAY_MS, load);
    for pool in ["x", "y"] {
        let labels = Labels::from_pairs([(METRIC_NAME, "load"), ("pool", pool)]);
        for turn in -144..=1 {
            store.insert(&labels, NOW_MS + turn * TURN_MS, load(turn * TURN_MS));
        }
    }
    let settings = JobSettings {
        series_max: 2,
        ..job("pool")
    };
    let predictions = predictions(&store, vec![PredictionSettings::Job(settings)]);
    predictions.turn("pool", NOW_MS);
    let status = job_status(&predictions, "pool");
    let followed: Vec<Option<&str>> = status
        .series
        .iter()
        .map(|one| one.labels.get("pool"))
        .collect();
    assert_eq!(followed, [Some("x"), Some("y")]);
    assert_eq!((status.refused_count, status.problem), (0, None));
}
