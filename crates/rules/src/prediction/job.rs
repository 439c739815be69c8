//! A job at work: learns the past, looks at the present, chooses models while there is time.

use std::collections::VecDeque;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use bellwether_forecast::tracker::PARTS_MAX;
use bellwether_model::Labels;
use bellwether_promql::Prepared;
use bellwether_storage::{Clock, SeriesWriter, Source};
use parking_lot::{Mutex, MutexGuard};
use rustc_hash::{FxHashMap, FxHashSet};

use super::followed::{Followed, Limit};
use super::look::{Asker, Found, prepared};
use super::settings::{JobSettings, LimitAt};
use super::status::{JobStatus, SeriesStatus};
use crate::error::RulesError;

/// Points of history that are held at once. Chosen: 32 MB.
pub(super) const POINTS_AT_ONCE: usize = 2_000_000;
/// A series that is away for so long is forgotten, ms.
pub(super) const FORGET_AFTER_MS: i64 = 3_600_000;
/// Samples of one series that its detectors learn from: what the anomaly detector remembers, …
const JUDGED_MAX: i64 = 4_096;
/// … fewer where there are many series, so that all of them together have about so many. Chosen: two
/// minutes of one core.
const JUDGED_ALL: i64 = 10_000_000;
/// … but so many at least: what they need to begin with, several times.
const JUDGED_MIN: i64 = 1_000;
/// History is read at this many points a step: its mean is what the tracker makes of it.
const POINTS_PER_STEP: i64 = 10;
/// After so many slices of history that could be read, the next ones may be twice as long again.
const SOUND_SLICES: u32 = 8;
/// The part of the interval that learning and choosing may take: one in so many.
const BUDGET_PART: i64 = 4;
/// Samples that are taken in between two looks at the watch. Chosen: some tens of milliseconds.
const PUSHES_AT_ONCE: usize = 2_048;
/// So few new samples of a series that is caught up are taken in at once: its present does not wait for
/// the past of others.
const PRESENT_SAMPLES_MAX: usize = 16;
/// Others who want to look at the job get in between after so long, ms.
const LOCK_MS: i64 = 50;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) settings: Arc<JobSettings>,
    query: Prepared,
    parts: Option<Prepared>,
    limit: Option<Prepared>,
    reset: Option<Prepared>,
    /// Held by the one turn that runs; the state is free while it waits for an answer.
    turning: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    series: FxHashMap<Labels, Followed>,
    /// Series with samples that are not taken in yet.
    behind: VecDeque<Labels>,
    writer: SeriesWriter,
    /// What is read up to, the time from which on detectors look, and where the history began.
    learnt: Option<Learnt>,
    slice: SliceLength,
    skipped: Option<Skipped>,
    limits: Limits,
    refused: FxHashMap<Labels, i64>,
    turned_at_ms: Option<i64>,
    problem: Option<String>,
    /// Series that wait for a choice of models or a look at the limit, those that waited longest last.
    waiting: Vec<Labels>,
    is_over: bool,
}

#[derive(Debug, Clone, Copy)]
struct Learnt {
    from_ms: i64,
    judged_from_ms: i64,
    to_ms: i64,
    /// Series that there were at the start.
    count: usize,
}

/// Times that are asked for at once.
#[derive(Debug, Clone, Copy)]
struct Slice {
    first_ms: i64,
    last_ms: i64,
    step_ms: i64,
}

/// How many steps of history are asked for at once: half as many after a failure.
#[derive(Debug)]
struct SliceLength {
    steps_max: i64,
    sound: u32,
}

/// Steps of history that could not be read.
#[derive(Debug)]
struct Skipped {
    count: usize,
    last_ms: i64,
    problem: String,
}

/// The answers of the queries of limits at the last turn.
#[derive(Debug, Default)]
struct Limits {
    at: FxHashMap<Labels, f64>,
    reset: FxHashMap<Labels, f64>,
}

