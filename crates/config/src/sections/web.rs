//! The `web.config.file` format of Prometheus' exporter toolkit: TLS, users and headers.

use bellwether_outbound::settings::{PemSource, Secret, TlsVersion};

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::View;

const CLIENT_AUTH: [(&str, ClientAuth); 5] = [
    ("NoClientCert", ClientAuth::None),
    ("RequestClientCert", ClientAuth::Request),
    ("RequireAnyClientCert", ClientAuth::RequireAny),
    ("VerifyClientCertIfGiven", ClientAuth::VerifyIfGiven),
    ("RequireAndVerifyClientCert", ClientAuth::RequireAndVerify),
];
const CLIENT_AUTH_NAMES: &[&str] = &[
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
    "",
];
const TLS_VERSIONS: &[&str] = &["TLS10", "TLS11", "TLS12", "TLS13"];
const TEXTS: Kind = Kind::List(&Kind::Text);
const OWN_CHOICE: &str = "the TLS library chooses among those that are safe";

pub(crate) static WEB: Section = Section {
    name: "web.config.file",
    doc: "TLS, users and headers of the server.",
    fields: &[
        Field::new(
            "tls_server_config",
            Kind::Section(&TLS_SERVER),
            "",
            "TLS; plain HTTP where absent.",
        ),
        Field::new(
            "http_server_config",
            Kind::Section(&HTTP_SERVER),
            "",
            "HTTP.",
        ),
        Field::new(
            "basic_auth_users",
            Kind::Map(&Kind::Hash),
            "",
            "Users, each with the bcrypt hash of the password.",
        ),
        Field::new(
            "rate_limit",
            Kind::Section(&RATE_LIMIT),
            "",
            "A bound on requests.",
        )
        .inert("rate limits are not carried out"),
    ],
    includes: &[],
    check: None,
};

pub(crate) static TLS_SERVER: Section = Section {
    name: "tls_server_config",
    doc: "TLS of the server.",
    fields: &[
        Field::new(
            "cert_file",
            Kind::ReadFile,
            "",
            "File with the chain of certificates.",
        ),
        Field::new("cert", Kind::Secret, "", "The same as PEM text."),
        Field::new("key_file", Kind::ReadFile, "", "File with the private key."),
        Field::new("key", Kind::Secret, "", "The same as PEM text."),
        Field::new(
            "client_auth_type",
            Kind::OneOf(CLIENT_AUTH_NAMES),
            "NoClientCert",
            "What is asked of certificates of clients.",
        ),
        Field::new(
            "client_ca_file",
            Kind::ReadFile,
            "",
            "File with the authorities of clients.",
        ),
        Field::new("client_ca", Kind::Secret, "", "The same as PEM text."),
        Field::new(
            "client_allowed_sans",
            TEXTS,
            "",
            "Names of which a client's certificate must hold one.",
        ),
        Field::new(
            "min_version",
            Kind::OneOf(TLS_VERSIONS),
            "TLS12",
            "Oldest version of TLS to speak.",
        ),
        Field::new(
            "max_version",
            Kind::OneOf(TLS_VERSIONS),
            "TLS13",
            "Newest version of TLS to speak.",
        ),
        Field::new("cipher_suites", TEXTS, "", "Cipher suites of TLS 1.2.").inert(OWN_CHOICE),
        Field::new(
            "prefer_server_cipher_suites",
            Kind::Bool,
            "true",
            "The server's order of suites counts.",
        )
        .inert(OWN_CHOICE),
        Field::new("curve_preferences", TEXTS, "", "Elliptic curves.").inert(OWN_CHOICE),
    ],
    includes: &[],
    check: Some(check_tls_server),
};

fn check_tls_server(view: &View<'_>, problems: &mut Problems) {
    for (inline, file) in [("cert", "cert_file"), ("key", "key_file")] {
        if view.at_most_one(problems, &[inline, file]) && view.set_among(&[inline, file]).is_empty()
        {
            view.error_at(
                problems,
                file,
                format!("{file} is missing: TLS needs certificate and key"),
            );
        }
    }
    view.at_most_one(problems, &["client_ca", "client_ca_file"]);
    let has_ca = !view.set_among(&["client_ca", "client_ca_file"]).is_empty();
    let auth = client_auth(view);
    let verifies = matches!(
        auth,
        ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify
    );
    if has_ca && auth == ClientAuth::None {
        view.error_at(problems, "client_auth_type", "client_auth_type is missing: a client_ca alone asks nothing of clients; want RequireAndVerifyClientCert");
    }
    if verifies && !has_ca {
        view.error_at(
            problems,
            "client_ca_file",
            "client_ca_file is missing: client_auth_type verifies against it",
        );
    }
    if view.is_set("client_allowed_sans") && !verifies {
        view.error_at(
            problems,
            "client_allowed_sans",
            "is set without a client_auth_type that verifies",
        );
    }
    let versions = [version(view, "min_version"), version(view, "max_version")];
    if let [Some(min), Some(max)] = versions
        && min > max
    {
        view.error_at(
            problems,
            "min_version",
            format!(
                "min_version {} is newer than max_version {}",
                view.text("min_version"),
                view.text("max_version")
            ),
        );
    }
}

