//! All probes of a service and what is known of them.

use std::sync::Arc;
use std::time::Duration;

use bellwether_health::{Graph, Record, Thresholds};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::metrics::StateSet;
use super::pulse::{LOOK, Pulse};
use super::report::{self, HealthReport, ProbeReport};
use super::schedule::Schedule;
use super::{Criticality, HealthState, Outcome, Probe, ProbeSettings};
use crate::clock::put_time;
use crate::{Clock, Histogram, Level, Telemetry};

/// Intervals after which a result, and the time-out, is no longer believed. With the most jitter a
/// check begins 1.5 intervals after the one before.
const STALE_INTERVALS: u32 = 3;

/// What the tasks of probes and whoever asks share.
pub(super) struct Core {
    /// By name.
    pub(super) entries: Vec<Entry>,
    graph: Graph,
    /// Held while somebody reads or a check ended; never while a check or a sink runs.
    known: Mutex<Known>,
    overall_states: StateSet,
    pub(super) changes: watch::Sender<u64>,
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
    pub(super) states: StateSet,
    pub(super) durations: Histogram,
}

pub(super) struct Known {
    records: Vec<Checked>,
    /// Of each probe, as it was told last.
    pub(super) states: Vec<HealthState>,
    pub(super) overall: HealthState,
    pub(super) is_started: bool,
    pub(super) is_draining: bool,
    pub(super) is_stopped: bool,
    pub(super) not_live: Option<String>,
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
    /// One in which nothing was checked yet. Entries are in the order of their names.
    pub(super) fn new(
        entries: Vec<Entry>,
        graph: Graph,
        overall_states: StateSet,
        telemetry: Telemetry,
        clock: Arc<dyn Clock>,
        stuck_after: Option<Duration>,
        pulse: Arc<Pulse>,
    ) -> Self {
        let states = vec![HealthState::Unknown; entries.len()];
        let criticalities = entries.iter().map(|it| it.settings.criticality);
        let overall = report::overall(criticalities.zip(states.iter().copied()));
        for entry in &entries {
            entry.states.set(HealthState::Unknown);
        }
        overall_states.set(overall);
        Self {
            known: Mutex::new(Known {
                records: entries.iter().map(|_| Checked::default()).collect(),
                states,
                overall,
                is_started: false,
                is_draining: false,
                is_stopped: false,
                not_live: None,
            }),
            entries,
            graph,
            overall_states,
            changes: watch::Sender::new(0),
            telemetry,
            clock,
            started: Instant::now(),
            stuck_after,
            pulse,
        }
    }

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
    pub(super) fn read<T>(&self, read: impl FnOnce(&Known) -> T) -> T {
        let mut known = self.known.lock();
        let changes = self.refresh(&mut known, Instant::now());
        let read = read(&known);
        drop(known);
        self.tell(changes);
        read
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Known)) {
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

    pub(super) fn report(&self) -> HealthReport {
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

    pub(super) fn live_problems(&self, known: &Known) -> Vec<String> {
        let stuck_for = self.pulse.stuck_for();
        let is_stuck = self.stuck_after.is_some_and(|it| stuck_for >= it.max(LOOK));
        let stuck = is_stuck.then(|| {
            let seconds = stuck_for.as_secs();
            format!("the runtime ran nothing for {seconds} s")
        });
        known.not_live.clone().into_iter().chain(stuck).collect()
    }

    pub(super) fn ready_problems(&self, known: &Known) -> Vec<String> {
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

    pub(super) fn startup_problems(&self, known: &Known) -> Vec<String> {
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
