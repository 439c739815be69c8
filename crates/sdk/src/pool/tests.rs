use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use tokio::sync::Semaphore;

use super::*;
use crate::SERIES_MAX_DEFAULT;

const LONG: Duration = Duration::from_secs(60);

fn telemetry() -> Telemetry {
    Telemetry::new(SERIES_MAX_DEFAULT)
}

fn settings(workers: usize, queue_max: usize, when_full: WhenFull) -> PoolSettings {
    PoolSettings {
        workers,
        workers_min: 0,
        workers_max: 64,
        queue_max,
        when_full,
        ..PoolSettings::new("test")
    }
}

/// A pool, what lets its jobs go, and the jobs that have begun.
type Gated = (Pool<u64, u64>, Arc<Semaphore>, Arc<Mutex<Vec<u64>>>);

/// A pool whose jobs wait until they are let go.
fn gated(settings: PoolSettings) -> Gated {
    let gate = Arc::new(Semaphore::new(0));
    let begun = Arc::new(Mutex::new(Vec::new()));
    let (inner, order) = (Arc::clone(&gate), Arc::clone(&begun));
    let pool = Pool::start(settings, &telemetry(), move |job: Arc<u64>| {
        let (gate, order) = (Arc::clone(&inner), Arc::clone(&order));
        async move {
            order.lock().push(*job);
            gate.acquire().await.map_err(Failure::give_up)?.forget();
            Ok(*job)
        }
    });
    (pool.unwrap(), gate, begun)
}

#[tokio::test(start_paused = true)]
async fn the_urgent_come_first() {
    let (pool, gate, begun) = gated(settings(1, 10, WhenFull::Wait));
    let mut handles = vec![pool.submit(0, Priority::Normal).await.unwrap()];
    tokio::time::sleep(Duration::from_millis(1)).await;
    for (number, priority) in [
        (1, Priority::Low),
        (2, Priority::Normal),
        (3, Priority::High),
    ] {
        handles.push(pool.submit(number, priority).await.unwrap());
    }
    assert_eq!((pool.status().running, pool.status().waiting), (1, 3));
    gate.add_permits(4);
    for handle in handles {
        handle.await.unwrap();
    }
    assert_eq!(*begun.lock(), [0, 3, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_waits_refuses_or_sheds() {
    let (pool, gate, _) = gated(settings(0, 1, WhenFull::Wait));
    let first = pool.submit(1, Priority::Normal).await.unwrap();
    let second = pool.submit(2, Priority::Normal);
    let mut second = std::pin::pin!(second);
    assert!(
        tokio::time::timeout(LONG, second.as_mut()).await.is_err(),
        "waits"
    );
    let refused = pool.try_submit(3, Priority::High).unwrap_err();
    assert_eq!(refused, SubmitError::Full(3));
    gate.add_permits(10);
    assert_eq!(pool.resize(1), 1);
    assert_eq!(first.await, Ok(1));
    assert_eq!(second.await.unwrap().await, Ok(2));

    let (pool, _, _) = gated(settings(0, 1, WhenFull::ShedOldest));
    let low = pool.submit(1, Priority::Normal).await.unwrap();
    let high = pool.submit(2, Priority::High).await.unwrap();
    assert_eq!(low.await, Err(JobError::Shed));
    let refused = pool.submit(3, Priority::Normal).await.unwrap_err();
    assert_eq!(refused, SubmitError::Full(3));
    drop(pool);
    assert_eq!(high.await, Err(JobError::Ended));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_is_tried_again_gives_no_place_away_when_it_is_shed() {
    let mut settings = settings(1, 2, WhenFull::ShedOldest);
    settings.retries = Retries {
        budget_ratio: 1.0,
        ..Retries::up_to(2)
    };
    let pool = Pool::start(settings, &telemetry(), |_: Arc<()>| async move {
        Err::<(), _>(Failure::retry("not yet"))
    });
    let pool = pool.unwrap();
    for _ in 0..10 {
        pool.resize(1);
        pool.submit_detached((), Priority::Low).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        pool.resize(0);
        // It waits for its second attempt, and then for a worker.
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(pool.status().waiting, 1);
        for _ in 0..5 {
            pool.submit_detached((), Priority::Normal).await.unwrap();
        }
        assert_eq!(pool.status().waiting, 3, "two places, and the one without");
        pool.resize(1);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(pool.status().waiting, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn panics_time_outs_and_cancellations_harm_nobody_else() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "dropped");
        }
    }
    let mut settings = settings(1, 10, WhenFull::Wait);
    settings.timeout = Some(Duration::from_secs(5));
    let telemetry = telemetry();
    let pool = Pool::start(settings, &telemetry, |job: Arc<&'static str>| {
        assert!(*job != "at once", "in the handler");
        async move {
            match *job {
                "later" => {
                    tokio::task::yield_now().await;
                    let number: Result<u8, _> = "x".parse();
                    number.unwrap();
                }
                "bomb" => {
                    let _bomb = Bomb;
                    return Ok(1);
                }
                "hang" => std::future::pending().await,
                _ => {}
            }
            Ok(0)
        }
    })
    .unwrap();
    let run = async |job| pool.submit(job, Priority::Normal).await.unwrap().await;
    assert!(
        matches!(run("at once").await, Err(JobError::Panicked(text)) if text.contains("in the handler"))
    );
    assert!(matches!(run("later").await, Err(JobError::Panicked(_))));
    assert!(matches!(run("bomb").await, Err(JobError::Panicked(_))));
    assert_eq!(
        run("hang").await,
        Err(JobError::TimedOut(Duration::from_secs(5)))
    );
    drop(pool.submit("hang", Priority::Normal).await.unwrap());
    assert_eq!(run("fine").await, Ok(0));
    assert_eq!(pool.drain(LONG).await, Drained { left_count: 0 });
    let tasks = telemetry.counter_family("worker_pool_tasks", "", ["pool", "result"]);
    let count = |result| tasks.with(["test", result]).get();
    assert_eq!(
        (
            count("done"),
            count("panicked"),
            count("timed_out"),
            count("cancelled")
        ),
        (1, 3, 1, 1)
    );
}

/// Panics as it is dropped.
#[derive(Debug)]
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            std::panic::panic_any(Fuse);
        }
    }
}

