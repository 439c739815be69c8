//! What holds for any signals.

use proptest::prelude::*;

use super::*;
use crate::Reason;
use crate::rule::{Backlog, Rule};
use crate::signals::Measured;

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..200.0,
        1 => prop::sample::select(vec![
            0.0, -0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN_POSITIVE,
            1e12, 1e13,
        ]),
    ]
}

/// A measurement, mostly fresh.
fn any_measured() -> impl Strategy<Value = Option<(f64, i64)>> {
    let age_ms = prop_oneof![8 => Just(0_i64), 1 => -200_000..200_000_i64, 1 => Just(i64::MIN)];
    prop::option::weighted(0.9, (any_value(), age_ms))
}

#[derive(Debug, Clone)]
struct Turn {
    elapsed_ms: i64,
    ready: u32,
    slots: u32,
    startup_ms: i64,
    measured: [Option<(f64, i64)>; 8],
    is_doubted: bool,
    set_to: Option<u32>,
}

fn any_turn() -> impl Strategy<Value = Turn> {
    (
        prop_oneof![6 => Just(15_000_i64), 2 => 1..60_000_i64, 1 => -10_000..1_000_000_i64],
        0..60_u32,
        prop_oneof![9 => Just(8_u32), 1 => Just(0), 1 => Just(u32::MAX)],
        prop_oneof![9 => Just(60_000_i64), 1 => Just(-1), 1 => Just(0), 1 => Just(i64::MAX)],
        prop::array::uniform8(any_measured()),
        prop::bool::weighted(0.1),
        prop::option::weighted(0.1, prop_oneof![0..100_u32, Just(u32::MAX)]),
    )
        .prop_map(
            |(elapsed_ms, ready, slots, startup_ms, measured, is_doubted, set_to)| Turn {
                elapsed_ms,
                ready,
                slots,
                startup_ms,
                measured,
                is_doubted,
                set_to,
            },
        )
}

fn signals(time_ms: i64, target: u32, turn: &Turn) -> Signals {
    let measured = |i: usize| {
        turn.measured[i].map(|(value, age_ms)| Measured {
            value,
            at_ms: time_ms.saturating_sub(age_ms),
        })
    };
    Signals {
        startup_ms: turn.startup_ms,
        busy: measured(0),
        waiting: measured(1),
        offered: measured(2),
        service_seconds: measured(3),
        latency_p95_ms: measured(4),
        budget_left: measured(5),
        tokens_per_second: measured(6),
        gpu_cache_use: measured(7),
        doubt: turn.is_doubted.then_some(pool(Fault::Silent { count: 1 })),
        ..Signals::at(time_ms, target, turn.ready, turn.slots)
    }
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let rule = prop_oneof![
        Just(Rule::Utilisation { share: 0.6 }),
        Just(Rule::InFlight { share: 0.7 }),
        Just(Rule::Queue {
            waiting_per_worker: 2.0
        }),
        Just(Rule::Latency { target_ms: 300.0 }),
        Just(Rule::Tokens { per_worker: 50.0 }),
        Just(Rule::GpuCache { share: 0.7 }),
        Just(Rule::Backlog(Backlog::default())),
        Just(Rule::Predicted(Prediction::default())),
    ];
    let step = || {
        prop::option::of((0.0..3.0, 1..5_u32, 1_000..100_000_i64)).prop_map(|step| {
            step.map(|(share, workers, period_ms)| StepLimit {
                share,
                workers,
                period_ms,
            })
        })
    };
    (
        0..5_u32,
        5..60_u32,
        prop::collection::vec(rule, 1..4),
        0..400_000_i64,
        step(),
        step(),
        prop::option::of(0.0..0.9),
        prop::option::of((1..200_000_i64, 1..5_u32)),
    )
        .prop_map(
            |(min, max, rules, down_hold_ms, step_up, step_down, budget_low, hold)| Policy {
                hold_ms: hold.map(|(hold_ms, _)| hold_ms),
                floor: hold.map_or(5, |(_, floor)| floor.max(min)),
                down_hold_ms,
                step_up,
                step_down,
                budget_low,
                allow_queue_only: true,
                idle_ms: 60_000,
                ..Policy::proportional(min, max, rules)
            },
        )
}

/// The decisions of a scaler that is followed, but where a turn sets the pool to something else.
fn follow(policy: &Policy, turns: &[Turn]) -> Vec<Decision> {
    let mut scaler = Scaler::new(policy.clone()).expect("the policy is valid");
    let mut time_ms = 1_000_000;
    let mut target = policy.workers_min;
    let mut decisions = Vec::new();
    for turn in turns {
        time_ms += turn.elapsed_ms;
        target = turn.set_to.unwrap_or(target);
        let decision = scaler.decide(&signals(time_ms, target, turn));
        target = decision.workers;
        decisions.push(decision);
    }
    decisions
}

