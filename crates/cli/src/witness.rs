//! What evidence asks beside the store: which alerts fire, and how targets are.

use bellwether_notify::Runner;
use bellwether_rules::evidence::{FiringAlert, Witness, WitnessedTarget};
use bellwether_scrape::{Health, Manager};

/// The annotation that says in one line what an alert is.
const SUMMARY: &str = "summary";

/// Asks those who notify and those who scrape.
#[derive(Debug)]
pub(crate) struct ServerWitness {
    pub(crate) runner: Runner,
    pub(crate) scraping: Manager,
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
}
