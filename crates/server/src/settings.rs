//! Plain settings of the HTTP and gRPC edge. Whoever reads configuration files converts into these.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A secret whose `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Everything that the edge can be told.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Where the API and the page are served. At least one.
    pub listen: Vec<SocketAddr>,
    /// Where OTLP over HTTP is served besides, customarily port 4318.
    pub otlp_http_listen: Option<SocketAddr>,
    /// Where OTLP over gRPC is served, customarily port 4317.
    pub otlp_grpc_listen: Option<SocketAddr>,
    /// Whether addresses beyond loopback may be listened on without authentication.
    pub insecure_listen: bool,
    /// Whether `/api/v1/admin/*` works.
    pub enable_admin: bool,
    /// Whether `/-/reload` and `/-/quit` work.
    pub enable_lifecycle: bool,
    /// Whether `/api/v1/write` works.
    pub enable_remote_write: bool,
    /// Whether the OTLP receiver works.
    pub enable_otlp: bool,
    /// Origins whose scripts may read answers: a regular expression, anchored by the server.
    pub cors_origin: String,
    /// The URL under which people reach the server; only its scheme and host are used.
    pub external_url: Option<url::Url>,
    /// The title of the page.
    pub page_title: String,
    /// Bounds.
    pub limits: Limits,
    /// TLS, users, tokens and additional headers.
    pub security: Security,
}

impl Default for ServerSettings {
    /// Loopback, port 9090, no receivers of gRPC, nothing dangerous switched on.
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 9090))],
            otlp_http_listen: None,
            otlp_grpc_listen: None,
            insecure_listen: false,
            enable_admin: false,
            enable_lifecycle: false,
            enable_remote_write: true,
            enable_otlp: true,
            cors_origin: ".*".to_owned(),
            external_url: None,
            page_title: "Bellwether".to_owned(),
            limits: Limits::default(),
            security: Security::default(),
        }
    }
}

/// Bounds on what clients may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections open at once, over all listeners; more wait. Default 512, as in Prometheus.
    pub connections_max: usize,
    /// Bytes of the head of a request. Default 64 KiB.
    pub header_bytes_max: usize,
    /// Bytes of a body as it arrives. Default 64 MiB.
    pub body_bytes_max: usize,
    /// Bytes of a body after decompression. Default 128 MiB.
    pub decompressed_bytes_max: usize,
    /// Bytes of a form. Default 10 MiB, as in Go's `net/http`.
    pub form_bytes_max: usize,
    /// How long a client may take to send the head of a request, or rest between two, in ms.
    /// Default 5 minutes, as in Prometheus.
    pub read_timeout_ms: u64,
    /// How long open requests may take once the server stops, in ms. Default 10 s.
    pub shutdown_grace_ms: u64,
    /// Queries that run at once. Default 20, as in Prometheus.
    pub query_concurrency: usize,
    /// Writes that run at once. Default 16: a write holds a decoded request of some MB.
    pub write_concurrency: usize,
    /// Clients that follow what changes, `/api/bellwether/v1/live`, at once. Default 64: some pages for each of a
    /// team; a browser holds one connection for each page.
    pub live_clients_max: usize,
    /// Samples that one remote read may give back. Default 50 million, as in Prometheus.
    pub remote_read_samples_max: u64,
    /// Bytes of one frame of a streamed remote read. Default 1 MiB, as in Prometheus.
    pub remote_read_frame_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 512,
            header_bytes_max: 64 << 10,
            body_bytes_max: 64 << 20,
            decompressed_bytes_max: 128 << 20,
            form_bytes_max: 10 << 20,
            read_timeout_ms: 5 * 60_000,
            shutdown_grace_ms: 10_000,
            query_concurrency: 20,
            write_concurrency: 16,
            live_clients_max: 64,
            remote_read_samples_max: 50_000_000,
            remote_read_frame_bytes: 1 << 20,
        }
    }
}

