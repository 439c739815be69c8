use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread;

use bellwether_ingest::otlp::{Encoding, Limits, OtlpReceiver};
use bellwether_model::TimeRange;
use bellwether_storage::{
    ManualClock, MemoryStore, MetricStore, Samples, Selection, SelectionHints, Source,
};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{Metric, metric, number_data_point};
use prost::Message as _;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

use super::*;
use crate::{Buckets, Level, SERIES_MAX_DEFAULT, TelemetryLayer, TraceContext};

const LONG: Duration = Duration::from_secs(60);

/// A request that came, by its path.
type Came = (String, Vec<u8>);

/// A receiver that answers what it is told, one after another, and then 200.
struct Collector {
    address: SocketAddr,
    came: mpsc::Receiver<Came>,
}

impl Collector {
    fn start(answers: &[&'static str]) -> Self {
        Self::listen("127.0.0.1:0".parse().unwrap(), answers)
    }

    fn listen(address: SocketAddr, answers: &[&'static str]) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, came) = mpsc::channel();
        let mut answers: Vec<&str> = answers.iter().rev().copied().collect();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut bytes = Vec::new();
                let (head, body) = loop {
                    let mut more = [0; 4096];
                    let len = stream.read(&mut more).unwrap();
                    bytes.extend_from_slice(&more[..len]);
                    let Some(end) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
                        continue;
                    };
                    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
                    let (_, wanted) = head.split_once("content-length: ").unwrap();
                    if bytes.len() - end - 4
                        == wanted.lines().next().unwrap().parse::<usize>().unwrap()
                    {
                        break (head, bytes[end + 4..].to_vec());
                    }
                };
                let answer = answers
                    .pop()
                    .unwrap_or("200 OK\r\ncontent-length: 0\r\n\r\n");
                let path = head.split(' ').nth(1).unwrap().to_owned();
                // Told before it is answered: whoever has the answer finds what came.
                let is_over = tell.send((path, body)).is_err();
                stream.write_all(b"HTTP/1.1 ").unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
                if is_over {
                    return;
                }
            }
        });
        Self { address, came }
    }

    fn settings(&self) -> OtlpSettings {
        OtlpSettings {
            service_name: "answers".to_owned(),
            // As long as no test: what is pushed is pushed by a flush.
            interval: LONG,
            ..OtlpSettings::new(format!("http://{}/otlp/", self.address))
        }
    }

    /// What has come so far, by its path.
    fn all(&self) -> Vec<Came> {
        self.came.try_iter().collect()
    }
}

fn started(settings: OtlpSettings) -> Telemetry {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    telemetry.add_otlp(settings).unwrap();
    telemetry
}

fn items(telemetry: &Telemetry, signal: &str) -> [u64; 3] {
    let items = telemetry.counter_family("bellwether_sdk_otlp_items", "", ["signal", "result"]);
    ["sent", "refused", "lost"].map(|result| items.with([signal, result]).get())
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|it| it.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        any_value::Value::StringValue(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    }
}

