use bellwether_model::TimeRange;
use bellwether_storage::{
    LabelQuery, ManualClock, MemoryStore, Samples, Selection, SelectionHints,
};
use expect_test::expect;

use super::*;

struct Bench {
    store: Arc<MemoryStore>,
    receiver: OtlpReceiver,
}

fn bench(settings: OtlpSettings) -> Bench {
    let store = Arc::new(MemoryStore::new());
    let shared: Arc<dyn MetricStore> = Arc::<MemoryStore>::clone(&store);
    let clock = Arc::new(ManualClock::new(1_000_000));
    let registry = Registry::new();
    let receiver = OtlpReceiver::new(shared, clock, settings, Limits::default(), &registry);
    Bench { store, receiver }
}

impl Bench {
    fn send(&self, json: &str) -> OtlpOutcome {
        let source = Source::new("otlp");
        self.receiver
            .receive(&source, Encoding::Json, json.as_bytes())
    }

    /// All series, one a line: labels, then samples as `time[<start]=value`.
    fn dump(&self) -> String {
        let hints = SelectionHints::default();
        let selection = Selection {
            matchers: &[],
            range: TimeRange::ALL,
            hints,
        };
        let mut lines = Vec::new();
        for series in self.store.select(&selection).unwrap() {
            let mut samples = Samples::default();
            series.read(TimeRange::ALL, &mut samples).unwrap();
            let mut line = series.labels().to_string();
            for (position, time_ms) in samples.times_ms.iter().enumerate() {
                let start = samples.starts_ms.get(position).copied().unwrap_or(0);
                let start = if start == 0 {
                    String::new()
                } else {
                    format!("<{start}")
                };
                let value = match samples.histogram_at(position) {
                    Some(h) => format!(
                        "{{schema {} zero {}@{:e} count {} sum {} pos {:?} {:?} custom {:?} {:?}}}",
                        h.schema,
                        h.zero_count,
                        h.zero_threshold,
                        h.count,
                        h.sum,
                        h.positive_spans
                            .iter()
                            .map(|s| (s.offset, s.length))
                            .collect::<Vec<_>>(),
                        h.positive_buckets,
                        h.custom_values,
                        h.counter_reset,
                    ),
                    None if bellwether_model::is_stale_nan(samples.values[position]) => {
                        "stale".to_owned()
                    }
                    None => samples.values[position].to_string(),
                };
                line.push_str(&format!(" {time_ms}{start}={value}"));
            }
            lines.push(line);
        }
        lines.sort();
        let query = LabelQuery {
            matcher_sets: &[],
            range: TimeRange::ALL,
            limit: 0,
        };
        for series in self.store.exemplars(&query).unwrap() {
            for exemplar in series.exemplars {
                lines.push(format!(
                    "exemplar {} {} {}={}",
                    series.labels, exemplar.labels, exemplar.timestamp_ms, exemplar.value
                ));
            }
        }
        for entry in self.store.metadata(None).unwrap() {
            let Metadata {
                metric_type,
                unit,
                help,
            } = entry.metadata;
            lines.push(format!(
                "metadata {} {metric_type} {unit:?} {help:?}",
                entry.metric
            ));
        }
        lines.join("\n") + "\n"
    }
}

use bellwether_model::Metadata;

