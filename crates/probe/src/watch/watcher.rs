//! Runs probes at their times and keeps what they found.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use bellwether_health::{EntityFact, FactSource, Graph, HealthState, Record};
use bellwether_storage::{Clock, MetricStore, StateStore, StorageError, WriteError};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::check::{Check, outcome_of};
use super::maintenance::Maintenance;
use super::memory::{self, Remembered};
use super::series::{ProbeSeries, own_labels};
use super::settings::{MaintenanceSettings, ProbeSettings};
use crate::module::Prober;
use crate::{CanaryLedger, Module, ProbeResult, Surroundings, Verdict, probe_within};

/// Checks of each probe that are kept. Chosen: a quarter of an hour at the usual interval, and a page shows no more.
const HISTORY_MAX: usize = 60;
/// Checks that run at once. Chosen: each holds a socket, of which a process has a thousand.
const AT_ONCE_MAX: usize = 400;
/// The same for checks that somebody asks for: whoever asks cannot keep the schedule waiting.
const ASKED_AT_ONCE_MAX: usize = 50;
/// First checks are spread over so much time at most, so that a new probe is seen to work.
const SPREAD_MAX: Duration = Duration::from_secs(5);
/// By how much of itself an interval may be shorter or longer, so that probes do not stay in step.
const JITTER: f64 = 0.05;
/// A state is unknown when the last check is older than so many intervals.
const STALE_INTERVALS: u32 = 3;

/// What a [`Watcher`] is made of.
#[derive(Debug)]
pub struct WatcherParts {
    /// Where series go.
    pub store: Arc<dyn MetricStore>,
    /// Where states are kept over restarts.
    pub state: Arc<dyn StateStore>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

/// Probes on a schedule. Clones are the same.
#[derive(Debug, Clone)]
pub struct Watcher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: WatcherParts,
    gate: Semaphore,
    asked: Semaphore,
    /// What canaries of language models may still cost.
    canaries: Arc<CanaryLedger>,
    maintenance: Maintenance,
    probes: Mutex<Probes>,
    /// Held while probes are applied: one after another.
    applying: Mutex<()>,
    /// How often a state has changed, or the probes have.
    changes: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Probes {
    by_name: BTreeMap<String, Running>,
    /// What is known from before the start.
    before: BTreeMap<String, Remembered>,
}

/// A probe that is looked after.
#[derive(Debug)]
struct Running {
    watched: Arc<Watched>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct Watched {
    settings: Arc<ProbeSettings>,
    known: Mutex<Known>,
    series: Mutex<ProbeSeries>,
}

#[derive(Debug)]
struct Known {
    record: Record,
    history: VecDeque<Arc<Check>>,
    last: Option<Arc<ProbeResult>>,
    /// When the last check ended that found out how the target is.
    found_out: Option<Instant>,
    last_failure: Option<(i64, Arc<ProbeResult>)>,
    /// Why the last samples are not stored.
    unstored: Option<String>,
}

/// How a probed target is.
#[derive(Debug, Clone)]
pub struct ProbeStatus {
    /// What is probed, and how.
    pub settings: Arc<ProbeSettings>,
    /// How it is, by the thresholds. Unknown before the first check and where the last one is old.
    pub state: HealthState,
    /// Why it is so or, where it is about to become worse, why that is; empty where it is up.
    pub reason: String,
    /// Since when it is so, ms since 1970. None: nothing is known.
    pub since_ms: Option<i64>,
    /// Checks in a row that failed.
    pub failures: u32,
    /// Probes that this one depends on and that explain it.
    pub caused_by: Vec<String>,
    /// What is worked on, where something is.
    pub maintenance: Option<String>,
    /// The last checks, oldest first.
    pub history: Vec<Arc<Check>>,
    /// The last check with its log.
    pub last: Option<Arc<ProbeResult>>,
    /// The last check that failed, with its log, and when it began, ms since 1970.
    pub last_failure: Option<(i64, Arc<ProbeResult>)>,
}

impl Watcher {
    /// A watcher that probes nothing yet.
    ///
    /// # Errors
    /// Where what is kept over restarts cannot be read.
    pub fn new(parts: WatcherParts) -> Result<Self, StorageError> {
        let before = memory::read(parts.state.as_ref())?;
        let canaries = CanaryLedger::new();
        canaries.restore(memory::read_canaries(parts.state.as_ref())?);
        let maintenance = Maintenance::read(Arc::clone(&parts.state))?;
        Ok(Self(Arc::new(Inner {
            parts,
            gate: Semaphore::new(AT_ONCE_MAX),
            asked: Semaphore::new(ASKED_AT_ONCE_MAX),
            canaries: Arc::new(canaries),
            maintenance,
            probes: Mutex::new(Probes {
                by_name: BTreeMap::new(),
                before,
            }),
            applying: Mutex::new(()),
            changes: watch::Sender::new(0),
        })))
    }

