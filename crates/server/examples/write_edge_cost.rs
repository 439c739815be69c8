//! What a remote-write request costs the whole edge over loopback, without a store behind it:
//! HTTP, unpacking, decoding, hashing. The client is another process, so that its CPU is not
//! counted. `cargo run --release -p bellwether-server --example write_edge_cost`
#![expect(
    clippy::print_stdout,
    reason = "the figures are the purpose of this program"
)]

use std::io::{Read, Write};
use std::sync::Arc;

use bellwether_model::Labels;
use bellwether_promql::{Engine, EngineOptions};
use bellwether_server::settings::ServerSettings;
use bellwether_server::{
    Alerting, BoxFuture, BuildInfo, Control, NoTargets, Server, ServerParts, Services,
};
use bellwether_storage::{NowhereStore, SystemClock};
use bellwether_telemetry::Registry;
use bellwether_wire::{snappy, v1};

const SERIES: usize = 20_000;
const PER_REQUEST: usize = 2_000;
const ROUNDS: usize = 100;

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

/// Twelve labels, as a pod of Kubernetes has them.
fn labels_of(series: usize) -> Labels {
    let text = |prefix: &str, n: usize| format!("{prefix}{n:05}");
    Labels::from_pairs([
        ("__name__", text("http_server_requests_total_", series % 50)),
        ("cluster", "production-eu-west-1".to_owned()),
        ("container", "payment-service".to_owned()),
        ("endpoint", "metrics".to_owned()),
        ("env", "production".to_owned()),
        ("instance", text("10.0.0.", series / 50)),
        ("job", "kubernetes-pods".to_owned()),
        ("method", text("M", series % 4)),
        ("namespace", "payments".to_owned()),
        ("pod", text("payment-service-7d9f8c6b5-", series / 50)),
        ("region", "eu-west-1".to_owned()),
        ("status", text("2", series % 3)),
    ])
}

/// Sends all requests one after another over one connection.
fn client(address: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut requests = Vec::new();
    for chunk in 0..SERIES / PER_REQUEST {
        let mut message = Vec::new();
        for series in chunk * PER_REQUEST..(chunk + 1) * PER_REQUEST {
            let sample = (1_700_000_000_000, series as f64 * 1.7);
            v1::encode_series(&mut message, &labels_of(series), &[sample], &[], &[]);
        }
        let body = snappy::encode(&message)?;
        let mut request = format!(
            "POST /api/v1/write HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\n\
             content-encoding: snappy\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(&body);
        requests.push(request);
    }
    let mut stream = std::net::TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut answer = [0u8; 4096];
    for _ in 0..=ROUNDS {
        for request in &requests {
            stream.write_all(request)?;
            let length = stream.read(&mut answer)?;
            if !answer[..length].starts_with(b"HTTP/1.1 204") {
                return Err(String::from_utf8_lossy(&answer[..length]).into());
            }
        }
    }
    Ok(())
}

/// CPU seconds of this process: user and system, of 100 ticks a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_ascii_whitespace().skip(11).take(2);
    ticks
        .filter_map(|text| text.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(address) = std::env::args().nth(1) {
        return client(&address);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let settings = ServerSettings {
            listen: vec!["127.0.0.1:0".parse()?],
            ..ServerSettings::default()
        };
        let server = Server::new(ServerParts {
            settings,
            clock: Arc::new(SystemClock),
            registry: Registry::new(),
            build: BuildInfo::default(),
            flags: Vec::new(),
            features: Vec::new(),
            control: Arc::new(Nobody),
        })?;
        server.open(Services {
            store: Arc::new(NowhereStore::default()),
            engine: Arc::new(Engine::new(EngineOptions::default())),
            targets: Arc::new(NoTargets),
            otlp: bellwether_ingest::otlp::OtlpSettings::default(),
            alerting: Alerting::in_memory(Arc::new(SystemClock)),
            probing: None,
            scaling: None,
            objectives: None,
            predictions: None,
            dashboards: None,
        });
        let bound = server.bind().await?;
        let address = bound
            .addresses()
            .first()
            .map(ToString::to_string)
            .unwrap_or_default();
        let serving = tokio::spawn(bound.serve());
        let program = std::env::current_exe()?;
        let before = cpu_seconds();
        let sent = tokio::task::spawn_blocking(move || {
            std::process::Command::new(program).arg(address).status()
        });
        if !sent.await??.success() {
            return Err("the client failed".into());
        }
        let samples = (SERIES * (ROUNDS + 1)) as f64;
        let micros = (cpu_seconds() - before) * 1e6 / samples;
        println!("{micros:.3} µs CPU a sample, {PER_REQUEST} samples a request");
        server.stop();
        serving.await?;
        Ok::<_, Box<dyn std::error::Error>>(())
    })
}
