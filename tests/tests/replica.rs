//! Replicas over a real PostgreSQL.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Result, ensure};
use bellwether_blackbox::eventually;
use bellwether_blackbox::postgres::PostgresServer;
use bellwether_model::{Alert, Labels};
use bellwether_notify::replica::{
    Area, Entry, Lease, LeaseState, Page, Position, Postgres, PostgresLease, PostgresLog, Replica,
    ReplicaError, ReplicaParts, SharedLog, TTL_MS_MIN,
};
use bellwether_notify::{
    AttemptError, BoxFuture, Deliver, Delivery, Integration, Machine, Plan, RouteSettings,
    RouteTree, Runner, RunnerParts,
};
use bellwether_outbound::settings::{PemSource, Secret, TlsSettings};
use bellwether_storage::{ManualClock, MemoryStateStore, MemoryTimeline};
use tokio::sync::mpsc;

fn postgres(server: &PostgresServer) -> Postgres {
    with_url(&server.url("disable"), &TlsSettings::default()).expect("a URL of our own")
}

fn with_url(url: &str, tls: &TlsSettings) -> Result<Postgres, ReplicaError> {
    Postgres::new(&Secret::new(url), tls, "bellwether")
}

fn lease(server: &PostgresServer, name: &str, instance: &str, ttl_ms: i64) -> PostgresLease {
    PostgresLease::new(postgres(server), name, instance, ttl_ms)
}

fn held(token: u64) -> Result<LeaseState, ReplicaError> {
    Ok(LeaseState::Held { token })
}

fn elsewhere(holder: &str, token: u64) -> Result<LeaseState, ReplicaError> {
    let holder = holder.to_owned();
    Ok(LeaseState::Elsewhere { holder, token })
}

fn entry(area: Area, key: &str, token: u64) -> Entry {
    Entry {
        area,
        key: key.as_bytes().to_vec(),
        value: b"value".to_vec(),
        token,
        by: "a".to_owned(),
        expires_ms: i64::MAX,
    }
}

async fn keys(log: &PostgresLog, from: &mut Position) -> Vec<String> {
    let Page {
        entries, position, ..
    } = log.read_since(*from).await.expect("the server runs");
    *from = position;
    let text = |entry: Entry| String::from_utf8_lossy(&entry.key).into_owned();
    entries.into_iter().map(text).collect()
}