#[test]
fn events_and_spans_arrive_with_all_they_say() {
    let collector = Collector::start(&[]);
    let telemetry = started(collector.settings());
    let subscriber = tracing_subscriber::registry().with(TelemetryLayer::new(&telemetry));
    let mut contexts = Vec::new();
    tracing::subscriber::with_default(subscriber, || {
        let outer = tracing::info_span!("answer", route = "/chat", tokens = tracing::field::Empty);
        let _outer = outer.enter();
        contexts.push(TraceContext::current());
        outer.record("tokens", -7);
        let _inner = tracing::info_span!("ask").entered();
        contexts.push(TraceContext::current());
        let payload = json!({
            "provider": "meridian", "status": 529, "share": 0.5, "is": true, "no": null,
            "list": [1, "two"], "deep": {"er": 1},
        });
        telemetry.emit("provider_failed", payload, Level::Warning);
        telemetry.emit("plain", "a text", Level::Debug);
        tracing::error!("broken");
    });
    telemetry.flush(LONG).unwrap();
    let came = collector.all();
    let paths: Vec<&str> = came.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        ["/otlp/v1/logs", "/otlp/v1/traces", "/otlp/v1/metrics"]
    );

    let logs = ExportLogsServiceRequest::decode(&*came[0].1).unwrap();
    let of_resource = &logs.resource_logs[0];
    let resource = of_resource.resource.as_ref().unwrap();
    assert_eq!(
        text(&resource.attributes, "service.name").unwrap(),
        "answers"
    );
    let scope = of_resource.scope_logs[0].scope.as_ref().unwrap();
    assert_eq!(scope.name, "bellwether-sdk");
    let records = &of_resource.scope_logs[0].log_records;
    let names: Vec<&str> = records.iter().map(|it| it.event_name.as_str()).collect();
    assert_eq!(names, ["provider_failed", "plain", "broken"]);
    let first = &records[0];
    assert_eq!(
        (first.severity_number, first.severity_text.as_str()),
        (13, "warning")
    );
    assert_eq!(first.trace_id, contexts[1].trace_id.to_be_bytes());
    assert_eq!(first.span_id, contexts[1].span_id.to_be_bytes());
    assert!(first.time_unix_nano > 1_700_000_000_000_000_000);
    let shown = |key| text(&first.attributes, key);
    assert_eq!(shown("provider").unwrap(), "meridian");
    assert_eq!(shown("status").unwrap(), "IntValue(529)");
    assert_eq!(shown("share").unwrap(), "DoubleValue(0.5)");
    assert_eq!(shown("is").unwrap(), "BoolValue(true)");
    assert_eq!(shown("no"), None);
    assert!(shown("list").unwrap().contains("StringValue(\"two\")"));
    assert!(shown("deep").unwrap().contains("IntValue(1)"));
    let body = records[1].body.clone().unwrap();
    let want = any_value::Value::StringValue("a text".to_owned());
    assert_eq!(body, AnyValue { value: Some(want) });

    let spans = ExportTraceServiceRequest::decode(&*came[1].1).unwrap();
    let spans = &spans.resource_spans[0].scope_spans[0].spans;
    let (inner, outer) = (&spans[0], &spans[1]);
    assert_eq!(
        (inner.name.as_str(), outer.name.as_str()),
        ("ask", "answer")
    );
    assert_eq!(inner.trace_id, outer.trace_id);
    assert_eq!(inner.parent_span_id, outer.span_id);
    assert_eq!(outer.parent_span_id, Vec::<u8>::new());
    assert_eq!(outer.span_id, contexts[0].span_id.to_be_bytes());
    assert!(outer.start_time_unix_nano <= inner.start_time_unix_nano);
    assert!(inner.start_time_unix_nano < inner.end_time_unix_nano);
    assert_eq!(text(&outer.attributes, "route").unwrap(), "/chat");
    assert_eq!(text(&outer.attributes, "tokens").unwrap(), "IntValue(-7)");
    let code = |span: &opentelemetry_proto::tonic::trace::v1::Span| {
        span.status.as_ref().map_or(0, |status| status.code)
    };
    assert_eq!((code(inner), code(outer)), (2, 0));
    assert_eq!(items(&telemetry, "logs"), [3, 0, 0]);
    assert_eq!(items(&telemetry, "traces"), [2, 0, 0]);
}

/// Numbers of every kind.
fn numbers() -> (Telemetry, Collector) {
    let collector = Collector::start(&[]);
    let telemetry = started(collector.settings());
    telemetry
        .counter_family("asked", "Asked.", ["model", "none"])
        .with(["gpt", ""])
        .add(3);
    telemetry.float_counter("cost_dollars", "Costs.").add(0.25);
    telemetry.gauge("open", "Open.").set(-1.5);
    let native = telemetry.histogram("wait_seconds", "Waits.", Buckets::Native);
    for value in [0.0, 1.0, 1.05, 1.05, 8.0, -2.0] {
        native.observe(value);
    }
    native.observe_traced(9.0, 0xabc, 1_795_933_307_123);
    let classic = telemetry.histogram("size_bytes", "Sizes.", Buckets::Classic(&[10.0, 20.0]));
    for value in [10.0, 15.0, 16.0, 99.0] {
        classic.observe(value);
    }
    let wide = telemetry.histogram("wide", "From the least to the most.", Buckets::Native);
    for power in [-20, 0, 1, 60] {
        wide.observe(2f64.powi(power));
    }
    telemetry.flush(LONG).unwrap();
    (telemetry, collector)
}

fn pushed_metrics(collector: &Collector) -> Vec<u8> {
    let came = collector.all();
    let mut metrics = came
        .into_iter()
        .filter(|(path, _)| path == "/otlp/v1/metrics");
    metrics.next_back().unwrap().1
}

