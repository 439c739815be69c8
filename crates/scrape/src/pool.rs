//! All targets of one job.
//!
//! ## Model
//! A [`Pool`] has a task for each discovery, one that merges what they find ([`Pool::sync`]), and a
//! loop for each target. Loops are known by the hash of their target: a sync starts those that are
//! new and stops those that are gone.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::{Labels, Metadata, STALE_NAN};
use bellwether_outbound::Client;
use bellwether_storage::{Clock, MetricStore, SeriesRef, Source, WriteBatch};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::discovery::{self, Channel, Told, Update};
use crate::error::ScrapeError;
use crate::metrics::JobMetrics;
use crate::scrape_loop::{LoopStatus, ScrapeLoop, Shared, Stop, StopSignal};
use crate::session::{Session, SharedMetadata};
use crate::settings::{Discovery, ScrapeSettings, TargetGroup};
use crate::source::{HttpSource, InternalSource, ScrapeSource};
use crate::target::{Target, discovered_labels};

/// How a target's last scrape went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Health {
    /// It succeeded.
    Up,
    /// It failed.
    Down,
    /// There was none yet.
    #[default]
    Unknown,
}

impl Health {
    /// The word for it in the HTTP API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// A target as the targets page shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetStatus {
    /// The job.
    pub pool: String,
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// Labels that its series get.
    pub labels: Labels,
    /// What is asked for.
    pub scrape_url: String,
    /// The same with the machine's name in place of a loopback address. Filled in by whoever knows
    /// that name; here it equals `scrape_url`.
    pub global_url: String,
    /// Why the last scrape failed, or what else is to be told; empty for nothing.
    pub last_error: String,
    /// When the last scrape was; `None` before the first.
    pub last_scrape_ms: Option<i64>,
    /// How long it took.
    pub last_duration_seconds: f64,
    /// How it went.
    pub health: Health,
    /// Time between two scrapes.
    pub interval_ms: i64,
    /// Time after which a scrape fails.
    pub timeout_ms: i64,
}

/// A target that relabelling dropped, or that is none.
#[derive(Debug, Clone, PartialEq)]
pub struct DroppedTarget {
    /// The job.
    pub pool: String,
    /// Labels before relabelling.
    pub discovered_labels: Labels,
    /// Why it is no target; `None` where relabelling dropped it.
    pub error: Option<String>,
}

/// A discovery as the targets page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoveryStatus {
    /// The job.
    pub pool: String,
    /// Its key in the configuration, such as `file_sd_configs`.
    pub key: String,
    /// Addresses that it found.
    pub target_count: usize,
    /// What is wrong with it, such as `unsupported discovery: kubernetes_sd_configs`.
    pub last_error: Option<String>,
}

/// What a target says about its families.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetMetadata {
    /// Labels of the target.
    pub labels: Labels,
    /// Families by name, sorted.
    pub families: Vec<(String, Metadata)>,
}

/// What all pools share.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) store: Arc<dyn MetricStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) workers: Arc<Semaphore>,
    pub(crate) seed: u64,
}

/// The loops of one job and what they are fed with.
#[derive(Debug)]
pub(crate) struct Pool {
    world: World,
    shared: Arc<Shared>,
    /// How bodies are had; internal jobs have a function.
    origin: Origin,
    /// Held for the time of a sync or a look, never over an `await`.
    state: Mutex<State>,
    forced_error: Arc<Mutex<Option<String>>>,
    /// Held while loops are started and stopped, so that syncs come one after another.
    syncing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
enum Origin {
    Http(Client),
    Internal(InternalSource),
}

#[derive(Debug, Default)]
struct State {
    /// Groups of each discovery.
    groups: Vec<Vec<TargetGroup>>,
    told: Vec<Arc<Mutex<Told>>>,
    loops: BTreeMap<u64, Running>,
    dropped: Vec<DroppedTarget>,
    dropped_count: usize,
}

#[derive(Debug)]
struct Running {
    target: Arc<Target>,
    status: Arc<Mutex<LoopStatus>>,
    metadata: SharedMetadata,
    stop: Arc<StopSignal>,
    task: JoinHandle<Vec<SeriesRef>>,
}

/// Series of loops that stopped, by the hash of their target, for the loops that take over.
pub(crate) type HandedOver = BTreeMap<u64, Vec<SeriesRef>>;

impl Pool {
    /// A pool without targets.
    pub(crate) fn new(
        world: World,
        settings: Arc<ScrapeSettings>,
        metrics: Arc<JobMetrics>,
        internal: Option<InternalSource>,
    ) -> Result<Self, ScrapeError> {
        let origin = match internal {
            Some(source) => Origin::Internal(source),
            // Certificates that are missing may come; until then each scrape says what is missing.
            None => Origin::Http(bellwether_outbound::lazy_client(&settings.http)?),
        };
        let shared = Arc::new(Shared {
            settings,
            clock: Arc::clone(&world.clock),
            metrics,
            workers: Arc::clone(&world.workers),
        });
        Ok(Self {
            world,
            shared,
            origin,
            state: Mutex::new(State::default()),
            forced_error: Arc::default(),
            syncing: tokio::sync::Mutex::new(()),
        })
    }

