//! Leases that fail while they are held.

use super::*;

/// A lease that answers as told; what is not told is that nobody can be asked.
#[derive(Debug, Default)]
struct Told {
    answer: Mutex<Option<Result<LeaseState, ReplicaError>>>,
}

impl Told {
    fn say(&self, answer: Option<Result<LeaseState, ReplicaError>>) {
        *self.answer.lock() = answer;
    }
}

impl Lease for Told {
    fn acquire(&self, _: u64) -> BoxFuture<Result<LeaseState, ReplicaError>> {
        let answer = self.answer.lock().clone();
        Box::pin(async move {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }

    fn release(&self) -> BoxFuture<Result<(), ReplicaError>> {
        Box::pin(async { Ok(()) })
    }
}

fn held(token: u64) -> Option<Result<LeaseState, ReplicaError>> {
    Some(Ok(LeaseState::Held { token }))
}

fn elsewhere(token: u64) -> Option<Result<LeaseState, ReplicaError>> {
    let holder = "b".to_owned();
    Some(Ok(LeaseState::Elsewhere { holder, token }))
}

#[tokio::test(start_paused = true)]
async fn who_cannot_renew_stops_before_the_lease_ends() {
    let mut world = World::new();
    for silent in [
        None,
        Some(Err(ReplicaError::Unavailable("no route".to_owned()))),
    ] {
        let lease = Arc::new(Told::default());
        lease.say(held(1));
        let a = world.start_with("a", Point::Never, Arc::clone(&lease) as _);
        a.until_leading().await;
        lease.say(silent);
        let failed = Instant::now();
        a.until(|a| a.replica.status().leading.is_none()).await;
        let lasted = failed.elapsed();
        assert!(lasted <= Duration::from_millis(8_010), "{lasted:?}");
        assert!(lasted >= Duration::from_secs(4), "{lasted:?}");
        // It withholds, and sends at once when it has the lease again.
        a.receive(&[alert("x")]);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(world.arrivals(), [""; 0]);
        assert!(a.replica.status().lease_error.is_some());
        lease.say(held(1));
        assert_eq!(world.arrived.1.recv().await, Some("a"));
        a.die().await;
        world = World::new();
    }
}

/// Fails until the lease is lost, and says when it was asked.
#[derive(Debug)]
struct Busy {
    asked: mpsc::UnboundedSender<&'static str>,
}

impl Deliver for Busy {
    fn attempt(&self, _: Arc<Delivery>) -> BoxFuture<Result<String, AttemptError>> {
        self.asked.send("a").unwrap();
        Box::pin(async {
            Err(AttemptError {
                text: "503 busy".to_owned(),
                retry: true,
            })
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_lost_between_two_attempts_ends_them() {
    let mut world = World::new();
    let timeline = Arc::new(MemoryTimeline::default());
    let parts = RunnerParts {
        machine: Machine::new(Arc::new(prompt_plan()), 0),
        state: Arc::new(MemoryStateStore::default()),
        timeline: Arc::clone(&timeline) as _,
        clock: Arc::clone(&world.clock) as _,
        deliver: Arc::new(Busy {
            asked: world.arrived.0.clone(),
        }),
    };
    let log = Arc::new(FileLog::new(world.shared_folder()));
    let runner = Runner::replicated(parts, Arc::clone(&log) as _, "a");
    let lease = Arc::new(Told::default());
    lease.say(held(1));
    let replica = Replica::new(ReplicaParts {
        runner: runner.clone(),
        lease: Arc::clone(&lease) as _,
        name: "a".to_owned(),
        ttl_ms: TTL_MS,
    });
    let (running, taking_part) = (runner.clone(), replica.clone());
    let member = Member {
        tasks: [
            tokio::spawn(async move { running.run().await }),
            tokio::spawn(async move { taking_part.run().await }),
        ],
        runner,
        replica,
        timeline,
    };
    member.until_leading().await;
    member.receive(&[alert("x")]);
    for _ in 0..2 {
        assert_eq!(world.arrived.1.recv().await, Some("a"));
    }
    lease.say(elsewhere(2));
    let withdrawn = "not sent: lease token 1 is held no more";
    member
        .until(|m| {
            m.causes(TimelineKind::NotifyFailed)
                .iter()
                .any(|c| c == withdrawn)
        })
        .await;
    world.arrivals();
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert_eq!(world.arrivals(), [""; 0]);
    // The log says that it has an end, so nobody thinks it under way.
    let entries = log.read_since(Position::default()).await.unwrap().entries;
    let intents: Vec<Entry> = last_of_each(entries)
        .into_iter()
        .filter(|entry| entry.area == Area::Intent)
        .collect();
    assert!(matches!(intents.as_slice(), [one] if one.value.is_empty()));
    member.die().await;
}

#[tokio::test(start_paused = true)]
async fn who_does_not_know_that_it_was_replaced_is_stopped_by_the_log() {
    let mut world = World::new();
    let lease = Arc::new(Told::default());
    lease.say(held(1));
    let a = world.start_with("a", Point::Never, Arc::clone(&lease) as _);
    a.until_leading().await;
    // As after a machine was asleep: its lease says it leads, and another does by now.
    let log = FileLog::new(world.shared_folder());
    log.lead(2, "b").await.unwrap();
    a.receive(&[alert("x")]);
    a.until(|a| !a.causes(TimelineKind::NotifyFailed).is_empty())
        .await;
    assert_eq!(
        a.causes(TimelineKind::NotifyFailed),
        ["not sent: lease token 1 is held no more"]
    );
    assert_eq!(world.arrivals(), [""; 0]);
    a.die().await;
}

/// A log that cannot be written for a while.
#[derive(Debug)]
struct Flaky {
    inner: FileLog,
    is_down: Mutex<bool>,
}

impl SharedLog for Flaky {
    fn append(&self, entries: Vec<Entry>) -> BoxFuture<Result<(), ReplicaError>> {
        if *self.is_down.lock() {
            return Box::pin(async { Err(ReplicaError::Unavailable("full".to_owned())) });
        }
        self.inner.append(entries)
    }

    fn read_since(&self, position: Position) -> BoxFuture<Result<Page, ReplicaError>> {
        self.inner.read_since(position)
    }

    fn lead(&self, token: u64, by: &str) -> BoxFuture<Result<(), ReplicaError>> {
        self.inner.lead(token, by)
    }

    fn follow(&self, _: &str) {}
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_overtaken_while_the_log_cannot_be_written() {
    let world = World::new();
    let log = Arc::new(Flaky {
        inner: FileLog::new(world.shared_folder()),
        is_down: Mutex::new(true),
    });
    let outbox = Outbox::new(Arc::clone(&log) as _, "a".to_owned());
    let word = |value: &str| entry::tests::entry(Area::Silence, "s", value, 0);
    let led = |token| entry::tests::entry(Area::Notified, "n", "v", token);
    outbox.add(vec![word("one"), led(1)]);
    assert!(outbox.flush().await.is_err());
    assert_eq!(outbox.len(), 2);
    assert!(outbox.holds(&word("")));
    outbox.add(vec![word("two")]);
    *log.is_down.lock() = false;
    outbox.flush().await.unwrap();
    assert_eq!(outbox.len(), 0);
    let page = log.read_since(Position::default()).await.unwrap();
    let values: Vec<&[u8]> = page.entries.iter().map(|e| e.value.as_slice()).collect();
    assert_eq!(values, [b"two".as_slice(), b"v"]);
    // What needs a lease is dropped where another leads; what people say is not.
    log.lead(2, "b").await.unwrap();
    outbox.add(vec![word("three"), led(1)]);
    let fenced = ReplicaError::Fenced { token: 1, known: 2 };
    assert_eq!(outbox.flush().await, Err(fenced));
    assert_eq!(outbox.len(), 0);
    let page = log.read_since(page.position).await.unwrap();
    assert_eq!(page.entries.len(), 2);
}

#[test]
fn errors_say_whether_to_try_again() {
    let fenced = ReplicaError::Fenced { token: 1, known: 2 };
    assert!(!fenced.retry());
    assert_eq!(
        fenced.to_string(),
        "lease token 1 is fenced off: token 2 is known"
    );
    assert!(ReplicaError::Unavailable(String::new()).retry());
    assert!(!ReplicaError::Invalid(String::new()).retry());
}
