//! One scaler at work: a turn looks, decides, and says what became of it.

use std::collections::VecDeque;
use std::sync::Arc;

use bellwether_model::Labels;
use bellwether_promql::CancelToken;
use bellwether_scale::{Decision, Reason, Scaler, Signals};
use bellwether_storage::{SeriesWriter, Source, StorageError, Timeline, TimelineKind, TimelineRow};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::keeper::Keeper;
use super::looks::{Known, Looks, Seen};
use super::manager::World;
use super::record::Kept;
use super::series;
use super::settings::{ScalerSettings, SignalName};
use super::status::{CHANGES_MAX, Change, Decided, ScalerStatus};
use crate::error::RulesError;
use crate::schedule::Turns;

/// The state is kept at least so often, ms. Chosen: some kilobytes a minute.
const KEEP_EVERY_MS: i64 = 60_000;

/// See the module's page.
#[derive(Debug)]
pub(super) struct RunningScaler {
    pub(super) settings: Arc<ScalerSettings>,
    pub(super) turns: Turns,
    looks: Looks,
    labels: Labels,
    /// Held for a turn.
    state: Mutex<State>,
    /// How it is, as the last turn has left it: whoever looks waits for no query.
    shown: Mutex<Arc<ScalerStatus>>,
    /// Rises with each change of the number of workers; see [`Decided::number`].
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    scaler: Scaler,
    writer: SeriesWriter,
    status: ScalerStatus,
    number: u64,
    starting: Starting,
    kept_at_ms: i64,
    /// Whether another has taken its place, or none.
    is_over: bool,
}

impl RunningScaler {
    /// A scaler that goes on where `kept` says.
    ///
    /// # Errors
    /// What is wrong with its settings.
    pub(super) fn new(
        settings: ScalerSettings,
        world: &World,
        kept: Option<Kept>,
    ) -> Result<Self, RulesError> {
        let looks = Looks::of(&settings, &world.engine)?;
        let policy = |source| RulesError::Policy {
            scaler: settings.name.clone(),
            source: Box::new(source),
        };
        let fresh = Scaler::new(settings.policy.clone()).map_err(policy)?;
        let scaler = match &kept {
            None => fresh,
            Some(kept) => {
                let restored = Scaler::restore(settings.policy.clone(), &kept.snapshot);
                restored.unwrap_or_else(|error| {
                    tracing::warn!(scaler = settings.name, %error, "what a scaler has learnt is forgotten");
                    fresh
                })
            }
        };
        let number = kept.as_ref().map_or(0, |kept| kept.number);
        let decided = kept.as_ref().and_then(|kept| kept.decided);
        let each = kept.as_ref().and_then(|kept| kept.each);
        // Where another policy allows it no more, the first turn changes it, and tells so.
        let decided = decided.map(|(time_ms, workers)| Decided {
            number,
            workers,
            workers_each: each.filter(|_| settings.shares_workers()),
            time_ms,
            decision: None,
        });
        let settings = Arc::new(settings);
        let status = ScalerStatus {
            settings: Arc::clone(&settings),
            turned_at_ms: None,
            decided,
            problems: Vec::new(),
            changes: Vec::new(),
        };
        let mut starting = Starting::default();
        if let Some(decided) = &status.decided {
            starting.push(decided.time_ms, decided.workers, settings.start_up_ms);
        }
        Ok(Self {
            shown: Mutex::new(Arc::new(status.clone())),
            turns: Turns::new(&settings.name, settings.interval_ms),
            looks,
            labels: series::own_labels(&settings),
            state: Mutex::new(State {
                scaler,
                writer: SeriesWriter::new(Source::new(&format!("scaler:{}", settings.name))),
                starting,
                status,
                number,
                kept_at_ms: i64::MIN,
                is_over: false,
            }),
            changes: watch::Sender::new(number),
            settings,
        })
    }

