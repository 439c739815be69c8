//! A pool that sizes itself.
//!
//! ## Model
//! Every so often a task measures what came, what runs and what waits, asks a [`Policy`], and resizes
//! the pool. What was decided, and why, is a number (`worker_pool_decisions_total`), an event
//! (`pool_scaled`) where it changed something, and [`Pool::last_decision`].
//!
//! ## See also
//! ADR 0006.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bellwether_scale::{Decision, Measured, Policy, ScaleError, Scaler, Signals};
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior};

use super::state::Totals;
use super::{Pool, Shared};

/// More is the same as never, and more than clocks can show.
const INTERVAL_MAX: Duration = Duration::from_secs(365 * 86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// How a pool sizes itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Autoscale {
    /// How many workers are wanted. Its bounds are cut to those of the pool.
    pub policy: Policy,
    /// Time between two decisions, a millisecond to a year; cut to that.
    pub interval: Duration,
    /// How long a worker needs until it takes its first job. Tasks need none; workers that load a model
    /// do.
    pub startup: Duration,
}

impl Autoscale {
    /// A decision every five seconds; workers that begin at once.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            interval: Duration::from_secs(5),
            startup: Duration::ZERO,
        }
    }
}

impl<J, O> Pool<J, O>
where
    J: Send + Sync + 'static,
    O: Send + 'static,
{
    /// Lets the pool size itself from now on, until it ends. To be called once, in a runtime of tokio.
    ///
    /// # Errors
    /// The first setting of the policy that makes no sense.
    pub fn autoscale(&self, autoscale: Autoscale) -> Result<(), ScaleError> {
        let shared = Arc::clone(&self.0.0);
        let mut policy = autoscale.policy;
        let cut = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        policy.workers_min = policy.workers_min.max(cut(shared.settings.workers_min));
        policy.workers_max = policy.workers_max.min(cut(shared.settings.workers_max));
        policy.floor = policy.floor.min(policy.workers_max);
        policy.floor = policy.floor.max(policy.workers_min).max(1);
        let interval = autoscale
            .interval
            .clamp(Duration::from_millis(1), INTERVAL_MAX);
        // The policy knows no time beyond a week.
        policy.interval_ms = i64::try_from(interval.min(WEEK).as_millis()).unwrap_or(i64::MAX);
        let scaler = Scaler::new(policy)?;
        tokio::spawn(decide_on_and_on(
            shared,
            scaler,
            interval,
            autoscale.startup,
        ));
        Ok(())
    }

    /// What was decided last; `None`: nothing yet.
    #[must_use]
    pub fn last_decision(&self) -> Option<Decision> {
        self.0.0.decision.lock().clone()
    }
}

async fn decide_on_and_on<J, O>(
    shared: Arc<Shared<J, O>>,
    mut scaler: Scaler,
    interval: Duration,
    startup: Duration,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first one comes at once, before there is anything to see.
    ticks.tick().await;
    let mut watch = Watch::new(&shared);
    while !shared.is_over.load(Ordering::SeqCst) {
        ticks.tick().await;
        let signals = watch.look(&shared, startup);
        let decision = scaler.decide(&signals);
        let workers = decision.workers as usize;
        shared.metrics.decided(decision.reason.name());
        if decision.is_change() {
            let reason = decision.to_string();
            let payload = json!({
                "pool": shared.settings.name, "from": signals.workers_target,
                "to": decision.workers, "reason": reason,
            });
            shared
                .metrics
                .telemetry()
                .emit("pool_scaled", payload, crate::Level::Info);
            shared.resize(workers);
        }
        *shared.decision.lock() = Some(decision);
    }
}

/// What was seen before.
#[derive(Debug)]
struct Watch {
    begun: Instant,
    looked: Instant,
    totals: Totals,
    /// Mean time of a run, s; `None`: none has ended yet.
    service_seconds: Option<f64>,
}

impl Watch {
    fn new<J, O>(shared: &Shared<J, O>) -> Self {
        let now = Instant::now();
        Self {
            begun: now,
            looked: now,
            totals: shared.state.lock().totals,
            service_seconds: None,
        }
    }

    fn look<J, O>(&mut self, shared: &Shared<J, O>, startup: Duration) -> Signals {
        let now = Instant::now();
        let (totals, before) = (shared.state.lock().totals, self.totals);
        let runs = totals.run_count.saturating_sub(before.run_count);
        if runs > 0 {
            let busy_seconds = totals.busy_ns.saturating_sub(before.busy_ns) as f64 / 1e9;
            self.service_seconds = Some(busy_seconds / runs as f64);
        }
        let seconds = now.duration_since(self.looked).as_secs_f64();
        let arrivals = totals.taken_count.saturating_sub(before.taken_count) as f64;
        let time_ms = i64::try_from(now.duration_since(self.begun).as_millis()).unwrap_or(i64::MAX);
        let measured = |value: f64| Measured {
            value,
            at_ms: time_ms,
        };
        let status = shared.status();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let mut signals = Signals::at(time_ms, count(status.target), count(status.workers), 1);
        signals.startup_ms = i64::try_from(startup.as_millis()).unwrap_or(i64::MAX);
        signals.busy = Some(measured(status.running as f64));
        signals.waiting = Some(measured(status.waiting as f64));
        signals.service_seconds = self.service_seconds.map(measured);
        let offered = |service: f64| measured(arrivals * service / seconds.max(1e-6));
        signals.offered = self.service_seconds.map(offered);
        self.looked = now;
        self.totals = totals;
        signals
    }
}
