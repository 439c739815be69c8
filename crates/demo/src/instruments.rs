//! What the daemon measures: every family, its buckets and its labels.
//!
//! ## Model
//! Names of `gen_ai_*` and `mcp_*` are those of OpenTelemetry's GenAI and MCP conventions (1.41 and
//! their successors) after the translation to Prometheus, with the conventions' labels. What the
//! conventions do not cover is `worker_pool_*` and `demo_*`, with the labels `provider`, `model`,
//! `tool`, `workload`, `error_type`.
//!
//! ## See also
//! <https://github.com/open-telemetry/semantic-conventions-genai>.

use bellwether_model::MetricType;

use crate::faults::Fault;
use crate::provider::{CallOutcome, MODELS, PROVIDERS};
use crate::recorder::{CellIndex, FamilyIndex, FamilySpec, Recorder};
use crate::tool::{TOOLS, ToolOutcome};
use crate::workload::Workload;

/// The conventions' buckets for durations of operations and times to the first chunk.
const DURATION: &[f64] = &[
    0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
/// The conventions' buckets for tokens.
const TOKENS: &[f64] = &[
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];
/// The conventions' buckets for the server's time to the first token.
const FIRST_TOKEN: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
/// The conventions' buckets for the server's time for each token.
const PER_TOKEN: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5,
];
/// The conventions' buckets of MCP.
const MCP: &[f64] = &[
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
];
/// From a moment to longer than a waiting person stays. Chosen.
const WAIT: &[f64] = &[
    0.005, 0.05, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0,
];

/// Size of the simulated disk.
pub(crate) const DISK_BYTES: f64 = 200e9;
/// Its folders, and what they take at the least.
pub(crate) const DISK_FOLDERS: [(&str, f64); 4] = [
    ("models", 71e9),
    ("cache", 27e9),
    ("logs", 18e9),
    ("traces", 6e9),
];

/// Ends of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestOutcome {
    Ok = 0,
    Error = 1,
    /// The queue was full.
    Rejected = 2,
    /// It waited longer than its caller would.
    Abandoned = 3,
}

impl RequestOutcome {
    const ALL: [Self; 4] = [Self::Ok, Self::Error, Self::Rejected, Self::Abandoned];

    fn name(self) -> &'static str {
        ["ok", "error", "rejected", "abandoned"][self as usize]
    }
}

/// A call to a model that has ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallReport {
    pub(crate) model: usize,
    pub(crate) outcome: CallOutcome,
    pub(crate) duration_s: f64,
    /// 0 where no token came.
    pub(crate) first_token_s: f64,
    pub(crate) token_s: f64,
    /// Input, output, read from the cache (part of input), reasoning (part of output).
    pub(crate) tokens: [f64; 4],
    pub(crate) trace_id: u128,
    pub(crate) time_ms: i64,
}

#[derive(Debug, Clone)]
struct ModelCells {
    duration: [Option<CellIndex>; CallOutcome::COUNT],
    first_chunk: CellIndex,
    per_chunk: CellIndex,
    usage: [CellIndex; 2],
    tokens: [CellIndex; 4],
    server_first_token: CellIndex,
    server_per_token: CellIndex,
    cost: [CellIndex; 3],
    calls: [CellIndex; CallOutcome::COUNT],
    in_flight: CellIndex,
}

#[derive(Debug, Clone)]
struct ProviderCells {
    /// Requests and tokens: limit, remaining, seconds to reset.
    quota: [[CellIndex; 3]; 2],
    healthy: CellIndex,
    fallbacks: CellIndex,
    retries: CellIndex,
}

#[derive(Debug, Clone)]
struct ToolCells {
    execute: [Option<CellIndex>; ToolOutcome::COUNT],
    mcp_call: [Option<CellIndex>; ToolOutcome::COUNT],
    calls: [CellIndex; ToolOutcome::COUNT],
    in_flight: CellIndex,
}

#[derive(Debug, Clone)]
struct WorkloadCells {
    requests: [CellIndex; 4],
    duration: CellIndex,
    wait: CellIndex,
    run: CellIndex,
    depth: CellIndex,
    oldest: CellIndex,
}

