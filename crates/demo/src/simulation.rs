//! The daemon itself: requests arrive, wait, are served by workers with calls to models and tools.
//!
//! ## Model
//! A discrete simulation: a heap of events in time order. Every draw of a random number happens at
//! an event, so the state at a time depends on the seed and the beginning only, not on how often or
//! when somebody looked: `advance_to(a); advance_to(b)` is `advance_to(b)`. Gauges are computed when
//! somebody looks and change nothing.
//!
//! A request belongs to a workload, waits in the queue of its priority, takes a worker, and then
//! alternates between calls to a model and rounds of tools until its last call ends. Failed calls
//! are repeated with a growing pause, from the second repetition at the other provider.
//!
//! ## Limits
//! 400 requests wait at the most; those that waited for 45 s are given up. Both chosen.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::exposition::families_of;
use crate::family::Family;
use crate::faults::{self, Fault};
use crate::instruments::{
    CallReport, DISK_BYTES, DISK_FOLDERS, Instruments, McpMethod, RequestOutcome,
};
use crate::pool::{self, Pool, Scaling};
use crate::provider::{self, CallOutcome, MODELS, PROVIDERS, Quota};
use crate::random::{Random, mix};
use crate::recorder::Recorder;
use crate::tool::{self, TOOLS, ToolOutcome};
use crate::workload::{Replay, Workload, busyness};

/// Requests that may wait.
pub(crate) const QUEUE_CAPACITY: usize = 400;
const PATIENCE_US: u64 = 45_000_000;
const ATTEMPTS_MAX: u8 = 4;
/// Of a prompt that was sent before, this part is found in the provider's cache. Chosen.
const CACHED_PART: f64 = 0.7;
const PING_EVERY_US: u64 = 10_000_000;
/// Requests and tokens a minute, of each provider. Chosen: about twice the usual peak.
const QUOTAS: [[f64; 2]; 2] = [[420.0, 1_150_000.0], [360.0, 950_000.0]];
/// What the disk fault adds at its end: the disk is all but full then.
const DISK_FILLED_BYTES: f64 = 66e9;
/// What the quota fault leaves at full strength.
const QUOTA_LEFT: f64 = 0.1;

/// What happens at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive {
        workload: u8,
        input_tokens: u32,
        output_tokens: u32,
    },
    CallEnded {
        request: u32,
    },
    CallAgain {
        request: u32,
    },
    ToolEnded {
        request: u32,
    },
    WorkerStarted,
    Scale,
    Ping,
    SessionEnded {
        opened_us: u64,
    },
}

/// Time, then order of making: the last part only decides between equal ones.
type Queued = Reverse<(u64, u64, Event)>;

/// A request that is waiting or being served.
#[derive(Debug, Clone)]
struct Request {
    workload: Workload,
    arrived_us: u64,
    started_us: u64,
    /// Of the trace: the prompt and the answer of the last call.
    input_tokens: f64,
    output_tokens: f64,
    rounds_left: u64,
    calls_made: u32,
    attempt: u8,
    model: usize,
    call: CallReport,
    tool: usize,
    tool_outcome: ToolOutcome,
    tool_seconds: f64,
    trace_id: u128,
}

/// How a provider did lately, as moving averages over calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Health {
    pub(crate) error_ratio: f64,
    /// Seconds until the first token against those of a good day.
    pub(crate) slowness: f64,
}

/// The simulated daemon at one time.
#[derive(Debug, Clone)]
pub struct Simulation {
    seed: u64,
    start_ms: i64,
    now_us: u64,
    random: Random,
    events: BinaryHeap<Queued>,
    event_count: u64,
    replays: Vec<Replay>,
    requests: Vec<Option<Request>>,
    free: Vec<u32>,
    waiting: [VecDeque<u32>; 3],
    pub(crate) pool: Pool,
    /// Requests and tokens of each provider.
    quotas: [[Quota; 2]; 2],
    pub(crate) health: [Health; 2],
    calls_in_flight: [u32; MODELS.len()],
    tools_in_flight: [u32; TOOLS.len()],
    connections: u64,
    request_count: u64,
    pub(crate) instruments: Instruments,
}

