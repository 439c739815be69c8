//! The settings of `http`.

use std::path::PathBuf;

use bellwether_outbound::settings::HttpClientSettings;

use super::{AddressChoice, Pattern};

/// A pattern for the values of one header.
#[derive(Debug, Clone)]
pub struct HeaderMatch {
    /// The header's name, in any case.
    pub header: String,
    /// The pattern.
    pub pattern: Pattern,
    /// Whether an answer without this header passes.
    pub allow_missing: bool,
}

/// How the body of an answer is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 1951 without a wrapper, as blackbox_exporter reads it.
    Deflate,
    /// RFC 7932.
    Brotli,
}

impl Compression {
    /// Every way with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("identity", Self::Identity),
        ("gzip", Self::Gzip),
        ("deflate", Self::Deflate),
        ("br", Self::Brotli),
    ];
}

/// What is sent as the body of a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RequestBody {
    /// Nothing.
    #[default]
    Empty,
    /// A text.
    Text(String),
    /// The content of a file, read for each probe.
    File(PathBuf),
}

/// The settings of `http`.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The statuses that pass. None listed: 200 to 299.
    pub valid_status_codes: Vec<u16>,
    /// The versions that pass, such as `HTTP/1.1` and `HTTP/2.0`. None listed: all.
    pub valid_http_versions: Vec<String>,
    /// Which address of the target's name is asked.
    pub address: AddressChoice,
    /// Leave the target's name to the proxy, where there is one.
    pub skip_resolve_phase_with_proxy: bool,
    /// Fail where the last request went over TLS.
    pub fail_if_ssl: bool,
    /// Fail where the last request did not go over TLS.
    pub fail_if_not_ssl: bool,
    /// The method. Empty: `GET`.
    pub method: String,
    /// Headers of the request. `Host` also names the server for TLS.
    pub headers: Vec<(String, String)>,
    /// Fail where the body matches one of these.
    pub fail_if_body_matches: Vec<Pattern>,
    /// Fail where the body does not match one of these.
    pub fail_if_body_not_matches: Vec<Pattern>,
    /// Fail where one value of the header matches.
    pub fail_if_header_matches: Vec<HeaderMatch>,
    /// Fail where no value of the header matches.
    pub fail_if_header_not_matches: Vec<HeaderMatch>,
    /// The body of the request.
    pub body: RequestBody,
    /// Credentials, TLS, proxy, redirects, further headers.
    pub client: HttpClientSettings,
    /// How the answer is packed. None: its body is taken as it comes.
    pub compression: Option<Compression>,
    /// The longest unpacked body that passes, in bytes. None: no bound but that on what patterns
    /// are matched with ([`crate::BODY_BYTES_MAX`]).
    pub body_size_limit: Option<u64>,
    /// A condition on the body that this build cannot evaluate, by the name of its setting: whether the target
    /// fulfils it is not known, and so the probe does not succeed. `None`: there is none.
    pub unknown_condition: Option<String>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            valid_status_codes: Vec::new(),
            valid_http_versions: Vec::new(),
            address: AddressChoice::default(),
            skip_resolve_phase_with_proxy: false,
            fail_if_ssl: false,
            fail_if_not_ssl: false,
            method: String::new(),
            headers: Vec::new(),
            fail_if_body_matches: Vec::new(),
            fail_if_body_not_matches: Vec::new(),
            fail_if_header_matches: Vec::new(),
            fail_if_header_not_matches: Vec::new(),
            body: RequestBody::Empty,
            client: HttpClientSettings::default(),
            compression: None,
            body_size_limit: None,
            unknown_condition: None,
        }
    }
}
