//! What a counter counted, and when, from its samples.
//!
//! ## Model
//! Two samples that follow one another make a [`Step`]: the counter grew by so much after the first
//! and up to the second. Nothing is extrapolated: what happened before the first sample and after
//! the last is not known, and the end of a window between two samples does not share a step out.
//!
//! ## Invariants
//! - Ranges of time are open on the left and closed on the right, `(after, until]`: a sample shows
//!   what happened up to its own time. Steps of adjacent ranges add up.
//! - A value below the one before is a reset: the counter began at 0 again. A start timestamp after
//!   the sample before says so even where the value is not below.
//! - Time between samples that are further apart than `gap_ms` is not measured.
//! - Samples may come in any order. Of several at one time the first one counts, as in the store.
//!
//! ## Failure
//! What cannot be a count is a [`Finding`], is left out, and is never taken for 0.

/// The bits of the NaN that ends a series, as Prometheus writes it.
const STALE_BITS: u64 = 0x7ff0_0000_0000_0002;

/// A sample of a cumulative counter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CounterSample {
    /// When it was read, in milliseconds.
    pub time_ms: i64,
    /// What it read. NaN: the series was not there, as staleness markers say.
    pub value: f64,
    /// When the counter began at 0, where that is known.
    pub start_ms: Option<i64>,
}

impl CounterSample {
    /// A sample whose start is not known.
    #[must_use]
    pub fn new(time_ms: i64, value: f64) -> Self {
        Self {
            time_ms,
            value,
            start_ms: None,
        }
    }
}

/// How to read samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CounterOptions {
    /// Samples further apart than this, in milliseconds, do not measure the time between them.
    /// Several scrape intervals; 5 minutes is how far PromQL looks back.
    pub gap_ms: i64,
    /// Whether a series that appears counted from 0 since the sample before would have been read:
    /// true for a counter of failures that exists from the first failure on, false for one that may
    /// have run for long before anybody read it.
    pub appears_at_zero: bool,
}

impl Default for CounterOptions {
    /// Five minutes; what a series counted before its first sample is not known.
    fn default() -> Self {
        Self {
            gap_ms: 300_000,
            appears_at_zero: false,
        }
    }
}

/// A counter grew by `amount` after `after_ms` and up to `time_ms`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Not at this time or before.
    pub after_ms: i64,
    /// At this time at the latest.
    pub time_ms: i64,
    /// By how much: finite, 0 or more.
    pub amount: f64,
}

/// Something about a series that people must know.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Finding {
    /// A value that no counter can have.
    #[error("the sample at {time_ms} is {value}: a counter is a finite number of 0 or more")]
    NotACount {
        /// When.
        time_ms: i64,
        /// What it read.
        value: f64,
    },
    /// The series was not there for a while.
    #[error("the series was not there after {after_ms} until {until_ms}")]
    Vanished {
        /// Its last sample before.
        after_ms: i64,
        /// Its first sample after.
        until_ms: i64,
    },
    /// The series has ended.
    #[error("the series has not been there since {after_ms}")]
    Ended {
        /// Its last sample.
        after_ms: i64,
    },
}

/// What the samples of one counter say.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// Ascending in time.
    pub steps: Vec<Step>,
    /// The ranges `(after, until]` in which the counter was read often enough: ascending, apart.
    pub measured: Vec<(i64, i64)>,
    /// What people must know, ascending in time.
    pub findings: Vec<Finding>,
}

/// Reads the samples of one counter, in any order.
#[must_use]
pub fn read(samples: &[CounterSample], options: CounterOptions) -> Reading {
    let mut reading = Reading::default();
    let mut previous: Option<CounterSample> = None;
    let mut has_ended = false;
    for sample in in_order(samples) {
        let CounterSample { time_ms, value, .. } = sample;
        if value.to_bits() == STALE_BITS {
            has_ended = true;
            continue;
        }
        if !(value.is_finite() && value >= 0.0) {
            reading.findings.push(Finding::NotACount { time_ms, value });
            continue;
        }
        reading.take(previous, has_ended, sample, options);
        previous = Some(sample);
        has_ended = false;
    }
    if let Some(last) = previous
        && has_ended
    {
        let after_ms = last.time_ms;
        reading.findings.push(Finding::Ended { after_ms });
    }
    reading
}

/// By time; of several at one time the first.
fn in_order(samples: &[CounterSample]) -> Vec<CounterSample> {
    let mut sorted = samples.to_vec();
    sorted.sort_by_key(|sample| sample.time_ms);
    sorted.dedup_by_key(|sample| sample.time_ms);
    sorted
}