impl Job {
    /// A job that knows nothing yet.
    ///
    /// # Errors
    /// What is wrong with its queries.
    pub(super) fn new(settings: &JobSettings, asker: Asker<'_>) -> Result<Self, RulesError> {
        let read = |key, query: &str| prepared(asker.engine, &settings.name, key, query);
        let limit = settings.limit.as_ref();
        let limit_query = match limit.map(|limit| &limit.at) {
            Some(LimitAt::Query(query)) => Some(read("limit.query", query)?),
            _ => None,
        };
        let reset = limit.and_then(|limit| limit.reset.as_deref());
        Ok(Self {
            query: read("query", &settings.query)?,
            parts: settings
                .parts
                .as_deref()
                .map(|query| read("parts", query))
                .transpose()?,
            limit: limit_query,
            reset: reset.map(|query| read("limit.reset", query)).transpose()?,
            settings: Arc::new(settings.clone()),
            turning: Mutex::new(()),
            state: Mutex::new(State {
                series: FxHashMap::default(),
                behind: VecDeque::new(),
                writer: SeriesWriter::new(Source::new(&format!("forecast:{}", settings.name))),
                learnt: None,
                slice: SliceLength {
                    steps_max: i64::MAX,
                    sound: 0,
                },
                skipped: None,
                limits: Limits::default(),
                refused: FxHashMap::default(),
                turned_at_ms: None,
                problem: None,
                waiting: Vec::new(),
                is_over: false,
            }),
        })
    }

    /// Learns, looks, writes, chooses. `None` of a clock is all the time there is.
    pub(super) fn turn(&self, asker: Asker<'_>, time_ms: i64, clock: Option<&dyn Clock>) {
        let _turn = self.turning.lock();
        let mut state = self.state.lock();
        if state.is_over
            || state
                .turned_at_ms
                .is_some_and(|before_ms| before_ms >= time_ms)
        {
            return;
        }
        let mut watch = Watch::new(clock, self.settings.interval_ms / BUDGET_PART);
        state.turned_at_ms = Some(time_ms);
        let looked = self.catch_up(&mut state, asker, time_ms, &mut watch);
        // Others may have ended it in between.
        if asker.cancel.is_cancelled() || state.is_over {
            return;
        }
        let before = std::mem::replace(&mut state.problem, looked.as_ref().err().cloned());
        if let Err(problem) = &looked
            && before.as_ref() != Some(problem)
        {
            tracing::warn!(
                forecast = self.settings.name,
                problem,
                "a forecast could not be made"
            );
        }
        if let Ok(true) = looked {
            self.publish(&mut state, asker, time_ms);
            self.work(state, asker, &mut watch);
        }
    }

    /// Says that its series end, and takes no more turns.
    pub(super) fn end(&self, asker: Asker<'_>, time_ms: i64) {
        let mut state = self.state.lock();
        state.is_over = true;
        if let Err(error) = state.writer.end(asker.store, time_ms) {
            tracing::warn!(forecast = self.settings.name, %error, "the end of forecasts is not stored");
        }
    }

    /// How it is, with as many of its series as wanted.
    pub(super) fn status(&self, series_max: usize) -> JobStatus {
        let state = self.state.lock();
        let time_ms = state.turned_at_ms.unwrap_or(0);
        let mut series: Vec<SeriesStatus> = state
            .series
            .iter()
            .map(|(labels, one)| {
                one.status(&self.settings, state.limit(&self.settings, labels), time_ms)
            })
            .collect();
        let key = |one: &SeriesStatus| {
            let is_calm = !one.anomaly.is_some_and(|verdict| verdict.alarm) && one.shift.is_none();
            let left_ms = one.left.as_ref().and_then(|left| left.median_ms);
            (is_calm, left_ms.unwrap_or(i64::MAX))
        };
        series.sort_by(|a, b| key(a).cmp(&key(b)).then_with(|| a.labels.cmp(&b.labels)));
        series.truncate(series_max);
        let learnt = match (state.learnt, state.turned_at_ms) {
            (Some(learnt), Some(now_ms)) => {
                let all_ms = (now_ms - learnt.from_ms).max(1);
                let part = |to_ms: i64| (to_ms - learnt.from_ms) as f64 / all_ms as f64;
                let each = state.series.values().filter_map(Followed::waits_from_ms);
                let behind: f64 = each.map(|to_ms| part(learnt.to_ms) - part(to_ms)).sum();
                part(learnt.to_ms) - behind / state.series.len().max(1) as f64
            }
            _ => 0.0,
        };
        let refused_count = state.refused.len();
        let refused = || {
            format!(
                "{} series: the first {} are followed (series_max)",
                state.series.len() + refused_count,
                self.settings.series_max
            )
        };
        let skipped = || state.skipped.as_ref().map(Skipped::to_string);
        JobStatus {
            settings: Arc::clone(&self.settings),
            turned_at_ms: state.turned_at_ms,
            learnt: learnt.clamp(0.0, 1.0),
            series_count: state.series.len(),
            provisional_count: state
                .series
                .values()
                .filter(|one| one.is_provisional())
                .count(),
            refused_count,
            problem: state
                .problem
                .clone()
                .or_else(skipped)
                .or_else(|| (refused_count > 0).then(refused)),
            series,
        }
    }

