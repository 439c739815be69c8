//! KEDA's external scaler: gRPC `externalscaler.ExternalScaler`, on the port of OTLP over gRPC.
//!
//! ## Model
//! A trigger names a scaler in its metadata (`scaler: NAME`), or the ScaledObject is the one that a
//! scaler names. The metric's target is 1 and its value the number of workers, so that the Horizontal Pod
//! Autoscaler that KEDA makes comes to that number. A pool is active while it shall have a worker.
//!
//! ## Invariants
//! Where nothing is decided yet, or nobody is to be told, every method is an error: KEDA and the
//! autoscaler leave things as they are then. Never a zero, and never "not active".
//!
//! ## See also
//! `proto/externalscaler.proto`; <https://keda.sh/docs/latest/concepts/external-scalers/>.

pub(crate) mod wire;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::post;
use bellwether_model::short;
use bellwether_rules::scaling::{Decided, KedaObject, ScalerStatus, Scalers};
use futures::stream::{BoxStream, unfold};
use tokio::sync::watch;
use tonic::server::Grpc;
use tonic::{Code, Status};
use tonic_prost::ProstCodec;
use tower::service_fn;

use self::wire::{
    GetMetricSpecResponse, GetMetricsRequest, GetMetricsResponse, IsActiveResponse, MetricSpec,
    MetricValue, ScaledObjectRef,
};
use crate::app::App;

/// What paths of the service begin with.
pub(crate) const PATH: &str = "/externalscaler.ExternalScaler/";
/// The key of a trigger's metadata that names the scaler.
const NAME_KEY: &str = "scaler";
/// Bytes of a request. Chosen: a ScaledObject with some dozens of settings.
const REQUEST_BYTES_MAX: usize = 256 << 10;

/// The methods.
pub(crate) fn routes() -> Router<Arc<App>> {
    let path = |method: &str| format!("{PATH}{method}");
    Router::new()
        .route(&path("IsActive"), post(is_active))
        .route(&path("StreamIsActive"), post(stream_is_active))
        .route(&path("GetMetricSpec"), post(metric_spec))
        .route(&path("GetMetrics"), post(metrics))
        .route(&path("StreamMetricSpec"), post(stream_metric_spec))
}

fn grpc<Q, A>() -> Grpc<ProstCodec<A, Q>>
where
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Default + Send + 'static,
{
    Grpc::new(ProstCodec::default()).max_decoding_message_size(REQUEST_BYTES_MAX)
}

/// Answers one message with one.
async fn unary<Q, A>(
    app: Arc<App>,
    request: Request,
    answer: impl Fn(&App, Q) -> Result<A, Status> + Clone + Send + Sync + 'static,
) -> Response
where
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Default + Send + 'static,
{
    let service = service_fn(move |request: tonic::Request<Q>| {
        let (app, answer) = (Arc::clone(&app), answer.clone());
        async move { answer(&app, request.into_inner()).map(tonic::Response::new) }
    });
    let response = grpc::<Q, A>().unary(service, request).await;
    response.map(Body::new)
}

/// Answers one message with what `answer` says of the scaler, and again whenever it says something else.
async fn streaming<A>(
    app: Arc<App>,
    request: Request,
    answer: fn(&Found) -> Result<A, Status>,
) -> Response
where
    A: prost::Message + PartialEq + Clone + Default + Send + Sync + 'static,
{
    let service = service_fn(move |request: tonic::Request<ScaledObjectRef>| {
        let app = Arc::clone(&app);
        async move {
            let asked = request.into_inner();
            let changes = Found::of(&app, &asked)?.changes;
            let watcher = Watcher {
                stopping: app.stopping.subscribe(),
                app,
                asked,
                changes,
                answer,
                told: None,
                is_over: false,
            };
            let stream: BoxStream<'static, Result<A, Status>> =
                Box::pin(unfold(watcher, |mut watcher| async move {
                    Some((watcher.next().await?, watcher))
                }));
            Ok::<_, Status>(tonic::Response::new(stream))
        }
    });
    let response = grpc::<ScaledObjectRef, A>()
        .server_streaming(service, request)
        .await;
    response.map(Body::new)
}

/// Somebody who waits for changes.
struct Watcher<A> {
    app: Arc<App>,
    asked: ScaledObjectRef,
    changes: watch::Receiver<u64>,
    stopping: watch::Receiver<bool>,
    answer: fn(&Found) -> Result<A, Status>,
    told: Option<A>,
    is_over: bool,
}

impl<A: PartialEq + Clone> Watcher<A> {
    /// The next answer that is another; `None`: there will be none.
    async fn next(&mut self) -> Option<Result<A, Status>> {
        if self.is_over {
            return None;
        }
        loop {
            let found = match Found::of(&self.app, &self.asked) {
                Ok(found) => found,
                Err(status) => return self.end_with(status),
            };
            match (self.answer)(&found) {
                Ok(answer) if self.told.as_ref() != Some(&answer) => {
                    self.told = Some(answer.clone());
                    return Some(Ok(answer));
                }
                // Nothing is decided yet: what there will be comes later.
                Ok(_) => {}
                Err(status) if status.code() == Code::Unavailable => {}
                Err(status) => return self.end_with(status),
            }
            let is_gone = tokio::select! {
                _ = self.stopping.wait_for(|stop| *stop) => return None,
                changed = self.changes.changed() => changed.is_err(),
            };
            if is_gone {
                // Another configuration: the scaler of that name, if there still is one.
                match Found::of(&self.app, &self.asked) {
                    Ok(found) => self.changes = found.changes,
                    Err(status) => return self.end_with(status),
                }
            }
        }
    }

