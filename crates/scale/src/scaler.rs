//! The machine that decides: signals in, decisions out, what it has learnt kept in between.
//!
//! ## Model
//! A decision goes through fixed stages: are the signals usable; what do the rules want; is the pool
//! idle; the way down is held; steps are limited; bounds. The last stage that changed the number is
//! the reason of the decision.
//!
//! ## Invariants
//! - Deterministic: equal policy, state and signals give an equal decision.
//! - The decision is within the bounds of the policy, always. Bounds go before step limits.
//! - Where no rule can say anything, the last decision stands, and one worker at least where nothing was
//!   decided. A pool that was decided to rest does, until something is seen that waits, runs or comes; its
//!   own signals are gone with its workers. Where one
//!   cannot, or the caller doubts its picture of the pool, no worker is taken away. So an outage of the
//!   metrics never takes a worker away, unless the policy says what there shall be after how long: then
//!   there is one step to that, and none more before there are signals again.
//! - After signals were unusable the way down opens when its window has been seen whole again.
//! - What the pool is set to trails a decision, by whoever carries it out and by its scrape. So the way
//!   down begins at the last decision where that is larger and younger than start-up and `stale_after`;
//!   after that time others may have set fewer.
//! - The way to zero is open only while nothing is served, waits or comes, for the whole cool-down.
//!
//! ## Limits
//! State is 4,096 peaks of 8 bytes at most, and for the windows one entry for each different worker
//! count.

use crate::decision::{Decision, Reason, Want};
use crate::demand::{Demand, Seen};
use crate::error::ScaleError;
use crate::policy::{Policy, StepLimit};
use crate::rule::Prediction;
use crate::signals::{Fault, Signal, Signals, Unusable};
use crate::snapshot::Snapshot;
use crate::want::View;
use crate::window::RecentMax;

/// A policy at work.
///
/// ```
/// use bellwether_scale::{Measured, Policy, Scaler, Signals};
///
/// let mut scaler = Scaler::new(Policy::predictive(1, 20))?;
/// let now = |value| Some(Measured { value, at_ms: 15_000 });
/// let decision = scaler.decide(&Signals {
///     startup_ms: 60_000,
///     busy: now(30.0),
///     waiting: now(0.0),
///     offered: now(28.0),
///     service_seconds: now(4.0),
///     ..Signals::at(15_000, 4, 4, 8)
/// });
/// assert_eq!(decision.workers, 6);
/// println!("{decision}");
/// # Ok::<(), bellwether_scale::ScaleError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Scaler {
    policy: Policy,
    /// What the load is learnt by.
    learning: Prediction,
    demand: Demand,
    decided: Option<(i64, u32)>,
    /// Since when it is that number.
    changed_at_ms: Option<i64>,
    sighted_since_ms: Option<i64>,
    idle_since_ms: Option<i64>,
    blind_since_ms: Option<i64>,
    wanted: RecentMax,
    targets_high: RecentMax,
    /// The smallest of the recent targets, as the largest of what they are below `u32::MAX`.
    targets_low: RecentMax,
}

impl Scaler {
    /// A scaler that has learnt nothing yet.
    ///
    /// # Errors
    /// What [`Policy::validate`] finds.
    pub fn new(policy: Policy) -> Result<Self, ScaleError> {
        policy.validate()?;
        Ok(Self {
            learning: policy.learning(),
            policy,
            demand: Demand::default(),
            decided: None,
            changed_at_ms: None,
            sighted_since_ms: None,
            idle_since_ms: None,
            blind_since_ms: None,
            wanted: RecentMax::default(),
            targets_high: RecentMax::default(),
            targets_low: RecentMax::default(),
        })
    }

    /// A scaler that goes on where another one was. The policy may be another than that one's.
    ///
    /// # Errors
    /// What [`Policy::validate`] finds, or a snapshot that no scaler can have made.
    pub fn restore(policy: Policy, snapshot: &Snapshot) -> Result<Self, ScaleError> {
        snapshot.validate()?;
        let window = |entries: &[(i64, u32)]| RecentMax::from_entries(entries.iter().copied());
        let low = snapshot.targets_low.iter();
        Ok(Self {
            demand: snapshot.demand(),
            decided: snapshot.decided,
            changed_at_ms: snapshot.changed_at_ms,
            sighted_since_ms: snapshot.sighted_since_ms,
            idle_since_ms: snapshot.idle_since_ms,
            blind_since_ms: snapshot.blind_since_ms,
            wanted: window(&snapshot.wanted),
            targets_high: window(&snapshot.targets_high),
            targets_low: RecentMax::from_entries(low.map(|&(at, n)| (at, u32::MAX - n))),
            ..Self::new(policy)?
        })
    }

