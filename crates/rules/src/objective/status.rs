//! How an objective stands: what is left of its budget, who spent it, and for how long it lasts.
//!
//! ## Model
//! [`statuses`] reads the two counts of an objective over its whole period, as
//! [`super::rules`] has written them, and gives a [`ObjectiveStatus`] for each budget: one, or one
//! for each combination of values of `group_by`.
//!
//! ## Invariants
//! Time without a sample of the counts is neither good nor bad. It is shown.

use std::collections::BTreeMap;

use bellwether_model::{Labels, is_stale_nan};
use bellwether_slo::budget::{Counts, CountsError};
use bellwether_slo::ledger::{Ledger, Step};
use bellwether_slo::objective::{TargetError, Targets};
use bellwether_slo::period::Period;
use bellwether_slo::spending::spending;
use bellwether_slo::spent::{Contribution, contributions};
use bellwether_storage::{MetricStore, Samples, StorageError};
use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use super::lasts::Lasts;
use super::lasts::{PAST_MS, Question};
use super::rules::{BAD_EVENTS, EVENTS, allowed_share};
use super::settings::{Composition, Indicator, ObjectiveSettings};
use super::stored::each_series;
use super::targets::targets;

const HOUR_MS: i64 = 3_600_000;
/// Those who spent most are told of, so many. Chosen: what fits a message.
const SPENDERS_MAX: usize = 20;

/// Why nobody knows how an objective stands.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// The store cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Its target is none.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// How one budget stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectiveStatus {
    /// `service/name`.
    pub id: String,
    /// The values of `group_by`.
    pub group: Labels,
    /// The period, `(after, until]`, ms. That of a calendar ends in the future.
    pub period_ms: (i64, i64),
    /// What happened in it so far. For money and tokens: `bad` is what was spent, `total` the limit.
    pub counts: Counts,
    /// How much may be bad of it: events, or money.
    pub allowed: f64,
    /// What is left of that, as a part of it: 1 is all, below 0 is too much spent. `None`: nothing
    /// happened.
    pub left: Option<f64>,
    /// Share of good events; `None`: nothing happened, or it is of no meaning.
    pub good_ratio: Option<f64>,
    /// How many times faster than allowed it burned in the last hour and the last day.
    pub burn_hour: Option<f64>,
    /// See [`ObjectiveStatus::burn_hour`].
    pub burn_day: Option<f64>,
    /// The part of the period so far that was not measured, 0 to 1.
    pub unmeasured: f64,
    /// For how long it lasts; `None`: too little is known.
    pub lasts: Option<Lasts>,
    /// Who spent it, most first.
    pub spenders: Vec<Contribution<Labels>>,
    /// What makes the figures nothing to rely on.
    pub problem: Option<String>,
}

/// What is known of a verdict, in the order in which it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// There is a budget left, and it will last.
    Met,
    /// Nothing happened, or what is measured cannot be.
    Unknown,
    /// It is more likely than not that nothing is left before the period of a calendar ends, or within
    /// three days where the period rolls.
    AtRisk,
    /// Nothing is left.
    Exhausted,
}

impl Verdict {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Met, Self::Unknown, Self::AtRisk, Self::Exhausted];

    /// `unknown`, `met`, `at_risk`, `exhausted`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Met => "met",
            Self::AtRisk => "at_risk",
            Self::Exhausted => "exhausted",
        }
    }
}

impl ObjectiveStatus {
    /// See [`Verdict`].
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        const SOON_HOURS: f64 = 72.0;
        let Some(left) = self.left.filter(|_| self.problem.is_none()) else {
            return Verdict::Unknown;
        };
        if left <= 0.0 {
            return Verdict::Exhausted;
        }
        let is_soon = self.lasts.is_some_and(|lasts| {
            let is_soon = |hours| lasts.is_renewed || hours <= SOON_HOURS;
            lasts.median_hours.is_some_and(is_soon)
        });
        if is_soon {
            Verdict::AtRisk
        } else {
            Verdict::Met
        }
    }
}

/// How each budget of an objective stands at `now_ms`. `all` are those that composites may name.
///
/// # Errors
/// Where the store cannot be read, or the target is none.
pub fn statuses(
    store: &dyn MetricStore,
    objective: &ObjectiveSettings,
    all: &[ObjectiveSettings],
    now_ms: i64,
) -> Result<Vec<ObjectiveStatus>, StatusError> {
    if let Indicator::Composite { parts, how } = &objective.indicator {
        return composed(store, objective, all, parts, *how, now_ms);
    }
    let range = read_range(objective, now_ms);
    let targets = targets(store, objective, range)?;
    under(store, objective, &targets, now_ms)
}

/// The period of an objective that holds a time.
fn period(objective: &ObjectiveSettings, now_ms: i64) -> (i64, i64) {
    let zone = TimeZone::get(&objective.time_zone).unwrap_or(TimeZone::UTC);
    objective
        .period
        .at(now_ms, |time_ms| offset_ms(&zone, time_ms))
}