    /// Probes these from now on, within the tokio runtime of the caller. One that is as it was goes on; the series
    /// of one that is gone or another one end. Blocks: it writes.
    pub fn apply(&self, settings: Vec<ProbeSettings>, maintenance: Vec<MaintenanceSettings>) {
        let _one_at_a_time = self.0.applying.lock();
        self.0.maintenance.set_configured(maintenance);
        let same: BTreeSet<(&str, &str)> = settings
            .iter()
            .map(|it| (it.name.as_str(), it.fingerprint.as_str()))
            .collect();
        // Whoever looks meanwhile sees the old ones: nothing is written while the lock is held.
        let ending: Vec<Arc<Watched>> = {
            let probes = self.0.probes.lock();
            let ends = |it: &&Running| {
                let own = &it.watched.settings;
                !same.contains(&(own.name.as_str(), own.fingerprint.as_str()))
            };
            let ending = probes.by_name.values().filter(ends);
            ending
                .map(|running| {
                    running.task.abort();
                    Arc::clone(&running.watched)
                })
                .collect()
        };
        for watched in &ending {
            self.0.end(watched);
        }
        let mut probes = self.0.probes.lock();
        let mut old = std::mem::take(&mut probes.by_name);
        for settings in settings {
            let name = settings.name.clone();
            let running = match old.remove(&name) {
                Some(running) if running.watched.settings.fingerprint == settings.fingerprint => {
                    running
                }
                Some(other) => self.0.start(settings, other.watched.handed_on()),
                None => {
                    let known = probes.before.remove(&name).map(|it| (it, None));
                    self.0.start(settings, known)
                }
            };
            probes.by_name.insert(name, running);
        }
        drop(probes);
        for name in old.into_keys() {
            memory::forget(self.0.parts.state.as_ref(), &name);
        }
        self.0.changes.send_modify(|count| *count += 1);
    }

    /// Tells when a state has changed, or the probes have.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }

    /// All probes, by name.
    #[must_use]
    pub fn statuses(&self) -> Vec<ProbeStatus> {
        let watched: Vec<Arc<Watched>> = {
            let probes = self.0.probes.lock();
            let watched = probes.by_name.values().map(|it| Arc::clone(&it.watched));
            watched.collect()
        };
        let now_ms = self.0.parts.clock.now_ms();
        let mut statuses: Vec<ProbeStatus> = watched.iter().map(|it| it.status()).collect();
        for (status, causes) in statuses.iter_mut().zip(causes(&watched)) {
            status.caused_by = causes;
            status.maintenance = self.0.maintenance.of(&status.settings.name, now_ms);
        }
        statuses
    }

    /// One probe by its name.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<ProbeStatus> {
        self.statuses()
            .into_iter()
            .find(|it| it.settings.name == name)
    }

