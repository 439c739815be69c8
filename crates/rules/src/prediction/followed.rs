//! One series of a job: what is known of it, and what is said of it.

use std::collections::VecDeque;
use std::sync::Arc;

use bellwether_forecast::anomaly::{self, Detector, Verdict};
use bellwether_forecast::exhaustion::{self, Kind, Towards, exhaustion};
use bellwether_forecast::forecast::{ForecastError, Options, Series};
use bellwether_forecast::shift::{ShiftDetector, ShiftOptions};
use bellwether_forecast::tracker::{PARTS_MAX, Tracker};
use bellwether_model::{Labels, METRIC_NAME};
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::look::Found;
use super::settings::JobSettings;
use super::status::{Expected, SeriesStatus, TimeLeft};

/// How far ahead exhaustion is looked for, ms.
const LEFT_HORIZON_MS: i64 = 30 * 86_400_000;
/// Nothing is said of a series whose last number is older than so many steps.
const STALE_STEPS: i64 = 2;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Followed {
    labels: Labels,
    /// Whether it was there when the job began.
    is_live: bool,
    /// Samples that are not taken in yet.
    waiting: VecDeque<(i64, f64)>,
    parts: Option<Box<Parts>>,
    tracker: Option<Tracker>,
    detector: Option<Box<Detector>>,
    shift: Option<Box<ShiftDetector>>,
    last: Option<(i64, f64)>,
    /// The last sample that is a number: what the tracker knows of.
    number: Option<(i64, f64)>,
    verdict: Option<Verdict>,
    outlook: Option<Outlook>,
    model: Option<Arc<str>>,
    /// The cell of the last value when exhaustion was looked at, the time its answer counts from, and
    /// the answer.
    left: Option<(i64, i64, TimeLeft)>,
    written: Written,
}

/// What the series is the sum of.
#[derive(Debug, Default)]
struct Parts {
    /// The places that the tracker has for them.
    places: FxHashMap<Labels, usize>,
    /// Samples that are not taken in yet, in the order of time.
    waiting: VecDeque<(i64, Labels, f64)>,
}

/// A forecast, as much of it as the horizons need until the next one.
#[derive(Debug)]
struct Outlook {
    /// When the first step of the forecast begins.
    start_ms: i64,
    /// For each horizon its steps rounded down, and for those and the next ones that may be asked for
    /// while the last number counts: mean and quantiles.
    rows: Vec<(i64, Vec<Vec<f64>>)>,
}

/// Labels of what is written.
#[derive(Debug)]
struct Written {
    /// For each horizon one for each level.
    forecasts: Vec<Vec<Labels>>,
    score: Labels,
    alarm: Labels,
    degraded: Labels,
    /// For each level.
    left: Vec<Labels>,
}

/// What a limit is for one series at a turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit {
    pub(super) at: f64,
    pub(super) towards: Towards,
    pub(super) reset_ms: Option<i64>,
}

impl Followed {
    pub(super) fn new(
        labels: &Labels,
        settings: &JobSettings,
        is_live: bool,
    ) -> Result<Self, ForecastError> {
        let is_tracked = !settings.horizons.is_empty() || settings.limit.is_some();
        let tracker = match is_tracked {
            true => {
                let tracker = Tracker::new(options(settings), settings.step_ms)?;
                let tracker = tracker.with_phase(xxh3_64(labels.as_bytes()));
                Some(match settings.parts {
                    Some(_) => tracker.with_parts(),
                    None => tracker,
                })
            }
            false => None,
        };
        let detector = settings.has_anomaly.then(|| {
            Box::new(Detector::new(anomaly::Options {
                step_ms: Some(settings.interval_ms),
            }))
        });
        let shift = settings.degrades.and_then(|direction| {
            let options = ShiftOptions {
                interval_ms: u32::try_from(settings.interval_ms).unwrap_or(u32::MAX),
                direction,
                ..ShiftOptions::default()
            };
            // Its options are within their bounds: what is left is an interval of weeks.
            ShiftDetector::new(options).ok().map(Box::new)
        });
        Ok(Self {
            labels: labels.clone(),
            is_live,
            waiting: VecDeque::new(),
            parts: (is_tracked && settings.parts.is_some()).then(Box::default),
            tracker,
            detector,
            shift,
            last: None,
            number: None,
            verdict: None,
            outlook: None,
            model: None,
            left: None,
            written: Written::new(labels, settings),
        })
    }

