//! The policies of `testkit/autoscale/sim.py`, which ours are compared with.

use std::collections::{BTreeMap, VecDeque};

use bellwether_scale::simulation::{Observation, Pool, Request};

pub(crate) const WORKERS_MIN: u32 = 1;
pub(crate) const WORKERS_MAX: u32 = 200;

/// A policy under comparison.
pub(crate) type Policy = Box<dyn FnMut(&Observation) -> u32>;

fn bounded(workers: f64) -> u32 {
    (workers as u32).clamp(WORKERS_MIN, WORKERS_MAX)
}

/// Recommendations of the last `seconds`, of which the largest bounds the way down.
struct Stabilisation {
    seconds: f64,
    seen: VecDeque<(f64, u32)>,
}

impl Stabilisation {
    fn new() -> Self {
        Self {
            seconds: 300.0,
            seen: VecDeque::new(),
        }
    }

    fn max(&mut self, now: f64, recommended: u32) -> u32 {
        self.seen.push_back((now, recommended));
        self.seen.retain(|(at, _)| *at > now - self.seconds);
        self.seen
            .iter()
            .map(|(_, n)| *n)
            .max()
            .unwrap_or(recommended)
    }
}

/// What a rule of the Horizontal Pod Autoscaler looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signal {
    Utilisation,
    InFlight,
    Waiting,
    Total,
}

/// The Horizontal Pod Autoscaler, v2, with its defaults.
pub(crate) fn hpa(signal: Signal, goal: f64, pool: &Pool) -> Policy {
    const TOLERANCE: f64 = 0.1;
    let slots = f64::from(pool.slots_per_worker);
    let mut stabilisation = Stabilisation::new();
    Box::new(move |seen| {
        let ready = f64::from(seen.ready);
        let busy = f64::from(seen.busy);
        let waiting = f64::from(seen.waiting);
        let target = f64::from(seen.target);
        let value = match signal {
            Signal::Utilisation => busy / (ready * slots).max(1.0),
            Signal::InFlight => (busy + waiting) / ready.max(1.0),
            Signal::Waiting => waiting,
            Signal::Total => waiting + busy,
        };
        let wanted = match signal {
            Signal::Waiting | Signal::Total => {
                if (1.0 - value / (goal * target)).abs() <= TOLERANCE {
                    target
                } else {
                    (value / goal).ceil()
                }
            }
            Signal::Utilisation | Signal::InFlight => {
                let ratio = value / goal;
                if ready < target && ratio > 1.0 {
                    // Workers that are not ready count as idle; nothing happens where that reverses
                    // the direction or leads into the tolerance.
                    let corrected = value * ready / (goal * target);
                    if corrected <= 1.0 + TOLERANCE {
                        target
                    } else {
                        (corrected * target).ceil()
                    }
                } else if (1.0 - ratio).abs() <= TOLERANCE {
                    target
                } else {
                    (ready * ratio).ceil()
                }
            }
        };
        let wanted = bounded(wanted);
        let most = stabilisation.max(seen.now_seconds, wanted);
        if wanted > seen.target {
            wanted.min((seen.target * 2).max(seen.target + 4))
        } else {
            seen.target.min(most)
        }
    })
}

/// Level and trend of the offered load (Holt 1957), looked at when a new worker would be ready.
pub(crate) fn holt(pool: &Pool) -> Policy {
    let (alpha, beta, head_room) = (0.3, 0.05, 2.0);
    let interval = pool.interval_seconds;
    let slots = f64::from(pool.slots_per_worker);
    let ahead = 60.0 + 2.0 * interval;
    let mut level: Option<f64> = None;
    let mut trend = 0.0;
    let mut variance = 0.0;
    let mut stabilisation = Stabilisation::new();
    Box::new(move |seen| {
        let x = seen.offered;
        let last = level.unwrap_or(x);
        let error = x - (last + trend);
        variance = 0.95 * variance + 0.05 * error * error;
        let now = alpha * x + (1.0 - alpha) * (last + trend);
        level = Some(now);
        trend = beta * (now - last) + (1.0 - beta) * trend;
        let mut forecast = now + trend * ahead / interval + head_room * f64::sqrt(variance);
        forecast += f64::from(seen.waiting) * seen.service_seconds / 60.0;
        let wanted = bounded((forecast / slots).ceil());
        let most = stabilisation.max(seen.now_seconds, wanted);
        if wanted > seen.target {
            wanted
        } else {
            seen.target.min(most)
        }
    })
}

/// Knows the future: the offered load over what a new worker would see.
pub(crate) fn lookahead(requests: &[Request], pool: &Pool) -> Policy {
    let interval = pool.interval_seconds;
    let slots = f64::from(pool.slots_per_worker);
    let mut load: BTreeMap<i64, f64> = BTreeMap::new();
    for request in requests {
        *load
            .entry((request.arrival_seconds / interval).floor() as i64)
            .or_insert(0.0) += request.service_seconds / interval;
    }
    let need = move |from: i64, count: i64| {
        let at = |i: i64| load.get(&i).copied().unwrap_or(0.0);
        let most = (0..count)
            .map(|k| (at(from + k) + at(from + k + 1)) / 2.0)
            .fold(f64::MIN, f64::max);
        ((most + most.max(1.0).sqrt()) / slots).ceil()
    };
    Box::new(move |seen| {
        let from = (seen.now_seconds / interval).floor() as i64;
        let backlog = f64::from(seen.waiting) * seen.service_seconds / 60.0 / slots;
        let up = need(from, (105.0 / interval) as i64) + backlog.ceil();
        let down = need(from, (300.0 / interval) as i64);
        let target = f64::from(seen.target);
        bounded(if up > target {
            up
        } else {
            target.min(up.max(down))
        })
    })
}

pub(crate) fn fixed(workers: u32) -> Policy {
    Box::new(move |_| workers)
}

/// As many workers as the minute with the most offered load needs if they are full.
pub(crate) fn peak_workers(requests: &[Request], pool: &Pool) -> u32 {
    let mut load: BTreeMap<i64, f64> = BTreeMap::new();
    for request in requests {
        *load
            .entry((request.arrival_seconds / 60.0).floor() as i64)
            .or_insert(0.0) += request.service_seconds / 60.0;
    }
    let most = load.values().copied().fold(0.0, f64::max);
    (most / f64::from(pool.slots_per_worker)).ceil() as u32
}

/// Workers for the load of the first five minutes at 70 %.
pub(crate) fn workers_start(requests: &[Request], slots_per_worker: u32) -> u32 {
    let mut sum = 0.0;
    for request in requests.iter().filter(|r| r.arrival_seconds < 300.0) {
        sum += request.service_seconds;
    }
    let workers = (sum / 300.0 / 0.7 / f64::from(slots_per_worker)).ceil();
    (workers as u32).max(WORKERS_MIN)
}
