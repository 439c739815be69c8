//! Forecasts of one series again and again, at the cost of a look rather than of a fit.
//!
//! ## Model
//! Values come one by one and are averaged over *cells* of one step. When a cell is over, the models
//! chosen last take it in; [`Tracker::forecast`] asks them. Which models are to be used is chosen
//! anew by [`Tracker::choose`], when [`Tracker::is_due`] says so: twice a day of ten-minute steps,
//! sooner while the series is young, and when forecasts have become much worse than they were. Who has many series
//! to begin with lets [`Tracker::choose_provisionally`] speak until there is time for each.
//! Trackers of many series with different `phase` are due at different times.
//!
//! Of a sum whose parts are known, [`Tracker::with_parts`] and [`Tracker::push_part`] let those have a share in it.
//!
//! ## Limits
//! - 2,016 cells are remembered (14 days of ten minutes), and a few more at times: about
//!   40 KiB with the models, 60 KiB at most with seasons of a week; with 64 parts about 1 MiB.
//! - A value takes under a microsecond, a forecast tens of them, a choice tens of milliseconds (ADR 0010).
//!
//! ## Failure
//! Values that are not finite, and values of cells that are over, are passed over. A cell without
//! values is a gap. After a gap longer than the memory the tracker begins anew.

mod calibration;
mod parts;

use calibration::Calibration;
pub use parts::PARTS_MAX;
use parts::Parts;

use crate::choice::{Choice, Effort, Outlook};
use crate::forecast::{Forecast, ForecastError, HORIZON_MAX, MEASURED_MIN, Options};
use crate::history::History;

/// Cells that are remembered.
const CELLS: usize = 2_016;
/// How many more there may be before the oldest are forgotten.
const SLACK: usize = 126;
/// Cells before a choice that is made to see what intervals would have held, at least.
const REHEARSED_MIN: usize = 24;
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
    /// What the next cell was expected to be, in the unit of the history.
    next: Option<f64>,
    /// Mean size of late of errors one step ahead, in those of the backtest.
    surprise: f64,
    calibration: Calibration,
    parts: Option<Parts>,
}

impl Tracker {
    /// A tracker that has seen nothing, with cells of `step_ms`.
    ///
    /// # Errors
    /// If an option is out of its bounds.
    pub fn new(options: Options, step_ms: i64) -> Result<Self, ForecastError> {
        options.check(step_ms)?;
        Ok(Self {
            calibration: Calibration::new(options.horizon_steps),
            options,
            step_ms,
            phase: 0,
            open: None,
            history: None,
            season: None,
            choice: None,
            cells: 0,
            chosen_at: 0,
            next: None,
            surprise: 1.0,
            parts: None,
        })
    }

    /// Any number that differs from series to series, such as a hash of its labels: it spreads the
    /// choices of many trackers over time.
    #[must_use]
    pub fn with_phase(mut self, phase: u64) -> Self {
        self.phase = phase;
        self
    }

    /// Follows the parts that the series is the sum of, too: values of each are given to [`push_part`](Self::push_part).
    /// There are [`PARTS_MAX`] places for them, numbered from 0; what has no place counts as one with the others.
    ///
    /// ```
    /// use bellwether_forecast::{forecast::Options, tracker::Tracker};
    ///
    /// let mut tracker = Tracker::new(Options::default(), 60_000)?.with_parts();
    /// for minute in 0..300 {
    ///     let (job, people) = (if minute % 5 == 0 { 9.0 } else { 1.0 }, 20.0 + (minute % 7) as f64);
    ///     tracker.push(minute * 60_000, job + people);
    ///     tracker.push_part(0, minute * 60_000, job);
    ///     tracker.push_part(1, minute * 60_000, people);
    /// }
    /// tracker.choose();
    /// assert!(tracker.forecast(10).expect("300 values").model.contains("parts"));
    /// # Ok::<(), bellwether_forecast::forecast::ForecastError>(())
    /// ```
    #[must_use]
    pub fn with_parts(mut self) -> Self {
        self.parts = Some(Parts::new());
        self
    }

    /// The place of a part that was nothing but 0 for as long as is remembered: another one may have it.
    #[must_use]
    pub fn idle_part(&self) -> Option<usize> {
        self.parts.as_ref()?.idle()
    }

