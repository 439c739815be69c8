//! What came of a probe, and the texts in which it is shown.

use std::fmt::Write as _;
use std::time::Duration;

use crate::recorder::{Failure, Recorder};

/// One measured value.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The name, as blackbox_exporter has it where it has it.
    pub name: &'static str,
    /// What it means, in one sentence.
    pub help: &'static str,
    /// Labels without the name.
    pub labels: Vec<(String, String)>,
    /// The value. All metrics are gauges.
    pub value: f64,
}

/// A part of a probe and how long it took. The same name comes again for each redirect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// Such as `resolve` or `tls`.
    pub name: &'static str,
    /// How long it took, or how long it had taken when the probe failed in it.
    pub duration: Duration,
    /// Whether it came to its end.
    pub finished: bool,
}

/// A line of the log of a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When, counted from the start of the probe.
    pub at: Duration,
    /// What was done or seen. Holds no secret of the settings.
    pub text: String,
}

/// How a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// As the module wants it.
    Up,
    /// Usable, but something is not as the module wants it.
    Degraded,
    /// Not usable.
    Down,
    /// The probe could not find out, through no fault of the target's.
    Unknown,
}

impl Verdict {
    /// In small letters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        }
    }
}

/// What came of a probe.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeResult {
    /// Whether the target can be used: it is up or degraded.
    pub success: bool,
    /// How the target is.
    pub verdict: Verdict,
    /// Why the verdict is not `Up`; one line. `None` exactly where it is.
    pub reason: Option<String>,
    /// How long the probe took.
    pub duration: Duration,
    /// How long it was allowed to take.
    pub timeout: Duration,
    /// Sorted by name, then by labels; `probe_success`, `probe_duration_seconds` and
    /// `probe_timeout_seconds` are among them.
    pub metrics: Vec<Metric>,
    /// In the order in which they began.
    pub phases: Vec<Phase>,
    /// In the order in which they happened.
    pub log: Vec<Step>,
}

impl ProbeResult {
    /// The result of a probe that could not even be tried.
    #[must_use]
    pub fn broken(reason: String, timeout: Duration) -> Self {
        Recorder::new(timeout).finish(Err(Failure::new(reason)))
    }

    /// The value of a metric, of its first labels where it has several.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        let metric = self.metrics.iter().find(|metric| metric.name == name)?;
        Some(metric.value)
    }

    /// The metrics in the text format of Prometheus 0.0.4: what `/probe` answers.
    #[must_use]
    pub fn exposition(&self) -> String {
        let mut out = String::new();
        let mut last = "";
        for metric in &self.metrics {
            // A string takes everything.
            write_metric(&mut out, metric, metric.name != last).ok();
            last = metric.name;
        }
        out
    }

    /// What `/probe` answers with `debug=true`: the steps, then the metrics.
    #[must_use]
    pub fn debug_text(&self) -> String {
        let mut out = String::from("Steps of the probe:\n");
        for step in &self.log {
            let text = step.text.escape_debug();
            writeln!(out, "{:>12.6}s {text}", step.at.as_secs_f64()).ok();
        }
        if let Some(reason) = &self.reason {
            let head = match self.verdict {
                Verdict::Degraded => "Degraded",
                Verdict::Unknown => "Unknown",
                Verdict::Up | Verdict::Down => "Failed",
            };
            writeln!(out, "\n{head}: {}", reason.escape_debug()).ok();
        }
        write!(out, "\n\nMetrics:\n{}", self.exposition()).ok();
        out
    }
}

fn write_metric(out: &mut String, metric: &Metric, first: bool) -> std::fmt::Result {
    let name = metric.name;
    if first {
        writeln!(out, "# HELP {name} {}", metric.help)?;
        writeln!(out, "# TYPE {name} gauge")?;
    }
    out.push_str(name);
    for (index, (label, value)) in metric.labels.iter().enumerate() {
        out.push(if index == 0 { '{' } else { ',' });
        write!(out, "{label}=\"")?;
        for character in value.chars() {
            match character {
                '\\' => out.push_str("\\\\"),
                '"' => out.push_str("\\\""),
                '\n' => out.push_str("\\n"),
                other => out.push(other),
            }
        }
        out.push('"');
    }
    if !metric.labels.is_empty() {
        out.push('}');
    }
    writeln!(out, " {}", bellwether_model::number::General(metric.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_help_stands_once() {
        let metric = |value: &str, number| Metric {
            name: "probe_x",
            help: "An x.",
            labels: vec![("a".to_owned(), value.to_owned())],
            value: number,
        };
        let result = ProbeResult {
            success: true,
            verdict: Verdict::Up,
            reason: None,
            duration: Duration::ZERO,
            timeout: Duration::ZERO,
            metrics: vec![metric("1", 1.5), metric("q\"\\\n", 2.0)],
            phases: Vec::new(),
            log: Vec::new(),
        };
        assert_eq!(
            result.exposition(),
            "# HELP probe_x An x.\n# TYPE probe_x gauge\nprobe_x{a=\"1\"} 1.5\n\
             probe_x{a=\"q\\\"\\\\\\n\"} 2\n"
        );
    }
}
