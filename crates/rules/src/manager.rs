//! All groups: applies settings, takes turns, answers how they are.
//!
//! ## Model
//! Each group has a task that waits for its turns ([`crate::schedule`]) and evaluates on a blocking
//! thread, of which no more are busy than there are cores.
//!
//! ## Invariants
//! Turns of a group never overlap. A turn that passes while the one before runs is missed and counted.
//! A reload waits for turns that run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::Labels;
use bellwether_promql::{CancelToken, Engine};
use bellwether_storage::{Clock, MetricStore, StateStore, StorageError, Timeline};
use bellwether_telemetry::Registry;
use parking_lot::Mutex;
use rustc_hash::FxHashSet;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::error::RulesError;
use crate::evidence::EvidenceSink;
use crate::group::Group;
use crate::keeper::{Keeper, Kept};
use crate::metrics::{RuleMetrics, pour};
use crate::settings::GroupSettings;
use crate::snapshot::GroupSnapshot;
use crate::world::{AlertSink, Externals, RuleOptions, Surroundings, World};

/// What a manager works with.
#[derive(Debug)]
pub struct ManagerParts {
    /// Where samples are read and written.
    pub store: Arc<dyn MetricStore>,
    /// What answers queries.
    pub engine: Arc<Engine>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Takes alerts.
    pub sink: Arc<dyn AlertSink>,
    /// Keeps the state of alerts.
    pub state: Arc<dyn StateStore>,
    /// Takes what happens to alerts that are pending.
    pub timeline: Arc<dyn Timeline>,
    /// Takes what has fired, to gather what there is to be seen of it.
    pub evidence: Option<Arc<dyn EvidenceSink>>,
    /// Takes own numbers.
    pub registry: Registry,
    /// Times of alerts.
    pub options: RuleOptions,
}

/// Runs groups of rules. Clones are handles to the same groups.
#[derive(Debug, Clone)]
pub struct Manager(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    world: Arc<World>,
    /// Groups by file and name. Held for looks and changes of the map, never over an `await`.
    groups: Mutex<BTreeMap<GroupId, Running>>,
    /// What was found at the start, until the first settings are applied. Held while settings are
    /// applied, so that applies come one after another.
    kept: tokio::sync::Mutex<Option<Kept>>,
    /// One permit for each core: more turns at a time would only wait for one another. Turns take
    /// what is left over for their rules.
    workers: Arc<Semaphore>,
    /// Cancelled when the manager stops.
    stopped: CancellationToken,
    /// The same for queries.
    cancel: CancelToken,
}

type GroupId = (PathBuf, String);

#[derive(Debug)]
struct Running {
    group: Arc<Group>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Waits for the end of the turn that runs.
    async fn join(self) -> Arc<Group> {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            let group = &self.group.settings().name;
            tracing::error!(%group, %error, "the task of a group of rules ended");
        }
        self.group
    }
}

impl Manager {
    /// A manager without groups.
    ///
    /// # Errors
    /// Where what is kept of alerts cannot be read.
    pub fn new(parts: ManagerParts) -> Result<Self, StorageError> {
        let (keeper, kept) = Keeper::open(parts.state)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = Arc::new(Semaphore::new(cores));
        let world = World {
            store: parts.store,
            engine: parts.engine,
            clock: parts.clock,
            sink: Some(parts.sink),
            timeline: Some(parts.timeline),
            evidence: parts.evidence,
            keeper: Some(keeper),
            metrics: RuleMetrics::new(&parts.registry),
            options: parts.options,
            workers: Some(Arc::clone(&workers)),
        };
        let manager = Self(Arc::new(Inner {
            world: Arc::new(world),
            groups: Mutex::default(),
            kept: tokio::sync::Mutex::new(Some(kept)),
            workers,
            stopped: CancellationToken::new(),
            cancel: CancelToken::default(),
        }));
        let weak = Arc::downgrade(&manager.0);
        parts.registry.add_collector(move |sink| {
            let Some(inner) = weak.upgrade() else {
                return;
            };
            let groups = Self(inner).running();
            let snapshots: Vec<_> = groups.iter().map(|group| group.snapshot()).collect();
            let numbers = groups.iter().zip(&snapshots);
            let numbers: Vec<_> = numbers.map(|(group, of)| group.numbers(of)).collect();
            pour(&numbers, sink);
        });
        Ok(manager)
    }