    /// Looks at a probe's target now, beside its schedule. What is found is given back, and counts for nothing.
    pub async fn look(&self, name: &str) -> Option<ProbeResult> {
        let watched = {
            let probes = self.0.probes.lock();
            Arc::clone(&probes.by_name.get(name)?.watched)
        };
        // The gate is never closed.
        let _permit = self.0.asked.acquire().await.ok();
        Some(self.0.check(&watched.settings).await.1)
    }

    /// Probes any target with any module, for at most `timeout`; what canaries may cost is shared with the probes.
    pub async fn probe(
        &self,
        module: &Arc<Module>,
        target: &str,
        timeout: Duration,
    ) -> ProbeResult {
        // The gate is never closed.
        let _permit = self.0.asked.acquire().await.ok();
        self.0.probe(module, target, timeout).await
    }

    /// What the probes say of entities.
    #[must_use]
    pub fn facts(&self) -> Vec<EntityFact> {
        let statuses = self.statuses();
        let entities: BTreeMap<&str, _> = statuses
            .iter()
            .map(|it| (it.settings.name.as_str(), &it.settings.entity))
            .collect();
        let fact = |status: &ProbeStatus| {
            let own = &status.settings.entity;
            let dependencies = status.settings.depends_on.iter();
            let dependencies = dependencies.filter_map(|name| entities.get(name.as_str()));
            EntityFact {
                entity: own.clone(),
                source: FactSource::Probe,
                from: status.settings.name.clone(),
                state: status.state,
                reason: status.reason.clone(),
                depends_on: dependencies
                    .filter(|it| **it != own)
                    .map(|it| (*it).clone())
                    .collect(),
                labels: own_labels(&status.settings),
            }
        };
        statuses.iter().map(fact).collect()
    }

    /// Times in which something is worked on.
    #[must_use]
    pub fn maintenance(&self) -> &Maintenance {
        &self.0.maintenance
    }

    /// Stops all checks. Series are left as they are: the server ends, not the targets.
    pub async fn shutdown(&self) {
        let running = std::mem::take(&mut self.0.probes.lock().by_name);
        for running in running.into_values() {
            running.task.abort();
            // Aborted on purpose.
            running.task.await.ok();
        }
    }
}

/// For each the names of those that explain it.
fn causes(watched: &[Arc<Watched>]) -> Vec<Vec<String>> {
    let settings = || watched.iter().map(|it| it.settings.as_ref());
    let nodes = settings().map(|it| (it.name.as_str(), it.depends_on.as_slice()));
    // Who applied the settings has checked this.
    let Ok(graph) = Graph::new(nodes) else {
        return vec![Vec::new(); watched.len()];
    };
    let states: Vec<HealthState> = watched.iter().map(|it| it.state()).collect();
    let name = |index: usize| watched.get(index).map(|it| it.settings.name.clone());
    let causes = graph.causes(&states).into_iter();
    causes
        .map(|of_this| of_this.into_iter().filter_map(name).collect())
        .collect()
}

impl Inner {
    /// Starts a probe of which this is known from before, and when it was last found out.
    fn start(
        self: &Arc<Self>,
        settings: ProbeSettings,
        before: Option<(Remembered, Option<Instant>)>,
    ) -> Running {
        let (record, found_out) = match before {
            Some((it, found_out)) => (Record::resumed(it.state, it.reason, it.since_ms), found_out),
            None => (Record::new(), None),
        };
        let watched = Arc::new(Watched {
            series: Mutex::new(ProbeSeries::new(&settings)),
            settings: Arc::new(settings),
            known: Mutex::new(Known {
                record,
                history: VecDeque::new(),
                last: None,
                found_out,
                last_failure: None,
                unstored: None,
            }),
        });
        let (inner, own) = (Arc::clone(self), Arc::clone(&watched));
        let task = tokio::spawn(async move { inner.run(&own).await });
        Running { watched, task }
    }

    /// Ends the series of a probe that is there no more.
    fn end(&self, watched: &Watched) {
        let now_ms = self.parts.clock.now_ms();
        let ended = watched.series.lock().end(self.parts.store.as_ref(), now_ms);
        if let Err(error) = ended {
            let probe = &watched.settings.name;
            tracing::warn!(probe, "the series of a probe could not be ended: {error}");
        }
    }

