//! How values are spread: durations, sizes, tokens.
//!
//! ## Model
//! A native histogram has buckets wherever there are values, eight for each power of two; a classic
//! one has those whose upper bounds it was given. Counts are cells of the threads that observe.
//!
//! ## Limits
//! An octave of buckets takes 64 bytes for each thread that observes values in it; durations between a
//! millisecond and a minute are 16 octaves at most. Numbers that are not finite are left out.
//!
//! ## Invariants
//! The count is the sum of the buckets. The sum is read apart from them: it may be of a moment later.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::buckets::{Bounds, OCTAVE_BUCKETS, OCTAVES, ZERO_THRESHOLD, bucket_of, index_of};
use crate::cells::{self, Place, Range, Reader};

/// Which buckets a histogram has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Buckets<'a> {
    /// Wherever there are values, eight for each power of two. As text they are shown as those powers of
    /// two that have values, since the text formats have no native histograms: series of one family have
    /// different `le` there, so that `sum by (le)` of them is wrong. Where series are to be summed by
    /// whoever reads text, [`Buckets::Both`] is right.
    Native,
    /// These upper bounds, which belong to the bucket; `+Inf` is implied. At most 500; sorted, and
    /// what is no number left out.
    Classic(&'a [f64]),
    /// Both, for servers that read native histograms and those that don't.
    Both(&'a [f64]),
}

/// [`Buckets`] of all histograms of a family.
#[derive(Debug, Clone)]
pub enum BucketSettings {
    Native,
    Classic(Arc<Bounds>),
    Both(Arc<Bounds>),
}

impl From<Buckets<'_>> for BucketSettings {
    fn from(buckets: Buckets<'_>) -> Self {
        match buckets {
            Buckets::Native => Self::Native,
            Buckets::Classic(bounds) => Self::Classic(Arc::new(Bounds::new(bounds))),
            Buckets::Both(bounds) => Self::Both(Arc::new(Bounds::new(bounds))),
        }
    }
}

/// Upper bounds for durations of requests, in seconds: 10 ms to 82 s, as OpenTelemetry's GenAI
/// conventions ask for.
pub const DURATION_BOUNDS_SECONDS: [f64; 14] = [
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];

/// Exemplars of a histogram: one for an octave. Chosen.
const EXEMPLARS_MAX: usize = 16;

/// A distribution. Cheap to clone; clones observe together.
#[derive(Clone)]
pub struct Histogram(Option<Arc<Core>>);

struct Core {
    /// Sum and zeros.
    numbers: Range,
    native: Option<Native>,
    classic: Option<Classic>,
    exemplars: Mutex<BTreeMap<i32, Exemplar>>,
}

/// The places of the octaves that have values.
type Octaves = [AtomicU32; OCTAVES];

struct Native {
    positive: Box<Octaves>,
    /// Most things that are measured are never negative.
    negative: OnceLock<Box<Octaves>>,
    /// Held while an octave gets its cells.
    ranges: Mutex<Vec<Range>>,
}

struct Classic {
    bounds: Arc<Bounds>,
    range: Range,
}

/// A value that somebody can look up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Exemplar {
    /// The trace in which it was observed.
    pub trace_id: u128,
    /// The value.
    pub value: f64,
    /// When, ms since 1970.
    pub time_ms: i64,
}

/// What a histogram holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HistogramSnapshot {
    /// Observations.
    pub count: u64,
    /// What they add up to.
    pub sum: f64,
    /// Observations that count as zero; for native histograms.
    pub zero_count: u64,
    /// Index and count of each bucket that has values, by index, where the histogram is native. Bucket
    /// `i` holds what is above `2^((i-1)/8)` and not above `2^(i/8)`.
    pub positive: Vec<(i32, u64)>,
    /// The same for the absolute values of negative observations.
    pub negative: Vec<(i32, u64)>,
    /// Upper bounds and counts, not cumulative, without `+Inf`, where it is classic.
    pub classic: Vec<(f64, u64)>,
    /// Whether there are native buckets.
    pub is_native: bool,
    /// Values that somebody can look up, by value.
    pub exemplars: Vec<Exemplar>,
}

fn octaves() -> Box<Octaves> {
    Box::new(std::array::from_fn(|_| AtomicU32::new(0)))
}

impl Native {
    #[inline]
    fn place(&self, value: f64) -> Option<Place> {
        let octaves = if value >= 0.0 {
            &self.positive
        } else {
            self.negative.get_or_init(octaves)
        };
        let (octave, bucket) = bucket_of(value.abs());
        let known = Place::unpack(octaves[octave].load(Ordering::Acquire));
        let first = match known {
            Some(place) => place,
            None => self.new_octave(&octaves[octave])?,
        };
        Some(first.at(bucket))
    }

