//! The settings of `mcp`.

use std::time::Duration;

use bellwether_outbound::settings::HttpClientSettings;
use serde_json::{Map, Value};

use super::{AddressChoice, LocalProgram, OnTrouble, Pattern};

/// The settings of `mcp`: a server that speaks the Model Context Protocol.
#[derive(Debug, Clone)]
pub struct McpSettings {
    /// The way to the server.
    pub transport: McpTransport,
    /// Which generations of the protocol are tried.
    pub protocol: McpProtocol,
    /// How long to wait for the answer to `server/discover` where `initialize` may follow: old servers
    /// may say nothing to what they do not know. Default 3 s; the probe's time should be longer.
    pub discover_timeout: Duration,
    /// Credentials, TLS and headers where the server is on the network. Proxies and redirects do not
    /// apply.
    pub client: HttpClientSettings,
    /// Which address of the target's name is asked.
    pub address: AddressChoice,
    /// The names of all tools that the server must have; the order and names that come twice count
    /// for nothing. Empty: any set will do.
    pub expected_tools: Vec<String>,
    /// The SHA-256 over names, descriptions and input schemas of all tools, in 64 hexadecimal digits
    /// of either case, as an earlier probe logged it; the first 8 or more digits will do. `None`: any.
    pub expected_tools_hash: Option<String>,
    /// What it means when the tools are not those that are expected.
    pub on_drift: OnTrouble,
    /// A tool to call after all else. `None`: none is called.
    pub tool_call: Option<McpToolCall>,
}

impl Default for McpSettings {
    fn default() -> Self {
        Self {
            transport: McpTransport::default(),
            protocol: McpProtocol::default(),
            discover_timeout: Duration::from_secs(3),
            client: HttpClientSettings::default(),
            address: AddressChoice::default(),
            expected_tools: Vec::new(),
            expected_tools_hash: None,
            on_drift: OnTrouble::default(),
            tool_call: None,
        }
    }
}

/// The way to an MCP server.
#[derive(Debug, Clone, Default)]
pub enum McpTransport {
    /// The target is a URL: `http` and `https` are the streamable HTTP transport, `ws` and `wss` are a
    /// WebSocket with one JSON-RPC message in each text message.
    #[default]
    Network,
    /// A program of this host that is spoken to over its standard input and output; the target is not
    /// looked at. It is started for each probe, and killed with all that it started.
    Stdio(LocalProgram),
}

/// Which generations of the Model Context Protocol are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum McpProtocol {
    /// `server/discover` first; a server that does not know it is asked to `initialize`.
    #[default]
    Any,
    /// Only `server/discover`: revision 2026-07-28 and later.
    Stateless,
    /// Only `initialize`: revisions 2024-11-05 to 2025-11-25.
    Session,
}

impl McpProtocol {
    /// Every choice with its name in the configuration.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("any", Self::Any),
        ("stateless", Self::Stateless),
        ("session", Self::Session),
    ];
}

/// A tool that a probe calls. Naming it here declares that a call does no harm, costs nothing to speak
/// of and may come as often as the probe runs; a tool that the server itself calls destructive is not
/// called all the same.
#[derive(Debug, Clone, Default)]
pub struct McpToolCall {
    /// The tool's name.
    pub name: String,
    /// Its arguments. They are shown in no log.
    pub arguments: Map<String, Value>,
    /// What the text of the result must match; texts of several parts are joined by line ends. `None`:
    /// any result that is not marked as an error will do.
    pub expect: Option<Pattern>,
}
