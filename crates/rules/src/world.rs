//! What rules are evaluated with.

use std::fmt::Debug;
use std::sync::Arc;

use bellwether_model::{Alert, Labels, Value};
use bellwether_promql::{CancelToken, Engine, Prepared, QueryRequest, QueryValue, VectorSample};
use bellwether_storage::{Clock, MetricStore, Timeline};
use bellwether_template::functions::prometheus::{self, HistogramValue, Sample};
use bellwether_template::{Functions, Value as TemplateValue};
use tokio::sync::Semaphore;

use crate::error::EvaluationError;
use crate::evidence::EvidenceSink;
use crate::keeper::Keeper;
use crate::metrics::RuleMetrics;

/// Takes alerts that fire or have ended: whoever notifies.
pub trait AlertSink: Send + Sync + Debug {
    /// Takes alerts. May be called from any thread; what it cannot take it has to say itself.
    fn send(&self, alerts: Vec<Alert>);
}

/// Times of alerts that no rule file says, ms. The defaults are those of Prometheus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleOptions {
    /// An alert that fires on is sent again after this.
    pub resend_delay_ms: i64,
    /// A `for` goes on after an outage of at most this.
    pub outage_tolerance_ms: i64,
    /// After an outage, an alert whose `for` is at least this fires after this at the earliest.
    pub grace_period_ms: i64,
}

impl Default for RuleOptions {
    fn default() -> Self {
        Self {
            resend_delay_ms: 60_000,
            outage_tolerance_ms: 60 * 60_000,
            grace_period_ms: 10 * 60_000,
        }
    }
}

/// What groups share and what outlives a reload.
#[derive(Debug)]
pub struct World {
    pub(crate) store: Arc<dyn MetricStore>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) sink: Option<Arc<dyn AlertSink>>,
    pub(crate) timeline: Option<Arc<dyn Timeline>>,
    pub(crate) evidence: Option<Arc<dyn EvidenceSink>>,
    pub(crate) keeper: Option<Keeper>,
    pub(crate) metrics: RuleMetrics,
    pub(crate) options: RuleOptions,
    /// One permit for each core, of which every turn of a group holds one. Without it rules are
    /// evaluated one after another.
    pub(crate) workers: Option<Arc<Semaphore>>,
}

impl World {
    /// A world in which alerts go nowhere and nothing is kept but samples: for tests of rules and for
    /// evaluations of the past.
    #[must_use]
    pub fn closed(
        store: Arc<dyn MetricStore>,
        engine: Arc<Engine>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            store,
            engine,
            clock,
            sink: None,
            timeline: None,
            evidence: None,
            keeper: None,
            metrics: RuleMetrics::unseen(),
            options: RuleOptions::default(),
            workers: None,
        })
    }

    /// The elements that a query gives at a time; a scalar is an element without labels.
    pub(crate) fn query(
        &self,
        query: &Prepared,
        time_ms: i64,
        cancel: &CancelToken,
    ) -> Result<Vec<VectorSample>, EvaluationError> {
        let request = QueryRequest {
            cancel: cancel.clone(),
            ..QueryRequest::default()
        };
        let store = self.store.as_ref();
        let outcome = self
            .engine
            .instant_prepared(store, query, time_ms, &request)?;
        match outcome.value {
            QueryValue::Vector(samples) => Ok(samples),
            QueryValue::Scalar { time_ms, value } => Ok(vec![VectorSample {
                labels: Labels::empty(),
                time_ms,
                value: Value::Float(value),
            }]),
            other => Err(EvaluationError::NotVector(other.type_name())),
        }
    }
}

/// What the configuration says beside the rules. Part of what a rule means: templates see it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Surroundings {
    /// The labels of this server, `$externalLabels`.
    pub external_labels: Labels,
    /// Where people reach this server, `$externalURL`.
    pub external_url: String,
    /// How far in the past rules are evaluated whose group does not say, ms.
    pub query_offset_ms: i64,
}

/// [`Surroundings`] as groups hold them.
#[derive(Debug)]
pub(crate) struct Externals {
    pub(crate) given: Surroundings,
    pub(crate) url: Arc<str>,
    pub(crate) library: Arc<Functions>,
}

impl Externals {
    pub(crate) fn new(given: Surroundings) -> Arc<Self> {
        Arc::new(Self {
            url: given.external_url.as_str().into(),
            library: Arc::new(prometheus::library(&given.external_url)),
            given,
        })
    }
}

/// The functions that templates have at one time.
pub(crate) fn functions_at(
    world: &World,
    externals: &Externals,
    time_ms: i64,
    cancel: &CancelToken,
) -> Functions {
    let (store, engine) = (Arc::clone(&world.store), Arc::clone(&world.engine));
    let cancel = cancel.clone();
    let library = Arc::clone(&externals.library);
    prometheus::at(library, time_ms, move |query| {
        let request = QueryRequest {
            cancel: cancel.clone(),
            ..QueryRequest::default()
        };
        let outcome = engine
            .instant(store.as_ref(), query, time_ms, &request)
            .map_err(|error| error.to_string())?;
        match outcome.value {
            QueryValue::Vector(samples) => Ok(samples
                .into_iter()
                .map(|sample| Sample {
                    value: template_value(&sample.value),
                    labels: sample.labels,
                })
                .collect()),
            QueryValue::Scalar { value, .. } => Ok(vec![Sample {
                labels: Labels::empty(),
                value: TemplateValue::Float(value),
            }]),
            other => Err(EvaluationError::NotVector(other.type_name()).to_string()),
        }
    })
}

/// A value as templates see it.
pub(crate) fn template_value(value: &Value) -> TemplateValue {
    match value {
        Value::Float(value) => TemplateValue::Float(*value),
        Value::Histogram(histogram) => TemplateValue::object(HistogramValue(Arc::clone(histogram))),
    }
}
