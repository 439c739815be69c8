//! Which stage's growth explains that requests have become slower.
//!
//! ## Model
//! A request passes *stages*: it waits for a worker, and while it holds one, calls providers, tools and
//! databases. What a stage adds to a request is its calls times the mean time of one. The time
//! *before* is compared with the time *after*. Work that has grown is its own cause. A wait that has
//! grown is mostly a consequence: workers were busier, since more requests came, since each held
//! its worker for longer, or since there were fewer workers. By Little's law the busy workers are
//! arrivals times work, so that logarithms of these three add up, and the growth of the wait goes to
//! them in proportion. What grew while workers were idle grew by itself.
//!
//! Work grows by longer calls or by more of them. Longer ones count at the number of calls that there was before, where
//! fewer are made now: a full queue that serves the most important requests only has other requests than before.
//!
//! Work that follows the load (a provider that slows down when much is asked) is told by how it
//! followed the load before, and put down to the load.
//!
//! ## Invariants
//! - A stage whose growth is within what its means usually do from one while to the next counts
//!   for little: growth is shrunk by its own noise, so that a large noisy stage doesn't hide a small
//!   steady one.
//! - Shares are of the whole's growth; what no stage explains is told apart.
//!
//! ## Limits
//! Means only: which stage makes a tail longer is another question. Shifts between kinds of
//! requests look like growth: give each kind a path of its own where they differ much.
//!
//! ## See also
//! ADR 0013. J. D. C. Little, "A proof for the queuing formula L = λW", Operations Research 9, 1961.
//! W. James, C. Stein, "Estimation with quadratic loss", 1961 (shrinking).

mod window;

#[cfg(test)]
mod tests;

use std::ops::Range;

use window::{Growth, follows};

/// Fewest steps of either window.
const STEPS_MIN: usize = 3;
/// Busy part of the workers below which a wait is its own cause, and above which it is none.
/// Chosen: an eighth of idle workers keeps waits short, half of them keeps them away.
const BUSY_LOW: f64 = 0.5;
const BUSY_HIGH: f64 = 0.8;
/// A relative growth of load that is about as good an explanation of a wait as none. Chosen.
const DRIVE_UNIT: f64 = 0.1;

/// What a request does in a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageKind {
    /// It waits for a worker.
    Wait,
    /// It holds a worker.
    Work,
}

/// A stage with its numbers for each step. Values that are not finite, or beyond 1e60, are missing.
#[derive(Debug, Clone, Copy)]
pub struct Stage<'a> {
    /// What it is called in the answer.
    pub name: &'a str,
    /// Whether requests wait or work in it.
    pub kind: StageKind,
    /// Mean seconds of a call.
    pub seconds: &'a [f64],
    /// Calls a request.
    pub calls: &'a [f64],
}

/// A path of requests. All slices are of one length, a value for each step.
#[derive(Debug, Clone, Copy)]
pub struct RequestPath<'a> {
    /// Length of a step in milliseconds, at least 1.
    pub step_ms: i64,
    /// The stages, in any order.
    pub stages: &'a [Stage<'a>],
    /// Mean seconds of a request from its arrival to its answer.
    pub whole: &'a [f64],
    /// Requests that arrived.
    pub arrivals: &'a [f64],
    /// Workers that there were; empty where that is not known.
    pub workers: &'a [f64],
}

/// Why a stage's part of the growth is its part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Each call takes longer.
    Slower,
    /// A request makes more calls.
    MoreCalls,
    /// The wait has grown since more requests came.
    MoreLoad,
    /// The wait has grown since there are fewer workers.
    FewerWorkers,
    /// The wait has grown though workers were idle.
    Stuck,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Slower => "calls take longer",
            Self::MoreCalls => "more calls a request",
            Self::MoreLoad => "more requests",
            Self::FewerWorkers => "fewer workers",
            Self::Stuck => "a wait that busy workers do not explain",
        })
    }
}