    async fn run(self: &Arc<Self>, watched: &Arc<Watched>) {
        let interval = watched.settings.interval;
        let mut due = Instant::now() + interval.min(SPREAD_MAX).mul_f64(place(watched, 0));
        for turn in 1_u64.. {
            tokio::time::sleep_until(due).await;
            self.turn(watched).await;
            let jitter = 1.0 - JITTER + 2.0 * JITTER * place(watched, turn);
            due += interval.mul_f64(jitter);
            // After a long pause the missed checks are not caught up on.
            due = due.max(Instant::now());
        }
    }

    async fn turn(self: &Arc<Self>, watched: &Arc<Watched>) {
        let (time_ms, result) = {
            // The gate is never closed.
            let _permit = self.gate.acquire().await.ok();
            self.check(&watched.settings).await
        };
        let (inner, own) = (Arc::clone(self), Arc::clone(watched));
        let kept = tokio::task::spawn_blocking(move || inner.keep(&own, time_ms, result));
        if let Err(error) = kept.await {
            let probe = &watched.settings.name;
            tracing::error!(probe, "the result of a probe could not be kept: {error}");
        }
    }

    /// Writes what a check found, and keeps the state where it is another. Blocks.
    fn keep(&self, watched: &Watched, time_ms: i64, result: ProbeResult) {
        let settings = &watched.settings;
        let written = watched
            .series
            .lock()
            .write(self.parts.store.as_ref(), time_ms, &result);
        let (unstored, is_news) = watched.take(time_ms, Arc::new(result), written.err());
        if let Some(reason) = unstored {
            tracing::warn!(
                probe = settings.name,
                "not all that a probe found is stored: {reason}"
            );
        }
        if !is_news {
            return;
        }
        self.changes.send_modify(|count| *count += 1);
        let Some(remembered) = watched.remembered() else {
            return;
        };
        if let Err(error) = memory::remember(self.parts.state.as_ref(), &settings.name, &remembered)
        {
            tracing::warn!(
                probe = settings.name,
                "the state of a probe is not kept: {error}"
            );
        }
        tracing::info!(
            probe = settings.name,
            state = remembered.state.as_str(),
            reason = remembered.reason,
            "how the target of a probe is"
        );
    }

    /// Checks once. Whatever goes wrong is a result.
    async fn check(&self, settings: &ProbeSettings) -> (i64, ProbeResult) {
        let time_ms = self.parts.clock.now_ms();
        let timeout = settings
            .module
            .timeout_within(Some(settings.timeout), Duration::ZERO);
        let result = self
            .probe(&settings.module, &settings.target, timeout)
            .await;
        (time_ms, result)
    }

    async fn probe(&self, module: &Arc<Module>, target: &str, timeout: Duration) -> ProbeResult {
        let (module_of_task, target) = (Arc::clone(module), target.to_owned());
        let (clock, canaries) = (Arc::clone(&self.parts.clock), Arc::clone(&self.canaries));
        // On a task of its own, so that a panic in a parser is a reason and not the end of the probe.
        let task = tokio::spawn(async move {
            let surroundings = Surroundings {
                clock: clock.as_ref(),
                canaries: Some(&canaries),
            };
            probe_within(&module_of_task, &target, timeout, &surroundings).await
        });
        let guard = AbortOnDrop(task.abort_handle());
        let result = match task.await {
            Ok(result) => result,
            Err(error) => ProbeResult::broken(format!("the probe itself failed: {error}"), timeout),
        };
        drop(guard);
        if matches!(&module.prober, Prober::Llm(llm) if llm.canary.is_some()) {
            self.keep_canaries().await;
        }
        result
    }