const ALL_KINDS: &str = r#"{"resourceMetrics": [{
  "resource": {"attributes": [
    {"key": "service.name", "value": {"stringValue": "shop"}},
    {"key": "service.namespace", "value": {"stringValue": "eu"}},
    {"key": "service.instance.id", "value": {"stringValue": "i-1"}},
    {"key": "host.name", "value": {"stringValue": "h1"}},
    {"key": "cpu.count", "value": {"intValue": "4"}}]},
  "scopeMetrics": [{
    "scope": {"name": "lib", "version": "1.2", "attributes": [
      {"key": "a.b", "value": {"boolValue": true}}]},
    "schemaUrl": "http://schema",
    "metrics": [
      {"name": "http.requests", "unit": "{request}", "description": "Requests.",
       "sum": {"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [
         {"attributes": [{"key": "http.method", "value": {"stringValue": "GET"}},
                         {"key": "http_method", "value": {"stringValue": "again"}}],
          "startTimeUnixNano": "1000000000", "timeUnixNano": "2000000000", "asInt": "5",
          "exemplars": [{"timeUnixNano": "1500000000", "asDouble": 2.5,
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
            "filteredAttributes": [{"key": "user", "value": {"stringValue": "u"}}]}]}]}},
      {"name": "queue.size", "unit": "1",
       "gauge": {"dataPoints": [
         {"timeUnixNano": "2000000000", "asDouble": 1.5},
         {"timeUnixNano": "3000000000", "flags": 1}]}},
      {"name": "latency", "unit": "s",
       "histogram": {"aggregationTemporality": 2, "dataPoints": [
         {"startTimeUnixNano": "1000000000", "timeUnixNano": "2000000000", "count": "6",
          "sum": 7.5, "bucketCounts": ["1", "2", "3"], "explicitBounds": [0.5, 1],
          "exemplars": [{"timeUnixNano": "1700000000", "asDouble": 0.7}]}]}},
      {"name": "size", "unit": "By",
       "exponentialHistogram": {"aggregationTemporality": 2, "dataPoints": [
         {"startTimeUnixNano": "1000000000", "timeUnixNano": "2000000000", "count": "10",
          "sum": 100, "scale": 1, "zeroCount": "2",
          "positive": {"offset": 2, "bucketCounts": ["3", "0", "5"]}}]}},
      {"name": "rpc", "unit": "ms",
       "summary": {"dataPoints": [
         {"startTimeUnixNano": "1000000000", "timeUnixNano": "2000000000", "count": "4",
          "sum": 8, "quantileValues": [{"quantile": 0.5, "value": 2}]}]}}]}]}]}"#;

