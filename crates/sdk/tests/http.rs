//! The middleware around routers of axum and other services of tower, and the route of metrics.
#![cfg(all(feature = "tower", feature = "axum"))]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot read its data has failed"
)]

use std::convert::Infallible;
use std::future::Future as _;
use std::io::Read as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, Response, StatusCode};
use axum::routing::{any, get};
use bellwether_sdk::http::HttpLayer;
use bellwether_sdk::{
    Event, Format, Level, SERIES_MAX_DEFAULT, Sink, Telemetry, TelemetryLayer, TraceContext, Value,
    metrics_routes,
};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use parking_lot::Mutex;
use tower::{Layer as _, Service as _, ServiceExt as _, service_fn};
use tracing_subscriber::layer::SubscriberExt as _;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn request(method: &str, path: &str) -> Request<Body> {
    let traceparent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let request = Request::builder().method(method).uri(path);
    let request = request.header("traceparent", traceparent);
    request.body(Body::empty()).unwrap()
}

/// Method, route, status, type of error and how often, of a histogram.
fn counts(telemetry: &Telemetry, name: &str) -> Vec<(String, f64)> {
    let families = telemetry.snapshot();
    let family = families.into_iter().find(|it| it.name == name).unwrap();
    let mut counts: Vec<(String, f64)> = family
        .series
        .into_iter()
        .map(|(labels, value)| {
            let values: Vec<String> = labels.into_iter().map(|(_, value)| value).collect();
            (values.join(" "), value.as_f64())
        })
        .collect();
    counts.sort_by(|a, b| a.0.cmp(&b.0));
    counts
}

fn durations(telemetry: &Telemetry) -> Vec<(String, f64)> {
    counts(telemetry, "http_server_request_duration_seconds")
}

fn active(telemetry: &Telemetry) -> f64 {
    let counts = counts(telemetry, "http_server_active_requests");
    counts.into_iter().map(|(_, count)| count).sum()
}

fn router(telemetry: &Telemetry) -> Router {
    Router::new()
        .route("/answers/{id}", any(|| async { "forty-two" }))
        .route("/broken", get(|| async { StatusCode::BAD_GATEWAY }))
        .route(
            "/breaks-off",
            get(|| async {
                let parts = [Ok(Bytes::from_static(b"some")), Err("gone")];
                Body::from_stream(futures_of(parts))
            }),
        )
        .layer(HttpLayer::new(telemetry))
}

fn futures_of<T>(parts: impl IntoIterator<Item = T>) -> impl futures::Stream<Item = T> {
    futures::stream::iter(parts.into_iter().collect::<Vec<T>>())
}

#[tokio::test]
async fn requests_are_counted_by_method_route_and_status() {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let router = router(&telemetry);
    for (method, path) in [
        ("GET", "/answers/1"),
        ("GET", "/answers/2"),
        ("HEAD", "/answers/3"),
        ("BREW", "/answers/4"),
        ("GET", "/broken"),
        ("GET", "/nowhere/at/all"),
    ] {
        let answer = router.clone().oneshot(request(method, path)).await.unwrap();
        answer.into_body().collect().await.unwrap();
    }
    let answer = router
        .clone()
        .oneshot(request("GET", "/breaks-off"))
        .await
        .unwrap();
    assert!(answer.into_body().collect().await.is_err());
    let want = [
        ("GET  404 ", 1.0),
        ("GET /answers/{id} 200 ", 2.0),
        ("GET /breaks-off 200 body", 1.0),
        ("GET /broken 502 502", 1.0),
        ("HEAD /answers/{id} 200 ", 1.0),
        ("_OTHER /answers/{id} 200 ", 1.0),
    ];
    let want = want.map(|(labels, count)| (labels.to_owned(), count));
    assert_eq!(durations(&telemetry), want);
    let families = telemetry.snapshot();
    let sizes = families
        .iter()
        .find(|it| it.name == "http_server_response_body_size_bytes");
    let sum: f64 = sizes
        .unwrap()
        .series
        .iter()
        .map(|(_, value)| match value {
            Value::Histogram(histogram) => histogram.sum,
            _ => 0.0,
        })
        .sum();
    // Three whole answers and the beginning of one that broke off.
    assert_eq!(sum, 3.0 * 9.0 + 4.0);
    assert_eq!(active(&telemetry), 0.0);
}

