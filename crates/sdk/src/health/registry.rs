//! All probes of a service and what is known of them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bellwether_health::{Graph, Record, Thresholds, one_line};
use parking_lot::Mutex;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::pulse::{LOOK, Pulse, PulseThread};
use super::report::{self, HealthReport, ProbeReport};
use super::schedule::Schedule;
use super::settings::graph_of;
use super::{
    Criticality, HealthError, HealthState, Outcome, Probe, ProbeConfig, ProbeFactory,
    ProbeSettings, run,
};
use crate::clock::put_time;
use crate::{
    Buckets, Clock, DURATION_BOUNDS_SECONDS, Gauge, Histogram, Level, Settings, SystemClock,
    Telemetry,
};

/// Chosen: as long as Kubernetes waits by default, three times ten seconds.
const STUCK_AFTER: Duration = Duration::from_secs(30);
/// Intervals after which a result, and the time-out, is no longer believed. With the most jitter a
/// check begins 1.5 intervals after the one before.
const STALE_INTERVALS: u32 = 3;

/// Makes a [`HealthRegistry`].
pub struct HealthBuilder {
    interval: Duration,
    telemetry: Telemetry,
    clock: Arc<dyn Clock>,
    stuck_after: Option<Duration>,
    pulse: Arc<Pulse>,
    probes: Vec<(ProbeSettings, Arc<dyn Probe>)>,
}

impl HealthBuilder {
    /// Where changes are told and numbers are kept. Without it, or with one that is off, everything
    /// works and nothing is kept.
    #[must_use]
    pub fn telemetry(self, telemetry: &Telemetry) -> Self {
        Self {
            telemetry: telemetry.clone(),
            ..self
        }
    }

    /// The clock that says when something was. How long something takes is the runtime's to say.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// How long a runtime that runs nothing is waited for until the service is not live, counted in
    /// quarters of a second; 30 s unless something else is said. `None`: for ever.
    #[must_use]
    pub fn stuck_after(self, patience: Option<Duration>) -> Self {
        Self {
            stuck_after: patience,
            ..self
        }
    }

    /// Adds a probe.
    #[must_use]
    pub fn probe(mut self, settings: ProbeSettings, probe: impl Probe) -> Self {
        self.probes.push((settings, Arc::new(probe)));
        self
    }

    /// Adds probes that a configuration names.
    ///
    /// # Errors
    /// The first setting that makes no sense.
    pub fn configure(
        mut self,
        factory: &ProbeFactory,
        configs: impl IntoIterator<Item = ProbeConfig>,
    ) -> Result<Self, HealthError> {
        for config in configs {
            self.probes.push(factory.make(config, &self.pulse)?);
        }
        Ok(self)
    }

