//! Answers that are whole are compressed here, whoever made them; long ones are by their writer ([`crate::render`]).
//!
//! The coding is gzip (RFC 1952), for clients that take it (RFC 9110, section 12.5.3). What is packed
//! already, and what names a coding of its own, is left as it is.

use std::io::Write;

use axum::body::{self, Body};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Body as _;

use crate::envelope::{ApiError, ErrorType};

/// Smaller answers are not worth compressing.
const BYTES_MIN: usize = 1 << 10;
/// Longer answers are compressed on a thread that may block: this one takes about half a millisecond.
const BYTES_IN_PLACE: usize = 64 << 10;
const VARIES: HeaderValue = HeaderValue::from_static("Accept-Encoding");

/// Middleware: compresses answers of text whose length is known.
pub(crate) async fn compress(request: Request, next: Next) -> Response {
    let is_taken = accepts(request.headers(), "gzip");
    let mut response = next.run(request).await;
    if !is_compressible(&response) {
        return response;
    }
    let headers = response.headers_mut();
    if !says_that_it_varies(headers) {
        headers.append(header::VARY, VARIES);
    }
    if !is_taken {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    #[expect(
        clippy::disallowed_methods,
        reason = "an answer of ours, whole and in memory: neither does this wait, nor does it fail"
    )]
    let plain = body::to_bytes(body, usize::MAX).await;
    let Ok(plain) = plain else {
        let error = ApiError::new(ErrorType::Internal, "the answer could not be read");
        return error.into_response();
    };
    let packed = if plain.len() <= BYTES_IN_PLACE {
        gzip_whole(&plain)
    } else {
        let sent = plain.clone();
        let task = tokio::task::spawn_blocking(move || gzip_whole(&sent));
        let Ok(packed) = task.await else {
            return Response::from_parts(parts, Body::from(plain));
        };
        packed
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts
        .headers
        .insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(packed))
}

fn is_compressible(response: &Response) -> bool {
    let headers = response.headers();
    let content_type = headers.get(header::CONTENT_TYPE);
    let is_plain = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(is_plain);
    let bytes = response.body().size_hint().exact().unwrap_or(0);
    is_plain
        && response.status() != StatusCode::PARTIAL_CONTENT
        && !headers.contains_key(header::CONTENT_ENCODING)
        && bytes >= BYTES_MIN as u64
}

/// Text, and what has as much to save: the metrics of `/federate` as messages.
fn is_plain(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or("").trim();
    kind.starts_with("text/")
        || matches!(
            kind,
            "application/json"
                | "application/yaml"
                | "application/openmetrics-text"
                | "application/x-ndjson"
                | "application/vnd.google.protobuf"
        )
}

fn says_that_it_varies(headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::VARY).iter();
    named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|name| name.trim().eq_ignore_ascii_case("accept-encoding"))
}

/// An encoder into memory.
pub(crate) fn encoder() -> GzEncoder<Vec<u8>> {
    // The fastest level: answers compress ten to one anyway, and the CPU belongs to queries.
    GzEncoder::new(Vec::new(), Compression::fast())
}

/// Bytes as gzip.
pub(crate) fn gzip_whole(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = encoder();
    // Writing into memory cannot fail.
    encoder.write_all(bytes).ok();
    encoder.finish().unwrap_or_default()
}

/// What gzip has packed, or nothing where it is not gzip. For our own files only: nothing bounds how long it becomes.
pub(crate) fn gunzip_whole(bytes: &[u8]) -> Vec<u8> {
    let mut decoder = flate2::write::GzDecoder::new(Vec::new());
    // Writing into memory cannot fail.
    decoder.write_all(bytes).ok();
    decoder.finish().unwrap_or_default()
}

/// Whether a client takes an encoding.
pub(crate) fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let listed = |wanted: &str| {
        headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|item| item.split_once(';').unwrap_or((item, "")))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            .map(|(_, parameters)| {
                let parameters = parameters.trim();
                let weight = parameters
                    .strip_prefix("q=")
                    .or(parameters.strip_prefix("Q="));
                weight.is_none_or(|it| it.trim().parse::<f32>() != Ok(0.0))
            })
    };
    listed(encoding).or_else(|| listed("*")).unwrap_or(false)
}
