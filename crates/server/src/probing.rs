//! Probes: what they found, one more look on demand, maintenance, and blackbox_exporter's `/probe`.
//!
//! ## Model
//! `GET /api/bellwether/v1/probes` lists probes, `…/{name}` tells one with its history and the logs of its last checks,
//! `POST …/{name}/check` looks now. `/api/bellwether/v1/maintenance` lists, begins and ends times of maintenance.
//! `GET /probe?target=&module=` answers as blackbox_exporter does, so that scrape jobs need only another address.
//!
//! ## Invariants
//! A target that comes in a request is asked only where the configuration has `probe_modules`, only where it fits
//! `server.probe_targets`, and never with a module that starts programs or looks at processes of this host.

mod json;
mod public;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use bellwether_entities::Entities;
use bellwether_model::time::parse_duration;
use bellwether_model::{Regexp, short};
use bellwether_probe::watch::{MaintenanceError, MaintenanceSettings, Watcher};
use bellwether_probe::{Module, Prober, request_target, shown_target};
use serde_json::{Value, json};

use crate::api::{Call, responding_get};
use crate::app::App;
use crate::body;
use crate::envelope::{ApiError, ErrorType, json_response, text_response};
use crate::params::parse_time;

/// What is asked where a request to `/probe` names no module. As in blackbox_exporter.
const MODULE_DEFAULT: &str = "http_2xx";
/// By so much sooner than the one who scrapes gives up an answer is given. As in blackbox_exporter.
const TIMEOUT_OFFSET: Duration = Duration::from_millis(500);
/// Nobody who scrapes waits longer: what blackbox_exporter takes where nothing is said.
const SCRAPE_TIMEOUT_MAX: Duration = Duration::from_secs(120);
/// Bytes of a request that begins a maintenance. Chosen.
const BODY_BYTES_MAX: usize = 64 << 10;
/// No maintenance that people begin is longer, ms: a week.
const MAINTENANCE_MS_MAX: i64 = 7 * 86_400_000;

/// Probes and the map of entities, for the edge.
#[derive(Debug, Clone)]
pub struct Probing {
    /// Runs probes.
    pub watcher: Watcher,
    /// What has health.
    pub entities: Entities,
    rules: Arc<ArcSwap<ProbeRules>>,
    page: public::PublicPage,
}

/// What the configuration says of `/probe`.
#[derive(Debug, Default)]
pub struct ProbeRules {
    /// What may be spoken, by name.
    pub modules: BTreeMap<String, Arc<Module>>,
    /// Whether targets that come in requests are asked at all.
    pub takes_targets: bool,
    /// Which; all of a target must match one of them. None: every target.
    pub targets: Vec<Regexp>,
}

impl Probing {
    /// Probing with these parts.
    #[must_use]
    pub fn new(watcher: Watcher, entities: Entities, rules: ProbeRules) -> Self {
        Self {
            watcher,
            entities,
            rules: Arc::new(ArcSwap::from_pointee(rules)),
            page: public::PublicPage::default(),
        }
    }

    /// Takes what a reload has changed.
    pub fn set_rules(&self, rules: ProbeRules) {
        self.rules.store(Arc::new(rules));
    }
}

/// All routes.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/probe", responding_get(probe))
        .route("/api/bellwether/v1/probes", get(list))
        .route("/api/bellwether/v1/probes/{probe}", get(one))
        .route("/api/bellwether/v1/probes/{probe}/check", post(check))
        .route(
            "/api/bellwether/v1/maintenance",
            get(windows).post(begin_maintenance),
        )
        .route(
            "/api/bellwether/v1/maintenance/{number}",
            delete(end_maintenance),
        )
        .route(public::PATH, get(public::status))
}

/// The probing of a server that has one.
pub(crate) fn probing(app: &App) -> Result<&Probing, ApiError> {
    let probing = app.services()?.probing.as_ref();
    probing.ok_or_else(|| ApiError::new(ErrorType::Unavailable, "this server probes nothing"))
}

/// `{"status":"success","data":…}`
pub(crate) fn success(data: Value) -> Response {
    let value = json!({ "status": "success", "data": data });
    json_response(value.to_string().into_bytes())
}

async fn list(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let statuses = probing(&app)?.watcher.statuses();
    let probes: Vec<Value> = statuses.iter().map(json::status).collect();
    Ok(success(json!({ "probes": probes })))
}

fn unknown_probe(name: &str) -> ApiError {
    let text = format!("there is no probe {:?}", short(name));
    ApiError::new(ErrorType::NotFound, text)
}

async fn one(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let status = probing(&app)?.watcher.status(&name);
    let status = status.ok_or_else(|| unknown_probe(&name))?;
    Ok(success(json::whole_status(&status)))
}

async fn check(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    let watcher = probing(&app)?.watcher.clone();
    let time_ms = app.clock.now_ms();
    let result = watcher.look(&name).await;
    let result = result.ok_or_else(|| unknown_probe(&name))?;
    Ok(success(json::result(&result, time_ms)))
}

