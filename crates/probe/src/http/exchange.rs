//! One request and the head of its answer, over a connection of its own.

use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use bellwether_outbound::settings::TlsSettings;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderValue};
use hyper::{Method, StatusCode, Uri, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::HTTP_DURATION;
use super::proxy::Proxy;
use crate::connection::{Connection, TlsFacts, begin_tls, connect_tcp};
use crate::module::AddressChoice;
use crate::recorder::{Failure, Recorder};
use crate::target::percent_decoded;

/// What is asked, and over which way.
pub(super) struct Request<'a> {
    pub(super) url: &'a Url,
    /// The address of the host of the URL; none where the proxy finds it.
    pub(super) address: Option<IpAddr>,
    pub(super) proxy: Option<Proxy>,
    pub(super) method: Method,
    /// The value of `Host`.
    pub(super) host: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) tls: TlsSettings,
    /// Whom to ask for in TLS, unless its settings say otherwise.
    pub(super) server_name: String,
    pub(super) http2: bool,
    /// Which address of a proxy is used.
    pub(super) address_choice: AddressChoice,
}

/// The head of an answer, its body still to come.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) body: Incoming,
    pub(super) tls: Option<TlsFacts>,
    /// Whether the request was a `HEAD`, whose answer announces a body that does not come.
    head_only: bool,
    /// Moves the bytes of the connection; ends with the answer.
    pub(super) driver: AbortOnDropHandle<()>,
}

impl Answer {
    /// The announced length of the body in bytes, -1 where there is none.
    pub(super) fn content_length(&self) -> f64 {
        let announced = if self.head_only {
            let value = self.headers.get(CONTENT_LENGTH);
            let text = value.and_then(|value| value.to_str().ok());
            text.and_then(|text| text.trim().parse().ok())
        } else {
            self.body.size_hint().exact()
        };
        announced.map_or(-1.0, |bytes: u64| bytes as f64)
    }
}

