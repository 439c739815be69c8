//! Settings of HTTP clients, which stand among those of scrape jobs, discoveries and remotes.

use bellwether_outbound::settings::{
    Auth, HeaderSettings, HeaderValue, HttpClientSettings, OAuth2Grant, OAuth2Settings, PemSource,
    ProxySettings, Secret, SecretSource, TextSource, TlsSettings, TlsVersion,
};

use crate::problem::Problems;
use crate::schema::{Field, Kind, Section};
use crate::view::{View, node_text};

/// Headers that the client sets itself.
const RESERVED_HEADERS: [&str; 18] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// Whether a header is one that the client sets itself.
pub(crate) fn is_reserved_header(name: &str) -> bool {
    RESERVED_HEADERS
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name))
}

const TLS_VERSIONS: &[&str] = &["TLS10", "TLS11", "TLS12", "TLS13"];

pub(crate) static TLS: Section = Section {
    name: "tls_config",
    doc: "TLS of a client.",
    fields: &[
        Field::new("ca", Kind::Secret, "", "Authorities to trust, as PEM text."),
        Field::new(
            "ca_file",
            Kind::ReadFile,
            "",
            "File with the authorities to trust instead of the system's.",
        ),
        Field::new(
            "cert",
            Kind::Secret,
            "",
            "The client's certificate, as PEM text.",
        ),
        Field::new(
            "cert_file",
            Kind::ReadFile,
            "",
            "File with the client's certificate.",
        ),
        Field::new(
            "key",
            Kind::Secret,
            "",
            "The client's private key, as PEM text.",
        ),
        Field::new(
            "key_file",
            Kind::ReadFile,
            "",
            "File with the client's private key.",
        ),
        Field::new(
            "server_name",
            Kind::Text,
            "",
            "Name to ask for and to check instead of the host of the URL.",
        ),
        Field::new(
            "insecure_skip_verify",
            Kind::Bool,
            "false",
            "Do not check the server's certificate.",
        ),
        Field::new(
            "min_version",
            Kind::OneOf(TLS_VERSIONS),
            "",
            "Oldest version of TLS to speak; the library's own bound is TLS12.",
        ),
        Field::new(
            "max_version",
            Kind::OneOf(TLS_VERSIONS),
            "",
            "Newest version of TLS to speak.",
        ),
    ],
    includes: &[],
    check: Some(check_tls),
};

fn check_tls(view: &View<'_>, problems: &mut Problems) {
    view.at_most_one(problems, &["ca", "ca_file"]);
    view.at_most_one(problems, &["cert", "cert_file"]);
    view.at_most_one(problems, &["key", "key_file"]);
    let cert = view.set_among(&["cert", "cert_file"]);
    let key = view.set_among(&["key", "key_file"]);
    if !cert.is_empty() && key.is_empty() {
        view.error_at(
            problems,
            cert[0],
            "a client certificate needs its key: set key or key_file",
        );
    }
    if !key.is_empty() && cert.is_empty() {
        view.error_at(
            problems,
            key[0],
            "a client key needs its certificate: set cert or cert_file",
        );
    }
    if let (Some(min), Some(max)) = (
        tls_version(view, "min_version"),
        tls_version(view, "max_version"),
    ) && min > max
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

fn tls_version(view: &View<'_>, key: &str) -> Option<TlsVersion> {
    let text = view.text(key);
    TlsVersion::NAMES
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, version)| *version)
}

/// Decodes a `tls_config`.
pub(crate) fn decode_tls(view: &View<'_>) -> TlsSettings {
    let pem = |inline: &str, file: &str| {
        view.secret(inline)
            .map(PemSource::Inline)
            .or_else(|| view.path_of(file).map(PemSource::File))
    };
    TlsSettings {
        ca: pem("ca", "ca_file"),
        cert: pem("cert", "cert_file"),
        key: pem("key", "key_file"),
        server_name: view.optional_text("server_name"),
        insecure_skip_verify: view.bool("insecure_skip_verify"),
        version_min: tls_version(view, "min_version"),
        version_max: tls_version(view, "max_version"),
    }
}

