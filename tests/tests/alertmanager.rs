//! Beside Debian's Alertmanager: the same alerts at the same times, the same notifications.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::hook::Hook;
use bellwether_blackbox::peer::{self, output};
use bellwether_blackbox::{EMPTY_CONFIG, Server, eventually};
use serde_json::{Value, json};
use tokio::process::Command;

fn config(hook: &str) -> String {
    let receiver = |name: &str| {
        format!(
            "- name: {name}\n  webhook_configs: [{{ url: '{hook}/{name}', send_resolved: true }}]\n"
        )
    };
    let receivers: String = ["default", "db", "dbweb", "muted", "active", "each", "quiet"]
        .map(receiver)
        .concat()
        .replace(
            &format!("{hook}/quiet', send_resolved: true"),
            &format!("{hook}/quiet', send_resolved: false"),
        );
    format!(
        r#"
route:
  receiver: default
  group_by: [alertname]
  group_wait: 2s
  group_interval: 6s
  repeat_interval: 10s
  routes:
  - {{ receiver: db, matchers: ['team="db"'], continue: true }}
  - {{ receiver: dbweb, matchers: ['team=~"db|web"'], group_by: [alertname, cluster] }}
  - {{ receiver: muted, matchers: ['time="muted"'], mute_time_intervals: [always] }}
  - {{ receiver: active, matchers: ['time="active"'], active_time_intervals: [never] }}
  - {{ receiver: each, matchers: ['each="yes"'], group_by: ['...'] }}
  - {{ receiver: quiet, match: {{ quiet: "yes" }} }}
inhibit_rules:
- source_matchers: ['severity="critical"']
  target_matchers: ['severity="warning"']
  equal: [cluster]
- source_matchers: ['self="yes"']
  target_matchers: ['self="yes"']
  equal: [alertname]
time_intervals:
- name: always
  time_intervals: [{{ weekdays: ['sunday:saturday'] }}]
- name: never
  time_intervals: [{{ years: ['1999'] }}]
receivers:
{receivers}"#
    )
}

/// One of the two, and who it tells.
struct Side {
    api: String,
    hook: Hook,
    client: reqwest::Client,
}

impl Side {
    async fn post(&self, path: &str, body: &Value) -> Result<(u16, String)> {
        let url = format!("{}/api/v2/{path}", self.api);
        let answer = self.client.post(url).json(body).send().await?;
        Ok((answer.status().as_u16(), answer.text().await?))
    }

    /// Notifications of each group of each receiver, in order.
    fn told(&self) -> BTreeMap<String, Vec<String>> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for told in self.hook.told() {
            let body = &told.body;
            let mut alerts: Vec<String> = body["alerts"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|alert| format!("{} {}", alert["status"], alert["labels"]))
                .collect();
            alerts.sort();
            let text = format!(
                "{} v{} {} common {} {} truncated {} : {}",
                body["status"],
                body["version"],
                body["groupLabels"],
                body["commonLabels"],
                body["commonAnnotations"],
                body["truncatedAlerts"],
                alerts.join(", ")
            );
            let key = format!("{} {}", told.path, body["groupKey"]);
            groups.entry(key).or_default().push(text);
        }
        groups
    }
}

fn alert(pairs: &[(&str, &str)]) -> Value {
    let labels: serde_json::Map<String, Value> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    json!({ "labels": labels, "annotations": { "summary": "s" } })
}

fn ended(pairs: &[(&str, &str)]) -> Value {
    let mut alert = alert(pairs);
    // An end in the past: `resolved` as senders say it.
    alert["startsAt"] = json!("2020-01-01T00:00:00Z");
    alert["endsAt"] = json!("2020-01-01T00:00:01Z");
    alert
}

async fn both(sides: &[Side; 2], path: &str, body: &Value) -> Result<()> {
    let (a, b) = tokio::join!(sides[0].post(path, body), sides[1].post(path, body));
    ensure!(a?.0 == 200 && b?.0 == 200, "{path} {body}");
    Ok(())
}

