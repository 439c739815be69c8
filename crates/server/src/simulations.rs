//! Simulations: what would happen if an alert fired, or if targets were down.
//!
//! ## Model
//! `POST /api/bellwether/v1/simulations` with `"type": "alert"` begins one, whose steps
//! `GET …/{id}` tells as they happen; with `"fast": true`, and with `"type": "outage"`, the answer
//! holds all steps at once. `DELETE …/{id}` ends one before its time. `GET` without an id lists those that
//! run and the last that ran.
//!
//! ## See also
//! `docs/user/simulate.md`.

use std::fmt::Debug;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use bellwether_model::{Labels, MatchOp, Matcher, short};
use bellwether_notify::parse_matchers;
use bellwether_storage::ErrorKind;
use serde_json::{Value, json};

use crate::app::App;
use crate::body;
use crate::envelope::{ApiError, ErrorType, error_type_of, json_response};
use crate::fields::{self, Fields};
use crate::services::BoxFuture;

/// Bytes of a request. Chosen.
const BODY_BYTES_MAX: usize = 256 << 10;
/// An alert fires so long where nothing is said, ms.
const ALERT_MS_DEFAULT: i64 = 60_000;
/// An outage lasts so long where nothing is said, ms.
const OUTAGE_MS_DEFAULT: i64 = 30 * 60_000;

/// An alert to be simulated.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertSimulation {
    /// The name of its rule.
    pub name: String,
    /// Labels of the element that the rule would have found.
    pub labels: Labels,
    /// Annotations over those of the rule.
    pub annotations: Labels,
    /// The value that the rule would have found.
    pub value: f64,
    /// How long it fires, ms.
    pub hold_ms: i64,
    /// Whether people are really told.
    pub pages: bool,
    /// Whether times are only thought: all steps at once.
    pub is_fast: bool,
}

/// An outage to be simulated.
#[derive(Debug, Clone)]
pub struct OutageSimulation {
    /// The targets: those that satisfy one of these lists.
    pub targets: Vec<Vec<Matcher>>,
    /// How long it lasts, ms.
    pub duration_ms: i64,
    /// Whether people are really told of the alerts.
    pub pages: bool,
}

/// An alert of a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulatedAlert {
    /// Its labels.
    pub labels: Labels,
    /// Its texts.
    pub annotations: Labels,
    /// The group of its rule.
    pub group: String,
    /// The file of its rule.
    pub file: String,
    /// How long its rule waits, ms.
    pub for_ms: i64,
}

/// A step on an alert's way.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationStep {
    /// When, ms.
    pub time_ms: i64,
    /// What: a word of the timeline, or `grouped`.
    pub kind: &'static str,
    /// The alert, or the labels of the group.
    pub labels: Labels,
    /// Why, for people.
    pub text: String,
    /// Who is told, or empty.
    pub receiver: String,
    /// What is sent, by the setting that it stands in.
    pub texts: Vec<(String, String)>,
}

/// How a simulation of an alert goes.
#[derive(Debug, Clone, PartialEq)]
pub struct SimulationReport {
    /// What it is asked for by.
    pub id: String,
    /// When it began, ms.
    pub begun_ms: i64,
    /// Whether people are really told.
    pub pages: bool,
    /// Whether there are no more steps to come.
    pub is_over: bool,
    /// The alerts.
    pub alerts: Vec<SimulatedAlert>,
    /// What happened so far.
    pub steps: Vec<SimulationStep>,
}

/// An alert of an outage.
#[derive(Debug, Clone, PartialEq)]
pub struct OutageAlert {
    /// The alert.
    pub alert: SimulatedAlert,
    /// When its condition begins to hold, ms after the begin.
    pub active_after_ms: i64,
    /// When it fires, ms after the begin; `None`: not within the outage.
    pub fired_after_ms: Option<i64>,
    /// When the first receiver is told, ms after the begin; `None`: nobody is within the outage.
    pub told_after_ms: Option<i64>,
}

