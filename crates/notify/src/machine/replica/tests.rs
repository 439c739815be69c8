//! Two machines that share a log, driven by hand.

use bellwether_model::{Alert, Labels, Matcher};
use bellwether_storage::{MemoryStateStore, StateStore as _, TimelineRow};

use super::*;
use crate::delivery::{Delivery, Effects};
use crate::plan::Plan;
use crate::route::RouteSettings;
use crate::silence::SilenceRequest;
use crate::testing;

const INTERVAL: i64 = 60_000;
const REPEAT: i64 = 3_600_000;

fn plan() -> Arc<Plan> {
    let root = RouteSettings {
        receiver: Some("team".to_owned()),
        group_wait_ms: Some(0),
        group_interval_ms: Some(INTERVAL),
        repeat_interval_ms: Some(REPEAT),
        ..RouteSettings::default()
    };
    Arc::new(testing::plan(&root, true))
}

fn alert(host: &str, ends_ms: Option<i64>) -> Alert {
    Alert {
        labels: Labels::from_pairs([("alertname", "A"), ("host", host)]),
        annotations: Labels::empty(),
        starts_ms: 0,
        ends_ms,
        times_out: false,
        updated_ms: ends_ms.unwrap_or(0),
        generator_url: String::new(),
    }
}

/// A replica without its runner.
struct Member {
    machine: Machine,
    name: &'static str,
    rows: Vec<TimelineRow>,
    changes: usize,
}

impl Member {
    fn new(name: &'static str, leads: Option<u64>) -> Self {
        let mut machine = Machine::new(plan(), 0);
        machine.share();
        machine.lead(leads, 0);
        Self {
            machine,
            name,
            rows: Vec::new(),
            changes: 0,
        }
    }

    /// What it tells the others.
    fn says(&mut self) -> Vec<Entry> {
        let Effects {
            rows,
            mut shared,
            changes,
        } = self.machine.take_effects();
        self.rows.extend(rows);
        self.changes += changes.len();
        for entry in &mut shared {
            entry.by = self.name.to_owned();
        }
        shared
    }

    fn hears(&mut self, entries: &[Entry], now_ms: i64) {
        assert_eq!(self.machine.apply_shared(entries, now_ms), 0);
        assert_eq!(self.says(), [], "what was heard is said again");
    }

    fn due(&mut self, now_ms: i64) -> Vec<Delivery> {
        self.machine.due(now_ms)
    }

    fn took(&mut self, delivery: &Delivery, now_ms: i64) {
        let outcome = Outcome::Delivered("200".to_owned());
        self.machine.delivered(delivery.id, &outcome, now_ms);
    }

    fn causes(&self, kind: TimelineKind) -> Vec<&str> {
        let rows = self.rows.iter().filter(|row| row.kind == kind);
        rows.map(|row| row.cause.as_str()).collect()
    }
}

fn pair() -> (Member, Member) {
    (Member::new("a", Some(1)), Member::new("b", None))
}

/// `host firing|resolved …` of each delivery.
fn text(deliveries: &[Delivery]) -> Vec<String> {
    let one = |delivery: &Delivery| {
        let alerts = delivery.alerts.iter().map(|alert| {
            let state = if alert.ends_ms.is_none() {
                "firing"
            } else {
                "resolved"
            };
            format!("{} {state}", alert.labels.get("host").unwrap_or(""))
        });
        alerts.collect::<Vec<_>>().join(", ")
    };
    deliveries.iter().map(one).collect()
}

#[test]
fn what_another_told_is_not_told_again() {
    let (mut a, mut b) = pair();
    for member in [&mut a, &mut b] {
        member.machine.receive([alert("x", None)], 0);
    }
    let due = a.due(0);
    assert_eq!(text(&due), ["x firing"]);
    assert_eq!(due[0].token, 1);
    assert!(b.due(0).is_empty());
    a.took(&due[0], 10);
    b.hears(&a.says(), 20);
    assert_eq!(
        b.causes(TimelineKind::Notified),
        ["by replica a, lease token 1"]
    );
    // The receiver knows it: nothing is due where b leads.
    b.machine.lead(Some(2), 30);
    assert!(b.due(30).is_empty());
    assert!(b.due(INTERVAL).is_empty());
    // A new one is told by b, under its token.
    b.machine.receive([alert("y", None)], 70_000);
    let due = b.due(2 * INTERVAL);
    assert_eq!(text(&due), ["x firing, y firing"]);
    assert_eq!(due[0].token, 2);
}

