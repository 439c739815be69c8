//! `http`: a request, its redirects, and what the last answer must be like.
//!
//! ## Model
//! [`mod@exchange`] makes one request over a connection of its own and measures its phases; [`probe_http`]
//! follows redirects from one to the next; [`mod@checks`] judge the last answer; [`mod@body`] reads it.
//!
//! ## Limits
//! [`REDIRECTS_MAX`] redirects are followed. HTTP/3 and proxies that do not speak HTTP are not spoken.

mod body;
mod checks;
mod cookies;
pub(crate) mod exchange;
mod proxy;

use std::net::IpAddr;

use bellwether_outbound::Authorizer;
use bellwether_outbound::settings::redacted_url;
use bellwether_storage::Clock;
use bytes::Bytes;
use hyper::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue,
    LOCATION, USER_AGENT,
};
use hyper::{Method, StatusCode, Version};
use url::{Host, Url};

use crate::connection::{TlsMetrics, record_tls};
use crate::credentials::{hide_credentials, may_be_secret};
use crate::module::{HttpSettings, RequestBody};
use crate::recorder::{FAILED_DUE_TO_REGEX, Failure, Gauge, Recorder};
use crate::resolve::{choose_address, lookup};
use crate::target::{shown_target, with_scheme};

use self::cookies::Cookies;
use self::exchange::{Answer, Request, exchange};
use self::proxy::Proxies;

/// As many as blackbox_exporter follows; the next one is counted and ends the probe.
const REDIRECTS_MAX: u32 = 10;

pub(crate) const HTTP_DURATION: Gauge = Gauge::new(
    "probe_http_duration_seconds",
    "How long each phase took, summed over all redirects.",
);
const CONTENT_LENGTH_BYTES: Gauge = Gauge::new(
    "probe_http_content_length",
    "The length of the body that the last answer announced, -1 where it announced none.",
);
const UNCOMPRESSED_BODY_LENGTH: Gauge = Gauge::new(
    "probe_http_uncompressed_body_length",
    "The length of the unpacked body of the last answer.",
);
const REDIRECTS: Gauge = Gauge::new("probe_http_redirects", "How many redirects came.");
const SSL: Gauge = Gauge::new("probe_http_ssl", "Whether the last answer came over TLS.");
const STATUS_CODE: Gauge = Gauge::new(
    "probe_http_status_code",
    "The status of the last answer, 0 where none came.",
);
const HTTP_VERSION: Gauge = Gauge::new(
    "probe_http_version",
    "The version of HTTP of the last answer.",
);
const LAST_MODIFIED: Gauge = Gauge::new(
    "probe_http_last_modified_timestamp_seconds",
    "When the answer says that its content was changed last, as a Unix time.",
);

pub(crate) async fn probe_http(
    recorder: &mut Recorder,
    settings: &HttpSettings,
    target: &str,
    clock: &dyn Clock,
) -> Result<(), Failure> {
    if let Some(setting) = &settings.unknown_condition {
        let reason = format!("{setting} is set, which cannot be evaluated here");
        return Err(Failure::unknown(reason));
    }
    for gauge in [
        CONTENT_LENGTH_BYTES,
        UNCOMPRESSED_BODY_LENGTH,
        REDIRECTS,
        SSL,
        STATUS_CODE,
        HTTP_VERSION,
        FAILED_DUE_TO_REGEX,
    ] {
        recorder.set(gauge, 0.0);
    }
    let url = target_url(target)?;
    let mut walk = Walk::new(settings, url)?;
    walk.resolve_first(recorder).await?;
    recorder.expect_phases(HTTP_DURATION, &["connect", "tls", "processing", "transfer"]);
    let (answer, followed_all) = walk.follow(recorder).await?;
    recorder.set(STATUS_CODE, f64::from(answer.status.as_u16()));
    recorder.set(CONTENT_LENGTH_BYTES, answer.content_length());
    recorder.set(HTTP_VERSION, version_number(answer.version));
    if let Some(seconds) = checks::last_modified_seconds(&answer.headers) {
        recorder.set(LAST_MODIFIED, seconds as f64);
    }
    if let Some(tls) = &answer.tls {
        recorder.set(SSL, 1.0);
        let metrics = TlsMetrics {
            cipher: true,
            chain_expiry: true,
        };
        record_tls(recorder, tls, &settings.client.tls, clock, metrics);
    }
    judge(recorder, settings, answer, followed_all).await
}

