//! Every family of the daemon: name, labels and buckets, for the history and for the live daemon alike.
//!
//! ## Model
//! The first part is what `bellwether-sdk` makes by itself in the live daemon; it stands here so that the history
//! writes the same, and a test of `live` compares families, labels and buckets of the two. The second part is the daemon's own.
//! Names of `gen_ai_*` and `mcp_*` are those of OpenTelemetry's conventions after the translation to Prometheus.
//!
//! ## See also
//! <https://github.com/open-telemetry/semantic-conventions-genai>.

use bellwether_sdk::DURATION_BOUNDS_SECONDS;

/// A family with `N` labels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<const N: usize> {
    /// With `_total` where it is a counter.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) labels: [&'static str; N],
    /// Upper bounds of the classic buckets, ascending, +Inf left out; empty where it is no histogram.
    pub(crate) bounds: &'static [f64],
    /// Whether a histogram has native buckets too.
    pub(crate) is_native: bool,
}

const fn number<const N: usize>(
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
) -> Named<N> {
    Named {
        name,
        help,
        labels,
        bounds: &[],
        is_native: false,
    }
}

const fn classic<const N: usize>(
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    bounds: &'static [f64],
) -> Named<N> {
    Named {
        bounds,
        ..number(name, help, labels)
    }
}

const fn both<const N: usize>(
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    bounds: &'static [f64],
) -> Named<N> {
    Named {
        is_native: true,
        ..classic(name, help, labels, bounds)
    }
}

/// The pool's name, the value of the label `pool`.
pub(crate) const POOL: &str = "requests";

const OPERATION: &str = "gen_ai_operation_name";
const PROVIDER: &str = "gen_ai_provider_name";
const MODEL: &str = "gen_ai_request_model";
const TOOL: &str = "gen_ai_tool_name";
const CALL: [&str; 3] = [OPERATION, PROVIDER, MODEL];

const DURATION: &[f64] = &DURATION_BOUNDS_SECONDS;
/// The SDK's buckets for the time of one chunk.
const CHUNK: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5,
];

pub(crate) const CALL_DURATION: Named<4> = both(
    "gen_ai_client_operation_duration_seconds",
    "How long calls of models took. error_type is empty where they succeeded.",
    [OPERATION, PROVIDER, MODEL, "error_type"],
    DURATION,
);
pub(crate) const FIRST_CHUNK: Named<3> = both(
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    "How long it took until a streamed answer began.",
    CALL,
    DURATION,
);
pub(crate) const PER_CHUNK: Named<3> = both(
    "gen_ai_client_operation_time_per_output_chunk_seconds",
    "Time from one chunk of a streamed answer to the next.",
    CALL,
    CHUNK,
);
/// Sent, answered, of the sent ones cached, of the answered ones reasoning.
pub(crate) static TOKENS: [Named<2>; 4] = [
    number(
        "gen_ai_client_inference_usage_input_tokens_total",
        "Tokens sent, cached ones included.",
        [PROVIDER, MODEL],
    ),
    number(
        "gen_ai_client_inference_usage_output_tokens_total",
        "Tokens answered, reasoning included.",
        [PROVIDER, MODEL],
    ),
    number(
        "gen_ai_client_inference_usage_cache_read_input_tokens_total",
        "Tokens sent that were read from a cache.",
        [PROVIDER, MODEL],
    ),
    number(
        "gen_ai_client_inference_usage_reasoning_output_tokens_total",
        "Tokens of reasoning.",
        [PROVIDER, MODEL],
    ),
];
pub(crate) const COST: Named<2> = number(
    "gen_ai_client_cost_dollars_total",
    "What calls of models cost.",
    [PROVIDER, MODEL],
);
pub(crate) const CALLS_IN_FLIGHT: Named<2> = number(
    "gen_ai_client_calls_in_flight",
    "Calls of models that have begun and not ended.",
    [PROVIDER, MODEL],
);
/// Limit, remaining, seconds to reset.
pub(crate) static RATE_LIMITS: [Named<3>; 3] = [
    number(
        "gen_ai_client_rate_limit_limit",
        "What a provider allows in its window.",
        [PROVIDER, MODEL, "kind"],
    ),
    number(
        "gen_ai_client_rate_limit_remaining",
        "What a provider still allows.",
        [PROVIDER, MODEL, "kind"],
    ),
    number(
        "gen_ai_client_rate_limit_reset_seconds",
        "Time until a provider allows everything again.",
        [PROVIDER, MODEL, "kind"],
    ),
];
pub(crate) const TOOL_DURATION: Named<2> = both(
    "gen_ai_execute_tool_duration_seconds",
    "How long calls of tools took. error_type is empty where they succeeded.",
    [TOOL, "error_type"],
    DURATION,
);
pub(crate) const TOOLS_IN_FLIGHT: Named<1> = number(
    "gen_ai_execute_tool_in_flight",
    "Calls of tools that have begun and not ended.",
    [TOOL],
);
pub(crate) const CONNECTIONS: Named<0> =
    number("websocket_connections", "Connections that are open.", []);
