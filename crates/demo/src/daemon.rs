//! The daemon as a real HTTP server: `/metrics` for scrapers, `/state` for pages, `/healthz`, and `/hook`
//! for notifications of alerts, as a chat would take them.
//!
//! ## Model
//! The simulation follows the clock: once a second, and whenever somebody asks. One lock guards it;
//! nobody waits for anything while holding it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bellwether_storage::Clock;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::backfill::{INSTANCE, JOB};
use crate::exposition::{Format, render};
use crate::{DemoError, DemoState, Simulation};

/// Starts daemons.
#[derive(Debug)]
pub struct Demo;

/// A running daemon. It stops when this is dropped, and in order with [`DemoHandle::shutdown`].
#[derive(Debug)]
pub struct DemoHandle {
    /// Where `/metrics` is.
    pub scrape_address: SocketAddr,
    daemon: Arc<Daemon>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Daemon {
    clock: Arc<dyn Clock>,
    simulation: Mutex<Simulation>,
}

impl Daemon {
    /// Lets the simulation come to the present and looks at it.
    fn look<T>(&self, look: impl FnOnce(&Simulation) -> T) -> T {
        let mut simulation = self.simulation.lock();
        simulation.advance_to(self.clock.now_ms());
        look(&simulation)
    }
}

impl Demo {
    /// Starts a daemon that continues `simulation` on `listen`; port 0 takes any free one.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub async fn start(
        listen: SocketAddr,
        clock: Arc<dyn Clock>,
        simulation: Simulation,
    ) -> Result<DemoHandle, DemoError> {
        let fail = |source| DemoError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(fail)?;
        let scrape_address = listener.local_addr().map_err(fail)?;
        let daemon = Arc::new(Daemon {
            clock,
            simulation: Mutex::new(simulation),
        });
        let (stop, stopped) = watch::channel(false);
        let router = Router::new()
            .route("/metrics", get(metrics))
            .route("/state", get(state))
            .route("/healthz", get(|| async { "ok\n" }))
            .route("/hook", post(|| async { "taken\n" }))
            .with_state(Arc::clone(&daemon));
        let serve = axum::serve(listener, router).with_graceful_shutdown(until(stopped.clone()));
        let follow = follow(Arc::clone(&daemon), stopped);
        let tasks = vec![
            tokio::spawn(async move {
                // A server that was bound ends with an error only when it is stopped.
                drop(serve.await);
            }),
            tokio::spawn(follow),
        ];
        Ok(DemoHandle {
            scrape_address,
            daemon,
            stop,
            tasks,
        })
    }
}

impl DemoHandle {
    /// The daemon as it is now.
    #[must_use]
    pub fn state(&self) -> DemoState {
        self.daemon.look(DemoState::of)
    }

    /// A `prometheus.yml` that scrapes this daemon into the series of the history that
    /// [`crate::backfill`] writes by default, evaluates the rules in `rule_file`, and tells the daemon of
    /// alerts.
    #[must_use]
    pub fn config(&self, rule_file: &str) -> String {
        let address = self.scrape_address;
        format!(
            "scrape_configs:\n\
             \x20 - job_name: {JOB}\n\
             \x20   scrape_interval: 15s\n\
             \x20   scrape_native_histograms: true\n\
             \x20   always_scrape_classic_histograms: true\n\
             \x20   static_configs:\n\
             \x20     - targets: [\"{address}\"]\n\
             \x20       labels:\n\
             \x20         instance: {INSTANCE}\n\
             rule_files: [{rule_file:?}]\n\
             notifications:\n\
             \x20 route:\n\
             \x20   receiver: demo-chat\n\
             \x20   group_by: [alertname]\n\
             \x20   group_wait: 5s\n\
             \x20 receivers:\n\
             \x20   - name: demo-chat\n\
             \x20     webhook_configs:\n\
             \x20       - url: http://{address}/hook\n"
        )
    }

    /// Stops taking requests, lets those that run end, and returns when all is over.
    pub async fn shutdown(self) {
        // Nobody listens any more where the tasks have ended already.
        self.stop.send_replace(true);
        for task in self.tasks {
            // A task that panicked has ended as well.
            drop(task.await);
        }
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // The sender is gone when the handle was dropped: that is a stop too.
    drop(stopped.wait_for(|stopped| *stopped).await);
}

/// Keeps the simulation near the present, so that no scrape has much to catch up.
async fn follow(daemon: Arc<Daemon>, stopped: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let stop = until(stopped);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            _ = ticks.tick() => daemon.look(|_| ()),
        }
    }
}

async fn metrics(State(daemon): State<Arc<Daemon>>, headers: HeaderMap) -> Response {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    let format = Format::for_accept(accept.unwrap_or(""));
    let families = daemon.look(Simulation::families);
    let body = render(&families, format);
    ([(header::CONTENT_TYPE, format.content_type())], body).into_response()
}

async fn state(State(daemon): State<Arc<Daemon>>) -> Json<DemoState> {
    Json(daemon.look(DemoState::of))
}

#[cfg(test)]
mod tests;
