//! The detector to compare with: a rolling mean of a short window against mean and deviation of a
//! long one.

use std::collections::VecDeque;

/// One setting of the plain detector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Setting {
    pub(crate) windows: Windows,
    /// The alarm goes on when the means are more than so many deviations apart…
    pub(crate) on: f64,
    /// … and off when they are less than this share of that apart…
    pub(crate) off_share: f64,
    /// … for more than so many samples.
    pub(crate) quiet: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Windows {
    pub(crate) short: usize,
    pub(crate) long: usize,
    /// Whether the long window ends where the short one begins.
    pub(crate) apart: bool,
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Windows { short, long, apart } = self.windows;
        let apart = if apart { "before" } else { "around" };
        let (on, off, quiet) = (self.on, self.off_share * self.on, self.quiet);
        write!(
            f,
            "{short} against {long} {apart}, on {on}, off {off} for {quiet}"
        )
    }
}

/// All windows that are tried.
pub(crate) fn windows() -> Vec<Windows> {
    let mut all = Vec::new();
    for short in [1, 2, 3, 5, 10, 20, 30, 60] {
        for long in [30, 60, 120, 240, 480, 1440] {
            for apart in [false, true] {
                if long > short {
                    all.push(Windows { short, long, apart });
                }
            }
        }
    }
    all
}

/// All thresholds that are tried with each.
pub(crate) fn settings(windows: Windows) -> Vec<Setting> {
    let mut all = Vec::new();
    for on in [
        0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0,
    ] {
        for off_share in [0.5, 1.0] {
            for quiet in [0, 32] {
                all.push(Setting {
                    windows,
                    on,
                    off_share,
                    quiet,
                });
            }
        }
    }
    all
}

/// How many deviations of the long window the means are apart, for each sample; NaN until both
/// windows are full.
pub(crate) fn statistics(windows: Windows, values: &[f64]) -> Vec<f64> {
    let mut rolling = Rolling::new(windows);
    values
        .iter()
        .map(|&value| rolling.push(value).unwrap_or(f64::NAN))
        .collect()
}

/// Where the alarm goes on.
pub(crate) fn alarms(setting: Setting, statistics: &[f64]) -> Vec<usize> {
    let mut on = false;
    let mut quiet = 0;
    let mut alarms = Vec::new();
    for (at, statistic) in statistics.iter().enumerate() {
        let apart = statistic.abs();
        if on {
            quiet = if apart < setting.on * setting.off_share {
                quiet + 1
            } else {
                0
            };
            on = quiet <= setting.quiet;
        } else if apart > setting.on {
            on = true;
            quiet = 0;
            alarms.push(at);
        }
    }
    alarms
}

struct Rolling {
    windows: Windows,
    held: VecDeque<f64>,
    origin: f64,
    short_sum: f64,
    long_sum: f64,
    long_squares: f64,
    pushed: u64,
}

impl Rolling {
    fn new(windows: Windows) -> Self {
        Self {
            windows,
            held: VecDeque::new(),
            origin: 0.0,
            short_sum: 0.0,
            long_sum: 0.0,
            long_squares: 0.0,
            pushed: 0,
        }
    }

    fn push(&mut self, value: f64) -> Option<f64> {
        let Windows { short, long, apart } = self.windows;
        let len = long + if apart { short } else { 0 };
        self.held.push_back(value);
        self.pushed += 1;
        let left = if self.held.len() > len {
            self.held.pop_front()
        } else {
            None
        };
        if self.held.len() < len {
            return None;
        }
        let (Some(left), false) = (left, self.pushed.is_multiple_of(512)) else {
            // Sums are carried on, and made anew now and then against rounding.
            let origin = value;
            self.origin = origin;
            self.short_sum = self.held.iter().rev().take(short).map(|x| x - origin).sum();
            self.long_sum = self.held.iter().take(long).map(|x| x - origin).sum();
            self.long_squares = self
                .held
                .iter()
                .take(long)
                .map(|x| (x - origin).powi(2))
                .sum();
            return Some(self.statistic());
        };
        self.short_sum += value - self.held[len - 1 - short];
        let (enters, leaves) = (self.held[long - 1] - self.origin, left - self.origin);
        self.long_sum += enters - leaves;
        self.long_squares += enters * enters - leaves * leaves;
        Some(self.statistic())
    }

    fn statistic(&self) -> f64 {
        let count = self.windows.long as f64;
        let mean = self.long_sum / count;
        let deviation = (self.long_squares / count - mean * mean).max(0.0).sqrt();
        let apart = self.short_sum / self.windows.short as f64 - mean;
        let floor = 1e-9 * (mean.abs() + self.origin.abs() + 1e-300);
        if apart.abs() <= floor {
            0.0
        } else {
            apart / deviation.max(floor)
        }
    }
}