    #[cold]
    fn new_octave(&self, octave: &AtomicU32) -> Option<Place> {
        let mut ranges = self.ranges.lock();
        if let Some(place) = Place::unpack(octave.load(Ordering::Acquire)) {
            return Some(place);
        }
        let range = Range::new(OCTAVE_BUCKETS)?;
        let place = range.place();
        ranges.push(range);
        octave.store(place.pack(), Ordering::Release);
        Some(place)
    }

    fn read(octaves: &Octaves, reader: &Reader) -> Vec<(i32, u64)> {
        let mut buckets = Vec::new();
        for (octave, place) in octaves.iter().enumerate() {
            let Some(first) = Place::unpack(place.load(Ordering::Acquire)) else {
                continue;
            };
            for bucket in 0..OCTAVE_BUCKETS {
                let count = reader.sum(first.at(bucket));
                if count > 0 {
                    buckets.push((index_of(octave, bucket), count));
                }
            }
        }
        buckets
    }
}

impl Classic {
    fn new(bounds: &Arc<Bounds>) -> Option<Self> {
        Some(Self {
            range: Range::new(bounds.as_slice().len() as u32 + 1)?,
            bounds: Arc::clone(bounds),
        })
    }

    #[inline]
    fn place(&self, value: f64) -> Place {
        let bucket = self.bounds.bucket_of(value);
        self.range.place().at(bucket as u32)
    }
}

impl Histogram {
    /// A histogram that keeps nothing.
    pub const OFF: Self = Self(None);

    pub(crate) fn new(buckets: &BucketSettings) -> Self {
        let native = match buckets {
            BucketSettings::Classic(_) => None,
            BucketSettings::Native | BucketSettings::Both(_) => Some(Native {
                positive: octaves(),
                negative: OnceLock::new(),
                ranges: Mutex::default(),
            }),
        };
        let classic = match buckets {
            BucketSettings::Native => None,
            BucketSettings::Classic(bounds) | BucketSettings::Both(bounds) => {
                match Classic::new(bounds) {
                    Some(classic) => Some(classic),
                    None => return Self::OFF,
                }
            }
        };
        let Some(numbers) = Range::new(2) else {
            return Self::OFF;
        };
        Self(Some(Arc::new(Core {
            numbers,
            native,
            classic,
            exemplars: Mutex::default(),
        })))
    }

    /// Counts a value. One that is not finite is left out.
    #[inline]
    pub fn observe(&self, value: f64) {
        let Some(core) = &self.0 else { return };
        if !value.is_finite() {
            return;
        }
        let sum = core.numbers.place();
        if let Some(native) = &core.native {
            let place = if value.abs() <= ZERO_THRESHOLD {
                Some(sum.at(1))
            } else {
                native.place(value)
            };
            // Without cells for a bucket the value is left out of the sum too.
            let Some(place) = place else { return };
            cells::observe(place, sum, value);
            if let Some(classic) = &core.classic {
                cells::add(classic.place(value), 1);
            }
        } else if let Some(classic) = &core.classic {
            cells::observe(classic.place(value), sum, value);
        }
    }

    /// Counts a duration in seconds.
    #[inline]
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(duration.as_secs_f64());
    }

    /// Counts a value and remembers the trace in which it was seen. Of a histogram's values at most 16,
    /// of different sizes, are remembered; the newest of each size.
    pub fn observe_traced(&self, value: f64, trace_id: u128, time_ms: i64) {
        self.observe(value);
        let Some(core) = &self.0 else { return };
        if trace_id == 0 || !value.is_finite() {
            return;
        }
        // Somebody else is just remembering one: that is as good as this one.
        let Some(mut exemplars) = core.exemplars.try_lock() else {
            return;
        };
        let size = value.abs().log2().clamp(-40.0, 70.0) as i32;
        if exemplars.len() >= EXEMPLARS_MAX && !exemplars.contains_key(&size) {
            exemplars.pop_first();
        }
        let exemplar = Exemplar {
            trace_id,
            value,
            time_ms,
        };
        exemplars.insert(size, exemplar);
    }

    /// Measures the time until the guard is dropped, in seconds.
    #[inline]
    #[must_use = "what is dropped at once measures nothing"]
    pub fn start_timer(&self) -> Timer<'_> {
        Timer {
            histogram: self,
            // The clock is only read where somebody wants to know.
            started: self.0.is_some().then(Instant::now),
        }
    }

    /// What it holds.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        self.read(&Reader::new())
    }

    pub(crate) fn read(&self, reader: &Reader) -> HistogramSnapshot {
        let Some(core) = &self.0 else {
            return HistogramSnapshot::default();
        };
        let mut snapshot = HistogramSnapshot {
            sum: reader.sum_float(core.numbers.place()),
            is_native: core.native.is_some(),
            ..HistogramSnapshot::default()
        };
        if let Some(native) = &core.native {
            snapshot.zero_count = reader.sum(core.numbers.place().at(1));
            snapshot.positive = Native::read(&native.positive, reader);
            if let Some(negative) = native.negative.get() {
                snapshot.negative = Native::read(negative, reader);
            }
            let buckets = snapshot.positive.iter().chain(&snapshot.negative);
            snapshot.count = buckets.map(|(_, count)| count).sum::<u64>() + snapshot.zero_count;
        }
        if let Some(classic) = &core.classic {
            let mut total = 0;
            for (index, bound) in classic.bounds.as_slice().iter().enumerate() {
                let count = reader.sum(classic.range.place().at(index as u32));
                total += count;
                snapshot.classic.push((*bound, count));
            }
            total += reader.sum(
                classic
                    .range
                    .place()
                    .at(classic.bounds.as_slice().len() as u32),
            );
            if core.native.is_none() {
                snapshot.count = total;
            }
        }
        let exemplars = core.exemplars.lock();
        snapshot.exemplars = exemplars.values().copied().collect();
        drop(exemplars);
        snapshot
            .exemplars
            .sort_by(|a, b| a.value.total_cmp(&b.value));
        snapshot
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Histogram").field(&self.snapshot()).finish()
    }
}