static BASIC_AUTH: Section = Section {
    name: "basic_auth",
    doc: "User name and password.",
    fields: &[
        Field::new("username", Kind::Text, "", "The user's name."),
        Field::new(
            "username_file",
            Kind::ReadFile,
            "",
            "File with the user's name.",
        ),
        Field::new("password", Kind::Secret, "", "The password."),
        Field::new(
            "password_file",
            Kind::ReadFile,
            "",
            "File with the password, read again when it changes.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["username", "username_file"]);
        view.at_most_one(problems, &["password", "password_file"]);
    }),
};

static AUTHORIZATION: Section = Section {
    name: "authorization",
    doc: "The `Authorization` header.",
    fields: &[
        Field::new(
            "type",
            Kind::Text,
            "Bearer",
            "What stands before the credentials.",
        ),
        Field::new("credentials", Kind::Secret, "", "The credentials."),
        Field::new(
            "credentials_file",
            Kind::ReadFile,
            "",
            "File with the credentials, read again when it changes.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["credentials", "credentials_file"]);
        if view.text("type").trim().eq_ignore_ascii_case("basic") {
            view.error_at(
                problems,
                "type",
                "\"Basic\" given: use basic_auth, which encodes name and password",
            );
        }
    }),
};

const GRANTS: &[&str] = &[
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
];

static OAUTH2: Section = Section {
    name: "oauth2",
    doc: "OAuth 2.0 with client credentials or a JWT assertion.",
    fields: &[
        Field::required("client_id", Kind::Text, "The client's id."),
        Field::new("client_secret", Kind::Secret, "", "The client's secret."),
        Field::new(
            "client_secret_file",
            Kind::ReadFile,
            "",
            "File with the client's secret.",
        ),
        Field::new(
            "grant_type",
            Kind::OneOf(GRANTS),
            "client_credentials",
            "How the client proves who it is.",
        ),
        Field::new(
            "client_certificate_key_id",
            Kind::Text,
            "",
            "Id of the signing key (JWT).",
        ),
        Field::new(
            "client_certificate_key",
            Kind::Secret,
            "",
            "Signing key as PEM text (JWT).",
        ),
        Field::new(
            "client_certificate_key_file",
            Kind::ReadFile,
            "",
            "File with the signing key (JWT).",
        ),
        Field::new(
            "signature_algorithm",
            Kind::OneOf(&["RS256", "RS384", "RS512"]),
            "RS256",
            "How the assertion is signed (JWT).",
        ),
        Field::new(
            "iss",
            Kind::Text,
            "",
            "Issuer of the assertion; the client id where empty (JWT).",
        ),
        Field::new(
            "audience",
            Kind::Text,
            "",
            "Audience of the assertion; the token URL where empty (JWT).",
        ),
        Field::new(
            "claims",
            Kind::Map(&Kind::Raw),
            "",
            "Further claims of the assertion (JWT).",
        ),
        Field::new("scopes", Kind::List(&Kind::Text), "", "Scopes to ask for."),
        Field::required(
            "token_url",
            Kind::Url(&["http", "https"]),
            "Where tokens are fetched.",
        ),
        Field::new(
            "endpoint_params",
            Kind::Map(&Kind::Text),
            "",
            "Further parameters of the token request.",
        ),
        Field::new(
            "tls_config",
            Kind::Section(&TLS),
            "",
            "TLS of the token request.",
        ),
    ],
    includes: &[&PROXY],
    check: Some(|view, problems| {
        view.at_most_one(problems, &["client_secret", "client_secret_file"]);
        view.at_most_one(
            problems,
            &["client_certificate_key", "client_certificate_key_file"],
        );
        let has_key = !view
            .set_among(&["client_certificate_key", "client_certificate_key_file"])
            .is_empty();
        if view.text("grant_type") == GRANTS[1] && !has_key {
            view.error_at(
                problems,
                "grant_type",
                "a JWT assertion needs client_certificate_key or client_certificate_key_file",
            );
        }
    }),
};

