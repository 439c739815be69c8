//! A service of axum that is watched: requests, health, metrics, and a trace through all of it.
//!
//! `cargo run -p bellwether-sdk --features axum,tower --example axum_service [-- --seconds N]`
//!
//! It prints its address and asks itself a few times a second, so that there is something to see:
//!
//! - `curl -s $ADDRESS/metrics | grep http_server`: requests by route and status, never by path.
//! - `curl -si $ADDRESS/readyz?verbose`: the probe of the shelf, which is empty now and then.
//! - `curl -s -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' $ADDRESS/books/7`:
//!   the event that this prints has the trace id of the request.
#![expect(clippy::print_stdout, reason = "a command line tool talks")]

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use bellwether_sdk::health::{HealthRegistry, Outcome, ProbeSettings, routes};
use bellwether_sdk::http::HttpLayer;
use bellwether_sdk::{Event, Level, SERIES_MAX_DEFAULT, Settings, Sink, Telemetry, metrics_routes};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use support::Answer;

/// Prints events. A service would name a file in TELEMETRY_FILE.
#[derive(Debug)]
struct Printer;

impl Sink for Printer {
    fn take(&self, event: &Event<'_>) {
        println!("{:032x} {} {}", event.trace_id, event.name, event.payload);
    }
}

/// What the handlers share.
#[derive(Debug)]
struct Shelf {
    telemetry: Telemetry,
    /// Books that are there.
    left: AtomicU64,
}

async fn book(State(shelf): State<Arc<Shelf>>, Path(id): Path<u64>) -> (StatusCode, Json<Value>) {
    let took = |left: u64| left.checked_sub(1);
    match shelf
        .left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, took)
    {
        Ok(_) => (StatusCode::OK, Json(json!({ "book": id }))),
        Err(_) => {
            let event = json!({ "book": id });
            shelf.telemetry.emit("book_missing", event, Level::Warning);
            (StatusCode::NOT_FOUND, Json(json!({ "missing": id })))
        }
    }
}

/// Serves until `end` and fills the shelf that often; says where as soon as it does.
pub(crate) async fn run(
    end: impl Future<Output = Answer> + Send + 'static,
    fills_each: Duration,
    ready: impl FnOnce(SocketAddr),
) -> Answer {
    // A service would have `Telemetry::start(&Settings::from_env()?)?` here: off, unless it is wanted.
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    telemetry.add_sink(Arc::new(Printer));
    let shelf = Arc::new(Shelf {
        telemetry: telemetry.clone(),
        left: AtomicU64::new(50),
    });
    let looked_at = Arc::clone(&shelf);
    let probe = ProbeSettings {
        interval: Some(Duration::from_millis(200)),
        ..ProbeSettings::new("shelf")
    };
    let health = HealthRegistry::builder(&Settings::from_env()?)
        .telemetry(&telemetry)
        .probe(probe, move || {
            let left = looked_at.left.load(Ordering::Relaxed);
            async move {
                match left {
                    0 => Outcome::degraded("the shelf is empty"),
                    _ => Outcome::up(),
                }
            }
        })
        .start()?;
    let router = Router::new()
        .route("/books/{id}", get(book))
        .with_state(Arc::clone(&shelf))
        .layer(HttpLayer::new(&telemetry))
        .merge(routes(&health))
        .merge(metrics_routes(&telemetry));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let filling = tokio::spawn(fill(shelf, fills_each));
    health.started();
    ready(address);
    let draining = health.clone();
    let ending = async move {
        if let Err(error) = end.await {
            println!("ends at once: {error}");
        }
        // Whoever sends requests hears of the end before it comes.
        draining.begin_drain();
    };
    let served = axum::serve(listener, router)
        .with_graceful_shutdown(ending)
        .await;
    filling.abort();
    health.stop();
    telemetry.flush(Duration::from_secs(5))?;
    Ok(served?)
}

/// Puts books onto the shelf again when it has been empty for a while.
async fn fill(shelf: Arc<Shelf>, each: Duration) {
    loop {
        tokio::time::sleep(each).await;
        let empty = shelf
            .left
            .compare_exchange(0, 50, Ordering::Relaxed, Ordering::Relaxed);
        if empty.is_ok() {
            shelf
                .telemetry
                .emit("shelf_filled", json!({ "books": 50 }), Level::Info);
        }
    }
}

/// Asks for a book now and then.
async fn ask(address: SocketAddr) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for number in 0.. {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        let request =
            format!("GET /books/{number} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        stream.read_to_end(&mut Vec::new()).await?;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Answer {
    let end = support::end(support::seconds()?);
    run(end, Duration::from_secs(2), |address| {
        println!("http://{address}/metrics");
        tokio::spawn(ask(address));
    })
    .await
}
