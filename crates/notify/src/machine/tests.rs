//! The machine, driven by hand: what is sent when, and what is kept.

use super::*;
use crate::inhibit::InhibitRule;
use crate::interval::{Span, TimeInterval};
use crate::route::{GroupBy, RouteSettings};
use crate::silence::SilenceRequest;
use crate::testing::plan;
use bellwether_model::Matcher;
use bellwether_storage::{MemoryStateStore, TimelineKind};

const WAIT: i64 = 30_000;
const INTERVAL: i64 = 300_000;
const REPEAT: i64 = 3_600_000;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn alert(name: &str, host: &str, starts_ms: i64) -> Alert {
    Alert {
        labels: labels(&[("alertname", name), ("host", host)]),
        annotations: Labels::empty(),
        starts_ms,
        ends_ms: Some(i64::MAX / 2),
        times_out: false,
        updated_ms: starts_ms,
        generator_url: String::new(),
    }
}

fn ended(mut alert: Alert, ends_ms: i64) -> Alert {
    alert.ends_ms = Some(ends_ms);
    alert.updated_ms = ends_ms;
    alert
}

fn root() -> RouteSettings {
    RouteSettings {
        receiver: Some("team".to_owned()),
        group_by: Some(GroupBy::Labels(["alertname".to_owned()].into())),
        group_wait_ms: Some(WAIT),
        group_interval_ms: Some(INTERVAL),
        repeat_interval_ms: Some(REPEAT),
        ..RouteSettings::default()
    }
}

fn machine(plan: Plan) -> Machine {
    Machine::new(Arc::new(plan), 1)
}

/// What is due, each as `receiver: alert@host firing|resolved …`, all delivered.
fn deliver(machine: &mut Machine, now_ms: i64) -> Vec<String> {
    let due = machine.due(now_ms);
    due.iter()
        .map(|delivery| {
            machine.delivered(delivery.id, &Outcome::Delivered("200".to_owned()), now_ms);
            text(delivery)
        })
        .collect()
}

fn text(delivery: &Delivery) -> String {
    let alerts: Vec<String> = delivery
        .alerts
        .iter()
        .map(|alert| {
            let state = if alert.ends_ms.is_none() {
                "firing"
            } else {
                "resolved"
            };
            let host = alert.labels.get("host").unwrap_or("");
            format!("{}@{host} {state}", alert.name())
        })
        .collect();
    format!("{}: {}", delivery.receiver, alerts.join(", "))
}

#[test]
fn a_group_waits_then_tells_then_tells_news_then_repeats_then_ends() {
    let mut m = machine(plan(&root(), true));
    m.receive([alert("A", "1", 0)], 0);
    assert_eq!(m.wake_at(), Some(WAIT));
    m.receive([alert("A", "2", 10_000)], 10_000);
    assert!(deliver(&mut m, WAIT - 1).is_empty());
    assert_eq!(deliver(&mut m, WAIT), ["team: A@1 firing, A@2 firing"]);
    // Nothing is new.
    assert!(deliver(&mut m, WAIT + INTERVAL).is_empty());
    // A third alert, and the end of the first.
    m.receive(
        [alert("A", "3", 400_000), ended(alert("A", "1", 0), 410_000)],
        410_000,
    );
    assert!(deliver(&mut m, WAIT + 2 * INTERVAL - 1).is_empty());
    assert_eq!(
        deliver(&mut m, WAIT + 2 * INTERVAL),
        ["team: A@1 resolved, A@2 firing, A@3 firing"]
    );
    // The one that has ended is gone from the group.
    // Strictly longer than the interval after the receiver took the last one.
    let repeat = WAIT + 3 * INTERVAL + REPEAT;
    let mut now = WAIT + 3 * INTERVAL;
    while now < repeat {
        assert!(deliver(&mut m, now).is_empty(), "{now}");
        now += INTERVAL;
    }
    assert_eq!(deliver(&mut m, repeat), ["team: A@2 firing, A@3 firing"]);
    m.receive(
        [
            ended(alert("A", "2", 0), repeat + 1),
            ended(alert("A", "3", 0), repeat + 1),
        ],
        repeat + 1,
    );
    assert_eq!(
        deliver(&mut m, repeat + INTERVAL),
        ["team: A@2 resolved, A@3 resolved"]
    );
    assert_eq!(m.alerts().count(), 0);
    assert!(m.groups(repeat + INTERVAL).is_empty());
    assert_eq!(m.wake_at(), None);
}