    /// Says whether [`Manager::apply`] would take these groups, and changes nothing.
    ///
    /// # Errors
    /// The first group or rule that is wrong.
    pub async fn check(
        &self,
        groups: Vec<GroupSettings>,
        surroundings: Surroundings,
    ) -> Result<(), RulesError> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.compile(groups, surroundings).map(drop)).await?
    }

    /// Makes the running groups those of `groups`. A group that did not change goes on undisturbed;
    /// one that changed goes on with the state of those of its rules that have the same name and
    /// labels; the series of rules that are gone end. At the first call, alerts go on where they were
    /// before the restart. Must be called on a tokio runtime; does nothing after [`Manager::stop`].
    ///
    /// # Errors
    /// The first group or rule that is wrong; nothing is changed then.
    pub async fn apply(
        &self,
        groups: Vec<GroupSettings>,
        surroundings: Surroundings,
    ) -> Result<(), RulesError> {
        let mut kept = self.0.kept.lock().await;
        if self.0.stopped.is_cancelled() {
            return Ok(());
        }
        let inner = Arc::clone(&self.0);
        let (fresh, same) = blocking(move || inner.compile(groups, surroundings)).await??;
        let mut gone: Vec<GroupId> = Vec::new();
        for (id, running) in self.0.groups.lock().iter() {
            if !same.contains(id) {
                running.stop.cancel();
                gone.push(id.clone());
            }
        }
        gone.retain(|id| fresh.iter().all(|(new, _)| new != id));
        for (id, group) in fresh {
            let group = Arc::new(group);
            let before = self.take(&id).await;
            let (starting, first) = (Arc::clone(&group), kept.take());
            let first = blocking(move || {
                let mut first = first;
                match (&before, &mut first) {
                    (Some(before), _) => starting.take_over(before),
                    (None, Some(kept)) => starting.restore(kept),
                    (None, None) => {}
                }
                first
            })
            .await?;
            *kept = first;
            self.start(id, group);
        }
        if let Some(kept) = kept.take() {
            let world = Arc::clone(&self.0.world);
            blocking(move || {
                if let Some(keeper) = &world.keeper {
                    keeper.forget(kept);
                }
            })
            .await?;
        }
        for id in gone {
            if let Some(group) = self.take(&id).await {
                self.retire(group).await?;
            }
        }
        Ok(())
    }

    /// Takes a group out, after the turn that runs.
    async fn take(&self, id: &GroupId) -> Option<Arc<Group>> {
        let running = self.0.groups.lock().remove(id);
        match running {
            Some(running) => Some(running.join().await),
            None => None,
        }
    }

    fn start(&self, id: GroupId, group: Arc<Group>) {
        let stop = self.0.stopped.child_token();
        let task = tokio::spawn(take_turns(
            Arc::clone(&self.0),
            Arc::clone(&group),
            stop.clone(),
        ));
        let running = Running { group, stop, task };
        self.0.groups.lock().insert(id, running);
    }

    /// Ends a group that is gone. Its series end after two intervals, so that a group of another name
    /// can go on with them.
    async fn retire(&self, group: Arc<Group>) -> Result<(), RulesError> {
        let retiring = Arc::clone(&group);
        let series = blocking(move || retiring.retire()).await?;
        if series.is_empty() {
            return Ok(());
        }
        let manager = self.clone();
        let now_ms = self.0.world.clock.now_ms();
        let wait_ms = group.settings().interval_ms.saturating_mul(2);
        tokio::spawn(async move {
            tokio::select! {
                () = manager.0.stopped.cancelled() => return,
                () = tokio::time::sleep(duration(wait_ms)) => {}
            }
            let ending = move || {
                let ended = manager.without_running(series);
                group.write_markers(&ended, now_ms);
            };
            if let Err(error) = tokio::task::spawn_blocking(ending).await {
                tracing::error!(%error, "the end of a group of rules ended");
            }
        });
        Ok(())
    }

    /// Series that no group writes.
    fn without_running(&self, series: Vec<Labels>) -> Vec<Labels> {
        let mut series: FxHashSet<Labels> = series.into_iter().collect();
        for group in self.running() {
            group.series(|labels| {
                series.remove(labels);
            });
        }
        series.into_iter().collect()
    }

    /// Stops all groups, after the turns that run, whose queries are broken off. Their series do not
    /// end: the next start goes on with them.
    pub async fn stop(&self) {
        self.0.stopped.cancel();
        self.0.cancel.cancel();
        let _one_at_a_time = self.0.kept.lock().await;
        let groups = std::mem::take(&mut *self.0.groups.lock());
        let mut has_alerts = false;
        for running in groups.into_values() {
            let group = running.join().await;
            let snapshot = group.snapshot();
            has_alerts |= snapshot.rules.iter().any(|rule| !rule.alerts.is_empty());
        }
        if has_alerts {
            let world = Arc::clone(&self.0.world);
            let beat = move || {
                if let Some(keeper) = &world.keeper {
                    keeper.beat_now(world.clock.now_ms());
                }
            };
            if let Err(error) = tokio::task::spawn_blocking(beat).await {
                tracing::error!(%error, "the last beat of the rules ended");
            }
        }
    }

    /// All groups, by file and name, as their last turns have left them.
    #[must_use]
    pub fn groups(&self) -> Vec<Arc<GroupSnapshot>> {
        let groups = self.running();
        groups.iter().map(|group| group.snapshot()).collect()
    }

    /// What is evaluated, by file and name, and what it is evaluated with.
    #[must_use]
    pub fn settings(&self) -> (Vec<GroupSettings>, Surroundings) {
        let groups = self.running();
        let surroundings = groups.first().map(|group| group.externals().given.clone());
        let settings = groups.iter().map(|group| group.settings().clone());
        (settings.collect(), surroundings.unwrap_or_default())
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.0.world
    }

    pub(crate) fn running(&self) -> Vec<Arc<Group>> {
        let groups = self.0.groups.lock();
        groups.values().map(|r| Arc::clone(&r.group)).collect()
    }
}

