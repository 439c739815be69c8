//! Probes on a schedule: what they found, how the targets are, since when and why.
//!
//! ## Model
//! A [`Watcher`] checks each probe at its times, writes what it finds as series with blackbox_exporter's names,
//! and makes a state of many checks ([`bellwether_health::Record`]). A [`ProbeStatus`] tells that state, its
//! history, and which other probes explain it. Times of [`Maintenance`] change no state: they say that it is meant.
//!
//! ## Invariants
//! A probe that hangs, panics or is late harms no other. States and since when survive a restart.

mod check;
mod maintenance;
mod memory;
mod series;
mod settings;
#[cfg(test)]
mod tests;
mod watcher;

pub use check::Check;
pub use maintenance::{Maintenance, MaintenanceError};
pub use series::{PROBE_JOB, shown_target};
pub use settings::{
    INTERVAL_MAX, INTERVAL_MIN, MaintenanceSettings, NAME_BYTES_MAX, ProbeSettings, PublicSettings,
    THRESHOLD_MAX,
};
pub use watcher::{ProbeStatus, Watcher, WatcherParts};
