//! Puts the parts together: routes, middleware, listeners.
//!
//! ## Model
//! [`Server::new`] checks the settings, [`Server::bind`] opens the listeners, [`Bound::serve`]
//! answers until [`Server::stop`]. [`Server::open`] hands over the store when it is ready; until
//! then only health, version and the page answer.
//!
//! ## Order of middleware, from the outside
//! headers and panics, measuring, authentication, handler.

use std::net::SocketAddr;
use std::sync::atomic::AtomicU8;
use std::sync::{Arc, OnceLock};

use axum::{Router, middleware};
use bellwether_ingest::otlp::OtlpSettings;
use bellwether_model::Regexp;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

use crate::app::App;
use crate::auth::{self, Authenticator};
use crate::error::ServerError;
use crate::listener::{self, Shared, SharedTls};
use crate::live::{self, Live};
use crate::own_metrics::{self, HttpMetrics};
use crate::receive::Receivers;
use crate::services::{ServerParts, Services};
use crate::{
    am, api, backtests, compression, dashboards, differences, entities, evidence, external_metrics,
    forecasts, headers, keda, objectives, otlp_grpc, own_api, page, probing, query_log, receive,
    replica, routing, ruler, scaling, silence_preview, simulations, system, timeline, tls,
};

/// The HTTP and gRPC edge. Clones are the same server.
#[derive(Debug, Clone)]
pub struct Server {
    app: Arc<App>,
    tls: SharedTls,
}

/// A server with its listeners open.
#[derive(Debug)]
pub struct Bound {
    server: Server,
    main: Vec<TcpListener>,
    otlp_http: Option<TcpListener>,
    otlp_grpc: Option<TcpListener>,
}

impl Server {
    /// Checks the settings and makes a server that does not listen yet.
    ///
    /// # Errors
    /// Where an address would be exposed without authentication, a certificate cannot be used, or
    /// a setting makes no sense.
    pub fn new(parts: ServerParts) -> Result<Self, ServerError> {
        let settings = parts.settings;
        check_exposure(&settings)?;
        let cors_origin =
            Regexp::anchored(&settings.cors_origin).map_err(|error| ServerError::Setting {
                setting: "cors_origin",
                reason: error.to_string(),
            })?;
        for (_, hash) in &settings.security.users {
            check_hash("users", &hash.0)?;
        }
        for token in &settings.security.tokens {
            check_hash("tokens", &token.hash.0)?;
        }
        let tls = match &settings.security.tls {
            None => None,
            Some(tls) => {
                let loaded = tls::load(tls, !settings.security.no_http2)?;
                Some(Arc::new(arc_swap::ArcSwap::new(loaded)))
            }
        };
        let limits = &settings.limits;
        let app = App {
            cors_origin,
            metrics: HttpMetrics::new(&parts.registry),
            auth: Authenticator::new(&settings.security),
            started_ms: parts.clock.now_ms(),
            clock: parts.clock,
            registry: parts.registry,
            build: parts.build,
            flags: parts.flags,
            features: parts.features,
            control: parts.control,
            query_gate: Arc::new(Semaphore::new(limits.query_concurrency.max(1))),
            catalog_gate: Arc::new(Semaphore::new(limits.query_concurrency.max(1))),
            write_gate: Arc::new(Semaphore::new(limits.write_concurrency.max(1))),
            live: Live::new(limits.live_clients_max),
            queries: Arc::default(),
            backtest_gate: Arc::new(Semaphore::new(1)),
            stopping: watch::Sender::new(false),
            state: AtomicU8::new(0),
            services: OnceLock::new(),
            receivers: OnceLock::new(),
            settings,
        };
        Ok(Self {
            app: Arc::new(app),
            tls,
        })
    }

