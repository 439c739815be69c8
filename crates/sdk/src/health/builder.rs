//! How a [`HealthRegistry`] comes to be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use super::core::{Core, Entry};
use super::metrics::Metrics;
use super::pulse::{Pulse, PulseThread};
use super::registry::{HealthRegistry, Running};
use super::schedule::Schedule;
use super::settings::graph_of;
use super::{HealthError, Probe, ProbeConfig, ProbeFactory, ProbeSettings, run};
use crate::{Clock, SystemClock, Telemetry};

/// Chosen: as long as Kubernetes waits by default, three times ten seconds.
const STUCK_AFTER: Duration = Duration::from_secs(30);

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
    pub(super) fn new(interval: Duration) -> Self {
        Self {
            interval,
            telemetry: Telemetry::off(),
            clock: Arc::new(SystemClock),
            stuck_after: Some(STUCK_AFTER),
            pulse: Arc::default(),
            probes: Vec::new(),
        }
    }

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
        let core = Arc::new(Core::new(
            entries,
            graph,
            metrics.overall,
            self.telemetry,
            self.clock,
            self.stuck_after,
            self.pulse,
        ));
        let indices = 0..core.entries.len();
        let looks =
            indices.map(|index| runtime.spawn(run::look_for_ever(Arc::clone(&core), index)));
        let tasks = looks.map(|it| it.abort_handle()).collect();
        Ok(HealthRegistry::new(core, Running::new(tasks, thread)))
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