static PROXY: Section = Section {
    name: "proxy settings",
    doc: "The proxy of a client.",
    fields: &[
        Field::new("proxy_url", Kind::Url(&[]), "", "The proxy."),
        Field::new(
            "no_proxy",
            Kind::Text,
            "",
            "Hosts, addresses and networks to reach directly, comma-separated.",
        ),
        Field::new(
            "proxy_from_environment",
            Kind::Bool,
            "false",
            "Take HTTP_PROXY, HTTPS_PROXY and NO_PROXY from the environment.",
        ),
        Field::new(
            "proxy_connect_header",
            Kind::Map(&Kind::List(&Kind::Secret)),
            "",
            "Headers of the CONNECT request.",
        ),
    ],
    includes: &[],
    check: Some(|view, problems| {
        let from_environment = view.bool("proxy_from_environment");
        if from_environment {
            for key in view.set_among(&["proxy_url", "no_proxy"]) {
                view.error_at(
                    problems,
                    key,
                    "is set together with proxy_from_environment: keep one of the two",
                );
            }
        }
        if !from_environment && !view.is_set("proxy_url") {
            for key in view.set_among(&["no_proxy", "proxy_connect_header"]) {
                view.error_at(
                    problems,
                    key,
                    "has no effect without a proxy: set proxy_url or proxy_from_environment",
                );
            }
        }
    }),
};

pub(crate) static HEADER: Section = Section {
    name: "http_headers entry",
    doc: "The values of one header.",
    fields: &[
        Field::new(
            "values",
            Kind::List(&Kind::Text),
            "",
            "Values that may be shown.",
        ),
        Field::new(
            "secrets",
            Kind::List(&Kind::Secret),
            "",
            "Values that are never shown.",
        ),
        Field::new(
            "files",
            Kind::List(&Kind::ReadFile),
            "",
            "Files that hold a value each.",
        ),
    ],
    includes: &[],
    check: None,
};

pub(crate) static HTTP_CLIENT: Section = Section {
    name: "HTTP client settings",
    doc: "How a client signs in, and what it goes through. At most one of basic_auth, authorization, oauth2 and bearer_token.",
    fields: &[
        Field::new(
            "basic_auth",
            Kind::Section(&BASIC_AUTH),
            "",
            "Sign in with user name and password.",
        ),
        Field::new(
            "authorization",
            Kind::Section(&AUTHORIZATION),
            "",
            "Send an Authorization header.",
        ),
        Field::new(
            "oauth2",
            Kind::Section(&OAUTH2),
            "",
            "Sign in with OAuth 2.0.",
        ),
        Field::new(
            "bearer_token",
            Kind::Secret,
            "",
            "Send `Authorization: Bearer …`.",
        )
        .deprecated("use authorization.credentials"),
        Field::new(
            "bearer_token_file",
            Kind::ReadFile,
            "",
            "The same from a file.",
        )
        .deprecated("use authorization.credentials_file"),
        Field::new("tls_config", Kind::Section(&TLS), "", "TLS."),
        Field::new("follow_redirects", Kind::Bool, "true", "Follow redirects."),
        Field::new("enable_http2", Kind::Bool, "true", "Offer HTTP/2."),
        Field::new(
            "http_headers",
            Kind::SectionMap(&HEADER),
            "",
            "Further headers of every request, by name.",
        ),
    ],
    includes: &[&PROXY],
    check: Some(check_http_client),
};

fn check_http_client(view: &View<'_>, problems: &mut Problems) {
    view.at_most_one(
        problems,
        &[
            "basic_auth",
            "authorization",
            "oauth2",
            "bearer_token",
            "bearer_token_file",
        ],
    );
    for (name, node) in view.entries("http_headers") {
        if is_reserved_header(name) {
            problems.error(
                &view.origin.file,
                node.position,
                &node.path,
                format!("header {name:?} is set by the client itself: choose another, or use basic_auth, authorization or oauth2"),
            );
        }
    }
}

