//! Runs the daemon alone, to try scrapers and probes on it. It ends when its standard input does.
//!
//! `cargo run --release -p bellwether-demo --example daemon -- 127.0.0.1:9464`

#![expect(clippy::print_stdout, reason = "a person reads the address")]

use std::sync::Arc;

use bellwether_demo::{Demo, DemoError, DemoOptions};
use bellwether_storage::SystemClock;
use tokio::io::AsyncReadExt as _;

#[tokio::main]
async fn main() -> Result<(), DemoError> {
    let listen = std::env::args()
        .nth(1)
        .and_then(|listen| listen.parse().ok());
    let usual = DemoOptions::default();
    let options = DemoOptions {
        listen: listen.unwrap_or(usual.listen),
        ..usual
    };
    let daemon = Demo::start(&options, Arc::new(SystemClock)).await?;
    println!("{}", daemon.config("crates/demo/rules.yml"));
    let mut input = Vec::new();
    // An input that cannot be read has ended as well.
    drop(
        tokio::io::stdin()
            .take(1 << 20)
            .read_to_end(&mut input)
            .await,
    );
    daemon.shutdown().await;
    Ok(())
}