pub(crate) const SESSION_DURATION: Named<1> = both(
    "websocket_session_duration_seconds",
    "How long connections were open, by the code with which they were closed.",
    ["code"],
    DURATION,
);
pub(crate) const MESSAGES: Named<1> = number(
    "websocket_messages_total",
    "Messages, by direction.",
    ["direction"],
);
pub(crate) const MESSAGE_BYTES: Named<1> = number(
    "websocket_message_bytes_total",
    "Bytes of messages, by direction.",
    ["direction"],
);
pub(crate) const ROUND_TRIP: Named<0> = both(
    "websocket_round_trip_seconds",
    "Time from a ping to its pong.",
    [],
    CHUNK,
);
pub(crate) const POOL_WAIT: Named<2> = both(
    "worker_pool_task_wait_seconds",
    "How long jobs waited for a worker.",
    ["pool", "priority"],
    DURATION,
);
pub(crate) const POOL_RUN: Named<1> = both(
    "worker_pool_task_run_seconds",
    "How long attempts of jobs took.",
    ["pool"],
    DURATION,
);
pub(crate) const POOL_TASKS: Named<2> = number(
    "worker_pool_tasks_total",
    "Jobs that have ended, by their result.",
    ["pool", "result"],
);
pub(crate) const POOL_TAKEN: Named<1> = number(
    "worker_pool_tasks_taken_total",
    "Jobs that the queue has taken.",
    ["pool"],
);
pub(crate) const POOL_REFUSED: Named<1> = number(
    "worker_pool_tasks_refused_total",
    "Jobs for which the queue had no room.",
    ["pool"],
);
pub(crate) const POOL_RETRIES: Named<1> = number(
    "worker_pool_retries_total",
    "Further attempts of jobs.",
    ["pool"],
);
pub(crate) const POOL_SCALE_EVENTS: Named<2> = number(
    "worker_pool_scale_events_total",
    "Times that the number of workers was changed.",
    ["pool", "direction"],
);
pub(crate) const POOL_DECISIONS: Named<2> = number(
    "worker_pool_decisions_total",
    "Decisions on the number of workers, by what settled them.",
    ["pool", "reason"],
);
pub(crate) const POOL_BUSY_SECONDS: Named<1> = number(
    "worker_pool_busy_seconds_total",
    "Time that workers were busy: its rate is how many are.",
    ["pool"],
);
pub(crate) const POOL_WORKERS: Named<1> =
    number("worker_pool_workers", "Workers that there are.", ["pool"]);
pub(crate) const POOL_TARGET: Named<1> = number(
    "worker_pool_workers_target",
    "Workers that there should be.",
    ["pool"],
);
pub(crate) const POOL_RUNNING: Named<1> =
    number("worker_pool_tasks_running", "Jobs that run.", ["pool"]);
