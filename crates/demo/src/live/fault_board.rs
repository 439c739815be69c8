//! What goes wrong just now: the plan, and what somebody began by hand.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::faults::{self, Fault, Occurrence};

/// Seconds that a fault may be begun for.
pub(super) const SECONDS_MAX: u64 = 3_600;

/// See the module's page. The plan is counted from the start of the daemon.
#[derive(Debug)]
pub(super) struct FaultBoard {
    seed: u64,
    began: Instant,
    has_plan: AtomicBool,
    /// The last one of each fault that was begun by hand.
    manual: Mutex<[Option<Occurrence>; Fault::COUNT]>,
}

impl FaultBoard {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            began: Instant::now(),
            has_plan: AtomicBool::new(true),
            manual: Mutex::default(),
        }
    }

    /// From now on faults come by hand only.
    pub(super) fn drop_plan(&self) {
        self.has_plan.store(false, Ordering::Relaxed);
    }

    /// Microseconds since the daemon's start.
    pub(super) fn now_us(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// Begins a fault now, for so long. What was begun by hand before ends with it.
    pub(super) fn begin(&self, fault: Fault, seconds: u64) -> Occurrence {
        let begin_us = self.now_us();
        let length_us = seconds.min(SECONDS_MAX) * 1_000_000;
        let occurrence = Occurrence {
            begin_us,
            end_us: begin_us.saturating_add(length_us),
            strength: 1.0,
        };
        self.manual.lock()[fault as usize] = Some(occurrence);
        occurrence
    }

    /// What is active of a fault; what was begun by hand comes before the plan.
    pub(super) fn active(&self, fault: Fault) -> Option<Occurrence> {
        let now_us = self.now_us();
        let manual = self.manual.lock()[fault as usize];
        let manual = manual.filter(|it| it.is_active(now_us));
        let planned = || match self.has_plan.load(Ordering::Relaxed) {
            true => faults::active(self.seed, fault, now_us),
            false => None,
        };
        manual.or_else(planned)
    }

    /// How strong a fault is, 0 to 1.
    pub(super) fn strength(&self, fault: Fault) -> f64 {
        let now_us = self.now_us();
        self.active(fault).map_or(0.0, |it| it.strength_at(now_us))
    }

    /// How much of a fault has passed, 0 to 1; 0 where it is not active.
    pub(super) fn progress(&self, fault: Fault) -> f64 {
        let now_us = self.now_us();
        self.active(fault).map_or(0.0, |it| it.progress(now_us))
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
