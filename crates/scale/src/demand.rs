//! The load of a pool as it was, and as it is predicted to be when a new worker would count.
//!
//! ## Model
//! A *sample* is the load of one step in slots: the offered load, or the work in flight where that is
//! larger. The *level* is its exponentially weighted mean. A *peak* is how far the largest sample of
//! the time after a step rose over the level at that step, in square roots of the level. What is
//! predicted is the level plus a quantile of the peaks of the last hours, times the root of the level.
//!
//! That time is the start-up, a minute and a step: what is decided now counts from when it is ready, and
//! must do until a burst has been seen and answered.
//!
//! ## Invariants
//! - Levels and peaks are finite, whatever comes in.
//! - A peak is never taken over a gap in which nothing was sampled.
//! - A backlog is not load: while requests waited at the last sample, work in flight is not looked at.
//!
//! ## Limits
//! 4,096 peaks, sorted at each step; a horizon of at most 512 steps.

use std::collections::VecDeque;

use crate::rule::Prediction;
use crate::signals::VALUE_MAX;

/// What one set of signals says about load; what is not known is `None`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) offered: Option<f64>,
    pub(crate) busy: Option<f64>,
    pub(crate) waiting: Option<f64>,
    pub(crate) service_seconds: Option<f64>,
    /// Slots of the workers that are ready.
    pub(crate) capacity: f64,
}

/// One step of the past.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Step {
    pub(crate) sample: f64,
    pub(crate) level: f64,
}

/// The load of a pool.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Demand {
    /// When the last step ended.
    pub(crate) stepped_at_ms: Option<i64>,
    /// What was seen since: the sum of the offered loads and their count, the largest work in flight.
    pub(crate) offered_sum: f64,
    pub(crate) offered_count: u32,
    pub(crate) in_flight_max: Option<f64>,
    /// Whether requests waited when last seen.
    pub(crate) was_waiting: bool,
    /// Whether they did the time before as well.
    pub(crate) is_backlog_confirmed: bool,
    /// The steps whose peak is not known yet, oldest first, and with them the samples after them.
    pub(crate) recent: VecDeque<Step>,
    /// Peaks over the level, oldest first.
    pub(crate) peaks: VecDeque<f64>,
    /// The quantile of the peaks, as of the last step.
    pub(crate) peak_quantile: Option<f64>,
}

/// What goes by between a burst and what answers it, beside the start-up. Measured: with none, pools that
/// start fast have too little head-room for bursts that are over before anything can be decided.
const ANSWER_MS: i64 = 60_000;

/// The longest horizon, in steps.
pub(crate) const HORIZON_STEPS_MAX: i64 = 512;

impl Demand {
    /// The level, if anything was sampled.
    pub(crate) fn level(&self) -> Option<f64> {
        self.recent.back().map(|step| step.level)
    }

    /// Takes in what was seen. A step ends when seven eighths of it have passed, so that a clock that
    /// is late or early by a little makes no step too long or too short.
    pub(crate) fn take(&mut self, time_ms: i64, startup_ms: i64, seen: &Seen, how: &Prediction) {
        self.join(seen, how);
        let elapsed_ms = match self.stepped_at_ms {
            None => how.step_ms,
            Some(at_ms) => time_ms.saturating_sub(at_ms),
        };
        if elapsed_ms < how.step_ms - how.step_ms / 8 {
            return;
        }
        if let Some(sample) = self.sample() {
            self.stepped_at_ms = Some(time_ms);
            self.step(sample, elapsed_ms, startup_ms, how);
        }
    }

    /// Forgets when the last step was, and the steps whose peak is not known: what comes now does not
    /// follow them. The level of the last one stays.
    pub(crate) fn set_clock(&mut self) {
        self.stepped_at_ms = None;
        let last = self.recent.pop_back();
        self.recent.clear();
        self.recent.extend(last.map(|step| Step {
            sample: step.level,
            ..step
        }));
    }

