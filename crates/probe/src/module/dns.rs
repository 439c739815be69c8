//! The settings of `dns`.

use std::net::IpAddr;

use bellwether_outbound::settings::TlsSettings;

use super::{AddressChoice, Pattern};

/// What carries a DNS query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DnsTransport {
    /// Datagrams.
    #[default]
    Udp,
    /// A TCP connection.
    Tcp,
    /// TLS over TCP (RFC 7858).
    Tls,
}

/// Conditions on the records of one section of an answer, matched with their text
/// (`name TTL class type data`, separated by tabs).
#[derive(Debug, Clone, Default)]
pub struct RecordConditions {
    /// Fail where a record matches.
    pub fail_if_matches: Vec<Pattern>,
    /// Fail where a record does not match one of these: what `fail_if_all_match_regexp` does in
    /// blackbox_exporter, against its name. No record at all passes.
    pub fail_if_all_match: Vec<Pattern>,
    /// Fail where a record does not match.
    pub fail_if_not_matches: Vec<Pattern>,
    /// Fail where no record matches.
    pub fail_if_none_matches: Vec<Pattern>,
}

/// The settings of `dns`.
#[derive(Debug, Clone)]
pub struct DnsSettings {
    /// Which address of the server's name is asked.
    pub address: AddressChoice,
    /// The address to ask from.
    pub source: Option<IpAddr>,
    /// What carries the query.
    pub transport: DnsTransport,
    /// How TLS is spoken.
    pub tls_config: TlsSettings,
    /// The class of the question, such as `IN`.
    pub query_class: String,
    /// The name to ask for.
    pub query_name: String,
    /// The type to ask for, such as `A`.
    pub query_type: String,
    /// Whether the server shall ask others.
    pub recursion_desired: bool,
    /// The response codes that pass, such as `NOERROR`.
    pub valid_rcodes: Vec<String>,
    /// Conditions on the answer section.
    pub validate_answer: RecordConditions,
    /// Conditions on the authority section.
    pub validate_authority: RecordConditions,
    /// Conditions on the additional section.
    pub validate_additional: RecordConditions,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self {
            address: AddressChoice::default(),
            source: None,
            transport: DnsTransport::Udp,
            tls_config: TlsSettings::default(),
            query_class: "IN".to_owned(),
            query_name: String::new(),
            query_type: "ANY".to_owned(),
            recursion_desired: true,
            valid_rcodes: vec!["NOERROR".to_owned()],
            validate_answer: RecordConditions::default(),
            validate_authority: RecordConditions::default(),
            validate_additional: RecordConditions::default(),
        }
    }
}