/// Gauges and counters that stand alone.
#[derive(Debug, Clone)]
pub(crate) struct Singles {
    pub(crate) workers: [CellIndex; 3],
    pub(crate) workers_desired: CellIndex,
    pub(crate) workers_min: CellIndex,
    pub(crate) workers_max: CellIndex,
    pub(crate) utilisation: CellIndex,
    pub(crate) worker_seconds: [CellIndex; 2],
    pub(crate) scale_events: [CellIndex; 2],
    pub(crate) queue_capacity: CellIndex,
    pub(crate) requests_in_flight: CellIndex,
    pub(crate) connections: CellIndex,
    pub(crate) connections_opened: CellIndex,
    pub(crate) messages: [CellIndex; 2],
    pub(crate) message_bytes: [CellIndex; 2],
    pub(crate) closes: [CellIndex; 3],
    pub(crate) faults: [CellIndex; 5],
    pub(crate) disk_used: [CellIndex; 4],
    pub(crate) disk_size: CellIndex,
    pub(crate) cpu_seconds: CellIndex,
    pub(crate) resident_bytes: CellIndex,
    pub(crate) start_time: CellIndex,
    pub(crate) open_files: CellIndex,
    mcp_methods: [CellIndex; 3],
    session: CellIndex,
}

/// Methods of MCP other than calls of tools.
#[derive(Debug, Clone, Copy)]
pub(crate) enum McpMethod {
    Initialize = 0,
    ListTools = 1,
    Ping = 2,
}

/// All cells, by what they measure.
#[derive(Debug, Clone)]
pub(crate) struct Instruments {
    pub(crate) recorder: Recorder,
    pub(crate) single: Singles,
    call_duration: FamilyIndex,
    tool_duration: FamilyIndex,
    mcp_duration: FamilyIndex,
    models: Vec<ModelCells>,
    providers: Vec<ProviderCells>,
    tools: Vec<ToolCells>,
    workloads: Vec<WorkloadCells>,
}

const PROVIDER: &str = "gen_ai_provider_name";
const MODEL: &str = "gen_ai_request_model";
const OPERATION: &str = "gen_ai_operation_name";

fn number(name: &'static str, help: &'static str) -> FamilySpec {
    let metric_type = if name.ends_with("_total") {
        MetricType::Counter
    } else {
        MetricType::Gauge
    };
    FamilySpec {
        name,
        help,
        metric_type,
        bounds: &[],
        detailed: false,
    }
}

fn histogram(name: &'static str, help: &'static str, bounds: &'static [f64]) -> FamilySpec {
    FamilySpec {
        name,
        help,
        metric_type: MetricType::Histogram,
        bounds,
        detailed: false,
    }
}

fn detailed(name: &'static str, help: &'static str, bounds: &'static [f64]) -> FamilySpec {
    FamilySpec {
        detailed: true,
        ..histogram(name, help, bounds)
    }
}

impl Instruments {
    pub(crate) fn new() -> Self {
        let mut r = Recorder::default();
        let info = FamilySpec {
            metric_type: MetricType::Info,
            ..number("target_info", "What this daemon is.")
        };
        let info = r.family(info);
        let cell = r.cell(
            info,
            &[
                ("service_name", "ai-daemon"),
                ("service_version", env!("CARGO_PKG_VERSION")),
                ("telemetry_sdk_language", "rust"),
            ],
        );
        r.set(cell, 1.0);
        let call_duration = r.family(detailed(
            "gen_ai_client_operation_duration_seconds",
            "Duration of calls to a model, as the caller sees it.",
            DURATION,
        ));
        let tool_duration = r.family(detailed(
            "gen_ai_execute_tool_duration_seconds",
            "Duration of tool executions.",
            DURATION,
        ));
        let mcp_duration = r.family(histogram(
            "mcp_server_operation_duration_seconds",
            "Duration of MCP requests, as the server sees it.",
            MCP,
        ));
        let models = model_cells(&mut r);
        let providers = provider_cells(&mut r);
        let tools = tool_cells(&mut r);
        let workloads = workload_cells(&mut r);
        let single = singles(&mut r, mcp_duration);
        Self {
            recorder: r,
            single,
            call_duration,
            tool_duration,
            mcp_duration,
            models,
            providers,
            tools,
            workloads,
        }
    }