static HTTP_SERVER: Section = Section {
    name: "http_server_config",
    doc: "HTTP of the server.",
    fields: &[
        Field::new("http2", Kind::Bool, "true", "Speak HTTP/2."),
        Field::new(
            "headers",
            Kind::Map(&Kind::Text),
            "",
            "Headers of every answer.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        const ALLOWED: [&str; 6] = [
            "Strict-Transport-Security",
            "X-XSS-Protection",
            "X-Content-Type-Options",
            "X-Frame-Options",
            "Content-Security-Policy",
            "Access-Control-Allow-Origin",
        ];
        for (name, node) in view.entries("headers") {
            if !ALLOWED
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(name))
            {
                problems.error(
                    &view.origin.file,
                    node.position,
                    &node.path,
                    format!(
                        "header {name:?} cannot be set: want one of {}",
                        ALLOWED.join(", ")
                    ),
                );
            }
        }
    }),
};

static RATE_LIMIT: Section = Section {
    name: "rate_limit",
    doc: "A bound on requests.",
    fields: &[
        Field::new("interval", Kind::Duration, "", "Time between two requests."),
        Field::new(
            "burst",
            Kind::Integer {
                min: 0,
                max: i64::MAX,
            },
            "",
            "Requests that may come at once.",
        ),
    ],
    includes: &[],
    check: None,
};

/// What is asked of certificates of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ClientAuth {
    /// Nothing.
    #[default]
    None,
    /// One is asked for, and whatever comes is taken.
    Request,
    /// One must come, whoever signed it.
    RequireAny,
    /// One that comes must be signed by the authority.
    VerifyIfGiven,
    /// One must come and be signed by the authority.
    RequireAndVerify,
}

/// TLS of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsServerSettings {
    /// The chain of certificates.
    pub cert: PemSource,
    /// The private key.
    pub key: PemSource,
    /// What is asked of certificates of clients.
    pub client_auth: ClientAuth,
    /// The authorities of clients.
    pub client_ca: Option<PemSource>,
    /// Names of which a client's certificate must hold one; empty: any.
    pub client_allowed_sans: Vec<String>,
    /// Oldest version of TLS to speak.
    pub version_min: TlsVersion,
    /// Newest version of TLS to speak.
    pub version_max: TlsVersion,
}

/// What a `web.config.file` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebSettings {
    /// TLS; plain HTTP where absent.
    pub tls: Option<TlsServerSettings>,
    /// Speak HTTP/2.
    pub enable_http2: bool,
    /// Headers of every answer.
    pub headers: Vec<(String, String)>,
    /// Users, each with the bcrypt hash of the password.
    pub users: Vec<(String, Secret)>,
}

fn version(view: &View<'_>, key: &str) -> Option<TlsVersion> {
    let text = view.text(key);
    TlsVersion::NAMES
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, version)| *version)
}

fn client_auth(view: &View<'_>) -> ClientAuth {
    let text = view.text("client_auth_type");
    CLIENT_AUTH
        .iter()
        .find(|(name, _)| *name == text)
        .map_or(ClientAuth::None, |(_, auth)| *auth)
}

/// Decodes TLS of the server.
pub(crate) fn decode_tls_server(view: &View<'_>) -> Option<TlsServerSettings> {
    let pem = |inline: &str, file: &str| {
        view.secret(inline)
            .map(PemSource::Inline)
            .or_else(|| view.path_of(file).map(PemSource::File))
    };
    Some(TlsServerSettings {
        cert: pem("cert", "cert_file")?,
        key: pem("key", "key_file")?,
        client_auth: client_auth(view),
        client_ca: pem("client_ca", "client_ca_file"),
        client_allowed_sans: view.texts("client_allowed_sans"),
        version_min: version(view, "min_version").unwrap_or(TlsVersion::Tls12),
        version_max: version(view, "max_version").unwrap_or(TlsVersion::Tls13),
    })
}

/// Decodes a whole file.
pub(crate) fn decode_web(view: &View<'_>) -> WebSettings {
    let http = view.section("http_server_config");
    WebSettings {
        tls: view
            .optional_section("tls_server_config")
            .and_then(|view| decode_tls_server(&view)),
        enable_http2: http.bool("http2"),
        headers: http.text_map("headers"),
        users: view
            .text_map("basic_auth_users")
            .into_iter()
            .map(|(name, hash)| (name, Secret::new(hash)))
            .collect(),
    }
}
