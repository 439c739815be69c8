use bellwether_storage::{ManualClock, MemoryStateStore, MemoryStore, MemoryTimeline};
use bellwether_telemetry::Registry;

use super::*;
use crate::testing::{Sent, alerting, engine, group, labels, recording, series};
use crate::{ManagerParts, RuleOptions, Surroundings};

fn manager(store: &Arc<MemoryStore>) -> Manager {
    Manager::new(ManagerParts {
        store: Arc::<MemoryStore>::clone(store),
        engine: engine(),
        clock: Arc::new(ManualClock::new(0)),
        sink: Arc::new(Sent::default()),
        state: Arc::new(MemoryStateStore::default()),
        timeline: Arc::new(MemoryTimeline::default()),
        evidence: None,
        registry: Registry::default(),
        options: RuleOptions::default(),
    })
    .unwrap()
}

async fn with_rules(store: &Arc<MemoryStore>) -> Manager {
    let manager = manager(store);
    let mut critical = alerting("Slow", "lag > 9", 0);
    critical.labels = vec![("severity".to_owned(), "critical".to_owned())];
    let groups = vec![group(
        "g",
        vec![
            recording("job:lag:max", "max by (job) (lag)", &[]),
            alerting("Down", "up == 0", 120_000),
            alerting("Slow", "lag > 5", 0),
            critical,
            alerting("NoLag", "absent(job:lag:max{job=\"a\"})", 60_000),
            alerting("Anyway", "lag < 100", 0),
        ],
    )];
    let surroundings = Surroundings {
        external_url: "http://here".to_owned(),
        ..Surroundings::default()
    };
    manager.apply(groups, surroundings).await.unwrap();
    manager
}

