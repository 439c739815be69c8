//! The samples of late, and how far the last ones are from the most similar ones before.

/// How many samples are kept: two weeks at five minutes, 17 hours at fifteen seconds.
pub(super) const KEPT: usize = 4096;
/// Room beyond that, so that samples are moved in memory only when it is used up.
const ROOM: usize = KEPT + KEPT / 8;
/// Samples of a run whose shape is compared.
pub(super) const RUN: usize = 16;
/// The values of late with which a single value is compared.
const VALUES: usize = 2048;
/// The sample just before is no evidence that a value is known.
const VALUE_APART: usize = 2;
/// Lags that are summed up at once.
const BLOCK: usize = 64;
/// Minima that are kept side by side.
const LANES: usize = 8;

/// A sliding window of samples, the newest first.
#[derive(Debug, Clone)]
pub(super) struct History {
    samples: Vec<f32>,
    start: usize,
    count: usize,
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            samples: vec![0.0; ROOM],
            start: ROOM,
            count: 0,
        }
    }

    pub(super) fn push(&mut self, sample: f32) {
        if self.start == 0 {
            let kept = self.count.min(KEPT - 1);
            self.start = ROOM - kept;
            self.samples.copy_within(..kept, self.start);
        }
        self.start -= 1;
        self.samples[self.start] = sample;
        self.count = (self.count + 1).min(KEPT);
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.samples.capacity() * size_of::<f32>()
    }

    pub(super) fn newest_first(&self) -> &[f32] {
        &self.samples[self.start..self.start + self.count]
    }

    pub(super) fn rescale(&mut self, factor: f32) {
        let (start, count) = (self.start, self.count);
        let samples = &mut self.samples[start..start + count];
        samples.iter_mut().for_each(|sample| *sample *= factor);
    }

    /// Distance of the last sample from the nearest one before the last two; 0 without one.
    pub(super) fn value_distance(&self) -> f64 {
        let samples = self.newest_first();
        let Some((newest, known)) = samples.split_first() else {
            return 0.0;
        };
        let known = &known[(VALUE_APART - 1).min(known.len())..known.len().min(VALUES)];
        let (lanes, rest) = known.as_chunks::<LANES>();
        let mut least = [f32::INFINITY; LANES];
        for lane in lanes {
            keep_least(&mut least, &lane.map(|sample| (sample - newest).abs()));
        }
        let rest = rest.iter().map(|sample| (sample - newest).abs());
        let least = rest.chain(least).fold(f32::INFINITY, f32::min);
        if least.is_finite() {
            f64::from(least)
        } else {
            0.0
        }
    }

    /// Root mean square distance of the last [`RUN`] samples from the most similar run that had ended
    /// before they began; 0 without one.
    pub(super) fn shape_distance(&self) -> f64 {
        let samples = self.newest_first();
        if samples.len() < 2 * RUN {
            return 0.0;
        }
        let (run, before) = samples.split_at(RUN);
        // `before[lag..]` begins with the last sample of a run.
        let lags = before.len() - RUN + 1;
        let mut least = f32::INFINITY;
        let mut from = 0;
        while from + BLOCK <= lags {
            least = block_least(run, &before[from..], least);
            from += BLOCK;
        }
        for lag in from..lags {
            let squares = run
                .iter()
                .zip(&before[lag..])
                .map(|(a, b)| (a - b) * (a - b));
            least = least.min(squares.sum());
        }
        (f64::from(least) / RUN as f64).sqrt()
    }
}

/// The least square distance between `run` and the runs at the first [`BLOCK`] lags, if less than
/// `least`. Sums only grow: most blocks are given up after a few samples.
fn block_least(run: &[f32], before: &[f32], least: f32) -> f32 {
    let mut sums = [0.0f32; BLOCK];
    let mut lower = least;
    for (at, samples) in run.chunks(4).enumerate() {
        for (i, sample) in samples.iter().enumerate() {
            let others = &before[4 * at + i..][..BLOCK];
            for (sum, other) in sums.iter_mut().zip(others) {
                *sum += (sample - other) * (sample - other);
            }
        }
        let mut lowest = [f32::INFINITY; LANES];
        let (lanes, _) = sums.as_chunks::<LANES>();
        lanes.iter().for_each(|lane| keep_least(&mut lowest, lane));
        lower = lowest.into_iter().fold(f32::INFINITY, f32::min);
        if lower >= least {
            return least;
        }
    }
    lower
}

/// Written so that it is one instruction for some lanes.
fn keep_least(least: &mut [f32; LANES], values: &[f32; LANES]) {
    for (least, &value) in least.iter_mut().zip(values) {
        if value < *least {
            *least = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: usize) -> f32 {
        (at as f32 * 0.731).sin() * 10.0 + (at * 7919 % 97) as f32
    }

    #[test]
    fn distances_are_those_of_a_plain_search() {
        let mut history = History::new();
        let mut all: Vec<f32> = Vec::new();
        for at in 0..KEPT + 3000 {
            history.push(sample(at));
            all.insert(0, sample(at));
            all.truncate(KEPT);
            assert_eq!(history.newest_first().len(), all.len());
            if at % 577 != 0 && at > 40 {
                continue;
            }
            assert_eq!(history.newest_first(), all);
            let values = all.iter().skip(VALUE_APART).take(VALUES - VALUE_APART + 1);
            let least = values
                .map(|other| (other - all[0]).abs())
                .fold(f32::INFINITY, f32::min);
            let wanted = if least.is_finite() {
                f64::from(least)
            } else {
                0.0
            };
            assert_eq!(history.value_distance(), wanted, "{at}");
            let runs = (RUN..).take_while(|from| from + RUN <= all.len());
            let squares = runs.map(|from| {
                (0..RUN)
                    .map(|i| (all[i] - all[from + i]).powi(2))
                    .sum::<f32>()
            });
            let least = squares.fold(f32::INFINITY, f32::min);
            let wanted = if least.is_finite() {
                (f64::from(least) / 16.0).sqrt()
            } else {
                0.0
            };
            assert!((history.shape_distance() - wanted).abs() < 1e-4, "{at}");
        }
    }

    #[test]
    fn a_unit_is_applied_to_all() {
        let mut history = History::new();
        (0..100).for_each(|at| history.push(sample(at)));
        let before = history.shape_distance();
        history.rescale(0.25);
        assert_eq!(history.shape_distance(), before / 4.0);
    }
}
