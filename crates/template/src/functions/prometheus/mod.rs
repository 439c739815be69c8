//! The functions that Prometheus gives to the templates of alerting rules and consoles.
//!
//! ## Model
//! [`library`] has all that do not depend on the moment; it is made once. [`at`] lays the ones over
//! it that do: `query` and `now`. A rule is parsed with [`RULE_VARIABLES`], and executed with
//! [`RuleData`].
//!
//! ```
//! use std::sync::Arc;
//! use bellwether_model::Labels;
//! use bellwether_template::functions::prometheus::{self, RULE_VARIABLES, RuleData};
//! use bellwether_template::{Limits, MissingKey, Mode, TemplateSet, Value};
//!
//! let library = Arc::new(prometheus::library("http://localhost:9090/"));
//! let text = "{{ $labels.job }} is at {{ $value | humanize }}";
//! let mut set = TemplateSet::new(Mode::Text).with_missing_key(MissingKey::Zero);
//! set.parse_with("__alert_Slow", text, &RULE_VARIABLES, &library)?;
//!
//! let data = Value::object(RuleData {
//!     labels: Labels::from_pairs([("job", "api")]),
//!     external_labels: Labels::empty(),
//!     external_url: "http://localhost:9090/".into(),
//!     value: Value::Float(12_340.0),
//! });
//! let functions = prometheus::at(library, 1_700_000_000_000, |_query| Ok(Vec::new()));
//! let text = set.execute("__alert_Slow", &data, &functions, &Limits::default())?;
//! assert_eq!(text, "api is at 12.34k");
//! # Ok::<(), bellwether_template::TemplateError>(())
//! ```

mod address;
mod data;

use std::sync::Arc;

use bellwether_model::time::parse_duration;

pub use data::{HistogramValue, RuleData, Sample};

use data::QueryResult;

use super::humanize::{
    humanize, humanize_1024, humanize_duration, humanize_percentage, humanize_timestamp, to_float,
    to_time,
};
use super::text::{Regexes, Rest, lower, title, upper};
use super::{Functions, Param, Signature};
use crate::arguments::Arguments;
use crate::set::Predefined;
use crate::time::DurationNs;
use crate::url::query_escaped;
use crate::value::{Map, Value};

/// The variables that the annotations and labels of a rule have.
pub const RULE_VARIABLES: [Predefined<'static>; 4] = [
    Predefined {
        variable: "$labels",
        field: "Labels",
    },
    Predefined {
        variable: "$externalLabels",
        field: "ExternalLabels",
    },
    Predefined {
        variable: "$externalURL",
        field: "ExternalURL",
    },
    Predefined {
        variable: "$value",
        field: "Value",
    },
];

const ANY: Signature = Signature::of(&[Param::Any]);
const STRING: Signature = Signature::of(&[Param::String]);
const NONE: Signature = Signature::of(&[]);

/// The functions that do not depend on the moment. `external_url` is where people reach the server.
#[must_use]
pub fn library(external_url: &str) -> Functions {
    let mut functions = Functions::new();
    add_numbers(&mut functions);
    add_texts(&mut functions);
    add_samples(&mut functions);
    let url = external_url.to_owned();
    functions.add("externalURL", NONE, move |_| Ok(url.as_str().into()));
    let prefix = address::path(external_url).to_owned();
    functions.add("pathPrefix", NONE, move |_| Ok(prefix.as_str().into()));
    // Without a moment there is no answer, and texts must parse all the same.
    functions.add("query", STRING, |_| {
        Err("queries are not available here".to_owned())
    });
    functions.add("now", NONE, |_| {
        Err("the time is not available here".to_owned())
    });
    functions
}

/// [`library`] and what only consoles have: `tmpl`, which executes a template by name.
#[must_use]
pub fn console_library(external_url: &str) -> Functions {
    let mut functions = library(external_url);
    functions.add_template_call("tmpl");
    functions
}

/// A library at a moment: `now` is that time in milliseconds since 1970, and `query` evaluates an
/// instant query then.
#[must_use]
pub fn at<Q>(library: Arc<Functions>, unix_ms: i64, query: Q) -> Functions
where
    Q: Fn(&str) -> Result<Vec<Sample>, String> + Send + Sync + 'static,
{
    let mut functions = Functions::over(library);
    functions.add("query", STRING, move |arguments| {
        let samples = query(arguments.string(0))?;
        Ok(Value::object(QueryResult::new(samples)))
    });
    functions.add("now", NONE, move |_| {
        Ok(Value::Float(unix_ms as f64 / 1000.0))
    });
    functions
}

fn number<F>(functions: &mut Functions, name: &str, function: F)
where
    F: Fn(f64) -> Result<Value, String> + Send + Sync + 'static,
{
    functions.add(name, ANY, move |arguments| {
        function(to_float(arguments.value(0))?)
    });
}

