//! Discoveries for others than scrape jobs: whoever wants to know what is there, and not to scrape
//! it.
//!
//! ## Model
//! [`Watchers`] hold one watcher for each list of discoveries. A watcher runs its discoveries and
//! tells all that they find, together, through a [`watch`] channel: a set of labels for each target,
//! `__address__` and `__meta_*` among them.
//!
//! ## Invariants
//! A list that is applied again keeps its channel and what it has found. A channel whose watcher is
//! gone keeps its last value.

use std::sync::Arc;

use bellwether_model::Labels;
use bellwether_telemetry::{Counter, Registry};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::discovery::{self, Channel, Told, Update};
use crate::metrics::discovery_failures;
use crate::pool::DiscoveryStatus;
use crate::settings::{Discovery, TargetGroup};
use crate::target::ADDRESS;

/// Runs lists of discoveries.
#[derive(Debug)]
pub struct Watchers {
    name: String,
    failed: Arc<Counter>,
    /// One for each list, in their order. Held for moments.
    running: Mutex<Vec<Watcher>>,
}

impl Watchers {
    /// Watchers of nothing. Failures are counted and shown under `name`, such as `alertmanagers`.
    #[must_use]
    pub fn new(name: &str, registry: &Registry) -> Self {
        Self {
            name: name.to_owned(),
            failed: discovery_failures(registry, name),
            running: Mutex::default(),
        }
    }

    /// Makes the running lists those of `lists`, and gives the targets of each, in their order. A
    /// list that runs already goes on undisturbed, wherever it stands now; one that is gone ends.
    /// What is new has found nothing yet. Must be called on a tokio runtime.
    pub fn apply(&self, lists: Vec<Vec<Discovery>>) -> Vec<watch::Receiver<Vec<Labels>>> {
        let mut running = self.running.lock();
        let mut before: Vec<Option<Watcher>> = running.drain(..).map(Some).collect();
        for list in lists {
            let same = before.iter_mut().find(|watcher| {
                let watcher = watcher.as_ref();
                watcher.is_some_and(|watcher| watcher.discoveries == list)
            });
            let watcher = match same.and_then(Option::take) {
                Some(watcher) => watcher,
                None => Watcher::start(list, &self.failed),
            };
            running.push(watcher);
        }
        running.iter().map(|w| w.found.clone()).collect()
    }

    /// All discoveries and what is wrong with them; the list stands in place of the job, such as
    /// `alertmanagers[0]`.
    #[must_use]
    pub fn statuses(&self) -> Vec<DiscoveryStatus> {
        let mut statuses = Vec::new();
        for (position, watcher) in self.running.lock().iter().enumerate() {
            let lists = watcher.discoveries.iter().zip(&watcher.told);
            for (index, (discovery, told)) in lists.enumerate() {
                let counts = watcher.counts.lock();
                statuses.push(DiscoveryStatus {
                    pool: format!("{}[{position}]", self.name),
                    key: discovery::key(discovery).to_owned(),
                    target_count: counts.get(index).copied().unwrap_or(0),
                    last_error: told.lock().last_error.clone(),
                });
            }
        }
        statuses
    }
}

/// One list of discoveries. Dropping it ends them.
#[derive(Debug)]
struct Watcher {
    discoveries: Vec<Discovery>,
    told: Vec<Arc<Mutex<Told>>>,
    /// Addresses that each discovery found.
    counts: Arc<Mutex<Vec<usize>>>,
    found: watch::Receiver<Vec<Labels>>,
    _stop: DropGuard,
}

impl Watcher {
    fn start(discoveries: Vec<Discovery>, failed: &Arc<Counter>) -> Self {
        let stop = CancellationToken::new();
        let (updates, receiver) = mpsc::channel(16);
        let told: Vec<Arc<Mutex<Told>>> = discoveries.iter().map(|_| Arc::default()).collect();
        for (index, (discovery, told)) in discoveries.iter().zip(&told).enumerate() {
            let channel = Channel {
                index,
                updates: updates.clone(),
                told: Arc::clone(told),
                failed: Arc::clone(failed),
            };
            tokio::spawn(discovery::run(discovery.clone(), channel, stop.clone()));
        }
        let counts = Arc::new(Mutex::new(vec![0; discoveries.len()]));
        let (sender, found) = watch::channel(Vec::new());
        let merging = merge(receiver, sender, Arc::clone(&counts), stop.clone());
        tokio::spawn(merging);
        Self {
            discoveries,
            told,
            counts,
            found,
            _stop: stop.drop_guard(),
        }
    }
}

