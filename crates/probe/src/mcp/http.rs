//! The streamable HTTP transport: each message a POST, answered in JSON or with a stream of events.
//!
//! ## Limits
//! An answer has at most [`STREAM_BYTES_MAX`] bytes. The transport of revision 2024-11-05, with an event
//! stream beside the requests, is not spoken.

use base64::Engine as _;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use url::Url;

use super::channel::{Call, Era, Reply, answer};
use super::message::{
    MESSAGE_BYTES_MAX, MESSAGES_BETWEEN_MAX, Message, notification, parse, request,
};
use super::{DURATION, STATELESS};
use crate::api::{Api, ApiTarget, read_body, read_error_body};
use crate::http::exchange::causes;
use crate::module::McpSettings;
use crate::recorder::{Failure, Gauge, Recorder};
use crate::sse::EventReader;
use bellwether_storage::Clock;

const STATUS_CODE: Gauge = Gauge::new(
    "probe_mcp_http_status_code",
    "The HTTP status of the last answer.",
);

/// Chosen: notifications stand between a request and its answer, and a message may be large.
const STREAM_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// A way to a server over HTTP.
pub(super) struct HttpChannel<'a> {
    api: Api<'a>,
    path: String,
    session: Option<HeaderValue>,
    next_id: u64,
}

impl<'a> HttpChannel<'a> {
    pub(super) async fn open(
        recorder: &mut Recorder,
        settings: &'a McpSettings,
        url: &'a Url,
        clock: &dyn Clock,
    ) -> Result<Self, Failure> {
        let target = ApiTarget {
            url,
            client: &settings.client,
            address: settings.address,
            phases: DURATION,
        };
        let api = Api::connect(recorder, target, clock).await?;
        let query = url.query().map(|query| format!("?{query}"));
        Ok(Self {
            api,
            path: format!("{}{}", url.path(), query.unwrap_or_default()),
            session: None,
            next_id: 1,
        })
    }

    pub(super) async fn call(
        &mut self,
        recorder: &mut Recorder,
        era: &Era,
        call: &Call<'_>,
    ) -> Result<Reply, Failure> {
        let id = self.next_id;
        self.next_id += 1;
        let mut headers = self.headers(era, call.method);
        if *era == Era::Stateless {
            if let Some(name) = call.name {
                headers.insert("mcp-name", encoded(name)?);
            }
            for (name, value) in &call.param_headers {
                let name = HeaderName::from_bytes(format!("mcp-param-{name}").as_bytes());
                let name = name.map_err(|error| Failure::new(format!("x-mcp-header: {error}")))?;
                headers.insert(name, encoded(value)?);
            }
        }
        let body = request(id, call.method, &call.params_in(era));
        let response = self.post(recorder, &headers, body).await?;
        let (head, mut body) = response.into_parts();
        if *era == Era::Opening
            && let Some(session) = head.headers.get("mcp-session-id")
        {
            recorder.note("the server has opened a session");
            self.session = Some(session.clone());
        }
        let content_type = head.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default();
        if !head.status.is_success() {
            let text = read_error_body(&mut body).await;
            return refused(head.status, &text);
        }
        if content_type.starts_with("text/event-stream") {
            return read_events(recorder, &mut body, id).await;
        }
        if content_type.starts_with("application/json") {
            let text = read_body(&mut body, MESSAGE_BYTES_MAX).await?;
            let messages = parse(&text).map_err(Failure::new)?;
            let mut answers = messages.into_iter().filter_map(|it| answer(it, id));
            return answers.next().ok_or_else(|| {
                Failure::new(format!("the answer to {} has another id", call.method))
            });
        }
        Err(Failure::new(format!(
            "{} was answered with {content_type:?}: want application/json or text/event-stream",
            call.method
        )))
    }

    pub(super) async fn notify(
        &mut self,
        recorder: &mut Recorder,
        era: &Era,
        method: &'static str,
    ) -> Result<(), Failure> {
        let headers = self.headers(era, method);
        let response = self.post(recorder, &headers, notification(method)).await?;
        let (head, mut body) = response.into_parts();
        let text = read_error_body(&mut body).await;
        if head.status.is_success() {
            return Ok(());
        }
        refused(head.status, &text)?.result(method).map(|_| ())
    }