    /// Keeps what canaries have spent, so that a restart opens no new budget.
    async fn keep_canaries(&self) {
        let (state, canaries) = (Arc::clone(&self.parts.state), Arc::clone(&self.canaries));
        let kept = tokio::task::spawn_blocking(move || {
            memory::remember_canaries(state.as_ref(), &canaries.spent())
        });
        match kept.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("what canaries have spent is not kept: {error}"),
            Err(error) => tracing::error!("what canaries have spent is not kept: {error}"),
        }
    }
}

/// A check ends with the one who asked for it.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A number in [0, 1) that differs between probes and turns, and is the same after a restart.
fn place(watched: &Watched, turn: u64) -> f64 {
    let mut hasher = DefaultHasher::new();
    (&watched.settings.name, turn).hash(&mut hasher);
    (hasher.finish() >> 11) as f64 / (1_u64 << 53) as f64
}

impl Watched {
    /// Takes a result. Gives why samples are not stored where that is new, and whether the state has changed.
    fn take(
        &self,
        time_ms: i64,
        result: Arc<ProbeResult>,
        unstored: Option<WriteError>,
    ) -> (Option<String>, bool) {
        let mut known = self.known.lock();
        let before = (self.state_of(&known), known.record.since_ms());
        if let Some(outcome) = outcome_of(&result) {
            known
                .record
                .take(outcome, time_ms, self.settings.thresholds);
            known.found_out = Some(Instant::now());
        }
        if known.history.len() >= HISTORY_MAX {
            known.history.pop_front();
        }
        known
            .history
            .push_back(Arc::new(Check::of(&result, time_ms)));
        if !result.success {
            known.last_failure = Some((time_ms, Arc::clone(&result)));
        }
        known.last = Some(result);
        let unstored = unstored.map(|error| error.to_string());
        let is_new = known.unstored != unstored;
        known.unstored.clone_from(&unstored);
        let after = (self.state_of(&known), known.record.since_ms());
        (unstored.filter(|_| is_new), before != after)
    }

    /// How it is now, with what is too old taken into account.
    fn state(&self) -> HealthState {
        let known = self.known.lock();
        self.state_of(&known)
    }

    fn state_of(&self, known: &Known) -> HealthState {
        let stale_after = self.settings.interval * STALE_INTERVALS + self.settings.timeout;
        match known.found_out {
            Some(at) if at.elapsed() <= stale_after => known.record.state(),
            _ => HealthState::Unknown,
        }
    }

    fn remembered(&self) -> Option<Remembered> {
        let known = self.known.lock();
        Some(Remembered {
            state: known.record.state(),
            since_ms: known.record.since_ms()?,
            reason: known.record.own_reason().to_owned(),
        })
    }

    /// What the next probe of this name begins with.
    fn handed_on(&self) -> Option<(Remembered, Option<Instant>)> {
        let found_out = self.known.lock().found_out;
        self.remembered().map(|it| (it, found_out))
    }

    fn status(&self) -> ProbeStatus {
        let known = self.known.lock();
        let state = self.state_of(&known);
        let (reason, since_ms) = match (&known.last, state) {
            (None, HealthState::Unknown) => ("not checked yet".to_owned(), None),
            (Some(last), HealthState::Unknown) if last.verdict == Verdict::Unknown => {
                (last.reason.clone().unwrap_or_default(), None)
            }
            (Some(_), HealthState::Unknown) => {
                let last_ms = known.history.back().map_or(0, |it| it.time_ms);
                let time = jiff::Timestamp::from_millisecond(last_ms).unwrap_or_default();
                (format!("not checked since {time}"), None)
            }
            _ => (known.record.reason().to_owned(), known.record.since_ms()),
        };
        ProbeStatus {
            settings: Arc::clone(&self.settings),
            state,
            reason,
            since_ms,
            failures: known.record.failures(),
            caused_by: Vec::new(),
            maintenance: None,
            history: known.history.iter().cloned().collect(),
            last: known.last.clone(),
            last_failure: known.last_failure.clone(),
        }
    }
}
