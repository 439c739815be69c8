//! Asks all sources again and again, and makes one map of what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use bellwether_health::{Entity, EntityFact, EntityId, EntityMap, FactSource, HealthState};
use bellwether_model::Labels;
use bellwether_promql::Engine;
use bellwether_storage::{Clock, MetricStore, SeriesWriter, Source, StateStore, StorageError};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::ask::{Ask, process_labels, process_name};
use crate::identity::Identities;
use crate::{ENTITIES_MAX, REFRESH, REFRESH_MIN, health, memory, traffic};

/// Says what an entity is where a target knows it: `kind/name`.
const ENTITY_LABEL: &str = "entity";

/// What those know who are not asked through the store.
pub trait FactSources: Send + Sync + Debug {
    /// What probes say.
    fn probes(&self) -> Vec<EntityFact>;

    /// What is scraped.
    fn targets(&self) -> Vec<ScrapedTarget>;
}

/// A target that is scraped.
#[derive(Debug, Clone)]
pub struct ScrapedTarget {
    /// Labels of its series.
    pub labels: Labels,
    /// How the last scrape went.
    pub state: HealthState,
    /// Why it failed, or empty.
    pub error: String,
}

/// What [`Entities`] are made of.
#[derive(Debug)]
pub struct EntitiesParts {
    /// What is asked, and where the series of entities go.
    pub store: Arc<dyn MetricStore>,
    /// Asks it.
    pub engine: Arc<Engine>,
    /// Where states are kept over restarts.
    pub state: Arc<dyn StateStore>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Who else knows something.
    pub sources: Arc<dyn FactSources>,
}

/// The map of entities. Clones are the same.
#[derive(Debug, Clone)]
pub struct Entities(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: EntitiesParts,
    /// Held while the map is made: one after another.
    making: Mutex<Making>,
    known: watch::Sender<Arc<Vec<Entity>>>,
    /// Somebody knows something new.
    news: Notify,
}

#[derive(Debug)]
struct Making {
    map: EntityMap,
    series: SeriesWriter,
    /// What was told last, so that it is told once.
    told: BTreeSet<String>,
    identities: Identities,
    /// What health checks and traffic said when they could last be asked.
    health: Vec<EntityFact>,
    traffic: Vec<EntityFact>,
}

impl Entities {
    /// An empty map, which knows how entities were before.
    ///
    /// # Errors
    /// Where what is kept over restarts cannot be read.
    pub fn new(parts: EntitiesParts) -> Result<Self, StorageError> {
        let before = memory::read(parts.state.as_ref())?;
        Ok(Self(Arc::new(Inner {
            parts,
            making: Mutex::new(Making {
                map: EntityMap::resumed(before),
                series: SeriesWriter::new(Source::new("entities")),
                told: BTreeSet::new(),
                identities: Identities::default(),
                health: Vec::new(),
                traffic: Vec::new(),
            }),
            known: watch::Sender::new(Arc::default()),
            news: Notify::new(),
        })))
    }

