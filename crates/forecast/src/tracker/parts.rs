//! What the parts of a sum tell of it.
//!
//! Clients of a service differ: one runs a job each half an hour, another works by day, a third comes and goes. In the
//! sum their habits hide each other. So those that change most are forecast one by one, each by kriging, and so is
//! what the others make together; the sum of all has a share in the forecast. Kriging is a weighted mean of the past:
//! sums of it are guesses of the sum, which medians of logarithms are not. A part that makes most of the changes
//! is the sum, more or less, and stays with the others.

use crate::forecast::Options;
use crate::history::History;
use crate::model::{Core, Model, Past, Spec};

/// Parts of a sum that are followed, at most: 1 MiB with what is remembered of them.
pub const PARTS_MAX: usize = 64;
/// Those that are forecast one by one, at most. Measured on ServeGen: 5 are not enough, with 30 their errors add up.
const ALONE_MAX: usize = 15;
/// A part stays with the others if it makes more than this of the changes of the sum.
const CHANGES_MAX: f64 = 0.5;
/// The share of the sum of the parts in the forecast. Measured on the first ten days of ServeGen: 0.3 to 0.5 are as good.
const SHARE: f64 = 0.35;

/// The past of all parts, and models of some.
#[derive(Debug)]
pub(super) struct Parts {
    /// The cell that is still open: its number, the mean so far, of how many.
    open: Vec<(i64, f64, f64)>,
    /// By part, the cells that are over; NaN where nothing is known of the sum.
    past: Vec<Vec<f32>>,
    /// The same of a part that never had a value.
    nothing: Vec<f32>,
    /// The last cell that is over.
    closed: i64,
    chosen: Vec<Chosen>,
}

/// What is forecast on its own.
#[derive(Debug)]
struct Chosen {
    /// `None` for what the others make.
    part: Option<usize>,
    season: Option<usize>,
    history: History,
    model: Box<dyn Model>,
}

impl Parts {
    pub(super) fn new() -> Self {
        Self {
            open: Vec::new(),
            past: Vec::new(),
            nothing: Vec::new(),
            closed: i64::MIN,
            chosen: Vec::new(),
        }
    }

    /// A part that was nothing but zero for as long as is remembered: its place is free for another one.
    pub(super) fn idle(&self) -> Option<usize> {
        let is_idle = |past: &Vec<f32>| past.iter().all(|value| value.is_nan() || *value == 0.0);
        let mut idle = (0..self.past.len()).filter(|part| is_idle(&self.past[*part]));
        // One with a value in the open cell is no longer.
        idle.find(|part| self.open[*part].0 <= self.closed || self.open[*part].1 == 0.0)
    }

    /// How many are forecast on their own; 0 before there was a choice.
    pub(super) fn alone(&self) -> usize {
        self.chosen.len().saturating_sub(1)
    }

    /// Takes in a value of a part; one that is new was 0 until now.
    pub(super) fn push(&mut self, part: usize, cell: i64, value: f64) {
        if part >= self.past.len() && part < PARTS_MAX {
            self.open.resize(part + 1, (i64::MIN, 0.0, 0.0));
            self.past.resize(part + 1, self.nothing.clone());
        }
        let Some((open, mean, count)) = self.open.get_mut(part) else {
            return;
        };
        if *open == cell {
            *count += 1.0;
            *mean += value / *count - *mean / *count;
        } else {
            (*open, *mean, *count) = (cell, value, 1.0);
        }
    }

    /// A cell is over: what was the sum; NaN if nobody knows. A part without a value was 0 then.
    pub(super) fn close(&mut self, cell: i64, sum: f64) {
        self.closed = cell;
        self.nothing
            .push(if sum.is_finite() { 0.0 } else { f32::NAN });
        let mut now = Vec::with_capacity(self.open.len());
        for (&(open, mean, _), past) in self.open.iter().zip(&mut self.past) {
            let value = if !sum.is_finite() {
                f64::NAN
            } else if open == cell {
                mean
            } else {
                0.0
            };
            now.push(value);
            past.push(value as f32);
        }
        let alone: f64 = self
            .chosen
            .iter()
            .filter_map(|chosen| Some(now[chosen.part?]))
            .sum();
        for chosen in &mut self.chosen {
            let value = chosen.part.map_or(sum - alone, |part| now[part]);
            chosen.history.push(value, chosen.season);
        }
    }

    /// Forgets the first cells.
    pub(super) fn forget(&mut self, count: usize) {
        for past in self.past.iter_mut().chain([&mut self.nothing]) {
            past.drain(..count.min(past.len()));
        }
        for chosen in &mut self.chosen {
            chosen.history.forget(count);
        }
    }

    /// Forgets all that was.
    pub(super) fn clear(&mut self) {
        self.past.iter_mut().for_each(Vec::clear);
        self.nothing.clear();
        self.chosen.clear();
    }

