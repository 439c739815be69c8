//! Whether a service does what it is for, and why not.
//!
//! ## Model
//! A [`HealthRegistry`] has *probes*, each of which looks at one thing again and again, by itself. What
//! they find makes a state for each of them and, by how critical they are, one for the service; whoever
//! asks gets what was found last. On top of that the service says itself that it started, that it is
//! about to end, or that it cannot go on.
//!
//! ```
//! use std::time::Duration;
//!
//! use bellwether_sdk::Settings;
//! use bellwether_sdk::health::{HealthRegistry, HealthState, Outcome, ProbeSettings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), bellwether_sdk::health::HealthError> {
//! let database = ProbeSettings {
//!     timeout: Duration::from_secs(1),
//!     ..ProbeSettings::new("database").critical()
//! };
//! let orders = ProbeSettings {
//!     depends_on: vec!["database".to_owned()],
//!     ..ProbeSettings::new("orders")
//! };
//! let health = HealthRegistry::builder(&Settings::default())
//!     .probe(database, || async { Ok::<(), std::io::Error>(()) })
//!     .probe(orders, || async { Outcome::degraded("the cache is cold") })
//!     .start()?;
//! let mut changes = health.changes();
//! while health.report().probes.iter().any(|it| it.state == HealthState::Unknown) {
//!     changes.changed().await;
//! }
//! assert_eq!(health.report().reasons, ["orders is degraded: the cache is cold"]);
//!
//! health.started();
//! let answer = health.respond("/readyz");
//! assert_eq!(answer.map(|it| it.status), Some(200));
//! # Ok(())
//! # }
//! ```
//!
//! ## Invariants
//! - Asking is reading: no probe runs because somebody asked.
//! - Liveness depends on no probe: a service is live until it says that it is not, or its runtime ran
//!   nothing for half a minute. Starting it again would not bring back what it depends on.
//! - A check that hangs, panics or comes late is one that found its probe down; nothing else notices.
//! - Two checks of a probe never run at once, and none runs after [`HealthRegistry::stop`] unless it
//!   blocks its thread.
//! - Health works where monitoring is off: then it keeps no numbers and tells of no changes.
//!
//! ## Limits
//! Looking after a probe costs some 30 µs a check (`examples/health_cost.rs`). A check that blocks its
//! thread takes it away from the runtime: those belong into [`blocking`], which has 512 threads by
//! default. States of a probe are four series: a [`Telemetry`](crate::Telemetry) with the usual limit of
//! 2000 series a family has room for 500 probes.
//!
//! ## Failure
//! Nothing here panics. A result that is older than three intervals and the time-out is no result: its
//! probe is unknown. Where programs are built to abort at a panic, a check that panics ends the program.
//!
//! ## See also
//! The endpoints: [`HealthRegistry::respond`], `routes` (feature `axum`), `grpc_service` (feature
//! `grpc`). Probes from a configuration: [`ProbeConfig`]. Metrics: `health_state`,
//! `health_probe_state`, `health_probe_duration_seconds`; event: `health_changed`.

mod builder;
mod checks;
mod config;
mod core;
mod endpoints;
mod factory;
#[cfg(feature = "grpc")]
mod grpc;
mod metrics;
mod probe;
mod pulse;
mod registry;
mod report;
#[cfg(feature = "axum")]
mod routes;
mod run;
mod schedule;
mod settings;
mod units;

pub use bellwether_health::{HealthState, Outcome};
pub use builder::HealthBuilder;
pub use checks::own::{QueueLoad, ToolEntry};
pub use config::{CheckConfig, Headers, HttpUrl, ProbeConfig};
pub use endpoints::HealthResponse;
pub use factory::ProbeFactory;
#[cfg(feature = "grpc")]
pub use grpc::{GrpcHealth, grpc_service};
pub use probe::{Checking, Probe, blocking};
pub use registry::{HealthChanges, HealthRegistry};
pub use report::{HealthReport, ProbeReport};
#[cfg(feature = "axum")]
pub use routes::routes;
pub use settings::{Criticality, HealthError, ProbeSettings};
