//! The cost of evaluating rules, and whether their turns keep time.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use axum::extract::{Path as UrlPath, State};

use crate::peer::{Kind, Server};
use crate::report::{Table, ratio};

/// 100,000 series: so many metrics on so many targets.
const METRICS: usize = 2_000;
const TARGETS: usize = 50;
const RULES: usize = 10_000;
const GROUPS: usize = 500;
/// How long a server settles after its start and after it has got rules.
const SETTLE: Duration = Duration::from_secs(90);
/// The file of rules beside the configuration.
const RULE_FILE: &str = "rules.yml";

/// What one server used and missed.
struct Row {
    kind: Kind,
    without: f64,
    with: f64,
    missed: f64,
    failed: f64,
    evaluated: f64,
}

impl Row {
    fn rules_alone(&self) -> f64 {
        self.with - self.without
    }
}

/// 10,000 rules in 500 groups at 15 s over 100,000 scraped series; all servers at the same time. Each is
/// measured for some minutes without rules, then with them.
pub(crate) async fn run(kinds: &[Kind], folder: &Path, minutes: f64) -> Result<Table> {
    // VictoriaMetrics has its rules in another process.
    let kinds = kinds.iter().filter(|kind| **kind != Kind::VictoriaMetrics);
    let runs = kinds.map(|&kind| run_one(kind, folder.join(kind.name()), minutes));
    let rows = futures::future::try_join_all(runs).await?;
    let mut table = Table::new(
        &format!(
            "Rules: {RULES} rules in {GROUPS} groups at 15 s over 100,000 series for {minutes} min"
        ),
        &[
            "server",
            "CPU with rules",
            "to ours",
            "CPU without rules",
            "CPU of the rules",
            "rules evaluated",
            "turns missed",
            "evaluations failed",
        ],
    );
    let ours = rows.iter().find(|row| row.kind == Kind::Bellwether);
    let of_ours = ours.map_or(0.0, |row| row.with);
    if let (Some(ours), Some(peer)) = (ours, rows.iter().find(|r| r.kind == Kind::Prometheus)) {
        table.headline(
            "10,000 rules over 100,000 series at 15 s with their scrapes, cores",
            ours.with,
            peer.with,
            peer.kind.name(),
        );
    }
    for row in &rows {
        table.row([
            row.kind.name().to_owned(),
            format!("{:.3}", row.with),
            ratio(row.with, of_ours),
            format!("{:.3}", row.without),
            format!("{:.3}", row.rules_alone()),
            format!("{:.0}", row.evaluated),
            format!("{:.0}", row.missed),
            format!("{:.0}", row.failed),
        ]);
    }
    table.note(
        "CPU in cores, from /proc. Half of the rules record a rate over ten series of each job, half are \
         alerts, of which one in a hundred fires on fifty series. The servers ran at the same time.",
    );
    Ok(table)
}

async fn run_one(kind: Kind, folder: std::path::PathBuf, minutes: f64) -> Result<Row> {
    std::fs::create_dir_all(&folder)?;
    let scrapes = Arc::new(AtomicU64::new(0));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let router = axum::Router::new()
        .route("/metrics/{target}", axum::routing::get(expose))
        .with_state(scrapes);
    let exposer = tokio::spawn(async move { axum::serve(listener, router).await });
    let rule_file = folder.join(RULE_FILE);
    std::fs::write(&rule_file, "groups: []\n")?;
    let config = config(&address.to_string(), &rule_file);
    let server = Server::start(kind, &folder, &config).await?;
    tokio::time::sleep(SETTLE).await;
    let without = cores(&server, minutes / 2.0).await?;
    std::fs::write(&rule_file, rule_text())?;
    server.reload().await?;
    tokio::time::sleep(SETTLE).await;
    let before = numbers(&server).await?;
    let with = cores(&server, minutes).await?;
    let after = numbers(&server).await?;
    let row = Row {
        kind,
        without,
        with,
        missed: after[0] - before[0],
        failed: after[1] - before[1],
        evaluated: after[2] - before[2],
    };
    eprintln!(
        "{}: {without:.3} cores without rules, {with:.3} with; {} missed",
        kind.name(),
        row.missed
    );
    server.stop().await?;
    exposer.abort();
    Ok(row)
}

