//! What happened to requests over a sliding window of time: counts, and a histogram of latencies.
//!
//! ## Model
//! Time is cut into *slices* of equal width. A ring holds the slices of the window, each with its
//! counts; their sum is carried along, so that a record costs the same however long the window is.
//!
//! ## Invariants
//! - The window ends with the slice of the newest time it was told of, by a record or a question.
//!   Slices are dropped as a whole: it covers between one slice less than its span and its span.
//! - Records may come in any order within the window. Older ones are refused.
//!
//! ## Limits
//! - Latencies from 1 µs to an hour in buckets that grow by 5 %: a quantile is within 2.5 % of a
//!   latency that was recorded at its rank. Beyond, it is the nearer end.
//! - 452 counts of 4 bytes a slice: 109 KB for 60 slices.

const GROWTH: f64 = 1.05;
/// The first bucket takes what is up to this, in milliseconds.
const LATENCY_MIN_MS: f64 = 0.001;
/// The last bucket takes what is longer than an hour, too.
const LATENCY_MAX_MS: f64 = 3_600_000.0;
/// ln(3.6e9) / ln(1.05), and the first.
const BUCKETS: usize = 452;
/// Most slices of a window.
const SLICES_MAX: u32 = 1440;

/// How a window is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowOptions {
    /// Length of the window in milliseconds: at least one for each slice.
    pub span_ms: u32,
    /// How many slices, 1 to 1,440. The window moves by one at a time.
    pub slices: u32,
    /// A request is slow that takes longer than this; NaN or infinite if none is.
    pub slow_ms: f64,
}

/// Why a window is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WindowError {
    /// None or too many slices.
    #[error("slices is {given}: it must be 1 to {SLICES_MAX}")]
    Slices {
        /// What was given.
        given: u32,
    },
    /// Slices would be shorter than a millisecond.
    #[error("span_ms is {given}: it must be at least {least}, a millisecond for each slice")]
    Span {
        /// What was given.
        given: u32,
        /// The number of slices.
        least: u32,
    },
}

/// Counts of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All that were recorded.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// Those with a latency.
    pub timed: u64,
    /// Those of `timed` that took longer than `slow_ms`.
    pub slow: u64,
}

/// Requests of the last while. See the [module](self).
#[derive(Debug, Clone)]
pub struct Window {
    slice_ms: i64,
    slow_ms: f64,
    slices: Vec<Slice>,
    /// The newest slice, counted from the beginning of time.
    newest: Option<i64>,
    counts: Counts,
    histogram: Vec<u64>,
    refused: u64,
}

#[derive(Debug, Clone)]
struct Slice {
    counts: Counts,
    histogram: Vec<u32>,
}

impl Window {
    /// An empty window.
    ///
    /// # Errors
    /// If an option is out of its bounds.
    pub fn new(options: WindowOptions) -> Result<Self, WindowError> {
        let WindowOptions {
            span_ms,
            slices,
            slow_ms,
        } = options;
        if slices == 0 || slices > SLICES_MAX {
            return Err(WindowError::Slices { given: slices });
        }
        if span_ms < slices {
            return Err(WindowError::Span {
                given: span_ms,
                least: slices,
            });
        }
        let slice = Slice {
            counts: Counts::default(),
            histogram: vec![0; BUCKETS],
        };
        Ok(Self {
            slice_ms: i64::from(span_ms / slices),
            slow_ms,
            slices: vec![slice; slices as usize],
            newest: None,
            counts: Counts::default(),
            histogram: vec![0; BUCKETS],
            refused: 0,
        })
    }

    /// Takes in a request that ended at `time_ms`. A latency that is negative or not finite is
    /// none: the request counts, as failed or not, and its latency does not.
    ///
    /// False if the time lies before the window, and the request was not taken.
    pub fn record(&mut self, time_ms: i64, latency_ms: f64, failed: bool) -> bool {
        let slice = time_ms.div_euclid(self.slice_ms);
        self.advance(slice);
        let Some(newest) = self.newest else {
            return false;
        };
        if newest.saturating_sub(slice) >= self.slices.len() as i64 {
            self.refused += 1;
            return false;
        }
        let slow_ms = self.slow_ms;
        let ring = self.slices.len() as i64;
        let slice = &mut self.slices[slice.rem_euclid(ring) as usize];
        let timed = latency_ms.is_finite() && latency_ms >= 0.0;
        if timed {
            let bucket = bucket(latency_ms);
            slice.histogram[bucket] = slice.histogram[bucket].saturating_add(1);
            self.histogram[bucket] += 1;
        }
        for counts in [&mut slice.counts, &mut self.counts] {
            counts.requests += 1;
            counts.failed += u64::from(failed);
            counts.timed += u64::from(timed);
            counts.slow += u64::from(timed && latency_ms > slow_ms);
        }
        true
    }

