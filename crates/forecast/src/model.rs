//! Models of one series: what they are made of, how they are fitted, how they go on.
//!
//! ## Model
//! A [`Spec`] says which model: on which scale (as it is, or logarithms), with which seasons taken
//! off first, which core for what is left, and whether the errors of the last steps are carried on.
//! [`Spec::fit`] makes a [`Model`] of it, which takes in one value after the other without another fit.
//!
//! ## Invariants
//! - A model keeps what it has learnt, not the past: that is handed in, so that many models share it.
//! - Gaps in the past are filled, and said: a filled value teaches nothing.
//! - No model sees a value before it is handed in.

mod adjusted;
mod corrected;
mod descent;
mod direct;
mod holt;
mod holt_winters;
mod kriging;
mod naive;
mod regression;
mod returning;
mod theta;

use std::fmt;

/// The past of a series: gaps are filled, `present` tells what was measured. Both are as long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Past<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) present: &'a [bool],
}

impl<'a> Past<'a> {
    /// The first `count` values.
    pub(crate) fn until(self, count: usize) -> Self {
        Self {
            values: &self.values[..count],
            present: &self.present[..count],
        }
    }

    fn len(self) -> usize {
        self.values.len()
    }
}

/// A fitted model.
pub(crate) trait Model: fmt::Debug + Send + Sync {
    /// Takes in the last value of `past`, measured or filled.
    fn update(&mut self, _past: &[f64], _present: bool) {}

    /// How many of the last values [`update`](Self::update) looks at; 0 if it need not be called.
    fn lookback_update(&self) -> usize {
        0
    }

    /// How many of the last values [`forecast`](Self::forecast) looks at.
    fn lookback(&self) -> usize;

    /// Writes what follows `past`, a value a step.
    fn forecast(&self, past: &[f64], out: &mut [f64]);

    /// Memory in bytes, about.
    fn bytes(&self) -> usize;
}

/// What is left once seasons are off is given to one of these.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Core {
    /// The last value stays.
    LastValue,
    /// What was a season ago comes again.
    SeasonalNaive(usize),
    /// The mean slope of all goes on.
    Drift,
    /// The mean of so many cycles of a season, and a damped return to it; moved to the level of the last if so said.
    Returning(usize, usize, bool),
    /// Level and damped trend.
    Holt,
    /// Level and a part of the slope; of so many last values only, where given.
    Theta(Option<usize>),
    /// Level, damped trend and seasons, each smoothed exponentially; the last error carried on.
    HoltWinters(Vec<usize>),
    /// A regression on what was one step, and one or two seasons, ago. On differences if so said.
    Regression(Vec<usize>, bool),
    /// A regression for each horizon, up to the one given: how far levels and seasons pull away from the last value.
    Direct(Vec<usize>, usize),
    /// The best linear guess under the covariance that the series shows, up to the horizon given.
    Kriging(Vec<usize>, usize),
}

/// Which model.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spec {
    /// Works on logarithms: effects multiply.
    pub(crate) log: bool,
    /// Seasons to take off first, and over how many cycles they are averaged.
    pub(crate) adjust: Option<(Vec<usize>, usize)>,
    pub(crate) core: Core,
    /// Carries on the errors of the last steps.
    pub(crate) corrected: bool,
}

impl Spec {
    pub(crate) fn plain(core: Core) -> Self {
        Self {
            log: false,
            adjust: None,
            core,
            corrected: false,
        }
    }

    /// Whether it is one of those that others have to beat.
    pub(crate) fn is_naive(&self) -> bool {
        matches!(self.core, Core::LastValue | Core::SeasonalNaive(_)) && self.adjust.is_none()
    }

    pub(crate) fn is_kriging(&self) -> bool {
        matches!(self.core, Core::Kriging(..))
    }

    /// The model after `past`, `None` if that is too short or beyond fitting.
    pub(crate) fn fit(&self, past: Past<'_>) -> Option<Box<dyn Model>> {
        if past.len() < 2 {
            return None;
        }
        let Some((seasons, cycles)) = &self.adjust else {
            return self.fit_core(past);
        };
        let (patterns, left) = adjusted::decompose(past, seasons, *cycles)?;
        let inner = self.fit_core(Past {
            values: &left,
            present: past.present,
        })?;
        Some(Box::new(adjusted::Adjusted::new(
            patterns,
            past.len(),
            inner,
        )))
    }

    fn fit_core(&self, past: Past<'_>) -> Option<Box<dyn Model>> {
        let core: Box<dyn Model> = match &self.core {
            Core::LastValue => Box::new(naive::LastValue),
            Core::SeasonalNaive(season) => Box::new(naive::SeasonalNaive::fit(*season, past)?),
            Core::Drift => Box::new(naive::Drift::fit(past)),
            Core::Returning(season, cycles, levelled) => Box::new(returning::Returning::fit(
                past, *season, *cycles, *levelled,
            )?),
            Core::Holt => Box::new(holt::Holt::fit(past)?),
            Core::Theta(window) => Box::new(theta::Theta::fit(past, *window)?),
            Core::HoltWinters(seasons) => Box::new(holt_winters::HoltWinters::fit(past, seasons)?),
            Core::Regression(seasons, differences) => {
                Box::new(regression::Regression::fit(past, seasons, *differences)?)
            }
            Core::Direct(seasons, horizon) => {
                Box::new(direct::Direct::fit(past, seasons, *horizon)?)
            }
            Core::Kriging(seasons, horizon) => {
                Box::new(kriging::Kriging::fit(past, seasons, *horizon)?)
            }
        };
        if self.corrected {
            return corrected::Corrected::fit(past, core, |past| {
                let plain = Self {
                    adjust: None,
                    corrected: false,
                    ..self.clone()
                };
                plain.fit_core(past)
            })
            .map(|model| Box::new(model) as Box<dyn Model>);
        }
        Some(core)
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.log {
            f.write_str("log ")?;
        }
        if let Some((seasons, _)) = &self.adjust {
            write!(f, "mstl({})+", Listed(seasons))?;
        }
        match &self.core {
            Core::LastValue => f.write_str("last value")?,
            Core::SeasonalNaive(season) => write!(f, "seasonal naive({season})")?,
            Core::Drift => f.write_str("drift")?,
            Core::Returning(season, cycles, levelled) => {
                let level = if *levelled { " at the last level" } else { "" };
                write!(f, "return to {cycles} cycles({season}){level}")?;
            }
            Core::Holt => f.write_str("damped holt")?,
            Core::Theta(None) => f.write_str("theta")?,
            Core::Theta(Some(window)) => write!(f, "theta(last {window})")?,
            Core::HoltWinters(seasons) => write!(f, "holt-winters({})", Listed(seasons))?,
            Core::Regression(seasons, differences) => {
                let name = if *differences {
                    "ar of differences"
                } else {
                    "ar"
                };
                if seasons.is_empty() {
                    f.write_str(name)?;
                } else {
                    write!(f, "{name}({})", Listed(seasons))?;
                }
            }
            Core::Direct(seasons, _) => write!(f, "direct({})", Listed(seasons))?,
            Core::Kriging(seasons, _) => write!(f, "kriging({})", Listed(seasons))?,
        }
        if self.corrected {
            f.write_str("+ar of errors")?;
        }
        Ok(())
    }
}

/// Numbers with commas between.
struct Listed<'a>(&'a [usize]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, number) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{number}")?;
        }
        Ok(())
    }
}
