//! Other Alertmanagers: whom else our alerts are sent to, as Prometheus' notifier does.
//!
//! ## Model
//! A [`Manager`] holds the sets of Alertmanagers of the configuration ([`AlertmanagerSet`]). What
//! discovery finds for a set is relabelled into URLs; each URL has a line: a queue, and a task that
//! posts batches of it, one after another. [`dress_labels`] gives an alert the labels under which others
//! know it.
//!
//! ## Invariants
//! Nobody waits: [`Manager::send`] queues, and an Alertmanager that is slow or gone holds up no
//! other. A batch is sent once: whoever sends alerts sends them again while they fire. What is not
//! sent is counted.
//!
//! ## Limits
//! [`ExternalOptions`] bound queues and batches; [`ALERTMANAGERS_MAX`] bounds a set.
//!
//! ## See also
//! <https://prometheus.io/docs/alerting/latest/clients/>

mod dress;
mod endpoint;
mod line;
mod manager;
mod metrics;
mod payload;
mod queue;
mod set;
mod settings;
#[cfg(test)]
mod tests;

pub use dress::{dress, dress_labels};
pub use endpoint::{ALERTMANAGERS_MAX, EndpointError};
pub use manager::{ExternalError, Manager};
pub use settings::{AlertmanagerSet, AlertmanagerSettings, ExternalOptions, ExternalSettings};