#[tokio::test]
async fn trailers_are_the_end_of_an_answer() {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let answers = HttpLayer::new(&telemetry).layer(service_fn(|_: Request<Body>| async {
        let frames = [
            Frame::data(Bytes::from_static(b"some")),
            Frame::trailers(HeaderMap::new()),
        ];
        let frames = futures_of(frames.map(Ok::<_, Infallible>));
        Ok::<_, Infallible>(Response::new(Body::new(StreamBody::new(frames))))
    }));
    let mut body = answers
        .oneshot(request("GET", "/"))
        .await
        .unwrap()
        .into_body();
    assert!(body.frame().await.unwrap().unwrap().is_data());
    assert_eq!(active(&telemetry), 1.0);
    // As hyper does: it asks no further.
    assert!(body.frame().await.unwrap().unwrap().is_trailers());
    drop(body);
    assert_eq!(durations(&telemetry), [("GET  200 ".to_owned(), 1.0)]);
}

#[tokio::test]
async fn whoever_goes_away_is_counted_and_not_in_flight() {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let route = |_: &_, _: &_, _: &_| "asked".into();
    let layer = HttpLayer::new(&telemetry).with_route(route);
    let mut context = Context::from_waker(Waker::noop());
    // Before there is an answer.
    let mut never = layer.layer(service_fn(|_: Request<Body>| {
        std::future::pending::<Result<Response<Body>, Infallible>>()
    }));
    {
        let mut asking = pin!(never.call(request("GET", "/")));
        assert!(asking.as_mut().poll(&mut context).is_pending());
        assert_eq!(active(&telemetry), 1.0);
    }
    // While the answer streams.
    let streams = layer.layer(service_fn(|_: Request<Body>| async {
        let parts = futures::stream::pending::<Result<Bytes, Infallible>>();
        Ok::<_, Infallible>(Response::new(Body::from_stream(parts)))
    }));
    let answer = streams.oneshot(request("POST", "/")).await.unwrap();
    assert_eq!(active(&telemetry), 1.0);
    drop(answer);
    // An error instead of an answer.
    let fails = layer.layer(service_fn(|_: Request<Body>| async {
        Err::<Response<Body>, _>("no")
    }));
    assert_eq!(fails.oneshot(request("PUT", "/")).await.unwrap_err(), "no");
    // A panic, as the service is called or later.
    for is_later in [false, true] {
        let mut panics = layer.layer(service_fn(move |_: Request<Body>| {
            assert!(is_later, "at once");
            async move {
                let number: u8 = "later".parse().unwrap();
                Ok::<_, Infallible>(Response::new(Body::from(vec![number])))
            }
        }));
        let call = std::panic::AssertUnwindSafe(|| {
            let mut asking = pin!(panics.call(request("PATCH", "/")));
            drop(
                asking
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop())),
            );
        });
        assert!(std::panic::catch_unwind(call).is_err());
    }
    assert_eq!(TraceContext::current(), TraceContext::default());
    let want = [
        ("GET asked  cancelled", 1.0),
        ("PATCH asked  panic", 2.0),
        ("POST asked 200 cancelled", 1.0),
        ("PUT asked  service", 1.0),
    ];
    let want = want.map(|(labels, count)| (labels.to_owned(), count));
    assert_eq!(durations(&telemetry), want);
    assert_eq!(active(&telemetry), 0.0);
}

#[derive(Debug, Default)]
struct Seen(Mutex<Vec<(String, String)>>);

impl Sink for Seen {
    fn take(&self, event: &Event<'_>) {
        let id = format!("{:032x}", event.trace_id);
        self.0.lock().push((event.name.to_owned(), id));
    }
}

