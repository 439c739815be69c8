//! When a budget, a disk or a quota runs out, as a distribution.
//!
//! ## Model
//! What counts is the *movement* towards the limit: the sum of what is spent, or the way of a gauge.
//! A few *experts* foresee it (the pace of the last hour, six hours, day; the shape of the day
//! before, of the days before; a return to the usual level), and a *blend* of them is fitted to what
//! came after earlier moments of the same series, its *origins*. How wrong that blend was from each
//! origin on, as a whole path, is laid over its present forecast: each origin gives one possible
//! future, and the first passage of the limit in it one possible time. Those times are the answer,
//! spread a little more while few of them are independent.
//!
//! ## Invariants
//! - Nothing is tuned for a series; nothing is drawn at random.
//! - Each forecast from an origin sees values before it only. The weights of the blend see all.
//! - That it does not run out within the horizon is an answer, with its probability.
//!
//! ## Limits
//! - At least 24 known values; below that there is no answer ([`ExhaustionError::Short`]).
//! - At most 128 origins; moments of the future lie 4 % apart: 160 for 30 days at ten minutes.
//! - No more than ten million steps ahead.
//! - A day's shape needs two and a half days, a week's two and a half weeks.
//!
//! ## Failure
//! Missing values are bridged by a straight line. A gauge beyond its limit, or nothing left, is
//! exhausted now. A series that does not move never is.
//!
//! ## See also
//! ADR 0013. M. Roulston, L. Smith, "Combining dynamical and statistical ensembles", Tellus A 55,
//! 2003 (past errors laid over a forecast); E. Kaplan, P. Meier, "Nonparametric estimation from
//! incomplete observations", 1958 (futures whose end is not known); J. Kivinen, M. Warmuth,
//! "Exponentiated gradient versus gradient descent", 1997 (the fit of the blend).

mod blend;
mod fit;
mod passage;
mod past;
mod survival;

#[cfg(test)]
mod tests;

use crate::series::Series;
use past::Past;

/// Fewest values that say anything.
const KNOWN_MIN: usize = 24;

/// Where a gauge's limit lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Towards {
    /// Above: a disk fills.
    Rising,
    /// Below: free memory, remaining requests.
    Falling,
}

/// What runs out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Values are the level itself; exhausted is what reaches `limit`.
    Gauge {
        /// The level that must not be reached.
        limit: f64,
        /// Where it lies.
        towards: Towards,
    },
    /// Values are what each step spent (see [`spent`] for counters); negative ones count as 0.
    Spend {
        /// How much may still be spent after the last value.
        left: f64,
    },
}

/// What to foresee.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Lengths of seasons in steps, the shortest first, two at most. `None`: a day and a week.
    pub seasons: Option<Vec<usize>>,
    /// How far to look, milliseconds after the last value, more than 0.
    pub horizon_ms: i64,
    /// Wanted quantiles of the time left, each between 0 and 1.
    pub quantiles: Vec<f64>,
    /// When a quota is whole again, Unix milliseconds: the horizon ends there, and a gauge's ways
    /// back are refills, not part of its movement.
    pub reset_ms: Option<i64>,
}

impl Default for Options {
    /// 30 days, an 80 % range.
    fn default() -> Self {
        Self {
            seasons: None,
            horizon_ms: 30 * 86_400_000,
            quantiles: vec![0.1, 0.9],
            reset_ms: None,
        }
    }
}

/// How an answer came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The limit is reached already.
    Exhausted,
    /// Nothing moves.
    Still,
    /// What was spent after so many earlier moments, in proportion to what was foreseen.
    Spend {
        /// Earlier moments of the series.
        origins: usize,
    },
    /// How a gauge moved after so many earlier moments, beside what was foreseen.
    Level {
        /// Earlier moments of the series.
        origins: usize,
    },
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exhausted => write!(f, "exhausted"),
            Self::Still => write!(f, "still"),
            Self::Spend { origins } => write!(f, "spend({origins})"),
            Self::Level { origins } => write!(f, "level({origins})"),
        }
    }
}

