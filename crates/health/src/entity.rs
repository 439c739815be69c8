//! Entities: things that have health, and what several sources say of them.
//!
//! ## Model
//! A source states [`EntityFact`]s; an [`EntityMap`] makes one [`Entity`] of all facts about one thing. A fact that is
//! down makes it down, but for the scrape of a target: where something else says that the thing works, what
//! cannot be scraped is degraded. What says nothing (unknown) counts only where nobody says anything.
//!
//! ## Invariants
//! Dependencies never run in a circle: an edge that would close one is left out, and told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::graph::{Graph, GraphError};
use crate::state::HealthState;

/// What an entity is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntityKind {
    /// A server of the AI service itself: an agent, a WebSocket or MCP daemon.
    Daemon,
    /// Who runs models: `openai`, `anthropic`, one's own vLLM.
    Provider,
    /// A model of a provider.
    Model,
    /// A tool that models call.
    Tool,
    /// A pool of workers.
    Pool,
    /// A machine.
    Host,
    /// A database, cache or queue.
    Database,
    /// Any other thing that answers.
    Service,
}

impl EntityKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Daemon,
        Self::Provider,
        Self::Model,
        Self::Tool,
        Self::Pool,
        Self::Host,
        Self::Database,
        Self::Service,
    ];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Provider => "provider",
            Self::Model => "model",
            Self::Tool => "tool",
            Self::Pool => "pool",
            Self::Host => "host",
            Self::Database => "database",
            Self::Service => "service",
        }
    }

    /// The kind that is written so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Which entity: `provider/openai`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId {
    /// What it is.
    pub kind: EntityKind,
    /// What it is called; not empty.
    pub name: String,
}

impl EntityId {
    /// An entity by kind and name.
    #[must_use]
    pub fn new(kind: EntityKind, name: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }

    /// Reads `kind/name`; the name may hold further slashes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        let kind = EntityKind::parse(kind)?;
        (!name.is_empty()).then(|| Self::new(kind, name))
    }
}

impl fmt::Display for EntityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.name)
    }
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FactSource {
    /// A probe from outside.
    Probe,
    /// The health checks of the service itself.
    Health,
    /// What became of real requests.
    Traffic,
    /// Whether it can be scraped.
    Scrape,
}

impl FactSource {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Health => "health",
            Self::Traffic => "traffic",
            Self::Scrape => "scrape",
        }
    }
}

/// What one source says of one entity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityFact {
    /// Of which.
    pub entity: EntityId,
    /// Who says it.
    pub source: FactSource,
    /// What of the source: the name of a probe, a target.
    pub from: String,
    /// How it is.
    pub state: HealthState,
    /// Why; empty where there is nothing to say.
    pub reason: String,
    /// What the entity depends on, as this source knows it.
    pub depends_on: Vec<EntityId>,
    /// Labels that its series have, to find them by; may be empty.
    pub labels: Vec<(String, String)>,
}

/// How a thing is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entity {
    /// Which.
    pub id: EntityId,
    /// How it is.
    pub state: HealthState,
    /// Why; empty where it is up.
    pub reason: String,
    /// Since when it is so, ms since 1970.
    pub since_ms: i64,
    /// What it depends on.
    pub depends_on: Vec<EntityId>,
    /// What explains its state: what it depends on, directly or not, and that is as bad with nothing behind it that
    /// is. Empty where it is up or the cause is its own.
    pub caused_by: Vec<EntityId>,
    /// What is said of it.
    pub facts: Vec<EntityFact>,
}

/// What an update gave besides the entities.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EntityMapParts {
    /// Entities whose state is another than before, or that are new.
    pub changed: Vec<EntityId>,
    /// Entities of which nobody says anything any more.
    pub gone: Vec<EntityId>,
    /// Dependencies that were left out, since they run in a circle.
    pub problems: Vec<String>,
}

/// How long after the first look what nobody has looked at is taken to be as it was before. Chosen: targets and probes
/// are looked at once a minute or oftener; what is not by then is unknown.
const GRACE_MS: i64 = 60_000;

/// All entities that somebody says something of.
#[derive(Debug, Default)]
pub struct EntityMap {
    entities: BTreeMap<EntityId, Entity>,
    /// What is known from before the start: states and since when.
    before: BTreeMap<EntityId, (HealthState, i64)>,
    /// When this map was made first, ms since 1970.
    begun_ms: Option<i64>,
}

impl EntityMap {
    /// An empty map that knows how entities were before: one that is still so keeps its time.
    #[must_use]
    pub fn resumed(before: impl IntoIterator<Item = (EntityId, HealthState, i64)>) -> Self {
        let before = before.into_iter();
        Self {
            entities: BTreeMap::new(),
            before: before
                .map(|(id, state, since_ms)| (id, (state, since_ms)))
                .collect(),
            begun_ms: None,
        }
    }