pub(crate) const POOL_WAITING: Named<1> =
    number("worker_pool_tasks_waiting", "Jobs that wait.", ["pool"]);
pub(crate) const HEALTH: Named<1> = number(
    "health_state",
    "Whether the service is in a state: 1 for the one it is in.",
    ["state"],
);
pub(crate) const PROBE_HEALTH: Named<2> = number(
    "health_probe_state",
    "Whether a probe is in a state: 1 for the one it is in.",
    ["probe", "state"],
);

// The daemon's own.

pub(crate) const TARGET_INFO: Named<3> = number(
    "target_info",
    "What this daemon is.",
    ["service_name", "service_version", "telemetry_sdk_language"],
);
pub(crate) const TOKEN_USAGE: Named<4> = classic(
    "gen_ai_client_token_usage",
    "Tokens of each call.",
    [OPERATION, PROVIDER, MODEL, "gen_ai_token_type"],
    &[
        1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0,
        4194304.0, 16777216.0, 67108864.0,
    ],
);
pub(crate) const SERVER_FIRST_TOKEN: Named<3> = classic(
    "gen_ai_server_time_to_first_token_seconds",
    "Time until the first token of a good answer, as the provider sees it.",
    CALL,
    &[
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    ],
);
pub(crate) const SERVER_PER_TOKEN: Named<3> = classic(
    "gen_ai_server_time_per_output_token_seconds",
    "Time between tokens after the first, as the provider sees it.",
    CALL,
    &[
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
    ],
);
pub(crate) const MCP_DURATION: Named<3> = classic(
    "mcp_server_operation_duration_seconds",
    "Duration of MCP requests, as the server sees it.",
    ["mcp_method_name", TOOL, "error_type"],
    &[
        0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
    ],
);
pub(crate) const FALLBACKS: Named<1> = number(
    "demo_llm_fallbacks_total",
    "Calls given to the other provider because this one failed.",
    ["provider"],
);
pub(crate) const RETRIES: Named<1> = number(
    "demo_llm_retries_total",
    "Calls repeated because they failed.",
    ["provider"],
);
pub(crate) const REQUESTS: Named<2> = number(
    "demo_requests_total",
    "Requests, by how they ended.",
    ["workload", "outcome"],
);
pub(crate) const REQUEST_DURATION: Named<1> = both(
    "demo_request_duration_seconds",
    "Time from the arrival of a request to its answer.",
    ["workload"],
    // From a moment to longer than a waiting person stays. Chosen.
    &[
        0.005, 0.05, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0,
    ],
);
pub(crate) const REQUESTS_IN_FLIGHT: Named<0> = number(
    "demo_requests_in_flight",
    "Requests waiting or being served.",
    [],
);
pub(crate) const QUEUE_OLDEST: Named<0> = number(
    "demo_queue_oldest_seconds",
    "How long the request that waits longest has waited.",
    [],
);
pub(crate) const FAULT_ACTIVE: Named<1> = number(
    "demo_fault_active",
    "How strong a fault is, 0 to 1.",
    ["fault"],
);
pub(crate) const DISK_USED: Named<1> = number(
    "demo_disk_used_bytes",
    "Bytes of the disk that a folder takes, simulated.",
    ["folder"],
);
pub(crate) const DISK_SIZE: Named<0> =
    number("demo_disk_size_bytes", "Size of the disk, simulated.", []);
pub(crate) const CPU_SECONDS: Named<0> = number(
    "process_cpu_seconds_total",
    "Processor time of the daemon, simulated.",
    [],
);
pub(crate) const RESIDENT_BYTES: Named<0> = number(
    "process_resident_memory_bytes",
    "Memory it holds, simulated.",
    [],
);
pub(crate) const START_TIME: Named<0> = number(
    "process_start_time_seconds",
    "When it started, Unix time.",
    [],
);
pub(crate) const OPEN_FILES: Named<0> = number(
    "process_open_fds",
    "File descriptors it has open, simulated.",
    [],
);
