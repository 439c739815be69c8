//! 200 staged growths: is the stage named, and first?

use bellwether_forecast::bottleneck::{Bottleneck, RequestPath, Stage, StageKind, bottleneck};

use crate::path::{self, Measured, STAGES, STEP_S, Setting};
use crate::random::Random;

/// Steps before the growth sets in, and those that are asked about, from five steps after.
const BEFORE: usize = 120;
const AFTER: usize = 15;
const SINCE: usize = 3;

pub(crate) fn run(count: usize, first_seed: u64, verbose: bool) {
    println!(
        "| staged | n | ours | ours, workers unknown | largest growth | largest relative growth |"
    );
    println!("|---|---|---|---|---|---|");
    let mut singles = [0.0; 5];
    let mut by_kind = vec![[0.0; 5]; 7];
    let mut doubles = [0.0; 5];
    let mut seed = first_seed;
    let (mut single_count, mut double_count) = (0, 0);
    let mut discarded = 0;
    while single_count + double_count < count {
        seed += 1;
        let setting = Setting::draw(seed);
        let mut random = Random::new(seed ^ 0x77);
        let is_double = double_count < single_count && double_count < count / 2;
        let what = (random.fraction() * 7.0) as usize;
        let mut staged = vec![setting.staged(what, random.between(0.2, 1.0))];
        if is_double {
            loop {
                let other =
                    setting.staged((random.fraction() * 7.0) as usize, random.between(0.2, 1.0));
                if other.stage() != staged[0].stage() {
                    staged.push(other);
                    break;
                }
            }
        }
        let measured = path::simulate(&setting, &staged, BEFORE, BEFORE + SINCE + AFTER);
        // A queue that did not grow is no staged growth.
        let waits = contribution(&measured, 0);
        let is_queue = staged.iter().any(|it| it.stage() == 0);
        if is_queue && growth(&waits, &measured) < 0.15 * setting.work_s() {
            discarded += 1;
            continue;
        }
        let answer = ask(&measured, &measured.workers);
        let blind = ask(&measured, &[]);
        let stages: Vec<usize> = staged.iter().map(|it| it.stage()).collect();
        let ours: Vec<usize> = answer.causes.iter().map(|cause| cause.stage).collect();
        let growths: Vec<f64> = (0..4)
            .map(|stage| growth(&contribution(&measured, stage), &measured))
            .collect();
        let plain = order(&growths);
        let ratios: Vec<f64> = (0..4)
            .map(|stage| {
                let all = contribution(&measured, stage);
                growth(&all, &measured) / mean(&all[..BEFORE], &measured.ended[..BEFORE]).max(1e-9)
            })
            .collect();
        let relative = order(&ratios);
        let right = |ranking: &[usize]| {
            let hit = stages
                .iter()
                .all(|stage| ranking[..stages.len()].contains(stage));
            f64::from(u8::from(hit))
        };
        let unseen: Vec<usize> = blind.causes.iter().map(|cause| cause.stage).collect();
        let add = [
            1.0,
            right(&ours),
            right(&unseen),
            right(&plain),
            right(&relative),
        ];
        if is_double {
            double_count += 1;
            (0..5).for_each(|at| doubles[at] += add[at]);
        } else {
            single_count += 1;
            (0..5).for_each(|at| singles[at] += add[at]);
            (0..5).for_each(|at| by_kind[what][at] += add[at]);
        }
        if verbose && right(&ours) < 0.5 {
            println!("seed {seed} {staged:?} growth {growths:.2?}");
            println!("   {setting:?}");
            for cause in &answer.causes {
                println!(
                    "   {cause} own {:.2} induced {:.2} conf {:.2}",
                    cause.own_seconds, cause.induced_seconds, cause.confidence
                );
            }
        }
    }
    let row = |name: &str, it: &[f64; 5]| {
        println!(
            "| {name} | {} | {:.3} | {:.3} | {:.3} | {:.3} |",
            it[0],
            it[1] / it[0],
            it[2] / it[0],
            it[3] / it[0],
            it[4] / it[0]
        );
    };
    for (name, kind) in [
        "load",
        "workers",
        "handing",
        "provider",
        "tool",
        "tool calls",
        "database",
    ]
    .iter()
    .zip(&by_kind)
    {
        row(name, kind);
    }
    row("one", &singles);
    row("two, both among the first two", &doubles);
    println!(
        "\n{discarded} draws in which the queue was to grow and did not are left out; {} stages.",
        STAGES.len()
    );
}

fn ask(measured: &Measured, workers: &[f64]) -> Bottleneck {
    let seconds: Vec<Vec<f64>> = (0..4)
        .map(|stage| ratio(&measured.seconds[stage], &measured.calls[stage]))
        .collect();
    let calls: Vec<Vec<f64>> = (0..4)
        .map(|stage| ratio(&measured.calls[stage], &measured.ended))
        .collect();
    let stages: Vec<Stage<'_>> = (0..4)
        .map(|stage| Stage {
            name: STAGES[stage],
            kind: if stage == 0 {
                StageKind::Wait
            } else {
                StageKind::Work
            },
            seconds: &seconds[stage],
            calls: &calls[stage],
        })
        .collect();
    let whole = ratio(&measured.whole, &measured.ended);
    let request_path = RequestPath {
        step_ms: (STEP_S * 1e3) as i64,
        stages: &stages,
        whole: &whole,
        arrivals: &measured.arrivals,
        workers,
    };
    bottleneck(
        &request_path,
        5..BEFORE,
        BEFORE + SINCE..BEFORE + SINCE + AFTER,
    )
    .expect("well formed")
}

/// Seconds a request in each step.
fn contribution(measured: &Measured, stage: usize) -> Vec<f64> {
    ratio(&measured.seconds[stage], &measured.ended)
}

fn growth(values: &[f64], measured: &Measured) -> f64 {
    let after = BEFORE + SINCE..BEFORE + SINCE + AFTER;
    mean(&values[after.clone()], &measured.ended[after])
        - mean(&values[5..BEFORE], &measured.ended[5..BEFORE])
}

fn mean(values: &[f64], weights: &[f64]) -> f64 {
    let pairs = values.iter().zip(weights).filter(|pair| pair.0.is_finite());
    let (sum, total) = pairs.fold((0.0, 0.0), |(sum, total), (value, weight)| {
        (sum + value * weight, total + weight)
    });
    sum / total
}

fn ratio(above: &[f64], below: &[f64]) -> Vec<f64> {
    above
        .iter()
        .zip(below)
        .map(|(above, below)| above / below)
        .collect()
}

fn order(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    order
}
