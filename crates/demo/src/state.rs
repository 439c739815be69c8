//! What a page shows of the daemon: its queue, workers, providers, tools and active faults.

use serde::Serialize;

use crate::faults::{self, Fault};
use crate::instruments::RequestOutcome;
use crate::pool::{WORKERS_MAX, WORKERS_MIN};
use crate::provider::{MODELS, PROVIDERS};
use crate::simulation::{QUEUE_CAPACITY, Simulation};
use crate::tool::{TOOLS, ToolOutcome};
use crate::workload::Workload;

/// The daemon at one time, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DemoState {
    /// When, Unix time in milliseconds.
    pub time_ms: i64,
    /// When the daemon started, Unix time in milliseconds.
    pub start_ms: i64,
    /// Waiting requests.
    pub queue: QueueState,
    /// The worker pool.
    pub workers: WorkersState,
    /// Both providers.
    pub providers: Vec<ProviderState>,
    /// The four tools.
    pub tools: Vec<ToolState>,
    /// Requests since the start.
    pub requests: Vec<RequestsState>,
    /// Open WebSocket connections.
    pub connections: u64,
    /// Dollars spent since the start.
    pub cost_dollars: f64,
    /// Faults that are active.
    pub faults: Vec<FaultState>,
}

/// Waiting requests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueState {
    /// How many may wait.
    pub capacity: usize,
    /// How many wait, by priority, the most important first.
    pub depth: Vec<DepthState>,
}

/// Waiting requests of one priority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DepthState {
    /// The priority, as in the label `priority`.
    pub priority: &'static str,
    /// How many wait.
    pub waiting: usize,
}

/// A model of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelState {
    /// Its name.
    pub name: &'static str,
    /// Calls that have not ended.
    pub calls_in_flight: u32,
}

/// The worker pool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorkersState {
    /// Without work.
    pub idle: u32,
    /// With work.
    pub busy: u32,
    /// Not yet ready.
    pub starting: u32,
    /// What the load needs.
    pub desired: u32,
    /// At the least.
    pub min: u32,
    /// At the most.
    pub max: u32,
}

/// A provider of models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderState {
    /// Its name.
    pub name: &'static str,
    /// `up`, `degraded` or `down`, by its recent calls.
    pub state: &'static str,
    /// Part of the recent calls that failed.
    pub error_ratio: f64,
    /// Time for each token against that of a good day.
    pub slowness: f64,
    /// Part of the requests quota that is left.
    pub requests_left_ratio: f64,
    /// Part of the tokens quota that is left.
    pub tokens_left_ratio: f64,
    /// Its models.
    pub models: Vec<ModelState>,
}

/// A tool.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolState {
    /// Its name.
    pub name: &'static str,
    /// Calls that have not ended.
    pub in_flight: u32,
    /// Calls that ended well since the start.
    pub ok: f64,
    /// Calls that failed since the start.
    pub failed: f64,
}

/// Requests of a workload since the start.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RequestsState {
    /// Its name.
    pub workload: &'static str,
    /// Answered.
    pub ok: f64,
    /// Failed.
    pub error: f64,
    /// Turned away because the queue was full.
    pub rejected: f64,
    /// Given up because they waited too long.
    pub abandoned: f64,
}

/// A fault that is active.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FaultState {
    /// Its name, as in the label `fault`.
    pub name: &'static str,
    /// What it hits.
    pub target: &'static str,
    /// A sentence.
    pub description: &'static str,
    /// How strong it is, 0 to 1.
    pub strength: f64,
    /// When it began, Unix time in milliseconds.
    pub begin_ms: i64,
    /// When it will end.
    pub end_ms: i64,
}

impl DemoState {
    /// The state of a simulation.
    #[must_use]
    pub fn of(simulation: &Simulation) -> Self {
        let pool = &simulation.pool;
        Self {
            time_ms: simulation.now_ms(),
            start_ms: simulation.start_ms(),
            queue: QueueState {
                capacity: QUEUE_CAPACITY,
                depth: Workload::ALL
                    .iter()
                    .map(|workload| DepthState {
                        priority: workload.priority(),
                        waiting: simulation.waiting(*workload),
                    })
                    .collect(),
            },
            workers: WorkersState {
                idle: pool.idle,
                busy: pool.busy,
                starting: pool.starting,
                desired: pool.desired,
                min: WORKERS_MIN,
                max: WORKERS_MAX,
            },
            providers: (0..PROVIDERS.len())
                .map(|index| provider(simulation, index))
                .collect(),
            tools: (0..TOOLS.len())
                .map(|index| tool(simulation, index))
                .collect(),
            requests: Workload::ALL
                .iter()
                .map(|w| requests(simulation, *w))
                .collect(),
            connections: simulation.connections(),
            cost_dollars: simulation.instruments.cost_dollars(),
            faults: Fault::ALL
                .iter()
                .filter_map(|f| fault(simulation, *f))
                .collect(),
        }
    }
}

fn provider(simulation: &Simulation, index: usize) -> ProviderState {
    let health = simulation.health[index];
    let left = |kind| {
        let [limit, remaining, _] = simulation.quota(index, kind);
        remaining / limit.max(1.0)
    };
    ProviderState {
        name: PROVIDERS[index],
        state: if health.error_ratio > 0.5 {
            "down"
        } else if health.is_good() {
            "up"
        } else {
            "degraded"
        },
        error_ratio: health.error_ratio,
        slowness: health.slowness,
        requests_left_ratio: left(0),
        tokens_left_ratio: left(1),
        models: MODELS
            .iter()
            .enumerate()
            .filter(|(_, model)| model.provider == index)
            .map(|(at, model)| ModelState {
                name: model.name,
                calls_in_flight: simulation.calls_in_flight(at),
            })
            .collect(),
    }
}

fn tool(simulation: &Simulation, index: usize) -> ToolState {
    let calls = |outcome| simulation.instruments.tool_calls(index, outcome);
    ToolState {
        name: TOOLS[index].name,
        in_flight: simulation.tools_in_flight(index),
        ok: calls(ToolOutcome::Ok),
        failed: calls(ToolOutcome::Failed) + calls(ToolOutcome::Timeout),
    }
}

fn requests(simulation: &Simulation, workload: Workload) -> RequestsState {
    let count = |outcome| simulation.instruments.requests(workload, outcome);
    RequestsState {
        workload: workload.name(),
        ok: count(RequestOutcome::Ok),
        error: count(RequestOutcome::Error),
        rejected: count(RequestOutcome::Rejected),
        abandoned: count(RequestOutcome::Abandoned),
    }
}

fn fault(simulation: &Simulation, fault: Fault) -> Option<FaultState> {
    let occurrence = faults::active(simulation.seed(), fault, simulation.now_us())?;
    let unix_ms = |time_us: u64| simulation.start_ms() + (time_us / 1_000) as i64;
    Some(FaultState {
        name: fault.name(),
        target: fault.target(),
        description: fault.description(),
        strength: simulation.fault_strength(fault),
        begin_ms: unix_ms(occurrence.begin_us),
        end_ms: unix_ms(occurrence.end_us),
    })
}