    /// Chooses what is forecast on its own, and fits its models; `sum` ends with the cell that was over last.
    pub(super) fn choose(&mut self, sum: &[f64], options: &Options, step_ms: i64) {
        self.chosen.clear();
        let known = self.nothing.len();
        let count = known.min(sum.len());
        let sum = &sum[sum.len() - count..];
        let past_of = |past: &Vec<f32>| -> Vec<f64> {
            past[known - count..]
                .iter()
                .copied()
                .map(f64::from)
                .collect()
        };
        let most = CHANGES_MAX * changes(sum.iter().copied());
        let of_part = |past: &Vec<f32>| changes(past_of(past).into_iter());
        let mut order: Vec<(f64, usize)> = self.past.iter().map(of_part).zip(0..).collect();
        order.retain(|(changes, _)| *changes > 0.0 && *changes <= most);
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        order.truncate(ALONE_MAX);
        let mut rest = sum.to_vec();
        for (_, part) in order {
            let values = past_of(&self.past[part]);
            let Some(chosen) = Chosen::new(Some(part), &values, options, step_ms) else {
                continue;
            };
            rest.iter_mut()
                .zip(&values)
                .for_each(|(rest, value)| *rest -= value);
            self.chosen.push(chosen);
        }
        match Chosen::new(None, &rest, options, step_ms) {
            Some(chosen) if !self.chosen.is_empty() => self.chosen.push(chosen),
            _ => self.chosen.clear(),
        }
    }

    /// What follows, as the sum of the parts, and its share in the forecast. `None` before there was a choice.
    pub(super) fn forecast(&self, horizon: usize) -> Option<(Vec<f64>, f64)> {
        let mut sum = vec![0.0; horizon];
        let mut out = vec![0.0; horizon];
        for chosen in &self.chosen {
            chosen.model.forecast(&chosen.history.values, &mut out);
            sum.iter_mut()
                .zip(&out)
                .for_each(|(sum, value)| *sum += value * chosen.history.unit);
        }
        (!self.chosen.is_empty()).then_some((sum, SHARE))
    }

    pub(super) fn bytes(&self) -> usize {
        let past = self.past.iter().chain([&self.nothing]);
        let past = past.map(|past| past.capacity() * 4 + 48);
        let chosen = self
            .chosen
            .iter()
            .map(|chosen| size_of::<Chosen>() + chosen.history.bytes() + chosen.model.bytes());
        past.sum::<usize>() + chosen.sum::<usize>()
    }
}

impl Chosen {
    fn new(part: Option<usize>, values: &[f64], options: &Options, step_ms: i64) -> Option<Self> {
        // Each part has its own seasons.
        let seasons = options.seasons(step_ms, || History::new(values, None));
        let season = seasons.first().copied();
        let history = History::new(values, season)?;
        let past = Past {
            values: &history.values,
            present: &history.present,
        };
        let mut usable = seasons;
        usable.retain(|season| 2 * season <= history.len());
        let model = Spec::plain(Core::Kriging(usable, options.horizon_steps)).fit(past)?;
        Some(Self {
            part,
            season,
            history,
            model,
        })
    }
}