#[tokio::test]
async fn notifications_are_those_of_alertmanager() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (theirs, ours) = (Hook::start().await?, Hook::start().await?);
    let peer = peer::alertmanager(&folder.path().join("peer"), &config(&theirs.url)).await?;
    let file = folder.path().join("alertmanager.yml");
    std::fs::write(&file, config(&ours.url))?;
    let flag = file.to_string_lossy().into_owned();
    let server = Server::start(EMPTY_CONFIG, &["--alertmanager-config", &flag]).await?;
    let client = bellwether_blackbox::client()?;
    let sides = [
        Side {
            api: peer.url.clone(),
            hook: theirs,
            client: client.clone(),
        },
        Side {
            api: format!("{}/am", server.url),
            hook: ours,
            client,
        },
    ];
    let pause = async |ms: u64| tokio::time::sleep(Duration::from_millis(ms)).await;
    // A silence that covers from the beginning, and one of two matchers.
    let silence = |name: &str, value: &str| {
        json!({
            "matchers": [{ "name": name, "value": value, "isRegex": true, "isEqual": true }],
            "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "ada", "comment": "c"
        })
    };
    both(&sides, "silences", &silence("host", "quiet-.*")).await?;
    let first = json!([
        alert(&[("alertname", "A"), ("host", "1")]),
        alert(&[("alertname", "A"), ("host", "2")]),
        alert(&[("alertname", "A"), ("host", "quiet-1")]),
        alert(&[("alertname", "B"), ("team", "db"), ("cluster", "x")]),
        alert(&[("alertname", "B"), ("team", "db"), ("cluster", "y")]),
        alert(&[("alertname", "C"), ("team", "web"), ("cluster", "x")]),
        alert(&[("alertname", "M"), ("time", "muted")]),
        alert(&[("alertname", "N"), ("time", "active")]),
        alert(&[("alertname", "E"), ("each", "yes"), ("host", "1")]),
        alert(&[("alertname", "E"), ("each", "yes"), ("host", "2")]),
        alert(&[("alertname", "Q"), ("quiet", "yes")]),
        alert(&[
            ("alertname", "Crit"),
            ("severity", "critical"),
            ("cluster", "x")
        ]),
        alert(&[
            ("alertname", "Warn"),
            ("severity", "warning"),
            ("cluster", "x")
        ]),
        alert(&[
            ("alertname", "Warn"),
            ("severity", "warning"),
            ("cluster", "y")
        ]),
        alert(&[("alertname", "S"), ("self", "yes"), ("n", "1")]),
        alert(&[("alertname", "S"), ("self", "yes"), ("n", "2")]),
        alert(&[("alertname", "Brief"), ("host", "1")]),
    ]);
    both(&sides, "alerts", &first).await?;
    pause(800).await;
    // Over within the wait: nobody is told.
    both(
        &sides,
        "alerts",
        &json!([ended(&[("alertname", "Brief"), ("host", "1")])]),
    )
    .await?;
    // 2 s: the first notifications. 8 s: the second turn.
    pause(3_200).await;
    let second = json!([
        alert(&[("alertname", "A"), ("host", "3")]),
        ended(&[("alertname", "A"), ("host", "1")]),
        ended(&[("alertname", "E"), ("each", "yes"), ("host", "1")]),
        ended(&[("alertname", "Q"), ("quiet", "yes")]),
        ended(&[
            ("alertname", "Crit"),
            ("severity", "critical"),
            ("cluster", "x")
        ]),
    ]);
    both(&sides, "alerts", &second).await?;
    // 14 s: repeats are not due yet (10 s after 8 s), 20 s: they are.
    pause(7_000).await;
    let third = json!([
        ended(&[("alertname", "A"), ("host", "2")]),
        ended(&[("alertname", "A"), ("host", "3")]),
        alert(&[("alertname", "Q"), ("quiet", "yes")]),
    ]);
    both(&sides, "alerts", &third).await?;
    pause(12_000).await;
    let (want, have) = (sides[0].told(), sides[1].told());
    ensure!(want.len() >= 10, "{want:#?}");
    ensure!(want == have, "theirs: {want:#?}\nours: {have:#?}");
    Ok(())
}

