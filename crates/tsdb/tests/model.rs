//! The engine against the reference store: the same calls, the same answers.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too; they fail by panic"
)]

mod support;

use std::path::Path;
use std::sync::Arc;

use bellwether_model::{
    Exemplar, FloatHistogram, Histogram, IntHistogram, Labels, MatchOp, Matcher, Metadata,
    STALE_NAN, Span, TimeRange,
};
use bellwether_storage::{
    Disk, FaultyDisk, LabelQuery, MemoryStore, MetricStore, SeriesKey, Source, Survives, WriteBatch,
};
use bellwether_tsdb::Engine;
use proptest::prelude::*;
use support::{NOW_MS, dump, labels, open, settings};

#[derive(Debug, Clone)]
enum Step {
    /// Series, seconds before now, value, kind.
    Write(Vec<(usize, i64, u8, u8)>),
    Delete(u8, i64, i64),
    Clean,
    Maintain,
    Compact,
    Reopen,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let row = (
        0usize..7,
        prop_oneof![0i64..100, 0i64..5_000],
        0u8..6,
        0u8..12,
    );
    let step = prop_oneof![
        10 => prop::collection::vec(row, 1..40).prop_map(Step::Write),
        1 => (0u8..4, 0i64..200, 0i64..3_000).prop_map(|(m, a, b)| Step::Delete(m, a, b)),
        1 => Just(Step::Clean),
        2 => Just(Step::Maintain),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..25)
}

fn batch(store: &dyn MetricStore, source: &Source, rows: &[(usize, i64, u8, u8)]) -> WriteBatch {
    let mut batch = WriteBatch::default();
    for &(series, before, value, kind) in rows {
        let key = Some(SeriesKey(series as u128 + 7));
        let id = store.register(source, key, &labels(series)).unwrap();
        assert_eq!(store.resolve(SeriesKey(series as u128 + 7)), Some(id));
        let time_ms = NOW_MS - before * 1_000;
        let number = f64::from(value);
        // A series has floats or histograms: a float out of order between two histograms may cost
        // them the knowledge that there was no reset, which readers then find themselves.
        let kind = if series < 2 { kind % 2 } else { kind.max(2) };
        match kind {
            0 => {
                let h = IntHistogram {
                    schema: 2,
                    count: u64::from(value) + 1,
                    sum: number,
                    positive_spans: vec![Span {
                        offset: 1,
                        length: 1,
                    }],
                    positive_deltas: vec![i64::from(value)],
                    ..IntHistogram::default()
                };
                batch.histograms.push((id, time_ms, 0, Histogram::Int(h)));
            }
            1 => {
                let h = FloatHistogram {
                    schema: -53,
                    count: number,
                    sum: 0.5,
                    positive_spans: vec![Span {
                        offset: 0,
                        length: 1,
                    }],
                    positive_buckets: vec![number],
                    custom_values: vec![1.0, 2.0],
                    ..FloatHistogram::default()
                };
                let start_ms = time_ms - 5_000;
                batch
                    .histograms
                    .push((id, time_ms, start_ms, Histogram::Float(h)));
            }
            2 => batch.push_with_start(id, time_ms, time_ms - 60_000, number),
            3 => batch.push(id, time_ms, STALE_NAN),
            4 => batch.push(id, time_ms, number / 3.0),
            _ => batch.push(id, time_ms, number),
        }
        if kind == 5 {
            let exemplar = Exemplar {
                labels: Labels::from_pairs([("trace_id", format!("{value}"))]),
                value: number,
                timestamp_ms: time_ms,
            };
            batch.exemplars.push((id, exemplar));
            let metadata = Metadata {
                help: format!("help {value}"),
                ..Metadata::default()
            };
            batch.metadata.push((format!("m{}", series % 3), metadata));
        }
    }
    batch
}

fn matchers(which: u8) -> Vec<Vec<Matcher>> {
    let matcher = |name: &str, op, value: &str| Matcher::new(name, op, value).unwrap();
    match which {
        0 => vec![vec![Matcher::equal("__name__", "m1")]],
        1 => vec![
            vec![matcher("instance", MatchOp::Regex, "i(2|3)")],
            vec![matcher("__name__", MatchOp::NotEqual, "m0")],
        ],
        2 => vec![vec![matcher("absent", MatchOp::NotRegex, ".+")]],
        _ => vec![vec![
            Matcher::equal("job", "j"),
            matcher("instance", MatchOp::NotRegex, "i[0-4]"),
        ]],
    }
}

