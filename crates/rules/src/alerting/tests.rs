use super::*;

const MINUTE: i64 = 60_000;

fn labels(host: &str) -> Labels {
    Labels::from_pairs([("alertname", "Slow"), ("host", host)])
}

fn candidate(host: &str, value: f64) -> Candidate {
    Candidate {
        labels: labels(host),
        annotations: Labels::from_pairs([("summary", format!("{value} s"))]),
        value,
    }
}

fn rule(for_minutes: i64, keep_minutes: i64) -> AlertingRule {
    AlertingRule {
        for_ms: for_minutes * MINUTE,
        keep_firing_for_ms: keep_minutes * MINUTE,
        limit: 0,
    }
}

fn told(transitions: &[Transition]) -> Vec<String> {
    transitions
        .iter()
        .map(|c| format!("{} {}", c.labels.get("host").unwrap(), c.kind.as_str()))
        .collect()
}

/// Evaluates at a minute with the hosts at which the condition holds; gives what changed.
fn at(state: &mut AlertingState, rule: AlertingRule, minute: i64, hosts: &[&str]) -> Vec<String> {
    let candidates = hosts.iter().map(|host| candidate(host, minute as f64));
    let mut changes = Vec::new();
    state
        .advance(rule, candidates.collect(), minute * MINUTE, &mut changes)
        .unwrap();
    told(&changes)
}

/// The hosts whose alerts have to be kept, with a minus where they are gone.
fn changes(state: &mut AlertingState) -> Vec<String> {
    let changes = state.take_changes().into_iter();
    changes
        .map(|(labels, alert)| {
            let sign = if alert.is_some() { "" } else { "-" };
            format!("{sign}{}", labels.get("host").unwrap())
        })
        .collect()
}

#[test]
fn an_alert_fires_when_its_condition_has_held_for_long_enough() {
    let (mut state, rule) = (AlertingState::default(), rule(5, 0));
    assert_eq!(at(&mut state, rule, 0, &["a"]), ["a pending"]);
    assert_eq!(state.worst(), Some(AlertState::Pending));
    assert!(at(&mut state, rule, 4, &["a"]).is_empty());
    assert_eq!(
        at(&mut state, rule, 5, &["b", "a"]),
        ["a firing", "b pending"]
    );
    assert_eq!(at(&mut state, rule, 6, &["a"]), ["b dropped"]);
    assert_eq!(at(&mut state, rule, 7, &[]), ["a resolved"]);
    assert_eq!(state.worst(), None);
    // Its end is remembered for a quarter of an hour.
    assert!(at(&mut state, rule, 22, &[]).is_empty());
    assert_eq!(state.alerts().count(), 1);
    assert!(at(&mut state, rule, 23, &[]).is_empty());
    assert_eq!(state.alerts().count(), 0);
}

#[test]
fn without_for_it_fires_at_once() {
    let mut state = AlertingState::default();
    assert_eq!(
        at(&mut state, rule(0, 0), 0, &["a"]),
        ["a pending", "a firing"]
    );
}

#[test]
fn it_fires_on_over_gaps() {
    let (mut state, rule) = (AlertingState::default(), rule(0, 10));
    at(&mut state, rule, 0, &["a"]);
    assert!(at(&mut state, rule, 1, &[]).is_empty());
    assert!(at(&mut state, rule, 10, &[]).is_empty());
    // The condition is back: the gap is forgotten.
    assert!(at(&mut state, rule, 10, &["a"]).is_empty());
    assert!(at(&mut state, rule, 11, &[]).is_empty());
    assert!(at(&mut state, rule, 20, &[]).is_empty());
    assert_eq!(at(&mut state, rule, 21, &[]), ["a resolved"]);
    // A new episode begins with a new pending time.
    assert_eq!(at(&mut state, rule, 22, &["a"]), ["a pending", "a firing"]);
    assert_eq!(state.get(&labels("a")).unwrap().active_at_ms, 22 * MINUTE);
}

#[test]
fn a_longer_for_makes_a_firing_alert_pending_again() {
    let mut state = AlertingState::default();
    at(&mut state, rule(1, 0), 0, &["a"]);
    assert_eq!(at(&mut state, rule(1, 0), 1, &["a"]), ["a firing"]);
    state.to_send(MINUTE, MINUTE, MINUTE, "");
    assert_eq!(at(&mut state, rule(5, 0), 2, &["a"]), ["a pending"]);
    let alert = state.get(&labels("a")).unwrap();
    assert_eq!((alert.fired_at_ms, alert.last_sent_ms), (None, None));
    assert!(state.to_send(2 * MINUTE, MINUTE, MINUTE, "").is_empty());
    assert_eq!(at(&mut state, rule(5, 0), 5, &["a"]), ["a firing"]);
}