    /// Reads and learns what there is up to `time_ms`, as far as the budget allows; whether all of it was
    /// read. Of what was read some may wait to be learnt.
    fn catch_up(
        &self,
        state: &mut MutexGuard<'_, State>,
        asker: Asker<'_>,
        time_ms: i64,
        watch: &mut Watch<'_>,
    ) -> Result<bool, String> {
        if state.learnt.is_none() {
            self.begin(state, asker, time_ms)?;
        }
        let is_past =
            |skipped: &Skipped| skipped.last_ms <= time_ms.saturating_sub(self.settings.history_ms);
        state.skipped.take_if(|skipped| is_past(skipped));
        let mut is_first = true;
        while let Some(learnt) = state.learnt {
            if asker.cancel.is_cancelled() || state.is_over {
                return Ok(false);
            }
            let slice = self.slice(state, learnt, time_ms);
            // Where it is not far, the present is read before all of the past is learnt.
            let is_present = slice.is_some_and(|slice| slice.last_ms == time_ms)
                && state.waiting_count() < 2 * POINTS_AT_ONCE;
            match slice {
                Some(slice) if is_present || state.behind.is_empty() => {
                    if !is_first && watch.is_over() {
                        return Ok(false);
                    }
                    self.read(state, asker, learnt, slice, time_ms, watch)?;
                }
                None if state.behind.is_empty() => break,
                _ => {
                    if !self.learn(state, asker, learnt, watch) {
                        return Ok(learnt.to_ms >= time_ms);
                    }
                }
            }
            is_first = false;
        }
        Ok(true)
    }

    /// What is to be asked for next; `None` where nothing is missing.
    fn slice(&self, state: &State, learnt: Learnt, time_ms: i64) -> Option<Slice> {
        if learnt.to_ms >= time_ms {
            return None;
        }
        let interval_ms = self.settings.interval_ms;
        let (step_ms, until_ms) = match learnt.to_ms >= learnt.judged_from_ms {
            true => (interval_ms, time_ms),
            false => (
                interval_ms.max(self.settings.step_ms / POINTS_PER_STEP),
                learnt.judged_from_ms.min(time_ms),
            ),
        };
        // The last turn that is due is always at its time; what is between is at whole steps.
        let first_ms = (learnt.to_ms + step_ms).min(until_ms);
        // Of each series there may be as many parts as are followed, and more that are not.
        let each = match self.parts {
            Some(_) => PARTS_MAX + 1,
            None => 1,
        };
        let at_once = POINTS_AT_ONCE / each / state.series.len().max(learnt.count).max(100);
        let at_once = state.slice.steps_max.min(at_once.max(1) as i64);
        let more = ((until_ms - first_ms) / step_ms).min(at_once - 1);
        Some(Slice {
            first_ms,
            last_ms: first_ms + more * step_ms,
            step_ms,
        })
    }

