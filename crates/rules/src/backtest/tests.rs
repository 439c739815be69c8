use std::fmt::Write as _;

use bellwether_model::STALE_NAN;
use bellwether_storage::MemoryStore;

use super::*;
use crate::testing::{alerting, group, labels, recording, series, up};

fn settings(from_s: i64, to_s: i64) -> BacktestSettings {
    BacktestSettings {
        threads: 2,
        ..BacktestSettings::new(from_s * 1_000, to_s * 1_000)
    }
}

fn go(
    store: &Arc<MemoryStore>,
    groups: &[GroupSettings],
    from_s: i64,
    to_s: i64,
) -> Vec<RuleHistory> {
    let store = Arc::<MemoryStore>::clone(store);
    let surroundings = Surroundings::default();
    backtest(store, groups, &surroundings, &settings(from_s, to_s)).unwrap()
}

/// Episodes in steps of 10 s counted from the first turn: `a 3 5-9`, without an end where there is none.
fn episodes(history: &RuleHistory, label: &str, first_ms: i64) -> Vec<String> {
    let steps = |ms: i64| (ms - first_ms) / 10_000;
    let texts = history.episodes.iter().map(|episode| {
        let mut text = format!(
            "{} {}",
            episode.labels.get(label).unwrap_or(""),
            steps(episode.active_at_ms)
        );
        if let Some(fired) = episode.fired_at_ms {
            write!(text, " {}", steps(fired)).unwrap();
        }
        if let Some(ended) = episode.ended_at_ms {
            write!(text, "-{}", steps(ended)).unwrap();
        }
        text
    });
    texts.collect()
}

fn first_turn(group: &str) -> i64 {
    crate::schedule::Turns::new(&format!("rules.yml;{group}"), 10_000).after(-1)
}

#[test]
fn episodes_are_those_that_a_server_would_have_had() {
    // A rising and falling series, and one that comes and goes, over a day and a bit.
    let store = Arc::new(MemoryStore::new());
    let steps = 9_000;
    for step in 0..steps {
        let wave = f64::from((step % 400) - 200);
        let seconds = i64::from(step) * 10;
        up(&store, seconds, &[("wave", wave)]);
        if step % 700 == 650 {
            up(&store, seconds, &[("gaps", STALE_NAN)]);
        } else if step % 700 < 650 {
            up(&store, seconds, &[("gaps", 190.0)]);
        }
    }
    let mut keeps = alerting("Keeps", "up > 195", 60_000);
    if let crate::RuleKind::Alert {
        keep_firing_for_ms, ..
    } = &mut keeps.kind
    {
        *keep_firing_for_ms = 500_000;
    }
    let groups = [
        group(
            "b",
            vec![
                alerting("Recorded", "job:up:max > 100", 600_000),
                alerting("Plain", "up > 180", 120_000),
                keeps,
                alerting("Rate", "avg_over_time(job:up:max[30m]) < 0", 0),
                alerting(
                    "Meta",
                    "count(ALERTS{alertstate=\"firing\", alertname=\"Plain\"}) > 1",
                    0,
                ),
            ],
        ),
        group("a", vec![recording("job:up:max", "max by (job) (up)", &[])]),
    ];
    let to_s = i64::from(steps) * 10 - 1;
    let histories = go(&store, &groups, 0, to_s);

    // The same by the code of the server, turn by turn: the group that is read first.
    let world = World::closed(
        Arc::<MemoryStore>::clone(&store),
        crate::testing::engine(),
        Arc::new(ManualClock::new(0)),
    );
    let made = |index: usize| {
        crate::Group::new(groups[index].clone(), &world, &Surroundings::default()).unwrap()
    };
    let (reader, writer) = (made(0), made(1));
    let mut turns: Vec<(i64, bool)> = Vec::new();
    for (name, is_reader) in [("b", true), ("a", false)] {
        let first_ms = first_turn(name);
        turns.extend(
            (0..)
                .map(|t| first_ms + t * 10_000)
                .take_while(|t| *t <= to_s * 1_000)
                .map(|t| (t, is_reader)),
        );
    }
    turns.sort_unstable();
    type Times = (Labels, i64, Option<i64>, Option<i64>);
    let mut want: Vec<Vec<Times>> = vec![Vec::new(); 5];
    let mut states: Vec<std::collections::BTreeMap<Labels, usize>> = vec![Default::default(); 5];
    for (time_ms, is_reader) in turns {
        let group = if is_reader { &reader } else { &writer };
        group.evaluate(time_ms, &bellwether_promql::CancelToken::default());
        if !is_reader {
            continue;
        }
        for (index, rule) in group.snapshot().rules.iter().enumerate() {
            assert_eq!(rule.last_error, "");
            for alert in &rule.alerts {
                let at = *states[index]
                    .entry(alert.labels.clone())
                    .or_insert_with(|| {
                        want[index].push((alert.labels.clone(), time_ms, None, None));
                        want[index].len() - 1
                    });
                if alert.state == crate::AlertState::Firing {
                    want[index][at].2.get_or_insert(time_ms);
                }
            }
            let live: Vec<&Labels> = rule.alerts.iter().map(|alert| &alert.labels).collect();
            states[index].retain(|labels, at| {
                let stays = live.contains(&labels);
                if !stays {
                    want[index][*at].3 = Some(time_ms);
                }
                stays
            });
        }
    }
    for (index, want) in want.iter().enumerate() {
        let got: Vec<_> = histories[index]
            .episodes
            .iter()
            .map(|e| {
                (
                    e.labels.clone(),
                    e.active_at_ms,
                    e.fired_at_ms,
                    e.ended_at_ms,
                )
            })
            .collect();
        assert!(got.len() > 5, "{} has {}", histories[index].rule, got.len());
        assert_eq!(&got, want, "{}", histories[index].rule);
        assert_eq!(histories[index].failed_turns, 0);
        assert_eq!(histories[index].turns, 9_000);
    }
    assert_eq!(histories[5].sample_count, 9_000 + 9_000 - 13 * 50 + 50);
}

