//! Requests to an API over one connection that is the probe's own: several one after another, with
//! answers that are read as they come.
//!
//! ## Model
//! [`Api::connect`] resolves, connects and begins TLS, each as a phase. [`Api::send`] sends a request and
//! gives the head of its answer; where the server has closed the connection in between, it connects anew.
//!
//! ## Invariants
//! Requests go to the target alone: no proxy, no redirect, so that credentials follow nowhere.
//!
//! ## Limits
//! [`read_body`] takes a bound; [`ERROR_BODY_BYTES_MAX`] is the one for what explains a status.

use std::io;
use std::net::SocketAddr;

use bellwether_outbound::Authorizer;
use bellwether_outbound::settings::{HttpClientSettings, redacted_url};
use bellwether_storage::Clock;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Response, Uri, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::connection::{Connection, TlsMetrics, begin_tls, open_tcp, record_tls};
use crate::credentials::hide_credentials;
use crate::http::exchange::{authorize_from_url, causes};
use crate::http::{authority_of, host_of};
use crate::module::AddressChoice;
use crate::recorder::{Failure, Gauge, Recorder};
use crate::resolve::choose_address;

/// The longest body that is read to explain a status. Chosen: a text for people.
pub(crate) const ERROR_BODY_BYTES_MAX: usize = 64 << 10;

/// Whom to ask, and how.
pub(crate) struct ApiTarget<'a> {
    pub(crate) url: &'a Url,
    pub(crate) client: &'a HttpClientSettings,
    pub(crate) address: AddressChoice,
    /// The duration metric that the phases go to.
    pub(crate) phases: Gauge,
}

/// Where an exchange with an API broke off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BrokenAt {
    /// Nobody listens.
    Refused,
    /// No address, no way, no TLS.
    Connecting,
    /// The request or its answer.
    Talking,
    /// Nothing was sent: something of ours is wrong.
    Settings,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) at: BrokenAt,
    pub(crate) failure: Failure,
}

impl Broken {
    fn new(at: BrokenAt) -> impl Fn(Failure) -> Self {
        move |failure| Self { at, failure }
    }

    pub(crate) fn talking(reason: impl Into<String>) -> Self {
        Self::new(BrokenAt::Talking)(Failure::new(reason))
    }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Self {
        broken.failure
    }
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// A connection to an API.
pub(crate) struct Api<'a> {
    target: ApiTarget<'a>,
    host: String,
    server: SocketAddr,
    /// What every request carries.
    headers: HeaderMap,
    sender: Sender,
    /// Moves the bytes; ends with the connection.
    _driver: AbortOnDropHandle<()>,
}