/// A user and password in a URL become basic authentication, unless there are other credentials.
pub(crate) fn authorize_from_url(url: &Url, headers: &mut HeaderMap) {
    if url.username().is_empty() || headers.contains_key(AUTHORIZATION) {
        return;
    }
    let user = percent_decoded(url.username());
    let password = percent_decoded(url.password().unwrap_or_default());
    let pair = format!("{user}:{password}");
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    if let Ok(mut value) = HeaderValue::from_str(&format!("Basic {encoded}")) {
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
}

/// Connects, sends the request and waits for the head of its answer; begins the phase `transfer`.
pub(super) async fn exchange(
    recorder: &mut Recorder,
    request: Request<'_>,
) -> Result<Answer, Failure> {
    let url = request.url;
    let is_tls = url.scheme() == "https";
    let port = url.port_or_known_default().unwrap_or(80);
    let shown = bellwether_outbound::settings::redacted_url(url);
    recorder.note(format!("{} {shown}", request.method));
    let target = match request.address {
        Some(address) => SocketAddr::new(address, port).to_string(),
        None => format!("{}:{port}", url.host_str().unwrap_or_default()),
    };
    recorder.begin(Some(HTTP_DURATION), "connect");
    let mut connection: Connection = match (&request.proxy, request.address) {
        (Some(proxy), _) => {
            let tunnel = is_tls.then_some(target.as_str());
            proxy.connect(tunnel, request.address_choice).await?
        }
        (None, Some(address)) => Box::new(connect_tcp(SocketAddr::new(address, port), None).await?),
        (None, None) => return Err(Failure::new("there is no address to connect to")),
    };
    recorder.end();
    let mut tls = None;
    if is_tls {
        let alpn: &[&[u8]] = if request.http2 {
            &[b"h2", b"http/1.1"]
        } else {
            &[b"http/1.1"]
        };
        recorder.begin(Some(HTTP_DURATION), "tls");
        let (stream, facts) =
            begin_tls(connection, &request.server_name, &request.tls, alpn).await?;
        recorder.end();
        connection = stream;
        tls = Some(facts);
    }
    let is_http2 = tls
        .as_ref()
        .is_some_and(|tls| tls.alpn.as_deref() == Some(b"h2"));
    let head_only = request.method == Method::HEAD;
    let by_proxy = request.proxy.is_some() && !is_tls;
    let message = message(&request, is_http2, by_proxy.then_some(target))?;
    recorder.begin(Some(HTTP_DURATION), "processing");
    let (response, driver) = if is_http2 {
        over_http2(connection, message).await?
    } else {
        over_http1(connection, message).await?
    };
    recorder.end();
    recorder.begin(Some(HTTP_DURATION), "transfer");
    let (parts, body) = response.into_parts();
    recorder.note(format!("{:?} {}", parts.version, parts.status));
    Ok(Answer {
        status: parts.status,
        version: parts.version,
        headers: parts.headers,
        body,
        tls,
        head_only,
        driver,
    })
}

/// The message as its version of HTTP and its way want it. `proxied` is the host and port that a
/// proxy is told.
fn message(
    request: &Request<'_>,
    is_http2: bool,
    proxied: Option<String>,
) -> Result<hyper::Request<Full<Bytes>>, Failure> {
    let url = request.url;
    let mut path = url.path().to_owned();
    if let Some(query) = url.query() {
        path.push('?');
        path.push_str(query);
    }
    let wrong = |error: &dyn std::fmt::Display| {
        Failure::new(format!("the request cannot be written: {error}"))
    };
    let authority = match (is_http2, &proxied) {
        (true, _) => Some(&request.host),
        (false, proxied) => proxied.as_ref(),
    };
    let uri: Uri = match authority {
        Some(authority) => format!("{}://{authority}{path}", url.scheme()).parse(),
        None => path.parse(),
    }
    .map_err(|error: hyper::http::uri::InvalidUri| wrong(&error))?;
    let mut message = hyper::Request::new(Full::new(request.body.clone()));
    *message.method_mut() = request.method.clone();
    *message.uri_mut() = uri;
    *message.headers_mut() = request.headers.clone();
    let headers = message.headers_mut();
    if is_http2 {
        *message.version_mut() = Version::HTTP_2;
    } else {
        let host = HeaderValue::from_str(&request.host).map_err(|error| wrong(&error))?;
        headers.insert(HOST, host);
        headers
            .entry(CONNECTION)
            .or_insert(HeaderValue::from_static("close"));
        if let Some(authorization) = request.proxy.as_ref().and_then(Proxy::authorization)
            && proxied.is_some()
        {
            headers.insert(hyper::header::PROXY_AUTHORIZATION, authorization);
        }
    }
    Ok(message)
}

type Sent = (hyper::Response<Incoming>, AbortOnDropHandle<()>);

async fn over_http1(
    connection: Connection,
    message: hyper::Request<Full<Bytes>>,
) -> Result<Sent, Failure> {
    let (mut sender, driver) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(true)
        .handshake(TokioIo::new(connection))
        .await
        .map_err(|error| failed(&error))?;
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        // Its errors reach whoever waits for the answer.
        driver.await.ok();
    }));
    let response = sender.send_request(message).await;
    Ok((response.map_err(|error| failed(&error))?, driver))
}

async fn over_http2(
    connection: Connection,
    message: hyper::Request<Full<Bytes>>,
) -> Result<Sent, Failure> {
    let (mut sender, driver) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(connection))
            .await
            .map_err(|error| failed(&error))?;
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        driver.await.ok();
    }));
    let response = sender.send_request(message).await;
    Ok((response.map_err(|error| failed(&error))?, driver))
}

/// Why no answer came, with the causes.
pub(crate) fn failed(error: &hyper::Error) -> Failure {
    Failure::new(format!("no answer: {}", causes(error)))
}

/// An error with what caused it, outermost first.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let next = cause.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        source = cause.source();
    }
    text
}
