//! Calls that are not made while what they would call is down.
//!
//! ## Model
//! A [`Breaker`] is *closed* while calls go well. Where too many of the last ones failed it *opens*: calls
//! are refused at once. After a pause it is *half open*: a few calls are let through, and what becomes of
//! them closes it or opens it again, for twice as long.
//!
//! ```
//! use bellwether_sdk::breaker::{Breaker, BreakerSettings};
//! use bellwether_sdk::{SERIES_MAX_DEFAULT, Telemetry};
//!
//! let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
//! let breaker = Breaker::new("meridian", BreakerSettings::default(), &telemetry);
//! match breaker.permit() {
//!     Ok(permit) => permit.succeed(),
//!     Err(open) => println!("not called: try again in {:?}", open.retry_after),
//! }
//! ```
//!
//! ## Invariants
//! A permit that is dropped counts as neither success nor failure, and its place is free again.
//!
//! ## See also
//! Nygard, "Release It!" (2018), on the pattern.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tokio::time::Instant;

use crate::{Counter, Family, Gauge, Level, Telemetry};

/// Said where all calls of a half-open breaker are under way: nobody knows when they end. Chosen: long
/// beside a loop that does not wait, short beside the pauses of most breakers.
const RETRY_MIN: Duration = Duration::from_millis(100);
/// Calls that are remembered.
const CALLS: usize = 100;

/// When a breaker opens and closes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerSettings {
    /// It opens where at least this share of the last calls failed; cut to 0.01 to 1.
    pub failure_ratio: f64,
    /// But not before there were so many calls; cut to 1 to 100.
    pub calls_min: usize,
    /// How long it is open at first.
    pub open_min: Duration,
    /// How long it is open at most: each time that half-open calls fail, twice as long as before.
    pub open_max: Duration,
    /// Calls that are let through while it is half open, at a time, and successes that close it; at
    /// least 1.
    pub half_open_calls: usize,
}

impl Default for BreakerSettings {
    /// Half of at least 20 calls; 10 s to 5 minutes; 3 calls.
    fn default() -> Self {
        Self {
            failure_ratio: 0.5,
            calls_min: 20,
            open_min: Duration::from_secs(10),
            open_max: Duration::from_secs(300),
            half_open_calls: 3,
        }
    }
}

/// What a breaker does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Lets them through.
    Closed,
    /// Refuses them.
    Open,
    /// Lets a few through.
    HalfOpen,
}

impl BreakerState {
    const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// As numbers and events have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// A call was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is not called: {reason}; try again in {retry_after:?}")]
pub struct BreakerOpen {
    /// What would have been called.
    pub name: String,
    /// Why it is not.
    pub reason: String,
    /// When to ask again; at least 100 ms, and that where it is half open.
    pub retry_after: Duration,
}

/// See the module's page. Cheap to clone; clones are the same.
#[derive(Debug, Clone)]
pub struct Breaker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    settings: BreakerSettings,
    /// Never held while a sink runs.
    machine: Mutex<Machine>,
    telemetry: Telemetry,
    /// Name, state.
    states: Family<Gauge, 2>,
    refused: Counter,
}

#[derive(Debug)]
struct Machine {
    state: BreakerState,
    /// Whether each of the last calls failed, oldest first from `next` on.
    failures: [bool; CALLS],
    next: usize,
    call_count: usize,
    opened: Instant,
    open_for: Duration,
    /// Calls under way, and successes, while it is half open.
    trying: usize,
    succeeded: usize,
    /// Changes so far: a permit of an earlier state says nothing about this one.
    change_count: u64,
    reason: String,
}

/// A change that is to be told.
#[derive(Debug)]
struct Change {
    from: BreakerState,
    to: BreakerState,
    reason: String,
}

impl Breaker {
    /// A breaker that is closed.
    #[must_use]
    pub fn new(name: &str, settings: BreakerSettings, telemetry: &Telemetry) -> Self {
        let settings = BreakerSettings {
            // What is no number becomes the default.
            failure_ratio: match settings.failure_ratio.is_nan() {
                true => BreakerSettings::default().failure_ratio,
                false => settings.failure_ratio.clamp(0.01, 1.0),
            },
            calls_min: settings.calls_min.clamp(1, CALLS),
            open_max: settings.open_max.max(settings.open_min),
            half_open_calls: settings.half_open_calls.max(1),
            ..settings
        };
        let refused = telemetry.counter_family(
            "circuit_breaker_refused",
            "Calls that were not made because a breaker was open.",
            ["breaker"],
        );
        let inner = Inner {
            machine: Mutex::new(Machine {
                state: BreakerState::Closed,
                failures: [false; CALLS],
                next: 0,
                call_count: 0,
                opened: Instant::now(),
                open_for: settings.open_min,
                trying: 0,
                succeeded: 0,
                change_count: 0,
                reason: String::new(),
            }),
            settings,
            telemetry: telemetry.clone(),
            states: telemetry.gauge_family(
                "circuit_breaker_state",
                "1 for the state that a breaker is in.",
                ["breaker", "state"],
            ),
            refused: refused.with([name]).clone(),
            name: name.to_owned(),
        };
        inner.show(BreakerState::Closed);
        Self(Arc::new(inner))
    }