    pub(super) fn is_live(&self) -> bool {
        self.is_live
    }

    /// Time of the last value, taken in or not.
    pub(super) fn seen_ms(&self) -> Option<i64> {
        let last = self.waiting.back().copied().or(self.last);
        last.map(|(time_ms, _)| time_ms)
    }

    /// Time of the first value that is not taken in.
    pub(super) fn waits_from_ms(&self) -> Option<i64> {
        self.waiting.front().map(|(time_ms, _)| *time_ms)
    }

    /// How many values are not taken in.
    pub(super) fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    /// Keeps values for [`Followed::learn`].
    pub(super) fn wait(&mut self, samples: Vec<(i64, f64)>) {
        match self.waiting.is_empty() {
            true => self.waiting = samples.into(),
            false => self.waiting.extend(samples),
        }
    }

    /// Keeps values of parts, of the same times as those that were given to [`Followed::wait`] last.
    pub(super) fn wait_parts(&mut self, found: Vec<Found>) {
        let Some(parts) = &mut self.parts else {
            return;
        };
        let samples = found.into_iter().flat_map(|(labels, samples)| {
            samples
                .into_iter()
                .map(move |(time_ms, value)| (time_ms, labels.clone(), value))
        });
        let mut samples: Vec<(i64, Labels, f64)> = samples.collect();
        samples.sort_by_key(|(time_ms, _, _)| *time_ms);
        parts.waiting.extend(samples);
    }

    /// Takes in as many of the values that wait; how many.
    pub(super) fn learn(&mut self, count_max: usize, judged_from_ms: i64) -> usize {
        for count in 0..count_max {
            let Some((time_ms, value)) = self.waiting.pop_front() else {
                self.waiting = VecDeque::new();
                return count;
            };
            self.push(time_ms, value, time_ms > judged_from_ms);
            self.push_parts(time_ms);
        }
        count_max
    }

    /// Takes in what waits of the parts, up to the time of the sum's last value.
    fn push_parts(&mut self, time_ms: i64) {
        let (Some(parts), Some(tracker)) = (&mut self.parts, &mut self.tracker) else {
            return;
        };
        while let Some((at_ms, labels, value)) = parts.waiting.pop_front_if(|it| it.0 <= time_ms) {
            let place = match parts.places.get(&labels) {
                Some(place) => *place,
                None => {
                    let next = parts.places.len();
                    let place = match next < PARTS_MAX {
                        true => Some(next),
                        false => tracker.idle_part(),
                    };
                    // Without a place it is one of the others.
                    let Some(place) = place else { continue };
                    parts.places.retain(|_, taken| *taken != place);
                    parts.places.insert(labels, place);
                    place
                }
            };
            tracker.push_part(place, at_ms, value);
        }
    }

    /// Chooses provisional models where there are none yet and enough is known, so that something is said before
    /// the turn of a full choice comes. Whether it did. Values taken in later cost more, as each is foreseen.
    pub(super) fn speak(&mut self, settings: &JobSettings) -> bool {
        let is_silent = self.is_silent(settings);
        if let (Some(tracker), true) = (&mut self.tracker, is_silent) {
            tracker.choose_provisionally();
        }
        is_silent
    }

    /// Whether something could be said and is not.
    pub(super) fn is_silent(&self, settings: &JobSettings) -> bool {
        let tracker = self.tracker.as_ref();
        !settings.horizons.is_empty() && tracker.is_some_and(Tracker::is_silent)
    }

