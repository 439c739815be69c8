//! Two replicas over one receiver and one folder: who tells whom, and what a death costs.

use bellwether_model::{Alert, Labels};
use bellwether_storage::{
    ManualClock, MemoryStateStore, MemoryTimeline, RealDisk, Timeline as _, TimelineKind,
    TimelineQuery,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::delivery::Delivery;
use crate::runner::{AttemptError, BoxFuture, Deliver, RunnerParts};
use crate::testing::prompt_plan;
use crate::{Machine, Silence, SilenceRequest};

mod fencing;

/// Where the leader dies, or the log stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    Never,
    BeforeIntent,
    AfterIntent,
    BeforeSend,
    AfterSend,
    BeforeOutcome,
    AfterOutcome,
}

/// Tells the test when a point is reached, and stops there for ever.
#[derive(Debug, Clone)]
struct Gate {
    point: Point,
    reached: mpsc::UnboundedSender<Point>,
}

impl Gate {
    async fn pass(&self, point: Point) {
        if self.point == point {
            self.reached.send(point).unwrap();
            std::future::pending::<()>().await;
        }
    }
}

/// Counts what arrives.
#[derive(Debug)]
struct Receiver {
    gate: Gate,
    arrived: mpsc::UnboundedSender<&'static str>,
    name: &'static str,
}

impl Deliver for Receiver {
    fn attempt(&self, _: Arc<Delivery>) -> BoxFuture<Result<String, AttemptError>> {
        let (gate, arrived, name) = (self.gate.clone(), self.arrived.clone(), self.name);
        Box::pin(async move {
            gate.pass(Point::BeforeSend).await;
            arrived.send(name).unwrap();
            gate.pass(Point::AfterSend).await;
            Ok("200".to_owned())
        })
    }
}

/// The log of a folder, with gates.
#[derive(Debug)]
struct GatedLog {
    inner: Arc<FileLog>,
    gate: Gate,
}

impl SharedLog for GatedLog {
    fn append(&self, entries: Vec<Entry>) -> BoxFuture<Result<(), ReplicaError>> {
        let (inner, gate) = (Arc::clone(&self.inner), self.gate.clone());
        Box::pin(async move {
            let is_outcome = entries.iter().any(|entry| entry.area == Area::Notified);
            let is_intent = entries.iter().any(|entry| entry.area == Area::Intent) && !is_outcome;
            if is_intent {
                gate.pass(Point::BeforeIntent).await;
            } else if is_outcome {
                gate.pass(Point::BeforeOutcome).await;
            }
            inner.append(entries).await?;
            if is_intent {
                gate.pass(Point::AfterIntent).await;
            } else if is_outcome {
                gate.pass(Point::AfterOutcome).await;
            }
            Ok(())
        })
    }

    fn read_since(&self, position: Position) -> BoxFuture<Result<Page, ReplicaError>> {
        self.inner.read_since(position)
    }

    fn lead(&self, token: u64, by: &str) -> BoxFuture<Result<(), ReplicaError>> {
        self.inner.lead(token, by)
    }

    fn follow(&self, holder: &str) {
        self.inner.follow(holder);
    }
}

struct Member {
    runner: Runner,
    replica: Replica,
    timeline: Arc<MemoryTimeline>,
    tasks: [JoinHandle<()>; 2],
}

/// What all members see.
struct World {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    arrived: (
        mpsc::UnboundedSender<&'static str>,
        mpsc::UnboundedReceiver<&'static str>,
    ),
    reached: (mpsc::UnboundedSender<Point>, mpsc::UnboundedReceiver<Point>),
}

