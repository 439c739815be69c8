//! `mcp`: a server of the Model Context Protocol, asked from the newest revision down.
//!
//! ## Model
//! A ladder: `server/discover` (revision 2026-07-28, where every request says all about itself), else
//! `initialize` and `ping` (2025-11-25 and older, a session), then all pages of `tools/list` with their
//! hash, then one call of a tool, where the settings name one. A [`Channel`] is the way there.
//!
//! ## Failure
//! A server that does not know `server/discover` may answer anything or nothing; only credentials that
//! are not taken end the ladder at once.
//!
//! ## See also
//! <https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning>

mod channel;
mod http;
mod message;
mod stdio;
mod tool_call;
mod tools;
mod websocket;

use std::time::Duration;

use bellwether_storage::Clock;
use serde_json::{Value, json};
use url::Url;

use self::channel::{Call, Channel, Era, Reply, client_info};
use self::http::HttpChannel;
use self::stdio::StdioChannel;
use self::websocket::WebSocketChannel;
use crate::module::{McpProtocol, McpSettings, McpTransport};
use crate::recorder::{Failure, Gauge, Recorder};
use crate::target::shown_target;

const DURATION: Gauge = Gauge::new("probe_mcp_duration_seconds", "How long each phase took.");
const INFO: Gauge = Gauge::new(
    "probe_mcp_info",
    "The revision that is spoken, and what the server calls itself.",
);
const TOOL_CALL_SUCCESS: Gauge = Gauge::new(
    "probe_mcp_tool_call_success",
    "Whether the call of the tool gave what it should.",
);

/// The revision without sessions that we speak.
const STATELESS: &str = "2026-07-28";
/// The revisions with sessions that we speak, the newest first.
const SESSIONS: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// The protocol's errors that only servers of stateless revisions give.
const STATELESS_ERRORS: [i64; 2] = [-32020, UNSUPPORTED_VERSION];
const UNSUPPORTED_VERSION: i64 = -32022;
/// How long a farewell may take. Chosen: a server that does not answer to one is left.
const FAREWELL_MAX: Duration = Duration::from_secs(1);
/// What we call ourselves.
const CLIENT_NAME: &str = "bellwether-probe";

pub(crate) async fn probe_mcp(
    recorder: &mut Recorder,
    settings: &McpSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    recorder.may_degrade();
    let url;
    let channel = match &settings.transport {
        McpTransport::Stdio(program) => {
            recorder.begin(Some(DURATION), "connect");
            let channel = StdioChannel::start(recorder, program)?;
            recorder.end();
            Channel::Stdio(Box::new(channel))
        }
        McpTransport::Network => {
            url = Url::parse(target).map_err(|error| {
                Failure::new(format!(
                    "target {:?} is no URL: {error}",
                    shown_target(target)
                ))
            })?;
            match url.scheme() {
                "http" | "https" => {
                    let channel = HttpChannel::open(recorder, settings, &url, clock).await?;
                    Channel::Http(Box::new(channel))
                }
                "ws" | "wss" => {
                    let channel = WebSocketChannel::open(recorder, settings, &url, clock).await?;
                    Channel::WebSocket(Box::new(channel))
                }
                other => {
                    return Err(Failure::new(format!(
                        "target {:?} begins with {other:?}: want http, https, ws or wss",
                        shown_target(target)
                    )));
                }
            }
        }
    };
    let mut ladder = Ladder {
        settings,
        channel,
        era: Era::Stateless,
    };
    let outcome = ladder.climb(recorder).await;
    recorder.settle(outcome);
    let farewell = ladder.channel.close(recorder, &ladder.era);
    if tokio::time::timeout(FAREWELL_MAX, farewell).await.is_err() {
        recorder.note(format!("no farewell within {FAREWELL_MAX:?}"));
    }
    Ok(())
}

