use std::io::Write;

use bellwether_storage::{StorageError, StoreLayer, WriteOutcome};
use bellwether_wire::snappy;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
};
use prost::Message;

use super::*;

/// One gauge `room_temperature` of 21.5.
fn otlp_request() -> ExportMetricsServiceRequest {
    let point = NumberDataPoint {
        time_unix_nano: u64::try_from(NOW_MS).unwrap() * 1_000_000,
        value: Some(Value::AsDouble(21.5)),
        ..NumberDataPoint::default()
    };
    let metric = Metric {
        name: "room.temperature".to_owned(),
        data: Some(Data::Gauge(Gauge {
            data_points: vec![point],
        })),
        ..Metric::default()
    };
    let scope = ScopeMetrics {
        metrics: vec![metric],
        ..ScopeMetrics::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            scope_metrics: vec![scope],
            ..ResourceMetrics::default()
        }],
    }
}

fn post(uri: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Request<Body> {
    let mut request = Request::post(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body)).unwrap()
}

async fn stored(router: &Router, name: &str) -> bool {
    let (_, text) = get(router, &format!("/api/v1/series?match[]={name}")).await;
    text.contains(name)
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

#[tokio::test]
async fn otlp_is_taken_in_both_forms_and_compressed() {
    let message = otlp_request().encode_to_vec();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&message).unwrap();
    let json = serde_json::json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [{
        "name": "room.temperature",
        "gauge": { "dataPoints": [{ "timeUnixNano": format!("{NOW_MS}000000"), "asDouble": 21.5 }] },
    }] }] }] });
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(&str, Headers, Vec<u8>); 4] = [
        ("/v1/metrics", &[PROTOBUF], message.clone()),
        ("/api/v1/otlp/v1/metrics", &[PROTOBUF], message.clone()),
        (
            "/v1/metrics",
            &[PROTOBUF, ("content-encoding", "gzip")],
            gzip.finish().unwrap(),
        ),
        (
            "/v1/metrics",
            &[("content-type", "application/json; charset=utf-8")],
            json.to_string().into_bytes(),
        ),
    ];
    for (uri, headers, body) in cases {
        let router = router();
        let (status, answered, bytes) = send(&router, post(uri, headers, body)).await;
        assert_eq!(
            status,
            200,
            "{headers:?} {}",
            String::from_utf8_lossy(&bytes)
        );
        if headers[0] == PROTOBUF {
            assert_eq!(answered["content-type"], PROTOBUF.1);
            let answer = ExportMetricsServiceResponse::decode(&bytes[..]).unwrap();
            assert_eq!(answer.partial_success, None);
        } else {
            assert_eq!(bytes, b"{}");
        }
        assert!(
            stored(&router, "room_temperature").await,
            "{uri} {headers:?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_otlp_is_refused() {
    let router = router();
    let code = async |uri: &str, headers: &[(&str, &str)], body: &[u8]| {
        send(&router, post(uri, headers, body.to_vec()))
            .await
            .0
            .as_u16()
    };
    assert_eq!(
        code("/v1/metrics", &[("content-type", "text/plain")], b"").await,
        415
    );
    assert_eq!(
        code("/v1/metrics", &[PROTOBUF, ("content-encoding", "br")], b"x").await,
        415
    );
    assert_eq!(code("/v1/metrics", &[PROTOBUF], b"\xff\xff\xff").await, 400);
    assert_eq!(
        code(
            "/v1/metrics",
            &[PROTOBUF, ("content-encoding", "gzip")],
            b"x"
        )
        .await,
        400
    );
    assert_eq!(code("/v1/traces", &[PROTOBUF], b"").await, 404);
    let off = ServerSettings {
        enable_otlp: false,
        ..ServerSettings::default()
    };
    let request = post("/v1/metrics", &[PROTOBUF], Vec::new());
    assert_eq!(send(&server(off).router(), request).await.0, 404);
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_is_unpacked() {
    let limits = crate::settings::Limits {
        decompressed_bytes_max: 1 << 20,
        ..crate::settings::Limits::default()
    };
    let router = server(ServerSettings {
        limits,
        ..ServerSettings::default()
    })
    .router();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&vec![0u8; 8 << 20]).unwrap();
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 1 << 17);
    let request = post(
        "/v1/metrics",
        &[PROTOBUF, ("content-encoding", "gzip")],
        bomb,
    );
    assert_eq!(send(&router, request).await.0, 413);
}

#[tokio::test]
async fn otlp_is_taken_over_grpc() {
    let settings = ServerSettings {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        otlp_http_listen: Some("127.0.0.1:0".parse().unwrap()),
        otlp_grpc_listen: Some("127.0.0.1:0".parse().unwrap()),
        ..ServerSettings::default()
    };
    let server = server(settings);
    let bound = server.bind().await.unwrap();
    let grpc = bound.otlp_grpc_address().unwrap();
    assert_ne!(bound.otlp_http_address(), Some(grpc));
    let serving = tokio::spawn(bound.serve());
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{grpc}")).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut client = MetricsServiceClient::new(channel.clone())
        .send_compressed(tonic::codec::CompressionEncoding::Gzip);
    let answer = client.export(otlp_request()).await.unwrap();
    assert_eq!(answer.into_inner().partial_success, None);
    assert!(stored(&server.router(), "room_temperature").await);
    // A service that is not there answers as gRPC has it: UNIMPLEMENTED is 12.
    let traces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let request = post(traces, &[("content-type", "application/grpc")], vec![0; 5]);
    let (_, headers, _) = send(&server.otlp_grpc_router(), request).await;
    assert_eq!(headers["grpc-status"], "12");
    drop((client, channel));
    server.stop();
    serving.await.unwrap();
}