    /// The entities, by kind and name.
    pub fn entities(&self) -> impl Iterator<Item = &Entity> {
        self.entities.values()
    }

    /// Takes all that is said now, in place of what was said before.
    pub fn update(&mut self, facts: Vec<EntityFact>, now_ms: i64) -> EntityMapParts {
        let begun_ms = *self.begun_ms.get_or_insert(now_ms);
        let is_early = now_ms - begun_ms < GRACE_MS;
        let mut of_entities: BTreeMap<EntityId, Vec<EntityFact>> = BTreeMap::new();
        for fact in facts {
            of_entities
                .entry(fact.entity.clone())
                .or_default()
                .push(fact);
        }
        let mut parts = EntityMapParts::default();
        let mut entities: Vec<Entity> = Vec::with_capacity(of_entities.len());
        for (id, facts) in of_entities {
            let (mut state, mut reason) = combined(&facts);
            let mut before = None;
            if state != HealthState::Unknown {
                before = self.before.remove(&id);
            } else if is_early && let Some(known) = self.before.get(&id) {
                // A restart says nothing of what it watches: alerts that hold must not end and begin anew.
                before = Some(*known);
                state = known.0;
                reason = "as before the restart; nobody has looked yet".to_owned();
            }
            let old = self.entities.get(&id).map(|it| (it.state, it.since_ms));
            if old.is_none_or(|(old, _)| old != state) {
                parts.changed.push(id.clone());
            }
            let since_ms = match (old, before) {
                (Some((old, since_ms)), _) | (_, Some((old, since_ms))) if old == state => since_ms,
                _ => now_ms,
            };
            let depends_on: BTreeSet<EntityId> = facts
                .iter()
                .flat_map(|it| it.depends_on.iter().cloned())
                .collect();
            entities.push(Entity {
                id,
                state,
                reason,
                since_ms,
                depends_on: depends_on.into_iter().collect(),
                caused_by: Vec::new(),
                facts,
            });
        }
        explain(&mut entities, &mut parts.problems);
        let entities: BTreeMap<EntityId, Entity> =
            entities.into_iter().map(|it| (it.id.clone(), it)).collect();
        let old = std::mem::replace(&mut self.entities, entities);
        parts.gone = old
            .into_keys()
            .filter(|id| !self.entities.contains_key(id))
            .collect();
        parts
    }
}

/// What all facts together say. The reason is that of the worst, those who look from outside first.
fn combined(facts: &[EntityFact]) -> (HealthState, String) {
    let works_elsewhere = facts
        .iter()
        .any(|it| it.source != FactSource::Scrape && it.state.works());
    let mut worst: Option<(&EntityFact, HealthState)> = None;
    let mut is_known = false;
    for fact in facts {
        let state = match (fact.source, fact.state) {
            (FactSource::Scrape, HealthState::Down) if works_elsewhere => HealthState::Degraded,
            (_, state) => state,
        };
        is_known |= state != HealthState::Unknown;
        let is_worse = worst.is_none_or(|(than, so_far)| {
            let badness = state.badness().cmp(&so_far.badness());
            badness.then(than.source.cmp(&fact.source)).is_gt()
        });
        if is_worse {
            worst = Some((fact, state));
        }
    }
    match worst {
        None => (HealthState::Unknown, String::new()),
        Some((fact, _)) if !is_known => (HealthState::Unknown, fact.reason.clone()),
        Some((_, HealthState::Unknown | HealthState::Up)) => (HealthState::Up, String::new()),
        Some((fact, state)) => (state, fact.reason.clone()),
    }
}

/// Says of each entity what explains it. Edges to what is not there explain nothing and stay; those that close a
/// circle are taken out.
fn explain(entities: &mut [Entity], problems: &mut Vec<String>) {
    let names: Vec<String> = entities.iter().map(|it| it.id.to_string()).collect();
    let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut edges: Vec<Vec<String>> = entities
        .iter()
        .map(|it| {
            let of_this = it.depends_on.iter().map(ToString::to_string);
            of_this
                .filter(|name| known.contains(name.as_str()))
                .collect()
        })
        .collect();
    let graph = loop {
        let nodes = names.iter().map(String::as_str);
        match Graph::new(nodes.zip(edges.iter().map(Vec::as_slice))) {
            Ok(graph) => break graph,
            Err(error) => {
                let Some(index) = closing(&error, &names) else {
                    return;
                };
                let GraphError::Circular { next, .. } = &error else {
                    return;
                };
                problems.push(error.to_string());
                edges[index].retain(|it| it != next);
                entities[index]
                    .depends_on
                    .retain(|it| it.to_string() != *next);
            }
        }
    };
    let states: Vec<HealthState> = entities.iter().map(|it| it.state).collect();
    let ids: Vec<EntityId> = entities.iter().map(|it| it.id.clone()).collect();
    for (entity, causes) in entities.iter_mut().zip(graph.causes(&states)) {
        entity.caused_by = causes
            .into_iter()
            .filter_map(|index| ids.get(index).cloned())
            .collect();
    }
}

