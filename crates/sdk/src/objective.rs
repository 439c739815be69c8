//! Whether a service keeps what it promises, and whether it is getting worse.
//!
//! ## Model
//! A [`ServiceObjective`] is told how long each request took and whether it succeeded. It judges the last
//! hour against targets, with the evidence that few requests do not give, and says what is left of the
//! error budget. Minute by minute it also looks whether latency or failures have shifted to a new
//! level; what has is an event (`trend_shifted`) and a number.
//!
//! ```
//! use std::time::Duration;
//!
//! use bellwether_sdk::objective::{ServiceObjective, Standing, Status, Targets, Verdict};
//! use bellwether_sdk::{Format, SERIES_MAX_DEFAULT, Telemetry};
//!
//! let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
//! let targets = Targets { p95: Some(Duration::from_secs(2)), success_ratio: Some(0.99) };
//! let answers = ServiceObjective::new("answers", targets, &telemetry)?;
//! answers.record(Duration::from_millis(300), true);
//! // One request is no evidence.
//! let verdict = |standing: Option<Standing>| standing.map(|it| it.verdict);
//! let status: Option<Status> = answers.status();
//! assert_eq!(status.and_then(|it| verdict(it.latency)), Some(Verdict::Unknown));
//! let page = String::from_utf8(telemetry.render(Format::Prometheus))?;
//! assert!(page.contains("objective_requests{objective=\"answers\"} 1\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ## Limits
//! Some 200 KB for each objective. A trend alarms falsely about once in 30 days (ADR 0007).

use std::sync::Arc;
use std::time::Duration;

use bellwether_forecast::shift::{Direction, ShiftDetector, ShiftEvent, ShiftOptions};
use bellwether_slo::live::{LiveObjective, LiveOptions};
use parking_lot::Mutex;
use serde_json::json;

use crate::{Clock, Family, Gauge, Level, Settings, SystemClock, Telemetry};

pub use bellwether_slo::budget::Budget;
pub use bellwether_slo::live::{ObjectiveError, Standing, Status, Verdict};
pub use bellwether_slo::window::WindowError;

/// Time between two looks at the trend.
const SLICE_MS: i64 = 60_000;
/// Fewer requests in a minute say nothing about a trend. Chosen.
const SLICE_REQUESTS_MIN: u64 = 3;

/// What a service promises.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Targets {
    /// At most one request in twenty takes longer.
    pub p95: Option<Duration>,
    /// At least this share of requests succeeds, above 0 and below 1.
    pub success_ratio: Option<f64>,
}

impl Targets {
    /// What the settings say of the 95th percentile, and that 99 % of requests succeed.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        Self {
            p95: Some(settings.target_p95),
            success_ratio: Some(0.99),
        }
    }
}

/// See the module's page. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub struct ServiceObjective(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    name: String,
    clock: Arc<dyn Clock>,
    telemetry: Telemetry,
    state: Mutex<State>,
    numbers: Numbers,
}

#[derive(Debug)]
struct State {
    objective: LiveObjective,
    slice_begin_ms: i64,
    requests: u64,
    failures: u64,
    /// Sum of the logarithms of latencies: one giant does not move their mean.
    latency_logs: f64,
    latency_trend: ShiftDetector,
    failure_trend: ShiftDetector,
}

#[derive(Debug)]
struct Numbers {
    requests: Gauge,
    p95_seconds: Gauge,
    success_ratio: Gauge,
    /// Objective, target.
    is_met: Family<Gauge, 2>,
    budget_left: Family<Gauge, 2>,
    pace: Family<Gauge, 2>,
    /// Objective, signal.
    trend_scores: Family<Gauge, 2>,
    trend_alarms: Family<Gauge, 2>,
}

impl Numbers {
    fn new(telemetry: &Telemetry, name: &str) -> Self {
        let gauge = |metric: &str, help| {
            let family = telemetry.gauge_family(metric, help, ["objective"]);
            family.with([name]).clone()
        };
        let by_target =
            |metric: &str, help| telemetry.gauge_family(metric, help, ["objective", "target"]);
        let by_signal =
            |metric: &str, help| telemetry.gauge_family(metric, help, ["objective", "signal"]);
        Self {
            requests: gauge("objective_requests", "Requests of the last hour."),
            p95_seconds: gauge("objective_p95_seconds", "95th percentile of the last hour."),
            success_ratio: gauge(
                "objective_success_ratio",
                "Share of successes of the last hour.",
            ),
            is_met: by_target(
                "objective_met",
                "1: met; 0: violated, and not by chance; NaN: too few requests to tell.",
            ),
            budget_left: by_target(
                "objective_budget_left_ratio",
                "What is left of the error budget of the last hour; below 0: overdrawn.",
            ),
            pace: by_target(
                "objective_pace",
                "How many times faster than allowed it is spent.",
            ),
            trend_scores: by_signal("trend_score", "How surely the level has shifted, 0 to 1."),
            trend_alarms: by_signal("trend_alarm", "1 while the level has shifted."),
        }
    }
}

