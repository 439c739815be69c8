//! The runner with receivers that answer as told.

use std::collections::VecDeque;

use bellwether_model::{Alert, Labels};
use bellwether_storage::{
    ManualClock, MemoryStateStore, MemoryTimeline, StateChange, StateEntries, TimelineQuery,
};
use tokio::sync::{mpsc, oneshot};

use super::*;
use crate::testing::prompt_plan;

/// What a receiver does with an attempt.
#[derive(Debug)]
enum Act {
    Answer(Result<String, AttemptError>),
    Panic,
    /// Answers when it is let go.
    Wait(oneshot::Receiver<()>),
}

/// Acts as told, in order, then takes everything; says what it was asked for.
#[derive(Debug)]
struct Receiver {
    acts: Mutex<VecDeque<Act>>,
    asked: mpsc::UnboundedSender<String>,
}

impl Deliver for Receiver {
    fn attempt(&self, delivery: Arc<Delivery>) -> BoxFuture<Result<String, AttemptError>> {
        let act = self.acts.lock().pop_front();
        let hosts: Vec<&str> = delivery
            .alerts
            .iter()
            .map(|alert| alert.labels.get("host").unwrap_or(""))
            .collect();
        drop(self.asked.send(hosts.join(" ")));
        Box::pin(async move {
            match act {
                None => Ok("200".to_owned()),
                Some(Act::Answer(answer)) => answer,
                Some(Act::Panic) => panic!("on purpose"),
                Some(Act::Wait(gate)) => {
                    // Nobody lets it go: it waits for ever.
                    if gate.await.is_err() {
                        std::future::pending::<()>().await;
                    }
                    Ok("late".to_owned())
                }
            }
        })
    }
}

/// Fails for so many calls.
#[derive(Debug, Default)]
struct Flaky {
    inner: MemoryStateStore,
    failures: Mutex<u32>,
}

impl StateStore for Flaky {
    fn entries(&self, area: &str) -> Result<StateEntries, StorageError> {
        self.inner.entries(area)
    }

    fn change(&self, area: &str, changes: &[StateChange]) -> Result<(), StorageError> {
        let mut failures = self.failures.lock();
        if *failures > 0 {
            *failures -= 1;
            return Err(StorageError::Unavailable("full".to_owned()));
        }
        self.inner.change(area, changes)
    }
}

struct Bench {
    runner: Runner,
    clock: Arc<ManualClock>,
    timeline: Arc<MemoryTimeline>,
    state: Arc<Flaky>,
    asked: mpsc::UnboundedReceiver<String>,
}

fn bench(acts: Vec<Act>) -> Bench {
    let (sender, asked) = mpsc::unbounded_channel();
    let clock = Arc::new(ManualClock::new(1_000));
    let timeline = Arc::new(MemoryTimeline::default());
    let state = Arc::new(Flaky::default());
    let runner = Runner::new(RunnerParts {
        machine: Machine::new(Arc::new(prompt_plan()), 1),
        state: Arc::clone(&state) as _,
        timeline: Arc::clone(&timeline) as _,
        clock: Arc::clone(&clock) as _,
        deliver: Arc::new(Receiver {
            acts: Mutex::new(acts.into()),
            asked: sender,
        }),
    });
    Bench {
        runner,
        clock,
        timeline,
        state,
        asked,
    }
}

fn alert(host: &str) -> Alert {
    Alert {
        labels: Labels::from_pairs([("alertname", "A"), ("host", host)]),
        annotations: Labels::empty(),
        starts_ms: 1_000,
        ends_ms: None,
        times_out: false,
        updated_ms: 1_000,
        generator_url: String::new(),
    }
}

fn refused(retry: bool) -> Act {
    Act::Answer(Err(AttemptError {
        text: "503 busy".to_owned(),
        retry,
    }))
}

