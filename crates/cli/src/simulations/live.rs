//! A simulation in real time.
//!
//! ## Model
//! A [`Runner`] of its own drives the rehearsal. What it writes into its timeline is written into that
//! of the server with the label of simulations, and becomes steps; what it delivers is rendered, and
//! sent only where people are to be told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::{Alert, Labels, short_to};
use bellwether_notify::receivers::Senders;
use bellwether_notify::{
    AttemptError, BoxFuture, Deliver, Delivery, Plan, Runner, RunnerParts, simulated_row,
};
use bellwether_server::{SimulationReport, SimulationStep};
use bellwether_storage::{
    Clock, MemoryStateStore, StorageError, Timeline, TimelineKind, TimelineQuery, TimelineRow,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::projection::{NOT_SENT, grouped};
use super::steps::Budget;
use super::{SimulationParts, step_of};

/// How often it is looked whether all groups are gone.
const LOOK: Duration = Duration::from_millis(200);
/// Where a receiver does not take the end, it is waited for so long beyond its groups' intervals.
const END_WAIT: Duration = Duration::from_secs(60);
/// Characters of a text in the timeline. Chosen: a notification on a screen.
const DETAIL_CHARS_MAX: usize = 2_000;
/// What stands in place of a receiver's answer where a silence was made meanwhile.
const SILENCED: &str = "silenced meanwhile, not sent";

/// A receiver and the key of a group.
type Place = (String, String);
/// What is sent, by the setting that it stands in.
type Texts = Vec<(String, String)>;

/// See the module's page.
#[derive(Debug)]
pub(super) struct Live {
    shared: Arc<Shared>,
    end: watch::Sender<bool>,
    stop: watch::Sender<bool>,
}

#[derive(Debug)]
struct Shared {
    /// Held for moments only.
    report: Mutex<SimulationReport>,
    /// What of steps may still be told. Held for moments only.
    budget: Mutex<Budget>,
    /// What is sent of groups, by receiver and key, until it stands in a row. Held for moments only.
    texts: Mutex<BTreeMap<Place, Texts>>,
}

impl Shared {
    fn push(&self, step: SimulationStep) {
        let mut budget = self.budget.lock();
        budget.push(&mut self.report.lock().steps, step);
    }
}

impl Live {
    /// Begins it: the alerts fire now, and end after a while. Must be called on a runtime.
    pub(super) fn begin(
        parts: &SimulationParts,
        report: SimulationReport,
        alerts: Vec<Alert>,
        hold_ms: i64,
    ) -> Self {
        let pages = report.pages;
        let waits: Vec<(i64, SimulationStep)> = report
            .alerts
            .iter()
            .filter(|alert| alert.for_ms > 0)
            .map(|alert| {
                let wait = bellwether_model::time::DurationText(alert.for_ms);
                let step = SimulationStep {
                    time_ms: report.begun_ms,
                    kind: TimelineKind::Pending.as_str(),
                    labels: alert.labels.clone(),
                    text: format!("its rule waits for {wait}; the simulation does not"),
                    receiver: String::new(),
                    texts: Vec::new(),
                };
                (alert.for_ms, step)
            })
            .collect();
        let shared = Arc::new(Shared {
            report: Mutex::new(report),
            budget: Mutex::default(),
            texts: Mutex::default(),
        });
        let machine = parts
            .runner
            .look(|machine, now_ms| machine.rehearsal(now_ms));
        let plan = Arc::clone(machine.plan());
        let timeline = Recorder {
            shared: Arc::clone(&shared),
            timeline: Arc::clone(&parts.timeline),
        };
        let pending: Vec<TimelineRow> = waits
            .iter()
            .map(|(_, step)| TimelineRow {
                time_ms: step.time_ms,
                kind: TimelineKind::Pending,
                labels: step.labels.clone(),
                cause: step.text.clone(),
                receiver: String::new(),
                group: String::new(),
                detail: String::new(),
            })
            .collect();
        if !pending.is_empty()
            && let Err(error) = timeline.append(&pending)
        {
            tracing::error!(%error, "rows of a simulation are not kept");
        }
        let runner = Runner::new(RunnerParts {
            machine,
            state: Arc::new(MemoryStateStore::default()),
            timeline: Arc::new(timeline),
            clock: Arc::clone(&parts.clock),
            deliver: Arc::new(Stage {
                shared: Arc::clone(&shared),
                senders: Arc::clone(&parts.senders),
                plan: Arc::clone(&plan),
                real: parts.runner.clone(),
                pages,
            }),
        });
        let (end, stop) = (watch::Sender::new(false), watch::Sender::new(false));
        let play = Play {
            runner,
            plan,
            shared: Arc::clone(&shared),
            clock: Arc::clone(&parts.clock),
            end: end.subscribe(),
            stop: stop.subscribe(),
        };
        tokio::spawn(play.go(alerts, Duration::from_millis(hold_ms.unsigned_abs())));
        Self { shared, end, stop }
    }

    pub(super) fn report(&self) -> SimulationReport {
        self.shared.report.lock().clone()
    }

    pub(super) fn is_over(&self) -> bool {
        self.shared.report.lock().is_over
    }

    /// Lets the alerts end now; whoever was told of them is told of that.
    pub(super) fn end(&self) {
        self.end.send_replace(true);
    }

    /// Ends it where it stands.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// What goes on.
struct Play {
    runner: Runner,
    plan: Arc<Plan>,
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    end: watch::Receiver<bool>,
    stop: watch::Receiver<bool>,
}

impl Play {
    async fn go(mut self, alerts: Vec<Alert>, hold: Duration) {
        let runner = self.runner.clone();
        let running = tokio::spawn(async move { runner.run().await });
        self.tell(alerts.clone(), false).await;
        let mut end = self.end.clone();
        let is_stopped = tokio::select! {
            is_stopped = self.waits(hold) => is_stopped,
            _ = end.wait_for(|end| *end) => false,
        };
        if !is_stopped {
            self.tell(alerts, true).await;
            let intervals = self.plan.routes.routes().iter();
            let interval_ms = intervals.map(|route| route.group_interval_ms).max();
            let interval_ms = u64::try_from(interval_ms.unwrap_or(0)).unwrap_or(0);
            let mut left = END_WAIT + 2 * Duration::from_millis(interval_ms);
            while self.runner.look(|machine, _| machine.group_count()) > 0 && !left.is_zero() {
                if self.waits(LOOK).await {
                    break;
                }
                left = left.saturating_sub(LOOK);
            }
        }
        self.runner.stop();
        if let Err(error) = running.await {
            tracing::error!(%error, "a simulation ended");
        }
        self.shared.report.lock().is_over = true;
    }

    /// Waits. Says whether it is to end before its time.
    async fn waits(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => false,
            _ = self.stop.wait_for(|stop| *stop) => true,
        }
    }

    /// Says that the alerts fire, or have ended.
    async fn tell(&self, mut alerts: Vec<Alert>, has_ended: bool) {
        let (runner, shared) = (self.runner.clone(), Arc::clone(&self.shared));
        let now_ms = self.clock.now_ms();
        for alert in &mut alerts {
            alert.updated_ms = now_ms;
            alert.ends_ms = has_ended.then_some(now_ms);
        }
        // The timeline blocks.
        let told = tokio::task::spawn_blocking(move || {
            let kept = runner.with(|machine, now_ms| {
                machine.receive(alerts, now_ms);
                grouped(machine, &mut BTreeSet::new(), now_ms)
            });
            match kept {
                Ok(steps) if !has_ended => steps.into_iter().for_each(|step| shared.push(step)),
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "a simulation cannot be kept"),
            }
        });
        if let Err(error) = told.await {
            tracing::error!(%error, "a simulation panicked");
        }
    }
}

