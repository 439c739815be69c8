//! How a client of ours reaches other servers: credentials, TLS, proxies, redirects.
//!
//! ## Model
//! [`HttpClientSettings`] is what one scrape job, remote or discovery says about its HTTP client.
//! A [`Secret`] is a text that is never printed; a [`SecretSource`] is such a text or the file
//! that holds it.
//!
//! ## Invariants
//! Plain values: nothing here reads a file, a clock or the environment. At most one way to
//! authenticate is set, which is why [`Auth`] is an enum.

use std::fmt;
use std::path::PathBuf;

use url::Url;

/// A text that must not be seen: its `Debug` and `Display` forms are `<secret>`.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` from being printed.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the text is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SecretSource {
    /// It stands in the configuration.
    Inline(Secret),
    /// It is the content of a file, surrounding white space removed; read again when the file
    /// changes.
    File(PathBuf),
}

/// A text that is not secret but may live in a file all the same, such as a user name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TextSource {
    /// It stands in the configuration.
    Inline(String),
    /// It is the content of a file, surrounding white space removed.
    File(PathBuf),
}

/// PEM data, or the file that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PemSource {
    /// The PEM text. Secret, since a private key may be given so.
    Inline(Secret),
    /// The file that holds it, read again when it changes.
    File(PathBuf),
}

/// The way a client says who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Basic …`.
    Basic {
        /// The user's name.
        username: TextSource,
        /// The password; none is the empty one.
        password: Option<SecretSource>,
    },
    /// `Authorization: <scheme> <credentials>`; also what `bearer_token` sets.
    Header {
        /// The scheme, `Bearer` by default.
        scheme: String,
        /// What follows the scheme. None: the header holds the scheme alone.
        credentials: Option<SecretSource>,
    },
    /// OAuth 2.0, client credentials or JWT bearer.
    OAuth2(Box<OAuth2Settings>),
}

/// How an OAuth 2.0 client signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OAuth2Grant {
    /// `client_credentials`: the client's own secret.
    ClientCredentials {
        /// The secret, or none where the server asks for none.
        client_secret: Option<SecretSource>,
    },
    /// `urn:ietf:params:oauth:grant-type:jwt-bearer`: a signed assertion.
    JwtBearer {
        /// The private key that signs.
        key: SecretSource,
        /// `kid` in the header of the assertion.
        key_id: Option<String>,
        /// `RS256`, `RS384` or `RS512`.
        algorithm: String,
        /// `iss`; the client id where none is set.
        issuer: Option<String>,
        /// `aud`; the token URL where none is set.
        audience: Option<String>,
        /// Further claims, in the order of the file.
        claims: Vec<(String, String)>,
    },
}

/// An OAuth 2.0 client.
#[derive(Clone, PartialEq, Eq)]
pub struct OAuth2Settings {
    /// The client's id.
    pub client_id: String,
    /// How it proves that.
    pub grant: OAuth2Grant,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
    /// Where tokens are fetched.
    pub token_url: Url,
    /// Further parameters of the token request, in the order of the file.
    pub endpoint_params: Vec<(String, String)>,
    /// TLS of the token request.
    pub tls: TlsSettings,
    /// Proxy of the token request.
    pub proxy: ProxySettings,
}

impl fmt::Debug for OAuth2Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth2Settings")
            .field("client_id", &self.client_id)
            .field("grant", &self.grant)
            .field("scopes", &self.scopes)
            .field("token_url", &redacted_url(&self.token_url))
            .field("tls", &self.tls)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// TLS 1.0. Known so that it can be read; our TLS library offers 1.2 at least.
    Tls10,
    /// TLS 1.1. As above.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

impl TlsVersion {
    /// Every version with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 4] = [
        ("TLS10", Self::Tls10),
        ("TLS11", Self::Tls11),
        ("TLS12", Self::Tls12),
        ("TLS13", Self::Tls13),
    ];
}

/// TLS of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsSettings {
    /// The authorities to trust instead of the system's.
    pub ca: Option<PemSource>,
    /// The client's certificate; set together with `key`.
    pub cert: Option<PemSource>,
    /// The client's private key.
    pub key: Option<PemSource>,
    /// The name to ask for and to check, instead of the host of the URL.
    pub server_name: Option<String>,
    /// Do not check the server's certificate.
    pub insecure_skip_verify: bool,
    /// The oldest version to speak; none: the library's choice, 1.2.
    pub version_min: Option<TlsVersion>,
    /// The newest version to speak; none: no bound.
    pub version_max: Option<TlsVersion>,
}

/// The proxy that a client goes through.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ProxySettings {
    /// The proxy. May hold a password: print it only through [`redacted_url`].
    pub url: Option<Url>,
    /// Hosts to reach directly, comma-separated as in the variable `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// Take `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` from the environment; then `url` and
    /// `no_proxy` are not set.
    pub from_environment: bool,
    /// Headers of the `CONNECT` request: name and values.
    pub connect_headers: Vec<(String, Vec<Secret>)>,
}

impl fmt::Debug for ProxySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxySettings")
            .field("url", &self.url.as_ref().map(redacted_url))
            .field("no_proxy", &self.no_proxy)
            .field("from_environment", &self.from_environment)
            .field("connect_headers", &self.connect_headers)
            .finish()
    }
}

/// Further headers of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderSettings {
    /// The header's name.
    pub name: String,
    /// Its values, in the order they are sent: plain ones, secrets, files.
    pub values: Vec<HeaderValue>,
}

/// One value of a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// May be shown.
    Plain(String),
    /// Must not be shown.
    Secret(SecretSource),
}

/// An HTTP client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpClientSettings {
    /// How it says who it is.
    pub auth: Option<Auth>,
    /// TLS.
    pub tls: TlsSettings,
    /// The proxy.
    pub proxy: ProxySettings,
    /// Whether to follow redirects. Default true.
    pub follow_redirects: bool,
    /// Whether to offer HTTP/2. Default true, false for remote write as in Prometheus.
    pub enable_http2: bool,
    /// Further headers of every request.
    pub headers: Vec<HeaderSettings>,
}

impl Default for HttpClientSettings {
    fn default() -> Self {
        Self {
            auth: None,
            tls: TlsSettings::default(),
            proxy: ProxySettings::default(),
            follow_redirects: true,
            enable_http2: true,
            headers: Vec::new(),
        }
    }
}

/// A URL as it may be shown: a password in it becomes `xxxxx`.
#[must_use]
pub fn redacted_url(url: &Url) -> String {
    if url.password().is_none() {
        return url.to_string();
    }
    let mut shown = url.clone();
    // Only a URL that cannot have a password refuses one, and this one has it.
    match shown.set_password(Some("xxxxx")) {
        Ok(()) => shown.to_string(),
        Err(()) => "<secret>".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_printed() {
        let auth = Auth::Basic {
            username: TextSource::Inline("joe".to_owned()),
            password: Some(SecretSource::Inline(Secret::new("hunter2"))),
        };
        let text = format!(
            "{auth:?} {:?} {}",
            Secret::new("hunter2"),
            Secret::new("hunter2")
        );
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("<secret>"), "{text}");
    }

    #[test]
    fn passwords_of_urls_are_not_shown() {
        let url = Url::parse("http://joe:hunter2@proxy:8080/x").unwrap();
        assert_eq!(redacted_url(&url), "http://joe:xxxxx@proxy:8080/x");
        let plain = Url::parse("http://joe@proxy:8080/x").unwrap();
        assert_eq!(redacted_url(&plain), "http://joe@proxy:8080/x");
    }
}
