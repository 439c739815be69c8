//! Forecasts of one series again and again, at the cost of a look rather than of a fit.
//!
//! ## Model
//! Values come one by one and are averaged over *cells* of one step. When a cell is over, the models
//! chosen last take it in; [`Tracker::forecast`] asks them. Which models are to be used is chosen
//! anew by [`Tracker::choose`], when [`Tracker::is_due`] says so: twice a day of ten-minute steps,
//! sooner while the series is young, and when forecasts have become much worse than they were.
//! Trackers of many series with different `phase` are due at different times.
//!
//! ## Limits
//! - 2,016 cells are remembered (14 days of ten minutes), and a quarter more at times: about
//!   40 KiB with the models, 60 KiB at most with seasons of a week.
//! - A value takes under a microsecond, a forecast tens of them, a choice tens of milliseconds (ADR 0010).
//!
//! ## Failure
//! Values that are not finite, and values of cells that are over, are passed over. A cell without
//! values is a gap. After a gap longer than the memory the tracker begins anew.

use crate::choice::Choice;
use crate::forecast::{Forecast, ForecastError, HORIZON_MAX, MEASURED_MIN, Options};
use crate::history::History;

/// Cells that are remembered.
const CELLS: usize = 2_016;
/// How many more there may be before the oldest are forgotten.
const SLACK: usize = 504;
/// Models are chosen anew after so many cells. Chosen: twice a day of ten-minute steps.
const CHOOSE_EVERY: u64 = 72;
/// … and when errors one step ahead, averaged over about this many cells …
const SURPRISE_CELLS: f64 = 8.0;
/// … are so many times as large as they were in the backtest.
const SURPRISE: f64 = 3.0;

/// The state of one series. See the [module](self).
///
/// ```
/// use bellwether_forecast::{forecast::Options, tracker::Tracker};
///
/// let mut tracker = Tracker::new(Options::default(), 60_000)?;
/// for minute in 0..300 {
///     tracker.push(minute * 60_000, 5.0 + (minute % 2) as f64);
///     if tracker.is_due() {
///         tracker.choose();
///     }
/// }
/// let next = tracker.forecast(10).expect("300 values");
/// assert_eq!(next.mean.len(), 10);
/// # Ok::<(), bellwether_forecast::forecast::ForecastError>(())
/// ```
#[derive(Debug)]
pub struct Tracker {
    options: Options,
    step_ms: i64,
    phase: u64,
    /// The cell that is still open: its number, the mean so far, of how many.
    open: Option<(i64, f64, f64)>,
    history: Option<History>,
    season: Option<usize>,
    choice: Option<Choice>,
    /// Cells since the beginning, and at the last choice.
    cells: u64,
    chosen_at: u64,
    /// Mean size of late of errors one step ahead, in those of the backtest.
    surprise: f64,
}

impl Tracker {
    /// A tracker that has seen nothing, with cells of `step_ms`.
    ///
    /// # Errors
    /// If an option is out of its bounds.
    pub fn new(options: Options, step_ms: i64) -> Result<Self, ForecastError> {
        options.check(step_ms)?;
        Ok(Self {
            options,
            step_ms,
            phase: 0,
            open: None,
            history: None,
            season: None,
            choice: None,
            cells: 0,
            chosen_at: 0,
            surprise: 1.0,
        })
    }

    /// Any number that differs from series to series, such as a hash of its labels: it spreads the
    /// choices of many trackers over time.
    #[must_use]
    pub fn with_phase(mut self, phase: u64) -> Self {
        self.phase = phase;
        self
    }

    /// Takes in a value. Values of cells that are over already, and those that are not finite, are passed over.
    pub fn push(&mut self, time_ms: i64, value: f64) {
        if !value.is_finite() {
            return;
        }
        let cell = time_ms.div_euclid(self.step_ms);
        match &mut self.open {
            Some((open, mean, count)) if *open == cell => {
                *count += 1.0;
                *mean += value / *count - *mean / *count;
            }
            Some((open, _, _)) if *open > cell => {}
            Some((open, mean, _)) => {
                let (missing, mean) = (cell.saturating_sub(*open) - 1, *mean);
                self.open = Some((cell, value, 1.0));
                if missing > CELLS as i64 {
                    self.forget();
                    return;
                }
                self.close(mean);
                for _ in 0..missing {
                    self.close(f64::NAN);
                }
            }
            None => self.open = Some((cell, value, 1.0)),
        }
    }