    /// Runs the discoveries and follows what they find until `stop`. `handed_over` are series of
    /// the pool before.
    pub(crate) async fn run(
        self: Arc<Self>,
        discoveries: Vec<Discovery>,
        stop: CancellationToken,
        mut handed_over: HandedOver,
    ) {
        let (sender, mut updates) = mpsc::channel(16);
        let mut tasks = Vec::with_capacity(discoveries.len());
        {
            let mut state = self.state.lock();
            state.groups = vec![Vec::new(); discoveries.len()];
            state.told = discoveries.iter().map(|_| Arc::default()).collect();
            for (index, discovery) in discoveries.into_iter().enumerate() {
                let channel = Channel {
                    index,
                    updates: sender.clone(),
                    told: Arc::clone(&state.told[index]),
                    failed: Arc::clone(&self.shared.metrics.discovery_failed),
                };
                tasks.push(tokio::spawn(discovery::run(
                    discovery,
                    channel,
                    stop.clone(),
                )));
            }
        }
        drop(sender);
        let mut silent = self.state.lock().groups.len();
        let mut heard = vec![false; silent];
        let mut keep = |update: Update| {
            if let Some(heard) = heard.get_mut(update.index) {
                silent -= usize::from(!*heard);
                *heard = true;
            }
            self.keep(update);
            silent
        };
        loop {
            let first = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                update = updates.recv() => update,
            };
            let Some(first) = first else {
                // Static targets do not change: nothing more will come.
                stop.cancelled().await;
                break;
            };
            let mut silent = keep(first);
            // What came meanwhile is synced together.
            while let Ok(update) = updates.try_recv() {
                silent = keep(update);
            }
            self.sync(&mut handed_over).await;
            if silent == 0 {
                self.end(&mut handed_over).await;
            }
        }
        self.end(&mut handed_over).await;
        for task in tasks {
            // A discovery that panicked has said so; the pool ends all the same.
            let _ended = task.await;
        }
    }