#[test]
fn numbers_are_what_opentelemetry_reads() {
    let (_telemetry, collector) = numbers();
    let request = ExportMetricsServiceRequest::decode(&*pushed_metrics(&collector)).unwrap();
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let find = |name: &str| -> &Metric { metrics.iter().find(|it| it.name == name).unwrap() };
    let Some(metric::Data::Sum(asked)) = &find("asked").data else {
        unreachable!("a sum");
    };
    assert!(asked.is_monotonic);
    assert_eq!(asked.aggregation_temporality, 2);
    let point = &asked.data_points[0];
    assert_eq!(point.value, Some(number_data_point::Value::AsInt(3)));
    assert_eq!(text(&point.attributes, "model").unwrap(), "gpt");
    assert_eq!(point.attributes.len(), 1, "an empty label is none");
    assert!(point.start_time_unix_nano > 0 && point.start_time_unix_nano <= point.time_unix_nano);
    let Some(metric::Data::Gauge(open)) = &find("open").data else {
        unreachable!("a gauge");
    };
    assert_eq!(
        open.data_points[0].value,
        Some(number_data_point::Value::AsDouble(-1.5))
    );
    assert_eq!(
        (
            find("wait_seconds").unit.as_str(),
            find("size_bytes").unit.as_str()
        ),
        ("s", "By")
    );
    let Some(metric::Data::ExponentialHistogram(wait)) = &find("wait_seconds").data else {
        unreachable!("an exponential histogram");
    };
    let point = &wait.data_points[0];
    assert_eq!((point.count, point.zero_count, point.scale), (7, 1, 3));
    // 1.0 is the last of bucket -1; 1.05 in the first above it; 8 = 2^(24/8) closes bucket 23.
    let positive = point.positive.as_ref().unwrap();
    assert_eq!(positive.offset, -1);
    assert_eq!(positive.bucket_counts[..2], [1, 2]);
    assert_eq!(
        positive.bucket_counts[24..],
        [1, 0, 1][..positive.bucket_counts.len() - 24]
    );
    assert_eq!(point.negative.as_ref().unwrap().offset, 7);
    assert_eq!(point.exemplars[0].trace_id, 0xabc_u128.to_be_bytes());
    let Some(metric::Data::Histogram(size)) = &find("size_bytes").data else {
        unreachable!("a histogram");
    };
    let point = &size.data_points[0];
    assert_eq!(point.explicit_bounds, [10.0, 20.0]);
    assert_eq!(point.bucket_counts, [1, 2, 1]);
    assert_eq!((point.count, point.sum), (4, Some(140.0)));
    let Some(metric::Data::ExponentialHistogram(wide)) = &find("wide").data else {
        unreachable!("an exponential histogram");
    };
    let point = &wide.data_points[0];
    let positive = point.positive.as_ref().unwrap();
    assert!(positive.bucket_counts.len() <= 320 && point.scale < 3);
    assert_eq!(positive.bucket_counts.iter().sum::<u64>(), 4);
    // Each value lies in the bucket that its number says.
    let base = 2f64.powf(2f64.powi(-point.scale));
    let last = positive.offset + positive.bucket_counts.len() as i32 - 1;
    assert!(base.powi(last) < 2f64.powi(60) && base.powi(last + 1) >= 2f64.powi(60) * 0.999);
}

#[test]
fn the_server_stores_what_is_pushed() {
    let (_telemetry, collector) = numbers();
    let store = Arc::new(MemoryStore::new());
    let shared: Arc<dyn MetricStore> = Arc::<MemoryStore>::clone(&store);
    let clock = Arc::new(ManualClock::new(1_000_000));
    let registry = bellwether_telemetry::Registry::new();
    let settings = bellwether_ingest::otlp::OtlpSettings::default();
    let receiver = OtlpReceiver::new(shared, clock, settings, Limits::default(), &registry);
    let body = pushed_metrics(&collector);
    let outcome = receiver.receive(&Source::new("otlp"), Encoding::Protobuf, &body);
    assert_eq!(outcome.status.http_status(), 200, "{outcome:?}");
    assert_eq!(outcome.rejected_count, 0, "{outcome:?}");
    let selection = Selection {
        matchers: &[],
        range: TimeRange::ALL,
        hints: SelectionHints::default(),
    };
    let mut stored = Vec::new();
    for series in store.select(&selection).unwrap() {
        let mut samples = Samples::default();
        series.read(TimeRange::ALL, &mut samples).unwrap();
        let count = samples.histogram_at(0).map(|it| it.count.to_string());
        let value = count.unwrap_or_else(|| samples.values[0].to_string());
        stored.push(format!("{} {value}", series.labels()));
    }
    let has = |name: &str, value: &str| {
        let is = |line: &&String| line.contains(name) && line.ends_with(value);
        assert!(
            stored.iter().any(|line| is(&line)),
            "{name} {value}: {stored:#?}"
        );
    };
    has("asked_total", " 3");
    has("cost_dollars_total", " 0.25");
    has("open", " -1.5");
    has("wait_seconds", " 7");
    has("size_bytes_bucket", " 3");
    has("size_bytes_count", " 4");
}

#[test]
fn what_the_receiver_cannot_take_now_is_sent_again_once() {
    let busy = "503 No\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n";
    let limited = "429 Slow\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
    let collector = Collector::start(&[busy, limited]);
    let settings = OtlpSettings {
        pushes_numbers: false,
        ..collector.settings()
    };
    let telemetry = started(settings);
    let begun = std::time::Instant::now();
    telemetry.emit("once", (), Level::Info);
    telemetry.flush(LONG).unwrap();
    assert!(
        begun.elapsed() >= Duration::from_secs(1),
        "{:?}",
        begun.elapsed()
    );
    let bodies: Vec<Vec<u8>> = collector.all().into_iter().map(|(_, body)| body).collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(items(&telemetry, "logs"), [1, 0, 0]);
}

