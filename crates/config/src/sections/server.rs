//! The server: addresses, TLS, who may do what.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use bellwether_model::Regexp;
use bellwether_outbound::settings::{PemSource, Secret};
use url::Url;

use super::web::{TLS_SERVER, TlsServerSettings, decode_tls_server};
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};

const SCOPES: &[&str] = &["read", "write", "admin"];

pub(crate) static SERVER: Section = Section {
    name: "server",
    doc: "Addresses, TLS, and who may do what. Flags win over it.",
    fields: &[
        Field::new(
            "listen",
            Kind::Text,
            "127.0.0.1:9090",
            "Address of API and page, host:port; no host: all addresses.",
        ),
        Field::new(
            "otlp_http_listen",
            Kind::Text,
            "",
            "Address of OTLP over HTTP, customarily port 4318.",
        ),
        Field::new(
            "otlp_grpc_listen",
            Kind::Text,
            "",
            "Address of OTLP over gRPC, customarily port 4317.",
        ),
        Field::new(
            "insecure_listen",
            Kind::Bool,
            "false",
            "Listen beyond loopback without authentication.",
        ),
        Field::new(
            "external_url",
            Kind::Url(&["http", "https"]),
            "",
            "URL under which people reach the server.",
        ),
        Field::new("page_title", Kind::Text, "Bellwether", "Title of the page."),
        Field::new(
            "cors_origin",
            Kind::Regex,
            ".*",
            "Origins whose scripts may read answers.",
        ),
        Field::new(
            "enable_admin",
            Kind::Bool,
            "false",
            "Switch on /api/v1/admin.",
        ),
        Field::new(
            "enable_lifecycle",
            Kind::Bool,
            "false",
            "Switch on /-/reload and /-/quit.",
        ),
        Field::new(
            "enable_remote_write",
            Kind::Bool,
            "true",
            "Take remote write.",
        ),
        Field::new("enable_otlp", Kind::Bool, "true", "Take OTLP."),
        Field::new(
            "live_clients_max",
            Kind::Integer {
                min: 1,
                max: 100_000,
            },
            "64",
            "Pages that may follow what changes (/api/bellwether/v1/live) at once; each holds a connection.",
        ),
        Field::new(
            "tls",
            Kind::Section(&TLS_SERVER),
            "",
            "TLS; plain HTTP where absent.",
        ),
        Field::new(
            "front_proxy",
            Kind::Section(&FRONT_PROXY),
            "",
            "Kubernetes' aggregation layer in front of /apis; needs TLS.",
        ),
        Field::new(
            "auth",
            Kind::Section(&AUTH),
            "",
            "Who may do what; everybody everything where absent.",
        ),
        Field::new(
            "probe_targets",
            Kind::List(&Kind::Regex),
            "",
            "Targets that /probe may be asked for, where probe_modules is set at all; each is matched as a whole. Any where none is listed.",
        ),
        Field::new(
            "headers",
            Kind::Map(&Kind::Text),
            "",
            "Headers of every answer.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        for key in ["listen", "otlp_http_listen", "otlp_grpc_listen"] {
            let text = view.text(key);
            if !text.is_empty() && parse_address(text).is_none() {
                view.error_at(problems, key, format!("{text:?} is not an address: want one such as 127.0.0.1:9090, [::1]:9090 or :9090"));
            }
        }
    }),
};

static FRONT_PROXY: Section = Section {
    name: "front_proxy",
    doc: "The aggregation layer of Kubernetes: who comes with its certificate may read /apis for the user that the header X-Remote-User names. Exactly one of client_ca and client_ca_file.",
    fields: &[
        Field::new(
            "client_ca_file",
            Kind::ReadFile,
            "",
            "File with its authority: requestheader-client-ca-file in the ConfigMap extension-apiserver-authentication of the namespace kube-system.",
        ),
        Field::new("client_ca", Kind::Secret, "", "The same as PEM text."),
        Field::new(
            "allowed_names",
            Kind::List(&Kind::Text),
            "",
            "Common names of which its certificate must have one, such as front-proxy-client; any where absent.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let keys = ["client_ca", "client_ca_file"];
        if view.at_most_one(problems, &keys) && view.set_among(&keys).is_empty() {
            view.error(
                problems,
                "says not whom to trust: want client_ca_file or client_ca",
            );
        }
    }),
};

static AUTH: Section = Section {
    name: "auth",
    doc: "Who may do what.",
    fields: &[
        Field::new(
            "users",
            Kind::Map(&Kind::Hash),
            "",
            "Users who may do everything, each with the bcrypt hash of the password.",
        ),
        Field::new("tokens", Kind::Sections(&TOKEN), "", "Bearer tokens."),
    ],
    includes: &[],
    check: None,
};

static TOKEN: Section = Section {
    name: "token",
    doc: "A bearer token.",
    fields: &[
        Field::required("name", Kind::Text, "What it is called in logs."),
        Field::required("hash", Kind::Hash, "Its bcrypt hash."),
        Field::required(
            "scopes",
            Kind::List(&Kind::OneOf(SCOPES)),
            "What it allows.",
        ),
    ],
    includes: &[],
    check: None,
};

