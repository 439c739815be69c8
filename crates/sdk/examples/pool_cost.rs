//! What a job costs beside the job: 1,000,000 jobs of some 10 µs on bare threads, through a pool, through
//! tasks behind a semaphore of tokio, and through tasks that borrow a worker from a pool of `deadpool`.
//!
//! `cargo run --release -p bellwether-sdk --example pool_cost [-- ROUNDS]`
//!
//! A job is a fixed amount of arithmetic, not a time by the clock: what interrupts it is then not taken
//! for work. Bare threads, as many as the runtime has, do the same jobs with nothing between; what the
//! others need more of CPU time is what they cost.
#![expect(clippy::print_stdout, reason = "a command line tool talks")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use bellwether_sdk::pool::{Failure, Pool, PoolSettings, Priority};
use bellwether_sdk::{SERIES_MAX_DEFAULT, Telemetry};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const JOBS: u64 = 1_000_000;
const JOB_NS: u64 = 10_000;
const WORKERS: usize = 4;
const THREADS: u64 = 2;

type Answer = Result<(), Box<dyn std::error::Error>>;

/// Does so many steps of a generator of numbers, each of which needs the one before.
fn work(number: u64, steps: u64) -> u64 {
    let mut state = number;
    for _ in 0..steps {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
    }
    std::hint::black_box(state);
    number
}

/// How many steps take 10 µs: those of the fastest of some tries.
fn steps_of_a_job() -> u64 {
    const STEPS: u64 = 1_000_000;
    let try_once = || {
        let begun = Instant::now();
        work(std::hint::black_box(1), STEPS);
        begun.elapsed().as_nanos() as u64
    };
    let fastest = (0..50).map(|_| try_once()).min();
    STEPS * JOB_NS / fastest.unwrap_or(1).max(1)
}

/// The same jobs with nothing between them; gives their CPU time.
fn on_threads(steps: u64) -> f64 {
    let began = (Instant::now(), cpu_seconds());
    let one = |first: u64| {
        (first..JOBS)
            .step_by(THREADS as usize)
            .map(|it| work(it, steps))
            .sum::<u64>()
    };
    let sum = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|first| scope.spawn(move || one(first)))
            .collect();
        let sums = threads.into_iter().map(|it| it.join().unwrap_or(0));
        sums.sum::<u64>()
    });
    report("bare threads", began, sum, None)
}

/// CPU time of the process so far, from `/proc/self/stat`, whose ticks are hundredths of a second.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let mut fields = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace();
    let user = fields.nth(11).and_then(|it| it.parse::<f64>().ok());
    let system = fields.next().and_then(|it| it.parse::<f64>().ok());
    (user.unwrap_or(0.0) + system.unwrap_or(0.0)) / 100.0
}

fn report(name: &str, began: (Instant, f64), sum: u64, bare: Option<f64>) -> f64 {
    assert_eq!(sum, JOBS * (JOBS - 1) / 2, "every job once");
    let (wall, cpu) = (began.0.elapsed().as_secs_f64(), cpu_seconds() - began.1);
    let beside = bare.map_or(String::new(), |bare| {
        let beside = (cpu - bare) / JOBS as f64 * 1e6;
        format!(", {beside:5.2} µs beside each job")
    });
    println!("{name:28} {wall:6.2} s, {cpu:6.2} CPU s{beside}");
    cpu
}

async fn through_semaphore(steps: u64, bare: f64) -> Answer {
    let began = (Instant::now(), cpu_seconds());
    let semaphore = Arc::new(Semaphore::new(WORKERS));
    let (mut tasks, mut sum) = (JoinSet::new(), 0);
    for number in 0..JOBS {
        let permit = Arc::clone(&semaphore).acquire_owned().await?;
        tasks.spawn(async move {
            let number = work(number, steps);
            drop(permit);
            number
        });
        while let Some(done) = tasks.try_join_next() {
            sum += done?;
        }
    }
    while let Some(done) = tasks.join_next().await {
        sum += done?;
    }
    report("tokio semaphore and tasks", began, sum, Some(bare));
    Ok(())
}

async fn through_deadpool(steps: u64, bare: f64) -> Answer {
    let began = (Instant::now(), cpu_seconds());
    let workers = deadpool::unmanaged::Pool::from((0..WORKERS).collect::<Vec<usize>>());
    let (mut tasks, mut sum) = (JoinSet::new(), 0);
    for number in 0..JOBS {
        let worker = workers.get().await?;
        tasks.spawn(async move {
            let number = work(number, steps);
            drop(worker);
            number
        });
        while let Some(done) = tasks.try_join_next() {
            sum += done?;
        }
    }
    while let Some(done) = tasks.join_next().await {
        sum += done?;
    }
    report("deadpool and tasks", began, sum, Some(bare));
    Ok(())
}

async fn through_pool(name: &str, telemetry: &Telemetry, steps: u64, bare: f64) -> Answer {
    let began = (Instant::now(), cpu_seconds());
    let settings = PoolSettings {
        workers: WORKERS,
        ..PoolSettings::new("cost")
    };
    let pool = Pool::start(settings, telemetry, move |number: Arc<u64>| async move {
        Ok::<u64, Failure>(work(*number, steps))
    })?;
    let (mut handles, mut sum) = (VecDeque::new(), 0);
    for number in 0..JOBS {
        handles.push_back(pool.submit(number, Priority::Normal).await?);
        if handles.len() > 2_000 {
            for handle in handles.drain(..1_000) {
                sum += handle.await?;
            }
        }
    }
    for handle in handles {
        sum += handle.await?;
    }
    report(name, began, sum, Some(bare));
    Ok(())
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Answer {
    let rounds = std::env::args().nth(1).map_or(Ok(3), |it| it.parse())?;
    let steps = steps_of_a_job();
    println!("a job: {steps} steps, 10 µs on a quiet core");
    for round in 1..=rounds {
        println!("round {round}");
        let bare = on_threads(steps);
        through_semaphore(steps, bare).await?;
        through_deadpool(steps, bare).await?;
        through_pool("pool, telemetry off", &Telemetry::off(), steps, bare).await?;
        let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
        through_pool("pool, telemetry on", &telemetry, steps, bare).await?;
    }
    Ok(())
}
