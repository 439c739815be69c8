//! The file that says where alerts go: an `alertmanager.yml`, or a configuration with notifications.

use std::path::Path;

use anyhow::{Context, Result};
use bellwether_config::{LoadOptions, NotificationConfig, load, load_alertmanager};
use bellwether_model::Labels;
use bellwether_model::relabel::Rule;

/// What it says.
#[derive(Debug)]
pub(crate) struct RoutesFile {
    pub(crate) notifications: NotificationConfig,
    /// What alerts of rules get on their way; an `alertmanager.yml` says nothing of it.
    pub(crate) external_labels: Labels,
    pub(crate) relabel: Vec<Rule>,
}

impl RoutesFile {
    /// Reads it. Which of the two a file is shows in its first level: only one of them has a route
    /// there.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let source =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
        let is_main = bellwether_config::yaml::read(&source).is_ok_and(|document| {
            document.root.get("route").is_none() && document.root.get("notifications").is_some()
        });
        if !is_main {
            let loaded =
                load_alertmanager(path).with_context(|| format!("{shown} cannot be used"))?;
            return Ok(Self {
                notifications: loaded.config,
                external_labels: Labels::empty(),
                relabel: Vec::new(),
            });
        }
        let options = LoadOptions {
            leave_named_files: true,
            ..LoadOptions::default()
        };
        let loaded = load(path, &options).with_context(|| format!("{shown} cannot be used"))?;
        let config = loaded.config;
        Ok(Self {
            notifications: config
                .notifications
                .with_context(|| format!("{shown}: notifications is empty"))?,
            external_labels: config.global.external_labels,
            relabel: config.alerting.alert_relabel,
        })
    }
}