    /// Takes in a value of a part, after that of the sum at the same time. A part without a value in a cell was 0
    /// in it. What is of another cell than the last value of the sum, of a place that there is not, or no number is
    /// passed over.
    pub fn push_part(&mut self, part: usize, time_ms: i64, value: f64) {
        let cell = time_ms.div_euclid(self.step_ms);
        if let (Some(parts), Some((open, _, _))) = (&mut self.parts, self.open)
            && open == cell
            && value.is_finite()
        {
            parts.push(part, cell, value);
        }
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
                let (over, missing, mean) = (*open, cell.saturating_sub(*open) - 1, *mean);
                self.open = Some((cell, value, 1.0));
                if missing > CELLS as i64 {
                    self.forget();
                    return;
                }
                self.close(over, mean);
                for at in 1..=missing {
                    self.close(over + at, f64::NAN);
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
        if self.is_provisional() {
            return true;
        }
        let young = since * 4 >= self.cells && since >= 4;
        let turn = (self.cells + self.phase % CHOOSE_EVERY).is_multiple_of(CHOOSE_EVERY);
        let surprised = self.surprise > SURPRISE && since as f64 >= SURPRISE_CELLS;
        young || (turn && since > 0) || surprised || since >= 2 * CHOOSE_EVERY
    }

    /// Chooses and fits models anew, from what is remembered. After a provisional choice it takes several times as long:
    /// it is made as of the first two thirds first, so that what came then shows how wide intervals must be.
    pub fn choose(&mut self) {
        if self.is_provisional() {
            self.rehearse();
        }
        self.choose_with(Effort::Full);
    }

    /// Chooses from a few models in a sixth of the time, for something to be said at once: with wider intervals, and
    /// [due](Self::is_due) until there is a choice from all.
    pub fn choose_provisionally(&mut self) {
        self.choose_with(Effort::Provisional);
    }

    /// Whether the last choice was provisional.
    #[must_use]
    pub fn is_provisional(&self) -> bool {
        self.choice.as_ref().is_some_and(Choice::is_provisional)
    }

    /// Whether enough is known for a choice and there was none.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.choice.is_none() && self.is_due()
    }

    fn choose_with(&mut self, effort: Effort) {
        self.chosen_at = self.cells;
        self.surprise = 1.0;
        let Some(history) = &self.history else {
            return;
        };
        let seasons = self.options.seasons(self.step_ms, || Some(history.clone()));
        if let (Some(parts), Effort::Full) = (&mut self.parts, effort) {
            parts.choose(&history.measured(), &self.options, self.step_ms);
        }
        let season = seasons.first().copied();
        let Some(mut history) = History::new(&history.measured(), season) else {
            return;
        };
        history.reserve(CELLS + SLACK + 1);
        self.season = season;
        let horizon = self.options.horizon_steps;
        if let Some(choice) = Choice::new(&history, &seasons, horizon, effort) {
            self.choice = Some(choice);
            self.history = Some(history);
            self.next = None;
        }
    }

    /// Lives through what is remembered again, with a choice after two thirds: what intervals would have been wide
    /// enough then is taken over.
    fn rehearse(&mut self) {
        let Some(history) = &self.history else {
            return;
        };
        let values = history.measured();
        let early = values.len() * 2 / 3;
        if early < REHEARSED_MIN {
            return;
        }
        let Ok(mut before) = Self::new(self.options.clone(), self.step_ms) else {
            return;
        };
        for (at, value) in values.into_iter().enumerate() {
            if at == early {
                before.choose_with(Effort::Full);
            }
            before.close(at as i64, value);
        }
        if before.choice.is_some() {
            self.calibration = before.calibration;
        }
    }

    /// What follows, from the cell on that is still open; `None` before there was a choice.
    ///
    /// More steps than the options ask for are not given.
    #[must_use]
    pub fn forecast(&self, horizon_steps: usize) -> Option<Forecast> {
        let (history, choice) = (self.history.as_ref()?, self.choice.as_ref()?);
        let (cell, _, _) = self.open?;
        let horizon = horizon_steps
            .min(self.options.horizon_steps)
            .min(HORIZON_MAX);
        let outlook = self.outlook(choice, history, horizon);
        let start_ms = cell.saturating_mul(self.step_ms);
        let width = |step| self.calibration.width(step);
        let model = match self.parts.as_ref().map_or(0, Parts::alone) {
            0 => choice.name(),
            alone => format!("{}; with {alone} parts", choice.name()),
        };
        Some(outlook.publish(&self.options, model, self.step_ms, start_ms, width))
    }