impl Reading {
    fn take(
        &mut self,
        previous: Option<CounterSample>,
        has_ended: bool,
        sample: CounterSample,
        options: CounterOptions,
    ) {
        let CounterSample { time_ms, value, .. } = sample;
        let gap_ms = options.gap_ms.max(0);
        let is_near = |after_ms: i64| time_ms.saturating_sub(after_ms) <= gap_ms;
        // A start at or after the sample itself can only mean that it began just now.
        let start_ms = sample.start_ms.map(|start_ms| start_ms.min(time_ms));
        let Some(previous) = previous else {
            if let Some(after_ms) = start_ms {
                self.step(after_ms, time_ms, value);
                if is_near(after_ms) {
                    self.measure(after_ms, time_ms);
                }
            } else if options.appears_at_zero {
                self.step(time_ms.saturating_sub(1), time_ms, value);
            }
            return;
        };
        let before_ms = previous.time_ms;
        if is_near(before_ms) && !has_ended {
            self.measure(before_ms, time_ms);
        } else {
            self.findings.push(Finding::Vanished {
                after_ms: before_ms,
                until_ms: time_ms,
            });
        }
        match start_ms {
            Some(start_ms) if start_ms > before_ms => {
                self.step(start_ms, time_ms, value);
                if !is_near(before_ms) && is_near(start_ms) {
                    self.measure(start_ms, time_ms);
                }
            }
            _ if value < previous.value => self.step(before_ms, time_ms, value),
            _ => self.step(before_ms, time_ms, value - previous.value),
        }
    }

    fn step(&mut self, after_ms: i64, time_ms: i64, amount: f64) {
        if amount > 0.0 {
            self.steps.push(Step {
                after_ms,
                time_ms,
                amount,
            });
        }
    }

    fn measure(&mut self, after_ms: i64, until_ms: i64) {
        match self.measured.last_mut() {
            Some(last) if last.1 >= after_ms => last.1 = last.1.max(until_ms),
            _ if until_ms > after_ms => self.measured.push((after_ms, until_ms)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(samples: &[(i64, f64)], options: CounterOptions) -> Vec<(i64, i64, f64)> {
        let samples: Vec<CounterSample> = samples
            .iter()
            .map(|&(time_ms, value)| CounterSample::new(time_ms, value))
            .collect();
        let steps = read(&samples, options).steps;
        steps
            .iter()
            .map(|it| (it.after_ms, it.time_ms, it.amount))
            .collect()
    }

    #[test]
    fn samples_become_steps() {
        let options = CounterOptions::default();
        // A reset, a pause, and one that came late.
        let samples = [(10, 5.0), (30, 2.0), (20, 9.0), (40, 2.0), (50, 2.5)];
        let wanted = [(10, 20, 4.0), (20, 30, 2.0), (40, 50, 0.5)];
        assert_eq!(steps(&samples, options), wanted);
        // The first one of a time counts.
        assert_eq!(
            steps(&[(10, 1.0), (20, 3.0), (20, 8.0)], options),
            [(10, 20, 2.0)]
        );
        assert_eq!(steps(&[], options), []);
    }

    #[test]
    fn a_counter_that_appears_is_known_by_its_start_or_by_what_is_said_of_it() {
        let options = CounterOptions {
            appears_at_zero: true,
            ..CounterOptions::default()
        };
        assert_eq!(steps(&[(10, 3.0)], options), [(9, 10, 3.0)]);
        let started = CounterSample {
            start_ms: Some(4),
            ..CounterSample::new(10, 3.0)
        };
        let reading = read(&[started], CounterOptions::default());
        assert_eq!(
            reading.steps,
            [Step {
                after_ms: 4,
                time_ms: 10,
                amount: 3.0
            }]
        );
        assert_eq!(reading.measured, [(4, 10)]);
        // A start shows a reset that the values hide.
        let before = CounterSample {
            start_ms: Some(0),
            ..CounterSample::new(3, 1.0)
        };
        let reading = read(&[before, started], CounterOptions::default());
        assert_eq!(reading.steps.last().map(|it| it.amount), Some(3.0));
    }

    #[test]
    fn what_is_wrong_is_found() {
        let stale = f64::from_bits(STALE_BITS);
        let values = [
            (0, 1.0),
            (10, -1.0),
            (20, f64::INFINITY),
            (30, 2.0),
            (40, stale),
        ];
        let samples = values.map(|(time_ms, value)| CounterSample::new(time_ms, value));
        let reading = read(
            &samples,
            CounterOptions {
                gap_ms: 20,
                appears_at_zero: false,
            },
        );
        let said: Vec<String> = reading.findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "the sample at 10 is -1: a counter is a finite number of 0 or more",
                "the sample at 20 is inf: a counter is a finite number of 0 or more",
                "the series was not there after 0 until 30",
                "the series has not been there since 30",
            ]
        );
        assert_eq!(reading.measured, []);
    }
}