/// What is read of an objective: its period so far, and the past that says for how long it lasts.
fn read_range(objective: &ObjectiveSettings, now_ms: i64) -> (i64, i64) {
    let begin_ms = period(objective, now_ms).0;
    (begin_ms.min(now_ms.saturating_sub(PAST_MS)), now_ms)
}

/// How each budget of an objective that is no composite stands under these targets.
fn under(
    store: &dyn MetricStore,
    objective: &ObjectiveSettings,
    targets: &Targets,
    now_ms: i64,
) -> Result<Vec<ObjectiveStatus>, StatusError> {
    let histories = read(store, objective, read_range(objective, now_ms))?;
    let period = period(objective, now_ms);
    Ok(histories
        .into_iter()
        .map(|(group, history)| history.status(objective, targets, group, period, now_ms))
        .collect())
}

/// The offset of the clocks of a place at a time, ms.
#[must_use]
pub fn offset_ms(zone: &TimeZone, time_ms: i64) -> i64 {
    Timestamp::from_millisecond(time_ms)
        .map_or(0, |time| i64::from(zone.to_offset(time).seconds()) * 1_000)
}

/// The counts of one budget.
#[derive(Debug, Default)]
pub(super) struct History {
    bad: Vec<Step>,
    pub(super) events: Vec<Step>,
    /// By the values of `spent_by`.
    spenders: BTreeMap<Labels, Counts>,
}

/// The counts of an objective in `(after, until]`, for each budget; of who spent it, in the period alone.
///
/// # Errors
/// Where the store cannot be read.
pub(super) fn read(
    store: &dyn MetricStore,
    objective: &ObjectiveSettings,
    range: (i64, i64),
) -> Result<BTreeMap<Labels, History>, StorageError> {
    let begin_ms = period(objective, range.1).0;
    let mut histories: BTreeMap<Labels, History> = BTreeMap::new();
    for metric in [EVENTS, BAD_EVENTS] {
        each_series(store, objective, metric, range, |labels, samples| {
            let part = |names: &[String]| labels.filter(|it| names.iter().any(|name| name == it));
            let history = histories.entry(part(&objective.group_by)).or_default();
            let steps = match metric {
                EVENTS => &mut history.events,
                _ => &mut history.bad,
            };
            add(steps, samples, objective.interval_ms);
            if !objective.spent_by.is_empty() {
                let counts = history
                    .spenders
                    .entry(part(&objective.spent_by))
                    .or_default();
                let sum = sum_after(samples, begin_ms);
                match metric {
                    EVENTS => counts.total += sum,
                    _ => counts.bad += sum,
                }
            }
        })?;
    }
    Ok(histories)
}

/// The values of a series.
fn values(samples: &Samples) -> impl Iterator<Item = (i64, f64)> {
    let pairs = samples.times_ms.iter().copied();
    pairs
        .zip(samples.values.iter().copied())
        .filter(|&(_, value)| !is_stale_nan(value) && value.is_finite())
}

/// What a series counted after a time.
fn sum_after(samples: &Samples, after_ms: i64) -> f64 {
    let counted = values(samples).filter(|&(time_ms, _)| time_ms > after_ms);
    counted.map(|(_, value)| value).sum()
}

/// Adds the samples of another series, both in the order of time.
fn add(steps: &mut Vec<Step>, samples: &Samples, interval_ms: i64) {
    let before = std::mem::take(steps);
    steps.reserve(before.len().max(samples.times_ms.len()));
    let mut before = before.into_iter().peekable();
    for (time_ms, value) in values(samples) {
        while let Some(earlier) = before.next_if(|it| it.time_ms < time_ms) {
            steps.push(earlier);
        }
        let same = before.next_if(|it| it.time_ms == time_ms);
        steps.push(Step {
            after_ms: time_ms.saturating_sub(interval_ms),
            time_ms,
            amount: value + same.map_or(0.0, |it| it.amount),
        });
    }
    steps.extend(before);
}

