use std::path::PathBuf;
use std::sync::Arc;

use bellwether_model::{Labels, METRIC_NAME};
use bellwether_promql::{Engine, EngineOptions};
use bellwether_slo::period::{Calendar, Period, Unit};
use bellwether_storage::{ManualClock, MemoryStore, MetricStore};

use super::counts::counted;
use super::status::{ObjectiveStatus, Verdict, statuses};
use super::*;
use crate::testing::series;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// Noon of 10 March 2026.
const NOW_MS: i64 = 1_773_144_000_000;

fn objective(name: &str) -> ObjectiveSettings {
    let query = |text: &str| counted(text, MINUTE_MS).expect("PromQL");
    ObjectiveSettings {
        file: PathBuf::from("slos.yml"),
        line: 1,
        name: name.to_owned(),
        service: "chat".to_owned(),
        description: String::new(),
        target: 0.99,
        period: Period::Rolling { span_ms: DAY_MS },
        time_zone: "UTC".to_owned(),
        indicator: Indicator::Ratio {
            counting: Counting::Bad,
            part: query("requests{code=\"500\"}"),
            total: query("requests"),
        },
        slices: None,
        group_by: Vec::new(),
        spent_by: vec!["tenant".to_owned()],
        entity: None,
        labels: Vec::new(),
        interval_ms: MINUTE_MS,
        alerts: ObjectiveAlerts::default(),
    }
}

/// Ten requests a minute of two tenants for two days, the last of which before now; of tenant `x` one
/// in an hour fails.
fn store() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let counters = [("200", "x"), ("200", "y"), ("500", "x")];
    for (code, tenant) in counters {
        let labels = Labels::from_pairs([
            (METRIC_NAME, "requests"),
            ("code", code),
            ("tenant", tenant),
        ]);
        for minute in 0..=2 * 1_440 {
            let count = match (code, tenant) {
                ("500", _) => minute / 60,
                (_, "x") => 4 * minute - minute / 60,
                _ => 6 * minute,
            };
            let time_ms = NOW_MS - 2 * DAY_MS + minute * MINUTE_MS;
            store.insert(&labels, time_ms, count as f64);
        }
    }
    store
}

fn objectives(store: &Arc<MemoryStore>, settings: Vec<ObjectiveSettings>) -> Objectives {
    let objectives = Objectives::new(ObjectivesParts {
        store: Arc::clone(store) as Arc<dyn MetricStore>,
        engine: Arc::new(Engine::new(EngineOptions::default())),
        clock: Arc::new(ManualClock::new(NOW_MS)),
    });
    objectives.apply(settings);
    objectives.turn(NOW_MS);
    objectives
}

fn only(objectives: &Objectives) -> ObjectiveStatus {
    let reports = objectives.reports();
    assert_eq!(reports.len(), 1);
    assert_eq!(reports[0].problem, None);
    assert_eq!(reports[0].statuses.len(), 1);
    reports[0].statuses[0].clone()
}

#[test]
fn a_new_objective_knows_its_past() {
    let store = store();
    let status = only(&objectives(&store, vec![objective("a")]));
    // Ten requests in each minute of a day but the last, of which 24 failed and 143.9 may: intervals end
    // half a minute before now.
    assert_eq!((status.counts.total, status.counts.bad), (14_390.0, 24.0));
    assert!((status.allowed - 143.9).abs() < 1e-9);
    assert!((status.left.unwrap() - (1.0 - 24.0 / 143.9)).abs() < 1e-9);
    assert!((status.unmeasured - 1.5 / 1_440.0).abs() < 1e-9);
    assert!((status.burn_day.unwrap() - 24.0 / 143.9).abs() < 1e-9);
    assert_eq!(status.verdict(), Verdict::Met);
    let spender = &status.spenders[0];
    assert_eq!(spender.key.to_string(), "{tenant=\"x\"}");
    assert_eq!(spender.bad_share, 1.0);
    // Of the period, not of the two days that are known.
    assert_eq!(spender.counts.bad, 24.0);
    assert_eq!(status.spenders.len(), 1);
    assert!(
        series(store.as_ref(), "slo:budget_left")[0].starts_with("{service=\"chat\", slo=\"a\"} ")
    );
    // What is left of a day's budget lasts longer than the day at this pace.
    assert_eq!(status.lasts.unwrap().median_hours, None);
}