    /// Whether it is time to [`choose`](Self::choose).
    #[must_use]
    pub fn is_due(&self) -> bool {
        let Some(history) = &self.history else {
            return false;
        };
        let since = self.cells - self.chosen_at;
        if self.choice.is_none() {
            return since > 0 && history.len() >= MEASURED_MIN;
        }
        let young = since * 4 >= self.cells && since >= 4;
        let turn = (self.cells + self.phase % CHOOSE_EVERY).is_multiple_of(CHOOSE_EVERY);
        let surprised = self.surprise > SURPRISE && since as f64 >= SURPRISE_CELLS;
        young || (turn && since > 0) || surprised || since >= 2 * CHOOSE_EVERY
    }

    /// Chooses and fits models anew, from what is remembered.
    pub fn choose(&mut self) {
        self.chosen_at = self.cells;
        self.surprise = 1.0;
        let Some(history) = &self.history else {
            return;
        };
        let seasons = self.options.seasons(self.step_ms, || Some(history.clone()));
        let season = seasons.first().copied();
        let Some(history) = History::new(&history.measured(), season) else {
            return;
        };
        self.season = season;
        if let Some(choice) = Choice::new(&history, &seasons, self.options.horizon_steps) {
            self.choice = Some(choice);
            self.history = Some(history);
        }
    }

    /// What follows, from the cell on that is still open; `None` before there was a choice.
    ///
    /// More steps than the options ask for are not given.
    #[must_use]
    pub fn forecast(&self, horizon_steps: usize) -> Option<Forecast> {
        let (history, choice) = (self.history.as_ref()?, self.choice.as_ref()?);
        let (cell, _, _) = self.open?;
        let horizon = horizon_steps.min(self.options.horizon_steps).min(HORIZON_MAX);
        let outlook = choice.forecast(history, horizon);
        let start_ms = cell.saturating_mul(self.step_ms);
        Some(outlook.publish(&self.options, choice.name(), self.step_ms, start_ms))
    }

    /// What is remembered of the cells that are over: the time of the first, and the values, NaN for
    /// those without. `None` before the first is over.
    #[must_use]
    pub fn measured(&self) -> Option<(i64, Vec<f64>)> {
        let (history, (open, _, _)) = (self.history.as_ref()?, self.open?);
        let first = open.saturating_sub(history.len() as i64);
        Some((first.saturating_mul(self.step_ms), history.measured()))
    }

    /// Memory in bytes, without that of the allocator.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let history = self.history.as_ref().map_or(0, History::bytes);
        let choice = self.choice.as_ref().map_or(0, Choice::bytes);
        size_of::<Self>() + history + choice
    }

    fn forget(&mut self) {
        (self.history, self.choice, self.season) = (None, None, None);
        (self.cells, self.chosen_at, self.surprise) = (0, 0, 1.0);
    }

    /// Takes in a cell that is over; NaN for one without values.
    fn close(&mut self, value: f64) {
        self.cells += 1;
        let Some(history) = &mut self.history else {
            self.history = History::new(&[value], None);
            return;
        };
        let expected = self.choice.as_ref().and_then(|choice| choice.expects(history));
        history.push(value, self.season);
        if let (Some((next, size)), true) = (expected, value.is_finite()) {
            let error = (value / history.unit - next).abs() / size;
            self.surprise += (error.min(10.0 * SURPRISE) - self.surprise) / SURPRISE_CELLS;
        }
        if let Some(choice) = &mut self.choice {
            choice.update(history);
        }
        if history.len() > CELLS + SLACK {
            history.forget(SLACK);
        }
    }
}
