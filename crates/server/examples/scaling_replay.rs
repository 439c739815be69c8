//! The traces of `testkit/autoscale` through the whole service: signals are written to a store, the scaler's
//! queries read them, and the decision is read back from Kubernetes' external metrics API; beside it the
//! in-flight rule of the simulator, and at last 100 outages of signals.
//! `cargo run --release -p bellwether-server --example scaling_replay -- DATA`
#![expect(
    clippy::print_stdout,
    reason = "the figures are the purpose of this program"
)]

#[expect(dead_code, reason = "some of its policies are another example's")]
#[path = "../../scale/examples/autoscale/reference.rs"]
mod reference;
#[expect(dead_code, reason = "some of its traces are another example's")]
#[path = "../../scale/examples/autoscale/traces.rs"]
mod traces;
#[path = "../../scale/examples/autoscale/twister.rs"]
mod twister;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use bellwether_model::{Labels, METRIC_NAME};
use bellwether_promql::{Engine, EngineOptions};
use bellwether_rules::scaling::{
    ExternalMetric, ScalerSettings, ScalerTargets, Scalers, ScalersParts, SignalName,
};
use bellwether_scale::Policy;
use bellwether_scale::simulation::{self, Observation, Outcome, Pool};
use bellwether_server::settings::ServerSettings;
use bellwether_server::{
    Alerting, BoxFuture, BuildInfo, Control, NoTargets, Server, ServerParts, Services,
};
use bellwether_storage::{ManualClock, MemoryStore};
use bellwether_telemetry::Registry;
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::twister::Twister;

const START_MS: i64 = 1_795_780_000_000;
const METRIC: &str = "/apis/external.metrics.k8s.io/v1beta1/namespaces/prod/workers";
const OUTAGES: usize = 100;

/// What the simulator shows, as series of these names.
const SEEN: [SignalName; 6] = [
    SignalName::Busy,
    SignalName::Waiting,
    SignalName::OfferedLoad,
    SignalName::ServiceTime,
    SignalName::Workers,
    SignalName::Ready,
];

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

/// A server with one scaler.
struct Service {
    store: Arc<MemoryStore>,
    scalers: Scalers,
    router: Router,
    runtime: tokio::runtime::Runtime,
}

impl Service {
    fn new(policy: Policy, pool: &Pool) -> Result<Self> {
        let store = Arc::new(MemoryStore::default());
        let engine = Arc::new(Engine::new(EngineOptions::default()));
        let clock = Arc::new(ManualClock::new(START_MS));
        let scalers = Scalers::new(ScalersParts {
            store: Arc::clone(&store) as _,
            engine: Arc::clone(&engine),
            clock: Arc::clone(&clock) as _,
            state: None,
            timeline: None,
            registry: Registry::new(),
        })?;
        scalers.apply(vec![ScalerSettings {
            name: "workers".to_owned(),
            labels: Vec::new(),
            interval_ms: 15_000,
            policy,
            slots_per_worker: pool.slots_per_worker,
            start_up_ms: (pool.startup_seconds * 1_000.0) as i64,
            signals: SEEN
                .iter()
                .map(|name| (*name, format!("sum({})", name.as_str())))
                .collect(),
            is_dry_run: false,
            targets: ScalerTargets {
                external_metric: Some(ExternalMetric {
                    name: "workers".to_owned(),
                    namespaces: Vec::new(),
                }),
                ..ScalerTargets::default()
            },
        }])?;
        let server = Server::new(ServerParts {
            settings: ServerSettings::default(),
            clock: Arc::clone(&clock) as _,
            registry: Registry::new(),
            build: BuildInfo::default(),
            flags: Vec::new(),
            features: Vec::new(),
            control: Arc::new(Nobody),
        })?;
        server.open(Services {
            store: Arc::clone(&store) as _,
            engine,
            targets: Arc::new(NoTargets),
            otlp: bellwether_ingest::otlp::OtlpSettings::default(),
            alerting: Alerting::in_memory(clock),
            probing: None,
            objectives: None,
            predictions: None,
            dashboards: None,
            scaling: Some(scalers.clone()),
        });
        Ok(Self {
            store,
            scalers,
            router: server.router(),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?,
        })
    }

    /// Writes what is seen, has a turn, and asks what an autoscaler would ask. `mask` has a bit for each
    /// signal that is lost.
    fn decide(&self, seen: &Observation, mask: u32) -> Result<u32> {
        let time_ms = time_of(seen);
        let values = [
            f64::from(seen.busy),
            f64::from(seen.waiting),
            seen.offered,
            seen.service_seconds,
            f64::from(seen.target),
            f64::from(seen.ready),
        ];
        for (at, (name, value)) in SEEN.iter().zip(values).enumerate() {
            if mask & (1 << at) == 0 {
                let labels = Labels::from_pairs([(METRIC_NAME, name.as_str())]);
                self.store.insert(&labels, time_ms, value);
            }
        }
        self.scalers
            .turn("workers", time_ms)
            .context("the scaler is gone")?;
        let request = Request::get(METRIC).body(Body::empty())?;
        let answer = self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await?;
            let status = response.status();
            let bytes = response.into_body().collect().await?.to_bytes();
            ensure!(status.is_success(), "{status}: {bytes:?}");
            Ok(serde_json::from_slice::<serde_json::Value>(&bytes)?)
        })?;
        let value = answer["items"][0]["value"].as_str();
        Ok(value.context("no value")?.parse()?)
    }
}

