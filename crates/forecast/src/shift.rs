//! Tells a lasting shift of a metric's level from noise, sample by sample.
//!
//! ## Model
//! A *reference* holds samples of late that are taken as normal, 512 of the last 1,024. A new sample becomes its *normal
//! score* among them: ranks inside of what was seen, a heavy tail outside, so that neither the
//! shape of the distribution nor its outliers matter. What the time of day explains is taken off
//! first, once it is shown to explain anything; what the scores before explain is taken off after.
//! What remains is close to independent standard normal noise while nothing happens. *Evidence*
//! that it has moved is a mixture of Shiryaev–Roberts sums for moves of 1/4 to 4 deviations, both
//! ways. An *episode* begins when evidence passes the threshold and the move is large enough to
//! matter. It ends when samples are as they were (recovery), or when it has lasted and is taken as
//! the new normal (adoption).
//!
//! Samples wait before they are taken as normal, longer while there is some evidence, so that a
//! shift does not teach the reference what it is to be compared with.
//!
//! ## Invariants
//! - The threshold follows from the stated rate alone: the sums are e-detectors, whose mean time
//!   to a false alarm is at least the threshold while residuals are independent. What is left of
//!   the dependence is covered by a margin, and measured (ADR 0007).
//! - Alarms do not depend on unit and origin of the metric.
//! - Memory and time of a sample are bounded: 512 samples of reference, at most 353 that wait, and
//!   seven days of 96 parts, 32 KiB in all. A sample costs a binary search and two moves within an
//!   array.
//!
//! ## Limits
//! - The first 64 samples are learnt from and not judged.
//! - A move of less than `magnitude_min` deviations is no shift, however certain.
//! - Seasons of a day are learnt, after two whole days. Those of a week are not.
//! - A series that wanders without a level (a random walk) has no shifts, and is answered with
//!   alarms now and then, as each new level looks like one.
//!
//! ## Failure
//! Values that are not finite are skipped. Nothing else is refused.
//!
//! ## See also
//! ADR 0007. J. Shin, A. Ramdas, A. Rinaldo, "E-detectors: a nonparametric framework for
//! sequential change detection", arXiv:2203.03532 (sums and their guarantee); B. L. van der
//! Waerden, 1952 (normal scores); M. Pollak, "Optimal detection of a change in distribution",
//! Annals of Statistics 13, 1985 (mixtures of Shiryaev–Roberts sums).

mod evidence;
mod reference;
mod season;
mod whitener;

#[cfg(test)]
pub(crate) mod tests;

use std::collections::VecDeque;

use evidence::{Evidence, Lead};
use reference::{Pair, Reference};
use season::Season;
use whitener::Whitener;

const DAY_MS: f64 = 86_400_000.0;
/// Samples that are learnt from before any is judged.
const LEARNING: usize = 64;
/// Samples wait so long before they are taken as normal: as long as shifts that matter take to be
/// seen. Measured: 16 and 64 are worse on either side.
const WAITING: usize = 32;
/// How many more wait while there is some evidence.
const WAITING_MORE: usize = 256;
/// A shift is adopted as the new normal after so many samples. Measured: 32 forget too early, 128
/// keep alarms on over the next shift.
const ADOPTION: usize = 64;
/// A shift is over when evidence has been below half of the threshold for so many samples.
const QUIET: usize = 32;
/// Evidence (natural logarithm) below which samples are taken as normal.
const CALM: f64 = 4.0;
/// Norms and coefficients are made anew every so many samples.
const FIT_EVERY: u64 = 16;
/// About how many samples the lasting deviation remembers, and within how many deviations one
/// sample counts.
const SCALE_MEMORY: f64 = 2880.0;
const SCALE_CLIP: f64 = 6.0;
/// Values are kept within this, so that squares and their sums stay finite.
const VALUE_MAX: f64 = 1e150;

/// Which way a shift is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Latency, error rate, queue length.
    Up,
    /// Throughput, success rate.
    Down,
    /// Either: any change of level is of interest. The way back to the level before is none.
    #[default]
    Both,
}

