//! What a scaler sees at a turn: its queries, answered, as signals.

use std::sync::Arc;

use bellwether_model::Value;
use bellwether_promql::{CancelToken, Engine, Prepared, QueryRequest, QueryValue};
use bellwether_scale::{Fault, Measured, Signal, Signals, Unusable};
use bellwether_storage::MetricStore;

use super::settings::{ScalerSettings, SignalName};
use super::status::SignalProblem;
use crate::error::RulesError;

/// The queries of a scaler, read once.
#[derive(Debug)]
pub(super) struct Looks {
    queries: Vec<(SignalName, Prepared)>,
    /// How old a sample may be.
    lookback_ms: i64,
}

/// What the queries gave.
#[derive(Debug, Default)]
pub(super) struct Seen {
    values: Vec<(SignalName, f64)>,
    pub(super) problems: Vec<SignalProblem>,
}

/// What is known of the pool beside its signals.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// How many workers it was told to have.
    pub(super) workers: Option<u32>,
    /// How many of these had time enough to start.
    pub(super) started: Option<u32>,
}

impl Looks {
    /// Reads the queries.
    ///
    /// # Errors
    /// The first that is none.
    pub(super) fn of(settings: &ScalerSettings, engine: &Engine) -> Result<Self, RulesError> {
        let queries = settings.signals.iter();
        let queries = queries.map(|(name, text)| {
            let query = engine.prepare(text).map_err(|error| RulesError::Signal {
                scaler: settings.name.clone(),
                signal: name.as_str(),
                source: Box::new(error),
            })?;
            Ok((*name, query))
        });
        Ok(Self {
            queries: queries.collect::<Result<_, _>>()?,
            lookback_ms: settings.policy.stale_after_ms,
        })
    }

    /// Asks all queries.
    pub(super) fn ask(
        &self,
        store: &Arc<dyn MetricStore>,
        engine: &Engine,
        time_ms: i64,
        cancel: &CancelToken,
    ) -> Seen {
        let request = QueryRequest {
            lookback_ms: Some(self.lookback_ms),
            cancel: cancel.clone(),
            ..QueryRequest::default()
        };
        let mut seen = Seen::default();
        for (name, query) in &self.queries {
            let outcome = engine.instant_prepared(store.as_ref(), query, time_ms, &request);
            let value = outcome
                .map_err(|error| error.to_string())
                .and_then(|outcome| one_value(&outcome.value));
            match value {
                Ok(Some(value)) => seen.values.push((*name, value)),
                Ok(None) => {}
                Err(text) => seen.problems.push(SignalProblem {
                    signal: *name,
                    text,
                }),
            }
        }
        seen
    }

    /// Whether there is a query for a signal.
    pub(super) fn has(&self, name: SignalName) -> bool {
        self.queries.iter().any(|(known, _)| *known == name)
    }

    /// The load in slots: what arrived, or what was in flight.
    pub(super) fn load(&self, seen: &Seen) -> Option<f64> {
        let offered = seen.value(SignalName::OfferedLoad);
        let waiting = seen.value(SignalName::Waiting).unwrap_or(0.0);
        let busy = seen.value(SignalName::Busy).map(|busy| busy + waiting);
        let in_flight = seen.value(SignalName::InFlight);
        let usable = |load: &f64| load.is_finite() && *load >= 0.0;
        offered.filter(usable).or(busy).or(in_flight).filter(usable)
    }

    /// Whether anything that a decision can be made of was seen.
    pub(super) fn has_load(&self, seen: &Seen) -> bool {
        let others = [
            SignalName::Waiting,
            SignalName::LatencyP95,
            SignalName::TokensPerSecond,
            SignalName::GpuCacheUse,
        ];
        self.load(seen).is_some() || others.iter().any(|name| seen.value(*name).is_some())
    }

