//! The sliding ways against looking at each window as a whole.

use bellwether_model::STALE_NAN;
use bellwether_storage::Samples;
use proptest::prelude::*;

use super::*;
use crate::eval::column::{Grid, is_absent};
use crate::eval::rate;
use crate::eval::window::{PointsBuffer, WindowShape};

/// Values with everything that is special: gaps in time, resets, NaN, infinities, staleness, and
/// numbers of very different size.
fn values() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![
        20 => (0i32..1000).prop_map(f64::from),
        4 => (0i32..10).prop_map(f64::from),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(STALE_NAN),
        1 => Just(1e100),
        1 => Just(-1e15),
        2 => -1e6f64..1e6,
    ];
    let plain = (0i32..100_000).prop_map(|x| f64::from(x) / 7.0);
    let gap = prop_oneof![20 => Just(15_000i64), 2 => 1i64..400_000, 1 => Just(1i64)];
    prop_oneof![
        proptest::collection::vec((gap.clone(), value), 0..150),
        proptest::collection::vec((gap, plain), 0..150),
    ]
}

fn samples(steps: &[(i64, f64)]) -> Samples {
    let mut samples = Samples::default();
    let mut time_ms = 0;
    for (gap, value) in steps {
        time_ms += gap;
        samples.push_float(time_ms, *value);
    }
    samples
}

fn same(a: f64, b: f64) -> bool {
    if is_absent(a) || is_absent(b) {
        return is_absent(a) && is_absent(b);
    }
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

const FUNCTIONS: [RangeFn; 12] = [
    RangeFn::SumOverTime,
    RangeFn::AvgOverTime,
    RangeFn::MinOverTime,
    RangeFn::MaxOverTime,
    RangeFn::QuantileOverTime,
    RangeFn::Changes,
    RangeFn::Resets,
    RangeFn::Rate,
    RangeFn::Increase,
    RangeFn::Delta,
    RangeFn::Irate,
    RangeFn::Idelta,
];

/// The value of one window, in the plainest way.
fn naive(function: RangeFn, times: &[i64], values: &[f64], window: (i64, i64)) -> f64 {
    let inside: Vec<usize> = (0..times.len())
        .filter(|&i| times[i] > window.0 && times[i] <= window.1)
        .collect();
    let (Some(&first), Some(&last)) = (inside.first(), inside.last()) else {
        return ABSENT;
    };
    let (times, values) = (&times[first..=last], &values[first..=last]);
    let pairs = || values.windows(2).map(|pair| (pair[0], pair[1]));
    let count = |found: &dyn Fn(f64, f64) -> bool| pairs().filter(|&(a, b)| found(a, b)).count();
    let counter = matches!(function, RangeFn::Rate | RangeFn::Increase);
    match function {
        RangeFn::Changes => count(&|a, b| a != b && !(a.is_nan() && b.is_nan())) as f64,
        RangeFn::Resets => count(&|a, b| b < a) as f64,
        RangeFn::Rate | RangeFn::Increase | RangeFn::Delta if values.len() < 2 => ABSENT,
        RangeFn::Irate | RangeFn::Idelta if values.len() < 2 => ABSENT,
        RangeFn::Irate | RangeFn::Idelta => {
            let (a, b) = (values[values.len() - 2], values[values.len() - 1]);
            let seconds = (times[times.len() - 1] - times[times.len() - 2]) as f64 / 1000.0;
            match function {
                RangeFn::Irate if b < a => b / seconds,
                RangeFn::Irate => (b - a) / seconds,
                _ => b - a,
            }
        }
        RangeFn::Rate | RangeFn::Increase | RangeFn::Delta => {
            let mut change = values[values.len() - 1] - values[0];
            if counter {
                for (a, b) in pairs() {
                    if b < a {
                        change += a;
                    }
                }
            }
            let sampled = (times[times.len() - 1] - times[0]) as f64 / 1000.0;
            let between = sampled / (values.len() - 1) as f64;
            let near = |distance: f64| {
                if distance >= between * 1.1 {
                    between / 2.0
                } else {
                    distance
                }
            };
            let mut to_start = near((times[0] - window.0) as f64 / 1000.0);
            if counter && change > 0.0 && values[0] >= 0.0 {
                let to_zero = sampled * (values[0] / change);
                if to_zero < to_start {
                    to_start = to_zero;
                }
            }
            let to_end = near((window.1 - times[times.len() - 1]) as f64 / 1000.0);
            let whole = change * ((sampled + to_start + to_end) / sampled);
            if function == RangeFn::Rate {
                whole / ((window.1 - window.0) as f64 / 1000.0)
            } else {
                whole
            }
        }
        function => of_floats(function, times, values, window.1, [0.7, 0.0]).unwrap_or(ABSENT),
    }
}

fn sliding(function: RangeFn, slide: &Slide<'_>, out: &mut Vec<f64>) {
    let quantiles = vec![0.7; slide.grid.count];
    match function {
        RangeFn::SumOverTime => slide_sum(slide, false, out),
        RangeFn::AvgOverTime => slide_sum(slide, true, out),
        RangeFn::MinOverTime => slide_extreme(slide, f64::INFINITY, |a, b| a < b, out),
        RangeFn::MaxOverTime => slide_extreme(slide, f64::NEG_INFINITY, |a, b| a > b, out),
        RangeFn::QuantileOverTime => slide_quantile(slide, &quantiles, out),
        RangeFn::Changes => slide_count(slide, |a, b| a != b && !(a.is_nan() && b.is_nan()), out),
        RangeFn::Resets => slide_count(slide, |a, b| b < a, out),
        RangeFn::Rate => rate::slide(slide, true, true, out),
        RangeFn::Increase => rate::slide(slide, true, false, out),
        RangeFn::Delta => rate::slide(slide, false, false, out),
        RangeFn::Irate => rate::slide_last_two(slide, true, out),
        _ => rate::slide_last_two(slide, false, out),
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn sliding_equals_looking_at_each_window(
        steps in values(),
        window_ms in prop_oneof![Just(60_000i64), Just(600_000), 1i64..2_000_000],
        step_ms in prop_oneof![Just(15_000i64), Just(60_000), 1i64..500_000],
        start_ms in -100_000i64..1_000_000,
        offset_ms in prop_oneof![3 => Just(0i64), 1 => -300_000i64..300_000],
        at_ms in prop_oneof![5 => Just(None), 1 => (0i64..1_000_000).prop_map(Some)],
        function in proptest::sample::select(FUNCTIONS.to_vec()),
    ) {
        let samples = samples(&steps);
        let mut buffer = PointsBuffer::default();
        let points = buffer.points(&samples, false);
        let grid = Grid { start_ms, step_ms, count: 60 };
        let shape = WindowShape { window_ms, offset_ms, at_ms, extension: None, lookback_ms: 300_000 };
        let slide = Slide {
            times: points.floats.times,
            values: points.floats.values,
            shape: &shape,
            grid: &grid,
        };
        let mut got = Vec::new();
        sliding(function, &slide, &mut got);
        prop_assert_eq!(got.len(), grid.count);
        for (step, got) in got.into_iter().enumerate() {
            let window = shape.bounds(grid.time(step));
            let want = naive(function, slide.times, slide.values, window);
            prop_assert!(same(got, want), "{:?} step {}: {} instead of {}", function, step, got, want);
        }
    }
}