#[test]
fn an_alert_that_came_and_went_within_the_wait_is_not_told() {
    let mut m = machine(plan(&root(), true));
    m.receive([alert("A", "1", 0)], 0);
    m.receive([ended(alert("A", "1", 0), 5_000)], 5_000);
    assert!(deliver(&mut m, WAIT).is_empty());
    assert_eq!(m.alerts().count(), 0);
}

#[test]
fn an_alert_whose_sender_is_gone_ends_by_itself() {
    let mut m = machine(plan(&root(), true));
    m.receive([ended(alert("A", "1", 0), 60_000)], 0);
    assert_eq!(deliver(&mut m, WAIT), ["team: A@1 firing"]);
    assert_eq!(deliver(&mut m, WAIT + INTERVAL), ["team: A@1 resolved"]);
}

#[test]
fn ends_that_are_not_sent_are_known_nevertheless() {
    let mut m = machine(plan(&root(), false));
    m.receive([alert("A", "1", 0)], 0);
    assert_eq!(deliver(&mut m, WAIT), ["team: A@1 firing"]);
    m.receive([ended(alert("A", "1", 0), WAIT + 1)], WAIT + 1);
    assert!(deliver(&mut m, WAIT + INTERVAL).is_empty());
    // It fires again: a first notification, not one that the log takes for known.
    let again = WAIT + INTERVAL + 1;
    m.receive([alert("A", "1", again)], again);
    assert_eq!(deliver(&mut m, again + WAIT), ["team: A@1 firing"]);
}

#[test]
fn a_failed_delivery_is_due_again_and_loses_no_end() {
    let mut m = machine(plan(&root(), true));
    m.receive([alert("A", "1", 0)], 0);
    assert_eq!(deliver(&mut m, WAIT), ["team: A@1 firing"]);
    m.receive([ended(alert("A", "1", 0), WAIT + 1)], WAIT + 1);
    let due = m.due(WAIT + INTERVAL);
    assert_eq!(due.len(), 1);
    // Nothing else of the group while it is under way, however late.
    assert!(m.due(WAIT + 10 * INTERVAL).is_empty());
    m.attempt_failed(due[0].id, "connection refused", WAIT + INTERVAL + 5);
    let failed = Outcome::Failed("deadline".to_owned());
    m.delivered(due[0].id, &failed, WAIT + 10 * INTERVAL);
    assert_eq!(
        deliver(&mut m, WAIT + 10 * INTERVAL),
        ["team: A@1 resolved"]
    );
    let effects = m.take_effects();
    let kinds: Vec<&str> = effects.rows.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "firing",
            "notifying",
            "notified",
            "resolved",
            "notifying",
            "notify_failed",
            "notify_failed",
            "notifying",
            "notified"
        ]
    );
}

#[test]
fn silences_hold_back_and_their_end_lets_go() {
    let mut m = machine(plan(&root(), true));
    let silence = SilenceRequest {
        id: String::new(),
        matchers: vec![Matcher::equal("host", "1")],
        starts_ms: None,
        ends_ms: WAIT + INTERVAL,
        created_by: "ada".to_owned(),
        comment: "upgrade".to_owned(),
    };
    let id = m.set_silence(silence, "id-1".to_owned(), 0).unwrap();
    m.receive([alert("A", "1", 0), alert("A", "2", 0)], 0);
    assert_eq!(
        m.suppression(&alert("A", "1", 0).labels, 1).silenced_by,
        [id]
    );
    assert_eq!(deliver(&mut m, WAIT), ["team: A@2 firing"]);
    assert_eq!(
        deliver(&mut m, WAIT + INTERVAL),
        ["team: A@1 firing, A@2 firing"]
    );
    let effects = m.take_effects();
    let of_one: Vec<&str> = effects
        .rows
        .iter()
        .filter(|row| row.labels.get("host") == Some("1"))
        .map(|row| row.kind.as_str())
        .collect();
    assert_eq!(of_one, ["firing", "silenced", "unsilenced", "notified"]);
}