/// Whose dependencies are left out, so that the circle is open.
fn closing(error: &GraphError, names: &[String]) -> Option<usize> {
    match error {
        GraphError::Circular { name, .. } => names.iter().position(|it| it == name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::FactSource::{Health, Probe, Scrape, Traffic};
    use super::HealthState::{Degraded, Down, Unknown, Up};
    use super::*;

    fn id(text: &str) -> EntityId {
        EntityId::parse(text).unwrap()
    }

    fn fact(entity: &str, source: FactSource, state: HealthState, reason: &str) -> EntityFact {
        EntityFact {
            entity: id(entity),
            source,
            from: "x".to_owned(),
            state,
            reason: reason.to_owned(),
            depends_on: Vec::new(),
            labels: Vec::new(),
        }
    }

    #[test]
    fn names_are_read_back() {
        for text in ["provider/openai", "model/meta/llama-3", "daemon/a b"] {
            assert_eq!(id(text).to_string(), text);
        }
        for text in ["provider", "provider/", "planet/x", ""] {
            assert_eq!(EntityId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_worst_fact_decides_but_for_scrapes_of_what_works() {
        let check = |facts: &[(FactSource, HealthState, &str)], want: (HealthState, &str)| {
            let facts: Vec<EntityFact> = facts
                .iter()
                .map(|(source, state, reason)| fact("daemon/a", *source, *state, reason))
                .collect();
            let (state, reason) = combined(&facts);
            assert_eq!((state, reason.as_str()), want, "{facts:?}");
        };
        check(&[], (Unknown, ""));
        check(&[(Probe, Unknown, "not yet")], (Unknown, "not yet"));
        check(&[(Probe, Unknown, "not yet"), (Scrape, Up, "")], (Up, ""));
        check(&[(Scrape, Down, "refused")], (Down, "refused"));
        check(
            &[(Scrape, Down, "refused"), (Probe, Up, "")],
            (Degraded, "refused"),
        );
        check(
            &[(Scrape, Down, "refused"), (Probe, Down, "gone")],
            (Down, "gone"),
        );
        check(
            &[(Traffic, Degraded, "errors"), (Health, Degraded, "slow")],
            (Degraded, "slow"),
        );
        check(
            &[(Probe, Up, ""), (Traffic, Down, "all fail")],
            (Down, "all fail"),
        );
    }

    #[test]
    fn what_is_behind_explains_and_times_stay_while_states_do() {
        let mut map = EntityMap::resumed([(id("database/pg"), Down, 7)]);
        map.update(
            vec![fact("database/pg", Probe, Unknown, "not checked yet")],
            50,
        );
        let facts = |pg: HealthState, daemon: HealthState| {
            let mut of_daemon = fact("daemon/a", Probe, daemon, "503");
            of_daemon.depends_on = vec![id("database/pg"), id("tool/not-there")];
            vec![of_daemon, fact("database/pg", Probe, pg, "refused")]
        };
        let parts = map.update(facts(Down, Down), 100);
        assert_eq!(parts.changed, [id("daemon/a")]);
        let daemon = |map: &EntityMap| map.entities().next().cloned().unwrap();
        let pg = |map: &EntityMap| map.entities().nth(1).cloned().unwrap();
        assert_eq!(daemon(&map).caused_by, [id("database/pg")]);
        assert_eq!((daemon(&map).since_ms, pg(&map).since_ms), (100, 7));
        let parts = map.update(facts(Up, Down), 200);
        assert_eq!(parts.changed, [id("database/pg")]);
        assert!(daemon(&map).caused_by.is_empty());
        assert_eq!((daemon(&map).since_ms, pg(&map).since_ms), (100, 200));
        let parts = map.update(vec![fact("daemon/a", Probe, Up, "")], 300);
        assert_eq!(parts.gone, [id("database/pg")]);
    }

    #[test]
    fn circles_are_opened_and_told() {
        let mut map = EntityMap::default();
        let mut a = fact("daemon/a", Probe, Down, "");
        a.depends_on = vec![id("daemon/b"), id("host/h")];
        let mut b = fact("daemon/b", Probe, Down, "");
        b.depends_on = vec![id("daemon/a")];
        let parts = map.update(vec![a, b, fact("host/h", Probe, Down, "")], 1);
        assert_eq!(
            parts.problems,
            [r#""daemon/a": the dependencies are circular: daemon/a -> daemon/b -> daemon/a"#]
        );
        let causes: Vec<Vec<EntityId>> = map.entities().map(|it| it.caused_by.clone()).collect();
        // Only the edge that closed the circle is gone.
        assert_eq!(causes, [vec![id("host/h")], vec![id("host/h")], vec![]]);
    }
}
