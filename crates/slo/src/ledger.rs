//! What happened when: the steps of all counters of an indicator, for any window at once.
//!
//! ## Model
//! An indicator has counters of all events and counters of the bad ones, or of the good ones. A
//! [`Ledger`] is the sum of their steps ([`crate::counter`]), so that what happened in a window
//! `(after, until]` is two searches and a difference.
//!
//! ## Invariants
//! - A step belongs to the windows that hold its end, if it is no longer than `gap_ms`. A longer one
//!   says that something happened, and not when: it belongs to windows that hold all of it, and is
//!   *unplaced* in one that begins within it. An hour of failures that comes to light in one sample
//!   is no burst.
//! - Time is measured while any counter of all events is. The rest is neither good nor bad.
//! - Windows of whole numbers are exact; sums of fractions are carried with twice the digits.
//!
//! ## Limits
//! 24 bytes a step. Long steps are looked through one by one: they are rare.

use crate::budget::{Counts, CountsError};
use crate::counter::{self, CounterOptions, CounterSample, Finding, Step};

/// What the counters beside those of all events count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Bad events.
    Bad,
    /// Good events.
    Good,
}

/// What happened in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tally {
    /// Events of the window.
    pub counts: Counts,
    /// Events of gaps that reach into the window from before it: not in `counts`.
    pub unplaced: Counts,
    /// Milliseconds of the window without measurement.
    pub unmeasured_ms: u64,
    /// Counts that cannot be, such as more good events than there were. `counts` is then the nearest
    /// that can be, and nothing to rely on.
    pub problem: Option<CountsError>,
}

/// See the [module](self).
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    part: Part,
    events: Sums,
    parts: Sums,
    /// Ranges `(after, until]`, ascending and apart.
    measured: Vec<(i64, i64)>,
    findings: Vec<Finding>,
}

impl Ledger {
    /// From the samples of all counters: each slice is one series, in any order.
    #[must_use]
    pub fn new(
        part: Part,
        parts: &[&[CounterSample]],
        totals: &[&[CounterSample]],
        options: CounterOptions,
    ) -> Self {
        let mut findings = Vec::new();
        let mut measured = Vec::new();
        let mut sums = |series: &[&[CounterSample]], is_total: bool| {
            let mut steps = Vec::new();
            for samples in series {
                let reading = counter::read(samples, options);
                steps.extend(reading.steps);
                findings.extend(reading.findings);
                if is_total {
                    measured.extend(reading.measured);
                }
            }
            Sums::new(steps, options.gap_ms)
        };
        let (events, parts) = (sums(totals, true), sums(parts, false));
        Self {
            part,
            events,
            parts,
            measured: united(measured),
            findings,
        }
    }

    /// From steps that are known already: of bad events, and of all. Time is measured where there are
    /// steps of all events, be they of 0.
    #[must_use]
    pub fn of_steps(bad: Vec<Step>, events: Vec<Step>, gap_ms: i64) -> Self {
        let measured = events.iter().map(|step| (step.after_ms, step.time_ms));
        Self {
            part: Part::Bad,
            measured: united(measured.collect()),
            events: Sums::new(events, gap_ms),
            parts: Sums::new(bad, gap_ms),
            findings: Vec::new(),
        }
    }

    /// What happened after `after_ms` and up to `until_ms`. Nothing if that is no later.
    #[must_use]
    pub fn tally(&self, after_ms: i64, until_ms: i64) -> Tally {
        self.tally_of_part(after_ms, after_ms, until_ms)
    }

    /// What the counters of the part and those of all events counted in a window, as it is: an amount may
    /// well be more than what the pace of its limit allows.
    #[must_use]
    pub fn sums(&self, after_ms: i64, until_ms: i64) -> (f64, f64) {
        let sum = |sums: &Sums| sums.between(after_ms, after_ms, until_ms).0;
        (sum(&self.parts), sum(&self.events))
    }

