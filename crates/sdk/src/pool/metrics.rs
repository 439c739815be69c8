//! A pool's own numbers.

use std::time::Duration;

use super::{JobError, Priority};
use crate::{
    Buckets, Counter, DURATION_BOUNDS_SECONDS, Family, FloatCounter, Gauge, Histogram, Telemetry,
};

#[derive(Debug)]
pub(super) struct Metrics {
    waits: [Histogram; 3],
    runs: Histogram,
    ended_well: Counter,
    ended: Family<Counter, 2>,
    taken: Counter,
    refused: Counter,
    retried: Counter,
    resized_up: Counter,
    resized_down: Counter,
    busy_seconds: FloatCounter,
    workers: Gauge,
    target: Gauge,
    running: Gauge,
    waiting: Gauge,
    decisions: Family<Counter, 2>,
    pool: Box<str>,
    telemetry: Telemetry,
}

impl Metrics {
    pub(super) fn new(telemetry: &Telemetry, pool: &str) -> Self {
        let buckets = Buckets::Both(&DURATION_BOUNDS_SECONDS);
        let waits = telemetry.histogram_family(
            "worker_pool_task_wait_seconds",
            "How long jobs waited for a worker.",
            ["pool", "priority"],
            buckets,
        );
        let runs = telemetry.histogram_family(
            "worker_pool_task_run_seconds",
            "How long attempts of jobs took.",
            ["pool"],
            buckets,
        );
        let ended = telemetry.counter_family(
            "worker_pool_tasks",
            "Jobs that have ended, by their result.",
            ["pool", "result"],
        );
        let scalings = telemetry.counter_family(
            "worker_pool_scale_events",
            "Times that the number of workers was changed.",
            ["pool", "direction"],
        );
        let count = |name, help| {
            telemetry
                .counter_family(name, help, ["pool"])
                .with([pool])
                .clone()
        };
        let gauge = |name, help| {
            telemetry
                .gauge_family(name, help, ["pool"])
                .with([pool])
                .clone()
        };
        Self {
            waits: Priority::ALL.map(|priority| waits.with([pool, priority.as_str()]).clone()),
            runs: runs.with([pool]).clone(),
            ended_well: ended.with([pool, "done"]).clone(),
            ended,
            taken: count("worker_pool_tasks_taken", "Jobs that the queue has taken."),
            refused: count(
                "worker_pool_tasks_refused",
                "Jobs for which the queue had no room.",
            ),
            retried: count("worker_pool_retries", "Further attempts of jobs."),
            resized_up: scalings.with([pool, "up"]).clone(),
            resized_down: scalings.with([pool, "down"]).clone(),
            busy_seconds: telemetry
                .float_counter_family(
                    "worker_pool_busy_seconds",
                    "Time that workers were busy: its rate is how many are.",
                    ["pool"],
                )
                .with([pool])
                .clone(),
            workers: gauge("worker_pool_workers", "Workers that there are."),
            target: gauge(
                "worker_pool_workers_target",
                "Workers that there should be.",
            ),
            running: gauge("worker_pool_tasks_running", "Jobs that run."),
            waiting: gauge("worker_pool_tasks_waiting", "Jobs that wait."),
            decisions: telemetry.counter_family(
                "worker_pool_decisions",
                "Decisions on the number of workers, by what settled them.",
                ["pool", "reason"],
            ),
            pool: pool.into(),
            telemetry: telemetry.clone(),
        }
    }

    pub(super) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    pub(super) fn decided(&self, reason: &str) {
        self.decisions.with([&self.pool, reason]).increment();
    }

    pub(super) fn began(&self, priority: Priority, waited: Duration) {
        self.waits[priority as usize].observe_duration(waited);
    }

    pub(super) fn ran(&self, time: Duration) {
        self.runs.observe_duration(time);
        self.busy_seconds.add(time.as_secs_f64());
    }

    pub(super) fn ended(&self, error: Option<&JobError>) {
        match error {
            None => self.ended_well.increment(),
            Some(error) => self.ended.with([&self.pool, error.label()]).increment(),
        }
    }

    pub(super) fn taken(&self) {
        self.taken.increment();
    }

    pub(super) fn refused(&self) {
        self.refused.increment();
    }

    pub(super) fn retried(&self) {
        self.retried.increment();
    }

    pub(super) fn resized(&self, before: usize, target: usize) {
        match target.cmp(&before) {
            std::cmp::Ordering::Greater => self.resized_up.increment(),
            std::cmp::Ordering::Less => self.resized_down.increment(),
            std::cmp::Ordering::Equal => {}
        }
    }

    /// Shows that there is nothing any more.
    pub(super) fn show_nothing(&self) {
        for gauge in [&self.workers, &self.target, &self.running, &self.waiting] {
            gauge.set(0.0);
        }
    }

    pub(super) fn show(&self, status: &super::PoolStatus) {
        self.workers.set(status.workers as f64);
        self.target.set(status.target as f64);
        self.running.set(status.running as f64);
        self.waiting.set(status.waiting as f64);
    }
}