/// What it panics with, which panics too.
struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped");
    }
}

/// What is told of a pool, as it was shown last.
fn shown(telemetry: &Telemetry) -> [f64; 4] {
    [
        "workers",
        "workers_target",
        "tasks_running",
        "tasks_waiting",
    ]
    .map(|what| {
        let name = format!("worker_pool_{what}").leak();
        telemetry
            .gauge_family(name, "", ["pool"])
            .with(["test"])
            .get()
    })
}

#[tokio::test(start_paused = true)]
async fn jobs_and_results_that_panic_as_they_are_dropped_harm_nobody() {
    let (telemetry, handler) = (telemetry(), |_: Arc<Bomb>| async move { Ok(Bomb) });
    let settings = settings(1, 1, WhenFull::ShedOldest);
    let pool = Pool::start(settings, &telemetry, handler).unwrap();
    let turn = || tokio::time::sleep(Duration::from_millis(1));
    let submit = || pool.submit(Bomb, Priority::Normal);
    // A worker that is gone is waited for in vain.
    let ended = |job| async { tokio::time::timeout(LONG, job).await.expect("it ends") };
    for _ in 0..3 {
        // Run for nobody; cancelled; shed; run for somebody.
        pool.submit_detached(Bomb, Priority::Normal).await.unwrap();
        turn().await;
        drop(submit().await.unwrap());
        turn().await;
        let shed = submit().await.unwrap();
        let run = submit().await.unwrap();
        assert_eq!(
            ended(shed)
                .await
                .map(std::mem::ManuallyDrop::new)
                .unwrap_err(),
            JobError::Shed
        );
        assert!(ended(run).await.map(std::mem::ManuallyDrop::new).is_ok());
    }
    assert_eq!((pool.status().workers, pool.status().running), (1, 0));
    pool.resize(0);
    turn().await;
    let waits = submit().await.unwrap();
    drop(pool);
    assert_eq!(
        ended(waits)
            .await
            .map(std::mem::ManuallyDrop::new)
            .unwrap_err(),
        JobError::Ended
    );
}

/// One that cannot even tell what went wrong.
struct Mute;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Mute {
    fn on_event(&self, _: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        std::panic::panic_any("no words");
    }
}

