//! False pages and delay of our page rules, next to those of the standard ones, at low traffic.
//!
//! `cargo run --release -p bellwether-slo --example low_traffic -- [services] [rhythm]`
//!
//! 10,000 services of 1 to 10,000 requests a day, evenly on the scale of logarithms; arrivals are
//! Poisson, with `rhythm` (0 to 1) their rate follows the day. Rules are evaluated each minute for 30 days after a
//! warm-up of three. Requests fail by chance: with half of the share that the target allows, with
//! that share, and with ten times of it. A page at the first two is false: a run of minutes in which
//! the rule fires. The tenfold share begins after a warm-up at the allowed one; the delay is the
//! time to the first minute in which the rule fires, be it by failures from before. Who is not found
//! within 30 days has a delay of more than 720 h, and counts as such in the median.
//!
//! The standard rules are those that Sloth generates: the share of failures over 1 h and 5 min above
//! 14.4 times the allowed one, or over 6 h and 30 min above 6 times; without requests the share is
//! 0 / 0, and a comparison with that is false.
#![expect(clippy::print_stdout, reason = "a measurement prints")]

mod service;

use bellwether_slo::budget::Counts;
use bellwether_slo::burn::{BurnRule, PERIOD_MS, Urgency, standard};
use bellwether_slo::page::{EvidenceRule, first_evidence, rules};
use service::{Failures, Pages, Random, Rule, Traffic, delay, pages};

const TARGETS: [f64; 3] = [0.999, 0.995, 0.99];
/// Requests a day, from and to; the last ones are parts of the fourth.
const BANDS: [(f64, f64); 9] = [
    (1.0, 10.0),
    (10.0, 100.0),
    (100.0, 1_000.0),
    (1_000.0, 10_000.0),
    (1_000.0, 2_400.0),
    (2_400.0, 10_000.0),
    (2_400.0, 3_500.0),
    (3_500.0, 5_500.0),
    (5_500.0, 10_000.0),
];
const SHARES: [f64; 2] = [0.5, 1.0];

/// What one rule does for one service.
#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    /// At half of the allowed share, and at it.
    pages: [Pages; 2],
    delay_minutes: Option<usize>,
}

struct Service {
    requests_a_day: f64,
    /// By target, then by rule.
    outcomes: Vec<Vec<Outcome>>,
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: f64| {
        let given = arguments.next().and_then(|text| text.parse().ok());
        given.unwrap_or(default)
    };
    let (count, rhythm) = (number(10_000.0), number(0.0));
    let candidates = candidates();
    let services: Vec<Service> = (0..count as u32)
        .map(|at| {
            simulate(
                10f64.powf(4.0 * (f64::from(at) + 0.5) / count),
                rhythm,
                at,
                &candidates,
            )
        })
        .collect();
    for (at, target) in TARGETS.into_iter().enumerate() {
        println!(
            "\ntarget {} %, {count} services, rhythm {rhythm}",
            target * 100.0
        );
        table(&services, at, &candidates);
    }
}

fn candidates() -> Vec<(&'static str, Box<Rule<'static>>)> {
    let of_pages = |rule: &BurnRule| rule.urgency == Urgency::Page;
    let sloth: Vec<BurnRule> = standard(PERIOD_MS).into_iter().filter(of_pages).collect();
    let ours: Vec<EvidenceRule> = rules(PERIOD_MS)
        .into_iter()
        .filter(|rule| of_pages(&rule.burn))
        .collect();
    vec![
        (
            "standard",
            Box::new(move |target, counts: &dyn Fn(i64) -> Counts| {
                sloth
                    .iter()
                    .any(|it| it.is_burning(target, counts(it.long_ms), counts(it.short_ms)))
            }),
        ),
        (
            "ours",
            Box::new(move |target, counts: &dyn Fn(i64) -> Counts| {
                first_evidence(&ours, target, counts).is_some()
            }),
        ),
    ]
}

fn simulate(
    requests_a_day: f64,
    rhythm: f64,
    seed: u32,
    candidates: &[(&str, Box<Rule<'static>>)],
) -> Service {
    let mut random = Random(u64::from(seed) << 32);
    let traffic = Traffic::new(requests_a_day, rhythm, &mut random);
    let outcomes = TARGETS
        .into_iter()
        .map(|target| {
            let allowed = 1.0 - target;
            let mut failing = |before: f64, after: f64| {
                Failures::new(&traffic, (before * allowed, after * allowed), &mut random)
            };
            let calm = SHARES.map(|share| failing(share, share));
            let worse = failing(1.0, 10.0);
            candidates
                .iter()
                .map(|(_, rule)| Outcome {
                    pages: [0, 1].map(|at| pages(target, &traffic, &calm[at], rule)),
                    delay_minutes: delay(target, &traffic, &worse, rule),
                })
                .collect()
        })
        .collect();
    Service {
        requests_a_day,
        outcomes,
    }
}

/// For each band and rule: pages of a service a month, as they are and joined, each with its ratio to
/// the first rule's, and the delay.
fn table(services: &[Service], target: usize, candidates: &[(&str, Box<Rule<'static>>)]) {
    println!(
        "{:>16} {:>6} {:>12} | {:>23} {:>15} | {:>23} {:>15} | {:>7} {:>7} {:>6}",
        "requests a day",
        "number",
        "rule",
        "pages at half",
        "joined",
        "pages at allowed",
        "joined",
        "delay h",
        "90 %",
        "never"
    );
    for (from, to) in BANDS {
        let band: Vec<&Service> = services
            .iter()
            .filter(|it| from <= it.requests_a_day && it.requests_a_day < to)
            .collect();
        let sum = |rule: usize, of: &dyn Fn(&Outcome) -> usize| -> usize {
            band.iter().map(|it| of(&it.outcomes[target][rule])).sum()
        };
        for (rule, (name, _)) in candidates.iter().enumerate() {
            let figure = |of: &dyn Fn(&Outcome) -> usize, with_count: bool| {
                let (is, first) = (sum(rule, of), sum(0, of));
                let a_month = is as f64 / band.len() as f64;
                let ratio = if first == 0 {
                    f64::NAN
                } else {
                    is as f64 / first as f64
                };
                if with_count {
                    format!("{is:>7} {a_month:>8.4} {ratio:>6.3}")
                } else {
                    format!("{a_month:>8.4} {ratio:>6.3}")
                }
            };
            let mut delays: Vec<usize> = band
                .iter()
                .map(|it| {
                    it.outcomes[target][rule]
                        .delay_minutes
                        .unwrap_or(usize::MAX)
                })
                .collect();
            delays.sort_unstable();
            let at = |share: f64| {
                let at = (share * delays.len() as f64) as usize;
                match delays.get(at.min(delays.len().saturating_sub(1))) {
                    Some(&usize::MAX) | None => "> 720".to_owned(),
                    Some(&minutes) => format!("{:.2}", minutes as f64 / 60.0),
                }
            };
            let never = delays.iter().filter(|&&it| it == usize::MAX).count();
            println!(
                "{:>16} {:>6} {name:>12} | {} {} | {} {} | {:>7} {:>7} {:>6.3}",
                format!("{from} to {to}"),
                band.len(),
                figure(&|it| it.pages[0].pages, true),
                figure(&|it| it.pages[0].joined, false),
                figure(&|it| it.pages[1].pages, true),
                figure(&|it| it.pages[1].joined, false),
                at(0.5),
                at(0.9),
                never as f64 / band.len() as f64
            );
        }
    }
}
