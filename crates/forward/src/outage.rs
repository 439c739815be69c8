//! When to say that a remote cannot be sent to.
//!
//! ## Model
//! An outage begins with the first attempt that fails and ends when everything that was sent
//! together has arrived. It is told when it begins, again after pauses that double, and when it is
//! over.
//!
//! ## Limits
//! A remote that fails now and then is not told more often than once in [`PAUSE_MIN_MS`], and an
//! outage whose beginning was not told is not told to be over.

/// The least time between two notes about one remote, in ms. Chosen: a log stays readable.
const PAUSE_MIN_MS: i64 = 60_000;
/// The greatest pause between two notes of one outage, in ms. Chosen: an outage of a night is seen
/// on the last page of the log.
const PAUSE_MAX_MS: i64 = 30 * 60_000;

/// What is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Note {
    /// Sending fails since just now.
    Began,
    /// Sending has failed for so many ms.
    Lasts(i64),
    /// Sending works again after so many ms.
    Over(i64),
}

/// The outage of a remote, if there is one.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    since_ms: Option<i64>,
    /// Whether anything was told of it.
    is_told: bool,
    /// Nothing is told before this time.
    quiet_until_ms: i64,
    pause_ms: i64,
}

impl Outage {
    /// An attempt failed.
    pub(crate) fn failed(&mut self, now_ms: i64) -> Option<Note> {
        if self.since_ms.is_none() {
            self.pause_ms = PAUSE_MIN_MS;
        }
        let since_ms = *self.since_ms.get_or_insert(now_ms);
        if now_ms < self.quiet_until_ms {
            return None;
        }
        self.quiet_until_ms = now_ms.saturating_add(self.pause_ms);
        self.pause_ms = (self.pause_ms * 2).min(PAUSE_MAX_MS);
        let note = if self.is_told || since_ms < now_ms {
            Note::Lasts(now_ms - since_ms)
        } else {
            Note::Began
        };
        self.is_told = true;
        Some(note)
    }

    /// What was sent together has arrived.
    pub(crate) fn arrived(&mut self, now_ms: i64) -> Option<Note> {
        let since_ms = self.since_ms.take()?;
        // The next outage may begin at once, but is not told at once.
        let quiet_ms = now_ms.saturating_add(PAUSE_MIN_MS);
        let was_told = std::mem::take(&mut self.is_told);
        if was_told {
            self.quiet_until_ms = quiet_ms;
        }
        was_told.then_some(Note::Over(now_ms.saturating_sub(since_ms)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_at_growing_distances() {
        let mut outage = Outage::default();
        assert_eq!(outage.arrived(0), None);
        let minutes = |at: i64| at * 60_000;
        let told: Vec<i64> = (0..=24 * 60)
            .filter(|at| outage.failed(minutes(*at)).is_some())
            .collect();
        assert_eq!(told[..8], [0, 1, 3, 7, 15, 31, 61, 91]);
        assert!(told[6..].windows(2).all(|pair| pair[1] - pair[0] == 30));
        let hours = 24 * 3_600_000;
        assert_eq!(outage.arrived(hours), Some(Note::Over(hours)));
        assert_eq!(outage.arrived(hours), None);
    }

    #[test]
    fn a_remote_that_fails_now_and_then_is_told_once_a_minute() {
        let mut outage = Outage::default();
        assert_eq!(outage.failed(1_000), Some(Note::Began));
        assert_eq!(outage.failed(1_500), None);
        assert_eq!(outage.arrived(2_000), Some(Note::Over(1_000)));
        // Short ones that follow are not told at all.
        for at in 3..60 {
            assert_eq!(outage.failed(at * 1_000), None);
            assert_eq!(outage.arrived(at * 1_000 + 500), None);
        }
        // One that lasts is, when the time has come.
        assert_eq!(outage.failed(60_000), None);
        assert_eq!(outage.failed(62_000), Some(Note::Lasts(2_000)));
        assert_eq!(outage.arrived(63_000), Some(Note::Over(3_000)));
    }
}
