//! False alarms and delay of the detector of shifts, next to those of a plain rolling mean.
//!
//! `cargo run --release -p bellwether-forecast --example shift_bench -- [quick] [folder of NAB]`
//!
//! The detector runs with its defaults everywhere; only the wanted rate is varied, for the curves.
//! The rolling mean is tried in all settings of a grid (`rolling.rs`), and shown at its best: the
//! setting that is soonest among those with no more false alarms than ours, once chosen on the data
//! that our constants were chosen on, once in hindsight on the data shown; and the one with fewest
//! false alarms among those that are as soon.
//!
//! A shift is found if an alarm goes on within its window; an alarm that is on already does not
//! count. A missed one has the delay of the whole window, so that finding fewer does not pay.
#![expect(clippy::print_stdout, reason = "a measurement prints")]

mod nab;
mod noise;
mod rolling;
mod tally;

use std::path::Path;

use anyhow::Result;
use bellwether_forecast::shift::{ShiftDetector, ShiftOptions};
use noise::{Kind, Source};
use rolling::{Setting, Windows};
use tally::{Series, Tally, mean, median};

const MINUTE_MS: u32 = 60_000;
const DAY: usize = 1440;
/// A detector lives so long in the stationary sets, and begins anew.
const LIFE_DAYS: usize = 30;
/// Where the level shifts, and how long an alarm is waited for, in samples.
const SHIFT_AT: usize = 1500;
const SHIFT_WINDOW: usize = 240;
const SIZES: [f64; 4] = [1.0, 2.0, 3.0, 5.0];
const WANTED: f64 = 1.0 / 30.0;
/// Wanted false alarms a day, for the curves.
const RATES: [f64; 9] = [0.001, 0.003, 0.01, 0.02, WANTED, 0.1, 0.3, 1.0, 2.0];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let quick = arguments.iter().any(|argument| argument == "quick");
    let folder = arguments.iter().find(|argument| *argument != "quick");
    let (days, trials) = if quick { (60, 20) } else { (300, 100) };

    println!(
        "# Noise of eight kinds, a sample a minute: {days} series-days each, {trials} shifts of each size\n"
    );
    let sets: Vec<Vec<Series>> = Kind::ALL
        .iter()
        .map(|(name, kind)| synthetic(name, *kind, days, trials))
        .collect();
    let grid = Grid::run(&sets);
    let ours: Vec<Tally> = sets.iter().map(|set| ours(set, WANTED)).collect();
    let limit = pooled(&ours).false_per_day();
    let best = grid.best(&all_of(&sets), limit);
    println!(
        "rolling mean at its best for all kinds together: {}\n",
        grid.settings[best]
    );
    println!(
        "Delays in samples, missed shifts as {SHIFT_WINDOW}. \"Hindsight\": its best setting for this kind alone.\n"
    );
    println!(
        "| noise | detector | false a day | found | delay: mean | median | 1 dev. | 2 | 3 | 5 |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for (at, (name, _)) in Kind::ALL.iter().enumerate() {
        noise_row(name, "ours", 1, &ours[at]);
        noise_row("", "rolling", 1, &grid.tallies[best][at]);
        let hindsight = grid.best(&[at], ours[at].false_per_day());
        noise_row(
            "",
            &format!("hindsight: {}", grid.settings[hindsight]),
            1,
            &grid.tallies[hindsight][at],
        );
    }
    noise_row("all", "ours", sets.len(), &pooled(&ours));
    noise_row(
        "",
        "rolling",
        sets.len(),
        &grid.pooled(best, &all_of(&sets)),
    );
    println!();
    curve(&sets, &grid, &all_of(&sets));

    let long = if quick { 300 } else { 3000 };
    println!("\n# False alarms over {long} series-days of each kind, {WANTED:.4} a day wanted\n");
    for (name, kind) in Kind::ALL {
        let mut tally = Tally::default();
        for life in 0..long / LIFE_DAYS {
            let series = stationary(name, kind, 900_000 + life as u64);
            tally.add(&series, &our_alarms(&series, WANTED));
        }
        println!(
            "- {name}: {} alarms, {:.4} a day",
            tally.false_alarms,
            tally.false_per_day()
        );
    }

    cost();
    if let Some(folder) = folder {
        labelled(Path::new(folder))?;
    }
    Ok(())
}

/// What a sample costs on one core.
fn cost() {
    let series = stationary("", Kind::Ar(0.5), 1);
    let start = std::time::Instant::now();
    let alarms = our_alarms(&series, WANTED).len();
    let each = start.elapsed() / series.values.len() as u32;
    println!("\nA sample costs {each:?} ({alarms} alarms over {LIFE_DAYS} days of noise).");
}

