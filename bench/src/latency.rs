//! How long it takes from a scrape that shows a fault to the webhook that tells of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use axum::extract::State;
use parking_lot::Mutex;

use crate::peer::{Kind, Server};
use crate::report::Table;

/// Faults that begin with each scrape.
const FAULTS_A_SCRAPE: usize = 10;
/// How long is waited for the last webhooks.
const PATIENCE: Duration = Duration::from_secs(120);

/// When faults were first shown, and when they were told of.
#[derive(Debug, Default)]
struct Faults {
    count: usize,
    /// Faults that are shown, each since when.
    shown: Vec<Instant>,
    told: BTreeMap<usize, Instant>,
    is_begun: bool,
}

type Shared = Arc<Mutex<Faults>>;

/// Faults, ten with each scrape a second: rules at 500 ms, no `for`, no `group_wait`. The servers take
/// turns.
pub(crate) async fn run(kinds: &[Kind], folder: &Path, count: usize) -> Result<Table> {
    let mut table = Table::new(
        &format!("Alert latency: {count} faults, scraped each second, rules every 500 ms"),
        &["server", "p50, ms", "p99, ms", "max, ms", "told of"],
    );
    for &kind in kinds {
        if kind == Kind::VictoriaMetrics {
            continue;
        }
        let mut times = run_one(kind, &folder.join(kind.name()), count).await?;
        times.sort_unstable();
        let at = |part: usize| times.get((times.len() * part / 100).min(times.len().max(1) - 1));
        let ms = |time: Option<&Duration>| time.map_or(-1.0, |time| time.as_secs_f64() * 1e3);
        let name = match kind {
            Kind::Prometheus => "Prometheus with Alertmanager",
            kind => kind.name(),
        };
        let row = [ms(at(50)), ms(at(99)), ms(times.last())];
        eprintln!(
            "{name}: p50 {:.0} ms, p99 {:.0} ms, max {:.0} ms",
            row[0], row[1], row[2]
        );
        table.row([
            name.to_owned(),
            format!("{:.0}", row[0]),
            format!("{:.0}", row[1]),
            format!("{:.0}", row[2]),
            format!("{} of {count}", times.len()),
        ]);
    }
    table.note(
        "From the answer to the scrape that shows a fault for the first time to the arrival of the \
         webhook that names it; the wait for the next turn of the rules, 0 to 500 ms, is in it.",
    );
    Ok(table)
}

async fn run_one(kind: Kind, folder: &Path, count: usize) -> Result<Vec<Duration>> {
    std::fs::create_dir_all(folder)?;
    let faults: Shared = Arc::new(Mutex::new(Faults {
        count,
        ..Faults::default()
    }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = axum::Router::new()
        .route("/metrics", axum::routing::get(expose))
        .route("/hook", axum::routing::post(hook))
        .with_state(Arc::clone(&faults));
    let exposer = tokio::spawn(async move { axum::serve(listener, router).await });
    let rules = folder.join("rules.yml");
    std::fs::write(
        &rules,
        "groups: [{ name: faults, interval: 500ms, rules: [{ alert: Fault, expr: fault == 1 }] }]\n",
    )?;
    let notifications = format!(
        "route: {{ receiver: hook, group_by: [number], group_wait: 0s, group_interval: 5m, repeat_interval: 4h }}\n\
         receivers: [{{ name: hook, webhook_configs: [{{ url: 'http://{address}/hook', send_resolved: false }}] }}]\n"
    );
    let mut config = format!(
        "global: {{ scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }}\n\
         rule_files: ['{}']\n\
         scrape_configs: [{{ job_name: faults, static_configs: [{{ targets: ['{address}'] }}] }}]\n",
        rules.display()
    );
    let manager = match kind {
        Kind::Prometheus => {
            let (process, address) = alertmanager(folder, &notifications).await?;
            writeln!(
                config,
                "alerting: {{ alertmanagers: [{{ static_configs: [{{ targets: ['{address}'] }}] }}] }}"
            )?;
            Some(process)
        }
        _ => {
            let file = folder.join("alertmanager.yml");
            std::fs::write(&file, &notifications)?;
            writeln!(config, "notifications: '{}'", file.display())?;
            None
        }
    };
    let server = Server::start(kind, folder, &config).await?;
    tokio::time::sleep(Duration::from_secs(10)).await;
    faults.lock().is_begun = true;
    let begun = Instant::now();
    let all_shown = Duration::from_secs((count / FAULTS_A_SCRAPE) as u64);
    while faults.lock().told.len() < count && begun.elapsed() < all_shown + PATIENCE {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    server.stop().await?;
    if let Some(mut manager) = manager {
        manager.kill().await?;
    }
    exposer.abort();
    let faults = faults.lock();
    let times = faults.told.iter().filter_map(|(number, told)| {
        let shown = faults.shown.get(*number)?;
        Some(told.saturating_duration_since(*shown))
    });
    Ok(times.collect())
}

/// Debian's Alertmanager on a free port.
async fn alertmanager(folder: &Path, config: &str) -> Result<(tokio::process::Child, String)> {
    let file = folder.join("alertmanager.yml");
    std::fs::write(&file, config)?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .port();
    let address = format!("127.0.0.1:{port}");
    let log = std::fs::File::create(folder.join("alertmanager.log"))?;
    let process = tokio::process::Command::new("prometheus-alertmanager")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!(
            "--storage.path={}",
            folder.join("manager").display()
        ))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=")
        .stdout(log.try_clone()?)
        .stderr(log)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start prometheus-alertmanager")?;
    let client = reqwest::Client::builder().build()?;
    for _ in 0..200 {
        let ready = client.get(format!("http://{address}/-/ready")).send().await;
        if ready.is_ok_and(|answer| answer.status().is_success()) {
            return Ok((process, address));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("prometheus-alertmanager is not ready after 20 s")
}

async fn expose(State(faults): State<Shared>) -> String {
    let mut faults = faults.lock();
    if faults.is_begun {
        let more = (faults.shown.len() + FAULTS_A_SCRAPE).min(faults.count);
        let now = Instant::now();
        faults.shown.resize(more, now);
    }
    let mut text = String::with_capacity(faults.count * 24);
    for number in 0..faults.count {
        let value = u8::from(number < faults.shown.len());
        writeln!(text, "fault{{number=\"{number}\"}} {value}").ok();
    }
    text
}

async fn hook(State(faults): State<Shared>, axum::Json(message): axum::Json<serde_json::Value>) {
    let now = Instant::now();
    let mut faults = faults.lock();
    for alert in message["alerts"].as_array().into_iter().flatten() {
        let number = alert["labels"]["number"].as_str();
        if let Some(number) = number.and_then(|text| text.parse().ok()) {
            faults.told.entry(number).or_insert(now);
        }
    }
}
