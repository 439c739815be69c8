//! Dashboards: those of files, which are read only, and those that people save.
//!
//! ## Model
//! `GET /api/bellwether/v1/dashboards?tag=&search=` lists them, `…/{uid}` gives one, `…/{uid}/yaml` gives it as code.
//! `PUT …/{uid}?version=` saves one, in the place of the version that was read; `DELETE …/{uid}` takes it away.
//! `POST …/import` says what a dashboard of Grafana comes to, and saves nothing.
//!
//! ## Invariants
//! What was saved is durable when the answer says so. The edge knows no files: a [`DashboardKeeper`] keeps dashboards.
//! Errors of a dashboard are told one by one, with path and place.
//!
//! ## See also
//! `docs/user/dashboards.md`, `docs/spec/dashboard.d.ts`.

use std::fmt::Debug;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use bellwether_dashboards::{
    Dashboard, Imported, Problem, import_json, node::JSON_BYTES_MAX, read_json, report_json,
    to_json, to_yaml,
};
use bellwether_model::{short, short_to};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::api::{Call, responding_get};
use crate::app::App;
use crate::body;
use crate::envelope::{ApiError, ErrorType, error_text, json_response};
use crate::params::Params;
use crate::probing::success;
use crate::services::BoxFuture;

/// Keeps dashboards.
pub trait DashboardKeeper: Send + Sync + Debug {
    /// All of them, by title.
    fn list(&self) -> Vec<Arc<KeptDashboard>>;

    /// One.
    fn get(&self, uid: &str) -> Option<Arc<KeptDashboard>>;

    /// Saves one in the place of a version; 0: there must be none. Durable when it returns.
    fn save(
        &self,
        dashboard: Dashboard,
        version: u64,
        by: Option<String>,
    ) -> BoxFuture<Result<Arc<KeptDashboard>, DashboardError>>;

    /// Takes one away; `None`: of any version. Durable when it returns.
    fn remove(&self, uid: String, version: Option<u64>) -> BoxFuture<Result<(), DashboardError>>;

    /// Reads a dashboard from YAML.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn read_yaml(&self, text: &str) -> Result<Dashboard, Vec<Problem>>;
}

/// A dashboard and where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptDashboard {
    /// The dashboard.
    pub dashboard: Dashboard,
    /// Where it comes from.
    pub source: DashboardSource,
    /// How often it was saved; 0 for those of files.
    pub version: u64,
}

/// Where a dashboard comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DashboardSource {
    /// A file that the configuration names.
    File(String),
    /// It was saved.
    Saved {
        /// When, ms since 1970.
        time_ms: i64,
        /// By whom: a user, or the name of a token; `None` where nobody has to say.
        by: Option<String>,
    },
}

/// Why a dashboard is not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DashboardError {
    /// There is none.
    #[error("there is no dashboard {0:?}")]
    NotFound(String),
    /// There is another version than the one that is to be changed.
    #[error("{0}")]
    Conflict(String),
    /// It belongs to a file, or no more are taken.
    #[error("{0}")]
    Refused(String),
    /// It could not be written.
    #[error("{0}")]
    Failed(String),
}

impl From<DashboardError> for ApiError {
    fn from(error: DashboardError) -> Self {
        let error_type = match &error {
            DashboardError::NotFound(_) => ErrorType::NotFound,
            DashboardError::Conflict(_) => ErrorType::Conflict,
            DashboardError::Refused(_) => ErrorType::Forbidden,
            DashboardError::Failed(_) => ErrorType::Internal,
        };
        Self::new(error_type, error)
    }
}

/// Why a request is not carried out.
#[derive(Debug)]
enum Refusal {
    Api(ApiError),
    /// The dashboard is wrong.
    Wrong(Vec<Problem>),
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<DashboardError> for Refusal {
    fn from(error: DashboardError) -> Self {
        Self::Api(error.into())
    }
}

/// Characters of one problem in an answer. Chosen: a query and why it is none.
const PROBLEM_CHARS_MAX: usize = 1_000;

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let problems = match self {
            Self::Api(error) => return error.into_response(),
            Self::Wrong(problems) => problems,
        };
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let each: Vec<Value> = problems
            .iter()
            .map(|problem| {
                json!({
                    "path": short(&problem.path).to_string(),
                    "line": problem.place.line,
                    "column": problem.place.column,
                    "message": short_to(&problem.message, PROBLEM_CHARS_MAX).to_string(),
                })
            })
            .collect();
        let value = json!({
            "status": "error",
            "errorType": "bad_data",
            "error": error_text(&lines.join("\n")),
            "problems": each,
        });
        let mut response = json_response(value.to_string().into_bytes());
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response
    }
}

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/api/bellwether/v1/dashboards", responding_get(list))
        .route("/api/bellwether/v1/dashboards/import", post(import))
        .route(
            "/api/bellwether/v1/dashboards/{uid}",
            get(one).put(save).delete(remove),
        )
        .route("/api/bellwether/v1/dashboards/{uid}/yaml", get(yaml))
}

fn keeper(app: &App) -> Result<&Arc<dyn DashboardKeeper>, ApiError> {
    let keeper = app.services()?.dashboards.as_ref();
    keeper.ok_or_else(|| ApiError::new(ErrorType::Unavailable, "this server keeps no dashboards"))
}