impl ServiceObjective {
    /// An objective over the last hour.
    ///
    /// # Errors
    /// The first target that makes no sense. None where telemetry is off: then nothing is kept.
    pub fn new(
        name: &str,
        targets: Targets,
        telemetry: &Telemetry,
    ) -> Result<Self, ObjectiveError> {
        Self::with_clock(name, targets, telemetry, Arc::new(SystemClock))
    }

    /// The same with a clock of one's own.
    ///
    /// # Errors
    /// As [`ServiceObjective::new`].
    pub fn with_clock(
        name: &str,
        targets: Targets,
        telemetry: &Telemetry,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ObjectiveError> {
        if !telemetry.is_on() {
            return Ok(Self(None));
        }
        let objective = LiveObjective::new(LiveOptions {
            latency_ms: targets.p95.map(|p95| p95.as_secs_f64() * 1_000.0),
            success_ratio: targets.success_ratio,
            ..LiveOptions::default()
        })?;
        let trend = ShiftOptions {
            direction: Direction::Up,
            ..ShiftOptions::default()
        };
        let detector = || ShiftDetector::new(trend).ok();
        let (Some(latency_trend), Some(failure_trend)) = (detector(), detector()) else {
            // The defaults are allowed: see the tests of the detector.
            return Ok(Self(None));
        };
        let state = State {
            objective,
            slice_begin_ms: clock.now_ms(),
            requests: 0,
            failures: 0,
            latency_logs: 0.0,
            latency_trend,
            failure_trend,
        };
        let inner = Arc::new(Inner {
            numbers: Numbers::new(telemetry, name),
            name: name.to_owned(),
            clock,
            telemetry: telemetry.clone(),
            state: Mutex::new(state),
        });
        // Numbers are computed for whoever reads them. The telemetry does not keep the objective.
        let weak = Arc::downgrade(&inner);
        telemetry.before_read(move || {
            if let Some(inner) = weak.upgrade() {
                inner.show();
            }
        });
        Ok(Self(Some(inner)))
    }

    /// A request has ended.
    pub fn record(&self, latency: Duration, is_success: bool) {
        let Some(inner) = &self.0 else { return };
        let now_ms = inner.clock.now_ms();
        let mut state = inner.state.lock();
        let events = state.slice_until(now_ms);
        let latency_ms = latency.as_secs_f64() * 1_000.0;
        // Older than the window: the clock was set back by more than an hour.
        let _is_taken = state.objective.record(now_ms, latency_ms, is_success);
        state.requests += 1;
        state.failures += u64::from(!is_success);
        state.latency_logs += latency_ms.max(1e-3).ln();
        drop(state);
        inner.tell(&events);
    }

    /// How the targets stand; `None` where telemetry is off.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        let inner = self.0.as_ref()?;
        Some(inner.state.lock().objective.status(inner.clock.now_ms()))
    }

    /// Whether latency or failures have shifted to a worse level and have not come back.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.0.as_ref().is_some_and(|inner| {
            let state = inner.state.lock();
            state.latency_trend.is_alarm() || state.failure_trend.is_alarm()
        })
    }
}

impl State {
    /// Ends the minute that is over, if one is.
    fn slice_until(&mut self, now_ms: i64) -> Vec<(&'static str, ShiftEvent)> {
        let mut events = Vec::new();
        if now_ms.saturating_sub(self.slice_begin_ms).abs() < SLICE_MS {
            return events;
        }
        if self.requests >= SLICE_REQUESTS_MIN {
            let requests = self.requests as f64;
            let latency = self.latency_logs / requests;
            let failures = self.failures as f64 / requests;
            let begin_ms = self.slice_begin_ms;
            let latency = self.latency_trend.push(begin_ms, latency);
            let failures = self.failure_trend.push(begin_ms, failures);
            events.extend(latency.map(|event| ("latency", event)));
            events.extend(failures.map(|event| ("failures", event)));
        }
        (self.requests, self.failures, self.latency_logs) = (0, 0, 0.0);
        self.slice_begin_ms = now_ms;
        events
    }
}

