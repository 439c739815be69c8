//! Which models to use for a series, and how much each counts.
//!
//! Candidates are fitted on the first two thirds and forecast the rest from many origins, each
//! taking in one value after the other in between. Weights follow from their errors there, the
//! intervals from the errors of the combination; then what is kept is fitted once more, on all.

mod backtest;
mod candidates;
mod trust;
mod weights;

use backtest::Backtest;
use trust::Trust;

use crate::forecast::{Forecast, Options};
use crate::history::History;
use crate::interval::{Spread, Width};
use crate::model::{Model, Past, Spec};

/// Forecasts are within this part of the past's range beyond it.
const RANGE_BEYOND: f64 = 1.0;
/// Errors to come are so many times as large as those of the backtest that the weights were chosen by.
/// Measured on the training parts of M4.
const WIDER: f64 = 1.25;
/// … and of a provisional choice, which has few origins to go by and no record: measured on ServeGen and the training
/// parts of M4.
const WIDER_PROVISIONAL: f64 = 1.6;
/// The mean lies between these levels.
const LIKELY: (f64, f64) = (0.1, 0.9);
/// Models in the name of a forecast.
const NAMED_MAX: usize = 3;

/// How much a choice may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effort {
    /// All candidates.
    Full,
    /// A few, from few origins, until there is time for all: a sixth of the cost.
    Provisional,
}

/// A model and its weight at each part of the horizon.
#[derive(Debug)]
struct Member {
    spec: Spec,
    model: Box<dyn Model>,
    weights: Vec<f64>,
}

/// The models of a series, and how wrong they were.
#[derive(Debug)]
pub(crate) struct Choice {
    members: Vec<Member>,
    trust: Option<Trust>,
    spread: Spread,
    effort: Effort,
    /// Errors are parts of the forecast, not of the unit.
    relative: bool,
    /// Mean size of the errors one step ahead, in the history's unit; more than 0.
    step_error: f64,
}

/// Parts of the horizon: 1, 2 and 3, 4 to 7, 8 to 15, and so on.
fn part_of(step: usize) -> usize {
    step.max(1).ilog2() as usize
}

impl Choice {
    /// Chooses for `history`; `None` if it is too short, or nothing of its last third was measured.
    pub(crate) fn new(
        history: &History,
        seasons: &[usize],
        horizon: usize,
        effort: Effort,
    ) -> Option<Self> {
        let log = history.log(history.len());
        let past_of = |spec: &Spec| {
            let values = if spec.log {
                log.as_deref()?
            } else {
                &history.values
            };
            Some(Past {
                values,
                present: &history.present,
            })
        };
        let backtest = Backtest::new(history, seasons, horizon, effort)?;
        let usable = backtest.usable(seasons);
        let mut trials = Vec::new();
        let specs = match effort {
            Effort::Full => candidates::list(&usable, horizon, log.is_some()),
            Effort::Provisional => candidates::quick(&usable, horizon),
        };
        for spec in specs {
            if let Some(past) = past_of(&spec) {
                trials.extend(backtest.run(spec, past));
            }
        }
        if trials.is_empty() {
            return None;
        }
        let kept = weights::weigh(&mut trials, &backtest);
        let relative = log.is_some();
        let (mut errors, mut ahead) = (Vec::new(), (0.0, 0.0));
        for (at, target) in backtest
            .targets
            .iter()
            .enumerate()
            .filter(|(_, target)| target.weight > 0.0)
        {
            let part = part_of(target.step);
            let each = trials.iter().zip(&kept);
            let centre: f64 = each
                .map(|(trial, weights)| weights[part] * trial.forecasts[at])
                .sum();
            let error = target.value - centre;
            if target.step == 1 {
                ahead = (ahead.0 + error.abs(), ahead.1 + 1.0);
            }
            errors.push((
                target.step,
                if relative {
                    error / centre.max(1e-12)
                } else {
                    error
                },
            ));
        }
        let mut members = Vec::new();
        for (trial, weights) in trials.into_iter().zip(kept) {
            if let Some(model) = past_of(&trial.spec).and_then(|past| trial.spec.fit(past)) {
                members.push(Member {
                    spec: trial.spec,
                    model,
                    weights,
                });
            }
        }
        (!members.is_empty()).then(|| Self {
            members,
            trust: Trust::new(history, seasons),
            spread: Spread::new(&errors, horizon),
            effort,
            relative,
            step_error: (ahead.0 / f64::max(ahead.1, 1.0)).max(1e-12),
        })
    }