proptest! {
    // Each case is a run of up to 60 decisions.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn is_within_bounds_and_never_down_when_blind(
        policy in any_policy(),
        turns in prop::collection::vec(any_turn(), 1..60),
    ) {
        let decisions = follow(&policy, &turns);
        let mut last = None;
        for decision in &decisions {
            prop_assert!(decision.workers >= policy.workers_min, "{decision}");
            prop_assert!(decision.workers <= policy.workers_max, "{decision}");
            let target = decision.signals.workers_target;
            match decision.reason {
                Reason::Held(_) => {
                    let held: u32 = last.unwrap_or(target);
                    // None is held as none, or as one where there is work.
                    let least = u32::from(last != Some(0) || decision.workers > 0);
                    let held = held.max(least).clamp(policy.workers_min, policy.workers_max);
                    prop_assert_eq!(decision.workers, held);
                }
                Reason::Floor(_) => prop_assert_eq!(decision.workers, policy.floor),
                _ if decision.wants.iter().any(|want| want.workers.is_err())
                    || decision.signals.doubt.is_some() => {
                    let least = target.min(policy.workers_max);
                    prop_assert!(decision.workers >= least, "{decision}");
                }
                _ => {}
            }
            last = Some(decision.workers);
            prop_assert!(!decision.to_string().is_empty());
        }
    }

    #[test]
    fn is_deterministic_and_restorable(
        policy in any_policy(),
        turns in prop::collection::vec(any_turn(), 2..40),
    ) {
        let text = |decisions: Vec<Decision>| {
            decisions.iter().map(|decision| format!("{decision:?}")).collect::<Vec<_>>()
        };
        let whole = text(follow(&policy, &turns));
        prop_assert_eq!(&whole, &text(follow(&policy, &turns)));

        // The same with a restart before every decision.
        let mut scaler = Scaler::new(policy.clone()).expect("the policy is valid");
        let mut time_ms = 1_000_000;
        let mut target = policy.workers_min;
        for (turn, expected) in turns.iter().zip(whole) {
            time_ms += turn.elapsed_ms;
            target = turn.set_to.unwrap_or(target);
            scaler = Scaler::restore(policy.clone(), &scaler.snapshot()).expect("it is sound");
            let decision = scaler.decide(&signals(time_ms, target, turn));
            prop_assert_eq!(format!("{decision:?}"), expected);
            target = decision.workers;
        }
    }

    #[test]
    fn steps_hold_within_bounds(
        policy in any_policy(),
        turns in prop::collection::vec(any_turn(), 1..60),
    ) {
        // The last number, and since when it is that: what is decided stays until it can be seen.
        let mut settled: Option<(u32, i64)> = None;
        for decision in follow(&policy, &turns) {
            let target = decision.signals.workers_target;
            let trail_ms = policy.stale_after_ms.saturating_add(decision.signals.startup_ms);
            let young = settled.filter(|(_, at_ms)| decision.time_ms() - at_ms < trail_ms);
            if settled.is_none_or(|(last, _)| last != decision.workers) {
                settled = Some((decision.workers, decision.time_ms()));
            }
            let is_inside = (policy.workers_min..=policy.workers_max).contains(&target);
            if !is_inside || matches!(decision.reason, Reason::Held(_) | Reason::Floor(_)) {
                continue;
            }
            let low = decision.signals.budget_left.zip(policy.budget_low);
            let is_budget_low = low.is_some_and(|(left, low)| left.value <= low);
            if let Some(limit) = policy.step_up && decision.workers > target && !is_budget_low {
                let most = (target + span(target, limit)).max(young.map_or(0, |(last, _)| last));
                prop_assert!(decision.workers <= most.max(policy.workers_min), "{decision}");
            }
            if let Some(limit) = policy.step_down && decision.workers < target {
                let least = target.saturating_sub(span(target, limit));
                prop_assert!(decision.workers >= least, "{decision}");
            }
        }
    }

    /// More load, at the same past, never means fewer workers.
    #[test]
    fn is_monotone_in_load(
        loads in prop::collection::vec(0.0..100.0, 1..80),
        last in 0.0..100.0,
        more in 0.0..100.0,
        waiting in 0.0..500.0,
        more_waiting in 0.0..500.0,
    ) {
        let mut scaler = Scaler::new(Policy::predictive(1, 200)).expect("valid");
        let turn = |load: f64, waiting: f64| Turn {
            elapsed_ms: 15_000,
            ready: 5,
            slots: 8,
            startup_ms: 60_000,
            measured: [Some((load.min(40.0), 0)), Some((waiting, 0)), Some((load, 0)), Some((4.0, 0)), None, None, None, None],
            is_doubted: false,
            set_to: None,
        };
        let mut time_ms = 0;
        for load in &loads {
            time_ms += 15_000;
            scaler.decide(&signals(time_ms, 5, &turn(*load, 1.0)));
        }
        let with = |load, waiting| scaler.clone().decide(&signals(time_ms + 15_000, 5, &turn(load, waiting)));
        let (less, much) = (with(last, waiting), with(last, waiting + more_waiting));
        prop_assert!(less.workers <= much.workers, "{less}\n{much}");
        let backlog = |decision: &Decision| decision.wants[1].workers.expect("all is known");
        let (less, much) = (with(last, waiting), with(last + more, waiting));
        prop_assert!(backlog(&less) <= backlog(&much), "{less}\n{much}");
        prop_assert!(less.workers <= much.workers, "{less}\n{much}");
    }
}
