use std::sync::Arc;

use bellwether_codec::protobuf::Cursor;
use bellwether_model::{STALE_NAN, TimeRange};
use bellwether_storage::{MemoryStore, MetricStore, Source, WriteBatch};
use expect_test::expect;

use super::*;

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn newest(pairs: &[(&str, &str)], time_ms: i64, value: f64) -> NewestSample {
    NewestSample {
        labels: labels(pairs),
        time_ms,
        value: Value::Float(value),
    }
}

fn samples() -> Vec<NewestSample> {
    let histogram = FloatHistogram {
        schema: 2,
        count: 3.0,
        sum: 4.5,
        positive_spans: vec![Span {
            offset: -1,
            length: 2,
        }],
        positive_buckets: vec![1.0, 2.0],
        ..FloatHistogram::default()
    };
    vec![
        newest(
            &[("__name__", "b"), ("instance", "i"), ("q", "a\"b\\c\nd")],
            1_500,
            1e6,
        ),
        newest(&[("__name__", "a.b"), ("x.y", "1")], 2_000, f64::INFINITY),
        newest(&[("__name__", "b"), ("dc", "own")], -1_234, 0.1),
        newest(&[("__name__", "gone")], 1, STALE_NAN),
        NewestSample {
            labels: labels(&[("__name__", "h")]),
            time_ms: 7,
            value: Value::Histogram(Arc::new(histogram)),
        },
    ]
}

fn text(format: Format, escaping: Escaping) -> (String, u64) {
    let mut out = Vec::new();
    let external = labels(&[("dc", "eu")]);
    let left_out = federate(
        samples(),
        &external,
        Negotiated { format, escaping },
        &mut out,
    );
    (String::from_utf8(out).unwrap(), left_out)
}