    /// Ends the session, if there is one. A server may not allow that (405).
    pub(super) async fn close(&mut self, recorder: &mut Recorder, era: &Era) {
        if self.session.is_none() {
            return;
        }
        let headers = self.headers(era, "");
        let sent = self
            .api
            .send(recorder, Method::DELETE, &self.path, &headers, Bytes::new());
        match sent.await {
            Ok(response) => recorder.note(format!("DELETE: {}", response.status())),
            Err(broken) => recorder.note(format!("DELETE: {}", broken.failure.text())),
        }
    }

    async fn post(
        &mut self,
        recorder: &mut Recorder,
        headers: &HeaderMap,
        body: String,
    ) -> Result<Response<Incoming>, Failure> {
        let body = Bytes::from(body);
        let sent = self
            .api
            .send(recorder, Method::POST, &self.path, headers, body);
        let response = sent.await?;
        recorder.set(STATUS_CODE, f64::from(response.status().as_u16()));
        Ok(response)
    }

    fn headers(&self, era: &Era, method: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accepted = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(ACCEPT, accepted);
        if let Some(session) = &self.session {
            headers.insert("mcp-session-id", session.clone());
        }
        match era {
            Era::Stateless => {
                let version = HeaderValue::from_static(STATELESS);
                headers.insert("mcp-protocol-version", version);
                headers.insert("mcp-method", HeaderValue::from_static(method));
            }
            Era::Opening => {}
            Era::Session(version) => {
                // It is one of those that we know, so it can stand in a header.
                if let Ok(version) = HeaderValue::from_str(version) {
                    headers.insert("mcp-protocol-version", version);
                }
            }
        }
        headers
    }
}

/// An answer whose status says that it is none. Credentials that are not taken end the probe: no other
/// way of asking would help.
fn refused(status: StatusCode, text: &[u8]) -> Result<Reply, Failure> {
    if matches!(status.as_u16(), 401 | 403) {
        let reason = format!("the server does not take the credentials: {status}");
        return Err(Failure::new(reason));
    }
    let told = parse(text).unwrap_or_default().into_iter().next();
    Ok(match told {
        Some(Message::Answer {
            outcome: Err(error),
            ..
        }) => Reply::Error(error),
        _ => Reply::Status(status.as_u16(), String::from_utf8_lossy(text).into_owned()),
    })
}

async fn read_events(
    recorder: &mut Recorder,
    body: &mut Incoming,
    id: u64,
) -> Result<Reply, Failure> {
    let mut reader = EventReader::default();
    let mut events = Vec::new();
    let (mut bytes, mut others) = (0, 0);
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| Failure::new(format!("the stream breaks off: {}", causes(&error))))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        bytes += data.len();
        if bytes > STREAM_BYTES_MAX {
            let reason = format!("the stream has more than {STREAM_BYTES_MAX} bytes");
            return Err(Failure::new(reason));
        }
        let pushed = reader.push(&data, &mut events);
        pushed.map_err(|error| Failure::new(error.to_string()))?;
        for event in events.drain(..) {
            // An event without data only tells where a broken stream could be taken up again.
            if event.name != "message" || event.data.is_empty() {
                continue;
            }
            for message in parse(event.data.as_bytes()).map_err(Failure::new)? {
                if let Message::Notification(method) = &message {
                    recorder.note(format!("the server tells {method}"));
                }
                if let Some(reply) = answer(message, id) {
                    return Ok(reply);
                }
                others += 1;
            }
        }
        if others > MESSAGES_BETWEEN_MAX {
            let reason = format!("no answer among {MESSAGES_BETWEEN_MAX} messages");
            return Err(Failure::new(reason));
        }
    }
    Err(Failure::new("the stream ended without an answer"))
}

/// A text as it may stand in a header: as it is, or in Base64 where it could be misread.
fn encoded(text: &str) -> Result<HeaderValue, Failure> {
    let is_plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e))
        && text.trim() == text
        && !(text.starts_with("=?base64?") && text.ends_with("?="));
    let value = if is_plain {
        text.to_owned()
    } else {
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        format!("=?base64?{encoded}?=")
    };
    HeaderValue::from_str(&value)
        .map_err(|error| Failure::new(format!("{text:?} cannot stand in a header: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_encoded_as_the_specification_says() {
        let check = |text: &str, want: &str| assert_eq!(encoded(text).unwrap(), want);
        check("us-west1", "us-west1");
        check("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?=");
        check(" padded ", "=?base64?IHBhZGRlZCA=?=");
        check("line1\nline2", "=?base64?bGluZTEKbGluZTI=?=");
        check("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=");
    }
}
