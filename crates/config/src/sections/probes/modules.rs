//! Modules: ways to probe, by name.

use std::time::Duration;

use bellwether_probe::{Module, Prober};

use super::dns::{DNS, decode_dns};
use super::grpc::{GRPC, decode_grpc};
use super::http::{HTTP, decode_http};
use super::icmp::{ICMP, decode_icmp};
use super::tcp::{TCP, UNIX, decode_tcp, decode_unix};
use super::websocket::{WEBSOCKET, decode_websocket};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::values::parse_integer;
use crate::view::View;

/// Every prober by the name of its settings.
pub(super) const PROBERS: &[&str] = &["http", "tcp", "unix", "dns", "icmp", "grpc", "websocket"];

/// The settings of every prober, which stand in modules and in probes.
pub(super) static PROBER_SETTINGS: Section = Section {
    name: "settings of probers",
    doc: "The settings of each prober, under its name.",
    fields: &[
        Field::new("http", Kind::Section(&HTTP), "", HTTP.doc),
        Field::new("tcp", Kind::Section(&TCP), "", TCP.doc),
        Field::new("unix", Kind::Section(&UNIX), "", UNIX.doc),
        Field::new("dns", Kind::Section(&DNS), "", DNS.doc),
        Field::new("icmp", Kind::Section(&ICMP), "", ICMP.doc),
        Field::new("grpc", Kind::Section(&GRPC), "", GRPC.doc),
        Field::new("websocket", Kind::Section(&WEBSOCKET), "", WEBSOCKET.doc),
    ],
    includes: &[],
    check: None,
};

pub(crate) static MODULE: Section = Section {
    name: "probe module",
    doc: "A way to probe: a module of blackbox_exporter, or one with a prober of ours.",
    fields: &[
        Field::required(
            "prober",
            Kind::OneOf(PROBERS),
            "What is spoken to the target.",
        ),
        Field::new(
            "timeout",
            Kind::GoDuration,
            "",
            "The longest that a probe may take; what the asker allows where absent or 0s.",
        ),
    ],
    includes: &[&PROBER_SETTINGS],
    check: Some(check_module),
};

pub(crate) static MODULE_FILE: Section = Section {
    name: "file of probe modules",
    doc: "A `blackbox.yml`: what `probe_modules` may name.",
    fields: &[Field::new(
        "modules",
        Kind::SectionMap(&MODULE),
        "",
        "The modules, by name.",
    )],
    includes: &[],
    check: None,
};

fn check_module(view: &View<'_>, problems: &mut Problems) {
    let prober = view.text("prober");
    for other in view.set_among(PROBERS) {
        if other != prober {
            view.warn_at(
                problems,
                other,
                format!("has no effect: prober is {prober}"),
            );
        }
    }
    if prober == "dns" && !view.is_set("dns") {
        view.error(problems, "dns is missing: want at least dns.query_name");
    }
    let timeout = view.text("timeout");
    if parse_integer(timeout).is_some_and(|number| number != 0) {
        let message = format!("{timeout:?} has no unit: want a duration such as 5s");
        view.error_at(problems, "timeout", message);
    }
}

/// Decodes a module. None where its prober was reported as wrong.
pub(crate) fn decode_module(view: &View<'_>) -> Option<Module> {
    let mut module = Module::new(decode_prober(view, view.text("prober"))?);
    let timeout_ms = u64::try_from(view.go_duration_ms("timeout")).unwrap_or(0);
    module.timeout = Some(timeout_ms)
        .filter(|ms| *ms > 0)
        .map(Duration::from_millis);
    Some(module)
}

/// Decodes the settings of the prober with this name, which stand in `view` under it.
pub(super) fn decode_prober(view: &View<'_>, name: &str) -> Option<Prober> {
    let section = || view.section(name);
    Some(match name {
        "http" => Prober::Http(Box::new(decode_http(&section()))),
        "tcp" => Prober::Tcp(decode_tcp(&section())),
        "unix" => Prober::Unix(decode_unix(&section())),
        "dns" => Prober::Dns(Box::new(decode_dns(&section()))),
        "icmp" => Prober::Icmp(decode_icmp(&section())),
        "grpc" => Prober::Grpc(Box::new(decode_grpc(&section()))),
        "websocket" => Prober::WebSocket(Box::new(decode_websocket(&section()))),
        _ => return None,
    })
}
