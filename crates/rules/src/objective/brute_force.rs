//! Budgets and burn rates as the service gives them, against a look at every event.
//!
//! A history has instances that restart, are scraped now and then, vanish, and are told late; an objective
//! that is new in the middle of it and whose target changes. Its rules and turns run as in a server, some of
//! them left out. The naive side knows the events, and which samples were there when. Times are multiples
//! of [`TICK_MS`], so that edges of intervals and windows, restarts, changes, events and samples meet.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use bellwether_model::{Labels, METRIC_NAME, STALE_NAN, Value};
use bellwether_promql::{CancelToken, QueryRequest, QueryValue};
use bellwether_slo::period::{Calendar, Period, Unit};
use bellwether_storage::{ManualClock, MemoryStore, MetricStore};

use super::counts::counted;
use super::rules::{BAD_EVENTS, BURN_RATE, EVENTS, QUERY_OFFSET_MS, group};
use super::status::ObjectiveStatus;
use super::*;
use crate::group::Group;
use crate::metrics::RuleMetrics;
use crate::settings::RuleKind;
use crate::testing::engine;
use crate::world::{RuleOptions, Surroundings, World};

const HISTORIES: u64 = 1_000;
const TICK_MS: i64 = 100;
/// Midnight of 10 March 2026.
const BEGIN_MS: i64 = 1_773_100_800_000;
const MINUTE_MS: i64 = 60_000;
/// How long a history is.
const SPAN_MS: i64 = 45 * MINUTE_MS;
/// How far PromQL looks back for a sample before a window.
const LOOKBACK_MS: i64 = 5 * MINUTE_MS;
const BURN_WINDOWS_MS: [(&str, i64); 3] = [
    ("5m", 5 * MINUTE_MS),
    ("30m", 30 * MINUTE_MS),
    ("1h", 60 * MINUTE_MS),
];

/// SplitMix64 (Steele, Lea, Flood 2014).
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

    /// A time of the history; more often than not where an interval ends.
    fn time(&mut self) -> i64 {
        let near = match self.chance(50) {
            true => self.below(SPAN_MS / MINUTE_MS) * MINUTE_MS + QUERY_OFFSET_MS,
            false => self.below(SPAN_MS / TICK_MS) * TICK_MS,
        };
        BEGIN_MS + near + (self.below(3) - 1) * TICK_MS
    }
}

/// What a scrape of an instance read.
#[derive(Clone)]
struct Scrape {
    time_ms: i64,
    /// When the store was told.
    told_ms: i64,
    /// When its counters began at 0.
    start_ms: i64,
}

struct Instance {
    name: String,
    /// When they happened, and whether they were bad.
    events: Vec<(i64, bool)>,
    /// Ascending.
    scrapes: Vec<Scrape>,
    knows_starts: bool,
}

impl Instance {
    fn new(random: &mut Random, name: String, knows_starts: bool) -> Self {
        let events = (0..random.below(300)).map(|_| (random.time(), random.chance(10)));
        let events = events.collect();
        let restarts: Vec<i64> = (0..random.below(4)).map(|_| random.time()).collect();
        let interval_ms = (50 + random.below(900)) * TICK_MS;
        let phase_ms = random.below(interval_ms / TICK_MS) * TICK_MS;
        let mut times: Vec<i64> = (0..)
            .map(|at| BEGIN_MS + phase_ms + at * interval_ms)
            .take_while(|&at| at <= BEGIN_MS + SPAN_MS)
            .collect();
        times.extend((0..3).map(|_| random.time()));
        for _ in 0..random.below(3) {
            let (from, length) = (random.time(), random.below(10 * MINUTE_MS));
            times.retain(|&at| at < from || at >= from + length);
        }
        if !knows_starts {
            // A restart that shows in the values: it is scraped at once.
            times.extend(&restarts);
        }
        times.sort_unstable();
        times.dedup();
        let scrape = |time_ms: i64| {
            let is_restart = restarts.contains(&time_ms);
            let late_ms = match random.below(10) {
                _ if is_restart => 0,
                0..6 => 0,
                6..8 => random.below(QUERY_OFFSET_MS / TICK_MS) * TICK_MS,
                _ => random.below(4 * MINUTE_MS / TICK_MS) * TICK_MS,
            };
            let begun = restarts.iter().filter(|&&it| it <= time_ms).max();
            Scrape {
                time_ms,
                told_ms: time_ms + late_ms,
                start_ms: begun.copied().unwrap_or(BEGIN_MS - TICK_MS),
            }
        };
        Self {
            name,
            events,
            scrapes: times.into_iter().map(scrape).collect(),
            knows_starts,
        }
    }

