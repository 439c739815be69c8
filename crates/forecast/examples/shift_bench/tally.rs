//! Series with known shifts, and how a detector's alarms fit them.

/// A series, and where its level shifts.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) times_ms: Vec<i64>,
    pub(crate) values: Vec<f64>,
    pub(crate) interval_ms: u32,
    /// Samples before this are not counted.
    pub(crate) from: usize,
    /// Where alarms are wanted: indices of samples, both ends included.
    pub(crate) windows: Vec<(usize, usize)>,
    /// Whether alarms outside of windows count as false.
    pub(crate) counts_false: bool,
}

impl Series {
    fn days(&self) -> f64 {
        (self.values.len() - self.from) as f64 * f64::from(self.interval_ms) / 86_400_000.0
    }
}

/// What came of a detector on some series.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) false_alarms: usize,
    pub(crate) days: f64,
    pub(crate) found: usize,
    /// Of each window, the part that had passed at the first alarm in it; 1 if there was none.
    pub(crate) parts: Vec<f64>,
    /// The same in samples and in hours.
    pub(crate) samples: Vec<f64>,
    pub(crate) hours: Vec<f64>,
}

impl Tally {
    /// Counts the alarms of a series, given where they went on.
    pub(crate) fn add(&mut self, series: &Series, alarms: &[usize]) {
        let within = |at: usize, window: &(usize, usize)| window.0 <= at && at <= window.1;
        if series.counts_false {
            self.days += series.days();
            self.false_alarms += alarms
                .iter()
                .filter(|&&at| at >= series.from && !series.windows.iter().any(|w| within(at, w)))
                .count();
        }
        for window in series
            .windows
            .iter()
            .filter(|window| window.1 >= series.from)
        {
            let first = alarms
                .iter()
                .find(|&&at| at >= series.from && within(at, window));
            let length = window.1 - window.0 + 1;
            let passed = first.map_or(length, |at| at - window.0 + 1);
            self.found += usize::from(first.is_some());
            self.parts.push(passed as f64 / length as f64);
            self.samples.push(passed as f64);
            self.hours
                .push(passed as f64 * f64::from(series.interval_ms) / 3_600_000.0);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.false_alarms += other.false_alarms;
        self.days += other.days;
        self.found += other.found;
        self.parts.extend(&other.parts);
        self.samples.extend(&other.samples);
        self.hours.extend(&other.hours);
    }

    pub(crate) fn false_per_day(&self) -> f64 {
        self.false_alarms as f64 / self.days.max(f64::MIN_POSITIVE)
    }

    pub(crate) fn share(&self) -> f64 {
        self.found as f64 / self.parts.len().max(1) as f64
    }

    /// Mean part of a window that has passed: the delay by which settings are ranked.
    pub(crate) fn delay(&self) -> f64 {
        mean(&self.parts)
    }
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