#[test]
fn federation_in_text() {
    let (plain, left_out) = text(Format::PrometheusText, Escaping::Underscores);
    expect![[r##"
        # TYPE a_b untyped
        a_b{dc="eu",x_y="1",instance=""} +Inf 2000
        # TYPE b untyped
        b{dc="own",instance=""} 0.1 -1234
        b{dc="eu",instance="i",q="a\"b\\c\nd"} 1e+06 1500
    "##]]
    .assert_eq(&plain);
    assert_eq!(left_out, 1);
    let (openmetrics, _) = text(Format::OpenMetrics, Escaping::AllowUtf8);
    expect![[r##"
        # TYPE "a.b" unknown
        {"a.b",dc="eu","x.y"="1",instance=""} +Inf 2
        # TYPE b unknown
        b{dc="own",instance=""} 0.1 -1.234
        b{dc="eu",instance="i",q="a\"b\\c\nd"} 1e+06 1.5
        # EOF
    "##]]
    .assert_eq(&openmetrics);
}

#[test]
fn federation_in_protobuf() {
    let negotiated = Negotiated {
        format: Format::Protobuf,
        escaping: Escaping::AllowUtf8,
    };
    let mut out = Vec::new();
    assert_eq!(
        federate(samples(), &Labels::empty(), negotiated, &mut out),
        0
    );
    let mut cursor = Cursor::new(&out);
    let mut families = Vec::new();
    while !cursor.is_done() {
        let mut family = Cursor::new(cursor.bytes().unwrap());
        let (mut name, mut kind, mut metrics) = (String::new(), 0, Vec::new());
        while let Some(field) = family.field().unwrap() {
            match field.number {
                1 => name = family.string_of(field).unwrap().to_owned(),
                3 => kind = family.varint_of(field).unwrap(),
                _ => metrics.push(family.bytes_of(field).unwrap()),
            }
        }
        families.push((name, kind, metrics.len()));
        if kind == 4 {
            let mut metric = Cursor::new(metrics[0]);
            let mut numbers = Vec::new();
            while let Some(field) = metric.field().unwrap() {
                numbers.push(field.number);
                if field.number != 7 {
                    metric.skip(field).unwrap();
                    continue;
                }
                let mut histogram = Cursor::new(metric.bytes().unwrap());
                let mut counts = Vec::new();
                while let Some(field) = histogram.field().unwrap() {
                    match field.number {
                        14 => histogram.doubles_of(field, &mut counts).unwrap(),
                        _ => histogram.skip(field).unwrap(),
                    }
                }
                assert_eq!(counts, [1.0, 2.0]);
            }
            // The empty instance, the histogram, the time.
            assert_eq!(numbers, [1, 7, 6]);
        }
    }
    let want = [("a.b", 3, 1), ("b", 3, 2), ("h", 4, 1)];
    assert_eq!(
        families,
        want.map(|(name, kind, count)| (name.to_owned(), kind, count))
    );
}

#[test]
fn export_writes_every_sample() {
    let store = MemoryStore::new();
    let source = Source::new("test");
    for (name, job) in [("c_total", "x"), ("c_total", "y"), ("g", "x")] {
        for step in 0..3 {
            let series = labels(&[("__name__", name), ("job", job)]);
            store.insert(&series, 15_000 * step, step as f64);
        }
    }
    store.insert(
        &labels(&[("__name__", "g"), ("job", "x")]),
        99_000,
        STALE_NAN,
    );
    let counter = Metadata {
        metric_type: MetricType::Counter,
        unit: String::new(),
        help: "Counts \"c\".".to_owned(),
    };
    let mut batch = WriteBatch::default();
    batch.metadata.push(("c_total".to_owned(), counter));
    store.write(&source, &batch).unwrap();
    let mut out = Vec::new();
    let report = export(
        &store,
        &[],
        TimeRange::new(15_000, 99_000),
        HistogramExport::Classic,
        &mut out,
    )
    .unwrap();
    let want = ExportReport {
        series_count: 3,
        sample_count: 6,
        ..ExportReport::default()
    };
    assert_eq!(report, want);
    expect![[r##"
        # HELP c Counts \"c\".
        # TYPE c counter
        c_total{job="x"} 1 15
        c_total{job="x"} 2 30
        c_total{job="y"} 1 15
        c_total{job="y"} 2 30
        # TYPE g unknown
        g{job="x"} 1 15
        g{job="x"} 2 30
        # EOF
    "##]]
    .assert_eq(&String::from_utf8(out).unwrap());
}

/// A store whose name `h` is a native histogram for one job, both native and classic for another,
/// classic for a third, and a float for a fourth.
fn mixed_histograms() -> MemoryStore {
    let store = MemoryStore::new();
    let native = FloatHistogram {
        schema: 0,
        count: 3.0,
        sum: 4.5,
        positive_spans: vec![Span {
            offset: 0,
            length: 2,
        }],
        positive_buckets: vec![1.0, 2.0],
        ..FloatHistogram::default()
    };
    for job in ["both", "native"] {
        let series = labels(&[("__name__", "h"), ("job", job)]);
        store.insert_histogram(&series, 1_000, 0, native.clone());
        let mut later = native.clone();
        later.mul(2.0);
        store.insert_histogram(&series, 2_000, 0, later);
    }
    for job in ["both", "classic"] {
        let named = |name, more: &[(&'static str, &'static str)]| {
            let mut pairs = vec![("__name__", name), ("job", job)];
            pairs.extend_from_slice(more);
            labels(&pairs)
        };
        store.insert(&named("h_bucket", &[("le", "+Inf")]), 1_000, 7.0);
        store.insert(&named("h_count", &[]), 1_000, 7.0);
        store.insert(&named("h_sum", &[]), 1_000, 1.0);
    }
    store.insert(&labels(&[("__name__", "h"), ("job", "float")]), 1_000, 5.0);
    store
}

fn exported(store: &MemoryStore, histograms: HistogramExport) -> (ExportReport, String) {
    let mut out = Vec::new();
    let range = TimeRange::new(0, 10_000);
    let report = export(store, &[], range, histograms, &mut out).unwrap();
    (report, String::from_utf8(out).unwrap())
}

#[test]
fn native_histograms_are_exported_as_classic_ones() {
    let (report, text) = exported(&mixed_histograms(), HistogramExport::Classic);
    let want = ExportReport {
        series_count: 7,
        sample_count: 7,
        converted_series_count: 1,
        left_out_series_count: 1,
        left_out_count: 2,
    };
    assert_eq!(report, want);
    // Each name once, with the series of both kinds below it.
    expect![[r##"
        # TYPE h unknown
        h{job="float"} 5 1
        # TYPE h_bucket unknown
        h_bucket{job="both",le="+Inf"} 7 1
        h_bucket{job="classic",le="+Inf"} 7 1
        h_bucket{job="native",le="0.5"} 0 1
        h_bucket{job="native",le="0.5"} 0 2
        h_bucket{job="native",le="1.0"} 1 1
        h_bucket{job="native",le="1.0"} 2 2
        h_bucket{job="native",le="2.0"} 3 1
        h_bucket{job="native",le="2.0"} 6 2
        h_bucket{job="native",le="+Inf"} 3 1
        h_bucket{job="native",le="+Inf"} 6 2
        # TYPE h_count unknown
        h_count{job="both"} 7 1
        h_count{job="classic"} 7 1
        h_count{job="native"} 3 1
        h_count{job="native"} 6 2
        # TYPE h_sum unknown
        h_sum{job="both"} 1 1
        h_sum{job="classic"} 1 1
        h_sum{job="native"} 4.5 1
        h_sum{job="native"} 9 2
        # EOF
    "##]]
    .assert_eq(&text);
}

#[test]
fn skipped_histograms_are_counted() {
    let (report, text) = exported(&mixed_histograms(), HistogramExport::Skip);
    let want = ExportReport {
        series_count: 7,
        sample_count: 7,
        converted_series_count: 0,
        left_out_series_count: 2,
        left_out_count: 4,
    };
    assert_eq!(report, want);
    assert!(!text.contains("native"), "{text}");
}

#[test]
fn formats_are_negotiated() {
    let check = |accept: &str, want: Format, escaping: Escaping| {
        let got = Negotiated::from_accept(accept);
        assert_eq!(
            got,
            Negotiated {
                format: want,
                escaping
            },
            "{accept}"
        );
    };
    check("", Format::PrometheusText, Escaping::Underscores);
    check("*/*", Format::PrometheusText, Escaping::Underscores);
    check(
        "text/html,application/openmetrics-text;version=1.0.0;q=0.5",
        Format::OpenMetrics,
        Escaping::Underscores,
    );
    check(
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
         application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
         encoding=delimited;escaping=values;q=0.6,text/plain;q=0.3",
        Format::Protobuf,
        Escaping::Values,
    );
    check(
        "application/vnd.google.protobuf;encoding=text;q=0.9,text/plain;q=0.1",
        Format::PrometheusText,
        Escaping::Underscores,
    );
}
