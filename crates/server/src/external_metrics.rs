//! Kubernetes' external metrics API, `external.metrics.k8s.io/v1beta1`: numbers of workers for its
//! Horizontal Pod Autoscaler.
//!
//! ## Model
//! A scaler with `targets.external_metric` is a metric of that name, whose one value is the number of
//! workers; with an `averageValue` of 1 as its target the autoscaler comes to that number. The
//! aggregation layer of Kubernetes stands in front, and says who asks ([`crate::front_proxy`]).
//!
//! ## Invariants
//! Where nothing is decided yet the answer is an error: the autoscaler leaves things as they are then.
//!
//! ## Limits
//! Answers are JSON. A cluster has one external metrics API: where KEDA is installed, it is KEDA's, and
//! this one must not be registered over it.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bellwether_model::{Labels, short};
use bellwether_rules::scaling::{ScalerStatus, Scalers};
use serde_json::{Value, json};

use crate::app::App;
use crate::envelope::json_response;
use crate::params::Params;

/// What the paths of the API begin with.
pub(crate) const PATH: &str = "/apis";
const GROUP: &str = "external.metrics.k8s.io";
const VERSION: &str = "external.metrics.k8s.io/v1beta1";

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/apis", get(groups))
        .route("/apis/external.metrics.k8s.io", get(group))
        .route("/apis/external.metrics.k8s.io/v1beta1", get(resources))
        .route(
            "/apis/external.metrics.k8s.io/v1beta1/namespaces/{namespace}/{metric}",
            get(values),
        )
}

fn json_answer(value: &Value) -> Response {
    json_response(value.to_string().into_bytes())
}

/// An error as Kubernetes writes them.
struct Failure {
    status: StatusCode,
    reason: &'static str,
    message: String,
}

impl Failure {
    fn not_found(message: String) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            reason: "NotFound",
            message,
        }
    }

    fn bad_request(message: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            reason: "BadRequest",
            message,
        }
    }

    fn unavailable(message: String) -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            reason: "ServiceUnavailable",
            message,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = json_answer(&json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.status.as_u16(),
        }));
        *response.status_mut() = self.status;
        response
    }
}

fn scalers(app: &App) -> Result<Option<Scalers>, Failure> {
    let services = app.services();
    let services = services.map_err(|error| Failure::unavailable(error.message))?;
    Ok(services.scaling.clone())
}

fn version() -> Value {
    json!({ "groupVersion": VERSION, "version": "v1beta1" })
}

fn group_value() -> Value {
    json!({ "name": GROUP, "versions": [version()], "preferredVersion": version() })
}

async fn groups() -> Response {
    json_answer(&json!({
        "kind": "APIGroupList", "apiVersion": "v1", "groups": [group_value()],
    }))
}

async fn group() -> Response {
    let mut group = group_value();
    if let Some(object) = group.as_object_mut() {
        object.insert("kind".to_owned(), json!("APIGroup"));
        object.insert("apiVersion".to_owned(), json!("v1"));
    }
    json_answer(&group)
}

/// Scalers that are metrics, those that tell nobody left out.
fn metrics(scalers: &Scalers) -> impl Iterator<Item = (String, Arc<ScalerStatus>)> {
    let all = scalers.statuses().into_iter();
    all.filter(|status| !status.settings.is_dry_run)
        .filter_map(|status| {
            let metric = status.settings.targets.external_metric.as_ref()?;
            Some((metric.name.clone(), status))
        })
}

async fn resources(State(app): State<Arc<App>>) -> Result<Response, Failure> {
    let scalers = scalers(&app)?;
    let resources: Vec<Value> = scalers
        .iter()
        .flat_map(metrics)
        .map(|(name, _)| {
            json!({
                "name": name,
                "singularName": "",
                "namespaced": true,
                "kind": "ExternalMetricValueList",
                "verbs": ["get"],
            })
        })
        .collect();
    Ok(json_answer(&json!({
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": VERSION,
        "resources": resources,
    })))
}

async fn values(
    State(app): State<Arc<App>>,
    Path((namespace, name)): Path<(String, String)>,
    RawQuery(query): RawQuery,
) -> Result<Response, Failure> {
    let params = Params::parse(query.as_deref(), None);
    let scalers = scalers(&app)?;
    let unknown = || {
        let (metric, namespace) = (short(&name), short(&namespace));
        Failure::not_found(format!(
            "no scaler has the external metric {metric:?} for the namespace {namespace:?}"
        ))
    };
    let found = scalers
        .iter()
        .flat_map(metrics)
        .find(|(metric, _)| *metric == name);
    let (_, status) = found.ok_or_else(unknown)?;
    let settings = &status.settings;
    let namespaces = settings.targets.external_metric.as_ref();
    let namespaces = namespaces.map_or(&[][..], |metric| &metric.namespaces);
    if !namespaces.is_empty() && !namespaces.contains(&namespace) {
        return Err(unknown());
    }
    let own = settings.labels.iter();
    let own = own.map(|(name, value)| (name.as_str(), value.as_str()));
    let labels = Labels::from_pairs(own.chain([("scaler", settings.name.as_str())]));
    let selector = Selector::parse(params.get("labelSelector")).map_err(Failure::bad_request)?;
    let Some(decided) = &status.decided else {
        return Err(Failure::unavailable(format!(
            "scaler {:?} has decided nothing yet: it has not seen its signals",
            settings.name
        )));
    };
    let items = match selector.is_match(&labels) {
        false => Vec::new(),
        true => vec![json!({
            "metricName": name,
            "metricLabels": labels.iter().collect::<std::collections::BTreeMap<_, _>>(),
            "timestamp": seconds_text(decided.time_ms),
            // A whole number is a quantity as it is.
            "value": decided.workers.to_string(),
        })],
    };
    Ok(json_answer(&json!({
        "kind": "ExternalMetricValueList",
        "apiVersion": VERSION,
        "metadata": {},
        "items": items,
    })))
}