/// What a detector is told. The defaults are meant to be kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShiftOptions {
    /// Time between samples in milliseconds, more than 0. It turns the rate of false alarms into
    /// one a sample; samples need not come exactly at it.
    pub interval_ms: u32,
    /// Wanted false alarms in a day of one series of stationary noise, more than 0, and no more
    /// than one in two samples.
    pub false_alarms_per_day: f64,
    /// Which way is bad.
    pub direction: Direction,
    /// The least move that matters, in standard deviations of the series; 0 for none.
    pub magnitude_min: f64,
}

impl Default for ShiftOptions {
    /// A sample a minute, one false alarm in 30 days, both directions, 0.7 deviations.
    fn default() -> Self {
        Self {
            interval_ms: 60_000,
            false_alarms_per_day: 1.0 / 30.0,
            direction: Direction::Both,
            magnitude_min: 0.7,
        }
    }
}

/// Why options are refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ShiftError {
    /// The interval is zero.
    #[error("interval_ms is 0: it must be at least 1")]
    Interval,
    /// The rate is not a number, not positive, or more than one in two samples.
    #[error("false_alarms_per_day is {given}: it must be more than 0 and at most {max}")]
    Rate {
        /// What was given.
        given: f64,
        /// Half of the samples of a day.
        max: f64,
    },
    /// The least move is not a number or negative.
    #[error("magnitude_min is {given}: it must be a finite number of deviations, 0 or more")]
    Magnitude {
        /// What was given.
        given: f64,
    },
}

/// What a sample changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShiftEvent {
    /// The level has shifted in a bad direction: the alarm is on.
    Shifted,
    /// Samples are as they were before the shift: the alarm is off.
    Recovered,
    /// The shift has lasted and is the new normal: the alarm is off.
    Adopted,
}

/// A shift of the level. Levels are medians, with the season taken off while one is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// Time of the sample with which it is estimated to have begun.
    pub began_ms: i64,
    /// Time of the sample at which it was seen.
    pub seen_ms: i64,
    /// Level of the reference.
    pub before: f64,
    /// Level since it began.
    pub after: f64,
    /// Interval for `after - before`, of at least 95 % for noise whose dependence is as estimated.
    /// Few samples make it as wide as what was seen.
    pub magnitude: (f64, f64),
}

/// Watches one series. See the [module](self).
///
/// ```
/// use bellwether_forecast::shift::{ShiftDetector, ShiftEvent, ShiftOptions};
///
/// let mut detector = ShiftDetector::new(ShiftOptions::default())?;
/// let noise = |minute: i64| (minute * 7919 % 97) as f64 / 97.0;
/// let mut seen = None;
/// for minute in 0..400 {
///     let latency_ms = 20.0 + noise(minute) + if minute < 300 { 0.0 } else { 5.0 };
///     if detector.push(minute * 60_000, latency_ms) == Some(ShiftEvent::Shifted) {
///         seen = detector.shift();
///     }
/// }
/// let shift = seen.expect("it moved by many deviations");
/// assert_eq!(shift.began_ms, 300 * 60_000);
/// assert!(shift.after - shift.before > 4.0);
/// # Ok::<(), bellwether_forecast::shift::ShiftError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ShiftDetector {
    options: ShiftOptions,
    threshold: f64,
    season: Season,
    reference: Reference,
    waiting: VecDeque<Sample>,
    whitener: Whitener,
    evidence: Evidence,
    scale: Scale,
    seen: u64,
    strength: f64,
    episode: Option<Episode>,
    /// Mean of the reference before the last adoption.
    previous: Option<f64>,
    last: Option<Shift>,
}

/// A sample that is not yet taken as normal.
#[derive(Debug, Clone, Copy)]
struct Sample {
    time_ms: i64,
    value: Pair,
    score: f64,
    residual: f64,
}

