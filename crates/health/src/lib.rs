//! How things are: states with thresholds, what explains them, and the map of entities.
//!
//! ## Model
//! A check gives an [`Outcome`]; a [`Record`] makes a [`HealthState`] of many of them; a [`Graph`] of who depends
//! on whom says which of several bad states explains the others. An [`EntityMap`] joins what several sources say of
//! one thing.
//!
//! ## Invariants
//! Pure: values in, values out. Times are parameters, in ms since 1970.

mod entity;
mod graph;
mod record;
mod state;

pub use entity::{Entity, EntityFact, EntityId, EntityKind, EntityMap, EntityMapParts, FactSource};
pub use graph::{Graph, GraphError};
pub use record::{Record, Thresholds};
pub use state::{HealthState, Outcome, one_line};