    /// Counts a call to a model.
    pub(crate) fn call_ended(&mut self, call: &CallReport) {
        let cells = &mut self.models[call.model];
        let spec = &MODELS[call.model];
        let r = &mut self.recorder;
        let duration = *cells.duration[call.outcome as usize].get_or_insert_with(|| {
            let labels = [
                (OPERATION, "chat"),
                (PROVIDER, PROVIDERS[spec.provider]),
                (MODEL, spec.name),
                ("error_type", call.outcome.error_type()),
            ];
            r.cell(self.call_duration, &labels)
        });
        r.observe(duration, call.duration_s, call.trace_id, call.time_ms);
        r.add(cells.calls[call.outcome as usize], 1.0);
        if call.first_token_s > 0.0 {
            r.observe(
                cells.first_chunk,
                call.first_token_s,
                call.trace_id,
                call.time_ms,
            );
            r.observe(cells.per_chunk, call.token_s, call.trace_id, call.time_ms);
            // The server does not see the network.
            let server_s = (call.first_token_s - 0.03).max(0.001);
            r.observe(
                cells.server_first_token,
                server_s,
                call.trace_id,
                call.time_ms,
            );
            r.observe(
                cells.server_per_token,
                call.token_s,
                call.trace_id,
                call.time_ms,
            );
        }
        if call.outcome != CallOutcome::Ok {
            return;
        }
        let [input, output, cached, _] = call.tokens;
        r.observe(cells.usage[0], input, call.trace_id, call.time_ms);
        r.observe(cells.usage[1], output, call.trace_id, call.time_ms);
        for (cell, tokens) in cells.tokens.iter().zip(call.tokens) {
            r.add(*cell, tokens);
        }
        let paid = [input - cached, cached, output];
        for ((cell, tokens), price) in cells.cost.iter().zip(paid).zip(spec.dollars_per_million) {
            r.add(*cell, tokens * price / 1e6);
        }
    }

    /// Counts a call of a tool.
    pub(crate) fn tool_ended(
        &mut self,
        tool: usize,
        outcome: ToolOutcome,
        duration_s: f64,
        trace_id: u128,
        time_ms: i64,
    ) {
        let cells = &mut self.tools[tool];
        let r = &mut self.recorder;
        let name = TOOLS[tool].name;
        let execute = *cells.execute[outcome as usize].get_or_insert_with(|| {
            let labels = [
                (OPERATION, "execute_tool"),
                ("gen_ai_tool_name", name),
                ("error_type", outcome.error_type()),
            ];
            r.cell(self.tool_duration, &labels)
        });
        let mcp_call = *cells.mcp_call[outcome as usize].get_or_insert_with(|| {
            let labels = [
                ("mcp_method_name", "tools/call"),
                ("gen_ai_tool_name", name),
                ("error_type", outcome.error_type()),
            ];
            r.cell(self.mcp_duration, &labels)
        });
        r.observe(execute, duration_s, trace_id, time_ms);
        r.observe(
            mcp_call,
            (duration_s - 0.002).max(0.0005),
            trace_id,
            time_ms,
        );
        r.add(cells.calls[outcome as usize], 1.0);
    }

    /// Counts an MCP request other than a call of a tool.
    pub(crate) fn mcp(&mut self, method: McpMethod, duration_s: f64) {
        self.recorder
            .observe(self.single.mcp_methods[method as usize], duration_s, 0, 0);
    }

    /// Counts a session that has ended.
    pub(crate) fn session_ended(&mut self, duration_s: f64) {
        self.recorder.observe(self.single.session, duration_s, 0, 0);
    }

    /// Counts the end of a request that arrived `duration_s` ago.
    pub(crate) fn request_ended(
        &mut self,
        workload: Workload,
        outcome: RequestOutcome,
        duration_s: f64,
        trace_id: u128,
        time_ms: i64,
    ) {
        let cells = &self.workloads[workload as usize];
        self.recorder.add(cells.requests[outcome as usize], 1.0);
        if matches!(outcome, RequestOutcome::Ok | RequestOutcome::Error) {
            self.recorder
                .observe(cells.duration, duration_s, trace_id, time_ms);
        }
    }

    /// Notes how long a request waited for a worker.
    pub(crate) fn waited(&mut self, workload: Workload, wait_s: f64) {
        self.recorder
            .observe(self.workloads[workload as usize].wait, wait_s, 0, 0);
    }

    /// Notes how long a worker was busy with a request.
    pub(crate) fn ran(&mut self, workload: Workload, run_s: f64) {
        self.recorder
            .observe(self.workloads[workload as usize].run, run_s, 0, 0);
    }

    pub(crate) fn retried(&mut self, provider: usize) {
        self.recorder.add(self.providers[provider].retries, 1.0);
    }

    pub(crate) fn fell_back(&mut self, from_provider: usize) {
        self.recorder
            .add(self.providers[from_provider].fallbacks, 1.0);
    }

