//! Every format, read by the parsers that scrape them.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its data has failed"
)]

use std::collections::BTreeMap;

use bellwether_model::{LabelsBuilder, MetricType};
use bellwether_scrape::ScrapeError;
use bellwether_scrape::exposition::{
    self, HistogramOptions, MetadataPiece, Sample, SampleValue, Sink, parse, series_labels,
};
use bellwether_sdk::{Buckets, Format, SERIES_MAX_DEFAULT, Telemetry};

/// Samples by their series, as a scraper gets them.
#[derive(Debug, Default)]
struct Seen {
    values: BTreeMap<String, SampleValue>,
    types: BTreeMap<String, MetricType>,
    /// Trace ids, by series.
    traces: BTreeMap<String, Vec<String>>,
}

impl Sink for Seen {
    fn expected(&self) -> Option<&[u8]> {
        None
    }

    fn metadata(&mut self, family: &[u8], piece: MetadataPiece<'_>) {
        if let MetadataPiece::Type(kind) = piece {
            let family = String::from_utf8(family.to_vec()).unwrap();
            self.types.insert(family, kind);
        }
    }

    fn sample(&mut self, sample: Sample<'_>) -> Result<(), ScrapeError> {
        let mut labels = LabelsBuilder::default();
        series_labels(sample.series, sample.family_type, &mut labels).unwrap();
        let series = labels.build().to_string();
        for exemplar in sample.exemplars {
            let id = exemplar.labels.get("trace_id").unwrap().to_owned();
            self.traces.entry(series.clone()).or_default().push(id);
        }
        let before = self.values.insert(series.clone(), sample.value);
        assert_eq!(before, None, "{series} comes twice");
        Ok(())
    }
}

fn scraped(telemetry: &Telemetry, format: Format, histograms: HistogramOptions) -> Seen {
    let read_as = exposition::Format::of_content_type(Some(format.content_type()), None).unwrap();
    let mut seen = Seen::default();
    parse(read_as, histograms, &telemetry.render(format), &mut seen).unwrap();
    seen
}

fn telemetry() -> Telemetry {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let requests = telemetry.counter_family("requests", "Requests \"taken\".\n", ["route", "code"]);
    requests.with(["/a\"b\\c\n", "200"]).add(7);
    telemetry.float_counter("cost_dollars", "Costs.").add(0.125);
    telemetry.gauge("depth", "Is deep.").set(-2.5);
    let both = Buckets::Both(&[0.1, 1.0]);
    let latency = telemetry.histogram_family("latency_seconds", "Takes.", ["model"], both);
    for value in [0.0, 0.05, 0.5, 0.5, 3.0, 900.0, -1.5] {
        latency.with(["m"]).observe(value);
    }
    latency.with(["m"]).observe_traced(0.7, 0xab, 1_500);
    // Native, and without a value so far.
    let _idle = telemetry.histogram("idle_seconds", "Is idle.", Buckets::Native);
    telemetry
}

#[test]
fn all_formats_say_the_same() {
    let telemetry = telemetry();
    let want = [
        (r#"{__name__="cost_dollars_total"}"#, 0.125),
        (r#"{__name__="depth"}"#, -2.5),
        (
            r#"{__name__="requests_total", code="200", route="/a\"b\\c\n"}"#,
            7.0,
        ),
        (r#"{__name__="latency_seconds_count", model="m"}"#, 8.0),
        (
            r#"{__name__="latency_seconds_bucket", le="0.1", model="m"}"#,
            3.0,
        ),
        (
            r#"{__name__="latency_seconds_bucket", le="+Inf", model="m"}"#,
            8.0,
        ),
    ];
    for format in [Format::Prometheus, Format::OpenMetrics, Format::Protobuf] {
        let seen = scraped(&telemetry, format, HistogramOptions::default());
        for (series, value) in want {
            let found = seen.values.get(series);
            assert_eq!(
                found,
                Some(&SampleValue::Float(value)),
                "{format:?} {series} {seen:#?}"
            );
        }
        let types: Vec<MetricType> = seen.types.values().copied().collect();
        let count = |kind| types.iter().filter(|it| **it == kind).count();
        assert_eq!(count(MetricType::Histogram), 2, "{format:?} {seen:?}");
        assert_eq!(count(MetricType::Gauge), 1, "{format:?}");
    }
}

#[test]
fn native_histograms_arrive_whole() {
    let native = HistogramOptions {
        native: true,
        ..HistogramOptions::default()
    };
    let seen = scraped(&telemetry(), Format::Protobuf, native);
    let histogram = |series: &str| match seen.values.get(series) {
        Some(SampleValue::Histogram(histogram)) => histogram.to_float(),
        other => panic!("{series}: {other:?}"),
    };
    let latency = histogram(r#"{__name__="latency_seconds", model="m"}"#);
    latency.validate().unwrap();
    assert_eq!(
        (latency.schema, latency.count, latency.zero_count),
        (3, 8.0, 1.0)
    );
    assert!((latency.sum - 903.25).abs() < 1e-9, "{latency:?}");
    let series = r#"{__name__="latency_seconds", model="m"}"#;
    assert_eq!(seen.traces[series], [format!("{:032x}", 0xab)]);
    let idle = histogram(r#"{__name__="idle_seconds"}"#);
    idle.validate().unwrap();
    assert_eq!((idle.schema, idle.count), (3, 0.0));
}