    /// Takes in a value; of history only what the detectors are to learn from has `is_judged`.
    fn push(&mut self, time_ms: i64, value: f64, is_judged: bool) {
        if let Some(tracker) = &mut self.tracker {
            tracker.push(time_ms, value);
        }
        if is_judged {
            if let Some(detector) = &mut self.detector {
                let verdict = detector.push(time_ms, value);
                self.verdict = (!detector.is_learning()).then_some(verdict);
            }
            if let Some(shift) = &mut self.shift {
                shift.push(time_ms, value);
            }
        }
        self.last = Some((time_ms, value));
        if value.is_finite() {
            self.number = self.last;
        }
    }

    /// Whether models are to be chosen, or the limit looked at anew.
    pub(super) fn is_due(&self, settings: &JobSettings) -> bool {
        let Some(tracker) = &self.tracker else {
            return false;
        };
        let forecasts = !settings.horizons.is_empty() && tracker.is_due();
        let limit = settings.limit.is_some()
            && self.left.as_ref().map(|left| left.0) != self.cell(settings);
        forecasts || limit
    }

    /// Does what [`Followed::is_due`] asks for.
    pub(super) fn work(&mut self, settings: &JobSettings, limit: Option<Limit>) {
        let cell = self.cell(settings);
        let Some(tracker) = &mut self.tracker else {
            return;
        };
        if !settings.horizons.is_empty() && tracker.is_due() {
            tracker.choose();
            self.outlook = None;
        }
        let (Some(cell), Some(limit)) = (cell, limit) else {
            return;
        };
        let Some((start_ms, values)) = tracker.measured() else {
            return;
        };
        let series = Series {
            step_ms: settings.step_ms,
            start_ms,
            values: &values,
        };
        let options = exhaustion::Options {
            horizon_ms: LEFT_HORIZON_MS,
            quantiles: settings.quantiles.clone(),
            reset_ms: limit.reset_ms,
            ..exhaustion::Options::default()
        };
        let kind = Kind::Gauge {
            limit: limit.at,
            towards: limit.towards,
        };
        // Too short, or the reset is over: nothing is said of it.
        let found = exhaustion(series, kind, &options).ok();
        let from_ms =
            start_ms + (values.len() as i64 - 1) * settings.step_ms + settings.step_ms / 2;
        self.left = found.map(|found| {
            let left = TimeLeft {
                limit: limit.at,
                median_ms: found.median_ms,
                quantiles_ms: found.quantiles.iter().map(|(_, time)| *time).collect(),
                probability: found.probability_within_horizon,
                horizon_ms: found.horizon_ms,
                pace_per_hour: found.pace_per_hour,
            };
            (cell, from_ms, left)
        });
    }

    /// Looks ahead, if a step is over or models are others.
    pub(super) fn look_ahead(&mut self, settings: &JobSettings) {
        let (Some(cell), Some(tracker)) = (self.cell(settings), &self.tracker) else {
            return;
        };
        if settings.horizons.is_empty()
            || self
                .outlook
                .as_ref()
                .is_some_and(|outlook| outlook.start_ms == cell * settings.step_ms)
        {
            return;
        }
        let Some(next) = tracker.forecast(steps(settings)) else {
            return;
        };
        if self.model.as_deref() != Some(next.model.as_str()) {
            self.model = Some(next.model.as_str().into());
        }
        let row = |step: usize| -> Vec<f64> {
            let step = step.min(next.mean.len().saturating_sub(1));
            let quantiles = next.quantiles.iter().map(|(_, values)| values[step]);
            std::iter::once(next.mean[step]).chain(quantiles).collect()
        };
        let rows = settings.horizons.iter().map(|horizon| {
            let steps = horizon.ms / settings.step_ms;
            let at = usize::try_from(steps).unwrap_or(usize::MAX);
            let later = 0..=(STALE_STEPS + 1) as usize;
            (
                steps,
                later.map(|more| row(at.saturating_add(more))).collect(),
            )
        });
        self.outlook = Some(Outlook {
            start_ms: next.start_ms,
            rows: rows.collect(),
        });
    }