    /// What follows `history`. What another forecast says, in the unit of the series, has the share that stands with it.
    pub(crate) fn forecast(
        &self,
        history: &History,
        horizon: usize,
        other: Option<(Vec<f64>, f64)>,
    ) -> Outlook<'_> {
        let mut centre = vec![0.0; horizon];
        let mut total = vec![0.0; horizon];
        let mut out = vec![0.0; horizon];
        let look = |log: bool| {
            let of = self.members.iter().filter(|member| member.spec.log == log);
            of.map(|member| member.model.lookback()).max().unwrap_or(0)
        };
        let log = history.log(look(true));
        for member in &self.members {
            let past = if member.spec.log {
                log.as_deref()
            } else {
                Some(&history.values[..])
            };
            let Some(past) = past else {
                continue;
            };
            member.model.forecast(past, &mut out);
            unscale(member.spec.log, &mut out);
            for (at, value) in out
                .iter()
                .enumerate()
                .filter(|(_, value)| value.is_finite())
            {
                let part = part_of(at + 1).min(member.weights.len() - 1);
                centre[at] += member.weights[part] * value;
                total[at] += member.weights[part];
            }
        }
        let (low, high) = bounds(history);
        let last = history.values.last().copied().unwrap_or(0.0);
        for (centre, total) in centre.iter_mut().zip(&total) {
            let mean = if *total > 0.0 { *centre / total } else { last };
            *centre = mean.clamp(low, high);
        }
        let chosen = centre.first().copied();
        let mut blend = |said: &mut dyn Iterator<Item = f64>, share: f64| {
            for (centre, said) in centre.iter_mut().zip(said) {
                if said.is_finite() {
                    *centre += share * (said.clamp(low, high) - *centre);
                }
            }
        };
        if let Some((said, share)) = other {
            blend(&mut said.iter().map(|said| said / history.unit), share);
        }
        let trust = self.trust.as_ref();
        if let Some((said, share)) = trust.and_then(|trust| trust.forecast(history)) {
            blend(&mut said.into_iter(), share);
        }
        Outlook {
            choice: self,
            unit: history.unit,
            bounds: (low, high),
            from: 0,
            chosen,
            centre,
        }
    }

    /// Mean size of the errors one step ahead in the backtest, in the unit of the history; more than 0.
    pub(crate) fn step_error(&self) -> f64 {
        self.step_error
    }

    /// Whether it was made in a hurry.
    pub(crate) fn is_provisional(&self) -> bool {
        self.effort == Effort::Provisional
    }

    /// Takes in the last value of `history`.
    pub(crate) fn update(&mut self, history: &History) {
        let present = history.present.last().copied().unwrap_or(false);
        for member in &mut self.members {
            let count = member.model.lookback_update();
            if count == 0 {
                continue;
            }
            let log = if member.spec.log {
                history.log(count)
            } else {
                None
            };
            match (&log, member.spec.log) {
                (Some(past), _) => member.model.update(past, present),
                (None, false) => member.model.update(&history.values, present),
                // A value that has no logarithm is as good as none.
                (None, true) => member.model.update(&vec![0.0; count], false),
            }
        }
    }

    /// The models by weight, as people say it.
    pub(crate) fn name(&self) -> String {
        match self.effort {
            Effort::Full => self.weighed(),
            Effort::Provisional => format!("provisional: {}", self.weighed()),
        }
    }

    fn weighed(&self) -> String {
        let mean = |weights: &[f64]| weights.iter().sum::<f64>() / weights.len() as f64;
        let mut named: Vec<(f64, &Spec)> = self
            .members
            .iter()
            .map(|member| (mean(&member.weights), &member.spec))
            .collect();
        named.sort_by(|a, b| b.0.total_cmp(&a.0));
        if let [(_, only)] = named[..] {
            return only.to_string();
        }
        let more = named.len().saturating_sub(NAMED_MAX);
        let mut names: Vec<String> = named
            .iter()
            .take(NAMED_MAX)
            .map(|(weight, spec)| format!("{weight:.2} {spec}"))
            .collect();
        if more > 0 {
            names.push(format!("{more} more"));
        }
        names.join(" + ")
    }

    fn wider(&self) -> f64 {
        match self.effort {
            Effort::Full => WIDER,
            Effort::Provisional => WIDER_PROVISIONAL,
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        let of =
            |member: &Member| member.model.bytes() + member.weights.len() * 8 + size_of::<Member>();
        self.members.iter().map(of).sum::<usize>() + self.spread.bytes()
    }
}

