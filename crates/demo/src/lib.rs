//! A sample AI daemon with providers, tools, a queue and faults, driven by real request traces.
//!
//! ## Model
//! A [`Simulation`] is a daemon between people and language models: requests of three workloads,
//! replayed from real traces, wait in queues, take workers, call models of two providers and four
//! tools. [`backfill`] writes its past into a store; [`Demo::start`] lets it go on as an HTTP server
//! that is scraped like any other target.
//!
//! ```no_run
//! # async fn run(store: &dyn bellwether_storage::MetricStore) -> Result<(), bellwether_demo::DemoError> {
//! use bellwether_demo::{Demo, HistoryOptions, backfill};
//! use bellwether_storage::{Clock as _, SystemClock};
//!
//! let history = backfill(store, SystemClock.now_ms(), &HistoryOptions::default())?;
//! let clock = std::sync::Arc::new(SystemClock);
//! let daemon = Demo::start(([127, 0, 0, 1], 0).into(), clock, history.simulation).await?;
//! let prometheus_yml = daemon.config("rules.yml");
//! # drop(prometheus_yml);
//! daemon.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! ## Invariants
//! The simulation is a function of its seed, its beginning and the time; how often somebody looks
//! changes nothing. Counters never go down, and go on from the history to the live daemon.
//!
//! ## Limits
//! About 1,500 series. Simulating a day takes half a second of one core (measured by the example
//! `measure_backfill`); writing its 8 million samples takes what the store takes.
//!
//! ## See also
//! `data/README.md` of this crate: the traces, their licences and citations.

mod backfill;
mod daemon;
mod error;
mod exposition;
mod family;
mod faults;
mod instruments;
mod pool;
mod provider;
mod random;
mod recorder;
mod simulation;
mod state;
mod tool;
mod trace;
mod workload;

/// Alerting rules for the daemon.
pub const RULES: &str = include_str!("../rules.yml");

pub use backfill::{History, HistoryOptions, INSTANCE, JOB, backfill};
pub use daemon::{Demo, DemoHandle};
pub use error::DemoError;
pub use exposition::{Format, render};
pub use family::{Family, HistogramPoint, Point, PointExemplar, PointValue};
pub use simulation::Simulation;
pub use state::{
    DemoState, DepthState, FaultState, ModelState, ProviderState, QueueState, RequestsState,
    ToolState, WorkersState,
};