    /// Moves the end of the window to `time_ms`; a time before it changes nothing.
    pub fn advance_to(&mut self, time_ms: i64) {
        self.advance(time_ms.div_euclid(self.slice_ms));
    }

    /// What is in the window.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What is in its newest slices, as many as asked for.
    #[must_use]
    pub fn counts_of_newest(&self, slices: u32) -> Counts {
        let mut sum = Counts::default();
        if let Some(newest) = self.newest {
            let ring = self.slices.len() as i64;
            for back in 0..i64::from(slices).min(ring) {
                let at = newest.wrapping_sub(back).rem_euclid(ring) as usize;
                sum.add(&self.slices[at].counts);
            }
        }
        sum
    }

    /// Width of a slice in milliseconds.
    #[must_use]
    pub fn slice_ms(&self) -> u64 {
        self.slice_ms.unsigned_abs()
    }

    /// How many requests came too late to be taken, ever.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The latency in milliseconds that a share of `quantile` (0 to 1, kept within) of the timed
    /// requests does not exceed; within 2.5 % (see Limits). `None` if there are none or `quantile`
    /// is NaN.
    #[must_use]
    pub fn latency_ms(&self, quantile: f64) -> Option<f64> {
        if self.counts.timed == 0 || quantile.is_nan() {
            return None;
        }
        let count = self.histogram.iter().sum::<u64>();
        let rank = (quantile.clamp(0.0, 1.0) * count as f64).ceil().max(1.0) as u64;
        let mut upto = 0;
        for (bucket, &number) in self.histogram.iter().enumerate() {
            upto += number;
            if upto >= rank {
                return Some(latency(bucket));
            }
        }
        Some(LATENCY_MAX_MS)
    }

    fn advance(&mut self, slice: i64) {
        let Some(newest) = self.newest else {
            self.newest = Some(slice);
            return;
        };
        if slice <= newest {
            return;
        }
        let ring = self.slices.len() as i64;
        let passed = slice.saturating_sub(newest).min(ring);
        for step in 1..=passed {
            let at = newest.wrapping_add(step).rem_euclid(ring) as usize;
            // All slices leave when more time has passed than the window is long: which is which
            // does not matter then.
            self.drop_slice(at);
        }
        self.newest = Some(slice);
    }

    fn drop_slice(&mut self, at: usize) {
        let slice = &mut self.slices[at];
        if slice.counts.requests == 0 {
            return;
        }
        self.counts.remove(&slice.counts);
        if slice.counts.timed > 0 {
            for (sum, number) in self.histogram.iter_mut().zip(&slice.histogram) {
                *sum = sum.saturating_sub(u64::from(*number));
            }
        }
        slice.histogram.fill(0);
        slice.counts = Counts::default();
    }
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.failed += other.failed;
        self.timed += other.timed;
        self.slow += other.slow;
    }

    fn remove(&mut self, other: &Self) {
        self.requests -= other.requests;
        self.failed -= other.failed;
        self.timed -= other.timed;
        self.slow -= other.slow;
    }
}

fn bucket(latency_ms: f64) -> usize {
    if latency_ms <= LATENCY_MIN_MS {
        return 0;
    }
    let at = (latency_ms / LATENCY_MIN_MS).ln() / GROWTH.ln();
    (at.ceil() as usize).min(BUCKETS - 1)
}