impl Simulation {
    /// A daemon that starts at `start_ms` (Unix time) with nothing in its queue.
    #[must_use]
    pub fn new(seed: u64, start_ms: i64) -> Self {
        let quotas = QUOTAS.map(|quotas| quotas.map(Quota::new));
        let replays = Workload::ALL
            .map(|workload| Replay::new(workload, mix(seed ^ 0x7ace ^ workload as u64)))
            .to_vec();
        let mut simulation = Self {
            seed,
            start_ms,
            now_us: 0,
            random: Random::new(seed),
            events: BinaryHeap::new(),
            event_count: 0,
            replays,
            requests: Vec::new(),
            free: Vec::new(),
            waiting: Default::default(),
            pool: Pool::new(),
            quotas,
            health: [Health {
                error_ratio: 0.0,
                slowness: 1.0,
            }; 2],
            calls_in_flight: [0; MODELS.len()],
            tools_in_flight: [0; TOOLS.len()],
            connections: 0,
            request_count: 0,
            instruments: Instruments::new(),
        };
        for workload in Workload::ALL {
            simulation.plan_arrival(workload);
        }
        simulation.plan(pool::SCALE_EVERY_US, Event::Scale);
        simulation.plan(PING_EVERY_US, Event::Ping);
        simulation.show();
        simulation
    }

    /// The seed that it was made with.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// When it started, Unix time in milliseconds.
    #[must_use]
    pub fn start_ms(&self) -> i64 {
        self.start_ms
    }

