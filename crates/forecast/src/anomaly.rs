//! How anomalous a sample is, seen from everything that its series did before.
//!
//! ## Model
//! *Parts* look at each sample: is its value far from every known one; is the run of the last 16
//! samples unlike every run before; is it where the time of day, or of the week, lets expect it; has
//! the level moved, the noise grown, has activity ceased. Each part has the *history* of what it saw,
//! which turns what it sees now into a chance; the mean of the two strongest parts is the
//! *surprise*. The longer a history is, the more of it is rare by chance alone, which is taken off.
//! The *score* is above one half for a sample that is anomalous and news: what follows an anomalous
//! sample at once scores half. An *alarm* is an anomaly that persists.
//!
//! ## Invariants
//! - One threshold, [`THRESHOLD`], serves all series of whatever unit and shape.
//! - Scores and alarms do not depend on the origin of the metric, nor on its unit (but for the
//!   rounding of a power of two).
//! - One pass: a verdict depends on the samples up to its own alone.
//! - A series takes less than 30 KB, a sample about 11 µs: it is compared with 4,096 others.
//!
//! ## Limits
//! - The first [`LEARNING`] samples are learnt from and not judged.
//! - 4,096 samples are remembered as they were: two weeks at five minutes, 17 hours at fifteen
//!   seconds. Chances are of about 8,000 samples. Seasons are of days and weeks in UTC, used where
//!   they explain 70 % of the mean deviation; a day is known after two, a week after two weeks.
//! - Runs are of samples, not of time: a gap is not seen as one.
//!
//! ## Failure
//! Values that are not finite are skipped: their score is 0 and the alarm stays as it is. Nothing else
//! is refused; values beyond ±1e150 count as that.
//!
//! ## See also
//! ADR 0011 (what was measured, and what lost). M. Smirnov's CAD OSE (a sample is novel if its context
//! is), S. Ahmad and others, "Unsupervised real-time anomaly detection for streaming data",
//! Neurocomputing 262, 2017 (likelihood from the history of raw scores), E. Burnaev and V. Ishimtsev,
//! arXiv:1608.04585 (distance to the nearest runs, conformal scores).

mod alarm;
mod counts;
mod history;
mod model;
mod onset;
mod season;
mod tail;

#[cfg(test)]
mod tests;

use alarm::Alarm;
use model::{Model, run_of};
use onset::Onset;

/// A sample is anomalous, and news, if its score is above this.
pub const THRESHOLD: f64 = 0.5;
/// Samples that are learnt from before any is judged.
pub const LEARNING: usize = 100;

/// Values are kept within this, so that differences stay finite.
const VALUE_MAX: f64 = 1e150;
/// What a step is taken for when times say nothing.
const STEP_MS: i64 = 60_000;

/// What a detector is told. The default is meant to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Usual time between samples in milliseconds; those below 1 count as unknown. If it isn't known, it is
    /// the median of the first ones. It only says how many parts of a day can be told apart.
    pub step_ms: Option<i64>,
}

/// What is unusual about a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Nothing is.
    Nothing,
    /// The value is far from all known ones.
    Value,
    /// The last 16 samples are unlike any 16 before.
    Shape,
    /// The values are not what this time of the day or the week lets expect.
    Season,
    /// The level has moved.
    Level,
    /// Samples differ more from one another than before.
    Noise,
    /// Samples have stayed near the usual level for longer than before.
    Quiet,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "as usual",
            Self::Value => "value far from all known ones",
            Self::Shape => "unlike any run of samples before",
            Self::Season => "unusual for the time of day or week",
            Self::Level => "level has moved",
            Self::Noise => "noisier than before",
            Self::Quiet => "quiet for longer than before",
        })
    }
}

/// Why a sample has its score. Without a judgement, all numbers are NaN and the part is
/// [`Part::Nothing`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Explanation {
    /// The part that is most surprised.
    pub part: Part,
    /// The part sees as much as this once in so many samples.
    pub once_in: f64,
    /// What was expected: the mean of this time of day or week, or else the median of late.
    pub expected: f64,
    /// What is usual: one sample in a thousand lies below, …
    pub low: f64,
    /// … and one in a thousand above.
    pub high: f64,
    /// How far the value is outside of that: above 0 if it is higher, below 0 if lower, 0 inside.
    pub outside: f64,
}

/// What is said of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// From 0 to 1, on one scale for all series; above [`THRESHOLD`] for an anomaly that is news.
    pub score: f64,
    /// Whether an alarm is on: an anomalous sample came, two more of the seven after it were unusual,
    /// too, and since then neither eight in a row were as usual nor 128 have passed.
    pub alarm: bool,
    /// Why.
    pub explanation: Explanation,
}