#[derive(Debug, Clone, Copy)]
struct Episode {
    began_ms: i64,
    seen_ms: i64,
    /// Into a good direction, or back to the level before: followed, not reported.
    silent: bool,
    samples: usize,
    quiet: usize,
}

impl ShiftDetector {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// If an option is out of its bounds.
    pub fn new(options: ShiftOptions) -> Result<Self, ShiftError> {
        if options.interval_ms == 0 {
            return Err(ShiftError::Interval);
        }
        let samples_per_day = DAY_MS / f64::from(options.interval_ms);
        let (given, max) = (options.false_alarms_per_day, samples_per_day / 2.0);
        if !(given > 0.0 && given <= max) {
            return Err(ShiftError::Rate { given, max });
        }
        let given = options.magnitude_min;
        if !(given >= 0.0 && given.is_finite()) {
            return Err(ShiftError::Magnitude { given });
        }
        let mut evidence = Evidence::new();
        evidence.fit(0);
        Ok(Self {
            options,
            threshold: (samples_per_day / options.false_alarms_per_day).ln(),
            season: Season::new(options.interval_ms),
            reference: Reference::new(),
            waiting: VecDeque::with_capacity(WAITING + WAITING_MORE + ADOPTION + 1),
            whitener: Whitener::new(),
            evidence,
            scale: Scale::default(),
            seen: 0,
            strength: 0.0,
            episode: None,
            previous: None,
            last: None,
        })
    }

    /// Takes in a sample. A value that is not finite is skipped; one beyond ±1e150 counts as that.
    ///
    /// Samples count in the order in which they come. The time says what part of the day it is and
    /// dates a shift; it may stand still or go back.
    pub fn push(&mut self, time_ms: i64, value: f64) -> Option<ShiftEvent> {
        if !value.is_finite() {
            return None;
        }
        let value = value.clamp(-VALUE_MAX, VALUE_MAX);
        self.seen += 1;
        let offsets = self.season.push(time_ms, value);
        if self.reference.len() < LEARNING {
            self.learn(value);
            return None;
        }
        let value = self.seasonal(value, offsets);
        let score = self.reference.score(self.reference.pick(value));
        let residual = self.whitener.residual(score);
        self.evidence.push(residual);
        self.strength = self.weigh();
        self.waiting.push_back(Sample {
            time_ms,
            value,
            score,
            residual,
        });
        let event = match self.episode {
            None => self.look(time_ms),
            Some(episode) => self.follow(time_ms, episode),
        };
        if self.episode.is_none() {
            self.take_as_normal();
        }
        event
    }

    /// Whether the level has shifted in a bad direction and neither recovered nor been adopted.
    #[must_use]
    pub fn is_alarm(&self) -> bool {
        self.episode.is_some_and(|episode| !episode.silent)
    }

    /// How strong the evidence for a shift is: up to about 0.3 while nothing happens, 1 from the
    /// threshold on, on a scale of logarithms. If false alarms come one in 43,200 samples at 1, they would come one in 208 (the
    /// square root) at a threshold of 0.5.
    #[must_use]
    pub fn score(&self) -> f64 {
        (self.strength / self.threshold).clamp(0.0, 1.0)
    }

    /// Whether samples are still only learnt from.
    #[must_use]
    pub fn is_learning(&self) -> bool {
        self.reference.len() < LEARNING
    }

    /// The present level: the median of the reference, `None` before there is one.
    #[must_use]
    pub fn level(&self) -> Option<f64> {
        (self.reference.len() > 0).then(|| self.reference.quantile(0.5))
    }

    /// The shift that the alarm is about, or the last one that was, as it was when it ended.
    #[must_use]
    pub fn shift(&self) -> Option<Shift> {
        match self.episode {
            Some(episode) if !episode.silent => Some(self.describe(episode)),
            _ => self.last,
        }
    }

    /// The first samples are normal, whatever they are.
    fn learn(&mut self, value: f64) {
        let pair = Pair {
            raw: value,
            adjusted: value,
        };
        let score = if self.reference.len() == 0 {
            0.0
        } else {
            self.reference.score(value)
        };
        // Called for the scores that it remembers.
        self.whitener.residual(score);
        self.whitener.learn(score);
        self.scale.push(value);
        self.reference.insert(pair);
        if self.reference.len() == LEARNING {
            self.fit();
        }
    }

