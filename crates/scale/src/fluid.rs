//! What a number of workers would have meant for a load that was recorded: an estimate for the past, of which
//! only levels are known and no single requests.
//!
//! ## Model
//! Work flows in at the load (seconds of service a second, which are slots) and out at the slots of ready
//! workers. What is over waits; the wait is what stands before a new request, over what flows out.
//!
//! ## Limits
//! Bursts shorter than the distance of the steps are not seen, so that violations are fewer than a replay
//! of requests would give. Two policies over one record compare all the same.

/// A pool over recorded load.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fluid {
    /// Seconds of service that wait.
    backlog: f64,
    /// Seconds of workers paid for.
    pub worker_seconds: f64,
    /// Seconds in which a request would have waited longer than the objective.
    pub violated_seconds: f64,
    /// Seconds of workers that would do if each were full all the time.
    pub ideal_seconds: f64,
}

/// One stretch of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// How long it is.
    pub seconds: f64,
    /// The load in slots; what is no number, or below 0, is none.
    pub load: f64,
    /// Requests that one worker serves at a time.
    pub slots_per_worker: u32,
    /// Workers that are paid for.
    pub workers: u32,
    /// Workers that take requests.
    pub ready: u32,
    /// How long a request may wait.
    pub wait_objective_seconds: f64,
}

impl Fluid {
    /// Takes in a stretch of time. One without a length counts for nothing.
    pub fn add(&mut self, stretch: &Stretch) {
        if !(stretch.seconds > 0.0 && stretch.seconds.is_finite()) {
            return;
        }
        let slots = f64::from(stretch.slots_per_worker.max(1));
        let load = match stretch.load.is_finite() {
            true => stretch.load.max(0.0),
            false => 0.0,
        };
        let capacity = f64::from(stretch.ready) * slots;
        let before = self.backlog;
        // Below 0 where all is done before the end: the way down is as steep until then.
        let after = before + (load - capacity) * stretch.seconds;
        // A backlog of `capacity` seconds of service stands for a second of waiting.
        let allowed = capacity * stretch.wait_objective_seconds.max(0.0);
        self.violated_seconds += stretch.seconds * share_above(before, after, allowed);
        self.worker_seconds += f64::from(stretch.workers) * stretch.seconds;
        self.ideal_seconds += load * stretch.seconds / slots;
        self.backlog = after.max(0.0);
    }
}

/// The share of a straight way between two numbers that is above a third.
fn share_above(from: f64, to: f64, level: f64) -> f64 {
    match (from > level, to > level) {
        (true, true) => 1.0,
        (false, false) => 0.0,
        (_, is_rising) => {
            let above = if is_rising { to } else { from } - level;
            above / (to - from).abs()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(load: f64, ready: u32) -> Stretch {
        Stretch {
            seconds: 10.0,
            load,
            slots_per_worker: 8,
            workers: ready + 1,
            ready,
            wait_objective_seconds: 2.0,
        }
    }

    #[test]
    fn what_does_not_fit_waits() {
        let mut fluid = Fluid::default();
        fluid.add(&stretch(16.0, 2));
        assert_eq!((fluid.violated_seconds, fluid.worker_seconds), (0.0, 30.0));
        // Eight slots are missing: after four seconds 32 s of service wait, two seconds for 16 slots.
        fluid.add(&stretch(24.0, 2));
        assert!((fluid.violated_seconds - 6.0).abs() < 1e-9, "{fluid:?}");
        // The 80 s are worked off at 16 a second, down to 32 after three seconds.
        fluid.add(&stretch(0.0, 2));
        assert!((fluid.violated_seconds - 9.0).abs() < 1e-9, "{fluid:?}");
        fluid.add(&stretch(16.0, 2));
        assert!((fluid.violated_seconds - 9.0).abs() < 1e-9, "{fluid:?}");
        assert!((fluid.ideal_seconds - 70.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_no_number_counts_for_nothing() {
        let mut fluid = Fluid::default();
        for load in [f64::NAN, f64::INFINITY, -1.0] {
            fluid.add(&stretch(load, 0));
        }
        for seconds in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
            fluid.add(&Stretch {
                seconds,
                ..stretch(8.0, 0)
            });
        }
        assert_eq!(fluid.violated_seconds, 0.0);
        assert_eq!(fluid.worker_seconds, 30.0);
        fluid.add(&stretch(1.0, 0));
        assert_eq!(fluid.violated_seconds, 10.0, "nobody serves");
    }
}