/// A target of an outage.
#[derive(Debug, Clone, PartialEq)]
pub struct OutageTarget {
    /// Its labels.
    pub labels: Labels,
    /// Names of the alerts that fire and may be of it.
    pub alerts: Vec<String>,
    /// Whether somebody is told of one of them.
    pub is_told: bool,
}

/// What an outage would cause.
#[derive(Debug, Clone, PartialEq)]
pub struct OutageReport {
    /// When it would begin, ms.
    pub begun_ms: i64,
    /// How long it would last, ms.
    pub duration_ms: i64,
    /// The targets that would be down.
    pub targets: Vec<OutageTarget>,
    /// The alerts that it would cause.
    pub alerts: Vec<OutageAlert>,
    /// How many alerts are active anyway.
    pub anyway_count: usize,
    /// Alerts that would not fire because of it.
    pub lost: Vec<Labels>,
    /// Rules that would fail, with their errors.
    pub failed: Vec<(String, String)>,
    /// The way of the alerts.
    pub steps: Vec<SimulationStep>,
    /// The simulation in which people are really told; `None`: nobody is.
    pub simulation: Option<String>,
}

/// Why there is no simulation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct SimulationError {
    /// What it means.
    pub kind: ErrorKind,
    /// What is wrong.
    pub text: String,
}

/// Carries simulations out.
pub trait Simulator: Send + Sync + Debug {
    /// Begins to simulate an alert; a fast one has ended already.
    fn alert(
        &self,
        wanted: AlertSimulation,
    ) -> BoxFuture<Result<SimulationReport, SimulationError>>;

    /// Tells what an outage would cause.
    fn outage(&self, wanted: OutageSimulation) -> BoxFuture<Result<OutageReport, SimulationError>>;

    /// How a simulation goes; `None`: it is not known, or forgotten.
    fn report(&self, id: &str) -> Option<SimulationReport>;

    /// Lets the alerts of a simulation end now; `None`: it is not known, or forgotten.
    fn end(&self, id: &str) -> Option<SimulationReport>;

    /// All that are known, the newest first.
    fn reports(&self) -> Vec<SimulationReport>;
}

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/bellwether/v1/simulations", get(list).post(begin))
        .route("/api/bellwether/v1/simulations/{id}", get(look).delete(end))
}

impl From<SimulationError> for ApiError {
    fn from(error: SimulationError) -> Self {
        let error_type = match error.kind {
            ErrorKind::Limit => ErrorType::Limited,
            kind => error_type_of(kind),
        };
        Self::new(error_type, error.text)
    }
}

fn simulator(app: &App) -> Result<Arc<dyn Simulator>, ApiError> {
    let simulator = app.services()?.alerting.simulator.clone();
    simulator.ok_or_else(|| {
        ApiError::new(
            ErrorType::Unavailable,
            "this server evaluates no rules: there is nothing to simulate",
        )
    })
}

async fn list(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let reports = simulator(&app)?.reports();
    let shown: Vec<Value> = reports
        .iter()
        .map(|report| {
            let mut value = report_json(report);
            if let Some(entries) = value.as_object_mut() {
                entries.remove("steps");
            }
            value
        })
        .collect();
    Ok(success(json!({ "simulations": shown })))
}

async fn look(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let id = id_of(&request);
    known(id, simulator(&app)?.report(id))
}

async fn end(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let id = id_of(&request);
    known(id, simulator(&app)?.end(id))
}

fn id_of(request: &Request) -> &str {
    let mut parts = request.uri().path().rsplit('/');
    parts.next().unwrap_or_default()
}

fn known(id: &str, report: Option<SimulationReport>) -> Result<Response, ApiError> {
    let report = report.ok_or_else(|| {
        let text = format_args!("there is no simulation {:?}, or it is forgotten", short(id));
        ApiError::new(ErrorType::NotFound, text)
    })?;
    Ok(success(report_json(&report)))
}

