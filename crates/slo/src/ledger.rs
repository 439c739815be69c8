//! What happened when: counts of bad events and of all, for any window at once.
//!
//! ## Model
//! Counts come as [`Step`]s, such as one for each interval of an objective. A [`Ledger`] has their sums, so
//! that what happened in a window `(after, until]` is two searches and a difference.
//!
//! ## Invariants
//! - Ranges of time are open on the left and closed on the right. A step belongs to the windows that hold
//!   its end.
//! - Time is measured where there are steps of all events, be they of 0. The rest is neither good nor bad.
//! - Windows of whole numbers are exact; sums of fractions are carried with twice the digits.
//!
//! ## Limits
//! 24 bytes a step of each kind.

use crate::budget::{Counts, CountsError};

/// Something was counted after `after_ms` and up to `time_ms`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Not at this time or before.
    pub after_ms: i64,
    /// At this time at the latest.
    pub time_ms: i64,
    /// How much: finite, 0 or more.
    pub amount: f64,
}

/// What happened in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tally {
    /// Events of the window.
    pub counts: Counts,
    /// Milliseconds of the window without measurement.
    pub unmeasured_ms: u64,
    /// Counts that cannot be, such as more bad events than there were. `counts` is then the nearest
    /// that can be, and nothing to rely on.
    pub problem: Option<CountsError>,
}

/// See the [module](self).
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    events: Sums,
    bad: Sums,
    /// Ranges `(after, until]`, ascending and apart.
    measured: Vec<(i64, i64)>,
}

impl Ledger {
    /// From steps of bad events, and of all, in any order.
    #[must_use]
    pub fn new(bad: Vec<Step>, events: Vec<Step>) -> Self {
        let measured = events.iter().map(|step| (step.after_ms, step.time_ms));
        Self {
            measured: united(measured.collect()),
            events: Sums::new(events),
            bad: Sums::new(bad),
        }
    }

    /// What happened after `after_ms` and up to `until_ms`. Nothing if that is no later.
    #[must_use]
    pub fn tally(&self, after_ms: i64, until_ms: i64) -> Tally {
        let (bad, total) = self.sums(after_ms, until_ms);
        let (counts, problem) = match Counts::of_bad(bad, total) {
            Ok(counts) => (counts, None),
            Err(problem) => (Counts { bad: total, total }, Some(problem)),
        };
        Tally {
            counts,
            unmeasured_ms: self.unmeasured_ms(after_ms, until_ms),
            problem,
        }
    }

    /// The sums of bad and of all events in a window, as they are: an amount may well be more than what the
    /// pace of its limit allows.
    #[must_use]
    pub fn sums(&self, after_ms: i64, until_ms: i64) -> (f64, f64) {
        let sum = |sums: &Sums| sums.between(after_ms, until_ms);
        (sum(&self.bad), sum(&self.events))
    }

    /// The first and the last time of which anything is known.
    #[must_use]
    pub fn extent_ms(&self) -> Option<(i64, i64)> {
        let first = self.measured.first()?.0;
        Some((first, self.measured.last()?.1))
    }

    fn unmeasured_ms(&self, after_ms: i64, until_ms: i64) -> u64 {
        if until_ms <= after_ms {
            return 0;
        }
        let first = self.measured.partition_point(|range| range.1 <= after_ms);
        let mut unmeasured_ms = until_ms.abs_diff(after_ms);
        for &(from, to) in &self.measured[first..] {
            if from >= until_ms {
                break;
            }
            unmeasured_ms -= to.min(until_ms).abs_diff(from.max(after_ms));
        }
        unmeasured_ms
    }
}

/// Ranges as few ranges: ascending, apart.
fn united(mut ranges: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    ranges.sort_unstable();
    let mut united: Vec<(i64, i64)> = Vec::with_capacity(ranges.len());
    for (from, to) in ranges {
        match united.last_mut() {
            Some(last) if last.1 >= from => last.1 = last.1.max(to),
            _ => united.push((from, to)),
        }
    }
    united
}

/// Sums of steps up to each of their ends.
#[derive(Debug, Clone, PartialEq)]
struct Sums {
    times: Vec<i64>,
    /// The sum up to and with the step, and what it lost to rounding: one more than times.
    upto: Vec<(f64, f64)>,
}

