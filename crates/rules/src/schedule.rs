//! When groups are evaluated.
//!
//! ## Model
//! Evaluations of a group are at equal distances, at an offset that its file and name give: they are
//! at the same times after a restart, and groups of one interval do not all come at once.

use xxhash_rust::xxh3::xxh3_64;

/// The turns of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turns {
    interval_ms: i64,
    offset_ms: i64,
}

impl Turns {
    /// The turns of a group with an interval above 0.
    pub(crate) fn new(key: &str, interval_ms: i64) -> Self {
        let interval_ms = interval_ms.max(1);
        let hash = xxh3_64(key.as_bytes());
        // Both are below 2^63: the interval is positive, and the rest smaller than it.
        let offset = hash % interval_ms.unsigned_abs();
        Self {
            interval_ms,
            offset_ms: i64::try_from(offset).unwrap_or(0),
        }
    }

    /// The last turn at or before a time.
    pub(crate) fn before(self, time_ms: i64) -> i64 {
        let since = time_ms.saturating_sub(self.offset_ms);
        time_ms.saturating_sub(since.rem_euclid(self.interval_ms))
    }

    /// The first turn after a time.
    pub(crate) fn after(self, time_ms: i64) -> i64 {
        self.before(time_ms).saturating_add(self.interval_ms)
    }

    /// The turn that is to be taken at `now_ms` where `due_ms` was due, and how many were missed.
    pub(crate) fn late(self, due_ms: i64, now_ms: i64) -> (i64, u64) {
        let missed = now_ms.saturating_sub(due_ms).max(0) / self.interval_ms;
        let turn_ms = due_ms.saturating_add(missed.saturating_mul(self.interval_ms));
        (turn_ms, missed.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_aligned_and_spread() {
        let turns = Turns::new("a.yml;g", 60_000);
        assert_eq!(turns, Turns::new("a.yml;g", 60_000));
        let spread: std::collections::BTreeSet<i64> = (0..100)
            .map(|n| Turns::new(&format!("a.yml;{n}"), 60_000).offset_ms)
            .collect();
        assert!(spread.len() > 90 && spread.iter().all(|offset| (0..60_000).contains(offset)));
        for time_ms in [0, 1, 59_999, 60_000, 1_795_787_694_055, -1, -60_001] {
            let before = turns.before(time_ms);
            assert!(before <= time_ms && time_ms - before < 60_000, "{time_ms}");
            assert_eq!((before - turns.offset_ms).rem_euclid(60_000), 0);
            assert_eq!(turns.before(before), before);
            assert_eq!(turns.after(before), before + 60_000);
        }
    }

    #[test]
    fn late_turns_are_missed() {
        let turns = Turns::new("g", 1_000);
        for (now_ms, want) in [
            (5_000, (5_000, 0)),
            (5_999, (5_000, 0)),
            (6_000, (6_000, 1)),
            (8_500, (8_000, 3)),
            (4_000, (5_000, 0)),
        ] {
            assert_eq!(turns.late(5_000, now_ms), want, "{now_ms}");
        }
    }
}
