//! The past of the daemon: requests arrive, wait, are served by workers with calls to models and tools.
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
//! As the live daemon: see [`crate::pool`].

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use bellwether_sdk::health::{HealthState, Outcome};
use bellwether_sdk::pool::scale::ScaleError;

use crate::faults::{Fault, Schedule};
use crate::instruments::{CallReport, Instruments, McpMethod, RequestOutcome};
use crate::machine;
use crate::pool::{self, Pool, QUEUE_CAPACITY};
use crate::provider::{self, CallOutcome, MODELS, PROVIDERS, ProviderHealth, QUOTAS, Quota};
use crate::random::{Random, mix};
use crate::recorder::Recorder;
use crate::staging::{Growing, Staged};
use crate::tool::{self, TOOLS, ToolHealth, ToolOutcome};
use crate::workload::{self, Replay, Workload, busyness};

const PING_EVERY_US: u64 = 10_000_000;

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

/// The simulated daemon at one time.
#[derive(Debug, Clone)]
pub(crate) struct Simulation {
    seed: u64,
    faults: Schedule,
    staged: Vec<Staged>,
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
    health: [ProviderHealth; 2],
    tool_health: [ToolHealth; TOOLS.len()],
    calls_in_flight: [u32; MODELS.len()],
    tools_in_flight: [u32; TOOLS.len()],
    connections: u64,
    request_count: u64,
    pub(crate) instruments: Instruments,
}

