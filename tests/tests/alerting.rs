//! Rules and notifications over restarts, and receivers that misbehave.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::hook::{Hook, Told};
use bellwether_blackbox::{Server, eventually};
use serde_json::{Value, json};

/// A configuration, its rules and its notifications in a folder. Gives the flags.
fn write(folder: &Path, rules: &str, notifications: &str) -> Result<Vec<String>> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("rules.yml"), rules)?;
    let file = folder.join("alertmanager.yml");
    std::fs::write(&file, notifications)?;
    Ok(vec![
        "--alertmanager-config".to_owned(),
        file.to_string_lossy().into_owned(),
    ])
}

const CONFIG: &str = "global: { evaluation_interval: 1s }\nrule_files: [rules.yml]\n";

async fn start(folder: &Path, flags: &[String]) -> Result<Server> {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Server::start_in(folder, CONFIG, &flags).await
}

/// Sets the value that rules look at, now.
async fn set(server: &Server, value: f64) -> Result<()> {
    let now = server.value("time()").await?;
    let body = format!("level {value} {now:.3}\n# EOF\n");
    let url = format!("{}/api/bellwether/v1/import", server.url);
    let answer = server.client.post(url).body(body).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(())
}

/// The state of the first alert of the rule, as the API of rules has it.
async fn state(server: &Server) -> Result<String> {
    let data = server.api("rules", &[]).await?;
    let state = &data["groups"][0]["rules"][0]["state"];
    Ok(state.as_str().context("no rule")?.to_owned())
}

async fn until(server: &Server, wanted: &str) -> Result<()> {
    eventually(wanted, || async {
        let state = state(server).await?;
        ensure!(state == wanted, "{state}");
        Ok(())
    })
    .await
}

/// Waits until the server has kept that so many notifications were taken. One whose answer was under way
/// when the server was killed is sent again, told twice rather than never (ADR 0004): what is tested here
/// is everything else.
async fn answers_are_kept(server: &Server, count: usize) -> Result<()> {
    eventually("the receiver's answers are kept", || async {
        let query = [("kind", "notified")];
        let (_, body) = server.get("/api/bellwether/v1/timeline", &query).await?;
        let answer: Value = serde_json::from_str(&body)?;
        let rows = answer["data"]["rows"].as_array().map_or(0, Vec::len);
        ensure!(rows == count, "{body}");
        Ok(())
    })
    .await?;
    // A row stands before the state that it tells of is kept; what asks for something to be kept waits
    // for what was to be kept before.
    let silence = json!({
        "matchers": [{ "name": "nobody", "value": "here", "isRegex": false }],
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z",
        "createdBy": "test", "comment": "waits for the journal",
    });
    let url = format!("{}/am/api/v2/silences", server.url);
    let answer = server.client.post(url).json(&silence).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(())
}

/// What was told: status of the notification, in order.
fn statuses(told: &[Told]) -> Vec<&str> {
    told.iter()
        .filter_map(|told| told.body["status"].as_str())
        .collect()
}

/// Rounds of restarts: `BELLWETHER_ALERT_ROUNDS`.
fn rounds() -> usize {
    let rounds = std::env::var("BELLWETHER_ALERT_ROUNDS").ok();
    rounds.and_then(|text| text.parse().ok()).unwrap_or(2)
}

#[tokio::test]
async fn restarts_in_every_state_lose_and_repeat_nothing() -> Result<()> {
    for round in 0..rounds() {
        for kill in [false, true] {
            restarts(kill)
                .await
                .with_context(|| format!("round {round}, kill {kill}"))?;
        }
    }
    Ok(())
}