#[tokio::test]
async fn a_lease_ends_by_the_clock_of_the_server_and_its_tokens_grow() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = PostgresServer::start(folder.path()).await?;
    let a = lease(&server, "a", "1", 3_600_000);
    let b = lease(&server, "b", "2", 3_600_000);
    assert_eq!(a.acquire(4).await, held(5));
    assert_eq!(b.acquire(0).await, elsewhere("a", 5));
    assert_eq!(a.acquire(0).await, held(5));
    // A process of the same name is another: it may run beside us by mistake.
    assert_eq!(
        lease(&server, "a", "3", 1_000).acquire(0).await,
        elsewhere("a", 5)
    );
    // No clock of ours is asked: the server's says that the time is over.
    server
        .sql("UPDATE bellwether_lease SET expires_at = now() - interval '1 microsecond'")
        .await?;
    assert_eq!(b.acquire(0).await, held(6));
    assert_eq!(a.acquire(0).await, elsewhere("b", 6));
    let left = "SELECT expires_at - now() BETWEEN '59 min' AND '60 min' FROM bellwether_lease";
    assert_eq!(server.sql(left).await?, "t\n");
    // Who is late and was not replaced goes on under its token.
    server
        .sql("UPDATE bellwether_lease SET expires_at = '-infinity'")
        .await?;
    assert_eq!(b.acquire(0).await, held(6));
    b.release().await?;
    a.release().await?;
    assert_eq!(a.acquire(0).await, held(7));
    // One that really ends.
    let short = lease(&server, "short", "4", 50);
    a.release().await?;
    assert_eq!(short.acquire(0).await, held(8));
    eventually("a short lease ends", || async {
        ensure!(b.acquire(0).await == held(9), "not yet");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn entries_have_one_order_and_old_tokens_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = PostgresServer::start(folder.path()).await?;
    let (a, b) = (
        PostgresLog::new(postgres(&server)),
        PostgresLog::new(postgres(&server)),
    );
    // Before anybody has asked for the lease: tried again, it is there.
    let early = a.append(vec![entry(Area::Silence, "early", 0)]).await;
    assert!(early.unwrap_err().retry());
    a.append(vec![entry(Area::Silence, "early", 0)]).await?;
    assert_eq!(
        lease(&server, "a", "1", 3_600_000).acquire(0).await,
        held(1)
    );
    a.lead(1, "a").await?;
    a.append(vec![
        entry(Area::Intent, "i", 1),
        entry(Area::Notified, "n", 1),
    ])
    .await?;
    let mut from = Position::default();
    assert_eq!(keys(&b, &mut from).await, ["early", "", "i", "n"]);
    // The last word about a place counts, at its new place; twice in one call, too.
    b.append(vec![entry(Area::Silence, "early", 0); 2]).await?;
    assert_eq!(keys(&a, &mut from).await, ["early"]);
    // Another holds the lease: fenced off, the whole call with it.
    server
        .sql("UPDATE bellwether_lease SET expires_at = '-infinity'")
        .await?;
    assert_eq!(
        lease(&server, "b", "2", 3_600_000).acquire(0).await,
        held(2)
    );
    let late = vec![
        entry(Area::Notified, "n", 1),
        entry(Area::Silence, "late", 0),
    ];
    let fenced = ReplicaError::Fenced { token: 1, known: 2 };
    assert_eq!(a.append(late).await, Err(fenced.clone()));
    assert_eq!(a.lead(1, "a").await, Err(fenced));
    assert_eq!(keys(&b, &mut from).await, [""; 0]);
    b.lead(2, "b").await?;
    assert_eq!(keys(&a, &mut from).await, [""]);
    // Somebody empties the table of leases: tokens and numbers go on.
    server.sql("DELETE FROM bellwether_lease").await?;
    assert_eq!(
        lease(&server, "c", "3", 3_600_000).acquire(0).await,
        held(3)
    );
    a.append(vec![entry(Area::Silence, "after", 0)]).await?;
    assert_eq!(keys(&b, &mut from).await, ["after"]);
    Ok(())
}

#[tokio::test]
async fn who_reads_while_many_write_misses_nothing() -> Result<()> {
    const WRITERS: usize = 6;
    const EACH: usize = 30;
    let folder = tempfile::tempdir()?;
    let server = PostgresServer::start(folder.path()).await?;
    assert_eq!(
        lease(&server, "a", "1", 3_600_000).acquire(0).await,
        held(1)
    );
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let log = PostgresLog::new(postgres(&server));
        writers.spawn(async move {
            for i in 0..EACH {
                let key = format!("{writer}-{i}");
                log.append(vec![entry(Area::Silence, &key, 0)])
                    .await
                    .unwrap();
            }
        });
    }
    let reader = PostgresLog::new(postgres(&server));
    let (mut from, mut seen) = (Position::default(), BTreeSet::new());
    while !writers.is_empty() || seen.len() < WRITERS * EACH {
        while let Some(done) = writers.try_join_next() {
            done?;
        }
        let idle = writers.is_empty();
        let fresh = keys(&reader, &mut from).await;
        ensure!(
            !idle || !fresh.is_empty() || seen.len() == WRITERS * EACH,
            "missed some"
        );
        seen.extend(fresh);
    }
    Ok(())
}

#[tokio::test]
async fn connections_are_encrypted_checked_and_made_anew() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = PostgresServer::start(folder.path()).await?;
    let trusting = TlsSettings {
        ca: Some(PemSource::File(server.certificate.clone())),
        ..TlsSettings::default()
    };
    let nobody = TlsSettings::default();
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE ssl AND application_name = 'bellwether'";
    for (mode, tls, count) in [
        ("require", &trusting, "1\n"),
        ("prefer", &nobody, "1\n"),
        ("disable", &nobody, "0\n"),
    ] {
        let postgres = with_url(&server.url(mode), tls)?;
        let a = PostgresLease::new(postgres, "a", "1", 3_600_000);
        assert_eq!(a.acquire(0).await, held(1), "{mode}");
        eventually("earlier connections are gone", || async {
            let found = server.sql(encrypted).await?;
            ensure!(found == count, "{mode}: {found}");
            Ok(())
        })
        .await?;
    }
    let untrusting = with_url(&server.url("require"), &nobody)?;
    let b = PostgresLease::new(untrusting, "b", "2", 3_600_000);
    let error = b.acquire(0).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    // A connection that the server ends costs one call.
    let a = lease(&server, "a", "1", 3_600_000);
    assert_eq!(a.acquire(0).await, held(1));
    server
        .sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'bellwether'")
        .await?;
    eventually("the connection is made anew", || async {
        ensure!(a.acquire(0).await == held(1), "not yet");
        Ok(())
    })
    .await?;
    // What is wrong with a URL is said without its password.
    for (url, want) in [
        (
            "postgresql://joe:hunter2@db/x?sslmode=maybe",
            "makes no sense",
        ),
        ("postgresql://", "names no host"),
    ] {
        let error = with_url(url, &nobody).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let shown = format!("{:?}", with_url(&server.url("disable"), &nobody)?);
    assert!(!shown.contains("secret"), "{shown}");
    Ok(())
}