/// What a stage has to do with the growth of the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// Where it stands in the path's stages.
    pub stage: usize,
    /// The stage's name.
    pub name: String,
    /// Seconds a request spent in it before and after.
    pub seconds: (f64, f64),
    /// Calls a request before and after.
    pub calls: (f64, f64),
    /// How much longer requests are in it, by itself: without what other stages or the load did to it.
    pub own_seconds: f64,
    /// How much longer requests are in other stages because of it.
    pub induced_seconds: f64,
    /// Part of the whole's growth that it explains, `own_seconds` and `induced_seconds` together;
    /// 0 where it did not grow, at most 1.
    pub share: f64,
    /// How likely it explains more than the next in the ranking does, 0.5 to 1.
    pub confidence: f64,
    /// Why.
    pub reason: Reason,
}

impl std::fmt::Display for Cause {
    /// `provider: 4.10 s to 7.90 s a request, calls take longer; 81 % of the growth, 1.20 s of it by waits`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (before, after) = self.seconds;
        write!(
            f,
            "{}: {before:.2} s to {after:.2} s a request, {}; {:.0} % of the growth",
            self.name,
            self.reason,
            self.share * 100.0
        )?;
        if self.induced_seconds > 0.005 {
            write!(f, ", {:.2} s of it in other stages", self.induced_seconds)?;
        }
        Ok(())
    }
}

/// What explains the growth of the whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Bottleneck {
    /// Seconds of a request before and after.
    pub seconds: (f64, f64),
    /// How many usual deviations the whole has grown by: below 3 it may be noise.
    pub deviations: f64,
    /// All stages, the one that explains most first.
    pub causes: Vec<Cause>,
    /// Part of the growth that no stage explains, 0 to 1.
    pub unexplained: f64,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BottleneckError {
    /// Slices differ in length.
    #[error("{what} has {given} steps: it must have {wanted}, as the whole has")]
    Length {
        /// Which slice.
        what: String,
        /// Its length.
        given: usize,
        /// The length of `whole`.
        wanted: usize,
    },
    /// A window is too short, outside of the series, or the two overlap.
    #[error(
        "{which} is {given:?}: it must be {STEPS_MIN} steps at least, within 0..{len}, before ahead of after"
    )]
    Window {
        /// Which of the two.
        which: &'static str,
        /// What was given.
        given: Range<usize>,
        /// How many steps there are.
        len: usize,
    },
    /// No step of a window has a known latency of the whole.
    #[error("{which} has no step whose latency and arrivals are known")]
    Unknown {
        /// Which of the two.
        which: &'static str,
    },
}

/// Ranks the stages by what they explain of the growth from `before` to `after`.
///
/// `before` should be several times as long as `after`: what is usual is learnt from it.
///
/// # Errors
/// If slices differ in length, or a window is too short or knows nothing.
pub fn bottleneck(
    path: &RequestPath<'_>,
    before: Range<usize>,
    after: Range<usize>,
) -> Result<Bottleneck, BottleneckError> {
    check(path, &before, &after)?;
    let whole = Growth::of(path.whole, path.arrivals, &before, &after);
    for (which, value) in [("before", whole.before), ("after", whole.after)] {
        if !value.is_finite() {
            return Err(BottleneckError::Unknown { which });
        }
    }
    let load = Growth::of(path.arrivals, &[], &before, &after);
    let stages: Vec<Grown> = path
        .stages
        .iter()
        .map(|stage| Grown::of(stage, path.arrivals, &load, &before, &after))
        .collect();
    let drives = Drives::of(path, &stages, &load, &before, &after);
    let causes = explained(path, &stages, &drives);
    Ok(ranked(&whole, &stages, causes))
}

/// What became of a stage.
#[derive(Debug, Clone)]
struct Grown {
    kind: StageKind,
    growth: Growth,
    seconds: Growth,
    calls: Growth,
    /// The growth that is more than noise.
    certain: f64,
    /// Of that, what followed the load.
    by_load: f64,
}

