//! The map over a store with the series of a small system.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bellwether_health::{EntityFact, EntityId, EntityKind, FactSource, HealthState};
use bellwether_model::Labels;
use bellwether_promql::{Engine, EngineOptions};
use bellwether_storage::{
    Clock as _, ManualClock, MemoryStateStore, MemoryStore, MetricStore, Selection, SeriesHandle,
    SeriesWriter, Source, StorageError, StoreLayer,
};
use parking_lot::Mutex;

use crate::{Entities, EntitiesParts, FactSources, ScrapedTarget};

#[derive(Debug, Default)]
struct Sources(Mutex<(Vec<EntityFact>, Vec<ScrapedTarget>)>);

impl FactSources for Sources {
    fn probes(&self) -> Vec<EntityFact> {
        self.0.lock().0.clone()
    }

    fn targets(&self) -> Vec<ScrapedTarget> {
        self.0.lock().1.clone()
    }
}

/// Name, labels, value.
type Line<'a> = (&'a str, &'a [(&'a str, &'a str)], f64);

struct World {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    sources: Arc<Sources>,
    state: Arc<MemoryStateStore>,
}

impl World {
    fn new() -> Self {
        Self {
            store: Arc::new(MemoryStore::new()),
            clock: Arc::new(ManualClock::new(1_000_000)),
            sources: Arc::default(),
            state: Arc::default(),
        }
    }

    fn entities(&self) -> Entities {
        Entities::new(EntitiesParts {
            store: Arc::clone(&self.store) as _,
            engine: Arc::new(Engine::new(EngineOptions::default())),
            state: Arc::clone(&self.state) as _,
            clock: Arc::clone(&self.clock) as _,
            sources: Arc::clone(&self.sources) as _,
        })
        .unwrap()
    }