/// Measures the time from its beginning to its end.
#[derive(Debug)]
pub struct Timer<'a> {
    histogram: &'a Histogram,
    started: Option<Instant>,
}

impl Timer<'_> {
    /// Ends it without counting.
    pub fn discard(mut self) {
        self.started = None;
    }

    /// Ends it now; gives the time that was counted.
    pub fn stop(mut self) -> Duration {
        let elapsed = self.started.take().map(|started| started.elapsed());
        let elapsed = elapsed.unwrap_or_default();
        self.histogram.observe_duration(elapsed);
        elapsed
    }
}

impl Drop for Timer<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(started) = self.started {
            self.histogram.observe_duration(started.elapsed());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn native_buckets_are_where_the_values_are() {
        let histogram = Histogram::new(&Buckets::Native.into());
        for value in [
            0.0,
            1e-12,
            1.0,
            1.05,
            1.05,
            8.0,
            -2.0,
            f64::NAN,
            f64::INFINITY,
        ] {
            histogram.observe(value);
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.zero_count, 2);
        assert_eq!(snapshot.positive, [(0, 1), (1, 2), (24, 1)]);
        assert_eq!(snapshot.negative, [(8, 1)]);
        assert_eq!(snapshot.count, 7);
        assert!((snapshot.sum - 9.1).abs() < 1e-9, "{snapshot:?}");
    }

    #[test]
    fn classic_bounds_belong_to_their_bucket() {
        let histogram =
            Histogram::new(&Buckets::Classic(&[1.0, 0.1, f64::NAN, f64::INFINITY, 1.0]).into());
        for value in [0.1, 0.5, 1.0, 3.0] {
            histogram.observe(value);
        }
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.classic, [(0.1, 1), (1.0, 2)]);
        assert_eq!((snapshot.count, snapshot.sum), (4, 4.6));
        assert!(!snapshot.is_native);
        let both = Histogram::new(&Buckets::Both(&[2.0]).into());
        both.observe(1.0);
        both.observe(4.0);
        let snapshot = both.snapshot();
        assert_eq!(snapshot.classic, [(2.0, 1)]);
        assert_eq!(snapshot.positive, [(0, 1), (16, 1)]);
    }

    #[test]
    fn exemplars_are_bounded_and_the_newest_of_their_size() {
        let histogram = Histogram::new(&Buckets::Native.into());
        for size in 0..40 {
            histogram.observe_traced(2f64.powi(size), 7, i64::from(size));
            histogram.observe_traced(2f64.powi(size) * 1.1, 8, i64::from(size) + 1);
        }
        histogram.observe_traced(3.0, 0, 0);
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count, 81);
        assert_eq!(snapshot.exemplars.len(), EXEMPLARS_MAX);
        assert!(
            snapshot
                .exemplars
                .iter()
                .all(|exemplar| exemplar.trace_id == 8)
        );
    }

    #[test]
    fn a_timer_counts_once() {
        let histogram = Histogram::new(&Buckets::Native.into());
        drop(histogram.start_timer());
        histogram.start_timer().discard();
        let elapsed = histogram.start_timer().stop();
        let snapshot = histogram.snapshot();
        assert_eq!(snapshot.count, 2);
        assert!(snapshot.sum >= elapsed.as_secs_f64());
        assert_eq!(Histogram::OFF.start_timer().stop(), Duration::ZERO);
    }
}