    /// Asks for a slice and takes it in; one that is too much is asked for again in parts.
    fn read(
        &self,
        state: &mut MutexGuard<'_, State>,
        asker: Asker<'_>,
        learnt: Learnt,
        slice: Slice,
        time_ms: i64,
        watch: &mut Watch<'_>,
    ) -> Result<(), String> {
        let Slice {
            first_ms,
            last_ms,
            step_ms,
        } = slice;
        let span = (first_ms, last_ms);
        let ask = || {
            let found = asker.range(&self.query, span, step_ms)?;
            let parts = match &self.parts {
                Some(query) => {
                    let parts = asker.range(query, span, step_ms);
                    parts.map_err(|problem| format!("parts: {problem}"))?
                }
                None => Vec::new(),
            };
            let parts = of_sums(&found, parts);
            Ok::<_, String>((found, parts))
        };
        match MutexGuard::unlocked(state, ask) {
            _ if asker.cancel.is_cancelled() || state.is_over => return Ok(()),
            Ok((found, parts)) => {
                state.slice.succeeded();
                self.take(state, asker, found, parts, learnt, watch);
            }
            Err(_) if first_ms < last_ms => {
                state.slice.failed((last_ms - first_ms) / step_ms + 1);
                return Ok(());
            }
            // The past is not worth the present.
            Err(problem) if last_ms < time_ms => {
                let before = state.skipped.as_ref().map_or(0, |skipped| skipped.count);
                state.skipped = Some(Skipped {
                    count: before + 1,
                    last_ms,
                    problem,
                });
            }
            Err(problem) => return Err(problem),
        }
        state.learnt = Some(Learnt {
            to_ms: last_ms,
            ..learnt
        });
        if last_ms < time_ms {
            state.forget_dead(last_ms);
        }
        Ok(())
    }

    /// Where to begin to learn; series that are there now have their places first.
    fn begin(
        &self,
        state: &mut MutexGuard<'_, State>,
        asker: Asker<'_>,
        time_ms: i64,
    ) -> Result<(), String> {
        let found = MutexGuard::unlocked(state, || asker.instant(&self.query, time_ms))?;
        let count = found.len();
        for (labels, _) in found {
            self.place(state, labels, time_ms, true);
        }
        let judged = (JUDGED_ALL / count.max(1) as i64).clamp(JUDGED_MIN, JUDGED_MAX);
        let interval_ms = self.settings.interval_ms;
        let judged_ms = judged
            .saturating_mul(interval_ms)
            .min(self.settings.history_ms);
        let is_tracked = !self.settings.horizons.is_empty() || self.settings.limit.is_some();
        let history_ms = if is_tracked {
            self.settings.history_ms
        } else {
            judged_ms
        };
        let from_ms = time_ms.saturating_sub(history_ms / interval_ms * interval_ms);
        state.learnt = Some(Learnt {
            from_ms,
            judged_from_ms: time_ms.saturating_sub(judged_ms / interval_ms * interval_ms),
            to_ms: from_ms,
            count,
        });
        Ok(())
    }

