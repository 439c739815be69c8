//! What a series will be, with how far off that may be.
//!
//! ## Model
//! Candidates among last value, seasonal naive, drift, damped Holt, Theta, Holt-Winters, MSTL,
//! regressions on the past and kriging forecast the last third of the series from many origins. Those that do no
//! better there than the naive ones are left out; the rest is combined, with weights by how well each
//! did at that part of the horizon. The errors of the combination are the intervals: quantiles of what
//! really happened, no assumption of a distribution.
//!
//! ## Invariants
//! - The same input gives the same forecast. Nothing panics, whatever the values.
//! - A forecast stays within a range of the past beyond it.
//!
//! ## Limits
//! - [`HORIZON_MAX`] steps ahead; of longer series the last [`VALUES_MAX`] values count.
//! - A choice costs milliseconds (ADR 0010). Who forecasts a series again and again keeps a
//!   [`Tracker`](crate::tracker::Tracker).
//!
//! ## See also
//! ADR 0010.

#[cfg(test)]
mod tests;

use crate::choice::{Choice, Effort};
use crate::history::History;
use crate::interval::Width;
use crate::seasons;
pub use crate::series::Series;

/// Steps ahead, at most.
pub const HORIZON_MAX: usize = 2_048;
/// Values that are looked at, the last ones of a longer series.
pub const VALUES_MAX: usize = 1 << 14;
/// Measured values that a forecast takes, at least.
pub const MEASURED_MIN: usize = 4;

/// What a forecast is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Steps ahead, 1 to [`HORIZON_MAX`].
    pub horizon_steps: usize,
    /// Seasons in steps, each at least 2, in any order; `None` to look for an hour, a day, a week and a year.
    /// The three shortest count, and those that fit twice into what is learnt from.
    pub seasons: Option<Vec<usize>>,
    /// Levels of the quantiles, each above 0 and below 1.
    pub quantiles: Vec<f64>,
    /// Values below 0 make no sense: forecasts and quantiles are 0 at least.
    pub non_negative: bool,
}

impl Default for Options {
    /// 24 steps, seasons to be found, an 80 % interval and the median, any sign.
    fn default() -> Self {
        Self {
            horizon_steps: 24,
            seasons: None,
            quantiles: vec![0.1, 0.5, 0.9],
            non_negative: false,
        }
    }
}

/// Why there is no forecast.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ForecastError {
    /// The step is zero or negative.
    #[error("step_ms is {given}: it must be at least 1")]
    Step {
        /// What was given.
        given: i64,
    },
    /// The horizon is zero or too far.
    #[error("horizon_steps is {given}: it must be 1 to {HORIZON_MAX}")]
    Horizon {
        /// What was given.
        given: usize,
    },
    /// A season is shorter than two steps.
    #[error("a season of {given} steps: it must be at least 2")]
    Season {
        /// What was given.
        given: usize,
    },
    /// A level is no probability.
    #[error("quantile {given}: it must be above 0 and below 1")]
    Quantile {
        /// What was given.
        given: f64,
    },
    /// Too little is known.
    #[error("{measured} measured values: a forecast takes at least {MEASURED_MIN}")]
    TooShort {
        /// How many values are finite.
        measured: usize,
    },
    /// The last measured value is too long ago.
    #[error("the last {steps} values are missing: at most {HORIZON_MAX}, less the horizon, may be")]
    Stale {
        /// How many values are missing at the end.
        steps: usize,
    },
}

/// What follows a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// The models and how much they count, as people say it: `0.6 log ar(24,168) + 0.4 last value`.
    pub model: String,
    /// Time between values in milliseconds.
    pub step_ms: i64,
    /// Time of the first value.
    pub start_ms: i64,
    /// What is expected: the middle of what may happen, with small errors rather than small squares.
    pub mean: Vec<f64>,
    /// For each level asked for the value that is not passed with that probability, a value a step.
    pub quantiles: Vec<(f64, Vec<f64>)>,
}

/// Forecasts what follows `series`.
///
/// ```
/// use bellwether_forecast::forecast::{Options, Series, forecast};
///
/// let values: Vec<f64> = (0..400).map(|hour| f64::from(hour % 24)).collect();
/// let series = Series { step_ms: 3_600_000, start_ms: 0, values: &values };
/// let next = forecast(series, &Options::default())?;
/// assert_eq!(next.start_ms, 400 * 3_600_000);
/// assert!((next.mean[0] - 16.0).abs() < 0.5);
/// # Ok::<(), bellwether_forecast::forecast::ForecastError>(())
/// ```
///
/// # Errors
/// If an option is out of its bounds, or too few or too old values are measured.
pub fn forecast(series: Series<'_>, options: &Options) -> Result<Forecast, ForecastError> {
    options.check(series.step_ms)?;
    let all = series.values.len();
    let values = &series.values[all.saturating_sub(VALUES_MAX)..];
    let measured = values.iter().filter(|value| value.is_finite()).count();
    let too_short = ForecastError::TooShort { measured };
    if measured < MEASURED_MIN {
        return Err(too_short);
    }
    let end = values
        .iter()
        .rposition(|value| value.is_finite())
        .map_or(0, |last| last + 1);
    let missing = values.len() - end;
    let horizon = options.horizon_steps + missing;
    if horizon > HORIZON_MAX {
        return Err(ForecastError::Stale { steps: missing });
    }
    let values = &values[..end];
    let seasons = options.seasons(series.step_ms, || History::new(values, None));
    let history = History::new(values, seasons.first().copied()).ok_or(too_short.clone())?;
    let choice = Choice::new(&history, &seasons, horizon, Effort::Full).ok_or(too_short)?;
    let mut outlook = choice.forecast(&history, horizon, None);
    outlook.skip(missing);
    Ok(outlook.publish(
        options,
        choice.name(),
        series.step_ms,
        series
            .start_ms
            .saturating_add(series.step_ms.saturating_mul(all as i64)),
        |_| Width::PLAIN,
    ))
}

impl Options {
    /// Whether all is within bounds.
    pub(crate) fn check(&self, step_ms: i64) -> Result<(), ForecastError> {
        if step_ms < 1 {
            return Err(ForecastError::Step { given: step_ms });
        }
        if !(1..=HORIZON_MAX).contains(&self.horizon_steps) {
            return Err(ForecastError::Horizon {
                given: self.horizon_steps,
            });
        }
        if let Some(&given) = self.seasons.iter().flatten().find(|season| **season < 2) {
            return Err(ForecastError::Season { given });
        }
        match self
            .quantiles
            .iter()
            .find(|level| !(**level > 0.0 && **level < 1.0))
        {
            Some(&given) => Err(ForecastError::Quantile { given }),
            None => Ok(()),
        }
    }

    /// Seasons given, or found in the values.
    pub(crate) fn seasons(
        &self,
        step_ms: i64,
        history: impl FnOnce() -> Option<History>,
    ) -> Vec<usize> {
        let mut seasons = match &self.seasons {
            Some(seasons) => seasons.clone(),
            None => history().map_or(Vec::new(), |history| {
                seasons::find(step_ms, &history.values)
            }),
        };
        seasons.sort_unstable();
        seasons.dedup();
        seasons.truncate(seasons::SEASONS_MAX);
        seasons
    }
}
