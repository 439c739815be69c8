//! Simulations of alerts and outages against a running server.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::hook::Hook;
use bellwether_blackbox::{Server, eventually, run};
use serde_json::Value;

const CONFIG: &str = "global: { evaluation_interval: 1s }\nrule_files: [rules.yml]\n";

const RULES: &str = r#"groups:
  - name: g
    rules:
      - alert: Down
        expr: up == 0
        for: 30s
        labels: {severity: critical}
        annotations: {summary: "{{ $labels.instance }} is down, value {{ $value }}"}
      - alert: Loud
        expr: level > 0
"#;

async fn start(folder: &Path, hook: &Hook) -> Result<Server> {
    start_repeating(folder, hook, "4h").await
}

/// A server that repeats what goes on.
async fn start_repeating(folder: &Path, hook: &Hook, repeat: &str) -> Result<Server> {
    std::fs::write(folder.join("rules.yml"), RULES)?;
    let notifications = format!(
        "route:\n  receiver: team\n  group_by: [alertname]\n  group_wait: 1s\n  group_interval: 1s\n  repeat_interval: {repeat}\n\
         receivers:\n  - name: team\n    webhook_configs: [{{url: '{}/ok'}}]\n",
        hook.url
    );
    let file = folder.join("alertmanager.yml");
    std::fs::write(&file, notifications)?;
    let file = file.to_string_lossy().into_owned();
    Server::start_in(folder, CONFIG, &["--alertmanager-config", &file]).await
}

async fn import(server: &Server, text: &str) -> Result<()> {
    let url = format!("{}/api/bellwether/v1/import", server.url);
    let body = format!("{text}# EOF\n");
    let answer = server.client.post(url).body(body).send().await?;
    ensure!(answer.status().is_success(), "{}", answer.text().await?);
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Kinds and causes of the rows of simulated alerts, oldest first.
async fn rows(server: &Server) -> Result<Vec<(String, Value)>> {
    let query = [("match[]", "simulated=\"true\"")];
    let (_, body) = server.get("/api/bellwether/v1/timeline", &query).await?;
    let body: Value = serde_json::from_str(&body)?;
    let rows = body["data"]["rows"].as_array().context("no rows")?;
    let kind = |row: &Value| row["kind"].as_str().unwrap_or("").to_owned();
    Ok(rows
        .iter()
        .rev()
        .map(|row| (kind(row), row.clone()))
        .collect())
}

#[tokio::test]
async fn a_simulated_alert_goes_the_way_of_real_ones_and_tells_nobody() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let hook = Hook::start().await?;
    let server = start(folder.path(), &hook).await?;
    let simulate = |arguments: &'static [&'static str]| {
        let url = server.url.clone();
        async move {
            let mut line = vec!["simulate", "alert", "Down", "--url", &url];
            line.extend(arguments);
            run(&line).await
        }
    };
    // Without --page nothing is sent, and every step is told.
    let output = simulate(&["--label", "instance=a", "--label", "job=api", "--for", "4s"]).await?;
    let out = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{out}{}",
        text(&output.stderr)
    );
    let steps = [
        "summary: a is down, value 1",
        "pending {alertname=\"Down\"",
        "firing {alertname=\"Down\"",
        "waits for team {alertname=\"Down\"}: the group has its turn in 1s",
        "would tell team/webhook[0]",
        "first notification; simulated, not sent",
        "resolved {alertname=\"Down\"",
        "all alerts resolved; simulated, not sent",
    ];
    for step in steps {
        assert!(out.contains(step), "{step} is not in {out}");
    }
    let found = rows(&server).await?;
    let kinds: Vec<&str> = found.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(
        kinds,
        [
            "pending",
            "firing",
            "notifying",
            "notified",
            "resolved",
            "notifying",
            "notified"
        ]
    );
    let detail = &found[3].1["detail"];
    assert_eq!(detail["simulated"], true);
    let sent = detail["texts"]["body"].as_str().context("no body")?;
    assert!(sent.contains("a is down, value 1"), "{sent}");
    assert!(hook.told().is_empty(), "{:?}", hook.told());

    // A projection needs no time.
    let fast = [
        "--label",
        "instance=a",
        "--for",
        "2h",
        "--fast",
        "--output",
        "json",
    ];
    let line: Vec<&str> = ["simulate", "alert", "Down", "--url", &server.url]
        .into_iter()
        .chain(fast)
        .collect();
    let output = run(&line).await?;
    let report: Value = serde_json::from_slice(&output.stdout)?;
    let steps: Vec<(&str, i64)> = report["steps"]
        .as_array()
        .context("no steps")?
        .iter()
        .map(|step| {
            let after = step["after"].as_f64().unwrap_or(-1.0) as i64;
            (step["kind"].as_str().unwrap_or(""), after)
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("pending", 0),
            ("firing", 30),
            ("grouped", 30),
            ("notified", 31),
            ("resolved", 7_230),
            ("notified", 7_231)
        ]
    );
    assert_eq!(rows(&server).await?.len(), 7);

    // What cannot be is told.
    let output = run(&["simulate", "alert", "Dwon", "--url", &server.url]).await?;
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("did you mean Down?"), "{error}");
    Ok(())
}

