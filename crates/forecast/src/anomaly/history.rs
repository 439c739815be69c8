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
        let least = known
            .iter()
            .map(|sample| (sample - newest).abs())
            .fold(f32::INFINITY, f32::min);
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
            let mut sums = [0.0f32; BLOCK];
            for (at, sample) in run.iter().enumerate() {
                for (sum, other) in sums.iter_mut().zip(&before[from + at..from + at + BLOCK]) {
                    *sum += (sample - other) * (sample - other);
                }
            }
            least = sums.into_iter().fold(least, f32::min);
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
