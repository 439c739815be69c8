//! The client: requests out, answers in.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::RwLock;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, NoProxy, Proxy, StatusCode};
use url::Url;

use crate::auth::Authorizer;
use crate::body::{Encoding, decode_body, effective_limit};
use crate::error::OutboundError;
use crate::file::{Stamp, stamp};
use crate::settings::{HttpClientSettings, PemSource, ProxySettings};
use crate::tls;

/// As many redirects as Go's client follows.
const REDIRECTS_MAX: usize = 10;
/// A connection that was idle for so long is closed: longer than the longest usual scrape interval.
const IDLE_TIMEOUT: Duration = Duration::from_secs(300);

/// Makes a client, and reads the files that TLS is made of. Files with credentials are read by the
/// first request that needs them, and so is the TLS of a token server.
///
/// # Errors
/// Where a setting makes no sense, or a certificate, key or authority cannot be read.
pub fn client(settings: &HttpClientSettings) -> Result<Client, OutboundError> {
    let client = lazy_client(settings)?;
    client.0.transport.reqwest()?;
    Ok(client)
}

/// Makes a client whose files may be missing yet: until they can be read each request fails and
/// says why.
///
/// # Errors
/// Where a header has a name that cannot be one.
pub fn lazy_client(settings: &HttpClientSettings) -> Result<Client, OutboundError> {
    Ok(Client(Arc::new(Inner {
        transport: Transport::new(settings, ""),
        authorizer: Authorizer::new(settings)?,
    })))
}

/// An HTTP client. Clones share connections and tokens.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    transport: Transport,
    authorizer: Authorizer,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Whom and what to ask. A user and password in it become basic authentication.
    pub url: Url,
    /// Headers; they win over those of the client.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// How long until the whole body of the answer is there. None: no bound.
    pub timeout: Option<Duration>,
}

impl Request {
    /// A `GET` without headers and bound.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            timeout: None,
        }
    }

    /// A `POST` of a body.
    #[must_use]
    pub fn post(url: Url, body: Bytes) -> Self {
        Self {
            method: Method::POST,
            body,
            ..Self::get(url)
        }
    }
}

impl Client {
    /// Sends a request and waits for the head of the answer, whatever its status. A request that is
    /// refused with 401 while an OAuth 2.0 token was used is sent once more with a new token.
    ///
    /// # Errors
    /// Where credentials cannot be had, the server cannot be reached, or time runs out.
    pub async fn send(&self, request: Request) -> Result<Response, OutboundError> {
        let response = self.send_once(request.clone()).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.0.authorizer.refused().await {
            return self.send_once(request).await;
        }
        Ok(response)
    }

    async fn send_once(&self, mut request: Request) -> Result<Response, OutboundError> {
        self.0.authorizer.apply(&mut request.headers).await?;
        let client = self.0.transport.reqwest()?;
        let mut builder = client
            .request(request.method, request.url.clone())
            .headers(request.headers);
        if !request.body.is_empty() {
            builder = builder.body(request.body);
        }
        if let Some(timeout) = request.timeout {
            builder = builder.timeout(timeout);
        }
        match builder.send().await {
            Ok(response) => Ok(Response::new(response)),
            Err(error) => Err(OutboundError::transport(&request.url, error)),
        }
    }
}

/// The head of an answer, its body still to be read.
#[derive(Debug)]
pub struct Response {
    inner: reqwest::Response,
}

impl Response {
    pub(crate) fn new(inner: reqwest::Response) -> Self {
        Self { inner }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.inner.status()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.inner.headers()
    }

    /// The value of `Content-Type`, if it is there and text.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.header(&CONTENT_TYPE)
    }

    /// A header, if it is there and text.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.inner
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    }

    /// Appends the body to `out`, unpacked, at most `limit` bytes (0: [`crate::BODY_BYTES_MAX`]).
    ///
    /// # Errors
    /// Where it is longer or damaged, the connection breaks, or time runs out.
    pub async fn read_body(self, limit: u64, out: &mut Vec<u8>) -> Result<(), OutboundError> {
        let (encoding, raw) = self.read_encoded(limit).await?;
        decode_body(encoding, &raw, limit, out)
    }

    /// The body as it came over the wire, at most `limit` bytes (0: [`crate::BODY_BYTES_MAX`]), for
    /// callers that unpack elsewhere ([`decode_body`]).
    ///
    /// # Errors
    /// Where it is longer, the connection breaks, or time runs out.
    pub async fn read_encoded(self, limit: u64) -> Result<(Encoding, Vec<u8>), OutboundError> {
        let encoding = self.header(&CONTENT_ENCODING).map(str::to_owned);
        let encoding = Encoding::of_header(encoding.as_deref())?;
        let mut body = Vec::new();
        self.read_into(limit, &mut body).await?;
        Ok((encoding, body))
    }

    /// Appends the body as it came over the wire to a buffer of the caller's.
    ///
    /// # Errors
    /// As [`Response::read_encoded`].
    pub async fn read_into(mut self, limit: u64, out: &mut Vec<u8>) -> Result<(), OutboundError> {
        let limit = effective_limit(limit);
        let too_large = || OutboundError::BodyTooLarge { limit };
        if let Some(length) = self.inner.content_length() {
            if length > limit {
                return Err(too_large());
            }
            // A length is a claim: space is taken ahead only for what is usual.
            const AHEAD_MAX: u64 = 4 << 20;
            out.reserve(length.min(AHEAD_MAX) as usize);
        }
        let start = out.len();
        loop {
            let chunk = self.inner.chunk().await;
            match chunk {
                Ok(None) => return Ok(()),
                Ok(Some(chunk)) => {
                    if (out.len() - start + chunk.len()) as u64 > limit {
                        return Err(too_large());
                    }
                    out.extend_from_slice(&chunk);
                }
                Err(error) => {
                    let url = self.inner.url().clone();
                    return Err(OutboundError::transport(&url, error));
                }
            }
        }
    }
}

