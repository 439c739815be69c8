//! Simulations in a running server.
//!
//! ## Model
//! An alert is made by its rule and goes through a copy of the machine that notifies
//! ([`bellwether_notify::Machine::rehearsal`]): in real time, by a runner of its own, whose rows stand in
//! the timeline ([`live`]); or at once, with times that are only thought ([`projection`]). Of an outage
//! the rules say which alerts it would cause; their way is always a projection.
//!
//! ## Invariants
//! Nothing leaves the server unless people are to be told. The machine that notifies is looked at, and
//! never changed: at the begin, and before each notification that is sent, for silences made since.
//!
//! ## Limits
//! [`RUNNING_MAX`] alerts in real time at once, [`PROJECTIONS_MAX`] projections, one outage at a time and
//! for at most [`OUTAGE_TIME`]; bounded steps and texts.
//! A restart ends all of them.

mod live;
mod projection;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bellwether_model::{ALERT_NAME, Alert, AlertFingerprint, Labels};
use bellwether_notify::external::dress;
use bellwether_notify::receivers::Senders;
use bellwether_notify::{Runner, simulated_labels};
use bellwether_promql::{CancelToken, Features};
use bellwether_rules::Manager;
use bellwether_rules::simulate::{
    CausedAlert, Described, MadeAlert, Outage, OutageOutcome, SimulateError,
};
use bellwether_server::{
    AlertSimulation, BoxFuture, OutageAlert, OutageReport, OutageSimulation, OutageTarget,
    SimulatedAlert, SimulationError, SimulationReport, SimulationStep, Simulator,
};
use bellwether_storage::{Clock, ErrorKind, Timeline, TimelineKind, TimelineRow};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;

use crate::alerting::Dress;
use live::Live;
use projection::{Event, project};

/// Simulations in real time at once. Chosen: more than people look at.
const RUNNING_MAX: usize = 10;
/// Alerts whose way is projected at once.
const PROJECTIONS_MAX: usize = 2;
/// Simulations that are remembered.
const REPORTS_MAX: usize = 50;
/// An outage may take so long to be evaluated.
const OUTAGE_TIME: Duration = Duration::from_secs(120);
/// Alerts of an outage that people are told of fire so long, ms.
const PAGED_MS: i64 = 60_000;

/// What simulations work with.
#[derive(Debug)]
pub(crate) struct SimulationParts {
    pub(crate) runner: Runner,
    pub(crate) senders: Arc<Senders>,
    pub(crate) timeline: Arc<dyn Timeline>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rules: Manager,
    pub(crate) dress: Arc<RwLock<Dress>>,
    pub(crate) features: Features,
}

/// See the module's page. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Simulations(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: SimulationParts,
    /// By number. Held for moments only.
    known: Mutex<BTreeMap<u64, Live>>,
    next: AtomicU64,
    outages: Arc<Semaphore>,
    projections: Arc<Semaphore>,
    /// Held while one begins: one after another.
    beginning: Mutex<()>,
}

impl Simulations {
    pub(crate) fn new(parts: SimulationParts) -> Self {
        // Numbers of the run before are not given again.
        let first = u64::try_from(parts.clock.now_ms()).unwrap_or(0);
        Self(Arc::new(Inner {
            parts,
            known: Mutex::default(),
            next: AtomicU64::new(first),
            outages: Arc::new(Semaphore::new(1)),
            projections: Arc::new(Semaphore::new(PROJECTIONS_MAX)),
            beginning: Mutex::default(),
        }))
    }

    /// Ends all of them.
    pub(crate) fn stop(&self) {
        for live in self.0.known.lock().values() {
            live.stop();
        }
    }
}

