//! Probes on a schedule, against sockets that come and go.

use std::sync::Arc;
use std::time::Duration;

use bellwether_health::{EntityId, EntityKind, HealthState, Thresholds};
use bellwether_model::Matcher;
use bellwether_model::TimeRange;
use bellwether_storage::{
    Clock as _, MemoryStateStore, MemoryStore, MetricStore as _, Samples, Selection,
    SelectionHints, StateStore, SystemClock,
};
use tokio::net::TcpListener;

use super::{MaintenanceSettings, ProbeSettings, Watcher, WatcherParts};
use crate::module::TcpSettings;
use crate::tests::kit::hold_port;
use crate::{Module, Prober};

fn settings(name: &str, target: &str, depends_on: &[&str]) -> ProbeSettings {
    ProbeSettings {
        name: name.to_owned(),
        module_name: "tcp_connect".to_owned(),
        module: Arc::new(Module::new(Prober::Tcp(TcpSettings::default()))),
        target: target.to_owned(),
        interval: Duration::from_millis(100),
        // Longer than any check takes: what is asked for is why it fails.
        timeout: Duration::from_secs(10),
        thresholds: Thresholds {
            failure: 2,
            success: 1,
        },
        depends_on: depends_on.iter().map(|it| (*it).to_owned()).collect(),
        entity: EntityId::new(EntityKind::Service, name),
        labels: vec![("team".to_owned(), "core".to_owned())],
        public: None,
        fingerprint: format!("{name} {target}"),
    }
}

fn watcher(store: &Arc<MemoryStore>, state: &Arc<dyn StateStore>) -> Watcher {
    Watcher::new(WatcherParts {
        store: Arc::clone(store) as _,
        state: Arc::clone(state),
        clock: Arc::new(SystemClock),
    })
    .unwrap()
}

async fn until(watcher: &Watcher, name: &str, state: HealthState) {
    let reached = async {
        while watcher.status(name).unwrap().state != state {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), reached)
        .await
        .unwrap_or_else(|_| panic!("{name} did not become {state}"));
}

/// The samples of `probe_success` of a probe, stale ones as NaN.
fn successes(store: &MemoryStore, probe: &str) -> Vec<f64> {
    let matchers = [
        Matcher::equal("__name__", "probe_success"),
        Matcher::equal("probe", probe),
        Matcher::equal("team", "core"),
        Matcher::equal("job", "probes"),
        Matcher::equal("entity", format!("service/{probe}")),
    ];
    let range = TimeRange::new(0, i64::MAX);
    let selection = Selection {
        matchers: &matchers,
        range,
        hints: SelectionHints::default(),
    };
    let mut out = Samples::default();
    for series in store.select(&selection).unwrap() {
        series.read(range, &mut out).unwrap();
    }
    out.values
}

#[tokio::test]
async fn a_target_goes_down_and_up_and_explains_what_depends_on_it() {
    let (store, state) = (
        Arc::new(MemoryStore::new()),
        Arc::new(MemoryStateStore::default()) as Arc<dyn StateStore>,
    );
    let held = hold_port();
    let address = held.local_addr().unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    let target = address.to_string();
    let watcher = watcher(&store, &state);
    let probes = || {
        vec![
            settings("db", &target, &[]),
            settings("web", &target, &["db"]),
        ]
    };
    watcher.apply(probes(), Vec::new());
    assert_eq!(watcher.status("db").unwrap().reason, "not checked yet");
    until(&watcher, "web", HealthState::Up).await;
    until(&watcher, "db", HealthState::Up).await;
    drop(listener);
    until(&watcher, "web", HealthState::Down).await;
    until(&watcher, "db", HealthState::Down).await;
    let web = watcher.status("web").unwrap();
    assert_eq!(web.caused_by, ["db"]);
    assert!(web.reason.contains("refused"), "{}", web.reason);
    assert!(web.failures >= 2 && web.last_failure.is_some());
    let fact = watcher.facts().remove(1);
    assert_eq!(fact.depends_on, [EntityId::new(EntityKind::Service, "db")]);
    let since_ms = web.since_ms;
    // A reload that changes nothing, and one that takes a probe away.
    watcher.apply(probes(), Vec::new());
    assert_eq!(watcher.status("web").unwrap().since_ms, since_ms);
    assert!(!watcher.status("web").unwrap().history.is_empty());
    watcher.apply(vec![settings("web", &target, &[])], Vec::new());
    assert!(watcher.status("db").is_none());
    let values = successes(&store, "db");
    assert!(values.contains(&1.0) && values.contains(&0.0), "{values:?}");
    assert!(values.last().unwrap().is_nan(), "{values:?}");
    // After a restart it is known since when.
    watcher.shutdown().await;
    let again = self::watcher(&store, &state);
    again.apply(vec![settings("web", &target, &[])], Vec::new());
    until(&again, "web", HealthState::Down).await;
    assert_eq!(again.status("web").unwrap().since_ms, since_ms);
    let _listener = TcpListener::bind(address).await.unwrap();
    until(&again, "web", HealthState::Up).await;
    assert!(again.status("web").unwrap().reason.is_empty());
    again.shutdown().await;
}

#[tokio::test]
async fn maintenance_is_told_and_changes_no_state() {
    let (store, state) = (
        Arc::new(MemoryStore::new()),
        Arc::new(MemoryStateStore::default()) as Arc<dyn StateStore>,
    );
    let watcher = watcher(&store, &state);
    let now_ms = SystemClock.now_ms();
    let window = MaintenanceSettings {
        reason: "move to the new rack".to_owned(),
        probes: vec!["d*".to_owned()],
        start_ms: now_ms - 1_000,
        end_ms: now_ms + 60_000,
        every_ms: None,
    };
    watcher.apply(vec![settings("db", "127.0.0.1:1", &[])], vec![window]);
    until(&watcher, "db", HealthState::Down).await;
    let status = watcher.status("db").unwrap();
    assert_eq!(status.maintenance.as_deref(), Some("move to the new rack"));
    let looked = watcher.look("db").await.unwrap();
    assert!(!looked.success);
    assert!(watcher.look("nobody").await.is_none());
    watcher.shutdown().await;
}