/// What `/probe` is asked.
struct Asked {
    module: Arc<Module>,
    target: String,
    timeout: Duration,
    wants_log: bool,
}

impl Asked {
    fn read(call: &Call, rules: &ProbeRules) -> Result<Self, (StatusCode, String)> {
        let bad = |text: String| (StatusCode::BAD_REQUEST, text);
        let forbidden = |text: String| (StatusCode::FORBIDDEN, text);
        let params = &call.params;
        if !rules.takes_targets {
            let text = "targets that come in requests are not asked here: configure probe_modules to \
                        allow it\n";
            return Err(forbidden(text.to_owned()));
        }
        let name = match params.get("module") {
            "" => MODULE_DEFAULT,
            name => name,
        };
        let module = rules
            .modules
            .get(name)
            .ok_or_else(|| bad(format!("Unknown module {:?}\n", short(name))))?;
        let target = params.get("target");
        if target.is_empty() {
            return Err(bad("Target parameter is missing\n".to_owned()));
        }
        if module.is_local() {
            return Err(forbidden(format!(
                "module {name:?} is one of this host: only probes of the configuration use it\n"
            )));
        }
        if rules.targets.is_empty() && module.has_credentials() {
            return Err(forbidden(format!(
                "module {name:?} shows its credentials to the target: say in server.probe_targets which \
                 targets that may be\n"
            )));
        }
        // What is matched is the URL that is asked, and a redirect would lead past the pattern.
        let matched = request_target(module, target);
        let is_listed = rules.targets.iter().any(|it| it.is_match(&matched));
        if !rules.targets.is_empty() && !is_listed {
            return Err(forbidden(format!(
                "target {:?} is none that server.probe_targets allows\n",
                short(&shown_target(&matched))
            )));
        }
        let module = match is_listed {
            true => Arc::new(module.without_redirects()),
            false => Arc::clone(module),
        };
        let module = match params.get("hostname") {
            "" => module,
            hostname => Arc::new(with_hostname(&module, hostname).map_err(bad)?),
        };
        let scrape_timeout = scrape_timeout(&call.headers).map_err(bad)?;
        Ok(Self {
            timeout: module.timeout_within(scrape_timeout, TIMEOUT_OFFSET),
            module,
            target: target.to_owned(),
            wants_log: params.get("debug") == "true",
        })
    }
}

/// How long the one who scrapes waits.
fn scrape_timeout(headers: &HeaderMap) -> Result<Option<Duration>, String> {
    let Some(value) = headers.get("x-prometheus-scrape-timeout-seconds") else {
        return Ok(None);
    };
    let seconds = value
        .to_str()
        .ok()
        .and_then(|text| text.parse::<f64>().ok());
    let timeout = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match timeout.filter(|timeout| *timeout <= SCRAPE_TIMEOUT_MAX) {
        Some(timeout) => Ok(Some(timeout)),
        None => Err(format!(
            "Failed to parse timeout from Prometheus header: {value:?}: want 0 to 120 seconds\n"
        )),
    }
}

/// The module for a server that is asked by another name than its target's, as blackbox_exporter has it.
fn with_hostname(module: &Module, hostname: &str) -> Result<Module, String> {
    let mut module = module.clone();
    match &mut module.prober {
        Prober::Http(http) => {
            let is_host = |it: &&(String, String)| it.0.eq_ignore_ascii_case("host");
            match http.headers.iter().find(is_host) {
                Some((_, own)) if own != hostname => {
                    return Err(format!(
                        "Host header defined both in module configuration ({own:?}) and with \
                         URL-parameter 'hostname' ({:?})\n",
                        short(hostname)
                    ));
                }
                Some(_) => {}
                None => http.headers.push(("Host".to_owned(), hostname.to_owned())),
            }
            let server_name = &mut http.client.tls.server_name;
            server_name.get_or_insert_with(|| hostname.to_owned());
        }
        Prober::Tcp(tcp) => {
            let server_name = &mut tcp.tls_config.server_name;
            server_name.get_or_insert_with(|| hostname.to_owned());
        }
        _ => {}
    }
    Ok(module)
}

async fn probe(call: Call) -> Result<Response, ApiError> {
    let probing = probing(&call.app)?;
    let asked = match Asked::read(&call, &probing.rules.load()) {
        Ok(asked) => asked,
        Err((status, text)) => return Ok(text_response(status, text)),
    };
    let watcher = probing.watcher.clone();
    let result = watcher
        .probe(&asked.module, &asked.target, asked.timeout)
        .await;
    let text = match asked.wants_log {
        true => result.debug_text(),
        false => result.exposition(),
    };
    let content_type = "text/plain; version=0.0.4; charset=utf-8";
    let headers = [(axum::http::header::CONTENT_TYPE, content_type)];
    Ok((headers, text).into_response())
}

