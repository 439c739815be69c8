//! Who asks, how often, and for what.

use crate::random::Random;
use crate::trace::{TRACES, TraceRequest};

/// A kind of request. Its place is its priority: the first is served first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    /// A person waits at a WebSocket (Azure's conversation trace).
    Chat = 0,
    /// An editor completes code (Azure's code trace).
    Code = 1,
    /// An agent works on long context (Mooncake's trace).
    Agent = 2,
}

impl Workload {
    pub(crate) const ALL: [Self; 3] = [Self::Chat, Self::Code, Self::Agent];

    pub(crate) fn name(self) -> &'static str {
        ["chat", "code", "agent"][self as usize]
    }

    /// The queue it waits in, as the SDK's pool names it.
    pub(crate) fn priority(self) -> &'static str {
        ["high", "normal", "low"][self as usize]
    }

    /// Part of the trace's own rate that reaches this daemon on a full day. Chosen so that three
    /// workloads keep some 40 workers busy.
    fn share(self) -> f64 {
        [0.65, 0.5, 0.3][self as usize]
    }

    /// Whether a burst of the queue is made of it.
    fn takes_part_in_bursts(self) -> bool {
        self != Self::Chat
    }

    /// How many rounds of tools a request needs.
    pub(crate) fn draw_rounds(self, random: &mut Random) -> u64 {
        let (most, probability) = [(1, 0.3), (2, 0.35), (3, 0.65)][self as usize];
        let mut rounds = 0;
        while rounds < most && random.chance(probability) {
            rounds += 1;
        }
        rounds
    }
}

/// By how much the rate of those that take part in a burst grows, whose strength is 0 to 1.
pub(crate) fn burst(strength: f64) -> f64 {
    1.0 + 5.0 * strength
}

/// Codes with which sessions are closed: as it should be, the person is gone, the connection is lost.
pub(crate) const CLOSE_CODES: [u16; 3] = [1_000, 1_001, 1_006];

/// Which of them closes a session.
pub(crate) fn close_code(random: &mut Random) -> usize {
    let draw = random.fraction();
    usize::from(draw > 0.86) + usize::from(draw > 0.97)
}

const MS_PER_HOUR: f64 = 3_600_000.0;

/// How busy the hour is, 0.2 to about 1.1: two humps on a day in UTC, less on the last two days of
/// the week.
pub(crate) fn busyness(time_ms: i64) -> f64 {
    let day_ms = 24.0 * MS_PER_HOUR;
    let since_ms = time_ms as f64;
    let hour = since_ms.rem_euclid(day_ms) / MS_PER_HOUR;
    let hump = |center: f64, width: f64| {
        let distance = (hour - center + 36.0).rem_euclid(24.0) - 12.0;
        (-0.5 * (distance / width).powi(2)).exp()
    };
    // 1970-01-01 was a Thursday.
    let weekday = (since_ms / day_ms).floor() as i64 + 3;
    let week = if weekday.rem_euclid(7) >= 5 {
        0.65
    } else {
        1.0
    };
    // Slow waves with periods that do not divide a day, so that no two days are the same.
    let wave =
        |period_hours: f64| (std::f64::consts::TAU * since_ms / MS_PER_HOUR / period_hours).sin();
    let drift = 1.0 + 0.05 * wave(7.3) + 0.04 * wave(1.7) + 0.03 * wave(0.61);
    (0.25 + 0.75 * hump(10.5, 2.6).max(0.9 * hump(16.0, 3.0)) + 0.2 * hump(21.0, 1.8))
        * week
        * drift
}

/// A trace that is replayed over and over, faster or slower.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    workload: Workload,
    next_index: usize,
}

impl Replay {
    /// Begins at some place of the trace, chosen by `random`.
    pub(crate) fn new(workload: Workload, random: u64) -> Self {
        let trace = &TRACES[workload as usize];
        Self {
            workload,
            next_index: (random % trace.len().max(1) as u64) as usize,
        }
    }

    /// The next request, with the time until it arrives, when the hour is `busyness` and bursts
    /// multiply the rate by `burst`.
    pub(crate) fn next(&mut self, busyness: f64, burst: f64) -> TraceRequest {
        let trace = &TRACES[self.workload as usize];
        let mut request = trace[self.next_index];
        self.next_index = (self.next_index + 1) % trace.len();
        let burst = if self.workload.takes_part_in_bursts() {
            burst
        } else {
            1.0
        };
        let rate = (self.workload.share() * busyness * burst).max(0.01);
        request.gap_us = (request.gap_us as f64 / rate) as u64;
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_a_night_and_no_negative_load() {
        let day_ms = 1_790_035_200_000; // A Tuesday, 00:00 UTC.
        let at = |hour: i64| busyness(day_ms + hour * 3_600_000);
        assert!(at(10) > 2.5 * at(3), "{} {}", at(10), at(3));
        assert!(
            at(10) > at(10 + 4 * 24),
            "Saturday is less busy than Tuesday"
        );
        for minute in 0..7 * 24 * 60 {
            let busyness = busyness(day_ms + minute * 60_000);
            assert!(
                (0.1..1.5).contains(&busyness),
                "{busyness} at minute {minute}"
            );
        }
    }
}