    fn outlook<'a>(&self, choice: &'a Choice, history: &History, horizon: usize) -> Outlook<'a> {
        let parts = self.parts.as_ref();
        let of_parts = parts.and_then(|parts| parts.forecast(horizon));
        choice.forecast(history, horizon, of_parts)
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
        let parts = self.parts.as_ref().map_or(0, Parts::bytes);
        size_of::<Self>() + history + choice + parts + self.calibration.bytes()
    }

    fn forget(&mut self) {
        (self.history, self.choice, self.season, self.next) = (None, None, None, None);
        self.calibration = Calibration::new(self.options.horizon_steps);
        (self.cells, self.chosen_at, self.surprise) = (0, 0, 1.0);
        if let Some(parts) = &mut self.parts {
            parts.clear();
        }
    }

    /// Takes in a cell that is over; NaN for one without values.
    fn close(&mut self, cell: i64, value: f64) {
        self.cells += 1;
        if let Some(parts) = &mut self.parts {
            parts.close(cell, value);
        }
        let Some(history) = &mut self.history else {
            self.history = History::new(&[value], None);
            return;
        };
        self.calibration.judge(value);
        history.push(value, self.season);
        if history.len() > CELLS + SLACK {
            history.forget(SLACK);
            if let Some(parts) = &mut self.parts {
                parts.forget(SLACK);
            }
        }
        let Some(choice) = &mut self.choice else {
            return;
        };
        if let (Some(next), true) = (self.next, value.is_finite()) {
            let error = (value / history.unit - next).abs() / choice.step_error();
            self.surprise += (error.min(10.0 * SURPRISE) - self.surprise) / SURPRISE_CELLS;
        }
        choice.update(history);
        let (Some(history), Some(choice)) = (&self.history, &self.choice) else {
            return;
        };
        let outlook = self.outlook(choice, history, self.calibration.horizon());
        let next = outlook.chosen();
        let interval =
            |step| outlook.interval(step, calibration::LEVELS, self.calibration.width(step));
        let said: Vec<(f64, f64)> = self.calibration.watched().map(interval).collect();
        self.next = next;
        self.calibration.say(said.into_iter());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP_MS: i64 = 600_000;

    /// A day of 144 cells, a weekend, noise.
    fn value(at: i64) -> f64 {
        let noise = (at.wrapping_mul(at).wrapping_mul(7919) % 1009) as f64 / 1009.0;
        let day = (at as f64 / 144.0 * std::f64::consts::TAU).sin();
        let week = if at / 144 % 7 > 4 { 0.7 } else { 1.0 };
        100.0 * week * (1.5 + day) + 5.0 * noise
    }

    fn tracker(horizon_steps: usize) -> Tracker {
        let options = Options {
            horizon_steps,
            ..Options::default()
        };
        Tracker::new(options, STEP_MS).unwrap()
    }

    fn feed(tracker: &mut Tracker, cells: std::ops::Range<i64>) {
        for at in cells {
            tracker.push(at * STEP_MS, value(at));
        }
    }

    #[test]
    fn it_says_what_the_whole_history_says() {
        let mut tracker = tracker(24);
        feed(&mut tracker, 0..1_441);
        tracker.choose();
        let next = tracker.forecast(24).unwrap();
        assert_eq!(next.start_ms, 1_440 * STEP_MS);
        let values: Vec<f64> = (0..1_440).map(value).collect();
        let series = crate::forecast::Series {
            step_ms: STEP_MS,
            start_ms: 0,
            values: &values,
        };
        let whole = crate::forecast::forecast(series, &tracker.options).unwrap();
        assert_eq!(whole.model, next.model);
        for (whole, next) in whole.mean.iter().zip(&next.mean) {
            assert!((whole - next).abs() < 1e-6 * whole.abs(), "{whole} {next}");
        }
    }

    #[test]
    fn cells_taken_in_one_by_one_keep_it_as_good() {
        let mut tracker = tracker(24);
        feed(&mut tracker, 0..1_441);
        tracker.choose();
        feed(&mut tracker, 1_441..1_541);
        assert_eq!(tracker.forecast(99).unwrap().mean.len(), 24);
        let (mut off, mut day_ago) = (0.0, 0.0);
        for (said, at) in tracker.forecast(24).unwrap().mean.iter().zip(1_540..) {
            off += (said - value(at)).abs();
            day_ago += (value(at - 144) - value(at)).abs();
        }
        assert!(off < day_ago.max(100.0), "{off} {day_ago}");
    }

    #[test]
    fn memory_is_bounded_and_stated() {
        let mut tracker = tracker(144);
        feed(&mut tracker, 0..5_000);
        assert!(
            tracker.bytes() < 60 << 10,
            "not chosen yet: {}",
            tracker.bytes()
        );
        tracker.choose();
        feed(&mut tracker, 5_000..8_000);
        assert!(tracker.history.as_ref().unwrap().len() <= CELLS + SLACK);
        assert!(tracker.bytes() < 60 << 10, "{}", tracker.bytes());
        assert!(tracker.forecast(144).is_some());
    }

    #[test]
    fn values_out_of_order_and_of_no_number_are_passed_over() {
        let mut tracker = tracker(4);
        for at in 0..40 {
            tracker.push(at * STEP_MS, value(at));
            tracker.push(at * STEP_MS - 5 * STEP_MS, 1e9);
            tracker.push(at * STEP_MS + 1, f64::NAN);
            tracker.push(at * STEP_MS + 2, f64::INFINITY);
        }
        let measured = tracker.history.as_ref().unwrap().measured();
        let wanted: Vec<f64> = (0..39).map(value).collect();
        assert!(
            measured
                .iter()
                .zip(&wanted)
                .all(|(a, b)| (a - b).abs() < 1e-9)
        );
        tracker.push(i64::MIN, 1.0);
        tracker.push(i64::MAX, 1.0);
        assert!(
            tracker.history.is_none(),
            "after so long a gap it begins anew"
        );
        tracker.push(i64::MAX, 2.0);
        assert!(tracker.forecast(4).is_none() && !tracker.is_due());
    }

    #[test]
    fn a_choice_is_due_when_young_in_turn_and_after_a_surprise() {
        let mut tracker = tracker(6);
        let mut choices = 0;
        for at in 0..1_000 {
            tracker.push(at * STEP_MS, value(at));
            if tracker.is_due() {
                tracker.choose();
                choices += 1;
            }
        }
        assert!((15..40).contains(&choices), "{choices}");
        let mut waited = 0;
        while !tracker.is_due() {
            let at = 1_000 + waited;
            tracker.push(at * STEP_MS, 3_000.0 + 900.0 * (at % 2) as f64);
            waited += 1;
        }
        assert!(waited < 16, "{waited}");
    }

    #[test]
    fn a_provisional_choice_speaks_with_care_until_there_is_a_full_one() {
        let mut tracker = tracker(24);
        assert!(!tracker.is_silent() && !tracker.is_provisional());
        feed(&mut tracker, 0..1_441);
        assert!(tracker.is_silent());
        tracker.choose_provisionally();
        assert!(tracker.is_provisional() && tracker.is_due() && !tracker.is_silent());
        let provisional = tracker.forecast(24).unwrap();
        assert!(
            provisional.model.starts_with("provisional: "),
            "{}",
            provisional.model
        );
        let (mut inside, mut off) = (0, 0.0);
        for (step, at) in (1_440..1_464).enumerate() {
            let (low, high) = (
                provisional.quantiles[0].1[step],
                provisional.quantiles[2].1[step],
            );
            inside += usize::from(low <= value(at) && value(at) <= high);
            off += (provisional.mean[step] - value(at)).abs() / 24.0;
        }
        assert!(inside >= 18 && off < 15.0, "{inside} {off}");
        // A choice in its turn is as it would have been, and knows how wide intervals must be.
        feed(&mut tracker, 1_441..1_445);
        tracker.choose();
        assert!(!tracker.is_provisional() && !tracker.is_due());
        let full = tracker.forecast(24).unwrap();
        let mut other = super::tests::tracker(24);
        feed(&mut other, 0..963);
        other.choose();
        feed(&mut other, 963..1_445);
        other.choose();
        let wanted = other.forecast(24).unwrap();
        assert_eq!(full.model, wanted.model);
        assert_eq!(full.mean.len(), 24);
        assert_ne!(tracker.calibration.width(1), crate::interval::Width::PLAIN);
        for (said, wanted) in full.mean.iter().zip(&wanted.mean) {
            assert!(
                (said - wanted).abs() < 1e-6 * wanted.abs(),
                "{said} {wanted}"
            );
        }
    }

    #[test]
    fn whatever_is_known_a_provisional_choice_is_sound() {
        for count in [1, 2, 4, 5, 9, 30, 60, 150, 300] {
            for scale in [0.0, 1.0, 1e-300, 1e300] {
                let mut tracker = tracker(24);
                for at in 0..count {
                    let gap = at % 7 == 3;
                    let at_ms = at * STEP_MS;
                    tracker.push(
                        at_ms,
                        if gap {
                            f64::NAN
                        } else {
                            scale * (value(at) / 400.0)
                        },
                    );
                }
                tracker.choose_provisionally();
                if let Some(next) = tracker.forecast(24) {
                    let sound = next.mean.iter().all(|value| value.is_finite());
                    assert!(sound, "{count} {scale}: {:?}", next.mean);
                    let ordered = (0..24).all(|step| {
                        next.quantiles
                            .windows(2)
                            .all(|pair| pair[0].1[step] <= pair[1].1[step])
                    });
                    assert!(ordered, "{count} {scale}");
                }
                tracker.choose();
            }
        }
    }

    #[test]
    fn phases_spread_the_turns() {
        let due_at = |phase: u64| {
            let mut tracker = tracker(6).with_phase(phase);
            feed(&mut tracker, 0..1_000);
            tracker.choose();
            let turn = (1_000..1_100).find(|at| {
                tracker.push(at * STEP_MS, value(*at));
                tracker.is_due()
            });
            turn.unwrap()
        };
        let turns: Vec<i64> = (0..4).map(due_at).collect();
        assert!(turns.windows(2).all(|pair| pair[0] != pair[1]), "{turns:?}");
    }
}
