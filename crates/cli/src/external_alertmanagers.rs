//! The other Alertmanagers of the configuration: where they are, and the queues to them.

use anyhow::Result;
use bellwether_config::Config;
use bellwether_notify::external::{AlertmanagerSet, ExternalOptions, ExternalSettings, Manager};
use bellwether_scrape::Watchers;
use bellwether_telemetry::Registry;

/// How their discoveries are called in metrics and statuses.
const NAME: &str = "alertmanagers";

/// Follows what the section `alerting` says.
#[derive(Debug)]
pub(crate) struct ExternalAlertmanagers {
    pub(crate) manager: Manager,
    watchers: Watchers,
}

impl ExternalAlertmanagers {
    /// Tells nobody until [`ExternalAlertmanagers::apply`].
    pub(crate) fn new(options: ExternalOptions, registry: &Registry) -> Self {
        Self {
            manager: Manager::new(options, registry),
            watchers: Watchers::new(NAME, registry),
        }
    }

    /// Tells those of `config` from now on. Those that were there before go on undisturbed.
    pub(crate) fn apply(&self, config: &Config) -> Result<()> {
        let alerting = &config.alerting;
        let lists = alerting.alertmanagers.iter();
        let found = self
            .watchers
            .apply(lists.map(|set| set.discovery.clone()).collect());
        for status in self.watchers.statuses() {
            if let Some(error) = status.last_error {
                tracing::error!(place = status.pool, key = status.key, "{error}");
            }
        }
        let sets = alerting.alertmanagers.iter().zip(found);
        self.manager.apply(ExternalSettings {
            external_labels: config.global.external_labels.clone(),
            alert_relabel: alerting.alert_relabel.clone(),
            sets: sets
                .map(|(set, found)| AlertmanagerSet {
                    settings: set.reached.clone(),
                    found,
                })
                .collect(),
        })?;
        Ok(())
    }
}