    /// Asks whether a call may be made.
    ///
    /// # Errors
    /// Where it may not, and when to ask again.
    pub fn permit(&self) -> Result<Permit, BreakerOpen> {
        let inner = &self.0;
        let now = Instant::now();
        let mut machine = inner.machine.lock();
        let left = machine
            .open_for
            .saturating_sub(now.duration_since(machine.opened));
        let mut change = None;
        if machine.state == BreakerState::Open && left.is_zero() {
            machine.reason = "it was down and is tried".to_owned();
            change = Some(inner.change(&mut machine, BreakerState::HalfOpen, now));
        }
        let is_refused = match machine.state {
            BreakerState::Closed => false,
            BreakerState::Open => true,
            BreakerState::HalfOpen => machine.trying >= inner.settings.half_open_calls,
        };
        if is_refused {
            let reason = machine.reason.clone();
            drop(machine);
            inner.refused.increment();
            return Err(BreakerOpen {
                name: inner.name.clone(),
                reason,
                retry_after: left.max(RETRY_MIN),
            });
        }
        machine.trying += 1;
        let permit = Permit {
            breaker: self.clone(),
            change_count: machine.change_count,
        };
        drop(machine);
        inner.tell(change);
        Ok(permit)
    }

    /// What it does with calls now.
    #[must_use]
    pub fn state(&self) -> BreakerState {
        self.0.machine.lock().state
    }

    /// Why it is not closed; empty where it is.
    #[must_use]
    pub fn reason(&self) -> String {
        let machine = self.0.machine.lock();
        match machine.state {
            BreakerState::Closed => String::new(),
            _ => machine.reason.clone(),
        }
    }
}

impl Inner {
    fn ended(&self, change_count: u64, failed: Option<bool>) {
        let now = Instant::now();
        let mut machine = self.machine.lock();
        if machine.change_count != change_count {
            // It began under another state, which was judged without it.
            return;
        }
        machine.trying = machine.trying.saturating_sub(1);
        let Some(failed) = failed else { return };
        let change = self.judge(&mut machine, failed, now);
        drop(machine);
        self.tell(change);
    }

    /// Takes what became of a call into account.
    fn judge(&self, machine: &mut Machine, failed: bool, now: Instant) -> Option<Change> {
        match machine.state {
            BreakerState::Closed => {
                let next = machine.next;
                machine.failures[next] = failed;
                machine.next = (next + 1) % CALLS;
                machine.call_count = (machine.call_count + 1).min(CALLS);
                let failures = machine.failures.iter().filter(|failed| **failed).count();
                let calls = machine.call_count;
                let is_too_much = failures as f64 >= self.settings.failure_ratio * calls as f64;
                if failed && calls >= self.settings.calls_min && is_too_much {
                    machine.open_for = self.settings.open_min;
                    machine.reason = format!("{failures} of the last {calls} calls failed");
                    return Some(self.change(machine, BreakerState::Open, now));
                }
            }
            BreakerState::HalfOpen if failed => {
                machine.open_for = machine
                    .open_for
                    .saturating_mul(2)
                    .min(self.settings.open_max);
                machine.reason = "it still fails".to_owned();
                return Some(self.change(machine, BreakerState::Open, now));
            }
            BreakerState::HalfOpen => {
                machine.succeeded += 1;
                if machine.succeeded >= self.settings.half_open_calls {
                    machine.failures = [false; CALLS];
                    machine.call_count = 0;
                    machine.reason = "it works again".to_owned();
                    return Some(self.change(machine, BreakerState::Closed, now));
                }
            }
            BreakerState::Open => {}
        }
        None
    }

    /// Gives what is to be told when the lock is given back.
    fn change(&self, machine: &mut Machine, state: BreakerState, now: Instant) -> Change {
        let before = machine.state;
        machine.state = state;
        machine.change_count += 1;
        (machine.trying, machine.succeeded) = (0, 0);
        if state == BreakerState::Open {
            machine.opened = now;
        }
        self.show(state);
        Change {
            from: before,
            to: state,
            reason: machine.reason.clone(),
        }
    }

