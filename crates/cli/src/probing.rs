//! Probes and entities of a running server: made of the configuration, applied again at a reload.
//!
//! ## Model
//! Probes run by themselves; the map of entities is made of them, of what is scraped and of what the store has. What
//! explains what, and what is worked on, is told to those who notify, so that one failure is one notification.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bellwether_config::Config;
use bellwether_entities::{Entities, EntitiesParts, FactSources, ScrapedTarget};
use bellwether_health::{Entity, EntityFact, HealthState};
use bellwether_notify::{Circumstances, Runner};
use bellwether_probe::watch::{ProbeStatus, Watcher, WatcherParts};
use bellwether_promql::Engine;
use bellwether_scrape::{Health, Manager};
use bellwether_server::{ProbeRules, Probing};
use bellwether_storage::{Clock, MetricStore, StateStore};
use bellwether_telemetry::Registry;
use parking_lot::Mutex;
use tokio::task::JoinHandle;

/// A maintenance that somebody begins is in force after so long at most.
const TELL_INTERVAL: Duration = Duration::from_secs(2);

/// What probing is made of.
#[derive(Debug)]
pub(crate) struct ProbingParts {
    pub(crate) store: Arc<dyn MetricStore>,
    pub(crate) engine: Arc<Engine>,
    /// Where states are kept over restarts.
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Registry,
    /// Knows how targets are.
    pub(crate) scraping: Manager,
    /// Is told what explains what.
    pub(crate) runner: Runner,
}

/// The running parts.
#[derive(Debug)]
pub(crate) struct ProbingProgram {
    /// What the edge shows.
    pub(crate) edge: Probing,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Those who are asked for facts beside the store.
#[derive(Debug)]
struct Sources {
    watcher: Watcher,
    scraping: Manager,
}

impl FactSources for Sources {
    fn probes(&self) -> Vec<EntityFact> {
        self.watcher.facts()
    }

    fn targets(&self) -> Vec<ScrapedTarget> {
        let targets = self.scraping.targets().into_iter();
        targets
            .map(|target| ScrapedTarget {
                labels: target.labels,
                state: match target.health {
                    Health::Up => HealthState::Up,
                    Health::Down => HealthState::Down,
                    Health::Unknown => HealthState::Unknown,
                },
                error: target.last_error,
            })
            .collect()
    }
}

impl ProbingProgram {
    /// Starts everything; probes of the configuration begin at once.
    pub(crate) async fn start(parts: ProbingParts, config: &Config) -> Result<Self> {
        let watcher = Watcher::new(WatcherParts {
            store: Arc::clone(&parts.store),
            state: Arc::clone(&parts.state),
            clock: Arc::clone(&parts.clock),
        })?;
        let entities = Entities::new(EntitiesParts {
            store: parts.store,
            engine: parts.engine,
            state: parts.state,
            clock: Arc::clone(&parts.clock),
            sources: Arc::new(Sources {
                watcher: watcher.clone(),
                scraping: parts.scraping,
            }),
        })?;
        expose(&parts.registry, &watcher, &entities);
        let making = tokio::spawn({
            let entities = entities.clone();
            async move { entities.run().await }
        });
        let waking = tokio::spawn({
            let (entities, mut changes) = (entities.clone(), watcher.changes());
            async move {
                while changes.changed().await.is_ok() {
                    entities.wake();
                }
            }
        });
        let telling = tokio::spawn(tell(
            watcher.clone(),
            entities.clone(),
            parts.runner,
            parts.clock,
        ));
        let program = Self {
            edge: Probing::new(watcher, entities, rules(config)),
            tasks: Mutex::new(vec![making, waking, telling]),
        };
        program.apply(config).await?;
        Ok(program)
    }

    /// Goes on with another configuration.
    pub(crate) async fn apply(&self, config: &Config) -> Result<()> {
        self.edge.set_rules(rules(config));
        let (probes, maintenance) = (config.probes.clone(), config.maintenance.clone());
        let watcher = self.edge.watcher.clone();
        let applied = tokio::task::spawn_blocking(move || watcher.apply(probes, maintenance));
        Ok(applied.await?)
    }

    /// Ends all checks.
    pub(crate) async fn stop(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            task.abort();
            // Aborted on purpose.
            task.await.ok();
        }
        self.edge.watcher.shutdown().await;
    }
}

fn rules(config: &Config) -> ProbeRules {
    ProbeRules {
        // As with blackbox_exporter, a request reaches what the file names and nothing else.
        modules: config.probe_modules.configured(),
        takes_targets: config.probe_modules.is_configured,
        targets: config.server.probe_targets.clone(),
    }
}

/// Tells those who notify what explains what, whenever that changes.
async fn tell(watcher: Watcher, entities: Entities, runner: Runner, clock: Arc<dyn Clock>) {
    let mut changes = entities.changes();
    let mut last = Circumstances::default();
    loop {
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(TELL_INTERVAL) => {}
        }
        // Where nothing is probed, only changes of the map can change anything.
        let known = circumstances(&watcher.statuses(), &entities.all());
        if known == last {
            continue;
        }
        last.clone_from(&known);
        let runner = runner.clone();
        let now_ms = clock.now_ms();
        let told = tokio::task::spawn_blocking(move || {
            runner.with(|machine, _| machine.set_circumstances(known, now_ms))
        });
        match told.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("what explains alerts cannot be kept: {error}"),
            Err(error) => tracing::error!("what explains alerts could not be told: {error}"),
        }
    }
}

fn circumstances(probes: &[ProbeStatus], entities: &[Entity]) -> Circumstances {
    let causes = entities
        .iter()
        .filter(|it| !it.caused_by.is_empty())
        .map(|it| {
            let causes = it.caused_by.iter().map(ToString::to_string).collect();
            (it.id.to_string(), causes)
        });
    let mut probes_in_maintenance = BTreeMap::new();
    let mut worked_on = BTreeMap::new();
    let mut others = BTreeSet::new();
    for probe in probes {
        let entity = probe.settings.entity.to_string();
        match &probe.maintenance {
            Some(reason) => {
                probes_in_maintenance.insert(probe.settings.name.clone(), reason.clone());
                worked_on.insert(entity, reason.clone());
            }
            None => {
                others.insert(entity);
            }
        }
    }
    worked_on.retain(|entity, _| !others.contains(entity));
    Circumstances {
        causes: causes.collect(),
        entities_in_maintenance: worked_on,
        probes_in_maintenance,
    }
}

/// How many probes and entities there are in each state.
fn expose(registry: &Registry, watcher: &Watcher, entities: &Entities) {
    let (watcher, entities) = (watcher.clone(), entities.clone());
    registry.add_collector(move |sink| {
        let probes = watcher.statuses();
        let all = entities.all();
        for state in HealthState::ALL {
            let labels = [("state", state.as_str())];
            let count = probes.iter().filter(|it| it.state == state).count();
            sink.gauge(
                "bellwether_probes",
                "Probes, by the state of their targets.",
                &labels,
                count as f64,
            );
            let count = all.iter().filter(|it| it.state == state).count();
            sink.gauge(
                "bellwether_entities",
                "Entities, by their state.",
                &labels,
                count as f64,
            );
        }
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn who_notifies_knows_the_series_of_probes() {
        let job = bellwether_probe::watch::PROBE_JOB;
        assert_eq!(bellwether_notify::PROBE_JOB, job);
    }
}
