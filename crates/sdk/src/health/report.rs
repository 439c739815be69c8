//! What a registry knows, to be read.

use std::time::Duration;

use serde::{Serialize, Serializer};

use super::{Criticality, HealthState};

/// Reasons that are listed; of more than these it is said how many there are. Chosen: whoever reads
/// them in an event of Kubernetes sees some 1024 bytes.
const REASONS_MAX: usize = 20;

/// How a service is, and its probes. From what was found last: asking for it checks nothing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HealthReport {
    /// Down where a critical probe is; else unknown where a critical one is; else degraded where a
    /// critical one is degraded or an important one is degraded or down; else up.
    pub state: HealthState,
    /// A line for each probe for which it is not up, causes before what they cause; at most 20, and one
    /// that says how many more there are.
    pub reasons: Vec<String>,
    /// Whether it should go on, as `/livez` says.
    pub is_live: bool,
    /// Whether it should get requests, as `/readyz` says.
    pub is_ready: bool,
    /// Whether it came up, as `/startupz` says.
    pub is_started: bool,
    /// Whether it is about to end.
    pub is_draining: bool,
    /// All probes, by name.
    pub probes: Vec<ProbeReport>,
}

/// How a probe is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProbeReport {
    /// Its name.
    pub name: String,
    /// How it is, by its thresholds. Unknown where the last check is older than three intervals and the
    /// time-out.
    pub state: HealthState,
    /// Why it is so or, where it is about to become worse, why that is; one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it means for the service.
    pub criticality: Criticality,
    /// Since when the checks say what they say, ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// When the last check ended, ms since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_ms: Option<i64>,
    /// How long the last check took.
    #[serde(
        rename = "duration_seconds",
        serialize_with = "seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub duration: Option<Duration>,
    /// Checks in a row that found it down, whatever the thresholds make of it.
    pub failures: u32,
    /// Probes that this one depends on and that are as bad, with nothing behind them that is: where to
    /// look first. By name; empty where it is up or the cause is its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub caused_by: Vec<String>,
}

fn seconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.map(|it| it.as_secs_f64()).serialize(serializer)
}

/// How a service is whose probes are so.
pub(super) fn overall(probes: impl Iterator<Item = (Criticality, HealthState)>) -> HealthState {
    let (mut worst, mut is_known) = (HealthState::Up, true);
    for (criticality, state) in probes {
        let share = share(criticality, state);
        is_known &= share != HealthState::Unknown;
        if share.badness() > worst.badness() {
            worst = share;
        }
    }
    match is_known || worst == HealthState::Down {
        true => worst,
        false => HealthState::Unknown,
    }
}

/// How the service would be if it had no other probe.
fn share(criticality: Criticality, state: HealthState) -> HealthState {
    match (criticality, state) {
        (Criticality::Critical, state) => state,
        (Criticality::Important, HealthState::Degraded | HealthState::Down) => {
            HealthState::Degraded
        }
        _ => HealthState::Up,
    }
}

/// Why the service is as it is.
pub(super) fn reasons(probes: &[ProbeReport]) -> Vec<String> {
    let counts = |it: &&ProbeReport| share(it.criticality, it.state) != HealthState::Up;
    let mut counted: Vec<&ProbeReport> = probes.iter().filter(counts).collect();
    // What the service is down for comes first, and of that what explains the rest.
    counted.sort_by_key(|probe| {
        let is_milder = probe.criticality != Criticality::Critical;
        let badness = std::cmp::Reverse(probe.state.badness());
        (is_milder, badness, !probe.caused_by.is_empty())
    });
    let mut lines: Vec<String> = counted
        .iter()
        .take(REASONS_MAX)
        .map(|it| it.line())
        .collect();
    if let Some(more @ 1..) = counted.len().checked_sub(REASONS_MAX) {
        lines.push(format!("{more} more"));
    }
    lines
}

impl ProbeReport {
    /// `database is down: connection refused (caused by disk)`
    pub(super) fn line(&self) -> String {
        let mut line = format!("{} is {}", self.name, self.state);
        if let Some(reason) = &self.reason {
            line.push_str(": ");
            line.push_str(reason);
        }
        if !self.caused_by.is_empty() {
            line.push_str(" (caused by ");
            line.push_str(&self.caused_by.join(", "));
            line.push(')');
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::Criticality::{Critical, Important, Informative};
    use super::HealthState::{Degraded, Down, Unknown, Up};
    use super::*;

    #[test]
    fn a_service_is_as_its_probes_make_it() {
        for (probes, want) in [
            (&[] as &[_], Up),
            (&[(Critical, Up), (Important, Up)], Up),
            (&[(Critical, Up), (Informative, Down)], Up),
            (&[(Critical, Up), (Important, Unknown)], Up),
            (&[(Critical, Up), (Important, Down)], Degraded),
            (&[(Critical, Up), (Important, Degraded)], Degraded),
            (&[(Critical, Degraded), (Important, Up)], Degraded),
            (&[(Critical, Unknown), (Important, Down)], Unknown),
            (&[(Critical, Unknown), (Critical, Down)], Down),
            (&[(Critical, Down), (Critical, Up)], Down),
        ] {
            assert_eq!(overall(probes.iter().copied()), want, "{probes:?}");
        }
    }
}