/// A remote write request of one sample `a_total` = 1, by hand.
fn write_request() -> Vec<u8> {
    let field = |number: u8, wire: u8| (number << 3) | wire;
    let message = |number: u8, body: &[u8]| {
        let mut out = vec![field(number, 2), u8::try_from(body.len()).unwrap()];
        out.extend_from_slice(body);
        out
    };
    let label = [message(1, b"__name__"), message(2, b"a_total")].concat();
    let mut sample = vec![field(1, 1)];
    sample.extend_from_slice(&1.0f64.to_le_bytes());
    sample.push(field(2, 0));
    let mut time = u64::try_from(NOW_MS).unwrap();
    while time >= 0x80 {
        sample.push((time & 0x7f) as u8 | 0x80);
        time >>= 7;
    }
    sample.push(time as u8);
    message(1, &[message(1, &label), message(2, &sample)].concat())
}

#[tokio::test]
async fn remote_write_is_taken() {
    let router = router();
    let body = snappy::encode(&write_request()).unwrap();
    let headers = [
        PROTOBUF,
        ("content-encoding", "snappy"),
        ("x-prometheus-remote-write-version", "0.1.0"),
    ];
    let (status, _, bytes) = send(&router, post("/api/v1/write", &headers, body.clone())).await;
    assert_eq!(status, 204, "{}", String::from_utf8_lossy(&bytes));
    assert!(stored(&router, "a_total").await);
    let wrong = [("content-type", "text/plain")];
    assert_eq!(
        send(&router, post("/api/v1/write", &wrong, body.clone()))
            .await
            .0,
        415
    );
    let torn = body[..body.len() - 3].to_vec();
    assert_eq!(
        send(&router, post("/api/v1/write", &headers, torn)).await.0,
        400
    );
    assert_eq!(get(&router, "/api/v1/write").await.0, 405);
    let off = ServerSettings {
        enable_remote_write: false,
        ..ServerSettings::default()
    };
    let request = post("/api/v1/write", &headers, body);
    assert_eq!(send(&server(off).router(), request).await.0, 404);
}

/// A store whose sources all send too fast.
#[derive(Debug)]
struct TooFast(MemoryStore);

impl StoreLayer for TooFast {
    fn inner(&self) -> &dyn MetricStore {
        &self.0
    }
    fn write(&self, source: &Source, _: &WriteBatch) -> Result<WriteOutcome, StorageError> {
        let text = format!("source {:?} sent too much", source.0);
        Err(StorageError::Limit(text))
    }
}

#[tokio::test]
async fn who_sends_too_fast_is_told_when_to_come_back() {
    let server = Server::new(parts(ServerSettings::default())).unwrap();
    server.open(Services {
        store: Arc::new(TooFast(store())),
        ..services()
    });
    let router = server.router();
    let compressed = [PROTOBUF, ("content-encoding", "snappy")];
    let written = snappy::encode(&write_request()).unwrap();
    let exported = otlp_request().encode_to_vec();
    let imported = b"a_total 1 1700000000\n# EOF\n".to_vec();
    for (source, request) in [
        (
            "remote_write:127.0.0.1",
            post("/api/v1/write", &compressed, written),
        ),
        ("otlp:127.0.0.1", post("/v1/metrics", &[PROTOBUF], exported)),
        ("import", post("/api/bellwether/v1/import", &[], imported)),
    ] {
        let (status, headers, bytes) = send(&router, request).await;
        let text = String::from_utf8_lossy(&bytes);
        assert_eq!(status, 429, "{source}: {text}");
        let seconds = headers.get("retry-after").unwrap().to_str().unwrap();
        assert!(seconds.parse::<u64>().unwrap() > 0, "{source}");
        assert!(text.contains(source), "{source}: {text}");
    }
}

#[tokio::test]
async fn remote_read_gives_samples_and_streams() {
    use bellwether_model::Matcher;
    use bellwether_wire::read::{Query, ReadRequest, ResponseType, encode_request};
    for (accepted, content_type) in [
        (vec![Some(ResponseType::Samples)], "application/x-protobuf"),
        (
            vec![Some(ResponseType::StreamedXorChunks)],
            "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse",
        ),
    ] {
        let query = Query {
            start_ms: NOW_MS - 600_000,
            end_ms: NOW_MS,
            matchers: vec![Matcher::equal("__name__", "http_requests_total")],
        };
        let mut message = Vec::new();
        encode_request(
            &ReadRequest {
                queries: vec![query],
                accepted,
            },
            &mut message,
        );
        let body = snappy::encode(&message).unwrap();
        let router = router();
        let (status, headers, bytes) = send(&router, post("/api/v1/read", &[PROTOBUF], body)).await;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
        assert_eq!(headers["content-type"], content_type);
        assert!(bytes.len() > 100);
    }
    let (status, _, _) = send(&router(), post("/api/v1/read", &[PROTOBUF], vec![9])).await;
    assert_eq!(status, 400);
}