/// Counts of a hundred events a minute for longer than a period, up to now; `burn` says how fast the budget burns
/// so many minutes before now.
fn burned(period: Period, now_ms: i64, burn: impl Fn(i64) -> f64) -> ObjectiveStatus {
    let store = MemoryStore::new();
    let mut settings = objective("a");
    settings.period = period;
    settings.spent_by = Vec::new();
    let days = (period.span_ms() / DAY_MS + 10).min(70);
    for (metric, each) in [("slo:events", None), ("slo:bad_events", Some(&burn))] {
        let labels = Labels::from_pairs([(METRIC_NAME, metric), ("service", "chat"), ("slo", "a")]);
        for ago in (0..days * 1_440).rev() {
            let value = each.map_or(100.0, |burn| burn(ago));
            store.insert(&labels, now_ms - ago * MINUTE_MS, value);
        }
    }
    let mut found = statuses(&store, &settings, &[], now_ms).expect("a store");
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn a_budget_that_is_earned_as_fast_as_it_burns_never_ends() {
    let day = 86_400_000;
    let rolling = |days: i64| Period::Rolling {
        span_ms: days * day,
    };
    let calendar = |unit| Period::Calendar(Calendar::of(unit));
    // The third day of March, before noon.
    let third_ms = NOW_MS - 7 * DAY_MS;
    for burn in [0.5, 0.75, 0.9] {
        for (period, now_ms) in [
            (rolling(7), NOW_MS),
            (rolling(30), NOW_MS),
            (calendar(Unit::Month), third_ms),
            (calendar(Unit::Day), NOW_MS),
        ] {
            // Constant, and so that each hour has its bad minute.
            let constant = |_: i64| burn;
            let uneven = |ago: i64| if ago % 60 == 7 { 60.0 * burn } else { 0.0 };
            let mut found = vec![burned(period, now_ms, constant)];
            if burn == 0.75 {
                found.push(burned(period, now_ms, uneven));
            }
            for status in found {
                let lasts = status.lasts.expect("two weeks");
                assert_eq!(
                    (lasts.low_hours, lasts.median_hours, status.verdict()),
                    (None, None, Verdict::Met),
                    "{burn} {period:?} {lasts:?}"
                );
            }
        }
    }
}

#[test]
fn a_budget_that_burns_ends_in_hours() {
    // Two weeks at thrice what is allowed, after nothing.
    let burn = |ago: i64| if ago < 14 * 1_440 { 3.0 } else { 0.0 };
    let check = |status: &ObjectiveStatus, want_hours: f64| {
        let lasts = status.lasts.expect("two weeks");
        let (low, median, high) = (
            lasts.low_hours.expect("low"),
            lasts.median_hours.expect("median"),
            lasts.high_hours.unwrap_or(f64::INFINITY),
        );
        assert!(low <= median && median <= high);
        assert!(
            (median / want_hours - 1.0).abs() < 0.1,
            "{want_hours}: {lasts:?}"
        );
    };
    let rolling = Period::Rolling {
        span_ms: 45 * DAY_MS,
    };
    let status = burned(rolling, NOW_MS, burn);
    // 31 days earned a day each and fourteen spent two: three are left. Each day spends two, and one that
    // earned leaves.
    check(&status, 24.0);
    assert_eq!(status.verdict(), Verdict::AtRisk);
    // 68.5 days of the quarter: 54.5 were earned and 28 spent. Two weeks at this pace, of three.
    let quarter = Period::Calendar(Calendar::of(Unit::Quarter));
    let status = burned(quarter, NOW_MS, burn);
    check(&status, 24.0 * 26.5 / 2.0);
    assert_eq!(status.verdict(), Verdict::AtRisk);
}

#[test]
fn a_burst_that_is_over_ends_no_budget() {
    // Six hours at ten times what is allowed leave a sixth of a week's budget.
    let burn = |ago: i64| match ago {
        1_440..1_800 => 10.0,
        _ => 0.5,
    };
    let week = Period::Rolling {
        span_ms: 7 * DAY_MS,
    };
    let status = burned(week, NOW_MS, burn);
    assert!(status.left.is_some_and(|left| (0.1..0.2).contains(&left)));
    assert_eq!(status.verdict(), Verdict::Met, "{:?}", status.lasts);
}

#[test]
fn what_will_leave_is_known() {
    // A bad day of thrice what is allowed is about to leave the week when another one begins.
    let burn = |ago: i64| match ago {
        0..720 => 3.0,
        8_640..10_080 => 3.0,
        _ => 0.4,
    };
    let week = Period::Rolling {
        span_ms: 7 * DAY_MS,
    };
    let status = burned(week, NOW_MS, burn);
    let lasts = status.lasts.expect("two weeks");
    // 0.3 days of budget are left, for less than four hours by what comes alone. But for a day as much
    // leaves as comes.
    assert!((status.left.expect("events") * 7.0 - 0.3).abs() < 0.01);
    assert!(lasts.median_hours.is_none_or(|it| it > 20.0), "{lasts:?}");
}

#[test]
fn money_that_leaves_a_window_may_be_spent_again() {
    let store = store();
    let mut spend = objective("a");
    // Ten a minute are spent, which is two thirds of what may be.
    spend.indicator = Indicator::Spend {
        amount: counted("requests", MINUTE_MS).unwrap(),
        limit: 21_600.0,
    };
    let status = only(&objectives(&store, vec![spend.clone()]));
    assert_eq!(status.lasts.expect("two days").median_hours, None);
    assert_eq!(status.verdict(), Verdict::Met);
    // A calendar's day has half of it left at noon, and asks for no more than that.
    spend.period = Period::Calendar(Calendar::of(Unit::Day));
    spend.name = "b".to_owned();
    spend.indicator = Indicator::Spend {
        amount: counted("requests", MINUTE_MS).unwrap(),
        limit: 10_800.0,
    };
    let status = only(&objectives(&store, vec![spend]));
    let median = status.lasts.expect("two days").median_hours;
    assert!(
        median.is_some_and(|it| (it - 6.0).abs() < 0.6),
        "{:?}",
        status.lasts
    );
    assert_eq!(status.verdict(), Verdict::AtRisk);
}

#[test]
fn what_was_not_measured_is_neither_good_nor_bad() {
    let store = store();
    let half = NOW_MS - DAY_MS / 2;
    let mut calendar = objective("a");
    // The month has begun before there was anything.
    calendar.period = Period::Calendar(Calendar::of(Unit::Month));
    let status = only(&objectives(&store, vec![calendar]));
    assert_eq!(status.counts.total, 28_780.0);
    // What is before the first sample is nobody's fault.
    assert!((status.unmeasured - 1.5 / 2_880.0).abs() < 1e-6);
    assert!(status.period_ms.1 > NOW_MS && status.period_ms.0 < half);
    let nothing = objectives(&Arc::new(MemoryStore::new()), vec![objective("a")]);
    assert!(nothing.reports()[0].statuses.is_empty());
}

/// Queries that are wrong.
fn all_are_bad() -> ObjectiveSettings {
    let query = || counted("requests", MINUTE_MS).unwrap();
    ObjectiveSettings {
        indicator: Indicator::Ratio {
            counting: Counting::Bad,
            part: query(),
            total: query(),
        },
        ..objective("a")
    }
}

#[test]
fn a_corrected_objective_is_counted_anew() {
    let store = store();
    let objectives = objectives(&store, vec![all_are_bad()]);
    assert_eq!(only(&objectives).counts.bad, 14_390.0);
    objectives.apply(vec![objective("a")]);
    objectives.turn(NOW_MS);
    assert_eq!(only(&objectives).counts.bad, 24.0);
}

#[test]
fn one_that_was_corrected_while_the_server_was_down_is_counted_anew() {
    let store = store();
    assert_eq!(
        only(&objectives(&store, vec![all_are_bad()])).counts.bad,
        14_390.0
    );
    // Another server on the same store, told the right thing; and once more, told the same.
    for _ in 0..2 {
        assert_eq!(
            only(&objectives(&store, vec![objective("a")])).counts.bad,
            24.0
        );
    }
}

#[test]
fn what_happened_stays_under_the_promise_of_its_time() {
    let store = store();
    let service = objectives(&store, vec![objective("a")]);
    let mut strict = objective("a");
    strict.target = 0.999;
    service.apply(vec![strict]);
    let later_ms = NOW_MS + 60 * MINUTE_MS;
    service.turn(later_ms);
    let status = only(&service);
    // Counts end with the turn that learnt them; what was then is under 99 % still.
    assert!(
        (status.allowed - 0.01 * status.counts.total).abs() < 1e-9,
        "{status:?}"
    );
    assert_eq!(service.settings()[0].target, 0.999);
}

#[test]
fn between_two_bounds_the_error_is_said() {
    let store = store();
    for (bound, each) in [("0.1", 2), ("0.5", 5), ("+Inf", 6)] {
        let labels = Labels::from_pairs([(METRIC_NAME, "d_bucket"), ("le", bound)]);
        for minute in 0..=120 {
            let time_ms = NOW_MS - (120 - minute) * MINUTE_MS;
            store.insert(&labels, time_ms, (minute * each) as f64);
        }
    }
    let error = |threshold| {
        let mut slow = objective("a");
        slow.spent_by = Vec::new();
        slow.indicator = Indicator::Latency {
            histogram: "d_bucket".to_owned(),
            threshold,
            is_classic: true,
        };
        objectives(&store, vec![slow]).reports()[0].latency_error
    };
    // Three of six lie between 0.1 and 0.5.
    assert_eq!((error(0.5), error(0.3)), (Some(0.0), Some(0.25)));
    let said = &series(store.as_ref(), "slo:latency_error")[0];
    assert!(said.starts_with("{service=\"chat\", slo=\"a\"} "), "{said}");
}

#[test]
fn the_first_failure_of_a_new_process_counts_where_its_start_is_known() {
    let bad_of = |start_ms: Option<i64>| {
        let store = store();
        let labels = Labels::from_pairs([
            (METRIC_NAME, "requests"),
            ("code", "500"),
            ("pod", "new"),
            ("tenant", "x"),
        ]);
        // The series appears with its first failure.
        for back in 100..200 {
            let time_ms = NOW_MS - back * MINUTE_MS;
            match start_ms {
                Some(start_ms) => store.insert_with_start(&labels, time_ms, start_ms, 1.0),
                None => store.insert(&labels, time_ms, 1.0),
            }
        }
        only(&objectives(&store, vec![objective("a")])).counts.bad
    };
    assert_eq!(bad_of(None), 24.0);
    assert_eq!(bad_of(Some(NOW_MS - 199 * MINUTE_MS - 20_000)), 25.0);
    // What was counted before the window is of no window that is asked.
    assert_eq!(bad_of(Some(NOW_MS - 600 * MINUTE_MS)), 24.0);
}

#[test]
fn more_bad_than_all_is_no_figure_to_rely_on() {
    let store = store();
    let mut wrong = objective("a");
    wrong.indicator = Indicator::Ratio {
        counting: Counting::Bad,
        part: counted("requests", MINUTE_MS).unwrap(),
        total: counted("requests{code=\"500\"}", MINUTE_MS).unwrap(),
    };
    let status = only(&objectives(&store, vec![wrong]));
    assert_eq!(status.verdict(), Verdict::Unknown);
    let problem = status.problem.unwrap();
    assert!(
        problem.starts_with("bad is 14390, more than the total of 24"),
        "{problem}"
    );
}

#[test]
fn what_is_new_is_told_before_it_is_counted() {
    let store = store();
    let service = objectives(&store, vec![objective("a"), objective("b")]);
    let told = |service: &Objectives| {
        let reports = service.reports();
        let each = reports.iter();
        let each = each.map(|it| (it.settings.name.clone(), it.statuses.len()));
        each.collect::<Vec<_>>()
    };
    let of = |name: &str, statuses| (name.to_owned(), statuses);
    assert_eq!(told(&service), [of("a", 1), of("b", 1)]);
    let mut strict = objective("b");
    strict.target = 0.999;
    service.apply(vec![objective("c"), strict, objective("a")]);
    assert_eq!(told(&service), [of("c", 0), of("b", 0), of("a", 1)]);
    service.turn(NOW_MS + 1);
    assert_eq!(told(&service), [of("c", 1), of("b", 1), of("a", 1)]);
}

#[test]
fn composites_stand_as_their_parts_do() {
    let store = store();
    let mut both = objective("both");
    both.indicator = Indicator::Composite {
        parts: vec![("a".to_owned(), 1.0), ("chat/b".to_owned(), 1.0)],
        how: Composition::Series,
    };
    let reports = objectives(&store, vec![objective("a"), objective("b"), both]).reports();
    let status = &reports[2].statuses[0];
    let one = 1.0 - 24.0 / 14_390.0;
    assert!((status.good_ratio.unwrap() - one * one).abs() < 1e-12);
    assert!((status.left.unwrap() - (1.0 - (1.0 - one * one) / 0.01)).abs() < 1e-9);
}

#[test]
fn a_changed_target_of_a_part_changes_nothing_of_what_was_good() {
    let store = store();
    let mut both = objective("both");
    both.indicator = Indicator::Composite {
        parts: vec![("a".to_owned(), 1.0)],
        how: Composition::Worst,
    };
    let service = objectives(&store, vec![objective("a"), both.clone()]);
    let before = service.reports()[1].statuses[0].burn_day;
    let mut strict = objective("a");
    strict.target = 0.999;
    service.apply(vec![strict, both]);
    service.turn(NOW_MS + 1);
    let after = service.reports()[1].statuses[0].burn_day;
    let difference = before.expect("events") - after.expect("events");
    assert!(difference.abs() < 1e-9, "{before:?} {after:?}");
}

#[test]
fn many_spenders_are_one_budget() {
    let store = MemoryStore::new();
    for metric in ["slo:events", "slo:bad_events"] {
        for pod in 0..50 {
            let pod = pod.to_string();
            let labels = Labels::from_pairs([
                (METRIC_NAME, metric),
                ("slo", "a"),
                ("service", "chat"),
                ("pod", pod.as_str()),
            ]);
            // Some came later than others.
            if pod.len() == 1 {
                store.insert(&labels, NOW_MS - MINUTE_MS, 1.0);
            }
            store.insert(&labels, NOW_MS, 2.0);
        }
    }
    let mut given = objective("a");
    given.spent_by = vec!["pod".to_owned()];
    let history = status::read(&store, &given, (NOW_MS - DAY_MS, NOW_MS)).unwrap();
    let status = statuses(&store, &given, &[], NOW_MS).unwrap().remove(0);
    assert_eq!((status.counts.total, status.counts.bad), (110.0, 110.0));
    assert_eq!(status.spenders.len(), 20);
    assert_eq!(status.spenders[0].counts.bad, 3.0);
    // One step a time, however many spend.
    assert_eq!(history[&Labels::empty()].events.len(), 2);
}

#[test]
fn money_has_a_limit() {
    let store = store();
    let mut spend = objective("a");
    spend.indicator = Indicator::Spend {
        amount: counted("requests", MINUTE_MS).unwrap(),
        limit: 10_000.0,
    };
    let status = only(&objectives(&store, vec![spend]));
    assert_eq!((status.counts.bad, status.allowed), (14_390.0, 10_000.0));
    assert!((status.left.unwrap() + 0.439).abs() < 1e-9);
    assert_eq!(status.verdict(), Verdict::Exhausted);
    assert_eq!(status.problem, None);
    assert_eq!(status.burn_hour.map(|it| (it * 1e9).round()), Some(1.44e9));
}
