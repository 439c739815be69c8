//! How an objective was kept, period by period, and what another one would have cost.
//!
//! ## Model
//! A [`compliance`] report has a row for each period of the calendar. A [`backtest`] walks over the
//! history with a step: at each point it says what is left of the budget and whether somebody would
//! have been paged, as the rules that are generated for the objective would.
//!
//! ## Limits
//! At most [`ROWS_MAX`] periods, and as many points of a backtest. A point costs some searches.

use crate::burn::Urgency;
use crate::ledger::Ledger;
use crate::objective::{Objective, Targets};
use crate::page::{Evidence, EvidenceRule, first_evidence};
use crate::period::Calendar;
use crate::spending::{Spending, spending};

/// Most rows of a report, and most points of a backtest: a year of minutes.
pub const ROWS_MAX: usize = 600_000;

/// Why there is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// It would be too long.
    #[error("{from_ms} to {until_ms} in steps of {step_ms} ms are too many: at most {ROWS_MAX}")]
    TooLong {
        /// Its beginning.
        from_ms: i64,
        /// Its end.
        until_ms: i64,
        /// Its step.
        step_ms: i64,
    },
}

/// How an objective was kept in one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeriodReport {
    /// The period is `(after, until]`, cut to what was asked for.
    pub after_ms: i64,
    /// Its end.
    pub until_ms: i64,
    /// The target at its end.
    pub target: f64,
    /// What was allowed and spent.
    pub spending: Spending,
}

/// How `targets` were kept in each period of `calendar` that `(from, until]` touches. See
/// [`Calendar::period_at`] for `offset_ms`.
///
/// # Errors
/// If there are too many periods.
pub fn compliance(
    ledger: &Ledger,
    targets: &Targets,
    calendar: Calendar,
    (from_ms, until_ms): (i64, i64),
    offset_ms: impl Fn(i64) -> i64,
) -> Result<Vec<PeriodReport>, ReportError> {
    let mut rows = Vec::new();
    let mut after_ms = from_ms;
    while after_ms < until_ms {
        let (_, end_ms) = calendar.period_at(after_ms.saturating_add(1), &offset_ms);
        // Outside of the calendar's years there is one last period.
        let end_ms = if end_ms > after_ms {
            end_ms.min(until_ms)
        } else {
            until_ms
        };
        if rows.len() >= ROWS_MAX {
            return Err(ReportError::TooLong {
                from_ms,
                until_ms,
                step_ms: end_ms.saturating_sub(after_ms),
            });
        }
        rows.push(PeriodReport {
            after_ms,
            until_ms: end_ms,
            target: targets.at(end_ms),
            spending: spending(ledger, targets, after_ms, end_ms),
        });
        after_ms = end_ms;
    }
    Ok(rows)
}

/// A point of a backtest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// When.
    pub time_ms: i64,
    /// What was allowed and spent in the period that ends then, or that holds it up to then.
    pub spending: Spending,
}

/// Time in which somebody would have been told, with one urgency.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PageSpan {
    /// First point at which a rule fired.
    pub from_ms: i64,
    /// Last point at which one did.
    pub until_ms: i64,
    /// What spoke for it at first.
    pub evidence: Evidence,
    /// What was left of the budget then, as a part of it; `None` if nothing had happened.
    pub left: Option<f64>,
}

/// What an objective would have cost.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Backtest {
    /// The budget over time, ascending.
    pub path: Vec<Point>,
    /// Pages and tickets, ascending.
    pub pages: Vec<PageSpan>,
    /// Milliseconds in which more was spent than allowed: a step for each such point.
    pub over_budget_ms: u64,
}

/// Walks over `(from, until]` with `step_ms`, 1 or more.
///
/// # Errors
/// If there are too many steps.
pub fn backtest(
    ledger: &Ledger,
    objective: &Objective,
    rules: &[EvidenceRule],
    (from_ms, until_ms): (i64, i64),
    step_ms: i64,
    offset_ms: impl Fn(i64) -> i64,
) -> Result<Backtest, ReportError> {
    let step_ms = step_ms.max(1);
    let steps = until_ms.max(from_ms).abs_diff(from_ms) / step_ms.unsigned_abs();
    if steps > ROWS_MAX as u64 {
        return Err(ReportError::TooLong {
            from_ms,
            until_ms,
            step_ms,
        });
    }
    let mut result = Backtest::default();
    let urgencies = [Urgency::Page, Urgency::Ticket].map(|urgency| {
        let rules = rules.iter().filter(|rule| rule.burn.urgency == urgency);
        rules.copied().collect::<Vec<EvidenceRule>>()
    });
    // Each has its alert, which fires or not whatever the other does: where its last span stands.
    let mut open: [Option<usize>; 2] = [None; 2];
    for at in 1..=steps as i64 {
        let time_ms = from_ms.saturating_add(at.saturating_mul(step_ms));
        let (after_ms, _) = objective.period.at(time_ms, &offset_ms);
        let spending = spending(ledger, &objective.targets, after_ms, time_ms);
        if spending.is_met() == Some(false) {
            result.over_budget_ms += step_ms.unsigned_abs();
        }
        result.path.push(Point { time_ms, spending });
        for (rules, open) in urgencies.iter().zip(&mut open) {
            let evidence = fired(ledger, &objective.targets, rules, time_ms);
            let Some(evidence) = evidence else {
                *open = None;
                continue;
            };
            if let Some(page) = open.and_then(|at| result.pages.get_mut(at)) {
                page.until_ms = time_ms;
                continue;
            }
            *open = Some(result.pages.len());
            result.pages.push(PageSpan {
                from_ms: time_ms,
                until_ms: time_ms,
                evidence,
                left: spending.burn().map(|burn| 1.0 - burn),
            });
        }
    }
    Ok(result)
}