    /// The state, to be kept.
    pub fn snapshot(&self) -> Snapshot {
        let low = self.targets_low.entries().into_iter();
        let mut snapshot = Snapshot {
            decided: self.decided,
            changed_at_ms: self.changed_at_ms,
            sighted_since_ms: self.sighted_since_ms,
            idle_since_ms: self.idle_since_ms,
            blind_since_ms: self.blind_since_ms,
            wanted: self.wanted.entries(),
            targets_high: self.targets_high.entries(),
            targets_low: low.map(|(at, n)| (at, u32::MAX - n)).collect(),
            ..Snapshot::default()
        };
        snapshot.set_demand(&self.demand);
        snapshot
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Decides how many workers there shall be.
    ///
    /// Signals from before the last decision change nothing, unless they are older by more than
    /// `stale_after`: then the clock was set, and it goes on as after a pause.
    pub fn decide(&mut self, signals: &Signals) -> Decision {
        if let Some((at_ms, last)) = self.decided
            && at_ms.saturating_sub(signals.time_ms) > self.policy.stale_after_ms
        {
            self.set_clock(signals.time_ms, last);
        }
        if let Some(unusable) = self.pool_fault(signals) {
            return self.hold(signals, Vec::new(), unusable);
        }
        // Deciding again after a long pause is no different from signals that were not there.
        let pause_ms = self.policy.pause_ms();
        let has_paused = (self.decided)
            .is_some_and(|(at_ms, _)| signals.time_ms.saturating_sub(at_ms) > pause_ms);
        if has_paused {
            self.forget_windows();
        }
        self.learn(signals);
        let view = View {
            signals,
            demand: &self.demand,
            policy: &self.policy,
        };
        let wants: Vec<Want> = (self.policy.rules.iter())
            .map(|rule| Want {
                rule: rule.name(),
                workers: view.want(rule),
            })
            .collect();
        let blind = wants.iter().find_map(|want| want.workers.err());
        let blind = blind.or(signals.doubt);
        let most = (wants.iter())
            .filter_map(|want| Some((want.rule, want.workers.ok()?)))
            .reduce(|a, b| if b.1 > a.1 { b } else { a });
        match (most, blind) {
            (Some((rule, workers)), blind) => {
                let wish = Wish {
                    workers: workers.ceil() as u32,
                    reason: Reason::Rule(rule),
                };
                self.follow(signals, wants, wish, blind)
            }
            (None, Some(unusable)) => self.hold(signals, wants, unusable),
            // A policy has a rule, and a rule an answer or a fault.
            (None, None) => self.hold(signals, wants, pool(Fault::Absent)),
        }
    }

    /// What is remembered is in the order of time, so a time that went back goes before any other fault.
    fn pool_fault(&self, signals: &Signals) -> Option<Unusable> {
        let went_back = |(at_ms, _): (i64, u32)| signals.time_ms < at_ms;
        if self.decided.is_some_and(went_back) {
            return Some(pool(Fault::TimeWentBack));
        }
        (signals.slots_per_worker == 0 || signals.startup_ms < 0).then_some(pool(Fault::Impossible))
    }

    fn learn(&mut self, signals: &Signals) {
        let read = |signal| signals.read(signal, self.policy.stale_after_ms).ok();
        let ready = f64::from(signals.workers_ready);
        let seen = Seen {
            offered: read(Signal::Offered),
            busy: read(Signal::Busy),
            waiting: read(Signal::Waiting),
            service_seconds: read(Signal::ServiceTime),
            capacity: ready * f64::from(signals.slots_per_worker),
        };
        self.demand
            .take(signals.time_ms, signals.startup_ms, &seen, &self.learning);
        let is_idle = seen.busy == Some(0.0)
            && seen.waiting == Some(0.0)
            && seen.offered.is_none_or(|offered| offered == 0.0);
        self.idle_since_ms = match self.idle_since_ms {
            Some(since_ms) if is_idle => Some(since_ms),
            _ => is_idle.then_some(signals.time_ms),
        };
    }

    /// Keeps the number and what was learnt, and forgets all times.
    fn set_clock(&mut self, now_ms: i64, last: u32) {
        self.forget_windows();
        self.targets_high.clear();
        self.targets_low.clear();
        self.blind_since_ms = None;
        self.demand.set_clock();
        (self.decided, self.changed_at_ms) = (Some((now_ms, last)), Some(now_ms));
    }

    fn forget_windows(&mut self) {
        self.sighted_since_ms = None;
        self.idle_since_ms = None;
        self.wanted.clear();
    }

    fn hold(&mut self, signals: &Signals, wants: Vec<Want>, unusable: Unusable) -> Decision {
        self.forget_windows();
        let workers = match self.decided {
            Some(_) if self.rests(signals) => 0,
            Some((_, last)) => last.max(1),
            None => signals.workers_target.max(1),
        };
        let mut workers = self.bounded(workers);
        let mut reason = Reason::Held(unusable);
        if !matches!(unusable.fault, Fault::TimeWentBack) {
            let since_ms = *self.blind_since_ms.get_or_insert(signals.time_ms);
            let blind_ms = signals.time_ms.saturating_sub(since_ms);
            if self
                .policy
                .hold_ms
                .is_some_and(|hold_ms| blind_ms >= hold_ms)
            {
                workers = self.bounded(self.policy.floor.max(1));
                reason = Reason::Floor(unusable);
            }
            self.settle(signals.time_ms, workers);
            self.note_target(signals);
        }
        Decision {
            workers,
            reason,
            wants,
            signals: *signals,
        }
    }

    fn follow(
        &mut self,
        signals: &Signals,
        wants: Vec<Want>,
        wish: Wish,
        blind: Option<Unusable>,
    ) -> Decision {
        let now_ms = signals.time_ms;
        self.blind_since_ms = None;
        self.note_target(signals);
        self.sighted_since_ms = match (blind, self.sighted_since_ms) {
            (Some(_), _) => None,
            (None, since_ms) => Some(since_ms.unwrap_or(now_ms)),
        };
        // The window is about what rules want: bounds and steps come after it.
        self.wanted.push(now_ms, wish.workers);
        self.wanted
            .forget(now_ms.saturating_sub(self.policy.down_hold_ms.max(1)));

        let is_budget_low = self.is_budget_low(signals);
        let mut wish = self.way_down(signals, wish, blind, is_budget_low);
        wish = self.idle(signals, wish, blind);
        wish = self.step(signals, wish, is_budget_low.is_some());
        let bounded = self.bounded(wish.workers);
        if bounded < wish.workers {
            wish = wish.to(bounded, Reason::Max);
        } else if bounded > wish.workers {
            wish = wish.to(bounded, Reason::Min);
        }
        self.settle(now_ms, wish.workers);
        Decision {
            workers: wish.workers,
            reason: wish.reason,
            wants,
            signals: *signals,
        }
    }

    fn settle(&mut self, now_ms: i64, workers: u32) {
        if self.decided.is_none_or(|(_, last)| last != workers) {
            self.changed_at_ms = Some(now_ms);
        }
        self.decided = Some((now_ms, workers));
    }

    /// How many workers there are, or soon will be.
    fn there(&self, signals: &Signals) -> u32 {
        let target = signals.workers_target;
        let trail_ms = (self.policy.stale_after_ms).saturating_add(signals.startup_ms);
        match (self.decided, self.changed_at_ms) {
            (Some((_, last)), Some(at_ms)) if signals.time_ms.saturating_sub(at_ms) < trail_ms => {
                target.max(last)
            }
            _ => target,
        }
    }

    /// Whether fewer workers than there are may be had, and how few.
    fn way_down(
        &self,
        signals: &Signals,
        wish: Wish,
        blind: Option<Unusable>,
        budget_left: Option<f64>,
    ) -> Wish {
        let there = self.there(signals);
        let wanted = wish.workers;
        if wanted > there {
            return wish;
        }
        if wanted == there {
            return wish.to(there, Reason::Steady);
        }
        if let Some(unusable) = blind {
            return wish.to(there, Reason::NotDownBlind(unusable));
        }
        if let Some(left) = budget_left {
            return wish.to(there, Reason::BudgetLow { left });
        }
        let since_ms = self.sighted_since_ms.unwrap_or(signals.time_ms);
        let is_whole = signals.time_ms.saturating_sub(since_ms) >= self.policy.down_hold_ms;
        let most = self.wanted.max().unwrap_or(there);
        if !is_whole || most >= there {
            return wish.to(there, Reason::NotDownYet { wanted });
        }
        if f64::from(most) > f64::from(there) * (1.0 - self.policy.down_dead_band) {
            return wish.to(there, Reason::DeadBand { wanted });
        }
        if most > wanted {
            return wish.to(most, Reason::NotDownYet { wanted });
        }
        wish
    }

    /// Zero where the pool may have none and needs none, one where it has work or may have it soon.
    fn idle(&self, signals: &Signals, wish: Wish, blind: Option<Unusable>) -> Wish {
        if let Some(unusable) = blind
            && self.rests(signals)
            && self.policy.workers_min == 0
        {
            return wish.to(0, Reason::Held(unusable));
        }
        if self.policy.workers_min > 0 || blind.is_some() {
            return wish.at_least(1);
        }
        let Some(since_ms) = self.idle_since_ms else {
            return wish.at_least(1);
        };
        let idle_ms = signals.time_ms.saturating_sub(since_ms);
        if idle_ms >= self.policy.idle_ms || self.there(signals) == 0 {
            return wish.to(0, Reason::Idle { idle_ms });
        }
        wish.at_least(1)
    }

    /// Whether there shall be no worker since the last decision, and nothing that is seen wants one.
    fn rests(&self, signals: &Signals) -> bool {
        let is_some = |signal| {
            let value = signals.read(signal, self.policy.stale_after_ms);
            value.is_ok_and(|value| value > 0.0)
        };
        let work = [
            Signal::Busy,
            Signal::Waiting,
            Signal::Offered,
            Signal::Tokens,
        ];
        self.decided.is_some_and(|(_, last)| last == 0) && !work.into_iter().any(is_some)
    }

    fn step(&self, signals: &Signals, wish: Wish, is_budget_low: bool) -> Wish {
        let (target, there) = (signals.workers_target, self.there(signals));
        let wanted = wish.workers;
        if let Some(limit) = self.policy.step_up
            && wanted > there
            && !is_budget_low
        {
            let low = self.targets_low.max().map_or(target, |n| u32::MAX - n);
            let most = low.saturating_add(span(low, limit)).max(there);
            if wanted > most {
                return wish.to(most, Reason::StepUp { wanted });
            }
        }
        if let Some(limit) = self.policy.step_down
            && wanted < there
        {
            let high = self.targets_high.max().unwrap_or(there).max(there);
            let least = high.saturating_sub(span(high, limit)).min(there);
            if wanted < least {
                return wish.to(least, Reason::StepDown { wanted });
            }
        }
        wish
    }

    /// Remembers what the pool was set to, for as long as steps are counted from it.
    fn note_target(&mut self, signals: &Signals) {
        let (now_ms, target) = (signals.time_ms, signals.workers_target);
        let period = |limit: Option<StepLimit>| limit.map_or(1, |limit| limit.period_ms);
        self.targets_high.push(now_ms, target);
        self.targets_low.push(now_ms, u32::MAX - target);
        let (down_ms, up_ms) = (period(self.policy.step_down), period(self.policy.step_up));
        self.targets_high.forget(now_ms.saturating_sub(down_ms));
        self.targets_low.forget(now_ms.saturating_sub(up_ms));
    }

    fn is_budget_low(&self, signals: &Signals) -> Option<f64> {
        let low = self.policy.budget_low?;
        let left = signals.read(Signal::Budget, self.policy.stale_after_ms);
        left.ok().filter(|left| *left <= low)
    }

    fn bounded(&self, workers: u32) -> u32 {
        workers.clamp(self.policy.workers_min, self.policy.workers_max)
    }
}

/// The number of workers on its way through the stages, and what gave it last.
#[derive(Debug, Clone, Copy)]
struct Wish {
    workers: u32,
    reason: Reason,
}

impl Wish {
    fn to(self, workers: u32, reason: Reason) -> Self {
        Self { workers, reason }
    }

    fn at_least(self, workers: u32) -> Self {
        if self.workers >= workers {
            return self;
        }
        self.to(workers, Reason::Min)
    }
}

fn span(workers: u32, limit: StepLimit) -> u32 {
    let share = (f64::from(workers) * limit.share).floor() as u32;
    share.max(limit.workers)
}

fn pool(fault: Fault) -> Unusable {
    Unusable {
        signal: Signal::Pool,
        fault,
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
