//! Health: probes that hang, panic, flap, come late and block; what follows for the service.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot read its data has failed, and checks panic on purpose"
)]

use std::future::pending;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bellwether_sdk::health::{
    Criticality, HealthBuilder, HealthRegistry, HealthReport, HealthState, Outcome, ProbeConfig,
    ProbeFactory, ProbeReport, ProbeSettings, QueueLoad, blocking,
};
use bellwether_sdk::{
    Clock, Event, FlushError, Format, SERIES_MAX_DEFAULT, Settings, Sink, Telemetry,
};
use serde_json::{Value, from_value, json};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
/// Whoever waits longer has failed.
const LONG: Duration = Duration::from_secs(60);

/// Looks each second, is believed at once.
fn quick(name: &str) -> ProbeSettings {
    ProbeSettings {
        interval: Some(SECOND),
        timeout: SECOND / 2,
        failure_threshold: 1,
        ..ProbeSettings::new(name)
    }
}

fn builder() -> HealthBuilder {
    HealthRegistry::builder(&Settings::default())
}

fn probe<'a>(report: &'a HealthReport, name: &str) -> &'a ProbeReport {
    let mut probes = report.probes.iter();
    probes.find(|it| it.name == name).unwrap()
}

fn reason(health: &HealthRegistry, name: &str) -> String {
    let report = health.report();
    let probe = probe(&report, name);
    format!(
        "{}: {}",
        probe.state,
        probe.reason.clone().unwrap_or_default()
    )
}

/// Waits, in whatever time the runtime has, for what a change brings.
async fn wait_until(health: &HealthRegistry, is_it: impl Fn(&HealthReport) -> bool) {
    let mut changes = health.changes();
    while !is_it(&health.report()) {
        assert_eq!(timeout(LONG, changes.changed()).await, Ok(true));
    }
}

/// The same for a reason, which changes without the state.
async fn wait_for_reason(health: &HealthRegistry, name: &str, words: &str) -> String {
    let begun = Instant::now();
    while begun.elapsed() < LONG {
        let said = reason(health, name);
        if said.contains(words) {
            return said;
        }
        tokio::task::yield_now().await;
    }
    panic!("{name} never says {words:?}")
}

/// A clock that goes with the time of the runtime.
#[derive(Debug)]
struct RuntimeClock(Instant);

impl RuntimeClock {
    /// It is the year 2026.
    fn new() -> Arc<Self> {
        Arc::new(Self(Instant::now()))
    }
}

impl Clock for RuntimeClock {
    fn now_ms(&self) -> i64 {
        1_795_933_307_000 + i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_hangs_is_down_and_is_dropped() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&dropped);
    let health = builder()
        .probe(quick("hangs").critical(), move || {
            let dropped = Dropped(Arc::clone(&counting));
            async move {
                let _dropped = dropped;
                pending::<Outcome>().await
            }
        })
        .probe(quick("works"), || async { Outcome::up() })
        .start()
        .unwrap();
    assert_eq!(reason(&health, "hangs"), "unknown: not checked yet");
    assert_eq!(health.state(), HealthState::Unknown);
    sleep(10 * SECOND).await;
    assert_eq!(reason(&health, "hangs"), "down: no answer within 0.5 s");
    assert_eq!(reason(&health, "works"), "up: ");
    assert_eq!(health.state(), HealthState::Down);
    assert_eq!(
        health.report().reasons,
        ["hangs is down: no answer within 0.5 s"]
    );
    let count = dropped.load(Ordering::SeqCst);
    assert!((9..=11).contains(&count), "{count}");
}

#[tokio::test(start_paused = true)]
async fn one_that_panics_is_down_with_its_words() {
    let settings = ProbeSettings {
        jitter: 0.0,
        ..quick("panics")
    };
    let health = builder()
        .probe(settings, panics)
        .probe(quick("panics-early"), panics_early)
        .probe(quick("works").critical(), || async { Outcome::up() })
        .start()
        .unwrap();
    sleep(SECOND * 9 / 2).await;
    assert_eq!(
        reason(&health, "panics"),
        "down: the check panicked: index 7 is out of bounds"
    );
    assert_eq!(
        reason(&health, "panics-early"),
        "down: the check panicked: before there is a future"
    );
    assert_eq!(probe(&health.report(), "panics").failures, 5);
    assert_eq!(reason(&health, "works"), "up: ");
    assert_eq!(health.state(), HealthState::Degraded);
}