    /// What is written of it at a turn.
    pub(super) fn samples(
        &self,
        settings: &JobSettings,
        limit: Option<Limit>,
        time_ms: i64,
        out: &mut Vec<(Labels, f64)>,
    ) {
        for expected in self.expected(settings, time_ms) {
            let labels = &self.written.forecasts[expected.horizon];
            out.extend(labels.iter().cloned().zip(expected.quantiles));
        }
        if let Some(verdict) = &self.verdict {
            out.push((self.written.score.clone(), verdict.score));
            out.push((
                self.written.alarm.clone(),
                f64::from(u8::from(verdict.alarm)),
            ));
        }
        if let Some(shift) = self.shift.as_ref().filter(|shift| !shift.is_learning()) {
            let is_on = f64::from(u8::from(shift.is_alarm()));
            out.push((self.written.degraded.clone(), is_on));
        }
        if let Some(left) = self.left(settings, limit, time_ms) {
            let seconds = left.quantiles_ms.iter();
            let seconds = seconds.map(|ms| ms.map_or(f64::INFINITY, |ms| ms as f64 / 1_000.0));
            out.extend(self.written.left.iter().cloned().zip(seconds));
        }
    }

    pub(super) fn status(
        &self,
        settings: &JobSettings,
        limit: Option<Limit>,
        time_ms: i64,
    ) -> SeriesStatus {
        let shift = self.shift.as_ref().filter(|shift| shift.is_alarm());
        SeriesStatus {
            labels: self.labels.clone(),
            last: self.last,
            model: self.model.clone(),
            is_provisional: self.is_provisional(),
            expected: self.expected(settings, time_ms),
            anomaly: self.verdict,
            shift: shift.and_then(|shift| shift.shift()),
            left: self.left(settings, limit, time_ms),
        }
    }

    /// Whether its models are of a few only, until the turn of a full choice comes.
    pub(super) fn is_provisional(&self) -> bool {
        self.tracker.as_ref().is_some_and(Tracker::is_provisional)
    }

    /// The cell that is open in the tracker.
    fn cell(&self, settings: &JobSettings) -> Option<i64> {
        self.number
            .map(|(time_ms, _)| time_ms.div_euclid(settings.step_ms))
    }

    /// Whether the last number is too old to speak of the time after it.
    fn is_stale(&self, settings: &JobSettings, time_ms: i64) -> bool {
        let old_ms = STALE_STEPS * settings.step_ms.max(settings.interval_ms);
        self.number
            .is_none_or(|(number_ms, _)| time_ms.saturating_sub(number_ms) > old_ms)
    }

    fn expected(&self, settings: &JobSettings, time_ms: i64) -> Vec<Expected> {
        let Some(outlook) = &self.outlook else {
            return Vec::new();
        };
        if self.is_stale(settings, time_ms) {
            return Vec::new();
        }
        let each = settings.horizons.iter().zip(&outlook.rows).enumerate();
        each.filter_map(|(at, (horizon, (steps, rows)))| {
            let ahead_ms = time_ms.saturating_add(horizon.ms) - outlook.start_ms;
            let later = ahead_ms.div_euclid(settings.step_ms) - steps;
            let (mean, quantiles) = rows.get(usize::try_from(later).ok()?)?.split_first()?;
            Some(Expected {
                horizon: at,
                mean: *mean,
                quantiles: quantiles.to_vec(),
            })
        })
        .collect()
    }

