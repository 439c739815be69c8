//! The samples of a series as windows see them.
//!
//! ## Model
//! [`Points`] are the floats and the histograms of a series, apart, without staleness markers. A
//! [`Window`] is a slice of each. [`Slider`] moves both ends forward from step to step.
//!
//! ## Invariants
//! A window leaves out its start and includes its end. Steps ascend, so that ends only move forward.

use std::sync::Arc;

use bellwether_model::{FloatHistogram, is_stale_nan};
use bellwether_storage::Samples;

use super::column::Grid;
use super::plan::Lookup;
use crate::ast::RangeExtension;

/// Samples of one kind. `starts` is empty where no start timestamps are known or wanted.
#[derive(Debug)]
pub(crate) struct Run<'a, V> {
    pub(crate) times: &'a [i64],
    pub(crate) values: &'a [V],
    pub(crate) starts: &'a [i64],
}

impl<V> Clone for Run<'_, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Run<'_, V> {}

impl<'a, V> Run<'a, V> {
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    fn slice(&self, from: usize, to: usize) -> Run<'a, V> {
        Run {
            times: &self.times[from..to],
            values: &self.values[from..to],
            starts: self.starts.get(from..to).unwrap_or(&[]),
        }
    }

    /// The start timestamp of a sample; 0 where it is not known.
    pub(crate) fn start(&self, position: usize) -> i64 {
        self.starts.get(position).copied().unwrap_or(0)
    }
}

/// The samples of a series, floats and histograms apart.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Points<'a> {
    pub(crate) floats: Run<'a, f64>,
    pub(crate) histograms: Run<'a, Arc<FloatHistogram>>,
}

/// The samples inside of one window, and the window itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window<'a> {
    pub(crate) floats: Run<'a, f64>,
    pub(crate) histograms: Run<'a, Arc<FloatHistogram>>,
    /// Start of the window as written, ms; left out.
    pub(crate) start_ms: i64,
    /// End of the window as written, ms; included.
    pub(crate) end_ms: i64,
}

/// Memory for [`Points`] that are not the samples as they were read.
#[derive(Debug, Default)]
pub(crate) struct PointsBuffer {
    float_times: Vec<i64>,
    floats: Vec<f64>,
    float_starts: Vec<i64>,
    histogram_times: Vec<i64>,
    histograms: Vec<Arc<FloatHistogram>>,
    histogram_starts: Vec<i64>,
}

impl PointsBuffer {
    /// Bytes of memory, without histograms, which are shared with the samples.
    pub(crate) fn memory_bytes(&self) -> usize {
        let times = self.float_times.capacity() + self.histogram_times.capacity();
        let starts = self.float_starts.capacity() + self.histogram_starts.capacity();
        (times + starts + self.floats.capacity() + self.histograms.capacity()) * 8
    }

    /// Takes the samples apart. Series of floats without staleness markers are not copied.
    pub(crate) fn points<'a>(&'a mut self, samples: &'a Samples, starts: bool) -> Points<'a> {
        let none = Run {
            times: &[],
            values: &[],
            starts: &[],
        };
        let plain = samples.histograms.is_empty() && !has_stale(&samples.values);
        if plain {
            return Points {
                floats: Run {
                    times: &samples.times_ms,
                    values: &samples.values,
                    starts: if starts { &samples.starts_ms } else { &[] },
                },
                histograms: none,
            };
        }
        self.split(samples, starts && !samples.starts_ms.is_empty());
        Points {
            floats: Run {
                times: &self.float_times,
                values: &self.floats,
                starts: &self.float_starts,
            },
            histograms: Run {
                times: &self.histogram_times,
                values: &self.histograms,
                starts: &self.histogram_starts,
            },
        }
    }

    fn split(&mut self, samples: &Samples, starts: bool) {
        self.float_times.clear();
        self.floats.clear();
        self.float_starts.clear();
        self.histogram_times.clear();
        self.histograms.clear();
        self.histogram_starts.clear();
        let mut next_histogram = 0;
        for (position, &time_ms) in samples.times_ms.iter().enumerate() {
            let start = samples.starts_ms.get(position).copied().unwrap_or(0);
            let is_histogram = samples
                .histogram_positions
                .get(next_histogram)
                .is_some_and(|&at| at as usize == position);
            if is_histogram {
                let histogram = &samples.histograms[next_histogram];
                next_histogram += 1;
                if is_stale_nan(histogram.sum) {
                    continue;
                }
                self.histogram_times.push(time_ms);
                self.histograms.push(Arc::clone(histogram));
                if starts {
                    self.histogram_starts.push(start);
                }
                continue;
            }
            let value = samples.values[position];
            if is_stale_nan(value) {
                continue;
            }
            self.float_times.push(time_ms);
            self.floats.push(value);
            if starts {
                self.float_starts.push(start);
            }
        }
    }
}

