//! The tables of all settings, each beside the decoder that turns it into plain settings types.

pub(crate) mod alerting;
pub(crate) mod discovery;
pub(crate) mod forecasts;
pub(crate) mod global;
pub(crate) mod http_client;
pub(crate) mod notifications;
pub(crate) mod objectives;
pub(crate) mod otlp;
pub(crate) mod probes;
pub(crate) mod relabel;
pub(crate) mod remote;
pub(crate) mod replicas;
pub(crate) mod root;
pub(crate) mod rule_documents;
pub(crate) mod rules;
pub(crate) mod scaling;
pub(crate) mod scrape;
pub(crate) mod server;
pub(crate) mod storage;
pub(crate) mod tracing;
pub(crate) mod web;
