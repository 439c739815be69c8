//! How many workers each rule wants.

use crate::demand::Demand;
use crate::policy::Policy;
use crate::rule::{Backlog, Rule};
use crate::signals::{Fault, Signal, Signals, Unusable};

/// What the rules see: the signals, what was learnt of the load, the policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) signals: &'a Signals,
    pub(crate) demand: &'a Demand,
    pub(crate) policy: &'a Policy,
}

impl View<'_> {
    /// The workers that a rule wants, not rounded.
    ///
    /// # Errors
    /// The signal that keeps the rule from saying anything.
    pub(crate) fn want(&self, rule: &Rule) -> Result<f64, Unusable> {
        match rule {
            Rule::Utilisation { share } => {
                let busy = self.read(Signal::Busy)?;
                let used = busy / (self.ready() * self.slots()).max(1.0);
                Ok(self.used(used / share))
            }
            Rule::InFlight { share } => {
                let in_flight = self.read(Signal::Busy)? + self.read(Signal::Waiting)?;
                Ok(self.average(in_flight, share * self.slots()))
            }
            Rule::Queue { waiting_per_worker } => {
                Ok(self.average(self.read(Signal::Waiting)?, *waiting_per_worker))
            }
            Rule::Latency { target_ms } => self.latency(*target_ms),
            Rule::Tokens { per_worker } => {
                Ok(self.average(self.read(Signal::Tokens)?, *per_worker))
            }
            Rule::GpuCache { share } => Ok(self.used(self.read(Signal::GpuCache)? / share)),
            Rule::Backlog(backlog) => self.backlog(backlog),
            Rule::Predicted(prediction) => {
                // What is predicted from a past that is no longer seen is no prediction.
                if self.read(Signal::Offered).is_err() {
                    self.read(Signal::Busy)?;
                    self.read(Signal::Waiting)?;
                }
                let load = self.demand.predicted(prediction);
                Ok(load.ok_or(absent(Signal::Offered))? / self.slots())
            }
        }
    }

    pub(crate) fn read(&self, signal: Signal) -> Result<f64, Unusable> {
        self.signals.read(signal, self.policy.stale_after_ms)
    }

    fn slots(&self) -> f64 {
        f64::from(self.signals.slots_per_worker)
    }

    fn target(&self) -> f64 {
        f64::from(self.signals.workers_target)
    }

    fn ready(&self) -> f64 {
        f64::from(self.signals.workers_ready)
    }

    fn is_near(&self, ratio: f64) -> bool {
        (ratio - 1.0).abs() <= self.policy.tolerance
    }

    /// A sum over the pool against what one worker may have of it.
    fn average(&self, sum: f64, per_worker: f64) -> f64 {
        if self.is_near(sum / (per_worker * self.target())) {
            self.target()
        } else {
            sum / per_worker
        }
    }

    /// What ready workers use on average, against what they shall.
    fn used(&self, ratio: f64) -> f64 {
        if self.ready() < self.target() && ratio > 1.0 {
            // As if the workers that are still starting were ready and idle; where that leaves
            // nothing to be done, nothing is done.
            let corrected = ratio * self.ready() / self.target();
            return if corrected <= 1.0 + self.policy.tolerance {
                self.target()
            } else {
                corrected * self.target()
            };
        }
        if self.is_near(ratio) {
            self.target()
        } else {
            self.ready() * ratio
        }
    }

    fn latency(&self, target_ms: f64) -> Result<f64, Unusable> {
        let ratio = self.read(Signal::Latency)? / target_ms;
        let busy = self.read(Signal::Busy)?;
        if self.is_near(ratio) {
            return Ok(self.target());
        }
        Ok((self.ready().max(1.0) * ratio.min(2.0)).max(busy / self.slots()))
    }

    fn backlog(&self, backlog: &Backlog) -> Result<f64, Unusable> {
        let waiting = self.read(Signal::Waiting)?;
        // Where nothing waits it says nothing; and a pool that rests has no service time.
        let service_seconds = match waiting > 0.0 {
            true => self.read(Signal::ServiceTime)?,
            false => 0.0,
        };
        let level = match self.demand.level() {
            Some(level) => level,
            None => self.read(Signal::Busy)?,
        };
        // Half of what came just now: a rise that lasts is in the level soon, and one that does not
        // is over before a new worker is ready.
        let load = match self.read(Signal::Offered) {
            Ok(offered) => level.max((level + offered) / 2.0),
            Err(_) => level,
        };
        let startup_seconds = self.signals.startup_ms as f64 / 1000.0;
        let ready = self.ready() * self.slots();
        let starting = (self.target() - self.ready()).max(0.0) * self.slots();
        // Those that are starting will have worked for half of that time, on average.
        let finished = (ready - load + starting / 2.0) * startup_seconds;
        // What waits for the first time is mostly a spike that is over before a worker is ready.
        let left = if self.demand.is_backlog_confirmed {
            (waiting * service_seconds - finished).max(0.0)
        } else {
            0.0
        };
        let drain_seconds = backlog.drain_ms as f64 / 1000.0;
        Ok((level + left / drain_seconds) / self.slots())
    }
}

fn absent(signal: Signal) -> Unusable {
    Unusable {
        signal,
        fault: Fault::Absent,
    }
}
