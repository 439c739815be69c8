//! Jobs that wait for a worker.
//!
//! ## Model
//! One line for each priority; the most urgent one that has a job is served, its oldest job first.

use std::collections::VecDeque;

/// How urgent a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// When there is nothing else to do.
    Low,
    /// As most.
    #[default]
    Normal,
    /// Before all others.
    High,
}

impl Priority {
    pub(super) const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}

/// See the module's page.
#[derive(Debug)]
pub(super) struct Lines<T> {
    lines: [VecDeque<T>; 3],
    len: usize,
}

impl<T> Default for Lines<T> {
    fn default() -> Self {
        Self {
            lines: [VecDeque::new(), VecDeque::new(), VecDeque::new()],
            len: 0,
        }
    }
}

impl<T> Lines<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, priority: Priority, job: T) {
        self.lines[priority as usize].push_back(job);
        self.len += 1;
    }

    /// The most urgent job.
    pub(super) fn pop(&mut self) -> Option<T> {
        let job = self.lines.iter_mut().rev().find_map(VecDeque::pop_front);
        self.len -= usize::from(job.is_some());
        job
    }

    /// The oldest job of the least urgent line, unless that is more urgent than `than`.
    pub(super) fn pop_least(&mut self, than: Priority) -> Option<T> {
        let lines = self.lines.iter_mut().take(than as usize + 1);
        let job = lines.into_iter().find_map(VecDeque::pop_front);
        self.len -= usize::from(job.is_some());
        job
    }

    /// The job of each line that waits longest.
    pub(super) fn oldest(&self) -> impl Iterator<Item = &T> {
        self.lines.iter().filter_map(VecDeque::front)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_urgent_come_first_and_the_least_urgent_go_first() {
        let mut lines = Lines::default();
        for (priority, job) in [
            (Priority::Normal, 1),
            (Priority::Low, 2),
            (Priority::High, 3),
            (Priority::Normal, 4),
        ] {
            lines.push(priority, job);
        }
        assert_eq!(lines.oldest().copied().collect::<Vec<_>>(), [2, 1, 3]);
        assert_eq!(lines.pop(), Some(3));
        assert_eq!(lines.pop_least(Priority::Normal), Some(2));
        assert_eq!(lines.pop_least(Priority::Low), None);
        assert_eq!(lines.pop_least(Priority::High), Some(1));
        assert_eq!(
            (lines.len(), lines.pop(), lines.pop(), lines.len()),
            (1, Some(4), None, 0)
        );
    }
}
