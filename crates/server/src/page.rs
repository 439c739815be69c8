//! The page at `/`, built into the binary. Nothing in it is loaded from elsewhere, and no script
//! stands inside of the document, so that the strictest content policy holds.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;
use crate::paper::escape;
use crate::render;

const DOCUMENT: &str = include_str!("../ui/index.html");
const STYLE: &str = include_str!("../ui/style.css");
const SCRIPT: &str = include_str!("../ui/app.js");
const CHART: &str = include_str!("../ui/chart.js");
const ICON: &str = include_str!("../ui/favicon.svg");

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";

/// Where the page lives, and where Prometheus' page lives that people have in their bookmarks.
const PAGE_PATHS: [&str; 13] = [
    "/",
    "/graph",
    "/query",
    "/targets",
    "/service-discovery",
    "/status",
    "/tsdb-status",
    "/flags",
    "/config",
    "/alerts",
    "/rules",
    "/demo",
    "/explore",
];

/// Routes of the page.
pub(crate) fn routes() -> Router<Arc<App>> {
    let mut router = Router::new()
        .route(
            "/assets/style.css",
            get(|h| asset(h, STYLE, "text/css; charset=utf-8")),
        )
        .route(
            "/assets/app.js",
            get(|h| asset(h, SCRIPT, "text/javascript; charset=utf-8")),
        )
        .route(
            "/assets/chart.js",
            get(|h| asset(h, CHART, "text/javascript; charset=utf-8")),
        )
        .route("/favicon.svg", get(|h| asset(h, ICON, "image/svg+xml")))
        .route("/favicon.ico", get(|h| asset(h, ICON, "image/svg+xml")));
    for path in PAGE_PATHS {
        router = router.route(path, get(document));
    }
    router
}

async fn document(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let title = escape(&app.settings.page_title);
    let text = DOCUMENT
        .replace("{{title}}", &title)
        .replace("{{version}}", &escape(&app.build.version));
    send(
        &headers,
        text.into_bytes(),
        "text/html; charset=utf-8",
        "no-cache",
    )
}

async fn asset(headers: HeaderMap, text: &'static str, content_type: &'static str) -> Response {
    // Names of assets do not change with their content: clients must ask again.
    let tag = format!("\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(text.as_bytes()));
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|value| value == tag.as_str());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        send(&headers, text.as_bytes().to_vec(), content_type, "no-cache")
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn send(
    headers: &HeaderMap,
    bytes: Vec<u8>,
    content_type: &'static str,
    cache: &'static str,
) -> Response {
    let gzip = render::accepts_gzip(headers);
    let bytes = if gzip {
        render::gzip_whole(&bytes)
    } else {
        bytes
    };
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    );
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