    /// Starts looking, on the runtime in whose context this is called, and a thread named
    /// `bellwether-pulse`.
    ///
    /// # Errors
    /// Where a setting makes no sense, names are there twice, dependencies are missing or circular,
    /// there is no runtime, or there is no thread to be had.
    pub fn start(mut self) -> Result<HealthRegistry, HealthError> {
        self.probes
            .sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
        let interval_of = |settings: &ProbeSettings| settings.interval.unwrap_or(self.interval);
        for (settings, _) in &self.probes {
            settings.check(interval_of(settings))?;
        }
        let settings: Vec<&ProbeSettings> = self.probes.iter().map(|(it, _)| it).collect();
        let graph = graph_of(&settings)?;
        let runtime = Handle::try_current().map_err(|_| HealthError::NoRuntime)?;
        let thread = PulseThread::start(Arc::clone(&self.pulse), runtime.clone());
        let thread = thread.map_err(|source| HealthError::Thread { source })?;
        let metrics = Metrics::new(&self.telemetry);
        let entry = |(settings, probe): (ProbeSettings, Arc<dyn Probe>)| {
            let interval = settings.interval.unwrap_or(self.interval);
            Entry {
                schedule: Schedule::new(&settings.name, interval, settings.jitter),
                states: metrics.states_of(&settings.name),
                durations: metrics.durations_of(&settings.name),
                settings,
                probe,
            }
        };
        let entries: Vec<Entry> = self.probes.into_iter().map(entry).collect();
        let states = vec![HealthState::Unknown; entries.len()];
        let core = Arc::new(Core {
            known: Mutex::new(Known {
                records: entries.iter().map(|_| Checked::default()).collect(),
                overall: report::overall(
                    entries
                        .iter()
                        .map(|it| (it.settings.criticality, HealthState::Unknown)),
                ),
                states,
                is_started: false,
                is_draining: false,
                is_stopped: false,
                not_live: None,
            }),
            graph,
            overall_states: metrics.overall,
            changes: watch::Sender::new(0),
            telemetry: self.telemetry,
            clock: self.clock,
            started: Instant::now(),
            stuck_after: self.stuck_after,
            pulse: self.pulse,
            entries,
        });
        for entry in &core.entries {
            entry.states.set(HealthState::Unknown);
        }
        core.overall_states.set(core.known.lock().overall);
        let indices = 0..core.entries.len();
        let looks =
            indices.map(|index| runtime.spawn(run::look_for_ever(Arc::clone(&core), index)));
        let tasks = looks.map(|it| it.abort_handle()).collect();
        Ok(HealthRegistry(Arc::new(Owner {
            core,
            running: Mutex::new(Some(Running {
                tasks,
                _thread: thread,
            })),
        })))
    }
}

impl fmt::Debug for HealthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.probes.iter().map(|(it, _)| it.name.as_str()).collect();
        f.debug_struct("HealthBuilder")
            .field("probes", &names)
            .finish_non_exhaustive()
    }
}

/// The health of a service. Cheap to clone; clones are the same. When the last one is dropped, nobody
/// looks any more.
///
/// A check that takes longer than its time-out, panics, or blocks its thread is one that found its
/// probe down, for that reason; other probes do not notice. Two checks of a probe never run at once.
///
/// A probe that keeps a clone keeps the registry: that ends with [`stop`](Self::stop).
#[derive(Clone)]
pub struct HealthRegistry(Arc<Owner>);

struct Owner {
    core: Arc<Core>,
    /// `None` where it was stopped.
    running: Mutex<Option<Running>>,
}

struct Running {
    tasks: Vec<AbortHandle>,
    _thread: PulseThread,
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl HealthRegistry {
    /// Begins one that looks as often as the settings say. It does so whether or not monitoring is
    /// enabled: whoever restarts a service wants to know how it is in any case.
    #[must_use]
    pub fn builder(settings: &Settings) -> HealthBuilder {
        HealthBuilder {
            interval: settings.probe_interval,
            telemetry: Telemetry::off(),
            clock: Arc::new(SystemClock),
            stuck_after: Some(STUCK_AFTER),
            pulse: Arc::default(),
            probes: Vec::new(),
        }
    }

    /// How the service is and all of its probes are.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        self.core().report()
    }

    /// How the service is.
    #[must_use]
    pub fn state(&self) -> HealthState {
        self.core().read(|known| known.overall)
    }

    /// How a probe is; `None` where there is none of that name.
    #[must_use]
    pub fn probe_state(&self, name: &str) -> Option<HealthState> {
        let entries = &self.core().entries;
        let found = entries.binary_search_by(|it| it.settings.name.as_str().cmp(name));
        let index = found.ok()?;
        self.core().read(|known| known.states.get(index).copied())
    }

    /// Why the service should be ended and started again; empty: it should not. No probe has a say.
    #[must_use]
    pub fn live_problems(&self) -> Vec<String> {
        self.core().read(|known| self.core().live_problems(known))
    }

    /// Why the service should get no requests; empty: it should. It should not while it comes up,
    /// drains, or is down. One whose state is unknown after that keeps its requests: not knowing is no
    /// reason to take away all of its replicas at once.
    #[must_use]
    pub fn ready_problems(&self) -> Vec<String> {
        self.core().read(|known| self.core().ready_problems(known))
    }

