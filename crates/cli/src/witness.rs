//! What evidence asks beside the store: which alerts fire, and how targets and
//! entities are.

use std::sync::OnceLock;

use bellwether_entities::Entities;
use bellwether_health::EntityId;
use bellwether_notify::Runner;
use bellwether_rules::evidence::{FiringAlert, Witness, WitnessedEntity, WitnessedTarget};
use bellwether_scrape::{Health, Manager};

/// The annotation that says in one line what an alert is.
const SUMMARY: &str = "summary";

/// Asks those who notify and those who scrape.
#[derive(Debug)]
pub(crate) struct ServerWitness {
    pub(crate) runner: Runner,
    pub(crate) scraping: Manager,
    /// There from when the map of entities is.
    pub(crate) entities: OnceLock<Entities>,
}

impl Witness for ServerWitness {
    fn firing(&self) -> Vec<FiringAlert> {
        self.runner.look(|machine, now_ms| {
            let alerts = machine.alerts();
            alerts
                .filter(|alert| !alert.is_resolved(now_ms))
                .map(|alert| FiringAlert {
                    labels: alert.labels.clone(),
                    summary: alert.annotations.get(SUMMARY).unwrap_or("").to_owned(),
                    starts_ms: alert.starts_ms,
                })
                .collect()
        })
    }

    fn targets(&self) -> Vec<WitnessedTarget> {
        let targets = self.scraping.targets().into_iter();
        targets
            .map(|target| WitnessedTarget {
                labels: target.labels,
                url: target.scrape_url,
                health: match target.health {
                    Health::Up => "up",
                    Health::Down => "down",
                    Health::Unknown => "unknown",
                },
                last_error: target.last_error,
                last_scrape_ms: target.last_scrape_ms,
                last_scrape_seconds: target.last_duration_seconds,
            })
            .collect()
    }

    fn entities(&self) -> Vec<WitnessedEntity> {
        let all = self.entities.get().map(Entities::all).unwrap_or_default();
        let names = |ids: &[EntityId]| ids.iter().map(ToString::to_string).collect();
        all.iter()
            .map(|entity| WitnessedEntity {
                entity: entity.id.to_string(),
                state: entity.state.as_str(),
                reason: entity.reason.clone(),
                since_ms: entity.since_ms,
                depends_on: names(&entity.depends_on),
                caused_by: names(&entity.caused_by),
                selectors: entity.facts.iter().map(|it| it.labels.clone()).collect(),
            })
            .collect()
    }
}
