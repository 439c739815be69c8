//! `demo`: the server with a sample AI service to look at, and a day of its past.

use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use bellwether_demo::{Demo as Daemon, DemoOptions, HistoryOptions, backfill};
use bellwether_scrape::exposition::Format;
use bellwether_scrape::settings::ScrapeSettings;
use bellwether_scrape::{InternalBody, InternalSource};
use bellwether_storage::{Clock as _, SystemClock};
use bellwether_telemetry::Registry;
use clap::Parser as _;

use crate::arguments::{Arguments, Command, Demo};
use crate::serve::{Program, Signals};
use crate::{logging, wiring};

/// How often the server looks at itself, in milliseconds.
const SELF_INTERVAL_MS: i64 = 15_000;

/// Runs server and daemon until told to stop.
pub(crate) fn run(flags: &Demo) -> Result<()> {
    logging::start(Some("warn"), None)?;
    let scratch = match &flags.data {
        Some(_) => None,
        None => Some(tempfile::tempdir().context("cannot make a temporary folder")?),
    };
    let folder = match (&flags.data, &scratch) {
        (Some(folder), _) => folder.as_path(),
        (None, Some(scratch)) => scratch.path(),
        (None, None) => Path::new("data"),
    };
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(flags, folder))
}

async fn serve(flags: &Demo, folder: &Path) -> Result<()> {
    let config_file = folder.join("demo.yml");
    std::fs::write(&config_file, "scrape_configs: []\n")
        .with_context(|| format!("cannot write {}", config_file.display()))?;
    // The demo's server is an ordinary one: it takes the same flags.
    let (config_text, data_text) = (config_file.to_string_lossy(), folder.join("store"));
    let data_text = data_text.to_string_lossy();
    let line = [
        "bellwether",
        "serve",
        "--config",
        &config_text,
        "--data",
        &data_text,
        "--listen",
    ];
    let arguments = Arguments::try_parse_from(line.into_iter().chain([flags.listen.as_str()]))?;
    let Command::Serve(serve) = arguments.command else {
        anyhow::bail!("not a server")
    };
    let loaded = wiring::load(&config_file, &[], None)?;
    let registry = Registry::new();
    let program = Program::start(&serve, loaded, registry.clone()).await?;

    say(&format!("writing {} hours of history …", flags.history));
    let history = {
        let store = Arc::clone(&program.store);
        let options = HistoryOptions {
            seed: flags.seed,
            span_ms: i64::from(flags.history.max(1)) * 3_600_000,
            ..HistoryOptions::default()
        };
        tokio::task::spawn_blocking(move || {
            backfill(store.as_ref(), SystemClock.now_ms(), &options)
        })
        .await??
    };
    say(&format!(
        "{} samples of {} series",
        history.sample_count, history.series_count
    ));
    let options = DemoOptions {
        seed: flags.seed,
        worker_count: history.worker_count,
        folder: Some(folder.to_owned()),
        has_recurring_faults: !flags.no_faults,
        ..DemoOptions::default()
    };
    let daemon = Daemon::start(&options, Arc::new(SystemClock)).await?;
    let rule_file = folder.join("rules.yml");
    std::fs::write(&rule_file, bellwether_demo::RULES)
        .with_context(|| format!("cannot write {}", rule_file.display()))?;
    let dashboards = folder.join("dashboards");
    std::fs::create_dir_all(&dashboards)
        .with_context(|| format!("cannot make the folder {}", dashboards.display()))?;
    for (name, text) in bellwether_demo::DASHBOARDS {
        let file = dashboards.join(name);
        std::fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    let mut config = daemon.config("rules.yml");
    config.push_str("dashboards: [\"dashboards/*.yml\"]\n");
    std::fs::write(&config_file, config)
        .with_context(|| format!("cannot write {}", config_file.display()))?;
    program.reload().await?;
    watch_itself(&program, registry).await?;
    let signals = Signals::taken()?;
    println!(
        "Bellwether is running at http://{}  (Ctrl-C stops it)",
        program.address
    );

    program.until_told(signals).await;
    daemon.shutdown().await;
    program.stop().await
}

/// The server's and the machine's own numbers become series too.
async fn watch_itself(program: &Program, registry: Registry) -> Result<()> {
    let mut job = ScrapeSettings::new("bellwether");
    job.interval_ms = SELF_INTERVAL_MS;
    job.timeout_ms = SELF_INTERVAL_MS;
    let source = InternalSource::new(move || {
        let text = registry.render(bellwether_telemetry::Format::Prometheus);
        Ok(InternalBody {
            bytes: text.into_bytes(),
            format: Format::PrometheusText,
        })
    });
    Ok(program.manager().add_internal(job, source).await?)
}

/// Tells how it is going, to people only.
fn say(text: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("{text}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use bellwether_config::load_dashboard_text;

    #[test]
    fn its_dashboards_are_in_order() {
        for (name, text) in bellwether_demo::DASHBOARDS {
            let loaded = load_dashboard_text(text, Path::new(name));
            let dashboard = loaded.unwrap_or_else(|errors| panic!("{errors}")).dashboard;
            assert!(dashboard.uid.starts_with("demo-"), "{name}");
        }
    }
}
