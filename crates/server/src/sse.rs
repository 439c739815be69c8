//! Server-sent events: how they are written, and how streams of them end.
//!
//! ## Invariants
//! A stream ends at once when the server stops, so that no stop waits for it.

use std::convert::Infallible;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures::Stream;

/// A comment: it keeps the connection open and means nothing.
pub(crate) const HEARTBEAT: Bytes = Bytes::from_static(b": \n\n");

/// An event. Data and name hold no line breaks: JSON has none.
pub(crate) fn event(name: Option<&str>, id: Option<&str>, data: &str) -> Bytes {
    let mut text = String::with_capacity(data.len() + 64);
    for (field, value) in [("event", name), ("id", id), ("data", Some(data))] {
        if let Some(value) = value {
            text.push_str(field);
            text.push_str(": ");
            text.push_str(value);
            text.push('\n');
        }
    }
    text.push('\n');
    Bytes::from(text)
}

/// A stream of events as an answer.
pub(crate) fn response(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let events = futures::StreamExt::map(events, Ok::<Bytes, Infallible>);
    let mut response = Response::new(axum::body::Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/event-stream"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Proxies of the kind of nginx would hold events back.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines_of_fields() {
        assert_eq!(event(None, None, "{}"), "data: {}\n\n");
        let whole = event(Some("a"), Some("1-2"), "[1]");
        assert_eq!(whole, "event: a\nid: 1-2\ndata: [1]\n\n");
    }
}