    /// Events after a time and up to another: all, and bad ones.
    fn happened(&self, after_ms: i64, until_ms: i64) -> (f64, f64) {
        let within = self.events.iter();
        let within = within.filter(|it| after_ms < it.0 && it.0 <= until_ms);
        let bad = within.clone().filter(|it| it.1).count();
        (within.count() as f64, bad as f64)
    }

    /// What the samples that were told by a time show of an interval: `None`, nothing.
    fn shown(&self, (after_ms, until_ms): (i64, i64), told_ms: i64) -> Option<(f64, f64)> {
        let told = self.scrapes.iter().filter(|it| it.told_ms <= told_ms);
        let mut before = told
            .clone()
            .rfind(|it| after_ms - LOOKBACK_MS < it.time_ms && it.time_ms <= after_ms);
        let mut shown = None;
        for scrape in told.filter(|it| after_ms < it.time_ms && it.time_ms <= until_ms) {
            let (events, bad) = shown.get_or_insert((0.0, 0.0));
            let since_ms = match before {
                Some(before) => Some(before.time_ms.max(scrape.start_ms)),
                None => Some(scrape.start_ms).filter(|it| self.knows_starts && *it >= after_ms),
            };
            if let Some(since_ms) = since_ms {
                let new = self.happened(since_ms, scrape.time_ms);
                *events += new.0;
                *bad += new.1;
            }
            before = Some(scrape);
        }
        shown
    }
}

/// The server, as far as objectives need it.
struct Server {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    world: Arc<World>,
    objectives: Objectives,
    group: Option<Group>,
}

