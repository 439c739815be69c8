//! A simulated daemon like the demo's: requests wait for a worker, and call providers, tools and a
//! database while they hold one. A growth can be staged in each part.
//!
//! The provider slows down as much is asked of it at once; its answers differ in length by a factor
//! of three; load has a wave, wanders and bursts; kinds of requests change their shares; the pool
//! is scaled late, or not at all. So there are consequences and coincidences beside the cause.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::random::Random;

pub(crate) const STEP_S: f64 = 60.0;
pub(crate) const STAGES: [&str; 4] = ["queue", "provider", "tool", "database"];

/// What is staged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Staged {
    /// More requests, by a factor.
    Load(f64),
    /// A part of the workers is left.
    Workers(f64),
    /// Handing a request to a worker takes so many seconds longer.
    Handing(f64),
    Provider(f64),
    /// Calls take longer by a factor.
    Tool(f64),
    /// So many more calls a request.
    ToolCalls(f64),
    Database(f64),
}

impl Staged {
    pub(crate) fn stage(self) -> usize {
        match self {
            Self::Load(_) | Self::Workers(_) | Self::Handing(_) => 0,
            Self::Provider(_) => 1,
            Self::Tool(_) | Self::ToolCalls(_) => 2,
            Self::Database(_) => 3,
        }
    }
}

/// The daemon and its surroundings, drawn for each path.
#[derive(Debug, Clone)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    /// Requests a second.
    rate: f64,
    /// Depth and period of the wave of load, and how much it wanders.
    wave: (f64, f64),
    wander: f64,
    provider_s: f64,
    tool_s: f64,
    database_s: f64,
    congestion: f64,
    /// Busy part of the pool that is aimed at; a fixed pool has what that takes on average.
    busy: f64,
    scaled: bool,
}

impl Setting {
    pub(crate) fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed);
        Self {
            seed,
            rate: random.between(1.5, 5.0),
            wave: (random.between(0.0, 0.3), random.between(3600.0, 20_000.0)),
            wander: random.between(0.0, 0.15),
            provider_s: random.between(1.5, 4.0),
            tool_s: random.between(0.4, 1.5),
            database_s: random.between(0.02, 0.08),
            congestion: random.between(0.0, 0.5),
            busy: random.between(0.5, 0.8),
            scaled: random.fraction() < 0.5,
        }
    }

    /// Calls of the provider, of tools and of the database a request, on average.
    fn calls(&self) -> [f64; 3] {
        [1.8, 0.8, 3.0]
    }

    /// About how long a request holds a worker.
    pub(crate) fn work_s(&self) -> f64 {
        let [provider, tool, database] = self.calls();
        provider * self.provider_s * 1.15
            + tool * self.tool_s * 1.15
            + database * self.database_s * 1.3
    }

    /// A growth of a stage that adds about `part` of a request's work.
    pub(crate) fn staged(&self, what: usize, part: f64) -> Staged {
        let [provider, tool, database] = self.calls();
        let added = part * self.work_s();
        match what {
            0 => Staged::Load(1.0 + 0.5 * part + 0.6 / self.busy * 0.8),
            1 => Staged::Workers((self.busy * (0.95 - 0.25 * part)).min(0.7)),
            2 => Staged::Handing(added),
            3 => Staged::Provider(1.0 + added / (provider * self.provider_s * 1.15)),
            4 => Staged::Tool(1.0 + added / (tool * self.tool_s * 1.15)),
            5 => Staged::ToolCalls(added / (self.tool_s * 1.15)),
            _ => Staged::Database(1.0 + added / (database * self.database_s * 1.3)),
        }
    }
}

/// What was measured in each step.
#[derive(Debug, Clone, Default)]
pub(crate) struct Measured {
    pub(crate) arrivals: Vec<f64>,
    pub(crate) ended: Vec<f64>,
    pub(crate) whole: Vec<f64>,
    pub(crate) workers: Vec<f64>,
    /// Sums of seconds and numbers of calls, by stage.
    pub(crate) seconds: [Vec<f64>; 4],
    pub(crate) calls: [Vec<f64>; 4],
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Arrive,
    Ended(usize),
    Scale,
}

#[derive(Debug, Clone)]
struct Request {
    arrived: f64,
    /// Stages that are still to come, the next one last.
    todo: Vec<usize>,
    begun: f64,
    stage: usize,
}