#[test]
fn inhibited_alerts_wait_for_the_source_to_end() {
    let mut p = plan(&root(), true);
    p.inhibit_rules.push(InhibitRule {
        name: "node".to_owned(),
        source_matchers: vec![Matcher::equal("alertname", "NodeDown")],
        target_matchers: vec![Matcher::equal("alertname", "A")],
        equal: vec!["host".to_owned()],
    });
    let mut m = machine(p);
    m.receive([alert("A", "1", 0), alert("NodeDown", "1", 0)], 0);
    assert_eq!(deliver(&mut m, WAIT), ["team: NodeDown@1 firing"]);
    m.receive([ended(alert("NodeDown", "1", 0), WAIT + 1)], WAIT + 1);
    let mut told = deliver(&mut m, WAIT + INTERVAL);
    told.sort();
    assert_eq!(told, ["team: A@1 firing", "team: NodeDown@1 resolved"]);
}

#[test]
fn muted_routes_send_when_the_time_is_over() {
    let mut settings = root();
    settings.routes.push(RouteSettings {
        receiver: Some("other".to_owned()),
        matchers: vec![Matcher::equal("alertname", "Night")],
        mute_time_intervals: vec!["first-hour".to_owned()],
        ..RouteSettings::default()
    });
    let mut p = plan(&settings, true);
    let hour = TimeInterval {
        minutes: vec![Span { begin: 0, end: 60 }],
        ..TimeInterval::default()
    };
    p.time_intervals.insert("first-hour".to_owned(), vec![hour]);
    let mut m = machine(p);
    m.receive([alert("Night", "1", 0)], 0);
    assert!(deliver(&mut m, WAIT).is_empty());
    assert_eq!(m.groups(WAIT)[0].muted_by, ["first-hour"]);
    let mut now = WAIT;
    let told = loop {
        now += INTERVAL;
        let told = deliver(&mut m, now);
        if !told.is_empty() {
            break told;
        }
    };
    assert!((3_600_000..3_600_000 + INTERVAL).contains(&now));
    assert_eq!(told, ["other: Night@1 firing"]);
    let rows = m.take_effects().rows;
    let kinds: Vec<&str> = rows.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["firing", "muted", "unmuted", "notifying", "notified"]
    );
    assert_eq!(rows[1].cause, "time interval first-hour");
    assert_eq!(rows[1].receiver, "other");
}

#[test]
fn acknowledging_stops_repeats_and_nothing_else() {
    let mut m = machine(plan(&root(), true));
    m.receive([alert("A", "1", 0)], 0);
    assert_eq!(deliver(&mut m, WAIT), ["team: A@1 firing"]);
    let ack = Acknowledgement {
        labels: alert("A", "1", 0).labels,
        by: "ada".to_owned(),
        comment: "on it".to_owned(),
        time_ms: WAIT + 1,
        until_ms: Some(2 * REPEAT),
    };
    assert!(m.acknowledge(ack.clone()));
    assert!(deliver(&mut m, WAIT + REPEAT).is_empty());
    // An alert that nobody has acknowledged is told at once.
    m.receive([alert("A", "2", WAIT + REPEAT + 1)], WAIT + REPEAT + 1);
    let now = WAIT + REPEAT + INTERVAL;
    assert_eq!(deliver(&mut m, now), ["team: A@1 firing, A@2 firing"]);
    m.receive([ended(alert("A", "2", 0), now + 1)], now + 1);
    assert_eq!(
        deliver(&mut m, now + INTERVAL),
        ["team: A@1 firing, A@2 resolved"]
    );
    // After its end repeats go on.
    assert!(deliver(&mut m, now + INTERVAL + REPEAT).is_empty());
    assert_eq!(
        deliver(&mut m, now + 2 * INTERVAL + REPEAT),
        ["team: A@1 firing"]
    );
    let rows = m.take_effects().rows;
    let ended = rows
        .iter()
        .find(|row| row.kind == TimelineKind::Unacknowledged);
    assert_eq!(ended.unwrap().cause, "its time is over");
    assert!(!m.acknowledge(Acknowledgement {
        labels: labels(&[("alertname", "none")]),
        ..ack
    }));
}

