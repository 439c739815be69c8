//! What a running probe has found so far.
//!
//! ## Invariants
//! Everything is recorded when it happens, so that a probe that is cut off by its time-out leaves
//! what it had found. A metric that was recorded before is overwritten, or added to.

use std::time::Duration;

use bellwether_outbound::OutboundError;
use tokio::time::Instant;

use crate::api::CUT;
use crate::module::OnTrouble;
use crate::program::Tail;
use crate::result::{Metric, Phase, ProbeResult, Step, Verdict};

/// Lines of a log. Chosen: a conversation that reads more lines than that is not debugged by reading.
const STEPS_MAX: usize = 1_000;
/// Characters of a line of a log.
const STEP_CHARS_MAX: usize = 1_000;
/// Characters of a reason, which is one line and may quote a target.
const REASON_CHARS_MAX: usize = 1_000;
/// Characters of a label's value, which a target may have sent.
const LABEL_CHARS_MAX: usize = 200;
/// Reasons for being degraded that are kept; the first ones say enough.
const TROUBLES_MAX: usize = 5;
/// Shorter secrets are not looked for in texts: they would be found in innocent words.
const SECRET_BYTES_MIN: usize = 4;
const HIDDEN: &str = "<secret>";

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

const DEGRADED: Gauge = Gauge::new(
    "probe_degraded",
    "Whether the target is usable, but not as it should be.",
);
const SUCCESS: Gauge = Gauge::new("probe_success", "Whether the probe succeeded.");
const DURATION: Gauge = Gauge::new("probe_duration_seconds", "How long the whole probe took.");
const TIMEOUT: Gauge = Gauge::new(
    "probe_timeout_seconds",
    "How long the probe was allowed to take.",
);

/// Why a probe failed: one sentence for people, without a full stop.
#[derive(Debug)]
pub(crate) struct Failure {
    reason: String,
    verdict: Verdict,
}

impl Failure {
    /// The target is down.
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            verdict: Verdict::Down,
        }
    }

    /// The probe could not find out how the target is.
    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Unknown,
            ..Self::new(reason)
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.reason
    }

    /// The same with words before the reason.
    pub(crate) fn within(mut self, what: &str) -> Self {
        self.reason.insert_str(0, &format!("{what}: "));
        self
    }
}

/// Credentials, files of TLS and token servers are ours: nobody has asked the target yet, whose own connections have
/// failures of their own.
impl From<OutboundError> for Failure {
    fn from(error: OutboundError) -> Self {
        Self::unknown(error.to_string())
    }
}

/// Takes down what happens during one probe.
pub(crate) struct Recorder {
    started: Instant,
    /// How long the probe may take.
    timeout: Duration,
    metrics: Vec<Metric>,
    phases: Vec<Phase>,
    /// Where the last phase goes to and when it began, while it runs.
    running: Option<(Option<Gauge>, Instant)>,
    log: Vec<Step>,
    /// Why the target is degraded, where it is.
    troubles: Vec<String>,
    /// Whether the prober can say that a target is degraded.
    can_degrade: bool,
    /// The error output of programs, whose end is logged unless the probe succeeds.
    tails: Vec<Tail>,
    /// Texts that must be seen nowhere, also where the target sends them back.
    secrets: Vec<String>,
    certificate_ends_seconds: Option<f64>,
    /// How the probe ended, and when, where something follows that does not count.
    settled: Option<(Result<(), Failure>, Instant)>,
    /// The metric that tells, where the probe's time ends now, what it had waited for.
    cut_off: Option<(Gauge, &'static str, &'static str)>,
}

