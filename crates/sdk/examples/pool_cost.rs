//! What a job costs beside the job: 1,000,000 jobs of 10 µs through a pool, through tasks behind a
//! semaphore of tokio, and through tasks that borrow a worker from a pool of `deadpool`.
//!
//! `cargo run --release -p bellwether-sdk --example pool_cost`
#![expect(clippy::print_stdout, reason = "a command line tool talks")]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellwether_sdk::pool::{Failure, Pool, PoolSettings, Priority};
use bellwether_sdk::{SERIES_MAX_DEFAULT, Telemetry};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

const JOBS: u64 = 1_000_000;
const JOB: Duration = Duration::from_micros(10);
const WORKERS: usize = 4;

type Answer = Result<(), Box<dyn std::error::Error>>;

/// Works for 10 µs.
fn work(number: u64) -> u64 {
    let begun = Instant::now();
    while begun.elapsed() < JOB {
        std::hint::spin_loop();
    }
    number
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

fn report(name: &str, began: (Instant, f64), sum: u64) {
    assert_eq!(sum, JOBS * (JOBS - 1) / 2, "every job once");
    let (wall, cpu) = (began.0.elapsed().as_secs_f64(), cpu_seconds() - began.1);
    let beside = (cpu - JOBS as f64 * JOB.as_secs_f64()) / JOBS as f64 * 1e6;
    println!("{name:28} {wall:6.2} s, {cpu:6.2} CPU s, {beside:5.2} µs beside each job");
}

async fn through_semaphore() -> Answer {
    let began = (Instant::now(), cpu_seconds());
    let semaphore = Arc::new(Semaphore::new(WORKERS));
    let (mut tasks, mut sum) = (JoinSet::new(), 0);
    for number in 0..JOBS {
        let permit = Arc::clone(&semaphore).acquire_owned().await?;
        tasks.spawn(async move {
            let number = work(number);
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
    report("tokio semaphore and tasks", began, sum);
    Ok(())
}

async fn through_deadpool() -> Answer {
    let began = (Instant::now(), cpu_seconds());
    let workers = deadpool::unmanaged::Pool::from((0..WORKERS).collect::<Vec<usize>>());
    let (mut tasks, mut sum) = (JoinSet::new(), 0);
    for number in 0..JOBS {
        let worker = workers.get().await?;
        tasks.spawn(async move {
            let number = work(number);
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
    report("deadpool and tasks", began, sum);
    Ok(())
}

async fn through_pool(name: &str, telemetry: &Telemetry) -> Answer {
    let began = (Instant::now(), cpu_seconds());
    let settings = PoolSettings {
        workers: WORKERS,
        ..PoolSettings::new("cost")
    };
    let pool = Pool::start(settings, telemetry, |number: Arc<u64>| async move {
        Ok::<u64, Failure>(work(*number))
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
    report(name, began, sum);
    Ok(())
}

#[tokio::main]
async fn main() -> Answer {
    for round in 1..=3 {
        println!("round {round}");
        through_semaphore().await?;
        through_deadpool().await?;
        through_pool("pool, telemetry off", &Telemetry::off()).await?;
        through_pool("pool, telemetry on", &Telemetry::new(SERIES_MAX_DEFAULT)).await?;
    }
    Ok(())
}
