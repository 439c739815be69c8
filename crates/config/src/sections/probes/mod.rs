//! Probes: the modules of blackbox_exporter with our own beside them, what is probed on a schedule,
//! and when something is worked on.

mod address;
mod conversation;
mod database;
mod dns;
mod grpc;
mod http;
mod icmp;
mod llm;
pub(crate) mod maintenance;
mod mcp;
pub(crate) mod modules;
mod process;
mod program;
pub(crate) mod scheduled;
mod target;
mod tcp;
mod values;
mod websocket;
