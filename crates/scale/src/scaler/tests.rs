use super::*;
use crate::rule::{Backlog, Rule};
use crate::signals::Measured;
use crate::{Reason, RuleName};

const SLOTS: u32 = 8;

/// Signals of a pool with `target` workers, all ready, that were measured just now.
fn seen(seconds: i64, target: u32, busy: f64, waiting: f64, offered: f64) -> Signals {
    let at_ms = seconds * 1000;
    let now = |value| Some(Measured { value, at_ms });
    Signals {
        startup_ms: 60_000,
        busy: now(busy),
        waiting: now(waiting),
        offered: now(offered),
        service_seconds: now(4.0),
        ..Signals::at(at_ms, target, target, SLOTS)
    }
}

fn scaler(policy: Policy) -> Scaler {
    Scaler::new(policy).expect("the policy is valid")
}

fn one_rule(rule: Rule) -> Policy {
    Policy::proportional(1, 100, vec![rule])
}

fn decide(rule: Rule, signals: &Signals) -> Decision {
    scaler(one_rule(rule)).decide(signals)
}

#[test]
fn in_flight_counts_what_waits() {
    let rule = || Rule::InFlight { share: 0.7 };
    // 40 in flight at 5.6 a worker.
    let decision = decide(rule(), &seen(15, 5, 36.0, 4.0, 30.0));
    assert_eq!(decision.workers, 8);
    assert_eq!(decision.reason, Reason::Rule(RuleName::InFlight));
    // 30 in flight are 1.07 of what five workers shall have: within the tolerance.
    let decision = decide(rule(), &seen(15, 5, 30.0, 0.0, 30.0));
    assert_eq!((decision.workers, decision.reason), (5, Reason::Steady));
}

#[test]
fn utilisation_counts_starting_workers_as_idle() {
    let rule = || Rule::Utilisation { share: 0.5 };
    let mut signals = seen(15, 4, 32.0, 100.0, 30.0);
    assert_eq!(decide(rule(), &signals).workers, 8, "a full pool doubles");
    // Two of four ready and full: with the others idle that is half, as it shall be.
    signals.workers_ready = 2;
    signals.busy = signals.busy.map(|busy| Measured {
        value: 16.0,
        ..busy
    });
    assert_eq!(decide(rule(), &signals).reason, Reason::Steady);
}

#[test]
fn latency_at_most_doubles_and_keeps_what_is_busy() {
    let rule = || Rule::Latency { target_ms: 500.0 };
    let mut signals = seen(15, 6, 48.0, 0.0, 40.0);
    let p95 = |value| {
        Some(Measured {
            value,
            at_ms: 15_000,
        })
    };
    signals.latency_p95_ms = p95(700.0);
    assert_eq!(decide(rule(), &signals).workers, 9);
    signals.latency_p95_ms = p95(60_000.0);
    let decision = decide(rule(), &signals);
    assert_eq!(decision.wants[0].workers, Ok(12.0));
    signals.latency_p95_ms = p95(10.0);
    assert_eq!(decide(rule(), &signals).wants[0].workers, Ok(6.0));
}

#[test]
fn backlog_leaves_out_what_is_finished_in_time() {
    let rule = Rule::Backlog(Backlog { drain_ms: 30_000 });
    let wanted = |waiting| {
        let mut scaler = scaler(one_rule(rule.clone()));
        scaler.decide(&seen(15, 5, 24.0, 1.0, 24.0));
        scaler.decide(&seen(30, 5, 40.0, waiting, 24.0)).wants[0].workers
    };
    // 16 slots more than the load of 24 finish 240 requests of 4 s in a minute.
    assert_eq!(wanted(240.0), Ok(3.0));
    // 60 more are 240 s of service, 8 slots for half a minute.
    assert_eq!(wanted(300.0), Ok(4.0));
}

#[test]
fn backlog_counts_starting_workers_for_half_of_the_time() {
    let rule = Rule::Backlog(Backlog { drain_ms: 60_000 });
    let wanted = |target| {
        let mut scaler = scaler(one_rule(rule.clone()));
        scaler.decide(&seen(15, 4, 32.0, 600.0, 32.0));
        let mut signals = seen(30, 4, 32.0, 600.0, 32.0);
        signals.workers_target = target;
        let decision = scaler.decide(&signals);
        decision.wants[0].workers.expect("all is known")
    };
    let (alone, with_two) = (wanted(4), wanted(6));
    // Sixteen slots for half a minute are eight slots less in the minute of the drain.
    assert!((alone - with_two - 1.0).abs() < 1e-9, "{alone} {with_two}");
}

