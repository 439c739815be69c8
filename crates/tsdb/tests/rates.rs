//! A source that sends faster than it may, through the engine.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too; they fail by panic"
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use bellwether_storage::{
    ErrorKind, FaultyDisk, ManualClock, MetricStore, SeriesRef, Source, WriteBatch,
};
use bellwether_tsdb::Engine;
use support::{NOW_MS, counter, labels, settings};

/// `count` samples of a series, one each millisecond.
fn batch(series: SeriesRef, from_ms: i64, count: i64) -> WriteBatch {
    let mut batch = WriteBatch::default();
    for at in 0..count {
        batch.push(series, from_ms + at, at as f64);
    }
    batch
}

#[test]
fn a_source_that_sends_too_fast_waits() {
    let mut settings = settings();
    settings.samples_per_second_max = 10;
    let clock = Arc::new(ManualClock::new(NOW_MS));
    let disk = Arc::new(FaultyDisk::new());
    let engine = Engine::open(
        disk,
        Path::new("data"),
        Arc::<ManualClock>::clone(&clock),
        settings,
    );
    let engine = engine.unwrap();
    let (fast, calm) = (Source::new("fast"), Source::new("calm"));
    let id = engine.register(&fast, None, &labels(0)).unwrap();
    // A minute's worth at once is fine; what was taken is there whatever comes later.
    let first = batch(id, NOW_MS, 600);
    assert_eq!(engine.write(&fast, &first).unwrap().float_count, 600);
    let error = engine
        .write(&fast, &batch(id, NOW_MS + 1_000, 30))
        .unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Limit, true));
    let text = error.to_string();
    for part in [
        "\"fast\"",
        "630 samples",
        "10 a second",
        "storage.limits.sample_rate_per_source",
    ] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(
        counter(&*engine, "bellwether_tsdb_samples_limited_total"),
        30.0
    );
    assert_eq!(counter(&*engine, "bellwether_tsdb_samples_total"), 600.0);
    // Another source goes on, and so does this one when time has passed.
    let other = engine.register(&calm, None, &labels(1)).unwrap();
    engine.write(&calm, &batch(other, NOW_MS, 1)).unwrap();
    clock.set(NOW_MS + 10_000);
    // What is known costs nothing.
    engine.write(&fast, &first).unwrap();
    let outcome = engine.write(&fast, &batch(id, NOW_MS + 1_000, 30)).unwrap();
    assert_eq!(outcome.float_count, 30);
}
