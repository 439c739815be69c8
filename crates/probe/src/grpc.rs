//! `grpc`: asks a server for the health of a service (`grpc.health.v1.Health/Check`).
//!
//! ## See also
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>.

use std::net::SocketAddr;

use bellwether_storage::Clock;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE, USER_AGENT};
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::connection::{Connection, TlsMetrics, begin_tls, connect_tcp, record_tls};
use crate::credentials::hide_credentials;
use crate::http::exchange::failed;
use crate::http::{authority_of, host_of};
use crate::module::GrpcSettings;
use crate::recorder::{Failure, Gauge, Recorder};
use crate::resolve::choose_address;
use crate::target::{shown_target, with_scheme};

const GRPC_DURATION: Gauge = Gauge::new("probe_grpc_duration_seconds", "How long each phase took.");
const SSL: Gauge = Gauge::new("probe_grpc_ssl", "Whether the answer came over TLS.");
const STATUS_CODE: Gauge = Gauge::new(
    "probe_grpc_status_code",
    "The gRPC status of the answer: 0 is OK, 14 that the server cannot be reached.",
);
const HEALTH: Gauge = Gauge::new(
    "probe_grpc_healthcheck_response",
    "1 for what the server says of the service's health.",
);

/// What a health check may answer with. Chosen: the message has one number.
const ANSWER_BYTES_MAX: usize = 64 << 10;
const STATUSES: [&str; 4] = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
const SERVING: i32 = 1;
/// `UNAVAILABLE` of gRPC.
const UNAVAILABLE: f64 = 14.0;
/// `UNKNOWN` of gRPC.
const UNKNOWN: u32 = 2;

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

pub(crate) async fn probe_grpc(
    recorder: &mut Recorder,
    settings: &GrpcSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    recorder.expect_phases(GRPC_DURATION, &["resolve"]);
    recorder.set(SSL, 0.0);
    recorder.set(STATUS_CODE, 0.0);
    let url = Url::parse(&with_scheme(target)).map_err(|error| {
        Failure::new(format!(
            "target {:?} is no address: {error}",
            shown_target(target)
        ))
    })?;
    let host = host_of(&url);
    let choice = settings.address;
    let address = choose_address(recorder, &host, choice, Some(GRPC_DURATION)).await?;
    let port = url.port().unwrap_or(if settings.tls { 443 } else { 80 });
    let server = SocketAddr::new(address, port);
    for status in STATUSES {
        recorder.set_labelled(HEALTH, &[("serving_status", status)], 0.0);
    }
    recorder.set(STATUS_CODE, UNAVAILABLE);
    recorder.begin(Some(GRPC_DURATION), "check");
    let outcome = check(recorder, settings, &url, server, clock).await;
    recorder.end();
    let (code, message, status) = outcome?;
    recorder.set(STATUS_CODE, f64::from(code));
    if code != 0 {
        return Err(Failure::new(format!("gRPC status {code}: {message:?}")));
    }
    let status = status.ok_or_else(|| Failure::new("the answer holds no message"))?;
    let index = usize::try_from(status).unwrap_or(usize::MAX);
    let name = STATUSES.get(index).copied();
    if let Some(name) = name {
        recorder.set_labelled(HEALTH, &[("serving_status", name)], 1.0);
    }
    if status == SERVING {
        return Ok(());
    }
    let name = name.map_or_else(|| status.to_string(), str::to_owned);
    Err(Failure::new(format!("the service is {name}, not SERVING")))
}

/// The gRPC status, its message and the health.
type Outcome = (u32, String, Option<i32>);

async fn check(
    recorder: &mut Recorder,
    settings: &GrpcSettings,
    url: &Url,
    server: SocketAddr,
    clock: &dyn Clock,
) -> Result<Outcome, Failure> {
    let mut connection: Connection = Box::new(connect_tcp(server, None).await?);
    let mut tls = None;
    if settings.tls {
        let host = host_of(url);
        let (stream, facts) = begin_tls(connection, &host, &settings.tls_config, &[b"h2"]).await?;
        connection = stream;
        tls = Some(facts);
    }
    let request = request(settings, url)?;
    hide_credentials(recorder, &[], request.headers());
    let (mut sender, driver) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(connection))
            .await
            .map_err(|error| failed(&error))?;
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        // Its errors reach whoever waits for the answer.
        driver.await.ok();
    }));
    let response = sender.send_request(request).await;
    let response = response.map_err(|error| failed(&error))?;
    if let Some(tls) = &tls {
        recorder.set(SSL, 1.0);
        let metrics = TlsMetrics {
            cipher: false,
            chain_expiry: false,
        };
        record_tls(recorder, tls, &settings.tls_config, clock, metrics);
    }
    let outcome = outcome(response).await;
    drop(driver);
    outcome
}

fn request(settings: &GrpcSettings, url: &Url) -> Result<Request<Full<Bytes>>, Failure> {
    let wrong = |what: &str| {
        Failure::new(format!(
            "the request cannot be written: {what} is not valid"
        ))
    };
    let message = HealthCheckRequest {
        service: settings.service.clone(),
    }
    .encode_to_vec();
    let length = u32::try_from(message.len()).map_err(|_| wrong("service"))?;
    // Not packed, then the length, then the message.
    let body = [&[0], length.to_be_bytes().as_slice(), &message].concat();
    let scheme = if settings.tls { "https" } else { "http" };
    let authority = authority_of(url);
    let mut request = Request::post(format!(
        "{scheme}://{authority}/grpc.health.v1.Health/Check"
    ))
    .body(Full::new(Bytes::from(body)))
    .map_err(|_| wrong("target"))?;
    let headers = request.headers_mut();
    for (name, value) in &settings.metadata {
        let key = HeaderName::from_bytes(name.to_ascii_lowercase().as_bytes());
        let value = HeaderValue::from_str(value).map_err(|_| wrong(name))?;
        headers.append(key.map_err(|_| wrong(name))?, value);
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(TE, HeaderValue::from_static("trailers"));
    let agent = concat!("Bellwether/", env!("CARGO_PKG_VERSION"));
    headers.insert(USER_AGENT, HeaderValue::from_static(agent));
    Ok(request)
}

async fn outcome(response: Response<Incoming>) -> Result<Outcome, Failure> {
    let (parts, body) = response.into_parts();
    let collected = Limited::new(body, ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| Failure::new(format!("the answer breaks off: {error}")))?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    // An answer without a message has its status in the head.
    let status = status_of(&trailers).or_else(|| status_of(&parts.headers));
    let Some((code, message)) = status else {
        let text = format!("HTTP status {} without a gRPC status", parts.status);
        return Ok((UNKNOWN, text, None));
    };
    let bytes = collected.to_bytes();
    let health = bytes
        .get(5..)
        .and_then(|message| HealthCheckResponse::decode(message).ok())
        .map(|message| message.status);
    Ok((code, message, health))
}

fn status_of(headers: &HeaderMap) -> Option<(u32, String)> {
    let code = headers.get("grpc-status")?.to_str().ok()?.parse().ok()?;
    let message = headers.get("grpc-message");
    let message = message.map(|text| String::from_utf8_lossy(text.as_bytes()).into_owned());
    Some((code, message.unwrap_or_default()))
}
