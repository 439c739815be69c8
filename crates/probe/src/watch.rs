//! Probes on a schedule: what they found, how the targets are, since when and why.

mod settings;

pub use settings::{
    INTERVAL_MAX, INTERVAL_MIN, MaintenanceSettings, NAME_BYTES_MAX, ProbeSettings, PublicSettings,
    THRESHOLD_MAX,
};