impl Grown {
    fn of(
        stage: &Stage<'_>,
        arrivals: &[f64],
        load: &Growth,
        before: &Range<usize>,
        after: &Range<usize>,
    ) -> Self {
        let spent: Vec<f64> = stage
            .seconds
            .iter()
            .zip(stage.calls)
            // Without a call there is no time of one.
            .map(|(seconds, calls)| if *calls == 0.0 { 0.0 } else { seconds * calls })
            .collect();
        let made: Vec<f64> = stage
            .calls
            .iter()
            .zip(arrivals)
            .map(|(calls, n)| calls * n)
            .collect();
        let growth = Growth::of(&spent, arrivals, before, after);
        let seconds = Growth::of(stage.seconds, &made, before, after);
        let calls = Growth::of(stage.calls, arrivals, before, after);
        // Longer calls are seen at the number of calls of before, too: where a full queue leaves other
        // kinds of requests than came before, fewer calls would hide them.
        let longer = seconds.certain() * calls.before_or_0();
        let certain = match stage.kind {
            StageKind::Wait => growth.certain(),
            StageKind::Work => growth.certain().max(longer),
        };
        let by_load = match stage.kind {
            StageKind::Wait => 0.0,
            StageKind::Work => {
                let slope = follows(&spent, arrivals, before);
                (slope * (load.after - load.before)).clamp(0.0, certain.max(0.0))
            }
        };
        Self {
            kind: stage.kind,
            seconds,
            calls,
            growth,
            certain,
            by_load,
        }
    }

    fn own(&self) -> f64 {
        (self.certain - self.by_load).max(0.0)
    }

    /// Whether calls grew more in number or in length.
    fn why(&self) -> Reason {
        let grown = |growth: &Growth| growth.after_or_0() / growth.before_or_0().max(1e-300);
        match grown(&self.calls) > grown(&self.seconds) {
            true => Reason::MoreCalls,
            false => Reason::Slower,
        }
    }
}

/// What made workers busier, as shares of the growth of waits.
#[derive(Debug, Clone)]
struct Drives {
    load: f64,
    workers: f64,
    /// For each stage.
    work: Vec<f64>,
}

impl Drives {
    fn of(
        path: &RequestPath<'_>,
        stages: &[Grown],
        load: &Growth,
        before: &Range<usize>,
        after: &Range<usize>,
    ) -> Self {
        let working = || stages.iter().filter(|stage| stage.kind == StageKind::Work);
        let work_before: f64 = working().map(|stage| stage.growth.before_or_0()).sum();
        let own: f64 = working().map(Grown::own).sum();
        let by_load: f64 = working().map(|stage| stage.by_load).sum();
        let log_growth = |from: f64, to: f64| {
            let growth = (to / from).ln();
            if growth.is_finite() {
                growth.max(0.0)
            } else {
                0.0
            }
        };
        let work = log_growth(work_before, work_before + own);
        let load_drive = log_growth(load.before, load.after)
            + log_growth(work_before + own, work_before + own + by_load);
        let (mut fewer, mut busy) = (0.0, None);
        if !path.workers.is_empty() {
            let workers = Growth::of(path.workers, &[], before, after);
            fewer = log_growth(workers.after, workers.before);
            let work_after: f64 = working().map(|stage| stage.growth.after_or_0()).sum();
            let per_second = load.after * 1e3 / path.step_ms.max(1) as f64;
            busy = Some(per_second * work_after / workers.after).filter(|busy| busy.is_finite());
        }
        let total = work + load_drive + fewer;
        let mut explained = total / (total + DRIVE_UNIT);
        if let Some(busy) = busy {
            explained *= ((busy - BUSY_LOW) / (BUSY_HIGH - BUSY_LOW)).clamp(0.0, 1.0);
        }
        let part = |drive: f64| {
            if total > 0.0 {
                explained * drive / total
            } else {
                0.0
            }
        };
        Self {
            load: part(load_drive),
            workers: part(fewer),
            work: stages
                .iter()
                .map(|stage| match stage.kind {
                    StageKind::Work if own > 0.0 => part(work) * stage.own() / own,
                    _ => 0.0,
                })
                .collect(),
        }
    }
}