impl World {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::new(1_000)),
            arrived: mpsc::unbounded_channel(),
            reached: mpsc::unbounded_channel(),
        }
    }

    fn shared_folder(&self) -> SharedFolder {
        let clock = Arc::clone(&self.clock) as _;
        SharedFolder::open(Arc::new(RealDisk), self.folder.path(), clock).unwrap()
    }

    /// Starts a replica that stands still at a point.
    fn start(&self, name: &'static str, point: Point) -> Member {
        let lease = FileLease::new(self.shared_folder(), name);
        self.start_with(name, point, Arc::new(lease))
    }

    fn start_with(&self, name: &'static str, point: Point, lease: Arc<dyn Lease>) -> Member {
        let gate = Gate {
            point,
            reached: self.reached.0.clone(),
        };
        let log = GatedLog {
            inner: Arc::new(FileLog::new(self.shared_folder())),
            gate: gate.clone(),
        };
        let timeline = Arc::new(MemoryTimeline::default());
        let parts = RunnerParts {
            machine: Machine::new(Arc::new(prompt_plan()), 0),
            state: Arc::new(MemoryStateStore::default()),
            timeline: Arc::clone(&timeline) as _,
            clock: Arc::clone(&self.clock) as _,
            deliver: Arc::new(Receiver {
                gate,
                arrived: self.arrived.0.clone(),
                name,
            }),
        };
        let runner = Runner::replicated(parts, Arc::new(log), name);
        let replica = Replica::new(ReplicaParts {
            runner: runner.clone(),
            lease,
            name: name.to_owned(),
            ttl_ms: TTL_MS,
        });
        let (running, taking_part) = (runner.clone(), replica.clone());
        let tasks = [
            tokio::spawn(async move { running.run().await }),
            tokio::spawn(async move { taking_part.run().await }),
        ];
        Member {
            runner,
            replica,
            timeline,
            tasks,
        }
    }

    fn arrivals(&mut self) -> Vec<&'static str> {
        let mut names = Vec::new();
        while let Ok(name) = self.arrived.1.try_recv() {
            names.push(name);
        }
        names
    }
}

