//! Who is told of which alerts, and when: routing, grouping, inhibition, silences, deduplication.
//!
//! ## Model
//! A [`Plan`] is what the configuration says. A [`Machine`] receives alerts and says what is to be
//! delivered; whoever drives it delivers, and tells the outcome. In the server that is a [`Runner`].
//!
//! [`external`] sends alerts to other Alertmanagers, which decide by themselves.
//!
//! ## Invariants
//! The machine does no I/O and reads no clock. The words, keys and outcomes are those of Prometheus'
//! Alertmanager.
//!
//! ## See also
//! `docs/adr/0004-alerting.md`.

mod acknowledge;
mod circumstances;
mod delivery;
pub mod external;
mod group;
mod inhibit;
mod interval;
mod machine;
mod matchers;
mod notification_log;
mod plan;
pub mod receivers;
mod record;
pub mod replica;
mod route;
mod route_test;
mod runner;
mod silence;
mod simulation;
#[cfg(test)]
mod testing;

pub use acknowledge::Acknowledgement;
pub use circumstances::{Circumstances, ENTITY_LABEL, PROBE_JOB, PROBE_LABEL};
pub use delivery::{Delivery, DeliveryId, Effects, Outcome};
pub use inhibit::InhibitRule;
pub use interval::{Span, TimeInterval};
pub use machine::{
    ALERT_BYTES_MAX, ALERTS_BYTES_MAX, ALERTS_MAX, CountsByIntegration, GroupView, Machine,
    NotificationCounts, PAIRS_MAX, Suppression, too_large,
};
pub use matchers::{MatchersError, parse_matcher, parse_matchers};
pub use notification_log::Reason;
pub use plan::{Integration, Plan};
pub use route::{GroupBy, Route, RouteSettings, RouteTree, matchers_text};
pub use route_test::{TakenRoute, taken_routes};
pub use runner::{AttemptError, BoxFuture, Deliver, NoReceivers, ROWS_MAX, Runner, RunnerParts};
pub use silence::{
    BYTES_MAX, MATCHERS_MAX, SILENCES_MAX, Silence, SilenceError, SilenceRequest, SilenceState,
};
pub use simulation::{SIMULATED, SIMULATED_MARK, simulated_labels, simulated_row};