/// The labelled series.
fn labelled(folder: &Path) -> Result<()> {
    let (second, first): (Vec<Series>, Vec<Series>) = nab::read(folder)?
        .into_iter()
        .partition(|series| nab::held_out(&series.name));
    let sets = [first, second];
    let grid = Grid::run(&sets);
    let ours: Vec<Tally> = sets.iter().map(|set| ours(set, WANTED)).collect();
    let chosen = grid.best(&[0], ours[0].false_per_day());
    println!("\n# NAB: {} series\n", sets[0].len() + sets[1].len());
    println!(
        "| series | detector | false | a day | found | delay: mean part of window | median | mean hours | median |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for (name, parts) in [
        ("first half", &[0][..]),
        ("held-out half", &[1]),
        ("all", &[0, 1]),
    ] {
        let mut tally = Tally::default();
        parts.iter().for_each(|&part| tally.merge(&ours[part]));
        nab_row(name, "ours", &tally);
        nab_row(
            "",
            &format!(
                "rolling, chosen on the first half: {}",
                grid.settings[chosen]
            ),
            &grid.pooled(chosen, parts),
        );
        let hindsight = [
            ("soonest", grid.best(parts, tally.false_per_day())),
            ("quietest", grid.quietest(parts, tally.delay())),
        ];
        for (what, at) in hindsight {
            let detector = format!("rolling, {what} in hindsight: {}", grid.settings[at]);
            nab_row("", &detector, &grid.pooled(at, parts));
        }
    }
    for (name, parts) in [
        ("first half", &[0][..]),
        ("held-out half", &[1]),
        ("all", &[0, 1]),
    ] {
        println!("\n## {name}\n");
        curve(&sets, &grid, parts);
    }
    println!();
    for series in sets.iter().flatten() {
        let mut tally = Tally::default();
        tally.add(series, &our_alarms(series, WANTED));
        println!(
            "- {}: {} false, {} of {} found",
            series.name,
            tally.false_alarms,
            tally.found,
            tally.parts.len()
        );
    }
    Ok(())
}

/// Ours at several rates, next to the soonest setting of the grid with no more false alarms.
fn curve(sets: &[Vec<Series>], grid: &Grid, parts: &[usize]) {
    println!(
        "| wanted a day | ours: false a day | found | mean delay | best rolling: false a day | found | mean delay | settings with no more false alarms and no more delay |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for rate in RATES {
        let mut tally = Tally::default();
        parts
            .iter()
            .for_each(|&part| tally.merge(&ours(&sets[part], rate)));
        let best = grid.pooled(grid.best(parts, tally.false_per_day()), parts);
        let beaten_by = (0..grid.settings.len())
            .map(|at| grid.pooled(at, parts))
            .filter(|other| {
                other.false_per_day() <= tally.false_per_day() && other.delay() <= tally.delay()
            })
            .count();
        println!(
            "| {rate:.4} | {:.4} | {:.3} | {:.3} | {:.4} | {:.3} | {:.3} | {beaten_by} of {} |",
            tally.false_per_day(),
            tally.share(),
            tally.delay(),
            best.false_per_day(),
            best.share(),
            best.delay(),
            grid.settings.len(),
        );
    }
}

/// The rolling mean in all settings on all sets.
struct Grid {
    settings: Vec<Setting>,
    /// By setting, then by set.
    tallies: Vec<Vec<Tally>>,
}

impl Grid {
    fn run(sets: &[Vec<Series>]) -> Self {
        let mut grid = Self {
            settings: Vec::new(),
            tallies: Vec::new(),
        };
        for windows in rolling::windows() {
            grid.run_windows(windows, sets);
        }
        grid
    }

    fn run_windows(&mut self, windows: Windows, sets: &[Vec<Series>]) {
        let settings = rolling::settings(windows);
        let mut tallies = vec![vec![Tally::default(); sets.len()]; settings.len()];
        for (at, set) in sets.iter().enumerate() {
            for series in set {
                let statistics = rolling::statistics(windows, &series.values);
                for (setting, tallies) in settings.iter().zip(&mut tallies) {
                    tallies[at].add(series, &rolling::alarms(*setting, &statistics));
                }
            }
        }
        self.settings.extend(settings);
        self.tallies.extend(tallies);
    }

    fn pooled(&self, setting: usize, parts: &[usize]) -> Tally {
        let mut tally = Tally::default();
        parts
            .iter()
            .for_each(|&part| tally.merge(&self.tallies[setting][part]));
        tally
    }

