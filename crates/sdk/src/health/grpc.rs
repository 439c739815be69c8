//! The endpoints as gRPC's health service.
//!
//! ## See also
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>

use std::pin::Pin;
use std::time::Duration;

use futures::Stream;
use futures::stream::unfold;
use tokio::time::timeout;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::{HealthChanges, HealthRegistry, HealthState};

/// How often a watcher looks for itself: that a result is too old, or the runtime was stuck, is no change
/// that anybody tells of. Chosen.
const LOOK: Duration = Duration::from_secs(5);

/// The service `grpc.health.v1.Health`, to be added to a server of tonic. It keeps the registry alive.
///
/// | Service asked for | `SERVING` |
/// | --- | --- |
/// | none, `readyz` | as `/readyz` |
/// | `livez`, `startupz` | as those |
/// | the name of a probe | it is up or degraded; `UNKNOWN` where it is unknown |
///
/// Anything else is not found. These names win over those of probes.
///
/// Who watches is told at once and of each change; that a result is too old, within five seconds. The
/// stream ends when the registry is stopped, so that it does not keep a server from ending.
#[must_use]
pub fn grpc_service(registry: &HealthRegistry) -> HealthServer<GrpcHealth> {
    HealthServer::new(GrpcHealth(registry.clone()))
}

/// Answers what [`grpc_service`] is asked.
#[derive(Debug, Clone)]
pub struct GrpcHealth(HealthRegistry);

impl GrpcHealth {
    /// `None`: there is no such service.
    fn status(&self, service: &str) -> Option<ServingStatus> {
        let problems = match service {
            "" | "readyz" => self.0.ready_problems(),
            "livez" => self.0.live_problems(),
            "startupz" => self.0.startup_problems(),
            probe => {
                return Some(match self.0.probe_state(probe)? {
                    HealthState::Up | HealthState::Degraded => ServingStatus::Serving,
                    HealthState::Down => ServingStatus::NotServing,
                    HealthState::Unknown => ServingStatus::Unknown,
                });
            }
        };
        Some(match problems.is_empty() {
            true => ServingStatus::Serving,
            false => ServingStatus::NotServing,
        })
    }
}

/// Somebody who watches a service.
struct Watcher {
    health: GrpcHealth,
    service: String,
    changes: HealthChanges,
    told: Option<ServingStatus>,
}

impl Watcher {
    /// The next status that is not as the last one; `None`: there will be none.
    async fn next(&mut self) -> Option<ServingStatus> {
        loop {
            // In this order, so that what happens between the two is seen.
            let is_stopped = self.health.0.core().is_stopped();
            let status = self.health.status(&self.service);
            let status = status.unwrap_or(ServingStatus::ServiceUnknown);
            if self.told != Some(status) {
                self.told = Some(status);
                return Some(status);
            }
            if is_stopped || timeout(LOOK, self.changes.changed()).await == Ok(false) {
                return None;
            }
        }
    }
}

#[tonic::async_trait]
impl Health for GrpcHealth {
    type WatchStream =
        Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send + 'static>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let service = request.into_inner().service;
        let Some(status) = self.status(&service) else {
            return Err(Status::not_found(format!("{service:?} is no probe")));
        };
        Ok(Response::new(message(status)))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let watcher = Watcher {
            changes: self.0.changes(),
            health: self.clone(),
            service: request.into_inner().service,
            told: None,
        };
        let stream = unfold(watcher, |mut watcher| async move {
            let status = watcher.next().await?;
            Some((Ok(message(status)), watcher))
        });
        Ok(Response::new(Box::pin(stream)))
    }
}

fn message(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