impl Recorder {
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            started: Instant::now(),
            timeout,
            metrics: Vec::new(),
            phases: Vec::new(),
            running: None,
            log: Vec::new(),
            troubles: Vec::new(),
            can_degrade: false,
            tails: Vec::new(),
            secrets: Vec::new(),
            certificate_ends_seconds: None,
            settled: None,
            cut_off: None,
        }
    }

    /// When the probe's time is over. `None`: farther away than a clock can tell.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.started.checked_add(self.timeout)
    }

    /// Logs the end of a program's error output should the probe not succeed.
    pub(crate) fn watch(&mut self, tail: Tail) {
        self.tails.push(tail);
    }

    /// Hides a text in all that is recorded from now on.
    pub(crate) fn hide(&mut self, secret: &str) {
        // Texts quote what a target sent, and excerpts put it on one line.
        let quoted = format!("{secret:?}");
        let escaped = quoted.get(1..quoted.len().saturating_sub(1));
        let line = secret.split_whitespace().collect::<Vec<_>>().join(" ");
        for form in [secret, escaped.unwrap_or_default(), &line] {
            let is_new = !self.secrets.iter().any(|known| known == form);
            if form.len() >= SECRET_BYTES_MIN && is_new {
                self.secrets.push(form.to_owned());
            }
        }
        // A secret may contain another.
        self.secrets.sort_by_key(|secret| usize::MAX - secret.len());
    }

    /// A text without secrets, also without the beginning of one at the end of an excerpt.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
        }
        if text.contains(CUT) && !self.secrets.is_empty() {
            text = self.without_cut_secrets(&text);
        }
        text
    }

    fn without_cut_secrets(&self, text: &str) -> String {
        let pieces: Vec<&str> = text.split(CUT).collect();
        let last = pieces.len().saturating_sub(1);
        let whole = pieces.iter().enumerate().map(|(index, piece)| {
            let cut = match index == last {
                true => 0,
                false => self.cut_secret_bytes(piece),
            };
            let rest = piece.len() - cut;
            match (cut, piece.get(..rest)) {
                (1.., Some(rest)) => format!("{rest}{HIDDEN}"),
                _ => (*piece).to_owned(),
            }
        });
        whole.collect::<Vec<_>>().join(&CUT.to_string())
    }

    /// How many bytes at the end of a text are the beginning of a secret: the most that are.
    fn cut_secret_bytes(&self, text: &str) -> usize {
        let beginnings = self.secrets.iter().filter_map(|secret| {
            let mut ends = secret.char_indices().map(|(at, _)| at).rev();
            ends.find(|end| {
                *end >= SECRET_BYTES_MIN
                    && secret.get(..*end).is_some_and(|head| text.ends_with(head))
            })
        });
        beginnings.max().unwrap_or(0)
    }

    fn shown(&self, text: &str, chars_max: usize) -> String {
        let text = self.without_secrets(text);
        match text.char_indices().nth(chars_max) {
            None => text,
            Some((end, _)) => text.get(..end).unwrap_or_default().to_owned(),
        }
    }

    /// Shows from now on whether the target is degraded.
    pub(crate) fn may_degrade(&mut self) {
        self.can_degrade = true;
    }

    /// Takes down that something is not as it should be.
    pub(crate) fn trouble(&mut self, on_trouble: OnTrouble, reason: String) -> Result<(), Failure> {
        self.note(&reason);
        match on_trouble {
            OnTrouble::Fail => Err(Failure::new(reason)),
            OnTrouble::Degrade => {
                self.can_degrade = true;
                if self.troubles.len() < TROUBLES_MAX {
                    self.troubles.push(reason);
                }
                Ok(())
            }
            OnTrouble::Ignore => Ok(()),
        }
    }

    /// The probe has ended so: what it still does after that, such as to say farewell, changes neither its outcome
    /// nor its duration.
    pub(crate) fn settle(&mut self, outcome: Result<(), Failure>) {
        self.abandon();
        self.settled = Some((outcome, Instant::now()));
    }

    /// Sets a metric to 1 with a label should the probe's time end before this is called again.
    pub(crate) fn if_cut_off(&mut self, cut_off: Option<(Gauge, &'static str, &'static str)>) {
        self.cut_off = cut_off;
    }

    /// The probe's time has ended.
    fn time_is_over(&mut self) {
        if let Some((gauge, label, value)) = self.cut_off.take() {
            self.set_labelled(gauge, &[(label, value)], 1.0);
        }
    }

    /// Takes down when the first of the target's certificates ends, as a Unix time.
    pub(crate) fn certificate_ends(&mut self, seconds: f64) {
        self.certificate_ends_seconds = Some(seconds);
    }

    /// When the first certificate ends of those that the target showed last.
    pub(crate) fn certificate_ends_seconds(&self) -> Option<f64> {
        self.certificate_ends_seconds
    }

    /// The value of a metric, of its first labels where it has several.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        let metric = self.metrics.iter().find(|metric| metric.name == name)?;
        Some(metric.value)
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
        let shown: Vec<(&str, String)> = labels
            .iter()
            .map(|(name, value)| (*name, self.shown(value, LABEL_CHARS_MAX)))
            .collect();
        let labels: Vec<(&str, &str)> = shown
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        *self.slot(gauge, &labels) = value;
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
    fn running_phase(&self) -> Option<&'static str> {
        self.running.as_ref()?;
        Some(self.phases.last()?.name)
    }

    /// Takes down a step.
    pub(crate) fn note(&mut self, text: impl AsRef<str>) {
        if self.log.len() >= STEPS_MAX {
            return;
        }
        let text = self.shown(text.as_ref(), STEP_CHARS_MAX);
        self.log.push(Step {
            at: self.started.elapsed(),
            text,
        });
    }

    /// The outcome of a probe whose work came to its end, or was cut off by its time: how it settled, where it did.
    pub(crate) fn outcome(&mut self, ended: Option<Result<(), Failure>>) -> Result<(), Failure> {
        let settled = self.settled.as_mut();
        if let Some((outcome, _)) = settled {
            return std::mem::replace(outcome, Ok(()));
        }
        if let Some(outcome) = ended {
            return outcome;
        }
        self.time_is_over();
        let during = match self.running_phase() {
            Some(phase) => format!(" during {phase}"),
            None => String::new(),
        };
        let timeout = self.timeout;
        Err(Failure::new(format!("timed out after {timeout:?}{during}")))
    }

    /// The result of a probe that ends now, or that has settled.
    pub(crate) fn finish(mut self, outcome: Result<(), Failure>) -> ProbeResult {
        let timeout = self.timeout;
        self.abandon();
        let (verdict, reason) = match outcome {
            Err(failure) => (failure.verdict, Some(failure.reason)),
            Ok(()) if self.troubles.is_empty() => (Verdict::Up, None),
            Ok(()) => (Verdict::Degraded, Some(self.troubles.join("; "))),
        };
        if verdict != Verdict::Up {
            let texts: Vec<String> = self.tails.iter().map(Tail::text).collect();
            for line in texts.iter().flat_map(|text| text.lines()) {
                self.note(format!("error output: {line}"));
            }
        }
        let reason = reason.map(|reason| self.shown(&reason, REASON_CHARS_MAX));
        match &reason {
            None => self.note("succeeded"),
            Some(reason) => {
                let head = match verdict {
                    Verdict::Up | Verdict::Down => "failed",
                    other => other.as_str(),
                };
                self.note(format!("{head}: {reason}"));
            }
        }
        let success = matches!(verdict, Verdict::Up | Verdict::Degraded);
        if self.can_degrade {
            self.set_bool(DEGRADED, verdict == Verdict::Degraded);
        }
        let ended = self.settled.take().map(|(_, when)| when);
        let duration = ended.unwrap_or_else(Instant::now) - self.started;
        self.set_bool(SUCCESS, success);
        self.set(DURATION, duration.as_secs_f64());
        self.set(TIMEOUT, timeout.as_secs_f64());
        let mut metrics = self.metrics;
        metrics.sort_by(|a, b| (a.name, &a.labels).cmp(&(b.name, &b.labels)));
        ProbeResult {
            success,
            verdict,
            reason,
            duration,
            timeout,
            metrics,
            phases: self.phases,
            log: self.log,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::excerpt;

    fn recorder(secrets: &[&str]) -> Recorder {
        let mut recorder = Recorder::new(Duration::ZERO);
        for secret in secrets {
            recorder.hide(secret);
        }
        recorder
    }

    #[test]
    fn secrets_are_hidden_as_they_are_quoted() {
        let secret = "pass\"word\n\\x  y";
        let recorder = recorder(&[secret]);
        let check = |text: String, want: &str| assert_eq!(recorder.without_secrets(&text), want);
        check(format!("a {secret} b"), "a <secret> b");
        check(format!("a {secret:?} b"), "a \"<secret>\" b");
        check(excerpt(&format!("a {secret} b")), "a <secret> b");
    }

    #[test]
    fn a_secret_across_the_end_of_an_excerpt_is_hidden() {
        let secret = "correct-horse-battery";
        let recorder = recorder(&["correct", secret]);
        for before in 170..200 {
            let text = format!("{}{secret} and more of it", "x".repeat(before));
            let shown = recorder.without_secrets(&format!("{:?} and {:?}", excerpt(&text), "a…"));
            // Less than four bytes of one tell nothing.
            assert!(!shown.contains("corr"), "{before}: {shown}");
            assert!(shown.ends_with("…\" and \"a…\""), "{shown}");
        }
        assert_eq!(recorder.without_secrets("a corr"), "a corr");
    }
}
