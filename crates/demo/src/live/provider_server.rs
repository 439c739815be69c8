//! A provider as others see it: a server that speaks as OpenAI's does, and has the provider's faults.
//!
//! ## Limits
//! Answers have at most [`OUTPUT_TOKENS_MAX`] tokens; a body has at most what axum allows by default, 2 MB.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::provider::{Headers, OngoingCall, Provider};
use crate::provider::{CallOutcome, MODELS};

const OUTPUT_TOKENS_MAX: u64 = 256;
const OUTPUT_TOKENS_DEFAULT: u64 = 32;
/// Time to list the models on a good day.
const LIST_TIME: Duration = Duration::from_millis(15);
/// When somebody may ask again who was refused, s.
const RETRY_AFTER: &str = "5";

/// The provider's routes.
pub(super) fn routes(provider: &Arc<Provider>) -> Router {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(complete))
        .with_state(Arc::clone(provider))
}

async fn models(State(provider): State<Arc<Provider>>) -> Response {
    tokio::time::sleep(LIST_TIME.mul_f64(provider.slowness())).await;
    if provider.is_down() {
        return refusal(CallOutcome::Overloaded, &provider.limit_headers());
    }
    let own = MODELS.iter().filter(|it| it.provider == provider.index);
    let models: Vec<Value> = own
        .map(|it| json!({ "id": it.name, "object": "model", "owned_by": provider.name() }))
        .collect();
    let headers = header_map(&provider.limit_headers());
    (headers, Json(json!({ "object": "list", "data": models }))).into_response()
}

async fn complete(State(provider): State<Arc<Provider>>, Json(request): Json<Value>) -> Response {
    let name = request["model"].as_str().unwrap_or_default();
    let known = MODELS
        .iter()
        .position(|it| it.provider == provider.index && it.name == name);
    let Some(model) = known else {
        let text = "the model does not exist";
        return error(StatusCode::NOT_FOUND, "invalid_request_error", text).into_response();
    };
    let limit = |key: &str| request[key].as_u64();
    let wanted = limit("max_completion_tokens").or_else(|| limit("max_tokens"));
    let output = wanted.unwrap_or(OUTPUT_TOKENS_DEFAULT);
    let output = output.clamp(1, OUTPUT_TOKENS_MAX);
    // Four bytes for a token.
    let input = (request["messages"].to_string().len() as u64 / 4).max(1);
    let call = provider.begin(model, [input as f64, output as f64, 0.0, 0.0]);
    let began = Instant::now();
    let at = |seconds: f64| began + Duration::from_secs_f64(seconds.max(0.0));
    if call.plan.first_token_s <= 0.0 {
        sleep_until(at(call.plan.duration_s)).await;
        return refusal(call.plan.outcome, &call.headers);
    }
    let headers = header_map(&call.headers);
    if request["stream"] == true {
        let stream = Streaming::new(call, began, name, [input, output]).events();
        let events = [(header::CONTENT_TYPE, "text/event-stream")];
        return (headers, events, Body::from_stream(stream)).into_response();
    }
    sleep_until(at(call.plan.duration_s)).await;
    if call.plan.outcome != CallOutcome::Ok {
        return refusal(CallOutcome::ServerError, &call.headers);
    }
    let text = "word ".repeat(output as usize);
    let answer = json!({
        "id": "demo", "object": "chat.completion", "model": name,
        "choices": [{
            "index": 0, "finish_reason": "stop",
            "message": { "role": "assistant", "content": text.trim_end() },
        }],
        "usage": usage([input, output]),
    });
    (headers, Json(answer)).into_response()
}

fn usage([input, output]: [u64; 2]) -> Value {
    json!({
        "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output,
    })
}

fn header_map(headers: &Headers) -> HeaderMap {
    let pairs = headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_static(name);
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    pairs.collect()
}

fn error(status: StatusCode, kind: &str, text: &str) -> (StatusCode, Json<Value>) {
    let body = json!({ "error": { "type": kind, "code": kind, "message": text } });
    (status, Json(body))
}

/// The answer where there is none.
fn refusal(outcome: CallOutcome, headers: &Headers) -> Response {
    let (status, kind, text) = match outcome {
        CallOutcome::RateLimited => (
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_exceeded",
            "the quota of this minute is used up",
        ),
        CallOutcome::Timeout => (
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            "the model took too long",
        ),
        CallOutcome::Overloaded => (
            StatusCode::SERVICE_UNAVAILABLE,
            "overloaded_error",
            "the provider is overloaded",
        ),
        CallOutcome::Ok | CallOutcome::ServerError | CallOutcome::StreamTruncated => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "the model failed",
        ),
    };
    let retry = [(header::RETRY_AFTER, RETRY_AFTER)];
    (header_map(headers), retry, error(status, kind, text)).into_response()
}

/// A streamed answer on its way.
struct Streaming {
    call: OngoingCall,
    began: Instant,
    model: String,
    /// Input and output.
    tokens: [u64; 2],
    next: u64,
}

impl Streaming {
    fn new(call: OngoingCall, began: Instant, model: &str, tokens: [u64; 2]) -> Self {
        Self {
            call,
            began,
            model: model.to_owned(),
            tokens,
            next: 0,
        }
    }

    /// One event a token, then the end with usage; nothing more where the stream is cut.
    fn events(self) -> impl futures::Stream<Item = Result<Bytes, std::convert::Infallible>> + Send {
        futures::stream::unfold(self, |mut streaming| async move {
            let event = streaming.event().await?;
            Some((Ok(Bytes::from(event)), streaming))
        })
    }

    async fn event(&mut self) -> Option<String> {
        let plan = self.call.plan;
        let [_, output] = self.tokens;
        let index = self.next;
        self.next += 1;
        if index < output {
            let seconds = plan.first_token_s + plan.token_s * index as f64;
            if seconds > plan.duration_s && plan.outcome != CallOutcome::Ok {
                return None;
            }
            sleep_until(self.began + Duration::from_secs_f64(seconds)).await;
            return Some(self.chunk(json!({ "content": "word " }), Value::Null));
        }
        if index > output {
            return None;
        }
        let mut last = self.chunk(json!({}), json!("stop"));
        let model = &self.model;
        let usage = json!({
            "id": "demo", "object": "chat.completion.chunk", "model": model,
            "choices": [], "usage": usage(self.tokens),
        });
        last.push_str(&format!("data: {usage}\n\ndata: [DONE]\n\n"));
        Some(last)
    }

    fn chunk(&self, delta: Value, finish_reason: Value) -> String {
        let model = &self.model;
        let chunk = json!({
            "id": "demo", "object": "chat.completion.chunk", "model": model,
            "choices": [{ "index": 0, "delta": delta, "finish_reason": finish_reason }],
        });
        format!("data: {chunk}\n\n")
    }
}