/// Reads `host:port`; `:port` means all addresses, `localhost` the loopback one.
#[must_use]
pub fn parse_address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok()?;
    let ip = match host {
        "" => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// A bearer token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// What it is called in logs.
    pub name: String,
    /// Its bcrypt hash.
    pub hash: Secret,
    /// May query.
    pub may_read: bool,
    /// May send samples.
    pub may_write: bool,
    /// May delete, reload and stop.
    pub may_administrate: bool,
}

/// Kubernetes' aggregation layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontProxySettings {
    /// Its authority.
    pub client_ca: PemSource,
    /// Common names of which its certificate must have one; empty: any.
    pub allowed_names: Vec<String>,
}

/// The server, as far as the file says; a flag wins over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// Address of API and page; none where the file does not say.
    pub listen: Option<SocketAddr>,
    /// Address of OTLP over HTTP.
    pub otlp_http_listen: Option<SocketAddr>,
    /// Address of OTLP over gRPC.
    pub otlp_grpc_listen: Option<SocketAddr>,
    /// Listen beyond loopback without authentication.
    pub insecure_listen: bool,
    /// URL under which people reach the server.
    pub external_url: Option<Url>,
    /// Title of the page.
    pub page_title: String,
    /// Origins whose scripts may read answers: a regular expression, to be anchored.
    pub cors_origin: String,
    /// `/api/v1/admin` works.
    pub enable_admin: bool,
    /// `/-/reload` and `/-/quit` work.
    pub enable_lifecycle: bool,
    /// Remote write is taken.
    pub enable_remote_write: bool,
    /// OTLP is taken.
    pub enable_otlp: bool,
    /// Clients that may follow what changes at once.
    pub live_clients_max: usize,
    /// TLS; plain HTTP where absent.
    pub tls: Option<TlsServerSettings>,
    /// Who may say in a header whom it has asked already who he is.
    pub front_proxy: Option<FrontProxySettings>,
    /// Users who may do everything, each with the bcrypt hash of the password.
    pub users: Vec<(String, Secret)>,
    /// Bearer tokens.
    pub tokens: Vec<TokenSettings>,
    /// Headers of every answer.
    pub headers: Vec<(String, String)>,
    /// Targets that `/probe` may be asked for, each matched as a whole; none: any.
    pub probe_targets: Vec<Regexp>,
}

/// Decodes the section.
pub(crate) fn decode_server(view: &View<'_>) -> ServerSettings {
    let auth = view.section("auth");
    ServerSettings {
        listen: view
            .is_set("listen")
            .then(|| parse_address(view.text("listen")))
            .flatten(),
        otlp_http_listen: parse_address(view.text("otlp_http_listen")),
        otlp_grpc_listen: parse_address(view.text("otlp_grpc_listen")),
        insecure_listen: view.bool("insecure_listen"),
        external_url: view.url("external_url"),
        page_title: view.text("page_title").to_owned(),
        cors_origin: view.text("cors_origin").to_owned(),
        enable_admin: view.bool("enable_admin"),
        enable_lifecycle: view.bool("enable_lifecycle"),
        enable_remote_write: view.bool("enable_remote_write"),
        enable_otlp: view.bool("enable_otlp"),
        live_clients_max: view.length("live_clients_max"),
        tls: view
            .optional_section("tls")
            .and_then(|view| decode_tls_server(&view)),
        front_proxy: view.optional_section("front_proxy").and_then(|view| {
            let inline = view.secret("client_ca").map(PemSource::Inline);
            let file = || view.path_of("client_ca_file").map(PemSource::File);
            Some(FrontProxySettings {
                client_ca: inline.or_else(file)?,
                allowed_names: view.texts("allowed_names"),
            })
        }),
        users: auth
            .text_map("users")
            .into_iter()
            .map(|(name, hash)| (name, Secret::new(hash)))
            .collect(),
        tokens: auth
            .sections("tokens")
            .iter()
            .map(|token| {
                let has = |scope: &str| {
                    token
                        .items("scopes")
                        .iter()
                        .any(|item| node_text(item) == scope)
                };
                TokenSettings {
                    name: token.text("name").to_owned(),
                    hash: Secret::new(token.text("hash")),
                    may_read: has("read"),
                    may_write: has("write"),
                    may_administrate: has("admin"),
                }
            })
            .collect(),
        probe_targets: view
            .items("probe_targets")
            .iter()
            .filter_map(|item| Regexp::anchored(&node_text(item)).ok())
            .collect(),
        headers: view.text_map("headers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let check = |text: &str, want: &str| {
            assert_eq!(parse_address(text).unwrap().to_string(), want, "{text}");
        };
        check("127.0.0.1:9090", "127.0.0.1:9090");
        check("[::1]:9090", "[::1]:9090");
        check(":9090", "[::]:9090");
        check("localhost:0", "127.0.0.1:0");
        for text in ["", "9090", "host:9090", "1.2.3.4", ":70000"] {
            assert!(parse_address(text).is_none(), "{text}");
        }
    }
}
