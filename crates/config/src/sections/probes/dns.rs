//! `dns`.

use bellwether_probe::module::{DnsSettings, DnsTransport, RecordConditions};

use super::address::{ADDRESS, SOURCE, decode_address, decode_patterns, decode_source};
use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::sections::http_client::{TLS, decode_tls};
use crate::view::{View, node_text};
use crate::yaml::shortened;

pub(super) static DNS: Section = Section {
    name: "dns prober",
    doc: "A DNS query. The target is the server that is asked: host or host:port, 53 (853 with TLS) where it names none.",
    fields: &[
        Field::required("query_name", Kind::Text, "The name to ask for."),
        Field::new(
            "query_type",
            Kind::Text,
            "ANY",
            "The type to ask for, such as A.",
        ),
        Field::new(
            "query_class",
            Kind::Text,
            "IN",
            "The class of the question.",
        ),
        Field::new(
            "recursion_desired",
            Kind::Bool,
            "true",
            "Whether the server shall ask others.",
        ),
        Field::new(
            "transport_protocol",
            Kind::OneOf(&["udp", "tcp", ""]),
            "udp",
            "What carries the query.",
        ),
        Field::new(
            "dns_over_tls",
            Kind::Bool,
            "false",
            "Speak TLS (RFC 7858); needs transport_protocol tcp.",
        ),
        Field::new("tls_config", Kind::Section(&TLS), "", "TLS."),
        Field::new(
            "valid_rcodes",
            Kind::List(&Kind::Text),
            "",
            "The response codes that pass; NOERROR where none is listed.",
        ),
        Field::new(
            "validate_answer_rrs",
            Kind::Section(&RECORDS),
            "",
            "Conditions on the answer section.",
        ),
        Field::new(
            "validate_authority_rrs",
            Kind::Section(&RECORDS),
            "",
            "Conditions on the authority section.",
        ),
        Field::new(
            "validate_additional_rrs",
            Kind::Section(&RECORDS),
            "",
            "Conditions on the additional section.",
        ),
    ],
    includes: &[&ADDRESS, &SOURCE],
    check: Some(check_dns),
};

static RECORDS: Section = Section {
    name: "conditions on DNS records",
    doc: "Patterns for the text of records: name, TTL, class, type and data, separated by tabs.",
    fields: &[
        Field::new(
            "fail_if_matches_regexp",
            Kind::List(&Kind::Pattern),
            "",
            "Fail where a record matches one of these.",
        ),
        Field::new(
            "fail_if_all_match_regexp",
            Kind::List(&Kind::Pattern),
            "",
            "Fail where a record does not match one of these: what blackbox_exporter does, against the name.",
        ),
        Field::new(
            "fail_if_not_matches_regexp",
            Kind::List(&Kind::Pattern),
            "",
            "Fail where a record does not match one of these.",
        ),
        Field::new(
            "fail_if_none_matches_regexp",
            Kind::List(&Kind::Pattern),
            "",
            "Fail where no record matches one of these.",
        ),
    ],
    includes: &[],
    check: None,
};

fn check_dns(view: &View<'_>, problems: &mut Problems) {
    let mut refuse = |key: &str, is_right: bool, want: &str| {
        if !is_right {
            let text = shortened(view.text(key));
            view.error_at(problems, key, format!("{text:?} given: want {want}"));
        }
    };
    let text = |key: &str| view.text(key);
    let name = text("query_name");
    refuse(
        "query_name",
        DnsSettings::is_query_name(name),
        "a name such as example.com",
    );
    let kind = text("query_type");
    let is_type = kind.is_empty() || DnsSettings::is_query_type(kind);
    refuse(
        "query_type",
        is_type,
        "a type such as A, AAAA, MX, SOA or TXT",
    );
    let class = text("query_class");
    let is_class = class.is_empty() || DnsSettings::is_query_class(class);
    refuse("query_class", is_class, "one of IN, CH, HS, ANY and NONE");
    if view.bool("dns_over_tls") && text("transport_protocol") != "tcp" {
        let message = "needs transport_protocol: tcp, since TLS goes over TCP";
        view.error_at(problems, "dns_over_tls", message);
    }
    for item in view.items("valid_rcodes") {
        let code = node_text(item);
        if !DnsSettings::is_response_code(&code) {
            let message = format!(
                "{:?} given: want a response code such as NOERROR, NXDOMAIN, SERVFAIL or REFUSED",
                shortened(&code)
            );
            problems.error(&view.origin.file, item.position, &item.path, message);
        }
    }
}

pub(super) fn decode_dns(view: &View<'_>) -> DnsSettings {
    let default = DnsSettings::default();
    let or_default = |key: &str, default: String| view.optional_text(key).unwrap_or(default);
    let valid_rcodes = view.texts("valid_rcodes");
    DnsSettings {
        address: decode_address(view),
        source: decode_source(view),
        transport: match (view.bool("dns_over_tls"), view.text("transport_protocol")) {
            (true, _) => DnsTransport::Tls,
            (false, "tcp") => DnsTransport::Tcp,
            (false, _) => DnsTransport::Udp,
        },
        tls_config: decode_tls(&view.section("tls_config")),
        query_class: or_default("query_class", default.query_class),
        query_name: view.text("query_name").to_owned(),
        query_type: or_default("query_type", default.query_type),
        recursion_desired: view.bool("recursion_desired"),
        valid_rcodes: match valid_rcodes.is_empty() {
            true => default.valid_rcodes,
            false => valid_rcodes,
        },
        validate_answer: decode_records(&view.section("validate_answer_rrs")),
        validate_authority: decode_records(&view.section("validate_authority_rrs")),
        validate_additional: decode_records(&view.section("validate_additional_rrs")),
    }
}

fn decode_records(view: &View<'_>) -> RecordConditions {
    RecordConditions {
        fail_if_matches: decode_patterns(view, "fail_if_matches_regexp"),
        fail_if_all_match: decode_patterns(view, "fail_if_all_match_regexp"),
        fail_if_not_matches: decode_patterns(view, "fail_if_not_matches_regexp"),
        fail_if_none_matches: decode_patterns(view, "fail_if_none_matches_regexp"),
    }
}
