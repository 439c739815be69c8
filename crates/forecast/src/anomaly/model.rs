//! What is known of a series, and what each part of it says of a sample.

use super::Part;
use super::counts::Counts;
use super::history::{History, RUN};
use super::season::Seasons;
use super::tail::{MEMORY, Tail};

/// Samples over which distances from the season are averaged.
const SEASON_RUN: usize = 24;
/// Samples whose mean is a level, and whose mean step is a roughness.
const LEVEL_RUN: usize = 36;
/// The part of a deviation by which the median moves with a sample.
const MEDIAN_STEP: f64 = 0.01;
/// About how many samples the mean deviation remembers.
const DEVIATION_MEMORY: f64 = 2000.0;
/// A series is quiet while it stays within so many mean deviations.
const QUIET: f64 = 2.0;
/// What is drawn as usual: one sample in a thousand lies above, and one below.
const BAND_SURPRISE: f64 = 3.0;
/// A distance of less than 10^this of the range counts less…
const REACH: f64 = -1.0;
/// … by so much for each decade.
const REACH_WEIGHT: f64 = 1.5;
/// A count may be so much more surprising as a value than as a count.
const COUNT_MARGIN: f64 = 1.0;
/// The unit is changed when values pass so many of them, and when the range is so small.
const UNITS_MAX: f64 = 32_768.0;
const RANGE_MIN: f64 = 0.25;
/// The least unit: 1e150 times 1e150 of them are still a number.
const UNIT_MIN: f64 = 1e-150;

/// What is added to the surprise of each part: for [`Part::Shape`] since 16 samples in a row share
/// one surprise, for the others since they find late what the first two find soon.
const fn handicap(part: Part) -> f64 {
    match part {
        Part::Shape => 1.1,
        Part::Season => -0.5,
        Part::Level => -0.6,
        Part::Noise | Part::Quiet => -1.0,
        Part::Value | Part::Nothing => 0.0,
    }
}

/// How many samples a part looks back: one outlier among them makes all of them unusual.
pub(super) const fn run_of(part: Part) -> usize {
    match part {
        Part::Shape => RUN,
        Part::Season => SEASON_RUN,
        Part::Level | Part::Noise => LEVEL_RUN,
        Part::Value | Part::Quiet | Part::Nothing => 0,
    }
}

/// Everything that is learnt. Numbers are in units of `unit` above `base`.
#[derive(Debug, Clone)]
pub(super) struct Model {
    base: f64,
    unit: f64,
    history: History,
    seasons: Seasons,
    counts: Counts,
    median: f64,
    deviation: f64,
    seen: f64,
    /// The highest and lowest value so far, fading.
    high: f64,
    low: f64,
    quiet: f64,
    outside: [f32; SEASON_RUN],
    outside_at: usize,
    value_tail: Tail,
    shape_tail: Tail,
    season_tail: Tail,
    level_tail: Tail,
    noise_tail: Tail,
    quiet_tail: Tail,
    above_tail: Tail,
    below_tail: Tail,
    outside_tail: Tail,
}

