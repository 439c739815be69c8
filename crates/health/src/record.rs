//! What is known of a probe.
//!
//! ## Invariants
//! The state changes only after as many checks in a row as the thresholds say: to the mildest of those
//! that were worse, or the worst of those that were better. A probe that flaps stays where it is.

use std::cmp::Ordering;

use crate::{HealthState, Outcome};

/// How many checks in a row change the state.
#[derive(Debug, Clone, Copy)]
pub struct Thresholds {
    /// As many that are worse than the state make it worse; at least 1.
    pub failure: u32,
    /// As many that are better than the state make it better; at least 1.
    pub success: u32,
}

/// What is known of one thing that is checked again and again.
#[derive(Debug, Clone, Default)]
pub struct Record {
    state: HealthState,
    /// Why it is so. Empty where there is no reason.
    reason: String,
    /// Since when the state is as it is, ms since 1970.
    since_ms: Option<i64>,
    /// Checks in a row that found it down.
    failures: u32,
    /// Whether it worked once.
    worked: bool,
    streak: Option<Streak>,
}

/// Checks in a row that found something else than the state.
#[derive(Debug, Clone)]
struct Streak {
    /// Greater: worse.
    direction: Ordering,
    count: u32,
    /// The one nearest to the state, and the last reason for it.
    nearest: (HealthState, String),
    /// What the last of them says, where that is worse than the state.
    warning: String,
}

