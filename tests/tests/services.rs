//! The alerts of a usual service (`data/services.rules.yml`): unit tests by both programs, and each of
//! them fired and resolved by a real server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::hook::{Hook, Told};
use bellwether_blackbox::remote_write::{Sample, request};
use bellwether_blackbox::{Server, now_ms, root, run};

fn data(name: &str) -> PathBuf {
    root().join("tests/data").join(name)
}

#[tokio::test]
async fn unit_tests_of_the_alerts_pass_here_and_in_promtool() -> Result<()> {
    let (rules, tests) = (data("services.rules.yml"), data("services.test.yml"));
    for (what, file) in [("check", &rules), ("test", &tests)] {
        let file = file.to_str().context("path")?;
        let ours = run(&[what, "rules", file]).await?;
        let said = String::from_utf8_lossy(&ours.stdout);
        ensure!(ours.status.success(), "{said}");
        let theirs = tokio::process::Command::new("promtool")
            .args([what, "rules", file])
            .output()
            .await?;
        let said = String::from_utf8_lossy(&theirs.stdout);
        ensure!(theirs.status.success(), "{said}");
    }
    let flags = ["check", "rules", "--lint", "all", "--lint-fatal"];
    let linted = run(&[&flags[..], &[rules.to_str().context("path")?]].concat()).await?;
    let said = String::from_utf8_lossy(&linted.stdout);
    ensure!(linted.status.success(), "{said}");
    ensure!(said.contains("25 alerting rules"), "{said}");
    Ok(())
}

/// How a series goes on, second by second.
#[derive(Clone, Copy)]
enum Wave {
    /// At a value.
    Level(f64),
    /// Up or down by so much.
    Step(f64),
}

/// A series, how it goes while something fails, and how when all is well.
struct Course {
    labels: Vec<(&'static str, &'static str)>,
    failing: Wave,
    healthy: Wave,
    value: f64,
}