async fn windows(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let now_ms = app.clock.now_ms();
    let windows = probing(&app)?.watcher.maintenance().windows(now_ms);
    let windows: Vec<Value> = windows.iter().map(json::window).collect();
    Ok(success(json!({ "maintenance": windows })))
}

/// What somebody says who begins a maintenance.
fn read_window(body: &[u8], now_ms: i64) -> Result<MaintenanceSettings, ApiError> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| ApiError::bad_data(format_args!("the body is no JSON: {error}")))?;
    let known = ["reason", "probes", "start", "end", "duration"];
    let object = value.as_object();
    let mut keys = object.into_iter().flat_map(|object| object.keys());
    if let Some(key) = keys.find(|key| !known.contains(&key.as_str())) {
        let known = known.join(", ");
        let text = format_args!("{}: unknown; want {known}", short(key));
        return Err(ApiError::bad_data(text));
    }
    let text = |key: &str| match value.get(key) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err(ApiError::bad_data(format_args!("{key}: want a text"))),
    };
    let probes = value.get("probes").and_then(Value::as_array);
    let probes: Option<Vec<String>> = probes.and_then(|list| {
        list.iter()
            .map(|it| it.as_str().map(str::to_owned))
            .collect()
    });
    let probes = probes.filter(|it| !it.is_empty()).ok_or_else(|| {
        ApiError::bad_data("probes: want a list of names of probes; a * stands for any characters")
    })?;
    let time = |key: &str| match text(key)? {
        "" => Ok(None),
        text => parse_time(text)
            .map(Some)
            .map_err(|reason| ApiError::invalid_parameter(key, reason)),
    };
    let start_ms = time("start")?.unwrap_or(now_ms);
    let end_ms = match (time("end")?, text("duration")?) {
        (Some(end_ms), "") => end_ms,
        (None, duration) if !duration.is_empty() => {
            let duration_ms = parse_duration(duration)
                .map_err(|error| ApiError::invalid_parameter("duration", error))?;
            start_ms.saturating_add(duration_ms)
        }
        _ => return Err(ApiError::bad_data("want either end or duration")),
    };
    let shown = |time_ms| jiff::Timestamp::from_millisecond(time_ms).unwrap_or_default();
    let (start, end) = (shown(start_ms), shown(end_ms));
    if end_ms <= start_ms {
        let text = format_args!("it would end at {end}, before it begins at {start}");
        return Err(ApiError::bad_data(text));
    }
    if end_ms <= now_ms {
        return Err(ApiError::bad_data(format_args!(
            "its end {end} is in the past"
        )));
    }
    if end_ms - start_ms > MAINTENANCE_MS_MAX {
        let text = format_args!("it would last from {start} to {end}: want a week at most");
        return Err(ApiError::bad_data(text));
    }
    let reason = text("reason")?;
    if reason.is_empty() {
        return Err(ApiError::bad_data(
            "reason is missing: it says what is worked on",
        ));
    }
    Ok(MaintenanceSettings {
        reason: reason.to_owned(),
        probes,
        start_ms,
        end_ms,
        every_ms: None,
    })
}

async fn begin_maintenance(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let bytes = body::read(&parts.headers, body, BODY_BYTES_MAX).await;
    let now_ms = app.clock.now_ms();
    let window = read_window(&bytes.map_err(ApiError::bad_data)?, now_ms)?;
    let watcher = probing(&app)?.watcher.clone();
    let statuses = watcher.statuses();
    let is_covered = |pattern: &&String| {
        let of_one = MaintenanceSettings {
            probes: vec![(*pattern).clone()],
            ..window.clone()
        };
        statuses
            .iter()
            .any(|it| of_one.covers(&it.settings.name, window.start_ms))
    };
    if let Some(pattern) = window.probes.iter().find(|it| !is_covered(it)) {
        let text = format_args!("probes: no probe is called {:?}", short(pattern));
        return Err(ApiError::bad_data(text));
    }
    let added = tokio::task::spawn_blocking(move || watcher.maintenance().add(window, now_ms));
    match joined(added.await)? {
        Ok(number) => Ok(success(json!({ "id": number }))),
        Err(MaintenanceError::Storage(error)) => Err(error.into()),
        Err(error) => Err(ApiError::bad_data(error)),
    }
}

async fn end_maintenance(
    State(app): State<Arc<App>>,
    Path(number): Path<String>,
) -> Result<Response, ApiError> {
    let unknown = || {
        let text = format!("nobody began a maintenance {:?}", short(&number));
        ApiError::new(ErrorType::NotFound, text)
    };
    let id: u64 = number.parse().map_err(|_| unknown())?;
    let watcher = probing(&app)?.watcher.clone();
    let removed = tokio::task::spawn_blocking(move || watcher.maintenance().remove(id));
    match joined(removed.await)?? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(unknown()),
    }
}

fn joined<T>(result: Result<T, tokio::task::JoinError>) -> Result<T, ApiError> {
    result.map_err(|_| ApiError::new(ErrorType::Internal, "the request could not be carried out"))
}