#[test]
fn alerts_are_sent_when_they_change_and_now_and_then() {
    let (mut state, rule) = (AlertingState::default(), rule(1, 0));
    let sent = |state: &mut AlertingState, minute: i64| -> Vec<(i64, i64)> {
        let sent = state.to_send(minute * MINUTE, MINUTE, 15_000, "http://x");
        sent.iter()
            .map(|a| (a.starts_ms / MINUTE, a.ends_ms.unwrap() / MINUTE))
            .collect()
    };
    at(&mut state, rule, 0, &["a"]);
    assert!(sent(&mut state, 0).is_empty());
    at(&mut state, rule, 1, &["a"]);
    // Valid for four times the delay.
    assert_eq!(sent(&mut state, 1), [(1, 5)]);
    assert!(sent(&mut state, 2).is_empty());
    assert_eq!(sent(&mut state, 3), [(1, 7)]);
    at(&mut state, rule, 4, &[]);
    assert_eq!(sent(&mut state, 4), [(1, 4)]);
    // The end is said again.
    assert!(sent(&mut state, 5).is_empty());
    assert_eq!(sent(&mut state, 6), [(1, 4)]);
}

#[test]
fn series_tell_the_state_and_since_when() {
    assert_eq!(
        alerts_series(&labels("a"), AlertState::Pending).to_string(),
        r#"{__name__="ALERTS", alertname="Slow", alertstate="pending", host="a"}"#
    );
    assert_eq!(
        for_state_series(&labels("a")).to_string(),
        r#"{__name__="ALERTS_FOR_STATE", alertname="Slow", host="a"}"#
    );
}

#[test]
fn only_what_lasts_is_a_change() {
    let (mut state, rule) = (AlertingState::default(), rule(5, 5));
    at(&mut state, rule, 0, &["a", "b"]);
    assert_eq!(changes(&mut state), ["a", "b"]);
    // Another value, sendings, other annotations.
    at(&mut state, rule, 1, &["a", "b"]);
    assert!(changes(&mut state).is_empty());
    at(&mut state, rule, 5, &["a"]);
    assert_eq!(changes(&mut state), ["a", "-b"]);
    state.to_send(5 * MINUTE, MINUTE, MINUTE, "");
    assert!(changes(&mut state).is_empty());
    // It begins to fire on, and its condition comes back.
    at(&mut state, rule, 6, &[]);
    assert_eq!(changes(&mut state), ["a"]);
    at(&mut state, rule, 7, &[]);
    assert!(changes(&mut state).is_empty());
    at(&mut state, rule, 8, &["a"]);
    assert_eq!(changes(&mut state), ["a"]);
    // What could not be kept comes again.
    state.give_back([labels("a"), labels("b")]);
    assert_eq!(changes(&mut state), ["a", "-b"]);
}

#[test]
fn too_many_and_the_same_are_errors() {
    let mut state = AlertingState::default();
    at(&mut state, rule(0, 0), 0, &["a"]);
    at(&mut state, rule(5, 0), 1, &["b"]);
    changes(&mut state);
    let limited = AlertingRule {
        limit: 1,
        ..rule(5, 9)
    };
    let mut transitions = Vec::new();
    let two = vec![candidate("b", 1.0), candidate("c", 1.0)];
    let error = state
        .advance(limited, two, 2 * MINUTE, &mut transitions)
        .unwrap_err();
    assert_eq!(error.to_string(), "exceeded limit of 1 with 2 alerts");
    // `a` had ended before.
    assert_eq!(told(&transitions), ["b dropped"]);
    assert_eq!(state.alerts().count(), 0);
    assert_eq!(changes(&mut state), ["-a", "-b"]);

    at(&mut state, rule(0, 0), 3, &["a"]);
    let same = vec![candidate("b", 1.0), candidate("b", 2.0)];
    let error = state
        .advance(rule(0, 0), same, 4 * MINUTE, &mut transitions)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "vector contains metrics with the same labelset after applying alert labels: \
         {alertname=\"Slow\", host=\"b\"}"
    );
    // Nothing has changed.
    assert_eq!(state.worst(), Some(AlertState::Firing));
    transitions.clear();
    let two = vec![candidate("a", 1.0), candidate("c", 1.0)];
    assert!(
        state
            .advance(limited, two, 9 * MINUTE, &mut transitions)
            .is_err()
    );
    assert_eq!(told(&transitions), ["a resolved"]);
}

