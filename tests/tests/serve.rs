//! The server as its operator sees it: starts, scrapes itself, reloads, restarts, stops.

use std::io::Write as _;

use anyhow::{Context, Result, ensure};
use bellwether_blackbox::peer::output;
use bellwether_blackbox::remote_write::{Sample, request};
use bellwether_blackbox::{EMPTY_CONFIG, Server, eventually, now_ms};
use tokio::process::Command;

/// A configuration that scrapes the server itself. `ADDRESS` is replaced.
const SELF: &str = "\
global: { scrape_interval: 1s }
scrape_configs:
  - job_name: self
    static_configs: [{ targets: ['ADDRESS'] }]
";

#[tokio::test]
async fn scrapes_a_target_and_answers() -> Result<()> {
    let target = Server::start(EMPTY_CONFIG, &[]).await?;
    let config = SELF.replace("ADDRESS", target.url.trim_start_matches("http://"));
    let server = Server::start(&config, &[]).await?;
    eventually("up is 1", || async {
        let up = server.value(r#"up{job="self"}"#).await?;
        ensure!(up == 1.0, "up is {up}");
        Ok(())
    })
    .await?;
    // What a scrape gave is stored before it is told.
    eventually("the target is up", || async {
        let targets = server.api("targets", &[]).await?;
        ensure!(targets["activeTargets"][0]["health"] == "up", "{targets}");
        Ok(())
    })
    .await?;
    let (status, text) = server.get("/metrics", &[]).await?;
    assert_eq!(status, 200);
    assert!(text.contains("bellwether_"), "{text}");
    // When the target goes, the server says so.
    target.kill().await?;
    eventually("up is 0", || async {
        let up = server.value(r#"up{job="self"}"#).await?;
        ensure!(up == 0.0, "up is {up}");
        Ok(())
    })
    .await?;
    assert_eq!(server.terminate().await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn a_bad_configuration_does_not_replace_a_good_one() -> Result<()> {
    let server = Server::start(
        "global: { scrape_interval: 17s }\n",
        &["--web.enable-lifecycle"],
    )
    .await?;
    std::fs::write(
        server.folder.join("bellwether.yml"),
        "global: { scrape_intervall: 18s }\n",
    )?;
    let answer = server
        .client
        .post(format!("{}/-/reload", server.url))
        .send()
        .await?;
    assert_eq!(answer.status().as_u16(), 500);
    let text = answer.text().await?;
    assert!(
        text.contains("scrape_intervall") && text.contains("scrape_interval"),
        "{text}"
    );
    let config = server.api("status/config", &[]).await?;
    assert!(
        config["yaml"]
            .as_str()
            .is_some_and(|yaml| yaml.contains("17s")),
        "{config}"
    );
    let (_, metrics) = server.get("/metrics", &[]).await?;
    assert!(
        metrics.contains("\nprometheus_config_last_reload_successful 0\n"),
        "{metrics}"
    );

    std::fs::write(
        server.folder.join("bellwether.yml"),
        "global: { scrape_interval: 19s }\n",
    )?;
    server.signal("HUP").await?;
    eventually("the new configuration is in place", || async {
        let config = server.api("status/config", &[]).await?;
        ensure!(
            config["yaml"]
                .as_str()
                .is_some_and(|yaml| yaml.contains("19s")),
            "{config}"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_missing_certificate_is_named_with_its_setting() -> Result<()> {
    let job = "scrape_configs:\n  - job_name: tls\n    scheme: https\n    scrape_interval: 1s\n    \
               tls_config: { ca_file: missing.pem }\n    \
               static_configs: [{ targets: ['127.0.0.1:1'] }]\n";
    let server = Server::start(job, &["--web.enable-lifecycle"]).await?;
    // It is said before the server is ready.
    let log = std::fs::read_to_string(server.folder.join("log"))?;
    let setting = "scrape_configs[0] (job \"tls\").tls_config.ca_file";
    ensure!(
        log.contains(setting) && log.contains("No such file"),
        "{log}"
    );
    eventually("the target says what is missing", || async {
        let targets = server.api("targets", &[]).await?;
        let error = targets["activeTargets"][0]["lastError"].as_str();
        ensure!(
            error.is_some_and(|error| error.contains("missing.pem")),
            "{targets}"
        );
        Ok(())
    })
    .await?;
    // A reload is refused, and names every job that could not scrape.
    let more = format!("{job}  - job_name: more\n    tls_config: {{ ca_file: other.pem }}\n");
    std::fs::write(server.folder.join("bellwether.yml"), more)?;
    let reload = server.client.post(format!("{}/-/reload", server.url));
    let text = reload.send().await?.text().await?;
    ensure!(
        text.contains("scrape_configs[1] (job \"more\").tls_config.ca_file"),
        "{text}"
    );
    let config = server.api("status/config", &[]).await?;
    ensure!(
        config["yaml"]
            .as_str()
            .is_some_and(|yaml| !yaml.contains("more")),
        "{config}"
    );

    let remote = "remote_write:\n  - url: https://127.0.0.1:1/write\n    name: far\n    \
                  tls_config: { ca_file: missing.pem }\n";
    let ended = Server::start(remote, &[]).await;
    let text = format!("{:#}", ended.err().context("it runs")?);
    ensure!(
        text.contains("remote_write[0] (\"far\").tls_config.ca_file"),
        "{text}"
    );
    ensure!(text.matches("No such file").count() == 1, "{text}");
    Ok(())
}

/// Samples in one request of the kill test.
const KILL_BATCH: u64 = 50;

/// Writes requests one after the other until the server is gone. Gives how many were acknowledged.
async fn write_until_gone(url: String, round: u64, begin_ms: i64) -> Result<u64> {
    let client = bellwether_blackbox::client()?;
    let ids: Vec<String> = (0..KILL_BATCH).map(|id| format!("{round}-{id}")).collect();
    let labels: Vec<[(&str, &str); 2]> = ids
        .iter()
        .map(|id| [("__name__", "kept"), ("id", id.as_str())])
        .collect();
    for number in 0u64.. {
        let sample = |labels| Sample {
            labels,
            time_ms: begin_ms + number as i64,
            value: number as f64,
        };
        let samples: Vec<Sample<'_>> = labels.iter().map(|labels| sample(&labels[..])).collect();
        let request = client
            .post(format!("{url}/api/v1/write"))
            .header("Content-Encoding", "snappy")
            .header("Content-Type", "application/x-protobuf")
            .body(request(&samples));
        match request.send().await {
            Ok(answer) => ensure!(answer.status().as_u16() == 204, "{}", answer.text().await?),
            Err(_) => return Ok(number),
        }
    }
    Ok(u64::MAX)
}

#[tokio::test]
async fn what_was_acknowledged_survives_kill_under_load() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let begin_ms = now_ms() - 600_000;
    let rounds = std::env::var("BELLWETHER_KILL_ROUNDS")
        .ok()
        .and_then(|n| n.parse().ok());
    let mut acknowledged = Vec::new();
    for round in 0..rounds.unwrap_or(5u64) {
        let server = Server::start_in(folder.path(), EMPTY_CONFIG, &[]).await?;
        let writer = tokio::spawn(write_until_gone(server.url.clone(), round, begin_ms));
        // Somewhere in the middle of a write: how far it has come differs from round to round.
        let wanted = (round * 7 % 23 + 3) * KILL_BATCH;
        let so_far = format!(r#"sum(count_over_time(kept{{id=~"{round}-.*"}}[1h])) >= {wanted}"#);
        eventually("the writer has come so far", || async {
            server.value(&so_far).await
        })
        .await?;
        server.kill().await?;
        acknowledged.push(writer.await??);
    }
    let check = async |server: &Server| -> Result<()> {
        for (round, requests) in acknowledged.iter().enumerate() {
            // Each series has every acknowledged sample once, and at most the one in flight.
            let selector = format!(r#"kept{{id=~"{round}-.*"}}[1h]"#);
            let counts = server
                .query(&format!("count_over_time({selector})"))
                .await?;
            assert_eq!(counts.len() as u64, KILL_BATCH, "round {round}");
            for one in counts {
                let count: u64 = one["value"][1].as_str().unwrap_or_default().parse()?;
                let allowed = *requests..=requests + 1;
                assert!(
                    allowed.contains(&count),
                    "round {round}: {count}, not in {allowed:?}"
                );
            }
            let highest = server
                .value(&format!("min(max_over_time({selector}))"))
                .await?;
            assert!(
                highest + 1.0 >= *requests as f64,
                "round {round}: the last is {highest}"
            );
        }
        Ok(())
    };
    let server = Server::start_in(folder.path(), EMPTY_CONFIG, &[]).await?;
    check(&server).await?;
    assert_eq!(server.terminate().await?, Some(0));
    // An orderly end keeps everything too.
    let server = Server::start_in(folder.path(), EMPTY_CONFIG, &[]).await?;
    check(&server).await
}

#[tokio::test]
async fn errors_have_the_envelope_of_prometheus() -> Result<()> {
    let server = Server::start(EMPTY_CONFIG, &[]).await?;
    let (status, body) = server.get("/api/v1/query", &[("query", "sum(")]).await?;
    assert_eq!(status, 400);
    let answer: serde_json::Value = serde_json::from_str(&body)?;
    assert_eq!(answer["status"], "error");
    assert_eq!(answer["errorType"], "bad_data");
    assert!(
        answer["error"]
            .as_str()
            .is_some_and(|e| e.contains("parse error")),
        "{body}"
    );
    // Damaged snappy, and a body that claims to be 4 GiB.
    let (status, text) = server.write(vec![5, 0xff, 0xff]).await?;
    assert_eq!(status, 400, "{text}");
    let (status, text) = server.write(vec![0xff, 0xff, 0xff, 0xff, 0x0f, 1]).await?;
    assert_eq!(status, 413, "{text}");
    // A page of another origin, in somebody's browser, changes nothing.
    let import = format!("{}/api/bellwether/v1/import", server.url);
    let foreign = server
        .client
        .post(import)
        .header("Origin", "http://evil.example")
        .body("a 1 1\n# EOF\n");
    assert_eq!(foreign.send().await?.status().as_u16(), 403);
    let (status, text) = server.get("/no/such/page", &[]).await?;
    assert_eq!(status, 404, "{text}");
    Ok(())
}

#[tokio::test]
async fn an_open_address_needs_auth_or_consent() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("bellwether.yml");
    std::fs::write(&config, EMPTY_CONFIG)?;
    let arguments = [
        "serve",
        "--config",
        config.to_str().unwrap_or(""),
        "--listen",
        "0.0.0.0:0",
    ];
    let output = bellwether_blackbox::run(&arguments).await?;
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("--insecure-listen") && text.contains("0.0.0.0"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn a_signal_while_the_server_starts_is_heeded_when_it_has() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let config = folder.path().join("bellwether.yml");
    std::fs::write(&config, EMPTY_CONFIG)?;
    // The start waits for what is written into this pipe.
    let notifications = folder.path().join("alertmanager.yml");
    output(Command::new("mkfifo").arg(&notifications)).await?;
    let mut pipe = std::fs::File::options()
        .read(true)
        .write(true)
        .open(&notifications)?;
    let address = format!("127.0.0.1:{}", bellwether_blackbox::free_port()?);
    let mut server = Command::new(bellwether_blackbox::binary()?)
        .arg("serve")
        .arg("--config")
        .arg(config)
        .arg("--data")
        .arg(folder.path().join("data"))
        .arg("--alertmanager-config")
        .arg(&notifications)
        .args(["--listen", &address])
        .kill_on_drop(true)
        .spawn()?;
    let pid = server.id().context("the server is gone")?.to_string();
    eventually("it listens, and is not ready", || async {
        Ok(tokio::net::TcpStream::connect(&address).await?)
    })
    .await?;
    output(Command::new("kill").arg(pid)).await?;
    pipe.write_all(b"route: { receiver: none }\nreceivers: [{ name: none }]\n")?;
    drop(pipe);
    let status = server.wait().await?;
    ensure!(status.success(), "{status}");
    Ok(())
}