    /// Tells a change to the sinks, which may ask the breaker in turn.
    fn tell(&self, change: Option<Change>) {
        let Some(Change { from, to, reason }) = change else {
            return;
        };
        let level = match to {
            BreakerState::Open => Level::Warning,
            BreakerState::Closed | BreakerState::HalfOpen => Level::Info,
        };
        let payload = json!({
            "breaker": self.name, "from": from.as_str(), "to": to.as_str(), "reason": reason,
        });
        self.telemetry.emit("breaker_changed", payload, level);
    }

    fn show(&self, state: BreakerState) {
        for other in BreakerState::ALL {
            let value = f64::from(u8::from(other == state));
            self.states.with([&self.name, other.as_str()]).set(value);
        }
    }
}

/// A call that may be made.
#[derive(Debug)]
#[must_use = "a permit that is dropped says nothing about the call"]
pub struct Permit {
    breaker: Breaker,
    change_count: u64,
}

impl Permit {
    /// The call went well.
    pub fn succeed(mut self) {
        self.end(Some(false));
    }

    /// The call failed, and it was not the caller's fault.
    pub fn fail(mut self) {
        self.end(Some(true));
    }

    fn end(&mut self, failed: Option<bool>) {
        // No change has this number: what follows is the drop.
        let change_count = std::mem::replace(&mut self.change_count, u64::MAX);
        if change_count != u64::MAX {
            self.breaker.0.ended(change_count, failed);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.end(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Format, SERIES_MAX_DEFAULT};

    fn breaker(telemetry: &Telemetry) -> Breaker {
        Breaker::new("meridian", BreakerSettings::default(), telemetry)
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_pauses_tries_and_closes() {
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        let breaker = breaker(&telemetry);
        for _ in 0..20 {
            breaker.permit().unwrap().succeed();
        }
        for _ in 0..19 {
            breaker.permit().unwrap().fail();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        breaker.permit().unwrap().fail();
        assert_eq!(breaker.state(), BreakerState::Open);
        let refused = breaker.permit().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "meridian is not called: 20 of the last 40 calls failed; try again in 10s"
        );
        // Still down: twice as long.
        tokio::time::advance(Duration::from_secs(10)).await;
        breaker.permit().unwrap().fail();
        assert_eq!(
            breaker.permit().unwrap_err().retry_after,
            Duration::from_secs(20)
        );
        tokio::time::advance(Duration::from_secs(20)).await;
        // Three at a time, and what is dropped makes room.
        let permits: Vec<Permit> = (0..3).map(|_| breaker.permit().unwrap()).collect();
        assert_eq!(breaker.permit().unwrap_err().retry_after, RETRY_MIN);
        drop(permits);
        for _ in 0..3 {
            assert_eq!(breaker.state(), BreakerState::HalfOpen);
            breaker.permit().unwrap().succeed();
        }
        assert_eq!(
            (breaker.state(), breaker.reason()),
            (BreakerState::Closed, String::new())
        );
        let page = String::from_utf8(telemetry.render(Format::Prometheus)).unwrap();
        assert!(
            page.contains("circuit_breaker_state{breaker=\"meridian\",state=\"closed\"} 1\n"),
            "{page}"
        );
        assert!(
            page.contains("circuit_breaker_refused_total{breaker=\"meridian\"} 3\n"),
            "{page}"
        );
    }

    /// Asks a breaker for its state when it is told of it.
    #[derive(Debug, Default)]
    struct Asking {
        breaker: std::sync::OnceLock<Breaker>,
        states: Mutex<Vec<BreakerState>>,
    }

    impl crate::Sink for Asking {
        fn take(&self, _: &crate::Event<'_>) {
            // Not waited for: a lock that is held is what this looks for.
            let machine = self.breaker.get().and_then(|it| it.0.machine.try_lock());
            let state = machine.expect("the lock is free").state;
            self.states.lock().push(state);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn sinks_may_ask_the_breaker_of_which_they_are_told() {
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        let sink = Arc::<Asking>::default();
        telemetry.add_sink(Arc::clone(&sink) as _);
        let breaker = breaker(&telemetry);
        sink.breaker.set(breaker.clone()).unwrap();
        for _ in 0..20 {
            breaker.permit().unwrap().fail();
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        for _ in 0..3 {
            breaker.permit().unwrap().succeed();
        }
        let want = [
            BreakerState::Open,
            BreakerState::HalfOpen,
            BreakerState::Closed,
        ];
        assert_eq!(*sink.states.lock(), want);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_of_an_earlier_state_says_nothing() {
        let breaker = breaker(&Telemetry::off());
        let old = breaker.permit().unwrap();
        for _ in 0..20 {
            breaker.permit().unwrap().fail();
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        let new = breaker.permit().unwrap();
        old.fail();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        new.succeed();
    }
}