fn time_of(seen: &Observation) -> i64 {
    START_MS + (seen.now_seconds * 1_000.0).round() as i64
}

/// A time from and to in ms, and the signals that are lost in it.
type Outage = (i64, i64, u32);

/// How long a signal may be old: so long after its last sample an outage begins to be seen.
const STALE_MS: i64 = 60_000;

/// Runs a trace through the service. Gives the decisions too, and for each how long some signal has been
/// lost, ms; 0: none is.
fn through(
    requests: &[simulation::Request],
    pool: &Pool,
    outages: &[Outage],
) -> Result<(Outcome, Vec<(i64, u32)>)> {
    let service = Service::new(
        Policy::predictive(reference::WORKERS_MIN, reference::WORKERS_MAX),
        pool,
    )?;
    let mut failed = None;
    let mut decisions = Vec::new();
    let outcome = simulation::run(requests, pool, &mut |seen| {
        let time_ms = time_of(seen);
        let mut outages = outages.iter();
        let outage = outages.find(|(from_ms, to_ms, _)| (*from_ms..*to_ms).contains(&time_ms));
        let mask = outage.map_or(0, |(_, _, mask)| *mask);
        match service.decide(seen, mask) {
            Ok(workers) => {
                decisions.push((
                    outage.map_or(0, |(from_ms, ..)| time_ms - from_ms + 1),
                    workers,
                ));
                workers
            }
            Err(error) => {
                failed.get_or_insert(error);
                seen.target
            }
        }
    });
    match failed {
        None => Ok((outcome, decisions)),
        Some(error) => Err(error),
    }
}

/// The pool of the baseline.
fn pool(requests: &[simulation::Request]) -> Pool {
    let slots_per_worker = 8;
    Pool {
        slots_per_worker,
        startup_seconds: 60.0,
        interval_seconds: 15.0,
        wait_objective_seconds: 2.0,
        workers_start: reference::workers_start(requests, slots_per_worker),
        service_seconds_start: 4.0,
    }
}

fn main() -> Result<()> {
    let Some(data) = std::env::args().nth(1) else {
        bail!("want the folder with the traces");
    };
    let six = traces::six(&PathBuf::from(data))?;
    println!(
        "{:22}{:>20} |{:>20}  ratio\n{0:22}{3:>6}{4:>9}{5:>5} |{3:>6}{4:>9}{5:>5}",
        "", "in-flight rule", "ours", "slo_s", "worker_s", "thr"
    );
    let mut missed = 0;
    for trace in &six {
        let requests = traces::requests(&trace.rows);
        let pool = pool(&requests);
        let mut rule = reference::hpa(reference::Signal::InFlight, 0.7 * 8.0, &pool);
        let base = simulation::run(&requests, &pool, &mut *rule);
        let (ours, _) = through(&requests, &pool, &[])?;
        let ratio = ours.worker_seconds / base.worker_seconds;
        let is_met = ours.violated_seconds <= base.violated_seconds
            && ratio <= 0.85
            && ours.thrash_count <= base.thrash_count;
        missed += usize::from(!is_met);
        println!(
            "{:22}{:>6}{:>9.0}{:>5} |{:>6}{:>9.0}{:>5}  {ratio:.3}  {}",
            trace.name,
            base.violated_seconds,
            base.worker_seconds,
            base.thrash_count,
            ours.violated_seconds,
            ours.worker_seconds,
            ours.thrash_count,
            if is_met { "met" } else { "missed" }
        );
    }
    outages(&six)?;
    ensure!(missed == 0, "{missed} traces miss the bar");
    Ok(())
}

/// Injects outages: half of them of all signals, half of what waits and of some others; each is two to
/// ten minutes long.
fn outages(six: &[traces::Trace]) -> Result<()> {
    let mut random = Twister::new(5);
    let long = six
        .iter()
        .filter(|trace| trace.name.starts_with("servegen"));
    let (mut count, mut turns, mut down, mut none) = (0, [0; 2], [0; 2], 0);
    for trace in long {
        let requests = traces::requests(&trace.rows);
        let each = OUTAGES / 2;
        let outages: Vec<Outage> = (0..each)
            .map(|i| {
                let from_ms = START_MS + 600_000 + i as i64 * 3_400_000;
                let from_ms = from_ms + (random.uniform() * 2_000_000.0) as i64;
                let to_ms = from_ms + 120_000 + (random.uniform() * 480_000.0) as i64;
                let mask = if i % 2 == 0 {
                    0b11_1111
                } else {
                    0b10 | random.index(64) as u32
                };
                (from_ms, to_ms, mask)
            })
            .collect();
        count += outages.len();
        let (_, decisions) = through(&requests, &pool(&requests), &outages)?;
        for pair in decisions.windows(2) {
            let [(_, before), (lost_ms, after)] = pair else {
                continue;
            };
            none += usize::from(*after == 0);
            if *lost_ms > 0 {
                let is_seen = usize::from(*lost_ms > STALE_MS);
                turns[is_seen] += 1;
                down[is_seen] += usize::from(after < before);
            }
        }
    }
    println!(
        "\n{count} outages: {} decisions without a signal, {} of them towards zero; {} on signals up to a \
         minute old, {} of them for fewer; {none} of all for none",
        turns[1], down[1], turns[0], down[0]
    );
    ensure!(
        count >= OUTAGES && none == 0 && down[1] == 0,
        "workers were taken away"
    );
    Ok(())
}