    /// Why the service did not come up yet; empty: it did. Each critical probe has to be up or degraded
    /// once, and the service to say that it [`started`](Self::started).
    #[must_use]
    pub fn startup_problems(&self) -> Vec<String> {
        self.core()
            .read(|known| self.core().startup_problems(known))
    }

    /// Says that the service did what it has to before it takes requests.
    pub fn started(&self) {
        self.core().change(|known| known.is_started = true);
    }

    /// Says that the service is about to end: it is not ready from now on.
    pub fn begin_drain(&self) {
        self.core().change(|known| known.is_draining = true);
    }

    /// Says that the service cannot go on and should be started again. There is no way back; the first
    /// reason stays.
    pub fn fail_liveness(&self, reason: &str) {
        let reason = one_line(reason.to_owned());
        self.core().change(|known| {
            known.not_live.get_or_insert(reason);
        });
    }

    /// Stops looking: all tasks and the thread end, and the service is not ready. A check that blocks
    /// its thread ends when it wants to.
    pub fn stop(&self) {
        self.core().change(|known| known.is_stopped = true);
        let running = self.0.running.lock().take();
        drop(running);
    }

    /// Tells of all changes from now on.
    #[must_use]
    pub fn changes(&self) -> HealthChanges {
        HealthChanges(self.core().changes.subscribe())
    }

    pub(super) fn core(&self) -> &Core {
        &self.0.core
    }
}

impl fmt::Debug for HealthRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthRegistry")
            .field("state", &self.state())
            .field("probes", &self.core().entries.len())
            .finish()
    }
}

/// Tells when something about a [`HealthRegistry`] is not as it was.
#[derive(Debug)]
pub struct HealthChanges(watch::Receiver<u64>);

impl HealthChanges {
    /// Waits for a change since the last time; `false`: there will be none, since the registry is gone.
    /// Several changes at once are one. That a result is too old is noticed when somebody asks.
    pub async fn changed(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

/// What the tasks of probes and whoever asks share.
pub(super) struct Core {
    /// By name.
    pub(super) entries: Vec<Entry>,
    graph: Graph,
    /// Held while somebody reads or a check ended; never while a check or a sink runs.
    known: Mutex<Known>,
    overall_states: StateSet,
    changes: watch::Sender<u64>,
    telemetry: Telemetry,
    clock: Arc<dyn Clock>,
    pub(super) started: Instant,
    stuck_after: Option<Duration>,
    pulse: Arc<Pulse>,
}

pub(super) struct Entry {
    pub(super) settings: ProbeSettings,
    pub(super) probe: Arc<dyn Probe>,
    pub(super) schedule: Schedule,
    states: StateSet,
    durations: Histogram,
}

struct Known {
    records: Vec<Checked>,
    /// Of each probe, as it was told last.
    states: Vec<HealthState>,
    overall: HealthState,
    is_started: bool,
    is_draining: bool,
    is_stopped: bool,
    not_live: Option<String>,
}

/// What is known of a probe.
#[derive(Default)]
struct Checked {
    record: Record,
    /// When the last check ended, and how long it took.
    last: Option<(Moment, Duration)>,
}

/// When something was, in the time of the runtime and in that of people.
#[derive(Clone, Copy)]
struct Moment {
    instant: Instant,
    time_ms: i64,
}

struct Change {
    /// `None`: the service.
    probe: Option<usize>,
    from: HealthState,
    to: HealthState,
    reason: String,
}

impl Core {
    /// Takes what a check found that ended now.
    pub(super) fn record(&self, index: usize, outcome: Outcome, took: Duration) {
        let Some(entry) = self.entries.get(index) else {
            return;
        };
        entry.durations.observe_duration(took);
        let now = Moment {
            instant: Instant::now(),
            time_ms: self.clock.now_ms(),
        };
        let thresholds = Thresholds {
            failure: entry.settings.failure_threshold,
            success: entry.settings.success_threshold,
        };
        let mut known = self.known.lock();
        let Known {
            records, states, ..
        } = &mut *known;
        let (Some(record), Some(state)) = (records.get_mut(index), states.get(index)) else {
            return;
        };
        record.last = Some((now, took));
        record.record.take(outcome, now.time_ms, thresholds);
        // Mostly nothing changes, and then the other probes are not looked at.
        if *state != record.record.state() {
            let changes = self.refresh(&mut known, now.instant);
            drop(known);
            self.tell(changes);
        }
    }

    /// Reads what is known, with what is too old taken into account.
    fn read<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        let mut known = self.known.lock();
        let changes = self.refresh(&mut known, Instant::now());
        let read = read(&known);
        drop(known);
        self.tell(changes);
        read
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock());
        self.changes.send_modify(|count| *count += 1);
    }