/// pending, restart, firing, restart, held up by `keep_firing_for`, restart, resolved, restart.
async fn restarts(kill: bool) -> Result<()> {
    let hook = Hook::start().await?;
    let scratch = tempfile::tempdir()?;
    let folder = scratch.path();
    let rules = "groups:\n- name: g\n  rules:\n  - alert: High\n    expr: level > 5\n    for: 10s\n    keep_firing_for: 3s\n";
    let notifications = format!(
        "route: {{ receiver: hook, group_wait: 0s, group_interval: 1s, repeat_interval: 1h }}\nreceivers:\n- name: hook\n  webhook_configs: [{{ url: '{}/ok' }}]\n",
        hook.url
    );
    let flags = write(folder, rules, &notifications)?;
    let restart = async |server: Server| {
        if kill {
            server.kill().await?;
        } else {
            server.terminate().await?;
        }
        start(folder, &flags).await
    };
    let server = start(folder, &flags).await?;
    set(&server, 9.0).await?;
    until(&server, "pending").await?;
    let waited = async |server: &Server| server.value("time() - ALERTS_FOR_STATE").await;
    eventually("most of `for` is waited", || async {
        let waited = waited(&server).await?;
        ensure!(waited >= 8.0, "{waited}");
        Ok(())
    })
    .await?;
    let server = restart(server).await?;
    let restarted = server.value("time()").await?;
    until(&server, "firing").await?;
    // `for` went on where it was, less the time without a server: it did not begin anew.
    let since = server.value("ALERTS_FOR_STATE").await?;
    ensure!(since <= restarted - 3.0, "{since}, started at {restarted}");
    eventually("the first notification", || async {
        ensure!(!hook.told().is_empty());
        Ok(())
    })
    .await?;
    answers_are_kept(&server, 1).await?;
    let server = restart(server).await?;
    until(&server, "firing").await?;
    // It is over; it fires on for a while, over a restart.
    set(&server, 1.0).await?;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let server = restart(server).await?;
    ensure!(state(&server).await? != "pending");
    until(&server, "inactive").await?;
    eventually("the end is told", || async {
        let told = hook.told();
        ensure!(statuses(&told).last() == Some(&"resolved"), "{told:?}");
        Ok(())
    })
    .await?;
    answers_are_kept(&server, 2).await?;
    let server = restart(server).await?;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let told = hook.told();
    ensure!(statuses(&told) == ["firing", "resolved"], "{told:#?}");
    // The timeline knows all of it, each once.
    let (_, body) = server
        .get(
            "/api/bellwether/v1/timeline",
            &[("kind", "pending,firing,resolved")],
        )
        .await?;
    let answer: Value = serde_json::from_str(&body)?;
    let kinds: Vec<&str> = answer["data"]["rows"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|row| row["kind"].as_str())
        .collect();
    ensure!(kinds == ["resolved", "firing", "pending"], "{body}");
    Ok(())
}

