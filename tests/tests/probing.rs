//! Probes of a real server: states, causes, maintenance, `/probe`, and the command of that name.

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::hook::Hook;
use bellwether_blackbox::{Server, eventually, free_port, run};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const RULES: &str = r#"groups:
- name: entities
  rules:
  - alert: EntityDown
    expr: bellwether_entity_state{state="down"} == 1
    labels: { severity: critical }
    annotations: { summary: "{{ $labels.entity }} is down" }
  - alert: Marker
    expr: bellwether_entity_state{entity="database/users", state="down"} == 1
    labels: { severity: info, entity: "" }
"#;

/// What was told of entities: the entity and whether it fires, each once; of none, where it is the marker.
fn told(hook: &Hook, wants_marker: bool) -> Vec<(String, String)> {
    let mut told: Vec<(String, String)> = hook
        .told()
        .iter()
        .flat_map(|it| it.body["alerts"].as_array().cloned().unwrap_or_default())
        .map(|alert| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&alert["labels"]["entity"]), text(&alert["status"]))
        })
        .filter(|(entity, _)| entity.is_empty() == wants_marker)
        .collect();
    told.sort();
    told.dedup();
    told
}

async fn state(server: &Server, entity: &str) -> Result<Value> {
    let path = format!("/api/bellwether/v1/entities/{}", entity.replace('/', "%2F"));
    let (status, text) = server.get(&path, &[]).await?;
    ensure!(status == 200, "{entity}: {text}");
    Ok(serde_json::from_str::<Value>(&text)?["data"].clone())
}

async fn until(server: &Server, entity: &str, want: &str) -> Result<Value> {
    eventually(entity, || async {
        let found = state(server, entity).await?;
        ensure!(found["state"] == want, "{found}");
        Ok(found)
    })
    .await
}

struct World {
    server: Server,
    hook: Hook,
    ports: (u16, u16),
    _folder: tempfile::TempDir,
}

/// A database, a service that needs it, and one alert for each.
async fn world() -> Result<World> {
    let hook = Hook::start().await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("rules.yml"), RULES)?;
    let (db, api) = (free_port()?, free_port()?);
    let config = format!(
        "global: {{ evaluation_interval: 1s }}
rule_files: [rules.yml]
probes:
- {{ name: db, target: '127.0.0.1:{db}', module: tcp_connect, interval: 300ms, failure_threshold: 2,
     entity: database/users, public: {{ title: Accounts, group: Backend }} }}
- {{ name: api, target: '127.0.0.1:{api}', module: tcp_connect, interval: 300ms, failure_threshold: 2,
     entity: service/api, depends_on: [db], labels: {{ team: core }} }}
notifications:
  route: {{ receiver: hook, group_wait: 6s, group_interval: 1s, group_by: [entity] }}
  receivers:
  - name: hook
    webhook_configs: [{{ url: '{}/ok' }}]
",
        hook.url
    );
    let server = Server::start_in(folder.path(), &config, &[]).await?;
    Ok(World {
        server,
        hook,
        ports: (db, api),
        _folder: folder,
    })
}

async fn listen(port: u16) -> Result<TcpListener> {
    Ok(TcpListener::bind(("127.0.0.1", port)).await?)
}

