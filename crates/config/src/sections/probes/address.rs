//! Settings that several probers share: which address is asked, and from where.

use std::net::IpAddr;

use bellwether_probe::module::{AddressChoice, IpProtocol, Pattern};

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};
use crate::yaml::shortened;

pub(super) static ADDRESS: Section = Section {
    name: "address of a target",
    doc: "Which address of the target's name is asked. Only one is tried, however many there are.",
    fields: &[
        Field::new(
            "preferred_ip_protocol",
            Kind::OneOf(&["ip4", "ip6", ""]),
            "ip6",
            "The version of the Internet Protocol to look for first.",
        ),
        Field::new(
            "ip_protocol_fallback",
            Kind::Bool,
            "true",
            "Take the other version where there is no address of this one.",
        ),
    ],
    includes: &[],
    check: None,
};

pub(super) static SOURCE: Section = Section {
    name: "source of a probe",
    doc: "Where a probe comes from.",
    fields: &[Field::new(
        "source_ip_address",
        Kind::Text,
        "",
        "Address of this host to ask from; the system's choice where absent.",
    )],
    includes: &[],
    check: Some(|view, problems| {
        let text = view.text("source_ip_address");
        if !text.is_empty() && text.parse::<IpAddr>().is_err() {
            let text = shortened(text);
            let message = format!("{text:?} is not an IP address: want one such as 192.0.2.1");
            view.error_at(problems, "source_ip_address", message);
        }
    }),
};

pub(super) fn decode_address(view: &View<'_>) -> AddressChoice {
    AddressChoice {
        preferred: match view.text("preferred_ip_protocol") {
            "ip4" => IpProtocol::Ip4,
            _ => IpProtocol::Ip6,
        },
        fallback: view.bool("ip_protocol_fallback"),
    }
}

pub(super) fn decode_source(view: &View<'_>) -> Option<IpAddr> {
    view.text("source_ip_address").parse().ok()
}

/// The patterns of a list; those that are none were reported already.
pub(super) fn decode_patterns(view: &View<'_>, key: &str) -> Vec<Pattern> {
    let items = view.items(key).iter();
    items
        .filter_map(|item| Pattern::new(node_text(item)).ok())
        .collect()
}

/// Notes an error where a text cannot be the name of a header.
pub(super) fn check_header_names(view: &View<'_>, key: &str, problems: &mut Problems) {
    for (name, node) in view.entries(key) {
        let is_token = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        if !is_token {
            let name = shortened(name);
            let message = format!(
                "{name:?} is not the name of a header: want letters, digits and dashes only"
            );
            problems.error(&view.origin.file, node.position, &node.path, message);
        }
    }
}