    /// The part `(after, until]` of a window that begins at `begin_ms`, which is no later: steps
    /// that reach back no further than the window are placed.
    pub(crate) fn tally_of_part(&self, begin_ms: i64, after_ms: i64, until_ms: i64) -> Tally {
        let (events, events_unplaced) = self.events.between(begin_ms, after_ms, until_ms);
        let (parts, parts_unplaced) = self.parts.between(begin_ms, after_ms, until_ms);
        let (counts, problem) = self.counts(parts, events);
        let (unplaced, _) = self.counts(parts_unplaced, events_unplaced);
        Tally {
            counts,
            unplaced,
            unmeasured_ms: self.unmeasured_ms(after_ms, until_ms),
            problem,
        }
    }

    /// The slices `(k · slice, (k + 1) · slice]` that end after `after_ms` and up to `until_ms` and
    /// in which something happened: their ends, ascending.
    pub(crate) fn slice_ends(&self, after_ms: i64, until_ms: i64, slice_ms: i64) -> Vec<i64> {
        let slice_ms = slice_ms.max(1);
        let all = &self.events.times;
        let first = all.partition_point(|&it| it <= after_ms.saturating_sub(slice_ms));
        let short = all[first..].iter().take_while(|&&it| it <= until_ms);
        let long = self.events.long.iter().map(|step| &step.time_ms);
        let times = short.chain(long).copied();
        let mut ends: Vec<i64> = times
            .filter_map(|time_ms| {
                let whole = time_ms.checked_sub(1)?.div_euclid(slice_ms);
                whole.checked_add(1)?.checked_mul(slice_ms)
            })
            .filter(|&end_ms| after_ms < end_ms && end_ms <= until_ms)
            .collect();
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// The first and the last time of which anything is known.
    #[must_use]
    pub fn extent_ms(&self) -> Option<(i64, i64)> {
        let first = self.measured.first()?.0;
        Some((first, self.measured.last()?.1))
    }

    /// What people must know about the series.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    fn counts(&self, part: f64, total: f64) -> (Counts, Option<CountsError>) {
        let counts = match self.part {
            Part::Bad => Counts::of_bad(part, total),
            Part::Good => Counts::of_good(part, total),
        };
        match (counts, self.part) {
            (Ok(counts), _) => (counts, None),
            (Err(problem), Part::Bad) => (Counts { bad: total, total }, Some(problem)),
            (Err(problem), Part::Good) => (Counts { bad: 0.0, total }, Some(problem)),
        }
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
    /// Steps longer than a gap, which are not in the sums, ascending in time.
    long: Vec<Step>,
}

impl Sums {
    fn new(mut steps: Vec<Step>, gap_ms: i64) -> Self {
        steps.sort_by_key(|step| step.time_ms);
        let mut sums = Self {
            times: Vec::with_capacity(steps.len()),
            upto: vec![(0.0, 0.0)],
            long: Vec::new(),
        };
        let mut sum = (0.0, 0.0);
        for step in steps {
            if step.time_ms.saturating_sub(step.after_ms) > gap_ms.max(0) {
                sums.long.push(step);
                continue;
            }
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

    /// What is placed in `(after, until]`, and what ends there and is not placed.
    fn between(&self, begin_ms: i64, after_ms: i64, until_ms: i64) -> (f64, f64) {
        if until_ms <= after_ms {
            return (0.0, 0.0);
        }
        let upto = |time_ms: i64| self.upto[self.times.partition_point(|&it| it <= time_ms)];
        let (low, high) = (upto(after_ms), upto(until_ms));
        let mut placed = (high.0 - low.0) + (high.1 - low.1);
        let mut unplaced = 0.0;
        let first = self.long.partition_point(|step| step.time_ms <= after_ms);
        for step in &self.long[first..] {
            if step.time_ms > until_ms {
                break;
            }
            if step.after_ms >= begin_ms {
                placed += step.amount;
            } else {
                unplaced += step.amount;
            }
        }
        (placed.max(0.0), unplaced)
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

    fn samples(of: &[(i64, f64)]) -> Vec<CounterSample> {
        of.iter()
            .map(|&(time_ms, value)| CounterSample::new(time_ms, value))
            .collect()
    }

    fn ledger(part: Part, parts: &[(i64, f64)], totals: &[(i64, f64)], gap_ms: i64) -> Ledger {
        let (parts, totals) = (samples(parts), samples(totals));
        let options = CounterOptions {
            gap_ms,
            appears_at_zero: false,
        };
        Ledger::new(part, &[&parts], &[&totals], options)
    }

    #[test]
    fn windows_are_open_on_the_left_and_closed_on_the_right() {
        let totals = [(0, 0.0), (10, 4.0), (20, 10.0), (30, 11.0)];
        let ledger = ledger(Part::Bad, &[(0, 0.0), (10, 1.0), (30, 2.0)], &totals, 100);
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
    fn what_happened_in_a_gap_is_no_burst() {
        let totals = [(0, 0.0), (10, 5.0), (500, 905.0), (510, 910.0)];
        let ledger = ledger(Part::Bad, &[(0, 0.0), (10, 0.0), (500, 90.0)], &totals, 20);
        let recent = ledger.tally(490, 510);
        assert_eq!((recent.counts.bad, recent.counts.total), (0.0, 5.0));
        assert_eq!((recent.unplaced.bad, recent.unplaced.total), (90.0, 900.0));
        assert_eq!(recent.unmeasured_ms, 10);
        let all = ledger.tally(0, 510);
        assert_eq!((all.counts.bad, all.counts.total), (90.0, 910.0));
        assert_eq!(all.unmeasured_ms, 490);
    }

    #[test]
    fn more_good_events_than_events_are_said_aloud() {
        let totals = [(0, 0.0), (10, 5.0)];
        let tally = ledger(Part::Good, &[(0, 0.0), (10, 7.0)], &totals, 20).tally(0, 10);
        let problem = tally
            .problem
            .expect("more good than there were")
            .to_string();
        assert!(
            problem.starts_with("good is 7, more than the total of 5"),
            "{problem}"
        );
        let tally = ledger(Part::Bad, &[(0, 0.0), (10, 7.0)], &totals, 20).tally(0, 10);
        assert!(tally.problem.is_some() && tally.counts.bad <= tally.counts.total);
    }

    #[test]
    fn sums_of_fractions_keep_their_digits() {
        let mut value = 0.0;
        let totals: Vec<CounterSample> = (0..200_000)
            .map(|at| {
                value += if at == 100_000 { 1e12 } else { 0.125 };
                CounterSample::new(at * 1000, value)
            })
            .collect();
        let ledger = Ledger::new(Part::Bad, &[], &[&totals], CounterOptions::default());
        assert_eq!(ledger.tally(150_000_000, 151_000_000).counts.total, 125.0);
    }

    #[test]
    fn whatever_comes_nothing_breaks() {
        let odd = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e308, f64::MIN_POSITIVE];
        let times = [i64::MIN, -1, 0, 1, i64::MAX];
        let mut samples = Vec::new();
        for (at, &time_ms) in times.iter().enumerate() {
            for (more, &value) in odd.iter().enumerate() {
                let start_ms = Some(times[(at + more) % times.len()]);
                let time_ms = time_ms.saturating_add(more as i64);
                samples.push(CounterSample {
                    time_ms,
                    value,
                    start_ms,
                });
            }
        }
        for gap_ms in [i64::MIN, 0, 1, i64::MAX] {
            let options = CounterOptions {
                gap_ms,
                appears_at_zero: true,
            };
            let ledger = Ledger::new(Part::Good, &[&samples], &[&samples, &samples], options);
            for after_ms in times {
                for until_ms in times {
                    let tally = ledger.tally(after_ms, until_ms);
                    assert!(tally.counts.bad >= 0.0 && tally.counts.bad <= tally.counts.total);
                    ledger.slice_ends(after_ms, until_ms, 1);
                }
            }
        }
    }
}