    fn fit(&mut self) {
        self.whitener.fit();
        self.evidence.fit(self.reference.len());
    }

    /// The value with and without its season.
    fn seasonal(&mut self, value: f64, (low, high): (f64, f64)) -> Pair {
        let now = self.reference.is_adjusted();
        let adjusted = if now {
            // Of what may be expected, that which explains most.
            value - (value - self.reference.quantile(0.5)).clamp(low, high)
        } else {
            value - 0.5 * (low + high)
        };
        let wanted = self.season.judge(value, adjusted, now);
        if wanted != now && self.waiting.len() <= WAITING {
            self.reference.adjust(wanted);
        }
        Pair {
            raw: value,
            adjusted,
        }
    }

    /// Evidence as a logarithm: of both ways, or of the stronger one if one of them is good.
    fn weigh(&self) -> f64 {
        let (up, down) = (self.evidence.upwards(), self.evidence.downwards());
        let sum = match self.options.direction {
            Direction::Both => 0.5 * (up + down),
            Direction::Up | Direction::Down => up.max(down),
        };
        sum.max(1e-9).ln()
    }

    /// Nothing is going on: does something begin?
    fn look(&mut self, time_ms: i64) -> Option<ShiftEvent> {
        if self.strength <= self.threshold {
            return None;
        }
        let lead = self.evidence.lead();
        let since = lead.age.clamp(1, self.waiting.len());
        let after = self.mean_of_last(since);
        if !self.matters(lead, after) {
            return None;
        }
        let silent = self.is_good(lead) || self.is_return(after);
        let began_ms = self.waiting[self.waiting.len() - since].time_ms;
        self.episode = Some(Episode {
            began_ms,
            seen_ms: time_ms,
            silent,
            samples: 0,
            quiet: 0,
        });
        (!silent).then_some(ShiftEvent::Shifted)
    }

    /// Something is going on: does it end, or turn?
    fn follow(&mut self, time_ms: i64, mut episode: Episode) -> Option<ShiftEvent> {
        let excess = self.strength - (self.threshold + 1.0);
        if excess > 0.0 {
            self.evidence.scale((-excess).exp());
        }
        let low = self.strength < 0.5 * self.threshold;
        episode.samples += 1;
        episode.quiet = if low { episode.quiet + 1 } else { 0 };
        let was_silent = episode.silent;
        if episode.quiet > QUIET {
            self.end(episode);
            return (!was_silent).then_some(ShiftEvent::Recovered);
        }
        if episode.samples >= ADOPTION {
            self.end(episode);
            self.adopt(was_silent);
            return (!was_silent).then_some(ShiftEvent::Adopted);
        }
        if was_silent && self.options.direction != Direction::Both && self.strength > self.threshold
        {
            // A move for the better that has turned into one for the worse.
            let lead = self.evidence.lead();
            if !self.is_good(lead) {
                self.episode = None;
                return self.look(time_ms);
            }
        }
        self.episode = Some(episode);
        None
    }

    fn end(&mut self, episode: Episode) {
        if !episode.silent {
            self.last = Some(self.describe(episode));
        }
        self.episode = None;
    }

    /// The last samples become the reference.
    fn adopt(&mut self, was_silent: bool) {
        self.previous = (!was_silent).then(|| self.reference.moments().0);
        self.reference.clear();
        let from = self.waiting.len().saturating_sub(ADOPTION);
        for sample in self.waiting.iter().skip(from) {
            self.reference.insert(sample.value);
        }
        let reference = &self.reference;
        let scores = self
            .waiting
            .iter()
            .rev()
            .map(|sample| reference.score(reference.pick(sample.value)));
        self.whitener.restart(scores);
        self.waiting.clear();
        self.evidence.reset();
        self.strength = self.weigh();
    }