async fn begin(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let simulator = simulator(&app)?;
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, BODY_BYTES_MAX).await;
    let wanted = Wanted::read(&bytes.map_err(ApiError::bad_data)?)?;
    Ok(success(match wanted {
        Wanted::Alert(wanted) => report_json(&simulator.alert(wanted).await?),
        Wanted::Outage(wanted) => outage_json(&simulator.outage(wanted).await?),
    }))
}

fn success(data: Value) -> Response {
    json_response(
        json!({ "status": "success", "data": data })
            .to_string()
            .into_bytes(),
    )
}

/// What a request asks for.
#[derive(Debug)]
enum Wanted {
    Alert(AlertSimulation),
    Outage(OutageSimulation),
}

impl Wanted {
    fn read(body: &[u8]) -> Result<Self, ApiError> {
        let entries = fields::object(body)?;
        let fields = Fields::new(&entries);
        match fields.text("type")?.as_deref() {
            Some("alert") => {
                fields.only(&[
                    "type",
                    "name",
                    "labels",
                    "annotations",
                    "value",
                    "for",
                    "page",
                    "fast",
                ])?;
                let name = fields.text("name")?.filter(|name| !name.is_empty());
                let wanted = AlertSimulation {
                    name: name.ok_or_else(|| {
                        ApiError::bad_data("name is missing: it says which alerting rule is meant")
                    })?,
                    labels: fields.labels("labels")?,
                    annotations: fields.labels("annotations")?,
                    value: fields.number("value")?.unwrap_or(1.0),
                    hold_ms: fields.duration("for", ALERT_MS_DEFAULT)?,
                    pages: fields.boolean("page")?,
                    is_fast: fields.boolean("fast")?,
                };
                if wanted.pages && wanted.is_fast {
                    return Err(ApiError::bad_data(
                        "page and fast are both true: people can only be told in real time",
                    ));
                }
                Ok(Self::Alert(wanted))
            }
            Some("outage") => {
                fields.only(&["type", "targets", "for", "page"])?;
                Ok(Self::Outage(OutageSimulation {
                    targets: targets(&fields, "targets")?,
                    duration_ms: fields.duration("for", OUTAGE_MS_DEFAULT)?,
                    pages: fields.boolean("page")?,
                }))
            }
            Some(other) => Err(ApiError::bad_data(format_args!(
                "type {:?}: want alert or outage",
                short(other)
            ))),
            None => Err(ApiError::bad_data("type is missing: want alert or outage")),
        }
    }
}

/// The targets of an outage.
fn targets(fields: &Fields<'_>, key: &str) -> Result<Vec<Vec<Matcher>>, ApiError> {
    let wrong = || ApiError::bad_data(format_args!("{key}: want a list of targets"));
    let Some(Value::Array(items)) = fields.get(key) else {
        return Err(wrong());
    };
    if items.is_empty() {
        return Err(wrong());
    }
    let read = |item: &Value| target(item.as_str().ok_or_else(wrong)?);
    items.iter().map(read).collect()
}

/// A target: `JOB`, `JOB/INSTANCE`, or matchers such as `job="api", zone=~"a|b"`.
fn target(text: &str) -> Result<Vec<Matcher>, ApiError> {
    if text.contains(['=', '~', '{']) {
        let matchers = parse_matchers(text).map_err(|error| {
            ApiError::bad_data(format_args!("target {:?}: {error}", short(text)))
        })?;
        // One that everything satisfies would be an outage of everything.
        let selects = |matcher: &Matcher| match matcher.op {
            MatchOp::Equal | MatchOp::Regex => !matcher.matches(""),
            MatchOp::NotEqual | MatchOp::NotRegex => false,
        };
        if !matchers.iter().any(selects) {
            return Err(ApiError::bad_data(format_args!(
                "target {:?}: want at least one matcher that names a value",
                short(text)
            )));
        }
        return Ok(matchers);
    }
    let (job, instance) = match text.split_once('/') {
        Some((job, instance)) => (job, Some(instance)),
        None => (text, None),
    };
    if job.is_empty() || instance == Some("") {
        return Err(ApiError::bad_data(format_args!(
            "target {:?}: want JOB, JOB/INSTANCE, or matchers such as job=\"api\"",
            short(text)
        )));
    }
    let mut matchers = vec![Matcher::equal("job", job)];
    matchers.extend(instance.map(|instance| Matcher::equal("instance", instance)));
    Ok(matchers)
}