/// When it runs out. Times are milliseconds after the last value (the end of the last step for what
/// is spent); `None` is not within the horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct Exhaustion {
    /// As likely sooner as later.
    pub median_ms: Option<i64>,
    /// Each wanted quantile with its time, as ordered in the options.
    pub quantiles: Vec<(f64, Option<i64>)>,
    /// How likely it runs out within the horizon.
    pub probability_within_horizon: f64,
    /// The horizon that this speaks of: the options', or the time to the reset if that is sooner.
    pub horizon_ms: i64,
    /// Movement towards the limit an hour, over the last six hours.
    pub pace_per_hour: f64,
    /// How the answer came about.
    pub method: Method,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ExhaustionError {
    /// The step is not positive.
    #[error("step_ms is {given}: it must be at least 1")]
    Step {
        /// What was given.
        given: i64,
    },
    /// The horizon is not positive, or the reset is over.
    #[error("the horizon is {given} ms after the last value: it must be more than 0")]
    Horizon {
        /// What was given.
        given: i64,
    },
    /// A quantile is out of its bounds.
    #[error("a quantile is {given}: it must be between 0 and 1, both excluded")]
    Quantile {
        /// What was given.
        given: f64,
    },
    /// The limit or what is left is not a number.
    #[error("the limit is {given}: it must be a finite number")]
    Limit {
        /// What was given.
        given: f64,
    },
    /// Too few values are known.
    #[error("the series has {known} known values: at least {KNOWN_MIN} are needed")]
    Short {
        /// How many are finite.
        known: usize,
    },
}

/// When a series runs out. See the [module](self).
///
/// # Errors
/// If an option is out of its bounds, or too little is known.
pub fn exhaustion(
    series: Series<'_>,
    kind: Kind,
    options: &Options,
) -> Result<Exhaustion, ExhaustionError> {
    let horizon_ms = checked_horizon(series, kind, options)?;
    let (distance, past) = movement(series, kind, options)?;
    let answer = |median_ms, time, probability, method| Exhaustion {
        median_ms,
        quantiles: options
            .quantiles
            .iter()
            .map(|share| (*share, time))
            .collect(),
        probability_within_horizon: probability,
        horizon_ms,
        pace_per_hour: pace_per_hour(&past),
        method,
    };
    if distance <= 0.0 {
        return Ok(answer(Some(0), Some(0), 1.0, Method::Exhausted));
    }
    let first = past.path[0];
    if past.path.iter().all(|at| *at == first) {
        return Ok(answer(None, None, 0.0, Method::Still));
    }
    let step_ms = series.step_ms as f64;
    let horizon = (horizon_ms as f64 / step_ms).ceil().clamp(1.0, 1e7);
    let (origins, survival) = passage::foreseen(&past, distance, horizon as usize);
    let time = |share: f64| {
        let time_ms = survival.quantile(share) * step_ms;
        (time_ms <= horizon_ms as f64).then_some(time_ms as i64)
    };
    Ok(Exhaustion {
        median_ms: time(0.5),
        quantiles: options
            .quantiles
            .iter()
            .map(|share| (*share, time(*share)))
            .collect(),
        probability_within_horizon: survival.by(horizon).clamp(0.0, 1.0),
        horizon_ms,
        pace_per_hour: pace_per_hour(&past),
        method: match past.is_spend {
            true => Method::Spend { origins },
            false => Method::Level { origins },
        },
    })
}

