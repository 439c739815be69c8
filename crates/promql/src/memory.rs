//! The memory that running queries may hold, each and all together.
//!
//! ## Model
//! A [`MemoryBudget`] is handed to an engine with its options. Each query enters it when it begins,
//! says what it holds as it goes, and leaves it when its answer is dropped. When all of them
//! together hold too much, or the process nears its ceiling, the one that holds the most is told to
//! stop; it does so at its next check, within milliseconds.
//!
//! ## Invariants
//! No global state: engines that share a budget are given the same one. A query that was told to
//! stop counts until it has gone, and no other one is stopped for what it still holds.
//!
//! ## Limits
//! What is counted is an estimate of what the allocator is asked for: columns, samples, labels,
//! accumulators. The text of an answer is not counted: it is written piece by piece.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::QueryError;

/// The process is asked for its size each time a query has grown by so much: reading it costs about
/// as much as filling some 50 KiB.
const PROBE_STEP_BYTES: u64 = 4 << 20;

/// What queries may hold. 0: no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryLimits {
    /// Most bytes that one query may hold.
    pub query_max_bytes: u64,
    /// Most bytes that all running queries may hold together.
    pub all_max_bytes: u64,
    /// Most bytes that the process may have; beyond 19 twentieths of it queries are stopped.
    pub process_max_bytes: u64,
    /// The setting that these come from, for errors.
    pub setting: &'static str,
}

/// Asks the system how many bytes the process has; `None` where it does not say.
type Probe = Box<dyn Fn() -> Option<u64> + Send + Sync>;

/// How many queries were ended for the memory they held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryStops {
    /// By the limit of one query.
    pub query: u64,
    /// As the dearest, by the limit of all queries.
    pub all: u64,
    /// As the dearest, by the ceiling of the process.
    pub process: u64,
}

struct Shared {
    limits: MemoryLimits,
    probe: Option<Probe>,
    /// What all queries hold, and the answers that are still being written.
    held: AtomicU64,
    /// Queries and answers that are there.
    entries: Mutex<Vec<Arc<Entry>>>,
    by_query: AtomicU64,
    by_all: AtomicU64,
    by_process: AtomicU64,
}

/// See the module's page. Clones share it.
#[derive(Clone)]
pub struct MemoryBudget(Arc<Shared>);

/// No limits.
impl Default for MemoryBudget {
    fn default() -> Self {
        Self::new(MemoryLimits::default())
    }
}

impl fmt::Debug for MemoryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBudget")
            .field("limits", &self.0.limits)
            .field("held", &self.held_bytes())
            .finish_non_exhaustive()
    }
}

/// One query, or its answer.
#[derive(Debug, Default)]
struct Entry {
    /// What its intermediate results hold.
    held: AtomicU64,
    /// What stays until it ends.
    kept: AtomicU64,
    /// It has an answer and cannot be stopped any more.
    done: AtomicBool,
    /// It passed its own limit; its threads may all see that.
    over: AtomicBool,
    /// Why it was told to stop.
    stopped: OnceLock<Stopped>,
}

#[derive(Debug, Clone, Copy)]
enum Cause {
    All { bytes: u64 },
    Process { bytes: u64 },
}

#[derive(Debug, Clone, Copy)]
struct Stopped {
    cause: Cause,
    held_bytes: u64,
}

impl Entry {
    fn total(&self) -> u64 {
        self.held.load(Ordering::Relaxed) + self.kept.load(Ordering::Relaxed)
    }
}

impl MemoryBudget {
    /// A budget with these limits.
    #[must_use]
    pub fn new(limits: MemoryLimits) -> Self {
        Self::made(limits, None)
    }

    /// A budget that asks `probe` for the size of the process where that has a limit.
    #[must_use]
    pub fn with_probe(
        limits: MemoryLimits,
        probe: impl Fn() -> Option<u64> + Send + Sync + 'static,
    ) -> Self {
        let probe: Option<Probe> = (limits.process_max_bytes > 0).then(|| Box::new(probe) as _);
        Self::made(limits, probe)
    }

