//! `websocket`: the handshake, a conversation in messages, a ping, a JSON-RPC call.
//!
//! ## Limits
//! A message has at most [`MESSAGE_BYTES_MAX`] bytes.

use std::net::SocketAddr;

use bellwether_outbound::Authorizer;
use bellwether_outbound::settings::{HeaderSettings, HttpClientSettings};
use bellwether_storage::Clock;
use futures::{SinkExt as _, StreamExt as _};
use hyper::header::{HOST, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::Url;

use crate::connection::{Connection, TlsMetrics, begin_tls, connect_tcp, record_tls};
use crate::conversation::expanded;
use crate::credentials::hide_credentials;
use crate::http::exchange::causes;
use crate::http::host_of;
use crate::module::{AddressChoice, Expectation, QueryResponse, WebSocketSettings};
use crate::recorder::{Failure, Gauge, Recorder};
use crate::resolve::choose_address;
use crate::target::shown_target;

const STATUS_CODE: Gauge = Gauge::new(
    "probe_websocket_status_code",
    "The HTTP status of the answer to the handshake, 0 where none came.",
);
const UPGRADED: Gauge = Gauge::new(
    "probe_websocket_connection_upgraded",
    "Whether the handshake succeeded.",
);
const FAILED_DUE_TO_REGEX: Gauge = Gauge::new(
    "probe_websocket_failed_due_to_regex",
    "Whether the probe failed because of a pattern.",
);
const DURATION: Gauge = Gauge::new(
    "probe_websocket_duration_seconds",
    "How long each phase took.",
);

/// Chosen: a greeting or a status report is far below.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// What our ping carries and a pong must bring back.
const PING: &[u8] = b"bellwether";
/// Messages that may stand between a call and its answer. Chosen: a busy feed still ends.
const MESSAGES_BETWEEN_MAX: usize = 1_000;

pub(crate) type Socket = WebSocketStream<Connection>;

pub(crate) async fn probe_websocket(
    recorder: &mut Recorder,
    settings: &WebSocketSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    for gauge in [STATUS_CODE, UPGRADED, FAILED_DUE_TO_REGEX] {
        recorder.set(gauge, 0.0);
    }
    let url = Url::parse(target).map_err(|error| {
        Failure::new(format!(
            "target {:?} is no URL: {error}",
            shown_target(target)
        ))
    })?;
    let opening = Opening {
        url: &url,
        client: &settings.client,
        address: settings.address,
        phases: DURATION,
        handshake_phase: "processing",
        subprotocol: None,
        message_bytes_max: MESSAGE_BYTES_MAX,
    };
    let mut socket = match open(recorder, &opening, clock).await {
        Ok(socket) => {
            recorder.set(STATUS_CODE, 101.0);
            socket
        }
        Err(refused) => {
            if let Some(status) = refused.status {
                recorder.set(STATUS_CODE, f64::from(status));
            }
            return Err(refused.failure);
        }
    };
    recorder.set(UPGRADED, 1.0);
    converse(recorder, &mut socket, &settings.query_response).await?;
    if settings.ping {
        recorder.begin(Some(DURATION), "ping");
        ping(&mut socket).await?;
        recorder.end();
    }
    if let Some(method) = &settings.json_rpc_method {
        recorder.begin(Some(DURATION), "json_rpc");
        call(recorder, &mut socket, method).await?;
        recorder.end();
    }
    // The probe is over: whether the peer says farewell changes nothing.
    socket.send(Message::Close(None)).await.ok();
    Ok(())
}

/// What a WebSocket is opened with.
pub(crate) struct Opening<'a> {
    /// `ws`, `wss`, `http` or `https`.
    pub(crate) url: &'a Url,
    pub(crate) client: &'a HttpClientSettings,
    pub(crate) address: AddressChoice,
    /// The duration metric that the phases go to.
    pub(crate) phases: Gauge,
    /// The name of the phase from the connection to the upgrade, TLS included.
    pub(crate) handshake_phase: &'static str,
    pub(crate) subprotocol: Option<&'static str>,
    pub(crate) message_bytes_max: usize,
}