impl Server {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(0));
        let world = World {
            store: Arc::clone(&store) as Arc<dyn MetricStore>,
            engine: engine(),
            clock: Arc::<ManualClock>::clone(&clock),
            sink: None,
            evidence: None,
            timeline: None,
            keeper: None,
            metrics: RuleMetrics::unseen(),
            options: RuleOptions::default(),
            workers: None,
        };
        let objectives = Objectives::new(ObjectivesParts {
            store: Arc::clone(&store) as Arc<dyn MetricStore>,
            engine: engine(),
            clock: Arc::<ManualClock>::clone(&clock),
        });
        Self {
            store,
            clock,
            world: Arc::new(world),
            objectives,
            group: None,
        }
    }

    fn apply(&mut self, settings: &ObjectiveSettings) {
        let mut group = group(settings, std::slice::from_ref(settings));
        // Windows of days, chances and alerts are not what is looked at here.
        group.rules.retain(|rule| match &rule.kind {
            RuleKind::Record { name } if name == BURN_RATE => {
                let window = rule.labels.iter().find(|it| it.0 == "window");
                window.is_some_and(|it| BURN_WINDOWS_MS.iter().any(|known| known.0 == it.1))
            }
            RuleKind::Record { name } => name == EVENTS || name == BAD_EVENTS,
            RuleKind::Alert { .. } => false,
        });
        let surroundings = Surroundings {
            external_labels: Labels::empty(),
            external_url: String::new(),
            query_offset_ms: 0,
        };
        self.group = Some(Group::new(group, &self.world, &surroundings).expect("rules"));
        self.objectives.apply(vec![settings.clone()]);
    }

    /// The value of a series, if there is one.
    fn value(&self, query: &str, time_ms: i64) -> Option<f64> {
        let request = QueryRequest::default();
        let found = self
            .world
            .engine
            .instant(self.store.as_ref(), query, time_ms, &request);
        match found.expect("PromQL").value {
            QueryValue::Vector(found) => match found.as_slice() {
                [] => None,
                [one] => match one.value {
                    Value::Float(value) => Some(value),
                    Value::Histogram(_) => panic!("a histogram"),
                },
                more => panic!("{more:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    /// Tells the store what it is told at a time.
    fn tell(&self, instances: &[Instance], (after_ms, until_ms): (i64, i64)) {
        for instance in instances {
            let labels = |metric: &str| {
                Labels::from_pairs([(METRIC_NAME, metric), ("instance", &instance.name)])
            };
            let [all, good, bad] = ["all", "good", "bad"].map(labels);
            let new = instance.scrapes.iter();
            for scrape in new.filter(|it| after_ms < it.told_ms && it.told_ms <= until_ms) {
                let (events, failed) = instance.happened(scrape.start_ms, scrape.time_ms);
                let start_ms = if instance.knows_starts {
                    scrape.start_ms
                } else {
                    0
                };
                for (labels, value) in [(&all, events), (&good, events - failed), (&bad, failed)] {
                    let time_ms = scrape.time_ms;
                    self.store
                        .insert_with_start(labels, time_ms, start_ms, value);
                    // The series was not there; that says nothing of what it counted.
                    if scrape.time_ms % 7 == 0 {
                        self.store.insert(labels, time_ms + 1, STALE_NAN);
                    }
                }
            }
        }
    }
}

/// What the naive side knows of an objective.
#[derive(Default)]
struct Naive {
    /// By the ends of intervals: all events, and bad ones.
    intervals: BTreeMap<i64, (f64, f64)>,
    /// When turns were taken, and the target that held then.
    turns: Vec<(i64, f64)>,
}

impl Naive {
    /// Counts an interval, with the samples that were told by a time.
    fn count(&mut self, instances: &[Instance], slices: Option<Slices>, end_ms: i64, told_ms: i64) {
        let range = (end_ms - MINUTE_MS, end_ms);
        let shown = instances.iter().filter_map(|it| it.shown(range, told_ms));
        let all = shown.reduce(|a, b| (a.0 + b.0, a.1 + b.1));
        let Some((events, bad)) = all else { return };
        let counted = match slices {
            None => (events, bad),
            Some(_) if events == 0.0 => (0.0, 0.0),
            Some(Slices::Ratio) => (1.0, bad / events),
            Some(Slices::Good { from }) => {
                (1.0, f64::from(u8::from(bad / events > 1.0 - from + 1e-12)))
            }
        };
        self.intervals.insert(end_ms, counted);
    }

    /// Of a window, `(after, until]`: all events, bad ones, and what was allowed.
    fn window(&self, after_ms: i64, until_ms: i64) -> (f64, f64, f64) {
        let mut sums = (0.0, 0.0, 0.0);
        for (&end_ms, &(events, bad)) in &self.intervals {
            if after_ms < end_ms && end_ms <= until_ms {
                let said = self.turns.iter().find(|turn| turn.0 >= end_ms);
                let target = said.or(self.turns.last()).expect("a turn").1;
                sums.0 += events;
                sums.1 += bad;
                sums.2 += events * (1.0 - target);
            }
        }
        sums
    }

    /// The part of a window in which something was measured, from the first measurement on.
    fn measured(&self, after_ms: i64, until_ms: i64) -> f64 {
        let Some((first, _)) = self.intervals.first_key_value() else {
            return 0.0;
        };
        let begun_ms = after_ms.max(first - MINUTE_MS);
        let (mut measured, mut upto_ms) = (0, begun_ms);
        for &end_ms in self.intervals.keys() {
            let from_ms = upto_ms.max(end_ms - MINUTE_MS);
            upto_ms = upto_ms.max(end_ms.min(until_ms));
            measured += (upto_ms - from_ms).max(0);
        }
        let all = (until_ms - begun_ms).max(1);
        measured as f64 / all as f64
    }
}

fn objective(random: &mut Random) -> ObjectiveSettings {
    let query = |text: &str| counted(text, MINUTE_MS).expect("PromQL");
    let (counting, part) = match random.chance(50) {
        true => (Counting::Bad, "bad"),
        false => (Counting::Good, "good"),
    };
    let slices = match random.below(5) {
        0 => Some(Slices::Ratio),
        1 => Some(Slices::Good { from: 0.93 }),
        _ => None,
    };
    ObjectiveSettings {
        file: PathBuf::from("slos.yml"),
        line: 1,
        name: "a".to_owned(),
        service: "chat".to_owned(),
        description: String::new(),
        target: target(random),
        period: match random.below(3) {
            0 => Period::Calendar(Calendar::of(Unit::Day)),
            _ => Period::Rolling {
                span_ms: (1 + random.below(SPAN_MS / TICK_MS)) * TICK_MS,
            },
        },
        time_zone: "UTC".to_owned(),
        indicator: Indicator::Ratio {
            counting,
            part: query(part),
            total: query("all"),
        },
        slices,
        group_by: Vec::new(),
        // Spenders are series of their own, and one budget.
        spent_by: match slices {
            None if random.chance(50) => vec!["instance".to_owned()],
            _ => Vec::new(),
        },
        entity: None,
        labels: Vec::new(),
        interval_ms: MINUTE_MS,
        alerts: ObjectiveAlerts::default(),
    }
}

fn target(random: &mut Random) -> f64 {
    0.5 + random.below(499) as f64 / 1_000.0
}

#[track_caller]
fn assert_near(is: f64, wanted: f64, what: &str) {
    let is_near = (is - wanted).abs() <= 1e-9 * wanted.abs().max(1.0);
    assert!(is_near, "{what}: {is}, wanted {wanted}");
}

/// How often a history had what it is for.
#[derive(Debug, Default)]
struct Seen {
    statuses: usize,
    burns: usize,
    changed: usize,
    unmeasured: usize,
    late: usize,
}

#[test]
fn budgets_and_burn_rates_are_those_of_the_events() {
    let mut seen = Seen::default();
    for seed in 0..HISTORIES {
        history(seed, &mut seen);
    }
    assert!(
        seen.statuses > 10_000
            && seen.burns > 30_000
            && seen.changed > 2_000
            && seen.unmeasured > 5_000
            && seen.late > 10_000,
        "{seen:?}"
    );
}

fn history(seed: u64, seen: &mut Seen) {
    let mut random = Random(seed);
    let knows_starts = random.chance(50);
    let instances: Vec<Instance> = (0..1 + random.below(3))
        .map(|at| Instance::new(&mut random, format!("i{at}"), knows_starts))
        .collect();
    let late = instances.iter().flat_map(|it| &it.scrapes);
    seen.late += late
        .filter(|it| it.told_ms > it.time_ms + QUERY_OFFSET_MS)
        .count();
    let mut settings = objective(&mut random);
    let mut server = Server::new();
    let mut naive = Naive::default();
    // The objective is new at some time, and is looked at each minute but now and then.
    let phase_ms = random.below(MINUTE_MS / TICK_MS) * TICK_MS;
    let new_ms = BEGIN_MS + phase_ms + random.below(30) * MINUTE_MS;
    server.apply(&settings);
    let mut told_ms = i64::MIN;
    let mut now_ms = new_ms;
    while now_ms <= BEGIN_MS + SPAN_MS {
        server.tell(&instances, (told_ms, now_ms));
        told_ms = now_ms;
        if random.chance(10) {
            settings.target = target(&mut random);
            server.apply(&settings);
        }
        server.clock.set(now_ms);
        let end_ms = now_ms - QUERY_OFFSET_MS;
        let is_down = now_ms > new_ms && random.chance(10);
        if !is_down {
            let group = server.group.as_ref().expect("rules");
            group.evaluate(now_ms, &CancelToken::default());
            naive.count(&instances, settings.slices, end_ms, now_ms);
            let what = format!("history {seed}, {} s", (now_ms - BEGIN_MS) as f64 / 1e3);
            if now_ms == new_ms {
                // What was before is counted with what is there now.
                let mut past_ms = end_ms - MINUTE_MS;
                while past_ms > BEGIN_MS - MINUTE_MS {
                    naive.count(&instances, settings.slices, past_ms, now_ms);
                    past_ms -= MINUTE_MS;
                }
            }
            burn_rates_are_those_of_the_events(&server, &settings, &naive, end_ms, &what, seen);
            server.objectives.turn(now_ms);
            naive.turns.push((now_ms, settings.target));
            let reports = server.objectives.reports();
            assert_eq!(reports[0].problem, None, "{what}");
            match reports[0].statuses.as_slice() {
                [] => assert!(naive.intervals.is_empty(), "{what}"),
                [status] => budgets_are_those_of_the_events(status, &naive, now_ms, &what, seen),
                more => panic!("{what}: {more:?}"),
            }
        }
        now_ms += MINUTE_MS;
    }
}

fn budgets_are_those_of_the_events(
    status: &ObjectiveStatus,
    naive: &Naive,
    now_ms: i64,
    what: &str,
    seen: &mut Seen,
) {
    let (after_ms, until_ms) = (status.period_ms.0, status.period_ms.1.min(now_ms));
    let (events, bad, allowed) = naive.window(after_ms, until_ms);
    assert_near(status.counts.total, events, what);
    assert_near(status.counts.bad, bad, what);
    assert_near(status.allowed, allowed, what);
    let left = (allowed > 0.0).then(|| 1.0 - bad / allowed);
    assert_eq!(status.left.is_some(), left.is_some(), "{what}");
    assert_near(status.left.unwrap_or(0.0), left.unwrap_or(0.0), what);
    for (burn, span_ms) in [
        (status.burn_hour, 60 * MINUTE_MS),
        (status.burn_day, 1_440 * MINUTE_MS),
    ] {
        let (_, bad, allowed) = naive.window(now_ms - span_ms, now_ms);
        assert_eq!(burn.is_some(), allowed > 0.0, "{what}");
        let wanted = if allowed > 0.0 { bad / allowed } else { 0.0 };
        assert_near(burn.unwrap_or(0.0), wanted, what);
    }
    let unmeasured = 1.0 - naive.measured(after_ms, until_ms);
    assert_near(status.unmeasured, unmeasured, what);
    seen.statuses += usize::from(events > 0.0);
    seen.unmeasured += usize::from(unmeasured > 0.0);
    let targets = naive.turns.iter().map(|turn| turn.1.to_bits());
    seen.changed += usize::from(targets.collect::<std::collections::BTreeSet<_>>().len() > 1);
}

fn burn_rates_are_those_of_the_events(
    server: &Server,
    settings: &ObjectiveSettings,
    naive: &Naive,
    end_ms: i64,
    what: &str,
    seen: &mut Seen,
) {
    // The rules of this turn do not know yet what an objective that is new was before.
    let known = &naive.turns;
    if known.is_empty() {
        return;
    }
    for (window, span_ms) in BURN_WINDOWS_MS {
        let wanted = {
            let (events, bad, _) = naive.window(end_ms - span_ms, end_ms);
            (events > 0.0).then(|| bad / events / (1.0 - settings.target))
        };
        // Of this turn, not of one before it.
        let query = format!("last_over_time({BURN_RATE}{{window=\"{window}\"}}[1ms])");
        let is = server.value(&query, end_ms);
        let is = is.filter(|it| it.is_finite());
        assert_eq!(is.is_some(), wanted.is_some(), "{what}, {window}");
        // Of a target such as 0.663 the rules have 0.337, and not what floats make of it.
        let (is, wanted) = (is.unwrap_or(0.0), wanted.unwrap_or(0.0));
        assert_near(is, wanted, &format!("{what}, {window}"));
        seen.burns += usize::from(wanted > 0.0);
    }
}
