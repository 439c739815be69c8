//! Requests to services, and what their answers mean.
//!
//! ## Invariants
//! An answer is read up to [`ANSWER_BYTES_MAX`] and shown up to [`SHOWN_CHARS_MAX`]. No error shows a
//! URL that may hold a token, nor a secret that the service sends back.

use std::time::Duration;

use bellwether_model::short_to;
use bellwether_outbound::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use bellwether_outbound::{Bytes, Client, Method, OutboundError, Request, StatusCode};
use serde::Serialize;
use url::Url;

use crate::runner::AttemptError;

/// Longest answer that is read. Chosen: the lists of Jira's transitions have some ten KiB.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// As much of an answer is shown. Chosen: the messages of the services fit.
const SHOWN_CHARS_MAX: usize = 300;
/// Shorter texts are not taken out of answers: they would be found by chance.
const HIDDEN_BYTES_MIN: usize = 6;

impl AttemptError {
    /// Another attempt would end the same way.
    pub(super) fn refused(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            retry: false,
        }
    }

    /// Another attempt may help.
    pub(super) fn again(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            retry: true,
        }
    }

    /// Says before the text what it is about.
    pub(super) fn about(mut self, what: &str) -> Self {
        self.text = format!("{what}: {}", self.text);
        self
    }
}

/// A request to be sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    /// Texts that are not shown.
    hidden: Vec<String>,
    /// Whether errors name scheme, host and path.
    shows_url: bool,
}

impl Outgoing {
    /// A request without a body, whose URL may be shown.
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            hidden: Vec::new(),
            shows_url: true,
        }
    }

    /// A `POST` of JSON to a URL that may be shown.
    pub(super) fn post_json(url: Url, body: &impl Serialize) -> Result<Self, AttemptError> {
        Self::new(Method::POST, url).with_json(body)
    }

    /// Sets a body of JSON.
    pub(super) fn with_json(self, body: &impl Serialize) -> Result<Self, AttemptError> {
        match serde_json::to_vec(body) {
            Ok(body) => Ok(self.with_body("application/json", body)),
            Err(error) => Err(AttemptError::refused(format!(
                "the message cannot be written as JSON: {error}"
            ))),
        }
    }

    /// Sets a body.
    pub(super) fn with_body(mut self, kind: &'static str, body: impl Into<Bytes>) -> Self {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        self.body = body.into();
        self
    }

    /// Sets a header; its value is not shown.
    pub(super) fn with_header(
        mut self,
        name: &'static str,
        value: &str,
    ) -> Result<Self, AttemptError> {
        let mut text = HeaderValue::from_str(value).map_err(|_| {
            AttemptError::refused(format!(
                "header {name}: the value holds characters that headers cannot"
            ))
        })?;
        text.set_sensitive(true);
        self.headers.insert(HeaderName::from_static(name), text);
        Ok(self)
    }

    /// Says that the URL holds secrets, all or some of it.
    pub(super) fn with_secret_url(mut self) -> Self {
        self.shows_url = false;
        self.hidden.push(self.url.as_str().to_owned());
        self.hidden.push(self.url.path().to_owned());
        self
    }

    /// Says that a text is a secret.
    pub(super) fn hiding(mut self, secret: &str) -> Self {
        self.hidden.push(secret.to_owned());
        self
    }

    /// Sends it. An answer is one whatever its status.
    pub(super) async fn send(
        self,
        client: &Client,
        timeout: Duration,
    ) -> Result<Answer, AttemptError> {
        let request = Request {
            method: self.method,
            url: self.url.clone(),
            headers: self.headers,
            body: self.body,
            timeout: Some(timeout),
        };
        let place = if self.shows_url {
            shown_url(&self.url)
        } else {
            "the receiver".to_owned()
        };
        let response = client
            .send(request)
            .await
            .map_err(|error| unsent(&place, timeout, &error))?;
        let status = response.status();
        let content_type = response.content_type().unwrap_or("").to_owned();
        let mut body = Vec::new();
        let unread = response
            .read_body(ANSWER_BYTES_MAX, &mut body)
            .await
            .err()
            .map(|error| unsent(&place, timeout, &error).text);
        Ok(Answer {
            status,
            content_type,
            body,
            unread,
            hidden: self.hidden,
        })
    }
}