impl Inner {
    fn alert(
        self: &Arc<Self>,
        wanted: &AlertSimulation,
    ) -> Result<SimulationReport, SimulationError> {
        let now_ms = self.parts.clock.now_ms();
        let described = Described {
            name: wanted.name.clone(),
            labels: wanted.labels.clone(),
            annotations: wanted.annotations.clone(),
            value: wanted.value,
        };
        let made = self
            .parts
            .rules
            .make_alert(&described, now_ms)
            .map_err(|error| refused(&error))?;
        let mut alerts = Vec::new();
        for made in made {
            alerts.push(self.dressed(&made, now_ms).ok_or_else(|| {
                let text = "alert_relabel_configs drop this alert: no receiver is ever told of it";
                error(ErrorKind::Invalid, text)
            })?);
        }
        if !wanted.is_fast {
            return self.begin(alerts, wanted.hold_ms, wanted.pages);
        }
        let mut events = Vec::new();
        for (alert, shown) in &alerts {
            let fires_ms = now_ms.saturating_add(shown.for_ms);
            let ends_ms = fires_ms.saturating_add(wanted.hold_ms);
            events.extend(Event::life(alert, now_ms, Some(fires_ms), Some(ends_ms)));
        }
        let machine = self
            .parts
            .runner
            .look(|machine, now_ms| machine.rehearsal(now_ms));
        let projected = project(machine, events, None, &self.parts.senders);
        Ok(SimulationReport {
            id: String::new(),
            begun_ms: now_ms,
            pages: false,
            is_over: true,
            alerts: alerts.into_iter().map(|(_, shown)| shown).collect(),
            steps: projected.steps,
        })
    }

    /// Begins a simulation in real time.
    fn begin(
        self: &Arc<Self>,
        alerts: Vec<(Alert, SimulatedAlert)>,
        hold_ms: i64,
        pages: bool,
    ) -> Result<SimulationReport, SimulationError> {
        let _one_at_a_time = self.beginning.lock();
        let mut known = self.known.lock();
        let running = known.values().filter(|live| !live.is_over()).count();
        if running >= RUNNING_MAX {
            let text = format!("{running} simulations run, and there may be {RUNNING_MAX}");
            return Err(error(ErrorKind::Limit, &text));
        }
        while known.len() >= REPORTS_MAX {
            let over = known.iter().find(|(_, live)| live.is_over());
            let Some(number) = over.map(|(number, _)| *number) else {
                break;
            };
            known.remove(&number);
        }
        drop(known);
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (alerts, shown): (Vec<Alert>, Vec<SimulatedAlert>) = alerts.into_iter().unzip();
        let report = SimulationReport {
            id: number.to_string(),
            begun_ms: self.parts.clock.now_ms(),
            pages,
            is_over: false,
            alerts: shown,
            steps: Vec::new(),
        };
        let live = Live::begin(&self.parts, report.clone(), alerts, hold_ms);
        self.known.lock().insert(number, live);
        Ok(report)
    }

    /// The alert as receivers would know it; `None`: relabelling drops it.
    fn dressed(&self, made: &MadeAlert, now_ms: i64) -> Option<(Alert, SimulatedAlert)> {
        let known = self.parts.dress.read();
        let alert = Alert {
            labels: made.labels.clone(),
            annotations: made.annotations.clone(),
            starts_ms: now_ms,
            ends_ms: None,
            times_out: false,
            updated_ms: now_ms,
            generator_url: made.generator_url.clone(),
        };
        let mut alert = dress(alert, &known.external_labels, &known.relabel)?;
        alert.labels = simulated_labels(&alert.labels);
        let shown = SimulatedAlert {
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            group: made.group.clone(),
            file: made.file.clone(),
            for_ms: made.for_ms,
        };
        Some((alert, shown))
    }

    /// What the rules say of an outage. Blocks.
    fn caused(
        &self,
        wanted: &OutageSimulation,
        now_ms: i64,
        cancel: CancelToken,
    ) -> Result<OutageOutcome, SimulationError> {
        let outage = Outage {
            targets: wanted.targets.clone(),
            from_ms: now_ms.saturating_sub(wanted.duration_ms),
            to_ms: now_ms,
            features: self.parts.features,
            cancel,
        };
        self.parts
            .rules
            .outage(&outage)
            .map_err(|error| refused(&error))
    }