/// Reads a message, and compares the tools in it.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_message(text: &[u8]) {
    let Ok(messages) = message::parse(text) else {
        return;
    };
    for message in messages {
        if let Some(Reply::Result(result)) = channel::answer(message, 1) {
            // Whether they are as expected counts for nothing here.
            discovered(Reply::Result(result.clone())).ok();
            let mut listed = Vec::new();
            tools::read_page(result, &mut listed).ok();
            tools::judge(
                &mut Recorder::new(Duration::ZERO),
                &McpSettings::default(),
                &listed,
            )
            .ok();
        }
    }
}

/// What a server says about itself.
struct Server {
    protocol: String,
    info: Value,
    has_tools: bool,
}

/// A rung that the server does not stand on, and why.
enum Rung {
    Reached(Server),
    /// A server of an older revision, as it seems.
    Below(String),
}

struct Ladder<'a> {
    settings: &'a McpSettings,
    channel: Channel<'a>,
    era: Era,
}

impl Ladder<'_> {
    async fn climb(&mut self, recorder: &mut Recorder) -> Result<(), Failure> {
        let server = self.meet(recorder).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, version) = (text(&server.info["name"]), text(&server.info["version"]));
        recorder.note(format!("{name:?} {version:?} speaks {}", server.protocol));
        let labels = [
            ("protocol", server.protocol.as_str()),
            ("server", &name),
            ("version", &version),
        ];
        recorder.set_labelled(INFO, &labels, 1.0);
        if self.era != Era::Stateless {
            recorder.begin(Some(DURATION), "ping");
            let call = Call::new("ping", json!({}));
            let reply = self.channel.call(recorder, &self.era, &call).await?;
            reply.result("ping")?;
            recorder.end();
        }
        let mut listed = Vec::new();
        if server.has_tools {
            recorder.begin(Some(DURATION), "tools_list");
            listed = tools::list(recorder, &mut self.channel, &self.era).await?;
            recorder.end();
        } else {
            recorder.note("the server says that it has no tools");
        }
        tools::judge(recorder, self.settings, &listed)?;
        if let Some(settings) = &self.settings.tool_call {
            recorder.set(TOOL_CALL_SUCCESS, 0.0);
            recorder.begin(Some(DURATION), "tools_call");
            tool_call::run(recorder, &mut self.channel, &self.era, settings, &listed).await?;
            recorder.end();
            recorder.set(TOOL_CALL_SUCCESS, 1.0);
        }
        Ok(())
    }

    /// Finds the rung that the server stands on.
    async fn meet(&mut self, recorder: &mut Recorder) -> Result<Server, Failure> {
        match self.settings.protocol {
            McpProtocol::Session => self.initialize(recorder).await,
            McpProtocol::Stateless => {
                recorder.begin(Some(DURATION), "discover");
                let call = Call::new("server/discover", json!({}));
                let reply = self.channel.call(recorder, &self.era, &call).await?;
                let server = match discovered(reply)? {
                    Rung::Reached(server) => server,
                    Rung::Below(why) => return Err(Failure::new(why)),
                };
                recorder.end();
                Ok(server)
            }
            McpProtocol::Any => {
                let why = match self.discover(recorder).await? {
                    Rung::Reached(server) => return Ok(server),
                    Rung::Below(why) => why,
                };
                recorder.note(format!("{why}: an older revision is tried"));
                match self.initialize(recorder).await {
                    Ok(server) => Ok(server),
                    Err(failure) => self.take_late(recorder, failure),
                }
            }
        }
    }

    /// Discovers with the patience that the settings have where an older revision may follow.
    async fn discover(&mut self, recorder: &mut Recorder) -> Result<Rung, Failure> {
        recorder.begin(Some(DURATION), "discover");
        let wait = self.settings.discover_timeout;
        let call = Call::new("server/discover", json!({}));
        let asked = self.channel.call(recorder, &self.era, &call);
        let rung = match tokio::time::timeout(wait, asked).await {
            Ok(reply) => discovered(reply?)?,
            Err(_) => Rung::Below(format!("no answer to server/discover within {wait:?}")),
        };
        recorder.end();
        Ok(rung)
    }

    /// A server that starts slowly may have answered `server/discover` after all.
    fn take_late(&mut self, recorder: &mut Recorder, failure: Failure) -> Result<Server, Failure> {
        let Some(reply) = self.channel.late_answer() else {
            return Err(failure);
        };
        match discovered(reply) {
            Ok(Rung::Reached(server)) => {
                recorder.note("the answer to server/discover came late");
                self.era = Era::Stateless;
                Ok(server)
            }
            _ => Err(failure),
        }
    }

    async fn initialize(&mut self, recorder: &mut Recorder) -> Result<Server, Failure> {
        self.era = Era::Opening;
        recorder.begin(Some(DURATION), "initialize");
        let params = json!({
            "protocolVersion": SESSIONS[0],
            "capabilities": {},
            "clientInfo": client_info(),
        });
        let call = Call::new("initialize", params);
        let reply = self.channel.call(recorder, &self.era, &call).await?;
        let result = reply.result("initialize")?;
        let protocol = result["protocolVersion"].as_str().unwrap_or_default();
        if !SESSIONS.contains(&protocol) {
            return Err(Failure::new(format!(
                "the server wants to speak {protocol:?}: want one of {}",
                SESSIONS.join(", ")
            )));
        }
        let protocol = protocol.to_owned();
        self.era = Era::Session(protocol.clone());
        let method = "notifications/initialized";
        self.channel.notify(recorder, &self.era, method).await?;
        recorder.end();
        Ok(Server {
            protocol,
            has_tools: !result["capabilities"]["tools"].is_null(),
            info: result["serverInfo"].clone(),
        })
    }
}