    pub(crate) fn set_queue(&mut self, workload: Workload, depth: usize, oldest_s: f64) {
        let cells = &self.workloads[workload as usize];
        self.recorder.set(cells.depth, depth as f64);
        self.recorder.set(cells.oldest, oldest_s);
    }

    /// Limit, remaining and seconds to reset; `kind` 0 is requests, 1 tokens.
    pub(crate) fn set_quota(&mut self, provider: usize, kind: usize, values: [f64; 3]) {
        for (cell, value) in self.providers[provider].quota[kind].iter().zip(values) {
            self.recorder.set(*cell, value);
        }
    }

    pub(crate) fn set_healthy(&mut self, provider: usize, healthy: bool) {
        self.recorder.set(
            self.providers[provider].healthy,
            f64::from(u8::from(healthy)),
        );
    }

    pub(crate) fn set_calls_in_flight(&mut self, model: usize, count: u32) {
        self.recorder
            .set(self.models[model].in_flight, f64::from(count));
    }

    pub(crate) fn set_tools_in_flight(&mut self, tool: usize, count: u32) {
        self.recorder
            .set(self.tools[tool].in_flight, f64::from(count));
    }

    /// All tokens that models were paid for so far.
    pub(crate) fn tokens(&self) -> f64 {
        let cells = self
            .models
            .iter()
            .flat_map(|cells| cells.tokens.iter().take(2));
        cells.map(|cell| self.recorder.number(*cell)).sum()
    }

    /// Dollars spent so far.
    pub(crate) fn cost_dollars(&self) -> f64 {
        let cells = self.models.iter().flat_map(|cells| cells.cost.iter());
        cells.map(|cell| self.recorder.number(*cell)).sum()
    }

    /// Requests of a workload that ended so far.
    pub(crate) fn requests(&self, workload: Workload, outcome: RequestOutcome) -> f64 {
        self.recorder
            .number(self.workloads[workload as usize].requests[outcome as usize])
    }

    /// Calls of a tool so far.
    pub(crate) fn tool_calls(&self, tool: usize, outcome: ToolOutcome) -> f64 {
        self.recorder
            .number(self.tools[tool].calls[outcome as usize])
    }
}

fn model_cells(r: &mut Recorder) -> Vec<ModelCells> {
    let first_chunk = r.family(detailed(
        "gen_ai_client_operation_time_to_first_chunk_seconds",
        "Time until the first chunk of a streamed answer, as the caller sees it.",
        DURATION,
    ));
    let per_chunk = r.family(histogram(
        "gen_ai_client_operation_time_per_output_chunk_seconds",
        "Time between chunks of a streamed answer, as the caller sees it.",
        DURATION,
    ));
    let usage = r.family(histogram(
        "gen_ai_client_token_usage",
        "Tokens of each call.",
        TOKENS,
    ));
    let tokens = [
        r.family(number(
            "gen_ai_client_inference_usage_input_tokens_total",
            "Tokens sent to models, cached ones included.",
        )),
        r.family(number(
            "gen_ai_client_inference_usage_output_tokens_total",
            "Tokens that models wrote, reasoning included.",
        )),
        r.family(number(
            "gen_ai_client_inference_usage_cache_read_input_tokens_total",
            "Tokens sent to models that they found in their cache.",
        )),
        r.family(number(
            "gen_ai_client_inference_usage_reasoning_output_tokens_total",
            "Tokens that models wrote for themselves.",
        )),
    ];
    let server_first_token = r.family(histogram(
        "gen_ai_server_time_to_first_token_seconds",
        "Time until the first token of a good answer, as the provider sees it.",
        FIRST_TOKEN,
    ));
    let server_per_token = r.family(histogram(
        "gen_ai_server_time_per_output_token_seconds",
        "Time between tokens after the first, as the provider sees it.",
        PER_TOKEN,
    ));
    let cost = r.family(number(
        "demo_cost_dollars_total",
        "What calls to models cost.",
    ));
    let calls = r.family(number(
        "demo_llm_calls_total",
        "Calls to models, by how they ended.",
    ));
    let in_flight = r.family(number(
        "demo_llm_calls_in_flight",
        "Calls to models that have not ended.",
    ));
    let cells = |spec: &crate::provider::ModelSpec| {
        let provider = PROVIDERS[spec.provider];
        let labels = [
            (OPERATION, "chat"),
            (PROVIDER, provider),
            (MODEL, spec.name),
        ];
        let short = [("provider", provider), ("model", spec.name)];
        let mut with = |family, name, value| {
            let mut labels = labels.to_vec();
            labels.push((name, value));
            r.cell(family, &labels)
        };
        let usage = ["input", "output"].map(|kind| with(usage, "gen_ai_token_type", kind));
        ModelCells {
            usage,
            duration: [None; CallOutcome::COUNT],
            first_chunk: r.cell(first_chunk, &labels),
            per_chunk: r.cell(per_chunk, &labels),
            tokens: tokens.map(|family| r.cell(family, &labels)),
            server_first_token: r.cell(server_first_token, &labels),
            server_per_token: r.cell(server_per_token, &labels),
            cost: ["input", "cache_read", "output"]
                .map(|kind| r.cell(cost, &[short[0], short[1], ("token_type", kind)])),
            calls: [
                CallOutcome::Ok,
                CallOutcome::RateLimited,
                CallOutcome::Overloaded,
                CallOutcome::ServerError,
                CallOutcome::Timeout,
                CallOutcome::StreamTruncated,
            ]
            .map(|outcome| {
                r.cell(
                    calls,
                    &[short[0], short[1], ("error_type", outcome.error_type())],
                )
            }),
            in_flight: r.cell(in_flight, &short),
        }
    };
    MODELS.iter().map(cells).collect()
}