/// Puts effects where they are kept; gives the rows.
fn keep(store: &MemoryStateStore, machine: &mut Machine) -> Vec<TimelineRow> {
    let effects = machine.take_effects();
    for (area, change) in effects.changes {
        store.change(area, &[change]).unwrap();
    }
    effects.rows
}

#[test]
fn a_restart_neither_repeats_nor_loses() {
    let store = MemoryStateStore::default();
    let p = Arc::new(plan(&root(), true));
    let mut m = Machine::new(Arc::clone(&p), 1);
    m.receive([alert("A", "1", 0), alert("B", "1", 0)], 0);
    let due = m.due(WAIT);
    assert_eq!(due.len(), 2);
    // One is told, the other is under way when the process dies.
    m.delivered(due[0].id, &Outcome::Delivered("200".to_owned()), WAIT);
    keep(&store, &mut m);
    let told = text(&due[0]);
    let (mut m, unreadable) = Machine::restore(Arc::clone(&p), 1, &store, WAIT + 5).unwrap();
    assert_eq!(unreadable, 0);
    let again = deliver(&mut m, WAIT + 6);
    assert_eq!(again.len(), 1);
    assert_ne!(again[0], told);
    // Nor does the timeline say again that they fire.
    let rows = keep(&store, &mut m);
    assert!(rows.iter().all(|row| row.kind != TimelineKind::Firing));
    // Both ends are told, though the second machine never saw the beginning.
    m.receive(
        [
            ended(alert("A", "1", 0), WAIT + 7),
            ended(alert("B", "1", 0), WAIT + 7),
        ],
        WAIT + 7,
    );
    keep(&store, &mut m);
    let (mut m, _) = Machine::restore(p, 1, &store, WAIT + 8).unwrap();
    let mut told = deliver(&mut m, WAIT + INTERVAL + 8);
    told.sort();
    assert_eq!(told, ["team: A@1 resolved", "team: B@1 resolved"]);
}

#[test]
fn what_fired_before_a_restart_gets_time_to_be_heard_of_again() {
    let store = MemoryStateStore::default();
    let p = Arc::new(plan(&root(), true));
    let mut m = Machine::new(Arc::clone(&p), 1);
    // Fires for four minutes by its sender's word, which comes again and again.
    let at = |now: i64| Alert {
        ends_ms: Some(now + 240_000),
        updated_ms: now,
        ..alert("A", "1", 0)
    };
    m.receive([at(0)], 0);
    assert_eq!(deliver(&mut m, WAIT), ["team: A@1 firing"]);
    keep(&store, &mut m);
    m.receive([at(60_000)], 60_000);
    assert!(m.take_effects().changes.is_empty(), "no news, no write");
    // Half an hour later.
    let back = 1_800_000;
    let (mut m, _) = Machine::restore(Arc::clone(&p), 1, &store, back).unwrap();
    assert!(deliver(&mut m, back).is_empty());
    assert!(keep(&store, &mut m).is_empty());
    m.receive([at(back + 61_000)], back + 61_000);
    assert!(deliver(&mut m, back + INTERVAL).is_empty());
    // Nobody speaks of it any more: it ends.
    let (mut m, _) = Machine::restore(p, 1, &store, back).unwrap();
    deliver(&mut m, back);
    assert_eq!(deliver(&mut m, back + INTERVAL), ["team: A@1 resolved"]);
}

#[test]
fn a_new_episode_is_not_acknowledged() {
    let mut m = machine(plan(&root(), true));
    m.receive([alert("A", "1", 0)], 0);
    assert_eq!(deliver(&mut m, WAIT), ["team: A@1 firing"]);
    let ack = Acknowledgement {
        labels: alert("A", "1", 0).labels,
        by: "ada".to_owned(),
        comment: String::new(),
        time_ms: WAIT,
        until_ms: None,
    };
    assert!(m.acknowledge(ack));
    let fingerprint = alert("A", "1", 0).fingerprint();
    m.receive([ended(alert("A", "1", 0), 40_000)], 40_000);
    assert!(m.acknowledgement(fingerprint, 40_000).is_some());
    m.receive([alert("A", "1", 50_000)], 50_000);
    assert!(m.acknowledgement(fingerprint, 50_000).is_none());
}