/// What the model says of a sample, in the unit of the series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// Of all parts together.
    pub(super) surprise: f64,
    pub(super) part: Part,
    /// `-log10` of the chance of what the part saw.
    pub(super) rarity: f64,
    pub(super) expected: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Model {
    /// A model that knows the order of magnitude of a series. `samples` must not be empty.
    pub(super) fn new(samples: &[f64], step_ms: i64) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let count = sorted.len();
        let base = sorted[count / 2];
        let middle = (sorted[count * 3 / 4] - sorted[count / 4]) / 1.35;
        let range = sorted[count - 1] - sorted[0];
        let scale = middle.max(range * 0.1).max(base.abs() * 1e-3);
        let scale = if scale > 0.0 {
            scale.max(UNIT_MIN)
        } else {
            1.0
        };
        Self {
            base,
            unit: scale.log2().floor().exp2(),
            history: History::new(),
            seasons: Seasons::new(step_ms),
            counts: Counts::new(),
            median: 0.0,
            deviation: 0.0,
            seen: 0.0,
            high: f64::NEG_INFINITY,
            low: f64::INFINITY,
            quiet: 0.0,
            outside: [0.0; SEASON_RUN],
            outside_at: 0,
            value_tail: Tail::new(),
            shape_tail: Tail::new(),
            season_tail: Tail::new(),
            level_tail: Tail::new(),
            noise_tail: Tail::new(),
            quiet_tail: Tail::new(),
            above_tail: Tail::new(),
            below_tail: Tail::new(),
            outside_tail: Tail::new(),
        }
    }

    /// Takes in a sample. While `suspicious`, what is usual is not learnt from it.
    pub(super) fn push(&mut self, time_ms: i64, value: f64, suspicious: bool) -> Reading {
        let x = self.in_units(value);
        let range = (self.high - self.low).max(1e-9);
        let expected = self.seasons.push(time_ms, x, self.deviation);
        self.history.push(x as f32);

        let mut strongest = Strongest::default();
        let distance = self.history.value_distance();
        let mut surprise = self.value_tail.surprise(distance);
        if let Some(as_count) = self.counts.surprise(value) {
            surprise = surprise.min(as_count + COUNT_MARGIN);
        }
        self.value_tail.learn(distance);
        self.counts.learn(value);
        strongest.add(Part::Value, surprise, distance / range);

        let distance = self.history.shape_distance();
        strongest.add(
            Part::Shape,
            self.shape_tail.surprise(distance),
            distance / range,
        );
        self.shape_tail.learn(distance);

        let outside = expected.map_or(0.0, |expected| expected.outside(x));
        self.outside[self.outside_at] = outside as f32;
        self.outside_at = (self.outside_at + 1) % SEASON_RUN;
        let distance = f64::from(self.outside.iter().sum::<f32>().abs()) / SEASON_RUN as f64;
        strongest.add(
            Part::Season,
            self.season_tail.surprise(distance),
            distance / range,
        );
        self.season_tail.learn(distance);

        self.judge_runs(x, &mut strongest);
        let reading = self.reading(&strongest, expected);
        self.learn(x, expected.map(|_| outside), suspicious);
        reading
    }

    /// Bytes on the heap and in place.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.history.heap_bytes() + self.seasons.heap_bytes()
    }

    /// Takes what came of late as the new normal.
    pub(super) fn adopt(&mut self) {
        let samples = self.history.newest_first();
        let mut last: Vec<f32> = samples[..samples.len().min(LEVEL_RUN)].to_vec();
        last.sort_by(f32::total_cmp);
        if let Some(&median) = last.get(last.len() / 2) {
            self.median = f64::from(median);
        }
    }

    /// Level, roughness and quiet of the last samples.
    fn judge_runs(&mut self, x: f64, strongest: &mut Strongest) {
        if (x - self.median).abs() > QUIET * self.deviation {
            self.quiet = 0.0;
        } else {
            self.quiet += 1.0;
        }
        strongest.add(Part::Quiet, self.quiet_tail.surprise(self.quiet), 1.0);
        self.quiet_tail.learn(self.quiet);

        let samples = self.history.newest_first();
        if samples.len() <= LEVEL_RUN {
            return;
        }
        let count = LEVEL_RUN as f64;
        let level = f64::from(samples[..LEVEL_RUN].iter().sum::<f32>()) / count;
        let steps = samples
            .windows(2)
            .take(LEVEL_RUN)
            .map(|pair| (pair[0] - pair[1]).abs());
        let noise = f64::from(steps.sum::<f32>()) / count;
        let moved = (level - self.median).abs();
        strongest.add(Part::Level, self.level_tail.surprise(moved), 1.0);
        strongest.add(Part::Noise, self.noise_tail.surprise(noise), 1.0);
        self.level_tail.learn(moved);
        self.noise_tail.learn(noise);
    }

    fn learn(&mut self, x: f64, outside: Option<f64>, suspicious: bool) {
        let fade = (self.high - self.low) / MEMORY;
        if fade.is_finite() {
            self.high -= fade;
            self.low += fade;
        }
        self.high = self.high.max(x);
        self.low = self.low.min(x);
        self.seen += 1.0;
        if suspicious {
            return;
        }
        let away = x - self.median;
        self.above_tail.learn(away);
        self.below_tail.learn(-away);
        if let Some(outside) = outside {
            self.outside_tail.learn(outside.abs());
        }
        self.median += MEDIAN_STEP * self.deviation.max(1e-6) * away.signum();
        self.deviation += (away.abs() - self.deviation) / self.seen.min(DEVIATION_MEMORY);
        self.rescale_if_small();
    }

    fn reading(&self, strongest: &Strongest, expected: Option<super::season::Expected>) -> Reading {
        let (middle, low, high) = match expected {
            Some(expected) => {
                let margin = self.outside_tail.value_at(BAND_SURPRISE);
                (
                    expected.value,
                    expected.low - margin,
                    expected.high + margin,
                )
            }
            None => (
                self.median,
                self.median - self.below_tail.value_at(BAND_SURPRISE),
                self.median + self.above_tail.value_at(BAND_SURPRISE),
            ),
        };
        let explanation = strongest.explanation();
        Reading {
            surprise: strongest.surprise(),
            part: explanation.part,
            rarity: explanation.rarity,
            expected: self.base + middle * self.unit,
            low: self.base + low * self.unit,
            high: self.base + high * self.unit,
        }
    }

    /// The value in units; the unit is changed if there are too many.
    fn in_units(&mut self, value: f64) -> f64 {
        let x = (value - self.base) / self.unit;
        if x.abs() <= UNITS_MAX {
            return x;
        }
        let octaves = (value - self.base).abs().log2() - self.unit.log2() - UNITS_MAX.log2();
        let octaves = octaves.ceil() as i32 + 1;
        self.rescale(octaves);
        (value - self.base) / self.unit
    }

    fn rescale_if_small(&mut self) {
        let range = self.high - self.low;
        if range > 0.0 && range < RANGE_MIN && self.unit > UNIT_MIN * 16.0 {
            self.rescale(-4);
        }
    }

    /// Makes the unit 2^`octaves` times what it was.
    fn rescale(&mut self, octaves: i32) {
        let factor = f64::from(-octaves).exp2();
        self.unit /= factor;
        self.history.rescale(factor as f32);
        self.seasons.rescale(factor as f32);
        for number in [
            &mut self.median,
            &mut self.deviation,
            &mut self.high,
            &mut self.low,
        ] {
            *number *= factor;
        }
        self.outside
            .iter_mut()
            .for_each(|outside| *outside *= factor as f32);
        for tail in [
            &mut self.value_tail,
            &mut self.shape_tail,
            &mut self.season_tail,
            &mut self.level_tail,
            &mut self.noise_tail,
            &mut self.above_tail,
            &mut self.below_tail,
            &mut self.outside_tail,
        ] {
            tail.rescale(octaves);
        }
    }
}

