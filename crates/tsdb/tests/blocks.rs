//! What the engine tells of its blocks.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too; they fail by panic"
)]

#[path = "support/mod.rs"]
mod support;

use std::sync::Arc;

use bellwether_storage::{FaultyDisk, MetricStore, Source, WriteBatch};
use support::{NOW_MS, labels, open, settings};

#[test]
fn blocks_are_told_by_their_oldest_sample() {
    let engine = open(Arc::new(FaultyDisk::new()), settings()).unwrap();
    assert_eq!(engine.blocks(), []);
    let source = Source::new("test");
    // Two windows of time: a block holds one.
    let (late, early) = (NOW_MS, NOW_MS - 100 * settings().block_span_ms);
    for begin_ms in [late, early] {
        let mut batch = WriteBatch::default();
        for series in 0..2 {
            let series = engine.register(&source, None, &labels(series)).unwrap();
            for step in 0..3 {
                batch.push(series, begin_ms + step * 1_000, step as f64);
            }
        }
        engine.write(&source, &batch).unwrap();
    }
    engine.compact().unwrap();
    let blocks = engine.blocks();
    let told: Vec<_> = blocks
        .iter()
        .map(|block| {
            (
                block.min_ms,
                block.max_ms,
                block.series_count,
                block.sample_count,
            )
        })
        .collect();
    assert_eq!(
        told,
        [(early, early + 2_000, 2, 6), (late, late + 2_000, 2, 6)]
    );
    assert_ne!(blocks[0].number, blocks[1].number);
    assert!(blocks.iter().all(|block| block.chunk_count >= 2));
    let bytes: u64 = blocks.iter().map(|block| block.disk_bytes).sum();
    assert!(bytes > 0 && bytes <= engine.stats(0).disk_bytes);
}
