//! `/ws`: JSON-RPC in text messages, the methods of `/mcp`.
//!
//! ## Limits
//! [`SOCKETS_MAX`] connections, messages of [`MESSAGE_BYTES_MAX`]; a connection on which nothing comes for
//! [`IDLE`] is closed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bellwether_sdk::ai::Direction;
use futures::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::routes::App;
use super::{mcp, until};

/// Connections at a time. Chosen: a demo is watched by few.
const SOCKETS_MAX: usize = 100;
const MESSAGE_BYTES_MAX: usize = 256 << 10;
const IDLE: Duration = Duration::from_secs(300);

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The places of all connections.
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(SOCKETS_MAX))
}

/// Answers the handshake and goes on in a task of its own.
pub(super) async fn upgrade(State(app): State<App>, mut request: Request) -> Response {
    let Some(accept) = accept_key(request.headers()) else {
        let text = "want a WebSocket handshake of version 13\n";
        return (StatusCode::UPGRADE_REQUIRED, text).into_response();
    };
    let Ok(place) = Arc::clone(&app.sockets).try_acquire_owned() else {
        let text = format!("{SOCKETS_MAX} connections are open: try again later\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let upgrading = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrading.await {
            Ok(upgraded) => attend(&app, upgraded, place).await,
            Err(error) => tracing::debug!("no WebSocket: {error}"),
        }
    });
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// What proves that the handshake was understood; `None`: it is none.
fn accept_key(headers: &HeaderMap) -> Option<HeaderValue> {
    let text = |name| headers.get(name).and_then(|it| it.to_str().ok());
    let is_upgrade = text(&header::UPGRADE)?.eq_ignore_ascii_case("websocket");
    let is_version = text(&header::SEC_WEBSOCKET_VERSION)? == "13";
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    let accept = HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok()?;
    (is_upgrade && is_version).then_some(accept)
}

async fn attend(app: &App, upgraded: Upgraded, place: OwnedSemaphorePermit) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let io = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let session = app.service.backends().ai.websocket_session();
    let took = |direction, bytes| session.message(direction, bytes);
    let code = tokio::select! {
        code = converse(app, &mut socket, took) => code,
        () = until(app.stopped.clone()) => Some(1_001),
    };
    if let Some(code) = code {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "".into(),
        };
        // Whether the other side hears the farewell changes nothing.
        drop(socket.close(Some(frame)).await);
        session.close(code);
    }
    drop(place);
}

/// Answers messages until the connection ends; gives the code with which it does, `None`: it broke.
async fn converse(app: &App, socket: &mut Socket, took: impl Fn(Direction, usize)) -> Option<u16> {
    loop {
        let Ok(message) = tokio::time::timeout(IDLE, socket.next()).await else {
            return Some(1_001);
        };
        let text = match message?.ok()? {
            Message::Text(text) => text,
            Message::Close(_) => return Some(1_000),
            // 1003: it cannot take this type of data. Pings are answered below us.
            Message::Binary(_) => return Some(1_003),
            _ => continue,
        };
        took(Direction::Received, text.len());
        let Ok(message) = serde_json::from_str::<Value>(&text) else {
            return Some(1_007);
        };
        let Some(answer) = mcp::answer(app.service.backends(), &message).await else {
            continue;
        };
        let answer = answer.to_string();
        took(Direction::Sent, answer.len());
        socket.send(Message::text(answer)).await.ok()?;
    }
}
