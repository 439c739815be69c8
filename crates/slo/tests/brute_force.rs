//! Budgets and burn rates from counters against a look at every event.
//!
//! A history has instances that restart, are scraped now and then, vanish, and are told late. For each
//! event it is known which scrape showed it, if one did: that is all the naive side needs. Times are
//! small numbers, so that edges of windows, restarts, changes of the target, events and scrapes meet.

use bellwether_slo::counter::{CounterOptions, CounterSample};
use bellwether_slo::ledger::{Ledger, Part};
use bellwether_slo::method::{Method, spending};
use bellwether_slo::objective::Targets;

const HISTORIES: u64 = 1_000;
const WINDOWS: usize = 20;
const END: i64 = 20_000;
const STALE: u64 = 0x7ff0_0000_0000_0002;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: i64) -> i64 {
        (self.next() % bound.max(1) as u64) as i64
    }

    fn chance(&mut self, percent: i64) -> bool {
        self.below(100) < percent
    }

    fn times(&mut self, count: i64) -> Vec<i64> {
        let mut times: Vec<i64> = (0..count).map(|_| 1 + self.below(END)).collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at as i64 + 1) as usize);
        }
    }
}

/// An event that a scrape showed.
#[derive(Clone, Copy)]
struct Shown {
    is_bad: bool,
    /// It happened after this, as far as the samples say, …
    after: i64,
    /// … and was shown then.
    at: i64,
}

#[derive(Default)]
struct History {
    shown: Vec<Shown>,
    totals: Vec<Vec<CounterSample>>,
    parts: Vec<Vec<CounterSample>>,
    /// For each millisecond, the one that ends there, whether any instance was measured.
    measured: Vec<bool>,
    scrapes: Vec<i64>,
    gap: i64,
    counts_bad: bool,
}

fn history(random: &mut Random) -> History {
    let counts_bad = random.chance(50);
    let mut history = History {
        measured: vec![false; END as usize + 1],
        gap: 50 + random.below(400),
        counts_bad,
        ..History::default()
    };
    let knows_starts = random.chance(50);
    for _ in 0..1 + random.below(3) {
        instance(random, &mut history, knows_starts);
    }
    history
}

fn instance(random: &mut Random, history: &mut History, knows_starts: bool) {
    let gap = history.gap;
    let count = 1 + random.below(300);
    let events: Vec<(i64, bool)> = (0..count)
        .map(|_| (1 + random.below(END), random.chance(10)))
        .collect();
    let restarts_count = random.below(5);
    let mut restarts = random.times(restarts_count);
    restarts.insert(0, 0);
    let interval = gap / 8 + 1 + random.below(gap);
    let phase = random.below(interval);
    let mut scrapes: Vec<i64> = (0..)
        .map(|at| phase + at * interval)
        .take_while(|&at| at <= END)
        .collect();
    for _ in 0..random.below(4) {
        let (from, length) = (random.below(END), random.below(5 * gap));
        scrapes.retain(|&at| at < from || at >= from + length);
    }
    if !knows_starts {
        // A restart that shows in the values: it is scraped at once.
        scrapes.extend(&restarts);
        scrapes.sort_unstable();
        scrapes.dedup();
    }
    let (mut totals, mut parts) = (Vec::new(), Vec::new());
    let mut before: Option<i64> = None;
    for &at in &scrapes {
        let start = restarts.iter().rfind(|&&it| it <= at).copied().unwrap_or(0);
        let since = |time: i64| start < time && time <= at;
        let number = |wanted: Option<bool>| {
            let is_wanted = |bad: bool| wanted.is_none_or(|wanted| wanted == bad);
            let counted = events.iter().filter(|it| since(it.0) && is_wanted(it.1));
            counted.count() as f64
        };
        let start_ms = knows_starts.then_some(start);
        let sample = |value| CounterSample {
            time_ms: at,
            value,
            start_ms,
        };
        totals.push(sample(number(None)));
        parts.push(sample(number(Some(history.counts_bad))));
        // What this scrape shows: since the last one, or since the start after it.
        let is_new = |time: i64| since(time) && before.is_none_or(|before| time > before);
        let after = match before {
            Some(before) if knows_starts && start > before => Some(start),
            Some(before) => Some(before),
            None => knows_starts.then_some(start),
        };
        if let Some(after) = after {
            let new = events.iter().filter(|it| is_new(it.0));
            history
                .shown
                .extend(new.map(|&(_, is_bad)| Shown { is_bad, after, at }));
        }
        // A marker between two samples: the series was not there.
        let is_marked = before.is_some_and(|before| at - before > 1) && random.chance(2);
        if is_marked {
            let marker = CounterSample::new(at - 1, f64::from_bits(STALE));
            totals.push(marker);
            parts.push(marker);
        }
        let from = match before {
            Some(before) if at - before <= gap && !is_marked => Some(before),
            Some(before) if at - before <= gap || !knows_starts || start <= before => None,
            None if !knows_starts => None,
            _ => (at - start <= gap).then_some(start),
        };
        if let Some(from) = from {
            history.measured[from as usize + 1..=at as usize].fill(true);
        }
        before = Some(at);
    }
    // Told twice, and in any order.
    for list in [&mut totals, &mut parts] {
        for _ in 0..list.len() / 10 {
            list.push(list[random.below(list.len() as i64) as usize]);
        }
        random.shuffle(list);
    }
    history.totals.push(totals);
    history.parts.push(parts);
    history.scrapes.extend(scrapes);
}

