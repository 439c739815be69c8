//! The document, as it is kept and as the API gives it.
//!
//! Its keys are those of these types in `camelCase`; times are milliseconds since 1970. What is added
//! later is optional, so that old documents are read for ever.

use std::collections::BTreeMap;

use bellwether_model::Labels;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of documents that are written.
pub const VERSION: u32 = 1;

/// Labels by name.
pub type LabelMap = BTreeMap<String, String>;

/// A float; in JSON a number, or one of `"NaN"`, `"+Inf"` and `"-Inf"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else if self.0.is_nan() {
            serializer.serialize_str("NaN")
        } else if self.0 > 0.0 {
            serializer.serialize_str("+Inf")
        } else {
            serializer.serialize_str("-Inf")
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Finite(f64),
            Other(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Finite(value) => Ok(Self(value)),
            Written::Other(text) => match text.as_str() {
                "NaN" => Ok(Self(f64::NAN)),
                "+Inf" => Ok(Self(f64::INFINITY)),
                "-Inf" => Ok(Self(f64::NEG_INFINITY)),
                _ => Err(serde::de::Error::custom("want NaN, +Inf or -Inf")),
            },
        }
    }
}

/// Everything that is known of one firing of one alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// [`VERSION`] of whoever wrote it.
    pub version: u32,
    /// The key under which it is kept.
    pub id: String,
    /// The alert.
    pub alert: AlertPart,
    /// Its rule.
    pub rule: RulePart,
    /// When it was gathered.
    pub gathered_at: i64,
    /// How long that took.
    pub gathered_in_seconds: f64,
    /// What the rule compares, in the order of its text; where it compares nothing, its whole result.
    pub operands: Vec<OperandPart>,
    /// The comparisons between operands.
    pub comparisons: Vec<ComparisonPart>,
    /// What moved, the clearest first.
    pub movers: Vec<MoverPart>,
    /// Exemplars of the series behind the operands, the greatest values first.
    pub exemplars: Vec<ExemplarPart>,
    /// Other alerts that fired on the same thing.
    pub neighbours: Vec<NeighbourPart>,
    /// The targets whose series the operands are made of.
    pub targets: Vec<TargetPart>,
    /// The entities that the alert is about, and what they depend on; what is not up comes first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<EntityPart>,
    /// What could not be gathered, and why; what was left out.
    pub gaps: Vec<String>,
}

/// The alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertPart {
    /// Its labels.
    pub labels: LabelMap,
    /// Its annotations.
    pub annotations: LabelMap,
    /// The value of the rule's result.
    pub value: Number,
    /// Since when the condition held.
    pub active_at: i64,
    /// When it fired.
    pub fired_at: i64,
}

/// The rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RulePart {
    /// Its name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// The group's file.
    pub file: String,
    /// Where in the file, counted from 1.
    pub line: usize,
    /// Its expression.
    pub query: String,
    /// Its `for`.
    pub for_seconds: f64,
}

/// One side of a comparison over the last hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperandPart {
    /// Its expression.
    pub query: String,
    /// Its value, where that is always the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constant: Option<Number>,
    /// Its series: those of the alert, then others beside them.
    pub lines: Vec<LinePart>,
    /// Series that are left out.
    pub left_out: usize,
}

/// One series of an operand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LinePart {
    /// Its labels.
    pub labels: LabelMap,
    /// Whether it is what the alert is about; else it stands beside for comparison.
    pub is_own: bool,
    /// Times and values.
    pub points: Vec<(i64, Number)>,
}

/// A comparison between two operands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ComparisonPart {
    /// The position of the operand on the left.
    pub left: usize,
    /// `>`, `>=`, `<`, `<=`, `==` or `!=`.
    pub operator: String,
    /// The position of the operand on the right.
    pub right: usize,
}

/// How an operand splits by a label, now and in the hour before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MoverPart {
    /// The position of the operand.
    pub operand: usize,
    /// The label.
    pub label: String,
    /// Whether the values add up to the operand, as those of a sum do and those of a quantile do not.
    #[serde(default)]
    pub adds_up: bool,
    /// How much more of the change one value explains than its part before lets expect; in [-1, 1],
    /// greater is clearer.
    pub score: f64,
    /// Its values, those first that explain most.
    pub values: Vec<MovedValue>,
    /// Values that are left out.
    pub left_out: usize,
}

/// One value of a label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MovedValue {
    /// The value.
    pub value: String,
    /// The operand for this value over the hour before the condition held, on average; absent: there
    /// was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Number>,
    /// The operand for this value when the alert fired; absent: there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Number>,
    /// Its change by that of the whole: 1 is as much. Where values add up it is its part of the change.
    pub share: f64,
}

/// A request that was kept as an example.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExemplarPart {
    /// The series.
    pub series: LabelMap,
    /// The exemplar's own labels, such as `trace_id`.
    pub labels: LabelMap,
    /// What was measured.
    pub value: Number,
    /// When.
    pub time: i64,
}

/// Another alert that fired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NeighbourPart {
    /// Its labels.
    pub labels: LabelMap,
    /// What it says.
    pub summary: String,
    /// Since when.
    pub starts_at: i64,
    /// The labels that say that both are about the same thing.
    pub shared: Vec<String>,
}

/// How a target was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetPart {
    /// Its job.
    pub job: String,
    /// Its instance.
    pub instance: String,
    /// Where it is scraped; empty: it is not scraped by this server.
    pub url: String,
    /// `up`, `down` or `unknown`.
    pub health: String,
    /// Why the last scrape failed; empty: it did not.
    pub last_error: String,
    /// When it was scraped last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_scrape: Option<i64>,
    /// How long that took.
    pub last_scrape_seconds: f64,
    /// `up` over the last hour.
    pub up: Vec<(i64, Number)>,
}

/// How an entity was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntityPart {
    /// Such as `provider/openai`.
    pub entity: String,
    /// `up`, `degraded`, `down` or `unknown`.
    pub state: String,
    /// Why, or nothing.
    pub reason: String,
    /// Since when.
    pub since: i64,
    /// What explained it.
    pub caused_by: Vec<String>,
}

/// Labels as a document has them.
pub(super) fn label_map(labels: &Labels) -> LabelMap {
    labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

impl Evidence {
    /// The document's bytes.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // A map of texts and numbers can always be written.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a document.
    ///
    /// # Errors
    /// Where it is none.
    pub fn from_json(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}