/// What the `web.config.file` holds, and bearer tokens.
#[derive(Debug, Clone, Default)]
pub struct Security {
    /// TLS, where it is wanted.
    pub tls: Option<TlsSettings>,
    /// Users who may do everything: name and bcrypt hash of the password.
    pub users: Vec<(String, Hidden)>,
    /// Bearer tokens.
    pub tokens: Vec<TokenSettings>,
    /// Headers for every answer.
    pub headers: Vec<(String, String)>,
    /// Whether HTTP/2 is spoken. Default yes (see [`Security::no_http2`]).
    pub no_http2: bool,
}

impl Security {
    /// Whether a certificate is all that clients say who they are by, and not every one that is taken
    /// says it: those of front proxies are taken too.
    pub(crate) fn asks_peers_only(&self) -> bool {
        let tls = self.tls.as_ref();
        let asks = tls.is_some_and(|tls| {
            tls.client_auth == ClientAuth::RequireAndVerify && tls.front_proxy.is_some()
        });
        asks && self.users.is_empty() && self.tokens.is_empty()
    }

    /// Whether a client must say who it is.
    #[must_use]
    pub fn authenticates(&self) -> bool {
        let by_certificate = self.tls.as_ref().is_some_and(|tls| {
            tls.client_auth == ClientAuth::RequireAndVerify && tls.client_ca.is_some()
        });
        !self.users.is_empty() || !self.tokens.is_empty() || by_certificate
    }
}

/// What a client may do. Each includes nothing of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes {
    /// Query.
    pub read: bool,
    /// Send samples.
    pub write: bool,
    /// Delete, reload, stop.
    pub admin: bool,
}

impl Scopes {
    /// All of it.
    pub const ALL: Self = Self {
        read: true,
        write: true,
        admin: true,
    };
}

/// A bearer token.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// What it is called in logs.
    pub name: String,
    /// Its bcrypt hash.
    pub hash: Hidden,
    /// What it allows.
    pub scopes: Scopes,
}

/// How certificates of clients are treated, with the meaning that they have in Go's `crypto/tls`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuth {
    /// None is asked for.
    #[default]
    None,
    /// One is asked for, and whatever comes is taken.
    Request,
    /// One must come, whoever signed it.
    RequireAny,
    /// One that comes must be signed by the CA.
    VerifyIfGiven,
    /// One must come and be signed by the CA.
    RequireAndVerify,
}

/// Where certificates or a key in PEM form are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pem {
    /// In a file, which is read again on reload.
    File(PathBuf),
    /// In the configuration itself.
    Inline(Hidden),
}

/// A version of TLS; older ones are not spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

/// TLS of the listeners.
#[derive(Debug, Clone)]
pub struct TlsSettings {
    /// The chain of certificates.
    pub cert: Pem,
    /// The key.
    pub key: Pem,
    /// How certificates of clients are treated.
    pub client_auth: ClientAuth,
    /// The CAs of clients.
    pub client_ca: Option<Pem>,
    /// Names of which a client's certificate must hold one; empty: any.
    pub client_allowed_sans: Vec<String>,
    /// The oldest version that is spoken.
    pub version_min: TlsVersion,
    /// The newest version that is spoken.
    pub version_max: TlsVersion,
    /// Who may say in a header whom he has asked already who he is.
    pub front_proxy: Option<FrontProxySettings>,
}

/// Kubernetes' aggregation layer.
#[derive(Debug, Clone)]
pub struct FrontProxySettings {
    /// Its authority, the `requestheader-client-ca-file` of the API server.
    pub client_ca: Pem,
    /// Common names of which its certificate must have one; empty: any.
    pub allowed_names: Vec<String>,
}

impl TlsSettings {
    /// Both versions, no certificates of clients.
    #[must_use]
    pub fn new(cert: Pem, key: Pem) -> Self {
        Self {
            cert,
            key,
            client_auth: ClientAuth::None,
            client_ca: None,
            client_allowed_sans: Vec::new(),
            version_min: TlsVersion::Tls12,
            version_max: TlsVersion::Tls13,
            front_proxy: None,
        }
    }
}
