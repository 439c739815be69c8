//! Scaling: how many workers a pool shall have, decided again and again from what the store holds.
//!
//! ## Model
//! A [`ScalerSettings`] names a pool: queries for its signals, a policy, and who follows. [`Scalers`] asks
//! the queries at the turns of each scaler, has [`bellwether_scale::Scaler`] decide, and keeps the
//! [`Decided`]: as series, as a row of the timeline where it is another number than before, and over
//! restarts. Whoever follows (KEDA, Kubernetes, an SDK's pool, a webhook) reads
//! [`ScalerStatus`] and waits for [`Scalers::changes`]. Nothing is carried out here.
//!
//! ## Invariants
//! - A query that gives nothing, or that fails, is a signal that is not there: never a zero.
//! - Nothing is told before something was seen once: a server that knows nothing changes nothing.
//! - A turn is a function of the store, the state and its time, so that tests and backtests take the same.
//!
//! ## Limits
//! A query looks back as far as the policy's signals may be old, and not by the engine's lookback. The
//! newest [`CHANGES_MAX`] changes of a scaler are held in memory.
//!
//! ## See also
//! `docs/adr/0014-scaling-service.md`.

mod history;
mod keeper;
mod looks;
mod manager;
mod record;
mod scaler;
mod series;
mod settings;
mod status;
#[cfg(test)]
mod tests;

pub use history::{PastTurn, past_turns};
pub use manager::{Scalers, ScalersParts};
pub use settings::{
    ExternalMetric, KedaObject, ScalerSettings, ScalerTargets, SignalName, pool_queries,
};
pub use status::{CHANGES_MAX, Change, Decided, ScalerStatus, SignalProblem};
