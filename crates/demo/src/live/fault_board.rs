//! What goes wrong just now: the plan, and what somebody began by hand.

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::faults::{Fault, Occurrence, Schedule};

/// Seconds that a fault may be begun for.
pub(super) const SECONDS_MAX: u64 = 3_600;

/// See the module's page. The plan is counted from the start of the daemon.
#[derive(Debug)]
pub(super) struct FaultBoard {
    began: Instant,
    schedule: Mutex<Schedule>,
}

impl FaultBoard {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            began: Instant::now(),
            schedule: Mutex::new(Schedule::planned(seed)),
        }
    }

    /// From now on faults come by hand only.
    pub(super) fn drop_plan(&self) {
        self.schedule.lock().drop_plan();
    }

    /// Microseconds since the daemon's start.
    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Begins a fault now, for so long. What was begun by hand before ends with it.
    pub(super) fn begin(&self, fault: Fault, seconds: u64) -> Occurrence {
        let length_us = seconds.min(SECONDS_MAX) * 1_000_000;
        self.schedule.lock().stage(fault, self.now_us(), length_us)
    }

    /// What is active of a fault; what was begun by hand comes before the plan.
    pub(super) fn active(&self, fault: Fault) -> Option<Occurrence> {
        self.schedule.lock().active(fault, self.now_us())
    }

    /// How strong a fault is, 0 to 1.
    pub(super) fn strength(&self, fault: Fault) -> f64 {
        self.schedule.lock().strength(fault, self.now_us())
    }

    /// How much of a fault has passed, 0 to 1; 0 where it is not active.
    pub(super) fn progress(&self, fault: Fault) -> f64 {
        self.schedule.lock().progress(fault, self.now_us())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn faults_recur_unless_their_plan_is_dropped() {
        let (planned, by_hand) = (FaultBoard::new(7), FaultBoard::new(7));
        by_hand.drop_plan();
        let mut active = 0;
        for _ in 0..120 {
            tokio::time::advance(Duration::from_secs(60)).await;
            active += usize::from(planned.active(Fault::ProviderSlow).is_some());
            assert!(by_hand.active(Fault::ProviderSlow).is_none());
        }
        assert!(active > 3, "{active} minutes");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fault_that_is_begun_by_hand_ends_by_itself() {
        let board = FaultBoard::new(1);
        assert!(board.active(Fault::ProviderDown).is_none());
        board.begin(Fault::ProviderDown, 30);
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(board.active(Fault::ProviderDown).is_some());
        assert_eq!(
            board.strength(Fault::ProviderDown),
            0.5,
            "10 s before its end"
        );
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(board.active(Fault::ProviderDown).is_none());
        assert_eq!(
            board.begin(Fault::QueueBurst, u64::MAX).end_us,
            30_000_000 + 3_600_000_000
        );
    }
}
