//! What the simulated daemon measures: the cells of every family, by what they are about.
//!
//! ## See also
//! [`crate::families`]: names, labels and buckets.

mod cells;

use bellwether_sdk::health::HealthState;

use self::cells::{ModelCells, PoolCells, ProviderCells, Singles, ToolCells, WorkloadCells};
use crate::families as f;
use crate::provider::{CHUNK_TOKENS, CallOutcome, MODELS, PROVIDERS};
use crate::recorder::{CellIndex, FamilyIndex, Recorder};
use crate::tool::{TOOLS, ToolOutcome};
use crate::workload::Workload;

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
    pub(crate) const ALL: [Self; 4] = [Self::Ok, Self::Error, Self::Rejected, Self::Abandoned];

    /// The label `outcome`.
    pub(crate) fn name(self) -> &'static str {
        ["ok", "error", "rejected", "abandoned"][self as usize]
    }

    /// The pool's label `result`; empty where it never had the request.
    fn result(self) -> &'static str {
        ["done", "failed", "", "cancelled"][self as usize]
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
    pub(crate) pool: PoolCells,
    call_duration: FamilyIndex,
    tool_duration: FamilyIndex,
    mcp_duration: FamilyIndex,
    models: Vec<ModelCells>,
    providers: Vec<ProviderCells>,
    tools: Vec<ToolCells>,
    workloads: Vec<WorkloadCells>,
}

impl Instruments {
    pub(crate) fn new() -> Self {
        let mut r = Recorder::default();
        let version = env!("CARGO_PKG_VERSION");
        let info = r.single(&f::TARGET_INFO, [crate::JOB, version, "rust"]);
        r.set(info, 1.0);
        let call_duration = r.family(&f::CALL_DURATION);
        let tool_duration = r.family(&f::TOOL_DURATION);
        let mcp_duration = r.family(&f::MCP_DURATION);
        let probes = r.family(&f::PROBE_HEALTH);
        let models = cells::models(&mut r);
        let providers = cells::providers(&mut r, probes);
        let tools = cells::tools(&mut r, probes);
        let workloads = cells::workloads(&mut r);
        let pool = PoolCells::new(&mut r);
        let single = Singles::new(&mut r, mcp_duration, probes);
        Self {
            recorder: r,
            single,
            pool,
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
            let provider = PROVIDERS[spec.provider];
            let values = ["chat", provider, spec.name, call.outcome.error_type()];
            r.cell(self.call_duration, &values)
        });
        r.observe(duration, call.duration_s, call.trace_id, call.time_ms);
        if call.first_token_s > 0.0 {
            r.observe(cells.first_chunk, call.first_token_s, 0, 0);
            let chunks = (call.tokens[1] / CHUNK_TOKENS).ceil().max(1.0) as u64;
            r.observe_times(cells.per_chunk, call.token_s * CHUNK_TOKENS, chunks - 1);
            let server_s = crate::provider::server_first_token_s(call.first_token_s);
            r.observe(cells.server_first_token, server_s, 0, 0);
            r.observe(cells.server_per_token, call.token_s, 0, 0);
        }
        if call.outcome != CallOutcome::Ok {
            return;
        }
        let [input, output, cached, _] = call.tokens;
        r.observe(cells.usage[0], input, 0, 0);
        r.observe(cells.usage[1], output, 0, 0);
        for (cell, tokens) in cells.tokens.iter().zip(call.tokens) {
            r.add(*cell, tokens);
        }
        r.add(cells.cost, spec.dollars(input, cached, output));
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
        let execute = *cells.execute[outcome as usize]
            .get_or_insert_with(|| r.cell(self.tool_duration, &[name, outcome.error_type()]));
        let mcp_call = *cells.mcp_call[outcome as usize].get_or_insert_with(|| {
            let values = ["tools/call", name, outcome.mcp_error_type()];
            r.cell(self.mcp_duration, &values)
        });
        r.observe(execute, duration_s, trace_id, time_ms);
        r.observe(mcp_call, (duration_s - 0.002).max(0.0005), 0, 0);
    }

    /// Counts an MCP request other than a call of a tool.
    pub(crate) fn mcp(&mut self, method: McpMethod, duration_s: f64) {
        let cell = self.single.mcp_methods[method as usize];
        self.recorder.observe(cell, duration_s, 0, 0);
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
        let r = &mut self.recorder;
        r.add(cells.requests[outcome as usize], 1.0);
        match outcome.result() {
            "" => r.add(self.pool.refused, 1.0),
            result => self.pool.ended(r, result),
        }
        if matches!(outcome, RequestOutcome::Ok | RequestOutcome::Error) {
            r.observe(cells.duration, duration_s, trace_id, time_ms);
        }
    }

    /// Counts a request that the queue has taken.
    pub(crate) fn taken(&mut self) {
        self.recorder.add(self.pool.taken, 1.0);
    }

    /// Notes how long a request waited for a worker.
    pub(crate) fn waited(&mut self, workload: Workload, wait_s: f64) {
        let cell = self.workloads[workload as usize].wait;
        self.recorder.observe(cell, wait_s, 0, 0);
    }

    /// Notes how long a worker was busy with a request.
    pub(crate) fn ran(&mut self, run_s: f64) {
        self.recorder.observe(self.pool.run, run_s, 0, 0);
        self.recorder.add(self.pool.busy_seconds, run_s);
    }

    pub(crate) fn retried(&mut self, provider: usize) {
        self.recorder.add(self.providers[provider].retries, 1.0);
    }

    pub(crate) fn fell_back(&mut self, from_provider: usize) {
        self.recorder
            .add(self.providers[from_provider].fallbacks, 1.0);
    }

    /// Limit, remaining and seconds to reset; `kind` 0 is requests, 1 tokens.
    pub(crate) fn set_quota(&mut self, provider: usize, kind: usize, values: [f64; 3]) {
        let models = MODELS.iter().zip(&self.models);
        for (_, cells) in models.filter(|(spec, _)| spec.provider == provider) {
            for (cell, value) in cells.limits[kind].iter().zip(values) {
                self.recorder.set(*cell, value);
            }
        }
    }

    pub(crate) fn set_calls_in_flight(&mut self, model: usize, count: u32) {
        self.recorder
            .set(self.models[model].in_flight, f64::from(count));
    }

    pub(crate) fn set_tools_in_flight(&mut self, tool: usize, count: u32) {
        self.recorder
            .set(self.tools[tool].in_flight, f64::from(count));
    }

    pub(crate) fn set_provider_health(&mut self, provider: usize, state: HealthState) {
        set_state(&mut self.recorder, &self.providers[provider].health, state);
    }

    pub(crate) fn set_tool_health(&mut self, tool: usize, state: HealthState) {
        set_state(&mut self.recorder, &self.tools[tool].health, state);
    }

    /// The state of a probe that stands alone.
    pub(crate) fn set_health(
        &mut self,
        which: impl Fn(&Singles) -> [CellIndex; 4],
        state: HealthState,
    ) {
        set_state(&mut self.recorder, &which(&self.single), state);
    }

    /// All tokens that models were paid for so far.
    pub(crate) fn tokens(&self) -> f64 {
        let paid = self.models.iter().flat_map(|it| it.tokens.iter().take(2));
        paid.map(|cell| self.recorder.number(*cell)).sum()
    }
}

/// 1 for the state that is, 0 for the others.
fn set_state(r: &mut Recorder, cells: &[CellIndex; 4], state: HealthState) {
    for (cell, of) in cells.iter().zip(HealthState::ALL) {
        r.set(*cell, f64::from(u8::from(of == state)));
    }
}