    /// Brings states up to date; gives what changed.
    fn refresh(&self, known: &mut Known, now: Instant) -> Vec<Change> {
        let mut changes = Vec::new();
        let each = self
            .entries
            .iter()
            .zip(&known.records)
            .zip(&mut known.states);
        for (index, ((entry, record), state)) in each.enumerate() {
            let current = match record.last {
                Some((checked, _)) if now > checked.instant + entry.stale_after() => {
                    HealthState::Unknown
                }
                _ => record.record.state(),
            };
            let from = std::mem::replace(state, current);
            if from != current {
                entry.states.set(current);
                changes.push(Change {
                    probe: Some(index),
                    from,
                    to: current,
                    reason: entry.reason(record, current).unwrap_or_default(),
                });
            }
        }
        if changes.is_empty() {
            return changes;
        }
        let criticalities = self.entries.iter().map(|it| it.settings.criticality);
        let overall = report::overall(criticalities.zip(known.states.iter().copied()));
        let from = std::mem::replace(&mut known.overall, overall);
        if from != overall {
            self.overall_states.set(overall);
            changes.push(Change {
                probe: None,
                from,
                to: overall,
                reason: report::reasons(&self.probes(known)).join("; "),
            });
        }
        changes
    }

    /// Without the lock: a sink may ask how the service is.
    fn tell(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        for change in changes {
            let Change {
                from, to, reason, ..
            } = change;
            let entry = change.probe.and_then(|index| self.entries.get(index));
            let probe = entry.map(|it| it.settings.name.as_str());
            let is_grave = entry.is_none_or(|it| it.settings.criticality == Criticality::Critical);
            let level = match to {
                HealthState::Up => Level::Info,
                HealthState::Down if is_grave => Level::Error,
                _ => Level::Warning,
            };
            if !self.telemetry.has_sinks() {
                // With sinks the log has it from there, or would have it twice.
                tracing::info!(probe, %from, %to, reason, "health changed");
                continue;
            }
            let payload = json!({ "probe": probe, "from": from, "to": to, "reason": reason });
            self.telemetry.emit("health_changed", payload, level);
        }
        self.changes.send_modify(|count| *count += 1);
    }

    fn report(&self) -> HealthReport {
        self.read(|known| {
            let probes = self.probes(known);
            HealthReport {
                state: known.overall,
                reasons: report::reasons(&probes),
                is_live: self.live_problems(known).is_empty(),
                is_ready: self.ready_problems(known).is_empty(),
                is_started: self.startup_problems(known).is_empty(),
                is_draining: known.is_draining || known.is_stopped,
                probes,
            }
        })
    }

    /// Whether there will be no more checks.
    #[cfg(feature = "grpc")]
    pub(super) fn is_stopped(&self) -> bool {
        self.known.lock().is_stopped
    }

    fn probes(&self, known: &Known) -> Vec<ProbeReport> {
        let causes = self.graph.causes(&known.states);
        let each = self.entries.iter().zip(&known.records).zip(&known.states);
        let mut reports: Vec<ProbeReport> = each
            .map(|((entry, record), state)| ProbeReport {
                name: entry.settings.name.clone(),
                state: *state,
                reason: entry.reason(record, *state),
                criticality: entry.settings.criticality,
                since_ms: record.record.since_ms(),
                checked_ms: record.last.map(|(checked, _)| checked.time_ms),
                duration: record.last.map(|(_, took)| took),
                failures: record.record.failures(),
                caused_by: Vec::new(),
            })
            .collect();
        for (report, causes) in reports.iter_mut().zip(causes) {
            let found = causes.into_iter().filter_map(|it| self.entries.get(it));
            report.caused_by = found.map(|it| it.settings.name.clone()).collect();
        }
        reports
    }

