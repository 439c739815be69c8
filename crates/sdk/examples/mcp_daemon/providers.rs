//! Providers of models, as far as the daemon needs them: servers on the loopback that speak like OpenAI.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::http::{Request, Response, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use axum::{Json, Router};
use bellwether_sdk::TraceContext;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::support::Answer;

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// When a provider is down: at the beginning of each so long time, for so long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outages {
    /// From one outage to the next.
    pub(crate) every: Duration,
    /// How long each takes.
    pub(crate) length: Duration,
}

impl Outages {
    /// Never.
    pub(crate) fn none() -> Self {
        Self {
            every: Duration::from_secs(1),
            length: Duration::ZERO,
        }
    }

    fn is_now(self, since: Duration) -> bool {
        // The first one comes late enough for something to be seen before.
        let at = (since + self.every / 2).as_secs_f64() % self.every.as_secs_f64();
        at < self.length.as_secs_f64()
    }
}

/// A provider that runs.
#[derive(Debug, Clone)]
pub(crate) struct Provider {
    /// Its name.
    pub(crate) name: &'static str,
    address: SocketAddr,
}

/// What a provider answers.
#[derive(Debug)]
pub(crate) struct ProviderAnswer {
    /// The status of HTTP.
    pub(crate) status: u16,
    /// Its headers, for limits of rates.
    pub(crate) headers: axum::http::HeaderMap,
    /// The body.
    pub(crate) body: Value,
}

impl Provider {
    /// Starts one on a free port.
    pub(crate) async fn start(name: &'static str, outages: Outages) -> Answer<Self> {
        let begun = Instant::now();
        let is_down = move || outages.is_now(begun.elapsed());
        let models = move || async move {
            match is_down() {
                true => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                false => Json(json!({ "data": [{ "id": "small" }] })).into_response(),
            }
        };
        let chat = move |Json(question): Json<Value>| async move {
            if is_down() {
                let error = json!({ "error": { "type": "overloaded_error" } });
                return (StatusCode::SERVICE_UNAVAILABLE, Json(error)).into_response();
            }
            let text = question["messages"][0]["content"]
                .as_str()
                .unwrap_or_default();
            tokio::time::sleep(Duration::from_millis(20 + text.len() as u64 % 60)).await;
            let answer = json!({
                "choices": [{ "message": { "content": format!("{name} says: yes, {text}") } }],
                "usage": { "prompt_tokens": text.len() / 4, "completion_tokens": 12 },
            });
            let limits = [
                ("x-ratelimit-limit-requests", "6000"),
                ("x-ratelimit-remaining-requests", "5990"),
            ];
            (limits, Json(answer)).into_response()
        };
        let router: Router = Router::new()
            .route("/v1/models", get(models))
            .route("/v1/chat/completions", post(chat));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { name, address })
    }

    /// Asks for the models that there are: what a free check can tell.
    pub(crate) async fn check(&self) -> Answer<u16> {
        let request = Request::get("/v1/models").body(Full::default())?;
        Ok(self.exchange(request).await?.status())
    }

    /// Asks a question.
    pub(crate) async fn chat(&self, question: &str) -> Answer<ProviderAnswer> {
        let body =
            json!({ "model": "small", "messages": [{ "role": "user", "content": question }] });
        let request = Request::post("/v1/chat/completions")
            .header(header::CONTENT_TYPE, "application/json")
            // The provider may go on with the trace.
            .header("traceparent", TraceContext::current().to_string())
            .body(Full::from(body.to_string()))?;
        let answer = self.exchange(request).await?;
        Ok(ProviderAnswer {
            status: answer.status,
            headers: answer.headers,
            body: serde_json::from_slice(&answer.body).unwrap_or_default(),
        })
    }

    /// A connection for each question: a daemon would keep them.
    async fn exchange(&self, mut request: Request<Full<axum::body::Bytes>>) -> Answer<Raw> {
        let host = self.address.to_string().parse()?;
        request.headers_mut().insert(header::HOST, host);
        let stream = TokioIo::new(TcpStream::connect(self.address).await?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        let connection = tokio::spawn(connection);
        let answer: Response<hyper::body::Incoming> = sender.send_request(request).await?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX)
            .collect()
            .await?
            .to_bytes();
        connection.abort();
        Ok(Raw {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_vec(),
        })
    }
}

struct Raw {
    status: u16,
    headers: axum::http::HeaderMap,
    body: Vec<u8>,
}

impl Raw {
    fn status(&self) -> u16 {
        self.status
    }
}
