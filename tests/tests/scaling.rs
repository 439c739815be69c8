//! Who follows a scaler: KEDA, Kubernetes' Horizontal Pod Autoscaler, a webhook, a pool of the SDK.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::hook::Hook;
use bellwether_blackbox::peer::{output, python_command};
use bellwether_blackbox::remote_write::{self, Sample};
use bellwether_blackbox::{Server, eventually, free_port, now_ms, root};
use bellwether_sdk::pool::{Follow, Pool, PoolSettings};
use bellwether_sdk::{Format, SERIES_MAX_DEFAULT, Telemetry};
use serde_json::Value;

/// One worker for every four requests in flight, decided every second, up and down at once.
fn config(targets: &str) -> String {
    format!(
        "scaling:
- name: agents
  labels: {{ team: a }}
  signals: {{ in_flight: sum(work_in_flight) }}
  policy: proportional
  rules: [ {{ in_flight: {{ share: 0.5 }} }} ]
  slots_per_worker: 8
  tolerance: 0
  min: 0
  max: 100
  interval: 1s
  stale_after: 2m
  down_hold: 0s
  idle_after: 1s
  step_up: {{ share: 0, workers: 100, period: 1s }}
  targets: {targets}
"
    )
}

async fn in_flight(server: &Server, value: f64) -> Result<()> {
    let labels = [("__name__", "work_in_flight"), ("pod", "a")];
    let sample = Sample {
        labels: &labels,
        time_ms: now_ms(),
        value,
    };
    let (status, text) = server.write(remote_write::request(&[sample])).await?;
    ensure!(status == 204, "{text}");
    Ok(())
}

/// Writes what is in flight until so many workers are wanted.
async fn until(server: &Server, value: f64, workers: u64) -> Result<()> {
    eventually("the decision", || async {
        in_flight(server, value).await?;
        let decided = decided(server).await?;
        ensure!(decided["workers"] == workers, "{decided}");
        Ok(())
    })
    .await
}

async fn decided(server: &Server) -> Result<Value> {
    let (_, text) = server.get("/api/bellwether/v1/scalers/agents", &[]).await?;
    let answer: Value = serde_json::from_str(&text)?;
    Ok(answer["data"]["decided"].clone())
}

/// What KEDA's client is told by each method.
async fn keda(address: &str) -> Result<Value> {
    let proto = std::env::var_os("KEDA_PROTO").map_or_else(
        || root().join("crates/server/proto/externalscaler.proto"),
        Into::into,
    );
    let mut command = python_command("keda.py")?;
    command.arg(proto).args([address, "agents", "prod"]);
    Ok(serde_json::from_str(&output(&mut command).await?)?)
}

#[tokio::test]
async fn a_generated_client_of_keda_drives_every_method() -> Result<()> {
    let grpc = format!("127.0.0.1:{}", free_port()?);
    let config = config("{ keda: { name: agents, namespace: prod } }");
    let server = Server::start(&config, &["--otlp-grpc-listen", &grpc]).await?;
    let told = keda(&grpc).await?;
    for method in ["IsActive", "GetMetrics"] {
        ensure!(told[method]["code"] == "UNAVAILABLE", "{told}");
    }
    until(&server, 80.0, 20).await?;
    let told = keda(&grpc).await?;
    let spec = serde_json::json!([["bellwether-agents", 1, 1.0]]);
    ensure!(
        told["IsActive"] == true && told["StreamIsActive"] == true,
        "{told}"
    );
    ensure!(
        told["GetMetricSpec"] == spec && told["StreamMetricSpec"] == spec,
        "{told}"
    );
    let metrics = serde_json::json!([["bellwether-agents", 20, 20.0]]);
    ensure!(told["GetMetrics"] == metrics, "{told}");
    // No work and nobody waits: the last worker may go.
    until(&server, 0.0, 0).await?;
    let told = keda(&grpc).await?;
    ensure!(
        told["IsActive"] == false && told["StreamIsActive"] == false,
        "{told}"
    );
    Ok(())
}

/// The Horizontal Pod Autoscaler as Kubernetes documents it, for one external metric with an averageValue,
/// with a clock of its own.
struct Autoscaler {
    replicas: u32,
    now_s: i64,
    /// Thousandths, as it compares.
    target_milli: i64,
    tolerance: f64,
    /// Recommendations of the last five minutes, of which the largest bounds the way down.
    recommended: VecDeque<(i64, u32)>,
}

