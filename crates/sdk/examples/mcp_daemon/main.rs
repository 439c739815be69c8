//! An AI daemon that is watched: MCP over HTTP and WebSocket, two providers of models, two tools.
//!
//! `cargo run -p bellwether-sdk --features axum,tower --example mcp_daemon [-- --seconds N]`
//!
//! It starts two providers on the loopback itself, of which `meridian` goes down for ten seconds of each
//! thirty, and asks itself some twenty questions a second. What to look at, at the address it prints:
//!
//! - `/healthz`: `meridian` is down with its reason and comes back; the daemon is degraded, not down,
//!   since `solstice` answers meanwhile. `/readyz`, `/livez`, `/startupz`.
//! - `/metrics`: `gen_ai_client_operation_duration_seconds` by provider and class of error,
//!   `gen_ai_client_inference_usage_output_tokens_total`, `circuit_breaker_state`, `worker_pool_workers`,
//!   `websocket_connections`, `http_server_request_duration_seconds`, `span_duration_seconds` of the tool `add`.
//! - `telemetry/events.jsonl` (or TELEMETRY_FILE): `breaker_changed`, `health_changed`, `pool_scaled`.
//! - `curl -s $ADDRESS/mcp -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'`, and the same messages over
//!   a WebSocket at `/ws`.
#![expect(clippy::print_stdout, reason = "a command line tool talks")]

mod answers;
mod daemon;
mod protocol;
pub(crate) mod providers;
#[path = "../support/mod.rs"]
mod support;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bellwether_sdk::{FileSettings, SERIES_MAX_DEFAULT, Telemetry};
use serde_json::json;

use answers::Answers;
use providers::{Outages, Provider};
use support::Answer;

/// How the daemon is run.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The file of events.
    pub(crate) events: PathBuf,
    /// When the first provider is down.
    pub(crate) outages: Outages,
    /// Time between two questions that it asks itself; `None`: it asks none.
    pub(crate) asks_each: Option<Duration>,
}

/// Serves until `end`; says where as soon as it does.
pub(crate) async fn run(
    options: Options,
    end: impl Future<Output = Answer>,
    ready: impl FnOnce(SocketAddr),
) -> Answer {
    // A daemon would have `Telemetry::start(&Settings::from_env()?)?` here: off, unless it is wanted.
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    telemetry.add_file(FileSettings::new(&options.events))?;
    let providers = vec![
        Provider::start("meridian", options.outages).await?,
        Provider::start("solstice", Outages::none()).await?,
    ];
    let answers = Answers::start(providers, &telemetry)?;
    let asking = options
        .asks_each
        .map(|pause| tokio::spawn(ask_oneself(answers.clone(), pause)));
    let ended = daemon::serve(&answers, &telemetry, end, ready).await;
    if let Some(asking) = asking {
        asking.abort();
    }
    let drained = answers.drain().await;
    println!("ended; {} questions were left", drained.left_count);
    telemetry.flush(Duration::from_secs(5))?;
    ended
}

async fn ask_oneself(answers: Answers, pause: Duration) {
    for number in 0_u64.. {
        let answers = answers.clone();
        tokio::spawn(async move {
            let question = json!({ "question": format!("What is {number} + {number}?") });
            // What becomes of it is counted.
            let _counted = answers.call_tool("ask", &question).await;
        });
        tokio::time::sleep(pause).await;
    }
}

#[tokio::main]
async fn main() -> Answer {
    let events = std::env::var_os("TELEMETRY_FILE");
    let events = events.unwrap_or_else(|| "telemetry/events.jsonl".into());
    let options = Options {
        events: Path::new(&events).to_owned(),
        outages: Outages {
            every: Duration::from_secs(30),
            length: Duration::from_secs(10),
        },
        asks_each: Some(Duration::from_millis(50)),
    };
    let end = support::end(support::seconds()?);
    run(options, end, |address| println!("http://{address}")).await
}