#[test]
fn every_kind_is_translated() {
    let bench = bench(OtlpSettings::default());
    let outcome = bench.send(ALL_KINDS);
    assert_eq!(outcome.message, "");
    assert_eq!((outcome.accepted_count, outcome.rejected_count), (6, 0));
    expect![[r#"
        {__name__="http_requests_total", http_method="GET;again", instance="i-1", job="eu/shop"} 2000<1000=5
        {__name__="latency_seconds_bucket", instance="i-1", job="eu/shop", le="+Inf"} 2000<1000=6
        {__name__="latency_seconds_bucket", instance="i-1", job="eu/shop", le="0.5"} 2000<1000=1
        {__name__="latency_seconds_bucket", instance="i-1", job="eu/shop", le="1"} 2000<1000=3
        {__name__="latency_seconds_count", instance="i-1", job="eu/shop"} 2000<1000=6
        {__name__="latency_seconds_sum", instance="i-1", job="eu/shop"} 2000<1000=7.5
        {__name__="queue_size_ratio", instance="i-1", job="eu/shop"} 2000=1.5 3000=stale
        {__name__="rpc_milliseconds", instance="i-1", job="eu/shop", quantile="0.5"} 2000<1000=2
        {__name__="rpc_milliseconds_count", instance="i-1", job="eu/shop"} 2000<1000=4
        {__name__="rpc_milliseconds_sum", instance="i-1", job="eu/shop"} 2000<1000=8
        {__name__="size_bytes", instance="i-1", job="eu/shop"} 2000<1000={schema 1 zero 2@1e-128 count 10 sum 100 pos [(3, 3)] [3.0, 0.0, 5.0] custom [] Unknown}
        {__name__="target_info", cpu_count="4", host_name="h1", instance="i-1", job="eu/shop"} 2000=1 3000=1
        exemplar {__name__="http_requests_total", http_method="GET;again", instance="i-1", job="eu/shop"} {span_id="eee19b7ec3c1b174", trace_id="5b8efff798038103d269b633813fc60c", user="u"} 1500=2.5
        exemplar {__name__="latency_seconds_bucket", instance="i-1", job="eu/shop", le="1"} {} 1700=0.7
        metadata http_requests_total counter "" "Requests."
        metadata latency_seconds histogram "seconds" ""
        metadata queue_size_ratio gauge "" ""
        metadata rpc_milliseconds summary "milliseconds" ""
        metadata size_bytes histogram "bytes" ""
        metadata target_info gauge "" "Target metadata"
    "#]].assert_eq(&bench.dump());
}

#[test]
fn names_may_stay_and_everything_may_become_labels() {
    let bench = bench(OtlpSettings {
        translation: TranslationStrategy::NoTranslation,
        promotion: Promotion::AllExcept(["service.namespace".to_owned()].into()),
        keep_identifying_resource_attributes: true,
        convert_histograms_to_nhcb: true,
        promote_scope_metadata: true,
        type_and_unit_labels: true,
        ..OtlpSettings::default()
    });
    assert_eq!(bench.send(ALL_KINDS).message, "");
    expect![[r#"
        {__name__="http.requests", __type__="counter", "cpu.count"="4", "host.name"="h1", "http.method"="GET", http_method="again", instance="i-1", job="eu/shop", "otel_scope_a.b"="true", otel_scope_name="lib", otel_scope_schema_url="http://schema", otel_scope_version="1.2", "service.instance.id"="i-1", "service.name"="shop"} 2000<1000=5
        {__name__="latency", __type__="histogram", __unit__="seconds", "cpu.count"="4", "host.name"="h1", instance="i-1", job="eu/shop", "otel_scope_a.b"="true", otel_scope_name="lib", otel_scope_schema_url="http://schema", otel_scope_version="1.2", "service.instance.id"="i-1", "service.name"="shop"} 2000<1000={schema -53 zero 0@0e0 count 6 sum 7.5 pos [(0, 3)] [1.0, 2.0, 3.0] custom [0.5, 1.0] Unknown}
        {__name__="queue.size", __type__="gauge", "cpu.count"="4", "host.name"="h1", instance="i-1", job="eu/shop", "otel_scope_a.b"="true", otel_scope_name="lib", otel_scope_schema_url="http://schema", otel_scope_version="1.2", "service.instance.id"="i-1", "service.name"="shop"} 2000=1.5 3000=stale
        {__name__="rpc", __type__="summary", __unit__="milliseconds", "cpu.count"="4", "host.name"="h1", instance="i-1", job="eu/shop", "otel_scope_a.b"="true", otel_scope_name="lib", otel_scope_schema_url="http://schema", otel_scope_version="1.2", quantile="0.5", "service.instance.id"="i-1", "service.name"="shop"} 2000<1000=2
        {__name__="rpc_count", __type__="summary", __unit__="milliseconds", "cpu.count"="4", "host.name"="h1", instance="i-1", job="eu/shop", "otel_scope_a.b"="true", otel_scope_name="lib", otel_scope_schema_url="http://schema", otel_scope_version="1.2", "service.instance.id"="i-1", "service.name"="shop"} 2000<1000=4
        {__name__="rpc_sum", __type__="summary", __unit__="milliseconds", "cpu.count"="4", "host.name"="h1", instance="i-1", job="eu/shop", "otel_scope_a.b"="true", otel_scope_name="lib", otel_scope_schema_url="http://schema", otel_scope_version="1.2", "service.instance.id"="i-1", "service.name"="shop"} 2000<1000=8
        {__name__="size", __type__="histogram", __unit__="bytes", "cpu.count"="4", "host.name"="h1", instance="i-1", job="eu/shop", "otel_scope_a.b"="true", otel_scope_name="lib", otel_scope_schema_url="http://schema", otel_scope_version="1.2", "service.instance.id"="i-1", "service.name"="shop"} 2000<1000={schema 1 zero 2@1e-128 count 10 sum 100 pos [(3, 3)] [3.0, 0.0, 5.0] custom [] Unknown}
        {__name__="target_info", "cpu.count"="4", "host.name"="h1", instance="i-1", job="eu/shop", "service.instance.id"="i-1", "service.name"="shop", "service.namespace"="eu"} 2000=1 3000=1
        exemplar {__name__="http.requests", __type__="counter", "cpu.count"="4", "host.name"="h1", "http.method"="GET", http_method="again", instance="i-1", job="eu/shop", "otel_scope_a.b"="true", otel_scope_name="lib", otel_scope_schema_url="http://schema", otel_scope_version="1.2", "service.instance.id"="i-1", "service.name"="shop"} {span_id="eee19b7ec3c1b174", trace_id="5b8efff798038103d269b633813fc60c", user="u"} 1500=2.5
        exemplar {__name__="latency", __type__="histogram", __unit__="seconds", "cpu.count"="4", "host.name"="h1", instance="i-1", job="eu/shop", "otel_scope_a.b"="true", otel_scope_name="lib", otel_scope_schema_url="http://schema", otel_scope_version="1.2", "service.instance.id"="i-1", "service.name"="shop"} {} 1700=0.7
        metadata http.requests counter "" "Requests."
        metadata latency histogram "seconds" ""
        metadata queue.size gauge "" ""
        metadata rpc summary "milliseconds" ""
        metadata size histogram "bytes" ""
        metadata target_info gauge "" "Target metadata"
    "#]].assert_eq(&bench.dump());
}

fn delta_sum(start_s: u64, end_s: u64, value: f64) -> String {
    format!(
        r#"{{"resourceMetrics": [{{"scopeMetrics": [{{"metrics": [
          {{"name": "n", "sum": {{"aggregationTemporality": 1, "isMonotonic": true, "dataPoints": [
            {{"startTimeUnixNano": "{start_s}000000000", "timeUnixNano": "{end_s}000000000",
              "asDouble": {value}}}]}}}},
          {{"name": "h", "histogram": {{"aggregationTemporality": 1, "dataPoints": [
            {{"startTimeUnixNano": "{start_s}000000000", "timeUnixNano": "{end_s}000000000",
              "count": 3, "sum": {value}, "bucketCounts": [1, 2], "explicitBounds": [1]}}]}}}},
          {{"name": "e", "exponentialHistogram": {{"aggregationTemporality": 1, "dataPoints": [
            {{"startTimeUnixNano": "{start_s}000000000", "timeUnixNano": "{end_s}000000000",
              "count": 1, "sum": {value}, "scale": 0,
              "positive": {{"offset": {start_s}, "bucketCounts": [1]}}}}]}}}}]}}]}}]}}"#
    )
}