#[tokio::test]
async fn receivers_that_misbehave_are_tried_again_and_delay_nobody() -> Result<()> {
    let hook = Hook::start().await?;
    let refused = format!("http://127.0.0.1:{}", bellwether_blackbox::free_port()?);
    let scratch = tempfile::tempdir()?;
    let paths = [
        ("slow", format!("{}/slow", hook.url)),
        ("silent", format!("{}/silent", hook.url)),
        ("reset", format!("{}/reset", hook.url)),
        ("busy", format!("{}/once/429", hook.url)),
        ("broken", format!("{}/once/503", hook.url)),
        ("wrong", format!("{}/400", hook.url)),
        ("refused", refused),
        // Last of them, so that it would wait for the others if they were told in turn.
        ("fine", format!("{}/ok", hook.url)),
    ];
    let mut notifications =
        "route:\n  receiver: fine\n  group_wait: 0s\n  group_interval: 10s\n  routes:\n".to_owned();
    for (name, _) in &paths {
        notifications.push_str(&format!("  - {{ receiver: {name}, continue: true }}\n"));
    }
    notifications.push_str("receivers:\n");
    for (name, url) in &paths {
        let timeout = if ["slow", "silent"].contains(name) {
            "2s"
        } else {
            "8s"
        };
        notifications.push_str(&format!(
            "- name: {name}\n  webhook_configs: [{{ url: '{url}', timeout: {timeout} }}]\n"
        ));
    }
    let flags = write(scratch.path(), "groups: []\n", &notifications)?;
    let server = start(scratch.path(), &flags).await?;
    let began = Instant::now();
    let alert = serde_json::json!([{ "labels": { "alertname": "A" } }]);
    let url = format!("{}/am/api/v2/alerts", server.url);
    server.client.post(url).json(&alert).send().await?;
    eventually("those that work are told", || async {
        let told = hook.told();
        for path in ["/ok", "/once/429", "/once/503"] {
            let count = told.iter().filter(|told| told.path == path).count();
            let wanted = if path == "/ok" { 1 } else { 2 };
            ensure!(count == wanted, "{path}: {count}");
        }
        ensure!(told.iter().filter(|told| told.path == "/reset").count() >= 2);
        ensure!(told.iter().filter(|told| told.path == "/silent").count() >= 2);
        Ok(())
    })
    .await?;
    let told = hook.told();
    let fine = told
        .iter()
        .find(|told| told.path == "/ok")
        .context("fine")?;
    let waited = fine.at.duration_since(began);
    ensure!(
        waited < Duration::from_secs(4),
        "the others delayed it: {waited:?}"
    );
    // After the deadline of 10 s each failure stands in the timeline, with what was answered.
    let rows = eventually("the end of the attempts", || async {
        let (_, body) = server
            .get(
                "/api/bellwether/v1/timeline",
                &[("kind", "notified,notify_failed")],
            )
            .await?;
        let answer: Value = serde_json::from_str(&body)?;
        let mut rows: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in answer["data"]["rows"].as_array().into_iter().flatten() {
            let receiver = row["receiver"].as_str().unwrap_or_default().to_owned();
            let text = format!("{} {}", row["kind"], row["cause"]);
            rows.entry(receiver).or_default().push(text);
        }
        ensure!(
            rows.get("refused/webhook[0]")
                .is_some_and(|rows| rows.len() >= 4),
            "{rows:?}"
        );
        ensure!(rows.len() == 8, "{rows:?}");
        Ok(rows)
    })
    .await?;
    let says = |name: &str, text: &str| {
        let rows = rows.get(&format!("{name}/webhook[0]"));
        rows.is_some_and(|rows| rows.iter().any(|row| row.contains(text)))
    };
    ensure!(says("busy", "429") && says("busy", "notified"), "{rows:#?}");
    ensure!(
        says("broken", "503") && says("broken", "notified"),
        "{rows:#?}"
    );
    ensure!(
        says("wrong", "400") && !says("wrong", "\"notified\""),
        "{rows:#?}"
    );
    let wrong = told.iter().filter(|told| told.path == "/400").count();
    ensure!(
        wrong <= 2,
        "a refusal is not tried again before its next turn: {wrong}"
    );
    Ok(())
}

#[tokio::test]
async fn ten_thousand_alerts_at_once_are_told_within_seconds() -> Result<()> {
    let hook = Hook::start().await?;
    let scratch = tempfile::tempdir()?;
    let notifications = format!(
        "route: {{ receiver: hook, group_by: [rack], group_wait: 1s, group_interval: 5s }}\nreceivers:\n- name: hook\n  webhook_configs: [{{ url: '{}/ok' }}]\n",
        hook.url
    );
    let flags = write(scratch.path(), "groups: []\n", &notifications)?;
    let server = start(scratch.path(), &flags).await?;
    let alerts: Vec<Value> = (0..10_000)
        .map(|host| {
            let rack = (host % 100).to_string();
            serde_json::json!({ "labels": {
                "alertname": "Down", "host": format!("host-{host}"), "rack": rack
            }, "annotations": { "summary": "the host does not answer" } })
        })
        .collect();
    let began = Instant::now();
    for some in alerts.chunks(64) {
        let url = format!("{}/am/api/v2/alerts", server.url);
        let answer = server.client.post(url).json(some).send().await?;
        ensure!(answer.status().is_success(), "{}", answer.text().await?);
    }
    let hosts = |told: &[Told]| {
        let mut hosts = std::collections::BTreeSet::new();
        for told in told {
            for alert in told.body["alerts"].as_array().into_iter().flatten() {
                hosts.insert(alert["labels"]["host"].to_string());
            }
        }
        hosts.len()
    };
    eventually("all are told", || async {
        let count = hosts(&hook.told());
        ensure!(count == 10_000, "{count}");
        Ok(())
    })
    .await?;
    let told = hook.told();
    let last = told.last().context("none")?.at.duration_since(began);
    println!("{} notifications, the last after {last:?}", told.len());
    Ok(())
}
