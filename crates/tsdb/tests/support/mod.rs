//! What the tests of the engine share.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test uses a part"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use bellwether_model::{
    Exemplar, FloatHistogram, Histogram, IntHistogram, Labels, Matcher, Metadata, Span, TimeRange,
};
use bellwether_storage::{
    Disk, LabelQuery, ManualClock, MetricStore, Samples, Selection, SelectionHints, Source,
    StorageError, WriteBatch,
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

/// What a store holds, by series and time: start and value as text.
pub type Contents = BTreeMap<(Labels, i64), (i64, String)>;

/// Everything in a store, and the series that could not be read. Whether a histogram was reset is
/// left out: it depends on the one before, which damage may have taken.
pub fn contents(store: &dyn MetricStore) -> (Contents, Vec<(Labels, StorageError)>) {
    let (mut there, mut failed) = (Contents::new(), Vec::new());
    let handles = store.select(&Selection {
        matchers: &[],
        range: TimeRange::ALL,
        hints: SelectionHints::default(),
    });
    let handles = match handles {
        Ok(handles) => handles,
        Err(error) => return (there, vec![(Labels::default(), error)]),
    };
    for handle in handles {
        let mut samples = Samples::default();
        if let Err(error) = handle.read(TimeRange::ALL, &mut samples) {
            failed.push((handle.labels().clone(), error));
        }
        assert!(samples.times_ms.is_sorted_by(|a, b| a < b), "{samples:?}");
        for (at, &time_ms) in samples.times_ms.iter().enumerate() {
            let text = match samples.histogram_at(at) {
                Some(histogram) => histogram_text(histogram),
                None => float_text(samples.values[at]),
            };
            let start = samples.starts_ms.get(at).copied().unwrap_or(0);
            let before = there.insert((handle.labels().clone(), time_ms), (start, text));
            assert!(before.is_none(), "{} twice", handle.labels());
        }
    }
    (there, failed)
}

fn float_text(value: f64) -> String {
    format!("{:x}", value.to_bits())
}

fn histogram_text(histogram: &FloatHistogram) -> String {
    let mut histogram = histogram.clone();
    histogram.counter_reset = Default::default();
    format!("{histogram:?}")
}

/// The value of a counter of the store; NaN, which no test takes, where there is none.
pub fn counter(store: &dyn MetricStore, name: &str) -> f64 {
    let counters = store.stats(0).counters;
    let found = counters.iter().find(|(known, _)| *known == name);
    found.map_or(f64::NAN, |(_, value)| *value)
}

/// Damage that a store has counted since it was opened.
pub fn damage(store: &dyn MetricStore) -> f64 {
    let counts = ["damaged", "torn", "unknown_series", "manifest_rebuilt"];
    let counters = store.stats(0).counters;
    let of_damage = counters
        .iter()
        .filter(|(name, _)| counts.iter().any(|part| name.contains(part)));
    of_damage.map(|(_, count)| count).sum()
}

/// A client that repeats what was not acknowledged, once, and remembers what came of it.
#[derive(Debug, Default)]
pub struct Client {
    /// What was acknowledged and must be there.
    pub acknowledged: Contents,
    /// What was tried and may be there.
    pub tried: Contents,
    /// Series and times of exemplars.
    pub exemplars: BTreeSet<(Labels, i64)>,
    /// Names of families.
    pub metadata: BTreeSet<String>,
    /// Writes and deletions that were not taken.
    pub errors: Vec<StorageError>,
    round: i64,
}

/// The series that the client deletes samples of.
const DELETED: usize = 2;
/// The series that has histograms.
const HISTOGRAMS: usize = 7;

impl Client {
    /// Writes one sample of each series, all of them new; says whether they were acknowledged.
    pub fn write(&mut self, engine: &Engine) -> bool {
        let source = Source::new("test");
        let round = self.round;
        self.round += 1;
        let mut batch = WriteBatch::default();
        let mut rows = Contents::new();
        let mut exemplars = Vec::new();
        for series in (0..8usize).filter(|&series| series as i64 <= round * 2) {
            let labels = labels(series);
            let id = match engine.register(&source, None, &labels) {
                Ok(id) => id,
                Err(error) => {
                    self.errors.push(error);
                    continue;
                }
            };
            let time_ms = NOW_MS - 1_000_000 + round * 15_000 + series as i64;
            let value = (round * 10 + series as i64) as f64 / 4.0;
            let start_ms = if series == 5 { time_ms - 700 } else { 0 };
            let text = if series == HISTOGRAMS {
                let histogram = Histogram::Int(IntHistogram {
                    schema: 2,
                    count: round as u64 + 1,
                    sum: value,
                    positive_spans: vec![Span {
                        offset: 1,
                        length: 1,
                    }],
                    positive_deltas: vec![round],
                    ..IntHistogram::default()
                });
                let text = histogram_text(&histogram.to_float());
                batch.histograms.push((id, time_ms, start_ms, histogram));
                text
            } else {
                batch.push_with_start(id, time_ms, start_ms, value);
                float_text(value)
            };
            if series == 1 {
                let exemplar = Exemplar {
                    labels: Labels::from_pairs([("trace_id", format!("t{round}"))]),
                    value,
                    timestamp_ms: time_ms,
                };
                batch.exemplars.push((id, exemplar));
                exemplars.push((labels.clone(), time_ms));
            }
            rows.insert((labels, time_ms), (start_ms, text));
        }
        let family = format!("family_{round}");
        let metadata = Metadata {
            help: format!("help {round}"),
            ..Metadata::default()
        };
        batch.metadata.push((family.clone(), metadata));
        self.tried.extend(rows.clone());
        for _ in 0..2 {
            match engine.write(&source, &batch) {
                Ok(outcome) => {
                    assert_eq!(outcome.rejected_count, 0, "{outcome:?}");
                    let poisoned = |e: &StorageError| matches!(e, StorageError::Poisoned { .. });
                    assert!(
                        !self.errors.iter().any(poisoned),
                        "taken after a failed sync"
                    );
                    self.acknowledged.extend(rows);
                    self.exemplars.extend(exemplars);
                    self.metadata.insert(family);
                    return true;
                }
                Err(error) => self.errors.push(error),
            }
        }
        false
    }

    /// Deletes the older samples of one series.
    pub fn delete(&mut self, engine: &Engine) {
        let labels = labels(DELETED);
        let range = TimeRange::new(i64::MIN, NOW_MS - 1_000_000 + (self.round - 3) * 15_000);
        let instance = labels.get("instance").unwrap_or_default();
        let result = engine.delete(&[vec![Matcher::equal("instance", instance)]], range);
        let kept = |(of, time_ms): &(Labels, i64)| *of != labels || !range.contains(*time_ms);
        self.acknowledged.retain(|key, _| kept(key));
        match result {
            Ok(()) => self.tried.retain(|key, _| kept(key)),
            Err(error) => self.errors.push(error),
        }
    }

    /// Writes, deletes, spills, merges; goes on after errors.
    pub fn work(&mut self, engine: &Engine) {
        for _ in 0..14 {
            self.write(engine);
            let done = self.round;
            if done % 5 == 0 {
                engine.maintain();
            }
            if done % 14 == 9 {
                self.delete(engine);
            }
            if done % 14 == 10 {
                // An error is fine; the next look decides.
                drop(engine.compact());
            }
        }
    }

    /// What was acknowledged is there, once, and nothing else but what was tried.
    pub fn check(&self, engine: &Engine, what: &str) {
        let (there, failed) = contents(engine);
        assert!(failed.is_empty(), "{what}: {failed:?}");
        for (key, value) in &self.acknowledged {
            assert_eq!(
                there.get(key),
                Some(value),
                "{what}: {key:?} was acknowledged"
            );
        }
        for (key, value) in &there {
            assert_eq!(
                self.tried.get(key),
                Some(value),
                "{what}: {key:?} was never written, or is deleted"
            );
        }
        let all = LabelQuery {
            matcher_sets: &[],
            range: TimeRange::ALL,
            limit: 0,
        };
        let exemplars: BTreeSet<(Labels, i64)> = engine
            .exemplars(&all)
            .unwrap()
            .into_iter()
            .flat_map(|of| {
                let labels = of.labels;
                let times = of.exemplars.into_iter().map(|e| e.timestamp_ms);
                times.map(move |time_ms| (labels.clone(), time_ms))
            })
            .collect();
        assert!(
            exemplars.is_superset(&self.exemplars),
            "{what}: {exemplars:?} {:?}",
            self.exemplars
        );
        let metadata = engine.metadata(None).unwrap();
        let metadata: BTreeSet<String> = metadata.into_iter().map(|entry| entry.metric).collect();
        assert!(metadata.is_superset(&self.metadata), "{what}: {metadata:?}");
    }
}

/// Whether tests look at every place instead of a spread of them: `BELLWETHER_TEST_DEEP=1`.
pub fn deep() -> bool {
    std::env::var("BELLWETHER_TEST_DEEP").is_ok_and(|value| value != "0")
}
