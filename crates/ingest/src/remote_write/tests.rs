use bellwether_codec::protobuf::Writer;
use bellwether_model::{
    Exemplar, FloatHistogram, Histogram, IntHistogram, Labels, Metadata, MetricType, Span,
    TimeRange,
};
use bellwether_storage::{
    LabelQuery, MemoryStore, Samples, Selection, SelectionHints, SeriesKey, SeriesRef, StoreLayer,
    WriteBatch, WriteOutcome,
};
use bellwether_wire::histogram::TimedHistogram;
use bellwether_wire::{v1 as wire1, v2 as wire2};
use proptest::prelude::{Just, Strategy, any};

use super::*;

const V2_TYPE: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn receiver(store: &Arc<MemoryStore>) -> RemoteWriteReceiver {
    let store: Arc<dyn MetricStore> = Arc::<MemoryStore>::clone(store);
    RemoteWriteReceiver::new(store, Limits::default(), &Registry::new())
}

fn send(receiver: &RemoteWriteReceiver, version: Version, message: &[u8]) -> WriteResponse {
    let head = RequestHead {
        content_type: Some(match version {
            Version::V1 => "application/x-protobuf",
            Version::V2 => V2_TYPE,
        }),
        content_encoding: Some("snappy"),
    };
    receiver.receive(
        &Source::new("test"),
        head,
        &snappy::encode(message).unwrap(),
    )
}