async fn panics() -> Outcome {
    panic!("index {} is\nout of bounds", 7)
}

fn panics_early() -> std::future::Ready<Outcome> {
    panic!("before there is a future")
}

#[tokio::test(start_paused = true)]
async fn one_that_flaps_stays_as_it_is() {
    let checks = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&checks);
    let flaps = move || {
        let count = counting.fetch_add(1, Ordering::SeqCst);
        async move {
            match count {
                // Two of three fail, and from the 30th on all do.
                0..30 if count.is_multiple_of(3) => Ok(()),
                _ => Err("refused"),
            }
        }
    };
    let settings = ProbeSettings {
        failure_threshold: 3,
        success_threshold: 2,
        jitter: 0.0,
        ..quick("flaps").critical()
    };
    let health = builder().probe(settings, flaps).start().unwrap();
    sleep(SECOND / 10).await;
    for count in 1..=32 {
        assert_eq!(checks.load(Ordering::SeqCst), count);
        // The last success is the 28th, so that the 31st is the third failure in a row.
        let want = match count {
            31.. => HealthState::Down,
            _ => HealthState::Up,
        };
        assert_eq!(health.probe_state("flaps"), Some(want), "{count}");
        if count == 29 {
            assert_eq!(reason(&health, "flaps"), "up: refused (1 of 3 checks)");
        }
        sleep(SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_late_is_not_believed() {
    let running = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&running);
    let health = builder()
        .probe(quick("late"), move || {
            let running = Arc::clone(&counting);
            async move {
                assert_eq!(running.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                // It defends itself against being dropped, as a task of its own does.
                let late = tokio::spawn(async move {
                    sleep(SECOND * 3 / 4).await;
                    running.fetch_sub(1, Ordering::SeqCst);
                    Outcome::up()
                });
                late.await.unwrap()
            }
        })
        .start()
        .unwrap();
    for _ in 0..10 {
        sleep(SECOND).await;
        assert_eq!(reason(&health, "late"), "down: no answer within 0.5 s");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_blocks_its_thread_is_down_until_it_ends() {
    let (release, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let begun = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&begun);
    let settings = ProbeSettings {
        interval: Some(SECOND / 10),
        timeout: SECOND / 100,
        ..quick("blocks")
    };
    let works = ProbeSettings {
        timeout: 60 * SECOND,
        interval: settings.interval,
        ..quick("works").critical()
    };
    let health = builder()
        .probe(settings, move || {
            let count = counting.fetch_add(1, Ordering::SeqCst);
            let wait = Arc::clone(&wait);
            async move {
                if count == 0 {
                    // Blocks until the test lets it go.
                    let _released = wait.lock().unwrap().recv();
                }
                Outcome::up()
            }
        })
        .probe(works, || async { Outcome::up() })
        .start()
        .unwrap();
    wait_until(&health, |it| probe(it, "works").state == HealthState::Up).await;
    wait_until(&health, |it| probe(it, "blocks").state == HealthState::Down).await;
    let said = wait_for_reason(&health, "blocks", "blocks its thread").await;
    assert!(
        said.starts_with("down: a check does not end for "),
        "{said}"
    );
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    assert_eq!(reason(&health, "works"), "up: ");
    release.send(()).unwrap();
    wait_until(&health, |it| probe(it, "blocks").state == HealthState::Up).await;
    assert!(begun.load(Ordering::SeqCst) > 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_blocking_check_that_hangs_takes_one_thread_and_no_more() {
    let (release, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let begun = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&begun);
    let settings = ProbeSettings {
        interval: Some(SECOND / 10),
        timeout: SECOND / 100,
        ..quick("disk")
    };
    let health = builder()
        .probe(
            settings,
            blocking(move || {
                if counting.fetch_add(1, Ordering::SeqCst) == 0 {
                    let _released = wait.lock().unwrap().recv();
                }
                Outcome::up()
            }),
        )
        .start()
        .unwrap();
    wait_until(&health, |it| probe(it, "disk").state == HealthState::Down).await;
    let _said = wait_for_reason(&health, "disk", "blocks its thread for").await;
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    release.send(()).unwrap();
    wait_until(&health, |it| probe(it, "disk").state == HealthState::Up).await;
}

#[tokio::test(start_paused = true)]
async fn a_blocking_check_that_panics_is_told_as_any_other() {
    let health = builder()
        .probe(quick("disk"), blocking(|| -> Outcome { panic!("no disk") }))
        .start()
        .unwrap();
    wait_until(&health, |it| probe(it, "disk").state == HealthState::Down).await;
    assert_eq!(reason(&health, "disk"), "down: the check panicked: no disk");
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_explained_by_what_it_depends_on() {
    let depending = |name: &str, on: &[&str]| ProbeSettings {
        depends_on: on.iter().map(|it| (*it).to_owned()).collect(),
        ..quick(name)
    };
    let down = || async { Outcome::down("refused") };
    let health = builder()
        .probe(depending("api", &["queue", "cache"]), down)
        .probe(depending("queue", &["database"]), down)
        .probe(depending("database", &["network"]).critical(), down)
        .probe(quick("network"), || async { Outcome::up() })
        .probe(depending("cache", &["network"]), || async {
            Outcome::degraded("cold")
        })
        .start()
        .unwrap();
    sleep(3 * SECOND).await;
    let report = health.report();
    let causes = |name| probe(&report, name).caused_by.join(" ");
    assert_eq!(causes("api"), "database");
    assert_eq!(causes("queue"), "database");
    assert_eq!(causes("database"), "");
    assert_eq!(causes("cache"), "");
    assert_eq!(report.state, HealthState::Down);
    assert_eq!(
        report.reasons,
        [
            "database is down: refused",
            "api is down: refused (caused by database)",
            "queue is down: refused (caused by database)",
            "cache is degraded: cold",
        ]
    );
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let up = || async { Outcome::up() };
    let depending = |name: &str, on: &str| ProbeSettings {
        depends_on: vec![on.to_owned()],
        ..quick(name)
    };
    for (builder, want) in [
        (
            builder().probe(quick("a"), up).probe(quick("a"), up),
            r#"probe "a" is there twice: each needs a name of its own"#,
        ),
        (
            builder()
                .probe(depending("a", "b"), up)
                .probe(quick("c"), up),
            r#"probe "a": depends_on="b": want c"#,
        ),
        (
            builder()
                .probe(depending("a", "b"), up)
                .probe(depending("b", "a"), up),
            r#"probe "a": depends_on is circular: a -> b -> a"#,
        ),
        (
            builder().probe(
                ProbeSettings {
                    interval: Some(Duration::ZERO),
                    ..quick("a")
                },
                up,
            ),
            r#"probe "a": interval=0ns: want 100 ms to a day"#,
        ),
    ] {
        assert_eq!(builder.start().unwrap_err().to_string(), want);
    }
    let outside = std::thread::spawn(|| builder().start().map(drop));
    assert_eq!(
        outside.join().unwrap().unwrap_err().to_string(),
        "health needs a tokio runtime: start it within one"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_not_known() {
    let health = builder()
        .clock(RuntimeClock::new())
        .probe(quick("db").critical(), || async { Outcome::up() })
        .start()
        .unwrap();
    health.started();
    sleep(SECOND * 5 / 2).await;
    assert_eq!(health.state(), HealthState::Up);
    // Nobody looks any more: three intervals and the time-out later it is told.
    health.stop();
    sleep(3 * SECOND).await;
    assert_eq!(health.state(), HealthState::Up);
    sleep(2 * SECOND).await;
    assert_eq!(health.state(), HealthState::Unknown);
    let said = reason(&health, "db");
    let want = "unknown: not checked since 2026-11-29T06:21:49.";
    assert!(said.starts_with(want), "{said}");
    assert_eq!(health.respond("/healthz").unwrap().status, 503);
}

fn statuses(health: &HealthRegistry) -> [u16; 4] {
    ["/livez", "/readyz", "/startupz", "/healthz"].map(|it| health.respond(it).unwrap().status)
}

#[tokio::test(start_paused = true)]
async fn endpoints_follow_a_life() {
    let is_up = Arc::new(AtomicUsize::new(0));
    let asking = Arc::clone(&is_up);
    let health = builder()
        .probe(quick("db").critical(), move || {
            let is_up = asking.load(Ordering::SeqCst) == 1;
            async move { if is_up { Ok(()) } else { Err("refused") } }
        })
        .start()
        .unwrap();
    let body = |path: &str| health.respond(path).unwrap().body;
    assert_eq!(statuses(&health), [200, 503, 503, 503]);
    assert_eq!(
        body("/startupz"),
        "the service did not say that it started\ndb was not up yet: not checked yet\n"
    );
    sleep(2 * SECOND).await;
    health.started();
    assert_eq!(statuses(&health), [200, 503, 503, 503]);
    assert_eq!(body("/readyz"), "db was not up yet: refused\n");
    is_up.store(1, Ordering::SeqCst);
    sleep(2 * SECOND).await;
    assert_eq!(statuses(&health), [200, 200, 200, 200]);
    assert_eq!(body("/readyz"), "ok\n");
    // What is down later takes requests away, and no more than that.
    is_up.store(0, Ordering::SeqCst);
    sleep(2 * SECOND).await;
    assert_eq!(statuses(&health), [200, 503, 200, 503]);
    assert_eq!(body("/readyz"), "db is down: refused\n");
    assert_eq!(
        body("/readyz?verbose"),
        "[-]db is down: refused\ndb is down: refused\nreadyz check failed\n"
    );
    assert_eq!(
        body("/livez?verbose=1"),
        "[-]db is down: refused\nlivez check passed\n"
    );
    is_up.store(1, Ordering::SeqCst);
    sleep(2 * SECOND).await;
    assert_eq!(body("/healthz?verbose"), "[+]db ok\nhealthz check passed\n");
    health.begin_drain();
    assert_eq!(statuses(&health), [200, 503, 200, 200]);
    assert_eq!(body("/readyz"), "the service drains\n");
    health.fail_liveness("the index is\nbroken");
    health.fail_liveness("something else");
    assert_eq!(statuses(&health), [503, 503, 200, 200]);
    assert_eq!(body("/livez"), "the index is broken\n");
    assert_eq!(health.respond("/metrics"), None);
    assert_eq!(health.respond("/livez/"), None);
}

#[tokio::test(start_paused = true)]
async fn the_report_is_json() {
    let health = builder()
        .clock(RuntimeClock::new())
        .probe(
            ProbeSettings {
                jitter: 0.0,
                ..quick("db")
            },
            || async {
                sleep(SECOND / 4).await;
                Outcome::down("refused")
            },
        )
        .start()
        .unwrap();
    sleep(SECOND).await;
    let answer = health.respond("/healthz").unwrap();
    assert_eq!(
        (answer.status, answer.content_type),
        (200, "application/json")
    );
    let read: Value = serde_json::from_str(&answer.body).unwrap();
    let want = json!({
        "state": "degraded", "reasons": ["db is down: refused"], "is_live": true,
        "is_ready": false, "is_started": false, "is_draining": false,
        "probes": [{
            "name": "db", "state": "down", "reason": "refused", "criticality": "important",
            "since_ms": 1_795_933_307_250_i64, "checked_ms": 1_795_933_307_250_i64,
            "duration_seconds": 0.25, "failures": 1,
        }],
    });
    assert_eq!(read, want);
}

#[tokio::test(start_paused = true)]
async fn liveness_depends_on_no_probe() {
    let mut builder = builder();
    for number in 0..100 {
        let settings = quick(&format!("probe-{number}")).critical();
        builder = match number % 4 {
            0 => builder.probe(settings, || async { Outcome::down("refused") }),
            1 => builder.probe(settings, pending::<Outcome>),
            2 => builder.probe(settings, panics_early),
            _ => builder.probe(settings, || async { Outcome::degraded("slow") }),
        };
    }
    let health = builder.start().unwrap();
    for _ in 0..60 {
        assert_eq!(health.live_problems(), Vec::<String>::new());
        assert_eq!(health.respond("/livez").unwrap().body, "ok\n");
        sleep(SECOND).await;
    }
    assert_eq!(health.state(), HealthState::Down);
    assert_eq!(health.report().reasons.len(), 21);
    assert_eq!(health.report().reasons[20], "80 more");
}

#[test]
fn a_runtime_that_runs_nothing_is_not_live() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap();
    let health = {
        let _entered = runtime.enter();
        builder().stuck_after(Some(SECOND / 4)).start().unwrap()
    };
    // Nobody drives it.
    let begun = Instant::now();
    while health.live_problems().is_empty() && begun.elapsed() < LONG {
        std::thread::yield_now();
    }
    let body = health.respond("/livez").unwrap().body;
    assert!(body.starts_with("the runtime ran nothing for "), "{body}");
    runtime.block_on(async {
        while !health.live_problems().is_empty() && begun.elapsed() < 2 * LONG {
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(health.respond("/livez").unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn asking_checks_nothing() {
    let checks = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&checks);
    let health = builder()
        .probe(quick("db"), move || {
            counting.fetch_add(1, Ordering::SeqCst);
            async { Outcome::up() }
        })
        .start()
        .unwrap();
    sleep(SECOND / 2).await;
    for _ in 0..1_000 {
        assert_eq!(health.respond("/healthz").unwrap().status, 200);
        tokio::task::yield_now().await;
    }
    assert_eq!(checks.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_probes_are_told_apart() {
    let mut builder = builder();
    for number in 0..1_000 {
        let settings = ProbeSettings {
            failure_threshold: 3,
            ..quick(&format!("probe-{number:03}"))
        };
        let checks = AtomicU64::new(0);
        builder = match number % 5 {
            0 => builder.probe(settings, || async { Outcome::up() }),
            1 => builder.probe(settings, pending::<Outcome>),
            2 => builder.probe(settings, panics_early),
            3 => builder.probe(settings, move || {
                let is_up = checks.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
                async move { if is_up { Ok(()) } else { Err("refused") } }
            }),
            _ => builder.probe(settings, || async {
                sleep(SECOND * 3 / 4).await;
                Outcome::up()
            }),
        };
    }
    let health = builder.start().unwrap();
    sleep(20 * SECOND).await;
    let report = health.report();
    for (number, probe) in report.probes.iter().enumerate() {
        let want = match number % 5 {
            0 | 3 => HealthState::Up,
            _ => HealthState::Down,
        };
        assert_eq!(probe.state, want, "{probe:?}");
    }
}

#[derive(Debug, Default)]
struct Lines(Mutex<Vec<(String, Value)>>);

impl Sink for Lines {
    fn take(&self, event: &Event<'_>) {
        let line = format!("{} {}", event.level, event.name);
        self.0.lock().unwrap().push((line, event.payload.clone()));
    }

    fn flush(&self, _: Duration) -> Result<(), FlushError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn changes_are_told_and_numbers_are_kept() {
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let lines = Arc::new(Lines::default());
    telemetry.add_sink(Arc::clone(&lines) as Arc<dyn Sink>);
    let checks = AtomicU64::new(0);
    let health = builder()
        .telemetry(&telemetry)
        .probe(quick("db").critical(), move || {
            let is_up = checks.fetch_add(1, Ordering::SeqCst) == 0;
            async move { if is_up { Ok(()) } else { Err("refused") } }
        })
        .start()
        .unwrap();
    sleep(SECOND * 7 / 2).await;
    let told = std::mem::take(&mut *lines.0.lock().unwrap());
    let want = [
        (
            "info health_changed",
            json!({"probe": "db", "from": "unknown", "to": "up", "reason": ""}),
        ),
        (
            "info health_changed",
            json!({"probe": null, "from": "unknown", "to": "up", "reason": ""}),
        ),
        (
            "error health_changed",
            json!({"probe": "db", "from": "up", "to": "down", "reason": "refused"}),
        ),
        (
            "error health_changed",
            json!({"probe": null, "from": "up", "to": "down", "reason": "db is down: refused"}),
        ),
    ];
    assert_eq!(told, want.map(|(line, payload)| (line.to_owned(), payload)));
    let text = String::from_utf8(telemetry.render(Format::Prometheus)).unwrap();
    for line in [
        "health_probe_state{probe=\"db\",state=\"up\"} 0\n",
        "health_probe_state{probe=\"db\",state=\"down\"} 1\n",
        "health_state{state=\"down\"} 1\n",
        "health_state{state=\"unknown\"} 0\n",
        "health_probe_duration_seconds_count{probe=\"db\"} 4\n",
        // The same bounds for all probes, whatever they took: `sum by (le)` of text is right.
        "health_probe_duration_seconds_bucket{probe=\"db\",le=\"0.01\"} ",
        "health_probe_duration_seconds_bucket{probe=\"db\",le=\"81.92\"} 4\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    health.stop();
}

/// How many tasks there are when all that are about to end did.
async fn alive_tasks() -> usize {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    Handle::current().metrics().num_alive_tasks()
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_after_the_end() {
    for is_stopped in [true, false] {
        let mut builder = builder();
        for number in 0..50 {
            builder = builder.probe(quick(&format!("p{number}")), pending::<Outcome>);
        }
        let health = builder.start().unwrap();
        sleep(SECOND / 4).await;
        assert!(alive_tasks().await >= 100);
        let mut changes = health.changes();
        if is_stopped {
            health.stop();
            health.stop();
            assert_eq!(alive_tasks().await, 0);
            assert!(health.report().is_draining);
            assert_eq!(
                health.respond("/readyz").unwrap().body,
                "the health registry is stopped\n"
            );
        }
        drop(health);
        assert_eq!(alive_tasks().await, 0);
        while changes.changed().await {}
    }
}

#[tokio::test]
async fn probes_of_a_configuration_look() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).await.unwrap();
            let is_authorized = request[..count].windows(8).any(|it| it == b"x-key: 1");
            let answer: &[u8] = match is_authorized {
                true => b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
                false => b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
            };
            // A probe of connections does not wait for it.
            let _sent = stream.write_all(answer).await;
        }
    });
    let url = format!("http://{address}/v1/models");
    let configs = [
        json!({"name": "tcp", "check": {"kind": "tcp", "address": address}}),
        json!({"name": "provider", "check": {"kind": "http", "url": url, "headers": {"x-key": "1"}}}),
        json!({"name": "stranger", "check": {"kind": "http", "url": url}}),
        json!({"name": "disk", "check": {"kind": "disk", "path": "/", "free_bytes_min": "1B"}}),
        json!({"name": "memory", "check": {"kind": "memory", "used_share_max": 1.0}}),
        json!({"name": "lag", "check": {"kind": "event_loop_lag", "lag_max": "1h"}}),
        json!({"name": "jobs", "check": {"kind": "queue", "queue": "jobs", "depth_max": 5}}),
        json!({"name": "tools", "check": {"kind": "tools", "registry": "main"}}),
    ];
    let configs: Vec<ProbeConfig> = configs
        .into_iter()
        .map(|it| from_value(it).unwrap())
        .collect();
    let factory = ProbeFactory::new()
        .queue("jobs", || QueueLoad {
            depth: 6,
            oldest_age: None,
        })
        .tools("main", Vec::new);
    let settings = Settings {
        probe_interval: SECOND / 10,
        ..Settings::default()
    };
    let health = HealthRegistry::builder(&settings)
        .configure(&factory, configs)
        .unwrap()
        .start()
        .unwrap();
    wait_until(&health, |it| {
        it.probes.iter().all(|it| it.state != HealthState::Unknown)
    })
    .await;
    let down: Vec<String> = health.report().reasons;
    assert_eq!(
        down,
        [
            "jobs is down: 6 wait, want at most 5".to_owned(),
            format!("stranger is down: {address}/v1/models answers 401"),
        ]
    );
    assert!(
        health
            .report()
            .probes
            .iter()
            .all(|it| it.criticality == Criticality::Important)
    );
    server.abort();
}

#[cfg(feature = "axum")]
#[tokio::test(start_paused = true)]
async fn routes_answer_as_the_function_does() {
    use axum::body::Body;
    use axum::http::{Method, Request};
    use tower::ServiceExt as _;

    let health = builder()
        .probe(quick("db").critical(), || async { Outcome::up() })
        .start()
        .unwrap();
    sleep(2 * SECOND).await;
    let routes: axum::Router = bellwether_sdk::health::routes(&health);
    let app = axum::Router::new()
        .nest("/internal", routes.clone())
        .merge(routes);
    let ask = async |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path);
        let answer = app
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await;
        let answer = answer.unwrap();
        let kind = answer.headers().get("content-type").cloned();
        (
            answer.status().as_u16(),
            kind.map_or_else(String::new, |it| it.to_str().unwrap().to_owned()),
        )
    };
    let text = || "text/plain; charset=utf-8".to_owned();
    assert_eq!(ask(Method::GET, "/livez").await, (200, text()));
    assert_eq!(ask(Method::HEAD, "/readyz").await, (503, text()));
    assert_eq!(
        ask(Method::GET, "/internal/startupz?verbose").await,
        (503, text())
    );
    let json = || "application/json".to_owned();
    assert_eq!(ask(Method::GET, "/healthz").await, (200, json()));
    assert_eq!(ask(Method::GET, "/healthz?verbose").await, (200, text()));
    assert_eq!(ask(Method::POST, "/livez").await.0, 405);
    health.started();
    assert_eq!(ask(Method::GET, "/readyz").await, (200, text()));
}

#[cfg(feature = "grpc")]
#[tokio::test(start_paused = true)]
async fn grpc_clients_check_and_watch() {
    use tonic::Code;
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_check_response::ServingStatus::{
        self, NotServing, ServiceUnknown, Serving, Unknown,
    };
    use tonic_health::pb::health_client::HealthClient;

    let is_up = Arc::new(AtomicUsize::new(1));
    let asking = Arc::clone(&is_up);
    let health = builder()
        .probe(quick("db").critical(), move || {
            let is_up = asking.load(Ordering::SeqCst) == 1;
            async move { if is_up { Ok(()) } else { Err("refused") } }
        })
        .start()
        .unwrap();
    let client = HealthClient::new(bellwether_sdk::health::grpc_service(&health));
    let request = |service: &str| HealthCheckRequest {
        service: service.to_owned(),
    };
    let check = async |service: &str| {
        let answer = client.clone().check(request(service)).await;
        answer
            .map(|it| it.into_inner().status())
            .map_err(|it| it.code())
    };
    assert_eq!(check("").await, Ok(NotServing));
    assert_eq!(check("livez").await, Ok(Serving));
    assert_eq!(check("db").await, Ok(Unknown));
    assert_eq!(check("mail").await, Err(Code::NotFound));
    let watch = async |service: &str| {
        client
            .clone()
            .watch(request(service))
            .await
            .unwrap()
            .into_inner()
    };
    let mut strange = watch("mail").await;
    assert_eq!(
        strange.message().await.unwrap().unwrap().status(),
        ServiceUnknown
    );
    let mut ready = watch("").await;
    let mut next =
        async || -> Option<ServingStatus> { ready.message().await.unwrap().map(|it| it.status()) };
    assert_eq!(next().await, Some(NotServing));
    health.started();
    assert_eq!(next().await, Some(Serving));
    assert_eq!(check("db").await, Ok(Serving));
    assert_eq!(check("startupz").await, Ok(Serving));
    is_up.store(0, Ordering::SeqCst);
    assert_eq!(next().await, Some(NotServing));
    assert_eq!(check("readyz").await, Ok(NotServing));
    is_up.store(1, Ordering::SeqCst);
    assert_eq!(next().await, Some(Serving));
    health.stop();
    assert_eq!(next().await, Some(NotServing));
    assert_eq!(next().await, None);
    assert_eq!(strange.message().await.unwrap(), None);
}
