//! The web UI at `/`: one document for all its addresses, and the files that it names. Nothing is loaded from elsewhere,
//! and no script stands inside of the document, so that the strictest content policy holds.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use bellwether_ui::{DOCUMENT, FILES, File};

use crate::app::App;
use crate::compression;
use crate::paper::escape;

/// Addresses of the UI, and those of Prometheus' page that people have in their bookmarks.
const PAGE_PATHS: [&str; 26] = [
    "/",
    "/ai",
    "/alerts",
    "/alerts/{*rest}",
    "/dashboards",
    "/dashboards/{*rest}",
    "/explore",
    "/forecasts",
    "/health",
    "/health/{*rest}",
    "/objectives",
    "/objectives/{*rest}",
    "/public",
    "/scaling",
    "/system",
    "/system/{*rest}",
    "/config",
    "/demo",
    "/flags",
    "/graph",
    "/query",
    "/rules",
    "/service-discovery",
    "/status",
    "/targets",
    "/tsdb-status",
];

/// Routes of the UI.
pub(crate) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new();
    for file in FILES {
        router = router.route(file.path, get(move |headers| asset(headers, file)));
    }
    // Browsers ask for this one whatever the document says.
    if let Some(icon) = FILES.iter().find(|file| file.path == "/favicon.svg") {
        router = router.route("/favicon.ico", get(move |headers| asset(headers, icon)));
    }
    for path in PAGE_PATHS {
        router = router.route(path, get(document));
    }
    router
}

/// The document, with a nonce of its own: styles that scripts add are taken where they name it.
async fn document(State(app): State<Arc<App>>) -> Response {
    let nonce = base64::engine::general_purpose::STANDARD.encode(uuid::Uuid::new_v4().as_bytes());
    let text = DOCUMENT
        .replace("{{title}}", &escape(&app.settings.page_title))
        .replace("{{nonce}}", &nonce);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; font-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    );
    let mut response = text.into_response();
    let headers = response.headers_mut();
    describe(headers, "text/html; charset=utf-8", "no-store");
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

async fn asset(headers: HeaderMap, file: &'static File) -> Response {
    let taken = |encoding: &str| encoding.is_empty() || compression::accepts(&headers, encoding);
    let body = file.bodies.iter().find(|body| taken(body.encoding));
    let (encoding, bytes) = match (body, file.bodies.last()) {
        (Some(body), _) => (body.encoding, bytes::Bytes::from_static(body.bytes)),
        // Few clients take no encoding: for them gzip, the last of the list, is unpacked.
        (None, Some(packed)) => ("", compression::gunzip_whole(packed.bytes).into()),
        (None, None) => return StatusCode::NOT_FOUND.into_response(),
    };
    // Where a name does not change with its content, clients ask again.
    let tag = format!("\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(&bytes));
    let is_known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|value| value == tag.as_str());
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        bytes.into_response()
    };
    let cache = if file.is_immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = response.headers_mut();
    describe(headers, file.content_type, cache);
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    if !is_known && !encoding.is_empty() {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn describe(headers: &mut HeaderMap, content_type: &'static str, cache: &'static str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
}