/// Runs a path of `steps`; what is staged sets in at `from` and is at its height three steps later.
pub(crate) fn simulate(
    setting: &Setting,
    staged: &[Staged],
    from: usize,
    steps: usize,
) -> Measured {
    let mut random = Random::new(setting.seed ^ 0xabcd);
    let mut measured = Measured {
        arrivals: vec![0.0; steps],
        ended: vec![0.0; steps],
        whole: vec![0.0; steps],
        workers: vec![0.0; steps],
        seconds: std::array::from_fn(|_| vec![0.0; steps]),
        calls: std::array::from_fn(|_| vec![0.0; steps]),
    };
    let usual_workers = setting.rate * setting.work_s() / setting.busy;
    let mut workers = usual_workers.ceil();
    let (mut busy, mut provider_calls) = (0.0, 0.0);
    let capacity = 1.5 * setting.rate * setting.calls()[0] * setting.provider_s;
    let (mut wander, mut offered) = (0.0, setting.rate * setting.work_s());
    let mut waiting: VecDeque<usize> = VecDeque::new();
    let mut requests: Vec<Request> = Vec::new();
    let mut events: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
    let mut kinds: Vec<Event> = Vec::new();
    let plan = |events: &mut BinaryHeap<Reverse<(u64, usize)>>,
                kinds: &mut Vec<Event>,
                at: f64,
                event: Event| {
        kinds.push(event);
        events.push(Reverse(((at * 1e6) as u64, kinds.len() - 1)));
    };
    plan(&mut events, &mut kinds, 0.0, Event::Arrive);
    plan(&mut events, &mut kinds, 5.0, Event::Scale);
    while let Some(Reverse((at, number))) = events.pop() {
        let now = at as f64 / 1e6;
        let step = (now / STEP_S) as usize;
        if step >= steps {
            break;
        }
        // How much of what is staged is there.
        let height = ((now / STEP_S - from as f64) / 3.0).clamp(0.0, 1.0);
        let (mut load, mut left, mut handing) = (1.0, 1.0, 0.0);
        let (mut factors, mut more_tools) = ([1.0; 4], 0.0);
        for part in staged {
            match part {
                Staged::Load(factor) => load += (factor - 1.0) * height,
                Staged::Workers(part) => left -= (1.0 - part) * height,
                Staged::Handing(seconds) => handing += seconds * height,
                Staged::ToolCalls(calls) => more_tools += calls * height,
                Staged::Provider(factor) | Staged::Tool(factor) | Staged::Database(factor) => {
                    factors[part.stage()] += (factor - 1.0) * height;
                }
            }
        }
        match kinds[number] {
            Event::Arrive => {
                measured.arrivals[step] += 1.0;
                let mut todo = vec![1];
                let rounds = random.poisson(0.8);
                for _ in 0..rounds as usize {
                    todo.extend([3, 2, 1]);
                }
                // A tool that is asked again and again before the provider is told of it.
                todo.extend(vec![2; random.poisson(more_tools) as usize]);
                todo.extend([3, 3]);
                requests.push(Request {
                    arrived: now,
                    todo,
                    begun: 0.0,
                    stage: 0,
                });
                waiting.push_back(requests.len() - 1);
                let wave =
                    1.0 + setting.wave.0 * (std::f64::consts::TAU * now / setting.wave.1).sin();
                let rate = setting.rate * load * wave * f64::exp(wander);
                plan(
                    &mut events,
                    &mut kinds,
                    now + random.exponential() / rate,
                    Event::Arrive,
                );
            }
            Event::Ended(id) => {
                let request = &mut requests[id];
                let stage = request.stage;
                measured.seconds[stage][step] += now - request.begun;
                measured.calls[stage][step] += 1.0;
                if stage == 1 {
                    provider_calls -= 1.0;
                }
                if request.todo.is_empty() {
                    measured.ended[step] += 1.0;
                    measured.whole[step] += now - request.arrived;
                    busy -= 1.0;
                } else {
                    begin(
                        setting,
                        &mut requests[id],
                        now,
                        &factors,
                        &mut provider_calls,
                        capacity,
                        &mut random,
                        &mut events,
                        &mut kinds,
                        id,
                    );
                }
            }
            Event::Scale => {
                wander = 0.99 * wander + 0.14 * setting.wander * random.normal();
                let is = busy + waiting.len() as f64;
                offered += 0.05 * (is - offered);
                if setting.scaled {
                    workers = (offered / setting.busy)
                        .clamp(0.5 * usual_workers, 2.0 * usual_workers)
                        .ceil();
                }
                plan(&mut events, &mut kinds, now + 5.0, Event::Scale);
            }
        }
        let there = (workers * left).ceil().max(1.0);
        while busy < there {
            let Some(id) = waiting.pop_front() else { break };
            busy += 1.0;
            // A request that nobody waits for any longer is gone.
            if now - requests[id].arrived > 120.0 {
                busy -= 1.0;
                continue;
            }
            let handed = now + handing * random.spread(0.3);
            measured.seconds[0][step] += handed - requests[id].arrived;
            measured.calls[0][step] += 1.0;
            begin(
                setting,
                &mut requests[id],
                handed,
                &factors,
                &mut provider_calls,
                capacity,
                &mut random,
                &mut events,
                &mut kinds,
                id,
            );
        }
        measured.workers[step] = there;
    }
    measured
}

#[expect(clippy::too_many_arguments, reason = "one place of a simulation")]
fn begin(
    setting: &Setting,
    request: &mut Request,
    now: f64,
    factors: &[f64; 4],
    provider_calls: &mut f64,
    capacity: f64,
    random: &mut Random,
    events: &mut BinaryHeap<Reverse<(u64, usize)>>,
    kinds: &mut Vec<Event>,
    id: usize,
) {
    let Some(stage) = request.todo.pop() else {
        return;
    };
    let seconds = match stage {
        1 => {
            let load = *provider_calls / capacity;
            *provider_calls += 1.0;
            setting.provider_s * random.spread(0.55) * (1.0 + setting.congestion * load * load)
        }
        2 => setting.tool_s * random.spread(0.55),
        _ => setting.database_s * random.spread(0.7),
    };
    request.stage = stage;
    request.begun = now;
    kinds.push(Event::Ended(id));
    events.push(Reverse((
        ((now + seconds * factors[stage]) * 1e6) as u64,
        kinds.len() - 1,
    )));
}