/// A restart between two minutes, of a group that is evaluated each minute.
fn resume(state: &mut AlertingState, rule: AlertingRule, from: i64, to: i64) -> Vec<String> {
    let mut transitions = Vec::new();
    let how = Resume {
        evaluated_ms: from * MINUTE,
        now_ms: to * MINUTE,
        interval_ms: MINUTE,
        tolerance_ms: 60 * MINUTE,
        grace_ms: 10 * MINUTE,
        settle_ms: 4 * MINUTE,
    };
    state.resume(rule, &how, &mut transitions);
    told(&transitions)
}

#[test]
fn for_goes_on_after_a_restart() {
    // `for` in minutes, evaluations before it, first evaluation after it, when the alert fires.
    for (for_minutes, last, first, fires) in [
        // Without a gap nothing moves.
        (5, 2, 3, 5),
        // Two of five minutes had passed.
        (5, 2, 9, 11),
        // A long gap, but a `for` shorter than the grace period.
        (5, 2, 40, 42),
        // After a long gap the grace period is waited for: 28 minutes had passed.
        (30, 28, 60, 70),
        // More than it was left.
        (30, 5, 30, 54),
        // After a short gap it is not.
        (30, 28, 33, 34),
    ] {
        let (mut state, rule) = (AlertingState::default(), rule(for_minutes, 0));
        at(&mut state, rule, 0, &["a"]);
        at(&mut state, rule, last, &["a"]);
        assert!(resume(&mut state, rule, last, first).is_empty());
        let fired = (first..100).find(|minute| !at(&mut state, rule, *minute, &["a"]).is_empty());
        assert_eq!(fired, Some(fires), "for {for_minutes} {last} {first}");
    }
}

#[test]
fn a_pending_alert_is_forgotten_after_a_very_long_outage() {
    let (mut state, rule) = (AlertingState::default(), rule(5, 0));
    at(&mut state, rule, 0, &["a"]);
    changes(&mut state);
    assert_eq!(resume(&mut state, rule, 0, 62), ["a dropped"]);
    assert_eq!(changes(&mut state), ["-a"]);
}

#[test]
fn a_firing_alert_fires_on_after_a_restart() {
    let (mut state, rule) = (AlertingState::default(), rule(0, 0));
    at(&mut state, rule, 0, &["a", "b"]);
    changes(&mut state);
    assert!(resume(&mut state, rule, 0, 1).is_empty());
    // Nothing was missed, so nothing is to be kept.
    assert!(changes(&mut state).is_empty());
    // Nothing has been collected yet: that is no end.
    assert!(at(&mut state, rule, 1, &[]).is_empty());
    assert!(at(&mut state, rule, 4, &["a"]).is_empty());
    assert_eq!(state.live().count(), 2);
    // `b` does not come back; `a` has, and ends as ever.
    assert_eq!(at(&mut state, rule, 5, &["a"]), ["b resolved"]);
    assert_eq!(at(&mut state, rule, 6, &[]), ["a resolved"]);
}

#[test]
fn time_without_a_condition_does_not_count_after_a_restart() {
    let (mut state, rule) = (AlertingState::default(), rule(5, 0));
    at(&mut state, rule, 0, &["a", "b"]);
    at(&mut state, rule, 3, &["a", "b"]);
    resume(&mut state, rule, 3, 4);
    assert!(at(&mut state, rule, 4, &["b"]).is_empty());
    assert_eq!(at(&mut state, rule, 6, &["a", "b"]), ["b firing"]);
    assert_eq!(at(&mut state, rule, 7, &["a", "b"]), ["a firing"]);
}

#[test]
fn keep_firing_for_goes_on_after_a_restart() {
    let (mut state, rule) = (AlertingState::default(), rule(0, 10));
    at(&mut state, rule, 0, &["a"]);
    // It fires on from 1 on; six minutes of it have passed at 7.
    at(&mut state, rule, 1, &[]);
    at(&mut state, rule, 7, &[]);
    resume(&mut state, rule, 7, 100);
    assert!(at(&mut state, rule, 100, &[]).is_empty());
    assert!(at(&mut state, rule, 102, &[]).is_empty());
    // The first evaluation after the restart is one minute later in the life of the rule, as it
    // would have been at 8: three are left. Absence counts from 104 on.
    assert_eq!(at(&mut state, rule, 104, &[]), ["a resolved"]);
}

#[test]
fn the_state_of_a_rule_moves_as_a_whole() {
    let mut old = AlertingState::default();
    at(&mut old, rule(5, 0), 0, &["a"]);
    let mut new = AlertingState::default();
    new.take_over(&mut old);
    assert_eq!(at(&mut new, rule(5, 0), 5, &["a"]), ["a firing"]);
    assert_eq!(old.alerts().count(), 0);
}