    /// Sends the alerts of an outage through a rehearsal, as if it began now.
    fn report(
        self: &Arc<Self>,
        wanted: &OutageSimulation,
        now_ms: i64,
        outcome: OutageOutcome,
        cancel: &CancelToken,
    ) -> Result<OutageReport, SimulationError> {
        let mut events = Vec::new();
        let mut ways: Vec<(&CausedAlert, Option<(Alert, SimulatedAlert)>)> = Vec::new();
        for caused in &outcome.caused {
            let at = |after_ms: i64| now_ms.saturating_add(after_ms);
            let dressed = self.dressed(&caused.alert, now_ms);
            if let Some((alert, _)) = &dressed {
                let fires_ms = caused.fired_after_ms.map(at);
                let ends_ms = caused.ended_after_ms.map(at);
                events.extend(Event::life(
                    alert,
                    at(caused.active_after_ms),
                    fires_ms,
                    ends_ms,
                ));
            }
            ways.push((caused, dressed));
        }
        let until_ms = now_ms.saturating_add(wanted.duration_ms);
        let machine = self
            .parts
            .runner
            .look(|machine, now_ms| machine.rehearsal(now_ms));
        let projected = project(machine, events, Some(until_ms), &self.parts.senders);
        let told_ms = |alert: &Alert| {
            let time_ms = projected.told.get(&AlertFingerprint::of(&alert.labels))?;
            Some(time_ms.saturating_sub(now_ms))
        };
        let targets = outcome.targets.iter().map(|target| {
            let noticing = ways
                .iter()
                .filter(|(caused, _)| caused.fired_after_ms.is_some())
                .filter(|(caused, _)| caused.tells_of(target, &outcome.targets));
            let names: BTreeSet<String> = noticing
                .clone()
                .map(|(caused, _)| name(&caused.alert.labels).to_owned())
                .collect();
            let mut dressed = noticing.filter_map(|(_, dressed)| dressed.as_ref());
            OutageTarget {
                labels: target.clone(),
                alerts: names.into_iter().collect(),
                is_told: dressed.any(|(alert, _)| told_ms(alert).is_some()),
            }
        });
        let targets = targets.collect();
        let alerts = ways.iter().map(|(caused, dressed)| OutageAlert {
            alert: match dressed {
                Some((_, shown)) => shown.clone(),
                None => shown(&caused.alert),
            },
            active_after_ms: caused.active_after_ms,
            fired_after_ms: caused.fired_after_ms,
            told_after_ms: dressed.as_ref().and_then(|(alert, _)| told_ms(alert)),
        });
        let alerts = alerts.collect();
        // Nobody waits for the answer any more: nobody is to be paged for it.
        let simulation = if wanted.pages && !cancel.is_cancelled() {
            let firing: Vec<(Alert, SimulatedAlert)> = ways
                .into_iter()
                .filter(|(caused, _)| caused.fired_after_ms.is_some())
                .filter_map(|(_, dressed)| dressed)
                .collect();
            match firing.is_empty() {
                true => None,
                false => Some(self.begin(firing, PAGED_MS, true)?.id),
            }
        } else {
            None
        };
        Ok(OutageReport {
            begun_ms: now_ms,
            duration_ms: wanted.duration_ms,
            targets,
            alerts,
            anyway_count: outcome.anyway_count,
            lost: outcome.lost,
            failed: outcome.failed,
            steps: projected.steps,
            simulation,
        })
    }
}

