//! What is known of simple series, and that nothing breaks on others.

use proptest::prelude::*;

use super::*;

const STEP_MS: i64 = 600_000;
const DAY: usize = 144;
const HOUR_MS: i64 = 3_600_000;

fn ask(values: &[f64], kind: Kind, options: &Options) -> Result<Exhaustion, ExhaustionError> {
    let series = Series {
        step_ms: STEP_MS,
        start_ms: 0,
        values,
    };
    exhaustion(series, kind, options)
}

/// Noise from 0 to 1 that looks random.
fn noise(at: usize) -> f64 {
    (at as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .rotate_left(23)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9) as f64
        / u64::MAX as f64
}

fn rising(limit: f64) -> Kind {
    Kind::Gauge {
        limit,
        towards: Towards::Rising,
    }
}

#[test]
fn an_even_pace_is_told_exactly() {
    let mut values = vec![2.0; 10 * DAY];
    // Gaps change nothing.
    values[300..340].fill(f64::NAN);
    values[900] = f64::INFINITY;
    let answer = ask(&values, Kind::Spend { left: 120.0 }, &Options::default()).unwrap();
    assert_eq!(answer.median_ms, Some(60 * STEP_MS));
    assert_eq!(
        answer.quantiles,
        [(0.1, Some(60 * STEP_MS)), (0.9, Some(60 * STEP_MS))]
    );
    assert_eq!(answer.probability_within_horizon, 1.0);
    assert_eq!(answer.pace_per_hour, 12.0);

    // The same of a gauge, either way.
    let levels: Vec<f64> = (0..10 * DAY).map(|at| 3.0 * at as f64).collect();
    let last = levels[levels.len() - 1];
    let answer = ask(&levels, rising(last + 30.0), &Options::default()).unwrap();
    assert_eq!(answer.median_ms, Some(10 * STEP_MS));
    let falling: Vec<f64> = levels.iter().map(|level| -level).collect();
    let kind = Kind::Gauge {
        limit: -last - 30.0,
        towards: Towards::Falling,
    };
    assert_eq!(ask(&falling, kind, &Options::default()).unwrap(), answer);
}

#[test]
fn the_time_of_day_is_known() {
    // All is spent in the twelve hours of daylight; it is evening, and half of a day is left.
    let values: Vec<f64> = (0..10 * DAY + DAY / 2)
        .map(|at| {
            if at % DAY < DAY / 2 {
                10.0 + noise(at)
            } else {
                0.1 * noise(at)
            }
        })
        .collect();
    let left = 10.5 * 36.0;
    let answer = ask(&values, Kind::Spend { left }, &Options::default()).unwrap();
    let hours = answer.median_ms.unwrap() as f64 / HOUR_MS as f64;
    // Twelve hours of night and six of the next day; the pace of a whole day would say 12.
    assert!((hours - 18.0).abs() < 0.5, "{hours}");
    let range: Vec<f64> = answer
        .quantiles
        .iter()
        .map(|it| it.1.unwrap() as f64 / HOUR_MS as f64)
        .collect();
    assert!(
        range[0] > 16.5 && range[1] < 19.5 && range[0] < range[1],
        "{range:?}"
    );
}

#[test]
fn a_level_that_returns_may_never_reach_its_limit() {
    let mut level = 0.0;
    let levels: Vec<f64> = (0..10 * DAY)
        .map(|at| {
            level = 0.9 * level + noise(at) - 0.5;
            level
        })
        .collect();
    let near = ask(&levels, rising(0.5), &Options::default()).unwrap();
    assert!(near.probability_within_horizon > 0.9, "{near:?}");
    assert!(near.median_ms.unwrap() < 24 * HOUR_MS, "{near:?}");
    let far = ask(&levels, rising(50.0), &Options::default()).unwrap();
    assert_eq!((far.median_ms, far.probability_within_horizon), (None, 0.0));
    assert!(matches!(far.method, Method::Level { .. }), "{far:?}");
}