#[test]
fn who_was_replaced_sends_nothing() {
    let mut m = machine(plan(&root(), true));
    m.receive([alert("A", "1", 0)], 0);
    m.lead(Some(7), 0);
    assert_eq!(deliver(&mut m, WAIT), ["team: A@1 firing"]);
    m.lead(Some(6), WAIT);
    m.receive([alert("A", "2", 40_000)], 40_000);
    assert!(deliver(&mut m, WAIT + INTERVAL).is_empty());
    let rows = m.take_effects().rows;
    assert_eq!(
        rows.last().unwrap().cause,
        "not sent: the holder of lease token 7 notifies; ours is 6"
    );
    m.lead(Some(8), WAIT + INTERVAL);
    assert_eq!(
        deliver(&mut m, WAIT + 2 * INTERVAL),
        ["team: A@1 firing, A@2 firing"]
    );
}

#[test]
fn a_neighbour_of_another_kind_makes_nobody_somebody_else() {
    let mut m = machine(plan(&root(), true));
    m.receive([alert("A", "1", 0)], 0);
    assert_eq!(deliver(&mut m, WAIT), ["team: A@1 firing"]);
    let mut p = plan(&root(), true);
    let mail = Integration {
        kind: "email".to_owned(),
        send_resolved: false,
    };
    p.receivers.get_mut("team").unwrap().insert(0, mail);
    m.set_plan(Arc::new(p), WAIT + 1);
    let due = m.due(WAIT + INTERVAL);
    let kinds: Vec<&str> = due.iter().map(|d| d.kind.as_str()).collect();
    assert_eq!(kinds, ["email"]);
}

#[test]
fn damaged_state_is_counted_and_left_out() {
    let store = MemoryStateStore::default();
    let change = StateChange::Put {
        key: b"x".to_vec(),
        value: b"\xff".to_vec(),
    };
    for area in [ALERTS, SILENCES, LOG, ACKNOWLEDGEMENTS] {
        store.change(area, std::slice::from_ref(&change)).unwrap();
    }
    let (m, unreadable) = Machine::restore(Arc::new(plan(&root(), true)), 1, &store, 0).unwrap();
    assert_eq!((m.alerts().count(), unreadable), (0, 4));
}

#[test]
fn a_new_plan_keeps_turns_and_what_was_told() {
    let mut m = machine(plan(&root(), true));
    m.receive([alert("A", "1", 0)], 0);
    assert_eq!(deliver(&mut m, WAIT), ["team: A@1 firing"]);
    let same = Arc::new(plan(&root(), true));
    m.set_plan(same, WAIT + 10);
    assert_eq!(m.wake_at(), Some(WAIT + INTERVAL));
    assert!(deliver(&mut m, WAIT + INTERVAL).is_empty());
    // Another receiver has not heard of it.
    let mut settings = root();
    settings.receiver = Some("other".to_owned());
    m.set_plan(Arc::new(plan(&settings, true)), WAIT + INTERVAL + 10);
    assert_eq!(deliver(&mut m, WAIT + 2 * INTERVAL), ["other: A@1 firing"]);
}

#[test]
fn a_delivery_under_way_is_not_started_twice_by_a_new_plan() {
    let mut m = machine(plan(&root(), true));
    m.receive([alert("A", "1", 0)], 0);
    let due = m.due(WAIT);
    m.set_plan(Arc::new(plan(&root(), true)), WAIT + 1);
    assert!(m.due(WAIT + INTERVAL).is_empty());
    m.delivered(
        due[0].id,
        &Outcome::Delivered("200".to_owned()),
        WAIT + INTERVAL + 1,
    );
    assert!(deliver(&mut m, WAIT + 2 * INTERVAL).is_empty());
}

