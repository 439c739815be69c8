//! The web UI in a real browser: suites of `clients/ui`, each against a server of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bellwether_blackbox::peer::output;
use bellwether_blackbox::remote_write::Sample;
use bellwether_blackbox::{Server, eventually, free_port, now_ms, remote_write, root};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// One browser at a time: two on two cores make each other's waits long, and nothing is sooner.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The runner of suites.
fn suite(name: &str, url: &str) -> Result<Command> {
    let modules = std::env::var_os("NODE_PATH")
        .context("NODE_PATH is not set: run these tests by `cargo xtask blackbox`")?;
    let mut command = Command::new("node");
    command
        .arg(root().join("tests/clients/ui/run.mjs"))
        .args([url, name])
        .env("NODE_PATH", modules)
        .kill_on_drop(true);
    if let Some(folder) = std::env::var_os("BELLWETHER_SHOTS") {
        command.arg(folder);
    }
    Ok(command)
}

async fn passes(name: &str, url: &str) -> Result<()> {
    let printed = output(&mut suite(name, url)?).await?;
    // Clicks, seconds and bytes that it told.
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ui-{name}.txt"));
    std::fs::write(file, &printed)?;
    ensure!(printed.contains(&format!("{name}: ok")), "{printed}");
    Ok(())
}

/// A demo whose budgets, forecasts and scaler have been counted once; nothing in it fails by itself.
async fn demo() -> Result<Server> {
    let server = Server::demo(&["--history", "24", "--no-faults"]).await?;
    eventually(
        "the demo is scraped, and its objectives are there",
        || async {
            let up = server.value("count(up == 1)").await?;
            let (_, objectives) = server.get("/api/bellwether/v1/objectives", &[]).await?;
            ensure!(
                up >= 1.0 && objectives.contains(r#""left":0."#),
                "{objectives}"
            );
            Ok(())
        },
    )
    .await?;
    Ok(server)
}

#[tokio::test]
async fn every_page_is_whole_at_every_size_and_in_both_colours() -> Result<()> {
    let _turn = TURN.lock().await;
    let server = demo().await?;
    passes("weight", &server.url).await?;
    passes("pages", &server.url).await
}

#[tokio::test]
async fn every_page_is_used() -> Result<()> {
    let _turn = TURN.lock().await;
    let server = demo().await?;
    passes("interact", &server.url).await
}

#[tokio::test]
async fn dialogues_are_accessible_and_give_the_focus_back() -> Result<()> {
    let _turn = TURN.lock().await;
    let server = demo().await?;
    passes("dialogues", &server.url).await
}

#[tokio::test]
async fn a_new_user_finds_what_is_looked_for() -> Result<()> {
    let _turn = TURN.lock().await;
    let server = demo().await?;
    passes("tasks", &server.url).await?;
    let config = "
scrape_configs:
  - job_name: services
    scrape_interval: 1s
    static_configs: [{ targets: ['127.0.0.1:1'] }, { targets: ['10.0.0.1:80'], labels: { stage: staging } }]
    relabel_configs: [{ source_labels: [stage], regex: staging, action: drop }]
";
    let server = Server::start(config, &[]).await?;
    passes("missing", &server.url).await
}

#[tokio::test]
async fn pages_live_through_a_restart_of_their_server() -> Result<()> {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir()?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let config = "scrape_configs: []";
    let server = Server::start_at(folder.path(), &address, config, &[]).await?;
    let mut browser = suite("restart", &server.url)?
        .stdout(Stdio::piped())
        .spawn()?;
    let mut lines = BufReader::new(browser.stdout.take().context("no output")?).lines();
    let mut server = Some(server);
    let mut is_ok = false;
    let limit = Duration::from_secs(150);
    while let Some(line) = tokio::time::timeout(limit, lines.next_line()).await?? {
        match line.as_str() {
            "READY" => server.take().context("killed twice")?.kill().await?,
            "GONE" => {
                let again = Server::start_at(folder.path(), &address, config, &[]);
                server = Some(again.await?);
            }
            "restart: ok" => is_ok = true,
            other => bail!("{other}"),
        }
    }
    ensure!(browser.wait().await?.success() && is_ok, "the suite failed");
    Ok(())
}

/// Markup, text that turns its direction, a very long one, a null byte, and what looks like code to a query.
fn hostile() -> [(&'static str, String); 5] {
    [
        (
            "markup",
            "<img src=x onerror=alert(1)><script>alert(2)</script>".to_owned(),
        ),
        ("bidi", "abc\u{202e}drowssap\u{2066}xyz".to_owned()),
        ("long", "long ".repeat(2_000)),
        ("null", "before\0after".to_owned()),
        (
            "quotes",
            "\"}) or vector(1) # \\ \n {{ $labels }} %2F ../..".to_owned(),
        ),
    ]
}

#[tokio::test]
async fn hostile_texts_are_shown_as_text() -> Result<()> {
    let _turn = TURN.lock().await;
    let folder = tempfile::tempdir()?;
    let rules = "
groups:
  - name: \"<b>group</b>\"
    interval: 1s
    rules:
      - alert: Hostile
        expr: hostile_metric > 0
        labels: { severity: '<i>critical</i>' }
        annotations:
          summary: '<script>alert(3)</script> {{ $labels.markup }} {{ $labels.bidi }}'
          description: '[link](javascript:alert(4)) {{ $labels.long }}'
          runbook_url: 'javascript:alert(5)'
";
    std::fs::write(folder.path().join("rules.yml"), rules)?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let config = "rule_files: [rules.yml]\nnotifications: { route: { receiver: none }, receivers: [{ name: none }] }";
    let server = Server::start_at(folder.path(), &address, config, &[]).await?;
    let texts = hostile();
    let mut labels = vec![("__name__", "hostile_metric")];
    labels.extend(texts.iter().map(|(name, text)| (*name, text.as_str())));
    labels.sort_unstable();
    let now_ms = now_ms();
    let sample = |at: i64| Sample {
        labels: &labels,
        time_ms: now_ms - at * 5_000,
        value: 1.0,
    };
    let samples: Vec<Sample<'_>> = (0..60).rev().map(sample).collect();
    let (status, text) = server.write(remote_write::request(&samples)).await?;
    ensure!((200..300).contains(&status), "{status}: {text}");
    eventually("the alert fires", || async {
        let (_, alerts) = server.get("/am/api/v2/alerts", &[]).await?;
        ensure!(alerts.contains("Hostile"), "{alerts}");
        Ok(())
    })
    .await?;
    passes("hostile", &server.url).await
}
