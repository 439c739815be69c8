//! All jobs: applies settings, answers what is scraped.

use std::collections::BTreeMap;
use std::sync::Arc;

use bellwether_model::Labels;
use bellwether_outbound::OutboundError;
use bellwether_storage::{Clock, ErrorKind, MetricStore};
use bellwether_telemetry::Registry;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use crate::error::ScrapeError;
use crate::metrics::JobMetrics;
use crate::pool::{
    DiscoveryStatus, DroppedTarget, HandedOver, Health, Pool, TargetMetadata, TargetStatus, World,
};
use crate::scrape_loop::Stop;
use crate::settings::{Discovery, ScrapeSettings, TargetGroup};
use crate::source::InternalSource;

/// Why a job cannot scrape as its settings are.
#[derive(Debug, thiserror::Error)]
#[error("job {job:?}: {reason}")]
pub struct JobProblem {
    /// The job.
    pub job: String,
    /// What is wrong.
    pub reason: OutboundError,
}

impl JobProblem {
    /// What it means for a caller.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.reason.kind()
    }
}

/// Runs scrape jobs. Clones are handles to the same jobs.
#[derive(Debug, Clone)]
pub struct Manager(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: World,
    registry: Registry,
    /// Pools by job name. Held for looks and changes of the map, never over an `await`.
    jobs: Mutex<BTreeMap<String, Job>>,
    /// Held while settings are applied, so that applies come one after another.
    applying: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Job {
    settings: Arc<ScrapeSettings>,
    internal: Option<InternalSource>,
    pool: Arc<Pool>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Manager {
    /// A manager without jobs. Own numbers go to `registry`.
    #[must_use]
    pub fn new(store: Arc<dyn MetricStore>, clock: Arc<dyn Clock>, registry: &Registry) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let manager = Self(Arc::new(Inner {
            world: World {
                store,
                clock,
                workers: Arc::new(Semaphore::new(cores)),
                seed: host_seed(),
            },
            registry: registry.clone(),
            jobs: Mutex::new(BTreeMap::new()),
            applying: tokio::sync::Mutex::new(()),
        }));
        let weak = Arc::downgrade(&manager.0);
        registry.add_collector(move |sink| {
            let Some(inner) = weak.upgrade() else {
                return;
            };
            let statuses = Self(inner).targets();
            let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
            for status in &statuses {
                for health in [Health::Up, Health::Down, Health::Unknown] {
                    let count = counts.entry((&status.pool, health.as_str())).or_default();
                    *count += u64::from(status.health == health);
                }
            }
            for ((job, health), count) in counts {
                let labels = [("job", job), ("health", health)];
                let help = "Targets by job and by how their last scrape went.";
                sink.gauge("bellwether_scrape_targets", help, &labels, count as f64);
            }
        });
        manager
    }

    /// Makes the running jobs those of `jobs`. A job whose settings did not change goes on
    /// undisturbed; one that changed hands its series to the new one; one that is gone ends with
    /// stale markers. Jobs of [`Manager::add_internal`] stay. A job whose certificates cannot be
    /// read runs all the same; its scrapes fail until they can be ([`Manager::unready`] tells in
    /// time). Must be called on a tokio runtime.
    ///
    /// # Errors
    /// The first job whose HTTP client can never be made; nothing is changed then.
    pub async fn apply(&self, jobs: Vec<ScrapeSettings>) -> Result<(), ScrapeError> {
        let _one_at_a_time = self.0.applying.lock().await;
        let mut wanted: BTreeMap<String, Arc<ScrapeSettings>> = BTreeMap::new();
        for settings in jobs {
            wanted.insert(settings.job_name.clone(), Arc::new(settings));
        }
        let gone: Vec<String> = {
            let running = self.0.jobs.lock();
            let external = running.iter().filter(|(_, job)| job.internal.is_none());
            let gone = external.filter(|(name, _)| !wanted.contains_key(*name));
            let gone = gone.map(|(name, _)| name.clone()).collect();
            wanted.retain(|name, settings| {
                let job = running.get(name);
                job.is_none_or(|job| job.internal.is_none() && job.settings != *settings)
            });
            gone
        };
        let mut changed = Vec::with_capacity(wanted.len());
        for settings in wanted.into_values() {
            let pool = self.pool(&settings, None)?;
            changed.push((settings, pool));
        }
        for name in gone {
            let job = self.0.jobs.lock().remove(&name);
            if let Some(job) = job {
                job.stop(Stop::End).await;
            }
        }
        for (settings, pool) in changed {
            self.start(settings, pool, None).await;
        }
        Ok(())
    }

    /// What stands in the way of the first scrape of those jobs that [`Manager::apply`] would start:
    /// certificates, keys and authorities that cannot be read or used. Files with credentials may
    /// come later and are not looked at.
    #[must_use]
    pub fn unready(&self, jobs: &[ScrapeSettings]) -> Vec<JobProblem> {
        let running: BTreeMap<String, Arc<ScrapeSettings>> = {
            let jobs = self.0.jobs.lock();
            let pairs = jobs.iter();
            pairs
                .map(|(name, job)| (name.clone(), Arc::clone(&job.settings)))
                .collect()
        };
        jobs.iter()
            .filter(|settings| {
                let same = running.get(&settings.job_name);
                same.is_none_or(|running| **running != **settings)
            })
            .filter_map(|settings| {
                let reason = bellwether_outbound::client(&settings.http).err()?;
                let job = settings.job_name.clone();
                Some(JobProblem { job, reason })
            })
            .collect()
    }

    /// Adds a job whose one target is a function in this process, or replaces it. Its discovery is
    /// what gives the target its labels; without one it is named after the job.
    ///
    /// # Errors
    /// None at present; a job whose settings make no target says so in its status.
    pub async fn add_internal(
        &self,
        mut settings: ScrapeSettings,
        source: InternalSource,
    ) -> Result<(), ScrapeError> {
        let _one_at_a_time = self.0.applying.lock().await;
        if settings.discovery.is_empty() {
            let target = TargetGroup {
                targets: vec![settings.job_name.clone()],
                labels: Labels::empty(),
            };
            settings.discovery.push(Discovery::Static(vec![target]));
        }
        let settings = Arc::new(settings);
        let pool = self.pool(&settings, Some(source.clone()))?;
        self.start(settings, pool, Some(source)).await;
        Ok(())
    }

    fn pool(
        &self,
        settings: &Arc<ScrapeSettings>,
        internal: Option<InternalSource>,
    ) -> Result<Arc<Pool>, ScrapeError> {
        let metrics = Arc::new(JobMetrics::new(&self.0.registry, &settings.job_name));
        let world = self.0.world.clone();
        Ok(Arc::new(Pool::new(
            world,
            Arc::clone(settings),
            metrics,
            internal,
        )?))
    }

    /// Starts a job in the place of the one of the same name.
    async fn start(
        &self,
        settings: Arc<ScrapeSettings>,
        pool: Arc<Pool>,
        internal: Option<InternalSource>,
    ) {
        let old = self.0.jobs.lock().remove(&settings.job_name);
        let handed_over = match old {
            Some(job) => job.stop(Stop::HandOver).await,
            None => HandedOver::new(),
        };
        let stop = CancellationToken::new();
        let running = Arc::clone(&pool);
        let discoveries = settings.discovery.clone();
        let task = tokio::spawn(running.run(discoveries, stop.clone(), handed_over));
        let name = settings.job_name.clone();
        let job = Job {
            settings,
            internal,
            pool,
            stop,
            task,
        };
        self.0.jobs.lock().insert(name, job);
    }

    /// Stops all jobs, the internal ones included. Their series do not end, as with Prometheus: what
    /// looks at them after a restart, alerts above all, finds the last samples and no gap.
    pub async fn shutdown(&self) {
        let _one_at_a_time = self.0.applying.lock().await;
        let jobs = std::mem::take(&mut *self.0.jobs.lock());
        for job in jobs.into_values() {
            drop(job.stop(Stop::HandOver).await);
        }
    }

    /// Names of all jobs, sorted.
    #[must_use]
    pub fn pools(&self) -> Vec<String> {
        self.0.jobs.lock().keys().cloned().collect()
    }

    /// All targets, by job.
    #[must_use]
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.collect(Pool::statuses)
    }

    /// Targets that relabelling dropped or that are none, by job, as far as the jobs keep them.
    #[must_use]
    pub fn dropped_targets(&self) -> Vec<DroppedTarget> {
        self.collect(Pool::dropped)
    }

    /// How many targets each job dropped, kept for display or not.
    #[must_use]
    pub fn dropped_target_counts(&self) -> BTreeMap<String, usize> {
        let jobs = self.0.jobs.lock();
        jobs.iter()
            .map(|(name, job)| (name.clone(), job.pool.dropped_count()))
            .collect()
    }

    /// All discoveries, by job, with what is wrong with them.
    #[must_use]
    pub fn discoveries(&self) -> Vec<DiscoveryStatus> {
        self.collect(Pool::discoveries)
    }

    /// What targets say about their families.
    #[must_use]
    pub fn target_metadata(&self) -> Vec<TargetMetadata> {
        self.collect(Pool::metadata)
    }

    fn collect<T>(&self, mut each: impl FnMut(&Pool, &mut Vec<T>)) -> Vec<T> {
        let mut out = Vec::new();
        for job in self.0.jobs.lock().values() {
            each(&job.pool, &mut out);
        }
        out
    }
}

impl Job {
    async fn stop(self, how: Stop) -> HandedOver {
        self.stop.cancel();
        // The task first, so that no sync starts loops behind our back.
        if let Err(error) = self.task.await {
            tracing::error!(job = %self.settings.job_name, %error, "scrape pool ended");
        }
        self.pool.stop(how).await
    }
}

/// Different for different machines, the same after a restart: servers that scrape the same targets
/// should not do so at the same time.
fn host_seed() -> u64 {
    let name = std::fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
    xxh3_64(&name)
}

#[cfg(test)]
mod tests;