/// What a forecast stays within.
fn bounds(history: &History) -> (f64, f64) {
    let (low, high) = history.range();
    let beyond = RANGE_BEYOND * (high - low);
    (low - beyond, high + beyond)
}

/// Back from the scale of a model. Exponents beyond this are no forecast.
fn unscale(log: bool, out: &mut [f64]) {
    if log {
        for out in out {
            *out = out.clamp(-40.0, 3.0).exp();
        }
    }
}

/// A forecast in the unit of a history.
#[derive(Debug)]
pub(crate) struct Outlook<'a> {
    choice: &'a Choice,
    unit: f64,
    /// What it stays within.
    bounds: (f64, f64),
    /// Steps that are left away at the beginning.
    from: usize,
    /// What the chosen models say one step ahead, before others have a share.
    chosen: Option<f64>,
    centre: Vec<f64>,
}

impl Outlook<'_> {
    /// Leaves away the first steps.
    pub(crate) fn skip(&mut self, steps: usize) {
        self.from = steps.min(self.centre.len());
    }

    /// What the chosen models expect one step ahead, which is what their backtest tells of, in the unit of the history.
    pub(crate) fn chosen(&self) -> Option<f64> {
        self.chosen
    }

    /// What is expected so many steps ahead, in the unit of the history.
    fn centre(&self, step: usize) -> Option<f64> {
        self.centre.get(step.checked_sub(1)?).copied()
    }

    /// The value that is not passed with probability `level`, in the unit of the series.
    fn quantile(&self, step: usize, level: f64, width: Width) -> f64 {
        let centre = self.centre(step).unwrap_or(f64::NAN);
        let error = self.choice.spread.quantile(step, level);
        let wider = self.choice.wider()
            * if error < 0.0 {
                width.below
            } else {
                width.above
            };
        let value = match self.choice.relative {
            // What was positive stays so, however wide.
            true if error < 0.0 => centre * (1.0 + error).max(0.0).powf(wider),
            true => centre * (1.0 + wider * error),
            false => centre + wider * error,
        };
        value.clamp(self.bounds.0, self.bounds.1) * self.unit
    }

    /// Between two levels, in the unit of the series, with errors so many times as large.
    pub(crate) fn interval(&self, step: usize, levels: (f64, f64), width: Width) -> (f64, f64) {
        (
            self.quantile(step, levels.0, width),
            self.quantile(step, levels.1, width),
        )
    }

    /// As others see it, with errors so many times as large at each step.
    pub(crate) fn publish(
        &self,
        options: &Options,
        model: String,
        step_ms: i64,
        start_ms: i64,
        width: impl Fn(usize) -> Width,
    ) -> Forecast {
        let low = if options.non_negative { 0.0 } else { f64::MIN };
        let shown = |value: f64| value.clamp(low, f64::MAX);
        let steps = self.from + 1..=self.centre.len();
        let quantile = |level: f64| {
            let each = steps.clone();
            each.map(|step| shown(self.quantile(step, level, width(step))))
                .collect()
        };
        // Where all errors of the backtest were to one side, the middle of what is likely is there too.
        let mean = |step: usize| {
            let (low, high) = self.interval(step, LIKELY, width(step));
            let centre = self.centre(step).unwrap_or(f64::NAN) * self.unit;
            shown(centre.clamp(low.min(high), high.max(low)))
        };
        Forecast {
            model,
            step_ms,
            start_ms,
            mean: steps.clone().map(mean).collect(),
            quantiles: options
                .quantiles
                .iter()
                .map(|level| (*level, quantile(*level)))
                .collect(),
        }
    }
}