fn read_all(store: &dyn MetricStore) -> Vec<(Labels, Samples)> {
    let hints = SelectionHints::default();
    let selection = Selection {
        matchers: &[],
        range: TimeRange::ALL,
        hints,
    };
    let mut all: Vec<(Labels, Samples)> = store
        .select(&selection)
        .unwrap()
        .iter()
        .map(|series| {
            let mut samples = Samples::default();
            series.read(TimeRange::ALL, &mut samples).unwrap();
            (series.labels().clone(), samples)
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn histogram(time_ms: i64, start_ms: i64) -> TimedHistogram {
    let histogram = Histogram::Int(IntHistogram {
        schema: 1,
        count: 5,
        sum: 9.0,
        positive_spans: vec![Span {
            offset: 2,
            length: 2,
        }],
        positive_deltas: vec![2, 1],
        ..IntHistogram::default()
    });
    TimedHistogram {
        time_ms,
        start_ms,
        histogram,
    }
}

#[test]
fn version_1_is_stored_with_everything() {
    let store = Arc::new(MemoryStore::new());
    let receiver = receiver(&store);
    let exemplar = Exemplar {
        labels: labels(&[("trace_id", "abc")]),
        value: 0.5,
        timestamp_ms: 9,
    };
    let metadata = Metadata {
        metric_type: MetricType::Counter,
        unit: "seconds".into(),
        help: "Helps.".into(),
    };
    let mut body = Vec::new();
    let series = labels(&[("__name__", "a_total"), ("job", "x")]);
    let floats = [(10, 1.0), (20, 0.0)];
    wire1::encode_series(
        &mut body,
        &series,
        &floats,
        &[],
        std::slice::from_ref(&exemplar),
    );
    let native = labels(&[("__name__", "b")]);
    wire1::encode_series(&mut body, &native, &[], &[histogram(30, 0)], &[]);
    wire1::encode_metadata(&mut body, "a_total", &metadata);
    for _ in 0..2 {
        let response = send(&receiver, Version::V1, &body);
        assert_eq!(response.status, WriteStatus::Stored, "{}", response.message);
        assert_eq!((response.float_count, response.histogram_count), (2, 1));
        assert_eq!(response.exemplar_count, 1);
        assert!(response.headers().is_empty());
    }
    let all = read_all(&*store);
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].0, series);
    assert_eq!(
        (&all[0].1.times_ms[..], &all[0].1.values[..]),
        (&[10, 20][..], &[1.0, 0.0][..])
    );
    assert_eq!(
        *all[1].1.histograms[0],
        histogram(0, 0).histogram.to_float()
    );
    assert_eq!(
        store.metadata(Some("a_total")).unwrap()[0].metadata,
        metadata
    );
    let query = LabelQuery {
        matcher_sets: &[],
        range: TimeRange::ALL,
        limit: 0,
    };
    assert_eq!(store.exemplars(&query).unwrap()[0].exemplars, [exemplar]);
}

#[test]
fn version_2_is_stored_with_everything() {
    let store = Arc::new(MemoryStore::new());
    let receiver = receiver(&store);
    let exemplar = Exemplar {
        labels: labels(&[("trace_id", "abc")]),
        value: 0.5,
        timestamp_ms: 9,
    };
    let metadata = Metadata {
        metric_type: MetricType::Histogram,
        unit: String::new(),
        help: "Helps.".into(),
    };
    let mut builder = wire2::RequestBuilder::new();
    let series = labels(&[("__name__", "a_bucket"), ("le", "1")]);
    builder.add_series(
        &series,
        &[(10, 5, 1.0)],
        &[],
        std::slice::from_ref(&exemplar),
        &metadata,
    );
    let native = labels(&[("__name__", "b")]);
    builder.add_series(&native, &[], &[histogram(30, 7)], &[], &Metadata::default());
    let mut body = Vec::new();
    builder.finish(&mut body);
    for _ in 0..2 {
        let response = send(&receiver, Version::V2, &body);
        assert_eq!(response.status, WriteStatus::Stored, "{}", response.message);
        let counts: Vec<String> = response
            .headers()
            .into_iter()
            .map(|(_, value)| value)
            .collect();
        assert_eq!(counts, ["1", "1", "1"]);
    }
    let all = read_all(&*store);
    assert_eq!(all[0].1.starts_ms, [5]);
    assert_eq!(all[1].1.starts_ms, [7]);
    assert_eq!(store.metadata(Some("a")).unwrap()[0].metadata, metadata);
}

#[test]
fn what_is_wrong_is_named_and_the_rest_is_stored() {
    let store = Arc::new(MemoryStore::new());
    let receiver = receiver(&store);
    let mut body = Vec::new();
    let good = labels(&[("__name__", "good")]);
    wire1::encode_series(
        &mut body,
        &labels(&[("job", "x")]),
        &[(1, 1.0), (2, 1.0)],
        &[],
        &[],
    );
    wire1::encode_series(&mut body, &good, &[(1, 1.0)], &[], &[]);
    Writer::new(&mut body).message(1, |writer| {
        for value in ["1", "2"] {
            writer.message(1, |writer| {
                writer.bytes(1, b"__name__");
                writer.bytes(2, value.as_bytes());
            });
        }
        wire1::encode_sample(writer, 2, 1, 1.0);
    });
    Writer::new(&mut body).message(1, |writer| {
        writer.message(1, |writer| {
            writer.bytes(1, b"__name__");
            writer.bytes(2, b"\xff");
        });
        wire1::encode_sample(writer, 2, 1, 1.0);
    });
    let response = send(&receiver, Version::V1, &body);
    assert_eq!(response.status.http_status(), 400);
    assert_eq!(response.float_count, 1);
    assert_eq!(
        response.message,
        "4 samples not stored; the first: invalid metric name or labels, got {job=\"x\"}"
    );
    assert_eq!(read_all(&*store).len(), 1);

    let mut body = Vec::new();
    wire1::encode_series(&mut body, &good, &[(1, 2.0), (2, 2.0)], &[], &[]);
    let response = send(&receiver, Version::V1, &body);
    assert_eq!(
        response.message,
        "duplicate sample for timestamp at 1 ms for series {__name__=\"good\"}"
    );
    assert_eq!(response.float_count, 1);

    // A value of many KiB is found by its beginning.
    let long = labels(&[("__name__", "good"), ("trace", &"v".repeat(16 << 10))]);
    let mut body = Vec::new();
    wire1::encode_series(&mut body, &long, &[(1, 1.0), (1, 2.0)], &[], &[]);
    let response = send(&receiver, Version::V1, &body);
    assert_eq!(
        response.message,
        format!(
            "duplicate sample for timestamp at 1 ms for series {{__name__=\"good\", \
             trace=\"{}\"… (16384 bytes)}}",
            "v".repeat(64)
        )
    );
}

#[test]
fn order_of_labels_and_empty_values_do_not_matter() {
    let store = Arc::new(MemoryStore::new());
    let receiver = receiver(&store);
    let mut body = Vec::new();
    Writer::new(&mut body).message(1, |writer| {
        for (name, value) in [("b", "2"), ("empty", ""), ("__name__", "a")] {
            writer.message(1, |writer| {
                writer.bytes(1, name.as_bytes());
                writer.bytes(2, value.as_bytes());
            });
        }
        wire1::encode_sample(writer, 2, 1, 1.0);
    });
    // The same series with a sample between its labels.
    Writer::new(&mut body).message(1, |writer| {
        wire1::encode_labels(writer, 1, &labels(&[("__name__", "a")]));
        wire1::encode_sample(writer, 2, 2, 2.0);
        wire1::encode_labels(writer, 1, &labels(&[("b", "2")]));
    });
    let response = send(&receiver, Version::V1, &body);
    assert_eq!(response.status, WriteStatus::Stored, "{}", response.message);
    let all = read_all(&*store);
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].0, labels(&[("__name__", "a"), ("b", "2")]));
    assert_eq!(all[0].1.times_ms, [1, 2]);
}

