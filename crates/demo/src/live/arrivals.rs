//! Requests arrive, as the replayed traces have them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::service::Service;
use super::{sessions, until};
use crate::faults::Fault;
use crate::random::mix;
use crate::workload::{Replay, Workload, burst, busyness};

/// What is later than this was not missed by us: the machine slept. It does not arrive all at once then.
const LATE: Duration = Duration::from_secs(2);

/// Lets requests of all workloads arrive until the daemon is told to end.
pub(super) fn start(
    service: &Arc<Service>,
    stopped: &watch::Receiver<bool>,
) -> impl Iterator<Item = JoinHandle<()>> {
    let mut tasks = Vec::new();
    for workload in Workload::ALL {
        let (service, stopped) = (Arc::clone(service), stopped.clone());
        tasks.push(tokio::spawn(async move {
            tokio::select! {
                () = until(stopped) => {}
                () = arrive(&service, workload) => {}
            }
        }));
    }
    let (service, stopped) = (Arc::clone(service), stopped.clone());
    tasks.push(tokio::spawn(async move {
        tokio::select! {
            () = until(stopped) => {}
            () = sessions::tend(service.backends()) => {}
        }
    }));
    tasks.into_iter()
}

/// Lets the requests of a workload arrive, for ever.
async fn arrive(service: &Arc<Service>, workload: Workload) {
    let backends = service.backends();
    let place = mix(service.seed() ^ 0x11_7ace ^ workload as u64);
    let mut replay = Replay::new(workload, place);
    let mut at = Instant::now();
    loop {
        let burst = burst(backends.faults.strength(Fault::QueueBurst));
        let next = replay.next(busyness(backends.clock.now_ms()), burst);
        at += Duration::from_micros(next.gap_us);
        let now = Instant::now();
        if now > at + LATE {
            at = now;
        }
        sleep_until(at).await;
        let tokens = [next.input_tokens, next.output_tokens].map(f64::from);
        service.take(workload, tokens);
    }
}