    /// The series of these labels, if there is a place for it.
    fn place<'a>(
        &self,
        state: &'a mut State,
        labels: Labels,
        last_ms: i64,
        is_live: bool,
    ) -> Option<&'a mut Followed> {
        let count = state.series.len();
        match state.series.entry(labels) {
            Entry::Occupied(known) => Some(known.into_mut()),
            Entry::Vacant(new) if count >= self.settings.series_max => {
                state.refused.insert(new.into_key(), last_ms);
                None
            }
            Entry::Vacant(new) => {
                // Options were looked at when the configuration was read.
                let followed = Followed::new(new.key(), &self.settings, is_live).ok()?;
                Some(new.insert(followed))
            }
        }
    }

    /// Gives samples to their series, to be learnt: at once where they are the present.
    fn take(
        &self,
        state: &mut MutexGuard<'_, State>,
        asker: Asker<'_>,
        found: Vec<Found>,
        mut parts: FxHashMap<Labels, Vec<Found>>,
        learnt: Learnt,
        watch: &mut Watch<'_>,
    ) {
        let mut pushes = 0;
        for (labels, samples) in found {
            let (Some(&(last_ms, _)), count) = (samples.last(), samples.len()) else {
                continue;
            };
            let Some(followed) = self.place(state, labels.clone(), last_ms, false) else {
                continue;
            };
            let is_behind = followed.waiting_count() > 0;
            followed.wait(samples);
            followed.wait_parts(parts.remove(&labels).unwrap_or_default());
            if is_behind {
                continue;
            }
            if count > PRESENT_SAMPLES_MAX {
                state.behind.push_back(labels);
                continue;
            }
            while followed.waiting_count() > 0 {
                followed.learn(PRESENT_SAMPLES_MAX + 1, learnt.judged_from_ms);
            }
            pushes += count;
            if pushes >= PUSHES_AT_ONCE {
                pushes = 0;
                if asker.cancel.is_cancelled() || state.is_over {
                    return;
                }
                if watch.may_yield() {
                    MutexGuard::bump(state);
                }
            }
        }
    }

    /// Learns what waits, one series after the other; whether nothing waits any more.
    fn learn(
        &self,
        state: &mut MutexGuard<'_, State>,
        asker: Asker<'_>,
        learnt: Learnt,
        watch: &mut Watch<'_>,
    ) -> bool {
        let is_all_read = Some(learnt.to_ms) >= state.turned_at_ms;
        let mut pushes = 0;
        while let Some(labels) = state.behind.front().cloned() {
            let left = match state.series.get_mut(&labels) {
                Some(one) => {
                    pushes += one.learn(PUSHES_AT_ONCE - pushes, learnt.judged_from_ms);
                    let left = one.waiting_count();
                    if left == 0 && is_all_read && one.is_live() && one.speak(&self.settings) {
                        // It took as long as all pushes at once may.
                        pushes = PUSHES_AT_ONCE;
                    }
                    left
                }
                None => 0,
            };
            if left == 0 {
                state.behind.pop_front();
            }
            if pushes >= PUSHES_AT_ONCE {
                pushes = 0;
                if asker.cancel.is_cancelled() || state.is_over || watch.is_over() {
                    return state.behind.is_empty();
                }
                if watch.may_yield() {
                    MutexGuard::bump(state);
                }
            }
        }
        true
    }

    /// Writes what is to be said at a turn, and forgets what is away.
    fn publish(&self, state: &mut MutexGuard<'_, State>, asker: Asker<'_>, time_ms: i64) {
        let settings = &self.settings;
        let read = |query: &Option<Prepared>, what| match query {
            None => FxHashMap::default(),
            Some(query) => match asker.instant(query, time_ms) {
                Ok(found) => found.into_iter().collect(),
                Err(problem) => {
                    tracing::warn!(forecast = settings.name, problem, "{what} is not known");
                    FxHashMap::default()
                }
            },
        };
        let limits = MutexGuard::unlocked(state, || Limits {
            at: read(&self.limit, "the limit"),
            reset: read(&self.reset, "the reset"),
        });
        if state.is_over {
            return;
        }
        state.limits = limits;
        let away_ms = time_ms.saturating_sub(FORGET_AFTER_MS);
        let is_near = |one: &Followed| one.seen_ms().is_some_and(|seen_ms| seen_ms > away_ms);
        state.series.retain(|_, one| is_near(one));
        state.refused.retain(|_, seen_ms| *seen_ms == time_ms);
        let State { series, limits, .. } = &mut **state;
        let mut samples = Vec::new();
        for (labels, one) in series.iter_mut() {
            if one.seen_ms() == Some(time_ms) && one.waiting_count() == 0 {
                one.look_ahead(settings);
                one.samples(settings, limits.of(settings, labels), time_ms, &mut samples);
            }
        }
        if let Err(error) = state.writer.write(asker.store, time_ms, samples) {
            tracing::warn!(forecast = settings.name, %error, "forecasts are not stored");
        }
    }

    /// Chooses models and looks at limits while there is time.
    fn work(&self, mut state: MutexGuard<'_, State>, asker: Asker<'_>, watch: &mut Watch<'_>) {
        // Those that say nothing come before those that would say it better.
        let silent = state.series.values_mut();
        for one in silent.filter(|one| one.waiting_count() == 0 && one.is_silent(&self.settings)) {
            if asker.cancel.is_cancelled() || watch.is_over() {
                break;
            }
            one.speak(&self.settings);
            one.look_ahead(&self.settings);
        }
        if state.waiting.is_empty() {
            let due = state
                .series
                .iter()
                .filter(|(_, one)| one.waiting_count() == 0 && one.is_due(&self.settings));
            state.waiting = due.map(|(labels, _)| labels.clone()).collect();
        }
        while !asker.cancel.is_cancelled() && !state.is_over && !watch.is_over() {
            let Some(labels) = state.waiting.pop() else {
                break;
            };
            let limit = state.limit(&self.settings, &labels);
            if let Some(one) = state.series.get_mut(&labels) {
                one.work(&self.settings, limit);
                one.look_ahead(&self.settings);
            }
            if watch.may_yield() {
                MutexGuard::bump(&mut state);
            }
        }
    }
}

