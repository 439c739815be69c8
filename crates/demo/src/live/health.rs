//! The daemon's own health checks: providers, tools, queue, disk, runtime.

use std::sync::Arc;
use std::time::Duration;

use bellwether_sdk::Settings;
use bellwether_sdk::health::{
    CheckConfig, Criticality, HealthError, HealthRegistry, Outcome, ProbeConfig, ProbeFactory,
    ProbeSettings, QueueLoad,
};

use super::backends::Backends;
use super::service::{Service, disk_used};
use super::tools;
use crate::families::POOL;
use crate::provider::{PROVIDERS, answers_verdict};
use crate::tool::TOOLS;
use crate::{machine, pool};

/// How often everything is looked at. Chosen: whoever watches the demo sees a change within a scrape.
const INTERVAL: Duration = Duration::from_secs(5);

/// Starts looking.
pub(super) fn start(service: &Arc<Service>) -> Result<HealthRegistry, HealthError> {
    let backends = service.backends();
    let settings = Settings {
        probe_interval: INTERVAL,
        ..Settings::default()
    };
    let queue = service.pool.clone();
    let factory = ProbeFactory::new()
        .queue(POOL, move || {
            let status = queue.status();
            QueueLoad {
                depth: status.waiting as u64,
                oldest_age: (status.waiting > 0).then_some(status.oldest_wait),
            }
        })
        .tools("tools", tools::entries);
    let mut builder = HealthRegistry::builder(&settings)
        .telemetry(&backends.telemetry)
        .clock(Arc::clone(&backends.sdk_clock))
        .configure(&factory, configured())?;
    for (index, provider) in PROVIDERS.iter().enumerate() {
        let backends = Arc::clone(backends);
        let found = move || ready(backends.provider_verdict(index));
        builder = builder.probe(smoothed(format!("provider/{provider}")), found);
    }
    for (index, tool) in TOOLS.iter().enumerate() {
        let backends = Arc::clone(backends);
        let found = move || ready(backends.tools.verdict(index));
        builder = builder.probe(smoothed(format!("tool/{}", tool.name)), found);
    }
    let disk = Arc::clone(backends);
    let all = Arc::clone(backends);
    let answering = ProbeSettings {
        depends_on: PROVIDERS.map(|name| format!("provider/{name}")).to_vec(),
        ..smoothed("answers".to_owned()).critical()
    };
    builder
        .probe(answering, move || ready(answers(&all)))
        .probe(smoothed("disk".to_owned()), move || {
            ready(machine::disk_verdict(disk_used(&disk)))
        })
        .start()
}

/// A probe of something that is an average already: no threshold makes it smoother.
fn smoothed(name: String) -> ProbeSettings {
    ProbeSettings {
        failure_threshold: 1,
        ..ProbeSettings::new(name)
    }
}

fn ready(outcome: Outcome) -> std::future::Ready<Outcome> {
    std::future::ready(outcome)
}

fn answers(backends: &Backends) -> Outcome {
    answers_verdict([0, 1].map(|index| backends.provider_verdict(index).into_parts().0))
}

/// The probes that the SDK knows how to make.
fn configured() -> [ProbeConfig; 3] {
    let probe = |name: &str, check| ProbeConfig {
        name: name.to_owned(),
        check,
        interval: None,
        jitter: None,
        timeout: None,
        failure_threshold: Some(2),
        success_threshold: None,
        criticality: Criticality::Important,
        depends_on: Vec::new(),
    };
    let queue = CheckConfig::Queue {
        queue: POOL.to_owned(),
        depth_max: Some(pool::QUEUE_CAPACITY as u64 - 1),
        age_max: Some(Duration::from_micros(pool::QUEUE_PATIENCE_US)),
    };
    let runtime = CheckConfig::EventLoopLag {
        lag_max: Duration::from_millis(500),
    };
    let registry = CheckConfig::Tools {
        registry: "tools".to_owned(),
        count_min: TOOLS.len(),
    };
    [
        // What waits, waits for answers of the providers.
        ProbeConfig {
            depends_on: PROVIDERS.map(|name| format!("provider/{name}")).to_vec(),
            ..probe("queue", queue)
        },
        probe("event_loop", runtime),
        probe("tool_registry", registry),
    ]
}