#[test]
fn what_nobody_told_is_due_at_once_where_one_leads() {
    let (mut a, mut b) = pair();
    b.machine.receive([alert("x", None)], 0);
    assert!(b.due(0).is_empty());
    assert_eq!(b.machine.wake_at(), Some(INTERVAL));
    b.machine.lead(Some(2), 10);
    assert_eq!(b.machine.wake_at(), Some(10));
    assert_eq!(text(&b.due(10)), ["x firing"]);
    // One that loses the lease withholds, and one that has it again goes on.
    a.machine.lead(None, 0);
    a.machine.receive([alert("x", None)], 0);
    assert!(a.due(0).is_empty());
    a.machine.lead(Some(3), 20);
    assert_eq!(text(&a.due(20)), ["x firing"]);
}

#[test]
fn an_end_waits_until_the_log_says_that_it_was_told() {
    let (mut a, mut b) = pair();
    for member in [&mut a, &mut b] {
        member.machine.receive([alert("x", None)], 0);
    }
    let due = a.due(0);
    a.took(&due[0], 0);
    b.hears(&a.says(), 0);
    for member in [&mut a, &mut b] {
        member.machine.receive([alert("x", Some(30_000))], 30_000);
    }
    assert!(b.due(INTERVAL).is_empty());
    assert_eq!(b.machine.groups(INTERVAL).len(), 1);
    let due = a.due(INTERVAL);
    assert_eq!(text(&due), ["x resolved"]);
    a.took(&due[0], INTERVAL);
    b.hears(&a.says(), INTERVAL);
    assert!(b.due(2 * INTERVAL).is_empty());
    assert!(b.machine.groups(2 * INTERVAL).is_empty());
    assert_eq!(b.machine.alerts().count(), 0);
}

#[test]
fn what_was_begun_is_sent_again_and_says_why() {
    let (mut a, mut b) = pair();
    for member in [&mut a, &mut b] {
        member.machine.receive([alert("x", None)], 0);
    }
    assert_eq!(text(&a.due(0)), ["x firing"]);
    assert!(b.due(0).is_empty());
    b.hears(&a.says(), 5);
    // a is gone.
    b.machine.lead(Some(2), 10);
    let due = b.due(10);
    assert_eq!(text(&due), ["x firing"]);
    b.took(&due[0], 20);
    b.says();
    assert_eq!(
        b.causes(TimelineKind::Notifying),
        [
            "first notification; it may come twice: replica a, which held lease token 1, died or \
             lost the lease while notifying"
        ]
    );
    // The next is an ordinary one.
    b.machine.receive([alert("y", None)], 100);
    assert_eq!(b.due(10 + INTERVAL).len(), 1);
    b.says();
    assert_eq!(b.causes(TimelineKind::Notifying)[1], "new alerts added");
}

#[test]
fn what_was_begun_may_have_arrived_or_not() {
    // a began to tell of x; then x ends. The receiver may have an open incident.
    let (mut a, mut b) = pair();
    for member in [&mut a, &mut b] {
        member.machine.receive([alert("x", None)], 0);
    }
    a.due(0);
    b.hears(&a.says(), 0);
    b.machine.receive([alert("x", Some(30_000))], 30_000);
    assert!(b.due(INTERVAL).is_empty());
    b.machine.lead(Some(2), INTERVAL);
    assert_eq!(text(&b.due(INTERVAL)), ["x resolved"]);

    // a told of x and began to tell its end; then x fires again. The receiver may think it is over.
    let (mut a, mut b) = pair();
    for member in [&mut a, &mut b] {
        member.machine.receive([alert("x", None)], 0);
    }
    let due = a.due(0);
    a.took(&due[0], 0);
    a.machine.receive([alert("x", Some(30_000))], 30_000);
    assert_eq!(text(&a.due(INTERVAL)), ["x resolved"]);
    b.hears(&a.says(), INTERVAL);
    assert!(b.due(INTERVAL).is_empty());
    b.machine.lead(Some(2), INTERVAL);
    assert_eq!(text(&b.due(INTERVAL)), ["x firing"]);
}

#[test]
fn what_was_begun_is_known_after_a_restart_and_forgotten_when_it_has_an_end() {
    let store = MemoryStateStore::default();
    let mut a = Member::new("a", Some(1));
    a.machine.receive([alert("x", None)], 0);
    let due = a.due(0);
    let effects = a.machine.take_effects();
    for (area, change) in &effects.changes {
        store.change(area, std::slice::from_ref(change)).unwrap();
    }
    let (mut again, unreadable) = Machine::restore(plan(), 0, &store, 10).unwrap();
    assert_eq!(unreadable, 0);
    again.share();
    again.lead(Some(2), 10);
    assert_eq!(text(&again.due(10)), ["x firing"]);
    let rows = again.take_effects().rows;
    let cause = &rows.last().unwrap().cause;
    assert!(
        cause.contains("this replica, which held lease token 1"),
        "{cause}"
    );

    let outcome = Outcome::Failed("503".to_owned());
    a.machine.delivered(due[0].id, &outcome, 20);
    let effects = a.machine.take_effects();
    let gone = |entry: &&Entry| entry.area == Area::Intent && entry.value.is_empty();
    assert_eq!(effects.shared.iter().filter(gone).count(), 1);
    for (area, change) in &effects.changes {
        store.change(area, std::slice::from_ref(change)).unwrap();
    }
    assert!(store.entries(INTENTS).unwrap().is_empty());
}

