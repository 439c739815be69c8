//! The way to a server: one interface over streamable HTTP, standard input and output, and WebSockets.

use serde_json::{Value, json};

use super::http::HttpChannel;
use super::message::{Message, RpcError, answer_to};
use super::stdio::StdioChannel;
use super::websocket::WebSocketChannel;
use super::{CLIENT_NAME, STATELESS};
use crate::api::excerpt;
use crate::recorder::{Failure, Recorder};

/// Which generation of the protocol is spoken; what requests carry depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Era {
    /// Every request says all about itself.
    Stateless,
    /// `initialize` is under way.
    Opening,
    /// A session with the version that was agreed on.
    Session(String),
}

/// A request.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) method: &'static str,
    pub(super) params: Value,
    /// `Mcp-Name`.
    pub(super) name: Option<&'a str>,
    /// `Mcp-Param-…`: names without that, and values.
    pub(super) param_headers: Vec<(String, String)>,
}

impl Call<'_> {
    pub(super) fn new(method: &'static str, params: Value) -> Self {
        Self {
            method,
            params,
            name: None,
            param_headers: Vec::new(),
        }
    }

    /// The parameters as the era wants them.
    pub(super) fn params_in(&self, era: &Era) -> Value {
        let mut params = self.params.clone();
        if *era == Era::Stateless {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": STATELESS,
                "io.modelcontextprotocol/clientInfo": client_info(),
                "io.modelcontextprotocol/clientCapabilities": {},
            });
        }
        params
    }
}

pub(super) fn client_info() -> Value {
    json!({"name": CLIENT_NAME, "version": env!("CARGO_PKG_VERSION")})
}

/// What came back.
#[derive(Debug, PartialEq)]
pub(super) enum Reply {
    Result(Value),
    Error(RpcError),
    /// An HTTP status without a message: number and text.
    Status(u16, String),
}

/// What answers the request of an id.
pub(super) fn answer(message: Message, wanted: u64) -> Option<Reply> {
    match message {
        Message::Answer { id, outcome } if id == wanted => Some(match outcome {
            Ok(result) => Reply::Result(result),
            Err(error) => Reply::Error(error),
        }),
        // A peer that could not read the request does not know its id.
        Message::Answer {
            id: Value::Null,
            outcome: Err(error),
        } => Some(Reply::Error(error)),
        _ => None,
    }
}

/// What a message means for a call that waits for its answer, where both sides may send at any time.
pub(super) enum Taken {
    /// It is the answer.
    Reply(Reply),
    /// The server wants this in return.
    Say(String),
    /// It is something else.
    Other,
}

/// Takes a message while the answer to the request `id` is waited for. An answer to the first request that comes after
/// its time is kept in `late`.
pub(super) fn take(
    recorder: &mut Recorder,
    message: Message,
    id: u64,
    late: &mut Option<Reply>,
) -> Taken {
    match message {
        Message::Request { id, method } => Taken::Say(answer_to(&id, &method)),
        Message::Notification(method) => {
            recorder.note(format!("the server tells {method}"));
            Taken::Other
        }
        Message::Answer { id: ref of, .. } if id > 1 && *of == 1 => {
            *late = answer(message, 1);
            Taken::Other
        }
        message => answer(message, id).map_or(Taken::Other, Taken::Reply),
    }
}

impl Reply {
    /// The result, or why there is none.
    pub(super) fn result(self, method: &str) -> Result<Value, Failure> {
        match self {
            Self::Result(result) => Ok(result),
            Self::Error(error) => Err(Failure::new(format!("{method} was refused: {error}"))),
            Self::Status(status, text) => {
                let text = excerpt(&text);
                let separator = if text.is_empty() { "" } else { ": " };
                let reason = format!("{method} was answered with status {status}{separator}{text}");
                Err(Failure::new(reason))
            }
        }
    }
}

/// A way to a server.
pub(super) enum Channel<'a> {
    Http(Box<HttpChannel<'a>>),
    Stdio(Box<StdioChannel>),
    WebSocket(Box<WebSocketChannel>),
}

impl Channel<'_> {
    /// Sends a request and waits for its answer.
    pub(super) async fn call(
        &mut self,
        recorder: &mut Recorder,
        era: &Era,
        call: &Call<'_>,
    ) -> Result<Reply, Failure> {
        match self {
            Self::Http(channel) => channel.call(recorder, era, call).await,
            Self::Stdio(channel) => channel.call(recorder, era, call).await,
            Self::WebSocket(channel) => channel.call(recorder, era, call).await,
        }
    }

    /// Sends what has no answer.
    pub(super) async fn notify(
        &mut self,
        recorder: &mut Recorder,
        era: &Era,
        method: &'static str,
    ) -> Result<(), Failure> {
        match self {
            Self::Http(channel) => channel.notify(recorder, era, method).await,
            Self::Stdio(channel) => channel.notify(method).await,
            Self::WebSocket(channel) => channel.notify(method).await,
        }
    }

    /// The answer to the first call, where it came after nobody waited for it any more.
    pub(super) fn late_answer(&mut self) -> Option<Reply> {
        match self {
            Self::Http(_) => None,
            Self::Stdio(channel) => channel.late.take(),
            Self::WebSocket(channel) => channel.late.take(),
        }
    }

    /// Says farewell. What goes wrong in that changes nothing.
    pub(super) async fn close(&mut self, recorder: &mut Recorder, era: &Era) {
        match self {
            Self::Http(channel) => channel.close(recorder, era).await,
            Self::Stdio(channel) => channel.close().await,
            Self::WebSocket(channel) => channel.close().await,
        }
    }
}