/// What the answer to `server/discover` means.
fn discovered(reply: Reply) -> Result<Rung, Failure> {
    let below = |why: String| Ok(Rung::Below(why));
    match reply {
        Reply::Result(result) => {
            let versions = versions(&result["supportedVersions"]);
            if versions.iter().any(|version| version == STATELESS) {
                let info = result["_meta"]["io.modelcontextprotocol/serverInfo"].clone();
                return Ok(Rung::Reached(Server {
                    protocol: STATELESS.to_owned(),
                    has_tools: !result["capabilities"]["tools"].is_null(),
                    info,
                }));
            }
            other_versions(&versions)
        }
        Reply::Error(error) if error.code == UNSUPPORTED_VERSION => {
            other_versions(&versions(&error.data["supported"]))
        }
        Reply::Error(error) if STATELESS_ERRORS.contains(&error.code) => Err(Failure::new(
            format!("server/discover was refused: {error}"),
        )),
        Reply::Error(error) => below(format!("server/discover was refused: {error}")),
        Reply::Status(status, _) => {
            below(format!("server/discover was answered with status {status}"))
        }
    }
}

/// A server that does not speak our stateless revision: it may speak one with sessions.
fn other_versions(versions: &[String]) -> Result<Rung, Failure> {
    let is_known = |version: &String| SESSIONS.contains(&version.as_str());
    if versions.is_empty() || versions.iter().any(is_known) {
        return Ok(Rung::Below(format!(
            "the server does not speak {STATELESS}"
        )));
    }
    Err(Failure::new(format!(
        "the server speaks only {}: want {STATELESS} or one of {}",
        versions.join(", "),
        SESSIONS.join(", ")
    )))
}

fn versions(value: &Value) -> Vec<String> {
    const SHOWN_MAX: usize = 20;
    let versions = value.as_array().into_iter().flatten();
    versions
        .filter_map(|version| version.as_str().map(str::to_owned))
        .take(SHOWN_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_discover_may_be_anything() {
        for result in [json!([]), json!("x"), json!(1), json!(null), json!({})] {
            let rung = discovered(Reply::Result(result)).unwrap();
            assert!(matches!(rung, Rung::Below(_)));
        }
        for meta in [json!([]), json!("x"), json!(null)] {
            let result = json!({"supportedVersions": [STATELESS], "_meta": meta});
            let rung = discovered(Reply::Result(result)).unwrap();
            assert!(matches!(rung, Rung::Reached(server) if server.info.is_null()));
        }
    }
}