/// Decodes the client settings that stand in a section.
pub(crate) fn decode_http_client(view: &View<'_>) -> HttpClientSettings {
    HttpClientSettings {
        auth: decode_auth(view),
        tls: decode_tls(&view.section("tls_config")),
        proxy: decode_proxy(view),
        follow_redirects: view.bool("follow_redirects"),
        enable_http2: view.bool("enable_http2"),
        headers: decode_headers(view),
    }
}

fn decode_auth(view: &View<'_>) -> Option<Auth> {
    if let Some(basic) = view.optional_section("basic_auth") {
        return Some(Auth::Basic {
            username: match basic.path_of("username_file") {
                Some(file) => TextSource::File(file),
                None => TextSource::Inline(basic.text("username").to_owned()),
            },
            password: basic.secret_source("password", "password_file"),
        });
    }
    if let Some(header) = view.optional_section("authorization") {
        let scheme = header.text("type").trim();
        return Some(Auth::Header {
            scheme: if scheme.is_empty() { "Bearer" } else { scheme }.to_owned(),
            credentials: header.secret_source("credentials", "credentials_file"),
        });
    }
    if let Some(oauth2) = view.optional_section("oauth2") {
        return decode_oauth2(&oauth2).map(|settings| Auth::OAuth2(Box::new(settings)));
    }
    let bearer = view.secret_source("bearer_token", "bearer_token_file")?;
    Some(Auth::Header {
        scheme: "Bearer".to_owned(),
        credentials: Some(bearer),
    })
}

fn decode_oauth2(view: &View<'_>) -> Option<OAuth2Settings> {
    let key = view.secret_source("client_certificate_key", "client_certificate_key_file");
    let grant = match key {
        Some(key) if view.text("grant_type") == GRANTS[1] => OAuth2Grant::JwtBearer {
            key,
            key_id: view.optional_text("client_certificate_key_id"),
            algorithm: view.text("signature_algorithm").to_owned(),
            issuer: view.optional_text("iss"),
            audience: view.optional_text("audience"),
            claims: view.text_map("claims"),
        },
        _ => OAuth2Grant::ClientCredentials {
            client_secret: view.secret_source("client_secret", "client_secret_file"),
        },
    };
    Some(OAuth2Settings {
        client_id: view.text("client_id").to_owned(),
        grant,
        scopes: view.texts("scopes"),
        token_url: view.url("token_url")?,
        endpoint_params: view.text_map("endpoint_params"),
        tls: decode_tls(&view.section("tls_config")),
        proxy: decode_proxy(view),
    })
}

fn decode_proxy(view: &View<'_>) -> ProxySettings {
    ProxySettings {
        url: view.url("proxy_url"),
        no_proxy: view.optional_text("no_proxy"),
        from_environment: view.bool("proxy_from_environment"),
        connect_headers: view
            .entries("proxy_connect_header")
            .map(|(name, node)| {
                let values = match &node.value {
                    crate::yaml::NodeValue::List(items) => items
                        .iter()
                        .map(|item| Secret::new(node_text(item)))
                        .collect(),
                    _ => Vec::new(),
                };
                (name.to_owned(), values)
            })
            .collect(),
    }
}

fn decode_headers(view: &View<'_>) -> Vec<HeaderSettings> {
    view.entries("http_headers")
        .map(|(name, node)| decode_header(name, &View::new(Some(node), &HEADER, view.origin)))
        .collect()
}

/// Decodes the values of one header.
pub(crate) fn decode_header(name: &str, view: &View<'_>) -> HeaderSettings {
    let plain = view.texts("values").into_iter().map(HeaderValue::Plain);
    let secrets = view
        .texts("secrets")
        .into_iter()
        .map(|text| HeaderValue::Secret(SecretSource::Inline(Secret::new(text))));
    let files = view
        .texts("files")
        .into_iter()
        .map(|path| HeaderValue::Secret(SecretSource::File(view.origin.join(&path))));
    HeaderSettings {
        name: name.to_owned(),
        values: plain.chain(secrets).chain(files).collect(),
    }
}