    /// Writes stale markers for series that nobody took over.
    async fn end(&self, handed_over: &mut HandedOver) {
        let mut batch = WriteBatch::default();
        let time_ms = self.world.clock.now_ms();
        for series in std::mem::take(handed_over).into_values().flatten() {
            batch.push(series, time_ms, STALE_NAN);
        }
        if batch.sample_count() == 0 {
            return;
        }
        let store = Arc::clone(&self.world.store);
        let job = self.shared.settings.job_name.clone();
        let source = Source::new(&format!("scrape:{job}"));
        let written = tokio::task::spawn_blocking(move || store.write(&source, &batch)).await;
        match written {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%job, %error, "stale markers could not be written"),
            Err(error) => tracing::error!(%job, %error, "writing stale markers ended"),
        }
    }

    fn keep(&self, update: Update) {
        if let Some(groups) = self.state.lock().groups.get_mut(update.index) {
            *groups = update.groups;
        }
    }

    /// Makes loops agree with what discovery found.
    async fn sync(&self, handed_over: &mut HandedOver) {
        let _one_at_a_time = self.syncing.lock().await;
        let (targets, stopped) = {
            let mut state = self.state.lock();
            let targets = self.targets(&mut state);
            let gone: Vec<u64> = state
                .loops
                .keys()
                .filter(|hash| !targets.contains_key(*hash))
                .copied()
                .collect();
            let stopped: Vec<Running> = gone
                .iter()
                .filter_map(|hash| state.loops.remove(hash))
                .collect();
            (targets, stopped)
        };
        stop_all(stopped, Stop::End).await;
        let limit = self.shared.settings.limits.targets_max;
        let count = targets.len() as u64;
        *self.forced_error.lock() = (limit > 0 && count > limit).then(|| {
            ScrapeError::TargetLimit {
                targets: count,
                limit,
            }
            .to_string()
        });
        let mut state = self.state.lock();
        for (hash, target) in targets {
            if let Some(running) = state.loops.get_mut(&hash) {
                // Labels before relabelling may differ although nothing of what matters does.
                running.target = Arc::new(target);
                continue;
            }
            let inherited = handed_over.remove(&hash).unwrap_or_default();
            let running = self.start(Arc::new(target), inherited);
            state.loops.insert(hash, running);
        }
    }

    /// The targets that discovery and relabelling leave, and a note of those that they do not.
    fn targets(&self, state: &mut State) -> BTreeMap<u64, Target> {
        let settings = &self.shared.settings;
        let mut targets = BTreeMap::new();
        let mut dropped = Vec::new();
        let mut dropped_count = 0;
        let keep_max = settings.limits.dropped_targets_kept_max;
        let mut drop_target = |discovered_labels: Labels, error: Option<String>| {
            dropped_count += 1;
            if keep_max == 0 || dropped_count as u64 <= keep_max {
                dropped.push(DroppedTarget {
                    pool: settings.job_name.clone(),
                    discovered_labels,
                    error,
                });
            }
        };
        for group in state.groups.iter().flatten() {
            for address in &group.targets {
                let discovered = discovered_labels(settings, &group.labels, address);
                match Target::new(settings, discovered.clone()) {
                    Ok(Some(target)) => {
                        targets.insert(target.hash, target);
                    }
                    Ok(None) => drop_target(discovered, None),
                    Err(error) => drop_target(discovered, Some(error.to_string())),
                }
            }
        }
        state.dropped = dropped;
        state.dropped_count = dropped_count;
        targets
    }

    fn start(&self, target: Arc<Target>, inherited: Vec<SeriesRef>) -> Running {
        let settings = &self.shared.settings;
        let store = Arc::clone(&self.world.store);
        let labels = target.labels.clone();
        let mut session = Session::new(store, Arc::clone(settings), target.histograms, labels);
        session.inherit(inherited);
        let metadata = session.metadata();
        let source = match &self.origin {
            Origin::Http(client) => {
                ScrapeSource::Http(Box::new(HttpSource::new(client.clone(), settings, &target)))
            }
            Origin::Internal(source) => ScrapeSource::Internal(source.clone()),
        };
        let status = Arc::new(Mutex::new(LoopStatus::default()));
        let stop = Arc::new(StopSignal::default());
        let scrape_loop = ScrapeLoop {
            shared: Arc::clone(&self.shared),
            target: Arc::clone(&target),
            source,
            session,
            status: Arc::clone(&status),
            stop: Arc::clone(&stop),
            forced_error: Arc::clone(&self.forced_error),
            seed: self.world.seed,
        };
        let task = tokio::spawn(scrape_loop.run());
        Running {
            target,
            status,
            metadata,
            stop,
            task,
        }
    }

    /// Stops all loops and waits for them.
    pub(crate) async fn stop(&self, how: Stop) -> HandedOver {
        let _one_at_a_time = self.syncing.lock().await;
        let loops = std::mem::take(&mut self.state.lock().loops);
        stop_all(loops.into_values().collect(), how).await
    }

    pub(crate) fn statuses(&self, out: &mut Vec<TargetStatus>) {
        let state = self.state.lock();
        for running in state.loops.values() {
            let status = running.status.lock().clone();
            let target = &running.target;
            let url = target.url.to_string();
            out.push(TargetStatus {
                pool: self.shared.settings.job_name.clone(),
                discovered_labels: target.discovered.clone(),
                labels: target.labels.clone(),
                scrape_url: url.clone(),
                global_url: url,
                last_error: status.last_error,
                last_scrape_ms: status.last_scrape_ms,
                last_duration_seconds: status.last_duration_seconds,
                health: status.health,
                interval_ms: target.interval_ms,
                timeout_ms: target.timeout_ms,
            });
        }
    }

    pub(crate) fn dropped(&self, out: &mut Vec<DroppedTarget>) {
        out.extend_from_slice(&self.state.lock().dropped);
    }

    pub(crate) fn dropped_count(&self) -> usize {
        self.state.lock().dropped_count
    }

    pub(crate) fn discoveries(&self, out: &mut Vec<DiscoveryStatus>) {
        let state = self.state.lock();
        let settings = &self.shared.settings;
        for (index, discovery) in settings.discovery.iter().enumerate() {
            let groups = state.groups.get(index).map_or(&[][..], Vec::as_slice);
            let told = state.told.get(index).map(|told| told.lock().clone());
            out.push(DiscoveryStatus {
                pool: settings.job_name.clone(),
                key: discovery::key(discovery).to_owned(),
                target_count: groups.iter().map(|group| group.targets.len()).sum(),
                last_error: told.and_then(|told| told.last_error),
            });
        }
    }

    pub(crate) fn metadata(&self, out: &mut Vec<TargetMetadata>) {
        for running in self.state.lock().loops.values() {
            let known = running.metadata.lock();
            let mut families: Vec<(String, Metadata)> = known
                .iter()
                .map(|(name, metadata)| (name.clone(), metadata.clone()))
                .collect();
            families.sort_by(|(a, _), (b, _)| a.cmp(b));
            out.push(TargetMetadata {
                labels: running.target.labels.clone(),
                families,
            });
        }
    }
}

async fn stop_all(loops: Vec<Running>, how: Stop) -> HandedOver {
    for running in &loops {
        running.stop.stop(how);
    }
    let mut handed_over = HandedOver::new();
    for running in loops {
        match running.task.await {
            Ok(series) if !series.is_empty() => {
                handed_over.insert(running.target.hash, series);
            }
            Ok(_) => {}
            Err(error) => tracing::error!(url = %running.target.url, %error, "scrape loop ended"),
        }
    }
    handed_over
}