/// Keeps what a machine has to keep.
fn keep(machine: &mut Machine, store: &MemoryStateStore) {
    for (area, change) in machine.take_effects().changes {
        store.change(area, &[change]).unwrap();
    }
}

#[test]
fn an_end_that_was_told_while_we_were_away_is_believed() {
    let (mut a, mut b) = pair();
    let store = MemoryStateStore::default();
    for member in [&mut a, &mut b] {
        member
            .machine
            .receive([alert("x", None), alert("y", None)], 0);
    }
    keep(&mut b.machine, &store);
    let due = a.due(0);
    a.took(&due[0], 10);
    let ends = [alert("x", Some(30_000)), alert("y", Some(30_000))];
    a.machine.receive(ends, 30_000);
    let due = a.due(INTERVAL);
    assert_eq!(text(&due), ["x resolved, y resolved"]);
    a.took(&due[0], INTERVAL);
    let said = a.says();
    // y fires anew before b, which was away, hears of all that.
    let begun = Alert {
        starts_ms: 2 * INTERVAL,
        updated_ms: 2 * INTERVAL,
        ..alert("y", None)
    };
    let (mut b, _) = Machine::restore(plan(), 0, &store, 2 * INTERVAL).unwrap();
    b.share();
    b.receive([begun], 2 * INTERVAL);
    assert_eq!(b.apply_shared(&said, 2 * INTERVAL), 0);
    b.lead(Some(2), 2 * INTERVAL);
    let due = b.due(2 * INTERVAL);
    assert_eq!(text(&due), ["x resolved, y firing"]);
    let outcome = Outcome::Delivered("200".to_owned());
    b.delivered(due[0].id, &outcome, 2 * INTERVAL);
    // Who speaks of x knows better.
    b.receive([alert("x", None)], 3 * INTERVAL);
    assert_eq!(text(&b.due(3 * INTERVAL)), ["x firing, y firing"]);
}

#[test]
fn an_end_that_another_saw_first_is_no_new_beginning() {
    let (mut a, mut b) = pair();
    for member in [&mut a, &mut b] {
        member.machine.receive([alert("x", None)], 0);
    }
    let due = a.due(0);
    a.took(&due[0], 10);
    a.machine.receive([alert("x", Some(50_000))], 50_000);
    let due = a.due(INTERVAL);
    a.took(&due[0], INTERVAL);
    b.hears(&a.says(), INTERVAL);
    // The rules of b have not seen it yet, and a dies.
    b.machine.lead(Some(2), INTERVAL);
    assert!(b.due(INTERVAL).is_empty());
    b.machine.receive([alert("x", Some(70_000))], 70_000);
    assert!(b.due(3 * INTERVAL).is_empty());
}

#[test]
fn who_is_alone_again_goes_on_after_the_replicas() {
    let store = MemoryStateStore::default();
    let mut a = Member::new("a", Some(7));
    a.machine.receive([alert("x", None)], 0);
    let due = a.due(0);
    a.took(&due[0], 0);
    a.machine.receive([alert("y", None)], 10);
    assert_eq!(a.due(INTERVAL).len(), 1);
    keep(&mut a.machine, &store);
    // Without replicas, under a smaller token.
    let (mut alone, _) = Machine::restore(plan(), 1, &store, INTERVAL).unwrap();
    let due = alone.due(INTERVAL);
    assert_eq!(text(&due), ["x firing, y firing"]);
    assert_eq!(due[0].token, 7);
    let outcome = Outcome::Delivered("200".to_owned());
    alone.delivered(due[0].id, &outcome, INTERVAL);
    // What was begun then is settled, also over another restart.
    assert!(alone.due(2 * INTERVAL).is_empty());
    keep(&mut alone, &store);
    let (mut again, _) = Machine::restore(plan(), 1, &store, 2 * INTERVAL).unwrap();
    assert!(again.due(3 * INTERVAL).is_empty());
    assert!(store.entries(INTENTS).unwrap().is_empty());
}