#[tokio::test(start_paused = true)]
async fn workers_that_die_are_replaced_and_their_jobs_end() {
    use tracing_subscriber::prelude::*;
    let _mute = tracing_subscriber::registry().with(Mute).set_default();
    let settings = settings(2, 10, WhenFull::Wait);
    let handler = |_: Arc<Option<Bomb>>| async move { Ok(()) };
    let pool = Pool::start(settings, &telemetry(), handler).unwrap();
    let run = async |job| {
        let job = pool.submit(job, Priority::Normal).await.unwrap();
        tokio::time::timeout(LONG, job).await.expect("it ends")
    };
    for _ in 0..10 {
        assert!(run(Some(Bomb)).await.is_err());
        assert_eq!(run(None).await, Ok(()));
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!((pool.status().workers, pool.status().running), (2, 0));
    assert_eq!(pool.drain(LONG).await.left_count, 0);
}

#[tokio::test(start_paused = true)]
async fn the_longest_times_are_as_good_as_none() {
    let mut settings = settings(1, 10, WhenFull::Wait);
    settings.timeout = Some(Duration::MAX);
    settings.retries = Retries {
        pause_min: Duration::ZERO,
        pause_max: Duration::MAX,
        ..Retries::up_to(2)
    };
    let pool = Pool::start(settings, &telemetry(), |_: Arc<()>| async move {
        tokio::time::sleep(LONG).await;
        Err::<(), _>(Failure::retry("not yet"))
    });
    let pool = pool.unwrap();
    let autoscale = Autoscale {
        interval: Duration::MAX,
        startup: Duration::MAX,
        ..Autoscale::new(scale::Policy::predictive(1, 10))
    };
    pool.autoscale(autoscale).unwrap();
    let job = pool.submit((), Priority::Normal).await.unwrap();
    assert_eq!(job.await, Err(JobError::Failed("not yet".to_owned())));
    // To the first decision, and to the second one's time.
    tokio::time::advance(Duration::from_secs(366 * 86_400)).await;
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert!(pool.last_decision().is_some());
    assert_eq!(pool.drain(Duration::MAX).await.left_count, 0);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_has_ended_shows_nothing() {
    let telemetry = telemetry();
    for is_dropped in [false, true] {
        let handler = |_: Arc<()>| std::future::pending::<Result<(), Failure>>();
        let pool = Pool::start(settings(2, 10, WhenFull::Wait), &telemetry, handler).unwrap();
        for _ in 0..5 {
            pool.submit_detached((), Priority::Normal).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(shown(&telemetry), [2.0, 2.0, 2.0, 3.0]);
        match is_dropped {
            true => drop(pool),
            false => {
                assert_eq!(pool.drain(Duration::ZERO).await.left_count, 5);
                assert_eq!(pool.resize(3), 0, "it has ended");
            }
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(shown(&telemetry), [0.0; 4]);
    }
}

#[test]
fn a_pool_whose_runtime_has_ended_shows_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let telemetry = telemetry();
    let pool = runtime.block_on(async {
        let handler = |_: Arc<()>| std::future::pending::<Result<(), Failure>>();
        let pool = Pool::start(settings(2, 10, WhenFull::Wait), &telemetry, handler).unwrap();
        pool.submit_detached((), Priority::Normal).await.unwrap();
        while shown(&telemetry)[0] < 2.0 {
            tokio::task::yield_now().await;
        }
        pool
    });
    drop(runtime);
    assert_eq!(shown(&telemetry), [0.0; 4]);
    drop(pool);
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_tried_again_within_the_budget() {
    let attempts = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&attempts);
    let mut settings = settings(2, 100, WhenFull::Wait);
    settings.retries = Retries::up_to(3);
    let pool = Pool::start(settings, &telemetry(), move |succeeds_at: Arc<u64>| {
        let attempt = count.fetch_add(1, Ordering::SeqCst) + 1;
        async move {
            match attempt >= *succeeds_at {
                true => Ok(attempt),
                false => Err(Failure::retry("not yet")),
            }
        }
    })
    .unwrap();
    let begun = tokio::time::Instant::now();
    assert_eq!(pool.submit(3, Priority::Normal).await.unwrap().await, Ok(3));
    // 100 ms and 200 ms.
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let never = pool.submit(u64::MAX, Priority::Normal).await.unwrap();
    assert_eq!(never.await, Err(JobError::Failed("not yet".to_owned())));
    assert_eq!(attempts.load(Ordering::SeqCst), 6);
    // Draining waits for further attempts; their end comes from the end of patience.
    let waits = pool.submit(u64::MAX, Priority::Normal).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(pool.drain(Duration::from_millis(10)).await.left_count, 1);
    assert_eq!(waits.await, Err(JobError::Ended));
    assert!(matches!(
        pool.submit(1, Priority::Low).await,
        Err(SubmitError::Ended(1))
    ));
}

#[tokio::test(start_paused = true)]
async fn draining_waits_for_what_runs_and_waits() {
    let (pool, gate, _) = gated(settings(2, 10, WhenFull::Wait));
    let mut handles = Vec::new();
    for number in 0..5 {
        handles.push(pool.submit(number, Priority::Normal).await.unwrap());
    }
    let letting_go = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        gate.add_permits(3);
    };
    let (drained, ()) = tokio::join!(pool.drain(Duration::from_secs(10)), letting_go);
    assert_eq!(drained.left_count, 2);
    let mut results = Vec::new();
    for handle in handles {
        results.push(handle.await.is_ok());
    }
    assert_eq!(results.iter().filter(|is_ok| **is_ok).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_pool_grows_with_its_load_and_shrinks_when_it_is_over() {
    let pool = Pool::start(
        settings(1, 10_000, WhenFull::Wait),
        &telemetry(),
        |seconds: Arc<u64>| async move {
            tokio::time::sleep(Duration::from_secs(*seconds)).await;
            Ok::<(), Failure>(())
        },
    )
    .unwrap();
    pool.autoscale(Autoscale::new(scale::Policy::predictive(1, 1_000)))
        .unwrap();
    // Ten seconds of work a second, for ten minutes.
    let mut handles = Vec::new();
    for _ in 0..600 {
        for _ in 0..5 {
            handles.push(pool.submit(2, Priority::Normal).await.unwrap());
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let busy = pool.status();
    assert!((10..=40).contains(&busy.target), "{busy:?}");
    assert!(busy.waiting < 20, "{busy:?}");
    for handle in handles {
        assert_eq!(handle.await, Ok(()));
    }
    // Held for a while, then down to the least; bounds are those of the pool and of the policy.
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(pool.status().target, busy.target);
    // The head-room for bursts that were seen is remembered for two hours.
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    assert!(pool.status().target <= 4, "{:?}", pool.status());
    tokio::time::sleep(Duration::from_secs(7_200)).await;
    let decision = pool.last_decision().unwrap();
    assert_eq!(
        (pool.status().target, pool.status().workers),
        (1, 1),
        "{decision}"
    );
}

#[test]
fn settings_that_make_no_sense_are_told() {
    for (change, want) in [
        (
            (|s| s.workers_max = 0) as fn(&mut PoolSettings),
            "pool test: workers_max is 0: want 1 to 100000",
        ),
        (
            |s| s.workers_min = 65,
            "pool test: workers_min is 65: want at most workers_max",
        ),
        (
            |s| s.workers = 65,
            "pool test: workers is 65: want workers_min to workers_max",
        ),
        (
            |s| s.queue_max = 0,
            "pool test: queue_max is 0: want 1 to 1073741824",
        ),
    ] {
        let mut wrong = settings(1, 1, WhenFull::Wait);
        change(&mut wrong);
        assert_eq!(check(&wrong).unwrap_err().to_string(), want);
    }
}

/// What happens to a pool between two jobs.
#[derive(Debug, Clone)]
enum Step {
    Resize(usize),
    Cancel,
    Panic,
    Pause,
    Submit(Priority),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let priority = prop_oneof![
        Just(Priority::Low),
        Just(Priority::Normal),
        Just(Priority::High)
    ];
    let step = prop_oneof![
        2 => (0usize..20).prop_map(Step::Resize),
        1 => Just(Step::Cancel),
        1 => Just(Step::Panic),
        1 => Just(Step::Pause),
        4 => priority.prop_map(Step::Submit),
    ];
    proptest::collection::vec(step, 1..2_000)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Through resizes, panics and cancellations: what is wanted runs once, what is cancelled at most
    /// once, and everything ends.
    #[test]
    fn no_job_is_lost_or_runs_twice(steps in steps(), threads in 1usize..4) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let runs: Arc<Vec<AtomicU64>> = Arc::new(steps.iter().map(|_| AtomicU64::new(0)).collect());
            let ran = Arc::clone(&runs);
            let pool = Pool::start(settings(3, 50, WhenFull::Wait), &telemetry(), move |job: Arc<(usize, bool)>| {
                let ran = Arc::clone(&ran);
                async move {
                    let (number, panics) = *job;
                    ran[number].fetch_add(1, Ordering::SeqCst);
                    if number % 3 == 0 {
                        tokio::task::yield_now().await;
                    }
                    assert!(!panics, "as it is told");
                    Ok(number)
                }
            })
            .unwrap();
            let (mut wanted, mut cancelled) = (Vec::new(), Vec::new());
            for (number, step) in steps.iter().enumerate() {
                match step {
                    // With none the queue would fill and nobody would take from it.
                    Step::Resize(workers) => {
                        pool.resize((*workers).max(1));
                    }
                    Step::Pause => tokio::task::yield_now().await,
                    Step::Cancel => {
                        drop(pool.submit((number, false), Priority::Normal).await.unwrap());
                        cancelled.push(number);
                    }
                    Step::Panic => {
                        let handle = pool.submit((number, true), Priority::High).await.unwrap();
                        wanted.push((number, true, handle));
                    }
                    Step::Submit(priority) => {
                        let handle = pool.submit((number, false), *priority).await.unwrap();
                        wanted.push((number, false, handle));
                    }
                }
            }
            for (number, panics, handle) in wanted {
                let result = tokio::time::timeout(LONG, handle).await.expect("every job ends");
                assert_eq!(result.is_err(), panics, "{number}: {result:?}");
                assert_eq!(runs[number].load(Ordering::SeqCst), 1, "{number}");
            }
            assert_eq!(pool.drain(LONG).await.left_count, 0);
            for number in cancelled {
                assert!(runs[number].load(Ordering::SeqCst) <= 1, "{number}");
            }
        });
    }
}

/// What a submitter does with its turn.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// Waits for a place and for the result.
    Wait,
    /// Gives up when there is no place at once.
    GiveUp,
    /// Takes what there is.
    Try,
    /// Waits for a place and does not want the result any more.
    Cancel,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Many submitters of a short queue, some of which go away while they wait: who waits gets a place,
    /// each job that was taken ends, and in the end all places are free.
    #[test]
    fn places_are_neither_lost_nor_given_twice(
        turns in proptest::collection::vec(proptest::collection::vec(
            prop_oneof![Just(Turn::Wait), Just(Turn::GiveUp), Just(Turn::Try), Just(Turn::Cancel)], 1..60,
        ), 1..12),
        queue_max in 1usize..9,
        workers in 1usize..4,
        threads in 1usize..4,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let settings = settings(workers, queue_max, WhenFull::Wait);
            let pool = Pool::start(settings, &telemetry(), |job: Arc<usize>| async move {
                if job.is_multiple_of(2) {
                    tokio::task::yield_now().await;
                }
                Ok::<usize, Failure>(*job)
            })
            .unwrap();
            let mut submitters = Vec::new();
            for turns in turns {
                let pool = pool.clone();
                submitters.push(tokio::spawn(async move {
                    for (number, turn) in turns.into_iter().enumerate() {
                        let submit = pool.submit(number, Priority::Normal);
                        match turn {
                            Turn::Wait => assert_eq!(submit.await.unwrap().await, Ok(number)),
                            Turn::Cancel => drop(submit.await.unwrap()),
                            Turn::Try => {
                                if let Ok(handle) = pool.try_submit(number, Priority::High) {
                                    assert_eq!(handle.await, Ok(number));
                                }
                            }
                            Turn::GiveUp => {
                                tokio::select! {
                                    biased;
                                    handle = submit => assert_eq!(handle.unwrap().await, Ok(number)),
                                    () = tokio::task::yield_now() => {}
                                }
                            }
                        }
                    }
                }));
            }
            for submitter in submitters {
                tokio::time::timeout(LONG, submitter).await.expect("nobody waits for ever").unwrap();
            }
            // Nobody takes jobs any more, so that each place can be counted.
            pool.resize(0);
            let is_quiet = || (pool.status().workers, pool.status().waiting) == (0, 0);
            while !is_quiet() {
                let waiting = pool.status().waiting;
                pool.resize(usize::from(waiting > 0));
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            let mut handles = Vec::new();
            while let Ok(handle) = pool.try_submit(0, Priority::Low) {
                handles.push(handle);
            }
            assert_eq!(handles.len(), queue_max);
        });
    }
}