impl History {
    fn ledger(&self) -> Ledger {
        let series = |of: &'_ [Vec<CounterSample>]| -> Vec<Vec<CounterSample>> { of.to_vec() };
        let (parts, totals) = (series(&self.parts), series(&self.totals));
        Ledger::new(
            if self.counts_bad {
                Part::Bad
            } else {
                Part::Good
            },
            &parts.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            &totals.iter().map(Vec::as_slice).collect::<Vec<_>>(),
            CounterOptions {
                gap_ms: self.gap,
                appears_at_zero: false,
            },
        )
    }

    /// The events of a window.
    fn placed(&self, after: i64, until: i64) -> impl Iterator<Item = &Shown> {
        self.shown.iter().filter(move |it| {
            let is_long = it.at - it.after > self.gap;
            after < it.at && it.at <= until && (!is_long || it.after >= after)
        })
    }

    /// A time at which something meets something else, more often than not.
    fn edge(&self, random: &mut Random) -> i64 {
        let near = match random.below(3) {
            0 => self
                .scrapes
                .get(random.below(self.scrapes.len() as i64) as usize),
            1 => self
                .shown
                .get(random.below(self.shown.len() as i64) as usize)
                .map(|it| &it.after),
            _ => None,
        };
        let near = near.copied().unwrap_or_else(|| random.below(END));
        near + random.below(3) - 1
    }
}

fn target_at(first: f64, changes: &[(i64, f64)], time: i64) -> f64 {
    let last = changes.iter().rfind(|change| change.0 < time);
    last.map_or(first, |change| change.1)
}

fn assert_near(is: f64, wanted: f64, what: &str) {
    assert!(
        (is - wanted).abs() <= 1e-9 * wanted.abs().max(1.0),
        "{what}: {is}, wanted {wanted}"
    );
}

