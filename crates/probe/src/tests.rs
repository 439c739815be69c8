//! Probes of servers of our own on free ports of the loopback interface.

mod http;
mod kit;
mod tcp;