    pub(super) fn status(&self) -> Arc<ScalerStatus> {
        Arc::clone(&self.shown.lock())
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What another scaler of the same name goes on with.
    pub(super) fn kept(&self) -> Kept {
        self.state.lock().kept()
    }

    /// Takes no more turns, and says that its series end.
    pub(super) fn end(&self, world: &World, time_ms: i64) {
        let mut state = self.state.lock();
        state.is_over = true;
        let ended = state.writer.end(world.store.as_ref(), time_ms);
        if let Err(error) = ended {
            tracing::warn!(scaler = self.settings.name, %error, "the end of a scaler's series is not stored");
        }
    }

    /// Keeps its state.
    pub(super) fn keep(&self, keeper: &Keeper) {
        keeper.keep(&self.settings.name, &self.kept());
    }

    /// [`RunningScaler::turn`], unless one runs.
    pub(super) fn turn_if_free(&self, world: &World, time_ms: i64, cancel: &CancelToken) {
        if let Some(mut state) = self.state.try_lock() {
            self.take_turn(&mut state, world, time_ms, cancel);
        }
    }

    /// Looks at the signals at a time, decides, and tells.
    pub(super) fn turn(&self, world: &World, time_ms: i64, cancel: &CancelToken) {
        self.take_turn(&mut self.state.lock(), world, time_ms, cancel);
    }

    fn take_turn(&self, state: &mut State, world: &World, time_ms: i64, cancel: &CancelToken) {
        if state.is_over {
            return;
        }
        let seen = self.looks.ask(&world.store, &world.engine, time_ms, cancel);
        if cancel.is_cancelled() {
            return;
        }
        let signals = self.signals(state, &seen, time_ms);
        let decision = state.scaler.decide(&signals);
        world
            .metrics
            .decided(&self.settings.name, decision.reason.name());
        let before = state.status.decided.as_ref().map(|it| it.workers);
        // Before anything was seen, what is held is nothing but a guess.
        let is_guess = matches!(decision.reason, Reason::Held(_))
            && before.is_none()
            && (signals.doubt.is_some() || !self.looks.has(SignalName::Workers));
        if !is_guess {
            state.decide(&self.settings, &seen, decision);
        }
        state.status.turned_at_ms = Some(time_ms);
        state.status.problems.clone_from(&seen.problems);
        *self.shown.lock() = Arc::new(state.status.clone());
        let decided = state.status.decided.clone();
        let samples = series::samples(&self.labels, &seen, decided.as_ref());
        let written = state.writer.write(world.store.as_ref(), time_ms, samples);
        if let Err(error) = written {
            tracing::warn!(scaler = self.settings.name, %error, "a decision is not stored as series");
        }
        let Some(decided) = decided else { return };
        let is_changed = before != Some(decided.workers);
        let is_due = time_ms.abs_diff(state.kept_at_ms) >= KEEP_EVERY_MS.unsigned_abs();
        if is_changed || is_due {
            state.kept_at_ms = time_ms;
            if let Some(keeper) = &world.keeper {
                keeper.keep(&self.settings.name, &state.kept());
            }
        }
        if is_changed {
            self.tell(world, &decided, before);
        }
        if *self.changes.borrow() != decided.number {
            self.changes.send_replace(decided.number);
        }
    }

    fn signals(&self, state: &State, seen: &Seen, time_ms: i64) -> Signals {
        let told = state.status.decided.as_ref().map(|it| it.workers);
        let known = Known {
            workers: told,
            started: (state.starting).started(time_ms, self.settings.start_up_ms),
        };
        let mut signals = self.looks.signals(&self.settings, seen, known, time_ms);
        let is_known = told.is_some() || seen.value(SignalName::Workers).is_some();
        if !is_known {
            // Nobody says how many there are: as many as are wanted, so that no step limit makes the
            // first decision smaller than what runs.
            let first = state.scaler.clone().decide(&signals);
            let wanted = first.wants.iter().filter_map(|want| want.workers.ok());
            let most = wanted.fold(f64::from(signals.workers_target), f64::max);
            let policy = &self.settings.policy;
            let most = (most.ceil() as u32).clamp(policy.workers_min, policy.workers_max);
            signals.workers_target = most;
            if seen.value(SignalName::Ready).is_none() {
                signals.workers_ready = most;
            }
        }
        signals
    }

    fn tell(&self, world: &World, decided: &Decided, before: Option<u32>) {
        let Some(decision) = &decided.decision else {
            return;
        };
        let row = TimelineRow {
            time_ms: decided.time_ms,
            kind: TimelineKind::Scaled,
            labels: self.labels.clone(),
            cause: decision.to_string(),
            receiver: String::new(),
            group: String::new(),
            detail: detail(&self.settings, decision, before).to_string(),
        };
        if let Err(error) = append(&world.timeline, row) {
            tracing::warn!(scaler = self.settings.name, %error, "a decision is not in the timeline");
        }
        tracing::info!(
            scaler = self.settings.name,
            from = before,
            to = decided.workers,
            dry_run = self.settings.is_dry_run,
            "{decision}"
        );
    }
}

fn append(timeline: &Option<Arc<dyn Timeline>>, row: TimelineRow) -> Result<(), StorageError> {
    match timeline {
        Some(timeline) => timeline.append(&[row]),
        None => Ok(()),
    }
}

fn detail(settings: &ScalerSettings, decision: &Decision, before: Option<u32>) -> Value {
    let wants = decision.wants.iter();
    let wants: Map<String, Value> = wants
        .map(|want| (want.rule.as_str().to_owned(), json!(want.workers.ok())))
        .collect();
    json!({
        "from": before,
        "to": decision.workers,
        "reason": decision.reason.name(),
        "wanted": wants,
        "dryRun": settings.is_dry_run,
    })
}

/// What was decided at which time, for as long as a worker starts.
#[derive(Debug, Default)]
pub(super) struct Starting(VecDeque<(i64, u32)>);

impl Starting {
    pub(super) fn push(&mut self, time_ms: i64, workers: u32, start_up_ms: i64) {
        // What is of the future is of a clock that was set back since.
        while self.0.back().is_some_and(|last| last.0 > time_ms) {
            self.0.pop_back();
        }
        self.0.push_back((time_ms, workers));
        let begun_ms = time_ms.saturating_sub(start_up_ms);
        // The newest of those from before then counts still.
        while self.0.get(1).is_some_and(|next| next.0 <= begun_ms) {
            self.0.pop_front();
        }
    }

