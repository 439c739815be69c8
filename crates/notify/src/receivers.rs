//! Receivers: what is sent to whom when there is a notification, and how.
//!
//! ## Model
//! [`settings`] says what each integration of each receiver sends and where.
//!
//! ## See also
//! <https://prometheus.io/docs/alerting/latest/configuration/#receiver-integration-settings>

pub mod settings;
