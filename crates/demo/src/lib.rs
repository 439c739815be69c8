//! A sample AI daemon with providers, tools, a queue and faults, driven by real request traces.
//!
//! ## Model
//! Requests of three workloads, replayed from real traces, wait in a queue, take workers, call models of two
//! providers and four tools. [`backfill`] simulates the daemon's past into a store; [`Demo::start`] runs the daemon
//! itself: a service on `bellwether-sdk`, with its two providers beside it as servers, all on loopback.
//!
//! ```no_run
//! # async fn run(store: &dyn bellwether_storage::MetricStore) -> Result<(), bellwether_demo::DemoError> {
//! use bellwether_demo::{Demo, DemoOptions, HistoryOptions, backfill};
//! use bellwether_storage::{Clock as _, SystemClock};
//!
//! let history = backfill(store, SystemClock.now_ms(), &HistoryOptions::default())?;
//! let options = DemoOptions { worker_count: history.worker_count, ..DemoOptions::default() };
//! let daemon = Demo::start(&options, std::sync::Arc::new(SystemClock)).await?;
//! let prometheus_yml = daemon.config("rules.yml");
//! # drop(prometheus_yml);
//! daemon.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! ## Invariants
//! - The history is a function of its seed, its beginning and the time. The live daemon is not: it runs in real time.
//! - All families of the history are those of the live daemon, with the same labels and buckets; counters begin anew
//!   with the live daemon, as after any restart.
//!
//! ## Limits
//! About 1,500 series. `measure_backfill` and `idle_cpu` of the examples measure what history and daemon cost.
//!
//! ## See also
//! `data/README.md` of this crate: the traces, their licences and citations.

mod backfill;
mod error;
mod families;
mod faults;
mod instruments;
mod live;
mod machine;
mod pool;
mod provider;
mod random;
mod recorder;
mod simulation;
mod staging;
mod tool;
mod trace;
mod workload;

/// Dashboards of the daemon, its machine and the server that watches it: names of files and what they hold.
pub const DASHBOARDS: [(&str, &str); 3] = [
    (
        "ai-service.yml",
        include_str!("../dashboards/ai-service.yml"),
    ),
    ("host.yml", include_str!("../dashboards/host.yml")),
    (
        "bellwether.yml",
        include_str!("../dashboards/bellwether.yml"),
    ),
];

/// Alerting rules for the daemon.
pub const RULES: &str = include_str!("../rules.yml");

/// What the daemon promises, and what is foreseen and decided for it: sections of a `bellwether.yml`.
pub const FORESIGHT: &str = include_str!("../foresight.yml");

pub use backfill::{History, HistoryOptions, INSTANCE, JOB, backfill};
pub use error::DemoError;
pub use live::{
    BreakerSummary, Demo, DemoHandle, DemoOptions, DemoState, FaultState, ModelState,
    ProviderState, RecentEvent, RequestsState, ToolState, WorkersState,
};
pub use staging::{Staged, UnknownStage};
