//! What rules and queries hand to templates.

use std::sync::Arc;

use bellwether_model::{FloatHistogram, Labels};

use crate::arguments::Arguments;
use crate::functions::Signature;
use crate::value::{List, Map, Object, TooDeep, Value};

/// What the templates of a rule are executed with.
#[derive(Debug, Clone)]
pub struct RuleData {
    /// The labels of the series, `.Labels`.
    pub labels: Labels,
    /// The labels of the server, `.ExternalLabels`.
    pub external_labels: Labels,
    /// Where people reach the server, `.ExternalURL`.
    pub external_url: Arc<str>,
    /// A float or a [`HistogramValue`], `.Value`.
    pub value: Value,
}

impl Object for RuleData {
    fn type_name(&self) -> &str {
        "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Labels", Map::of_labels(&self.labels).into()),
            (
                "ExternalLabels",
                Map::of_labels(&self.external_labels).into(),
            ),
            ("ExternalURL", Value::String(Arc::clone(&self.external_url))),
            ("Value", self.value.clone()),
        ]
    }

    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "Labels" => Map::of_labels(&self.labels).into(),
            "ExternalLabels" => Map::of_labels(&self.external_labels).into(),
            "ExternalURL" => Value::String(Arc::clone(&self.external_url)),
            "Value" => self.value.clone(),
            _ => return None,
        })
    }
}

/// A sample that a query found.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its labels, `.Labels`.
    pub labels: Labels,
    /// A float or a [`HistogramValue`], `.Value`.
    pub value: Value,
}

impl Object for Sample {
    fn type_name(&self) -> &str {
        "*template.sample"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Labels", Map::of_labels(&self.labels).into()),
            ("Value", self.value.clone()),
        ]
    }
}

/// Samples in order.
#[derive(Debug)]
pub(super) struct QueryResult {
    samples: List,
}

impl QueryResult {
    pub(super) fn new(samples: Vec<Sample>) -> Self {
        let samples = samples
            .into_iter()
            .map(|sample| Arc::new(sample) as Arc<dyn Object>);
        Self {
            samples: List::of_objects(samples),
        }
    }

    pub(super) fn of_values(samples: Vec<Value>) -> Result<Self, TooDeep> {
        Ok(Self {
            samples: List::new(samples)?,
        })
    }
}

impl Object for QueryResult {
    fn type_name(&self) -> &str {
        "template.queryResult"
    }

    fn underlying(&self) -> Option<Value> {
        Some(self.samples.clone().into())
    }
}

/// A native histogram as a value.
#[derive(Debug, Clone)]
pub struct HistogramValue(pub Arc<FloatHistogram>);

impl Object for HistogramValue {
    fn type_name(&self) -> &str {
        "*histogram.FloatHistogram"
    }

    fn fields(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("Schema", Value::Int(i64::from(self.0.schema))),
            ("ZeroThreshold", Value::Float(self.0.zero_threshold)),
            ("ZeroCount", Value::Float(self.0.zero_count)),
            ("Count", Value::Float(self.0.count)),
            ("Sum", Value::Float(self.0.sum)),
        ]
    }

    fn method(&self, name: &str) -> Option<Signature> {
        (name == "String").then_some(Signature::of(&[]))
    }

    fn call(&self, _name: &str, _arguments: &Arguments<'_>) -> Result<Value, String> {
        Ok(self.0.to_string().into())
    }

    fn text(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}
