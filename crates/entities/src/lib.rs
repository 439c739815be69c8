//! The map of what has health: daemons, providers, models, tools, pools, hosts, databases.
//!
//! ## Model
//! Every [`REFRESH`], and when there is news, all sources are asked what they know: probes and scrapes through [`FactSources`], health checks,
//! traffic and pools of services through their series (modules `traffic` and `health`). What they say of one thing
//! becomes one entity ([`bellwether_health::EntityMap`]), with a state, a reason, since when, and what explains it.
//! The states are series too: `bellwether_entity_state` and `bellwether_entity_caused_by`.
//!
//! ## Invariants
//! Entities come from what is observed; nobody has to write them down. States and since when survive a restart.
//!
//! ## Limits
//! [`ENTITIES_MAX`]; facts of further ones are left out, and that is told.

mod ask;
mod health;
mod identity;
mod memory;
mod service;
mod traffic;

#[cfg(test)]
mod tests;

pub use service::{Entities, EntitiesParts, FactSources, ScrapedTarget};

use std::time::Duration;

/// How often the map is made anew. Chosen: as often as most targets are scraped.
pub const REFRESH: Duration = Duration::from_secs(15);
/// It is made no oftener than that, however much news there is. Chosen: a person does not see the difference.
pub const REFRESH_MIN: Duration = Duration::from_millis(500);
/// Entities that the map holds. Chosen: more than a page can show, and a tenth of what a small server stores.
pub const ENTITIES_MAX: usize = 10_000;