    fn join(&mut self, seen: &Seen, how: &Prediction) {
        if let Some(offered) = seen.offered {
            self.offered_sum += offered;
            self.offered_count += 1;
        }
        let (Some(busy), Some(waiting)) = (seen.busy, seen.waiting) else {
            return;
        };
        // More than the pool can hold without anybody waiting too long is backlog, not load.
        let patience = match seen.service_seconds {
            Some(seconds) if seconds > 0.0 => how.wait_objective_ms as f64 / 1000.0 / seconds,
            _ => 0.0,
        };
        let held = if !self.was_waiting {
            Some((busy + waiting).min(seen.capacity * (1.0 + patience)))
        } else if seen.offered.is_none() {
            Some(busy.min(seen.capacity))
        } else {
            None
        };
        if let Some(held) = held {
            let weighted = (how.in_flight_weight * held).min(VALUE_MAX);
            self.in_flight_max = Some(self.in_flight_max.map_or(weighted, |max| max.max(weighted)));
        }
        self.is_backlog_confirmed = self.was_waiting && waiting > 0.0;
        self.was_waiting = waiting > 0.0;
    }

    /// The load since the last step, which it forgets; `None` where nothing was seen.
    fn sample(&mut self) -> Option<f64> {
        let count = std::mem::take(&mut self.offered_count);
        let sum = std::mem::take(&mut self.offered_sum);
        let offered = (count > 0).then(|| sum / f64::from(count));
        let in_flight = std::mem::take(&mut self.in_flight_max);
        match (offered, in_flight) {
            (Some(offered), Some(in_flight)) => Some(offered.max(in_flight)),
            (one, other) => one.or(other),
        }
    }

    fn step(&mut self, sample: f64, elapsed_ms: i64, startup_ms: i64, how: &Prediction) {
        let horizon = horizon_steps(startup_ms, how.step_ms);
        let level = match self.level() {
            None => sample,
            Some(level) => {
                let weight = 1.0 - (-(elapsed_ms as f64) / how.level_ms as f64).exp();
                level + weight * (sample - level)
            }
        };
        // After a gap of steps the samples before it say nothing of those after it.
        if elapsed_ms > how.step_ms.saturating_mul(2) {
            self.recent.clear();
        }
        self.recent.push_back(Step { sample, level });
        while self.recent.len() > horizon {
            let Some(then) = self.recent.pop_front() else {
                break;
            };
            let largest = self.recent.iter().take(horizon);
            let largest = largest.map(|step| step.sample).fold(0.0, f64::max);
            self.peaks
                .push_back((largest - then.level) / root(then.level));
        }
        let kept = (how.history_ms / how.step_ms).max(1) as usize;
        while self.peaks.len() > kept {
            self.peaks.pop_front();
        }
        self.peak_quantile = Some(self.quantile(how));
    }

    /// The quantile of the peaks, with `prior_count` more of them at what theory says, so that a short
    /// past does not count for more than it is. The rank is that of conformal prediction: of `n`
    /// values the next one is above the `q (n + 1)`-th with a probability of at most `1 - q`.
    fn quantile(&self, how: &Prediction) -> f64 {
        let prior = std::iter::repeat_n(how.staffing, how.prior_count as usize);
        let mut values: Vec<f64> = self.peaks.iter().copied().chain(prior).collect();
        let rank = (how.quantile * (values.len() + 1) as f64).ceil() as usize;
        let index = rank.clamp(1, values.len()) - 1;
        *values.select_nth_unstable_by(index, f64::total_cmp).1
    }

    /// The load that is planned for, in slots, if anything was sampled.
    ///
    /// The head-room is the weighted geometric mean of what was seen and what theory says: the seen
    /// quantile hangs on few bursts, and what a slot more saves falls with the square of the head-room.
    pub(crate) fn predicted(&self, how: &Prediction) -> Option<f64> {
        let level = self.level()?;
        let seen = self.peak_quantile.unwrap_or(how.staffing).max(0.0);
        let head_room = how.staffing.powf(1.0 - how.trust) * seen.powf(how.trust);
        Some(level + head_room * root(level))
    }
}

/// The square root of a load, of one slot at least: below that a pool has bursts all the same.
fn root(level: f64) -> f64 {
    level.max(1.0).sqrt()
}

fn horizon_steps(startup_ms: i64, step_ms: i64) -> usize {
    let ahead_ms = startup_ms.saturating_add(ANSWER_MS + step_ms);
    let steps = ahead_ms.saturating_add(step_ms / 2) / step_ms;
    steps.clamp(1, HORIZON_STEPS_MAX) as usize
}
