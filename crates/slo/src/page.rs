//! Alerts that need evidence: how fast the budget burns, and that it is no accident.
//!
//! ## Model
//! At a hundred requests a day one failure burns the hour's budget at many times the allowed rate,
//! and says nothing. An [`EvidenceRule`] wants a [`BurnRule`] to hold, and beyond that that the bad
//! events of its long window would hardly have come together if the target were just met: given one
//! of them, so many others among the other events must have a probability below
//! [`EvidenceRule::chance`] (exact binomial tail, [`crate::binomial::tail_of_sums`]).
//!
//! Each alert begins with a bad event, and of those each window lets no more than that part begin
//! one. So false alarms are a small part of bad events at any traffic, any target and in any window,
//! with one number to choose; and where traffic is high the condition holds long before the burn rate
//! does, and the rules are ordinary ones. In PromQL, for the window of an hour at 99.9 %:
//!
//! ```text
//! bad:1h / total:1h > 14.4 * 0.001 and bad:5m / total:5m > 14.4 * 0.001
//!   and bad:1h > 1.5 and binomial_tail(bad:1h - 1, total:1h - 1, 0.001) < 1 / 64
//! ```
//!
//! ## Invariants
//! - A single bad event is never evidence.
//! - Silence pages nobody: a window without events burns nothing. That there is silence is told by
//!   what measures it ([`crate::ledger::Tally::unmeasured_ms`]).
//!
//! ## See also
//! ADR 0012 for the figures, and for what lost.

use crate::binomial;
use crate::budget::Counts;
use crate::burn::{BurnRule, HOUR_MS, PERIOD_MS, Urgency};
use crate::period::DAY_MS;

/// Where the target is just met, this part of bad events comes with so many others that a window
/// pages, at most. Chosen with `examples/low_traffic`: false pages are below a tenth of the standard
/// rules', and the tenfold rate is found as soon (ADR 0012).
pub const CHANCE_MAX: f64 = 1.0 / 64.0;
/// Fewer bad events are no evidence. Below 2, as `increase` of PromQL may show 2 as a little less.
pub const BAD_MIN: f64 = 1.5;
/// A page is for so much of the budget of 30 days, as the fastest of the standard rules has it …
const PAGE_CONSUMED: f64 = 0.02;
/// … and for a budget that burns as fast as the slowest of them, gone in five days.
const PAGE_BURN_MIN: f64 = 6.0;
/// Windows of pages: those that the standard alerts have for something already. Those of days are for
/// services with a few requests an hour: more traffic has paged before.
const PAGE_WINDOWS_MS: [i64; 5] = [HOUR_MS, 2 * HOUR_MS, 6 * HOUR_MS, DAY_MS, 3 * DAY_MS];
/// Rates and windows of tickets, as in the standard rules.
const TICKETS: [(f64, i64); 2] = [(3.0, DAY_MS), (1.0, 3 * DAY_MS)];
/// The short window is this part of the long one, as in the standard rules.
const SHORT_PART: i64 = 12;

/// An alert on a pair of windows that needs evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvidenceRule {
    /// How fast the budget must burn.
    pub burn: BurnRule,
    /// Given one bad event, so many others must be less likely than this, were the target just met.
    pub chance: f64,
    /// Fewer bad events are no evidence.
    pub bad_min: f64,
}

/// What speaks for a page.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// The rule that holds.
    pub rule: EvidenceRule,
    /// What happened in its long window.
    pub counts: Counts,
    /// The target that was missed.
    pub target: f64,
    /// How many times faster than allowed the budget burns.
    pub burn: f64,
    /// How likely a bad event comes with so many others, or more, where the target is just met; NaN where
    /// chance is not asked.
    pub chance: f64,
}

impl EvidenceRule {
    /// The same for what is no count of single events, such as slices of time or a share that a query
    /// gives: the burn rates decide alone.
    #[must_use]
    pub fn without_chance(self) -> Self {
        Self {
            chance: f64::INFINITY,
            bad_min: 0.0,
            ..self
        }
    }