/// Judges the last answer. All of it is looked at, so that its metrics are complete; the first thing
/// that is wrong is the reason.
async fn judge(
    recorder: &mut Recorder,
    settings: &HttpSettings,
    answer: Answer,
    followed_all: bool,
) -> Result<(), Failure> {
    let mut verdict = checks::status(settings, answer.status);
    let has_headers = !settings.fail_if_header_matches.is_empty()
        || !settings.fail_if_header_not_matches.is_empty();
    if verdict.is_ok() && has_headers {
        verdict = checks::headers(settings, &answer.headers);
        recorder.set_bool(FAILED_DUE_TO_REGEX, verdict.is_err());
    }
    let version = checks::version(settings, answer.version);
    let ssl = checks::ssl(settings, answer.tls.is_some());
    let has_patterns =
        !settings.fail_if_body_matches.is_empty() || !settings.fail_if_body_not_matches.is_empty();
    let matched = verdict.is_ok() && has_patterns;
    if followed_all {
        let read = body::read(recorder, settings, answer, matched).await;
        match read {
            Ok(body) if matched => {
                verdict = checks::body(settings, &body);
                recorder.set_bool(FAILED_DUE_TO_REGEX, verdict.is_err());
            }
            Ok(_) => {}
            Err(failure) => {
                if matched {
                    recorder.set(FAILED_DUE_TO_REGEX, 1.0);
                }
                verdict = verdict.and(Err(failure));
            }
        }
    } else if matched {
        recorder.set(FAILED_DUE_TO_REGEX, 1.0);
        verdict = Err(Failure::new(
            "the body of a redirect that is not followed is not read, so no pattern can match it",
        ));
    }
    verdict.and(version).and(ssl)
}

fn target_url(target: &str) -> Result<Url, Failure> {
    let wrong = |reason: &dyn std::fmt::Display| {
        Failure::new(format!(
            "target {:?} is no URL: {reason}",
            shown_target(target)
        ))
    };
    let url = Url::parse(&with_scheme(target)).map_err(|error| wrong(&error))?;
    if url.host().is_none() {
        return Err(wrong(&"it names no host"));
    }
    Ok(url)
}

/// The host of a URL without the brackets of an IPv6 address.
pub(crate) fn host_of(url: &Url) -> String {
    match url.host() {
        Some(Host::Ipv6(address)) => address.to_string(),
        Some(host) => host.to_string(),
        None => String::new(),
    }
}

/// The host and, where it is not the usual one, the port: what `Host` says.
pub(crate) fn authority_of(url: &Url) -> String {
    let host = url.host().map(|host| host.to_string()).unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

fn version_number(version: Version) -> f64 {
    match version {
        Version::HTTP_09 => 0.9,
        Version::HTTP_10 => 1.0,
        Version::HTTP_2 => 2.0,
        Version::HTTP_3 => 3.0,
        _ => 1.1,
    }
}

/// The way from the target along its redirects.
struct Walk<'a> {
    settings: &'a HttpSettings,
    authorizer: Authorizer,
    proxies: Proxies,
    cookies: Cookies,
    /// Where the target is, which is who gets credentials.
    first: Url,
    /// The address that was found for the target; none where the proxy finds it.
    first_address: Option<IpAddr>,
    /// Where to go next.
    url: Url,
    method: Method,
    headers: HeaderMap,
    /// `Host` of the settings.
    host_header: Option<String>,
    body: Bytes,
}

impl<'a> Walk<'a> {
    fn new(settings: &'a HttpSettings, url: Url) -> Result<Self, Failure> {
        let method = if settings.method.is_empty() {
            Method::GET
        } else {
            Method::from_bytes(settings.method.as_bytes())
                .map_err(|_| Failure::new(format!("{:?} is no method", settings.method)))?
        };
        let mut headers = HeaderMap::new();
        let mut host_header = None;
        for (name, value) in &settings.headers {
            if name.eq_ignore_ascii_case(HOST.as_str()) {
                host_header = Some(value.clone());
                continue;
            }
            let wrong = || Failure::new(format!("header {name:?} cannot be sent"));
            let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?;
            let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
            value.set_sensitive(key == AUTHORIZATION);
            headers.insert(key, value);
        }
        let agent = concat!("Bellwether/", env!("CARGO_PKG_VERSION"));
        headers
            .entry(USER_AGENT)
            .or_insert(HeaderValue::from_static(agent));
        let body = match &settings.body {
            RequestBody::Empty => Bytes::new(),
            RequestBody::Text(text) => Bytes::from(text.clone()),
            RequestBody::File(path) => std::fs::read(path)
                .map_err(|error| Failure::unknown(format!("body_file {path:?}: {error}")))?
                .into(),
        };
        Ok(Self {
            settings,
            authorizer: Authorizer::new(&settings.client)?,
            proxies: Proxies::new(&settings.client.proxy),
            cookies: Cookies::default(),
            first: url.clone(),
            first_address: None,
            url,
            method,
            headers,
            host_header,
            body,
        })
    }

