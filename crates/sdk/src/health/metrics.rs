//! The numbers of health.

use super::HealthState;
use crate::{Buckets, DURATION_BOUNDS_SECONDS, Gauge, Histogram, Telemetry};

/// A gauge for each state, 1 for the one that is.
pub(super) struct StateSet([Gauge; 4]);

impl StateSet {
    pub(super) fn set(&self, state: HealthState) {
        for (gauge, of) in self.0.iter().zip(HealthState::ALL) {
            gauge.set(if of == state { 1.0 } else { 0.0 });
        }
    }
}

pub(super) struct Metrics {
    states: crate::Family<Gauge, 2>,
    durations: crate::Family<Histogram, 1>,
    pub(super) overall: StateSet,
}

impl Metrics {
    pub(super) fn new(telemetry: &Telemetry) -> Self {
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

    pub(super) fn states_of(&self, probe: &str) -> StateSet {
        let gauge = |state: HealthState| self.states.with([probe, state.as_str()]).clone();
        StateSet(HealthState::ALL.map(gauge))
    }

    pub(super) fn durations_of(&self, probe: &str) -> Histogram {
        self.durations.with([probe]).clone()
    }
}