    fn made(limits: MemoryLimits, probe: Option<Probe>) -> Self {
        Self(Arc::new(Shared {
            limits,
            probe,
            held: AtomicU64::new(0),
            entries: Mutex::default(),
            by_query: AtomicU64::new(0),
            by_all: AtomicU64::new(0),
            by_process: AtomicU64::new(0),
        }))
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> MemoryLimits {
        self.0.limits
    }

    /// What all queries and answers hold now, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.0.held.load(Ordering::Relaxed)
    }

    /// How many queries were ended for the memory they held.
    #[must_use]
    pub fn stops(&self) -> MemoryStops {
        MemoryStops {
            query: self.0.by_query.load(Ordering::Relaxed),
            all: self.0.by_all.load(Ordering::Relaxed),
            process: self.0.by_process.load(Ordering::Relaxed),
        }
    }

    /// Counts a query from now on.
    pub(crate) fn enter(&self) -> Member {
        let entry = Arc::new(Entry::default());
        self.0.entries.lock().push(Arc::clone(&entry));
        Member {
            budget: self.clone(),
            entry,
            peak: AtomicU64::new(0),
        }
    }

    /// Tells the dearest query to stop.
    fn stop_dearest(&self, cause: Cause) {
        let entries = self.0.entries.lock();
        let leaving = entries.iter().filter(|e| e.stopped.get().is_some());
        let leaving: u64 = leaving.map(|entry| entry.total()).sum();
        let enough = match cause {
            Cause::All { .. } => {
                self.held_bytes().saturating_sub(leaving) <= self.0.limits.all_max_bytes
            }
            // How much of it the process gets back is seen when it has gone.
            Cause::Process { .. } => leaving > 0,
        };
        if enough {
            return;
        }
        let running = entries
            .iter()
            .filter(|e| e.stopped.get().is_none() && !e.done.load(Ordering::Relaxed));
        let Some(dearest) = running.max_by_key(|entry| entry.total()) else {
            return;
        };
        let held_bytes = dearest.total();
        if dearest.stopped.set(Stopped { cause, held_bytes }).is_ok() {
            let counter = match cause {
                Cause::All { .. } => &self.0.by_all,
                Cause::Process { .. } => &self.0.by_process,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A query's place in the budget; what it holds counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Member {
    budget: MemoryBudget,
    entry: Arc<Entry>,
    peak: AtomicU64,
}

impl Drop for Member {
    fn drop(&mut self) {
        let shared = &self.budget.0;
        let mut entries = shared.entries.lock();
        entries.retain(|entry| !Arc::ptr_eq(entry, &self.entry));
        shared.held.fetch_sub(self.entry.total(), Ordering::Relaxed);
    }
}

impl Member {
    /// Counts bytes that are held until [`Member::settle`] or [`Member::release`].
    pub(crate) fn hold(&self, bytes: u64) -> Result<(), QueryError> {
        if bytes == 0 {
            return self.check();
        }
        self.entry.held.fetch_add(bytes, Ordering::Relaxed);
        self.grown(bytes)
    }

    /// Counts bytes that are held until the query ends.
    pub(crate) fn keep(&self, bytes: u64) -> Result<(), QueryError> {
        self.entry.kept.fetch_add(bytes, Ordering::Relaxed);
        self.grown(bytes)
    }

    /// Fails where `bytes` more would be too many for the query, without counting them.
    pub(crate) fn peek(&self, bytes: u64) -> Result<(), QueryError> {
        self.judge(self.entry.total().saturating_add(bytes))
    }

    /// Bytes that are no longer held.
    pub(crate) fn release(&self, bytes: u64) {
        // Saturating: an estimate must never wrap around and fail a sound query.
        let less = |held: u64| Some(held.saturating_sub(bytes));
        let held = &self.entry.held;
        let (Ok(before) | Err(before)) =
            held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        let shared = &self.budget.0;
        shared.held.fetch_sub(before.min(bytes), Ordering::Relaxed);
    }

    /// What is held, without what is kept.
    pub(crate) fn held(&self) -> u64 {
        self.entry.held.load(Ordering::Relaxed)
    }

    /// Says that of all that was held since `before` was, only `bytes` are left. Not to be called
    /// while other threads of the query are at work.
    pub(crate) fn settle(&self, before: u64, bytes: u64) -> Result<(), QueryError> {
        let (held, left) = (self.held(), before + bytes);
        self.release(held.saturating_sub(left));
        self.hold(left.saturating_sub(held))
    }

    /// Says that the query has an answer of `bytes`, and holds nothing else any more.
    pub(crate) fn finish(&self, bytes: u64) {
        self.entry.done.store(true, Ordering::Relaxed);
        let shared = &self.budget.0;
        shared.held.fetch_add(bytes, Ordering::Relaxed);
        let held = self.entry.held.swap(bytes, Ordering::Relaxed);
        let kept = self.entry.kept.swap(0, Ordering::Relaxed);
        shared.held.fetch_sub(held + kept, Ordering::Relaxed);
    }

    /// The most that was held at once.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Fails where the query was told to stop.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), QueryError> {
        match self.entry.stopped.get() {
            None => Ok(()),
            Some(stopped) => Err(self.error(*stopped)),
        }
    }

    /// Judges a growth that the query itself has counted already.
    fn grown(&self, bytes: u64) -> Result<(), QueryError> {
        let shared = &self.budget.0;
        let mine = self.entry.total();
        self.peak.fetch_max(mine, Ordering::Relaxed);
        let all = shared.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.judge(mine)?;
        let limits = &shared.limits;
        if limits.all_max_bytes > 0 && all > limits.all_max_bytes {
            self.budget.stop_dearest(Cause::All { bytes: all });
        }
        if let Some(probe) = &shared.probe
            && mine / PROBE_STEP_BYTES != mine.saturating_sub(bytes) / PROBE_STEP_BYTES
            && let Some(bytes) = probe()
            && bytes > limits.process_max_bytes / 20 * 19
        {
            self.budget.stop_dearest(Cause::Process { bytes });
        }
        self.check()
    }

    fn judge(&self, held_bytes: u64) -> Result<(), QueryError> {
        let limits = &self.budget.0.limits;
        if limits.query_max_bytes == 0 || held_bytes <= limits.query_max_bytes {
            return Ok(());
        }
        if !self.entry.over.swap(true, Ordering::Relaxed) {
            self.budget.0.by_query.fetch_add(1, Ordering::Relaxed);
        }
        Err(QueryError::Memory {
            held_bytes,
            limit_bytes: limits.query_max_bytes,
            setting: limits.setting,
        })
    }

    fn error(&self, stopped: Stopped) -> QueryError {
        let limits = &self.budget.0.limits;
        let held_bytes = stopped.held_bytes;
        let setting = limits.setting;
        match stopped.cause {
            Cause::All { bytes } => QueryError::MemoryOfAll {
                held_bytes,
                all_bytes: bytes,
                limit_bytes: limits.all_max_bytes,
                setting,
            },
            Cause::Process { bytes } => QueryError::MemoryOfProcess {
                held_bytes,
                process_bytes: bytes,
                limit_bytes: limits.process_max_bytes,
                setting,
            },
        }
    }
}

/// Keeps what an answer takes counted in the budget until it, and all its clones, are dropped.
#[derive(Debug, Clone, Default)]
pub struct HeldMemory(#[expect(dead_code, reason = "held for its drop")] Option<Arc<Member>>);

impl HeldMemory {
    pub(crate) fn new(member: Member) -> Self {
        Self(Some(Arc::new(member)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(query_max_bytes: u64, all_max_bytes: u64) -> MemoryBudget {
        MemoryBudget::new(MemoryLimits {
            query_max_bytes,
            all_max_bytes,
            process_max_bytes: 0,
            setting: "the.setting",
        })
    }

    #[test]
    fn one_query_has_its_own_limit() {
        let budget = budget(1_000, 0);
        let query = budget.enter();
        query.hold(600).unwrap();
        query.keep(400).unwrap();
        let error = query.hold(1).unwrap_err().to_string();
        assert!(
            error.contains("1001 bytes")
                && error.contains("1000 bytes")
                && error.contains("the.setting"),
            "{error}"
        );
        assert_eq!(budget.stops().query, 1);
        assert_eq!(budget.held_bytes(), 1_001);
        drop(query);
        assert_eq!(budget.held_bytes(), 0);
    }

    #[test]
    fn the_dearest_is_stopped_when_all_hold_too_much() {
        let budget = budget(0, 1_000);
        let (dear, cheap, third) = (budget.enter(), budget.enter(), budget.enter());
        dear.hold(600).unwrap();
        cheap.hold(300).unwrap();
        // The one that asks goes on; it is not the dearest.
        cheap.hold(200).unwrap();
        let error = dear.check().unwrap_err().to_string();
        for part in ["600 bytes", "1100 of the 1000 bytes", "the.setting"] {
            assert!(error.contains(part), "{error}");
        }
        // While the dearest leaves, what is left of the budget counts without it.
        third.hold(400).unwrap();
        assert!(cheap.check().is_ok() && third.check().is_ok());
        assert!(dear.hold(1).is_err());
        assert_eq!(budget.stops().all, 1);
        drop(dear);
        assert_eq!(budget.held_bytes(), 900);
        // Now the one that asks is the dearest.
        assert!(cheap.hold(200).is_err());
        assert!(third.check().is_ok());
        assert_eq!(budget.stops().all, 2);
    }

    #[test]
    fn an_answer_counts_until_it_is_dropped_and_is_never_stopped() {
        let budget = budget(0, 1_000);
        let query = budget.enter();
        query.hold(300).unwrap();
        query.keep(500).unwrap();
        query.finish(700);
        assert_eq!(budget.held_bytes(), 700);
        let answer = HeldMemory::new(query);
        let copy = answer.clone();
        let other = budget.enter();
        assert!(other.hold(400).is_err());
        drop(answer);
        assert_eq!(budget.held_bytes(), 1_100);
        drop(copy);
        assert_eq!(budget.held_bytes(), 400);
    }

    #[test]
    fn settling_leaves_the_result_only() {
        let budget = budget(1_000, 0);
        let query = budget.enter();
        query.hold(100).unwrap();
        let before = query.held();
        query.hold(300).unwrap();
        query.settle(before, 50).unwrap();
        assert_eq!((query.held(), budget.held_bytes()), (150, 150));
        query.settle(before, 400).unwrap();
        assert_eq!((query.held(), budget.held_bytes()), (500, 500));
        assert!(query.settle(before, 901).is_err());
        query.release(10_000);
        assert_eq!((query.held(), budget.held_bytes()), (0, 0));
        assert_eq!(query.peak(), 1_001);
    }

    #[test]
    fn the_ceiling_of_the_process_stops_the_dearest() {
        let size = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&size);
        let limits = MemoryLimits {
            process_max_bytes: 100 << 20,
            setting: "the.setting",
            ..MemoryLimits::default()
        };
        let budget = MemoryBudget::with_probe(limits, move || Some(seen.load(Ordering::Relaxed)));
        let (dear, cheap) = (budget.enter(), budget.enter());
        dear.hold(8 << 20).unwrap();
        size.store(96 << 20, Ordering::Relaxed);
        // Small ones do not even ask.
        cheap.hold(PROBE_STEP_BYTES - 1).unwrap();
        assert!(dear.check().is_ok());
        cheap.hold(1).unwrap();
        let error = dear.check().unwrap_err().to_string();
        for part in [
            "100663296 of 104857600 bytes",
            "8388608 bytes",
            "the.setting",
        ] {
            assert!(error.contains(part), "{error}");
        }
        cheap.hold(PROBE_STEP_BYTES).unwrap();
        drop(dear);
        assert!(cheap.hold(PROBE_STEP_BYTES).is_err());
        assert_eq!(budget.stops().process, 2);
    }
}