/// The surprise of a part, its handicap and reach counted in, and as it is.
#[derive(Debug, Clone, Copy)]
struct Strength {
    part: Part,
    strength: f64,
    rarity: f64,
}

/// The two strongest parts, and the strongest of those that say what people see.
#[derive(Debug, Clone, Copy)]
struct Strongest {
    first: Strength,
    second: f64,
    sharp: Strength,
}

impl Default for Strongest {
    fn default() -> Self {
        let none = Strength {
            part: Part::Nothing,
            strength: 0.0,
            rarity: 0.0,
        };
        Self {
            first: none,
            second: 0.0,
            sharp: none,
        }
    }
}

impl Strongest {
    /// `reach` is the distance as a part of the range.
    fn add(&mut self, part: Part, surprise: f64, reach: f64) {
        let short = (reach + 1e-6).log10() - REACH;
        let this = Strength {
            part,
            strength: surprise + handicap(part) + REACH_WEIGHT * short.min(0.0),
            rarity: surprise,
        };
        if this.strength > self.first.strength {
            self.second = self.first.strength;
            self.first = this;
        } else if this.strength > self.second {
            self.second = this.strength;
        }
        let is_sharp = matches!(part, Part::Value | Part::Shape | Part::Season);
        if is_sharp && this.strength > self.sharp.strength {
            self.sharp = this;
        }
    }

    fn surprise(&self) -> f64 {
        0.5 * (self.first.strength + self.second)
    }

    /// A spike moves the mean of 36 samples, too, and may surprise more there: it is a spike.
    fn explanation(&self) -> Strength {
        if self.sharp.strength >= 0.5 * self.first.strength && self.sharp.strength > 0.0 {
            self.sharp
        } else {
            self.first
        }
    }
}
