//! What receiving remote write 1.0 costs per sample, without a store: unpack, decode, hash, look
//! up, fill the batch. `cargo run --release -p bellwether-ingest --example remote_write_cost`
#![expect(
    clippy::print_stdout,
    reason = "the figures are the purpose of this program"
)]

use std::sync::Arc;
use std::time::Instant;

use bellwether_ingest::remote_write::{Limits, RemoteWriteReceiver, RequestHead, Version};
use bellwether_model::{Labels, Metadata};
use bellwether_storage::{MetricStore, NowhereStore, Source};
use bellwether_telemetry::Registry;
use bellwether_wire::{snappy, v1, v2};

const SERIES: usize = 20_000;
const PER_REQUEST: usize = 2_000;
const ROUNDS: usize = 100;

fn labels_of(series: usize) -> Labels {
    let name = format!("http_server_requests_{}_total", series % 50);
    let instance = format!("10.0.{}.{}:9100", series / 2_500, series / 50 % 250);
    let pod = format!("payment-service-7d9f8c6b5-{:05x}", series / 50);
    Labels::from_pairs([
        ("__name__", name.as_str()),
        ("cluster", "production-eu-west-1"),
        ("container", "payment-service"),
        ("endpoint", "metrics"),
        ("env", "production"),
        ("instance", &instance),
        ("job", "kubernetes-pods"),
        ("method", ["GET", "POST", "PUT", "DELETE"][series % 4]),
        ("namespace", "payments"),
        ("pod", &pod),
        ("region", "eu-west-1"),
        ("status", ["200", "404", "500"][series % 3]),
    ])
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut bodies = [Vec::new(), Vec::new()];
    let mut unpacked_bytes = 0;
    for chunk in 0..SERIES / PER_REQUEST {
        let mut request = Vec::new();
        let mut builder = v2::RequestBuilder::new();
        for series in chunk * PER_REQUEST..(chunk + 1) * PER_REQUEST {
            let (labels, time_ms) = (labels_of(series), 1_700_000_000_000);
            let value = series as f64 * 1.7;
            v1::encode_series(&mut request, &labels, &[(time_ms, value)], &[], &[]);
            builder.add_series(
                &labels,
                &[(time_ms, 0, value)],
                &[],
                &[],
                &Metadata::default(),
            );
        }
        unpacked_bytes += request.len();
        bodies[0].push(snappy::encode(&request)?);
        let mut request = Vec::new();
        builder.finish(&mut request);
        bodies[1].push(snappy::encode(&request)?);
    }
    let source = Source::new("bench");
    for (version, bodies) in [Version::V1, Version::V2].into_iter().zip(&bodies) {
        let store: Arc<dyn MetricStore> = Arc::new(NowhereStore::default());
        let receiver = RemoteWriteReceiver::new(store, Limits::default(), &Registry::new());
        let content_type = match version {
            Version::V1 => "application/x-protobuf",
            Version::V2 => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        };
        let head = RequestHead {
            content_type: Some(content_type),
            content_encoding: None,
        };
        let packed: usize = bodies.iter().map(Vec::len).sum();
        let mut unpack_ns = 0;
        let mut buffer = Vec::new();
        let mut started = Instant::now();
        for round in 0..=ROUNDS {
            if round == 1 {
                started = Instant::now();
            }
            for body in bodies {
                let response = receiver.receive(&source, head, body);
                if response.float_count != PER_REQUEST as u64 {
                    return Err(response.message.into());
                }
            }
        }
        let all_ns = started.elapsed().as_nanos();
        for _ in 0..ROUNDS {
            let started = Instant::now();
            for body in bodies {
                snappy::decode(body, 32 << 20, &mut buffer)?;
            }
            unpack_ns += started.elapsed().as_nanos();
        }
        let samples = (SERIES * ROUNDS) as f64;
        println!(
            "{version:?}: {:.0} ns/sample, of which unpacking {:.0}; {:.0} bytes/sample on the \
             wire, {} unpacked (1.0)",
            all_ns as f64 / samples,
            unpack_ns as f64 / samples,
            packed as f64 / SERIES as f64,
            unpacked_bytes / SERIES,
        );
    }
    Ok(())
}