    /// Writes `name{labels} value` lines of one process, at the time of the clock.
    fn write(&self, lines: &[Line<'_>]) {
        let mut writer = SeriesWriter::new(Source::new("test"));
        let process = [("job", "agent"), ("instance", "a:1")];
        let samples = lines.iter().map(|(name, labels, value)| {
            let own = labels.iter().copied().chain(process);
            let pairs = own.chain([("__name__", *name)]);
            (Labels::from_pairs(pairs), *value)
        });
        writer
            .write(self.store.as_ref(), self.clock.now_ms(), samples)
            .unwrap();
    }
}

fn id(text: &str) -> EntityId {
    EntityId::parse(text).unwrap()
}

#[test]
fn a_provider_that_fails_explains_the_daemon_that_calls_it() {
    let world = World::new();
    let entities = world.entities();
    let calls = |good: f64, bad: f64| {
        let base: &[(&str, &str)] = &[
            ("gen_ai_provider_name", "openai"),
            ("gen_ai_request_model", "gpt-x"),
        ];
        let failed: Vec<(&str, &str)> = base
            .iter()
            .copied()
            .chain([("error_type", "server")])
            .collect();
        let name = "gen_ai_client_operation_duration_seconds_count";
        world.write(&[
            (name, base, good),
            (name, &failed, bad),
            ("health_state", &[("state", "degraded")], 1.0),
            ("health_state", &[("state", "up")], 0.0),
            (
                "health_probe_state",
                &[("probe", "llm"), ("state", "down")],
                1.0,
            ),
            ("worker_pool_workers", &[("pool", "chat")], 2.0),
            ("pg_up", &[], 0.0),
        ]);
    };
    world.sources.0.lock().1 = vec![ScrapedTarget {
        labels: Labels::from_pairs([("job", "agent"), ("instance", "a:1")]),
        state: HealthState::Up,
        error: String::new(),
    }];
    calls(0.0, 0.0);
    world.clock.set(world.clock.now_ms() + 60_000);
    calls(100.0, 900.0);
    entities.refresh();
    let of = |name: &str| entities.get(&id(name)).unwrap_or_else(|| panic!("{name}"));
    let provider = of("provider/openai");
    assert_eq!(provider.state, HealthState::Down);
    assert!(
        provider.reason.contains("mostly with server"),
        "{}",
        provider.reason
    );
    assert_eq!(of("model/openai/gpt-x").caused_by, [id("provider/openai")]);
    let daemon = of("daemon/agent/a:1");
    assert_eq!(
        (daemon.state, daemon.reason.as_str()),
        (HealthState::Degraded, "llm is down")
    );
    assert_eq!(daemon.caused_by, [id("provider/openai")]);
    assert_eq!(
        daemon.depends_on,
        [id("provider/openai"), id("pool/agent/a:1/chat")]
    );
    assert_eq!(of("pool/agent/a:1/chat").state, HealthState::Up);
    assert_eq!(of("database/agent/a:1").state, HealthState::Down);
    let engine = Engine::new(EngineOptions::default());
    let query = r#"bellwether_entity_state{entity="provider/openai", state="down"} == 1"#;
    let found = engine.instant(
        world.store.as_ref(),
        query,
        world.clock.now_ms(),
        &bellwether_promql::QueryRequest::default(),
    );
    assert!(format!("{:?}", found.unwrap().value).contains("provider/openai"));
    // After a restart it is down since then, and not since the restart.
    let since_ms = provider.since_ms;
    world.clock.set(world.clock.now_ms() + 1_000);
    let again = world.entities();
    again.refresh();
    assert_eq!(
        again.get(&id("provider/openai")).unwrap().since_ms,
        since_ms
    );
}

#[test]
fn targets_are_what_they_say_or_show() {
    let world = World::new();
    let entities = world.entities();
    let target = |labels: &[(&str, &str)], state| ScrapedTarget {
        labels: Labels::from_pairs(labels.iter().copied()),
        state,
        error: "connection refused".to_owned(),
    };
    world.write(&[("node_uname_info", &[("nodename", "rack-1")], 1.0)]);
    world.sources.0.lock().1 = vec![
        target(&[("job", "agent"), ("instance", "a:1")], HealthState::Up),
        target(&[("job", "web"), ("instance", "b:1")], HealthState::Down),
        target(
            &[
                ("job", "web"),
                ("instance", "c:1"),
                ("entity", "database/users"),
            ],
            HealthState::Down,
        ),
    ];
    let mut probe = EntityFact {
        entity: EntityId::new(EntityKind::Service, "web/b:1"),
        source: FactSource::Probe,
        from: "front".to_owned(),
        state: HealthState::Up,
        reason: String::new(),
        depends_on: vec![id("database/users")],
        labels: Vec::new(),
    };
    world.sources.0.lock().0 = vec![probe.clone()];
    entities.refresh();
    let of = |name: &str| entities.get(&id(name)).unwrap_or_else(|| panic!("{name}"));
    assert_eq!(of("host/rack-1").state, HealthState::Up);
    assert_eq!(of("service/web/b:1").state, HealthState::Degraded);
    assert_eq!(
        of("database/users").reason,
        "it cannot be scraped: connection refused"
    );
    probe.state = HealthState::Down;
    world.sources.0.lock().0 = vec![probe];
    entities.refresh();
    assert_eq!(of("service/web/b:1").caused_by, [id("database/users")]);
    assert_eq!(entities.all().len(), 3);
}

/// A host, and a daemon: down, they are still what they were, also after a restart.
#[test]
fn what_stops_answering_is_still_what_it_was() {
    let world = World::new();
    let target = |job: &str, state| ScrapedTarget {
        labels: Labels::from_pairs([("job", job), ("instance", "a:1")]),
        state,
        error: "connection refused".to_owned(),
    };
    let show = |value: f64| {
        let mut writer = SeriesWriter::new(Source::new("test"));
        let series = |name: &str, job: &str| {
            let pairs = [
                ("__name__", name),
                ("job", job),
                ("instance", "a:1"),
                ("nodename", "rack-1"),
            ];
            (Labels::from_pairs(pairs), value)
        };
        let samples = [
            series("node_uname_info", "node"),
            series("health_state", "agent"),
        ];
        writer
            .write(world.store.as_ref(), world.clock.now_ms(), samples)
            .unwrap();
    };
    let all = |state| vec![target("node", state), target("agent", state)];
    show(1.0);
    world.sources.0.lock().1 = all(HealthState::Up);
    let entities = world.entities();
    entities.refresh();
    world.clock.set(world.clock.now_ms() + 15_000);
    // A failed scrape ends the series of its target.
    show(bellwether_model::STALE_NAN);
    world.sources.0.lock().1 = all(HealthState::Down);
    let check = |entities: &Entities| {
        entities.refresh();
        for name in ["host/rack-1", "daemon/agent/a:1"] {
            let entity = entities.get(&id(name)).unwrap_or_else(|| panic!("{name}"));
            assert_eq!(entity.state, HealthState::Down, "{name}");
        }
        assert_eq!(entities.all().len(), 2);
    };
    check(&entities);
    check(&world.entities());
}

/// A store that answers no question when it is told so.
#[derive(Debug)]
struct Busy {
    inner: Arc<MemoryStore>,
    is_busy: AtomicBool,
}

impl StoreLayer for Busy {
    fn inner(&self) -> &dyn MetricStore {
        self.inner.as_ref()
    }

    fn select(
        &self,
        selection: &Selection<'_>,
    ) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        match self.is_busy.load(Ordering::Relaxed) {
            true => Err(StorageError::Unavailable("busy".to_owned())),
            false => self.inner.select(selection),
        }
    }
}

#[test]
fn a_store_that_cannot_be_asked_changes_nothing_that_is_known() {
    let world = World::new();
    let store = Arc::new(Busy {
        inner: Arc::clone(&world.store),
        is_busy: AtomicBool::new(false),
    });
    let entities = Entities::new(EntitiesParts {
        store: Arc::clone(&store) as _,
        engine: Arc::new(Engine::new(EngineOptions::default())),
        state: Arc::clone(&world.state) as _,
        clock: Arc::clone(&world.clock) as _,
        sources: Arc::clone(&world.sources) as _,
    })
    .unwrap();
    world.write(&[("pg_up", &[], 0.0)]);
    entities.refresh();
    let database = id("database/agent/a:1");
    let before = entities.get(&database).unwrap();
    assert_eq!(before.state, HealthState::Down);
    store.is_busy.store(true, Ordering::Relaxed);
    world.clock.set(world.clock.now_ms() + 15_000);
    entities.refresh();
    assert_eq!(entities.get(&database), Some(before));
    // Asked again, it has nothing to say any more: now it is gone.
    store.is_busy.store(false, Ordering::Relaxed);
    world.clock.set(world.clock.now_ms() + 3_600_000);
    entities.refresh();
    assert_eq!(entities.get(&database), None);
}