impl Inner {
    /// Makes those groups that are new or changed. Gives which others stay.
    #[expect(clippy::type_complexity, reason = "two lists, used once")]
    fn compile(
        &self,
        groups: Vec<GroupSettings>,
        surroundings: Surroundings,
    ) -> Result<(Vec<(GroupId, Group)>, FxHashSet<GroupId>), RulesError> {
        let externals = Externals::new(surroundings);
        let (mut fresh, mut same) = (Vec::new(), FxHashSet::default());
        let mut seen = FxHashSet::default();
        for settings in groups {
            let id = (settings.file.clone(), settings.name.clone());
            if !seen.insert(id.clone()) {
                let (file, group) = id;
                return Err(RulesError::DuplicateGroup { file, group });
            }
            let running = self.groups.lock().get(&id).map(|r| Arc::clone(&r.group));
            if running.is_some_and(|running| running.is_like(&settings, &externals)) {
                same.insert(id);
            } else {
                fresh.push((id, Group::with(settings, &self.world, &externals)?));
            }
        }
        Ok((fresh, same))
    }
}

/// Takes the turns of a group until it is told to stop.
async fn take_turns(inner: Arc<Inner>, group: Arc<Group>, stop: CancellationToken) {
    let clock = &inner.world.clock;
    let interval_ms = group.settings().interval_ms;
    let mut due_ms = group.turns.after(clock.now_ms());
    loop {
        let wait_ms = due_ms.saturating_sub(clock.now_ms());
        if wait_ms > interval_ms {
            // The clock was set back.
            due_ms = group.turns.after(clock.now_ms());
            continue;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(duration(wait_ms)) => {}
        }
        // The semaphore is never closed; without a permit the turn is taken all the same.
        let permit = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            permit = Arc::clone(&inner.workers).acquire_owned() => permit.ok(),
        };
        let now_ms = clock.now_ms();
        if now_ms < due_ms {
            continue;
        }
        let (turn_ms, missed) = group.turns.late(due_ms, now_ms);
        group.count_missed(missed);
        let (evaluated, cancel) = (Arc::clone(&group), inner.cancel.clone());
        let turn = tokio::task::spawn_blocking(move || {
            evaluated.evaluate(turn_ms, &cancel);
            drop(permit);
        });
        if let Err(error) = turn.await {
            let group = &group.settings().name;
            tracing::error!(%group, %error, "the evaluation of a group of rules ended");
        }
        due_ms = turn_ms.saturating_add(interval_ms);
    }
}

/// Runs work on a blocking thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, RulesError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| RulesError::Worker(error.to_string()))
}

fn duration(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

#[cfg(test)]
mod tests;
