//! Who a client is and what it may do.
//!
//! ## Model
//! Without users and tokens everybody may do everything that is switched on. With them a request
//! must carry `Authorization: Basic` (a user, who may do everything) or `Authorization: Bearer` (a
//! token with scopes). The path and the method say which scope is needed.
//!
//! ## Invariants
//! bcrypt runs on blocking threads, at most [`BCRYPT_CONCURRENCY`] at once, so that guessing cannot
//! take the server's cores. Answers are remembered under a keyed hash, never under the secret.
//! An unknown user costs as much time as a known one.
//!
//! ## Limits
//! [`CACHE_MAX`] remembered answers; when full, the memory starts again empty.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use bellwether_notify::replica::LOG_PATH;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::envelope::{ApiError, ErrorType};
use crate::front_proxy::Peer;
use crate::ruler;
use crate::settings::{Hidden, Scopes, Security, TokenSettings};

/// Chosen: enough for a fleet of clients, too little to matter in memory.
const CACHE_MAX: usize = 1_000;
/// Chosen: half of the smallest machine we think of.
const BCRYPT_CONCURRENCY: usize = 2;
/// A hash of nobody's password, compared with where the user is unknown, so that time does not
/// tell which users there are. Cost 10, the default of the tools that people use.
const NOBODY: &str = "$2b$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    Read,
    Write,
    Admin,
}

/// Checks credentials.
#[derive(Debug)]
pub(crate) struct Authenticator {
    users: HashMap<String, Hidden>,
    tokens: Vec<TokenSettings>,
    hasher: (RandomState, RandomState),
    /// Answers by keyed hash of the credentials.
    cache: Mutex<HashMap<(u64, u64), Option<Known>>>,
    gate: Arc<Semaphore>,
}

/// A client that has said who it is.
#[derive(Debug, Clone)]
struct Known {
    scopes: Scopes,
    /// The user, or the name of the token.
    name: Arc<str>,
}

enum Credentials {
    Basic { user: String, password: String },
    Bearer(String),
}

impl Authenticator {
    pub(crate) fn new(security: &Security) -> Self {
        Self {
            users: security.users.iter().cloned().collect(),
            tokens: security.tokens.clone(),
            hasher: (RandomState::new(), RandomState::new()),
            cache: Mutex::default(),
            gate: Arc::new(Semaphore::new(BCRYPT_CONCURRENCY)),
        }
    }

    /// Whether clients must say who they are.
    pub(crate) fn is_on(&self) -> bool {
        !self.users.is_empty() || !self.tokens.is_empty()
    }

    /// What the client of a request may do.
    pub(crate) async fn scopes(&self, headers: &HeaderMap) -> Result<Scopes, ApiError> {
        if !self.is_on() {
            return Ok(Scopes::ALL);
        }
        let refuse = || ApiError::new(ErrorType::Unauthorized, "unauthorized");
        let credentials = credentials(headers).ok_or_else(refuse)?;
        let key = self.key_of(&credentials);
        if let Some(known) = self.cache.lock().get(&key) {
            return known.as_ref().map(|it| it.scopes).ok_or_else(refuse);
        }
        // The hash to compare with, and what it allows.
        let (secret, candidates) = match credentials {
            Credentials::Basic { user, password } => {
                let hash = self.users.get(&user).map_or(NOBODY, |hash| hash.0.as_str());
                let known = self.users.contains_key(&user).then(|| Known {
                    scopes: Scopes::ALL,
                    name: user.into(),
                });
                (password, vec![(hash.to_owned(), known)])
            }
            Credentials::Bearer(token) => {
                let candidates = self.tokens.iter().map(|it| {
                    let known = Known {
                        scopes: it.scopes,
                        name: it.name.as_str().into(),
                    };
                    (it.hash.0.clone(), Some(known))
                });
                (token, candidates.collect())
            }
        };
        let permit = Arc::clone(&self.gate)
            .acquire_owned()
            .await
            .map_err(|_| refuse())?;
        let checked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            candidates
                .into_iter()
                .find(|(hash, _)| bcrypt::verify(&secret, hash).unwrap_or(false))
                .and_then(|(_, known)| known)
        });
        let found = checked.await.unwrap_or(None);
        let mut cache = self.cache.lock();
        if cache.len() >= CACHE_MAX {
            cache.clear();
        }
        let scopes = found.as_ref().map(|it| it.scopes);
        cache.insert(key, found);
        scopes.ok_or_else(refuse)
    }

    /// The user, or the name of the token, of a request that was let through; `None`: nobody has to say, or it is
    /// forgotten.
    pub(crate) fn name(&self, headers: &HeaderMap) -> Option<String> {
        if !self.is_on() {
            return None;
        }
        let key = self.key_of(&credentials(headers)?);
        let cache = self.cache.lock();
        let known = cache.get(&key)?.as_ref()?;
        Some(known.name.to_string())
    }

    fn key_of(&self, credentials: &Credentials) -> (u64, u64) {
        match credentials {
            Credentials::Basic { user, password } => self.key(&("basic", user, password)),
            Credentials::Bearer(token) => self.key(&("bearer", token, "")),
        }
    }

    fn key(&self, credentials: &impl std::hash::Hash) -> (u64, u64) {
        (
            self.hasher.0.hash_one(credentials),
            self.hasher.1.hash_one(credentials),
        )
    }
}

fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = text.split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credentials::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD
        .decode(rest)
        .ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some(Credentials::Basic {
        user: user.to_owned(),
        password: password.to_owned(),
    })
}

/// What a path needs. Probes of the platform need nothing and tell nothing.
pub(crate) fn need(method: &Method, path: &str) -> Need {
    if method == Method::OPTIONS {
        return Need::Nothing;
    }
    if ruler::is_ruler_path(path) {
        return if matches!(*method, Method::GET | Method::HEAD) {
            Need::Read
        } else {
            Need::Write
        };
    }
    // Below /prometheus the API of Prometheus is there once more.
    let path = match path.strip_prefix("/prometheus") {
        Some(rest) if rest.starts_with("/api/v1/") => rest,
        _ => path,
    };
    match path {
        "/-/healthy"
        | "/-/ready"
        | "/livez"
        | "/readyz"
        | "/startupz"
        | "/am/-/healthy"
        | "/am/-/ready"
        | "/api/bellwether/v1/public-status" => Need::Nothing,
        "/api/v1/write" | "/api/v1/otlp/v1/metrics" | "/v1/metrics" | "/v1/traces" | "/v1/logs" => {
            Need::Write
        }
        "/api/bellwether/v1/import" | LOG_PATH => Need::Write,
        "/-/quit" | "/-/reload" | "/am/-/reload" | "/api/bellwether/v1/storage/compact" => {
            Need::Admin
        }
        path if path.starts_with("/api/v1/admin/") => Need::Admin,
        path if method != Method::GET
            && (path.starts_with("/am/")
                || path.starts_with("/api/bellwether/v1/acknowledgements")
                || path.starts_with("/api/bellwether/v1/dashboards")
                || path.starts_with("/api/bellwether/v1/maintenance")
                || path.starts_with("/api/bellwether/v1/probes")
                || path.starts_with("/api/bellwether/v1/queries")
                || path.starts_with("/api/bellwether/v1/simulations")) =>
        {
            Need::Write
        }
        path if path.starts_with("/opentelemetry.proto.collector.") => Need::Write,
        _ => Need::Read,
    }
}

/// Whether scopes cover a need.
pub(crate) fn covers(scopes: Scopes, need: Need) -> bool {
    match need {
        Need::Nothing => true,
        Need::Read => scopes.read,
        Need::Write => scopes.write,
        Need::Admin => scopes.admin,
    }
}

/// Whether a browser says that a page which we did not serve sends the request. Programs that are no
/// browsers send no `Origin`.
fn is_from_another_page(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        return false;
    };
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let origin = origin.to_str().ok().and_then(|origin| {
        origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
    });
    origin.is_none() || origin != host
}

/// Whether a browser says that another page has it fetch this, as for an image. Programs that are no browsers say
/// nothing.
fn is_fetched_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

/// Middleware that lets only those through who may.
pub(crate) async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let need = need(request.method(), request.uri().path());
    let headers = request.headers();
    let is_from_elsewhere = is_from_another_page(headers);
    // It changes nothing here, and makes us send a request elsewhere.
    let is_probe = request.uri().path() == "/probe";
    let refused = match need {
        _ if is_probe && (is_from_elsewhere || is_fetched_from_elsewhere(headers)) => {
            Some("a page of another origin may not have anything probed")
        }
        Need::Write | Need::Admin if is_from_elsewhere => {
            Some("a page of another origin may not change anything here")
        }
        _ => None,
    };
    if let Some(text) = refused {
        return ApiError::new(ErrorType::Forbidden, text).into_response();
    }
    let peer = request.extensions().get::<Peer>().copied();
    let is_known = peer.is_some_and(|peer| {
        let path = request.uri().path();
        peer.may(request.method(), path, request.headers())
    });
    if need == Need::Nothing || is_known {
        return next.run(request).await;
    }
    if !app.auth.is_on() {
        // Certificates of front proxies are taken beside those of clients, who may do everything.
        if app.settings.security.asks_peers_only() && peer != Some(Peer::Client) {
            let text = "the certificate of a front proxy may read /apis for the user in X-Remote-User, and nothing else";
            return ApiError::new(ErrorType::Forbidden, text).into_response();
        }
        return next.run(request).await;
    }
    match app.auth.scopes(request.headers()).await {
        Err(error) => error.into_response(),
        Ok(scopes) if covers(scopes, need) => next.run(request).await,
        Ok(_) => {
            let word = format!("{need:?}").to_lowercase();
            ApiError::new(
                ErrorType::Forbidden,
                format_args!("the token lacks the scope {word}"),
            )
            .into_response()
        }
    }
}