    fn end_with(&mut self, status: Status) -> Option<Result<A, Status>> {
        self.is_over = true;
        Some(Err(status))
    }
}

/// The scaler that is meant.
struct Found {
    status: Arc<ScalerStatus>,
    changes: watch::Receiver<u64>,
}

impl Found {
    fn of(app: &App, asked: &ScaledObjectRef) -> Result<Self, Status> {
        let services = app.services();
        let services = services.map_err(|error| Status::unavailable(error.message))?;
        let Some(scalers) = &services.scaling else {
            return Err(Status::not_found("this server has no scalers"));
        };
        let status = find(scalers, asked)?;
        let name = &status.settings.name;
        if status.settings.is_dry_run {
            let text = format!("scaler {name:?} is a dry run: it decides and tells nobody");
            return Err(Status::failed_precondition(text));
        }
        let changes = scalers.changes(name);
        let changes = changes.ok_or_else(|| Status::not_found("the scaler is gone"))?;
        Ok(Self { status, changes })
    }

    fn decided(&self) -> Result<&Decided, Status> {
        self.status.decided.as_ref().ok_or_else(|| {
            let name = &self.status.settings.name;
            Status::unavailable(format!(
                "scaler {name:?} has decided nothing yet: it has not seen its signals"
            ))
        })
    }

    fn metric_name(&self) -> String {
        format!("bellwether-{}", self.status.settings.name)
    }
}

fn is_object(object: &KedaObject, asked: &ScaledObjectRef) -> bool {
    object.name == asked.name
        && (object.namespace.is_empty() || object.namespace == asked.namespace)
}

fn find(scalers: &Scalers, asked: &ScaledObjectRef) -> Result<Arc<ScalerStatus>, Status> {
    let object = format!(
        "ScaledObject {:?} in namespace {:?}",
        short(&asked.name),
        short(&asked.namespace)
    );
    let Some(name) = asked.scaler_metadata.get(NAME_KEY) else {
        let all = scalers.statuses();
        let found = all.into_iter().find(|status| {
            let target = status.settings.targets.keda.as_ref();
            target.is_some_and(|target| is_object(target, asked))
        });
        return found.ok_or_else(|| {
            Status::not_found(format!(
                "no scaler has targets.keda for the {object}; or name one in the trigger's metadata, as scaler"
            ))
        });
    };
    let Some(status) = scalers.status(name) else {
        let text = format!("there is no scaler {:?}", short(name));
        return Err(Status::not_found(text));
    };
    match &status.settings.targets.keda {
        Some(target) if is_object(target, asked) => Ok(status),
        Some(target) => Err(Status::failed_precondition(format!(
            "scaler {name:?} is for the ScaledObject {:?}, not for the {object}",
            target.name
        ))),
        None => Err(Status::failed_precondition(format!(
            "scaler {name:?} has no targets.keda"
        ))),
    }
}

fn active(found: &Found) -> Result<IsActiveResponse, Status> {
    let result = found.decided()?.workers > 0;
    Ok(IsActiveResponse { result })
}

fn spec(found: &Found) -> Result<GetMetricSpecResponse, Status> {
    Ok(GetMetricSpecResponse {
        metric_specs: vec![MetricSpec {
            metric_name: found.metric_name(),
            target_size: 1,
            target_size_float: 1.0,
        }],
    })
}

async fn is_active(State(app): State<Arc<App>>, request: Request) -> Response {
    unary(app, request, |app, asked| active(&Found::of(app, &asked)?)).await
}

async fn stream_is_active(State(app): State<Arc<App>>, request: Request) -> Response {
    streaming(app, request, active).await
}

async fn metric_spec(State(app): State<Arc<App>>, request: Request) -> Response {
    unary(app, request, |app, asked| spec(&Found::of(app, &asked)?)).await
}

async fn stream_metric_spec(State(app): State<Arc<App>>, request: Request) -> Response {
    streaming(app, request, spec).await
}

async fn metrics(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = |app: &App, asked: GetMetricsRequest| {
        let object = asked.scaled_object_ref.unwrap_or_default();
        let found = Found::of(app, &object)?;
        let metric_name = found.metric_name();
        if !asked.metric_name.is_empty() && asked.metric_name != metric_name {
            return Err(Status::invalid_argument(format!(
                "there is no metric {:?}: want {metric_name:?}",
                short(&asked.metric_name)
            )));
        }
        let workers = found.decided()?.workers;
        Ok(GetMetricsResponse {
            metric_values: vec![MetricValue {
                metric_name,
                metric_value: i64::from(workers),
                metric_value_float: f64::from(workers),
            }],
        })
    };
    unary(app, request, answer).await
}
