//! A manager of rules for tests: a recording rule, an alert that fires, one that is pending.

use bellwether_model::Alert;
use bellwether_rules::{
    AlertSink, GroupSettings, Manager, ManagerParts, RuleKind, RuleOptions, RuleSettings,
    Surroundings,
};
use bellwether_storage::Clock;

use super::*;

/// A wall clock that goes as tokio's time does, which tests pause.
#[derive(Debug)]
pub(super) struct TokioClock(pub(super) tokio::time::Instant);

impl Clock for TokioClock {
    fn now_ms(&self) -> i64 {
        NOW_MS + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

#[derive(Debug)]
struct Nobody;

impl AlertSink for Nobody {
    fn send(&self, _: Vec<Alert>) {}
}

fn alert(name: &str, expr: &str, for_ms: i64) -> RuleSettings {
    RuleSettings {
        kind: RuleKind::Alert {
            name: name.to_owned(),
            for_ms,
            keep_firing_for_ms: 0,
            annotations: vec![("summary".to_owned(), "{{ $labels.job }} is slow".to_owned())],
        },
        expr: expr.to_owned(),
        labels: vec![("severity".to_owned(), "page".to_owned())],
        line: 3,
    }
}

/// The one group of [`manager`].
pub(super) fn group() -> GroupSettings {
    let record = RuleSettings {
        kind: RuleKind::Record {
            name: "job:requests:sum".to_owned(),
        },
        expr: "sum by (job) (http_requests_total)".to_owned(),
        labels: Vec::new(),
        line: 2,
    };
    let wrong = RuleSettings {
        kind: RuleKind::Record {
            name: "wrong".to_owned(),
        },
        expr: "http_requests_total * on () http_requests_total".to_owned(),
        ..record.clone()
    };
    GroupSettings {
        file: "rules.yml".into(),
        name: "g".to_owned(),
        interval_ms: 10_000,
        query_offset_ms: None,
        limit: 0,
        labels: Vec::new(),
        rules: vec![
            record,
            wrong,
            alert("Many", "http_requests_total > 80", 0),
            alert("Waits", "http_requests_total > 70", 3_600_000),
        ],
    }
}

/// Evaluates [`group`] once, over these services. Time must be paused.
pub(super) async fn manager(services: &Services) -> Manager {
    let manager = Manager::new(ManagerParts {
        store: Arc::clone(&services.store),
        engine: Arc::clone(&services.engine),
        clock: Arc::new(TokioClock(tokio::time::Instant::now())),
        sink: Arc::new(Nobody),
        state: Arc::new(MemoryStateStore::default()),
        timeline: Arc::clone(&services.alerting.timeline),
        evidence: None,
        registry: Registry::new(),
        options: RuleOptions::default(),
    })
    .unwrap();
    manager
        .apply(vec![group()], Surroundings::default())
        .await
        .unwrap();
    let is_evaluated = || {
        let groups = manager.groups();
        groups
            .iter()
            .all(|group| group.last_evaluation_ms.is_some())
    };
    while !is_evaluated() {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    manager
}
