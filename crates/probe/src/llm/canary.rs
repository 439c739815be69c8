//! The call that costs money: one small streamed completion.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::stream::{Completion, Progress};
use super::trouble::{ERROR, TIMEOUT_BETWEEN_TOKENS, TIMEOUT_FIRST_TOKEN, Trouble};
use super::{Base, DURATION, record_limits};
use crate::api::{Api, read_error_body};
use crate::canary_ledger::{CanaryReport, Cost};
use crate::http::exchange::causes;
use crate::module::{CanarySettings, LlmApi, TokenLimitName};
use crate::recorder::{Gauge, Recorder};
use crate::sse::{Event, EventReader};

/// The longest stream that is read. Chosen: a canary's answer has a few tokens.
const STREAM_BYTES_MAX: usize = 4 << 20;
/// Tokens that a provider puts around a prompt, at most. Chosen: templates of chats take about ten.
const PROMPT_OVERHEAD_TOKENS: u64 = 20;

/// The most that a canary is expected to cost: a token has at least one byte.
pub(super) fn cost_max(settings: &CanarySettings) -> Cost {
    let input = settings.prompt.len() as u64 + PROMPT_OVERHEAD_TOKENS;
    cost(settings, input, u64::from(settings.output_tokens_max))
}

fn cost(settings: &CanarySettings, input: u64, output: u64) -> Cost {
    let dollars = input as f64 * settings.input_price + output as f64 * settings.output_price;
    Cost {
        dollars: dollars / 1e6,
        tokens: input.saturating_add(output),
    }
}

fn request(api: LlmApi, settings: &CanarySettings) -> (&'static str, Value) {
    let messages = json!([{"role": "user", "content": settings.prompt}]);
    let tokens_max = settings.output_tokens_max.max(1);
    match api {
        LlmApi::Anthropic => {
            let body = json!({
                "model": settings.model, "messages": messages, "max_tokens": tokens_max, "stream": true,
            });
            ("/messages", body)
        }
        LlmApi::OpenAi => {
            let mut body = json!({
                "model": settings.model, "messages": messages, "stream": true,
                "stream_options": {"include_usage": true},
            });
            let name = match settings.limit_name {
                TokenLimitName::MaxTokens => "max_tokens",
                TokenLimitName::MaxCompletionTokens => "max_completion_tokens",
            };
            body[name] = tokens_max.into();
            ("/chat/completions", body)
        }
    }
}

/// Makes the call. Gives what was found and what it cost, as far as that is known.
pub(super) async fn call(
    recorder: &mut Recorder,
    api: &mut Api<'_>,
    style: LlmApi,
    base: &Base,
    settings: &CanarySettings,
    now_ms: i64,
) -> (CanaryReport, Option<Cost>) {
    let mut canary = Canary {
        style,
        settings,
        began: Instant::now(),
        completion: Completion::default(),
        first_token: None,
        last: Instant::now(),
        between_max: Duration::ZERO,
    };
    recorder.begin(Some(DURATION), "canary");
    recorder.if_cut_off(Some((ERROR, "class", TIMEOUT_FIRST_TOKEN)));
    let outcome = canary.run(recorder, api, base, now_ms).await;
    recorder.if_cut_off(None);
    let usage = canary.completion.usage();
    let known = usage.map(|(input, output)| cost(settings, input, output));
    let mut report = CanaryReport {
        failure: None,
        first_token: canary.first_token,
        between_max: canary.first_token.map(|_| canary.between_max),
        total: None,
        usage,
        dollars: known.map(|cost| cost.dollars),
    };
    match outcome {
        Ok(()) => {
            recorder.end();
            report.total = Some(canary.began.elapsed());
            (report, known)
        }
        Err(trouble) => {
            let free = trouble.is_free.then(Cost::default);
            // What the ledger keeps, a module with another key may show.
            let reason = recorder.without_secrets(trouble.failure.text());
            report.failure = Some((trouble.class, reason));
            (report, known.or(free))
        }
    }
}

struct Canary<'a> {
    style: LlmApi,
    settings: &'a CanarySettings,
    began: Instant,
    completion: Completion,
    first_token: Option<Duration>,
    /// When the last part of the answer came.
    last: Instant,
    between_max: Duration,
}

