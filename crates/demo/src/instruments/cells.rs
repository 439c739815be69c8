//! The cells that the instruments count in, made once.

use bellwether_sdk::health::HealthState;

use crate::families as f;
use crate::faults::Fault;
use crate::instruments::RequestOutcome;
use crate::machine::DISK_FOLDERS;
use crate::provider::{CallOutcome, MODELS, PROVIDERS};
use crate::recorder::{CellIndex, FamilyIndex, Recorder};
use crate::tool::{TOOLS, ToolOutcome};
use crate::workload::Workload;

#[derive(Debug, Clone)]
pub(super) struct ModelCells {
    pub(super) duration: [Option<CellIndex>; CallOutcome::COUNT],
    pub(super) first_chunk: CellIndex,
    pub(super) per_chunk: CellIndex,
    pub(super) usage: [CellIndex; 2],
    pub(super) tokens: [CellIndex; 4],
    pub(super) server_first_token: CellIndex,
    pub(super) server_per_token: CellIndex,
    pub(super) cost: CellIndex,
    pub(super) in_flight: CellIndex,
    /// Requests and tokens: limit, remaining, seconds to reset.
    pub(super) limits: [[CellIndex; 3]; 2],
}

#[derive(Debug, Clone)]
pub(super) struct ProviderCells {
    pub(super) fallbacks: CellIndex,
    pub(super) retries: CellIndex,
    pub(super) health: [CellIndex; 4],
}

#[derive(Debug, Clone)]
pub(super) struct ToolCells {
    pub(super) execute: [Option<CellIndex>; ToolOutcome::COUNT],
    pub(super) mcp_call: [Option<CellIndex>; ToolOutcome::COUNT],
    pub(super) in_flight: CellIndex,
    pub(super) health: [CellIndex; 4],
}

#[derive(Debug, Clone)]
pub(super) struct WorkloadCells {
    pub(super) requests: [CellIndex; 4],
    pub(super) duration: CellIndex,
    pub(super) wait: CellIndex,
}