#[test]
fn differences_are_refused_with_a_reason() {
    let bench = bench(OtlpSettings::default());
    let outcome = bench.send(&delta_sum(1, 2, 1.0));
    assert_eq!(outcome.status, OtlpStatus::Done);
    assert_eq!((outcome.accepted_count, outcome.rejected_count), (0, 3));
    assert!(outcome.message.starts_with(
        "invalid temporality and type combination for metric \"n\": delta temporality is refused"
    ));
    let json = String::from_utf8(outcome.body(Encoding::Json)).unwrap();
    assert!(json.contains(r#""rejectedDataPoints":"3""#), "{json}");
    assert_eq!(bench.dump(), "\n");
}

#[test]
fn differences_are_summed_up() {
    let bench = bench(OtlpSettings {
        delta: DeltaHandling::Cumulate,
        ..OtlpSettings::default()
    });
    assert_eq!(bench.send(&delta_sum(1, 2, 1.0)).rejected_count, 0);
    assert_eq!(bench.send(&delta_sum(2, 3, 2.5)).rejected_count, 0);
    let late = bench.send(&delta_sum(1, 2, 9.0));
    assert_eq!(late.rejected_count, 3);
    assert!(
        late.message
            .contains("delta sample at 2000 ms is not newer"),
        "{}",
        late.message
    );
    expect![[r#"
        {__name__="e"} 2000<1000={schema 0 zero 0@1e-128 count 1 sum 1 pos [(2, 1)] [1.0] custom [] Unknown} 3000<1000={schema 0 zero 0@1e-128 count 2 sum 3.5 pos [(2, 2)] [1.0, 1.0] custom [] NotReset}
        {__name__="h_bucket", le="+Inf"} 2000<1000=3 3000<1000=6
        {__name__="h_bucket", le="1"} 2000<1000=1 3000<1000=2
        {__name__="h_count"} 2000<1000=3 3000<1000=6
        {__name__="h_sum"} 2000<1000=1 3000<1000=3.5
        {__name__="n_total"} 2000<1000=1 3000<1000=3.5
        metadata e histogram "" ""
        metadata h histogram "" ""
        metadata n_total counter "" ""
    "#]].assert_eq(&bench.dump());
}

#[test]
fn differences_are_stored_as_they_are() {
    let bench = bench(OtlpSettings {
        delta: DeltaHandling::StoreAsIs,
        ..OtlpSettings::default()
    });
    assert_eq!(bench.send(&delta_sum(1, 2, 1.0)).rejected_count, 0);
    expect![[r#"
        {__name__="e"} 2000<1000={schema 0 zero 0@1e-128 count 1 sum 1 pos [(2, 1)] [1.0] custom [] Gauge}
        {__name__="h_bucket", le="+Inf"} 2000<1000=3
        {__name__="h_bucket", le="1"} 2000<1000=1
        {__name__="h_count"} 2000<1000=3
        {__name__="h_sum"} 2000<1000=1
        {__name__="n_total"} 2000<1000=1
        metadata e unknown "" ""
        metadata h unknown "" ""
        metadata n_total unknown "" ""
    "#]].assert_eq(&bench.dump());
}

#[test]
fn target_info_covers_the_time_between() {
    let bench = bench(OtlpSettings::default());
    let request = |first: &str| {
        format!(
            r#"{{"resourceMetrics": [{{"resource": {{"attributes": [
              {{"key": "service.name", "value": {{"stringValue": "s"}}}},
              {{"key": "x", "value": {{"stringValue": "y"}}}}]}},
              "scopeMetrics": [{{"metrics": [{{"name": "g", "gauge": {{"dataPoints": [
                {{"timeUnixNano": "{first}", "asInt": 1}},
                {{"timeUnixNano": "900000000000", "asInt": 1}}]}}}}]}}]}}]}}"#
        )
    };
    bench.send(&request("500000000000"));
    let dump = bench.dump();
    let info = dump
        .lines()
        .find(|line| line.contains("target_info"))
        .unwrap();
    assert_eq!(
        info,
        r#"{__name__="target_info", job="s", x="y"} 500000=1 650000=1 800000=1 900000=1"#
    );
    // A point without a time must not fill the store with 50 years of target_info.
    let bench = bench_with_far_times(&request("0"));
    let lines = bench.dump();
    let info = lines
        .lines()
        .find(|line| line.contains("target_info"))
        .unwrap();
    assert!(info.split(' ').count() < 1_010);
}