fn labels_json(labels: &Labels) -> Value {
    let pairs = labels
        .iter()
        .map(|(name, value)| (name.to_owned(), value.into()));
    Value::Object(pairs.collect())
}

/// Times and durations, as everywhere in our own API.
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn alert_json(alert: &SimulatedAlert) -> Value {
    json!({
        "labels": labels_json(&alert.labels),
        "annotations": labels_json(&alert.annotations),
        "group": alert.group,
        "file": alert.file,
        "for": seconds(alert.for_ms),
    })
}

fn step_json(step: &SimulationStep, begun_ms: i64) -> Value {
    let texts = step
        .texts
        .iter()
        .map(|(setting, text)| (setting.clone(), text.as_str().into()));
    json!({
        "time": seconds(step.time_ms),
        "after": seconds(step.time_ms - begun_ms),
        "kind": step.kind,
        "labels": labels_json(&step.labels),
        "text": step.text,
        "receiver": step.receiver,
        "texts": Value::Object(texts.collect()),
    })
}

fn report_json(report: &SimulationReport) -> Value {
    let steps = report.steps.iter();
    json!({
        "id": report.id,
        "begun": seconds(report.begun_ms),
        "page": report.pages,
        "over": report.is_over,
        "alerts": report.alerts.iter().map(alert_json).collect::<Vec<_>>(),
        "steps": steps.map(|step| step_json(step, report.begun_ms)).collect::<Vec<_>>(),
    })
}