/// Why there is no WebSocket.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The status of an answer that is no upgrade.
    pub(crate) status: Option<u16>,
    /// Whether the server did not choose the subprotocol that was offered.
    pub(crate) is_subprotocol: bool,
    pub(crate) failure: Failure,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            status: None,
            is_subprotocol: false,
            failure,
        }
    }
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        refused.failure
    }
}

/// Resolves, connects, begins TLS where the URL says so, and upgrades.
pub(crate) async fn open(
    recorder: &mut Recorder,
    opening: &Opening<'_>,
    clock: &dyn Clock,
) -> Result<Socket, Refused> {
    let url = opening.url;
    let (is_tls, usual_port) = match url.scheme() {
        "ws" | "http" => (false, 80),
        "wss" | "https" => (true, 443),
        other => {
            return Err(Failure::new(format!(
                "target {:?} begins with {other:?}: want ws or wss",
                shown_target(url.as_str())
            ))
            .into());
        }
    };
    let host = host_of(url);
    let phases = Some(opening.phases);
    let address = choose_address(recorder, &host, opening.address, phases).await?;
    let server = SocketAddr::new(address, url.port().unwrap_or(usual_port));
    recorder.begin(phases, "connect");
    let mut connection: Connection = Box::new(connect_tcp(server, None).await?);
    recorder.end();
    recorder.begin(phases, opening.handshake_phase);
    if is_tls {
        let tls_settings = &opening.client.tls;
        let (stream, tls) = begin_tls(connection, &host, tls_settings, &[b"http/1.1"]).await?;
        let metrics = TlsMetrics {
            cipher: false,
            chain_expiry: true,
        };
        record_tls(recorder, &tls, tls_settings, clock, metrics);
        connection = stream;
    }
    let socket = handshake(recorder, opening, is_tls, connection).await?;
    recorder.end();
    Ok(socket)
}

async fn handshake(
    recorder: &mut Recorder,
    opening: &Opening<'_>,
    is_tls: bool,
    connection: Connection,
) -> Result<Socket, Refused> {
    let mut url = opening.url.clone();
    // Both pairs of schemes have the same rules, so this cannot be refused.
    url.set_scheme(if is_tls { "wss" } else { "ws" }).ok();
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| Failure::new(format!("the handshake cannot be written: {error}")))?;
    let headers = request.headers_mut();
    let has_host = |header: &HeaderSettings| header.name.eq_ignore_ascii_case(HOST.as_str());
    if opening.client.headers.iter().any(has_host) {
        // What is there already is kept, and the host of the URL is.
        headers.remove(HOST);
    }
    let authorizer = Authorizer::new(opening.client).map_err(Failure::from)?;
    authorizer.apply(headers).await.map_err(Failure::from)?;
    crate::http::exchange::authorize_from_url(&url, headers);
    hide_credentials(recorder, &opening.client.headers, headers);
    if let Some(subprotocol) = opening.subprotocol {
        let value = HeaderValue::from_static(subprotocol);
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    let config = WebSocketConfig::default()
        .max_message_size(Some(opening.message_bytes_max))
        .max_frame_size(Some(opening.message_bytes_max));
    match client_async_with_config(request, connection, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => {
            let status = response.status();
            let failure = Failure::new(format!("the handshake was answered with {status}"));
            Err(Refused {
                status: Some(status.as_u16()),
                ..failure.into()
            })
        }
        Err(error) => {
            let is_subprotocol = matches!(
                error,
                Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_))
            );
            let failure = Failure::new(format!("handshake: {}", causes(&error)));
            Err(Refused {
                is_subprotocol,
                ..failure.into()
            })
        }
    }
}