#[test]
fn news_of_an_alert_are_merged_with_what_is_known() {
    let known = ended(alert("A", "1", 1_000), 50_000);
    // Began earlier, by word of another sender.
    let mut news = ended(alert("A", "1", 500), 60_000);
    news.updated_ms = 60_000;
    let starts = |alert: &Alert| (alert.starts_ms, alert.ends_ms);
    // No overlap inside of the known one's time: the news stand alone.
    assert_eq!(
        starts(&merged(&known, news.clone(), 2_000)),
        (500, Some(60_000))
    );
    news.ends_ms = Some(40_000);
    assert_eq!(
        starts(&merged(&known, news.clone(), 2_000)),
        (500, Some(50_000))
    );
    // A time-out that was known before does not hold against a clear word.
    let timed = Alert {
        times_out: true,
        ..known.clone()
    };
    assert_eq!(starts(&merged(&timed, news, 2_000)), (500, Some(40_000)));
    // A later episode is another one.
    let later = ended(alert("A", "1", 55_000), 70_000);
    assert_eq!(
        starts(&merged(&known, later, 56_000)),
        (55_000, Some(70_000))
    );
}

#[test]
fn others_get_no_more_in_than_there_is_room_for() {
    let mut m = machine(plan(&root(), true));
    m.bounds.alert_count = 3;
    let hosts = |m: &Machine| -> Vec<String> {
        let mut hosts: Vec<String> = m
            .alerts()
            .map(|alert| alert.labels.get("host").unwrap_or("").to_owned())
            .collect();
        hosts.sort();
        hosts
    };
    let of = |host: &str| alert("A", host, 0);
    assert_eq!(m.receive_from_others(vec![of("1"), of("2")], 0), 0);
    assert_eq!(m.receive_from_others(vec![of("3"), of("4"), of("1")], 0), 1);
    assert_eq!(hosts(&m), ["1", "2", "3"]);
    // Our own rules are not others, and what is said again of what is known is taken.
    m.receive([of("5")], 0);
    assert_eq!(
        m.receive_from_others(vec![ended(of("5"), 1), of("6")], 1),
        1
    );
    assert_eq!(hosts(&m), ["1", "2", "3", "5"]);
    assert!(m.alerts().any(|alert| alert.is_resolved(1)));
    // Room comes back when alerts end.
    deliver(&mut m, WAIT);
    m.receive(
        [ended(of("1"), WAIT + 1), ended(of("2"), WAIT + 1)],
        WAIT + 1,
    );
    deliver(&mut m, WAIT + INTERVAL);
    assert_eq!(hosts(&m), ["3"]);
    assert_eq!(m.receive_from_others(vec![of("6")], WAIT + INTERVAL), 0);
}

#[test]
fn the_texts_of_others_have_a_bound_together() {
    let mut m = machine(plan(&root(), true));
    let with_text = |host: &str, bytes: usize| Alert {
        annotations: labels(&[("a", &"x".repeat(bytes))]),
        ..alert("A", host, 0)
    };
    m.bounds.text_bytes = 1_000;
    let refused = m.receive_from_others(vec![with_text("1", 600), with_text("2", 600)], 0);
    assert_eq!((refused, m.alerts().count()), (1, 1));
    // Less is always taken, and counts as less.
    assert_eq!(m.receive_from_others(vec![with_text("1", 100)], 0), 0);
    assert_eq!(m.receive_from_others(vec![with_text("2", 600)], 0), 0);
    let texts: usize = m.alerts().map(bounds::text_bytes).sum();
    assert_eq!(m.text_bytes, texts);
    assert_eq!(
        too_large(&with_text("1", ALERT_BYTES_MAX)).as_deref(),
        Some("alert with 1048600 bytes of text: at most 1048576 are taken")
    );
    let many: Vec<(String, String)> = (0..=PAIRS_MAX)
        .map(|n| (n.to_string(), "x".to_owned()))
        .collect();
    let many = Alert {
        labels: Labels::from_pairs(many),
        ..alert("A", "1", 0)
    };
    assert_eq!(
        too_large(&many).as_deref(),
        Some("alert with 1001 labels: at most 1000 are taken")
    );
    assert_eq!(too_large(&with_text("1", 1_000)), None);
}