#[tokio::test]
async fn one_failure_is_one_notification() -> Result<()> {
    let world = world().await?;
    let World { server, hook, .. } = &world;
    let listeners = (listen(world.ports.0).await?, listen(world.ports.1).await?);
    until(server, "database/users", "up").await?;
    until(server, "service/api", "up").await?;
    drop(listeners);
    let api = until(server, "service/api", "down").await?;
    until(server, "database/users", "down").await?;
    let api = eventually("the cause", || async {
        let api_now = state(server, "service/api").await?;
        ensure!(
            api_now["causedBy"] == json!(["database/users"]),
            "{api} {api_now}"
        );
        Ok(api_now)
    })
    .await?;
    ensure!(
        api["reason"]
            .as_str()
            .context("no reason")?
            .contains("refused"),
        "{api}"
    );
    eventually("the notification", || async {
        ensure!(!told(hook, false).is_empty(), "nothing was told");
        Ok(())
    })
    .await?;
    let inhibited = eventually("the row", || async {
        let path = "/api/bellwether/v1/timeline";
        let query = [("kind", "inhibited"), ("filter", "entity=\"service/api\"")];
        let (_, text) = server.get(path, &query).await?;
        let rows: Value = serde_json::from_str(&text)?;
        let cause = rows["data"]["rows"][0]["cause"].as_str().map(str::to_owned);
        cause.with_context(|| text)
    })
    .await?;
    ensure!(
        inhibited.contains("explained by database/users"),
        "{inhibited}"
    );
    let alerts = state(server, "database/users").await?["alerts"].clone();
    ensure!(alerts[0]["labels"]["alertname"] == "EntityDown", "{alerts}");
    let _listeners = (listen(world.ports.0).await?, listen(world.ports.1).await?);
    until(server, "database/users", "up").await?;
    eventually("the end", || async {
        let told = told(hook, false);
        let want = [("database/users", "firing"), ("database/users", "resolved")];
        let want = want.map(|(entity, status)| (entity.to_owned(), status.to_owned()));
        ensure!(told == want, "{told:?}");
        Ok(())
    })
    .await?;
    // What strangers see, without signing in.
    let (_, text) = server.get("/api/bellwether/v1/public-status", &[]).await?;
    ensure!(
        text.contains("Accounts") && !text.contains("127.0.0.1"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn nobody_is_told_of_what_is_worked_on() -> Result<()> {
    let world = world().await?;
    let World { server, hook, .. } = &world;
    let _api = listen(world.ports.1).await?;
    let url = format!("{}/api/bellwether/v1/maintenance", server.url);
    let body = json!({ "probes": ["db"], "duration": "1h", "reason": "new disks" });
    let answer = server
        .client
        .post(&url)
        .body(body.to_string())
        .send()
        .await?;
    let answer: Value = serde_json::from_str(&answer.text().await?)?;
    ensure!(answer["data"]["id"] == 1, "{answer}");
    until(server, "database/users", "down").await?;
    eventually("the alert is inhibited", || async {
        let query = [("kind", "inhibited")];
        let (_, text) = server.get("/api/bellwether/v1/timeline", &query).await?;
        ensure!(text.contains("maintenance: new disks"), "{text}");
        Ok(())
    })
    .await?;
    // It fires with the other one and is about no entity: when it is told, the other one would have been.
    eventually("the marker", || async {
        ensure!(!told(hook, true).is_empty(), "it is not told");
        Ok(())
    })
    .await?;
    let told_so_far = told(hook, false);
    ensure!(told_so_far.is_empty(), "{told_so_far:?}");
    // Work is over and the database is not: now somebody has to know.
    let ended = server.client.delete(format!("{url}/1")).send().await?;
    ensure!(ended.status() == 204, "{}", ended.status());
    eventually("the notification", || async {
        let told = told(hook, false);
        ensure!(
            told == [("database/users".to_owned(), "firing".to_owned())],
            "{told:?}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn states_and_since_survive_a_restart() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let port = free_port()?;
    let config = format!(
        "probes: [{{ name: db, target: '127.0.0.1:{port}', module: tcp_connect, interval: 300ms }}]\n"
    );
    let server = Server::start_in(folder.path(), &config, &[]).await?;
    let before = until(&server, "service/db", "down").await?;
    server.kill().await?;
    let server = Server::start_in(folder.path(), &config, &[]).await?;
    let after = until(&server, "service/db", "down").await?;
    ensure!(before["since"] == after["since"], "{before} {after}");
    Ok(())
}

/// A scrape job as it is written for blackbox_exporter, with only another address.
#[tokio::test]
async fn a_scrape_job_for_blackbox_exporter_needs_only_another_address() -> Result<()> {
    let listener = listen(0).await?;
    let target = listener.local_addr()?;
    let port = free_port()?;
    let folder = tempfile::tempdir()?;
    let blackbox = "modules:\n  tcp_connect:\n    prober: tcp\n";
    std::fs::write(folder.path().join("blackbox.yml"), blackbox)?;
    let config = format!(
        "probe_modules: blackbox.yml
scrape_configs:
- job_name: blackbox
  scrape_interval: 1s
  metrics_path: /probe
  params: {{ module: [tcp_connect] }}
  static_configs: [{{ targets: ['{target}', '127.0.0.1:1'] }}]
  relabel_configs:
  - {{ source_labels: [__address__], target_label: __param_target }}
  - {{ source_labels: [__param_target], target_label: instance }}
  - {{ target_label: __address__, replacement: '127.0.0.1:{port}' }}
"
    );
    let address = format!("127.0.0.1:{port}");
    let server = Server::start_in(folder.path(), &config, &["--listen", &address]).await?;
    eventually("both are probed", || async {
        let up = server
            .value(&format!("probe_success{{instance=\"{target}\"}}"))
            .await?;
        let down = server
            .value("probe_success{instance=\"127.0.0.1:1\"}")
            .await?;
        ensure!((up, down) == (1.0, 0.0), "{up} {down}");
        Ok(())
    })
    .await?;
    let query = [("target", "127.0.0.1:1"), ("module", "nothing")];
    let (status, text) = server.get("/probe", &query).await?;
    ensure!(
        status == 400 && text.contains("Unknown module"),
        "{status} {text}"
    );
    Ok(())
}

#[tokio::test]
async fn a_probe_from_the_shell_tells_each_phase() -> Result<()> {
    let listener = listen(0).await?;
    let target = listener.local_addr()?.to_string();
    let output = run(&["probe", &target]).await?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(
        output.status.success() && text.contains("\nup after "),
        "{text}"
    );
    ensure!(text.contains("tcp_connect"), "{text}");
    let output = run(&["probe", "http://127.0.0.1:1/", "--output", "json"]).await?;
    let value: Value = serde_json::from_slice(&output.stdout)?;
    ensure!(output.status.code() == Some(1), "{value}");
    ensure!(
        value["state"] == "down" && value["phases"].is_array(),
        "{value}"
    );
    let output = run(&["probe", "ftp://a/"]).await?;
    let text = String::from_utf8(output.stderr)?;
    ensure!(
        output.status.code() == Some(2) && text.contains("--module"),
        "{text}"
    );
    // By its name: from a file, and on a server.
    let folder = tempfile::tempdir()?;
    let config = format!("probes: [{{ name: my db, target: '{target}', module: tcp_connect }}]\n");
    let config = config.replace("my db", "my-db");
    let file = folder.path().join("b.yml");
    std::fs::write(&file, &config)?;
    let file = file.display().to_string();
    let output = run(&["probe", "my-db", "--config", &file, "--verbose"]).await?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(
        output.status.success() && text.contains("up after"),
        "{text}"
    );
    let server = Server::start(&config, &[]).await?;
    let output = run(&["probe", "my-db", "--url", &server.url]).await?;
    let text = String::from_utf8(output.stdout)?;
    ensure!(
        output.status.success() && text.contains("up after"),
        "{text}"
    );
    Ok(())
}