impl Simulation {
    /// A daemon that starts at `start_ms` (Unix time) with nothing in its queue.
    ///
    /// # Errors
    /// Where the pool's policy makes no sense.
    pub(crate) fn new(seed: u64, start_ms: i64) -> Result<Self, ScaleError> {
        let quotas = QUOTAS.map(|quotas| quotas.map(Quota::new));
        let replays = Workload::ALL
            .map(|workload| Replay::new(workload, mix(seed ^ 0x7ace ^ workload as u64)))
            .to_vec();
        let mut simulation = Self {
            seed,
            faults: Schedule::planned(seed),
            staged: Vec::new(),
            start_ms,
            now_us: 0,
            random: Random::new(seed),
            events: BinaryHeap::new(),
            event_count: 0,
            replays,
            requests: Vec::new(),
            free: Vec::new(),
            waiting: Default::default(),
            pool: Pool::new()?,
            quotas,
            health: [ProviderHealth::default(); 2],
            tool_health: [ToolHealth::default(); TOOLS.len()],
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
        Ok(simulation)
    }

    /// From now on only faults that are staged come.
    pub(crate) fn drop_plan(&mut self) {
        self.faults.drop_plan();
    }

    /// Lets something happen at a time to come.
    pub(crate) fn stage(&mut self, staged: Staged) {
        match staged.what {
            Growing::Fault(fault) => {
                let since_ms = |time_ms: i64| (time_ms - self.start_ms).max(0).unsigned_abs();
                let begin_us = since_ms(staged.begin_ms) * 1_000;
                let length_us = (since_ms(staged.end_ms) * 1_000).saturating_sub(begin_us);
                self.faults.stage(fault, begin_us, length_us);
            }
            _ => self.staged.push(staged),
        }
    }

    /// By which factor something has grown by what is staged.
    fn grown(&self, what: Growing) -> f64 {
        let now_ms = self.time_ms();
        let of_it = self.staged.iter().filter(|it| it.what == what);
        of_it.map(|it| it.factor_at(now_ms)).product()
    }

    /// Where it stands, Unix time in milliseconds.
    pub(crate) fn now_ms(&self) -> i64 {
        self.start_ms + (self.now_us / 1_000) as i64
    }

    /// Lets happen what happens until `time_ms`, that instant included. A time before the present
    /// one changes nothing: time does not run backwards.
    pub(crate) fn advance_to(&mut self, time_ms: i64) {
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

    pub(crate) fn recorder(&self) -> &Recorder {
        &self.instruments.recorder
    }

    /// Limit, remaining and seconds to reset; `kind` 0 is requests, 1 tokens.
    fn quota(&self, provider: usize, kind: usize) -> [f64; 3] {
        let part = self.quota_part(provider);
        let quota = &self.quotas[provider][kind];
        [
            quota.limit(part),
            quota.remaining(part, self.now_us),
            quota.reset_seconds(part, self.now_us),
        ]
    }

    fn fault_strength(&self, fault: Fault) -> f64 {
        self.faults.strength(fault, self.now_us)
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
            Event::Scale => self.scale(),
            Event::Ping => self.ping(),
            Event::SessionEnded { opened_us } => self.end_session(opened_us),
        }
    }

    fn plan_arrival(&mut self, workload: Workload) {
        let burst = workload::burst(self.fault_strength(Fault::QueueBurst));
        let busyness = busyness(self.time_ms()) * self.grown(Growing::Load);
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
        let rounds_left = workload.draw_rounds(&mut self.random);
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
        self.pool.arrived();
        self.instruments.taken();
        self.serve();
    }

    /// Gives idle workers to waiting requests, the most important first.
    fn serve(&mut self) {
        while self.pool.busy < self.pool.workers {
            let Some(id) = self.waiting.iter_mut().find_map(VecDeque::pop_front) else {
                return;
            };
            let now_us = self.now_us;
            let Some(request) = self.requests[id as usize].as_mut() else {
                continue;
            };
            let waited_us = now_us - request.arrived_us;
            if waited_us > pool::PATIENCE_US {
                self.end_request(id, RequestOutcome::Abandoned);
                continue;
            }
            request.started_us = now_us;
            let workload = request.workload;
            self.pool.take();
            self.instruments.waited(workload, waited_us as f64 / 1e6);
            self.begin_call(id);
        }
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
            0 => provider::choose_model(workload, is_last, &mut self.random),
            _ => provider::model_again(attempt, last_model),
        };
        if attempt > 0 {
            let failed = MODELS[last_model].provider;
            self.instruments.retried(failed);
            if provider::is_fallback(last_model, model) {
                self.instruments.fell_back(failed);
            }
        }
        let spec = &MODELS[model];
        let output = if is_last {
            answer
        } else {
            (25.0 * self.random.spread(0.6)).ceil()
        };
        let tokens = provider::call_tokens(workload, prompt, output, calls_made == 0);
        let cached = tokens[2];
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
        let is_down = self.is_down(spec.provider);
        if is_down || !allowed {
            let outcome = match is_down {
                true => CallOutcome::Overloaded,
                false => CallOutcome::RateLimited,
            };
            plan = provider::refuse(outcome, spec, &mut self.random);
        } else {
            for (quota, amount) in self.quotas[spec.provider].iter_mut().zip(amounts) {
                quota.take(amount, part, self.now_us);
            }
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
                tokens,
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
        self.health[provider].note(&MODELS[call.model], call.outcome, call.token_s);
        if call.outcome != CallOutcome::Ok {
            request.attempt += 1;
            let attempt = request.attempt;
            if attempt >= provider::ATTEMPTS_MAX {
                self.finish(id, RequestOutcome::Error);
                return;
            }
            let pause_s = provider::pause_s(attempt, &mut self.random);
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
        let tool = tool::choose(workload, &mut self.random);
        let strength = |fault| self.fault_strength(fault);
        let extra_failure = tool::extra_failure(&TOOLS[tool], strength);
        let slowness = self.grown(Growing::Tool(tool)) * tool::slowness(&TOOLS[tool], strength);
        let (outcome, seconds) =
            tool::plan_call(&TOOLS[tool], extra_failure, slowness, &mut self.random);
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
        self.tool_health[tool].note(outcome == ToolOutcome::Ok);
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
        let run_us = self.now_us - request.started_us;
        self.instruments.ran(run_us as f64 / 1e6);
        if workload == Workload::Chat && outcome == RequestOutcome::Ok {
            self.send_messages(output);
        }
        self.end_request(id, outcome);
        self.pool.release(run_us);
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
        let before = self.pool.target;
        let there = f64::from(pool::WORKERS_MAX) / self.grown(Growing::FewerWorkers);
        let decision = self.pool.scale(waiting, there as u32, self.now_us);
        let r = &mut self.instruments.recorder;
        self.instruments.pool.decided(r, decision.reason.name());
        let [up, down] = self.instruments.pool.scale_events;
        match self.pool.target.cmp(&before) {
            std::cmp::Ordering::Greater => r.add(up, 1.0),
            std::cmp::Ordering::Less => r.add(down, 1.0),
            std::cmp::Ordering::Equal => {}
        }
        self.serve();
    }

    /// A message of a person: of a new session, or of one that is open.
    fn receive_message(&mut self, input_tokens: f64) {
        if self.connections == 0 || self.random.chance(0.12) {
            self.connections += 1;
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
        let cell = self.instruments.single.sessions[workload::close_code(&mut self.random)];
        let open_s = (self.now_us - opened_us) as f64 / 1e6;
        self.instruments.recorder.observe(cell, open_s, 0, 0);
    }

    /// Each session is pinged every 30 s, a third of them each time.
    fn ping(&mut self) {
        self.plan(PING_EVERY_US, Event::Ping);
        for _ in 0..self.connections.div_ceil(3) {
            let seconds = 0.0015 * self.random.spread(0.8);
            self.instruments.mcp(McpMethod::Ping, seconds);
            let cell = self.instruments.single.round_trip;
            self.instruments
                .recorder
                .observe(cell, seconds + 0.02, 0, 0);
        }
    }

    fn slowness(&self, provider: usize) -> f64 {
        let faults = provider::slowness(provider, |fault| self.fault_strength(fault));
        faults * self.grown(Growing::Provider(provider))
    }

    fn quota_part(&self, provider: usize) -> f64 {
        provider::quota_part(provider, |fault| self.fault_strength(fault))
    }

    fn is_down(&self, provider: usize) -> bool {
        let is_active = |fault| self.faults.active(fault, self.now_us).is_some();
        provider::is_down(provider, is_active)
    }

    /// Sets the gauges, and the counters that follow from others, to the present.
    fn show(&mut self) {
        let elapsed_s = self.now_us as f64 / 1e6;
        let in_flight = (self.requests.len() - self.free.len()) as f64;
        let connections = self.connections as f64;
        let tokens = self.instruments.tokens();
        let cpu_s = elapsed_s * machine::CPU_PER_SECOND
            + self.request_count as f64 * machine::CPU_PER_REQUEST
            + tokens * machine::CPU_PER_TOKEN;
        let strengths = Fault::ALL.map(|fault| self.fault_strength(fault));
        for provider in 0..PROVIDERS.len() {
            for kind in 0..2 {
                let values = self.quota(provider, kind);
                self.instruments.set_quota(provider, kind, values);
            }
        }
        for (model, count) in self.calls_in_flight.iter().enumerate() {
            self.instruments.set_calls_in_flight(model, *count);
        }
        for (tool, count) in self.tools_in_flight.iter().enumerate() {
            self.instruments.set_tools_in_flight(tool, *count);
        }
        let filled = self.faults.progress(Fault::DiskFilling, self.now_us);
        let disk_used = machine::disk_used(elapsed_s, filled);
        let single = &self.instruments.single;
        let r = &mut self.instruments.recorder;
        for (cell, strength) in single.faults.iter().zip(strengths) {
            r.set(*cell, strength);
        }
        for (cell, bytes) in single.disk_used.iter().zip(disk_used) {
            r.set(*cell, bytes);
        }
        r.set(single.disk_size, machine::DISK_BYTES);
        r.set(single.requests_in_flight, in_flight);
        r.set(single.connections, connections);
        r.set(single.cpu_seconds, cpu_s);
        let resident_bytes = machine::resident_bytes(elapsed_s, in_flight, connections);
        r.set(single.resident_bytes, resident_bytes);
        r.set(single.start_time, self.start_ms as f64 / 1e3);
        r.set(
            single.open_files,
            machine::open_files(in_flight, connections),
        );
        self.show_pool();
        self.show_health(machine::disk_verdict(disk_used));
    }

    fn show_pool(&mut self) {
        let waiting: usize = self.waiting.iter().map(VecDeque::len).sum();
        let oldest_s = self.oldest_wait_us() as f64 / 1e6;
        let cells = &self.instruments.pool;
        let r = &mut self.instruments.recorder;
        r.set(cells.workers, f64::from(self.pool.workers));
        r.set(cells.target, f64::from(self.pool.target));
        r.set(cells.running, f64::from(self.pool.busy));
        r.set(cells.waiting, waiting as f64);
        r.set(self.instruments.single.queue_oldest, oldest_s);
    }

    /// How long the request that waits longest has waited.
    fn oldest_wait_us(&self) -> u64 {
        let first = self.waiting.iter().filter_map(VecDeque::front);
        let arrived = first.filter_map(|id| Some(self.requests[*id as usize].as_ref()?.arrived_us));
        arrived.min().map_or(0, |arrived| self.now_us - arrived)
    }

    /// What the live daemon's health checks would say.
    fn show_health(&mut self, disk: Outcome) {
        let state = |outcome: Outcome| outcome.into_parts().0;
        let providers = self.health.map(|it| state(it.verdict()));
        let tools = self.tool_health.map(|it| state(it.verdict()));
        let answers = state(provider::answers_verdict(providers));
        let queue = match self.oldest_wait_us() > pool::QUEUE_PATIENCE_US {
            true => HealthState::Down,
            false => HealthState::Up,
        };
        let disk = state(disk);
        let others = providers.iter().chain(&tools).chain([&queue, &disk]);
        let overall = match others.copied().all(|it| it == HealthState::Up) {
            _ if answers == HealthState::Down => HealthState::Down,
            true => HealthState::Up,
            false => HealthState::Degraded,
        };
        let instruments = &mut self.instruments;
        for (provider, state) in providers.into_iter().enumerate() {
            instruments.set_provider_health(provider, state);
        }
        for (tool, state) in tools.into_iter().enumerate() {
            instruments.set_tool_health(tool, state);
        }
        instruments.set_health(|it| it.answers_health, answers);
        instruments.set_health(|it| it.queue_health, queue);
        instruments.set_health(|it| it.disk_health, disk);
        instruments.set_health(|it| it.health, overall);
    }
}

#[cfg(test)]
mod tests;