    /// Makes the map anew every [`REFRESH`] and when there is news, until it is dropped. The first one at once.
    pub async fn run(&self) {
        let mut turns = interval(REFRESH);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = turns.tick() => {}
                () = self.0.news.notified() => turns.reset(),
            }
            let own = self.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || own.refresh()).await {
                tracing::error!("the map of entities could not be made: {error}");
            }
            sleep(REFRESH_MIN).await;
        }
    }

    /// Says that somebody knows something new: the map is made anew soon.
    pub fn wake(&self) {
        self.0.news.notify_one();
    }

    /// All entities as they were made last, by kind and name.
    #[must_use]
    pub fn all(&self) -> Arc<Vec<Entity>> {
        Arc::clone(&self.0.known.borrow())
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, id: &EntityId) -> Option<Entity> {
        let all = self.all();
        let at = all.binary_search_by(|entity| entity.id.cmp(id)).ok()?;
        all.get(at).cloned()
    }

    /// Tells when the map was made anew.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Arc<Vec<Entity>>> {
        self.0.known.subscribe()
    }

    /// Makes the map anew. Blocks.
    pub fn refresh(&self) {
        let mut making = self.0.making.lock();
        let parts = &self.0.parts;
        let now_ms = parts.clock.now_ms();
        let mut ask = Ask {
            store: parts.store.as_ref(),
            engine: parts.engine.as_ref(),
            now_ms,
            failures: BTreeMap::new(),
        };
        let Making {
            map,
            series,
            told,
            identities,
            health,
            traffic,
        } = &mut *making;
        let mut facts = parts.sources.probes();
        let targets = parts.sources.targets();
        let processes = targets.iter().map(|it| process_name(&it.labels)).collect();
        // What cannot be asked now is as it was when it last could: silence is no news. The failure is told below.
        identities.learn(&processes, &mut ask).ok();
        facts.extend(scrapes(targets, identities));
        if let Ok(now) = health::facts(&mut ask) {
            *health = now;
        }
        if let Ok(now) = traffic::facts(&mut ask) {
            *traffic = now;
        }
        facts.extend(health.iter().chain(&*traffic).cloned());
        let left_out = bound(&mut facts);
        let mut problems: BTreeSet<String> = ask
            .failures
            .into_iter()
            .map(|(query, error)| format!("{query}: {error}"))
            .collect();
        let changes = map.update(facts, now_ms);
        problems.extend(changes.problems);
        if left_out > 0 {
            problems.insert(format!(
                "{left_out} entities are left out: there are at most {ENTITIES_MAX}"
            ));
        }
        let samples = map.entities().flat_map(samples_of);
        if let Err(error) = series.write(parts.store.as_ref(), now_ms, samples) {
            problems.insert(format!("the series of entities are not stored: {error}"));
        }
        let changed: BTreeSet<&EntityId> = changes.changed.iter().collect();
        let changed: Vec<&Entity> = map
            .entities()
            .filter(|it| changed.contains(&it.id))
            .collect();
        if let Err(error) = memory::remember(parts.state.as_ref(), &changed, &changes.gone) {
            problems.insert(format!("the states of entities are not kept: {error}"));
        }
        for problem in problems.difference(told) {
            tracing::warn!("{problem}");
        }
        *told = problems;
        let entities = Arc::new(map.entities().cloned().collect());
        self.0.known.send_replace(entities);
    }
}

/// Leaves out the facts of entities beyond the limit; gives how many of those there are. What somebody has configured
/// comes before what services call themselves.
fn bound(facts: &mut Vec<EntityFact>) -> usize {
    let ids: BTreeSet<&EntityId> = facts.iter().map(|it| &it.entity).collect();
    let Some(left_out @ 1..) = ids.len().checked_sub(ENTITIES_MAX) else {
        return 0;
    };
    let order = [
        FactSource::Probe,
        FactSource::Scrape,
        FactSource::Health,
        FactSource::Traffic,
    ];
    let mut kept: BTreeSet<EntityId> = BTreeSet::new();
    for source in order {
        for fact in facts.iter().filter(|it| it.source == source) {
            if kept.len() < ENTITIES_MAX {
                kept.insert(fact.entity.clone());
            }
        }
    }
    facts.retain(|it| kept.contains(&it.entity));
    left_out
}

/// What scrapes say. A target is what its label says, or else what it has shown to be.
fn scrapes(targets: Vec<ScrapedTarget>, identities: &Identities) -> Vec<EntityFact> {
    let fact = |target: ScrapedTarget| {
        let name = process_name(&target.labels);
        let said = target.labels.get(ENTITY_LABEL).and_then(EntityId::parse);
        EntityFact {
            entity: said.unwrap_or_else(|| identities.of(&name)),
            source: FactSource::Scrape,
            from: name,
            state: target.state,
            reason: match target.state {
                HealthState::Down => format!("it cannot be scraped: {}", target.error),
                HealthState::Unknown => "not scraped yet".to_owned(),
                _ => String::new(),
            },
            depends_on: Vec::new(),
            labels: process_labels(&target.labels),
        }
    };
    let named = targets
        .into_iter()
        .filter(|it| !process_name(&it.labels).is_empty());
    named.map(fact).collect()
}

/// The series of an entity: 1 for the state that is, 0 for the others; and one for each cause.
fn samples_of(entity: &Entity) -> Vec<(Labels, f64)> {
    let id = entity.id.to_string();
    let own = [
        (ENTITY_LABEL, id.as_str()),
        ("kind", entity.id.kind.as_str()),
    ];
    let mut samples = Vec::with_capacity(HealthState::ALL.len() + entity.caused_by.len());
    for state in HealthState::ALL {
        let pairs = [
            ("__name__", "bellwether_entity_state"),
            ("state", state.as_str()),
        ];
        let labels = Labels::from_pairs(pairs.into_iter().chain(own));
        samples.push((labels, f64::from(u8::from(state == entity.state))));
    }
    for cause in &entity.caused_by {
        let cause = cause.to_string();
        let pairs = [
            ("__name__", "bellwether_entity_caused_by"),
            ("cause", cause.as_str()),
        ];
        samples.push((Labels::from_pairs(pairs.into_iter().chain(own)), 1.0));
    }
    samples
}