fn outage_json(report: &OutageReport) -> Value {
    let targets: Vec<Value> = report
        .targets
        .iter()
        .map(|target| {
            json!({
                "labels": labels_json(&target.labels),
                "alerts": target.alerts,
                "told": target.is_told,
            })
        })
        .collect();
    let alerts: Vec<Value> = report
        .alerts
        .iter()
        .map(|outage| {
            let mut value = alert_json(&outage.alert);
            value["active_after"] = seconds(outage.active_after_ms).into();
            value["fired_after"] = outage.fired_after_ms.map(seconds).into();
            value["told_after"] = outage.told_after_ms.map(seconds).into();
            value
        })
        .collect();
    let failed: Vec<Value> = report
        .failed
        .iter()
        .map(|(rule, error)| json!({ "rule": rule, "error": error }))
        .collect();
    let steps = report.steps.iter();
    json!({
        "begun": seconds(report.begun_ms),
        "duration": seconds(report.duration_ms),
        "targets": targets,
        "alerts": alerts,
        "anyway": report.anyway_count,
        "lost": report.lost.iter().map(labels_json).collect::<Vec<_>>(),
        "failed": failed,
        "steps": steps.map(|step| step_json(step, report.begun_ms)).collect::<Vec<_>>(),
        "simulation": report.simulation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(body: &str) -> String {
        Wanted::read(body.as_bytes()).unwrap_err().message
    }

    #[test]
    fn requests_are_read() {
        let body = r#"{"type": "alert", "name": "Down", "labels": {"job": "a"}, "for": "5m"}"#;
        let Wanted::Alert(alert) = Wanted::read(body.as_bytes()).unwrap() else {
            panic!("not an alert")
        };
        assert_eq!((alert.name.as_str(), alert.hold_ms), ("Down", 300_000));
        assert_eq!(alert.labels.get("job"), Some("a"));
        assert!(!alert.pages && !alert.is_fast);
        let body = r#"{"type": "outage", "targets": ["api", "api/host:1", "zone=~\"a|b\""]}"#;
        let Wanted::Outage(outage) = Wanted::read(body.as_bytes()).unwrap() else {
            panic!("not an outage")
        };
        assert_eq!(outage.duration_ms, OUTAGE_MS_DEFAULT);
        let counts: Vec<usize> = outage.targets.iter().map(Vec::len).collect();
        assert_eq!(counts, [1, 2, 1]);
    }

    #[test]
    fn wrong_requests_say_what_is_wrong() {
        for (body, want) in [
            ("[]", "the body is no JSON object"),
            ("{}", "type is missing: want alert or outage"),
            (r#"{"type": "x"}"#, "type \"x\": want alert or outage"),
            (
                r#"{"type": "alert"}"#,
                "name is missing: it says which alerting rule is meant",
            ),
            (
                r#"{"type": "alert", "name": "a", "for": "2d"}"#,
                "for \"2d\": want a duration above 0 and at most 1d, such as 5m",
            ),
            (
                r#"{"type": "alert", "name": "a", "page": 1}"#,
                "page: want true or false",
            ),
            (
                r#"{"type": "alert", "name": "a", "page": true, "fast": true}"#,
                "page and fast are both true: people can only be told in real time",
            ),
            (r#"{"type": "outage"}"#, "targets: want a list of targets"),
            (
                r#"{"type": "outage", "targets": ["a/"]}"#,
                "target \"a/\": want JOB, JOB/INSTANCE, or matchers such as job=\"api\"",
            ),
            (
                r#"{"type": "outage", "targets": ["job!=\"a\""]}"#,
                "target \"job!=\\\"a\\\"\": want at least one matcher that names a value",
            ),
        ] {
            assert_eq!(error(body), want, "{body}");
        }
        let unknown = error(r#"{"type": "outage", "targets": ["a"], "fast": true}"#);
        assert!(
            unknown.starts_with("unknown key \"fast\": want some of type"),
            "{unknown}"
        );
    }

    #[test]
    fn answers_are_as_described() {
        let labels = Labels::from_pairs([("alertname", "Down")]);
        let alert = SimulatedAlert {
            labels: labels.clone(),
            annotations: labels.clone(),
            group: "g".to_owned(),
            file: "rules.yml".to_owned(),
            for_ms: 60_000,
        };
        let step = SimulationStep {
            time_ms: 2_000,
            kind: "grouped",
            labels: labels.clone(),
            text: "x".to_owned(),
            receiver: "team".to_owned(),
            texts: vec![("title".to_owned(), "y".to_owned())],
        };
        let report = SimulationReport {
            id: "1".to_owned(),
            begun_ms: 1_000,
            pages: false,
            is_over: true,
            alerts: vec![alert.clone()],
            steps: vec![step.clone()],
        };
        let outage = OutageReport {
            begun_ms: 1_000,
            duration_ms: 1_000,
            targets: vec![OutageTarget {
                labels: labels.clone(),
                alerts: vec!["Down".to_owned()],
                is_told: true,
            }],
            alerts: vec![OutageAlert {
                alert,
                active_after_ms: 1,
                fired_after_ms: Some(2),
                told_after_ms: None,
            }],
            anyway_count: 1,
            lost: vec![labels],
            failed: vec![("Rule".to_owned(), "why".to_owned())],
            steps: vec![step],
            simulation: None,
        };
        for operation in crate::openapi::SIMULATIONS {
            let crate::openapi::Content::Json(shape) = operation.answer else {
                panic!("{} has no shape", operation.path);
            };
            let wholes = match (operation.path.ends_with('}'), operation.methods) {
                (true, _) => vec![report_json(&report)],
                (false, ["get"]) => vec![json!({ "simulations": [report_json(&report)] })],
                (false, _) => vec![report_json(&report), outage_json(&outage)],
            };
            for data in wholes {
                let answer = json!({ "status": "success", "data": data });
                assert_eq!(shape.difference(&answer), None, "{answer}");
            }
        }
    }
}