/// RFC 3339 without fractions, as Kubernetes writes times.
fn seconds_text(time_ms: i64) -> String {
    let second = jiff::Timestamp::from_second(time_ms.div_euclid(1_000));
    second.unwrap_or_default().to_string()
}

/// A label selector of Kubernetes: requirements that must all hold.
#[derive(Debug, PartialEq, Eq)]
struct Selector(Vec<Requirement>);

#[derive(Debug, PartialEq, Eq)]
enum Requirement {
    /// The label is there with one of these values.
    In(String, Vec<String>),
    /// The label is not there, or with none of these values.
    NotIn(String, Vec<String>),
    /// The label is there.
    Exists(String),
    /// The label is not there.
    Absent(String),
}

impl Selector {
    /// Reads `a=b`, `a==b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`, joined by commas.
    fn parse(text: &str) -> Result<Self, String> {
        let mut requirements = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            // A comma inside of parentheses joins values.
            let mut depth = 0_i32;
            let end = rest.find(|c| {
                depth += i32::from(c == '(') - i32::from(c == ')');
                c == ',' && depth == 0
            });
            let (one, after) = match end {
                Some(end) => rest.split_at(end),
                None => (rest, ""),
            };
            requirements.push(Requirement::parse(one.trim()).ok_or_else(|| {
                format!(
                    "labelSelector {:?}: want such as a=b, a!=b, a in (b,c), a notin (b,c), a or !a",
                    short(text)
                )
            })?);
            rest = after.strip_prefix(',').unwrap_or(after).trim();
        }
        Ok(Self(requirements))
    }

    fn is_match(&self, labels: &Labels) -> bool {
        let value = |name: &str| labels.get(name).map(str::to_owned);
        self.0.iter().all(|requirement| match requirement {
            Requirement::In(name, values) => value(name).is_some_and(|it| values.contains(&it)),
            Requirement::NotIn(name, values) => value(name).is_none_or(|it| !values.contains(&it)),
            Requirement::Exists(name) => value(name).is_some(),
            Requirement::Absent(name) => value(name).is_none(),
        })
    }
}

impl Requirement {
    fn parse(text: &str) -> Option<Self> {
        if let Some(name) = text.strip_prefix('!') {
            return Some(Self::Absent(name_of(name)?));
        }
        if let Some((head, values)) = text.strip_suffix(')').and_then(|it| it.split_once('(')) {
            let values = values.split(',').map(|value| value.trim().to_owned());
            let values: Vec<String> = values.collect();
            let (name, operator) = head.trim().rsplit_once(char::is_whitespace)?;
            let name = name_of(name)?;
            return match operator {
                "in" => Some(Self::In(name, values)),
                "notin" => Some(Self::NotIn(name, values)),
                _ => None,
            };
        }
        for (operator, is_equal) in [("!=", false), ("==", true), ("=", true)] {
            if let Some((name, value)) = text.split_once(operator) {
                let (name, values) = (name_of(name)?, vec![value.trim().to_owned()]);
                return Some(match is_equal {
                    true => Self::In(name, values),
                    false => Self::NotIn(name, values),
                });
            }
        }
        Some(Self::Exists(name_of(text)?))
    }
}

fn name_of(text: &str) -> Option<String> {
    let name = text.trim();
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b));
    is_name.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_of_kubernetes_are_read() {
        let labels = Labels::from_pairs([("scaler", "agents"), ("team", "a")]);
        for (text, want) in [
            ("", true),
            ("scaler=agents", true),
            ("scaler==agents, team=a", true),
            ("team!=a", false),
            ("other!=a", true),
            ("team in (a, b),scaler", true),
            ("team notin (a,b)", false),
            ("!team", false),
            ("!other", true),
            ("team=", false),
        ] {
            let selector = Selector::parse(text).unwrap();
            assert_eq!(selector.is_match(&labels), want, "{text}");
        }
        for text in ["a in b", "in (a)", "=b", "a b", "a within (b)", "é=b"] {
            assert!(Selector::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times_have_no_fractions() {
        assert_eq!(seconds_text(1_795_787_694_055), "2026-11-27T13:54:54Z");
    }
}