fn bench_with_far_times(request: &str) -> Bench {
    let bench = bench(OtlpSettings::default());
    let far = request.replace("900000000000", "1700000000000000000");
    assert_eq!(bench.send(&far).status, OtlpStatus::Done);
    bench
}

#[test]
fn real_captures_get_a_clear_answer() {
    let folder = "testdata/otlp";
    let bench = bench(OtlpSettings::default());
    let mut seen = 0;
    let mut entries: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "pb"))
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let body = std::fs::read(&path).unwrap();
        let outcome = bench
            .receiver
            .receive(&Source::new("otlp"), Encoding::Protobuf, &body);
        if name.contains("metrics") {
            assert_eq!(
                outcome.status,
                OtlpStatus::Done,
                "{name}: {}",
                outcome.message
            );
            assert!(outcome.accepted_count > 0, "{name}");
            assert_eq!(outcome.rejected_count, 0, "{name}: {}", outcome.message);
        }
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn bombs_and_damage_are_refused() {
    let source = Source::new("otlp");
    let store: Arc<dyn MetricStore> = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::new(0));
    let limits = Limits {
        body_bytes_max: 100_000,
        messages_max: 1_000,
    };
    let settings = OtlpSettings::default();
    let receiver = OtlpReceiver::new(store, clock, settings, limits, &Registry::new());
    let check = |encoding: Encoding, body: &[u8], want: OtlpStatus| {
        let outcome = receiver.receive(&source, encoding, body);
        assert_eq!(outcome.status, want, "{}", outcome.message);
        assert!(!outcome.body(encoding).is_empty());
    };
    check(Encoding::Json, b"{", OtlpStatus::Invalid);
    check(
        Encoding::Json,
        b"{\"resourceMetrics\": 7}",
        OtlpStatus::Invalid,
    );
    check(
        Encoding::Json,
        "[".repeat(90_000).as_bytes(),
        OtlpStatus::Invalid,
    );
    let many = format!("{{\"resourceMetrics\": [{}{{}}]}}", "{},".repeat(1_000));
    check(Encoding::Json, many.as_bytes(), OtlpStatus::TooLarge);
    // Two bytes of JSON for eight of protobuf.
    let bounds = format!(
        "{{\"resourceMetrics\": [{{\"scopeMetrics\": [{{\"metrics\": [{{\"histogram\": {{\"dataPoints\": [{{\"explicitBounds\": [{}0]}}]}}}}]}}]}}]}}",
        "0,".repeat(40_000)
    );
    check(Encoding::Json, bounds.as_bytes(), OtlpStatus::TooLarge);
    check(Encoding::Protobuf, &[0x0a, 0x0a], OtlpStatus::Invalid);
    check(
        Encoding::Protobuf,
        &[0x0a, 0].repeat(1_001),
        OtlpStatus::TooLarge,
    );
    check(Encoding::Protobuf, &vec![0; 100_001], OtlpStatus::TooLarge);
    // A value inside of a value inside of a value …
    let mut value = Vec::new();
    for _ in 0..300 {
        let mut outer = Vec::new();
        Writer::new(&mut outer).message(5, |writer| writer.bytes_always(1, &value));
        value = outer;
    }
    let mut body = Vec::new();
    Writer::new(&mut body).message(1, |writer| {
        writer.message(1, |writer| {
            writer.message(1, |writer| {
                writer.bytes(1, b"key");
                writer.bytes(2, &value);
            });
        });
    });
    check(Encoding::Protobuf, &body, OtlpStatus::TooLarge);
}

proptest::proptest! {
    #[test]
    fn random_and_damaged_bodies_never_panic(
        random in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300),
        flips in proptest::collection::vec(
            (proptest::prelude::any::<proptest::sample::Index>(), proptest::prelude::any::<u8>()),
            1..8,
        ),
    ) {
        let bench = bench(OtlpSettings { delta: DeltaHandling::Cumulate, ..Default::default() });
        let source = Source::new("otlp");
        let mut damaged = json::to_protobuf(ALL_KINDS.as_bytes(), 1 << 20).unwrap();
        for (at, byte) in &flips {
            let at = at.index(damaged.len());
            damaged[at] = *byte;
        }
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let _any_answer = bench.receiver.receive(&source, encoding, &random);
        }
        let _any_answer = bench.receiver.receive(&source, Encoding::Protobuf, &damaged);
    }
}