impl<'a> Api<'a> {
    /// Connects. TLS, where the URL says so, is a phase and has its metrics.
    pub(crate) async fn connect(
        recorder: &mut Recorder,
        target: ApiTarget<'a>,
        clock: &dyn Clock,
    ) -> Result<Self, Broken> {
        let settings = Broken::new(BrokenAt::Settings);
        let authorizer = Authorizer::new(target.client).map_err(|error| settings(error.into()))?;
        let mut headers = HeaderMap::new();
        let agent = concat!("Bellwether/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        let applied = authorizer.apply(&mut headers).await;
        applied.map_err(|error| settings(error.into()))?;
        authorize_from_url(target.url, &mut headers);
        hide_credentials(recorder, &target.client.headers, &headers);
        let host = host_of(target.url);
        let phases = Some(target.phases);
        let address = choose_address(recorder, &host, target.address, phases).await;
        let address = address.map_err(Broken::new(BrokenAt::Connecting))?;
        let server = SocketAddr::new(address, target.url.port_or_known_default().unwrap_or(80));
        let (sender, driver) = open(recorder, &target, &host, server, Some(clock)).await?;
        Ok(Self {
            target,
            host,
            server,
            headers,
            sender,
            _driver: driver,
        })
    }

    /// Sends a request and waits for the head of its answer. The path stands behind the authority.
    pub(crate) async fn send(
        &mut self,
        recorder: &mut Recorder,
        method: Method,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Incoming>, Broken> {
        if self.is_closed().await {
            recorder.note("the server has closed the connection: another one is made");
            let opened = open(recorder, &self.target, &self.host, self.server, None).await?;
            (self.sender, self._driver) = opened;
        }
        let is_http2 = matches!(self.sender, Sender::Http2(_));
        let mut message = hyper::Request::new(Full::new(body));
        *message.method_mut() = method;
        *message.uri_mut() = self.uri(path, is_http2)?;
        *message.headers_mut() = self.headers.clone();
        for (name, value) in headers {
            message.headers_mut().insert(name, value.clone());
        }
        if is_http2 {
            *message.version_mut() = Version::HTTP_2;
        } else if let Ok(host) = HeaderValue::from_str(&authority_of(self.target.url)) {
            message.headers_mut().insert(HOST, host);
        }
        let sent = match &mut self.sender {
            Sender::Http1(sender) => sender.send_request(message).await,
            Sender::Http2(sender) => sender.send_request(message).await,
        };
        sent.map_err(|error| Broken::talking(format!("no answer: {}", causes(&error))))
    }

    /// Whether the server has closed the connection, or what was read from it is not at its end.
    async fn is_closed(&mut self) -> bool {
        match &mut self.sender {
            // An answer that was not read to its end leaves it busy: then it is of no more use.
            Sender::Http1(sender) => {
                let wait = std::time::Duration::from_millis(50);
                let ready = tokio::time::timeout(wait, sender.ready()).await;
                !matches!(ready, Ok(Ok(())))
            }
            Sender::Http2(sender) => sender.is_closed(),
        }
    }

    fn uri(&self, path: &str, is_http2: bool) -> Result<Uri, Broken> {
        let url = self.target.url;
        let text = if is_http2 {
            format!("{}://{}{path}", url.scheme(), authority_of(url))
        } else {
            path.to_owned()
        };
        text.parse().map_err(|error: hyper::http::uri::InvalidUri| {
            let failure = Failure::new(format!("the request cannot be written: {error}"));
            Broken::new(BrokenAt::Settings)(failure)
        })
    }
}

/// Opens a connection. With a clock it is the first one: its parts are phases, and TLS has its metrics;
/// another one belongs to the phase that runs.
async fn open(
    recorder: &mut Recorder,
    target: &ApiTarget<'_>,
    host: &str,
    server: SocketAddr,
    clock: Option<&dyn Clock>,
) -> Result<(Sender, AbortOnDropHandle<()>), Broken> {
    let phases = Some(target.phases);
    recorder.note(format!("connects to {}", redacted_url(target.url)));
    if clock.is_some() {
        recorder.begin(phases, "connect");
    }
    let stream = open_tcp(server, None).await.map_err(|error| Broken {
        at: if error.kind() == io::ErrorKind::ConnectionRefused {
            BrokenAt::Refused
        } else {
            BrokenAt::Connecting
        },
        failure: Failure::new(format!("cannot connect to {server}: {error}")),
    })?;
    if clock.is_some() {
        recorder.end();
    }
    let mut connection: Connection = Box::new(stream);
    let mut is_http2 = false;
    if target.url.scheme() == "https" {
        let alpn: &[&[u8]] = if target.client.enable_http2 {
            &[b"h2", b"http/1.1"]
        } else {
            &[b"http/1.1"]
        };
        if clock.is_some() {
            recorder.begin(phases, "tls");
        }
        let settings = &target.client.tls;
        let begun = begin_tls(connection, host, settings, alpn).await;
        let (stream, tls) = begun.map_err(Broken::new(BrokenAt::Connecting))?;
        if let Some(clock) = clock {
            recorder.end();
            let metrics = TlsMetrics {
                cipher: false,
                chain_expiry: true,
            };
            record_tls(recorder, &tls, settings, clock, metrics);
        }
        is_http2 = tls.alpn.as_deref() == Some(b"h2");
        connection = stream;
    }
    let failed = |error: hyper::Error| Broken::talking(format!("no answer: {}", causes(&error)));
    let io = TokioIo::new(connection);
    if is_http2 {
        let (sender, driver) = http2::handshake(TokioExecutor::new(), io)
            .await
            .map_err(failed)?;
        // Errors of a driver reach whoever waits for the answer.
        let task = tokio::spawn(async move {
            driver.await.ok();
        });
        return Ok((Sender::Http2(sender), AbortOnDropHandle::new(task)));
    }
    let (sender, driver) = http1::Builder::new()
        .title_case_headers(true)
        .handshake(io)
        .await
        .map_err(failed)?;
    let task = tokio::spawn(async move {
        driver.await.ok();
    });
    Ok((Sender::Http1(sender), AbortOnDropHandle::new(task)))
}

/// Reads a body of at most so many bytes.
pub(crate) async fn read_body(body: &mut Incoming, bytes_max: usize) -> Result<Vec<u8>, Broken> {
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Broken::talking(format!("the answer breaks off: {}", causes(&error)))
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if read.len() + data.len() > bytes_max {
            let reason = format!("the answer has more than {bytes_max} bytes");
            return Err(Broken::talking(reason));
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

/// What an answer with an error says in its body, shortened, on one line. What cannot be read is left out.
pub(crate) async fn read_error_body(body: &mut Incoming) -> Vec<u8> {
    let mut read = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let room = ERROR_BODY_BYTES_MAX - read.len();
        read.extend_from_slice(data.get(..room).unwrap_or(&data));
        if read.len() >= ERROR_BODY_BYTES_MAX {
            break;
        }
    }
    read
}

/// What stands at the end of an excerpt that was cut.
pub(crate) const CUT: char = '…';

/// The beginning of a text, on one line. Secrets are still in it; the recorder hides what is left of one at the cut,
/// too.
pub(crate) fn excerpt(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(CHARS_MAX) {
        None => line,
        Some((end, _)) => format!("{}{CUT}", line.get(..end).unwrap_or_default()),
    }
}
