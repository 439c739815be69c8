//! What a running probe has found so far.
//!
//! ## Invariants
//! Everything is recorded when it happens, so that a probe that is cut off by its time-out leaves
//! what it had found. A metric that was recorded before is overwritten, or added to.

use std::time::Duration;

use bellwether_outbound::OutboundError;
use tokio::time::Instant;

use crate::result::{Metric, Phase, ProbeResult, Step};

/// Lines of a log. Chosen: a conversation that reads more lines than that is not debugged by reading.
const STEPS_MAX: usize = 1_000;
/// Characters of a line of a log.
const STEP_CHARS_MAX: usize = 1_000;

/// A metric's name and meaning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gauge {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
}

impl Gauge {
    pub(crate) const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help }
    }
}

pub(crate) const DNS_LOOKUP_TIME: Gauge = Gauge::new(
    "probe_dns_lookup_time_seconds",
    "How long it took to find the address of the target's name.",
);
pub(crate) const IP_PROTOCOL: Gauge = Gauge::new(
    "probe_ip_protocol",
    "The version of the Internet Protocol that the probe used: 4 or 6.",
);
pub(crate) const IP_ADDR_HASH: Gauge = Gauge::new(
    "probe_ip_addr_hash",
    "A hash of the probed address, which changes when the address does.",
);
pub(crate) const FAILED_DUE_TO_REGEX: Gauge = Gauge::new(
    "probe_failed_due_to_regex",
    "Whether the probe failed because of a pattern.",
);

const SUCCESS: Gauge = Gauge::new("probe_success", "Whether the probe succeeded.");
const DURATION: Gauge = Gauge::new("probe_duration_seconds", "How long the whole probe took.");
const TIMEOUT: Gauge = Gauge::new(
    "probe_timeout_seconds",
    "How long the probe was allowed to take.",
);

/// Why a probe failed: one sentence for people, without a full stop.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        Self(error.to_string())
    }
}

/// Takes down what happens during one probe.
#[derive(Debug)]
pub(crate) struct Recorder {
    started: Instant,
    metrics: Vec<Metric>,
    phases: Vec<Phase>,
    /// Where the last phase goes to and when it began, while it runs.
    running: Option<(Option<Gauge>, Instant)>,
    log: Vec<Step>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            metrics: Vec::new(),
            phases: Vec::new(),
            running: None,
            log: Vec::new(),
        }
    }

    /// Sets a metric without labels.
    pub(crate) fn set(&mut self, gauge: Gauge, value: f64) {
        *self.slot(gauge, &[]) = value;
    }

    /// Sets a metric to 1 or 0.
    pub(crate) fn set_bool(&mut self, gauge: Gauge, value: bool) {
        self.set(gauge, f64::from(u8::from(value)));
    }

    /// Sets a metric with labels.
    pub(crate) fn set_labelled(&mut self, gauge: Gauge, labels: &[(&str, &str)], value: f64) {
        *self.slot(gauge, labels) = value;
    }

    /// Makes phases of a duration metric visible before they begin, as zero.
    pub(crate) fn expect_phases(&mut self, gauge: Gauge, phases: &[&str]) {
        for phase in phases {
            self.slot(gauge, &[("phase", phase)]);
        }
    }

    fn slot(&mut self, gauge: Gauge, labels: &[(&str, &str)]) -> &mut f64 {
        let same = |metric: &Metric| {
            metric.name == gauge.name
                && metric.labels.len() == labels.len()
                && metric
                    .labels
                    .iter()
                    .zip(labels)
                    .all(|(own, other)| own.0 == other.0 && own.1 == other.1)
        };
        let index = match self.metrics.iter().position(same) {
            Some(index) => index,
            None => {
                let owned =
                    |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
                self.metrics.push(Metric {
                    name: gauge.name,
                    help: gauge.help,
                    labels: labels.iter().map(owned).collect(),
                    value: 0.0,
                });
                self.metrics.len() - 1
            }
        };
        &mut self.metrics[index].value
    }

    /// Begins a phase; `gauge` is the duration metric that it is added to when it ends.
    pub(crate) fn begin(&mut self, gauge: Option<Gauge>, phase: &'static str) {
        self.abandon();
        self.phases.push(Phase {
            name: phase,
            duration: Duration::ZERO,
            finished: false,
        });
        self.running = Some((gauge, Instant::now()));
    }

    /// Ends the phase that runs, adds it to its metric, and says how long it took.
    pub(crate) fn end(&mut self) -> Duration {
        let Some((gauge, duration)) = self.stop(true) else {
            return Duration::ZERO;
        };
        if let (Some(gauge), Some(phase)) = (gauge, self.phases.last()) {
            let name = phase.name;
            *self.slot(gauge, &[("phase", name)]) += duration.as_secs_f64();
        }
        duration
    }

    /// Ends the phase that runs, if one does, as one that failed.
    fn abandon(&mut self) {
        self.stop(false);
    }

    fn stop(&mut self, finished: bool) -> Option<(Option<Gauge>, Duration)> {
        let (gauge, began) = self.running.take()?;
        let duration = began.elapsed();
        if let Some(phase) = self.phases.last_mut() {
            phase.duration = duration;
            phase.finished = finished;
        }
        Some((gauge, duration))
    }

    /// The phase that runs.
    pub(crate) fn running_phase(&self) -> Option<&'static str> {
        self.running.as_ref()?;
        Some(self.phases.last()?.name)
    }

    /// Takes down a step.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        if self.log.len() >= STEPS_MAX {
            return;
        }
        let text = text.as_ref().chars().take(STEP_CHARS_MAX).collect();
        self.log.push(Step {
            at: self.started.elapsed(),
            text,
        });
    }

    /// The result of a probe that ends now.
    pub(crate) fn finish(mut self, timeout: Duration, outcome: Result<(), Failure>) -> ProbeResult {
        self.abandon();
        let reason = outcome.err().map(|failure| failure.0);
        match &reason {
            None => self.note("succeeded"),
            Some(reason) => {
                let text = format!("failed: {reason}");
                self.note(text);
            }
        }
        let duration = self.started.elapsed();
        self.set_bool(SUCCESS, reason.is_none());
        self.set(DURATION, duration.as_secs_f64());
        self.set(TIMEOUT, timeout.as_secs_f64());
        let mut metrics = self.metrics;
        metrics.sort_by(|a, b| (a.name, &a.labels).cmp(&(b.name, &b.labels)));
        ProbeResult {
            success: reason.is_none(),
            reason,
            duration,
            timeout,
            metrics,
            phases: self.phases,
            log: self.log,
        }
    }
}
