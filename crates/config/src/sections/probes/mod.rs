//! Probes: the modules of blackbox_exporter with our own beside them, what is probed on a schedule,
//! and when something is worked on.

mod address;
mod conversation;
mod dns;
mod grpc;
mod http;
mod icmp;
pub(crate) mod maintenance;
pub(crate) mod modules;
pub(crate) mod scheduled;
pub(crate) mod target;
mod tcp;
mod websocket;