/// Why there is no answer, without the URL.
fn unsent(place: &str, timeout: Duration, error: &OutboundError) -> AttemptError {
    match error {
        OutboundError::Transport {
            timed_out: true, ..
        } => AttemptError::again(format!("no answer from {place} within {timeout:?}")),
        OutboundError::Transport { reason, .. } => {
            AttemptError::again(format!("{place} cannot be reached: {reason}"))
        }
        OutboundError::Settings { .. } => AttemptError::refused(error.to_string()),
        _ => AttemptError::again(error.to_string()),
    }
}

/// A URL without user, password, query and fragment.
fn shown_url(url: &Url) -> String {
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let host = url.host_str().unwrap_or("");
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    content_type: String,
    body: Vec<u8>,
    /// Why the body is not there or not all of it.
    unread: Option<String>,
    hidden: Vec<String>,
}

impl Answer {
    /// Its status.
    pub(super) fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether it says that its body is JSON.
    pub(super) fn is_json(&self) -> bool {
        self.content_type.starts_with("application/json")
    }

    /// The body.
    ///
    /// # Errors
    /// Where it could not be read.
    pub(super) fn body(&self) -> Result<&[u8], AttemptError> {
        match &self.unread {
            None => Ok(&self.body),
            Some(reason) => Err(AttemptError::again(format!(
                "the answer's body cannot be read: {reason}"
            ))),
        }
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// Where it could not be read, or is none.
    pub(super) fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, AttemptError> {
        serde_json::from_slice(self.body()?).map_err(|error| {
            AttemptError::again(format!(
                "the answer {:?} is not the JSON that is expected: {error}",
                self.shown_body()
            ))
        })
    }

    /// Passes on an answer that says that all is well (2xx). Another attempt may help with 5xx and
    /// with the statuses given.
    ///
    /// # Errors
    /// Where it says something else; `details` gives what is shown of the body.
    pub(super) fn checked(
        self,
        retried: &[u16],
        details: impl FnOnce(&Self) -> String,
    ) -> Result<Self, AttemptError> {
        if self.status.is_success() {
            return Ok(self);
        }
        let status = self.status();
        let mut text = format!("unexpected status code {status}");
        let details = self.cleaned(&details(&self));
        if !details.is_empty() {
            text.push_str(": ");
            text.push_str(&details);
        }
        Err(AttemptError {
            text,
            retry: self.status.is_server_error() || retried.contains(&status),
        })
    }

    /// [`Self::checked`], with the body's beginning as the details.
    pub(super) fn check(self, retried: &[u16]) -> Result<Self, AttemptError> {
        self.checked(retried, Self::shown_body)
    }

    /// The body's beginning.
    pub(super) fn shown_body(&self) -> String {
        // No character has more than four bytes; what is cut off cannot be half of a secret that
        // is shown.
        let all = String::from_utf8_lossy(&self.body);
        self.cleaned(&all)
    }

    /// What the timeline keeps of it.
    pub(super) fn summary(&self) -> String {
        let mut text = self.status().to_string();
        if let Some(reason) = self.status.canonical_reason() {
            text.push(' ');
            text.push_str(reason);
        }
        let body = self.shown_body();
        if !body.is_empty() {
            text.push_str(": ");
            text.push_str(&body);
        }
        text
    }

    /// A text of the service on one line, cut, without secrets.
    pub(super) fn cleaned(&self, text: &str) -> String {
        let mut text = text.trim().to_owned();
        for hidden in &self.hidden {
            if hidden.len() >= HIDDEN_BYTES_MIN && text.contains(hidden.as_str()) {
                text = text.replace(hidden.as_str(), "<secret>");
            }
        }
        let line: String = short_to(&text, SHOWN_CHARS_MAX)
            .to_string()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        line
    }
}

/// Reads a URL that a setting gives; the error does not show it.
pub(super) fn url(setting: &str, text: &str) -> Result<Url, AttemptError> {
    let refused = |reason: &str| AttemptError::refused(format!("{setting}: {reason}"));
    let url: Url = text
        .trim()
        .parse()
        .map_err(|error| refused(&format!("not a URL: {error}")))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(refused("the URL must begin with http:// or https://")),
    }
}

/// A URL with more at the end of its path.
pub(super) fn joined(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let slash = if base.path().ends_with('/') { "" } else { "/" };
    url.set_path(&format!("{}{slash}{path}", base.path()));
    url
}