    /// What speaks for the alert; `None` where it does not fire.
    #[must_use]
    pub fn evidence(&self, target: f64, long: Counts, short: Counts) -> Option<Evidence> {
        let is_fast = long.bad >= self.bad_min && self.burn.is_burning(target, long, short);
        if !is_fast {
            return None;
        }
        let is_asked = self.chance.is_finite();
        let chance = if is_asked {
            binomial::tail_of_sums(long.bad - 1.0, long.total - 1.0, 1.0 - target)
        } else {
            f64::NAN
        };
        (!is_asked || chance < self.chance).then_some(Evidence {
            rule: *self,
            counts: long,
            target,
            burn: long.burn(target).unwrap_or(0.0),
            chance,
        })
    }
}

/// The rules of an objective over `period_ms`: pages, then tickets, short windows first.
///
/// Periods longer than 30 days page as one of 30 days: what is fast for a person does not depend on
/// the period. A target below 5/6 cannot be missed by six times: it has tickets only, as with the
/// standard rules.
#[must_use]
pub fn rules(period_ms: i64) -> Vec<EvidenceRule> {
    let period_ms = period_ms.clamp(1, PERIOD_MS);
    let pages = PAGE_WINDOWS_MS.map(|long_ms| {
        let burn = PAGE_CONSUMED * period_ms as f64 / long_ms as f64;
        (Urgency::Page, burn.max(PAGE_BURN_MIN), long_ms)
    });
    let tickets = TICKETS.map(|(burn, long_ms)| (Urgency::Ticket, burn, long_ms));
    pages
        .into_iter()
        .chain(tickets)
        .map(|(urgency, burn, long_ms)| EvidenceRule {
            burn: BurnRule {
                urgency,
                long_ms,
                short_ms: long_ms / SHORT_PART,
                burn,
            },
            chance: CHANCE_MAX,
            bad_min: BAD_MIN,
        })
        .collect()
}

/// The first of `rules` that fires, where `counts` says what happened in the last so many
/// milliseconds.
#[must_use]
pub fn first_evidence(
    rules: &[EvidenceRule],
    target: f64,
    counts: impl Fn(i64) -> Counts,
) -> Option<Evidence> {
    rules.iter().find_map(|rule| {
        let short = counts(rule.burn.short_ms);
        // Nothing bad of late: the long window need not be read.
        if short.bad <= 0.0 {
            return None;
        }
        rule.evidence(target, counts(rule.burn.long_ms), short)
    })
}

impl Evidence {
    /// For people: how many were bad, what that would be if the target were met, how long it lasts.
    ///
    /// `left_share` is what is left of the budget of `period_ms`, 1 for all of it.
    #[must_use]
    pub fn sentence(&self, period_ms: i64, left_share: f64) -> String {
        let Counts { bad, total } = self.counts;
        let left_ms = left_share.max(0.0) * period_ms as f64 / self.burn;
        let lasts = if left_ms > 0.0 {
            format!(
                "at this rate what is left of the budget lasts {}",
                spoken(left_ms)
            )
        } else {
            "nothing is left of the budget".to_owned()
        };
        let chance = if self.chance.is_nan() {
            String::new()
        } else {
            format!(
                "at {} % one bad event in {} comes with so many; ",
                percent(self.target),
                odds(self.chance)
            )
        };
        format!(
            "{bad:.0} of {total:.0} were bad in {window}, {burn:.1} times the allowed rate; {chance}{lasts}",
            window = spoken(self.rule.burn.long_ms as f64),
            burn = self.burn,
        )
    }
}

/// A target in percent, without digits that it does not have.
fn percent(target: f64) -> String {
    let digits = format!("{:.6}", target * 100.0);
    digits
        .trim_end_matches('0')
        .trim_end_matches('.')
        .to_owned()
}

/// One over a chance: `80`, `4e9`.
fn odds(chance: f64) -> String {
    let odds = 1.0 / chance;
    if odds < 1e5 {
        format!("{odds:.0}")
    } else {
        format!("{odds:.0e}")
    }
}