fn same_everywhere(engine: &dyn MetricStore, model: &dyn MetricStore) {
    for range in [
        TimeRange::ALL,
        TimeRange::new(NOW_MS - 60_000, NOW_MS),
        TimeRange::new(NOW_MS - 1_500_000, NOW_MS - 30_000),
    ] {
        assert_eq!(
            dump(engine, range).unwrap(),
            dump(model, range).unwrap(),
            "{range:?}"
        );
    }
    for which in 0..4 {
        let sets = matchers(which);
        let query = LabelQuery {
            matcher_sets: &sets,
            range: TimeRange::ALL,
            limit: 0,
        };
        assert_eq!(
            engine.exemplars(&query).unwrap(),
            model.exemplars(&query).unwrap()
        );
        // Engines may answer for more than is there after a deletion, never for less.
        let (have, want) = (
            engine.series(&query).unwrap(),
            model.series(&query).unwrap(),
        );
        assert!(want.iter().all(|l| have.contains(l)), "{have:?} {want:?}");
        let have = engine.label_values("instance", &query).unwrap();
        let want = model.label_values("instance", &query).unwrap();
        assert!(want.iter().all(|l| have.contains(l)), "{have:?} {want:?}");
        let have = engine.label_names(&query).unwrap();
        let want = model.label_names(&query).unwrap();
        assert!(want.iter().all(|l| have.contains(l)), "{have:?} {want:?}");
        for set in &sets {
            let selection = bellwether_storage::Selection {
                matchers: set,
                range: TimeRange::ALL,
                hints: Default::default(),
            };
            let sorted = |store: &dyn MetricStore| {
                let mut found: Vec<Labels> = Vec::new();
                for handle in store.select(&selection).unwrap() {
                    let mut samples = Default::default();
                    handle.read(TimeRange::ALL, &mut samples).unwrap();
                    if !samples.is_empty() {
                        found.push(handle.labels().clone());
                    }
                }
                found.sort();
                found
            };
            assert_eq!(sorted(engine), sorted(model));
        }
    }
    assert_eq!(
        engine.metadata(None).unwrap(),
        model.metadata(None).unwrap()
    );
}

fn run(steps: Vec<Step>) {
    let mut disk = Arc::new(FaultyDisk::new());
    let mut engine: Arc<Engine> = open(Arc::clone(&disk) as Arc<dyn Disk>, settings()).unwrap();
    let model = MemoryStore::new();
    let source = Source::new("test");
    for step in steps {
        match step {
            Step::Write(rows) => {
                let theirs = batch(&model, &source, &rows);
                let want = model.write(&source, &theirs).unwrap();
                let ours = batch(&*engine, &source, &rows);
                let have = engine.write(&source, &ours).unwrap();
                assert_eq!(have.float_count, want.float_count);
                assert_eq!(have.histogram_count, want.histogram_count);
                assert_eq!(have.exemplar_count, want.exemplar_count);
                let reasons = |o: &bellwether_storage::WriteOutcome| {
                    o.rejections
                        .iter()
                        .map(|r| (r.time_ms, r.reason))
                        .collect::<Vec<_>>()
                };
                assert_eq!(reasons(&have), reasons(&want));
            }
            Step::Delete(which, newest, oldest) => {
                let range = TimeRange::new(NOW_MS - oldest * 1_000, NOW_MS - newest * 1_000);
                model.delete(&matchers(which), range).unwrap();
                engine.delete(&matchers(which), range).unwrap();
            }
            Step::Clean => engine.clean_tombstones().unwrap(),
            Step::Maintain => engine.maintain(),
            Step::Compact => engine.compact().unwrap(),
            Step::Reopen => {
                engine.close().unwrap();
                drop(engine);
                engine = open(Arc::clone(&disk) as Arc<dyn Disk>, settings()).unwrap();
            }
            Step::Crash => {
                disk = Arc::new(disk.after_crash(Survives::Synced));
                engine = open(Arc::clone(&disk) as Arc<dyn Disk>, settings()).unwrap();
            }
        }
        same_everywhere(&*engine, &model);
    }
    let stats = engine.stats(3);
    let failures: Vec<_> = stats
        .counters
        .iter()
        .filter(|(name, n)| {
            *n > 0.0
                && (name.contains("damaged")
                    || name.contains("failures")
                    || name.contains("unknown"))
        })
        .collect();
    assert!(failures.is_empty(), "{failures:?}");
    // A snapshot is a data folder of its own.
    let name = engine.snapshot(false).unwrap();
    let folder = Path::new("data/snapshots").join(name);
    let clock = Arc::new(bellwether_storage::ManualClock::new(NOW_MS));
    let copy = Engine::open(disk, &folder, clock, settings()).unwrap();
    assert_eq!(
        dump(&*copy, TimeRange::ALL).unwrap(),
        dump(&model, TimeRange::ALL).unwrap()
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_answers_as_the_reference_does(steps in steps()) {
        run(steps);
    }
}