#[tokio::test]
async fn a_paged_simulation_is_marked_and_leaves_real_alerts_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let hook = Hook::start().await?;
    let server = start(folder.path(), &hook).await?;
    import(
        &server,
        &format!("level 1 {}\n", server.value("time()").await?),
    )
    .await?;
    eventually("the real alert is told", || async {
        ensure!(!hook.told().is_empty());
        Ok(())
    })
    .await?;
    let line = [
        "simulate",
        "alert",
        "Loud",
        "--page",
        "--for",
        "4s",
        "--url",
        &server.url,
    ];
    let output = run(&line).await?;
    let out = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{out}{}",
        text(&output.stderr)
    );
    assert!(out.contains("told team/webhook[0]"), "{out}");
    let told = hook.told();
    let (simulated, real): (Vec<_>, Vec<_>) = told.iter().partition(|told| {
        let key = told.body["groupKey"].as_str().unwrap_or("");
        key.starts_with("simulated/")
    });
    // The real one was told once, and is neither repeated nor ended.
    assert_eq!(real.len(), 1, "{real:?}");
    assert_eq!(real[0].body["alerts"][0]["labels"]["alertname"], "Loud");
    let statuses: Vec<&Value> = simulated.iter().map(|told| &told.body["status"]).collect();
    assert_eq!(statuses, ["firing", "resolved"]);
    for told in simulated {
        let alerts = told.body["alerts"].as_array().context("no alerts")?;
        assert_eq!(alerts.len(), 1);
        assert_eq!(alerts[0]["labels"]["alertname"], "[SIMULATED] Loud");
        assert_eq!(alerts[0]["labels"]["simulated"], "true");
        assert_eq!(alerts[0]["annotations"]["summary"], "[SIMULATED] Loud");
    }
    // One that was to fire for long is ended, and who was told is told of that.
    let place = format!("{}/api/bellwether/v1/simulations", server.url);
    let wanted = serde_json::json!({ "type": "alert", "name": "Loud", "for": "1d", "page": true });
    let simulated = || {
        let told = hook.told().into_iter().filter(|told| {
            let key = told.body["groupKey"].as_str().unwrap_or("");
            key.starts_with("simulated/")
        });
        told.map(|told| told.body["status"].clone())
            .collect::<Vec<Value>>()
    };
    let begin = async || -> Result<String> {
        let answer = server.client.post(&place).json(&wanted).send().await?;
        let answer: Value = answer.json().await?;
        Ok(answer["data"]["id"].as_str().context("no id")?.to_owned())
    };
    let end = async |id: &str| -> Result<()> {
        let url = format!("{place}/{id}");
        let answer = server.client.delete(&url).send().await?;
        ensure!(answer.status().is_success(), "{}", answer.status());
        eventually("it is over", || async {
            let report: Value = server.client.get(&url).send().await?.json().await?;
            ensure!(report["data"]["over"] == true, "{report}");
            Ok(())
        })
        .await
    };
    let id = begin().await?;
    eventually("it is told", || async {
        ensure!(simulated().len() == 3);
        Ok(())
    })
    .await?;
    end(&id).await?;
    assert_eq!(simulated(), ["firing", "resolved", "firing", "resolved"]);
    let unknown = server.client.delete(format!("{place}/1")).send().await?;
    assert_eq!(unknown.status(), 404);
    // The API of alerts knows the real one only.
    let (_, alerts) = server.get("/am/api/v2/alerts", &[]).await?;
    let alerts: Vec<Value> = serde_json::from_str(&alerts)?;
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["labels"].get("simulated"), None);
    Ok(())
}