/// Asks both; codes, and bodies where they hold no times, must be the same.
async fn same(sides: &[String; 2], method: &str, path: &str, body: &str) -> Result<()> {
    let client = bellwether_blackbox::client()?;
    let mut answers = Vec::new();
    for side in sides {
        let method = method.parse::<reqwest::Method>()?;
        let mut request = client.request(method, format!("{side}/api/v2/{path}"));
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        let answer = request.body(body.to_owned()).send().await?;
        answers.push((answer.status().as_u16(), answer.text().await?));
    }
    let (have, want) = (answers.pop().context("two")?, answers.pop().context("two")?);
    ensure!(
        have.0 == want.0,
        "{method} {path} {body}: {have:?}, not {want:?}"
    );
    // Texts of what cannot be parsed are those of each one's parser.
    let is_text_of_parser = want.1.contains("parsing") || want.1.contains("regexp");
    let is_matcher = path.contains("filter=") || path.contains("receiver=");
    if want.0 >= 400 && !is_text_of_parser && !is_matcher {
        let known = want.1.replace("silence invalid: ", "invalid silence: ");
        ensure!(
            have.1.trim() == known.trim(),
            "{path} {body}: {have:?}, not {want:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_refused_is_refused_in_the_same_way() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let hook = Hook::start().await?;
    let peer = peer::alertmanager(folder.path(), &config(&hook.url)).await?;
    let server = Server::start(EMPTY_CONFIG, &[]).await?;
    let sides = [peer.url.clone(), format!("{}/am", server.url)];
    for body in [
        "[]",
        "null",
        "",
        "nonsense",
        "{}",
        r#"[{"labels":{}}]"#,
        r#"[{"labels":{"a":""}}]"#,
        r#"[{"annotations":{"a":"b"}}]"#,
        r#"[{"labels":{"a":5}}]"#,
        r#"[{"labels":{"a":"b"},"startsAt":"soon"}]"#,
        r#"[{"labels":{"a":"b"},"startsAt":"2030-01-01T00:00:00Z","endsAt":"2029-01-01T00:00:00Z"}]"#,
        r#"[{"labels":{"a":"b"},"generatorURL":"::bad"}]"#,
        r#"[{"labels":{"a":"b"},"generatorURL":"http://x/y"}]"#,
    ] {
        same(&sides, "POST", "alerts", body).await?;
    }
    let whole = r#"{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2099-01-01T00:00:00Z","createdBy":"a","comment":"c"}"#;
    for (from, to) in [
        ("", ""),
        ("comment", "other"),
        ("createdBy", "other"),
        ("startsAt", "other"),
        ("endsAt", "other"),
        ("matchers", "other"),
        (r#""name""#, r#""other""#),
        (r#""value""#, r#""other""#),
        ("isRegex", "other"),
        (r#"{"name":"a","value":"b","isRegex":false}"#, ""),
        ("2020", "2100"),
        ("2099", "2021"),
        (r#""value":"b""#, r#""value":"""#),
        (r#"{"matchers""#, r#"{"id":"none","matchers""#),
    ] {
        let body = whole.replacen(from, to, 1);
        same(&sides, "POST", "silences", &body).await?;
    }
    let regex = whole.replace("false", "true").replace(r#""b""#, r#""(""#);
    same(&sides, "POST", "silences", &regex).await?;
    for path in [
        "status",
        "receivers",
        "alerts?filter=x",
        "alerts?filter=%7Ba%3Db%7D",
        "alerts?receiver=(",
        "alerts?active=maybe",
        "alerts/groups?filter=x",
        "silences?filter=x",
        "silence/none",
        "silence/7d8e4a5c-1111-4222-8333-444455556666",
    ] {
        same(&sides, "GET", path, "").await?;
    }
    same(&sides, "DELETE", "silence/none", "").await?;
    Ok(())
}

#[tokio::test]
async fn amtool_works_against_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let hook = Hook::start().await?;
    let file = folder.path().join("alertmanager.yml");
    std::fs::write(&file, config(&hook.url))?;
    let flag = file.to_string_lossy().into_owned();
    let server = Server::start(EMPTY_CONFIG, &["--alertmanager-config", &flag]).await?;
    let url = format!("--alertmanager.url={}/am", server.url);
    let amtool = async |arguments: &[&str]| {
        let mut command = Command::new("amtool");
        command.arg(&url).args(arguments);
        output(&mut command).await
    };
    amtool(&[
        "alert",
        "add",
        "alertname=Disk",
        "host=a",
        "--annotation=summary=full",
    ])
    .await?;
    let listed = amtool(&["alert", "query", "host=a", "-o", "extended"]).await?;
    ensure!(
        listed.contains("Disk") && listed.contains("summary=\"full\""),
        "{listed}"
    );
    let id = amtool(&[
        "silence",
        "add",
        "host=a",
        "--comment=upgrade",
        "--author=ada",
    ])
    .await?;
    let silences = amtool(&["silence", "query", "host=a"]).await?;
    ensure!(
        silences.contains("upgrade") && silences.contains("ada"),
        "{silences}"
    );
    let quiet = amtool(&["alert", "query", "--silenced"]).await?;
    ensure!(quiet.contains("Disk"), "{quiet}");
    amtool(&["silence", "update", "--duration=2h", id.trim()]).await?;
    amtool(&["silence", "expire", id.trim()]).await?;
    let gone = amtool(&["silence", "query"]).await?;
    ensure!(!gone.contains("upgrade"), "{gone}");
    let shown = amtool(&["config", "show"]).await?;
    ensure!(shown.contains("receiver: default"), "{shown}");
    let routes = amtool(&["config", "routes", "show"]).await?;
    ensure!(routes.contains("team=\"db\""), "{routes}");
    let receivers = amtool(&["config", "routes", "test", "team=db"]).await?;
    ensure!(receivers.trim() == "db,dbweb", "{receivers}");
    let mut check = Command::new("amtool");
    check.arg("check-config").arg(&file);
    let checked = output(&mut check).await?;
    ensure!(checked.contains("SUCCESS"), "{checked}");
    let cluster = amtool(&["cluster", "show"]).await?;
    ensure!(cluster.contains("disabled"), "{cluster}");
    Ok(())
}

#[tokio::test]
async fn a_prometheus_sends_its_alerts_to_it() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let hook = Hook::start().await?;
    let file = folder.path().join("alertmanager.yml");
    std::fs::write(&file, config(&hook.url))?;
    let flag = file.to_string_lossy().into_owned();
    let server = Server::start(EMPTY_CONFIG, &["--alertmanager-config", &flag]).await?;
    let rules = folder.path().join("rules.yml");
    std::fs::write(
        &rules,
        "groups:\n- name: g\n  rules:\n  - alert: Always\n    expr: vector(1)\n    for: 8s\n    annotations: { summary: '{{ $value }}' }\n",
    )?;
    let host = server.url.trim_start_matches("http://");
    let config = format!(
        "global: {{ evaluation_interval: 1s, external_labels: {{ from: prometheus }} }}\nrule_files: ['{}']\nalerting:\n  alertmanagers:\n  - {{ path_prefix: /am, static_configs: [{{ targets: ['{host}'] }}] }}\n",
        rules.display()
    );
    let _peer = peer::prometheus(&folder.path().join("peer"), &config).await?;
    eventually("the alert arrives", || async {
        let told = hook.told();
        let first = told.first().context("nothing was told")?;
        let labels = &first.body["alerts"][0]["labels"];
        ensure!(labels["alertname"] == "Always" && labels["from"] == "prometheus");
        ensure!(first.body["alerts"][0]["annotations"]["summary"] == "1");
        Ok(())
    })
    .await
}
