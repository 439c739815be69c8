//! Probes of servers of our own on free ports of the loopback interface.

mod kit;
mod tcp;