fn provider_cells(r: &mut Recorder) -> Vec<ProviderCells> {
    let quota = [
        r.family(number(
            "demo_rate_limit_limit",
            "What a provider lets through in a minute.",
        )),
        r.family(number(
            "demo_rate_limit_remaining",
            "What is left of a provider's limit.",
        )),
        r.family(number(
            "demo_rate_limit_reset_seconds",
            "Seconds until a provider's limit is whole again.",
        )),
    ];
    let healthy = r.family(number(
        "demo_provider_healthy",
        "Whether a provider answers as usual, by its recent calls.",
    ));
    let fallbacks = r.family(number(
        "demo_llm_fallbacks_total",
        "Calls given to the other provider because this one failed.",
    ));
    let retries = r.family(number(
        "demo_llm_retries_total",
        "Calls repeated because they failed.",
    ));
    PROVIDERS
        .iter()
        .map(|provider| ProviderCells {
            quota: ["requests", "tokens"].map(|kind| {
                quota.map(|family| r.cell(family, &[("provider", *provider), ("type", kind)]))
            }),
            healthy: r.cell(healthy, &[("provider", *provider)]),
            fallbacks: r.cell(fallbacks, &[("provider", *provider)]),
            retries: r.cell(retries, &[("provider", *provider)]),
        })
        .collect()
}

fn tool_cells(r: &mut Recorder) -> Vec<ToolCells> {
    let calls = r.family(number(
        "demo_tool_calls_total",
        "Calls of tools, by how they ended.",
    ));
    let in_flight = r.family(number(
        "demo_tool_calls_in_flight",
        "Calls of tools not ended.",
    ));
    TOOLS
        .iter()
        .map(|tool| ToolCells {
            execute: [None; ToolOutcome::COUNT],
            mcp_call: [None; ToolOutcome::COUNT],
            calls: [ToolOutcome::Ok, ToolOutcome::Failed, ToolOutcome::Timeout].map(|outcome| {
                r.cell(
                    calls,
                    &[("tool", tool.name), ("error_type", outcome.error_type())],
                )
            }),
            in_flight: r.cell(in_flight, &[("tool", tool.name)]),
        })
        .collect()
}

fn workload_cells(r: &mut Recorder) -> Vec<WorkloadCells> {
    let requests = r.family(number(
        "demo_requests_total",
        "Requests, by how they ended.",
    ));
    let duration = r.family(detailed(
        "demo_request_duration_seconds",
        "Time from the arrival of a request to its answer.",
        WAIT,
    ));
    let wait = r.family(histogram(
        "worker_pool_task_wait_seconds",
        "Time that requests waited for a worker.",
        WAIT,
    ));
    let run = r.family(histogram(
        "worker_pool_task_run_seconds",
        "Time that workers were busy with a request.",
        WAIT,
    ));
    let depth = r.family(number(
        "worker_pool_queue_depth",
        "Requests that wait for a worker.",
    ));
    let oldest = r.family(number(
        "worker_pool_queue_oldest_seconds",
        "How long the first request of a queue has waited.",
    ));
    Workload::ALL
        .iter()
        .map(|workload| {
            let priority = [("priority", workload.priority())];
            WorkloadCells {
                requests: RequestOutcome::ALL.map(|outcome| {
                    r.cell(
                        requests,
                        &[("workload", workload.name()), ("outcome", outcome.name())],
                    )
                }),
                duration: r.cell(duration, &[("workload", workload.name())]),
                wait: r.cell(wait, &priority),
                run: r.cell(run, &priority),
                depth: r.cell(depth, &priority),
                oldest: r.cell(oldest, &priority),
            }
        })
        .collect()
}