/// Fourteen days of calm, and then a fall that nothing before foretells.
#[test]
fn a_fall_that_never_was_goes_on() {
    for (an_hour, hours, left, truth) in [
        (3.0, 24, 28.0, 9.3),
        (10.0, 8, 20.0, 2.0),
        (25.0, 3, 25.0, 1.0),
    ] {
        let fall = hours * 6;
        let values: Vec<f64> = (0..14 * DAY)
            .map(|at| {
                let fallen = (at + 1).saturating_sub(14 * DAY - fall) as f64 * an_hour / 6.0;
                left + f64::from(hours as u32) * an_hour - fallen + 0.6 * (noise(at) - 0.5)
            })
            .collect();
        let kind = Kind::Gauge {
            limit: 0.0,
            towards: Towards::Falling,
        };
        let answer = ask(&values, kind, &Options::default()).unwrap();
        let hours = answer.median_ms.unwrap() as f64 / HOUR_MS as f64;
        assert!(
            hours > 0.6 * truth && hours < 2.5 * truth,
            "{hours} of {truth}: {answer:?}"
        );
        let first = answer.quantiles[0].1.unwrap() as f64 / HOUR_MS as f64;
        assert!(first < 1.5 * truth, "{first} of {truth}");
    }
}

/// One a little after each hour; the last hour's is late.
#[test]
fn an_hour_without_is_no_end_of_what_comes_hourly() {
    for (hours, truth) in [(48, 5.8), (14 * 24, 5.8)] {
        let mut values: Vec<f64> = (0..hours * 6)
            .map(|at| f64::from(u8::from(at % 6 == 1)))
            .collect();
        let end = values.len();
        values[end - 6..].fill(0.0);
        let answer = ask(&values, Kind::Spend { left: truth }, &Options::default()).unwrap();
        let hours = answer.median_ms.unwrap() as f64 / HOUR_MS as f64;
        assert!((4.5..7.5).contains(&hours), "{hours}: {answer:?}");
    }
}

#[test]
fn a_quota_is_whole_again_at_its_reset() {
    // 60 steps from refill to refill, 1 to 2 a step of 150; 30 steps before the next one.
    let mut left = 150.0;
    let levels: Vec<f64> = (0..10 * 60 + 30)
        .map(|at| {
            left = if at % 60 == 0 {
                150.0
            } else {
                left - 1.0 - noise(at)
            };
            left
        })
        .collect();
    let end_ms = (levels.len() as i64 - 1) * STEP_MS;
    let options = |steps: i64| Options {
        reset_ms: Some(end_ms + steps * STEP_MS),
        seasons: Some(vec![]),
        ..Options::default()
    };
    let kind = |limit| Kind::Gauge {
        limit,
        towards: Towards::Falling,
    };
    // 45 more are spent until the reset.
    let enough = ask(&levels, kind(left - 80.0), &options(30)).unwrap();
    assert!(enough.probability_within_horizon < 0.05, "{enough:?}");
    assert_eq!((enough.median_ms, enough.horizon_ms), (None, 30 * STEP_MS));
    let short = ask(&levels, kind(left - 20.0), &options(30)).unwrap();
    assert!(short.probability_within_horizon > 0.95, "{short:?}");
    let steps = short.median_ms.unwrap() / STEP_MS;
    assert!((11..=16).contains(&steps), "{steps}");
}

#[test]
fn what_cannot_move_or_is_over_is_told() {
    let still = ask(&[5.0; 100], rising(6.0), &Options::default()).unwrap();
    assert_eq!((still.median_ms, still.method), (None, Method::Still));
    let over = ask(&[5.0; 100], rising(5.0), &Options::default()).unwrap();
    assert_eq!((over.median_ms, over.method), (Some(0), Method::Exhausted));
    let spent = ask(&[0.0; 100], Kind::Spend { left: 0.0 }, &Options::default()).unwrap();
    assert_eq!(spent.probability_within_horizon, 1.0);
}