    /// Lets samples that have waited into the reference and into what is learnt.
    fn take_as_normal(&mut self) {
        let calm = self.strength < CALM;
        let keep = if calm {
            WAITING
        } else {
            WAITING + WAITING_MORE
        };
        while self.waiting.len() > keep
            && let Some(sample) = self.waiting.pop_front()
        {
            self.reference.insert(sample.value);
            self.scale.push(self.reference.pick(sample.value));
            self.whitener.learn(sample.score);
            self.evidence.learn(sample.residual);
        }
        if calm && self.seen.is_multiple_of(FIT_EVERY) {
            self.fit();
        }
    }

    fn mean_of_last(&self, count: usize) -> f64 {
        let values = self.waiting.iter().rev().take(count);
        values
            .map(|sample| self.reference.pick(sample.value))
            .sum::<f64>()
            / count as f64
    }

    /// Whether the mean has moved by enough deviations, of the reference and of the longer past.
    fn matters(&self, lead: Lead, after: f64) -> bool {
        let (mean, deviation) = self.reference.moments();
        let least = self.options.magnitude_min * deviation.max(self.scale.deviation());
        (after - mean).abs() >= least && (after > mean) == lead.upwards
    }

    fn is_good(&self, lead: Lead) -> bool {
        match self.options.direction {
            Direction::Up => !lead.upwards,
            Direction::Down => lead.upwards,
            Direction::Both => false,
        }
    }

    /// Whether the level goes back to where it was before the last shift, and not beyond.
    fn is_return(&self, after: f64) -> bool {
        let (Direction::Both, Some(previous)) = (self.options.direction, self.previous) else {
            return false;
        };
        let (mean, _) = self.reference.moments();
        let back = (previous - mean).signum();
        (after - mean) * back > 0.0 && (after - previous) * back < 0.5 * self.scale.deviation()
    }

    fn describe(&self, episode: Episode) -> Shift {
        let since = self
            .waiting
            .iter()
            .filter(|sample| sample.time_ms >= episode.began_ms);
        let mut after: Vec<f64> = since.map(|s| self.reference.pick(s.value)).collect();
        after.sort_by(f64::total_cmp);
        // The median lies between these shares of the samples nineteen times in twenty.
        let half = |count: usize| 0.98 / (count as f64 / self.whitener.inflation()).max(1.0).sqrt();
        let (old, new) = (half(self.reference.len()), half(after.len()));
        let before_at = |share: f64| self.reference.quantile(share.clamp(0.0, 1.0));
        let after_at = |share: f64| quantile_sorted(&after, share.clamp(0.0, 1.0));
        Shift {
            began_ms: episode.began_ms,
            seen_ms: episode.seen_ms,
            before: before_at(0.5),
            after: after_at(0.5),
            magnitude: (
                after_at(0.5 - new) - before_at(0.5 + old),
                after_at(0.5 + new) - before_at(0.5 - old),
            ),
        }
    }
}

/// Mean and deviation over a longer past, weighted by age.
#[derive(Debug, Clone, Copy, Default)]
struct Scale {
    mean: f64,
    variance: f64,
    weight: f64,
}

impl Scale {
    fn push(&mut self, value: f64) {
        self.weight = (self.weight + 1.0).min(SCALE_MEMORY);
        let deviation = self.deviation();
        let mut apart = value - self.mean;
        if self.weight > LEARNING as f64 && deviation > 0.0 {
            apart = apart.clamp(-SCALE_CLIP * deviation, SCALE_CLIP * deviation);
        }
        let share = 1.0 / self.weight;
        self.mean += apart * share;
        self.variance += (apart * apart * (1.0 - share) - self.variance) * share;
    }

    fn deviation(&self) -> f64 {
        self.variance.sqrt()
    }
}

/// The value at `share` of sorted values; 0 if there are none.
fn quantile_sorted(sorted: &[f64], share: f64) -> f64 {
    let at = (share * sorted.len() as f64) as usize;
    sorted
        .get(at.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}