impl Bench {
    /// What the timeline says, oldest first.
    fn told(&self) -> Vec<&'static str> {
        let rows = self.timeline.query(&TimelineQuery::default()).unwrap();
        rows.iter().rev().map(|row| row.kind.as_str()).collect()
    }

    /// Waits, in paused time, until the timeline ends with a word.
    async fn until(&self, word: &str) {
        while self.told().last() != Some(&word) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_sent_and_remembered() {
    let mut bench = bench(Vec::new());
    let runner = bench.runner.clone();
    let running = tokio::spawn(async move { runner.run().await });
    bench
        .runner
        .with(|machine, now| machine.receive([alert("a")], now))
        .unwrap();
    assert_eq!(bench.asked.recv().await.unwrap(), "a");
    bench.until("notified").await;
    assert_eq!(bench.told(), ["firing", "notifying", "notified"]);
    assert_eq!(bench.state.entries("notify.log").unwrap().len(), 1);
    bench.runner.stop();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_busy_receiver_is_tried_again_and_a_refusal_is_not() {
    let mut bench = bench(vec![refused(true), refused(true)]);
    let runner = bench.runner.clone();
    let running = tokio::spawn(async move { runner.run().await });
    bench
        .runner
        .with(|machine, now| machine.receive([alert("a")], now))
        .unwrap();
    for _ in 0..3 {
        assert_eq!(bench.asked.recv().await.unwrap(), "a");
    }
    bench.until("notified").await;
    assert_eq!(
        bench.told(),
        [
            "firing",
            "notifying",
            "notify_failed",
            "notify_failed",
            "notified"
        ]
    );
    bench.runner.stop();
    running.await.unwrap();

    let mut bench = self::bench(vec![refused(false)]);
    let runner = bench.runner.clone();
    let running = tokio::spawn(async move { runner.run().await });
    bench
        .runner
        .with(|machine, now| machine.receive([alert("a")], now))
        .unwrap();
    assert_eq!(bench.asked.recv().await.unwrap(), "a");
    bench.until("notify_failed").await;
    // It is due again an interval later.
    bench.clock.set(61_000);
    bench.runner.with(|_, _| ()).unwrap();
    assert_eq!(bench.asked.recv().await.unwrap(), "a");
    bench.until("notified").await;
    bench.runner.stop();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_and_a_silent_receiver_are_failures_and_hold_up_no_later_turn() {
    let (_open, gate) = oneshot::channel();
    for act in [Act::Panic, Act::Wait(gate)] {
        let mut bench = bench(vec![act]);
        let runner = bench.runner.clone();
        let running = tokio::spawn(async move { runner.run().await });
        bench
            .runner
            .with(|machine, now| machine.receive([alert("a")], now))
            .unwrap();
        assert_eq!(bench.asked.recv().await.unwrap(), "a");
        bench.until("notify_failed").await;
        bench.clock.set(61_000);
        bench.runner.with(|_, _| ()).unwrap();
        assert_eq!(bench.asked.recv().await.unwrap(), "a");
        bench.until("notified").await;
        bench.runner.stop();
        running.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_under_way_may_end_when_the_runner_stops() {
    let (open, gate) = oneshot::channel();
    let mut bench = bench(vec![Act::Wait(gate)]);
    let runner = bench.runner.clone();
    let running = tokio::spawn(async move { runner.run().await });
    bench
        .runner
        .with(|machine, now| machine.receive([alert("a")], now))
        .unwrap();
    assert_eq!(bench.asked.recv().await.unwrap(), "a");
    bench.runner.stop();
    tokio::task::yield_now().await;
    assert!(!running.is_finished());
    open.send(()).unwrap();
    running.await.unwrap();
    assert_eq!(bench.told().last(), Some(&"notified"));
    assert_eq!(bench.state.entries("notify.log").unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_that_cannot_be_remembered() {
    let mut bench = bench(Vec::new());
    *bench.state.failures.lock() = 3;
    let runner = bench.runner.clone();
    let received = runner.with(|machine, now| machine.receive([alert("a")], now));
    assert!(received.is_err());
    let running = tokio::spawn(async move { runner.run().await });
    // The store comes back; the alert that was received meanwhile is not lost.
    assert_eq!(bench.asked.recv().await.unwrap(), "a");
    assert_eq!(*bench.state.failures.lock(), 0);
    bench.until("notified").await;
    assert_eq!(bench.state.entries("notify.alerts").unwrap().len(), 1);
    bench.runner.stop();
    running.await.unwrap();
}
