//! What a page shows of the daemon: its queue, workers, providers, tools, active faults and last events.

use bellwether_sdk::Value;
use serde::Serialize;

use super::backends::Backends;
use super::routes::App;
use crate::faults::Fault;
use crate::instruments::RequestOutcome;
use crate::pool::{QUEUE_CAPACITY, WORKERS_MAX, WORKERS_MIN};
use crate::provider::MODELS;
use crate::tool::TOOLS;
use crate::workload::Workload;

/// The daemon at one time, for people.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DemoState {
    /// When, Unix time in milliseconds.
    pub time_ms: i64,
    /// When the daemon started, Unix time in milliseconds.
    pub start_ms: i64,
    /// `up`, `degraded`, `down` or `unknown`, by its own health checks.
    pub health: &'static str,
    /// Why it is not up.
    pub reasons: Vec<String>,
    /// Requests that may wait.
    pub queue_capacity: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// How long the oldest of them waits, seconds.
    pub oldest_wait_seconds: f64,
    /// The worker pool.
    pub workers: WorkersState,
    /// Both providers.
    pub providers: Vec<ProviderState>,
    /// The four tools.
    pub tools: Vec<ToolState>,
    /// Requests since the start.
    pub requests: Vec<RequestsState>,
    /// Open WebSocket sessions of the replayed people.
    pub connections: usize,
    /// Dollars spent since the start.
    pub cost_dollars: f64,
    /// Faults that are active.
    pub faults: Vec<FaultState>,
    /// What the pool, the breakers, the health checks and somebody by hand changed, the oldest first; at most 100.
    pub events: Vec<RecentEvent>,
}

/// The worker pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkersState {
    /// Those that there are.
    pub count: usize,
    /// Those that serve a request.
    pub busy: usize,
    /// Those that there should be.
    pub target: usize,
    /// At the least.
    pub min: u32,
    /// At the most.
    pub max: u32,
    /// The last decision on their number, with its reasons; absent before the first.
    pub decision: Option<String>,
}

/// A breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BreakerSummary {
    /// `closed`, `open` or `half_open`.
    pub state: &'static str,
    /// Why it is not closed; empty where it is.
    pub reason: String,
}

/// A model of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ModelState {
    /// Its name.
    pub name: &'static str,
    /// Calls that have not ended.
    pub calls_in_flight: u32,
}

/// A provider of models.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderState {
    /// Its name.
    pub name: &'static str,
    /// The URL of its API.
    pub url: String,
    /// `up`, `degraded` or `down`, by its recent calls and its breaker.
    pub state: &'static str,
    /// Why it is not up; empty where it is.
    pub reason: String,
    /// What keeps calls from it.
    pub breaker: BreakerSummary,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ToolState {
    /// Its name.
    pub name: &'static str,
    /// `up`, `degraded` or `down`, by its recent calls.
    pub state: &'static str,
    /// Why it is not up; empty where it is.
    pub reason: String,
    /// Calls that have not ended.
    pub in_flight: u32,
    /// Calls that ended well since the start.
    pub ok: u64,
    /// Calls that failed since the start.
    pub failed: u64,
}

/// Requests of a workload since the start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestsState {
    /// Its name.
    pub workload: &'static str,
    /// Answered.
    pub ok: u64,
    /// Failed.
    pub error: u64,
    /// Turned away because the queue was full.
    pub rejected: u64,
    /// Given up because they waited too long.
    pub abandoned: u64,
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

/// Something that happened in the daemon.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RecentEvent {
    /// When, Unix time in milliseconds.
    pub time_ms: i64,
    /// `debug`, `info`, `warning` or `error`.
    pub level: &'static str,
    /// Its name: `pool_scaled`, `breaker_changed`, `health_changed`, `fault_began`.
    pub event: String,
    /// What it says.
    pub payload: serde_json::Value,
}