impl SliceLength {
    fn failed(&mut self, steps: i64) {
        (self.steps_max, self.sound) = (steps / 2, 0);
    }

    fn succeeded(&mut self) {
        self.sound += 1;
        if self.sound >= SOUND_SLICES {
            (self.steps_max, self.sound) = (self.steps_max.saturating_mul(2), 0);
        }
    }
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let steps = if self.count == 1 { "step" } else { "steps" };
        write!(
            f,
            "{} {steps} of history could not be read, the last at {}: {}",
            self.count,
            self.last_ms as f64 / 1_000.0,
            self.problem
        )
    }
}

impl State {
    /// Samples that are not learnt yet.
    fn waiting_count(&self) -> usize {
        self.series.values().map(Followed::waiting_count).sum()
    }

    /// Gives places of series of history up that had ended by then.
    fn forget_dead(&mut self, time_ms: i64) {
        let away_ms = time_ms.saturating_sub(FORGET_AFTER_MS);
        let is_near = |seen_ms: i64| seen_ms > away_ms;
        self.series
            .retain(|_, one| one.is_live() || one.seen_ms().is_some_and(is_near));
        self.refused.retain(|_, seen_ms| is_near(*seen_ms));
    }

    fn limit(&self, settings: &JobSettings, labels: &Labels) -> Option<Limit> {
        self.limits.of(settings, labels)
    }
}

impl Limits {
    fn of(&self, settings: &JobSettings, labels: &Labels) -> Option<Limit> {
        let limit = settings.limit.as_ref()?;
        let at = match &limit.at {
            LimitAt::Value(value) => *value,
            LimitAt::Query(_) => of_series(&self.at, labels)?,
        };
        let reset = of_series(&self.reset, labels).filter(|seconds| seconds.abs() < 1e12);
        Some(Limit {
            at,
            towards: limit.towards,
            reset_ms: reset.map(|seconds| (seconds * 1_000.0) as i64),
        })
    }
}

/// Parts by the series that they are parts of: the one whose labels they have. Others are left out.
fn of_sums(sums: &[Found], parts: Vec<Found>) -> FxHashMap<Labels, Vec<Found>> {
    let mut of_sums: FxHashMap<Labels, Vec<Found>> = FxHashMap::default();
    if parts.is_empty() {
        return of_sums;
    }
    let names: FxHashSet<&str> = sums
        .iter()
        .flat_map(|(labels, _)| labels.iter().map(|(name, _)| name))
        .collect();
    let known: FxHashSet<&Labels> = sums.iter().map(|(labels, _)| labels).collect();
    for (labels, samples) in parts {
        let of = labels.filter(|name| names.contains(name));
        if known.contains(&of) {
            of_sums.entry(of).or_default().push((labels, samples));
        }
    }
    of_sums
}

/// What stands for the same labels, or for all.
fn of_series(found: &FxHashMap<Labels, f64>, labels: &Labels) -> Option<f64> {
    let for_all = || found.get(&Labels::empty());
    found.get(labels).or_else(for_all).copied()
}

/// How long a turn has worked.
struct Watch<'a> {
    clock: Option<&'a dyn Clock>,
    end_ms: i64,
    yielded_at_ms: i64,
}

impl<'a> Watch<'a> {
    fn new(clock: Option<&'a dyn Clock>, budget_ms: i64) -> Self {
        let now_ms = clock.map_or(0, Clock::now_ms);
        Self {
            clock,
            end_ms: now_ms.saturating_add(budget_ms),
            yielded_at_ms: now_ms,
        }
    }

    fn is_over(&self) -> bool {
        self.clock
            .is_some_and(|clock| clock.now_ms() >= self.end_ms)
    }

    /// Whether others should get in between now.
    fn may_yield(&mut self) -> bool {
        let Some(clock) = self.clock else {
            return false;
        };
        let now_ms = clock.now_ms();
        let is_time = now_ms - self.yielded_at_ms >= LOCK_MS;
        if is_time {
            self.yielded_at_ms = now_ms;
        }
        is_time
    }
}