/// Says who was told.
#[derive(Debug)]
struct Receiver {
    name: &'static str,
    told: mpsc::UnboundedSender<&'static str>,
}

impl Deliver for Receiver {
    fn attempt(&self, _: Arc<Delivery>) -> BoxFuture<Result<String, AttemptError>> {
        self.told.send(self.name).expect("the test listens");
        Box::pin(async { Ok("200".to_owned()) })
    }
}

struct Member {
    runner: Runner,
    replica: Replica,
    tasks: tokio::task::JoinSet<()>,
}

fn member(
    server: &PostgresServer,
    name: &'static str,
    clock: &Arc<ManualClock>,
    told: &mpsc::UnboundedSender<&'static str>,
) -> Member {
    let plan = Plan {
        routes: RouteTree::new(&RouteSettings {
            receiver: Some("team".to_owned()),
            group_wait_ms: Some(0),
            group_interval_ms: Some(1_000),
            ..RouteSettings::default()
        }),
        inhibit_rules: Vec::new(),
        time_intervals: BTreeMap::new(),
        receivers: [(
            "team".to_owned(),
            vec![Integration {
                kind: "webhook".to_owned(),
                send_resolved: true,
            }],
        )]
        .into(),
    };
    let parts = RunnerParts {
        machine: Machine::new(Arc::new(plan), 0),
        state: Arc::new(MemoryStateStore::default()),
        timeline: Arc::new(MemoryTimeline::default()),
        clock: Arc::clone(clock) as _,
        deliver: Arc::new(Receiver {
            name,
            told: told.clone(),
        }),
    };
    let runner = Runner::replicated(parts, Arc::new(PostgresLog::new(postgres(server))), name);
    let replica = Replica::new(ReplicaParts {
        runner: runner.clone(),
        lease: Arc::new(lease(server, name, name, TTL_MS_MIN)),
        name: name.to_owned(),
        ttl_ms: TTL_MS_MIN,
    });
    let mut tasks = tokio::task::JoinSet::new();
    let (running, taking_part) = (runner.clone(), replica.clone());
    tasks.spawn(async move { running.run().await });
    tasks.spawn(async move { taking_part.run().await });
    Member {
        runner,
        replica,
        tasks,
    }
}

impl Member {
    fn receive(&self, host: &str) -> Result<()> {
        let alert = Alert {
            labels: Labels::from_pairs([("alertname", "A"), ("host", host)]),
            annotations: Labels::empty(),
            starts_ms: 1_000,
            ends_ms: None,
            times_out: false,
            updated_ms: 1_000,
            generator_url: String::new(),
        };
        Ok(self
            .runner
            .with(|machine, now_ms| machine.receive([alert], now_ms))?)
    }

    async fn until(&self, what: &str, is_so: impl Fn(&Machine, Option<u64>) -> bool) -> Result<()> {
        eventually(what, || async {
            let status = self.replica.status();
            let is_so = self
                .runner
                .look(|machine, _| is_so(machine, status.leading));
            ensure!(is_so, "{status:?}");
            Ok(())
        })
        .await
    }
}

#[tokio::test]
async fn another_goes_on_where_one_died_and_tells_nothing_twice() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let server = PostgresServer::start(folder.path()).await?;
    // Their clocks are ten minutes apart.
    let clocks = [1_000_000, 1_600_000].map(|ms| Arc::new(ManualClock::new(ms)));
    let (sender, mut told) = mpsc::unbounded_channel();
    let mut a = member(&server, "a", &clocks[0], &sender);
    a.until("a leads", |_, leading| leading == Some(1)).await?;
    let mut b = member(&server, "b", &clocks[1], &sender);
    for member in [&a, &b] {
        member.receive("x")?;
    }
    assert_eq!(told.recv().await, Some("a"));
    b.until("b knows", |machine, _| machine.token_known() == 1)
        .await?;
    a.tasks.shutdown().await;
    drop(a);
    b.until("b leads", |_, leading| leading == Some(2)).await?;
    // A turn of the group, in which nothing is new, and another, in which something is.
    clocks[1].set(1_602_000);
    b.runner.with(|_, _| ())?;
    b.receive("y")?;
    clocks[1].set(1_604_000);
    b.runner.with(|_, _| ())?;
    assert_eq!(told.recv().await, Some("b"));
    b.until("the log says so", |machine, _| machine.token_known() == 2)
        .await?;
    b.tasks.shutdown().await;
    assert!(told.try_recv().is_err());
    Ok(())
}