    fn live_problems(&self, known: &Known) -> Vec<String> {
        let stuck_for = self.pulse.stuck_for();
        let is_stuck = self.stuck_after.is_some_and(|it| stuck_for >= it.max(LOOK));
        let stuck = is_stuck.then(|| {
            let seconds = stuck_for.as_secs();
            format!("the runtime ran nothing for {seconds} s")
        });
        known.not_live.clone().into_iter().chain(stuck).collect()
    }

    fn ready_problems(&self, known: &Known) -> Vec<String> {
        if known.is_stopped {
            return vec!["the health registry is stopped".to_owned()];
        }
        if known.is_draining {
            return vec!["the service drains".to_owned()];
        }
        let starting = self.startup_problems(known);
        if !starting.is_empty() || known.overall != HealthState::Down {
            return starting;
        }
        report::reasons(&self.probes(known))
    }

    fn startup_problems(&self, known: &Known) -> Vec<String> {
        let said =
            (!known.is_started).then(|| "the service did not say that it started".to_owned());
        let each = self.entries.iter().zip(&known.records);
        let missing = each.filter(|(entry, record)| {
            entry.settings.criticality == Criticality::Critical && !record.record.worked()
        });
        let missing = missing.map(|(entry, record)| {
            let state = record.record.state();
            let why = entry.reason(record, state);
            let why = why.map_or_else(String::new, |it| format!(": {it}"));
            format!("{} was not up yet{why}", entry.settings.name)
        });
        said.into_iter().chain(missing).collect()
    }
}

impl Entry {
    /// How old a result may be.
    fn stale_after(&self) -> Duration {
        self.schedule.interval() * STALE_INTERVALS + self.settings.timeout
    }

    fn reason(&self, record: &Checked, state: HealthState) -> Option<String> {
        let reason = match (state, record.last) {
            (HealthState::Unknown, None) => "not checked yet".to_owned(),
            (HealthState::Unknown, Some((checked, _))) => {
                let mut time = Vec::new();
                put_time(&mut time, checked.time_ms);
                let time = String::from_utf8(time).unwrap_or_default();
                format!("not checked since {time}")
            }
            _ => record.record.reason().to_owned(),
        };
        (!reason.is_empty()).then_some(reason)
    }
}

/// A gauge for each state, 1 for the one that is.
struct StateSet([Gauge; 4]);

impl StateSet {
    fn set(&self, state: HealthState) {
        for (gauge, of) in self.0.iter().zip(HealthState::ALL) {
            gauge.set(if of == state { 1.0 } else { 0.0 });
        }
    }
}

struct Metrics {
    states: crate::Family<Gauge, 2>,
    durations: crate::Family<Histogram, 1>,
    overall: StateSet,
}

impl Metrics {
    fn new(telemetry: &Telemetry) -> Self {
        let overall = telemetry.gauge_family(
            "health_state",
            "Whether the service is in a state: 1 for the one it is in.",
            ["state"],
        );
        Self {
            states: telemetry.gauge_family(
                "health_probe_state",
                "Whether a probe is in a state: 1 for the one it is in.",
                ["probe", "state"],
            ),
            durations: telemetry.histogram_family(
                "health_probe_duration_seconds",
                "How long the checks of a probe took.",
                ["probe"],
                Buckets::Both(&DURATION_BOUNDS_SECONDS),
            ),
            overall: StateSet(HealthState::ALL.map(|it| overall.with([it.as_str()]).clone())),
        }
    }

    fn states_of(&self, probe: &str) -> StateSet {
        let gauge = |state: HealthState| self.states.with([probe, state.as_str()]).clone();
        StateSet(HealthState::ALL.map(gauge))
    }

    fn durations_of(&self, probe: &str) -> Histogram {
        self.durations.with([probe]).clone()
    }
}
