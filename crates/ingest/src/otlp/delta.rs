//! Sums up what arrives as differences.
//!
//! ## Model
//! A sender with delta temporality tells what happened since it last told. Per series one running
//! total is kept, and each difference comes out as the total up to its time.
//!
//! ## Limits
//! [`STREAMS_MAX`] series; those that were silent for [`SILENT_MS_MAX`] are forgotten and start
//! again from zero with a new start timestamp. Totals are lost with the process: counters restart,
//! which is what start timestamps are for.

use bellwether_model::IntHistogram;
use bellwether_storage::SeriesKey;
use rustc_hash::FxHashMap;

use super::native;

/// Series that are summed up at the same time. Chosen: about 200 MiB.
const STREAMS_MAX: usize = 1_000_000;
/// Silence after which a series is forgotten: 5 minutes, as in the OpenTelemetry collector.
const SILENT_MS_MAX: i64 = 300_000;

#[derive(Debug, Clone)]
enum Total {
    Float(f64),
    Histogram(Box<IntHistogram>),
}

#[derive(Debug)]
struct Stream {
    start_ms: i64,
    last_ms: i64,
    seen_ms: i64,
    total: Total,
}

/// The running totals.
#[derive(Debug, Default)]
pub(super) struct Cumulator {
    streams: FxHashMap<SeriesKey, Stream>,
    swept_ms: i64,
}

/// When a difference began and ended, in milliseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
}

impl Cumulator {
    /// Forgets silent series, at most once a minute.
    pub(super) fn sweep(&mut self, now_ms: i64) {
        if now_ms.saturating_sub(self.swept_ms) < 60_000 {
            return;
        }
        self.swept_ms = now_ms;
        self.streams
            .retain(|_, stream| now_ms.saturating_sub(stream.seen_ms) < SILENT_MS_MAX);
    }

    /// Forgets one series: its sender said that it has ended.
    pub(super) fn end(&mut self, key: SeriesKey) {
        self.streams.remove(&key);
    }

    /// Adds a difference: the total, and since when it is counted.
    pub(super) fn add_float(
        &mut self,
        key: SeriesKey,
        interval: Interval,
        now_ms: i64,
        delta: f64,
    ) -> Result<(f64, i64), String> {
        let stream = self.stream(key, interval, now_ms, || Total::Float(0.0))?;
        let sum = match &stream.total {
            Total::Float(sum) => sum + delta,
            Total::Histogram(_) => {
                stream.start_ms = interval.start_ms;
                delta
            }
        };
        stream.total = Total::Float(sum);
        Ok((sum, stream.start_ms))
    }

    /// Adds a difference: the total, and since when it is counted.
    pub(super) fn add_histogram(
        &mut self,
        key: SeriesKey,
        interval: Interval,
        now_ms: i64,
        delta: IntHistogram,
    ) -> Result<(IntHistogram, i64), String> {
        let stream = self.stream(key, interval, now_ms, || Total::Float(0.0))?;
        let sum = match &stream.total {
            Total::Histogram(sum) => native::add(sum, &delta),
            Total::Float(_) => None,
        };
        let sum = sum.unwrap_or_else(|| {
            // The first one, or one with other bounds: the total starts here.
            stream.start_ms = interval.start_ms;
            delta
        });
        stream.total = Total::Histogram(Box::new(sum.clone()));
        Ok((sum, stream.start_ms))
    }

    fn stream(
        &mut self,
        key: SeriesKey,
        interval: Interval,
        now_ms: i64,
        make: impl FnOnce() -> Total,
    ) -> Result<&mut Stream, String> {
        let count = self.streams.len();
        let entry = self.streams.entry(key);
        let stream = match entry {
            std::collections::hash_map::Entry::Vacant(_) if count >= STREAMS_MAX => {
                return Err(format!(
                    "{count} delta series are summed up, the limit is {STREAMS_MAX}"
                ));
            }
            std::collections::hash_map::Entry::Vacant(vacant) => {
                let start_ms = interval.start_ms;
                vacant.insert(Stream {
                    start_ms,
                    last_ms: i64::MIN,
                    seen_ms: 0,
                    total: make(),
                })
            }
            std::collections::hash_map::Entry::Occupied(occupied) => occupied.into_mut(),
        };
        if interval.end_ms <= stream.last_ms {
            return Err(format!(
                "delta sample at {} ms is not newer than the one before at {} ms",
                interval.end_ms, stream.last_ms
            ));
        }
        stream.last_ms = interval.end_ms;
        stream.seen_ms = now_ms;
        Ok(stream)
    }
}