impl History {
    fn status(
        self,
        objective: &ObjectiveSettings,
        targets: &Targets,
        group: Labels,
        period: (i64, i64),
        now_ms: i64,
    ) -> ObjectiveStatus {
        let allowed_share = allowed_share(objective);
        let (after_ms, until_ms) = (period.0, period.1.min(now_ms));
        let is_spend = matches!(objective.indicator, Indicator::Spend { .. });
        let ledger = Ledger::new(self.bad, self.events);
        let tally = ledger.tally(after_ms, until_ms);
        let mut counts = tally.counts;
        // Money may be spent beyond what the pace allows: that is no contradiction.
        let mut problem = tally.problem;
        if is_spend && let Some(CountsError::MoreThanTotal { given, .. }) = problem {
            (counts.bad, problem) = (given, None);
        }
        let allowed = match objective.indicator {
            Indicator::Spend { limit, .. } => {
                counts.total = limit;
                limit
            }
            _ => spending(&ledger, targets, after_ms, until_ms).allowed,
        };
        let left = (allowed > 0.0).then(|| 1.0 - counts.bad / allowed);
        let burn = |span_ms: i64| {
            let from_ms = now_ms.saturating_sub(span_ms);
            if is_spend {
                let (spent, pace) = ledger.sums(from_ms, now_ms);
                return (pace > 0.0).then(|| spent / pace);
            }
            spending(&ledger, targets, from_ms, now_ms).burn()
        };
        let begun_ms = ledger.extent_ms().map_or(until_ms, |it| it.0.max(after_ms));
        let span_ms = until_ms.saturating_sub(begun_ms).max(1);
        let unmeasured = ledger.tally(begun_ms, until_ms).unmeasured_ms as f64 / span_ms as f64;
        let (horizon_ms, rolling_ms) = match objective.period {
            Period::Rolling { span_ms } => (span_ms, Some(span_ms)),
            Period::Calendar(_) => (period.1.saturating_sub(now_ms), None),
        };
        let question = Question {
            ledger: &ledger,
            // A limit does not grow with what is spent.
            share: if is_spend { 0.0 } else { allowed_share },
            left: allowed - counts.bad,
            now_ms,
            horizon_ms,
            rolling_ms,
        };
        let lasts = left.and_then(|_| question.lasts());
        let spent = self.spenders.into_iter().map(|(labels, mut counts)| {
            if is_spend {
                counts.total = counts.bad;
            }
            (labels, counts)
        });
        let mut spenders = contributions(spent, 1.0 - allowed_share);
        spenders.retain(|it| it.counts.bad > 0.0);
        spenders.truncate(SPENDERS_MAX);
        ObjectiveStatus {
            id: objective.id(),
            group,
            period_ms: period,
            good_ratio: counts.ratio().filter(|_| !is_spend),
            counts,
            allowed,
            left,
            burn_hour: burn(HOUR_MS),
            burn_day: burn(24 * HOUR_MS),
            unmeasured: unmeasured.clamp(0.0, 1.0),
            lasts,
            spenders,
            problem: problem.map(|problem| problem.to_string()),
        }
    }
}

/// A composite stands as its parts do: its share of bad events is theirs together, in each window.
fn composed(
    store: &dyn MetricStore,
    objective: &ObjectiveSettings,
    all: &[ObjectiveSettings],
    parts: &[(String, f64)],
    how: Composition,
    now_ms: i64,
) -> Result<Vec<ObjectiveStatus>, StatusError> {
    let period = period(objective, now_ms);
    let mut found: Vec<(ObjectiveStatus, f64, f64)> = Vec::new();
    for (name, weight) in parts {
        let Some(part) = objective.part(name, all) else {
            continue;
        };
        // Over the composite's own period, whatever the part's is.
        let part = ObjectiveSettings {
            period: objective.period,
            time_zone: objective.time_zone.clone(),
            group_by: Vec::new(),
            ..part.clone()
        };
        let share = allowed_share(&part);
        // What burned comes back as a share by the same target that made it a rate: that of now.
        let statuses = match &part.indicator {
            Indicator::Composite { .. } => statuses(store, &part, all, now_ms)?,
            _ => under(store, &part, &Targets::constant(1.0 - share)?, now_ms)?,
        };
        for status in statuses {
            found.push((status, share, *weight));
        }
    }
    let join = |ratio: &dyn Fn(&ObjectiveStatus, f64) -> Option<f64>| {
        let parts: Vec<(Option<f64>, f64)> = found
            .iter()
            .map(|(status, share, weight)| (ratio(status, *share), *weight))
            .collect();
        how.joined(&parts)
    };
    let good = join(&|status, _| status.good_ratio);
    let allowed = allowed_share(objective);
    let burn = |pick: fn(&ObjectiveStatus) -> Option<f64>| {
        join(&|status, share| pick(status).map(|burn| 1.0 - burn * share))
            .map(|good| (1.0 - good) / allowed)
    };
    let unmeasured = found.iter().map(|it| it.0.unmeasured).fold(0.0, f64::max);
    let problem = found.iter().find_map(|it| {
        let problem = it.0.problem.as_ref()?;
        Some(format!("{}: {problem}", it.0.id))
    });
    Ok(vec![ObjectiveStatus {
        id: objective.id(),
        group: Labels::empty(),
        period_ms: period,
        counts: Counts::default(),
        allowed,
        left: good.map(|good| 1.0 - (1.0 - good) / allowed),
        good_ratio: good,
        burn_hour: burn(|it| it.burn_hour),
        burn_day: burn(|it| it.burn_day),
        unmeasured,
        // The first part to have nothing left says no more than that.
        lasts: None,
        spenders: Vec::new(),
        problem,
    }])
}