fn singles(r: &mut Recorder, mcp_duration: FamilyIndex) -> Singles {
    let mcp_methods = ["initialize", "tools/list", "ping"]
        .map(|method| r.cell(mcp_duration, &[("mcp_method_name", method)]));
    let session = r.family(histogram(
        "mcp_server_session_duration_seconds",
        "Duration of MCP sessions, as the server sees it.",
        MCP,
    ));
    let session = r.cell(session, &[("network_transport", "websocket")]);
    let mut many = |name, help, label: &'static str, values: &[&str]| {
        let family = r.family(number(name, help));
        values
            .iter()
            .map(|value| r.cell(family, &[(label, value)]))
            .collect::<Vec<_>>()
    };
    let workers = many(
        "worker_pool_workers",
        "Workers, by what they do.",
        "state",
        &["idle", "busy", "starting"],
    );
    let scale_events = many(
        "worker_pool_scale_events_total",
        "Changes of the size.",
        "direction",
        &["up", "down"],
    );
    let messages = many(
        "demo_websocket_messages_total",
        "WebSocket messages.",
        "direction",
        &["received", "sent"],
    );
    let message_bytes = many(
        "demo_websocket_message_bytes_total",
        "Bytes of WebSocket messages.",
        "direction",
        &["received", "sent"],
    );
    let closes = many(
        "demo_websocket_closes_total",
        "Closed connections.",
        "code",
        &["1000", "1001", "1006"],
    );
    let faults = many(
        "demo_fault_active",
        "How strong a planned fault is, 0 to 1.",
        "fault",
        &Fault::ALL.map(Fault::name),
    );
    let disk_used = many(
        "demo_disk_used_bytes",
        "Bytes of the disk that a folder takes, simulated.",
        "folder",
        &DISK_FOLDERS.map(|(name, _)| name),
    );
    let mut one = |name, help| {
        let family = r.family(number(name, help));
        r.cell(family, &[])
    };
    let pick = |cells: &[CellIndex], index: usize| cells[index];
    Singles {
        workers: std::array::from_fn(|i| pick(&workers, i)),
        scale_events: std::array::from_fn(|i| pick(&scale_events, i)),
        messages: std::array::from_fn(|i| pick(&messages, i)),
        message_bytes: std::array::from_fn(|i| pick(&message_bytes, i)),
        closes: std::array::from_fn(|i| pick(&closes, i)),
        faults: std::array::from_fn(|i| pick(&faults, i)),
        disk_used: std::array::from_fn(|i| pick(&disk_used, i)),
        disk_size: one("demo_disk_size_bytes", "Size of the disk, simulated."),
        workers_desired: one(
            "worker_pool_workers_desired",
            "Workers that the load needs.",
        ),
        workers_min: one(
            "worker_pool_workers_min",
            "Workers that there are at the least.",
        ),
        workers_max: one(
            "worker_pool_workers_max",
            "Workers that there are at the most.",
        ),
        utilisation: one(
            "worker_pool_utilisation_ratio",
            "Part of the workers that is busy.",
        ),
        worker_seconds: [
            one(
                "worker_pool_busy_seconds_total",
                "Seconds that workers were busy, summed.",
            ),
            one(
                "worker_pool_alive_seconds_total",
                "Seconds that workers were there, summed.",
            ),
        ],
        queue_capacity: one("worker_pool_queue_capacity", "Requests that may wait."),
        requests_in_flight: one(
            "demo_requests_in_flight",
            "Requests waiting or being served.",
        ),
        connections: one("demo_websocket_connections", "Open WebSocket connections."),
        connections_opened: one(
            "demo_websocket_connections_opened_total",
            "WebSocket connections ever opened.",
        ),
        cpu_seconds: one(
            "process_cpu_seconds_total",
            "Processor time of the daemon, simulated.",
        ),
        resident_bytes: one(
            "process_resident_memory_bytes",
            "Memory it holds, simulated.",
        ),
        start_time: one(
            "process_start_time_seconds",
            "When it started, Unix time, simulated.",
        ),
        open_files: one(
            "process_open_fds",
            "File descriptors it has open, simulated.",
        ),
        mcp_methods,
        session,
    }
}