#[test]
fn nothing_is_written_and_history_before_the_begin_counts() {
    let store = Arc::new(MemoryStore::new());
    for step in 0..200 {
        up(&store, step * 10, &[("a", 1.0)]);
        // What the server recorded before the rule was changed.
        store.insert(
            &labels(&[("__name__", "r"), ("job", "a")]),
            step * 10_000,
            100.0,
        );
    }
    let groups = [group(
        "g",
        vec![
            recording("r", "up", &[]),
            alerting("Old", "max_over_time(r[100s]) > 50", 0),
            alerting("New", "r == 1", 0),
        ],
    )];
    let before = series(store.as_ref(), "r");
    let histories = go(&store, &groups, 1_000, 1_500);
    assert_eq!(series(store.as_ref(), "r"), before);
    let first_ms = crate::schedule::Turns::new("rules.yml;g", 10_000).after(999_999);
    let old = episodes(&histories[1], "job", first_ms);
    assert!(old == ["a 0 0-9"] || old == ["a 0 0-10"], "{old:?}");
    assert_eq!(episodes(&histories[2], "job", first_ms), ["a 0 0"]);
}

#[test]
fn a_query_that_fails_now_and_then_fails_then_only() {
    let store = Arc::new(MemoryStore::new());
    for step in 0..100 {
        up(&store, step * 10, &[("a", 1.0)]);
        up(
            &store,
            step * 10,
            &[("b", if step < 40 { 1.0 } else { STALE_NAN })],
        );
    }
    let mut limited = group(
        "l",
        vec![alerting("Many", "up", 0), recording("some", "up", &[])],
    );
    limited.limit = 1;
    let groups = [
        group(
            "g",
            vec![
                alerting("Joined", "up / on() up", 0),
                recording("text", "\"a\"", &[]),
                recording("same", "up", &[("job", "x")]),
            ],
        ),
        limited,
    ];
    let histories = go(&store, &groups, 0, 999);
    let [joined, text, same, many, some] = histories.as_slice() else {
        panic!("{histories:?}")
    };
    assert!((39..=41).contains(&joined.failed_turns), "{joined:?}");
    assert!(
        joined.first_error.contains("many-to-many"),
        "{}",
        joined.first_error
    );
    // The offset of the group decides about the last one.
    assert!((99..=100).contains(&joined.turns) && joined.episodes.len() == 1);
    assert_eq!(
        (text.turns, text.failed_turns),
        (joined.turns, joined.turns)
    );
    assert!(
        text.first_error.starts_with("rule result is not a vector"),
        "{}",
        text.first_error
    );
    assert!((39..=41).contains(&many.failed_turns), "{many:?}");
    assert_eq!(many.first_error, "exceeded limit of 1 with 2 alerts");
    assert!((39..=41).contains(&some.failed_turns), "{some:?}");
    assert_eq!(some.first_error, "exceeded limit of 1 with 2 series");
    assert!((39..=41).contains(&same.failed_turns), "{same:?}");
    assert!(
        same.first_error.contains("same labelset"),
        "{}",
        same.first_error
    );
    assert_eq!(same.sample_count, same.turns - same.failed_turns);
    let wrong = [group("g", vec![recording("r", "sum(", &[])])];
    let store = Arc::<MemoryStore>::clone(&store);
    assert!(backtest(store, &wrong, &Surroundings::default(), &settings(0, 1)).is_err());
}

#[test]
fn who_asks_for_too_much_is_told() {
    let store = Arc::new(MemoryStore::new());
    for minute in 0..60 {
        // Up and down each minute.
        up(&store, minute * 60, &[("a", (minute % 2) as f64)]);
    }
    let groups = [group("g", vec![alerting("Down", "up == 0", 0)])];
    let mut bounded = BacktestSettings {
        episodes_max: 5,
        ..settings(0, 3_599)
    };
    assert_eq!(bounded.evaluation_count(&groups), 360);
    let go = |bounded: &BacktestSettings| {
        let store = Arc::<MemoryStore>::clone(&store);
        backtest(store, &groups, &Surroundings::default(), bounded)
    };
    let error = go(&bounded).unwrap_err();
    assert_eq!(
        error.to_string(),
        "group \"g\", rule \"Down\": more than 5 episodes: take a shorter time, or a rule that flaps less"
    );
    bounded.episodes_max = 30;
    let histories = go(&bounded).unwrap();
    let episodes = &histories[0].episodes;
    assert_eq!(episodes.len(), 30);
    assert_eq!(episodes[0].firing_ms(3_599_000), Some(60_000));
}
