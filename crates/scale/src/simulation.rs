//! A pool of workers behind one queue, in simulated time: what a policy would have done to a trace.
//!
//! ## Model
//! Requests wait in one first-in, first-out queue. A worker has a number of slots and takes the next
//! request whenever one is free; the emptiest worker is filled last. A worker is paid for from the
//! decision that made it, and works from `startup_seconds` later. A worker that is taken away
//! finishes what it has, takes nothing new, and is paid for until its last request ends. The policy is
//! asked every `interval_seconds` and sees the past only.
//!
//! ## Invariants
//! - No clock and no randomness: equal requests and an equal policy give an equal [`Outcome`], bit for
//!   bit. Events of one moment are taken in the order arrival, end of a request, decision, worker ready.
//! - Every request is served once; the run ends when the last one is done, or later where it is told to.
//! - Workers do not fail, and a worker with eight requests is as fast as one with one.
//!
//! ## Limits
//! Time is seconds as `f64`: a trace of two days is exact to a nanosecond.
//!
//! ## See also
//! ADR 0006; `examples/autoscale`, which replays traces of real services and compares policies.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use crate::signals::{Measured, Signals};

/// One request of a trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// When it comes, in seconds from the start of the trace.
    pub arrival_seconds: f64,
    /// How long it holds a slot.
    pub service_seconds: f64,
}

/// What the requests run on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pool {
    /// Requests that a worker serves at a time.
    pub slots_per_worker: u32,
    /// From the decision to the first request of a new worker.
    pub startup_seconds: f64,
    /// Distance of decisions.
    pub interval_seconds: f64,
    /// A request that waits longer than this violates the objective.
    pub wait_objective_seconds: f64,
    /// Workers that are ready when the trace begins.
    pub workers_start: u32,
    /// What the observed mean service time is before there was a request.
    pub service_seconds_start: f64,
}

/// What a policy sees at a decision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Seconds since the start of the trace.
    pub now_seconds: f64,
    /// The worker count last decided.
    pub target: u32,
    /// Workers that have started and are not being taken away.
    pub ready: u32,
    /// Slots in use, those of workers that are being taken away too.
    pub busy: u32,
    /// Requests that wait.
    pub waiting: u32,
    /// Seconds of service that arrived in a second, mean since the last decision: the slots that
    /// would be busy if nothing ever waited.
    pub offered: f64,
    /// Service time of the requests that came, exponentially weighted, a hundredth for each.
    pub service_seconds: f64,
}

impl Observation {
    /// The same as signals for a [`Scaler`](crate::Scaler), measured at their time.
    pub fn signals(&self, pool: &Pool) -> Signals {
        let time_ms = milliseconds(self.now_seconds);
        let measured = |value| {
            Some(Measured {
                value,
                at_ms: time_ms,
            })
        };
        Signals {
            startup_ms: milliseconds(pool.startup_seconds),
            busy: measured(f64::from(self.busy)),
            waiting: measured(f64::from(self.waiting)),
            offered: measured(self.offered),
            service_seconds: measured(self.service_seconds),
            ..Signals::at(time_ms, self.target, self.ready, pool.slots_per_worker)
        }
    }
}

fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

/// What a run cost and how it served.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Requests served.
    pub request_count: usize,
    /// Requests that waited longer than the objective.
    pub late_count: usize,
    /// Seconds in which a request was waiting that had waited longer than the objective.
    pub violated_seconds: usize,
    /// Seconds of workers paid for.
    pub worker_seconds: f64,
    /// Seconds of workers that would do if each were full all the time.
    pub ideal_seconds: f64,
    /// Decisions that changed the worker count.
    pub change_count: u32,
    /// Changes that went against the one before, ten minutes or less after it.
    pub thrash_count: u32,
    /// The largest worker count decided.
    pub workers_peak: u32,
    /// How long each request waited, ascending.
    pub waits_seconds: Vec<f64>,
}

impl Outcome {
    /// The wait that a share of `quantile` (0 to below 1) of the requests did not exceed; 0 where
    /// there was none.
    pub fn wait_quantile(&self, quantile: f64) -> f64 {
        let index = (self.waits_seconds.len() as f64 * quantile) as usize;
        self.waits_seconds.get(index).copied().unwrap_or(0.0)
    }
}

