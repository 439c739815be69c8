//! The task of a probe.
//!
//! ## Invariants
//! Each check runs in a task of its own: what it does to that task (panics, hangs, blocks its thread)
//! is all it can do. The next check begins when the one before has ended, however that was.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use bellwether_health::one_line;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, sleep_until, timeout};

use super::Outcome;
use super::core::Core;
use super::schedule::nearest_step;

/// A check that runs, and is aborted where nobody waits for it any more.
struct Check(JoinHandle<Outcome>);

impl Drop for Check {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Looks until it is aborted.
pub(super) async fn look_for_ever(core: Arc<Core>, index: usize) {
    let Some(entry) = core.entries.get(index) else {
        return;
    };
    let started = core.started;
    sleep_until(started + nearest_step(entry.schedule.first())).await;
    for number in 1.. {
        let begun = Instant::now();
        let probe = Arc::clone(&entry.probe);
        let mut check = Check(tokio::spawn(async move { probe.check().await }));
        match timeout(entry.settings.timeout, &mut check.0).await {
            Ok(ended) => core.record(index, outcome_of(ended), begun.elapsed()),
            Err(_) => {
                check.0.abort();
                let patience = entry.settings.timeout.as_secs_f64();
                let outcome = Outcome::Down(format!("no answer within {patience} s"));
                core.record(index, outcome, begun.elapsed());
                wait_for_end(&core, index, &mut check, begun).await;
            }
        }
        let due = begun - started + entry.schedule.after(number);
        sleep_until(started + nearest_step(due)).await;
    }
}

/// Waits for a check that was aborted. That is soon, unless it holds its thread; then it counts as
/// another failure each interval. What it finds at last came too late to be believed.
async fn wait_for_end(core: &Core, index: usize, check: &mut Check, begun: Instant) {
    let interval = core.entries.get(index).map(|it| it.schedule.interval());
    let interval = interval.unwrap_or(Duration::MAX);
    while timeout(interval, &mut check.0).await.is_err() {
        let took = begun.elapsed();
        let seconds = took.as_secs_f64();
        let reason = format!("a check does not end for {seconds:.1} s: it blocks its thread");
        core.record(index, Outcome::Down(reason), took);
    }
}

fn outcome_of(ended: Result<Outcome, JoinError>) -> Outcome {
    match ended.map_err(JoinError::try_into_panic) {
        Ok(outcome) => outcome,
        Err(Ok(panic)) => {
            let words = one_line(words_of(panic.as_ref()).to_owned());
            Outcome::Down(format!("the check panicked: {words}"))
        }
        Err(Err(_cancelled)) => Outcome::down("the runtime ends"),
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or_default()
}
