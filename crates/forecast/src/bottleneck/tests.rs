//! Paths whose causes are known.

use proptest::prelude::*;

use super::*;

const LEN: usize = 80;
const SINCE: usize = 65;

/// Values before and after, with a little noise that is the same in all tests.
fn steps(before: f64, after: f64, salt: usize) -> Vec<f64> {
    (0..LEN)
        .map(|at| {
            let noise = ((at * 7919 + salt * 104_729) % 97) as f64 / 97.0 - 0.5;
            let level = if at < SINCE { before } else { after };
            level * (1.0 + 0.1 * noise)
        })
        .collect()
}

struct Daemon {
    /// Seconds of wait, provider, tool and database; each is called once a request.
    seconds: [(f64, f64); 4],
    tool_calls: (f64, f64),
    arrivals: (f64, f64),
    workers: (f64, f64),
}

impl Daemon {
    /// Ten requests a second that hold a worker for 3 s, and 40 workers.
    const USUAL: Self = Self {
        seconds: [(0.1, 0.1), (2.0, 2.0), (0.9, 0.9), (0.1, 0.1)],
        tool_calls: (1.0, 1.0),
        arrivals: (600.0, 600.0),
        workers: (40.0, 40.0),
    };

    fn ask(&self) -> Bottleneck {
        let seconds: Vec<Vec<f64>> = (0..4)
            .map(|at| steps(self.seconds[at].0, self.seconds[at].1, at))
            .collect();
        let ones = vec![1.0; LEN];
        let tool_calls = steps(self.tool_calls.0, self.tool_calls.1, 7);
        let names = ["queue", "provider", "tool", "database"];
        let stages: Vec<Stage<'_>> = (0..4)
            .map(|at| Stage {
                name: names[at],
                kind: if at == 0 {
                    StageKind::Wait
                } else {
                    StageKind::Work
                },
                seconds: &seconds[at],
                calls: if at == 2 { &tool_calls } else { &ones },
            })
            .collect();
        let whole: Vec<f64> = (0..LEN)
            .map(|step| {
                (0..4)
                    .map(|at| stages[at].seconds[step] * stages[at].calls[step])
                    .sum()
            })
            .collect();
        let path = RequestPath {
            step_ms: 60_000,
            stages: &stages,
            whole: &whole,
            arrivals: &steps(self.arrivals.0, self.arrivals.1, 5),
            workers: &steps(self.workers.0, self.workers.1, 6),
        };
        bottleneck(&path, 0..60, SINCE..LEN).unwrap()
    }
}

#[test]
fn work_that_grew_explains_the_whole() {
    let mut daemon = Daemon::USUAL;
    daemon.seconds[3].1 = 0.6;
    let answer = daemon.ask();
    let first = &answer.causes[0];
    assert_eq!(
        (first.name.as_str(), first.reason),
        ("database", Reason::Slower)
    );
    assert!(first.share > 0.9 && first.confidence > 0.99, "{answer:?}");
    assert!(
        answer.deviations > 3.0 && answer.unexplained < 0.1,
        "{answer:?}"
    );
    assert_eq!(
        first.to_string(),
        "database: 0.10 s to 0.60 s a request, calls take longer; 99 % of the growth"
    );
}

#[test]
fn more_calls_are_told_from_longer_ones() {
    let mut daemon = Daemon::USUAL;
    daemon.tool_calls.1 = 2.5;
    let answer = daemon.ask();
    assert_eq!(
        (answer.causes[0].name.as_str(), answer.causes[0].reason),
        ("tool", Reason::MoreCalls)
    );
}

#[test]
fn longer_calls_are_seen_behind_fewer_of_them() {
    let mut daemon = Daemon::USUAL;
    daemon.seconds[0].1 = 5.0;
    daemon.arrivals.1 = 900.0;
    daemon.seconds[2].1 = 2.0 * daemon.seconds[2].0;
    daemon.tool_calls.1 = 0.4 * daemon.tool_calls.0;
    let names: Vec<String> = daemon.ask().causes.into_iter().map(|it| it.name).collect();
    assert_eq!(names[..2], ["queue", "tool"]);
}