#[test]
fn version_2_names_bad_references() {
    let store = Arc::new(MemoryStore::new());
    let receiver = receiver(&store);
    let check = |refs: &[u64], samples: bool, want: &str| {
        let mut body = Vec::new();
        let mut writer = Writer::new(&mut body);
        for symbol in ["", "__name__", "a"] {
            writer.bytes_always(4, symbol.as_bytes());
        }
        writer.message(5, |writer| {
            writer.packed_varints(1, refs.iter().copied());
            if samples {
                wire1::encode_sample(writer, 2, 1, 1.0);
            }
        });
        let response = send(&receiver, Version::V2, &body);
        assert_eq!(response.status, WriteStatus::Invalid);
        assert_eq!(response.message, want);
        assert_eq!(response.headers()[0].1, "0");
    };
    check(
        &[1, 9],
        true,
        "parsing labels for series [1, 9]: symbol reference 9 is outside of the table of 3 symbols",
    );
    check(
        &[1],
        true,
        "parsing labels for series [1]: label references come in pairs, have 1",
    );
    check(
        &[1, 2],
        false,
        "TimeSeries must contain at least one sample or histogram for series {__name__=\"a\"}",
    );
    assert!(read_all(&*store).is_empty());
}

#[test]
fn versions_are_negotiated() {
    let check =
        |content_type: Option<&str>, content_encoding: Option<&str>, want: Option<Version>| {
            let got = negotiate(RequestHead {
                content_type,
                content_encoding,
            });
            assert_eq!(got.ok(), want, "{content_type:?} {content_encoding:?}");
        };
    let plain = "application/x-protobuf";
    check(None, None, Some(Version::V1));
    check(Some(plain), Some("snappy"), Some(Version::V1));
    check(
        Some("application/x-protobuf;proto=prometheus.WriteRequest"),
        None,
        Some(Version::V1),
    );
    check(Some(V2_TYPE), Some("Snappy"), Some(Version::V2));
    check(
        Some("application/x-protobuf; proto=\"io.prometheus.write.v2.Request\""),
        None,
        Some(Version::V2),
    );
    check(Some("application/x-protobuf;proto=other"), None, None);
    check(Some("application/x-protobuf;proto"), None, None);
    check(Some("application/json"), None, None);
    check(Some(plain), Some("gzip"), None);
}

