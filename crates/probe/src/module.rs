//! What a probe does: the settings of blackbox_exporter's modules as plain values.
//!
//! ## Model
//! A [`Module`] is one prober with its settings; the target comes with each probe. `Default` of
//! every type that blackbox_exporter has too is what it takes where a file says nothing.
//!
//! ## Invariants
//! Plain values: nothing here reads a file, a clock or the network. Patterns are compiled already.
//!
//! ## See also
//! `CONFIGURATION.md` of blackbox_exporter for the names in files.

mod database;
mod dns;
mod http;
mod llm;
mod local;
mod mcp;
mod requested;

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use bellwether_model::{Captures, Regexp, RegexpError};
use bellwether_outbound::settings::{HttpClientSettings, TlsSettings};

pub use database::{DatabaseRole, PostgresSettings, PostgresSslMode, RedisSettings};
pub use dns::{DnsSettings, DnsTransport, RecordConditions};
pub use http::{Compression, HeaderMatch, HttpSettings, RequestBody};
pub use llm::{CanarySettings, LlmApi, LlmSettings, TokenLimitName};
pub use local::{CommandSettings, LocalProgram, ProcessMatch, ProcessSettings};
pub use mcp::{McpProtocol, McpSettings, McpToolCall, McpTransport};

/// What a probe may take where neither the module nor the asker bounds it. As in blackbox_exporter.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(120);

/// One way to probe.
#[derive(Debug, Clone)]
pub struct Module {
    /// What is spoken to the target.
    pub prober: Prober,
    /// The longest that a probe may take. None: what the asker allows.
    pub timeout: Option<Duration>,
    /// A certificate of the target that ends sooner than this degrades. None: only one that has ended
    /// is looked at.
    pub certificate_lifetime_min: Option<Duration>,
}

impl Module {
    /// A module without a time-out of its own.
    #[must_use]
    pub fn new(prober: Prober) -> Self {
        Self {
            prober,
            timeout: None,
            certificate_lifetime_min: None,
        }
    }

    /// Whether what is probed is named by the module and is on this host: a program that is started, or
    /// a process. Such a module must not be reachable with a target that came in a request.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match &self.prober {
            Prober::Process(_) | Prober::Command(_) => true,
            Prober::Mcp(settings) => matches!(settings.transport, McpTransport::Stdio(_)),
            _ => false,
        }
    }

    /// How long a probe may take when the one who asks waits `scrape_timeout` and wants the answer
    /// `offset` before that. A scrape time-out that is shorter than the offset counts for nothing.
    #[must_use]
    pub fn timeout_within(&self, scrape_timeout: Option<Duration>, offset: Duration) -> Duration {
        let allowed = scrape_timeout
            .filter(|timeout| !timeout.is_zero())
            .unwrap_or(TIMEOUT_DEFAULT);
        let own = self.timeout.filter(|timeout| !timeout.is_zero());
        match (allowed.checked_sub(offset), own) {
            (Some(allowed), Some(own)) => allowed.min(own),
            (Some(allowed), None) => allowed,
            (None, Some(own)) => own,
            (None, None) => TIMEOUT_DEFAULT,
        }
    }
}

/// What is spoken to the target, with its settings.
#[derive(Debug, Clone)]
pub enum Prober {
    /// HTTP/1.1 or HTTP/2.
    Http(Box<HttpSettings>),
    /// A TCP connection, and a conversation over it.
    Tcp(TcpSettings),
    /// A connection to a Unix socket, and a conversation over it.
    Unix(UnixSettings),
    /// A DNS query.
    Dns(Box<DnsSettings>),
    /// An echo request (ping).
    Icmp(IcmpSettings),
    /// `grpc.health.v1.Health/Check`.
    Grpc(Box<GrpcSettings>),
    /// A WebSocket handshake, and messages after it.
    WebSocket(Box<WebSocketSettings>),
    /// The Model Context Protocol.
    Mcp(Box<McpSettings>),
    /// A provider of language models.
    Llm(Box<LlmSettings>),
    /// PostgreSQL.
    Postgres(Box<PostgresSettings>),
    /// Redis, and what speaks as it does.
    Redis(Box<RedisSettings>),
    /// Processes of this host.
    Process(Box<ProcessSettings>),
    /// A program of this host that says itself what it finds.
    Command(Box<CommandSettings>),
}

impl Prober {
    /// The name in configuration files.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp(_) => "tcp",
            Self::Unix(_) => "unix",
            Self::Dns(_) => "dns",
            Self::Icmp(_) => "icmp",
            Self::Grpc(_) => "grpc",
            Self::WebSocket(_) => "websocket",
            Self::Mcp(_) => "mcp",
            Self::Llm(_) => "llm",
            Self::Postgres(_) => "postgres",
            Self::Redis(_) => "redis",
            Self::Process(_) => "process",
            Self::Command(_) => "command",
        }
    }
}

/// What a trouble means that leaves a target usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnTrouble {
    /// The target is down.
    Fail,
    /// The target is degraded; the probe succeeds.
    #[default]
    Degrade,
    /// Nothing; metrics show it.
    Ignore,
}

impl OnTrouble {
    /// Every meaning with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("fail", Self::Fail),
        ("degrade", Self::Degrade),
        ("ignore", Self::Ignore),
    ];
}

/// A version of the Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IpProtocol {
    /// IPv4.
    Ip4,
    /// IPv6.
    Ip6,
}

impl IpProtocol {
    /// The version that an address is of. An IPv4 address written as IPv6 is IPv4.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(_) => Self::Ip4,
            IpAddr::V6(_) => Self::Ip6,
        }
    }

    /// 4 or 6.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Ip4 => 4,
            Self::Ip6 => 6,
        }
    }
}

impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ip{}", self.number())
    }
}

/// Which address of a name is probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressChoice {
    /// The version to look for first.
    pub preferred: IpProtocol,
    /// Whether the other version will do.
    pub fallback: bool,
}

impl Default for AddressChoice {
    fn default() -> Self {
        Self {
            preferred: IpProtocol::Ip6,
            fallback: true,
        }
    }
}

/// A compiled pattern that remembers how it was written. Matches anywhere in a text.
#[derive(Clone)]
pub struct Pattern {
    text: String,
    regexp: Regexp,
}

impl Pattern {
    /// Compiles a pattern in Go's dialect.
    ///
    /// # Errors
    /// Says what is wrong with the pattern, and where.
    pub fn new(text: impl Into<String>) -> Result<Self, RegexpError> {
        let text = text.into();
        let regexp = Regexp::unanchored(&text)?;
        Ok(Self { text, regexp })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regexp.is_match(text)
    }

    pub(crate) fn captures<'t>(&'t self, text: &'t str) -> Option<Captures<'t>> {
        self.regexp.captures(text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.text).finish()
    }
}

/// What one step of a conversation waits for.
#[derive(Debug, Clone, Default)]
pub enum Expectation {
    /// Nothing.
    #[default]
    Nothing,
    /// A line (a message of a WebSocket) that the pattern matches.
    Line(Pattern),
    /// Exactly these bytes.
    Bytes(Vec<u8>),
}

/// One step of a conversation: wait, then send, then begin TLS; each is optional.
#[derive(Debug, Clone, Default)]
pub struct QueryResponse {
    /// What to wait for.
    pub expect: Expectation,
    /// Labels of `probe_expect_info`: name, and a template over the groups of the pattern.
    pub labels: Vec<(String, String)>,
    /// What to send, a line end after it; a template over the groups of the pattern. Empty: nothing.
    pub send: Vec<u8>,
    /// Whether to begin TLS.
    pub starttls: bool,
}

/// The settings of `tcp`.
#[derive(Debug, Clone, Default)]
pub struct TcpSettings {
    /// Which address of the target's name is asked.
    pub address: AddressChoice,
    /// The address to connect from.
    pub source: Option<IpAddr>,
    /// What is said after connecting.
    pub query_response: Vec<QueryResponse>,
    /// Whether to begin with TLS.
    pub tls: bool,
    /// How TLS is spoken.
    pub tls_config: TlsSettings,
}

/// The settings of `unix`.
#[derive(Debug, Clone, Default)]
pub struct UnixSettings {
    /// What is said after connecting.
    pub query_response: Vec<QueryResponse>,
    /// Whether to begin with TLS.
    pub tls: bool,
    /// How TLS is spoken.
    pub tls_config: TlsSettings,
}

/// The settings of `icmp`.
#[derive(Debug, Clone)]
pub struct IcmpSettings {
    /// Which address of the target's name is asked.
    pub address: AddressChoice,
    /// The address to ask from.
    pub source: Option<IpAddr>,
    /// The bytes that a request carries. None: those of our name.
    pub payload_bytes: Option<usize>,
    /// Forbid routers to split the packet. IPv4 only.
    pub dont_fragment: bool,
    /// How many routers the request may pass.
    pub ttl: u8,
}

impl Default for IcmpSettings {
    fn default() -> Self {
        Self {
            address: AddressChoice::default(),
            source: None,
            payload_bytes: None,
            dont_fragment: false,
            ttl: 64,
        }
    }
}

/// The settings of `grpc`.
#[derive(Debug, Clone, Default)]
pub struct GrpcSettings {
    /// The service to ask about. Empty: the server as a whole.
    pub service: String,
    /// Which address of the target's name is asked.
    pub address: AddressChoice,
    /// Whether to speak TLS.
    pub tls: bool,
    /// How TLS is spoken.
    pub tls_config: TlsSettings,
    /// Metadata of the call; a name may come more than once.
    pub metadata: Vec<(String, String)>,
}

/// The settings of `websocket`.
#[derive(Debug, Clone, Default)]
pub struct WebSocketSettings {
    /// Credentials, TLS, headers of the handshake. Proxies and redirects do not apply.
    pub client: HttpClientSettings,
    /// Which address of the target's name is asked.
    pub address: AddressChoice,
    /// What is said after the handshake, in messages.
    pub query_response: Vec<QueryResponse>,
    /// Whether to send a ping (RFC 6455) and wait for its pong. Ours; off in blackbox_exporter's
    /// modules.
    pub ping: bool,
    /// The JSON-RPC 2.0 method to call without parameters, such as `ping`. An answer that carries
    /// an error fails the probe. Ours.
    pub json_rpc_method: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_of_both_timeouts_counts() {
        let seconds = Duration::from_secs;
        let half = Duration::from_millis(500);
        let within = |own: Option<u64>, scrape: Option<u64>| {
            let module = Module {
                timeout: own.map(seconds),
                ..Module::new(Prober::Tcp(TcpSettings::default()))
            };
            module.timeout_within(scrape.map(seconds), half)
        };
        assert_eq!(within(Some(5), Some(10)), seconds(5));
        assert_eq!(within(Some(10), Some(5)), Duration::from_millis(4500));
        assert_eq!(within(Some(5), None), seconds(5));
        assert_eq!(within(None, Some(10)), Duration::from_millis(9500));
        assert_eq!(within(None, None), Duration::from_millis(119_500));
        assert_eq!(within(Some(0), Some(0)), Duration::from_millis(119_500));
    }
}