/// Connections and TLS, made anew when a file that TLS is made of changes.
#[derive(Debug)]
pub(crate) struct Transport {
    settings: HttpClientSettings,
    /// What stands in front of the names of settings in errors.
    prefix: &'static str,
    /// Files of the TLS settings.
    files: Vec<PathBuf>,
    /// The client and the state of `files` that it was made of; none until it could be made.
    current: RwLock<Option<(Vec<Stamp>, reqwest::Client)>>,
}

impl Transport {
    pub(crate) fn new(settings: &HttpClientSettings, prefix: &'static str) -> Self {
        let tls = &settings.tls;
        let files: Vec<PathBuf> = [&tls.ca, &tls.cert, &tls.key]
            .into_iter()
            .filter_map(|source| match source {
                Some(PemSource::File(path)) => Some(path.clone()),
                _ => None,
            })
            .collect();
        Self {
            settings: settings.clone(),
            prefix,
            files,
            current: RwLock::new(None),
        }
    }

    /// The client, for one request. Cloning it costs a counter.
    pub(crate) fn reqwest(&self) -> Result<reqwest::Client, OutboundError> {
        let now = stamps(&self.files);
        if let Some((then, client)) = &*self.current.read()
            && *then == now
        {
            return Ok(client.clone());
        }
        let client = build(&self.settings, self.prefix)?;
        *self.current.write() = Some((now, client.clone()));
        Ok(client)
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|path| stamp(path)).collect()
}

fn build(settings: &HttpClientSettings, prefix: &str) -> Result<reqwest::Client, OutboundError> {
    let tls = tls::config(&settings.tls, settings.enable_http2)
        .map_err(|error| error.below(&format!("{prefix}tls_config.")))?;
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(concat!("Bellwether/", env!("CARGO_PKG_VERSION")))
        .pool_idle_timeout(IDLE_TIMEOUT)
        .referer(false)
        .redirect(if settings.follow_redirects {
            reqwest::redirect::Policy::limited(REDIRECTS_MAX)
        } else {
            reqwest::redirect::Policy::none()
        })
        .no_proxy();
    if !settings.enable_http2 {
        builder = builder.http1_only();
    }
    for proxy in proxies(&settings.proxy)? {
        builder = builder.proxy(proxy);
    }
    builder
        .build()
        .map_err(|error| OutboundError::settings("http client", error))
}

fn proxies(settings: &ProxySettings) -> Result<Vec<Proxy>, OutboundError> {
    let invalid = |error: reqwest::Error| OutboundError::settings("proxy_url", error.without_url());
    let mut connect_headers = HeaderMap::new();
    for (name, values) in &settings.connect_headers {
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|error| OutboundError::settings("proxy_connect_header", error))?;
        for value in values {
            let mut value = HeaderValue::from_str(value.expose())
                .map_err(|error| OutboundError::settings("proxy_connect_header", error))?;
            value.set_sensitive(true);
            connect_headers.append(&header, value);
        }
    }
    let mut proxies = Vec::new();
    if settings.from_environment {
        let variable = |upper: &str, lower: &str| {
            std::env::var(upper)
                .or_else(|_| std::env::var(lower))
                .ok()
                .filter(|v| !v.is_empty())
        };
        let no_proxy = NoProxy::from_env();
        if let Some(url) = variable("HTTP_PROXY", "http_proxy") {
            proxies.push(
                Proxy::http(url)
                    .map_err(invalid)?
                    .no_proxy(no_proxy.clone()),
            );
        }
        if let Some(url) = variable("HTTPS_PROXY", "https_proxy") {
            proxies.push(Proxy::https(url).map_err(invalid)?.no_proxy(no_proxy));
        }
    } else if let Some(url) = &settings.url {
        let no_proxy = settings.no_proxy.as_deref().and_then(NoProxy::from_string);
        proxies.push(
            Proxy::all(url.as_str())
                .map_err(invalid)?
                .no_proxy(no_proxy),
        );
    }
    Ok(if connect_headers.is_empty() {
        proxies
    } else {
        proxies
            .into_iter()
            .map(|proxy| proxy.headers(connect_headers.clone()))
            .collect()
    })
}