#[test]
fn a_wait_is_put_down_to_what_keeps_workers_busy() {
    let mut daemon = Daemon::USUAL;
    daemon.seconds[1].1 = 3.5;
    daemon.seconds[0].1 = 6.0;
    let answer = daemon.ask();
    let first = &answer.causes[0];
    assert_eq!(first.name, "provider");
    assert!(
        first.induced_seconds > 4.0 && first.share > 0.7,
        "{answer:?}"
    );
}

#[test]
fn a_wait_without_such_a_cause_is_one() {
    let waits = |daemon: Daemon| {
        let first = daemon.ask().causes.remove(0);
        (first.name, first.reason)
    };
    let mut daemon = Daemon::USUAL;
    daemon.seconds[0].1 = 5.0;
    daemon.arrivals.1 = 900.0;
    assert_eq!(waits(daemon), ("queue".to_owned(), Reason::MoreLoad));
    let mut daemon = Daemon::USUAL;
    daemon.seconds[0].1 = 5.0;
    daemon.workers.1 = 25.0;
    assert_eq!(waits(daemon), ("queue".to_owned(), Reason::FewerWorkers));
    // Half of the workers are idle.
    let mut daemon = Daemon::USUAL;
    daemon.seconds[0].1 = 5.0;
    daemon.seconds[1].1 = 3.0;
    daemon.workers = (90.0, 90.0);
    assert_eq!(waits(daemon), ("queue".to_owned(), Reason::Stuck));
}

#[test]
fn nothing_grew() {
    let answer = Daemon::USUAL.ask();
    assert!(answer.deviations.abs() < 3.0, "{answer:?}");
    assert!(
        answer.causes.iter().all(|cause| cause.own_seconds < 0.05),
        "{answer:?}"
    );
}

#[test]
fn refusals_name_what_is_allowed() {
    let ones = [1.0; 10];
    let path = RequestPath {
        step_ms: 1000,
        stages: &[],
        whole: &ones,
        arrivals: &ones[1..],
        workers: &[],
    };
    let text = |path: &RequestPath<'_>, before, after| {
        bottleneck(path, before, after).unwrap_err().to_string()
    };
    assert_eq!(
        text(&path, 0..5, 5..10),
        "arrivals has 9 steps: it must have 10, as the whole has"
    );
    let path = RequestPath {
        arrivals: &ones,
        ..path
    };
    assert_eq!(
        text(&path, 0..5, 8..10),
        "after is 8..10: it must be 3 steps at least, within 0..10, before ahead of after"
    );
    let path = RequestPath {
        whole: &[f64::NAN; 10],
        ..path
    };
    assert_eq!(
        text(&path, 0..5, 5..10),
        "before has no step whose latency and arrivals are known"
    );
}

proptest! {
    #[test]
    fn whatever_comes_nothing_breaks(
        values in prop::collection::vec(prop_oneof![4 => 0.0..10.0f64, 1 => any::<f64>()], 240),
        split in 0..40usize,
        gap in 0..5usize,
    ) {
        let slice = |number: usize| &values[number * 40..(number + 1) * 40];
        let stages = [
            Stage { name: "wait", kind: StageKind::Wait, seconds: slice(0), calls: slice(1) },
            Stage { name: "work", kind: StageKind::Work, seconds: slice(2), calls: slice(3) },
        ];
        let path = RequestPath {
            step_ms: 1000,
            stages: &stages,
            whole: slice(4),
            arrivals: slice(5),
            workers: slice(1),
        };
        if let Ok(answer) = bottleneck(&path, 0..split, split + gap..40) {
            prop_assert_eq!(answer.causes.len(), 2);
            for cause in &answer.causes {
                prop_assert!((0.0..=1.0).contains(&cause.share) && cause.confidence >= 0.5);
            }
            prop_assert!((0.0..=1.0).contains(&answer.unexplained));
        }
    }
}
