//! `grpc`.

use bellwether_probe::module::GrpcSettings;

use super::address::{ADDRESS, check_header_names, decode_address};
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{TLS, decode_tls};
use crate::view::{View, node_text};
use crate::yaml::NodeValue;

pub(super) static GRPC: Section = Section {
    name: "grpc prober",
    doc: "grpc.health.v1.Health/Check of host:port.",
    fields: &[
        Field::new(
            "service",
            Kind::Text,
            "",
            "The service to ask about; the server as a whole where empty.",
        ),
        Field::new("tls", Kind::Bool, "false", "Speak TLS."),
        Field::new("tls_config", Kind::Section(&TLS), "", "TLS."),
        Field::new(
            "metadata",
            Kind::Headers(&Kind::List(&Kind::Text)),
            "",
            "Metadata of the call, each name with its values.",
        ),
    ],
    includes: &[&ADDRESS],
    check: Some(|view, problems| check_header_names(view, "metadata", problems)),
};

pub(super) fn decode_grpc(view: &View<'_>) -> GrpcSettings {
    let mut metadata = Vec::new();
    for (name, node) in view.entries("metadata") {
        if let NodeValue::List(items) = &node.value {
            metadata.extend(items.iter().map(|item| (name.to_owned(), node_text(item))));
        }
    }
    GrpcSettings {
        service: view.text("service").to_owned(),
        address: decode_address(view),
        tls: view.bool("tls"),
        tls_config: decode_tls(&view.section("tls_config")),
        metadata,
    }
}
