//! The daemon's edge: MCP over HTTP and over WebSocket, health, metrics.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{any, post};
use bellwether_sdk::ai::Direction;
use bellwether_sdk::health::{HealthRegistry, routes};
use bellwether_sdk::http::HttpLayer;
use bellwether_sdk::{Settings, Telemetry, metrics_routes};
use futures::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::answers::Answers;
use super::protocol;
use super::support::Answer;

/// How often a session is asked whether it is still there.
const PING: Duration = Duration::from_secs(5);
/// A session's end as RFC 6455 names it: all is well, or the daemon goes away.
const NORMAL: u16 = 1_000;

/// Serves until `end`; says where as soon as it does.
pub(crate) async fn serve(
    answers: &Answers,
    telemetry: &Telemetry,
    end: impl Future<Output = Answer>,
    ready: impl FnOnce(SocketAddr),
) -> Answer {
    let health = HealthRegistry::builder(&Settings::from_env()?).telemetry(telemetry);
    let health = answers.probes(health).start()?;
    let router = Router::new()
        .route("/mcp", post(over_http))
        .route("/ws", any(over_websocket))
        .with_state(answers.clone())
        .layer(HttpLayer::new(telemetry))
        .merge(routes(&health))
        .merge(metrics_routes(telemetry));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    health.started();
    ready(address);
    // Sessions over WebSocket have no end of their own: what serves is dropped, not waited for.
    let served = tokio::select! {
        served = axum::serve(listener, router) => served.map_err(Into::into),
        ended = end => ended,
    };
    health.begin_drain();
    health.stop();
    served
}

/// Streamable HTTP: a message a request, answered with JSON.
async fn over_http(State(answers): State<Answers>, body: Bytes) -> Response {
    let text = String::from_utf8_lossy(&body);
    match protocol::answer(&text, &answers).await {
        Some(answer) => {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            (kind, answer.to_string()).into_response()
        }
        None => StatusCode::ACCEPTED.into_response(),
    }
}

/// Makes the connection a WebSocket, as RFC 6455, section 4.2.2, has it.
async fn over_websocket(State(answers): State<Answers>, mut request: Request) -> Response {
    let headers = request.headers();
    let is_version = headers
        .get(header::SEC_WEBSOCKET_VERSION)
        .is_some_and(|it| it == "13");
    let key = headers
        .get(header::SEC_WEBSOCKET_KEY)
        .filter(|_| is_version);
    let Some(accepted) = key.map(|key| derive_accept_key(key.as_bytes())) else {
        let wanted = [(header::SEC_WEBSOCKET_VERSION, "13")];
        return (StatusCode::UPGRADE_REQUIRED, wanted).into_response();
    };
    let upgrading = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        // Whoever goes away before has no session.
        if let Ok(connection) = upgrading.await {
            // Messages of megabytes are no messages of this daemon.
            let config = WebSocketConfig::default().max_message_size(Some(1 << 20));
            let stream = TokioIo::new(connection);
            let socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
            session(socket, answers).await;
        }
    });
    let headers = [
        (header::CONNECTION, "upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_ACCEPT, &accepted),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

async fn session(mut socket: WebSocketStream<TokioIo<Upgraded>>, answers: Answers) {
    let session = answers.ai.websocket_session();
    let mut pings = tokio::time::interval(PING);
    let mut asked = Instant::now();
    let code = loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = pings.tick() => {
                asked = Instant::now();
                if socket.send(Message::Ping(Bytes::new())).await.is_err() {
                    break None;
                }
                continue;
            }
        };
        match message {
            Some(Ok(Message::Text(text))) => {
                session.message(Direction::Received, text.len());
                let Some(answer) = protocol::answer(&text, &answers).await else {
                    continue;
                };
                let answer = answer.to_string();
                session.message(Direction::Sent, answer.len());
                if socket.send(Message::text(answer)).await.is_err() {
                    break None;
                }
            }
            Some(Ok(Message::Pong(_))) => session.round_trip(asked.elapsed()),
            Some(Ok(Message::Close(frame))) => {
                break Some(frame.map_or(NORMAL, |it| it.code.into()));
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => break None,
        }
    };
    // Dropped without a code it counts as broken.
    if let Some(code) = code {
        session.close(code);
    }
}
