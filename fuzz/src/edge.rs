//! The HTTP edge: any request to any path, over a small store.
//!
//! ## Model
//! An input is a request as a text: the path with its query, headers a line each, an empty line, and
//! the body; with a body it is a POST. It goes through the whole router, so that parameters, forms,
//! bodies, selectors and answers are all reached.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use bellwether_ingest::otlp::OtlpSettings;
use bellwether_model::Labels;
use bellwether_promql::{Engine, EngineOptions, MemoryBudget, MemoryLimits};
use bellwether_server::settings::{Limits, ServerSettings};
use bellwether_server::{
    Alerting, BoxFuture, BuildInfo, Control, NoTargets, Server, ServerParts, Services,
};
use bellwether_storage::{ManualClock, MemoryStore};
use bellwether_telemetry::Registry;
use futures::StreamExt as _;
use tower::ServiceExt as _;

use crate::targets::{Target, strings};

const NOW_MS: i64 = 1_700_000_000_000;

/// Any request.
pub(crate) const HTTP: Target = Target {
    name: "http",
    seeds: || {
        strings(&[
            "/api/v1/query?query=sum(m)%20by%20(a)&time=1700000000&timeout=1s&limit=3\n\n",
            "/api/v1/query_range?query=rate(m[5m])&start=1699999000&end=2023-11-14T22:13:20Z&step=15s\n\n",
            "/api/v1/query_range\ncontent-type: application/x-www-form-urlencoded\n\nquery=m&start=1&end=2&step=0.5",
            "/api/v1/series?match[]=m%7Ba=~%22x%7Cy%22%7D&start=-292273086-05-16T16:47:06Z\n\n",
            "/api/v1/labels?limit=1\n\n",
            "/api/v1/label/U__a/values?match[]=%7B__name__=%22m%22%7D\n\n",
            "/api/v1/query_exemplars?query=m&start=0&end=9999999999\n\n",
            "/api/v1/metadata?metric=m&limit=1&limit_per_metric=1\n\n",
            "/api/v1/format_query?query=a%2Bb\n\n",
            "/api/v1/parse_query?query=a%2Bb\n\n",
            "/api/v1/targets?state=active&scrapePool=x\n\n",
            "/api/v1/status/tsdb?limit=5\n\n",
            "/federate?match[]=%7B__name__=~%22.%2B%22%7D\naccept: application/openmetrics-text;version=1.0.0;escaping=values,text/plain;q=0.5\naccept-encoding: gzip;q=0.1\n\n",
            "/metrics\naccept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited\n\n",
            "/v1/metrics\ncontent-type: application/json\n\n{\"resourceMetrics\":[]}",
            "/v1/metrics\ncontent-type: application/x-protobuf\ncontent-encoding: gzip\n\n\x1f",
            "/api/v1/write\ncontent-type: application/x-protobuf;proto=io.prometheus.write.v2.Request\ncontent-encoding: snappy\n\n\x05\x10hello",
            "/api/v1/read\ncontent-encoding: snappy\n\n\x05\x10hello",
            "/api/bellwether/v1/openapi.json\nauthorization: Basic dTpw\norigin: http://a\n\n",
            "/-/ready\n\n",
        ])
    },
    dictionary: &[
        "/api/v1/",
        "query=",
        "match[]=",
        "start=",
        "end=",
        "step=",
        "timeout=",
        "limit=",
        "time=",
        "&",
        "%00",
        "%ff",
        "+",
        "1e300",
        "-1",
        "NaN",
        "2023-11-14T22:13:20Z",
        "1h",
        "\n\n",
        "content-encoding: gzip\n",
        "accept: ",
        "stats=all",
        "lookback_delta=",
        "%7B__name__=~%22.%2B%22%7D",
    ],
    run: http,
    memory_max_bytes: 256 << 20,
};

#[derive(Debug)]
struct Nobody;

impl Control for Nobody {
    fn config_yaml(&self) -> String {
        "global: {}\n".to_owned()
    }

    fn reload(&self) -> BoxFuture<Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn quit(&self) {}
}

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    let store = MemoryStore::new();
    for (a, step) in [("x", 1), ("y", 2)] {
        let labels = Labels::from_pairs([("__name__", "m"), ("a", a)]);
        for minute in 0..60 {
            let time_ms = NOW_MS - minute * 60_000;
            store.insert(&labels, time_ms, (minute * step) as f64);
        }
    }
    let parts = ServerParts {
        settings: ServerSettings {
            enable_admin: true,
            enable_lifecycle: true,
            limits: Limits {
                body_bytes_max: 1 << 20,
                decompressed_bytes_max: 4 << 20,
                ..Limits::default()
            },
            ..ServerSettings::default()
        },
        clock: Arc::new(ManualClock::new(NOW_MS)),
        registry: Registry::new(),
        build: BuildInfo::default(),
        flags: Vec::new(),
        features: Vec::new(),
        control: Arc::new(Nobody),
    };
    let server = Server::new(parts).expect("the settings are those of a server on loopback");
    // Queries are another target: here they only have to end.
    let options = EngineOptions {
        timeout_ms: 200,
        samples_max: 20_000,
        memory: MemoryBudget::new(MemoryLimits {
            query_max_bytes: 16 << 20,
            ..MemoryLimits::default()
        }),
        threads: 1,
        ..EngineOptions::default()
    };
    server.open(Services {
        store: Arc::new(store),
        engine: Arc::new(Engine::new(options)),
        targets: Arc::new(NoTargets),
        otlp: OtlpSettings::default(),
        alerting: Alerting::in_memory(Arc::new(ManualClock::new(NOW_MS))),
        probing: None,
        scaling: None,
        objectives: None,
        predictions: None,
        dashboards: None,
    });
    server.router()
});

thread_local! {
    static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system gives a thread what a runtime needs");
}

fn request(input: &[u8]) -> Option<Request<Body>> {
    let end = input.windows(2).position(|two| two == b"\n\n")?;
    let (head, body) = (input.get(..end)?, input.get(end + 2..)?);
    let mut lines = head.split(|byte| *byte == b'\n');
    let path = std::str::from_utf8(lines.next()?).ok()?;
    let mut request =
        Request::builder()
            .uri(path)
            .method(if body.is_empty() { "GET" } else { "POST" });
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let (name, value) = (line.get(..colon)?, line.get(colon + 1..)?);
        request = request.header(name, value.trim_ascii());
    }
    request.body(Body::from(body.to_vec())).ok()
}

fn http(input: &[u8]) {
    // Panics of handlers are caught and answered so.
    let status = status_of(input);
    assert_ne!(status, Some(StatusCode::INTERNAL_SERVER_ERROR));
}

/// The status of the answer, which is read to its end; `None` where the input is no request.
fn status_of(input: &[u8]) -> Option<StatusCode> {
    let request = request(input)?;
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let Ok(response) = ROUTER.clone().oneshot(request).await;
            let status = response.status();
            let mut body = response.into_body().into_data_stream();
            while let Some(Ok(_)) = body.next().await {}
            Some(status)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_reach_handlers() {
        for seed in (HTTP.seeds)() {
            let text = String::from_utf8_lossy(&seed);
            let status = status_of(&seed).map(|status| status.as_u16());
            assert!(
                matches!(status, Some(200 | 204 | 400)),
                "{status:?} for {text}"
            );
        }
    }
}