/// A time with one unit: `5 min`, `1.5 h`, `3 d`.
fn spoken(ms: f64) -> String {
    let (value, unit) = if ms < 2.0 * 60_000.0 {
        (ms / 1_000.0, "s")
    } else if ms < HOUR_MS as f64 {
        (ms / 60_000.0, "min")
    } else if ms < 2.0 * DAY_MS as f64 {
        (ms / HOUR_MS as f64, "h")
    } else {
        (ms / DAY_MS as f64, "d")
    };
    let digits = format!("{value:.1}");
    format!("{} {unit}", digits.trim_end_matches(".0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: i64 = PERIOD_MS;

    /// The same counts in all windows.
    fn evidence(target: f64, bad: f64, total: f64) -> Option<Evidence> {
        let counts = Counts::of_bad(bad, total).expect("counts");
        first_evidence(&rules(PERIOD), target, |_| counts)
    }

    #[test]
    fn rules_are_derived_from_two_percent() {
        let rules = rules(PERIOD);
        let shown: Vec<String> = rules
            .iter()
            .map(|rule| {
                let (long, short) = (rule.burn.long_ms as f64, rule.burn.short_ms as f64);
                format!("{} {} {:.1}", spoken(long), spoken(short), rule.burn.burn)
            })
            .collect();
        assert_eq!(
            shown,
            [
                "1 h 5 min 14.4",
                "2 h 10 min 7.2",
                "6 h 30 min 6.0",
                "24 h 2 h 6.0",
                "3 d 6 h 6.0",
                "24 h 2 h 3.0",
                "3 d 6 h 1.0",
            ]
        );
    }

    #[test]
    fn few_failures_are_no_evidence_and_an_outage_is() {
        assert_eq!(evidence(0.999, 1.0, 1.0), None);
        assert_eq!(evidence(0.99, 1.0, 3.0), None);
        // One more of a hundred has a chance of 9.4 %, of ten one of 0.9 %.
        assert_eq!(evidence(0.999, 2.0, 100.0), None);
        assert!(evidence(0.999, 2.0, 10.0).is_some());
        let outage = evidence(0.999, 3.0, 3.0).expect("all failed");
        assert_eq!(outage.rule.burn.urgency, Urgency::Page);
        assert!((outage.chance - 1e-6).abs() < 1e-9);
        // Much traffic at twice the allowed rate burns too slowly for a page.
        let slow = evidence(0.999, 2_000.0, 1e6).expect("a ticket");
        assert_eq!(slow.rule.burn.urgency, Urgency::Ticket);
        assert_eq!(evidence(0.999, 1_000.0, 1e6), None);
        assert_eq!(evidence(0.999, 0.0, 0.0), None);
    }

    #[test]
    fn where_chance_is_not_asked_the_rates_decide() {
        let rule = rules(PERIOD)[0];
        let counts = Counts::of_bad(0.5, 3.0).expect("counts");
        assert_eq!(rule.evidence(0.999, counts, counts), None);
        let evidence = rule.without_chance().evidence(0.999, counts, counts);
        let sentence = evidence.expect("a page").sentence(PERIOD, 0.5);
        assert!(!sentence.contains("one bad event in"), "{sentence}");
    }

    #[test]
    fn evidence_speaks_to_people() {
        let counts = Counts::of_bad(12.0, 40.0).expect("counts");
        let evidence = rules(PERIOD)[0]
            .evidence(0.999, counts, counts)
            .expect("a page");
        assert_eq!(
            evidence.sentence(PERIOD, 1.0),
            "12 of 40 were bad in 1 h, 300.0 times the allowed rate; at 99.9 % one bad \
             event in 6e23 comes with so many; at this rate what is left of the budget lasts 2.4 h"
        );
        assert!(
            evidence
                .sentence(PERIOD, -0.2)
                .ends_with("nothing is left of the budget")
        );
    }

    #[test]
    fn whatever_comes_nothing_breaks() {
        let odd = [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300, 0.5];
        for period_ms in [i64::MIN, 0, 1, i64::MAX] {
            let rules = rules(period_ms);
            for bad in odd {
                for total in odd {
                    for target in odd {
                        let found = first_evidence(&rules, target, |_| Counts { bad, total });
                        if let Some(found) = found {
                            assert!(!found.sentence(period_ms, bad).is_empty());
                        }
                    }
                }
            }
        }
    }
}