    /// How many workers had time enough to start: the fewest that were decided since one would have.
    pub(super) fn started(&self, time_ms: i64, start_up_ms: i64) -> Option<u32> {
        let begun_ms = time_ms.saturating_sub(start_up_ms);
        let old = self.0.iter().rposition(|it| it.0 <= begun_ms);
        let since = self.0.range(old.unwrap_or(0)..);
        since.map(|(_, workers)| *workers).min()
    }
}

impl State {
    /// Takes a decision.
    fn decide(&mut self, settings: &ScalerSettings, seen: &Seen, decision: Decision) {
        let (time_ms, workers) = (decision.time_ms(), decision.workers);
        let last = self.status.decided.as_ref();
        let before = last.map(|it| it.workers);
        let each = seen.instances().map(|count| workers.div_ceil(count));
        // Where the processes are not to be seen, the last that was seen of them holds.
        let each = each.or_else(|| {
            let last = last.filter(|it| settings.shares_workers() && it.workers == workers);
            last?.workers_each
        });
        // One more process is a smaller part for each of them: those that wait for a change are told.
        if last.is_none_or(|it| (it.workers, it.workers_each) != (workers, each)) {
            self.number += 1;
        }
        if let Some(from) = before.filter(|from| *from != workers) {
            self.status.changes.insert(
                0,
                Change {
                    time_ms,
                    from,
                    to: workers,
                    reason: decision.reason.name(),
                    text: decision.to_string(),
                },
            );
            self.status.changes.truncate(CHANGES_MAX);
        }
        self.starting.push(time_ms, workers, settings.start_up_ms);
        self.status.decided = Some(Decided {
            number: self.number,
            workers,
            workers_each: each,
            time_ms,
            decision: Some(decision),
        });
    }

    fn kept(&self) -> Kept {
        let decided = self.status.decided.as_ref();
        Kept {
            decided: decided.map(|it| (it.time_ms, it.workers)),
            each: decided.and_then(|it| it.workers_each),
            number: self.number,
            snapshot: self.scaler.snapshot(),
        }
    }
}