    async fn resolve_first(&mut self, recorder: &mut Recorder) -> Result<(), Failure> {
        let by_proxy = self.settings.skip_resolve_phase_with_proxy && self.proxies.are_set();
        if !by_proxy {
            let host = host_of(&self.first);
            let choice = self.settings.address;
            let found = choose_address(recorder, &host, choice, Some(HTTP_DURATION)).await?;
            self.first_address = Some(found);
        }
        Ok(())
    }

    /// Follows redirects as far as the settings allow. Gives the last answer, and whether it is one
    /// that was to be read (and not a redirect that was to be followed, but may not).
    async fn follow(&mut self, recorder: &mut Recorder) -> Result<(Answer, bool), Failure> {
        let mut redirects = 0;
        loop {
            let answer = self.ask(recorder).await?;
            self.cookies.take(&self.url, &answer.headers);
            let Some(next) = self.next_url(&answer)? else {
                return Ok((answer, true));
            };
            redirects += 1;
            recorder.set(REDIRECTS, f64::from(redirects));
            let shown = redacted_url(&next);
            recorder.note(format!("{} leads to {shown}", answer.status));
            if redirects > REDIRECTS_MAX || !self.settings.client.follow_redirects {
                recorder.note("the redirect is not followed");
                return Ok((answer, false));
            }
            self.redirect(answer.status, next);
        }
    }

    fn next_url(&self, answer: &Answer) -> Result<Option<Url>, Failure> {
        if !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return Ok(None);
        }
        let Some(location) = answer.headers.get(LOCATION) else {
            return Ok(None);
        };
        let location = String::from_utf8_lossy(location.as_bytes());
        let wrong = |reason: &dyn std::fmt::Display| {
            Failure::new(format!(
                "redirect to {:?}: {reason}",
                shown_target(&location)
            ))
        };
        let next = self.url.join(&location).map_err(|error| wrong(&error))?;
        if !matches!(next.scheme(), "http" | "https") || next.host().is_none() {
            return Err(wrong(&"only http and https are followed"));
        }
        Ok(Some(next))
    }

    fn redirect(&mut self, status: StatusCode, next: Url) {
        if authority_of(&next) != authority_of(&self.url) {
            // The name in the settings is that of the target.
            self.host_header = None;
        }
        let keeps_method = matches!(status.as_u16(), 307 | 308);
        if !keeps_method {
            if self.method != Method::HEAD {
                self.method = Method::GET;
            }
            self.body = Bytes::new();
            self.headers.remove(CONTENT_TYPE);
            self.headers.remove(CONTENT_LENGTH);
        }
        self.url = next;
    }

    /// Whether the next request goes to the target itself.
    fn at_first(&self) -> bool {
        self.url.origin() == self.first.origin() || self.same_host_other_scheme()
    }

    /// The way from `http` to `https` of one host is the most usual redirect.
    fn same_host_other_scheme(&self) -> bool {
        self.url.host() == self.first.host() && self.url.scheme() == "https"
    }

    async fn ask(&mut self, recorder: &mut Recorder) -> Result<Answer, Failure> {
        let at_first = self.at_first();
        let host = host_of(&self.url);
        let proxy = self.proxies.of(&self.url)?;
        let address = match self.first_address {
            Some(address) if self.url.host() == self.first.host() => Some(address),
            // The proxy is told the name.
            _ if proxy.is_some() => None,
            _ => {
                recorder.begin(Some(HTTP_DURATION), "resolve");
                let found = lookup(&host, self.settings.address).await?;
                recorder.end();
                Some(found)
            }
        };
        let mut headers = self.headers.clone();
        if at_first {
            self.authorizer.apply(&mut headers).await?;
            exchange::authorize_from_url(&self.first, &mut headers);
            hide_credentials(recorder, &self.settings.client.headers, &headers);
        } else {
            let secret = headers.keys().filter(|name| may_be_secret(name.as_str()));
            for name in secret.cloned().collect::<Vec<_>>() {
                headers.remove(name);
            }
        }
        self.cookies.give(&self.url, &mut headers);
        let mut tls = self.settings.client.tls.clone();
        if !at_first {
            tls.server_name = None;
        }
        let server_name = self.host_header.clone().unwrap_or(host);
        let request = Request {
            url: &self.url,
            address,
            proxy,
            method: self.method.clone(),
            host: self
                .host_header
                .clone()
                .unwrap_or_else(|| authority_of(&self.url)),
            headers,
            body: self.body.clone(),
            tls,
            server_name,
            http2: self.settings.client.enable_http2,
            address_choice: self.settings.address,
        };
        exchange(recorder, request).await
    }
}
