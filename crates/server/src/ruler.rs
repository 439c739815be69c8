//! The API for editing rules that Grafana and `mimirtool` speak: that of Mimir's ruler.
//!
//! ## Model
//! A namespace holds groups of rules. `GET …/rules` gives all that can be edited, as a mapping of
//! namespaces to their groups; `GET …/rules/{namespace}` those of one; `POST …/rules/{namespace}`
//! takes one group, in the place of the one of its name; `GET` and `DELETE
//! …/rules/{namespace}/{group}` are about one group, and `DELETE …/rules/{namespace}` takes all of a
//! namespace away. `…` is `/config/v1`, or `/prometheus/config/v1` with `/prometheus/rules` as its
//! older name. Bodies are YAML.
//!
//! Grafana edits rules where `status/buildinfo` says that it speaks with Mimir. Below `/prometheus`,
//! where a Mimir has its API too, we say so ([`crate::api::mimir_routes`]); at `/` we do not, since
//! that word changes more than rules.
//!
//! ## Invariants
//! What was taken is durable, and evaluated from then on, when the answer says so. The edge knows no
//! files: a [`RuleEditor`] keeps the groups.
//!
//! ## See also
//! <https://grafana.com/docs/mimir/latest/references/http-api/#ruler>

use std::fmt::Debug;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;
use crate::body::{self, BodyError};
use crate::envelope::{error_text, json_response, text_response};
use crate::services::BoxFuture;

/// Bytes of a group that is sent to us. Chosen: ten thousand rules of usual length.
const GROUP_BYTES_MAX: usize = 4 << 20;

/// What an accepted change is answered with: the words of Mimir, whose rules are not in use yet then.
const ACCEPTED: &[u8] = br#"{"status":"success","data":null,"errorType":"","error":""}"#;

/// Keeps groups of rules that people edit through the API.
pub trait RuleEditor: Send + Sync + Debug {
    /// All namespaces that can be edited, or the groups of one: a mapping of names to lists of
    /// groups, as YAML.
    fn list(&self, namespace: Option<String>) -> BoxFuture<Result<String, RuleEditError>>;

    /// One group as YAML.
    fn group(&self, namespace: String, group: String) -> BoxFuture<Result<String, RuleEditError>>;

    /// Takes a group, as YAML, in the place of the one of its name. Durable and in use when it
    /// returns.
    fn set(&self, namespace: String, group_yaml: String) -> BoxFuture<Result<(), RuleEditError>>;

    /// Takes a group away, or all groups of a namespace. Durable and in use when it returns.
    fn remove(
        &self,
        namespace: String,
        group: Option<String>,
    ) -> BoxFuture<Result<(), RuleEditError>>;
}

/// Why rules are not edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleEditError {
    /// There is no such namespace.
    #[error("group namespace does not exist")]
    NoNamespace,
    /// There is no such group.
    #[error("group does not exist")]
    NoGroup,
    /// The name or the group is wrong; the text says how.
    #[error("{0}")]
    Invalid(String),
    /// The group belongs to a file that the configuration names.
    #[error("{0}")]
    ReadOnly(String),
    /// What was to be done could not be done; the text says why.
    #[error("{0}")]
    Failed(String),
    /// Not now.
    #[error("{0}")]
    Unavailable(String),
}

impl RuleEditError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoNamespace | Self::NoGroup => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::ReadOnly(_) => StatusCode::FORBIDDEN,
            Self::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Why a request is not carried out.
#[derive(Debug)]
enum Refusal {
    /// The editor does not.
    Edit(RuleEditError),
    /// The body is none that we take.
    Body(BodyError),
    /// Rules cannot be edited here.
    NoEditor,
}

impl From<RuleEditError> for Refusal {
    fn from(error: RuleEditError) -> Self {
        Self::Edit(error)
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

impl From<PathRejection> for Refusal {
    fn from(rejection: PathRejection) -> Self {
        Self::Edit(RuleEditError::Invalid(rejection.body_text()))
    }
}

/// Answers are plain texts, as those of a ruler: Grafana shows them to people.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, text) = match self {
            Self::Edit(error) => (error.status(), error_text(&error)),
            Self::Body(error) => (error.status(), error_text(&error)),
            Self::NoEditor => {
                let text = "page not found: rules of this server cannot be edited";
                (StatusCode::NOT_FOUND, text.to_owned())
            }
        };
        text_response(status, format!("{text}\n"))
    }
}

/// Where the API is.
const PLACES: [&str; 3] = [
    "/config/v1/rules",
    "/prometheus/config/v1/rules",
    "/prometheus/rules",
];

/// Whether a path is one of this API.
pub(crate) fn is_ruler_path(path: &str) -> bool {
    PLACES.iter().any(|place| {
        path.strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for place in PLACES {
        router = router
            .route(place, get(list))
            .route(
                &format!("{place}/{{namespace}}"),
                get(list_namespace).post(set).delete(remove_namespace),
            )
            .route(
                &format!("{place}/{{namespace}}/{{group}}"),
                get(group).delete(remove_group),
            );
    }
    router
}

fn editor(app: &App) -> Result<&Arc<dyn RuleEditor>, Refusal> {
    let services = app
        .services()
        .map_err(|error| RuleEditError::Unavailable(error.message))?;
    services.alerting.rule_editor().ok_or(Refusal::NoEditor)
}

fn yaml(text: String) -> Response {
    let mut response = text.into_response();
    let value = HeaderValue::from_static("application/yaml");
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

fn accepted() -> Response {
    let mut response = json_response(ACCEPTED.to_vec());
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

/// A name in the path, which must be UTF-8 behind its percent signs.
type OneName = Result<Path<String>, PathRejection>;
/// Two of them.
type TwoNames = Result<Path<(String, String)>, PathRejection>;

async fn list(State(app): State<Arc<App>>) -> Result<Response, Refusal> {
    Ok(yaml(editor(&app)?.list(None).await?))
}

async fn list_namespace(State(app): State<Arc<App>>, path: OneName) -> Result<Response, Refusal> {
    let Path(namespace) = path?;
    Ok(yaml(editor(&app)?.list(Some(namespace)).await?))
}

async fn group(State(app): State<Arc<App>>, path: TwoNames) -> Result<Response, Refusal> {
    let Path((namespace, group)) = path?;
    Ok(yaml(editor(&app)?.group(namespace, group).await?))
}

async fn set(
    State(app): State<Arc<App>>,
    path: OneName,
    request: Request,
) -> Result<Response, Refusal> {
    let editor = editor(&app)?;
    let Path(namespace) = path?;
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, GROUP_BYTES_MAX).await?;
    let bytes = body::decompress(&parts.headers, bytes, GROUP_BYTES_MAX)?;
    let text = String::from_utf8(bytes.into()).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        RuleEditError::Invalid(format!("the body is not valid UTF-8 at byte {at}"))
    })?;
    editor.set(namespace, text).await?;
    Ok(accepted())
}

async fn remove_namespace(State(app): State<Arc<App>>, path: OneName) -> Result<Response, Refusal> {
    let Path(namespace) = path?;
    editor(&app)?.remove(namespace, None).await?;
    Ok(accepted())
}

async fn remove_group(State(app): State<Arc<App>>, path: TwoNames) -> Result<Response, Refusal> {
    let Path((namespace, group)) = path?;
    editor(&app)?.remove(namespace, Some(group)).await?;
    Ok(accepted())
}