#[test]
fn budgets_and_burn_rates_are_those_of_the_events() {
    let mut seen = (0, 0, 0, 0);
    for seed in 0..HISTORIES {
        let mut random = Random(seed);
        let history = history(&mut random);
        let ledger = history.ledger();
        let first = 0.9 + 0.099 * random.below(100) as f64 / 100.0;
        let mut targets = Targets::constant(first).unwrap();
        let mut changes: Vec<(i64, f64)> = Vec::new();
        for _ in 0..random.below(4) {
            let change = (
                history.edge(&mut random),
                0.5 + random.below(499) as f64 / 1000.0,
            );
            if changes.iter().all(|it| it.0 != change.0) {
                changes.push(change);
                targets = targets.changed(change.0, change.1).unwrap();
            }
        }
        changes.sort_by_key(|change| change.0);
        let target = |time| target_at(first, &changes, time);
        for window in 0..WINDOWS {
            let what = format!("history {seed}, window {window}");
            let after = history.edge(&mut random);
            let until = match random.below(4) {
                // An edge of the target is an edge of the window.
                0 if !changes.is_empty() => changes[0].0,
                _ => history.edge(&mut random),
            };
            let tally = ledger.tally(after, until);
            let total = history.placed(after, until).count() as f64;
            let bad = history.placed(after, until).filter(|it| it.is_bad).count() as f64;
            assert_near(tally.counts.total, total, &what);
            assert_near(tally.counts.bad, bad, &what);
            assert_eq!(tally.problem, None, "{what}");
            let burn = (total > 0.0).then(|| bad / total / (1.0 - first));
            assert_eq!(tally.counts.burn(first).is_some(), burn.is_some());
            assert_near(
                tally.counts.burn(first).unwrap_or(0.0),
                burn.unwrap_or(0.0),
                &what,
            );
            let unplaced = history
                .shown
                .iter()
                .filter(|it| after < it.at && it.at <= until);
            let unplaced = unplaced.count() as f64 - total;
            assert_near(tally.unplaced.total, unplaced, &what);
            let unmeasured = (after.max(-1) + 1..=until).filter(|&ms| {
                !usize::try_from(ms).is_ok_and(|ms| history.measured.get(ms) == Some(&true))
            });
            let before = (after..-1).count() as u64;
            let unmeasured = if until > after {
                unmeasured.count() as u64 + before
            } else {
                0
            };
            assert_eq!(
                tally.unmeasured_ms, unmeasured,
                "{what}: ({after}, {until}]"
            );

            let spent = spending(&ledger, &targets, Method::Occurrences, after, until);
            let allowed: f64 = history
                .placed(after, until)
                .map(|it| 1.0 - target(it.at))
                .sum();
            assert_near(spent.allowed, allowed, &what);
            assert_near(spent.spent, bad, &what);
            slices_are_those_of_the_events(
                &history,
                &ledger,
                &targets,
                &target,
                (after, until),
                &what,
            );
            seen.0 += usize::from(total > 0.0);
            seen.1 += usize::from(unplaced > 0.0);
            seen.2 += usize::from(unmeasured > 0);
            seen.3 += usize::from(targets.segments(after, until).len() > 1);
        }
    }
    // The histories have what they are for.
    assert!(
        seen.0 > 8_000 && seen.1 > 500 && seen.2 > 3_000 && seen.3 > 2_000,
        "{seen:?}"
    );
}

fn slices_are_those_of_the_events(
    history: &History,
    ledger: &Ledger,
    targets: &Targets,
    target: &dyn Fn(i64) -> f64,
    (after, until): (i64, i64),
    what: &str,
) {
    let (slice_ms, good_from) = (997, 0.93);
    let (mut allowed, mut bad_slices, mut bad_ratios) = (0.0, 0.0, 0.0);
    for end in (0..=END + slice_ms).step_by(slice_ms as usize) {
        if !(after < end && end <= until) {
            continue;
        }
        let slice: Vec<&Shown> = history.placed(end - slice_ms, end).collect();
        if slice.is_empty() {
            continue;
        }
        let bad = slice.iter().filter(|it| it.is_bad).count() as f64 / slice.len() as f64;
        allowed += 1.0 - target(end);
        bad_slices += f64::from(u8::from(1.0 - bad < good_from));
        bad_ratios += bad;
    }
    let slices = spending(
        ledger,
        targets,
        Method::Timeslices {
            slice_ms,
            good_from,
        },
        after,
        until,
    );
    assert_near(slices.allowed, allowed, what);
    assert_near(slices.spent, bad_slices, what);
    let ratios = spending(
        ledger,
        targets,
        Method::RatioTimeslices { slice_ms },
        after,
        until,
    );
    assert_near(ratios.allowed, allowed, what);
    assert_near(ratios.spent, bad_ratios, what);
}