#[test]
fn units_do_not_matter() {
    let values: Vec<f64> = (0..5 * DAY).map(|at| noise(at) + noise(at / 30)).collect();
    let scaled: Vec<f64> = values.iter().map(|value| value * 1024.0).collect();
    let options = Options::default();
    let one = ask(&values, Kind::Spend { left: 77.0 }, &options).unwrap();
    let other = ask(
        &scaled,
        Kind::Spend {
            left: 77.0 * 1024.0,
        },
        &options,
    )
    .unwrap();
    assert_eq!(
        (one.median_ms, one.quantiles),
        (other.median_ms, other.quantiles)
    );
}

#[test]
fn refusals_name_what_is_allowed() {
    let text = |values: &[f64], kind, options: &Options| {
        ask(values, kind, options).unwrap_err().to_string()
    };
    let spend = Kind::Spend { left: 1.0 };
    assert_eq!(
        text(&[1.0, f64::NAN], spend, &Options::default()),
        "the series has 1 known values: at least 24 are needed"
    );
    assert_eq!(
        text(
            &[1.0; 30],
            Kind::Spend { left: f64::NAN },
            &Options::default()
        ),
        "the limit is NaN: it must be a finite number"
    );
    let options = Options {
        quantiles: vec![0.5, 1.0],
        ..Options::default()
    };
    assert_eq!(
        text(&[1.0; 30], spend, &options),
        "a quantile is 1: it must be between 0 and 1, both excluded"
    );
    let options = Options {
        reset_ms: Some(30 * STEP_MS),
        ..Options::default()
    };
    assert_eq!(
        text(&[1.0; 30], spend, &options),
        "the horizon is 0 ms after the last value: it must be more than 0"
    );
}

#[test]
fn counters_are_read_over_resets_and_gaps() {
    let steps = spent(&[f64::NAN, 5.0, 7.0, 2.0, f64::NAN, 6.0, f64::NAN]);
    assert!(steps[0].is_nan() && steps[5].is_nan());
    assert_eq!(steps[1..5], [2.0, 2.0, 2.0, 2.0]);
    assert!(spent(&[]).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_comes_nothing_breaks(
        values in prop::collection::vec(prop_oneof![
            8 => -10.0..10.0f64,
            2 => Just(0.0),
            1 => any::<f64>(),
        ], 0..700),
        limit in prop_oneof![4 => -100.0..100.0f64, 1 => any::<f64>()],
        kind in 0..3,
        step_ms in prop_oneof![Just(1i64), Just(60_000), Just(600_000), Just(i64::MAX)],
        start_ms in any::<i64>(),
        horizon_ms in prop_oneof![1..1_000_000_000i64, any::<i64>()],
        season in prop::option::of(prop::collection::vec(0..200usize, 0..3)),
    ) {
        let kind = match kind {
            0 => Kind::Spend { left: limit },
            1 => Kind::Gauge { limit, towards: Towards::Rising },
            _ => Kind::Gauge { limit, towards: Towards::Falling },
        };
        let options = Options {
            seasons: season,
            horizon_ms,
            quantiles: vec![0.05, 0.1, 0.5, 0.9, 0.95],
            reset_ms: None,
        };
        let series = Series { step_ms, start_ms, values: &values };
        if let Ok(answer) = exhaustion(series, kind, &options) {
            prop_assert!((0.0..=1.0).contains(&answer.probability_within_horizon));
            let mut last = 0;
            for (_, time) in &answer.quantiles {
                let time = time.unwrap_or(i64::MAX);
                prop_assert!(time >= last, "{answer:?}");
                last = time;
            }
            if let Some(median_ms) = answer.median_ms {
                prop_assert!((0..=horizon_ms).contains(&median_ms));
            }
        }
    }
}