/// Labels of a series, its course while something fails, and when all is well.
type Row = (&'static [(&'static str, &'static str)], Wave, Wave);

/// Series of every alert. Times are those of [`hastened`] rules.
fn courses() -> Vec<Course> {
    use Wave::{Level, Step};
    let day = 86_400.0;
    let now = now_ms() as f64 / 1000.0;
    #[rustfmt::skip]
    let table: &[Row] = &[
        (&[("__name__", "http_requests_total"), ("code", "200"), ("service", "checkout")], Step(10.0), Step(10.0)),
        (&[("__name__", "http_requests_total"), ("code", "500"), ("service", "checkout")], Step(5.0), Step(0.0)),
        (&[("__name__", "http_request_duration_seconds_bucket"), ("le", "1"), ("service", "checkout")], Step(0.0), Step(9.0)),
        (&[("__name__", "http_request_duration_seconds_bucket"), ("le", "4"), ("service", "checkout")], Step(9.0), Step(9.0)),
        (&[("__name__", "http_request_duration_seconds_bucket"), ("le", "+Inf"), ("service", "checkout")], Step(9.0), Step(9.0)),
        (&[("__name__", "up"), ("instance", "api-1:8080"), ("job", "api")], Level(0.0), Level(1.0)),
        (&[("__name__", "pg_up"), ("instance", "db-1:9187")], Level(0.0), Level(1.0)),
        (&[("__name__", "pg_stat_activity_count"), ("instance", "db-1:9187"), ("state", "active")], Level(90.0), Level(9.0)),
        (&[("__name__", "pg_settings_max_connections"), ("instance", "db-1:9187")], Level(100.0), Level(100.0)),
        (&[("__name__", "pg_replication_lag_seconds"), ("instance", "db-2:9187")], Level(60.0), Level(0.1)),
        (&[("__name__", "pg_replication_is_replica"), ("instance", "db-2:9187")], Level(1.0), Level(1.0)),
        (&[("__name__", "pg_stat_database_deadlocks"), ("datname", "shop"), ("instance", "db-1:9187")], Step(3.0), Step(0.0)),
        (&[("__name__", "redis_up"), ("instance", "cache-1:9121")], Level(0.0), Level(1.0)),
        (&[("__name__", "redis_memory_used_bytes"), ("instance", "cache-1:9121")], Level(99.0), Level(9.0)),
        (&[("__name__", "redis_memory_max_bytes"), ("instance", "cache-1:9121")], Level(100.0), Level(100.0)),
        (&[("__name__", "redis_keyspace_hits_total"), ("instance", "cache-1:9121")], Step(1.0), Step(100.0)),
        (&[("__name__", "redis_keyspace_misses_total"), ("instance", "cache-1:9121")], Step(9.0), Step(1.0)),
        (&[("__name__", "kube_pod_container_status_waiting_reason"), ("container", "cart"), ("namespace", "shop"), ("pod", "cart-5f"), ("reason", "CrashLoopBackOff")], Level(1.0), Level(0.0)),
        (&[("__name__", "kube_deployment_spec_replicas"), ("deployment", "cart"), ("job", "kube-state-metrics"), ("namespace", "shop")], Level(3.0), Level(3.0)),
        (&[("__name__", "kube_deployment_status_replicas_available"), ("deployment", "cart"), ("job", "kube-state-metrics"), ("namespace", "shop")], Level(1.0), Level(3.0)),
        (&[("__name__", "kube_node_status_condition"), ("condition", "Ready"), ("node", "worker-3"), ("status", "true")], Level(0.0), Level(1.0)),
        (&[("__name__", "kubelet_volume_stats_available_bytes"), ("namespace", "shop"), ("persistentvolumeclaim", "orders")], Level(5.0), Level(50.0)),
        (&[("__name__", "kubelet_volume_stats_capacity_bytes"), ("namespace", "shop"), ("persistentvolumeclaim", "orders")], Level(100.0), Level(100.0)),
        (&[("__name__", "kubelet_volume_stats_used_bytes"), ("namespace", "shop"), ("persistentvolumeclaim", "orders")], Level(95.0), Level(50.0)),
        (&[("__name__", "node_cpu_seconds_total"), ("cpu", "0"), ("instance", "node-1:9100"), ("mode", "idle")], Step(0.05), Step(0.9)),
        (&[("__name__", "node_memory_MemAvailable_bytes"), ("instance", "node-1:9100")], Level(1.0), Level(8.0)),
        (&[("__name__", "node_memory_MemTotal_bytes"), ("instance", "node-1:9100")], Level(16.0), Level(16.0)),
        (&[("__name__", "node_filesystem_avail_bytes"), ("device", "/dev/sda1"), ("fstype", "ext4"), ("instance", "node-1:9100"), ("mountpoint", "/var")], Level(50.0), Level(50.0)),
        (&[("__name__", "node_filesystem_size_bytes"), ("device", "/dev/sda1"), ("fstype", "ext4"), ("instance", "node-1:9100"), ("mountpoint", "/var")], Level(5_000.0), Level(100.0)),
        (&[("__name__", "node_filesystem_avail_bytes"), ("device", "/dev/sdb1"), ("fstype", "ext4"), ("instance", "node-1:9100"), ("mountpoint", "/srv")], Step(-1.0), Step(0.0)),
        (&[("__name__", "haproxy_backend_active_servers"), ("instance", "lb-1:8404"), ("proxy", "shop")], Level(0.0), Level(3.0)),
        (&[("__name__", "nginx_connections_accepted"), ("instance", "lb-1:9113")], Step(10.0), Step(10.0)),
        (&[("__name__", "nginx_connections_handled"), ("instance", "lb-1:9113")], Step(8.0), Step(10.0)),
        (&[("__name__", "probe_ssl_earliest_cert_expiry"), ("instance", "https://shop.example.com")], Level(now + 3.0 * day), Level(now + 90.0 * day)),
        (&[("__name__", "apiserver_request_total"), ("code", "403"), ("instance", "10.0.0.1:6443")], Step(30.0), Step(1.0)),
        (&[("__name__", "node_total_hourly_cost"), ("cluster", "prod"), ("node", "worker-1")], Level(9.0), Level(2.0)),
        (&[("__name__", "velero_backup_failure_total"), ("schedule", "nightly")], Step(1.0), Step(0.0)),
        (&[("__name__", "pgbackrest_backup_since_last_completion_seconds"), ("backup_type", "full"), ("stanza", "shop")], Level(9.0 * day), Level(day)),
    ];
    let courses = table.iter().map(|(labels, failing, healthy)| Course {
        labels: labels.to_vec(),
        failing: *failing,
        healthy: *healthy,
        value: 1_000.0,
    });
    courses.collect()
}

/// The rules with their minutes and hours as seconds, and one second for every `for`.
fn hastened(rules: &str) -> String {
    let lines = rules.lines().map(|line| {
        if line.trim_start().starts_with("for: ") {
            return "    for: 1s".to_owned();
        }
        // Two samples, one a second, are the least for a rate; more, so that a late one breaks none.
        line.replace("[1h]", "[10s]")
            .replace("[5m]", "[10s]")
            .replace("h]", "s]")
            .replace("m]", "s]")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The names and severities of the alerts of a file, and the rest of what it says of each.
fn alerts_of(rules: &str) -> BTreeMap<String, String> {
    let severity = |text: &str| {
        let rest = text.split_once("severity: ")?.1;
        Some(rest.split_once(',')?.0.to_owned())
    };
    let alerts = rules.split("- alert: ").skip(1);
    alerts
        .filter_map(|text| Some((text.lines().next()?.to_owned(), severity(text)?)))
        .collect()
}

/// What was told of each alert, in order and without repetitions.
fn courses_told(told: &[Told]) -> BTreeMap<String, Vec<String>> {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for alert in told
        .iter()
        .flat_map(|told| told.body["alerts"].as_array().into_iter().flatten())
    {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&alert["labels"]["alertname"]);
        let said = format!(
            "{} {}",
            text(&alert["status"]),
            text(&alert["labels"]["severity"])
        );
        let states = seen.entry(name).or_default();
        if states.last() != Some(&said) {
            states.push(said);
        }
    }
    seen
}

/// Writes one sample a second of every series until the alerts that fire are those wanted.
async fn go_on(
    server: &Server,
    courses: &mut [Course],
    is_failing: bool,
    is_reached: impl Fn() -> bool,
) -> Result<()> {
    for _ in 0..90 {
        if is_reached() {
            return Ok(());
        }
        let now = now_ms();
        for course in courses.iter_mut() {
            match if is_failing {
                course.failing
            } else {
                course.healthy
            } {
                Wave::Level(value) => course.value = value,
                Wave::Step(step) => course.value += step,
            }
        }
        let samples: Vec<Sample<'_>> = courses
            .iter()
            .map(|course| Sample {
                labels: &course.labels,
                time_ms: now,
                value: course.value,
            })
            .collect();
        let (status, text) = server.write(request(&samples)).await?;
        ensure!(status == 204 || status == 200, "{status} {text}");
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    let firing = server.query("ALERTS{alertstate='firing'}").await?;
    anyhow::bail!("not reached within 90 s; firing: {firing:#?}")
}

#[tokio::test]
async fn every_alert_fires_and_resolves() -> Result<()> {
    let hook = Hook::start().await?;
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path();
    let rules = std::fs::read_to_string(data("services.rules.yml"))?;
    std::fs::write(folder.join("rules.yml"), hastened(&rules))?;
    let notifications = format!(
        "route: {{ receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s }}\nreceivers:\n- name: hook\n  webhook_configs: [{{ url: '{}/ok' }}]\n",
        hook.url
    );
    let file = folder.join("alertmanager.yml");
    std::fs::write(&file, notifications)?;
    let config = "global: { evaluation_interval: 1s }\nrule_files: [rules.yml]\n";
    let flags = ["--alertmanager-config", file.to_str().context("path")?];
    let server = Server::start_in(folder, config, &flags).await?;

    let wanted = alerts_of(&rules);
    ensure!(wanted.len() == 25, "{wanted:?}");
    let severities: BTreeSet<&str> = wanted.values().map(String::as_str).collect();
    ensure!(severities.len() == 4, "{severities:?}");
    // So that rates have a past in which all was well, for half of their windows.
    let mut courses = courses();
    let healthy_since = now_ms();
    go_on(&server, &mut courses, false, || {
        now_ms() - healthy_since > 5_000
    })
    .await?;
    ensure!(hook.told().is_empty(), "{:#?}", hook.told());
    let fired = |count: usize| {
        let told = courses_told(&hook.told());
        told.values().filter(|states| states.len() >= count).count() == wanted.len()
    };
    go_on(&server, &mut courses, true, || fired(1)).await?;
    go_on(&server, &mut courses, false, || fired(2)).await?;
    for (name, states) in courses_told(&hook.told()) {
        let severity = wanted
            .get(&name)
            .with_context(|| format!("{name} is no alert of the file"))?;
        let want = [format!("firing {severity}"), format!("resolved {severity}")];
        ensure!(states == want, "{name}: {states:?}");
        println!("{name}: {}", states.join(", "));
    }
    // What was told says what it is about.
    for told in hook.told() {
        for alert in told.body["alerts"].as_array().into_iter().flatten() {
            for key in ["summary", "description", "runbook_url"] {
                let text = alert["annotations"][key].as_str().unwrap_or_default();
                ensure!(
                    !text.is_empty() && !text.contains("{{") && !text.contains("<no value>"),
                    "{alert:#}"
                );
            }
        }
    }
    let (_, metrics) = server.get("/metrics", &[]).await?;
    let failures = metrics.lines().find(|line| {
        line.starts_with("prometheus_rule_evaluation_failures_total") && !line.ends_with(" 0")
    });
    ensure!(failures.is_none(), "{failures:?}");
    Ok(())
}