async fn converse(
    recorder: &mut Recorder,
    socket: &mut Socket,
    steps: &[QueryResponse],
) -> Result<(), Failure> {
    if steps.is_empty() {
        return Ok(());
    }
    recorder.begin(Some(DURATION), "transfer");
    for (index, step) in steps.iter().enumerate() {
        if let Err(failure) = one_step(recorder, socket, step).await {
            recorder.end();
            recorder.set(FAILED_DUE_TO_REGEX, 1.0);
            let reason = format!("step {}: {}", index + 1, failure.text());
            return Err(Failure::new(reason));
        }
    }
    recorder.end();
    Ok(())
}

async fn one_step(
    recorder: &mut Recorder,
    socket: &mut Socket,
    step: &QueryResponse,
) -> Result<(), Failure> {
    let mut send = step.send.clone();
    match &step.expect {
        Expectation::Nothing => {}
        Expectation::Line(pattern) => {
            let message = next_message(socket).await?;
            recorder.note(format!("read message {message:?}"));
            let captures = pattern.captures(&message).ok_or_else(|| {
                Failure::new(format!("{message:?} does not match {:?}", pattern.text()))
            })?;
            send = expanded(&captures, &step.send);
        }
        Expectation::Bytes(expected) => {
            let message = next_message(socket).await?;
            if message.as_bytes() != expected.as_slice() {
                let expected = expected.escape_ascii();
                return Err(Failure::new(format!(
                    "wanted \"{expected}\", got {message:?}"
                )));
            }
        }
    }
    if send.is_empty() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&send).into_owned();
    recorder.note(format!("sends {text:?}"));
    send_message(socket, Message::text(text)).await
}

pub(crate) async fn send_message(socket: &mut Socket, message: Message) -> Result<(), Failure> {
    let sent = socket.send(message).await;
    sent.map_err(|error| Failure::new(format!("cannot send: {}", causes(&error))))
}

async fn receive(socket: &mut Socket) -> Result<Message, Failure> {
    match socket.next().await {
        None | Some(Ok(Message::Close(_))) => Err(Failure::new("the peer closed the connection")),
        Some(Ok(message)) => Ok(message),
        Some(Err(error)) => Err(Failure::new(format!("cannot read: {}", causes(&error)))),
    }
}

/// The next message of the peer as text; what is no UTF-8 in it is replaced.
pub(crate) async fn next_message(socket: &mut Socket) -> Result<String, Failure> {
    loop {
        match receive(socket).await? {
            Message::Text(text) => return Ok(text.as_str().to_owned()),
            Message::Binary(bytes) => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
            _ => {}
        }
    }
}

async fn ping(socket: &mut Socket) -> Result<(), Failure> {
    send_message(socket, Message::Ping(PING.into())).await?;
    for _ in 0..MESSAGES_BETWEEN_MAX {
        if let Message::Pong(payload) = receive(socket).await?
            && payload == PING
        {
            return Ok(());
        }
    }
    Err(Failure::new(format!(
        "no pong among {MESSAGES_BETWEEN_MAX} messages"
    )))
}

/// Calls a method and waits for the answer that bears the call's id.
async fn call(recorder: &mut Recorder, socket: &mut Socket, method: &str) -> Result<(), Failure> {
    const ID: &str = "bellwether-probe";
    let request = serde_json::json!({"jsonrpc": "2.0", "id": ID, "method": method});
    send_message(socket, Message::text(request.to_string())).await?;
    for _ in 0..MESSAGES_BETWEEN_MAX {
        let text = next_message(socket).await?;
        let Ok(answer) = serde_json::from_str::<Value>(&text) else {
            continue;
        };
        if answer.get("id").and_then(Value::as_str) != Some(ID) {
            continue;
        }
        recorder.note(format!("{method} was answered with {text}"));
        return match answer.get("error").filter(|error| !error.is_null()) {
            None => Ok(()),
            Some(error) => Err(Failure::new(format!("{method} was refused: {error}"))),
        };
    }
    Err(Failure::new(format!(
        "no answer to {method} among {MESSAGES_BETWEEN_MAX} messages"
    )))
}