    /// The setting of fewest false alarms among those with no more delay than `limit`.
    fn quietest(&self, parts: &[usize], limit: f64) -> usize {
        let alarms = |at: usize| {
            let tally = self.pooled(at, parts);
            if tally.delay() <= limit {
                tally.false_alarms
            } else {
                usize::MAX
            }
        };
        (0..self.settings.len())
            .min_by_key(|&at| alarms(at))
            .unwrap_or(0)
    }

    /// The setting of least delay among those with no more false alarms a day than `limit`.
    fn best(&self, parts: &[usize], limit: f64) -> usize {
        let delay = |at: usize| {
            let tally = self.pooled(at, parts);
            if tally.false_per_day() <= limit {
                tally.delay()
            } else {
                f64::INFINITY
            }
        };
        (0..self.settings.len())
            .min_by(|&a, &b| delay(a).total_cmp(&delay(b)))
            .unwrap_or(0)
    }
}

fn ours(set: &[Series], rate: f64) -> Tally {
    let mut tally = Tally::default();
    for series in set {
        tally.add(series, &our_alarms(series, rate));
    }
    tally
}

fn our_alarms(series: &Series, rate: f64) -> Vec<usize> {
    let options = ShiftOptions {
        interval_ms: series.interval_ms,
        false_alarms_per_day: rate,
        ..ShiftOptions::default()
    };
    let mut alarms = Vec::new();
    let Ok(mut detector) = ShiftDetector::new(options) else {
        return alarms;
    };
    let mut was_on = false;
    for (at, (&time_ms, &value)) in series.times_ms.iter().zip(&series.values).enumerate() {
        detector.push(time_ms, value);
        if detector.is_alarm() && !was_on {
            alarms.push(at);
        }
        was_on = detector.is_alarm();
    }
    alarms
}

/// Stationary series, and series that shift, up, by each size.
fn synthetic(name: &str, kind: Kind, days: usize, trials: usize) -> Vec<Series> {
    let mut set: Vec<Series> = (0..days / LIFE_DAYS)
        .map(|life| stationary(name, kind, life as u64))
        .collect();
    for (number, size) in SIZES.into_iter().enumerate() {
        for trial in 0..trials {
            let mut source = Source::new(kind, (1000 * (number + 1) + trial) as u64);
            let values = (0..SHIFT_AT + SHIFT_WINDOW).map(|at| {
                source.shift = if at < SHIFT_AT { 0.0 } else { size };
                source.next()
            });
            let mut series = minutes(name, values.collect());
            series.windows = vec![(SHIFT_AT, SHIFT_AT + SHIFT_WINDOW - 1)];
            series.counts_false = false;
            set.push(series);
        }
    }
    set
}

fn stationary(name: &str, kind: Kind, seed: u64) -> Series {
    let mut source = Source::new(kind, seed);
    minutes(name, (0..LIFE_DAYS * DAY).map(|_| source.next()).collect())
}

fn minutes(name: &str, values: Vec<f64>) -> Series {
    Series {
        name: name.to_owned(),
        times_ms: (0..values.len())
            .map(|at| at as i64 * i64::from(MINUTE_MS))
            .collect(),
        values,
        interval_ms: MINUTE_MS,
        from: 0,
        windows: Vec::new(),
        counts_false: true,
    }
}

fn all_of(sets: &[Vec<Series>]) -> Vec<usize> {
    (0..sets.len()).collect()
}

fn pooled(tallies: &[Tally]) -> Tally {
    let mut all = Tally::default();
    tallies.iter().for_each(|tally| all.merge(tally));
    all
}

fn noise_row(name: &str, detector: &str, kinds: usize, tally: &Tally) {
    // Trials of one kind come by size; those of several kinds are repetitions of that.
    let each = (tally.samples.len() / SIZES.len() / kinds).max(1);
    let of_size = |number: usize| {
        let chunks = tally.samples.chunks(each).skip(number).step_by(SIZES.len());
        mean(&chunks.flatten().copied().collect::<Vec<f64>>())
    };
    println!(
        "| {name} | {detector} | {:.4} | {:.3} | {:.1} | {:.0} | {:.1} | {:.1} | {:.1} | {:.1} |",
        tally.false_per_day(),
        tally.share(),
        mean(&tally.samples),
        median(&tally.samples),
        of_size(0),
        of_size(1),
        of_size(2),
        of_size(3),
    );
}

fn nab_row(name: &str, detector: &str, tally: &Tally) {
    println!(
        "| {name} | {detector} | {} | {:.4} | {} of {} | {:.3} | {:.3} | {:.1} | {:.1} |",
        tally.false_alarms,
        tally.false_per_day(),
        tally.found,
        tally.parts.len(),
        tally.delay(),
        median(&tally.parts),
        mean(&tally.hours),
        median(&tally.hours),
    );
}