/// The timeline of a simulation: that of the server, and its steps.
#[derive(Debug)]
struct Recorder {
    shared: Arc<Shared>,
    timeline: Arc<dyn Timeline>,
}

impl Timeline for Recorder {
    fn append(&self, rows: &[TimelineRow]) -> Result<(), StorageError> {
        let mut told: BTreeSet<(String, String)> = BTreeSet::new();
        let mut marked = Vec::with_capacity(rows.len());
        let mut steps = Vec::new();
        for row in rows {
            let mut row = simulated_row(row);
            if row.kind == TimelineKind::Notified {
                let place = (row.receiver.clone(), row.group.clone());
                let texts = self.shared.texts.lock().get(&place).cloned();
                let texts = texts.unwrap_or_default();
                row.detail = detail(&texts);
                // One step for all alerts of a notification.
                if told.insert(place) {
                    steps.extend(step_of(&row, || texts));
                }
            } else {
                steps.extend(step_of(&row, Vec::new));
            }
            marked.push(row);
        }
        self.timeline.append(&marked)?;
        // Rows that could not be kept come again.
        steps.into_iter().for_each(|step| self.shared.push(step));
        Ok(())
    }

    fn query(&self, query: &TimelineQuery<'_>) -> Result<Vec<TimelineRow>, StorageError> {
        self.timeline.query(query)
    }
}

/// What a row keeps of the texts that were sent, or would have been.
fn detail(texts: &[(String, String)]) -> String {
    let entries = texts.iter().map(|(setting, text)| {
        let text = short_to(text, DETAIL_CHARS_MAX).to_string();
        (setting.clone(), Value::from(text))
    });
    json!({ "simulated": true, "texts": Value::Object(entries.collect()) }).to_string()
}

/// Where notifications of a simulation go.
#[derive(Debug)]
struct Stage {
    shared: Arc<Shared>,
    senders: Arc<Senders>,
    plan: Arc<Plan>,
    /// Knows what people have silenced since.
    real: Runner,
    pages: bool,
}

impl Deliver for Stage {
    fn attempt(&self, delivery: Arc<Delivery>) -> BoxFuture<Result<String, AttemptError>> {
        let (shared, senders) = (Arc::clone(&self.shared), Arc::clone(&self.senders));
        let is_silenced = |labels: &Labels| {
            let silenced_by = self
                .real
                .look(|machine, now_ms| machine.suppression(labels, now_ms).silenced_by);
            !silenced_by.is_empty()
        };
        // Ends are told even so: whoever was told of the begin waits for them.
        let mut firing = delivery
            .alerts
            .iter()
            .filter(|alert| alert.ends_ms.is_none());
        let all_silenced =
            firing.clone().next().is_some() && firing.all(|alert| is_silenced(&alert.labels));
        let marked = (*delivery).clone().marked_as_simulated();
        let name = self
            .plan
            .integration_name(&delivery.receiver, delivery.integration);
        let place = (
            format!("{}/{name}", delivery.receiver),
            marked.group_key.clone(),
        );
        let pages = self.pages;
        Box::pin(async move {
            let shown = if pages { &marked } else { &*delivery };
            let texts = senders.rehearse(shown)?;
            shared.texts.lock().insert(place, texts);
            if !pages {
                return Ok(NOT_SENT.to_owned());
            }
            if all_silenced {
                return Ok(SILENCED.to_owned());
            }
            senders.attempt(Arc::new(marked)).await
        })
    }
}
