//! The HTTP and gRPC edge: the Prometheus API, receivers, health, security and the page.
//!
//! ## Model
//! A [`Server`] is made of [`ServerParts`] and listens at once, so that probes are answered while
//! the store replays its log; [`Services`] come with [`Server::open`]. Handlers translate between
//! HTTP and the crates below: they hold no data and decide nothing about it.
//!
//! ## Invariants
//! Nothing here blocks an async thread: stores are asked on blocking threads behind gates. Every
//! body has a bound before and after decompression. Secrets are in no answer and in no log line.
//! Errors become codes in one file, `envelope.rs`.
//!
//! ## Limits
//! [`settings::Limits`].

mod am;
mod api;
mod app;
mod auth;
mod backtests;
mod body;
mod compression;
mod dashboards;
mod differences;
mod entities;
mod envelope;
mod error;
mod evidence;
mod external_metrics;
mod federate;
mod fields;
mod forecasts;
mod front_proxy;
mod headers;
mod json;
mod keda;
mod listener;
mod live;
mod long_work;
mod objectives;
mod openapi;
mod otlp_grpc;
mod own_api;
mod own_metrics;
mod own_transfer;
mod page;
pub mod paper;
mod params;
mod probing;
mod query_log;
mod receive;
mod render;
mod replica;
mod routing;
mod ruler;
mod scaling;
mod scraping;
mod server;
mod services;
pub mod settings;
mod silence_preview;
mod simulations;
mod sse;
mod system;
mod timeline;
mod tls;

pub use dashboards::{DashboardError, DashboardKeeper, DashboardSource, KeptDashboard};
pub use error::ServerError;
pub use openapi::openapi_text;
pub use probing::{ProbeRules, Probing};
pub use ruler::{RuleEditError, RuleEditor};
pub use scraping::{RelabelRules, ScrapedTargets};
pub use server::{Bound, Server};
pub use services::{
    ActiveTarget, Alerting, AlertingFacts, BoxFuture, BuildInfo, Control, DroppedTarget, NoTargets,
    RuntimeFacts, ServerParts, Services, TargetHealth, TargetMetadata, TargetSource,
};
pub use simulations::{
    AlertSimulation, OutageAlert, OutageReport, OutageSimulation, OutageTarget, SimulatedAlert,
    SimulationError, SimulationReport, SimulationStep, Simulator,
};

#[cfg(test)]
mod tests;