/// Whether there is a staleness marker. Groups are looked at whole, so that several values are
/// compared at once.
fn has_stale(values: &[f64]) -> bool {
    values
        .chunks(64)
        .any(|group| group.iter().fold(false, |any, &v| any | is_stale_nan(v)))
}

/// Where the windows of a call are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WindowShape {
    pub(crate) window_ms: i64,
    pub(crate) offset_ms: i64,
    pub(crate) at_ms: Option<i64>,
    pub(crate) extension: Option<RangeExtension>,
    pub(crate) lookback_ms: i64,
}

impl WindowShape {
    pub(crate) fn of(lookup: &Lookup, window_ms: i64, lookback_ms: i64) -> Self {
        Self {
            window_ms,
            offset_ms: lookup.offset_ms,
            at_ms: lookup.at_ms,
            extension: lookup.extension,
            lookback_ms,
        }
    }

    /// Start (left out) and end (included) of the window of a step, as written.
    #[inline(always)]
    pub(crate) fn bounds(&self, time_ms: i64) -> (i64, i64) {
        let end = self.at_ms.unwrap_or(time_ms).saturating_sub(self.offset_ms);
        (end.saturating_sub(self.window_ms), end)
    }

    /// Bounds of the samples that the function sees: modifiers reach beyond the window.
    #[inline(always)]
    pub(crate) fn reach(&self, (start, end): (i64, i64)) -> (i64, i64) {
        match self.extension {
            None => (start, end),
            Some(RangeExtension::Anchored) => (start.saturating_sub(self.lookback_ms), end),
            Some(RangeExtension::Smoothed) => (
                start.saturating_sub(self.lookback_ms),
                end.saturating_add(self.lookback_ms),
            ),
        }
    }

    /// All samples that the windows of a grid see, both ends included.
    pub(crate) fn range(&self, grid: &Grid) -> bellwether_model::TimeRange {
        let (first, _) = self.reach(self.bounds(grid.time(0)));
        let (_, last) = self.reach(self.bounds(grid.end_ms()));
        bellwether_model::TimeRange::new(first.saturating_add(1), last)
    }
}

/// Moves the ends of windows over times.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Slider {
    /// First sample inside.
    pub(crate) from: usize,
    /// After the last sample inside.
    pub(crate) to: usize,
}

impl Slider {
    /// Moves to the window after `start` up to `end`.
    #[inline(always)]
    pub(crate) fn advance(&mut self, times: &[i64], start: i64, end: i64) {
        self.to = advance_past(times, self.to, end);
        self.from = advance_past(times, self.from, start).min(self.to);
    }
}

/// The first position at or after `from` whose time is above `limit`. Near positions are found
/// step by step, far ones by doubling.
#[inline(always)]
fn advance_past(times: &[i64], mut from: usize, limit: i64) -> usize {
    for _ in 0..8 {
        match times.get(from) {
            Some(&time) if time <= limit => from += 1,
            _ => return from,
        }
    }
    let mut stride = 8;
    while times.get(from + stride).is_some_and(|&time| time <= limit) {
        from += stride;
        stride *= 2;
    }
    let end = (from + stride).min(times.len());
    from + times[from..end].partition_point(|&time| time <= limit)
}

impl<'a> Points<'a> {
    /// Calls `each` with every step that has samples in its window.
    pub(crate) fn windows(
        &self,
        shape: &WindowShape,
        grid: &Grid,
        mut each: impl FnMut(usize, Option<Window<'a>>),
    ) {
        let (mut floats, mut histograms) = (Slider::default(), Slider::default());
        for step in 0..grid.count {
            let bounds = shape.bounds(grid.time(step));
            let (from, to) = shape.reach(bounds);
            floats.advance(self.floats.times, from, to);
            histograms.advance(self.histograms.times, from, to);
            if floats.from == floats.to && histograms.from == histograms.to {
                each(step, None);
                continue;
            }
            each(
                step,
                Some(Window {
                    floats: self.floats.slice(floats.from, floats.to),
                    histograms: self.histograms.slice(histograms.from, histograms.to),
                    start_ms: bounds.0,
                    end_ms: bounds.1,
                }),
            );
        }
    }
}
