//! What the daemon measures beside what the SDK does.

use bellwether_sdk::{Buckets, Counter, Family, FloatCounter, Gauge, Histogram, Metric, Telemetry};

use crate::families::{self as f, Named};
use crate::faults::Fault;
use crate::instruments::RequestOutcome;
use crate::machine::DISK_FOLDERS;
use crate::provider::PROVIDERS;
use crate::workload::Workload;

/// The daemon's own families.
#[derive(Debug)]
pub(super) struct OwnMetrics {
    pub(super) token_usage: Family<Histogram, 4>,
    pub(super) server_first_token: Family<Histogram, 3>,
    pub(super) server_per_token: Family<Histogram, 3>,
    /// Method, tool, class of error.
    pub(super) mcp: Family<Histogram, 3>,
    pub(super) fallbacks: [Counter; 2],
    pub(super) retries: [Counter; 2],
    /// By workload and outcome.
    pub(super) requests: [[Counter; 4]; 3],
    pub(super) durations: [Histogram; 3],
    pub(super) requests_in_flight: Gauge,
    pub(super) queue_oldest: Gauge,
    pub(super) faults: [Gauge; Fault::COUNT],
    pub(super) disk_used: [Gauge; 4],
    pub(super) cpu_seconds: FloatCounter,
    pub(super) resident_bytes: Gauge,
    pub(super) open_files: Gauge,
}

impl OwnMetrics {
    pub(super) fn new(telemetry: &Telemetry, start_ms: i64) -> Self {
        let gauge = |family: &Named<0>| one(gauges(telemetry, family));
        let info = gauges(telemetry, &f::TARGET_INFO);
        info.with([crate::JOB, env!("CARGO_PKG_VERSION"), "rust"])
            .set(1.0);
        gauge(&f::DISK_SIZE).set(crate::machine::DISK_BYTES);
        gauge(&f::START_TIME).set(start_ms as f64 / 1e3);
        let fallbacks = counters(telemetry, &f::FALLBACKS);
        let retries = counters(telemetry, &f::RETRIES);
        let requests = counters(telemetry, &f::REQUESTS);
        let durations = histograms(telemetry, &f::REQUEST_DURATION);
        let faults = gauges(telemetry, &f::FAULT_ACTIVE);
        let folders = gauges(telemetry, &f::DISK_USED);
        let cpu = &f::CPU_SECONDS;
        Self {
            token_usage: histograms(telemetry, &f::TOKEN_USAGE),
            server_first_token: histograms(telemetry, &f::SERVER_FIRST_TOKEN),
            server_per_token: histograms(telemetry, &f::SERVER_PER_TOKEN),
            mcp: histograms(telemetry, &f::MCP_DURATION),
            fallbacks: PROVIDERS.map(|it| fallbacks.with([it]).clone()),
            retries: PROVIDERS.map(|it| retries.with([it]).clone()),
            requests: Workload::ALL.map(|workload| {
                RequestOutcome::ALL
                    .map(|outcome| requests.with([workload.name(), outcome.name()]).clone())
            }),
            durations: Workload::ALL.map(|workload| durations.with([workload.name()]).clone()),
            requests_in_flight: gauge(&f::REQUESTS_IN_FLIGHT),
            queue_oldest: gauge(&f::QUEUE_OLDEST),
            faults: Fault::ALL.map(|fault| faults.with([fault.name()]).clone()),
            disk_used: DISK_FOLDERS.map(|(name, _)| folders.with([name]).clone()),
            cpu_seconds: telemetry.float_counter(cpu.name, cpu.help),
            resident_bytes: gauge(&f::RESIDENT_BYTES),
            open_files: gauge(&f::OPEN_FILES),
        }
    }
}

fn one<M: Metric>(family: Family<M, 0>) -> M {
    family.with([]).clone()
}

fn counters<const N: usize>(telemetry: &Telemetry, family: &Named<N>) -> Family<Counter, N> {
    telemetry.counter_family(family.name, family.help, family.labels)
}

fn gauges<const N: usize>(telemetry: &Telemetry, family: &Named<N>) -> Family<Gauge, N> {
    telemetry.gauge_family(family.name, family.help, family.labels)
}

fn histograms<const N: usize>(telemetry: &Telemetry, family: &Named<N>) -> Family<Histogram, N> {
    let buckets = match family.is_native {
        true => Buckets::Both(family.bounds),
        false => Buckets::Classic(family.bounds),
    };
    telemetry.histogram_family(family.name, family.help, family.labels, buckets)
}
