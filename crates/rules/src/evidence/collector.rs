//! Gathers evidence beside the rules, one turn after another.

use std::collections::BTreeSet;
use std::sync::Arc;

use bellwether_promql::{CancelToken, Engine};
use bellwether_storage::{Clock, EvidenceKey, EvidenceStore, MetricStore};
use bellwether_telemetry::{Counter, Registry};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::gather::{Sources, gather};
use super::{EvidenceSink, FiredTurn, Testimony, Witness, evidence_key};

/// Alerts of one turn of a rule that get a document. Chosen: who is told of a hundred reads one.
pub const ALERTS_PER_TURN_MAX: usize = 100;
/// Turns that may wait. Chosen: every rule of a large installation at once.
pub const TURNS_WAITING_MAX: usize = 1_000;

/// What a witness said is good for so long, ms: many rules fire at once in a storm.
const TESTIMONY_MS: i64 = 2_000;
/// A turn that has waited for so long, ms, gets no queries: the others behind it are to have their turn.
const WAITED_MS_MAX: i64 = 60_000;

/// What a collector works with.
#[derive(Debug)]
pub struct CollectorParts {
    /// What is asked.
    pub store: Arc<dyn MetricStore>,
    /// What answers queries.
    pub engine: Arc<Engine>,
    /// Where documents are kept.
    pub evidence: Arc<dyn EvidenceStore>,
    /// Knows what no query tells.
    pub witness: Arc<dyn Witness>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Takes own numbers.
    pub registry: Registry,
}

/// A turn with what the witness said when it fired.
#[derive(Debug)]
struct Waiting {
    turn: FiredTurn,
    testimony: Arc<Testimony>,
    since_ms: i64,
}

/// See the module's page. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Collector(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: CollectorParts,
    sender: mpsc::Sender<Waiting>,
    receiver: tokio::sync::Mutex<mpsc::Receiver<Waiting>>,
    /// What the witness said last.
    testimony: Mutex<Arc<Testimony>>,
    /// Firings whose documents are not kept yet.
    waiting: Mutex<BTreeSet<EvidenceKey>>,
    stopped: CancellationToken,
    /// The same for queries.
    cancel: CancelToken,
    gathered: Arc<Counter>,
    left_out: Arc<Counter>,
    failed: Arc<Counter>,
}

impl Collector {
    /// A collector that keeps turns waiting until [`Collector::run`] is awaited.
    #[must_use]
    pub fn new(parts: CollectorParts) -> Self {
        let (sender, receiver) = mpsc::channel(TURNS_WAITING_MAX);
        let count = |result| {
            parts.registry.counter(
                "bellwether_evidence_total",
                "Alerts that fired, by what became of their evidence.",
                &[("result", result)],
            )
        };
        Self(Arc::new(Inner {
            gathered: count("kept"),
            left_out: count("left_out"),
            failed: count("failed"),
            parts,
            sender,
            receiver: tokio::sync::Mutex::new(receiver),
            testimony: Mutex::default(),
            waiting: Mutex::default(),
            stopped: CancellationToken::new(),
            cancel: CancelToken::default(),
        }))
    }

    /// Gathers until [`Collector::stop`] is called.
    pub async fn run(&self) {
        let mut receiver = self.0.receiver.lock().await;
        loop {
            let turn = tokio::select! {
                biased;
                () = self.0.stopped.cancelled() => return,
                turn = receiver.recv() => turn,
            };
            let Some(turn) = turn else { return };
            let inner = Arc::clone(&self.0);
            // Queries block.
            let worked = tokio::task::spawn_blocking(move || inner.work(&turn));
            if let Err(error) = worked.await {
                tracing::error!(%error, "gathering evidence panicked");
                // What it left waiting is not known: nobody is to wait for it for ever.
                self.0.waiting.lock().clear();
            }
        }
    }

    /// Ends [`Collector::run`]; what waits is left out.
    pub fn stop(&self) {
        self.0.stopped.cancel();
        self.0.cancel.cancel();
    }

    /// Whether the evidence of a firing is still being gathered.
    #[must_use]
    pub fn is_waiting(&self, key: EvidenceKey) -> bool {
        self.0.waiting.lock().contains(&key)
    }

    /// Where documents are kept.
    #[must_use]
    pub fn evidence(&self) -> &Arc<dyn EvidenceStore> {
        &self.0.parts.evidence
    }
}

impl EvidenceSink for Collector {
    fn fired(&self, mut turn: FiredTurn) {
        let inner = &self.0;
        let more = turn.alerts.len().saturating_sub(ALERTS_PER_TURN_MAX);
        turn.alerts.truncate(ALERTS_PER_TURN_MAX);
        let keys = turn.keys();
        inner.waiting.lock().extend(keys.iter().copied());
        let mut left_out = more;
        let waiting = Waiting {
            turn,
            testimony: inner.testify(),
            since_ms: inner.parts.clock.now_ms(),
        };
        if inner.sender.try_send(waiting).is_err() {
            left_out += keys.len();
            inner.forget(&keys);
        }
        if left_out > 0 {
            inner.left_out.add(left_out as u64);
            tracing::warn!(
                left_out,
                "too many alerts fire at once to gather evidence of all"
            );
        }
    }
}

impl Inner {
    /// What the witness says now, or said a moment ago.
    fn testify(&self) -> Arc<Testimony> {
        let now_ms = self.parts.clock.now_ms();
        let mut known = self.testimony.lock();
        if (now_ms - known.time_ms).abs() > TESTIMONY_MS {
            *known = Arc::new(Testimony {
                time_ms: now_ms,
                firing: self.parts.witness.firing(),
                targets: self.parts.witness.targets(),
                entities: self.parts.witness.entities(),
            });
        }
        Arc::clone(&known)
    }

    fn work(&self, waiting: &Waiting) {
        let turn = &waiting.turn;
        let waited_ms = self.parts.clock.now_ms().saturating_sub(waiting.since_ms);
        let sources = Sources {
            store: &*self.parts.store,
            engine: &self.parts.engine,
            testimony: &waiting.testimony,
            is_late: waited_ms > WAITED_MS_MAX,
            clock: &*self.parts.clock,
            cancel: &self.cancel,
        };
        let documents: Vec<(EvidenceKey, Vec<u8>)> = gather(sources, turn)
            .into_iter()
            .map(|(key, evidence)| (key, evidence.to_json()))
            .collect();
        let count = documents.len() as u64;
        match self.parts.evidence.put(&documents) {
            Ok(()) => self.gathered.add(count),
            Err(error) => {
                self.failed.add(count);
                tracing::error!(%error, rule = %turn.rule.name, "evidence cannot be kept");
            }
        }
        self.forget(&turn.keys());
    }

    fn forget(&self, keys: &[EvidenceKey]) {
        let mut waiting = self.waiting.lock();
        for key in keys {
            waiting.remove(key);
        }
    }
}

impl FiredTurn {
    fn keys(&self) -> Vec<EvidenceKey> {
        let alerts = self.alerts.iter();
        alerts
            .map(|alert| evidence_key(&alert.labels, alert.fired_at_ms))
            .collect()
    }
}