    /// Hands over the store and what works on it. From now on the server is ready.
    pub fn open(&self, services: Services) {
        let limits = &self.app.settings.limits;
        let external_labels = self.app.control.external_labels();
        let (clock, registry) = (&self.app.clock, &self.app.registry);
        let receivers = Receivers::new(&services, limits, clock, external_labels, registry);
        // A second call changes nothing: handlers may hold on to the first services already.
        self.app.receivers.set(receivers).ok();
        self.app.open(services);
    }

    /// Takes what a reload may have changed: how OTLP is translated, and the external labels that
    /// [`crate::Control`] gives. Certificates are read by [`Server::reload_certificates`].
    pub fn apply(&self, otlp: OtlpSettings) {
        if let Some(receivers) = self.app.receivers.get() {
            let limits = &self.app.settings.limits;
            receivers.apply(otlp, limits, self.app.control.external_labels());
        }
    }

    /// Whether requests are answered.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.app.is_ready()
    }

    /// Begins to stop: no new connections, `/-/ready` says no, open requests may finish.
    pub fn stop(&self) {
        self.app.stop();
    }

    /// Reads certificates and keys again.
    ///
    /// # Errors
    /// Where a file does not serve; the running ones stay in force.
    pub fn reload_certificates(&self) -> Result<(), ServerError> {
        let settings = &self.app.settings.security;
        if let (Some(shared), Some(tls)) = (&self.tls, &settings.tls) {
            shared.store(tls::load(tls, !settings.no_http2)?);
        }
        Ok(())
    }

    /// The routes of the main port, for tests and for callers with a listener of their own.
    pub fn router(&self) -> Router {
        let routes = Router::new()
            .nest("/api/v1", api::routes())
            .nest("/prometheus/api/v1", api::mimir_routes())
            .merge(api::federation())
            .merge(receive::routes())
            .merge(system::routes())
            .merge(own_api::routes())
            .merge(am::routes())
            .merge(timeline::routes())
            .merge(probing::routes())
            .merge(entities::routes())
            .merge(objectives::routes())
            .merge(scaling::routes())
            .merge(external_metrics::routes())
            .merge(forecasts::routes())
            .merge(evidence::routes())
            .merge(replica::routes())
            .merge(ruler::routes())
            .merge(simulations::routes())
            .merge(live::routes())
            .merge(routing::routes())
            .merge(backtests::routes())
            .merge(query_log::routes())
            .merge(differences::routes())
            .merge(silence_preview::routes())
            .merge(dashboards::routes())
            .merge(page::routes())
            .method_not_allowed_fallback(system::wrong_method)
            .fallback(system::not_found);
        self.finish(routes.with_state(Arc::clone(&self.app)))
    }

    fn finish(&self, routes: Router) -> Router {
        let app = &self.app;
        routes
            .layer(middleware::from_fn_with_state(Arc::clone(app), auth::guard))
            .layer(middleware::from_fn(compression::compress))
            .layer(middleware::from_fn_with_state(
                Arc::clone(app),
                own_metrics::measure,
            ))
            .layer(middleware::from_fn_with_state(
                Arc::clone(app),
                headers::dress,
            ))
    }

    /// The routes of the port for OTLP over HTTP.
    pub(crate) fn otlp_http_router(&self) -> Router {
        let routes = receive::otlp_routes()
            .method_not_allowed_fallback(system::wrong_method)
            .fallback(system::not_found);
        self.finish(routes.with_state(Arc::clone(&self.app)))
    }

    /// The routes of the port for OTLP over gRPC, which is KEDA's too.
    pub(crate) fn otlp_grpc_router(&self) -> Router {
        let keda = keda::routes().with_state(Arc::clone(&self.app));
        self.finish(otlp_grpc::routes(&self.app).merge(keda))
    }

    /// Opens the listeners of the settings.
    ///
    /// # Errors
    /// Where an address cannot be listened on.
    pub async fn bind(&self) -> Result<Bound, ServerError> {
        let settings = &self.app.settings;
        let mut main = Vec::new();
        for address in &settings.listen {
            main.push(listen(*address).await?);
        }
        Ok(Bound {
            server: self.clone(),
            main,
            otlp_http: listen_maybe(settings.otlp_http_listen).await?,
            otlp_grpc: listen_maybe(settings.otlp_grpc_listen).await?,
        })
    }

    /// Answers on one listener until [`Server::stop`].
    pub async fn serve(&self, listener: TcpListener) {
        listener::serve(listener, self.router(), self.tls.clone(), self.shared()).await;
    }

    /// The state that handlers share.
    #[cfg(test)]
    pub(crate) fn app(&self) -> &Arc<App> {
        &self.app
    }

    fn shared(&self) -> Shared {
        Shared {
            limits: self.app.settings.limits.clone(),
            http2: !self.app.settings.security.no_http2,
            connections: Arc::new(Semaphore::new(
                self.app.settings.limits.connections_max.max(1),
            )),
            open: Arc::clone(&self.app.metrics.connections),
            stopping: self.app.stopping.subscribe(),
        }
    }
}

