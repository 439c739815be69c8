//! The demo: a living system, with its past.

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::peer::output;
use bellwether_blackbox::{Server, eventually, root};
use tokio::process::Command;

#[tokio::test]
async fn the_demo_lives_and_the_page_shows_it() -> Result<()> {
    let server = Server::demo(&["--history", "24"]).await?;
    eventually("the daemon is scraped", || async {
        let up = server.value(r#"count(up == 1)"#).await?;
        ensure!(up >= 1.0, "{up} targets are up");
        Ok(())
    })
    .await?;
    // A day of history is there at once, without holes and without a reset where live data begins.
    let hours = server
        .value("count(max_over_time((sum(rate(gen_ai_client_operation_duration_seconds_count[5m])) > bool 0)[24h:1h]))")
        .await?;
    assert_eq!(hours, 1.0);
    let covered = server
        .value("count_over_time((sum(rate(gen_ai_client_operation_duration_seconds_count[5m])) > 0)[23h:1h])")
        .await?;
    assert!(covered >= 22.0, "{covered} of 23 hours have requests");
    let resets = server
        .query("resets(sum(gen_ai_client_operation_duration_seconds_count)[1h:15s]) > 0")
        .await?;
    assert!(resets.is_empty(), "{resets:?}");

    let modules = std::env::var_os("NODE_PATH")
        .context("NODE_PATH is not set: run these tests by `cargo xtask blackbox`")?;
    let script = root().join("tests/clients/page.mjs");
    let printed = output(
        Command::new("node")
            .arg(script)
            .arg(&server.url)
            .env("NODE_PATH", modules),
    )
    .await?;
    assert!(printed.contains("page: ok"), "{printed}");
    Ok(())
}