/// The latency whose largest relative distance to any other of its bucket is least.
fn latency(bucket: usize) -> f64 {
    if bucket == 0 {
        return LATENCY_MIN_MS;
    }
    let upper = LATENCY_MIN_MS * GROWTH.powi(bucket as i32);
    (upper * 2.0 / (1.0 + GROWTH)).min(LATENCY_MAX_MS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn window(span_ms: u32, slices: u32) -> Window {
        Window::new(WindowOptions {
            span_ms,
            slices,
            slow_ms: 100.0,
        })
        .expect("within bounds")
    }

    #[test]
    fn buckets_cover_an_hour() {
        let needed = (LATENCY_MAX_MS / LATENCY_MIN_MS).ln() / GROWTH.ln();
        assert_eq!(BUCKETS, needed.ceil() as usize + 1);
        assert_eq!(bucket(LATENCY_MAX_MS), BUCKETS - 1);
        assert_eq!(bucket(f64::MAX), BUCKETS - 1);
        assert_eq!(bucket(0.0), 0);
        for latency_ms in [0.0011, 0.5, 1.0, 17.3, 250.0, 3_000_000.0] {
            let error = (latency(bucket(latency_ms)) / latency_ms - 1.0).abs();
            assert!(error <= 0.0251, "{latency_ms}: {error}");
        }
    }

    #[test]
    fn slices_leave_as_a_whole() {
        let mut window = window(60_000, 6);
        assert!(window.record(9_999, 5.0, true));
        assert!(window.record(10_000, 5.0, false));
        window.advance_to(59_999);
        assert_eq!(window.counts().requests, 2);
        window.advance_to(60_000);
        assert_eq!(
            window.counts(),
            Counts {
                requests: 1,
                failed: 0,
                timed: 1,
                slow: 0
            }
        );
        window.advance_to(i64::MAX);
        assert_eq!(window.counts(), Counts::default());
        assert_eq!(window.latency_ms(0.5), None);
    }

    #[test]
    fn late_records_are_taken_within_the_window_only() {
        let mut window = window(60_000, 6);
        assert!(window.record(100_000, 5.0, false));
        assert!(window.record(50_000, 5.0, false));
        assert!(!window.record(49_999, 5.0, false));
        assert_eq!((window.counts().requests, window.refused()), (2, 1));
        assert_eq!(window.counts_of_newest(1).requests, 1);
        assert_eq!(window.counts_of_newest(100).requests, 2);
    }

    #[test]
    fn requests_without_a_latency_count() {
        let mut window = window(60_000, 6);
        for latency_ms in [f64::NAN, f64::INFINITY, -1.0] {
            assert!(window.record(0, latency_ms, true));
        }
        assert!(window.record(0, 101.0, false));
        assert_eq!(
            window.counts(),
            Counts {
                requests: 4,
                failed: 3,
                timed: 1,
                slow: 1
            }
        );
    }

    #[test]
    fn options_out_of_bounds_are_refused() {
        let new = |span_ms, slices| {
            let options = WindowOptions {
                span_ms,
                slices,
                slow_ms: f64::NAN,
            };
            Window::new(options).expect_err("out of bounds").to_string()
        };
        assert_eq!(new(1000, 0), "slices is 0: it must be 1 to 1440");
        assert_eq!(
            new(5, 6),
            "span_ms is 5: it must be at least 6, a millisecond for each slice"
        );
    }

    proptest! {
        // Against a list of everything.
        #[test]
        fn it_is_what_a_list_would_say(
            records in prop::collection::vec((0..200_000i64, 0.002..5000.0f64, any::<bool>()), 1..200),
            slices in 1..20u32,
            quantile in 0.0..1.0f64,
        ) {
            let span_ms = 60_000;
            let mut window = window(span_ms, slices);
            let slice_ms = i64::from(span_ms / slices);
            let mut list: Vec<(i64, f64, bool)> = Vec::new();
            let mut newest = i64::MIN;
            for (time_ms, latency_ms, failed) in records {
                newest = newest.max(time_ms / slice_ms);
                let within = newest - time_ms / slice_ms < i64::from(slices);
                prop_assert_eq!(window.record(time_ms, latency_ms, failed), within);
                if within {
                    list.push((time_ms, latency_ms, failed));
                }
                list.retain(|record| newest - record.0 / slice_ms < i64::from(slices));
                prop_assert_eq!(window.counts(), Counts {
                    requests: list.len() as u64,
                    failed: list.iter().filter(|record| record.2).count() as u64,
                    timed: list.len() as u64,
                    slow: list.iter().filter(|record| record.1 > 100.0).count() as u64,
                });
                let mut sorted: Vec<f64> = list.iter().map(|record| record.1).collect();
                sorted.sort_by(f64::total_cmp);
                let rank = (quantile * sorted.len() as f64).ceil().max(1.0) as usize;
                let exact = sorted[rank - 1];
                let is = window.latency_ms(quantile).expect("there are some");
                prop_assert!((is / exact - 1.0).abs() < 0.0251, "{} {}", is, exact);
            }
        }

        #[test]
        fn whatever_comes_nothing_breaks(
            records in prop::collection::vec((any::<i64>(), any::<f64>(), any::<bool>()), 0..50),
        ) {
            let mut window = window(1000, 7);
            for (time_ms, latency_ms, failed) in records {
                window.record(time_ms, latency_ms, failed);
                let counts = window.counts();
                prop_assert!(counts.slow <= counts.timed && counts.timed <= counts.requests);
                prop_assert_eq!(window.counts_of_newest(7), counts);
            }
        }
    }
}
