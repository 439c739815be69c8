//! What a service asks, and says, of its health.

use std::fmt;
use std::sync::Arc;

use bellwether_health::one_line;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::builder::HealthBuilder;
use super::core::Core;
use super::pulse::PulseThread;
use super::{HealthReport, HealthState};
use crate::Settings;

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

/// What looks; it ends when it is dropped.
pub(super) struct Running {
    tasks: Vec<AbortHandle>,
    _thread: PulseThread,
}

impl Running {
    pub(super) fn new(tasks: Vec<AbortHandle>, thread: PulseThread) -> Self {
        Self {
            tasks,
            _thread: thread,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl HealthRegistry {
    pub(super) fn new(core: Arc<Core>, running: Running) -> Self {
        Self(Arc::new(Owner {
            core,
            running: Mutex::new(Some(running)),
        }))
    }

    /// Begins one that looks as often as the settings say. It does so whether or not monitoring is
    /// enabled: whoever restarts a service wants to know how it is in any case.
    #[must_use]
    pub fn builder(settings: &Settings) -> HealthBuilder {
        HealthBuilder::new(settings.probe_interval)
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
