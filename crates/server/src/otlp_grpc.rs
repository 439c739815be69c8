//! OTLP over gRPC: `MetricsService/Export`, with gzip.
//!
//! ## Invariants
//! Services for traces and logs are not there: gRPC answers `UNIMPLEMENTED`, which exporters report
//! once and do not send again.
//!
//! ## Failure
//! What may be sent again later is `UNAVAILABLE` or `RESOURCE_EXHAUSTED`, as the specification says.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::ConnectInfo;
use bellwether_ingest::otlp::OtlpStatus;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use tonic::codec::CompressionEncoding;
use tonic::{Code, Request, Response, Status};

use crate::app::{App, acquire};
use crate::receive::source_of;

/// Routes of the gRPC port.
pub(crate) fn routes(app: &Arc<App>) -> Router {
    let limits = &app.settings.limits;
    let service = MetricsServiceServer::new(Metrics {
        app: Arc::clone(app),
    })
    .accept_compressed(CompressionEncoding::Gzip)
    .send_compressed(CompressionEncoding::Gzip)
    .max_decoding_message_size(limits.decompressed_bytes_max);
    tonic::service::Routes::new(service)
        .prepare()
        .into_axum_router()
}

#[derive(Debug)]
struct Metrics {
    app: Arc<App>,
}

#[tonic::async_trait]
impl MetricsService for Metrics {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let app = &self.app;
        if !app.settings.enable_otlp {
            return Err(Status::unimplemented(
                "the OTLP receiver needs to be enabled with --web.enable-otlp-receiver",
            ));
        }
        app.services()
            .map_err(|error| Status::unavailable(error.message))?;
        let peer = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| peer.0);
        let permit = acquire(&app.write_gate)
            .await
            .map_err(|error| Status::unavailable(error.message))?;
        let app = Arc::clone(app);
        let export = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let receivers = app.receivers.get()?;
            Some(
                receivers
                    .otlp()
                    .export(&source_of("otlp", peer), request.get_ref()),
            )
        });
        let outcome = match export.await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => return Err(Status::unavailable("the server is starting")),
            Err(_) => return Err(Status::internal("the request could not be taken")),
        };
        if outcome.status != OtlpStatus::Done {
            let code = i32::try_from(outcome.status.grpc_code()).map_or(Code::Internal, Code::from);
            return Err(Status::new(code, outcome.message));
        }
        let is_quiet = outcome.rejected_count == 0 && outcome.message.is_empty();
        let partial_success = (!is_quiet).then(|| ExportMetricsPartialSuccess {
            rejected_data_points: i64::try_from(outcome.rejected_count).unwrap_or(i64::MAX),
            error_message: outcome.message,
        });
        Ok(Response::new(ExportMetricsServiceResponse {
            partial_success,
        }))
    }
}