/// A change against the last one within this time is thrash.
const THRASH_SECONDS: f64 = 600.0;

/// Runs the requests, which are in the order of their arrival, on the pool; `decide` answers how
/// many workers there shall be.
pub fn run(
    requests: &[Request],
    pool: &Pool,
    decide: &mut dyn FnMut(&Observation) -> u32,
) -> Outcome {
    run_until(requests, pool, 0.0, decide)
}

/// The same, and on until `end_seconds` where nothing comes any more.
pub fn run_until(
    requests: &[Request],
    pool: &Pool,
    end_seconds: f64,
    decide: &mut dyn FnMut(&Observation) -> u32,
) -> Outcome {
    let mut run = Run::new(requests, pool);
    run.end = end_seconds;
    run.go(decide);
    run.now = run.now.max(end_seconds);
    run.outcome()
}

/// Kinds of events, in the order in which those of one moment happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Done,
    Decide,
    Ready,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    at: f64,
    kind: Kind,
    worker: u32,
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at.total_cmp(&other.at))
            .then_with(|| self.kind.cmp(&other.kind))
            .then_with(|| self.worker.cmp(&other.worker))
    }
}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Event {}

#[derive(Debug)]
struct Worker {
    born_at: f64,
    ready_at: f64,
    busy: u32,
    is_draining: bool,
}

struct Run<'a> {
    requests: &'a [Request],
    pool: &'a Pool,
    now: f64,
    /// Until when decisions are made at the least.
    end: f64,
    events: BinaryHeap<Reverse<Event>>,
    workers: BTreeMap<u32, Worker>,
    next_worker: u32,
    /// Workers that may have a free slot, by what they had in use when they were put here. An entry
    /// that is no longer true is dropped when it is met.
    free: BinaryHeap<Reverse<(u32, u32)>>,
    /// Requests that have come, and of those the ones that have begun.
    arrived: usize,
    begun: usize,
    busy: u32,
    target: u32,
    offered: f64,
    service_mean: f64,
    last_change: Option<(Ordering, f64)>,
    violated: Vec<bool>,
    outcome: Outcome,
}

impl<'a> Run<'a> {
    fn new(requests: &'a [Request], pool: &'a Pool) -> Self {
        let mut run = Self {
            requests,
            pool,
            now: 0.0,
            end: 0.0,
            events: BinaryHeap::new(),
            workers: BTreeMap::new(),
            next_worker: 0,
            free: BinaryHeap::new(),
            arrived: 0,
            begun: 0,
            busy: 0,
            target: pool.workers_start,
            offered: 0.0,
            service_mean: pool.service_seconds_start,
            last_change: None,
            violated: Vec::new(),
            outcome: Outcome {
                request_count: 0,
                late_count: 0,
                violated_seconds: 0,
                worker_seconds: 0.0,
                ideal_seconds: 0.0,
                change_count: 0,
                thrash_count: 0,
                workers_peak: pool.workers_start,
                waits_seconds: Vec::with_capacity(requests.len()),
            },
        };
        for _ in 0..pool.workers_start {
            let id = run.add_worker(0.0);
            run.free.push(Reverse((0, id)));
        }
        run.schedule(pool.interval_seconds, Kind::Decide, 0);
        run
    }

    fn schedule(&mut self, at: f64, kind: Kind, worker: u32) {
        self.events.push(Reverse(Event { at, kind, worker }));
    }

    fn add_worker(&mut self, ready_at: f64) -> u32 {
        let id = self.next_worker;
        self.next_worker += 1;
        self.workers.insert(
            id,
            Worker {
                born_at: self.now,
                ready_at,
                busy: 0,
                is_draining: false,
            },
        );
        id
    }