#[tokio::test]
async fn a_silence_that_is_made_later_holds_a_paged_simulation_back() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let hook = Hook::start().await?;
    let server = start_repeating(folder.path(), &hook, "1s").await?;
    let place = format!("{}/api/bellwether/v1/simulations", server.url);
    let wanted = serde_json::json!({ "type": "alert", "name": "Loud", "for": "1d", "page": true });
    let begun: Value = server
        .client
        .post(&place)
        .json(&wanted)
        .send()
        .await?
        .json()
        .await?;
    let url = format!("{place}/{}", begun["data"]["id"].as_str().context("no id")?);
    eventually("it is repeated", || async {
        ensure!(hook.told().len() >= 2);
        Ok(())
    })
    .await?;
    let silence = serde_json::json!({
        "matchers": [{ "name": "alertname", "value": "Loud", "isRegex": false }],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z",
        "createdBy": "ada", "comment": "enough",
    });
    let silences = format!("{}/am/api/v2/silences", server.url);
    let made = server.client.post(silences).json(&silence).send().await?;
    ensure!(made.status().is_success(), "{}", made.text().await?);
    let held = || async {
        let report: Value = server.client.get(&url).send().await?.json().await?;
        let steps = report["data"]["steps"].as_array().context("no steps")?;
        let text = "silenced meanwhile, not sent";
        let held = steps.iter().filter(|step| step.to_string().contains(text));
        Ok::<_, anyhow::Error>(held.count())
    };
    eventually("repeats are held back", || async {
        ensure!(held().await? >= 2);
        Ok(())
    })
    .await?;
    let count = hook.told().len();
    let seen = held().await?;
    eventually("another one is", || async {
        ensure!(held().await? > seen);
        Ok(())
    })
    .await?;
    assert_eq!(hook.told().len(), count);
    server.client.delete(&url).send().await?;
    eventually("the end is told", || async {
        let told = hook.told();
        ensure!(
            told.last()
                .is_some_and(|told| told.body["status"] == "resolved")
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_outage_tells_who_would_notice() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let hook = Hook::start().await?;
    let server = start(folder.path(), &hook).await?;
    let now = server.value("time()").await?;
    let mut samples = String::from("# TYPE up gauge\n");
    for job in ["api", "db"] {
        for step in 0..80 {
            let time = now - 15.0 * f64::from(79 - step);
            samples.push_str(&format!("up{{job=\"{job}\",instance=\"a\"}} 1 {time:.3}\n"));
        }
    }
    import(&server, &samples).await?;
    let outage = [
        "simulate",
        "outage",
        "--target",
        "api/a",
        "--for",
        "10m",
        "--url",
        &server.url,
    ];
    let output = run(&outage).await?;
    let out = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{out}{}",
        text(&output.stderr)
    );
    for part in [
        "1 targets down for 10m:\n  {instance=\"a\", job=\"api\"}: Down\n",
        "1 alerts because of it:\n  fires after 3",
        "would tell team/webhook[0]",
        "first notification; simulated, not sent",
    ] {
        assert!(out.contains(part), "{part} is not in {out}");
    }
    let output = run(&[
        "simulate",
        "outage",
        "--target",
        "gone",
        "--url",
        &server.url,
    ])
    .await?;
    assert_eq!(output.status.code(), Some(2));
    let error = text(&output.stderr);
    assert!(error.contains("there are api/a, db/a"), "{error}");

    // Without the rule nobody notices.
    let without = "groups: [{name: g, rules: [{alert: Loud, expr: level > 0}]}]";
    std::fs::write(folder.path().join("rules.yml"), without)?;
    server.signal("HUP").await?;
    eventually("nobody would notice", || async {
        let output = run(&outage).await?;
        let out = text(&output.stdout);
        ensure!(output.status.code() == Some(1), "{out}");
        ensure!(out.contains("NO ALERT: nobody would notice"), "{out}");
        Ok(())
    })
    .await?;
    assert!(hook.told().is_empty(), "{:?}", hook.told());
    Ok(())
}
