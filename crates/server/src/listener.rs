//! Accepts connections and serves them until told to stop.
//!
//! ## Invariants
//! At most `connections_max` connections are open over all listeners; more wait in the kernel. On
//! stop the listeners close at once, connections finish what they answer, and what is not finished
//! within the grace is cut off.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower::ServiceExt;

use crate::front_proxy::Peer;
use crate::own_metrics::InFlight;
use crate::settings::Limits;
use crate::tls::LoadedTls;

/// How long a TLS handshake may take. Chosen: a slow link needs 2 s.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait after the system refused to accept, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The TLS configuration in force, if any.
pub(crate) type SharedTls = Option<Arc<arc_swap::ArcSwap<LoadedTls>>>;

/// What all listeners share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) http2: bool,
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) open: Arc<bellwether_telemetry::Gauge>,
    pub(crate) stopping: watch::Receiver<bool>,
}

/// Serves `router` on `listener` until the server stops.
pub(crate) async fn serve(listener: TcpListener, router: Router, tls: SharedTls, shared: Shared) {
    let mut stopping = shared.stopping.clone();
    let graceful = GracefulShutdown::new();
    let builder = Arc::new(connection_builder(&shared));
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => break,
            accepted = accept(&listener, &shared.connections) => accepted,
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Answers are written whole; waiting for more to send only adds delay.
        stream.set_nodelay(true).ok();
        let open = InFlight::enter(&shared.open);
        let router = router.clone();
        let service_for = move |shown: Option<Peer>| {
            hyper::service::service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(ConnectInfo(peer));
                if let Some(shown) = shown {
                    request.extensions_mut().insert(shown);
                }
                let router = router.clone();
                async move {
                    let request: Request = request.map(axum::body::Body::new);
                    router.oneshot(request).await
                }
            })
        };
        let watcher = graceful.watcher();
        let builder = Arc::clone(&builder);
        let tls = tls.as_ref().map(|tls| tls.load_full());
        tokio::spawn(async move {
            let _held = (permit, open);
            match tls {
                None => drive(&builder, TokioIo::new(stream), service_for(None), watcher).await,
                Some(tls) => {
                    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&tls.config));
                    match tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await {
                        Ok(Ok(stream)) => {
                            let certificates = stream.get_ref().1.peer_certificates();
                            let shown = certificates.and_then(|it| tls.peers.peer(it));
                            let service = service_for(shown);
                            drive(&builder, TokioIo::new(stream), service, watcher).await;
                        }
                        Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
                        Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
                    }
                }
            }
        });
    }
    drop(listener);
    let grace = Duration::from_millis(shared.limits.shutdown_grace_ms);
    if tokio::time::timeout(grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(
            grace_ms = shared.limits.shutdown_grace_ms,
            "connections were cut off"
        );
    }
}

async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> std::io::Result<(
    tokio::net::TcpStream,
    std::net::SocketAddr,
    tokio::sync::OwnedSemaphorePermit,
)> {
    let permit = Arc::clone(connections)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

fn connection_builder(shared: &Shared) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    let read_timeout = Duration::from_millis(shared.limits.read_timeout_ms);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(read_timeout)
        // The read buffer also bounds the head; hyper takes nothing below 8 KiB.
        .max_buf_size(shared.limits.header_bytes_max.max(8 << 10));
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .max_concurrent_streams(250)
        .max_header_list_size(u32::try_from(shared.limits.header_bytes_max).unwrap_or(u32::MAX))
        .adaptive_window(true);
    if shared.http2 {
        builder
    } else {
        builder.http1_only()
    }
}

async fn drive<I, S, F, E>(
    builder: &auto::Builder<TokioExecutor>,
    io: TokioIo<I>,
    service: S,
    watcher: hyper_util::server::graceful::Watcher,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: hyper::service::Service<
            hyper::Request<hyper::body::Incoming>,
            Response = axum::response::Response,
            Future = F,
            Error = E,
        > + Send
        + 'static,
    F: Future<Output = Result<axum::response::Response, E>> + Send + 'static,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connection = builder
        .serve_connection_with_upgrades(io, service)
        .into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