    fn go(&mut self, decide: &mut dyn FnMut(&Observation) -> u32) {
        loop {
            if let Some(request) = self.requests.get(self.arrived)
                && (self.events.peek()).is_none_or(|next| request.arrival_seconds <= next.0.at)
            {
                self.arrive(*request);
                continue;
            }
            let Some(Reverse(event)) = self.events.pop() else {
                break;
            };
            self.now = event.at;
            match event.kind {
                Kind::Done => self.done(event.worker),
                Kind::Ready => self.ready(event.worker),
                Kind::Decide => self.decide(decide),
            }
            let is_over = (self.events.peek()).is_none_or(|next| next.0.at > self.end);
            if is_over && self.arrived == self.requests.len() && self.is_idle() {
                break;
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.begun == self.arrived && self.busy == 0
    }

    fn arrive(&mut self, request: Request) {
        self.now = request.arrival_seconds;
        self.arrived += 1;
        self.offered += request.service_seconds;
        self.outcome.ideal_seconds += request.service_seconds;
        self.service_mean += 0.01 * (request.service_seconds - self.service_mean);
        self.dispatch();
    }

    fn done(&mut self, id: u32) {
        self.busy -= 1;
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.busy -= 1;
            if !worker.is_draining {
                self.free.push(Reverse((worker.busy, id)));
            } else if worker.busy == 0 {
                self.outcome.worker_seconds += self.now - worker.born_at;
                self.workers.remove(&id);
            }
        }
        self.dispatch();
    }

    fn ready(&mut self, id: u32) {
        if (self.workers.get(&id)).is_some_and(|worker| !worker.is_draining) {
            self.free.push(Reverse((0, id)));
            self.dispatch();
        }
    }

    /// Gives waiting requests to free slots.
    fn dispatch(&mut self) {
        while self.begun < self.arrived {
            let Some(id) = self.take_free() else { return };
            let Some(worker) = self.workers.get_mut(&id) else {
                continue;
            };
            let request = self.requests[self.begun];
            self.begun += 1;
            worker.busy += 1;
            self.busy += 1;
            if worker.busy < self.pool.slots_per_worker {
                self.free.push(Reverse((worker.busy, id)));
            }
            self.schedule(self.now + request.service_seconds, Kind::Done, id);
            self.note_wait(request.arrival_seconds);
        }
    }

    /// Takes the emptiest worker that has a free slot from the heap.
    fn take_free(&mut self) -> Option<u32> {
        while let Some(Reverse((busy, id))) = self.free.pop() {
            let is_true = self.workers.get(&id).is_some_and(|worker| {
                !worker.is_draining
                    && worker.busy == busy
                    && busy < self.pool.slots_per_worker
                    && worker.ready_at <= self.now
            });
            if is_true {
                return Some(id);
            }
        }
        None
    }

    fn note_wait(&mut self, arrival: f64) {
        let wait = self.now - arrival;
        self.outcome.waits_seconds.push(wait);
        if wait > self.pool.wait_objective_seconds {
            self.outcome.late_count += 1;
            let from = (arrival + self.pool.wait_objective_seconds) as usize;
            let to = self.now as usize;
            if self.violated.len() <= to {
                self.violated.resize(to + 1, false);
            }
            self.violated[from..=to].fill(true);
        }
    }

    fn decide(&mut self, decide: &mut dyn FnMut(&Observation) -> u32) {
        let ready = (self.workers.values())
            .filter(|worker| !worker.is_draining && worker.ready_at <= self.now)
            .count();
        let target = decide(&Observation {
            now_seconds: self.now,
            target: self.target,
            ready: ready as u32,
            busy: self.busy,
            waiting: (self.arrived - self.begun) as u32,
            offered: self.offered / self.pool.interval_seconds,
            service_seconds: self.service_mean,
        });
        self.offered = 0.0;
        self.change_to(target);
        let next = self.now + self.pool.interval_seconds;
        if self.arrived < self.requests.len() || !self.is_idle() || next <= self.end {
            self.schedule(next, Kind::Decide, 0);
        }
    }

    fn change_to(&mut self, target: u32) {
        let direction = target.cmp(&self.target);
        if direction == Ordering::Equal {
            return;
        }
        self.outcome.change_count += 1;
        if let Some((last, at)) = self.last_change
            && last != direction
            && self.now - at <= THRASH_SECONDS
        {
            self.outcome.thrash_count += 1;
        }
        self.last_change = Some((direction, self.now));
        if direction == Ordering::Greater {
            for _ in self.target..target {
                let ready_at = self.now + self.pool.startup_seconds;
                let id = self.add_worker(ready_at);
                self.schedule(ready_at, Kind::Ready, id);
            }
        } else {
            self.remove_workers((self.target - target) as usize);
        }
        self.target = target;
        self.outcome.workers_peak = self.outcome.workers_peak.max(target);
    }

    /// Takes workers away: those that are still starting first, then the emptiest, then the youngest.
    fn remove_workers(&mut self, count: usize) {
        let now = self.now;
        let mut order: Vec<_> = (self.workers.iter())
            .filter(|(_, worker)| !worker.is_draining)
            .map(|(id, worker)| (worker.ready_at <= now, worker.busy, worker.born_at, *id))
            .collect();
        order.sort_by(|a, b| {
            (a.0, a.1)
                .cmp(&(b.0, b.1))
                .then_with(|| b.2.total_cmp(&a.2))
        });
        for (_, busy, born_at, id) in order.into_iter().take(count) {
            if busy == 0 {
                self.outcome.worker_seconds += now - born_at;
                self.workers.remove(&id);
            } else if let Some(worker) = self.workers.get_mut(&id) {
                worker.is_draining = true;
            }
        }
    }

    fn outcome(mut self) -> Outcome {
        let rest: f64 =
            (self.workers.values()).fold(0.0, |sum, worker| sum + (self.now - worker.born_at));
        self.outcome.worker_seconds += rest;
        self.outcome.ideal_seconds /= f64::from(self.pool.slots_per_worker);
        self.outcome.request_count = self.outcome.waits_seconds.len();
        self.outcome.violated_seconds = self.violated.iter().filter(|&&is| is).count();
        self.outcome.waits_seconds.sort_by(f64::total_cmp);
        self.outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Pool {
        Pool {
            slots_per_worker: 2,
            startup_seconds: 10.0,
            interval_seconds: 5.0,
            wait_objective_seconds: 2.0,
            workers_start: 1,
            service_seconds_start: 1.0,
        }
    }

    fn burst(count: usize, at: f64, service_seconds: f64) -> Vec<Request> {
        vec![
            Request {
                arrival_seconds: at,
                service_seconds,
            };
            count
        ]
    }

    /// Six requests of 4 s for two slots: pairs begin at 0, 4 and 8 s.
    #[test]
    fn waits_and_seconds_of_violation_are_counted() {
        let outcome = run(&burst(6, 0.0, 4.0), &pool(), &mut |seen| seen.target);
        assert_eq!(outcome.waits_seconds, [0.0, 0.0, 4.0, 4.0, 8.0, 8.0]);
        assert_eq!(outcome.late_count, 4);
        // From 2 s, when the oldest has waited too long, until 8 s, when the last one begins.
        assert_eq!(outcome.violated_seconds, 7);
        assert_eq!(outcome.worker_seconds, 12.0);
        assert_eq!(outcome.ideal_seconds, 12.0);
        assert_eq!(outcome.wait_quantile(0.5), 4.0);
    }

    /// A worker decided at 5 s is paid from then and works from 15 s; one that is taken away at 25 s
    /// is paid until its request ends.
    #[test]
    fn workers_start_late_and_finish_what_they_have() {
        let mut requests = burst(4, 0.0, 20.0);
        requests.extend(burst(1, 24.0, 3.0));
        let mut seen = Vec::new();
        let outcome = run(&requests, &pool(), &mut |now| {
            seen.push((now.now_seconds, now.ready, now.busy, now.waiting));
            if now.now_seconds < 25.0 { 2 } else { 1 }
        });
        assert_eq!(
            seen,
            [
                (5.0, 1, 2, 2),
                (10.0, 1, 2, 2),
                (15.0, 2, 2, 2),
                (20.0, 2, 2, 0),
                (25.0, 2, 3, 0),
                (30.0, 1, 2, 0),
            ]
        );
        assert_eq!(outcome.waits_seconds, [0.0, 0.0, 0.0, 15.0, 15.0]);
        assert_eq!((outcome.change_count, outcome.thrash_count), (2, 1));
        assert_eq!(outcome.workers_peak, 2);
        // The first worker goes with its request at 27 s, the second one lasts from 5 s to 35 s.
        assert_eq!(outcome.worker_seconds, 27.0 + 30.0);
    }

    #[test]
    fn a_run_goes_on_to_its_end() {
        let mut times = Vec::new();
        let outcome = run_until(&burst(1, 1.0, 2.0), &pool(), 17.0, &mut |seen| {
            times.push(seen.now_seconds);
            seen.target
        });
        assert_eq!(times, [5.0, 10.0, 15.0]);
        assert_eq!(outcome.worker_seconds, 17.0);
    }

    #[test]
    fn nothing_to_do_costs_nothing() {
        let outcome = run(&[], &pool(), &mut |seen| seen.target);
        assert_eq!(outcome.request_count, 0);
        assert_eq!(outcome.wait_quantile(0.95), 0.0);
    }

    /// Counts of workers come a scrape, KEDA and the autoscaler later than requests do.
    #[test]
    fn counts_that_are_45_s_old_make_no_pool_swing() {
        let pool = Pool {
            slots_per_worker: 8,
            startup_seconds: 60.0,
            interval_seconds: 15.0,
            workers_start: 2,
            ..pool()
        };
        // Four a second of 3 s, and every twelve minutes six times as many for a minute.
        let mut requests = Vec::new();
        let mut at = 0.0;
        while at < 7_200.0 {
            requests.extend(burst(1, at, 3.0));
            at += if at % 720.0 < 60.0 { 1.0 / 24.0 } else { 0.25 };
        }
        let run_behind = |behind: usize| {
            let mut scaler = crate::Scaler::new(crate::Policy::predictive(1, 60)).expect("valid");
            let mut counts = vec![(2, 2); behind];
            let (mut last, mut taken_back) = (2, 0);
            let outcome = run(&requests, &pool, &mut |seen| {
                counts.push((seen.target, seen.ready));
                let (target, ready) = counts[counts.len() - 1 - behind];
                let old = Observation {
                    target,
                    ready,
                    ..*seen
                };
                let workers = scaler.decide(&old.signals(&pool)).workers;
                // Within the window there is no way down from what was wanted in it.
                taken_back += u32::from(workers < last && seen.now_seconds < 720.0);
                last = workers;
                workers
            });
            (outcome, taken_back)
        };
        let (fresh, _) = run_behind(0);
        let (old, taken_back) = run_behind(3);
        assert_eq!(taken_back, 0);
        assert_eq!(old.thrash_count, 0, "{} changes", old.change_count);
        let ratio = old.worker_seconds / fresh.worker_seconds;
        assert!((0.9..1.15).contains(&ratio), "{ratio}");
        assert!(old.violated_seconds <= fresh.violated_seconds + 60);
    }

    /// The default policy on a load that doubles: what it does must not change unseen.
    #[test]
    fn golden_run_of_the_predictive_policy() {
        let pool = Pool {
            slots_per_worker: 8,
            startup_seconds: 60.0,
            interval_seconds: 15.0,
            workers_start: 3,
            ..pool()
        };
        // Ten a second of 1 s, from the twentieth minute on twenty, for an hour.
        let requests: Vec<_> = (0..60_000)
            .map(|i| Request {
                arrival_seconds: if i < 12_000 {
                    f64::from(i) * 0.1
                } else {
                    1200.0 + f64::from(i - 12_000) * 0.05
                },
                service_seconds: 1.0 + f64::from(i % 7) * 0.1,
            })
            .collect();
        let policy = crate::Policy::predictive(1, 50);
        let mut scaler = crate::Scaler::new(policy).expect("the policy is valid");
        let mut changes = Vec::new();
        let outcome = run(&requests, &pool, &mut |seen| {
            let decision = scaler.decide(&seen.signals(&pool));
            if decision.is_change() {
                changes.push((seen.now_seconds, decision.workers, decision.reason.name()));
            }
            decision.workers
        });
        assert_eq!(
            changes,
            [
                (1215.0, 4, "rule"),
                (1230.0, 5, "rule"),
                (1260.0, 6, "rule"),
                (1410.0, 7, "rule"),
                (3525.0, 6, "rule"),
            ]
        );
        // The start-up, in which nothing can be done about twice the load at once.
        assert_eq!(outcome.violated_seconds, 63);
        assert_eq!(outcome.thrash_count, 0);
    }
}
