//! How fast each source may send samples.
//!
//! ## Model
//! A source has a bucket that fills at the rate it may send and holds what it may send in a minute,
//! so that scrapes and batches that come in bursts are taken. A batch is taken while there is
//! anything in the bucket, however large it is: what is missing is owed, and nothing is taken until
//! it is paid back. Over time no source gets more than its rate.
//!
//! ## Limits
//! 64 bytes a source. Buckets that are full are dropped when there are many.

use std::sync::Arc;

use bellwether_storage::{Source, StorageError};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;

/// What a bucket holds, in time. Chosen: the longest usual interval of scrapes and senders.
const BURST_MS: i64 = 60_000;
/// Above this many buckets the full ones are dropped.
const SWEEP_COUNT_MIN: usize = 4_096;

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// Thousandths of samples; below zero they are owed.
    balance: i64,
    filled_ms: i64,
    /// When it was last full, and how many samples were sent since.
    since_ms: i64,
    sent: u64,
}

#[derive(Debug, Default)]
struct Buckets {
    by_source: FxHashMap<Arc<str>, Bucket>,
    sweep_at: usize,
}

/// See the module's page.
#[derive(Debug)]
pub(crate) struct Rates {
    /// Samples a second; thousandths of samples a millisecond.
    per_second: i64,
    buckets: Mutex<Buckets>,
}

impl Rates {
    /// Rates of at most `per_second` samples; 0: no bound.
    pub(crate) fn new(per_second: u64) -> Option<Self> {
        // Beyond this a minute of samples would not fit the number.
        let bound = i64::MAX / BURST_MS / 2;
        let per_second = i64::try_from(per_second).unwrap_or(bound).min(bound);
        (per_second > 0).then(|| Self {
            per_second,
            buckets: Mutex::default(),
        })
    }

    fn full(&self) -> i64 {
        self.per_second * BURST_MS
    }

    fn fill(&self, bucket: &mut Bucket, now_ms: i64) {
        // A clock that was set back fills nothing.
        let passed_ms = now_ms
            .saturating_sub(bucket.filled_ms)
            .clamp(0, BURST_MS * 1_000);
        let gained = self.per_second.saturating_mul(passed_ms);
        bucket.balance = bucket.balance.saturating_add(gained).min(self.full());
        bucket.filled_ms = now_ms;
        if bucket.balance == self.full() {
            (bucket.since_ms, bucket.sent) = (now_ms, 0);
        }
    }

    /// Whether a source may send `samples` now.
    pub(crate) fn check(
        &self,
        source: &Source,
        samples: u64,
        now_ms: i64,
    ) -> Result<(), StorageError> {
        let mut buckets = self.buckets.lock();
        if buckets.by_source.len() > buckets.sweep_at.max(SWEEP_COUNT_MIN) {
            buckets.by_source.retain(|_, bucket| {
                self.fill(bucket, now_ms);
                bucket.balance < self.full()
            });
            buckets.sweep_at = buckets.by_source.len() * 2;
        }
        let new = Bucket {
            balance: self.full(),
            filled_ms: now_ms,
            since_ms: now_ms,
            sent: 0,
        };
        let bucket = match buckets.by_source.get_mut(&source.0) {
            Some(bucket) => bucket,
            None => buckets
                .by_source
                .entry(Arc::clone(&source.0))
                .or_insert(new),
        };
        self.fill(bucket, now_ms);
        bucket.sent = bucket.sent.saturating_add(samples);
        if bucket.balance > 0 || samples == 0 {
            return Ok(());
        }
        let seconds = now_ms.saturating_sub(bucket.since_ms).max(1_000) as u64 / 1_000;
        let wait_s = (1 - bucket.balance).unsigned_abs() / (self.per_second as u64 * 1_000) + 1;
        Err(StorageError::Limit(format!(
            "source {:?} sent {} samples in {seconds} s ({} a second), its limit is {} a second \
             (storage.limits.sample_rate_per_source): nothing is taken from it for {wait_s} s",
            source.0,
            bucket.sent,
            bucket.sent / seconds,
            self.per_second
        )))
    }

    /// Takes samples out of the bucket of a source.
    pub(crate) fn charge(&self, source: &Source, samples: u64) {
        let cost = i64::try_from(samples)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000);
        if let Some(bucket) = self.buckets.lock().by_source.get_mut(&source.0) {
            bucket.balance = bucket.balance.saturating_sub(cost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(rates: &Rates, source: &str, samples: u64, now_ms: i64) -> Result<(), String> {
        let source = Source::new(source);
        rates
            .check(&source, samples, now_ms)
            .map_err(|error| error.to_string())?;
        rates.charge(&source, samples);
        Ok(())
    }

    #[test]
    fn bursts_are_taken_and_the_rate_holds_over_time() {
        let rates = Rates::new(100).unwrap();
        // A minute's worth at once, in two scrapes.
        send(&rates, "a", 3_000, 0).unwrap();
        send(&rates, "a", 3_000, 0).unwrap();
        let error = send(&rates, "a", 1, 0).unwrap_err();
        for part in [
            "\"a\"",
            "6001 samples",
            "100 a second",
            "sample_rate_per_source",
        ] {
            assert!(error.contains(part), "{error}");
        }
        // Others are not concerned, and nothing costs nothing.
        send(&rates, "b", 1, 0).unwrap();
        send(&rates, "a", 0, 0).unwrap();
        let mut taken = 0;
        for second in 1..=600 {
            taken += (0..10)
                .filter(|_| send(&rates, "a", 50, second * 1_000).is_ok())
                .count();
        }
        assert_eq!(taken * 50, 60_000);
    }

    #[test]
    fn what_is_owed_is_paid_back_first() {
        let rates = Rates::new(10).unwrap();
        send(&rates, "a", 5_000, 0).unwrap();
        let error = send(&rates, "a", 1, 1_000).unwrap_err();
        // 600 were there, 4,400 are owed, 10 came back.
        assert!(error.contains("for 440 s"), "{error}");
        assert!(send(&rates, "a", 1, 439_000).is_err());
        send(&rates, "a", 1, 441_000).unwrap();
        // A clock that goes back neither gives nor takes.
        assert!(send(&rates, "a", 100, 441_000).is_ok());
        assert!(send(&rates, "a", 1, 0).is_err());
    }

    #[test]
    fn buckets_are_few_and_odd_rates_are_no_trouble() {
        assert!(Rates::new(0).is_none());
        let rates = Rates::new(u64::MAX).unwrap();
        send(&rates, "a", u64::MAX, i64::MIN).unwrap();
        send(&rates, "a", 1, i64::MAX).unwrap();
        let rates = Rates::new(1).unwrap();
        for source in 0..100_000 {
            send(&rates, &source.to_string(), 1, source).unwrap();
        }
        assert!(rates.buckets.lock().by_source.len() < 20_000);
    }
}