impl Record {
    /// A record of nothing: unknown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The record of something that is known from before: since when it is as it is, and why.
    #[must_use]
    pub fn resumed(state: HealthState, reason: String, since_ms: i64) -> Self {
        Self {
            state,
            reason,
            since_ms: Some(since_ms),
            worked: state.works(),
            ..Self::default()
        }
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> HealthState {
        self.state
    }

    /// Since when it is so, ms since 1970. None: nothing is known.
    #[must_use]
    pub fn since_ms(&self) -> Option<i64> {
        self.since_ms
    }

    /// Checks in a row that found it down, whatever the thresholds make of it.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether it worked once.
    #[must_use]
    pub fn worked(&self) -> bool {
        self.worked
    }

    /// Why the state is as it is, whatever the checks since then say.
    #[must_use]
    pub fn own_reason(&self) -> &str {
        &self.reason
    }

    /// Why the state is as it is or, where it is about to become worse, why that is.
    #[must_use]
    pub fn reason(&self) -> &str {
        match &self.streak {
            Some(streak) if !streak.warning.is_empty() => &streak.warning,
            _ => &self.reason,
        }
    }

    /// Takes what a check found that ended now.
    pub fn take(&mut self, outcome: Outcome, now_ms: i64, thresholds: Thresholds) {
        let (latest, reason) = outcome.into_parts();
        self.failures = match latest {
            HealthState::Down => self.failures.saturating_add(1),
            _ => 0,
        };
        let direction = latest.badness().cmp(&self.state.badness());
        if self.state == HealthState::Unknown {
            self.change((latest, reason), now_ms);
        } else if direction == Ordering::Equal {
            self.streak = None;
            self.reason = reason;
        } else {
            self.count(direction, (latest, reason), now_ms, thresholds);
        }
        self.worked |= self.state.works();
    }

    fn change(&mut self, (state, reason): (HealthState, String), now_ms: i64) {
        self.state = state;
        self.reason = reason;
        self.since_ms = Some(now_ms);
    }

    /// Takes what is not as the state is.
    fn count(
        &mut self,
        direction: Ordering,
        latest: (HealthState, String),
        now_ms: i64,
        thresholds: Thresholds,
    ) {
        let before = self.streak.take().filter(|it| it.direction == direction);
        let count = before.as_ref().map_or(0, |it| it.count) + 1;
        let is_further = |it: &Streak| latest.0.badness().cmp(&it.nearest.0.badness()) == direction;
        let nearest = match before {
            Some(before) if is_further(&before) => before.nearest,
            _ => latest.clone(),
        };
        let threshold = match direction {
            Ordering::Greater => thresholds.failure,
            _ => thresholds.success,
        };
        if count < threshold {
            self.streak = Some(Streak::new(direction, count, nearest, &latest.1, threshold));
            return;
        }
        // What went further than all of them is the first of the next streak.
        self.streak = (latest.0 != nearest.0)
            .then(|| Streak::new(direction, 1, latest.clone(), &latest.1, threshold));
        self.change(nearest, now_ms);
    }
}

impl Streak {
    fn new(
        direction: Ordering,
        count: u32,
        nearest: (HealthState, String),
        reason: &str,
        threshold: u32,
    ) -> Self {
        let warning = match direction {
            Ordering::Greater => format!("{reason} ({count} of {threshold} checks)"),
            _ => String::new(),
        };
        Self {
            direction,
            count,
            nearest,
            warning,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// States after each check; checks as `u`, `g` (degraded), `d`.
    fn states(checks: &str, failure: u32, success: u32) -> String {
        let mut record = Record::new();
        let thresholds = Thresholds { failure, success };
        let mut states = String::new();
        for check in checks.chars() {
            let outcome = match check {
                'u' => Outcome::Up,
                'g' => Outcome::degraded("slow"),
                _ => Outcome::down("gone"),
            };
            record.take(outcome, 7, thresholds);
            states.push(match record.state {
                HealthState::Up => 'u',
                HealthState::Degraded => 'g',
                HealthState::Down => 'd',
                HealthState::Unknown => '?',
            });
        }
        states
    }

    #[test]
    fn the_first_check_decides_and_then_the_thresholds_do() {
        for (checks, thresholds, want) in [
            ("d", (3, 3), "d"),
            ("u", (3, 3), "u"),
            ("uddd", (3, 1), "uuud"),
            ("udddu", (3, 1), "uuudu"),
            ("ududududdd", (3, 1), "uuuuuuuuud"),
            ("duuu", (1, 3), "dddu"),
            ("duduuu", (1, 3), "dddddu"),
            // Worse three times, and degraded at the least.
            ("udgdddd", (3, 1), "uuuggdd"),
            ("ugggddd", (3, 1), "uuugggd"),
            ("uddg", (3, 1), "uuug"),
            // Better twice, and degraded at the most.
            ("dguu", (1, 2), "ddgu"),
            ("dugu", (1, 2), "ddgg"),
            ("ud", (1, 1), "ud"),
            ("ugdgu", (1, 1), "ugdgu"),
        ] {
            let (failure, success) = thresholds;
            assert_eq!(states(checks, failure, success), want, "{checks}");
        }
    }

    #[test]
    fn a_reason_says_what_is_about_to_happen() {
        fn take(record: &mut Record, outcome: Outcome) -> String {
            let thresholds = Thresholds {
                failure: 2,
                success: 2,
            };
            record.take(outcome, 7, thresholds);
            record.reason().to_owned()
        }
        let mut record = Record::new();
        assert_eq!(take(&mut record, Outcome::Up), "");
        assert_eq!(
            take(&mut record, Outcome::down("gone")),
            "gone (1 of 2 checks)"
        );
        assert_eq!(take(&mut record, Outcome::down("gone")), "gone");
        assert_eq!(take(&mut record, Outcome::Up), "gone");
        assert_eq!(take(&mut record, Outcome::Up), "");
        assert_eq!(
            take(&mut record, Outcome::degraded("slow")),
            "slow (1 of 2 checks)"
        );
        assert_eq!(
            take(&mut record, Outcome::down("gone")),
            "gone (1 of 2 checks)"
        );
        assert_eq!(record.state, HealthState::Degraded);
        assert_eq!(record.reason, "slow");
    }

    /// The same from what was found: as many of the last checks as are all worse than the state, or
    /// all better, since it last changed.
    fn naive(checks: &str, failure: usize, success: usize) -> String {
        let badness = |check: char| "ugd".find(check).unwrap_or_default();
        let checks: Vec<usize> = checks.chars().map(badness).collect();
        let Some(mut state) = checks.first().copied() else {
            return String::new();
        };
        let (mut changed, mut states) = (0, vec![state]);
        for end in 2..=checks.len() {
            let since = &checks[changed..end];
            let tail = |is_of: &dyn Fn(usize) -> bool| {
                let of_tail = since.iter().rev().take_while(|it| is_of(**it));
                of_tail.copied().collect::<Vec<usize>>()
            };
            let worse = tail(&|it| it > state);
            let better = tail(&|it| it < state);
            let next = match (worse.len() >= failure, better.len() >= success) {
                (true, _) => worse.into_iter().min(),
                (_, true) => better.into_iter().max(),
                _ => None,
            };
            if let Some(next) = next {
                (state, changed) = (next, end - 1);
            }
            states.push(state);
        }
        let letter = |state: usize| ['u', 'g', 'd'][state];
        states.into_iter().map(letter).collect()
    }

    proptest! {
        #[test]
        fn states_are_what_the_last_checks_say(
            checks in "[ugd]{0,40}", failure in 1_u32..5, success in 1_u32..5,
        ) {
            let want = naive(&checks, failure as usize, success as usize);
            prop_assert_eq!(states(&checks, failure, success), want);
        }
    }
}