/// The daemon as it is now.
pub(super) fn of(app: &App) -> DemoState {
    let service = &app.service;
    let backends = service.backends();
    let status = service.pool.status();
    let report = app.health.report();
    DemoState {
        time_ms: backends.clock.now_ms(),
        start_ms: backends.start_ms,
        health: report.state.as_str(),
        reasons: report.reasons,
        queue_capacity: QUEUE_CAPACITY,
        waiting: status.waiting,
        oldest_wait_seconds: status.oldest_wait.as_secs_f64(),
        workers: WorkersState {
            count: status.workers,
            busy: status.running,
            target: status.target,
            min: WORKERS_MIN,
            max: WORKERS_MAX,
            decision: service.pool.last_decision().map(|it| it.to_string()),
        },
        providers: (0..backends.providers.len())
            .map(|index| provider(app, index))
            .collect(),
        tools: (0..TOOLS.len())
            .map(|index| tool(backends, index))
            .collect(),
        requests: Workload::ALL.map(|it| requests(backends, it)).to_vec(),
        connections: backends.sessions.count(),
        cost_dollars: cost_dollars(backends),
        faults: faults(backends),
        events: backends.recent.all(),
    }
}

fn provider(app: &App, index: usize) -> ProviderState {
    let backends = app.service.backends();
    let provider = &backends.providers[index];
    let breaker = &backends.breakers[index];
    let health = provider.health();
    let (state, reason) = backends.provider_verdict(index).into_parts();
    let left = provider
        .limits()
        .map(|[limit, remaining, _]| remaining / limit.max(1.0));
    let own_models = MODELS.iter().enumerate();
    let own_models = own_models.filter(|(_, model)| model.provider == index);
    ProviderState {
        name: provider.name(),
        url: format!("http://{}/v1", app.addresses[index]),
        state: state.as_str(),
        reason,
        breaker: BreakerSummary {
            state: breaker.state().as_str(),
            reason: breaker.reason(),
        },
        error_ratio: health.error_ratio,
        slowness: health.slowness,
        requests_left_ratio: left[0],
        tokens_left_ratio: left[1],
        models: own_models
            .map(|(at, model)| ModelState {
                name: model.name,
                calls_in_flight: provider.in_flight(at),
            })
            .collect(),
    }
}

fn tool(backends: &Backends, index: usize) -> ToolState {
    let known = backends.tools.get(index);
    let (state, reason) = backends.tools.verdict(index).into_parts();
    ToolState {
        name: TOOLS[index].name,
        state: state.as_str(),
        reason,
        in_flight: known.in_flight,
        ok: known.ok,
        failed: known.failed,
    }
}

fn requests(backends: &Backends, workload: Workload) -> RequestsState {
    let counters = &backends.own.requests[workload as usize];
    let count = |outcome: RequestOutcome| counters[outcome as usize].get();
    RequestsState {
        workload: workload.name(),
        ok: count(RequestOutcome::Ok),
        error: count(RequestOutcome::Error),
        rejected: count(RequestOutcome::Rejected),
        abandoned: count(RequestOutcome::Abandoned),
    }
}

/// What the SDK counted, over all models.
fn cost_dollars(backends: &Backends) -> f64 {
    let name = crate::families::COST.name;
    let snapshot = backends.telemetry.snapshot();
    let family = snapshot.iter().find(|family| family.name == name);
    let series = family.into_iter().flat_map(|family| &family.series);
    series
        .map(|(_, value)| match value {
            Value::Number(dollars) => *dollars,
            Value::Count(_) | Value::Histogram(_) => 0.0,
        })
        .sum()
}

/// Faults that are active.
pub(super) fn faults(backends: &Backends) -> Vec<FaultState> {
    let board = &backends.faults;
    let unix_ms = |time_us: u64| backends.start_ms + (time_us / 1_000) as i64;
    let active = |fault: Fault| {
        let occurrence = board.active(fault)?;
        Some(FaultState {
            name: fault.name(),
            target: fault.target(),
            description: fault.description(),
            strength: board.strength(fault),
            begin_ms: unix_ms(occurrence.begin_us),
            end_ms: unix_ms(occurrence.end_us),
        })
    };
    Fault::ALL.into_iter().filter_map(active).collect()
}