/// How far the limit is, and what moved towards it.
fn movement(
    series: Series<'_>,
    kind: Kind,
    options: &Options,
) -> Result<(f64, Past), ExhaustionError> {
    let values = known(series.values)?;
    let seasons = seasons(series, options);
    let spend = |steps: &[f64]| Past::of_spend(steps, series.step_ms, &seasons);
    let (limit, sign) = match kind {
        Kind::Spend { left } => {
            let steps: Vec<f64> = values.iter().map(|value| value.max(0.0)).collect();
            return Ok((left, spend(&steps)));
        }
        Kind::Gauge { limit, towards } => match towards {
            Towards::Rising => (limit, 1.0),
            Towards::Falling => (-limit, -1.0),
        },
    };
    let levels: Vec<f64> = values.iter().map(|value| sign * value).collect();
    let distance = limit - levels.last().copied().unwrap_or(0.0);
    let past = if options.reset_ms.is_some() || is_spend(&levels) {
        let ways = levels.windows(2).map(|pair| (pair[1] - pair[0]).max(0.0));
        spend(&ways.collect::<Vec<f64>>())
    } else {
        Past::of_level(&levels, series.step_ms, &seasons)
    };
    Ok((distance, past))
}

/// What each step spent of a counter that was read at regular times: one value fewer than there are
/// readings. A reading below the one before is a reset to 0. What a gap of missing readings spent is
/// spread over it evenly; before the first and after the last reading it is missing.
#[must_use]
pub fn spent(readings: &[f64]) -> Vec<f64> {
    let mut steps = vec![f64::NAN; readings.len().saturating_sub(1)];
    let mut last: Option<(usize, f64)> = None;
    for (at, &reading) in readings.iter().enumerate() {
        if !reading.is_finite() {
            continue;
        }
        if let Some((from, before)) = last {
            let all = if reading < before {
                reading
            } else {
                reading - before
            };
            steps[from..at].fill(all / (at - from) as f64);
        }
        last = Some((at, reading));
    }
    steps
}

fn pace_per_hour(past: &Past) -> f64 {
    let back = (6 * past.hour).min(past.now());
    past.between(past.now() - back, past.now()) / back as f64 * past.hour as f64
}

/// Whether a level goes one way but for a fiftieth of its movement.
fn is_spend(levels: &[f64]) -> bool {
    let (mut towards, mut away) = (0.0, 0.0);
    for pair in levels.windows(2) {
        let step = pair[1] - pair[0];
        if step > 0.0 {
            towards += step
        } else {
            away -= step
        }
    }
    away <= 0.02 * towards
}

fn seasons(series: Series<'_>, options: &Options) -> Vec<usize> {
    if let Some(seasons) = &options.seasons {
        return seasons.clone();
    }
    let whole = |ms: i64| match ms % series.step_ms {
        0 => usize::try_from(ms / series.step_ms).ok(),
        _ => None,
    };
    [86_400_000, 7 * 86_400_000]
        .into_iter()
        .filter_map(whole)
        .collect()
}

fn known(values: &[f64]) -> Result<Vec<f64>, ExhaustionError> {
    let known = values.iter().filter(|value| value.is_finite()).count();
    if known < KNOWN_MIN {
        return Err(ExhaustionError::Short { known });
    }
    Ok(past::bridged(values))
}

fn checked_horizon(
    series: Series<'_>,
    kind: Kind,
    options: &Options,
) -> Result<i64, ExhaustionError> {
    if series.step_ms < 1 {
        return Err(ExhaustionError::Step {
            given: series.step_ms,
        });
    }
    let (given, after) = match kind {
        Kind::Gauge { limit, .. } => (limit, 1),
        Kind::Spend { left } => (left, 0),
    };
    if !given.is_finite() {
        return Err(ExhaustionError::Limit { given });
    }
    if let Some(&given) = options
        .quantiles
        .iter()
        .find(|share| !(**share > 0.0 && **share < 1.0))
    {
        return Err(ExhaustionError::Quantile { given });
    }
    let steps = i64::try_from(series.values.len()).unwrap_or(i64::MAX) - after;
    let end_ms = series
        .start_ms
        .saturating_add(steps.saturating_mul(series.step_ms));
    let given = match options.reset_ms {
        Some(reset_ms) => options.horizon_ms.min(reset_ms.saturating_sub(end_ms)),
        None => options.horizon_ms,
    };
    if given < 1 {
        return Err(ExhaustionError::Horizon { given });
    }
    Ok(given)
}
