//! What an answer costs: 14 days at ten minutes, on one core.

use std::time::{Duration, Instant};

use bellwether_forecast::exhaustion::{Kind, Options, Towards, exhaustion};
use bellwether_forecast::series::Series;

use crate::random::Random;

const LEN: usize = 14 * 144;
const ASKED: u64 = 200;

pub(crate) fn run() {
    println!("| series of {LEN} values, {ASKED} of each | median | least |");
    println!("|---|---|---|");
    row("spend", |values| {
        (values.to_vec(), Kind::Spend { left: 144.0 * 10.0 })
    });
    row("disk that only fills", |values| {
        let levels = sums(values);
        let limit = levels[LEN - 1] + 144.0 * 10.0;
        (
            levels,
            Kind::Gauge {
                limit,
                towards: Towards::Rising,
            },
        )
    });
    row("level", |values| {
        let mut level = 0.0;
        let levels = values.iter().map(|value| {
            level = 0.98 * level + value - 10.0;
            level
        });
        (
            levels.collect(),
            Kind::Gauge {
                limit: 40.0,
                towards: Towards::Rising,
            },
        )
    });
}

fn row(name: &str, make: impl Fn(&[f64]) -> (Vec<f64>, Kind)) {
    let (mut all, mut sum) = (Vec::<Duration>::new(), 0.0);
    // Other processes make some of them longer, so that the mean says nothing.
    for seed in 0..ASKED {
        let mut random = Random::new(seed);
        let rates: Vec<f64> = (0..LEN)
            .map(|at| {
                let day = (std::f64::consts::TAU * at as f64 / 144.0).sin();
                10.0 + 5.0 * day + 3.0 * random.normal()
            })
            .collect();
        let (values, kind) = make(&rates);
        let series = Series {
            step_ms: 600_000,
            start_ms: 0,
            values: &values,
        };
        let begin = Instant::now();
        let answer = exhaustion(series, kind, &Options::default());
        let took = begin.elapsed();
        sum += answer.map_or(0.0, |answer| answer.probability_within_horizon);
        all.push(took);
    }
    all.sort_unstable();
    println!(
        "| {name} (within the horizon: {:.2}) | {:?} | {:?} |",
        sum / ASKED as f64,
        all[all.len() / 2],
        all[0]
    );
}

fn sums(values: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    values
        .iter()
        .map(|value| {
            sum += value.max(0.0);
            sum
        })
        .collect()
}
