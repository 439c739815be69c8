//! Alerts that need evidence: how fast the budget burns, and that it is no accident.
//!
//! ## Model
//! At a hundred requests a day one failure burns the hour's budget at many times the allowed rate,
//! and says nothing. An [`EvidenceRule`] wants a [`BurnRule`] to hold, and beyond that that so many
//! bad events of so many would be an accident if the target were just met: the exact binomial
//! probability ([`crate::binomial::tail`]) must be below [`EvidenceRule::chance`].
//!
//! That is the length of the window over the time in which a service that is just at its target may
//! be paged for nothing once ([`FALSE_PAGE_EVERY_MS`]): a window of length `w` is a new one each `w`.
//! So the rate of false pages is the same at any traffic and any target, and where traffic is high
//! the condition holds long before the burn rate does, and the rules are ordinary ones.
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

/// A service that just meets its target is paged for nothing once in so many milliseconds by each
/// window, at most. Chosen: twelve weeks.
pub const FALSE_PAGE_EVERY_MS: i64 = 84 * DAY_MS;
/// The same for tickets. Chosen: a month.
pub const FALSE_TICKET_EVERY_MS: i64 = 30 * DAY_MS;
/// Fewer bad events are no evidence.
pub const BAD_MIN: f64 = 2.0;
/// A page is for so much of the budget of 30 days, as the fastest of the standard rules has it …
const PAGE_CONSUMED: f64 = 0.02;
/// … and for a budget that burns as fast as the slowest of them, gone in five days.
const PAGE_BURN_MIN: f64 = 6.0;
/// Windows of pages. Those beyond six hours are for services with a request an hour.
const PAGE_WINDOWS_MS: [i64; 6] = [
    HOUR_MS,
    2 * HOUR_MS,
    4 * HOUR_MS,
    8 * HOUR_MS,
    DAY_MS,
    3 * DAY_MS,
];
/// Rates and windows of tickets, as in the standard rules.
const TICKETS: [(f64, i64); 2] = [(3.0, DAY_MS), (1.0, 3 * DAY_MS)];
/// The short window is this part of the long one, as in the standard rules.
const SHORT_PART: i64 = 12;

/// An alert on a pair of windows that needs evidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvidenceRule {
    /// How fast the budget must burn.
    pub burn: BurnRule,
    /// So many bad events must be less likely than this, were the target just met.
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
    /// How likely so many bad events are, or more, where the target is just met.
    pub chance: f64,
}

impl EvidenceRule {
    /// What speaks for the alert; `None` where it does not fire.
    #[must_use]
    pub fn evidence(&self, target: f64, long: Counts, short: Counts) -> Option<Evidence> {
        let is_asked = long.bad >= self.bad_min && self.burn.is_burning(target, long, short);
        if !is_asked {
            return None;
        }
        let chance = binomial::tail_of_sums(long.bad, long.total, 1.0 - target);
        (chance < self.chance).then_some(Evidence {
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
/// the period.
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
        .map(|(urgency, burn, long_ms)| {
            let every_ms = match urgency {
                Urgency::Page => FALSE_PAGE_EVERY_MS,
                Urgency::Ticket => FALSE_TICKET_EVERY_MS,
            };
            EvidenceRule {
                burn: BurnRule {
                    urgency,
                    long_ms,
                    short_ms: long_ms / SHORT_PART,
                    burn,
                },
                chance: long_ms as f64 / every_ms as f64,
                bad_min: BAD_MIN,
            }
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
    /// For people: "12 of 40 requests failed in 1 h, 300 times the allowed rate; at 99.9 % so many have
    /// a probability of 1e-25; at this rate the budget of 30 d lasts 2 h".
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
        format!(
            "{bad:.0} of {total:.0} were bad in {window}, {burn:.1} times the allowed rate; at {percent} % \
             so many have a probability of {chance:.0e}; {lasts}",
            window = spoken(self.rule.burn.long_ms as f64),
            burn = self.burn,
            percent = percent(self.target),
            chance = self.chance,
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
