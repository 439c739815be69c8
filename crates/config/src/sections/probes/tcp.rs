//! `tcp` and `unix`.

use bellwether_probe::module::{TcpSettings, UnixSettings};

use super::address::{ADDRESS, SOURCE, decode_address, decode_source};
use super::conversation::{QUERY_RESPONSE, decode_query_response};
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{TLS, decode_tls};
use crate::view::View;

static STREAM: Section = Section {
    name: "conversation of a probe",
    doc: "What is said over a connection.",
    fields: &[
        Field::new(
            "query_response",
            Kind::Sections(&QUERY_RESPONSE),
            "",
            "What is said, step by step.",
        ),
        Field::new("tls", Kind::Bool, "false", "Begin with TLS."),
        Field::new("tls_config", Kind::Section(&TLS), "", "TLS."),
    ],
    includes: &[],
    check: None,
};

pub(super) static TCP: Section = Section {
    name: "tcp prober",
    doc: "A TCP connection to host:port, and a conversation over it.",
    fields: &[],
    includes: &[&STREAM, &ADDRESS, &SOURCE],
    check: None,
};

pub(super) static UNIX: Section = Section {
    name: "unix prober",
    doc: "A connection to the socket of a path, and a conversation over it.",
    fields: &[],
    includes: &[&STREAM],
    check: None,
};

pub(super) fn decode_tcp(view: &View<'_>) -> TcpSettings {
    TcpSettings {
        address: decode_address(view),
        source: decode_source(view),
        query_response: decode_query_response(view),
        tls: view.bool("tls"),
        tls_config: decode_tls(&view.section("tls_config")),
    }
}

pub(super) fn decode_unix(view: &View<'_>) -> UnixSettings {
    UnixSettings {
        query_response: decode_query_response(view),
        tls: view.bool("tls"),
        tls_config: decode_tls(&view.section("tls_config")),
    }
}
