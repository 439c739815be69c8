//! The path `/metrics` for axum.

use std::io::Write as _;

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::Telemetry;

/// Bodies from so many bytes on are compressed for clients that take it. Chosen: a packet.
const GZIP_BYTES_MIN: usize = 1_400;

/// `GET` and `HEAD` of `/metrics`, to be merged into, or nested under, a router of the service: text,
/// OpenMetrics or protobuf as `Accept` asks for, compressed where `Accept-Encoding` allows gzip. The
/// numbers are rendered on a thread for blocking work: a hundred thousand series take some 20 ms.
pub fn metrics_routes<S>(telemetry: &Telemetry) -> Router<S>
where
    S: Clone + Send + Sync + 'static,
{
    let telemetry = telemetry.clone();
    let answer = move |headers: HeaderMap| {
        let telemetry = telemetry.clone();
        async move {
            let rendered = tokio::task::spawn_blocking(move || respond(&telemetry, &headers)).await;
            // A watcher of the service's own panicked.
            rendered.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
    };
    Router::new().route("/metrics", get(answer))
}

fn respond(telemetry: &Telemetry, headers: &HeaderMap) -> Response {
    // The header may be there several times, which is the same as one with commas.
    let all = |name| {
        let values = headers.get_all(name).iter();
        let values: Vec<&str> = values.filter_map(|it| it.to_str().ok()).collect();
        values.join(",")
    };
    let answer = telemetry.respond(&all(header::ACCEPT));
    let is_worth_it = answer.body.len() >= GZIP_BYTES_MIN;
    let packed = (is_worth_it && takes_gzip(&all(header::ACCEPT_ENCODING)))
        .then(|| gzip(&answer.body))
        .flatten();
    let is_packed = packed.is_some();
    let headers = [
        (header::CONTENT_TYPE, answer.content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept, accept-encoding"),
    ];
    let mut response = (headers, packed.unwrap_or(answer.body)).into_response();
    if is_packed {
        let gzip = HeaderValue::from_static("gzip");
        response
            .headers_mut()
            .insert(header::CONTENT_ENCODING, gzip);
    }
    response
}

/// Whether a list of encodings allows gzip.
fn takes_gzip(accept: &str) -> bool {
    let mut others = false;
    for part in accept.split(',') {
        let mut pieces = part.split(';').map(str::trim);
        let name = pieces.next().unwrap_or_default();
        let quality = pieces.find_map(|piece| piece.strip_prefix("q="));
        let is_allowed = quality.is_none_or(|it| it.parse::<f64>().is_ok_and(|it| it > 0.0));
        if name.eq_ignore_ascii_case("gzip") {
            return is_allowed;
        }
        others |= name == "*" && is_allowed;
    }
    others
}

/// `None`: it cannot be compressed, which for memory does not happen.
fn gzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).ok()?;
    encoder.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_for_those_who_allow_it() {
        for (accept, want) in [
            ("gzip", true),
            ("deflate, GZip;q=0.5", true),
            ("*", true),
            ("*;q=0", false),
            ("gzip;q=0, *", false),
            ("gzip;q=x", false),
            ("br", false),
            ("", false),
        ] {
            assert_eq!(takes_gzip(accept), want, "{accept}");
        }
    }
}