#[test]
fn backlog_that_waits_for_the_first_time_is_a_spike() {
    let mut scaler = scaler(one_rule(Rule::Backlog(Backlog::default())));
    scaler.decide(&seen(15, 5, 24.0, 0.0, 24.0));
    let mut wanted = |seconds, waiting| {
        let decision = scaler.decide(&seen(seconds, 5, 40.0, waiting, 24.0));
        decision.wants[0].workers.expect("all is known")
    };
    let once = wanted(30, 900.0);
    assert!(once < 5.0, "{once}");
    let twice = wanted(45, 900.0);
    assert!(twice > 30.0, "{twice}");
}

#[test]
fn prediction_starts_with_square_root_staffing() {
    let decision = decide(
        Rule::Predicted(Prediction::default()),
        &seen(15, 2, 16.0, 0.0, 25.0),
    );
    let wanted = decision.wants[0].workers.expect("all is known");
    assert!(
        (wanted - (25.0 + 2.95 * 5.0) / 8.0).abs() < 1e-9,
        "{wanted}"
    );
}

#[test]
fn prediction_learns_bursts_and_calm() {
    let wanted_after = |loads: &dyn Fn(i64) -> f64| {
        let mut scaler = scaler(one_rule(Rule::Predicted(Prediction::default())));
        (1..600)
            .map(|i| scaler.decide(&seen(i * 15, 10, 0.0, 0.0, loads(i))))
            .last()
            .and_then(|decision| decision.wants[0].workers.ok())
            .expect("all is known")
    };
    let calm = wanted_after(&|_| 25.0);
    let bursts = wanted_after(&|i| if i % 8 == 0 { 60.0 } else { 20.0 });
    assert!(
        calm < 3.3,
        "{calm}: no head-room is needed where nothing ever moves"
    );
    assert!(bursts > 5.0, "{bursts}");
}

#[test]
fn largest_rule_counts() {
    let rules = vec![
        Rule::InFlight { share: 1.0 },
        Rule::Queue {
            waiting_per_worker: 1.0,
        },
    ];
    let decision =
        scaler(Policy::proportional(1, 100, rules)).decide(&seen(15, 5, 40.0, 7.0, 40.0));
    assert_eq!(decision.workers, 7);
    assert_eq!(decision.reason, Reason::Rule(RuleName::Queue));
}

#[test]
fn refuses_rules_on_the_queue_only() {
    let queue = Rule::Queue {
        waiting_per_worker: 5.0,
    };
    let mut policy = one_rule(queue);
    let error = Scaler::new(policy.clone()).expect_err("a queue alone oscillates");
    assert!(error.to_string().contains("allow_queue_only"), "{error}");
    policy.allow_queue_only = true;
    assert!(Scaler::new(policy.clone()).is_ok());
    policy.allow_queue_only = false;
    policy.rules.push(Rule::InFlight { share: 0.7 });
    assert!(Scaler::new(policy).is_ok());
}

