//! Receivers: what is sent to whom when there is a notification, and how.
//!
//! ## Model
//! [`settings`] says what each integration of each receiver sends and where. [`Senders`] is made of
//! them and carries out deliveries: it executes the templates, sends what comes out, and says whether
//! the receiver took it, and whether another attempt may help.
//!
//! ## Invariants
//! Messages, limits of lengths and defaults are those of Prometheus' Alertmanager, so that people's
//! templates and what stands behind their webhooks go on working. All of HTTP goes through
//! `bellwether_outbound`. Every attempt ends by the delivery's deadline. Answers are read and shown
//! within bounds, and no error shows a secret.
//!
//! ## Failure
//! An attempt that fails is tried again where the service may take it later: no connection, no answer
//! in time, 5xx, and 429 where a service says so. A template that cannot be executed, a missing
//! setting and any other refusal end the delivery.
//!
//! ## See also
//! <https://prometheus.io/docs/alerting/latest/configuration/#receiver-integration-settings>

mod discord;
mod document;
mod email;
mod http;
mod incidentio;
mod jira;
mod mattermost;
mod opsgenie;
mod pagerduty;
mod payload;
mod pushover;
mod rocketchat;
mod senders;
pub mod settings;
mod slack;
mod source;
mod teams;
mod telegram;
mod templates;
#[cfg(test)]
mod tests;
mod truncate;
mod victorops;
mod webex;
mod webhook;
mod wechat;

pub use senders::{PreparedSettings, ReceiverError, Senders};
pub use templates::render;