/// What the SDK's pool measures of itself.
#[derive(Debug, Clone)]
pub(crate) struct PoolCells {
    pub(super) run: CellIndex,
    pub(super) busy_seconds: CellIndex,
    pub(super) taken: CellIndex,
    pub(super) refused: CellIndex,
    tasks: FamilyIndex,
    by_result: Vec<(&'static str, CellIndex)>,
    decisions: FamilyIndex,
    by_reason: Vec<(&'static str, CellIndex)>,
    /// Up and down.
    pub(crate) scale_events: [CellIndex; 2],
    pub(crate) workers: CellIndex,
    pub(crate) target: CellIndex,
    pub(crate) running: CellIndex,
    pub(crate) waiting: CellIndex,
}

impl PoolCells {
    pub(super) fn new(r: &mut Recorder) -> Self {
        let tasks = r.family(&f::POOL_TASKS);
        let by_result = vec![("done", r.cell(tasks, &[f::POOL, "done"]))];
        let scale_events = r.family(&f::POOL_SCALE_EVENTS);
        // The history never retries a whole request; the live pool does not either, and shows it too.
        r.single(&f::POOL_RETRIES, [f::POOL]);
        Self {
            run: r.single(&f::POOL_RUN, [f::POOL]),
            busy_seconds: r.single(&f::POOL_BUSY_SECONDS, [f::POOL]),
            taken: r.single(&f::POOL_TAKEN, [f::POOL]),
            refused: r.single(&f::POOL_REFUSED, [f::POOL]),
            tasks,
            by_result,
            decisions: r.family(&f::POOL_DECISIONS),
            by_reason: Vec::new(),
            scale_events: ["up", "down"].map(|it| r.cell(scale_events, &[f::POOL, it])),
            workers: r.single(&f::POOL_WORKERS, [f::POOL]),
            target: r.single(&f::POOL_TARGET, [f::POOL]),
            running: r.single(&f::POOL_RUNNING, [f::POOL]),
            waiting: r.single(&f::POOL_WAITING, [f::POOL]),
        }
    }

    /// Counts a job by its result.
    pub(super) fn ended(&mut self, r: &mut Recorder, result: &'static str) {
        count(r, self.tasks, &mut self.by_result, result);
    }

    /// Counts a decision by what settled it.
    pub(crate) fn decided(&mut self, r: &mut Recorder, reason: &'static str) {
        count(r, self.decisions, &mut self.by_reason, reason);
    }
}

/// Adds one to the cell of a value, which is made when it is first needed.
fn count(
    r: &mut Recorder,
    family: FamilyIndex,
    known: &mut Vec<(&'static str, CellIndex)>,
    value: &'static str,
) {
    let found = known.iter().find(|(of, _)| *of == value);
    let cell = match found {
        Some((_, cell)) => *cell,
        None => {
            let cell = r.cell(family, &[f::POOL, value]);
            known.push((value, cell));
            cell
        }
    };
    r.add(cell, 1.0);
}

/// Gauges and counters that stand alone.
#[derive(Debug, Clone)]
pub(crate) struct Singles {
    pub(crate) queue_oldest: CellIndex,
    pub(crate) requests_in_flight: CellIndex,
    pub(crate) connections: CellIndex,
    pub(crate) messages: [CellIndex; 2],
    pub(crate) message_bytes: [CellIndex; 2],
    /// By the code that closes a session.
    pub(crate) sessions: [CellIndex; 3],
    pub(crate) round_trip: CellIndex,
    pub(crate) faults: [CellIndex; Fault::COUNT],
    pub(crate) disk_used: [CellIndex; 4],
    pub(crate) disk_size: CellIndex,
    pub(crate) cpu_seconds: CellIndex,
    pub(crate) resident_bytes: CellIndex,
    pub(crate) start_time: CellIndex,
    pub(crate) open_files: CellIndex,
    pub(crate) health: [CellIndex; 4],
    pub(crate) answers_health: [CellIndex; 4],
    pub(crate) queue_health: [CellIndex; 4],
    pub(crate) disk_health: [CellIndex; 4],
    pub(super) mcp_methods: [CellIndex; 3],
}

impl Singles {
    pub(super) fn new(r: &mut Recorder, mcp_duration: FamilyIndex, probes: FamilyIndex) -> Self {
        let mcp_methods = ["initialize", "tools/list", "ping"]
            .map(|method| r.cell(mcp_duration, &[method, "", ""]));
        let sessions = r.family(&f::SESSION_DURATION);
        let messages = r.family(&f::MESSAGES);
        let bytes = r.family(&f::MESSAGE_BYTES);
        let faults = r.family(&f::FAULT_ACTIVE);
        let folders = r.family(&f::DISK_USED);
        let health = r.family(&f::HEALTH);
        let directions = ["received", "sent"];
        // These two are well for as long as there is a history.
        for name in ["event_loop", "tool_registry"] {
            let [up, ..] = health_cells(r, probes, name);
            r.set(up, 1.0);
        }
        Self {
            answers_health: health_cells(r, probes, "answers"),
            queue_health: health_cells(r, probes, "queue"),
            disk_health: health_cells(r, probes, "disk"),
            health: HealthState::ALL.map(|state| r.cell(health, &[state.as_str()])),
            queue_oldest: r.single(&f::QUEUE_OLDEST, []),
            requests_in_flight: r.single(&f::REQUESTS_IN_FLIGHT, []),
            connections: r.single(&f::CONNECTIONS, []),
            messages: directions.map(|it| r.cell(messages, &[it])),
            message_bytes: directions.map(|it| r.cell(bytes, &[it])),
            sessions: crate::workload::CLOSE_CODES
                .map(|code| r.cell(sessions, &[&code.to_string()])),
            round_trip: r.single(&f::ROUND_TRIP, []),
            faults: Fault::ALL.map(|fault| r.cell(faults, &[fault.name()])),
            disk_used: DISK_FOLDERS.map(|(name, _)| r.cell(folders, &[name])),
            disk_size: r.single(&f::DISK_SIZE, []),
            cpu_seconds: r.single(&f::CPU_SECONDS, []),
            resident_bytes: r.single(&f::RESIDENT_BYTES, []),
            start_time: r.single(&f::START_TIME, []),
            open_files: r.single(&f::OPEN_FILES, []),
            mcp_methods,
        }
    }
}

pub(super) fn models(r: &mut Recorder) -> Vec<ModelCells> {
    let first_chunk = r.family(&f::FIRST_CHUNK);
    let per_chunk = r.family(&f::PER_CHUNK);
    let usage = r.family(&f::TOKEN_USAGE);
    let tokens = f::TOKENS.each_ref().map(|family| r.family(family));
    let server_first_token = r.family(&f::SERVER_FIRST_TOKEN);
    let server_per_token = r.family(&f::SERVER_PER_TOKEN);
    let cost = r.family(&f::COST);
    let in_flight = r.family(&f::CALLS_IN_FLIGHT);
    let limits = f::RATE_LIMITS.each_ref().map(|family| r.family(family));
    let cells = |spec: &crate::provider::ModelSpec| {
        let model = [PROVIDERS[spec.provider], spec.name];
        let call = ["chat", model[0], model[1]];
        ModelCells {
            duration: [None; CallOutcome::COUNT],
            first_chunk: r.cell(first_chunk, &call),
            per_chunk: r.cell(per_chunk, &call),
            usage: ["input", "output"].map(|it| r.cell(usage, &[call[0], call[1], call[2], it])),
            tokens: tokens.map(|family| r.cell(family, &model)),
            server_first_token: r.cell(server_first_token, &call),
            server_per_token: r.cell(server_per_token, &call),
            cost: r.cell(cost, &model),
            in_flight: r.cell(in_flight, &model),
            limits: ["requests", "tokens"]
                .map(|kind| limits.map(|family| r.cell(family, &[model[0], model[1], kind]))),
        }
    };
    MODELS.iter().map(cells).collect()
}

/// The cells of a probe, one for each state.
fn health_cells(r: &mut Recorder, probes: FamilyIndex, name: &str) -> [CellIndex; 4] {
    HealthState::ALL.map(|state| r.cell(probes, &[name, state.as_str()]))
}

pub(super) fn providers(r: &mut Recorder, probes: FamilyIndex) -> Vec<ProviderCells> {
    let fallbacks = r.family(&f::FALLBACKS);
    let retries = r.family(&f::RETRIES);
    PROVIDERS
        .iter()
        .map(|provider| ProviderCells {
            fallbacks: r.cell(fallbacks, &[provider]),
            retries: r.cell(retries, &[provider]),
            health: health_cells(r, probes, &format!("provider/{provider}")),
        })
        .collect()
}

pub(super) fn tools(r: &mut Recorder, probes: FamilyIndex) -> Vec<ToolCells> {
    let in_flight = r.family(&f::TOOLS_IN_FLIGHT);
    TOOLS
        .iter()
        .map(|tool| ToolCells {
            execute: [None; ToolOutcome::COUNT],
            mcp_call: [None; ToolOutcome::COUNT],
            in_flight: r.cell(in_flight, &[tool.name]),
            health: health_cells(r, probes, &format!("tool/{}", tool.name)),
        })
        .collect()
}

pub(super) fn workloads(r: &mut Recorder) -> Vec<WorkloadCells> {
    let requests = r.family(&f::REQUESTS);
    let duration = r.family(&f::REQUEST_DURATION);
    let wait = r.family(&f::POOL_WAIT);
    Workload::ALL
        .iter()
        .map(|workload| WorkloadCells {
            requests: RequestOutcome::ALL
                .map(|outcome| r.cell(requests, &[workload.name(), outcome.name()])),
            duration: r.cell(duration, &[workload.name()]),
            wait: r.cell(wait, &[f::POOL, workload.priority()]),
        })
        .collect()
}