/// The cause that each stage is.
fn explained(path: &RequestPath<'_>, stages: &[Grown], drives: &Drives) -> Vec<Cause> {
    let waits: f64 = stages
        .iter()
        .filter(|stage| stage.kind == StageKind::Wait)
        .map(|stage| stage.certain.max(0.0))
        .sum();
    let by_load: f64 = stages.iter().map(|stage| stage.by_load).sum();
    let work: f64 = drives.work.iter().sum();
    let named = path.stages.iter().zip(stages).zip(&drives.work);
    named
        .enumerate()
        .map(|(number, ((stage, grown), drive))| {
            let certain = grown.certain.max(0.0);
            let (own, induced, reason) = match grown.kind {
                StageKind::Work => (grown.own(), drive * waits, grown.why()),
                StageKind::Wait => {
                    let part = if waits > 0.0 { certain / waits } else { 0.0 };
                    let stuck = 1.0 - work - drives.load - drives.workers;
                    let reasons = [
                        (stuck, Reason::Stuck),
                        (drives.load, Reason::MoreLoad),
                        (drives.workers, Reason::FewerWorkers),
                    ];
                    let most = reasons.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
                    let reason = most.map_or(Reason::Stuck, |most| most.1);
                    (certain * (1.0 - work), part * by_load, reason)
                }
            };
            Cause {
                stage: number,
                name: stage.name.to_owned(),
                seconds: (grown.growth.before_or_0(), grown.growth.after_or_0()),
                calls: (grown.calls.before_or_0(), grown.calls.after_or_0()),
                own_seconds: own,
                induced_seconds: induced,
                share: 0.0,
                confidence: 0.5,
                reason,
            }
        })
        .collect()
}

/// Causes in their order, with their shares of the whole's growth.
fn ranked(whole: &Growth, stages: &[Grown], mut causes: Vec<Cause>) -> Bottleneck {
    let growth = whole.after - whole.before;
    let explains = |cause: &Cause| cause.own_seconds + cause.induced_seconds;
    let sum: f64 = causes.iter().map(explains).sum();
    // Where some stages became faster, those that became slower explain more than the growth.
    let of = growth.max(sum);
    causes.sort_by(|a, b| {
        explains(b)
            .total_cmp(&explains(a))
            .then(a.stage.cmp(&b.stage))
    });
    for rank in 0..causes.len() {
        let is = explains(&causes[rank]);
        let next = causes.get(rank + 1).map_or(0.0, explains);
        let noise = |cause: Option<&Cause>| cause.map_or(0.0, |it| stages[it.stage].growth.noise);
        let apart = noise(Some(&causes[rank])).hypot(noise(causes.get(rank + 1)));
        causes[rank].share = if of > 0.0 {
            (is / of).clamp(0.0, 1.0)
        } else {
            0.0
        };
        causes[rank].confidence = if is > next {
            crate::normal::below((is - next) / apart.max(1e-300))
        } else {
            0.5
        };
    }
    Bottleneck {
        seconds: (whole.before, whole.after),
        deviations: growth / whole.noise.max(1e-300),
        unexplained: if of > 0.0 {
            (1.0 - sum / of).clamp(0.0, 1.0)
        } else {
            0.0
        },
        causes,
    }
}

fn check(
    path: &RequestPath<'_>,
    before: &Range<usize>,
    after: &Range<usize>,
) -> Result<(), BottleneckError> {
    let wanted = path.whole.len();
    let mut slices = vec![("arrivals".to_owned(), path.arrivals.len())];
    if !path.workers.is_empty() {
        slices.push(("workers".to_owned(), path.workers.len()));
    }
    for stage in path.stages {
        slices.push((format!("seconds of {}", stage.name), stage.seconds.len()));
        slices.push((format!("calls of {}", stage.name), stage.calls.len()));
    }
    for (what, given) in slices {
        if given != wanted {
            return Err(BottleneckError::Length {
                what,
                given,
                wanted,
            });
        }
    }
    for (which, window) in [("before", before), ("after", after)] {
        if window.len() < STEPS_MIN || window.end > wanted || before.end > after.start {
            return Err(BottleneckError::Window {
                which,
                given: window.clone(),
                len: wanted,
            });
        }
    }
    Ok(())
}
