//! The scrape manager as the source of targets.
//!
//! ## Invariants
//! Targets on this machine's loopback get a URL that others can use, where the external URL is
//! known: our own port becomes that URL, other ports keep their number.

use std::net::SocketAddr;

use bellwether_model::relabel;
use bellwether_scrape::{Health, Manager};
use url::Url;

use crate::services::{ActiveTarget, DroppedTarget, TargetHealth, TargetMetadata, TargetSource};

/// A scrape manager, and what it takes to name its targets to others.
#[derive(Debug)]
pub struct ScrapedTargets {
    manager: Manager,
    external_url: Option<Url>,
    own_port: Option<u16>,
    rules: Box<dyn RelabelRules>,
}

/// Gives the relabelling rules of jobs: they are part of the configuration that is in force.
pub trait RelabelRules: Send + Sync + std::fmt::Debug {
    /// The rules of a job; `None` where there is no such job.
    fn of_pool(&self, pool: &str) -> Option<Vec<relabel::Rule>>;
}

impl ScrapedTargets {
    /// The targets of `manager`. `listen` is the address of the main port.
    #[must_use]
    pub fn new(
        manager: Manager,
        external_url: Option<Url>,
        listen: Option<SocketAddr>,
        rules: Box<dyn RelabelRules>,
    ) -> Self {
        Self {
            manager,
            external_url,
            own_port: listen.map(|address| address.port()),
            rules,
        }
    }

    fn global_url(&self, scrape_url: &str) -> String {
        let Some(external) = &self.external_url else {
            return scrape_url.to_owned();
        };
        let Ok(mut url) = Url::parse(scrape_url) else {
            return scrape_url.to_owned();
        };
        let is_local = url
            .host_str()
            .is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
        if !is_local || url.set_host(external.host_str()).is_err() {
            return scrape_url.to_owned();
        }
        if url.port_or_known_default() == self.own_port {
            // A scheme or port that does not fit leaves the URL as it was, which still names us.
            url.set_scheme(external.scheme()).ok();
            url.set_port(external.port()).ok();
        }
        url.into()
    }
}

impl TargetSource for ScrapedTargets {
    fn active(&self) -> Vec<ActiveTarget> {
        let active = self
            .manager
            .targets()
            .into_iter()
            .map(|status| ActiveTarget {
                global_url: self.global_url(&status.scrape_url),
                discovered_labels: status.discovered_labels,
                labels: status.labels,
                pool: status.pool,
                scrape_url: status.scrape_url,
                last_error: status.last_error,
                last_scrape_ms: status.last_scrape_ms.unwrap_or(0),
                last_duration_seconds: status.last_duration_seconds,
                health: match status.health {
                    Health::Up => TargetHealth::Up,
                    Health::Down => TargetHealth::Down,
                    Health::Unknown => TargetHealth::Unknown,
                },
                interval_ms: status.interval_ms,
                timeout_ms: status.timeout_ms,
            });
        active.collect()
    }

    fn dropped(&self) -> Vec<DroppedTarget> {
        let dropped = self
            .manager
            .dropped_targets()
            .into_iter()
            .map(|target| DroppedTarget {
                discovered_labels: target.discovered_labels,
                pool: target.pool,
            });
        dropped.collect()
    }

    fn dropped_counts(&self) -> Vec<(String, u64)> {
        let counts = self.manager.dropped_target_counts().into_iter();
        counts.map(|(pool, count)| (pool, count as u64)).collect()
    }

    fn pools(&self) -> Vec<String> {
        self.manager.pools()
    }

    fn pool_problems(&self) -> Vec<(String, String)> {
        let discoveries = self.manager.discoveries().into_iter();
        discoveries
            .filter_map(|found| Some((found.pool, found.last_error?)))
            .collect()
    }

    fn relabel_rules(&self, pool: &str) -> Option<Vec<relabel::Rule>> {
        self.rules.of_pool(pool)
    }

    fn metadata(&self, metric: Option<&str>) -> Vec<TargetMetadata> {
        let mut found = Vec::new();
        for target in self.manager.target_metadata() {
            for (family, metadata) in target.families {
                if metric.is_none_or(|metric| metric == family) {
                    let target = target.labels.clone();
                    found.push(TargetMetadata {
                        target,
                        metric: family,
                        metadata,
                    });
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bellwether_storage::{ManualClock, MemoryStore};
    use bellwether_telemetry::Registry;

    use super::*;

    #[derive(Debug)]
    struct NoRules;

    impl RelabelRules for NoRules {
        fn of_pool(&self, _pool: &str) -> Option<Vec<relabel::Rule>> {
            None
        }
    }

    #[tokio::test]
    async fn local_targets_are_named_as_others_reach_them() {
        let clock = Arc::new(ManualClock::new(0));
        let manager = Manager::new(Arc::new(MemoryStore::new()), clock, &Registry::new());
        let external = Url::parse("https://metrics.example:8443/").unwrap();
        let listen = "127.0.0.1:9090".parse().ok();
        let targets = ScrapedTargets::new(manager, Some(external), listen, Box::new(NoRules));
        let check = |url: &str, want: &str| assert_eq!(targets.global_url(url), want);
        check(
            "http://localhost:9090/metrics",
            "https://metrics.example:8443/metrics",
        );
        check(
            "http://127.0.0.1:9100/metrics",
            "http://metrics.example:9100/metrics",
        );
        check(
            "http://10.0.0.1:9090/metrics",
            "http://10.0.0.1:9090/metrics",
        );
        assert!(targets.active().is_empty());
        assert!(targets.pools().is_empty());
    }
}