#[test]
fn a_delivery_that_is_withdrawn_is_due_for_who_leads() {
    let mut a = Member::new("a", Some(1));
    a.machine.receive([alert("x", None)], 0);
    let due = a.due(0);
    let outcome = Outcome::Failed("not sent".to_owned());
    a.machine.withdrawn(due[0].id, &outcome, 10);
    assert!(!a.machine.leads());
    assert!(a.due(20).is_empty());
    a.machine.lead(Some(3), 30);
    assert_eq!(text(&a.due(30)), ["x firing"]);
    // Withdrawn when a newer token is held already: due at once.
    let mut a = Member::new("a", Some(1));
    a.machine.receive([alert("x", None)], 0);
    let due = a.due(0);
    a.machine.lead(Some(3), 5);
    a.machine.withdrawn(due[0].id, &outcome, 10);
    let due = a.due(10);
    assert_eq!((text(&due), due[0].token), (vec!["x firing".to_owned()], 3));
}

fn silence(id: &str, ends_ms: i64) -> SilenceRequest {
    SilenceRequest {
        id: id.to_owned(),
        matchers: vec![Matcher::equal("alertname", "A")],
        starts_ms: None,
        ends_ms,
        created_by: "ada".to_owned(),
        comment: "upgrade".to_owned(),
    }
}

#[test]
fn silences_hold_on_both_and_the_later_word_counts_whatever_the_clocks_say() {
    let (mut a, mut b) = pair();
    // The clock of b is an hour ahead.
    let ahead = 3_600_000;
    b.machine
        .set_silence(silence("", 2 * ahead), "one".to_owned(), ahead)
        .unwrap();
    let said = b.says();
    a.hears(&said, 0);
    assert_eq!(a.machine.silence("one").unwrap().created_by, "ada");
    // Heard twice, nothing is kept twice.
    let changes = a.changes;
    a.hears(&said, 0);
    assert_eq!(a.changes, changes);
    a.machine.receive([alert("x", None)], ahead);
    assert!(a.due(ahead).is_empty());
    // Ended on a, whose clock is behind.
    a.machine.expire_silence("one", ahead + 10).unwrap();
    b.hears(&a.says(), 3 * ahead / 2);
    assert_eq!(b.machine.silence("one").unwrap().ends_ms, ahead + 10);
    // What has ended long ago comes back on nobody.
    b.machine = Machine::new(plan(), 0);
    b.hears(&said, ahead + SILENCE_RETENTION_MS * 2);
    assert!(b.machine.silence("one").is_none());
}

#[test]
fn acknowledgements_hold_on_both_until_one_takes_them_back() {
    let (mut a, mut b) = pair();
    for member in [&mut a, &mut b] {
        member.machine.receive([alert("x", None)], 0);
    }
    let id = alert("x", None).fingerprint();
    let ack = Acknowledgement {
        labels: alert("x", None).labels,
        by: "ada".to_owned(),
        comment: String::new(),
        time_ms: 5,
        until_ms: None,
    };
    assert!(b.machine.acknowledge(ack));
    a.hears(&b.says(), 10);
    assert!(a.machine.acknowledgement(id, 10).is_some());
    assert_eq!(
        a.causes(TimelineKind::Acknowledged),
        ["by ada on replica b"]
    );
    assert!(a.machine.unacknowledge(id, "bob", 20));
    b.hears(&a.says(), 20);
    assert!(b.machine.acknowledgement(id, 20).is_none());
    assert_eq!(b.causes(TimelineKind::Unacknowledged), ["on replica a"]);
}

#[test]
fn what_was_known_before_there_were_replicas_is_offered() {
    let mut alone = Machine::new(plan(), 1);
    alone.receive([alert("x", None)], 0);
    let due = alone.due(0);
    alone.delivered(due[0].id, &Outcome::Delivered(String::new()), 0);
    alone
        .set_silence(silence("", INTERVAL), "one".to_owned(), 0)
        .unwrap();
    assert!(alone.take_effects().shared.is_empty());
    let offered = alone.shared_entries(10);
    let areas: Vec<Area> = offered.iter().map(|entry| entry.area).collect();
    assert_eq!(areas, [Area::Silence, Area::Notified]);
    let mut b = Member::new("b", None);
    b.hears(&offered, 10);
    assert!(b.machine.silence("one").is_some());
    assert_eq!(b.machine.token_known(), 1);
}

#[test]
fn entries_that_make_no_sense_are_counted() {
    let mut b = Member::new("b", None);
    let odd = |area: Area| Entry {
        area,
        key: b"x".to_vec(),
        value: b"y".to_vec(),
        token: 1,
        by: "a".to_owned(),
        expires_ms: i64::MAX,
    };
    let entries = [
        Area::Term,
        Area::Intent,
        Area::Notified,
        Area::Silence,
        Area::Acknowledgement,
    ]
    .map(odd);
    assert_eq!(b.machine.apply_shared(&entries, 0), 4);
}