#[test]
fn settings_are_named_when_they_are_refused() {
    type Change = fn(&mut Policy);
    let cases: [(Change, &str); 6] = [
        (
            |p| p.workers_min = 30,
            "workers_min is 30: allowed is at most workers_max",
        ),
        (
            |p| p.rules.clear(),
            "rules is 0 rules: allowed is 1 to 16 rules",
        ),
        (
            |p| p.tolerance = f64::NAN,
            "tolerance is NaN: allowed is 0 to below 1",
        ),
        (
            |p| p.rules.push(Rule::InFlight { share: 1.2 }),
            "rules[2].share is 1.2: allowed is above 0 and at most 1",
        ),
        (
            |p| p.rules[1] = Rule::Backlog(Backlog { drain_ms: 0 }),
            "rules[1].drain_ms is 0: allowed is 1 ms to 7 days",
        ),
        (
            |p| {
                p.rules[0] = Rule::Predicted(Prediction {
                    step_ms: 100,
                    ..Prediction::default()
                });
            },
            "rules[0].history_ms is 7200000: allowed is at most 4096 times step_ms",
        ),
    ];
    for (change, text) in cases {
        let mut policy = Policy::predictive(1, 20);
        change(&mut policy);
        let error = policy.validate().expect_err(text);
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn holds_the_last_decision_while_signals_are_unusable() {
    // As in keda#1850, keda#4249 and keda#8036: an outage of the metrics is no load of zero.
    let mut scaler = scaler(Policy::predictive(0, 20));
    let decided = scaler.decide(&seen(15, 4, 30.0, 10.0, 40.0)).workers;
    assert!(decided > 4);
    let stale = Signals {
        time_ms: 200_000,
        ..seen(15, decided, 0.0, 0.0, 0.0)
    };
    let decision = scaler.decide(&stale);
    assert_eq!(decision.workers, decided);
    assert!(matches!(decision.reason, Reason::Held(_)), "{decision}");
    for broken in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        let decision = scaler.decide(&seen(300, decided, broken, broken, broken));
        assert_eq!(decision.workers, decided, "{decision}");
    }
    let nothing = Signals::at(400_000, decided, decided, SLOTS);
    assert_eq!(scaler.decide(&nothing).workers, decided);
    let none = Signals::at(500_000, 0, 0, SLOTS);
    assert_eq!(scaler.decide(&none).workers, decided);
}

#[test]
fn held_at_zero_means_one() {
    // As in keda#7239: from none, an outage must not mean none for as long as it lasts.
    let mut scaler = scaler(Policy::predictive(0, 20));
    let decision = scaler.decide(&Signals::at(15_000, 0, 0, SLOTS));
    assert_eq!(decision.workers, 1);
}

/// The series of a pool without workers are gone: one worker would rest again, and so on for ever.
#[test]
fn a_pool_that_rests_goes_on_while_nothing_is_seen() {
    let mut policy = Policy::predictive(0, 20);
    (policy.idle_ms, policy.down_hold_ms) = (60_000, 60_000);
    let mut scaler = scaler(policy);
    let mut target = 1;
    for i in 1..=10 {
        target = scaler.decide(&seen(i * 15, target, 0.0, 0.0, 0.0)).workers;
    }
    assert_eq!(target, 0);
    let nothing = |seconds: i64, target| Signals {
        startup_ms: 60_000,
        ..Signals::at(seconds * 1000, target, 0, SLOTS)
    };
    for i in 11..100 {
        let decision = scaler.decide(&nothing(i * 15, 0));
        assert_eq!((decision.workers, decision.reason.name()), (0, "held"));
    }
    let waiting = |value, seconds: i64| Signals {
        waiting: Some(Measured {
            value,
            at_ms: seconds * 1000,
        }),
        ..nothing(seconds, 0)
    };
    // A queue outside of the pool is empty, and then it is not.
    let decision = scaler.decide(&waiting(0.0, 1_500));
    assert_eq!(decision.workers, 0, "{decision}");
    let decision = scaler.decide(&waiting(3.0, 1_515));
    assert_eq!(decision.workers, 1, "{decision}");
    // From one it is never held as none.
    assert_eq!(scaler.decide(&nothing(1_530, 1)).workers, 1);
}

#[test]
fn after_an_outage_the_way_down_opens_late() {
    let mut policy = Policy::predictive(1, 20);
    policy.down_hold_ms = 300_000;
    let mut scaler = scaler(policy);
    let at = |seconds, scaler: &mut Scaler| scaler.decide(&seen(seconds, 10, 8.0, 0.0, 8.0));
    for i in 1..20 {
        assert_eq!(
            at(i * 15, &mut scaler).workers,
            10,
            "the window is not whole"
        );
    }
    scaler.decide(&Signals::at(300_000, 10, 10, SLOTS));
    for i in 21..=40 {
        let decision = at(i * 15, &mut scaler);
        assert_eq!(decision.workers, 10, "{decision}");
    }
    assert!(at(41 * 15, &mut scaler).workers < 10);
}

#[test]
fn one_blind_rule_closes_the_way_down_only() {
    let rules = vec![
        Rule::InFlight { share: 0.7 },
        Rule::Latency { target_ms: 500.0 },
    ];
    let mut policy = Policy::proportional(1, 100, rules);
    policy.down_hold_ms = 0;
    let mut scaler = scaler(policy);
    let decision = scaler.decide(&seen(15, 10, 8.0, 0.0, 8.0));
    assert_eq!(decision.workers, 10);
    assert!(
        matches!(decision.reason, Reason::NotDownBlind(unusable) if unusable.signal == Signal::Latency),
        "{decision}"
    );
    let later = scaler.decide(&seen(150, 2, 20.0, 0.0, 20.0));
    assert_eq!(later.workers, 4);
}

#[test]
fn down_to_the_most_of_the_window_and_not_for_little() {
    let mut policy = one_rule(Rule::InFlight { share: 1.0 });
    policy.down_hold_ms = 60_000;
    policy.down_dead_band = 0.2;
    policy.tolerance = 0.0;
    let mut scaler = scaler(policy);
    let mut at = |seconds, busy| scaler.decide(&seen(seconds, 10, busy, 0.0, busy));
    for (seconds, busy) in [(15, 40.0), (30, 64.0), (45, 24.0), (60, 24.0)] {
        assert_eq!(at(seconds, busy).workers, 10);
    }
    let decision = at(75, 24.0);
    assert_eq!(decision.workers, 8, "{decision}");
    assert_eq!(decision.reason, Reason::NotDownYet { wanted: 3 });
    assert_eq!(
        at(90, 24.0).workers,
        3,
        "what was wanted at 30 s is forgotten"
    );
    assert_eq!(at(105, 72.0).reason, Reason::DeadBand { wanted: 9 });
}

#[test]
fn steps_are_limited_in_their_period() {
    let mut policy = one_rule(Rule::InFlight { share: 1.0 });
    policy.step_up = Some(StepLimit {
        share: 1.0,
        workers: 2,
        period_ms: 60_000,
    });
    policy.step_down = Some(StepLimit {
        share: 0.0,
        workers: 3,
        period_ms: 60_000,
    });
    policy.down_hold_ms = 0;
    let mut scaler = scaler(policy);
    let mut at = |seconds, target, busy| {
        scaler
            .decide(&seen(seconds, target, busy, 0.0, busy))
            .workers
    };
    assert_eq!(at(15, 1, 800.0), 3);
    assert_eq!(at(30, 3, 800.0), 3, "the period has had its step");
    assert_eq!(at(75, 3, 800.0), 6);
    assert_eq!(at(200, 20, 8.0), 17);
    assert_eq!(at(215, 17, 8.0), 17);
    assert_eq!(at(260, 17, 8.0), 14);
}

#[test]
fn a_low_budget_buys_speed() {
    let mut policy = Policy::predictive(1, 100);
    policy.budget_low = Some(0.1);
    policy.down_hold_ms = 0;
    let mut scaler = scaler(policy);
    let with_budget = |mut signals: Signals, value| {
        signals.budget_left = Some(Measured {
            value,
            at_ms: signals.time_ms,
        });
        signals
    };
    let burst = |seconds| seen(seconds, 1, 8.0, 4000.0, 300.0);
    assert_eq!(scaler.decide(&with_budget(burst(15), 0.5)).workers, 5);
    assert_eq!(scaler.decide(&with_budget(burst(30), 0.1)).workers, 100);
    let calm = with_budget(seen(3000, 50, 1.0, 0.0, 1.0), 0.05);
    for i in 0..40 {
        let decision = scaler.decide(&Signals {
            time_ms: calm.time_ms + i * 15_000,
            ..calm
        });
        assert_eq!(decision.workers, 50, "{decision}");
    }
}

#[test]
fn to_zero_only_after_the_cool_down_and_back_at_once() {
    let mut policy = Policy::predictive(0, 20);
    policy.idle_ms = 120_000;
    policy.down_hold_ms = 60_000;
    let mut scaler = scaler(policy);
    let idle = |seconds, target| seen(seconds, target, 0.0, 0.0, 0.0);
    for i in 1..=8 {
        let decision = scaler.decide(&idle(i * 15, 1));
        assert_eq!(decision.workers, 1, "{decision}");
    }
    let decision = scaler.decide(&idle(135, 1));
    assert_eq!(
        (decision.workers, decision.reason),
        (0, Reason::Idle { idle_ms: 120_000 })
    );
    assert_eq!(scaler.decide(&idle(150, 0)).workers, 0);
    let decision = scaler.decide(&seen(165, 0, 0.0, 1.0, 0.0));
    assert!(decision.workers >= 1, "{decision}");
    // A minimum of one means that there is always one.
    let mut other = super::Scaler::new(Policy::predictive(1, 20)).expect("valid");
    let last = (1..200)
        .map(|i| other.decide(&idle(i * 15, 1)).workers)
        .last();
    assert_eq!(last, Some(1));
}

#[test]
fn bounds_go_before_everything() {
    let mut scaler = scaler(Policy::predictive(5, 8));
    let decision = scaler.decide(&seen(15, 50, 400.0, 900.0, 400.0));
    assert_eq!((decision.workers, decision.reason), (8, Reason::Max));
    // A step up from none is four.
    let decision = scaler.decide(&seen(300, 0, 0.0, 0.0, 0.0));
    assert_eq!((decision.workers, decision.reason), (5, Reason::Min));
    let blind = Signals::at(315_000, 9, 9, SLOTS);
    assert_eq!(scaler.decide(&blind).workers, 5);
}

#[test]
fn time_that_went_back_changes_nothing() {
    let mut scaler = scaler(Policy::predictive(1, 20));
    let decided = scaler.decide(&seen(100, 4, 30.0, 0.0, 30.0)).workers;
    let before = scaler.snapshot();
    let decision = scaler.decide(&seen(50, 4, 0.0, 0.0, 0.0));
    assert_eq!(decision.workers, decided);
    assert_eq!(scaler.snapshot().decided, before.decided);
    assert_eq!(scaler.snapshot().steps, before.steps);
}

/// A clock that ran ahead and was set right, perhaps over a restart: not held until it is there again.
#[test]
fn a_clock_that_was_set_back_is_followed() {
    let mut policy = Policy::predictive(1, 20);
    policy.down_hold_ms = 120_000;
    let mut scaler = scaler(policy);
    let ahead = 86_400;
    for i in 0..20 {
        scaler.decide(&seen(ahead + i * 15, 9, 60.0, 0.0, 60.0));
    }
    let decided = scaler.snapshot().decided.unwrap().1;
    scaler = Scaler::restore(scaler.policy().clone(), &scaler.snapshot()).expect("it is sound");
    let decision = scaler.decide(&seen(15, decided, 8.0, 0.0, 8.0));
    assert_eq!(
        decision.workers, decided,
        "the window begins anew: {decision}"
    );
    assert_eq!(decision.reason.name(), "not_down_yet");
    Scaler::restore(scaler.policy().clone(), &scaler.snapshot()).expect("times rise");
    let mut last = decided;
    for i in 2..60 {
        last = scaler.decide(&seen(i * 15, last, 8.0, 0.0, 8.0)).workers;
    }
    assert!(last < decided, "{last}");
    // The number is kept also where nothing is seen then.
    let mut blind = Scaler::restore(scaler.policy().clone(), &scaler.snapshot()).expect("sound");
    let decision = blind.decide(&Signals::at(-900_000, 0, 0, SLOTS));
    assert_eq!(decision.workers, last);
    assert!(!decision.to_string().contains("older than"), "{decision}");
}

/// Such signals are in the order of nothing that is remembered, so a scaler could not be restored.
#[test]
fn time_that_went_back_goes_before_an_impossible_pool() {
    let mut scaler = scaler(Policy::predictive(1, 20));
    scaler.decide(&seen(100, 4, 30.0, 0.0, 30.0));
    let before = scaler.snapshot();
    let impossible = Signals {
        slots_per_worker: 0,
        ..seen(50, 4, 0.0, 0.0, 0.0)
    };
    let decision = scaler.decide(&impossible);
    assert_eq!(decision.reason, Reason::Held(pool(Fault::TimeWentBack)));
    let after = scaler.snapshot();
    assert_eq!(after.targets_low, before.targets_low);
    assert_eq!(after.decided, before.decided);
    Scaler::restore(scaler.policy().clone(), &after).expect("it is sound");
}

#[test]
fn goes_on_from_a_snapshot_as_if_nothing_had_been() {
    let load = |i: i64| 20.0 + f64::from(i as u32 * 7919 % 31);
    let mut first = scaler(Policy::predictive(0, 50));
    let mut target = 4;
    for i in 1..300 {
        target = first
            .decide(&seen(i * 15, target, load(i), 0.0, load(i)))
            .workers;
    }
    let snapshot = first.snapshot();
    let mut second = Scaler::restore(first.policy().clone(), &snapshot).expect("it is sound");
    assert_eq!(second.snapshot(), snapshot);
    for i in 300..600 {
        let signals = seen(i * 15, target, load(i), 0.0, load(i));
        let decision = first.decide(&signals);
        assert_eq!(decision, second.decide(&signals));
        target = decision.workers;
    }
}

#[test]
fn damaged_snapshots_are_refused() {
    let mut scaler = scaler(Policy::predictive(1, 20));
    scaler.decide(&seen(15, 4, 30.0, 0.0, 30.0));
    let sound = scaler.snapshot();
    let restore = |change: fn(&mut Snapshot)| {
        let mut snapshot = sound.clone();
        change(&mut snapshot);
        Scaler::restore(Policy::predictive(1, 20), &snapshot)
    };
    assert!(restore(|_| ()).is_ok());
    assert!(restore(|s| s.peaks.push(f64::NAN)).is_err());
    assert!(restore(|s| s.steps.push((-1.0, 2.0))).is_err());
    assert!(restore(|s| s.peaks = vec![0.0; 5000]).is_err());
    assert!(restore(|s| s.offered = (f64::INFINITY, 1)).is_err());
    let error = restore(|s| s.wanted = vec![(5, 9), (3, 2)]).expect_err("times must rise");
    assert_eq!(
        error.to_string(),
        "snapshot: wanted is 5 before 3: allowed is times that rise; start without it"
    );
}

#[test]
fn a_decision_reads_as_a_sentence() {
    let mut scaler = scaler(Policy::predictive(1, 20));
    let decision = scaler.decide(&seen(15, 5, 36.0, 4.5, 30.0));
    assert_eq!(
        decision.to_string(),
        "7 workers (set to 5, 5 ready): the rule predicted wants the most; \
         wanted: predicted 6.1, backlog 4.0; seen: busy slots 36, waiting requests 4.5, \
         offered load 30, service time 4"
    );
}

#[test]
fn after_the_hold_there_is_one_step_to_the_floor() {
    // As in keda#4249: between the floor and what was there it must not swing.
    let mut policy = Policy::predictive(0, 50);
    (policy.hold_ms, policy.floor) = (Some(120_000), 3);
    let mut scaler = scaler(policy);
    let mut target = scaler.decide(&seen(15, 20, 100.0, 50.0, 140.0)).workers;
    assert!(target > 20);
    let mut counts = vec![target];
    for i in 2..=60 {
        let decision = scaler.decide(&Signals::at(i * 15_000, target, target, SLOTS));
        let is_over = i * 15_000 - 30_000 >= 120_000;
        let want = if is_over { "floor" } else { "held" };
        assert_eq!(decision.reason.name(), want, "{decision}");
        target = decision.workers;
        counts.push(target);
    }
    counts.dedup();
    assert_eq!(counts, [counts[0], 3]);
    // With signals the way up is open at once, and the next hold begins anew.
    target = scaler
        .decide(&seen(1_000, target, 24.0, 50.0, 140.0))
        .workers;
    assert!(target > 3);
    let blind = scaler.decide(&Signals::at(1_015_000, target, target, SLOTS));
    assert_eq!((blind.workers, blind.reason.name()), (target, "held"));
}

#[test]
fn a_floor_above_what_is_held_is_a_floor() {
    let mut policy = one_rule(Rule::InFlight { share: 0.7 });
    (policy.hold_ms, policy.floor) = (Some(15_000), 4);
    let mut scaler = scaler(policy.clone());
    assert_eq!(scaler.decide(&seen(15, 1, 1.0, 0.0, 1.0)).workers, 1);
    assert_eq!(scaler.decide(&Signals::at(30_000, 1, 1, SLOTS)).workers, 1);
    assert_eq!(scaler.decide(&Signals::at(45_000, 1, 1, SLOTS)).workers, 4);
    for floor in [0, 101] {
        policy.floor = floor;
        let error = policy.validate().expect_err("no floor").to_string();
        assert!(error.starts_with("floor is"), "{error}");
    }
}

#[test]
fn doubt_closes_the_way_down_only() {
    let mut policy = one_rule(Rule::InFlight { share: 0.7 });
    policy.down_hold_ms = 0;
    let mut scaler = scaler(policy);
    let doubt = Some(Unusable {
        signal: Signal::Ready,
        fault: Fault::Silent { count: 2 },
    });
    let with_doubt = |signals| Signals { doubt, ..signals };
    let decision = scaler.decide(&with_doubt(seen(15, 10, 8.0, 0.0, 8.0)));
    assert_eq!(decision.workers, 10);
    assert_eq!(
        decision.reason.to_string(),
        "none is taken away, ready workers: 2 of those who report are silent"
    );
    assert_eq!(
        scaler
            .decide(&with_doubt(seen(150, 2, 20.0, 0.0, 20.0)))
            .workers,
        4
    );
}

#[test]
fn seldom_is_no_pause() {
    let mut policy = Policy::predictive(1, 20);
    policy.interval_ms = 120_000;
    let mut scaler = scaler(policy);
    let mut target = 12;
    for i in 1..=60 {
        let load = if i % 6 == 0 { 40.0 } else { 8.0 };
        let signals = seen(i * 120, target, load, 0.0, load);
        target = scaler.decide(&signals).workers;
    }
    assert!(target < 12, "there is a way down: {target}");
    let snapshot = scaler.snapshot();
    assert!(snapshot.peaks.len() > 50, "bursts are learnt: {snapshot:?}");
    // One turn that is left out is none either, three are.
    let sighted_ms = |scaler: &Scaler| scaler.snapshot().sighted_since_ms;
    let before = sighted_ms(&scaler);
    scaler.decide(&seen(62 * 120, target, 8.0, 0.0, 8.0));
    assert_eq!(sighted_ms(&scaler), before);
    scaler.decide(&seen(65 * 120, target, 8.0, 0.0, 8.0));
    assert_eq!(sighted_ms(&scaler), Some(65 * 120_000));
}

/// What the pool is set to is seen a scrape and an autoscaler later.
#[test]
fn a_decision_that_is_not_seen_yet_is_not_taken_back() {
    let mut policy = one_rule(Rule::InFlight { share: 1.0 });
    policy.step_up = None;
    let mut scaler = scaler(policy);
    let mut at = |seconds, target, busy| scaler.decide(&seen(seconds, target, busy, 0.0, busy));
    assert_eq!(at(15, 10, 160.0).workers, 20);
    let decision = at(19, 10, 96.0);
    assert_eq!(decision.workers, 20, "{decision}");
    assert_eq!(decision.reason, Reason::NotDownYet { wanted: 12 });
    // Start-up and `stale_after` later it would be seen: somebody else has set ten.
    assert_eq!(at(134, 10, 96.0).workers, 20);
    assert_eq!(at(135, 10, 96.0).workers, 12);
}

#[test]
fn tokens_and_the_gpu_cache_are_shared_among_workers() {
    let mut signals = seen(15, 4, 8.0, 0.0, 8.0);
    let now = |value| {
        Some(Measured {
            value,
            at_ms: 15_000,
        })
    };
    let tokens = || Rule::Tokens {
        per_worker: 2_000.0,
    };
    let cache = || Rule::GpuCache { share: 0.6 };
    assert!(matches!(
        decide(tokens(), &signals).reason,
        Reason::Held(Unusable {
            signal: Signal::Tokens,
            ..
        })
    ));
    signals.tokens_per_second = now(15_000.0);
    assert_eq!(decide(tokens(), &signals).wants[0].workers, Ok(7.5));
    signals.tokens_per_second = now(8_500.0);
    assert_eq!(decide(tokens(), &signals).reason, Reason::Steady);
    signals.gpu_cache_use = now(0.9);
    assert_eq!(decide(cache(), &signals).workers, 6);
    // Two of four are still starting: as if they were empty.
    signals.workers_ready = 2;
    assert_eq!(decide(cache(), &signals).reason, Reason::Steady);
}

#[test]
fn a_pool_that_rests_needs_no_service_time() {
    let mut policy = Policy::predictive(1, 20);
    policy.down_hold_ms = 0;
    let mut scaler = scaler(policy);
    let at = |seconds, waiting| {
        let mut signals = seen(seconds, 10, 0.0, waiting, 0.0);
        signals.service_seconds = None;
        signals.offered = None;
        signals
    };
    assert!(scaler.decide(&at(15, 0.0)).workers < 10);
    let decision = scaler.decide(&at(30, 5.0));
    assert_eq!(decision.reason.name(), "not_down_blind", "{decision}");
}
