//! The live daemon: a service on `bellwether-sdk` that answers the replayed requests in real time.
//!
//! ## Model
//! [`Service`] is the daemon without its network: requests arrive, wait in a pool of the SDK, call models and tools.
//! What a job needs is in [`backends::Backends`]. Around it stand the daemon's server (`/metrics`, health, `/state`,
//! `/faults`, `/ws`, `/mcp`) and the servers of its two providers, all on loopback. What a provider does to a call
//! is decided in one place for both, the daemon's calls and those that come over HTTP.
//!
//! ## Limits
//! The queue holds 400 requests, 80 workers at the most serve them, 100 WebSockets are open.
//!
//! ## Failure
//! A fault never ends the daemon: calls fail, are repeated, fall back to the other provider, and a breaker keeps
//! them from one that is down.

mod arrivals;
mod backends;
mod calls;
mod config;
mod fault_board;
mod health;
mod mcp;
mod own_metrics;
mod provider;
mod provider_server;
mod recent;
mod request;
mod routes;
mod service;
mod sessions;
mod state;
mod tools;
mod websocket;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bellwether_sdk::FileSettings;
use bellwether_storage::Clock;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use self::routes::App;
use self::service::Service;
use crate::DemoError;
use crate::pool::WORKERS_MIN;
use crate::provider::PROVIDERS;

pub use state::{
    BreakerSummary, DemoState, FaultState, ModelState, ProviderState, RecentEvent, RequestsState,
    ToolState, WorkersState,
};

/// How long requests under way may take when the daemon is told to end.
const DRAIN: Duration = Duration::from_secs(2);

/// Starts daemons.
#[derive(Debug)]
pub struct Demo;

/// How a daemon runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DemoOptions {
    /// Where the daemon listens; port 0 takes any free one. Its providers take free ports of the same address.
    pub listen: SocketAddr,
    /// Seed of what arrives and of what goes wrong. Real time makes each run another one all the same.
    pub seed: u64,
    /// Workers at the beginning, cut to 8 to 80.
    pub worker_count: u32,
    /// The folder in which `events.jsonl` is written; `None`: events are not kept.
    pub folder: Option<PathBuf>,
    /// Whether faults come by themselves, or only by hand.
    pub has_recurring_faults: bool,
}

impl Default for DemoOptions {
    /// A free port on loopback, seed 42, the fewest workers, no events, faults that recur.
    fn default() -> Self {
        Self {
            listen: ([127, 0, 0, 1], 0).into(),
            seed: 42,
            worker_count: WORKERS_MIN,
            folder: None,
            has_recurring_faults: true,
        }
    }
}

/// A running daemon. It stops when this is dropped, and in order with [`DemoHandle::shutdown`].
#[derive(Debug)]
pub struct DemoHandle {
    /// Where the daemon listens: `/metrics` is there.
    pub scrape_address: SocketAddr,
    /// Where the providers listen, by their names.
    pub provider_addresses: [(&'static str, SocketAddr); PROVIDERS.len()],
    app: App,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Demo {
    /// Starts a daemon and its providers. To be called in a runtime of tokio.
    ///
    /// # Errors
    /// Where an address cannot be listened on or the file of events cannot be written.
    pub async fn start(
        options: &DemoOptions,
        clock: Arc<dyn Clock>,
    ) -> Result<DemoHandle, DemoError> {
        let (listener, scrape_address) = listen(options.listen).await?;
        let free = SocketAddr::new(options.listen.ip(), 0);
        let (stop, stopped) = watch::channel(false);
        let service = Service::start(options.seed, options.worker_count, clock)?;
        let backends = service.backends();
        if !options.has_recurring_faults {
            backends.faults.drop_plan();
        }
        if let Some(folder) = &options.folder {
            let file = FileSettings::new(folder.join("events.jsonl"));
            backends.telemetry.add_file(file)?;
        }
        let health = health::start(&service)?;
        let mut tasks = Vec::new();
        let mut provider_addresses = PROVIDERS.map(|name| (name, free));
        for (index, (_, address)) in provider_addresses.iter_mut().enumerate() {
            let (listener, listening) = listen(free).await?;
            *address = listening;
            let router = provider_server::routes(&backends.providers[index]);
            tasks.push(serve(listener, router, stopped.clone()));
        }
        let app = App {
            service: Arc::clone(&service),
            health: health.clone(),
            addresses: provider_addresses.map(|(_, address)| address),
            stopped: stopped.clone(),
            sockets: websocket::places(),
        };
        tasks.push(serve(listener, routes::routes(&app), stopped.clone()));
        tasks.extend(arrivals::start(&service, &stopped));
        health.started();
        Ok(DemoHandle {
            scrape_address,
            provider_addresses,
            app,
            stop,
            tasks,
        })
    }
}

impl DemoHandle {
    /// The daemon as it is now.
    #[must_use]
    pub fn state(&self) -> DemoState {
        state::of(&self.app)
    }

    /// A `prometheus.yml` with probes of the daemon and its providers. It scrapes the daemon into the series of the
    /// history that [`crate::backfill`] writes by default, evaluates the rules in `rule_file`, and tells the daemon
    /// of alerts.
    #[must_use]
    pub fn config(&self, rule_file: &str) -> String {
        config::config(self.scrape_address, &self.provider_addresses, rule_file)
    }

    /// Takes no more requests, gives those that run two seconds to end, and returns when all is over.
    pub async fn shutdown(self) {
        self.app.health.begin_drain();
        // Nobody listens any more where the tasks have ended already.
        self.stop.send_replace(true);
        self.app.service.pool.drain(DRAIN).await;
        for task in self.tasks {
            // A task that panicked has ended as well.
            drop(task.await);
        }
        self.app.health.stop();
        let telemetry = self.app.service.backends().telemetry.clone();
        let flushed = tokio::task::spawn_blocking(move || telemetry.flush(DRAIN)).await;
        if let Ok(Err(error)) = flushed {
            tracing::warn!("the last events of the demo are not written: {error}");
        }
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), DemoError> {
    let fail = |source| DemoError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(fail)?;
    let listening = listener.local_addr().map_err(fail)?;
    Ok((listener, listening))
}

fn serve(listener: TcpListener, router: Router, stopped: watch::Receiver<bool>) -> JoinHandle<()> {
    let serving = axum::serve(listener, router).with_graceful_shutdown(until(stopped.clone()));
    tokio::spawn(async move {
        let stopping = async {
            until(stopped).await;
            tokio::time::sleep(DRAIN).await;
        };
        // A server that was bound ends with an error only when it is stopped; a connection that stays
        // open is not waited for.
        tokio::select! {
            _ = serving => {}
            () = stopping => {}
        }
    })
}

/// Waits until the daemon is told to end.
async fn until(mut stopped: watch::Receiver<bool>) {
    // The sender is gone when the handle was dropped: that is a stop too.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

#[cfg(test)]
mod tests;
