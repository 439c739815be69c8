use proptest::prelude::*;

use super::*;

const HOUR_MS: i64 = 3_600_000;

/// Noise between -0.5 and 0.5, the same each time.
fn noise(at: usize) -> f64 {
    let mut mixed = (at as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 32)) >> 11) as f64 / (1u64 << 53) as f64 - 0.5
}

fn daily(at: usize) -> f64 {
    100.0 + 40.0 * (at as f64 / 24.0 * std::f64::consts::TAU).sin() + 8.0 * noise(at)
}

fn ask(values: &[f64], options: &Options) -> Forecast {
    let series = Series {
        step_ms: HOUR_MS,
        start_ms: 0,
        values,
    };
    forecast(series, options).unwrap()
}

fn error(said: &[f64], truth: impl Fn(usize) -> f64, from: usize) -> f64 {
    let each = said
        .iter()
        .zip(from..)
        .map(|(said, at)| (said - truth(at)).abs());
    each.sum::<f64>() / said.len() as f64
}

#[test]
fn a_day_in_noise_is_followed() {
    let values: Vec<f64> = (0..24 * 30).map(daily).collect();
    let next = ask(&values, &Options::default());
    assert_eq!((next.start_ms, next.mean.len()), (24 * 30 * HOUR_MS, 24));
    let off = error(&next.mean, daily, values.len());
    // Noise alone makes 2; a day ago 2.7.
    assert!(off < 2.5, "{off} by {}", next.model);
}

#[test]
fn a_random_walk_stays_about_where_it_is() {
    let mut level = 50.0;
    let mut steps = (0..2_000).map(|at| {
        level += noise(at * 31 + 7);
        level
    });
    let values: Vec<f64> = steps.by_ref().take(1_000).collect();
    let next = ask(&values, &Options::default());
    let last = values[values.len() - 1];
    let moved = next
        .mean
        .iter()
        .map(|value| (value - last).abs())
        .fold(0.0, f64::max);
    assert!(moved < 2.0, "{moved} by {}", next.model);
}

#[test]
fn missing_values_at_the_end_are_forecast_over() {
    let mut values: Vec<f64> = (0..24 * 30).map(daily).collect();
    for value in &mut values[24 * 30 - 5..] {
        *value = f64::NAN;
    }
    values[300..320].fill(f64::INFINITY);
    let next = ask(&values, &Options::default());
    assert_eq!(next.start_ms, 24 * 30 * HOUR_MS);
    let off = error(&next.mean, daily, values.len());
    assert!(off < 2.7, "{off} by {}", next.model);
}

#[test]
fn intervals_hold_what_they_say() {
    let options = Options {
        horizon_steps: 12,
        ..Options::default()
    };
    let all: Vec<f64> = (0..2_000).map(daily).collect();
    let (mut inside, mut count) = (0.0, 0.0);
    for end in (500..1_900).step_by(70) {
        let next = ask(&all[..end], &options);
        let (low, high) = (&next.quantiles[0].1, &next.quantiles[2].1);
        for (at, (low, high)) in low.iter().zip(high).enumerate() {
            inside += f64::from(u8::from((*low..=*high).contains(&all[end + at])));
            count += 1.0;
        }
    }
    let share: f64 = inside / count;
    assert!((0.7..0.97).contains(&share), "{share}");
}

#[test]
fn what_cannot_be_negative_is_not() {
    let values: Vec<f64> = (0..200).map(|at| (5.0 * noise(at)).max(0.0)).collect();
    let options = Options {
        non_negative: true,
        quantiles: vec![0.01, 0.99],
        ..Options::default()
    };
    let next = ask(&values, &options);
    let all = next.mean.iter().chain(&next.quantiles[0].1);
    assert!(all.into_iter().all(|value| *value >= 0.0), "{next:?}");
}

#[test]
fn constants_stay() {
    for constant in [0.0, 7.0, -3.0, 1e300, -1e-300, f64::MAX, f64::MIN_POSITIVE] {
        let next = ask(&[constant; 100], &Options::default());
        for value in next.mean.iter().chain(&next.quantiles[0].1) {
            assert!(
                (value - constant).abs() <= 1e-6 * constant.abs(),
                "{constant}: {next:?}"
            );
        }
    }
}

#[test]
fn options_out_of_bounds_are_refused() {
    let refused = |change: fn(&mut Options), step_ms: i64, values: &[f64]| {
        let mut options = Options::default();
        change(&mut options);
        let series = Series {
            step_ms,
            start_ms: 0,
            values,
        };
        forecast(series, &options).unwrap_err().to_string()
    };
    let some = [1.0; 9];
    let said = refused(|options| options.horizon_steps = 0, 1, &some);
    assert_eq!(said, "horizon_steps is 0: it must be 1 to 2048");
    let said = refused(|options| options.quantiles = vec![0.5, 1.0], 1, &some);
    assert_eq!(said, "quantile 1: it must be above 0 and below 1");
    let said = refused(|options| options.seasons = Some(vec![24, 1]), 1, &some);
    assert_eq!(said, "a season of 1 steps: it must be at least 2");
    assert_eq!(
        refused(|_| (), 0, &some),
        "step_ms is 0: it must be at least 1"
    );
    let said = refused(|_| (), 1, &[1.0, f64::NAN, 2.0]);
    assert_eq!(said, "2 measured values: a forecast takes at least 4");
    let mut stale = vec![1.0; 3_000];
    stale[900..].fill(f64::NAN);
    let said = refused(|_| (), 1, &stale);
    assert!(
        said.starts_with("the last 2100 values are missing"),
        "{said}"
    );
}

/// Values as bad as they come.
fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![
        6 => -100.0..100.0f64,
        1 => Just(0.0),
        1 => Just(f64::NAN),
        1 => any::<f64>(),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::MAX), Just(-f64::MAX), Just(1e-310)],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_panics_and_quantiles_are_in_order(
        values in proptest::collection::vec(any_value(), 0..160),
        start_ms in any::<i64>(),
        step_ms in 1..i64::MAX,
        season in proptest::option::of(2..60usize),
        horizon_steps in 1..70usize,
    ) {
        let options = Options {
            horizon_steps,
            seasons: season.map(|season| vec![season, 7]),
            quantiles: vec![0.001, 0.1, 0.5, 0.9, 0.999],
            non_negative: false,
        };
        let series = Series { step_ms, start_ms, values: &values };
        let Ok(next) = forecast(series, &options) else {
            let measured = values.iter().filter(|value| value.is_finite()).count();
            prop_assume!(measured < 60);
            return Ok(());
        };
        prop_assert_eq!(next.mean.len(), horizon_steps);
        prop_assert!(next.mean.iter().all(|value| value.is_finite()));
        for step in 0..horizon_steps {
            for pair in next.quantiles.windows(2) {
                prop_assert!(pair[0].1[step] <= pair[1].1[step]);
            }
        }
        prop_assert_eq!(forecast(series, &options), Ok(next));
    }
}