impl Canary<'_> {
    async fn run(
        &mut self,
        recorder: &mut Recorder,
        api: &mut Api<'_>,
        base: &Base,
        now_ms: i64,
    ) -> Result<(), Trouble> {
        let (path, body) = request(self.style, self.settings);
        let path = base.join(path, "");
        recorder.note(format!("POST {path} for {:?}", self.settings.model));
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        let body = Bytes::from(body.to_string());
        let sent = api.send(recorder, Method::POST, &path, &headers, body);
        let response = match self.in_time(sent).await {
            Some(response) => response?,
            None => return Err(self.too_late()),
        };
        let (head, mut body) = response.into_parts();
        record_limits(recorder, &head.headers, now_ms);
        if !head.status.is_success() {
            let text = read_error_body(&mut body).await;
            return Err(Trouble::of_status(head.status, &text));
        }
        let content_type = head.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        if !content_type.is_some_and(|value| value.starts_with("text/event-stream")) {
            let shown = content_type.unwrap_or_default();
            let reason = format!("the answer is no event stream but {shown:?}");
            return Err(Trouble::bad_answer(reason));
        }
        self.read(recorder, &mut body).await
    }

    async fn read(&mut self, recorder: &mut Recorder, body: &mut Incoming) -> Result<(), Trouble> {
        let mut reader = EventReader::default();
        let mut events = Vec::new();
        let mut bytes = 0;
        loop {
            let frame = match self.in_time(body.frame()).await {
                None => return Err(self.too_late()),
                Some(None) => return self.ended(recorder),
                Some(Some(Err(error))) => {
                    let reason = format!("the stream breaks off: {}", causes(&error));
                    return Err(Trouble::truncated(reason));
                }
                Some(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else {
                continue;
            };
            bytes += data.len();
            if bytes > STREAM_BYTES_MAX {
                let reason = format!("the stream has more than {STREAM_BYTES_MAX} bytes");
                return Err(Trouble::bad_answer(reason));
            }
            let pushed = reader.push(&data, &mut events);
            pushed.map_err(|error| Trouble::bad_answer(error.to_string()))?;
            for event in events.drain(..) {
                if self.take(recorder, &event)? {
                    return self.ended(recorder);
                }
            }
        }
    }

    /// Says whether the answer is complete.
    fn take(&mut self, recorder: &mut Recorder, event: &Event) -> Result<bool, Trouble> {
        let was_finished = self.completion.finish_reason.is_some();
        let progress = self.completion.take(self.style, event);
        let is_finished = self.completion.finish_reason.is_some();
        let is_done = match progress {
            Progress::Token => false,
            Progress::Done => true,
            // A model that says nothing visible has its first token when it ends.
            Progress::Other if is_finished && !was_finished => false,
            Progress::Other => return Ok(false),
            Progress::Error(kind, text) => return Err(Trouble::told(&kind, &text)),
            Progress::Nonsense(reason) => return Err(Trouble::bad_answer(reason)),
        };
        let now = Instant::now();
        if self.first_token.is_none() {
            // A stream that says it is done before it began has no first token.
            if !is_done {
                self.first_token = Some(now - self.began);
                recorder.if_cut_off(Some((ERROR, "class", TIMEOUT_BETWEEN_TOKENS)));
            }
        } else {
            self.between_max = self.between_max.max(now - self.last);
        }
        self.last = now;
        Ok(is_done)
    }

    fn ended(&self, recorder: &mut Recorder) -> Result<(), Trouble> {
        match &self.completion.finish_reason {
            Some(reason) => {
                recorder.note(format!("the model ended with {reason:?}"));
                Ok(())
            }
            None => Err(Trouble::truncated(
                "the stream ended before the model did: no finish reason came",
            )),
        }
    }

    async fn in_time<F: Future>(&self, waited: F) -> Option<F::Output> {
        let (since, limit) = match self.first_token {
            None => (self.began, self.settings.first_token_timeout),
            Some(_) => (self.last, self.settings.between_tokens_timeout),
        };
        match limit {
            None => Some(waited.await),
            Some(limit) => tokio::time::timeout_at(since + limit, waited).await.ok(),
        }
    }

    fn too_late(&self) -> Trouble {
        let limits = self.settings;
        match self.first_token {
            None => {
                let limit = limits.first_token_timeout.unwrap_or_default();
                Trouble::new(
                    TIMEOUT_FIRST_TOKEN,
                    format!("no token came within {limit:?}"),
                )
            }
            Some(_) => {
                let limit = limits.between_tokens_timeout.unwrap_or_default();
                let reason = format!("no further token came within {limit:?}");
                Trouble::new(TIMEOUT_BETWEEN_TOKENS, reason)
            }
        }
    }
}

/// Shows what a canary found, just now or the last time.
pub(super) fn record(recorder: &mut Recorder, report: &CanaryReport, age: Duration) {
    const SUCCESS: Gauge = Gauge::new(
        "probe_llm_canary_success",
        "Whether the last canary was answered.",
    );
    const AGE: Gauge = Gauge::new(
        "probe_llm_canary_age_seconds",
        "How long ago the last canary was sent, at most the interval between canaries.",
    );
    const FIRST_TOKEN: Gauge = Gauge::new(
        "probe_llm_first_token_seconds",
        "Time from the request of the last canary to its first token.",
    );
    const BETWEEN: Gauge = Gauge::new(
        "probe_llm_between_tokens_seconds_max",
        "The longest time from one part of the last canary's answer to the next.",
    );
    const TOTAL: Gauge = Gauge::new(
        "probe_llm_canary_duration_seconds",
        "How long the last canary took until its answer was complete.",
    );
    const TOKENS: Gauge = Gauge::new(
        "probe_llm_tokens",
        "Tokens of the last canary, by direction.",
    );
    const COST: Gauge = Gauge::new(
        "probe_llm_cost_dollars",
        "What the last canary cost by the prices of the settings.",
    );
    recorder.set_bool(SUCCESS, report.failure.is_none());
    recorder.set(AGE, age.as_secs_f64());
    let durations = [
        (FIRST_TOKEN, report.first_token),
        (BETWEEN, report.between_max),
        (TOTAL, report.total),
    ];
    for (gauge, duration) in durations {
        if let Some(duration) = duration {
            recorder.set(gauge, duration.as_secs_f64());
        }
    }
    if let Some((input, output)) = report.usage {
        for (direction, tokens) in [("input", input), ("output", output)] {
            recorder.set_labelled(TOKENS, &[("direction", direction)], tokens as f64);
        }
    }
    if let Some(dollars) = report.dollars {
        recorder.set(COST, dollars);
    }
}