impl Member {
    /// Waits, in paused time, until something is so.
    async fn until(&self, what: impl Fn(&Self) -> bool) {
        while !what(self) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn until_leading(&self) -> u64 {
        self.until(|member| member.replica.status().leading.is_some())
            .await;
        self.replica.status().leading.unwrap()
    }

    fn receive(&self, alerts: &[Alert]) {
        let alerts = alerts.to_vec();
        self.runner
            .with(|machine, now_ms| machine.receive(alerts, now_ms))
            .unwrap();
    }

    fn causes(&self, kind: TimelineKind) -> Vec<String> {
        let rows = self.timeline.query(&TimelineQuery::default()).unwrap();
        let rows = rows.into_iter().rev().filter(|row| row.kind == kind);
        rows.map(|row| row.cause).collect()
    }

    /// Ends it as a death does: nothing is given up, nothing is finished. The runtime is the process:
    /// what belongs to the member is dropped with it.
    async fn die(self) {
        let Self {
            runner,
            replica,
            tasks,
            ..
        } = self;
        for task in tasks {
            task.abort();
            drop(task.await);
        }
        drop((runner, replica));
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

#[tokio::test(start_paused = true)]
async fn a_death_at_any_point_of_a_delivery_tells_once_or_twice_where_nobody_can_know() {
    let cases: [(Point, &[&str]); 6] = [
        (Point::BeforeIntent, &["b"]),
        (Point::AfterIntent, &["b"]),
        (Point::BeforeSend, &["b"]),
        (Point::AfterSend, &["a", "b"]),
        (Point::BeforeOutcome, &["a", "b"]),
        (Point::AfterOutcome, &["a"]),
    ];
    for (point, told) in cases {
        let mut world = World::new();
        let a = world.start("a", point);
        assert_eq!(a.until_leading().await, 1);
        let b = world.start("b", Point::Never);
        b.until(|b| b.replica.status().holder == "a").await;
        b.receive(&[alert("x")]);
        a.receive(&[alert("x")]);
        assert_eq!(world.reached.1.recv().await, Some(point));
        let died = Instant::now();
        a.die().await;
        assert_eq!(b.until_leading().await, 2, "{point:?}");
        assert!(died.elapsed() < Duration::from_secs(15));
        // Some turns of the group, for whoever would tell it again.
        for turn in 1..4 {
            tokio::time::sleep(Duration::from_secs(5)).await;
            world.clock.set(1_000 + turn * 60_000);
            b.runner.with(|_, _| ()).unwrap();
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(world.arrivals(), told, "{point:?}");
        let why = b.causes(TimelineKind::Notifying);
        let is_open = !matches!(point, Point::BeforeIntent | Point::AfterOutcome);
        let says = why.iter().any(|cause| {
            cause.contains("it may come twice: replica a, which held lease token 1, died")
        });
        assert_eq!(says, is_open, "{point:?}: {why:?}");
        let told_by_a = b
            .causes(TimelineKind::Notified)
            .iter()
            .any(|cause| cause == "by replica a, lease token 1");
        assert_eq!(told_by_a, point == Point::AfterOutcome, "{point:?}");
        b.die().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_ends_in_order_hands_over_at_once_and_nothing_is_told_twice() {
    let mut world = World::new();
    let a = world.start("a", Point::Never);
    a.until_leading().await;
    let b = world.start("b", Point::Never);
    for member in [&a, &b] {
        member.receive(&[alert("x")]);
    }
    assert_eq!(world.arrived.1.recv().await, Some("a"));
    a.until(|a| !a.causes(TimelineKind::Notified).is_empty())
        .await;
    a.runner.stop();
    a.replica.stop();
    for task in a.tasks {
        task.await.unwrap();
    }
    let stopped = Instant::now();
    assert_eq!(b.until_leading().await, 2);
    assert!(stopped.elapsed() < Duration::from_secs(3));
    b.receive(&[alert("y")]);
    world.clock.set(61_001);
    b.runner.with(|_, _| ()).unwrap();
    assert_eq!(world.arrived.1.recv().await, Some("b"));
    b.until(|b| b.causes(TimelineKind::Notified).len() == 3)
        .await;
    assert_eq!(
        b.causes(TimelineKind::Notified),
        [
            "by replica a, lease token 1",
            "new alerts added; 200",
            "new alerts added; 200"
        ]
    );
    assert_eq!(world.arrivals(), [""; 0]);
    b.die().await;
}

fn silence() -> SilenceRequest {
    SilenceRequest {
        id: String::new(),
        matchers: vec![bellwether_model::Matcher::equal("alertname", "A")],
        starts_ms: None,
        ends_ms: 1_000_000,
        created_by: "ada".to_owned(),
        comment: "upgrade".to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn what_people_say_on_one_holds_on_all_also_on_those_that_come_later() {
    let mut world = World::new();
    let a = world.start("a", Point::Never);
    a.until_leading().await;
    let b = world.start("b", Point::Never);
    b.until(|b| b.replica.status().holder == "a").await;
    b.runner
        .with(|machine, now_ms| machine.set_silence(silence(), "one".to_owned(), now_ms))
        .unwrap()
        .unwrap();
    let knows = |member: &Member| {
        let id = |machine: &Machine, _| machine.silence("one").map(|s: &Silence| s.id.clone());
        member.runner.look(id).is_some()
    };
    a.until(knows).await;
    assert_eq!(b.replica.status().unshared, 0);
    a.receive(&[alert("x")]);
    let c = world.start("c", Point::Never);
    c.until(knows).await;
    a.until(|a| !a.causes(TimelineKind::Silenced).is_empty())
        .await;
    assert_eq!(world.arrivals(), [""; 0]);
    for member in [a, b, c] {
        member.die().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_the_log_knows_to_be_old_is_given_up_for_a_greater_one() {
    let world = World::new();
    let log = FileLog::new(world.shared_folder());
    log.lead(7, "gone").await.unwrap();
    let a = world.start("a", Point::Never);
    assert_eq!(a.until_leading().await, 8);
    assert_eq!(a.replica.status().log_error, None);
    a.die().await;
}