impl Bound {
    /// The addresses of the main port, with the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.main
            .iter()
            .filter_map(|listener| listener.local_addr().ok())
            .collect()
    }

    /// The address of OTLP over HTTP.
    #[must_use]
    pub fn otlp_http_address(&self) -> Option<SocketAddr> {
        self.otlp_http
            .as_ref()
            .and_then(|listener| listener.local_addr().ok())
    }

    /// The address of OTLP over gRPC.
    #[must_use]
    pub fn otlp_grpc_address(&self) -> Option<SocketAddr> {
        self.otlp_grpc
            .as_ref()
            .and_then(|listener| listener.local_addr().ok())
    }

    /// Answers on all listeners until [`Server::stop`].
    pub async fn serve(self) {
        let shared = self.server.shared();
        let tls = self.server.tls.clone();
        let mut running = tokio::task::JoinSet::new();
        let router = self.server.router();
        for listener in self.main {
            running.spawn(listener::serve(
                listener,
                router.clone(),
                tls.clone(),
                shared.clone(),
            ));
        }
        if let Some(listener) = self.otlp_http {
            let router = self.server.otlp_http_router();
            running.spawn(listener::serve(
                listener,
                router,
                tls.clone(),
                shared.clone(),
            ));
        }
        if let Some(listener) = self.otlp_grpc {
            let router = self.server.otlp_grpc_router();
            running.spawn(listener::serve(listener, router, tls, shared));
        }
        while running.join_next().await.is_some() {}
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| ServerError::Listen { address, source })
}

async fn listen_maybe(address: Option<SocketAddr>) -> Result<Option<TcpListener>, ServerError> {
    match address {
        None => Ok(None),
        Some(address) => listen(address).await.map(Some),
    }
}

fn check_exposure(settings: &crate::settings::ServerSettings) -> Result<(), ServerError> {
    if settings.listen.is_empty() {
        return Err(ServerError::Setting {
            setting: "listen",
            reason: "at least one address is needed".to_owned(),
        });
    }
    if settings.insecure_listen || settings.security.authenticates() {
        return Ok(());
    }
    let all = settings
        .listen
        .iter()
        .chain(&settings.otlp_http_listen)
        .chain(&settings.otlp_grpc_listen);
    match all
        .copied()
        .find(|address| !address.ip().to_canonical().is_loopback())
    {
        Some(address) => Err(ServerError::Exposed { address }),
        None => Ok(()),
    }
}

fn check_hash(setting: &'static str, hash: &str) -> Result<(), ServerError> {
    let parsed: Result<bcrypt::HashParts, _> = hash.parse();
    parsed.map(|_| ()).map_err(|_| ServerError::Setting {
        setting,
        reason: "a password or token is not a bcrypt hash: make one with `htpasswd -nBC 10 \"\"`"
            .to_owned(),
    })
}