    /// The time left from `time_ms` on; none at all where the limit is reached by the last value.
    fn left(&self, settings: &JobSettings, limit: Option<Limit>, time_ms: i64) -> Option<TimeLeft> {
        let (_, from_ms, left) = self.left.as_ref()?;
        let limit = limit.filter(|_| !self.is_stale(settings, time_ms))?;
        let is_reached = self.number.is_some_and(|(_, value)| match limit.towards {
            Towards::Rising => value >= limit.at,
            Towards::Falling => value <= limit.at,
        });
        let since_ms = time_ms - from_ms;
        let now = |ms: Option<i64>| match is_reached {
            true => Some(0),
            false => ms.map(|ms| (ms - since_ms).max(0)),
        };
        Some(TimeLeft {
            median_ms: now(left.median_ms),
            quantiles_ms: left.quantiles_ms.iter().map(|ms| now(*ms)).collect(),
            probability: if is_reached { 1.0 } else { left.probability },
            ..left.clone()
        })
    }
}

/// Steps that the furthest horizon needs, from a cell that is as old as a forecast may be.
fn steps(settings: &JobSettings) -> usize {
    let furthest_ms = settings.horizons.iter().map(|horizon| horizon.ms).max();
    let steps = furthest_ms.unwrap_or(0) / settings.step_ms + STALE_STEPS + 2;
    usize::try_from(steps).unwrap_or(usize::MAX)
}

/// What a job's trackers are told.
pub(super) fn options(settings: &JobSettings) -> Options {
    Options {
        horizon_steps: steps(settings),
        seasons: None,
        quantiles: settings.quantiles.clone(),
        non_negative: settings.is_non_negative,
    }
}

/// Labels of a series, of which those that ours have too are called `exported_…`, as in Prometheus
/// those that a target and a scrape both have.
fn moved(labels: &Labels, settings: &JobSettings) -> Labels {
    let own = settings.labels.iter().map(|(name, _)| name.as_str());
    let own = own.chain(["forecast", "horizon", "quantile"]);
    let mut taken: Vec<(&str, &str)> = own
        .filter_map(|name| Some((name, labels.get(name)?)))
        .collect();
    // The shortest first, so that `exported_x` is free for `x` before it moves on itself.
    taken.sort_unstable_by_key(|(name, _)| name.len());
    let mut builder = labels.to_builder();
    for (name, _) in &taken {
        builder.remove(name);
    }
    for (name, value) in taken {
        let mut free = format!("exported_{name}");
        while builder.get(&free).is_some() || settings.labels.iter().any(|(own, _)| *own == free) {
            free.insert_str(0, "exported_");
        }
        builder.set(&free, value);
    }
    builder.build()
}

impl Written {
    fn new(labels: &Labels, settings: &JobSettings) -> Self {
        let source = moved(labels, settings);
        let named = |metric: &str, more: &[(&str, &str)]| {
            let mut builder = source.to_builder();
            for (name, value) in &settings.labels {
                builder.set(name, value);
            }
            builder.set("forecast", &settings.name);
            builder.set(METRIC_NAME, metric);
            for (name, value) in more {
                builder.set(name, value);
            }
            builder.build()
        };
        let levels: Vec<String> = settings.quantiles.iter().map(f64::to_string).collect();
        let forecasts = settings.horizons.iter().map(|horizon| {
            let of = levels.iter().map(|level| {
                let more = [("horizon", horizon.text.as_str()), ("quantile", level)];
                named("bellwether_forecast", &more)
            });
            of.collect()
        });
        let left = settings.limit.iter().flat_map(|_| &levels);
        Self {
            forecasts: forecasts.collect(),
            score: named("bellwether_anomaly_score", &[]),
            alarm: named("bellwether_anomaly_alarm", &[]),
            degraded: named("bellwether_degraded", &[]),
            left: left
                .map(|level| {
                    named(
                        "bellwether_time_to_exhaustion_seconds",
                        &[("quantile", level)],
                    )
                })
                .collect(),
        }
    }
}
