//! What a request needs: telemetry, providers with their breakers, tools, sessions.

use std::sync::Arc;
use std::time::Duration;

use bellwether_sdk::ai::AiMetrics;
use bellwether_sdk::breaker::{Breaker, BreakerSettings};
use bellwether_sdk::health::Outcome;
use bellwether_sdk::{SERIES_MAX_DEFAULT, Telemetry, TelemetryLayer};
use bellwether_storage::Clock;
use parking_lot::Mutex;
use tracing::Dispatch;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;

use super::fault_board::FaultBoard;
use super::own_metrics::OwnMetrics;
use super::provider::Provider;
use super::recent::Recent;
use super::sessions::Sessions;
use super::tools::Tools;
use crate::provider::PROVIDERS;
use crate::random::{Random, mix};

/// A breaker opens where a third of the last calls failed: a provider fails once in 300 on a good day and once in
/// five where it is overloaded. It tries again soon, so that whoever watches need not wait. Chosen.
const BREAKER: BreakerSettings = BreakerSettings {
    failure_ratio: 0.35,
    calls_min: 20,
    open_min: Duration::from_secs(10),
    open_max: Duration::from_secs(40),
    half_open_calls: 3,
};

/// See the module's page.
#[derive(Debug)]
pub(super) struct Backends {
    pub(super) clock: Arc<dyn Clock>,
    /// The same one, for the SDK.
    pub(super) sdk_clock: Arc<dyn bellwether_sdk::Clock>,
    pub(super) telemetry: Telemetry,
    pub(super) ai: AiMetrics,
    pub(super) own: OwnMetrics,
    pub(super) faults: Arc<FaultBoard>,
    pub(super) providers: [Arc<Provider>; PROVIDERS.len()],
    pub(super) breakers: [Breaker; PROVIDERS.len()],
    pub(super) tools: Tools,
    pub(super) sessions: Sessions,
    pub(super) recent: Arc<Recent>,
    pub(super) start_ms: i64,
    /// Where spans of requests go: their trace stands beside what is measured in them.
    pub(super) spans: Dispatch,
    random: Mutex<Random>,
}

impl Backends {
    pub(super) fn new(seed: u64, clock: Arc<dyn Clock>) -> Self {
        let sdk_clock: Arc<dyn bellwether_sdk::Clock> = Arc::new(SdkClock(Arc::clone(&clock)));
        let telemetry = Telemetry::with_clock(SERIES_MAX_DEFAULT, Arc::clone(&sdk_clock));
        let recent = Arc::new(Recent::default());
        telemetry.add_sink(Arc::clone(&recent) as _);
        let faults = Arc::new(FaultBoard::new(seed));
        let start_ms = clock.now_ms();
        let layer = TelemetryLayer::new(&telemetry);
        let registry = tracing_subscriber::registry();
        let spans = Dispatch::new(registry.with(layer).with(LevelFilter::INFO));
        let provider = |index| Provider::new(index, &faults, mix(seed ^ 0x9407 ^ index as u64));
        Self {
            ai: AiMetrics::with_clock(&telemetry, Arc::clone(&sdk_clock)),
            own: OwnMetrics::new(&telemetry, start_ms),
            providers: [provider(0), provider(1)],
            breakers: PROVIDERS.map(|name| Breaker::new(name, BREAKER, &telemetry)),
            tools: Tools::default(),
            sessions: Sessions::default(),
            random: Mutex::new(Random::new(mix(seed ^ 0x11fe))),
            clock,
            sdk_clock,
            telemetry,
            faults,
            recent,
            start_ms,
            spans,
        }
    }

    /// Draws something.
    pub(super) fn draw<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut self.random.lock())
    }

    /// Seconds since the start.
    pub(super) fn elapsed_s(&self) -> f64 {
        self.faults.now_us() as f64 / 1e6
    }

    /// How a provider is, by the calls of this daemon.
    pub(super) fn provider_verdict(&self, index: usize) -> Outcome {
        let reason = self.breakers[index].reason();
        if !reason.is_empty() {
            return Outcome::down(format!("its breaker is not closed: {reason}"));
        }
        self.providers[index].health().verdict()
    }
}

/// The clock of the demo, for the SDK.
#[derive(Debug)]
struct SdkClock(Arc<dyn Clock>);

impl bellwether_sdk::Clock for SdkClock {
    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }
}
