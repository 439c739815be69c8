//! Traces of the server itself.

use bellwether_outbound::settings::{Secret, TlsSettings};

use super::http_client::{TLS, decode_tls, is_reserved_header};
use crate::schema::{Field, Kind, Section};
use crate::view::View;

pub(crate) static TRACING: Section = Section {
    name: "tracing",
    doc: "Where traces of this server are sent.",
    fields: &[
        Field::required("endpoint", Kind::Text, "Where to send, host:port."),
        Field::new(
            "client_type",
            Kind::OneOf(&["grpc", "http"]),
            "grpc",
            "OTLP over gRPC or HTTP.",
        ),
        Field::new(
            "sampling_fraction",
            Kind::Float {
                min: 0.0,
                max: f64::INFINITY,
            },
            "0",
            "Share of requests that are traced, from 0 to 1.",
        ),
        Field::new("insecure", Kind::Bool, "false", "Do not use TLS."),
        Field::new("tls_config", Kind::Section(&TLS), "", "TLS."),
        Field::new(
            "headers",
            Kind::Map(&Kind::Secret),
            "",
            "Headers of every request; their values are not shown.",
        ),
        Field::new(
            "compression",
            Kind::OneOf(&["gzip", ""]),
            "",
            "Compression of requests.",
        ),
        Field::new(
            "timeout",
            Kind::Duration,
            "0s",
            "Time after which a request fails; 0: none.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        for (name, node) in view.entries("headers") {
            if is_reserved_header(name) {
                problems.error(
                    &view.origin.file,
                    node.position,
                    &node.path,
                    format!("header {name:?} is set by the client itself: choose another"),
                );
            }
        }
    }),
};

/// Where traces of the server itself are sent.
#[derive(Debug, Clone, PartialEq)]
pub struct TracingSettings {
    /// Where to send, `host:port`.
    pub endpoint: String,
    /// Over gRPC, not HTTP.
    pub is_grpc: bool,
    /// Share of requests that are traced, from 0 to 1.
    pub sampling_fraction: f64,
    /// Do not use TLS.
    pub insecure: bool,
    /// TLS.
    pub tls: TlsSettings,
    /// Headers of every request.
    pub headers: Vec<(String, Secret)>,
    /// Compress requests with gzip.
    pub gzip: bool,
    /// Time after which a request fails; 0: none.
    pub timeout_ms: i64,
}

/// Decodes the section.
pub(crate) fn decode_tracing(view: &View<'_>) -> TracingSettings {
    TracingSettings {
        endpoint: view.text("endpoint").to_owned(),
        is_grpc: view.text("client_type") == "grpc",
        sampling_fraction: view.float("sampling_fraction"),
        insecure: view.bool("insecure"),
        tls: decode_tls(&view.section("tls_config")),
        headers: view
            .text_map("headers")
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)))
            .collect(),
        gzip: view.text("compression") == "gzip",
        timeout_ms: view.duration_ms("timeout"),
    }
}
