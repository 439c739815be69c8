//! Calls of language models and tools, and sessions of people.
//!
//! ## Model
//! [`AiMetrics`] is made once. A call is a guard: it is begun, told what it learns, and ended with success
//! or with the class of its error; one that is dropped before was cancelled. Names are those of
//! OpenTelemetry's GenAI conventions where they have one.
//!
//! ```
//! use bellwether_sdk::ai::{AiMetrics, ErrorClass, Usage};
//! use bellwether_sdk::{SERIES_MAX_DEFAULT, Telemetry};
//!
//! let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
//! let ai = AiMetrics::new(&telemetry);
//! let mut call = ai.llm_call("openai", "gpt-large", "chat");
//! call.chunk();
//! call.usage(&Usage { input_tokens: 21, cached_input_tokens: 5, output_tokens: 7, reasoning_tokens: 2 });
//! call.headers(|name| (name == "x-ratelimit-remaining-requests").then_some("59"));
//! call.succeed();
//! ai.tool_call("search").fail(ErrorClass::Timeout);
//! ```
//!
//! ## See also
//! <https://github.com/open-telemetry/semantic-conventions-genai>

mod llm_call;
mod tool_call;
mod websocket;

use std::sync::Arc;
use std::time::Instant;

use crate::{Buckets, SystemClock, Telemetry, TraceContext};
use crate::{Clock, Counter, DURATION_BOUNDS_SECONDS, Family, FloatCounter, Gauge, Histogram};

pub use bellwether_ai::{ErrorClass, RateLimit, rate_limits};
pub use llm_call::{LlmCall, Usage};
pub use tool_call::ToolCall;
pub use websocket::{Direction, WebSocketSession};

/// Upper bounds for the time of one chunk or token, in seconds: 1 ms to 2.5 s.
const CHUNK_BOUNDS_SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// The families of calls and sessions. Cheap to clone; clones count together.
#[derive(Debug, Clone)]
pub struct AiMetrics(Arc<Families>);

#[derive(Debug)]
pub(crate) struct Families {
    clock: Arc<dyn Clock>,
    /// Operation, provider, model, class of error.
    durations: Family<Histogram, 4>,
    /// Operation, provider, model.
    first_chunks: Family<Histogram, 3>,
    chunks: Family<Histogram, 3>,
    /// Provider, model.
    input_tokens: Family<Counter, 2>,
    cached_tokens: Family<Counter, 2>,
    output_tokens: Family<Counter, 2>,
    reasoning_tokens: Family<Counter, 2>,
    cost: Family<FloatCounter, 2>,
    in_flight: Family<Gauge, 2>,
    /// Provider, model, what is limited.
    limits: Family<Gauge, 3>,
    remaining: Family<Gauge, 3>,
    resets: Family<Gauge, 3>,
    /// Tool, class of error.
    tools: Family<Histogram, 2>,
    tools_in_flight: Family<Gauge, 1>,
    sessions: Gauge,
    session_durations: Family<Histogram, 1>,
    /// Direction.
    messages: Family<Counter, 1>,
    message_bytes: Family<Counter, 1>,
    round_trips: Histogram,
}

impl Families {
    /// Counts how long something took that began then and ends now, within its trace.
    fn observe(&self, durations: &Histogram, began: Instant) {
        let seconds = began.elapsed().as_secs_f64();
        let trace_id = TraceContext::current().trace_id;
        durations.observe_traced(seconds, trace_id, self.clock.now_ms());
    }
}

impl AiMetrics {
    /// Makes the families.
    #[must_use]
    pub fn new(telemetry: &Telemetry) -> Self {
        Self::with_clock(telemetry, Arc::new(SystemClock))
    }