/// The cores that a server uses over some minutes.
async fn cores(server: &Server, minutes: f64) -> Result<f64> {
    let before = server.usage()?;
    tokio::time::sleep(Duration::from_secs_f64(minutes * 60.0)).await;
    let used = server.usage()?.cpu_seconds - before.cpu_seconds;
    Ok(used / (minutes * 60.0))
}

/// Turns missed, evaluations failed, evaluations, since the start.
async fn numbers(server: &Server) -> Result<[f64; 3]> {
    let url = format!("{}/metrics", server.url);
    let text = server.client.get(url).send().await?.text().await?;
    Ok([
        "prometheus_rule_group_iterations_missed_total",
        "prometheus_rule_evaluation_failures_total",
        "prometheus_rule_evaluations_total",
    ]
    .map(|name| sum(&text, name)))
}

/// The sum of a metric over its labels.
fn sum(text: &str, name: &str) -> f64 {
    text.lines()
        .filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
        })
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// Counters that grow, each with a rate of its own.
async fn expose(State(scrapes): State<Arc<AtomicU64>>, UrlPath(target): UrlPath<usize>) -> String {
    let count = scrapes.fetch_add(1, Ordering::Relaxed) / TARGETS as u64;
    let mut text = String::with_capacity(METRICS * 48);
    for metric in 0..METRICS {
        let value = count * (1 + (metric + target) as u64 % 7);
        writeln!(text, "metric_{metric}_total{{region=\"eu-1\"}} {value}").ok();
    }
    text
}

fn config(address: &str, rule_file: &Path) -> String {
    let mut config = format!(
        "global: {{ scrape_interval: 15s, scrape_timeout: 10s, evaluation_interval: 15s }}\n\
         rule_files: ['{}']\nscrape_configs:\n",
        rule_file.display()
    );
    for job in 0..5 {
        writeln!(config, "- job_name: job{job}\n  static_configs:").ok();
        for target in (0..TARGETS).filter(|target| target % 5 == job) {
            writeln!(
                config,
                "  - targets: ['{address}']\n    labels: {{ __metrics_path__: /metrics/{target}, instance: 'target-{target}' }}"
            )
            .ok();
        }
    }
    config
}

fn rule_text() -> String {
    let mut text = "groups:\n".to_owned();
    for index in 0..RULES {
        if index % (RULES / GROUPS) == 0 {
            writeln!(
                text,
                "- name: group{}\n  interval: 15s\n  rules:",
                index / (RULES / GROUPS)
            )
            .ok();
        }
        let metric = format!("metric_{}_total", index % METRICS);
        let (kind, expr) = match index % 4 {
            0 | 2 => (
                format!("record: job:metric_{index}:rate5m"),
                format!("sum by (job) (rate({metric}[5m]))"),
            ),
            1 => (
                format!("alert: Alert{index}"),
                format!("job:metric_{}:rate5m > 1e12", index - 1),
            ),
            _ if index % 100 == 3 => (
                format!("alert: Alert{index}"),
                format!("rate({metric}[5m]) > 0"),
            ),
            _ => (
                format!("alert: Alert{index}"),
                format!("rate({metric}[5m]) > 1e12"),
            ),
        };
        writeln!(
            text,
            "  - {kind}\n    expr: {expr}\n    labels: {{ severity: page }}"
        )
        .ok();
        if index % 2 == 1 {
            writeln!(
                text,
                "    for: 1m\n    annotations: {{ summary: '{{{{ $labels.instance }}}} of {{{{ $labels.job }}}} is at {{{{ $value | humanize }}}}' }}"
            )
            .ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_rules_as_are_promised() {
        assert_eq!(rule_text().matches("\n    expr: ").count(), RULES);
        assert_eq!(
            sum("a_total{x=\"1\"} 2\na_total 3\na_total_b 5\n", "a_total"),
            5.0
        );
    }
}