#[test]
fn what_the_receiver_refuses_is_counted() {
    // Four bytes: partial_success with rejected_log_records = 1.
    let partly = "200 OK\r\ncontent-length: 4\r\n\r\n\x0a\x02\x08\x01";
    let collector = Collector::start(&["400 No\r\n\r\n", partly]);
    let settings = OtlpSettings {
        pushes_numbers: false,
        ..collector.settings()
    };
    let telemetry = started(settings);
    let mut refused = Vec::new();
    for _ in 0..2 {
        telemetry.emit("one", (), Level::Info);
        telemetry.emit("two", (), Level::Info);
        refused.push(telemetry.flush(LONG).unwrap_err().lost_count);
    }
    assert_eq!(refused, [2, 1]);
    telemetry.flush(LONG).unwrap();
    assert_eq!(items(&telemetry, "logs"), [1, 3, 0]);
}

#[test]
fn a_receiver_that_is_not_there_is_waited_for_and_the_end_flushes() {
    // A port where nobody listens, held so that nobody gets it but who asks for it.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.set_reuseaddr(true).unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = held.local_addr().unwrap();
    let settings = OtlpSettings {
        pushes_numbers: false,
        ..OtlpSettings::new(format!("http://{address}"))
    };
    let telemetry = started(settings);
    telemetry.emit("early", (), Level::Info);
    let begun = std::time::Instant::now();
    let error = loop {
        let error = telemetry.flush(Duration::from_millis(300)).unwrap_err();
        // The thread may not have come to it before.
        if error.reason.contains("no connection") || begun.elapsed() > LONG {
            break error;
        }
    };
    assert_eq!(error.waiting_count, 1);
    assert!(error.reason.contains("no connection"), "{error}");
    let collector = Collector::listen(address, &[]);
    telemetry.emit("late", (), Level::Info);
    // Whatever waits is sent before the end.
    drop(telemetry);
    let mut names = Vec::new();
    for (_, body) in collector.all() {
        let request = ExportLogsServiceRequest::decode(&*body).unwrap();
        let records = &request.resource_logs[0].scope_logs[0].log_records;
        names.extend(records.iter().map(|it| it.event_name.clone()));
    }
    assert_eq!(names, ["early", "late"]);
}

#[test]
fn endpoints_and_headers_that_make_no_sense_are_told() {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let error = |settings| telemetry.add_otlp(settings).unwrap_err().to_string();
    assert!(error(OtlpSettings::new("collector:4318")).contains("\"collector:4318\""));
    let mut settings = OtlpSettings::new("http://collector:4318");
    settings.headers = vec![("authorization".to_owned(), "a\r\nb: c".to_owned())];
    assert!(!format!("{settings:?}").contains("b: c"));
    let error = error(settings);
    assert!(
        error.contains("\"authorization\"") && !error.contains("b: c"),
        "{error}"
    );
}

#[test]
fn numbers_that_cannot_be_pushed_are_counted_and_a_flush_pushes_them_once() {
    // Records wait for a minute; numbers fail once, and then arrive.
    let busy = "503 No\r\nretry-after: 60\r\ncontent-length: 0\r\n\r\n";
    let limited = "429 Slow\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n";
    let collector = Collector::start(&[busy, limited]);
    let telemetry = started(collector.settings());
    telemetry.emit("waits", (), Level::Info);
    let error = telemetry.flush(Duration::from_millis(3_500)).unwrap_err();
    assert_eq!((error.waiting_count, error.lost_count), (1, 0), "{error}");
    let pushed = |came: Vec<Came>| {
        came.iter()
            .filter(|(path, _)| path.ends_with("metrics"))
            .count()
    };
    assert_eq!(pushed(collector.all()), 2);
    let [sent, refused, lost] = items(&telemetry, "metrics");
    assert!(sent > 0 && refused == 0 && lost > 0, "{sent} {lost}");
    // Nobody waits any more: the thread, which looks each second, has nothing to push.
    thread::sleep(Duration::from_millis(2_500));
    assert_eq!(pushed(collector.all()), 0);
}

#[test]
fn times_without_end_are_no_reason_to_panic() {
    let collector = Collector::start(&[]);
    let settings = OtlpSettings {
        interval: Duration::MAX,
        timeout: Duration::MAX,
        ..collector.settings()
    };
    let telemetry = started(settings);
    telemetry.emit("one", (), Level::Info);
    telemetry.flush(Duration::MAX).unwrap();
    assert_eq!(items(&telemetry, "logs"), [1, 0, 0]);
}
