//! Probes of servers of our own on free ports of the loopback interface.

mod database;
mod dns;
mod grpc;
mod hostile;
mod http;
mod icmp;
pub(crate) mod kit;
mod llm;
mod local;
mod mcp;
mod tcp;
mod websocket;