fn fired(
    ledger: &Ledger,
    targets: &Targets,
    rules: &[EvidenceRule],
    time_ms: i64,
) -> Option<Evidence> {
    first_evidence(rules, targets.at(time_ms), |span_ms| {
        ledger
            .tally(time_ms.saturating_sub(span_ms), time_ms)
            .counts
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::burn::HOUR_MS;
    use crate::ledger::Step;
    use crate::page::rules;
    use crate::period::{DAY_MS, Period, Unit};

    const MINUTE_MS: i64 = 60_000;

    /// So many events in each minute of these days, and so many bad ones.
    fn counted(days: i64, events: f64, bad: impl Fn(i64) -> f64) -> Ledger {
        let steps = |amount: &dyn Fn(i64) -> f64| {
            let step = |minute| Step {
                after_ms: minute * MINUTE_MS,
                time_ms: (minute + 1) * MINUTE_MS,
                amount: amount(minute),
            };
            (0..days * 1440).map(step).collect()
        };
        Ledger::new(steps(&bad), steps(&|_| events))
    }

    /// 60 days of ten requests a minute; all fail in the first two hours of day 40.
    fn ledger() -> Ledger {
        let outage = 40 * 1440..40 * 1440 + 120;
        counted(60, 10.0, |minute| {
            10.0 * f64::from(u8::from(outage.contains(&minute)))
        })
    }

    fn objective(target: f64) -> Objective {
        Objective {
            targets: Targets::constant(target).expect("a share"),
            period: Period::Rolling {
                span_ms: 30 * DAY_MS,
            },
        }
    }

    #[test]
    fn months_are_told_one_by_one() {
        let months = Calendar::of(Unit::Month);
        let rows = compliance(
            &ledger(),
            &objective(0.999).targets,
            months,
            (0, 59 * DAY_MS),
            |_| 0,
        );
        let rows = rows.expect("two rows");
        let shown: Vec<(i64, i64, Option<bool>)> = rows
            .iter()
            .map(|row| {
                (
                    row.after_ms / DAY_MS,
                    row.until_ms / DAY_MS,
                    row.spending.is_met(),
                )
            })
            .collect();
        // January and February 1970.
        assert_eq!(shown, [(0, 31, Some(true)), (31, 59, Some(false))]);
        assert_eq!(rows[1].spending.spent, 1_200.0);
        let none = compliance(&ledger(), &objective(0.9).targets, months, (5, 5), |_| 0);
        assert_eq!(none, Ok(Vec::new()));
    }

    #[test]
    fn a_backtest_shows_what_another_target_would_have_cost() {
        let range = (39 * DAY_MS, 60 * DAY_MS);
        let run = |target| {
            let (ledger, objective) = (ledger(), objective(target));
            let rules = rules(objective.period.span_ms());
            backtest(&ledger, &objective, &rules, range, 5 * MINUTE_MS, |_| 0).expect("short")
        };
        // 1,200 failures of 432,000 requests: 99.9 % allows 432, 99.5 % 2,160.
        let (strict, loose) = (run(0.999), run(0.995));
        assert!(strict.over_budget_ms > 19 * DAY_MS.unsigned_abs());
        assert_eq!(loose.over_budget_ms, 0);
        assert_eq!(strict.path.len(), 21 * 288);
        let first = strict.pages.first().expect("an outage pages");
        assert_eq!(first.from_ms, 40 * DAY_MS + 5 * MINUTE_MS);
        assert!(first.until_ms >= 40 * DAY_MS + 2 * HOUR_MS);
        assert!((first.evidence.counts.bad - 50.0).abs() < 1e-9);
    }

    #[test]
    fn a_page_within_a_ticket_is_both() {
        // Ten requests a second; twice what is allowed fails for a week, and an hour of it a fifth.
        let ledger = counted(20, 600.0, |minute| match minute {
            14_400..14_460 => 120.0,
            10_080..20_160 => 1.2,
            _ => 0.0,
        });
        let objective = objective(0.999);
        let rules = rules(objective.period.span_ms());
        let range = (7 * DAY_MS, 14 * DAY_MS);
        let found = backtest(&ledger, &objective, &rules, range, 5 * MINUTE_MS, |_| 0);
        let pages = found.expect("short").pages;
        let of = |urgency| {
            let told = pages
                .iter()
                .filter(move |it| it.evidence.rule.burn.urgency == urgency);
            told.collect::<Vec<&PageSpan>>()
        };
        let (paged, told) = (of(Urgency::Page), of(Urgency::Ticket));
        assert!(!paged.is_empty() && !told.is_empty());
        let outage_ms = 10 * DAY_MS;
        assert!(outage_ms < paged[0].from_ms && paged[0].from_ms < outage_ms + HOUR_MS);
        assert!(told[0].from_ms < outage_ms && told[0].until_ms > outage_ms + HOUR_MS);
        // Ten days of 600 a minute allow 8,640; 5,184 were spent by then.
        assert!(
            paged[0]
                .left
                .is_some_and(|left| (0.2..0.41).contains(&left)),
            "{:?}",
            paged[0]
        );
    }

    #[test]
    fn reports_without_end_are_refused() {
        let range = (i64::MIN, i64::MAX);
        let ledger = ledger();
        let objective = objective(0.9);
        assert!(backtest(&ledger, &objective, &[], range, 1, |_| 0).is_err());
        let days = Calendar::of(Unit::Day);
        assert!(compliance(&ledger, &objective.targets, days, (0, i64::MAX), |_| 0).is_err());
    }
}
