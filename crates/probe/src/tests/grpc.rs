//! `grpc`.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::kit::{IP4, Identity, Server, accept, probe, refused, serve};
use crate::module::GrpcSettings;
use crate::{ProbeResult, Prober};

/// Knows the service `up`, the service `down`, and no other.
async fn answer(
    request: Request<Incoming>,
) -> Result<
    Response<http_body_util::combinators::BoxBody<Bytes, std::convert::Infallible>>,
    hyper::Error,
> {
    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
    assert_eq!(request.headers()["x-who"], "probe");
    let token = request.headers().get("x-token");
    let token = token.map_or_else(String::new, |token| token.to_str().unwrap().to_owned());
    let body = request.into_body().collect().await?.to_bytes();
    let (health, code) = match &body[5..] {
        b"\x0a\x02up" => (1, "0"),
        b"\x0a\x04down" => (2, "0"),
        _ => (0, "5"),
    };
    let message = if body[5..].ends_with(b"mirror") {
        token
    } else {
        "a message".to_owned()
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", code.parse().unwrap());
    trailers.insert("grpc-message", message.parse().unwrap());
    let message = if code == "0" {
        Bytes::from(vec![0, 0, 0, 0, 2, 8, health])
    } else {
        Bytes::new()
    };
    let body = Full::new(message).with_trailers(std::future::ready(Some(Ok(trailers))));
    Ok(Response::new(body.boxed()))
}

async fn server() -> Server {
    serve(|stream| async move {
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .serve_connection(TokioIo::new(stream), service_fn(answer))
            .await
            .ok();
    })
    .await
}

async fn ask(service: &str, target: &str) -> ProbeResult {
    let settings = GrpcSettings {
        service: service.to_owned(),
        address: IP4,
        metadata: vec![
            ("X-Who".to_owned(), "probe".to_owned()),
            ("X-Token".to_owned(), "say \"hunter2\"".to_owned()),
        ],
        ..GrpcSettings::default()
    };
    probe(Prober::Grpc(Box::new(settings)), target).await
}

#[tokio::test]
async fn only_a_service_that_serves_is_up() {
    let server = server().await;
    let target = server.address.to_string();
    let result = ask("up", &target).await;
    assert!(result.success, "{}", result.debug_text());
    let text = result.exposition();
    let line = "probe_grpc_healthcheck_response{serving_status=\"SERVING\"} 1\n";
    assert!(text.contains(line), "{text}");
    assert_eq!(result.value("probe_grpc_status_code"), Some(0.0));
    let result = ask("down", &target).await;
    assert_eq!(
        result.reason.as_deref(),
        Some("the service is NOT_SERVING, not SERVING")
    );
    let result = ask("other", &target).await;
    assert_eq!(
        result.reason.as_deref(),
        Some("gRPC status 5: \"a message\"")
    );
    assert_eq!(result.value("probe_grpc_status_code"), Some(5.0));
    let result = ask("mirror", &target).await;
    let reason = "gRPC status 5: \"<secret>\"";
    assert_eq!(result.reason.as_deref(), Some(reason));
    assert!(!result.debug_text().contains("hunter2"));
    let result = ask("up", &refused().to_string()).await;
    assert_eq!(result.value("probe_grpc_status_code"), Some(14.0));
}

#[tokio::test]
async fn a_service_over_tls_shows_its_certificate() {
    let good = Identity::until(2090);
    let acceptor = good.acceptor(&[b"h2"]);
    let server = serve(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            if let Some(stream) = accept(&acceptor, stream).await {
                hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .await
                    .ok();
            }
        }
    })
    .await;
    let settings = GrpcSettings {
        service: "up".to_owned(),
        address: IP4,
        tls: true,
        tls_config: good.trusted(),
        metadata: vec![("x-who".to_owned(), "probe".to_owned())],
    };
    let target = format!("localhost:{}", server.address.port());
    let result = probe(Prober::Grpc(Box::new(settings)), &target).await;
    assert!(result.success, "{}", result.debug_text());
    assert_eq!(result.value("probe_grpc_ssl"), Some(1.0));
    assert!(result.value("probe_ssl_earliest_cert_expiry").is_some());
    assert!(result.value("probe_tls_version_info").is_some());
}