/// Tells all that the discoveries have found whenever one of them has found something else.
async fn merge(
    mut updates: mpsc::Receiver<Update>,
    found: watch::Sender<Vec<Labels>>,
    counts: Arc<Mutex<Vec<usize>>>,
    stop: CancellationToken,
) {
    let mut lists: Vec<Vec<Labels>> = vec![Vec::new(); counts.lock().len()];
    loop {
        let update = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            update = updates.recv() => update,
        };
        // Nothing more comes where all of them are static.
        let Some(update) = update else { return };
        if let Some(list) = lists.get_mut(update.index) {
            *list = update.groups.iter().flat_map(targets).collect();
            if let Some(count) = counts.lock().get_mut(update.index) {
                *count = list.len();
            }
        }
        let all: Vec<Labels> = lists.iter().flatten().cloned().collect();
        found.send_if_modified(|known| {
            let is_new = *known != all;
            *known = all;
            is_new
        });
    }
}

/// The labels of each target of a group.
fn targets(group: &TargetGroup) -> impl Iterator<Item = Labels> {
    group.targets.iter().map(|address| {
        let mut labels = group.labels.to_builder();
        labels.set(ADDRESS, address);
        labels.build()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(targets: &[&str], labels: &[(&str, &str)]) -> TargetGroup {
        TargetGroup {
            targets: targets.iter().map(|t| (*t).to_owned()).collect(),
            labels: Labels::from_pairs(labels.iter().copied()),
        }
    }

    fn fixed(targets: &[&str]) -> Discovery {
        Discovery::Static(vec![group(targets, &[("zone", "a")])])
    }

    fn file(path: &std::path::Path) -> Discovery {
        Discovery::File {
            files: vec![path.display().to_string()],
            refresh_interval_ms: 60_000,
        }
    }

    fn addresses(found: &watch::Receiver<Vec<Labels>>) -> Vec<String> {
        let found = found.borrow();
        let addresses = found.iter().filter_map(|labels| labels.get(ADDRESS));
        addresses.map(str::to_owned).collect()
    }

    async fn until(found: &mut watch::Receiver<Vec<Labels>>, count: usize) {
        found.wait_for(|list| list.len() == count).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_found_is_told_together_and_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("targets.json");
        std::fs::write(&path, r#"[{"targets":["b:1"],"labels":{"env":"x"}}]"#).unwrap();
        let watchers = Watchers::new("alertmanagers", &Registry::new());
        let list = vec![fixed(&["a:1", "a:2"]), file(&path)];
        let mut found = watchers.apply(vec![list.clone()]).remove(0);
        until(&mut found, 3).await;
        assert_eq!(addresses(&found), ["a:1", "a:2", "b:1"]);
        let of_file = found.borrow()[2].clone();
        assert_eq!(of_file.get("env"), Some("x"));
        assert!(of_file.get("__meta_filepath").is_some());
        std::fs::write(&path, r#"[{"targets":["b:1", "c:1"]}]"#).unwrap();
        until(&mut found, 4).await;
        assert_eq!(addresses(&found), ["a:1", "a:2", "b:1", "c:1"]);

        // The same list goes on wherever it stands; another one that is gone ends.
        let others = watchers.apply(vec![vec![fixed(&["d:1"])], list]);
        assert!(others[1].same_channel(&found));
        assert_eq!(addresses(&others[1]), ["a:1", "a:2", "b:1", "c:1"]);
        let statuses = watchers.statuses();
        let shown: Vec<(&str, &str)> = statuses
            .iter()
            .map(|status| (status.pool.as_str(), status.key.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("alertmanagers[0]", "static_configs"),
                ("alertmanagers[1]", "static_configs"),
                ("alertmanagers[1]", "file_sd_configs"),
            ]
        );
        assert_eq!(statuses[2].target_count, 2);
        watchers.apply(Vec::new());
        // Its sender ends with the watcher, and what it said last stays.
        while found.changed().await.is_ok() {}
        assert_eq!(addresses(&found).len(), 4);
        assert!(watchers.statuses().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_discovery_that_fails_is_told_and_keeps_the_others() {
        let registry = Registry::new();
        let watchers = Watchers::new("alertmanagers", &registry);
        let missing = file(std::path::Path::new("/nowhere/targets.json"));
        let unsupported = Discovery::Unsupported {
            key: "kubernetes_sd_configs".to_owned(),
        };
        let list = vec![missing, unsupported, fixed(&["a:1"])];
        let mut found = watchers.apply(vec![list]).remove(0);
        until(&mut found, 1).await;
        while watchers.statuses()[0].last_error.is_none() {
            tokio::task::yield_now().await;
        }
        let statuses = watchers.statuses();
        let error = |index: usize| statuses[index].last_error.clone().unwrap_or_default();
        assert!(error(0).contains("/nowhere/targets.json"), "{}", error(0));
        assert_eq!(error(1), "unsupported discovery: kubernetes_sd_configs");
        assert_eq!((error(2), statuses[2].target_count), (String::new(), 1));
        let text = registry.render(bellwether_telemetry::Format::Prometheus);
        let counted = r#"bellwether_scrape_discovery_failures_total{job="alertmanagers"} 1"#;
        assert!(text.contains(counted), "{text}");
    }
}