/// Watches one series. See the [module](self).
///
/// ```
/// use bellwether_forecast::anomaly::{Detector, Options, Part, THRESHOLD};
///
/// let mut detector = Detector::new(Options::default());
/// let noise = |minute: i64| (minute * 7919 % 97) as f64 / 97.0;
/// let mut verdict = None;
/// for minute in 0..1000 {
///     let latency_ms = if minute < 999 { 20.0 + noise(minute) } else { 35.0 };
///     verdict = Some(detector.push(minute * 60_000, latency_ms));
/// }
/// let verdict = verdict.expect("it was pushed");
/// assert!(verdict.score > THRESHOLD);
/// assert_eq!(verdict.explanation.part, Part::Value);
/// assert!(verdict.explanation.high < 22.0);
/// ```
#[derive(Debug, Clone)]
pub struct Detector {
    options: Options,
    /// The first samples, until there is a model.
    first: Vec<(i64, f64)>,
    model: Option<Box<Model>>,
    onset: Onset,
    alarm: Alarm,
    /// Samples since the last one that was unusual by itself.
    since_outlier: usize,
}

impl Detector {
    /// A detector that has seen nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self {
            options,
            first: Vec::new(),
            model: None,
            onset: Onset::new(),
            alarm: Alarm::Off,
            since_outlier: 0,
        }
    }

    /// Takes in a sample. Samples count in the order in which they come; times may stand still or go
    /// back.
    pub fn push(&mut self, time_ms: i64, value: f64) -> Verdict {
        if !value.is_finite() {
            return self.unjudged();
        }
        let value = value.clamp(-VALUE_MAX, VALUE_MAX);
        let Some(model) = &mut self.model else {
            self.first.push((time_ms, value));
            if self.first.len() == LEARNING {
                self.start();
            }
            return self.unjudged();
        };
        let suspicious = self.alarm != Alarm::Off;
        let reading = model.push(time_ms, value, suspicious);
        let novelty = self.onset.push(reading.surprise);

        let outside = value - value.max(reading.low).min(reading.high);
        let by_itself = novelty.anomalous && reading.part == Part::Value;
        if outside != 0.0 || by_itself {
            self.since_outlier = 0;
        } else {
            self.since_outlier = self.since_outlier.saturating_add(1);
        }
        // A run is unusual of itself if there is no outlier in it.
        let as_run = novelty.anomalous && self.since_outlier >= run_of(reading.part);
        let unusual = outside != 0.0 || as_run;
        if self.alarm.push(novelty.anomalous, unusual) {
            model.adopt();
        }
        Verdict {
            score: novelty.score,
            alarm: self.alarm.is_on(),
            explanation: Explanation {
                part: reading.part,
                once_in: 10f64.powf(reading.rarity.min(300.0)),
                expected: reading.expected,
                low: reading.low,
                high: reading.high,
                outside,
            },
        }
    }

    /// Whether samples are still only learnt from.
    #[must_use]
    pub fn is_learning(&self) -> bool {
        self.model.is_none()
    }

    /// Bytes on the heap and in place.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let first = self.first.capacity() * size_of::<(i64, f64)>();
        size_of::<Self>() + first + self.model.as_ref().map_or(0, |model| model.bytes())
    }

    /// Learns from the first samples.
    fn start(&mut self) {
        let first = std::mem::take(&mut self.first);
        let values: Vec<f64> = first.iter().map(|sample| sample.1).collect();
        let step_ms = self.options.step_ms.filter(|&step_ms| step_ms > 0);
        let step_ms = step_ms.unwrap_or_else(|| median_step_ms(&first));
        let mut model = Box::new(Model::new(&values, step_ms));
        for (time_ms, value) in first {
            model.push(time_ms, value, false);
            self.onset.skip();
        }
        self.model = Some(model);
    }

    fn unjudged(&self) -> Verdict {
        Verdict {
            score: 0.0,
            alarm: self.alarm.is_on(),
            explanation: Explanation {
                part: Part::Nothing,
                once_in: f64::NAN,
                expected: f64::NAN,
                low: f64::NAN,
                high: f64::NAN,
                outside: f64::NAN,
            },
        }
    }
}

fn median_step_ms(samples: &[(i64, f64)]) -> i64 {
    let steps = samples
        .windows(2)
        .map(|pair| pair[1].0.saturating_sub(pair[0].0));
    let mut steps: Vec<i64> = steps.filter(|&step| step > 0).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(STEP_MS)
}