    /// The signals of a pool at a time.
    pub(super) fn signals(
        &self,
        settings: &ScalerSettings,
        seen: &Seen,
        known: Known,
        time_ms: i64,
    ) -> Signals {
        let value = |name| seen.value(name);
        let measured = |value: Option<f64>| {
            value.map(|value| Measured {
                value,
                at_ms: time_ms,
            })
        };
        let (mut busy, mut waiting) = (value(SignalName::Busy), value(SignalName::Waiting));
        // Work in flight is both; where only it is told, all of it counts as running.
        if let (None, Some(in_flight)) = (busy, value(SignalName::InFlight)) {
            if !self.has(SignalName::Waiting) {
                waiting = Some(0.0);
            }
            busy = waiting.map(|waiting| (in_flight - waiting).max(0.0));
        }
        let workers = self.count(SignalName::Workers, seen, known.workers);
        let ready = self.count(SignalName::Ready, seen, known.started);
        let silent = value(SignalName::Silent).filter(|count| *count > 0.0);
        let silence = silent.map(|count| Unusable {
            signal: Signal::Ready,
            fault: Fault::Silent {
                count: count.min(f64::from(u32::MAX)).ceil() as u32,
            },
        });
        let target = workers.count.unwrap_or(settings.policy.workers_min.max(1));
        Signals {
            startup_ms: settings.start_up_ms,
            busy: measured(busy),
            waiting: measured(waiting),
            offered: measured(value(SignalName::OfferedLoad)),
            service_seconds: measured(value(SignalName::ServiceTime)),
            latency_p95_ms: measured(value(SignalName::LatencyP95).map(|s| s * 1_000.0)),
            tokens_per_second: measured(value(SignalName::TokensPerSecond)),
            gpu_cache_use: measured(value(SignalName::GpuCacheUse)),
            budget_left: measured(value(SignalName::BudgetLeft)),
            doubt: silence.or(workers.doubt).or(ready.doubt),
            ..Signals::at(
                time_ms,
                target,
                ready.count.unwrap_or(target).min(WORKERS_MAX),
                settings.slots_per_worker,
            )
        }
    }

    /// A number of workers: as its query says, else as it is known otherwise, which is doubtful where
    /// there is a query.
    fn count(&self, name: SignalName, seen: &Seen, otherwise: Option<u32>) -> Count {
        let told = seen.value(name);
        if let Some(count) = told.filter(|count| (0.0..=f64::from(WORKERS_MAX)).contains(count)) {
            return Count {
                count: Some(count.round() as u32),
                doubt: None,
            };
        }
        let signal = match name {
            SignalName::Workers => Signal::Target,
            _ => Signal::Ready,
        };
        Count {
            count: otherwise,
            doubt: self.has(name).then_some(Unusable {
                signal,
                fault: told.map_or(Fault::Absent, Fault::NotANumber),
            }),
        }
    }
}

/// More is no count of workers.
const WORKERS_MAX: u32 = 1_000_000_000;

#[derive(Debug, Clone, Copy)]
struct Count {
    count: Option<u32>,
    doubt: Option<Unusable>,
}

impl Seen {
    /// The value of a signal, where its query gave one.
    pub(super) fn value(&self, name: SignalName) -> Option<f64> {
        let found = self.values.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| *value)
    }

    /// How many processes share the workers.
    pub(super) fn instances(&self) -> Option<u32> {
        let count = self.value(SignalName::Instances)?;
        (1.0..=1e6).contains(&count).then(|| count.floor() as u32)
    }
}

/// The one number of a result; `None`: it is empty.
fn one_value(value: &QueryValue) -> Result<Option<f64>, String> {
    match value {
        QueryValue::Scalar { value, .. } => Ok(Some(*value)),
        QueryValue::Vector(samples) => match samples.as_slice() {
            [] => Ok(None),
            [one] => match &one.value {
                Value::Float(value) => Ok(Some(*value)),
                Value::Histogram(_) => Err("gives a histogram: want a number".to_owned()),
            },
            more => Err(format!(
                "gives {} elements: want one, such as sum() of them gives",
                more.len()
            )),
        },
        other => Err(format!("gives a {}: want a number", other.type_name())),
    }
}
