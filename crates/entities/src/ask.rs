//! Questions to the store.

use std::collections::BTreeMap;

use bellwether_model::{Labels, Value};
use bellwether_promql::{Engine, QueryRequest, QueryValue};
use bellwether_storage::MetricStore;

/// How long one question may take, ms.
const QUERY_MS_MAX: i64 = 5_000;

/// The store at a time.
pub(crate) struct Ask<'a> {
    pub(crate) store: &'a dyn MetricStore,
    pub(crate) engine: &'a Engine,
    pub(crate) now_ms: i64,
    /// Questions that could not be answered, by their text.
    pub(crate) failures: BTreeMap<String, String>,
}

/// A question could not be answered; which and why is among the failures. That is no answer: what was known stays.
#[derive(Debug)]
pub(crate) struct Unanswered;

impl Ask<'_> {
    /// The elements of a vector that are numbers.
    pub(crate) fn vector(&mut self, query: &str) -> Result<Vec<(Labels, f64)>, Unanswered> {
        let request = QueryRequest {
            timeout_ms: Some(QUERY_MS_MAX),
            ..QueryRequest::default()
        };
        match self
            .engine
            .instant(self.store, query, self.now_ms, &request)
        {
            Ok(outcome) => Ok(match outcome.value {
                QueryValue::Vector(samples) => samples
                    .into_iter()
                    .filter_map(|sample| match sample.value {
                        Value::Float(value) => Some((sample.labels, value)),
                        Value::Histogram(_) => None,
                    })
                    .collect(),
                _ => Vec::new(),
            }),
            Err(error) => {
                self.failures.insert(query.to_owned(), error.to_string());
                Err(Unanswered)
            }
        }
    }
}

/// What a scraped process is called: `job/instance`.
pub(crate) fn process_name(labels: &Labels) -> String {
    let label = |name: &str| labels.get(name).unwrap_or("");
    match (label("job"), label("instance")) {
        ("", instance) => instance.to_owned(),
        (job, "") => job.to_owned(),
        (job, instance) => format!("{job}/{instance}"),
    }
}

/// The labels that the series of a scraped process have.
pub(crate) fn process_labels(labels: &Labels) -> Vec<(String, String)> {
    let names = ["job", "instance"];
    let pair = |name: &str| Some((name.to_owned(), labels.get(name)?.to_owned()));
    names.into_iter().filter_map(pair).collect()
}