impl Sums {
    fn new(mut steps: Vec<Step>) -> Self {
        steps.sort_by_key(|step| step.time_ms);
        let mut sums = Self {
            times: Vec::with_capacity(steps.len()),
            upto: vec![(0.0, 0.0)],
        };
        let mut sum = (0.0, 0.0);
        for step in steps {
            sum = plus(sum, step.amount);
            if sums.times.last() == Some(&step.time_ms) {
                sums.upto.pop();
            } else {
                sums.times.push(step.time_ms);
            }
            sums.upto.push(sum);
        }
        sums
    }

    fn between(&self, after_ms: i64, until_ms: i64) -> f64 {
        if until_ms <= after_ms {
            return 0.0;
        }
        let upto = |time_ms: i64| self.upto[self.times.partition_point(|&it| it <= time_ms)];
        let (low, high) = (upto(after_ms), upto(until_ms));
        ((high.0 - low.0) + (high.1 - low.1)).max(0.0)
    }
}

/// Sum and rounding error (D. E. Knuth's two-sum).
fn plus((sum, rest): (f64, f64), amount: f64) -> (f64, f64) {
    let more = sum + amount;
    let part = more - sum;
    (more, rest + ((sum - (more - part)) + (amount - part)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of ten milliseconds that end then.
    fn steps(of: &[(i64, f64)]) -> Vec<Step> {
        let step = |&(time_ms, amount): &(i64, f64)| Step {
            after_ms: time_ms.saturating_sub(10),
            time_ms,
            amount,
        };
        of.iter().map(step).collect()
    }

    #[test]
    fn windows_are_open_on_the_left_and_closed_on_the_right() {
        // One came late, and one series has no bad events in an interval.
        let events = [(10, 4.0), (30, 1.0), (20, 6.0)];
        let ledger = Ledger::new(steps(&[(10, 1.0), (30, 1.0)]), steps(&events));
        let tally = |after, until| {
            let counts = ledger.tally(after, until).counts;
            (counts.bad, counts.total)
        };
        assert_eq!(tally(0, 30), (2.0, 11.0));
        assert_eq!(tally(0, 10), (1.0, 4.0));
        assert_eq!(tally(10, 30), (1.0, 7.0));
        assert_eq!(tally(9, 10), (1.0, 4.0));
        assert_eq!(tally(10, 19), (0.0, 0.0));
        assert_eq!((tally(10, 10), tally(20, 10)), ((0.0, 0.0), (0.0, 0.0)));
        assert_eq!(ledger.extent_ms(), Some((0, 30)));
        assert_eq!(ledger.tally(-5, 40).unmeasured_ms, 15);
    }

    #[test]
    fn idle_time_is_measured_and_silence_is_not() {
        let ledger = Ledger::new(Vec::new(), steps(&[(10, 0.0), (40, 2.0)]));
        assert_eq!(ledger.tally(0, 40).unmeasured_ms, 20);
        assert_eq!(ledger.tally(5, 35).unmeasured_ms, 20);
        let nothing = Ledger::new(Vec::new(), Vec::new());
        assert_eq!(
            (nothing.extent_ms(), nothing.tally(0, 5).unmeasured_ms),
            (None, 5)
        );
    }

    #[test]
    fn more_bad_events_than_events_are_said_aloud() {
        let tally = Ledger::new(steps(&[(10, 7.0)]), steps(&[(10, 5.0)])).tally(0, 10);
        let problem = tally.problem.expect("more bad than there were").to_string();
        assert!(
            problem.starts_with("bad is 7, more than the total of 5"),
            "{problem}"
        );
        assert_eq!((tally.counts.bad, tally.counts.total), (5.0, 5.0));
    }

    #[test]
    fn sums_of_fractions_keep_their_digits() {
        let amount = |at: i64| if at == 100_000 { 1e12 } else { 0.125 };
        let events: Vec<(i64, f64)> = (1..=200_000).map(|at| (at * 10, amount(at))).collect();
        let ledger = Ledger::new(Vec::new(), steps(&events));
        assert_eq!(ledger.tally(1_500_000, 1_510_000).counts.total, 125.0);
    }

    #[test]
    fn whatever_comes_nothing_breaks() {
        let times = [i64::MIN, -1, 0, 1, i64::MAX];
        let amounts = [0.0, 1e308, f64::MIN_POSITIVE];
        let all = times.map(|time_ms| amounts.map(|amount| (time_ms, amount)));
        let ledger = Ledger::new(steps(all.as_flattened()), steps(all.as_flattened()));
        for after_ms in times {
            for until_ms in times {
                let tally = ledger.tally(after_ms, until_ms);
                assert!(tally.counts.bad >= 0.0 && tally.counts.bad <= tally.counts.total);
            }
        }
    }
}