#[tokio::test]
async fn logs_events_and_exemplars_share_the_trace_of_the_request() {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let seen = Arc::new(Seen::default());
    telemetry.add_sink(Arc::<Seen>::clone(&seen));
    let subscriber = tracing_subscriber::registry().with(TelemetryLayer::new(&telemetry));
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let emitting = telemetry.clone();
    let router: Router = Router::new().route(
        "/",
        get(move |context: axum::Extension<TraceContext>| async move {
            emitting.emit("before", (), Level::Info);
            tokio::task::yield_now().await;
            let _entered = tracing::info_span!("inside").entered();
            tracing::info!("a log");
            let parts = futures_of([1, 2]);
            let emitting = emitting.clone();
            Body::from_stream(futures::StreamExt::map(parts, move |_| {
                emitting.emit("streaming", (), Level::Info);
                Ok::<_, Infallible>(format!("{}", context.trace_id))
            }))
        }),
    );
    let router = router.layer(HttpLayer::new(&telemetry));
    let answer = router.oneshot(request("GET", "/")).await.unwrap();
    telemetry.emit("outside", (), Level::Info);
    answer.into_body().collect().await.unwrap();
    let seen = seen.0.lock().clone();
    let none = "0".repeat(32);
    let want = [
        ("before", TRACE),
        ("a log", TRACE),
        ("outside", &none),
        ("streaming", TRACE),
        ("streaming", TRACE),
    ];
    let want = want.map(|(name, id)| (name.to_owned(), id.to_owned()));
    assert_eq!(seen, want);
    let page = String::from_utf8(telemetry.render(Format::OpenMetrics)).unwrap();
    let exemplar = page.lines().find(|line| line.contains(TRACE)).unwrap();
    assert!(
        exemplar.starts_with("http_server_request_duration_seconds_bucket"),
        "{exemplar}"
    );
}

#[tokio::test]
async fn what_is_off_passes() {
    let router = router(&Telemetry::off());
    let answer = router.oneshot(request("GET", "/answers/1")).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body, "forty-two");
}

#[tokio::test]
async fn metrics_are_served_as_they_are_asked_for() {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let family = telemetry.counter_family("things", "Things.", ["number"]);
    for number in 0..100 {
        family.with([&format!("{number}")]).increment();
    }
    let router: Router = metrics_routes(&telemetry);
    let get = |accept: &'static str, encoding: &'static str| {
        let request = Request::builder().uri("/metrics");
        let request = request
            .header("accept", accept)
            .header("accept-encoding", encoding);
        router.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    for (accept, kind, format) in [
        ("", "text/plain; version=0.0.4", Format::Prometheus),
        (
            "application/openmetrics-text",
            "application/openmetrics-text",
            Format::OpenMetrics,
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
            "application/vnd.google.protobuf",
            Format::Protobuf,
        ),
    ] {
        let plain = get(accept, "identity").await.unwrap();
        let packed = get(accept, "gzip").await.unwrap();
        assert!(
            plain.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with(kind)
        );
        assert_eq!(packed.headers()["content-encoding"], "gzip");
        let plain = plain.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(plain, telemetry.render(format));
        let packed = packed.into_body().collect().await.unwrap().to_bytes();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*packed)
            .read_to_end(&mut unpacked)
            .unwrap();
        assert_eq!(unpacked, plain);
    }
}

/// The `le` of each series of a family, as text.
fn bounds(page: &str, name: &str) -> Vec<Vec<String>> {
    let mut series: Vec<(String, Vec<String>)> = Vec::new();
    let begin = format!("{name}_bucket{{");
    for line in page.lines() {
        let Some((labels, le)) = line
            .strip_prefix(&begin)
            .and_then(|rest| rest.split_once("le=\""))
        else {
            continue;
        };
        let (le, _) = le.split_once('"').unwrap();
        match series.last_mut().filter(|(last, _)| last == labels) {
            Some((_, bounds)) => bounds.push(le.to_owned()),
            None => series.push((labels.to_owned(), vec![le.to_owned()])),
        }
    }
    series.into_iter().map(|(_, bounds)| bounds).collect()
}

#[tokio::test]
async fn text_has_the_same_bounds_for_all_series_of_a_family() {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let router = router(&telemetry);
    for path in ["/answers/1", "/broken", "/nowhere"] {
        let answer = router.clone().oneshot(request("GET", path)).await.unwrap();
        answer.into_body().collect().await.unwrap();
    }
    let subscriber = tracing_subscriber::registry().with(TelemetryLayer::new(&telemetry));
    tracing::subscriber::with_default(subscriber, || {
        let outer = tracing::info_span!("outer").entered();
        for _ in 0..100 {
            drop(tracing::info_span!("inner").entered());
        }
        drop(outer);
        drop(tracing::info_span!("last").entered());
    });
    let page = String::from_utf8(telemetry.render(Format::Prometheus)).unwrap();
    for (name, count) in [
        ("span_duration_seconds", 18),
        ("http_server_request_duration_seconds", 15),
        ("http_server_response_body_size_bytes", 13),
    ] {
        let bounds = bounds(&page, name);
        assert_eq!(bounds.len(), 3, "{name}");
        for series in &bounds {
            assert_eq!(series, &bounds[0], "{name}");
            assert_eq!(series.len(), count, "{name} {series:?}");
        }
    }
}