    /// Where it stands, Unix time in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.start_ms + (self.now_us / 1_000) as i64
    }

    /// Lets happen what happens until `time_ms`, that instant included. A time before the present
    /// one changes nothing: time does not run backwards.
    pub fn advance_to(&mut self, time_ms: i64) {
        let elapsed_ms = time_ms.saturating_sub(self.start_ms);
        let until_us = u64::try_from(elapsed_ms).unwrap_or(0).saturating_mul(1_000);
        while let Some(Reverse((at_us, _, event))) = self.events.peek().copied() {
            if at_us > until_us {
                break;
            }
            self.events.pop();
            self.now_us = at_us;
            self.happen(event);
        }
        self.now_us = self.now_us.max(until_us);
        self.show();
    }

    /// All metrics as a scraper would see them now.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        families_of(&self.instruments.recorder)
    }

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.instruments.recorder
    }

    pub(crate) fn now_us(&self) -> u64 {
        self.now_us
    }

    pub(crate) fn waiting(&self, workload: Workload) -> usize {
        self.waiting[workload as usize].len()
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections
    }

    pub(crate) fn calls_in_flight(&self, model: usize) -> u32 {
        self.calls_in_flight[model]
    }

    pub(crate) fn tools_in_flight(&self, tool: usize) -> u32 {
        self.tools_in_flight[tool]
    }

    /// Limit, remaining and seconds to reset; `kind` 0 is requests, 1 tokens.
    pub(crate) fn quota(&self, provider: usize, kind: usize) -> [f64; 3] {
        let part = self.quota_part(provider);
        let quota = &self.quotas[provider][kind];
        [
            quota.limit(part),
            quota.remaining(part, self.now_us),
            quota.reset_seconds(part, self.now_us),
        ]
    }

    pub(crate) fn fault_strength(&self, fault: Fault) -> f64 {
        faults::strength(self.seed, fault, self.now_us)
    }

    fn time_ms(&self) -> i64 {
        self.start_ms + (self.now_us / 1_000) as i64
    }

    fn plan(&mut self, delay_us: u64, event: Event) {
        self.event_count += 1;
        self.events
            .push(Reverse((self.now_us + delay_us, self.event_count, event)));
    }

    fn plan_seconds(&mut self, delay_s: f64, event: Event) {
        self.plan((delay_s.max(0.0) * 1e6) as u64, event);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive {
                workload,
                input_tokens,
                output_tokens,
            } => {
                let workload = Workload::ALL[usize::from(workload)];
                self.plan_arrival(workload);
                self.arrive(workload, f64::from(input_tokens), f64::from(output_tokens));
            }
            Event::CallEnded { request } => self.call_ended(request),
            Event::CallAgain { request } => self.begin_call(request),
            Event::ToolEnded { request } => self.tool_ended(request),
            Event::WorkerStarted => {
                self.pool.started(self.now_us);
                self.serve();
            }
            Event::Scale => self.scale(),
            Event::Ping => self.ping(),
            Event::SessionEnded { opened_us } => self.end_session(opened_us),
        }
    }

    fn plan_arrival(&mut self, workload: Workload) {
        let burst = 1.0 + 5.0 * self.fault_strength(Fault::QueueBurst);
        let busyness = busyness(self.time_ms());
        let next = self.replays[workload as usize].next(busyness, burst);
        let event = Event::Arrive {
            workload: workload as u8,
            input_tokens: next.input_tokens,
            output_tokens: next.output_tokens,
        };
        self.plan(next.gap_us, event);
    }

    fn arrive(&mut self, workload: Workload, input_tokens: f64, output_tokens: f64) {
        self.request_count += 1;
        if workload == Workload::Chat {
            self.receive_message(input_tokens);
        }
        // Trace ids take nothing from the stream of random numbers.
        let high = mix(self.seed ^ self.request_count);
        let low = mix(high ^ self.request_count.rotate_left(32));
        let trace_id = u128::from(high) << 64 | u128::from(low);
        let waiting: usize = self.waiting.iter().map(VecDeque::len).sum();
        if waiting >= QUEUE_CAPACITY {
            let outcome = RequestOutcome::Rejected;
            self.instruments
                .request_ended(workload, outcome, 0.0, trace_id, self.time_ms());
            return;
        }
        let mut rounds_left = 0;
        while rounds_left < workload.rounds_max()
            && self.random.chance(workload.round_probability())
        {
            rounds_left += 1;
        }
        let time_ms = self.time_ms();
        let request = Request {
            workload,
            arrived_us: self.now_us,
            started_us: 0,
            input_tokens: input_tokens.max(1.0),
            output_tokens: output_tokens.max(1.0),
            rounds_left,
            calls_made: 0,
            attempt: 0,
            model: 0,
            call: CallReport {
                model: 0,
                outcome: CallOutcome::Ok,
                duration_s: 0.0,
                first_token_s: 0.0,
                token_s: 0.0,
                tokens: [0.0; 4],
                trace_id,
                time_ms,
            },
            tool: 0,
            tool_outcome: ToolOutcome::Ok,
            tool_seconds: 0.0,
            trace_id,
        };
        let id = if let Some(id) = self.free.pop() {
            self.requests[id as usize] = Some(request);
            id
        } else {
            self.requests.push(Some(request));
            (self.requests.len() - 1) as u32
        };
        self.waiting[workload as usize].push_back(id);
        self.serve();
    }

    /// Gives idle workers to waiting requests, the most important first.
    fn serve(&mut self) {
        while self.pool.idle > 0 {
            let Some(id) = self.waiting.iter_mut().find_map(VecDeque::pop_front) else {
                return;
            };
            let now_us = self.now_us;
            let Some(request) = self.requests[id as usize].as_mut() else {
                continue;
            };
            let waited_us = now_us - request.arrived_us;
            if waited_us > PATIENCE_US {
                self.end_request(id, RequestOutcome::Abandoned);
                continue;
            }
            request.started_us = now_us;
            let workload = request.workload;
            self.pool.take(now_us);
            self.instruments.waited(workload, waited_us as f64 / 1e6);
            self.begin_call(id);
        }
    }

    /// The model for the next call of a request: small ones plan, large ones answer.
    fn choose_model(&mut self, workload: Workload, is_last: bool) -> usize {
        let first_provider = self.random.chance(0.55);
        let large = match workload {
            Workload::Chat => is_last && self.random.chance(0.6),
            Workload::Code => is_last && self.random.chance(0.5),
            Workload::Agent => is_last || self.random.chance(0.4),
        };
        usize::from(!first_provider) * 2 + usize::from(!large)
    }

    fn begin_call(&mut self, id: u32) {
        let Some(request) = self.requests[id as usize].as_ref() else {
            return;
        };
        let (workload, attempt, calls_made) =
            (request.workload, request.attempt, request.calls_made);
        let is_last = request.rounds_left == 0;
        let (prompt, answer) = (request.input_tokens, request.output_tokens);
        let (last_model, trace_id) = (request.model, request.trace_id);
        let model = match attempt {
            0 => self.choose_model(workload, is_last),
            // The first repetition is at the same model, the others change the provider.
            1 => last_model,
            _ => {
                self.instruments.fell_back(MODELS[last_model].provider);
                provider::fallback_of(last_model)
            }
        };
        let spec = &MODELS[model];
        let output = if is_last {
            answer
        } else {
            (25.0 * self.random.spread(0.6)).ceil()
        };
        let cached = if calls_made > 0 {
            (prompt * CACHED_PART).floor()
        } else {
            0.0
        };
        let reasoning = if workload == Workload::Agent {
            (output * 0.3).floor()
        } else {
            0.0
        };
        let part = self.quota_part(spec.provider);
        let amounts = [1.0, prompt - cached + output];
        let allowed = self.quotas[spec.provider]
            .iter()
            .zip(amounts)
            .all(|(quota, amount)| quota.allows(amount, part, self.now_us));
        let in_flight = self.calls_in_flight[model];
        let mut plan = provider::plan_call(
            spec,
            prompt - cached,
            output,
            in_flight,
            self.slowness(spec.provider),
            &mut self.random,
        );
        if allowed {
            for (quota, amount) in self.quotas[spec.provider].iter_mut().zip(amounts) {
                quota.take(amount, part, self.now_us);
            }
        } else {
            plan.outcome = CallOutcome::RateLimited;
            plan.duration_s = 0.06 * self.random.spread(0.3);
            plan.first_token_s = 0.0;
        }
        self.calls_in_flight[model] += 1;
        if let Some(request) = self.requests[id as usize].as_mut() {
            request.model = model;
            request.call = CallReport {
                model,
                outcome: plan.outcome,
                duration_s: plan.duration_s,
                first_token_s: plan.first_token_s,
                token_s: plan.token_s,
                tokens: [prompt, output, cached, reasoning],
                trace_id,
                time_ms: 0,
            };
        }
        self.plan_seconds(plan.duration_s, Event::CallEnded { request: id });
    }

    fn call_ended(&mut self, id: u32) {
        let time_ms = self.time_ms();
        let Some(request) = self.requests[id as usize].as_mut() else {
            return;
        };
        request.call.time_ms = time_ms;
        let call = request.call;
        let provider = MODELS[call.model].provider;
        self.calls_in_flight[call.model] -= 1;
        self.instruments.call_ended(&call);
        self.health[provider].note(&call);
        if call.outcome != CallOutcome::Ok {
            request.attempt += 1;
            let attempt = request.attempt;
            if attempt >= ATTEMPTS_MAX {
                self.finish(id, RequestOutcome::Error);
                return;
            }
            self.instruments.retried(provider);
            let pause_s = 0.5 * f64::from(1u32 << attempt) * (0.5 + self.random.fraction());
            self.plan_seconds(pause_s, Event::CallAgain { request: id });
            return;
        }
        request.attempt = 0;
        request.calls_made += 1;
        if request.rounds_left == 0 {
            self.finish(id, RequestOutcome::Ok);
        } else {
            request.rounds_left -= 1;
            let workload = request.workload;
            self.begin_tool(id, workload);
        }
    }

    fn begin_tool(&mut self, id: u32, workload: Workload) {
        // Chances of search, database, code and browser, cumulative.
        let chances = match workload {
            Workload::Chat => [0.5, 0.9, 0.92, 1.0],
            Workload::Code => [0.15, 0.3, 0.95, 1.0],
            Workload::Agent => [0.25, 0.45, 0.65, 1.0],
        };
        let draw = self.random.fraction();
        let tool = chances
            .iter()
            .position(|chance| draw < *chance)
            .unwrap_or(0);
        let extra_failure = if TOOLS[tool].name == Fault::ToolFailing.target() {
            0.3 * self.fault_strength(Fault::ToolFailing)
        } else {
            0.0
        };
        let (outcome, seconds) = tool::plan_call(&TOOLS[tool], extra_failure, &mut self.random);
        self.tools_in_flight[tool] += 1;
        if let Some(request) = self.requests[id as usize].as_mut() {
            request.tool = tool;
            request.tool_outcome = outcome;
            request.tool_seconds = seconds;
        }
        self.plan_seconds(seconds, Event::ToolEnded { request: id });
    }

    fn tool_ended(&mut self, id: u32) {
        let time_ms = self.time_ms();
        let Some(request) = self.requests[id as usize].as_ref() else {
            return;
        };
        let (tool, outcome, seconds) = (request.tool, request.tool_outcome, request.tool_seconds);
        let (workload, trace_id) = (request.workload, request.trace_id);
        self.tools_in_flight[tool] -= 1;
        self.instruments
            .tool_ended(tool, outcome, seconds, trace_id, time_ms);
        // A model that reads of a failure mostly tries the tool again, or another one.
        let tries_again = outcome != ToolOutcome::Ok && self.random.chance(0.6);
        // Without an answer from its tool, one request in eight has nothing to say.
        let gives_up = outcome != ToolOutcome::Ok && self.random.chance(0.125);
        if gives_up {
            self.finish(id, RequestOutcome::Error);
        } else if tries_again {
            self.begin_tool(id, workload);
        } else {
            self.begin_call(id);
        }
    }

    /// Ends a request that has a worker.
    fn finish(&mut self, id: u32, outcome: RequestOutcome) {
        let Some(request) = self.requests[id as usize].as_ref() else {
            return;
        };
        let (workload, output) = (request.workload, request.output_tokens);
        let run_s = (self.now_us - request.started_us) as f64 / 1e6;
        self.instruments.ran(workload, run_s);
        if workload == Workload::Chat && outcome == RequestOutcome::Ok {
            self.send_messages(output);
        }
        self.end_request(id, outcome);
        self.pool.release(self.now_us);
        self.serve();
    }

    fn end_request(&mut self, id: u32, outcome: RequestOutcome) {
        let time_ms = self.time_ms();
        let Some(request) = self.requests[id as usize].take() else {
            return;
        };
        self.free.push(id);
        let duration_s = (self.now_us - request.arrived_us) as f64 / 1e6;
        self.instruments.request_ended(
            request.workload,
            outcome,
            duration_s,
            request.trace_id,
            time_ms,
        );
    }

    fn scale(&mut self) {
        self.plan(pool::SCALE_EVERY_US, Event::Scale);
        let waiting = self.waiting.iter().map(VecDeque::len).sum();
        let events = self.instruments.single.scale_events;
        match self.pool.scale(waiting, self.now_us) {
            Scaling::Up(count) => {
                self.instruments.recorder.add(events[0], 1.0);
                for _ in 0..count {
                    let delay_us = (pool::START_US as f64 * self.random.spread(0.15)) as u64;
                    self.plan(delay_us, Event::WorkerStarted);
                }
            }
            Scaling::Down(_) => self.instruments.recorder.add(events[1], 1.0),
            Scaling::Keep => {}
        }
    }

    /// A message of a person: of a new session, or of one that is open.
    fn receive_message(&mut self, input_tokens: f64) {
        if self.connections == 0 || self.random.chance(0.12) {
            self.connections += 1;
            self.instruments
                .recorder
                .add(self.instruments.single.connections_opened, 1.0);
            let seconds = 210.0 * self.random.spread(0.9);
            self.plan_seconds(
                seconds,
                Event::SessionEnded {
                    opened_us: self.now_us,
                },
            );
            for (method, median_s) in [
                (McpMethod::Initialize, 0.012),
                (McpMethod::ListTools, 0.004),
            ] {
                let seconds = median_s * self.random.spread(0.5);
                self.instruments.mcp(method, seconds);
            }
        }
        let single = &self.instruments.single;
        let (messages, bytes) = (single.messages[0], single.message_bytes[0]);
        self.instruments.recorder.add(messages, 1.0);
        // Four bytes for a token; the last message is about a tenth of the whole context.
        self.instruments
            .recorder
            .add(bytes, 60.0 + (input_tokens * 0.4).floor());
    }

    /// The answer goes out in pieces of eight tokens.
    fn send_messages(&mut self, output_tokens: f64) {
        let single = &self.instruments.single;
        let (messages, bytes) = (single.messages[1], single.message_bytes[1]);
        let count = (output_tokens / 8.0).ceil() + 1.0;
        self.instruments.recorder.add(messages, count);
        self.instruments
            .recorder
            .add(bytes, output_tokens * 4.0 + count * 40.0);
    }

    fn end_session(&mut self, opened_us: u64) {
        self.connections -= 1;
        let draw = self.random.fraction();
        let code = usize::from(draw > 0.86) + usize::from(draw > 0.97);
        self.instruments
            .recorder
            .add(self.instruments.single.closes[code], 1.0);
        self.instruments
            .session_ended((self.now_us - opened_us) as f64 / 1e6);
    }

    /// Each session is pinged every 30 s, a third of them each time.
    fn ping(&mut self) {
        self.plan(PING_EVERY_US, Event::Ping);
        for _ in 0..self.connections.div_ceil(3) {
            let seconds = 0.0015 * self.random.spread(0.8);
            self.instruments.mcp(McpMethod::Ping, seconds);
        }
    }

    fn slowness(&self, provider: usize) -> f64 {
        if PROVIDERS[provider] == Fault::ProviderSlow.target() {
            1.0 + 3.0 * self.fault_strength(Fault::ProviderSlow)
        } else {
            1.0
        }
    }

    /// The part of a provider's quota that is there.
    fn quota_part(&self, provider: usize) -> f64 {
        if PROVIDERS[provider] == Fault::QuotaExhausted.target() {
            1.0 - (1.0 - QUOTA_LEFT) * self.fault_strength(Fault::QuotaExhausted)
        } else {
            1.0
        }
    }

    /// Sets the gauges, and the counters that follow from others, to the present.
    fn show(&mut self) {
        for workload in Workload::ALL {
            let queue = &self.waiting[workload as usize];
            let oldest_us = queue
                .front()
                .and_then(|id| self.requests[*id as usize].as_ref())
                .map_or(0, |request| self.now_us - request.arrived_us);
            self.instruments
                .set_queue(workload, queue.len(), oldest_us as f64 / 1e6);
        }
        for provider in 0..PROVIDERS.len() {
            for kind in 0..2 {
                let values = self.quota(provider, kind);
                self.instruments.set_quota(provider, kind, values);
            }
            self.instruments
                .set_healthy(provider, self.health[provider].is_good());
        }
        for (model, count) in self.calls_in_flight.iter().enumerate() {
            self.instruments.set_calls_in_flight(model, *count);
        }
        for (tool, count) in self.tools_in_flight.iter().enumerate() {
            self.instruments.set_tools_in_flight(tool, *count);
        }
        let strengths = Fault::ALL.map(|fault| self.fault_strength(fault));
        let elapsed_s = self.now_us as f64 / 1e6;
        let in_flight = self.requests.len() - self.free.len();
        let tokens = self.instruments.tokens();
        let (busy_s, alive_s) = self.pool.seconds(self.now_us);
        let single = self.instruments.single.clone();
        let r = &mut self.instruments.recorder;
        for (cell, strength) in single.faults.iter().zip(strengths) {
            r.set(*cell, strength);
        }
        let pool = &self.pool;
        for (cell, count) in single
            .workers
            .iter()
            .zip([pool.idle, pool.busy, pool.starting])
        {
            r.set(*cell, f64::from(count));
        }
        // Caches and logs grow until somebody cleans them up; where nobody does, the disk fills.
        let filled = faults::progress(self.seed, Fault::DiskFilling, self.now_us);
        for (cell, (folder, least)) in single.disk_used.iter().zip(DISK_FOLDERS) {
            let grown = match folder {
                "cache" => elapsed_s.rem_euclid(21_600.0) * 3.1e5,
                "logs" => elapsed_s.rem_euclid(86_400.0) * 4e4,
                _ if folder == Fault::DiskFilling.target() => DISK_FILLED_BYTES * filled,
                _ => 0.0,
            };
            r.set(*cell, (least + grown).round());
        }
        r.set(single.disk_size, DISK_BYTES);
        r.set(single.workers_desired, f64::from(pool.desired));
        r.set(single.workers_min, f64::from(pool::WORKERS_MIN));
        r.set(single.workers_max, f64::from(pool::WORKERS_MAX));
        r.set(
            single.utilisation,
            f64::from(pool.busy) / f64::from(pool.size()),
        );
        r.set(single.worker_seconds[0], busy_s);
        r.set(single.worker_seconds[1], alive_s);
        r.set(single.queue_capacity, QUEUE_CAPACITY as f64);
        r.set(single.requests_in_flight, in_flight as f64);
        r.set(single.connections, self.connections as f64);
        // A daemon of this kind: some milliseconds for a request, microseconds for a token.
        let cpu_s = elapsed_s * 0.02 + self.request_count as f64 * 0.011 + tokens * 1.5e-6;
        r.set(single.cpu_seconds, cpu_s);
        // A cache fills over five hours and is then emptied.
        let cache_bytes = elapsed_s.rem_euclid(18_000.0) * 9_000.0;
        let resident_bytes =
            88e6 + cache_bytes + in_flight as f64 * 1.4e6 + self.connections as f64 * 0.35e6;
        r.set(single.resident_bytes, resident_bytes.round());
        r.set(single.start_time, self.start_ms as f64 / 1e3);
        r.set(
            single.open_files,
            28.0 + self.connections as f64 + 2.0 * in_flight as f64,
        );
    }
}

impl Health {
    fn note(&mut self, call: &CallReport) {
        // A call weighs 3 %: some 30 calls, which are seconds by day and a minute by night.
        const WEIGHT: f64 = 0.03;
        let failed = f64::from(u8::from(call.outcome != CallOutcome::Ok));
        self.error_ratio += WEIGHT * (failed - self.error_ratio);
        if call.outcome == CallOutcome::Ok {
            let slowness = call.token_s / MODELS[call.model].usual_token_seconds();
            self.slowness += WEIGHT * (slowness - self.slowness);
        }
    }

    /// Whether a person would call the provider healthy.
    pub(crate) fn is_good(&self) -> bool {
        self.error_ratio < 0.1 && self.slowness < 2.0
    }
}

#[cfg(test)]
mod tests;