fn add_numbers(functions: &mut Functions) {
    number(functions, "humanize", |n| Ok(humanize(n).into()));
    number(functions, "humanize1024", |n| Ok(humanize_1024(n).into()));
    number(functions, "humanizeDuration", |n| {
        Ok(humanize_duration(n).into())
    });
    number(functions, "humanizePercentage", |n| {
        Ok(humanize_percentage(n).into())
    });
    number(functions, "humanizeTimestamp", |n| {
        Ok(humanize_timestamp(n)?.into())
    });
    number(functions, "toTime", |n| Ok(to_time(n)?.into()));
    number(functions, "toDuration", |n| {
        Ok(DurationNs::from_seconds(n).into())
    });
    functions.add("parseDuration", STRING, |arguments| {
        let text = arguments.string(0);
        let (sign, magnitude) = match text.strip_prefix('-') {
            Some(magnitude) => (-1.0, magnitude),
            None => (1.0, text),
        };
        let ms = parse_duration(magnitude).map_err(|error| error.to_string())?;
        Ok(Value::Float(sign * ms as f64 / 1000.0))
    });
}

fn text<F>(functions: &mut Functions, name: &str, function: F)
where
    F: Fn(&str) -> String + Send + Sync + 'static,
{
    functions.add(name, STRING, move |arguments| {
        Ok(function(arguments.string(0)).into())
    });
}

fn add_texts(functions: &mut Functions) {
    text(functions, "title", |text| title(text, Rest::Kept));
    text(functions, "toUpper", upper);
    text(functions, "toLower", lower);
    text(functions, "stripPort", |text| {
        address::without_port(text).to_owned()
    });
    text(functions, "stripDomain", address::without_domain);
    text(functions, "urlQueryEscape", query_escaped);
    text(functions, "graphLink", |query| link(query, 0));
    text(functions, "tableLink", |query| link(query, 1));
    functions.add("safeHtml", STRING, |arguments| {
        Ok(Value::safe_html(arguments.string(0)))
    });
    let regexes = Arc::new(Regexes::default());
    let for_match = Arc::clone(&regexes);
    functions.add(
        "match",
        Signature::of(&[Param::String, Param::String]),
        move |arguments| {
            let found = for_match.is_match(arguments.string(0), arguments.string(1), arguments)?;
            Ok(Value::Bool(found))
        },
    );
    functions.add(
        "reReplaceAll",
        Signature::of(&[Param::String, Param::String, Param::String]),
        move |arguments| {
            let [pattern, replacement, text] = [0, 1, 2].map(|index| arguments.string(index));
            let text = regexes.replace_all(pattern, replacement, text, arguments)?;
            Ok(text.into())
        },
    );
}

/// A page of ours that shows a query: as a graph (tab 0) or as a table (tab 1).
fn link(query: &str, tab: u8) -> String {
    format!("/graph?g0.expr={}&g0.tab={tab}", query_escaped(query))
}

fn add_samples(functions: &mut Functions) {
    functions.add("args", Signature::variadic(&[], Param::Any), args);
    functions.add("first", ANY, |arguments| {
        let samples = samples(arguments, 0, "first")?;
        let first = samples.first().cloned();
        first.ok_or_else(|| "first() called on vector with no elements".to_owned())
    });
    functions.add(
        "label",
        Signature::of(&[Param::String, Param::Any]),
        |arguments| {
            let name = arguments.string(0);
            label(arguments.value(1), name)
        },
    );
    functions.add("strvalue", ANY, |arguments| {
        label(arguments.value(0), "__value__")
    });
    functions.add("value", ANY, |arguments| field(arguments.value(0), "Value"));
    functions.add(
        "sortByLabel",
        Signature::of(&[Param::String, Param::Any]),
        |arguments| {
            let name = arguments.string(0);
            let mut keyed = Vec::new();
            for sample in samples(arguments, 1, "sortByLabel")? {
                let label = label(&sample, name)?;
                keyed.push((label.as_str().unwrap_or("").to_owned(), sample));
            }
            keyed.sort_by(|(a, _), (b, _)| a.cmp(b));
            let sorted = keyed.into_iter().map(|(_, sample)| sample).collect();
            QueryResult::of_values(sorted)
                .map(Value::object)
                .map_err(|error| error.to_string())
        },
    );
}

/// All arguments under the names `arg0`, `arg1` and so on, to hand several on to a template.
fn args(arguments: &Arguments<'_>) -> Result<Value, String> {
    let named = arguments
        .values()
        .iter()
        .enumerate()
        .map(|(index, value)| (format!("arg{index}"), value.clone()));
    Map::new(named)
        .map(Value::Map)
        .map_err(|error| error.to_string())
}

fn samples(arguments: &Arguments<'_>, index: usize, name: &str) -> Result<Vec<Value>, String> {
    match arguments.list(index) {
        Some(list) => Ok(list.values().to_vec()),
        None => Err(format!(
            "{name} takes the result of a query; got {}",
            arguments.value(index).type_name()
        )),
    }
}

fn field(sample: &Value, name: &str) -> Result<Value, String> {
    let found = match sample {
        Value::Object(object) => object.field(name),
        _ => None,
    };
    found.ok_or_else(|| {
        format!(
            "wrong type for value; expected *template.sample; got {}",
            sample.type_name()
        )
    })
}

/// The value of a label, empty where a sample does not have it.
fn label(sample: &Value, name: &str) -> Result<Value, String> {
    let labels = field(sample, "Labels")?;
    let value = match labels.underlying().as_ref() {
        Value::Map(labels) => labels.get(name),
        _ => None,
    };
    Ok(value.unwrap_or_else(|| "".into()))
}
