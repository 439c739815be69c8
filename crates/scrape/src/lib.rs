//! Collection by asking: discovery of targets, relabelling, exposition formats, scrape loops.
//!
//! ## Model
//! A [`Manager`] holds one pool for each job. A pool gets groups of targets from its discoveries,
//! relabels them, and runs a loop for each target that is left. A loop asks its target at a fixed
//! offset in each interval and hands the body to a session, which parses it and writes to the store.
//! [`Watchers`] run discoveries for others, such as whoever sends alerts.
//!
//! ## Invariants
//! - Bodies, discovery files and answers are untrusted and bounded.
//! - A reload leaves pools and loops alone whose settings did not change.
//! - Parsing and writing happen on blocking threads, at most as many at a time as there are cores;
//!   network waits happen on the async runtime.
//!
//! ## See also
//! [`settings`] for what a job can be told, [`exposition`] for the formats.

mod cache;
mod discovery;
mod error;
pub mod exposition;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod manager;
#[doc(hidden)]
pub mod measure;
mod metrics;
mod pool;
mod scrape_loop;
mod session;
pub mod settings;
mod source;
mod target;
mod watcher;

pub use error::{ScrapeError, TargetError};
pub use manager::{JobProblem, Manager};
pub use pool::{DiscoveryStatus, DroppedTarget, Health, TargetMetadata, TargetStatus};
pub use source::{InternalBody, InternalSource};
pub use target::static_target_errors;
pub use watcher::Watchers;