impl Simulator for Simulations {
    fn alert(
        &self,
        wanted: AlertSimulation,
    ) -> BoxFuture<Result<SimulationReport, SimulationError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let permit = match wanted.is_fast {
                true => Some(Arc::clone(&inner.projections).try_acquire_owned()),
                false => None,
            };
            let Ok(permit) = permit.transpose() else {
                let text =
                    format!("{PROJECTIONS_MAX} alerts are being projected: want no more at once");
                return Err(error(ErrorKind::Limit, &text));
            };
            // Templates of rules may ask queries, and those of receivers take their time.
            let work = blocking(move || {
                let _permit = permit;
                inner.alert(&wanted)
            });
            work.await
        })
    }

    fn outage(&self, wanted: OutageSimulation) -> BoxFuture<Result<OutageReport, SimulationError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let Ok(permit) = Arc::clone(&inner.outages).try_acquire_owned() else {
                let text = "an outage is being simulated: want one at a time";
                return Err(error(ErrorKind::Limit, text));
            };
            let cancel = CancelToken::default();
            // Where the client is gone, or it takes too long, the work ends all the same.
            let guard = CancelOnDrop(cancel.clone());
            let work = blocking(move || {
                let _permit = permit;
                let now_ms = inner.parts.clock.now_ms();
                let outcome = inner.caused(&wanted, now_ms, cancel.clone())?;
                inner.report(&wanted, now_ms, outcome, &cancel)
            });
            let report = tokio::time::timeout(OUTAGE_TIME, work).await;
            drop(guard);
            report.unwrap_or_else(|_| {
                let text = format!(
                    "evaluating the rules took longer than {OUTAGE_TIME:?}: want a shorter outage"
                );
                Err(error(ErrorKind::Timeout, &text))
            })
        })
    }

    fn report(&self, id: &str) -> Option<SimulationReport> {
        let known = self.0.known.lock();
        known.get(&id.parse().ok()?).map(Live::report)
    }

    fn end(&self, id: &str) -> Option<SimulationReport> {
        let known = self.0.known.lock();
        let live = known.get(&id.parse().ok()?)?;
        live.end();
        Some(live.report())
    }

    fn reports(&self) -> Vec<SimulationReport> {
        let known = self.0.known.lock();
        known.values().rev().map(Live::report).collect()
    }
}

/// Cancels when dropped.
#[derive(Debug)]
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SimulationError> + Send + 'static,
) -> Result<T, SimulationError> {
    let worker = tokio::runtime::Handle::current();
    // Simulations in real time begin on it.
    let task = tokio::task::spawn_blocking(move || {
        let _entered = worker.enter();
        work()
    });
    task.await.unwrap_or_else(|failed| {
        tracing::error!(error = %failed, "a simulation panicked");
        Err(error(
            ErrorKind::Internal,
            "the simulation panicked; see the log",
        ))
    })
}

fn error(kind: ErrorKind, text: &str) -> SimulationError {
    SimulationError {
        kind,
        text: text.to_owned(),
    }
}

fn name(labels: &Labels) -> &str {
    labels.get(ALERT_NAME).unwrap_or("")
}

fn shown(made: &MadeAlert) -> SimulatedAlert {
    SimulatedAlert {
        labels: made.labels.clone(),
        annotations: made.annotations.clone(),
        group: made.group.clone(),
        file: made.file.clone(),
        for_ms: made.for_ms,
    }
}

/// A step that a row of the timeline is; `None`: it tells nothing that the next does not.
fn step_of(
    row: &TimelineRow,
    texts: impl FnOnce() -> Vec<(String, String)>,
) -> Option<SimulationStep> {
    if row.kind == TimelineKind::Notifying {
        return None;
    }
    let is_sent = row.kind == TimelineKind::Notified;
    Some(SimulationStep {
        time_ms: row.time_ms,
        kind: row.kind.as_str(),
        labels: row.labels.clone(),
        text: row.cause.clone(),
        receiver: row.receiver.clone(),
        texts: if is_sent { texts() } else { Vec::new() },
    })
}

fn refused(error: &SimulateError) -> SimulationError {
    SimulationError {
        kind: error.kind(),
        text: error.to_string(),
    }
}
