//! What one check found, as it is kept.

use std::time::Duration;

use bellwether_health::{HealthState, Outcome};

use crate::{Phase, ProbeResult, Verdict};

/// A check of the past: what there is to be shown in a row of many.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// When it began, ms since 1970.
    pub time_ms: i64,
    /// What it found by itself, whatever the thresholds make of it.
    pub state: HealthState,
    /// Why; empty where it is up.
    pub reason: String,
    /// How long it took.
    pub duration: Duration,
    /// Where the time went.
    pub phases: Vec<Phase>,
}

impl Check {
    /// What is kept of a result.
    #[must_use]
    pub fn of(result: &ProbeResult, time_ms: i64) -> Self {
        let state = match result.verdict {
            Verdict::Up => HealthState::Up,
            Verdict::Degraded => HealthState::Degraded,
            Verdict::Down => HealthState::Down,
            Verdict::Unknown => HealthState::Unknown,
        };
        Self {
            time_ms,
            state,
            reason: result.reason.clone().unwrap_or_default(),
            duration: result.duration,
            phases: result.phases.clone(),
        }
    }
}

/// What a result says of the target. None where the probe could not find out.
pub(super) fn outcome_of(result: &ProbeResult) -> Option<Outcome> {
    let reason = || result.reason.as_deref().unwrap_or_default();
    match result.verdict {
        Verdict::Up => Some(Outcome::Up),
        Verdict::Degraded => Some(Outcome::degraded(reason())),
        Verdict::Down => Some(Outcome::down(reason())),
        Verdict::Unknown => None,
    }
}