#[test]
fn bombs_and_damage_are_refused() {
    let store = Arc::new(MemoryStore::new());
    let limits = Limits {
        body_bytes_max: 10_000,
        items_max: 100,
    };
    let shared: Arc<dyn MetricStore> = Arc::<MemoryStore>::clone(&store);
    let receiver = RemoteWriteReceiver::new(shared, limits, &Registry::new());
    let response = send(&receiver, Version::V1, &[0; 10_001]);
    assert_eq!(response.status, WriteStatus::TooLarge);
    assert_eq!(
        response.message,
        "body of 10001 bytes after decompression is above the limit of 10000"
    );
    // Two bytes make an empty histogram, which takes a hundred times that in memory.
    let mut body = Vec::new();
    Writer::new(&mut body).message(1, |writer| {
        wire1::encode_labels(writer, 1, &labels(&[("__name__", "a")]));
        for _ in 0..1000 {
            writer.message(4, |_| {});
        }
    });
    let response = send(&receiver, Version::V1, &body);
    assert_eq!(response.status, WriteStatus::TooLarge);
    assert_eq!(
        response.message,
        "body holds more than 100 samples and series"
    );
    let head = RequestHead::default();
    let response = receiver.receive(&Source::new("test"), head, b"not snappy at all");
    assert!(matches!(
        response.status,
        WriteStatus::Invalid | WriteStatus::TooLarge
    ));
}

/// A store that takes no new series beyond the first, and forgets a series when told to.
#[derive(Debug, Default)]
struct Stubborn {
    inner: MemoryStore,
    series_max: Option<usize>,
    unavailable: bool,
    forget_once: std::sync::atomic::AtomicBool,
}

impl StoreLayer for Stubborn {
    fn inner(&self) -> &dyn MetricStore {
        &self.inner
    }
    fn register(
        &self,
        source: &Source,
        key: Option<SeriesKey>,
        labels: &Labels,
    ) -> Result<SeriesRef, StorageError> {
        let count = self.inner.stats(0).head_series as usize;
        if self.series_max.is_some_and(|max| count >= max) {
            let text = format!(
                "source {:?} has {count} series, the limit is {count}",
                source.0
            );
            return Err(StorageError::Limit(text));
        }
        self.inner.register(source, key, labels)
    }
    fn write(&self, source: &Source, batch: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        if self.unavailable {
            return Err(StorageError::Unavailable("the store is closing".to_owned()));
        }
        if self
            .forget_once
            .swap(false, std::sync::atomic::Ordering::SeqCst)
        {
            let mut batch = batch.clone();
            let mut outcome = WriteOutcome::default();
            let (series, time_ms) = (batch.series.remove(0), batch.times_ms.remove(0));
            batch.values.remove(0);
            outcome.reject(
                series,
                time_ms,
                bellwether_storage::RejectionReason::UnknownSeries,
            );
            let rest = self.inner.write(source, &batch)?;
            outcome.float_count = rest.float_count;
            return Ok(outcome);
        }
        self.inner.write(source, batch)
    }
}

fn two_series() -> Vec<u8> {
    let mut body = Vec::new();
    for name in ["a", "b"] {
        wire1::encode_series(
            &mut body,
            &labels(&[("__name__", name)]),
            &[(1, 1.0)],
            &[],
            &[],
        );
    }
    body
}

#[test]
fn a_limit_answers_429_and_keeps_what_fits() {
    let store = Arc::new(Stubborn {
        series_max: Some(1),
        ..Stubborn::default()
    });
    let shared: Arc<dyn MetricStore> = Arc::<Stubborn>::clone(&store);
    let receiver = RemoteWriteReceiver::new(shared, Limits::default(), &Registry::new());
    let response = send(&receiver, Version::V1, &two_series());
    assert_eq!(response.status.http_status(), 429);
    assert_eq!(
        response.message,
        "1 samples not stored: source \"test\" has 1 series, the limit is 1"
    );
    assert_eq!(response.headers(), [("retry-after", "30".to_owned())]);
    assert_eq!(read_all(&*store).len(), 1);
}

#[test]
fn a_store_that_is_away_answers_503() {
    let store = Arc::new(Stubborn {
        unavailable: true,
        ..Stubborn::default()
    });
    let receiver = RemoteWriteReceiver::new(store, Limits::default(), &Registry::new());
    let response = send(&receiver, Version::V1, &two_series());
    assert_eq!(response.status.http_status(), 503);
    assert_eq!(response.message, "the store is closing");
    assert_eq!(response.float_count, 0);
}