    /// The same with a clock of one's own, which says how long it is until a limit is reset.
    #[must_use]
    pub fn with_clock(telemetry: &Telemetry, clock: Arc<dyn Clock>) -> Self {
        let durations = Buckets::Both(&DURATION_BOUNDS_SECONDS);
        let chunks = Buckets::Both(&CHUNK_BOUNDS_SECONDS);
        let call = [
            "gen_ai_operation_name",
            "gen_ai_provider_name",
            "gen_ai_request_model",
        ];
        let model = ["gen_ai_provider_name", "gen_ai_request_model"];
        let limit = ["gen_ai_provider_name", "gen_ai_request_model", "kind"];
        let tokens = |name, help| {
            let name = format!("gen_ai_client_inference_usage_{name}_tokens");
            telemetry.counter_family(&name, help, model)
        };
        let limits = |name, help| {
            let name = format!("gen_ai_client_rate_limit_{name}");
            telemetry.gauge_family(&name, help, limit)
        };
        let [operation, provider, name] = call;
        Self(Arc::new(Families {
            clock,
            durations: telemetry.histogram_family(
                "gen_ai_client_operation_duration_seconds",
                "How long calls of models took. error_type is empty where they succeeded.",
                [operation, provider, name, "error_type"],
                durations,
            ),
            first_chunks: telemetry.histogram_family(
                "gen_ai_client_operation_time_to_first_chunk_seconds",
                "How long it took until a streamed answer began.",
                call,
                durations,
            ),
            chunks: telemetry.histogram_family(
                "gen_ai_client_operation_time_per_output_chunk_seconds",
                "Time from one chunk of a streamed answer to the next.",
                call,
                chunks,
            ),
            input_tokens: tokens("input", "Tokens sent, cached ones included."),
            cached_tokens: tokens(
                "cache_read_input",
                "Tokens sent that were read from a cache.",
            ),
            output_tokens: tokens("output", "Tokens answered, reasoning included."),
            reasoning_tokens: tokens("reasoning_output", "Tokens of reasoning."),
            cost: telemetry.float_counter_family(
                "gen_ai_client_cost_dollars",
                "What calls of models cost.",
                model,
            ),
            in_flight: telemetry.gauge_family(
                "gen_ai_client_calls_in_flight",
                "Calls of models that have begun and not ended.",
                model,
            ),
            limits: limits("limit", "What a provider allows in its window."),
            remaining: limits("remaining", "What a provider still allows."),
            resets: limits(
                "reset_seconds",
                "Time until a provider allows everything again.",
            ),
            tools: telemetry.histogram_family(
                "gen_ai_execute_tool_duration_seconds",
                "How long calls of tools took. error_type is empty where they succeeded.",
                ["gen_ai_tool_name", "error_type"],
                durations,
            ),
            tools_in_flight: telemetry.gauge_family(
                "gen_ai_execute_tool_in_flight",
                "Calls of tools that have begun and not ended.",
                ["gen_ai_tool_name"],
            ),
            sessions: telemetry.gauge("websocket_connections", "Connections that are open."),
            session_durations: telemetry.histogram_family(
                "websocket_session_duration_seconds",
                "How long connections were open, by the code with which they were closed.",
                ["code"],
                durations,
            ),
            messages: telemetry.counter_family(
                "websocket_messages",
                "Messages, by direction.",
                ["direction"],
            ),
            message_bytes: telemetry.counter_family(
                "websocket_message_bytes",
                "Bytes of messages, by direction.",
                ["direction"],
            ),
            round_trips: telemetry.histogram(
                "websocket_round_trip_seconds",
                "Time from a ping to its pong.",
                chunks,
            ),
        }))
    }

    /// Begins a call of a model. `operation` is a word of the conventions: `chat`, `embeddings`.
    #[must_use = "a call that is dropped was cancelled"]
    pub fn llm_call(&self, provider: &str, model: &str, operation: &str) -> LlmCall {
        LlmCall::begin(&self.0, provider, model, operation)
    }

    /// Begins a call of a tool.
    #[must_use = "a call that is dropped was cancelled"]
    pub fn tool_call(&self, tool: &str) -> ToolCall {
        ToolCall::begin(&self.0, tool)
    }

    /// Begins a session over a WebSocket.
    #[must_use = "a session that is dropped has ended"]
    pub fn websocket_session(&self) -> WebSocketSession {
        WebSocketSession::begin(&self.0)
    }
}
