//! What the tests of the engine share.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test uses a part"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bellwether_model::{Labels, TimeRange};
use bellwether_storage::{
    Disk, ManualClock, MetricStore, Samples, Selection, SelectionHints, StorageError,
};
use bellwether_tsdb::{Engine, EngineSettings, FsyncPolicy};

/// The time of all tests.
pub const NOW_MS: i64 = 1_800_000_000_000;

pub fn settings() -> EngineSettings {
    EngineSettings {
        retention_ms: 0,
        future_max_ms: 0,
        memtable_samples_max: 40,
        block_span_ms: 60_000,
        wal_fsync: FsyncPolicy::Always,
        ..EngineSettings::default()
    }
}

pub fn open(disk: Arc<dyn Disk>, settings: EngineSettings) -> Result<Arc<Engine>, StorageError> {
    let clock = Arc::new(ManualClock::new(NOW_MS));
    Engine::open(disk, Path::new("data"), clock, settings)
}

/// Everything in a store: by labels, columns of bits.
pub type Dump = BTreeMap<Labels, Vec<(i64, i64, String)>>;

pub fn dump(store: &dyn MetricStore, range: TimeRange) -> Result<Dump, StorageError> {
    let mut all = Dump::new();
    for handle in store.select(&Selection {
        matchers: &[],
        range,
        hints: SelectionHints::default(),
    })? {
        let mut samples = Samples::default();
        handle.read(range, &mut samples)?;
        assert_eq!(samples.times_ms.len(), samples.values.len());
        assert!(samples.times_ms.is_sorted_by(|a, b| a < b), "{samples:?}");
        assert!(samples.times_ms.iter().all(|t| range.contains(*t)));
        let row = |at: usize| {
            let text = match samples.histogram_at(at) {
                Some(histogram) => format!("{histogram:?}"),
                None => format!("{:x}", samples.values[at].to_bits()),
            };
            let start = samples.starts_ms.get(at).copied().unwrap_or(0);
            (samples.times_ms[at], start, text)
        };
        let rows: Vec<_> = (0..samples.len()).map(row).collect();
        if !rows.is_empty() {
            assert!(
                all.insert(handle.labels().clone(), rows).is_none(),
                "series twice"
            );
        }
    }
    Ok(all)
}

pub fn labels(series: usize) -> Labels {
    Labels::from_pairs([
        ("__name__", format!("m{}", series % 3)),
        ("job", "j".to_owned()),
        ("instance", format!("i{series}")),
    ])
}
