//! `icmp`.

use bellwether_probe::module::IcmpSettings;

use super::address::{ADDRESS, SOURCE, decode_address, decode_source};
use crate::schema::{Field, Kind, Section};
use crate::view::View;

/// The longest payload of an echo request in one datagram of IPv4: 65,535 bytes without both headers.
const PAYLOAD_BYTES_MAX: i64 = 65_507;

pub(super) static ICMP: Section = Section {
    name: "icmp prober",
    doc: "An echo request (ping). Needs CAP_NET_RAW, or a group in net.ipv4.ping_group_range.",
    fields: &[
        Field::new(
            "payload_size",
            Kind::Integer {
                min: 0,
                max: PAYLOAD_BYTES_MAX,
            },
            "",
            "Bytes of the request's payload; a short text of ours where absent or 0.",
        ),
        Field::new(
            "dont_fragment",
            Kind::Bool,
            "false",
            "Forbid routers to split the packet. IPv4 only.",
        ),
        Field::new(
            "ttl",
            Kind::Integer { min: 0, max: 255 },
            "64",
            "How many routers the request may pass; 0 means 64.",
        ),
    ],
    includes: &[&ADDRESS, &SOURCE],
    check: None,
};

pub(super) fn decode_icmp(view: &View<'_>) -> IcmpSettings {
    let default = IcmpSettings::default();
    IcmpSettings {
        address: decode_address(view),
        source: decode_source(view),
        payload_bytes: Some(view.length("payload_size")).filter(|bytes| *bytes > 0),
        dont_fragment: view.bool("dont_fragment"),
        ttl: match u8::try_from(view.integer("ttl")) {
            Ok(0) | Err(_) => default.ttl,
            Ok(ttl) => ttl,
        },
    }
}