fn described(name: &str, pairs: &[(&str, &str)]) -> Described {
    Described {
        name: name.to_owned(),
        labels: labels(pairs),
        annotations: labels(&[("who", "me")]),
        value: 7.0,
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_made_as_its_rule_makes_it() {
    let manager = with_rules(&Arc::new(MemoryStore::new())).await;
    let made = manager
        .make_alert(&described("Down", &[("job", "a")]), 5)
        .unwrap();
    let [alert] = made.as_slice() else {
        panic!("{made:?}")
    };
    let want = [("alertname", "Down"), ("job", "a"), ("severity", "page")];
    assert_eq!(alert.labels, labels(&want));
    let want = [("summary", "a has 7"), ("who", "me")];
    assert_eq!(alert.annotations, labels(&want));
    assert_eq!(alert.for_ms, 120_000);
    assert_eq!(
        alert.generator_url,
        "http://here/graph?g0.expr=up+%3D%3D+0&g0.tab=1"
    );
    // Two rules of one name, of which a label can choose.
    let both = manager.make_alert(&described("Slow", &[]), 5).unwrap();
    assert_eq!(both.len(), 2);
    let one = manager
        .make_alert(&described("Slow", &[("severity", "critical")]), 5)
        .unwrap();
    assert_eq!(one.len(), 1);
    let error = |name: &str, pairs: &[(&str, &str)]| {
        let made = manager.make_alert(&described(name, pairs), 5);
        made.unwrap_err().to_string()
    };
    assert_eq!(
        error("Down", &[("severity", "low")]),
        "label severity=\"low\" cannot be: the rule says severity=\"page\""
    );
    assert_eq!(
        error("Slwo", &[]),
        "there is no alerting rule \"Slwo\": did you mean Slow?"
    );
    assert!(error("xyz", &[]).ends_with("there are Anyway, Down, NoLag, Slow"));
    manager.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_causes_what_it_causes() {
    let store = Arc::new(MemoryStore::new());
    for step in 0..400 {
        for job in ["a", "b"] {
            let instance = ("instance", "1");
            for (metric, value) in [("up", 1.0), ("lag", 1.0)] {
                let labels = labels(&[(METRIC_NAME, metric), ("job", job), instance]);
                store.insert(&labels, step * 10_000, value);
            }
        }
    }
    let manager = with_rules(&store).await;
    let before = (series(store.as_ref(), "up"), series(store.as_ref(), "lag"));
    let outage = |job: &str| Outage {
        targets: vec![vec![Matcher::equal("job", job)]],
        from_ms: 1_000_000,
        to_ms: 1_000_000 + 900_000,
        features: Features::default(),
        cancel: CancelToken::default(),
    };
    let found = manager.outage(&outage("a")).unwrap();
    assert_eq!(found.targets, [labels(&[("job", "a"), ("instance", "1")])]);
    let caused: Vec<(&str, Option<i64>)> = found
        .caused
        .iter()
        .map(|caused| {
            let name = caused.alert.labels.get("alertname").unwrap();
            let fired_ms = caused.fired_after_ms;
            (name, fired_ms.map(|ms| ms / 10_000 * 10))
        })
        .collect();
    // Down after its `for`; the recorded metric ends at once, and is missed after a minute.
    assert_eq!(caused, [("NoLag", Some(60)), ("Down", Some(120))]);
    assert!(found.caused.iter().all(|c| c.ended_after_ms.is_none()));
    let target = &found.targets[0];
    let both = [target.clone(), labels(&[("job", "b"), ("instance", "1")])];
    // NoLag has the job of its selector; what has neither label tells of a target that is down alone.
    assert!(found.caused.iter().all(|c| c.tells_of(target, &both)));
    assert!(!found.caused[1].tells_of(&both[1], &both));
    let mut nameless = found.caused[1].clone();
    nameless.alert.labels = labels(&[("alertname", "Any")]);
    assert!(nameless.tells_of(target, &found.targets));
    assert!(!nameless.tells_of(target, &both));
    let down = &found.caused[1].alert;
    assert_eq!(down.annotations.get("summary"), Some("a has 0"));
    // Of the other target, and of this one until the outage it is the same with it and without.
    assert_eq!(found.anyway_count, 1);
    assert_eq!(found.lost.len(), 1);
    assert_eq!(found.failed, []);
    let after = (series(store.as_ref(), "up"), series(store.as_ref(), "lag"));
    assert_eq!(before, after);

    let error = manager.outage(&outage("c")).unwrap_err().to_string();
    assert_eq!(
        error,
        "no series up matches {job=\"c\"} at any time of the outage: there are a/1, b/1"
    );
    let mut long = outage("a");
    long.from_ms = long.to_ms - OUTAGE_MS_MAX - 1;
    assert!(manager.outage(&long).is_err());
    let cancelled = outage("a");
    cancelled.cancel.cancel();
    let error = manager.outage(&cancelled).unwrap_err().to_string();
    assert_eq!(error, "the evaluation took too long, or was cancelled");
    manager.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_fired_at_another_time_is_caused_all_the_same() {
    let store = Arc::new(MemoryStore::new());
    for step in 0..400 {
        // It was really down for four minutes, long before the end.
        let is_down = (150..174).contains(&step);
        let target = [("job", "a"), ("instance", "1")];
        let up = labels(&[(METRIC_NAME, "up"), target[0], target[1]]);
        store.insert(&up, step * 10_000, if is_down { 0.0 } else { 1.0 });
        // Another one, which is up, tells of something by the same zone.
        let other = [("job", "kube"), ("instance", "2"), ("zone", "z")];
        for (metric, value) in [("up", 1.0), ("lag", 9.0)] {
            let series = labels(&[(METRIC_NAME, metric), other[0], other[1], other[2]]);
            store.insert(&series, step * 10_000, value);
        }
    }
    let manager = with_rules(&store).await;
    let outage = |name: &str, value: &str| Outage {
        targets: vec![vec![Matcher::equal(name, value)]],
        from_ms: 1_000_000,
        to_ms: 3_900_000,
        features: Features::default(),
        cancel: CancelToken::default(),
    };
    let found = manager.outage(&outage("job", "a")).unwrap();
    let down = found.caused.iter().find(|caused| {
        let name = caused.alert.labels.get("alertname");
        name == Some("Down")
    });
    let down = down.expect("the outage is noticed");
    assert_eq!(down.fired_after_ms.map(|ms| ms / 10_000), Some(12));
    // Of the other target everything goes on.
    assert!(found.lost.is_empty(), "{:?}", found.lost);
    manager.stop().await;
}