#[test]
fn a_series_that_was_let_go_is_registered_again() {
    let store = Arc::new(Stubborn {
        forget_once: true.into(),
        ..Stubborn::default()
    });
    let shared: Arc<dyn MetricStore> = Arc::<Stubborn>::clone(&store);
    let receiver = RemoteWriteReceiver::new(shared, Limits::default(), &Registry::new());
    let response = send(&receiver, Version::V1, &two_series());
    assert_eq!(response.status, WriteStatus::Stored, "{}", response.message);
    assert_eq!(response.float_count, 2);
    assert!(
        read_all(&*store)
            .iter()
            .all(|(_, samples)| samples.len() == 1)
    );
}

fn any_series() -> impl Strategy<Value = (Labels, Vec<(i64, f64)>)> {
    let pairs = proptest::collection::btree_map("[a-z]{1,8}", "\\PC{1,20}", 0..5);
    let samples = proptest::collection::btree_map(any::<i64>(), any::<f64>(), 1..5);
    (pairs, samples, Just(())).prop_map(|(pairs, samples, ())| {
        let mut builder = Labels::from_pairs(pairs).to_builder();
        (
            builder.set("__name__", "m").build(),
            samples.into_iter().collect(),
        )
    })
}

proptest::proptest! {
    #[test]
    fn what_is_sent_is_stored(series in proptest::collection::btree_map(0..100u8, any_series(), 0..6)) {
        let (mut body1, mut builder) = (Vec::new(), wire2::RequestBuilder::new());
        let mut want = Vec::new();
        for (index, (labels, floats)) in series {
            let labels = labels.to_builder().set("index", &index.to_string()).build();
            wire1::encode_series(&mut body1, &labels, &floats, &[], &[]);
            let with_starts: Vec<(i64, i64, f64)> =
                floats.iter().map(|(time_ms, value)| (*time_ms, 0, *value)).collect();
            builder.add_series(&labels, &with_starts, &[], &[], &Metadata::default());
            let bits: Vec<(i64, u64)> = floats.iter().map(|(t, v)| (*t, v.to_bits())).collect();
            want.push((labels, bits));
        }
        want.sort();
        let mut body2 = Vec::new();
        builder.finish(&mut body2);
        for (version, body) in [(Version::V1, &body1), (Version::V2, &body2)] {
            let store = Arc::new(MemoryStore::new());
            let receiver = receiver(&store);
            for _ in 0..2 {
                let response = send(&receiver, version, body);
                proptest::prop_assert_eq!(response.status, WriteStatus::Stored);
            }
            let got: Vec<(Labels, Vec<(i64, u64)>)> = read_all(&*store)
                .into_iter()
                .map(|(labels, samples)| {
                    let bits = samples.values.iter().map(|value| value.to_bits());
                    (labels, samples.times_ms.iter().copied().zip(bits).collect())
                })
                .collect();
            proptest::prop_assert_eq!(&got, &want);
        }
    }

    #[test]
    fn random_and_damaged_bodies_never_panic(
        random in proptest::collection::vec(any::<u8>(), 0..200),
        flips in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..8),
    ) {
        let store = Arc::new(MemoryStore::new());
        let receiver = receiver(&store);
        let mut builder = wire2::RequestBuilder::new();
        let series = labels(&[("__name__", "a"), ("b", "c")]);
        let exemplar = Exemplar { labels: series.clone(), value: 1.0, timestamp_ms: 5 };
        let float = Histogram::Float(FloatHistogram::default());
        let native = TimedHistogram { time_ms: 3, start_ms: 1, histogram: float };
        let histograms = [native, histogram(9, 9)];
        let exemplars = [exemplar];
        builder.add_series(&series, &[(1, 1, 1.0)], &histograms, &exemplars, &Metadata::default());
        let mut damaged2 = Vec::new();
        builder.finish(&mut damaged2);
        let mut damaged1 = Vec::new();
        wire1::encode_series(&mut damaged1, &series, &[(1, 1.0)], &histograms, &exemplars);
        for body in [&mut damaged1, &mut damaged2] {
            for (at, byte) in &flips {
                let at = at.index(body.len());
                body[at] = *byte;
            }
        }
        for body in [&random, &damaged1, &damaged2] {
            for version in [Version::V1, Version::V2] {
                let _any_answer = send(&receiver, version, body);
            }
        }
    }
}