/// Mean size of the changes from cell to cell; 0 if there are none.
fn changes(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let pairs = values.clone().zip(values.skip(1));
    let (sum, count) = pairs
        .map(|(before, after)| (after - before).abs())
        .filter(|change| change.is_finite())
        .fold((0.0, 0.0), |(sum, count), change| {
            (sum + change, count + 1.0)
        });
    if count > 0.0 { sum / count } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::Tracker;

    const STEP_MS: i64 = 600_000;
    const CELLS: i64 = 900;

    fn noise(at: i64) -> f64 {
        (at.wrapping_mul(at).wrapping_mul(7919) % 1009) as f64 / 1009.0 - 0.5
    }

    /// A job each hour, people who come by day, and one who wanders.
    fn parts_at(at: i64) -> [f64; 3] {
        let job = if at % 6 == 2 { 40.0 } else { 0.0 };
        let day = (at as f64 / 144.0 * std::f64::consts::TAU).sin();
        let wanders: f64 = (0..7).map(|back| noise(at / 5 - back)).sum();
        [
            job,
            60.0 + 20.0 * day,
            100.0 + 12.0 * wanders + 30.0 * noise(at + 7),
        ]
    }

    fn tracker() -> Tracker {
        let options = Options {
            horizon_steps: 12,
            ..Options::default()
        };
        Tracker::new(options, STEP_MS).expect("sound options")
    }

    fn feed(tracker: &mut Tracker, cells: std::ops::Range<i64>) {
        for at in cells {
            let parts = parts_at(at);
            tracker.push(at * STEP_MS, parts.iter().sum());
            for (part, value) in parts.into_iter().enumerate() {
                tracker.push_part(part, at * STEP_MS, value);
            }
        }
    }

    #[test]
    fn what_is_forecast_is_near_the_sum_and_says_so() {
        let (mut alone, mut with) = (tracker(), tracker().with_parts());
        for tracker in [&mut alone, &mut with] {
            feed(tracker, 0..CELLS);
            tracker.choose();
        }
        let (mut off_alone, mut off_with) = (0.0, 0.0);
        for origin in CELLS..CELLS + 60 {
            for (tracker, off) in [(&mut alone, &mut off_alone), (&mut with, &mut off_with)] {
                feed(tracker, origin..origin + 1);
                let next = tracker.forecast(6).expect("chosen");
                for (said, at) in next.mean.iter().zip(origin..) {
                    *off += (said - parts_at(at).iter().sum::<f64>()).abs();
                }
            }
        }
        assert!(off_with < 1.1 * off_alone, "{off_with} {off_alone}");
        let model = with.forecast(6).expect("chosen").model;
        assert!(
            model.ends_with("; with 3 parts") || model.ends_with("; with 2 parts"),
            "{model}"
        );
        assert!(!alone.forecast(6).expect("chosen").model.contains("parts"));
    }

    #[test]
    fn parts_and_what_the_others_make_are_the_sum() {
        let mut parts = Parts::new();
        let mut sums = Vec::new();
        for at in 0..CELLS {
            let gap = at % 100 == 50;
            for (part, value) in parts_at(at).into_iter().enumerate() {
                // The third is not always there: then it was 0.
                if part < 2 || at % 7 > 0 {
                    parts.push(part, at, value);
                }
            }
            let of = parts_at(at);
            let third = if at % 7 > 0 { of[2] } else { 0.0 };
            let sum = if gap { f64::NAN } else { of[0] + of[1] + third };
            parts.close(at, sum);
            sums.push(sum);
            if at == CELLS / 2 {
                parts.choose(&sums, &Options::default(), STEP_MS);
                assert!(parts.alone() > 0 && parts.forecast(3).is_some());
            }
        }
        for (at, sum) in sums.iter().enumerate().skip(CELLS as usize / 2 + 1) {
            let measured = |chosen: &Chosen| {
                let from = sums.len() - chosen.history.len();
                chosen.history.measured()[at - from]
            };
            let total: f64 = parts.chosen.iter().map(measured).sum();
            let odd = total.is_nan();
            assert!(odd || (total - sum).abs() < 1e-3, "{at}: {total} {sum}");
            assert!(!sum.is_nan() || odd, "{at}");
        }
    }

    #[test]
    fn a_part_that_is_the_sum_stays_with_the_others() {
        let mut parts = Parts::new();
        let mut sums = Vec::new();
        for at in 0..200 {
            let (large, small) = (100.0 + 50.0 * noise(at), 3.0 + noise(at + 3));
            parts.push(0, at, large);
            parts.push(1, at, small);
            parts.close(at, large + small);
            sums.push(large + small);
        }
        parts.choose(&sums, &Options::default(), STEP_MS);
        let alone: Vec<Option<usize>> = parts.chosen.iter().map(|chosen| chosen.part).collect();
        assert_eq!(alone, [Some(1), None]);
    }

    #[test]
    fn what_is_of_no_part_or_another_time_is_passed_over() {
        let mut one = tracker().with_parts();
        one.push_part(0, 0, 5.0);
        feed(&mut one, 0..CELLS);
        one.choose();
        let before = one.forecast(6);
        for (part, time_ms, value) in [
            (PARTS_MAX, (CELLS - 1) * STEP_MS, 1e9),
            (usize::MAX, i64::MAX, 1.0),
            (0, i64::MIN, 1.0),
            (0, (CELLS + 5) * STEP_MS, 1.0),
            (0, (CELLS - 1) * STEP_MS, f64::NAN),
        ] {
            one.push_part(part, time_ms, value);
        }
        assert_eq!(one.forecast(6), before);
    }

    #[test]
    fn a_part_that_comes_later_was_zero_and_one_that_is_gone_gives_its_place_up() {
        let mut parts = Parts::new();
        for at in 0..10 {
            parts.push(0, at, 5.0);
            parts.close(at, if at == 4 { f64::NAN } else { 5.0 });
        }
        assert_eq!(parts.idle(), None);
        parts.push(2, 10, 1.0);
        assert_eq!(parts.past[2][3], 0.0);
        assert!(parts.past[2][4].is_nan());
        assert_eq!(parts.idle(), Some(1));
        parts.close(10, 1.0);
        parts.forget(10);
        // The first one is gone, and the third one was there in the cell that is remembered.
        assert_eq!((parts.idle(), parts.past[2].len()), (Some(0), 1));
        parts.push(0, 11, 2.0);
        assert_eq!(parts.idle(), Some(1));
    }

    #[test]
    fn memory_is_bounded_and_a_long_gap_begins_anew() {
        let mut one = tracker().with_parts();
        feed(&mut one, 0..2_500);
        one.choose();
        feed(&mut one, 2_500..5_000);
        assert!(one.bytes() < 250 << 10, "{}", one.bytes());
        feed(&mut one, 9_000..9_010);
        assert!(one.forecast(3).is_none());
        feed(&mut one, 9_010..9_200);
        one.choose();
        assert!(one.forecast(3).is_some());
    }
}