impl Autoscaler {
    fn new(replicas: u32) -> Self {
        Self {
            replicas,
            now_s: 0,
            target_milli: 1_000,
            tolerance: 0.1,
            recommended: VecDeque::from([(0, replicas)]),
        }
    }

    /// Looks 15 s later. A metric that cannot be had changes nothing.
    async fn look(&mut self, server: &Server) -> Result<u32> {
        self.now_s += 15;
        let Some(total_milli) = self.metric(server).await? else {
            return Ok(self.replicas);
        };
        let each = self.target_milli * i64::from(self.replicas);
        let ratio = total_milli as f64 / each.max(1) as f64;
        let is_near = self.replicas > 0 && (1.0 - ratio).abs() <= self.tolerance;
        let wanted = match is_near {
            true => self.replicas,
            false => (total_milli as f64 / self.target_milli as f64).ceil() as u32,
        };
        self.recommended.push_back((self.now_s, wanted));
        let since_s = self.now_s - 300;
        self.recommended.retain(|(at_s, _)| *at_s > since_s);
        let most = self
            .recommended
            .iter()
            .map(|it| it.1)
            .max()
            .unwrap_or(wanted);
        // Up at once, by 100 % or four pods in 15 s; down to the most of the window.
        let up_max = (self.replicas * 2).max(self.replicas + 4);
        self.replicas = match wanted > self.replicas {
            true => wanted.min(up_max),
            false => most.min(self.replicas),
        };
        Ok(self.replicas)
    }

    /// The sum of the values in thousandths, as the client of kube-controller-manager adds them up.
    async fn metric(&self, server: &Server) -> Result<Option<i64>> {
        let path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/prod/agents-workers";
        let (status, text) = server.get(path, &[("labelSelector", "team=a")]).await?;
        let list: Value = serde_json::from_str(&text)?;
        if status != 200 {
            ensure!(list["kind"] == "Status" && list["code"] == status, "{text}");
            return Ok(None);
        }
        ensure!(list["kind"] == "ExternalMetricValueList", "{text}");
        let version = "external.metrics.k8s.io/v1beta1";
        ensure!(list["apiVersion"] == version, "{text}");
        let items = list["items"].as_array().context("no items")?;
        ensure!(!items.is_empty(), "{text}");
        let mut sum = 0;
        for item in items {
            ensure!(item["metricName"] == "agents-workers", "{text}");
            let at = item["timestamp"].as_str().context("no time")?;
            at.parse::<jiff::Timestamp>()?;
            sum += milli(item["value"].as_str().context("no value")?)?;
        }
        Ok(Some(sum))
    }
}

/// Thousandths of a quantity: a whole number, or one with the suffix `m`.
fn milli(quantity: &str) -> Result<i64> {
    Ok(match quantity.strip_suffix('m') {
        Some(milli) => milli.parse()?,
        None => quantity.parse::<i64>()? * 1_000,
    })
}

#[tokio::test]
async fn the_horizontal_pod_autoscaler_follows_the_external_metric() -> Result<()> {
    let server = Server::start(
        &config("{ external_metric: { name: agents-workers } }"),
        &[],
    )
    .await?;
    let (_, groups) = server.get("/apis", &[]).await?;
    ensure!(
        groups.contains("external.metrics.k8s.io/v1beta1"),
        "{groups}"
    );
    let mut autoscaler = Autoscaler::new(5);
    // Nothing is seen yet: what runs, runs on.
    assert_eq!(autoscaler.look(&server).await?, 5);
    until(&server, 80.0, 20).await?;
    // At most twice as many at a time, until there are as many as were decided.
    assert_eq!(autoscaler.look(&server).await?, 10);
    assert_eq!(autoscaler.look(&server).await?, 20);
    assert_eq!(autoscaler.look(&server).await?, 20);
    // Less than a tenth more or less is as good as the same.
    until(&server, 84.0, 21).await?;
    assert_eq!(autoscaler.look(&server).await?, 20);
    until(&server, 92.0, 23).await?;
    assert_eq!(autoscaler.look(&server).await?, 23);
    // Down after the most of five minutes, and not before.
    until(&server, 20.0, 5).await?;
    for _ in 0..19 {
        assert_eq!(autoscaler.look(&server).await?, 23);
    }
    assert_eq!(autoscaler.look(&server).await?, 5);
    Ok(())
}

