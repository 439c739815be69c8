//! The daemon without its network: the pool, and what becomes of those who wait for it.

use std::sync::Arc;
use std::time::Duration;

use bellwether_sdk::pool::{Autoscale, JobHandle, Pool, PoolSettings, Priority, Retries, WhenFull};
use bellwether_storage::Clock;
use parking_lot::Mutex;

use super::backends::Backends;
use super::request::{Request, work};
use super::sessions;
use crate::DemoError;
use crate::families::POOL;
use crate::faults::Fault;
use crate::instruments::RequestOutcome;
use crate::machine;
use crate::pool::{PATIENCE_US, QUEUE_CAPACITY, SCALE_EVERY_US, WORKERS_MAX, WORKERS_MIN, policy};
use crate::workload::Workload;

/// A running daemon without its network.
#[derive(Debug)]
pub(super) struct Service {
    backends: Arc<Backends>,
    pub(super) pool: Pool<Arc<Request>, ()>,
    seed: u64,
    /// Seconds of the daemon for which processor time was counted.
    counted_s: Mutex<f64>,
}

impl Service {
    /// Starts the pool. To be called in a runtime of tokio.
    pub(super) fn start(
        seed: u64,
        worker_count: u32,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, DemoError> {
        let backends = Arc::new(Backends::new(seed, clock));
        let settings = PoolSettings {
            workers: worker_count.clamp(WORKERS_MIN, WORKERS_MAX) as usize,
            workers_min: WORKERS_MIN as usize,
            workers_max: WORKERS_MAX as usize,
            queue_max: QUEUE_CAPACITY,
            when_full: WhenFull::Reject,
            // Calls are repeated one by one; a whole request is not.
            retries: Retries::none(),
            ..PoolSettings::new(POOL)
        };
        let handler = {
            let backends = Arc::clone(&backends);
            move |request: Arc<Arc<Request>>| work(Arc::clone(&backends), Arc::clone(&request))
        };
        let pool = Pool::start(settings, &backends.telemetry, handler)?;
        pool.autoscale(Autoscale {
            interval: Duration::from_micros(SCALE_EVERY_US),
            ..Autoscale::new(policy())
        })?;
        let service = Arc::new(Self {
            backends,
            pool,
            seed,
            counted_s: Mutex::new(0.0),
        });
        let weak = Arc::downgrade(&service);
        service.backends.telemetry.before_read(move || {
            if let Some(service) = weak.upgrade() {
                service.show();
            }
        });
        Ok(service)
    }

    pub(super) fn backends(&self) -> &Arc<Backends> {
        &self.backends
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Takes a request: input and output tokens.
    pub(super) fn take(self: &Arc<Self>, workload: Workload, tokens: [f64; 2]) {
        let backends = &self.backends;
        backends.own.cpu_seconds.add(machine::CPU_PER_REQUEST);
        let is_chat = workload == Workload::Chat;
        let session = is_chat.then(|| sessions::receive(backends, tokens[0]));
        let round_count = backends.draw(|random| workload.draw_rounds(random));
        let request = Arc::new(Request::new(workload, tokens, round_count, session));
        let priority = match workload {
            Workload::Chat => Priority::High,
            Workload::Code => Priority::Normal,
            Workload::Agent => Priority::Low,
        };
        match self.pool.try_submit(Arc::clone(&request), priority) {
            Ok(handle) => {
                let backends = Arc::clone(backends);
                tokio::spawn(async move {
                    let outcome = wait(&request, handle).await;
                    count(&backends, workload, outcome);
                });
            }
            // It comes back; there is nobody to give it to.
            Err(_) => count(backends, workload, RequestOutcome::Rejected),
        }
    }

    /// Sets the gauges to the present.
    fn show(&self) {
        let backends = &self.backends;
        let own = &backends.own;
        let status = self.pool.status();
        let in_flight = (status.running + status.waiting) as f64;
        let connections = backends.sessions.count() as f64;
        let elapsed_s = backends.elapsed_s();
        own.requests_in_flight.set(in_flight);
        own.queue_oldest.set(status.oldest_wait.as_secs_f64());
        for (gauge, fault) in own.faults.iter().zip(Fault::ALL) {
            gauge.set(backends.faults.strength(fault));
        }
        for (gauge, bytes) in own.disk_used.iter().zip(disk_used(backends)) {
            gauge.set(bytes);
        }
        let resident_bytes = machine::resident_bytes(elapsed_s, in_flight, connections);
        own.resident_bytes.set(resident_bytes);
        own.open_files
            .set(machine::open_files(in_flight, connections));
        let mut counted_s = self.counted_s.lock();
        let new_s = (elapsed_s - *counted_s).max(0.0);
        own.cpu_seconds.add(new_s * machine::CPU_PER_SECOND);
        *counted_s += new_s;
    }
}

/// Bytes of each folder of the simulated disk.
pub(super) fn disk_used(backends: &Backends) -> [f64; 4] {
    let filled = backends.faults.progress(Fault::DiskFilling);
    machine::disk_used(backends.elapsed_s(), filled)
}

/// Waits as long as whoever sent the request does.
async fn wait(request: &Request, mut handle: JobHandle<()>) -> RequestOutcome {
    let patience = tokio::time::sleep(Duration::from_micros(PATIENCE_US));
    let result = tokio::select! {
        result = &mut handle => result,
        () = patience => {
            if request.abandon() {
                // Dropped with the handle, the job is cancelled.
                return RequestOutcome::Abandoned;
            }
            handle.await
        }
    };
    match result {
        Ok(()) => RequestOutcome::Ok,
        Err(_) => RequestOutcome::Error,
    }
}

fn count(backends: &Backends, workload: Workload, outcome: RequestOutcome) {
    backends.own.requests[workload as usize][outcome as usize].increment();
}