impl Inner {
    fn tell(&self, events: &[(&'static str, ShiftEvent)]) {
        for (signal, event) in events {
            let (what, level) = match event {
                ShiftEvent::Shifted => ("shifted", Level::Warning),
                ShiftEvent::Recovered => ("recovered", Level::Info),
                ShiftEvent::Adopted => ("adopted", Level::Info),
            };
            let payload = json!({ "objective": self.name, "signal": signal, "what": what });
            self.telemetry.emit("trend_shifted", payload, level);
        }
    }

    fn show(&self) {
        let now_ms = self.clock.now_ms();
        let mut state = self.state.lock();
        let events = state.slice_until(now_ms);
        let status = state.objective.status(now_ms);
        let trends = [
            (
                "latency",
                state.latency_trend.score(),
                state.latency_trend.is_alarm(),
            ),
            (
                "failures",
                state.failure_trend.score(),
                state.failure_trend.is_alarm(),
            ),
        ];
        drop(state);
        self.tell(&events);
        let numbers = &self.numbers;
        numbers.requests.set(status.requests as f64);
        numbers
            .p95_seconds
            .set(status.latency_ms.map_or(f64::NAN, |ms| ms / 1_000.0));
        numbers
            .success_ratio
            .set(status.success_ratio.unwrap_or(f64::NAN));
        for (target, standing) in [("p95", status.latency), ("success", status.success)] {
            let Some(standing) = standing else { continue };
            let labels = [self.name.as_str(), target];
            numbers.is_met.with(labels).set(met(&standing));
            let budget = &standing.budget;
            let left = if budget.allowed > 0.0 {
                budget.left / budget.allowed
            } else {
                f64::NAN
            };
            numbers.budget_left.with(labels).set(left);
            numbers.pace.with(labels).set(budget.pace);
        }
        for (signal, score, is_alarm) in trends {
            let labels = [self.name.as_str(), signal];
            numbers.trend_scores.with(labels).set(score);
            numbers
                .trend_alarms
                .with(labels)
                .set(f64::from(u8::from(is_alarm)));
        }
    }
}

fn met(standing: &Standing) -> f64 {
    match standing.verdict {
        Verdict::Met => 1.0,
        Verdict::Violated => 0.0,
        Verdict::Unknown => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::{Event, Format, SERIES_MAX_DEFAULT, Sink};

    #[derive(Debug, Default)]
    struct Watch(AtomicI64);

    impl Clock for Watch {
        fn now_ms(&self) -> i64 {
            self.0.load(Ordering::SeqCst)
        }
    }

    #[derive(Debug, Default)]
    struct Seen(Mutex<Vec<String>>);

    impl Sink for Seen {
        fn take(&self, event: &Event<'_>) {
            self.0
                .lock()
                .push(format!("{} {}", event.name, event.payload));
        }
    }

    #[test]
    fn what_gets_worse_is_told_and_seen() {
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        let (clock, seen) = (Arc::new(Watch::default()), Arc::new(Seen::default()));
        telemetry.add_sink(Arc::<Seen>::clone(&seen));
        let targets = Targets {
            p95: Some(Duration::from_millis(500)),
            success_ratio: Some(0.99),
        };
        let shown = Arc::<Watch>::clone(&clock);
        let objective =
            ServiceObjective::with_clock("answers", targets, &telemetry, shown).unwrap();
        let mut random = 1u64;
        let mut minute = |base_ms: u64| {
            for _ in 0..60 {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let latency_ms = base_ms + (random >> 33) % base_ms;
                clock.0.fetch_add(1_000, Ordering::SeqCst);
                objective.record(Duration::from_millis(latency_ms), true);
            }
        };
        for _ in 0..300 {
            minute(100);
        }
        assert!(!objective.is_degraded());
        let status = objective.status().unwrap();
        assert_eq!(status.latency.unwrap().verdict, Verdict::Met);
        assert_eq!(status.success.unwrap().verdict, Verdict::Met);
        for _ in 0..40 {
            minute(400);
        }
        assert!(objective.is_degraded());
        let told = seen.0.lock().clone();
        assert!(
            told.iter().any(|it| it.contains("\"signal\":\"latency\"")),
            "{told:?}"
        );
        assert_eq!(
            objective.status().unwrap().latency.unwrap().verdict,
            Verdict::Violated
        );
        let page = String::from_utf8(telemetry.render(Format::Prometheus)).unwrap();
        for line in [
            "objective_met{objective=\"answers\",target=\"p95\"} 0\n",
            "objective_met{objective=\"answers\",target=\"success\"} 1\n",
            "objective_success_ratio{objective=\"answers\"} 1\n",
            "trend_alarm{objective=\"answers\",signal=\"latency\"} 1\n",
        ] {
            assert!(page.contains(line), "{line}{page}");
        }
    }

    #[test]
    fn off_keeps_nothing_and_wrong_targets_are_told() {
        let off = ServiceObjective::new("x", Targets::default(), &Telemetry::off()).unwrap();
        off.record(Duration::from_secs(1), false);
        assert_eq!(off.status(), None);
        let targets = Targets {
            success_ratio: Some(1.5),
            ..Targets::default()
        };
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        let error = ServiceObjective::new("x", targets, &telemetry).unwrap_err();
        assert!(
            error.to_string().contains("success_ratio is 1.5"),
            "{error}"
        );
    }
}
