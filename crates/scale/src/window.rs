//! The largest number of the recent past.

use std::collections::VecDeque;

/// Numbers with their times, of which those are kept that can still become the largest.
///
/// The kept ones fall from front to back, so that there are never more of them than there are
/// different numbers, however often it is asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RecentMax {
    entries: VecDeque<(i64, u32)>,
}

impl RecentMax {
    pub(crate) fn from_entries(entries: impl IntoIterator<Item = (i64, u32)>) -> Self {
        let mut recent = Self::default();
        for (at_ms, value) in entries {
            recent.push(at_ms, value);
        }
        recent
    }

    pub(crate) fn entries(&self) -> Vec<(i64, u32)> {
        self.entries.iter().copied().collect()
    }

    pub(crate) fn push(&mut self, at_ms: i64, value: u32) {
        while self.entries.back().is_some_and(|(_, last)| *last <= value) {
            self.entries.pop_back();
        }
        self.entries.push_back((at_ms, value));
    }

    /// Forgets what was pushed at `until_ms` or before.
    pub(crate) fn forget(&mut self, until_ms: i64) {
        while self.entries.front().is_some_and(|(at, _)| *at <= until_ms) {
            self.entries.pop_front();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    pub(crate) fn max(&self) -> Option<u32> {
        self.entries.front().map(|(_, value)| *value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_looking_at_all() {
        let values = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4];
        let mut recent = RecentMax::default();
        for (i, value) in values.into_iter().enumerate() {
            let now = i as i64 * 10;
            recent.push(now, value);
            recent.forget(now - 50);
            let naive = values[i.saturating_sub(4)..=i].iter().max();
            assert_eq!(recent.max().as_ref(), naive, "at {now}");
            assert_eq!(RecentMax::from_entries(recent.entries()), recent);
        }
        recent.clear();
        assert_eq!(recent.max(), None);
    }
}