#[tokio::test]
async fn a_decision_outlives_the_server_and_its_signals() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = config("{ external_metric: { name: agents-workers } }");
    let server = Server::start_in(folder.path(), &config, &[]).await?;
    until(&server, 80.0, 20).await?;
    let rows = async |server: &Server| -> Result<usize> {
        let query = [("kind", "scaled"), ("filter", "scaler=agents")];
        let (_, text) = server.get("/api/bellwether/v1/timeline", &query).await?;
        let answer: Value = serde_json::from_str(&text)?;
        Ok(answer["data"]["rows"].as_array().context("no rows")?.len())
    };
    // It is kept before it stands in the timeline.
    eventually("the decision is in the timeline", || async {
        let count = rows(&server).await?;
        ensure!(count == 1, "{count} rows");
        Ok(())
    })
    .await?;
    server.kill().await?;
    // The signals are another scaler's now: there are none.
    let blind = config.replace("work_in_flight", "nothing");
    let server = Server::start_in(folder.path(), &blind, &[]).await?;
    eventually("turns are taken", || async {
        let decided = decided(&server).await?;
        ensure!(decided["reason"] == "held", "{decided}");
        Ok(())
    })
    .await?;
    let decided = decided(&server).await?;
    ensure!(
        decided["workers"] == 20 && decided["number"] == 1,
        "{decided}"
    );
    assert_eq!(Autoscaler::new(20).look(&server).await?, 20);
    assert_eq!(rows(&server).await?, 1);
    let desired = server.value("bellwether_scaler_desired_workers{scaler=\"agents\",team=\"a\"}");
    assert_eq!(desired.await?, 20.0);
    Ok(())
}

#[tokio::test]
async fn a_webhook_is_told_until_it_takes_a_decision() -> Result<()> {
    let hook = Hook::start().await?;
    let targets = format!("{{ webhook: {{ url: '{}/once/503' }} }}", hook.url);
    let server = Server::start(&config(&targets), &[]).await?;
    until(&server, 40.0, 10).await?;
    let bodies = |hook: &Hook| {
        let told = hook.told();
        told.iter()
            .map(|told| told.body["workers"].clone())
            .collect::<Vec<_>>()
    };
    eventually("the webhook is told again", || async {
        ensure!(bodies(&hook) == [10, 10], "{:?}", hook.told());
        Ok(())
    })
    .await?;
    until(&server, 80.0, 20).await?;
    eventually("the webhook is told of the next", || async {
        let told = hook.told();
        let last = &told.last().context("nothing")?.body;
        ensure!(
            last["workers"] == 20 && last["scaler"] == "agents",
            "{last}"
        );
        ensure!(
            last["reason"] == "rule" && last["labels"]["team"] == "a",
            "{last}"
        );
        Ok(())
    })
    .await?;
    let url = server.get("/api/v1/status/config", &[]).await?.1;
    ensure!(
        !url.contains("once/503"),
        "a URL that may be secret is shown: {url}"
    );
    Ok(())
}

#[tokio::test]
async fn a_pool_of_the_sdk_follows_and_holds() -> Result<()> {
    let server = Server::start(&config("{ sdk: true }"), &[]).await?;
    let telemetry = Telemetry::new(SERIES_MAX_DEFAULT);
    let settings = PoolSettings {
        workers: 2,
        workers_max: 50,
        ..PoolSettings::new("agents")
    };
    let pool = Pool::start(settings, &telemetry, |_: Arc<()>| async { Ok(()) })?;
    pool.follow(&Follow::new(server.url.clone(), "agents"))?;
    for (value, workers) in [(80.0, 20), (24.0, 6)] {
        until(&server, value, workers as u64).await?;
        eventually("the pool is as large", || async {
            let target = pool.status().target;
            ensure!(target == workers, "{target}");
            Ok(())
        })
        .await?;
    }
    server.kill().await?;
    eventually("the pool has asked again", || async {
        let page = telemetry.render(Format::OpenMetrics);
        let page = String::from_utf8(page)?;
        let lost = "worker_pool_decisions_total{pool=\"agents\",reason=\"server_lost\"} ";
        let count = page.lines().find_map(|line| line.strip_prefix(lost));
        let count: f64 = count.context("it was not lost yet")?.parse()?;
        ensure!(count >= 2.0, "{count}");
        Ok(())
    })
    .await?;
    assert_eq!(pool.status().target, 6);
    pool.drain(Duration::ZERO).await;
    Ok(())
}
