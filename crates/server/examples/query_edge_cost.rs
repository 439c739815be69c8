//! What writing a large answer costs: 5,000 series of 1,440 points through the whole edge, against
//! the evaluation alone. `cargo run --release -p bellwether-server --example query_edge_cost`
#![expect(
    clippy::print_stdout,
    reason = "the figures are the purpose of this program"
)]

use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::http::Request;
use bellwether_model::{Labels, TimeRange};
use bellwether_promql::{Engine, EngineOptions, QueryRequest};
use bellwether_server::settings::ServerSettings;
use bellwether_server::{
    Alerting, BoxFuture, BuildInfo, Control, NoTargets, Server, ServerParts, Services,
};
use bellwether_storage::{
    ManualClock, MetricStore, NowhereStore, Samples, Selection, SeriesHandle, StorageError,
    StoreLayer,
};
use bellwether_telemetry::Registry;
use http_body_util::BodyExt;
use tower::ServiceExt;

const SERIES: usize = 5_000;
const STEP_MS: i64 = 15_000;

/// Makes samples up when asked: every 15 s, ever.
#[derive(Debug, Default)]
struct MadeUp(NowhereStore);

#[derive(Debug)]
struct MadeUpSeries(Labels, f64);

impl SeriesHandle for MadeUpSeries {
    fn labels(&self) -> &Labels {
        &self.0
    }
    fn read(&self, range: TimeRange, out: &mut Samples) -> Result<(), StorageError> {
        let mut time_ms = range.start_ms.div_euclid(STEP_MS) * STEP_MS;
        while time_ms <= range.end_ms {
            if time_ms >= range.start_ms {
                // Fractions with all their digits: the worst case for a writer of numbers.
                let value = (time_ms / STEP_MS % 1_000) as f64 / 7.0 + self.1;
                out.push_float(time_ms, value);
            }
            time_ms += STEP_MS;
        }
        Ok(())
    }
}

impl StoreLayer for MadeUp {
    fn inner(&self) -> &dyn MetricStore {
        &self.0
    }
    fn select(&self, _: &Selection<'_>) -> Result<Vec<Box<dyn SeriesHandle>>, StorageError> {
        let made = (0..SERIES).map(|n| {
            let labels = Labels::from_pairs([
                ("__name__", "made_up".to_owned()),
                ("instance", format!("10.0.0.{n}")),
                ("job", "example".to_owned()),
            ]);
            Box::new(MadeUpSeries(labels, n as f64)) as Box<dyn SeriesHandle>
        });
        Ok(made.collect())
    }
}

#[derive(Debug)]
struct Nobody;

impl Control for Nobody {
    fn config_yaml(&self) -> String {
        String::new()
    }
    fn reload(&self) -> BoxFuture<Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
    fn quit(&self) {}
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let end_s: i64 = 1_700_000_000;
    let start_s = end_s - 1_439 * 15;
    let engine = Arc::new(Engine::new(EngineOptions::default()));
    let store: Arc<dyn MetricStore> = Arc::new(MadeUp::default());
    for _ in 0..3 {
        let started = Instant::now();
        let request = QueryRequest::default();
        let (start_ms, end_ms) = (start_s * 1_000, end_s * 1_000);
        let outcome = engine.range(&*store, "made_up", start_ms, end_ms, STEP_MS, &request)?;
        println!("evaluation alone: {:?}", started.elapsed());
        drop(outcome);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let server = Server::new(ServerParts {
            settings: ServerSettings::default(),
            clock: Arc::new(ManualClock::new(end_s * 1_000)),
            registry: Registry::new(),
            build: BuildInfo::default(),
            flags: Vec::new(),
            features: Vec::new(),
            control: Arc::new(Nobody),
        })?;
        let targets = Arc::new(NoTargets);
        let otlp = bellwether_ingest::otlp::OtlpSettings::default();
        server.open(Services {
            store,
            engine,
            targets,
            otlp,
            alerting: Alerting::in_memory(Arc::new(ManualClock::new(0))),
            probing: None,
            scaling: None,
            objectives: None,
            predictions: None,
            dashboards: None,
        });
        let router = server.router();
        for encoding in ["identity", "identity", "identity", "gzip", "gzip"] {
            let uri =
                format!("/api/v1/query_range?query=made_up&start={start_s}&end={end_s}&step=15");
            let request = Request::get(uri)
                .header("accept-encoding", encoding)
                .body(Body::empty())?;
            let started = Instant::now();
            let response = router.clone().oneshot(request).await?;
            let mut body = response.into_body();
            let mut bytes = 0;
            while let Some(frame) = body.frame().await {
                bytes += frame?.data_ref().map_or(0, bytes::Bytes::len);
            }
            println!(
                "with the edge, {encoding}: {:?}, {bytes} bytes",
                started.elapsed()
            );
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    })
}