async fn list(call: Call) -> Result<Response, ApiError> {
    let tags: Vec<&str> = call.params.all("tag").collect();
    let wanted = call.params.get("search").to_lowercase();
    let is_wanted = |kept: &&Arc<KeptDashboard>| {
        let of = &kept.dashboard;
        let has = |text: &str| text.to_lowercase().contains(&wanted);
        tags.iter().all(|tag| of.tags.iter().any(|it| it == tag))
            && (has(&of.title) || has(&of.uid) || of.tags.iter().any(|tag| has(tag)))
    };
    let kept = keeper(&call.app)?.list();
    let found: Vec<Value> = kept
        .iter()
        .filter(is_wanted)
        .map(|it| summary(it))
        .collect();
    Ok(success(json!({ "dashboards": found })))
}

async fn one(State(app): State<Arc<App>>, Path(uid): Path<String>) -> Result<Response, ApiError> {
    Ok(success(whole(&*find(&app, &uid)?)))
}

async fn yaml(State(app): State<Arc<App>>, Path(uid): Path<String>) -> Result<Response, ApiError> {
    let text = to_yaml(&find(&app, &uid)?.dashboard);
    let mut response = text.into_response();
    let value = HeaderValue::from_static("application/yaml");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    Ok(response)
}

fn find(app: &App, uid: &str) -> Result<Arc<KeptDashboard>, ApiError> {
    let found = keeper(app)?.get(uid);
    found.ok_or_else(|| DashboardError::NotFound(short(uid).to_string()).into())
}

async fn read_body(headers: &HeaderMap, body: axum::body::Body) -> Result<Bytes, ApiError> {
    let bytes = body::read(headers, body, JSON_BYTES_MAX).await;
    let bytes = bytes.and_then(|bytes| body::decompress(headers, bytes, JSON_BYTES_MAX));
    bytes.map_err(ApiError::bad_data)
}

/// The version that a request is about.
fn version(query: Option<&str>) -> Result<Option<u64>, ApiError> {
    let params = Params::parse(query, None);
    let text = params.get("version");
    if text.is_empty() {
        return Ok(None);
    }
    let version = text.parse().map_err(|_| {
        let reason = format!("{:?}: want a whole number, at least 0", short(text));
        ApiError::invalid_parameter("version", reason)
    });
    version.map(Some)
}

async fn save(
    State(app): State<Arc<App>>,
    Path(uid): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let keeper = Arc::clone(keeper(&app)?);
    let (parts, body) = request.into_parts();
    let version = version(parts.uri.query())?;
    let bytes = read_body(&parts.headers, body).await?;
    let read = on_thread(move || read_json(&bytes)).await?;
    let dashboard = read.map_err(Refusal::Wrong)?;
    if dashboard.uid != uid {
        let text = format!(
            "uid: {:?} given: want {:?}, as in the path",
            short(&dashboard.uid),
            short(&uid)
        );
        return Err(ApiError::bad_data(text).into());
    }
    let by = app.auth.name(&parts.headers);
    let kept = keeper.save(dashboard, version.unwrap_or_default(), by);
    let kept = kept.await?;
    Ok(success(whole(&kept)))
}

async fn remove(
    State(app): State<Arc<App>>,
    Path(uid): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let version = version(request.uri().query())?;
    keeper(&app)?.remove(uid, version).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn import(State(app): State<Arc<App>>, request: Request) -> Result<Response, Refusal> {
    let keeper = Arc::clone(keeper(&app)?);
    let (parts, body) = request.into_parts();
    let bytes = read_body(&parts.headers, body).await?;
    let imported = on_thread(move || import_text(&*keeper, &bytes)).await?;
    let imported = imported.map_err(Refusal::Wrong)?;
    Ok(success(json!({
        "dashboard": to_json(&imported.dashboard),
        "report": report_json(&imported.report),
        "isForeign": imported.is_foreign,
    })))
}

/// JSON begins with a brace; everything else is YAML.
fn import_text(keeper: &dyn DashboardKeeper, bytes: &[u8]) -> Result<Imported, Vec<Problem>> {
    if bytes.trim_ascii_start().starts_with(b"{") {
        return import_json(bytes);
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        vec![Problem {
            place: bellwether_dashboards::node::Place::default(),
            path: String::new(),
            message: format!(
                "the body is not valid UTF-8 at byte {}",
                error.valid_up_to()
            ),
        }]
    })?;
    keeper.read_yaml(text).map(bellwether_dashboards::own)
}

/// Large dashboards take some milliseconds.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ApiError::new(ErrorType::Internal, "the request could not be carried out"))
}

/// What is said of a dashboard wherever it is.
fn origin(kept: &KeptDashboard) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
    match &kept.source {
        DashboardSource::File(file) => {
            put("source", json!("file"));
            put("file", json!(file));
        }
        DashboardSource::Saved { time_ms, by } => {
            put("source", json!("saved"));
            put("savedAt", json!(*time_ms as f64 / 1000.0));
            put("savedBy", json!(by));
        }
    }
    put(
        "readOnly",
        json!(matches!(kept.source, DashboardSource::File(_))),
    );
    put("version", json!(kept.version));
    object
}

fn summary(kept: &KeptDashboard) -> Value {
    let of = &kept.dashboard;
    let mut object = origin(kept);
    let mut put = |key: &str, value: Value| drop(object.insert(key.to_owned(), value));
    put("uid", json!(of.uid));
    put("title", json!(of.title));
    put("description", json!(of.description));
    put("tags", json!(of.tags));
    let panels: usize = of.rows.iter().map(|row| row.panels.len()).sum();
    put("panelCount", json!(panels));
    Value::Object(object)
}

fn whole(kept: &KeptDashboard) -> Value {
    let mut object = origin(kept);
    object.insert("dashboard".to_owned(), to_json(&kept.dashboard));
    Value::Object(object)
}
